/* segment_scan.c - finding batches in a segment: by what is remembered, by the index, by walking
 * headers. See segment.h. */
#include "base/endian.h"
#include "base/memory.h"
#include "kafka/storage/segment.h"

#define LEGACY_TIMESTAMP_AT 18
#define LEGACY_TIMESTAMP_END 26
#define MAGIC_AT 16
#define LEGACY_SIZE_MIN (BATCH_LOG_OVERHEAD + LEGACY_HEADER_BYTES_MIN)

/* ---- headers --------------------------------------------------------------------------------- */

void batch_scan_init(struct batch_scan *scan,
                     struct segment *segment,
                     uint64_t position,
                     uint64_t end)
{
    scan->segment = segment;
    scan->position = position;
    scan->end = end;
    scan->chunk_at = 0;
    scan->chunk_len = 0;
    scan->ahead = SCAN_FIRST;
}

/* The next `len` bytes at scan->position, NULL with *error when the disk fails. */
static const uint8_t *peek(struct batch_scan *scan, size_t len, int *error)
{
    uint64_t chunk_end = scan->chunk_at + scan->chunk_len;
    if (scan->position < scan->chunk_at || scan->position + len > chunk_end) {
        size_t want = (size_t)MIN(scan->end - scan->position, scan->ahead);
        scan->chunk_at = scan->position;
        *error = segment_write_out(scan->segment);
        if (*error == 0) {
            *error = file_read(scan->segment->file->file, scan->position, scan->chunk, want,
                               &scan->chunk_len);
        }
        if (*error == 0 && scan->chunk_len < len) {
            *error = ERR_CORRUPT; /* the file is shorter than it was */
        }
        if (*error != 0) {
            scan->chunk_len = 0;
            return NULL;
        }
    }
    return scan->chunk + (scan->position - scan->chunk_at);
}

static void read_header(const uint8_t *header, size_t len, struct batch_place *batch)
{
    int64_t offset = (int64_t)load_be64(header);
    batch->base_offset = offset;
    batch->last_offset = offset;
    batch->leader_epoch = -1;
    batch->max_timestamp_ms = NO_TIMESTAMP;
    if (batch->magic == 2) {
        batch->last_offset = offset + (int32_t)load_be32(header + 23);
        batch->leader_epoch = (int32_t)load_be32(header + 12);
        batch->attributes = (int16_t)load_be16(header + 21);
        batch->max_timestamp_ms = (int64_t)load_be64(header + 35);
        return;
    }
    batch->attributes = header[MAGIC_AT + 1];
    if (batch->magic == 1 && len >= LEGACY_TIMESTAMP_END) {
        batch->max_timestamp_ms = (int64_t)load_be64(header + LEGACY_TIMESTAMP_AT);
    }
}

int batch_scan_next(struct batch_scan *scan, struct batch_place *batch)
{
    int error = 0;
    uint64_t left = scan->end - scan->position;
    if (left <= MAGIC_AT) {
        return left == 0 ? ERR_END : ERR_CORRUPT;
    }
    size_t len = (size_t)MIN(left, BATCH_HEADER_BYTES);
    const uint8_t *header = peek(scan, len, &error);
    if (header == NULL) {
        return error;
    }
    int32_t length = (int32_t)load_be32(header + 8);
    *batch = (struct batch_place){.position = scan->position, .magic = (int8_t)header[MAGIC_AT]};
    if (batch->magic < 0 || batch->magic > 2 || length < LEGACY_HEADER_BYTES_MIN ||
        (batch->magic == 2 && length < BATCH_HEADER_BYTES - BATCH_LOG_OVERHEAD) ||
        (uint64_t)length + BATCH_LOG_OVERHEAD > left) {
        return ERR_CORRUPT;
    }
    batch->size = (uint32_t)length + BATCH_LOG_OVERHEAD;
    read_header(header, MIN(len, batch->size), batch);
    if (batch->base_offset < 0 || batch->last_offset < batch->base_offset) {
        return ERR_CORRUPT;
    }
    scan->position += batch->size;
    /* Many small batches are read in one piece, of large ones the headers alone. */
    scan->ahead = batch->size < SCAN_FIRST ? SCAN_CHUNK : SCAN_FIRST;
    return 0;
}

/* ---- finding --------------------------------------------------------------------------------- */

bool segment_find_recent(const struct segment *segment, int64_t offset, struct batch_place *batch)
{
    const struct recent_batches *recent = segment->recent;
    if (recent == NULL || recent->count == 0) {
        return false;
    }
    uint32_t oldest = (recent->next + SEGMENT_RECENT - recent->count) % SEGMENT_RECENT;
    uint32_t newest = (recent->next + SEGMENT_RECENT - 1) % SEGMENT_RECENT;
    if (offset < recent->at[oldest].base_offset || offset > recent->at[newest].last_offset) {
        return false;
    }
    uint32_t low = 0;
    uint32_t high = recent->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (recent->at[(oldest + middle) % SEGMENT_RECENT].last_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *batch = recent->at[(oldest + low) % SEGMENT_RECENT];
    return true;
}

int segment_find(struct segment *segment, int64_t offset, struct batch_place *batch)
{
    if (segment_find_recent(segment, offset, batch)) {
        return segment_open_file(segment);
    }
    int error = segment_wake(segment);
    if (error != 0) {
        return error;
    }
    struct batch_scan scan;
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    offset);
    batch_scan_init(&scan, segment, from.position, segment->size);
    do {
        error = batch_scan_next(&scan, batch);
    } while (error == 0 && batch->last_offset < offset);
    return error;
}

int segment_read_batch(struct segment *segment,
                       const struct batch_place *place,
                       struct buffer *into,
                       struct batch_view *view)
{
    size_t got;
    int error = segment_open_file(segment);
    if (error == 0) {
        error = segment_write_out(segment);
    }
    if (error != 0) {
        return error;
    }
    buffer_clear(into, SIZE_MAX);
    if (buffer_room(into) < place->size) {
        return ERR_LIMIT;
    }
    error = file_read(segment->file->file, place->position, buffer_reserve(into, place->size),
                      place->size, &got);
    if (error != 0) {
        return error;
    }
    into->len = got;
    error = batch_view(buffer_slice(into), view, NULL);
    return error == ERR_TRUNCATED ? ERR_CORRUPT : error;
}

int segment_next_offset(struct segment *segment, int64_t *next_offset)
{
    struct batch_scan scan;
    struct batch_place batch;
    *next_offset = segment->base_offset;
    int error = segment_wake(segment);
    if (error != 0) {
        return error;
    }
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    INT64_MAX);
    batch_scan_init(&scan, segment, from.position, segment->size);
    while ((error = batch_scan_next(&scan, &batch)) == 0) {
        if (batch.base_offset < *next_offset && batch.position > from.position) {
            return ERR_CORRUPT;
        }
        *next_offset = batch.last_offset + 1;
    }
    if (error == ERR_END && *next_offset < segment->base_offset) {
        return ERR_CORRUPT;
    }
    return error == ERR_END ? 0 : error;
}

/* ---- times ----------------------------------------------------------------------------------- */

static int know_first(struct segment *segment)
{
    if (segment->first_timestamp_ms != TIMESTAMP_UNKNOWN || segment->size == 0) {
        return 0;
    }
    struct batch_scan scan;
    struct batch_place batch;
    batch_scan_init(&scan, segment, 0, segment->size);
    int error = batch_scan_next(&scan, &batch);
    if (error == 0) {
        segment->first_timestamp_ms = batch.max_timestamp_ms;
    }
    return error;
}

int segment_scan_largest(struct segment *segment)
{
    struct batch_scan scan;
    struct batch_place batch = {0};
    struct time_offset largest = time_index_last(&segment->times, segment->base_offset);
    struct offset_position from = offset_index_find(&segment->offsets, segment->base_offset,
                                                    largest.offset);
    batch_scan_init(&scan, segment, from.position, segment->size);
    int error;
    while ((error = batch_scan_next(&scan, &batch)) == 0) {
        if (batch.max_timestamp_ms > largest.timestamp_ms) {
            largest = (struct time_offset){batch.max_timestamp_ms, batch.last_offset};
        }
    }
    if (error != ERR_END) {
        return error;
    }
    segment->largest = largest;
    return 0;
}

/* Whoever closed the segment made its largest timestamp the last entry, so only an empty time index
 * has to be doubted. */
static int know_largest(struct segment *segment)
{
    if (segment->largest.timestamp_ms != TIMESTAMP_UNKNOWN) {
        return 0;
    }
    if (segment->times.entries.count == 0) {
        return segment_scan_largest(segment);
    }
    segment->largest = time_index_last(&segment->times, segment->base_offset);
    return 0;
}

int segment_know_times(struct segment *segment)
{
    if (segment->first_timestamp_ms != TIMESTAMP_UNKNOWN &&
        segment->largest.timestamp_ms != TIMESTAMP_UNKNOWN) {
        return 0;
    }
    int error = segment_wake(segment);
    if (error == 0) {
        error = know_first(segment);
    }
    return error == 0 ? know_largest(segment) : error;
}

int segment_largest_timestamp(struct segment *segment, int64_t *timestamp_ms)
{
    int error = segment_know_times(segment);
    if (error != 0) {
        return error;
    }
    *timestamp_ms = segment->largest.timestamp_ms;
    if (segment->largest.timestamp_ms >= 0) {
        return 0;
    }
    char path[PATH_TEXT_MAX];
    struct path_info info;
    error = log_file_path(path, segment->place->dir, segment->base_offset, LOG_FILE_RECORDS,
                          segment->suffix);
    if (error == 0) {
        error = path_stat(segment->place->runtime, path, &info);
    }
    *timestamp_ms = error == 0 ? info.modified_ms : -1;
    return error;
}
