/* service_watch.c - watch operations, and telling who watches.
 *
 * An event is delivered when a txn is applied, before any answer that could show the change leaves:
 * the outbox keeps that order. Its zxid is the txn's (ZOOKEEPER-4655). It goes only to a connection
 * that may read the node (CVE-2024-23944); the one-shot watch is used up all the same.
 *
 * After a reconnect a client lists its watches again with the zxid that it has seen: what has
 * changed since is told at once (with zxid -1, since no single txn is meant), the rest is set anew.
 * As upstream, this does not ask for READ: the paths are the client's own words.
 *
 * Sources: DataTree (setWatches, addWatch, removeWatch, containsWatcher), NIOServerCnxn.process.
 */
#include "zookeeper/core/java_text.h"
#include "zookeeper/core/service_private.h"

#define NOTIFICATION_FIXED_BYTES (REPLY_HEADER_BYTES + 12u) /* type, state, length of the path */
#define WATCH_ALL_MODES ((unsigned)(WATCH_STANDARD | WATCH_PERSISTENT | WATCH_PERSISTENT_RECURSIVE))
#define NO_ZXID INT64_C(-1)

bool add_watch(struct turn *turn,
               struct service_conn *conn,
               struct watch_table *table,
               struct slice path,
               enum watch_mode mode)
{
    if (UNLIKELY(conn->watcher.count >= CONN_WATCHES_MAX)) {
        service_conn_close(turn->service, conn, CLOSE_LIMIT, turn->outbox);
        return false;
    }
    watch_add(table, path, &conn->watcher, mode);
    return true;
}

/* ---- events -------------------------------------------------------------------------- */

static void notify(struct turn *turn,
                   struct service_conn *conn,
                   enum zk_event_type type,
                   struct slice path,
                   int64_t zxid)
{
    struct buffer *out = &turn->outbox->bytes;
    buffer_reserve(out, NOTIFICATION_FIXED_BYTES + path.len);
    size_t start = reply_begin(turn);
    jute_write_i32(out, type);
    jute_write_i32(out, ZK_STATE_SYNC_CONNECTED);
    jute_write_bytes(out, path);
    reply_end(turn, conn, start, ZK_XID_NOTIFICATION, zxid, ZK_ERR_OK);
}

struct delivery {
    struct turn *turn;
    const struct tree_change *change;
    int64_t zxid;
    bool is_open;      /* anybody may read the node */
    bool skips_marked; /* those with the current mark have heard of it */
};

static void deliver(void *ctx, struct watcher *watcher)
{
    struct delivery *delivery = ctx;
    struct turn *turn = delivery->turn;
    struct service *service = turn->service;
    struct service_conn *conn = CONTAINER_OF(watcher, struct service_conn, watcher);
    if (delivery->skips_marked && watcher->mark == service->private->event_mark) {
        return;
    }
    watcher->mark = service->private->event_mark;
    const struct tree_change *change = delivery->change;
    if (conn->is_closing ||
        (!delivery->is_open && !acl_check(&service->config->prep.auth, &conn->identities,
                                          change->acl, change->acl_count, ZK_PERM_READ))) {
        return;
    }
    notify(turn, conn, change->type, change->path, delivery->zxid);
}

static void trigger(struct watch_table *table, struct delivery *delivery, struct histogram *reached)
{
    size_t count = watch_trigger(table, delivery->change->path, deliver, delivery);
    if (count > 0) {
        histogram_add(reached, count);
    }
}

static void deliver_change(struct turn *turn, const struct tree_change *change, int64_t zxid)
{
    struct service *service = turn->service;
    struct service_stats *stats = &service->stats;
    struct delivery delivery = {
        .turn = turn, .change = change, .zxid = zxid, .is_open = change->acl_count == 0};
    service->private->event_mark += 1;
    switch (change->type) {
    case ZK_EVENT_NODE_CREATED:
        trigger(&service->data_watches, &delivery, &stats->node_created_watches);
        break;
    case ZK_EVENT_NODE_DATA_CHANGED:
        trigger(&service->data_watches, &delivery, &stats->node_changed_watches);
        break;
    case ZK_EVENT_NODE_CHILDREN_CHANGED:
        trigger(&service->child_watches, &delivery, &stats->node_children_watches);
        break;
    case ZK_EVENT_NODE_DELETED:
        trigger(&service->data_watches, &delivery, &stats->node_deleted_watches);
        /* Who watches data and children of a deleted node hears of it once. */
        delivery.skips_marked = true;
        trigger(&service->child_watches, &delivery, &stats->node_deleted_watches);
        break;
    case ZK_EVENT_NONE:
    case ZK_EVENT_DATA_WATCH_REMOVED:
    case ZK_EVENT_CHILD_WATCH_REMOVED:
    case ZK_EVENT_PERSISTENT_WATCH_REMOVED:
        UNREACHABLE(); /* a tree does not change like that */
    }
}

void deliver_events(struct turn *turn, int64_t zxid)
{
    const struct tree *tree = &turn->service->tree;
    if (turn->service->data_watches.watch_count + turn->service->child_watches.watch_count == 0) {
        return;
    }
    for (int32_t i = 0; i < tree->change_count; i++) {
        deliver_change(turn, &tree->changes[i], zxid);
    }
}

/* ---- setWatches, setWatches2
 * ----------------------------------------------------------------------------------- */

enum watch_list {
    LIST_DATA,
    LIST_EXIST,
    LIST_CHILD,
    LIST_PERSISTENT,
    LIST_RECURSIVE,
    LIST_COUNT
};

/* What has become of the node since `relative_zxid`; ZK_EVENT_NONE when nothing that this watch
 * waits for. */
static enum zk_event_type missed_event(const struct tree *tree,
                                       const struct znode *node,
                                       enum watch_list list,
                                       int64_t relative_zxid)
{
    if (list == LIST_EXIST) {
        return node != NULL ? ZK_EVENT_NODE_CREATED : ZK_EVENT_NONE;
    }
    if (node == NULL) {
        return ZK_EVENT_NODE_DELETED;
    }
    struct zk_stat_persisted stat;
    znode_stat_persisted(tree, node, &stat);
    if (list == LIST_DATA) {
        return stat.mzxid > relative_zxid ? ZK_EVENT_NODE_DATA_CHANGED : ZK_EVENT_NONE;
    }
    return stat.pzxid > relative_zxid ? ZK_EVENT_NODE_CHILDREN_CHANGED : ZK_EVENT_NONE;
}

/* One watch of a client that is back; false when the connection was closed. */
static bool set_watch(struct turn *turn,
                      struct service_conn *conn,
                      enum watch_list list,
                      struct slice path,
                      int64_t relative_zxid)
{
    struct service *service = turn->service;
    if (list == LIST_PERSISTENT) {
        return add_watch(turn, conn, &service->child_watches, path, WATCH_PERSISTENT) &&
               add_watch(turn, conn, &service->data_watches, path, WATCH_PERSISTENT);
    }
    if (list == LIST_RECURSIVE) {
        return add_watch(turn, conn, &service->data_watches, path, WATCH_PERSISTENT_RECURSIVE);
    }
    const struct znode *node = tree_find(&service->tree, path);
    enum zk_event_type missed = missed_event(&service->tree, node, list, relative_zxid);
    if (missed != ZK_EVENT_NONE) {
        notify(turn, conn, missed, java_text(&service->private->arena, path), NO_ZXID);
        return true;
    }
    return add_watch(turn, conn,
                     list == LIST_CHILD ? &service->child_watches : &service->data_watches, path,
                     WATCH_STANDARD);
}

int32_t watch_set(struct turn *turn,
                  struct service_conn *conn,
                  int32_t type,
                  struct jute_reader *body)
{
    int32_t lists = type == ZK_OP_SET_WATCHES2 ? LIST_COUNT : LIST_PERSISTENT;
    int64_t relative_zxid = jute_read_i64(body);
    struct jute_reader check = *body;
    for (int32_t list = 0; list < lists; list++) {
        int32_t count = jute_read_count(&check, 4);
        for (int32_t i = 0; i < count; i++) {
            (void)jute_read_bytes(&check);
        }
    }
    if (check.error != 0) {
        return ZK_ERR_MARSHALLINGERROR; /* before anything is done: upstream decodes the whole first
                                         */
    }
    for (int32_t list = 0; list < lists; list++) {
        int32_t count = jute_read_count(body, 4);
        if (count < 0) {
            return ZK_ERR_MARSHALLINGERROR; /* a null list: what stood before it is done */
        }
        for (int32_t i = 0; i < count; i++) {
            struct slice path = jute_read_bytes(body);
            if (slice_is_null(path) && list < LIST_PERSISTENT) {
                return ZK_ERR_MARSHALLINGERROR;
            }
            if (!set_watch(turn, conn, (enum watch_list)list, path, relative_zxid)) {
                return ZK_ERR_SYSTEMERROR;
            }
        }
    }
    return ZK_ERR_OK;
}

/* ---- addWatch, checkWatches, removeWatches
 * ---------------------------------------------------------------------- */

int32_t watch_persistent(struct turn *turn, struct service_conn *conn, struct jute_reader *body)
{
    struct slice path = jute_read_bytes(body);
    int32_t mode = jute_read_i32(body);
    if (body->error != 0 ||
        (mode != ZK_ADD_WATCH_PERSISTENT && mode != ZK_ADD_WATCH_PERSISTENT_RECURSIVE)) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    enum watch_list list = mode == ZK_ADD_WATCH_PERSISTENT ? LIST_PERSISTENT : LIST_RECURSIVE;
    if (!set_watch(turn, conn, list, path, 0)) {
        return ZK_ERR_SYSTEMERROR;
    }
    jute_write_i32(&turn->outbox->bytes, 0); /* ErrorResponse */
    return ZK_ERR_OK;
}

/* Which modes a watcher type means in the two tables; false when there is no such type. */
static bool modes_of(int32_t type, unsigned *data, unsigned *child)
{
    *data = 0;
    *child = 0;
    switch (type) {
    case ZK_WATCHER_CHILDREN:
        *child = WATCH_STANDARD;
        return true;
    case ZK_WATCHER_DATA:
        *data = WATCH_STANDARD;
        return true;
    case ZK_WATCHER_ANY:
        *data = WATCH_ALL_MODES;
        *child = WATCH_ALL_MODES;
        return true;
    case ZK_WATCHER_PERSISTENT:
        *data = WATCH_PERSISTENT;
        *child = WATCH_PERSISTENT;
        return true;
    case ZK_WATCHER_PERSISTENT_RECURSIVE:
        *data = WATCH_PERSISTENT_RECURSIVE;
        return true;
    default:
        return false;
    }
}

static int32_t read_watcher_request(struct jute_reader *body,
                                    struct slice *path,
                                    unsigned *data,
                                    unsigned *child)
{
    *path = jute_read_bytes(body);
    int32_t type = jute_read_i32(body);
    return body->error == 0 && modes_of(type, data, child) ? ZK_ERR_OK : ZK_ERR_MARSHALLINGERROR;
}

int32_t watch_check(struct service *service, struct service_conn *conn, struct jute_reader *body)
{
    struct slice path;
    unsigned data = 0;
    unsigned child = 0;
    int32_t error = read_watcher_request(body, &path, &data, &child);
    if (error != ZK_ERR_OK) {
        return error;
    }
    bool has = watch_has(&service->child_watches, path, &conn->watcher, child) ||
               watch_has(&service->data_watches, path, &conn->watcher, data);
    return has ? ZK_ERR_OK : ZK_ERR_NOWATCHER;
}

int32_t watch_take(struct service *service, struct service_conn *conn, struct jute_reader *body)
{
    struct slice path;
    unsigned data = 0;
    unsigned child = 0;
    int32_t error = read_watcher_request(body, &path, &data, &child);
    if (error != ZK_ERR_OK) {
        return error;
    }
    bool had_child = watch_remove(&service->child_watches, path, &conn->watcher, child);
    bool had_data = watch_remove(&service->data_watches, path, &conn->watcher, data);
    return had_child || had_data ? ZK_ERR_OK : ZK_ERR_NOWATCHER;
}
