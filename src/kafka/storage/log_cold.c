/* log_cold.c - would a read wait for the disk? See "cold reads" in partition_log.h.
 *
 * The loop must not wait for a disk. So before it reads for somebody, it asks whether what the read
 * will touch is in memory: the index, the headers on the way from the index's entry, the records.
 * What is not there is read by a worker first, which is all that this does: the read itself then
 * finds it in the page cache. (Indexes that are missing are still made anew on the loop, but from
 * records that are in memory.) What was appended last is not asked about: it was just written.
 *
 * Where the system cannot say, everything counts as resident, and the loop waits; so it does for
 * what is found out too late (a first batch that is larger than asked for, a hole of compaction).
 */
#include "base/memory.h"
#include "kafka/storage/log_internal.h"

/* Behind the range: where the next read of the same reader begins. */
#define READ_AHEAD_BYTES ((uint64_t)128 * 1024)

static const enum log_file_kind index_kinds[] = {LOG_FILE_OFFSET_INDEX, LOG_FILE_TIME_INDEX};

/* Opens one index; *size of it. */
static int open_index(const struct log_cold *cold,
                      enum log_file_kind kind,
                      struct file **file,
                      uint64_t *size)
{
    char path[PATH_TEXT_MAX];
    int error = log_file_path(path, cold->dir, cold->base_offset, kind, cold->suffix);
    if (error == 0) {
        error = file_open(cold->runtime, path, FILE_READ, file);
    }
    if (error != 0) {
        return error;
    }
    error = file_size(*file, size);
    if (error != 0) {
        (void)file_close(*file);
    }
    return error;
}

/* Records from `position` on, about `len` bytes. */
static bool is_range_cold(struct segment *segment,
                          uint64_t position,
                          uint64_t len,
                          struct log_cold *cold)
{
    uint64_t pending = segment->pending == NULL ? 0 : segment->pending->len;
    uint64_t end = segment->size - pending;
    if (position >= end) {
        return false;
    }
    len = MIN(end - position, len + SCAN_CHUNK);
    if (file_is_resident(segment->file->file, position, len)) {
        return false;
    }
    *cold = (struct log_cold){
        .runtime = segment->place->runtime,
        .file = segment_file_keep(segment->file),
        .position = position,
        .len = MIN(end - position, len + READ_AHEAD_BYTES),
    };
    return true;
}

/* *is_missing: one is not there. */
static bool is_index_cold(const struct log_cold *cold, bool *is_missing)
{
    bool is_cold = false;
    *is_missing = false;
    for (size_t n = 0; n < ARRAY_LEN(index_kinds) && !is_cold; n++) {
        struct file *file;
        uint64_t size;
        int error = open_index(cold, index_kinds[n], &file, &size);
        *is_missing |= error == ERR_NOT_FOUND;
        if (error == 0) {
            is_cold = !file_is_resident(file, 0, size);
            (void)file_close(file);
        }
    }
    return is_cold;
}

/* Only for the look: whoever keeps it copies the folder's name. Indexes that are not there are made
 * anew from all records. */
static bool find_cold_index(struct partition_log *log,
                            struct segment *segment,
                            struct log_cold *cold)
{
    bool is_missing;
    *cold = (struct log_cold){
        .runtime = log->place.runtime,
        .dir = log->dir,
        .base_offset = segment->base_offset,
        .suffix = segment->suffix,
    };
    if (!is_index_cold(cold, &is_missing)) {
        return is_missing && segment_open_file(segment) == 0 &&
               is_range_cold(segment, 0, segment->size, cold);
    }
    cold->dir_size = log->dir_size;
    cold->dir = memcpy(mem_alloc(cold->dir_size), log->dir, cold->dir_size);
    return true;
}

bool partition_log_find_cold(struct partition_log *log,
                             int64_t offset,
                             size_t max_bytes,
                             struct log_cold *cold)
{
    struct batch_place batch;
    if (log->has_failed || offset < log->log_start_offset || offset >= log->end_offset) {
        return false;
    }
    struct segment *segment = log->segments[log_segment_at(log, offset)];
    if (segment->size == 0 || segment_find_recent(segment, offset, &batch)) {
        return false;
    }
    if (!segment->is_indexed && find_cold_index(log, segment, cold)) {
        return true;
    }
    if (segment_wake(segment) != 0) {
        return false; /* the error comes again with the read, which tells it */
    }
    /* From the index's entry on: the way to the batch is read, too. */
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    offset);
    return is_range_cold(segment, from.position, max_bytes, cold);
}

/* ---- by time --------------------------------------------------------------------------------- */

static bool knows_times(const struct segment *segment)
{
    return segment->first_timestamp_ms != TIMESTAMP_UNKNOWN &&
           segment->largest.timestamp_ms != TIMESTAMP_UNKNOWN;
}

/* What segment_know_times would read: the indexes, and the first batch's header. */
static bool are_times_cold(struct partition_log *log,
                           struct segment *segment,
                           struct log_cold *cold)
{
    if (segment->size == 0 || knows_times(segment)) {
        return false;
    }
    if (!segment->is_indexed && find_cold_index(log, segment, cold)) {
        return true;
    }
    return segment_wake(segment) == 0 && is_range_cold(segment, 0, 0, cold);
}

/* The way from the indexes' entries to a record of that time. */
static bool is_time_cold(struct partition_log *log,
                         struct segment *segment,
                         int64_t timestamp_ms,
                         struct log_cold *cold)
{
    if (!segment->is_indexed && find_cold_index(log, segment, cold)) {
        return true;
    }
    if (segment_wake(segment) != 0) {
        return false;
    }
    struct time_offset near = time_index_find(&segment->times, segment->base_offset,
                                              timestamp_ms - 1);
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    MAX(near.offset, log->log_start_offset));
    uint64_t interval = (uint64_t)MAX(log->config->index_interval_bytes, 0);
    return is_range_cold(segment, from.position, interval, cold);
}

size_t partition_log_find_cold_times(struct partition_log *log,
                                     int64_t timestamp_ms,
                                     struct log_cold *colds,
                                     size_t max)
{
    size_t count = 0;
    struct segment *found = NULL;
    for (size_t n = 0; n < log->segment_count && count < max && !log->has_failed; n++) {
        struct segment *segment = log->segments[n];
        if (are_times_cold(log, segment, &colds[count])) {
            count += 1;
            continue;
        }
        if (segment->size == 0 || segment_know_times(segment) != 0) {
            continue;
        }
        if (timestamp_ms == INT64_MAX) {
            bool is_later = found == NULL ||
                            segment->largest.timestamp_ms > found->largest.timestamp_ms;
            found = is_later ? segment : found;
        } else if (segment->largest.timestamp_ms >= timestamp_ms) {
            found = segment;
            break;
        }
    }
    /* Where something is not known yet, it is looked for again. */
    if (count == 0 && max > 0 && found != NULL) {
        int64_t wanted = MIN(timestamp_ms, found->largest.timestamp_ms);
        count += is_time_cold(log, found, wanted, &colds[0]);
    }
    return count;
}

static void warm_index(const struct log_cold *cold, enum log_file_kind kind)
{
    struct file *file;
    uint64_t size;
    if (open_index(cold, kind, &file, &size) == 0) {
        file_warm(file, 0, size);
        (void)file_close(file);
    }
}

void log_cold_read(const struct log_cold *cold)
{
    if (cold->file != NULL) {
        file_warm(cold->file->file, cold->position, cold->len);
        return;
    }
    for (size_t n = 0; n < ARRAY_LEN(index_kinds); n++) {
        warm_index(cold, index_kinds[n]);
    }
}

void log_cold_drop(struct log_cold *cold)
{
    if (cold->file != NULL) {
        segment_file_drop(cold->file);
        cold->file = NULL;
    }
    if (cold->dir_size > 0) {
        mem_free(cold->dir, cold->dir_size);
        cold->dir_size = 0;
    }
}
