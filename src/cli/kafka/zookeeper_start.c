/* zookeeper_start.c - zookeeper-server-start.sh [-daemon] zookeeper.properties: Kafka's way to
 * start a ZooKeeper server. The file is a zoo.cfg by another name.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/kafka/kafka_tools.h"
#include "cli/server_process.h"
#include "cli/zookeeper_server.h"

#define DAEMON_WAIT_MS 10000

int tool_zookeeper_server_start(int argc, char **argv)
{
    static struct zk_config config;
    char out[PATH_MAX];
    const char *folder = getenv("LOG_DIR");
    bool is_daemon = argc > 1 && strcmp(argv[1], "-daemon") == 0;
    int at = is_daemon ? 2 : 1;
    if (argc != at + 1) {
        fprintf(stderr, "USAGE: zookeeper-server-start.sh [-daemon] zookeeper.properties\n");
        return 1;
    }
    int exit_code = zookeeper_server_configure(&config, argv[at], NULL, 0);
    if (exit_code != 0) {
        return exit_code;
    }
    snprintf(out, sizeof out, "%s/zookeeper.out",
             folder == NULL || folder[0] == '\0' ? "logs" : folder);
    if (is_daemon && server_daemonize("zookeeper-server-start.sh", out, DAEMON_WAIT_MS) != 0) {
        return 1;
    }
    return zookeeper_server_run(&config, NULL);
}
