/* cluster_topic_list.c - which topics there are: /brokers/topics as a whole, and its watches.
 *
 * At the start, and after a session's expiry, every topic is loaded, and the cluster runs when the
 * last one is. Later a change of the list loads what is new; our own topics show there, too, so a
 * burst of changes is answered by one listing. What vanished without a deletion is served no more,
 * but its files stay: only an order below /admin/delete_topics removes data.
 */
#include "generated/kafka/constants.h"
#include "kafka/server/cluster_private.h"
#include "runtime/log.h"

#define LIST_DELAY_NS UINT64_C(100000000)

struct listing {
    int32_t err;
    struct slice *names;
    int32_t count;
};

static void all_loaded(struct cluster *cluster)
{
    if (cluster->phase != CLUSTER_LOADING) {
        return;
    }
    cluster_set_phase(cluster, CLUSTER_RUNNING);
    topics_delete_marked(cluster);
    if (!cluster->is_registered_once) {
        cluster->is_registered_once = true;
        cluster->events.registered(cluster->events.ctx);
    }
}

static void one_loaded(void *ctx, int16_t error, const char *message)
{
    struct cluster *cluster = ctx;
    (void)error;
    (void)message;
    ASSERT(cluster->loads_left > 0);
    cluster->loads_left--;
    if (cluster->loads_left == 0) {
        all_loaded(cluster);
    }
}

static void on_listed(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct listing *listing = slot;
    listing->err = reply->err;
    listing->count = reply->err == ZK_ERR_OK ? reply->name_count : 0;
    listing->names = ARENA_ARRAY(&task->arena, struct slice, listing->count + 1);
    for (int32_t i = 0; i < listing->count; i++) {
        listing->names[i] = arena_copy(&task->arena, reply->names[i]);
    }
}

static void list_step(struct cluster_task *task)
{
    task_children(task, SLICE_LIT("/brokers/topics"), &task->cluster->topics_watcher, on_listed,
                  task->state);
}

/* What vanished from ZooKeeper without a deletion: served no more, but its files stay. */
static void drop_vanished(struct cluster *cluster, const struct listing *listing)
{
    cluster->listings++;
    for (int32_t i = 0; i < listing->count; i++) {
        struct topic *topic = topics_find(cluster->topics, listing->names[i]);
        if (topic != NULL) {
            topic->listing = cluster->listings;
        }
    }
    LIST_FOR_EACH_SAFE(link, after, &cluster->topics->topics)
    {
        struct topic *topic = CONTAINER_OF(link, struct topic, link);
        if (topic->listing != cluster->listings && !task_has_topic(cluster, topic->name_slice)) {
            LOG("cluster", LOG_WARN,
                "%s has vanished from ZooKeeper; it is served no more, its logs stay on disk",
                topic->name);
            topics_unhost(cluster, topic, false);
            topics_remove(cluster->topics, topic);
        }
    }
}

static void listed(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    const struct listing *listing = task->state;
    bool is_first = cluster->phase == CLUSTER_LOADING;
    if (listing->err != ZK_ERR_OK) {
        LOG("cluster", LOG_ERROR, "/brokers/topics cannot be read: %s",
            zk_error_text(listing->err));
    } else {
        if (cluster->topics->by_name.count > 0) {
            drop_vanished(cluster, listing);
        }
        cluster->loads_left += is_first ? 1 : 0; /* so that it does not end within the loop */
        for (int32_t i = 0; i < listing->count; i++) {
            struct slice name = listing->names[i];
            if (topic_name_check(name) != TOPIC_NAME_FINE) {
                LOG("cluster", LOG_WARN, "/brokers/topics/%.*s is no name of a topic",
                    LOG_SLICE(name));
            } else if (is_first) {
                cluster->loads_left++;
                topics_load(cluster, name, (struct cluster_done){one_loaded, cluster});
            } else if (topics_find(cluster->topics, name) == NULL &&
                       !task_has_topic(cluster, name)) {
                topics_load(cluster, name, (struct cluster_done){NULL, NULL});
            }
        }
    }
    bool is_read = listing->err == ZK_ERR_OK;
    task_end(task);
    if (is_first && is_read) {
        one_loaded(cluster, 0, NULL);
    }
}

static void on_topics_changed(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, topics_watcher);
    if (event->type == ZK_EVENT_NODE_CHILDREN_CHANGED && !cluster->list_timer.armed) {
        /* Our own topics tell of themselves here, too: one listing for a burst of them. */
        runtime_timer_set(&cluster->list_timer,
                          runtime_now_ns(cluster->broker->runtime) + LIST_DELAY_NS);
    }
}

void topics_list_again(struct runtime_timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, list_timer);
    if (cluster->phase == CLUSTER_RUNNING) {
        topics_load_all(cluster);
    }
}

static void on_topic_changed(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, topic_watcher);
    struct slice prefix = SLICE_LIT("/brokers/topics/");
    if (event->type != ZK_EVENT_NODE_DATA_CHANGED || cluster->phase != CLUSTER_RUNNING ||
        !slice_starts_with(event->path, prefix)) {
        return;
    }
    struct slice name = slice_part(event->path, prefix.len, event->path.len);
    const struct topic *topic = topics_find(cluster->topics, name);
    /* A topic that is not in the image yet is being loaded: giving it an id has used up the watch,
     * and the next load sets it again. */
    if (topic == NULL || !topic->is_deleting) {
        topics_load(cluster, name, (struct cluster_done){NULL, NULL});
    }
}

void topics_load_all(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    cluster->topics_watcher.on_event = on_topics_changed;
    cluster->topic_watcher.on_event = on_topic_changed;
    task->state = ARENA_NEW(&task->arena, struct listing);
    task_run(task, list_step, listed);
}
