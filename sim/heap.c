/* heap.c - see heap.h. */
#include "sim/heap.h"

#include <stdio.h>
#include <stdlib.h>

NORETURN static void out_of_memory(size_t size)
{
    fprintf(stderr, "samsa_sim: out of memory: %zu bytes\n", size);
    abort();
}

void *heap_alloc(size_t size)
{
    void *ptr = malloc(MAX(size, (size_t)1));
    if (ptr == NULL) {
        out_of_memory(size);
    }
    return ptr;
}

void *heap_new(size_t size)
{
    void *ptr = calloc(1, MAX(size, (size_t)1));
    if (ptr == NULL) {
        out_of_memory(size);
    }
    return ptr;
}

void *heap_resize(void *ptr, size_t size)
{
    void *moved = realloc(ptr, MAX(size, (size_t)1));
    if (moved == NULL) {
        out_of_memory(size);
    }
    return moved;
}

void heap_free(void *ptr)
{
    free(ptr);
}

void heap_grow(void **items, size_t *cap, size_t count, size_t item_size)
{
    if (count == *cap) {
        *cap = MAX(*cap * 2, (size_t)8);
        *items = heap_resize(*items, *cap * item_size);
    }
}

void bytes_release(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void bytes_reserve(struct bytes *bytes, size_t size)
{
    size_t wanted = bytes->len + size;
    if (wanted > bytes->cap) {
        bytes->cap = MAX(MAX(bytes->cap * 2, wanted), (size_t)64);
        bytes->data = heap_resize(bytes->data, bytes->cap);
    }
}

void bytes_append(struct bytes *bytes, struct slice more)
{
    if (more.len > 0) {
        bytes_reserve(bytes, more.len);
        memcpy(bytes->data + bytes->len, more.ptr, more.len);
        bytes->len += more.len;
    }
}

void bytes_resize(struct bytes *bytes, size_t len)
{
    if (len > bytes->len) {
        bytes_reserve(bytes, len - bytes->len);
        memset(bytes->data + bytes->len, 0, len - bytes->len);
    }
    bytes->len = len;
}

void bytes_write(struct bytes *bytes, size_t offset, struct slice piece)
{
    if (offset + piece.len > bytes->len) {
        bytes_resize(bytes, offset + piece.len);
    }
    if (piece.len > 0) {
        memcpy(bytes->data + offset, piece.ptr, piece.len);
    }
}

void bytes_consume(struct bytes *bytes, size_t len)
{
    ASSERT(len <= bytes->len);
    bytes->len -= len;
    if (bytes->len > 0) {
        memmove(bytes->data, bytes->data + len, bytes->len);
    }
}

/* ---- pools ----------------------------------------------------------------------------------- */

#define POOL_CHUNK_BYTES ((size_t)256 << 10)
#define POOL_ALIGNMENT ((size_t)16)

struct pool_chunk {
    struct pool_chunk *next;
    uint64_t padding;
    uint8_t bytes[];
};

static struct pool_chunk *chunk_new(struct pool *pool, size_t size)
{
    struct pool_chunk *chunk = heap_new(sizeof *chunk + size);
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    return chunk;
}

void *pool_new(struct pool *pool, size_t size)
{
    size_t rounded = (size + POOL_ALIGNMENT - 1) / POOL_ALIGNMENT * POOL_ALIGNMENT;
    if (rounded > POOL_CHUNK_BYTES / 4) {
        return chunk_new(pool, rounded)->bytes;
    }
    if (rounded > pool->left) {
        pool->next = chunk_new(pool, POOL_CHUNK_BYTES)->bytes;
        pool->left = POOL_CHUNK_BYTES;
    }
    void *at = pool->next;
    pool->next += rounded;
    pool->left -= rounded;
    return at;
}

struct slice pool_copy(struct pool *pool, struct slice bytes)
{
    if (slice_is_null(bytes)) {
        return bytes;
    }
    uint8_t *copy = pool_new(pool, MAX(bytes.len, (size_t)1));
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return slice_of(copy, bytes.len);
}

void pool_release(struct pool *pool)
{
    while (pool->chunks != NULL) {
        struct pool_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        free(chunk);
    }
    *pool = (struct pool){0};
}
