/* time_index.h - the largest timestamp so far, and the offset that had it: sparse, sorted.
 *
 * Model: 12-byte entries {timestamp int64, offset - base_offset int32}: "up to and with the batch
 * that ends at this offset no timestamp was larger". Timestamps ascend strictly, offsets too. Kept,
 * saved and loaded as index_entries.h tells; the last entry of a segment that is not written any
 * more is its largest timestamp. Source: TimeIndex of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_TIME_INDEX_H
#define KAFKA_STORAGE_TIME_INDEX_H

#include "kafka/storage/index_entries.h"

#define TIME_INDEX_ENTRY 12

struct time_index {
    struct index_entries entries;
};

struct time_offset {
    int64_t timestamp_ms; /* -1: none */
    int64_t offset;
};

void time_index_init(struct time_index *index);
void time_index_release(struct time_index *index);

/* ERR_NOT_FOUND, ERR_CORRUPT (what could be used is loaded), ERR_IO. end_offset bounds what an
 * entry may tell (INT64_MAX: not known). */
NODISCARD int time_index_load(struct time_index *index,
                              struct runtime *runtime,
                              const char *path,
                              int64_t base_offset,
                              int64_t end_offset);

/* Adds when the timestamp is larger than the last one. */
void time_index_add(struct time_index *index,
                    int64_t base_offset,
                    int64_t timestamp_ms,
                    int64_t offset);

/* {-1, base_offset} when it is empty. */
struct time_offset time_index_last(const struct time_index *index, int64_t base_offset);

/* The last entry whose timestamp is not above `timestamp_ms`; {-1, base_offset} for none. */
struct time_offset time_index_find(const struct time_index *index,
                                   int64_t base_offset,
                                   int64_t timestamp_ms);

/* Drops entries at and above `offset`. */
void time_index_truncate(struct time_index *index, int64_t base_offset, int64_t offset);

#endif
