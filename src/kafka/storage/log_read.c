/* log_read.c - from offsets to ranges of files. See partition_log.h.
 *
 * A range is a position and a length in one segment: nothing is copied here. At the tail everything
 * comes from what the active segment remembers of its last batches; elsewhere it is one search in
 * the index and a walk over some headers. The range ends at the limit, in the middle of a batch if
 * need be (clients drop what is cut), or at the upper offset's batch, or at the segment's end: a
 * reader comes back for the next one.
 */
#include "kafka/storage/log_internal.h"

static int16_t protocol_error(int error)
{
    return error == ERR_CORRUPT ? KAFKA_ERROR_CORRUPT_MESSAGE : KAFKA_ERROR_KAFKA_STORAGE_ERROR;
}

/* Where in `segment` the readable part ends for upper_offset, which lies above the begin of it. */
static int upper_position(struct partition_log *log,
                          size_t idx,
                          int64_t upper_offset,
                          uint64_t *position)
{
    struct segment *segment = log->segments[idx];
    bool is_active = idx + 1 == log->segment_count;
    *position = segment->size;
    if (upper_offset >= (is_active ? log->end_offset : log->segments[idx + 1]->base_offset)) {
        return 0;
    }
    struct batch_place batch;
    int error = segment_find(segment, upper_offset, &batch);
    if (error == 0) {
        *position = batch.position;
    }
    return error == ERR_END ? 0 : error;
}

/* The first batch that ends at or behind `offset`, perhaps in a later segment (compaction leaves
 * holes). ERR_END: there is none. */
static int find_batch(struct partition_log *log,
                      int64_t offset,
                      size_t *idx,
                      struct batch_place *batch)
{
    int error = ERR_END;
    for (*idx = log_segment_at(log, offset); *idx < log->segment_count; *idx += 1) {
        error = segment_find(log->segments[*idx], offset, batch);
        if (error != ERR_END) {
            return error;
        }
    }
    return error;
}

static int read_range(struct partition_log *log,
                      int64_t offset,
                      size_t max_bytes,
                      bool min_one,
                      int64_t upper_offset,
                      struct log_read *read)
{
    size_t idx;
    struct batch_place batch;
    uint64_t end;
    int error = find_batch(log, offset, &idx, &batch);
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    if (batch.base_offset >= upper_offset) {
        return 0;
    }
    error = upper_position(log, idx, upper_offset, &end);
    if (error != 0 || end <= batch.position) {
        return error;
    }
    uint64_t len = MIN(end - batch.position, max_bytes);
    if (min_one && len < batch.size) {
        len = batch.size;
    }
    read->first_batch_offset = batch.base_offset;
    read->first_batch_incomplete = len < batch.size;
    if (len == 0) {
        return 0;
    }
    error = segment_open_file(log->segments[idx]);
    if (error == 0) {
        error = segment_write_out(log->segments[idx]);
    }
    if (error != 0) {
        return error;
    }
    read->range = (struct log_range){
        .file = segment_file_keep(log->segments[idx]->file),
        .position = batch.position,
        .len = (size_t)len,
    };
    return 0;
}

void partition_log_read(struct partition_log *log,
                        int64_t offset,
                        size_t max_bytes,
                        bool min_one,
                        int64_t upper_offset,
                        struct log_read *read)
{
    *read = (struct log_read){.first_batch_offset = -1};
    if (log->has_failed) {
        read->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        return;
    }
    if (offset < log->log_start_offset || offset > log->end_offset) {
        read->error = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
        return;
    }
    if (offset >= upper_offset || offset == log->end_offset) {
        return;
    }
    int error = read_range(log, offset, max_bytes, min_one, MIN(upper_offset, log->end_offset),
                           read);
    if (error != 0) {
        read->error = protocol_error(error);
    }
}

int log_range_read(const struct log_range *range, uint64_t from, void *bytes, size_t len)
{
    size_t got;
    if (range->file == NULL || from > range->len || len > range->len - from) {
        return ERR_INVALID;
    }
    int error = file_read(range->file->file, range->position + from, bytes, len, &got);
    return error == 0 && got < len ? ERR_TRUNCATED : error;
}

struct file *log_range_file(const struct log_range *range)
{
    return range->file->file;
}

void log_range_drop(struct log_range *range)
{
    if (range->file != NULL) {
        segment_file_drop(range->file);
        range->file = NULL;
    }
}

/* ---- how much -------------------------------------------------------------------------------- */

/* Bytes of all segments before the batch of `offset`. */
static uint64_t bytes_before(struct partition_log *log, int64_t offset)
{
    uint64_t bytes = 0;
    if (offset >= log->end_offset) {
        return log->size;
    }
    size_t idx = log_segment_at(log, offset);
    struct batch_place batch;
    for (size_t n = 0; n < idx; n++) {
        bytes += log->segments[n]->size;
    }
    if (segment_find(log->segments[idx], offset, &batch) == 0) {
        return bytes + batch.position;
    }
    return bytes + log->segments[idx]->size;
}

uint64_t partition_log_bytes_between(struct partition_log *log,
                                     int64_t from_offset,
                                     int64_t to_offset)
{
    if (log->has_failed || from_offset >= to_offset) {
        return 0;
    }
    uint64_t from = bytes_before(log, MAX(from_offset, log->log_start_offset));
    uint64_t to = bytes_before(log, to_offset);
    return to > from ? to - from : 0;
}

/* ---- aborted transactions -------------------------------------------------------------------- */

struct aborted_search {
    int64_t from;
    int64_t to;
    struct arena *arena;
    struct log_aborted_txn *found;
    int32_t count;
    int32_t cap;
    bool is_complete; /* later entries begin behind `to` */
    bool is_full;
};

static bool note_aborted(void *ctx, const struct aborted_txn *txn)
{
    struct aborted_search *search = ctx;
    if (txn->last_offset >= search->from && txn->first_offset < search->to) {
        if (search->count == search->cap) {
            int32_t cap = search->cap == 0 ? 8 : search->cap * 2;
            if (arena_room(search->arena) < (size_t)cap * sizeof *search->found + 64) {
                search->is_full = true;
                return false;
            }
            struct log_aborted_txn *more = ARENA_ARRAY(search->arena, struct log_aborted_txn, cap);
            if (search->count > 0) {
                memcpy(more, search->found, (size_t)search->count * sizeof *more);
            }
            search->found = more;
            search->cap = cap;
        }
        search->found[search->count++] = (struct log_aborted_txn){txn->producer_id,
                                                                  txn->first_offset};
    }
    search->is_complete = txn->last_stable_offset >= search->to;
    return !search->is_complete;
}

int partition_log_aborted(struct partition_log *log,
                          int64_t from,
                          int64_t to,
                          struct arena *arena,
                          struct log_aborted_txn **aborted,
                          int32_t *count)
{
    struct aborted_search search = {.from = from, .to = to, .arena = arena};
    if (log->has_failed) {
        return ERR_IO;
    }
    for (size_t n = log_segment_at(log, from);
         n < log->segment_count && !search.is_complete && !search.is_full; n++) {
        int error = segment_read_aborted(log->segments[n], note_aborted, &search);
        if (error != 0) {
            return error;
        }
    }
    *aborted = search.found;
    *count = search.count;
    return search.is_full ? ERR_LIMIT : 0;
}
