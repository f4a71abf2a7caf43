/* log_internal.h - struct partition_log and what its files share. For partition_log.c, log_*.c and
 * recovery.c alone; the contract is partition_log.h.
 *
 * The log is cut in files by what is done with it: partition_log.c (life, figures, flush, roll),
 * recovery.c (open), log_validate.c and log_append.c, log_read.c, log_lookup.c, log_upkeep.c.
 */
#ifndef KAFKA_STORAGE_LOG_INTERNAL_H
#define KAFKA_STORAGE_LOG_INTERNAL_H

#include "generated/kafka/constants.h"
#include "kafka/storage/leader_epochs.h"
#include "kafka/storage/partition_log.h"
#include "kafka/storage/producer_state.h"
#include "kafka/storage/segment.h"

#define LOG_BATCH_BYTES_MAX ((size_t)INT32_MAX) /* the largest batch that is read back */
#define LOG_TEXT_MAX 8192

/* A file set that waits for its removal. */
struct deleted_files {
    int64_t base_offset;
    int64_t due_ms;
    bool is_snapshot; /* the producer snapshot of that offset, not the segment */
};

struct partition_log {
    struct segment_place place;
    char *dir;
    size_t dir_size;    /* of its allocation */
    struct slice topic; /* within `name` */
    char *name;         /* "TOPIC-PARTITION" */
    size_t name_size;
    int32_t partition;
    const struct topic_config *config;

    struct segment **segments; /* by base_offset; the last one is active */
    size_t segment_count;
    size_t segment_cap;
    uint64_t size;

    int64_t log_start_offset;
    int64_t end_offset;
    int64_t flushed_offset;
    int64_t waiting_offset; /* from here on the active segment may hold what is not in the file */
    int64_t flush_limit;    /* a truncation during a flush lowers what the flush may claim */
    int64_t jitter_ms;      /* of the active segment's time to roll */
    bool is_flushing;
    bool is_folder_unsynced; /* files were made or renamed */
    bool is_folder_new;      /* the folder itself was made: its parent is to be synced, too */
    bool is_bare;            /* new, with an empty folder: see log_make_files */
    bool are_epochs_unsynced;
    bool are_epochs_unsaved; /* while it is opened */
    bool is_end_trusted; /* end_offset came from a checkpoint: looked at before the first append */
    bool has_failed;
    bool has_topic_id;
    struct codec_uuid topic_id;

    struct leader_epochs epochs;
    struct producer_states producers;
    int64_t producer_id_expiration_ms;
    int64_t *snapshots; /* offsets of the .snapshot files, ascending */
    size_t snapshot_count;
    size_t snapshot_cap;

    struct deleted_files *deleted;
    size_t deleted_count;
    size_t deleted_cap;

    char *text; /* of the last append's errors; made when first needed */
};

static inline struct segment *log_active(const struct partition_log *log)
{
    return log->segments[log->segment_count - 1];
}

/* The segment that holds `offset` or would: the last one whose base is not above it (the first one
 * for offsets below all). */
size_t log_segment_at(const struct partition_log *log, int64_t offset);

/* Takes the log out of service for good, and returns the error that its owner is to see. */
int log_fail(struct partition_log *log, int error);

void log_add_segment(struct partition_log *log, struct segment *segment);
/* Takes [from, to) out of the array, without freeing them. */
void log_drop_segments(struct partition_log *log, size_t from, size_t to);

/* Takes [from, to) out of the log: files become *.deleted, for removal later. */
NODISCARD int log_delete_segments(struct partition_log *log,
                                  size_t from,
                                  size_t to,
                                  bool with_snapshots);

/* The next segment below the log's start, when nothing has to be flushed before. */
NODISCARD int log_delete_doomed(struct partition_log *log);

/* A new log is a folder until something is to be written: ten thousand new partitions are ten
 * thousand calls of mkdir. This makes the files: first segment, topic's id, leader epochs. */
NODISCARD int log_make_files(struct partition_log *log);

/* The end that a checkpoint told is compared with the file, once. ERR_CORRUPT: it is beyond it. */
NODISCARD int log_confirm_end(struct partition_log *log);

/* A new active segment at base_offset (>= end_offset); the producers' snapshot is written. */
NODISCARD int log_roll_at(struct partition_log *log, int64_t base_offset, int64_t wall_ms);

/* Rewrites the epochs' file; the next flush syncs it. */
NODISCARD int log_save_epochs(struct partition_log *log);

/* Makes the indexes of all segments durable that were written since: an orderly end, after which
 * nobody looks at the records again. */
NODISCARD int log_sync_indexes(struct partition_log *log);

/* ---- snapshots of producers (log_snapshots.c) --------------------------------------------------
 */

void log_note_snapshot(struct partition_log *log, int64_t offset);
NODISCARD int log_write_snapshot(struct partition_log *log, int64_t offset, bool sync);
NODISCARD int log_remove_snapshot_at(struct partition_log *log, size_t idx);

/* Loads the newest usable snapshot at or below `offset` and reads the log from there up to
 * `offset`. *ignored: a damaged one was met (and removed). */
NODISCARD int log_rebuild_producers(struct partition_log *log,
                                    int64_t offset,
                                    int64_t wall_ms,
                                    bool *ignored);

/* ---- validation (log_validate.c) ---------------------------------------------------------------
 */

struct validated {
    struct slice bytes; /* what is to be appended: the request's own, or those of `rebuilt` */
    int64_t first_offset;
    int64_t last_offset;
    int64_t max_timestamp_ms;
    int64_t offset_of_max_timestamp;
    int32_t record_count;
    struct buffer rebuilt; /* released by log_validated_release */
};

/* LogValidator and what stands before it: offsets are given, epoch and append time stamped. False:
 * result->error and its texts say why. */
bool log_validate(struct partition_log *log,
                  const struct append_request *request,
                  struct validated *validated,
                  struct append_result *result);
void log_validated_release(struct validated *validated);

/* Fails the append: code, and the text for people (NULL: none). Returns false. */
bool append_refuse(struct append_result *result, int16_t error, const char *message);

#endif
