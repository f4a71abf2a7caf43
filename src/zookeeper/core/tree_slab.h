/* tree_slab.h - where znodes live: blocks of 8 to 2048 bytes, named by 32 bits.
 *
 * Model: pages of 64 KiB, each cut into blocks of one size (a class: steps of 8 bytes up to 512, of
 * 64 above), in chunks of up to 32 pages. The first chunks are small, for small trees; from the
 * sixth on they are 2 MiB, which the host may back with huge pages. A handle is the place of a
 * block in units of 8 bytes; 0 is no block. A handle costs half of a pointer, and a page that has
 * become empty serves another class, a chunk goes back to the heap.
 * Limit: 2^14 chunks = 32 GiB of blocks; running past it is running out of memory.
 */
#ifndef ZOOKEEPER_CORE_TREE_SLAB_H
#define ZOOKEEPER_CORE_TREE_SLAB_H

#include "base/base.h"

#define SLAB_UNIT_BYTES 8u
#define SLAB_PAGE_SHIFT 13 /* log2 of units in a page */
#define SLAB_PAGE_BYTES ((size_t)SLAB_UNIT_BYTES << SLAB_PAGE_SHIFT)
#define SLAB_CHUNK_SHIFT 18 /* log2 of units in a full chunk */
#define SLAB_CHUNK_PAGES 32u
#define SLAB_CHUNKS_MAX (1u << (32 - SLAB_CHUNK_SHIFT))
#define SLAB_BLOCK_MAX 2048u
#define SLAB_CLASS_COUNT 88u

struct slab {
    uint8_t **chunks;     /* by number; NULL where one was given back */
    uint32_t *free_pages; /* by number: a bit for each page that is there and unused */
    uint32_t chunk_cap;
    uint32_t chunk_count;               /* numbers ever used */
    uint32_t hint;                      /* before this one none is missing or has an unused page */
    uint32_t live_pages;                /* pages in use */
    uint32_t partial[SLAB_CLASS_COUNT]; /* 1 + number of a page with a free block, 0: none */
    uint64_t used_bytes;                /* of blocks in use */
    size_t heap_bytes;                  /* taken from the heap */
};

void slab_init(struct slab *slab);

/* Frees every page; handles need not be freed one by one first. */
void slab_release(struct slab *slab);

/* 0 < size <= SLAB_BLOCK_MAX; not cleared. */
uint32_t slab_alloc(struct slab *slab, size_t size);
void slab_free(struct slab *slab, uint32_t handle);

/* What a block of `size` bytes really holds. */
size_t slab_block_bytes(size_t size);

/* Asserts that lists and counts of the pages agree. */
void slab_check(const struct slab *slab);

static inline void *slab_at(const struct slab *slab, uint32_t handle)
{
    uint32_t unit = handle & ((1u << SLAB_CHUNK_SHIFT) - 1);
    return slab->chunks[handle >> SLAB_CHUNK_SHIFT] + (size_t)unit * SLAB_UNIT_BYTES;
}

#endif
