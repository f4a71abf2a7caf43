/* The order of answers and events: FIFO per connection with writes still on their way to the disk
 * (C3), own writes seen (C5), nothing shown that is not durable, events before the answers that
 * show the change (W1, W2), sync (C6), and the limits that make a connection wait. */
#include "support_service.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void begin(struct test_pair *pair)
{
    test_pair_begin(pair);
    test_create(&pair->server, &pair->a, "/n", "0", 0);
    pair->server.persists_at_once = false;
}

static void expect_data(struct test_client *client, int32_t xid, const char *data)
{
    struct slice body = test_expect(client, xid, ZK_ERR_OK);
    struct jute_reader reader = jute_reader_of(body, 1000);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), data));
}

static void test_own_reads_wait_for_own_writes(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    int32_t before = test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path_watch("/n", false));
    expect_data(&f.a, before, "0"); /* nothing in front of it: answered in its turn */
    int32_t set = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    int32_t get = test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path_watch("/n", false));
    int32_t ping = test_send(&f.server, &f.a, ZK_OP_PING, NULL);
    int32_t set2 = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "2", 1));
    int32_t get2 = test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path_watch("/n", false));
    int32_t wrong = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "3", 1));
    test_expect_nothing(&f.a);
    int32_t other = test_send(&f.server, &f.b, ZK_OP_GET_DATA, test_path_watch("/n", false));
    expect_data(&f.b, other, "0"); /* another session neither waits nor sees what is not durable */

    test_persist(&f.server, f.server.proposed_zxid - 2);
    test_expect(&f.a, set, ZK_ERR_OK);
    expect_data(&f.a, get, "1");
    (void)ping;
    test_expect(&f.a, ZK_XID_PING, ZK_ERR_OK);
    test_expect_nothing(&f.a);
    test_persist_all(&f.server);
    test_expect(&f.a, set2, ZK_ERR_OK);
    expect_data(&f.a, get2, "2");
    test_expect(&f.a, wrong, ZK_ERR_BADVERSION);
    test_expect_nothing(&f.a);
    test_server_release(&f.server);
}

static void test_what_cannot_be_decoded_keeps_its_place(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    int64_t last_zxid = f.server.proposed_zxid;
    int32_t alone = test_send(&f.server, &f.a, ZK_OP_CREATE, test_path("/cut"));
    test_expect(&f.a, alone, ZK_ERR_MARSHALLINGERROR);
    assert_true(f.server.proposed_zxid == last_zxid); /* and costs no zxid */
    int32_t set = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    int32_t cut = test_send(&f.server, &f.a, ZK_OP_DELETE, test_path("/n"));
    int32_t cut_read = test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path("/n"));
    int32_t cut_sync = test_send(&f.server, &f.a, ZK_OP_SYNC, NULL);
    test_expect_nothing(&f.a);
    test_persist_all(&f.server);
    test_expect(&f.a, set, ZK_ERR_OK);
    test_expect(&f.a, cut, ZK_ERR_MARSHALLINGERROR);
    test_expect(&f.a, cut_read, ZK_ERR_MARSHALLINGERROR);
    test_expect(&f.a, cut_sync, ZK_ERR_MARSHALLINGERROR);
    test_server_release(&f.server);
}

static void test_an_event_comes_before_what_shows_the_change(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    int32_t watch = test_send(&f.server, &f.b, ZK_OP_GET_DATA, test_path_watch("/n", true));
    expect_data(&f.b, watch, "0");
    /* b has a write outstanding and a read behind it when a's change becomes durable. */
    int32_t set = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    int64_t changed = f.server.proposed_zxid;
    int32_t create = test_send(&f.server, &f.b, ZK_OP_CREATE, test_create_body("/m", "", 0));
    int32_t get = test_send(&f.server, &f.b, ZK_OP_GET_DATA, test_path_watch("/n", false));
    int32_t early = test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path_watch("/n", true));
    test_persist_all(&f.server);
    test_expect_event(&f.b, ZK_EVENT_NODE_DATA_CHANGED, "/n", changed);
    test_expect(&f.b, create, ZK_ERR_OK);
    expect_data(&f.b, get, "1");
    test_expect_nothing(&f.b);
    test_expect(&f.a, set, ZK_ERR_OK);
    expect_data(&f.a, early,
                "1"); /* its watch was set when it was answered: the change before it is no event */
    test_expect_nothing(&f.a);
    test_server_release(&f.server);
}

static void test_own_events_come_before_the_own_answer(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    test_call(&f.server, &f.a, ZK_OP_EXISTS, test_path_watch("/new", true), ZK_ERR_NONODE);
    test_call(&f.server, &f.a, ZK_OP_GET_CHILDREN, test_path_watch("/", true), ZK_ERR_OK);
    int32_t create = test_send(&f.server, &f.a, ZK_OP_CREATE, test_create_body("/new", "", 0));
    test_persist_all(&f.server);
    test_expect_event(&f.a, ZK_EVENT_NODE_CREATED, "/new", f.server.proposed_zxid);
    test_expect_event(&f.a, ZK_EVENT_NODE_CHILDREN_CHANGED, "/", f.server.proposed_zxid);
    test_expect(&f.a, create, ZK_ERR_OK);
    test_server_release(&f.server);
}

static void test_sync_waits_for_what_was_proposed_before_it(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    int32_t idle = test_send(&f.server, &f.b, ZK_OP_SYNC, test_path("/any where"));
    struct slice body = test_expect(&f.b, idle, ZK_ERR_OK);
    struct jute_reader reader = jute_reader_of(body, 1000);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/any where"));
    test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    int32_t sync = test_send(&f.server, &f.b, ZK_OP_SYNC, test_path("/n"));
    int32_t get = test_send(&f.server, &f.b, ZK_OP_GET_DATA, test_path_watch("/n", false));
    test_expect_nothing(&f.b);
    test_send(&f.server, &f.a, ZK_OP_SET_DATA,
              test_set_data_body("/n", "2", -1)); /* later than the sync */
    test_persist(&f.server, f.server.proposed_zxid - 1);
    test_expect(&f.b, sync, ZK_ERR_OK);
    expect_data(&f.b, get, "1");
    test_persist_all(&f.server);
    test_server_release(&f.server);
}

static void test_a_sync_whose_connection_went_away(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    test_send(&f.server, &f.b, ZK_OP_SYNC, test_path("/n"));
    test_client_drop(&f.server, &f.b);
    test_persist_all(&f.server);
    test_server_release(&f.server);
}

static void test_unknown_operations_end_the_connection(void **state)
{
    (void)state;
    static const int32_t types[] = {0,   10, 13, 23,  99,        108,      500,
                                    997, -1, -2, -12, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct test_pair f;
        begin(&f);
        int32_t set = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
        int32_t xid = test_send(&f.server, &f.a, types[i], test_path("/n"));
        struct test_frame frame;
        assert_true(test_next_frame(&f.a, &frame));
        assert_int_equal(frame.xid, xid);
        assert_int_equal(frame.err, ZK_ERR_UNIMPLEMENTED);
        assert_true(frame.zxid == -1);
        test_expect_closed(&f.a, CLOSE_UNIMPLEMENTED);
        (void)set;
        test_persist_all(&f.server); /* the write is applied all the same */
        expect_data(&f.b, test_send(&f.server, &f.b, ZK_OP_GET_DATA, test_path_watch("/n", false)),
                    "1");
        test_server_release(&f.server);
    }
}

static void test_nothing_is_looked_at_after_a_close(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    int32_t close = test_send(&f.server, &f.a, ZK_OP_CLOSE_SESSION, NULL);
    int64_t last_zxid = f.server.proposed_zxid;
    test_send(&f.server, &f.a, ZK_OP_SET_DATA,
              test_set_data_body("/n", "1", -1)); /* its session is ending */
    test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path_watch("/n", false));
    assert_true(f.server.proposed_zxid == last_zxid);
    test_persist_all(&f.server);
    test_expect(&f.a, close, ZK_ERR_OK);
    test_expect_closed(&f.a, CLOSE_CLIENT_ASKED);
    test_send(&f.server, &f.a, ZK_OP_PING, NULL);
    test_expect_nothing(&f.a);
    test_server_release(&f.server);
}

static void test_frames_before_the_session_wait_for_it(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    struct test_client c;
    test_client_open(&f.server, &c);
    test_send_connect(&f.server, &c, 0, 10000, 0, SLICE_NULL);
    assert_true(c.conn.is_paused);
    int32_t get = test_send(&f.server, &c, ZK_OP_GET_DATA, test_path_watch("/n", false));
    int32_t create = test_send(&f.server, &c, ZK_OP_CREATE,
                               test_create_body("/c", "", ZK_CREATE_EPHEMERAL));
    int32_t exists = test_send(&f.server, &c, ZK_OP_EXISTS, test_path_watch("/c", false));
    test_expect_nothing(&c);
    test_persist_all(&f.server);
    assert_int_equal(test_connect_answer(&c), 10000);
    expect_data(&c, get, "0");
    test_expect_nothing(&c); /* the create has only now been submitted */
    assert_false(c.conn.is_paused);
    test_persist_all(&f.server);
    test_expect(&c, create, ZK_ERR_OK);
    struct slice body = test_expect(&c, exists, ZK_ERR_OK);
    assert_true(test_read_stat(&body).ephemeral_owner == c.conn.session_id);
    test_server_release(&f.server);
}

static void test_too_many_outstanding_requests_pause_who_has_some(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    f.server.config.outstanding_max = 10;
    int32_t first = 0;
    for (int i = 0; i < 11; i++) {
        int32_t xid = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "x", -1));
        first = i == 0 ? xid : first;
        assert_int_equal(f.a.conn.is_paused, i == 10);
    }
    expect_data(&f.b, test_send(&f.server, &f.b, ZK_OP_GET_DATA, test_path_watch("/n", false)),
                "0");
    assert_false(f.b.conn.is_paused); /* one that has nothing outstanding is not held back */
    test_send(&f.server, &f.b, ZK_OP_SET_DATA, test_set_data_body("/n", "y", -1));
    assert_true(f.b.conn.is_paused);
    test_persist(&f.server, f.server.proposed_zxid - 9);
    assert_false(f.a.conn.is_paused);
    test_persist_all(&f.server);
    assert_false(f.b.conn.is_paused);
    assert_int_equal(f.server.machine.service.outstanding, 0);
    for (int i = 0; i < 11; i++) {
        test_expect(&f.a, first + i, ZK_ERR_OK);
    }
    test_server_release(&f.server);
}

static void test_queued_reads_wait_for_the_peer_to_take_its_output(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    f.server.config.output_bytes_max = 200;
    int32_t set = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    int32_t gets[20];
    for (size_t i = 0; i < ARRAY_LEN(gets); i++) {
        gets[i] = test_send(&f.server, &f.a, ZK_OP_GET_DATA, test_path_watch("/n", false));
    }
    test_persist_all(&f.server);
    test_expect(&f.a, set, ZK_ERR_OK);
    size_t answered = 0;
    struct test_frame frame;
    while (test_next_frame(&f.a, &frame)) {
        assert_int_equal(frame.xid, gets[answered++]);
    }
    assert_true(answered > 0 && answered < 5);
    f.a.conn.output_bytes = 1000; /* as long as the peer takes nothing, nothing more is made */
    assert_true(standalone_deadline(&f.server.machine) > f.server.now_ms);
    test_advance(&f.server, 10);
    test_expect_nothing(&f.a);
    f.a.conn.output_bytes = 0;
    assert_true(standalone_deadline(&f.server.machine) == 0);
    for (int i = 0; i < 20 && f.a.conn.pending_count > 0; i++) {
        test_advance(&f.server, 0);
    }
    while (test_next_frame(&f.a, &frame)) {
        assert_int_equal(frame.xid, gets[answered++]);
    }
    assert_int_equal(answered, ARRAY_LEN(gets));
    test_server_release(&f.server);
}

static void test_too_much_in_the_queue_ends_the_connection(void **state)
{
    (void)state;
    struct test_pair f;
    begin(&f);
    static uint8_t big[1 << 20];
    struct slice huge = slice_of(big, sizeof big);
    store_be32(big, 1000);
    store_be32(big + 4, ZK_OP_GET_DATA);
    test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "1", -1));
    for (int i = 0; i < 100 && !f.a.is_closed; i++) {
        test_send_frame(&f.server, &f.a, huge);
    }
    test_expect_closed(&f.a, CLOSE_LIMIT);
    assert_int_equal(f.a.conn.pending_bytes, 0);
    test_persist_all(&f.server);
    test_server_release(&f.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_reads_wait_for_own_writes),
        cmocka_unit_test(test_what_cannot_be_decoded_keeps_its_place),
        cmocka_unit_test(test_an_event_comes_before_what_shows_the_change),
        cmocka_unit_test(test_own_events_come_before_the_own_answer),
        cmocka_unit_test(test_sync_waits_for_what_was_proposed_before_it),
        cmocka_unit_test(test_a_sync_whose_connection_went_away),
        cmocka_unit_test(test_unknown_operations_end_the_connection),
        cmocka_unit_test(test_nothing_is_looked_at_after_a_close),
        cmocka_unit_test(test_frames_before_the_session_wait_for_it),
        cmocka_unit_test(test_too_many_outstanding_requests_pause_who_has_some),
        cmocka_unit_test(test_queued_reads_wait_for_the_peer_to_take_its_output),
        cmocka_unit_test(test_too_much_in_the_queue_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
