/* warm.c - see warm.h. */
#include "kafka/server/handlers/warm.h"

#include "base/memory.h"

static void warming_free(struct warming *warming)
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
    const struct warming *warming = CONTAINER_OF(job, struct warming, job);
    for (size_t i = 0; i < warming->count; i++) {
        log_cold_read(&warming->colds[i]);
    }
}

static void done(struct runtime_job *job)
{
    struct warming *warming = CONTAINER_OF(job, struct warming, job);
    void (*go_on)(void *ctx) = warming->go_on;
    void *ctx = warming->ctx;
    warming_free(warming);
    if (ctx != NULL) {
        go_on(ctx);
    }
}

struct warming *warming_new(void)
{
    struct warming *warming = mem_alloc_zeroed(sizeof *warming);
    list_init(&warming->link);
    warming->job.work = work;
    warming->job.done = done;
    return warming;
}

struct warming *warming_start(struct warming *warming,
                              struct broker *broker,
                              void (*go_on)(void *ctx),
                              void *ctx)
{
    if (warming->count == 0) {
        warming_free(warming);
        return NULL;
    }
    warming->go_on = go_on;
    warming->ctx = ctx;
    list_append(&broker->warmings, &warming->link);
    runtime_submit(broker->runtime, LANE_ANY, &warming->job);
    return warming;
}

void warming_forget(struct warming *warming)
{
    warming->ctx = NULL;
}

void warmings_release(struct list *warmings)
{
    LIST_FOR_EACH_SAFE(link, after, warmings)
    {
        warming_free(CONTAINER_OF(link, struct warming, link));
    }
}
