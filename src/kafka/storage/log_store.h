/* log_store.h - all log directories of a broker, and the logs in them.
 *
 * A log directory in Apache's format:
 *
 *   .lock                              held exclusively while the broker runs
 *   meta.properties                    version=0, broker.id, cluster.id: whose directory this is
 *   .kafka_cleanshutdown               the last end was orderly: recovery is skipped
 *   recovery-point-offset-checkpoint   per partition: flushed up to here
 *   log-start-offset-checkpoint        per partition whose start is not its first segment's base
 *   replication-offset-checkpoint      high watermarks
 *   cleaner-offset-checkpoint          how far compaction came
 *   TOPIC-PARTITION/                   one log: partition_log.h
 *   TOPIC-PARTITION.UUID-delete/       a deleted log, removed after file.delete.delay.ms
 *
 * Model: the store knows directories and logs. Which partitions are hosted, led and served is the
 * server's: it hangs its struct partition at stored_log.owner, and hears of what happens below it
 * by the callbacks of struct log_store_events. A directory is online or, after its first failure,
 * offline until the next start; its logs are then gone from the store. When the last one fails the
 * broker must stop.
 *
 * Lifecycle: log_store_open (locks, reads meta.properties) -> log_store_settle (whose broker, whose
 * cluster) -> log_store_load (jobs; `loaded` ends it) -> running: upkeep on timers ->
 * log_store_stop (flushes, checkpoints, .kafka_cleanshutdown) -> log_store_release.
 *
 * Disk full: each directory keeps a reserve (reserve_bytes) free. `room_bytes` is what may still be
 * appended before it is touched; the server takes from it (log_dir_take_room) before each append by
 * a client, and refuses with KAFKA_STORAGE_ERROR, which producers retry, when there is not enough.
 * Reads, commits of offsets, checkpoints and retention go on, out of the reserve. The figure is
 * made anew from the file system every space_check_ms, so appends go on by themselves when there is
 * space again. Only when the reserve is used up, too (by others: our own writes stop before), does
 * a write fail, and the directory with it.
 *
 * Threads: one thread (the broker's loop) calls everything here. Errors: operating errors with a
 * sentence; partition-level protocol errors are the server's.
 *
 * Sources: LogManager, LogDirFailureChannel, MetaPropertiesEnsemble, CheckpointFile of Apache
 * Kafka 3.9; KIP-112, KIP-113.
 */
#ifndef KAFKA_STORAGE_LOG_STORE_H
#define KAFKA_STORAGE_LOG_STORE_H

#include "base/map.h"
#include "kafka/storage/partition_log.h"

#define LOG_STORE_DIRS_MAX 32
#define LOG_DIR_PATH_MAX 1024
#define CLUSTER_ID_MAX 64

struct log_store;
struct log_dir;

/* One log. Found by log_store_find; gone after log_store_delete and log_store_forget. */
struct stored_log {
    struct list link; /* log_dir.logs */
    struct log_dir *dir;
    char *name;         /* "TOPIC-PARTITION": its folder */
    struct slice topic; /* the front of name */
    int32_t partition;
    struct partition_log *log;
    const struct topic_config *config;
    void *owner; /* the server's struct partition; NULL: nobody hosts it (a stray) */
    /* of replication-offset-checkpoint, at load; with an owner it is asked */
    int64_t high_watermark;
    bool is_being_cleaned;
    bool is_uncleanable;    /* compaction gave up on it, until the next start */
    int64_t cleaned_offset; /* first offset that no compaction has passed; -1: none has */
    int64_t flush_due_ms;   /* flush.ms: wall clock, 0 when nothing is unflushed */
};

struct log_dir {
    struct log_store *store;
    char path[LOG_DIR_PATH_MAX]; /* as configured, made absolute */
    bool is_online;
    bool was_clean;    /* .kafka_cleanshutdown stood here at the start */
    char failure[512]; /* why it is offline */
    struct list logs;  /* struct stored_log */
    size_t log_count;
    uint64_t room_bytes; /* see above; UINT64_MAX before the first look */
    uint64_t free_bytes; /* at the last look */
    uint64_t total_bytes;
    uint64_t wanted_bytes; /* the largest append that was refused for want of room */
    uint64_t refused_appends;
    bool is_low; /* said in the log: appends are refused */
    /* log_store's own */
    struct file *lock;
    size_t loading; /* folders that are still to be loaded */
    size_t load_total;
    struct list to_remove; /* struct doomed_folder */
    bool is_removing;
    struct bytes_map freed_names; /* of deleted logs, whose renaming no sync has covered */
    uint64_t freed_count;         /* since the start */
};

/* Takes `bytes` of the room; false when an append must be refused: the disk is about to be full. */
static inline bool log_dir_take_room(struct log_dir *dir, uint64_t bytes)
{
    if (UNLIKELY(bytes > dir->room_bytes)) {
        dir->wanted_bytes = MAX(dir->wanted_bytes, bytes);
        dir->refused_appends += 1;
        return false;
    }
    dir->room_bytes -= bytes;
    return true;
}

struct log_store_events {
    /* Effective configuration of a topic while logs are loaded; never NULL (the broker's defaults
     * for a topic that is not known). Kept until log_store_configure. */
    const struct topic_config *(*config_of)(void *ctx, struct slice topic);
    /* All directories are loaded; error when none is online, with a sentence. */
    void (*loaded)(void *ctx, int error, const char *text);
    /* The high watermark of a log with an owner. */
    int64_t (*high_watermark)(void *ctx, const struct stored_log *log);
    /* Retention moved the log's start or rolled it: wake whom it concerns. */
    void (*changed)(void *ctx, struct stored_log *log);
    /* flush.ms is due, or old segments wait for a flush (partition_log_has_doomed): the server
     * flushes it as any other partition. */
    void (*flush_wanted)(void *ctx, struct stored_log *log);
    /* The directory went offline. The server lets go of its logs: log_store_forget for each with an
     * owner, at once or when the flush that is under way has ended. */
    void (*dir_failed)(void *ctx, struct log_dir *dir);
    /* That was the last one. */
    void (*all_failed)(void *ctx, const char *text);
    void *ctx;
};

/* What may change while the store runs (dynamic configuration). Times in ms. */
struct log_store_tuning {
    int32_t recovery_jobs;                /* num.recovery.threads.per.data.dir */
    int64_t retention_check_ms;           /* log.retention.check.interval.ms */
    int64_t recovery_checkpoint_ms;       /* log.flush.offset.checkpoint.interval.ms */
    int64_t start_checkpoint_ms;          /* log.flush.start.offset.checkpoint.interval.ms */
    int64_t high_watermark_checkpoint_ms; /* replica.high.watermark.checkpoint.interval.ms */
    int64_t flush_check_ms;               /* for flush.ms; Apache: log.flush.scheduler... */
    int64_t producer_id_expiration_ms;    /* producer.id.expiration.ms */
    int64_t producer_expiration_check_ms; /* producer.id.expiration.check.interval.ms */
    int64_t space_check_ms;               /* ours */
    uint64_t reserve_bytes;               /* ours: samsa.log.dir.reserve.bytes */
    int32_t open_segments_max; /* ours: descriptors of segments, over all logs; at open */
    bool cleaner_enable;       /* log.cleaner.* */
    int64_t cleaner_backoff_ms;
    int64_t cleaner_dedupe_buffer_bytes;
    double cleaner_dedupe_load_factor;
    int64_t cleaner_io_bytes_per_second; /* INT64_MAX: no limit */
    int32_t cleaner_io_buffer_bytes;
};

void log_store_tuning_defaults(struct log_store_tuning *tuning); /* Apache's */

struct log_store_options {
    const char *const *dirs; /* log.dirs, or log.dir */
    size_t dir_count;
    struct log_store_tuning tuning;
    struct log_store_events events;
};

/* Figures for metrics and DescribeLogDirs. */
struct log_store_stats {
    uint64_t deleted_bytes; /* by retention */
    uint64_t checkpoints;
    uint64_t loads;
    uint64_t load_ns; /* of the whole load */
    uint64_t cleaner_runs;
    uint64_t cleaner_bytes_read;
    uint64_t cleaner_bytes_written;
    uint64_t cleaner_messages_dropped;
    uint64_t cleaner_last_run_ns;
    uint64_t cleaner_uncleanable; /* partitions that the cleaner gave up on */
    double cleaner_max_dirty_ratio;
};

/* Makes absent directories, locks them, reads meta.properties. A directory that cannot be used goes
 * offline with a warning; ERR_* with a sentence when none is left, when another process has one,
 * and when their meta.properties contradict each other. Blocking; at start only. */
NODISCARD int log_store_open(struct runtime *runtime,
                             const struct log_store_options *options,
                             struct log_store **store,
                             struct errmsg *message);

/* What meta.properties said: -1 and "" when there was none. */
int32_t log_store_broker_id(const struct log_store *store);
const char *log_store_cluster_id(const struct log_store *store);

/* Checks what the broker has become against meta.properties, and writes it where it is missing.
 * ERR_CONFIG with Apache's words for a directory of another broker or cluster. Blocking. */
NODISCARD int log_store_settle(struct log_store *store,
                               int32_t broker_id,
                               const char *cluster_id,
                               struct errmsg *message);

/* Opens all logs, recovery_jobs at a time in each directory; `loaded` is called at the end. The
 * store's upkeep (checkpoints, retention, cleaner) begins with log_store_begin_upkeep, which the
 * server calls when the logs have their owners. */
void log_store_load(struct log_store *store);
void log_store_begin_upkeep(struct log_store *store);

/* Is everything loaded? How many folders are still to come, of how many. */
bool log_store_is_loaded(const struct log_store *store, size_t *left, size_t *total);

/* ---- logs -------------------------------------------------------------------------------------
 */

struct stored_log *log_store_find(const struct log_store *store,
                                  struct slice topic,
                                  int32_t partition);

struct new_log {
    struct slice topic;
    int32_t partition;
    bool is_new;                       /* the controller has just made the partition */
    const struct codec_uuid *topic_id; /* NULL: none */
    const struct topic_config *config; /* kept until log_store_configure */
};

/* Makes the folder in the online directory with the fewest partitions, and opens the log. One that
 * is not new, while a directory is offline, is ERR_IO: it may lie there. Costs no sync, but where a
 * log of that name was just deleted: the first flush of the log makes its folder durable.
 * ERR_EXISTS; ERR_NO_SPACE without failing the directory. */
NODISCARD int log_store_create(struct log_store *store,
                               const struct new_log *wanted,
                               struct stored_log **log,
                               struct errmsg *message);

/* Closes the log and renames its folder; the files go after file.delete.delay.ms. No flush of the
 * log may be under way; ranges of it may. */
void log_store_delete(struct log_store *store, struct stored_log *stored);

/* After dir_failed: frees the log. No flush of it may be under way. */
void log_store_forget(struct stored_log *stored);

/* The topic's new effective configuration. */
void log_store_configure(struct stored_log *stored, const struct topic_config *config);

size_t log_store_log_count(const struct log_store *store);

/* ---- directories ------------------------------------------------------------------------------
 */

size_t log_store_dir_count(const struct log_store *store);
struct log_dir *log_store_dir(struct log_store *store, size_t idx);
size_t log_store_offline_count(const struct log_store *store);
size_t log_dir_uncleanable_count(const struct log_dir *dir); /* its logs that compaction gave up */

/* An append, flush or read of a log in it has failed: the directory goes offline. `what` is the
 * part of the sentence that names the operation and the file. Does nothing when it is offline
 * already. */
void log_store_fail_dir(struct log_dir *dir, int error, const char *what);

const struct log_store_stats *log_store_stats(const struct log_store *store);
struct log_store_stats *log_store_stats_mutable(struct log_store *store);

/* Takes effect with the next period of each timer. */
void log_store_tune(struct log_store *store, const struct log_store_tuning *tuning);

/* ---- the end ----------------------------------------------------------------------------------
 */

/* Orderly: the cleaner ends, every log is flushed and closed in jobs, checkpoints and
 * .kafka_cleanshutdown (with broker_epoch, -1: unknown) are written. Nobody may append, flush or
 * read any more. stored_logs stay until log_store_release, their `log` is NULL. `done` may be
 * called from within. */
void log_store_stop(struct log_store *store,
                    int64_t broker_epoch,
                    void (*done)(void *ctx),
                    void *ctx);

/* Lets go of the loop's timers; jobs that run end by themselves. */
void log_store_detach(struct log_store *store);

/* Frees everything, without touching the disk and whatever runs. */
void log_store_release(struct log_store *store);

#endif
