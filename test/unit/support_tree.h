/* support_tree.h - a naive znode tree to compare the real one with, and random transactions for
 * both.
 *
 * The model is a list of full paths; every operation searches it from the front. Its rules are
 * written down once more from upstream's DataTree, without looking at src/: that is what makes the
 * comparison worth something.
 */
#ifndef TEST_UNIT_SUPPORT_TREE_H
#define TEST_UNIT_SUPPORT_TREE_H

#include "base/random.h"
#include "zookeeper/core/tree.h"

struct model_node {
    uint8_t *path; /* "" is the root */
    size_t path_len;
    uint8_t *data;
    size_t data_len;
    bool is_null;
    const struct zk_acl *acl; /* of the pool, which outlives all */
    int32_t acl_count;        /* -1: open */
    struct zk_stat_persisted stat;
};

struct model_event {
    enum zk_event_type type;
    struct slice path; /* in the arena */
};

struct model {
    struct tree_config config;
    struct model_node *nodes;
    size_t count;
    struct u64_map sessions;
    int64_t last_zxid;
    struct arena events_arena; /* of the last model_apply */
    struct model_event *events;
    size_t event_count;
};

void model_init(struct model *model, const struct tree_config *config);
void model_release(struct model *model);
void model_copy(const struct model *from, struct model *to);

/* Applies and returns the error that the result must carry. */
int32_t model_apply(struct model *model, const struct txn *txn);

/* Compares everything that can be asked of a tree. Quota counts are left out when the tree has been
 * loaded (it counted anew then, the model did not). */
void model_compare(const struct model *model, const struct tree *tree, bool is_loaded);

/* The events of the last tree_apply with those of the last model_apply. */
void model_compare_events(const struct model *model, const struct tree *tree);

const struct model_node *model_find(const struct model *model, struct slice path);

/* Random transactions, mostly such that succeed. What a txn points at is in the arena or the
 * pool. */
struct txn_source {
    struct random random;
    int64_t zxid;
    bool has_replays; /* also what only a replay on a fuzzy snapshot sees */
};

void random_txn(struct txn_source *source,
                const struct model *model,
                struct arena *arena,
                struct txn *txn);

/* The list of the pool that a random txn's list is a copy of. */
const struct zk_acl *pool_acl(const struct zk_acl *entries, int32_t count);

/* Some configuration: with and without digests, TTL nodes, their old form. */
struct tree_config random_tree_config(struct random *random);

/* A txn to bytes and back, as it goes through a log; borrows from `bytes` and `arena`. */
void txn_through_bytes(const struct txn *txn,
                       struct buffer *bytes,
                       struct arena *arena,
                       struct txn *again);

#endif
