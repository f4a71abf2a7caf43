/* prep_private.h - what the files of prep share: the step in hand, the future state of nodes,
 * change records.
 *
 * A `node_view` is one node as it will be when everything outstanding is applied. It comes from the
 * newest change record of its path, else from the tree. A `node_change` is such a view that a txn
 * will bring about, kept until the tree has applied that txn. What a view does not hold itself (an
 * ACL that the tree already has) is named by the tree's acl_id; that stays right because a txn that
 * would change it has a record of its own, newer than every view that still refers to the old one.
 */
#ifndef ZOOKEEPER_CORE_PREP_PRIVATE_H
#define ZOOKEEPER_CORE_PREP_PRIVATE_H

#include "base/list.h"
#include "wire/jute.h"
#include "zookeeper/core/prep.h"

/* What a handler returns beside the codes of enum zk_error: the body cannot be decoded, no zxid is
 * used up. */
#define PREP_MALFORMED 1

#define PREP_MULTI_OPS_MAX \
    100000 /* of one multi that reaches the proposer; the service's own limit is lower */

/* An ACL that the tree does not have yet. Shared by the records of one node; counted. */
struct pending_acl {
    uint32_t references;
    int32_t count;
    size_t size; /* of the allocation */
    struct zk_acl entries[];
};

struct node_view {
    struct zk_stat_persisted stat;
    int32_t child_count;
    size_t data_len;
    uint64_t digest_begun; /* tree_digest_begin(path, data), when digests are on and node is NULL */
    uint64_t digest;       /* of the node, when digests are on */
    int64_t acl_id;        /* the tree's, when acl is NULL */
    struct pending_acl *acl;
    /* a view of the tree as it is: this one; it lives as long as the step */
    const struct znode *node;
};

/* A path with outstanding changes. */
struct pending_path {
    struct slice path; /* right behind this struct; the root is "" */
    struct node_change *newest;
    size_t count;
};

/* What the outstanding changes below one quota will add to its stats. */
struct pending_quota {
    struct slice path; /* right behind this struct */
    int64_t count;
    int64_t bytes;
    size_t references;
};

struct node_change {
    struct list link;           /* prep_private.changes, in zxid order */
    struct list ephemeral_link; /* prep_private.ephemerals when it makes one, else alone */
    int64_t zxid;
    struct pending_path *path;
    /* of the same path; good only within the step that made this one */
    struct node_change *older;
    struct pending_quota *quota; /* NULL when none is touched */
    int64_t quota_count;
    int64_t quota_bytes;
    bool exists; /* false: deleted, the view means nothing */
    struct node_view view;
};

struct prep_private {
    struct bytes_map paths;  /* path -> struct pending_path * */
    struct bytes_map quotas; /* quota path -> struct pending_quota * */
    struct list changes;
    struct list ephemerals;
    struct list spare; /* struct node_change without a use */
    size_t change_count;
    size_t spare_count;
    uint64_t digest;    /* of the tree with everything outstanding */
    struct arena arena; /* of one request */
    struct buffer name; /* the path of a sequential create, until the next one */
};

/* One request on its way to a txn. */
struct prep_step {
    struct prep *prep;
    const struct prep_request *request;
    int64_t zxid;
    int64_t wall_ms;
    struct buffer *out;          /* handlers append the txn's record here */
    struct slice quota_exceeded; /* a soft quota that this request passes */
};

/* ---- prep_change.c ------------------------------------------------------------------- */

/* The root is "" here, as upstream's change records have it for the parent of "/a". */
struct slice prep_path(struct slice path);

/* False when there is no such node. */
bool prep_view(struct prep_step *step, struct slice path, struct node_view *view);

/* Does the caller hold one of `perms` on the node, as it will be? */
bool prep_allowed(struct prep_step *step, const struct node_view *view, int32_t perms);

/* Records what the txn in hand makes of a node: `view` as it will be; its digest is computed here,
 * from digest_begun unless the data is what the tree has. `was` is how it is now (NULL: it is new).
 * A new ACL's reference passes to the record. */
struct node_change *prep_change_node(struct prep_step *step,
                                     struct slice path,
                                     const struct node_view *was,
                                     const struct node_view *view);
void prep_change_deleted(struct prep_step *step, struct slice path, const struct node_view *was);

/* digest_begun of a node whose data changes; 0 when digests are off. */
uint64_t prep_digest_begin(struct prep_step *step, struct slice path, struct slice data);

struct pending_acl *pending_acl_make(const struct zk_acl *entries, int32_t count);

/* Takes the record of a change for itself. */
void prep_change_release(struct prep_private *private, struct node_change *change);
void prep_rollback(struct prep_step *step, uint64_t digest);
void prep_changes_check(const struct prep *prep);

/* ---- prep_quota.c -------------------------------------------------------------------- */

/* ZK_ERR_QUOTAEXCEEDED, or 0. */
int32_t prep_quota_check(struct prep_step *step, struct slice path, int64_t count, int64_t bytes);
void prep_quota_note(struct prep_step *step,
                     struct node_change *change,
                     struct slice path,
                     int64_t count,
                     int64_t bytes);
void prep_quota_drop(struct prep_private *private, struct node_change *change);

/* ---- one op each: 0 and the record is appended, a zk_error, or PREP_MALFORMED -------- */

/* What a create of any type asks for. */
struct create_request {
    struct slice path;
    struct slice data;
    const struct zk_acl *acl;
    int32_t acl_count; /* -1: null */
    int32_t flags;
    int64_t ttl; /* -1 unless createTTL */
};

/* False when the body cannot be decoded. `acl` is in prep's arena. */
bool prep_read_create(struct prep *prep,
                      int32_t type,
                      struct jute_reader *body,
                      struct create_request *create);
bool prep_read_acl(struct prep *prep,
                   struct jute_reader *body,
                   const struct zk_acl **acl,
                   int32_t *count);
void prep_write_acl(struct buffer *out, const struct zk_acl *acl, int32_t count);
int32_t prep_create(struct prep_step *step, int32_t type, const struct create_request *request);

int32_t prep_delete(struct prep_step *step, struct slice path, int32_t version);
int32_t prep_delete_container(struct prep_step *step, struct slice path);
int32_t prep_set_data(struct prep_step *step,
                      struct slice path,
                      struct slice data,
                      int32_t version);
int32_t prep_set_acl(struct prep_step *step, struct jute_reader *body);
int32_t prep_check_version(struct prep_step *step, struct slice path, int32_t version);
int32_t prep_multi(struct prep_step *step);
int32_t prep_reconfigure(struct prep_step *step, const struct prep_reconfig *asked);
int32_t prep_create_session(struct prep_step *step);
int32_t prep_close_session(struct prep_step *step);

/* Where the parent's path ends ("/a" -> 0: the root); ZK_ERR_BADARGUMENTS when the path has no
 * slash or a NUL, and ZK_ERR_MARSHALLINGERROR when it is null (upstream's NullPointerException). */
int32_t prep_parent(struct slice path, struct slice *parent);

#endif
