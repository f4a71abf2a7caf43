/* start.c - `samsa start`: a ZooKeeper server and a Kafka broker in one process, on one loop,
 * nothing to configure.
 *
 * Data stands below $SAMSA_DATA (./data when unset): zookeeper/ and kafka/. Where there is a
 * $SAMSA_DATA/zoo.cfg or a $SAMSA_DATA/server.properties it is taken instead of what stands here;
 * -Dkey=value changes the server's configuration, --override key=value the broker's.
 *
 * The broker begins when ZooKeeper's port is open, and ends before ZooKeeper does.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/properties.h"
#include "cli/server_process.h"
#include "cli/tool.h"
#include "cli/zookeeper_server.h"
#include "kafka/admin/kafka_admin_server.h"
#include "kafka/server/broker.h"
#include "kafka/server/connection.h"
#include "runtime/log.h"
#include "runtime/runtime.h"
#include "runtime/uv/runtime_uv.h"

#define DEFAULT_PORT "2181"
#define OVERRIDES_MAX 256

struct start {
    struct zookeeper_companion companion;
    struct broker *broker;
    struct kafka_admin *admin; /* samsa.metrics.port; NULL: none */
    struct broker_config config;
    const struct zk_config *zk_config;
    uint16_t zk_port;
    char data[PATH_MAX];
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    bool is_begun;
};

/* ---- the screen ------------------------------------------------------------------------------ */

static void print_next(uint16_t kafka_port, uint16_t zk_port)
{
    printf("\n"
           "  In a second terminal:\n"
           "\n"
           "    bin/kafka-topics.sh --bootstrap-server localhost:%u --create --topic test1 "
           "--partitions 3\n"
           "    bin/kafka-console-producer.sh --bootstrap-server localhost:%u --topic test1\n"
           "    bin/kafka-console-consumer.sh --bootstrap-server localhost:%u --topic test1 "
           "--from-beginning\n"
           "    bin/zkCli.sh -server localhost:%u ls /brokers/topics\n"
           "\n"
           "  Ctrl-C stops it; everything acknowledged is on disk.\n\n",
           kafka_port, kafka_port, kafka_port, zk_port);
}

static void print_screen(const struct start *start)
{
    char absolute[PATH_MAX];
    const char *data = realpath(start->data, absolute) != NULL ? absolute : start->data;
    const struct broker_config *config = &start->broker->config;
    uint16_t kafka_port = sockets_address(start->broker->sockets, 0).port;
    printf("\n"
           "  Samsa %s is up.\n"
           "\n"
           "    Kafka        localhost:%u\n"
           "    ZooKeeper    localhost:%u\n",
           samsa_version, kafka_port, start->zk_port);
    if (start->zk_config->admin_enabled) {
        printf("    AdminServer  http://localhost:%d%s\n", start->zk_config->admin_port,
               start->zk_config->admin_command_url);
    }
    if (config->metrics_port > 0) {
        printf("    Metrics      http://localhost:%d/metrics\n", config->metrics_port);
    }
    printf("    Data         %s\n", data);
    print_next(kafka_port, start->zk_port);
    fflush(stdout);
}

/* ---- the broker beside the server --------------------------------------------------------------
 */

static struct start *of(struct zookeeper_companion *companion)
{
    return CONTAINER_OF(companion, struct start, companion);
}

static void on_started(void *ctx)
{
    struct start *start = ctx;
    server_tell_ready();
    print_screen(start);
}

static void on_stopped(void *ctx)
{
    struct start *start = ctx;
    if (start->stopped != NULL) {
        start->stopped(start->stopped_ctx);
    }
}

static void on_failed(void *ctx, const char *text)
{
    struct start *start = ctx;
    fprintf(stderr, "The Kafka broker cannot run: %s\n", text);
    zookeeper_server_end(&start->companion, 1);
}

static void begin(struct zookeeper_companion *companion,
                  struct runtime *runtime,
                  const struct zk_config *config,
                  uint16_t port)
{
    struct start *start = of(companion);
    struct errmsg message;
    start->zk_config = config;
    start->zk_port = port;
    start->is_begun = true;
    broker_init(start->broker, runtime, &start->config);
    start->broker->on_started = on_started;
    start->broker->on_stopped = on_stopped;
    start->broker->on_failed = on_failed;
    start->broker->ctx = start;
    int error = kafka_admin_start(start->broker, &start->admin, &message);
    if (error == 0) {
        error = broker_start(start->broker, &message);
    }
    if (error != 0) {
        LOG("server", LOG_ERROR, "%s", message.text);
        on_failed(start, message.text);
    }
}

static void stop(struct zookeeper_companion *companion, void (*done)(void *ctx), void *ctx)
{
    struct start *start = of(companion);
    start->stopped = done;
    start->stopped_ctx = ctx;
    bool is_alive = start->is_begun && start->broker->state != BROKER_STOPPED &&
                    start->broker->state != BROKER_FAILED;
    if (is_alive) {
        broker_stop(start->broker);
    } else {
        done(ctx);
    }
}

static void detach(struct zookeeper_companion *companion)
{
    struct start *start = of(companion);
    if (start->is_begun) {
        kafka_admin_stop(start->admin);
        broker_detach(start->broker);
    }
}

static void release(struct zookeeper_companion *companion)
{
    struct start *start = of(companion);
    if (start->is_begun) {
        broker_release(start->broker);
    }
}

/* ---- configuration -----------------------------------------------------------------------------
 */

static int configure_zookeeper(struct zk_config *config,
                               const char *data,
                               const struct properties *properties)
{
    char text[CONFIG_TEXT_MAX * 2];
    char path[PATH_MAX];
    struct errmsg message;
    snprintf(path, sizeof path, "%s/zoo.cfg", data);
    if (access(path, F_OK) == 0) {
        return zookeeper_server_configure(config, path, properties->entries, properties->count);
    }
    snprintf(text, sizeof text,
             "dataDir=%s/zookeeper\nclientPort=" DEFAULT_PORT
             "\ntickTime=2000\nadmin.serverAddress=127.0.0.1\n4lw.commands.whitelist=*\n",
             data);
    if (zk_config_parse(config, slice_of_cstr(text), "samsa start", properties->entries,
                        properties->count, NULL, NULL, &message) != 0) {
        fprintf(stderr, "%s\n", message.text);
        return EXIT_INVOCATION;
    }
    return 0;
}

/* Where the broker listens and what it tells its clients, unless --override says it: a port that
 * was changed must not leave the old one advertised. */
static const char *listener_lines(const char *const *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(overrides[i], "listeners=", strlen("listeners=")) == 0) {
            return "";
        }
    }
    return "listeners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://localhost:9092\n";
}

static int configure_broker(struct start *start,
                            int32_t zk_port,
                            const char *const *overrides,
                            size_t override_count)
{
    char text[BROKER_TEXT_MAX * 2];
    char path[PATH_MAX];
    struct runtime *runtime;
    struct errmsg message;
    int error;
    snprintf(path, sizeof path, "%s/server.properties", start->data);
    if (access(path, F_OK) != 0) {
        snprintf(text, sizeof text,
                 "broker.id=0\n%slog.dirs=%s/kafka\n"
                 "zookeeper.connect=127.0.0.1:%d\noffsets.topic.replication.factor=1\n"
                 "group.initial.rebalance.delay.ms=0\n",
                 listener_lines(overrides, override_count), start->data, zk_port);
        error = broker_config_parse(&start->config, slice_of_cstr(text), "samsa start", overrides,
                                    override_count, &message);
    } else if (runtime_create(NULL, &runtime) != 0) {
        error = errmsg_set(&message, ERR_IO, "cannot make an event loop");
    } else {
        error = broker_config_read(&start->config, runtime, path, overrides, override_count,
                                   &message);
        runtime_destroy(runtime);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", message.text);
        return EXIT_INVOCATION;
    }
    return 0;
}

int tool_start(int argc, char **argv)
{
    static struct zk_config config;
    static struct properties properties;
    static struct start start = {
        .companion = {.started = begin, .stop = stop, .detach = detach, .release = release}};
    static struct broker broker;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count = 0;
    const char *data = getenv("SAMSA_DATA");
    snprintf(start.data, sizeof start.data, "%s", data == NULL || data[0] == '\0' ? "data" : data);
    start.broker = &broker;
    for (int i = 1; i < argc; i++) {
        bool is_override = strcmp(argv[i], "--override") == 0 && i + 1 < argc &&
                           override_count < OVERRIDES_MAX;
        if (is_override) {
            overrides[override_count++] = argv[++i];
        } else if (!properties_add_flag(&properties, argv[i])) {
            fprintf(stderr,
                    "samsa start: unknown argument %s (-Dkey=value is for ZooKeeper, --override "
                    "key=value for Kafka)\n",
                    argv[i]);
            return EXIT_INVOCATION;
        }
    }
    int exit_code = configure_zookeeper(&config, start.data, &properties);
    if (exit_code == 0) {
        exit_code = configure_broker(&start, config.client_port, overrides, override_count);
    }
    if (exit_code == 0) {
        broker_config_report(&start.config);
        exit_code = zookeeper_server_run(&config, &start.companion);
        broker_config_release(&start.config);
    }
    properties_release(&properties);
    return exit_code;
}
