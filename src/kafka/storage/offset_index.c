/* offset_index.c - see offset_index.h. */
#include "kafka/storage/offset_index.h"

#include "base/endian.h"

void offset_index_init(struct offset_index *index)
{
    index_entries_init(&index->entries, OFFSET_INDEX_ENTRY);
}

void offset_index_release(struct offset_index *index)
{
    index_entries_release(&index->entries);
}

static uint32_t relative_at(const struct offset_index *index, uint32_t n)
{
    return load_be32(index_entries_at(&index->entries, n));
}

static uint32_t position_at(const struct offset_index *index, uint32_t n)
{
    return load_be32(index_entries_at(&index->entries, n) + 4);
}

/* How many entries from the front on can be true. A preallocated file that was not trimmed ends in
 * zeros, which do not ascend. */
static uint32_t count_sane(const struct offset_index *index, uint64_t segment_size)
{
    for (uint32_t n = 0; n < index->entries.count; n++) {
        bool ascends = n == 0 || (relative_at(index, n) > relative_at(index, n - 1) &&
                                  position_at(index, n) > position_at(index, n - 1));
        bool is_zero = relative_at(index, n) == 0 && position_at(index, n) == 0;
        if (!ascends || is_zero || position_at(index, n) >= segment_size ||
            relative_at(index, n) > INT32_MAX) {
            return n;
        }
    }
    return index->entries.count;
}

int offset_index_load(struct offset_index *index,
                      struct runtime *runtime,
                      const char *path,
                      uint64_t segment_size)
{
    int error = index_entries_load(&index->entries, runtime, path);
    uint32_t sane = count_sane(index, segment_size);
    if (error == 0 && sane < index->entries.count) {
        error = ERR_CORRUPT;
    }
    index_entries_cut(&index->entries, sane);
    return error;
}

void offset_index_add(struct offset_index *index, uint32_t relative_offset, uint32_t position)
{
    ASSERT(index->entries.count == 0 ||
           relative_offset > relative_at(index, index->entries.count - 1));
    uint8_t *entry = index_entries_add(&index->entries);
    store_be32(entry, relative_offset);
    store_be32(entry + 4, position);
}

struct offset_position offset_index_at(const struct offset_index *index,
                                       int64_t base_offset,
                                       uint32_t n)
{
    ASSERT(n < index->entries.count);
    return (struct offset_position){base_offset + relative_at(index, n), position_at(index, n)};
}

/* How many entries have an offset not above `offset`. */
static uint32_t count_up_to(const struct offset_index *index, int64_t base_offset, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = index->entries.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (base_offset + relative_at(index, middle) <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct offset_position offset_index_find(const struct offset_index *index,
                                         int64_t base_offset,
                                         int64_t offset)
{
    uint32_t count = count_up_to(index, base_offset, offset);
    if (count == 0) {
        return (struct offset_position){base_offset, 0};
    }
    return offset_index_at(index, base_offset, count - 1);
}

void offset_index_truncate(struct offset_index *index, int64_t base_offset, int64_t offset)
{
    index_entries_cut(&index->entries, count_up_to(index, base_offset, offset - 1));
}
