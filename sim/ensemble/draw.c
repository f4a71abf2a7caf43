/* draw.c - what a seed draws for an ensemble: how many servers, their configuration, which faults
 * and how often. What clients do and how network, disks and machines behave is drawn as for one
 * server (sim/options.c), within what an ensemble's timeouts can bear.
 */
#include "sim/ensemble/ensemble.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Mean time between two of a kind, in the shortest and the longest run. */
static const struct {
    const char *text;
    uint64_t low_ms;
    uint64_t high_ms;
} faults[ENSEMBLE_FAULT_KINDS] = {
#define X(name, text, low, high) [ENSEMBLE_FAULT_##name] = {text, low, high},
    ENSEMBLE_FAULTS(X)
#undef X
};

const char *ensemble_fault_name(enum ensemble_fault fault)
{
    return faults[fault].text;
}

/* A run has few kinds at a time: with all of them at once nothing else would ever happen. */
static void draw_faults(struct ensemble_options *options, struct random *random)
{
    bool is_calm = random_once_in(random, 12);
    uint64_t once_in = random_between(random, 3, 10);
    for (size_t kind = 0; kind < ENSEMBLE_FAULT_KINDS; kind++) {
        uint64_t gap_ms = random_spread(random, faults[kind].low_ms, faults[kind].high_ms);
        bool is_left_out = !random_once_in(random, once_in) || is_calm;
        options->fault_gap_ns[kind] = is_left_out ? 0 : gap_ms * NS_PER_MS;
    }
}

struct text_writer {
    char *text;
    size_t size;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add_line(struct text_writer *writer,
                                                           const char *format,
                                                           ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(writer->text + writer->len, writer->size - writer->len, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0 && writer->len + (size_t)len < writer->size);
    writer->len += (size_t)len;
}

static void draw_limits(struct ensemble_options *options,
                        struct text_writer *writer,
                        struct random *random)
{
    uint64_t tick_ms = random_spread(random, 200, 1000);
    uint64_t init_limit = random_between(random, 5, 12);
    uint64_t sync_limit = random_between(random, 2, 6);
    add_line(writer, "tickTime=%" PRIu64 "\ninitLimit=%" PRIu64 "\nsyncLimit=%" PRIu64 "\n",
             tick_ms, init_limit, sync_limit);
    add_line(writer, "cnxTimeout=%" PRIu64 "\n", random_spread(random, 500, 5000));
    options->init_ns = init_limit * tick_ms * NS_PER_MS;
    options->sync_ns = sync_limit * tick_ms * NS_PER_MS;
}

static void draw_config(struct ensemble_options *options, struct random *random)
{
    static const char *const methods[] = {"", "gz", "snappy"};
    struct text_writer writer = {.text = options->config_text, .size = sizeof options->config_text};
    add_line(&writer, "dataDir=/data\nclientPort=%d\n4lw.commands.whitelist=*\n", CLIENT_PORT);
    add_line(&writer, "admin.enableServer=false\n");
    draw_limits(options, &writer, random);
    add_line(&writer, "snapCount=%" PRIu64 "\n", random_spread(random, 8, 2000));
    add_line(&writer, "preAllocSize=%" PRIu64 "\n",
             random_once_in(random, 3) ? 0 : random_spread(random, 1, 64));
    add_line(&writer, "snapshot.compression.method=%s\n", methods[random_below(random, 3)]);
    /* Few: a learner that was away for a moment only is brought up from the disk. */
    add_line(&writer, "commitLogCount=%" PRIu64 "\n",
             random_once_in(random, 2) ? random_between(random, 1, 6)
                                       : random_spread(random, 1, 500));
    add_line(&writer, "digest.enabled=%s\n", random_once_in(random, 6) ? "false" : "true");
    add_line(&writer, "samsa.log.inPlaceSync=%s\n", random_once_in(random, 2) ? "false" : "true");
    if (random_once_in(random, 4)) {
        add_line(&writer, "dataLogDir=/logs\n");
    }
    if (random_once_in(random, 4)) {
        add_line(&writer, "forceSnapshotSync=true\n");
    }
    if (random_once_in(random, 4)) {
        add_line(&writer, "snapshotSizeFactor=%s\n", random_once_in(random, 2) ? "-1" : "0.01");
    }
    if (random_once_in(random, 4)) {
        add_line(&writer, "readonlymode.enabled=true\n");
    }
    if (random_once_in(random, 6)) {
        add_line(&writer, "leaderServes=no\n");
    }
    if (random_once_in(random, 4)) {
        add_line(&writer, "syncEnabled=false\n");
    }
    if (random_once_in(random, 6)) {
        add_line(&writer, "closeSessionTxn.enabled=false\n");
    }
    if (random_once_in(random, 4)) {
        add_line(&writer, "globalOutstandingLimit=%" PRIu64 "\n", random_spread(random, 8, 64));
    }
    add_line(&writer, "znode.container.checkIntervalMs=%" PRIu64 "\n",
             random_spread(random, 200, 4000));
}

static void ignore_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void add_servers(const struct ensemble_options *options, int id, struct text_writer *writer)
{
    int first_observer = options->member_count - options->observer_count + 1;
    for (int i = 1; i <= options->member_count; i++) {
        char host[16];
        snprintf(host, sizeof host, options->has_names ? "zk%d" : "10.0.0.%d", i);
        add_line(writer, "server.%d=%s:%d:%d%s\n", i, host, QUORUM_PORT, ELECTION_PORT,
                 i >= first_observer ? ":observer" : "");
    }
    if (id >= first_observer) {
        add_line(writer, "peerType=observer\n");
    }
}

size_t ensemble_world_config(const struct ensemble_options *options,
                             int id,
                             char text[CONFIG_BYTES_MAX])
{
    struct text_writer writer = {.text = text, .size = CONFIG_BYTES_MAX};
    add_line(&writer, "%s", options->config_text);
    if (options->member_count > 1) {
        add_servers(options, id, &writer);
    }
    return writer.len;
}

/* What clients and the checker know of the servers' configuration. */
static void parse_config(const struct ensemble_options *options, struct options *base)
{
    char text[CONFIG_BYTES_MAX];
    struct errmsg message = {.text = ""};
    size_t len = ensemble_world_config(options, 1, text);
    zk_config_init(&base->config);
    int error = zk_config_parse(&base->config, slice_of(text, len), "zoo.cfg", NULL, 0,
                                ignore_warning, NULL, &message);
    if (error != 0) {
        printf("the configuration of seed %" PRIu64 " is refused: %s\n%s", options->seed,
               message.text, text);
    }
    ASSERT(error == 0);
}

/* What clients do and meet: less of it than one server has, since all of it is done several times.
 */
static void adapt_base(struct options *base, struct random *random)
{
    base->client_count = (int)random_between(random, 1, 6);
    base->fault_phase_ns = random_between(random, 5000, 25000) * NS_PER_MS;
    base->request_limit = random_between(random, 150, 900);
    base->work_weights[WORK_QUOTA] = 0; /* counts are each server's own */
    base->work_weights[WORK_BIG_DATA] = 0;
    base->has_dirty_quota = false;
    base->data_max = MIN(base->data_max, 600);
    uint64_t share = base->request_limit / (uint64_t)base->client_count + 1;
    base->think_max_ns = base->fault_phase_ns / share;
    base->net.latency_max_ns = random_spread(random, 20 * NS_PER_US, 8 * NS_PER_MS);
    base->net.window_max = MAX(base->net.window_max, 32768);
    base->net.crumb_once_in = 0;
    base->runtime.read_bytes_max = MAX(base->runtime.read_bytes_max, 256);
}

void ensemble_options_draw(struct ensemble_options *options,
                           struct options *base,
                           uint64_t seed,
                           int member_count)
{
    static const struct {
        int members;
        int observers;
    } sizes[] = {{3, 0}, {3, 0}, {3, 0}, {4, 1}, {5, 0}, {5, 0}, {5, 2}, {7, 2}};
    struct random random;
    *options = (struct ensemble_options){.seed = seed};
    options_draw(base, seed);
    random_init(&random, seed ^ 0x656e73656d626c65);
    size_t size = random_below(&random, ARRAY_LEN(sizes));
    options->member_count = sizes[size].members;
    options->observer_count = sizes[size].observers;
    if (member_count > 0) {
        options->member_count = member_count;
        options->observer_count = 0;
    }
    options->has_names = random_once_in(&random, 3);
    options->check_every = random_spread(&random, 1, 32);
    draw_faults(options, &random);
    if (!options->has_names) {
        options->fault_gap_ns[ENSEMBLE_FAULT_NEW_ADDRESS] = 0;
    }
    adapt_base(base, &random);
    draw_config(options, &random);
    parse_config(options, base);
    base->timeout_min_ms = base->config.min_session_timeout_ms / 2 + 1;
    base->timeout_max_ms = base->config.min_session_timeout_ms * 4;
}
