/* tree_index.h - from the hash of a path to the nodes that may have it.
 *
 * Model: a slot is 8 bytes: the upper 32 bits of the path's hash (the tag) and the node's handle; 0
 * is a free slot. Slots stand in segments, sorted by tag: an entry's home is its tag scaled to the
 * segment's length, and it stands there or a little behind. The leading `depth` bits of the tag
 * choose the segment through a directory. A segment grows by an eighth when it is 7/8 full and
 * splits in two at INDEX_SPLIT entries, so the load stays between 78 and 87 % at every size, and no
 * step of growth moves more than INDEX_SPLIT entries (some 20 us; the directory itself is 8 bytes
 * for about 6000 nodes).
 * The caller compares paths: equal tags do not mean equal paths.
 */
#ifndef ZOOKEEPER_CORE_TREE_INDEX_H
#define ZOOKEEPER_CORE_TREE_INDEX_H

#include "base/base.h"

#define INDEX_SPLIT 8192u
#define INDEX_DEPTH_MAX 20u

struct index_segment {
    uint32_t homes; /* slots that a tag can point at */
    uint32_t slots; /* with those behind the last home, for what overflows there */
    uint32_t count;
    uint32_t depth; /* how many leading bits of the tag its entries share */
    uint64_t slot[];
};

struct tree_index {
    struct index_segment **directory; /* 2^depth */
    uint32_t depth;
    uint64_t count;
    size_t bytes; /* taken from the heap */
};

void index_init(struct tree_index *index);
void index_release(struct tree_index *index);

/* True when another entry has the tag. */
bool index_add(struct tree_index *index, uint32_t tag, uint32_t handle);

/* The entry must be there. */
void index_remove(struct tree_index *index, uint32_t tag, uint32_t handle);
void index_replace(struct tree_index *index, uint32_t tag, uint32_t handle, uint32_t by);

/* Many at once, into an empty index: slots (index_slot) are sorted, then laid out. */
void index_sort(uint64_t *slots, size_t count);
void index_build(struct tree_index *index, const uint64_t *sorted, size_t count);

static inline uint64_t index_slot(uint32_t tag, uint32_t handle)
{
    return (uint64_t)tag << 32 | handle;
}

/* Asserts order and counts. */
void index_check(const struct tree_index *index);

static inline struct index_segment *index_segment_of(const struct tree_index *index, uint32_t tag)
{
    return index->directory[(uint64_t)tag >> (32 - index->depth)];
}

static inline uint32_t index_home(const struct index_segment *segment, uint32_t tag)
{
    uint32_t fraction = tag << segment->depth;
    return (uint32_t)((uint64_t)fraction * segment->homes >> 32);
}

/* Fetches the slots of a tag into the cache, for a caller that will need them soon. */
static inline void index_prefetch(const struct tree_index *index, uint32_t tag)
{
    const struct index_segment *segment = index_segment_of(index, tag);
    __builtin_prefetch(&segment->slot[index_home(segment, tag)], 1);
}

/* All handles of a tag: index_first, then index_next until 0. The index must not change
 * meanwhile. */
struct index_cursor {
    const uint64_t *at;
    uint32_t tag;
};

static inline uint32_t index_next(struct index_cursor *cursor)
{
    uint64_t slot = *cursor->at;
    if (slot == 0 || slot >> 32 != cursor->tag) {
        return 0;
    }
    cursor->at += 1;
    return (uint32_t)slot;
}

static inline uint32_t index_first(const struct tree_index *index,
                                   uint32_t tag,
                                   struct index_cursor *cursor)
{
    const struct index_segment *segment = index_segment_of(index, tag);
    const uint64_t *at = &segment->slot[index_home(segment, tag)];
    while (*at != 0 && *at >> 32 < tag) {
        at += 1;
    }
    *cursor = (struct index_cursor){at, tag};
    return index_next(cursor);
}

#endif
