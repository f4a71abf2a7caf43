/* log_append.c - appending: what log_validate.c has let through meets the producers' states, the
 * segment's limits and the file. See partition_log.h.
 *
 * Order: checks that change nothing, then the write, then everything that follows from it. A
 * refusal leaves the log as it was; a failing write takes it out of service.
 */
#include "kafka/storage/log_internal.h"

/* ---- producers ------------------------------------------------------------------------------- */

static bool answer_duplicate(struct partition_log *log,
                             const struct producer_batch *batch,
                             struct append_result *result)
{
    result->was_duplicate = true;
    result->first_offset = batch->last_offset - batch->offset_delta;
    result->last_offset = batch->last_offset;
    result->log_append_time_ms = batch->timestamp_ms;
    result->log_start_offset = log->log_start_offset;
    return false;
}

/* UnifiedLog.analyzeAndValidateProducerState. A set that a leader appends has one batch with a
 * producer at most, so each can be judged by the states as they are. */
static bool check_producers(struct partition_log *log,
                            const struct append_request *request,
                            struct slice bytes,
                            struct append_result *result)
{
    struct batch_view view;
    if (request->origin == APPEND_REPLICATION) {
        return true;
    }
    while (bytes.len > 0 && batch_view(bytes, &view, NULL) == 0) {
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
        if (view.producer_id < 0) {
            continue;
        }
        struct producer_verdict verdict;
        struct producer_marker marker = {.coordinator_epoch = -1};
        if (batch_is_control(&view) && producer_read_marker(&view, &marker) != 0) {
            return append_refuse(result, KAFKA_ERROR_INVALID_RECORD, NULL);
        }
        producer_check(&log->producers, &view, request->origin, marker.coordinator_epoch, &verdict);
        if (verdict.is_duplicate) {
            return answer_duplicate(log, &verdict.duplicate, result);
        }
        if (verdict.error != 0) {
            return append_refuse(result, verdict.error, NULL);
        }
    }
    return true;
}

static int apply_producer(struct partition_log *log, const struct batch_view *view)
{
    struct producer_marker marker;
    struct producer_ended_txn ended;
    bool has_marker = batch_is_control(view) && producer_read_marker(view, &marker) == 0;
    producer_apply(&log->producers, view, has_marker ? &marker : NULL, &ended);
    if (ended.has_ended && ended.was_aborted) {
        return segment_append_aborted(log_active(log), &ended.txn);
    }
    return 0;
}

/* ---- rolling --------------------------------------------------------------------------------- */

/* The time between the segment's first batch and these records, or since the segment was made when
 * its records have no time (LogSegment.timeWaitedForRoll). */
static int64_t waited_ms(const struct segment *segment, int64_t max_timestamp_ms, int64_t wall_ms)
{
    if (segment->first_timestamp_ms >= 0) {
        return max_timestamp_ms - segment->first_timestamp_ms;
    }
    return wall_ms - segment->created_ms;
}

/* LogSegment.shouldRoll. */
static bool is_full(const struct partition_log *log,
                    const struct validated *validated,
                    int64_t wall_ms)
{
    const struct topic_config *config = log->config;
    const struct segment *segment = log_active(log);
    uint64_t len = validated->bytes.len;
    if (segment->size + len > (uint64_t)config->segment_bytes ||
        !segment_takes(segment, len, validated->last_offset)) {
        return true;
    }
    uint32_t offsets_max = (uint32_t)config->segment_index_bytes / OFFSET_INDEX_ENTRY;
    uint32_t times_max = (uint32_t)config->segment_index_bytes / TIME_INDEX_ENTRY;
    if (segment->offsets.entries.count >= offsets_max ||
        segment->times.entries.count + 1 >= times_max) {
        return true;
    }
    return segment->size > 0 && waited_ms(segment, validated->max_timestamp_ms, wall_ms) >
                                    config->segment_ms - log->jitter_ms;
}

static int make_room(struct partition_log *log,
                     const struct append_request *request,
                     const struct validated *validated,
                     struct append_result *result)
{
    int error = log_make_files(log);
    if (error == 0) {
        error = segment_know_times(log_active(log));
    }
    if (error == 0) {
        error = segment_wake(log_active(log));
    }
    if (error != 0 || LIKELY(!is_full(log, validated, request->wall_ms))) {
        return error;
    }
    /* A follower may be given a gap (compaction): the new segment begins where the records do. */
    int64_t base = MAX(log->end_offset, validated->first_offset);
    if (request->origin == APPEND_REPLICATION && validated->last_offset - base > INT32_MAX) {
        base = validated->last_offset - INT32_MAX;
    }
    error = log_roll_at(log, base, request->wall_ms);
    result->rolled = error == 0;
    return error == 0 ? segment_wake(log_active(log)) : error;
}

/* ---- the write ------------------------------------------------------------------------------- */

static int learn_epoch(struct partition_log *log, const struct batch_view *view)
{
    bool changed = false;
    if (view->magic == 2 && view->partition_leader_epoch >= 0) {
        if (LIKELY(view->partition_leader_epoch == leader_epochs_latest(&log->epochs))) {
            return 0;
        }
        changed = leader_epochs_assign(&log->epochs, view->partition_leader_epoch,
                                       view->base_offset);
    } else if (view->magic < 2) {
        /* Without epochs in the records truncation goes by the high watermark again. */
        changed = leader_epochs_clear(&log->epochs);
    }
    return changed ? log_save_epochs(log) : 0;
}

/* Everything that follows from the written batches. */
static int learn_batches(struct partition_log *log, struct slice bytes, uint64_t position)
{
    struct segment *active = log_active(log);
    struct batch_view view;
    int error = 0;
    while (error == 0 && bytes.len > 0 && batch_view(bytes, &view, NULL) == 0) {
        struct batch_place place = {
            .position = position,
            .size = (uint32_t)view.bytes.len,
            .base_offset = view.base_offset,
            .last_offset = view.last_offset,
            .leader_epoch = view.partition_leader_epoch,
            .magic = view.magic,
            .attributes = view.attributes,
            .max_timestamp_ms = view.max_timestamp_ms,
        };
        segment_remember(active, &place);
        position += view.bytes.len;
        error = learn_epoch(log, &view);
        if (error == 0 && view.producer_id >= 0) {
            error = apply_producer(log, &view);
        }
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
    }
    return error;
}

static int write_batches(struct partition_log *log,
                         const struct validated *validated,
                         bool may_wait)
{
    struct segment *active = log_active(log);
    uint64_t position = active->size;
    struct segment_append append = {
        .bytes = validated->bytes,
        .last_offset = validated->last_offset,
        .max_timestamp_ms = validated->max_timestamp_ms,
        .offset_of_max_timestamp = validated->offset_of_max_timestamp,
        .index_interval_bytes = (uint32_t)MAX(log->config->index_interval_bytes, 0),
        .may_wait = may_wait,
    };
    if (active->pending == NULL) {
        log->waiting_offset = log->end_offset;
    }
    int error = segment_append(active, &append);
    if (error != 0) {
        return error;
    }
    log->size += validated->bytes.len;
    log->end_offset = validated->last_offset + 1;
    return learn_batches(log, validated->bytes, position);
}

static void init_result(const struct partition_log *log, struct append_result *result)
{
    result->error = 0;
    result->error_message = NULL;
    result->record_error_count = 0; /* the array itself is left as it is */
    result->was_duplicate = false;
    result->rolled = false;
    result->first_offset = -1;
    result->last_offset = -1;
    result->log_append_time_ms = NO_TIMESTAMP;
    result->log_start_offset = log->log_start_offset;
    result->max_timestamp_ms = NO_TIMESTAMP;
    result->bytes = 0;
    result->record_count = 0;
}

static void tell_result(const struct partition_log *log,
                        const struct append_request *request,
                        const struct validated *validated,
                        struct append_result *result)
{
    result->first_offset = validated->first_offset;
    result->last_offset = validated->last_offset;
    result->max_timestamp_ms = validated->max_timestamp_ms;
    result->bytes = (uint32_t)validated->bytes.len;
    result->record_count = validated->record_count;
    if (log->config->log_append_time && request->origin != APPEND_REPLICATION) {
        result->log_append_time_ms = request->wall_ms;
    }
}

static int append_validated(struct partition_log *log,
                            const struct append_request *request,
                            const struct validated *validated,
                            struct append_result *result)
{
    if (validated->bytes.len == 0) {
        return 0;
    }
    if (validated->bytes.len > (size_t)log->config->segment_bytes) {
        append_refuse(result, KAFKA_ERROR_RECORD_LIST_TOO_LARGE, NULL);
        return 0;
    }
    if (!check_producers(log, request, validated->bytes, result)) {
        return 0;
    }
    int error = make_room(log, request, validated, result);
    if (error == 0) {
        error = write_batches(log, validated, request->may_wait);
    }
    if (error == 0) {
        tell_result(log, request, validated, result);
    }
    return error;
}

/* ---- collected writes ------------------------------------------------------------------------ */

int64_t partition_log_written_offset(const struct partition_log *log)
{
    const struct segment *active = log_active(log);
    bool is_written = active->pending == NULL && active->write_error == 0;
    return is_written ? log->end_offset : log->waiting_offset;
}

int partition_log_write(struct partition_log *log)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    int error = segment_write_out(log_active(log));
    return error == 0 ? 0 : log_fail(log, error);
}

int partition_log_append(struct partition_log *log,
                         const struct append_request *request,
                         struct append_result *result)
{
    init_result(log, result);
    int error = log->has_failed ? ERR_IO : log_confirm_end(log);
    if (error == 0) {
        struct validated validated;
        if (log_validate(log, request, &validated, result)) {
            error = append_validated(log, request, &validated, result);
        }
        log_validated_release(&validated);
    }
    if (error != 0) {
        append_refuse(result, KAFKA_ERROR_KAFKA_STORAGE_ERROR, NULL);
        return log_fail(log, error);
    }
    return 0;
}
