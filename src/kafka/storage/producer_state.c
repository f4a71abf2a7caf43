/* producer_state.c - see producer_state.h. Snapshots: producer_snapshot.c. */
#include "kafka/storage/producer_state.h"

#include "base/endian.h"
#include "base/memory.h"
#include "generated/kafka/constants.h"

#define MARKER_KEY_BYTES 4   /* version int16, type int16 */
#define MARKER_VALUE_BYTES 6 /* version int16, coordinator epoch int32 */
#define MARKER_BATCH_BYTES_MAX ((size_t)64 * 1024)

void producer_states_init(struct producer_states *states)
{
    *states = (struct producer_states){0};
    u64_map_init(&states->by_id);
}

void producer_states_clear(struct producer_states *states)
{
    size_t position = 0;
    uint64_t id;
    uint64_t value;
    while (u64_map_next(&states->by_id, &position, &id, &value)) {
        mem_free((void *)(uintptr_t)value, sizeof(struct producer_entry));
    }
    u64_map_release(&states->by_id);
    u64_map_init(&states->by_id);
    mem_free(states->txns, states->txn_cap * sizeof *states->txns);
    states->txns = NULL;
    states->txn_count = 0;
    states->txn_cap = 0;
}

void producer_states_release(struct producer_states *states)
{
    producer_states_clear(states);
    u64_map_release(&states->by_id);
}

struct producer_entry *producer_find(const struct producer_states *states, int64_t producer_id)
{
    return u64_map_get_ptr(&states->by_id, (uint64_t)producer_id);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static int32_t first_sequence(const struct producer_batch *batch)
{
    /* DefaultRecordBatch.decrementSequence: 0 comes behind 2^31 - 1. */
    if (batch->last_sequence < 0) {
        return NO_SEQUENCE;
    }
    if (batch->last_sequence >= batch->offset_delta) {
        return batch->last_sequence - batch->offset_delta;
    }
    return INT32_MAX - (batch->offset_delta - batch->last_sequence) + 1;
}

static bool find_duplicate(const struct producer_entry *entry,
                           const struct batch_view *view,
                           struct producer_batch *duplicate)
{
    if (entry->producer_epoch != view->producer_epoch) {
        return false;
    }
    int32_t last = batch_last_sequence(view);
    for (uint8_t n = 0; n < entry->batch_count; n++) {
        const struct producer_batch *batch = &entry->batches[n];
        if (batch->last_sequence == last && first_sequence(batch) == view->base_sequence) {
            *duplicate = *batch;
            return true;
        }
    }
    return false;
}

static bool is_next(int32_t last, int32_t next)
{
    return (int64_t)next == (int64_t)last + 1 || (next == 0 && last == INT32_MAX);
}

/* ProducerAppendInfo.checkSequence. */
static int16_t check_sequence(const struct producer_entry *entry, const struct batch_view *view)
{
    if (entry->producer_epoch == NO_PRODUCER_EPOCH) {
        return 0; /* nothing is known, perhaps it was all deleted: any first number goes */
    }
    if (view->producer_epoch != entry->producer_epoch) {
        return view->base_sequence == 0 ? 0 : KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    int32_t last = entry->batch_count == 0 ? NO_SEQUENCE
                                           : entry->batches[entry->batch_count - 1].last_sequence;
    return is_next(last, view->base_sequence) ? 0 : KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

void producer_check(const struct producer_states *states,
                    const struct batch_view *view,
                    enum append_origin origin,
                    int32_t marker_coordinator_epoch,
                    struct producer_verdict *verdict)
{
    *verdict = (struct producer_verdict){0};
    const struct producer_entry *entry = producer_find(states, view->producer_id);
    if (origin == APPEND_REPLICATION || entry == NULL) {
        return;
    }
    if (origin == APPEND_CLIENT && find_duplicate(entry, view, &verdict->duplicate)) {
        verdict->is_duplicate = true;
        return;
    }
    if (view->producer_epoch < entry->producer_epoch) {
        verdict->error = KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
        return;
    }
    if (batch_is_control(view)) {
        if (entry->coordinator_epoch > marker_coordinator_epoch) {
            verdict->error = KAFKA_ERROR_TRANSACTION_COORDINATOR_FENCED;
        }
        return;
    }
    if (origin == APPEND_CLIENT) {
        verdict->error = check_sequence(entry, view);
    }
    if (verdict->error == 0 && entry->txn_first_offset >= 0 && !batch_is_transactional(view)) {
        verdict->error = KAFKA_ERROR_INVALID_TXN_STATE;
    }
}

/* ---- changes --------------------------------------------------------------------------------- */

int producer_read_marker(const struct batch_view *view, struct producer_marker *marker)
{
    struct record_iterator iterator;
    struct record record;
    struct buffer unpacked;
    buffer_init(&unpacked, MARKER_BATCH_BYTES_MAX);
    int error = record_iterator_init(&iterator, view, MARKER_BATCH_BYTES_MAX, &unpacked);
    if (error == 0) {
        error = record_iterator_next(&iterator, &record);
    }
    if (error == 0 && (record.key.len < MARKER_KEY_BYTES)) {
        error = ERR_CORRUPT;
    }
    if (error == 0) {
        marker->type = (int16_t)load_be16(record.key.ptr + 2);
        marker->timestamp_ms = record.timestamp_ms;
        marker->coordinator_epoch = -1;
        if (record.value.len >= MARKER_VALUE_BYTES) {
            marker->coordinator_epoch = (int32_t)load_be32(record.value.ptr + 2);
        }
    }
    buffer_release(&unpacked);
    return error;
}

static struct producer_entry *find_or_add(struct producer_states *states, int64_t producer_id)
{
    struct producer_entry *entry = producer_find(states, producer_id);
    if (entry == NULL) {
        entry = mem_alloc_zeroed(sizeof *entry);
        entry->producer_id = producer_id;
        entry->producer_epoch = NO_PRODUCER_EPOCH;
        entry->coordinator_epoch = -1;
        entry->last_timestamp_ms = NO_TIMESTAMP;
        entry->txn_first_offset = -1;
        u64_map_put_ptr(&states->by_id, (uint64_t)producer_id, entry);
    }
    return entry;
}

static void set_epoch(struct producer_entry *entry, int16_t epoch)
{
    if (entry->producer_epoch != epoch) {
        entry->producer_epoch = epoch;
        entry->batch_count = 0;
    }
}

static void add_batch(struct producer_entry *entry, const struct producer_batch *batch)
{
    if (entry->batch_count == PRODUCER_BATCHES) {
        memmove(entry->batches, entry->batches + 1,
                (PRODUCER_BATCHES - 1) * sizeof *entry->batches);
        entry->batch_count -= 1;
    }
    entry->batches[entry->batch_count++] = *batch;
}

/* Keeps the order by first_offset; nearly always it goes to the end. */
void producer_begin_txn(struct producer_states *states, int64_t producer_id, int64_t first_offset)
{
    if (states->txn_count == states->txn_cap) {
        size_t cap = states->txn_cap == 0 ? 4 : states->txn_cap * 2;
        states->txns = mem_realloc(states->txns, states->txn_cap * sizeof *states->txns,
                                   cap * sizeof *states->txns);
        states->txn_cap = cap;
    }
    size_t at = states->txn_count;
    while (at > 0 && states->txns[at - 1].first_offset > first_offset) {
        states->txns[at] = states->txns[at - 1];
        at -= 1;
    }
    states->txns[at] = (struct producer_txn){producer_id, first_offset, INT64_MAX};
    states->txn_count += 1;
}

static int64_t first_open_of_others(const struct producer_states *states,
                                    int64_t producer_id,
                                    int64_t otherwise)
{
    for (size_t n = 0; n < states->txn_count; n++) {
        if (states->txns[n].last_offset == INT64_MAX &&
            states->txns[n].producer_id != producer_id) {
            return states->txns[n].first_offset;
        }
    }
    return otherwise;
}

static void end_txn(struct producer_states *states,
                    struct producer_entry *entry,
                    const struct batch_view *view,
                    const struct producer_marker *marker,
                    struct producer_ended_txn *ended)
{
    ended->has_ended = true;
    ended->was_aborted = marker->type == 0;
    ended->txn.producer_id = entry->producer_id;
    ended->txn.first_offset = entry->txn_first_offset;
    ended->txn.last_offset = view->base_offset;
    ended->txn.last_stable_offset = first_open_of_others(states, entry->producer_id,
                                                         view->base_offset + 1);
    for (size_t n = 0; n < states->txn_count; n++) {
        if (states->txns[n].first_offset == entry->txn_first_offset) {
            states->txns[n].last_offset = view->base_offset;
        }
    }
    entry->txn_first_offset = -1;
}

void producer_apply(struct producer_states *states,
                    const struct batch_view *view,
                    const struct producer_marker *marker,
                    struct producer_ended_txn *ended)
{
    ended->has_ended = false;
    if (view->producer_id < 0 || (batch_is_control(view) && marker == NULL)) {
        return;
    }
    struct producer_entry *entry = find_or_add(states, view->producer_id);
    set_epoch(entry, view->producer_epoch);
    if (batch_is_control(view)) {
        if (entry->txn_first_offset >= 0) {
            end_txn(states, entry, view, marker, ended);
        }
        entry->coordinator_epoch = marker->coordinator_epoch;
        entry->last_timestamp_ms = marker->timestamp_ms;
        return;
    }
    struct producer_batch batch = {
        .last_sequence = batch_last_sequence(view),
        .offset_delta = (int32_t)(view->last_offset - view->base_offset),
        .last_offset = view->last_offset,
        .timestamp_ms = view->max_timestamp_ms,
    };
    add_batch(entry, &batch);
    entry->last_timestamp_ms = view->max_timestamp_ms;
    if (entry->txn_first_offset < 0 && batch_is_transactional(view)) {
        entry->txn_first_offset = view->base_offset;
        producer_begin_txn(states, entry->producer_id, view->base_offset);
    }
}

/* ---- the rest -------------------------------------------------------------------------------- */

int64_t producer_stable_offset(struct producer_states *states, int64_t high_watermark)
{
    size_t kept = 0;
    for (size_t n = 0; n < states->txn_count; n++) {
        if (states->txns[n].last_offset >= high_watermark) {
            states->txns[kept++] = states->txns[n];
        }
    }
    states->txn_count = kept;
    return kept == 0 ? high_watermark : MIN(states->txns[0].first_offset, high_watermark);
}

void producer_expire(struct producer_states *states, int64_t wall_ms, int64_t expiration_ms)
{
    size_t position = 0;
    uint64_t id;
    uint64_t value;
    while (u64_map_next(&states->by_id, &position, &id, &value)) {
        struct producer_entry *entry = (struct producer_entry *)(uintptr_t)value;
        if (entry->txn_first_offset < 0 && wall_ms - entry->last_timestamp_ms >= expiration_ms) {
            mem_free(entry, sizeof *entry);
            u64_map_remove_at(&states->by_id, &position);
        }
    }
}
