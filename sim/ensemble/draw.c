/* draw.c - what a seed draws for an ensemble: how many servers, their configuration, which faults
 * and how often. What clients do and how network, disks and machines behave is drawn as for one
 * server (sim/options.c), within what an ensemble's timeouts can bear.
 */
#include "sim/config_writer.h"
#include "sim/ensemble/onlookers.h"
#include "sim/ensemble/reconfigurer.h"
#include "sim/ensemble/scenarios.h"

#include <inttypes.h>
#include <stdio.h>

#define STREAM_OF_MORE UINT64_C(0x6d6f7265636f6e66)
#define STREAM_OF_TREES UINT64_C(0x6269677472656573)
#define BIG_TREES_ONCE_IN 12

/* Mean time between two of a kind, in the shortest and the longest run. */
static const struct {
    const char *text;
    uint64_t low_ms;
    uint64_t high_ms;
} faults[ENSEMBLE_FAULT_KINDS] = {
#define X(name, text, low, high) [ENSEMBLE_FAULT_##name] = {text, low, high},
    ENSEMBLE_FAULTS(X) RECONFIG_FAULTS(X)
#undef X
};

uint64_t ensemble_fault_low_ms(enum ensemble_fault fault)
{
    return faults[fault].low_ms;
}

uint64_t ensemble_fault_high_ms(enum ensemble_fault fault)
{
    return faults[fault].high_ms;
}

const char *ensemble_fault_name(enum ensemble_fault fault)
{
    return faults[fault].text;
}

/* A run has few kinds at a time: with all of them at once nothing else would ever happen. */
static void draw_faults(struct ensemble_options *options, struct random *random)
{
    bool is_calm = random_once_in(random, 12);
    uint64_t once_in = random_between(random, 3, 10);
    for (size_t kind = 0; kind < ENSEMBLE_FAULT_FIRST_RECONFIG; kind++) {
        uint64_t gap_ms = random_spread(random, faults[kind].low_ms, faults[kind].high_ms);
        bool is_left_out = !random_once_in(random, once_in) || is_calm;
        options->fault_gap_ns[kind] = is_left_out ? 0 : gap_ms * NS_PER_MS;
    }
}

static void draw_limits(struct ensemble_options *options,
                        struct config_writer *writer,
                        struct random *random)
{
    uint64_t tick_ms = random_spread(random, 200, 1000);
    uint64_t init_limit = random_between(random, 5, 12);
    uint64_t sync_limit = random_between(random, 2, 6);
    config_writer_add(writer,
                      "tickTime=%" PRIu64 "\ninitLimit=%" PRIu64 "\nsyncLimit=%" PRIu64 "\n",
                      tick_ms, init_limit, sync_limit);
    config_writer_add(writer, "cnxTimeout=%" PRIu64 "\n", random_spread(random, 500, 5000));
    options->init_ns = init_limit * tick_ms * NS_PER_MS;
    options->sync_ns = sync_limit * tick_ms * NS_PER_MS;
}

/* Of a stream of its own: what else a seed draws was there before. */
static void draw_more_config(const struct ensemble_options *options, struct config_writer *writer)
{
    struct random random;
    random_init(&random, options->seed ^ STREAM_OF_MORE);
    if (random_once_in(&random, 2)) {
        config_writer_add(writer, "extendedTypesEnabled=true\n");
    }
    if (random_once_in(&random, 4)) {
        config_writer_add(writer, "audit.enable=true\n");
    }
    if (random_once_in(&random, 4)) {
        config_writer_add(writer, "znode.container.maxNeverUsedIntervalMs=%" PRIu64 "\n",
                          random_spread(&random, 100, 4000));
    }
    if (random_once_in(&random, 2)) {
        config_writer_add(writer, "samsa.outstandingBytesMax=%" PRIu64 "\n",
                          random_spread(&random, 1, 1000000));
    }
}

/* Trees of which a leader sends a snapshot in several turns: data of some 10 KB. */
static void draw_big_trees(const struct ensemble_options *options, struct options *base)
{
    struct random random;
    random_init(&random, options->seed ^ STREAM_OF_TREES);
    bool is_big = random_once_in(&random, BIG_TREES_ONCE_IN) &&
                  scenario_of_seed(options->seed) == SCENARIO_NONE;
    uint64_t data_max = random_spread(&random, 100000, 300000);
    base->data_max = is_big ? data_max : base->data_max;
}

static void draw_config(struct ensemble_options *options, struct random *random)
{
    static const char *const methods[] = {"", "gz", "snappy"};
    struct config_writer writer = {.text = options->config_text,
                                   .size = sizeof options->config_text};
    config_writer_add(&writer, "dataDir=/data\nclientPort=%d\n4lw.commands.whitelist=*\n",
                      CLIENT_PORT);
    config_writer_add(&writer, "admin.enableServer=false\n");
    draw_limits(options, &writer, random);
    config_writer_add(&writer, "snapCount=%" PRIu64 "\n", random_spread(random, 8, 2000));
    config_writer_add(&writer, "preAllocSize=%" PRIu64 "\n",
                      random_once_in(random, 3) ? 0 : random_spread(random, 1, 64));
    config_writer_add(&writer, "snapshot.compression.method=%s\n",
                      methods[random_below(random, 3)]);
    /* Few: a learner that was away for a moment only is brought up from the disk. */
    config_writer_add(&writer, "commitLogCount=%" PRIu64 "\n",
                      random_once_in(random, 2) ? random_between(random, 1, 6)
                                                : random_spread(random, 1, 500));
    config_writer_add(&writer, "digest.enabled=%s\n", random_once_in(random, 6) ? "false" : "true");
    config_writer_add(&writer, "samsa.log.inPlaceSync=%s\n",
                      random_once_in(random, 2) ? "false" : "true");
    if (random_once_in(random, 4)) {
        config_writer_add(&writer, "dataLogDir=/logs\n");
    }
    if (random_once_in(random, 4)) {
        config_writer_add(&writer, "forceSnapshotSync=true\n");
    }
    if (random_once_in(random, 4)) {
        config_writer_add(&writer, "snapshotSizeFactor=%s\n",
                          random_once_in(random, 2) ? "-1" : "0.01");
    }
    if (random_once_in(random, 4)) {
        config_writer_add(&writer, "readonlymode.enabled=true\n");
    }
    if (random_once_in(random, 6)) {
        config_writer_add(&writer, "leaderServes=no\n");
    }
    if (random_once_in(random, 4)) {
        config_writer_add(&writer, "syncEnabled=false\n");
    }
    if (random_once_in(random, 6)) {
        config_writer_add(&writer, "closeSessionTxn.enabled=false\n");
    }
    if (random_once_in(random, 4)) {
        config_writer_add(&writer, "globalOutstandingLimit=%" PRIu64 "\n",
                          random_spread(random, 8, 64));
    }
    config_writer_add(&writer, "znode.container.checkIntervalMs=%" PRIu64 "\n",
                      random_spread(random, 200, 4000));
    sessions_draw(options, &writer);
    draw_more_config(options, &writer);
}

static void ignore_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void add_servers(const struct ensemble_options *options,
                        int id,
                        struct config_writer *writer)
{
    int first_observer = options->member_count - options->observer_count + 1;
    for (int i = 1; i <= options->member_count; i++) {
        char host[16];
        snprintf(host, sizeof host, options->has_names ? "zk%d" : "10.0.0.%d", i);
        config_writer_add(writer, "server.%d=%s:%d:%d%s\n", i, host, QUORUM_PORT, ELECTION_PORT,
                          i >= first_observer ? ":observer" : "");
    }
    if (id >= first_observer) {
        config_writer_add(writer, "peerType=observer\n");
    }
}

size_t ensemble_world_config(const struct ensemble_options *options,
                             int id,
                             char text[CONFIG_BYTES_MAX])
{
    struct config_writer writer = {.text = text, .size = CONFIG_BYTES_MAX};
    config_writer_add(&writer, "%s", options->config_text);
    if (options->has_reconfig || options->has_groups) {
        char servers[MEMBERSHIP_TEXT_MAX];
        (void)membership_text(&options->first, '\n', servers);
        config_writer_add(&writer, "%s", servers);
    } else if (options->member_count > 1) {
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
    draw_big_trees(options, base);
    draw_config(options, &random);
    membership_draw(options, base, member_count > 0 ? 0 : seed);
    membership_draw_lines(options, seed);
    clocks_draw(options);
    scenario_draw(options, base);
    parse_config(options, base);
    base->timeout_min_ms = base->config.min_session_timeout_ms / 2 + 1;
    base->timeout_max_ms = base->config.min_session_timeout_ms * 4;
}
