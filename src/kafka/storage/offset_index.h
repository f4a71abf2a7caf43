/* offset_index.h - where in a segment an offset lies: a sparse, sorted list in memory and on disk.
 *
 * Model: 8-byte entries {offset - base_offset int32, position int32}, both ascending: "the batch at
 * `position` ends with this offset". About one for every index.interval.bytes of records. How they
 * come to the disk and back: index_entries.h.
 *
 * What comes from the file is checked when it is loaded: entries that do not ascend, or that point
 * behind the segment's end, end the list there. Source: OffsetIndex of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_OFFSET_INDEX_H
#define KAFKA_STORAGE_OFFSET_INDEX_H

#include "kafka/storage/index_entries.h"

#define OFFSET_INDEX_ENTRY 8

struct offset_index {
    struct index_entries entries;
};

struct offset_position {
    int64_t offset;
    uint32_t position;
};

void offset_index_init(struct offset_index *index);
void offset_index_release(struct offset_index *index);

/* ERR_NOT_FOUND, ERR_CORRUPT (what could be used is loaded), ERR_IO. */
NODISCARD int offset_index_load(struct offset_index *index,
                                struct runtime *runtime,
                                const char *path,
                                uint64_t segment_size);

void offset_index_add(struct offset_index *index, uint32_t relative_offset, uint32_t position);

/* Entry n, its offset made absolute. */
struct offset_position offset_index_at(const struct offset_index *index,
                                       int64_t base_offset,
                                       uint32_t n);

/* The last entry whose offset is not above `offset`; {base_offset, 0} when there is none. */
struct offset_position offset_index_find(const struct offset_index *index,
                                         int64_t base_offset,
                                         int64_t offset);

/* Drops entries at and above `offset`. */
void offset_index_truncate(struct offset_index *index, int64_t base_offset, int64_t offset);

#endif
