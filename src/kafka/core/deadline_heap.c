/* deadline_heap.c - a binary heap whose keys may lag behind. */
#include "kafka/core/deadline_heap.h"

#include "base/memory.h"

#define FIRST_CAP 16

void deadline_heap_init(struct deadline_heap *heap)
{
    *heap = (struct deadline_heap){0};
}

void deadline_heap_release(struct deadline_heap *heap)
{
    mem_free(heap->items, heap->cap * sizeof heap->items[0]);
    *heap = (struct deadline_heap){0};
}

void deadline_init(struct deadline *deadline, uint32_t kind)
{
    *deadline = (struct deadline){
        .at_ms = DEADLINE_NEVER,
        .key_ms = DEADLINE_NEVER,
        .index = SIZE_MAX,
        .kind = kind,
    };
}

static void place(struct deadline_heap *heap, size_t index, struct deadline *deadline)
{
    heap->items[index] = deadline;
    deadline->index = index;
}

static void rise(struct deadline_heap *heap, size_t index, struct deadline *deadline)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (heap->items[parent]->key_ms <= deadline->key_ms) {
            break;
        }
        place(heap, index, heap->items[parent]);
        index = parent;
    }
    place(heap, index, deadline);
}

static void sink(struct deadline_heap *heap, size_t index, struct deadline *deadline)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            heap->items[child + 1]->key_ms < heap->items[child]->key_ms) {
            child += 1;
        }
        if (deadline->key_ms <= heap->items[child]->key_ms) {
            break;
        }
        place(heap, index, heap->items[child]);
        index = child;
    }
    place(heap, index, deadline);
}

void deadline_set(struct deadline_heap *heap, struct deadline *deadline, uint64_t at_ms)
{
    ASSERT(at_ms != DEADLINE_NEVER);
    deadline->at_ms = at_ms;
    if (deadline->index == SIZE_MAX) {
        if (heap->count == heap->cap) {
            size_t cap = heap->cap == 0 ? FIRST_CAP : heap->cap * 2;
            heap->items = mem_realloc(heap->items, heap->cap * sizeof heap->items[0],
                                      cap * sizeof heap->items[0]);
            heap->cap = cap;
        }
        deadline->key_ms = at_ms;
        heap->count += 1;
        rise(heap, heap->count - 1, deadline);
    } else if (at_ms < deadline->key_ms) {
        deadline->key_ms = at_ms;
        rise(heap, deadline->index, deadline);
    }
}

static void take_out(struct deadline_heap *heap, struct deadline *deadline)
{
    size_t index = deadline->index;
    ASSERT(index < heap->count && heap->items[index] == deadline);
    deadline->index = SIZE_MAX;
    heap->count -= 1;
    if (index == heap->count) {
        return;
    }
    struct deadline *last = heap->items[heap->count];
    if (index > 0 && heap->items[(index - 1) / 2]->key_ms > last->key_ms) {
        rise(heap, index, last);
    } else {
        sink(heap, index, last);
    }
}

void deadline_clear(struct deadline_heap *heap, struct deadline *deadline)
{
    if (deadline->index != SIZE_MAX) {
        take_out(heap, deadline);
    }
    deadline->at_ms = DEADLINE_NEVER;
}

uint64_t deadline_heap_next(const struct deadline_heap *heap)
{
    return heap->count == 0 ? DEADLINE_NEVER : heap->items[0]->key_ms;
}

struct deadline *deadline_heap_pop(struct deadline_heap *heap, uint64_t now_ms)
{
    while (heap->count > 0 && heap->items[0]->key_ms <= now_ms) {
        struct deadline *top = heap->items[0];
        if (top->at_ms <= now_ms) {
            take_out(heap, top);
            top->at_ms = DEADLINE_NEVER;
            return top;
        }
        top->key_ms = top->at_ms;
        sink(heap, 0, top);
    }
    return NULL;
}

void deadline_heap_check(const struct deadline_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        const struct deadline *deadline = heap->items[i];
        ASSERT(deadline->index == i);
        ASSERT(deadline->at_ms != DEADLINE_NEVER && deadline->key_ms <= deadline->at_ms);
        ASSERT(i == 0 || heap->items[(i - 1) / 2]->key_ms <= deadline->key_ms);
    }
}
