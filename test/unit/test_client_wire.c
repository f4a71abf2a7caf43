/* The session client against a scripted server: what it sends, when, and how it finds another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_script.h"
#include "wire/jute.h"

static void test_connect_request(void **state)
{
    (void)state;
    static const uint8_t expected[45] = {
        0,        0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* protocol version, last zxid */
        0,        0, 0x0f, 0xa0,                         /* 4000 ms */
        0,        0, 0,    0,    0, 0, 0, 0,             /* no session yet */
        0,        0, 0,    16, /* a password of zeros, and then: read-only will do */
        [44] = 1,
    };
    script_open_client("127.0.0.1:A", (struct zk_client_config){.can_be_read_only = true});
    script_wait_states(1);
    assert_int_equal(script_servers[0].frames[0].len, sizeof expected);
    assert_memory_equal(script_servers[0].frames[0].body.ptr, expected, sizeof expected);
    assert_int_equal(script_states[0], ZK_STATE_SYNC_CONNECTED);
    assert_int_equal(zk_client_session_id(script_client), SESSION_ID);
    assert_memory_equal(zk_client_password(script_client), "sixteen bytes ..", 16);
    /* The second time it asks for the session that it has. */
    client_lost(script_client);
    script_wait_states(3);
    assert_int_equal(script_servers[0].connections, 2);
    assert_int_equal(script_servers[0].frame_count, 2);
    assert_int_equal(load_be64(script_servers[0].frames[1].body.ptr + 16), (uint64_t)SESSION_ID);
    assert_memory_equal(script_servers[0].frames[1].body.ptr + 28, "sixteen bytes ..", 16);
}

static void test_order_after_reconnect(void **state)
{
    (void)state;
    script_open_one();
    script_wait_states(1);
    assert_int_equal(zk_client_add_auth(script_client, SLICE_LIT("digest"), SLICE_LIT("a:b")), 0);
    assert_int_equal(zk_client_add_auth(script_client, SLICE_LIT("x"), SLICE_NULL), 0);
    client_watches_add(&script_client->watches, CLIENT_WATCH_DATA, SLICE_LIT("/w"),
                       &script_watcher);
    script_wait_frames(&script_servers[0], 3);
    script_servers[0].frame_count = 0;
    client_lost(script_client);
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    assert_int_equal(script_servers[0].frame_count, 5);
    const int32_t ops[] = {0, ZK_OP_AUTH, ZK_OP_AUTH, ZK_OP_SET_WATCHES, ZK_OP_GET_DATA};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        assert_int_equal(script_servers[0].frames[i].op, ops[i]);
    }
    assert_int_equal(script_servers[0].frames[1].xid, ZK_XID_AUTH);
    assert_int_equal(script_servers[0].frames[3].xid, ZK_XID_SET_WATCHES);
    static const char digest[] = "\0\0\0\0\0\0\0\6digest\0\0\0\3a:b";
    assert_int_equal(script_servers[0].frames[1].body.len, sizeof digest - 1);
    assert_memory_equal(script_servers[0].frames[1].body.ptr, digest, sizeof digest - 1);
    static const char no_data[] = "\0\0\0\0\0\0\0\1x\xff\xff\xff\xff";
    assert_int_equal(script_servers[0].frames[2].body.len, sizeof no_data - 1);
    assert_memory_equal(script_servers[0].frames[2].body.ptr, no_data, sizeof no_data - 1);
}

/* How many paths of these five lists are among those that were added? Each may come once. */
static size_t count_paths(struct slice body,
                          int lists,
                          bool *seen,
                          size_t count,
                          const char *prefix)
{
    struct jute_reader reader = jute_reader_of(body, 4096);
    size_t found = 0;
    assert_int_equal(jute_read_i64(&reader), 7); /* the last zxid that was seen */
    for (int list = 0; list < lists; list++) {
        int32_t paths = jute_read_count(&reader, 4);
        for (int32_t i = 0; i < paths; i++) {
            struct slice path = jute_read_bytes(&reader);
            assert_true(slice_starts_with(path, slice_of_cstr(prefix)));
            size_t number = strtoul((const char *)path.ptr + strlen(prefix), NULL, 10);
            assert_true(number < count);
            assert_int_equal(number % 5, list);
            assert_false(seen[number]);
            seen[number] = true;
            found += 1;
        }
    }
    assert_int_equal(reader.error, 0);
    assert_int_equal(reader.rest.len, 0);
    return found;
}

static void test_set_watches_in_chunks(void **state)
{
    (void)state;
    enum {
        COUNT = 4000
    };
    static bool seen[COUNT];
    char path[160];
    memset(seen, 0, sizeof seen);
    script_open_client("127.0.0.1:A/chroot", (struct zk_client_config){0});
    script_get();
    assert_int_equal(script_wait_reply(), 0); /* so there is a zxid that was seen */
    for (int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "/%08d-%0100d", i, 0);
        client_watches_add(&script_client->watches, (enum client_watch_kind)(i % 5),
                           slice_of_cstr(path), &script_watcher);
    }
    script_servers[0].frame_count = 0;
    client_lost(script_client);
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    size_t found = 0;
    size_t sets = 0;
    for (size_t i = 1; i < script_servers[0].frame_count - 1; i++) {
        const struct frame *frame = &script_servers[0].frames[i];
        bool has_persistent = frame->op == ZK_OP_SET_WATCHES2;
        assert_true(has_persistent || frame->op == ZK_OP_SET_WATCHES);
        assert_true(frame->len < ZK_CLIENT_SET_WATCHES_BYTES_MAX + 8192); /* + lengths */
        found += count_paths(frame->body, has_persistent ? 5 : 3, seen, COUNT, "/chroot/");
        sets += 1;
    }
    assert_int_equal(found, COUNT);
    assert_true(sets >= 4 && sets <= 6);
}

static void test_root_watch_below_chroot(void **state)
{
    (void)state;
    script_open_client("127.0.0.1:A/app", (struct zk_client_config){0});
    script_wait_states(1);
    client_watches_add(&script_client->watches, CLIENT_WATCH_CHILD, SLICE_LIT("/"),
                       &script_watcher);
    script_servers[0].frame_count = 0;
    client_lost(script_client);
    script_wait_frames(&script_servers[0], 2);
    struct jute_reader reader = jute_reader_of(script_servers[0].frames[1].body, 100);
    (void)jute_read_i64(&reader);
    assert_int_equal(jute_read_count(&reader, 4), 0);
    assert_int_equal(jute_read_count(&reader, 4), 0);
    assert_int_equal(jute_read_count(&reader, 4), 1);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/app"));
    script_wait_states(3);
    /* "/application" is not below "/app", and "/app" is our root. */
    struct zk_watcher_event event = {ZK_EVENT_NODE_CHILDREN_CHANGED, 3, SLICE_LIT("/app")};
    script_send_reply(&script_servers[0], ZK_XID_NOTIFICATION, 0, &zk_watcher_event_message,
                      &event);
    script_wait_states(4);
    assert_int_equal(script_states[3], 1000 + ZK_EVENT_NODE_CHILDREN_CHANGED);
    assert_true(slice_equal_cstr(client_strip_chroot(script_client, SLICE_LIT("/application")),
                                 "/application"));
}

static void test_next_host(void **state)
{
    (void)state;
    tcp_listener_close(script_servers[0].listener); /* nobody there */
    script_servers[0].listener = NULL;
    script_turn();
    script_open_client("127.0.0.1:A,127.0.0.1:B", (struct zk_client_config){0});
    for (int i = 0; i < 10; i++) { /* from either host first */
        script_get();
        assert_int_equal(script_wait_reply(), 0); /* one dead host fails nothing */
        client_lost(script_client);
    }
}

static void test_no_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(script_servers); i++) {
        tcp_listener_close(script_servers[i].listener);
        script_servers[i].listener = NULL;
    }
    script_turn();
    script_open_client("127.0.0.1:A,127.0.0.1:B", (struct zk_client_config){0});
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    assert_int_equal(zk_client_get_state(script_client), ZK_CLIENT_CONNECTING);
    zk_client_close(script_client, NULL, NULL);
    script_wait_states(1);
    assert_int_equal(script_states[0], ZK_STATE_CLOSED);
}

static void test_unknown_host_name(void **state)
{
    (void)state;
    script_open_client("no-such-host.invalid:2181", (struct zk_client_config){0});
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
}

static void test_name_is_resolved(void **state)
{
    (void)state;
    script_open_client("localhost:A", (struct zk_client_config){0});
    script_get();
    assert_int_equal(script_wait_reply(), 0);
}

static void test_silent_server(void **state)
{
    (void)state;
    script_servers[0].granted_ms = 600;
    script_servers[0].is_mute = true;
    script_open_one();
    script_wait_states(1);
    uint64_t start = runtime_now_ns(script_runtime);
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    uint64_t waited_ms = (runtime_now_ns(script_runtime) - start) / NS_PER_MS;
    assert_in_range(waited_ms, 350, 550); /* two thirds of the timeout */
    script_wait_states(2);
    assert_int_equal(script_states[1], ZK_STATE_DISCONNECTED);
}

static void test_ping(void **state)
{
    (void)state;
    script_servers[0].granted_ms = 600;
    script_open_one();
    script_wait_states(1);
    uint64_t start = runtime_now_ns(script_runtime);
    script_wait_frames(&script_servers[0], 3);
    uint64_t waited_ms = (runtime_now_ns(script_runtime) - start) / NS_PER_MS;
    assert_in_range(waited_ms, 380, 560); /* two of them, each after a third */
    assert_int_equal(script_servers[0].frames[1].op, ZK_OP_PING);
    assert_int_equal(script_servers[0].frames[1].xid, ZK_XID_PING);
    assert_int_equal(script_servers[0].frames[1].len, 8);
    assert_int_equal(script_state_count, 1);
}

static void test_server_that_never_greets(void **state)
{
    (void)state;
    /* The listener's backlog takes the connection; nobody answers the ConnectRequest. */
    struct zk_client_config config = {.session_timeout_ms = 300};
    script_open_client("127.0.0.1:A", config);
    script_wait_connections(&script_servers[0], 1);
    script_servers[0].is_greeted = true; /* so the request is not taken for one */
    script_servers[0].is_mute = true;
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    assert_int_equal(script_state_count, 0);
}

static void test_request_timeout(void **state)
{
    (void)state;
    struct zk_client_config config = {.request_timeout_ms = 100};
    script_servers[0].is_mute = true;
    script_open_client("127.0.0.1:A", config);
    script_wait_states(1);
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_REQUESTTIMEOUT);
    script_wait_connections(&script_servers[0], 2);
}

static void test_expired_on_reconnect(void **state)
{
    (void)state;
    script_open_one();
    script_wait_states(1);
    script_servers[0].granted_ms = 0;
    client_lost(script_client);
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_SESSIONEXPIRED);
    script_wait_states(3);
    assert_int_equal(script_states[1], ZK_STATE_DISCONNECTED);
    assert_int_equal(script_states[2], ZK_STATE_EXPIRED);
    assert_int_equal(zk_client_get_state(script_client), ZK_CLIENT_CLOSED);
}

/* From a read-only server to one that takes writes, as soon as there is one. */
static void test_read_only(void **state)
{
    (void)state;
    struct zk_client_config config = {.can_be_read_only = true};
    script_servers[0].is_read_only = true;
    script_open_client("127.0.0.1:A", config);
    script_wait_states(1);
    assert_int_equal(script_states[0], ZK_STATE_CONNECTED_READ_ONLY);
    assert_int_equal(zk_client_get_state(script_client), ZK_CLIENT_CONNECTED_READ_ONLY);
    uint64_t deadline = runtime_now_ns(script_runtime) + WAIT_NS;
    struct tcp_stream *stream = script_servers[0].stream;
    while (script_servers[0].isro_count < 2 && runtime_now_ns(script_runtime) < deadline) {
        script_turn();
    }
    assert_int_equal(script_servers[0].isro_count, 2);
    assert_int_equal(script_state_count, 1); /* "ro": it stays */
    assert_non_null(stream);
    script_servers[0].isro_answer = "rw";
    script_servers[0].is_read_only = false;
    script_wait_states(3);
    assert_int_equal(script_states[1], ZK_STATE_DISCONNECTED);
    assert_int_equal(script_states[2], ZK_STATE_SYNC_CONNECTED);
    /* What the read-only server called a session means nothing to the other. */
    const struct frame *last = &script_servers[0].frames[script_servers[0].frame_count - 1];
    assert_int_equal(load_be64(last->body.ptr + 16), 0);
}

static void test_forgets_watches_when_told_to(void **state)
{
    (void)state;
    script_open_client("127.0.0.1:A", (struct zk_client_config){.keep_no_watches = true});
    script_wait_states(1);
    client_watches_add(&script_client->watches, CLIENT_WATCH_DATA, SLICE_LIT("/w"),
                       &script_watcher);
    client_lost(script_client);
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    assert_int_equal(script_servers[0].frames[script_servers[0].frame_count - 1].op,
                     ZK_OP_GET_DATA);
    assert_int_equal(script_servers[0].frames[script_servers[0].frame_count - 2].op, 0);
    assert_false(client_watches_has(&script_client->watches, CLIENT_WATCH_DATA, SLICE_LIT("/w")));
}

static void test_release_at_any_moment(void **state)
{
    (void)state;
    for (int turns = 0; turns < 12; turns++) {
        script_open_client(turns % 2 == 0 ? "127.0.0.1:A" : "localhost:A",
                           (struct zk_client_config){0});
        script_get();
        for (int i = 0; i < turns; i++) {
            script_turn();
        }
        zk_client_release(script_client);
        script_client = NULL;
        for (int i = 0; i < 5; i++) {
            script_turn();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, script_begin, script_end)
        T(test_connect_request),
        T(test_order_after_reconnect),
        T(test_set_watches_in_chunks),
        T(test_root_watch_below_chroot),
        T(test_next_host),
        T(test_no_host),
        T(test_unknown_host_name),
        T(test_name_is_resolved),
        T(test_silent_server),
        T(test_ping),
        T(test_server_that_never_greets),
        T(test_request_timeout),
        T(test_expired_on_reconnect),
        T(test_read_only),
        T(test_forgets_watches_when_told_to),
        T(test_release_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
