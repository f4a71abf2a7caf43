/* zoo.cfg of an ensemble: who is in it, which of them we are, and every sentence for what is wrong.
 */
#include "zookeeper/server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/uv/runtime_uv.h"

#define BASE "dataDir=%s\ninitLimit=10\nsyncLimit=5\n"
#define THREE "server.1=h1:2888:3888\nserver.2=h2:2888:3888\nserver.3=h3:2888:3888\n"

static struct runtime *runtime;
static char folder[64];
static struct zk_config config;
static struct errmsg message;
static char warnings[4096];

static void on_warning(void *ctx, const char *text)
{
    (void)ctx;
    size_t len = strlen(warnings);
    snprintf(warnings + len, sizeof warnings - len, "%s\n", text);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/samsa_config_XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(runtime_create(NULL, &runtime), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    static const char *const names[] = {"zoo.cfg", "myid", "zoo.cfg.dynamic.100000a5f",
                                        "zoo.cfg.dynamic.next"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    runtime_destroy(runtime);
    return 0;
}

/* %s in `lines` is the folder. myid: NULL: no file. */
static int load(const char *lines, const char *myid)
{
    char text[2048];
    char path[128];
    snprintf(path, sizeof path, "%s/myid", folder);
    unlink(path);
    if (myid != NULL) {
        write_file("myid", myid);
    }
    size_t len = 0;
    for (const char *at = lines; *at != '\0' && len < sizeof text - 128; at++) {
        if (at[0] == '%' && at[1] == 's') {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s", folder);
            at++;
        } else {
            text[len++] = *at;
        }
    }
    text[len] = '\0';
    write_file("zoo.cfg", text);
    warnings[0] = '\0';
    message.text[0] = '\0';
    snprintf(path, sizeof path, "%s/zoo.cfg", folder);
    return zk_config_load(&config, runtime, path, NULL, 0, on_warning, NULL, &message);
}

static void check_loaded(const char *lines, const char *myid)
{
    if (load(lines, myid) != 0) {
        fail_msg("%s", message.text);
    }
}

static void check_refused(const char *lines, const char *myid, const char *words)
{
    assert_int_equal(load(lines, myid), ERR_CONFIG);
    if (strstr(message.text, words) == NULL) {
        fail_msg("%s: %s", words, message.text);
    }
    assert_null(config.members);
}

static void test_the_tutorial(void **state)
{
    (void)state;
    check_loaded(BASE "clientPort=2181\n" THREE, "2\n");
    assert_true(config.is_ensemble);
    assert_int_equal(config.server_id, 2);
    assert_int_equal(config.members->server_count, 3);
    assert_int_equal(config.members->version, 0);
    assert_int_equal(config.init_limit, 10);
    assert_int_equal(config.sync_limit, 5);
    assert_int_equal(config.client_port, 2181);
    assert_false(config.is_observer);
    assert_true(config.leader_serves);
    assert_int_equal(config.commit_log_count, 500);
    assert_true(config.snapshot_size_factor > 0.329 && config.snapshot_size_factor < 0.331);
    assert_string_equal(warnings, "");
    zk_config_release(&config);
}

static void test_client_port_of_the_server_line(void **state)
{
    (void)state;
    static const char text[] = BASE
        "server.1=h1:2888:3888;10.0.0.1:2182\nserver.2=h2:2888:3888;2183\n";
    check_loaded(text, "1");
    assert_int_equal(config.client_port, 2182);
    assert_string_equal(config.client_port_address, "10.0.0.1");
    assert_non_null(strstr(warnings, "No server failure will be tolerated"));
    zk_config_release(&config);
    check_loaded(text, "2");
    assert_int_equal(config.client_port, 2183);
    zk_config_release(&config);
    check_loaded(BASE "clientPort=2183\nserver.1=a:1:2\nserver.2=h2:2888:3888;2183\n", "2");
    zk_config_release(&config);
    /* Two texts of one address are one address. */
    static const struct {
        const char *said;
        const char *own;
    } same[] = {
        {"localhost", "127.0.0.1"},
        {"127.0.0.1", "localhost"},
        {"::1", "[0:0:0:0:0:0:0:1]"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
    };
    char lines[256];
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        snprintf(lines, sizeof lines,
                 "dataDir=%%s\ninitLimit=10\nsyncLimit=5\nclientPort=2183\nclientPortAddress=%s\n"
                 "server.1=a:1:2\nserver.2=b:1:2;%s:2183\n",
                 same[i].said, same[i].own);
        check_loaded(lines, "2");
        zk_config_release(&config);
    }
    check_refused(BASE "clientPort=2183\nclientPortAddress=127.0.0.2\nserver.1=a:1:2\n"
                       "server.2=b:1:2;localhost:2183\n",
                  "2", "is different from client address found in dynamic file");
    check_refused(BASE "clientPort=2184\nserver.1=a:1:2\nserver.2=h2:2888:3888;2183\n", "2",
                  "is different from client address found in dynamic file");
}

static void test_myid(void **state)
{
    (void)state;
    check_refused(BASE "clientPort=2181\n" THREE, NULL, "myid file is missing");
    check_refused(BASE "clientPort=2181\n" THREE, "two\n", "serverid two is not a number");
    check_refused(BASE "clientPort=2181\n" THREE, "", "is not a number");
    /* A number above 255 is too large for extended types alone. */
    check_loaded(BASE "clientPort=2181\n" THREE "server.300=h4:1:2\n", "300");
    assert_int_equal(config.server_id, 300);
    zk_config_release(&config);
    check_refused(BASE "clientPort=2181\n" THREE, "-1", "out of range");
    check_refused(BASE "clientPort=2181\nextendedTypesEnabled=true\n" THREE, "255", "out of range");
    check_refused(BASE "clientPort=2181\n" THREE, "4", "My id 4 not in the peer list");
    check_loaded(BASE "clientPort=2181\n" THREE, " 3 \r\nmore\n");
    assert_int_equal(config.server_id, 3);
    zk_config_release(&config);
}

static void test_what_makes_an_ensemble(void **state)
{
    (void)state;
    check_loaded(BASE "clientPort=2181\nserver.1=a:1:2\n", NULL);
    assert_false(config.is_ensemble);
    assert_null(config.members);
    check_loaded(BASE "clientPort=2181\nstandaloneEnabled=false\nserver.1=a:1:2\n", "1");
    assert_true(config.is_ensemble);
    zk_config_release(&config);
    check_loaded(BASE "server.1=a:1:2;2185\n", NULL);
    assert_int_equal(config.client_port, 2185);
    check_refused(BASE "clientPort=2181\nserver.1=a:1:2:observer\n", "1",
                  "Observers w/o participants");
    check_refused(BASE "clientPort=2181\nserver.1=a:1:2\nserver.2=b:1:2:observer\n", "1",
                  "Observers w/o quorum");
    check_refused(BASE "clientPort=2181\nstandaloneEnabled=false\nserver.1=a:1:2:observer\n", "1",
                  "number of participants should be >0");
    check_refused(BASE "clientPort=2181\nstandaloneEnabled=false\n", "1",
                  "number of participants should be >0");
    check_loaded(BASE "clientPort=2181\n" THREE "server.4=d:1:2\n", "1");
    assert_non_null(strstr(warnings, "consider an odd number"));
    zk_config_release(&config);
    check_refused("dataDir=%s\nclientPort=2181\nsyncLimit=5\n" THREE, "1", "initLimit is not set");
    check_refused("dataDir=%s\nclientPort=2181\ninitLimit=5\n" THREE, "1", "syncLimit is not set");
    check_refused(BASE "clientPort=2181\nserver.1=a:1\nserver.2=b:1:2\n", "1",
                  "server.1=a:1: does not have the form");
    check_refused(BASE "clientPort=2181\nelectionAlg=2\n" THREE, "1", "Only 3 is supported");
}

static void test_without_a_client_port(void **state)
{
    (void)state;
    check_loaded(BASE THREE, "1");
    assert_true(config.is_ensemble);
    assert_int_equal(config.client_port, 0);
    assert_non_null(strstr(warnings, "serves no clients"));
    zk_config_release(&config);
    check_refused(BASE, NULL, "clientPort is not set");
    check_refused(BASE "clientPortAddress=127.0.0.1\n" THREE, "1", "clientPort is not set");
}

static void test_version_in_zoo_cfg(void **state)
{
    (void)state;
    check_loaded(BASE "clientPort=2181\nversion=100000000\n" THREE, "1");
    assert_int_equal(config.members->version, 0x100000000);
    zk_config_release(&config);
    check_loaded(BASE "clientPort=2181\nversion=100000000\n", NULL);
    assert_false(config.is_ensemble);
    check_refused(BASE "clientPort=2181\nversion=xyz\n" THREE, "1", "not a hexadecimal number");
    write_file("zoo.cfg.dynamic.100000a5f", THREE);
    check_loaded(
        BASE "clientPort=2181\nversion=7\ndynamicConfigFile=%s/zoo.cfg.dynamic.100000a5f\n", "1");
    assert_int_equal(config.members->version, 0x100000a5f);
    zk_config_release(&config);
}

static void test_roles_groups_and_addresses(void **state)
{
    (void)state;
    check_loaded(BASE "clientPort=2181\n" THREE "server.4=d:1:2:observer\n", "4");
    assert_true(config.is_observer);
    assert_non_null(strstr(warnings, "Peer type from servers list (OBSERVER) doesn't match"));
    zk_config_release(&config);
    check_loaded(BASE "clientPort=2181\npeerType=observer\n" THREE "server.4=d:1:2:observer\n",
                 "4");
    assert_string_equal(warnings, "");
    zk_config_release(&config);
    check_loaded(BASE "clientPort=2181\ngroup.1=1:2:3\nweight.2=3\n" THREE, "1");
    assert_true(config.members->is_hierarchical);
    assert_int_equal(quorum_config_weight(config.members, 2), 3);
    zk_config_release(&config);
    check_refused(BASE "clientPort=2181\ngroup.1=1:2\n" THREE, "1", "Server 3 is not in a group");
    check_refused(BASE "clientPort=2181\nserver.1=a:1:2|b:1:2\nserver.2=c:1:2\n", "1",
                  "Multiple address feature is disabled");
    check_loaded(BASE "clientPort=2181\nmultiAddress.enabled=true\nserver.1=a:1:2|b:1:2\n"
                      "server.2=c:1:2\n",
                 "1");
    assert_int_equal(config.members->servers[0].address_count, 2);
    zk_config_release(&config);
    check_refused(BASE "clientPort=2181\nquorum.auth.enableSasl=true\n" THREE, "1",
                  "do not authenticate each other");
    check_refused(BASE "clientPort=2181\nsslQuorum=true\n" THREE, "1", "TLS");
}

static void test_dynamic_file(void **state)
{
    (void)state;
    static const char names_it[] = BASE
        "reconfigEnabled=true\ndynamicConfigFile=%s/zoo.cfg.dynamic.100000a5f\n";
    write_file("zoo.cfg.dynamic.100000a5f", "server.1=h1:2888:3888:participant;0.0.0.0:2181\n"
                                            "server.2=h2:2888:3888:participant;0.0.0.0:2181\n"
                                            "server.3=h3:2888:3888:observer;0.0.0.0:2181");
    check_loaded(names_it, "3");
    assert_int_equal(config.members->version, 0x100000a5f);
    assert_true(config.is_observer);
    assert_int_equal(config.client_port, 2181);
    assert_null(config.next_members);
    zk_config_release(&config);

    write_file("zoo.cfg.dynamic.next", "server.1=h1:2888:3888\nversion=100000a60\n");
    check_loaded(names_it, "3");
    assert_int_equal(config.next_members->version, 0x100000a60);
    zk_config_release(&config);
    write_file("zoo.cfg.dynamic.next", "server.1=h1\n");
    check_loaded(names_it, "3");
    assert_null(config.next_members);
    assert_non_null(strstr(warnings, "cannot be read"));
    zk_config_release(&config);

    char text[1024];
    snprintf(text, sizeof text, "%s%s", names_it, THREE);
    check_refused(text, "1", "server.1 must be in a separate dynamic config file");
    write_file("zoo.cfg.dynamic.100000a5f", "server.1=h1:2888:3888\nversion=5\n");
    check_refused(names_it, "1", "shouldn't have version inside");
    write_file("zoo.cfg.dynamic.100000a5f", "server.1=h1:2888:3888\nclientPort=5\n");
    check_refused(names_it, "1", "Unrecognised parameter");
    check_refused(BASE "dynamicConfigFile=%s/nowhere\n", "1", "file is missing");
}

static void test_numbers(void **state)
{
    (void)state;
    check_loaded(BASE "clientPort=2181\nsnapshotSizeFactor=-1\ncnxTimeout=700\nleaderServes=no\n"
                      "fastleader.maxNotificationInterval=1000\nlocalSessionsEnabled=true\n"
                      "quorumListenOnAllIPs=true\nobserver.reconnectDelayMs=5\n" THREE,
                 "1");
    assert_true(config.snapshot_size_factor < 0);
    assert_int_equal(config.connect_timeout_ms, 700);
    assert_false(config.leader_serves);
    assert_int_equal(config.max_notification_interval_ms, 1000);
    assert_true(config.local_sessions_enabled && config.quorum_listen_on_all_ips);
    assert_int_equal(config.observer_reconnect_delay_ms, 5);
    zk_config_release(&config);
    check_refused(BASE "clientPort=2181\nsnapshotSizeFactor=0,3\n" THREE, "1", "like 0.33");
    check_refused(BASE "clientPort=2181\nsnapshotSizeFactor=.\n" THREE, "1", "like 0.33");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tutorial),
        cmocka_unit_test(test_client_port_of_the_server_line),
        cmocka_unit_test(test_myid),
        cmocka_unit_test(test_what_makes_an_ensemble),
        cmocka_unit_test(test_without_a_client_port),
        cmocka_unit_test(test_version_in_zoo_cfg),
        cmocka_unit_test(test_roles_groups_and_addresses),
        cmocka_unit_test(test_dynamic_file),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
