/* tree_snapshot.c - an exact snapshot of a tree that does not hold still.
 *
 * Model: a cursor walks the tree parents first. Every node carries the number (epoch) of the last
 * snapshot that has it; the running one has a new number, so a node whose epoch is older still has
 * to be written. Two ways lead into the body:
 *   - the cursor comes to a node that is not written yet, and writes it;
 *   - somebody is about to change, move or delete such a node (snapshot_keep), and it is written
 *     first, as it is,
 *     with those of its ancestors that are not written, outermost first: a reader wants parents
 *     before children.
 * New nodes are born with the current epoch: they were not there at the beginning, so they are
 * never written. The cursor passes over whatever is written. A node that goes takes the cursor with
 * it to the next one. Nodes never move within the tree, so when the cursor is through, each node of
 * the beginning has been written exactly once, in its form of the beginning.
 *
 * ACL ids are written for nodes before the change that would drop the last reference, and the map
 * in front of the nodes was written at the beginning, so each id of the body is in the map.
 *
 * What goes wrong: a snapshot that is given up leaves nodes of many epochs. Epochs have 12 bits;
 * before one could be taken for a number that comes round again, all nodes are marked by one walk.
 * That needs 4094 given-up snapshots in a row, since one that is complete marks every node.
 */
#include "zookeeper/core/tree_snapshot.h"

#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/core/tree_node.h"

#define NODE_FIXED_BYTES 76 /* path length, data length, ACL id, stat */
#define VISIT_BYTES 64      /* what passing over a node counts as, so that a step ends */

struct tree_snapshot {
    struct tree *tree;
    struct buffer *out;
    uint32_t cursor; /* next node to look at; 0: through */
    bool is_complete;
    int64_t zxid;
    uint64_t digest;
    struct buffer path;    /* scratch: of the node being written */
    struct buffer missing; /* scratch: handles on the way up to a written node */
};

static void mark_all(struct tree_private *inner, uint32_t epoch)
{
    for (uint32_t at = inner->root; at != 0; at = node_next_in(inner, at, inner->root)) {
        node_set_epoch(node_at(inner, at), epoch);
    }
}

static void next_epoch(struct tree_private *inner)
{
    if (inner->epochs_since_complete >= NODE_EPOCHS - 2) {
        mark_all(inner, inner->epoch);
        inner->epochs_since_complete = 0;
    }
    inner->epoch = (inner->epoch + 1) % NODE_EPOCHS;
    inner->epochs_since_complete += 1;
}

static void write_sessions(const struct tree *tree, struct buffer *out)
{
    jute_write_i32(out, (int32_t)tree->sessions.count);
    size_t position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    while (u64_map_next(&tree->sessions, &position, &id, &timeout_ms)) {
        jute_write_i64(out, (int64_t)id);
        jute_write_i32(out, (int32_t)timeout_ms);
    }
}

struct tree_snapshot *tree_snapshot_begin(struct tree *tree, struct buffer *out)
{
    struct tree_private *inner = tree->private;
    ASSERT(inner->snapshot == NULL);
    struct tree_snapshot *snapshot = mem_alloc(sizeof *snapshot);
    *snapshot = (struct tree_snapshot){
        .tree = tree,
        .out = out,
        .cursor = inner->root,
        .zxid = tree->last_processed_zxid,
        .digest = tree->digest,
    };
    buffer_init(&snapshot->path, SIZE_MAX);
    buffer_init(&snapshot->missing, SIZE_MAX);
    next_epoch(inner);
    inner->snapshot = snapshot;
    write_sessions(tree, out);
    acl_table_encode(&tree->acls, out);
    return snapshot;
}

/* ---- one node -------------------------------------------------------------------------------- */

static uint8_t *put_bytes(uint8_t *to, struct slice bytes)
{
    store_be32(to, slice_is_null(bytes) ? UINT32_MAX : (uint32_t)bytes.len);
    if (bytes.len > 0) {
        memcpy(to + 4, bytes.ptr, bytes.len);
    }
    return to + 4 + bytes.len;
}

static void write_node(struct tree_snapshot *snapshot, struct znode *node)
{
    const struct tree *tree = snapshot->tree;
    const struct tree_private *inner = tree->private;
    struct zk_stat_persisted stat;
    buffer_clear(&snapshot->path, SIZE_MAX);
    if (node->parent != 0) {
        znode_path(tree, node, &snapshot->path);
    }
    /* An empty path is present, not null. */
    struct slice path = slice_of(node->parent == 0 ? (const uint8_t *)"" : snapshot->path.data,
                                 snapshot->path.len);
    struct slice data = node_data(inner, node);
    node_stat_persisted(inner, node, &stat);
    size_t size = NODE_FIXED_BYTES + path.len + data.len;
    uint8_t *to = buffer_reserve(snapshot->out, size);
    to = put_bytes(to, path);
    to = put_bytes(to, data);
    store_be64(to, (uint64_t)acl_table_id(&tree->acls, node->acl));
    store_be64(to + 8, (uint64_t)stat.czxid);
    store_be64(to + 16, (uint64_t)stat.mzxid);
    store_be64(to + 24, (uint64_t)stat.ctime);
    store_be64(to + 32, (uint64_t)stat.mtime);
    store_be32(to + 40, (uint32_t)stat.version);
    store_be32(to + 44, (uint32_t)stat.cversion);
    store_be32(to + 48, (uint32_t)stat.aversion);
    store_be64(to + 52, (uint64_t)stat.ephemeral_owner);
    store_be64(to + 60, (uint64_t)stat.pzxid);
    snapshot->out->len += size;
    node_set_epoch(node, inner->epoch);
}

static bool is_written(const struct tree_private *inner, const struct znode *node)
{
    return node_epoch(node) == inner->epoch;
}

void snapshot_keep(struct tree_snapshot *snapshot, uint32_t handle)
{
    struct tree_private *inner = snapshot->tree->private;
    struct buffer *missing = &snapshot->missing;
    /* Written nodes have written parents. */
    for (uint32_t at = handle; at != 0 && !is_written(inner, node_at(inner, at));
         at = node_at(inner, at)->parent) {
        buffer_append(missing, slice_of(&at, sizeof at));
    }
    while (missing->len > 0) {
        uint32_t outermost = 0;
        missing->len -= sizeof outermost;
        memcpy(&outermost, missing->data + missing->len, sizeof outermost);
        write_node(snapshot, node_at(inner, outermost));
    }
}

void snapshot_moved(struct tree_snapshot *snapshot, uint32_t from, uint32_t to)
{
    struct tree_private *inner = snapshot->tree->private;
    if (snapshot->cursor == from) {
        snapshot->cursor = to != 0 ? to : node_after(inner, from, inner->root);
    }
}

/* ---- the walk -------------------------------------------------------------------------------- */

bool tree_snapshot_step(struct tree_snapshot *snapshot, size_t max_bytes)
{
    struct tree_private *inner = snapshot->tree->private;
    size_t done = 0;
    while (snapshot->cursor != 0 && done < max_bytes) {
        struct znode *node = node_at(inner, snapshot->cursor);
        done += VISIT_BYTES;
        if (!is_written(inner, node)) {
            size_t before = snapshot->out->len;
            write_node(snapshot, node);
            done += snapshot->out->len - before;
        }
        snapshot->cursor = node_next_in(inner, snapshot->cursor, inner->root);
    }
    if (snapshot->cursor == 0 && !snapshot->is_complete) {
        jute_write_bytes(snapshot->out, SLICE_LIT("/"));
        snapshot->is_complete = true;
        inner->epochs_since_complete = 0;
    }
    return snapshot->is_complete;
}

int64_t tree_snapshot_zxid(const struct tree_snapshot *snapshot)
{
    return snapshot->zxid;
}

uint64_t tree_snapshot_digest(const struct tree_snapshot *snapshot)
{
    return snapshot->digest;
}

void tree_snapshot_end(struct tree_snapshot *snapshot)
{
    ASSERT(snapshot->tree->private->snapshot == snapshot);
    snapshot->tree->private->snapshot = NULL;
    buffer_release(&snapshot->path);
    buffer_release(&snapshot->missing);
    mem_free(snapshot, sizeof *snapshot);
}
