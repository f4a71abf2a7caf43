/* time_index.c - see time_index.h. */
#include "kafka/storage/time_index.h"

#include "base/endian.h"

void time_index_init(struct time_index *index)
{
    index_entries_init(&index->entries, TIME_INDEX_ENTRY);
}

void time_index_release(struct time_index *index)
{
    index_entries_release(&index->entries);
}

static struct time_offset entry_at(const struct time_index *index, int64_t base_offset, uint32_t n)
{
    const uint8_t *entry = index_entries_at(&index->entries, n);
    return (struct time_offset){(int64_t)load_be64(entry),
                                base_offset + (int32_t)load_be32(entry + 8)};
}

static uint32_t count_sane(const struct time_index *index, int64_t base_offset, int64_t end_offset)
{
    struct time_offset last = {-1, base_offset - 1};
    for (uint32_t n = 0; n < index->entries.count; n++) {
        struct time_offset entry = entry_at(index, base_offset, n);
        bool is_zero = entry.timestamp_ms == 0 && entry.offset == base_offset && n > 0;
        if (is_zero || entry.timestamp_ms <= last.timestamp_ms || entry.offset <= last.offset ||
            entry.offset >= end_offset) {
            return n;
        }
        last = entry;
    }
    return index->entries.count;
}

int time_index_load(struct time_index *index,
                    struct runtime *runtime,
                    const char *path,
                    int64_t base_offset,
                    int64_t end_offset)
{
    int error = index_entries_load(&index->entries, runtime, path);
    uint32_t sane = count_sane(index, base_offset, end_offset);
    if (error == 0 && sane < index->entries.count) {
        error = ERR_CORRUPT;
    }
    index_entries_cut(&index->entries, sane);
    return error;
}

void time_index_add(struct time_index *index,
                    int64_t base_offset,
                    int64_t timestamp_ms,
                    int64_t offset)
{
    struct time_offset last = time_index_last(index, base_offset);
    if (timestamp_ms <= last.timestamp_ms || (index->entries.count > 0 && offset <= last.offset)) {
        return;
    }
    ASSERT(offset >= base_offset && offset - base_offset <= INT32_MAX);
    uint8_t *entry = index_entries_add(&index->entries);
    store_be64(entry, (uint64_t)timestamp_ms);
    store_be32(entry + 8, (uint32_t)(offset - base_offset));
}

struct time_offset time_index_last(const struct time_index *index, int64_t base_offset)
{
    if (index->entries.count == 0) {
        return (struct time_offset){-1, base_offset};
    }
    return entry_at(index, base_offset, index->entries.count - 1);
}

struct time_offset time_index_find(const struct time_index *index,
                                   int64_t base_offset,
                                   int64_t timestamp_ms)
{
    uint32_t low = 0;
    uint32_t high = index->entries.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_at(index, base_offset, middle).timestamp_ms <= timestamp_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return (struct time_offset){-1, base_offset};
    }
    return entry_at(index, base_offset, low - 1);
}

void time_index_truncate(struct time_index *index, int64_t base_offset, int64_t offset)
{
    uint32_t count = index->entries.count;
    while (count > 0 && entry_at(index, base_offset, count - 1).offset >= offset) {
        count -= 1;
    }
    index_entries_cut(&index->entries, count);
}
