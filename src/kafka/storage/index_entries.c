/* index_entries.c - see index_entries.h. */
#include "kafka/storage/index_entries.h"

#include "base/memory.h"

#define FIRST_CAP 16u
#define INDEX_BYTES_MAX ((uint64_t)256 * 1024 * 1024)

void index_entries_init(struct index_entries *entries, uint32_t entry_bytes)
{
    *entries = (struct index_entries){.entry_bytes = entry_bytes};
}

void index_entries_release(struct index_entries *entries)
{
    mem_free(entries->bytes, (size_t)entries->cap * entries->entry_bytes);
    index_entries_init(entries, entries->entry_bytes);
}

static void reserve(struct index_entries *entries, uint32_t count)
{
    if (count <= entries->cap) {
        return;
    }
    uint32_t cap = MAX(MAX(entries->cap * 2, FIRST_CAP), count);
    entries->bytes = mem_realloc(entries->bytes, (size_t)entries->cap * entries->entry_bytes,
                                 (size_t)cap * entries->entry_bytes);
    entries->cap = cap;
}

uint8_t *index_entries_add(struct index_entries *entries)
{
    reserve(entries, entries->count + 1);
    entries->count += 1;
    return entries->bytes + (size_t)(entries->count - 1) * entries->entry_bytes;
}

int index_entries_load(struct index_entries *entries, struct runtime *runtime, const char *path)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    index_entries_release(entries);
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = file_size(file, &size);
    uint32_t count = (uint32_t)(MIN(size, INDEX_BYTES_MAX) / entries->entry_bytes);
    if (error == 0 && count > 0) {
        reserve(entries, count);
        error = file_read(file, 0, entries->bytes, (size_t)count * entries->entry_bytes, &got);
    }
    file_close(file);
    if (error != 0) {
        return error;
    }
    entries->count = (uint32_t)(got / entries->entry_bytes);
    entries->saved = entries->count;
    return size % entries->entry_bytes != 0 ? ERR_CORRUPT : 0;
}

int index_entries_save(struct index_entries *entries, struct runtime *runtime, const char *path)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_WRITE | FILE_CREATE, &file);
    if (error != 0) {
        return error;
    }
    uint64_t from = (uint64_t)entries->saved * entries->entry_bytes;
    uint64_t to = (uint64_t)entries->count * entries->entry_bytes;
    uint64_t size;
    error = file_size(file, &size);
    if (error == 0 && to > from) {
        error = file_write(file, from, slice_of(entries->bytes + from, (size_t)(to - from)));
    }
    if (error == 0 && size > to) {
        error = file_resize(file, to);
    }
    int close_error = file_close(file);
    error = error == 0 ? close_error : error;
    if (error == 0) {
        entries->saved = entries->count;
    }
    return error;
}
