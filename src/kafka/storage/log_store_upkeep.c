/* log_store_upkeep.c - what log directories need while they are in use. See log_store.h.
 *
 * One timer serves a list of tasks, each with its own period. What touches logs runs on the loop,
 * in slices; what writes files of the store's own is a job.
 *
 * - checkpoints: the text is made on the loop; when it differs from what was written last, a job
 *   replaces the file. One job of a directory at a time; a task that finds one running skips its
 *   turn.
 * - retention: SWEEP_LOGS logs a turn, then the next slice, until the round is over.
 * - free space: a job asks the file system; see "Disk full" in log_store.h.
 * - removal of deleted folders: log_store_delete.c.
 */
#include "kafka/storage/log_store_private.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/cleaner.h"
#include "kafka/storage/log_files.h"

#define SWEEP_LOGS 32u
#define REST_TICK_MS 10000 /* segments that nobody used for REST_AFTER_TICKS of them close */
#define REST_AFTER_TICKS 6
#define NS_PER_MS UINT64_C(1000000)
#define PERIOD_MS_MAX (INT64_C(1) << 40) /* some 35 years: "never", and no overflow */

const char *const checkpoint_names[CHECKPOINT_KINDS] = {
    [CHECKPOINT_RECOVERY] = RECOVERY_POINT_CHECKPOINT,
    [CHECKPOINT_START] = LOG_START_CHECKPOINT,
    [CHECKPOINT_HIGH_WATERMARK] = HIGH_WATERMARK_CHECKPOINT,
    [CHECKPOINT_CLEANER] = CLEANER_CHECKPOINT,
};

/* ---- checkpoints ----------------------------------------------------------------------------- */

struct checkpoint_job {
    struct store_job base;
    struct log_dir *dir;
    enum checkpoint_kind kind;
    const char *path;
    struct buffer text;
    uint64_t hash;
    int error;
};

void log_dir_format_checkpoint(const struct log_dir *dir,
                               enum checkpoint_kind kind,
                               struct buffer *out)
{
    struct offset_checkpoint_writer writer;
    offset_checkpoint_begin(&writer);
    LIST_FOR_EACH(link, &dir->logs)
    {
        const struct stored_log *stored = CONTAINER_OF(link, struct stored_log, link);
        int64_t offset;
        if (stored->log == NULL) {
            continue;
        }
        if (kind == CHECKPOINT_RECOVERY) {
            offset = partition_log_flushed_offset(stored->log);
        } else if (kind == CHECKPOINT_START) {
            offset = partition_log_start_offset(stored->log);
            if (offset == 0) {
                continue; /* as Apache: only what differs from what the files tell */
            }
        } else if (kind == CHECKPOINT_CLEANER) {
            offset = stored->cleaned_offset;
            if (offset < 0) {
                continue;
            }
        } else {
            offset = stored_log_high_watermark(stored);
        }
        offset_checkpoint_add(&writer, stored->topic, stored->partition, offset);
    }
    offset_checkpoint_end(&writer, out);
}

static void checkpoint_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct checkpoint_job *job = CONTAINER_OF(base, struct checkpoint_job, base);
    job->error = log_file_replace(base->store->runtime, job->path, checkpoint_names[job->kind],
                                  buffer_slice(&job->text), true);
}

static void checkpoint_finished(struct store_job *base)
{
    struct checkpoint_job *job = CONTAINER_OF(base, struct checkpoint_job, base);
    struct log_store *store = base->store;
    size_t idx = log_dir_index(job->dir);
    store->checkpoint_busy[idx] = false;
    if (job->error != 0) {
        char what[128];
        snprintf(what, sizeof what, "write the checkpoint %s", checkpoint_names[job->kind]);
        log_store_fail_dir(job->dir, job->error, what);
        return;
    }
    store->checkpoint_hash[idx][job->kind] = job->hash;
    store->stats.checkpoints += 1;
}

static void checkpoint_release(struct store_job *base)
{
    struct checkpoint_job *job = CONTAINER_OF(base, struct checkpoint_job, base);
    buffer_release(&job->text);
    mem_free(job, sizeof *job);
}

void log_dir_checkpoint(struct log_dir *dir, enum checkpoint_kind kind)
{
    static const struct hash_key key = {0, 0};
    struct log_store *store = dir->store;
    size_t idx = log_dir_index(dir);
    if (!dir->is_online || store->checkpoint_busy[idx]) {
        return;
    }
    struct checkpoint_job *job = mem_alloc_zeroed(sizeof *job);
    buffer_init(&job->text, OFFSET_CHECKPOINT_BYTES_MAX);
    log_dir_format_checkpoint(dir, kind, &job->text);
    job->hash = hash_bytes(key, buffer_slice(&job->text));
    if (job->hash == store->checkpoint_hash[idx][kind]) {
        checkpoint_release(&job->base);
        return;
    }
    job->base.job.work = checkpoint_work;
    job->base.finished = checkpoint_finished;
    job->base.release = checkpoint_release;
    job->dir = dir;
    job->kind = kind;
    job->path = dir->path;
    store->checkpoint_busy[idx] = true;
    store_job_submit(store, LANE_ANY, &job->base);
}

static void checkpoint_all(struct log_store *store, enum checkpoint_kind kind)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        log_dir_checkpoint(&store->dirs[i], kind);
    }
}

static void task_recovery_points(struct log_store *store)
{
    checkpoint_all(store, CHECKPOINT_RECOVERY);
}

static void task_log_starts(struct log_store *store)
{
    checkpoint_all(store, CHECKPOINT_START);
}

static void task_high_watermarks(struct log_store *store)
{
    checkpoint_all(store, CHECKPOINT_HIGH_WATERMARK);
}

/* After a pass it is written at once; this is for one that found another checkpoint under way. */
static void task_cleaner_checkpoint(struct log_store *store)
{
    checkpoint_all(store, CHECKPOINT_CLEANER);
}

static void task_rest(struct log_store *store)
{
    segment_pool_rest_idle(store->pool, REST_AFTER_TICKS);
}

/* ---- retention ------------------------------------------------------------------------------- */

static void retain_log(struct stored_log *stored)
{
    struct log_dir *dir = stored->dir;
    struct log_store *store = dir->store;
    int64_t wall_ms = runtime_wall_ms(store->runtime);
    int64_t start = partition_log_start_offset(stored->log);
    uint64_t deleted_bytes = 0;
    if (stored->is_being_cleaned) {
        partition_log_remove_deleted(stored->log, wall_ms);
        return;
    }
    int error = partition_log_retain(stored->log, wall_ms, stored_log_high_watermark(stored),
                                     &deleted_bytes);
    if (error != 0) {
        char what[FOLDER_NAME_MAX + 64];
        snprintf(what, sizeof what, "delete old segments of %s", stored->name);
        log_store_fail_dir(dir, error, what);
        return;
    }
    store->stats.deleted_bytes += deleted_bytes;
    partition_log_remove_deleted(stored->log, wall_ms);
    if (partition_log_start_offset(stored->log) != start && stored->owner != NULL) {
        store->events.changed(store->events.ctx, stored);
    }
    if (partition_log_has_doomed(stored->log) && stored->owner != NULL) {
        store->events.flush_wanted(store->events.ctx, stored);
    }
}

static bool sweep_next_dir(struct log_store *store)
{
    size_t idx = store->sweep.dir == NULL ? 0 : log_dir_index(store->sweep.dir) + 1;
    if (idx >= store->dir_count) {
        store->sweep.is_running = false;
        return false;
    }
    store->sweep.dir = &store->dirs[idx];
    store->sweep.next = store->sweep.dir->logs.next;
    return true;
}

/* One slice of a round over all logs. */
static void sweep_slice(struct log_store *store)
{
    for (unsigned i = 0; i < SWEEP_LOGS && store->sweep.is_running; i++) {
        struct log_dir *dir = store->sweep.dir;
        if (dir == NULL || !dir->is_online || store->sweep.next == &dir->logs) {
            if (!sweep_next_dir(store)) {
                return;
            }
            continue;
        }
        struct stored_log *stored = CONTAINER_OF(store->sweep.next, struct stored_log, link);
        store->sweep.next = stored->link.next;
        retain_log(stored);
    }
}

static void task_retention(struct log_store *store)
{
    if (!store->sweep.is_running) {
        store->sweep.is_running = true;
        store->sweep.dir = NULL;
        store->sweep.next = NULL;
    }
}

static void for_each_log(struct log_store *store, void (*each)(struct stored_log *stored))
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        LIST_FOR_EACH_SAFE(link, after, &dir->logs)
        {
            if (dir->is_online) {
                each(CONTAINER_OF(link, struct stored_log, link));
            }
        }
    }
}

static void expire_producers(struct stored_log *stored)
{
    partition_log_expire_producers(stored->log, runtime_wall_ms(stored->dir->store->runtime));
}

static void task_producers(struct log_store *store)
{
    for_each_log(store, expire_producers);
}

/* flush.ms counts from when unflushed records were first seen, so a flush comes at most one
 * flush_check_ms late. */
static void consider_flush(struct stored_log *stored)
{
    struct log_store *store = stored->dir->store;
    if (stored->config->flush_ms >= PERIOD_MS_MAX || stored->owner == NULL) {
        return;
    }
    if (partition_log_flushed_offset(stored->log) >= partition_log_end_offset(stored->log)) {
        stored->flush_due_ms = 0;
        return;
    }
    int64_t wall_ms = runtime_wall_ms(store->runtime);
    if (stored->flush_due_ms == 0) {
        stored->flush_due_ms = wall_ms + stored->config->flush_ms;
    }
    if (wall_ms >= stored->flush_due_ms) {
        stored->flush_due_ms = 0;
        store->events.flush_wanted(store->events.ctx, stored);
    }
}

static void task_flush(struct log_store *store)
{
    for_each_log(store, consider_flush);
}

/* ---- free space ------------------------------------------------------------------------------ */

struct space_job {
    struct store_job base;
    struct log_dir *dir;
    uint64_t room_before;
    uint64_t free_bytes;
    uint64_t total_bytes;
    int error;
};

static void space_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct space_job *job = CONTAINER_OF(base, struct space_job, base);
    job->error = path_space(base->store->runtime, job->dir->path, &job->free_bytes,
                            &job->total_bytes);
}

static void tell_space(struct log_dir *dir, bool is_low)
{
    if (is_low == dir->is_low) {
        return;
    }
    dir->is_low = is_low;
    if (is_low) {
        LOG("storage", LOG_ERROR,
            "Log directory %s has %" PRIu64 " bytes left, and %" PRIu64
            " are kept in reserve: appends by clients are refused (KAFKA_STORAGE_ERROR, which "
            "producers retry) until there is more. Free some space, or shorten retention.",
            dir->path, dir->free_bytes, dir->store->tuning.reserve_bytes);
    } else {
        LOG("storage", LOG_WARN,
            "Log directory %s has space again (%" PRIu64 " bytes): appends go on", dir->path,
            dir->free_bytes);
    }
}

static void space_finished(struct store_job *base)
{
    struct space_job *job = CONTAINER_OF(base, struct space_job, base);
    struct log_dir *dir = job->dir;
    uint64_t reserve = base->store->tuning.reserve_bytes;
    if (job->error != 0 || !dir->is_online) {
        return; /* a failing disk is told by what is written to it */
    }
    /* What was taken while the file system was asked may or may not be in its answer. */
    uint64_t taken = job->room_before == UINT64_MAX || dir->room_bytes > job->room_before
                         ? 0
                         : job->room_before - dir->room_bytes;
    uint64_t room = job->free_bytes > reserve ? job->free_bytes - reserve : 0;
    dir->free_bytes = job->free_bytes;
    dir->total_bytes = job->total_bytes;
    dir->room_bytes = room > taken ? room - taken : 0;
    bool is_low = room == 0 || room < dir->wanted_bytes;
    dir->wanted_bytes = is_low ? dir->wanted_bytes : 0;
    tell_space(dir, is_low);
}

static void space_release(struct store_job *base)
{
    struct space_job *job = CONTAINER_OF(base, struct space_job, base);
    mem_free(job, sizeof *job);
}

static void task_space(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        if (!store->dirs[i].is_online) {
            continue;
        }
        struct space_job *job = mem_alloc_zeroed(sizeof *job);
        job->base.job.work = space_work;
        job->base.finished = space_finished;
        job->base.release = space_release;
        job->dir = &store->dirs[i];
        job->room_before = job->dir->room_bytes;
        store_job_submit(store, LANE_ANY, &job->base);
    }
}

/* ---- the timer's tasks ------------------------------------------------------------------------
 */

static void task_removals(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        log_store_submit_removals(&store->dirs[i]);
    }
}

static void task_cleaner(struct log_store *store)
{
    if (store->cleaner != NULL) {
        cleaner_consider(store->cleaner);
    }
}

/* ---- the timer ------------------------------------------------------------------------------- */

static uint64_t period_ns(const struct store_task *task)
{
    int64_t period_ms = MIN(MAX(*task->period_ms, INT64_C(1)), PERIOD_MS_MAX);
    return (uint64_t)period_ms * NS_PER_MS;
}

static void arm(struct log_store *store)
{
    uint64_t due_ns = store->sweep.is_running ? 0 : UINT64_MAX;
    for (size_t i = 0; i < store->task_count; i++) {
        due_ns = MIN(due_ns, store->tasks[i].due_ns);
    }
    runtime_timer_set(&store->timer, due_ns);
}

static void on_timer(struct runtime_timer *timer)
{
    struct log_store *store = CONTAINER_OF(timer, struct log_store, timer);
    uint64_t now_ns = runtime_now_ns(store->runtime);
    for (size_t i = 0; i < store->task_count && !store->is_stopping; i++) {
        struct store_task *task = &store->tasks[i];
        if (now_ns >= task->due_ns) {
            task->run(store);
            task->due_ns = now_ns + period_ns(task);
        }
    }
    if (store->is_stopping || store->is_detached) {
        return;
    }
    sweep_slice(store);
    if (!store->is_stopping && !store->is_detached) {
        arm(store);
    }
}

static void add_task(struct log_store *store,
                     void (*run)(struct log_store *store),
                     const int64_t *period_ms,
                     bool is_due_now)
{
    ASSERT(store->task_count < STORE_TASKS_MAX);
    struct store_task *task = &store->tasks[store->task_count++];
    task->run = run;
    task->period_ms = period_ms;
    task->due_ns = runtime_now_ns(store->runtime) + (is_due_now ? 0 : period_ns(task));
}

void log_store_begin_upkeep(struct log_store *store)
{
    ASSERT(store->is_loaded && !store->is_upkept);
    static const int64_t removal_ms = 1000;
    static const int64_t rest_ms = REST_TICK_MS;
    const struct log_store_tuning *tuning = &store->tuning;
    store->is_upkept = true;
    runtime_timer_init(&store->timer, store->runtime, on_timer);
    add_task(store, task_space, &tuning->space_check_ms, true);
    add_task(store, task_recovery_points, &tuning->recovery_checkpoint_ms, false);
    add_task(store, task_log_starts, &tuning->start_checkpoint_ms, false);
    add_task(store, task_high_watermarks, &tuning->high_watermark_checkpoint_ms, false);
    add_task(store, task_retention, &tuning->retention_check_ms, false);
    add_task(store, task_producers, &tuning->producer_expiration_check_ms, false);
    add_task(store, task_flush, &tuning->flush_check_ms, false);
    add_task(store, task_removals, &removal_ms, true);
    add_task(store, task_rest, &rest_ms, false);
    if (tuning->cleaner_enable) {
        store->cleaner = cleaner_create(store);
        add_task(store, task_cleaner, &tuning->cleaner_backoff_ms, false);
        add_task(store, task_cleaner_checkpoint, &tuning->start_checkpoint_ms, false);
    }
    arm(store);
}
