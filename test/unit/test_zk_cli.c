/* zkCli without a server: splitting lines, reading options, what things look like, completion. What
 * it does with a server is compared with Apache's zkCli in test/interop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/zk_cli.h"

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 65536, (size_t)64 << 20);
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* Words as "<one><two>". */
static const char *shown(const struct slice *words, size_t count)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "<%.*s>", (int)words[i].len,
                                (const char *)words[i].ptr);
    }
    return text;
}

static const char *text_of(struct buffer *out)
{
    static char text[4096];
    assert_true(out->len < sizeof text);
    if (out->len > 0) {
        memcpy(text, out->data, out->len);
    }
    text[out->len] = '\0';
    buffer_release(out);
    return text;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void expect_split(const char *line, const char *expected)
{
    struct zk_cli_words words = zk_cli_split(&arena, slice_of_cstr(line));
    assert_string_equal(shown(words.items, words.count), expected);
}

static void test_split(void **state)
{
    (void)state;
    expect_split("ls /", "<ls></>");
    expect_split("  ls \t /  ", "<ls></>");
    expect_split("create /a \"two words\"", "<create></a><two words>");
    expect_split("create /a 'two \"words\"'", "<create></a><two \"words\">");
    expect_split("set /a \"it's\"", "<set></a><it's>");
    expect_split("set /a \"\"", "<set></a><>");
    expect_split("set /a a'b'c", "<set></a><a'b'c>");
    expect_split("set /a b\"c", "<set></a><b\"c>");
    expect_split("set /a \"open", "<set></a><open>");
    expect_split("set /a 'a'b", "<set></a><a><b>");
    expect_split("\"a\"'b'", "<a><b>");
    expect_split("   ", "< >");
    expect_split("", "");
    expect_split("\"", "");
    expect_split(" \"x", "< \"x>"); /* the blank is given back so that the expression matches */
    expect_split("a\vb", "<a><b>");
}

/* ---- options --------------------------------------------------------------------------------- */

static const struct zk_cli_syntax some = {
    .options = {{"s", "Print znode stats additionally", false},
                {"v", "Set with an expected version", true},
                {"w", "watch", false},
                {"file", "a file", true}},
};
static const struct zk_cli_syntax group = {
    .options = {{"n", "num soft quota", true}, {"b", "bytes soft quota", true}},
    .is_group = true,
    .is_required = true,
};

/* Splits at blanks, parses, and shows "words s v=value" or the error. */
static void expect_parse(const struct zk_cli_syntax *syntax, const char *line, const char *expected)
{
    struct zk_cli_parsed parsed;
    struct errmsg message;
    struct zk_cli_words words = zk_cli_split(&arena, slice_of_cstr(line));
    if (zk_cli_parse(syntax, words.items, words.count, &arena, &parsed, &message) != 0) {
        assert_string_equal(message.text, expected);
        return;
    }
    char text[512];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", shown(parsed.words, parsed.word_count));
    for (size_t i = 0; syntax->options[i].name != NULL; i++) {
        const char *name = syntax->options[i].name;
        if (zk_cli_has(&parsed, name)) {
            struct slice value = zk_cli_value(&parsed, name);
            len += (size_t)snprintf(text + len, sizeof text - len, " %s%s%.*s", name,
                                    slice_is_null(value) ? "" : "=", (int)value.len,
                                    (const char *)value.ptr);
        }
    }
    assert_string_equal(text, expected);
}

#define PREFIX "org.apache.commons.cli."

static void test_options(void **state)
{
    (void)state;
    expect_parse(&some, "set /a x", "<set></a><x>");
    expect_parse(&some, "set -s /a x", "<set></a><x> s");
    expect_parse(&some, "set /a x -s -v 3", "<set></a><x> s v=3");
    expect_parse(&some, "set -v -1 /a", "<set></a> v=-1");
    expect_parse(&some, "set -v3 /a", "<set></a> v=3");
    expect_parse(&some, "set -v=3 /a", "<set></a> v=3");
    expect_parse(&some, "set -swv 4 /a", "<set></a> s v=4 w");
    expect_parse(&some, "set -swv4 /a", "<set></a> s v=4 w");
    expect_parse(&some, "set -ss /a", "<set></a> s");
    expect_parse(&some, "set -v 1 -v 2 /a", "<set></a> v=1");
    expect_parse(&some, "set -file x /a", "<set></a> file=x");
    expect_parse(&some, "set -file=x /a",
                 PREFIX "UnrecognizedOptionException: Unrecognized "
                        "option: -file=x");
    expect_parse(&some, "set -- -s /a", "<set><-s></a>");
    expect_parse(&some, "set - /a", "<set><-></a>");
    expect_parse(&some, "set -v '\"7\"' /a", "<set></a> v=7");
    expect_parse(&some, "set -q /a", PREFIX "UnrecognizedOptionException: Unrecognized option: -q");
    expect_parse(&some, "set -sq /a",
                 PREFIX "UnrecognizedOptionException: Unrecognized option: -sq");
    expect_parse(&some, "set --s /a",
                 PREFIX "UnrecognizedOptionException: Unrecognized option: --s");
    expect_parse(&some, "set -s=1 /a",
                 PREFIX "UnrecognizedOptionException: Unrecognized option: -s=1");
    expect_parse(&some, "set -v",
                 PREFIX "MissingArgumentException: Missing argument for option: v");
    expect_parse(&some, "set -v -s",
                 PREFIX "MissingArgumentException: Missing argument for option: v");
    expect_parse(&some, "set -v --x", "<set> v=--x");
    expect_parse(&some, "", "");
}

static void test_option_groups(void **state)
{
    (void)state;
    expect_parse(&group, "setquota -n 5 /a", "<setquota></a> n=5");
    expect_parse(&group, "setquota -n 5 -n 6 /a", "<setquota></a> n=5");
    expect_parse(&group, "setquota /a",
                 PREFIX "MissingOptionException: Missing required option: "
                        "[-n num soft quota, -b bytes soft quota]");
    expect_parse(&group, "setquota -n",
                 PREFIX "MissingArgumentException: Missing argument for option: n");
    expect_parse(&group, "setquota -n 5 -b 6 /a",
                 PREFIX "AlreadySelectedException: The option 'b' was specified but an option from "
                        "this group has already been selected: 'n'");
}

static void test_option_list(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    zk_cli_append_options(&out, &some);
    assert_string_equal(text_of(&out), " -s            Print znode stats additionally\n"
                                       " -v <arg>      Set with an expected version\n"
                                       " -w            watch\n"
                                       " -file <arg>   a file\n");
}

static void test_command_table(void **state)
{
    (void)state;
    assert_int_equal(zk_cli_command_count, 28);
    for (size_t i = 0; i < zk_cli_command_count; i++) {
        const char *name = zk_cli_commands[i].name;
        assert_ptr_equal(zk_cli_find_command(slice_of_cstr(name)), &zk_cli_commands[i]);
        assert_true(i == 0 || strcmp(zk_cli_commands[i - 1].name, name) < 0);
    }
    assert_null(zk_cli_find_command(SLICE_LIT("LS")));
    assert_null(zk_cli_find_command(SLICE_LIT("")));
}

/* ---- looks ----------------------------------------------------------------------------------- */

static void test_stat(void **state)
{
    (void)state;
    struct buffer out;
    struct zk_stat stat = {
        .czxid = 0x1000000a1,
        .mzxid = -1,
        .ctime = 1700000000123,
        .mtime = -1,
        .version = 2,
        .cversion = -2,
        .aversion = 3,
        .ephemeral_owner = 0x10000abcd,
        .data_length = 5,
        .num_children = 6,
        .pzxid = 0,
    };
    buffer_init(&out, 4096);
    zk_cli_append_stat(&out, &stat);
    assert_string_equal(text_of(&out), "cZxid = 0x1000000a1\n"
                                       "ctime = Tue Nov 14 22:13:20 UTC 2023\n"
                                       "mZxid = 0xffffffffffffffff\n"
                                       "mtime = Wed Dec 31 23:59:59 UTC 1969\n"
                                       "pZxid = 0x0\n"
                                       "cversion = -2\n"
                                       "dataVersion = 2\n"
                                       "aclVersion = 3\n"
                                       "ephemeralOwner = 0x10000abcd\n"
                                       "dataLength = 5\n"
                                       "numChildren = 6\n");
}

static void test_hex_dump(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    zk_cli_append_hex_dump(&out, SLICE_LIT(""));
    assert_int_equal(out.len, 0);
    zk_cli_append_hex_dump(&out, SLICE_LIT("0123456789abcdef\x00\x7f\xff~"));
    assert_string_equal(
        text_of(&out),
        "         +-------------------------------------------------+\n"
        "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n"
        "+--------+-------------------------------------------------+----------------+\n"
        "|00000000| 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 |0123456789abcdef|\n"
        "|00000010| 00 7f ff 7e                                     |...~            |\n"
        "+--------+-------------------------------------------------+----------------+");
}

static void expect_error(int32_t err, struct slice path, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    zk_cli_append_error(&out, err, path);
    assert_string_equal(text_of(&out), expected);
}

static void test_errors(void **state)
{
    (void)state;
    expect_error(ZK_ERR_NONODE, SLICE_LIT("/a"), "Node does not exist: /a");
    expect_error(ZK_ERR_INVALIDACL, SLICE_NULL, "Acl is not valid : null");
    expect_error(ZK_ERR_NOAUTH, SLICE_LIT(""), "Insufficient permission : ");
    expect_error(ZK_ERR_CONNECTIONLOSS, SLICE_LIT("/a"), "KeeperErrorCode = ConnectionLoss for /a");
    expect_error(ZK_ERR_UNIMPLEMENTED, SLICE_LIT(""), "KeeperErrorCode = Unimplemented");
    expect_error(ZK_ERR_RECONFIGINPROGRESS, SLICE_LIT("/a"),
                 "Another reconfiguration is in progress -- concurrent reconfigs not supported "
                 "(yet)");
}

static void test_event(void **state)
{
    (void)state;
    struct buffer out;
    struct zk_watch_event event = {
        .type = ZK_EVENT_NODE_CHILDREN_CHANGED,
        .state = ZK_STATE_SYNC_CONNECTED,
        .path = SLICE_LIT("/a"),
        .zxid = 12,
    };
    buffer_init(&out, 4096);
    zk_cli_append_event(&out, &event);
    assert_string_equal(text_of(&out),
                        "WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/a "
                        "zxid: 12");
    event = (struct zk_watch_event){.type = ZK_EVENT_NONE, .state = ZK_STATE_EXPIRED, .zxid = -1};
    buffer_init(&out, 4096);
    zk_cli_append_event(&out, &event);
    assert_string_equal(text_of(&out), "WatchedEvent state:Expired type:None path:null zxid: -1");
}

/* ---- access control lists -------------------------------------------------------------------- */

static void expect_acl(const char *text, const char *expected)
{
    int32_t count;
    char found[512] = "";
    size_t len = 0;
    struct zk_acl *acl = zk_cli_parse_acl(&arena, slice_of_cstr(text), &count);
    for (int32_t i = 0; i < count; i++) {
        struct buffer perms;
        buffer_init(&perms, 64);
        zk_cli_append_perms(&perms, acl[i].perms);
        len += (size_t)snprintf(found + len, sizeof found - len, "[%.*s|%.*s|%s]",
                                (int)acl[i].id.scheme.len, (const char *)acl[i].id.scheme.ptr,
                                (int)acl[i].id.id.len, (const char *)acl[i].id.id.ptr,
                                text_of(&perms));
    }
    assert_string_equal(found, expected);
}

static void test_acl(void **state)
{
    (void)state;
    expect_acl("world:anyone:r", "[world|anyone|r]");
    expect_acl("world:anyone:awrdc", "[world|anyone|cdrwa]");
    expect_acl("auth::cdrwa", "[auth||cdrwa]");
    expect_acl("digest:bob:aGFzaA==:rw,ip:10.0.0.0/8:c",
               "[digest|bob:aGFzaA==|rw][ip|10.0.0.0/8|c]");
    expect_acl("ip:::1:r", "[ip|::1|r]");
    expect_acl("world:anyone:", "[world|anyone|]");
    expect_acl("world:anyone:rz", "[world|anyone|r]");
    expect_acl("world:anyone", "");
    expect_acl("nonsense,world:anyone:r,", "[world|anyone|r]");
    expect_acl("", "");
    expect_acl(",", "");
    expect_acl("::", "[||]");
}

/* ---- Java's ways ----------------------------------------------------------------------------- */

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
        int32_t value;
    } ints[] = {
        {"0", 0, 0},
        {"42", 0, 42},
        {"-1", 0, -1},
        {"+7", 0, 7},
        {"0x1F", 0, 31},
        {"-0X10", 0, -16},
        {"#ff", 0, 255},
        {"010", 0, 8},
        {"2147483647", 0, INT32_MAX},
        {"-2147483648", 0, INT32_MIN},
        {"2147483648", ERR_INVALID, 0},
        {"-2147483649", ERR_INVALID, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {"0x", ERR_INVALID, 0},
        {"09", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"x", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        int32_t value = 0;
        assert_int_equal(java_decode_int(slice_of_cstr(ints[i].text), &value), ints[i].error);
        assert_int_equal(value, ints[i].value);
    }
    int64_t wide = 0;
    assert_int_equal(java_parse_hex(SLICE_LIT("100000000"), &wide), 0);
    assert_int_equal(wide, INT64_C(0x100000000));
    assert_int_equal(java_parse_hex(SLICE_LIT("-ff"), &wide), 0);
    assert_int_equal(wide, -255);
    assert_int_equal(java_parse_hex(SLICE_LIT("7fffffffffffffff"), &wide), 0);
    assert_int_equal(java_parse_hex(SLICE_LIT("8000000000000000"), &wide), ERR_INVALID);
    assert_int_equal(java_parse_hex(SLICE_LIT("0x1"), &wide), ERR_INVALID);
    assert_int_equal(java_parse_hex(SLICE_LIT(""), &wide), ERR_INVALID);
}

static void test_base64(void **state)
{
    (void)state;
    struct slice bytes;
    assert_int_equal(java_decode_base64(&arena, SLICE_LIT("aGVsbG8="), &bytes), 0);
    assert_true(slice_equal_cstr(bytes, "hello"));
    assert_int_equal(java_decode_base64(&arena, SLICE_LIT("aGVsbG8"), &bytes), 0);
    assert_true(slice_equal_cstr(bytes, "hello"));
    assert_int_equal(java_decode_base64(&arena, SLICE_LIT(""), &bytes), 0);
    assert_int_equal(bytes.len, 0);
    assert_false(slice_is_null(bytes));
    assert_int_equal(java_decode_base64(&arena, SLICE_LIT("!!!"), &bytes), ERR_INVALID);
    assert_int_equal(java_decode_base64(&arena, SLICE_LIT("a"), &bytes), ERR_INVALID);
}

static void take_entry(void *ctx, struct slice key, struct slice value)
{
    struct buffer *out = ctx;
    buffer_append_cstr(out, "{");
    buffer_append(out, key);
    buffer_append_cstr(out, "|");
    buffer_append(out, value);
    buffer_append_cstr(out, "}");
}

static void expect_properties(const char *text, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    java_read_properties(&arena, slice_of_cstr(text), take_entry, &out);
    assert_string_equal(text_of(&out), expected);
}

static void test_properties(void **state)
{
    (void)state;
    expect_properties("a=1\nb : 2\nc 3\n", "{a|1}{b|2}{c|3}");
    expect_properties("# comment\n! another\n\n  a = x y \r\nb", "{a|x y }{b|}");
    expect_properties("a=1\\\n   2\nb=\\\\\nc=3", "{a|12}{b|\\}{c|3}");
    expect_properties("k\\ ey=\\ta\\=b", "{k ey|\ta=b}");
    expect_properties("server.1=h:2888:3888:participant;0.0.0.0:2181\nversion=100000000",
                      "{server.1|h:2888:3888:participant;0.0.0.0:2181}{version|100000000}");
    expect_properties("a==b", "{a|=b}");
    expect_properties("", "");
    expect_properties("\\", "{\\|}");
}

/* ---- completion ------------------------------------------------------------------------------ */

static void expect_match(const char *word, const char *insert, size_t candidates)
{
    const struct slice names[] = {
        SLICE_LIT("/zookeeper"),
        SLICE_LIT("/zoo"),
        SLICE_LIT("/a/gr\xc3\xbc\xc3\x9f"),
        SLICE_LIT("/a/gr\xc3\xb6\xc3\x9f"),
        SLICE_LIT("/b"),
    };
    struct zk_cli_completion completion = zk_cli_match(&arena, slice_of_cstr(word), names,
                                                       sizeof names / sizeof names[0]);
    assert_int_equal(completion.candidate_count, candidates);
    assert_true(slice_equal_cstr(completion.insert, insert));
}

static void test_match(void **state)
{
    (void)state;
    expect_match("/zook", "eeper ", 1);
    expect_match("/z", "oo", 2);
    expect_match("/zoo", "", 2);
    expect_match("/b", " ", 1);
    expect_match("/c", "", 0);
    expect_match("/", "", 5);
    expect_match("/a/", "gr", 2); /* and not half a character */
}

static void test_complete_commands(void **state)
{
    (void)state;
    static struct zk_cli cli;
    arena_init(&cli.arena, 65536, (size_t)1 << 20);
    struct zk_cli_completion completion = zk_cli_complete(&cli, SLICE_LIT("cre"));
    assert_int_equal(completion.candidate_count, 1);
    assert_true(slice_equal_cstr(completion.insert, "ate "));
    completion = zk_cli_complete(&cli, SLICE_LIT("  getA"));
    assert_string_equal(shown(completion.candidates, completion.candidate_count),
                        "<getAcl><getAllChildrenNumber>");
    completion = zk_cli_complete(&cli, SLICE_LIT(""));
    assert_int_equal(completion.candidate_count, zk_cli_command_count);
    completion = zk_cli_complete(&cli, SLICE_LIT("ls /")); /* no session: nothing to offer */
    assert_int_equal(completion.candidate_count, 0);
    arena_release(&cli.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
        T(test_split),         T(test_options), T(test_option_groups),     T(test_option_list),
        T(test_command_table), T(test_stat),    T(test_hex_dump),          T(test_errors),
        T(test_event),         T(test_acl),     T(test_numbers),           T(test_base64),
        T(test_properties),    T(test_match),   T(test_complete_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
