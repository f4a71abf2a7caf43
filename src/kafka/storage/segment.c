/* segment.c - see segment.h: life of a segment, appending, repair. Reading: segment_scan.c.
 *
 * THE INDEX RULE, Apache's: an entry is made before a set of batches is counted, when more than
 * index.interval.bytes lie between the last entry and the set's begin; it tells the set's last
 * offset and the set's position. So looking up an offset gives a position at or before its batch,
 * and the way from there is some interval of bytes at most.
 */
#include "kafka/storage/segment.h"

#include "base/memory.h"

/* An index that is lost is made anew with the default of index.interval.bytes: which topic's
 * configuration it would be is not known here, and any interval is right. */
#define REINDEX_INTERVAL_BYTES 4096u

struct segment *segment_known(struct segment_place *place,
                              int64_t base_offset,
                              uint64_t size,
                              const char *suffix)
{
    struct segment *segment = mem_alloc_zeroed(sizeof *segment);
    list_init(&segment->resident_link);
    segment->place = place;
    segment->suffix = suffix;
    segment->base_offset = base_offset;
    segment->size = size;
    segment->created_ms = runtime_wall_ms(place->runtime);
    segment->first_timestamp_ms = TIMESTAMP_UNKNOWN;
    segment->largest = (struct time_offset){TIMESTAMP_UNKNOWN, base_offset};
    offset_index_init(&segment->offsets);
    time_index_init(&segment->times);
    return segment;
}

static int segment_path(const struct segment *segment,
                        enum log_file_kind kind,
                        char path[PATH_TEXT_MAX])
{
    return log_file_path(path, segment->place->dir, segment->base_offset, kind, segment->suffix);
}

static int create_empty(const struct segment *segment, enum log_file_kind kind)
{
    char path[PATH_TEXT_MAX];
    struct file *file;
    int error = segment_path(segment, kind, path);
    if (error == 0) {
        error = file_open(segment->place->runtime, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                          &file);
    }
    return error == 0 ? file_close(file) : error;
}

struct segment *segment_create_later(struct segment_place *place,
                                     int64_t base_offset,
                                     const char *suffix,
                                     int64_t wall_ms)
{
    struct segment *segment = segment_known(place, base_offset, 0, suffix);
    segment->created_ms = wall_ms;
    segment->largest.timestamp_ms = NO_TIMESTAMP;
    segment->is_indexed = true;
    segment->knows_aborted = true;
    return segment;
}

int segment_make_files(struct segment *segment)
{
    ASSERT(segment->size == 0 && segment->file == NULL);
    int error = 0;
    for (enum log_file_kind kind = LOG_FILE_RECORDS; error == 0 && kind <= LOG_FILE_TIME_INDEX;
         kind++) {
        error = create_empty(segment, kind);
    }
    segment->is_unsynced = true;
    return error;
}

int segment_create(struct segment_place *place,
                   int64_t base_offset,
                   const char *suffix,
                   int64_t wall_ms,
                   struct segment **created)
{
    char path[PATH_TEXT_MAX];
    struct segment *segment = segment_create_later(place, base_offset, suffix, wall_ms);
    int error = segment_path(segment, LOG_FILE_TXN_INDEX, path);
    if (error == 0) {
        error = log_path_remove(place->runtime, path);
    }
    if (error == 0) {
        error = segment_make_files(segment);
    }
    if (error != 0) {
        segment_free(segment);
        return error;
    }
    *created = segment;
    return 0;
}

/* ---- residence ------------------------------------------------------------------------------- */

static void touch(struct segment *segment)
{
    struct segment_pool *pool = segment->place->pool;
    segment->used_tick = pool->tick;
    if (pool->resident.prev == &segment->resident_link) {
        return; /* it is the last one already */
    }
    list_remove(&segment->resident_link);
    list_append(&pool->resident, &segment->resident_link);
}

int segment_open_file(struct segment *segment)
{
    if (LIKELY(segment->file != NULL)) {
        touch(segment);
        return 0;
    }
    char path[PATH_TEXT_MAX];
    int error = segment_path(segment, LOG_FILE_RECORDS, path);
    if (error != 0) {
        return error;
    }
    /* Out of the list while the pool makes room: it must not rest what is just waking. */
    list_remove(&segment->resident_link);
    error = segment_file_open(segment->place->runtime, segment->place->pool, path,
                              FILE_READ | FILE_WRITE, &segment->file);
    if (error == 0 || segment->is_indexed) {
        touch(segment);
    }
    return error;
}

static int load_indexes(struct segment *segment)
{
    char path[PATH_TEXT_MAX];
    struct runtime *runtime = segment->place->runtime;
    int error = segment_path(segment, LOG_FILE_OFFSET_INDEX, path);
    if (error == 0) {
        error = offset_index_load(&segment->offsets, runtime, path, segment->size);
    }
    if (error == 0) {
        error = segment_path(segment, LOG_FILE_TIME_INDEX, path);
    }
    if (error == 0) {
        error = time_index_load(&segment->times, runtime, path, segment->base_offset, INT64_MAX);
    }
    return error;
}

int segment_wake(struct segment *segment)
{
    int error = segment_open_file(segment);
    if (LIKELY(segment->is_indexed) || error != 0) {
        return error;
    }
    error = load_indexes(segment);
    if (error == ERR_NOT_FOUND || error == ERR_CORRUPT) {
        return segment_reindex(segment, REINDEX_INTERVAL_BYTES);
    }
    segment->is_indexed = error == 0;
    return error;
}

static int save_index(struct segment *segment,
                      enum log_file_kind kind,
                      struct index_entries *entries)
{
    char path[PATH_TEXT_MAX];
    if (index_entries_is_saved(entries) && !segment->is_index_stale) {
        return 0;
    }
    segment->is_unsettled = true;
    int error = segment_path(segment, kind, path);
    return error == 0 ? index_entries_save(entries, segment->place->runtime, path) : error;
}

static int save_indexes(struct segment *segment)
{
    int error = save_index(segment, LOG_FILE_OFFSET_INDEX, &segment->offsets.entries);
    if (error == 0) {
        error = save_index(segment, LOG_FILE_TIME_INDEX, &segment->times.entries);
    }
    segment->is_index_stale = segment->is_index_stale && error != 0;
    return error;
}

/* ---- collected appends ----------------------------------------------------------------------- */

static void drop_pending(struct segment *segment)
{
    if (segment->pending != NULL) {
        segment_pool_give_back(segment->place->pool, segment->pending);
        segment->pending = NULL;
    }
}

int segment_write_out(struct segment *segment)
{
    if (LIKELY(segment->pending == NULL)) {
        return segment->write_error;
    }
    struct slice bytes = buffer_slice(segment->pending);
    ASSERT(segment->file != NULL && segment->size >= bytes.len);
    segment->write_error = file_write(segment->file->file, segment->size - bytes.len, bytes);
    drop_pending(segment);
    return segment->write_error;
}

static int write_now(struct segment *segment, struct slice bytes)
{
    int error = segment_write_out(segment);
    return error == 0 ? file_write(segment->file->file, segment->size, bytes) : error;
}

static int collect(struct segment *segment, struct slice bytes)
{
    if (segment->pending != NULL && buffer_room(segment->pending) < bytes.len) {
        int error = segment_write_out(segment);
        if (error != 0) {
            return error;
        }
    }
    if (segment->pending == NULL) {
        segment->pending = segment_pool_lend(segment->place->pool, SEGMENT_PENDING_BYTES_MAX);
    }
    buffer_append(segment->pending, bytes);
    return segment->write_error;
}

/* ---- rest ------------------------------------------------------------------------------------ */

static void forget_memory(struct segment *segment)
{
    drop_pending(segment);
    list_remove(&segment->resident_link);
    if (segment->file != NULL) {
        segment_file_drop(segment->file);
        segment->file = NULL;
    }
    offset_index_release(&segment->offsets);
    time_index_release(&segment->times);
    if (segment->recent != NULL) {
        mem_free(segment->recent, sizeof *segment->recent);
        segment->recent = NULL;
    }
    segment->is_indexed = false;
}

void segment_rest(struct segment *segment)
{
    segment->write_error = segment_write_out(segment); /* told by the next write */
    if (segment->is_indexed) {
        (void)save_indexes(segment);
    }
    forget_memory(segment);
}

void segment_free(struct segment *segment)
{
    forget_memory(segment);
    mem_free(segment, sizeof *segment);
}

int segment_settle(struct segment *segment)
{
    if (segment->largest.timestamp_ms == TIMESTAMP_UNKNOWN) {
        return 0;
    }
    int error = segment_wake(segment);
    if (error == 0) {
        error = segment_write_out(segment);
    }
    if (error != 0) {
        return error;
    }
    time_index_add(&segment->times, segment->base_offset, segment->largest.timestamp_ms,
                   segment->largest.offset);
    return save_indexes(segment);
}

int segment_seal(struct segment *segment)
{
    int error = segment_know_times(segment);
    if (error == 0) {
        error = segment_settle(segment);
    }
    if (segment->recent != NULL) {
        mem_free(segment->recent, sizeof *segment->recent);
        segment->recent = NULL;
    }
    segment->is_unsettled = true;
    return error;
}

/* ---- names ----------------------------------------------------------------------------------- */

int segment_rename(struct segment *segment, const char *suffix)
{
    struct segment_place *place = segment->place;
    for (enum log_file_kind kind = LOG_FILE_RECORDS; kind <= LOG_FILE_TXN_INDEX; kind++) {
        char from[PATH_TEXT_MAX];
        char to[PATH_TEXT_MAX];
        int error = segment_path(segment, kind, from);
        if (error == 0) {
            error = log_file_path(to, place->dir, segment->base_offset, kind, suffix);
        }
        if (error == 0) {
            error = path_rename(place->runtime, from, to);
        }
        if (error != 0 && error != ERR_NOT_FOUND) {
            return error;
        }
    }
    segment->suffix = suffix;
    return 0;
}

int segment_remove_files(const struct segment_place *place, int64_t base_offset, const char *suffix)
{
    int first_error = 0;
    for (enum log_file_kind kind = LOG_FILE_RECORDS; kind <= LOG_FILE_TXN_INDEX; kind++) {
        char path[PATH_TEXT_MAX];
        int error = log_file_path(path, place->dir, base_offset, kind, suffix);
        if (error == 0) {
            error = log_path_remove(place->runtime, path);
        }
        first_error = first_error == 0 ? error : first_error;
    }
    return first_error;
}

/* ---- append ---------------------------------------------------------------------------------- */

bool segment_takes(const struct segment *segment, size_t len, int64_t last_offset)
{
    return len <= SEGMENT_SIZE_MAX && segment->size <= SEGMENT_SIZE_MAX - len &&
           last_offset - segment->base_offset <= INT32_MAX;
}

int segment_append(struct segment *segment, const struct segment_append *append)
{
    ASSERT(segment->file != NULL && segment->is_indexed);
    ASSERT(segment_takes(segment, append->bytes.len, append->last_offset));
    bool waits = append->may_wait && append->bytes.len <= SEGMENT_WAIT_BYTES_MAX;
    int error = waits ? collect(segment, append->bytes) : write_now(segment, append->bytes);
    if (error != 0) {
        return error;
    }
    if (segment->size == 0) {
        segment->first_timestamp_ms = append->max_timestamp_ms;
    }
    if (append->max_timestamp_ms > segment->largest.timestamp_ms) {
        segment->largest = (struct time_offset){append->max_timestamp_ms,
                                                append->offset_of_max_timestamp};
    }
    if (segment->unindexed_bytes > append->index_interval_bytes) {
        offset_index_add(&segment->offsets, (uint32_t)(append->last_offset - segment->base_offset),
                         (uint32_t)segment->size);
        time_index_add(&segment->times, segment->base_offset, segment->largest.timestamp_ms,
                       segment->largest.offset);
        segment->unindexed_bytes = 0;
    }
    segment->unindexed_bytes += (uint32_t)append->bytes.len;
    segment->size += append->bytes.len;
    segment->is_unsynced = true;
    return 0;
}

void segment_remember(struct segment *segment, const struct batch_place *batch)
{
    if (UNLIKELY(segment->recent == NULL)) {
        segment->recent = mem_alloc_zeroed(sizeof *segment->recent);
    }
    struct recent_batches *recent = segment->recent;
    recent->at[recent->next] = *batch;
    recent->next = (recent->next + 1) % SEGMENT_RECENT;
    recent->count = MIN(recent->count + 1, SEGMENT_RECENT);
}

static int know_aborted(struct segment *segment)
{
    if (segment->knows_aborted) {
        return 0;
    }
    char path[PATH_TEXT_MAX];
    int error = segment_path(segment, LOG_FILE_TXN_INDEX, path);
    if (error == 0) {
        error = txn_index_count(segment->place->runtime, path, &segment->aborted_count);
    }
    segment->knows_aborted = error == 0;
    return error;
}

int segment_append_aborted(struct segment *segment, const struct aborted_txn *txn)
{
    char path[PATH_TEXT_MAX];
    int error = know_aborted(segment);
    if (error == 0) {
        error = segment_path(segment, LOG_FILE_TXN_INDEX, path);
    }
    if (error == 0) {
        error = txn_index_append(segment->place->runtime, path, segment->aborted_count, txn);
    }
    segment->aborted_count += error == 0 ? 1 : 0;
    return error;
}

int segment_read_aborted(struct segment *segment,
                         bool (*each)(void *ctx, const struct aborted_txn *txn),
                         void *ctx)
{
    char path[PATH_TEXT_MAX];
    int error = know_aborted(segment);
    if (error != 0 || segment->aborted_count == 0) {
        return error;
    }
    error = segment_path(segment, LOG_FILE_TXN_INDEX, path);
    return error == 0 ? txn_index_read(segment->place->runtime, path, each, ctx) : error;
}

/* ---- repair ---------------------------------------------------------------------------------- */

void segment_index_batch(struct segment *segment,
                         const struct batch_place *batch,
                         uint32_t index_interval_bytes)
{
    if (batch->position == 0) {
        segment->first_timestamp_ms = batch->max_timestamp_ms;
    }
    if (batch->max_timestamp_ms > segment->largest.timestamp_ms) {
        segment->largest = (struct time_offset){batch->max_timestamp_ms, batch->last_offset};
    }
    if (segment->unindexed_bytes > index_interval_bytes) {
        offset_index_add(&segment->offsets, (uint32_t)(batch->last_offset - segment->base_offset),
                         (uint32_t)batch->position);
        time_index_add(&segment->times, segment->base_offset, segment->largest.timestamp_ms,
                       segment->largest.offset);
        segment->unindexed_bytes = 0;
    }
    segment->unindexed_bytes += batch->size;
}

static void forget_index(struct segment *segment)
{
    index_entries_cut(&segment->offsets.entries, 0);
    index_entries_cut(&segment->times.entries, 0);
    segment->largest = (struct time_offset){NO_TIMESTAMP, segment->base_offset};
    segment->first_timestamp_ms = TIMESTAMP_UNKNOWN;
    segment->unindexed_bytes = 0;
    segment->is_indexed = true;
    segment->is_index_stale = true;
    if (segment->recent != NULL) {
        segment->recent->count = 0;
    }
}

int segment_begin_index(struct segment *segment)
{
    char path[PATH_TEXT_MAX];
    int error = segment_path(segment, LOG_FILE_TXN_INDEX, path);
    if (error == 0) {
        error = log_path_remove(segment->place->runtime, path);
    }
    segment->aborted_count = 0;
    segment->knows_aborted = error == 0;
    forget_index(segment);
    return error;
}

int segment_reindex(struct segment *segment, uint32_t index_interval_bytes)
{
    struct batch_scan scan;
    struct batch_place batch;
    int error = segment_open_file(segment);
    if (error != 0) {
        return error;
    }
    forget_index(segment);
    batch_scan_init(&scan, segment, 0, segment->size);
    int64_t last_offset = segment->base_offset - 1;
    while ((error = batch_scan_next(&scan, &batch)) == 0) {
        if (batch.last_offset <= last_offset ||
            batch.last_offset - segment->base_offset > INT32_MAX) {
            error = ERR_CORRUPT;
            break;
        }
        last_offset = batch.last_offset;
        segment_index_batch(segment, &batch, index_interval_bytes);
    }
    if (error != ERR_END) {
        /* What was seen until then is not what the segment has. */
        forget_index(segment);
        segment->largest.timestamp_ms = TIMESTAMP_UNKNOWN;
        segment->is_indexed = false;
        return error;
    }
    segment->is_unsettled = true;
    return save_indexes(segment);
}

int segment_cut(struct segment *segment, uint64_t size)
{
    int error = segment_open_file(segment);
    if (error == 0) {
        error = segment_write_out(segment);
    }
    if (error == 0) {
        error = file_resize(segment->file->file, size);
    }
    if (error != 0) {
        return error;
    }
    segment->size = size;
    segment->is_unsynced = true;
    return 0;
}

int segment_truncate(struct segment *segment, int64_t offset, uint64_t *removed)
{
    struct batch_place batch;
    char path[PATH_TEXT_MAX];
    *removed = 0;
    int error = segment_wake(segment);
    if (error == 0) {
        error = segment_find(segment, offset, &batch);
    }
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    *removed = segment->size - batch.position;
    error = segment_cut(segment, batch.position);
    if (error == 0) {
        error = segment_path(segment, LOG_FILE_TXN_INDEX, path);
    }
    if (error == 0) {
        error = txn_index_truncate(segment->place->runtime, path, offset, &segment->aborted_count);
    }
    if (error != 0) {
        return error;
    }
    segment->knows_aborted = true;
    offset_index_truncate(&segment->offsets, segment->base_offset, offset);
    time_index_truncate(&segment->times, segment->base_offset, offset);
    segment->largest.timestamp_ms = TIMESTAMP_UNKNOWN;
    segment->unindexed_bytes = 0;
    if (segment->recent != NULL) {
        segment->recent->count = 0;
    }
    if (segment->size == 0) {
        segment->first_timestamp_ms = TIMESTAMP_UNKNOWN;
    }
    error = segment_scan_largest(segment);
    segment->is_index_stale = true;
    return error == 0 ? save_indexes(segment) : error;
}
