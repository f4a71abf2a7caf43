/* memory.c - the host's heap: malloc, a count per thread, and death when memory is out.
 *
 * A process that cannot allocate cannot keep its promises either (a reply half made, a state half
 * changed): it says so and aborts, and is restarted from its log. The count is per thread because a
 * shard is a thread; what one thread allocates and another frees moves the two counts apart by that
 * much, modulo 2^64, and their sum stays right.
 */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* A block of this size or more gets huge pages where the system has them ("madvise" is the usual
 * setting): filling memory costs a page fault for each page touched, which is most of the time that
 * a large tree takes to load. Only whole huge pages count: the znodes' slabs are made of them. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static _Thread_local size_t used;

NORETURN static void out_of_memory(size_t size)
{
    fprintf(stderr,
            "samsa: out of memory: %zu bytes were asked for, %zu are in use by this thread\n", size,
            used);
    abort();
}

static void *allocate(size_t size)
{
    if (size < HUGE_PAGE_BYTES || size % HUGE_PAGE_BYTES != 0) {
        return malloc(size);
    }
    void *ptr = aligned_alloc(HUGE_PAGE_BYTES, size);
    if (ptr != NULL) {
        (void)madvise(ptr, size,
                      MADV_HUGEPAGE); /* a wish: without it everything works, only slower */
    }
    return ptr;
}

void *mem_alloc(size_t size)
{
    if (size == 0) {
        return NULL;
    }
    void *ptr = allocate(size);
    if (ptr == NULL) {
        out_of_memory(size);
    }
    used += size;
    return ptr;
}

void *mem_alloc_zeroed(size_t size)
{
    if (size == 0) {
        return NULL;
    }
    void *ptr = calloc(1, size);
    if (ptr == NULL) {
        out_of_memory(size);
    }
    used += size;
    return ptr;
}

void *mem_realloc(void *ptr, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        mem_free(ptr, old_size);
        return NULL;
    }
    void *moved = realloc(ptr, new_size);
    if (moved == NULL) {
        out_of_memory(new_size);
    }
    used += new_size - old_size;
    return moved;
}

void mem_free(void *ptr, size_t size)
{
    if (ptr != NULL) {
        used -= size;
        free(ptr);
    }
}

size_t mem_used(void)
{
    return used;
}
