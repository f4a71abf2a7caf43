/* cluster_controller.c - the controllership: /controller, /controller_epoch, and what a controller
 * hears of.
 *
 * Election is Apache's: multi[create /controller ephemeral, setData /controller_epoch epoch + 1
 * with the version that was read]. The new version of /controller_epoch is checked by every later
 * write.
 *
 * This version serves a cluster of one: whoever leads must be controller, since it has nobody to
 * send LeaderAndIsr to and takes none. So a broker that finds /controller taken by a living other
 * one waits as long as a session may take to expire, and then gives up with a sentence. A KRaft
 * controller (kraftControllerEpoch >= 0) is given up to at once.
 *
 * Source: KafkaZkClient.registerControllerAndIncrementControllerEpoch, KafkaController; reference
 * 3, 4.1.
 */
#include <inttypes.h>

#include "base/text.h"
#include "kafka/server/cluster_private.h"
#include "runtime/log.h"

#define WAIT_TURN_NS UINT64_C(200000000)
#define NS_PER_MS UINT64_C(1000000)
#define EXTRA_WAIT_MS 6000

struct election {
    int32_t epoch_err;
    int32_t epoch;
    int32_t epoch_version;
    int32_t controller_err;
    struct zk_controller controller;
    int64_t owner;
    int32_t err;
    int32_t next_version;
    int32_t feature_err;
    int32_t feature_status;
    bool has_features;
};

/* ---- election -------------------------------------------------------------------------------- */

static void on_epoch(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct election *election = slot;
    (void)task;
    election->epoch_err = reply->err;
    election->epoch_version = reply->stat.version;
    if (reply->err == ZK_ERR_OK && text_parse_i32(reply->data, &election->epoch) != 0) {
        election->epoch_err = ZK_ERR_DATAINCONSISTENCY;
    }
}

static void on_controller(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct election *election = slot;
    (void)task;
    election->controller_err = reply->err;
    election->owner = reply->stat.ephemeral_owner;
    if (reply->err == ZK_ERR_OK &&
        zk_json_get_controller(reply->data, &election->controller) != 0) {
        election->controller_err = ZK_ERR_DATAINCONSISTENCY;
    }
}

/* Made when absent, with 0, then read. */
static void look_step(struct cluster_task *task)
{
    task_make(task, SLICE_LIT("/controller_epoch"), SLICE_LIT("0"), ZK_CREATE_PERSISTENT, NULL,
              NULL);
    task_get(task, SLICE_LIT("/controller_epoch"), NULL, on_epoch, task->state);
    task_get(task, SLICE_LIT("/controller"), NULL, on_controller, task->state);
}

static void on_elected(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct election *election = slot;
    (void)task;
    election->err = reply->err;
    if (reply->err == ZK_ERR_OK) {
        election->next_version = reply->results[reply->result_count - 1].stat.version;
    }
}

static void elect_step(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    struct election *election = task->state;
    struct zk_multi_op ops[3];
    size_t count = 0;
    struct buffer text;
    buffer_init(&text, 4096);
    zk_json_put_controller(&text, cluster->broker->config.broker_id,
                           runtime_wall_ms(cluster->broker->runtime));
    struct slice controller = task_keep(task, &text);
    buffer_append_decimal(&text, (int64_t)election->epoch + 1);
    struct slice epoch = task_keep(task, &text);
    buffer_release(&text);
    if (election->controller_err == ZK_ERR_OK) {
        ops[count++] = op_delete(SLICE_LIT("/controller")); /* our own, of before a crash */
    }
    ops[count++] = op_create(cluster, SLICE_LIT("/controller"), controller, ZK_CREATE_EPHEMERAL);
    ops[count++] = op_set(SLICE_LIT("/controller_epoch"), epoch, election->epoch_version);
    task_multi(task, ops, count, on_elected, election);
}

static void wait_for_it(struct cluster *cluster, const struct election *election)
{
    uint64_t now = runtime_now_ns(cluster->broker->runtime);
    if (cluster->wait_deadline_ns == 0) {
        uint64_t wait_ms = (uint64_t)MAX(cluster->broker->config.zookeeper_session_timeout_ms, 1) +
                           EXTRA_WAIT_MS;
        cluster->wait_deadline_ns = now + wait_ms * NS_PER_MS;
        LOG("cluster", LOG_WARN,
            "broker %d is the controller; waiting up to %" PRIu64 " ms for it to go away",
            election->controller.broker_id, wait_ms);
    }
    if (now >= cluster->wait_deadline_ns) {
        cluster_fail(cluster,
                     "broker %d is the controller of this cluster, and this version serves a "
                     "cluster of one broker: stop the other one, or give this broker a cluster of "
                     "its own (zookeeper.connect=HOST:PORT/CHROOT)",
                     election->controller.broker_id);
        return;
    }
    runtime_timer_set(&cluster->retry_timer, now + WAIT_TURN_NS);
}

/* ---- before the registration -------------------------------------------------------------------
 */

static void prelook_step(struct cluster_task *task)
{
    task_get(task, SLICE_LIT("/controller"), NULL, on_controller, task->state);
}

static void prelooked(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    struct election seen = *(const struct election *)task->state;
    bool is_another = seen.controller_err == ZK_ERR_OK &&
                      seen.controller.broker_id != cluster->broker->config.broker_id &&
                      seen.controller.kraft_epoch < 0;
    task_end(task);
    if (is_another) {
        wait_for_it(cluster, &seen);
    } else {
        registration_write(cluster);
    }
}

/* Nobody should see a broker registered that will not serve: while another one is controller this
 * one does not even begin to. */
void registration_begin(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    if (cluster->phase != CLUSTER_REGISTERING) {
        cluster_set_phase(cluster, CLUSTER_REGISTERING);
    }
    task->is_early = true;
    task->state = ARENA_NEW(&task->arena, struct election);
    task_run(task, prelook_step, prelooked);
}

static void elected(struct cluster_task *task);
static void feature_step(struct cluster_task *task);
static void feature_read(struct cluster_task *task);

static void looked(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    const struct election *election = task->state;
    if (election->epoch_err != ZK_ERR_OK) {
        cluster_fail(cluster, "cannot read /controller_epoch: %s",
                     zk_error_text(election->epoch_err));
        task_end(task);
        return;
    }
    if (election->controller_err == ZK_ERR_NONODE) {
        task_run(task, elect_step, elected);
        return;
    }
    if (election->controller_err != ZK_ERR_OK) {
        cluster_fail(cluster, "Failed to parse ZooKeeper registration for controller");
        task_end(task);
        return;
    }
    bool is_ours = election->controller.broker_id == cluster->broker->config.broker_id;
    if (election->controller.kraft_epoch >= 0) {
        cluster_fail(cluster,
                     "a KRaft controller has taken over this cluster (/controller has "
                     "kraftControllerEpoch %d); this broker keeps its metadata in "
                     "ZooKeeper",
                     election->controller.kraft_epoch);
        task_end(task);
    } else if (is_ours &&
               (election->owner == zk_client_session_id(cluster->zk) ||
                topics_broker(cluster->topics, election->controller.broker_id) != NULL)) {
        /* /brokers/ids/N is ours, so this node of the same broker is, too: of a try whose answer
         * was lost, or of the life before. */
        task_run(task, elect_step, elected);
    } else {
        struct election seen = *election;
        task_end(task);
        wait_for_it(cluster, &seen);
    }
}

static void elected(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    const struct election *election = task->state;
    if (election->err != ZK_ERR_OK) {
        LOG("cluster", LOG_INFO, "the election was disturbed (%s); once more",
            zk_error_text(election->err));
        task_end(task);
        runtime_timer_set(&cluster->retry_timer,
                          runtime_now_ns(cluster->broker->runtime) + WAIT_TURN_NS);
        return;
    }
    cluster->wait_deadline_ns = 0;
    cluster->is_controller = true;
    cluster->controller_epoch = election->epoch + 1;
    cluster->epoch_zk_version = election->next_version;
    cluster->topics->controller_id = cluster->broker->config.broker_id;
    cluster->topics->controller_epoch = cluster->controller_epoch;
    LOG("cluster", LOG_INFO, "%d successfully elected as the controller. Epoch incremented to %d",
        cluster->broker->config.broker_id, cluster->controller_epoch);
    task_run(task, feature_step, feature_read);
}

void controller_begin(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    task->is_early = true;
    task->state = ARENA_NEW(&task->arena, struct election);
    task_run(task, look_step, looked);
}

/* ---- /feature -------------------------------------------------------------------------------- */

static void on_feature(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct election *election = slot;
    (void)task;
    election->feature_err = reply->err;
    if (reply->err == ZK_ERR_OK &&
        zk_json_get_feature(reply->data, &election->feature_status, &election->has_features) != 0) {
        election->feature_err = ZK_ERR_DATAINCONSISTENCY;
    }
}

static void feature_step(struct cluster_task *task)
{
    task_get(task, SLICE_LIT("/feature"), NULL, on_feature, task->state);
}

static void feature_write_step(struct cluster_task *task)
{
    const struct election *election = task->state;
    struct buffer json;
    buffer_init(&json, 1024);
    zk_json_put_feature(&json);
    struct slice data = task_keep(task, &json);
    buffer_release(&json);
    if (election->feature_err == ZK_ERR_NONODE) {
        task_make(task, SLICE_LIT("/feature"), data, ZK_CREATE_PERSISTENT, NULL, NULL);
    } else {
        task_put(task, SLICE_LIT("/feature"), data, -1, NULL, NULL);
    }
}

static void feature_written(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    task_end(task);
    cluster_set_phase(cluster, CLUSTER_LOADING);
    controller_watch(cluster);
    tasks_resume(cluster);
}

/* A broker of ZooKeeper mode supports no feature: there is only the empty set to enable. */
static void feature_read(struct cluster_task *task)
{
    const struct election *election = task->state;
    bool is_enabled = election->feature_err == ZK_ERR_OK && election->feature_status == 1;
    if (election->feature_err == ZK_ERR_OK && election->has_features) {
        LOG("cluster", LOG_WARN, "/feature has finalized features, of which this broker has none");
        feature_written(task);
    } else if (is_enabled) {
        feature_written(task);
    } else {
        task_run(task, feature_write_step, feature_written);
    }
}

/* ---- what a controller hears of ---------------------------------------------------------------
 */

static void on_controller_changed(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, controller_watcher);
    bool is_gone = event->type == ZK_EVENT_NODE_DELETED;
    if (cluster->phase != CLUSTER_RUNNING && cluster->phase != CLUSTER_LOADING) {
        return;
    }
    if (is_gone) {
        /* Somebody deleted the node to force an election; our session is alive. */
        LOG("cluster", LOG_WARN, "/controller was deleted: electing");
        cluster->is_controller = false;
        cluster_set_phase(cluster, CLUSTER_ELECTING);
        controller_begin(cluster);
    }
}

static void watch_controller_step(struct cluster_task *task)
{
    task_exists(task, SLICE_LIT("/controller"), &task->cluster->controller_watcher, NULL, NULL);
}

struct orders {
    int32_t reassign_err;
    int32_t preferred_err;
    struct slice isr_changes[256];
    int32_t isr_change_count;
    struct slice dir_events[256];
    int32_t dir_event_count;
};

static void on_reassign(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct orders *orders = slot;
    (void)task;
    orders->reassign_err = reply->err;
}

static void on_preferred(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct orders *orders = slot;
    (void)task;
    orders->preferred_err = reply->err;
}

static void keep_names(struct cluster_task *task,
                       const struct zk_reply *reply,
                       struct slice *names,
                       int32_t *count)
{
    *count = reply->err == ZK_ERR_OK ? MIN(reply->name_count, 256) : 0;
    for (int32_t i = 0; i < *count; i++) {
        names[i] = arena_copy(&task->arena, reply->names[i]);
    }
}

static void on_isr_changes(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct orders *orders = slot;
    keep_names(task, reply, orders->isr_changes, &orders->isr_change_count);
}

static void on_dir_events(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct orders *orders = slot;
    keep_names(task, reply, orders->dir_events, &orders->dir_event_count);
}

static void orders_step(struct cluster_task *task)
{
    struct zk_watcher *watcher = &task->cluster->orders_watcher;
    task_exists(task, SLICE_LIT("/admin/reassign_partitions"), watcher, on_reassign, task->state);
    task_exists(task, SLICE_LIT("/admin/preferred_replica_election"), watcher, on_preferred,
                task->state);
    task_children(task, SLICE_LIT("/isr_change_notification"), watcher, on_isr_changes,
                  task->state);
    task_children(task, SLICE_LIT("/log_dir_event_notification"), watcher, on_dir_events,
                  task->state);
}

/* With one broker there is nothing to move, and every leader is the preferred one: such orders are
 * carried out by taking them away, as Apache's controller does when it is done. */
static void carry_out_step(struct cluster_task *task)
{
    const struct orders *orders = task->state;
    if (orders->reassign_err == ZK_ERR_OK) {
        LOG("cluster", LOG_WARN, "/admin/reassign_partitions is dropped: there is one broker");
        task_remove(task, SLICE_LIT("/admin/reassign_partitions"), NULL, NULL);
    }
    if (orders->preferred_err == ZK_ERR_OK) {
        task_remove(task, SLICE_LIT("/admin/preferred_replica_election"), NULL, NULL);
    }
    for (int32_t i = 0; i < orders->isr_change_count; i++) {
        task_remove(task,
                    task_path(task, "/isr_change_notification/%.*s",
                              (int)orders->isr_changes[i].len,
                              (const char *)orders->isr_changes[i].ptr),
                    NULL, NULL);
    }
    for (int32_t i = 0; i < orders->dir_event_count; i++) {
        task_remove(task,
                    task_path(task, "/log_dir_event_notification/%.*s",
                              (int)orders->dir_events[i].len,
                              (const char *)orders->dir_events[i].ptr),
                    NULL, NULL);
    }
}

static void carried_out(struct cluster_task *task)
{
    task_end(task);
}

static void orders_read(struct cluster_task *task)
{
    task_run(task, carry_out_step, carried_out);
}

static void read_orders(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    task->state = ARENA_NEW(&task->arena, struct orders);
    task_run(task, orders_step, orders_read);
}

static void on_orders_changed(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, orders_watcher);
    bool is_news = event->type == ZK_EVENT_NODE_CREATED ||
                   event->type == ZK_EVENT_NODE_CHILDREN_CHANGED;
    if (is_news && cluster->phase == CLUSTER_RUNNING) {
        read_orders(cluster);
    }
}

void controller_watch(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    cluster->controller_watcher.on_event = on_controller_changed;
    cluster->orders_watcher.on_event = on_orders_changed;
    task_run(task, watch_controller_step, carried_out);
    read_orders(cluster);
    registration_read_brokers(cluster);
    configs_read_changes(cluster);
    topics_load_all(cluster);
}
