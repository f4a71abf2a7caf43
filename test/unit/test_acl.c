/* Identities, ACLs from clients, the question who may pass, addresses, and the table of lists.
 * Expected values of odd inputs were taken from Apache ZooKeeper 3.9.5's own classes. */
#include "base/base64.h"
#include "base/memory.h"
#include "base/random.h"
#include "zookeeper/core/acl.h"
#include "zookeeper/core/auth_ip.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/evp.h>

static size_t sha1(struct slice in, uint8_t out[64])
{
    unsigned len = 0;
    assert_int_equal(EVP_Digest(in.ptr, in.len, out, &len, EVP_sha1(), NULL), 1);
    return len;
}

static const struct auth_config config = {
    .crypto = {sha1},
    .digest_enabled = true,
    .super_digest = SLICE_LIT("super:D/InIHSb7yEEbrWz8b9l71RjZJU="), /* test */
};

static const struct auth_config no_digest = {.crypto = {sha1}};

/* ---- auth ------------------------------------------------------------------------------------ */

static void check_identity(const struct identities *ids,
                           int32_t at,
                           const char *scheme,
                           const char *id)
{
    assert_true(at < ids->count);
    assert_true(slice_equal_cstr(ids->ids[at].scheme, scheme));
    assert_true(slice_equal_cstr(ids->ids[at].id, id));
}

static void test_authenticate(void **state)
{
    (void)state;
    struct identities ids;
    identities_init(&ids);
    struct slice digest = SLICE_LIT("digest");
    assert_int_equal(auth_authenticate(&config, digest, SLICE_LIT("bob:bobsecret"), &ids),
                     ZK_ERR_OK);
    check_identity(&ids, 0, "digest", "bob:WGAwC+XYxdw8bJ5K6KcPh8oL58U=");
    assert_int_equal(auth_authenticate(&config, digest, SLICE_LIT("bob:bobsecret"), &ids),
                     ZK_ERR_OK);
    assert_int_equal(ids.count, 1);
    assert_int_equal(auth_authenticate(&config, digest, SLICE_LIT("nocolon"), &ids), ZK_ERR_OK);
    check_identity(&ids, 1, "digest", "nocolon:Ra+cHr2ZoHvBjtNArFGNGlVie4g=");
    assert_int_equal(auth_authenticate(&config, digest, SLICE_LIT("super:test"), &ids), ZK_ERR_OK);
    check_identity(&ids, 2, "super", "");
    assert_false(slice_is_null(ids.ids[2].id)); /* which a learner could not tell its leader */
    check_identity(&ids, 3, "digest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    assert_int_equal(auth_authenticate(&config, digest, SLICE_NULL, &ids), ZK_ERR_AUTHFAILED);
    assert_int_equal(auth_authenticate(&config, SLICE_LIT("ip"), SLICE_LIT(""), &ids), ZK_ERR_OK);
    static const char *const unknown[] = {"world", "auth", "super", "sasl", "x509", "", "Digest"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        assert_int_equal(
            auth_authenticate(&config, slice_of_cstr(unknown[i]), SLICE_LIT("a:b"), &ids),
            ZK_ERR_AUTHFAILED);
    }
    assert_int_equal(auth_authenticate(&no_digest, digest, SLICE_LIT("a:b"), &ids),
                     ZK_ERR_AUTHFAILED);
    assert_int_equal(ids.count, 4);
    assert_true(identities_has_scheme(&ids, SLICE_LIT("super")));
    identities_release(&ids);
}

static void test_identities_are_bounded(void **state)
{
    (void)state;
    struct identities ids;
    size_t used = mem_used();
    identities_init(&ids);
    int32_t error = ZK_ERR_OK;
    for (uint32_t i = 0; i < IDENTITIES_MAX + 10; i++) {
        uint8_t name[4] = {(uint8_t)i, (uint8_t)(i >> 8), ':', 'x'};
        error = auth_authenticate(&config, SLICE_LIT("digest"), slice_of(name, sizeof name), &ids);
    }
    assert_int_equal(error, ZK_ERR_AUTHFAILED);
    assert_true(ids.count <= IDENTITIES_MAX);
    identities_release(&ids);
    assert_int_equal(mem_used(), used);
}

/* ---- lists from clients ---------------------------------------------------------------------- */

static struct zk_acl entry(int32_t perms, const char *scheme, const char *id)
{
    return (struct zk_acl){perms, {slice_of_cstr(scheme), slice_of_cstr(id)}};
}

struct fixed {
    struct arena arena;
    struct acl_entries list;
};

static int32_t fix(struct fixed *fixed,
                   const struct zk_acl *list,
                   int32_t count,
                   const struct identities *ids)
{
    arena_init(&fixed->arena, 4096, (size_t)1 << 24);
    return acl_fixup(&config, ids, list, count, &fixed->arena, &fixed->list);
}

static int32_t fix_one(struct zk_acl list)
{
    struct identities ids;
    struct fixed fixed;
    identities_init(&ids);
    int32_t error = fix(&fixed, &list, 1, &ids);
    arena_release(&fixed.arena);
    return error;
}

static void test_fixup_validates(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        const char *id;
        int32_t error;
    } cases[] = {
        {"world", "anyone", ZK_ERR_OK},
        {"world", "bob", ZK_ERR_INVALIDACL},
        {"world", NULL, ZK_ERR_MARSHALLINGERROR},
        {NULL, "anyone", ZK_ERR_INVALIDACL},
        {"auth", "", ZK_ERR_INVALIDACL}, /* nobody to stand for */
        {"super", "", ZK_ERR_INVALIDACL},
        {"x509", "CN=a", ZK_ERR_INVALIDACL},
        {"sasl", "bob", ZK_ERR_INVALIDACL},
        {"sasl", NULL, ZK_ERR_INVALIDACL},
        {"", "", ZK_ERR_INVALIDACL},
        {"digest", "bob:hash", ZK_ERR_OK},
        {"digest", ":hash", ZK_ERR_OK},
        {"digest", "bob:hash:", ZK_ERR_OK},
        {"digest", "bob:hash::", ZK_ERR_OK},
        {"digest", "bob:", ZK_ERR_INVALIDACL},
        {"digest", "bob", ZK_ERR_INVALIDACL},
        {"digest", "a:b:c", ZK_ERR_INVALIDACL},
        {"digest", ":", ZK_ERR_INVALIDACL},
        {"digest", "", ZK_ERR_INVALIDACL},
        {"digest", NULL, ZK_ERR_MARSHALLINGERROR},
        {"ip", "10.0.0.0/8", ZK_ERR_OK},
        {"ip", "10.0.0.0/33", ZK_ERR_INVALIDACL},
        {"ip", NULL, ZK_ERR_MARSHALLINGERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(fix_one(entry(31, cases[i].scheme, cases[i].id)), cases[i].error);
    }
    struct zk_acl digest = entry(31, "digest", "bob:hash");
    struct identities ids;
    struct fixed fixed;
    identities_init(&ids);
    arena_init(&fixed.arena, 4096, 65536);
    assert_int_equal(acl_fixup(&no_digest, &ids, &digest, 1, &fixed.arena, &fixed.list),
                     ZK_ERR_INVALIDACL);
    assert_int_equal(acl_fixup(&config, &ids, &digest, 0, &fixed.arena, &fixed.list),
                     ZK_ERR_INVALIDACL);
    assert_int_equal(acl_fixup(&config, &ids, NULL, -1, &fixed.arena, &fixed.list),
                     ZK_ERR_INVALIDACL);
    arena_release(&fixed.arena);
}

static void test_fixup_expands(void **state)
{
    (void)state;
    struct identities ids;
    struct fixed fixed;
    identities_init(&ids);
    identities_add(&ids, SLICE_LIT("ip"), SLICE_LIT("127.0.0.1")); /* vouched for by nobody */
    struct zk_acl list[] = {entry(1, "auth", "ignored"),   entry(31, "world", "anyone"),
                            entry(1, "auth", "ignored"),   entry(31, "world", "anyone"),
                            entry(1, "digest", "bob:one"), entry(2, "auth", "")};
    assert_int_equal(fix(&fixed, list, 6, &ids), ZK_ERR_INVALIDACL);
    arena_release(&fixed.arena);

    identities_add(&ids, SLICE_LIT("super"), SLICE_LIT(""));
    identities_add(&ids, SLICE_LIT("digest"), SLICE_LIT("bob:one"));
    identities_add(&ids, SLICE_LIT("digest"), SLICE_LIT("eve:two"));
    assert_int_equal(fix(&fixed, list, 6, &ids), ZK_ERR_OK);
    /* Duplicates go before "auth" is expanded, so what that yields may be there twice. */
    struct zk_acl expected[] = {entry(1, "digest", "bob:one"), entry(1, "digest", "eve:two"),
                                entry(31, "world", "anyone"),  entry(1, "digest", "bob:one"),
                                entry(2, "digest", "bob:one"), entry(2, "digest", "eve:two")};
    assert_int_equal(fixed.list.count, 6);
    for (int32_t i = 0; i < 6; i++) {
        assert_true(codec_equal(&zk_acl_message, 0, &fixed.list.items[i], &expected[i]));
    }
    arena_release(&fixed.arena);
    identities_release(&ids);
}

static void test_fixup_is_bounded(void **state)
{
    (void)state;
    static struct zk_acl list[ACL_ENTRIES_MAX + 1];
    static uint8_t texts[ACL_ENTRIES_MAX + 1][2];
    struct identities ids;
    struct fixed fixed;
    identities_init(&ids);
    identities_add(&ids, SLICE_LIT("digest"), SLICE_LIT("bob:one"));
    identities_add(&ids, SLICE_LIT("digest"), SLICE_LIT("eve:two"));
    for (size_t i = 0; i <= ACL_ENTRIES_MAX; i++) {
        texts[i][0] = (uint8_t)i;
        texts[i][1] = (uint8_t)(i >> 8);
        list[i] = (struct zk_acl){1, {SLICE_LIT("auth"), slice_of(texts[i], 2)}};
    }
    assert_int_equal(fix(&fixed, list, ACL_ENTRIES_MAX / 2, &ids), ZK_ERR_OK);
    assert_int_equal(fixed.list.count, ACL_ENTRIES_MAX);
    arena_release(&fixed.arena);
    assert_int_equal(fix(&fixed, list, ACL_ENTRIES_MAX / 2 + 1, &ids), ZK_ERR_INVALIDACL);
    arena_release(&fixed.arena);
    assert_int_equal(fix(&fixed, list, ACL_ENTRIES_MAX + 1, &ids), ZK_ERR_INVALIDACL);
    arena_release(&fixed.arena);
    identities_release(&ids);
}

/* ---- the question ---------------------------------------------------------------------------- */

static void test_check(void **state)
{
    (void)state;
    struct identities ids;
    struct auth_config skipping = config;
    struct zk_acl list[] = {entry(1, "world", "anyone"), entry(2, "digest", "bob:one"),
                            entry(4, "ip", "10.1.0.0/16"), entry(31, "x509", "CN=a"),
                            entry(8, "world", "bob")};
    skipping.skip_acl = true;
    identities_init(&ids);
    assert_true(acl_check(&config, &ids, NULL, 0, 31));
    assert_true(acl_check(&config, &ids, list, 0, 31));
    assert_true(acl_check(&config, &ids, list, 5, 1));
    assert_true(acl_check(&config, &ids, list, 5, 1 | 16)); /* one of them will do */
    assert_false(acl_check(&config, &ids, list, 5, 2));
    assert_true(acl_check(&skipping, &ids, list, 5, 2));
    identities_add(&ids, SLICE_LIT("digest"), SLICE_LIT("bob:one"));
    identities_add(&ids, SLICE_LIT("ip"), SLICE_LIT("10.2.0.1"));
    identities_add(&ids, SLICE_LIT("x509"), SLICE_LIT("CN=a")); /* no provider, no match */
    assert_true(acl_check(&config, &ids, list, 5, 2));
    assert_false(acl_check(&no_digest, &ids, list, 5, 2));
    assert_false(acl_check(&config, &ids, list, 5, 4));
    assert_false(acl_check(&config, &ids, list, 5, 8));
    assert_false(acl_check(&config, &ids, list, 5, 16));
    identities_add(&ids, SLICE_LIT("ip"), SLICE_LIT("10.1.255.1"));
    assert_true(acl_check(&config, &ids, list, 5, 4));
    identities_add(&ids, SLICE_LIT("super"), SLICE_LIT(""));
    assert_true(acl_check(&config, &ids, list, 5, 16));
    identities_release(&ids);
}

static void test_ip_networks(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "1.2.3.4", "1.2.3.4/0",   "+1.02.003.4",  "::",
        "::1/128", "1::/+8",      "fe80::1:2/64", "1:2:3:4:5:6:7:8",
        "1::8",    "-0.1.1.1/32", "-1::",         "1:2:3:4:5:6:7::"};
    static const char *const invalid[] = {"",
                                          "1.2.3",
                                          "1.2.3.4.5",
                                          "256.1.1.1",
                                          "1.2.3.-4",
                                          "1.2.3.4/33",
                                          "1.2.3.4/",
                                          "1.2.3.4/x",
                                          "1.2.3.4/-1",
                                          "a.b.c.d",
                                          "1..2.3",
                                          ":::",
                                          "1:2",
                                          "1::2::3",
                                          "12345::",
                                          "g::",
                                          "::1/129",
                                          "::ffff:1.2.3.4",
                                          "fe80::1%eth0",
                                          "1:2:3:4:5:6:7:8:9",
                                          "1:2:3:4::5:6:7:8",
                                          "localhost",
                                          "/8"};
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        assert_true(auth_ip_is_valid(slice_of_cstr(valid[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        assert_false(auth_ip_is_valid(slice_of_cstr(invalid[i])));
    }
}

static void test_ip_matches(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *network;
        bool expected;
    } cases[] = {
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.3", "10.1.2.2/31", true},
        {"10.1.2.3", "10.1.2.4/31", false},
        {"10.1.2.3", "99.99.99.99/0", true},
        {"10.1.2.3", "10.255.0.0/8", true},
        {"11.1.2.3", "10.255.0.0/8", false},
        {"10.1.127.3", "10.1.0.0/17", true},
        {"10.1.128.3", "10.1.0.0/17", false},
        {"10.1.2.3", "::/0", false},
        {"0:0:0:0:0:0:0:1", "::1", true},
        {"0:0:0:0:0:0:0:1", "::2/126", true},
        {"fe80:0:0:0:1:2:3:4", "FE80::/10", true},
        {"fec0:0:0:0:1:2:3:4", "FE80::/10", false},
        {"fe80:0:0:0:1:2:3:4%2", "fe80::/10", false},
        {"10.1.2.3", "nonsense", false},
        {"nonsense", "10.1.2.3/0", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool actual = auth_ip_matches(slice_of_cstr(cases[i].address),
                                      slice_of_cstr(cases[i].network));
        assert_int_equal(actual, cases[i].expected);
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

#define LISTS 40

static void test_table_random(void **state)
{
    (void)state;
    struct random random;
    struct acl_table table;
    uint32_t references[LISTS] = {0};
    uint32_t indexes[LISTS] = {0};
    size_t used = mem_used();
    random_init(&random, 2);
    acl_table_init(&table, (struct hash_key){1, 2});
    for (int i = 0; i < 20000; i++) {
        size_t k = random_below(&random, LISTS);
        struct zk_acl list[2] = {entry((int32_t)k, "digest", "bob:x"), entry(1, "world", NULL)};
        int32_t count = 1 + (int32_t)(k % 2);
        if (random_chance(&random, 1, 2)) {
            uint32_t index = acl_table_keep(&table, list, count);
            assert_true(references[k] == 0 || index == indexes[k]);
            indexes[k] = index;
            references[k] += 1;
        } else if (references[k] > 0) {
            acl_table_drop(&table, indexes[k]);
            references[k] -= 1;
            int32_t still = 0; /* readable until it is reaped */
            assert_int_equal(acl_table_at(&table, indexes[k], &still)[0].perms, (int32_t)k);
        }
        if (random_chance(&random, 1, 4)) {
            acl_table_reap(&table);
        }
        if (references[k] > 0) {
            int32_t found = 0;
            int64_t id = acl_table_id(&table, indexes[k]);
            const struct zk_acl *entries = acl_table_get(&table, id, &found);
            assert_int_equal(found, count);
            assert_true(codec_equal(&zk_acl_message, 0, &entries[0], &list[0]));
            assert_true(count == 1 || slice_is_null(entries[1].id.id));
        }
    }
    acl_table_check(&table);
    acl_table_release(&table);
    assert_int_equal(mem_used(), used);
}

static void test_table_open(void **state)
{
    (void)state;
    struct acl_table table;
    int32_t count = 0;
    struct zk_acl open = entry(31, "world", "anyone");
    struct zk_acl nearly = entry(30, "world", "anyone");
    acl_table_init(&table, (struct hash_key){1, 2});
    assert_int_equal(acl_table_keep(&table, &open, 1), ACL_INDEX_OPEN);
    assert_int_equal(acl_table_keep(&table, NULL, -1), ACL_INDEX_OPEN);
    assert_int_not_equal(acl_table_keep(&table, &nearly, 1), ACL_INDEX_OPEN);
    assert_int_not_equal(acl_table_keep(&table, NULL, 0), ACL_INDEX_OPEN);
    assert_int_equal(acl_table_id(&table, ACL_INDEX_OPEN), ACL_OPEN_UNSAFE);
    assert_int_equal(acl_table_get(&table, ACL_OPEN_UNSAFE, &count)[0].perms, 31);
    assert_null(acl_table_get(&table, 99, &count));
    acl_table_drop(&table, ACL_INDEX_OPEN);
    acl_table_release(&table);
}

/* Ids as a snapshot has them: two for one list, one for two lists, the highest there is. */
static void test_table_load(void **state)
{
    (void)state;
    struct acl_table table;
    uint32_t first = 0;
    uint32_t second = 0;
    struct zk_acl a = entry(1, "digest", "a:a");
    struct zk_acl b = entry(2, "digest", "b:b");
    struct zk_acl open = entry(31, "world", "anyone");
    acl_table_init(&table, (struct hash_key){1, 2});
    acl_table_load(&table, 5, &a, 1);
    acl_table_load(&table, 6, &a, 1);
    acl_table_load(&table, 7, &b, 1);
    acl_table_load(&table, 7, &open, 1);
    acl_table_load(&table, INT64_MAX, &b, 1);
    acl_table_load(&table, ACL_OPEN_UNSAFE, &b, 1);
    assert_true(acl_table_find(&table, 5, &first) && acl_table_find(&table, 6, &second));
    assert_int_equal(first, second);
    assert_true(acl_table_find(&table, 7, &second));
    assert_int_equal(second, ACL_INDEX_OPEN);
    assert_false(acl_table_find(&table, 8, &second));
    acl_table_keep_index(&table, first);
    acl_table_purge_unused(&table);
    acl_table_check(&table);
    assert_int_equal(table.by_content.count, 1);
    uint32_t fresh = acl_table_keep(&table, &b, 1); /* its id may not be one that is in use */
    assert_int_not_equal(acl_table_id(&table, fresh), ACL_OPEN_UNSAFE);
    acl_table_check(&table);
    acl_table_drop(&table, first);
    acl_table_drop(&table, fresh);
    acl_table_check(&table);
    acl_table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authenticate),     cmocka_unit_test(test_identities_are_bounded),
        cmocka_unit_test(test_fixup_validates),  cmocka_unit_test(test_fixup_expands),
        cmocka_unit_test(test_fixup_is_bounded), cmocka_unit_test(test_check),
        cmocka_unit_test(test_ip_networks),      cmocka_unit_test(test_ip_matches),
        cmocka_unit_test(test_table_random),     cmocka_unit_test(test_table_open),
        cmocka_unit_test(test_table_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
