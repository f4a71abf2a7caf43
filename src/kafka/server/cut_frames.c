/* cut_frames.c - the memory of frames that are not whole yet.
 *
 * It grows with the bytes that came. All of it together keeps below queued.max.request.bytes:
 * above, a connection whose cut frame is large stops reading, but for one (`favoured`), which may
 * finish; then the next. Emptied buffers of large frames wait for the next large frame of anybody,
 * so that a producer of large batches costs no call of the heap.
 */
#include "base/memory.h"
#include "kafka/server/connection_private.h"

/* From here on as much as came is reserved ahead for a frame that is not whole. */
#define RESERVE_BYTES_MIN ((size_t)64 << 10)
#define PARTIAL_KEEP_BYTES ((size_t)4 << 10)
/* A cut frame of more bytes counts as large where memory is short. */
#define PARTIAL_LARGE_BYTES ((size_t)64 << 10)
#define PARTIAL_BUDGET_BYTES ((uint64_t)1 << 30) /* when queued.max.request.bytes is -1 */

void partial_count(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    sockets->stats.partial_bytes += connection->partial.cap - connection->partial_counted;
    connection->partial_counted = connection->partial.cap;
}

static uint64_t partial_budget(const struct sockets *sockets)
{
    int64_t configured = sockets->broker->config.queued_max_request_bytes;
    return configured > 0 ? (uint64_t)configured : PARTIAL_BUDGET_BYTES;
}

/* An emptied buffer that is large waits for the next large frame of anybody. */
void partial_give_back(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    struct buffer *partial = &connection->partial;
    if (partial->cap > PARTIAL_KEEP_BYTES && sockets->spare_count < SPARE_BUFFERS_MAX &&
        partial->cap <= SPARE_BUFFER_BYTES_MAX) {
        sockets->spares[sockets->spare_count] = *partial;
        sockets->spare_count += 1;
        buffer_init(partial, partial->limit);
    } else {
        buffer_clear(partial, PARTIAL_KEEP_BYTES);
    }
    partial->len = 0;
    partial_count(connection);
}

/* Room for a frame of `whole` bytes, of which some are in `partial`: from a spare buffer at once,
 * else growing with what came. */
void partial_reserve(struct connection *connection, size_t whole)
{
    struct sockets *sockets = connection->sockets;
    struct buffer *partial = &connection->partial;
    if (partial->cap >= whole) {
        return;
    }
    for (size_t i = sockets->spare_count; i > 0; i--) {
        struct buffer *spare = &sockets->spares[i - 1];
        if (spare->cap >= whole) {
            struct buffer small = *partial;
            *partial = *spare;
            partial->limit = small.limit;
            partial->len = 0;
            buffer_append(partial, buffer_slice(&small));
            buffer_release(&small);
            sockets->spare_count -= 1;
            sockets->spares[i - 1] = sockets->spares[sockets->spare_count];
            partial_count(connection);
            return;
        }
    }
    if (partial->len >= RESERVE_BYTES_MIN) {
        (void)buffer_reserve(partial, MIN(whole - partial->len, partial->len));
        partial_count(connection);
    }
}

/* Over the budget, large cut frames wait; one of them may go on. */
bool partial_may_grow(struct connection *connection)
{
    struct sockets *sockets = connection->sockets;
    if (sockets->favoured == connection ||
        sockets->stats.partial_bytes + connection->partial.len <= partial_budget(sockets) ||
        connection->partial.len < PARTIAL_LARGE_BYTES) {
        return true;
    }
    if (sockets->favoured == NULL) {
        sockets->favoured = connection;
        sockets->favoured_ns = runtime_now_ns(sockets->runtime);
        runtime_timer_set(&sockets->idle_timer, sockets->favoured_ns + FAVOURED_STALL_NS);
        return true;
    }
    if (list_is_empty(&connection->short_link)) {
        list_append(&sockets->short_of_memory, &connection->short_link);
    }
    return false;
}

/* The favoured frame is whole or gone, or memory has come back: the next may go on. */
void partial_next(struct sockets *sockets)
{
    struct list *link;
    sockets->favoured = NULL;
    while ((link = list_pop(&sockets->short_of_memory)) != NULL) {
        connection_run(CONTAINER_OF(link, struct connection, short_link));
    }
}
