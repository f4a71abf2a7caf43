/* The group coordinator's tables: every request in every state, answered as Apache's broker 3.9
 * does (GroupCoordinatorTest's cases and KafkaApis). */
#include "unit/support_kafka_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
    NONE = KAFKA_ERROR_NONE,
    WAITS = 1000 /* no answer yet */
};

static struct world world;
static char leader[WORLD_TEXT_MAX];   /* a member of the group, its leader */
static char follower[WORLD_TEXT_MAX]; /* another */
static int32_t generation;

static size_t join(const char *member, const char *instance)
{
    return world_join(&world, (struct world_join){.group = "g",
                                                  .member = member,
                                                  .instance = instance,
                                                  .protocols = "range=m",
                                                  .version = 9});
}

/* Two members, a dynamic leader "leader" and a static follower with instance "i", in a group that
 * is brought to the state. */
static void bring_to(enum group_state state)
{
    world_init(&world, 1);
    generation = 0;
    (void)snprintf(leader, sizeof leader, "%s", "nobody");
    (void)snprintf(follower, sizeof follower, "%s", "nobody");
    if (state == GROUP_EMPTY || state == GROUP_DEAD) {
        /* It had a member once. */
        const struct world_answer *first = world_answer(&world, join("", NULL));
        (void)snprintf(leader, sizeof leader, "%s", first->member_id);
        size_t call = join(leader, NULL);
        world_pass(&world, 1);
        generation = world_answer(&world, call)->generation;
        (void)world_leave(&world, "g", leader, 4);
        generation += 1;
        if (state == GROUP_DEAD) {
            (void)world_offset_commit(&world,
                                      (struct world_commit){"g", "", NULL, -1, "t:0=1", "", -1});
            world.commits_at_once = false;
            (void)world_delete_group(&world, "g");
        }
        return;
    }
    const struct world_answer *first = world_answer(&world, join("", NULL));
    (void)snprintf(leader, sizeof leader, "%s", first->member_id);
    size_t leading = join(leader, NULL);
    size_t following = join("", "i");
    world_pass(&world, 1);
    generation = world_answer(&world, leading)->generation;
    (void)snprintf(follower, sizeof follower, "%s", world_answer(&world, following)->member_id);
    assert_string_equal(world_answer(&world, following)->leader, leader);
    if (state == GROUP_STABLE) {
        char assignments[512];
        (void)snprintf(assignments, sizeof assignments, "%s=a,%s=b", leader, follower);
        (void)world_sync(&world, "g", leader, NULL, generation, assignments);
        size_t synced = world_sync(&world, "g", follower, "i", generation, "");
        assert_string_equal(world_answer(&world, synced)->assignment, "b");
    } else if (state == GROUP_PREPARING_REBALANCE) {
        /* A third one comes, and the others do not join again. */
        const struct world_answer *third = world_answer(&world, join("", NULL));
        assert_false(world.answers[join(third->member_id, NULL)].is_answered);
    }
}

static int16_t outcome(size_t call)
{
    return world.answers[call].is_answered ? world_answer(&world, call)->error : (int16_t)WAITS;
}

enum who {
    NOBODY,
    STRANGER,
    LEADER,
    FOLLOWER,
    FENCED,          /* the follower's instance id with another member id */
    UNKNOWN_INSTANCE /* a member's id with an instance id that nobody has */
};

static const char *member_of(enum who who)
{
    return who == NOBODY     ? ""
           : who == STRANGER ? "stranger"
           : who == LEADER   ? leader
           : who == FENCED   ? "stranger"
                             : follower;
}

static const char *instance_of(enum who who)
{
    return who == FOLLOWER || who == FENCED ? "i" : who == UNKNOWN_INSTANCE ? "j" : NULL;
}

enum request {
    JOIN,
    SYNC,
    SYNC_OLD, /* under the generation before */
    HEARTBEAT,
    HEARTBEAT_OLD,
    LEAVE,
    COMMIT,
    COMMIT_OLD,
    COMMIT_SIMPLE, /* generation -1 */
    DELETE_OFFSET,
    DELETE_GROUP
};

static int16_t ask(enum request request, enum who who)
{
    const char *member = member_of(who);
    const char *instance = instance_of(who);
    char leaving[2 * WORLD_TEXT_MAX];
    switch (request) {
    case JOIN:
        return outcome(join(member, instance));
    case SYNC:
    case SYNC_OLD:
        return outcome(world_sync(&world, "g", member, instance,
                                  generation - (request == SYNC_OLD ? 1 : 0), ""));
    case HEARTBEAT:
    case HEARTBEAT_OLD:
        return outcome(world_heartbeat(&world, "g", member, instance,
                                       generation - (request == HEARTBEAT_OLD ? 1 : 0)));
    case LEAVE: {
        (void)snprintf(leaving, sizeof leaving, instance == NULL ? "%s%s" : "%s/%s", member,
                       instance == NULL ? "" : instance);
        size_t call = world_leave(&world, "g", leaving, 4);
        const struct world_answer *answer = world_answer(&world, call);
        return answer->error != 0 ? answer->error : answer->member_errors[0];
    }
    case COMMIT:
    case COMMIT_OLD:
    case COMMIT_SIMPLE:
        return outcome(world_offset_commit(
            &world, (struct world_commit){"g", member, instance,
                                          request == COMMIT_SIMPLE
                                              ? -1
                                              : generation - (request == COMMIT_OLD ? 1 : 0),
                                          "t:0=5", "", -1}));
    case DELETE_OFFSET:
        return outcome(world_offset_delete(&world, "g", "t:0"));
    case DELETE_GROUP:
        return outcome(world_delete_group(&world, "g"));
    }
    fail();
    return 0;
}

/* Errors by state: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead. */
static const struct row {
    enum request request;
    enum who who;
    int16_t errors[GROUP_STATE_COUNT];
} rows[] = {
    {JOIN, NOBODY, {79, 79, 79, 79, 15}},
    {JOIN, STRANGER, {25, 25, 25, 25, 15}},
    {JOIN, LEADER, {25, WAITS, NONE, WAITS, 15}},
    {JOIN, FOLLOWER, {25, WAITS, NONE, NONE, 15}},
    {JOIN, FENCED, {25, 82, 82, 82, 15}},
    {JOIN, UNKNOWN_INSTANCE, {25, 25, 25, 25, 15}},
    {SYNC, NOBODY, {25, 25, 25, 25, 15}},
    {SYNC, STRANGER, {25, 25, 25, 25, 15}},
    {SYNC, LEADER, {25, 27, NONE, NONE, 15}},
    {SYNC, FOLLOWER, {25, 27, WAITS, NONE, 15}},
    {SYNC, FENCED, {25, 82, 82, 82, 15}},
    {SYNC_OLD, FOLLOWER, {25, 22, 22, 22, 15}},
    {HEARTBEAT, NOBODY, {25, 25, 25, 25, 15}},
    {HEARTBEAT, STRANGER, {25, 25, 25, 25, 15}},
    {HEARTBEAT, LEADER, {25, 27, NONE, NONE, 15}},
    {HEARTBEAT, FOLLOWER, {25, 27, NONE, NONE, 15}},
    {HEARTBEAT, FENCED, {25, 82, 82, 82, 15}},
    {HEARTBEAT, UNKNOWN_INSTANCE, {25, 25, 25, 25, 15}},
    {HEARTBEAT_OLD, FOLLOWER, {25, 22, 22, 22, 15}},
    {LEAVE, STRANGER, {25, 25, 25, 25, 15}},
    {LEAVE, LEADER, {25, NONE, NONE, NONE, 15}},
    {LEAVE, FOLLOWER, {25, NONE, NONE, NONE, 15}},
    {LEAVE, FENCED, {25, 82, 82, 82, 15}},
    {COMMIT, STRANGER, {25, 25, 25, 25, 15}},
    {COMMIT, LEADER, {25, NONE, 27, NONE, 15}},
    {COMMIT, FOLLOWER, {25, NONE, 27, NONE, 15}},
    {COMMIT, FENCED, {25, 82, 82, 82, 15}},
    {COMMIT_OLD, LEADER, {25, 22, 22, 22, 15}},
    {COMMIT_SIMPLE, NOBODY, {NONE, 25, 25, 25, 15}},
    {COMMIT_SIMPLE, LEADER, {NONE, 22, 22, 22, 15}},
    {DELETE_OFFSET, NOBODY, {NONE, 86, 86, 86, 69}},
    {DELETE_GROUP, NOBODY, {NONE, 68, 68, 68, 69}},
};

static void test_every_request_in_every_state(void **state)
{
    (void)state;
    for (int at = 0; at < GROUP_STATE_COUNT; at++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            bring_to((enum group_state)at);
            assert_string_equal(world_state(&world, "g"), group_state_name((enum group_state)at));
            int16_t error = ask(rows[i].request, rows[i].who);
            if (error != rows[i].errors[at]) {
                print_message("row %zu in %s\n", i, group_state_name((enum group_state)at));
            }
            assert_int_equal(error, rows[i].errors[at]);
            world_release(&world);
        }
    }
}

/* Of a group that is not there. */
static void test_an_unknown_group(void **state)
{
    (void)state;
    static const struct {
        enum request request;
        enum who who;
        int16_t error;
    } cases[] = {
        {JOIN, NOBODY, 79},
        {JOIN, STRANGER, 25},
        {SYNC, STRANGER, 25},
        {HEARTBEAT, STRANGER, 25},
        {LEAVE, STRANGER, 25},
        {COMMIT, STRANGER, 22},
        {COMMIT_SIMPLE, NOBODY, NONE},
        {DELETE_OFFSET, NOBODY, 69},
        {DELETE_GROUP, NOBODY, 69},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_init(&world, 1);
        generation = 1;
        assert_int_equal(ask(cases[i].request, cases[i].who), cases[i].error);
        world_release(&world);
    }
}

static void test_what_join_refuses(void **state)
{
    (void)state;
    static const struct {
        struct world_join join;
        int16_t error;
    } cases[] = {
        {{.member = "", .protocols = "range=m", .version = 3, .session_ms = 5999}, 26},
        {{.member = "", .protocols = "range=m", .version = 3, .session_ms = 1800001}, 26},
        {{.member = "", .protocols = "", .version = 3}, 23},
        {{.member = "", .protocols = "range=m", .type = "", .version = 3}, 23},
        {{.member = "", .protocols = "other=m", .version = 9}, 23},
        {{.member = "", .protocols = "range=m", .type = "connect", .version = 9}, 23},
        {{.member = "", .protocols = "other=m,range=n", .version = 9}, 79},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bring_to(i < 4 ? GROUP_EMPTY : GROUP_STABLE);
        struct world_join request = cases[i].join;
        request.group = "g";
        assert_int_equal(world_answer(&world, world_join(&world, request))->error, cases[i].error);
        world_release(&world);
    }
}

static void test_unload_answers_everybody(void **state)
{
    (void)state;
    for (int at = 0; at < GROUP_STATE_COUNT; at++) {
        bring_to((enum group_state)at);
        size_t call = 0;
        if (at == GROUP_COMPLETING_REBALANCE) {
            call = world_sync(&world, "g", follower, "i", generation, "");
        } else if (at == GROUP_PREPARING_REBALANCE) {
            call = join(leader, NULL);
        } else if (at == GROUP_STABLE) {
            world.commits_at_once = false;
            call = world_offset_commit(
                &world, (struct world_commit){"g", leader, NULL, generation, "t:0=5", "", -1});
        }
        world_unload(&world);
        if (call != 0) {
            assert_int_equal(world_answer(&world, call)->error, KAFKA_ERROR_NOT_COORDINATOR);
        }
        for (size_t i = 1; i <= world.call_count; i++) {
            assert_true(world.answers[i].is_answered);
        }
        world_release(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_request_in_every_state),
        cmocka_unit_test(test_an_unknown_group),
        cmocka_unit_test(test_what_join_refuses),
        cmocka_unit_test(test_unload_answers_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
