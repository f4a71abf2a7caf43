/* zk_server.c - zkServer.sh: start, start-foreground, stop, restart, status, version, print-cmd.
 *
 * The script beside it (bin/zkServer.sh) finds this program and reads the shell files of the
 * configuration folder; what people and scripts read is Apache's to the letter: words, streams,
 * exit codes. Two things are better: `start` waits for the server to serve (it tells through a
 * pipe) instead of sleeping, so STARTED means that the port is open; `stop` waits for the end of
 * the process.
 *
 * Environment: ZOOCFGDIR, ZOOCFG, ZOO_LOG_DIR, ZOO_LOG_FILE, ZOOPIDFILE,
 * ZOO_DATADIR_AUTOCREATE_DISABLE, SERVER_JVMFLAGS, JVMFLAGS, CLIENT_JVMFLAGS, JMX*, ZOO_NOEXEC. Of
 * the *JVMFLAGS the -D properties count, the rest tunes a JVM and is passed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/version.h"
#include "cli/four_letter_client.h"
#include "cli/processes.h"
#include "cli/properties.h"
#include "cli/script_config.h"
#include "cli/tool.h"
#include "cli/zookeeper_server.h"

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS 30000
#define STATUS_TIMEOUT_MS 5000
#define VALUE_MAX 1024

struct script {
    const char *script; /* as it was called */
    const char *config_dir;
    char config[PATH_MAX];
    char data_dir[VALUE_MAX];
    char data_log_dir[VALUE_MAX];
    char pid_file[PATH_MAX];
    char log_dir[PATH_MAX];
    char out_file[PATH_MAX];
    bool no_autocreate;
};

static void make_folders(const char *path)
{
    char folder[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof folder) {
        return;
    }
    for (size_t i = 1; i <= len; i++) {
        if (i == len || path[i] == '/') {
            memcpy(folder, path, i);
            folder[i] = '\0';
            if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
                fprintf(stderr, "mkdir: cannot create directory '%s': %s\n", folder,
                        strerror(errno));
                return;
            }
        }
    }
}

/* ---- the head that every command prints
 * ------------------------------------------------------------------ */

static void print_jmx(void)
{
    const char *disabled = script_environment("JMXDISABLE");
    const char *port = script_environment("JMXPORT");
    if (disabled[0] != '\0' && strcmp(disabled, "false") != 0) {
        fprintf(stderr, "JMX disabled by user request\n");
        return;
    }
    fprintf(stderr, "ZooKeeper JMX enabled by default\n");
    if (port[0] != '\0') {
        const char *auth = script_environment("JMXAUTH");
        const char *ssl = script_environment("JMXSSL");
        const char *log4j = script_environment("JMXLOG4J");
        const char *host = script_environment("JMXHOSTNAME");
        fprintf(stderr, "ZooKeeper remote JMX Port set to %s\n", port);
        fprintf(stderr, "ZooKeeper remote JMX authenticate set to %s\n",
                auth[0] == '\0' ? "false" : auth);
        fprintf(stderr, "ZooKeeper remote JMX ssl set to %s\n", ssl[0] == '\0' ? "false" : ssl);
        fprintf(stderr, "ZooKeeper remote JMX log4j set to %s\n",
                log4j[0] == '\0' ? "true" : log4j);
        if (host[0] != '\0') {
            fprintf(stderr, "ZooKeeper remote JMX Hostname set to %s\n", host);
        }
    }
}

static void find_config(struct script *script, const char *argument)
{
    const char *config = script_environment("ZOOCFG");
    if (argument == NULL) {
        snprintf(script->config, sizeof script->config, "%s",
                 config[0] == '\0' ? "zoo.cfg" : config);
    } else if (strchr(argument, '/') != NULL) {
        snprintf(script->config, sizeof script->config, "%s", argument);
    } else {
        snprintf(script->config, sizeof script->config, "%s/%s", script->config_dir, argument);
    }
    fprintf(stderr, "Using config: %s\n", script->config);
}

static bool has_version_folder(const char *folder)
{
    char path[PATH_MAX];
    struct stat info;
    snprintf(path, sizeof path, "%s/version-2", folder);
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* 0, or the exit code when a folder is missing that may not be made. */
static int prepare_folders(struct script *script)
{
    const char *pid_file = script_environment("ZOOPIDFILE");
    const char *log_dir = script_environment("ZOO_LOG_DIR");
    char host[256] = "";
    script->no_autocreate = script_environment("ZOO_DATADIR_AUTOCREATE_DISABLE")[0] != '\0';
    if (script->no_autocreate && !has_version_folder(script->data_dir)) {
        printf("ZooKeeper data directory is missing at %s fix the path or run initialize\n",
               script->data_dir);
        return 1;
    }
    if (script->no_autocreate && script->data_log_dir[0] != '\0' &&
        !has_version_folder(script->data_log_dir)) {
        printf("ZooKeeper txnlog directory is missing at %s fix the path or run initialize\n",
               script->data_log_dir);
        return 1;
    }
    if (pid_file[0] == '\0') {
        make_folders(script->data_dir);
        snprintf(script->pid_file, sizeof script->pid_file, "%s/zookeeper_server.pid",
                 script->data_dir);
    } else {
        char folder[PATH_MAX];
        snprintf(script->pid_file, sizeof script->pid_file, "%s", pid_file);
        snprintf(folder, sizeof folder, "%s", pid_file);
        char *slash = strrchr(folder, '/');
        if (slash != NULL && slash != folder) {
            *slash = '\0';
            make_folders(folder);
        }
    }
    snprintf(script->log_dir, sizeof script->log_dir, "%s", log_dir[0] == '\0' ? "logs" : log_dir);
    if (access(script->log_dir, W_OK) != 0) {
        make_folders(script->log_dir);
    }
    if (gethostname(host, sizeof host - 1) != 0) {
        host[0] = '\0';
    }
    const char *named_host = script_environment("HOSTNAME");
    int len = snprintf(script->out_file, sizeof script->out_file,
                       "%.3000s/zookeeper-%.200s-server-%.200s.out", script->log_dir,
                       script_environment("USER"), named_host[0] == '\0' ? host : named_host);
    ASSERT(len > 0);
    return 0;
}

/* ---- the server's command line
 * --------------------------------------------------------------------------- */

#define SERVER_ARGUMENTS_MAX (PROPERTIES_MAX + 8)

static void server_arguments(const struct script *script,
                             struct properties *properties,
                             char **arguments)
{
    static char flags[PROPERTIES_MAX][4200];
    size_t count = 0;
    properties_add_text(properties, script_environment("SERVER_JVMFLAGS"));
    properties_add_text(properties, script_environment("JVMFLAGS"));
    arguments[count++] = (char *)(uintptr_t)"samsa";
    arguments[count++] = (char *)(uintptr_t)"zookeeper-server";
    if (script->no_autocreate) {
        arguments[count++] = (char *)(uintptr_t)"-Dzookeeper.datadir.autocreate=false";
    }
    for (size_t i = 0; i < properties->count; i++) {
        int len = snprintf(flags[i], sizeof flags[i], "-D%s=%s", properties->entries[i].name,
                           properties->entries[i].value);
        ASSERT(len > 0);
        arguments[count++] = flags[i];
    }
    arguments[count++] = (char *)(uintptr_t)script->config;
    arguments[count] = NULL;
}

static void exec_server(char **arguments)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len > 0) {
        self[len] = '\0';
        execv(self, arguments);
    }
    fprintf(stderr, "cannot run %s: %s\n", len > 0 ? self : "/proc/self/exe", strerror(errno));
}

static int command_print(const struct script *script)
{
    struct properties properties = {0};
    char *arguments[SERVER_ARGUMENTS_MAX];
    server_arguments(script, &properties, arguments);
    const char *program = script_environment("SAMSA");
    printf("\"%s\"", program[0] == '\0' ? "samsa" : program);
    for (size_t i = 1; arguments[i] != NULL; i++) {
        printf(" \"%s\"", arguments[i]);
    }
    printf(" > \"%s\" 2>&1 < /dev/null\n", script->out_file);
    properties_release(&properties);
    return 0;
}

static int command_foreground(const struct script *script)
{
    struct properties properties = {0};
    char *arguments[SERVER_ARGUMENTS_MAX];
    server_arguments(script, &properties, arguments);
    exec_server(arguments);
    return 1;
}

/* ---- start and stop
 * -------------------------------------------------------------------------------------- */

static bool read_pid(const struct script *script, long *pid)
{
    FILE *file = fopen(script->pid_file, "re");
    if (file == NULL) {
        return false;
    }
    bool is_number = fscanf(file, "%ld", pid) == 1 && *pid > 0;
    (void)fclose(file);
    return is_number;
}

/* Ours or Apache's. */
static bool is_running(long pid)
{
    return process_runs((pid_t)pid, "zookeeper") || process_runs((pid_t)pid, "zkServer");
}

static bool write_pid(const struct script *script, pid_t pid)
{
    FILE *file = fopen(script->pid_file, "we");
    if (file == NULL) {
        return false;
    }
    bool is_written = fprintf(file, "%d", (int)pid) > 0;
    return fclose(file) == 0 && is_written;
}

/* In the child: its own session, output to the .out file, input from nowhere. */
static void become_daemon(const struct script *script, int ready_fd)
{
    char text[16];
    /* Appended to: servers that one folder of scripts has started share the file. */
    int out = open(script->out_file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setsid();
    if (out >= 0) {
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        close(out);
    }
    if (in >= 0) {
        dup2(in, STDIN_FILENO);
    }
    snprintf(text, sizeof text, "%d", ready_fd);
    setenv("SAMSA_READY_FD", text, 1);
    signal(SIGHUP, SIG_IGN);
}

/* True when the server says that it serves, or is still at work after the time; false when it
 * ended. */
static bool wait_until_ready(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char byte;
    int ready;
    do {
        ready = poll(&poll_fd, 1, START_TIMEOUT_MS);
    } while (ready < 0 && errno == EINTR);
    return ready == 0 || read(fd, &byte, 1) == 1;
}

static int command_start(const struct script *script)
{
    long pid;
    int ready[2];
    struct properties properties = {0};
    char *arguments[SERVER_ARGUMENTS_MAX];
    printf("Starting zookeeper ... ");
    fflush(stdout);
    if (read_pid(script, &pid) && is_running(pid)) {
        printf("already running as process %ld.\n", pid);
        return 1;
    }
    if (pipe(ready) != 0) {
        printf("SERVER DID NOT START\n");
        return 1;
    }
    fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    server_arguments(script, &properties, arguments);
    pid_t child = fork();
    if (child == 0) {
        become_daemon(script, ready[1]);
        exec_server(arguments);
        _exit(1);
    }
    close(ready[1]);
    if (child < 0) {
        printf("SERVER DID NOT START\n");
        return 1;
    }
    if (!write_pid(script, child)) {
        printf("FAILED TO WRITE PID\n");
        return 1;
    }
    if (!wait_until_ready(ready[0])) {
        printf("FAILED TO START\n");
        fprintf(stderr, "See %s\n", script->out_file);
        return 1;
    }
    printf("STARTED\n");
    return 0;
}

static int command_stop(const struct script *script)
{
    long pid;
    printf("Stopping zookeeper ... ");
    fflush(stdout);
    if (access(script->pid_file, F_OK) != 0) {
        printf("no zookeeper to stop (could not find file %s)\n", script->pid_file);
        return 0;
    }
    if (read_pid(script, &pid)) {
        if (!is_running(pid) && kill((pid_t)pid, 0) == 0) {
            fprintf(stderr, "process %ld is no ZooKeeper server (any more): left alone\n", pid);
        } else if (kill((pid_t)pid, SIGTERM) != 0) {
            fprintf(stderr, "kill: (%ld) - %s\n", pid, strerror(errno));
        }
        for (int waited_ms = 0; waited_ms < STOP_TIMEOUT_MS && is_running(pid); waited_ms += 10) {
            usleep(10000);
        }
    }
    if (unlink(script->pid_file) != 0) {
        fprintf(stderr, "rm: cannot remove '%s': %s\n", script->pid_file, strerror(errno));
    }
    printf("STOPPED\n");
    return 0;
}

/* ---- status
 * ---------------------------------------------------------------------------------------------- */

struct target {
    char host[VALUE_MAX];
    char port[VALUE_MAX];
    bool is_secure;
};

/* "host:port" or "[v6]:port" or "port", as it stands behind the ';' of a server line. */
static void split_client_part(const char *text, struct target *target)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL) {
        snprintf(target->port, sizeof target->port, "%s", text);
        return;
    }
    size_t len = (size_t)(colon - text);
    const char *host = text;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        host = text + 1;
        len -= 2;
    }
    snprintf(target->host, sizeof target->host, "%.*s", (int)len, host);
    snprintf(target->port, sizeof target->port, "%s", colon + 1);
}

static bool find_in_server_line(const char *path, long id, struct target *target)
{
    char key[64];
    char line[VALUE_MAX];
    snprintf(key, sizeof key, "server.%ld", id);
    if (!script_config_value(path, key, line, sizeof line)) {
        return false;
    }
    const char *part = strrchr(line, ';');
    if (part == NULL) {
        return false;
    }
    split_client_part(part + 1, target);
    return target->port[0] != '\0';
}

static void find_by_id(const struct script *script, struct target *target)
{
    char path[PATH_MAX];
    char dynamic[VALUE_MAX] = "";
    long id = -1;
    snprintf(path, sizeof path, "%s/myid", script->data_dir);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%ld", &id) != 1) {
            id = -1;
        }
        (void)fclose(file);
    }
    if (id < 0) {
        printf("myid could not be determined, will not able to locate clientPort in the server "
               "configs.\n");
        return;
    }
    if (find_in_server_line(script->config, id, target)) {
        return;
    }
    printf("Client port not found in static config file. Looking in dynamic config file.\n");
    script_config_value(script->config, "dynamicConfigFile", dynamic, sizeof dynamic);
    if (!find_in_server_line(dynamic, id, target)) {
        printf("Client port not found in the server configs\n");
    }
}

static bool find_target(const struct script *script, struct target *target)
{
    *target = (struct target){.host = "localhost"};
    script_config_value(script->config, "clientPortAddress", target->host, sizeof target->host);
    if (!script_config_value(script->config, "clientPort", target->port, sizeof target->port)) {
        find_by_id(script, target);
    }
    if (target->port[0] != '\0') {
        return true;
    }
    printf("Client port not found. Looking for secureClientPort in the static config.\n");
    snprintf(target->host, sizeof target->host, "localhost");
    script_config_value(script->config, "secureClientPortAddress", target->host,
                        sizeof target->host);
    target->is_secure = script_config_value(script->config, "secureClientPort", target->port,
                                            sizeof target->port);
    if (!target->is_secure) {
        printf(
            "Unable to find either secure or unsecure client port in any configs. Terminating.\n");
    }
    return target->is_secure;
}

static void print_secure_note(const char *port)
{
    printf(
        " \n"
        "Note: We used secureClientPort (%s) to establish connection, but we failed. The 'status'\n"
        "  command establishes a client connection to the server to execute diagnostic commands. "
        "Please make sure you\n"
        "  provided all the Client SSL connection related parameters in the CLIENT_JVMFLAGS "
        "environment variable! E.g.:\n"
        "  "
        "CLIENT_JVMFLAGS=\"-Dzookeeper.clientCnxnSocket=org.apache.zookeeper."
        "ClientCnxnSocketNetty\n"
        "  -Dzookeeper.ssl.trustStore.location=/tmp/clienttrust.jks "
        "-Dzookeeper.ssl.trustStore.password=password\n"
        "  -Dzookeeper.ssl.keyStore.location=/tmp/client.jks "
        "-Dzookeeper.ssl.keyStore.password=password\n"
        "  -Dzookeeper.client.secure=true\" ./zkServer.sh status\n"
        " \n",
        port);
}

static bool print_mode(struct slice answer)
{
    while (answer.len > 0) {
        struct slice line;
        text_cut(answer, '\n', &line, &answer);
        if (slice_starts_with(line, SLICE_LIT("Mode"))) {
            printf("%.*s\n", (int)line.len, (const char *)line.ptr);
            return true;
        }
    }
    return false;
}

static int command_status(const struct script *script)
{
    struct target target;
    struct buffer answer;
    bool has_mode = false;
    if (!find_target(script, &target)) {
        return 1;
    }
    printf("Client port found: %s. Client address: %s. Client SSL: %s.\n", target.port, target.host,
           target.is_secure ? "true" : "false");
    buffer_init(&answer, (size_t)1 << 20);
    if (!target.is_secure &&
        four_letter_ask(target.host, target.port, "srvr", STATUS_TIMEOUT_MS, &answer) == 0) {
        has_mode = print_mode(buffer_slice(&answer));
    }
    buffer_release(&answer);
    if (has_mode) {
        return 0;
    }
    if (target.is_secure) {
        print_secure_note(target.port);
    }
    printf("Error contacting service. It is probably not running.\n");
    return 1;
}

/* ---- the tool
 * -------------------------------------------------------------------------------------------- */

static int command_version(void)
{
    printf("Apache ZooKeeper, version %s %s\n", samsa_zookeeper_version, samsa_build_date);
    return 0;
}

static int prepare(struct script *script, int argc, char **argv)
{
    *script = (struct script){.script = script_environment("SAMSA_SCRIPT"),
                              .config_dir = script_environment("ZOOCFGDIR")};
    if (script->config_dir[0] == '\0') {
        script->config_dir = "conf";
    }
    print_jmx();
    find_config(script, argc > 2 ? argv[2] : NULL);
    if (!script_config_value(script->config, "dataDir", script->data_dir,
                             sizeof script->data_dir)) {
        bool is_missing = access(script->config, R_OK) != 0;
        fprintf(stderr, "%s%s%s", is_missing ? "grep: " : "", is_missing ? script->config : "",
                is_missing ? ": No such file or directory\n" : "");
    }
    script_config_value(script->config, "dataLogDir", script->data_log_dir,
                        sizeof script->data_log_dir);
    return prepare_folders(script);
}

int tool_zk_server(int argc, char **argv)
{
    struct script script;
    const char *command = argc > 1 ? argv[1] : "";
    int exit_code = prepare(&script, argc, argv);
    if (exit_code != 0) {
        return exit_code;
    }
    if (strcmp(command, "start") == 0) {
        return command_start(&script);
    }
    if (strcmp(command, "start-foreground") == 0) {
        return command_foreground(&script);
    }
    if (strcmp(command, "stop") == 0) {
        return command_stop(&script);
    }
    if (strcmp(command, "restart") == 0) {
        struct script again;
        exit_code = prepare(&again, argc, argv); /* the head is printed for each of the three, as
                                                    the script does by calling itself */
        if (exit_code == 0) {
            command_stop(&again);
            exit_code = prepare(&again, argc, argv);
        }
        return exit_code == 0 ? command_start(&again) : exit_code;
    }
    if (strcmp(command, "status") == 0) {
        return command_status(&script);
    }
    if (strcmp(command, "version") == 0) {
        return command_version();
    }
    if (strcmp(command, "print-cmd") == 0) {
        return command_print(&script);
    }
    fprintf(stderr,
            "Usage: %s [--config <conf-dir>] "
            "{start|start-foreground|stop|version|restart|status|print-cmd}\n",
            script.script[0] == '\0' ? "zkServer.sh" : script.script);
    return 0;
}
