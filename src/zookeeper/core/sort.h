/* sort.h - sorting an array of pointers in place, O(n log n) whatever the order, without recursion
 * or memory. */
#ifndef ZOOKEEPER_CORE_SORT_H
#define ZOOKEEPER_CORE_SORT_H

#include "base/base.h"

/* `before(a, b)` says whether a must stand before b. Not stable: give it a total order. */
void pointer_sort(void **items, size_t count, bool (*before)(const void *a, const void *b));

#endif
