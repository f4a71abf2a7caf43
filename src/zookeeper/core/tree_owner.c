/* tree_owner.c - nodes by the session that owns them, and the nodes that end by themselves.
 *
 * What a node's stored ephemeralOwner means depends on the configuration (tree_ephemeral_kind). A
 * session's ephemerals are a doubly linked list through the nodes' extras, whose head and count are
 * one map entry; containers and TTL nodes are one more such list. So a session's end finds its
 * nodes without a search, and an ephemeral costs no allocation beside its extra.
 */
#include "zookeeper/core/sort.h"
#include "zookeeper/core/tree_node.h"

#define FEATURE_MASK UINT64_C(0xff00000000000000) /* set in every owner that is no session */
#define FEATURE_BITS UINT64_C(0x00ffff0000000000) /* which feature; 0 is TTL */
#define ARENA_CHUNK 16384

enum ephemeral_kind tree_ephemeral_kind(const struct tree_config *config, int64_t ephemeral_owner)
{
    uint64_t bits = (uint64_t)ephemeral_owner;
    if (ephemeral_owner == 0) {
        return EPHEMERAL_VOID;
    }
    if (config->extended_types_enabled) {
        if (config->emulate_353_ttl_nodes && ephemeral_owner < 0 &&
            ephemeral_owner != TREE_CONTAINER_OWNER) {
            return EPHEMERAL_TTL;
        }
        /* Apache fails on a feature it does not know; here it is a session that will never end by
         * itself. */
        if ((bits & FEATURE_MASK) == FEATURE_MASK && (bits & FEATURE_BITS) == 0) {
            return EPHEMERAL_TTL;
        }
    }
    return ephemeral_owner == TREE_CONTAINER_OWNER ? EPHEMERAL_CONTAINER : EPHEMERAL_NORMAL;
}

int64_t tree_ttl_to_owner(const struct tree_config *config, int64_t ttl_ms)
{
    (void)config;
    if (ttl_ms <= 0 || ttl_ms > TREE_TTL_MAX) {
        return 0;
    }
    return (int64_t)(FEATURE_MASK | (uint64_t)ttl_ms);
}

int64_t tree_owner_to_ttl(const struct tree_config *config, int64_t ephemeral_owner)
{
    if (tree_ephemeral_kind(config, ephemeral_owner) != EPHEMERAL_TTL) {
        return 0;
    }
    return ephemeral_owner & TREE_TTL_MAX;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static uint64_t pack(struct node_list list)
{
    return (uint64_t)list.count << 32 | list.head;
}

static struct node_list unpack(uint64_t value)
{
    return (struct node_list){.head = (uint32_t)value, .count = (uint32_t)(value >> 32)};
}

struct node_list owner_list(const struct tree_private *inner, int64_t session_id)
{
    uint64_t value = 0;
    return u64_map_get(&inner->owners, (uint64_t)session_id, &value) ? unpack(value)
                                                                     : (struct node_list){0};
}

static struct node_list list_of(const struct tree *tree, int64_t owner)
{
    return tree_ephemeral_kind(&tree->config, owner) == EPHEMERAL_NORMAL
               ? owner_list(tree->private, owner)
               : tree->private->containers;
}

static void list_set(struct tree *tree, int64_t owner, struct node_list list)
{
    struct tree_private *inner = tree->private;
    if (tree_ephemeral_kind(&tree->config, owner) != EPHEMERAL_NORMAL) {
        inner->containers = list;
    } else if (list.count > 0) {
        u64_map_put(&inner->owners, (uint64_t)owner, pack(list));
    } else {
        u64_map_remove(&inner->owners, (uint64_t)owner, NULL);
    }
}

static void count_ephemeral(struct tree *tree, int64_t owner, bool is_more)
{
    if (tree_ephemeral_kind(&tree->config, owner) == EPHEMERAL_NORMAL) {
        tree->ephemerals_count += is_more ? 1 : UINT64_MAX;
    }
}

void owner_link(struct tree *tree, uint32_t handle)
{
    struct tree_private *inner = tree->private;
    int64_t owner = node_owner(inner, node_at(inner, handle));
    if (owner == 0) {
        return;
    }
    struct znode_extra *extra = node_extra(inner, node_at(inner, handle));
    struct node_list list = list_of(tree, owner);
    extra->owner_prev = 0;
    extra->owner_next = list.head;
    if (list.head != 0) {
        node_extra(inner, node_at(inner, list.head))->owner_prev = handle;
    }
    list_set(tree, owner, (struct node_list){handle, list.count + 1});
    count_ephemeral(tree, owner, true);
}

void owner_unlink(struct tree *tree, uint32_t handle)
{
    struct tree_private *inner = tree->private;
    int64_t owner = node_owner(inner, node_at(inner, handle));
    if (owner == 0) {
        return;
    }
    struct znode_extra *extra = node_extra(inner, node_at(inner, handle));
    struct node_list list = list_of(tree, owner);
    if (extra->owner_prev != 0) {
        node_extra(inner, node_at(inner, extra->owner_prev))->owner_next = extra->owner_next;
    } else {
        list.head = extra->owner_next;
    }
    if (extra->owner_next != 0) {
        node_extra(inner, node_at(inner, extra->owner_next))->owner_prev = extra->owner_prev;
    }
    list_set(tree, owner, (struct node_list){list.head, list.count - 1});
    count_ephemeral(tree, owner, false);
}

void owner_moved(struct tree *tree, uint32_t from, uint32_t to)
{
    struct tree_private *inner = tree->private;
    int64_t owner = node_owner(inner, node_at(inner, to));
    if (owner == 0) {
        return;
    }
    struct znode_extra *extra = node_extra(inner, node_at(inner, to));
    if (extra->owner_next != 0) {
        node_extra(inner, node_at(inner, extra->owner_next))->owner_prev = to;
    }
    if (extra->owner_prev != 0) {
        node_extra(inner, node_at(inner, extra->owner_prev))->owner_next = to;
        return;
    }
    struct node_list list = list_of(tree, owner);
    ASSERT(list.head == from);
    list_set(tree, owner, (struct node_list){to, list.count});
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool path_before(const void *a, const void *b)
{
    const struct slice *left = a;
    const struct slice *right = b;
    return slice_compare(*left, *right) < 0;
}

struct slice **owner_paths(const struct tree *tree,
                           int64_t session_id,
                           struct arena *arena,
                           uint32_t *count)
{
    struct tree_private *inner = tree->private;
    struct node_list list = owner_list(inner, session_id);
    struct slice *paths = ARENA_ARRAY(arena, struct slice, list.count);
    struct slice **sorted = ARENA_ARRAY(arena, struct slice *, list.count);
    uint32_t at = list.head;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct znode *node = node_at(inner, at);
        buffer_clear(&inner->path, SIZE_MAX);
        znode_path(tree, node, &inner->path);
        paths[i] = arena_copy(arena, buffer_slice(&inner->path));
        sorted[i] = &paths[i];
        at = node_extra(inner, node)->owner_next;
    }
    pointer_sort((void **)sorted, list.count, path_before);
    *count = list.count;
    return sorted;
}

void tree_each_ephemeral(const struct tree *tree,
                         int64_t session_id,
                         void (*each)(void *ctx, struct slice path),
                         void *ctx)
{
    struct arena arena;
    arena_init(&arena, ARENA_CHUNK, SIZE_MAX / 2);
    uint32_t count = 0;
    struct slice **paths = owner_paths(tree, session_id, &arena, &count);
    for (uint32_t i = 0; i < count; i++) {
        each(ctx, *paths[i]);
    }
    arena_release(&arena);
}

struct owner_count {
    int64_t session_id;
    uint64_t count;
};

static bool owner_before(const void *a, const void *b)
{
    return ((const struct owner_count *)a)->session_id <
           ((const struct owner_count *)b)->session_id;
}

void tree_each_ephemeral_owner(const struct tree *tree,
                               void (*each)(void *ctx, int64_t session_id, uint64_t count),
                               void *ctx)
{
    const struct u64_map *owners = &tree->private->owners;
    struct arena arena;
    arena_init(&arena, ARENA_CHUNK, SIZE_MAX / 2);
    struct owner_count *counts = ARENA_ARRAY(&arena, struct owner_count, owners->count);
    struct owner_count **sorted = ARENA_ARRAY(&arena, struct owner_count *, owners->count);
    size_t position = 0;
    uint64_t session_id = 0;
    uint64_t value = 0;
    for (size_t i = 0; u64_map_next(owners, &position, &session_id, &value); i++) {
        counts[i] = (struct owner_count){(int64_t)session_id, unpack(value).count};
        sorted[i] = &counts[i];
    }
    pointer_sort((void **)sorted, owners->count, owner_before);
    for (size_t i = 0; i < owners->count; i++) {
        each(ctx, sorted[i]->session_id, sorted[i]->count);
    }
    arena_release(&arena);
}

void tree_each_container(const struct tree *tree,
                         void (*each)(void *ctx, struct slice path, const struct znode *node),
                         void *ctx)
{
    struct tree_private *inner = tree->private;
    for (uint32_t at = inner->containers.head; at != 0;) {
        const struct znode *node = node_at(inner, at);
        buffer_clear(&inner->path, SIZE_MAX);
        znode_path(tree, node, &inner->path);
        at = node_extra(inner, node)->owner_next;
        each(ctx, buffer_slice(&inner->path), node);
    }
}
