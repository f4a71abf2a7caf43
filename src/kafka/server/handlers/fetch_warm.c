/* fetch_warm.c - what a fetch would have to read from the disk is read by a worker first.
 *
 * Before the partitions of a fetch are read, each is asked whether its records are in memory
 * (partition_log_find_cold). Where some are not, one job reads all of them, and the fetch goes on
 * when it has ended; it then finds them, looks once more (an index leads to records, which may be
 * cold as well), and reads. The loop serves everybody else meanwhile.
 *
 * After WARM_ROUNDS_MAX jobs the fetch reads whatever is there: on a machine that has no memory to
 * spare, pages may go as fast as they come.
 */
#include "base/memory.h"
#include "kafka/server/handlers/fetch.h"

#define WARM_ROUNDS_MAX 4
#define WARM_RANGES_MAX 64

struct fetch_warming {
    struct runtime_job job;
    struct list link;    /* broker->warmings */
    struct fetch *fetch; /* NULL: it does not wait any more */
    void (*go_on)(struct fetch *fetch);
    size_t count;
    struct log_cold colds[WARM_RANGES_MAX];
};

static void warming_free(struct fetch_warming *warming)
{
    list_remove(&warming->link);
    for (size_t i = 0; i < warming->count; i++) {
        log_cold_drop(&warming->colds[i]);
    }
    mem_free(warming, sizeof *warming);
}

/* On a worker: nothing but the ranges may be touched. */
static void work(struct runtime_job *job)
{
    const struct fetch_warming *warming = CONTAINER_OF(job, struct fetch_warming, job);
    for (size_t i = 0; i < warming->count; i++) {
        log_cold_read(&warming->colds[i]);
    }
}

static void done(struct runtime_job *job)
{
    struct fetch_warming *warming = CONTAINER_OF(job, struct fetch_warming, job);
    struct fetch *fetch = warming->fetch;
    void (*go_on)(struct fetch *fetch) = warming->go_on;
    warming_free(warming);
    if (fetch != NULL) {
        fetch->warming = NULL;
        fetch->request->on_abort = NULL;
        go_on(fetch);
    }
}

static void on_abort(struct request *request)
{
    struct fetch *fetch = request->handler_state;
    fetch->warming->fetch = NULL;
    fetch->warming = NULL;
    fetch_forget(fetch);
}

static bool item_is_cold(struct fetch_item *item, struct log_cold *cold)
{
    int16_t error = 0;
    const struct partition *partition = fetch_item_partition(item, &error);
    if (error != 0 ||
        item->offset >= partition_read_limit(partition, item->fetch->read_committed)) {
        return false;
    }
    size_t max_bytes = (size_t)MAX(MIN(item->max_bytes, item->fetch->max_bytes), 0);
    return partition_log_find_cold(partition->log, item->offset, max_bytes, cold);
}

/* NULL: nothing is cold. */
static struct fetch_warming *find_cold(struct fetch *fetch)
{
    struct fetch_warming *warming = NULL;
    uint64_t bytes = 0;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct log_cold cold;
        if (!item_is_cold(&fetch->items[i], &cold)) {
            continue;
        }
        if (warming == NULL) {
            warming = mem_alloc_zeroed(sizeof *warming);
            list_init(&warming->link);
        }
        warming->colds[warming->count++] = cold;
        bytes += cold.len;
        if (warming->count == WARM_RANGES_MAX || bytes >= (uint64_t)MAX(fetch->max_bytes, 0)) {
            break;
        }
    }
    return warming;
}

bool fetch_warm(struct fetch *fetch, void (*go_on)(struct fetch *fetch))
{
    struct request *request = fetch->request;
    if (fetch->warm_rounds == WARM_ROUNDS_MAX) {
        return false;
    }
    struct fetch_warming *warming = find_cold(fetch);
    if (warming == NULL) {
        return false;
    }
    fetch->warm_rounds += 1;
    fetch->warming = warming;
    warming->fetch = fetch;
    warming->go_on = go_on;
    warming->job.work = work;
    warming->job.done = done;
    request->handler_state = fetch;
    request->on_abort = on_abort;
    list_append(&request->broker->warmings, &warming->link);
    request->broker->cold_fetches += 1;
    runtime_submit(request->broker->runtime, LANE_ANY, &warming->job);
    return true;
}

void fetch_warmings_release(struct list *warmings)
{
    LIST_FOR_EACH_SAFE(link, after, warmings)
    {
        warming_free(CONTAINER_OF(link, struct fetch_warming, link));
    }
}
