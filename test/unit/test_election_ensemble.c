/* Fast leader election in whole ensembles: servers in memory whose network delays, reorders and
 * loses, which die and come back. One machine alone: test_election.c. */
#include "zookeeper/core/election.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FINALIZE_MS 200
#define SERVERS_MAX 9

/* `voters` servers and then `observers`. */
static struct quorum_config *config_with(int voters, int observers)
{
    char text[2048];
    size_t len = 0;
    for (int id = 1; id <= voters + observers; id++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "server.%d=h%d:2888:3888:%s\n", id,
                                id, id <= voters ? "participant" : "observer");
    }
    struct quorum_config *config;
    int error = quorum_config_parse(slice_of(text, len), &config, NULL, 0);
    assert_int_equal(error, 0);
    return config;
}

#define MESSAGES_MAX 4096
#define LEADER_PATIENCE_MS 600

struct message {
    uint64_t at_ms;
    uint64_t order;
    int64_t from;
    int64_t to;
    size_t len;
    uint8_t bytes[1200];
};

struct member {
    bool is_up;
    struct election_config config;
    struct election election;
    int64_t zxid;
    int64_t epoch;
    uint64_t settled_ms;
};

/* Servers 1..count; the network delays each message by 0..delay_ms and loses `loss` percent of
 * them (the connection then comes up again). */
struct world {
    struct random random;
    struct quorum_config *members;
    struct member member[SERVERS_MAX + 1];
    struct zk_outbox outbox;
    struct message *messages;
    size_t message_count;
    int64_t count;
    uint64_t now_ms;
    uint64_t delay_ms;
    uint64_t loss;
    uint64_t order;
    int64_t voters;
};

static void world_send(struct world *world, int64_t from)
{
    for (size_t i = 0; i < world->outbox.count; i++) {
        const struct zk_effect *effect = &world->outbox.effects[i];
        int64_t to = effect->server_id;
        struct slice bytes = zk_effect_bytes(&world->outbox, effect);
        if (!world->member[to].is_up) {
            election_peer_down(&world->member[from].election, to, world->now_ms);
            continue;
        }
        assert_true(world->message_count < MESSAGES_MAX);
        struct message *message = &world->messages[world->message_count++];
        assert_true(bytes.len <= sizeof message->bytes);
        message->at_ms = world->now_ms + random_below(&world->random, world->delay_ms + 1);
        message->order = world->order++;
        message->from = from;
        message->to = to;
        message->len = bytes.len;
        memcpy(message->bytes, bytes.ptr, bytes.len);
    }
    zk_outbox_clear(&world->outbox);
}

static void world_start(struct world *world, int64_t id)
{
    struct member *member = &world->member[id];
    election_start(&member->election, world->members, member->zxid, member->epoch, world->now_ms,
                   &world->outbox);
    world_send(world, id);
}

static void world_outcome(struct world *world, int64_t id, enum election_outcome outcome)
{
    struct member *member = &world->member[id];
    election_check(&member->election);
    if (outcome == ELECTION_DECIDED) {
        member->settled_ms = world->now_ms;
        election_settle(&member->election, member->election.state, member->election.vote.peer_epoch,
                        &world->outbox);
    }
    world_send(world, id);
}

/* A follower whose leader does not lead, a leader that no quorum follows: they give up. */
static void world_supervise(struct world *world, int64_t id)
{
    struct member *member = &world->member[id];
    if (member->election.is_looking || world->now_ms - member->settled_ms < LEADER_PATIENCE_MS) {
        return;
    }
    int64_t leader = member->election.vote.leader;
    int64_t ids[SERVERS_MAX];
    size_t count = 0;
    for (int64_t other = 1; other <= world->count; other++) {
        const struct election *election = &world->member[other].election;
        if (world->member[other].is_up && !election->is_looking &&
            election->vote.leader == leader) {
            ids[count++] = other;
        }
    }
    bool leads = world->member[leader].is_up && !world->member[leader].election.is_looking &&
                 world->member[leader].election.vote.leader == leader;
    if (!leads || !quorum_config_is_quorum(world->members, ids, count)) {
        world_start(world, id);
    }
}

static void world_deliver(struct world *world, const struct message *message)
{
    struct member *to = &world->member[message->to];
    struct notification n;
    if (!to->is_up || !world->member[message->from].is_up) {
        return;
    }
    if (random_below(&world->random, 100) < world->loss) {
        election_peer_up(&world->member[message->from].election, message->to, &world->outbox);
        world_send(world, message->from);
        return;
    }
    int error = election_decode(message->from, slice_of(message->bytes, message->len), &n);
    assert_int_equal(error, 0);
    world_outcome(world, message->to,
                  election_notified(&to->election, &n, world->now_ms, &world->outbox));
}

/* Until the time; one millisecond at a time. */
static void world_run(struct world *world, uint64_t until_ms)
{
    for (; world->now_ms < until_ms; world->now_ms++) {
        for (;;) {
            size_t best = SIZE_MAX;
            for (size_t i = 0; i < world->message_count; i++) {
                const struct message *m = &world->messages[i];
                if (m->at_ms <= world->now_ms &&
                    (best == SIZE_MAX || m->at_ms < world->messages[best].at_ms)) {
                    best = i;
                }
            }
            if (best == SIZE_MAX) {
                break;
            }
            struct message message = world->messages[best];
            world->messages[best] = world->messages[--world->message_count];
            world_deliver(world, &message);
        }
        for (int64_t id = 1; id <= world->count; id++) {
            struct member *member = &world->member[id];
            if (member->is_up && election_deadline(&member->election) <= world->now_ms) {
                world_outcome(world, id,
                              election_tick(&member->election, world->now_ms, &world->outbox));
            }
            if (member->is_up) {
                world_supervise(world, id);
            }
        }
    }
}

static void world_open(struct world *world, int voters, int observers, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    random_init(&world->random, seed);
    world->members = config_with(voters, observers);
    world->count = voters + observers;
    world->voters = voters;
    world->messages = mem_alloc(MESSAGES_MAX * sizeof *world->messages);
    zk_outbox_init(&world->outbox);
    for (int64_t id = 1; id <= world->count; id++) {
        world->member[id].config = (struct election_config){.server_id = id,
                                                            .finalize_ms = FINALIZE_MS,
                                                            .notification_ms = 200,
                                                            .notification_max_ms = 60000};
    }
}

static void world_kill(struct world *world, int64_t id)
{
    world->member[id].is_up = false;
    election_release(&world->member[id].election);
}

static void world_boot(struct world *world, int64_t id)
{
    struct member *member = &world->member[id];
    member->is_up = true;
    election_init(&member->election, &member->config);
    world_start(world, id);
    for (int64_t other = 1; other <= world->count; other++) {
        if (other != id && world->member[other].is_up) {
            election_peer_up(&world->member[other].election, id, &world->outbox);
            world_send(world, other);
        }
    }
}

static void world_close(struct world *world)
{
    for (int64_t id = 1; id <= world->count; id++) {
        if (world->member[id].is_up) {
            world_kill(world, id);
        }
    }
    quorum_config_drop(world->members);
    mem_free(world->messages, MESSAGES_MAX * sizeof *world->messages);
    zk_outbox_release(&world->outbox);
}

/* The leader whom all who are up follow; 0: they do not. */
static int64_t world_leader(const struct world *world)
{
    int64_t leader = 0;
    for (int64_t id = 1; id <= world->count; id++) {
        const struct election *election = &world->member[id].election;
        if (!world->member[id].is_up) {
            continue;
        }
        if (election->is_looking || (leader != 0 && election->vote.leader != leader)) {
            return 0;
        }
        leader = election->vote.leader;
    }
    return leader;
}

/* The seed scenario. */
static void test_five_started_one_after_another(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 5, 0, 1);
    world.delay_ms = 3;
    for (int64_t id = 1; id <= 5; id++) {
        world_boot(&world, id);
        world_run(&world, world.now_ms + 1000);
        assert_int_equal(world_leader(&world), id < 3 ? 0 : 3);
    }
    /* the survivors elect by epoch, then zxid, then id */
    static const struct {
        int64_t epoch[3];
        int64_t zxid[3];
        int64_t leader;
    } cases[] = {
        {{1, 1, 1}, {7, 7, 7}, 4},
        {{1, 1, 1}, {7, 9, 8}, 2},
        {{2, 1, 1}, {3, 9, 9}, 1},
    };
    static const int64_t survivors[] = {1, 2, 4};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_kill(&world, 3);
        world_kill(&world, 5);
        for (size_t j = 0; j < 3; j++) {
            world.member[survivors[j]].epoch = cases[i].epoch[j];
            world.member[survivors[j]].zxid = cases[i].zxid[j];
            world_start(&world, survivors[j]); /* they lost their leader */
        }
        uint64_t began_ms = world.now_ms;
        while (world_leader(&world) == 0) {
            world_run(&world, world.now_ms + 1);
        }
        assert_int_equal(world_leader(&world), cases[i].leader);
        /* no timer is waited out: everyone who lives was heard, the others are known to be dead */
        assert_true(world.now_ms - began_ms < 20);
        world_boot(&world, 3);
        world_boot(&world, 5);
        world_run(&world, world.now_ms + 1000);
        assert_int_equal(world_leader(&world), cases[i].leader);
    }
    world_close(&world);
}

static int64_t compare_members(const struct member *a, const struct member *b)
{
    int64_t order = a->epoch - b->epoch;
    order = order != 0 ? order : a->zxid - b->zxid;
    return order != 0 ? order : a->config.server_id - b->config.server_id;
}

/* Z-INV13: the leader's (epoch, zxid, id) is the best of a quorum; and there is one in the end. */
static void run_random_ensemble(uint64_t seed)
{
    struct world world;
    struct random random;
    random_init(&random, seed);
    int voters = 1 + (int)random_below(&random, 7);
    int observers = (int)random_below(&random, 3);
    world_open(&world, voters, observers, seed);
    world.delay_ms = 1 + random_below(&random, random_chance(&random, 1, 4) ? 500 : 20);
    world.loss = random_chance(&random, 1, 2) ? 0 : random_below(&random, 40);
    for (int64_t id = 1; id <= world.count; id++) {
        world.member[id].epoch = (int64_t)random_below(&random, 3);
        world.member[id].zxid = (int64_t)random_below(&random, 3);
        world_boot(&world, id);
        world_run(&world, world.now_ms + random_below(&random, 300));
    }
    for (int i = 0; i < 3; i++) {
        int64_t id = 1 + (int64_t)random_below(&random, (uint64_t)world.count);
        world_kill(&world, id);
        world_run(&world, world.now_ms + random_below(&random, 2000));
        world_boot(&world, id);
        world_run(&world, world.now_ms + random_below(&random, 500));
    }
    world.loss = 0;
    for (int i = 0; i < 100 && world_leader(&world) == 0; i++) {
        world_run(&world, world.now_ms + 1000);
    }
    int64_t leader = world_leader(&world);
    if (leader == 0) {
        fail_msg("seed %llu: no leader", (unsigned long long)seed);
    }
    assert_true(leader <= voters);
    int64_t ids[SERVERS_MAX];
    size_t count = 0;
    for (int64_t id = 1; id <= voters; id++) {
        if (compare_members(&world.member[id], &world.member[leader]) <= 0) {
            ids[count++] = id;
        }
    }
    assert_true(quorum_config_is_quorum(world.members, ids, count));
    world_close(&world);
}

static void test_random_ensembles(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        run_random_ensemble(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_started_one_after_another),
        cmocka_unit_test(test_random_ensembles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
