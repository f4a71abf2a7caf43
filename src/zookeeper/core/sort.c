/* sort.c - heap sort (Williams 1964): no worst case that a stranger's paths could provoke. */
#include "zookeeper/core/sort.h"

static void sift_down(void **items,
                      size_t at,
                      size_t count,
                      bool (*before)(const void *a, const void *b))
{
    void *moving = items[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && before(items[child], items[child + 1])) {
            child += 1;
        }
        if (!before(moving, items[child])) {
            break;
        }
        items[at] = items[child];
        at = child;
    }
    items[at] = moving;
}

void pointer_sort(void **items, size_t count, bool (*before)(const void *a, const void *b))
{
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(items, i - 1, count, before);
    }
    for (size_t end = count; end > 1; end--) {
        void *greatest = items[0];
        items[0] = items[end - 1];
        items[end - 1] = greatest;
        sift_down(items, 0, end - 1, before);
    }
}
