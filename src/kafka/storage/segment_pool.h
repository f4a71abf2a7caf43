/* segment_pool.h - which segments are open: one budget of descriptors for all logs of a shard.
 *
 * Model: a segment that has its file open or its indexes in memory is resident and stands in the
 * pool's list, the one used longest ago first. Opening one more than the budget puts the first ones
 * to rest (their unsaved index entries are written out, descriptor and memory are given back); so
 * does segment_pool_rest_idle for those that were not used for some ticks. What a reader still
 * holds (struct segment_file, counted) closes when the reader drops it.
 *
 * The pool also lends the buffers in which segments collect appends until they are written: a turn
 * that appends to a few logs, over and over, allocates nothing.
 *
 * Ownership: counted, since readers may outlive logs. One thread.
 */
#ifndef KAFKA_STORAGE_SEGMENT_POOL_H
#define KAFKA_STORAGE_SEGMENT_POOL_H

#include "runtime/runtime.h"

#define POOL_SPARE_BUFFERS 32

struct segment_pool {
    struct list resident; /* struct segment.resident_link, least recently used first */
    size_t open_files;
    size_t open_files_max;
    uint32_t tick;
    uint32_t references;
    struct buffer *spare[POOL_SPARE_BUFFERS];
    size_t spare_count;
};

struct segment_pool *segment_pool_new(size_t open_files_max);
struct segment_pool *segment_pool_keep(struct segment_pool *pool);
void segment_pool_drop(struct segment_pool *pool);

/* A tick of the owner's timer: rests what was not used for `ticks` of them. */
void segment_pool_rest_idle(struct segment_pool *pool, uint32_t ticks);

/* An empty buffer that may hold up to `limit` bytes; to be given back. */
struct buffer *segment_pool_lend(struct segment_pool *pool, size_t limit);
void segment_pool_give_back(struct segment_pool *pool, struct buffer *buffer);

/* The descriptor of one segment, shared by the segment and its readers. */
struct segment_file {
    struct file *file;
    struct segment_pool *pool;
    uint32_t references;
};

NODISCARD int segment_file_open(struct runtime *runtime,
                                struct segment_pool *pool,
                                const char *path,
                                unsigned flags,
                                struct segment_file **opened);
struct segment_file *segment_file_keep(struct segment_file *file);
void segment_file_drop(struct segment_file *file);

#endif
