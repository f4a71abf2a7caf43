/* offset_map.h - for each key the last offset at which it was seen: what compaction keeps.
 *
 * Model: a hash table of fixed entries of 24 bytes: 16 of the key's fingerprint, 8 of the offset.
 * The keys themselves are not kept, so any number of long keys fits into a known amount of memory.
 * Two keys of one fingerprint would be taken for one: with 128 keyed bits (SipHash twice, from the
 * host's random source) that does not happen, whatever keys strangers choose. The table grows by
 * doubling up to `bytes_max`, and says when it is full: the pass then ends at that offset, and the
 * next one goes on.
 *
 * latest_offset is how far the log was read into the map; records behind it are kept unseen.
 * Source: SkimpyOffsetMap of Apache Kafka 3.9 (MD5, fixed size from the start).
 */
#ifndef KAFKA_CORE_OFFSET_MAP_H
#define KAFKA_CORE_OFFSET_MAP_H

#include "base/hash.h"

struct offset_map_entry {
    uint64_t fingerprint[2]; /* both 0: free */
    int64_t offset;
};

struct offset_map {
    struct offset_map_entry *entries;
    size_t capacity; /* a power of two; 0 before the first put */
    size_t capacity_max;
    size_t count;
    size_t count_max; /* of capacity_max, by the load factor */
    struct hash_key keys[2];
    int64_t latest_offset; /* -1: nothing yet */
};

/* bytes_max is the most that the entries may take (at least OFFSET_MAP_BYTES_MIN are used); load is
 * the share of them that may be filled, in (0, 1]. */
#define OFFSET_MAP_BYTES_MIN 24576u
void offset_map_init(struct offset_map *map,
                     size_t bytes_max,
                     double load,
                     const struct hash_key keys[2]);
void offset_map_release(struct offset_map *map);

/* False when there is no room for one more key. */
NODISCARD bool offset_map_put(struct offset_map *map, struct slice key, int64_t offset);

/* -1: not there. */
int64_t offset_map_get(const struct offset_map *map, struct slice key);

#endif
