/* Requests to transactions, without a service around: the bytes of each txn, which zxid it gets,
 * its digest, the future that the next request is judged by, and that records go when the tree has
 * caught up. */
#include "zookeeper/core/prep.h"

#include "base/memory.h"
#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SESSION INT64_C(0x1234)
#define WALL_MS INT64_C(1700000000000)

struct fixture {
    struct prep_config config;
    struct tree tree;
    struct prep prep;
    struct identities nobody;
    struct arena arena;
    struct buffer body;
    struct buffer out; /* the last txn */
    struct txn txn;    /* decoded */
    size_t memory_before;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.memory_before = mem_used()};
    f->config = (struct prep_config){
        .digest_enabled = true, .close_session_txn_enabled = true, .max_string_bytes = 1 << 20};
    struct tree_config tree_config = {.digest_enabled = true};
    tree_init(&f->tree, &tree_config);
    prep_init(&f->prep, &f->config, &f->tree);
    identities_init(&f->nobody);
    arena_init(&f->arena, 4096, SIZE_MAX);
    buffer_init(&f->body, SIZE_MAX);
    buffer_init(&f->out, SIZE_MAX);
}

static void end(struct fixture *f)
{
    prep_check(&f->prep);
    prep_release(&f->prep);
    tree_check(&f->tree);
    tree_release(&f->tree);
    identities_release(&f->nobody);
    arena_release(&f->arena);
    buffer_release(&f->body);
    buffer_release(&f->out);
    assert_int_equal(mem_used(), f->memory_before);
}

/* Prepares the request whose body is in f->body, and decodes the txn. */
static int64_t prepare(struct fixture *f, int32_t type)
{
    struct prep_request request = {.session_id = SESSION,
                                   .cxid = 77,
                                   .type = type,
                                   .body = buffer_slice(&f->body),
                                   .identities = &f->nobody,
                                   .session_timeout_ms = 9000};
    f->out.len = 0;
    arena_clear(&f->arena);
    int64_t zxid = prep_request(&f->prep, &request, WALL_MS, &f->out, NULL);
    prep_check(&f->prep);
    if (zxid != 0) {
        assert_true(zxid == f->prep.last_zxid);
        assert_int_equal(txn_decode(buffer_slice(&f->out), &f->arena, &f->txn), 0);
        assert_true(f->txn.header.client_id == SESSION && f->txn.header.cxid == 77);
        assert_true(f->txn.header.zxid == zxid && f->txn.header.time == WALL_MS);
        /* Written by hand, it is what the codec would have written. */
        struct buffer again;
        buffer_init(&again, SIZE_MAX);
        txn_encode(&f->txn, &again);
        assert_true(slice_equal(buffer_slice(&again), buffer_slice(&f->out)));
        buffer_release(&again);
    } else {
        assert_int_equal(f->out.len, 0);
    }
    f->body.len = 0;
    return zxid;
}

static void apply(struct fixture *f)
{
    struct tree_result result;
    tree_apply(&f->tree, &f->txn, &result);
    if (f->txn.has_digest) {
        assert_true((uint64_t)f->txn.digest.tree_digest == f->tree.digest);
    }
    prep_applied(&f->prep, f->txn.header.zxid);
}

static void append_text(struct fixture *f, const char *text)
{
    jute_write_bytes(&f->body, slice_of_cstr(text));
}

static void append_acl(struct fixture *f)
{
    jute_write_i32(&f->body, 1);
    jute_write_i32(&f->body, ZK_PERM_ALL);
    append_text(f, "world");
    append_text(f, "anyone");
}

static int64_t create(struct fixture *f, int32_t type, const char *path, int32_t flags)
{
    append_text(f, path);
    append_text(f, "data");
    append_acl(f);
    jute_write_i32(&f->body, flags);
    if (type == ZK_OP_CREATE_TTL) {
        jute_write_i64(&f->body, 1000);
    }
    return prepare(f, type);
}

static int64_t versioned(struct fixture *f, int32_t type, const char *path, int32_t version)
{
    append_text(f, path);
    if (type == ZK_OP_SET_DATA) {
        append_text(f, "new");
    }
    jute_write_i32(&f->body, version);
    return prepare(f, type);
}

static void expect_error(struct fixture *f, int32_t error)
{
    assert_int_equal(f->txn.header.type, ZK_OP_ERROR);
    assert_int_equal(f->txn.record.error.err, error);
    assert_false(f->txn.has_digest); /* upstream's have none */
}

static void test_each_txn(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.config.extended_types_enabled = true;
    f.tree.config.extended_types_enabled = true;
    assert_true(prepare(&f, ZK_OP_CREATE_SESSION) == 1);
    assert_int_equal(f.txn.record.create_session.timeout_ms, 9000);
    assert_true(f.txn.has_digest && f.txn.digest.version == TREE_DIGEST_VERSION);
    apply(&f);
    assert_true(create(&f, ZK_OP_CREATE, "/n", 0) == 2);
    assert_int_equal(f.txn.header.type, ZK_OP_CREATE);
    assert_true(slice_equal_cstr(f.txn.record.create.path, "/n"));
    assert_false(f.txn.record.create.ephemeral);
    apply(&f);
    create(&f, ZK_OP_CREATE2, "/n/e", ZK_CREATE_EPHEMERAL_SEQUENTIAL);
    assert_true(slice_equal_cstr(f.txn.record.create.path, "/n/e0000000000"));
    assert_true(f.txn.record.create.ephemeral);
    assert_int_equal(f.txn.record.create.parent_cversion, 1);
    apply(&f);
    create(&f, ZK_OP_CREATE_CONTAINER, "/c", ZK_CREATE_CONTAINER);
    assert_int_equal(f.txn.header.type, ZK_OP_CREATE_CONTAINER);
    apply(&f);
    create(&f, ZK_OP_CREATE_TTL, "/t", ZK_CREATE_PERSISTENT_WITH_TTL);
    assert_int_equal(f.txn.record.create_ttl.ttl, 1000);
    apply(&f);
    versioned(&f, ZK_OP_SET_DATA, "/n", 0);
    assert_int_equal(f.txn.record.set_data.version, 1);
    apply(&f);
    append_text(&f, "/n");
    append_acl(&f);
    jute_write_i32(&f.body, 0);
    prepare(&f, ZK_OP_SET_ACL);
    assert_int_equal(f.txn.record.set_acl.version, 1);
    apply(&f);
    versioned(&f, ZK_OP_DELETE, "/c", -1);
    assert_true(slice_equal_cstr(f.txn.record.delete.path, "/c"));
    apply(&f);
    append_text(&f, "/t");
    prepare(&f, ZK_OP_DELETE_CONTAINER);
    assert_int_equal(f.txn.header.type, ZK_OP_DELETE_CONTAINER);
    apply(&f);
    prepare(&f, ZK_OP_CLOSE_SESSION);
    assert_true(f.txn.close_session_has_paths);
    assert_int_equal(f.txn.record.close_session.paths_to_delete_count, 1);
    apply(&f);
    assert_true(f.tree.ephemerals_count == 0 && f.tree.last_processed_zxid == 10);
    end(&f);
}

static void test_zxids_of_what_fails(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_true(prepare(&f, ZK_OP_CREATE) == 0); /* an empty body: nothing */
    assert_true(prepare(&f, ZK_OP_MULTI) == 1);  /* but a multi's */
    expect_error(&f, ZK_ERR_MARSHALLINGERROR);
    apply(&f);
    assert_true(versioned(&f, ZK_OP_DELETE, "/none", -1) == 2);
    expect_error(&f, ZK_ERR_NONODE);
    apply(&f);
    assert_true(create(&f, ZK_OP_CREATE, "/n", 0) == 3);
    apply(&f);
    end(&f);
}

static void test_requests_are_judged_by_the_future(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct buffer log;
    struct slice txns[16];
    buffer_init(&log, 1 << 16);
    buffer_reserve(&log, 1 << 15);
    size_t count = 0;
    static const struct {
        int32_t type;
        const char *path;
        int32_t version;
        int32_t error;
    } steps[] = {
        {ZK_OP_CREATE, "/n", 0, 0},   {ZK_OP_CREATE, "/n", 0, ZK_ERR_NODEEXISTS},
        {ZK_OP_SET_DATA, "/n", 0, 0}, {ZK_OP_SET_DATA, "/n", 0, ZK_ERR_BADVERSION},
        {ZK_OP_CREATE, "/n/c", 0, 0}, {ZK_OP_DELETE, "/n", -1, ZK_ERR_NOTEMPTY},
        {ZK_OP_DELETE, "/n/c", 0, 0}, {ZK_OP_SET_DATA, "/n/c", 0, ZK_ERR_NONODE},
        {ZK_OP_DELETE, "/n", 1, 0},   {ZK_OP_CREATE, "/n/c", 0, ZK_ERR_NONODE},
        {ZK_OP_CREATE, "/n", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].type == ZK_OP_CREATE) {
            create(&f, steps[i].type, steps[i].path, 0);
        } else {
            versioned(&f, steps[i].type, steps[i].path, steps[i].version);
        }
        if (steps[i].error != 0) {
            expect_error(&f, steps[i].error);
        }
        txns[count++] = slice_of(log.data + log.len, f.out.len);
        buffer_append(&log, buffer_slice(&f.out));
    }
    assert_true(prep_outstanding(&f.prep) > 0);
    for (size_t i = 0; i < count; i++) { /* each promised digest is kept, one by one */
        arena_clear(&f.arena);
        assert_int_equal(txn_decode(txns[i], &f.arena, &f.txn), 0);
        apply(&f);
    }
    assert_int_equal(prep_outstanding(&f.prep), 0);
    buffer_release(&log);
    end(&f);
}

/* After 2^31 creates the tree's cversion stands still, and what prep promises with it. */
static void test_the_last_sequence_number(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    create(&f, ZK_OP_CREATE, "/n", 0);
    apply(&f);
    f.txn.header.zxid += 1;
    f.prep.last_zxid += 1;
    f.txn.has_digest = false;
    f.txn.record.create.path = SLICE_LIT("/n/many");
    f.txn.record.create.parent_cversion = INT32_MAX - 1;
    apply(&f);
    create(&f, ZK_OP_CREATE, "/n/", ZK_CREATE_PERSISTENT_SEQUENTIAL);
    assert_true(slice_equal_cstr(f.txn.record.create.path, "/n/2147483646"));
    apply(&f);
    create(&f, ZK_OP_CREATE, "/n/", ZK_CREATE_PERSISTENT_SEQUENTIAL);
    assert_true(slice_equal_cstr(f.txn.record.create.path, "/n/2147483647"));
    apply(&f);
    create(&f, ZK_OP_CREATE, "/n/", ZK_CREATE_PERSISTENT_SEQUENTIAL);
    expect_error(&f, ZK_ERR_NODEEXISTS);
    apply(&f);
    create(&f, ZK_OP_CREATE, "/n/x", 0);
    apply(&f);
    end(&f);
}

static void append_multi_create(struct fixture *f, const char *path)
{
    jute_write_i32(&f->body, ZK_OP_CREATE);
    jute_write_bool(&f->body, false);
    jute_write_i32(&f->body, -1);
    append_text(f, path);
    append_text(f, "");
    append_acl(f);
    jute_write_i32(&f->body, 0);
}

static void append_multi_end(struct fixture *f)
{
    jute_write_i32(&f->body, -1);
    jute_write_bool(&f->body, true);
    jute_write_i32(&f->body, -1);
}

static void test_a_failed_multi_leaves_no_record(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    create(&f, ZK_OP_CREATE, "/n", 0);
    size_t outstanding = prep_outstanding(&f.prep);
    append_multi_create(&f, "/n/a");
    append_multi_create(&f, "/n/b");
    append_multi_create(&f, "/n/b");
    append_multi_create(&f, "/n/c");
    append_multi_end(&f);
    prepare(&f, ZK_OP_MULTI);
    assert_int_equal(f.txn.header.type, ZK_OP_MULTI);
    assert_int_equal(f.txn.record.multi.txns_count, 4);
    static const int32_t types[] = {ZK_OP_CREATE, ZK_OP_CREATE, ZK_OP_ERROR, ZK_OP_ERROR};
    for (int32_t i = 0; i < 4; i++) {
        assert_int_equal(f.txn.record.multi.txns[i].type, types[i]);
    }
    assert_true(f.txn.has_digest);
    assert_int_equal(prep_outstanding(&f.prep), outstanding);
    create(&f, ZK_OP_CREATE, "/n/a", 0);
    assert_int_equal(f.txn.record.create.parent_cversion, 1); /* as if the multi had not been */
    end(&f);
}

static void test_close_session_without_paths(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.config.close_session_txn_enabled = false;
    create(&f, ZK_OP_CREATE, "/e", ZK_CREATE_EPHEMERAL);
    apply(&f);
    prepare(&f, ZK_OP_CLOSE_SESSION);
    assert_false(f.txn.close_session_has_paths);
    apply(&f);
    assert_true(f.tree.ephemerals_count == 0);
    end(&f);
}

/* ZOOKEEPER-4306: the paths of all ephemerals may be more than a learner takes in one packet. */
static void test_zk4306_a_close_of_too_many_ephemerals(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.config.close_session_txn_enabled = true;
    f.config.max_string_bytes = 100;
    for (int i = 0; i < 10; i++) {
        char path[] = "/ephemeral0";
        path[sizeof path - 2] = (char)('0' + i);
        create(&f, ZK_OP_CREATE, path, ZK_CREATE_EPHEMERAL);
        apply(&f);
        if (i == 1) { /* as many as fit are named */
            prepare(&f, ZK_OP_CLOSE_SESSION);
            assert_true(f.txn.close_session_has_paths);
            apply(&f);
            assert_true(f.tree.ephemerals_count == 0);
        }
    }
    prepare(&f, ZK_OP_CLOSE_SESSION);
    assert_false(f.txn.close_session_has_paths);
    apply(&f);
    assert_true(f.tree.ephemerals_count == 0);
    end(&f);
}

static void test_an_acl_of_other_people_s_making(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    append_text(&f, "/n");
    append_text(&f, "");
    jute_write_i32(&f.body, 1 << 28); /* more entries than the bytes can hold */
    assert_true(prepare(&f, ZK_OP_CREATE) == 0);
    append_text(&f, "/n");
    append_text(&f, "");
    jute_write_i32(&f.body, -7); /* upstream reads no entry at all */
    jute_write_i32(&f.body, 0);
    assert_true(prepare(&f, ZK_OP_CREATE) == 1);
    expect_error(&f, ZK_ERR_INVALIDACL);
    end(&f);
}

/* A list of "auth" is written out: what becomes too long for a learner's packet is refused, and
 * leaves nothing behind. */
static void test_what_no_learner_takes(void **state)
{
    (void)state;
    struct fixture f;
    struct buffer id;
    begin(&f);
    f.config.auth.digest_enabled = true;
    buffer_init(&id, SIZE_MAX);
    for (char user = 'a'; user <= 'b'; user++) {
        buffer_clear(&id, SIZE_MAX);
        buffer_reserve(&id, 600000);
        memset(id.data, user, 600000);
        id.len = 600000;
        buffer_append(&id, SLICE_LIT(":x"));
        identities_add(&f.nobody, SLICE_LIT("digest"), buffer_slice(&id));
    }
    buffer_release(&id);
    uint64_t digest = f.tree.digest;
    append_text(&f, "/n");
    append_text(&f, "data");
    jute_write_i32(&f.body, 1);
    jute_write_i32(&f.body, ZK_PERM_ALL);
    append_text(&f, "auth");
    append_text(&f, "");
    jute_write_i32(&f.body, 0);
    assert_true(prepare(&f, ZK_OP_CREATE) == 1);
    expect_error(&f, ZK_ERR_MARSHALLINGERROR);
    apply(&f);
    assert_true(f.tree.digest == digest);
    assert_true(create(&f, ZK_OP_CREATE, "/n", 0) == 2);
    assert_int_equal(f.txn.header.type, ZK_OP_CREATE);
    apply(&f);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_txn),
        cmocka_unit_test(test_what_no_learner_takes),
        cmocka_unit_test(test_zxids_of_what_fails),
        cmocka_unit_test(test_requests_are_judged_by_the_future),
        cmocka_unit_test(test_the_last_sequence_number),
        cmocka_unit_test(test_a_failed_multi_leaves_no_record),
        cmocka_unit_test(test_close_session_without_paths),
        cmocka_unit_test(test_zk4306_a_close_of_too_many_ephemerals),
        cmocka_unit_test(test_an_acl_of_other_people_s_making),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
