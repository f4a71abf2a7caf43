/* service_read.c - everything that is answered from the tree as it is: reads, ping, whoAmI, and the
 * watch operations.
 *
 * The hot path of the server: a getData is one look-up by path, and its answer is written where it
 * will be sent from.
 *
 * The answer's zxid is that of the last txn applied: the state that was read. A watch is set only
 * when the read succeeded, but for exists, which may also wait for a node to come.
 *
 * Source: FinalRequestProcessor.
 */
#include "zookeeper/core/service_private.h"

bool op_is_read(int32_t type)
{
    switch (type) {
    case ZK_OP_PING:
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_ACL:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
    case ZK_OP_GET_EPHEMERALS:
    case ZK_OP_MULTI_READ:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
    case ZK_OP_ADD_WATCH:
    case ZK_OP_WHO_AM_I:
        return true;
    default:
        return false;
    }
}

static bool allowed(const struct service *service,
                    const struct service_conn *conn,
                    const struct znode *node,
                    int32_t perms)
{
    if (LIKELY(znode_acl_id(&service->tree, node) == ACL_OPEN_UNSAFE)) {
        return true;
    }
    int32_t count = 0;
    const struct zk_acl *entries = znode_acl(&service->tree, node, &count);
    return acl_check(&service->config->prep.auth, &conn->identities, entries, count, perms);
}

/* The node, when it is there and may be looked at with one of `perms`. */
static int32_t find_node(struct turn *turn,
                         const struct service_conn *conn,
                         struct slice path,
                         int32_t perms,
                         struct znode **node)
{
    if (UNLIKELY(slice_is_null(path))) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    *node = tree_find(&turn->service->tree, path);
    if (*node == NULL) {
        return ZK_ERR_NONODE;
    }
    return allowed(turn->service, conn, *node, perms) ? ZK_ERR_OK : ZK_ERR_NOAUTH;
}

static void append_stat(struct turn *turn, const struct znode *node)
{
    struct zk_stat stat;
    znode_stat(&turn->service->tree, node, &stat);
    write_stat(&turn->outbox->bytes, &stat);
}

int32_t read_data(struct turn *turn, struct service_conn *conn, struct slice path, bool watch)
{
    struct znode *node = NULL;
    int32_t error = find_node(turn, conn, path, ZK_PERM_READ, &node);
    if (error != ZK_ERR_OK) {
        return error;
    }
    if (watch && !add_watch(turn, conn, &turn->service->data_watches, path, WATCH_STANDARD)) {
        return ZK_ERR_SYSTEMERROR;
    }
    jute_write_bytes(&turn->outbox->bytes, znode_data(&turn->service->tree, node));
    append_stat(turn, node);
    return ZK_ERR_OK;
}

int32_t read_children(struct turn *turn,
                      struct service_conn *conn,
                      struct slice path,
                      bool watch,
                      bool with_stat)
{
    struct znode *node = NULL;
    int32_t error = find_node(turn, conn, path, ZK_PERM_READ, &node);
    if (error != ZK_ERR_OK) {
        return error;
    }
    if (watch && !add_watch(turn, conn, &turn->service->child_watches, path, WATCH_STANDARD)) {
        return ZK_ERR_SYSTEMERROR;
    }
    const struct tree *tree = &turn->service->tree;
    struct buffer *out = &turn->outbox->bytes;
    jute_write_i32(out, znode_child_count(tree, node));
    for (struct znode *child = znode_first_child(tree, node); child != NULL;
         child = znode_next_sibling(tree, child)) {
        jute_write_bytes(out, znode_name(tree, child));
    }
    if (with_stat) {
        append_stat(turn, node);
    }
    return ZK_ERR_OK;
}

static int32_t read_exists(struct turn *turn,
                           struct service_conn *conn,
                           struct slice path,
                           bool watch)
{
    struct znode *node = NULL;
    if (path.len > 0 && memchr(path.ptr, 0, path.len) != NULL) {
        return ZK_ERR_BADARGUMENTS;
    }
    int32_t error = find_node(turn, conn, path, ZK_PERM_READ, &node);
    if (watch && (error == ZK_ERR_OK || error == ZK_ERR_NONODE) &&
        !add_watch(turn, conn, &turn->service->data_watches, path, WATCH_STANDARD)) {
        return ZK_ERR_SYSTEMERROR;
    }
    if (error == ZK_ERR_OK) {
        append_stat(turn, node);
    }
    return error;
}

/* Who may read but not administer sees whose password a digest is, not the digest (CVE-2019-0201).
 */
static struct slice hide_digest(struct turn *turn, const struct zk_id *id)
{
    const uint8_t *colon = id->id.len > 0 ? memchr(id->id.ptr, ':', id->id.len) : NULL;
    if (!slice_equal_cstr(id->scheme, "digest") || colon == NULL) {
        return id->id;
    }
    size_t user_len = (size_t)(colon - id->id.ptr);
    uint8_t *text = arena_alloc(&turn->service->private->arena, user_len + 2);
    memcpy(text, id->id.ptr, user_len);
    memcpy(text + user_len, ":x", 2);
    return slice_of(text, user_len + 2);
}

static int32_t read_acl(struct turn *turn, struct service_conn *conn, struct slice path)
{
    struct znode *node = NULL;
    int32_t error = find_node(turn, conn, path, ZK_PERM_READ | ZK_PERM_ADMIN, &node);
    if (error != ZK_ERR_OK) {
        return error;
    }
    bool sees_all = allowed(turn->service, conn, node, ZK_PERM_ADMIN);
    int32_t count = 0;
    const struct zk_acl *entries = znode_acl(&turn->service->tree, node, &count);
    struct buffer *out = &turn->outbox->bytes;
    jute_write_i32(out, count);
    for (int32_t i = 0; i < count; i++) {
        jute_write_i32(out, entries[i].perms);
        jute_write_bytes(out, entries[i].id.scheme);
        jute_write_bytes(out, sees_all ? entries[i].id.id : hide_digest(turn, &entries[i].id));
    }
    append_stat(turn, node);
    return ZK_ERR_OK;
}

static int32_t read_all_children_number(struct turn *turn,
                                        struct service_conn *conn,
                                        struct slice path)
{
    struct znode *node = NULL;
    int32_t error = find_node(turn, conn, path, ZK_PERM_READ, &node);
    if (error != ZK_ERR_OK) {
        return error;
    }
    int64_t count = tree_descendant_count(&turn->service->tree, node);
    /* Upstream counts map keys that start with path + "/": asked by the root's other name, that is
     * "/" too. */
    count += path.len == 0 ? 1 : 0;
    jute_write_i32(&turn->outbox->bytes, (int32_t)count);
    return ZK_ERR_OK;
}

struct ephemerals_ctx {
    struct buffer *out;
    struct slice prefix;
    uint32_t count;
};

static void append_ephemeral(void *ctx, struct slice path)
{
    struct ephemerals_ctx *ephemerals = ctx;
    if (slice_starts_with(path, ephemerals->prefix)) {
        jute_write_bytes(ephemerals->out, path);
        ephemerals->count += 1;
    }
}

/* Java's trim(): what is above the space at either end stays. */
static bool is_blank_or_root(struct slice text)
{
    while (text.len > 0 && text.ptr[0] <= ' ') {
        text = slice_part(text, 1, text.len);
    }
    while (text.len > 0 && text.ptr[text.len - 1] <= ' ') {
        text = slice_part(text, 0, text.len - 1);
    }
    return text.len == 0 || slice_equal_cstr(text, "/");
}

static int32_t read_ephemerals(struct turn *turn, struct service_conn *conn, struct slice prefix)
{
    struct buffer *out = &turn->outbox->bytes;
    struct ephemerals_ctx ctx = {.out = out,
                                 .prefix = is_blank_or_root(prefix) ? SLICE_NULL : prefix};
    size_t count_at = out->len;
    jute_write_i32(out, 0);
    tree_each_ephemeral(&turn->service->tree, conn->session_id, append_ephemeral, &ctx);
    store_be32(out->data + count_at, ctx.count);
    return ZK_ERR_OK;
}

/* Appends the answer's body. Requests whose body cannot be decoded get -5. */
static int32_t read_body(struct turn *turn,
                         struct service_conn *conn,
                         int32_t type,
                         struct jute_reader *body)
{
    if (type == ZK_OP_PING) {
        return ZK_ERR_OK;
    }
    if (type == ZK_OP_WHO_AM_I) {
        append_who_am_i(turn, &conn->identities);
        return ZK_ERR_OK;
    }
    if (type == ZK_OP_MULTI_READ) {
        return read_multi(turn, conn, body);
    }
    if (type == ZK_OP_CHECK_WATCHES) {
        return watch_check(turn->service, conn, body);
    }
    if (type == ZK_OP_REMOVE_WATCHES) {
        return watch_take(turn->service, conn, body);
    }
    if (type == ZK_OP_ADD_WATCH) {
        return watch_persistent(turn, conn, body);
    }
    struct slice path = jute_read_bytes(body);
    bool has_watch = type == ZK_OP_EXISTS || type == ZK_OP_GET_DATA || type == ZK_OP_GET_CHILDREN ||
                     type == ZK_OP_GET_CHILDREN2;
    bool watch = has_watch && jute_read_bool(body);
    if (body->error != 0) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    switch (type) {
    case ZK_OP_GET_DATA:
        return read_data(turn, conn, path, watch);
    case ZK_OP_EXISTS:
        return read_exists(turn, conn, path, watch);
    case ZK_OP_GET_CHILDREN:
        return read_children(turn, conn, path, watch, false);
    case ZK_OP_GET_CHILDREN2:
        return read_children(turn, conn, path, watch, true);
    case ZK_OP_GET_ACL:
        return read_acl(turn, conn, path);
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        return read_all_children_number(turn, conn, path);
    case ZK_OP_GET_EPHEMERALS:
        return read_ephemerals(turn, conn, path);
    default:
        UNREACHABLE(); /* op_is_read says what comes here */
    }
}

void answer_read(struct turn *turn,
                 struct service_conn *conn,
                 int32_t type,
                 int32_t cxid,
                 struct slice body)
{
    struct jute_reader reader = jute_reader_of(body, turn->service->config->prep.max_string_bytes);
    int64_t zxid = turn->service->tree.last_processed_zxid;
    int32_t error = ZK_ERR_OK;
    bool sets_watches = type == ZK_OP_SET_WATCHES || type == ZK_OP_SET_WATCHES2;
    if (sets_watches) {
        error = watch_set(turn, conn, type, &reader); /* its events go before its answer */
    }
    size_t start = reply_begin(turn);
    if (!sets_watches) {
        error = read_body(turn, conn, type, &reader);
    }
    if (UNLIKELY(conn->is_closing)) {
        turn->outbox->bytes.len = start;
        return;
    }
    if (error != ZK_ERR_OK && type != ZK_OP_MULTI_READ) {
        turn->outbox->bytes.len = start + REPLY_HEADER_BYTES;
    }
    reply_end(turn, conn, start, type == ZK_OP_PING ? ZK_XID_PING : cxid, zxid, error);
}
