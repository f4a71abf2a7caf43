/* support_script.c - see support_script.h. */
#include "support_script.h"

#include <stdio.h>
#include <string.h>

#include "runtime/log.h"
#include "wire/jute.h"

/* ---- the scripted server --------------------------------------------------------------------- */

struct runtime *script_runtime;
struct script script_servers[2];

void script_send_bytes(struct script *server, struct slice bytes)
{
    if (server->cuts_bytes) {
        buffer_append(&server->late, bytes);
    } else {
        buffer_append(tcp_output(server->stream), bytes);
    }
}

void script_send_frame(struct script *server, struct slice body)
{
    struct buffer frame;
    buffer_init(&frame, (size_t)64 << 20);
    buffer_append_be32(&frame, (uint32_t)body.len);
    buffer_append(&frame, body);
    script_send_bytes(server, buffer_slice(&frame));
    buffer_release(&frame);
}

void script_send_reply(struct script *server,
                       int32_t xid,
                       int32_t err,
                       const struct codec_message *message,
                       const void *record)
{
    struct buffer body;
    struct zk_reply_header header = {.xid = xid, .zxid = 7, .err = err};
    buffer_init(&body, (size_t)64 << 20);
    assert_int_equal(codec_encode(&zk_reply_header_message, 0, &header, &body), 0);
    if (message != NULL) {
        assert_int_equal(codec_encode(message, 0, record, &body), 0);
    }
    script_send_frame(server, buffer_slice(&body));
    buffer_release(&body);
}

static void greet(struct script *server)
{
    static const uint8_t password[16] = "sixteen bytes ..";
    struct zk_connect_response response = {
        .timeout_ms = server->granted_ms,
        .session_id = server->granted_ms == 0 ? 0 : SESSION_ID,
        .passwd = slice_of(password, sizeof password),
        .read_only = server->is_read_only,
    };
    struct buffer body;
    buffer_init(&body, 1024);
    assert_int_equal(codec_encode(&zk_connect_response_message, 1, &response, &body), 0);
    script_send_frame(server,
                      server->refuses_greeting ? SLICE_LIT("HTTP/1.1 400") : buffer_slice(&body));
    buffer_release(&body);
}

/* Every request is answered at once, with the data "answer" where data is asked for. */
static void answer(struct script *server, const struct frame *frame)
{
    struct zk_get_data_response data = {.data = SLICE_LIT("answer")};
    switch (frame->op) {
    case ZK_OP_GET_DATA:
        script_send_reply(server, frame->xid, 0, &zk_get_data_response_message, &data);
        return;
    case ZK_OP_AUTH:
    case ZK_OP_PING:
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
    case ZK_OP_CLOSE_SESSION:
        script_send_reply(server, frame->xid, 0, NULL, NULL);
        return;
    default:
        fail_msg("the script knows no answer to %s", zk_op_name(frame->op));
    }
}

static void take(struct script *server, struct slice body)
{
    assert_true(server->frame_count < FRAMES_MAX);
    struct frame *frame = &server->frames[server->frame_count];
    server->frame_count += 1;
    *frame = (struct frame){.connection = server->connections, .len = body.len};
    if (!server->is_greeted) {
        server->is_greeted = true;
        frame->body = arena_copy(&server->arena, body);
        greet(server);
        return;
    }
    struct jute_reader reader = jute_reader_of(body, 1024);
    frame->xid = jute_read_i32(&reader);
    frame->op = jute_read_i32(&reader);
    frame->body = arena_copy(&server->arena, reader.rest);
    if (!server->is_mute) {
        answer(server, frame);
    }
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct script *server = ctx;
    if (stream != server->stream) {
        return;
    }
    buffer_append(&server->in, bytes);
    if (!server->is_greeted && slice_starts_with(buffer_slice(&server->in), SLICE_LIT("isro"))) {
        server->isro_count += 1;
        buffer_append_cstr(tcp_output(stream), server->isro_answer);
        tcp_close(stream, 1000);
        server->stream = NULL;
        return;
    }
    while (server->in.len >= 4 && server->in.len - 4 >= load_be32(server->in.data)) {
        size_t len = load_be32(server->in.data);
        take(server, slice_of(server->in.data + 4, len));
        buffer_consume(&server->in, 4 + len);
    }
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct script *server = ctx;
    (void)reason;
    if (stream == server->stream) {
        server->stream = NULL;
    }
}

static const struct tcp_handler script_handler = {.on_data = on_data, .on_close = on_close};

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    struct script *server = ctx;
    server->stream = stream;
    server->connections += 1;
    server->is_greeted = false;
    buffer_clear(&server->in, SIZE_MAX);
    buffer_clear(&server->late, SIZE_MAX);
    tcp_accept(stream, &script_handler, server);
}

void script_turn(void)
{
    runtime_turn(script_runtime, 10);
    for (size_t i = 0; i < ARRAY_LEN(script_servers); i++) {
        if (script_servers[i].stream != NULL && script_servers[i].late.len > 0) {
            buffer_append(tcp_output(script_servers[i].stream),
                          slice_of(script_servers[i].late.data, 1));
            buffer_consume(&script_servers[i].late, 1);
        }
    }
}

static void script_init(struct script *server)
{
    struct tcp_address any = {.ip = {127, 0, 0, 1}};
    struct tcp_listen_options options = {.reuse_address = true};
    *server = (struct script){.granted_ms = 4000, .isro_answer = "ro"};
    buffer_init(&server->in, (size_t)8 << 20);
    buffer_init(&server->late, (size_t)8 << 20);
    arena_init(&server->arena, 65536, (size_t)64 << 20);
    assert_int_equal(
        tcp_listen(script_runtime, &any, &options, on_accept, server, &server->listener), 0);
    server->port = tcp_listener_address(server->listener).port;
}

/* ---- the client ------------------------------------------------------------------------------ */

struct zk_client *script_client;
struct zk_watcher script_watcher;
int32_t script_states[256];
size_t script_state_count;
bool script_has_reply;
int32_t script_reply_err;
char script_reply_data[32];

static void on_event(struct zk_watcher *self, const struct zk_watch_event *event)
{
    assert_ptr_equal(self, &script_watcher);
    assert_true(script_state_count < ARRAY_LEN(script_states));
    script_states[script_state_count] = event->type == ZK_EVENT_NONE ? event->state
                                                                     : 1000 + event->type;
    script_state_count += 1;
}

void script_on_reply(void *ctx, const struct zk_reply *reply)
{
    (void)ctx;
    script_has_reply = true;
    script_reply_err = reply->err;
    snprintf(script_reply_data, sizeof script_reply_data, "%.*s", LOG_SLICE(reply->data));
}

int script_begin(void **state)
{
    (void)state;
    struct log_options options = {.level = LOG_OFF};
    assert_int_equal(log_configure(&options), 0);
    assert_int_equal(runtime_create(NULL, &script_runtime), 0);
    script_init(&script_servers[0]);
    script_init(&script_servers[1]);
    script_watcher.on_event = on_event;
    script_client = NULL;
    script_state_count = 0;
    return 0;
}

int script_end(void **state)
{
    (void)state;
    if (script_client != NULL) {
        zk_client_release(script_client);
    }
    for (size_t i = 0; i < ARRAY_LEN(script_servers); i++) {
        if (script_servers[i].listener != NULL) {
            tcp_listener_close(script_servers[i].listener);
        }
        buffer_release(&script_servers[i].in);
        buffer_release(&script_servers[i].late);
        arena_release(&script_servers[i].arena);
    }
    runtime_destroy(script_runtime);
    return 0;
}

/* "A" and "B" in `hosts` stand for the two servers' ports. */
void script_open_client(const char *hosts, struct zk_client_config config)
{
    struct errmsg message;
    char text[256];
    size_t len = 0;
    for (; *hosts != '\0'; hosts++) {
        bool is_port = *hosts == 'A' || *hosts == 'B';
        int wrote = is_port ? snprintf(text + len, sizeof text - len, "%u",
                                       script_servers[*hosts == 'A' ? 0 : 1].port)
                            : snprintf(text + len, sizeof text - len, "%c", *hosts);
        len += (size_t)wrote;
    }
    config.connect_string = slice_of_cstr(text);
    config.watcher = &script_watcher;
    config.session_timeout_ms = config.session_timeout_ms == 0 ? 4000 : config.session_timeout_ms;
    assert_int_equal(zk_client_open(script_runtime, &config, &message, &script_client), 0);
}

void script_open_one(void)
{
    script_open_client("127.0.0.1:A", (struct zk_client_config){0});
}

void script_get(void)
{
    script_has_reply = false;
    struct zk_done done = {script_on_reply, NULL};
    assert_int_equal(zk_client_get_data(script_client, SLICE_LIT("/a"), NULL, done), 0);
}

int32_t script_wait_reply(void)
{
    uint64_t deadline = runtime_now_ns(script_runtime) + WAIT_NS;
    while (!script_has_reply && runtime_now_ns(script_runtime) < deadline) {
        script_turn();
    }
    assert_true(script_has_reply);
    return script_reply_err;
}

void script_wait_states(size_t count)
{
    uint64_t deadline = runtime_now_ns(script_runtime) + WAIT_NS;
    while (script_state_count < count && runtime_now_ns(script_runtime) < deadline) {
        script_turn();
    }
    assert_int_equal(script_state_count, count);
}

void script_wait_connections(const struct script *server, int count)
{
    uint64_t deadline = runtime_now_ns(script_runtime) + WAIT_NS;
    while (server->connections < count && runtime_now_ns(script_runtime) < deadline) {
        script_turn();
    }
    assert_int_equal(server->connections, count);
}

void script_wait_frames(const struct script *server, size_t count)
{
    uint64_t deadline = runtime_now_ns(script_runtime) + WAIT_NS;
    while (server->frame_count < count && runtime_now_ns(script_runtime) < deadline) {
        script_turn();
    }
    assert_true(server->frame_count >= count);
}
