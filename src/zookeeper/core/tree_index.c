/* tree_index.c - sorted segments with gaps (linear probing whose runs are ordered), under an
 * extendible directory.
 *
 * Because home grows with the tag, runs are sorted, and so is a whole segment: growing one is a
 * single pass over the old slots that puts each entry at its new home or behind the entry before
 * it; splitting one is the same pass, cut where the next bit of the tag turns from 0 to 1. A search
 * ends at the first free slot or the first larger tag. The last slot of a segment is always free,
 * so that every search ends inside.
 *
 * Only an entry that finds no free slot between its run and that last one makes a segment grow
 * early; it then gets more room behind the last home.
 */
#include "zookeeper/core/tree_index.h"

#include "base/memory.h"

#define HOMES_FIRST 32u
#define BUILD_ENTRIES 6144u /* most entries of a segment that is built from sorted ones */
#define SORT_BITS 11u       /* three digits cover a tag */
#define OVERFLOW_FIRST 32u  /* slots behind the last home */

static size_t segment_bytes(uint32_t slots)
{
    return sizeof(struct index_segment) + (size_t)slots * sizeof(uint64_t);
}

static struct index_segment *segment_new(struct tree_index *index,
                                         uint32_t homes,
                                         uint32_t overflow,
                                         uint32_t depth)
{
    uint32_t slots = homes + overflow;
    struct index_segment *segment = mem_alloc_zeroed(segment_bytes(slots));
    segment->homes = homes;
    segment->slots = slots;
    segment->depth = depth;
    index->bytes += segment_bytes(slots);
    return segment;
}

static void segment_free(struct tree_index *index, struct index_segment *segment)
{
    index->bytes -= segment_bytes(segment->slots);
    mem_free(segment, segment_bytes(segment->slots));
}

void index_init(struct tree_index *index)
{
    *index = (struct tree_index){0};
    index->directory = mem_alloc(sizeof *index->directory);
    index->bytes = sizeof *index->directory;
    index->directory[0] = segment_new(index, HOMES_FIRST, OVERFLOW_FIRST, 0);
}

void index_release(struct tree_index *index)
{
    size_t size = (size_t)1 << index->depth;
    for (size_t i = 0; i < size;) {
        struct index_segment *segment = index->directory[i];
        i += (size_t)1 << (index->depth - segment->depth);
        segment_free(index, segment);
    }
    mem_free(index->directory, size * sizeof *index->directory);
    *index = (struct tree_index){0};
}

/* Puts the sorted entries of [from, to) (free slots are passed over) into an empty segment. False
 * when the room behind the last home is too small. */
static bool segment_fill(struct index_segment *segment, const uint64_t *from, const uint64_t *to)
{
    uint32_t next = 0;
    for (; from < to; from++) {
        if (*from == 0) {
            continue;
        }
        uint32_t place = MAX(next, index_home(segment, (uint32_t)(*from >> 32)));
        if (place + 1 >= segment->slots) {
            return false;
        }
        segment->slot[place] = *from;
        segment->count += 1;
        next = place + 1;
    }
    return true;
}

/* A segment of the given entries, loaded to 25/32. */
static struct index_segment *segment_of(struct tree_index *index,
                                        const uint64_t *from,
                                        const uint64_t *to,
                                        uint32_t count,
                                        uint32_t depth,
                                        uint32_t overflow)
{
    uint32_t homes = MAX(HOMES_FIRST, (uint32_t)((uint64_t)(count + 1) * 32 / 25));
    for (;; overflow *= 2) {
        struct index_segment *segment = segment_new(index, homes, overflow, depth);
        if (segment_fill(segment, from, to)) {
            return segment;
        }
        segment_free(index, segment);
    }
}

/* Points the directory's entries for all tags that begin like `tag` (segment->depth bits) at the
 * segment. */
static void directory_set(struct tree_index *index, uint32_t tag, struct index_segment *segment)
{
    uint32_t spread = index->depth - segment->depth;
    uint64_t prefix = (uint64_t)tag >> (32 - segment->depth);
    struct index_segment **at = &index->directory[prefix << spread];
    for (size_t i = 0; i < (size_t)1 << spread; i++) {
        at[i] = segment;
    }
}

static void directory_double(struct tree_index *index)
{
    size_t size = (size_t)1 << index->depth;
    struct index_segment **wider = mem_alloc(2 * size * sizeof *wider);
    for (size_t i = 0; i < size; i++) {
        wider[2 * i] = index->directory[i];
        wider[2 * i + 1] = index->directory[i];
    }
    mem_free(index->directory, size * sizeof *wider);
    index->directory = wider;
    index->depth += 1;
    index->bytes += size * sizeof *wider;
}

static void segment_split(struct tree_index *index, struct index_segment *old, uint32_t tag)
{
    if (old->depth == index->depth) {
        directory_double(index);
    }
    uint32_t bit = 1u << (31 - old->depth);
    const uint64_t *end = old->slot + old->slots;
    const uint64_t *cut = old->slot;
    uint32_t low_count = 0;
    /* Sorted: all with the bit clear come first. */
    for (; cut < end && (*cut >> 32 & bit) == 0; cut++) {
        low_count += *cut != 0;
    }
    struct index_segment *low = segment_of(index, old->slot, cut, low_count, old->depth + 1,
                                           OVERFLOW_FIRST);
    struct index_segment *high = segment_of(index, cut, end, old->count - low_count, old->depth + 1,
                                            OVERFLOW_FIRST);
    directory_set(index, tag & ~bit, low);
    directory_set(index, tag | bit, high);
    segment_free(index, old);
}

static void segment_grow(struct tree_index *index, uint32_t tag, bool needs_overflow)
{
    struct index_segment *old = index_segment_of(index, tag);
    if (old->count >= INDEX_SPLIT && old->depth < INDEX_DEPTH_MAX) {
        segment_split(index, old, tag);
        return;
    }
    uint32_t overflow = (old->slots - old->homes) * (needs_overflow ? 2 : 1);
    struct index_segment *larger = segment_of(index, old->slot, old->slot + old->slots, old->count,
                                              old->depth, overflow);
    directory_set(index, tag, larger);
    segment_free(index, old);
}

bool index_add(struct tree_index *index, uint32_t tag, uint32_t handle)
{
    struct index_segment *segment = index_segment_of(index, tag);
    if ((uint64_t)segment->count * 8 >= (uint64_t)segment->homes * 7) {
        segment_grow(index, tag, false);
        segment = index_segment_of(index, tag);
    }
    uint32_t place = index_home(segment, tag);
    while (segment->slot[place] != 0 && segment->slot[place] >> 32 <= tag) {
        place += 1;
    }
    uint32_t end = place;
    while (segment->slot[end] != 0) {
        end += 1;
    }
    if (end + 1 >= segment->slots) {
        segment_grow(index, tag, true);
        return index_add(index, tag, handle);
    }
    bool is_shared = place > 0 && segment->slot[place - 1] != 0 &&
                     segment->slot[place - 1] >> 32 == tag;
    memmove(&segment->slot[place + 1], &segment->slot[place], (end - place) * sizeof(uint64_t));
    segment->slot[place] = index_slot(tag, handle);
    segment->count += 1;
    index->count += 1;
    return is_shared;
}

static uint32_t slot_of(const struct index_segment *segment, uint32_t tag, uint32_t handle)
{
    uint64_t wanted = index_slot(tag, handle);
    uint32_t place = index_home(segment, tag);
    while (segment->slot[place] != wanted) {
        ASSERT(segment->slot[place] != 0);
        place += 1;
    }
    return place;
}

void index_remove(struct tree_index *index, uint32_t tag, uint32_t handle)
{
    struct index_segment *segment = index_segment_of(index, tag);
    uint32_t place = slot_of(segment, tag, handle);
    uint32_t end = place + 1;
    /* All that stand behind their homes move up by one. */
    while (segment->slot[end] != 0 &&
           index_home(segment, (uint32_t)(segment->slot[end] >> 32)) < end) {
        end += 1;
    }
    memmove(&segment->slot[place], &segment->slot[place + 1], (end - place - 1) * sizeof(uint64_t));
    segment->slot[end - 1] = 0;
    segment->count -= 1;
    index->count -= 1;
}

void index_replace(struct tree_index *index, uint32_t tag, uint32_t handle, uint32_t by)
{
    struct index_segment *segment = index_segment_of(index, tag);
    segment->slot[slot_of(segment, tag, handle)] = index_slot(tag, by);
}

/* ---- many at once --------------------------------------------------------------------------- */

/* One pass of a radix sort: by the digit at `shift`, stable. */
static void sort_pass(const uint64_t *from, uint64_t *to, size_t count, unsigned shift)
{
    size_t places[1u << SORT_BITS] = {0};
    for (size_t i = 0; i < count; i++) {
        places[from[i] >> shift & ((1u << SORT_BITS) - 1)] += 1;
    }
    size_t place = 0;
    for (size_t digit = 0; digit < 1u << SORT_BITS; digit++) {
        size_t here = places[digit];
        places[digit] = place;
        place += here;
    }
    for (size_t i = 0; i < count; i++) {
        size_t digit = from[i] >> shift & ((1u << SORT_BITS) - 1);
        to[places[digit]] = from[i];
        places[digit] += 1;
    }
}

void index_sort(uint64_t *slots, size_t count)
{
    uint64_t *other = mem_alloc(count * sizeof *other);
    sort_pass(slots, other, count, 32);
    sort_pass(other, slots, count, 32 + SORT_BITS);
    sort_pass(slots, other, count, 32 + 2 * SORT_BITS);
    if (count > 0) {
        memcpy(slots, other, count * sizeof *other);
    }
    mem_free(other, count * sizeof *other);
}

void index_build(struct tree_index *index, const uint64_t *sorted, size_t count)
{
    ASSERT(index->count == 0);
    index_release(index);
    uint32_t depth = 0;
    while (depth < INDEX_DEPTH_MAX && count >> depth > BUILD_ENTRIES) {
        depth += 1;
    }
    size_t size = (size_t)1 << depth;
    *index = (struct tree_index){.depth = depth, .count = count};
    index->directory = mem_alloc(size * sizeof *index->directory);
    index->bytes = size * sizeof *index->directory;
    const uint64_t *end = sorted + count;
    for (size_t i = 0; i < size; i++) {
        const uint64_t *cut = sorted;
        while (cut < end && *cut >> (64 - depth) % 64 == (depth == 0 ? *cut : i)) {
            cut += 1;
        }
        index->directory[i] = segment_of(index, sorted, cut, (uint32_t)(cut - sorted), depth,
                                         OVERFLOW_FIRST);
        sorted = cut;
    }
}

static void segment_check(const struct index_segment *segment, uint64_t prefix)
{
    uint32_t count = 0;
    uint64_t last = 0;
    uint32_t run = 0; /* where the unbroken run up to here began */
    for (uint32_t i = 0; i < segment->slots; i++) {
        uint64_t slot = segment->slot[i];
        if (slot == 0) {
            run = i + 1;
            continue;
        }
        uint32_t tag = (uint32_t)(slot >> 32);
        uint32_t home = index_home(segment, tag);
        ASSERT((uint32_t)slot != 0 && home >= run && home <= i && slot >> 32 >= last);
        ASSERT((uint64_t)tag >> (32 - segment->depth) == prefix);
        last = slot >> 32;
        count += 1;
    }
    ASSERT(count == segment->count && segment->slot[segment->slots - 1] == 0);
}

void index_check(const struct tree_index *index)
{
    uint64_t count = 0;
    size_t size = (size_t)1 << index->depth;
    for (size_t i = 0; i < size;) {
        const struct index_segment *segment = index->directory[i];
        uint32_t spare_bits = index->depth - segment->depth;
        size_t spread = (size_t)1 << spare_bits;
        for (size_t k = 0; k < spread; k++) {
            ASSERT(index->directory[i + k] == segment);
        }
        segment_check(segment, i >> spare_bits);
        count += segment->count;
        i += spread;
    }
    ASSERT(count == index->count);
}
