/* prep_create.c - create, create2, createContainer, createTTL: from request to txn.
 *
 * The order of the checks is upstream's (PrepRequestProcessor.pRequest2TxnCreate), since it decides
 * which error a request with two faults gets: flags, TTL, the path's shape, the ACL, the parent,
 * CREATE on it, the whole path, existence, an ephemeral parent, the quota.
 *
 * Where upstream would die of what a client sends (createTTL whose flags have no TTL), the request
 * is refused.
 */
#include "base/text.h"
#include "zookeeper/core/java_text.h"
#include "zookeeper/core/prep_private.h"

#define ACL_MIN_BYTES 12u /* perms and two lengths */
#define SEQUENCE_DIGITS 10u

struct create_kind {
    bool is_ephemeral;
    bool is_sequential;
    bool is_ttl;
};

/* What is no UTF-8 is stored as upstream stores it. */
static struct slice read_text(struct arena *arena, struct jute_reader *body)
{
    struct slice text = jute_read_bytes(body);
    return text_is_utf8(text) ? text : java_text(arena, text);
}

bool prep_read_acl(struct prep *prep,
                   struct jute_reader *body,
                   const struct zk_acl **acl,
                   int32_t *count)
{
    struct arena *arena = &prep->private->arena;
    *acl = NULL;
    *count = jute_read_i32(body);
    if (*count <= 0) {
        /* upstream takes any other negative count for an empty list */
        *count = *count == -1 ? -1 : 0;
        return body->error == 0;
    }
    size_t size = (size_t)*count * sizeof(struct zk_acl);
    if (*count > ACL_ENTRIES_MAX || (size_t)*count > body->rest.len / ACL_MIN_BYTES) {
        body->error = ERR_LIMIT;
        return false;
    }
    struct zk_acl *entries = arena_alloc(arena, size);
    for (int32_t i = 0; i < *count; i++) {
        entries[i].perms = jute_read_i32(body);
        entries[i].id.scheme = read_text(arena, body);
        entries[i].id.id = read_text(arena, body);
    }
    *acl = entries;
    return body->error == 0;
}

void prep_write_acl(struct buffer *out, const struct zk_acl *acl, int32_t count)
{
    jute_write_i32(out, count);
    for (int32_t i = 0; i < count; i++) {
        jute_write_i32(out, acl[i].perms);
        jute_write_bytes(out, acl[i].id.scheme);
        jute_write_bytes(out, acl[i].id.id);
    }
}

bool prep_read_create(struct prep *prep,
                      int32_t type,
                      struct jute_reader *body,
                      struct create_request *create)
{
    create->path = jute_read_bytes(body);
    create->data = jute_read_bytes(body);
    if (!prep_read_acl(prep, body, &create->acl, &create->acl_count)) {
        return false;
    }
    create->flags = jute_read_i32(body);
    create->ttl = type == ZK_OP_CREATE_TTL ? jute_read_i64(body) : -1;
    return body->error == 0;
}

/* Flags and TTL (CreateMode.fromFlag, EphemeralType.validateTTL). */
static int32_t check_kind(const struct prep_config *config,
                          int32_t type,
                          const struct create_request *create,
                          struct create_kind *kind)
{
    int32_t flags = create->flags;
    if (flags < ZK_CREATE_PERSISTENT || flags > ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL) {
        return ZK_ERR_BADARGUMENTS;
    }
    kind->is_ephemeral = flags == ZK_CREATE_EPHEMERAL || flags == ZK_CREATE_EPHEMERAL_SEQUENTIAL;
    kind->is_sequential = flags == ZK_CREATE_PERSISTENT_SEQUENTIAL ||
                          flags == ZK_CREATE_EPHEMERAL_SEQUENTIAL ||
                          flags == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
    kind->is_ttl = flags == ZK_CREATE_PERSISTENT_WITH_TTL ||
                   flags == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
    if (kind->is_ttl && !config->extended_types_enabled) {
        return ZK_ERR_UNIMPLEMENTED;
    }
    bool ttl_is_good = create->ttl > 0 && create->ttl <= TREE_TTL_MAX;
    bool is_refused = kind->is_ttl ? !ttl_is_good : create->ttl >= 0;
    /* A txn of type createTTL whose TTL is none would stop upstream's server when it is applied. */
    return is_refused || kind->is_ttl != (type == ZK_OP_CREATE_TTL) ? ZK_ERR_BADARGUMENTS
                                                                    : ZK_ERR_OK;
}

/* Java's %010d of the parent's stored cversion, which counts creates and nothing else. */
static struct slice with_sequence(struct prep_step *step, struct slice path, int32_t cversion)
{
    struct buffer *name = &step->prep->private->name;
    name->len = 0;
    buffer_append(name, path);
    buffer_append_padded(name, cversion, SEQUENCE_DIGITS);
    return buffer_slice(name);
}

static void write_record(struct prep_step *step,
                         int32_t type,
                         const struct create_request *create,
                         bool is_ephemeral,
                         int32_t parent_cversion)
{
    struct buffer *out = step->out;
    jute_write_bytes(out, create->path);
    jute_write_bytes(out, create->data);
    prep_write_acl(out, create->acl, create->acl_count);
    if (type == ZK_OP_CREATE || type == ZK_OP_CREATE2) {
        jute_write_bool(out, is_ephemeral);
    }
    jute_write_i32(out, parent_cversion);
    if (type == ZK_OP_CREATE_TTL) {
        jute_write_i64(out, create->ttl);
    }
}

/* The owner that the tree will give the node: decided by the txn's type, not by the flags. */
static int64_t owner_of(struct prep_step *step,
                        int32_t type,
                        const struct create_request *create,
                        bool is_ephemeral)
{
    if (type == ZK_OP_CREATE_CONTAINER) {
        return TREE_CONTAINER_OWNER;
    }
    if (type == ZK_OP_CREATE_TTL) {
        return tree_ttl_to_owner(&step->prep->tree->config, create->ttl);
    }
    return is_ephemeral ? step->request->session_id : 0;
}

static bool is_open(const struct zk_acl *acl, int32_t count)
{
    return count == 1 && acl[0].perms == ZK_PERM_ALL &&
           slice_equal_cstr(acl[0].id.scheme, "world") && slice_equal_cstr(acl[0].id.id, "anyone");
}

/* `create` is as stored: the path with its number, the ACL fixed up. */
static void record_create(struct prep_step *step,
                          int64_t owner,
                          const struct create_request *create,
                          struct slice parent_path,
                          const struct node_view *parent)
{
    struct prep_private *private = step->prep->private;
    struct node_view changed = *parent;
    changed.child_count += 1;
    if (changed.stat.cversion < INT32_MAX) {
        /* The tree takes only a larger cversion, and pzxid with it: after 2^31 creates both stand
         * still. */
        changed.stat.cversion += 1;
        changed.stat.pzxid = step->zxid;
    }
    prep_change_node(step, parent_path, parent, &changed);

    struct node_view made = {.data_len = create->data.len, .acl_id = ACL_OPEN_UNSAFE};
    made.stat.czxid = step->zxid;
    made.stat.mzxid = step->zxid;
    made.stat.pzxid = step->zxid;
    made.stat.ctime = step->wall_ms;
    made.stat.mtime = step->wall_ms;
    made.stat.ephemeral_owner = owner;
    made.digest_begun = prep_digest_begin(step, create->path, create->data);
    if (!is_open(create->acl, create->acl_count)) {
        made.acl = pending_acl_make(create->acl, create->acl_count);
    }
    struct node_change *change = prep_change_node(step, create->path, NULL, &made);
    prep_quota_note(step, change, create->path, 1, (int64_t)create->data.len);
    if (tree_ephemeral_kind(&step->prep->tree->config, owner) == EPHEMERAL_NORMAL) {
        list_append(&private->ephemerals, &change->ephemeral_link);
    }
}

/* The parent, the path and what stands there. `create` gets the final path. */
static int32_t check_place(struct prep_step *step,
                           const struct create_kind *kind,
                           struct create_request *create,
                           struct slice parent_path,
                           struct node_view *parent)
{
    if (!prep_view(step, parent_path, parent)) {
        return ZK_ERR_NONODE;
    }
    if (!prep_allowed(step, parent, ZK_PERM_CREATE)) {
        return ZK_ERR_NOAUTH;
    }
    if (kind->is_sequential) {
        create->path = with_sequence(step, create->path, parent->stat.cversion);
    }
    if (!path_is_valid(create->path)) {
        return ZK_ERR_BADARGUMENTS;
    }
    struct node_view existing;
    if (prep_view(step, create->path, &existing)) {
        return ZK_ERR_NODEEXISTS;
    }
    if (tree_ephemeral_kind(&step->prep->tree->config, parent->stat.ephemeral_owner) ==
        EPHEMERAL_NORMAL) {
        return ZK_ERR_NOCHILDRENFOREPHEMERALS;
    }
    return prep_quota_check(step, create->path, 1, (int64_t)create->data.len);
}

int32_t prep_create(struct prep_step *step, int32_t type, const struct create_request *request)
{
    struct create_request create = *request;
    const struct prep_config *config = step->prep->config;
    struct create_kind kind;
    struct slice parent_path;
    int32_t error = check_kind(config, type, &create, &kind);
    error = error != ZK_ERR_OK ? error : prep_parent(create.path, &parent_path);
    if (error != ZK_ERR_OK) {
        return error;
    }
    struct acl_entries fixed;
    error = acl_fixup(&config->auth, step->request->identities, create.acl, create.acl_count,
                      &step->prep->private->arena, &fixed);
    if (error != ZK_ERR_OK) {
        return error;
    }
    create.acl = fixed.items;
    create.acl_count = fixed.count;
    struct node_view parent;
    error = check_place(step, &kind, &create, parent_path, &parent);
    if (error != ZK_ERR_OK) {
        return error;
    }
    write_record(step, type, &create, kind.is_ephemeral, parent.stat.cversion + 1);
    record_create(step, owner_of(step, type, &create, kind.is_ephemeral), &create, parent_path,
                  &parent);
    return ZK_ERR_OK;
}
