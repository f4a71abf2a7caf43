/* Committed offsets: when they count, how long they are kept, and how they go. */
#include "unit/support_kafka_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HOUR_MS UINT64_C(3600000)
#define RETENTION_MS (7 * 24 * HOUR_MS)
#define CHECK_MS UINT64_C(600000)

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 9);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static size_t commit(const char *what)
{
    return world_offset_commit(&world, (struct world_commit){"g", "", NULL, -1, what, "", -1});
}

static int16_t error_of(size_t call)
{
    return world_answer(&world, call)->error;
}

static int64_t fetch(const char *topic)
{
    return world_fetch(&world, "g", topic, 0, false);
}

/* A consumer that is subscribed to `topics`, in a stable group. */
static const char *subscribe(const char *topics)
{
    char metadata[512];
    char protocols[600];
    world_subscription(topics, metadata, sizeof metadata);
    (void)snprintf(protocols, sizeof protocols, "range=%s", metadata);
    size_t call = world_join(&world, (struct world_join){.group = "g",
                                                         .member = "",
                                                         .protocols = protocols,
                                                         .version = 3,
                                                         .session_ms = 1800000});
    world_pass(&world, 1);
    const struct world_answer *joined = world_answer(&world, call);
    (void)world_sync(&world, "g", joined->member_id, NULL, joined->generation, "");
    assert_string_equal(world_state(&world, "g"), "Stable");
    return joined->member_id;
}

static void live(const char *member, int32_t generation, uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += HOUR_MS / 4) {
        (void)world_heartbeat(&world, "g", member, NULL, generation);
        world_pass(&world, HOUR_MS / 4);
    }
    (void)world_heartbeat(&world, "g", member, NULL, generation);
}

static void test_a_commit_counts_when_the_log_has_it(void **state)
{
    (void)state;
    assert_int_equal(error_of(commit("t:0=5")), 0);
    world.commits_at_once = false;
    size_t call = commit("t:0=6,t:1=7");
    assert_false(world.answers[call].is_answered);
    assert_int_equal(fetch("t"), 5);
    assert_int_equal(world_fetch(&world, "g", "t", 0, true), -2);
    assert_int_equal(world_fetch(&world, "g", "t", 1, true), -2);
    assert_int_equal(world_fetch(&world, "g", "t", 1, false), -1);
    world_commit(&world, 1);
    assert_int_equal(world_answer(&world, call)->partition_count, 2);
    assert_int_equal(world_fetch(&world, "g", "t", 0, true), 6);
    assert_int_equal(world_fetch(&world, "g", "t", 1, true), 7);
    assert_int_equal(world.coordinator.stats.offsets_committed, 3);
}

static void test_a_commit_that_the_log_refuses(void **state)
{
    (void)state;
    static const int16_t errors[][2] = {
        {KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, KAFKA_ERROR_NOT_COORDINATOR},
        {KAFKA_ERROR_KAFKA_STORAGE_ERROR, KAFKA_ERROR_NOT_COORDINATOR},
        {KAFKA_ERROR_NOT_ENOUGH_REPLICAS, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE},
        {KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE},
        {KAFKA_ERROR_MESSAGE_TOO_LARGE, KAFKA_ERROR_INVALID_COMMIT_OFFSET_SIZE},
        {KAFKA_ERROR_CORRUPT_MESSAGE, KAFKA_ERROR_CORRUPT_MESSAGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        world.append_error = errors[i][0];
        assert_int_equal(error_of(commit("t:0=6")), errors[i][1]);
        assert_int_equal(world_fetch(&world, "g", "t", 0, true), -1);
    }
}

static void test_a_commit_that_takes_too_long(void **state)
{
    (void)state;
    world.commits_at_once = false;
    size_t call = commit("t:0=6");
    world_time_out(&world, 0);
    assert_int_equal(error_of(call), KAFKA_ERROR_REQUEST_TIMED_OUT);
    assert_int_equal(world_fetch(&world, "g", "t", 0, true), -2);
    world_commit(&world, 1); /* it is in the log all the same */
    assert_int_equal(world_fetch(&world, "g", "t", 0, true), 6);
}

static void test_metadata_has_a_limit_in_java_s_characters(void **state)
{
    (void)state;
    world.coordinator.config.offset_metadata_max_bytes = 4;
    size_t call = world_offset_commit(
        &world, (struct world_commit){"g", "", NULL, -1, "t:0=1", "12345", -1});
    assert_int_equal(error_of(call), KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE);
    /* Four letters of two bytes each; two characters of four bytes are four chars in Java. */
    call = world_offset_commit(
        &world,
        (struct world_commit){"g", "", NULL, -1, "t:0=1", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", -1});
    assert_int_equal(error_of(call), 0);
    call = world_offset_commit(
        &world,
        (struct world_commit){"g", "", NULL, -1, "t:0=2", "\xf0\x9f\x98\x80\xf0\x9f\x98\x81", -1});
    assert_int_equal(error_of(call), 0);
    call = world_offset_commit(
        &world,
        (struct world_commit){"g", "", NULL, -1, "t:0=3", "\xf0\x9f\x98\x80\xf0\x9f\x98\x81x", -1});
    assert_int_equal(error_of(call), KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE);
    assert_int_equal(fetch("t"), 2);
}

/* ---- expiry (KIP-211) ------------------------------------------------------------------------ */

static void test_a_simple_consumer_s_offsets_expire_after_the_commit(void **state)
{
    (void)state;
    (void)commit("old:0=1");
    world_pass(&world, RETENTION_MS / 2);
    (void)commit("new:0=2");
    world_pass(&world, RETENTION_MS / 2 + CHECK_MS);
    assert_int_equal(fetch("old"), -1);
    assert_int_equal(fetch("new"), 2);
    world_pass(&world, RETENTION_MS / 2);
    assert_string_equal(world_state(&world, "g"), "Dead");
    assert_int_equal(world.coordinator.by_id.count, 0);
    assert_int_equal(world.coordinator.stats.offsets_expired, 2);
}

static void test_a_group_s_offsets_expire_when_it_was_empty_for_so_long(void **state)
{
    (void)state;
    const char *member = subscribe("t");
    (void)world_offset_commit(&world, (struct world_commit){"g", member, NULL, 1, "t:0=3", "", -1});
    live(member, 1, 2 * RETENTION_MS);
    assert_int_equal(fetch("t"), 3); /* G3: of a live group never */
    (void)world_leave(&world, "g", member, 4);
    world_pass(&world, RETENTION_MS - 1);
    assert_int_equal(fetch("t"), 3);
    /* The time since when it is empty is in the log. */
    world_crash(&world, 0);
    assert_int_equal(fetch("t"), 3);
    world_pass(&world, CHECK_MS + 1);
    assert_int_equal(fetch("t"), -1);
    assert_string_equal(world_state(&world, "g"), "Dead");
    struct group_coordinator loaded;
    world_load(&world, &loaded);
    assert_int_equal(group_coordinator_digest(&loaded), 0);
    group_coordinator_release(&loaded);
}

static void test_topics_that_nobody_subscribes_to_expire(void **state)
{
    (void)state;
    const char *member = subscribe("t,u");
    (void)world_offset_commit(
        &world, (struct world_commit){"g", member, NULL, 1, "t:0=3,left:0=4", "", -1});
    live(member, 1, RETENTION_MS + CHECK_MS);
    assert_int_equal(fetch("t"), 3);
    assert_int_equal(fetch("left"), -1);
    assert_string_equal(world_state(&world, "g"), "Stable");
}

static void test_a_commit_may_have_its_own_expiry(void **state)
{
    (void)state;
    size_t call = world_offset_commit(
        &world, (struct world_commit){"g", "", NULL, -1, "t:0=3", "", (int64_t)HOUR_MS});
    assert_int_equal(error_of(call), 0);
    (void)commit("u:0=1");
    world_crash(&world, 0);
    world_pass(&world, HOUR_MS - 1);
    assert_int_equal(fetch("t"), 3);
    world_pass(&world, CHECK_MS + 1);
    assert_int_equal(fetch("t"), -1);
    assert_int_equal(fetch("u"), 1);
}

static void test_a_pending_commit_keeps_its_offset(void **state)
{
    (void)state;
    (void)commit("t:0=1");
    world_pass(&world, RETENTION_MS - 1);
    world.commits_at_once = false;
    size_t call = commit("t:0=2");
    world_pass(&world, CHECK_MS * 2);
    world_commit(&world, world.append_count);
    assert_int_equal(error_of(call), 0);
    assert_int_equal(fetch("t"), 2);
}

/* ---- asked for ------------------------------------------------------------------------------- */

static void test_delete_offsets(void **state)
{
    (void)state;
    const char *member = subscribe("t");
    (void)world_offset_commit(
        &world, (struct world_commit){"g", member, NULL, 1, "t:0=3,left:0=4", "", -1});
    size_t call = world_offset_delete(&world, "g", "t:0,left:0,left:1");
    const struct world_answer *answer = world_answer(&world, call);
    assert_int_equal(answer->partition_errors[0], KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC);
    assert_int_equal(answer->partition_errors[1], 0);
    assert_int_equal(answer->partition_errors[2], 0);
    assert_int_equal(fetch("t"), 3);
    assert_int_equal(fetch("left"), -1);
}

static void test_delete_offsets_of_another_kind_of_group(void **state)
{
    (void)state;
    size_t call = world_join(
        &world,
        (struct world_join){
            .group = "g", .member = "", .type = "connect", .protocols = "p=x", .version = 3});
    world_pass(&world, 1);
    assert_int_equal(error_of(call), 0);
    assert_int_equal(error_of(world_offset_delete(&world, "g", "t:0")),
                     KAFKA_ERROR_NON_EMPTY_GROUP);
}

static void test_deleting_the_last_offset_deletes_the_empty_group(void **state)
{
    (void)state;
    (void)commit("t:0=1");
    world.commits_at_once = false;
    size_t call = world_offset_delete(&world, "g", "t:0");
    assert_string_equal(world_state(&world, "g"), "Dead");
    assert_false(world.answers[call].is_answered);
    assert_int_equal(error_of(commit("t:0=2")), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    world_commit(&world, 1);
    assert_int_equal(error_of(call), 0);
    assert_int_equal(world.coordinator.by_id.count, 0);
}

static void test_delete_a_group_with_many_offsets(void **state)
{
    (void)state;
    enum {
        OFFSETS = 20000,
        AT_ONCE = 50
    };
    char what[2048];
    for (int i = 0; i < OFFSETS; i += AT_ONCE) {
        size_t at = 0;
        for (int k = 0; k < AT_ONCE; k++) {
            at += (size_t)snprintf(what + at, sizeof what - at, "%stopic:%d=%d", k == 0 ? "" : ",",
                                   i + k, i);
        }
        assert_int_equal(error_of(commit(what)), 0);
    }
    world.commits_at_once = false;
    size_t call = world_delete_group(&world, "g");
    assert_true(world.append_count > 1); /* in several appends */
    for (size_t i = 0; i < world.append_count; i++) {
        assert_true(world.appends[i].is_cleanup);
    }
    world_commit(&world, world.append_count - 1);
    assert_false(world.answers[call].is_answered);
    world_commit(&world, 1);
    assert_int_equal(error_of(call), 0);
    assert_int_equal(world.coordinator.by_id.count, 0);
    assert_int_equal(world.coordinator.offset_count, 0);
}

static void test_a_deletion_that_the_log_refuses(void **state)
{
    (void)state;
    (void)commit("t:0=1");
    world.append_error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    assert_int_equal(error_of(world_delete_group(&world, "g")), KAFKA_ERROR_NOT_COORDINATOR);
    assert_string_equal(world_state(&world, "g"), "Empty");
    assert_int_equal(fetch("t"), 1);
    assert_int_equal(error_of(world_delete_group(&world, "g")), 0);
}

static void test_a_deleted_topic_takes_its_offsets(void **state)
{
    (void)state;
    const char *member = subscribe("t");
    (void)world_offset_commit(&world,
                              (struct world_commit){"g", member, NULL, 1, "t:0=3,u:0=4", "", -1});
    (void)world_offset_commit(&world,
                              (struct world_commit){"alone", "", NULL, -1, "t:1=5", "", -1});
    world_delete_topic(&world, "t");
    assert_int_equal(fetch("t"), -1);
    assert_int_equal(fetch("u"), 4);
    assert_string_equal(world_state(&world, "g"), "Stable");
    assert_string_equal(world_state(&world, "alone"), "Dead");
}

/* A commit behind a tombstone that is still under way: both stand in the log in that order. */
static void test_a_commit_behind_a_tombstone(void **state)
{
    (void)state;
    (void)commit("t:0=1,u:0=1");
    world.commits_at_once = false;
    (void)world_offset_delete(&world, "g", "t:0");
    size_t call = commit("t:0=2");
    (void)world_offset_delete(&world, "g", "u:0");
    world_commit(&world, world.append_count);
    assert_int_equal(error_of(call), 0);
    assert_int_equal(fetch("t"), 2);
    assert_int_equal(fetch("u"), -1);
    struct group_coordinator loaded;
    world_load(&world, &loaded);
    assert_int_equal(group_coordinator_digest(&loaded),
                     group_coordinator_digest(&world.coordinator));
    group_coordinator_release(&loaded);
}

/* ---- transactions that other brokers wrote --------------------------------------------------- */

static void replay(struct group_coordinator *coordinator,
                   size_t i,
                   int64_t offset,
                   int64_t producer)
{
    const struct world_record *record = &world.records[i];
    const struct group_replay event = {
        .record = {.key = slice_of(record->key, record->key_len),
                   .value = slice_of(record->value, record->value_len)},
        .offset = offset,
        .producer_id = producer,
        .wall_ms = world.wall_ms,
    };
    assert_int_equal(group_coordinator_replay(coordinator, &event), 0);
}

static int64_t offset_in(const struct group_coordinator *coordinator, bool require_stable)
{
    struct group_offset_view view = group_coordinator_offset(coordinator, SLICE_LIT("g"),
                                                             SLICE_LIT("t"), 0, require_stable);
    return view.error == 0 ? view.offset : -2;
}

static void test_offsets_of_transactions_wait_for_the_marker(void **state)
{
    (void)state;
    struct group_coordinator loaded;
    struct group_outbox outbox;
    struct group_event event = {.kind = GROUP_EVENT_LOADED};
    (void)commit("t:0=1");
    (void)commit("t:0=2");
    (void)commit("t:0=3");
    group_outbox_init(&outbox);
    for (int committed = 0; committed < 2; committed++) {
        group_coordinator_init(&loaded, &world.config);
        replay(&loaded, 0, 0, -1);
        replay(&loaded, 1, 1, 77);
        group_coordinator_replay_marker(&loaded, 77, committed == 1);
        replay(&loaded, 2, 3, 78); /* still open */
        group_coordinator_step(&loaded, &event, &outbox);
        group_coordinator_check(&loaded);
        assert_int_equal(offset_in(&loaded, false), committed == 1 ? 2 : 1);
        assert_int_equal(offset_in(&loaded, true), -2);
        group_coordinator_replay_marker(&loaded, 78, true);
        group_coordinator_check(&loaded);
        assert_int_equal(offset_in(&loaded, true), 3);
        group_outbox_clear(&outbox);
        group_coordinator_release(&loaded);
    }
    /* A plain commit that stands later in the log stays. */
    group_coordinator_init(&loaded, &world.config);
    replay(&loaded, 0, 0, 77);
    replay(&loaded, 1, 1, -1);
    group_coordinator_replay_marker(&loaded, 77, true);
    assert_int_equal(offset_in(&loaded, true), 2);
    group_coordinator_release(&loaded);
    group_outbox_release(&outbox);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_commit_counts_when_the_log_has_it),
        TEST(test_a_commit_that_the_log_refuses),
        TEST(test_a_commit_that_takes_too_long),
        TEST(test_metadata_has_a_limit_in_java_s_characters),
        TEST(test_a_simple_consumer_s_offsets_expire_after_the_commit),
        TEST(test_a_group_s_offsets_expire_when_it_was_empty_for_so_long),
        TEST(test_topics_that_nobody_subscribes_to_expire),
        TEST(test_a_commit_may_have_its_own_expiry),
        TEST(test_a_pending_commit_keeps_its_offset),
        TEST(test_delete_offsets),
        TEST(test_delete_offsets_of_another_kind_of_group),
        TEST(test_deleting_the_last_offset_deletes_the_empty_group),
        TEST(test_delete_a_group_with_many_offsets),
        TEST(test_a_deletion_that_the_log_refuses),
        TEST(test_a_deleted_topic_takes_its_offsets),
        TEST(test_a_commit_behind_a_tombstone),
        TEST(test_offsets_of_transactions_wait_for_the_marker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
