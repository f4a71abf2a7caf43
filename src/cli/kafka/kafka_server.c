/* kafka_server.c - kafka-server-start.sh and the process around a broker.
 *
 *     kafka-server-start [-daemon] server.properties [--override key=value]*
 *
 * SIGTERM and SIGINT are a controlled shutdown: connections end, logs are flushed, the broker
 * leaves ZooKeeper; asked twice, it ends at once. SIGHUP opens the log file again. Exit codes are
 * Apache's: 0 after an orderly end, 1 for everything that keeps a broker from running.
 */
#include "cli/kafka/kafka_server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/kafka/kafka_tools.h"
#include "cli/server_process.h"
#include "kafka/admin/kafka_admin_server.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define OVERRIDES_MAX 256
#define DAEMON_WAIT_MS 10000

struct kafka_process {
    struct server_process process;
    struct broker *broker;
};

void kafka_server_configure_log(const struct broker_config *config)
{
    struct log_options options = {
        .level = LOG_INFO,
        .file = config->log_file[0] == '\0' ? NULL : config->log_file,
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
}

static void on_started(void *ctx)
{
    (void)ctx;
    server_tell_ready();
}

static void on_failed(void *ctx, const char *text)
{
    server_process_failed(ctx, 1, text);
}

static void stop(struct server_process *process)
{
    broker_stop(CONTAINER_OF(process, struct kafka_process, process)->broker);
}

static int serve(struct server_process *process, struct broker *broker)
{
    struct errmsg message;
    struct kafka_admin *admin;
    int error = kafka_admin_start(broker, &admin, &message);
    if (error == 0) {
        error = broker_start(broker, &message);
    }
    if (error != 0) {
        LOG("server", LOG_ERROR, "%s", message.text);
        server_process_failed(process, 1, message.text);
    } else {
        runtime_run(process->runtime);
    }
    kafka_admin_stop(admin);
    return process->exit_code;
}

int kafka_server_run(const struct broker_config *config)
{
    struct kafka_process kafka;
    if (!server_process_open(&kafka.process, stop)) {
        return 1;
    }
    server_raise_descriptor_limit();
    struct broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL) {
        abort();
    }
    kafka.broker = broker;
    broker_init(broker, kafka.process.runtime, config);
    broker->on_started = on_started;
    broker->on_stopped = server_process_ended;
    broker->on_failed = on_failed;
    broker->ctx = &kafka.process;
    int exit_code = serve(&kafka.process, broker);
    broker_detach(broker);
    runtime_destroy(kafka.process.runtime);
    broker_release(broker);
    free(broker);
    return exit_code;
}

/* ---- the tool -------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr, "USAGE: kafka-server-start.sh [-daemon] server.properties [--override "
                    "property=value]*\n");
    return 1;
}

static const char *log_folder(void)
{
    const char *folder = getenv("LOG_DIR");
    return folder == NULL || folder[0] == '\0' ? "logs" : folder;
}

int tool_kafka_server_start(int argc, char **argv)
{
    static struct broker_config config;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count = 0;
    struct runtime *runtime;
    struct errmsg message;
    char out[PATH_MAX];
    int at = 1;
    bool is_daemon = at < argc && strcmp(argv[at], "-daemon") == 0;
    at += is_daemon ? 1 : 0;
    if (at >= argc || strcmp(argv[at], "--help") == 0) {
        return usage();
    }
    const char *path = argv[at++];
    for (; at < argc; at++) {
        bool is_override = strcmp(argv[at], "--override") == 0 && at + 1 < argc;
        if (!is_override || override_count == OVERRIDES_MAX) {
            fprintf(stderr, "Found non argument parameters: %s\n", argv[at]);
            return usage();
        }
        overrides[override_count++] = argv[++at];
    }
    if (runtime_create(NULL, &runtime) != 0) {
        fprintf(stderr, "Cannot make an event loop: %s\n", runtime_error_detail());
        return 1;
    }
    int error = broker_config_read(&config, runtime, path, overrides, override_count, &message);
    runtime_destroy(runtime);
    if (error != 0) {
        fprintf(stderr, "%s\n", message.text);
        return 1;
    }
    snprintf(out, sizeof out, "%s/kafkaServer.out", log_folder());
    if (is_daemon && server_daemonize("kafka-server-start.sh", out, DAEMON_WAIT_MS) != 0) {
        return 1;
    }
    kafka_server_configure_log(&config);
    broker_config_report(&config);
    int exit_code = kafka_server_run(&config);
    broker_config_release(&config);
    return exit_code;
}
