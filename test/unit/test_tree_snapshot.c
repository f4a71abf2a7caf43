/* Snapshots of a tree that changes meanwhile: what is loaded back is the tree of the beginning. And
 * loading: of every part of a body, of bodies with flipped bits, of what Apache writes. */
#include "support_tree.h"

#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/core/tree_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEEDS 300
#define WARM_UP 200
#define STRING_MAX 100000

/* ---- a source of bytes ----------------------------------------------------------------------- */

struct byte_source {
    struct slice rest;
    size_t most; /* bytes per read */
    int error;   /* instead of the end */
};

static int read_bytes(void *ctx, void *bytes, size_t len, size_t *got)
{
    struct byte_source *source = ctx;
    *got = MIN(MIN(len, source->most), source->rest.len);
    if (*got == 0 && source->error != ERR_OK) {
        return source->error;
    }
    if (*got > 0) {
        memcpy(bytes, source->rest.ptr, *got);
    }
    source->rest = slice_part(source->rest, *got, source->rest.len);
    return ERR_OK;
}

static int load_from(struct tree *tree, struct slice body, size_t most, struct slice *ahead)
{
    struct byte_source bytes = {body, most, ERR_OK};
    struct tree_source source = {read_bytes, &bytes};
    return tree_load(tree, &source, STRING_MAX, ahead);
}

/* ---- exactness ------------------------------------------------------------------------------- */

struct run {
    struct txn_source source;
    struct tree_config config;
    struct model model;
    struct tree tree;
    struct arena arena;
    struct buffer bytes;
};

static void run_start(struct run *run, uint64_t seed)
{
    *run = (struct run){.source = {.has_replays = seed % 2 == 0}};
    random_init(&run->source.random, seed);
    run->config = random_tree_config(&run->source.random);
    model_init(&run->model, &run->config);
    tree_init(&run->tree, &run->config);
    arena_init(&run->arena, 65536, (size_t)1 << 30);
    buffer_init(&run->bytes, SIZE_MAX);
}

static void run_end(struct run *run)
{
    model_release(&run->model);
    tree_release(&run->tree);
    arena_release(&run->arena);
    buffer_release(&run->bytes);
}

static void run_txn(struct run *run)
{
    struct txn txn;
    struct txn again;
    struct tree_result result;
    arena_clear(&run->arena);
    random_txn(&run->source, &run->model, &run->arena, &txn);
    txn_through_bytes(&txn, &run->bytes, &run->arena, &again);
    model_apply(&run->model, &txn);
    tree_apply(&run->tree, &again, &result);
}

/* The counts of quotas, which loading makes anew, stand in the body as they were. */
static void find_counts(const struct model *begun, struct slice body)
{
    for (size_t i = 0; i < begun->count; i++) {
        const struct model_node *node = &begun->nodes[i];
        struct slice path = slice_of(node->path, node->path_len);
        if (!slice_starts_with(path, SLICE_LIT("/zookeeper/quota/"))) {
            continue;
        }
        struct buffer record;
        buffer_init(&record, SIZE_MAX);
        jute_write_bytes(&record, path);
        jute_write_bytes(&record,
                         node->is_null ? SLICE_NULL : slice_of(node->data, node->data_len));
        assert_non_null(memmem(body.ptr, body.len, record.data, record.len));
        buffer_release(&record);
    }
}

/* Loads the body and compares it with what was there at the beginning. */
static void compare_body(const struct run *run,
                         const struct model *begun,
                         uint64_t digest,
                         struct slice body)
{
    struct tree loaded;
    struct slice ahead;
    find_counts(begun, body);
    tree_init(&loaded, &run->config);
    assert_int_equal(load_from(&loaded, body, 1 + body.len / 3, &ahead), ERR_OK);
    assert_int_equal(ahead.len, 0);
    assert_int_equal(tree_digest(&loaded), digest);
    model_compare(begun, &loaded, true);
    tree_check(&loaded);
    tree_release(&loaded);
}

/* One snapshot with transactions between its steps; false when it was given up. */
static bool run_snapshot(struct run *run)
{
    struct random *random = &run->source.random;
    struct model begun;
    struct buffer body;
    uint64_t digest = tree_digest(&run->tree);
    size_t step_bytes = 1 + random_below(random, 4000);
    uint64_t most_txns = random_below(random, 6);
    bool gives_up = random_chance(random, 1, 4);
    bool is_done = false;
    model_copy(&run->model, &begun);
    buffer_init(&body, SIZE_MAX);
    struct tree_snapshot *snapshot = tree_snapshot_begin(&run->tree, &body);
    assert_int_equal(tree_snapshot_zxid(snapshot), run->tree.last_processed_zxid);
    assert_int_equal(tree_snapshot_digest(snapshot), run->tree.digest);
    while (!is_done && !(gives_up && random_chance(random, 1, 10))) {
        for (uint64_t i = random_below(random, most_txns + 1); i > 0; i--) {
            run_txn(run);
        }
        is_done = tree_snapshot_step(snapshot, step_bytes);
    }
    /* What happens between the last step and the end must not show either. */
    size_t len = body.len;
    for (int i = 0; i < 5 && is_done; i++) {
        run_txn(run);
        assert_int_equal(body.len, len);
    }
    tree_snapshot_end(snapshot);
    if (is_done) {
        compare_body(run, &begun, digest, buffer_slice(&body));
    }
    model_compare(&run->model, &run->tree, false);
    tree_check(&run->tree);
    model_release(&begun);
    buffer_release(&body);
    return is_done;
}

static void test_exact_while_changing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct run run;
        size_t used = mem_used();
        run_start(&run, seed);
        uint64_t warm_up = random_below(&run.source.random, WARM_UP);
        for (uint64_t i = 0; i < warm_up; i++) {
            run_txn(&run);
        }
        for (int i = 0; i < 3; i++) {
            run_snapshot(&run);
        }
        run_end(&run);
        assert_int_equal(mem_used(), used);
    }
}

/* As many given-up snapshots as there are epochs, some more or less: no node may then be taken for
 * written, whichever of them wrote it last. */
static void test_epochs_come_round(void **state)
{
    (void)state;
    struct run run;
    struct buffer body;
    run_start(&run, 7);
    buffer_init(&body, SIZE_MAX);
    for (int i = 0; i < 100; i++) {
        run_txn(&run);
    }
    for (int aborts = 4088; aborts < 4100; aborts++) {
        for (int i = 0; i < aborts; i++) {
            struct tree_snapshot *given_up = tree_snapshot_begin(&run.tree, &body);
            tree_snapshot_step(given_up, random_below(&run.source.random, 2000));
            tree_snapshot_end(given_up);
            body.len = 0;
        }
        struct model begun;
        model_copy(&run.model, &begun);
        uint64_t digest = tree_digest(&run.tree);
        struct tree_snapshot *snapshot = tree_snapshot_begin(&run.tree, &body);
        while (!tree_snapshot_step(snapshot, 10000)) {
            run_txn(&run);
        }
        tree_snapshot_end(snapshot);
        compare_body(&run, &begun, digest, buffer_slice(&body));
        model_release(&begun);
        body.len = 0;
    }
    buffer_release(&body);
    run_end(&run);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void make_body(struct run *run, struct buffer *body)
{
    struct tree_snapshot *snapshot = tree_snapshot_begin(&run->tree, body);
    while (!tree_snapshot_step(snapshot, 1000)) {
    }
    tree_snapshot_end(snapshot);
}

static int load_and_release(const struct run *run, struct slice body, size_t most)
{
    struct tree tree;
    struct slice ahead;
    size_t used = mem_used();
    tree_init(&tree, &run->config);
    int error = load_from(&tree, body, most, &ahead);
    if (error == ERR_OK) {
        tree_check(&tree);
    }
    tree_release(&tree);
    assert_int_equal(mem_used(), used);
    return error;
}

/* A tree of a few small nodes of every kind. */
static void small_run(struct run *run, uint64_t seed)
{
    run_start(run, seed);
    while (run->model.count < 12) {
        run_txn(run);
    }
}

static void test_truncated_everywhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct run run;
        struct buffer body;
        small_run(&run, seed);
        buffer_init(&body, SIZE_MAX);
        make_body(&run, &body);
        size_t step = 1 + body.len / 4000;
        for (size_t len = 0; len < body.len; len += len < 600 ? 1 : step) {
            assert_int_equal(load_and_release(&run, slice_of(body.data, len), 64), ERR_TRUNCATED);
        }
        assert_int_equal(load_and_release(&run, buffer_slice(&body), 1), ERR_OK);
        buffer_release(&body);
        run_end(&run);
    }
}

static void test_flipped_bits(void **state)
{
    (void)state;
    size_t refused = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct run run;
        struct buffer body;
        small_run(&run, seed);
        buffer_init(&body, SIZE_MAX);
        make_body(&run, &body);
        for (int i = 0; i < 400; i++) {
            struct random *random = &run.source.random;
            uint8_t *byte = &body.data[random_below(random, MIN(body.len, (size_t)3000))];
            uint8_t before = *byte;
            uint64_t noise = random_chance(random, 1, 3) ? random_next(random) | 1
                                                         : UINT64_C(1) << random_below(random, 8);
            *byte = (uint8_t)((before ^ noise) & 0xff);
            int error = load_and_release(&run, buffer_slice(&body), 4096);
            assert_true(error == ERR_OK || error == ERR_CORRUPT || error == ERR_TRUNCATED);
            refused += error != ERR_OK;
            *byte = before;
        }
        buffer_release(&body);
        run_end(&run);
    }
    assert_true(refused > 100);
}

static void test_source_error(void **state)
{
    (void)state;
    struct tree tree;
    struct slice ahead;
    struct byte_source bytes = {SLICE_LIT("\0\0\0"), 2, ERR_IO};
    struct tree_source source = {read_bytes, &bytes};
    tree_init(&tree, &(struct tree_config){.digest_enabled = true});
    assert_int_equal(tree_load(&tree, &source, STRING_MAX, &ahead), ERR_IO);
    tree_release(&tree);
}

/* ---- bodies by hand -------------------------------------------------------------------------- */

static void put_node(struct buffer *out,
                     const char *path,
                     struct slice data,
                     int64_t acl_id,
                     int64_t owner)
{
    jute_write_bytes(out, slice_of_cstr(path));
    jute_write_bytes(out, data);
    jute_write_i64(out, acl_id);
    for (int64_t i = 1; i <= 4; i++) {
        jute_write_i64(out, i); /* czxid, mzxid, ctime, mtime */
    }
    for (int32_t i = 5; i <= 7; i++) {
        jute_write_i32(out, i); /* version, cversion, aversion */
    }
    jute_write_i64(out, owner);
    jute_write_i64(out, 9); /* pzxid */
}

static void put_list(struct buffer *out,
                     int64_t id,
                     int32_t perms,
                     const char *scheme,
                     const char *text)
{
    jute_write_i64(out, id);
    jute_write_i32(out, 1);
    jute_write_i32(out, perms);
    jute_write_bytes(out, slice_of_cstr(scheme));
    jute_write_bytes(out, slice_of_cstr(text));
}

/* As Apache would: world:anyone has an id of its own, an id that the map lacks, quotas to be
 * counted, bytes behind the end. */
static void put_apache_body(struct buffer *out)
{
    jute_write_i32(out, 1);
    jute_write_i64(out, 0x1234);
    jute_write_i32(out, 30000);
    jute_write_i32(out, 3);
    put_list(out, 1, 31, "world", "anyone");
    put_list(out, 7, 1, "world", "anyone");
    put_list(out, 9, 31, "digest", "nobody:uses");
    put_node(out, "", SLICE_LIT(""), -1, 0);
    put_node(out, "/zookeeper", SLICE_LIT(""), -1, 0);
    put_node(out, "/zookeeper/quota", SLICE_LIT(""), -1, 0);
    put_node(out, "/zookeeper/quota/app", SLICE_LIT(""), 1, 0);
    put_node(out, "/zookeeper/quota/app/zookeeper_limits", SLICE_LIT("count=9,bytes=-1"), 1, 0);
    put_node(out, "/zookeeper/quota/app/zookeeper_stats", SLICE_LIT("count=0,bytes=0"), 1, 0);
    put_node(out, "/zookeeper/quota/zookeeper_limits", SLICE_LIT("count=1,bytes=1"), 1, 0);
    put_node(out, "/app", SLICE_LIT("0123456789"), 7, 0);
    put_node(out, "/app/young", SLICE_NULL, 12, 0x1234);
    jute_write_bytes(out, SLICE_LIT("/"));
    buffer_append_cstr(out, "what follows");
}

static int32_t perms_of(const struct tree *tree, const char *path)
{
    int32_t count = 0;
    const struct zk_acl *entries = znode_acl(tree, tree_find(tree, slice_of_cstr(path)), &count);
    assert_int_equal(count, 1);
    return entries[0].perms;
}

static void test_apache_body(void **state)
{
    (void)state;
    struct tree tree;
    struct slice ahead;
    struct buffer body;
    struct zk_stat_persisted stat;
    tree_init(&tree, &(struct tree_config){.digest_enabled = true});
    buffer_init(&body, SIZE_MAX);
    put_apache_body(&body);
    assert_int_equal(load_from(&tree, buffer_slice(&body), 50000, &ahead), ERR_OK);
    assert_true(slice_equal_cstr(ahead, "what follows"));
    tree_check(&tree);
    assert_int_equal(tree.node_count, 10);
    assert_int_equal(tree.ephemerals_count, 1);
    assert_int_equal(tree.sessions.count, 1);
    assert_int_equal(perms_of(&tree, "/zookeeper/quota/app"), 31);
    assert_int_equal(perms_of(&tree, "/app"), 1);
    assert_int_equal(perms_of(&tree, "/app/young"), 0); /* closed until the log says more */
    assert_int_equal(tree.acls.by_content.count, 2);
    struct slice data = znode_data(
        &tree, tree_find(&tree, SLICE_LIT("/zookeeper/quota/app/zookeeper_stats")));
    assert_true(slice_equal_cstr(data, "count=2,bytes=10"));
    assert_true(slice_equal_cstr(tree_quota_path(&tree, SLICE_LIT("/app/young/x")), "/app"));
    assert_true(slice_is_null(tree_quota_path(&tree, SLICE_LIT("/apples"))));
    znode_stat_persisted(&tree, tree_find(&tree, SLICE_LIT("/app/young")), &stat);
    struct zk_stat_persisted expected = {1, 2, 3, 4, 5, 6, 7, 0x1234, 9};
    assert_true(codec_equal(&zk_stat_persisted_message, 0, &stat, &expected));
    assert_null(tree_find(&tree, SLICE_LIT("/zookeeper/config")));
    tree_add_config_node(&tree);
    tree_add_config_node(&tree);
    assert_int_equal(perms_of(&tree, "/zookeeper/config"), 1);
    tree_check(&tree);
    tree_release(&tree);
    buffer_release(&body);
}

static int load_nodes(const char *const *paths, size_t count)
{
    struct run run;
    struct buffer body;
    run_start(&run, 1);
    buffer_init(&body, SIZE_MAX);
    jute_write_i32(&body, 0);
    jute_write_i32(&body, 0);
    for (size_t i = 0; i < count; i++) {
        put_node(&body, paths[i], SLICE_LIT("data"), -1, 0);
    }
    jute_write_bytes(&body, SLICE_LIT("/"));
    int error = load_and_release(&run, buffer_slice(&body), 50000);
    buffer_release(&body);
    run_end(&run);
    return error;
}

#define LOAD(...)                                  \
    load_nodes((const char *const[]){__VA_ARGS__}, \
               sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static void test_refused_bodies(void **state)
{
    (void)state;
    assert_int_equal(LOAD(""), ERR_OK);
    /* any order, parents first */
    assert_int_equal(LOAD("", "/a", "/b", "/a/c", "/b/d", "/a/e"), ERR_OK);
    assert_int_equal(LOAD("", "/a", "/a"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "/a", "/a/b", "/c", "/a/b"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "/a", ""), ERR_CORRUPT);
    assert_int_equal(LOAD("/a"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "/a/b"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "a"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "a/b"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "/a/"), ERR_CORRUPT);
    assert_int_equal(LOAD("", "//a"), ERR_CORRUPT);
    assert_int_equal(load_nodes(NULL, 0), ERR_CORRUPT);
}

static void test_limits(void **state)
{
    (void)state;
    struct run run;
    struct buffer body;
    run_start(&run, 1);
    buffer_init(&body, SIZE_MAX);
    jute_write_i32(&body, 0);
    jute_write_i32(&body, 0);
    jute_write_bytes(&body, SLICE_LIT(""));
    jute_write_i32(&body, STRING_MAX + 1);
    assert_int_equal(load_and_release(&run, buffer_slice(&body), 100), ERR_CORRUPT);
    body.len -= 4;
    jute_write_i32(&body, STRING_MAX);
    assert_int_equal(load_and_release(&run, buffer_slice(&body), 100), ERR_TRUNCATED);
    body.len -= 4;
    jute_write_i32(&body, -2);
    assert_int_equal(load_and_release(&run, buffer_slice(&body), 100), ERR_CORRUPT);
    buffer_clear(&body, SIZE_MAX);
    jute_write_i32(&body, -1);
    assert_int_equal(load_and_release(&run, buffer_slice(&body), 100), ERR_CORRUPT);
    buffer_clear(&body, SIZE_MAX);
    jute_write_i32(&body, INT32_MAX); /* a count is not believed */
    assert_int_equal(load_and_release(&run, buffer_slice(&body), 100), ERR_TRUNCATED);
    buffer_release(&body);
    run_end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_while_changing), cmocka_unit_test(test_epochs_come_round),
        cmocka_unit_test(test_truncated_everywhere), cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_source_error),         cmocka_unit_test(test_apache_body),
        cmocka_unit_test(test_refused_bodies),       cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
