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

/* Serves until SIGTERM or SIGINT. `started` (may be NULL) is called once the port is open; it may
 * print a screen. Returns the exit code. */
int zookeeper_server_run(const struct zk_config *config,
                         void (*started)(const struct zk_config *config, uint16_t port));

/* Reads the file and -D flags, saying on stderr what is wrong or unknown. 0, or EXIT_INVOCATION. */
int zookeeper_server_configure(struct zk_config *config,
                               const char *path,
                               const struct config_property *properties,
                               size_t property_count);

#endif
