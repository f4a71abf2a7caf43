/* record_batch.c - the header of a batch: view, check, stamp.
 *
 * This is the produce path. A view is a few loads and two comparisons, whatever the batch holds:
 * the size must be one that the magic can have, and the bytes must be there. What the numbers say
 * beside that (counts, offsets, sequences, codecs) is the log's to judge, since each wrong one has
 * an error of its own in Kafka's protocol. The CRC is one pass over the bytes, and everything that
 * a broker must write lies outside of it, so nothing is copied and nothing is made anew.
 *
 * The messages of magic 0 and 1 are seen as batches of one: a compressed one ("wrapper") holds a
 * message set as its value, and its offset is that of the last message inside (KIP-31).
 */
#include "wire/record_batch.h"

#include "base/crc32.h"
#include "base/crc32c.h"
#include "wire/record_legacy.h"

#define OFFSET_LENGTH 8
#define OFFSET_EPOCH 12
#define OFFSET_MAGIC 16
#define OFFSET_CRC 17
#define OFFSET_ATTRIBUTES 21
#define OFFSET_LAST_OFFSET_DELTA 23
#define OFFSET_BASE_TIMESTAMP 27
#define OFFSET_MAX_TIMESTAMP 35
#define OFFSET_PRODUCER_ID 43
#define OFFSET_PRODUCER_EPOCH 51
#define OFFSET_BASE_SEQUENCE 53
#define OFFSET_RECORD_COUNT 57

#define BYTES_TO_MAGIC (OFFSET_MAGIC + 1) /* enough to know size and form */

/* The least that may stand behind the length field. */
static size_t least_size(int8_t magic)
{
    switch (magic) {
    case 0:
        return LEGACY_HEADER_BYTES_MIN;
    case 1:
        return LEGACY_HEADER_BYTES_MIN + sizeof(int64_t);
    default:
        return BATCH_HEADER_BYTES - BATCH_LOG_OVERHEAD;
    }
}

static void view_batch(struct batch_view *view)
{
    const uint8_t *p = view->bytes.ptr;
    view->partition_leader_epoch = (int32_t)load_be32(p + OFFSET_EPOCH);
    view->attributes = (int16_t)load_be16(p + OFFSET_ATTRIBUTES);
    view->last_offset = view->base_offset +
                        (int64_t)(int32_t)load_be32(p + OFFSET_LAST_OFFSET_DELTA);
    view->base_timestamp_ms = (int64_t)load_be64(p + OFFSET_BASE_TIMESTAMP);
    view->max_timestamp_ms = (int64_t)load_be64(p + OFFSET_MAX_TIMESTAMP);
    view->producer_id = (int64_t)load_be64(p + OFFSET_PRODUCER_ID);
    view->producer_epoch = (int16_t)load_be16(p + OFFSET_PRODUCER_EPOCH);
    view->base_sequence = (int32_t)load_be32(p + OFFSET_BASE_SEQUENCE);
    view->record_count = (int32_t)load_be32(p + OFFSET_RECORD_COUNT);
    view->records = slice_part(view->bytes, BATCH_HEADER_BYTES, view->bytes.len);
}

/* One message of magic 0 or 1. */
static int view_message(struct batch_view *view)
{
    struct legacy_message message;
    int err = legacy_message_view(view->bytes, &message);
    if (err != 0) {
        return err;
    }
    bool is_wrapper = (message.attributes & BATCH_ATTRIBUTE_CODEC) != COMPRESSION_NONE;
    if (is_wrapper && slice_is_null(message.value)) {
        return ERR_CORRUPT;
    }
    view->last_offset = view->base_offset;
    view->partition_leader_epoch = -1;
    view->attributes = (int16_t)(uint8_t)message.attributes;
    view->base_timestamp_ms = message.timestamp_ms;
    view->max_timestamp_ms = message.timestamp_ms;
    view->producer_id = NO_PRODUCER_ID;
    view->producer_epoch = NO_PRODUCER_EPOCH;
    view->base_sequence = NO_SEQUENCE;
    view->record_count = is_wrapper ? -1 : 1;
    view->records = is_wrapper ? message.value : message.body;
    return ERR_OK;
}

int batch_view(struct slice in, struct batch_view *view, size_t *need)
{
    if (in.len < BYTES_TO_MAGIC) {
        if (need != NULL) {
            *need = BYTES_TO_MAGIC;
        }
        return ERR_TRUNCATED;
    }
    uint32_t size = load_be32(in.ptr + OFFSET_LENGTH);
    int8_t magic = (int8_t)in.ptr[OFFSET_MAGIC];
    if (size > INT32_MAX || magic < 0 || magic > 2 || size < least_size(magic)) {
        return ERR_CORRUPT;
    }
    size_t whole = BATCH_LOG_OVERHEAD + (size_t)size;
    if (need != NULL) {
        *need = whole;
    }
    if (in.len < whole) {
        return ERR_TRUNCATED;
    }
    view->bytes = slice_part(in, 0, whole);
    view->base_offset = (int64_t)load_be64(in.ptr);
    view->magic = magic;
    if (magic < 2) {
        return view_message(view);
    }
    view_batch(view);
    return ERR_OK;
}

int batch_check_crc(const struct batch_view *view)
{
    if (view->magic < 2) {
        return legacy_message_check_crc(view->bytes);
    }
    struct slice covered = slice_part(view->bytes, OFFSET_ATTRIBUTES, view->bytes.len);
    uint32_t stored = load_be32(view->bytes.ptr + OFFSET_CRC);
    return crc32c_update(0, covered) == stored ? ERR_OK : ERR_CHECKSUM;
}

int32_t batch_last_sequence(const struct batch_view *view)
{
    if (view->base_sequence == NO_SEQUENCE) {
        return NO_SEQUENCE;
    }
    return sequence_add(view->base_sequence,
                        (int32_t)((uint64_t)view->last_offset - (uint64_t)view->base_offset));
}

void batch_stamp(uint8_t *batch, int64_t base_offset, int32_t partition_leader_epoch)
{
    store_be64(batch, (uint64_t)base_offset);
    store_be32(batch + OFFSET_EPOCH, (uint32_t)partition_leader_epoch);
}

void batch_stamp_crc(uint8_t *batch, size_t len)
{
    ASSERT(len >= BATCH_HEADER_BYTES && batch[OFFSET_MAGIC] == 2);
    struct slice covered = slice_of(batch + OFFSET_ATTRIBUTES, len - OFFSET_ATTRIBUTES);
    store_be32(batch + OFFSET_CRC, crc32c_update(0, covered));
}

void batch_stamp_append_time(uint8_t *batch, size_t len, int64_t timestamp_ms)
{
    ASSERT(len >= BATCH_HEADER_BYTES && batch[OFFSET_MAGIC] == 2);
    uint16_t attributes = load_be16(batch + OFFSET_ATTRIBUTES) | BATCH_ATTRIBUTE_LOG_APPEND_TIME;
    store_be16(batch + OFFSET_ATTRIBUTES, attributes);
    store_be64(batch + OFFSET_MAX_TIMESTAMP, (uint64_t)timestamp_ms);
    batch_stamp_crc(batch, len);
}
