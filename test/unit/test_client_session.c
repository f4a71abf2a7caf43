/* The session client against a whole server of ours: watches, reconnecting, the session's end. */
#include "support_client.h"

/* ---- watches --------------------------------------------------------------------------------- */

static void test_event_before_reply(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/w", "x"), 0);
    assert_int_equal(user_get(&user, "/w", true), 0);
    size_t before = user.event_count;
    assert_int_equal(user_set(&user, "/w", "y"), 0);
    assert_int_equal(user.events_at_reply, before + 1);
    user_expect_event(&user, before, ZK_EVENT_NODE_DATA_CHANGED, "/w");
    assert_true(user.events[before].zxid > 0);
    assert_int_equal(user_set(&user, "/w", "z"), 0); /* it has fired: nothing more */
    assert_int_equal(user.event_count, before + 1);
    user_close(&user);
}

static void test_standard_watches(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    user_wait_state(&user, ZK_CLIENT_CONNECTED);
    size_t at = user.event_count;
    assert_int_equal(user_exists(&user, "/w", true), ZK_ERR_NONODE);
    assert_int_equal(user_get(&user, "/w", true), ZK_ERR_NONODE); /* leaves none */
    assert_int_equal(user_create(&user, "/w", "x"), 0);
    user_expect_event(&user, at++, ZK_EVENT_NODE_CREATED, "/w");
    assert_int_equal(user_children(&user, "/w", true), 0);
    assert_int_equal(user_get(&user, "/w", true), 0);
    assert_int_equal(user_create(&user, "/w/c", ""), 0);
    user_expect_event(&user, at++, ZK_EVENT_NODE_CHILDREN_CHANGED, "/w");
    assert_int_equal(user_children(&user, "/w", true), 0);
    assert_int_equal(user_delete(&user, "/w/c"), 0);
    user_expect_event(&user, at++, ZK_EVENT_NODE_CHILDREN_CHANGED, "/w");
    assert_int_equal(user_children(&user, "/w", true), 0);
    assert_int_equal(user_delete(&user, "/w"), 0);
    user_expect_event(&user, at++, ZK_EVENT_NODE_DELETED, "/w"); /* once for both watches */
    assert_int_equal(user.event_count, at);
    user_close(&user);
}

static void test_persistent_watches(void **state)
{
    (void)state;
    struct user user;
    struct user both;
    user_open(&user, "");
    user_open(&both, "");
    assert_int_equal(user_create(&user, "/p", ""), 0);
    assert_int_equal(user_add_watch(&user, "/p", ZK_ADD_WATCH_PERSISTENT), 0);
    assert_int_equal(user_add_watch(&both, "/p", ZK_ADD_WATCH_PERSISTENT_RECURSIVE), 0);
    size_t at = user.event_count;
    size_t at_both = both.event_count;
    assert_int_equal(user_create(&user, "/p/a", ""), 0);
    assert_int_equal(user_set(&user, "/p/a", "x"), 0);
    assert_int_equal(user_set(&user, "/p", "x"), 0);
    assert_int_equal(user_delete(&user, "/p/a"), 0);
    user_expect_event(&user, at, ZK_EVENT_NODE_CHILDREN_CHANGED, "/p");
    user_expect_event(&user, at + 1, ZK_EVENT_NODE_DATA_CHANGED, "/p");
    user_expect_event(&user, at + 2, ZK_EVENT_NODE_CHILDREN_CHANGED, "/p");
    assert_int_equal(user.event_count, at + 3);
    user_wait_events(&both, at_both + 4);
    user_expect_event(&both, at_both, ZK_EVENT_NODE_CREATED, "/p/a");
    user_expect_event(&both, at_both + 1, ZK_EVENT_NODE_DATA_CHANGED, "/p/a");
    user_expect_event(&both, at_both + 2, ZK_EVENT_NODE_DATA_CHANGED, "/p");
    user_expect_event(&both, at_both + 3, ZK_EVENT_NODE_DELETED, "/p/a");
    /* A child watch below a recursive one: its event is not for the recursive one. */
    static struct user child_user;
    memset(&child_user, 0, sizeof child_user);
    child_user.watcher.on_event = user_on_event;
    struct zk_done done = user_done(&both);
    assert_int_equal(user_wait(&both, zk_client_get_children(both.client, SLICE_LIT("/p"),
                                                             &child_user.watcher, done)),
                     0);
    assert_int_equal(user_create(&user, "/p/b", ""), 0);
    user_wait_events(&both, at_both + 5);
    user_wait_events(&child_user, 1);
    user_expect_event(&both, at_both + 4, ZK_EVENT_NODE_CREATED, "/p/b");
    user_expect_event(&child_user, 0, ZK_EVENT_NODE_CHILDREN_CHANGED, "/p");
    user_close(&both);
    user_close(&user);
}

static void test_remove_watches(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/a", ""), 0);
    assert_int_equal(user_remove_watches(&user, "/a", ZK_WATCHER_ANY, false), ZK_ERR_NOWATCHER);
    assert_int_equal(user_get(&user, "/a", true), 0);
    assert_int_equal(user_children(&user, "/a", true), 0);
    assert_int_equal(user_add_watch(&user, "/a", ZK_ADD_WATCH_PERSISTENT), 0);
    size_t at = user.event_count;
    assert_int_equal(user_remove_watches(&user, "/a", ZK_WATCHER_DATA, false), 0);
    user_expect_event(&user, at, ZK_EVENT_DATA_WATCH_REMOVED, "/a");
    assert_int_equal(user.events[at].zxid, -1);
    assert_int_equal(user_remove_watches(&user, "/a", ZK_WATCHER_DATA, false), ZK_ERR_NOWATCHER);
    assert_int_equal(user_remove_watches(&user, "/a", ZK_WATCHER_ANY, false), 0);
    user_expect_event(&user, at + 1, ZK_EVENT_CHILD_WATCH_REMOVED, "/a");
    user_expect_event(&user, at + 2, ZK_EVENT_PERSISTENT_WATCH_REMOVED, "/a");
    assert_int_equal(user_set(&user, "/a", "x"), 0);
    assert_int_equal(user_create(&user, "/a/b", ""), 0);
    assert_int_equal(user.event_count, at + 3);
    user_close(&user);
}

static void test_remove_watches_locally(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/a", ""), 0);
    assert_int_equal(user_get(&user, "/a", true), 0);
    client_node_stop();
    user_wait_state(&user, ZK_CLIENT_CONNECTING);
    assert_int_equal(user_remove_watches(&user, "/a", ZK_WATCHER_DATA, false),
                     ZK_ERR_CONNECTIONLOSS);
    size_t at = user.event_count;
    assert_int_equal(user_remove_watches(&user, "/a", ZK_WATCHER_DATA, true), ZK_ERR_OK);
    user_expect_event(&user, at, ZK_EVENT_DATA_WATCH_REMOVED, "/a");
    assert_int_equal(user.events[at].state, ZK_STATE_DISCONNECTED);
    user_release(&user);
}

/* ---- reconnecting ---------------------------------------------------------------------------- */

static void test_restart_with_watches(void **state)
{
    (void)state;
    struct user user;
    struct user other;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/data", "x"), 0);
    assert_int_equal(user_create(&user, "/parent", ""), 0);
    assert_int_equal(user_create(&user, "/tree", ""), 0);
    assert_int_equal(user_create_mode(&user, "/mine", "", ZK_CREATE_EPHEMERAL), 0);
    assert_int_equal(user_get(&user, "/data", true), 0);
    assert_int_equal(user_exists(&user, "/later", true), ZK_ERR_NONODE);
    assert_int_equal(user_children(&user, "/parent", true), 0);
    assert_int_equal(user_add_watch(&user, "/tree", ZK_ADD_WATCH_PERSISTENT_RECURSIVE), 0);
    int64_t session_id = zk_client_session_id(user.client);
    size_t at = user.event_count;
    client_node_stop();
    user_wait_events(&user, at + 1);
    assert_int_equal(user.events[at].state, ZK_STATE_DISCONNECTED);
    client_node_start();
    user_wait_events(&user, at + 2);
    assert_int_equal(user.events[at + 1].state, ZK_STATE_SYNC_CONNECTED);
    assert_int_equal(zk_client_session_id(user.client), session_id);
    assert_int_equal(user_exists(&user, "/mine", false), ZK_ERR_OK);
    user_open(&other, "");
    assert_int_equal(user_set(&other, "/data", "y"), 0);
    assert_int_equal(user_create(&other, "/later", ""), 0);
    assert_int_equal(user_create(&other, "/parent/c", ""), 0);
    assert_int_equal(user_create(&other, "/tree/a", ""), 0);
    assert_int_equal(user_set(&other, "/tree/a", "z"), 0);
    user_wait_events(&user, at + 7);
    user_expect_event(&user, at + 2, ZK_EVENT_NODE_DATA_CHANGED, "/data");
    user_expect_event(&user, at + 3, ZK_EVENT_NODE_CREATED, "/later");
    user_expect_event(&user, at + 4, ZK_EVENT_NODE_CHILDREN_CHANGED, "/parent");
    user_expect_event(&user, at + 5, ZK_EVENT_NODE_CREATED, "/tree/a");
    user_expect_event(&user, at + 6, ZK_EVENT_NODE_DATA_CHANGED, "/tree/a");
    user_close(&other);
    user_close(&user);
}

/* What has changed while nobody listened is told before anything else is answered. */
static void test_changes_while_away(void **state)
{
    (void)state;
    struct user user;
    struct user other;
    user_open(&user, "/");
    user_open(&other, "");
    assert_int_equal(user_create(&user, "/data", "x"), 0);
    assert_int_equal(user_get(&user, "/data", true), 0);
    assert_int_equal(user_exists(&user, "/later", true), ZK_ERR_NONODE);
    client_lost(user.client);
    user.client->attempt_ns = runtime_now_ns(client_runtime) + 200 * NS_PER_MS;
    runtime_timer_set(&user.client->timer, user.client->attempt_ns);
    size_t at = user.event_count;
    assert_int_equal(user_set(&other, "/data", "y"), 0);
    assert_int_equal(user_create(&other, "/later", ""), 0);
    assert_int_equal(user_get(&user, "/data", false), 0); /* waits for the connection */
    assert_int_equal(user.events_at_reply, at + 3);
    assert_int_equal(user.events[at].state, ZK_STATE_SYNC_CONNECTED);
    assert_int_equal(user.events[at + 1].type, ZK_EVENT_NODE_DATA_CHANGED);
    assert_int_equal(user.events[at + 2].type, ZK_EVENT_NODE_CREATED);
    user_close(&other);
    user_close(&user);
}

static void test_credentials_after_reconnect(void **state)
{
    (void)state;
    struct user user;
    struct zk_acl only_me = {
        .perms = ZK_PERM_ALL,
        .id = {.scheme = SLICE_LIT("auth"), .id = SLICE_LIT("")},
    };
    struct zk_create mine = {
        .path = SLICE_LIT("/mine"),
        .data = SLICE_LIT("x"),
        .acl = &only_me,
        .acl_count = 1,
    };
    user_open(&user, "");
    assert_int_equal(zk_client_add_auth(user.client, SLICE_LIT("digest"), SLICE_LIT("bob:x")), 0);
    assert_int_equal(user_wait(&user, zk_client_create(user.client, &mine, user_done(&user))), 0);
    client_node_stop();
    user_wait_state(&user, ZK_CLIENT_CONNECTING);
    client_node_start();
    user_wait_state(&user, ZK_CLIENT_CONNECTED);
    assert_int_equal(user_get(&user, "/mine", false), ZK_ERR_OK);
    user_close(&user);
}

static void test_lost_requests(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/a", ""), 0);
    struct zk_done done = user_done(&user);
    assert_int_equal(zk_client_get_data(user.client, SLICE_LIT("/a"), NULL, done), 0);
    client_lost(user.client);
    assert_true(user.has_reply); /* it was sent: nobody knows what became of it */
    assert_int_equal(user.reply.err, ZK_ERR_CONNECTIONLOSS);
    assert_int_equal(user_get(&user, "/a", false), ZK_ERR_OK); /* not sent yet: waits */
    client_node_stop();
    user_wait_state(&user, ZK_CLIENT_CONNECTING);
    assert_int_equal(user_get(&user, "/a", false), ZK_ERR_CONNECTIONLOSS); /* nobody there */
    user_release(&user);
}

/* ---- the session's end ----------------------------------------------------------------------- */

static void test_session_taken_up_again(void **state)
{
    (void)state;
    struct user user;
    struct zk_client_config config = {0};
    user_open(&user, "");
    assert_int_equal(user_create_mode(&user, "/e", "", ZK_CREATE_EPHEMERAL), 0);
    config.session_id = zk_client_session_id(user.client);
    memcpy(config.password, zk_client_password(user.client), sizeof config.password);
    user_release(&user);
    user_open_with(&user, "", config);
    user_wait_state(&user, ZK_CLIENT_CONNECTED);
    assert_int_equal(zk_client_session_id(user.client), config.session_id);
    assert_int_equal(user_exists(&user, "/e", false), ZK_ERR_OK);
    assert_int_equal(user.reply.stat.ephemeral_owner, config.session_id);
    user_close(&user);
    user_open(&user, "");
    assert_int_equal(user_exists(&user, "/e", false), ZK_ERR_NONODE);
    user_close(&user);
}

static void test_expired_session(void **state)
{
    (void)state;
    struct user user;
    struct zk_client_config config = {.session_id = 0x1234567890};
    user_open_with(&user, "", config);
    assert_int_equal(user_get(&user, "/", false), ZK_ERR_SESSIONEXPIRED);
    user_wait_events(&user, 1);
    assert_int_equal(user.events[0].state, ZK_STATE_EXPIRED);
    assert_int_equal(zk_client_get_state(user.client), ZK_CLIENT_CLOSED);
    assert_int_equal(user_get(&user, "/", false), ZK_ERR_SESSIONEXPIRED);
    user_release(&user);
}

/* Nobody answers for longer than the session may live: the client does not wait for ever. */
static void test_expiry_without_server(void **state)
{
    (void)state;
    struct user user;
    struct zk_client_config config = {.session_timeout_ms = 600};
    user_open_with(&user, "", config);
    user_wait_state(&user, ZK_CLIENT_CONNECTED);
    assert_int_equal(zk_client_timeout_ms(user.client), 600);
    client_node_stop();
    user_wait_state(&user, ZK_CLIENT_CLOSED);
    assert_int_equal(user.events[user.event_count - 1].state, ZK_STATE_EXPIRED);
    user_release(&user);
}

/* An idle session lives by its pings. */
static void test_pings_keep_the_session(void **state)
{
    (void)state;
    struct user user;
    struct zk_client_config config = {.session_timeout_ms = 400};
    user_open_with(&user, "", config);
    assert_int_equal(user_create_mode(&user, "/e", "", ZK_CREATE_EPHEMERAL), 0);
    size_t at = user.event_count;
    uint64_t deadline = runtime_now_ns(client_runtime) + 1500 * NS_PER_MS;
    while (runtime_now_ns(client_runtime) < deadline) {
        client_turn();
    }
    assert_int_equal(user.event_count, at);
    assert_int_equal(user_exists(&user, "/e", false), ZK_ERR_OK);
    user_close(&user);
}

static void test_refused_credential(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    user_wait_state(&user, ZK_CLIENT_CONNECTED);
    assert_int_equal(zk_client_add_auth(user.client, SLICE_LIT("bogus"), SLICE_LIT("x")), 0);
    user_wait_state(&user, ZK_CLIENT_AUTH_FAILED);
    assert_int_equal(user.events[user.event_count - 1].state, ZK_STATE_AUTH_FAILED);
    assert_int_equal(user_get(&user, "/", false), ZK_ERR_AUTHFAILED);
    bool is_closed = false;
    zk_client_close(user.client, user_on_closed, &is_closed);
    while (!is_closed) {
        client_turn();
    }
    user_release(&user);
}

static void on_reply_release(void *ctx, const struct zk_reply *reply)
{
    struct user *user = ctx;
    assert_int_equal(reply->err, 0);
    zk_client_release(user->client);
    user->client = NULL;
    assert_true(slice_equal_cstr(reply->data, "here")); /* still there until we return */
}

static void test_release_from_a_callback(void **state)
{
    (void)state;
    struct user user;
    user_open(&user, "");
    assert_int_equal(user_create(&user, "/a", "here"), 0);
    for (int i = 0; i < 3; i++) {
        struct zk_done done = {on_reply_release, &user};
        if (i > 0) {
            done = user_done(&user); /* never called: the client is gone by then */
        }
        assert_int_equal(zk_client_get_data(user.client, SLICE_LIT("/a"), NULL, done), 0);
    }
    user.has_reply = false;
    uint64_t deadline = runtime_now_ns(client_runtime) + WAIT_NS;
    while (user.client != NULL && runtime_now_ns(client_runtime) < deadline) {
        client_turn();
    }
    assert_null(user.client);
    client_turn();
    assert_false(user.has_reply);
    arena_release(&user.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, client_begin, client_end_test)
        T(test_event_before_reply),      T(test_standard_watches),
        T(test_persistent_watches),      T(test_remove_watches),
        T(test_remove_watches_locally),  T(test_restart_with_watches),
        T(test_changes_while_away),      T(test_credentials_after_reconnect),
        T(test_lost_requests),           T(test_session_taken_up_again),
        T(test_expired_session),         T(test_expiry_without_server),
        T(test_pings_keep_the_session),  T(test_refused_credential),
        T(test_release_from_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
