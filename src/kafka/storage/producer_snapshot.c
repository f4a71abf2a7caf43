/* producer_snapshot.c - producer states as a file: see producer_state.h. */
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/memory.h"
#include "kafka/storage/producer_state.h"

#define SNAPSHOT_VERSION 1
#define CRC_AT 2
#define SUMMED_FROM 6
#define ENTRIES_AT 10
#define ENTRY_BYTES 46

static void encode_entry(const struct producer_entry *entry, uint8_t *at)
{
    static const struct producer_batch none = {NO_SEQUENCE, 0, -1, NO_TIMESTAMP};
    const struct producer_batch *last = entry->batch_count == 0
                                            ? &none
                                            : &entry->batches[entry->batch_count - 1];
    store_be64(at, (uint64_t)entry->producer_id);
    store_be16(at + 8, (uint16_t)entry->producer_epoch);
    store_be32(at + 10, (uint32_t)last->last_sequence);
    store_be64(at + 14, (uint64_t)last->last_offset);
    store_be32(at + 22, (uint32_t)last->offset_delta);
    store_be64(at + 26, (uint64_t)entry->last_timestamp_ms);
    store_be32(at + 34, (uint32_t)entry->coordinator_epoch);
    store_be64(at + 38, (uint64_t)entry->txn_first_offset);
}

void producer_snapshot_encode(const struct producer_states *states, struct buffer *into)
{
    size_t start = into->len;
    size_t count = states->by_id.count;
    uint8_t *at = buffer_reserve(into, ENTRIES_AT + count * ENTRY_BYTES);
    store_be16(at, SNAPSHOT_VERSION);
    store_be32(at + SUMMED_FROM, (uint32_t)count);
    at += ENTRIES_AT;
    size_t position = 0;
    uint64_t id;
    uint64_t value;
    while (u64_map_next(&states->by_id, &position, &id, &value)) {
        encode_entry((const struct producer_entry *)(uintptr_t)value, at);
        at += ENTRY_BYTES;
    }
    into->len += ENTRIES_AT + count * ENTRY_BYTES;
    struct slice all = slice_part(buffer_slice(into), start, into->len);
    store_be32(into->data + start + CRC_AT,
               crc32c_update(0, slice_part(all, SUMMED_FROM, all.len)));
}

static struct producer_entry decode_entry(const uint8_t *at)
{
    struct producer_entry entry = {
        .producer_id = (int64_t)load_be64(at),
        .producer_epoch = (int16_t)load_be16(at + 8),
        .last_timestamp_ms = (int64_t)load_be64(at + 26),
        .coordinator_epoch = (int32_t)load_be32(at + 34),
        .txn_first_offset = (int64_t)load_be64(at + 38),
    };
    struct producer_batch batch = {
        .last_sequence = (int32_t)load_be32(at + 10),
        .last_offset = (int64_t)load_be64(at + 14),
        .offset_delta = (int32_t)load_be32(at + 22),
        .timestamp_ms = entry.last_timestamp_ms,
    };
    if (batch.last_offset >= 0 && batch.offset_delta >= 0) {
        entry.batches[0] = batch;
        entry.batch_count = 1;
    }
    return entry;
}

int producer_snapshot_decode(struct producer_states *states,
                             struct slice bytes,
                             int64_t wall_ms,
                             int64_t expiration_ms)
{
    if (bytes.len < ENTRIES_AT || load_be16(bytes.ptr) != SNAPSHOT_VERSION) {
        return ERR_CORRUPT;
    }
    uint32_t count = load_be32(bytes.ptr + SUMMED_FROM);
    if (count > PRODUCER_IDS_MAX || bytes.len != ENTRIES_AT + (size_t)count * ENTRY_BYTES) {
        return ERR_CORRUPT;
    }
    if (load_be32(bytes.ptr + CRC_AT) !=
        crc32c_update(0, slice_part(bytes, SUMMED_FROM, bytes.len))) {
        return ERR_CHECKSUM;
    }
    for (uint32_t n = 0; n < count; n++) {
        struct producer_entry entry = decode_entry(bytes.ptr + ENTRIES_AT +
                                                   (size_t)n * ENTRY_BYTES);
        bool is_open = entry.txn_first_offset >= 0;
        bool is_expired = !is_open && wall_ms - entry.last_timestamp_ms >= expiration_ms;
        if (entry.producer_id < 0 || is_expired ||
            producer_find(states, entry.producer_id) != NULL) {
            continue;
        }
        struct producer_entry *kept = mem_alloc(sizeof *kept);
        *kept = entry;
        u64_map_put_ptr(&states->by_id, (uint64_t)entry.producer_id, kept);
        if (is_open) {
            producer_begin_txn(states, entry.producer_id, entry.txn_first_offset);
        }
    }
    return 0;
}
