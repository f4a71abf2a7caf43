/* tree.h - the replicated state: znodes, their ACLs, ephemerals, sessions, and the last zxid
 * applied.
 *
 * Model: a node knows its parent and its name; a hash table finds it by path. Leaves are one
 * allocation (stat, name and data inline) of about 80 bytes beside name and data; what only parents
 * need (children, stored cversion, pzxid) is a second block made with the first child. tree_apply
 * is the only mutator, a total function: a txn that passed its checksum is applied or skipped the
 * way ZooKeeper's replay does, it never aborts (CVE-2026-100300).
 * Applying is idempotent in ZooKeeper's tolerant way, since Apache's snapshots are fuzzy: a create
 * that exists sets the parent's cversion and pzxid, a missing node on delete is ignored,
 * closeSession uses its path list.
 *
 * Names: zxid, czxid, mzxid, pzxid, version, cversion (stored: counts creates), aversion,
 * ephemeral_owner as upstream; the wire's cversion is 2 * stored - num_children, its ephemeralOwner
 * is 0 for containers and TTL nodes.
 * Owner: shard 0. Sources: DataTree, DataNode, DigestCalculator, EphemeralType; reference 2.5,
 * 2.10, 3.3, 3.4.
 */
#ifndef ZOOKEEPER_CORE_TREE_H
#define ZOOKEEPER_CORE_TREE_H

#include "zookeeper/core/acl.h"
#include "zookeeper/core/txn.h"

#define TREE_DIGEST_VERSION 2
#define TREE_CONTAINER_OWNER INT64_MIN /* EphemeralType.CONTAINER_EPHEMERAL_OWNER */
#define TREE_TTL_MAX INT64_C(0xffffffffff)

struct znode;         /* private: tree_node.h; a pointer to one lives until the next tree_apply */
struct tree_snapshot; /* tree_snapshot.h */

struct tree_config {
    struct hash_key hash_key;
    bool digest_enabled;
    bool extended_types_enabled;
    bool emulate_353_ttl_nodes;
};

/* What an applied txn did that watchers may care about, in order. `path` borrows from the txn or
 * from the tree's own scratch and lives, like `acl`, until the next tree_apply. */
struct tree_change {
    enum zk_event_type type; /* NodeCreated, NodeDeleted, NodeDataChanged, NodeChildrenChanged */
    struct slice path;
    /* of the node (deleted: the one it had; ChildrenChanged: the parent's), for W5 */
    const struct zk_acl *acl;
    int32_t acl_count;
};

struct tree_result {
    /* of the txn: error txns carry theirs; a failed multi its first failing part's */
    int32_t error;
    int32_t type;        /* the txn's type */
    struct slice path;   /* create: the path made */
    struct zk_stat stat; /* create2, setData, setACL: after the change */
    int32_t part_count;  /* multi */
    struct tree_result *parts;
};

struct tree {
    struct tree_config config;
    int64_t last_processed_zxid;
    uint64_t digest; /* AdHash of all node digests when digest_enabled, version 2 */
    struct acl_table acls;
    struct u64_map sessions; /* global sessions: id -> timeout in ms */
    uint64_t node_count;     /* as upstream's nodeCount: "" and "/" both counted */
    uint64_t ephemerals_count;
    int64_t approximate_data_size; /* sum of path bytes + data bytes */
    struct tree_change *changes;   /* of the last tree_apply with a result */
    int32_t change_count;
    struct tree_private *private;
};

void tree_init(struct tree *tree, const struct tree_config *config);
void tree_release(struct tree *tree);

/* Applies one txn. *result and tree->changes live until the next call. The header's zxid becomes
 * last_processed_zxid. `result` may be NULL while replaying; changes are then not collected. */
void tree_apply(struct tree *tree, const struct txn *txn, struct tree_result *result);

/* Makes /zookeeper/config when it is not there (snapshots of 3.4 have none), as
 * initConfigInZKDatabase does. */
void tree_add_config_node(struct tree *tree);

/* Makes `text` what /zookeeper/config says, outside any txn (initConfigInZKDatabase): mzxid is the
 * configuration's version, its time is 0. Nothing happens when it says so already. */
void tree_set_config(struct tree *tree, struct slice text, int64_t version);

/* What /zookeeper/config says; null slice when it says nothing. Borrows until it changes. */
struct slice tree_config_text(const struct tree *tree);

/* Asserts the invariants between nodes, counts, ephemerals, ACL references and digest: O(n). */
void tree_check(const struct tree *tree);

/* Hash of the whole replicated state (nodes with data, stats and ACL content, sessions),
 * independent of order and of tables' history: equal trees give equal digests whatever their
 * config. O(n). */
uint64_t tree_digest(const struct tree *tree);

/* ---- reading --------------------------------------------------------------------------------- */

/* NULL when absent. "" is "/". */
struct znode *tree_find(const struct tree *tree, struct slice path);
void znode_stat(const struct tree *tree, const struct znode *node, struct zk_stat *stat);
void znode_stat_persisted(const struct tree *tree,
                          const struct znode *node,
                          struct zk_stat_persisted *stat);

/* Null slice when the node was made with null data. Lives until the node changes. */
struct slice znode_data(const struct tree *tree, const struct znode *node);
struct slice znode_name(const struct tree *tree, const struct znode *node);
/* NULL for the root */
struct znode *znode_parent(const struct tree *tree, const struct znode *node);
int32_t znode_child_count(const struct tree *tree, const struct znode *node);

/* Children in the order of their creation; after a load, in the order of the snapshot (which keeps
 * it). */
struct znode *znode_first_child(const struct tree *tree, const struct znode *node);
struct znode *znode_next_sibling(const struct tree *tree, const struct znode *node);
int64_t znode_acl_id(const struct tree *tree, const struct znode *node);
const struct zk_acl *znode_acl(const struct tree *tree, const struct znode *node, int32_t *count);

/* Appends the absolute path. */
void znode_path(const struct tree *tree, const struct znode *node, struct buffer *out);

/* Stored fields that requests are validated against. */
int32_t znode_stored_cversion(const struct tree *tree, const struct znode *node);
/* raw: session id, container mark, TTL */
int64_t znode_ephemeral_owner(const struct tree *tree, const struct znode *node);
int64_t znode_pzxid(const struct tree *tree, const struct znode *node);

/* What the node adds to tree->digest: 0 when digests are off or the path is excluded. */
uint64_t znode_digest(const struct tree *tree, const struct znode *node);

/* Digest of one node (version 2), as DigestCalculator. 0 when the path is excluded. */
uint64_t tree_node_digest(struct slice path,
                          struct slice data,
                          const struct zk_stat_persisted *stat);

/* The same in two halves, for who predicts digests of stats that change while path and data stay:
 * tree_node_digest(path, data, stat) == tree_digest_end(tree_digest_begin(path, data), stat). */
uint64_t tree_digest_begin(struct slice path, struct slice data);
uint64_t tree_digest_end(uint64_t begun, const struct zk_stat_persisted *stat);

/* Calls `each` for the digests that the tree had behind every TREE_DIGEST_INTERVALth zxid, for the
 * newest TREE_DIGESTS_KEPT of them, oldest first. They begin anew when a snapshot is loaded; none
 * when digests are off. (DataTree.getDigestLog) */
#define TREE_DIGEST_INTERVAL 128
#define TREE_DIGESTS_KEPT 1024
void tree_each_digest(const struct tree *tree,
                      void (*each)(void *ctx, int64_t zxid, uint64_t digest),
                      void *ctx);

/* The tree was read while it changed: up to this zxid, which is still to be applied, its digests
 * are nobody's. (DataTree.deserializeZxidDigest) */
void tree_set_fuzzy_until(struct tree *tree, int64_t zxid);

/* Kind of a raw ephemeral_owner under this configuration (EphemeralType.get). */
enum ephemeral_kind {
    EPHEMERAL_VOID,
    EPHEMERAL_NORMAL,
    EPHEMERAL_CONTAINER,
    EPHEMERAL_TTL
};
enum ephemeral_kind tree_ephemeral_kind(const struct tree_config *config, int64_t ephemeral_owner);
int64_t tree_ttl_to_owner(const struct tree_config *config, int64_t ttl_ms);
int64_t tree_owner_to_ttl(const struct tree_config *config, int64_t ephemeral_owner);

/* Calls `each` for every ephemeral path of the session, in byte order; the path borrows for the
 * call. */
void tree_each_ephemeral(const struct tree *tree,
                         int64_t session_id,
                         void (*each)(void *ctx, struct slice path),
                         void *ctx);

/* Calls `each` for every session that owns ephemerals (order of session id). */
void tree_each_ephemeral_owner(const struct tree *tree,
                               void (*each)(void *ctx, int64_t session_id, uint64_t count),
                               void *ctx);

/* Calls `each` for every container and TTL node; the path borrows for the call. */
void tree_each_container(const struct tree *tree,
                         void (*each)(void *ctx, struct slice path, const struct znode *node),
                         void *ctx);

/* Descendants of the node (getAllChildrenNumber). */
int64_t tree_descendant_count(const struct tree *tree, const struct znode *node);

/* The nearest ancestor-or-self path with a quota, null slice when none (borrows from the tree until
 * the next tree_apply). */
struct slice tree_quota_path(const struct tree *tree, struct slice path);

/* Path rules of common/PathUtils.validatePath. */
bool path_is_valid(struct slice path);

#endif
