/* memory.h - the heap as the pure layers see it. The host implements these five functions.
 *
 * Running out of memory aborts: sizes that come from outside are bounded before they reach here.
 * A size of 0 yields NULL. mem_used() is the sum of what is allocated and not freed, in bytes as
 * asked for, on this thread's shard (for budgets, metrics and leak checks).
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/base.h"

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *mem_alloc_zeroed(size_t size) __attribute__((malloc, alloc_size(1)));
void *mem_realloc(void *ptr, size_t old_size, size_t new_size);
void mem_free(void *ptr, size_t size);
size_t mem_used(void);

#endif
