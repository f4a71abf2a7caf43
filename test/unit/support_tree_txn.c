/* support_tree_txn.c - random transactions.
 *
 * A small world of names, so that the same paths come and go; sizes of names and data on both sides
 * of every limit in the tree's layout; a few sessions; quotas with readable and unreadable content.
 */
#include "support_tree.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEPTH_MAX 5
#define LONG_NAME 1500

static const struct zk_acl pool_open[] = {{31, {SLICE_LIT("world"), SLICE_LIT("anyone")}}};
static const struct zk_acl pool_read[] = {{1, {SLICE_LIT("world"), SLICE_LIT("anyone")}}};
static const struct zk_acl pool_digest[] = {{31, {SLICE_LIT("digest"), SLICE_LIT("bob:aGFzaA==")}}};
static const struct zk_acl pool_many[] = {
    {1, {SLICE_LIT("ip"), SLICE_LIT("127.0.0.0/8")}},
    {3, {SLICE_LIT("digest"), SLICE_LIT("eve:c2VjcmV0")}},
    {31, {SLICE_LIT("x509"), SLICE_LIT("CN=a")}},
};
static const struct zk_acl pool_empty[] = {{0, {{NULL, 0}, {NULL, 0}}}};

static const struct {
    const struct zk_acl *entries;
    int32_t count;
} pool[] = {
    {pool_open, 1}, {pool_open, 1}, {pool_read, 1},  {pool_digest, 1},
    {pool_many, 3}, {NULL, -1},     {pool_empty, 0},
};

static struct zk_acl *pick_acl(struct random *random, int32_t *count)
{
    size_t i = random_below(random, ARRAY_LEN(pool));
    *count = pool[i].count;
    return (struct zk_acl *)(uintptr_t)pool[i].entries;
}

const struct zk_acl *pool_acl(const struct zk_acl *entries, int32_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(pool); i++) {
        if (pool[i].count == count &&
            (count <= 0 || codec_equal(&zk_acl_message, 0, &pool[i].entries[0], &entries[0]))) {
            return pool[i].entries;
        }
    }
    fail();
    return NULL;
}

static struct slice pick_name(struct random *random, struct arena *arena)
{
    static const char *const names[] = {"a",   "b", "c", "lock-0000000001", "\xc3\xa9t\xc3\xa9",
                                        "x.y", "A"};
    if (random_chance(random, 1, 40)) {
        uint8_t *name = arena_alloc(arena, LONG_NAME);
        size_t len = 1000 + random_below(random, LONG_NAME - 1000);
        memset(name, 'n', len);
        return slice_of(name, len);
    }
    return slice_of_cstr(names[random_below(random, ARRAY_LEN(names))]);
}

static struct slice pick_data(struct random *random, struct arena *arena)
{
    static const size_t sizes[] = {0, 1, 8, 30, 100, 101, 300, 900, 1900, 2100, 6000};
    if (random_chance(random, 1, 12)) {
        return SLICE_NULL;
    }
    size_t len = sizes[random_below(random, ARRAY_LEN(sizes))];
    uint8_t *data = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)random_next(random);
    }
    return slice_of(data, len);
}

static struct slice join(struct arena *arena, struct slice parent, struct slice name)
{
    uint8_t *path = arena_alloc(arena, parent.len + 1 + name.len);
    if (parent.len > 0) {
        memcpy(path, parent.ptr, parent.len);
    }
    path[parent.len] = '/';
    memcpy(path + parent.len + 1, name.ptr, name.len);
    return slice_of(path, parent.len + 1 + name.len);
}

static size_t depth_of(struct slice path)
{
    size_t depth = 0;
    for (size_t i = 0; i < path.len; i++) {
        depth += path.ptr[i] == '/';
    }
    return depth;
}

/* The path of some node, as a copy. */
static struct slice pick_node(struct txn_source *source,
                              const struct model *model,
                              struct arena *arena)
{
    const struct model_node *node = &model->nodes[random_below(&source->random, model->count)];
    return arena_copy(arena, slice_of(node->path, node->path_len));
}

static bool has_children(const struct model *model, struct slice path)
{
    for (size_t i = 0; i < model->count; i++) {
        struct slice other = slice_of(model->nodes[i].path, model->nodes[i].path_len);
        if (other.len > path.len && slice_starts_with(other, path) && other.ptr[path.len] == '/') {
            return true;
        }
    }
    return false;
}

static bool is_special(struct slice path)
{
    return path.len == 0 || slice_equal_cstr(path, "/zookeeper") ||
           slice_equal_cstr(path, "/zookeeper/quota") ||
           slice_equal_cstr(path, "/zookeeper/config");
}

/* A path to create: mostly new and below a node that is there. */
static struct slice pick_new_path(struct txn_source *source,
                                  const struct model *model,
                                  struct arena *arena)
{
    static const char *const quota_names[] = {"zookeeper_limits", "zookeeper_stats", "a", "b"};
    struct random *random = &source->random;
    struct slice parent = pick_node(source, model, arena);
    if (random_chance(random, 1, 20)) {
        /* perhaps there is no such parent */
        parent = join(arena, parent, pick_name(random, arena));
    }
    if (depth_of(parent) >= DEPTH_MAX) {
        parent = SLICE_LIT("");
    }
    struct slice name = pick_name(random, arena);
    if (slice_starts_with(parent, SLICE_LIT("/zookeeper/quota")) || random_chance(random, 1, 20)) {
        name = slice_of_cstr(quota_names[random_below(random, ARRAY_LEN(quota_names))]);
        if (!slice_starts_with(parent, SLICE_LIT("/zookeeper/quota"))) {
            parent = SLICE_LIT("/zookeeper/quota");
            name = SLICE_LIT("a");
        }
    }
    return join(arena, parent, name);
}

static struct slice pick_quota_data(struct random *random)
{
    static const char *const texts[] = {
        NULL,
        "",
        "count",
        "count=x,bytes=1",
        "count=9223372036854775808,bytes=1",
        ";;",
        "count=3,bytes=40",
        "count=-1,bytes=-1",
        "count=5,bytes=6=;byteHardLimit=7",
    };
    size_t i = random_below(random, ARRAY_LEN(texts));
    return slice_of_cstr(texts[i]);
}

static bool ends_with(struct slice path, const char *name)
{
    size_t len = strlen(name);
    return path.len >= len && slice_equal_cstr(slice_part(path, path.len - len, path.len), name);
}

static struct slice pick_data_for(struct txn_source *source, struct slice path, struct arena *arena)
{
    if (ends_with(path, "/zookeeper_stats") || ends_with(path, "/zookeeper_limits")) {
        return pick_quota_data(&source->random);
    }
    return pick_data(&source->random, arena);
}

static int32_t pick_parent_cversion(struct txn_source *source,
                                    const struct model *model,
                                    struct slice path)
{
    size_t len = path.len;
    while (len > 0 && path.ptr[len - 1] != '/') {
        len -= 1;
    }
    const struct model_node *parent = model_find(model, slice_part(path, 0, len - 1));
    if (parent == NULL || random_chance(&source->random, 1, 20)) {
        return -1;
    }
    if (source->has_replays && random_chance(&source->random, 1, 5)) {
        return parent->stat.cversion - 1 + (int32_t)random_below(&source->random, 6);
    }
    return parent->stat.cversion + 1;
}

static void random_create(struct txn_source *source,
                          const struct model *model,
                          struct arena *arena,
                          struct txn *txn)
{
    struct random *random = &source->random;
    struct slice path = pick_new_path(source, model, arena);
    if (model_find(model, path) != NULL && !source->has_replays) {
        path = pick_new_path(source, model, arena);
    }
    struct slice data = pick_data_for(source, path, arena);
    int32_t acl_count = 0;
    struct zk_acl *acl = pick_acl(random, &acl_count);
    int32_t cversion = pick_parent_cversion(source, model, path);
    switch (random_below(random, 6)) {
    case 0:
        txn->header.type = ZK_OP_CREATE_TTL;
        txn->record.create_ttl = (struct zk_create_ttl_txn){
            path, data, acl, acl_count, cversion, 1 + (int64_t)random_below(random, TREE_TTL_MAX)};
        break;
    case 1:
        txn->header.type = ZK_OP_CREATE_CONTAINER;
        txn->record.create_container = (struct zk_create_container_txn){path, data, acl, acl_count,
                                                                        cversion};
        break;
    default:
        txn->header.type = random_chance(random, 1, 2) ? ZK_OP_CREATE : ZK_OP_CREATE2;
        txn->record.create = (struct zk_create_txn){
            path, data, acl, acl_count, random_chance(random, 1, 3), cversion};
        break;
    }
}

static void random_delete(struct txn_source *source,
                          const struct model *model,
                          struct arena *arena,
                          struct txn *txn)
{
    struct slice path = pick_node(source, model, arena);
    for (int i = 0; i < 10 && (is_special(path) || has_children(model, path)); i++) {
        if (source->has_replays && !is_special(path) && random_chance(&source->random, 1, 8)) {
            break;
        }
        path = pick_node(source, model, arena);
    }
    if (is_special(path) || (has_children(model, path) && !source->has_replays)) {
        path = SLICE_LIT("/absent/child");
    }
    txn->header.type = random_chance(&source->random, 1, 4) ? ZK_OP_DELETE_CONTAINER : ZK_OP_DELETE;
    txn->record.delete.path = path;
}

static void random_set_data(struct txn_source *source,
                            const struct model *model,
                            struct arena *arena,
                            struct txn *txn)
{
    struct slice path = pick_node(source, model, arena);
    const struct model_node *node = model_find(model, path);
    path = path.len == 0 ? SLICE_LIT("/") : path;
    txn->header.type = random_chance(&source->random, 1, 10) ? ZK_OP_RECONFIG : ZK_OP_SET_DATA;
    txn->record.set_data = (struct zk_set_data_txn){
        random_chance(&source->random, 1, 20) ? SLICE_LIT("/absent") : path,
        pick_data_for(source, path, arena), node->stat.version + 1};
}

static void random_set_acl(struct txn_source *source,
                           const struct model *model,
                           struct arena *arena,
                           struct txn *txn)
{
    struct slice path = pick_node(source, model, arena);
    const struct model_node *node = model_find(model, path);
    int32_t count = 0;
    struct zk_acl *acl = pick_acl(&source->random, &count);
    txn->header.type = ZK_OP_SET_ACL;
    path = path.len == 0 ? SLICE_LIT("/") : path;
    txn->record.set_acl = (struct zk_set_acl_txn){path, acl, count, node->stat.aversion + 1};
}

static void random_close(struct txn_source *source,
                         const struct model *model,
                         struct arena *arena,
                         struct txn *txn)
{
    struct random *random = &source->random;
    struct slice *paths = ARENA_ARRAY(arena, struct slice, model->count + 1);
    int32_t count = 0;
    txn->header.type = ZK_OP_CLOSE_SESSION;
    txn->close_session_has_paths = random_chance(random, 2, 3);
    for (size_t i = 0; i < model->count && txn->close_session_has_paths; i++) {
        if (model->nodes[i].stat.ephemeral_owner == txn->header.client_id &&
            random_chance(random, 7, 8)) {
            paths[count] = arena_copy(arena,
                                      slice_of(model->nodes[i].path, model->nodes[i].path_len));
            count += 1;
        }
    }
    if (txn->close_session_has_paths) {
        paths[count] = SLICE_LIT("/zookeeper/gone");
        count += random_chance(random, 1, 2);
        txn->record.close_session = (struct zk_close_session_txn){paths, count};
    }
}

static const struct codec_message *part_message(int32_t type)
{
    switch (type) {
    case ZK_OP_CREATE_TTL:
        return &zk_create_ttl_txn_message;
    case ZK_OP_CREATE_CONTAINER:
        return &zk_create_container_txn_message;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        return &zk_delete_txn_message;
    case ZK_OP_SET_DATA:
        return &zk_set_data_txn_message;
    case ZK_OP_CHECK:
        return &zk_check_version_txn_message;
    case ZK_OP_ERROR:
        return &zk_error_txn_message;
    default:
        return &zk_create_txn_message;
    }
}

static void random_part(struct txn_source *source,
                        const struct model *model,
                        struct arena *arena,
                        struct txn *part)
{
    struct random *random = &source->random;
    switch (random_below(random, 12)) {
    case 0:
        part->header.type = ZK_OP_CHECK;
        part->record.check_version = (struct zk_check_version_txn){pick_node(source, model, arena),
                                                                   0};
        break;
    case 1:
        part->header.type = ZK_OP_ERROR;
        part->record.error.err = ZK_ERR_NOTEMPTY;
        break;
    case 2:
    case 3:
    case 4:
        random_set_data(source, model, arena, part);
        part->header.type = ZK_OP_SET_DATA;
        break;
    case 5:
    case 6:
        random_delete(source, model, arena, part);
        break;
    default:
        random_create(source, model, arena, part);
        break;
    }
}

static void random_multi(struct txn_source *source,
                         const struct model *model,
                         struct arena *arena,
                         struct txn *txn)
{
    int32_t count = (int32_t)random_below(&source->random, 6);
    struct zk_txn *parts = ARENA_ARRAY(arena, struct zk_txn, count + 1);
    for (int32_t i = 0; i < count; i++) {
        struct buffer bytes;
        struct txn part = {.header = txn->header};
        random_part(source, model, arena, &part);
        buffer_init(&bytes, SIZE_MAX);
        int error = codec_encode(part_message(part.header.type), 0, &part.record, &bytes);
        assert_int_equal(error, ERR_OK);
        parts[i] = (struct zk_txn){part.header.type, arena_copy(arena, buffer_slice(&bytes))};
        buffer_release(&bytes);
    }
    txn->header.type = ZK_OP_MULTI;
    txn->record.multi = (struct zk_multi_txn){parts, count};
}

void random_txn(struct txn_source *source,
                const struct model *model,
                struct arena *arena,
                struct txn *txn)
{
    static const int64_t sessions[] = {0x100000000000001, 0x200000000000007, -5,
                                       0x7fffffffffffff00};
    struct random *random = &source->random;
    *txn = (struct txn){0};
    source->zxid += 1;
    txn->header = (struct zk_txn_header){
        .client_id = sessions[random_below(random, ARRAY_LEN(sessions))],
        .cxid = (int32_t)random_below(random, 1000),
        .zxid = source->zxid,
        .time = 1700000000000 + source->zxid,
    };
    if (source->has_replays && random_chance(random, 1, 20) && source->zxid > 50) {
        txn->header.zxid -= (int64_t)random_below(random, 50);
    }
    uint64_t kind = random_below(random, 100);
    if (kind < 40 && model->count < 150) {
        random_create(source, model, arena, txn);
    } else if (kind < 58) {
        random_delete(source, model, arena, txn);
    } else if (kind < 75) {
        random_set_data(source, model, arena, txn);
    } else if (kind < 82) {
        random_set_acl(source, model, arena, txn);
    } else if (kind < 92) {
        random_multi(source, model, arena, txn);
    } else if (kind < 96) {
        txn->header.type = ZK_OP_CREATE_SESSION;
        txn->record.create_session.timeout_ms = 4000 + (int32_t)random_below(random, 1000);
    } else if (kind < 98) {
        random_close(source, model, arena, txn);
    } else {
        txn->header.type = ZK_OP_ERROR;
        txn->record.error.err = ZK_ERR_BADVERSION;
    }
    txn->has_digest = random_chance(random, 1, 2);
    txn->digest = (struct zk_txn_digest){2, (int64_t)random_next(random)};
}

struct tree_config random_tree_config(struct random *random)
{
    return (struct tree_config){
        .hash_key = {random_next(random), random_next(random)},
        .digest_enabled = random_chance(random, 3, 4),
        .extended_types_enabled = random_chance(random, 3, 4),
        .emulate_353_ttl_nodes = random_chance(random, 1, 4),
    };
}

void txn_through_bytes(const struct txn *txn,
                       struct buffer *bytes,
                       struct arena *arena,
                       struct txn *again)
{
    buffer_clear(bytes, SIZE_MAX);
    txn_encode(txn, bytes);
    assert_int_equal(txn_decode(buffer_slice(bytes), arena, again), ERR_OK);
    assert_int_equal(again->has_digest, txn->has_digest);
    assert_true(codec_equal(&zk_txn_header_message, 0, &again->header, &txn->header));
}
