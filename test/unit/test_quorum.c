/* Configurations of ensembles: texts as Apache's QuorumMaj and QuorumHierarchical print them (each
 * expected text and row of quorums was printed by 3.9.5), what is refused, and who decides. */
#include "zookeeper/core/quorum.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct quorum_config *read_config(const char *text)
{
    struct quorum_config *config;
    char problem[512];
    int error = quorum_config_parse(slice_of_cstr(text), &config, problem, sizeof problem);
    if (error != 0) {
        fail_msg("%s", problem);
    }
    assert_string_equal(problem, "");
    return config;
}

static void check_text(const struct quorum_config *config, const char *expected)
{
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_text(config, &text);
    buffer_append_u8(&text, 0);
    assert_string_equal((const char *)text.data, expected);
    buffer_release(&text);
}

/* One digit for each subset of the voters, counting in binary from the smallest id. */
static void check_quorums(const struct quorum_config *config, const char *expected)
{
    int64_t voters[16];
    size_t count = 0;
    for (uint32_t i = 0; i < config->server_count; i++) {
        if (config->servers[i].role == QUORUM_PARTICIPANT) {
            voters[count++] = config->servers[i].id;
        }
    }
    assert_int_equal(strlen(expected), (size_t)1 << count);
    for (size_t subset = 0; subset < (size_t)1 << count; subset++) {
        int64_t ids[40];
        size_t len = 0;
        for (size_t i = 0; i < count; i++) {
            if ((subset >> i & 1) != 0) {
                ids[len++] = voters[i];
                ids[len++] = voters[i]; /* twice is once */
            }
        }
        ids[len++] = 4711; /* nobody */
        assert_int_equal(quorum_config_is_quorum(config, ids, len), expected[subset] == '1');
    }
}

static const char nine_quorums[] =
    "0000000000000000000000000001011100000000000101110001011100010111"
    "0001011100010111000101111111111100010111111111111111111111111111"
    "0000000000000000000000000001011100000000000101110001011100010111"
    "0001011100010111000101111111111100010111111111111111111111111111"
    "0000000000000000000000000001011100000000000101110001011100010111"
    "0001011100010111000101111111111100010111111111111111111111111111"
    "0000000000000000000000000001011100000000000101110001011100010111"
    "0001011100010111000101111111111100010111111111111111111111111111";

static const struct {
    const char *text;
    const char *printed;
    const char *quorums; /* NULL: too many */
} cases[] = {
    {"server.1=127.0.0.1:2888:3888\n"
     "server.2=localhost:2889:3889:participant\n"
     "server.3=h3.example:2888:3888:OBSERVER;2181\n",
     "server.1=127.0.0.1:2888:3888:participant\n"
     "server.2=localhost:2889:3889:participant\n"
     "server.3=h3.example:2888:3888:observer;0.0.0.0:2181\n"
     "version=0",
     "0001"},
    {"server.1=[::1]:2888:3888;[2001:db8::5]:2181\n"
     "server.2=[::ffff:10.1.2.3]:2888:3888:participant;10.0.0.2:2182\n"
     "server.3=[2001:DB8:0:0::7]:1:2;\n"
     "version=100000a5f\n",
     "server.1=[0:0:0:0:0:0:0:1]:2888:3888:participant;[2001:db8:0:0:0:0:0:5]:2181\n"
     "server.2=10.1.2.3:2888:3888:participant;10.0.0.2:2182\n"
     "server.3=[2001:db8:0:0:0:0:0:7]:1:2:participant\n"
     "version=100000a5f",
     "00010111"},
    {"# comment\nserver.2 : b:1:2\n server.1 a:1:2\nversion=0\n",
     "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=0", "0001"},
    {"server.20=a:1:2\nserver.1=b:1:2\nserver.7=c:1:2\nserver.15=d:1:2\nserver.16=e:1:2\n",
     "server.16=e:1:2:participant\nserver.1=b:1:2:participant\nserver.20=a:1:2:participant\n"
     "server.7=c:1:2:participant\nserver.15=d:1:2:participant\nversion=0",
     "00000001000101110001011101111111"},
    {"server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2\n"
     "server.6=f:1:2\nserver.7=g:1:2\nserver.8=h:1:2\nserver.9=i:1:2\n"
     "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7:8:9\nweight.1=1\nweight.7=3\nweight.9=0\nversion="
     "ff\n",
     "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nserver.3=c:1:2:participant\n"
     "server.4=d:1:2:participant\nserver.5=e:1:2:participant\nserver.6=f:1:2:participant\n"
     "server.7=g:1:2:participant\nserver.8=h:1:2:participant\nserver.9=i:1:2:participant\n"
     "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7:8:9\n"
     "weight.1=1\nweight.2=1\nweight.3=1\nweight.4=1\nweight.5=1\nweight.6=1\nweight.7=3\n"
     "weight.8=1\nweight.9=0\nversion=ff",
     nine_quorums},
    /* a weight for an observer in a group, and one for nobody */
    {"server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\nserver.5=e:1:2\n"
     "group.10=1:2\ngroup.26=3\ngroup.3=5:4\nweight.4=2\nweight.3=0\nweight.44=9\n",
     "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nserver.3=c:1:2:participant\n"
     "server.4=d:1:2:observer\nserver.5=e:1:2:participant\n"
     "group.3=4:5\ngroup.10=1:2\ngroup.26=3\n"
     "weight.1=1\nweight.2=1\nweight.3=0\nweight.4=2\nweight.5=1\nweight.44=9\nversion=0",
     "0000000000000000"},
    {"server.1=z:1:2|a:3:4|m:5:6:participant\n",
     "server.1=a:3:4|m:5:6|z:1:2:participant\nversion=0", "01"},
    {"server.1=a:1:2;;\n", "server.1=a:1:2:participant\nversion=0", "01"},
    {"server.1=a:1:2:\n", "server.1=a:1:2:participant\nversion=0", "01"},
    {"server.1=a:+1:2\n", "server.1=a:1:2:participant\nversion=0", "01"},
    {"server.1=a:1:2:participant \n", "server.1=a:1:2:participant\nversion=0", "01"},
    {"server.1=a:1:2|\n", "server.1=a:1:2:participant\nversion=0", "01"},
    {"server.1=x:1:2\nserver.1=a:1:2\n", "server.1=a:1:2:participant\nversion=0", "01"},
    {"version=7\n", "version=7", "0"},
};

static void test_texts_and_quorums(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quorum_config *config = read_config(cases[i].text);
        check_text(config, cases[i].printed);
        check_quorums(config, cases[i].quorums);
        /* what is printed reads as the same */
        struct quorum_config *again = read_config(cases[i].printed);
        assert_true(quorum_config_same_members(config, again));
        check_text(again, cases[i].printed);
        quorum_config_drop(again);
        quorum_config_drop(config);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct quorum_config *config = read_config(
        "server.5=[::1]:2888:3888|b:1:2:observer;[::]:2181\nserver.2=a:3:4\n");
    assert_int_equal(config->server_count, 2);
    const struct quorum_server *server = quorum_config_find(config, 5);
    assert_non_null(server);
    assert_int_equal(server->address_count, 2);
    assert_true(slice_equal_cstr(server->addresses[0].host, "0:0:0:0:0:0:0:1")); /* sorted */
    assert_int_equal(server->addresses[0].quorum_port, 2888);
    assert_int_equal(server->addresses[1].election_port, 2);
    assert_true(slice_equal_cstr(server->client_host, "0:0:0:0:0:0:0:0"));
    assert_int_equal(server->client_port, 2181);
    assert_int_equal(server->weight, 1);
    assert_true(slice_is_null(quorum_config_find(config, 2)->client_host));
    assert_null(quorum_config_find(config, 3));
    assert_false(quorum_config_is_voter(config, 5));
    assert_true(quorum_config_is_voter(config, 2));
    assert_int_equal(quorum_config_voter_count(config), 1);
    quorum_config_drop(config);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words; /* in the sentence */
    } bad[] = {
        {"server.1=a:1", "form host:port:port"},
        {"server.1=a:1:2:3", "Unrecognised peertype"},
        {"server.1=a:1:2:boss", "Unrecognised peertype"},
        {"server.1=a:1:2:participant:x", "form host:port:port"},
        {"server.1=a:1:1", "must be different"},
        {"server.1=a:x:2", "not a number from 0 to 65535"},
        {"server.1=a:1:70000", "not a number from 0 to 65535"},
        {"server.1=a:-1:2", "not a number from 0 to 65535"},
        {"server.1=[::1:1:2", "form host:port:port"},
        {"server.1=[::1]", "form host:port:port"},
        {"server.1=[::1]:", "form host:port:port"},
        {"server.1=a:1:2;b:c:3", "form host:port:port"},
        {"server.1=a:1:2;x", "client address"},
        {"server.1=a:1:2:observer|b:3:4:participant", "similar roles"},
        {"server.1=", "form host:port:port"},
        {"server.1=a:1:2;2181;2182", "secure client port"},
        {"server.1=a b:1:2", "form host:port:port"},
        {"server.x=a:1:2", "behind the dot"},
        {"server.-1=a:1:2", "behind the dot"},
        {"server.=a:1:2", "behind the dot"},
        {"server.1=a:1:2\nserver.01=a:1:2", "the same server"},
        {"server.1=a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2", "at most 8"},
        {"clientPort=2181", "Unrecognised parameter"},
        {"version=xyz", "hexadecimal"},
        {"version=", "hexadecimal"},
        {"version=ffffffffffffffff", "hexadecimal"},
        {"server.1=a:1:2\ngroup.1=1\ngroup.2=1", "Server 1 is in multiple groups"},
        {"server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1", "Server 2 is not in a group"},
        {"server.1=a:1:2\nweight.1=1", "Server 1 is not in a group"},
        {"server.1=a:1:2\ngroup.1=1:5", "Server 5 is in a group, but"},
        {"server.1=a:1:2\ngroup.1=1:x", "list of server numbers"},
        {"server.1=a:1:2\ngroup.1=1\nweight.1=-1", "weight is not a number"},
        {"server.1=a:1:2\ngroup.1=1\nweight.1=2147483648", "weight is not a number"},
        {"server.1=\\u12", "escape"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct quorum_config *config;
        char problem[512];
        size_t used = mem_used();
        int error = quorum_config_parse(slice_of_cstr(bad[i].text), &config, problem,
                                        sizeof problem);
        bool is_of_nobody = strstr(bad[i].words, "is in a group, but") != NULL;
        assert_int_equal(error, is_of_nobody ? ERR_NOT_FOUND : ERR_CONFIG);
        assert_null(config);
        if (strstr(problem, bad[i].words) == NULL) {
            fail_msg("%s: %s", bad[i].text, problem);
        }
        assert_int_equal(mem_used(), used);
        char small[4];
        assert_int_equal(
            quorum_config_parse(slice_of_cstr(bad[i].text), &config, small, sizeof small), error);
        assert_int_equal(strlen(small), 3);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct quorum_config *config;
    struct buffer text;
    char problem[512];
    buffer_init(&text, SIZE_MAX);
    for (int id = 0; id < QUORUM_SERVERS_MAX; id++) {
        buffer_append_cstr(&text, "server.");
        buffer_append_decimal(&text, id);
        buffer_append_cstr(&text, "=[::1]:1:2;3\n");
    }
    assert_int_equal(quorum_config_parse(buffer_slice(&text), &config, NULL, 0), 0);
    assert_int_equal(config->server_count, QUORUM_SERVERS_MAX);
    quorum_config_drop(config);
    buffer_append_cstr(&text, "server.300=a:1:2\n");
    assert_int_equal(quorum_config_parse(buffer_slice(&text), &config, problem, sizeof problem),
                     ERR_CONFIG);
    assert_non_null(strstr(problem, "255"));
    text.len = 0;
    for (int id = 0; id < 600; id++) {
        buffer_append_cstr(&text, "weight.");
        buffer_append_decimal(&text, id);
        buffer_append_cstr(&text, "=1\n");
    }
    assert_int_equal(quorum_config_parse(buffer_slice(&text), &config, problem, sizeof problem),
                     ERR_CONFIG);
    text.len = 0;
    memset(buffer_reserve(&text, QUORUM_TEXT_MAX + 1), '\n', QUORUM_TEXT_MAX + 1);
    text.len = QUORUM_TEXT_MAX + 1;
    assert_int_equal(quorum_config_parse(buffer_slice(&text), &config, problem, sizeof problem),
                     ERR_CONFIG);
    buffer_release(&text);
}

static void test_versions_and_files(void **state)
{
    (void)state;
    struct quorum_config *config = read_config(
        "server.10=a:1:2\nserver.9=b:1:2:observer;10.0.0.9:2181\ngroup.1=10\nversion=100000000\n");
    struct quorum_config *later = quorum_config_at_version(config, 0x200000003);
    assert_int_equal(later->version, 0x200000003);
    assert_true(quorum_config_same_members(config, later));
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quorum_config_file_text(later, false, &text);
    static const char lines[] = "group.1=10\nserver.10=a:1:2:participant\n"
                                "server.9=b:1:2:observer;10.0.0.9:2181\nweight.10=1";
    assert_int_equal(text.len, sizeof lines - 1);
    assert_memory_equal(text.data, lines, text.len);
    text.len = 0;
    quorum_config_file_text(later, true, &text);
    assert_int_equal(text.len, sizeof lines - 1 + sizeof "\nversion=200000003" - 1);
    buffer_release(&text);
    struct quorum_config *kept = quorum_config_keep(later);
    quorum_config_drop(later);
    assert_int_equal(kept->version, 0x200000003);
    quorum_config_drop(kept);
    static const char *const others[] = {
        "server.10=a:1:3\nserver.9=b:1:2:observer;10.0.0.9:2181\ngroup.1=10\n",
        "server.10=a:1:2\nserver.9=b:1:2:observer;10.0.0.9:2182\ngroup.1=10\n",
        "server.10=a:1:2\nserver.9=b:1:2:participant;10.0.0.9:2181\ngroup.1=10:9\n",
        "server.10=a:1:2\nserver.9=b:1:2:observer;10.0.0.9:2181\ngroup.1=10\nweight.10=2\n",
        "server.10=a:1:2\nserver.9=b:1:2:observer;10.0.0.9:2181\n",
        "server.10=a:1:2\ngroup.1=10\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct quorum_config *other = read_config(others[i]);
        assert_false(quorum_config_same_members(config, other));
        quorum_config_drop(other);
    }
    quorum_config_drop(config);
}

/* Whatever is read, prints to something that reads the same. */
static void test_random_texts(void **state)
{
    (void)state;
    static const char *const words[] = {
        "server.",
        "1",
        "2",
        "17",
        "=",
        ":",
        ";",
        "|",
        "\n",
        "a",
        "[::1]",
        "2888",
        "[",
        "]",
        "::",
        "group.",
        "weight.",
        "version",
        "ff",
        ":observer",
        ":1:2\n",
        "=a:3:4",
        "\\",
        "0",
        " ",
        "127.0.0.1",
        ":participant",
        "group.1=1:2\n",
        "-",
        "#",
    };
    struct random random;
    random_init(&random, 11);
    size_t read = 0;
    for (int i = 0; i < 30000; i++) {
        char text[512] = "";
        size_t len = 0;
        size_t count = random_below(&random, 24);
        for (size_t j = 0; j < count; j++) {
            const char *word = words[random_below(&random, ARRAY_LEN(words))];
            bool is_line = random_chance(&random, 1, 4);
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
                                    is_line ? "\nserver.3=x:1:2" : "", word);
        }
        struct quorum_config *config;
        if (quorum_config_parse(slice_of(text, len), &config, NULL, 0) == 0) {
            struct quorum_config *again = quorum_config_at_version(config, config->version);
            assert_true(quorum_config_same_members(config, again));
            assert_int_equal(config->version, again->version);
            quorum_config_drop(again);
            quorum_config_drop(config);
            read++;
        }
    }
    assert_true(read > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_quorums),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_versions_and_files),
        cmocka_unit_test(test_random_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
