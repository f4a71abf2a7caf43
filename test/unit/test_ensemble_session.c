/* Sessions of an ensemble: they move between servers, are kept alive through whoever has their
 * client, end once for all, and are asked about when somebody comes back. */
#include "support_ensemble.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void begin(struct ensemble *ensemble)
{
    ensemble_init(ensemble, 3, 0, 0);
    ensemble_start_all(ensemble);
    assert_int_equal(ensemble_settle(ensemble)->index, 2);
}

static void test_a_session_moves(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    struct test_client c;
    begin(&ensemble);
    ensemble_client_connect(&ensemble.peers[0], &a);
    ensemble_create(&ensemble.peers[0], &a, "/mine", "", 1);
    /* to another follower, to the leader, and back */
    assert_true(ensemble_client_resume(&ensemble.peers[1], &b, &a));
    ensemble_create(&ensemble.peers[1], &b, "/also", "", 1);
    assert_true(ensemble_client_resume(&ensemble.peers[2], &c, &a));
    ensemble_create(&ensemble.peers[2], &c, "/third", "", 1);
    /* what an older connection asks for now is not its session's any more */
    ensemble_send(&ensemble.peers[0], &a, ZK_OP_CREATE, test_create_body("/late", "", 1));
    ensemble_run(&ensemble, 1000);
    test_expect_closed(&a, CLOSE_SESSION_MOVED);
    assert_false(ensemble_has(&ensemble.peers[2], "/late"));
    ensemble_client_drop(&ensemble.peers[0], &a);
    assert_true(ensemble_client_resume(&ensemble.peers[0], &a, &b));
    ensemble_call(&ensemble.peers[0], &a, ZK_OP_DELETE, test_path_version("/mine", -1), ZK_ERR_OK);
    ensemble_client_drop(&ensemble.peers[0], &a);
    ensemble_client_drop(&ensemble.peers[1], &b);
    ensemble_client_drop(&ensemble.peers[2], &c);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
}

static void test_pings_at_a_follower_keep_it_alive(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    begin(&ensemble);
    ensemble_client_connect(&ensemble.peers[0], &a);
    ensemble_create(&ensemble.peers[0], &a, "/mine", "", 1);
    for (int i = 0; i < 20; i++) {
        ensemble_run(&ensemble, 3000);
        int32_t xid = a.last_xid;
        a.last_xid = ZK_XID_PING - 1;
        ensemble_call(&ensemble.peers[0], &a, ZK_OP_PING, test_body(), ZK_ERR_OK);
        a.last_xid = xid;
    }
    assert_true(ensemble_has(&ensemble.peers[2], "/mine"));
    /* without them it ends, in time, everywhere */
    ensemble_run(&ensemble, 9000);
    assert_true(ensemble_has(&ensemble.peers[2], "/mine"));
    ensemble_run(&ensemble, 8000);
    for (size_t i = 0; i < 3; i++) {
        assert_false(ensemble_has(&ensemble.peers[i], "/mine"));
    }
    test_expect_closed(&a, CLOSE_SESSION_EXPIRED);
    struct test_client b;
    assert_false(ensemble_client_resume(&ensemble.peers[1], &b, &a));
    test_expect_closed(&b, CLOSE_SESSION_UNKNOWN);
    ensemble_client_drop(&ensemble.peers[0], &a);
    ensemble_client_drop(&ensemble.peers[1], &b);
    ensemble_release(&ensemble);
}

static void test_a_session_outlives_the_leader(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    begin(&ensemble);
    ensemble_client_connect(&ensemble.peers[2], &a);
    ensemble_create(&ensemble.peers[2], &a, "/mine", "", 1);
    struct test_client was = a;
    ensemble_crash(&ensemble, 2);
    ensemble_settle(&ensemble);
    assert_true(ensemble_client_resume(&ensemble.peers[0], &b, &was));
    ensemble_call(&ensemble.peers[0], &b, ZK_OP_SYNC, test_path("/"), ZK_ERR_OK);
    assert_true(ensemble_has(&ensemble.peers[0], "/mine"));
    ensemble_call(&ensemble.peers[0], &b, ZK_OP_CLOSE_SESSION, test_body(), ZK_ERR_OK);
    test_expect_closed(&b, CLOSE_CLIENT_ASKED);
    assert_false(ensemble_has(&ensemble.peers[0], "/mine"));
    ensemble_client_drop(&ensemble.peers[0], &b);
    ensemble_start(&ensemble, 2);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
}

/* Whoever guesses an id needs its password as well. */
static void test_a_wrong_password_is_not_even_asked_about(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    begin(&ensemble);
    ensemble_client_connect(&ensemble.peers[0], &a);
    struct test_client thief = a;
    thief.password[3] ^= 1;
    assert_false(ensemble_client_resume(&ensemble.peers[1], &b, &thief));
    test_expect_closed(&b, CLOSE_SESSION_UNKNOWN);
    ensemble_client_drop(&ensemble.peers[1], &b);
    ensemble_create(&ensemble.peers[0], &a, "/still", "", 0);
    ensemble_client_drop(&ensemble.peers[0], &a);
    ensemble_release(&ensemble);
}

/* The client comes back to the same follower before the leader has said anything, and counts from
 * the same number: the old request's txn must not answer the new one. */
static void test_a_txn_of_a_closed_connection_answers_nobody(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    begin(&ensemble);
    struct ensemble_peer *follower = &ensemble.peers[0];
    ensemble_client_connect(follower, &a);
    ensemble.peers[1].holds_disk = true; /* nothing is committed for now ... */
    follower->holds_disk = true;
    ensemble_send(follower, &a, ZK_OP_CREATE, test_create_body("/first", "", 0));
    struct test_client was = a;
    ensemble_client_drop(follower, &a);
    assert_true(ensemble_client_resume(follower, &b, &was));
    int32_t xid = ensemble_send(follower, &b, ZK_OP_CREATE, test_create_body("/first", "", 0));
    assert_int_equal(xid, was.last_xid);
    ensemble_run(&ensemble, 100);
    test_expect_nothing(&b);
    follower->holds_disk = false; /* ... and both are now */
    ensemble_run(&ensemble, 100);
    test_expect(&b, xid, ZK_ERR_NODEEXISTS);
    ensemble.peers[1].holds_disk = false;
    ensemble_client_drop(follower, &b);
    ensemble_release(&ensemble);
}

static void test_requests_keep_their_order_around_a_sync(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    begin(&ensemble);
    for (size_t i = 0; i < 3; i += 2) { /* at a follower, at the leader */
        struct ensemble_peer *peer = &ensemble.peers[i];
        ensemble_client_connect(peer, &a);
        int32_t first = ensemble_send(peer, &a, ZK_OP_SYNC, test_path("/"));
        ensemble_send(peer, &a, ZK_OP_EXISTS, test_path_watch("/", false));
        ensemble_send(peer, &a, ZK_OP_CREATE, test_create_body(i == 0 ? "/x" : "/y", "", 0));
        ensemble_send(peer, &a, ZK_OP_SYNC, test_path("/"));
        ensemble_send(peer, &a, ZK_OP_CLOSE_SESSION, test_body());
        ensemble_run(&ensemble, 3000);
        for (int32_t k = 0; k < 5; k++) {
            test_expect(&a, first + k, ZK_ERR_OK);
        }
        test_expect_closed(&a, CLOSE_CLIENT_ASKED);
        ensemble_client_drop(peer, &a);
    }
    ensemble_release(&ensemble);
}

/* ---- read-only, local ---------------------------------------------------------------- */

static void test_read_only_when_alone(void **state)
{
    (void)state;
    static const uint8_t zeros[SESSION_PASSWORD_BYTES] = {0};
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    ensemble_init(&ensemble, 3, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        ensemble.peers[i].config.read_only_mode_enabled = true;
    }
    ensemble_start_all(&ensemble);
    ensemble_settle(&ensemble);
    ensemble_client_connect(&ensemble.peers[2], &a);
    ensemble_create(&ensemble.peers[2], &a, "/seen", "", 0);
    struct test_client was = a;
    ensemble_client_drop(&ensemble.peers[2], &a);
    ensemble_check_equal(&ensemble);
    ensemble_crash(&ensemble, 1);
    ensemble_crash(&ensemble, 2);
    ensemble_run(&ensemble, 60000);
    struct ensemble_peer *alone = &ensemble.peers[0];
    assert_true(alone->peer.is_read_only);
    ensemble_client_open(alone, &b);
    ensemble_send_connect(alone, &b, 0, zeros, false);
    test_expect_closed(&b, CLOSE_NOT_READ_ONLY);
    ensemble_client_drop(alone, &b);
    ensemble_client_open(alone, &b);
    ensemble_send_connect(alone, &b, was.conn.session_id, was.password, true);
    test_expect_closed(&b, CLOSE_NOT_READ_ONLY); /* it may live, nobody here can say */
    ensemble_client_drop(alone, &b);
    ensemble_client_open(alone, &b);
    ensemble_send_connect(alone, &b, 0, zeros, true);
    assert_int_equal(b.received.len, 41);
    assert_int_equal(b.received.data[40], 1); /* read-only, it says */
    b.read_at = b.received.len;
    ensemble_call(alone, &b, ZK_OP_EXISTS, test_path_watch("/seen", false), ZK_ERR_OK);
    ensemble_call(alone, &b, ZK_OP_CREATE, test_create_body("/no", "", 0), ZK_ERR_NOTREADONLY);
    ensemble_call(alone, &b, ZK_OP_SYNC, test_path("/"), ZK_ERR_NOTREADONLY);
    int64_t zxid = alone->peer.service.tree.last_processed_zxid;
    /* the others come back: it has to say goodbye */
    ensemble_start(&ensemble, 1);
    ensemble_settle(&ensemble);
    test_expect_closed(&b, CLOSE_SHUTDOWN);
    assert_false(alone->peer.is_read_only);
    assert_true(alone->peer.logged_zxid == zxid);
    ensemble_client_drop(alone, &b);
    ensemble_release(&ensemble);
}

static void begin_local(struct ensemble *ensemble, bool upgrades)
{
    ensemble_init(ensemble, 3, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        ensemble->peers[i].config.local_sessions_enabled = true;
        ensemble->peers[i].service_config.local_sessions_enabled = true;
        ensemble->peers[i].service_config.local_sessions_upgrading_enabled = upgrades;
    }
    ensemble_start_all(ensemble);
    ensemble_settle(ensemble);
}

static void test_local_sessions_are_nobody_elses(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    begin_local(&ensemble, false);
    struct ensemble_peer *peer = &ensemble.peers[0];
    ensemble_client_connect(peer, &a);
    assert_int_equal(peer->peer.logged_zxid, 0); /* no txn */
    assert_int_equal(session_table_count_local(&peer->peer.service.sessions), 1);
    ensemble_create(peer, &a, "/one", "", 0);
    ensemble_call(peer, &a, ZK_OP_CREATE, test_create_body("/two", "", 1),
                  ZK_ERR_EPHEMERALONLOCALSESSION);
    assert_false(ensemble_client_resume(&ensemble.peers[1], &b, &a));
    ensemble_client_drop(&ensemble.peers[1], &b);
    assert_true(ensemble_client_resume(peer, &b, &a));
    ensemble_client_drop(peer, &a);
    int64_t zxid = peer->peer.logged_zxid;
    ensemble_call(peer, &b, ZK_OP_CLOSE_SESSION, test_body(), ZK_ERR_OK);
    test_expect_closed(&b, CLOSE_CLIENT_ASKED);
    assert_true(peer->peer.logged_zxid == zxid);
    assert_int_equal(session_table_count_local(&peer->peer.service.sessions), 0);
    ensemble_client_drop(peer, &b);
    /* and they end by themselves */
    ensemble_client_connect(peer, &a);
    ensemble_run(&ensemble, 15000);
    test_expect_closed(&a, CLOSE_SESSION_EXPIRED);
    assert_true(peer->peer.logged_zxid == zxid);
    ensemble_client_drop(peer, &a);
    ensemble_release(&ensemble);
}

static void test_a_local_session_is_upgraded(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    begin_local(&ensemble, true);
    for (size_t i = 0; i < 3; i += 2) {
        const char *path = i == 0 ? "/by-follower" : "/by-leader";
        struct ensemble_peer *peer = &ensemble.peers[i];
        ensemble_client_connect(peer, &a);
        ensemble_create(peer, &a, path, "", 1);
        assert_true(ensemble_client_resume(&ensemble.peers[1], &b, &a));
        ensemble_client_drop(peer, &a);
        ensemble_check_equal(&ensemble);
        ensemble_call(&ensemble.peers[1], &b, ZK_OP_CLOSE_SESSION, test_body(), ZK_ERR_OK);
        ensemble_client_drop(&ensemble.peers[1], &b);
        ensemble_check_equal(&ensemble);
        assert_false(ensemble_has(peer, path));
    }
    ensemble_release(&ensemble);
}

static bool has_an_answer(struct ensemble *ensemble, void *ctx)
{
    (void)ensemble;
    const struct test_client *client = ctx;
    return !client->is_open || client->is_closed || client->received.len > client->read_at;
}

/* A client whose numbers begin again with each connection, as kazoo's, moves to another server
 * while its first request is on its way: the first one there is not answered with that one's
 * txn. */
static void test_another_connections_txn_is_no_answer(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client first;
    struct test_client second;
    struct ensemble_peer *followers[2] = {NULL, NULL};
    ensemble_init(&ensemble, 3, 0, 0);
    ensemble_start_all(&ensemble);
    const struct ensemble_peer *leader = ensemble_settle(&ensemble);
    for (size_t i = 0; i < 3; i++) {
        if (&ensemble.peers[i] != leader) {
            followers[followers[0] == NULL ? 0 : 1] = &ensemble.peers[i];
        }
    }
    ensemble_client_connect(followers[0], &first);
    ensemble_run(&ensemble, 100);
    followers[0]->holds_disk = true;
    followers[1]->holds_disk = true;
    int32_t x = ensemble_send(followers[0], &first, ZK_OP_CREATE, test_create_body("/x", "x", 0));
    ensemble_run(&ensemble, 10);
    struct test_client moved = first;
    ensemble_client_drop(followers[0], &first);
    ensemble_run(&ensemble, 10);
    assert_true(ensemble_client_resume(followers[1], &second, &moved));
    int32_t y = ensemble_send(followers[1], &second, ZK_OP_CREATE, test_create_body("/y", "y", 0));
    assert_int_equal(x, y);
    ensemble_run(&ensemble, 10);
    followers[0]->holds_disk = false;
    followers[1]->holds_disk = false;
    ensemble_run_until(&ensemble, has_an_answer, &second, 60000);
    struct slice body = test_expect(&second, y, ZK_ERR_OK);
    assert_true(slice_equal(slice_part(body, 4, body.len), SLICE_LIT("/y")));
    ensemble_client_drop(followers[1], &second);
    ensemble_release(&ensemble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_connections_txn_is_no_answer),
        cmocka_unit_test(test_a_session_moves),
        cmocka_unit_test(test_pings_at_a_follower_keep_it_alive),
        cmocka_unit_test(test_a_session_outlives_the_leader),
        cmocka_unit_test(test_a_wrong_password_is_not_even_asked_about),
        cmocka_unit_test(test_a_txn_of_a_closed_connection_answers_nobody),
        cmocka_unit_test(test_requests_keep_their_order_around_a_sync),
        cmocka_unit_test(test_read_only_when_alone),
        cmocka_unit_test(test_local_sessions_are_nobody_elses),
        cmocka_unit_test(test_a_local_session_is_upgraded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
