/* multi and multiRead: results in their order, all or nothing, what is refused as a whole, and the
 * limits. */
#include "support_service.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void append_header(struct buffer *body, int32_t type)
{
    jute_write_i32(body, type);
    jute_write_bool(body, false);
    jute_write_i32(body, -1);
}

static void append_end(struct buffer *body)
{
    jute_write_i32(body, -1);
    jute_write_bool(body, true);
    jute_write_i32(body, -1);
}

static void append_create(struct buffer *body, int32_t type, const char *path, int32_t flags)
{
    append_header(body, type);
    test_append_text(body, path);
    test_append_text(body, "d");
    test_append_open_acl(body);
    jute_write_i32(body, flags);
}

static void append_versioned(struct buffer *body, int32_t type, const char *path, int32_t version)
{
    append_header(body, type);
    test_append_text(body, path);
    jute_write_i32(body, version);
}

static void expect_header(struct jute_reader *reader, int32_t type, bool done, int32_t err)
{
    assert_int_equal(jute_read_i32(reader), type);
    assert_int_equal(jute_read_bool(reader), done);
    assert_int_equal(jute_read_i32(reader), err);
    assert_int_equal(reader->error, 0);
}

static void test_a_multi_that_succeeds(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    struct buffer *body = test_body();
    append_create(body, ZK_OP_CREATE, "/m", 0);
    append_create(body, ZK_OP_CREATE, "/m/s-",
                  ZK_CREATE_PERSISTENT_SEQUENTIAL); /* the parent is of this very multi */
    append_create(body, ZK_OP_CREATE2, "/m/s-", ZK_CREATE_PERSISTENT_SEQUENTIAL);
    append_versioned(body, ZK_OP_CHECK, "/m", 0);
    append_header(body, ZK_OP_SET_DATA);
    test_append_text(body, "/m");
    test_append_text(body, "dd");
    jute_write_i32(body, 0);
    append_versioned(body, ZK_OP_DELETE, "/m/s-0000000000", 0);
    append_end(body);
    struct jute_reader reader = jute_reader_of(test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_OK), 1000);
    expect_header(&reader, ZK_OP_CREATE, false, 0);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/m"));
    expect_header(&reader, ZK_OP_CREATE, false, 0);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/m/s-0000000000"));
    expect_header(&reader, ZK_OP_CREATE2, false, 0);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/m/s-0000000001"));
    assert_true(test_read_stat(&reader.rest).czxid == f.server.proposed_zxid);
    expect_header(&reader, ZK_OP_CHECK, false, 0);
    expect_header(&reader, ZK_OP_SET_DATA, false, 0);
    assert_int_equal(test_read_stat(&reader.rest).version, 1);
    expect_header(&reader, ZK_OP_DELETE, false, 0);
    expect_header(&reader, -1, true, -1);
    assert_int_equal(reader.rest.len, 0);
    test_server_release(&f.server);
}

static void test_a_multi_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/s", "", 0);
    f.server.persists_at_once = false;
    int32_t before = test_send(&f.server, &f.a, ZK_OP_CREATE,
                               test_create_body("/s/n-", "", ZK_CREATE_PERSISTENT_SEQUENTIAL));
    struct buffer *body = test_body();
    append_create(body, ZK_OP_CREATE, "/m", 0);
    append_create(body, ZK_OP_CREATE, "/s/n-", ZK_CREATE_PERSISTENT_SEQUENTIAL);
    append_versioned(body, ZK_OP_DELETE, "/s/n-0000000000", -1); /* of a create still outstanding */
    append_versioned(body, ZK_OP_CHECK, "/s", 5);
    append_versioned(body, ZK_OP_DELETE, "/none", -1);
    append_end(body);
    int32_t multi = test_send(&f.server, &f.a, ZK_OP_MULTI, body);
    /* The next number is given again, and what the multi would have made or deleted is as before.
     */
    int32_t after = test_send(&f.server, &f.a, ZK_OP_CREATE,
                              test_create_body("/s/n-", "", ZK_CREATE_PERSISTENT_SEQUENTIAL));
    int32_t none = test_send(&f.server, &f.a, ZK_OP_DELETE, test_path_version("/m", -1));
    int32_t first = test_send(&f.server, &f.a, ZK_OP_SET_DATA,
                              test_set_data_body("/s/n-0000000000", "", 0));
    test_persist_all(&f.server);
    test_expect(&f.a, before, ZK_ERR_OK);
    struct jute_reader reader = jute_reader_of(test_expect(&f.a, multi, ZK_ERR_OK),
                                               1000); /* the header says 0 */
    static const int32_t errors[] = {0, 0, 0, ZK_ERR_BADVERSION, ZK_ERR_RUNTIMEINCONSISTENCY};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        expect_header(&reader, -1, false, errors[i]);
        assert_int_equal(jute_read_i32(&reader), errors[i]);
    }
    expect_header(&reader, -1, true, -1);
    reader = jute_reader_of(test_expect(&f.a, after, ZK_ERR_OK), 1000);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/s/n-0000000001"));
    test_expect(&f.a, none, ZK_ERR_NONODE);
    test_expect(&f.a, first, ZK_ERR_OK);
    tree_check(&f.server.machine.service.tree);
    test_server_release(&f.server);
}

static void test_multis_that_are_no_multis(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/n", "", 0);
    static const int32_t types[] = {
        ZK_OP_GET_DATA, ZK_OP_EXISTS,           ZK_OP_SET_ACL, ZK_OP_SYNC,
        ZK_OP_MULTI,    ZK_OP_DELETE_CONTAINER, 500,           -11};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buffer *body = test_body();
        append_versioned(body, ZK_OP_DELETE, "/n", -1);
        append_versioned(body, types[i], "/n", -1);
        append_end(body);
        int64_t before = f.server.proposed_zxid;
        assert_int_equal(test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_MARSHALLINGERROR).len, 0);
        assert_true(f.server.proposed_zxid ==
                    before + 1); /* this one malformed body does cost a zxid */
    }
    struct buffer *body = test_body();
    append_versioned(body, ZK_OP_DELETE, "/n", -1);
    test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_MARSHALLINGERROR); /* no end */
    append_create(body, ZK_OP_CREATE, "/flags", 9);
    append_end(body);
    test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_MARSHALLINGERROR);
    append_end(body);
    assert_int_equal(test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_OK).len,
                     9); /* an empty one is fine */
    test_a_call(&f, ZK_OP_EXISTS, test_path_watch("/n", false), ZK_ERR_OK);
    test_server_release(&f.server);
}

static void append_read(struct buffer *body, int32_t type, const char *path)
{
    append_header(body, type);
    test_append_text(body, path);
    jute_write_bool(body, true); /* a watch that is not set */
}

static void test_multi_read(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/n", "abc", 0);
    test_create(&f.server, &f.a, "/n/c", "", 0);
    struct buffer *body = test_body();
    append_read(body, ZK_OP_GET_DATA, "/n");
    append_read(body, ZK_OP_GET_DATA, "/none");
    append_read(body, ZK_OP_GET_CHILDREN, "/n");
    append_end(body);
    struct jute_reader reader = jute_reader_of(test_a_call(&f, ZK_OP_MULTI_READ, body, ZK_ERR_OK),
                                               1000);
    expect_header(&reader, ZK_OP_GET_DATA, false, 0);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "abc"));
    assert_int_equal(test_read_stat(&reader.rest).num_children, 1);
    expect_header(&reader, -1, false, ZK_ERR_NONODE);
    assert_int_equal(jute_read_i32(&reader), ZK_ERR_NONODE);
    expect_header(&reader, ZK_OP_GET_CHILDREN, false, 0);
    assert_int_equal(jute_read_i32(&reader), 1);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "c"));
    expect_header(&reader, -1, true, -1);
    assert_int_equal(reader.rest.len, 0);
    assert_int_equal(f.server.machine.service.data_watches.watch_count, 0);

    append_read(body, ZK_OP_GET_DATA, "/n");
    append_versioned(body, ZK_OP_DELETE, "/n/c", -1);
    append_end(body);
    assert_int_equal(test_a_call(&f, ZK_OP_MULTI_READ, body, ZK_ERR_MARSHALLINGERROR).len,
                     0); /* both kinds */
    append_versioned(body, ZK_OP_DELETE, "/n/c", -1);
    append_end(body);
    assert_int_equal(test_a_call(&f, ZK_OP_MULTI_READ, body, ZK_ERR_MARSHALLINGERROR).len,
                     9); /* upstream's one error with a body */
    test_a_call(&f, ZK_OP_EXISTS, test_path_watch("/n/c", false), ZK_ERR_OK);
    test_server_release(&f.server);
}

/* CVE-2026-100302: a small request must not ask for an unbounded answer. */
static void test_multi_read_has_limits(void **state)
{
    (void)state;
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.multi_ops_max = 50;
    f.server.config.multi_response_bytes_max = 3000;
    test_pair_start(&f);
    test_create(&f.server, &f.a, "/n", "0123456789", 0);
    static const struct {
        int ops;
        const char *path; /* an op on "/none" takes 13 bytes of the answer, one on "/n" 91 */
        int32_t err;
    } cases[] = {{32, "/n", ZK_ERR_OK},
                 {33, "/n", ZK_ERR_MARSHALLINGERROR},
                 {50, "/none", ZK_ERR_OK},
                 {51, "/none", ZK_ERR_MARSHALLINGERROR}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buffer *body = test_body();
        for (int k = 0; k < cases[i].ops; k++) {
            append_read(body, ZK_OP_GET_DATA, cases[i].path);
        }
        append_end(body);
        struct slice answer = test_a_call(&f, ZK_OP_MULTI_READ, body, cases[i].err);
        assert_int_equal(answer.len == 0, cases[i].err != 0);
    }
    test_server_release(&f.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_multi_that_succeeds),
        cmocka_unit_test(test_a_multi_that_fails_changes_nothing),
        cmocka_unit_test(test_multis_that_are_no_multis),
        cmocka_unit_test(test_multi_read),
        cmocka_unit_test(test_multi_read_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
