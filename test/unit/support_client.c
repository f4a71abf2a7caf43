/* support_client.c - see support_client.h. */
#include "support_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/log.h"
#include "zookeeper/server/node.h"

#define SESSION_TIMEOUT_MS 4000

struct runtime *client_runtime;
static struct node *node;
static char data_dir[64];
static uint16_t port;

/* ---- the server ------------------------------------------------------------------------------ */

void client_node_start(void)
{
    static struct zk_config config;
    struct errmsg message = {""};
    char text[512];
    snprintf(text, sizeof text,
             "dataDir=%s\nclientPort=%u\nclientPortAddress=127.0.0.1\ntickTime=100\n"
             "minSessionTimeout=200\nmaxSessionTimeout=60000\nadmin.enableServer=false\n",
             data_dir, port);
    struct config_property properties[] = {{"zookeeper.extendedTypesEnabled", "true"}};
    assert_int_equal(zk_config_parse(&config, slice_of_cstr(text), "test", properties,
                                     ARRAY_LEN(properties), NULL, NULL, &message),
                     0);
    node = calloc(1, sizeof *node);
    assert_non_null(node);
    node_init(node, client_runtime, &config);
    if (node_start(node, &message) != 0) {
        fail_msg("%s", message.text);
    }
    assert_int_equal(node_client_address(node).port, port);
}

static void on_stopped(void *ctx)
{
    bool *is_stopped = ctx;
    *is_stopped = true;
}

void client_turn(void)
{
    runtime_turn(client_runtime, 20);
}

void client_node_stop(void)
{
    bool is_stopped = false;
    node_stop(node, on_stopped, &is_stopped);
    uint64_t end = runtime_now_ns(client_runtime) + WAIT_NS;
    while (!is_stopped && runtime_now_ns(client_runtime) < end) {
        client_turn();
    }
    assert_true(is_stopped);
    node_release(node);
    free(node);
    node = NULL;
}

static void never_accept(struct tcp_stream *stream, void *ctx)
{
    (void)ctx;
    tcp_reject(stream);
}

/* A port that nobody has: the server is to come back on the same one. */
static uint16_t free_port(void)
{
    struct tcp_listener *listener;
    struct tcp_address any = {.ip = {127, 0, 0, 1}};
    struct tcp_listen_options options = {.reuse_address = true};
    assert_int_equal(tcp_listen(client_runtime, &any, &options, never_accept, NULL, &listener), 0);
    uint16_t found = tcp_listener_address(listener).port;
    tcp_listener_close(listener);
    client_turn();
    return found;
}

int client_begin(void **state)
{
    (void)state;
    struct log_options options = {.level = LOG_OFF};
    assert_int_equal(log_configure(&options), 0);
    snprintf(data_dir, sizeof data_dir, "/tmp/samsa-client-XXXXXX");
    assert_non_null(mkdtemp(data_dir));
    assert_int_equal(runtime_create(NULL, &client_runtime), 0);
    port = free_port();
    client_node_start();
    return 0;
}

static void remove_folder(const char *path);

static void remove_entry(void *ctx, const char *name)
{
    char path[512];
    struct path_info info;
    snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    assert_int_equal(path_stat(client_runtime, path, &info), 0);
    if (info.is_directory) {
        remove_folder(path);
    } else {
        assert_int_equal(unlink(path), 0);
    }
}

static void remove_folder(const char *path)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", path);
    assert_int_equal(directory_list(client_runtime, path, remove_entry, copy), 0);
    assert_int_equal(rmdir(path), 0);
}

int client_end_test(void **state)
{
    (void)state;
    if (node != NULL) {
        client_node_stop();
    }
    remove_folder(data_dir);
    runtime_destroy(client_runtime);
    return 0;
}

/* ---- a client with what it heard ------------------------------------------------------------- */

void user_on_event(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct user *user = CONTAINER_OF(watcher, struct user, watcher);
    assert_true(user->event_count < EVENTS_MAX);
    user->events[user->event_count] = *event;
    assert_true(event->path.len < sizeof user->paths[0]);
    snprintf(user->paths[user->event_count], sizeof user->paths[0], "%.*s", LOG_SLICE(event->path));
    user->event_count += 1;
}

void user_open_with(struct user *user, const char *suffix, struct zk_client_config config)
{
    char text[128];
    struct errmsg message = {""};
    snprintf(text, sizeof text, "127.0.0.1:%u%s", port, suffix);
    memset(user, 0, sizeof *user);
    arena_init(&user->arena, 65536, (size_t)64 << 20);
    user->watcher.on_event = user_on_event;
    config.connect_string = slice_of_cstr(text);
    config.session_timeout_ms = config.session_timeout_ms == 0 ? SESSION_TIMEOUT_MS
                                                               : config.session_timeout_ms;
    config.watcher = &user->watcher;
    assert_int_equal(zk_client_open(client_runtime, &config, &message, &user->client), 0);
}

void user_open(struct user *user, const char *suffix)
{
    user_open_with(user, suffix, (struct zk_client_config){0});
}

void user_release(struct user *user)
{
    zk_client_release(user->client);
    arena_release(&user->arena);
}

void user_on_closed(void *ctx)
{
    bool *is_closed = ctx;
    *is_closed = true;
}

void user_close(struct user *user)
{
    bool is_closed = false;
    zk_client_close(user->client, user_on_closed, &is_closed);
    uint64_t deadline = runtime_now_ns(client_runtime) + WAIT_NS;
    while (!is_closed && runtime_now_ns(client_runtime) < deadline) {
        client_turn();
    }
    assert_true(is_closed);
    assert_int_equal(zk_client_get_state(user->client), ZK_CLIENT_CLOSED);
    user_release(user);
}

static void user_on_reply(void *ctx, const struct zk_reply *reply)
{
    struct user *user = ctx;
    zk_reply_copy(&user->arena, reply, &user->reply);
    user->events_at_reply = user->event_count;
    user->has_reply = true;
}

struct zk_done user_done(struct user *user)
{
    user->has_reply = false;
    return (struct zk_done){user_on_reply, user};
}

int32_t user_wait(struct user *user, int submitted)
{
    assert_int_equal(submitted, 0);
    uint64_t deadline = runtime_now_ns(client_runtime) + WAIT_NS;
    while (!user->has_reply && runtime_now_ns(client_runtime) < deadline) {
        client_turn();
    }
    assert_true(user->has_reply);
    return user->reply.err;
}

void user_wait_state(struct user *user, enum zk_client_state state)
{
    uint64_t deadline = runtime_now_ns(client_runtime) + WAIT_NS;
    while (zk_client_get_state(user->client) != state &&
           runtime_now_ns(client_runtime) < deadline) {
        client_turn();
    }
    assert_int_equal(zk_client_get_state(user->client), state);
}

void user_wait_events(struct user *user, size_t count)
{
    uint64_t deadline = runtime_now_ns(client_runtime) + WAIT_NS;
    while (user->event_count < count && runtime_now_ns(client_runtime) < deadline) {
        client_turn();
    }
    assert_int_equal(user->event_count, count);
}

void user_expect_event(const struct user *user, size_t index, int32_t type, const char *path)
{
    assert_true(index < user->event_count);
    assert_int_equal(user->events[index].type, type);
    assert_string_equal(user->paths[index], path);
}

struct zk_acl user_open_acl[] = {
    {.perms = ZK_PERM_ALL,
     .id = {.scheme = {(const uint8_t *)"world", 5}, .id = {(const uint8_t *)"anyone", 6}}},
};

int32_t user_create_mode(struct user *user, const char *path, const char *data, int32_t mode)
{
    struct zk_create create = {
        .path = slice_of_cstr(path),
        .data = slice_of_cstr(data),
        .acl = user_open_acl,
        .acl_count = 1,
        .mode = mode,
        .ttl_ms = 60000,
    };
    return user_wait(user, zk_client_create(user->client, &create, user_done(user)));
}

int32_t user_create(struct user *user, const char *path, const char *data)
{
    return user_create_mode(user, path, data, ZK_CREATE_PERSISTENT);
}

int32_t user_set(struct user *user, const char *path, const char *data)
{
    struct zk_done done = user_done(user);
    return user_wait(
        user, zk_client_set_data(user->client, slice_of_cstr(path), slice_of_cstr(data), -1, done));
}

int32_t user_get(struct user *user, const char *path, bool watches)
{
    struct zk_done done = user_done(user);
    struct zk_watcher *watcher = watches ? &user->watcher : NULL;
    return user_wait(user, zk_client_get_data(user->client, slice_of_cstr(path), watcher, done));
}

int32_t user_exists(struct user *user, const char *path, bool watches)
{
    struct zk_done done = user_done(user);
    struct zk_watcher *watcher = watches ? &user->watcher : NULL;
    return user_wait(user, zk_client_exists(user->client, slice_of_cstr(path), watcher, done));
}

int32_t user_children(struct user *user, const char *path, bool watches)
{
    struct zk_done done = user_done(user);
    struct zk_watcher *watcher = watches ? &user->watcher : NULL;
    return user_wait(user,
                     zk_client_get_children(user->client, slice_of_cstr(path), watcher, done));
}

int32_t user_delete(struct user *user, const char *path)
{
    struct zk_done done = user_done(user);
    return user_wait(user, zk_client_delete(user->client, slice_of_cstr(path), -1, done));
}

int32_t user_add_watch(struct user *user, const char *path, int32_t mode)
{
    struct zk_done done = user_done(user);
    int submitted = zk_client_add_watch(user->client, slice_of_cstr(path), mode, &user->watcher,
                                        done);
    return user_wait(user, submitted);
}

int32_t user_remove_watches(struct user *user, const char *path, int32_t type, bool is_local)
{
    struct zk_done done = user_done(user);
    int submitted = zk_client_remove_watches(user->client, slice_of_cstr(path), type, is_local,
                                             done);
    return user_wait(user, submitted);
}
