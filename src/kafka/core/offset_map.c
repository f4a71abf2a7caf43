/* offset_map.c - see offset_map.h. Open addressing, linear probing, no removal. */
#include "kafka/core/offset_map.h"

#include "base/memory.h"

#define CAPACITY_FIRST 1024u
#define FILL_BEFORE_GROWTH_NUMERATOR 3 /* smaller tables double when three quarters are filled */
#define FILL_BEFORE_GROWTH_DENOMINATOR 4

void offset_map_init(struct offset_map *map,
                     size_t bytes_max,
                     double load,
                     const struct hash_key keys[2])
{
    ASSERT(load > 0 && load <= 1);
    *map = (struct offset_map){.latest_offset = -1};
    map->keys[0] = keys[0];
    map->keys[1] = keys[1];
    size_t most = MAX(bytes_max, (size_t)OFFSET_MAP_BYTES_MIN) / sizeof(struct offset_map_entry);
    map->capacity_max = CAPACITY_FIRST;
    while (map->capacity_max * 2 <= most) {
        map->capacity_max *= 2;
    }
    /* One entry always stays free, so that a search ends. */
    map->count_max = MIN((size_t)((double)map->capacity_max * load), map->capacity_max - 1);
}

void offset_map_release(struct offset_map *map)
{
    mem_free(map->entries, map->capacity * sizeof *map->entries);
    map->entries = NULL;
    map->capacity = 0;
}

static struct offset_map_entry *place_of(struct offset_map_entry *entries,
                                         size_t capacity,
                                         const uint64_t fingerprint[2])
{
    size_t at = (size_t)fingerprint[0] & (capacity - 1);
    while ((entries[at].fingerprint[0] | entries[at].fingerprint[1]) != 0 &&
           (entries[at].fingerprint[0] != fingerprint[0] ||
            entries[at].fingerprint[1] != fingerprint[1])) {
        at = (at + 1) & (capacity - 1);
    }
    return &entries[at];
}

static void fingerprint_of(const struct offset_map *map, struct slice key, uint64_t fingerprint[2])
{
    fingerprint[0] = hash_bytes(map->keys[0], key);
    fingerprint[1] = hash_bytes(map->keys[1], key) | 1; /* never that of a free entry */
}

static void grow(struct offset_map *map)
{
    size_t capacity = map->capacity == 0 ? CAPACITY_FIRST : map->capacity * 2;
    struct offset_map_entry *entries = mem_alloc_zeroed(capacity * sizeof *entries);
    for (size_t i = 0; i < map->capacity; i++) {
        const struct offset_map_entry *old = &map->entries[i];
        if (old->fingerprint[1] != 0) {
            *place_of(entries, capacity, old->fingerprint) = *old;
        }
    }
    mem_free(map->entries, map->capacity * sizeof *map->entries);
    map->entries = entries;
    map->capacity = capacity;
}

static bool wants_growth(const struct offset_map *map)
{
    return map->capacity == 0 ||
           (map->capacity < map->capacity_max && map->count * FILL_BEFORE_GROWTH_DENOMINATOR >=
                                                     map->capacity * FILL_BEFORE_GROWTH_NUMERATOR);
}

bool offset_map_put(struct offset_map *map, struct slice key, int64_t offset)
{
    uint64_t fingerprint[2];
    if (wants_growth(map)) {
        grow(map);
    }
    fingerprint_of(map, key, fingerprint);
    struct offset_map_entry *entry = place_of(map->entries, map->capacity, fingerprint);
    if (entry->fingerprint[1] == 0) {
        if (map->count >= map->count_max) {
            return false;
        }
        entry->fingerprint[0] = fingerprint[0];
        entry->fingerprint[1] = fingerprint[1];
        map->count += 1;
    }
    entry->offset = offset;
    return true;
}

int64_t offset_map_get(const struct offset_map *map, struct slice key)
{
    uint64_t fingerprint[2];
    if (map->capacity == 0) {
        return -1;
    }
    fingerprint_of(map, key, fingerprint);
    const struct offset_map_entry *entry = place_of(map->entries, map->capacity, fingerprint);
    return entry->fingerprint[1] == 0 ? -1 : entry->offset;
}
