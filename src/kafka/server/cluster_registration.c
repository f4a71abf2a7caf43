/* cluster_registration.c - /brokers/ids/N: the ephemeral node by which a broker is alive.
 *
 * It is made as Apache makes it: multi[create ephemeral, setData version 0], whose stat tells the
 * czxid, the broker's epoch. When the node is there already:
 *
 *   - it is of this session: the answer to an earlier try was lost; kept.
 *   - it is of this broker's life before, which was killed: the log directory, which we have
 * locked, holds that session's number (.samsa_zookeeper_session). It is removed and made anew, so
 * that a restart after a crash does not wait for ZooKeeper to notice the crash.
 *   - it is of somebody else, or of a life whose number is lost: wait until its session has had
 * time to expire, then fail with Apache's words.
 *
 * Source: KafkaZkClient.registerBroker, CheckedEphemeral (KAFKA-7165); reference 3.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "kafka/server/cluster_private.h"
#include "kafka/server/connection.h"
#include "kafka/storage/log_store.h"
#include "runtime/log.h"

#define SESSION_FILE ".samsa_zookeeper_session"
#define WAIT_TURN_NS UINT64_C(200000000)
#define NS_PER_MS UINT64_C(1000000)
#define EXTRA_WAIT_MS 6000 /* sessions expire in steps of the server's ticks */

struct registration {
    struct broker_info info;
    int32_t err;
    int64_t czxid;
    int64_t owner; /* ephemeral_owner of the node that is there */
    struct slice ids[BROKERS_LISTED_MAX];
    int32_t id_count;
};

/* ---- the number of the session before ----------------------------------------------------------
 */

static bool session_path(struct cluster *cluster, char *path, size_t size)
{
    struct log_store *logs = cluster->broker->logs;
    for (size_t i = 0; i < log_store_dir_count(logs); i++) {
        const struct log_dir *dir = log_store_dir(logs, i);
        if (dir->is_online) {
            int len = snprintf(path, size, "%s/%s", dir->path, SESSION_FILE);
            return len > 0 && (size_t)len < size;
        }
    }
    return false;
}

static void read_session(struct cluster *cluster)
{
    char path[PATH_TEXT_MAX];
    char text[32];
    size_t got = 0;
    struct file *file;
    if (!session_path(cluster, path, sizeof path) ||
        file_open(cluster->broker->runtime, path, FILE_READ, &file) != 0) {
        return;
    }
    int error = file_read(file, 0, text, sizeof text, &got);
    int close_error = file_close(file);
    if (error != 0 || close_error != 0 ||
        text_parse_i64(text_trim(slice_of(text, got)), &cluster->old_session_id) != 0) {
        cluster->old_session_id = 0;
    }
}

/* Lost in a power cut it only costs the wait. */
static void write_session(struct cluster *cluster)
{
    char path[PATH_TEXT_MAX];
    char text[32];
    struct file *file;
    int len = snprintf(text, sizeof text, "%" PRId64 "\n", zk_client_session_id(cluster->zk));
    if (!session_path(cluster, path, sizeof path) ||
        file_open(cluster->broker->runtime, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                  &file) != 0) {
        return;
    }
    int error = file_write(file, 0, slice_of(text, (size_t)len));
    int close_error = file_close(file);
    if (error != 0 || close_error != 0) {
        LOG("cluster", LOG_WARN,
            "cannot write %s: after a crash the next start will have to wait "
            "for the session's end",
            path);
    }
    cluster->old_session_id = zk_client_session_id(cluster->zk);
}

/* ---- the node -------------------------------------------------------------------------------- */

static void fill_info(struct cluster *cluster, struct broker_info *info)
{
    const struct broker *broker = cluster->broker;
    struct runtime_machine machine;
    runtime_machine(broker->runtime, &machine);
    *info = (struct broker_info){.id = broker->config.broker_id};
    snprintf(info->rack, sizeof info->rack, "%s", broker->config.rack);
    for (int32_t i = 0; i < broker->config.listener_count; i++) {
        const struct broker_listener *listener = &broker->config.listeners[i];
        if (listener->advertised_port < 0) {
            continue;
        }
        struct broker_endpoint *endpoint = &info->endpoints[info->endpoint_count++];
        snprintf(endpoint->listener, sizeof endpoint->listener, "%s", listener->name);
        snprintf(endpoint->security_protocol, sizeof endpoint->security_protocol, "%s",
                 listener->security_protocol);
        snprintf(endpoint->host, sizeof endpoint->host, "%s",
                 listener->advertised_host[0] != '\0' ? listener->advertised_host
                                                      : machine.host_name);
        endpoint->port = listener->advertised_port != 0 ? listener->advertised_port
                                                        : sockets_address(broker->sockets, i).port;
    }
}

static void on_registered(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct registration *registration = slot;
    (void)task;
    registration->err = reply->err;
    if (reply->err == ZK_ERR_OK) {
        registration->czxid = reply->results[reply->result_count - 1].stat.czxid;
    }
}

static void register_ops(struct cluster_task *task, bool removes_first)
{
    struct cluster *cluster = task->cluster;
    struct registration *registration = task->state;
    struct zk_multi_op ops[3];
    size_t count = 0;
    struct buffer json;
    struct slice path = task_path(task, "/brokers/ids/%d", cluster->broker->config.broker_id);
    buffer_init(&json, (size_t)1 << 20);
    zk_json_put_broker(&json, &registration->info, runtime_wall_ms(cluster->broker->runtime));
    struct slice data = task_keep(task, &json);
    buffer_release(&json);
    if (removes_first) {
        ops[count++] = op_delete(path);
    }
    ops[count++] = op_create(cluster, path, data, ZK_CREATE_EPHEMERAL);
    ops[count++] = op_set(path, data, 0);
    task_multi(task, ops, count, on_registered, registration);
}

static void register_step(struct cluster_task *task)
{
    register_ops(task, false);
}

static void register_again_step(struct cluster_task *task)
{
    register_ops(task, true);
}

static void on_node(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct registration *registration = slot;
    (void)task;
    registration->err = reply->err;
    registration->owner = reply->stat.ephemeral_owner;
    registration->czxid = reply->stat.czxid;
}

static void node_step(struct cluster_task *task)
{
    task_exists(task, task_path(task, "/brokers/ids/%d", task->cluster->broker->config.broker_id),
                NULL, on_node, task->state);
}

static void registered(struct cluster_task *task);

static void wait_for_it(struct cluster *cluster)
{
    uint64_t now = runtime_now_ns(cluster->broker->runtime);
    int32_t id = cluster->broker->config.broker_id;
    if (cluster->wait_deadline_ns == 0) {
        uint64_t wait_ms = (uint64_t)MAX(cluster->broker->config.zookeeper_session_timeout_ms, 1) +
                           EXTRA_WAIT_MS;
        cluster->wait_deadline_ns = now + wait_ms * NS_PER_MS;
        LOG("cluster", LOG_WARN,
            "/brokers/ids/%d is registered by another session; waiting up to %" PRIu64
            " ms for it to go away",
            id, wait_ms);
    }
    if (now >= cluster->wait_deadline_ns) {
        cluster_fail(cluster,
                     "Error while creating ephemeral at /brokers/ids/%d, node already exists and "
                     "owner does not match current session: another broker with broker.id=%d is "
                     "running; stop it or choose another broker.id",
                     id, id);
        return;
    }
    runtime_timer_set(&cluster->retry_timer, now + WAIT_TURN_NS);
}

static void node_seen(struct cluster_task *task)
{
    struct registration *registration = task->state;
    struct cluster *cluster = task->cluster;
    if (registration->err == ZK_ERR_NONODE) {
        task_run(task, register_step, registered);
    } else if (registration->err == ZK_ERR_OK &&
               registration->owner == zk_client_session_id(cluster->zk)) {
        registration->err = ZK_ERR_OK; /* made by an earlier try, whose czxid was just read */
        registered(task);
    } else if (registration->err == ZK_ERR_OK && cluster->old_session_id != 0 &&
               registration->owner == cluster->old_session_id) {
        LOG("cluster", LOG_INFO, "this broker's registration of before its crash is replaced");
        task_run(task, register_again_step, registered);
    } else if (registration->err == ZK_ERR_OK) {
        task_end(task);
        wait_for_it(cluster);
    } else {
        cluster_fail(cluster, "cannot read /brokers/ids/%d: %s", cluster->broker->config.broker_id,
                     zk_error_text(registration->err));
        task_end(task);
    }
}

static void registered(struct cluster_task *task)
{
    struct registration *registration = task->state;
    struct cluster *cluster = task->cluster;
    if (registration->err == ZK_ERR_NODEEXISTS || registration->err == ZK_ERR_NONODE) {
        task_run(task, node_step, node_seen);
        return;
    }
    if (registration->err != ZK_ERR_OK) {
        cluster_fail(cluster, "cannot register at /brokers/ids/%d: %s",
                     cluster->broker->config.broker_id, zk_error_text(registration->err));
        task_end(task);
        return;
    }
    cluster->broker_epoch = registration->czxid;
    cluster->wait_deadline_ns = 0;
    registration->info.epoch = registration->czxid;
    topics_put_broker(cluster->topics, &registration->info);
    LOG("cluster", LOG_INFO, "Registered broker %d at path /brokers/ids/%d, broker epoch %" PRId64,
        cluster->broker->config.broker_id, cluster->broker->config.broker_id,
        cluster->broker_epoch);
    task_end(task);
    write_session(cluster);
    cluster_set_phase(cluster, CLUSTER_ELECTING);
    controller_begin(cluster);
}

/* ---- others ---------------------------------------------------------------------------------- */

static void on_other(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct broker_info *info = slot;
    if (reply->err != ZK_ERR_OK || zk_json_get_broker(reply->data, info) != 0) {
        return;
    }
    info->epoch = reply->stat.czxid;
    if (info->id != task->cluster->broker->config.broker_id) {
        topics_put_broker(task->cluster->topics, info);
    }
}

static void others_read(struct cluster_task *task)
{
    task_end(task);
}

static void read_others_step(struct cluster_task *task)
{
    struct registration *registration = task->state;
    for (int32_t i = 0; i < registration->id_count; i++) {
        struct broker_info *info = ARENA_NEW(&task->arena, struct broker_info);
        if (text_parse_i32(registration->ids[i], &info->id) == 0) {
            task_get(task, task_path(task, "/brokers/ids/%d", info->id), NULL, on_other, info);
        }
    }
}

static bool is_listed(const struct registration *registration, int32_t id)
{
    for (int32_t i = 0; i < registration->id_count; i++) {
        int32_t listed;
        if (text_parse_i32(registration->ids[i], &listed) == 0 && listed == id) {
            return true;
        }
    }
    return false;
}

static void others_listed(struct cluster_task *task)
{
    const struct registration *registration = task->state;
    struct cluster *cluster = task->cluster;
    LIST_FOR_EACH_SAFE(link, after, &cluster->topics->brokers)
    {
        int32_t id = CONTAINER_OF(link, struct broker_info, link)->id;
        if (registration->err == ZK_ERR_OK && id != cluster->broker->config.broker_id &&
            !is_listed(registration, id)) {
            topics_remove_broker(cluster->topics, id);
        }
    }
    if (registration->id_count > 1) {
        LOG("cluster", LOG_WARN,
            "%d brokers are registered in this cluster; this version serves a cluster of one and "
            "leads only its own partitions",
            registration->id_count);
    }
    task_run(task, read_others_step, others_read);
}

static void on_ids(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct registration *registration = slot;
    registration->err = reply->err;
    registration->id_count = reply->err == ZK_ERR_OK ? MIN(reply->name_count, BROKERS_LISTED_MAX)
                                                     : 0;
    for (int32_t i = 0; i < registration->id_count; i++) {
        registration->ids[i] = arena_copy(&task->arena, reply->names[i]);
    }
}

static void list_others_step(struct cluster_task *task)
{
    task_children(task, SLICE_LIT("/brokers/ids"), &task->cluster->brokers_watcher, on_ids,
                  task->state);
}

static void on_brokers_changed(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, brokers_watcher);
    if (event->type == ZK_EVENT_NODE_CHILDREN_CHANGED && cluster->phase == CLUSTER_RUNNING) {
        registration_read_brokers(cluster);
    }
}

void registration_read_brokers(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    cluster->brokers_watcher.on_event = on_brokers_changed;
    task->state = ARENA_NEW(&task->arena, struct registration);
    task_run(task, list_others_step, others_listed);
}

void registration_write(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    struct registration *registration = ARENA_NEW(&task->arena, struct registration);
    task->is_early = true;
    task->state = registration;
    if (cluster->old_session_id == 0) {
        read_session(cluster);
    }
    fill_info(cluster, &registration->info);
    task_run(task, register_step, registered);
}
