/* arena.c - a list of chunks, handed out from the front to the back of the current one.
 *
 * The first chunk is made on the first allocation, has the size given at init and survives
 * arena_clear. An allocation that a chunk of the usual size cannot hold gets a chunk of its own,
 * which is linked behind the first one and never becomes current: so one big request neither wastes
 * the rest of the current chunk nor makes the arena keep a big chunk for ever.
 */
#include "base/arena.h"

#include "base/memory.h"

#define ARENA_ALIGN ((size_t)16)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* of the whole chunk, with this header */
};

_Static_assert(sizeof(struct arena_chunk) == 16, "chunk bytes start 16-byte aligned");

void arena_init(struct arena *arena, size_t chunk_size, size_t limit)
{
    ASSERT(chunk_size > 0);
    *arena = (struct arena){.chunk_size = chunk_size, .limit = limit};
}

static void chunks_free(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        mem_free(chunk, chunk->size);
        chunk = next;
    }
}

void arena_release(struct arena *arena)
{
    chunks_free(arena->first);
    arena_init(arena, arena->chunk_size, arena->limit);
}

static uint8_t *chunk_bytes(struct arena_chunk *chunk)
{
    return (uint8_t *)chunk + sizeof *chunk;
}

static void arena_start_at(struct arena *arena, struct arena_chunk *chunk)
{
    arena->current = chunk;
    arena->next = chunk_bytes(chunk);
    arena->end = (uint8_t *)chunk + chunk->size;
}

void arena_clear(struct arena *arena)
{
    arena->used = 0;
    if (arena->first != NULL) {
        chunks_free(arena->first->next);
        arena->first->next = NULL;
        arena_start_at(arena, arena->first);
    }
}

size_t arena_room(const struct arena *arena)
{
    return arena->limit - arena->used;
}

static struct arena_chunk *chunk_new(size_t bytes)
{
    size_t size = sizeof(struct arena_chunk) + bytes;
    struct arena_chunk *chunk = mem_alloc(size);
    chunk->next = NULL;
    chunk->size = size;
    return chunk;
}

/* The current chunk cannot hold `size` (already rounded up) bytes: find them elsewhere. */
static void *arena_alloc_slow(struct arena *arena, size_t size)
{
    size_t usual = (arena->chunk_size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (arena->first == NULL) {
        arena->first = chunk_new(usual);
        arena_start_at(arena, arena->first);
    } else if (size <= usual) {
        struct arena_chunk *chunk = chunk_new(usual);
        chunk->next = arena->current->next;
        arena->current->next = chunk;
        arena_start_at(arena, chunk);
    }
    if (size > usual) {
        struct arena_chunk *chunk = chunk_new(size);
        chunk->next = arena->first->next;
        arena->first->next = chunk;
        return chunk_bytes(chunk);
    }
    void *result = arena->next;
    arena->next += size;
    return result;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t room = arena->limit - arena->used;
    ASSERT(size <= room);
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    ASSERT(rounded >= size);
    /* What alignment adds counts too, but may not turn a request that fits into one that does not.
     */
    arena->used += MIN(rounded, room);
    if (UNLIKELY(arena->first == NULL || rounded > (size_t)(arena->end - arena->next))) {
        return arena_alloc_slow(arena, rounded);
    }
    void *result = arena->next;
    arena->next += rounded;
    return result;
}

void *arena_alloc_zeroed(struct arena *arena, size_t size)
{
    void *result = arena_alloc(arena, size);
    memset(result, 0, size);
    return result;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    if (slice_is_null(bytes)) {
        return SLICE_NULL;
    }
    uint8_t *copy = arena_alloc(arena, bytes.len);
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return slice_of(copy, bytes.len);
}
