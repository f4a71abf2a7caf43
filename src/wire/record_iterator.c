/* record_iterator.c - the records inside a batch, one after another.
 *
 * A record of magic 2, all numbers varints (varint.h) but the attributes:
 *
 *     length | attributes int8 | timestamp delta | offset delta | key length (-1: null), key |
 *     value length, value | header count { key length, key | value length (-1: null), value }...
 *
 * A compressed batch is unpacked first as a whole, into the caller's scratch. Everything that a
 * record tells is compared with the record's own length, and that with the bytes left; a count in
 * the header that more bytes would be needed for than there are is refused before anything is read.
 *
 * Wrappers of magic 0 and 1 hold messages with frames and CRCs of their own. The offsets inside a
 * wrapper of magic 1 are relative (KIP-31): the wrapper tells the last absolute one, so the
 * messages are walked once for the last relative one first. A wrapper that says 0 tells none
 * (librdkafka once produced so). With LogAppendTime the wrapper's timestamp is that of all
 * (KIP-32).
 */
#include "wire/record_legacy.h"
#include "wire/varint.h"

#define RECORD_BYTES_MIN 7 /* one byte for each field of an empty record */

/* The next message of a wrapper; ERR_END behind the last. Cut ones are corrupt: the wrapper is
 * whole. */
static int next_inner(struct slice *rest, struct batch_view *inner)
{
    if (rest->len == 0) {
        return ERR_END;
    }
    if (batch_view(*rest, inner, NULL) != 0 || inner->magic > 1 ||
        batch_codec(inner) != COMPRESSION_NONE || batch_check_crc(inner) != 0) {
        return ERR_CORRUPT;
    }
    *rest = slice_part(*rest, inner->bytes.len, rest->len);
    return ERR_OK;
}

/* What the offsets in a wrapper are relative to. */
static int find_legacy_base(struct record_iterator *iterator)
{
    struct slice rest = iterator->rest;
    struct batch_view inner;
    int64_t last = -1;
    int err;
    while ((err = next_inner(&rest, &inner)) == ERR_OK) {
        last = inner.last_offset;
    }
    if (err != ERR_END || iterator->rest.len == 0) {
        return ERR_CORRUPT;
    }
    int64_t wrapper = iterator->batch->last_offset;
    iterator->legacy_base = 0;
    if (iterator->batch->magic == 1 && wrapper != 0) {
        if (wrapper < last) {
            return ERR_CORRUPT;
        }
        iterator->legacy_base = wrapper - last;
    }
    return ERR_OK;
}

int record_iterator_init(struct record_iterator *iterator,
                         const struct batch_view *batch,
                         size_t max_bytes,
                         struct buffer *scratch)
{
    bool is_compressed = batch_codec(batch) != COMPRESSION_NONE;
    *iterator = (struct record_iterator){
        .batch = batch,
        .rest = batch->records,
        .left = batch->record_count,
        .unpacked = scratch,
        .legacy_plain = batch->magic < 2 && !is_compressed,
    };
    if (is_compressed) {
        ASSERT(scratch != NULL);
        buffer_clear(scratch, scratch->cap);
        int err = decompress_append(batch_codec(batch), batch->records, max_bytes, scratch);
        if (err != 0) {
            return err;
        }
        iterator->rest = buffer_slice(scratch);
    }
    if (batch->magic < 2) {
        return is_compressed ? find_legacy_base(iterator) : ERR_OK;
    }
    if (batch->record_count < 0 ||
        (size_t)batch->record_count > iterator->rest.len / RECORD_BYTES_MIN) {
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

static void set_legacy_times(const struct batch_view *batch, struct record *record)
{
    record->sequence = NO_SEQUENCE;
    record->headers = SLICE_NULL;
    record->header_count = 0;
    if (batch->magic == 1 && (batch->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0) {
        record->timestamp_ms = batch->max_timestamp_ms;
    }
}

static int next_legacy(struct record_iterator *iterator, struct record *record)
{
    const struct batch_view *batch = iterator->batch;
    struct batch_view inner;
    int64_t base = iterator->legacy_base;
    if (iterator->legacy_plain) {
        if (iterator->left == 0) {
            return ERR_END;
        }
        iterator->left = 0;
        inner = *batch;
        base = 0;
    } else {
        int err = next_inner(&iterator->rest, &inner);
        if (err != 0) {
            return err;
        }
    }
    struct slice body = inner.records;
    record->offset = (int64_t)((uint64_t)base + (uint64_t)inner.last_offset);
    record->timestamp_ms = inner.max_timestamp_ms;
    record->attributes = (int8_t)inner.attributes;
    record->bytes = inner.bytes;
    set_legacy_times(batch, record);
    int err = legacy_field_read(&body, &record->key);
    return err != 0 ? err : legacy_field_read(&body, &record->value);
}

/* A length varint and its bytes; -1 is null when that may be. */
static int read_field(struct slice *in, bool may_be_null, struct slice *field)
{
    int32_t len = 0;
    int err = varint_read(in, &len);
    *field = SLICE_NULL;
    if (err != 0 || (len < 0 && !(may_be_null && len == -1))) {
        return ERR_CORRUPT;
    }
    if (len < 0) {
        return ERR_OK;
    }
    if ((size_t)len > in->len) {
        return ERR_CORRUPT;
    }
    *field = slice_part(*in, 0, (size_t)len);
    *in = slice_part(*in, (size_t)len, in->len);
    return ERR_OK;
}

int record_headers_next(struct slice *headers, struct record_header *header)
{
    int err = read_field(headers, false, &header->key);
    return err != 0 ? err : read_field(headers, true, &header->value);
}

/* The headers must end where the record does. */
static int check_headers(const struct record *record)
{
    struct slice rest = record->headers;
    struct record_header header;
    for (int32_t i = 0; i < record->header_count; i++) {
        if (record_headers_next(&rest, &header) != 0) {
            return ERR_CORRUPT;
        }
    }
    return rest.len == 0 ? ERR_OK : ERR_CORRUPT;
}

/* `body` is the record behind its length. */
static int read_record(const struct batch_view *batch, struct slice body, struct record *record)
{
    int64_t timestamp_delta = 0;
    int32_t offset_delta = 0;
    if (body.len == 0) {
        return ERR_CORRUPT;
    }
    record->attributes = (int8_t)body.ptr[0];
    body = slice_part(body, 1, body.len);
    int err = varlong_read(&body, &timestamp_delta);
    err = err != 0 ? err : varint_read(&body, &offset_delta);
    if (err != 0 || offset_delta < 0) {
        return ERR_CORRUPT;
    }
    err = read_field(&body, true, &record->key);
    err = err != 0 ? err : read_field(&body, true, &record->value);
    err = err != 0 ? err : varint_read(&body, &record->header_count);
    if (err != 0 || record->header_count < 0) {
        return ERR_CORRUPT;
    }
    record->headers = body;
    record->offset = (int64_t)((uint64_t)batch->base_offset + (uint64_t)offset_delta);
    record->timestamp_ms = (batch->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0
                               ? batch->max_timestamp_ms
                               : (int64_t)((uint64_t)batch->base_timestamp_ms +
                                           (uint64_t)timestamp_delta);
    record->sequence = batch->base_sequence < 0 ? NO_SEQUENCE
                                                : sequence_add(batch->base_sequence, offset_delta);
    return check_headers(record);
}

int record_iterator_next(struct record_iterator *iterator, struct record *record)
{
    if (iterator->batch->magic < 2) {
        return next_legacy(iterator, record);
    }
    struct slice rest = iterator->rest;
    if (iterator->left == 0) {
        return rest.len == 0 ? ERR_END : ERR_CORRUPT;
    }
    int32_t len = 0;
    if (varint_read(&rest, &len) != 0 || len < 0 || (size_t)len > rest.len) {
        return ERR_CORRUPT;
    }
    size_t prefix = iterator->rest.len - rest.len;
    record->bytes = slice_part(iterator->rest, 0, prefix + (size_t)len);
    int err = read_record(iterator->batch, slice_part(rest, 0, (size_t)len), record);
    if (err == 0) {
        iterator->rest = slice_part(rest, (size_t)len, rest.len);
        iterator->left -= 1;
    }
    return err;
}
