/* prep_quota.c - limits on a subtree: checked before a create or setData becomes a transaction.
 *
 * The limits stand as text in /zookeeper/quota<path>/zookeeper_limits, what is used in
 * .../zookeeper_stats, which every server keeps by itself as it applies. Upstream compares with the
 * stats as applied, so a client that pipelines can pass a hard limit by what it has in flight; here
 * the outstanding changes below the quota are added, so a hard limit holds (Q1).
 *
 * What goes wrong: anybody may write nonsense into those nodes (CVE-2026-100300). A request below
 * such a quota is refused with -5, as upstream refuses it; the tree itself skips what it cannot
 * read.
 *
 * Sources: ZooKeeperServer.checkQuota, StatsTrack, Quotas.
 */
#include "zookeeper/core/prep_private.h"

#include "base/memory.h"
#include "zookeeper/core/quota.h"

/* The figures that stand in one of a quota's two nodes. *found is false when there is no such node.
 * ZK_ERR_MARSHALLINGERROR when its text cannot be read: the request fails, as upstream's does. */
static int32_t read_figures(struct prep_step *step,
                            struct slice quota_path,
                            const char *leaf,
                            struct quota_values *values,
                            bool *found)
{
    struct buffer path;
    buffer_init(&path, SIZE_MAX);
    quota_node_path(quota_path, leaf, &path);
    const struct znode *node = tree_find(step->prep->tree, buffer_slice(&path));
    buffer_release(&path);
    *found = node != NULL;
    if (node == NULL) {
        return ZK_ERR_OK;
    }
    return quota_parse(znode_data(step->prep->tree, node), values) == ERR_OK
               ? ZK_ERR_OK
               : ZK_ERR_MARSHALLINGERROR;
}

/* Is `used` over the limit? A hard limit goes before a soft one. */
static int32_t over_limit(struct prep_step *step,
                          int64_t used,
                          int64_t soft,
                          int64_t hard,
                          struct slice path)
{
    if (used <= (hard > -1 ? hard : soft)) {
        return ZK_ERR_OK;
    }
    step->quota_exceeded = path;
    return hard > -1 ? ZK_ERR_QUOTAEXCEEDED : ZK_ERR_OK;
}

/* What a quota allows and what is used of it, for one of its two measures. */
struct measure {
    const char *used_key;
    const char *hard_key;
    int64_t growth;  /* by this request */
    int64_t pending; /* by what is outstanding */
};

static bool is_limited(const struct quota_values *limits, const struct measure *measure)
{
    return measure->growth != 0 &&
           (quota_get(limits, measure->used_key) > -1 || quota_get(limits, measure->hard_key) > -1);
}

static int32_t check_measure(struct prep_step *step,
                             const struct quota_values *limits,
                             const struct quota_values *used,
                             const struct measure *measure,
                             struct slice quota_path)
{
    if (!is_limited(limits, measure)) {
        return ZK_ERR_OK;
    }
    int64_t total = quota_get(used, measure->used_key) + measure->pending + measure->growth;
    return over_limit(step, total, quota_get(limits, measure->used_key),
                      quota_get(limits, measure->hard_key), quota_path);
}

int32_t prep_quota_check(struct prep_step *step, struct slice path, int64_t count, int64_t bytes)
{
    if (!step->prep->config->enforce_quota) {
        return ZK_ERR_OK;
    }
    struct slice quota_path = tree_quota_path(step->prep->tree, path);
    struct quota_values limits;
    struct quota_values used;
    bool found = false;
    if (slice_is_null(quota_path)) {
        return ZK_ERR_OK;
    }
    int32_t error = read_figures(step, quota_path, QUOTA_LIMIT_NAME, &limits, &found);
    if (error != ZK_ERR_OK || !found) {
        return error;
    }
    const struct pending_quota *pending = bytes_map_get(&step->prep->private->quotas, quota_path);
    struct measure counts = {QUOTA_COUNT, QUOTA_COUNT_HARD, count,
                             pending != NULL ? pending->count : 0};
    struct measure sizes = {QUOTA_BYTES, QUOTA_BYTES_HARD, bytes,
                            pending != NULL ? pending->bytes : 0};
    if (!is_limited(&limits, &counts) && !is_limited(&limits, &sizes)) {
        return ZK_ERR_OK;
    }
    error = read_figures(step, quota_path, QUOTA_STAT_NAME, &used, &found);
    if (error != ZK_ERR_OK || !found) {
        return error;
    }
    error = check_measure(step, &limits, &used, &counts, quota_path);
    return error != ZK_ERR_OK ? error : check_measure(step, &limits, &used, &sizes, quota_path);
}

void prep_quota_note(struct prep_step *step,
                     struct node_change *change,
                     struct slice path,
                     int64_t count,
                     int64_t bytes)
{
    if (!step->prep->config->enforce_quota) {
        return;
    }
    struct slice quota_path = tree_quota_path(step->prep->tree, path);
    if (slice_is_null(quota_path)) {
        return;
    }
    struct bytes_map *quotas = &step->prep->private->quotas;
    struct pending_quota *quota = bytes_map_get(quotas, quota_path);
    if (quota == NULL) {
        quota = mem_alloc_zeroed(sizeof *quota + quota_path.len);
        memcpy(quota + 1, quota_path.ptr, quota_path.len);
        quota->path = slice_of(quota + 1, quota_path.len);
        bytes_map_add(quotas, quota->path, quota);
    }
    quota->references += 1;
    quota->count += count;
    quota->bytes += bytes;
    change->quota = quota;
    change->quota_count = count;
    change->quota_bytes = bytes;
}

void prep_quota_drop(struct prep_private *private, struct node_change *change)
{
    struct pending_quota *quota = change->quota;
    if (quota == NULL) {
        return;
    }
    quota->references -= 1;
    quota->count -= change->quota_count;
    quota->bytes -= change->quota_bytes;
    if (quota->references == 0) {
        bytes_map_remove(&private->quotas, quota->path);
        mem_free(quota, sizeof *quota + quota->path.len);
    }
}
