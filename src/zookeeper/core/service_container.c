/* service_container.c - containers that are empty again, and nodes whose time to live is over, are
 * deleted.
 *
 * Every check interval the tree is asked for candidates; each is then submitted as a
 * deleteContainer of its own, spaced so that not more than maxPerMinute go in a minute. The request
 * is judged again when it becomes a txn, so a candidate that got a child meanwhile stays.
 *
 * Source: ContainerManager.
 */
#include "zookeeper/core/service_private.h"

#define MINUTE_MS 60000

/* A look at the tree costs its containers: not more often than this, whatever the setting. */
#define CHECK_INTERVAL_MS_MIN 10

struct candidates_ctx {
    struct service *service;
    int64_t wall_ms;
};

static uint64_t check_interval_ms(const struct service *service)
{
    return (uint64_t)MAX(service->config->container_check_interval_ms, CHECK_INTERVAL_MS_MIN);
}

static uint64_t spacing_ms(const struct service *service)
{
    return (uint64_t)(MINUTE_MS / MAX(service->config->container_max_per_minute, 1));
}

static bool is_candidate(const struct candidates_ctx *ctx, const struct znode *node)
{
    const struct tree *tree = &ctx->service->tree;
    struct zk_stat_persisted stat;
    if (znode_child_count(tree, node) != 0) {
        return false;
    }
    znode_stat_persisted(tree, node, &stat);
    int64_t age_ms = ctx->wall_ms - stat.mtime;
    switch (tree_ephemeral_kind(&tree->config, stat.ephemeral_owner)) {
    case EPHEMERAL_CONTAINER: {
        /* One that never had a child is spared: its maker may be about to use it. */
        int64_t never_used_ms = ctx->service->config->prep.container_max_never_used_ms;
        return stat.cversion > 0 || (never_used_ms != 0 && age_ms > never_used_ms);
    }
    case EPHEMERAL_TTL: {
        int64_t ttl_ms = tree_owner_to_ttl(&tree->config, stat.ephemeral_owner);
        return ttl_ms != 0 && age_ms > ttl_ms;
    }
    case EPHEMERAL_VOID:
    case EPHEMERAL_NORMAL:
        return false;
    }
    return false;
}

static void collect(void *ctx, struct slice path, const struct znode *node)
{
    struct candidates_ctx *candidates = ctx;
    if (is_candidate(candidates, node)) {
        jute_write_bytes(&candidates->service->private->containers.paths, path);
    }
}

void containers_stop(struct service *service)
{
    struct container_queue *queue = &service->private->containers;
    queue->paths.len = 0;
    queue->next = 0;
    queue->next_ms = UINT64_MAX;
    queue->next_check_ms = UINT64_MAX;
}

void containers_start(struct service *service, uint64_t now_ms)
{
    containers_stop(service);
    service->private->containers.next_check_ms = now_ms + check_interval_ms(service);
}

static void look_for_candidates(struct turn *turn)
{
    struct container_queue *queue = &turn->service->private->containers;
    struct candidates_ctx ctx = {turn->service, turn->event->wall_ms};
    uint64_t interval = check_interval_ms(turn->service);
    queue->paths.len = 0;
    queue->next = 0;
    tree_each_container(&turn->service->tree, collect, &ctx);
    queue->next_ms = queue->paths.len > 0 ? turn->event->now_ms : UINT64_MAX;
    while (queue->next_check_ms <= turn->event->now_ms) {
        queue->next_check_ms += interval;
    }
}

/* Submits those whose time has come. */
static void delete_next(struct turn *turn)
{
    struct container_queue *queue = &turn->service->private->containers;
    while (queue->next_ms <= turn->event->now_ms) {
        /* The queue's bytes are just what a deleteContainer's body is: length and path. */
        size_t len = load_be32(queue->paths.data + queue->next);
        struct slice body = slice_of(queue->paths.data + queue->next, len + 4);
        queue->next += len + 4;
        queue->next_ms = queue->next < queue->paths.len ? queue->next_ms + spacing_ms(turn->service)
                                                        : UINT64_MAX;
        submit_internal(turn, 0, ZK_OP_DELETE_CONTAINER, body);
    }
}

void containers_tick(struct turn *turn)
{
    struct container_queue *queue = &turn->service->private->containers;
    if (queue->next_ms == UINT64_MAX && queue->next_check_ms <= turn->event->now_ms) {
        look_for_candidates(turn);
    }
    delete_next(turn);
}

uint64_t containers_deadline(const struct service *service)
{
    const struct container_queue *queue = &service->private->containers;
    return queue->next_ms != UINT64_MAX ? queue->next_ms : queue->next_check_ms;
}
