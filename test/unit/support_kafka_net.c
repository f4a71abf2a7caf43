/* See support_kafka_net.h. */
#include "unit/support_kafka_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "kafka/server/fetch_session.h"
#include "kafka/server/producer_ids.h"
#include "kafka/server/quotas.h"
#include "runtime/uv/runtime_uv.h"

#define SELF_ID 1

/* ---- the broker ------------------------------------------------------------------------------ */

static const struct topic_config *config_of(void *ctx, struct slice topic)
{
    struct net_fixture *fixture = ctx;
    (void)topic;
    return &fixture->config;
}

static int64_t high_watermark_of(void *ctx, const struct stored_log *log)
{
    (void)ctx;
    return ((const struct partition *)log->owner)->high_watermark;
}

static void on_changed(void *ctx, struct stored_log *log)
{
    (void)ctx;
    partition_changed(log->owner);
}

static void on_dir_failed(void *ctx, struct log_dir *dir)
{
    struct net_fixture *fixture = ctx;
    LIST_FOR_EACH(link, &fixture->broker.partitions)
    {
        struct partition *partition = CONTAINER_OF(link, struct partition, link);
        if (partition->dir == dir) {
            partition_go_offline(partition);
        }
    }
}

static void on_all_failed(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void on_listening(void *ctx, int error, const char *text)
{
    struct net_fixture *fixture = ctx;
    if (error != 0) {
        fail_msg("%s", text);
    }
    fixture->port = sockets_address(fixture->broker.sockets, 0).port;
    sockets_serve(fixture->broker.sockets);
    fixture->is_ready = true;
}

static void make_topic(struct net_fixture *fixture)
{
    static const struct codec_uuid id = {{1, 2, 3}};
    const int32_t self = SELF_ID;
    struct broker *broker = &fixture->broker;
    struct topic *topic = topics_add(&broker->topics, SLICE_LIT(NET_TOPIC), &id);
    topic->config = fixture->config;
    topic_set_partition_count(topic, NET_PARTITIONS);
    for (int32_t i = 0; i < NET_PARTITIONS; i++) {
        struct stored_log *stored;
        struct errmsg message = {0};
        struct new_log wanted = {.topic = SLICE_LIT(NET_TOPIC),
                                 .partition = i,
                                 .is_new = true,
                                 .topic_id = &id,
                                 .config = &topic->config};
        assert_int_equal(log_store_create(broker->logs, &wanted, &stored, &message), 0);
        topic_partition_set_replicas(&topic->partitions[i], &self, 1);
        topic_partition_set_isr(&topic->partitions[i], &self, 1);
        topic->partitions[i].leader = SELF_ID;
        topic->partitions[i].hosted = partition_create(broker, topic, i, stored);
        partition_lead(topic->partitions[i].hosted, 0);
    }
}

static void on_loaded(void *ctx, int error, const char *text)
{
    struct net_fixture *fixture = ctx;
    if (error != 0) {
        fail_msg("%s", text);
    }
    make_topic(fixture);
    sockets_listen(fixture->broker.sockets, on_listening, fixture);
}

static void open_logs(struct net_fixture *fixture)
{
    const char *dirs[] = {fixture->dir};
    struct errmsg message = {0};
    struct log_store_options options = {
        .dirs = dirs,
        .dir_count = 1,
        .events = {.config_of = config_of,
                   .loaded = on_loaded,
                   .high_watermark = high_watermark_of,
                   .changed = on_changed,
                   .flush_wanted = on_changed,
                   .dir_failed = on_dir_failed,
                   .all_failed = on_all_failed,
                   .ctx = fixture},
    };
    struct broker *broker = &fixture->broker;
    log_store_tuning_defaults(&options.tuning);
    assert_int_equal(log_store_open(broker->runtime, &options, &broker->logs, &message), 0);
    assert_int_equal(log_store_settle(broker->logs, SELF_ID, "cluster", &message), 0);
    log_store_load(broker->logs);
}

void net_begin(struct net_fixture *fixture, void (*change)(struct net_fixture *fixture))
{
    struct broker *broker = &fixture->broker;
    memset(fixture, 0, sizeof *fixture);
    arena_init(&fixture->arena, (size_t)64 << 10, (size_t)64 << 20);
    snprintf(fixture->dir, sizeof fixture->dir, "/tmp/samsa-net-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    assert_int_equal(runtime_create(NULL, &broker->runtime), 0);
    list_init(&broker->partitions);
    list_init(&broker->warmings);
    broker_config_defaults(&broker->config);
    topic_config_defaults(&fixture->config);
    broker->config.listener_count = 1;
    snprintf(broker->config.listeners[0].name, sizeof broker->config.listeners[0].name,
             "PLAINTEXT");
    snprintf(broker->config.listeners[0].host, sizeof broker->config.listeners[0].host,
             "127.0.0.1");
    broker->config.listeners[0].port = 0;
    if (change != NULL) {
        change(fixture);
    }
    topics_init(&broker->topics, (struct hash_key){1, 2});
    broker->quotas = quota_table_create();
    broker->flusher = flusher_create(broker);
    broker->producer_ids = producer_ids_create(broker);
    broker->fetch_sessions = fetch_sessions_create(10, 1);
    broker->sockets = sockets_create(broker);
    open_logs(fixture);
    NET_UNTIL(fixture, fixture->is_ready);
}

void net_turn(struct net_fixture *fixture)
{
    runtime_turn(fixture->broker.runtime, 1);
}

void net_end(struct net_fixture *fixture)
{
    struct broker *broker = &fixture->broker;
    char command[128];
    sockets_detach(broker->sockets);
    flusher_detach(broker->flusher);
    log_store_detach(broker->logs);
    runtime_destroy(broker->runtime);
    sockets_release(broker->sockets);
    warmings_release(&broker->warmings);
    partitions_release(broker);
    flusher_release(broker->flusher);
    log_store_release(broker->logs);
    topics_release(&broker->topics);
    fetch_sessions_release(broker->fetch_sessions);
    quota_table_release(broker->quotas);
    producer_ids_release(broker->producer_ids);
    arena_release(&fixture->arena);
    snprintf(command, sizeof command, "rm -rf %s", fixture->dir);
    assert_int_equal(system(command), 0); /* style: system, the test's own folder */
    assert_int_equal(mem_used(), 0);
}

/* ---- clients --------------------------------------------------------------------------------- */

void net_connect(struct net_fixture *fixture, struct net_client *client)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(fixture->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    *client = (struct net_client){.fixture = fixture};
    buffer_init(&client->got, (size_t)1 << 30);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
}

void net_leave(struct net_client *client)
{
    close(client->fd);
    buffer_release(&client->got);
}

void net_receive(struct net_client *client)
{
    for (;;) {
        ssize_t got = recv(client->fd, buffer_reserve(&client->got, 65536), 65536, MSG_DONTWAIT);
        if (got > 0) {
            client->got.len += (size_t)got;
            continue;
        }
        client->is_closed |= got == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
}

void net_send(struct net_client *client, struct slice bytes)
{
    size_t sent = 0;
    while (sent < bytes.len && !client->is_closed) {
        ssize_t count = send(client->fd, bytes.ptr + sent, bytes.len - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            sent += (size_t)count;
        } else if (errno != EAGAIN) {
            client->is_closed = true;
        }
        net_turn(client->fixture);
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

void net_frame(struct buffer *out,
               int16_t api_key,
               int16_t version,
               int32_t correlation_id,
               const void *body)
{
    const struct api *api = api_find(api_key);
    assert_non_null(api);
    size_t start = out->len;
    buffer_append_be32(out, 0);
    buffer_append_be16(out, (uint16_t)api_key);
    buffer_append_be16(out, (uint16_t)version);
    buffer_append_be32(out, (uint32_t)correlation_id);
    buffer_append_be16(out, 4);
    buffer_append(out, SLICE_LIT("test"));
    if (codec_is_flexible(api->request, version)) {
        buffer_append_u8(out, 0);
    }
    assert_int_equal(codec_encode(api->request, version, body, out), 0);
    store_be32(out->data + start, (uint32_t)(out->len - start - 4));
}

bool net_answer(struct net_client *client, int32_t *correlation_id, struct slice *body)
{
    net_receive(client);
    if (client->got.len < 8) {
        return false;
    }
    size_t len = load_be32(client->got.data);
    if (client->got.len < 4 + len) {
        return false;
    }
    *correlation_id = (int32_t)load_be32(client->got.data + 4);
    *body = slice_of(client->got.data + 8, len - 4);
    return true;
}

void net_answer_done(struct net_client *client)
{
    buffer_consume(&client->got, 4 + load_be32(client->got.data));
}

void net_expect(struct net_client *client,
                int16_t api_key,
                int16_t version,
                int32_t correlation_id,
                void *response)
{
    static const struct codec_limits limits = {1 << 30, (size_t)32 << 20};
    const struct api *api = api_find(api_key);
    struct slice body;
    int32_t id;
    NET_UNTIL(client->fixture, net_answer(client, &id, &body));
    assert_int_equal(id, correlation_id);
    if (codec_is_flexible(api->response, version) && api_key != KAFKA_API_API_VERSIONS) {
        assert_int_equal(body.ptr[0], 0);
        body = slice_part(body, 1, body.len);
    }
    /* Decoded from a copy, which stays until the arena ends. */
    body = arena_copy(&client->fixture->arena, body);
    assert_int_equal(
        codec_decode(api->response, version, &body, &limits, &client->fixture->arena, response), 0);
    assert_int_equal(body.len, 0);
    net_answer_done(client);
}

/* NOLINTNEXTLINE(readability-function-size): a test says all of it in one line */
void net_produce(struct buffer *out,
                 int16_t version,
                 int32_t correlation_id,
                 int16_t acks,
                 int32_t partition,
                 int32_t count,
                 size_t value_len)
{
    struct batch_build build;
    struct batch_builder builder;
    struct buffer batch;
    uint8_t *value = mem_alloc_zeroed(value_len + 1);
    memset(value, 'a' + (correlation_id & 15), value_len);
    buffer_init(&batch, (size_t)128 << 20);
    batch_build_defaults(&build);
    batch_builder_init(&builder, &build, &batch);
    for (int32_t i = 0; i < count; i++) {
        batch_builder_add(&builder, i, 1700000000000, SLICE_NULL, slice_of(value, value_len),
                          SLICE_NULL, 0);
    }
    assert_int_equal(batch_builder_finish(&builder, count - 1), 0);
    batch_builder_release(&builder);
    struct kafka_produce_request_partition part = {.index = partition,
                                                   .records = buffer_slice(&batch)};
    struct kafka_produce_request_topic topic = {
        .name = SLICE_LIT(NET_TOPIC), .partition_data = &part, .partition_data_count = 1};
    struct kafka_produce_request request;
    codec_init(&kafka_produce_request_message, &request);
    request.acks = acks;
    request.timeout_ms = 10000;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    net_frame(out, KAFKA_API_PRODUCE, version, correlation_id, &request);
    buffer_release(&batch);
    mem_free(value, value_len + 1);
}
