/* kafka_zookeeper.c - see kafka_zookeeper.h. */
#include "cli/kafka/kafka_zookeeper.h"

#include <stdlib.h>

#include "cli/kafka/kafka_topic_filter.h"
#include "runtime/uv/runtime_uv.h"

#define SESSION_TIMEOUT_MS 30000 /* of KafkaZkClient in these tools */
#define CONNECT_TIMEOUT_MS UINT64_C(30000)
#define NS_PER_MS UINT64_C(1000000)

static const struct zk_acl world_all[] = {
    {.perms = 31, .id = {.scheme = SLICE_LIT("world"), .id = SLICE_LIT("anyone")}},
};

static void on_event(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    (void)watcher;
    (void)event;
}

static void on_reply(void *ctx, const struct zk_reply *reply)
{
    struct kafka_zookeeper *zookeeper = ctx;
    zk_reply_copy(&zookeeper->admin->arena, reply, &zookeeper->reply);
    zookeeper->has_reply = true;
}

static struct zk_done done_of(struct kafka_zookeeper *zookeeper)
{
    zookeeper->has_reply = false;
    return (struct zk_done){.call = on_reply, .ctx = zookeeper};
}

static int fail(struct kafka_zookeeper *zookeeper, const char *what, struct slice path)
{
    return kafka_admin_error(zookeeper->admin, "org.apache.zookeeper.KeeperException",
                             "KeeperErrorCode = %s for %.*s", what, SLICE_ARGS(path));
}

/* Runs the loop until the answer is there. */
static int wait_for(struct kafka_zookeeper *zookeeper, int submitted, struct slice path)
{
    if (submitted != 0) {
        return fail(zookeeper, error_text(submitted), path);
    }
    while (!zookeeper->has_reply) {
        runtime_turn(zookeeper->runtime, -1);
    }
    switch (zookeeper->reply.err) {
    case ZK_ERR_OK:
        return 0;
    case ZK_ERR_NONODE:
        fail(zookeeper, "NoNode", path);
        return ERR_NOT_FOUND;
    case ZK_ERR_NODEEXISTS:
        fail(zookeeper, "NodeExists", path);
        return ERR_EXISTS;
    default:
        return fail(zookeeper, zk_error_name(zookeeper->reply.err), path);
    }
}

int kafka_zookeeper_open(struct kafka_zookeeper *zookeeper,
                         struct kafka_admin *admin,
                         const char *connect)
{
    struct errmsg message;
    *zookeeper = (struct kafka_zookeeper){.admin = admin, .watcher = {.on_event = on_event}};
    zk_json_init();
    int error = runtime_create(NULL, &zookeeper->runtime);
    if (error != 0) {
        return kafka_admin_error(admin, "java.io.IOException", "%s", error_text(error));
    }
    const struct zk_client_config config = {
        .connect_string = slice_of_cstr(connect),
        .session_timeout_ms = SESSION_TIMEOUT_MS,
        .watcher = &zookeeper->watcher,
    };
    error = zk_client_open(zookeeper->runtime, &config, &message, &zookeeper->client);
    if (error != 0) {
        zookeeper->client = NULL;
        return kafka_admin_error(admin, "java.lang.IllegalArgumentException", "%s", message.text);
    }
    uint64_t end_ns = runtime_now_ns(zookeeper->runtime) + CONNECT_TIMEOUT_MS * NS_PER_MS;
    while (zk_client_get_state(zookeeper->client) != ZK_CLIENT_CONNECTED) {
        uint64_t now_ns = runtime_now_ns(zookeeper->runtime);
        if (now_ns >= end_ns || !zk_client_is_alive(zookeeper->client)) {
            return kafka_admin_error(admin, "kafka.zookeeper.ZooKeeperClientTimeoutException",
                                     "Timed out waiting for connection while in state: %s",
                                     zk_client_state_name(zk_client_get_state(zookeeper->client)));
        }
        runtime_turn(zookeeper->runtime, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
    }
    return 0;
}

static void on_closed(void *ctx)
{
    bool *is_closed = ctx;
    *is_closed = true;
}

void kafka_zookeeper_close(struct kafka_zookeeper *zookeeper)
{
    bool is_closed = false;
    if (zookeeper->client != NULL) {
        zk_client_close(zookeeper->client, on_closed, &is_closed);
        while (!is_closed) {
            runtime_turn(zookeeper->runtime, -1);
        }
        zk_client_release(zookeeper->client);
        zookeeper->client = NULL;
    }
    if (zookeeper->runtime != NULL) {
        runtime_destroy(zookeeper->runtime);
        zookeeper->runtime = NULL;
    }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

int kafka_zookeeper_get(struct kafka_zookeeper *zookeeper, struct slice path, struct slice *data)
{
    struct zk_done done = done_of(zookeeper);
    int error = wait_for(zookeeper, zk_client_get_data(zookeeper->client, path, NULL, done), path);
    *data = error == 0 ? zookeeper->reply.data : SLICE_NULL;
    return error;
}

int kafka_zookeeper_children(struct kafka_zookeeper *zookeeper,
                             struct slice path,
                             struct slice **names,
                             int32_t *count)
{
    struct zk_done done = done_of(zookeeper);
    int error = wait_for(zookeeper, zk_client_get_children(zookeeper->client, path, NULL, done),
                         path);
    *names = NULL;
    *count = 0;
    if (error == 0) {
        *count = zookeeper->reply.name_count;
        *names = ARENA_ARRAY(&zookeeper->admin->arena, struct slice, (size_t)*count + 1);
        for (int32_t i = 0; i < *count; i++) {
            (*names)[i] = zookeeper->reply.names[i];
        }
        kafka_sort_names(*names, (size_t)*count);
    }
    return error == ERR_NOT_FOUND ? 0 : error;
}

int kafka_zookeeper_exists(struct kafka_zookeeper *zookeeper, struct slice path, bool *exists)
{
    struct zk_done done = done_of(zookeeper);
    int error = wait_for(zookeeper, zk_client_exists(zookeeper->client, path, NULL, done), path);
    *exists = error == 0;
    return error == ERR_NOT_FOUND ? 0 : error;
}

static int create_one(struct kafka_zookeeper *zookeeper,
                      struct slice path,
                      struct slice data,
                      bool is_sequential)
{
    struct zk_create create = {
        .path = path,
        .data = data,
        .acl = world_all,
        .acl_count = 1,
        .mode = is_sequential ? ZK_CREATE_PERSISTENT_SEQUENTIAL : ZK_CREATE_PERSISTENT,
    };
    struct zk_done done = done_of(zookeeper);
    return wait_for(zookeeper, zk_client_create(zookeeper->client, &create, done), path);
}

int kafka_zookeeper_create(struct kafka_zookeeper *zookeeper,
                           struct slice path,
                           struct slice data,
                           bool is_sequential)
{
    int error = create_one(zookeeper, path, data, is_sequential);
    if (error != ERR_NOT_FOUND) {
        return error;
    }
    for (size_t i = 1; i < path.len; i++) {
        if (path.ptr[i] == '/') {
            error = create_one(zookeeper, slice_part(path, 0, i), SLICE_NULL, false);
            if (error != 0 && error != ERR_EXISTS) {
                return error;
            }
        }
    }
    return create_one(zookeeper, path, data, is_sequential);
}

int kafka_zookeeper_set(struct kafka_zookeeper *zookeeper, struct slice path, struct slice data)
{
    struct zk_done done = done_of(zookeeper);
    return wait_for(zookeeper, zk_client_set_data(zookeeper->client, path, data, -1, done), path);
}

/* ---- brokers --------------------------------------------------------------------------------- */

int kafka_zookeeper_brokers(struct kafka_zookeeper *zookeeper,
                            struct broker_info **brokers,
                            int32_t *count)
{
    struct slice *names;
    int32_t name_count;
    struct kafka_admin *admin = zookeeper->admin;
    int error = kafka_zookeeper_children(zookeeper, SLICE_LIT("/brokers/ids"), &names, &name_count);
    *count = 0;
    *brokers = ARENA_ARRAY(&admin->arena, struct broker_info, (size_t)name_count + 1);
    for (int32_t i = 0; i < name_count && error == 0; i++) {
        struct slice path = kafka_admin_format(admin, "/brokers/ids/%.*s", SLICE_ARGS(names[i]));
        struct slice data;
        struct broker_info *info = &(*brokers)[*count];
        error = kafka_zookeeper_get(zookeeper, path, &data);
        if (error == ERR_NOT_FOUND) {
            error = 0; /* it has just left */
            continue;
        }
        if (error == 0 && zk_json_get_broker(data, info) == 0) {
            info->id = (int32_t)strtol(kafka_admin_cstr(admin, names[i]), NULL, 10);
            *count += 1;
        }
    }
    return error;
}

/* ---- configurations ---------------------------------------------------------------------------
 */

int kafka_zookeeper_get_config(struct kafka_zookeeper *zookeeper,
                               struct slice entity,
                               struct config_entry **entries,
                               size_t *count)
{
    struct kafka_admin *admin = zookeeper->admin;
    struct slice path = kafka_admin_format(admin, "/config/%.*s", SLICE_ARGS(entity));
    struct slice data;
    struct config_entry *read = NULL;
    *count = 0;
    int error = kafka_zookeeper_get(zookeeper, path, &data);
    if (error == 0 && data.len > 0 && zk_json_get_config(data, &admin->arena, &read, count) != 0) {
        return kafka_admin_error(admin, "java.lang.IllegalArgumentException",
                                 "%.*s in ZooKeeper is malformed", SLICE_ARGS(path));
    }
    *entries = ARENA_ARRAY(&admin->arena, struct config_entry, *count + ZK_CONFIGS_MAX);
    if (*count > 0) {
        memcpy(*entries, read, *count * sizeof **entries);
    }
    return error == ERR_NOT_FOUND ? 0 : error;
}

int kafka_zookeeper_set_config(struct kafka_zookeeper *zookeeper,
                               struct slice entity,
                               const struct config_entry *entries,
                               size_t count)
{
    struct kafka_admin *admin = zookeeper->admin;
    struct slice path = kafka_admin_format(admin, "/config/%.*s", SLICE_ARGS(entity));
    struct buffer json;
    buffer_init(&json, (size_t)64 << 20);
    zk_json_put_config(&json, entries, count);
    int error = kafka_zookeeper_set(zookeeper, path, buffer_slice(&json));
    if (error == ERR_NOT_FOUND) {
        error = kafka_zookeeper_create(zookeeper, path, buffer_slice(&json), false);
    }
    if (error == 0) {
        buffer_clear(&json, 4096);
        zk_json_put_config_change(&json, entity);
        error = kafka_zookeeper_create(zookeeper, SLICE_LIT("/config/changes/config_change_"),
                                       buffer_slice(&json), true);
    }
    buffer_release(&json);
    return error;
}

void kafka_config_entries_put(struct config_entry *entries,
                              size_t *count,
                              struct slice name,
                              struct slice value)
{
    size_t at = 0;
    while (at < *count && !slice_equal(entries[at].name, name)) {
        at++;
    }
    if (slice_is_null(value)) {
        if (at < *count) {
            memmove(&entries[at], &entries[at + 1], (*count - at - 1) * sizeof entries[0]);
            *count -= 1;
        }
        return;
    }
    if (at == *count) {
        ASSERT(*count < ZK_CONFIGS_MAX);
        *count += 1;
    }
    entries[at] = (struct config_entry){name, value};
}

int kafka_check_topic_configs(struct kafka_admin *admin,
                              const struct config_entry *entries,
                              size_t count)
{
    struct topic_config config;
    struct errmsg message;
    topic_config_defaults(&config);
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = topic_config_set(&config, entries[i].name, entries[i].value, &message);
    }
    error = error != 0 ? error : topic_config_check(&config, &message);
    if (error != 0) {
        return kafka_admin_error(admin,
                                 "org.apache.kafka.common.errors.InvalidConfigurationException",
                                 "%s", message.text);
    }
    return 0;
}
