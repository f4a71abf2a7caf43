/* partition.c - appends, the high watermark, and the group commit.
 *
 * THE HAPPY PATH. Produce appends (partition_append); small batches are collected in the log. The
 * partition joins the unwritten, the dirty and the changed list. At the turn's end what was
 * collected goes to the page cache, with one write a log; then, when no flush is under way, one job
 * takes the whole dirty list, syncs every log in it (LANE_FLUSH), and comes back: each high
 * watermark moves to what is on disk now, and whoever waited for it (acks=all, consumers at the
 * log's end) is woken, once, at the end of that turn. Meanwhile appends collect for the next job:
 * the more there is to do, the larger the groups. What is appended before the job really starts
 * joins it (runtime_job.begin).
 *
 * With flush.before.ack=false the high watermark follows what is written, and syncs are asked
 * for by flush.messages and flush.ms alone: Apache's page-cache behaviour.
 *
 * WHAT GOES WRONG. A failed sync or append takes the log directory offline (log_store_fail_dir),
 * which comes back as partition_go_offline for each partition in it; waiters see that at once. A
 * partition that is removed or goes offline under a running flush is let go of when the flush ends.
 *
 * Sources: Partition, ReplicaManager, LogFlush of 3.9; KIP-112.
 */
#include "kafka/server/partition.h"

#include <inttypes.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/server/broker.h"
#include "kafka/server/connection.h"
#include "runtime/log.h"

#define WAKE_ROUNDS_MAX 64

struct flusher {
    struct broker *broker;
    struct runtime_job job;
    struct list dirty;     /* partition.dirty_link: the next job's */
    struct list flushing;  /* the running job's */
    struct list changed;   /* partition.changed_link */
    struct list unwritten; /* partition.write_link */
    bool is_running;
    bool is_detached;
    uint64_t began_ns;
    void (*on_settled)(void *ctx);
    void *on_settled_ctx;
    struct flusher_stats stats;
};

/* ---- waiting --------------------------------------------------------------------------------- */

void partition_wait(struct partition *partition, struct partition_waiter *waiter)
{
    list_append(&partition->waiters, &waiter->link);
}

void partition_wait_end(struct partition_waiter *waiter)
{
    list_remove(&waiter->link);
}

void partition_changed(struct partition *partition)
{
    if (list_is_empty(&partition->changed_link) && !list_is_empty(&partition->waiters)) {
        list_append(&partition->broker->flusher->changed, &partition->changed_link);
        if (partition->broker->sockets != NULL) {
            sockets_nudge(partition->broker->sockets);
        }
    }
}

/* Those that are added meanwhile have seen the present state. */
static void wake_waiters(struct partition *partition)
{
    struct list waking;
    struct list *link;
    list_init(&waking);
    while ((link = list_pop(&partition->waiters)) != NULL) {
        list_append(&waking, link);
    }
    while ((link = list_pop(&waking)) != NULL) {
        struct partition_waiter *waiter = CONTAINER_OF(link, struct partition_waiter, link);
        list_append(&partition->waiters, link);
        waiter->woken(waiter, partition);
    }
}

static bool wake_changed(struct flusher *flusher)
{
    struct list changed;
    struct list *link;
    bool any = false;
    list_init(&changed);
    while ((link = list_pop(&flusher->changed)) != NULL) {
        list_append(&changed, link);
    }
    while ((link = list_pop(&changed)) != NULL) {
        wake_waiters(CONTAINER_OF(link, struct partition, changed_link));
        any = true;
    }
    return any;
}

/* ---- the high watermark ---------------------------------------------------------------------- */

static bool flushes_before_ack(const struct partition *partition)
{
    return partition->topic == NULL || partition->topic->config.flush_before_ack;
}

/* With one replica alone; the in-sync set comes with replication. */
static void advance(struct partition *partition)
{
    if (!partition->is_leader || partition->log == NULL) {
        return;
    }
    int64_t limit = flushes_before_ack(partition) ? partition_log_flushed_offset(partition->log)
                                                  : partition_log_written_offset(partition->log);
    if (limit > partition->high_watermark) {
        partition->high_watermark = limit;
        partition_changed(partition);
    }
}

int64_t partition_read_limit(const struct partition *partition, bool read_committed)
{
    if (!read_committed || partition->log == NULL) {
        return partition->high_watermark;
    }
    return partition_log_last_stable_offset(partition->log, partition->high_watermark);
}

static void fail_dir(struct partition *partition, int error, const char *what)
{
    if (partition->dir != NULL) {
        log_store_fail_dir(partition->dir, error, what);
    }
}

/* ---- the turn's writes ----------------------------------------------------------------------- */

static void want_write(struct partition *partition)
{
    bool is_written = partition_log_written_offset(partition->log) ==
                      partition_log_end_offset(partition->log);
    if (!is_written && list_is_empty(&partition->write_link)) {
        list_append(&partition->broker->flusher->unwritten, &partition->write_link);
        if (partition->broker->sockets != NULL) {
            sockets_nudge(partition->broker->sockets);
        }
    }
}

static void write_collected(struct flusher *flusher)
{
    struct list *link;
    while ((link = list_pop(&flusher->unwritten)) != NULL) {
        struct partition *partition = CONTAINER_OF(link, struct partition, write_link);
        int error = partition_log_write(partition->log);
        if (error != 0) {
            fail_dir(partition, error, "append to a log");
        } else {
            advance(partition);
        }
    }
}

/* ---- the group commit ------------------------------------------------------------------------ */

void partition_want_flush(struct partition *partition)
{
    if (partition->log == NULL || partition->is_removed || partition->is_offline) {
        return;
    }
    partition->wanted_offset = partition_log_end_offset(partition->log);
    if (list_is_empty(&partition->dirty_link) && !partition->flushing) {
        list_append(&partition->broker->flusher->dirty, &partition->dirty_link);
    }
}

/* The last moment before the syncs: what was appended until now is in. */
static void flush_begin(struct runtime_job *job)
{
    struct flusher *flusher = CONTAINER_OF(job, struct flusher, job);
    struct list *link;
    flusher->began_ns = runtime_now_ns(flusher->broker->runtime);
    while ((link = list_pop(&flusher->dirty)) != NULL) {
        struct partition *partition = CONTAINER_OF(link, struct partition, dirty_link);
        if (partition_log_flush_prepare(partition->log, &partition->flush)) {
            partition->flushing = true;
            partition->since_flush = 0;
            list_append(&flusher->flushing, link);
            flusher->stats.logs += 1;
        } else {
            advance(partition);
        }
    }
}

/* On a worker: nothing but the flushes' own may be touched. */
static void flush_work(struct runtime_job *job)
{
    struct flusher *flusher = CONTAINER_OF(job, struct flusher, job);
    LIST_FOR_EACH(link, &flusher->flushing)
    {
        log_flush_run(&CONTAINER_OF(link, struct partition, dirty_link)->flush);
    }
}

static void partition_free(struct partition *partition)
{
    struct stored_log *stored = partition->stored;
    if (stored != NULL) {
        stored->owner = NULL;
        if (partition->is_offline) {
            log_store_forget(stored);
        } else if (partition->deletes_log) {
            log_store_delete(partition->broker->logs, stored);
        }
    }
    mem_free(partition, sizeof *partition);
}

static void forget_log(struct partition *partition)
{
    struct stored_log *stored = partition->stored;
    partition->stored = NULL;
    partition->log = NULL;
    partition->dir = NULL;
    if (stored != NULL) {
        stored->owner = NULL;
        log_store_forget(stored);
    }
}

static void flush_ended(struct partition *partition)
{
    int error = partition_log_flush_done(&partition->flush);
    partition->flushing = false;
    if (partition->is_removed) {
        partition_free(partition);
        return;
    }
    if (partition->is_offline) {
        forget_log(partition);
        return;
    }
    if (error != 0) {
        fail_dir(partition, error, "flush of a log");
        return;
    }
    advance(partition);
    if (partition->wanted_offset > partition_log_flushed_offset(partition->log) ||
        partition_log_has_doomed(partition->log)) {
        list_append(&partition->broker->flusher->dirty, &partition->dirty_link);
    }
}

static void flusher_maybe_settled(struct flusher *flusher)
{
    if (flusher->on_settled != NULL && !flusher->is_running && list_is_empty(&flusher->dirty)) {
        void (*done)(void *ctx) = flusher->on_settled;
        flusher->on_settled = NULL;
        done(flusher->on_settled_ctx);
    }
}

static void flush_start(struct flusher *flusher)
{
    if (flusher->is_running || flusher->is_detached || list_is_empty(&flusher->dirty)) {
        return;
    }
    flusher->is_running = true;
    /* One log for somebody who waits: a hand-off to a thread would cost as much as the sync. */
    struct list *first = flusher->dirty.next;
    const struct partition *only = CONTAINER_OF(first, struct partition, dirty_link);
    flusher->job.waits_for_quiet = first->next == &flusher->dirty && !list_is_empty(&only->waiters);
    runtime_submit(flusher->broker->runtime, LANE_FLUSH, &flusher->job);
}

static void flush_done(struct runtime_job *job)
{
    struct flusher *flusher = CONTAINER_OF(job, struct flusher, job);
    uint64_t took_ns = runtime_now_ns(flusher->broker->runtime) - flusher->began_ns;
    struct list *link;
    flusher->stats.jobs += 1;
    flusher->stats.ns_last = took_ns;
    flusher->stats.ns_max = MAX(flusher->stats.ns_max, took_ns);
    flusher->stats.ns_total += took_ns;
    flusher->is_running = false;
    while ((link = list_pop(&flusher->flushing)) != NULL) {
        flush_ended(CONTAINER_OF(link, struct partition, dirty_link));
    }
    flush_start(flusher);
    flusher_maybe_settled(flusher);
}

void partitions_turn_end(struct broker *broker)
{
    struct flusher *flusher = broker->flusher;
    if (flusher == NULL || flusher->is_detached) {
        return;
    }
    /* Who is woken may append once more. */
    for (int round = 0; round < WAKE_ROUNDS_MAX; round++) {
        write_collected(flusher);
        if (!wake_changed(flusher)) {
            break;
        }
    }
    write_collected(flusher);
    flush_start(flusher);
}

struct flusher *flusher_create(struct broker *broker)
{
    struct flusher *flusher = mem_alloc_zeroed(sizeof *flusher);
    flusher->broker = broker;
    flusher->job = (struct runtime_job){
        .begin = flush_begin, .work = flush_work, .done = flush_done};
    list_init(&flusher->dirty);
    list_init(&flusher->flushing);
    list_init(&flusher->changed);
    list_init(&flusher->unwritten);
    return flusher;
}

void flusher_settle(struct flusher *flusher, void (*done)(void *ctx), void *ctx)
{
    flusher->on_settled = done;
    flusher->on_settled_ctx = ctx;
    flusher_maybe_settled(flusher);
}

void flusher_detach(struct flusher *flusher)
{
    flusher->is_detached = true;
}

void flusher_release(struct flusher *flusher)
{
    mem_free(flusher, sizeof *flusher);
}

const struct flusher_stats *flusher_stats(const struct flusher *flusher)
{
    return &flusher->stats;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct partition *partition_create(struct broker *broker,
                                   struct topic *topic,
                                   int32_t index,
                                   struct stored_log *stored)
{
    struct partition *partition = mem_alloc_zeroed(sizeof *partition);
    ASSERT(stored->owner == NULL);
    partition->broker = broker;
    partition->topic = topic;
    partition->index = index;
    partition->stored = stored;
    partition->dir = stored->dir;
    partition->log = stored->log;
    partition->leader_epoch = -1;
    int64_t start = partition_log_start_offset(stored->log);
    int64_t end = partition_log_end_offset(stored->log);
    partition->high_watermark = MIN(MAX(stored->high_watermark, start), end);
    list_init(&partition->waiters);
    list_init(&partition->dirty_link);
    list_init(&partition->changed_link);
    list_init(&partition->write_link);
    list_append(&broker->partitions, &partition->link);
    stored->owner = partition;
    return partition;
}

void partition_lead(struct partition *partition, int32_t leader_epoch)
{
    if (partition->log == NULL) {
        return;
    }
    if (partition->is_leader && partition->leader_epoch == leader_epoch) {
        return;
    }
    int error = partition_log_begin_epoch(partition->log, leader_epoch);
    if (error != 0) {
        fail_dir(partition, error, "leader-epoch-checkpoint");
        return;
    }
    partition->is_leader = true;
    partition->leader_epoch = leader_epoch;
    partition->leader_epoch_start = partition_log_end_offset(partition->log);
    advance(partition);
    partition_changed(partition);
    if (flushes_before_ack(partition) &&
        partition->high_watermark < partition_log_end_offset(partition->log)) {
        partition_want_flush(partition);
    }
}

void partition_end_leadership(struct partition *partition)
{
    partition->is_leader = false;
    partition_changed(partition);
}

void partition_remove(struct partition *partition, bool deletes)
{
    partition->is_leader = false;
    partition->is_removed = true;
    partition->deletes_log = deletes;
    wake_waiters(partition);
    ASSERT(list_is_empty(&partition->waiters));
    partition->topic = NULL;
    list_remove(&partition->link);
    list_remove(&partition->changed_link);
    list_remove(&partition->write_link); /* closing the log writes it */
    if (partition->stored != NULL) {
        partition->stored->owner = NULL;
    }
    if (!partition->flushing) {
        list_remove(&partition->dirty_link);
        partition_free(partition);
    }
}

void partition_go_offline(struct partition *partition)
{
    if (partition->is_offline) {
        return;
    }
    partition->is_offline = true;
    list_remove(&partition->write_link);
    wake_waiters(partition);
    if (!partition->flushing) {
        list_remove(&partition->dirty_link);
        forget_log(partition);
    }
}

void partitions_release(struct broker *broker)
{
    struct list *link;
    while ((link = list_pop(&broker->partitions)) != NULL) {
        struct partition *partition = CONTAINER_OF(link, struct partition, link);
        if (partition->flushing) {
            partition->flush.error = ERR_CANCELLED; /* nobody knows how far it came */
            (void)partition_log_flush_done(&partition->flush);
        }
        if (partition->stored != NULL) {
            partition->stored->owner = NULL;
        }
        mem_free(partition, sizeof *partition);
    }
}

/* ---- appending ------------------------------------------------------------------------------- */

/* By flush.messages, where the flush does not come before the acknowledgement. */
static bool is_flush_due(struct partition *partition, int32_t records)
{
    partition->since_flush += MAX(records, 1);
    return flushes_before_ack(partition) ||
           partition->since_flush >= partition->topic->config.flush_messages;
}

static void refuse(struct append_result *result, int16_t error)
{
    memset(result, 0, sizeof *result);
    result->error = error;
    result->first_offset = -1;
    result->last_offset = -1;
    result->log_append_time_ms = -1;
    result->log_start_offset = -1;
}

void partition_append(struct partition *partition,
                      const struct append_request *request,
                      struct append_result *result)
{
    if (partition->is_offline || partition->log == NULL) {
        refuse(result, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        return;
    }
    if (!partition->is_leader) {
        refuse(result, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
        return;
    }
    if (request->origin == APPEND_CLIENT &&
        !log_dir_take_room(partition->dir, request->records.len)) {
        refuse(result, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        return;
    }
    int error = partition_log_append(partition->log, request, result);
    if (error != 0) {
        refuse(result, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        fail_dir(partition, error, "append to a log");
        return;
    }
    if (result->error != 0 || result->was_duplicate) {
        return;
    }
    TRAFFIC_ADD(partition->broker, partition->topic, messages_in, result->record_count);
    TRAFFIC_ADD(partition->broker, partition->topic, bytes_in, result->bytes);
    if (is_flush_due(partition, result->record_count)) {
        partition_want_flush(partition);
    }
    want_write(partition);
    advance(partition);
}
