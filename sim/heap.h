/* heap.h - the simulator's own memory: outside of mem_alloc, so that what mem_used counts is the
 * server's alone.
 *
 * Never returns NULL; running out aborts. `struct bytes` is a growing run of bytes.
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include "base/slice.h"

void *heap_alloc(size_t size) __attribute__((malloc));

/* Zeroed. */
void *heap_new(size_t size) __attribute__((malloc));
void *heap_resize(void *ptr, size_t size);
void heap_free(void *ptr);

/* Makes room for one more element of a vector: count == cap doubles it. */
void heap_grow(void **items, size_t *cap, size_t count, size_t item_size);

struct bytes {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void bytes_release(struct bytes *bytes);
void bytes_reserve(struct bytes *bytes, size_t size);
void bytes_append(struct bytes *bytes, struct slice more);

/* Sets the length; what is new is zero. */
void bytes_resize(struct bytes *bytes, size_t len);

/* Writes at an offset, with zeros before it when it lies behind the end. */
void bytes_write(struct bytes *bytes, size_t offset, struct slice piece);
void bytes_consume(struct bytes *bytes, size_t len);

/* Memory that lives until the pool does. */
struct pool {
    struct pool_chunk *chunks;
    uint8_t *next;
    size_t left;
};

void pool_release(struct pool *pool);

/* Zeroed, aligned for anything. */
void *pool_new(struct pool *pool, size_t size);
struct slice pool_copy(struct pool *pool, struct slice bytes);

#define POOL_NEW(pool, type) ((type *)pool_new((pool), sizeof(type)))
#define POOL_ARRAY(pool, type, count) ((type *)pool_new((pool), sizeof(type) * (size_t)(count)))

static inline struct slice bytes_slice(const struct bytes *bytes)
{
    return slice_of(bytes->data, bytes->len);
}

#endif
