/* log_store_stop.c - the orderly end of the log directories. See log_store.h.
 *
 *     the jobs that run end; new ones are not begun
 *     in one job per directory: every log is flushed, what the checkpoints tell is noted, and the
 * log is closed; then per directory: the three checkpoints, then .kafka_cleanshutdown the locks are
 * let go
 *
 * A directory in which anything of that fails, or that was not loaded to its end after a crash,
 * gets no .kafka_cleanshutdown: the next start recovers it.
 */
#include "kafka/storage/log_store_private.h"

#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/cleaner.h"
#include "kafka/storage/log_files.h"

/* All of one directory, in one job: its logs are closed one after another, by one thread. */
struct close_job {
    struct store_job base;
    struct log_dir *dir;
    struct buffer texts[CHECKPOINT_KINDS];
    bool is_clean;
    int64_t broker_epoch;
    int error;
    char failed[FOLDER_NAME_MAX + 32];
};

static void close_logs(struct close_job *job)
{
    LIST_FOR_EACH(link, &job->dir->logs)
    {
        const struct stored_log *stored = CONTAINER_OF(link, struct stored_log, link);
        job->error = partition_log_flush(stored->log);
        if (job->error != 0) {
            snprintf(job->failed, sizeof job->failed, "flush %s", stored->name);
            return;
        }
    }
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        if (kind != CHECKPOINT_HIGH_WATERMARK) {
            log_dir_format_checkpoint(job->dir, (enum checkpoint_kind)kind, &job->texts[kind]);
        }
    }
    LIST_FOR_EACH(link, &job->dir->logs)
    {
        struct stored_log *stored = CONTAINER_OF(link, struct stored_log, link);
        struct partition_log *log = stored->log;
        stored->log = NULL;
        job->error = partition_log_close(log, true);
        if (job->error != 0) {
            snprintf(job->failed, sizeof job->failed, "close %s", stored->name);
            return;
        }
    }
}

static int write_clean_shutdown(const struct close_job *job)
{
    struct buffer text;
    struct runtime *runtime = job->base.store->runtime;
    buffer_init(&text, 128);
    buffer_append_cstr(&text, "{\"version\":0,\"brokerEpoch\":");
    buffer_append_decimal(&text, job->broker_epoch);
    buffer_append_u8(&text, '}');
    int error = log_file_replace(runtime, job->dir->path, CLEAN_SHUTDOWN_NAME, buffer_slice(&text),
                                 true);
    buffer_release(&text);
    return error;
}

static void close_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct close_job *job = CONTAINER_OF(base, struct close_job, base);
    close_logs(job);
    for (int kind = 0; kind < CHECKPOINT_KINDS && job->error == 0; kind++) {
        job->error = log_file_replace(base->store->runtime, job->dir->path, checkpoint_names[kind],
                                      buffer_slice(&job->texts[kind]), true);
        snprintf(job->failed, sizeof job->failed, "write %s", checkpoint_names[kind]);
    }
    if (job->error == 0 && job->is_clean) {
        job->error = write_clean_shutdown(job);
        snprintf(job->failed, sizeof job->failed, "write %s", CLEAN_SHUTDOWN_NAME);
    }
}

static void close_finished(struct store_job *base)
{
    struct close_job *job = CONTAINER_OF(base, struct close_job, base);
    base->store->stop_jobs -= 1;
    if (job->error != 0) {
        log_store_fail_dir(job->dir, job->error, job->failed);
    }
}

static void close_release(struct store_job *base)
{
    struct close_job *job = CONTAINER_OF(base, struct close_job, base);
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        buffer_release(&job->texts[kind]);
    }
    mem_free(job, sizeof *job);
}

/* The server's part of the checkpoints is asked for on the loop. */
static void submit_close(struct log_dir *dir)
{
    struct log_store *store = dir->store;
    struct close_job *job = mem_alloc_zeroed(sizeof *job);
    job->base.job.work = close_work;
    job->base.finished = close_finished;
    job->base.release = close_release;
    job->dir = dir;
    job->broker_epoch = store->broker_epoch;
    job->is_clean = store->is_loaded || dir->was_clean;
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        buffer_init(&job->texts[kind], OFFSET_CHECKPOINT_BYTES_MAX);
    }
    log_dir_format_checkpoint(dir, CHECKPOINT_HIGH_WATERMARK,
                              &job->texts[CHECKPOINT_HIGH_WATERMARK]);
    LIST_FOR_EACH(link, &dir->logs)
    {
        /* The budget of descriptors is the loop's: readers may still let go of some. */
        partition_log_use_pool(CONTAINER_OF(link, struct stored_log, link)->log, NULL);
    }
    store->stop_jobs += 1;
    store_job_submit(store, LANE_ANY, &job->base);
}

static void let_go_of_locks(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        if (store->dirs[i].lock != NULL) {
            file_close(store->dirs[i].lock);
            store->dirs[i].lock = NULL;
        }
    }
}

void log_store_stop_step(struct log_store *store)
{
    if (!list_is_empty(&store->jobs) || store->stopped == NULL) {
        return;
    }
    if (store->stop_jobs == 0 && !store->is_closing) {
        store->is_closing = true;
        for (size_t i = 0; i < store->dir_count; i++) {
            if (store->dirs[i].is_online) {
                submit_close(&store->dirs[i]);
            }
        }
    }
    if (store->stop_jobs > 0) {
        return;
    }
    let_go_of_locks(store);
    void (*stopped)(void *ctx) = store->stopped;
    store->stopped = NULL;
    stopped(store->stopped_ctx);
}

void log_store_stop(struct log_store *store,
                    int64_t broker_epoch,
                    void (*done)(void *ctx),
                    void *ctx)
{
    ASSERT(!store->is_stopping);
    store->is_stopping = true;
    store->broker_epoch = broker_epoch;
    store->stopped = done;
    store->stopped_ctx = ctx;
    runtime_timer_stop(&store->timer);
    if (store->cleaner != NULL) {
        cleaner_cancel(store->cleaner);
    }
    log_store_stop_step(store);
}
