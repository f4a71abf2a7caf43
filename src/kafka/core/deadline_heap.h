/* deadline_heap.h - many deadlines of which most are moved before they pass: a binary heap.
 *
 * Model: a deadline is embedded in what it belongs to. Moving one to a later time only notes it:
 * the heap is put right when the old time comes to the top. A heartbeat therefore costs a store,
 * not a walk. Deadlines that pass at the same time come out in no particular but always the same
 * order. Ownership: the heap owns its array alone.
 */
#ifndef KAFKA_CORE_DEADLINE_HEAP_H
#define KAFKA_CORE_DEADLINE_HEAP_H

#include "base/base.h"

#define DEADLINE_NEVER UINT64_MAX

struct deadline {
    uint64_t at_ms;  /* when it passes; DEADLINE_NEVER: it is not set */
    uint64_t key_ms; /* private: where it stands in the heap, <= at_ms */
    size_t index;    /* private: SIZE_MAX when it is not in the heap */
    uint32_t kind;   /* the owner's, to know what it is embedded in */
};

struct deadline_heap {
    struct deadline **items;
    size_t count;
    size_t cap;
};

void deadline_heap_init(struct deadline_heap *heap);
void deadline_heap_release(struct deadline_heap *heap);

void deadline_init(struct deadline *deadline, uint32_t kind);

/* Sets or moves. */
void deadline_set(struct deadline_heap *heap, struct deadline *deadline, uint64_t at_ms);
/* Must be called before its owner is freed. */
void deadline_clear(struct deadline_heap *heap, struct deadline *deadline);

/* The earliest, a time not after it; DEADLINE_NEVER when none is set. */
uint64_t deadline_heap_next(const struct deadline_heap *heap);

/* Takes one that has passed out of the heap; NULL when there is none. */
struct deadline *deadline_heap_pop(struct deadline_heap *heap, uint64_t now_ms);

void deadline_heap_check(const struct deadline_heap *heap);

#endif
