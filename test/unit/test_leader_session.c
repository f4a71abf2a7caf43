/* The leader with learners that a test speaks for: whose a session is, who keeps it alive, and
 * what a sync waits for. */
#include "support_leader.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int32_t error_of(struct slice txn)
{
    return (int32_t)load_be32(txn.ptr + 28) == ZK_OP_ERROR ? (int32_t)load_be32(txn.ptr + 32)
                                                           : ZK_ERR_OK;
}

/* Asks as a client of the learner's; what it becomes at the leader. */
static int32_t ask(struct test_leader *test,
                   struct test_learner *learner,
                   int64_t session_id,
                   int32_t type,
                   struct slice body)
{
    test_learner_request(test, learner, session_id, 7, type, body);
    int64_t zxid = test->proposed_zxid;
    struct quorum_packet packet = test_learner_next(learner);
    while (packet.type != ZK_PACKET_PROPOSAL || packet.zxid != zxid) {
        assert_int_not_equal(packet.type, -1);
        packet = test_learner_next(learner);
    }
    int32_t error = error_of(packet.data);
    test_learner_send(test, learner, ZK_PACKET_ACK, zxid, SLICE_NULL);
    return error;
}

static void test_sessions_have_owners(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    struct test_learner *b = test_learner_join(&test, 1, 3);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    assert_int_equal(
        ask(&test, a, TEST_LEADER_SESSION, ZK_OP_SET_DATA, test_leader_set_data_body()), ZK_ERR_OK);
    assert_int_equal(
        ask(&test, b, TEST_LEADER_SESSION, ZK_OP_SET_DATA, test_leader_set_data_body()),
        ZK_ERR_SESSIONMOVED);
    assert_int_equal(ask(&test, b, 4711, ZK_OP_SET_DATA, test_leader_set_data_body()),
                     ZK_ERR_SESSIONEXPIRED);
    /* It moves to b by REVALIDATE. */
    uint8_t data[12];
    store_be64(data, (uint64_t)TEST_LEADER_SESSION);
    store_be32(data + 8, 5000);
    while (test_learner_next(b).type != -1) {
    }
    test_learner_send(&test, b, ZK_PACKET_REVALIDATE, -1, slice_of(data, sizeof data));
    int64_t session_id = 0;
    bool is_valid = false;
    struct quorum_packet packet = test_learner_expect(b, ZK_PACKET_REVALIDATE, zxid_make(4, 4));
    assert_int_equal(quorum_read_revalidated(packet.data, &session_id, &is_valid), ERR_OK);
    assert_true(is_valid && session_id == TEST_LEADER_SESSION);
    assert_int_equal(
        ask(&test, b, TEST_LEADER_SESSION, ZK_OP_SET_DATA, test_leader_set_data_body()), ZK_ERR_OK);
    assert_int_equal(
        ask(&test, a, TEST_LEADER_SESSION, ZK_OP_SET_DATA, test_leader_set_data_body()),
        ZK_ERR_SESSIONMOVED);
    /* Its end is for its owner to ask for; then it is no session any more. */
    assert_int_equal(ask(&test, a, TEST_LEADER_SESSION, ZK_OP_CLOSE_SESSION, SLICE_LIT("")),
                     ZK_ERR_SESSIONMOVED);
    assert_int_equal(ask(&test, b, TEST_LEADER_SESSION, ZK_OP_CLOSE_SESSION, SLICE_LIT("")),
                     ZK_ERR_OK);
    while (test_learner_next(b).type != -1) {
    }
    test_learner_send(&test, b, ZK_PACKET_REVALIDATE, -1, slice_of(data, sizeof data));
    packet = test_learner_expect(b, ZK_PACKET_REVALIDATE, test.peer.prep.last_zxid);
    assert_int_equal(quorum_read_revalidated(packet.data, &session_id, &is_valid), ERR_OK);
    assert_false(is_valid);
    assert_int_equal(
        ask(&test, b, TEST_LEADER_SESSION, ZK_OP_SET_DATA, test_leader_set_data_body()),
        ZK_ERR_SESSIONEXPIRED);
    test_leader_release(&test);
}

static void test_pings_keep_sessions_alive(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION + 1);
    uint8_t touched[12];
    store_be64(touched, (uint64_t)TEST_LEADER_SESSION);
    store_be32(touched + 8, 10000);
    for (int i = 0; i < 14; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_send(&test, a, ZK_PACKET_PING, 0, slice_of(touched, sizeof touched));
        if (test.proposed_zxid > test.peer.leader->last_committed) {
            test_learner_send(&test, a, ZK_PACKET_ACK, test.proposed_zxid, SLICE_NULL);
        }
    }
    assert_non_null(session_table_find(&test.peer.service.sessions, TEST_LEADER_SESSION));
    assert_null(session_table_find(&test.peer.service.sessions, TEST_LEADER_SESSION + 1));
    test_leader_release(&test);
}

/* Not the timeout that it began with: its client may have come back with a longer one. */
static void test_a_write_counts_the_agreed_timeout(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    uint8_t touched[12];
    store_be64(touched, (uint64_t)TEST_LEADER_SESSION);
    store_be32(touched + 8, 40000);
    test_learner_send(&test, a, ZK_PACKET_PING, 0, slice_of(touched, sizeof touched));
    assert_int_equal(
        ask(&test, a, TEST_LEADER_SESSION, ZK_OP_SET_DATA, test_leader_set_data_body()), ZK_ERR_OK);
    for (int i = 0; i < 14; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_send(&test, a, ZK_PACKET_PING, 0, SLICE_LIT(""));
    }
    assert_non_null(session_table_find(&test.peer.service.sessions, TEST_LEADER_SESSION));
    assert_true(test.proposed_zxid == test.peer.leader->last_committed);
    test_leader_release(&test);
}

/* The last report of the server that it was at before comes behind its greeting at another one. */
static void test_a_late_report_does_not_shorten_a_timeout(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *b;
    struct test_learner *a = test_leader_led_by_three(&test, &b);
    uint8_t data[12];
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    store_be64(data, (uint64_t)TEST_LEADER_SESSION);
    store_be32(data + 8, 40000);
    test_learner_send(&test, b, ZK_PACKET_REVALIDATE, -1, slice_of(data, sizeof data));
    store_be32(data + 8, 4000);
    test_learner_send(&test, a, ZK_PACKET_PING, 0, slice_of(data, sizeof data));
    for (int i = 0; i < 14; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_send(&test, a, ZK_PACKET_PING, 0, SLICE_LIT(""));
        test_learner_send(&test, b, ZK_PACKET_PING, 0, SLICE_LIT(""));
    }
    assert_non_null(session_table_find(&test.peer.service.sessions, TEST_LEADER_SESSION));
    assert_true(test.proposed_zxid == test.peer.leader->last_committed);
    test_leader_release(&test);
}

/* No report names it: its client has asked for nothing but syncs. */
static void test_a_sync_keeps_its_session_alive(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    for (int i = 0; i < 14; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_request(&test, a, TEST_LEADER_SESSION, i, ZK_OP_SYNC, test_leader_sync_body());
    }
    assert_non_null(session_table_find(&test.peer.service.sessions, TEST_LEADER_SESSION));
    assert_true(test.proposed_zxid == test.peer.leader->last_committed);
    test_leader_release(&test);
}

/* A session that the leader does not know may be another server's local one, or have ended. */
static void test_an_ephemeral_node_wants_a_known_session(void **state)
{
    (void)state;
    static const uint8_t create[] = "\0\0\0\2/e\377\377\377\377\0\0\0\1\0\0\0\37"
                                    "\0\0\0\5world\0\0\0\6anyone\0\0\0\1";
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test.config.local_sessions_enabled = true;
    assert_int_equal(ask(&test, a, 4711, ZK_OP_SET_DATA, test_leader_set_data_body()), ZK_ERR_OK);
    assert_int_equal(ask(&test, a, 4711, ZK_OP_CREATE, slice_of(create, sizeof create - 1)),
                     ZK_ERR_SESSIONEXPIRED);
    while (test_learner_next(a).type != -1) {
    }
    test_learner_open_session(&test, a, 4711);
    assert_int_equal(ask(&test, a, 4711, ZK_OP_CREATE, slice_of(create, sizeof create - 1)),
                     ZK_ERR_OK);
    test_leader_release(&test);
}

static void test_requests_that_no_client_may_make(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    assert_int_equal(
        ask(&test, a, TEST_LEADER_SESSION, ZK_OP_DELETE_CONTAINER, test_leader_sync_body()),
        ZK_ERR_UNIMPLEMENTED);
    assert_int_equal(ask(&test, a, TEST_LEADER_SESSION, ZK_OP_GET_DATA, test_leader_sync_body()),
                     ZK_ERR_UNIMPLEMENTED);
    assert_int_equal(ask(&test, a, TEST_LEADER_SESSION, 12345, test_leader_sync_body()),
                     ZK_ERR_UNIMPLEMENTED);
    assert_int_equal(ask(&test, a, TEST_LEADER_SESSION, ZK_OP_SET_DATA, SLICE_LIT("torn")),
                     ZK_ERR_MARSHALLINGERROR);
    assert_int_equal(ask(&test, a, TEST_LEADER_SESSION, ZK_OP_CREATE_SESSION, SLICE_LIT("")),
                     ZK_ERR_MARSHALLINGERROR);
    assert_int_equal(ask(&test, a, 0, ZK_OP_CREATE_SESSION, SLICE_LIT("\0\0\x10\0")),
                     ZK_ERR_BADARGUMENTS);
    test_learner_send(&test, a, ZK_PACKET_REQUEST, -1, SLICE_LIT("short"));
    test_learner_expect_closed(a, "cannot be decoded");
    test_leader_release(&test);
}

static void test_a_sync_is_confirmed_by_a_quorum(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *b;
    struct test_learner *a = test_leader_led_by_three(&test, &b);
    /* Two syncs: the second shares no round with the first, which is on its way already. */
    test_learner_request(&test, a, TEST_LEADER_SESSION, 1, ZK_OP_SYNC, test_leader_sync_body());
    test_learner_expect(a, ZK_PACKET_PING, zxid_make(4, 1));
    test_learner_expect(b, ZK_PACKET_PING, zxid_make(4, 1));
    test_learner_request(&test, b, TEST_LEADER_SESSION, 1, ZK_OP_SYNC, test_leader_sync_body());
    test_learner_expect_nothing(a);
    test_learner_send(&test, b, ZK_PACKET_PING, zxid_make(4, 1), SLICE_LIT(""));
    test_learner_expect(a, ZK_PACKET_SYNC, 0);
    test_learner_expect(b, ZK_PACKET_PING, zxid_make(4, 1)); /* the second round */
    test_learner_expect(a, ZK_PACKET_PING, zxid_make(4, 1));
    test_learner_expect_nothing(b);
    /* a's answer to the first ping says nothing about the second */
    test_learner_send(&test, a, ZK_PACKET_PING, zxid_make(4, 1), SLICE_LIT(""));
    test_learner_expect_nothing(b);
    test_learner_send(&test, a, ZK_PACKET_PING, zxid_make(4, 1), SLICE_LIT(""));
    test_learner_expect(b, ZK_PACKET_SYNC, 0);
    test_leader_release(&test);
}

static void test_a_sync_waits_for_what_was_proposed(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    int64_t zxid = test_leader_propose(&test, a, 1);
    test_learner_expect(a, ZK_PACKET_PROPOSAL, zxid);
    test_learner_request(&test, a, TEST_LEADER_SESSION, 2, ZK_OP_SYNC, test_leader_sync_body());
    test_learner_expect(a, ZK_PACKET_PING, zxid);
    test_learner_send(&test, a, ZK_PACKET_PING, zxid, SLICE_LIT(""));
    test_learner_expect_nothing(a);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(a, ZK_PACKET_COMMIT, zxid);
    test_learner_expect(a, ZK_PACKET_SYNC, 0);
    test_leader_release(&test);
}

/* A write of the same session behind the sync: its commit confirms the sync, and follows it. */
static void test_a_sync_is_answered_before_what_came_after_it(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    test_learner_request(&test, a, TEST_LEADER_SESSION, 2, ZK_OP_SYNC, test_leader_sync_body());
    test_learner_expect(a, ZK_PACKET_PING, zxid_make(4, 1));
    int64_t zxid = test_leader_propose(&test, a, 3);
    test_learner_expect(a, ZK_PACKET_PROPOSAL, zxid);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(a, ZK_PACKET_SYNC, 0);
    test_learner_expect(a, ZK_PACKET_COMMIT, zxid);
    test_leader_release(&test);
}

/* The follower of the round dies, another one takes its place: the round goes on with it. */
static void test_a_round_survives_its_followers(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    struct test_learner *b = test_learner_join(&test, 1, 3);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(4, 1), SLICE_NULL);
    test_learner_request(&test, b, TEST_LEADER_SESSION, 2, ZK_OP_SYNC, test_leader_sync_body());
    test_learner_lost(&test, a);
    while (test_learner_next(b).type != -1) {
    }
    test_learner_lost(&test, b);
    struct test_learner *c = test_learner_join(&test, 2, 2);
    test_learner_request(&test, c, TEST_LEADER_SESSION, 2, ZK_OP_SYNC, test_leader_sync_body());
    test_learner_expect_nothing(c);
    test_leader_advance(&test, TEST_LEADER_TICK_MS / 2);
    test_learner_expect(c, ZK_PACKET_PING, zxid_make(4, 1));
    test_learner_send(&test, c, ZK_PACKET_PING, zxid_make(4, 1), SLICE_LIT(""));
    test_learner_expect(c, ZK_PACKET_PING, zxid_make(4, 1));
    test_learner_send(&test, c, ZK_PACKET_PING, zxid_make(4, 1), SLICE_LIT(""));
    test_learner_expect(c, ZK_PACKET_SYNC, 0);
    test_leader_release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_have_owners),
        cmocka_unit_test(test_pings_keep_sessions_alive),
        cmocka_unit_test(test_a_write_counts_the_agreed_timeout),
        cmocka_unit_test(test_a_late_report_does_not_shorten_a_timeout),
        cmocka_unit_test(test_a_sync_keeps_its_session_alive),
        cmocka_unit_test(test_an_ephemeral_node_wants_a_known_session),
        cmocka_unit_test(test_requests_that_no_client_may_make),
        cmocka_unit_test(test_a_sync_is_confirmed_by_a_quorum),
        cmocka_unit_test(test_a_sync_waits_for_what_was_proposed),
        cmocka_unit_test(test_a_sync_is_answered_before_what_came_after_it),
        cmocka_unit_test(test_a_round_survives_its_followers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
