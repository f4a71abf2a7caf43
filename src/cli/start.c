/* start.c - `samsa start`: everything in one process, nothing to configure. Today that is a
 * ZooKeeper server; the broker joins it.
 *
 * Data stands below $SAMSA_DATA (./data when unset). A zoo.cfg is taken from $SAMSA_DATA/zoo.cfg
 * when there is one.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/properties.h"
#include "cli/tool.h"
#include "cli/zookeeper_server.h"

#define DEFAULT_PORT "2181"

static void print_screen(const struct zk_config *config, uint16_t port)
{
    char absolute[PATH_MAX];
    const char *data = realpath(config->data_dir, absolute) != NULL ? absolute : config->data_dir;
    printf("\n"
           "  Samsa %s is up.\n"
           "\n"
           "    ZooKeeper    127.0.0.1:%u      data in %s\n",
           samsa_version, port, data);
    if (config->admin_enabled) {
        printf("    AdminServer  http://127.0.0.1:%d%s\n", config->admin_port,
               config->admin_command_url);
    }
    printf("\n"
           "  In a second terminal:\n"
           "\n"
           "    bin/zkCli.sh -server 127.0.0.1:%u ls /\n"
           "    bin/zkCli.sh -server 127.0.0.1:%u create /hello world\n"
           "    bin/zkCli.sh -server 127.0.0.1:%u get -s /hello\n"
           "\n"
           "  Ctrl-C stops it; everything acknowledged is on disk.\n\n",
           port, port, port);
    fflush(stdout);
}

int tool_start(int argc, char **argv)
{
    static struct zk_config config;
    static struct properties properties;
    char text[CONFIG_TEXT_MAX * 2];
    char path[PATH_MAX];
    struct errmsg message;
    const char *data = getenv("SAMSA_DATA");
    if (data == NULL || data[0] == '\0') {
        data = "data";
    }
    for (int i = 1; i < argc; i++) {
        if (!properties_add_flag(&properties, argv[i])) {
            fprintf(stderr, "samsa start: unknown argument %s (only -Dkey=value is taken)\n",
                    argv[i]);
            return EXIT_INVOCATION;
        }
    }
    snprintf(path, sizeof path, "%s/zoo.cfg", data);
    int exit_code = 0;
    if (access(path, F_OK) == 0) {
        exit_code = zookeeper_server_configure(&config, path, properties.entries, properties.count);
    } else {
        snprintf(text, sizeof text,
                 "dataDir=%s/zookeeper\nclientPort=" DEFAULT_PORT
                 "\ntickTime=2000\nadmin.serverAddress=127.0.0.1\n4lw.commands.whitelist=*\n",
                 data);
        if (zk_config_parse(&config, slice_of_cstr(text), "samsa start", properties.entries,
                            properties.count, NULL, NULL, &message) != 0) {
            fprintf(stderr, "%s\n", message.text);
            exit_code = EXIT_INVOCATION;
        }
    }
    if (exit_code == 0) {
        exit_code = zookeeper_server_run(&config, print_screen);
    }
    properties_release(&properties);
    return exit_code;
}
