/* segment_pool.c - see segment_pool.h. */
#include "kafka/storage/segment_pool.h"

#include "base/memory.h"
#include "kafka/storage/segment.h"

struct segment_pool *segment_pool_new(size_t open_files_max)
{
    ASSERT(open_files_max > 0);
    struct segment_pool *pool = mem_alloc_zeroed(sizeof *pool);
    list_init(&pool->resident);
    pool->open_files_max = open_files_max;
    pool->references = 1;
    return pool;
}

struct segment_pool *segment_pool_keep(struct segment_pool *pool)
{
    pool->references += 1;
    return pool;
}

static void free_buffer(struct buffer *buffer)
{
    buffer_release(buffer);
    mem_free(buffer, sizeof *buffer);
}

struct buffer *segment_pool_lend(struct segment_pool *pool, size_t limit)
{
    if (LIKELY(pool->spare_count > 0)) {
        struct buffer *buffer = pool->spare[--pool->spare_count];
        buffer->limit = limit;
        return buffer;
    }
    struct buffer *buffer = mem_alloc(sizeof *buffer);
    buffer_init(buffer, limit);
    return buffer;
}

void segment_pool_give_back(struct segment_pool *pool, struct buffer *buffer)
{
    if (pool->spare_count == POOL_SPARE_BUFFERS) {
        free_buffer(buffer);
        return;
    }
    buffer_clear(buffer, SIZE_MAX);
    pool->spare[pool->spare_count++] = buffer;
}

void segment_pool_drop(struct segment_pool *pool)
{
    ASSERT(pool->references > 0);
    pool->references -= 1;
    if (pool->references == 0) {
        ASSERT(pool->open_files == 0 && list_is_empty(&pool->resident));
        while (pool->spare_count > 0) {
            free_buffer(pool->spare[--pool->spare_count]);
        }
        mem_free(pool, sizeof *pool);
    }
}

void segment_pool_rest_idle(struct segment_pool *pool, uint32_t ticks)
{
    pool->tick += 1;
    LIST_FOR_EACH_SAFE(link, after, &pool->resident)
    {
        struct segment *segment = CONTAINER_OF(link, struct segment, resident_link);
        if (pool->tick - segment->used_tick <= ticks) {
            break; /* the rest was used later still */
        }
        segment_rest(segment);
    }
}

/* Rests from the oldest on until one more descriptor fits. Descriptors that only readers hold do
 * not come back by this: the budget is then passed for as long as they read. */
static void make_room(struct segment_pool *pool)
{
    LIST_FOR_EACH_SAFE(link, after, &pool->resident)
    {
        if (pool->open_files < pool->open_files_max) {
            return;
        }
        segment_rest(CONTAINER_OF(link, struct segment, resident_link));
    }
}

int segment_file_open(struct runtime *runtime,
                      struct segment_pool *pool,
                      const char *path,
                      unsigned flags,
                      struct segment_file **opened)
{
    make_room(pool);
    struct file *file;
    int error = file_open(runtime, path, flags, &file);
    if (error != 0) {
        return error;
    }
    struct segment_file *shared = mem_alloc_zeroed(sizeof *shared);
    shared->file = file;
    shared->pool = segment_pool_keep(pool);
    shared->references = 1;
    pool->open_files += 1;
    *opened = shared;
    return 0;
}

struct segment_file *segment_file_keep(struct segment_file *file)
{
    file->references += 1;
    return file;
}

void segment_file_drop(struct segment_file *file)
{
    ASSERT(file->references > 0);
    file->references -= 1;
    if (file->references > 0) {
        return;
    }
    /* Everything of worth was written through this descriptor with its errors looked at. */
    (void)file_close(file->file);
    file->pool->open_files -= 1;
    segment_pool_drop(file->pool);
    mem_free(file, sizeof *file);
}
