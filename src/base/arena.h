/* arena.h - bump allocation that ends all at once.
 *
 * Model: a list of chunks; arena_alloc never fails below the limit given at init and aborts above
 * it (callers bound sizes from outside first: see arena_room). arena_clear keeps the first chunk,
 * so an arena that is cleared once per request settles without touching the heap. Ownership: what
 * arena_alloc returns lives until arena_clear or arena_release.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
    uint8_t *next; /* first free byte of current */
    uint8_t *end;  /* one past the last byte of current */
    size_t chunk_size;
    size_t used;  /* bytes handed out since the last clear */
    size_t limit; /* most bytes that may be handed out between clears */
};

void arena_init(struct arena *arena, size_t chunk_size, size_t limit);
void arena_release(struct arena *arena);
void arena_clear(struct arena *arena);

/* Bytes that can still be asked for. */
size_t arena_room(const struct arena *arena);

/* 16-byte aligned, uninitialised. Aborts when size > arena_room(arena). */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_zeroed(struct arena *arena, size_t size);

struct slice arena_copy(struct arena *arena, struct slice bytes);

#define ARENA_NEW(arena, type) ((type *)arena_alloc_zeroed((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) \
    ((type *)arena_alloc_zeroed((arena), sizeof(type) * (size_t)(count)))

#endif
