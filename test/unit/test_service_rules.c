/* Who may do what: authentication, ACLs, enforced schemes; quotas; containers and nodes with a time
 * to live; the audit log; digests that do not match. */
#include "support_service.h"

#include "wire/jute.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

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

static int32_t authenticate(struct test_pair *f, const char *scheme, const char *auth, int32_t err)
{
    struct buffer *body = test_body();
    jute_write_i32(body, 0);
    test_append_text(body, scheme);
    test_append_text(body, auth);
    int32_t xid = test_send(&f->server, &f->a, ZK_OP_AUTH, body);
    struct test_frame frame;
    assert_true(test_next_frame(&f->a, &frame));
    assert_int_equal(frame.xid, xid);
    assert_int_equal(frame.err, err);
    assert_true(frame.zxid == 0);
    return xid;
}

static void append_acl(struct buffer *body, int32_t perms, const char *scheme, const char *id)
{
    jute_write_i32(body, 1);
    jute_write_i32(body, perms);
    test_append_text(body, scheme);
    test_append_text(body, id);
}

static void test_authentication_and_permissions(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    struct buffer *body = test_path("/private");
    test_append_text(body, "");
    append_acl(body, ZK_PERM_ALL, "auth", "");
    jute_write_i32(body, 0);
    test_a_call(&f, ZK_OP_CREATE, body, ZK_ERR_INVALIDACL); /* an address is nobody's identity */
    authenticate(&f, "digest", "me:secret", ZK_ERR_OK);
    body = test_path("/private");
    test_append_text(body, "x");
    append_acl(body, ZK_PERM_ALL, "auth", "");
    jute_write_i32(body, 0);
    test_a_call(&f, ZK_OP_CREATE, body, ZK_ERR_OK);
    test_a_call(&f, ZK_OP_GET_DATA, test_path_watch("/private", false), ZK_ERR_OK);
    static const int32_t types[] = {ZK_OP_GET_DATA,     ZK_OP_EXISTS,
                                    ZK_OP_GET_CHILDREN, ZK_OP_GET_CHILDREN2,
                                    ZK_OP_GET_ACL,      ZK_OP_GET_ALL_CHILDREN_NUMBER};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        test_call(&f.server, &f.b, types[i], test_path_watch("/private", true), ZK_ERR_NOAUTH);
    }
    assert_int_equal(f.b.conn.watcher.count, 0); /* and no watch was left */
    test_call(&f.server, &f.b, ZK_OP_SET_DATA, test_set_data_body("/private", "y", -1),
              ZK_ERR_NOAUTH);
    test_call(&f.server, &f.b, ZK_OP_CREATE, test_create_body("/private/c", "", 0), ZK_ERR_NOAUTH);
    test_call(&f.server, &f.b, ZK_OP_DELETE, test_path_version("/private", -1),
              ZK_ERR_OK); /* its parent decides that */
    authenticate(&f, "nobody", "x", ZK_ERR_AUTHFAILED);
    test_expect_closed(&f.a, CLOSE_AUTH_FAILED);
    test_server_release(&f.server);
}

/* Identities go to the leader with each request, and into lists of "auth". */
static void test_identities_of_bounded_length(void **state)
{
    (void)state;
    static char long_one[60000];
    struct test_pair f;
    test_pair_begin(&f);
    memset(long_one, 'u', sizeof long_one - 3);
    memcpy(long_one + sizeof long_one - 3, ":p", 3);
    authenticate(&f, "digest", long_one, ZK_ERR_OK);
    authenticate(&f, "digest", "me:secret", ZK_ERR_OK);
    authenticate(&f, "digest", long_one, ZK_ERR_AUTHFAILED);
    test_expect_closed(&f.a, CLOSE_AUTH_FAILED);
    test_server_release(&f.server);
}

/* CVE-2026-100235: an ACL that is proposed governs what is proposed after it. */
static void test_a_pending_acl_governs_what_follows(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    test_create(&f.server, &f.a, "/n", "", 0);
    f.server.persists_at_once = false;
    struct buffer *body = test_path("/n");
    append_acl(body, ZK_PERM_READ, "world", "anyone");
    jute_write_i32(body, -1);
    int32_t set_acl = test_send(&f.server, &f.a, ZK_OP_SET_ACL, body);
    int32_t set = test_send(&f.server, &f.b, ZK_OP_SET_DATA, test_set_data_body("/n", "x", -1));
    int32_t again = test_send(&f.server, &f.a, ZK_OP_SET_DATA, test_set_data_body("/n", "x", -1));
    test_persist_all(&f.server);
    test_expect(&f.a, set_acl, ZK_ERR_OK);
    test_expect(&f.b, set, ZK_ERR_NOAUTH);
    test_expect(&f.a, again, ZK_ERR_NOAUTH);
    test_server_release(&f.server);
}

static void test_get_acl_hides_digests(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    authenticate(&f, "digest", "me:secret", ZK_ERR_OK);
    struct buffer *body = test_path("/n");
    test_append_text(body, "");
    jute_write_i32(body, 2);
    jute_write_i32(body, ZK_PERM_READ);
    test_append_text(body, "world");
    test_append_text(body, "anyone");
    jute_write_i32(body, ZK_PERM_ALL);
    test_append_text(body, "auth");
    test_append_text(body, "");
    jute_write_i32(body, 0);
    test_a_call(&f, ZK_OP_CREATE, body, ZK_ERR_OK);
    for (int own = 0; own < 2; own++) {
        struct slice answer = test_call(&f.server, own ? &f.a : &f.b, ZK_OP_GET_ACL,
                                        test_path("/n"), ZK_ERR_OK);
        struct jute_reader reader = jute_reader_of(answer, 1000);
        assert_int_equal(jute_read_i32(&reader), 2);
        (void)jute_read_i32(&reader);
        (void)jute_read_bytes(&reader);
        (void)jute_read_bytes(&reader);
        assert_int_equal(jute_read_i32(&reader), ZK_PERM_ALL);
        assert_true(slice_equal_cstr(jute_read_bytes(&reader), "digest"));
        struct slice id = jute_read_bytes(&reader);
        assert_int_equal(slice_equal_cstr(id, "me:x"), !own);
        assert_true(slice_starts_with(id, SLICE_LIT("me:")));
    }
    test_server_release(&f.server);
}

/* The order that java.util.concurrent.ConcurrentHashMap gave a Java program for the same
 * identities. */
static void test_who_am_i_in_upstream_s_order(void **state)
{
    (void)state;
    static const char *const passwords[] = {"alice:1", "bob:2", "a:1", "zoe:9", "carol:x", "dan:y"};
    static const char *const expected[] = {"a", "zoe", "carol", "alice", "dan", "127.0.0.1", "bob"};
    struct test_pair f;
    test_pair_begin(&f);
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        authenticate(&f, "digest", passwords[i], ZK_ERR_OK);
    }
    authenticate(&f, "digest", "bob:2", ZK_ERR_OK); /* once more is no more */
    struct jute_reader reader = jute_reader_of(test_a_call(&f, ZK_OP_WHO_AM_I, NULL, ZK_ERR_OK),
                                               1000);
    assert_int_equal(jute_read_i32(&reader), ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(slice_equal_cstr(jute_read_bytes(&reader), i == 5 ? "ip" : "digest"));
        assert_true(slice_equal_cstr(jute_read_bytes(&reader), expected[i]));
    }
    test_server_release(&f.server);
}

static void test_enforced_authentication_refuses(void **state)
{
    (void)state;
    static struct slice schemes[] = {SLICE_LIT("digest")};
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.enforce_auth_enabled = true;
    f.server.config.enforce_auth_schemes = schemes;
    f.server.config.enforce_auth_scheme_count = 1;
    test_pair_start(&f);
    authenticate(&f, "digest", "me:x", ZK_ERR_OK);
    test_a_call(&f, ZK_OP_EXISTS, test_path_watch("/", false), ZK_ERR_OK);
    int32_t xid = test_send(&f.server, &f.b, ZK_OP_CREATE, test_create_body("/n", "", 0));
    test_expect(&f.b, xid, ZK_ERR_SESSIONCLOSEDREQUIRESASLAUTH);
    test_expect_closed(&f.b, CLOSE_AUTH_FAILED);
    test_server_release(&f.server);
}

static void test_sasl_is_required(void **state)
{
    (void)state;
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.session_require_client_sasl_auth = true;
    test_pair_start(&f);
    authenticate(&f, "digest", "me:x", ZK_ERR_OK); /* which is not enough */
    test_a_call(&f, ZK_OP_PING, NULL, ZK_ERR_SESSIONCLOSEDREQUIRESASLAUTH);
    test_expect_closed(&f.a, CLOSE_AUTH_FAILED);
    test_server_release(&f.server);
}

static void test_sasl_without_a_login(void **state)
{
    (void)state;
    struct test_pair f;
    test_pair_begin(&f);
    struct buffer *body = test_body();
    test_append_text(body, "");
    struct slice answer = test_a_call(&f, ZK_OP_SASL, body, ZK_ERR_OK);
    assert_int_equal(answer.len, 4);
    assert_int_equal(load_be32(answer.ptr), UINT32_MAX); /* no token */
    test_send(&f.server, &f.a, ZK_OP_SASL, test_body());
    test_expect_closed(&f.a, CLOSE_BAD_REQUEST);
    test_send(&f.server, &f.b, ZK_OP_AUTH, test_body());
    test_expect_closed(&f.b, CLOSE_BAD_REQUEST);
    test_server_release(&f.server);
}

/* A sync is answered behind what was on its way when it came, whoever had sent that. */
static void test_a_sync_waits_for_what_is_in_flight(void **state)
{
    (void)state;
    struct test_pair f;
    struct test_frame frame;
    test_server_init(&f.server);
    test_pair_start(&f);
    f.server.persists_at_once = false;
    int32_t create = test_send(&f.server, &f.b, ZK_OP_CREATE, test_create_body("/a", "", 0));
    int32_t sync = test_send(&f.server, &f.a, ZK_OP_SYNC, test_path("/"));
    assert_false(test_next_frame(&f.a, &frame));
    test_persist_all(&f.server);
    test_expect(&f.b, create, ZK_ERR_OK);
    test_expect(&f.a, sync, ZK_ERR_OK);
    test_server_release(&f.server);
}

/* ---- quotas, containers
 * ---------------------------------------------------------------------------------------- */

static void test_a_hard_quota_holds_for_what_is_in_flight(void **state)
{
    (void)state;
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.prep.enforce_quota = true;
    test_pair_start(&f);
    test_create(&f.server, &f.a, "/q", "", 0);
    test_create(&f.server, &f.a, "/zookeeper/quota/q", "", 0);
    test_create(&f.server, &f.a, "/zookeeper/quota/q/zookeeper_limits",
                "count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=4", 0);
    test_create(&f.server, &f.a, "/zookeeper/quota/q/zookeeper_stats", "count=1,bytes=0", 0);
    f.server.persists_at_once = false;
    static const struct {
        const char *path;
        const char *data;
        int32_t err;
    } creates[] = {
        {"/q/1", "12345", ZK_ERR_OK},
        {"/q/2", "12345", ZK_ERR_OK},
        {"/q/3", "12345678901", ZK_ERR_QUOTAEXCEEDED}, /* 21 bytes */
        {"/q/3", "1234567890", ZK_ERR_OK},
        {"/q/4", "", ZK_ERR_QUOTAEXCEEDED}, /* five nodes */
    };
    int32_t xids[ARRAY_LEN(creates)];
    for (size_t i = 0; i < ARRAY_LEN(creates); i++) {
        xids[i] = test_send(&f.server, &f.a, ZK_OP_CREATE,
                            test_create_body(creates[i].path, creates[i].data, 0));
    }
    int32_t grow = test_send(&f.server, &f.a, ZK_OP_SET_DATA,
                             test_set_data_body("/q/1", "123456", -1));
    int32_t shrink = test_send(&f.server, &f.a, ZK_OP_SET_DATA,
                               test_set_data_body("/q/1", "1", -1));
    int32_t grow2 = test_send(&f.server, &f.a, ZK_OP_SET_DATA,
                              test_set_data_body("/q/2", "123456789", -1));
    int32_t gone = test_send(&f.server, &f.a, ZK_OP_DELETE, test_path_version("/q/2", -1));
    int32_t room = test_send(&f.server, &f.a, ZK_OP_CREATE,
                             test_create_body("/q/5", "123456789", 0));
    test_persist_all(&f.server);
    for (size_t i = 0; i < ARRAY_LEN(creates); i++) {
        test_expect(&f.a, xids[i], creates[i].err);
    }
    test_expect(&f.a, grow, ZK_ERR_QUOTAEXCEEDED);
    test_expect(&f.a, shrink, ZK_ERR_OK);
    test_expect(&f.a, grow2, ZK_ERR_OK);
    test_expect(&f.a, gone, ZK_ERR_OK);
    test_expect(&f.a, room, ZK_ERR_OK);
    assert_int_equal(f.server.machine.service.stats.quota_exceeded, 3);
    test_server_release(&f.server);
}

static void test_nonsense_in_a_quota_does_no_harm(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",       "rubbish", "count=", "count=x,bytes=y", "=", "count=99999999999999999999",
        ",,,;;;", "a=1=2=3"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct test_pair f;
        test_server_init(&f.server);
        f.server.config.prep.enforce_quota = true;
        test_pair_start(&f);
        test_create(&f.server, &f.a, "/q", "", 0);
        test_create(&f.server, &f.a, "/zookeeper/quota/q", "", 0);
        test_create(&f.server, &f.a, "/zookeeper/quota/q/zookeeper_limits", texts[i], 0);
        test_create(&f.server, &f.a, "/zookeeper/quota/q/zookeeper_stats", texts[i], 0);
        int32_t xid = test_send(&f.server, &f.a, ZK_OP_CREATE, test_create_body("/q/c", "x", 0));
        struct test_frame frame;
        assert_true(test_next_frame(&f.a, &frame));
        assert_int_equal(frame.xid, xid);
        assert_true(frame.err == ZK_ERR_OK || frame.err == ZK_ERR_MARSHALLINGERROR);
        test_create(&f.server, &f.a, "/elsewhere", "", 0);
        test_server_release(&f.server);
    }
}

static void create_ttl(struct test_pair *f, const char *path, int64_t ttl_ms, int32_t err)
{
    struct buffer *body = test_create_body(path, "", ZK_CREATE_PERSISTENT_WITH_TTL);
    jute_write_i64(body, ttl_ms);
    test_a_call(f, ZK_OP_CREATE_TTL, body, err);
}

static bool exists(struct test_pair *f, const char *path)
{
    int32_t xid = test_send(&f->server, &f->b, ZK_OP_EXISTS, test_path_watch(path, false));
    struct test_frame frame;
    assert_true(test_next_frame(&f->b, &frame));
    assert_int_equal(frame.xid, xid);
    return frame.err == ZK_ERR_OK;
}

static void wait_awake(struct test_pair *f, uint64_t ms)
{
    while (ms > 0) {
        uint64_t part = MIN(ms, 5000);
        test_advance(&f->server, part);
        test_call(&f->server, &f->a, ZK_OP_EXISTS, test_path_watch("/", false), ZK_ERR_OK);
        test_call(&f->server, &f->b, ZK_OP_EXISTS, test_path_watch("/", false), ZK_ERR_OK);
        ms -= part;
    }
}

static void test_containers_and_times_to_live(void **state)
{
    (void)state;
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.prep.extended_types_enabled = true;
    f.server.config.tree.extended_types_enabled = true;
    test_pair_start(&f);
    test_a_call(&f, ZK_OP_CREATE_CONTAINER, test_create_body("/used", "", ZK_CREATE_CONTAINER),
                ZK_ERR_OK);
    test_a_call(&f, ZK_OP_CREATE_CONTAINER, test_create_body("/unused", "", ZK_CREATE_CONTAINER),
                ZK_ERR_OK);
    test_a_call(&f, ZK_OP_CREATE_CONTAINER, test_create_body("/full", "", ZK_CREATE_CONTAINER),
                ZK_ERR_OK);
    test_create(&f.server, &f.a, "/used/c", "", 0);
    test_create(&f.server, &f.a, "/full/c", "", 0);
    test_a_call(&f, ZK_OP_DELETE, test_path_version("/used/c", -1), ZK_ERR_OK);
    create_ttl(&f, "/short", 1000, ZK_ERR_OK);
    create_ttl(&f, "/long", 200000, ZK_ERR_OK);
    create_ttl(&f, "/parent", 1000, ZK_ERR_OK);
    test_create(&f.server, &f.a, "/parent/c", "", 0);
    create_ttl(&f, "/bad", 0, ZK_ERR_BADARGUMENTS);
    create_ttl(&f, "/bad", -1, ZK_ERR_BADARGUMENTS);
    create_ttl(&f, "/bad", TREE_TTL_MAX + 1, ZK_ERR_BADARGUMENTS);
    struct buffer *body = test_create_body("/bad", "", 0);
    jute_write_i64(body, -1);
    test_a_call(&f, ZK_OP_CREATE_TTL, body,
                ZK_ERR_BADARGUMENTS); /* would stop upstream's server when it is applied */
    wait_awake(&f, 59000);
    assert_true(exists(&f, "/used") && exists(&f, "/short"));
    wait_awake(&f, 2000);
    assert_false(exists(&f, "/used") || exists(&f, "/short"));
    assert_true(exists(&f, "/unused") && exists(&f, "/full") && exists(&f, "/long") &&
                exists(&f, "/parent"));
    test_a_call(&f, ZK_OP_DELETE, test_path_version("/parent/c", -1), ZK_ERR_OK);
    test_a_call(&f, ZK_OP_SET_DATA, test_set_data_body("/long", "", -1),
                ZK_ERR_OK); /* its time begins anew */
    wait_awake(&f, 180000);
    assert_false(exists(&f, "/parent"));
    assert_true(exists(&f, "/long"));
    wait_awake(&f, 90000);
    assert_false(exists(&f, "/long"));
    test_server_release(&f.server);
}

static void test_containers_go_one_by_one(void **state)
{
    (void)state;
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.container_max_per_minute = 60;
    test_pair_start(&f);
    for (char c = 'a'; c <= 'e'; c++) {
        char path[3] = {'/', c, 0};
        char child[5] = {'/', c, '/', 'c', 0};
        test_a_call(&f, ZK_OP_CREATE_CONTAINER, test_create_body(path, "", ZK_CREATE_CONTAINER),
                    ZK_ERR_OK);
        test_create(&f.server, &f.a, child, "", 0);
        test_a_call(&f, ZK_OP_DELETE, test_path_version(child, -1), ZK_ERR_OK);
    }
    wait_awake(&f, 60000);
    uint64_t nodes = f.server.machine.service.tree.node_count;
    wait_awake(&f, 1000);
    assert_int_equal(f.server.machine.service.tree.node_count, nodes - 1);
    wait_awake(&f, 10000);
    assert_int_equal(f.server.machine.service.tree.node_count, 5);
    test_server_release(&f.server);
}

/* ---- audit --------------------------------------------------------------------------- */

static void test_the_audit_log(void **state)
{
    (void)state;
    struct test_pair f;
    test_server_init(&f.server);
    f.server.config.audit_enabled = true;
    test_pair_start(&f);
    test_create(&f.server, &f.a, "/n", "", 0);
    test_a_call(&f, ZK_OP_CREATE, test_create_body("/n", "", ZK_CREATE_EPHEMERAL_SEQUENTIAL),
                ZK_ERR_OK);
    test_a_call(&f, ZK_OP_CREATE, test_create_body("/n", "", 0), ZK_ERR_NODEEXISTS);
    test_a_call(&f, ZK_OP_SET_DATA, test_set_data_body("/a\tb\n", "", -1), ZK_ERR_BADARGUMENTS);
    struct buffer *body = test_path("/n");
    append_acl(body, ZK_PERM_READ | ZK_PERM_ADMIN, "world", "anyone");
    jute_write_i32(body, -1);
    test_a_call(&f, ZK_OP_SET_ACL, body, ZK_ERR_OK);
    append_create(body, ZK_OP_CREATE, "/m", 0);
    append_versioned(body, ZK_OP_DELETE, "/m", 0);
    append_end(body);
    test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_OK);
    append_versioned(body, ZK_OP_DELETE, "/m", 0);
    append_end(body);
    test_a_call(&f, ZK_OP_MULTI, body, ZK_ERR_OK);
    test_a_call(&f, ZK_OP_EXISTS, test_path_watch("/n", false),
                ZK_ERR_OK); /* reads are not audited */
    test_a_call(&f, ZK_OP_CLOSE_SESSION, NULL, ZK_ERR_OK);
#define WHO "session=0x100000f42400000\tuser=127.0.0.1\tip=127.0.0.1\toperation="
    static const char expected[] = WHO
        "create\tznode=/n\tznode_type=persistent\tresult=success\n" WHO
        "create\tznode=/n0000000001\tznode_type=ephemeral_sequential\tresult=success\n" WHO
        "create\tznode=/n\tznode_type=persistent\tresult=failure\n" WHO
        "setData\tznode=/a\\x09b\\x0a\tresult=failure\n" WHO
        "setAcl\tznode=/n\tacl=world:anyone:ra\tresult=success\n" WHO
        "create\tznode=/m\tznode_type=persistent\tresult=success\n" WHO
        "delete\tznode=/m\tresult=success\n" WHO "multiOperation\tresult=failure\n"
        "session=0x100000f42400000\tuser=samsa\t"
        "operation=ephemeralZNodeDeletionOnSessionCloseOrExpire\tznode=/n0000000001\t"
        "result=success\n";
#undef WHO
    buffer_append_u8(&f.server.audit, 0);
    assert_string_equal((const char *)f.server.audit.data, expected);
    test_server_release(&f.server);
}

/* ---- digests ------------------------------------------------------------------------- */

/* A write whose txn promises another tree than the one that it meets. */
static void write_beside_the_digest(struct test_pair *f)
{
    const struct buffer *pending = &f->server.machine.pending;
    int32_t xid = test_send(&f->server, &f->a, ZK_OP_SET_DATA, test_set_data_body("/n", "x", -1));
    uint8_t *digest = pending->data + pending->len - 8; /* the txn ends with it */
    store_be64(digest, load_be64(digest) + 1);
    f->server.expected_mismatches += 1;
    test_persist_all(&f->server);
    test_expect(&f->a, xid, ZK_ERR_OK);
}

static void expect_alarms(struct test_pair *f, const char *wanted)
{
    assert_true(slice_equal_cstr(buffer_slice(&f->server.alarms), wanted));
    buffer_clear(&f->server.alarms, SIZE_MAX);
}

static void test_a_digest_mismatch_is_told(void **state)
{
    (void)state;
    struct test_pair f;
    char first[512];
    test_pair_begin(&f);
    const struct tree *tree = &f.server.machine.service.tree;
    test_create(&f.server, &f.a, "/n", "", 0);
    expect_alarms(&f, "");
    f.server.persists_at_once = false;
    write_beside_the_digest(&f);
    snprintf(first, sizeof first,
             "First digest mismatch on txn: %" PRId64 ",2,%" PRId64 ",%" PRId64
             ",5, expected digest is 2,%" PRIu64 ", actual digest is %" PRIu64 "\n",
             f.a.conn.session_id, tree->last_processed_zxid, f.server.wall_ms, tree->digest + 1,
             tree->digest);
    expect_alarms(&f, first);
    write_beside_the_digest(&f); /* at once: counted, not told */
    expect_alarms(&f, "");
    test_advance(&f.server, 9999);
    write_beside_the_digest(&f);
    expect_alarms(&f, "");
    test_advance(&f.server, 1);
    write_beside_the_digest(&f);
    snprintf(first, sizeof first,
             "Digests are not matching: 4 transactions so far, the newest is 0x%" PRIx64 "\n",
             (uint64_t)tree->last_processed_zxid);
    expect_alarms(&f, first);
    test_server_release(&f.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authentication_and_permissions),
        cmocka_unit_test(test_identities_of_bounded_length),
        cmocka_unit_test(test_a_pending_acl_governs_what_follows),
        cmocka_unit_test(test_get_acl_hides_digests),
        cmocka_unit_test(test_who_am_i_in_upstream_s_order),
        cmocka_unit_test(test_enforced_authentication_refuses),
        cmocka_unit_test(test_sasl_is_required),
        cmocka_unit_test(test_sasl_without_a_login),
        cmocka_unit_test(test_a_sync_waits_for_what_is_in_flight),
        cmocka_unit_test(test_a_hard_quota_holds_for_what_is_in_flight),
        cmocka_unit_test(test_nonsense_in_a_quota_does_no_harm),
        cmocka_unit_test(test_containers_and_times_to_live),
        cmocka_unit_test(test_containers_go_one_by_one),
        cmocka_unit_test(test_the_audit_log),
        cmocka_unit_test(test_a_digest_mismatch_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
