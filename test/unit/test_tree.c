/* The tree against the naive one: random transactions through bytes into both, every answer
 * compared. Then single facts, and Apache's own snapshots and logs with the digests that Apache
 * computed. */
#include "support_tree.h"

#include "base/memory.h"
#include "zookeeper/core/tree_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SEEDS 60
#define TRANSACTIONS 400

static const struct tree_config plain = {.hash_key = {1, 2},
                                         .digest_enabled = true,
                                         .extended_types_enabled = true};

static void run_seed(uint64_t seed)
{
    struct txn_source source = {.has_replays = seed % 2 == 0};
    random_init(&source.random, seed);
    struct tree_config config = random_tree_config(&source.random);
    struct model model;
    struct tree tree;
    struct arena arena;
    struct buffer bytes;
    size_t used = mem_used();
    model_init(&model, &config);
    tree_init(&tree, &config);
    arena_init(&arena, 65536, (size_t)1 << 30);
    buffer_init(&bytes, SIZE_MAX);
    for (int i = 0; i < TRANSACTIONS; i++) {
        struct txn made;
        struct txn txn;
        struct tree_result result;
        arena_clear(&arena);
        random_txn(&source, &model, &arena, &made);
        txn_through_bytes(&made, &bytes, &arena, &txn);
        bool is_replay = random_chance(&source.random, 1, 10);
        int32_t expected = model_apply(&model, &made);
        tree_apply(&tree, &txn, is_replay ? NULL : &result);
        if (!is_replay) {
            assert_int_equal(result.error, expected);
            assert_int_equal(result.type, txn.header.type);
            model_compare_events(&model, &tree);
        }
        model_compare(&model, &tree, false);
        if (i % 8 == 0) {
            tree_check(&tree);
        }
    }
    model_release(&model);
    tree_release(&tree);
    arena_release(&arena);
    buffer_release(&bytes);
    assert_int_equal(mem_used(), used);
}

static void test_random_against_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed);
    }
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void check_stat(const struct tree *tree,
                       const char *path,
                       int32_t cversion,
                       int32_t aversion,
                       int32_t children)
{
    struct zk_stat stat;
    znode_stat(tree, tree_find(tree, slice_of_cstr(path)), &stat);
    struct zk_stat expected = {
        .cversion = cversion, .aversion = aversion, .num_children = children};
    assert_true(codec_equal(&zk_stat_message, 0, &stat, &expected));
}

/* As a fresh Apache server shows it: srvr says 5 nodes, mntr a size of 44, stat / a cversion of
 * -1. */
static void test_fresh(void **state)
{
    (void)state;
    struct tree tree;
    tree_init(&tree, &plain);
    assert_int_equal(tree.node_count, 5);
    assert_int_equal(tree.approximate_data_size, 44);
    assert_int_equal(tree.ephemerals_count, 0);
    assert_ptr_equal(tree_find(&tree, SLICE_LIT("")), tree_find(&tree, SLICE_LIT("/")));
    check_stat(&tree, "/", -1, 0, 1);
    check_stat(&tree, "/zookeeper", -2, 0, 2);
    check_stat(&tree, "/zookeeper/quota", 0, 0, 0);
    check_stat(&tree, "/zookeeper/config", 0, -1, 0);
    assert_int_equal(tree_descendant_count(&tree, tree_find(&tree, SLICE_LIT("/"))), 3);
    assert_int_equal(tree_descendant_count(&tree, tree_find(&tree, SLICE_LIT("/zookeeper"))), 2);
    tree_check(&tree);
    tree_release(&tree);
}

static struct tree_result apply(struct tree *tree, int64_t zxid, struct txn txn)
{
    struct tree_result result;
    txn.header.zxid = zxid;
    tree_apply(tree, &txn, &result);
    return result;
}

static int32_t create(struct tree *tree, int64_t zxid, const char *path, const char *data)
{
    struct txn txn = {.header.type = ZK_OP_CREATE};
    txn.record.create = (struct zk_create_txn){.path = slice_of_cstr(path),
                                               .data = slice_of_cstr(data),
                                               .acl_count = -1,
                                               .parent_cversion = -1};
    return apply(tree, zxid, txn).error;
}

static int32_t delete_path(struct tree *tree, int64_t zxid, struct slice path)
{
    struct txn txn = {.header.type = ZK_OP_DELETE};
    txn.record.delete.path = path;
    return apply(tree, zxid, txn).error;
}

/* What no server writes must not end this one. */
static void test_hostile_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {
        NULL,  "",    "/",   "//",    "a",
        "a/b", "/a/", "//a", "/a//b", "/zookeeper/quota/zookeeper_limits"};
    struct tree tree;
    tree_init(&tree, &plain);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct txn txn = {.header.type = ZK_OP_SET_DATA};
        txn.record.set_data.path = slice_of_cstr(paths[i]);
        int32_t error = create(&tree, 1 + (int64_t)i, paths[i], "count=1,bytes=1");
        bool is_path = i + 1 == ARRAY_LEN(paths);
        assert_true(is_path ? error == ZK_ERR_OK
                            : error == ZK_ERR_BADARGUMENTS || error == ZK_ERR_NONODE);
        (void)apply(&tree, 100, txn);
        error = delete_path(&tree, 200, slice_of_cstr(paths[i]));
        assert_true(is_path ? error == ZK_ERR_OK
                            : error == ZK_ERR_BADARGUMENTS || error == ZK_ERR_NONODE);
        tree_check(&tree);
    }
    assert_true(slice_is_null(tree_quota_path(&tree, SLICE_LIT("/a"))));
    assert_int_equal(delete_path(&tree, 300, SLICE_LIT("/zookeeper")), ZK_ERR_OK);
    assert_int_equal(create(&tree, 301, "/x", ""), ZK_ERR_OK);
    tree_check(&tree);
    tree_release(&tree);
}

/* The events' ACL is the one that the node had, even when nobody else has that list any more. */
static void test_event_acl(void **state)
{
    (void)state;
    static struct zk_acl list[] = {{1, {SLICE_LIT("digest"), SLICE_LIT("bob:x")}}};
    struct tree tree;
    struct txn txn = {.header.type = ZK_OP_CREATE};
    tree_init(&tree, &plain);
    txn.record.create = (struct zk_create_txn){
        .path = SLICE_LIT("/a"), .acl = list, .acl_count = 1, .parent_cversion = 1};
    assert_int_equal(apply(&tree, 1, txn).error, ZK_ERR_OK);
    assert_int_equal(delete_path(&tree, 2, SLICE_LIT("/a")), ZK_ERR_OK);
    assert_int_equal(tree.change_count, 2);
    assert_int_equal(tree.changes[0].type, ZK_EVENT_NODE_DELETED);
    assert_int_equal(tree.changes[0].acl_count, 1);
    assert_true(slice_equal_cstr(tree.changes[0].acl[0].id.id, "bob:x"));
    assert_int_equal(tree.changes[1].acl[0].perms, ZK_PERM_ALL);
    assert_true(slice_equal_cstr(tree.changes[1].path, "/"));
    assert_int_equal(tree.acls.by_content.count, 1); /* that of /zookeeper/config */
    tree_release(&tree);
}

/* The same nodes by different ways have the same digests. */
static void test_digest_without_history(void **state)
{
    (void)state;
    struct tree one;
    struct tree two;
    tree_init(&one, &plain);
    tree_init(&two, &(struct tree_config){.hash_key = {9, 9}});
    assert_int_equal(tree_digest(&one), tree_digest(&two));
    char path[32];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(path, sizeof path, "/n%d", i);
        create(&one, 5, path, "x");
        (void)snprintf(path, sizeof path, "/n%d", 499 - i);
        create(&two, 5, path, "x");
    }
    assert_int_equal(tree_digest(&one), tree_digest(&two));
    create(&one, 5, "/extra", "x");
    assert_int_not_equal(tree_digest(&one), tree_digest(&two));
    create(&two, 5, "/extra", "y");
    assert_int_not_equal(tree_digest(&one), tree_digest(&two));
    tree_release(&one);
    tree_release(&two);
}

/* Enough nodes for the index to grow, split and shrink in count, and for all memory to come
 * back. */
static void test_many(void **state)
{
    (void)state;
    const int count = 60000;
    struct tree tree;
    char path[64];
    size_t used = mem_used();
    tree_init(&tree, &plain);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "/n%d", i);
        assert_int_equal(create(&tree, i + 1, path, "0123456789"), ZK_ERR_OK);
    }
    tree_check(&tree);
    assert_int_equal(tree.node_count, count + 5);
    size_t full = mem_used();
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "/n%d", (int)((i * 7919L) % count));
        assert_int_equal(delete_path(&tree, count + i, slice_of_cstr(path)), ZK_ERR_OK);
    }
    tree_check(&tree);
    check_stat(&tree, "/zookeeper", -2, 0, 2);
    assert_int_equal(tree.node_count, 5);
    assert_true(mem_used() - used < (full - used) / 4);
    tree_release(&tree);
    assert_int_equal(mem_used(), used);
}

/* ---- what Apache wrote ----------------------------------------------------------------------- */

struct file {
    uint8_t bytes[65536];
    size_t len;
};

static void read_sample(const char *name, struct file *file)
{
    char path[256];
    (void)snprintf(path, sizeof path, "test/interop/sample_data/%s", name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    file->len = fread(file->bytes, 1, sizeof file->bytes, stream);
    assert_true(file->len > 0 && file->len < sizeof file->bytes);
    assert_int_equal(fclose(stream), 0);
}

static int read_file(void *ctx, void *bytes, size_t len, size_t *got)
{
    struct slice *rest = ctx;
    *got = MIN(len, rest->len);
    memcpy(bytes, rest->ptr, *got);
    *rest = slice_part(*rest, *got, rest->len);
    return ERR_OK;
}

/* Behind the body: the sum of the file and "/", then the digest's zxid, version and value. */
static void load_sample(const char *name, struct tree *tree, int64_t *zxid, uint64_t *digest)
{
    static struct file file;
    struct slice ahead;
    read_sample(name, &file);
    struct slice rest = slice_of(file.bytes + 16, file.len - 16);
    struct tree_source source = {read_file, &rest};
    tree_init(tree, &plain);
    assert_int_equal(tree_load(tree, &source, 1 << 20, &ahead), ERR_OK);
    tree_check(tree);
    assert_true(ahead.len >= 13 + 20);
    *zxid = (int64_t)load_be64(ahead.ptr + 13);
    assert_int_equal(load_be32(ahead.ptr + 21), TREE_DIGEST_VERSION);
    *digest = load_be64(ahead.ptr + 25);
}

/* Applies a log's transactions up to `last`; the tree's digest must be the one that Apache
 * computed. */
static int replay_sample(const char *name, struct tree *tree, int64_t last)
{
    static struct file file;
    struct arena arena;
    int compared = 0;
    read_sample(name, &file);
    arena_init(&arena, 4096, 1 << 24);
    for (size_t at = 16; at + 12 < file.len && load_be32(file.bytes + at + 8) != 0;) {
        size_t len = load_be32(file.bytes + at + 8);
        struct txn txn;
        struct slice bytes = slice_of(file.bytes + at + 12, len);
        at += 12 + len + 1;
        assert_int_equal(txn_decode(bytes, &arena, &txn), ERR_OK);
        if (txn.header.zxid <= tree->last_processed_zxid || txn.header.zxid > last) {
            continue;
        }
        tree_apply(tree, &txn, NULL);
        if (txn.has_digest) {
            assert_int_equal(txn.digest.version, TREE_DIGEST_VERSION);
            assert_int_equal((uint64_t)txn.digest.tree_digest, tree->digest);
            compared += 1;
        }
        struct buffer again;
        buffer_init(&again, SIZE_MAX);
        txn_encode(&txn, &again);
        assert_true(slice_equal(buffer_slice(&again), bytes));
        buffer_release(&again);
    }
    arena_release(&arena);
    return compared;
}

static void test_apache_sample(void **state)
{
    (void)state;
    struct tree tree;
    struct tree loaded;
    int64_t zxid = 0;
    uint64_t digest = 0;
    load_sample("snapshot.0", &tree, &zxid, &digest);
    assert_true(replay_sample("log.1", &tree, INT64_MAX) > 10);

    load_sample("snapshot.1a", &loaded, &zxid, &digest);
    assert_int_equal(zxid, 0x1a);
    assert_int_equal(loaded.digest, digest);
    assert_int_equal(tree.last_processed_zxid, zxid);
    assert_int_equal(tree.digest, digest);
    assert_int_equal(tree_digest(&loaded), tree_digest(&tree));
    tree_release(&loaded);

    load_sample("snapshot.31", &loaded, &zxid, &digest);
    assert_int_equal(loaded.digest, digest);
    assert_true(replay_sample("log.1b", &tree, zxid) > 10);
    assert_int_equal(tree.digest, digest);
    assert_int_equal(tree_digest(&loaded), tree_digest(&tree));
    tree_release(&loaded);
    tree_release(&tree);
}

struct past_digests {
    int64_t zxids[TREE_DIGESTS_KEPT];
    uint64_t digests[TREE_DIGESTS_KEPT];
    size_t count;
};

static void take_digest(void *ctx, int64_t zxid, uint64_t digest)
{
    struct past_digests *past = ctx;
    assert_true(past->count < TREE_DIGESTS_KEPT);
    past->zxids[past->count] = zxid;
    past->digests[past->count++] = digest;
}

static void apply_set(struct tree *tree, int64_t zxid)
{
    struct txn txn = {.header = {.zxid = zxid, .type = ZK_OP_SET_DATA, .time = zxid}};
    txn.record.set_data.path = SLICE_LIT("/");
    txn.record.set_data.version = (int32_t)zxid;
    tree_apply(tree, &txn, NULL);
}

/* DataTree.logZxidDigest: behind every 128th zxid, and the newest 1024. */
static void test_past_digests(void **state)
{
    (void)state;
    static struct past_digests past;
    uint64_t digests[1030] = {0};
    const int64_t epoch = INT64_C(3) << 32;
    struct tree tree;
    tree_init(&tree, &plain);
    tree_set_fuzzy_until(&tree, epoch + 128);
    apply_set(&tree, epoch + 127);
    apply_set(&tree, epoch + 128); /* still fuzzy */
    tree_each_digest(&tree, take_digest, &past);
    assert_int_equal(past.count, 0);
    for (int64_t i = 2; i < 1030; i++) {
        apply_set(&tree, epoch + 128 * i - 1);
        apply_set(&tree, epoch + 128 * i);
        digests[i] = tree.digest;
    }
    apply_set(&tree, epoch + 128 * 1029 + 1);
    tree_each_digest(&tree, take_digest, &past);
    assert_int_equal(past.count, 1024);
    for (size_t i = 0; i < past.count; i++) {
        assert_int_equal(past.zxids[i], epoch + 128 * (int64_t)(i + 6));
        assert_int_equal(past.digests[i], digests[i + 6]);
    }
    static struct file file;
    read_sample("snapshot.31", &file);
    struct slice rest = slice_of(file.bytes + 16, file.len - 16);
    struct tree_source source = {read_file, &rest};
    struct slice ahead;
    assert_int_equal(tree_load(&tree, &source, 1 << 20, &ahead), ERR_OK);
    past.count = 0;
    tree_each_digest(&tree, take_digest, &past);
    assert_int_equal(past.count, 0);
    tree_release(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_against_model),   cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_hostile_paths),          cmocka_unit_test(test_event_acl),
        cmocka_unit_test(test_digest_without_history), cmocka_unit_test(test_many),
        cmocka_unit_test(test_apache_sample),          cmocka_unit_test(test_past_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
