/* prep_session.c - createSession and closeSession: from request to txn.
 *
 * closeSession names every ephemeral node that it ends, those of creates still outstanding included
 * and those of deletes still outstanding not, so that replaying it on a fuzzy snapshot does the
 * same (CloseSessionTxn, since 3.6).
 */
#include "zookeeper/core/prep_private.h"

#include "base/memory.h"

struct close_step {
    struct prep_step *step;
    int32_t count;
};

int32_t prep_create_session(struct prep_step *step)
{
    if (step->request->session_timeout_ms < 0) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    jute_write_i32(step->out, step->request->session_timeout_ms);
    return ZK_ERR_OK;
}

static void close_path(struct close_step *close, struct slice path)
{
    struct prep_step *step = close->step;
    struct slice parent_path;
    struct node_view node;
    struct node_view parent;
    int32_t error = prep_parent(path, &parent_path);
    ASSERT(error == ZK_ERR_OK);
    bool has_node = prep_view(step, path, &node);
    bool has_parent = prep_view(step, parent_path, &parent);
    ASSERT(has_node && has_parent);
    struct node_view changed = parent;
    changed.child_count -= 1;
    changed.stat.pzxid = step->zxid;
    prep_change_node(step, parent_path, &parent, &changed);
    prep_change_deleted(step, path, &node);
    if (step->prep->config->close_session_txn_enabled) {
        jute_write_bytes(step->out, path);
    }
    close->count += 1;
}

/* An ephemeral that the tree has: it ends unless an outstanding change deleted it, or gave its path
 * to somebody else. */
static void close_applied(void *ctx, struct slice path)
{
    struct close_step *close = ctx;
    struct node_view node;
    if (prep_view(close->step, path, &node) &&
        node.stat.ephemeral_owner == close->step->request->session_id) {
        close_path(close, path);
    }
}

/* Ephemerals of creates that are outstanding. Those whose path is also in the tree have been dealt
 * with by close_applied. */
static void close_outstanding(struct close_step *close)
{
    struct prep_step *step = close->step;
    struct prep_private *private = step->prep->private;
    LIST_FOR_EACH(link, &private->ephemerals)
    {
        const struct node_change *change = CONTAINER_OF(link, struct node_change, ephemeral_link);
        const struct node_change *newest = change->path->newest;
        if (newest->exists && newest->view.stat.ephemeral_owner == step->request->session_id &&
            newest->view.stat.czxid == change->zxid) {
            close_path(close, change->path->path);
        }
    }
}

int32_t prep_close_session(struct prep_step *step)
{
    struct close_step close = {.step = step};
    bool has_paths = step->prep->config->close_session_txn_enabled;
    size_t count_at = step->out->len;
    if (has_paths) {
        jute_write_i32(step->out, 0);
    }
    tree_each_ephemeral(step->prep->tree, step->request->session_id, close_applied, &close);
    close_outstanding(&close);
    if (has_paths && step->out->len - count_at > step->prep->config->max_string_bytes / 2) {
        /* More than a learner takes in one packet (ZOOKEEPER-4306). Without paths it means those
         * that the tree has when it is applied, which are the same. */
        step->out->len = count_at;
    } else if (has_paths) {
        store_be32(step->out->data + count_at, (uint32_t)close.count);
    }
    return ZK_ERR_OK;
}
