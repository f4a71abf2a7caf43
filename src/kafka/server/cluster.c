/* cluster.c - the broker's ZooKeeper session, and the way from a connect string to a broker that
 * leads: see cluster.h.
 *
 * The happy path: connect (making the chroot first, over a session of its own), make the persistent
 * folders of Apache's schema, get or make /cluster/id, settle the broker's id, read /config. Then
 * the broker loads its logs. cluster_register goes on: the registration (cluster_registration.c),
 * the controllership (cluster_controller.c), the topics (cluster_topics.c).
 *
 * What goes wrong: ZooKeeper away at start is retried until zookeeper.connection.timeout.ms, then
 * told as Apache tells it. Away later: the broker serves on; tasks wait. An expired session: a new
 * one, and everything from the registration on again; meanwhile nobody else can have become
 * controller unnoticed, since every write of ours checks /controller_epoch's version.
 *
 * Broker ids: configured, or of meta.properties, or the next of /brokers/seqid.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/cluster_private.h"
#include "kafka/storage/log_store.h"
#include "runtime/log.h"

#define ZK_REPLY_BYTES_MAX (64u << 20)
#define RETRY_NS UINT64_C(200000000)
#define NS_PER_MS UINT64_C(1000000)

static void on_session(struct zk_watcher *watcher, const struct zk_watch_event *event);
static void on_connect_timeout(struct runtime_timer *timer);
static void on_retry(struct runtime_timer *timer);

static const char *const phase_names[] = {
    "NEW",      "CONNECTING", "READING", "READ",     "REGISTERING",
    "ELECTING", "LOADING",    "RUNNING", "STOPPING", "FAILED",
};

void cluster_set_phase(struct cluster *cluster, enum cluster_phase phase)
{
    LOG("cluster", LOG_DEBUG, "%s -> %s", phase_names[cluster->phase], phase_names[phase]);
    cluster->phase = phase;
}

void cluster_fail(struct cluster *cluster, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    if (cluster->phase == CLUSTER_FAILED || cluster->phase == CLUSTER_STOPPING) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cluster_set_phase(cluster, CLUSTER_FAILED);
    runtime_timer_stop(&cluster->connect_timer);
    runtime_timer_stop(&cluster->retry_timer);
    runtime_timer_stop(&cluster->list_timer);
    cluster->events.failed(cluster->events.ctx, text);
}

struct cluster *cluster_create(struct broker *broker, const struct cluster_events *events)
{
    struct cluster *cluster = mem_alloc_zeroed(sizeof *cluster);
    uint64_t seed;
    struct hash_key key;
    zk_json_init();
    cluster->broker = broker;
    cluster->topics = &broker->topics;
    cluster->events = *events;
    cluster->session_watcher.on_event = on_session;
    cluster->open_acl = (struct zk_acl){
        .perms = ZK_PERM_ALL, .id = {.scheme = SLICE_LIT("world"), .id = SLICE_LIT("anyone")}};
    cluster->broker_epoch = -1;
    list_init(&cluster->tasks);
    list_init(&cluster->entities);
    runtime_random(broker->runtime, &seed, sizeof seed);
    runtime_random(broker->runtime, &key, sizeof key);
    random_init(&cluster->random, seed);
    bytes_map_init(&cluster->entity_by_path, key);
    runtime_timer_init(&cluster->connect_timer, broker->runtime, on_connect_timeout);
    runtime_timer_init(&cluster->retry_timer, broker->runtime, on_retry);
    runtime_timer_init(&cluster->list_timer, broker->runtime, topics_list_again);
    return cluster;
}

/* ---- the session ----------------------------------------------------------------------------- */

static struct slice hosts_of(const char *connect)
{
    const char *slash = strchr(connect, '/');
    return slash == NULL ? slice_of_cstr(connect) : slice_of(connect, (size_t)(slash - connect));
}

static struct slice chroot_of(const char *connect)
{
    const char *slash = strchr(connect, '/');
    struct slice chroot = slash == NULL ? SLICE_NULL : slice_of_cstr(slash);
    while (chroot.len > 0 && chroot.ptr[chroot.len - 1] == '/') {
        chroot.len--;
    }
    return chroot;
}

static int open_session(struct cluster *cluster, struct errmsg *message)
{
    const struct broker_config *config = &cluster->broker->config;
    bool wants_chroot = !cluster->has_chroot && chroot_of(config->zookeeper_connect).len > 0;
    const struct zk_client_config options = {
        .connect_string = wants_chroot ? hosts_of(config->zookeeper_connect)
                                       : slice_of_cstr(config->zookeeper_connect),
        .session_timeout_ms = config->zookeeper_session_timeout_ms,
        .reply_bytes_max = ZK_REPLY_BYTES_MAX,
        .watcher = &cluster->session_watcher,
    };
    cluster->is_connected = false;
    return zk_client_open(cluster->broker->runtime, &options, message, &cluster->zk);
}

static void drop_session(struct cluster *cluster)
{
    if (cluster->zk != NULL) {
        zk_client_release(cluster->zk);
        cluster->zk = NULL;
    }
    cluster->is_connected = false;
}

int cluster_start(struct cluster *cluster, struct errmsg *message)
{
    const struct broker_config *config = &cluster->broker->config;
    ASSERT(cluster->phase == CLUSTER_NEW);
    int error = open_session(cluster, message);
    if (error != 0) {
        struct errmsg why = *message;
        return errmsg_set(message, ERR_CONFIG, "zookeeper.connect=%s: %s",
                          config->zookeeper_connect, why.text);
    }
    cluster_set_phase(cluster, CLUSTER_CONNECTING);
    LOG("cluster", LOG_INFO, "connecting to ZooKeeper at %s", config->zookeeper_connect);
    runtime_timer_set(&cluster->connect_timer,
                      runtime_now_ns(cluster->broker->runtime) +
                          (uint64_t)MAX(config->zookeeper_connection_timeout_ms, 1) * NS_PER_MS);
    return 0;
}

static void on_connect_timeout(struct runtime_timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, connect_timer);
    const char *state = cluster->zk == NULL
                            ? "CLOSED"
                            : zk_client_state_name(zk_client_get_state(cluster->zk));
    cluster_fail(cluster,
                 "Timed out waiting for connection while in state: %s. Is ZooKeeper running at %s? "
                 "(zookeeper.connect, zookeeper.connection.timeout.ms=%d)",
                 state, cluster->broker->config.zookeeper_connect,
                 cluster->broker->config.zookeeper_connection_timeout_ms);
}

static void begin_reading(struct cluster *cluster);
static void make_chroot(struct cluster *cluster);

static void connected(struct cluster *cluster)
{
    const struct broker_config *config = &cluster->broker->config;
    cluster->is_connected = true;
    if (cluster->phase == CLUSTER_CONNECTING) {
        runtime_timer_stop(&cluster->connect_timer);
        if (!cluster->has_chroot && chroot_of(config->zookeeper_connect).len > 0) {
            make_chroot(cluster);
            return;
        }
        cluster->has_chroot = true;
        LOG("cluster", LOG_INFO, "connected to ZooKeeper, session 0x%llx",
            (unsigned long long)zk_client_session_id(cluster->zk));
        if (cluster->has_logs) {
            registration_begin(cluster);
        } else if (cluster->was_read) {
            cluster_set_phase(cluster, CLUSTER_READ);
        } else {
            begin_reading(cluster);
        }
    } else {
        LOG("cluster", LOG_INFO, "connected to ZooKeeper again");
    }
    tasks_resume(cluster);
}

static void on_session(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, session_watcher);
    bool is_over = cluster->phase == CLUSTER_STOPPING || cluster->phase == CLUSTER_FAILED;
    if (event->type != ZK_EVENT_NONE || is_over) {
        return;
    }
    switch (event->state) {
    case ZK_STATE_SYNC_CONNECTED:
        connected(cluster);
        break;
    case ZK_STATE_DISCONNECTED:
        if (cluster->is_connected) {
            LOG("cluster", LOG_WARN, "the connection to ZooKeeper is lost; trying again");
        }
        cluster->is_connected = false;
        break;
    case ZK_STATE_EXPIRED:
        LOG("cluster", LOG_WARN, "the ZooKeeper session has expired; beginning a new one");
        cluster->is_connected = false;
        cluster->is_controller = false;
        /* Not from within the old session's callback. */
        runtime_timer_set(&cluster->retry_timer, 0);
        cluster_set_phase(cluster, CLUSTER_CONNECTING);
        break;
    case ZK_STATE_AUTH_FAILED:
        cluster_fail(cluster, "ZooKeeper has refused the broker's credentials");
        break;
    default:
        break;
    }
}

static void on_retry(struct runtime_timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, retry_timer);
    struct errmsg message;
    if (cluster->phase == CLUSTER_CONNECTING) {
        drop_session(cluster);
        tasks_drop_early(cluster);
        if (open_session(cluster, &message) != 0) {
            cluster_fail(cluster, "cannot begin a ZooKeeper session: %s", message.text);
        }
    } else if (cluster->phase == CLUSTER_REGISTERING) {
        registration_begin(cluster);
    } else if (cluster->phase == CLUSTER_ELECTING) {
        controller_begin(cluster);
    }
}

/* ---- the chroot ------------------------------------------------------------------------------ */

static void on_made(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    const struct slice *path = slot;
    if (reply->err != ZK_ERR_OK && reply->err != ZK_ERR_NODEEXISTS) {
        cluster_fail(task->cluster, "cannot create %.*s in ZooKeeper: %s", (int)path->len,
                     (const char *)path->ptr, zk_error_text(reply->err));
    }
}

/* A path and its parents. */
static void make_path(struct cluster_task *task, struct slice path)
{
    for (size_t i = 1; i <= path.len; i++) {
        if (i == path.len || path.ptr[i] == '/') {
            struct slice *part = ARENA_NEW(&task->arena, struct slice);
            *part = slice_part(path, 0, i);
            task_make(task, *part, SLICE_NULL, ZK_CREATE_PERSISTENT, on_made, part);
        }
    }
}

static void chroot_step(struct cluster_task *task)
{
    make_path(task, chroot_of(task->cluster->broker->config.zookeeper_connect));
}

static void chroot_done(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    task_end(task);
    if (cluster->phase == CLUSTER_CONNECTING) {
        cluster->has_chroot = true;
        runtime_timer_set(&cluster->retry_timer, 0); /* the session with the chroot */
    }
}

static void make_chroot(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    task->is_early = true;
    task_run(task, chroot_step, chroot_done);
}

/* ---- folders, cluster id, broker id ------------------------------------------------------------
 */

struct settling {
    int32_t err;
    char cluster_id[CLUSTER_ID_MAX];
    int32_t sequence;
};

static void settle_id(struct cluster_task *task);

static const char *const persistent_paths[] = {
    "/consumers",
    "/brokers/ids",
    "/brokers/topics",
    "/config/changes",
    "/admin/delete_topics",
    "/brokers/seqid",
    "/isr_change_notification",
    "/latest_producer_id_block",
    "/log_dir_event_notification",
    "/config/topics",
    "/config/clients",
    "/config/users",
    "/config/brokers",
    "/config/ips",
    "/cluster",
};

static void folders_step(struct cluster_task *task)
{
    for (size_t i = 0; i < ARRAY_LEN(persistent_paths); i++) {
        make_path(task, slice_of_cstr(persistent_paths[i]));
    }
}

static void on_cluster_id(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct settling *settling = slot;
    settling->err = reply->err;
    if (reply->err == ZK_ERR_OK && zk_json_get_cluster_id(reply->data, settling->cluster_id,
                                                          sizeof settling->cluster_id) != 0) {
        cluster_fail(task->cluster, "Failed to parse the cluster id json in /cluster/id");
    }
}

static void cluster_id_step(struct cluster_task *task)
{
    task_get(task, SLICE_LIT("/cluster/id"), NULL, on_cluster_id, task->state);
}

/* Create it, and read again: whoever came first has named the cluster. */
static void cluster_id_make(struct cluster_task *task)
{
    struct codec_uuid uuid;
    char id[UUID_TEXT_LEN + 1];
    struct buffer json;
    do {
        runtime_random(task->cluster->broker->runtime, uuid.bytes, sizeof uuid.bytes);
    } while (!uuid_make_random(&uuid));
    uuid_to_text(&uuid, id);
    buffer_init(&json, 1024);
    zk_json_put_cluster_id(&json, id);
    task_make(task, SLICE_LIT("/cluster/id"), task_keep(task, &json), ZK_CREATE_PERSISTENT, NULL,
              NULL);
    buffer_release(&json);
    cluster_id_step(task);
}

static void cluster_id_read(struct cluster_task *task)
{
    struct settling *settling = task->state;
    struct cluster *cluster = task->cluster;
    if (cluster->phase == CLUSTER_FAILED) {
        task_end(task);
        return;
    }
    if (settling->err == ZK_ERR_NONODE) {
        task_run(task, cluster_id_make, cluster_id_read);
        return;
    }
    if (settling->err != ZK_ERR_OK) {
        cluster_fail(cluster, "cannot read /cluster/id: %s", zk_error_text(settling->err));
        task_end(task);
        return;
    }
    snprintf(cluster->topics->cluster_id, sizeof cluster->topics->cluster_id, "%s",
             settling->cluster_id);
    LOG("cluster", LOG_INFO, "Cluster ID = %s", settling->cluster_id);
    settle_id(task);
}

static void folders_made(struct cluster_task *task)
{
    if (task->cluster->phase == CLUSTER_FAILED) {
        task_end(task);
        return;
    }
    task_run(task, cluster_id_step, cluster_id_read);
}

static void on_sequence(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct settling *settling = slot;
    (void)task;
    settling->err = reply->err;
    settling->sequence = reply->stat.version;
}

static void sequence_step(struct cluster_task *task)
{
    task_put(task, SLICE_LIT("/brokers/seqid"), SLICE_LIT(""), -1, on_sequence, task->state);
}

static void configs_read(struct cluster *cluster)
{
    if (cluster->phase == CLUSTER_READING) {
        cluster_set_phase(cluster, CLUSTER_READ);
        cluster->was_read = true;
        cluster->events.read(cluster->events.ctx);
    }
}

static void id_settled(struct cluster_task *task, int32_t broker_id)
{
    struct cluster *cluster = task->cluster;
    struct errmsg message;
    cluster->broker->config.broker_id = broker_id;
    task_end(task);
    int error = log_store_settle(cluster->broker->logs, broker_id, cluster->topics->cluster_id,
                                 &message);
    if (error != 0) {
        cluster_fail(cluster, "%s", message.text);
        return;
    }
    configs_load_all(cluster, configs_read);
}

static void sequence_taken(struct cluster_task *task)
{
    struct settling *settling = task->state;
    if (settling->err != ZK_ERR_OK) {
        cluster_fail(task->cluster, "Failed to generate broker.id due to %s",
                     zk_error_text(settling->err));
        task_end(task);
        return;
    }
    id_settled(task, settling->sequence + task->cluster->broker->config.reserved_broker_max_id);
}

/* KafkaServer.getOrGenerateBrokerId: the configured one, that of the directories, a new one. */
static void settle_id(struct cluster_task *task)
{
    const struct broker_config *config = &task->cluster->broker->config;
    int32_t stored = log_store_broker_id(task->cluster->broker->logs);
    if (config->broker_id >= 0) {
        id_settled(task, config->broker_id);
    } else if (stored >= 0) {
        id_settled(task, stored);
    } else if (config->broker_id_generation_enable) {
        task_run(task, sequence_step, sequence_taken);
    } else {
        cluster_fail(task->cluster, "broker.id must be greater than or equal to 0");
        task_end(task);
    }
}

static void begin_reading(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    cluster_set_phase(cluster, CLUSTER_READING);
    task->is_early = true;
    task->state = ARENA_NEW(&task->arena, struct settling);
    task_run(task, folders_step, folders_made);
}

void cluster_register(struct cluster *cluster)
{
    cluster->has_logs = true;
    if (cluster->phase == CLUSTER_READ) {
        registration_begin(cluster);
    }
    /* Otherwise the session expired while the logs were loaded, and the next one goes on there. */
}

/* ---- the end --------------------------------------------------------------------------------- */

static void on_closed(void *ctx)
{
    struct cluster *cluster = ctx;
    cluster->is_connected = false;
    cluster->on_stopped(cluster->stopped_ctx);
}

void cluster_stop(struct cluster *cluster, void (*done)(void *ctx), void *ctx)
{
    runtime_timer_stop(&cluster->connect_timer);
    runtime_timer_stop(&cluster->retry_timer);
    runtime_timer_stop(&cluster->list_timer);
    tasks_detach(cluster);
    cluster_set_phase(cluster, CLUSTER_STOPPING);
    cluster->on_stopped = done;
    cluster->stopped_ctx = ctx;
    if (cluster->zk == NULL) {
        done(ctx);
        return;
    }
    zk_client_close(cluster->zk, on_closed, cluster);
}

void cluster_detach(struct cluster *cluster)
{
    runtime_timer_stop(&cluster->connect_timer);
    runtime_timer_stop(&cluster->retry_timer);
    runtime_timer_stop(&cluster->list_timer);
    tasks_detach(cluster);
    drop_session(cluster);
}

void cluster_release(struct cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    if (cluster->zk != NULL) {
        cluster_detach(cluster);
    }
    tasks_release(cluster);
    configs_release(cluster);
    mem_free(cluster, sizeof *cluster);
}

int64_t cluster_broker_epoch(const struct cluster *cluster)
{
    return cluster->broker_epoch;
}

bool cluster_is_controller(const struct cluster *cluster)
{
    return cluster->is_controller;
}

int16_t cluster_controller_error(const struct cluster *cluster)
{
    return cluster->is_controller ? 0 : KAFKA_ERROR_NOT_CONTROLLER;
}
