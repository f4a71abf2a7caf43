/* log_cold.c - would a read wait for the disk? See "cold reads" in partition_log.h.
 *
 * The loop must not wait for a disk. So before it reads for somebody, it asks whether what the read
 * will touch is in memory: the index, the headers on the way from the index's entry, the records.
 * What is not there is read by a worker first, which is all that this does: the read itself then
 * finds it in the page cache. What was appended last is not asked about: it was just written.
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

static bool is_index_cold(const struct log_cold *cold)
{
    bool is_cold = false;
    for (size_t n = 0; n < ARRAY_LEN(index_kinds) && !is_cold; n++) {
        struct file *file;
        uint64_t size;
        if (open_index(cold, index_kinds[n], &file, &size) == 0) {
            is_cold = !file_is_resident(file, 0, size);
            (void)file_close(file);
        }
    }
    return is_cold;
}

/* Only for the look: whoever keeps it copies the folder's name. */
static bool find_cold_index(struct partition_log *log,
                            const struct segment *segment,
                            struct log_cold *cold)
{
    *cold = (struct log_cold){
        .runtime = log->place.runtime,
        .dir = log->dir,
        .base_offset = segment->base_offset,
        .suffix = segment->suffix,
    };
    if (!is_index_cold(cold)) {
        return false;
    }
    cold->dir_size = log->dir_size;
    cold->dir = memcpy(mem_alloc(cold->dir_size), log->dir, cold->dir_size);
    return true;
}

static bool find_cold_records(struct segment *segment,
                              int64_t offset,
                              size_t max_bytes,
                              struct log_cold *cold)
{
    /* From the index's entry on: the way to the batch is read, too. */
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    offset);
    uint64_t pending = segment->pending == NULL ? 0 : segment->pending->len;
    uint64_t end = segment->size - pending;
    if (from.position >= end) {
        return false;
    }
    uint64_t len = MIN(end - from.position, (uint64_t)max_bytes + SCAN_CHUNK);
    if (file_is_resident(segment->file->file, from.position, len)) {
        return false;
    }
    *cold = (struct log_cold){
        .runtime = segment->place->runtime,
        .file = segment_file_keep(segment->file),
        .position = from.position,
        .len = MIN(end - from.position, len + READ_AHEAD_BYTES),
    };
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
    /* An error comes again with the read, which tells it. */
    return segment_wake(segment) == 0 && find_cold_records(segment, offset, max_bytes, cold);
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
