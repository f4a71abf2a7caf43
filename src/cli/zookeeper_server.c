/* zookeeper_server.c - the process around a node: see zookeeper_server.h.
 *
 * Usage, as QuorumPeerMain and ZooKeeperServerMain take it:  zookeeper-server [-Dkey=value ...]
 * zoo.cfg zookeeper-server [-Dkey=value ...] port dataDir [tickTime] [maxClientCnxns] SIGTERM and
 * SIGINT stop it in order (connections closed, log flushed, exit code 0); SIGHUP opens the log file
 * again.
 */
#include "cli/zookeeper_server.h"

#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/properties.h"
#include "cli/server_process.h"
#include "cli/tool.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"
#include "zookeeper/admin/admin_server.h"
#include "zookeeper/server/node.h"

struct zookeeper_process {
    struct server_process process;
    struct node *node;
    struct admin_server *admin;            /* NULL: neither admin server nor metrics are wanted */
    struct zookeeper_companion *companion; /* may be NULL */
};

/* Audit records are log lines of their own module: samsa.log.level.audit=off silences them, and
 * they go where the log goes. */
static void on_audit(void *ctx, struct slice line)
{
    (void)ctx;
    LOG("audit", LOG_INFO, "%.*s", LOG_SLICE(line));
}

static const char *process_user(void)
{
    const struct passwd *user = getpwuid(getuid());
    return user == NULL ? "?" : user->pw_name;
}

static void audit_process(const struct zk_config *config, const char *operation, const char *result)
{
    if (config->audit_enabled) {
        LOG("audit", LOG_INFO, "user=%s\toperation=%s\tresult=%s", process_user(), operation,
            result);
    }
}

static struct zookeeper_process *of(struct server_process *process)
{
    return CONTAINER_OF(process, struct zookeeper_process, process);
}

static void on_failed(void *ctx, const char *text)
{
    struct server_process *process = ctx;
    server_process_failed(process, of(process)->node->exit_code, text);
}

static void stop_node(void *ctx)
{
    struct server_process *process = ctx;
    struct node *node = of(process)->node;
    if (node->state == NODE_RUNNING) {
        node_stop(node, server_process_ended, process);
    } else {
        server_process_ended(process);
    }
}

void zookeeper_server_end(struct zookeeper_companion *companion, int exit_code)
{
    struct server_process *process = companion->process;
    process->exit_code = exit_code;
    process->is_stopping = true;
    stop_node(process);
}

static void stop(struct server_process *process)
{
    struct zookeeper_process *zookeeper = of(process);
    audit_process(&zookeeper->node->config, "serverStop", "invoked");
    if (zookeeper->companion != NULL) {
        zookeeper->companion->stop(zookeeper->companion, stop_node, process);
    } else {
        stop_node(process);
    }
}

/* ---- configuration
 * --------------------------------------------------------------------------------------- */

static void print_warning(void *ctx, const char *text)
{
    (void)ctx;
    LOG("config", LOG_WARN, "%s", text);
}

int zookeeper_server_configure(struct zk_config *config,
                               const char *path,
                               const struct config_property *properties,
                               size_t property_count)
{
    struct runtime *runtime;
    struct errmsg message;
    char absolute[PATH_MAX];
    /* A reconfiguration writes the path of a file beside it into it: whole, as Apache's does. */
    if (realpath(path, absolute) != NULL && strlen(absolute) < PATH_TEXT_MAX) {
        path = absolute;
    }
    int error = runtime_create(NULL, &runtime);
    if (error != 0) {
        fprintf(stderr, "Cannot make an event loop: %s\n", error_text(error));
        return EXIT_UNEXPECTED;
    }
    error = zk_config_load(config, runtime, path, properties, property_count, print_warning, NULL,
                           &message);
    runtime_destroy(runtime);
    if (error != 0) {
        LOG("config", LOG_ERROR, "Invalid config, exiting abnormally: %s", message.text);
        fprintf(stderr, "Invalid config, exiting abnormally\n%s\n", message.text);
        return EXIT_INVOCATION;
    }
    return 0;
}

static void configure_levels(struct slice levels)
{
    size_t count = 0;
    while (levels.len > 0) {
        struct slice entry;
        struct slice module;
        struct slice name;
        char text[LOG_MODULE_NAME_MAX];
        enum log_level level;
        text_cut(levels, ',', &entry, &levels);
        if (!text_cut(entry, '=', &module, &name) || module.len >= sizeof text ||
            count == LOG_MODULES_MAX) {
            LOG("config", LOG_WARN,
                "samsa.log.level.%.*s: there is no such module, or there are too many such keys",
                LOG_SLICE(entry));
            continue;
        }
        memcpy(text, module.ptr, module.len);
        text[module.len] = '\0';
        if (log_parse_level(name, &level) == 0) {
            log_set_module_level(text, level);
            count += 1;
        } else {
            LOG("config", LOG_WARN,
                "samsa.log.level.%s: the levels are trace, debug, info, warn, error, off", text);
        }
    }
}

static void configure_log(const struct zk_config *config)
{
    struct log_options options = {
        .level = LOG_INFO,
        .json = config->log_json,
        .file = config->log_file[0] == '\0' ? NULL : config->log_file,
        .rotate_bytes = (uint64_t)config->log_rotate_bytes,
        .rotate_keep = config->log_rotate_keep,
    };
    bool is_known = log_parse_level(slice_of_cstr(config->log_level), &options.level) == 0;
    int error = log_configure(&options);
    if (error != 0) {
        fprintf(stderr, "samsa.log.file: cannot open %s: %s; logging to stderr\n", config->log_file,
                error_text(error));
    }
    if (!is_known) {
        LOG("config", LOG_WARN,
            "samsa.log.level: the levels are trace, debug, info, warn, error, off");
    }
    configure_levels(slice_of_cstr(config->log_levels));
}

/* A host name becomes the first address that it has here. */
static void resolve_address(const char *key, char *host, size_t size)
{
    struct tcp_address numeric;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    bool is_name = host[0] != '\0' && !tcp_address_parse(slice_of_cstr(host), 0, &numeric);
    if (!is_name || getaddrinfo(host, NULL, &hints, &found) != 0) {
        return; /* opening the port then says what is wrong */
    }
    if (getnameinfo(found->ai_addr, found->ai_addrlen, host, (socklen_t)size, NULL, 0,
                    NI_NUMERICHOST) != 0) {
        LOG("config", LOG_WARN, "%s: the address found for it cannot be written as a number", key);
    }
    freeaddrinfo(found);
}

static void resolve_addresses(struct zk_config *config)
{
    resolve_address("clientPortAddress", config->client_port_address,
                    sizeof config->client_port_address);
    resolve_address("admin.serverAddress", config->admin_address, sizeof config->admin_address);
    resolve_address("metricsProvider.httpHost", config->prometheus_host,
                    sizeof config->prometheus_host);
}

/* Descriptors that client connections leave: for the files of the log and the snapshots, the
 * listeners, the admin server and its connections. Without them the log could not be rolled, and a
 * server that cannot write its log must end. */
#define DESCRIPTOR_RESERVE 100

/* How many connections the descriptors allow. */
static uint64_t allowed_connections(void)
{
    uint64_t allowed = server_raise_descriptor_limit();
    return allowed > 2 * DESCRIPTOR_RESERVE ? allowed - DESCRIPTOR_RESERVE : allowed / 2;
}

/* ---- running
 * --------------------------------------------------------------------------------------------- */

/* Says why on stderr, in the words that Apache's administrators look for; returns the exit code. */
static int start_failed(const struct node *node, const char *why)
{
    switch (node->start_stage) {
    case NODE_START_DATA_DIR:
        fprintf(stderr, "Unable to access datadir, exiting abnormally\n%s\n", why);
        return EXIT_DATA_DIR;
    case NODE_START_LOAD:
        fprintf(stderr, "Unexpected exception, exiting abnormally\n%s\n", why);
        return EXIT_STORAGE;
    case NODE_START_PORT:
        fprintf(stderr, "Unexpected exception, exiting abnormally\n%s\n", why);
        return EXIT_UNEXPECTED;
    case NODE_START_ELECTION_PORT:
        fprintf(stderr, "Unexpected exception, exiting abnormally\n%s\n", why);
        return NODE_EXIT_ELECTION_PORT;
    }
    UNREACHABLE();
}

/* The two HTTP ports; 0, or the exit code. Apache's server cannot do without its metrics. It can do
 * without the admin server in an ensemble (QuorumPeer.start warns), and not when it is alone
 * (ZooKeeperServerMain). */
static int start_http(struct zookeeper_process *zookeeper)
{
    struct node *node = zookeeper->node;
    const struct zk_config *config = &node->config;
    struct errmsg message;
    if (admin_server_start_metrics(node, &zookeeper->admin, &message) != 0) {
        LOG("admin", LOG_ERROR, "Cannot start /metrics server: %s", message.text);
        fprintf(stderr,
                "Unexpected exception, exiting abnormally\nCannot boot MetricsProvider: %s. Change "
                "metricsProvider.httpPort.\n",
                message.text);
        return EXIT_UNEXPECTED;
    }
    if (admin_server_start(node, &zookeeper->admin, &message) == 0) {
        return 0;
    }
    LOG("admin", config->is_ensemble ? LOG_WARN : LOG_ERROR,
        "Problem starting AdminServer on address %s, port %" PRId32 " and command URL %s: %s",
        config->admin_address, config->admin_port, config->admin_command_url, message.text);
    if (config->is_ensemble) {
        return 0;
    }
    fprintf(stderr,
            "Unable to start AdminServer, exiting abnormally\n%s. Change admin.serverPort, or set "
            "admin.enableServer=false.\n",
            message.text);
    return EXIT_ADMIN_PORT;
}

static int serve(struct zookeeper_process *zookeeper)
{
    struct node *node = zookeeper->node;
    struct server_process *process = &zookeeper->process;
    struct zookeeper_companion *companion = zookeeper->companion;
    struct errmsg message;
    int error = node_start(node, &message);
    if (error != 0) {
        LOG("server", LOG_ERROR, "%s", message.text);
        return start_failed(node, message.text);
    }
    int exit_code = start_http(zookeeper);
    if (exit_code != 0) {
        return exit_code;
    }
    uint16_t port = node_client_address(node).port;
    LOG("server", LOG_INFO, "serving on port %u%s, pid %d, started in %" PRIu64 " us", port,
        port == 0 ? " (no client port)" : "", (int)getpid(),
        (runtime_now_ns(process->runtime) - node->start_ns) / 1000);
    audit_process(&node->config, "serverStart", "success");
    if (companion != NULL) {
        companion->started(companion, process->runtime, &node->config, port);
    } else {
        server_tell_ready();
    }
    runtime_run(process->runtime);
    LOG("server", LOG_INFO, "stopped");
    return process->exit_code;
}

int zookeeper_server_run(const struct zk_config *config, struct zookeeper_companion *companion)
{
    struct zookeeper_process zookeeper = {.companion = companion};
    char audit_user[256];
    struct zk_config resolved = *config;
    configure_log(config);
    resolve_addresses(&resolved);
    if (!server_process_open(&zookeeper.process, stop)) {
        return EXIT_UNEXPECTED;
    }
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        abort();
    }
    node_init(node, zookeeper.process.runtime, &resolved);
    node->connection_cap = allowed_connections();
    node->on_failed = on_failed;
    node->on_audit = on_audit;
    snprintf(audit_user, sizeof audit_user, "%s", process_user());
    node->service_config.audit_user = slice_of_cstr(audit_user);
    node->ctx = &zookeeper.process;
    zookeeper.node = node;
    if (companion != NULL) {
        companion->process = &zookeeper.process;
    }
    int exit_code = serve(&zookeeper);
    if (companion != NULL) {
        companion->detach(companion);
    }
    if (zookeeper.admin != NULL) {
        admin_server_stop(zookeeper.admin);
    }
    node_detach(node);
    /* Closes what is still open and waits for the log's last job. */
    runtime_destroy(zookeeper.process.runtime);
    if (companion != NULL) {
        companion->release(companion);
    }
    node_release(node);
    free(node);
    return exit_code;
}

/* ---- the tool
 * -------------------------------------------------------------------------------------------- */

static int configure_from_arguments(struct zk_config *config,
                                    int count,
                                    char **arguments,
                                    const struct properties *properties)
{
    char text[CONFIG_TEXT_MAX * 2];
    struct errmsg message;
    snprintf(text, sizeof text, "clientPort=%s\ndataDir=%s\n%s%s\n%s%s\n", arguments[0],
             arguments[1], count > 2 ? "tickTime=" : "", count > 2 ? arguments[2] : "",
             count > 3 ? "maxClientCnxns=" : "", count > 3 ? arguments[3] : "");
    int error = zk_config_parse(config, slice_of_cstr(text), "the command line",
                                properties->entries, properties->count, print_warning, NULL,
                                &message);
    if (error != 0) {
        fprintf(stderr, "Invalid arguments, exiting abnormally\n%s\n", message.text);
        return EXIT_INVOCATION;
    }
    return 0;
}

int tool_zookeeper_server(int argc, char **argv)
{
    static struct properties properties;
    static struct zk_config config;
    int at = 1;
    while (at < argc && properties_add_flag(&properties, argv[at])) {
        at++;
    }
    int count = argc - at;
    if (count < 1 || count > 4) {
        fprintf(stderr, "Usage: zookeeper-server [-Dkey=value ...] configfile | port datadir "
                        "[ticktime] [maxcnxns]\n");
        return EXIT_INVOCATION;
    }
    int exit_code = count == 1 ? zookeeper_server_configure(&config, argv[at], properties.entries,
                                                            properties.count)
                               : configure_from_arguments(&config, count, argv + at, &properties);
    if (exit_code == 0) {
        exit_code = zookeeper_server_run(&config, NULL);
    }
    properties_release(&properties);
    return exit_code;
}
