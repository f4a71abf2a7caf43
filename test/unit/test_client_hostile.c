/* The session client against a server that sends rubbish: too long, cut, out of order, random. */
#include "base/random.h"
#include "support_script.h"

static void test_bytes_one_by_one(void **state)
{
    (void)state;
    script_servers[0].cuts_bytes = true;
    script_open_one();
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    assert_string_equal(script_reply_data, "answer");
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    assert_int_equal(script_servers[0].connections, 1);
}

static void test_oversized_reply(void **state)
{
    (void)state;
    struct zk_client_config config = {.reply_bytes_max = 1000};
    uint8_t big[2000] = {0};
    script_open_client("127.0.0.1:A", config);
    script_servers[0].is_mute = true;
    script_get();
    script_wait_frames(&script_servers[0], 2);
    script_send_frame(&script_servers[0], slice_of(big, 1001));
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    script_wait_connections(&script_servers[0], 2); /* the session lives on */
    script_servers[0].is_mute = false;
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    /* A length of -1 is no better. */
    script_servers[0].is_mute = true;
    script_get();
    script_wait_frames(&script_servers[0], 5);
    script_send_bytes(&script_servers[0], SLICE_LIT("\xff\xff\xff\xff"));
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
}

static void test_largest_reply(void **state)
{
    (void)state;
    struct zk_client_config config = {.reply_bytes_max = 1000};
    static const uint8_t bytes[1000];
    struct zk_get_data_response data = {.data = slice_of(bytes, 1000 - 16 - 4 - 68)};
    script_open_client("127.0.0.1:A", config);
    script_servers[0].is_mute = true;
    script_get();
    script_wait_frames(&script_servers[0], 2);
    script_send_reply(&script_servers[0], script_servers[0].frames[1].xid, 0,
                      &zk_get_data_response_message, &data);
    assert_int_equal(script_wait_reply(), 0);
}

static void test_reply_out_of_order(void **state)
{
    (void)state;
    script_open_one();
    script_servers[0].is_mute = true;
    script_get();
    script_wait_frames(&script_servers[0], 2);
    script_send_reply(&script_servers[0], script_servers[0].frames[1].xid + 1, 0, NULL, NULL);
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    script_wait_connections(&script_servers[0], 2);
}

static void test_reply_to_nothing(void **state)
{
    (void)state;
    script_open_one();
    script_wait_states(1);
    script_send_reply(&script_servers[0], 5, 0, NULL, NULL);
    script_wait_connections(&script_servers[0], 2);
}

static void test_malformed_replies(void **state)
{
    (void)state;
    script_open_one();
    script_servers[0].is_mute = true;
    script_get();
    script_wait_frames(&script_servers[0], 2);
    script_send_reply(&script_servers[0], script_servers[0].frames[1].xid, 0, NULL,
                      NULL); /* no body */
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    script_wait_connections(&script_servers[0], 2);
    script_get();
    script_wait_frames(&script_servers[0], 4);
    script_send_frame(&script_servers[0], SLICE_LIT("short"));
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    script_wait_connections(&script_servers[0], 3);
    script_get();
    script_wait_frames(&script_servers[0], 6);
    script_send_reply(&script_servers[0], ZK_XID_NOTIFICATION, 0, NULL, NULL);
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
}

static void test_unknown_events_are_passed_over(void **state)
{
    (void)state;
    struct zk_watcher_event event = {.type = 99, .state = 3, .path = SLICE_LIT("/a")};
    script_open_one();
    script_wait_states(1);
    script_send_reply(&script_servers[0], ZK_XID_NOTIFICATION, 0, &zk_watcher_event_message,
                      &event);
    event.type = ZK_EVENT_NODE_CREATED;
    event.path = SLICE_LIT("");
    script_send_reply(&script_servers[0], ZK_XID_NOTIFICATION, 0, &zk_watcher_event_message,
                      &event);
    event.path = SLICE_NULL;
    script_send_reply(&script_servers[0], ZK_XID_NOTIFICATION, 0, &zk_watcher_event_message,
                      &event);
    script_get();
    assert_int_equal(script_wait_reply(), 0);
    assert_int_equal(script_state_count, 1);
    assert_int_equal(script_servers[0].connections, 1);
}

static void test_no_zookeeper_port(void **state)
{
    (void)state;
    script_servers[0].refuses_greeting = true;
    script_open_one();
    script_get();
    assert_int_equal(script_wait_reply(), ZK_ERR_CONNECTIONLOSS);
    assert_int_equal(zk_client_get_state(script_client), ZK_CLIENT_CONNECTING);
    assert_int_equal(script_state_count, 0); /* it never was connected, so it is not disconnected */
}

/* ---- whatever comes -------------------------------------------------------------------------- */

/* One request of any kind; its reply's body, NULL for a multi's. */
static const struct codec_message *submit_any(struct random *random)
{
    static const struct codec_message *const bodies[] = {
        &zk_get_data_response_message,       &zk_get_children2_response_message,
        &zk_get_acl_response_message,        &zk_create_response_message,
        &zk_who_am_i_response_message,       &zk_sync_response_message,
        &zk_get_ephemerals_response_message, NULL,
    };
    struct zk_done done = {script_on_reply, NULL};
    struct slice path = SLICE_LIT("/a");
    struct zk_create create = {.path = path};
    struct zk_multi_op ops[] = {
        {.type = ZK_OP_CREATE, .create = create},
        {.type = ZK_OP_SET_DATA, .create = create},
        {.type = ZK_OP_DELETE, .create = create},
    };
    size_t kind = (size_t)random_below(random, ARRAY_LEN(bodies));
    int errors[] = {0, 0, 0, 0, 0, 0, 0, 0};
    script_has_reply = false;
    switch (kind) {
    case 0:
        errors[0] = zk_client_get_data(script_client, path, &script_watcher, done);
        break;
    case 1:
        errors[1] = zk_client_get_children(script_client, path, &script_watcher, done);
        break;
    case 2:
        errors[2] = zk_client_get_acl(script_client, path, done);
        break;
    case 3:
        errors[3] = zk_client_create(script_client, &create, done);
        break;
    case 4:
        errors[4] = zk_client_who_am_i(script_client, done);
        break;
    case 5:
        errors[5] = zk_client_sync(script_client, path, done);
        break;
    case 6:
        errors[6] = zk_client_get_ephemerals(script_client, path, done);
        break;
    default:
        errors[7] = zk_client_multi(script_client, ops, ARRAY_LEN(ops), done);
        break;
    }
    assert_int_equal(errors[kind], 0);
    return bodies[kind];
}

static void multi_body(struct random *random, struct buffer *body)
{
    static const int32_t types[] = {ZK_OP_CREATE, ZK_OP_CREATE2, ZK_OP_SET_DATA, ZK_OP_DELETE,
                                    ZK_OP_CHECK,  ZK_OP_ERROR,   ZK_OP_MULTI};
    struct zk_create_response created = {SLICE_LIT("/chroot/x")};
    struct zk_set_data_response changed = {.stat = {.czxid = 1}};
    struct zk_error_response failure = {ZK_ERR_NONODE};
    size_t count = (size_t)random_below(random, 5);
    for (size_t i = 0; i < count; i++) {
        struct zk_multi_header header = {types[random_below(random, ARRAY_LEN(types))], false, 0};
        int error = codec_encode(&zk_multi_header_message, 0, &header, body);
        bool has_path = header.type == ZK_OP_CREATE || header.type == ZK_OP_CREATE2;
        bool has_stat = header.type == ZK_OP_SET_DATA || header.type == ZK_OP_CREATE2;
        if (error == 0 && has_path) {
            error = codec_encode(&zk_create_response_message, 0, &created, body);
        }
        if (error == 0 && has_stat) {
            error = codec_encode(&zk_set_data_response_message, 0, &changed, body);
        }
        if (error == 0 && header.type == ZK_OP_ERROR) {
            error = codec_encode(&zk_error_response_message, 0, &failure, body);
        }
        assert_int_equal(error, 0);
    }
    struct zk_multi_header last = {-1, true, -1};
    assert_int_equal(codec_encode(&zk_multi_header_message, 0, &last, body), 0);
}

/* A good body, and then, every other time, bytes of it changed or its end cut off. */
static void random_body(struct random *random,
                        const struct codec_message *message,
                        struct arena *arena,
                        struct buffer *body)
{
    size_t from = body->len;
    if (message == NULL) {
        multi_body(random, body);
    } else {
        void *record = arena_alloc_zeroed(arena, codec_struct_size(message));
        codec_random(message, 0, random, arena, record);
        assert_int_equal(codec_encode(message, 0, record, body), 0);
    }
    if (random_chance(random, 1, 2)) {
        return;
    }
    size_t changes = (size_t)random_below(random, 4);
    for (size_t i = 0; i < changes && body->len > from; i++) {
        body->data[from + random_below(random, body->len - from)] = (uint8_t)random_next(random);
    }
    body->len -= (size_t)random_below(random, MIN(body->len - from, 8) + 1);
}

/* The xid of the request, behind the setWatches that may come before it. */
static int32_t wait_request(const struct script *server)
{
    size_t count = 1;
    for (;;) {
        script_wait_frames(server, count);
        if (server->frames[count - 1].xid > 0) {
            return server->frames[count - 1].xid;
        }
        count += 1;
    }
}

static void test_random_replies(void **state)
{
    (void)state;
    struct random random;
    size_t answered = 0;
    random_init(&random, 42);
    script_servers[0].is_mute = true;
    script_open_client("127.0.0.1:A/chroot", (struct zk_client_config){.reply_bytes_max = 2000});
    for (int i = 0; i < 1500; i++) {
        struct buffer body;
        struct zk_reply_header header = {.zxid = i};
        script_servers[0].frame_count = 0;
        arena_clear(&script_servers[0].arena);
        while (zk_client_get_state(script_client) != ZK_CLIENT_CONNECTED) {
            if (script_client->stage == STAGE_IDLE) {
                script_client->attempt_ns = 0; /* now, not in a moment */
                runtime_timer_set(&script_client->timer, 0);
            }
            script_turn();
        }
        script_state_count = 0;
        script_servers[0].frame_count = 0;
        const struct codec_message *message = submit_any(&random);
        int32_t xid = wait_request(&script_servers[0]);
        buffer_init(&body, (size_t)1 << 20);
        header.xid = random_chance(&random, 9, 10) ? xid : -(int32_t)random_below(&random, 3);
        assert_int_equal(codec_encode(&zk_reply_header_message, 0, &header, &body), 0);
        random_body(&random, message, &script_servers[0].arena, &body);
        script_send_frame(&script_servers[0], buffer_slice(&body));
        buffer_release(&body);
        if (header.xid < 1) {
            client_lost(
                script_client); /* perhaps it was taken for an event: nothing answers then */
        }
        (void)script_wait_reply();
        answered += script_reply_err == ZK_ERR_CONNECTIONLOSS ? 0 : 1;
    }
    assert_in_range(answered, 500, 1400); /* some were good, some were not */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, script_begin, script_end)
        T(test_bytes_one_by_one),
        T(test_oversized_reply),
        T(test_largest_reply),
        T(test_reply_out_of_order),
        T(test_reply_to_nothing),
        T(test_malformed_replies),
        T(test_unknown_events_are_passed_over),
        T(test_no_zookeeper_port),
        T(test_random_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
