/* Produce, Fetch and what looks at logs, in every version: answers are decoded by the codec, which
 * also checks the bytes that fetch_answer.c writes by hand. */
#include "unit/support_kafka_net.h"

#include "base/memory.h"
#include "kafka/server/fetch_session.h"

static struct net_fixture fixture;
static struct net_client client;
static struct buffer bytes;
static int32_t next_id;

static int begin(void **state)
{
    (void)state;
    net_begin(&fixture, NULL);
    buffer_init(&bytes, (size_t)64 << 20);
    net_connect(&fixture, &client);
    next_id = 1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    net_leave(&client);
    buffer_release(&bytes);
    net_end(&fixture);
    return 0;
}

static void ask(int16_t api_key, int16_t version, const void *request, void *response)
{
    int32_t id = next_id++;
    net_frame(&bytes, api_key, version, id, request);
    net_send(&client, buffer_slice(&bytes));
    bytes.len = 0;
    net_expect(&client, api_key, version, id, response);
}

static int64_t produce(int16_t version, int32_t partition, int32_t count)
{
    struct kafka_produce_response response;
    int32_t id = next_id++;
    net_produce(&bytes, version, id, -1, partition, count, 50);
    net_send(&client, buffer_slice(&bytes));
    bytes.len = 0;
    net_expect(&client, KAFKA_API_PRODUCE, version, id, &response);
    assert_int_equal(response.responses[0].partition_responses[0].error_code, 0);
    return response.responses[0].partition_responses[0].base_offset;
}

/* ---- fetch ----------------------------------------------------------------------------------- */

struct fetching {
    struct kafka_fetch_request request;
    struct kafka_fetch_request_topic topic;
    struct kafka_fetch_request_partition parts[NET_PARTITIONS + 1];
};

static void fetching_init(struct fetching *fetching, int16_t version, int32_t count)
{
    memset(fetching, 0, sizeof *fetching);
    codec_init(&kafka_fetch_request_message, &fetching->request);
    fetching->request.max_wait_ms = 0;
    fetching->request.min_bytes = 1;
    if (version >= 3) {
        fetching->request.max_bytes = 10 << 20;
    }
    fetching->request.topics = &fetching->topic;
    fetching->request.topics_count = 1;
    fetching->topic.topic = SLICE_LIT(NET_TOPIC);
    fetching->topic.partitions = fetching->parts;
    fetching->topic.partitions_count = count;
    if (version >= 13) {
        fetching->topic.topic_id = (struct codec_uuid){{1, 2, 3}};
    }
    for (int32_t i = 0; i < count; i++) {
        fetching->parts[i].partition = i;
        fetching->parts[i].current_leader_epoch = -1;
        fetching->parts[i].last_fetched_epoch = -1;
        fetching->parts[i].log_start_offset = -1;
        fetching->parts[i].partition_max_bytes = 1 << 20;
    }
}

static struct kafka_fetch_response_partition *fetch_part(struct kafka_fetch_response *response,
                                                         int32_t index)
{
    assert_int_equal(response->error_code, 0);
    for (int32_t i = 0; i < response->responses_count; i++) {
        for (int32_t j = 0; j < response->responses[i].partitions_count; j++) {
            if (response->responses[i].partitions[j].partition_index == index) {
                return &response->responses[i].partitions[j];
            }
        }
    }
    return NULL;
}

static void test_fetch_in_every_version(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(produce(7, 0, 10), i * 10);
    }
    assert_int_equal(produce(9, 2, 3), 0);
    for (int16_t version = 0; version <= 17; version++) {
        struct fetching fetching;
        struct kafka_fetch_response response;
        fetching_init(&fetching, version, NET_PARTITIONS + 1);
        fetching.parts[0].fetch_offset = 15;
        ask(KAFKA_API_FETCH, version, &fetching.request, &response);
        struct kafka_fetch_response_partition *part = fetch_part(&response, 0);
        assert_int_equal(part->error_code, 0);
        assert_int_equal(part->high_watermark, 50);
        if (version >= 13) {
            assert_memory_equal(&response.responses[0].topic_id, &fetching.topic.topic_id, 16);
        } else {
            assert_true(slice_equal_cstr(response.responses[0].topic, NET_TOPIC));
        }
        if (version >= 4) {
            assert_int_equal(part->last_stable_offset, 50);
            assert_int_equal(part->aborted_transactions_count, -1);
        }
        struct batch_view view;
        assert_int_equal(batch_view(part->records, &view, NULL), 0);
        assert_int_equal(view.magic, version < 2 ? 0 : version < 4 ? 1 : 2);
        assert_int_equal(batch_check_crc(&view), 0);
        assert_int_equal(view.base_offset, version < 4 ? 15 : 10);
        assert_int_equal(fetch_part(&response, 1)->records.len, 0);
        assert_int_equal(fetch_part(&response, 1)->high_watermark, 0);
        assert_true(fetch_part(&response, 2)->records.len > 0);
        assert_int_equal(fetch_part(&response, 3)->error_code,
                         KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        arena_clear(&fixture.arena);
    }
}

static int16_t fetch_error(int16_t version, const struct fetching *fetching)
{
    struct kafka_fetch_response response;
    ask(KAFKA_API_FETCH, version, &fetching->request, &response);
    return fetch_part(&response, fetching->parts[0].partition)->error_code;
}

static void test_fetch_errors(void **state)
{
    (void)state;
    struct fetching fetching;
    (void)produce(7, 0, 10);
    fetching_init(&fetching, 12, 1);
    fetching.parts[0].fetch_offset = 11;
    assert_int_equal(fetch_error(12, &fetching), KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    fetching.parts[0].fetch_offset = -5;
    assert_int_equal(fetch_error(12, &fetching), KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    fetching.parts[0].fetch_offset = 10;
    assert_int_equal(fetch_error(12, &fetching), 0);
    fetching.parts[0].current_leader_epoch = 5;
    assert_int_equal(fetch_error(12, &fetching), KAFKA_ERROR_UNKNOWN_LEADER_EPOCH);
    struct topic *topic = topics_find(&fixture.broker.topics, SLICE_LIT(NET_TOPIC));
    partition_lead(topic->partitions[0].hosted, 7);
    assert_int_equal(fetch_error(12, &fetching), KAFKA_ERROR_FENCED_LEADER_EPOCH);
    /* Nobody else is a replica. */
    fetching.parts[0].current_leader_epoch = 7;
    fetching.request.replica_id = 5;
    assert_int_equal(fetch_error(12, &fetching), KAFKA_ERROR_UNKNOWN_LEADER_EPOCH);
    fetching.parts[0].current_leader_epoch = -1;
    assert_int_equal(fetch_error(12, &fetching), KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    fetching.request.replica_id = -1;
    /* The client's last epoch ended at 10: what it has behind that diverges. */
    fetching.parts[0].last_fetched_epoch = 3;
    struct kafka_fetch_response response;
    ask(KAFKA_API_FETCH, 12, &fetching.request, &response);
    assert_int_equal(fetch_part(&response, 0)->diverging_epoch.epoch, 0);
    assert_int_equal(fetch_part(&response, 0)->diverging_epoch.end_offset, 10);
    /* A topic that nobody knows by this id. */
    fetching_init(&fetching, 13, 1);
    fetching.topic.topic_id.bytes[5] = 99;
    assert_int_equal(fetch_error(13, &fetching), KAFKA_ERROR_UNKNOWN_TOPIC_ID);
    /* No longer its leader: who is stands in the answer. */
    partition_end_leadership(topic->partitions[0].hosted);
    fetching_init(&fetching, 16, 1);
    assert_int_equal(fetch_error(16, &fetching), KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
}

/* A full request makes a session; then only news is told, until there is some. */
static void test_fetch_session(void **state)
{
    (void)state;
    for (int16_t version = 7; version <= 17; version += 5) {
        struct fetching fetching;
        struct kafka_fetch_response response;
        fetching_init(&fetching, version, NET_PARTITIONS);
        fetching.request.session_epoch = 0;
        ask(KAFKA_API_FETCH, version, &fetching.request, &response);
        int32_t id = response.session_id;
        assert_int_not_equal(id, 0);
        assert_non_null(fetch_part(&response, 2));
        fetching.request.session_id = id;
        fetching.request.session_epoch = 1;
        fetching.request.topics_count = 0;
        int64_t at = fetch_part(&response, 1)->high_watermark;
        ask(KAFKA_API_FETCH, version, &fetching.request, &response);
        assert_int_equal(response.session_id, id);
        assert_null(at == 0 ? fetch_part(&response, 1) : NULL);
        assert_null(fetch_part(&response, 0));
        assert_int_equal(produce(7, 1, 4), at);
        fetching.request.session_epoch = 2;
        ask(KAFKA_API_FETCH, version, &fetching.request, &response);
        assert_int_equal(fetch_part(&response, 1)->high_watermark, at + 4);
        assert_true(fetch_part(&response, 1)->records.len > 0);
        assert_null(fetch_part(&response, 2));
        /* A duplicate of an earlier request. */
        ask(KAFKA_API_FETCH, version, &fetching.request, &response);
        assert_int_equal(response.error_code, KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH);
        fetching.request.session_epoch = -1;
        ask(KAFKA_API_FETCH, version, &fetching.request, &response);
        assert_int_equal(response.session_id, 0);
        arena_clear(&fixture.arena);
    }
    assert_int_equal(fixture.broker.fetch_sessions->by_id.count, 0);
}

/* The first batch comes whole whatever the limits say; a later one that does not fit, not at all.
 */
static void test_fetch_limits(void **state)
{
    (void)state;
    struct fetching fetching;
    struct kafka_fetch_response response;
    for (int32_t partition = 0; partition < NET_PARTITIONS; partition++) {
        (void)produce(7, partition, 100);
        (void)produce(7, partition, 100);
    }
    fetching_init(&fetching, 11, NET_PARTITIONS);
    fetching.request.max_bytes = 1000;
    for (int32_t i = 0; i < NET_PARTITIONS; i++) {
        fetching.parts[i].partition_max_bytes = 1000;
    }
    ask(KAFKA_API_FETCH, 11, &fetching.request, &response);
    struct batch_view view;
    assert_int_equal(batch_view(fetch_part(&response, 0)->records, &view, NULL), 0);
    assert_int_equal(fetch_part(&response, 0)->records.len, view.bytes.len);
    assert_int_equal(fetch_part(&response, 1)->records.len, 0);
    assert_int_equal(fetch_part(&response, 2)->records.len, 0);
}

static void test_read_committed(void **state)
{
    (void)state;
    struct fetching fetching;
    struct kafka_fetch_response response;
    (void)produce(7, 0, 5);
    fetching_init(&fetching, 11, 1);
    fetching.request.isolation_level = KAFKA_ISOLATION_READ_COMMITTED;
    ask(KAFKA_API_FETCH, 11, &fetching.request, &response);
    assert_int_equal(fetch_part(&response, 0)->aborted_transactions_count, 0);
    assert_true(fetch_part(&response, 0)->records.len > 0);
}

/* ---- produce --------------------------------------------------------------------------------- */

static void test_produce_in_every_version(void **state)
{
    (void)state;
    for (int16_t version = 3; version <= 11; version++) {
        assert_int_equal(produce(version, 0, 2), (version - 3) * 2);
    }
}

static int16_t produce_error(int16_t version, int16_t acks, const char *topic, int32_t partition)
{
    uint8_t batch[100] = {0};
    struct kafka_produce_request_partition part = {.index = partition,
                                                   .records = slice_of(batch, sizeof batch)};
    struct kafka_produce_request_topic data = {
        .name = slice_of_cstr(topic), .partition_data = &part, .partition_data_count = 1};
    struct kafka_produce_request request;
    struct kafka_produce_response response;
    codec_init(&kafka_produce_request_message, &request);
    request.acks = acks;
    request.timeout_ms = 1000;
    request.topic_data = &data;
    request.topic_data_count = 1;
    ask(KAFKA_API_PRODUCE, version, &request, &response);
    assert_int_equal(response.responses[0].partition_responses[0].base_offset, -1);
    return response.responses[0].partition_responses[0].error_code;
}

static void test_produce_errors(void **state)
{
    (void)state;
    struct topic *topic = topics_find(&fixture.broker.topics, SLICE_LIT(NET_TOPIC));
    assert_int_equal(produce_error(7, 5, NET_TOPIC, 0), KAFKA_ERROR_INVALID_REQUIRED_ACKS);
    assert_int_equal(produce_error(7, 1, "nobody", 0), KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(produce_error(7, 1, NET_TOPIC, NET_PARTITIONS),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(produce_error(7, 1, NET_TOPIC, -1), KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    /* Two replicas, one in sync, two wanted. */
    static const int32_t replicas[] = {1, 2};
    topic_partition_set_replicas(&topic->partitions[0], replicas, 2);
    topic->config.min_insync_replicas = 2;
    assert_int_equal(produce_error(7, -1, NET_TOPIC, 0), KAFKA_ERROR_NOT_ENOUGH_REPLICAS);
    topic->is_internal = true;
    assert_int_equal(produce_error(7, 1, NET_TOPIC, 0), KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    topic->is_internal = false;
    partition_end_leadership(topic->partitions[0].hosted);
    assert_int_equal(produce_error(10, 1, NET_TOPIC, 0), KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
}

/* ---- offsets --------------------------------------------------------------------------------- */

static struct kafka_list_offsets_response_partition list_offset(int16_t version, int64_t timestamp)
{
    struct kafka_list_offsets_request_partition part = {.partition_index = 0,
                                                        .timestamp = timestamp,
                                                        .current_leader_epoch = -1,
                                                        .max_num_offsets = version == 0 ? 5 : 1};
    struct kafka_list_offsets_request_topic topic = {
        .name = SLICE_LIT(NET_TOPIC), .partitions = &part, .partitions_count = 1};
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_response response;
    codec_init(&kafka_list_offsets_request_message, &request);
    request.replica_id = -1;
    request.topics = &topic;
    request.topics_count = 1;
    ask(KAFKA_API_LIST_OFFSETS, version, &request, &response);
    return response.topics[0].partitions[0];
}

static void test_list_offsets(void **state)
{
    (void)state;
    (void)produce(7, 0, 10);
    (void)produce(7, 0, 10);
    for (int16_t version = 1; version <= 9; version++) {
        assert_int_equal(list_offset(version, -1).offset, 20);
        assert_int_equal(list_offset(version, -2).offset, 0);
        assert_int_equal(list_offset(version, 0).offset, 0);
        assert_int_equal(list_offset(version, 1700000000000).timestamp, 1700000000000);
        assert_int_equal(list_offset(version, 1700000000001).offset, -1);
        assert_int_equal(list_offset(version, -3).error_code,
                         version >= 7 ? 0 : KAFKA_ERROR_UNSUPPORTED_VERSION);
        assert_int_equal(list_offset(version, -4).error_code,
                         version >= 8 ? 0 : KAFKA_ERROR_UNSUPPORTED_VERSION);
        assert_int_equal(list_offset(version, -5).error_code,
                         version >= 9 ? 0 : KAFKA_ERROR_UNSUPPORTED_VERSION);
        assert_int_equal(list_offset(version, -6).error_code, KAFKA_ERROR_UNSUPPORTED_VERSION);
        assert_int_equal(list_offset(version, -1).leader_epoch, version >= 4 ? 0 : -1);
    }
    struct kafka_list_offsets_response_partition old = list_offset(0, -1);
    assert_int_equal(old.old_style_offsets_count, 2);
    assert_int_equal(old.old_style_offsets[0], 20);
    assert_int_equal(old.old_style_offsets[1], 0);
}

static void test_offset_for_leader_epoch(void **state)
{
    (void)state;
    struct topic *topic = topics_find(&fixture.broker.topics, SLICE_LIT(NET_TOPIC));
    (void)produce(7, 0, 10);
    partition_lead(topic->partitions[0].hosted, 4);
    (void)produce(7, 0, 5);
    static const struct {
        int32_t asked;
        int32_t epoch;
        int64_t end_offset;
    } rows[] = {{0, 0, 10}, {2, 0, 10}, {4, 4, 15}, {9, -1, -1}};
    for (int16_t version = 0; version <= 4; version++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct kafka_offset_for_leader_epoch_request_partition part = {
                .partition = 0, .current_leader_epoch = -1, .leader_epoch = rows[i].asked};
            struct kafka_offset_for_leader_epoch_request_topic data = {
                .topic = SLICE_LIT(NET_TOPIC), .partitions = &part, .partitions_count = 1};
            struct kafka_offset_for_leader_epoch_request request;
            struct kafka_offset_for_leader_epoch_response response;
            codec_init(&kafka_offset_for_leader_epoch_request_message, &request);
            request.topics = &data;
            request.topics_count = 1;
            ask(KAFKA_API_OFFSET_FOR_LEADER_EPOCH, version, &request, &response);
            assert_int_equal(response.topics[0].partitions[0].error_code, 0);
            assert_int_equal(response.topics[0].partitions[0].end_offset, rows[i].end_offset);
            assert_int_equal(response.topics[0].partitions[0].leader_epoch,
                             version >= 1 ? rows[i].epoch : -1);
        }
    }
}

static struct kafka_delete_records_response_partition delete_before(int64_t offset)
{
    struct kafka_delete_records_request_partition part = {.partition_index = 0, .offset = offset};
    struct kafka_delete_records_request_topic topic = {
        .name = SLICE_LIT(NET_TOPIC), .partitions = &part, .partitions_count = 1};
    struct kafka_delete_records_request request;
    struct kafka_delete_records_response response;
    codec_init(&kafka_delete_records_request_message, &request);
    request.topics = &topic;
    request.topics_count = 1;
    ask(KAFKA_API_DELETE_RECORDS, 2, &request, &response);
    return response.topics[0].partitions[0];
}

static void test_delete_records(void **state)
{
    (void)state;
    struct topic *topic = topics_find(&fixture.broker.topics, SLICE_LIT(NET_TOPIC));
    (void)produce(7, 0, 10);
    assert_int_equal(delete_before(4).low_watermark, 4);
    assert_int_equal(delete_before(2).low_watermark, 4);
    assert_int_equal(list_offset(7, -2).offset, 4);
    assert_int_equal(delete_before(11).error_code, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_before(-2).error_code, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_before(-1).low_watermark, 10);
    topic->config.cleanup_policy = CLEANUP_COMPACT;
    assert_int_equal(delete_before(-1).error_code, KAFKA_ERROR_POLICY_VIOLATION);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_fetch_in_every_version),  TEST(test_fetch_errors),
        TEST(test_fetch_session),           TEST(test_fetch_limits),
        TEST(test_read_committed),          TEST(test_produce_in_every_version),
        TEST(test_produce_errors),          TEST(test_list_offsets),
        TEST(test_offset_for_leader_epoch), TEST(test_delete_records),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
