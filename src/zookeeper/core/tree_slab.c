/* tree_slab.c - chunks of pages of equal blocks.
 *
 * A page knows its class, how many of its blocks are in use, the blocks that were freed (a list
 * through their first bytes), and from where on it was never used. Pages of a class that have room
 * form a doubly linked list; allocation takes from its head, and a page that gets its first free
 * block becomes the head, so that new blocks fill old holes. The last page of a class stays when it
 * empties: otherwise one block freed and taken in turn would move a page each time. For the same
 * reason the chunk of the last unused pages stays.
 *
 * Chunk number c has 2^c pages, 32 at most, but its handles run as if it had 32.
 */
#include "zookeeper/core/tree_slab.h"

#include "base/memory.h"

#define PAGE_UNITS (1u << SLAB_PAGE_SHIFT)
#define FIRST_CHUNKS 16u
#define STEP_SMALL 8u
#define SMALL_MAX 512u
#define STEP_LARGE 64u
#define SMALL_COUNT (SMALL_MAX / STEP_SMALL)

struct slab_page {
    uint32_t number;
    uint32_t next; /* 1 + number; 0 ends the list */
    uint32_t prev;
    uint16_t class_index;
    uint16_t used;
    uint16_t free_unit;  /* first freed block; 0: none */
    uint16_t fresh_unit; /* from here on never used */
    uint16_t is_partial;
    uint16_t reserved;
};

_Static_assert(sizeof(struct slab_page) % SLAB_UNIT_BYTES == 0, "the first block is aligned");
_Static_assert(SMALL_COUNT + (SLAB_BLOCK_MAX - SMALL_MAX) / STEP_LARGE == SLAB_CLASS_COUNT,
               "classes");
_Static_assert(PAGE_UNITS *SLAB_CHUNK_PAGES == 1u << SLAB_CHUNK_SHIFT, "pages of a chunk");

static uint32_t class_of(size_t size)
{
    ASSERT(size > 0 && size <= SLAB_BLOCK_MAX);
    uint32_t bytes = (uint32_t)size;
    if (bytes <= SMALL_MAX) {
        return (bytes + STEP_SMALL - 1) / STEP_SMALL - 1;
    }
    return SMALL_COUNT + (bytes - SMALL_MAX + STEP_LARGE - 1) / STEP_LARGE - 1;
}

static uint32_t class_bytes(uint32_t class_index)
{
    if (class_index < SMALL_COUNT) {
        return (class_index + 1) * STEP_SMALL;
    }
    return SMALL_MAX + (class_index - SMALL_COUNT + 1) * STEP_LARGE;
}

size_t slab_block_bytes(size_t size)
{
    return class_bytes(class_of(size));
}

static struct slab_page *page_at(const struct slab *slab, uint32_t number)
{
    return slab_at(slab, number << SLAB_PAGE_SHIFT);
}

static uint16_t *link_of(struct slab_page *page, uint32_t unit)
{
    return (uint16_t *)(void *)((uint8_t *)page + (size_t)unit * SLAB_UNIT_BYTES);
}

/* ---- chunks --------------------------------------------------------------------------------- */

static uint32_t chunk_pages(uint32_t number)
{
    return number < 5 ? 1u << number : SLAB_CHUNK_PAGES;
}

/* The free_pages of a chunk without a page in use. */
static uint32_t all_free(uint32_t number)
{
    return (uint32_t)((UINT64_C(1) << chunk_pages(number)) - 1);
}

static void chunk_table_grow(struct slab *slab)
{
    uint32_t old_cap = slab->chunk_cap;
    uint32_t cap = old_cap == 0 ? FIRST_CHUNKS : old_cap * 2;
    slab->chunks = mem_realloc(slab->chunks, old_cap * sizeof *slab->chunks,
                               cap * sizeof *slab->chunks);
    slab->free_pages = mem_realloc(slab->free_pages, old_cap * sizeof *slab->free_pages,
                                   cap * sizeof *slab->free_pages);
    slab->chunk_cap = cap;
    slab->heap_bytes += (cap - old_cap) * (sizeof *slab->chunks + sizeof *slab->free_pages);
}

static void chunk_add(struct slab *slab, uint32_t number)
{
    size_t size = chunk_pages(number) * SLAB_PAGE_BYTES;
    slab->chunks[number] = mem_alloc(size);
    slab->free_pages[number] = all_free(number);
    slab->heap_bytes += size;
}

static void chunk_drop(struct slab *slab, uint32_t number)
{
    size_t size = chunk_pages(number) * SLAB_PAGE_BYTES;
    mem_free(slab->chunks[number], size);
    slab->chunks[number] = NULL;
    slab->free_pages[number] = 0;
    slab->heap_bytes -= size;
}

/* The first chunk with an unused page; made when there is none. */
static uint32_t chunk_with_room(struct slab *slab)
{
    uint32_t gap = slab->chunk_count;
    for (uint32_t i = slab->hint; i < slab->chunk_count; i++) {
        if (slab->free_pages[i] != 0) {
            slab->hint = MIN(i, gap);
            return i;
        }
        gap = slab->chunks[i] == NULL ? MIN(gap, i) : gap;
    }
    if (gap == slab->chunk_count) {
        ASSERT(gap < SLAB_CHUNKS_MAX);
        if (gap == slab->chunk_cap) {
            chunk_table_grow(slab);
        }
        slab->chunk_count += 1;
    }
    chunk_add(slab, gap);
    slab->hint = gap;
    return gap;
}

/* The chunk has just lost its last page in use: it stays when it is the only one with room. */
static void chunk_emptied(struct slab *slab, uint32_t number)
{
    for (uint32_t i = slab->hint; i < slab->chunk_count; i++) {
        if (i != number && slab->free_pages[i] != 0) {
            chunk_drop(slab, number);
            return;
        }
    }
}

void slab_init(struct slab *slab)
{
    *slab = (struct slab){0};
}

void slab_release(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->chunk_count; i++) {
        if (slab->chunks[i] != NULL) {
            chunk_drop(slab, i);
        }
    }
    mem_free(slab->chunks, slab->chunk_cap * sizeof *slab->chunks);
    mem_free(slab->free_pages, slab->chunk_cap * sizeof *slab->free_pages);
    slab_init(slab);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void partial_add(struct slab *slab, struct slab_page *page)
{
    uint32_t head = slab->partial[page->class_index];
    page->prev = 0;
    page->next = head;
    page->is_partial = 1;
    if (head != 0) {
        page_at(slab, head - 1)->prev = page->number + 1;
    }
    slab->partial[page->class_index] = page->number + 1;
}

static void partial_remove(struct slab *slab, struct slab_page *page)
{
    if (page->prev != 0) {
        page_at(slab, page->prev - 1)->next = page->next;
    } else {
        slab->partial[page->class_index] = page->next;
    }
    if (page->next != 0) {
        page_at(slab, page->next - 1)->prev = page->prev;
    }
    page->is_partial = 0;
}

static struct slab_page *page_new(struct slab *slab, uint32_t class_index)
{
    uint32_t chunk = chunk_with_room(slab);
    uint32_t index = (uint32_t)__builtin_ctz(slab->free_pages[chunk]);
    uint32_t number = chunk * SLAB_CHUNK_PAGES + index;
    struct slab_page *page = page_at(slab, number);
    *page = (struct slab_page){
        .number = number,
        .class_index = (uint16_t)class_index,
        .fresh_unit = (uint16_t)(sizeof *page / SLAB_UNIT_BYTES),
    };
    slab->free_pages[chunk] &= ~(1u << index);
    slab->live_pages += 1;
    partial_add(slab, page);
    return page;
}

static void page_drop(struct slab *slab, struct slab_page *page)
{
    uint32_t chunk = page->number / SLAB_CHUNK_PAGES;
    partial_remove(slab, page);
    slab->free_pages[chunk] |= 1u << page->number % SLAB_CHUNK_PAGES;
    slab->live_pages -= 1;
    slab->hint = MIN(slab->hint, chunk);
    if (slab->free_pages[chunk] == all_free(chunk)) {
        chunk_emptied(slab, chunk);
    }
}

uint32_t slab_alloc(struct slab *slab, size_t size)
{
    uint32_t class_index = class_of(size);
    uint32_t units = class_bytes(class_index) / SLAB_UNIT_BYTES;
    uint32_t head = slab->partial[class_index];
    struct slab_page *page = head != 0 ? page_at(slab, head - 1) : page_new(slab, class_index);
    uint32_t unit = page->free_unit;
    if (unit != 0) {
        page->free_unit = *link_of(page, unit);
    } else {
        unit = page->fresh_unit;
        page->fresh_unit = (uint16_t)(unit + units);
    }
    page->used += 1;
    if (page->free_unit == 0 && page->fresh_unit + units > PAGE_UNITS) {
        partial_remove(slab, page);
    }
    slab->used_bytes += (uint64_t)units * SLAB_UNIT_BYTES;
    return page->number << SLAB_PAGE_SHIFT | unit;
}

void slab_free(struct slab *slab, uint32_t handle)
{
    uint32_t unit = handle & (PAGE_UNITS - 1);
    struct slab_page *page = page_at(slab, handle >> SLAB_PAGE_SHIFT);
    uint32_t bytes = class_bytes(page->class_index);
    ASSERT(page->used > 0);
#ifdef SAMSA_DEBUG
    memset(link_of(page, unit), 0xdd, bytes); /* so that what is used after its end shows */
#endif
    *link_of(page, unit) = page->free_unit;
    page->free_unit = (uint16_t)unit;
    page->used -= 1;
    slab->used_bytes -= bytes;
    if (!page->is_partial) {
        partial_add(slab, page);
    }
    if (page->used == 0 && (page->next != 0 || page->prev != 0)) {
        page_drop(slab, page);
    }
}

static uint32_t page_check(const struct slab *slab, uint32_t number, uint64_t *used_bytes)
{
    struct slab_page *page = page_at(slab, number);
    uint32_t units = class_bytes(page->class_index) / SLAB_UNIT_BYTES;
    uint32_t free_blocks = 0;
    ASSERT(page->number == number);
    for (uint32_t unit = page->free_unit; unit != 0; unit = *link_of(page, unit)) {
        ASSERT(unit < page->fresh_unit);
        free_blocks += 1;
    }
    uint32_t made = (page->fresh_unit - (uint32_t)(sizeof *page / SLAB_UNIT_BYTES)) / units;
    ASSERT(page->used + free_blocks == made);
    bool has_room = free_blocks > 0 || page->fresh_unit + units <= PAGE_UNITS;
    ASSERT(has_room == (page->is_partial != 0));
    *used_bytes += (uint64_t)page->used * units * SLAB_UNIT_BYTES;
    return has_room ? 1 : 0;
}

void slab_check(const struct slab *slab)
{
    uint64_t used_bytes = 0;
    uint32_t live = 0;
    uint32_t partial = 0;
    for (uint32_t c = 0; c < slab->chunk_count; c++) {
        ASSERT(c >= slab->hint || (slab->free_pages[c] == 0 && slab->chunks[c] != NULL));
        for (uint32_t i = 0; slab->chunks[c] != NULL && i < chunk_pages(c); i++) {
            if ((slab->free_pages[c] >> i & 1) == 0) {
                partial += page_check(slab, c * SLAB_CHUNK_PAGES + i, &used_bytes);
                live += 1;
            }
        }
    }
    for (uint32_t c = 0; c < SLAB_CLASS_COUNT; c++) {
        for (uint32_t at = slab->partial[c]; at != 0; at = page_at(slab, at - 1)->next) {
            ASSERT(page_at(slab, at - 1)->class_index == c && partial > 0);
            partial -= 1;
        }
    }
    ASSERT(partial == 0 && live == slab->live_pages && used_bytes == slab->used_bytes);
}
