/* log_writer.h - durable before acknowledged: batches of transactions, one sync each.
 *
 * Model: the loop appends entries to the collecting batch; at the end of a turn the batch is handed
 * to LANE_LOG, which writes and syncs it while the next one collects (group commit). Only one batch
 * is on its way. When everybody waits for the log, the runtime may do the work on the loop: a
 * hand-off costs more than it saves then (runtime_job.waits_for_quiet).
 * Files: a new file is begun at the first entry, after log_writer_roll, and above size_limit_bytes;
 * it is named by its first zxid, and its name is made durable before anything in it is
 * acknowledged. Space is zeroed ahead in steps, so that a sync writes no metadata. Failure: the
 * first failing write or sync is final (reliability.md X1): on_failed is called once, nothing is
 * retried, nothing more is acknowledged. Source: FileTxnLog, SyncRequestProcessor.
 */
#ifndef ZOOKEEPER_STORAGE_LOG_WRITER_H
#define ZOOKEEPER_STORAGE_LOG_WRITER_H

#include "zookeeper/storage/synced_mark.h"
#include "zookeeper/storage/txn_log.h"

struct log_writer_options {
    /* preAllocSize: how far the file's size is ahead; <= 0: not at all */
    int64_t preallocate_bytes;
    int64_t size_limit_bytes; /* txnLogSizeLimitInKb; < 0: none */
    bool force_sync;          /* forceSync=no: the page cache is trusted (documented as unsafe) */
    uint32_t warning_threshold_ms; /* fsync.warningthresholdms */
};

struct log_batch {
    struct buffer bytes;
    int64_t first_zxid;
    int64_t last_zxid;
    uint32_t count;
};

struct log_writer {
    struct runtime *runtime;
    const struct data_dir *dir;
    struct log_writer_options options;
    void (*on_persisted)(void *ctx, int64_t zxid, uint32_t txn_count);
    void (*on_failed)(void *ctx, int error, const char *text);
    void *ctx;

    struct log_batch batches[2];
    int collecting;   /* index of the batch that appends go to; the other may be on its way */
    bool is_writing;  /* a batch is on its way: submitted, begun, or being reported */
    bool roll_wanted; /* the next batch handed over begins a new file */
    bool roll_now;    /* the batch on its way does */
    bool is_failed;
    bool is_closing;

    struct runtime_job job;
    int job_error;
    struct errmsg job_message;
    uint64_t job_sync_ns; /* how long the last sync took */

    struct file *mark; /* synced_mark.h; like file*, used by the job only while it runs */
    struct file *file;
    int64_t file_zxid; /* in its name */
    char file_name[DATA_FILE_NAME_MAX];
    uint64_t file_offset;
    uint64_t file_zeroed; /* everything below is allocated */
    uint64_t file_bytes;  /* the size set for the file */

    uint64_t bytes_since_roll; /* persisted since the last log_writer_roll took effect */
    uint64_t txns_since_roll;
    uint64_t sync_count;
    void (*on_sync)(void *ctx, uint64_t sync_ns, uint32_t txn_count); /* may be NULL: metrics */
};

void log_writer_init(struct log_writer *writer,
                     struct runtime *runtime,
                     const struct data_dir *dir,
                     const struct log_writer_options *options);

/* Collects one txn. */
void log_writer_append(struct log_writer *writer, int64_t zxid, struct slice payload);

/* Call once a turn: sends the batch on its way when none is. everyone_waits says that no request
 * was answered since the last call that found work: all who spoke wait for this batch. */
void log_writer_flush(struct log_writer *writer, bool everyone_waits);

/* The next batch begins a new file. */
void log_writer_roll(struct log_writer *writer);

/* Nothing collected and nothing on its way. */
bool log_writer_is_idle(const struct log_writer *writer);

/* Writes what is left in place (nobody is told) and closes. The writer must not have a batch on its
 * way. */
int log_writer_close(struct log_writer *writer);

/* Closes without writing: after a failure, or when the node is thrown away. */
void log_writer_abandon(struct log_writer *writer);

#endif
