/* ensemble_durable.c - the one queue to the disk of a server in an ensemble (see ensemble.h), and
 * reading the log for learners.
 *
 * The queue is empty most of the time: a PERSIST then goes straight to the log's next batch. A
 * barrier is begun when the log has nothing collected and nothing on its way:
 *   PERSIST_EPOCH  a job on the log's lane
 *   CONFIG         a job; what could not be written does not stop the server, since many keep
 *                  zoo.cfg where it cannot be written
 *   TAKE_SNAPSHOT  the snapshotter, as for any other; everything above its zxid is cut once it is
 *                  durable (a leader that was behind us has said what is true)
 *   TRUNCATE       in place: nobody is served meanwhile, and the loop stands as long as a start
 *                  takes (16 us a node). The leader gives a learner that it synchronises initLimit,
 *                  and expects no answer to pings, whichever thread the work is done on. The tree
 *                  is loaded from what will be left first; when there is nothing beneath the cut,
 *                  nothing is cut
 */
#include <inttypes.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/dynamic_config.h"
#include "zookeeper/server/ensemble_private.h"
#include "zookeeper/server/snapshotter.h"
#include "zookeeper/storage/history.h"

/* What waits behind a barrier before links are not read any more. */
#define DURABLE_BYTES_MAX ((size_t)64 << 20)

struct durable_item {
    struct list link;
    enum durable_kind {
        DURABLE_TXN,
        DURABLE_EPOCH,
        DURABLE_CONFIG,
        DURABLE_SNAPSHOT,
        DURABLE_TRUNCATE,
    } kind;
    enum zk_epoch_kind epoch_kind;
    int64_t zxid;
    struct quorum_config *config; /* kept; NULL */
    bool is_next;
    struct buffer bytes;
};

struct log_reading {
    struct runtime_job job;
    struct list link; /* ensemble.readings */
    struct ensemble *ensemble;
    uint64_t link_id;
    int64_t from_zxid;
    int64_t to_zxid;
    size_t limit_bytes;
    struct buffer out;
    int error;
};

static void epoch_work(struct runtime_job *job);
static void epoch_done(struct runtime_job *job);
static void config_work(struct runtime_job *job);
static void config_done(struct runtime_job *job);
static void cut_work(struct runtime_job *job);
static void cut_done(struct runtime_job *job);

void durable_init(struct ensemble *ensemble)
{
    list_init(&ensemble->durable);
    list_init(&ensemble->readings);
    ensemble->epoch_job.job.work = epoch_work;
    ensemble->epoch_job.job.done = epoch_done;
    ensemble->epoch_job.node = ensemble->node;
    ensemble->config_job.job.work = config_work;
    ensemble->config_job.job.done = config_done;
    ensemble->config_job.ensemble = ensemble;
    ensemble->cut_job.job.work = cut_work;
    ensemble->cut_job.job.done = cut_done;
    ensemble->cut_job.node = ensemble->node;
}

static struct durable_item *first_item(const struct ensemble *ensemble)
{
    return list_is_empty(&ensemble->durable)
               ? NULL
               : CONTAINER_OF(ensemble->durable.next, struct durable_item, link);
}

static void drop_first(struct ensemble *ensemble)
{
    struct durable_item *item = first_item(ensemble);
    list_remove(&item->link);
    ensemble->durable_bytes -= item->bytes.len;
    quorum_config_drop(item->config);
    buffer_release(&item->bytes);
    mem_free(item, sizeof *item);
}

static enum durable_kind kind_of(const struct zk_effect *effect)
{
    if (effect->kind == ZK_EFFECT_PERSIST) {
        return DURABLE_TXN;
    }
    if (effect->peer_kind == PEER_EFFECT_PERSIST_EPOCH) {
        return DURABLE_EPOCH;
    }
    return effect->peer_kind == PEER_EFFECT_TRUNCATE ? DURABLE_TRUNCATE : DURABLE_SNAPSHOT;
}

void durable_add(struct ensemble *ensemble, const struct zk_effect *effect)
{
    struct node *node = ensemble->node;
    struct slice bytes = zk_effect_bytes(&node->outbox, effect);
    enum durable_kind kind = kind_of(effect);
    if (kind == DURABLE_TXN && list_is_empty(&ensemble->durable)) {
        log_writer_append(&node->log, effect->zxid, bytes);
        node->txns_since_flush++;
        /* At a learner it is the leader that spoke, and waits for the disk. */
        node->frames_since_flush += ensemble->peer.state == PEER_LEADING ? 0 : 1;
        return;
    }
    struct durable_item *item = mem_alloc_zeroed(sizeof *item);
    item->kind = kind;
    item->zxid = effect->zxid;
    item->epoch_kind = effect->epoch_kind;
    buffer_init(&item->bytes, SIZE_MAX);
    if (kind == DURABLE_TXN) {
        buffer_append(&item->bytes, bytes);
        ensemble->durable_bytes += bytes.len;
    }
    list_append(&ensemble->durable, &item->link);
}

void durable_add_config(struct ensemble *ensemble, struct quorum_config *config, bool is_next)
{
    const struct zk_config *zk_config = &ensemble->node->config;
    if (!zk_config->reconfig_enabled || zk_config->config_file[0] == '\0') {
        return;
    }
    struct durable_item *item = mem_alloc_zeroed(sizeof *item);
    item->kind = DURABLE_CONFIG;
    item->config = quorum_config_keep(config);
    item->is_next = is_next;
    buffer_init(&item->bytes, SIZE_MAX);
    list_append(&ensemble->durable, &item->link);
}

/* The barrier at the front is done: tells the machine, when it is to know, and goes on. */
static void barrier_done(struct ensemble *ensemble, struct zk_event *event)
{
    struct node *node = ensemble->node;
    ensemble->barrier_runs = false;
    drop_first(ensemble);
    if (event != NULL) {
        node_step(node, event);
        node_perform_effects(node);
    }
    runtime_timer_set(&node->tick_timer, 0); /* a turn must come */
    node->next_tick_ms = 0;
}

/* The server is stopping or has failed: nobody is told any more, and stopping may have waited. */
static bool barrier_is_void(struct ensemble *ensemble)
{
    struct node *node = ensemble->node;
    if (node->state == NODE_RUNNING) {
        return false;
    }
    ensemble->barrier_runs = false;
    node_client_gone(node);
    return true;
}

static struct zk_event peer_event(struct ensemble *ensemble, enum zk_peer_event_kind kind)
{
    struct zk_event event = node_event(ensemble->node, ZK_EVENT_PEER);
    event.peer_kind = kind;
    return event;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static void epoch_work(struct runtime_job *job)
{
    struct epoch_job *epoch = CONTAINER_OF(job, struct epoch_job, job);
    epoch->error = epochs_write(epoch->node->runtime, epoch->node->dir.snap_dir, epoch->kind,
                                epoch->epoch, &epoch->message);
}

static void epoch_done(struct runtime_job *job)
{
    struct epoch_job *epoch = CONTAINER_OF(job, struct epoch_job, job);
    struct node *node = epoch->node;
    if (barrier_is_void(node->ensemble)) {
        return;
    }
    if (epoch->error != 0) {
        node_fail_disk(node, &epoch->message);
        return;
    }
    struct zk_event event = peer_event(node->ensemble, PEER_EVENT_EPOCH_PERSISTED);
    event.epoch_kind = epoch->kind;
    event.zxid = epoch->epoch;
    barrier_done(node->ensemble, &event);
}

static void begin_epoch(struct ensemble *ensemble, const struct durable_item *item)
{
    struct epoch_job *epoch = &ensemble->epoch_job;
    epoch->kind = item->epoch_kind;
    epoch->epoch = item->zxid;
    ensemble->barrier_runs = true;
    runtime_submit(ensemble->node->runtime, LANE_LOG, &epoch->job);
}

/* ---- configurations ---------------------------------------------------------------------------
 */

static void config_work(struct runtime_job *job)
{
    struct config_job *config_job = CONTAINER_OF(job, struct config_job, job);
    struct node *node = config_job->ensemble->node;
    config_job->error = config_job->is_next
                            ? dynamic_config_propose(node->runtime, node->config.config_file,
                                                     config_job->config, &config_job->message)
                            : dynamic_config_commit(node->runtime, node->config.config_file,
                                                    config_job->config, node->config.server_id,
                                                    &config_job->message);
}

static void config_done(struct runtime_job *job)
{
    struct config_job *config_job = CONTAINER_OF(job, struct config_job, job);
    struct ensemble *ensemble = config_job->ensemble;
    quorum_config_drop(config_job->config);
    config_job->config = NULL;
    if (config_job->error != 0) {
        LOG("server", LOG_ERROR, "%s. %s", config_job->message.text,
            config_job->is_next ? "Before the proposed configuration is committed a restart knows "
                                  "it by the log alone."
                                : "The configuration is in force and in the data; the file is "
                                  "written again with the next one.");
    }
    if (!barrier_is_void(ensemble)) {
        barrier_done(ensemble, NULL);
    }
}

static void begin_config(struct ensemble *ensemble, const struct durable_item *item)
{
    struct config_job *config_job = &ensemble->config_job;
    config_job->config = quorum_config_keep(item->config);
    config_job->is_next = item->is_next;
    ensemble->barrier_runs = true;
    runtime_submit(ensemble->node->runtime, LANE_LOG, &config_job->job);
}

/* ---- a snapshot in place --------------------------------------------------------------------- */

static void cut_work(struct runtime_job *job)
{
    struct cut_job *cut = CONTAINER_OF(job, struct cut_job, job);
    cut->error = history_cut(&cut->node->dir, cut->zxid, &cut->message);
}

static void cut_done(struct runtime_job *job)
{
    struct cut_job *cut = CONTAINER_OF(job, struct cut_job, job);
    struct node *node = cut->node;
    if (barrier_is_void(node->ensemble)) {
        return;
    }
    if (cut->error != 0) {
        node_fail_disk(node, &cut->message);
        return;
    }
    struct zk_event event = peer_event(node->ensemble, PEER_EVENT_SNAPSHOT_TAKEN);
    event.zxid = cut->zxid;
    barrier_done(node->ensemble, &event);
}

static void snapshot_taken(void *ctx, int error, int64_t zxid)
{
    struct ensemble *ensemble = ctx;
    struct node *node = ensemble->node;
    struct errmsg message;
    if (barrier_is_void(ensemble)) {
        return;
    }
    if (error != 0) {
        errmsg_set(&message, error, "cannot write snapshot.%" PRIx64 " in %s: %s (%s)",
                   (uint64_t)zxid, node->dir.snap_dir, error_text(error),
                   snapshotter_error_detail(node->snapshotter));
        node_fail_disk(node, &message);
        return;
    }
    ensemble->cut_job.zxid = zxid;
    runtime_submit(node->runtime, LANE_LOG, &ensemble->cut_job.job);
}

static void begin_snapshot(struct ensemble *ensemble)
{
    struct node *node = ensemble->node;
    if (snapshotter_begin(node->snapshotter, snapshot_taken, ensemble) == 0) {
        ensemble->barrier_runs = true;
        return;
    }
    /* Another one is being written: of a tree that has been replaced, perhaps. */
    snapshotter_cancel(node->snapshotter);
}

/* ---- truncation ------------------------------------------------------------------------------ */

static int replay(void *ctx, struct slice payload)
{
    struct ensemble *ensemble = ctx;
    return peer_replay(&ensemble->peer, payload);
}

/* The tree anew from all that is on disk. */
static int reload(struct ensemble *ensemble, struct errmsg *message)
{
    struct node *node = ensemble->node;
    struct recovery_options options = {.trust_empty_snapshot = node->config.trust_empty_snapshot,
                                       .may_cut = true};
    struct recovery_result result;
    peer_reset_tree(&ensemble->peer);
    return recovery_load(&node->dir, &options, &ensemble->peer.service.tree, replay, ensemble,
                         &result, message);
}

static int truncate_to(struct ensemble *ensemble, int64_t zxid, struct errmsg *message)
{
    struct node *node = ensemble->node;
    struct recovery_result result;
    peer_reset_tree(&ensemble->peer);
    return history_truncate(&node->dir, zxid, &ensemble->peer.service.tree, replay, ensemble,
                            &result, message);
}

static void begin_truncate(struct ensemble *ensemble, int64_t zxid)
{
    struct node *node = ensemble->node;
    struct errmsg message = {.text = ""};
    snapshotter_abort(node->snapshotter);
    ASSERT(!quorum_port_uses_tree(ensemble->quorum_port));
    LOG("server", LOG_WARN, "Truncating the log to get in sync with the leader 0x%" PRIx64,
        (uint64_t)zxid);
    int cut_error = truncate_to(ensemble, zxid, &message);
    if (cut_error == ERR_IO || cut_error == ERR_NO_SPACE || cut_error == ERR_READ_ONLY) {
        node_fail_disk(node, &message);
        return;
    }
    if (cut_error != 0) {
        LOG("server", LOG_WARN, "The log cannot be cut behind 0x%" PRIx64 ": %s", (uint64_t)zxid,
            message.text);
        int error = reload(ensemble, &message);
        if (error != 0) {
            node_fail_disk(node, &message);
            return;
        }
    }
    log_writer_roll(&node->log);
    struct zk_event event = peer_event(ensemble, PEER_EVENT_TRUNCATED);
    event.zxid = ensemble->peer.service.tree.last_processed_zxid;
    event.error = cut_error;
    barrier_done(ensemble, &event);
}

/* ---- the queue ------------------------------------------------------------------------------- */

void durable_go_on(struct ensemble *ensemble)
{
    struct node *node = ensemble->node;
    struct durable_item *item;
    while (!ensemble->barrier_runs && node->state == NODE_RUNNING &&
           (item = first_item(ensemble)) != NULL) {
        if (item->kind == DURABLE_TXN) {
            log_writer_append(&node->log, item->zxid, buffer_slice(&item->bytes));
            node->txns_since_flush++;
            drop_first(ensemble);
            continue;
        }
        if (!log_writer_is_idle(&node->log)) {
            return; /* its end is a turn, too */
        }
        switch (item->kind) {
        case DURABLE_EPOCH:
            begin_epoch(ensemble, item);
            break;
        case DURABLE_CONFIG:
            begin_config(ensemble, item);
            break;
        case DURABLE_SNAPSHOT:
            begin_snapshot(ensemble);
            return;
        case DURABLE_TRUNCATE:
            begin_truncate(ensemble, item->zxid);
            break;
        case DURABLE_TXN:
            UNREACHABLE();
        }
    }
}

bool ensemble_is_overloaded(const struct node *node)
{
    const struct ensemble *ensemble = node->ensemble;
    return ensemble->durable_bytes > DURABLE_BYTES_MAX ||
           node->log.batches[node->log.collecting].bytes.len > DURABLE_BYTES_MAX;
}

bool durable_is_quiet(const struct ensemble *ensemble)
{
    return !ensemble->barrier_runs && list_is_empty(&ensemble->readings);
}

/* ---- reading the log ------------------------------------------------------------------------- */

static void reading_free(struct log_reading *reading)
{
    list_remove(&reading->link);
    buffer_release(&reading->out);
    mem_free(reading, sizeof *reading);
}

static void reading_work(struct runtime_job *job)
{
    struct log_reading *reading = CONTAINER_OF(job, struct log_reading, job);
    reading->error = history_read(&reading->ensemble->node->dir, reading->from_zxid,
                                  reading->to_zxid, reading->limit_bytes, &reading->out);
}

static void reading_done(struct runtime_job *job)
{
    struct log_reading *reading = CONTAINER_OF(job, struct log_reading, job);
    struct ensemble *ensemble = reading->ensemble;
    struct node *node = ensemble->node;
    struct zk_link *link = quorum_port_find(ensemble->quorum_port, reading->link_id);
    if (link != NULL && node->state == NODE_RUNNING) {
        struct zk_event event = peer_event(ensemble, PEER_EVENT_LOG_READ);
        event.link = link;
        event.error = reading->error;
        event.zxid = reading->to_zxid;
        event.frame = reading->error == 0 ? buffer_slice(&reading->out) : SLICE_NULL;
        node_step(node, &event);
        node_perform_effects(node);
    }
    reading_free(reading);
    node_client_gone(node); /* stopping may have waited for it */
}

void durable_read_log(struct ensemble *ensemble, const struct zk_effect *effect)
{
    struct log_reading *reading = mem_alloc_zeroed(sizeof *reading);
    reading->ensemble = ensemble;
    reading->link_id = effect->link->id;
    reading->from_zxid = effect->from_zxid;
    reading->to_zxid = effect->zxid;
    reading->limit_bytes = effect->len;
    reading->job.work = reading_work;
    reading->job.done = reading_done;
    buffer_init(&reading->out, SIZE_MAX);
    list_append(&ensemble->readings, &reading->link);
    runtime_submit(ensemble->node->runtime, LANE_ANY, &reading->job);
}

void durable_release(struct ensemble *ensemble)
{
    while (first_item(ensemble) != NULL) {
        drop_first(ensemble);
    }
    quorum_config_drop(ensemble->config_job.config);
    LIST_FOR_EACH_SAFE(link, after, &ensemble->readings)
    {
        reading_free(CONTAINER_OF(link, struct log_reading, link));
    }
}
