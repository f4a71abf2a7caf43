/* log_lookup.c - questions about times, epochs and producers. See partition_log.h.
 *
 * By time: the first segment whose largest timestamp is not below the wanted one has it. Its time
 * index leads near, its offset index to a position, and from there headers are walked until a batch
 * can hold it; only that batch is unpacked.
 */
#include "base/memory.h"
#include "kafka/storage/log_internal.h"

#define UNPACKED_BYTES_MAX ((size_t)256 * 1024 * 1024)

static const struct log_offset_time nothing = {-1, NO_TIMESTAMP, -1};

/* The first record of the batch that is not older than timestamp_ms and not below `from`. */
static int find_in_batch(struct segment *segment,
                         const struct batch_place *place,
                         int64_t timestamp_ms,
                         int64_t from,
                         struct log_offset_time *found)
{
    struct buffer bytes;
    struct buffer scratch;
    struct batch_view view;
    struct record_iterator iterator;
    struct record record;
    buffer_init(&bytes, LOG_BATCH_BYTES_MAX);
    buffer_init(&scratch, UNPACKED_BYTES_MAX);
    int error = segment_read_batch(segment, place, &bytes, &view);
    if (error == 0) {
        error = record_iterator_init(&iterator, &view, UNPACKED_BYTES_MAX, &scratch);
    }
    while (error == 0 && (error = record_iterator_next(&iterator, &record)) == 0) {
        /* What a producer packed was not looked at: an offset beyond its batch is nobody's. */
        if (record.timestamp_ms >= timestamp_ms && record.offset >= from &&
            record.offset <= place->last_offset) {
            *found = (struct log_offset_time){record.offset, record.timestamp_ms,
                                              place->leader_epoch};
            break;
        }
    }
    buffer_release(&scratch);
    buffer_release(&bytes);
    return error == ERR_END ? 0 : error;
}

static int find_in_segment(struct partition_log *log,
                           struct segment *segment,
                           int64_t timestamp_ms,
                           struct log_offset_time *found)
{
    struct batch_scan scan;
    struct batch_place place;
    int error = segment_wake(segment);
    if (error != 0) {
        return error;
    }
    /* An entry says that nothing up to its offset was later than its time; but of two batches with
     * the same time it names the first, and the look-up wants the first. */
    struct time_offset near = time_index_find(&segment->times, segment->base_offset,
                                              timestamp_ms - 1);
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    MAX(near.offset, log->log_start_offset));
    batch_scan_init(&scan, segment, from.position, segment->size);
    while ((error = batch_scan_next(&scan, &place)) == 0) {
        if (place.max_timestamp_ms < timestamp_ms || place.last_offset < log->log_start_offset) {
            continue;
        }
        error = find_in_batch(segment, &place, timestamp_ms, log->log_start_offset, found);
        if (error != 0 || found->offset >= 0) {
            return error;
        }
    }
    return error == ERR_END ? 0 : error;
}

int partition_log_find_time(struct partition_log *log,
                            int64_t timestamp_ms,
                            struct log_offset_time *found)
{
    *found = nothing;
    int error = log->has_failed ? ERR_IO : log_confirm_end(log);
    if (error != 0) {
        return error;
    }
    for (size_t n = 0; n < log->segment_count && found->offset < 0; n++) {
        int64_t largest;
        struct segment *segment = log->segments[n];
        if (segment->size == 0) {
            continue;
        }
        error = segment_largest_timestamp(segment, &largest);
        if (error == 0 && largest >= timestamp_ms) {
            error = find_in_segment(log, segment, timestamp_ms, found);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Of a segment's records at or behind the log's start. */
static int largest_readable(struct partition_log *log,
                            struct segment *segment,
                            struct time_offset *largest)
{
    struct batch_scan scan;
    struct batch_place place;
    int error = segment_know_times(segment);
    *largest = segment->largest;
    if (error != 0 || largest->offset >= log->log_start_offset) {
        return error;
    }
    /* The segment's latest record was deleted (DeleteRecords); the rest is looked through. */
    *largest = (struct time_offset){NO_TIMESTAMP, -1};
    error = segment_find(segment, log->log_start_offset, &place);
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    batch_scan_init(&scan, segment, place.position, segment->size);
    while ((error = batch_scan_next(&scan, &place)) == 0) {
        if (place.max_timestamp_ms > largest->timestamp_ms) {
            *largest = (struct time_offset){place.max_timestamp_ms, place.last_offset};
        }
    }
    return error == ERR_END ? 0 : error;
}

int partition_log_max_time(struct partition_log *log, struct log_offset_time *found)
{
    struct segment *latest = NULL;
    struct time_offset largest = {NO_TIMESTAMP, -1};
    struct batch_place place;
    *found = nothing;
    int error = log->has_failed ? ERR_IO : log_confirm_end(log);
    if (error != 0) {
        return error;
    }
    for (size_t n = 0; n < log->segment_count; n++) {
        struct time_offset here;
        if (log->segments[n]->size == 0) {
            continue;
        }
        error = largest_readable(log, log->segments[n], &here);
        if (error != 0) {
            return error;
        }
        if (here.timestamp_ms > largest.timestamp_ms) {
            latest = log->segments[n];
            largest = here;
        }
    }
    if (latest == NULL) {
        return 0;
    }
    error = segment_find(latest, largest.offset, &place);
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    return find_in_batch(latest, &place, largest.timestamp_ms, log->log_start_offset, found);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

int32_t partition_log_epoch_of(const struct partition_log *log, int64_t offset)
{
    return leader_epochs_of(&log->epochs, offset);
}

void partition_log_end_of_epoch(const struct partition_log *log,
                                int32_t epoch,
                                int32_t *found_epoch,
                                int64_t *end_offset)
{
    leader_epochs_end_of(&log->epochs, epoch, log->end_offset, found_epoch, end_offset);
}

int partition_log_begin_epoch(struct partition_log *log, int32_t epoch)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    if (epoch < 0 || !leader_epochs_assign(&log->epochs, epoch, log->end_offset)) {
        return 0;
    }
    int error = log_save_epochs(log);
    return error == 0 ? 0 : log_fail(log, error);
}

/* ---- producers ------------------------------------------------------------------------------- */

void partition_log_producers(struct partition_log *log,
                             void (*each)(void *ctx, const struct log_producer *producer),
                             void *ctx)
{
    size_t position = 0;
    uint64_t id;
    uint64_t value;
    while (u64_map_next(&log->producers.by_id, &position, &id, &value)) {
        const struct producer_entry *entry = (const struct producer_entry *)(uintptr_t)value;
        struct log_producer producer = {
            .producer_id = entry->producer_id,
            .producer_epoch = entry->producer_epoch,
            .last_sequence = NO_SEQUENCE,
            .last_offset = -1,
            .last_timestamp_ms = entry->last_timestamp_ms,
            .coordinator_epoch = entry->coordinator_epoch,
            .current_txn_start_offset = entry->txn_first_offset,
        };
        if (entry->batch_count > 0) {
            producer.last_sequence = entry->batches[entry->batch_count - 1].last_sequence;
            producer.last_offset = entry->batches[entry->batch_count - 1].last_offset;
        }
        each(ctx, &producer);
    }
}

void partition_log_expire_producers(struct partition_log *log, int64_t wall_ms)
{
    producer_expire(&log->producers, wall_ms, log->producer_id_expiration_ms);
}
