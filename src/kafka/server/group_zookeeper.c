/* group_zookeeper.c - one task for each request: all nodes at once; for those that are not there
 * yet, once more with their parents.
 */
#include "kafka/server/group_zookeeper.h"

#include "base/text.h"
#include "generated/kafka/constants.h"
#include "kafka/server/cluster_private.h"

#define OFFSET_TEXT_MAX 32

struct offsets_work {
    struct slice group;
    struct zookeeper_offset *items;
    size_t count;
    bool is_write;
    bool makes_nodes; /* the second try of a write */
    zookeeper_offsets_done *done;
    void *ctx;
};

static struct slice path_of(struct cluster_task *task, const struct zookeeper_offset *item)
{
    const struct offsets_work *work = task->state;
    return task_path(task, "/consumers/%.*s/offsets/%.*s/%d", (int)work->group.len,
                     (const char *)work->group.ptr, (int)item->topic.len,
                     (const char *)item->topic.ptr, item->partition);
}

static struct slice data_of(struct cluster_task *task, const struct zookeeper_offset *item)
{
    struct buffer text;
    buffer_init(&text, OFFSET_TEXT_MAX);
    buffer_append_decimal(&text, item->offset);
    struct slice data = task_keep(task, &text);
    buffer_release(&text);
    return data;
}

static void on_read(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct zookeeper_offset *item = slot;
    (void)task;
    if (reply->err == ZK_ERR_NONODE) {
        item->error = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    } else if (reply->err != ZK_ERR_OK || text_parse_i64(reply->data, &item->offset) != ERR_OK) {
        item->offset = -1;
        item->error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
}

static void on_written(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct offsets_work *work = task->state;
    struct zookeeper_offset *item = slot;
    if (reply->err == ZK_ERR_NONODE && !work->makes_nodes) {
        item->error = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION; /* made in the second try */
    } else if (reply->err != ZK_ERR_OK) {
        item->error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    } else {
        item->error = KAFKA_ERROR_NONE;
    }
}

/* Parents and node; what is there already stays. */
static void make_node(struct cluster_task *task, struct slice path)
{
    for (size_t i = 1; i <= path.len; i++) {
        if (i == path.len || path.ptr[i] == '/') {
            task_make(task, slice_part(path, 0, i), SLICE_NULL, ZK_CREATE_PERSISTENT, NULL, NULL);
        }
    }
}

static void step(struct cluster_task *task)
{
    const struct offsets_work *work = task->state;
    for (size_t i = 0; i < work->count; i++) {
        struct zookeeper_offset *item = &work->items[i];
        bool is_left = item->error == KAFKA_ERROR_NONE;
        if (work->makes_nodes) {
            is_left = item->error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        }
        if (!is_left) {
            continue;
        }
        struct slice path = path_of(task, item);
        if (work->makes_nodes) {
            make_node(task, path);
        }
        if (work->is_write) {
            task_put(task, path, data_of(task, item), -1, on_written, item);
        } else {
            task_get(task, path, NULL, on_read, item);
        }
    }
}

static void then(struct cluster_task *task)
{
    struct offsets_work *work = task->state;
    bool any_missing = false;
    for (size_t i = 0; work->is_write && i < work->count; i++) {
        any_missing |= work->items[i].error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (any_missing && !work->makes_nodes) {
        work->makes_nodes = true;
        task_run(task, step, then);
        return;
    }
    work->done(work->ctx, work->items, work->count);
    task_end(task);
}

static void begin(struct cluster *cluster, struct slice group, const struct offsets_work *wanted)
{
    struct cluster_task *task = task_create(cluster);
    struct offsets_work *work = ARENA_NEW(&task->arena, struct offsets_work);
    *work = *wanted;
    work->group = arena_copy(&task->arena, group);
    work->items = ARENA_ARRAY(&task->arena, struct zookeeper_offset, MAX(wanted->count, 1));
    for (size_t i = 0; i < wanted->count; i++) {
        work->items[i] = wanted->items[i];
        work->items[i].topic = arena_copy(&task->arena, wanted->items[i].topic);
        work->items[i].offset = wanted->is_write ? wanted->items[i].offset : -1;
    }
    task->state = work;
    task_run(task, step, then);
}

void group_zookeeper_read(struct cluster *cluster,
                          struct slice group,
                          const struct zookeeper_offset *items,
                          size_t count,
                          zookeeper_offsets_done *done,
                          void *ctx)
{
    const struct offsets_work work = {
        .items = (struct zookeeper_offset *)(uintptr_t)items,
        .count = count,
        .done = done,
        .ctx = ctx,
    };
    begin(cluster, group, &work);
}

void group_zookeeper_write(struct cluster *cluster,
                           struct slice group,
                           const struct zookeeper_offset *items,
                           size_t count,
                           zookeeper_offsets_done *done,
                           void *ctx)
{
    const struct offsets_work work = {
        .items = (struct zookeeper_offset *)(uintptr_t)items,
        .count = count,
        .is_write = true,
        .done = done,
        .ctx = ctx,
    };
    begin(cluster, group, &work);
}
