/* The group coordinator's rebalances: delays, timeouts, static members, what survives a crash. */
#include "unit/support_kafka_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SESSION_MS 10000
#define REBALANCE_MS 60000

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static struct world_join a_join(const char *member, const char *instance)
{
    return (struct world_join){
        .group = "g", .member = member, .instance = instance, .protocols = "range=m", .version = 3};
}

/* A dynamic member that joins as clients below version 4 do. */
static size_t join(const char *member)
{
    return world_join(&world, a_join(member, NULL));
}

static size_t join_static(const char *member, const char *instance)
{
    struct world_join request = a_join(member, instance);
    request.version = 9;
    return world_join(&world, request);
}

static const struct world_answer *answer(size_t call)
{
    return world_answer(&world, call);
}

static bool waits(size_t call)
{
    return !world.answers[call].is_answered;
}

/* One member, and the group Stable. */
static const char *one_stable(void)
{
    size_t call = join("");
    world_pass(&world, 1);
    char assignments[256];
    (void)snprintf(assignments, sizeof assignments, "%s=all", answer(call)->member_id);
    size_t synced = world_sync(&world, "g", answer(call)->member_id, NULL, answer(call)->generation,
                               assignments);
    assert_string_equal(answer(synced)->assignment, "all");
    assert_string_equal(world_state(&world, "g"), "Stable");
    return answer(call)->member_id;
}

/* ---- KIP-134: the initial delay -------------------------------------------------------------- */

static void test_the_initial_delay_waits_for_more(void **state)
{
    (void)state;
    world.coordinator.config.initial_rebalance_delay_ms = 3000;
    size_t first = join("");
    world_pass(&world, 2999);
    assert_true(waits(first));
    size_t second = join(""); /* prolongs it */
    world_pass(&world, 2000);
    assert_true(waits(first));
    world_pass(&world, 1001);
    assert_int_equal(answer(first)->generation, 1);
    assert_int_equal(answer(second)->generation, 1);
    assert_int_equal(answer(first)->member_count, 2);
    assert_int_equal(answer(second)->member_count, 0);
    assert_string_equal(answer(second)->leader, answer(first)->member_id);
}

static void test_the_initial_delay_ends_with_the_rebalance_timeout(void **state)
{
    (void)state;
    world.coordinator.config.initial_rebalance_delay_ms = 3000;
    struct world_join request = a_join("", NULL);
    request.rebalance_ms = 7000;
    size_t first = world_join(&world, request);
    /* 3000, then 3000 of the 4000 that remain, then what remains after both: 1000. */
    for (int i = 0; i < 6; i++) {
        world_pass(&world, 1000);
        assert_true(waits(first));
        (void)world_join(&world, request);
    }
    world_pass(&world, 1000);
    assert_int_equal(answer(first)->generation, 1);
    assert_int_equal(answer(first)->member_count, 7);
}

/* ---- KIP-394 --------------------------------------------------------------------------------- */

static void test_an_id_is_given_out_first(void **state)
{
    (void)state;
    struct world_join request = a_join("", NULL);
    request.version = 4;
    size_t call = world_join(&world, request);
    assert_int_equal(answer(call)->error, KAFKA_ERROR_MEMBER_ID_REQUIRED);
    assert_int_equal(strlen(answer(call)->member_id), strlen("client-") + 36);
    assert_memory_equal(answer(call)->member_id, "client-", 7);
    assert_int_equal(answer(call)->member_id[7 + 14], '4'); /* a UUID of version 4 */
    assert_string_equal(world_state(&world, "g"), "Empty");
    char id[WORLD_TEXT_MAX];
    (void)snprintf(id, sizeof id, "%s", answer(call)->member_id);
    request.member = id;
    size_t again = world_join(&world, request);
    world_pass(&world, 1);
    assert_int_equal(answer(again)->error, 0);
    assert_string_equal(answer(again)->leader, id);
}

static void test_a_given_id_holds_up_a_rebalance_until_its_session_ends(void **state)
{
    (void)state;
    const char *member = one_stable();
    struct world_join request = a_join("", NULL);
    request.version = 4;
    (void)world_join(&world, request);
    size_t rejoined = join(member); /* the leader's: a rebalance */
    assert_true(waits(rejoined));
    world_pass(&world, SESSION_MS - 1);
    assert_true(waits(rejoined));
    world_pass(&world, 1);
    assert_int_equal(answer(rejoined)->generation, 2);
}

/* ---- who does not come back ------------------------------------------------------------------ */

static void test_a_silent_member_is_out(void **state)
{
    (void)state;
    const char *member = one_stable();
    world_pass(&world, SESSION_MS - 1);
    assert_int_equal(answer(world_heartbeat(&world, "g", member, NULL, 1))->error, 0);
    world_pass(&world, SESSION_MS - 1);
    assert_string_equal(world_state(&world, "g"), "Stable");
    world_pass(&world, 1);
    assert_string_equal(world_state(&world, "g"), "Empty");
    assert_int_equal(answer(world_heartbeat(&world, "g", member, NULL, 1))->error,
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

static void test_who_does_not_rejoin_in_time_is_out(void **state)
{
    (void)state;
    const char *member = one_stable();
    size_t second = join("");
    /* The first one lives, and does not join again. */
    for (uint64_t ms = 0; ms < REBALANCE_MS; ms += 5000) {
        assert_true(waits(second));
        assert_int_equal(answer(world_heartbeat(&world, "g", member, NULL, 1))->error,
                         KAFKA_ERROR_REBALANCE_IN_PROGRESS);
        world_pass(&world, 5000);
    }
    assert_int_equal(answer(second)->generation, 2);
    assert_int_equal(answer(second)->member_count, 1);
    assert_string_equal(answer(second)->leader, answer(second)->member_id);
}

static void test_who_joins_and_never_syncs_is_out(void **state)
{
    (void)state;
    size_t first = join("");
    size_t second = join("");
    world_pass(&world, 1);
    size_t synced = world_sync(&world, "g", answer(second)->member_id, NULL, 1, "");
    for (int i = 0; i < 11; i++) {
        world_pass(&world, 5000);
        assert_int_equal(
            answer(world_heartbeat(&world, "g", answer(first)->member_id, NULL, 1))->error, 0);
        assert_true(waits(synced));
    }
    world_pass(&world, 5000);
    assert_int_equal(answer(synced)->error, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    assert_int_equal(answer(world_heartbeat(&world, "g", answer(first)->member_id, NULL, 1))->error,
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

/* A new member's client may die while it waits: five minutes. */
static void test_a_new_member_waits_five_minutes_at_most(void **state)
{
    (void)state;
    const char *member = one_stable();
    struct world_join request = a_join("", NULL);
    request.rebalance_ms = 3600000;
    size_t second = world_join(&world, request);
    for (int i = 0; i < 59; i++) {
        world_pass(&world, 5000);
        (void)world_heartbeat(&world, "g", member, NULL, 1);
    }
    assert_true(waits(second));
    world_pass(&world, 5001);
    assert_int_equal(answer(second)->error, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

/* ---- the assignment -------------------------------------------------------------------------- */

static void test_the_assignment_is_in_the_log_before_it_is_told(void **state)
{
    (void)state;
    size_t call = join("");
    world_pass(&world, 1);
    world.commits_at_once = false;
    char assignments[256];
    (void)snprintf(assignments, sizeof assignments, "%s=x", answer(call)->member_id);
    size_t synced = world_sync(&world, "g", answer(call)->member_id, NULL, 1, assignments);
    assert_true(waits(synced));
    assert_string_equal(world_state(&world, "g"), "CompletingRebalance");
    world_commit(&world, 1);
    assert_string_equal(answer(synced)->assignment, "x");
}

static void test_an_assignment_that_the_log_refuses(void **state)
{
    (void)state;
    static const int16_t errors[][2] = {
        {KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, KAFKA_ERROR_NOT_COORDINATOR},
        {KAFKA_ERROR_KAFKA_STORAGE_ERROR, KAFKA_ERROR_NOT_COORDINATOR},
        {KAFKA_ERROR_NOT_ENOUGH_REPLICAS, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE},
        {KAFKA_ERROR_MESSAGE_TOO_LARGE, KAFKA_ERROR_UNKNOWN_SERVER_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        world_release(&world);
        world_init(&world, 7);
        size_t call = join("");
        world_pass(&world, 1);
        world.append_error = errors[i][0];
        size_t synced = world_sync(&world, "g", answer(call)->member_id, NULL, 1, "");
        assert_int_equal(answer(synced)->error, errors[i][1]);
        assert_string_equal(world_state(&world, "g"), "PreparingRebalance");
    }
}

static void test_an_assignment_that_takes_too_long(void **state)
{
    (void)state;
    size_t call = join("");
    world_pass(&world, 1);
    world.commits_at_once = false;
    size_t synced = world_sync(&world, "g", answer(call)->member_id, NULL, 1, "");
    world_time_out(&world, 0);
    assert_int_equal(answer(synced)->error, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    world_commit(&world, 1); /* the late record changes nothing any more */
    assert_string_equal(world_state(&world, "g"), "PreparingRebalance");
}

static void test_a_member_that_joins_while_the_assignment_is_stored(void **state)
{
    (void)state;
    size_t first = join("");
    world_pass(&world, 1);
    world.commits_at_once = false;
    size_t synced = world_sync(&world, "g", answer(first)->member_id, NULL, 1, "");
    size_t second = join("");
    assert_int_equal(answer(synced)->error, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    world_commit(&world, 1);
    assert_true(waits(second));
    size_t again = join(answer(first)->member_id);
    assert_int_equal(answer(again)->generation, 2);
    assert_int_equal(answer(second)->generation, 2);
}

/* ---- protocols ------------------------------------------------------------------------------- */

static void test_the_protocol_with_the_most_votes(void **state)
{
    (void)state;
    static const char *const protocols[] = {"a=1,b=2", "b=3,a=4,c=5", "b=6,a=7"};
    size_t calls[3];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct world_join request = a_join("", NULL);
        request.protocols = protocols[i];
        calls[i] = world_join(&world, request);
    }
    world_pass(&world, 1);
    assert_string_equal(answer(calls[0])->protocol, "b");
    assert_int_equal(answer(calls[0])->member_count, 3);
}

static void test_max_size(void **state)
{
    (void)state;
    world.coordinator.config.max_size = 2;
    size_t first = join("");
    size_t second = join("");
    size_t third = join("");
    assert_int_equal(answer(third)->error, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    world_pass(&world, 1);
    assert_int_equal(answer(first)->member_count, 2);
    assert_int_equal(answer(second)->error, 0);
    assert_int_equal(answer(join(""))->error, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
}

static void test_an_overfull_group_is_rebalanced_when_loaded(void **state)
{
    (void)state;
    size_t first = join("");
    size_t second = join("");
    world_pass(&world, 1);
    (void)world_sync(&world, "g", answer(first)->member_id, NULL, 1, "");
    world.config.max_size = 1;
    world_crash(&world, 0);
    assert_string_equal(world_state(&world, "g"), "PreparingRebalance");
    size_t back = join(answer(second)->member_id);
    assert_true(waits(back));
    assert_int_equal(answer(join(answer(first)->member_id))->error,
                     KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
}

/* ---- KIP-345: static members ----------------------------------------------------------------- */

/* Leader "one" and "two", static both, in a stable group of generation 1. */
static void two_static(char *one, char *two)
{
    size_t first = join_static("", "one");
    size_t second = join_static("", "two");
    world_pass(&world, 1);
    (void)snprintf(one, WORLD_TEXT_MAX, "%s", answer(first)->member_id);
    (void)snprintf(two, WORLD_TEXT_MAX, "%s", answer(second)->member_id);
    char assignments[512];
    (void)snprintf(assignments, sizeof assignments, "%s=1,%s=2", one, two);
    (void)world_sync(&world, "g", one, "one", 1, assignments);
    (void)world_sync(&world, "g", two, "two", 1, "");
    assert_string_equal(world_state(&world, "g"), "Stable");
}

static void test_a_static_member_comes_back_without_a_rebalance(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    two_static(one, two);
    world.commits_at_once = false;
    size_t back = join_static("", "two");
    assert_true(waits(back)); /* its new id goes to the log first */
    world_commit(&world, 1);
    assert_int_equal(answer(back)->generation, 1);
    assert_string_not_equal(answer(back)->member_id, two);
    assert_string_equal(answer(back)->leader, one);
    assert_string_equal(world_state(&world, "g"), "Stable");
    assert_string_equal(
        answer(world_sync(&world, "g", answer(back)->member_id, "two", 1, ""))->assignment, "2");
    assert_int_equal(answer(world_heartbeat(&world, "g", two, "two", 1))->error,
                     KAFKA_ERROR_FENCED_INSTANCE_ID);
    assert_int_equal(answer(world_heartbeat(&world, "g", two, NULL, 1))->error,
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    /* And after a crash it is known by that id. */
    world_crash(&world, 0);
    assert_int_equal(answer(world_heartbeat(&world, "g", answer(back)->member_id, "two", 1))->error,
                     0);
}

static void test_a_static_leader_comes_back(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    two_static(one, two);
    /* From version 9 it is told that it leads, and not to assign. */
    size_t back = join_static("", "one");
    assert_true(answer(back)->skip_assignment);
    assert_int_equal(answer(back)->member_count, 2);
    assert_string_equal(answer(back)->leader, answer(back)->member_id);
    /* Before, it is told of the old leader, that is of nobody. */
    struct world_join request = a_join("", "one");
    request.version = 8;
    size_t older = world_join(&world, request);
    assert_false(answer(older)->skip_assignment);
    assert_string_equal(answer(older)->leader, answer(back)->member_id);
    assert_string_not_equal(answer(older)->leader, answer(older)->member_id);
    assert_int_equal(answer(older)->member_count, 0);
}

static void test_a_rebalance_while_a_static_member_s_id_is_stored(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    two_static(one, two);
    world.commits_at_once = false;
    size_t back = join_static("", "two");
    size_t third = join("");
    assert_string_equal(world_state(&world, "g"), "PreparingRebalance");
    world_commit(&world, 1);
    assert_true(waits(back)); /* the rebalance will answer it */
    size_t first = join_static(one, "one");
    assert_int_equal(answer(back)->generation, 2);
    assert_int_equal(answer(third)->generation, 2);
    assert_int_equal(answer(first)->member_count, 3);
}

static void test_a_static_member_whose_id_is_not_stored(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    two_static(one, two);
    world.append_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    size_t back = join_static("", "two");
    assert_int_equal(answer(back)->error, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_string_equal(answer(back)->member_id, "");
    assert_int_equal(answer(world_heartbeat(&world, "g", two, "two", 1))->error, 0);
}

static void test_a_static_member_with_other_protocols_makes_a_rebalance(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    struct world_join request = a_join("", "one");
    request.protocols = "range=m,other=n";
    size_t first = world_join(&world, request);
    world_pass(&world, 1);
    (void)snprintf(one, sizeof one, "%s", answer(first)->member_id);
    (void)world_sync(&world, "g", one, "one", 1, "");
    (void)two;
    request.protocols = "other=n";
    size_t back = world_join(&world, request);
    assert_int_equal(answer(back)->generation, 2);
    assert_string_equal(answer(back)->protocol, "other");
}

static void test_static_members_outlive_the_rebalance_timeout(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    struct world_join request = a_join("", "one");
    request.session_ms = 1000000;
    size_t first = world_join(&world, request);
    request.instance = "two";
    size_t second = world_join(&world, request);
    world_pass(&world, 1);
    (void)snprintf(one, sizeof one, "%s", answer(first)->member_id);
    (void)snprintf(two, sizeof two, "%s", answer(second)->member_id);
    (void)world_sync(&world, "g", one, "one", 1, "");
    (void)world_sync(&world, "g", two, "two", 1, "");
    size_t third = join("");
    world_pass(&world, REBALANCE_MS);
    /* The newcomer leads; the two that were away are still in. */
    assert_string_equal(answer(third)->leader, answer(third)->member_id);
    assert_int_equal(answer(third)->member_count, 3);
    /* It leads after a crash, too, though it came last. */
    (void)world_sync(&world, "g", answer(third)->member_id, NULL, 2, "");
    world_crash(&world, 0);
    assert_string_equal(answer(join_static(one, "one"))->leader, answer(third)->member_id);
    /* Nobody came back at all: it waits on. */
    (void)world_leave(&world, "g", answer(third)->member_id, 4);
    world_pass(&world, 2 * REBALANCE_MS);
    assert_string_equal(world_state(&world, "g"), "PreparingRebalance");
    assert_int_not_equal(world.notes[GROUP_NOTE_STUCK], 0);
    size_t back = join_static(one, "one");
    world_pass(&world, REBALANCE_MS);
    assert_int_equal(answer(back)->error, 0);
}

static void test_a_waiting_static_member_is_fenced_by_its_successor(void **state)
{
    (void)state;
    size_t first = join_static("", "one");
    size_t successor = join_static("", "one");
    assert_int_equal(answer(first)->error, KAFKA_ERROR_FENCED_INSTANCE_ID);
    world_pass(&world, 1);
    assert_int_equal(answer(successor)->member_count, 1);
    size_t synced = world_sync(&world, "g", answer(successor)->member_id, "one", 1, "");
    assert_int_equal(answer(synced)->error, 0);
}

static void test_an_administrator_removes_static_members(void **state)
{
    (void)state;
    char one[WORLD_TEXT_MAX];
    char two[WORLD_TEXT_MAX];
    two_static(one, two);
    const struct world_answer *left = answer(world_leave(&world, "g", "/one,/nobody,/two", 5));
    assert_int_equal(left->error, 0);
    assert_int_equal(left->member_count, 3);
    assert_int_equal(left->member_errors[0], 0);
    assert_int_equal(left->member_errors[1], KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(left->member_errors[2], 0);
    assert_string_equal(world_state(&world, "g"), "Empty");
}

/* ---- old forms ------------------------------------------------------------------------------- */

static void test_leave_of_old_versions(void **state)
{
    (void)state;
    const char *member = one_stable();
    const struct world_answer *wrong = answer(world_leave(&world, "g", "nobody", 2));
    assert_int_equal(wrong->error, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(wrong->member_count, 0);
    assert_int_equal(answer(world_leave(&world, "g", member, 0))->error, 0);
}

static void test_a_group_lives_on_after_a_crash(void **state)
{
    (void)state;
    const char *member = one_stable();
    assert_int_equal(
        answer(world_offset_commit(
                   &world, (struct world_commit){"g", member, NULL, 1, "t:0=42", "note", -1}))
            ->error,
        0);
    world_crash(&world, 0);
    assert_string_equal(world_state(&world, "g"), "Stable");
    assert_int_equal(world_fetch(&world, "g", "t", 0, true), 42);
    assert_int_equal(answer(world_heartbeat(&world, "g", member, NULL, 1))->error, 0);
    assert_string_equal(answer(world_sync(&world, "g", member, NULL, 1, ""))->assignment, "all");
    /* Who does not come back has a session's time. */
    world_crash(&world, 0);
    world_pass(&world, SESSION_MS);
    assert_string_equal(world_state(&world, "g"), "Empty");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_initial_delay_waits_for_more),
        TEST(test_the_initial_delay_ends_with_the_rebalance_timeout),
        TEST(test_an_id_is_given_out_first),
        TEST(test_a_given_id_holds_up_a_rebalance_until_its_session_ends),
        TEST(test_a_silent_member_is_out),
        TEST(test_who_does_not_rejoin_in_time_is_out),
        TEST(test_who_joins_and_never_syncs_is_out),
        TEST(test_a_new_member_waits_five_minutes_at_most),
        TEST(test_the_assignment_is_in_the_log_before_it_is_told),
        TEST(test_an_assignment_that_the_log_refuses),
        TEST(test_an_assignment_that_takes_too_long),
        TEST(test_a_member_that_joins_while_the_assignment_is_stored),
        TEST(test_the_protocol_with_the_most_votes),
        TEST(test_max_size),
        TEST(test_an_overfull_group_is_rebalanced_when_loaded),
        TEST(test_a_static_member_comes_back_without_a_rebalance),
        TEST(test_a_static_leader_comes_back),
        TEST(test_a_rebalance_while_a_static_member_s_id_is_stored),
        TEST(test_a_static_member_whose_id_is_not_stored),
        TEST(test_a_static_member_with_other_protocols_makes_a_rebalance),
        TEST(test_static_members_outlive_the_rebalance_timeout),
        TEST(test_a_waiting_static_member_is_fenced_by_its_successor),
        TEST(test_an_administrator_removes_static_members),
        TEST(test_leave_of_old_versions),
        TEST(test_a_group_lives_on_after_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
