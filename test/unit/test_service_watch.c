/* Watches as clients see them: which operation sets which, which change fires which, once or always
 * (W3), who may hear of it (W5), and what a client is told when it comes back. */
#include "support_service.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CREATED ZK_EVENT_NODE_CREATED
#define DELETED ZK_EVENT_NODE_DELETED
#define CHANGED ZK_EVENT_NODE_DATA_CHANGED
#define CHILDREN ZK_EVENT_NODE_CHILDREN_CHANGED

struct fixture {
    struct test_server server;
    struct test_client watcher;
    struct test_client writer;
};

static void begin(struct fixture *f)
{
    test_server_init(&f->server);
    test_server_start(&f->server);
    test_client_connect(&f->server, &f->watcher);
    test_client_connect(&f->server, &f->writer);
    test_create(&f->server, &f->writer, "/a", "0", 0);
}

static void set_watch(struct fixture *f, int32_t type, const char *path, int32_t err)
{
    test_call(&f->server, &f->watcher, type, test_path_watch(path, true), err);
}

static void add_watch(struct fixture *f, const char *path, int32_t mode)
{
    struct slice body = test_call(&f->server, &f->watcher, ZK_OP_ADD_WATCH,
                                  test_path_version(path, mode), ZK_ERR_OK);
    assert_int_equal(body.len, 4);
    assert_int_equal(load_be32(body.ptr), 0);
}

static void write_data(struct fixture *f, const char *path)
{
    test_call(&f->server, &f->writer, ZK_OP_SET_DATA, test_set_data_body(path, "x", -1), ZK_ERR_OK);
}

static void make(struct fixture *f, const char *path)
{
    test_create(&f->server, &f->writer, path, "", 0);
}

static void remove_node(struct fixture *f, const char *path)
{
    test_call(&f->server, &f->writer, ZK_OP_DELETE, test_path_version(path, -1), ZK_ERR_OK);
}

static void expect(struct fixture *f, enum zk_event_type type, const char *path)
{
    test_expect_event(&f->watcher, type, path, f->server.proposed_zxid);
}

static void end(struct fixture *f)
{
    test_expect_nothing(&f->watcher);
    test_expect_nothing(&f->writer);
    test_server_release(&f->server);
}

static void test_data_watches(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    set_watch(&f, ZK_OP_GET_DATA, "/a", ZK_ERR_OK);
    set_watch(&f, ZK_OP_EXISTS, "/a", ZK_ERR_OK); /* the same watch */
    make(&f, "/a/b");
    write_data(&f, "/a");
    expect(&f, CHANGED, "/a");
    write_data(&f, "/a");                                    /* it was a one-shot */
    set_watch(&f, ZK_OP_GET_DATA, "/a/none", ZK_ERR_NONODE); /* a failed read leaves none */
    make(&f, "/a/none");
    set_watch(&f, ZK_OP_EXISTS, "/a/late", ZK_ERR_NONODE); /* but exists waits for what may come */
    make(&f, "/a/late");
    expect(&f, CREATED, "/a/late");
    set_watch(&f, ZK_OP_EXISTS, "/a/late", ZK_ERR_OK);
    remove_node(&f, "/a/late");
    expect(&f, DELETED, "/a/late");
    end(&f);
}

static void test_child_watches(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    set_watch(&f, ZK_OP_GET_CHILDREN, "/a", ZK_ERR_OK);
    write_data(&f, "/a"); /* not its matter */
    make(&f, "/a/b");
    expect(&f, CHILDREN, "/a");
    set_watch(&f, ZK_OP_GET_CHILDREN2, "/a", ZK_ERR_OK);
    make(&f, "/a/b/c"); /* nor are grandchildren */
    remove_node(&f, "/a/b/c");
    remove_node(&f, "/a/b");
    expect(&f, CHILDREN, "/a");
    set_watch(&f, ZK_OP_GET_CHILDREN, "/a", ZK_ERR_OK);
    remove_node(&f, "/a");
    expect(&f, DELETED, "/a");
    end(&f);
}

static void test_who_watches_both_hears_of_a_deletion_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    set_watch(&f, ZK_OP_GET_DATA, "/a", ZK_ERR_OK);
    set_watch(&f, ZK_OP_GET_CHILDREN, "/a", ZK_ERR_OK);
    set_watch(&f, ZK_OP_GET_CHILDREN, "/", ZK_ERR_OK);
    remove_node(&f, "/a");
    expect(&f, DELETED, "/a");
    expect(&f, CHILDREN, "/");
    assert_int_equal(f.server.machine.service.child_watches.watch_count, 0); /* both were used up */
    end(&f);
}

static void test_set_acl_is_no_event(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    set_watch(&f, ZK_OP_GET_DATA, "/a", ZK_ERR_OK);
    set_watch(&f, ZK_OP_GET_CHILDREN, "/a", ZK_ERR_OK);
    struct buffer *body = test_path("/a");
    test_append_open_acl(body);
    jute_write_i32(body, -1);
    test_call(&f.server, &f.writer, ZK_OP_SET_ACL, body, ZK_ERR_OK);
    end(&f);
}

static void test_persistent_watches_stay(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add_watch(&f, "/a", ZK_ADD_WATCH_PERSISTENT);
    for (int i = 0; i < 3; i++) {
        write_data(&f, "/a");
        expect(&f, CHANGED, "/a");
        make(&f, "/a/b");
        expect(&f, CHILDREN, "/a");
        write_data(&f, "/a/b");
        remove_node(&f, "/a/b");
        expect(&f, CHILDREN, "/a");
    }
    remove_node(&f, "/a");
    expect(&f, DELETED, "/a");
    make(&f, "/a");
    expect(&f, CREATED, "/a");
    end(&f);
}

static void test_recursive_watches_hear_of_everything_below_but_no_children_changed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add_watch(&f, "/a", ZK_ADD_WATCH_PERSISTENT_RECURSIVE);
    make(&f, "/a/b");
    expect(&f, CREATED, "/a/b");
    make(&f, "/a/b/c");
    expect(&f, CREATED, "/a/b/c");
    write_data(&f, "/a/b/c");
    expect(&f, CHANGED, "/a/b/c");
    make(&f, "/ab"); /* not below */
    set_watch(&f, ZK_OP_GET_CHILDREN, "/a/b",
              ZK_ERR_OK); /* a standard child watch below it works as ever */
    remove_node(&f, "/a/b/c");
    expect(&f, DELETED, "/a/b/c");
    expect(&f, CHILDREN, "/a/b");
    write_data(&f, "/a");
    expect(&f, CHANGED, "/a");
    end(&f);
}

static void test_a_multi_tells_of_each_part_in_order(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add_watch(&f, "/a", ZK_ADD_WATCH_PERSISTENT_RECURSIVE);
    struct buffer *body = test_body();
    static const int32_t types[] = {ZK_OP_CREATE, ZK_OP_SET_DATA, ZK_OP_DELETE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        jute_write_i32(body, types[i]);
        jute_write_bool(body, false);
        jute_write_i32(body, -1);
        test_append_text(body, "/a/m");
        if (types[i] != ZK_OP_DELETE) {
            test_append_text(body, "");
        }
        if (types[i] == ZK_OP_CREATE) {
            test_append_open_acl(body);
            jute_write_i32(body, 0);
        } else {
            jute_write_i32(body, -1);
        }
    }
    jute_write_i32(body, -1);
    jute_write_bool(body, true);
    jute_write_i32(body, -1);
    test_call(&f.server, &f.writer, ZK_OP_MULTI, body, ZK_ERR_OK);
    expect(&f, CREATED, "/a/m");
    expect(&f, CHANGED, "/a/m");
    expect(&f, DELETED, "/a/m");
    end(&f);
}

static int32_t watcher_call(struct fixture *f, int32_t type, const char *path, int32_t watcher_type)
{
    int32_t xid = test_send(&f->server, &f->watcher, type, test_path_version(path, watcher_type));
    struct test_frame frame;
    assert_true(test_next_frame(&f->watcher, &frame));
    assert_int_equal(frame.xid, xid);
    assert_int_equal(frame.body.len, 0);
    return frame.err;
}

static void test_checking_and_removing(void **state)
{
    (void)state;
    static const struct {
        int32_t check;
        int32_t after_data;
        int32_t after_child;
        int32_t after_persistent;
        int32_t after_recursive;
    } rows[] = {
        /* which type is found when only a watch of that kind is there */
        {ZK_WATCHER_CHILDREN, ZK_ERR_NOWATCHER, ZK_ERR_OK, ZK_ERR_NOWATCHER, ZK_ERR_NOWATCHER},
        {ZK_WATCHER_DATA, ZK_ERR_OK, ZK_ERR_NOWATCHER, ZK_ERR_NOWATCHER, ZK_ERR_NOWATCHER},
        {ZK_WATCHER_ANY, ZK_ERR_OK, ZK_ERR_OK, ZK_ERR_OK, ZK_ERR_OK},
        {ZK_WATCHER_PERSISTENT, ZK_ERR_NOWATCHER, ZK_ERR_NOWATCHER, ZK_ERR_OK, ZK_ERR_NOWATCHER},
        {ZK_WATCHER_PERSISTENT_RECURSIVE, ZK_ERR_NOWATCHER, ZK_ERR_NOWATCHER, ZK_ERR_NOWATCHER,
         ZK_ERR_OK},
        {0, ZK_ERR_MARSHALLINGERROR, ZK_ERR_MARSHALLINGERROR, ZK_ERR_MARSHALLINGERROR,
         ZK_ERR_MARSHALLINGERROR},
        {6, ZK_ERR_MARSHALLINGERROR, ZK_ERR_MARSHALLINGERROR, ZK_ERR_MARSHALLINGERROR,
         ZK_ERR_MARSHALLINGERROR},
    };
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int32_t expected[] = {rows[i].after_data, rows[i].after_child,
                                    rows[i].after_persistent, rows[i].after_recursive};
        for (int kind = 0; kind < 4; kind++) {
            if (kind < 2) {
                set_watch(&f, kind == 0 ? ZK_OP_GET_DATA : ZK_OP_GET_CHILDREN, "/a", ZK_ERR_OK);
            } else {
                add_watch(&f, "/a",
                          kind == 2 ? ZK_ADD_WATCH_PERSISTENT : ZK_ADD_WATCH_PERSISTENT_RECURSIVE);
            }
            assert_int_equal(watcher_call(&f, ZK_OP_CHECK_WATCHES, "/a", rows[i].check),
                             expected[kind]);
            assert_int_equal(watcher_call(&f, ZK_OP_CHECK_WATCHES, "/b", ZK_WATCHER_ANY),
                             ZK_ERR_NOWATCHER);
            assert_int_equal(watcher_call(&f, ZK_OP_REMOVE_WATCHES, "/a", rows[i].check),
                             expected[kind]);
            bool is_left = expected[kind] != ZK_ERR_OK;
            assert_int_equal(watcher_call(&f, ZK_OP_REMOVE_WATCHES, "/a", ZK_WATCHER_ANY),
                             is_left ? ZK_ERR_OK : ZK_ERR_NOWATCHER);
            write_data(&f, "/a"); /* none is left to fire */
        }
    }
    end(&f);
}

static void append_paths(struct buffer *body, const char *const *paths, int32_t count)
{
    jute_write_i32(body, count);
    for (int32_t i = 0; i < count; i++) {
        test_append_text(body, paths[i]);
    }
}

static void test_coming_back_with_watches(void **state)
{
    (void)state;
    static const char *const data[] = {"/a", "/kept", "/gone"};
    static const char *const exist[] = {"/new", "/never"};
    static const char *const child[] = {"/a", "/kept", "/gone"};
    static const char *const persistent[] = {"/p"};
    static const char *const recursive[] = {"/r"};
    struct fixture f;
    begin(&f);
    make(&f, "/kept");
    make(&f, "/gone");
    make(&f, "/r");
    write_data(&f, "/kept"); /* just what was seen last is no news */
    int64_t seen = f.server.proposed_zxid;
    write_data(&f, "/a");
    make(&f, "/a/child");
    make(&f, "/new");
    remove_node(&f, "/gone");
    struct buffer *body = test_body();
    jute_write_i64(body, seen);
    append_paths(body, data, 3);
    append_paths(body, exist, 2);
    append_paths(body, child, 3);
    append_paths(body, persistent, 1);
    append_paths(body, recursive, 1);
    int32_t xid = test_send(&f.server, &f.watcher, ZK_OP_SET_WATCHES2, body);
    /* What was missed, in the order of the lists, without a zxid; then the answer. */
    test_expect_event(&f.watcher, CHANGED, "/a", -1);
    test_expect_event(&f.watcher, DELETED, "/gone", -1);
    test_expect_event(&f.watcher, CREATED, "/new", -1);
    test_expect_event(&f.watcher, CHILDREN, "/a", -1);
    test_expect_event(&f.watcher, DELETED, "/gone", -1);
    assert_int_equal(test_expect(&f.watcher, xid, ZK_ERR_OK).len, 0);
    test_expect_nothing(&f.watcher);
    /* The rest was set anew. */
    write_data(&f, "/a");
    write_data(&f, "/kept");
    expect(&f, CHANGED, "/kept");
    make(&f, "/kept/c");
    expect(&f, CHILDREN, "/kept");
    make(&f, "/never");
    expect(&f, CREATED, "/never");
    make(&f, "/p");
    expect(&f, CREATED, "/p");
    make(&f, "/p/c");
    expect(&f, CHILDREN, "/p");
    make(&f, "/r/x");
    expect(&f, CREATED, "/r/x");
    end(&f);
}

static void test_set_watches_that_cannot_be_read(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct buffer *body = test_body();
    jute_write_i64(body, 0);
    jute_write_i32(body, 1);
    test_append_text(body, "/a"); /* changed since zxid 0: would be an event */
    jute_write_i32(body, 0);
    jute_write_i32(body, 1000000); /* more than the bytes can hold */
    int32_t xid = test_send(&f.server, &f.watcher, ZK_OP_SET_WATCHES, body);
    test_expect(&f.watcher, xid, ZK_ERR_MARSHALLINGERROR); /* nothing of it was done */
    jute_write_i64(body, 0);
    jute_write_i32(body, -1);
    jute_write_i32(body, 0);
    jute_write_i32(body, 0);
    xid = test_send(&f.server, &f.watcher, ZK_OP_SET_WATCHES, body);
    test_expect(&f.watcher, xid, ZK_ERR_MARSHALLINGERROR);
    test_call(&f.server, &f.watcher, ZK_OP_ADD_WATCH, test_path_version("/a", 2),
              ZK_ERR_MARSHALLINGERROR);
    end(&f);
}

static void make_closed(struct fixture *f, const char *path)
{
    struct buffer *body = test_path(path);
    test_append_text(body, "");
    jute_write_i32(body, 1);
    jute_write_i32(body, ZK_PERM_ALL & ~ZK_PERM_READ);
    test_append_text(body, "world");
    test_append_text(body, "anyone");
    jute_write_i32(body, 0);
    test_call(&f->server, &f->writer, ZK_OP_CREATE, body, ZK_ERR_OK);
}

static void test_who_may_not_read_does_not_hear(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add_watch(&f, "/a", ZK_ADD_WATCH_PERSISTENT_RECURSIVE);
    set_watch(&f, ZK_OP_EXISTS, "/a/secret", ZK_ERR_NONODE);
    make_closed(&f, "/a/secret");
    write_data(&f, "/a/secret");
    make(&f, "/a/secret/child"); /* its own ACL counts, not its parent's */
    expect(&f, CREATED, "/a/secret/child");
    remove_node(&f, "/a/secret/child");
    expect(&f, DELETED, "/a/secret/child");
    remove_node(&f, "/a/secret"); /* by the ACL that it had */
    assert_false(watch_has(&f.server.machine.service.data_watches, SLICE_LIT("/a/secret"),
                           &f.watcher.conn.watcher, WATCH_STANDARD));
    make(&f, "/a/open");
    expect(&f, CREATED, "/a/open");
    end(&f);
}

static void test_events_reach_each_watcher_in_order_of_connection(void **state)
{
    (void)state;
    struct fixture f;
    struct test_client many[50];
    begin(&f);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        test_client_connect(&f.server, &many[i]);
        test_call(&f.server, &many[i], ZK_OP_GET_DATA, test_path_watch("/a", true), ZK_ERR_OK);
    }
    test_client_drop(&f.server, &many[7]);
    write_data(&f, "/a");
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        if (i != 7) {
            test_expect_event(&many[i], CHANGED, "/a", f.server.proposed_zxid);
        }
    }
    assert_int_equal(f.server.machine.service.stats.node_changed_watches.sum, ARRAY_LEN(many) - 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_watches),
        cmocka_unit_test(test_child_watches),
        cmocka_unit_test(test_who_watches_both_hears_of_a_deletion_once),
        cmocka_unit_test(test_set_acl_is_no_event),
        cmocka_unit_test(test_persistent_watches_stay),
        cmocka_unit_test(test_recursive_watches_hear_of_everything_below_but_no_children_changed),
        cmocka_unit_test(test_a_multi_tells_of_each_part_in_order),
        cmocka_unit_test(test_checking_and_removing),
        cmocka_unit_test(test_coming_back_with_watches),
        cmocka_unit_test(test_set_watches_that_cannot_be_read),
        cmocka_unit_test(test_who_may_not_read_does_not_hear),
        cmocka_unit_test(test_events_reach_each_watcher_in_order_of_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
