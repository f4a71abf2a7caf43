/* clean_filter.c - see clean_filter.h. */
#include "kafka/storage/clean_filter.h"

#include "base/memory.h"
#include "kafka/storage/producer_state.h"

#define UNPACKED_BYTES_MAX ((size_t)INT32_MAX)
#define MARKER_ABORT 0
#define MARKER_COMMIT 1
#define NO_OFFSET ((int64_t)-1)

/* ---- transactions ---------------------------------------------------------------------------- */

struct open_aborted {
    struct aborted_txn txn;
    bool has_records; /* some were met: the marker must stay */
};

void clean_txns_init(struct clean_txns *txns,
                     const struct aborted_txn *aborted,
                     size_t count,
                     int64_t from)
{
    *txns = (struct clean_txns){.aborted = aborted, .aborted_count = count};
    u64_map_init(&txns->in_aborted);
    u64_map_init(&txns->in_committed);
    while (txns->next < count && aborted[txns->next].last_offset < from) {
        txns->next += 1;
    }
}

void clean_txns_release(struct clean_txns *txns)
{
    size_t position = 0;
    uint64_t id;
    uint64_t value;
    while (u64_map_next(&txns->in_aborted, &position, &id, &value)) {
        mem_free((void *)(uintptr_t)value, sizeof(struct open_aborted));
    }
    u64_map_release(&txns->in_aborted);
    u64_map_release(&txns->in_committed);
}

static void end_aborted(struct clean_txns *txns, int64_t producer_id)
{
    uint64_t value;
    if (u64_map_remove(&txns->in_aborted, (uint64_t)producer_id, &value)) {
        mem_free((void *)(uintptr_t)value, sizeof(struct open_aborted));
    }
}

/* Those that begin at or below `offset`. */
static void begin_aborted(struct clean_txns *txns, int64_t offset)
{
    while (txns->next < txns->aborted_count && txns->aborted[txns->next].first_offset <= offset) {
        const struct aborted_txn *txn = &txns->aborted[txns->next++];
        const struct open_aborted *open = u64_map_get_ptr(&txns->in_aborted,
                                                          (uint64_t)txn->producer_id);
        if (open != NULL && open->txn.last_offset >= txn->first_offset) {
            continue;
        }
        end_aborted(txns, txn->producer_id); /* its marker is gone already */
        struct open_aborted *begun = mem_alloc_zeroed(sizeof *begun);
        begun->txn = *txn;
        u64_map_put_ptr(&txns->in_aborted, (uint64_t)txn->producer_id, begun);
    }
}

/* Does the batch belong to a transaction that was aborted? */
static bool is_aborted(struct clean_txns *txns, const struct batch_view *view)
{
    begin_aborted(txns, view->last_offset);
    if (!batch_is_transactional(view)) {
        return false;
    }
    struct open_aborted *open = u64_map_get_ptr(&txns->in_aborted, (uint64_t)view->producer_id);
    if (open != NULL && open->txn.last_offset >= view->base_offset) {
        open->has_records = true;
        return true;
    }
    u64_map_put(&txns->in_committed, (uint64_t)view->producer_id, 1);
    return false;
}

/* A control batch: *may_go when nothing of its transaction is left. *ended is that of an abort
 * marker that must stay. */
static int read_marker(struct clean_txns *txns,
                       const struct batch_view *view,
                       bool *may_go,
                       struct cleaned_batch *ended)
{
    struct producer_marker marker;
    begin_aborted(txns, view->last_offset);
    *may_go = true;
    int error = view->record_count == 0 ? ERR_END : producer_read_marker(view, &marker);
    if (error == ERR_END) {
        return 0; /* it was cleaned already */
    }
    if (error != 0) {
        return error;
    }
    if (marker.type == MARKER_ABORT) {
        const struct open_aborted *open = u64_map_get_ptr(&txns->in_aborted,
                                                          (uint64_t)view->producer_id);
        if (open != NULL && open->has_records) {
            ended->ends_aborted = true;
            ended->aborted = open->txn;
            *may_go = false;
        }
        end_aborted(txns, view->producer_id);
    } else if (marker.type == MARKER_COMMIT) {
        *may_go = !u64_map_remove(&txns->in_committed, (uint64_t)view->producer_id, NULL);
    } else {
        *may_go = false; /* no marker of a transaction: somebody else's, and kept */
    }
    return 0;
}

/* ---- the map --------------------------------------------------------------------------------- */

int clean_map_batch(struct offset_map *map,
                    struct clean_txns *txns,
                    const struct batch_view *view,
                    int64_t from,
                    struct buffer *unpacked,
                    bool *is_full)
{
    struct record_iterator iterator;
    struct record record;
    *is_full = false;
    if (batch_is_control(view)) {
        bool may_go;
        struct cleaned_batch ended;
        int error = read_marker(txns, view, &may_go, &ended);
        if (error != 0) {
            return error;
        }
    } else if (!is_aborted(txns, view)) {
        int error = record_iterator_init(&iterator, view, UNPACKED_BYTES_MAX, unpacked);
        while (error == 0) {
            error = record_iterator_next(&iterator, &record);
            if (error != 0 || slice_is_null(record.key) || record.offset < from) {
                continue;
            }
            if (!offset_map_put(map, record.key, record.offset)) {
                *is_full = true;
                return 0;
            }
        }
        if (error != ERR_END) {
            return error;
        }
    }
    if (view->last_offset >= from) {
        map->latest_offset = view->last_offset;
    }
    return 0;
}

/* ---- the filter ------------------------------------------------------------------------------ */

void clean_filter_init(struct clean_filter *filter,
                       const struct offset_map *map,
                       const struct aborted_txn *aborted,
                       size_t aborted_count,
                       const struct clean_producer *producers,
                       size_t producer_count)
{
    *filter = (struct clean_filter){.map = map};
    clean_txns_init(&filter->txns, aborted, aborted_count, 0);
    u64_map_init(&filter->producers);
    for (size_t i = 0; i < producer_count; i++) {
        u64_map_put(&filter->producers, (uint64_t)producers[i].producer_id,
                    (uint64_t)(uintptr_t)&producers[i]);
    }
    buffer_init(&filter->unpacked, UNPACKED_BYTES_MAX);
    buffer_init(&filter->rebuilt, UNPACKED_BYTES_MAX);
}

void clean_filter_release(struct clean_filter *filter)
{
    clean_txns_release(&filter->txns);
    u64_map_release(&filter->producers);
    buffer_release(&filter->unpacked);
    buffer_release(&filter->rebuilt);
}

static bool has_horizon(const struct batch_view *view)
{
    return view->magic == 2 && (view->attributes & BATCH_ATTRIBUTE_DELETE_HORIZON) != 0;
}

/* With a delete horizon, it stands in the place of the base timestamp (KIP-534). */
static bool is_past_horizon(const struct clean_filter *filter, const struct batch_view *view)
{
    return has_horizon(view) && view->base_timestamp_ms <= filter->now_ms;
}

/* Cleaner.isBatchLastRecordOfProducer */
static bool is_last_of_producer(const struct clean_filter *filter, const struct batch_view *view)
{
    const struct clean_producer *producer = view->producer_id == NO_PRODUCER_ID
                                                ? NULL
                                                : u64_map_get_ptr(&filter->producers,
                                                                  (uint64_t)view->producer_id);
    if (producer == NULL) {
        return false;
    }
    if (producer->last_offset != NO_OFFSET) {
        return view->last_offset == producer->last_offset;
    }
    return batch_is_control(view) && view->producer_epoch == producer->producer_epoch;
}

struct decision {
    bool drops_records; /* all of them, whatever the map says */
    bool keeps_header;  /* also when no record is left */
    bool marker_may_go; /* nothing is left of its transaction: it gets a horizon */
};

static int decide(struct clean_filter *filter,
                  const struct batch_view *view,
                  struct decision *decision,
                  struct cleaned_batch *cleaned)
{
    *decision = (struct decision){0};
    if (batch_is_control(view)) {
        int error = read_marker(&filter->txns, view, &decision->marker_may_go, cleaned);
        if (error != 0) {
            return error;
        }
        decision->drops_records = decision->marker_may_go && is_past_horizon(filter, view);
    } else {
        decision->drops_records = is_aborted(&filter->txns, view);
    }
    decision->keeps_header = is_last_of_producer(filter, view) ||
                             view->last_offset + 1 == filter->end_offset;
    return 0;
}

/* Cleaner.shouldRetainRecord */
static bool stays(const struct clean_filter *filter,
                  const struct batch_view *view,
                  const struct record *record)
{
    if (record->offset > filter->map->latest_offset) {
        return true;
    }
    if (slice_is_null(record->key) || record->offset < offset_map_get(filter->map, record->key)) {
        return false;
    }
    bool keeps_deletes = view->magic == 2 ? !is_past_horizon(filter, view)
                                          : filter->retains_legacy_deletes;
    return !slice_is_null(record->value) || keeps_deletes;
}

struct survey {
    int32_t read;
    int32_t kept;
    bool has_tombstone;
    int64_t first_kept; /* offsets */
    int64_t last_kept;
};

static int survey_records(struct clean_filter *filter,
                          const struct batch_view *view,
                          const struct decision *decision,
                          struct survey *survey)
{
    struct record_iterator iterator;
    struct record record;
    *survey = (struct survey){0};
    int error = record_iterator_init(&iterator, view, UNPACKED_BYTES_MAX, &filter->unpacked);
    while (error == 0) {
        error = record_iterator_next(&iterator, &record);
        if (error != 0) {
            break;
        }
        survey->read += 1;
        filter->keyless += slice_is_null(record.key) ? 1 : 0;
        if (!decision->drops_records && (batch_is_control(view) || stays(filter, view, &record))) {
            survey->first_kept = survey->kept == 0 ? record.offset : survey->first_kept;
            survey->last_kept = record.offset;
            survey->kept += 1;
            survey->has_tombstone = survey->has_tombstone || slice_is_null(record.value);
        }
    }
    return error == ERR_END ? 0 : error;
}

static void build_like(const struct batch_view *view, struct batch_build *build)
{
    batch_build_defaults(build);
    build->magic = view->magic;
    build->codec = batch_codec(view);
    build->base_offset = view->base_offset;
    if (view->magic == 2) {
        build->attributes = (int16_t)(view->attributes & ~BATCH_ATTRIBUTE_CODEC);
        build->partition_leader_epoch = view->partition_leader_epoch;
        build->producer_id = view->producer_id;
        build->producer_epoch = view->producer_epoch;
        build->base_sequence = view->base_sequence;
        build->delete_horizon_ms = view->base_timestamp_ms;
    } else {
        build->attributes = (int16_t)(view->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME);
    }
    build->log_append_time_ms = view->max_timestamp_ms;
}

static int rebuild(struct clean_filter *filter,
                   const struct batch_view *view,
                   const struct survey *survey,
                   bool sets_horizon)
{
    struct batch_build build;
    struct batch_builder builder;
    struct record_iterator iterator;
    struct record record;
    build_like(view, &build);
    if (view->magic < 2) {
        build.base_offset = survey->first_kept; /* a wrapper is named after its last record */
    }
    if (sets_horizon) {
        build.attributes |= BATCH_ATTRIBUTE_DELETE_HORIZON;
        build.delete_horizon_ms = filter->now_ms + filter->delete_retention_ms;
    }
    buffer_clear(&filter->rebuilt, UNPACKED_BYTES_MAX);
    batch_builder_init(&builder, &build, &filter->rebuilt);
    int error = record_iterator_init(&iterator, view, UNPACKED_BYTES_MAX, &filter->unpacked);
    while (error == 0) {
        error = record_iterator_next(&iterator, &record);
        if (error == 0 && (batch_is_control(view) || stays(filter, view, &record))) {
            batch_builder_add(&builder, record.offset, record.timestamp_ms, record.key,
                              record.value, record.headers, record.header_count);
        }
    }
    if (error != ERR_END) {
        batch_builder_release(&builder);
        return error;
    }
    return batch_builder_finish(&builder, view->magic < 2 ? survey->last_kept : view->last_offset);
}

/* DefaultRecordBatch.writeEmptyHeader */
static void build_header(struct clean_filter *filter, const struct batch_view *view)
{
    buffer_clear(&filter->rebuilt, UNPACKED_BYTES_MAX);
    uint8_t *header = buffer_reserve(&filter->rebuilt, BATCH_HEADER_BYTES);
    uint16_t kept = BATCH_ATTRIBUTE_LOG_APPEND_TIME | BATCH_ATTRIBUTE_TRANSACTIONAL |
                    BATCH_ATTRIBUTE_CONTROL;
    memcpy(header, view->bytes.ptr, BATCH_HEADER_BYTES);
    store_be32(header + 8, BATCH_HEADER_BYTES - BATCH_LOG_OVERHEAD);
    store_be16(header + 21, (uint16_t)view->attributes & kept);
    store_be32(header + 23, (uint32_t)(view->last_offset - view->base_offset));
    store_be64(header + 27, (uint64_t)NO_TIMESTAMP);
    store_be32(header + 57, 0);
    batch_stamp_crc(header, BATCH_HEADER_BYTES);
    filter->rebuilt.len += BATCH_HEADER_BYTES;
}

int clean_filter_batch(struct clean_filter *filter,
                       const struct batch_view *view,
                       struct cleaned_batch *cleaned)
{
    struct decision decision;
    struct survey survey;
    *cleaned = (struct cleaned_batch){
        .last_offset = view->last_offset,
        .max_timestamp_ms = view->max_timestamp_ms,
    };
    int error = decide(filter, view, &decision, cleaned);
    if (error == 0) {
        error = survey_records(filter, view, &decision, &survey);
    }
    if (error != 0) {
        return error;
    }
    filter->records_read += (uint64_t)survey.read;
    filter->records_kept += (uint64_t)survey.kept;
    if (survey.kept == 0) {
        cleaned->ends_aborted = cleaned->ends_aborted && decision.keeps_header;
        if (!decision.keeps_header) {
            return 0;
        }
        if (view->magic < 2) {
            cleaned->bytes = view->bytes; /* no header without records there */
            return 0;
        }
        build_header(filter, view);
        cleaned->bytes = buffer_slice(&filter->rebuilt);
        return 0;
    }
    bool sets_horizon = view->magic == 2 && !has_horizon(view) &&
                        (survey.has_tombstone || decision.marker_may_go);
    if (survey.kept == survey.read && !sets_horizon) {
        cleaned->bytes = view->bytes;
        return 0;
    }
    error = rebuild(filter, view, &survey, sets_horizon);
    cleaned->bytes = buffer_slice(&filter->rebuilt);
    cleaned->last_offset = view->magic < 2 ? survey.last_kept : view->last_offset;
    return error;
}
