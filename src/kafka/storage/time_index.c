/* time_index.c - see time_index.h. */
#include "kafka/storage/time_index.h"

#include "base/endian.h"
#include "base/memory.h"

#define FIRST_CAP 16u
#define INDEX_BYTES_MAX ((uint64_t)256 * 1024 * 1024)

void time_index_init(struct time_index *index)
{
    *index = (struct time_index){0};
}

void time_index_release(struct time_index *index)
{
    mem_free(index->entries, (size_t)index->cap * TIME_INDEX_ENTRY);
    time_index_init(index);
}

static void reserve(struct time_index *index, uint32_t count)
{
    if (count <= index->cap) {
        return;
    }
    uint32_t cap = MAX(MAX(index->cap * 2, FIRST_CAP), count);
    index->entries = mem_realloc(index->entries, (size_t)index->cap * TIME_INDEX_ENTRY,
                                 (size_t)cap * TIME_INDEX_ENTRY);
    index->cap = cap;
}

static struct time_offset entry_at(const struct time_index *index, int64_t base_offset, uint32_t n)
{
    const uint8_t *entry = index->entries + (size_t)n * TIME_INDEX_ENTRY;
    return (struct time_offset){(int64_t)load_be64(entry),
                                base_offset + (int32_t)load_be32(entry + 8)};
}

static uint32_t count_sane(const struct time_index *index, int64_t base_offset, int64_t end_offset)
{
    struct time_offset last = {-1, base_offset - 1};
    for (uint32_t n = 0; n < index->count; n++) {
        struct time_offset entry = entry_at(index, base_offset, n);
        bool is_zero = entry.timestamp_ms == 0 && entry.offset == base_offset && n > 0;
        if (is_zero || entry.timestamp_ms <= last.timestamp_ms || entry.offset <= last.offset ||
            entry.offset >= end_offset) {
            return n;
        }
        last = entry;
    }
    return index->count;
}

int time_index_load(struct time_index *index,
                    struct runtime *runtime,
                    const char *path,
                    int64_t base_offset,
                    int64_t end_offset)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    time_index_release(index);
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = file_size(file, &size);
    uint32_t count = (uint32_t)(MIN(size, INDEX_BYTES_MAX) / TIME_INDEX_ENTRY);
    if (error == 0 && count > 0) {
        reserve(index, count);
        error = file_read(file, 0, index->entries, (size_t)count * TIME_INDEX_ENTRY, &got);
    }
    file_close(file);
    if (error != 0) {
        return error;
    }
    index->count = (uint32_t)(got / TIME_INDEX_ENTRY);
    uint32_t sane = count_sane(index, base_offset, end_offset);
    bool damaged = sane < index->count || size % TIME_INDEX_ENTRY != 0;
    index->count = sane;
    index->saved = sane;
    return damaged ? ERR_CORRUPT : 0;
}

int time_index_save(struct time_index *index, struct runtime *runtime, const char *path)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_WRITE | FILE_CREATE, &file);
    if (error != 0) {
        return error;
    }
    uint64_t from = (uint64_t)index->saved * TIME_INDEX_ENTRY;
    uint64_t to = (uint64_t)index->count * TIME_INDEX_ENTRY;
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

void time_index_add(struct time_index *index,
                    int64_t base_offset,
                    int64_t timestamp_ms,
                    int64_t offset)
{
    struct time_offset last = time_index_last(index, base_offset);
    if (timestamp_ms <= last.timestamp_ms || (index->count > 0 && offset <= last.offset)) {
        return;
    }
    ASSERT(offset >= base_offset && offset - base_offset <= INT32_MAX);
    reserve(index, index->count + 1);
    uint8_t *entry = index->entries + (size_t)index->count * TIME_INDEX_ENTRY;
    store_be64(entry, (uint64_t)timestamp_ms);
    store_be32(entry + 8, (uint32_t)(offset - base_offset));
    index->count += 1;
}

struct time_offset time_index_last(const struct time_index *index, int64_t base_offset)
{
    if (index->count == 0) {
        return (struct time_offset){-1, base_offset};
    }
    return entry_at(index, base_offset, index->count - 1);
}

struct time_offset time_index_find(const struct time_index *index,
                                   int64_t base_offset,
                                   int64_t timestamp_ms)
{
    uint32_t low = 0;
    uint32_t high = index->count;
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
    while (index->count > 0 && time_index_last(index, base_offset).offset >= offset) {
        index->count -= 1;
    }
    index->saved = MIN(index->saved, index->count);
}
