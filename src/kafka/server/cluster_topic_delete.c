/* cluster_topic_delete.c - the end of topics.
 *
 * /admin/delete_topics/T is the order, and it stays until everything of the topic is gone, so that
 * a crash in between goes on with it at the next start; tools with --zookeeper make the same node.
 * With one broker nobody else holds a replica: the partitions end at once, then the topic's tree,
 * its configuration and the order are removed, in that order, as Apache's controller does.
 *
 * Source: TopicDeletionManager, AdminZkClient.deleteTopic of 3.9.
 */
#include "generated/kafka/constants.h"
#include "kafka/server/cluster_private.h"
#include "kafka/server/group_host.h"
#include "runtime/log.h"

#define LOGS_TURN_NS UINT64_C(2000000)

struct deletion {
    struct runtime_timer timer;  /* waits for logs that are still being flushed */
    struct runtime_timer slices; /* of the partitions' end */
    int32_t next;
    struct cluster_task *task;
    struct slice name;
    int32_t partition_count;
    int32_t err;
    struct cluster_done done;
};

static void deletion_end(struct cluster_task *task, int16_t error, const char *message)
{
    const struct deletion *deletion = task->state;
    struct cluster_done done = deletion->done;
    task_end(task);
    if (done.call != NULL) {
        done.call(done.ctx, error, message);
    }
}

static void finish(struct cluster_task *task);

static void on_logs_timer(struct runtime_timer *timer)
{
    struct deletion *deletion = CONTAINER_OF(timer, struct deletion, timer);
    deletion->task->pause = NULL;
    finish(deletion->task);
}

static void finish(struct cluster_task *task)
{
    struct deletion *deletion = task->state;
    struct cluster *cluster = task->cluster;
    struct topic *topic = topics_find(cluster->topics, deletion->name);
    if (topics_has_logs(cluster, deletion->name, deletion->partition_count)) {
        /* A flush was under way; a new topic of this name must not find the old folder. */
        task->pause = &deletion->timer;
        runtime_timer_set(&deletion->timer,
                          runtime_now_ns(cluster->broker->runtime) + LOGS_TURN_NS);
        return;
    }
    if (topic != NULL) {
        topics_remove(cluster->topics, topic);
    }
    LOG("cluster", LOG_INFO, "deleted topic %.*s", LOG_SLICE(deletion->name));
    deletion_end(task, 0, NULL);
}

static void on_last(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct deletion *deletion = slot;
    (void)task;
    if (reply->err != ZK_ERR_OK && reply->err != ZK_ERR_NONODE) {
        deletion->err = reply->err;
    }
}

static void last_step(struct cluster_task *task)
{
    struct deletion *deletion = task->state;
    task_remove(task, task_path(task, "/config/topics/%.*s", LOG_SLICE(deletion->name)), on_last,
                deletion);
    task_remove(task, task_path(task, "/admin/delete_topics/%.*s", LOG_SLICE(deletion->name)),
                on_last, deletion);
}

static void last_done(struct cluster_task *task)
{
    struct deletion *deletion = task->state;
    if (deletion->err != ZK_ERR_OK) {
        LOG("cluster", LOG_WARN, "deleting %.*s: %s", LOG_SLICE(deletion->name),
            zk_error_text(deletion->err));
    }
    configs_install(task->cluster, task_path(task, "topics/%.*s", LOG_SLICE(deletion->name)), NULL,
                    0);
    finish(task);
}

static void tree_removed(struct cluster_task *task, int32_t err)
{
    struct deletion *deletion = task->state;
    if (err == ZK_ERR_BADVERSION) {
        deletion_end(task, KAFKA_ERROR_NOT_CONTROLLER, NULL);
    } else if (err != ZK_ERR_OK) {
        LOG("cluster", LOG_ERROR, "deleting %.*s: %s", LOG_SLICE(deletion->name),
            zk_error_text(err));
        deletion_end(task, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, zk_error_text(err));
    } else {
        task_run(task, last_step, last_done);
    }
}

static void unhost_slice(struct deletion *deletion)
{
    struct cluster_task *task = deletion->task;
    struct topic *topic = topics_find(task->cluster->topics, deletion->name);
    if (topic != NULL) {
        deletion->next = topics_unhost_slice(task->cluster, topic, deletion->next, true);
        if (deletion->next < topic->partition_count) {
            runtime_timer_set(&deletion->slices, 0);
            return;
        }
    }
    task->pause = NULL;
    task_remove_tree(task, task_path(task, "/brokers/topics/%.*s", LOG_SLICE(deletion->name)),
                     tree_removed);
}

static void on_slice_timer(struct runtime_timer *timer)
{
    unhost_slice(CONTAINER_OF(timer, struct deletion, slices));
}

static void on_ordered(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct deletion *deletion = slot;
    (void)task;
    deletion->err = reply->err == ZK_ERR_NODEEXISTS ? ZK_ERR_OK : reply->err;
}

static void order_step(struct cluster_task *task)
{
    struct deletion *deletion = task->state;
    task_make(task, task_path(task, "/admin/delete_topics/%.*s", LOG_SLICE(deletion->name)),
              SLICE_NULL, ZK_CREATE_PERSISTENT, on_ordered, deletion);
}

static void ordered(struct cluster_task *task)
{
    struct deletion *deletion = task->state;
    struct cluster *cluster = task->cluster;
    struct topic *topic = topics_find(cluster->topics, deletion->name);
    if (deletion->err != ZK_ERR_OK) {
        deletion_end(task, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, zk_error_text(deletion->err));
        return;
    }
    if (topic != NULL) {
        topic->is_deleting = true;
        deletion->partition_count = topic->partition_count;
        if (cluster->broker->groups != NULL) {
            group_host_topic_deleted(cluster->broker->groups, topic->name_slice);
        }
    }
    task->pause = &deletion->slices;
    unhost_slice(deletion);
}

static void begin(struct cluster *cluster, struct slice name, struct cluster_done done)
{
    struct cluster_task *task = task_create(cluster);
    struct deletion *deletion = ARENA_NEW(&task->arena, struct deletion);
    deletion->task = task;
    deletion->name = arena_copy(&task->arena, name);
    deletion->done = done;
    runtime_timer_init(&deletion->timer, cluster->broker->runtime, on_logs_timer);
    runtime_timer_init(&deletion->slices, cluster->broker->runtime, on_slice_timer);
    task->state = deletion;
    task_run_for_topic(task, name, order_step, ordered);
}

void cluster_delete_topic(struct cluster *cluster, struct slice name, struct cluster_done done)
{
    const struct topic *topic = topics_find(cluster->topics, name);
    if (topic == NULL) {
        done.call(done.ctx, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
        return;
    }
    if (!cluster->broker->config.delete_topic_enable) {
        done.call(done.ctx, KAFKA_ERROR_TOPIC_DELETION_DISABLED, NULL);
        return;
    }
    begin(cluster, name, done);
}

/* ---- orders of others -------------------------------------------------------------------------
 */

struct marked {
    int32_t err;
    struct slice *names;
    int32_t count;
};

static void on_marked(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct marked *marked = slot;
    marked->err = reply->err;
    marked->count = reply->err == ZK_ERR_OK ? reply->name_count : 0;
    marked->names = ARENA_ARRAY(&task->arena, struct slice, marked->count + 1);
    for (int32_t i = 0; i < marked->count; i++) {
        marked->names[i] = arena_copy(&task->arena, reply->names[i]);
    }
}

static void marked_step(struct cluster_task *task)
{
    task_children(task, SLICE_LIT("/admin/delete_topics"), &task->cluster->deletions_watcher,
                  on_marked, task->state);
}

static void refused(struct cluster_task *task)
{
    task_end(task);
}

/* delete.topic.enable=false: Apache's controller takes such orders away. */
static void refuse_step(struct cluster_task *task)
{
    const struct marked *marked = task->state;
    for (int32_t i = 0; i < marked->count; i++) {
        task_remove(task, task_path(task, "/admin/delete_topics/%.*s", LOG_SLICE(marked->names[i])),
                    NULL, NULL);
    }
}

static void marked_read(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    const struct marked *marked = task->state;
    if (!cluster->broker->config.delete_topic_enable && marked->count > 0) {
        LOG("cluster", LOG_INFO,
            "Removing %d topics from /admin/delete_topics since delete topic "
            "is disabled",
            marked->count);
        task_run(task, refuse_step, refused);
        return;
    }
    for (int32_t i = 0; i < marked->count; i++) {
        if (topic_name_check(marked->names[i]) == TOPIC_NAME_FINE &&
            !task_has_topic(cluster, marked->names[i])) {
            begin(cluster, marked->names[i], (struct cluster_done){NULL, NULL});
        }
    }
    task_end(task);
}

static void on_deletions_changed(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, deletions_watcher);
    if (event->type == ZK_EVENT_NODE_CHILDREN_CHANGED && cluster->phase == CLUSTER_RUNNING) {
        topics_delete_marked(cluster);
    }
}

void topics_delete_marked(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    cluster->deletions_watcher.on_event = on_deletions_changed;
    task->state = ARENA_NEW(&task->arena, struct marked);
    task_run(task, marked_step, marked_read);
}
