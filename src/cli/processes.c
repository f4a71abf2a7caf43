/* processes.c - see processes.h; and the tools that use it: ps, kafka-server-stop and
 * zookeeper-server-stop.
 *
 * /proc is read: a process is ours when its program's name begins with "samsa" and the word behind
 * it is that of a server. A process that ends meanwhile is passed over.
 */
#include "cli/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/script_config.h"
#include "cli/tool.h"

#define COMMAND_BYTES_MAX 16384

static const struct {
    const char *tool;
    const char *roles;
    bool has_config; /* its first argument that is no option is a configuration file */
} servers[] = {
    {"start", "ZooKeeper, Kafka", false},    {"kafka-server-start", "Kafka", true},
    {"zookeeper-server", "ZooKeeper", true}, {"zookeeper-server-start", "ZooKeeper", true},
    {"zkServer", "ZooKeeper", false},
};

static const char *roles_of(const char *tool)
{
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        if (strcmp(servers[i].tool, tool) == 0) {
            return servers[i].roles;
        }
    }
    return NULL;
}

static bool takes_config(const char *tool)
{
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        if (strcmp(servers[i].tool, tool) == 0) {
            return servers[i].has_config;
        }
    }
    return false;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* The words of a command line, each with its NUL; an empty string at the end. */
static bool read_command(pid_t pid, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, text, size - 2);
    close(fd);
    if (got <= 0) {
        return false;
    }
    text[got] = '\0';
    text[got + 1] = '\0';
    return true;
}

static bool describe(pid_t pid, struct samsa_process *process)
{
    char text[COMMAND_BYTES_MAX];
    char path[64];
    if (!read_command(pid, text, sizeof text) ||
        strncmp(base_name(text), "samsa", sizeof "samsa" - 1) != 0) {
        return false;
    }
    const char *tool = text + strlen(text) + 1;
    if (roles_of(tool) == NULL) {
        return false;
    }
    *process = (struct samsa_process){.pid = pid};
    snprintf(process->tool, sizeof process->tool, "%s", tool);
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
    ssize_t len = readlink(path, process->folder, sizeof process->folder - 1);
    process->folder[len < 0 ? 0 : len] = '\0';
    for (const char *word = tool + strlen(tool) + 1; *word != '\0' && takes_config(tool);
         word += strlen(word) + 1) {
        if (word[0] != '-') {
            snprintf(process->config, sizeof process->config, "%s", word);
            break;
        }
    }
    return true;
}

bool process_runs(pid_t pid, const char *word)
{
    char text[COMMAND_BYTES_MAX];
    char path[64];
    if (kill(pid, 0) != 0 && errno != EPERM) {
        return false;
    }
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    if (access(path, R_OK) != 0) {
        return true;
    }
    /* Of a zombie it is empty. */
    if (!read_command(pid, text, sizeof text)) {
        return false;
    }
    for (const char *part = text; *part != '\0'; part += strlen(part) + 1) {
        if (strstr(part, word) != NULL) {
            return true;
        }
    }
    return false;
}

void samsa_processes(void (*each)(void *ctx, const struct samsa_process *process), void *ctx)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    if (folder == NULL) {
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        struct samsa_process process;
        int32_t pid;
        if (text_parse_i32(slice_of_cstr(entry->d_name), &pid) == 0 && pid != (int32_t)getpid() &&
            describe(pid, &process)) {
            each(ctx, &process);
        }
    }
    closedir(folder);
}

/* ---- ps -------------------------------------------------------------------------------------- */

static void print_process(void *ctx, const struct samsa_process *process)
{
    int *count = ctx;
    if (*count == 0) {
        printf("%8s  %-18s %s\n", "PID", "ROLES", "CONFIGURATION");
    }
    *count += 1;
    bool is_relative = process->config[0] != '\0' && process->config[0] != '/';
    printf("%8d  %-18s %s%s%s\n", (int)process->pid, roles_of(process->tool),
           is_relative || process->config[0] == '\0' ? process->folder : "", is_relative ? "/" : "",
           process->config);
}

int tool_ps(int argc, char **argv)
{
    int count = 0;
    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "Usage: samsa ps\n");
        return 2;
    }
    samsa_processes(print_process, &count);
    if (count == 0) {
        printf("No server of Samsa runs here.\n");
    }
    return 0;
}

/* ---- stopping -------------------------------------------------------------------------------- */

struct stopping {
    const char *tools[2];
    const char *node_id; /* NULL: all */
    int count;
    int failures;
};

static bool has_node_id(const struct samsa_process *process, const char *node_id)
{
    char path[2 * PATH_MAX];
    char value[64] = "";
    snprintf(path, sizeof path, "%s%s%s", process->config[0] == '/' ? "" : process->folder,
             process->config[0] == '/' ? "" : "/", process->config);
    if (!script_config_value(path, "node.id", value, sizeof value)) {
        script_config_value(path, "broker.id", value, sizeof value);
    }
    return strcmp(value, node_id) == 0;
}

static void stop_process(void *ctx, const struct samsa_process *process)
{
    struct stopping *stopping = ctx;
    bool is_wanted = false;
    for (size_t i = 0; i < ARRAY_LEN(stopping->tools); i++) {
        is_wanted = is_wanted ||
                    (stopping->tools[i] != NULL && strcmp(stopping->tools[i], process->tool) == 0);
    }
    if (!is_wanted || (stopping->node_id != NULL && !has_node_id(process, stopping->node_id))) {
        return;
    }
    if (kill(process->pid, SIGTERM) == 0) {
        stopping->count++;
    } else {
        fprintf(stderr, "cannot stop process %d: %s\n", (int)process->pid, strerror(errno));
        stopping->failures++;
    }
}

static int stop_all(struct stopping *stopping, const char *nobody)
{
    samsa_processes(stop_process, stopping);
    if (stopping->count == 0 && stopping->failures == 0) {
        printf("%s\n", nobody);
        return 1;
    }
    return stopping->failures > 0 ? 1 : 0;
}

/* kafka-server-stop.sh [--process-role=ROLE] [--node-id=N], as of 3.9. */
int tool_kafka_server_stop(int argc, char **argv)
{
    struct stopping stopping = {.tools = {"kafka-server-start"}};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--node-id=", sizeof "--node-id=" - 1) == 0) {
            stopping.node_id = argv[i] + sizeof "--node-id=" - 1;
        } else if (strcmp(argv[i], "--node-id") == 0 && i + 1 < argc) {
            stopping.node_id = argv[++i];
        } else if (strcmp(argv[i], "--process-role=broker") != 0) {
            fprintf(stderr, "USAGE: kafka-server-stop.sh [--process-role=broker] [--node-id=N]\n");
            return 1;
        }
    }
    return stop_all(&stopping, "No kafka server to stop");
}

int tool_zookeeper_server_stop(int argc, char **argv)
{
    struct stopping stopping = {.tools = {"zookeeper-server-start", "zookeeper-server"}};
    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "USAGE: zookeeper-server-stop.sh\n");
        return 1;
    }
    return stop_all(&stopping, "No zookeeper server to stop");
}
