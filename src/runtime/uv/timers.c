/* timers.c - the loop's timers: a 4-ary heap of (deadline, order of setting).
 *
 * The key stands in the heap's slots, not behind the pointer, so that a sift touches one cache line
 * per level. A timer knows its slot (heap_index), which makes moving and stopping it O(log n)
 * without a search.
 *
 * A timer that a callback of the timer phase arms for a moment that is already past must fire in
 * the next turn, else a timer that re-arms itself would hold the loop for ever. During the phase
 * such a key is put just behind the phase's own instant; timer->deadline_ns keeps what the owner
 * asked for.
 */
#include "base/memory.h"
#include "runtime/uv/loop.h"

#define HEAP_FANOUT ((size_t)4)
#define HEAP_FIRST_CAP ((size_t)64)

void timers_init(struct timer_heap *heap)
{
    *heap = (struct timer_heap){0};
}

void timers_release(struct timer_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        heap->slots[i].timer->armed = false;
    }
    mem_free(heap->slots, heap->cap * sizeof *heap->slots);
    timers_init(heap);
}

static bool comes_before(const struct timer_slot *a, const struct timer_slot *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->sequence < b->sequence;
}

static void put(struct timer_heap *heap, size_t idx, struct timer_slot slot)
{
    heap->slots[idx] = slot;
    slot.timer->heap_index = idx;
}

static void sift_up(struct timer_heap *heap, size_t idx, struct timer_slot slot)
{
    while (idx > 0) {
        size_t parent = (idx - 1) / HEAP_FANOUT;
        if (!comes_before(&slot, &heap->slots[parent])) {
            break;
        }
        put(heap, idx, heap->slots[parent]);
        idx = parent;
    }
    put(heap, idx, slot);
}

static void sift_down(struct timer_heap *heap, size_t idx, struct timer_slot slot)
{
    for (;;) {
        size_t child = idx * HEAP_FANOUT + 1;
        if (child >= heap->count) {
            break;
        }
        size_t end = MIN(child + HEAP_FANOUT, heap->count);
        size_t least = child;
        for (size_t i = child + 1; i < end; i++) {
            if (comes_before(&heap->slots[i], &heap->slots[least])) {
                least = i;
            }
        }
        if (!comes_before(&heap->slots[least], &slot)) {
            break;
        }
        put(heap, idx, heap->slots[least]);
        idx = least;
    }
    put(heap, idx, slot);
}

/* The slot at idx has a new key: let it find its place. */
static void settle(struct timer_heap *heap, size_t idx, struct timer_slot slot)
{
    if (idx > 0 && comes_before(&slot, &heap->slots[(idx - 1) / HEAP_FANOUT])) {
        sift_up(heap, idx, slot);
    } else {
        sift_down(heap, idx, slot);
    }
}

static void take_out(struct timer_heap *heap, size_t idx)
{
    ASSERT(idx < heap->count);
    heap->slots[idx].timer->armed = false;
    heap->count -= 1;
    if (idx < heap->count) {
        settle(heap, idx, heap->slots[heap->count]);
    }
}

void runtime_timer_init(struct runtime_timer *timer,
                        struct runtime *runtime,
                        void (*on_fire)(struct runtime_timer *timer))
{
    ASSERT(on_fire != NULL);
    *timer = (struct runtime_timer){.runtime = runtime, .on_fire = on_fire};
}

void runtime_timer_set(struct runtime_timer *timer, uint64_t deadline_ns)
{
    struct runtime *runtime = timer->runtime;
    ASSERT_ON_LOOP(runtime);
    struct timer_heap *heap = &runtime->timers;
    timer->deadline_ns = deadline_ns;
    struct timer_slot slot = {
        /* Behind this turn's instant: what the past asks for fires in the next turn, after this
         * one's output has left. */
        .deadline_ns = MAX(deadline_ns, runtime->now_ns + 1),
        .sequence = heap->next_sequence++,
        .timer = timer,
    };
    if (timer->armed) {
        ASSERT(heap->slots[timer->heap_index].timer == timer);
        settle(heap, timer->heap_index, slot);
        return;
    }
    if (heap->count == heap->cap) {
        size_t cap = MAX(heap->cap * 2, HEAP_FIRST_CAP);
        heap->slots = mem_realloc(heap->slots, heap->cap * sizeof *heap->slots,
                                  cap * sizeof *heap->slots);
        heap->cap = cap;
    }
    timer->armed = true;
    heap->count += 1;
    sift_up(heap, heap->count - 1, slot);
}

void runtime_timer_stop(struct runtime_timer *timer)
{
    if (timer->armed) {
        ASSERT_ON_LOOP(timer->runtime);
        take_out(&timer->runtime->timers, timer->heap_index);
    }
}

void timers_fire(struct timer_heap *heap, uint64_t now_ns)
{
    while (heap->count > 0 && heap->slots[0].deadline_ns <= now_ns) {
        struct runtime_timer *timer = heap->slots[0].timer;
        take_out(heap, 0);
        timer->on_fire(timer);
    }
}

uint64_t timers_late_ns(const struct timer_heap *heap, uint64_t now_ns)
{
    bool is_late = heap->count > 0 && heap->slots[0].deadline_ns < now_ns;
    return is_late ? now_ns - heap->slots[0].deadline_ns : 0;
}

int timers_wait_ms(const struct timer_heap *heap, uint64_t now_ns, int most)
{
    if (heap->count == 0) {
        return most;
    }
    uint64_t deadline_ns = heap->slots[0].deadline_ns;
    if (deadline_ns <= now_ns) {
        return 0;
    }
    /* Rounded up: waking before the deadline would only mean sleeping once more. */
    uint64_t wait_ms = (deadline_ns - now_ns - 1) / NS_PER_MS + 1;
    uint64_t bound = most < 0 ? (uint64_t)INT32_MAX : (uint64_t)most;
    return (int)MIN(wait_ms, bound);
}
