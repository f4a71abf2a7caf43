/* support_tree.c - the naive tree. */
#include "support_tree.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#define QUOTA "/zookeeper/quota"
#define LIMIT "/zookeeper_limits"
#define STAT "/zookeeper_stats"

static const struct zk_acl config_acl[] = {{1, {SLICE_LIT("world"), SLICE_LIT("anyone")}}};

/* ---- the list -------------------------------------------------------------------------------- */

static struct slice path_of(const struct model_node *node)
{
    return slice_of(node->path, node->path_len);
}

static struct slice data_of(const struct model_node *node)
{
    return node->is_null ? SLICE_NULL : slice_of(node->data, node->data_len);
}

static uint8_t *copy_bytes(struct slice bytes)
{
    uint8_t *copy = mem_alloc(bytes.len + 1);
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return copy;
}

static struct model_node *find(const struct model *model, struct slice path)
{
    if (slice_equal_cstr(path, "/")) {
        path.len = 0;
    }
    for (size_t i = 0; i < model->count; i++) {
        if (slice_equal(path_of(&model->nodes[i]), path)) {
            return &model->nodes[i];
        }
    }
    return NULL;
}

const struct model_node *model_find(const struct model *model, struct slice path)
{
    return find(model, path);
}

static struct model_node *add(struct model *model, struct slice path, struct slice data)
{
    model->nodes = mem_realloc(model->nodes, model->count * sizeof *model->nodes,
                               (model->count + 1) * sizeof *model->nodes);
    struct model_node *node = &model->nodes[model->count];
    model->count += 1;
    *node = (struct model_node){
        .path = copy_bytes(path),
        .path_len = path.len,
        .data = copy_bytes(data),
        .data_len = data.len,
        .is_null = slice_is_null(data),
        .acl_count = -1,
    };
    return node;
}

static void free_node(struct model_node *node)
{
    mem_free(node->path, node->path_len + 1);
    mem_free(node->data, node->data_len + 1);
}

static void put_data(struct model_node *node, struct slice data)
{
    mem_free(node->data, node->data_len + 1);
    node->data = copy_bytes(data);
    node->data_len = data.len;
    node->is_null = slice_is_null(data);
}

static bool is_below(struct slice path, struct slice top)
{
    return path.len > top.len && slice_starts_with(path, top) && path.ptr[top.len] == '/';
}

static bool is_child(struct slice path, struct slice parent)
{
    return is_below(path, parent) &&
           memchr(path.ptr + parent.len + 1, '/', path.len - parent.len - 1) == NULL;
}

static int32_t child_count(const struct model *model, struct slice path)
{
    int32_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        count += is_child(path_of(&model->nodes[i]), path);
    }
    return count;
}

void model_init(struct model *model, const struct tree_config *config)
{
    *model = (struct model){.config = *config};
    u64_map_init(&model->sessions);
    arena_init(&model->events_arena, 65536, SIZE_MAX / 2);
    add(model, SLICE_LIT(""), SLICE_LIT(""));
    add(model, SLICE_LIT("/zookeeper"), SLICE_LIT(""));
    add(model, SLICE_LIT(QUOTA), SLICE_LIT(""));
    struct model_node *node = add(model, SLICE_LIT("/zookeeper/config"), SLICE_LIT(""));
    node->acl = config_acl;
    node->acl_count = 1;
    node->stat.aversion = -1;
}

void model_release(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        free_node(&model->nodes[i]);
    }
    mem_free(model->nodes, model->count * sizeof *model->nodes);
    u64_map_release(&model->sessions);
    arena_release(&model->events_arena);
}

void model_copy(const struct model *from, struct model *to)
{
    *to = (struct model){.config = from->config, .last_zxid = from->last_zxid};
    u64_map_init(&to->sessions);
    arena_init(&to->events_arena, 65536, SIZE_MAX / 2);
    for (size_t i = 0; i < from->count; i++) {
        const struct model_node *old = &from->nodes[i];
        struct model_node *node = add(to, path_of(old), data_of(old));
        node->acl = old->acl;
        node->acl_count = old->acl_count;
        node->stat = old->stat;
    }
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    while (u64_map_next(&from->sessions, &position, &key, &value)) {
        u64_map_put(&to->sessions, key, value);
    }
}

/* ---- events and quotas ----------------------------------------------------------------------- */

static void event(struct model *model, enum zk_event_type type, struct slice path)
{
    struct model_event *events = ARENA_ARRAY(&model->events_arena, struct model_event,
                                             model->event_count + 1);
    if (model->event_count > 0) {
        memcpy(events, model->events, model->event_count * sizeof *events);
    }
    path = path.len == 0 ? SLICE_LIT("/") : path;
    events[model->event_count] = (struct model_event){type, arena_copy(&model->events_arena, path)};
    model->events = events;
    model->event_count += 1;
}

static struct model_node *find_joined(struct model *model, struct slice quota, const char *name)
{
    char path[8192];
    int len = snprintf(path, sizeof path, QUOTA "%.*s%s", (int)quota.len,
                       quota.len == 0 ? "" : (const char *)quota.ptr, name);
    assert_true(len > 0 && (size_t)len < sizeof path);
    return find(model, slice_of(path, (size_t)len));
}

static bool is_stat_path(struct slice path)
{
    size_t len = sizeof STAT - 1;
    return is_below(path, SLICE_LIT(QUOTA)) && path.len > len &&
           slice_equal_cstr(slice_part(path, path.len - len, path.len), STAT);
}

/* The generator writes only these forms into stat nodes: count, bytes and perhaps one hard limit;
 * or what nobody can read. */
static void change_stat(struct model_node *node, long long bytes, long long count)
{
    char text[256] = "";
    long long old_count = 0;
    long long old_bytes = 0;
    long long hard = 0;
    memcpy(text, node->data, MIN(node->data_len, sizeof text - 1));
    if (!node->is_null && (node->data_len == 0 || strcmp(text, ";;") == 0)) {
        /* nothing is there: Java's split gives no pairs */
        snprintf(text, sizeof text, "count=-1,bytes=-1");
    }
    int got = sscanf(text, "count=%lld,bytes=%lld=;byteHardLimit=%lld", &old_count, &old_bytes,
                     &hard);
    if (got < 2 || node->is_null || strstr(text, "9223372036854775808") != NULL) {
        return;
    }
    int len = snprintf(text, sizeof text, "count=%lld,bytes=%lld", old_count + count,
                       old_bytes + bytes);
    if (got == 3) {
        len += snprintf(text + len, sizeof text - (size_t)len, "=;byteHardLimit=%lld", hard);
    }
    put_data(node, slice_of(text, (size_t)len));
}

static void change_quota(struct model *model, struct slice path, long long bytes, long long count)
{
    for (size_t len = path.len; len > 0; len--) {
        if (len < path.len && path.ptr[len] != '/') {
            continue;
        }
        struct slice prefix = slice_part(path, 0, len);
        if (find_joined(model, prefix, LIMIT) != NULL) {
            struct model_node *node = find_joined(model, prefix, STAT);
            if (node != NULL) {
                change_stat(node, bytes, count);
            }
            return;
        }
    }
}

static void recount(struct model *model, struct model_node *stat)
{
    struct slice parent = slice_part(path_of(stat), 0, stat->path_len - (sizeof STAT - 1));
    struct slice quota = slice_part(parent, sizeof QUOTA - 1, parent.len);
    long long count = 0;
    long long bytes = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct slice path = path_of(&model->nodes[i]);
        if (slice_equal(path, quota) || is_below(path, quota)) {
            count += 1;
            bytes += (long long)model->nodes[i].data_len;
        }
    }
    char text[64];
    int len = snprintf(text, sizeof text, "count=%lld,bytes=%lld", count, bytes);
    put_data(stat, slice_of(text, (size_t)len));
}

/* ---- operations ------------------------------------------------------------------------------ */

struct made {
    struct slice path;
    struct slice data;
    const struct zk_acl *acl;
    int32_t acl_count;
    int32_t parent_cversion;
    int64_t owner;
};

static struct slice parent_of(struct slice path)
{
    size_t len = path.len;
    while (len > 0 && path.ptr[len - 1] != '/') {
        len -= 1;
    }
    return slice_part(path, 0, len == 0 ? 0 : len - 1);
}

static void raise_parent(struct model_node *parent, int32_t cversion, int64_t zxid)
{
    if (cversion == -1) {
        cversion = parent->stat.cversion + 1;
    }
    if (cversion > parent->stat.cversion) {
        parent->stat.cversion = cversion;
        parent->stat.pzxid = zxid;
    }
}

static int32_t apply_create(struct model *model,
                            const struct zk_txn_header *header,
                            const struct made *made)
{
    struct model_node *parent = find(model, parent_of(made->path));
    if (parent == NULL) {
        return ZK_ERR_NONODE;
    }
    raise_parent(parent, made->parent_cversion, INT64_MIN); /* which the next line may undo */
    struct model_node *existing = find(model, made->path);
    if (existing != NULL) {
        existing->acl = pool_acl(made->acl, made->acl_count);
        existing->acl_count = made->acl_count;
        return ZK_ERR_NODEEXISTS;
    }
    struct model_node *node = add(model, made->path, made->data);
    node->acl = pool_acl(made->acl, made->acl_count);
    node->acl_count = made->acl_count;
    node->stat = (struct zk_stat_persisted){
        .czxid = header->zxid,
        .mzxid = header->zxid,
        .pzxid = header->zxid,
        .ctime = header->time,
        .mtime = header->time,
        .ephemeral_owner = made->owner,
    };
    if (is_stat_path(made->path)) {
        recount(model, node);
    }
    change_quota(model, made->path, (long long)made->data.len, 1);
    event(model, ZK_EVENT_NODE_CREATED, made->path);
    event(model, ZK_EVENT_NODE_CHILDREN_CHANGED, parent_of(made->path));
    return ZK_ERR_OK;
}

/* cversion and pzxid around apply_create, which works on a list that may move. */
static int32_t create(struct model *model,
                      const struct zk_txn_header *header,
                      const struct made *made)
{
    struct slice parent_path = parent_of(made->path);
    const struct model_node *parent = find(model, parent_path);
    struct zk_stat_persisted before = parent != NULL ? parent->stat : (struct zk_stat_persisted){0};
    int32_t error = apply_create(model, header, made);
    struct model_node *after = find(model, parent_path);
    if (after != NULL) {
        after->stat = before;
        if (error == ZK_ERR_OK || (error == ZK_ERR_NODEEXISTS && header->type == ZK_OP_CREATE)) {
            raise_parent(after, made->parent_cversion, header->zxid);
        }
    }
    return error;
}

static void drop(struct model *model, struct model_node *node)
{
    free_node(node);
    *node = model->nodes[model->count - 1];
    model->nodes = mem_realloc(model->nodes, model->count * sizeof *model->nodes,
                               (model->count - 1) * sizeof *model->nodes);
    model->count -= 1;
}

static void drop_below(struct model *model, struct slice path)
{
    for (size_t i = 0; i < model->count;) {
        struct slice below = path_of(&model->nodes[i]);
        if (is_below(below, path)) {
            below = arena_copy(&model->events_arena, below);
            long long bytes = (long long)model->nodes[i].data_len;
            drop(model, &model->nodes[i]);
            change_quota(model, below, -bytes, -1);
        } else {
            i += 1;
        }
    }
}

static int32_t delete(struct model *model, struct slice path, int64_t zxid)
{
    struct model_node *parent = find(model, parent_of(path));
    if (parent == NULL) {
        return ZK_ERR_NONODE;
    }
    parent->stat.pzxid = MAX(parent->stat.pzxid, zxid);
    struct model_node *node = find(model, path);
    if (node == NULL) {
        return ZK_ERR_NONODE;
    }
    long long bytes = (long long)node->data_len;
    drop_below(model, path);
    drop(model, find(model, path));
    change_quota(model, path, -bytes, -1);
    event(model, ZK_EVENT_NODE_DELETED, path);
    event(model, ZK_EVENT_NODE_CHILDREN_CHANGED, parent_of(path));
    return ZK_ERR_OK;
}

static int32_t set_data(struct model *model,
                        const struct zk_txn_header *header,
                        const struct zk_set_data_txn *txn)
{
    struct model_node *node = find(model, txn->path);
    if (node == NULL) {
        return ZK_ERR_NONODE;
    }
    long long growth = (long long)txn->data.len - (long long)node->data_len;
    put_data(node, txn->data);
    node->stat.mzxid = header->zxid;
    node->stat.mtime = header->time;
    node->stat.version = txn->version;
    change_quota(model, txn->path, growth, 0);
    event(model, ZK_EVENT_NODE_DATA_CHANGED, txn->path);
    return ZK_ERR_OK;
}

static int32_t set_acl(struct model *model, const struct zk_set_acl_txn *txn)
{
    struct model_node *node = find(model, txn->path);
    if (node == NULL) {
        return ZK_ERR_NONODE;
    }
    node->acl = pool_acl(txn->acl, txn->acl_count);
    node->acl_count = txn->acl_count;
    node->stat.aversion = txn->version;
    return ZK_ERR_OK;
}

static int order_of_paths(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The session's own paths in byte order. */
static size_t session_paths(const struct model *model,
                            int64_t session,
                            struct arena *arena,
                            struct slice **paths)
{
    *paths = ARENA_ARRAY(arena, struct slice, model->count);
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        int64_t owner = model->nodes[i].stat.ephemeral_owner;
        if (owner == session && tree_ephemeral_kind(&model->config, owner) == EPHEMERAL_NORMAL) {
            (*paths)[count] = arena_copy(arena, path_of(&model->nodes[i]));
            count += 1;
        }
    }
    qsort(*paths, count, sizeof **paths, order_of_paths);
    return count;
}

static void close_session(struct model *model, const struct txn *txn)
{
    const struct zk_close_session_txn *record = &txn->record.close_session;
    struct slice *paths = NULL;
    for (int32_t i = 0; txn->close_session_has_paths && i < record->paths_to_delete_count; i++) {
        delete (model, record->paths_to_delete[i], txn->header.zxid);
    }
    size_t count = session_paths(model, txn->header.client_id, &model->events_arena, &paths);
    for (size_t i = 0; i < count; i++) {
        delete (model, paths[i], txn->header.zxid);
    }
    u64_map_remove(&model->sessions, (uint64_t)txn->header.client_id, NULL);
}

static int32_t apply_one(struct model *model, const struct txn *txn)
{
    const struct zk_txn_header *header = &txn->header;
    struct made made;
    switch (header->type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2: {
        const struct zk_create_txn *c = &txn->record.create;
        made = (struct made){c->path,
                             c->data,
                             c->acl,
                             c->acl_count,
                             c->parent_cversion,
                             c->ephemeral ? header->client_id : 0};
        return create(model, header, &made);
    }
    case ZK_OP_CREATE_TTL: {
        const struct zk_create_ttl_txn *c = &txn->record.create_ttl;
        made = (struct made){c->path,
                             c->data,
                             c->acl,
                             c->acl_count,
                             c->parent_cversion,
                             (int64_t)(UINT64_C(0xff) << 56) | c->ttl};
        return create(model, header, &made);
    }
    case ZK_OP_CREATE_CONTAINER: {
        const struct zk_create_container_txn *c = &txn->record.create_container;
        made = (struct made){c->path, c->data, c->acl, c->acl_count, c->parent_cversion, INT64_MIN};
        return create(model, header, &made);
    }
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        return delete (model, txn->record.delete.path, header->zxid);
    case ZK_OP_SET_DATA:
    case ZK_OP_RECONFIG:
        return set_data(model, header, &txn->record.set_data);
    case ZK_OP_SET_ACL:
        return set_acl(model, &txn->record.set_acl);
    case ZK_OP_CREATE_SESSION:
        u64_map_put(&model->sessions, (uint64_t)header->client_id,
                    (uint64_t)txn->record.create_session.timeout_ms);
        return ZK_ERR_OK;
    case ZK_OP_CLOSE_SESSION:
        close_session(model, txn);
        return ZK_ERR_OK;
    case ZK_OP_ERROR:
        return txn->record.error.err;
    default:
        return ZK_ERR_OK;
    }
}

static int32_t apply_multi(struct model *model, const struct txn *txn)
{
    const struct zk_multi_txn *multi = &txn->record.multi;
    int32_t first = ZK_ERR_OK;
    int32_t failing = multi->txns_count;
    for (int32_t i = multi->txns_count; i > 0; i--) {
        failing = multi->txns[i - 1].type == ZK_OP_ERROR ? i - 1 : failing;
    }
    for (int32_t i = 0; i < multi->txns_count; i++) {
        struct txn part;
        int32_t error = i < failing ? ZK_ERR_OK : ZK_ERR_RUNTIMEINCONSISTENCY;
        assert_int_equal(txn_decode_part(txn, i, &model->events_arena, &part), ERR_OK);
        if (failing == multi->txns_count || part.header.type == ZK_OP_ERROR) {
            error = apply_one(model, &part);
        }
        first = first == ZK_ERR_OK ? error : first;
    }
    return first;
}

int32_t model_apply(struct model *model, const struct txn *txn)
{
    arena_clear(&model->events_arena);
    model->event_count = 0;
    model->last_zxid = MAX(model->last_zxid, txn->header.zxid);
    return txn->header.type == ZK_OP_MULTI ? apply_multi(model, txn) : apply_one(model, txn);
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void assert_slice_equal(struct slice a, struct slice b)
{
    assert_int_equal(a.len, b.len);
    assert_true(slice_equal(a, b));
}

static void compare_acl(const struct model_node *expected,
                        const struct zk_acl *entries,
                        int32_t count)
{
    static const struct zk_acl open[] = {{31, {SLICE_LIT("world"), SLICE_LIT("anyone")}}};
    const struct zk_acl *wanted = expected->acl_count < 0 ? open : expected->acl;
    int32_t wanted_count = expected->acl_count < 0 ? 1 : expected->acl_count;
    assert_int_equal(count, wanted_count);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].perms, wanted[i].perms);
        assert_slice_equal(entries[i].id.scheme, wanted[i].id.scheme);
        assert_slice_equal(entries[i].id.id, wanted[i].id.id);
    }
}

static void compare_stat(const struct model *model,
                         const struct model_node *expected,
                         const struct zk_stat *stat)
{
    const struct zk_stat_persisted *wanted = &expected->stat;
    int32_t children = child_count(model, path_of(expected));
    bool is_session = tree_ephemeral_kind(&model->config, wanted->ephemeral_owner) ==
                      EPHEMERAL_NORMAL;
    assert_int_equal(stat->czxid, wanted->czxid);
    assert_int_equal(stat->mzxid, wanted->mzxid);
    assert_int_equal(stat->pzxid, wanted->pzxid);
    assert_int_equal(stat->ctime, wanted->ctime);
    assert_int_equal(stat->mtime, wanted->mtime);
    assert_int_equal(stat->version, wanted->version);
    assert_int_equal(stat->aversion, wanted->aversion);
    assert_int_equal(stat->cversion, wanted->cversion * 2 - children);
    assert_int_equal(stat->num_children, children);
    assert_int_equal(stat->ephemeral_owner, is_session ? wanted->ephemeral_owner : 0);
}

static void put_u64(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

/* DigestCalculator, with zlib's CRC. */
static uint64_t node_digest(const struct model_node *node)
{
    if (is_below(path_of(node), SLICE_LIT("/zookeeper"))) {
        return 0;
    }
    uint8_t b[60];
    put_u64(b, (uint64_t)node->stat.czxid, 8);
    put_u64(b + 8, (uint64_t)node->stat.mzxid, 8);
    put_u64(b + 16, (uint64_t)node->stat.pzxid, 8);
    put_u64(b + 24, (uint64_t)node->stat.ctime, 8);
    put_u64(b + 32, (uint64_t)node->stat.mtime, 8);
    put_u64(b + 40, (uint32_t)node->stat.version, 4);
    put_u64(b + 44, (uint32_t)node->stat.cversion, 4);
    put_u64(b + 48, (uint32_t)node->stat.aversion, 4);
    put_u64(b + 52, (uint64_t)node->stat.ephemeral_owner, 8);
    uLong crc = crc32(0, node->path, (uInt)node->path_len);
    crc = crc32(crc, node->data, (uInt)node->data_len);
    return crc32(crc, b, sizeof b);
}

static void compare_node(const struct model *model,
                         const struct model_node *expected,
                         const struct tree *tree,
                         bool is_loaded)
{
    struct slice path = path_of(expected);
    const struct znode *node = tree_find(tree, path);
    struct zk_stat stat;
    int32_t acl_count = 0;
    assert_non_null(node);
    znode_stat(tree, node, &stat);
    compare_stat(model, expected, &stat);
    const struct zk_acl *entries = znode_acl(tree, node, &acl_count);
    compare_acl(expected, entries, acl_count);
    struct slice data = znode_data(tree, node);
    assert_int_equal(stat.data_length, data.len);
    if (!is_loaded || !is_stat_path(path)) {
        assert_slice_equal(data, data_of(expected));
        assert_int_equal(slice_is_null(data), expected->is_null);
    }
    struct zk_stat_persisted persisted;
    znode_stat_persisted(tree, node, &persisted);
    assert_true(codec_equal(&zk_stat_persisted_message, 0, &persisted, &expected->stat));

    int32_t children = 0;
    for (const struct znode *child = znode_first_child(tree, node); child != NULL;
         child = znode_next_sibling(tree, child)) {
        assert_ptr_equal(znode_parent(tree, child), node);
        children += 1;
    }
    assert_int_equal(children, stat.num_children);
}

struct path_list {
    const struct slice *paths;
    size_t count;
    size_t at;
};

static void expect_path(void *ctx, struct slice path)
{
    struct path_list *list = ctx;
    assert_true(list->at < list->count);
    assert_slice_equal(path, list->paths[list->at]);
    list->at += 1;
}

struct owner_walk {
    const struct model *model;
    const struct tree *tree;
    int64_t last;
    size_t ephemerals;
};

static void compare_owner(void *ctx, int64_t session_id, uint64_t count)
{
    struct owner_walk *walk = ctx;
    struct arena arena;
    struct slice *paths = NULL;
    arena_init(&arena, 4096, SIZE_MAX / 2);
    struct path_list list = {.count = session_paths(walk->model, session_id, &arena, &paths)};
    list.paths = paths;
    assert_true(session_id > walk->last);
    assert_int_equal(count, list.count);
    tree_each_ephemeral(walk->tree, session_id, expect_path, &list);
    assert_int_equal(list.at, list.count);
    walk->last = session_id;
    walk->ephemerals += list.count;
    arena_release(&arena);
}

struct container_walk {
    const struct model *model;
    size_t count;
};

static void compare_container(void *ctx, struct slice path, const struct znode *node)
{
    struct container_walk *walk = ctx;
    const struct model_node *expected = find(walk->model, path);
    assert_non_null(expected);
    assert_non_null(node);
    enum ephemeral_kind kind = tree_ephemeral_kind(&walk->model->config,
                                                   expected->stat.ephemeral_owner);
    assert_true(kind == EPHEMERAL_CONTAINER || kind == EPHEMERAL_TTL);
    walk->count += 1;
}

static void compare_owners(const struct model *model, const struct tree *tree)
{
    struct owner_walk owners = {.model = model, .tree = tree, .last = INT64_MIN};
    struct container_walk containers = {.model = model};
    size_t ephemerals = 0;
    size_t others = 0;
    tree_each_ephemeral_owner(tree, compare_owner, &owners);
    tree_each_container(tree, compare_container, &containers);
    for (size_t i = 0; i < model->count; i++) {
        int64_t owner = model->nodes[i].stat.ephemeral_owner;
        enum ephemeral_kind kind = tree_ephemeral_kind(&model->config, owner);
        ephemerals += kind == EPHEMERAL_NORMAL;
        others += kind == EPHEMERAL_CONTAINER || kind == EPHEMERAL_TTL;
    }
    assert_int_equal(owners.ephemerals, ephemerals);
    assert_int_equal(tree->ephemerals_count, ephemerals);
    assert_int_equal(containers.count, others);
}

void model_compare(const struct model *model, const struct tree *tree, bool is_loaded)
{
    uint64_t digest = 0;
    int64_t bytes = 1;
    for (size_t i = 0; i < model->count; i++) {
        compare_node(model, &model->nodes[i], tree, is_loaded);
        digest += node_digest(&model->nodes[i]);
        bytes += (int64_t)(model->nodes[i].path_len + model->nodes[i].data_len);
    }
    assert_int_equal(tree->node_count, model->count + 1);
    assert_int_equal(tree->digest, model->config.digest_enabled ? digest : 0);
    if (!is_loaded) {
        assert_int_equal(tree->approximate_data_size, bytes);
        assert_int_equal(tree->last_processed_zxid, model->last_zxid);
    }
    assert_int_equal(tree->sessions.count, model->sessions.count);
    size_t position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    while (u64_map_next(&model->sessions, &position, &id, &timeout_ms)) {
        uint64_t actual = 0;
        assert_true(u64_map_get(&tree->sessions, id, &actual));
        assert_int_equal(actual, timeout_ms);
    }
    compare_owners(model, tree);
}

void model_compare_events(const struct model *model, const struct tree *tree)
{
    assert_int_equal(tree->change_count, model->event_count);
    for (size_t i = 0; i < model->event_count; i++) {
        const struct tree_change *change = &tree->changes[i];
        const struct model_event *expected = &model->events[i];
        assert_int_equal(change->type, expected->type);
        assert_slice_equal(change->path, expected->path);
        const struct model_node *node = find(model, expected->path);
        if (node != NULL && expected->type != ZK_EVENT_NODE_DELETED) {
            assert_true(change->acl != NULL || change->acl_count == 0);
        }
    }
}
