/* Connections of the broker: framing at every byte, order, pipelining, limits, muting, memory. */
#include <unistd.h>

#include "unit/support_kafka_net.h"

#include "base/memory.h"
#include "kafka/server/quotas.h"

static struct net_fixture fixture;
static struct buffer bytes; /* what a test sends */

static void begin_with(void (*change)(struct net_fixture *fixture))
{
    net_begin(&fixture, change);
    buffer_init(&bytes, (size_t)256 << 20);
}

static int begin(void **state)
{
    (void)state;
    begin_with(NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_release(&bytes);
    net_end(&fixture);
    return 0;
}

static void api_versions(int16_t version, int32_t correlation_id)
{
    struct kafka_api_versions_request request;
    codec_init(&kafka_api_versions_request_message, &request);
    request.client_software_name = SLICE_LIT("test");
    request.client_software_version = SLICE_LIT("1.0");
    net_frame(&bytes, KAFKA_API_API_VERSIONS, version, correlation_id, &request);
}

static void expect_versions(struct net_client *client, int16_t version, int32_t id, int16_t error)
{
    struct kafka_api_versions_response response;
    net_expect(client, KAFKA_API_API_VERSIONS, version, id, &response);
    assert_int_equal(response.error_code, error);
    if (error == 0) {
        assert_int_equal(response.api_keys_count, api_count);
    }
}

static struct kafka_produce_response_partition expect_produced(struct net_client *client,
                                                               int16_t version,
                                                               int32_t id)
{
    struct kafka_produce_response response;
    net_expect(client, KAFKA_API_PRODUCE, version, id, &response);
    assert_int_equal(response.responses_count, 1);
    assert_int_equal(response.responses[0].partition_responses_count, 1);
    return response.responses[0].partition_responses[0];
}

/* Appends a Fetch of one partition. */
static void fetch(int32_t id, int32_t partition, int64_t offset, int32_t wait_ms, int32_t min_bytes)
{
    struct kafka_fetch_request_partition part;
    struct kafka_fetch_request_topic topic = {
        .topic = SLICE_LIT(NET_TOPIC), .partitions = &part, .partitions_count = 1};
    struct kafka_fetch_request request;
    codec_init(&kafka_fetch_request_message, &request);
    memset(&part, 0, sizeof part);
    part.partition = partition;
    part.current_leader_epoch = -1;
    part.last_fetched_epoch = -1;
    part.log_start_offset = -1;
    part.fetch_offset = offset;
    part.partition_max_bytes = 64 << 20;
    request.max_bytes = 64 << 20;
    request.max_wait_ms = wait_ms;
    request.min_bytes = min_bytes;
    request.topics = &topic;
    request.topics_count = 1;
    net_frame(&bytes, KAFKA_API_FETCH, 11, id, &request);
}

static struct kafka_fetch_response_partition expect_fetched(struct net_client *client, int32_t id)
{
    struct kafka_fetch_response response;
    net_expect(client, KAFKA_API_FETCH, 11, id, &response);
    assert_int_equal(response.error_code, 0);
    assert_int_equal(response.responses_count, 1);
    return response.responses[0].partitions[0];
}

static void send_bytes(struct net_client *client)
{
    net_send(client, buffer_slice(&bytes));
    bytes.len = 0;
}

/* ---- framing --------------------------------------------------------------------------------- */

/* Every cut of a conversation: each prefix is sent alone, then the rest. */
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    for (int16_t version = 0; version <= 4; version++) {
        api_versions(version, version);
    }
    net_produce(&bytes, 7, 100, -1, 0, 3, 20);
    for (size_t cut = 1; cut < bytes.len; cut++) {
        struct net_client client;
        net_connect(&fixture, &client);
        net_send(&client, slice_part(buffer_slice(&bytes), 0, cut));
        net_turn(&fixture);
        net_send(&client, slice_part(buffer_slice(&bytes), cut, bytes.len));
        for (int16_t version = 0; version <= 4; version++) {
            expect_versions(&client, version, version, 0);
        }
        struct kafka_produce_response_partition part = expect_produced(&client, 7, 100);
        assert_int_equal(part.error_code, 0);
        assert_int_equal(part.base_offset, (int64_t)(cut - 1) * 3);
        net_leave(&client);
        arena_clear(&fixture.arena);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    struct net_client client;
    net_connect(&fixture, &client);
    api_versions(3, 1);
    net_produce(&bytes, 3, 2, 1, 0, 1, 100);
    for (size_t i = 0; i < bytes.len; i++) {
        net_send(&client, slice_part(buffer_slice(&bytes), i, i + 1));
    }
    expect_versions(&client, 3, 1, 0);
    assert_int_equal(expect_produced(&client, 3, 2).error_code, 0);
    net_leave(&client);
}

/* Larger than any read: it is collected in its place, and what is fetched is what was sent. */
static void test_large_frames(void **state)
{
    (void)state;
    struct net_client client;
    struct kafka_fetch_response_partition part;
    net_connect(&fixture, &client);
    for (int32_t i = 0; i < 3; i++) {
        net_produce(&bytes, 7, i, -1, 1, 9, 100000);
        net_produce(&bytes, 7, 10 + i, -1, 1, 1, 10);
    }
    send_bytes(&client);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(expect_produced(&client, 7, i).base_offset, i * 10);
        assert_int_equal(expect_produced(&client, 7, 10 + i).base_offset, i * 10 + 9);
    }
    fetch(50, 1, 0, 0, 1);
    send_bytes(&client);
    part = expect_fetched(&client, 50);
    assert_int_equal(part.high_watermark, 30);
    assert_true(part.records.len > 2700000);
    int64_t next = 0;
    for (struct slice rest = part.records; rest.len > 0;) {
        struct batch_view view;
        assert_int_equal(batch_view(rest, &view, NULL), 0);
        assert_int_equal(batch_check_crc(&view), 0);
        assert_int_equal(view.base_offset, next);
        next = view.last_offset + 1;
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    assert_int_equal(next, 30);
    net_leave(&client);
}

/* ---- what is no request ---------------------------------------------------------------------- */

static void expect_closed(struct slice frame)
{
    struct net_client client;
    uint64_t before = sockets_stats(fixture.broker.sockets)->closed_bad;
    net_connect(&fixture, &client);
    net_send(&client, frame);
    NET_UNTIL(&fixture, (net_receive(&client), client.is_closed));
    assert_int_equal(client.got.len, 0);
    assert_int_equal(sockets_stats(fixture.broker.sockets)->closed_bad, before + 1);
    net_leave(&client);
}

static void test_nonsense_closes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } frames[] = {
#define FRAME(text) {text, sizeof(text) - 1}
        FRAME("\xff\xff\xff\xff"),                       /* negative */
        FRAME("\x7f\xff\xff\xff"),                       /* above the limit */
        FRAME("\0\0\0\7"),                               /* no header fits */
        FRAME("\0\0\0\x0a\x7f\xff\0\0\0\0\0\1\xff\xff"), /* no such API */
        FRAME("\0\0\0\x0a\0\3\x7f\xff\0\0\0\1\xff\xff"), /* no such version */
        FRAME("\0\0\0\x0a\0\x12\0\0\0\0\0\1\x7f\xff"),   /* client id too long */
        FRAME("\0\0\0\x0a\0\0\0\7\0\0\0\1\xff\xff"),     /* no body */
        FRAME("\0\0\0\x14\0\0\0\7\0\0\0\1\xff\xff\xff\xff\0\1\0\0\0\0\x7f\xff\xff\xff"),
        FRAME("\0\0\0\x0e\0\x12\0\3\0\0\0\1\xff\xff\xff\xff\xff\xff"), /* tags without end */
        FRAME("GET / HTTP/1.1\r\n\r\n"),
#undef FRAME
    };
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        expect_closed(slice_of(frames[i].bytes, frames[i].len));
    }
    /* And the broker serves on. */
    struct net_client client;
    net_connect(&fixture, &client);
    api_versions(0, 1);
    send_bytes(&client);
    expect_versions(&client, 0, 1, 0);
    net_leave(&client);
}

/* A version of ApiVersions from the future is answered in version 0, whatever its body is. */
static void test_api_versions_of_the_future(void **state)
{
    (void)state;
    struct net_client client;
    net_connect(&fixture, &client);
    net_send(&client, SLICE_LIT("\0\0\0\x0c\0\x12\0\x63\0\0\0\5\xde\xad\xbe\xef"));
    struct kafka_api_versions_response response;
    net_expect(&client, KAFKA_API_API_VERSIONS, 0, 5, &response);
    assert_int_equal(response.error_code, KAFKA_ERROR_UNSUPPORTED_VERSION);
    assert_int_equal(response.api_keys_count, 1);
    assert_int_equal(response.api_keys[0].api_key, KAFKA_API_API_VERSIONS);
    assert_int_equal(response.api_keys[0].max_version, 4);
    api_versions(4, 6);
    send_bytes(&client);
    expect_versions(&client, 4, 6, 0);
    net_leave(&client);
}

/* Much announced and little sent costs little; so does an array of a count that cannot be. */
static void test_announcements_cost_nothing(void **state)
{
    (void)state;
    enum {
        CLIENTS = 50
    };
    struct net_client clients[CLIENTS];
    size_t before = mem_used();
    for (int i = 0; i < CLIENTS; i++) {
        net_connect(&fixture, &clients[i]);
        net_send(&clients[i], SLICE_LIT("\x06\x00\x00\x00\0\0\0\7 and little more"));
    }
    NET_UNTIL(&fixture, sockets_stats(fixture.broker.sockets)->connections == CLIENTS);
    for (int i = 0; i < 20; i++) {
        net_turn(&fixture);
    }
    size_t each = (mem_used() - before) / CLIENTS;
    /* The clients' own buffers of 64 KiB are in it. */
    assert_true(each < 300 * 1024);
    for (int i = 0; i < CLIENTS; i++) {
        net_leave(&clients[i]);
    }
    NET_UNTIL(&fixture, sockets_stats(fixture.broker.sockets)->connections == 0);
    assert_int_equal(sockets_stats(fixture.broker.sockets)->partial_bytes, 0);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Produce of one connection runs side by side and is answered in order; acks=1 does not overtake.
 */
static void test_pipelined_produce(void **state)
{
    (void)state;
    struct net_client client;
    net_connect(&fixture, &client);
    for (int32_t i = 0; i < 20; i++) {
        net_produce(&bytes, 7, i, (int16_t)(i % 3 == 0 ? -1 : 1), i % NET_PARTITIONS, 1, 10);
    }
    send_bytes(&client);
    for (int32_t i = 0; i < 20; i++) {
        assert_int_equal(expect_produced(&client, 7, i).error_code, 0);
    }
    net_leave(&client);
}

/* What comes behind a waiting fetch waits for it. */
static void test_fetch_holds_what_follows(void **state)
{
    (void)state;
    struct net_client consumer;
    struct net_client producer;
    net_connect(&fixture, &consumer);
    net_connect(&fixture, &producer);
    fetch(1, 2, 0, 5000, 1);
    api_versions(0, 2);
    send_bytes(&consumer);
    for (int i = 0; i < 20; i++) {
        net_turn(&fixture);
    }
    net_receive(&consumer);
    assert_int_equal(consumer.got.len, 0);
    net_produce(&bytes, 7, 1, -1, 2, 5, 10);
    send_bytes(&producer);
    assert_int_equal(expect_produced(&producer, 7, 1).base_offset, 0);
    assert_int_equal(expect_fetched(&consumer, 1).high_watermark, 5);
    expect_versions(&consumer, 0, 2, 0);
    net_leave(&consumer);
    net_leave(&producer);
}

/* min_bytes that do not come, max_wait_ms that pass. */
static void test_fetch_times_out(void **state)
{
    (void)state;
    struct net_client client;
    net_connect(&fixture, &client);
    uint64_t before_ns = runtime_now_ns(fixture.broker.runtime);
    fetch(1, 0, 0, 50, 1000);
    send_bytes(&client);
    assert_int_equal(expect_fetched(&client, 1).records.len, 0);
    assert_true(runtime_now_ns(fixture.broker.runtime) - before_ns >= 50000000);
    net_leave(&client);
}

/* Everybody leaves while they wait: nothing of them stays (net_end looks at the memory). */
static void test_leaving_while_waiting(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 10; i++) {
        struct net_client client;
        net_connect(&fixture, &client);
        if (i % 2 == 0) {
            fetch(1, i % NET_PARTITIONS, 0, 60000, 1 << 20);
        } else {
            net_produce(&bytes, 7, 1, -1, i % NET_PARTITIONS, 1, 10);
            net_produce(&bytes, 7, 2, -1, i % NET_PARTITIONS, 1, 10);
        }
        send_bytes(&client);
        net_leave(&client);
    }
    NET_UNTIL(&fixture, sockets_stats(fixture.broker.sockets)->connections == 0);
    assert_int_equal(sockets_stats(fixture.broker.sockets)->in_flight, 0);
}

static void test_acks_0(void **state)
{
    (void)state;
    struct net_client client;
    net_connect(&fixture, &client);
    net_produce(&bytes, 7, 1, 0, 0, 1, 10);
    net_produce(&bytes, 7, 2, 0, 0, 1, 10);
    net_produce(&bytes, 7, 3, -1, 0, 1, 10);
    send_bytes(&client);
    assert_int_equal(expect_produced(&client, 7, 3).base_offset, 2);
    /* An error has no other way to be told than the end of the connection. */
    net_produce(&bytes, 7, 4, 0, 77, 1, 10);
    send_bytes(&client);
    NET_UNTIL(&fixture, (net_receive(&client), client.is_closed));
    net_leave(&client);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void few_connections(struct net_fixture *changed)
{
    changed->broker.config.max_connections_per_ip = 3;
    changed->broker.config.connections_max_idle_ms = 1000;
}

static int begin_few(void **state)
{
    (void)state;
    begin_with(few_connections);
    return 0;
}

static void test_connections_of_one_address(void **state)
{
    (void)state;
    struct net_client clients[4];
    /* The first is idle, too, but for a request that waits for us. */
    fetch(1, 0, 0, 2200, 1 << 20);
    for (int i = 0; i < 4; i++) {
        net_connect(&fixture, &clients[i]);
        if (i == 0) {
            send_bytes(&clients[0]);
        }
        NET_UNTIL(&fixture, sockets_stats(fixture.broker.sockets)->accepted +
                                    sockets_stats(fixture.broker.sockets)->rejected ==
                                (uint64_t)i + 1);
    }
    NET_UNTIL(&fixture, (net_receive(&clients[3]), clients[3].is_closed));
    assert_int_equal(sockets_stats(fixture.broker.sockets)->rejected, 1);
    NET_UNTIL(&fixture, (net_receive(&clients[1]), clients[1].is_closed));
    NET_UNTIL(&fixture, (net_receive(&clients[2]), clients[2].is_closed));
    assert_int_equal(expect_fetched(&clients[0], 1).error_code, 0);
    NET_UNTIL(&fixture, (net_receive(&clients[0]), clients[0].is_closed));
    assert_int_equal(sockets_stats(fixture.broker.sockets)->closed_idle, 3);
    for (int i = 0; i < 4; i++) {
        net_leave(&clients[i]);
    }
}

static void little_memory(struct net_fixture *changed)
{
    changed->broker.config.queued_max_request_bytes = 512 << 10;
}

static int begin_little(void **state)
{
    (void)state;
    begin_with(little_memory);
    return 0;
}

/* Ten frames of 400 KB, sent in turns, with room for one: all of them arrive in the end. */
static void test_memory_of_cut_frames(void **state)
{
    (void)state;
    enum {
        CLIENTS = 10,
        STEP = 50000
    };
    struct net_client clients[CLIENTS];
    net_produce(&bytes, 7, 1, 1, 0, 4, 100000);
    size_t sent[CLIENTS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        net_connect(&fixture, &clients[i]);
    }
    uint64_t most = 0;
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (int i = 0; i < CLIENTS; i++) {
            size_t next = MIN(sent[i] + STEP, bytes.len);
            net_send(&clients[i], slice_part(buffer_slice(&bytes), sent[i], next));
            sent[i] = next;
            goes_on |= next < bytes.len;
            most = MAX(most, sockets_stats(fixture.broker.sockets)->partial_bytes);
        }
    }
    bytes.len = 0;
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(expect_produced(&clients[i], 7, 1).error_code, 0);
        net_leave(&clients[i]);
    }
    assert_true(most < (uint64_t)4 << 20);
}

/* A peer that never reads gets no further answers made, and the broker's memory stays small. */
static void test_slow_reader(void **state)
{
    (void)state;
    struct net_client client;
    net_connect(&fixture, &client);
    net_produce(&bytes, 7, 1, -1, 0, 9, 100000);
    send_bytes(&client);
    assert_int_equal(expect_produced(&client, 7, 1).error_code, 0);
    size_t before = mem_used();
    enum {
        FETCHES = 200
    };
    for (int32_t i = 0; i < FETCHES; i++) {
        fetch(i, 0, 0, 0, 1);
    }
    net_send(&client, buffer_slice(&bytes));
    for (int i = 0; i < 50; i++) {
        net_turn(&fixture);
    }
    assert_true(mem_used() < before + ((size_t)2 << 20));
    assert_true(sockets_stats(fixture.broker.sockets)->requests < FETCHES);
    /* It reads after all: every answer comes. */
    for (int32_t i = 0; i < FETCHES; i++) {
        assert_true(expect_fetched(&client, i).records.len > 900000);
        arena_clear(&fixture.arena);
    }
    net_leave(&client);
}

/* ---- quotas ---------------------------------------------------------------------------------- */

/* Over its quota the answer comes at once, says how long, and the next request waits for so long.
 */
static void test_throttled_produce_mutes(void **state)
{
    (void)state;
    struct net_client client;
    struct kafka_produce_response response;
    assert_true(quota_table_set(fixture.broker.quotas, SLICE_LIT("clients"), SLICE_LIT("test"),
                                SLICE_LIT("producer_byte_rate"), SLICE_LIT("10000")));
    net_connect(&fixture, &client);
    net_produce(&bytes, 7, 1, 1, 0, 1, 102000);
    api_versions(0, 2);
    uint64_t before_ns = runtime_now_ns(fixture.broker.runtime);
    send_bytes(&client);
    net_expect(&client, KAFKA_API_PRODUCE, 7, 1, &response);
    assert_in_range(response.throttle_time_ms, 100, 500);
    uint64_t told_ns = runtime_now_ns(fixture.broker.runtime);
    assert_true(told_ns - before_ns < 100000000);
    expect_versions(&client, 0, 2, 0);
    uint64_t waited_ns = runtime_now_ns(fixture.broker.runtime) - before_ns;
    assert_true(waited_ns >= (uint64_t)response.throttle_time_ms * 1000000);
    net_leave(&client);
}

static void test_throttled_fetch_is_empty(void **state)
{
    (void)state;
    struct net_client client;
    struct kafka_fetch_response response;
    net_connect(&fixture, &client);
    net_produce(&bytes, 7, 1, -1, 0, 1, 110000);
    send_bytes(&client);
    assert_int_equal(expect_produced(&client, 7, 1).error_code, 0);
    assert_true(quota_table_set(fixture.broker.quotas, SLICE_LIT("users"), SLICE_LIT("ANONYMOUS"),
                                SLICE_LIT("consumer_byte_rate"), SLICE_LIT("10000")));
    fetch(2, 0, 0, 0, 1);
    send_bytes(&client);
    net_expect(&client, KAFKA_API_FETCH, 11, 2, &response);
    assert_true(response.throttle_time_ms > 0);
    assert_int_equal(response.responses_count, 0);
    net_leave(&client);
}

/* request_percentage: time of the thread, paid back by a pause of at most a second, and told by the
 * next answer. */
static void test_busy_client_is_muted(void **state)
{
    (void)state;
    struct net_client client;
    assert_true(quota_table_set(fixture.broker.quotas, SLICE_LIT("clients"), SLICE_LIT("test"),
                                SLICE_LIT("request_percentage"), SLICE_LIT("0.0000001")));
    net_connect(&fixture, &client);
    api_versions(0, 1);
    api_versions(0, 2);
    send_bytes(&client);
    expect_versions(&client, 0, 1, 0);
    uint64_t told_ns = runtime_now_ns(fixture.broker.runtime);
    expect_versions(&client, 0, 2, 0);
    uint64_t waited_ns = runtime_now_ns(fixture.broker.runtime) - told_ns;
    assert_in_range(waited_ns / 1000000, 500, 3000);
    struct kafka_api_versions_response versions;
    api_versions(2, 3);
    send_bytes(&client);
    net_expect(&client, KAFKA_API_API_VERSIONS, 2, 3, &versions);
    assert_in_range(versions.throttle_time_ms, 1, 1000);
    net_leave(&client);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_cut_at_every_byte),
        TEST(test_byte_by_byte),
        TEST(test_large_frames),
        TEST(test_nonsense_closes),
        TEST(test_api_versions_of_the_future),
        TEST(test_announcements_cost_nothing),
        TEST(test_pipelined_produce),
        TEST(test_fetch_holds_what_follows),
        TEST(test_fetch_times_out),
        TEST(test_leaving_while_waiting),
        TEST(test_acks_0),
        cmocka_unit_test_setup_teardown(test_connections_of_one_address, begin_few, end),
        cmocka_unit_test_setup_teardown(test_memory_of_cut_frames, begin_little, end),
        TEST(test_slow_reader),
        TEST(test_throttled_produce_mutes),
        TEST(test_throttled_fetch_is_empty),
        TEST(test_busy_client_is_muted),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
