/* zookeeper_server.h - a ZooKeeper server as a process: runtime, node, admin server, metrics,
 * signals. */
#ifndef CLI_ZOOKEEPER_SERVER_H
#define CLI_ZOOKEEPER_SERVER_H

#include "zookeeper/server/config.h"

/* ZooKeeper's ExitCode: 0, 1 unexpected, 2 invocation, 3 data folder, 4 admin port, 10 log or
 * snapshot. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_UNEXPECTED = 1,
    EXIT_INVOCATION = 2,
    EXIT_DATA_DIR = 3,
    EXIT_ADMIN_PORT = 4,
    EXIT_STORAGE = 10,
};

struct runtime;
struct server_process;

/* What else runs on the server's loop: `samsa start`'s broker. All members are the companion's. */
struct zookeeper_companion {
    /* The port is open: begins. */
    void (*started)(struct zookeeper_companion *companion,
                    struct runtime *runtime,
                    const struct zk_config *config,
                    uint16_t port);
    /* SIGTERM or SIGINT: calls `done` when it has ended; the server ends then. */
    void (*stop)(struct zookeeper_companion *companion, void (*done)(void *ctx), void *ctx);
    /* Before the runtime's end, and after it. */
    void (*detach)(struct zookeeper_companion *companion);
    void (*release)(struct zookeeper_companion *companion);
    struct server_process *process; /* the server's, for zookeeper_server_end */
};

/* The companion cannot go on: the process ends, with this code. */
void zookeeper_server_end(struct zookeeper_companion *companion, int exit_code);

/* Serves until SIGTERM or SIGINT. `companion` may be NULL. Returns the exit code. */
int zookeeper_server_run(const struct zk_config *config, struct zookeeper_companion *companion);

/* Reads the file and -D flags, saying on stderr what is wrong or unknown. 0, or EXIT_INVOCATION. */
int zookeeper_server_configure(struct zk_config *config,
                               const char *path,
                               const struct config_property *properties,
                               size_t property_count);

#endif
