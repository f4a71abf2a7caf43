/* Transactions as bytes: every type there and back, the old forms, and bytes that nobody wrote. */
#include "support_tree.h"

#include "base/memory.h"
#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SCRATCH ((size_t)1 << 24)

static struct arena arena;
static struct buffer bytes;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 4096, SCRATCH);
    buffer_init(&bytes, SIZE_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    buffer_release(&bytes);
    return 0;
}

static void put_header(int32_t type)
{
    buffer_clear(&bytes, SIZE_MAX);
    jute_write_i64(&bytes, 0x1122);
    jute_write_i32(&bytes, 3);
    jute_write_i64(&bytes, 4);
    jute_write_i64(&bytes, 5);
    jute_write_i32(&bytes, type);
}

static void put_digest(void)
{
    jute_write_i32(&bytes, 2);
    jute_write_i64(&bytes, 0x0102030405060708);
}

static int decode(struct txn *txn)
{
    return txn_decode(buffer_slice(&bytes), &arena, txn);
}

/* Encoding what was decoded gives the same bytes, for everything that the generator makes. */
static void test_there_and_back(void **state)
{
    (void)state;
    struct tree_config config = {.extended_types_enabled = true};
    struct txn_source source = {.has_replays = true};
    struct model model;
    struct buffer first;
    random_init(&source.random, 11);
    model_init(&model, &config);
    buffer_init(&first, SIZE_MAX);
    for (int i = 0; i < 3000; i++) {
        struct txn txn;
        struct txn again;
        arena_clear(&arena);
        random_txn(&source, &model, &arena, &txn);
        buffer_clear(&first, SIZE_MAX);
        txn_through_bytes(&txn, &first, &arena, &again);
        assert_int_equal(again.close_session_has_paths, txn.close_session_has_paths);
        assert_int_equal(again.digest.tree_digest, txn.has_digest ? txn.digest.tree_digest : 0);
        buffer_clear(&bytes, SIZE_MAX);
        txn_encode(&again, &bytes);
        assert_true(slice_equal(buffer_slice(&first), buffer_slice(&bytes)));
        model_apply(&model, &txn);
    }
    buffer_release(&first);
    model_release(&model);
}

static void test_header_and_session(void **state)
{
    (void)state;
    struct txn txn;
    put_header(ZK_OP_CREATE_SESSION);
    jute_write_i32(&bytes, 30000);
    assert_int_equal(decode(&txn), ERR_OK);
    assert_int_equal(txn.header.client_id, 0x1122);
    assert_int_equal(txn.header.cxid, 3);
    assert_int_equal(txn.header.zxid, 4);
    assert_int_equal(txn.header.time, 5);
    assert_int_equal(txn.record.create_session.timeout_ms, 30000);
    assert_false(txn.has_digest);
    put_digest();
    assert_int_equal(decode(&txn), ERR_OK);
    assert_true(txn.has_digest);
    assert_int_equal(txn.digest.tree_digest, 0x0102030405060708);
    bytes.len -= 1; /* a digest cut short is none, as upstream has it */
    assert_int_equal(decode(&txn), ERR_OK);
    assert_false(txn.has_digest);
}

static void put_create_v0(void)
{
    jute_write_bytes(&bytes, SLICE_LIT("/old"));
    jute_write_bytes(&bytes, SLICE_LIT("data"));
    jute_write_i32(&bytes, 1);
    jute_write_i32(&bytes, 31);
    jute_write_bytes(&bytes, SLICE_LIT("world"));
    jute_write_bytes(&bytes, SLICE_LIT("anyone"));
    jute_write_bool(&bytes, true);
}

static void test_create_without_parent_cversion(void **state)
{
    (void)state;
    struct txn txn;
    put_header(ZK_OP_CREATE);
    put_create_v0();
    assert_int_equal(decode(&txn), ERR_OK);
    assert_int_equal(txn.record.create.parent_cversion, -1);
    assert_true(txn.record.create.ephemeral);
    assert_true(slice_equal_cstr(txn.record.create.path, "/old"));
    assert_int_equal(txn.record.create.acl_count, 1);
    jute_write_i32(&bytes, 77);
    assert_int_equal(decode(&txn), ERR_OK);
    assert_int_equal(txn.record.create.parent_cversion, 77);
    put_header(ZK_OP_CREATE2); /* has no old form */
    put_create_v0();
    assert_int_equal(decode(&txn), ERR_TRUNCATED);
}

static void test_close_session_forms(void **state)
{
    (void)state;
    struct txn txn;
    put_header(ZK_OP_CLOSE_SESSION);
    assert_int_equal(decode(&txn), ERR_OK);
    assert_false(txn.close_session_has_paths || txn.has_digest);
    put_digest();
    assert_int_equal(decode(&txn), ERR_OK);
    assert_false(txn.close_session_has_paths);
    assert_true(txn.has_digest);

    put_header(ZK_OP_CLOSE_SESSION);
    jute_write_i32(&bytes, 0);
    assert_int_equal(decode(&txn), ERR_OK);
    assert_true(txn.close_session_has_paths);
    assert_int_equal(txn.record.close_session.paths_to_delete_count, 0);
    put_digest();
    assert_int_equal(decode(&txn), ERR_OK);
    assert_true(txn.close_session_has_paths && txn.has_digest);

    put_header(ZK_OP_CLOSE_SESSION);
    jute_write_i32(&bytes, 1);
    jute_write_bytes(&bytes, SLICE_LIT("/abc")); /* twelve bytes, but no digest */
    assert_int_equal(decode(&txn), ERR_OK);
    assert_true(txn.close_session_has_paths);
    assert_false(txn.has_digest);
    bytes.len -= 1;
    assert_int_equal(decode(&txn), ERR_OK); /* as if there were no body */
    assert_false(txn.close_session_has_paths);

    put_header(ZK_OP_CLOSE_SESSION);
    jute_write_i32(&bytes, 2); /* two empty paths, or a digest of version 2: the latter */
    jute_write_i32(&bytes, 0);
    jute_write_i32(&bytes, -1);
    jute_write_i32(&bytes, 7);
    assert_int_equal(decode(&txn), ERR_OK);
    assert_true(!txn.close_session_has_paths && txn.has_digest);
}

static void test_unknown_types(void **state)
{
    (void)state;
    static const int32_t types[] = {0,     ZK_OP_EXISTS, ZK_OP_SYNC, ZK_OP_CHECK, ZK_OP_MULTI_READ,
                                    12345, -2,           INT32_MIN};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct txn txn;
        put_header(types[i]);
        jute_write_bytes(&bytes, SLICE_LIT("/path"));
        assert_int_equal(decode(&txn), ERR_UNSUPPORTED);
        assert_int_equal(txn.header.type, types[i]);
        assert_int_equal(txn.header.zxid, 4);
    }
}

static void test_parts(void **state)
{
    (void)state;
    struct txn txn;
    struct txn part;
    put_header(ZK_OP_MULTI);
    jute_write_i32(&bytes, 3);
    jute_write_i32(&bytes, ZK_OP_DELETE);
    jute_write_bytes(&bytes, SLICE_LIT("\0\0\0\2/a"));
    jute_write_i32(&bytes, ZK_OP_SET_ACL); /* not in a multi */
    jute_write_bytes(&bytes, SLICE_LIT("\0\0\0\2/a"));
    jute_write_i32(&bytes, ZK_OP_DELETE);
    jute_write_bytes(&bytes, SLICE_LIT("\0\0\0\3/a"));
    assert_int_equal(decode(&txn), ERR_OK);
    assert_int_equal(txn.record.multi.txns_count, 3);
    assert_int_equal(txn_decode_part(&txn, 0, &arena, &part), ERR_OK);
    assert_int_equal(part.header.type, ZK_OP_DELETE);
    assert_int_equal(part.header.zxid, 4);
    assert_true(slice_equal_cstr(part.record.delete.path, "/a"));
    assert_int_equal(txn_decode_part(&txn, 1, &arena, &part), ERR_UNSUPPORTED);
    assert_int_equal(txn_decode_part(&txn, 2, &arena, &part), ERR_TRUNCATED);
}

/* A multi that goes wrong in the middle keeps what was done, as upstream does, and ends there. */
static void test_broken_multi(void **state)
{
    (void)state;
    struct txn txn;
    struct tree tree;
    struct tree_result result;
    put_header(ZK_OP_MULTI);
    jute_write_i32(&bytes, 3);
    for (int i = 0; i < 3; i++) {
        jute_write_i32(&bytes, i == 1 ? ZK_OP_SYNC : ZK_OP_SET_DATA);
        jute_write_bytes(&bytes, i == 0 ? SLICE_LIT("\0\0\0\1/\0\0\0\1x\0\0\0\7")
                                        : SLICE_LIT("\0\0\0\1/\0\0\0\1y\0\0\0\10"));
    }
    assert_int_equal(decode(&txn), ERR_OK);
    tree_init(&tree, &(struct tree_config){.digest_enabled = true});
    tree_apply(&tree, &txn, &result);
    assert_int_equal(result.error, ZK_ERR_OK);
    assert_int_equal(result.part_count, 1);
    assert_int_equal(result.parts[0].stat.version, 7);
    assert_true(slice_equal_cstr(znode_data(&tree, tree_find(&tree, SLICE_LIT("/"))), "x"));
    tree_check(&tree);
    tree_release(&tree);
}

/* Damaged bytes are refused or mean something else; a tree takes whatever they mean. */
static void test_damaged(void **state)
{
    (void)state;
    struct tree_config config = {.digest_enabled = true, .extended_types_enabled = true};
    struct txn_source source = {.has_replays = true};
    struct model model;
    struct tree tree;
    size_t refused = 0;
    random_init(&source.random, 5);
    model_init(&model, &config);
    tree_init(&tree, &config);
    for (int i = 0; i < 4000; i++) {
        struct txn txn;
        arena_clear(&arena);
        random_txn(&source, &model, &arena, &txn);
        buffer_clear(&bytes, SIZE_MAX);
        txn_encode(&txn, &bytes);
        model_apply(&model, &txn);
        struct random *random = &source.random;
        for (uint64_t k = random_below(random, 4); k > 0; k--) {
            bytes.data[random_below(random, bytes.len)] ^= (uint8_t)(1u << random_below(random, 8));
        }
        if (random_chance(random, 1, 5)) {
            bytes.len = random_below(random, bytes.len);
        }
        if (decode(&txn) != ERR_OK) {
            refused += 1;
            continue;
        }
        struct tree_result result;
        tree_apply(&tree, &txn, &result);
        if (i % 50 == 0) {
            tree_check(&tree);
        }
    }
    assert_true(refused > 500);
    tree_check(&tree);
    tree_release(&tree);
    model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, start, end),
        cmocka_unit_test_setup_teardown(test_header_and_session, start, end),
        cmocka_unit_test_setup_teardown(test_create_without_parent_cversion, start, end),
        cmocka_unit_test_setup_teardown(test_close_session_forms, start, end),
        cmocka_unit_test_setup_teardown(test_unknown_types, start, end),
        cmocka_unit_test_setup_teardown(test_parts, start, end),
        cmocka_unit_test_setup_teardown(test_broken_multi, start, end),
        cmocka_unit_test_setup_teardown(test_damaged, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
