/*
 * Recipes by hand with libzookeeper's C client: a lock, an election, a counter and a queue, while
 * an ensemble suffers.
 *
 *     zk_recipes HOSTS ROOT WHO TIMEOUT_MS
 *
 * Each recipe has a thread and a session of its own and goes on until standard input ends. What was
 * acknowledged, and what is in doubt, is printed, a line each; zk_recipes.py says what the lines
 * are and judges them. The lock and the election are those of kazoo and Curator, by the names of
 * their nodes.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define PATH_LEN 512
#define DATA_LEN 256
#define PAUSE_MS 20
/* A watch that is due must come in this time, or it was lost. */
#define WATCH_S 30
/* Who cannot end in this time, for there are no servers any more, is killed. */
#define END_S 60

struct client {
    zhandle_t *zk;
    const char *role;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int events; /* of node watches */
};

static const char *hosts;
static const char *root;
static const char *who;
static int timeout_ms;
static atomic_bool is_stopping;

static void pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int number_of(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    flockfile(stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    funlockfile(stdout);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void on_event(zhandle_t *zk, int type, int state, const char *path, void *context)
{
    (void)zk;
    (void)state;
    (void)path;
    struct client *client = context;
    if (type != ZOO_SESSION_EVENT) {
        pthread_mutex_lock(&client->lock);
        client->events++;
        pthread_cond_broadcast(&client->changed);
        pthread_mutex_unlock(&client->lock);
    }
}

static bool is_doubt(int rc)
{
    return rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT || rc == ZINVALIDSTATE ||
           rc == ZSESSIONEXPIRED || rc == ZCLOSING || rc == ZSESSIONMOVED;
}

/* Waits for a connected session; a new one replaces an expired one. */
static void ready(struct client *client)
{
    for (;;) {
        int state = client->zk == NULL ? ZOO_EXPIRED_SESSION_STATE : zoo_state(client->zk);
        if (state == ZOO_CONNECTED_STATE) {
            return;
        }
        if (state == ZOO_EXPIRED_SESSION_STATE) {
            if (client->zk != NULL) {
                zookeeper_close(client->zk);
            }
            client->zk = zookeeper_init(hosts, on_event, timeout_ms, NULL, client, 0);
            if (client->zk == NULL) {
                say("broke %s: zookeeper_init", client->role);
                exit(1);
            }
        }
        pause_ms(5);
    }
}

static void say_session(const struct client *client)
{
    say("session %s-%s %llx", who, client->role,
        (unsigned long long)zoo_client_id(client->zk)->client_id);
}

static void on_synced(int rc, const char *value, const void *context)
{
    (void)rc;
    (void)value;
    (void)context;
}

/* Makes what was done before visible to this session's next read. */
static int synced_get(struct client *client,
                      const char *path,
                      char *data,
                      int *len,
                      struct Stat *stat)
{
    for (;;) {
        ready(client);
        /* the C client has no synchronous sync: the reply to an asynchronous one comes before the
         * read's */
        int rc = zoo_async(client->zk, path, on_synced, NULL);
        *len = DATA_LEN - 1;
        rc = rc == ZOK ? zoo_get(client->zk, path, 0, data, len, stat) : rc;
        if (!is_doubt(rc)) {
            data[*len > 0 && rc == ZOK ? *len : 0] = '\0';
            return rc;
        }
        pause_ms(5);
    }
}

/* ---- the queue of contenders: a lock, or an election ------------------------------------------
 */

/* Those with the mark in their names, by the number behind it: our own is *own, the one before it
 * is in `before`, empty when we are the first. */
static int find_before(struct client *client,
                       const char *folder,
                       const char *mark,
                       int own,
                       char *before)
{
    struct String_vector names;
    ready(client);
    int rc = zoo_get_children(client->zk, folder, 0, &names);
    if (rc != ZOK) {
        return rc;
    }
    int best = -1;
    bool is_there = false;
    before[0] = '\0';
    for (int i = 0; i < names.count; i++) {
        const char *at = strstr(names.data[i], mark);
        int number = at == NULL ? -1 : number_of(at + strlen(mark));
        is_there |= number == own;
        if (number > best && number < own) {
            best = number;
            snprintf(before, PATH_LEN, "%s/%s", folder, names.data[i]);
        }
    }
    deallocate_String_vector(&names);
    return is_there ? ZOK : ZNONODE;
}

/* After a create in doubt: the node that has our prefix. */
static bool find_own(struct client *client, const char *folder, const char *prefix, char *node)
{
    for (;;) {
        struct String_vector names;
        ready(client);
        zoo_async(client->zk, folder, on_synced, NULL);
        if (zoo_get_children(client->zk, folder, 0, &names) != ZOK) {
            pause_ms(5);
            continue;
        }
        bool is_found = false;
        for (int i = 0; i < names.count; i++) {
            if (strncmp(names.data[i], prefix, strlen(prefix)) == 0) {
                snprintf(node, PATH_LEN, "%s/%s", folder, names.data[i]);
                is_found = true;
            }
        }
        deallocate_String_vector(&names);
        return is_found;
    }
}

/* The number of our place in the queue; its node's path in `node`. */
static int take_place(struct client *client,
                      const char *folder,
                      const char *mark,
                      int count,
                      char *node)
{
    char prefix[64];
    char path[PATH_LEN];
    snprintf(prefix, sizeof prefix, "%s.%d%s", who, count, mark);
    snprintf(path, sizeof path, "%s/%s", folder, prefix);
    for (bool is_again = false;; is_again = true) {
        ready(client);
        if (is_again && find_own(client, folder, prefix, node)) {
            break;
        }
        if (zoo_create(client->zk, path, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL,
                       node, PATH_LEN) == ZOK) {
            break;
        }
    }
    return number_of(strstr(node, mark) + strlen(mark));
}

static void leave_place(struct client *client, const char *node)
{
    for (int rc = ZCONNECTIONLOSS; rc != ZOK && rc != ZNONODE;) {
        ready(client);
        rc = zoo_delete(client->zk, node, -1);
    }
}

/* Waits until the watch of `before` is due; false when it did not come though the node is gone. */
static bool wait_gone(struct client *client, const char *before)
{
    struct Stat stat;
    struct timespec deadline;
    pthread_mutex_lock(&client->lock);
    int seen = client->events;
    pthread_mutex_unlock(&client->lock);
    int rc = zoo_wexists(client->zk, before, on_event, client, &stat);
    if (rc != ZOK) {
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WATCH_S;
    pthread_mutex_lock(&client->lock);
    int error = 0;
    while (client->events == seen && error == 0) {
        error = pthread_cond_timedwait(&client->changed, &client->lock, &deadline);
    }
    bool has_come = client->events != seen;
    pthread_mutex_unlock(&client->lock);
    ready(client);
    return has_come || zoo_exists(client->zk, before, 0, &stat) != ZNONODE;
}

/* True when we are the first in the queue; false when our node is gone. */
static bool wait_turn(struct client *client, const char *folder, const char *mark, int own)
{
    for (;;) {
        char before[PATH_LEN];
        int rc = find_before(client, folder, mark, own, before);
        if (rc == ZNONODE) {
            return false;
        }
        if (rc == ZOK && before[0] == '\0') {
            return true;
        }
        if (rc == ZOK && !wait_gone(client, before)) {
            say("broke %s: the watch of %s did not come", client->role, before);
        }
    }
}

/* ---- what only the first in the queue may do --------------------------------------------------
 */

/* Somebody else was first: wrong when our place is still ours. */
static void say_refused(struct client *client, const char *what, int own, const char *node)
{
    char data[DATA_LEN];
    int len = 0;
    struct Stat stat;
    bool is_ours = synced_get(client, node, data, &len, &stat) == ZOK;
    say("refused %s %d %s %d", what, own, who, is_ours);
}

/* Writes our number into the register by compare and set; false when a later one is there. */
static bool write_fence(struct client *client, const char *name, int own, const char *node)
{
    char path[PATH_LEN];
    char data[DATA_LEN];
    char text[DATA_LEN];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (;;) {
        int len = 0;
        struct Stat stat;
        if (synced_get(client, path, data, &len, &stat) != ZOK) {
            say("broke %s: no %s", client->role, path);
            return false;
        }
        if (number_of(data) > own) {
            say_refused(client, name, own, node);
            return false;
        }
        snprintf(text, sizeof text, "%d %s", own, who);
        if (zoo_set2(client->zk, path, text, (int)strlen(text), stat.version, &stat) == ZOK) {
            say("fence %s %d %s %lld %d", name, own, who, (long long)stat.mzxid, stat.version);
            return true;
        }
    }
}

/* Adds one to what the lock guards; nobody else may. */
static void add_guarded(struct client *client, int own, const char *node)
{
    char path[PATH_LEN];
    char data[DATA_LEN];
    char text[32];
    int len = 0;
    struct Stat stat;
    snprintf(path, sizeof path, "%s/guarded", root);
    synced_get(client, path, data, &len, &stat);
    int before = number_of(data);
    for (;;) {
        snprintf(text, sizeof text, "%d", before + 1);
        int rc = zoo_set(client->zk, path, text, (int)strlen(text), stat.version);
        if (rc != ZOK) {
            synced_get(client, path, data, &len, &stat);
        }
        if (rc == ZOK || number_of(data) == before + 1) {
            say("inc guarded 1");
            return;
        }
        if (number_of(data) != before) {
            say_refused(client, "guarded", own, node);
            return;
        }
    }
}

static void *run_lock(void *context)
{
    struct client *client = context;
    char folder[PATH_LEN];
    char node[PATH_LEN];
    snprintf(folder, sizeof folder, "%s/lock", root);
    for (int count = 0; !is_stopping; count++) {
        int own = take_place(client, folder, "-lock-", count, node);
        if (wait_turn(client, folder, "-lock-", own) && write_fence(client, "fence", own, node)) {
            add_guarded(client, own, node);
            write_fence(client, "fence", own, node);
        }
        leave_place(client, node);
        pause_ms(PAUSE_MS);
    }
    return NULL;
}

static void *run_election(void *context)
{
    struct client *client = context;
    char folder[PATH_LEN];
    char node[PATH_LEN];
    snprintf(folder, sizeof folder, "%s/elect", root);
    for (int count = 0; !is_stopping; count++) {
        int own = take_place(client, folder, "-latch-", count, node);
        if (wait_turn(client, folder, "-latch-", own)) {
            for (int i = 0; i < 10 && write_fence(client, "term", own, node); i++) {
                pause_ms(PAUSE_MS);
            }
        }
        leave_place(client, node);
    }
    return NULL;
}

/* ---- counters and queues ----------------------------------------------------------------------
 */

static void *run_counter(void *context)
{
    struct client *client = context;
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/counter-c", root);
    while (!is_stopping) {
        char data[DATA_LEN];
        int len = DATA_LEN - 1;
        struct Stat stat;
        ready(client);
        if (zoo_get(client->zk, path, 0, data, &len, &stat) != ZOK) {
            continue;
        }
        data[len < 0 ? 0 : len] = '\0';
        snprintf(data, sizeof data, "%d", number_of(data) + 1);
        int rc = zoo_set(client->zk, path, data, (int)strlen(data), stat.version);
        if (rc == ZOK || is_doubt(rc)) {
            say("inc counter-c %d", rc == ZOK);
        }
        pause_ms(PAUSE_MS);
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes one from the head. */
static void take_one(struct client *client, const char *folder)
{
    struct String_vector names;
    ready(client);
    if (zoo_get_children(client->zk, folder, 0, &names) != ZOK) {
        return;
    }
    qsort(names.data, (size_t)names.count, sizeof *names.data, by_name);
    for (int i = 0; i < names.count; i++) {
        char path[PATH_LEN];
        char data[DATA_LEN];
        int len = DATA_LEN - 1;
        struct Stat stat;
        snprintf(path, sizeof path, "%s/%s", folder, names.data[i]);
        int rc = zoo_get(client->zk, path, 0, data, &len, &stat);
        if (rc != ZOK) {
            continue;
        }
        data[len < 0 ? 0 : len] = '\0';
        rc = zoo_delete(client->zk, path, -1);
        if (rc == ZOK || is_doubt(rc)) {
            say("%s queue %s", rc == ZOK ? "take" : "maybe-take", data);
            break;
        }
    }
    deallocate_String_vector(&names);
}

static void *run_queue(void *context)
{
    struct client *client = context;
    char folder[PATH_LEN];
    char path[PATH_LEN];
    char made[PATH_LEN];
    snprintf(folder, sizeof folder, "%s/queue", root);
    snprintf(path, sizeof path, "%s/queue/qn-", root);
    for (int count = 0; !is_stopping; count++) {
        char item[64];
        snprintf(item, sizeof item, "%s.%d", who, count);
        ready(client);
        int rc = zoo_create(client->zk, path, item, (int)strlen(item), &ZOO_OPEN_ACL_UNSAFE,
                            ZOO_PERSISTENT_SEQUENTIAL, made, sizeof made);
        say("%s queue %s", rc == ZOK ? "put" : "maybe-put", item);
        take_one(client, folder);
        pause_ms(PAUSE_MS);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static void *(*const runs[])(void *) = {run_lock, run_election, run_counter, run_queue};
    static const char *const roles[] = {"lock", "elect", "counter", "queue"};
    static struct client clients[4];
    if (argc != 5) {
        fputs("usage: zk_recipes HOSTS ROOT WHO TIMEOUT_MS\n", stderr);
        return 2;
    }
    hosts = argv[1];
    root = argv[2];
    who = argv[3];
    timeout_ms = number_of(argv[4]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    for (int i = 0; i < 4; i++) {
        clients[i].role = roles[i];
        pthread_mutex_init(&clients[i].lock, NULL);
        pthread_cond_init(&clients[i].changed, NULL);
        ready(&clients[i]);
        say_session(&clients[i]);
        pthread_create(&clients[i].thread, NULL, runs[i], &clients[i]);
    }
    while (getchar() != EOF) {
    }
    is_stopping = true;
    alarm(END_S);
    for (int i = 0; i < 4; i++) {
        pthread_join(clients[i].thread, NULL);
        ready(&clients[i]);
        say_session(&clients[i]);
        zookeeper_close(clients[i].zk);
    }
    say("end");
    return 0;
}
