/* The session client against a whole server of ours: requests, their order, the chroot. */
#include "runtime/log.h"
#include "support_client.h"

/* ---- requests -------------------------------------------------------------------------------- */

static void test_nodes(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/a", "one"), ZK_ERR_OK);
    assert_true(slice_equal_cstr(user.reply.path, "/a"));
    assert_int_equal(user_create(&user, "/a", "one"), ZK_ERR_NODEEXISTS);
    assert_int_equal(user_get(&user, "/a", false), ZK_ERR_OK);
    assert_true(slice_equal_cstr(user.reply.data, "one"));
    assert_true(user.reply.has_stat);
    assert_int_equal(user.reply.stat.data_length, 3);
    assert_int_equal(user_set(&user, "/a", "second"), ZK_ERR_OK);
    assert_int_equal(user.reply.stat.version, 1);
    assert_int_equal(user_exists(&user, "/a", false), ZK_ERR_OK);
    assert_int_equal(user.reply.stat.data_length, 6);
    assert_int_equal(user_exists(&user, "/b", false), ZK_ERR_NONODE);
    assert_int_equal(user_create(&user, "/a/x", NULL), ZK_ERR_OK);
    assert_int_equal(user_get(&user, "/a/x", false), ZK_ERR_OK);
    assert_true(slice_is_null(user.reply.data));
    assert_int_equal(user_children(&user, "/a", false), ZK_ERR_OK);
    assert_int_equal(user.reply.name_count, 1);
    assert_true(slice_equal_cstr(user.reply.names[0], "x"));
    assert_int_equal(user_delete(&user, "/a"), ZK_ERR_NOTEMPTY);
    assert_int_equal(user_delete(&user, "/a/x"), ZK_ERR_OK);
    assert_int_equal(user_delete(&user, "/a"), ZK_ERR_OK);
    assert_true(zk_client_last_zxid(user.client) > 0);
    user_close(&user);
}

static void test_kinds_of_nodes(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create_mode(&user, "/s-", "x", ZK_CREATE_PERSISTENT_SEQUENTIAL), 0);
    assert_true(slice_equal_cstr(user.reply.path, "/s-0000000000"));
    assert_int_equal(user_create_mode(&user, "/c", "x", ZK_CREATE_CONTAINER), 0);
    assert_true(slice_equal_cstr(user.reply.path, "/c"));
    assert_true(user.reply.has_stat);
    assert_int_equal(user_create_mode(&user, "/t", "x", ZK_CREATE_PERSISTENT_WITH_TTL), 0);
    assert_true(slice_equal_cstr(user.reply.path, "/t"));
    assert_int_equal(user_create_mode(&user, "/e", "x", ZK_CREATE_EPHEMERAL), 0);
    struct zk_done done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_get_ephemerals(user.client, SLICE_LIT("/"), done)),
                     0);
    assert_int_equal(user.reply.name_count, 1);
    assert_true(slice_equal_cstr(user.reply.names[0], "/e"));
    done = user_done(&user);
    assert_int_equal(
        user_wait(&user, zk_client_get_all_children_number(user.client, SLICE_LIT("/"), done)), 0);
    assert_int_equal(user.reply.number, 7); /* with the three system nodes */
    user_close(&user);
    user_open(&user, "");
    assert_int_equal(user_exists(&user, "/e", false), ZK_ERR_NONODE); /* close ended the session */
    assert_int_equal(user_exists(&user, "/c", false), ZK_ERR_OK);
    user_close(&user);
}

static void test_lists_and_identities(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(zk_client_add_auth(user.client, SLICE_LIT("digest"), SLICE_LIT("bob:x")), 0);
    struct zk_done done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_who_am_i(user.client, done)), 0);
    assert_int_equal(user.reply.who_count, 2);
    assert_int_equal(user_create(&user, "/a", "x"), 0);
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_get_acl(user.client, SLICE_LIT("/a"), done)), 0);
    assert_int_equal(user.reply.acl_count, 1);
    assert_int_equal(user.reply.acl[0].perms, ZK_PERM_ALL);
    struct zk_acl only_me = {
        .perms = ZK_PERM_ALL,
        .id = {.scheme = SLICE_LIT("auth"), .id = SLICE_LIT("")},
    };
    struct zk_set_acl change = {SLICE_LIT("/a"), &only_me, 1, 0};
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_set_acl(user.client, &change, done)), 0);
    assert_int_equal(user.reply.stat.aversion, 1);
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_get_config(user.client, NULL, done)), 0);
    assert_true(user.reply.has_stat);
    struct zk_reconfig_request request = {.leaving_servers = SLICE_LIT("1"), .cur_config_id = -1};
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_reconfig(user.client, &request, done)),
                     ZK_ERR_RECONFIGDISABLED);
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_sync(user.client, SLICE_LIT("/a"), done)), 0);
    assert_true(slice_equal_cstr(user.reply.path, "/a"));
    struct user other;
    user_open(&other, "");
    assert_int_equal(user_get(&other, "/a", false), ZK_ERR_NOAUTH);
    user_close(&other);
    user_close(&user);
}

static void test_refused_before_sending(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    struct zk_done done = user_done(&user);
    const char *const bad[] = {"", "a", "/a/", "/a//b", "/a/./b", "/a/..", "/\x01"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct slice path = slice_of_cstr(bad[i]);
        assert_int_equal(zk_client_get_data(user.client, path, NULL, done), ERR_INVALID);
        assert_int_equal(zk_client_delete(user.client, path, -1, done), ERR_INVALID);
        struct zk_multi_op op = {.type = ZK_OP_DELETE, .create = {.path = path}};
        assert_int_equal(zk_client_multi(user.client, &op, 1, done), ERR_INVALID);
    }
    assert_int_equal(zk_client_add_watch(user.client, SLICE_LIT("/a"), 7, &user.watcher, done),
                     ERR_INVALID);
    assert_int_equal(zk_client_remove_watches(user.client, SLICE_LIT("/a"), 9, false, done),
                     ERR_INVALID);
    assert_false(user.has_reply);
    user_close(&user);
}

static void test_multi(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    struct zk_create node_a = {
        .path = SLICE_LIT("/a"),
        .data = SLICE_LIT("1"),
        .acl = user_open_acl,
        .acl_count = 1,
    };
    struct zk_create sequential = node_a;
    sequential.path = SLICE_LIT("/a/s-");
    sequential.mode = ZK_CREATE_PERSISTENT_SEQUENTIAL;
    struct zk_multi_op ops[] = {
        {.type = ZK_OP_CREATE, .create = node_a},
        {.type = ZK_OP_CREATE, .create = sequential},
        {.type = ZK_OP_SET_DATA,
         .create = {.path = SLICE_LIT("/a"), .data = SLICE_LIT("22")},
         .version = 0},
        {.type = ZK_OP_CHECK, .create = {.path = SLICE_LIT("/a")}, .version = 1},
        {.type = ZK_OP_DELETE, .create = {.path = SLICE_LIT("/a/s-0000000000")}, .version = -1},
    };
    struct zk_done done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_multi(user.client, ops, 5, done)), 0);
    assert_int_equal(user.reply.result_count, 5);
    assert_true(slice_equal_cstr(user.reply.results[1].path, "/a/s-0000000000"));
    assert_int_equal(user.reply.results[2].stat.data_length, 2);
    /* Again: the first fails, and the reply names its error. */
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_multi(user.client, ops, 5, done)),
                     ZK_ERR_NODEEXISTS);
    assert_int_equal(user.reply.result_count, 5);
    assert_int_equal(user.reply.results[0].err, ZK_ERR_NODEEXISTS);
    assert_int_equal(user.reply.results[4].err, ZK_ERR_RUNTIMEINCONSISTENCY);
    assert_int_equal(user_children(&user, "/a", false), 0);
    assert_int_equal(user.reply.name_count, 0);
    user_close(&user);
}

/* ---- order ----------------------------------------------------------------------------------- */

#define PIPELINE 2000

static int32_t seen_versions[PIPELINE];
static size_t seen_count;

static void on_version(void *ctx, const struct zk_reply *reply)
{
    size_t *expected = ctx;
    assert_int_equal(reply->err, 0);
    assert_ptr_equal(expected, (size_t *)ctx);
    assert_true(seen_count < PIPELINE);
    seen_versions[seen_count] = reply->stat.version;
    seen_count += 1;
}

static void test_pipelined_in_order(void **state)
{
    (void)state;
    struct user user;
    size_t expected = 0;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/n", "x"), 0);
    seen_count = 0;
    for (size_t i = 0; i < PIPELINE; i++) {
        struct zk_done done = {on_version, &expected};
        assert_int_equal(
            zk_client_set_data(user.client, SLICE_LIT("/n"), SLICE_LIT("y"), (int32_t)i, done), 0);
    }
    assert_int_equal(seen_count, 0); /* never from inside the call */
    assert_int_equal(user_get(&user, "/n", false), 0);
    assert_int_equal(seen_count, PIPELINE);
    for (size_t i = 0; i < PIPELINE; i++) {
        assert_int_equal(seen_versions[i], i + 1);
    }
    user_close(&user);
}

static void test_requests_before_connection(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    struct zk_create first = {
        .path = SLICE_LIT("/early"),
        .data = SLICE_LIT("1"),
        .acl = user_open_acl,
        .acl_count = 1,
    };
    assert_int_equal(zk_client_get_state(user.client), ZK_CLIENT_CONNECTING);
    assert_int_equal(zk_client_create(user.client, &first, (struct zk_done){NULL, NULL}), 0);
    assert_int_equal(user_get(&user, "/early", false), 0); /* behind it, so it is there */
    user_close(&user);
}

static void test_close_answers_what_came_before(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/n", "x"), 0);
    struct zk_done done = user_done(&user);
    bool is_closed = false;
    assert_int_equal(zk_client_get_data(user.client, SLICE_LIT("/n"), NULL, done), 0);
    zk_client_close(user.client, user_on_closed, &is_closed);
    assert_int_equal(user_wait(&user, 0), ZK_ERR_OK);
    while (!is_closed) {
        client_turn();
    }
    user_expect_event(&user, user.event_count - 1, ZK_EVENT_NONE, "");
    assert_int_equal(user.events[user.event_count - 1].state, ZK_STATE_CLOSED);
    done = user_done(&user);
    assert_int_equal(user_wait(&user, zk_client_get_data(user.client, SLICE_LIT("/n"), NULL, done)),
                     ZK_ERR_SESSIONEXPIRED);
    user_release(&user);
}

/* ---- chroot ---------------------------------------------------------------------------------- */

static void test_chroot(void **state)
{
    (void)state;
    struct user outside;
    struct user inside;
    user_open(&outside, "");
    assert_int_equal(user_create(&outside, "/app", "root"), 0);
    user_open(&inside, "/app");
    assert_int_equal(user_create(&inside, "/x", "1"), 0);
    assert_true(slice_equal_cstr(inside.reply.path, "/x"));
    assert_int_equal(user_create_mode(&inside, "/s-", "1", ZK_CREATE_EPHEMERAL_SEQUENTIAL), 0);
    assert_true(slice_starts_with(inside.reply.path, SLICE_LIT("/s-000000000")));
    assert_int_equal(user_exists(&outside, "/app/x", false), 0);
    assert_int_equal(user_get(&inside, "/", false), 0);
    assert_true(slice_equal_cstr(inside.reply.data, "root"));
    assert_int_equal(user_exists(&inside, "/app", false), ZK_ERR_NONODE);
    size_t before = inside.event_count;
    assert_int_equal(user_get(&inside, "/x", true), 0);
    assert_int_equal(user_children(&inside, "/", true), 0);
    assert_int_equal(user_add_watch(&inside, "/", ZK_ADD_WATCH_PERSISTENT_RECURSIVE), 0);
    assert_int_equal(user_set(&outside, "/app/x", "2"), 0);
    assert_int_equal(user_create(&outside, "/app/y", ""), 0);
    user_wait_events(&inside, before + 3);
    user_expect_event(&inside, before, ZK_EVENT_NODE_DATA_CHANGED, "/x");
    user_expect_event(&inside, before + 1, ZK_EVENT_NODE_CREATED, "/y");
    user_expect_event(&inside, before + 2, ZK_EVENT_NODE_CHILDREN_CHANGED, "/");
    struct zk_done done = user_done(&inside);
    assert_int_equal(user_wait(&inside, zk_client_sync(inside.client, SLICE_LIT("/"), done)), 0);
    assert_true(slice_equal_cstr(inside.reply.path, "/"));
    done = user_done(&inside);
    assert_int_equal(user_wait(&inside, zk_client_get_config(inside.client, NULL, done)), 0);
    assert_int_equal(user_delete(&inside, "/"), ZK_ERR_BADARGUMENTS);
    user_close(&inside);
    user_close(&outside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, client_begin, client_end_test)
        T(test_nodes),
        T(test_kinds_of_nodes),
        T(test_lists_and_identities),
        T(test_refused_before_sending),
        T(test_multi),
        T(test_pipelined_in_order),
        T(test_requests_before_connection),
        T(test_close_answers_what_came_before),
        T(test_chroot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
