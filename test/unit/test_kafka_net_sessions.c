/* Fetch sessions (KIP-227) as a table of requests, and the cache's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/server/fetch_session.h"

static struct fetch_sessions *sessions;

static int begin(void **state)
{
    (void)state;
    sessions = fetch_sessions_create(3, 42);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fetch_sessions_release(sessions);
    assert_int_equal(mem_used(), 0);
    return 0;
}

static int32_t session_of(int32_t partitions, bool privileged, int64_t now_ms)
{
    struct fetch_session *session = fetch_session_create(sessions, (size_t)partitions, false,
                                                         privileged, now_ms);
    if (session == NULL) {
        return 0;
    }
    struct kafka_fetch_request_topic topic = {.topic = SLICE_LIT("topic")};
    for (int32_t i = 0; i < partitions; i++) {
        struct kafka_fetch_request_partition partition = {.partition = i, .fetch_offset = 100 + i};
        fetch_session_add(sessions, session, &topic, &partition);
    }
    return session->id;
}

static int16_t ask(int32_t id, int32_t epoch, bool uses_ids, int64_t now_ms)
{
    struct kafka_fetch_request request = {.session_id = id, .session_epoch = epoch};
    struct fetch_context context;
    fetch_context_begin(sessions, &request, uses_ids, now_ms, &context);
    int16_t error = context.error;
    fetch_context_end(sessions, &context);
    return error;
}

static void test_epochs(void **state)
{
    (void)state;
    int32_t id = session_of(3, false, 0);
    const struct {
        int32_t id;
        int32_t epoch;
        bool uses_ids;
        int16_t error;
    } steps[] = {
        {id, 1, false, 0},
        {id, 1, false, KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH}, /* a duplicate */
        {id, 3, false, KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH},
        {id, 2, true, KAFKA_ERROR_FETCH_SESSION_TOPIC_ID_ERROR},
        {id, 2, false, 0},
        {id + 1, 3, false, KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND},
        {0, 7, false, KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND},
        {-5, 7, false, KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND},
        {id, 3, false, 0},
        {id, -1, false, 0}, /* ends it */
        {id, 4, false, KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND},
    };
    assert_int_not_equal(id, 0);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int16_t error = ask(steps[i].id, steps[i].epoch, steps[i].uses_ids, 0);
        if (error != steps[i].error) {
            fail_msg("step %zu: error %d instead of %d", i, error, steps[i].error);
        }
    }
    assert_int_equal(sessions->partitions, 0);
}

static void test_epoch_wraps_to_one(void **state)
{
    (void)state;
    int32_t id = session_of(1, false, 0);
    struct fetch_session *session = u64_map_get_ptr(&sessions->by_id, (uint64_t)id);
    session->epoch = INT32_MAX;
    assert_int_equal(ask(id, INT32_MAX, false, 0), 0);
    assert_int_equal(session->epoch, 1);
    assert_int_equal(ask(id, 1, false, 0), 0);
}

/* An incremental request adds, changes and forgets; the last one forgotten ends the session. */
static void test_changes(void **state)
{
    (void)state;
    int32_t id = session_of(3, false, 0);
    struct kafka_fetch_request_partition wanted[] = {{.partition = 1, .fetch_offset = 500},
                                                     {.partition = 9, .fetch_offset = 900}};
    struct kafka_fetch_request_topic topic = {
        .topic = SLICE_LIT("topic"), .partitions = wanted, .partitions_count = 2};
    int32_t gone[] = {0, 7};
    struct kafka_fetch_request_forgotten_topic forgotten = {
        .topic = SLICE_LIT("topic"), .partitions = gone, .partitions_count = 2};
    struct kafka_fetch_request request = {.session_id = id,
                                          .session_epoch = 1,
                                          .topics = &topic,
                                          .topics_count = 1,
                                          .forgotten_topics_data = &forgotten,
                                          .forgotten_topics_data_count = 1};
    struct fetch_context context;
    fetch_context_begin(sessions, &request, false, 0, &context);
    assert_int_equal(context.error, 0);
    assert_int_equal(context.kind, FETCH_INCREMENTAL);
    static const int32_t order[] = {1, 2, 9};
    static const int64_t offsets[] = {500, 102, 900};
    size_t i = 0;
    LIST_FOR_EACH(link, &context.session->partitions)
    {
        const struct fetch_partition *partition = CONTAINER_OF(link, struct fetch_partition, link);
        assert_int_equal(partition->partition, order[i]);
        assert_int_equal(partition->fetch_offset, offsets[i]);
        i++;
    }
    assert_int_equal(i, 3);
    assert_int_equal(sessions->partitions, 3);
    fetch_context_end(sessions, &context);

    int32_t all[] = {1, 2, 9};
    forgotten.partitions = all;
    forgotten.partitions_count = 3;
    request.session_epoch = 2;
    request.topics_count = 0;
    fetch_context_begin(sessions, &request, false, 0, &context);
    assert_int_equal(context.error, 0);
    assert_int_equal(context.kind, FETCH_SESSIONLESS);
    assert_null(context.session);
    assert_int_equal(sessions->by_id.count, 0);
}

static void test_news(void **state)
{
    (void)state;
    struct fetch_partition partition = {.told_high_watermark = -1, .told_log_start = -1};
    assert_true(fetch_partition_has_news(&partition, false, 0, 10, 0, true)); /* the first time */
    assert_false(fetch_partition_has_news(&partition, false, 0, 10, 0, true));
    assert_true(fetch_partition_has_news(&partition, true, 0, 10, 0, true));
    assert_true(fetch_partition_has_news(&partition, false, 0, 11, 0, false));
    assert_true(fetch_partition_has_news(&partition, false, 0, 11, 0, true)); /* was not told */
    assert_false(fetch_partition_has_news(&partition, false, 0, 11, 0, true));
    assert_true(fetch_partition_has_news(&partition, false, 0, 11, 5, true));
    assert_true(fetch_partition_has_news(&partition, false, 6, -1, -1, true));
    assert_true(fetch_partition_has_news(&partition, false, 6, -1, -1, true)); /* every time */
    assert_true(fetch_partition_has_news(&partition, false, 0, 11, 5, true));
    assert_false(fetch_partition_has_news(&partition, false, 0, 11, 5, true));
}

static void test_rotation(void **state)
{
    (void)state;
    int32_t id = session_of(3, false, 0);
    struct fetch_session *session = u64_map_get_ptr(&sessions->by_id, (uint64_t)id);
    uint8_t bytes[FETCH_KEY_MAX];
    struct fetch_partition *partition = fetch_session_find(
        session, fetch_key(bytes, false, SLICE_LIT("topic"), NULL, 0));
    assert_non_null(partition);
    fetch_partition_rotate(session, partition);
    assert_ptr_equal(session->partitions.prev, &partition->link);
}

static void test_slots(void **state)
{
    (void)state;
    int32_t small = session_of(2, false, 0);
    int32_t large = session_of(20, false, 0);
    int32_t follower = session_of(5, true, 0);
    assert_true(small != 0 && large != 0 && follower != 0);
    /* All are young: who comes now goes without. */
    assert_int_equal(session_of(100, false, 1000), 0);
    assert_int_equal(ask(small, 1, false, FETCH_SESSION_IDLE_MS), 0);
    assert_int_equal(ask(large, 1, false, FETCH_SESSION_IDLE_MS), 0);
    assert_int_equal(ask(follower, 1, false, FETCH_SESSION_IDLE_MS), 0);
    /* Old enough and smaller: the smallest yields; to a smaller one nobody does. */
    assert_int_equal(session_of(2, false, FETCH_SESSION_IDLE_MS + 1), 0);
    int32_t middle = session_of(10, false, FETCH_SESSION_IDLE_MS + 1);
    assert_int_not_equal(middle, 0);
    assert_int_equal(ask(small, 2, false, FETCH_SESSION_IDLE_MS + 1),
                     KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    /* A follower pushes out a client's, however young; a client never a follower's. */
    assert_int_not_equal(session_of(1, true, FETCH_SESSION_IDLE_MS + 2), 0);
    assert_int_equal(ask(follower, 2, false, FETCH_SESSION_IDLE_MS + 3), 0);
    assert_int_equal(sessions->by_id.count, 3);
    /* Long idle: anybody's slot. */
    assert_int_not_equal(session_of(1, false, 4 * FETCH_SESSION_IDLE_MS), 0);
    assert_int_equal(sessions->evictions, 3);
}

/* Given up while a request of it waits: the request keeps it until its end. */
static void test_context_keeps_the_session(void **state)
{
    (void)state;
    int32_t id = session_of(3, false, 0);
    struct kafka_fetch_request request = {.session_id = id, .session_epoch = 1};
    struct fetch_context context;
    fetch_context_begin(sessions, &request, false, 0, &context);
    assert_int_equal(context.error, 0);
    assert_false(fetch_context_is_stale(&context));
    assert_int_equal(ask(id, 2, false, 0), 0); /* a client that does not wait for its answer */
    assert_true(fetch_context_is_stale(&context));
    assert_int_equal(ask(id, 0, false, 0), 0);
    assert_int_equal(sessions->by_id.count, 0);
    assert_int_equal(context.session->by_key.count, 3);
    fetch_context_end(sessions, &context);
    assert_int_equal(sessions->partitions, 0);
}

static void test_no_slots(void **state)
{
    (void)state;
    struct fetch_sessions *none = fetch_sessions_create(0, 1);
    assert_null(fetch_session_create(none, 1, false, true, 0));
    assert_null(fetch_session_create(sessions, 0, false, false, 0));
    assert_null(fetch_session_create(sessions, FETCH_SESSION_PARTITIONS_MAX + 1, false, false, 0));
    fetch_sessions_release(none);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_epochs),
        TEST(test_epoch_wraps_to_one),
        TEST(test_changes),
        TEST(test_news),
        TEST(test_rotation),
        TEST(test_slots),
        TEST(test_context_keeps_the_session),
        TEST(test_no_slots),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
