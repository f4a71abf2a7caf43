/* map.c - linear probing with backward-shift deletion.
 *
 * An entry lives at its home slot (hash & mask) or in the unbroken run of filled slots behind it.
 * Removing one leaves a hole; every later entry of the run whose home does not lie behind the hole
 * moves into it, and leaves a hole itself. So there are no tombstones: a lookup ends at the first
 * free slot, however long the table has lived. A table is never full (at most 7/8), hence every run
 * ends.
 */
#include "base/map.h"

#include "base/memory.h"

#define MAP_FIRST_SLOTS ((size_t)8)

/* Would the entry whose home is `home` and which stands at `at` still be found if it stood at
 * `hole`? */
static inline bool may_move(size_t home, size_t hole, size_t at, size_t mask)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

static inline bool is_too_full(size_t count, size_t mask)
{
    return mask == 0 || (count + 1) * 8 > (mask + 1) * 7;
}

/* u64_map */

static inline bool is_filled(const struct u64_map *map, size_t slot)
{
    return (map->filled[slot >> 3] >> (slot & 7) & 1) != 0;
}

static inline void set_filled(struct u64_map *map, size_t slot)
{
    map->filled[slot >> 3] |= (uint8_t)(1u << (slot & 7));
}

static inline void clear_filled(struct u64_map *map, size_t slot)
{
    map->filled[slot >> 3] &= (uint8_t)~(1u << (slot & 7));
}

void u64_map_init(struct u64_map *map)
{
    *map = (struct u64_map){0};
}

void u64_map_release(struct u64_map *map)
{
    if (map->mask != 0) {
        mem_free(map->slots, (map->mask + 1) * sizeof *map->slots);
        mem_free(map->filled, (map->mask + 1) / 8);
    }
    u64_map_init(map);
}

/* The slot of the key, or the free slot where it would go. */
static inline size_t u64_find(const struct u64_map *map, uint64_t key)
{
    size_t slot = hash_u64(key) & map->mask;
    while (is_filled(map, slot) && map->slots[slot].key != key) {
        slot = (slot + 1) & map->mask;
    }
    return slot;
}

static void u64_grow(struct u64_map *map)
{
    struct u64_map old = *map;
    size_t slots = old.mask == 0 ? MAP_FIRST_SLOTS : (old.mask + 1) * 2;
    map->slots = mem_alloc(slots * sizeof *map->slots);
    map->filled = mem_alloc_zeroed(slots / 8);
    map->mask = slots - 1;
    for (size_t i = 0; old.mask != 0 && i <= old.mask; i++) {
        if (is_filled(&old, i)) {
            size_t slot = u64_find(map, old.slots[i].key);
            map->slots[slot] = old.slots[i];
            set_filled(map, slot);
        }
    }
    u64_map_release(&old);
}

bool u64_map_get(const struct u64_map *map, uint64_t key, uint64_t *value)
{
    if (map->count == 0) {
        return false;
    }
    size_t slot = u64_find(map, key);
    if (!is_filled(map, slot)) {
        return false;
    }
    *value = map->slots[slot].value;
    return true;
}

void *u64_map_get_ptr(const struct u64_map *map, uint64_t key)
{
    uint64_t value = 0;
    return u64_map_get(map, key, &value) ? (void *)(uintptr_t)value : NULL;
}

void u64_map_put(struct u64_map *map, uint64_t key, uint64_t value)
{
    size_t slot = 0;
    if (map->mask != 0) {
        slot = u64_find(map, key);
        if (is_filled(map, slot)) {
            map->slots[slot].value = value;
            return;
        }
    }
    if (is_too_full(map->count, map->mask)) {
        u64_grow(map);
        slot = u64_find(map, key);
    }
    map->slots[slot] = (struct u64_map_slot){key, value};
    set_filled(map, slot);
    map->count += 1;
}

void u64_map_put_ptr(struct u64_map *map, uint64_t key, void *value)
{
    u64_map_put(map, key, (uint64_t)(uintptr_t)value);
}

static void u64_remove_slot(struct u64_map *map, size_t hole)
{
    for (size_t at = (hole + 1) & map->mask; is_filled(map, at); at = (at + 1) & map->mask) {
        size_t home = hash_u64(map->slots[at].key) & map->mask;
        if (may_move(home, hole, at, map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    clear_filled(map, hole);
    map->count -= 1;
}

bool u64_map_remove(struct u64_map *map, uint64_t key, uint64_t *value)
{
    if (map->count == 0) {
        return false;
    }
    size_t slot = u64_find(map, key);
    if (!is_filled(map, slot)) {
        return false;
    }
    if (value != NULL) {
        *value = map->slots[slot].value;
    }
    u64_remove_slot(map, slot);
    return true;
}

bool u64_map_next(const struct u64_map *map, size_t *position, uint64_t *key, uint64_t *value)
{
    size_t slots = map->mask == 0 ? 0 : map->mask + 1;
    for (size_t i = *position; i < slots; i++) {
        if (is_filled(map, i)) {
            *key = map->slots[i].key;
            *value = map->slots[i].value;
            *position = i + 1;
            return true;
        }
    }
    *position = slots;
    return false;
}

void u64_map_remove_at(struct u64_map *map, size_t *position)
{
    ASSERT(map->mask != 0 && *position > 0 && *position <= map->mask + 1);
    size_t slot = *position - 1;
    ASSERT(is_filled(map, slot));
    u64_remove_slot(map, slot);
    *position = slot;
}

/* bytes_map */

void bytes_map_init(struct bytes_map *map, struct hash_key hash_key)
{
    *map = (struct bytes_map){.hash_key = hash_key};
}

void bytes_map_release(struct bytes_map *map)
{
    if (map->mask != 0) {
        mem_free(map->slots, (map->mask + 1) * sizeof *map->slots);
    }
    bytes_map_init(map, map->hash_key);
}

static inline size_t bytes_find(const struct bytes_map *map, uint64_t hash, struct slice key)
{
    size_t slot = hash & map->mask;
    while (map->slots[slot].value != NULL &&
           !(map->slots[slot].hash == hash && slice_equal(map->slots[slot].key, key))) {
        slot = (slot + 1) & map->mask;
    }
    return slot;
}

static void bytes_grow(struct bytes_map *map)
{
    struct bytes_map old = *map;
    size_t slots = old.mask == 0 ? MAP_FIRST_SLOTS : (old.mask + 1) * 2;
    map->slots = mem_alloc_zeroed(slots * sizeof *map->slots);
    map->mask = slots - 1;
    for (size_t i = 0; old.mask != 0 && i <= old.mask; i++) {
        if (old.slots[i].value != NULL) {
            /* The keys differ from each other: the first free slot of the run will do. */
            size_t slot = old.slots[i].hash & map->mask;
            while (map->slots[slot].value != NULL) {
                slot = (slot + 1) & map->mask;
            }
            map->slots[slot] = old.slots[i];
        }
    }
    bytes_map_release(&old);
}

void *bytes_map_get(const struct bytes_map *map, struct slice key)
{
    if (map->count == 0) {
        return NULL;
    }
    return map->slots[bytes_find(map, hash_bytes(map->hash_key, key), key)].value;
}

void bytes_map_add(struct bytes_map *map, struct slice key, void *value)
{
    ASSERT(value != NULL);
    if (is_too_full(map->count, map->mask)) {
        bytes_grow(map);
    }
    uint64_t hash = hash_bytes(map->hash_key, key);
    size_t slot = bytes_find(map, hash, key);
    ASSERT(map->slots[slot].value == NULL);
    map->slots[slot] = (struct bytes_map_slot){hash, key, value};
    map->count += 1;
}

static void bytes_remove_slot(struct bytes_map *map, size_t hole)
{
    for (size_t at = (hole + 1) & map->mask; map->slots[at].value != NULL;
         at = (at + 1) & map->mask) {
        if (may_move(map->slots[at].hash & map->mask, hole, at, map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (struct bytes_map_slot){0};
    map->count -= 1;
}

void *bytes_map_remove(struct bytes_map *map, struct slice key)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t slot = bytes_find(map, hash_bytes(map->hash_key, key), key);
    void *value = map->slots[slot].value;
    if (value != NULL) {
        bytes_remove_slot(map, slot);
    }
    return value;
}

bool bytes_map_next(const struct bytes_map *map, size_t *position, struct slice *key, void **value)
{
    size_t slots = map->mask == 0 ? 0 : map->mask + 1;
    for (size_t i = *position; i < slots; i++) {
        if (map->slots[i].value != NULL) {
            *key = map->slots[i].key;
            *value = map->slots[i].value;
            *position = i + 1;
            return true;
        }
    }
    *position = slots;
    return false;
}

void bytes_map_remove_at(struct bytes_map *map, size_t *position)
{
    ASSERT(map->mask != 0 && *position > 0 && *position <= map->mask + 1);
    size_t slot = *position - 1;
    ASSERT(map->slots[slot].value != NULL);
    bytes_remove_slot(map, slot);
    *position = slot;
}
