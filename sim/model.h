/* model.h - what a tree should be: a second, plain implementation of ZooKeeper's data model, fed by
 * the logged transactions in order.
 *
 * It does three things with each transaction of G: it foretells, from the request that caused it
 * and the state before it, what must have been logged (model_predict.c); it applies what was logged
 * (model.c), which gives the answer that the client must have got, and the events that watchers
 * must hear of; and it says what each read at that zxid must return (model_read.c).
 *
 * Written from the descriptions of Apache's behaviour, without the server's core: only containers
 * are shared.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "sim/history.h"
#include "sim/log_reader.h"

#define CONTAINER_OWNER INT64_MIN
#define TTL_OWNER_MASK UINT64_C(0xff00000000000000)
#define TTL_MS_MAX INT64_C(0xffffffffff)

/* An access control list as stored; equal ones are one. */
struct model_acl {
    struct slice encoded; /* count, then perms, scheme, id of each */
};

struct model_node {
    struct slice path; /* "" is the root */
    struct model_node *parent;
    struct model_node **children; /* in no order */
    size_t child_count;
    size_t child_cap;
    size_t place; /* among its parent's children */
    struct bytes data;
    bool is_null;
    const struct model_acl *acl;
    int64_t czxid;
    int64_t mzxid;
    int64_t pzxid;
    int64_t ctime;
    int64_t mtime;
    int32_t version;
    int32_t cversion; /* as stored: creates only */
    int32_t aversion;
    int64_t owner;
    uint32_t digest;
};

/* What a watcher hears, if it may read `acl`. */
struct model_change {
    int32_t event;
    struct slice path;
    const struct model_acl *acl;
};

struct model_config {
    bool extended_types;
    bool skips_acl;
    bool enforces_quota;
    bool has_dirty_quota;
    bool closes_with_paths;
    /* In an ensemble the client's request and the leader's clock may both end a session. */
    bool closes_twice;
    int64_t never_used_ms;
};

struct model {
    struct model_config config;
    struct pool pool; /* lists, paths of changes */
    struct bytes_map nodes;
    struct bytes_map acls;
    struct u64_map sessions; /* id -> timeout + 1 */
    struct model_node *root;
    int64_t zxid;
    uint64_t digest;
    uint64_t node_count;
    int64_t quota_zxid;           /* the last transaction that touched a quota node */
    struct model_change *changes; /* of the last transaction */
    size_t change_count;
    size_t change_cap;
    struct bytes answer; /* to the last transaction: the reply's body */
};

void model_init(struct model *model, const struct model_config *config);
void model_release(struct model *model);

/* "" and "/" are the root. */
struct model_node *model_find(const struct model *model, struct slice path);

/* Applies one logged transaction. False when it cannot be: a node is missing, or there already. */
bool model_apply(struct model *model, const struct txn_record *txn);

/* What a restart does beside: quota counts are counted anew. */
void model_restarted(struct model *model);

uint64_t model_fingerprint(const struct model *model);

bool model_is_ephemeral(const struct model *model, const struct model_node *node);
bool model_is_ttl(const struct model *model, const struct model_node *node);
void model_stat(const struct model *model, const struct model_node *node, struct node_stat *stat);

/* ---- access control (model_acl.c) ---- */

/* The stored list of these bytes. */
const struct model_acl *model_acl_of(struct model *model, struct slice encoded);
bool model_allows(const struct model *model,
                  const struct model_acl *acl,
                  const struct identity *identity,
                  int32_t perms);

/* The list that a choice becomes for this identity, encoded; an error when it is refused. */
int32_t model_fix_acl(int choice, const struct identity *identity, struct bytes *out);

/* The reply of getACL. */
void model_put_acl(const struct model *model,
                   const struct model_acl *acl,
                   const struct identity *identity,
                   struct bytes *out);

/* ---- quotas (model_quota.c) ---- */

void model_quota_created(struct model *model, const struct model_node *node);
void model_quota_changed(struct model *model, struct slice path, int64_t bytes, int64_t count);
void model_quota_recount(struct model *model);

/* E_QUOTA_EXCEEDED or 0 for so much more below path, on top of `pending`. */
struct quota_pending {
    struct slice quota; /* the path whose quota it counts for */
    int64_t bytes;
    int64_t count;
};

struct slice model_quota_of(const struct model *model, struct slice path);
int32_t model_quota_check(const struct model *model,
                          struct slice path,
                          int64_t bytes,
                          int64_t count,
                          const struct quota_pending *pending);

/* ---- foretelling (model_predict.c) ---- */

/* Fills what the request must have been logged as, its parts from the pool. The header's zxid, time
 * and digest are not foretold. */
void model_predict(struct model *model,
                   const struct operation *operation,
                   const struct identity *identity,
                   int64_t session_id,
                   struct txn_record *txn);

/* Empty when the two say the same; else what differs. */
const char *txn_difference(const struct txn_record *expected, const struct txn_record *logged);

/* ---- reading (model_read.c) ---- */

/* Error and body that a read must get at the model's present zxid. False: not a read whose answer
 * the tree alone decides. Lists of names are sorted. */
bool model_read(struct model *model,
                const struct operation *operation,
                const struct identity *identity,
                int64_t session_id,
                int32_t *error,
                struct bytes *body);

/* Sorts the names in a reply's body in place, where it has such a list. */
void sort_names(const struct operation *operation, struct slice body, struct bytes *sorted);

/* Name rules for the paths that clients use (ASCII). */
bool path_is_good(struct slice path);

/* The parent's path: "" for the root. False when there is no slash. */
bool path_parent(struct slice path, struct slice *parent);

#endif
