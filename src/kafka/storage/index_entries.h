/* index_entries.h - what the offset index and the time index have in common: entries of one size,
 * in memory as they stand in the file.
 *
 * Model: `count` entries, of which the first `saved` are in the file already; index_entries_save
 * appends the others. Apache Kafka preallocates the file of its active segment and trims it later;
 * ours simply has the length of its entries, which Apache opens as well: it rebuilds every index
 * behind the recovery point, and ours before it are complete. What an entry means, and which can be
 * true, is the business of offset_index.h and time_index.h.
 * Source: AbstractIndex of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_INDEX_ENTRIES_H
#define KAFKA_STORAGE_INDEX_ENTRIES_H

#include "runtime/runtime.h"

struct index_entries {
    uint8_t *bytes; /* big-endian, as in the file */
    uint32_t entry_bytes;
    uint32_t count;
    uint32_t cap;
    uint32_t saved;
};

void index_entries_init(struct index_entries *entries, uint32_t entry_bytes);
void index_entries_release(struct index_entries *entries);

static inline const uint8_t *index_entries_at(const struct index_entries *entries, uint32_t n)
{
    return entries->bytes + (size_t)n * entries->entry_bytes;
}

/* One more, to be filled by the caller. */
uint8_t *index_entries_add(struct index_entries *entries);

/* Keeps the first `count`. */
static inline void index_entries_cut(struct index_entries *entries, uint32_t count)
{
    entries->count = count;
    entries->saved = MIN(entries->saved, count);
}

static inline bool index_entries_is_saved(const struct index_entries *entries)
{
    return entries->saved == entries->count;
}

/* Replaces the entries by those of the file. Those that cannot be true must be cut by the caller.
 * ERR_NOT_FOUND, ERR_IO; ERR_CORRUPT: the file ends inside an entry (the whole ones are loaded). */
NODISCARD int index_entries_load(struct index_entries *entries,
                                 struct runtime *runtime,
                                 const char *path);

/* Appends what the file does not have yet, and cuts what it has too much. */
NODISCARD int index_entries_save(struct index_entries *entries,
                                 struct runtime *runtime,
                                 const char *path);

#endif
