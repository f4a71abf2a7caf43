/* The request client against a broker that the tests script: routes, versions, retries, timeouts,
 * and what a hostile broker may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "kafka/client/client.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define NS_PER_MS UINT64_C(1000000)
#define TEST_LIMIT_MS 4000
#define FRAME_MAX 65536

struct fake;
typedef void fake_answer(struct fake *fake, int16_t key, int16_t version, int32_t correlation);

struct fake {
    struct runtime *runtime;
    struct tcp_listener *listener;
    struct tcp_stream *stream; /* the last one */
    struct buffer input;
    fake_answer *answer;
    int requests[128]; /* by api */
    int connections;
    int metadata_seen;
    int16_t versions_max; /* of Metadata, as it is told */
    uint64_t seed;
};

struct outcome {
    bool is_done;
    int error;
    int16_t version;
    int16_t kafka_error;
    char message[320];
    struct kafka_client *release; /* in the callback */
};

static struct fake fake;
static struct kafka_client *client;
static char bootstrap[64];

/* ---- the broker -------------------------------------------------------------------------------
 */

static void send_frame(struct fake *to, struct slice frame)
{
    struct buffer *out = tcp_output(to->stream);
    buffer_append_be32(out, (uint32_t)frame.len);
    buffer_append(out, frame);
}

static void send_message(struct fake *to,
                         const struct codec_message *request,
                         const struct codec_message *message,
                         int16_t version,
                         int32_t correlation,
                         const void *value)
{
    struct buffer frame;
    bool is_versions = message == &kafka_api_versions_response_message;
    buffer_init(&frame, FRAME_MAX);
    buffer_append_be32(&frame, (uint32_t)correlation);
    if (codec_is_flexible(request, version) && !is_versions) {
        buffer_append_u8(&frame, 0);
    }
    assert_int_equal(codec_encode(message, version, value, &frame), 0);
    send_frame(to, buffer_slice(&frame));
    buffer_release(&frame);
}

static void answer_versions(struct fake *to, int16_t version, int32_t correlation)
{
    struct kafka_api_versions_response_api_version apis[5];
    struct kafka_api_versions_response response;
    const int16_t keys[] = {KAFKA_API_METADATA, KAFKA_API_FIND_COORDINATOR, KAFKA_API_LIST_GROUPS,
                            KAFKA_API_API_VERSIONS, KAFKA_API_LIST_OFFSETS};
    codec_init(&kafka_api_versions_response_message, &response);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        codec_init(&kafka_api_versions_response_api_version_message, &apis[i]);
        apis[i].api_key = keys[i];
        apis[i].max_version = keys[i] == KAFKA_API_METADATA ? to->versions_max : 4;
    }
    response.api_keys = apis;
    response.api_keys_count = ARRAY_LEN(apis);
    send_message(to, &kafka_api_versions_request_message, &kafka_api_versions_response_message,
                 version, correlation, &response);
}

/* This broker is number 1, the controller, and leads t-0. */
static void answer_metadata(struct fake *to, int16_t version, int32_t correlation)
{
    struct kafka_metadata_response response;
    struct kafka_metadata_response_broker broker;
    struct kafka_metadata_response_topic topic;
    struct kafka_metadata_response_partition partition;
    codec_init(&kafka_metadata_response_message, &response);
    codec_init(&kafka_metadata_response_broker_message, &broker);
    codec_init(&kafka_metadata_response_topic_message, &topic);
    codec_init(&kafka_metadata_response_partition_message, &partition);
    broker.node_id = 1;
    broker.host = SLICE_LIT("127.0.0.1");
    broker.port = tcp_listener_address(to->listener).port;
    partition.leader_id = 1;
    topic.name = SLICE_LIT("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    response.brokers = &broker;
    response.brokers_count = 1;
    response.topics = &topic;
    response.topics_count = 1;
    response.controller_id = 1;
    to->metadata_seen += 1;
    send_message(to, &kafka_metadata_request_message, &kafka_metadata_response_message, version,
                 correlation, &response);
}

static void answer_groups(struct fake *to, int16_t version, int32_t correlation, int16_t error)
{
    struct kafka_list_groups_response response;
    codec_init(&kafka_list_groups_response_message, &response);
    response.error_code = error;
    send_message(to, &kafka_list_groups_request_message, &kafka_list_groups_response_message,
                 version, correlation, &response);
}

static void answer_well(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key == KAFKA_API_API_VERSIONS) {
        answer_versions(to, version, correlation);
    } else if (key == KAFKA_API_METADATA) {
        answer_metadata(to, version, correlation);
    } else if (key == KAFKA_API_LIST_GROUPS) {
        answer_groups(to, version, correlation, 0);
    }
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct fake *to = ctx;
    if (stream != to->stream) {
        return;
    }
    buffer_append(&to->input, bytes);
    while (to->stream == stream && to->input.len >= 12) {
        size_t len = load_be32(to->input.data);
        int16_t key = (int16_t)load_be16(to->input.data + 4);
        int16_t version = (int16_t)load_be16(to->input.data + 6);
        int32_t correlation = (int32_t)load_be32(to->input.data + 8);
        if (to->input.len < len + 4) {
            return;
        }
        buffer_consume(&to->input, len + 4);
        to->requests[key] += 1;
        to->answer(to, key, version, correlation);
    }
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct fake *to = ctx;
    (void)reason;
    if (to->stream == stream) {
        to->stream = NULL;
    }
}

static const struct tcp_handler fake_handler = {.on_data = on_data, .on_close = on_close};

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    struct fake *to = ctx;
    buffer_clear(&to->input, 0);
    to->stream = stream;
    to->connections += 1;
    tcp_accept(stream, &fake_handler, to);
}

static void hang_up(struct fake *to)
{
    struct tcp_stream *stream = to->stream;
    to->stream = NULL;
    tcp_close(stream, 0);
}

/* ---- the client -------------------------------------------------------------------------------
 */

static int begin(void **state)
{
    struct tcp_address address;
    struct tcp_listen_options options = {.reuse_address = true};
    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.answer = answer_well;
    fake.versions_max = 12;
    buffer_init(&fake.input, FRAME_MAX);
    assert_int_equal(runtime_create(NULL, &fake.runtime), 0);
    assert_true(tcp_address_parse(SLICE_LIT("127.0.0.1"), 0, &address));
    assert_int_equal(tcp_listen(fake.runtime, &address, &options, on_accept, &fake, &fake.listener),
                     0);
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", tcp_listener_address(fake.listener).port);
    struct kafka_client_config config = {
        .bootstrap_servers = slice_of_cstr(bootstrap),
        .client_id = SLICE_LIT("tests"),
        .request_timeout_ms = 300,
        .call_timeout_ms = 2000,
        .retry_backoff_ms = 2,
        .retry_backoff_max_ms = 10,
        .response_bytes_max = FRAME_MAX,
    };
    assert_int_equal(kafka_client_open(fake.runtime, &config, NULL, &client), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (client != NULL) {
        kafka_client_release(client);
        client = NULL;
    }
    runtime_destroy(fake.runtime);
    buffer_release(&fake.input);
    return 0;
}

static int16_t groups_error(const void *response, int16_t version)
{
    (void)version;
    return ((const struct kafka_list_groups_response *)response)->error_code;
}

static void on_done(void *ctx, const struct kafka_reply *reply)
{
    struct outcome *outcome = ctx;
    assert_false(outcome->is_done);
    outcome->is_done = true;
    outcome->error = reply->error;
    outcome->version = reply->version;
    snprintf(outcome->message, sizeof outcome->message, "%s", reply->message);
    if (reply->error == 0) {
        outcome->kafka_error = groups_error(reply->response, reply->version);
    }
    if (outcome->release != NULL) {
        kafka_client_release(outcome->release);
        client = NULL;
    }
}

static void ask_groups(struct outcome *outcome, struct kafka_target target, bool is_once)
{
    struct kafka_list_groups_request request;
    codec_init(&kafka_list_groups_request_message, &request);
    struct kafka_call call = {
        .target = target,
        .request_message = &kafka_list_groups_request_message,
        .response_message = &kafka_list_groups_response_message,
        .request = &request,
        .error_of = groups_error,
        .is_once = is_once,
        .done = on_done,
        .ctx = outcome,
    };
    assert_int_equal(kafka_client_call(client, &call), 0);
    assert_false(outcome->is_done);
}

static void wait_for(const struct outcome *outcome)
{
    uint64_t end_ns = runtime_now_ns(fake.runtime) + TEST_LIMIT_MS * NS_PER_MS;
    while (!outcome->is_done) {
        assert_true(runtime_now_ns(fake.runtime) < end_ns);
        runtime_turn(fake.runtime, 10);
    }
}

static const struct kafka_target any = {.kind = KAFKA_TARGET_ANY};
static const struct kafka_target controller = {.kind = KAFKA_TARGET_CONTROLLER};

/* ---- what goes well ---------------------------------------------------------------------------
 */

static void test_any_broker(void **state)
{
    struct outcome outcomes[3] = {{0}};
    int16_t first;
    int16_t last;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        ask_groups(&outcomes[i], any, false);
    }
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        wait_for(&outcomes[i]);
        assert_int_equal(outcomes[i].error, 0);
        assert_int_equal(outcomes[i].version, 4);
    }
    assert_int_equal(fake.connections, 1);
    assert_int_equal(fake.requests[KAFKA_API_API_VERSIONS], 1);
    assert_true(kafka_client_api_range(client, -1, KAFKA_API_LIST_GROUPS, &first, &last));
    assert_int_equal(last, 4);
    assert_false(kafka_client_api_range(client, -1, KAFKA_API_PRODUCE, &first, &last));
}

static void test_controller_and_leader(void **state)
{
    struct outcome outcome = {0};
    struct kafka_client_broker broker;
    (void)state;
    ask_groups(&outcome, controller, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(kafka_client_controller(client), 1);
    assert_true(kafka_client_broker(client, 1, &broker));
    assert_string_equal(broker.host, "127.0.0.1");
    assert_false(kafka_client_broker(client, 7, &broker));
    outcome = (struct outcome){0};
    ask_groups(&outcome,
               (struct kafka_target){.kind = KAFKA_TARGET_LEADER, .topic = SLICE_LIT("t")}, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(kafka_client_leader(client, SLICE_LIT("t"), 0), 1);
    assert_int_equal(kafka_client_leader(client, SLICE_LIT("t"), 1), -1);
    assert_int_equal(kafka_client_leader(client, SLICE_LIT("u"), 0), -1);
}

/* KIP-511: the answer to a version that is not known has version 0's form. */
static void old_broker(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    struct kafka_api_versions_response response;
    if (key != KAFKA_API_API_VERSIONS || version == 0) {
        answer_well(to, key, version, correlation);
        return;
    }
    codec_init(&kafka_api_versions_response_message, &response);
    response.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    send_message(to, &kafka_api_versions_request_message, &kafka_api_versions_response_message, 0,
                 correlation, &response);
}

static void test_old_api_versions(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    fake.answer = old_broker;
    ask_groups(&outcome, any, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(fake.requests[KAFKA_API_API_VERSIONS], 2);
    assert_int_equal(fake.connections, 1);
}

/* ---- errors that pass --------------------------------------------------------------------------
 */

static void busy_twice(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key == KAFKA_API_LIST_GROUPS && to->requests[key] <= 2) {
        answer_groups(to, version, correlation,
                      to->requests[key] == 1 ? KAFKA_ERROR_NOT_CONTROLLER
                                             : KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS);
        return;
    }
    answer_well(to, key, version, correlation);
}

static void test_retried(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    fake.answer = busy_twice;
    ask_groups(&outcome, controller, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(outcome.kafka_error, 0);
    assert_int_equal(fake.requests[KAFKA_API_LIST_GROUPS], 3);
    assert_int_equal(fake.metadata_seen, 2); /* once more after NOT_CONTROLLER */
}

static void always_busy(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key == KAFKA_API_LIST_GROUPS) {
        answer_groups(to, version, correlation, KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS);
    } else {
        answer_well(to, key, version, correlation);
    }
}

/* When the time is over, the last answer is given as it is; on a slow machine the last attempt may
 * be cut off before it. */
static void test_retried_in_vain(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    kafka_client_set_call_timeout(client, 100);
    fake.answer = always_busy;
    ask_groups(&outcome, any, false);
    wait_for(&outcome);
    if (outcome.error == 0) {
        assert_int_equal(outcome.kafka_error, KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS);
    } else {
        assert_int_equal(outcome.error, ERR_TIMEOUT);
    }
    assert_true(fake.requests[KAFKA_API_LIST_GROUPS] > 2);
}

static void final_error(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key == KAFKA_API_LIST_GROUPS) {
        answer_groups(to, version, correlation, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED);
    } else {
        answer_well(to, key, version, correlation);
    }
}

static void test_final_error(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    fake.answer = final_error;
    ask_groups(&outcome, any, false);
    wait_for(&outcome);
    assert_int_equal(outcome.kafka_error, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED);
    assert_int_equal(fake.requests[KAFKA_API_LIST_GROUPS], 1);
}

static void hang_up_once(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key == KAFKA_API_LIST_GROUPS && to->requests[key] == 1) {
        hang_up(to);
    } else {
        answer_well(to, key, version, correlation);
    }
}

static void test_connection_lost(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    fake.answer = hang_up_once;
    ask_groups(&outcome, any, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(fake.connections, 2);
    outcome = (struct outcome){0};
    fake.requests[KAFKA_API_LIST_GROUPS] = 0;
    ask_groups(&outcome, any, true);
    wait_for(&outcome);
    assert_int_equal(outcome.error, ERR_CLOSED);
    assert_int_equal(fake.requests[KAFKA_API_LIST_GROUPS], 1);
}

static void silent_once(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key != KAFKA_API_LIST_GROUPS || to->requests[key] > 1) {
        answer_well(to, key, version, correlation);
    }
}

/* No answer within request_timeout_ms: the connection is given up and the call tried again. */
static void test_silence(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    fake.answer = silent_once;
    ask_groups(&outcome, any, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, 0);
    assert_int_equal(fake.connections, 2);
}

static void test_nobody_there(void **state)
{
    struct outcome outcome = {0};
    (void)state;
    kafka_client_set_call_timeout(client, 150);
    tcp_listener_close(fake.listener);
    ask_groups(&outcome, controller, false);
    wait_for(&outcome);
    assert_int_equal(outcome.error, ERR_TIMEOUT);
    assert_non_null(strstr(outcome.message, "127.0.0.1"));
}

static void test_unknown_places(void **state)
{
    struct outcome outcomes[2] = {{0}};
    (void)state;
    kafka_client_set_call_timeout(client, 150);
    ask_groups(&outcomes[0], (struct kafka_target){.kind = KAFKA_TARGET_BROKER, .broker_id = 9},
               false);
    ask_groups(&outcomes[1],
               (struct kafka_target){
                   .kind = KAFKA_TARGET_LEADER, .topic = SLICE_LIT("nope"), .partition = 3},
               false);
    wait_for(&outcomes[0]);
    wait_for(&outcomes[1]);
    assert_int_equal(outcomes[0].error, ERR_TIMEOUT);
    assert_string_equal(outcomes[0].message, "there is no broker 9");
    assert_int_equal(outcomes[1].error, ERR_TIMEOUT);
    assert_string_equal(outcomes[1].message, "nope-3 has no leader");
}

static void test_unsupported(void **state)
{
    struct outcome outcome = {0};
    struct kafka_delete_groups_request request;
    (void)state;
    codec_init(&kafka_delete_groups_request_message, &request);
    struct kafka_call call = {
        .target = any,
        .request_message = &kafka_delete_groups_request_message,
        .response_message = &kafka_delete_groups_response_message,
        .request = &request,
        .done = on_done,
        .ctx = &outcome,
    };
    assert_int_equal(kafka_client_call(client, &call), 0);
    wait_for(&outcome);
    assert_int_equal(outcome.error, ERR_UNSUPPORTED);
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static void test_release(void **state)
{
    struct outcome outcomes[2] = {{0}};
    (void)state;
    outcomes[0].release = client;
    ask_groups(&outcomes[0], any, false);
    ask_groups(&outcomes[1], (struct kafka_target){.kind = KAFKA_TARGET_BROKER, .broker_id = 9},
               false);
    wait_for(&outcomes[0]);
    assert_int_equal(outcomes[0].error, 0);
    assert_true(outcomes[1].is_done);
    assert_int_equal(outcomes[1].error, ERR_CANCELLED);
}

static void test_bootstrap(void **state)
{
    static const char *const bad[] = {"", ",", "host", "host:", ":9", "h:x", "h:70000", "h:-1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct kafka_client_config config = {.bootstrap_servers = slice_of_cstr(bad[i])};
        struct kafka_client *refused;
        struct errmsg message = {""};
        assert_int_equal(kafka_client_open(fake.runtime, &config, &message, &refused), ERR_INVALID);
        assert_true(message.text[0] != '\0');
    }
    struct kafka_client_config config = {.bootstrap_servers = SLICE_LIT(" a:1 ,,[::1]:2,b:3")};
    struct kafka_client *opened;
    assert_int_equal(kafka_client_open(fake.runtime, &config, NULL, &opened), 0);
    kafka_client_release(opened);
}

/* ---- hostile answers ---------------------------------------------------------------------------
 */

static void too_long(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    if (key == KAFKA_API_LIST_GROUPS) {
        buffer_append_be32(tcp_output(to->stream), 0x7fffffff);
        buffer_append_be32(tcp_output(to->stream), (uint32_t)correlation);
    } else {
        answer_well(to, key, version, correlation);
    }
}

static void out_of_order(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    answer_well(to, key, version, key == KAFKA_API_LIST_GROUPS ? correlation + 5 : correlation);
}

static void cut_short(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    uint8_t frame[7] = {0};
    if (key == KAFKA_API_LIST_GROUPS) {
        store_be32(frame, (uint32_t)correlation);
        send_frame(to, slice_of(frame, sizeof frame));
    } else {
        answer_well(to, key, version, correlation);
    }
}

/* A count that the bytes behind it cannot hold. */
static void forged_count(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    uint8_t frame[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f};
    if (key == KAFKA_API_LIST_GROUPS) {
        store_be32(frame, (uint32_t)correlation);
        send_frame(to, slice_of(frame, sizeof frame));
    } else {
        answer_well(to, key, version, correlation);
    }
}

static void unasked(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    answer_well(to, key, version, correlation);
    if (key == KAFKA_API_API_VERSIONS) {
        answer_well(to, KAFKA_API_LIST_GROUPS, 0, 12345);
    }
}

static void no_versions(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    static const uint8_t http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    (void)key;
    (void)version;
    (void)correlation;
    buffer_append(tcp_output(to->stream), slice_of(http, sizeof http - 1));
}

static void test_hostile_answers(void **state)
{
    static fake_answer *const answers[] = {too_long,     out_of_order, cut_short,
                                           forged_count, unasked,      no_versions};
    (void)state;
    kafka_client_set_call_timeout(client, 60);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct outcome outcome = {0};
        fake.answer = answers[i];
        ask_groups(&outcome, any, false);
        wait_for(&outcome);
        assert_true(outcome.error == ERR_TIMEOUT || outcome.error == ERR_CORRUPT);
        fake.answer = answer_well;
        outcome = (struct outcome){0};
        kafka_client_set_call_timeout(client, 3000);
        ask_groups(&outcome, any, false);
        wait_for(&outcome);
        assert_int_equal(outcome.error, 0); /* and it goes on */
        kafka_client_set_call_timeout(client, 60);
        hang_up(&fake);
    }
}

/* Partition numbers, ports, ids and names that no cluster has. */
static void mad_metadata(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    struct kafka_metadata_response response;
    struct kafka_metadata_response_broker brokers[3];
    struct kafka_metadata_response_topic topics[2];
    struct kafka_metadata_response_partition partitions[2];
    if (key != KAFKA_API_METADATA) {
        answer_well(to, key, version, correlation);
        return;
    }
    codec_init(&kafka_metadata_response_message, &response);
    for (size_t i = 0; i < ARRAY_LEN(brokers); i++) {
        codec_init(&kafka_metadata_response_broker_message, &brokers[i]);
        brokers[i].node_id = i == 0 ? -5 : (int32_t)i;
        brokers[i].host = i == 1 ? SLICE_LIT("") : SLICE_LIT("h");
        brokers[i].port = i == 2 ? 700000 : 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        codec_init(&kafka_metadata_response_topic_message, &topics[i]);
        codec_init(&kafka_metadata_response_partition_message, &partitions[i]);
        topics[i].name = i == 0 ? SLICE_LIT("t") : SLICE_LIT("");
        topics[i].partitions = &partitions[i];
        topics[i].partitions_count = 1;
        partitions[i].partition_index = i == 0 ? INT32_MAX : -1;
    }
    response.brokers = brokers;
    response.brokers_count = ARRAY_LEN(brokers);
    response.topics = topics;
    response.topics_count = ARRAY_LEN(topics);
    response.controller_id = 77;
    send_message(to, &kafka_metadata_request_message, &kafka_metadata_response_message, version,
                 correlation, &response);
}

static void test_mad_metadata(void **state)
{
    struct outcome outcomes[2] = {{0}};
    struct kafka_client_broker broker;
    (void)state;
    kafka_client_set_call_timeout(client, 100);
    fake.answer = mad_metadata;
    ask_groups(&outcomes[0], controller, false);
    ask_groups(&outcomes[1],
               (struct kafka_target){.kind = KAFKA_TARGET_LEADER, .topic = SLICE_LIT("t")}, false);
    wait_for(&outcomes[0]);
    wait_for(&outcomes[1]);
    assert_int_equal(outcomes[0].error, ERR_TIMEOUT);
    assert_int_equal(outcomes[1].error, ERR_TIMEOUT);
    assert_false(kafka_client_broker(client, -5, &broker));
    assert_false(kafka_client_broker(client, 1, &broker));
    assert_false(kafka_client_broker(client, 2, &broker));
}

static void noise(struct fake *to, int16_t key, int16_t version, int32_t correlation)
{
    struct random random;
    uint8_t frame[200];
    random_init(&random, to->seed++);
    size_t len = 4 + (size_t)random_below(&random, sizeof frame - 4);
    for (size_t i = 0; i < len; i++) {
        frame[i] = random_below(&random, 3) == 0 ? 0 : (uint8_t)random_below(&random, 256);
    }
    store_be32(frame, (uint32_t)correlation);
    if (random_below(&random, 2) == 0) {
        answer_well(to, key, version, correlation);
    } else {
        send_frame(to, slice_of(frame, len));
    }
}

static void test_noise(void **state)
{
    (void)state;
    kafka_client_set_call_timeout(client, 40);
    fake.answer = noise;
    for (int i = 0; i < 40; i++) {
        struct outcome outcome = {0};
        ask_groups(&outcome, i % 2 == 0 ? any : controller, false);
        wait_for(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_broker, begin, end),
        cmocka_unit_test_setup_teardown(test_controller_and_leader, begin, end),
        cmocka_unit_test_setup_teardown(test_old_api_versions, begin, end),
        cmocka_unit_test_setup_teardown(test_retried, begin, end),
        cmocka_unit_test_setup_teardown(test_retried_in_vain, begin, end),
        cmocka_unit_test_setup_teardown(test_final_error, begin, end),
        cmocka_unit_test_setup_teardown(test_connection_lost, begin, end),
        cmocka_unit_test_setup_teardown(test_silence, begin, end),
        cmocka_unit_test_setup_teardown(test_nobody_there, begin, end),
        cmocka_unit_test_setup_teardown(test_unknown_places, begin, end),
        cmocka_unit_test_setup_teardown(test_unsupported, begin, end),
        cmocka_unit_test_setup_teardown(test_release, begin, end),
        cmocka_unit_test_setup_teardown(test_bootstrap, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_answers, begin, end),
        cmocka_unit_test_setup_teardown(test_mad_metadata, begin, end),
        cmocka_unit_test_setup_teardown(test_noise, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
