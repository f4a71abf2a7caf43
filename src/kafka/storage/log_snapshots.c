/* log_snapshots.c - the producers' snapshot files of one log, and making the states anew from one
 * of them and the records behind it. */
#include "base/memory.h"
#include "kafka/storage/log_internal.h"

#define SNAPSHOT_BYTES_MAX ((size_t)512 * 1024 * 1024)

void log_note_snapshot(struct partition_log *log, int64_t offset)
{
    size_t at = log->snapshot_count;
    while (at > 0 && log->snapshots[at - 1] >= offset) {
        if (log->snapshots[at - 1] == offset) {
            return;
        }
        at -= 1;
    }
    if (log->snapshot_count == log->snapshot_cap) {
        size_t cap = log->snapshot_cap == 0 ? 2 : log->snapshot_cap * 2;
        log->snapshots = mem_realloc(log->snapshots, log->snapshot_cap * sizeof *log->snapshots,
                                     cap * sizeof *log->snapshots);
        log->snapshot_cap = cap;
    }
    memmove(log->snapshots + at + 1, log->snapshots + at,
            (log->snapshot_count - at) * sizeof *log->snapshots);
    log->snapshots[at] = offset;
    log->snapshot_count += 1;
}

int log_remove_snapshot_at(struct partition_log *log, size_t idx)
{
    char path[PATH_TEXT_MAX];
    int error = log_file_path(path, log->dir, log->snapshots[idx], LOG_FILE_SNAPSHOT, SUFFIX_NONE);
    memmove(log->snapshots + idx, log->snapshots + idx + 1,
            (log->snapshot_count - idx - 1) * sizeof *log->snapshots);
    log->snapshot_count -= 1;
    return error == 0 ? log_path_remove(log->place.runtime, path) : error;
}

int log_write_snapshot(struct partition_log *log, int64_t offset, bool sync)
{
    /* Nothing was appended since: it says the same, but need not be on disk. */
    bool is_there = log->snapshot_count > 0 && log->snapshots[log->snapshot_count - 1] == offset;
    if (is_there && !sync) {
        return 0;
    }
    char path[PATH_TEXT_MAX];
    struct file *file;
    struct buffer bytes;
    unsigned flags = is_there ? 0 : FILE_CREATE | FILE_TRUNCATE;
    int error = log_file_path(path, log->dir, offset, LOG_FILE_SNAPSHOT, SUFFIX_NONE);
    if (error == 0) {
        error = file_open(log->place.runtime, path, FILE_WRITE | flags, &file);
    }
    if (error != 0) {
        return error;
    }
    buffer_init(&bytes, SNAPSHOT_BYTES_MAX);
    if (!is_there) {
        producer_snapshot_encode(&log->producers, &bytes);
        error = file_write(file, 0, buffer_slice(&bytes));
    }
    buffer_release(&bytes);
    if (error == 0 && sync) {
        error = file_sync(file);
    }
    int close_error = file_close(file);
    error = error == 0 ? close_error : error;
    if (error == 0 && sync) {
        error = directory_sync(log->place.runtime, log->dir);
    }
    if (error == 0 && !is_there) {
        log_note_snapshot(log, offset);
    }
    return error;
}

/* ---- making anew ----------------------------------------------------------------------------- */

static int load_snapshot(struct partition_log *log, int64_t offset, int64_t wall_ms)
{
    char path[PATH_TEXT_MAX];
    struct buffer bytes;
    int error = log_file_path(path, log->dir, offset, LOG_FILE_SNAPSHOT, SUFFIX_NONE);
    if (error != 0) {
        return error;
    }
    buffer_init(&bytes, SNAPSHOT_BYTES_MAX);
    error = log_file_read_all(log->place.runtime, path, SNAPSHOT_BYTES_MAX, &bytes);
    if (error == 0) {
        error = producer_snapshot_decode(&log->producers, buffer_slice(&bytes), wall_ms,
                                         log->producer_id_expiration_ms);
    }
    buffer_release(&bytes);
    return error;
}

static bool is_damage(int error)
{
    return error == ERR_CORRUPT || error == ERR_CHECKSUM || error == ERR_LIMIT ||
           error == ERR_NOT_FOUND;
}

/* From the newest one at or below `offset` backwards; *from is where reading has to begin. */
static int load_newest(struct partition_log *log,
                       int64_t offset,
                       int64_t wall_ms,
                       int64_t *from,
                       bool *ignored)
{
    for (size_t n = log->snapshot_count; n > 0; n--) {
        int64_t at = log->snapshots[n - 1];
        if (at > offset) {
            continue;
        }
        int error = load_snapshot(log, at, wall_ms);
        if (error == 0) {
            *from = at;
            return 0;
        }
        if (!is_damage(error)) {
            return error;
        }
        *ignored = true;
        producer_states_clear(&log->producers);
        error = log_remove_snapshot_at(log, n - 1);
        if (error != 0) {
            return error;
        }
    }
    *from = log->log_start_offset;
    return 0;
}

/* Only batches of producers matter; their headers are enough, but for markers. */
static int replay_batch(struct partition_log *log,
                        struct segment *segment,
                        const struct batch_place *place,
                        struct buffer *bytes)
{
    struct batch_view view;
    struct producer_marker marker;
    struct producer_ended_txn ended;
    if (place->magic < 2) {
        return 0;
    }
    int error = segment_read_batch(segment, place, bytes, &view);
    if (error != 0 || view.producer_id < 0) {
        return error;
    }
    bool has_marker = false;
    if (batch_is_control(&view)) {
        error = producer_read_marker(&view, &marker);
        has_marker = error == 0;
        if (error != 0 && error != ERR_END) {
            return error;
        }
    }
    producer_apply(&log->producers, &view, has_marker ? &marker : NULL, &ended);
    return 0;
}

static int replay_segment(struct partition_log *log,
                          struct segment *segment,
                          int64_t from,
                          int64_t to,
                          struct buffer *bytes)
{
    struct batch_scan scan;
    struct batch_place place;
    int error = segment_find(segment, from, &place);
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    batch_scan_init(&scan, segment, place.position, segment->size);
    while ((error = batch_scan_next(&scan, &place)) == 0 && place.base_offset < to) {
        error = replay_batch(log, segment, &place, bytes);
        if (error != 0) {
            return error;
        }
    }
    return error == ERR_END ? 0 : error;
}

int log_rebuild_producers(struct partition_log *log, int64_t offset, int64_t wall_ms, bool *ignored)
{
    int64_t from;
    struct buffer bytes;
    producer_states_clear(&log->producers);
    int error = load_newest(log, offset, wall_ms, &from, ignored);
    if (error != 0 || from >= offset) {
        return error;
    }
    buffer_init(&bytes, LOG_BATCH_BYTES_MAX);
    for (size_t n = log_segment_at(log, from); n < log->segment_count && error == 0; n++) {
        if (log->segments[n]->base_offset >= offset) {
            break;
        }
        error = replay_segment(log, log->segments[n], from, offset, &bytes);
    }
    buffer_release(&bytes);
    return error;
}
