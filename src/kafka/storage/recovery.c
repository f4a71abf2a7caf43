/* recovery.c - opening a log: what is in the folder, what of it can be believed, and repair.
 *
 * A CLEAN START reads next to nothing: the names in the folder, the size of the segments, the epoch
 * file, the topic's id, the producers' snapshot. The log's end is what the recovery point says (at
 * a clean end they are the same); log_confirm_end compares it with the file before the first
 * append.
 *
 * AN UNCLEAN START believes what lies below the recovery point: it was synced, and sealed segments'
 * indexes with it. From the segment of the recovery point on, every batch is read: frame, CRC, and
 * that offsets ascend. Indexes, transaction index, epochs and producer states are made anew on the
 * way. The first batch that is not whole is the end: the file is cut there, and segments behind it
 * are removed. What remains is synced, so that it may be told to be durable (flush.before.ack).
 *
 * LEFTOVERS. A deletion renames to .deleted and removes later: such files go. The cleaner writes
 * .cleaned, renames to .swap when all is there, and only then deletes what it replaces: .cleaned
 * files go, .swap files are completed (the old segments in their range go first), unless a .cleaned
 * file at or below them tells that a split of one segment into several was not finished.
 *
 * Source: LogLoader, LogSegment.recover of Apache Kafka 3.9; KAFKA-6264.
 */
#include "base/memory.h"
#include "kafka/storage/log_internal.h"
#include "kafka/storage/partition_metadata.h"

#define READ_CHUNK ((size_t)1024 * 1024)

struct found {
    int64_t *offsets;
    size_t count;
    size_t cap;
};

struct folder {
    struct found segments; /* plain .log, ascending as the listing is */
    struct found sidecars; /* plain indexes */
    struct found swaps;    /* .swap of any kind */
    struct found swap_logs;
    struct found cleaned;
    struct found deleted;
    struct found deleted_snapshots;
    struct found snapshots;
    bool has_epochs;
    bool has_metadata;
    bool is_empty; /* nothing at all lies there */
};

static void found_add(struct found *found, int64_t offset)
{
    if (found->count > 0 && found->offsets[found->count - 1] == offset) {
        return;
    }
    if (found->count == found->cap) {
        size_t cap = found->cap == 0 ? 4 : found->cap * 2;
        found->offsets = mem_realloc(found->offsets, found->cap * sizeof *found->offsets,
                                     cap * sizeof *found->offsets);
        found->cap = cap;
    }
    found->offsets[found->count++] = offset;
}

static bool found_has(const struct found *found, int64_t offset)
{
    for (size_t n = 0; n < found->count; n++) {
        if (found->offsets[n] == offset) {
            return true;
        }
    }
    return false;
}

static void found_remove(struct found *found, int64_t from, int64_t to)
{
    size_t kept = 0;
    for (size_t n = 0; n < found->count; n++) {
        if (found->offsets[n] < from || found->offsets[n] >= to) {
            found->offsets[kept++] = found->offsets[n];
        }
    }
    found->count = kept;
}

static void folder_release(struct folder *folder)
{
    struct found *all[] = {&folder->segments,  &folder->sidecars,         &folder->swaps,
                           &folder->swap_logs, &folder->cleaned,          &folder->deleted,
                           &folder->snapshots, &folder->deleted_snapshots};
    for (size_t n = 0; n < ARRAY_LEN(all); n++) {
        mem_free(all[n]->offsets, all[n]->cap * sizeof(int64_t));
    }
}

static void note_name(void *ctx, const char *name)
{
    struct folder *folder = ctx;
    struct log_file_name file = log_file_parse(name);
    folder->is_empty = false;
    if (file.kind == LOG_FILE_OTHER) {
        folder->has_epochs |= strcmp(name, LEADER_EPOCH_FILE) == 0;
        folder->has_metadata |= strcmp(name, PARTITION_METADATA_FILE) == 0;
        return;
    }
    bool is_snapshot = file.kind == LOG_FILE_SNAPSHOT;
    if (strcmp(file.suffix, SUFFIX_DELETED) == 0) {
        found_add(is_snapshot ? &folder->deleted_snapshots : &folder->deleted, file.offset);
    } else if (strcmp(file.suffix, SUFFIX_CLEANED) == 0) {
        found_add(&folder->cleaned, file.offset);
    } else if (strcmp(file.suffix, SUFFIX_SWAP) == 0) {
        found_add(&folder->swaps, file.offset);
        if (file.kind == LOG_FILE_RECORDS) {
            found_add(&folder->swap_logs, file.offset);
        }
    } else if (is_snapshot) {
        found_add(&folder->snapshots, file.offset);
    } else {
        found_add(file.kind == LOG_FILE_RECORDS ? &folder->segments : &folder->sidecars,
                  file.offset);
    }
}

/* ---- leftovers ------------------------------------------------------------------------------- */

static int remove_each(const struct partition_log *log,
                       const struct found *found,
                       const char *suffix)
{
    int error = 0;
    for (size_t n = 0; n < found->count && error == 0; n++) {
        error = segment_remove_files(&log->place, found->offsets[n], suffix);
    }
    return error;
}

static int file_bytes(const struct partition_log *log,
                      int64_t offset,
                      const char *suffix,
                      uint64_t *size)
{
    char path[PATH_TEXT_MAX];
    struct path_info info;
    int error = log_file_path(path, log->dir, offset, LOG_FILE_RECORDS, suffix);
    if (error == 0) {
        error = path_stat(log->place.runtime, path, &info);
    }
    *size = error == 0 ? info.size : 0;
    return error;
}

/* The offset behind a finished compaction's segment. */
static int end_of_swap(struct partition_log *log, int64_t offset, int64_t *end)
{
    uint64_t size;
    int error = file_bytes(log, offset, SUFFIX_SWAP, &size);
    if (error != 0) {
        return error;
    }
    struct segment *segment = segment_known(&log->place, offset, size, SUFFIX_SWAP);
    error = segment_next_offset(segment, end);
    segment_free(segment);
    return error;
}

/* Segments in [from, to) that a finished compaction has replaced, but for the swaps' own bases. */
static int remove_replaced(struct partition_log *log,
                           struct folder *folder,
                           int64_t from,
                           int64_t to)
{
    int error = 0;
    for (size_t n = 0; n < folder->segments.count && error == 0; n++) {
        int64_t base = folder->segments.offsets[n];
        if (base >= from && base < to) {
            error = segment_remove_files(&log->place, base, SUFFIX_NONE);
        }
    }
    found_remove(&folder->segments, from, to);
    return error;
}

static int complete_swaps(struct partition_log *log, struct folder *folder)
{
    int64_t from = INT64_MAX;
    int64_t to = INT64_MIN;
    int error = 0;
    for (size_t n = 0; n < folder->swap_logs.count && error == 0; n++) {
        int64_t end = 0;
        error = end_of_swap(log, folder->swap_logs.offsets[n], &end);
        from = MIN(from, folder->swap_logs.offsets[n]);
        to = MAX(to, MAX(end, folder->swap_logs.offsets[n] + 1));
    }
    if (error == 0 && from < to) {
        error = remove_replaced(log, folder, from, to);
    }
    for (size_t n = 0; n < folder->swaps.count && error == 0; n++) {
        int64_t base = folder->swaps.offsets[n];
        struct segment *segment = segment_known(&log->place, base, 0, SUFFIX_SWAP);
        error = segment_rename(segment, SUFFIX_NONE);
        segment_free(segment);
        log->is_folder_unsynced = true;
    }
    return error;
}

static int tidy_leftovers(struct partition_log *log, struct folder *folder)
{
    int error = remove_each(log, &folder->deleted, SUFFIX_DELETED);
    for (size_t n = 0; n < folder->deleted_snapshots.count && error == 0; n++) {
        char path[PATH_TEXT_MAX];
        error = log_file_path(path, log->dir, folder->deleted_snapshots.offsets[n],
                              LOG_FILE_SNAPSHOT, SUFFIX_DELETED);
        if (error == 0) {
            error = log_path_remove(log->place.runtime, path);
        }
    }
    if (error == 0 && folder->cleaned.count > 0) {
        int64_t lowest = folder->cleaned.offsets[0];
        for (size_t n = 0; n < folder->swaps.count && error == 0; n++) {
            if (folder->swaps.offsets[n] >= lowest) {
                error = segment_remove_files(&log->place, folder->swaps.offsets[n], SUFFIX_SWAP);
            }
        }
        found_remove(&folder->swaps, lowest, INT64_MAX);
        found_remove(&folder->swap_logs, lowest, INT64_MAX);
    }
    if (error == 0) {
        error = remove_each(log, &folder->cleaned, SUFFIX_CLEANED);
    }
    return error == 0 && folder->swaps.count > 0 ? complete_swaps(log, folder) : error;
}

/* ---- small files ----------------------------------------------------------------------------- */

/* A file that does not read is refused: the topic's identity hangs on it. */
static int load_metadata(struct partition_log *log)
{
    char path[PATH_TEXT_MAX];
    struct buffer text;
    int error = log_path_join(path, log->dir, PARTITION_METADATA_FILE);
    if (error != 0) {
        return error;
    }
    buffer_init(&text, LOG_TEXT_MAX);
    error = log_file_read_all(log->place.runtime, path, LOG_TEXT_MAX, &text);
    if (error == 0) {
        error = partition_metadata_parse(buffer_slice(&text), &log->topic_id);
    }
    log->has_topic_id = error == 0;
    buffer_release(&text);
    return error;
}

/* ---- checking a segment ---------------------------------------------------------------------- */

struct check {
    struct partition_log *log;
    struct segment *segment;
    struct partition_log_recovery *figures;
    struct buffer bytes; /* a window over the file: [at, at + bytes.len) */
    uint64_t at;
    int64_t last_offset;
};

/* Views the batch at `position`, reading on as needed. ERR_END behind the last one. */
static int next_batch(struct check *check, uint64_t position, struct batch_view *view)
{
    struct segment *segment = check->segment;
    size_t want = READ_CHUNK;
    if (position >= segment->size) {
        return ERR_END;
    }
    for (;;) {
        if (position >= check->at && position < check->at + check->bytes.len) {
            size_t need;
            struct slice in = slice_part(buffer_slice(&check->bytes),
                                         (size_t)(position - check->at), check->bytes.len);
            int error = batch_view(in, view, &need);
            if (error != ERR_TRUNCATED || check->at + check->bytes.len >= segment->size ||
                need > segment->size - position) {
                return error;
            }
            want = MAX(want, need);
        }
        buffer_clear(&check->bytes, SIZE_MAX);
        check->at = position;
        want = (size_t)MIN(want, segment->size - position);
        int error = file_read(segment->file->file, position, buffer_reserve(&check->bytes, want),
                              want, &check->bytes.len);
        if (error != 0) {
            return error;
        }
        if (check->bytes.len == 0) {
            return ERR_TRUNCATED; /* the file is shorter than a moment ago */
        }
    }
}

static int check_batch(struct check *check, const struct batch_view *view)
{
    int64_t base = check->segment->base_offset;
    if (view->base_offset <= check->last_offset || view->last_offset < view->base_offset ||
        view->last_offset - base > INT32_MAX) {
        return ERR_CORRUPT;
    }
    return batch_check_crc(view);
}

/* What the log knows of producers, transactions and epochs from this batch. */
static int learn_batch(struct check *check, const struct batch_view *view)
{
    struct partition_log *log = check->log;
    struct producer_marker marker;
    struct producer_ended_txn ended;
    if (view->magic < 2) {
        return 0;
    }
    if (view->partition_leader_epoch > leader_epochs_latest(&log->epochs)) {
        log->are_epochs_unsaved |= leader_epochs_assign(&log->epochs, view->partition_leader_epoch,
                                                        view->base_offset);
    }
    bool has_marker = false;
    if (batch_is_control(view) && view->producer_id >= 0) {
        int error = producer_read_marker(view, &marker);
        if (error != 0 && error != ERR_END) {
            return ERR_CORRUPT;
        }
        has_marker = error == 0;
    }
    producer_apply(&log->producers, view, has_marker ? &marker : NULL, &ended);
    if (ended.has_ended && ended.was_aborted) {
        return segment_append_aborted(check->segment, &ended.txn);
    }
    return 0;
}

static bool is_bad_batch(int error)
{
    return error == ERR_CORRUPT || error == ERR_CHECKSUM || error == ERR_TRUNCATED ||
           error == ERR_LIMIT;
}

/* *valid is how far the file is good. An error is the disk's, not the content's. */
static int check_segment(struct check *check, uint64_t *valid)
{
    struct segment *segment = check->segment;
    const struct topic_config *config = check->log->config;
    struct batch_view view;
    uint64_t position = 0;
    check->last_offset = segment->base_offset - 1;
    check->at = 0;
    check->bytes.len = 0;
    int error;
    while ((error = next_batch(check, position, &view)) == 0) {
        error = check_batch(check, &view);
        if (error == 0) {
            error = learn_batch(check, &view);
        }
        if (error != 0) {
            break;
        }
        struct batch_place place = {.position = position,
                                    .size = (uint32_t)view.bytes.len,
                                    .base_offset = view.base_offset,
                                    .last_offset = view.last_offset,
                                    .max_timestamp_ms = view.max_timestamp_ms};
        segment_index_batch(segment, &place, (uint32_t)MAX(config->index_interval_bytes, 0));
        check->last_offset = view.last_offset;
        position += view.bytes.len;
    }
    *valid = position;
    return error == ERR_END || is_bad_batch(error) ? 0 : error;
}

static int remove_tail(struct partition_log *log,
                       size_t from,
                       struct partition_log_recovery *figures)
{
    int error = 0;
    for (size_t n = from; n < log->segment_count && error == 0; n++) {
        figures->bytes_truncated += log->segments[n]->size;
        error = segment_remove_files(&log->place, log->segments[n]->base_offset, SUFFIX_NONE);
        segment_rest(log->segments[n]);
    }
    for (size_t n = from; n < log->segment_count; n++) {
        log->size -= log->segments[n]->size;
        segment_free(log->segments[n]);
    }
    log->segment_count = from;
    log->is_folder_unsynced = true;
    return error;
}

static int recover_one(struct check *check, uint64_t *valid)
{
    struct segment *segment = check->segment;
    int error = segment_open_file(segment);
    if (error == 0) {
        error = segment_begin_index(segment);
    }
    if (error == 0) {
        error = check_segment(check, valid);
    }
    if (error == 0 && *valid < segment->size) {
        check->figures->bytes_truncated += segment->size - *valid;
        check->log->size -= segment->size - *valid;
        error = segment_cut(segment, *valid);
    }
    check->figures->segments_checked += 1;
    check->figures->indexes_rebuilt += 1;
    check->figures->bytes_checked += *valid;
    segment->is_unsynced = true;
    return error == 0 ? segment_seal(segment) : error;
}

/* A power cut may take the end of a sealed segment, on the boundary of a batch, and leave the next
 * one: what lies behind the hole was not flushed either, and goes. Compaction, however, leaves such
 * holes where nothing is missing. A segment that begins within the one before it is nobody's work,
 * and cannot be read. */
static bool is_broken_behind(const struct partition_log *log, size_t idx)
{
    if (idx + 1 >= log->segment_count) {
        return false;
    }
    int64_t next = log->segments[idx + 1]->base_offset;
    bool may_have_holes = (log->config->cleanup_policy & CLEANUP_COMPACT) != 0;
    return log->end_offset > next || (log->end_offset < next && !may_have_holes);
}

static int recover_from(struct partition_log *log,
                        size_t first,
                        struct partition_log_recovery *figures)
{
    struct check check = {.log = log, .figures = figures};
    int error = 0;
    buffer_init(&check.bytes, LOG_BATCH_BYTES_MAX + READ_CHUNK);
    for (size_t n = first; n < log->segment_count && error == 0; n++) {
        uint64_t before = log->segments[n]->size;
        uint64_t valid = 0;
        check.segment = log->segments[n];
        if (n > first) {
            error = log_write_snapshot(log, check.segment->base_offset, false);
        }
        if (error == 0) {
            error = recover_one(&check, &valid);
        }
        log->end_offset = check.last_offset + 1;
        if (error == 0 && (valid < before || is_broken_behind(log, n))) {
            error = remove_tail(log, n + 1, figures);
        }
        if (error == 0 && n + 1 < log->segment_count) {
            segment_rest(check.segment);
        }
    }
    buffer_release(&check.bytes);
    return error;
}

/* ---- open ------------------------------------------------------------------------------------ */

static int load_segments(struct partition_log *log, const struct folder *folder)
{
    for (size_t n = 0; n < folder->segments.count; n++) {
        uint64_t size;
        int error = file_bytes(log, folder->segments.offsets[n], SUFFIX_NONE, &size);
        if (error != 0) {
            return error;
        }
        log_add_segment(log,
                        segment_known(&log->place, folder->segments.offsets[n], size, SUFFIX_NONE));
    }
    for (size_t n = 0; n < folder->sidecars.count; n++) {
        if (!found_has(&folder->segments, folder->sidecars.offsets[n]) &&
            !found_has(&folder->swaps, folder->sidecars.offsets[n])) {
            int error = segment_remove_files(&log->place, folder->sidecars.offsets[n], SUFFIX_NONE);
            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

/* Snapshots at no segment's base go, but for the newest one when it is behind all of them: a clean
 * end wrote it. (ProducerStateManager.removeStraySnapshots) */
static int remove_stray_snapshots(struct partition_log *log, const struct folder *folder)
{
    for (size_t n = log->snapshot_count; n > 0; n--) {
        int64_t offset = log->snapshots[n - 1];
        bool is_newest = n == log->snapshot_count;
        if (found_has(&folder->segments, offset) || found_has(&folder->swaps, offset) ||
            (is_newest && offset > log_active(log)->base_offset)) {
            continue;
        }
        int error = log_remove_snapshot_at(log, n - 1);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int remove_snapshots_above(struct partition_log *log, int64_t offset)
{
    while (log->snapshot_count > 0 && log->snapshots[log->snapshot_count - 1] > offset) {
        int error = log_remove_snapshot_at(log, log->snapshot_count - 1);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int start_clean(struct partition_log *log,
                       const struct partition_log_open *open,
                       struct partition_log_recovery *figures)
{
    struct segment *active = log_active(log);
    int error = 0;
    if (active->size == 0) {
        log->end_offset = active->base_offset;
    } else if (open->recovery_point > active->base_offset) {
        log->end_offset = open->recovery_point;
        log->is_end_trusted = true;
    } else {
        error = segment_next_offset(active, &log->end_offset);
    }
    log->flushed_offset = log->end_offset;
    if (error == 0) {
        error = remove_snapshots_above(log, log->end_offset);
    }
    /* Without any snapshot it comes from a broker that had none: nothing is known, and reading the
     * whole log for it would not be worth it (UnifiedLog.rebuildProducerState). */
    if (error != 0 || log->snapshot_count == 0) {
        return error;
    }
    return log_rebuild_producers(log, log->end_offset, open->wall_ms, &figures->snapshot_ignored);
}

static int start_unclean(struct partition_log *log,
                         const struct partition_log_open *open,
                         struct partition_log_recovery *figures)
{
    /* The segment of the last flushed record, too: it may have been sealed when all of it was
     * flushed, and then its indexes waited for the next flush. */
    size_t first = log_segment_at(log, MAX(open->recovery_point - 1, 0));
    int64_t base = log->segments[first]->base_offset;
    log->end_offset = base;
    int error = remove_snapshots_above(log, base);
    if (error == 0) {
        error = log_rebuild_producers(log, base, open->wall_ms, &figures->snapshot_ignored);
    }
    if (error == 0) {
        error = recover_from(log, first, figures);
    }
    log->flushed_offset = MIN(open->recovery_point, log->end_offset);
    return error;
}

/* The segments end below where the log is said to begin: they are of no use any more. */
static int restart_empty(struct partition_log *log,
                         int64_t offset,
                         int64_t wall_ms,
                         struct partition_log_recovery *figures)
{
    struct segment *segment;
    int error = remove_tail(log, 0, figures);
    if (error == 0) {
        error = remove_snapshots_above(log, -1);
    }
    if (error == 0) {
        error = segment_create(&log->place, offset, SUFFIX_NONE, wall_ms, &segment);
    }
    if (error != 0) {
        return error;
    }
    log->is_folder_unsynced = true;
    log_add_segment(log, segment);
    producer_states_clear(&log->producers);
    (void)leader_epochs_clear(&log->epochs);
    log->end_offset = offset;
    log->flushed_offset = offset;
    return 0;
}

/* is_fresh: the folder had no segment. There is nothing of before to make durable, then; the first
 * flush syncs what was made (is_folder_unsynced), so that a thousand new partitions cost no sync.
 */
static int settle_start(struct partition_log *log,
                        const struct partition_log_open *open,
                        bool is_fresh,
                        struct partition_log_recovery *figures)
{
    int error = 0;
    if (log->end_offset < open->log_start_offset) {
        error = restart_empty(log, open->log_start_offset, open->wall_ms, figures);
    }
    log->log_start_offset = MAX(open->log_start_offset, log->segments[0]->base_offset);
    log->are_epochs_unsaved |= leader_epochs_truncate_end(&log->epochs, log->end_offset);
    log->are_epochs_unsaved |= leader_epochs_truncate_start(&log->epochs, log->log_start_offset);
    if (error == 0 && (log->are_epochs_unsaved || (!open->was_clean && !is_fresh))) {
        error = log_save_epochs(log);
    }
    for (size_t n = 0; n < log->segment_count && error == 0; n++) {
        if (log->segments[n]->file != NULL && n + 1 < log->segment_count) {
            segment_rest(log->segments[n]);
        }
    }
    if (error != 0 || open->was_clean || is_fresh) {
        return error;
    }
    /* The process may have ended between the making of a file and the sync of its name. */
    log->is_folder_unsynced = true;
    /* Where the page cache is enough for an acknowledgement it is enough for a start, too: as in
     * Apache's, the recovery point stays where it is until the log's next flush. */
    return log->config->flush_before_ack ? partition_log_flush(log) : 0;
}

/* A folder without a segment: a new log. */
static int begin_log(struct partition_log *log,
                     const struct partition_log_open *open,
                     bool is_empty)
{
    struct segment *segment;
    int error = 0;
    log->is_bare = is_empty && open->log_start_offset == 0;
    if (log->is_bare) {
        segment = segment_create_later(&log->place, 0, SUFFIX_NONE, open->wall_ms);
    } else {
        error = segment_create(&log->place, open->log_start_offset, SUFFIX_NONE, open->wall_ms,
                               &segment);
    }
    if (error != 0) {
        return error;
    }
    log_add_segment(log, segment);
    log->end_offset = open->log_start_offset;
    log->flushed_offset = log->end_offset;
    log->is_folder_unsynced = true;
    return remove_snapshots_above(log, -1);
}

static int open_folder(struct partition_log *log,
                       const struct partition_log_open *open,
                       struct folder *folder,
                       struct partition_log_recovery *figures)
{
    int error = tidy_leftovers(log, folder);
    if (error == 0) {
        /* Completed swaps are segments now. */
        size_t swapped = folder->swap_logs.count;
        if (swapped > 0) {
            folder_release(folder);
            *folder = (struct folder){0};
            error = directory_list(log->place.runtime, log->dir, note_name, folder);
        }
    }
    if (error == 0 && folder->has_metadata) {
        error = load_metadata(log);
        if (error == ERR_CORRUPT && !open->was_clean) {
            /* Nothing was flushed here yet, or the file would be whole: it is made anew. */
            char path[PATH_TEXT_MAX];
            error = log_path_join(path, log->dir, PARTITION_METADATA_FILE);
            error = error == 0 ? log_path_remove(log->place.runtime, path) : error;
            log->is_folder_unsynced = true;
        }
    }
    if (error == 0 && folder->has_epochs) {
        error = leader_epochs_load(&log->epochs, log->place.runtime, log->dir);
        if (error == ERR_CORRUPT && !open->was_clean) {
            (void)leader_epochs_clear(&log->epochs);
            log->are_epochs_unsaved = true;
            error = 0;
        }
    }
    if (error == 0) {
        error = load_segments(log, folder);
    }
    for (size_t n = 0; n < folder->snapshots.count; n++) {
        log_note_snapshot(log, folder->snapshots.offsets[n]);
    }
    if (error != 0) {
        return error;
    }
    if (log->segment_count == 0) {
        error = begin_log(log, open, folder->is_empty);
        return error == 0 ? settle_start(log, open, true, figures) : error;
    }
    error = remove_stray_snapshots(log, folder);
    if (error == 0) {
        error = open->was_clean ? start_clean(log, open, figures)
                                : start_unclean(log, open, figures);
    }
    return error == 0 ? settle_start(log, open, false, figures) : error;
}

static void name_log(struct partition_log *log, const struct partition_log_open *open)
{
    struct buffer name;
    log->dir_size = strlen(open->dir) + 1;
    log->dir = mem_alloc(log->dir_size);
    memcpy(log->dir, open->dir, log->dir_size);
    log->place.dir = log->dir;
    buffer_init(&name, LOG_TEXT_MAX);
    buffer_append(&name, open->topic);
    buffer_append_u8(&name, '-');
    buffer_append_decimal(&name, open->partition);
    log->name_size = name.len + 1;
    log->name = mem_alloc(log->name_size);
    memcpy(log->name, name.data, name.len);
    log->name[name.len] = '\0';
    log->topic = slice_of(log->name, open->topic.len);
    log->partition = open->partition;
    buffer_release(&name);
}

static struct partition_log *new_log(struct runtime *runtime, const struct partition_log_open *open)
{
    struct partition_log *log = mem_alloc_zeroed(sizeof *log);
    log->place.runtime = runtime;
    log->place.pool = segment_pool_new(LOG_OWN_FILES_MAX);
    log->config = open->config;
    log->producer_id_expiration_ms = open->producer_id_expiration_ms;
    log->flush_limit = INT64_MAX;
    name_log(log, open);
    leader_epochs_init(&log->epochs);
    producer_states_init(&log->producers);
    return log;
}

static int list_or_make(struct partition_log *log, struct folder *folder)
{
    struct runtime *runtime = log->place.runtime;
    int error = directory_list(runtime, log->dir, note_name, folder);
    if (error != ERR_NOT_FOUND) {
        return error;
    }
    log->is_folder_new = true;
    return directory_create(runtime, log->dir);
}

int partition_log_open(struct runtime *runtime,
                       const struct partition_log_open *open,
                       struct partition_log **opened,
                       struct partition_log_recovery *recovery,
                       struct errmsg *message)
{
    struct folder folder = {.is_empty = true};
    struct partition_log_recovery figures = {0};
    struct partition_log *log = new_log(runtime, open);
    int error = list_or_make(log, &folder);
    if (error == 0) {
        error = open_folder(log, open, &folder, &figures);
    }
    folder_release(&folder);
    if (error != 0) {
        const char *detail = runtime_error_detail();
        errmsg_set(message, error, "cannot open the log %s in %s: %s%s%s", log->name, log->dir,
                   error_text(error), error == ERR_IO && detail[0] != '\0' ? ": " : "",
                   error == ERR_IO ? detail : "");
        partition_log_release(log);
        return error;
    }
    for (size_t n = 0; n < log->segment_count; n++) {
        segment_rest(log->segments[n]);
    }
    if (recovery != NULL) {
        *recovery = figures;
    }
    *opened = log;
    return 0;
}
