/* model_quota.c - quotas as the model understands them: see model.h.
 *
 * A quota on /p is the node /zookeeper/quota/p/zookeeper_limits; what is used is counted in the
 * text of zookeeper_stats beside it, by the nearest quota on the way to each changed path, and
 * counted anew when that node is made and when a server starts.
 */
#include <stdio.h>

#include "sim/model.h"

#define QUOTA_FOLDER "/zookeeper/quota"

struct figures {
    int64_t count;
    int64_t bytes;
    int64_t count_hard;
    int64_t bytes_hard;
};

static struct model_node *quota_node(const struct model *model, struct slice path, const char *leaf)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%s%.*s%s", QUOTA_FOLDER, (int)path.len,
                       (const char *)path.ptr, leaf);
    ASSERT(len > 0 && (size_t)len < sizeof text);
    return model_find(model, slice_of(text, (size_t)len));
}

struct slice model_quota_of(const struct model *model, struct slice path)
{
    while (path.len > 1) {
        if (quota_node(model, path, "/zookeeper_limits") != NULL) {
            return path;
        }
        if (!path_parent(path, &path)) {
            break;
        }
    }
    return SLICE_NULL;
}

/* "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4": numbers by name, -1 where there is none. */
static bool read_figures(const struct model_node *node, struct figures *figures)
{
    char text[256];
    int64_t *fields[] = {&figures->count, &figures->bytes, &figures->bytes_hard,
                         &figures->count_hard};
    static const char *const names[] = {"count", "bytes", "byteHardLimit", "countHardLimit"};
    *figures = (struct figures){-1, -1, -1, -1};
    if (node == NULL || node->is_null || node->data.len >= sizeof text) {
        return false;
    }
    if (node->data.len > 0) {
        memcpy(text, node->data.data, node->data.len);
    }
    text[node->data.len] = '\0';
    for (const char *at = text; *at != '\0';) {
        char name[32] = "";
        long long value = -1;
        if (sscanf(at, "%31[a-zA-Z]=%lld", name, &value) == 2) {
            for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                *fields[i] = strcmp(name, names[i]) == 0 ? value : *fields[i];
            }
        }
        at += strcspn(at, ",;");
        at += strspn(at, ",;");
    }
    return true;
}

static void write_counts(struct model *model, struct slice quota, int64_t count, int64_t bytes)
{
    char text[96];
    struct model_node *node = quota_node(model, quota, "/zookeeper_stats");
    if (node != NULL) {
        int len = snprintf(text, sizeof text, "count=%lld,bytes=%lld", (long long)count,
                           (long long)bytes);
        node->data.len = 0;
        node->is_null = false;
        bytes_append(&node->data, slice_of(text, (size_t)len));
    }
}

static bool is_below(struct slice path, struct slice top)
{
    return slice_equal(path, top) ||
           (slice_starts_with(path, top) && path.len > top.len && path.ptr[top.len] == '/');
}

static void recount(struct model *model, struct slice quota)
{
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    int64_t count = 0;
    int64_t bytes = 0;
    while (bytes_map_next(&model->nodes, &position, &key, &value)) {
        const struct model_node *node = value;
        if (is_below(node->path, quota)) {
            count += 1;
            bytes += (int64_t)node->data.len;
        }
    }
    write_counts(model, quota, count, bytes);
}

/* The path whose quota this leaf belongs to; false when it is no such leaf. */
static bool quota_of_leaf(struct slice path, const char *leaf, struct slice *quota)
{
    struct slice folder = SLICE_LIT(QUOTA_FOLDER);
    struct slice end = slice_of_cstr(leaf);
    if (!slice_starts_with(path, folder) || path.len <= folder.len + end.len ||
        !slice_equal(slice_part(path, path.len - end.len, path.len), end)) {
        return false;
    }
    *quota = slice_part(path, folder.len, path.len - end.len);
    return true;
}

void model_quota_changed(struct model *model, struct slice path, int64_t bytes, int64_t count)
{
    struct slice quota = model_quota_of(model, path);
    struct figures used;
    if (slice_is_null(quota) ||
        !read_figures(quota_node(model, quota, "/zookeeper_stats"), &used)) {
        return;
    }
    write_counts(model, quota, used.count + count, used.bytes + bytes);
}

void model_quota_created(struct model *model, const struct model_node *node)
{
    struct slice quota;
    if (quota_of_leaf(node->path, "/zookeeper_stats", &quota)) {
        recount(model, quota);
    }
    model_quota_changed(model, node->path, (int64_t)node->data.len, 1);
}

void model_quota_recount(struct model *model)
{
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    while (bytes_map_next(&model->nodes, &position, &key, &value)) {
        const struct model_node *node = value;
        struct slice quota;
        if (quota_of_leaf(node->path, "/zookeeper_limits", &quota)) {
            recount(model, quota);
        }
    }
}

/* A hard limit goes before a soft one, which refuses nothing. */
static bool is_over(int64_t used, int64_t soft, int64_t hard)
{
    return hard > -1 && used > hard && (soft > -1 || hard > -1);
}

int32_t model_quota_check(const struct model *model,
                          struct slice path,
                          int64_t bytes,
                          int64_t count,
                          const struct quota_pending *pending)
{
    struct slice quota = model_quota_of(model, path);
    struct figures limits;
    struct figures used;
    if (!model->config.enforces_quota || slice_is_null(quota) ||
        !read_figures(quota_node(model, quota, "/zookeeper_limits"), &limits) ||
        !read_figures(quota_node(model, quota, "/zookeeper_stats"), &used)) {
        return 0;
    }
    if (slice_equal(pending->quota, quota)) {
        used.count += pending->count;
        used.bytes += pending->bytes;
    }
    bool over_count = count != 0 && is_over(used.count + count, limits.count, limits.count_hard);
    bool over_bytes = bytes != 0 && is_over(used.bytes + bytes, limits.bytes, limits.bytes_hard);
    return over_count || over_bytes ? E_QUOTA_EXCEEDED : 0;
}
