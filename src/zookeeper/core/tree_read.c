/* tree_read.c - finding and reading nodes.
 *
 * A lookup is one hash of the whole path, one probe, and a comparison of the path with the names
 * from the node up to the root, whose upper part is nearly always in the cache: it does not walk
 * down from the root.
 */
#include "zookeeper/core/tree_node.h"

static bool node_has_path(const struct tree_private *inner, uint32_t handle, struct slice path)
{
    size_t end = path.len;
    while (handle != inner->root) {
        const struct znode *node = node_at(inner, handle);
        struct slice name = node_name(node);
        if (end <= name.len || path.ptr[end - name.len - 1] != '/' ||
            memcmp(path.ptr + end - name.len, name.ptr, name.len) != 0) {
            return false;
        }
        end -= name.len + 1;
        handle = node->parent;
    }
    return end == 0;
}

uint32_t tree_find_exact(const struct tree *tree, struct slice path, uint32_t tag)
{
    const struct tree_private *inner = tree->private;
    if (path.len == 0) {
        return inner->root;
    }
    struct index_cursor cursor;
    uint32_t handle = index_first(&inner->index, tag, &cursor);
    while (handle != 0 && !node_has_path(inner, handle, path)) {
        handle = index_next(&cursor);
    }
    return handle;
}

struct znode *tree_find(const struct tree *tree, struct slice path)
{
    const struct tree_private *inner = tree->private;
    if (path.len == 0 || (path.len == 1 && path.ptr[0] == '/')) {
        return node_at(inner, inner->root);
    }
    uint32_t handle = tree_find_exact(tree, path, tree_tag(tree, path));
    return handle == 0 ? NULL : node_at(inner, handle);
}

bool path_split(struct slice path, struct slice *parent, struct slice *name)
{
    size_t slash = path.len;
    while (slash > 0 && path.ptr[slash - 1] != '/') {
        slash -= 1;
    }
    /* `slash` counts the bytes up to and with the last one. */
    if (slash == 0 || slash == path.len || path.ptr[0] != '/') {
        return false;
    }
    *parent = slice_part(path, 0, slash - 1);
    *name = slice_part(path, slash, path.len);
    return true;
}

void znode_stat_persisted(const struct tree *tree,
                          const struct znode *node,
                          struct zk_stat_persisted *stat)
{
    node_stat_persisted(tree->private, node, stat);
}

void znode_stat(const struct tree *tree, const struct znode *node, struct zk_stat *stat)
{
    const struct tree_private *inner = tree->private;
    const struct znode_extra *extra = node_extra(inner, node);
    int64_t owner = extra == NULL ? 0 : extra->owner;
    uint32_t child_count = extra == NULL ? 0 : extra->child_count;
    uint32_t cversion = extra == NULL ? 0 : (uint32_t)extra->cversion;
    *stat = (struct zk_stat){
        .czxid = node->czxid,
        .mzxid = node->mzxid,
        .ctime = node->ctime,
        .mtime = node->mtime,
        .version = node->version,
        /* Stored are the creates; each child that is no longer there was deleted once. */
        .cversion = (int32_t)(cversion * 2 - child_count),
        .aversion = node->aversion,
        .data_length = (int32_t)node_data(inner, node).len,
        .num_children = (int32_t)child_count,
        .pzxid = extra == NULL ? node->czxid : extra->pzxid,
    };
    if (tree_ephemeral_kind(&tree->config, owner) == EPHEMERAL_NORMAL) {
        stat->ephemeral_owner = owner;
    }
}

struct slice znode_data(const struct tree *tree, const struct znode *node)
{
    return node_data(tree->private, node);
}

struct slice znode_name(const struct tree *tree, const struct znode *node)
{
    (void)tree;
    return node_name(node);
}

static struct znode *at_or_null(const struct tree *tree, uint32_t handle)
{
    return handle == 0 ? NULL : node_at(tree->private, handle);
}

struct znode *znode_parent(const struct tree *tree, const struct znode *node)
{
    return at_or_null(tree, node->parent);
}

int32_t znode_child_count(const struct tree *tree, const struct znode *node)
{
    const struct znode_extra *extra = node_extra(tree->private, node);
    return extra == NULL ? 0 : (int32_t)extra->child_count;
}

struct znode *znode_first_child(const struct tree *tree, const struct znode *node)
{
    return at_or_null(tree, node_first_child(tree->private, node));
}

struct znode *znode_next_sibling(const struct tree *tree, const struct znode *node)
{
    return at_or_null(tree, node->next);
}

int64_t znode_acl_id(const struct tree *tree, const struct znode *node)
{
    return acl_table_id(&tree->acls, node->acl);
}

const struct zk_acl *znode_acl(const struct tree *tree, const struct znode *node, int32_t *count)
{
    return acl_table_at(&tree->acls, node->acl, count);
}

void znode_path(const struct tree *tree, const struct znode *node, struct buffer *out)
{
    const struct tree_private *inner = tree->private;
    size_t len = 0;
    for (const struct znode *at = node; at->parent != 0; at = node_at(inner, at->parent)) {
        len += 1 + node_name(at).len;
    }
    if (len == 0) {
        buffer_append_u8(out, '/');
        return;
    }
    uint8_t *end = buffer_reserve(out, len) + len;
    out->len += len;
    for (const struct znode *at = node; at->parent != 0; at = node_at(inner, at->parent)) {
        struct slice name = node_name(at);
        end -= name.len;
        memcpy(end, name.ptr, name.len);
        end -= 1;
        *end = '/';
    }
}

int32_t znode_stored_cversion(const struct tree *tree, const struct znode *node)
{
    return node_cversion(tree->private, node);
}

int64_t znode_ephemeral_owner(const struct tree *tree, const struct znode *node)
{
    return node_owner(tree->private, node);
}

int64_t znode_pzxid(const struct tree *tree, const struct znode *node)
{
    return node_pzxid(tree->private, node);
}

int64_t tree_descendant_count(const struct tree *tree, const struct znode *node)
{
    const struct tree_private *inner = tree->private;
    if (node->parent == 0) {
        return (int64_t)tree->node_count - 2;
    }
    /* The node's own handle is that of its children's parent. */
    uint32_t at = node_first_child(inner, node);
    int64_t count = 0;
    if (at == 0) {
        return 0;
    }
    uint32_t top = node_at(inner, at)->parent;
    for (; at != 0; at = node_next_in(inner, at, top)) {
        count += 1;
    }
    return count;
}
