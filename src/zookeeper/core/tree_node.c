/* tree_node.c - blocks of znodes: made, linked, refilled, moved, freed, walked.
 *
 * Nothing here knows transactions, quotas or digests; the callers in tree.c keep those in step.
 *
 * Where data goes (node_set_data): into the block when it fits. When it does not, or would leave
 * most of it empty, and the node is a leaf, into another block, to which siblings, parent, index,
 * owners and a running snapshot's cursor are pointed. When it is a parent (whose handle all its
 * children hold), or too large for a block, into the heap, from the extra.
 */
#include "zookeeper/core/tree_node.h"
#include "base/memory.h"

#define NODE_SLACK_BYTES 64 /* what a block may hold idle beside as much again as it needs */

struct slice node_data(const struct tree_private *inner, const struct znode *node)
{
    if (node_has(node, NODE_DATA_NULL)) {
        return SLICE_NULL;
    }
    if (node_has(node, NODE_DATA_OUT)) {
        const struct node_bytes *data = &node_extra(inner, node)->data;
        return slice_of(data->ptr, data->len);
    }
    return slice_of(node->bytes + node_name_room(node), node->data_len);
}

struct znode_extra *node_need_extra(struct tree_private *inner, struct znode *node)
{
    if (node->extra == 0) {
        node->extra = slab_alloc(&inner->slab, sizeof(struct znode_extra));
        struct znode_extra *extra = slab_at(&inner->slab, node->extra);
        *extra = (struct znode_extra){.pzxid = node->czxid};
    }
    return slab_at(&inner->slab, node->extra);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void data_release(struct tree_private *inner, struct znode *node)
{
    if (node_has(node, NODE_DATA_OUT)) {
        struct znode_extra *extra = node_extra(inner, node);
        mem_free(extra->data.ptr, extra->data.cap);
        extra->data = (struct node_bytes){0};
        inner->heap_count -= 1;
    }
    node->flags &= (uint16_t)~(NODE_DATA_OUT | NODE_DATA_NULL);
    node->data_len = 0;
}

static size_t block_room(const struct znode *node)
{
    return node->block_bytes - offsetof(struct znode, bytes) - node_name_room(node);
}

static void data_put_inline(struct znode *node, struct slice data)
{
    if (slice_is_null(data)) {
        node->flags |= NODE_DATA_NULL;
    } else if (data.len > 0) {
        memcpy(node->bytes + node_name_room(node), data.ptr, data.len);
    }
    node->data_len = (uint16_t)data.len;
}

static void data_put_out(struct tree_private *inner, struct znode *node, struct slice data)
{
    ASSERT(data.len <= UINT32_MAX);
    struct node_bytes *out = &node_need_extra(inner, node)->data;
    if (node_has(node, NODE_DATA_OUT) && data.len <= out->cap && data.len >= out->cap / 2) {
        memcpy(out->ptr, data.ptr, data.len);
        out->len = (uint32_t)data.len;
        return;
    }
    uint8_t *copy = mem_alloc(data.len);
    memcpy(copy, data.ptr, data.len);
    data_release(inner, node);
    *out = (struct node_bytes){copy, (uint32_t)data.len, (uint32_t)data.len};
    node->flags |= NODE_DATA_OUT;
    inner->heap_count += 1;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static size_t name_room_of(struct slice name)
{
    return name.len <= NODE_NAME_INLINE ? name.len : sizeof(struct node_bytes);
}

static void name_put(struct tree_private *inner, struct znode *node, struct slice name)
{
    if (name.len <= NODE_NAME_INLINE) {
        node->name_len = (uint16_t)name.len;
        if (name.len > 0) {
            memcpy(node->bytes, name.ptr, name.len);
        }
        return;
    }
    ASSERT(name.len <= UINT32_MAX);
    struct node_bytes out = {mem_alloc(name.len), (uint32_t)name.len, (uint32_t)name.len};
    memcpy(out.ptr, name.ptr, name.len);
    memcpy(node->bytes, &out, sizeof out);
    node->flags |= NODE_NAME_OUT;
    inner->heap_count += 1;
}

static uint32_t block_new(struct tree_private *inner, size_t size)
{
    uint32_t handle = slab_alloc(&inner->slab, size);
    struct znode *node = node_at(inner, handle);
    *node = (struct znode){.block_bytes = (uint16_t)slab_block_bytes(size)};
    node_set_epoch(node, inner->epoch);
    return handle;
}

uint32_t node_new(struct tree_private *inner, struct slice name, struct slice data)
{
    size_t size = offsetof(struct znode, bytes) + name_room_of(name);
    bool is_inline = size + data.len <= NODE_BLOCK_MAX;
    uint32_t handle = block_new(inner, size + (is_inline ? data.len : 0));
    struct znode *node = node_at(inner, handle);
    name_put(inner, node, name);
    if (is_inline) {
        data_put_inline(node, data);
    } else {
        data_put_out(inner, node, data);
    }
    return handle;
}

void node_free_heap(struct tree_private *inner, struct znode *node)
{
    data_release(inner, node);
    if (node_has(node, NODE_NAME_OUT)) {
        struct node_bytes name;
        memcpy(&name, node->bytes, sizeof name);
        mem_free(name.ptr, name.cap);
        inner->heap_count -= 1;
    }
}

void node_free(struct tree_private *inner, uint32_t handle)
{
    struct znode *node = node_at(inner, handle);
    node_free_heap(inner, node);
    if (node->extra != 0) {
        slab_free(&inner->slab, node->extra);
    }
    slab_free(&inner->slab, handle);
}

/* Moves a leaf into a block of `size` bytes with all but its inline data; the old block is
 * freed. */
static uint32_t leaf_move(struct tree *tree, uint32_t handle, uint32_t tag, size_t size)
{
    struct tree_private *inner = tree->private;
    uint32_t moved = slab_alloc(&inner->slab, size);
    struct znode *from = node_at(inner, handle);
    struct znode *to = node_at(inner, moved);
    memcpy(to, from, offsetof(struct znode, bytes) + node_name_room(from));
    to->block_bytes = (uint16_t)slab_block_bytes(size);
    to->data_len = 0;

    struct znode_extra *parent = node_extra(inner, node_at(inner, to->parent));
    if (to->prev != 0) {
        node_at(inner, to->prev)->next = moved;
    } else {
        parent->first_child = moved;
    }
    if (to->next != 0) {
        node_at(inner, to->next)->prev = moved;
    } else {
        parent->last_child = moved;
    }
    index_replace(&inner->index, tag, handle, moved);
    owner_moved(tree, handle, moved);
    if (inner->snapshot != NULL) {
        snapshot_moved(inner->snapshot, handle, moved);
    }
    slab_free(&inner->slab, handle);
    return moved;
}

uint32_t node_set_data(struct tree *tree, uint32_t handle, uint32_t tag, struct slice data)
{
    struct tree_private *inner = tree->private;
    struct znode *node = node_at(inner, handle);
    size_t size = offsetof(struct znode, bytes) + node_name_room(node) + data.len;
    bool is_leaf = node_first_child(inner, node) == 0 && node->parent != 0;
    bool is_too_large = is_leaf && node->block_bytes > 2 * size + NODE_SLACK_BYTES;
    if (data.len <= block_room(node) && !is_too_large) {
        data_release(inner, node);
        data_put_inline(node, data);
    } else if (size <= NODE_BLOCK_MAX && is_leaf) {
        data_release(inner, node);
        handle = leaf_move(tree, handle, tag, size);
        data_put_inline(node_at(inner, handle), data);
    } else {
        data_put_out(inner, node, data);
    }
    return handle;
}

/* ---- links ----------------------------------------------------------------------------------- */

void node_link(struct tree_private *inner, uint32_t handle, uint32_t parent)
{
    struct znode *node = node_at(inner, handle);
    struct znode_extra *extra = node_need_extra(inner, node_at(inner, parent));
    node->parent = parent;
    node->next = 0;
    node->prev = extra->last_child;
    if (extra->last_child != 0) {
        node_at(inner, extra->last_child)->next = handle;
    } else {
        extra->first_child = handle;
    }
    extra->last_child = handle;
    extra->child_count += 1;
}

void node_unlink(struct tree_private *inner, uint32_t handle)
{
    struct znode *node = node_at(inner, handle);
    struct znode_extra *extra = node_extra(inner, node_at(inner, node->parent));
    if (node->prev != 0) {
        node_at(inner, node->prev)->next = node->next;
    } else {
        extra->first_child = node->next;
    }
    if (node->next != 0) {
        node_at(inner, node->next)->prev = node->prev;
    } else {
        extra->last_child = node->prev;
    }
    extra->child_count -= 1;
}

uint32_t node_after(const struct tree_private *inner, uint32_t handle, uint32_t top)
{
    while (handle != top) {
        const struct znode *node = node_at(inner, handle);
        if (node->next != 0) {
            return node->next;
        }
        handle = node->parent;
    }
    return 0;
}

uint32_t node_next_in(const struct tree_private *inner, uint32_t handle, uint32_t top)
{
    uint32_t child = node_first_child(inner, node_at(inner, handle));
    return child != 0 ? child : node_after(inner, handle, top);
}

void node_stat_persisted(const struct tree_private *inner,
                         const struct znode *node,
                         struct zk_stat_persisted *stat)
{
    *stat = (struct zk_stat_persisted){
        .czxid = node->czxid,
        .mzxid = node->mzxid,
        .ctime = node->ctime,
        .mtime = node->mtime,
        .version = node->version,
        .cversion = node_cversion(inner, node),
        .aversion = node->aversion,
        .ephemeral_owner = node_owner(inner, node),
        .pzxid = node_pzxid(inner, node),
    };
}
