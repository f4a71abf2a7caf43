/* map.h - two open-addressing hash tables with deterministic iteration.
 *
 * u64_map:   uint64_t key -> uint64_t value (pointers are stored through uintptr_t).
 * bytes_map: byte-string key -> void * value; the key bytes are owned by the caller's value and
 * must stay put while the entry is in the table. Both grow at 7/8 full, delete without tombstones
 * (backward shift), and iterate in slot order, which depends only on the keys, the hash key and the
 * history of calls. Do not insert or remove while iterating, but for removing the entry just
 * returned through the *_remove_at of the iterator position.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/hash.h"

struct u64_map_slot {
    uint64_t key;
    uint64_t value;
};

struct u64_map {
    struct u64_map_slot *slots; /* a slot is free when its bit in `filled` is 0 */
    uint8_t *filled;
    size_t mask; /* slot count - 1; 0 when nothing is allocated */
    size_t count;
};

void u64_map_init(struct u64_map *map);
void u64_map_release(struct u64_map *map);

/* Returns true and sets *value when the key is there. */
bool u64_map_get(const struct u64_map *map, uint64_t key, uint64_t *value);
void *u64_map_get_ptr(const struct u64_map *map, uint64_t key);

/* Inserts or replaces. */
void u64_map_put(struct u64_map *map, uint64_t key, uint64_t value);
void u64_map_put_ptr(struct u64_map *map, uint64_t key, void *value);

/* Returns true when the key was there; *value (may be NULL) gets what it held. */
bool u64_map_remove(struct u64_map *map, uint64_t key, uint64_t *value);

/* Iteration: start with *position = 0; false at the end. */
bool u64_map_next(const struct u64_map *map, size_t *position, uint64_t *key, uint64_t *value);

/* Removes the entry that u64_map_next just returned; the iteration goes on with *position. An entry
 * that moved over the table's end to fill the hole may be returned a second time; none is left out.
 */
void u64_map_remove_at(struct u64_map *map, size_t *position);

struct bytes_map_slot {
    uint64_t hash;
    struct slice key;
    void *value; /* NULL marks a free slot */
};

struct bytes_map {
    struct bytes_map_slot *slots;
    size_t mask;
    size_t count;
    struct hash_key hash_key;
};

void bytes_map_init(struct bytes_map *map, struct hash_key hash_key);
void bytes_map_release(struct bytes_map *map);
void *bytes_map_get(const struct bytes_map *map, struct slice key);

/* The key must not be there yet; value is not NULL. */
void bytes_map_add(struct bytes_map *map, struct slice key, void *value);

/* Returns the removed value, NULL when the key was not there. */
void *bytes_map_remove(struct bytes_map *map, struct slice key);
bool bytes_map_next(const struct bytes_map *map, size_t *position, struct slice *key, void **value);

/* As u64_map_remove_at. */
void bytes_map_remove_at(struct bytes_map *map, size_t *position);

#endif
