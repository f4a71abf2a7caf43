/* Connections and sessions: the handshake in all its forms, who may come back and who may not (S5),
 * when a session ends (S1) and what ends with it (S2), and closing. */
#include "support_service.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void begin(struct test_server *server)
{
    test_server_init(server);
    test_server_start(server);
}

static void test_the_timeout_is_clamped(void **state)
{
    (void)state;
    static const struct {
        int32_t asked_ms;
        int32_t given_ms;
    } cases[] = {{0, 4000},    {-5, 4000},     {3999, 4000},      {4000, 4000},
                 {7123, 7123}, {40000, 40000}, {INT32_MAX, 40000}};
    struct test_server server;
    begin(&server);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_client client;
        test_client_open(&server, &client);
        test_send_connect(&server, &client, 0, cases[i].asked_ms, 0, SLICE_NULL);
        assert_int_equal(test_connect_answer(&client), cases[i].given_ms);
        test_client_drop(&server, &client);
    }
    test_server_release(&server);
}

static void test_the_password_is_the_one_of_the_id(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client client;
    uint8_t password[SESSION_PASSWORD_BYTES];
    begin(&server);
    test_client_connect(&server, &client);
    session_password(client.conn.session_id, password);
    assert_memory_equal(password, client.password, sizeof password);
    assert_true(client.conn.session_id >> 56 == 1);
    test_server_release(&server);
}

/* A ConnectRequest without its last field is answered without one. */
static void test_old_clients_get_the_old_answer(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client client;
    begin(&server);
    test_client_open(&server, &client);
    uint8_t frame[44] = {0};
    store_be32(frame + 12, 10000);
    store_be32(frame + 24, 16);
    test_send_frame(&server, &client, slice_of(frame, sizeof frame));
    assert_int_equal(client.received.len, 4 + 36);
    assert_int_equal(load_be32(client.received.data), 36);
    test_server_release(&server);
}

static void test_what_is_no_connect_request_is_closed(void **state)
{
    (void)state;
    struct test_server server;
    begin(&server);
    uint8_t frame[44] = {0};
    store_be32(frame + 24, 1u << 30); /* a password longer than the frame */
    for (size_t len = 0; len <= sizeof frame; len++) {
        struct test_client client;
        test_client_open(&server, &client);
        test_send_frame(&server, &client, slice_of(frame, len));
        test_expect_closed(&client, CLOSE_BAD_REQUEST);
        test_client_drop(&server, &client);
    }
    test_server_release(&server);
}

static void test_a_client_that_has_seen_more_is_sent_away(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client client;
    begin(&server);
    test_client_open(&server, &client);
    test_send_connect(&server, &client, 1, 10000, 0, SLICE_NULL);
    test_expect_closed(&client, CLOSE_ZXID_AHEAD);
    test_client_drop(&server, &client);
    test_client_open(&server, &client);
    test_send_connect(&server, &client, -7, 10000, 0, SLICE_NULL);
    assert_int_equal(test_connect_answer(&client), 10000);
    test_client_drop(&server, &client);
    test_client_open(&server, &client);
    test_send_connect(&server, &client, 1, 10000, 0,
                      SLICE_NULL); /* now this server has seen as much */
    assert_int_equal(test_connect_answer(&client), 10000);
    test_server_release(&server);
}

static void test_the_session_is_not_there_before_it_is_durable(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client client;
    struct test_client thief;
    begin(&server);
    server.persists_at_once = false;
    test_client_open(&server, &client);
    test_send_connect(&server, &client, 0, 10000, 0, SLICE_NULL);
    test_expect_nothing(&client);
    assert_false(client.conn.is_established);
    /* The peer goes before the answer: the txn is applied all the same, and the session ends by
     * itself. */
    int64_t id = client.conn.session_id;
    session_password(id, client.password);
    test_client_resume(&server, &thief, &client); /* whoever has the password may have it already */
    assert_int_equal(test_connect_answer(&thief), 10000);
    assert_true(client.is_closed && client.reason == CLOSE_SESSION_TAKEN_OVER);
    test_persist_all(&server);
    test_expect_nothing(&thief);
    assert_true(server.machine.service.tree.sessions.count == 1);
    test_server_release(&server);
}

static void test_coming_back(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    struct test_client again;
    begin(&server);
    test_client_connect(&server, &a);
    test_create(&server, &a, "/e", "", ZK_CREATE_EPHEMERAL);
    test_call(&server, &a, ZK_OP_GET_DATA, test_path_watch("/e", true), ZK_ERR_OK);
    test_client_drop(&server, &a);
    assert_int_equal(server.machine.service.data_watches.watch_count,
                     0); /* watches go with the connection */
    test_client_resume(&server, &again, &a);
    assert_int_equal(test_connect_answer(&again), 10000);
    assert_true(again.conn.session_id == a.conn.session_id);
    test_call(&server, &again, ZK_OP_EXISTS, test_path_watch("/e", false), ZK_ERR_OK);
    test_server_release(&server);
}

static void test_a_takeover_closes_the_older_connection(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    struct test_client b;
    begin(&server);
    test_client_connect(&server, &a);
    test_create(&server, &a, "/n", "", 0);
    server.persists_at_once = false;
    /* An outstanding write and a queued read of the old connection, and a write of the new one with
     * the same xid. */
    int32_t old_set = test_send(&server, &a, ZK_OP_SET_DATA, test_set_data_body("/n", "old", -1));
    test_send(&server, &a, ZK_OP_GET_DATA, test_path_watch("/n", false));
    test_client_resume(&server, &b, &a);
    assert_int_equal(test_connect_answer(&b), 10000);
    test_expect_closed(&a, CLOSE_SESSION_TAKEN_OVER);
    b.last_xid = old_set - 1;
    int32_t new_set = test_send(&server, &b, ZK_OP_SET_DATA, test_set_data_body("/n", "new", -1));
    assert_int_equal(new_set, old_set);
    test_persist(&server, server.proposed_zxid - 1);
    test_expect_nothing(&b); /* the old connection's txn answers nobody */
    test_persist_all(&server);
    struct slice body = test_expect(&b, new_set, ZK_ERR_OK);
    assert_int_equal(test_read_stat(&body).version, 2);
    test_send(&server, &a, ZK_OP_PING,
              NULL); /* what is still on its way from the old one is dropped */
    test_expect_nothing(&a);
    test_client_drop(&server, &a);
    assert_non_null(session_table_find(&server.machine.service.sessions, b.conn.session_id));
    test_server_release(&server);
}

static void refuse(struct test_server *server, int64_t session_id, struct slice password)
{
    static const uint8_t zeros[SESSION_PASSWORD_BYTES] = {0};
    struct test_client client;
    test_client_open(server, &client);
    test_send_connect(server, &client, 0, 10000, session_id, password);
    assert_int_equal(test_connect_answer(&client), 0);
    assert_memory_equal(client.password, zeros, sizeof zeros);
    test_expect_closed(&client, CLOSE_SESSION_UNKNOWN);
    test_client_drop(server, &client);
}

static void test_who_may_not_come_back(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    begin(&server);
    test_client_connect(&server, &a);
    int64_t id = a.conn.session_id;
    uint8_t wrong[SESSION_PASSWORD_BYTES + 1];
    for (size_t i = 0; i < SESSION_PASSWORD_BYTES; i++) {
        memcpy(wrong, a.password, SESSION_PASSWORD_BYTES);
        wrong[i] ^= 0x80;
        refuse(&server, id, slice_of(wrong, SESSION_PASSWORD_BYTES));
    }
    memcpy(wrong, a.password, SESSION_PASSWORD_BYTES);
    refuse(&server, id, SLICE_NULL);
    refuse(&server, id, slice_of(wrong, 0));
    refuse(&server, id, slice_of(wrong, SESSION_PASSWORD_BYTES - 1));
    refuse(&server, id, slice_of(wrong, SESSION_PASSWORD_BYTES + 1));
    session_password(id + 1, wrong);
    refuse(&server, id + 1, slice_of(wrong, SESSION_PASSWORD_BYTES)); /* there is no such session */
    assert_non_null(session_table_find(&server.machine.service.sessions, id)); /* it lives on */
    test_server_release(&server);
}

static void test_an_idle_session_expires_in_its_time(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    struct test_client b;
    begin(&server);
    test_client_connect(&server, &a);
    test_client_connect(&server, &b);
    test_create(&server, &a, "/e", "", ZK_CREATE_EPHEMERAL);
    test_create(&server, &a, "/e2", "", ZK_CREATE_EPHEMERAL_SEQUENTIAL);
    test_create(&server, &a, "/p", "", 0);
    test_call(&server, &b, ZK_OP_EXISTS, test_path_watch("/e", true), ZK_ERR_OK);
    uint64_t ends_ms = (server.now_ms + 10000) / TEST_TICK_MS * TEST_TICK_MS + TEST_TICK_MS;
    while (server.now_ms + 2000 < ends_ms) {
        test_advance(&server, 1000);
        test_call(&server, &b, ZK_OP_EXISTS, test_path_watch("/e", false), ZK_ERR_OK);
    }
    test_advance(&server, ends_ms - server.now_ms - 1);
    assert_false(a.is_closed); /* not a moment too early */
    test_advance(&server, 1);
    test_expect_closed(&a, CLOSE_SESSION_EXPIRED);
    test_expect_event(&b, ZK_EVENT_NODE_DELETED, "/e", server.proposed_zxid);
    test_call(&server, &b, ZK_OP_EXISTS, test_path_watch("/e", false), ZK_ERR_NONODE);
    struct slice children = test_call(&server, &b, ZK_OP_GET_CHILDREN, test_path_watch("/", false),
                                      ZK_ERR_OK);
    assert_int_equal(load_be32(children.ptr), 2); /* "p" and "zookeeper" */
    refuse(&server, a.conn.session_id, slice_of(a.password, sizeof a.password));
    assert_int_equal(server.machine.service.stats.stale_sessions_expired, 1);
    test_server_release(&server);
}

static void test_every_request_keeps_a_session_alive(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    begin(&server);
    test_client_connect(&server, &a);
    for (int i = 0; i < 20; i++) {
        test_advance(&server, 9999);
        assert_false(a.is_closed);
        test_send(&server, &a, i % 2 == 0 ? ZK_OP_PING : ZK_OP_WHO_AM_I, NULL);
    }
    test_advance(&server, 10000 + TEST_TICK_MS);
    assert_true(a.is_closed);
    test_server_release(&server);
}

static void test_the_timeout_of_the_newest_connection_counts(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    struct test_client again;
    begin(&server);
    test_client_connect(&server, &a);
    test_client_drop(&server, &a);
    test_client_open(&server, &again);
    test_send_connect(&server, &again, 0, 30000, a.conn.session_id,
                      slice_of(a.password, sizeof a.password));
    again.conn.session_id = a.conn.session_id;
    assert_int_equal(test_connect_answer(&again), 30000);
    test_advance(&server, 29000);
    assert_false(again.is_closed);
    test_advance(&server, 1000 + TEST_TICK_MS);
    assert_true(again.is_closed);
    test_server_release(&server);
}

static void test_a_request_behind_the_expiry_is_dropped(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    begin(&server);
    test_client_connect(&server, &a);
    server.persists_at_once = false;
    test_advance(&server, 20000); /* closeSession is proposed, not yet durable */
    assert_false(a.is_closed);
    int64_t proposed = server.proposed_zxid;
    test_send(&server, &a, ZK_OP_CREATE, test_create_body("/late", "", ZK_CREATE_EPHEMERAL));
    assert_true(server.proposed_zxid == proposed);
    test_expect_nothing(&a);
    refuse(&server, a.conn.session_id,
           slice_of(a.password, sizeof a.password)); /* nor can it be taken over any more */
    test_persist_all(&server);
    assert_int_equal(server.machine.service.tree.sessions.count, 0);
    test_server_release(&server);
}

static void test_closing_takes_everything_along(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    struct test_client b;
    begin(&server);
    test_client_connect(&server, &a);
    test_client_connect(&server, &b);
    test_create(&server, &a, "/e", "", ZK_CREATE_EPHEMERAL);
    test_call(&server, &a, ZK_OP_GET_DATA, test_path_watch("/e", true), ZK_ERR_OK);
    server.persists_at_once = false;
    /* Ephemerals whose create is still outstanding go too; one whose delete is outstanding is not
     * named twice; one that is deleted and made again is. */
    test_send(&server, &a, ZK_OP_CREATE, test_create_body("/f", "", ZK_CREATE_EPHEMERAL));
    test_send(&server, &a, ZK_OP_DELETE, test_path_version("/e", -1));
    test_send(&server, &a, ZK_OP_CREATE, test_create_body("/e", "", ZK_CREATE_EPHEMERAL));
    test_send(&server, &b, ZK_OP_CREATE, test_create_body("/b", "", ZK_CREATE_EPHEMERAL));
    int32_t close = test_send(&server, &a, ZK_OP_CLOSE_SESSION, NULL);
    test_persist_all(&server);
    test_expect(&a, close - 3, ZK_ERR_OK);
    test_expect_event(&a, ZK_EVENT_NODE_DELETED, "/e", server.proposed_zxid - 3);
    test_expect(&a, close - 2, ZK_ERR_OK);
    test_expect(&a, close - 1, ZK_ERR_OK);
    test_expect(&a, close, ZK_ERR_OK);
    test_expect_closed(&a, CLOSE_CLIENT_ASKED);
    tree_check(&server.machine.service.tree);
    assert_int_equal(server.machine.service.tree.ephemerals_count, 1);
    assert_int_equal(server.machine.service.tree.sessions.count, 1);
    test_server_release(&server);
}

static void test_a_close_whose_connection_went_away(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    begin(&server);
    test_client_connect(&server, &a);
    server.persists_at_once = false;
    test_send(&server, &a, ZK_OP_CLOSE_SESSION, NULL);
    test_client_drop(&server, &a);
    test_persist_all(&server);
    assert_int_equal(server.machine.service.tree.sessions.count, 0);
    assert_int_equal(server.machine.service.outstanding, 0);
    test_server_release(&server);
}

/* After a restart every session gets its full timeout again. */
static void test_sessions_of_the_log_live_on(void **state)
{
    (void)state;
    struct test_server server;
    struct test_server second;
    struct test_client a;
    struct test_client again;
    begin(&server);
    test_client_connect(&server, &a);
    test_create(&server, &a, "/e", "", ZK_CREATE_EPHEMERAL);
    test_server_init(&second);
    standalone_init(&second.machine, &second.config);
    struct jute_reader log = jute_reader_of(buffer_slice(&server.log), SIZE_MAX);
    while (log.rest.len > 0) {
        assert_int_equal(standalone_replay(&second.machine, jute_read_bytes(&log)), 0);
    }
    standalone_start(&second.machine, second.now_ms);
    second.proposed_zxid = second.machine.prep.last_zxid;
    assert_true(standalone_digest(&server.machine) == standalone_digest(&second.machine));
    test_advance(&second, 9000);
    test_client_resume(&second, &again, &a);
    assert_int_equal(test_connect_answer(&again), 10000);
    test_call(&second, &again, ZK_OP_EXISTS, test_path_watch("/e", false), ZK_ERR_OK);
    test_server_release(&second);
    test_server_release(&server);
}

static void test_replay_says_what_it_cannot_read(void **state)
{
    (void)state;
    struct test_server server;
    begin(&server);
    uint8_t bytes[40] = {0};
    assert_int_equal(standalone_replay(&server.machine, slice_of(bytes, 31)), ERR_CORRUPT);
    store_be32(bytes + 28, 4711); /* a type of the future */
    store_be64(bytes + 12, 17);
    assert_int_equal(standalone_replay(&server.machine, slice_of(bytes, 40)), ERR_OK);
    assert_int_equal(server.machine.service.stats.unknown_txns, 1);
    assert_true(server.machine.service.tree.last_processed_zxid == 17);
    server.machine.service.stats.unknown_txns = 0;
    test_server_release(&server);
}

static void test_a_read_only_server(void **state)
{
    (void)state;
    struct test_server server;
    struct test_client a;
    test_server_init(&server);
    test_server_start(&server);
    service_stop(&server.machine.service, &server.outbox);
    service_begin(&server.machine.service, SERVICE_READ_ONLY, true, server.now_ms);
    test_client_open(&server, &a);
    test_send_connect(&server, &a, 0, 10000, 0, SLICE_NULL);
    test_expect_closed(&a, CLOSE_NOT_READ_ONLY);
    test_server_release(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_timeout_is_clamped),
        cmocka_unit_test(test_the_password_is_the_one_of_the_id),
        cmocka_unit_test(test_old_clients_get_the_old_answer),
        cmocka_unit_test(test_what_is_no_connect_request_is_closed),
        cmocka_unit_test(test_a_client_that_has_seen_more_is_sent_away),
        cmocka_unit_test(test_the_session_is_not_there_before_it_is_durable),
        cmocka_unit_test(test_coming_back),
        cmocka_unit_test(test_a_takeover_closes_the_older_connection),
        cmocka_unit_test(test_who_may_not_come_back),
        cmocka_unit_test(test_an_idle_session_expires_in_its_time),
        cmocka_unit_test(test_every_request_keeps_a_session_alive),
        cmocka_unit_test(test_the_timeout_of_the_newest_connection_counts),
        cmocka_unit_test(test_a_request_behind_the_expiry_is_dropped),
        cmocka_unit_test(test_closing_takes_everything_along),
        cmocka_unit_test(test_a_close_whose_connection_went_away),
        cmocka_unit_test(test_sessions_of_the_log_live_on),
        cmocka_unit_test(test_replay_says_what_it_cannot_read),
        cmocka_unit_test(test_a_read_only_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
