/* A random walk of the group coordinator: clients that follow the protocol, forget it, come back
 * under old ids and generations; a log that commits late, refuses, is cut by crashes. After each
 * step the coordinator checks itself (world_step); here stand the invariants over time (reference
 * reliability.md 3, G1 to G4) against a model that sees requests and answers alone:
 *
 *   G1  a generation has one leader, and each of its members one assignment, which that leader gave
 *   G2  a commit is taken from a member of the generation, or from anybody while the group is
 * empty; what was acknowledged is what is read, also after a crash G3  the offsets of subscribed
 * topics of a group with members never expire G4  when clients go silent every group empties in
 * bounded time, and every call is answered once
 *
 * and the log read anew gives the same state (digest, and members of stable groups).
 */
#include "unit/support_kafka_group.h"

#include "kafka/core/group_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEEDS 60
#define STEPS 700
#define CLIENTS 7
#define GROUPS 2
#define PARTITIONS 3
#define GHOSTS_MAX 4096
#define LONGEST_WAIT_MS 2000000

static const char *const group_names[GROUPS] = {"g", "h"};

struct client {
    const char *group;
    const char *instance; /* NULL: dynamic */
    char member[WORLD_TEXT_MAX];
    int32_t generation;
    bool leads;
    char others[WORLD_MEMBERS_MAX][WORLD_TEXT_MAX]; /* the leader's members */
    int32_t other_count;
    size_t call;              /* join or sync under way, 0 */
    int32_t asked_generation; /* of the sync */
    bool is_sync;
};

/* What a generation of a group was told. */
struct ghost {
    uint64_t incarnation;
    const char *group;
    int32_t generation;
    char member[WORLD_TEXT_MAX]; /* "": the leader's line */
    char text[WORLD_TEXT_MAX];
};

struct walk {
    struct world world;
    struct client clients[CLIENTS];
    struct ghost *ghosts;
    size_t ghost_count;
    uint64_t incarnations[GROUPS]; /* the test's own: grows when a group is deleted */
    int64_t next_offset;
    int64_t acked[GROUPS][PARTITIONS]; /* newest acknowledged commit; -1: none, or deleted */
    struct {
        size_t call;
        size_t group;
        int32_t partition;
        int64_t offset;
    } commits[WORLD_CALLS_MAX]; /* not answered yet */
    size_t commit_count;
    size_t marks[8];
};

static struct walk walk;

static uint64_t below(uint64_t bound)
{
    return random_below(&walk.world.random, bound);
}

static size_t group_index(const char *group)
{
    return group == group_names[0] ? 0 : 1;
}

static void remember(const char *group, int32_t generation, const char *member, const char *text)
{
    uint64_t incarnation = walk.incarnations[group_index(group)];
    for (size_t i = 0; i < walk.ghost_count; i++) {
        const struct ghost *ghost = &walk.ghosts[i];
        if (ghost->incarnation == incarnation && ghost->group == group &&
            ghost->generation == generation && strcmp(ghost->member, member) == 0) {
            assert_string_equal(ghost->text, text); /* G1 */
            return;
        }
    }
    assert_true(walk.ghost_count < GHOSTS_MAX);
    struct ghost *ghost = &walk.ghosts[walk.ghost_count];
    ghost->incarnation = incarnation;
    ghost->group = group;
    ghost->generation = generation;
    (void)snprintf(ghost->member, sizeof ghost->member, "%s", member);
    (void)snprintf(ghost->text, sizeof ghost->text, "%s", text);
    walk.ghost_count += 1;
}

/* ---- what came back -------------------------------------------------------------------------- */

static void took_join(struct client *client, const struct world_answer *answer)
{
    if (answer->error == KAFKA_ERROR_MEMBER_ID_REQUIRED) {
        (void)snprintf(client->member, sizeof client->member, "%s", answer->member_id);
        return;
    }
    if (answer->error != 0) {
        if (answer->error == KAFKA_ERROR_UNKNOWN_MEMBER_ID ||
            answer->error == KAFKA_ERROR_FENCED_INSTANCE_ID) {
            client->member[0] = '\0';
        }
        return;
    }
    walk.marks[0] += 1;
    (void)snprintf(client->member, sizeof client->member, "%s", answer->member_id);
    client->generation = answer->generation;
    client->leads = strcmp(answer->leader, answer->member_id) == 0 && !answer->skip_assignment;
    client->other_count = answer->member_count;
    for (int32_t i = 0; i < answer->member_count; i++) {
        (void)snprintf(client->others[i], WORLD_TEXT_MAX, "%s", answer->members[i]);
    }
}

static void took_sync(struct client *client, const struct world_answer *answer)
{
    if (answer->error != 0) {
        return;
    }
    walk.marks[1] += 1;
    if (client->instance == NULL) {
        /* Static members' ids change within a generation; their assignments go on under new ones.
         */
        remember(client->group, client->asked_generation, client->member, answer->assignment);
    }
    char expected[WORLD_TEXT_MAX];
    (void)snprintf(expected, sizeof expected, "%s.%d", client->group, client->asked_generation);
    if (answer->assignment[0] != '\0') {
        assert_string_equal(answer->assignment, expected); /* of this generation's leader */
    }
}

static void look_at_answers(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &walk.clients[i];
        if (client->call != 0 && walk.world.answers[client->call].is_answered) {
            const struct world_answer *answer = &walk.world.answers[client->call];
            client->call = 0;
            if (client->is_sync) {
                took_sync(client, answer);
            } else {
                took_join(client, answer);
            }
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < walk.commit_count; i++) {
        const struct world_answer *answer = &walk.world.answers[walk.commits[i].call];
        if (!answer->is_answered) {
            walk.commits[kept] = walk.commits[i];
            kept += 1;
        } else if (answer->error == 0) {
            walk.marks[2] += 1;
            walk.acked[walk.commits[i].group][walk.commits[i].partition] = walk.commits[i].offset;
        }
    }
    walk.commit_count = kept;
}

/* ---- G2: what was acknowledged is there ------------------------------------------------------ */

/* A later commit may be committed already and its answer lost with a crash, or late. */
static void check_acknowledged(void)
{
    for (size_t g = 0; g < GROUPS; g++) {
        for (int32_t p = 0; p < PARTITIONS; p++) {
            int64_t offset = world_fetch(&walk.world, group_names[g], "t", p, false);
            if (offset < walk.acked[g][p]) {
                print_message("group %s partition %d: read %lld, acknowledged %lld\n",
                              group_names[g], p, (long long)offset, (long long)walk.acked[g][p]);
            }
            assert_true(offset >= walk.acked[g][p]);
        }
    }
}

/* ---- what clients do ------------------------------------------------------------------------- */

static void do_join(struct client *client)
{
    static const char *const protocols[] = {"range=m", "range=m,coop=n", "coop=k,range=l"};
    struct world_join join = {
        .group = client->group,
        .member = client->member,
        .instance = client->instance,
        .protocols = protocols[below(ARRAY_LEN(protocols))],
        .version = (int16_t)below(10),
        .session_ms = 6000 + (int32_t)below(20000),
        .rebalance_ms = 1000 + (int32_t)below(60000),
    };
    if (below(8) == 0) {
        join.member = "";
    }
    if (join.version < 5 && join.instance != NULL) {
        join.version = 5;
    }
    client->is_sync = false;
    client->call = world_join(&walk.world, join);
}

static void do_sync(struct client *client)
{
    char assignments[WORLD_MEMBERS_MAX * (WORLD_TEXT_MAX + 16)] = "";
    size_t at = 0;
    client->is_sync = true;
    client->asked_generation = client->generation - (below(20) == 0 ? 1 : 0);
    if (client->leads) {
        for (int32_t i = 0; i < client->other_count; i++) {
            at += (size_t)snprintf(assignments + at, sizeof assignments - at, "%s%s=%s.%d",
                                   at == 0 ? "" : ",", client->others[i], client->group,
                                   client->asked_generation);
        }
    }
    client->call = world_sync(&walk.world, client->group, client->member, client->instance,
                              client->asked_generation, assignments);
}

static void do_commit(struct client *client)
{
    size_t g = group_index(client->group);
    int32_t partition = (int32_t)below(PARTITIONS);
    bool is_simple = below(6) == 0;
    int32_t generation = is_simple ? -1 : client->generation - (below(10) == 0 ? 1 : 0);
    const char *member = is_simple ? "" : client->member;
    const char *instance = is_simple ? NULL : client->instance;
    /* G2, by the book, before it is asked. */
    const struct group *group = group_find(&walk.world.coordinator, slice_of_cstr(client->group));
    const struct group_member *known = group == NULL
                                           ? NULL
                                           : group_member_find(group, slice_of_cstr(member));
    bool may = group == NULL || group->state == GROUP_EMPTY ? generation < 0
               : group->state == GROUP_STABLE || group->state == GROUP_PREPARING_REBALANCE
                   ? known != NULL && generation == group->generation
                   : false;
    char what[64];
    walk.next_offset += 1;
    (void)snprintf(what, sizeof what, "t:%d=%lld", partition, (long long)walk.next_offset);
    size_t call = world_offset_commit(
        &walk.world,
        (struct world_commit){client->group, member, instance, generation, what, "", -1});
    const struct world_answer *answer = &walk.world.answers[call];
    assert_true(may || (answer->is_answered && answer->error != 0));
    walk.commits[walk.commit_count].call = call;
    walk.commits[walk.commit_count].group = g;
    walk.commits[walk.commit_count].partition = partition;
    walk.commits[walk.commit_count].offset = walk.next_offset;
    walk.commit_count += 1;
}

static void forget_group(size_t g)
{
    walk.incarnations[g] += 1;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        walk.acked[g][p] = -1;
    }
    /* Commits that are under way may stand before the tombstones. */
    for (size_t i = 0; i < walk.commit_count; i++) {
        if (walk.commits[i].group == g) {
            walk.commits[i].offset = -1;
        }
    }
}

static void do_delete(void)
{
    size_t g = below(GROUPS);
    if (below(2) == 0) {
        size_t call = world_delete_group(&walk.world, group_names[g]);
        const struct world_answer *answer = &walk.world.answers[call];
        if (!answer->is_answered || answer->error == 0) {
            walk.marks[3] += 1;
            forget_group(g);
        }
    } else if (strcmp(world_state(&walk.world, group_names[g]), "Empty") == 0) {
        (void)world_offset_delete(&walk.world, group_names[g], "t:0");
        forget_group(g); /* it may have been the last one */
    }
}

static void do_crash(void)
{
    size_t lost = walk.world.append_count == 0 ? 0 : below(walk.world.append_count + 1);
    world_crash(&walk.world, lost);
    walk.marks[4] += 1;
    walk.commit_count = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        walk.clients[i].call = 0;
    }
    /* Deletions and generations that were not committed never were: the model starts from what the
     * log says of deleted groups. */
    for (size_t g = 0; g < GROUPS; g++) {
        if (strcmp(world_state(&walk.world, group_names[g]), "Dead") == 0) {
            forget_group(g);
        }
    }
}

static void client_acts(struct client *client)
{
    uint64_t dice = below(100);
    if (client->call != 0 && dice < 90) {
        return; /* it waits */
    }
    client->call = 0; /* or its connection dies */
    if (client->member[0] == '\0' || dice < 25) {
        do_join(client);
    } else if (dice < 60) {
        do_sync(client);
    } else if (dice < 75) {
        (void)world_heartbeat(&walk.world, client->group, client->member, client->instance,
                              client->generation);
    } else if (dice < 96) {
        do_commit(client);
    } else {
        char leaving[2 * WORLD_TEXT_MAX];
        (void)snprintf(leaving, sizeof leaving, "%s%s%s", client->member,
                       client->instance == NULL ? "" : "/",
                       client->instance == NULL ? "" : client->instance);
        (void)world_leave(&walk.world, client->group, leaving, 4);
        client->member[0] = '\0';
    }
}

/* ---- the log, read anew ---------------------------------------------------------------------- */

static void check_same_group(const struct group *live, const struct group *loaded)
{
    if (live->state != GROUP_STABLE && live->state != GROUP_EMPTY) {
        return;
    }
    /* Nobody retries the record of an empty group that the log refused: the generation before comes
     * back, and its members time out. */
    if (live->state == GROUP_EMPTY && loaded->generation < live->generation &&
        walk.world.notes[GROUP_NOTE_STORE_FAILED] > 0) {
        return;
    }
    assert_int_equal(loaded->member_count, live->member_count);
    LIST_FOR_EACH(link, &live->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        const struct group_member *same = group_member_find(loaded, member->id);
        assert_non_null(same);
        assert_true(slice_equal(same->assignment, member->assignment));
        assert_true(slice_equal(same->instance_id, member->instance_id));
    }
    if (live->member_count > 0) {
        assert_int_equal(loaded->generation, live->generation);
        assert_true(slice_equal(loaded->leader->id, live->leader->id));
        assert_true(slice_equal(loaded->protocol_name, live->protocol_name));
    }
}

static void check_replay(void)
{
    struct group_coordinator loaded;
    if (walk.world.append_count > 0) {
        return;
    }
    world_load(&walk.world, &loaded);
    assert_true(group_coordinator_digest(&loaded) ==
                group_coordinator_digest(&walk.world.coordinator));
    for (size_t g = 0; g < GROUPS; g++) {
        struct slice name = slice_of_cstr(group_names[g]);
        const struct group *live = group_find(&walk.world.coordinator, name);
        const struct group *again = group_find(&loaded, name);
        if (live != NULL && again != NULL && again->has_record) {
            check_same_group(live, again);
        }
    }
    walk.marks[5] += 1;
    group_coordinator_release(&loaded);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void begin(uint64_t seed)
{
    struct ghost *ghosts = walk.ghosts;
    size_t marks[ARRAY_LEN(walk.marks)];
    memcpy(marks, walk.marks, sizeof marks);
    memset(&walk, 0, sizeof walk);
    memcpy(walk.marks, marks, sizeof marks);
    walk.ghosts = ghosts;
    world_init(&walk.world, seed);
    walk.world.config.initial_rebalance_delay_ms = (int32_t)below(2) * 3000;
    walk.world.config.max_size = below(3) == 0 ? 3 : INT32_MAX;
    world_crash(&walk.world, 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        walk.clients[i].group = group_names[i % GROUPS];
        walk.clients[i].instance = i == 4 || i == 5 ? "one" : i == 6 ? "two" : NULL;
    }
    for (size_t g = 0; g < GROUPS; g++) {
        for (int32_t p = 0; p < PARTITIONS; p++) {
            walk.acked[g][p] = -1;
        }
    }
}

static void disturb(void)
{
    uint64_t dice = below(100);
    if (dice < 30) {
        world_pass(&walk.world, below(9000));
    } else if (dice < 70) {
        world_commit(&walk.world, 1 + below(3));
    } else if (dice < 76) {
        walk.world.commits_at_once = !walk.world.commits_at_once;
        if (walk.world.commits_at_once) {
            world_commit(&walk.world, walk.world.append_count);
        }
    } else if (dice < 79 && walk.world.append_count > 0) {
        world_time_out(&walk.world, below(walk.world.append_count));
    } else if (dice < 82) {
        walk.world.append_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    } else if (dice < 85) {
        do_delete();
    } else if (dice < 86) {
        do_crash();
    } else if (dice < 87) {
        check_replay();
    }
}

/* G4: nobody speaks any more, the log is well. */
static void settle(void)
{
    walk.world.append_error = 0;
    walk.world.commits_at_once = true;
    world_commit(&walk.world, walk.world.append_count);
    world_pass(&walk.world, LONGEST_WAIT_MS);
    look_at_answers();
    for (size_t call = 1; call <= walk.world.call_count; call++) {
        assert_true(!walk.world.answers[call].is_asked || walk.world.answers[call].is_answered);
    }
    for (size_t g = 0; g < GROUPS; g++) {
        const char *state = world_state(&walk.world, group_names[g]);
        assert_true(strcmp(state, "Empty") == 0 || strcmp(state, "Dead") == 0);
    }
    check_replay();
}

static void test_random_walks(void **state)
{
    (void)state;
    walk.ghosts = calloc(GHOSTS_MAX, sizeof walk.ghosts[0]);
    assert_non_null(walk.ghosts);
    const char *only = getenv("SEED");
    uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
    for (uint64_t seed = first; seed < first + (only == NULL ? SEEDS : 1); seed++) {
        begin(seed); /* SEED=n plays one alone */
        for (int step = 0; step < STEPS; step++) {
            if (below(3) > 0) {
                client_acts(&walk.clients[below(CLIENTS)]);
            } else {
                disturb();
            }
            look_at_answers();
            check_acknowledged();
        }
        settle();
        world_release(&walk.world);
    }
    free(walk.ghosts);
    /* A walk that meets nothing proves nothing: joins, syncs, commits, deletions, crashes, replays.
     */
    for (size_t i = 0; only == NULL && i < 6; i++) {
        assert_true(walk.marks[i] > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
