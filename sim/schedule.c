/* schedule.c - see schedule.h. A binary heap by (time, tie, sequence). */
#include "sim/schedule.h"

#include "base/hash.h"
#include "sim/heap.h"

static const struct hash_key note_key = {0x73696d756c617465, 0x7363686564756c65};

void schedule_init(struct schedule *schedule, const struct random *seed, bool shuffles_ties)
{
    *schedule = (struct schedule){.shuffles_ties = shuffles_ties, .now_ns = NS_PER_S};
    random_split(seed, 0x74696573, &schedule->ties);
}

void schedule_release(struct schedule *schedule)
{
    heap_free(schedule->heap);
    schedule->heap = NULL;
}

static bool is_before(const struct schedule_event *a, const struct schedule_event *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie;
    }
    return a->sequence < b->sequence;
}

void schedule_at(struct schedule *schedule,
                 uint64_t time_ns,
                 schedule_function *run,
                 void *ctx,
                 uint64_t argument)
{
    heap_grow((void **)&schedule->heap, &schedule->cap, schedule->count, sizeof *schedule->heap);
    struct schedule_event event = {
        .time_ns = MAX(time_ns, schedule->now_ns),
        .tie = schedule->shuffles_ties ? random_next(&schedule->ties) >> 56 : 0,
        .sequence = schedule->sequence++,
        .run = run,
        .ctx = ctx,
        .argument = argument,
    };
    size_t at = schedule->count++;
    while (at > 0 && is_before(&event, &schedule->heap[(at - 1) / 2])) {
        schedule->heap[at] = schedule->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    schedule->heap[at] = event;
}

static struct schedule_event pop(struct schedule *schedule)
{
    struct schedule_event first = schedule->heap[0];
    struct schedule_event last = schedule->heap[--schedule->count];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= schedule->count) {
            break;
        }
        if (child + 1 < schedule->count &&
            is_before(&schedule->heap[child + 1], &schedule->heap[child])) {
            child += 1;
        }
        if (!is_before(&schedule->heap[child], &last)) {
            break;
        }
        schedule->heap[at] = schedule->heap[child];
        at = child;
    }
    schedule->heap[at] = last;
    return first;
}

bool schedule_step(struct schedule *schedule, uint64_t until_ns)
{
    if (schedule->count == 0 || schedule->heap[0].time_ns > until_ns) {
        schedule->now_ns = MAX(schedule->now_ns, until_ns);
        return false;
    }
    struct schedule_event event = pop(schedule);
    schedule->now_ns = event.time_ns;
    schedule->fired += 1;
    schedule_note(schedule, event.time_ns, event.argument);
    event.run(event.ctx, event.argument);
    return true;
}

void schedule_note(struct schedule *schedule, uint64_t what, uint64_t value)
{
    schedule->digest = hash_combine(hash_combine(schedule->digest, what), value);
}

void schedule_note_bytes(struct schedule *schedule, uint64_t what, struct slice bytes)
{
    schedule_note(schedule, what, hash_bytes(note_key, bytes));
}

uint64_t random_spread(struct random *random, uint64_t low, uint64_t high)
{
    ASSERT(low >= 1 && low <= high);
    unsigned low_bits = 63 - (unsigned)__builtin_clzll(low);
    unsigned high_bits = 63 - (unsigned)__builtin_clzll(high);
    uint64_t bits = low_bits + random_below(random, high_bits - low_bits + 1);
    uint64_t base = UINT64_C(1) << bits;
    uint64_t value = base + random_below(random, base);
    return MIN(MAX(value, low), high);
}

uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
    ASSERT(low <= high);
    return low + random_below(random, high - low + 1);
}

bool random_once_in(struct random *random, uint64_t n)
{
    return random_below(random, n) == 0;
}
