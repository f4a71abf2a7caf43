#include "support_service.h"

#include "base/memory.h"
#include "wire/jute.h"

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct buffer request_body; /* shared by all servers of a test */
static unsigned servers;

static size_t sha1(struct slice in, uint8_t out[64])
{
    unsigned len = 0;
    assert_int_equal(EVP_Digest(in.ptr, in.len, out, &len, EVP_sha1(), NULL), 1);
    return len;
}

void test_service_config(struct service_config *config, int32_t tick_ms)
{
    *config = (struct service_config){
        .hash_key = {11, 22},
        .server_id = 1,
        .session_start_ms = 1000000,
        .tick_ms = tick_ms,
        .min_session_timeout_ms = 2 * tick_ms,
        .max_session_timeout_ms = 20 * tick_ms,
        .frame_bytes_max = 0xfffff,
        .outstanding_max = 1000,
        .output_bytes_max = (size_t)1 << 20,
        .multi_ops_max = 1000,
        .multi_response_bytes_max = (size_t)1 << 20,
        .container_check_interval_ms = 60000,
        .container_max_per_minute = 10000,
        .audit_user = SLICE_LIT("samsa"),
    };
    config->prep = (struct prep_config){
        .auth = {.crypto = {sha1}, .digest_enabled = true},
        .digest_enabled = true,
        .close_session_txn_enabled = true,
        .max_string_bytes = 2 * 0xfffff,
    };
    config->tree = (struct tree_config){.hash_key = {33, 44}, .digest_enabled = true};
}

void test_server_init(struct test_server *server)
{
    *server = (struct test_server){
        .now_ms = 1000000, .wall_ms = 1700000000000, .persists_at_once = true, .has_ticks = true};
    test_service_config(&server->config, TEST_TICK_MS);
    list_init(&server->clients);
    zk_outbox_init(&server->outbox);
    buffer_init(&server->log, SIZE_MAX);
    buffer_init(&server->audit, SIZE_MAX);
    buffer_init(&server->alarms, SIZE_MAX);
    if (servers++ == 0) {
        buffer_init(&request_body, SIZE_MAX);
    }
}

void test_server_start(struct test_server *server)
{
    standalone_init(&server->machine, &server->config);
    standalone_start(&server->machine, server->now_ms);
}

void test_server_release(struct test_server *server)
{
    while (!list_is_empty(&server->clients)) {
        test_client_drop(server, CONTAINER_OF(server->clients.next, struct test_client, link));
    }
    standalone_release(&server->machine);
    zk_outbox_release(&server->outbox);
    buffer_release(&server->log);
    buffer_release(&server->audit);
    buffer_release(&server->alarms);
    if (--servers == 0) {
        buffer_release(&request_body);
    }
}

/* ---- the host ------------------------------------------------------------------------ */

static void perform_effect(struct test_server *server, const struct zk_effect *effect)
{
    struct test_client *client = effect->conn != NULL
                                     ? CONTAINER_OF(effect->conn, struct test_client, conn)
                                     : NULL;
    switch (effect->kind) {
    case ZK_EFFECT_SEND:
        assert_false(client->is_closed); /* nothing follows a CLOSE */
        assert_true(effect->len >= 4);
        buffer_append(&client->received, zk_effect_bytes(&server->outbox, effect));
        break;
    case ZK_EFFECT_CLOSE:
        assert_false(client->is_closed);
        client->is_closed = true;
        client->reason = effect->reason;
        break;
    case ZK_EFFECT_PERSIST:
        assert_true(effect->zxid > server->proposed_zxid);
        server->proposed_zxid = effect->zxid;
        jute_write_bytes(&server->log, zk_effect_bytes(&server->outbox, effect));
        break;
    case ZK_EFFECT_PAUSE:
        assert_false(client->is_paused);
        client->is_paused = true;
        break;
    case ZK_EFFECT_RESUME:
        assert_true(client->is_paused);
        client->is_paused = false;
        break;
    case ZK_EFFECT_AUDIT:
        buffer_append(&server->audit, zk_effect_bytes(&server->outbox, effect));
        buffer_append_u8(&server->audit, '\n');
        break;
    case ZK_EFFECT_ALARM:
        buffer_append(&server->alarms, zk_effect_bytes(&server->outbox, effect));
        buffer_append_u8(&server->alarms, '\n');
        break;
    case ZK_EFFECT_PEER:
        fail_msg("a server without peers wants something of them");
    }
}

static void step(struct test_server *server, struct zk_event *event)
{
    event->now_ms = server->now_ms;
    event->now_ns = server->now_ms * 1000000;
    event->wall_ms = server->wall_ms;
    standalone_step(&server->machine, event, &server->outbox);
    for (size_t i = 0; i < server->outbox.count; i++) {
        perform_effect(server, &server->outbox.effects[i]);
    }
    zk_outbox_clear(&server->outbox);
    LIST_FOR_EACH(link, &server->clients)
    {
        const struct test_client *client = CONTAINER_OF(link, struct test_client, link);
        assert_true(client->is_closed || client->is_paused == client->conn.is_paused);
    }
    standalone_check(&server->machine);
    assert_int_equal(server->machine.service.stats.digest_mismatches, server->expected_mismatches);
    assert_int_equal(server->machine.service.stats.unknown_txns, 0);
    if (server->persists_at_once && server->machine.pending_count > 0) {
        test_persist_all(server);
    }
}

void test_persist(struct test_server *server, int64_t zxid)
{
    struct zk_event event = {.kind = ZK_EVENT_PERSISTED, .zxid = zxid};
    step(server, &event);
}

void test_persist_all(struct test_server *server)
{
    test_persist(server, server->proposed_zxid);
}

void test_advance(struct test_server *server, uint64_t ms)
{
    uint64_t until_ms = server->now_ms + ms;
    for (;;) {
        uint64_t deadline_ms = standalone_deadline(&server->machine);
        if (deadline_ms > until_ms) {
            break;
        }
        uint64_t next_ms = deadline_ms > server->now_ms ? deadline_ms : server->now_ms;
        server->wall_ms += (int64_t)(next_ms - server->now_ms);
        server->now_ms = next_ms;
        struct zk_event event = {.kind = ZK_EVENT_TICK};
        step(server, &event);
    }
    server->wall_ms += (int64_t)(until_ms - server->now_ms);
    server->now_ms = until_ms;
}

/* ---- clients ------------------------------------------------------------------------- */

void test_client_open(struct test_server *server, struct test_client *client)
{
    *client = (struct test_client){.is_open = true};
    client->conn.remote_ip = SLICE_LIT("127.0.0.1");
    buffer_init(&client->received, SIZE_MAX);
    list_append(&server->clients, &client->link);
    struct zk_event event = {.now_ms = server->now_ms, .wall_ms = server->wall_ms};
    service_conn_open(&server->machine.service, &client->conn, &event);
}

void test_client_drop(struct test_server *server, struct test_client *client)
{
    assert_true(client->is_open);
    struct zk_event event = {.kind = ZK_EVENT_CLOSED, .conn = &client->conn};
    step(server, &event);
    client->is_open = false;
    list_remove(&client->link);
    buffer_release(&client->received);
}

void test_send_frame(struct test_server *server, struct test_client *client, struct slice frame)
{
    /* A copy of exactly its size, gone when the step is: the sanitizer sees what reaches beyond it
     * or keeps it. */
    uint8_t *copy = mem_alloc(MAX(frame.len, (size_t)1));
    if (frame.len > 0) {
        memcpy(copy, frame.ptr, frame.len);
    }
    struct zk_event event = {
        .kind = ZK_EVENT_FRAME, .conn = &client->conn, .frame = slice_of(copy, frame.len)};
    bool persists_at_once = server->persists_at_once;
    server->persists_at_once = false;
    step(server, &event);
    server->persists_at_once = persists_at_once;
    mem_free(copy, MAX(frame.len, (size_t)1));
    if (persists_at_once && server->machine.pending_count > 0) {
        test_persist_all(server);
    }
}

void test_send_connect(struct test_server *server,
                       struct test_client *client,
                       int64_t last_zxid_seen,
                       int32_t timeout_ms,
                       int64_t session_id,
                       struct slice password)
{
    struct buffer frame;
    buffer_init(&frame, SIZE_MAX);
    jute_write_i32(&frame, 0);
    jute_write_i64(&frame, last_zxid_seen);
    jute_write_i32(&frame, timeout_ms);
    jute_write_i64(&frame, session_id);
    jute_write_bytes(&frame, password);
    jute_write_bool(&frame, false);
    test_send_frame(server, client, buffer_slice(&frame));
    buffer_release(&frame);
}

/* The next frame, without its length. */
static bool next_raw(struct test_client *client, struct slice *frame)
{
    struct slice rest = slice_part(buffer_slice(&client->received), client->read_at,
                                   client->received.len);
    if (rest.len == 0) {
        return false;
    }
    assert_true(rest.len >= 4);
    size_t len = load_be32(rest.ptr);
    assert_true(rest.len >= 4 + len);
    *frame = slice_part(rest, 4, 4 + len);
    client->read_at += 4 + len;
    return true;
}

int32_t test_connect_answer(struct test_client *client)
{
    struct slice frame;
    assert_true(next_raw(client, &frame));
    assert_int_equal(frame.len, 37);
    struct jute_reader reader = jute_reader_of(frame, 1000);
    assert_int_equal(jute_read_i32(&reader), 0);
    int32_t timeout_ms = jute_read_i32(&reader);
    int64_t session_id = jute_read_i64(&reader);
    struct slice password = jute_read_bytes(&reader);
    assert_int_equal(password.len, SESSION_PASSWORD_BYTES);
    memcpy(client->password, password.ptr, password.len);
    assert_false(jute_read_bool(&reader));
    assert_int_equal(reader.error, 0);
    assert_int_equal(timeout_ms == 0, session_id == 0);
    if (timeout_ms != 0) {
        assert_true(session_id == client->conn.session_id);
    }
    return timeout_ms;
}

void test_client_connect(struct test_server *server, struct test_client *client)
{
    static const uint8_t zeros[SESSION_PASSWORD_BYTES] = {0};
    test_client_open(server, client);
    test_send_connect(server, client, 0, 10000, 0, slice_of(zeros, sizeof zeros));
    if (!server->persists_at_once) {
        test_persist_all(server);
    }
    assert_int_equal(test_connect_answer(client), 10000);
}

void test_client_resume(struct test_server *server,
                        struct test_client *client,
                        const struct test_client *of)
{
    int64_t session_id = of->conn.session_id;
    uint8_t password[SESSION_PASSWORD_BYTES];
    memcpy(password, of->password, sizeof password);
    test_client_open(server, client);
    test_send_connect(server, client, 0, 10000, session_id, slice_of(password, sizeof password));
}

int32_t test_request_frame(struct test_client *client,
                           int32_t type,
                           struct buffer *body,
                           struct buffer *frame)
{
    int32_t xid = ++client->last_xid;
    buffer_init(frame, SIZE_MAX);
    jute_write_i32(frame, xid);
    jute_write_i32(frame, type);
    if (body != NULL) {
        buffer_append(frame, buffer_slice(body));
        body->len = 0;
    }
    return xid;
}

int32_t test_send(struct test_server *server,
                  struct test_client *client,
                  int32_t type,
                  struct buffer *body)
{
    struct buffer frame;
    int32_t xid = test_request_frame(client, type, body, &frame);
    test_send_frame(server, client, buffer_slice(&frame));
    buffer_release(&frame);
    return xid;
}

bool test_next_frame(struct test_client *client, struct test_frame *frame)
{
    struct slice raw;
    if (!next_raw(client, &raw)) {
        return false;
    }
    assert_true(raw.len >= 16);
    frame->xid = (int32_t)load_be32(raw.ptr);
    frame->zxid = (int64_t)load_be64(raw.ptr + 4);
    frame->err = (int32_t)load_be32(raw.ptr + 12);
    frame->body = slice_part(raw, 16, raw.len);
    return true;
}

struct slice test_expect(struct test_client *client, int32_t xid, int32_t err)
{
    struct test_frame frame;
    if (!test_next_frame(client, &frame)) {
        fail_msg("no answer to %d", (int)xid);
    }
    assert_int_equal(frame.xid, xid);
    assert_int_equal(frame.err, err);
    return frame.body;
}

void test_expect_nothing(struct test_client *client)
{
    struct test_frame frame;
    if (test_next_frame(client, &frame)) {
        fail_msg("unexpected: xid %d err %d", (int)frame.xid, (int)frame.err);
    }
}

void test_expect_closed(struct test_client *client, enum close_reason reason)
{
    test_expect_nothing(client);
    assert_true(client->is_closed);
    assert_int_equal(client->reason, reason);
}

void test_expect_event(struct test_client *client,
                       enum zk_event_type type,
                       const char *path,
                       int64_t zxid)
{
    struct test_frame frame;
    if (!test_next_frame(client, &frame)) {
        fail_msg("no event of %s", path);
    }
    assert_int_equal(frame.xid, ZK_XID_NOTIFICATION);
    assert_int_equal(frame.err, 0);
    assert_true(frame.zxid == zxid);
    struct jute_reader reader = jute_reader_of(frame.body, 1000);
    assert_int_equal(jute_read_i32(&reader), type);
    assert_int_equal(jute_read_i32(&reader), ZK_STATE_SYNC_CONNECTED);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), path));
    assert_int_equal(reader.rest.len, 0);
}

/* ---- bodies -------------------------------------------------------------------------- */

struct buffer *test_body(void)
{
    request_body.len = 0;
    return &request_body;
}

void test_append_text(struct buffer *body, const char *text)
{
    jute_write_bytes(body, slice_of_cstr(text));
}

void test_append_open_acl(struct buffer *body)
{
    jute_write_i32(body, 1);
    jute_write_i32(body, ZK_PERM_ALL);
    test_append_text(body, "world");
    test_append_text(body, "anyone");
}

struct buffer *test_path(const char *path)
{
    struct buffer *body = test_body();
    test_append_text(body, path);
    return body;
}

struct buffer *test_path_watch(const char *path, bool watch)
{
    struct buffer *body = test_path(path);
    jute_write_bool(body, watch);
    return body;
}

struct buffer *test_path_version(const char *path, int32_t version)
{
    struct buffer *body = test_path(path);
    jute_write_i32(body, version);
    return body;
}

struct buffer *test_create_body(const char *path, const char *data, int32_t flags)
{
    struct buffer *body = test_path(path);
    test_append_text(body, data);
    test_append_open_acl(body);
    jute_write_i32(body, flags);
    return body;
}

struct buffer *test_set_data_body(const char *path, const char *data, int32_t version)
{
    struct buffer *body = test_path(path);
    test_append_text(body, data);
    jute_write_i32(body, version);
    return body;
}

struct slice test_call(struct test_server *server,
                       struct test_client *client,
                       int32_t type,
                       struct buffer *body,
                       int32_t err)
{
    int32_t xid = test_send(server, client, type, body);
    if (server->machine.pending_count > 0) {
        test_persist_all(server);
    }
    return test_expect(client, xid, err);
}

void test_create(struct test_server *server,
                 struct test_client *client,
                 const char *path,
                 const char *data,
                 int32_t flags)
{
    test_call(server, client, ZK_OP_CREATE, test_create_body(path, data, flags), ZK_ERR_OK);
}

void test_pair_start(struct test_pair *pair)
{
    test_server_start(&pair->server);
    test_client_connect(&pair->server, &pair->a);
    test_client_connect(&pair->server, &pair->b);
}

void test_pair_begin(struct test_pair *pair)
{
    test_server_init(&pair->server);
    test_pair_start(pair);
}

struct slice test_a_call(struct test_pair *pair, int32_t type, struct buffer *body, int32_t err)
{
    return test_call(&pair->server, &pair->a, type, body, err);
}

struct zk_stat test_read_stat(struct slice *in)
{
    struct jute_reader reader = jute_reader_of(*in, 0);
    struct zk_stat stat;
    stat.czxid = jute_read_i64(&reader);
    stat.mzxid = jute_read_i64(&reader);
    stat.ctime = jute_read_i64(&reader);
    stat.mtime = jute_read_i64(&reader);
    stat.version = jute_read_i32(&reader);
    stat.cversion = jute_read_i32(&reader);
    stat.aversion = jute_read_i32(&reader);
    stat.ephemeral_owner = jute_read_i64(&reader);
    stat.data_length = jute_read_i32(&reader);
    stat.num_children = jute_read_i32(&reader);
    stat.pzxid = jute_read_i64(&reader);
    assert_int_equal(reader.error, 0);
    *in = reader.rest;
    return stat;
}
