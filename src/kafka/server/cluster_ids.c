/* cluster_ids.c - blocks of producer ids, and the notice of a failed log directory.
 *
 * /latest_producer_id_block holds the last block that any broker has taken; the next one is taken
 * by a conditional write, again until nobody was faster. Source: ZkProducerIdManager of 3.9.
 */
#include "generated/kafka/constants.h"
#include "kafka/server/cluster_private.h"
#include "runtime/log.h"

#define PRODUCER_ID_BLOCK 1000

struct allocation {
    struct zk_id_block block;
    int32_t err;
    int32_t version;
    void (*done)(void *ctx, int64_t first, int64_t count);
    void *ctx;
};

static void on_block(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct allocation *allocation = slot;
    (void)task;
    allocation->err = reply->err;
    allocation->version = reply->stat.version;
    allocation->block.last = -1;
    if (reply->err == ZK_ERR_OK && reply->data.len > 0 &&
        zk_json_get_id_block(reply->data, &allocation->block) != 0) {
        allocation->err = ZK_ERR_DATAINCONSISTENCY;
    }
}

static void block_step(struct cluster_task *task)
{
    task_get(task, SLICE_LIT("/latest_producer_id_block"), NULL, on_block, task->state);
}

static void on_taken(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct allocation *allocation = slot;
    (void)task;
    allocation->err = reply->err;
}

static void take_step(struct cluster_task *task)
{
    struct allocation *allocation = task->state;
    struct buffer json;
    if (task->runs > 1) {
        /* Lost: the block may be ours or not; the next one surely is nobody's. */
        allocation->err = ZK_ERR_BADVERSION;
        return;
    }
    buffer_init(&json, 1024);
    zk_json_put_id_block(&json, &allocation->block);
    task_put(task, SLICE_LIT("/latest_producer_id_block"), task_keep(task, &json),
             allocation->version, on_taken, allocation);
    buffer_release(&json);
}

static void block_read(struct cluster_task *task);

static void taken(struct cluster_task *task)
{
    struct allocation *allocation = task->state;
    struct allocation copy = *allocation;
    if (allocation->err == ZK_ERR_BADVERSION) {
        task_run(task, block_step, block_read);
        return;
    }
    task_end(task);
    if (copy.err != ZK_ERR_OK) {
        LOG("cluster", LOG_ERROR, "cannot take a block of producer ids: %s",
            zk_error_text(copy.err));
    }
    copy.done(copy.ctx, copy.err == ZK_ERR_OK ? copy.block.first : -1, PRODUCER_ID_BLOCK);
}

static void block_read(struct cluster_task *task)
{
    struct allocation *allocation = task->state;
    bool is_exhausted = allocation->block.last > INT64_MAX - PRODUCER_ID_BLOCK;
    if (allocation->err != ZK_ERR_OK || is_exhausted) {
        allocation->err = is_exhausted ? ZK_ERR_SYSTEMERROR : allocation->err;
        taken(task);
        return;
    }
    allocation->block = (struct zk_id_block){
        .broker_id = task->cluster->broker->config.broker_id,
        .first = allocation->block.last + 1,
        .last = allocation->block.last + PRODUCER_ID_BLOCK,
    };
    task_run(task, take_step, taken);
}

void cluster_allocate_producer_ids(struct cluster *cluster,
                                   void (*done)(void *ctx, int64_t first, int64_t count),
                                   void *ctx)
{
    struct cluster_task *task = task_create(cluster);
    struct allocation *allocation = ARENA_NEW(&task->arena, struct allocation);
    allocation->done = done;
    allocation->ctx = ctx;
    task->state = allocation;
    task_run(task, block_step, block_read);
}

/* ---- a failed directory ------------------------------------------------------------------------
 */

static void event_step(struct cluster_task *task)
{
    struct buffer json;
    buffer_init(&json, 1024);
    zk_json_put_log_dir_event(&json, task->cluster->broker->config.broker_id);
    task_make(task, SLICE_LIT("/log_dir_event_notification/log_dir_event_"), task_keep(task, &json),
              ZK_CREATE_PERSISTENT_SEQUENTIAL, NULL, NULL);
    buffer_release(&json);
}

static void event_made(struct cluster_task *task)
{
    task_end(task);
}

void cluster_tell_dir_failed(struct cluster *cluster)
{
    task_run(task_create(cluster), event_step, event_made);
}
