/* tree_check.c - the invariants of a tree, by one walk over all nodes.
 *
 * Each node: linked to its parent and siblings in both directions, found by its path, in the owner
 * list that its owner says, its summand in the digest right. In sum: counts, sizes, digest, owners
 * and ACL references are what the nodes add up to.
 */
#include "base/memory.h"
#include "zookeeper/core/tree_node.h"

struct totals {
    uint64_t nodes;
    uint64_t ephemerals;
    uint64_t containers;
    uint64_t heap_blocks;
    int64_t bytes;
    uint64_t digest;
    uint32_t *acl_references; /* by index */
};

static void check_links(const struct tree_private *inner, uint32_t handle)
{
    const struct znode *node = node_at(inner, handle);
    const struct znode_extra *extra = node_extra(inner, node);
    uint32_t prev = 0;
    uint32_t count = 0;
    for (uint32_t at = node_first_child(inner, node); at != 0; at = node_at(inner, at)->next) {
        ASSERT(node_at(inner, at)->parent == handle && node_at(inner, at)->prev == prev);
        prev = at;
        count += 1;
    }
    ASSERT(extra == NULL || (extra->last_child == prev && extra->child_count == count));
}

static void check_owner(const struct tree *tree, uint32_t handle, struct totals *totals)
{
    const struct tree_private *inner = tree->private;
    const struct znode_extra *extra = node_extra(inner, node_at(inner, handle));
    if (extra == NULL || extra->owner == 0) {
        return;
    }
    bool is_session = tree_ephemeral_kind(&tree->config, extra->owner) == EPHEMERAL_NORMAL;
    struct node_list list = is_session ? owner_list(inner, extra->owner) : inner->containers;
    totals->ephemerals += is_session ? 1 : 0;
    totals->containers += is_session ? 0 : 1;
    if (extra->owner_prev == 0) {
        uint32_t count = 0;
        ASSERT(list.head == handle);
        for (uint32_t at = list.head; at != 0;
             at = node_extra(inner, node_at(inner, at))->owner_next) {
            count += 1;
        }
        ASSERT(count == list.count);
    } else {
        ASSERT(node_extra(inner, node_at(inner, extra->owner_prev))->owner_next == handle);
    }
    if (extra->owner_next != 0) {
        ASSERT(node_extra(inner, node_at(inner, extra->owner_next))->owner_prev == handle);
    }
}

static void check_node(const struct tree *tree,
                       uint32_t handle,
                       struct slice path,
                       struct totals *totals)
{
    const struct tree_private *inner = tree->private;
    const struct znode *node = node_at(inner, handle);
    struct slice data = node_data(inner, node);
    ASSERT(tree_find_exact(tree, path, tree_tag(tree, path)) == handle);
    ASSERT(offsetof(struct znode, bytes) + node_name_room(node) + node->data_len <=
           node->block_bytes);
    check_links(inner, handle);
    check_owner(tree, handle, totals);

    struct zk_stat_persisted stat;
    node_stat_persisted(inner, node, &stat);
    uint64_t digest = tree->config.digest_enabled ? tree_node_digest(path, data, &stat) : 0;
    ASSERT(node->digest == digest);
    ASSERT(node->acl < tree->acls.list_count);
    totals->acl_references[node->acl] += 1;
    totals->digest += digest;
    totals->nodes += 1;
    totals->bytes += (int64_t)(path.len + data.len);
    totals->heap_blocks += node_has(node, NODE_DATA_OUT) ? 1 : 0;
    totals->heap_blocks += node_has(node, NODE_NAME_OUT) ? 1 : 0;
}

static void check_totals(const struct tree *tree, const struct totals *totals)
{
    const struct tree_private *inner = tree->private;
    ASSERT(totals->nodes + 1 == tree->node_count && totals->nodes - 1 == inner->index.count);
    ASSERT(totals->bytes + 1 == tree->approximate_data_size);
    ASSERT(totals->digest == tree->digest);
    ASSERT(totals->heap_blocks == inner->heap_count);
    ASSERT(totals->ephemerals == tree->ephemerals_count);
    ASSERT(totals->containers == inner->containers.count);
    uint64_t owned = 0;
    size_t position = 0;
    uint64_t session_id = 0;
    uint64_t value = 0;
    while (u64_map_next(&inner->owners, &position, &session_id, &value)) {
        owned += owner_list(inner, (int64_t)session_id).count;
    }
    ASSERT(owned == tree->ephemerals_count);
    for (uint32_t i = 1; i < tree->acls.list_count; i++) {
        const struct acl_list *list = tree->acls.lists[i];
        ASSERT(totals->acl_references[i] == (list == NULL ? 0 : list->references));
    }
}

void tree_check(const struct tree *tree)
{
    struct tree_private *inner = tree->private;
    size_t references_bytes = tree->acls.list_count * sizeof(uint32_t);
    struct totals totals = {.acl_references = mem_alloc_zeroed(references_bytes)};
    struct buffer path;
    buffer_init(&path, SIZE_MAX);
    for (uint32_t at = inner->root; at != 0; at = node_next_in(inner, at, inner->root)) {
        buffer_clear(&path, SIZE_MAX);
        if (at != inner->root) {
            znode_path(tree, node_at(inner, at), &path);
        }
        check_node(tree, at, buffer_slice(&path), &totals);
    }
    check_totals(tree, &totals);
    mem_free(totals.acl_references, references_bytes);
    buffer_release(&path);
    acl_table_check(&tree->acls);
    index_check(&inner->index);
    slab_check(&inner->slab);
}
