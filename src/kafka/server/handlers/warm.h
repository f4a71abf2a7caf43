/* warm.h - what a handler would have to read from the disk is read by a worker first.
 *
 * Model: the handler collects ranges that are not in memory (partition_log_find_cold and
 * partition_log_find_cold_times of partition_log.h); one job reads all of them, and go_on is called
 * on the loop. The handler then looks again, since one thing leads to the next (an index to
 * records, which may be cold as well), and at last reads. The loop serves everybody else meanwhile.
 * How often it looks again is the handler's to limit: on a machine that has no memory to spare,
 * pages may go as fast as they come.
 *
 * Ownership: the struct is its own until go_on, or until the broker is released; who waits forgets
 * it (warming_forget) when the request is aborted.
 */
#ifndef KAFKA_SERVER_HANDLERS_WARM_H
#define KAFKA_SERVER_HANDLERS_WARM_H

#include "kafka/server/broker.h"
#include "kafka/storage/partition_log.h"

#define WARM_RANGES_MAX 64u

struct warming {
    struct runtime_job job;
    struct list link; /* broker->warmings */
    void (*go_on)(void *ctx);
    void *ctx; /* NULL: nobody waits any more */
    size_t count;
    struct log_cold colds[WARM_RANGES_MAX];
};

struct warming *warming_new(void);

/* NULL when there is nothing to read, and it is freed; otherwise go_on(ctx) follows. */
struct warming *warming_start(struct warming *warming,
                              struct broker *broker,
                              void (*go_on)(void *ctx),
                              void *ctx);
void warming_forget(struct warming *warming);

#endif
