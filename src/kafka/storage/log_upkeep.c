/* log_upkeep.c - what leaves a log: retention, DeleteRecords, truncation. See partition_log.h.
 *
 * What leaves at the front is gone for readers at once: the log's start moves. Its segments follow
 * one by one, each after a flush (log_delete_doomed): they are renamed to .deleted (and are gone
 * for every start), and removed after file.delete.delay.ms; readers keep their descriptor. The
 * producer snapshot at a deleted segment's base goes with it.
 *
 * Source: UnifiedLog.deleteOldSegments, truncateTo, LocalLog of Apache Kafka 3.9.
 */
#include "base/memory.h"
#include "kafka/storage/log_internal.h"

static void note_deleted(struct partition_log *log, int64_t base_offset, bool is_snapshot)
{
    if (log->deleted_count == log->deleted_cap) {
        size_t cap = log->deleted_cap == 0 ? 4 : log->deleted_cap * 2;
        log->deleted = mem_realloc(log->deleted, log->deleted_cap * sizeof *log->deleted,
                                   cap * sizeof *log->deleted);
        log->deleted_cap = cap;
    }
    log->deleted[log->deleted_count++] = (struct deleted_files){
        .base_offset = base_offset,
        .due_ms = runtime_wall_ms(log->place.runtime) + log->config->file_delete_delay_ms,
        .is_snapshot = is_snapshot,
    };
}

static int delete_snapshot(struct partition_log *log, int64_t offset)
{
    char from[PATH_TEXT_MAX];
    char to[PATH_TEXT_MAX];
    size_t at = 0;
    while (at < log->snapshot_count && log->snapshots[at] != offset) {
        at += 1;
    }
    if (at == log->snapshot_count) {
        return 0;
    }
    memmove(log->snapshots + at, log->snapshots + at + 1,
            (log->snapshot_count - at - 1) * sizeof *log->snapshots);
    log->snapshot_count -= 1;
    int error = log_file_path(from, log->dir, offset, LOG_FILE_SNAPSHOT, SUFFIX_NONE);
    if (error == 0) {
        error = log_file_path(to, log->dir, offset, LOG_FILE_SNAPSHOT, SUFFIX_DELETED);
    }
    if (error == 0) {
        error = path_rename(log->place.runtime, from, to);
    }
    if (error == 0) {
        note_deleted(log, offset, true);
    }
    return error == ERR_NOT_FOUND ? 0 : error;
}

int log_delete_segments(struct partition_log *log, size_t from, size_t to, bool with_snapshots)
{
    int error = 0;
    for (size_t n = from; n < to && error == 0; n++) {
        struct segment *segment = log->segments[n];
        error = segment_rename(segment, SUFFIX_DELETED);
        if (error == 0) {
            note_deleted(log, segment->base_offset, false);
        }
        if (error == 0 && with_snapshots) {
            error = delete_snapshot(log, segment->base_offset);
        }
    }
    if (error != 0) {
        return error;
    }
    for (size_t n = from; n < to; n++) {
        log->size -= log->segments[n]->size;
        segment_free(log->segments[n]);
    }
    memmove(log->segments + from, log->segments + to,
            (log->segment_count - to) * sizeof(struct segment *));
    log->segment_count -= to - from;
    log->is_folder_unsynced = true;
    return 0;
}

static void remove_files(struct partition_log *log, const struct deleted_files *files)
{
    char path[PATH_TEXT_MAX];
    int error;
    if (files->is_snapshot) {
        error = log_file_path(path, log->dir, files->base_offset, LOG_FILE_SNAPSHOT,
                              SUFFIX_DELETED);
        error = error == 0 ? log_path_remove(log->place.runtime, path) : error;
    } else {
        error = segment_remove_files(&log->place, files->base_offset, SUFFIX_DELETED);
    }
    (void)error; /* what cannot be removed goes at the next start */
}

void partition_log_remove_deleted(struct partition_log *log, int64_t wall_ms)
{
    size_t kept = 0;
    for (size_t n = 0; n < log->deleted_count; n++) {
        const struct deleted_files *files = &log->deleted[n];
        if (files->due_ms > wall_ms) {
            log->deleted[kept++] = *files;
            continue;
        }
        remove_files(log, files);
    }
    log->deleted_count = kept;
}

/* ---- from the front -------------------------------------------------------------------------- */

static int move_start(struct partition_log *log, int64_t offset)
{
    if (offset <= log->log_start_offset) {
        return 0;
    }
    log->log_start_offset = offset;
    return leader_epochs_truncate_start(&log->epochs, offset) ? log_save_epochs(log) : 0;
}

/* The first segments that end at or below the log's start. */
static size_t count_below_start(const struct partition_log *log)
{
    size_t count = 0;
    while (count + 1 < log->segment_count &&
           log->segments[count + 1]->base_offset <= log->log_start_offset) {
        count += 1;
    }
    return count;
}

bool partition_log_has_doomed(const struct partition_log *log)
{
    return !log->has_failed && count_below_start(log) > 0;
}

/* One by one, and each name is on disk as deleted before the next goes: a power cut that kept the
 * second deletion and not the first would leave a hole, and a start takes what is behind a hole for
 * something that was never flushed. So must be the segment that becomes the first, and the
 * producers' snapshot at its base, from which alone may be known what is known of producers then.
 * The next flush does all that: it runs on a worker, and ends here. */
int log_delete_doomed(struct partition_log *log)
{
    if (log->is_folder_unsynced || log->is_flushing || count_below_start(log) == 0) {
        return 0;
    }
    return log_delete_segments(log, 0, 1, true);
}

/* The first `count` segments are to go; there is always an active one left. */
static int doom_front(struct partition_log *log, size_t count, int64_t wall_ms)
{
    int error = 0;
    if (count == log->segment_count) {
        error = log_confirm_end(log);
        if (error == 0) {
            error = log_roll_at(log, log->end_offset, wall_ms);
        }
        count = MIN(count, log->segment_count - 1); /* a fresh segment was not rolled */
    }
    return error == 0 && count > 0 ? move_start(log, log->segments[count]->base_offset) : error;
}

int partition_log_delete_before(struct partition_log *log, int64_t offset)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    int error = log_confirm_end(log);
    if (error == 0) {
        error = move_start(log, MIN(offset, log->end_offset));
    }
    if (error == 0) {
        error = log_delete_doomed(log);
    }
    return error == 0 ? 0 : log_fail(log, error);
}

/* Segments at or behind the high watermark stay, whatever their age. */
static bool is_replicated(const struct partition_log *log, size_t idx, int64_t high_watermark)
{
    int64_t end = idx + 1 < log->segment_count ? log->segments[idx + 1]->base_offset
                                               : log->end_offset;
    return high_watermark >= end;
}

/* retention.bytes: what can go without falling below it. */
static size_t count_too_many(const struct partition_log *log, int64_t high_watermark)
{
    int64_t limit = log->config->retention_bytes;
    size_t count = 0;
    if (limit < 0 || log->size < (uint64_t)limit) {
        return 0;
    }
    uint64_t over = log->size - (uint64_t)limit;
    while (count < log->segment_count && is_replicated(log, count, high_watermark) &&
           log->segments[count]->size <= over) {
        if (count + 1 == log->segment_count && log->segments[count]->size == 0) {
            break;
        }
        over -= log->segments[count]->size;
        count += 1;
    }
    return count;
}

/* retention.ms, by each segment's largest timestamp. */
static int count_too_old(const struct partition_log *log,
                         int64_t wall_ms,
                         int64_t high_watermark,
                         size_t *count)
{
    *count = 0;
    if (log->config->retention_ms < 0) {
        return 0;
    }
    while (*count < log->segment_count && is_replicated(log, *count, high_watermark)) {
        struct segment *segment = log->segments[*count];
        int64_t largest;
        if (*count + 1 == log->segment_count && segment->size == 0) {
            break;
        }
        int error = segment_largest_timestamp(segment, &largest);
        if (error != 0) {
            return error;
        }
        if (wall_ms - largest <= log->config->retention_ms) {
            break;
        }
        *count += 1;
    }
    return 0;
}

static int retain(struct partition_log *log, int64_t wall_ms, int64_t high_watermark)
{
    size_t count = 0;
    if ((log->config->cleanup_policy & CLEANUP_DELETE) == 0) {
        return 0;
    }
    int error = doom_front(log, count_too_many(log, high_watermark), wall_ms);
    if (error == 0) {
        error = count_too_old(log, wall_ms, high_watermark, &count);
    }
    return error == 0 ? doom_front(log, count, wall_ms) : error;
}

/* Without what only waits to be deleted. */
static uint64_t kept_bytes(const struct partition_log *log)
{
    uint64_t bytes = log->size;
    for (size_t n = count_below_start(log); n > 0; n--) {
        bytes -= log->segments[n - 1]->size;
    }
    return bytes;
}

/* Apache rolls by time only when something is appended; a compacted topic that falls silent is then
 * never compacted to its end. Ours rolls here as well. */
static int roll_by_time(struct partition_log *log, int64_t wall_ms)
{
    const struct segment *active = log_active(log);
    if (active->size == 0 ||
        wall_ms - active->created_ms <= log->config->segment_ms - log->jitter_ms) {
        return 0;
    }
    int error = log_confirm_end(log);
    return error == 0 ? log_roll_at(log, log->end_offset, wall_ms) : error;
}

int partition_log_retain(struct partition_log *log,
                         int64_t wall_ms,
                         int64_t high_watermark,
                         uint64_t *deleted_bytes)
{
    *deleted_bytes = 0;
    if (log->has_failed) {
        return ERR_IO;
    }
    uint64_t before = kept_bytes(log);
    int error = retain(log, wall_ms, high_watermark);
    if (error == 0) {
        *deleted_bytes = before - kept_bytes(log);
        error = log_delete_doomed(log);
    }
    if (error == 0) {
        error = roll_by_time(log, wall_ms);
    }
    return error == 0 ? 0 : log_fail(log, error);
}

/* ---- from the end ---------------------------------------------------------------------------- */

static int drop_snapshots_above(struct partition_log *log, int64_t offset)
{
    int error = 0;
    while (error == 0 && log->snapshot_count > 0 &&
           log->snapshots[log->snapshot_count - 1] > offset) {
        error = log_remove_snapshot_at(log, log->snapshot_count - 1);
    }
    return error;
}

static int truncate_fully(struct partition_log *log, int64_t offset)
{
    struct segment *segment;
    int error = log_make_files(log);
    if (error == 0) {
        error = log_delete_segments(log, 0, log->segment_count, false);
    }
    if (error == 0) {
        error = drop_snapshots_above(log, -1);
    }
    if (error == 0) {
        error = segment_create(&log->place, offset, SUFFIX_NONE,
                               runtime_wall_ms(log->place.runtime), &segment);
    }
    if (error != 0) {
        return error;
    }
    log_add_segment(log, segment);
    producer_states_clear(&log->producers);
    log->end_offset = offset;
    log->log_start_offset = offset;
    log->flushed_offset = offset;
    log->flush_limit = MIN(log->flush_limit, offset);
    log->is_end_trusted = false;
    return leader_epochs_clear(&log->epochs) ? log_save_epochs(log) : 0;
}

static int truncate_to(struct partition_log *log, int64_t offset)
{
    uint64_t removed;
    bool ignored;
    size_t idx = log_segment_at(log, offset);
    int error = log_delete_segments(log, idx + 1, log->segment_count, false);
    if (error == 0) {
        error = segment_truncate(log_active(log), offset, &removed);
    }
    if (error != 0) {
        return error;
    }
    log->size -= removed;
    /* It may end below `offset` where compaction left a hole. */
    log->end_offset = offset;
    log->flushed_offset = MIN(log->flushed_offset, offset);
    log->flush_limit = MIN(log->flush_limit, offset);
    log->log_start_offset = MIN(log->log_start_offset, offset);
    error = drop_snapshots_above(log, offset);
    if (error == 0 && leader_epochs_truncate_end(&log->epochs, offset)) {
        error = log_save_epochs(log);
    }
    if (error != 0) {
        return error;
    }
    return log_rebuild_producers(log, offset, runtime_wall_ms(log->place.runtime), &ignored);
}

int partition_log_truncate(struct partition_log *log, int64_t offset)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    ASSERT(offset >= 0);
    int error = log_confirm_end(log);
    if (error == 0 && offset >= log->end_offset) {
        if (leader_epochs_truncate_end(&log->epochs, log->end_offset)) {
            error = log_save_epochs(log);
        }
    } else if (error == 0 && offset < log->segments[0]->base_offset) {
        error = truncate_fully(log, offset);
    } else if (error == 0) {
        error = truncate_to(log, offset);
    }
    return error == 0 ? 0 : log_fail(log, error);
}

int partition_log_truncate_fully(struct partition_log *log, int64_t offset)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    ASSERT(offset >= 0);
    int error = truncate_fully(log, offset);
    return error == 0 ? 0 : log_fail(log, error);
}

/* ---- for the cleaner and the tools ------------------------------------------------------------
 */

size_t partition_log_segments(struct partition_log *log, struct segment **segments, size_t max)
{
    size_t count = MIN(max, log->segment_count);
    for (size_t n = 0; n < count; n++) {
        segments[n] = log->segments[n];
    }
    return log->segment_count;
}
