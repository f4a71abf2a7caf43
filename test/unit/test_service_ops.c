/* Every operation and the errors it can give, with the exact bytes of its answer; every number that
 * is no operation.
 *
 * What Apache answers to the same is kept in test/golden; here stands what the rules are. */
#include "support_service.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- single operations
 * ----------------------------------------------------------------------------------------- */

static void test_stats_count_what_they_should(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    struct slice body = test_a_call(&f, ZK_OP_CREATE2, test_create_body("/n", "abc", 0), ZK_ERR_OK);
    struct jute_reader reader = jute_reader_of(body, 100);
    assert_true(slice_equal_cstr(jute_read_bytes(&reader), "/n"));
    struct zk_stat stat = test_read_stat(&reader.rest);
    int64_t made = f.server.proposed_zxid;
    assert_true(stat.czxid == made && stat.mzxid == made && stat.pzxid == made);
    assert_true(stat.ctime == f.server.wall_ms && stat.mtime == f.server.wall_ms);
    assert_true(stat.version == 0 && stat.cversion == 0 && stat.aversion == 0);
    assert_true(stat.data_length == 3 && stat.num_children == 0 && stat.ephemeral_owner == 0);
    assert_int_equal(reader.rest.len, 0);

    test_advance(&f.server, 5);
    body = test_a_call(&f, ZK_OP_SET_DATA, test_set_data_body("/n", "x", 0), ZK_ERR_OK);
    stat = test_read_stat(&body);
    assert_true(stat.version == 1 && stat.mzxid == made + 1 && stat.mtime == stat.ctime + 5 &&
                stat.czxid == made);
    test_create(&f.server, &f.a, "/n/c", "", 0);
    test_create(&f.server, &f.a, "/n/d", "", 0);
    test_a_call(&f, ZK_OP_DELETE, test_path_version("/n/c", 0), ZK_ERR_OK);
    test_a_call(&f, ZK_OP_SET_DATA, test_set_data_body("/n/d", "y", -1),
                ZK_ERR_OK); /* nothing of its parent's changes */
    body = test_a_call(&f, ZK_OP_EXISTS, test_path_watch("/n", false), ZK_ERR_OK);
    stat = test_read_stat(&body);
    assert_true(stat.cversion == 3 && stat.pzxid == made + 4 && stat.num_children == 1 &&
                stat.mzxid == made + 1);
    struct buffer *acl = test_path("/n");
    test_append_open_acl(acl);
    jute_write_i32(acl, 0);
    body = test_a_call(&f, ZK_OP_SET_ACL, acl, ZK_ERR_OK);
    stat = test_read_stat(&body);
    assert_true(stat.aversion == 1 && stat.version == 1 && stat.mzxid == made + 1);
    test_server_release(&f.server);
}

static void test_errors_of_create(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/e", "", ZK_CREATE_EPHEMERAL);
    static const struct {
        const char *path;
        int32_t flags;
        int32_t err;
    } cases[] = {
        {"/e", 0, ZK_ERR_NODEEXISTS},
        {"/e/c", 0, ZK_ERR_NOCHILDRENFOREPHEMERALS},
        {"/none/c", 0, ZK_ERR_NONODE},
        {"/none/../c", 0, ZK_ERR_NONODE}, /* the parent is looked for first */
        {"/x/", 0, ZK_ERR_NONODE},
        {"/..", 0, ZK_ERR_BADARGUMENTS},
        {"/", 0, ZK_ERR_NODEEXISTS},
        {"", 0, ZK_ERR_BADARGUMENTS},
        {"x", 0, ZK_ERR_BADARGUMENTS},
        {"/ok", -1, ZK_ERR_BADARGUMENTS},
        {"/ok", 7, ZK_ERR_BADARGUMENTS},
        {"/ok", ZK_CREATE_PERSISTENT_WITH_TTL, ZK_ERR_UNIMPLEMENTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t before = f.server.proposed_zxid;
        test_a_call(&f, ZK_OP_CREATE, test_create_body(cases[i].path, "", cases[i].flags),
                    cases[i].err);
        assert_true(f.server.proposed_zxid == before + 1); /* a failed write has a zxid too */
    }
    struct buffer *body = test_path("/ok");
    jute_write_i32(body, -1);
    jute_write_i32(body, 0); /* no ACL at all */
    jute_write_i32(body, 0);
    test_a_call(&f, ZK_OP_CREATE, body, ZK_ERR_INVALIDACL);
    body = test_body();
    jute_write_i32(body, -1); /* no path */
    jute_write_i32(body, -1);
    test_append_open_acl(body);
    jute_write_i32(body, 0);
    test_a_call(&f, ZK_OP_CREATE, body, ZK_ERR_MARSHALLINGERROR);
    test_server_release(&f.server);
}

static void test_errors_of_the_others(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/n", "", 0);
    test_create(&f.server, &f.a, "/n/c", "", 0);
    static const struct {
        int32_t type;
        const char *path;
        int32_t version;
        int32_t err;
    } cases[] = {
        {ZK_OP_DELETE, "/n", -1, ZK_ERR_NOTEMPTY},
        {ZK_OP_DELETE, "/n/c", 1, ZK_ERR_BADVERSION},
        {ZK_OP_DELETE, "/none", 1, ZK_ERR_NONODE},
        {ZK_OP_DELETE, "/none/c", -1, ZK_ERR_NONODE},
        {ZK_OP_DELETE, "/", -1, ZK_ERR_BADARGUMENTS},
        {ZK_OP_DELETE, "/zookeeper", -1, ZK_ERR_BADARGUMENTS},
        {ZK_OP_DELETE, "/zookeeper/quota", -1, ZK_ERR_BADARGUMENTS},
        {ZK_OP_DELETE, "/zookeeper/config", -1, ZK_ERR_BADARGUMENTS},
        {ZK_OP_DELETE, "n", -1, ZK_ERR_BADARGUMENTS},
        {ZK_OP_SET_DATA, "/n", 1, ZK_ERR_BADVERSION},
        {ZK_OP_SET_DATA, "/none", -1, ZK_ERR_NONODE},
        {ZK_OP_SET_DATA, "/n/", -1, ZK_ERR_BADARGUMENTS},
        {ZK_OP_SET_DATA, "/zookeeper/config", -1, ZK_ERR_NOAUTH},
        {ZK_OP_EXISTS, "/none", 0, ZK_ERR_NONODE},
        {ZK_OP_GET_DATA, "/none", 0, ZK_ERR_NONODE},
        {ZK_OP_GET_CHILDREN, "/none", 0, ZK_ERR_NONODE},
        {ZK_OP_GET_CHILDREN2, "/none", 0, ZK_ERR_NONODE},
        {ZK_OP_GET_ACL, "/none", 0, ZK_ERR_NONODE},
        {ZK_OP_GET_ALL_CHILDREN_NUMBER, "/none", 0, ZK_ERR_NONODE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buffer *body = cases[i].type == ZK_OP_SET_DATA
                                  ? test_set_data_body(cases[i].path, "", cases[i].version)
                                  : test_path_version(cases[i].path, cases[i].version);
        test_a_call(&f, cases[i].type, body, cases[i].err);
    }
    test_a_call(&f, ZK_OP_EXISTS, test_body(), ZK_ERR_MARSHALLINGERROR);
    static const int32_t with_path[] = {ZK_OP_EXISTS,       ZK_OP_GET_DATA,
                                        ZK_OP_GET_CHILDREN, ZK_OP_GET_CHILDREN2,
                                        ZK_OP_GET_ACL,      ZK_OP_GET_ALL_CHILDREN_NUMBER,
                                        ZK_OP_DELETE};
    for (size_t i = 0; i < ARRAY_LEN(with_path); i++) {
        struct buffer *body = test_body();
        jute_write_i32(body, -1);
        jute_write_i32(body, -1);
        test_a_call(&f, with_path[i], body, ZK_ERR_MARSHALLINGERROR);
    }
    test_server_release(&f.server);
}

static void test_sequence_numbers(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    struct slice first_of_all = test_a_call(
        &f, ZK_OP_CREATE, test_create_body("/s", "", ZK_CREATE_PERSISTENT_SEQUENTIAL), ZK_ERR_OK);
    struct jute_reader path = jute_reader_of(first_of_all, 100);
    assert_true(slice_equal_cstr(jute_read_bytes(&path), "/s0000000000"));
    test_create(&f.server, &f.a, "/s", "", 0);
    f.server.persists_at_once = false; /* numbers of creates still outstanding count */
    int32_t first = test_send(&f.server, &f.a, ZK_OP_CREATE,
                              test_create_body("/s/x-", "", ZK_CREATE_PERSISTENT_SEQUENTIAL));
    test_send(&f.server, &f.b, ZK_OP_CREATE,
              test_create_body("/s/y", "", 0)); /* every child counts */
    int32_t third = test_send(&f.server, &f.a, ZK_OP_CREATE,
                              test_create_body("/s/x-", "", ZK_CREATE_EPHEMERAL_SEQUENTIAL));
    int32_t gone = test_send(&f.server, &f.a, ZK_OP_DELETE,
                             test_path_version("/s/x-0000000000", -1)); /* deletes do not */
    int32_t fourth = test_send(&f.server, &f.a, ZK_OP_CREATE,
                               test_create_body("/s/", "", ZK_CREATE_PERSISTENT_SEQUENTIAL));
    test_persist_all(&f.server);
    static const char *const expected[] = {"/s/x-0000000000", "/s/x-0000000002", "/s/0000000003"};
    const int32_t xids[] = {first, third, fourth};
    for (size_t i = 0; i < 3; i++) {
        if (i == 2) {
            test_expect(&f.a, gone, ZK_ERR_OK);
        }
        struct jute_reader reader = jute_reader_of(test_expect(&f.a, xids[i], ZK_ERR_OK), 100);
        assert_true(slice_equal_cstr(jute_read_bytes(&reader), expected[i]));
    }
    test_server_release(&f.server);
}

static int64_t count_of(struct slice body)
{
    assert_int_equal(body.len, 4);
    return load_be32(body.ptr);
}

static void test_counting_and_own_ephemerals(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/n", "", 0);
    test_create(&f.server, &f.a, "/n/c", "", 0);
    test_create(&f.server, &f.a, "/n/c/d", "", ZK_CREATE_EPHEMERAL);
    test_create(&f.server, &f.a, "/na", "", ZK_CREATE_EPHEMERAL);
    test_create(&f.server, &f.b, "/nb", "", ZK_CREATE_EPHEMERAL);
    assert_int_equal(
        count_of(test_a_call(&f, ZK_OP_GET_ALL_CHILDREN_NUMBER, test_path("/n"), ZK_ERR_OK)), 2);
    assert_int_equal(
        count_of(test_a_call(&f, ZK_OP_GET_ALL_CHILDREN_NUMBER, test_path("/"), ZK_ERR_OK)), 8);
    assert_int_equal(
        count_of(test_a_call(&f, ZK_OP_GET_ALL_CHILDREN_NUMBER, test_path(""), ZK_ERR_OK)), 9);
    static const struct {
        const char *prefix;
        uint32_t count;
    } cases[] = {{"/", 2},   {"", 2},    {" / ", 2}, {NULL, 2}, {"/n", 2},
                 {"/na", 1}, {"/n/", 1}, {"/nb", 0}, {"x", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice body = test_a_call(&f, ZK_OP_GET_EPHEMERALS, test_path(cases[i].prefix),
                                        ZK_ERR_OK);
        assert_int_equal(load_be32(body.ptr), cases[i].count);
    }
    test_server_release(&f.server);
}

/* All 2^8 numbers around the operations, and more: each is answered or ends the connection, none
 * does harm. */
static void test_every_number_has_its_answer(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/n", "", 0);
    for (int32_t type = -128; type < 1000; type++) {
        struct test_client client;
        test_client_connect(&f.server, &client);
        test_send(&f.server, &client, type, test_path_version("/n", 0));
        if (!client.is_closed) {
            test_send(&f.server, &client, type, NULL);
        }
        if (!client.is_closed) {
            struct buffer *body = test_body();
            for (int i = 0; i < 30; i++) {
                jute_write_i32(body, -1);
            }
            test_send(&f.server, &client, type, body);
        }
        struct test_frame frame;
        bool is_answered = client.read_at < client.received.len;
        assert_true(is_answered || client.is_closed);
        if (client.is_closed && client.reason == CLOSE_UNIMPLEMENTED) {
            assert_true(test_next_frame(&client, &frame));
            assert_int_equal(frame.err, ZK_ERR_UNIMPLEMENTED);
            assert_true(zk_op_name(type)[0] == 'u' || type == ZK_OP_CHECK ||
                        type == ZK_OP_NOTIFICATION || type == ZK_OP_ERROR);
        }
        test_client_drop(&f.server, &client);
    }
    tree_check(&f.server.machine.service.tree);
    test_server_release(&f.server);
}

static void test_delete_container_asks_for_permission(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    struct buffer *body = test_path("/closed");
    test_append_text(body, "");
    jute_write_i32(body, 1);
    jute_write_i32(body, ZK_PERM_ALL & ~ZK_PERM_DELETE);
    test_append_text(body, "world");
    test_append_text(body, "anyone");
    jute_write_i32(body, 0);
    test_a_call(&f, ZK_OP_CREATE, body, ZK_ERR_OK);
    test_create(&f.server, &f.a, "/closed/c", "", 0);
    test_create(&f.server, &f.a, "/open", "", 0);
    test_create(&f.server, &f.a, "/e", "", ZK_CREATE_EPHEMERAL);
    test_a_call(&f, ZK_OP_DELETE_CONTAINER, test_path("/closed/c"), ZK_ERR_NOAUTH);
    test_a_call(&f, ZK_OP_DELETE_CONTAINER, test_path("/closed"), ZK_ERR_NOTEMPTY);
    test_a_call(&f, ZK_OP_DELETE_CONTAINER, test_path("/e"), ZK_ERR_BADVERSION);
    test_a_call(&f, ZK_OP_DELETE_CONTAINER, test_path("/none"), ZK_ERR_NONODE);
    test_a_call(&f, ZK_OP_DELETE_CONTAINER, test_path("/zookeeper"), ZK_ERR_BADARGUMENTS);
    test_a_call(&f, ZK_OP_DELETE_CONTAINER, test_path("/open"), ZK_ERR_OK);
    test_server_release(&f.server);
}

static void test_reconfig_of_a_server_alone(void **state)
{
    (void)state;
    for (int enabled = 0; enabled < 2; enabled++) {
        struct test_pair f;
        test_server_init(&f.server);
        f.server.config.prep.reconfig_enabled = enabled != 0;
        test_pair_start(&f);
        struct buffer *body = test_body();
        jute_write_i32(body, -1);
        jute_write_i32(body, -1);
        jute_write_i32(body, -1);
        jute_write_i64(body, -1);
        test_a_call(&f, ZK_OP_RECONFIG, body,
                    enabled != 0 ? ZK_ERR_UNIMPLEMENTED : ZK_ERR_RECONFIGDISABLED);
        assert_false(f.a.is_closed);
        test_server_release(&f.server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_count_what_they_should),
        cmocka_unit_test(test_errors_of_create),
        cmocka_unit_test(test_errors_of_the_others),
        cmocka_unit_test(test_sequence_numbers),
        cmocka_unit_test(test_counting_and_own_ephemerals),
        cmocka_unit_test(test_every_number_has_its_answer),
        cmocka_unit_test(test_delete_container_asks_for_permission),
        cmocka_unit_test(test_reconfig_of_a_server_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
