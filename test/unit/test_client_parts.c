/* The parts of the session client that need no loop: connect strings, paths, the table of watches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "zookeeper/client/client_watches.h"
#include "zookeeper/client/connect_string.h"
#include "zookeeper/client/path_check.h"

/* ---- connect strings ------------------------------------------------------------------------- */

static void expect_hosts(const char *text, const char *expected)
{
    struct connect_string parsed;
    struct errmsg message = {""};
    char shown[512];
    size_t len = 0;
    if (connect_string_parse(slice_of_cstr(text), &parsed, &message) != 0) {
        assert_string_equal(message.text, expected);
        return;
    }
    for (size_t i = 0; i < parsed.host_count; i++) {
        len += (size_t)snprintf(shown + len, sizeof shown - len, "%s%.*s|%u", i == 0 ? "" : " ",
                                (int)parsed.hosts[i].host.len,
                                (const char *)parsed.hosts[i].host.ptr, parsed.hosts[i].port);
    }
    snprintf(shown + len, sizeof shown - len, " %.*s", (int)parsed.chroot.len,
             (const char *)parsed.chroot.ptr);
    assert_string_equal(shown, expected);
}

static void test_connect_string(void **state)
{
    (void)state;
    expect_hosts("localhost", "localhost|2181 ");
    expect_hosts("localhost:1", "localhost|1 ");
    expect_hosts("localhost:", "localhost|2181 ");
    expect_hosts("a:1,b:2 , c", "a|1 b|2 c|2181 ");
    expect_hosts(",a,,b:3,", "a|2181 b|3 ");
    expect_hosts("a:1/", "a|1 ");
    expect_hosts("a:1,b:2/app/x", "a|1 b|2 /app/x");
    expect_hosts("[::1]:77,[fe80::1]/x", "::1|77 fe80::1|2181 /x");
    expect_hosts("::1:77", "::1|77 "); /* the last colon, as upstream */
    expect_hosts("a:65535", "a|65535 ");
    expect_hosts("", "A HostProvider may not be empty!");
    expect_hosts(" , ", "A HostProvider may not be empty!");
    expect_hosts("/app", "A HostProvider may not be empty!");
    expect_hosts("a:x", "For input string: \"x\"");
    expect_hosts("a:65536", "port out of range:65536");
    expect_hosts("a:-1", "port out of range:-1");
    expect_hosts("[::1", "[::1 starts with '[' but has no matching ']'");
    expect_hosts("[::1]:", "[::1]: doesn't have a port after colon");
    expect_hosts("[::1]x", "[::1]x doesn't have a port after colon");
    expect_hosts("[]", " is empty.");
    expect_hosts("a/app/", "Path must not end with / character");
    expect_hosts("a/b//c", "Invalid path string \"/b//c\" caused by empty node name specified @3");
}

static void test_too_many_hosts(void **state)
{
    (void)state;
    char text[CONNECT_STRING_HOSTS_MAX * 2 + 3] = "";
    for (size_t i = 0; i < CONNECT_STRING_HOSTS_MAX; i++) {
        memcpy(text + i * 2, "a,", 3);
    }
    struct connect_string parsed;
    assert_int_equal(connect_string_parse(slice_of_cstr(text), &parsed, NULL), 0);
    assert_int_equal(parsed.host_count, CONNECT_STRING_HOSTS_MAX);
    memcpy(text + CONNECT_STRING_HOSTS_MAX * 2, "b", 2);
    assert_int_equal(connect_string_parse(slice_of_cstr(text), &parsed, NULL), ERR_LIMIT);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void expect_path(struct slice path, const char *expected)
{
    struct errmsg message = {"ok"};
    int error = path_check(path, &message);
    assert_int_equal(error, strcmp(expected, "ok") == 0 ? 0 : ERR_INVALID);
    assert_string_equal(message.text, expected);
    assert_int_equal(path_check(path, NULL), error);
}

static void expect_fault(const char *path, const char *fault)
{
    char expected[256];
    snprintf(expected, sizeof expected, "Invalid path string \"%s\" caused by %s", path, fault);
    expect_path(slice_of_cstr(path), expected);
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const good[] = {
        "/",
        "/a",
        "/a/b",
        "/...",
        "/a/...",
        "/.a",
        "/a.",
        "/a/.b",
        "/a/..b",
        "/a/b..",
        "/ ",
        "/gr\xc3\xbc\xc3\x9f",
        "/\xe4\xb8\x96",
        "/\xc2\xa0",
        "/\xef\xbf\xaf",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        expect_path(slice_of_cstr(good[i]), "ok");
    }
    expect_path(SLICE_LIT(""), "Path length must be > 0");
    expect_path(SLICE_NULL, "Path length must be > 0");
    expect_path(SLICE_LIT("a"), "Path must start with / character");
    expect_path(SLICE_LIT("/a/"), "Path must not end with / character");
    expect_path(SLICE_LIT("//"), "Path must not end with / character");
    expect_fault("//a", "empty node name specified @1");
    expect_fault("/a//b", "empty node name specified @3");
    expect_fault("/.", "relative paths not allowed @1");
    expect_fault("/..", "relative paths not allowed @2");
    expect_fault("/./a", "relative paths not allowed @1");
    expect_fault("/a/../b", "relative paths not allowed @4");
    expect_fault("/a\x01", "invalid character @2");
    expect_fault("/\x7f", "invalid character @1");
    expect_fault("/\xc2\x85", "invalid character @1");
    expect_fault("/\xee\x80\x80", "invalid character @1");     /* U+E000 */
    expect_fault("/\xef\xbf\xb0", "invalid character @1");     /* U+FFF0 */
    expect_fault("/\xf0\x9f\x98\x80", "invalid character @1"); /* surrogates in Java */
    expect_fault("/\xc3\xbc\x01", "invalid character @2");     /* counted in characters */
    expect_fault("/\xff", "invalid character @1");
    expect_fault("/\xc3", "invalid character @1");
    expect_path(SLICE_LIT("/a\0b"),
                "Invalid path string \"/a\" caused by null character not allowed @2");
}

static void test_sequential_paths(void **state)
{
    (void)state;
    struct errmsg message;
    assert_int_equal(path_check_sequential(SLICE_LIT("/a/"), NULL), 0);
    assert_int_equal(path_check_sequential(SLICE_LIT("/"), NULL), 0);
    assert_int_equal(path_check_sequential(SLICE_LIT("/a/.."), NULL), 0);
    assert_int_equal(path_check_sequential(SLICE_LIT(""), &message), ERR_INVALID);
    assert_string_equal(message.text, "Path must start with / character");
    assert_int_equal(path_check_sequential(SLICE_LIT("/a//"), &message), ERR_INVALID);
    assert_string_equal(message.text,
                        "Invalid path string \"/a//1\" caused by empty node name specified @3");
}

/* Whatever the bytes are, an answer comes, and a long path is shown in part. */
static void test_random_paths(void **state)
{
    (void)state;
    struct random random;
    uint8_t bytes[40];
    random_init(&random, 7);
    for (int i = 0; i < 200000; i++) {
        size_t len = (size_t)random_below(&random, sizeof bytes);
        for (size_t k = 0; k < len; k++) {
            static const uint8_t often[] = {'/', '.', 'a', 0xc3, 0xbc, 0xe4, 0xb8, 0x96, 0xf0};
            bytes[k] = random_chance(&random, 3, 4) ? often[random_below(&random, sizeof often)]
                                                    : (uint8_t)random_next(&random);
        }
        struct errmsg message = {""};
        int error = path_check(slice_of(bytes, len), &message);
        assert_true(error == 0 || message.text[0] != '\0');
    }
    static uint8_t endless[100000];
    memset(endless, '/', sizeof endless);
    endless[sizeof endless - 1] = 'a';
    assert_int_equal(path_check(slice_of(endless, sizeof endless), NULL), ERR_INVALID);
}

/* ---- watches --------------------------------------------------------------------------------- */

struct zk_watcher {
    int number;
};

static void test_watches(void **state)
{
    (void)state;
    struct client_watches table;
    struct zk_watcher a = {1};
    struct zk_watcher b = {2};
    struct watcher_set found = {0};
    size_t used = mem_used();
    client_watches_init(&table, (struct hash_key){1, 2});
    client_watches_add(&table, CLIENT_WATCH_DATA, SLICE_LIT("/x"), &a);
    client_watches_add(&table, CLIENT_WATCH_DATA, SLICE_LIT("/x"), &b);
    client_watches_add(&table, CLIENT_WATCH_DATA, SLICE_LIT("/x"), &a);
    client_watches_add(&table, CLIENT_WATCH_CHILD, SLICE_LIT("/x"), &a);
    client_watches_add(&table, CLIENT_WATCH_RECURSIVE, SLICE_LIT("/"), &b);
    assert_int_equal(table.counts[CLIENT_WATCH_DATA], 1);
    assert_true(client_watches_has(&table, CLIENT_WATCH_CHILD, SLICE_LIT("/x")));
    assert_false(client_watches_has(&table, CLIENT_WATCH_EXIST, SLICE_LIT("/x")));
    assert_false(client_watches_has(&table, CLIENT_WATCH_DATA, SLICE_LIT("/xy")));
    client_watches_find(&table, CLIENT_WATCH_DATA, SLICE_LIT("/x"), &found);
    assert_int_equal(found.count, 2);
    assert_true(client_watches_take(&table, CLIENT_WATCH_CHILD, SLICE_LIT("/x"), &found));
    assert_int_equal(found.count, 2); /* a is in it already */
    assert_false(client_watches_take(&table, CLIENT_WATCH_CHILD, SLICE_LIT("/x"), &found));
    assert_true(client_watches_take(&table, CLIENT_WATCH_DATA, SLICE_LIT("/x"), &found));
    assert_int_equal(table.counts[CLIENT_WATCH_DATA], 0);
    assert_int_equal(table.paths.count, 1);
    watcher_set_release(&found);
    client_watches_find_all(&table, &found);
    assert_int_equal(found.count, 1);
    assert_ptr_equal(found.items[0], &b);
    watcher_set_release(&found);
    client_watches_clear(&table, CLIENT_WATCH_BIT(CLIENT_WATCH_RECURSIVE));
    assert_int_equal(table.paths.count, 0);
    client_watches_release(&table);
    assert_int_equal(mem_used(), used);
}

/* Many paths and watchers against a plain array of what should be there. */
static void test_many_watches(void **state)
{
    (void)state;
    enum {
        PATHS = 50,
        WATCHERS = 8,
        STEPS = 40000
    };
    static bool model[PATHS][CLIENT_WATCH_KINDS][WATCHERS];
    struct zk_watcher watchers[WATCHERS];
    struct client_watches table;
    struct random random;
    size_t used = mem_used();
    memset(model, 0, sizeof model);
    random_init(&random, 11);
    client_watches_init(&table, (struct hash_key){3, 4});
    for (int step = 0; step < STEPS; step++) {
        char text[16];
        size_t path = (size_t)random_below(&random, PATHS);
        size_t kind = (size_t)random_below(&random, CLIENT_WATCH_KINDS);
        size_t who = (size_t)random_below(&random, WATCHERS);
        struct watcher_set found = {0};
        snprintf(text, sizeof text, "/p%zu", path);
        struct slice name = slice_of_cstr(text);
        if (random_chance(&random, 2, 3)) {
            client_watches_add(&table, (enum client_watch_kind)kind, name, &watchers[who]);
            model[path][kind][who] = true;
            continue;
        }
        size_t expected = 0;
        for (size_t i = 0; i < WATCHERS; i++) {
            expected += model[path][kind][i] ? 1 : 0;
            model[path][kind][i] = false;
        }
        bool is_taken = client_watches_take(&table, (enum client_watch_kind)kind, name, &found);
        assert_int_equal(is_taken, expected > 0);
        assert_int_equal(found.count, expected);
        watcher_set_release(&found);
    }
    size_t paths = 0;
    for (size_t path = 0; path < PATHS; path++) {
        static const bool nothing[CLIENT_WATCH_KINDS][WATCHERS];
        paths += memcmp(model[path], nothing, sizeof nothing) == 0 ? 0 : 1;
    }
    assert_int_equal(table.paths.count, paths);
    client_watches_release(&table);
    assert_int_equal(mem_used(), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_string), cmocka_unit_test(test_too_many_hosts),
        cmocka_unit_test(test_paths),          cmocka_unit_test(test_sequential_paths),
        cmocka_unit_test(test_random_paths),   cmocka_unit_test(test_watches),
        cmocka_unit_test(test_many_watches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
