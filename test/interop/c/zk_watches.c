/*
 * Watches of libzookeeper's C client, which sets them anew at each server that it comes to.
 *
 *     zk_watches HOSTS TIMEOUT_MS
 *
 * Each line of standard input sets one, "data PATH", "children PATH" or "exists PATH", or asks for
 * a "sync PATH"; the answer is "done PATH SESSION". What the watches say is printed as it comes:
 * "event TYPE PATH".
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#define LINE_LEN 512

static void on_session(zhandle_t *zk, int type, int state, const char *path, void *context)
{
    (void)zk;
    (void)type;
    (void)state;
    (void)path;
    (void)context;
}

static void on_event(zhandle_t *zk, int type, int state, const char *path, void *context)
{
    (void)zk;
    (void)state;
    (void)context;
    if (type != ZOO_SESSION_EVENT) {
        printf("event %s %s\n",
               type == ZOO_CREATED_EVENT   ? "created"
               : type == ZOO_DELETED_EVENT ? "deleted"
               : type == ZOO_CHANGED_EVENT ? "changed"
               : type == ZOO_CHILD_EVENT   ? "child"
                                           : "other",
               path);
        fflush(stdout);
    }
}

static void on_synced(int rc, const char *value, const void *context)
{
    (void)rc;
    (void)value;
    (void)context;
}

/* False when it is to be tried again. */
static bool obey(zhandle_t *zk, const char *order, const char *path)
{
    struct Stat stat;
    struct String_vector names = {0, NULL};
    char data[LINE_LEN];
    int len = sizeof data;
    int rc = ZBADARGUMENTS;
    if (strcmp(order, "data") == 0) {
        rc = zoo_wget(zk, path, on_event, NULL, data, &len, &stat);
    } else if (strcmp(order, "children") == 0) {
        rc = zoo_wget_children(zk, path, on_event, NULL, &names);
        deallocate_String_vector(&names);
    } else if (strcmp(order, "exists") == 0) {
        rc = zoo_wexists(zk, path, on_event, NULL, &stat);
    } else if (strcmp(order, "sync") == 0) {
        rc = zoo_async(zk, path, on_synced, NULL);
        rc = rc == ZOK ? zoo_exists(zk, path, 0, &stat) : rc;
    }
    return rc == ZOK || rc == ZNONODE;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: zk_watches HOSTS TIMEOUT_MS\n", stderr);
        return 2;
    }
    char line[LINE_LEN];
    char order[16];
    char path[LINE_LEN];
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zk = zookeeper_init(argv[1], on_session, (int)strtol(argv[2], NULL, 10), NULL, NULL,
                                   0);
    while (zk != NULL && fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%15s %511s", order, path) != 2) {
            continue;
        }
        while (!obey(zk, order, path)) {
            struct timespec pause = {0, 20000000};
            nanosleep(&pause, NULL);
        }
        printf("done %s %llx\n", path, (unsigned long long)zoo_client_id(zk)->client_id);
        fflush(stdout);
    }
    zookeeper_close(zk);
    return 0;
}
