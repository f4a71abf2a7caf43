/* client_watch.c - the watches of a session: who hears of an event, and setting them again.
 *
 * A standard watch is gone once it has fired; a persistent one stays. The server keeps watches by
 * connection, so after a reconnect all of them are set again: setWatches while there are only
 * standard ones (servers of before 3.6 know no other), setWatches2 otherwise. The server answers it
 * with events for what has changed since the last zxid that we have seen, and those come first.
 * Sources: ZKWatchManager, ClientCnxn.SendThread.primeConnection, ZooKeeper.WatchRegistration.
 */
#include "base/memory.h"
#include "zookeeper/client/client_private.h"

/* ---- paths ----------------------------------------------------------------------------------- */

struct slice client_strip_chroot(const struct zk_client *client, struct slice path)
{
    struct slice chroot = client->connect.chroot;
    if (chroot.len == 0 || !slice_starts_with(path, chroot)) {
        return path; /* below /zookeeper: the config node, which stands outside of every chroot */
    }
    if (path.len == chroot.len) {
        return SLICE_LIT("/");
    }
    return path.ptr[chroot.len] == '/' ? slice_part(path, chroot.len, path.len) : path;
}

/* ---- who hears of it ------------------------------------------------------------------------- */

/* Those who watch the node or one of its ancestors with a recursive watch. */
static void find_recursive(const struct zk_client *client,
                           struct slice path,
                           struct watcher_set *found)
{
    if (client->watches.counts[CLIENT_WATCH_RECURSIVE] == 0) {
        return;
    }
    client_watches_find(&client->watches, CLIENT_WATCH_RECURSIVE, path, found);
    for (size_t len = path.len; len > 1; len--) {
        if (path.ptr[len - 1] == '/') {
            client_watches_find(&client->watches, CLIENT_WATCH_RECURSIVE,
                                slice_part(path, 0, len - 1), found);
        }
    }
    if (path.len > 1) {
        client_watches_find(&client->watches, CLIENT_WATCH_RECURSIVE, SLICE_LIT("/"), found);
    }
}

/* Takes the standard watches that the event fires out of the table. */
static void find_watchers(struct zk_client *client,
                          const struct zk_watch_event *event,
                          struct watcher_set *found)
{
    struct client_watches *table = &client->watches;
    struct slice path = event->path;
    switch (event->type) {
    case ZK_EVENT_NONE:
        watcher_set_add(found, client->config.watcher);
        client_watches_find_all(table, found);
        return;
    case ZK_EVENT_NODE_CREATED:
    case ZK_EVENT_NODE_DATA_CHANGED:
        client_watches_take(table, CLIENT_WATCH_DATA, path, found);
        client_watches_take(table, CLIENT_WATCH_EXIST, path, found);
        break;
    case ZK_EVENT_NODE_CHILDREN_CHANGED:
        client_watches_take(table, CLIENT_WATCH_CHILD, path, found);
        client_watches_find(table, CLIENT_WATCH_PERSISTENT, path, found);
        return; /* a recursive watch hears of the children's own events instead */
    case ZK_EVENT_NODE_DELETED:
        client_watches_take(table, CLIENT_WATCH_DATA, path, found);
        client_watches_take(table, CLIENT_WATCH_EXIST, path, found);
        client_watches_take(table, CLIENT_WATCH_CHILD, path, found);
        break;
    default:
        return; /* of a later server: nobody here can have asked for it */
    }
    client_watches_find(table, CLIENT_WATCH_PERSISTENT, path, found);
    find_recursive(client, path, found);
}

static void call_watchers(struct zk_client *client,
                          const struct watcher_set *found,
                          const struct zk_watch_event *event)
{
    client_hold(client);
    for (size_t i = 0; i < found->count && !client->is_released; i++) {
        found->items[i]->on_event(found->items[i], event);
    }
    client_drop(client);
}

void client_deliver(struct zk_client *client, const struct zk_watch_event *event)
{
    struct watcher_set found = {0};
    if (event->type == ZK_EVENT_NONE || event->path.len > 0) {
        find_watchers(client, event, &found);
    }
    call_watchers(client, &found, event);
    watcher_set_release(&found);
}

/* ---- registering and removing ---------------------------------------------------------------- */

void client_register_watch(struct zk_client *client, const struct packet *packet, int32_t err)
{
    enum client_watch_kind kind = packet->watch_kind;
    bool is_absent = err == ZK_ERR_NONODE;
    if (packet->op == ZK_OP_EXISTS && is_absent) {
        kind = CLIENT_WATCH_EXIST;
    } else if (packet->op == ZK_OP_ADD_WATCH && is_absent) {
        kind = packet->watch_kind;
    } else if (err != ZK_ERR_OK) {
        return;
    }
    client_watches_add(&client->watches, kind, packet->path, packet->watcher);
}

/* What each enum zk_watcher_type removes. */
static unsigned kinds_of_type(int32_t type)
{
    switch (type) {
    case ZK_WATCHER_CHILDREN:
        return CLIENT_WATCH_BIT(CLIENT_WATCH_CHILD);
    case ZK_WATCHER_DATA:
        return CLIENT_WATCH_BIT(CLIENT_WATCH_DATA) | CLIENT_WATCH_BIT(CLIENT_WATCH_EXIST);
    case ZK_WATCHER_PERSISTENT:
        return CLIENT_WATCH_BIT(CLIENT_WATCH_PERSISTENT);
    case ZK_WATCHER_PERSISTENT_RECURSIVE:
        return CLIENT_WATCH_BIT(CLIENT_WATCH_RECURSIVE);
    default:
        return CLIENT_WATCH_BIT(CLIENT_WATCH_KINDS) - 1; /* ANY */
    }
}

static bool has_any(const struct zk_client *client, struct slice path, unsigned kinds)
{
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        bool is_meant = (kinds & CLIENT_WATCH_BIT(kind)) != 0;
        if (is_meant && client_watches_has(&client->watches, (enum client_watch_kind)kind, path)) {
            return true;
        }
    }
    return false;
}

/* Takes the watches of these kinds and tells their watchers, once each. */
static void remove_kinds(struct zk_client *client,
                         struct slice path,
                         unsigned kinds,
                         struct zk_watch_event event)
{
    struct watcher_set found = {0};
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        if ((kinds & CLIENT_WATCH_BIT(kind)) != 0) {
            client_watches_take(&client->watches, (enum client_watch_kind)kind, path, &found);
        }
    }
    call_watchers(client, &found, &event);
    watcher_set_release(&found);
}

int32_t client_remove_watches(struct zk_client *client, const struct packet *packet, int32_t err)
{
    static const struct {
        unsigned kinds;
        int32_t event;
    } groups[] = {
        {CLIENT_WATCH_BIT(CLIENT_WATCH_DATA) | CLIENT_WATCH_BIT(CLIENT_WATCH_EXIST),
         ZK_EVENT_DATA_WATCH_REMOVED},
        {CLIENT_WATCH_BIT(CLIENT_WATCH_CHILD), ZK_EVENT_CHILD_WATCH_REMOVED},
        {CLIENT_WATCH_BIT(CLIENT_WATCH_PERSISTENT) | CLIENT_WATCH_BIT(CLIENT_WATCH_RECURSIVE),
         ZK_EVENT_PERSISTENT_WATCH_REMOVED},
    };
    unsigned kinds = kinds_of_type(packet->removed_type);
    if (!has_any(client, packet->path, kinds)) {
        return ZK_ERR_NOWATCHER;
    }
    if (err != ZK_ERR_OK && !packet->removes_locally) {
        return err;
    }
    bool is_lost = err == ZK_ERR_SESSIONEXPIRED || err == ZK_ERR_CONNECTIONLOSS;
    for (size_t i = 0; i < ARRAY_LEN(groups) && !client->is_released; i++) {
        struct zk_watch_event event = {
            .type = groups[i].event,
            .state = is_lost ? ZK_STATE_DISCONNECTED : ZK_STATE_SYNC_CONNECTED,
            .path = packet->path,
            .zxid = -1,
        };
        remove_kinds(client, packet->path, kinds & groups[i].kinds, event);
    }
    return ZK_ERR_OK;
}

/* ---- setting them again ---------------------------------------------------------------------- */

struct path_list {
    struct slice *items;
    int32_t count;
    int32_t cap;
};

/* One setWatches being put together. */
struct batch {
    struct path_list lists[CLIENT_WATCH_KINDS];
    struct buffer bytes; /* the paths with their chroot */
    int32_t count;
};

static void list_add(struct path_list *list, struct slice path)
{
    if (list->count == list->cap) {
        int32_t cap = list->cap == 0 ? 16 : list->cap * 2;
        list->items = mem_realloc(list->items, (size_t)list->cap * sizeof path,
                                  (size_t)cap * sizeof path);
        list->cap = cap;
    }
    list->items[list->count] = path;
    list->count += 1;
}

static void batch_send(struct zk_client *client, struct batch *batch)
{
    const struct path_list *lists = batch->lists;
    struct zk_set_watches2 all = {
        .relative_zxid = client->last_zxid,
        .data_watches = lists[CLIENT_WATCH_DATA].items,
        .data_watches_count = lists[CLIENT_WATCH_DATA].count,
        .exist_watches = lists[CLIENT_WATCH_EXIST].items,
        .exist_watches_count = lists[CLIENT_WATCH_EXIST].count,
        .child_watches = lists[CLIENT_WATCH_CHILD].items,
        .child_watches_count = lists[CLIENT_WATCH_CHILD].count,
        .persistent_watches = lists[CLIENT_WATCH_PERSISTENT].items,
        .persistent_watches_count = lists[CLIENT_WATCH_PERSISTENT].count,
        .persistent_recursive_watches = lists[CLIENT_WATCH_RECURSIVE].items,
        .persistent_recursive_watches_count = lists[CLIENT_WATCH_RECURSIVE].count,
    };
    struct zk_set_watches standard = {
        .relative_zxid = all.relative_zxid,
        .data_watches = all.data_watches,
        .data_watches_count = all.data_watches_count,
        .exist_watches = all.exist_watches,
        .exist_watches_count = all.exist_watches_count,
        .child_watches = all.child_watches,
        .child_watches_count = all.child_watches_count,
    };
    bool is_standard = lists[CLIENT_WATCH_PERSISTENT].count == 0 &&
                       lists[CLIENT_WATCH_RECURSIVE].count == 0;
    client_send_record(client, ZK_XID_SET_WATCHES,
                       is_standard ? ZK_OP_SET_WATCHES : ZK_OP_SET_WATCHES2,
                       is_standard ? &zk_set_watches_message : &zk_set_watches2_message,
                       is_standard ? (const void *)&standard : (const void *)&all);
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        batch->lists[kind].count = 0;
    }
    buffer_clear(&batch->bytes, SIZE_MAX);
    batch->count = 0;
}

static void batch_add(struct zk_client *client,
                      struct batch *batch,
                      enum client_watch_kind kind,
                      struct slice path)
{
    struct slice chroot = client->connect.chroot;
    bool is_config = chroot.len > 0 && slice_equal_cstr(path, "/zookeeper/config");
    if (batch->count > 0 &&
        batch->bytes.len + chroot.len + path.len > ZK_CLIENT_SET_WATCHES_BYTES_MAX) {
        batch_send(client, batch);
    }
    if (batch->count == 0) {
        /* What the batch will hold fits in here, so the slices into it stay true. */
        (void)buffer_reserve(&batch->bytes,
                             MAX(ZK_CLIENT_SET_WATCHES_BYTES_MAX, chroot.len + path.len));
    }
    size_t from = batch->bytes.len;
    if (!is_config) {
        buffer_append(&batch->bytes, chroot);
    }
    if (path.len > 1 || chroot.len == 0) {
        buffer_append(&batch->bytes, path);
    }
    list_add(&batch->lists[kind], slice_of(batch->bytes.data + from, batch->bytes.len - from));
    batch->count += 1;
}

void client_send_watches(struct zk_client *client)
{
    struct batch batch = {0};
    buffer_init(&batch.bytes, ZK_CLIENT_REQUEST_BYTES_MAX);
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        size_t position = 0;
        const struct client_watch_path *entry;
        if (client->watches.counts[kind] == 0) {
            continue;
        }
        while ((entry = client_watches_next(&client->watches, &position)) != NULL) {
            if (entry->sets[kind].count > 0) {
                batch_add(client, &batch, (enum client_watch_kind)kind, entry->path);
            }
        }
    }
    if (batch.count > 0) {
        batch_send(client, &batch);
    }
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        mem_free(batch.lists[kind].items, (size_t)batch.lists[kind].cap * sizeof(struct slice));
    }
    buffer_release(&batch.bytes);
}
