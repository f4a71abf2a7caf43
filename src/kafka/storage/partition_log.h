/* partition_log.h - the log of one partition: segments, indexes, producers, epochs.
 *
 * A folder "TOPIC-PARTITION" in Apache's format:
 *
 *   00000000000000000000.log         batches, one after another, bytes as on the wire
 *   00000000000000000000.index       8-byte entries: relative offset int32, position int32
 *   00000000000000000000.timeindex   12-byte entries: timestamp int64, relative offset int32
 *   00000000000000000000.txnindex    34-byte entries of aborted transactions
 *   00000000000000000042.snapshot    producer states as of offset 42
 *   leader-epoch-checkpoint          "0\nCOUNT\nEPOCH START_OFFSET\n..."
 *   partition.metadata               "version: 0\ntopic_id: BASE64URL"
 *   *.deleted *.cleaned *.swap       files on their way out or in, as Apache names them
 *
 * Model: [log_start_offset, log_end_offset). Appends go to the active segment's page cache on the
 * loop; what is flushed is on disk up to flushed_offset. Files open lazily and may close again: an
 * idle partition costs no descriptor and about 2 KiB. One thread (its shard's) calls everything
 * here but log_flush_run and log_range_read, which a worker may.
 *
 * Failures: ERR_NO_SPACE and ERR_IO from a write, sync or rename take the log out of service: every
 * later call gives ERR_IO, and the owner takes its log directory offline (KIP-112). An fsync error
 * is never retried. Whatever an append had half written is cut by the next start.
 *
 * Sources: UnifiedLog, LocalLog, LogSegment, LogLoader, OffsetIndex, TimeIndex, TransactionIndex,
 * ProducerStateManager, LeaderEpochFileCache of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_PARTITION_LOG_H
#define KAFKA_STORAGE_PARTITION_LOG_H

#include "base/arena.h"
#include "kafka/core/topic_config.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"
#include "wire/codec.h"
#include "wire/record_batch.h"

struct partition_log;

/* ---- open and close -------------------------------------------------------------------------- */

struct partition_log_open {
    const char *dir; /* the partition's own folder; made when absent */
    struct slice topic;
    int32_t partition;
    const struct topic_config *config; /* the owner's, kept until partition_log_configure */
    bool was_clean;                    /* .kafka_cleanshutdown stood in the log directory */
    int64_t recovery_point;            /* of recovery-point-offset-checkpoint, 0 when unknown */
    int64_t log_start_offset;          /* of log-start-offset-checkpoint, 0 when unknown */
    int64_t wall_ms;
    int64_t producer_id_expiration_ms;
};

/* What recovery had to do, for the log. */
struct partition_log_recovery {
    uint64_t segments_checked;
    uint64_t bytes_checked;
    uint64_t bytes_truncated;
    uint64_t indexes_rebuilt;
    bool snapshot_ignored; /* a producer snapshot was damaged or of the future */
};

/* Blocking: at start, or in a job. Finishes interrupted swaps and deletions, checks what lies
 * behind the recovery point batch by batch, cuts at the first bad one, makes lost indexes anew. */
NODISCARD int partition_log_open(struct runtime *runtime,
                                 const struct partition_log_open *open,
                                 struct partition_log **log,
                                 struct partition_log_recovery *recovery,
                                 struct errmsg *message);

/* Writes the producer snapshot and closes the files (flush first for a clean end). */
int partition_log_close(struct partition_log *log, bool write_snapshot);
/* Frees without touching the disk: the simulator's power cut, a failed directory. */
void partition_log_release(struct partition_log *log);

/* The descriptors of all logs of a shard come from one budget (segment_pool.h). A log that was just
 * opened has a small one of its own, so that it can be opened in a job; the loop then gives it the
 * shared one. NULL takes it out again: before it is closed in a job. No flush may be under way. */
struct segment_pool;
#define LOG_OWN_FILES_MAX 16
void partition_log_use_pool(struct partition_log *log, struct segment_pool *pool);

/* A new effective configuration, kept by pointer. */
void partition_log_configure(struct partition_log *log, const struct topic_config *config);

/* partition.metadata; false when there is none. */
bool partition_log_topic_id(const struct partition_log *log, struct codec_uuid *id);
NODISCARD int partition_log_set_topic_id(struct partition_log *log, const struct codec_uuid *id);

/* ---- figures --------------------------------------------------------------------------------- */

int64_t partition_log_start_offset(const struct partition_log *log);
int64_t partition_log_end_offset(const struct partition_log *log);
int64_t partition_log_flushed_offset(const struct partition_log *log); /* the recovery point */
uint64_t partition_log_size(const struct partition_log *log);          /* bytes of all segments */
size_t partition_log_segment_count(const struct partition_log *log);
int32_t partition_log_latest_epoch(const struct partition_log *log); /* -1: none */
const char *partition_log_dir(const struct partition_log *log);

/* First offset that is not below every open transaction's begin, for a high watermark. */
int64_t partition_log_last_stable_offset(const struct partition_log *log, int64_t high_watermark);

/* ---- append ---------------------------------------------------------------------------------- */

enum append_origin {
    APPEND_CLIENT,      /* a producer: everything is checked */
    APPEND_COORDINATOR, /* the broker's own group and transaction records, and markers */
    APPEND_REPLICATION, /* from the leader: offsets and epochs are kept as they come */
};

struct append_record_error {
    int32_t batch_index;
    const char *message; /* as error_message */
};

/* A protocol error is a value: error is Kafka's code, 0 when it was appended. */
struct append_result {
    int16_t error;
    const char *error_message; /* NULL: none; lives until the log's next append */
    struct append_record_error record_errors[16];
    int32_t record_error_count;
    bool was_duplicate;   /* the offsets are those of the first time */
    bool rolled;          /* a new segment was begun */
    int64_t first_offset; /* -1 on error */
    int64_t last_offset;
    int64_t log_append_time_ms; /* -1 with CreateTime */
    int64_t log_start_offset;
    int64_t max_timestamp_ms;
    uint32_t bytes;
    int32_t record_count;
};

/* Validates and appends a set of batches. `records` is stamped in place (offsets, epoch, append
 * time): the bytes are the caller's to lose. required_magic 2: produce v3 and later (exactly one
 * batch of magic 2). may_have_zstd: the request's version is 7 or later. Returns an operating
 * error only for the disk; everything else is in *result.
 *
 * Checks of LogValidator and ProducerAppendInfo, in Apache's order and with Apache's texts. A
 * compressed batch is checked by its header and CRC and is not unpacked, unless the topic is
 * compacted, its codec or magic must change, or validate.compressed.records asks for it. */
struct append_request {
    struct slice records;
    enum append_origin origin;
    int32_t leader_epoch;
    int64_t wall_ms;
    bool requires_magic_2;
    bool may_have_zstd;
    bool may_wait; /* the write: until partition_log_write, which the caller makes soon */
};
NODISCARD int partition_log_append(struct partition_log *log,
                                   const struct append_request *request,
                                   struct append_result *result);

/* Writes what appends with may_wait have left: many of one turn are one write. Reading, flushing,
 * rolling and closing do it, too. An error takes the log out of service. */
NODISCARD int partition_log_write(struct partition_log *log);

/* What lies below is in the file. */
int64_t partition_log_written_offset(const struct partition_log *log);

/* ---- flush: prepare on the loop, run on a worker, end on the loop ------------------------------
 */

struct log_flush {
    struct partition_log *log;
    void *files;   /* what is to be synced, kept open */
    int64_t up_to; /* flushed_offset when it has worked */
    int error;
};

/* False when nothing is unflushed. At most one flush of a log is under way. */
bool partition_log_flush_prepare(struct partition_log *log, struct log_flush *flush);
void log_flush_run(struct log_flush *flush);
/* Moves flushed_offset, or takes the log out of service: returns flush->error. */
int partition_log_flush_done(struct log_flush *flush);
/* All three at once, blocking. */
NODISCARD int partition_log_flush(struct partition_log *log);

/* ---- read ------------------------------------------------------------------------------------ */

/* Bytes of one segment, kept alive (also when the segment is deleted meanwhile) until
 * log_range_drop. */
struct log_range {
    struct segment_file *file; /* NULL: empty */
    uint64_t position;
    size_t len;
};

struct log_read {
    int16_t error; /* 0, OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR */
    struct log_range range;
    int64_t first_batch_offset;  /* base offset of the first batch of the range */
    bool first_batch_incomplete; /* it is larger than max_bytes */
};

/* Batches from the one that holds `offset`, whole ones and perhaps a cut last one, at most
 * max_bytes, none at or above upper_offset. With min_one the first batch comes whole whatever its
 * size. Offset == upper_offset (or between it and the log's end): empty. */
void partition_log_read(struct partition_log *log,
                        int64_t offset,
                        size_t max_bytes,
                        bool min_one,
                        int64_t upper_offset,
                        struct log_read *read);

/* Reads the range's bytes (blocking where they are cold). */
NODISCARD int log_range_read(const struct log_range *range, uint64_t from, void *bytes, size_t len);
/* For tcp_output_file: the file behind the range. */
struct file *log_range_file(const struct log_range *range);
void log_range_drop(struct log_range *range);

/* ---- cold reads: looked for on the loop, read on a worker, let go of on the loop
 * -----------------
 */

struct log_cold {
    struct runtime *runtime;
    struct segment_file *file; /* of records [position, position + len) */
    uint64_t position;
    uint64_t len;
    char *dir; /* without a file: the indexes of this segment */
    size_t dir_size;
    int64_t base_offset;
    const char *suffix;
};

/* Would a read of max_bytes from `offset` on wait for the disk? Then *cold is what has to be read
 * first; there may be more to find afterwards. */
bool partition_log_find_cold(struct partition_log *log,
                             int64_t offset,
                             size_t max_bytes,
                             struct log_cold *cold);
/* The same of partition_log_find_time, and of partition_log_max_time (timestamp_ms INT64_MAX): up
 * to `max` of what would be read, of several segments; how many. */
size_t partition_log_find_cold_times(struct partition_log *log,
                                     int64_t timestamp_ms,
                                     struct log_cold *colds,
                                     size_t max);
void log_cold_read(const struct log_cold *cold);
void log_cold_drop(struct log_cold *cold);

/* ---- figures of ranges -------------------------------------------------------------------------
 */

/* How many bytes lie in [from_offset, to_offset), by positions (for min_bytes of a fetch). */
uint64_t partition_log_bytes_between(struct partition_log *log,
                                     int64_t from_offset,
                                     int64_t to_offset);

struct log_aborted_txn {
    int64_t producer_id;
    int64_t first_offset;
};
/* Entries of the transaction indexes that overlap [from, to), into the arena. */
NODISCARD int partition_log_aborted(struct partition_log *log,
                                    int64_t from,
                                    int64_t to,
                                    struct arena *arena,
                                    struct log_aborted_txn **aborted,
                                    int32_t *count);

/* ---- look-ups -------------------------------------------------------------------------------- */

struct log_offset_time {
    int64_t offset;       /* -1: none */
    int64_t timestamp_ms; /* -1: none */
    int32_t leader_epoch; /* -1: none */
};
/* First record with a timestamp >= timestamp_ms. */
NODISCARD int partition_log_find_time(struct partition_log *log,
                                      int64_t timestamp_ms,
                                      struct log_offset_time *found);
/* The record with the largest timestamp (ListOffsets -3). */
NODISCARD int partition_log_max_time(struct partition_log *log, struct log_offset_time *found);

int32_t partition_log_epoch_of(const struct partition_log *log, int64_t offset); /* -1: none */
/* OffsetForLeaderEpoch: the end of `epoch`, and the largest epoch not above it. */
void partition_log_end_of_epoch(const struct partition_log *log,
                                int32_t epoch,
                                int32_t *found_epoch,
                                int64_t *end_offset);
/* A new leadership: remembered with the current end (written through). */
NODISCARD int partition_log_begin_epoch(struct partition_log *log, int32_t epoch);

struct log_producer {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t last_sequence;
    int64_t last_offset; /* of its last batch of records; -1: none */
    int64_t last_timestamp_ms;
    int32_t coordinator_epoch;
    int64_t current_txn_start_offset; /* -1: none */
};
/* DescribeProducers. */
void partition_log_producers(struct partition_log *log,
                             void (*each)(void *ctx, const struct log_producer *producer),
                             void *ctx);

/* ---- upkeep ---------------------------------------------------------------------------------- */

/* Moves log_start_offset (DeleteRecords). Not above the high watermark: the caller's duty. */
NODISCARD int partition_log_delete_before(struct partition_log *log, int64_t offset);

/* Retention by time and size for topics with cleanup.policy delete; also rolls an active segment
 * that is past its time. *deleted_bytes tells what went, or will go. */
NODISCARD int partition_log_retain(struct partition_log *log,
                                   int64_t wall_ms,
                                   int64_t high_watermark,
                                   uint64_t *deleted_bytes);

/* Segments lie below log_start_offset: each end of a flush renames the files of one to *.deleted,
 * and the caller has the next flush made. partition_log_remove_deleted removes them after
 * file_delete_delay_ms. */
bool partition_log_has_doomed(const struct partition_log *log);
void partition_log_remove_deleted(struct partition_log *log, int64_t wall_ms);

/* Forgets producers that were silent for producer.id.expiration.ms. */
void partition_log_expire_producers(struct partition_log *log, int64_t wall_ms);

NODISCARD int partition_log_roll(struct partition_log *log, int64_t wall_ms);

/* Cuts everything at and above `offset` (a follower that diverged). */
NODISCARD int partition_log_truncate(struct partition_log *log, int64_t offset);
/* Drops everything and begins at `offset`. */
NODISCARD int partition_log_truncate_fully(struct partition_log *log, int64_t offset);

/* Each segment, oldest first: for the cleaner and the tools. */
struct segment; /* segment.h */
size_t partition_log_segments(struct partition_log *log, struct segment **segments, size_t max);

/* ---- compaction (log_replace.c) ---------------------------------------------------------------
 */

/* Puts the segment whose files stand ready at first_base with the suffix .swap (synced, `size`
 * bytes) in the place of those with the bases first_base to last_base, which become *.deleted.
 * ERR_NOT_FOUND, and nothing is changed, when they are not all there, or one is the active one. */
NODISCARD int partition_log_replace(struct partition_log *log,
                                    int64_t first_base,
                                    int64_t last_base,
                                    uint64_t size,
                                    int64_t wall_ms);

/* The folder was synced since: takes the suffix off. Not before, or a power cut could leave the new
 * segment and old ones of its range side by side. */
NODISCARD int partition_log_replace_end(struct partition_log *log, int64_t base);

#endif
