/* prep_node.c - delete, deleteContainer, setData, setACL and check: from request to txn.
 *
 * Each keeps upstream's order of checks. An ACL that is set but not yet applied already governs
 * what follows it (CVE-2026-100235: upstream's record keeps the old one).
 */
#include "zookeeper/core/prep_private.h"

/* DataTree.isSpecialPath: what nobody may delete. */
static bool is_special(struct slice path)
{
    return slice_equal_cstr(path, "/") || slice_equal_cstr(path, "/zookeeper") ||
           slice_equal_cstr(path, "/zookeeper/quota") ||
           slice_equal_cstr(path, "/zookeeper/config");
}

static int32_t deletable_parent(struct slice path, struct slice *parent)
{
    int32_t error = prep_parent(path, parent);
    return error == ZK_ERR_OK && is_special(path) ? ZK_ERR_BADARGUMENTS : error;
}

/* -1 matches any version. */
static bool version_matches(int32_t current, int32_t expected)
{
    return expected == -1 || expected == current;
}

static void record_delete(struct prep_step *step,
                          struct slice path,
                          const struct node_view *node,
                          struct slice parent_path,
                          const struct node_view *parent)
{
    struct node_view changed = *parent;
    changed.child_count -= 1;
    changed.stat.pzxid = step->zxid;
    prep_change_node(step, parent_path, parent, &changed);
    prep_change_deleted(step, path, node);
    jute_write_bytes(step->out, path);
}

int32_t prep_delete(struct prep_step *step, struct slice path, int32_t version)
{
    struct slice parent_path;
    struct node_view parent;
    struct node_view node;
    int32_t error = deletable_parent(path, &parent_path);
    if (error != ZK_ERR_OK) {
        return error;
    }
    if (!prep_view(step, parent_path, &parent)) {
        return ZK_ERR_NONODE;
    }
    if (!prep_allowed(step, &parent, ZK_PERM_DELETE)) {
        return ZK_ERR_NOAUTH;
    }
    if (!prep_view(step, path, &node)) {
        return ZK_ERR_NONODE;
    }
    if (!version_matches(node.stat.version, version)) {
        return ZK_ERR_BADVERSION;
    }
    if (node.child_count > 0) {
        return ZK_ERR_NOTEMPTY;
    }
    record_delete(step, path, &node, parent_path, &parent);
    return ZK_ERR_OK;
}

/* What the server itself deletes is judged again here: since it looked for candidates, the node may
 * have been written, or another one may stand in its place. */
static bool is_still_due(const struct prep_step *step, const struct zk_stat_persisted *stat)
{
    const struct tree_config *config = &step->prep->tree->config;
    int64_t never_used_ms = step->prep->config->container_max_never_used_ms;
    int64_t age_ms = step->wall_ms - stat->mtime;
    switch (tree_ephemeral_kind(config, stat->ephemeral_owner)) {
    case EPHEMERAL_CONTAINER:
        return stat->cversion > 0 || (never_used_ms != 0 && age_ms > never_used_ms);
    case EPHEMERAL_TTL:
        return age_ms > tree_owner_to_ttl(config, stat->ephemeral_owner);
    case EPHEMERAL_VOID:
    case EPHEMERAL_NORMAL:
        break;
    }
    return false;
}

int32_t prep_delete_container(struct prep_step *step, struct slice path)
{
    struct slice parent_path;
    struct node_view parent;
    struct node_view node;
    int32_t error = deletable_parent(path, &parent_path);
    if (error != ZK_ERR_OK) {
        return error;
    }
    if (!prep_view(step, parent_path, &parent)) {
        return ZK_ERR_NONODE;
    }
    /* From inside (session 0) it needs no permission. Upstream asks none of clients either
     * (CVE-2026-79993). */
    if (step->request->session_id != 0 && !prep_allowed(step, &parent, ZK_PERM_DELETE)) {
        return ZK_ERR_NOAUTH;
    }
    if (!prep_view(step, path, &node)) {
        return ZK_ERR_NONODE;
    }
    if (node.child_count > 0) {
        return ZK_ERR_NOTEMPTY;
    }
    if (tree_ephemeral_kind(&step->prep->tree->config, node.stat.ephemeral_owner) ==
        EPHEMERAL_NORMAL) {
        return ZK_ERR_BADVERSION;
    }
    if (step->request->session_id == 0 && !is_still_due(step, &node.stat)) {
        return ZK_ERR_BADVERSION;
    }
    record_delete(step, path, &node, parent_path, &parent);
    return ZK_ERR_OK;
}

int32_t prep_set_data(struct prep_step *step, struct slice path, struct slice data, int32_t version)
{
    struct node_view node;
    if (slice_is_null(path) || !path_is_valid(path)) {
        return ZK_ERR_BADARGUMENTS;
    }
    if (!prep_view(step, path, &node)) {
        return ZK_ERR_NONODE;
    }
    if (!prep_allowed(step, &node, ZK_PERM_WRITE)) {
        return ZK_ERR_NOAUTH;
    }
    int64_t growth = (int64_t)data.len - (int64_t)node.data_len;
    int32_t error = prep_quota_check(step, path, 0, growth);
    if (error != ZK_ERR_OK) {
        return error;
    }
    if (!version_matches(node.stat.version, version)) {
        return ZK_ERR_BADVERSION;
    }
    struct node_view changed = node;
    changed.stat.version += 1;
    changed.stat.mtime = step->wall_ms;
    changed.stat.mzxid = step->zxid;
    changed.data_len = data.len;
    changed.node = NULL;
    changed.digest_begun = prep_digest_begin(step, prep_path(path), data);
    struct node_change *change = prep_change_node(step, path, &node, &changed);
    prep_quota_note(step, change, path, 0, growth);
    jute_write_bytes(step->out, path);
    jute_write_bytes(step->out, data);
    jute_write_i32(step->out, changed.stat.version);
    return ZK_ERR_OK;
}

/* The ensemble says what its configuration will be; the node of the configuration is given that, as
 * by a setData that sets its version to -1. */
int32_t prep_reconfigure(struct prep_step *step, const struct prep_reconfig *asked)
{
    const struct prep *prep = step->prep;
    const struct slice path = SLICE_LIT("/zookeeper/config");
    struct node_view node;
    struct slice text;
    if (!prep->config->reconfig_enabled) {
        return ZK_ERR_RECONFIGDISABLED;
    }
    if (prep->ensemble.reconfig == NULL) {
        return ZK_ERR_UNIMPLEMENTED; /* as upstream's standalone server */
    }
    int32_t error = prep->ensemble.reconfig(prep->ensemble.ctx, asked, &text);
    if (error != ZK_ERR_OK) {
        return error;
    }
    if (!prep_view(step, path, &node)) {
        return ZK_ERR_NONODE;
    }
    if (!prep_allowed(step, &node, ZK_PERM_WRITE)) {
        return ZK_ERR_NOAUTH;
    }
    struct node_view changed = node;
    changed.stat.version = -1;
    changed.stat.mtime = step->wall_ms;
    changed.stat.mzxid = step->zxid;
    changed.data_len = text.len;
    changed.node = NULL;
    changed.digest_begun = prep_digest_begin(step, path, text);
    prep_change_node(step, path, &node, &changed);
    jute_write_bytes(step->out, path);
    jute_write_bytes(step->out, text);
    jute_write_i32(step->out, -1);
    return ZK_ERR_OK;
}

int32_t prep_set_acl(struct prep_step *step, struct jute_reader *body)
{
    const struct prep_config *config = step->prep->config;
    struct slice path = jute_read_bytes(body);
    const struct zk_acl *acl = NULL;
    int32_t count = 0;
    bool is_read = prep_read_acl(step->prep, body, &acl, &count);
    int32_t version = jute_read_i32(body);
    if (!is_read || body->error != 0) {
        return PREP_MALFORMED;
    }
    if (slice_is_null(path) || !path_is_valid(path)) {
        return ZK_ERR_BADARGUMENTS;
    }
    struct acl_entries fixed;
    int32_t error = acl_fixup(&config->auth, step->request->identities, acl, count,
                              &step->prep->private->arena, &fixed);
    if (error != ZK_ERR_OK) {
        return error;
    }
    struct node_view node;
    if (!prep_view(step, path, &node)) {
        return ZK_ERR_NONODE;
    }
    if (!prep_allowed(step, &node, ZK_PERM_ADMIN)) {
        return ZK_ERR_NOAUTH;
    }
    if (!version_matches(node.stat.aversion, version)) {
        return ZK_ERR_BADVERSION;
    }
    struct node_view changed = node;
    changed.stat.aversion += 1;
    changed.acl = pending_acl_make(fixed.items, fixed.count);
    prep_change_node(step, path, &node, &changed);
    jute_write_bytes(step->out, path);
    prep_write_acl(step->out, fixed.items, fixed.count);
    jute_write_i32(step->out, changed.stat.aversion);
    return ZK_ERR_OK;
}

int32_t prep_check_version(struct prep_step *step, struct slice path, int32_t version)
{
    struct node_view node;
    if (!path_is_valid(path)) {
        return ZK_ERR_BADARGUMENTS;
    }
    if (!prep_view(step, path, &node)) {
        return ZK_ERR_NONODE;
    }
    if (!prep_allowed(step, &node, ZK_PERM_READ)) {
        return ZK_ERR_NOAUTH;
    }
    if (!version_matches(node.stat.version, version)) {
        return ZK_ERR_BADVERSION;
    }
    jute_write_bytes(step->out, path);
    jute_write_i32(step->out, node.stat.version + 1);
    return ZK_ERR_OK;
}
