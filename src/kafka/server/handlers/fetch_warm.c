/* fetch_warm.c - the records of a fetch that are not in memory are read by a worker first.
 *
 * Before the partitions of a fetch are read, each is asked whether its records are in memory. Where
 * some are not, the fetch waits for what warm.h tells of, at most WARM_ROUNDS_MAX times.
 */
#include "kafka/server/handlers/fetch.h"
#include "kafka/server/handlers/warm.h"

#define WARM_ROUNDS_MAX 4

static void go_on(void *ctx)
{
    struct fetch *fetch = ctx;
    fetch->warming = NULL;
    fetch->request->on_abort = NULL;
    fetch->warmed(fetch);
}

static void on_abort(struct request *request)
{
    struct fetch *fetch = request->handler_state;
    warming_forget(fetch->warming);
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
static struct warming *find_cold(struct fetch *fetch)
{
    struct warming *warming = NULL;
    uint64_t bytes = 0;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct log_cold cold;
        if (!item_is_cold(&fetch->items[i], &cold)) {
            continue;
        }
        if (warming == NULL) {
            warming = warming_new();
        }
        warming->colds[warming->count++] = cold;
        bytes += cold.len;
        if (warming->count == WARM_RANGES_MAX || bytes >= (uint64_t)MAX(fetch->max_bytes, 0)) {
            break;
        }
    }
    return warming;
}

bool fetch_warm(struct fetch *fetch, void (*warmed)(struct fetch *fetch))
{
    struct request *request = fetch->request;
    if (fetch->warm_rounds == WARM_ROUNDS_MAX) {
        return false;
    }
    struct warming *warming = find_cold(fetch);
    if (warming == NULL) {
        return false;
    }
    fetch->warm_rounds += 1;
    fetch->warmed = warmed;
    fetch->warming = warming_start(warming, request->broker, go_on, fetch);
    request->handler_state = fetch;
    request->on_abort = on_abort;
    request->broker->cold_fetches += 1;
    return true;
}
