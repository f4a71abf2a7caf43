/* tree_node.h - inside the tree: how a znode lies in memory, and what its parts share. Private to
 * tree*.c.
 *
 * A leaf is one block: 72 bytes of links and stat, its name, its data. What only some nodes need
 * (children, an owner, data that does not fit) is a second block, struct znode_extra, made when
 * first needed and kept until the node goes. Blocks are named by handles (tree_slab.h); 0 is none.
 *   name: inline up to NODE_NAME_INLINE bytes, else the struct node_bytes stands in its place
 *   (NODE_NAME_OUT). data: inline behind the name when the block is small enough, else in the extra
 *   (NODE_DATA_OUT).
 * A node keeps its handle while it has children; a leaf whose data outgrows its block may move to a
 * larger one. Children are linked in the order of their creation (or loading): that order is what
 * readers see.
 */
#ifndef ZOOKEEPER_CORE_TREE_NODE_H
#define ZOOKEEPER_CORE_TREE_NODE_H

#include "base/arena.h"
#include "zookeeper/core/tree.h"
#include "zookeeper/core/tree_index.h"
#include "zookeeper/core/tree_slab.h"

#define NODE_NAME_INLINE 1024u
#define NODE_BLOCK_MAX SLAB_BLOCK_MAX

#define NODE_FLAG_BITS 4
#define NODE_DATA_NULL 1u /* created with null data */
#define NODE_DATA_OUT 2u
#define NODE_NAME_OUT 4u
#define NODE_EPOCHS (1u << (16 - NODE_FLAG_BITS))

struct node_bytes {
    uint8_t *ptr;
    uint32_t len;
    uint32_t cap;
};

struct znode {
    int64_t czxid;
    int64_t mzxid;
    int64_t ctime;
    int64_t mtime;
    int32_t version;
    int32_t aversion;
    /* of this node, as counted in tree->digest; 0 when digests are off or the path is excluded */
    uint32_t digest;
    uint32_t acl;  /* index of the list in the ACL table, 0: open */
    uint32_t next; /* sibling */
    uint32_t prev;
    uint32_t extra;
    uint32_t parent; /* 0: the root */
    uint16_t flags;  /* NODE_*; above them the epoch of the last snapshot that has it */
    uint16_t block_bytes;
    uint16_t data_len; /* inline */
    uint16_t name_len; /* inline */
    uint8_t bytes[];   /* name, data */
};

struct znode_extra {
    uint32_t first_child;
    uint32_t last_child;
    uint32_t child_count;
    int32_t cversion;
    int64_t pzxid;
    int64_t owner;       /* ephemeralOwner as stored */
    uint32_t owner_next; /* nodes of the same session, or containers and TTL nodes */
    uint32_t owner_prev;
    struct node_bytes data; /* NODE_DATA_OUT */
};

_Static_assert(offsetof(struct znode, bytes) == 72, "the budget of a leaf");
_Static_assert(sizeof(struct znode_extra) == 56, "the budget of an extra");

/* The nodes of a session, in u64_map `owners`, and those with a lifetime of their own (containers,
 * TTL). */
struct node_list {
    uint32_t head;
    uint32_t count;
};

struct tree_private {
    struct slab slab;
    struct tree_index index;
    uint32_t root;
    uint32_t heap_count;   /* names and data outside of blocks */
    struct u64_map owners; /* session -> struct node_list by value */
    struct node_list containers;
    struct bytes_map quotas;  /* the trie of tree_quota.c */
    struct buffer quota_path; /* what tree_quota_path lends */
    struct arena scratch;     /* cleared by each tree_apply */
    struct buffer path;       /* for a path that is built, short-lived */
    uint32_t change_cap;
    bool is_collecting; /* changes and stats are wanted */
    struct tree_snapshot *snapshot;
    uint32_t epoch; /* of the last snapshot begun; new nodes get it */
    uint32_t epochs_since_complete;
    uint8_t *ahead; /* what tree_load read too much */
    size_t ahead_len;
    struct tree_past_digest *past_digests; /* a ring, made with its first entry */
    uint64_t past_digest_count;            /* all that ever came */
    int64_t fuzzy_until;                   /* zxid; see tree_set_fuzzy_until */
};

/* ---- blocks ---------------------------------------------------------------------------------- */

static inline struct znode *node_at(const struct tree_private *inner, uint32_t handle)
{
    return slab_at(&inner->slab, handle);
}

static inline struct znode_extra *node_extra(const struct tree_private *inner,
                                             const struct znode *node)
{
    return node->extra == 0 ? NULL : slab_at(&inner->slab, node->extra);
}

/* Makes it when it is not there. */
struct znode_extra *node_need_extra(struct tree_private *inner, struct znode *node);

static inline bool node_has(const struct znode *node, unsigned flag)
{
    return (node->flags & flag) != 0;
}

/* Bytes of the block that the name takes. */
static inline size_t node_name_room(const struct znode *node)
{
    return node_has(node, NODE_NAME_OUT) ? sizeof(struct node_bytes) : node->name_len;
}

struct slice node_data(const struct tree_private *inner, const struct znode *node);

static inline struct slice node_name(const struct znode *node)
{
    if (UNLIKELY(node_has(node, NODE_NAME_OUT))) {
        struct node_bytes name;
        memcpy(&name, node->bytes, sizeof name);
        return slice_of(name.ptr, name.len);
    }
    return slice_of(node->bytes, node->name_len);
}

static inline int32_t node_cversion(const struct tree_private *inner, const struct znode *node)
{
    return node->extra == 0 ? 0 : node_extra(inner, node)->cversion;
}

static inline int64_t node_pzxid(const struct tree_private *inner, const struct znode *node)
{
    return node->extra == 0 ? node->czxid : node_extra(inner, node)->pzxid;
}

static inline int64_t node_owner(const struct tree_private *inner, const struct znode *node)
{
    return node->extra == 0 ? 0 : node_extra(inner, node)->owner;
}

static inline uint32_t node_first_child(const struct tree_private *inner, const struct znode *node)
{
    return node->extra == 0 ? 0 : node_extra(inner, node)->first_child;
}

/* A block with name and data, zero stat, linked to nothing. */
uint32_t node_new(struct tree_private *inner, struct slice name, struct slice data);
void node_free(struct tree_private *inner, uint32_t handle);

/* Only what a node holds outside of its blocks. */
void node_free_heap(struct tree_private *inner, struct znode *node);

/* Links as the last child; the parent gets its extra. */
void node_link(struct tree_private *inner, uint32_t handle, uint32_t parent);
void node_unlink(struct tree_private *inner, uint32_t handle);

/* Replaces the data; `tag` is that of its path. Returns the handle, which may be another one. */
uint32_t node_set_data(struct tree *tree, uint32_t handle, uint32_t tag, struct slice data);

/* The node behind `handle` when all of the tree below `top` is walked parents first; 0 at the
 * end. */
uint32_t node_next_in(const struct tree_private *inner, uint32_t handle, uint32_t top);

/* The same without the children of `handle`. */
uint32_t node_after(const struct tree_private *inner, uint32_t handle, uint32_t top);

void node_stat_persisted(const struct tree_private *inner,
                         const struct znode *node,
                         struct zk_stat_persisted *stat);

/* ---- lookup ---------------------------------------------------------------------------------- */

static inline uint32_t tree_tag(const struct tree *tree, struct slice path)
{
    return (uint32_t)(hash_bytes(tree->config.hash_key, path) >> 32);
}

/* The node of exactly this path, "" is the root and "/" is nothing; 0 when absent. */
uint32_t tree_find_exact(const struct tree *tree, struct slice path, uint32_t tag);

/* Splits before the last slash; false unless it is "/" or a path, a slash and a name. */
bool path_split(struct slice path, struct slice *parent, struct slice *name);

/* ---- owners: sessions' ephemerals, and containers and TTL nodes ------------------------------ */

/* The node's owner is set already; counts it and links it in. */
void owner_link(struct tree *tree, uint32_t handle);
void owner_unlink(struct tree *tree, uint32_t handle);

/* The node moved to another handle: its neighbours and its list's head follow. */
void owner_moved(struct tree *tree, uint32_t from, uint32_t to);

struct node_list owner_list(const struct tree_private *inner, int64_t session_id);

/* The paths of a session's nodes in byte order, in the arena. */
struct slice **owner_paths(const struct tree *tree,
                           int64_t session_id,
                           struct arena *arena,
                           uint32_t *count);

/* ---- quotas ---------------------------------------------------------------------------------- */

/* A node was made at path (child `name` of `parent`), one was deleted, one's data changed by
 * `bytes`. */
void quota_created(struct tree *tree,
                   struct slice path,
                   struct slice parent,
                   struct slice name,
                   int64_t bytes);
void quota_deleted(struct tree *tree,
                   struct slice path,
                   struct slice parent,
                   struct slice name,
                   int64_t bytes);
void quota_changed(struct tree *tree, struct slice path, int64_t bytes);

/* After loading: finds all quotas and counts what they hold. */
void quota_load(struct tree *tree);
void quota_release(struct tree *tree);

/* ---- what every change to a node goes through ------------------------------------------------ */

/* Before the first change of a node in a step: a running snapshot takes its old form. */
void snapshot_keep(struct tree_snapshot *snapshot, uint32_t handle);

/* The node goes or moves to another handle (0: goes). */
void snapshot_moved(struct tree_snapshot *snapshot, uint32_t from, uint32_t to);

static inline unsigned node_epoch(const struct znode *node)
{
    return node->flags >> NODE_FLAG_BITS;
}

static inline void node_set_epoch(struct znode *node, uint32_t epoch)
{
    unsigned flags = node->flags & ((1u << NODE_FLAG_BITS) - 1);
    node->flags = (uint16_t)(flags | epoch << NODE_FLAG_BITS);
}

static inline void node_will_change(struct tree_private *inner, uint32_t handle)
{
    if (UNLIKELY(inner->snapshot != NULL)) {
        snapshot_keep(inner->snapshot, handle);
    }
}

/* What tree_each_digest tells. */
struct tree_past_digest {
    int64_t zxid;
    uint64_t digest;
};

/* A whole txn of that zxid has been applied. */
void tree_keep_digest(struct tree *tree, int64_t zxid);
void tree_release_digests(struct tree_private *inner);

/* After a change of path, data or stat: the node's part of tree->digest. */
void tree_digest_node(struct tree *tree, struct znode *node, struct slice path);

/* Takes the node's part out of tree->digest. */
static inline void tree_undigest_node(struct tree *tree, struct znode *node)
{
    tree->digest -= node->digest;
    node->digest = 0;
}

/* Makes the nodes of a fresh tree. */
void tree_plant(struct tree *tree);

/* Frees all nodes, owners, quotas, sessions and lists; the tree is then without a root. */
void tree_clear(struct tree *tree);

/* Sets sizes and sets of a node that was just linked (creation and loading). */
void tree_enlist(struct tree *tree, uint32_t handle, struct slice path);

#endif
