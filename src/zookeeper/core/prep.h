/* prep.h - a write request becomes a transaction: validated against the future, before it is
 * durable.
 *
 * Model: transactions are proposed in zxid order and applied later, when durable (standalone) or
 * committed (ensemble). A request is therefore checked against the tree plus the changes still
 * outstanding (upstream's outstandingChanges): one change record per touched path, newest wins,
 * dropped when the tree has applied its zxid. A multi's records are rolled back when a part fails.
 * A request that fails its checks consumes a zxid too: it becomes an error txn. When digests are
 * on, the txn carries the digest that the tree will have after it. Source: PrepRequestProcessor;
 * reference 2.4, 2.5.
 */
#ifndef ZOOKEEPER_CORE_PREP_H
#define ZOOKEEPER_CORE_PREP_H

#include "zookeeper/core/session.h"
#include "zookeeper/core/tree.h"

struct prep_config {
    struct auth_config auth;
    bool digest_enabled;
    bool extended_types_enabled;
    bool enforce_quota;
    bool reconfig_enabled;
    bool close_session_txn_enabled;      /* closeSessionTxn.enabled: paths in the txn */
    size_t max_string_bytes;             /* jute.maxbuffer + extrasize */
    int64_t container_max_never_used_ms; /* znode.container.maxNeverUsedIntervalMs; 0: for ever */
};

struct prep_request {
    int64_t session_id;
    int32_t cxid;
    int32_t type;      /* enum zk_op: the writes, createSession, closeSession, deleteContainer */
    struct slice body; /* what follows the request header */
    const struct identities *identities;
    int32_t session_timeout_ms; /* createSession; negative: its body could not be decoded, which
                                   costs a zxid */
    /* a zk_error: the request becomes an error txn without being looked at (an ensemble's leader:
     * SESSIONMOVED and the like); 0 */
    int32_t refused;
};

/* What a reconfiguration asks for: null slices for what is not said. */
struct prep_reconfig {
    struct slice joining;
    struct slice leaving;
    struct slice new_members;
    int64_t version; /* of the configuration that it starts from; -1: whatever is in force */
    int64_t zxid;    /* what the new configuration's version will be */
};

/* The ensemble as prep sees it. `reconfig` makes the text of the new configuration (which lives
 * until the next call), or returns a zk_error. NULL: there is no ensemble. */
struct prep_ensemble {
    int32_t (*reconfig)(void *ctx, const struct prep_reconfig *asked, struct slice *text);
    void *ctx;
};

struct prep {
    const struct prep_config *config;
    struct tree *tree;
    int64_t last_zxid; /* last one given out */
    struct prep_ensemble ensemble;
    struct prep_private *private;
};

/* The tree must outlive it. last_zxid starts as what the tree has applied. */
void prep_init(struct prep *prep, const struct prep_config *config, struct tree *tree);
void prep_release(struct prep *prep);

/* Begins anew from what the tree has applied (a new leader): nothing is outstanding. */
void prep_restart(struct prep *prep, const struct prep_ensemble *ensemble);

/* Appends exactly one encoded txn (header, record, digest) to `out` and returns its zxid. Returns
 * 0, appends nothing and consumes no zxid when the body cannot be decoded: the answer is then
 * ZK_ERR_MARSHALLINGERROR (a multi that cannot be decoded does consume one, as upstream).
 * *quota_exceeded (may be NULL) gets the path whose soft quota this request passes (for the log),
 * null slice otherwise; borrows until the next call. */
int64_t prep_request(struct prep *prep,
                     const struct prep_request *request,
                     int64_t wall_ms,
                     struct buffer *out,
                     struct slice *quota_exceeded);

/* The tree has applied everything up to zxid: forget the changes that led there. Must be called
 * after each tree_apply: what a change record knows of a node is read from the tree as long as no
 * change of it is outstanding. */
void prep_applied(struct prep *prep, int64_t zxid);

/* How many change records are outstanding (metric outstanding_changes). */
size_t prep_outstanding(const struct prep *prep);
void prep_check(const struct prep *prep);

#endif
