/* client_work.c - what a client asks for, and what it learns from the answers. See client.h.
 *
 * Few paths, so that clients meet; data that is never the same twice, so that every state can be
 * told from every other.
 */
#include <stdio.h>

#include "sim/client.h"
#include "sim/world.h"

static const char *const paths[] = {
    "/a", "/b", "/a/x", "/r", "/b/x", "/a/y", "/c", "/a/x/p", "/b/y", "/a/x/q", "/c/z", "/a/x/p/t",
};

static const char *const bad_paths[] = {
    "/a//b", "/a/./b",           "a",     "/a/", "/zookeeper",
    "/",     "/zookeeper/quota", "/a/..", "",    "/zookeeper/config",
};

static const char *const quota_paths[] = {"/a", "/b", "/a/x"};

static struct pool *pool_of(struct client *client)
{
    return &client->world->history.pool;
}

static struct slice text_of(struct client *client, const char *text)
{
    return pool_copy(pool_of(client), slice_of_cstr(text));
}

static uint64_t below(struct client *client, uint64_t bound)
{
    return random_below(&client->random, bound);
}

static bool once_in(struct client *client, uint64_t n)
{
    return random_once_in(&client->random, n);
}

static struct slice any_path(struct client *client)
{
    if (client->name_count > 0 && once_in(client, 5)) {
        return client->names[below(client, client->name_count)];
    }
    uint64_t count = MIN(client->world->options.path_count, ARRAY_LEN(paths));
    return slice_of_cstr(paths[random_spread(&client->random, 1, count) - 1]);
}

/* "<client>.<write>." and filler; sometimes nothing at all. */
static struct slice new_data(struct client *client, uint64_t len_max)
{
    if (once_in(client, 16)) {
        return once_in(client, 2) ? SLICE_NULL : SLICE_LIT("");
    }
    char head[64];
    client->writes += 1;
    int head_len = snprintf(head, sizeof head, "%d.%llu.", client->index,
                            (unsigned long long)client->writes);
    size_t len = (size_t)head_len + random_spread(&client->random, 1, MAX(len_max, 1));
    uint8_t *bytes = pool_new(pool_of(client), len);
    memset(bytes, 'a' + client->index, len);
    memcpy(bytes, head, (size_t)head_len);
    return slice_of(bytes, len);
}

static int any_acl(struct client *client)
{
    bool uses_acl = client->world->options.work_weights[WORK_ACL] > 0;
    if (!uses_acl || !once_in(client, 4)) {
        return ACL_OPEN;
    }
    return (int)below(client, ACL_CHOICES);
}

static bool wants_watch(struct client *client)
{
    return below(client, 100) < client->world->options.watch_percent;
}

static int32_t any_version(struct client *client)
{
    return once_in(client, 3) ? (int32_t)below(client, 4) : -1;
}

/* ---- operations ------------------------------------------------------------------------------ */

static void make_create(struct client *client, struct operation *operation, int32_t flags)
{
    bool is_sequential = flags == (FLAG_SEQUENTIAL | FLAG_EPHEMERAL) || flags == FLAG_SEQUENTIAL ||
                         flags == FLAG_SEQUENTIAL_TTL;
    operation->type = once_in(client, 2) ? OP_CREATE : OP_CREATE2;
    operation->path = any_path(client);
    if (is_sequential) {
        char path[256];
        snprintf(path, sizeof path, "%.*s%s", (int)MIN(operation->path.len, (size_t)200),
                 (const char *)operation->path.ptr, once_in(client, 2) ? "/s-" : "-");
        operation->path = text_of(client, path);
    }
    operation->data = new_data(client, client->world->options.data_max);
    operation->acl = any_acl(client);
    operation->flags = flags;
    operation->ttl = -1;
    if (flags == FLAG_CONTAINER) {
        operation->type = OP_CREATE_CONTAINER;
    } else if (flags == FLAG_TTL || flags == FLAG_SEQUENTIAL_TTL) {
        operation->type = OP_CREATE_TTL;
        operation->ttl = once_in(client, 12) ? 0 : (int64_t)random_spread(&client->random, 1, 4000);
    }
}

static void make_delete(struct client *client, struct operation *operation)
{
    operation->type = OP_DELETE;
    operation->path = any_path(client);
    operation->version = any_version(client);
}

static void make_set_data(struct client *client, struct operation *operation)
{
    operation->type = OP_SET_DATA;
    operation->path = any_path(client);
    operation->data = new_data(client, client->world->options.data_max);
    operation->version = any_version(client);
}

/* Alternates between reading a path and writing it if nobody else has. */
static void make_compare_and_set(struct client *client, struct operation *operation)
{
    if (client->known_path.len == 0) {
        operation->type = OP_GET_DATA;
        operation->path = any_path(client);
        return;
    }
    operation->type = OP_SET_DATA;
    operation->path = client->known_path;
    operation->version = client->known_version;
    operation->data = new_data(client, client->world->options.data_max);
    client->known_path = SLICE_NULL;
}

static void make_read(struct client *client, struct operation *operation, int32_t type)
{
    operation->type = type;
    operation->path = any_path(client);
    operation->watch = wants_watch(client);
}

static void make_multi(struct client *client, struct operation *operation)
{
    operation->type = OP_MULTI;
    bool is_empty = once_in(client, 20);
    operation->part_count = is_empty ? 0 : (int32_t)random_spread(&client->random, 1, 8);
    operation->parts = POOL_ARRAY(pool_of(client), struct operation, operation->part_count + 1);
    for (int32_t i = 0; i < operation->part_count; i++) {
        struct operation *part = &operation->parts[i];
        switch (below(client, 6)) {
        case 0:
        case 1:
            make_create(client, part, (int32_t)below(client, 4));
            break;
        case 2:
            make_delete(client, part);
            break;
        case 3:
            part->type = OP_CHECK;
            part->path = any_path(client);
            part->version = any_version(client);
            break;
        default:
            make_set_data(client, part);
            break;
        }
    }
}

static void make_multi_read(struct client *client, struct operation *operation)
{
    operation->type = OP_MULTI_READ;
    operation->part_count = (int32_t)below(client, 6);
    operation->parts = POOL_ARRAY(pool_of(client), struct operation, operation->part_count + 1);
    for (int32_t i = 0; i < operation->part_count; i++) {
        operation->parts[i].type = once_in(client, 2) ? OP_GET_DATA : OP_GET_CHILDREN;
        operation->parts[i].path = any_path(client);
    }
}

static void make_acl(struct client *client, struct operation *operation)
{
    operation->path = any_path(client);
    if (once_in(client, 3)) {
        operation->type = OP_GET_ACL;
        return;
    }
    operation->type = OP_SET_ACL;
    operation->acl = (int)below(client, ACL_CHOICES);
    operation->version = any_version(client);
}

static void make_lists(struct client *client, struct operation *operation)
{
    static const int32_t types[] = {OP_GET_EPHEMERALS, OP_COUNT_DESCENDANTS, OP_WHO_AM_I};
    operation->type = types[below(client, ARRAY_LEN(types))];
    operation->path = once_in(client, 3) ? SLICE_LIT("/") : any_path(client);
}

static void make_watch_admin(struct client *client, struct operation *operation)
{
    operation->type = once_in(client, 2) ? OP_CHECK_WATCHES : OP_REMOVE_WATCHES;
    operation->path = any_path(client);
    operation->mode = 1 + (int32_t)below(client, 5);
}

static struct slice limits_text(struct client *client)
{
    char text[160];
    int count = (int)below(client, 20) - 1;
    int bytes = (int)below(client, 4000) - 1;
    int bytes_hard = once_in(client, 2) ? -1 : (int)below(client, 4000);
    int count_hard = once_in(client, 2) ? -1 : (int)below(client, 12);
    snprintf(text, sizeof text, "count=%d,bytes=%d=;byteHardLimit=%d;countHardLimit=%d", count,
             bytes, bytes_hard, count_hard);
    return text_of(client, text);
}

static struct slice quota_node(struct client *client, const char *quota_path, const char *leaf)
{
    char path[160];
    snprintf(path, sizeof path, "/zookeeper/quota%s%s", quota_path, leaf);
    return text_of(client, path);
}

/* Any request on any node of a quota, with any text: it must harm nobody, and counts mean
 * nothing. */
static void make_dirty_quota(struct client *client, struct operation *operation)
{
    static const char *const leaves[] = {"", "/zookeeper_limits", "/zookeeper_stats"};
    static const int32_t types[] = {OP_CREATE,   OP_CREATE, OP_CREATE, OP_SET_DATA,
                                    OP_GET_DATA, OP_DELETE, OP_EXISTS};
    const char *leaf = leaves[below(client, ARRAY_LEN(leaves))];
    const char *quota_path = quota_paths[below(client, ARRAY_LEN(quota_paths))];
    operation->type = types[below(client, ARRAY_LEN(types))];
    operation->path = quota_node(client, quota_path, leaf);
    operation->acl = ACL_OPEN;
    operation->version = -1;
    operation->data = once_in(client, 2) ? limits_text(client) : new_data(client, 64);
}

/* Limits and counts come and go together, and quotas do not nest: so the counts, which each server
 * keeps by itself and makes anew at its start, have one right value. */
static void make_quota_pair(struct client *client, struct operation *operation, const char *path)
{
    bool creates = !once_in(client, 3);
    operation->type = OP_MULTI;
    operation->part_count = 2;
    operation->parts = POOL_ARRAY(pool_of(client), struct operation, 2);
    struct operation *limits = &operation->parts[creates ? 0 : 1];
    struct operation *counts = &operation->parts[creates ? 1 : 0];
    limits->type = creates ? OP_CREATE : OP_DELETE;
    limits->path = quota_node(client, path, "/zookeeper_limits");
    limits->version = -1;
    limits->data = limits_text(client);
    *counts = *limits;
    counts->path = quota_node(client, path, "/zookeeper_stats");
    counts->data = SLICE_LIT("count=0,bytes=0");
}

static void make_quota(struct client *client, struct operation *operation)
{
    const char *path = quota_paths[below(client, 2)];
    if (client->world->options.has_dirty_quota) {
        make_dirty_quota(client, operation);
        return;
    }
    operation->version = -1;
    switch (below(client, 8)) {
    case 0:
    case 1:
        operation->type = OP_CREATE;
        operation->path = quota_node(client, path, "");
        operation->acl = ACL_OPEN;
        break;
    case 2:
    case 3:
    case 4:
        make_quota_pair(client, operation, path);
        break;
    case 5:
        operation->type = OP_SET_DATA;
        operation->path = quota_node(client, path, "/zookeeper_limits");
        operation->data = limits_text(client);
        break;
    case 6:
        operation->type = OP_GET_DATA;
        operation->path = quota_node(client, path, "/zookeeper_limits");
        break;
    default:
        operation->type = OP_GET_DATA;
        operation->path = quota_node(client, path, "/zookeeper_stats");
        break;
    }
}

static void make_big(struct client *client, struct operation *operation)
{
    uint64_t limit = (uint64_t)client->world->options.config.jute_max_buffer;
    uint64_t len = random_between(&client->random, limit / 2, limit - 200);
    if (once_in(client, 12)) {
        len = limit + 1; /* the server is to close the connection */
    }
    make_set_data(client, operation);
    uint8_t *bytes = pool_new(pool_of(client), len);
    memset(bytes, 'A' + client->index, len);
    client->writes += 1;
    memcpy(bytes, &client->writes, sizeof client->writes);
    operation->data = slice_of(bytes, len);
}

static void make_bad(struct client *client, struct operation *operation)
{
    static const int32_t cut[] = {OP_CREATE,    OP_DELETE,  OP_SET_DATA, OP_GET_DATA,
                                  OP_EXISTS,    OP_SET_ACL, OP_SYNC,     OP_GET_CHILDREN2,
                                  OP_ADD_WATCH, OP_RECONFIG};
    switch (below(client, 4)) {
    case 0:
        operation->type = operation_unknown_types[below(client, OPERATION_UNKNOWN_COUNT)];
        operation->path = any_path(client);
        break;
    case 1:
        operation->type = cut[below(client, ARRAY_LEN(cut))];
        operation->path = any_path(client);
        operation->is_malformed = true;
        break;
    case 2:
        operation->type = OP_AUTH;
        operation->path = SLICE_LIT("nosuch");
        operation->data = SLICE_LIT("x");
        break;
    default:
        make_create(client, operation, (int32_t)below(client, 2));
        operation->path = slice_of_cstr(bad_paths[below(client, ARRAY_LEN(bad_paths))]);
        if (once_in(client, 2)) {
            operation->type = once_in(client, 2) ? OP_DELETE : OP_GET_DATA;
            operation->version = -1;
        }
        break;
    }
}

/* One more user on this connection; a plain read when that cannot be now. */
static const struct operation *make_auth(struct client *client, struct operation *operation)
{
    const struct identity *identity = &client->connection->identity;
    uint8_t user = (uint8_t)below(client, AUTH_USERS);
    bool is_known = client->in_flight_count > 0;
    for (uint8_t i = 0; i < identity->user_count; i++) {
        is_known = is_known || identity->users[i] == user;
    }
    if (is_known) {
        make_read(client, operation, OP_GET_DATA);
        return operation;
    }
    bool is_wanted = false;
    for (uint8_t i = 0; i < client->wanted.user_count; i++) {
        is_wanted = is_wanted || client->wanted.users[i] == user;
    }
    if (!is_wanted) {
        client->wanted.users[client->wanted.user_count++] = user;
    }
    return client_auth(client, user);
}

static enum work_kind draw_kind(struct client *client)
{
    const uint32_t *weights = client->world->options.work_weights;
    uint64_t sum = 0;
    for (size_t i = 0; i < WORK_KINDS; i++) {
        sum += weights[i];
    }
    uint64_t at = below(client, MAX(sum, 1));
    for (size_t i = 0; i < WORK_KINDS; i++) {
        if (at < weights[i]) {
            return (enum work_kind)i;
        }
        at -= weights[i];
    }
    return WORK_GET_DATA;
}

/* NOLINTNEXTLINE(readability-function-size): one case a kind of work */
const struct operation *client_choose(struct client *client)
{
    struct operation *operation = POOL_NEW(pool_of(client), struct operation);
    const struct many_servers *many = &client->world->many;
    if (many->choose_work != NULL && many->choose_work(many->ctx, client, operation)) {
        return operation;
    }
    enum work_kind kind = draw_kind(client);
    marks_work(client->world->marks, kind);
    switch (kind) {
    case WORK_CREATE:
        make_create(client, operation, 0);
        break;
    case WORK_CREATE_EPHEMERAL:
        make_create(client, operation, FLAG_EPHEMERAL);
        break;
    case WORK_CREATE_SEQUENTIAL:
        make_create(client, operation, FLAG_SEQUENTIAL + (int32_t)below(client, 2));
        break;
    case WORK_CREATE_CONTAINER:
        make_create(client, operation, FLAG_CONTAINER);
        break;
    case WORK_CREATE_TTL:
        make_create(client, operation, FLAG_TTL + (int32_t)below(client, 2));
        break;
    case WORK_DELETE:
        make_delete(client, operation);
        break;
    case WORK_SET_DATA:
        make_set_data(client, operation);
        break;
    case WORK_COMPARE_AND_SET:
        make_compare_and_set(client, operation);
        break;
    case WORK_GET_DATA:
        make_read(client, operation, OP_GET_DATA);
        break;
    case WORK_EXISTS:
        make_read(client, operation, OP_EXISTS);
        break;
    case WORK_GET_CHILDREN:
        make_read(client, operation, once_in(client, 2) ? OP_GET_CHILDREN : OP_GET_CHILDREN2);
        break;
    case WORK_ACL:
        make_acl(client, operation);
        break;
    case WORK_MULTI:
        make_multi(client, operation);
        break;
    case WORK_MULTI_READ:
        make_multi_read(client, operation);
        break;
    case WORK_SYNC:
        make_read(client, operation, OP_SYNC);
        break;
    case WORK_LISTS:
        make_lists(client, operation);
        break;
    case WORK_PERSISTENT_WATCH:
        make_read(client, operation, OP_ADD_WATCH);
        operation->mode = (int32_t)below(client, 2);
        break;
    case WORK_WATCH_ADMIN:
        make_watch_admin(client, operation);
        break;
    case WORK_QUOTA:
        make_quota(client, operation);
        break;
    case WORK_BIG_DATA:
        make_big(client, operation);
        break;
    case WORK_BAD_REQUEST:
        make_bad(client, operation);
        break;
    case WORK_AUTH:
        return make_auth(client, operation);
    case WORK_CLOSE_SESSION:
        operation->type = OP_CLOSE_SESSION;
        break;
    case WORK_KINDS:
        UNREACHABLE();
    }
    return operation;
}

/* ---- learning -------------------------------------------------------------------------------- */

static void add_name(struct client *client, struct slice path)
{
    size_t at = client->name_count < CLIENT_NAMES_MAX ? client->name_count++
                                                      : below(client, CLIENT_NAMES_MAX);
    client->names[at] = pool_copy(pool_of(client), path);
}

static void add_watch(struct client *client, enum watch_list list, struct slice path)
{
    for (size_t i = 0; i < client->watch_count; i++) {
        if (client->watches[i].list == list && slice_equal(client->watches[i].path, path)) {
            return;
        }
    }
    heap_grow((void **)&client->watches, &client->watch_cap, client->watch_count,
              sizeof *client->watches);
    client->watches[client->watch_count++] = (struct client_watch){.path = path, .list = list};
}

static void remove_watch(struct client *client, enum watch_list list, struct slice path)
{
    for (size_t i = 0; i < client->watch_count; i++) {
        if (client->watches[i].list == list && slice_equal(client->watches[i].path, path)) {
            client->watches[i] = client->watches[--client->watch_count];
            return;
        }
    }
}

void client_forget_watch(struct client *client, int32_t event, struct slice path)
{
    if (event == EVENT_CHILDREN || event == EVENT_DELETED) {
        remove_watch(client, LIST_CHILD, path);
    }
    if (event != EVENT_CHILDREN) {
        remove_watch(client, LIST_DATA, path);
        remove_watch(client, LIST_EXIST, path);
    }
}

static void learn_read(struct client *client, const struct request *request)
{
    const struct operation *operation = request->operation;
    bool is_exists = operation->type == OP_EXISTS;
    if (operation->watch && (request->error == 0 || (is_exists && request->error == E_NO_NODE))) {
        bool is_children = operation->type == OP_GET_CHILDREN ||
                           operation->type == OP_GET_CHILDREN2;
        enum watch_list list = is_children           ? LIST_CHILD
                               : request->error != 0 ? LIST_EXIST
                                                     : LIST_DATA;
        add_watch(client, list, operation->path);
    }
    bool is_own = !slice_starts_with(operation->path, SLICE_LIT("/zookeeper"));
    if (operation->type == OP_GET_DATA && request->error == 0 && is_own) {
        struct cursor cursor = cursor_of(request->body);
        struct node_stat stat;
        (void)get_text(&cursor);
        get_stat(&cursor, &stat);
        client->known_path = operation->path;
        client->known_version = stat.version;
    }
}

static void learn_removed(struct client *client, const struct operation *operation)
{
    static const struct {
        int32_t mode;
        enum watch_list list;
    } removed[] = {{1, LIST_CHILD},
                   {2, LIST_DATA},
                   {2, LIST_EXIST},
                   {4, LIST_PERSISTENT},
                   {5, LIST_RECURSIVE}};
    for (size_t i = 0; i < ARRAY_LEN(removed); i++) {
        if (operation->mode == 3 || operation->mode == removed[i].mode) {
            remove_watch(client, removed[i].list, operation->path);
        }
    }
}

void client_learn(struct client *client, const struct request *request)
{
    const struct operation *operation = request->operation;
    switch (operation->type) {
    case OP_GET_DATA:
    case OP_EXISTS:
    case OP_GET_CHILDREN:
    case OP_GET_CHILDREN2:
        learn_read(client, request);
        break;
    case OP_CREATE:
    case OP_CREATE2:
    case OP_CREATE_TTL:
        if (request->error == 0 && (operation->flags & ~FLAG_EPHEMERAL) != 0) {
            struct cursor cursor = cursor_of(request->body);
            add_name(client, get_text(&cursor));
        }
        break;
    case OP_ADD_WATCH:
        if (request->error == 0) {
            add_watch(client, operation->mode == 0 ? LIST_PERSISTENT : LIST_RECURSIVE,
                      operation->path);
        }
        break;
    case OP_REMOVE_WATCHES:
        if (request->error == 0) {
            learn_removed(client, operation);
        }
        break;
    default:
        break;
    }
}

const struct operation *client_watches_again(struct client *client)
{
    if (client->watch_count == 0) {
        return NULL;
    }
    struct operation *operation = POOL_NEW(pool_of(client), struct operation);
    operation->type = OP_SET_WATCHES;
    operation->relative_zxid = client->last_zxid;
    for (size_t i = 0; i < client->watch_count; i++) {
        struct path_list *list = &operation->lists[client->watches[i].list];
        if (list->paths == NULL) {
            list->paths = POOL_ARRAY(pool_of(client), struct slice, client->watch_count);
        }
        list->paths[list->count++] = client->watches[i].path;
        if (client->watches[i].list >= LIST_PERSISTENT) {
            operation->type = OP_SET_WATCHES2;
        }
    }
    return operation;
}
