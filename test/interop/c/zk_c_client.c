/*
 * libzookeeper's C client against one server, through its whole API but TLS and SASL.
 *
 *     zk_c_client host:port
 *
 * Every check has a connected client and a node of its own. It prints "ok N name" or "not ok N
 * name: why" and, at the end, "1..N"; "operator: restart" on standard output asks for a restart of
 * the server, and a line on standard input answers. A check that fails jumps out of itself, so what
 * comes after a wrong answer is not run on it.
 */
#include "client_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The answer of one asynchronous request. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    int rc;
    char text[PATH_MAX_LEN];
    struct Stat stat;
    int order;
};

/* -1: no data, which is not the same as empty data. */
static int create(const char *name, const char *data, int mode)
{
    char made[PATH_MAX_LEN];
    return zoo_create(zk, at(name), data, data ? (int)strlen(data) : -1, &ZOO_OPEN_ACL_UNSAFE, mode,
                      made, sizeof(made));
}

/* ---- nodes ---- */

static void check_create_and_stat(void)
{
    struct Stat made, stat;
    char path[PATH_MAX_LEN];
    EQUAL(ZOK, zoo_create2(zk, at("a"), "hello", 5, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, path,
                           sizeof(path), &made));
    SAME(at("a"), path);
    EQUAL(ZOK, zoo_exists(zk, at("a"), 0, &stat));
    EQUAL(made.czxid, stat.czxid);
    EQUAL(made.ctime, stat.ctime);
    EQUAL(stat.czxid, stat.mzxid);
    EQUAL(stat.czxid, stat.pzxid);
    EQUAL(0, stat.version);
    EQUAL(5, stat.dataLength);
    EQUAL(0, stat.ephemeralOwner);
    HOLDS(llabs(stat.ctime - time(NULL) * 1000LL) < 3000);
    EQUAL(ZNODEEXISTS, create("a", NULL, ZOO_PERSISTENT));
    EQUAL(ZNONODE, create("no/b", NULL, ZOO_PERSISTENT));
    EQUAL(ZBADARGUMENTS, zoo_create(zk, "relative", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
}

static void check_modes(void)
{
    char path[PATH_MAX_LEN];
    struct Stat stat;
    EQUAL(ZOK, zoo_create(zk, at("s-"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL,
                          path, sizeof(path)));
    SAME(at("s-0000000000"), path);
    EQUAL(ZOK, zoo_create2(zk, at("e-"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL,
                           path, sizeof(path), &stat));
    SAME(at("e-0000000001"), path);
    EQUAL(zoo_client_id(zk)->client_id, stat.ephemeralOwner);
    EQUAL(ZOK, create("e", NULL, ZOO_EPHEMERAL));
    EQUAL(ZNOCHILDRENFOREPHEMERALS, create("e/child", NULL, ZOO_PERSISTENT));
    EQUAL(ZOK, create("c", NULL, ZOO_CONTAINER));
    EQUAL(ZOK, zoo_create_ttl(zk, at("t"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL,
                              300, path, sizeof(path)));
    EQUAL(ZOK,
          zoo_create2_ttl(zk, at("u"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE,
                          ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 100000, path, sizeof(path), &stat));
    SAME(at("u0000000005"), path);
    EQUAL(0, stat.ephemeralOwner);
    for (int i = 0; zoo_exists(zk, at("t"), 0, NULL) == ZOK; i++) {
        HOLDS(i < 500);
        sleep_ms(20);
    }
    EQUAL(ZOK, zoo_exists(zk, at("u0000000005"), 0, NULL));
}

static void check_data(void)
{
    char buffer[16];
    struct Stat stat;
    int length = sizeof(buffer);
    EQUAL(ZOK, create("a", "one", ZOO_PERSISTENT));
    EQUAL(ZOK, zoo_get(zk, at("a"), 0, buffer, &length, &stat));
    HOLDS(length == 3 && memcmp(buffer, "one", 3) == 0);
    EQUAL(ZOK, zoo_set2(zk, at("a"), "three", 5, 0, &stat));
    EQUAL(1, stat.version);
    HOLDS(stat.mzxid > stat.czxid);
    EQUAL(ZBADVERSION, zoo_set(zk, at("a"), "x", 1, 0));
    EQUAL(ZNONODE, zoo_set(zk, at("no"), "x", 1, -1));
    EQUAL(ZOK, zoo_set(zk, at("a"), NULL, -1, -1));
    length = sizeof(buffer);
    EQUAL(ZOK, zoo_get(zk, at("a"), 0, buffer, &length, &stat));
    EQUAL(-1, length);
    EQUAL(2, stat.version);
    EQUAL(ZOK, create("empty", "", ZOO_PERSISTENT));
    length = sizeof(buffer);
    EQUAL(ZOK, zoo_get(zk, at("empty"), 0, buffer, &length, NULL));
    EQUAL(0, length);
}

static void check_large_data(void)
{
    int length = 1000000;
    char *data = malloc((size_t)length);
    HOLDS(data != NULL);
    for (int i = 0; i < length; i++) {
        data[i] = (char)(i * 31 >> 3);
    }
    int rc = zoo_create(zk, at("a"), data, length, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    char *read = calloc(1, (size_t)length);
    int read_length = length;
    int read_rc = read ? zoo_get(zk, at("a"), 0, read, &read_length, NULL) : ZSYSTEMERROR;
    bool is_same = read && read_length == length && memcmp(data, read, (size_t)length) == 0;
    free(data);
    free(read);
    EQUAL(ZOK, rc);
    EQUAL(ZOK, read_rc);
    HOLDS(is_same);
}

static void check_delete(void)
{
    EQUAL(ZOK, create("a", NULL, 0));
    EQUAL(ZOK, create("a/b", NULL, 0));
    EQUAL(ZNOTEMPTY, zoo_delete(zk, at("a"), -1));
    EQUAL(ZBADVERSION, zoo_delete(zk, at("a/b"), 3));
    EQUAL(ZOK, zoo_delete(zk, at("a/b"), 0));
    EQUAL(ZOK, zoo_delete(zk, at("a"), -1));
    EQUAL(ZNONODE, zoo_delete(zk, at("a"), -1));
    EQUAL(ZNONODE, zoo_exists(zk, at("a"), 0, NULL));
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void check_children(void)
{
    struct String_vector names;
    struct Stat stat;
    EQUAL(ZNONODE, zoo_get_children(zk, at("no"), 0, &names));
    EQUAL(ZOK, create("b", NULL, 0));
    EQUAL(ZOK, create("a", NULL, 0));
    EQUAL(ZOK, create("c", NULL, 0));
    EQUAL(ZOK, zoo_delete(zk, at("c"), -1));
    EQUAL(ZOK, zoo_get_children2(zk, root, 0, &names, &stat));
    qsort(names.data, (size_t)names.count, sizeof(names.data[0]), by_name);
    bool is_right = names.count == 2 && strcmp(names.data[0], "a") == 0 &&
                    strcmp(names.data[1], "b") == 0;
    deallocate_String_vector(&names);
    HOLDS(is_right);
    EQUAL(2, stat.numChildren);
    EQUAL(4, stat.cversion);
    HOLDS(stat.pzxid > stat.mzxid);
}

static void check_config(void)
{
    char buffer[4096];
    int length = sizeof(buffer);
    struct Stat stat;
    EQUAL(ZOK, zoo_getconfig(zk, 0, buffer, &length, &stat));
    EQUAL(0, length);
}

/* ---- multi ---- */

static void check_multi(void)
{
    zoo_op_t ops[6];
    zoo_op_result_t results[6];
    char first[PATH_MAX_LEN], second[PATH_MAX_LEN], third[PATH_MAX_LEN];
    struct Stat stat;
    zoo_create_op_init(&ops[0], at("a"), "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, first, sizeof(first));
    zoo_set_op_init(&ops[1], at("a"), "22", 2, 0, &stat);
    zoo_check_op_init(&ops[2], at("a"), 1);
    zoo_create_op_init(&ops[3], at("s"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, second,
                       sizeof(second));
    zoo_create_op_init(&ops[4], at("e"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, third,
                       sizeof(third));
    zoo_delete_op_init(&ops[5], at("a"), 1);
    EQUAL(ZOK, zoo_multi(zk, 6, ops, results));
    for (int i = 0; i < 6; i++) {
        EQUAL(ZOK, results[i].err);
    }
    SAME(at("a"), first);
    SAME(at("s0000000001"), second);
    EQUAL(1, stat.version);
    EQUAL(2, stat.dataLength);
    EQUAL(ZNONODE, zoo_exists(zk, at("a"), 0, NULL));
    EQUAL(ZOK, zoo_exists(zk, at("e"), 0, NULL));
}

static void check_multi_fails_whole(void)
{
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    zoo_create_op_init(&ops[0], at("a"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_create_op_init(&ops[1], at("b"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_delete_op_init(&ops[2], at("no"), -1);
    zoo_create_op_init(&ops[3], at("c"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    EQUAL(ZNONODE, zoo_multi(zk, 4, ops, results));
    EQUAL(ZOK, results[0].err);
    EQUAL(ZOK, results[1].err);
    EQUAL(ZNONODE, results[2].err);
    EQUAL(ZRUNTIMEINCONSISTENCY, results[3].err);
    EQUAL(ZNONODE, zoo_exists(zk, at("a"), 0, NULL));
}

/* ---- watches ---- */

static void check_watches(void)
{
    struct recorder *data = recorder_make();
    struct recorder *exists = recorder_make();
    struct recorder *children = recorder_make();
    struct String_vector names;
    char buffer[8];
    int length = sizeof(buffer);
    EQUAL(ZNONODE, zoo_wexists(zk, at("a"), record, exists, NULL));
    EQUAL(ZOK, zoo_wget_children(zk, root, record, children, &names));
    deallocate_String_vector(&names);
    EQUAL(ZOK, create("a", "x", 0));
    EVENT(exists, ZOO_CREATED_EVENT, at("a"));
    EVENT(children, ZOO_CHILD_EVENT, root);
    EQUAL(ZOK, zoo_wget(zk, at("a"), record, data, buffer, &length, NULL));
    EQUAL(ZOK, zoo_set(zk, at("a"), "y", 1, -1));
    EVENT(data, ZOO_CHANGED_EVENT, at("a"));
    EQUAL(ZOK, zoo_set(zk, at("a"), "z", 1, -1));
    NO_EVENT(data);
    EQUAL(ZOK, zoo_wexists(zk, at("a"), record, exists, NULL));
    EQUAL(ZOK, zoo_delete(zk, at("a"), -1));
    EVENT(exists, ZOO_DELETED_EVENT, at("a"));
    NO_EVENT(children);
}

static void check_default_watcher(void)
{
    EQUAL(ZNONODE, zoo_exists(zk, at("a"), 1, NULL));
    EQUAL(ZOK, create("a", NULL, 0));
    EVENT(&session, ZOO_CREATED_EVENT, at("a"));
}

static void check_remove_watches(void)
{
    struct recorder *one = recorder_make();
    struct recorder *two = recorder_make();
    EQUAL(ZOK, create("a", NULL, 0));
    EQUAL(ZOK, zoo_wexists(zk, at("a"), record, one, NULL));
    EQUAL(ZOK, zoo_wexists(zk, at("a"), record, two, NULL));
    EQUAL(ZOK, zoo_remove_watches(zk, at("a"), ZWATCHTYPE_DATA, record, one, 0));
    EQUAL(ZNOWATCHER, zoo_remove_watches(zk, at("a"), ZWATCHTYPE_DATA, record, one, 0));
    EQUAL(ZOK, zoo_set(zk, at("a"), "x", 1, -1));
    EVENT(two, ZOO_CHANGED_EVENT, at("a"));
    NO_EVENT(one);
    EQUAL(ZOK, zoo_wexists(zk, at("a"), record, two, NULL));
    EQUAL(ZOK, zoo_remove_all_watches(zk, at("a"), ZWATCHTYPE_ANY, 0));
    EQUAL(ZNOWATCHER, zoo_remove_all_watches(zk, at("a"), ZWATCHTYPE_ANY, 0));
}

static void check_watches_survive_restart(void)
{
    struct recorder *data = recorder_make();
    struct recorder *absent = recorder_make();
    struct recorder *children = recorder_make();
    struct String_vector names;
    EQUAL(ZOK, create("a", "x", 0));
    EQUAL(ZOK, create("e", NULL, ZOO_EPHEMERAL));
    EQUAL(ZOK, zoo_wexists(zk, at("a"), record, data, NULL));
    EQUAL(ZNONODE, zoo_wexists(zk, at("new"), record, absent, NULL));
    EQUAL(ZOK, zoo_wget_children(zk, root, record, children, &names));
    deallocate_String_vector(&names);
    long long id = zoo_client_id(zk)->client_id;
    operator_does("restart");
    state_reached(&session, ZOO_CONNECTED_STATE);
    EQUAL(id, zoo_client_id(zk)->client_id);
    struct Stat stat;
    EQUAL(ZOK, zoo_exists(zk, at("e"), 0, &stat));
    EQUAL(id, stat.ephemeralOwner);
    state_reached(data, ZOO_CONNECTED_STATE);
    state_reached(absent, ZOO_CONNECTED_STATE);
    state_reached(children, ZOO_CONNECTED_STATE);
    EQUAL(ZOK, zoo_set(zk, at("a"), "y", 1, -1));
    EVENT(data, ZOO_CHANGED_EVENT, at("a"));
    EQUAL(ZOK, create("new", NULL, 0));
    EVENT(absent, ZOO_CREATED_EVENT, at("new"));
    EVENT(children, ZOO_CHILD_EVENT, root);
}

/* ---- sessions ---- */

static void check_session(void)
{
    EQUAL(TIMEOUT_MS, zoo_recv_timeout(zk));
    EQUAL(10000, zoo_recv_timeout(connected("", 1000000)));
    EQUAL(1000, zoo_recv_timeout(connected("", 300)));
    EQUAL(ZOO_CONNECTED_STATE, zoo_state(zk));
    EQUAL(0, is_unrecoverable(zk));
}

static void check_session_resumed(void)
{
    zhandle_t *first = connected("", TIMEOUT_MS);
    clientid_t id = *zoo_client_id(first);
    char path[PATH_MAX_LEN];
    EQUAL(ZOK, zoo_create(first, at("e"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path,
                          sizeof(path)));
    struct recorder *recorder = recorder_make();
    zhandle_t *second = connect_as("", TIMEOUT_MS, &id, recorder);
    state_reached(recorder, ZOO_CONNECTED_STATE);
    EQUAL(id.client_id, zoo_client_id(second)->client_id);
    struct Stat stat;
    EQUAL(ZOK, zoo_exists(zk, at("e"), 0, &stat));
    EQUAL(id.client_id, stat.ephemeralOwner);
    /* The two clients take the session from each other now; it ends with them at the latest. */
    close_handle(second);
    close_handle(first);
    for (int i = 0; zoo_exists(zk, at("e"), 0, NULL) == ZOK; i++) {
        HOLDS(i < 750);
        sleep_ms(20);
    }
}

static void check_session_refused(void)
{
    clientid_t id = *zoo_client_id(zk);
    id.passwd[3] = (char)(id.passwd[3] + 1);
    struct recorder *recorder = recorder_make();
    zhandle_t *other = connect_as("", TIMEOUT_MS, &id, recorder);
    state_reached(recorder, ZOO_EXPIRED_SESSION_STATE);
    HOLDS(is_unrecoverable(other) != 0);
    EQUAL(ZINVALIDSTATE, zoo_exists(other, "/", 0, NULL));
}

static void check_ephemerals_end_with_session(void)
{
    struct recorder *watch = recorder_make();
    zhandle_t *other = connected("", TIMEOUT_MS);
    EQUAL(ZOK, zoo_create(other, at("e"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    EQUAL(ZOK, zoo_wexists(zk, at("e"), record, watch, NULL));
    EQUAL(ZOK, close_handle(other));
    EVENT(watch, ZOO_DELETED_EVENT, at("e"));
}

static void check_chroot(void)
{
    char path[PATH_MAX_LEN];
    EQUAL(ZOK, create("c", NULL, 0));
    zhandle_t *inside = connected(at("c"), TIMEOUT_MS);
    EQUAL(ZOK, zoo_create(inside, "/s-", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, path,
                          sizeof(path)));
    SAME("/s-0000000000", path);
    EQUAL(ZOK, zoo_exists(zk, at("c/s-0000000000"), 0, NULL));
    struct recorder *watch = recorder_make();
    EQUAL(ZOK, zoo_wexists(inside, "/s-0000000000", record, watch, NULL));
    EQUAL(ZOK, zoo_set(zk, at("c/s-0000000000"), "y", 1, -1));
    EVENT(watch, ZOO_CHANGED_EVENT, "/s-0000000000");
}

/* ---- permissions ---- */

static void answer_void(int rc, const void *context)
{
    struct answer *answer = (struct answer *)(size_t)context;
    pthread_mutex_lock(&answer->lock);
    answer->rc = rc;
    answer->is_done = true;
    pthread_cond_broadcast(&answer->changed);
    pthread_mutex_unlock(&answer->lock);
}

static int answer_wait(struct answer *answer)
{
    struct timespec until = wait_deadline();
    int rc = 0;
    pthread_mutex_lock(&answer->lock);
    while (!answer->is_done && rc == 0) {
        rc = pthread_cond_timedwait(&answer->changed, &answer->lock, &until);
    }
    bool is_done = answer->is_done;
    answer->is_done = false;
    pthread_mutex_unlock(&answer->lock);
    HOLDS(is_done);
    return answer->rc;
}

static struct answer answers = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};

static int authenticate(zhandle_t *handle, const char *scheme, const char *credentials)
{
    EQUAL(ZOK, zoo_add_auth(handle, scheme, credentials, (int)strlen(credentials), answer_void,
                            &answers));
    return answer_wait(&answers);
}

static void check_acl(void)
{
    struct ACL_vector acl;
    struct Stat stat;
    EQUAL(ZOK, create("a", NULL, 0));
    EQUAL(ZOK, zoo_get_acl(zk, at("a"), &acl, &stat));
    EQUAL(1, acl.count);
    EQUAL(ZOO_PERM_ALL, acl.data[0].perms);
    SAME("world", acl.data[0].id.scheme);
    deallocate_ACL_vector(&acl);
    EQUAL(ZOK, zoo_set_acl(zk, at("a"), 0, &ZOO_READ_ACL_UNSAFE));
    EQUAL(ZNOAUTH, zoo_set(zk, at("a"), "x", 1, -1));
    EQUAL(ZNOAUTH, zoo_set_acl(zk, at("a"), -1, &ZOO_OPEN_ACL_UNSAFE));
    struct ACL_vector none = {0, NULL};
    EQUAL(ZINVALIDACL, zoo_create(zk, at("b"), NULL, -1, &none, 0, NULL, 0));
    EQUAL(ZINVALIDACL, zoo_create(zk, at("b"), NULL, -1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
}

static void check_digest(void)
{
    zhandle_t *bob = connected("", TIMEOUT_MS);
    EQUAL(ZOK, authenticate(bob, "digest", "bob:secret"));
    EQUAL(ZOK, zoo_create(bob, at("a"), "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    EQUAL(ZNOAUTH, zoo_set(zk, at("a"), "y", 1, -1));
    EQUAL(ZOK, authenticate(zk, "digest", "bob:wrong"));
    EQUAL(ZNOAUTH, zoo_set(zk, at("a"), "y", 1, -1));
    EQUAL(ZOK, authenticate(zk, "digest", "bob:secret"));
    EQUAL(ZOK, zoo_set(zk, at("a"), "y", 1, -1));
    struct ACL_vector acl;
    EQUAL(ZOK, zoo_get_acl(zk, at("a"), &acl, NULL));
    SAME("digest", acl.data[0].id.scheme);
    SAME("bob:fyVmFCwVbTJYrznoSu1koqYEYF0=", acl.data[0].id.id);
    deallocate_ACL_vector(&acl);
}

static void check_super(void)
{
    zhandle_t *bob = connected("", TIMEOUT_MS);
    EQUAL(ZOK, authenticate(bob, "digest", "bob:secret"));
    EQUAL(ZOK, zoo_create(bob, at("a"), "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    zhandle_t *boss = connected("", TIMEOUT_MS);
    EQUAL(ZOK, authenticate(boss, "digest", "super:secret"));
    EQUAL(ZOK, zoo_set(boss, at("a"), "y", 1, -1));
}

static void check_unknown_scheme(void)
{
    struct recorder *recorder = recorder_make();
    zhandle_t *other = connect_as("", TIMEOUT_MS, NULL, recorder);
    state_reached(recorder, ZOO_CONNECTED_STATE);
    EQUAL(ZAUTHFAILED, authenticate(other, "nosuch", "x"));
    state_reached(recorder, ZOO_AUTH_FAILED_STATE);
    HOLDS(is_unrecoverable(other) != 0);
}

/* ---- asynchronous requests ---- */

static void answer_string(int rc, const char *value, const void *context)
{
    struct answer *answer = (struct answer *)(size_t)context;
    snprintf(answer->text, sizeof(answer->text), "%s", value ? value : "");
    answer_void(rc, context);
}

static void answer_stat(int rc, const struct Stat *stat, const void *context)
{
    struct answer *answer = (struct answer *)(size_t)context;
    if (stat) {
        answer->stat = *stat;
    }
    answer_void(rc, context);
}

static void answer_data(int rc,
                        const char *value,
                        int length,
                        const struct Stat *stat,
                        const void *context)
{
    struct answer *answer = (struct answer *)(size_t)context;
    snprintf(answer->text, sizeof(answer->text), "%.*s", length > 0 ? length : 0,
             value ? value : "");
    answer_stat(rc, stat, context);
}

static void answer_strings(int rc,
                           const struct String_vector *strings,
                           const struct Stat *stat,
                           const void *context)
{
    struct answer *answer = (struct answer *)(size_t)context;
    answer->order = strings ? strings->count : -1;
    answer_stat(rc, stat, context);
}

static void answer_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *context)
{
    struct answer *answer = (struct answer *)(size_t)context;
    answer->order = acl ? acl->count : -1;
    answer_stat(rc, stat, context);
}

static void check_async(void)
{
    EQUAL(ZOK, zoo_acreate(zk, at("a"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, answer_string, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    SAME(at("a"), answers.text);
    EQUAL(ZOK, zoo_acreate(zk, at("a"), "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, answer_string, &answers));
    EQUAL(ZNODEEXISTS, answer_wait(&answers));
    EQUAL(ZOK, zoo_aexists(zk, at("a"), 0, answer_stat, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    EQUAL(1, answers.stat.dataLength);
    EQUAL(ZOK, zoo_aset(zk, at("a"), "yy", 2, 0, answer_stat, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    EQUAL(1, answers.stat.version);
    EQUAL(ZOK, zoo_aget(zk, at("a"), 0, answer_data, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    SAME("yy", answers.text);
    EQUAL(ZOK, zoo_aget_children2(zk, root, 0, answer_strings, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    EQUAL(1, answers.order);
    EQUAL(ZOK, zoo_aget_acl(zk, at("a"), answer_acl, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    EQUAL(1, answers.order);
    EQUAL(ZOK, zoo_aset_acl(zk, at("a"), 5, &ZOO_OPEN_ACL_UNSAFE, answer_void, &answers));
    EQUAL(ZBADVERSION, answer_wait(&answers));
    EQUAL(ZOK, zoo_async(zk, root, answer_string, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    SAME(root, answers.text);
    EQUAL(ZOK, zoo_adelete(zk, at("a"), 1, answer_void, &answers));
    EQUAL(ZOK, answer_wait(&answers));
}

static int arrived;

static void answer_in_order(int rc, const struct Stat *stat, const void *context)
{
    int expected = (int)(size_t)context;
    if (rc == ZOK && stat->version == expected && arrived == expected - 1) {
        arrived = expected;
    }
}

static void check_answers_in_order(void)
{
    EQUAL(ZOK, create("a", NULL, 0));
    arrived = 0;
    for (int i = 1; i <= 1000; i++) {
        EQUAL(ZOK, zoo_aset(zk, at("a"), "x", 1, i - 1, answer_in_order, (void *)(size_t)i));
    }
    EQUAL(ZOK, zoo_async(zk, root, answer_string, &answers));
    EQUAL(ZOK, answer_wait(&answers));
    EQUAL(1000, arrived);
}

const struct check checks[] = {
    {"create_and_stat", check_create_and_stat},
    {"modes", check_modes},
    {"data", check_data},
    {"large_data", check_large_data},
    {"delete", check_delete},
    {"children", check_children},
    {"config", check_config},
    {"multi", check_multi},
    {"multi_fails_whole", check_multi_fails_whole},
    {"watches", check_watches},
    {"default_watcher", check_default_watcher},
    {"remove_watches", check_remove_watches},
    {"watches_survive_restart", check_watches_survive_restart},
    {"session", check_session},
    {"session_resumed", check_session_resumed},
    {"session_refused", check_session_refused},
    {"ephemerals_end_with_session", check_ephemerals_end_with_session},
    {"chroot", check_chroot},
    {"acl", check_acl},
    {"digest", check_digest},
    {"super", check_super},
    {"unknown_scheme", check_unknown_scheme},
    {"async", check_async},
    {"answers_in_order", check_answers_in_order},
    {NULL, NULL},
};
