/* offset_index.c - see offset_index.h. */
#include "kafka/storage/offset_index.h"

#include "base/endian.h"
#include "base/memory.h"

#define FIRST_CAP 16u
#define INDEX_BYTES_MAX ((uint64_t)256 * 1024 * 1024)

void offset_index_init(struct offset_index *index)
{
    *index = (struct offset_index){0};
}

void offset_index_release(struct offset_index *index)
{
    mem_free(index->entries, (size_t)index->cap * OFFSET_INDEX_ENTRY);
    offset_index_init(index);
}

static void reserve(struct offset_index *index, uint32_t count)
{
    if (count <= index->cap) {
        return;
    }
    uint32_t cap = MAX(MAX(index->cap * 2, FIRST_CAP), count);
    index->entries = mem_realloc(index->entries, (size_t)index->cap * OFFSET_INDEX_ENTRY,
                                 (size_t)cap * OFFSET_INDEX_ENTRY);
    index->cap = cap;
}

static const uint8_t *entry_at(const struct offset_index *index, uint32_t n)
{
    return index->entries + (size_t)n * OFFSET_INDEX_ENTRY;
}

static uint32_t relative_at(const struct offset_index *index, uint32_t n)
{
    return load_be32(entry_at(index, n));
}

static uint32_t position_at(const struct offset_index *index, uint32_t n)
{
    return load_be32(entry_at(index, n) + 4);
}

/* How many entries from the front on can be true. A preallocated file that was not trimmed ends in
 * zeros, which do not ascend. */
static uint32_t count_sane(const struct offset_index *index, uint64_t segment_size)
{
    for (uint32_t n = 0; n < index->count; n++) {
        bool ascends = n == 0 || (relative_at(index, n) > relative_at(index, n - 1) &&
                                  position_at(index, n) > position_at(index, n - 1));
        bool is_zero = relative_at(index, n) == 0 && position_at(index, n) == 0;
        if (!ascends || is_zero || position_at(index, n) >= segment_size ||
            relative_at(index, n) > INT32_MAX) {
            return n;
        }
    }
    return index->count;
}

int offset_index_load(struct offset_index *index,
                      struct runtime *runtime,
                      const char *path,
                      uint64_t segment_size)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    offset_index_release(index);
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = file_size(file, &size);
    uint32_t count = (uint32_t)(MIN(size, INDEX_BYTES_MAX) / OFFSET_INDEX_ENTRY);
    if (error == 0 && count > 0) {
        reserve(index, count);
        error = file_read(file, 0, index->entries, (size_t)count * OFFSET_INDEX_ENTRY, &got);
    }
    file_close(file);
    if (error != 0) {
        return error;
    }
    index->count = (uint32_t)(got / OFFSET_INDEX_ENTRY);
    uint32_t sane = count_sane(index, segment_size);
    bool damaged = sane < index->count || size % OFFSET_INDEX_ENTRY != 0;
    index->count = sane;
    index->saved = sane;
    return damaged ? ERR_CORRUPT : 0;
}

int offset_index_save(struct offset_index *index, struct runtime *runtime, const char *path)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_WRITE | FILE_CREATE, &file);
    if (error != 0) {
        return error;
    }
    uint64_t from = (uint64_t)index->saved * OFFSET_INDEX_ENTRY;
    uint64_t to = (uint64_t)index->count * OFFSET_INDEX_ENTRY;
    uint64_t size;
    error = file_size(file, &size);
    if (error == 0 && to > from) {
        error = file_write(file, from, slice_of(index->entries + from, (size_t)(to - from)));
    }
    if (error == 0 && size > to) {
        error = file_resize(file, to);
    }
    int close_error = file_close(file);
    error = error == 0 ? close_error : error;
    if (error == 0) {
        index->saved = index->count;
    }
    return error;
}

void offset_index_add(struct offset_index *index, uint32_t relative_offset, uint32_t position)
{
    ASSERT(index->count == 0 || relative_offset > relative_at(index, index->count - 1));
    reserve(index, index->count + 1);
    uint8_t *entry = index->entries + (size_t)index->count * OFFSET_INDEX_ENTRY;
    store_be32(entry, relative_offset);
    store_be32(entry + 4, position);
    index->count += 1;
}

struct offset_position offset_index_at(const struct offset_index *index,
                                       int64_t base_offset,
                                       uint32_t n)
{
    ASSERT(n < index->count);
    return (struct offset_position){base_offset + relative_at(index, n), position_at(index, n)};
}

/* How many entries have an offset not above `offset`. */
static uint32_t count_up_to(const struct offset_index *index, int64_t base_offset, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = index->count;
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
    index->count = count_up_to(index, base_offset, offset - 1);
    index->saved = MIN(index->saved, index->count);
}
