/* options.c - the swarm: each seed leaves out half of the features and faults, and draws how much
 * of the others there is. See options.h.
 */
#include "sim/options.h"

#include "sim/config_writer.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const work_names[WORK_KINDS] = {
    [WORK_CREATE] = "create",
    [WORK_CREATE_EPHEMERAL] = "create ephemeral",
    [WORK_CREATE_SEQUENTIAL] = "create sequential",
    [WORK_CREATE_CONTAINER] = "create container",
    [WORK_CREATE_TTL] = "create with time to live",
    [WORK_DELETE] = "delete",
    [WORK_SET_DATA] = "setData",
    [WORK_COMPARE_AND_SET] = "compare and set",
    [WORK_GET_DATA] = "getData",
    [WORK_EXISTS] = "exists",
    [WORK_GET_CHILDREN] = "getChildren",
    [WORK_ACL] = "getACL, setACL",
    [WORK_MULTI] = "multi",
    [WORK_MULTI_READ] = "multiRead",
    [WORK_SYNC] = "sync",
    [WORK_LISTS] = "getEphemerals, getAllChildrenNumber, whoAmI",
    [WORK_PERSISTENT_WATCH] = "addWatch",
    [WORK_WATCH_ADMIN] = "checkWatches, removeWatches",
    [WORK_QUOTA] = "quota nodes",
    [WORK_BIG_DATA] = "data near and above jute.maxbuffer",
    [WORK_BAD_REQUEST] = "bad requests",
    [WORK_AUTH] = "auth",
    [WORK_CLOSE_SESSION] = "closeSession",
};

static const char *const fault_names[FAULT_KINDS] = {
    [FAULT_KILL] = "process killed",
    [FAULT_KILL_AT_OP] = "process killed at a disk operation",
    [FAULT_POWER_CUT] = "power cut",
    [FAULT_POWER_CUT_AT_OP] = "power cut at a disk operation",
    [FAULT_RESTART] = "orderly stop and start",
    [FAULT_SYNC_ERROR] = "syncs fail",
    [FAULT_WRITE_ERROR] = "writes fail",
    [FAULT_READ_ERROR] = "reads fail at the start",
    [FAULT_NO_SPACE] = "disk full",
    [FAULT_SLOW_DISK] = "slow disk",
    [FAULT_BIT_FLIP] = "bit flipped in a snapshot",
    [FAULT_PAUSE] = "process paused",
    [FAULT_CLOCK_JUMP] = "wall clock jumps",
    [FAULT_RESET] = "connection reset",
    [FAULT_CUT] = "connection cut, one way or both",
    [FAULT_STALL] = "connection stalls",
    [FAULT_SLOW_READER] = "client does not read",
    [FAULT_HANG_UP] = "client hangs up or vanishes",
    [FAULT_STEAL_SESSION] = "session taken over",
    [FAULT_WRONG_PASSWORD] = "wrong password",
    [FAULT_STRANGER] = "stranger's bytes",
};

/* Mean time between two of a kind, where it happens at all, in the shortest and the longest run. */
static const struct {
    uint64_t low_ms;
    uint64_t high_ms;
} fault_gaps[FAULT_KINDS] = {
    [FAULT_KILL] = {800, 8000},          [FAULT_KILL_AT_OP] = {800, 8000},
    [FAULT_POWER_CUT] = {800, 8000},     [FAULT_POWER_CUT_AT_OP] = {500, 6000},
    [FAULT_RESTART] = {1500, 10000},     [FAULT_SYNC_ERROR] = {2000, 12000},
    [FAULT_WRITE_ERROR] = {2000, 12000}, [FAULT_READ_ERROR] = {2000, 12000},
    [FAULT_NO_SPACE] = {2000, 12000},    [FAULT_SLOW_DISK] = {1000, 8000},
    [FAULT_BIT_FLIP] = {1000, 8000},     [FAULT_PAUSE] = {1000, 10000},
    [FAULT_CLOCK_JUMP] = {1000, 10000},  [FAULT_RESET] = {200, 4000},
    [FAULT_CUT] = {500, 5000},           [FAULT_STALL] = {200, 4000},
    [FAULT_SLOW_READER] = {500, 5000},   [FAULT_HANG_UP] = {200, 4000},
    [FAULT_STEAL_SESSION] = {300, 4000}, [FAULT_WRONG_PASSWORD] = {500, 5000},
    [FAULT_STRANGER] = {100, 3000},
};

/* Usual shares of the work; the swarm multiplies them by 0, 1, 2, 4 or 8. */
static const uint32_t work_shares[WORK_KINDS] = {
    [WORK_CREATE] = 12,
    [WORK_CREATE_EPHEMERAL] = 6,
    [WORK_CREATE_SEQUENTIAL] = 5,
    [WORK_CREATE_CONTAINER] = 3,
    [WORK_CREATE_TTL] = 3,
    [WORK_DELETE] = 9,
    [WORK_SET_DATA] = 10,
    [WORK_COMPARE_AND_SET] = 8,
    [WORK_GET_DATA] = 10,
    [WORK_EXISTS] = 8,
    [WORK_GET_CHILDREN] = 8,
    [WORK_ACL] = 3,
    [WORK_MULTI] = 5,
    [WORK_MULTI_READ] = 3,
    [WORK_SYNC] = 4,
    [WORK_LISTS] = 3,
    [WORK_PERSISTENT_WATCH] = 2,
    [WORK_WATCH_ADMIN] = 2,
    [WORK_QUOTA] = 6,
    [WORK_BIG_DATA] = 1,
    [WORK_BAD_REQUEST] = 1,
    [WORK_AUTH] = 1,
    [WORK_CLOSE_SESSION] = 1,
};

const char *work_name(enum work_kind kind)
{
    return work_names[kind];
}

const char *fault_name(enum fault_kind kind)
{
    return fault_names[kind];
}

static bool is_basic(size_t kind)
{
    return kind == WORK_CREATE || kind == WORK_SET_DATA || kind == WORK_GET_DATA ||
           kind == WORK_DELETE;
}

static void draw_work(struct options *options, struct random *random)
{
    for (size_t kind = 0; kind < WORK_KINDS; kind++) {
        uint32_t factor = (uint32_t)random_spread(random, 1, 8);
        bool is_left_out = random_once_in(random, 2) && !is_basic(kind);
        options->work_weights[kind] = is_left_out ? 0 : work_shares[kind] * factor;
    }
    options->watch_percent = random_once_in(random, 4) ? 0 : random_between(random, 1, 60);
    options->path_count = random_between(random, 2, 12);
    options->data_max = random_spread(random, 1, 2000);
    options->pipeline_max = random_spread(random, 1, 64);
    /* So that the fault phase has about as many requests as are wanted. */
    uint64_t share = options->request_limit / (uint64_t)options->client_count + 1;
    options->think_max_ns = options->fault_phase_ns / share;
    options->has_dirty_quota = random_once_in(random, 4);
}

static void draw_faults(struct options *options, struct random *random)
{
    bool is_calm = random_once_in(random, 10);
    for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
        uint64_t gap_ms = random_spread(random, fault_gaps[kind].low_ms, fault_gaps[kind].high_ms);
        bool is_left_out = random_once_in(random, 2) || is_calm;
        options->fault_gap_ns[kind] = is_left_out ? 0 : gap_ms * NS_PER_MS;
    }
}

static void draw_machines(struct options *options, struct random *random)
{
    options->shuffles_ties = random_once_in(random, 2);
    options->net.latency_max_ns = random_spread(random, 20 * NS_PER_US, 20 * NS_PER_MS);
    options->net.window_max = random_spread(random, 8192, 1 << 20);
    options->net.split_once_in = (uint32_t)random_below(random, 4);
    options->net.crumb_once_in = random_once_in(random, 6) ? 40 : 0;
    options->runtime.wake_max_ns = random_spread(random, NS_PER_US, NS_PER_MS);
    options->runtime.job_max_ns = random_spread(random, NS_PER_US, NS_PER_MS);
    options->runtime.read_bytes_max = random_spread(random, 16, 65536);
    options->disk = (struct disk_faults){.capacity = UINT64_MAX};
    options->disk.op_ns = random_spread(random, NS_PER_US, 100 * NS_PER_US);
    options->disk.sync_ns = random_spread(random, 10 * NS_PER_US, 10 * NS_PER_MS);
}

static void draw_storage_config(struct config_writer *writer, struct random *random)
{
    static const char *const methods[] = {"", "gz", "snappy"};
    uint64_t snap_count = random_spread(random, 4, 2000);
    uint64_t pre_alloc_kib = random_below(random, 4) == 0 ? 0 : random_spread(random, 1, 256);
    config_writer_add(writer, "snapCount=%" PRIu64 "\n", snap_count);
    config_writer_add(writer, "preAllocSize=%" PRIu64 "\n", pre_alloc_kib);
    config_writer_add(writer, "snapshot.compression.method=%s\n", methods[random_below(random, 3)]);
    config_writer_add(writer, "digest.enabled=%s\n", random_once_in(random, 4) ? "false" : "true");
    config_writer_add(writer, "serializeLastProcessedZxid.enabled=%s\n",
                      random_once_in(random, 3) ? "false" : "true");
    if (random_once_in(random, 4)) {
        config_writer_add(writer, "txnLogSizeLimitInKb=%" PRIu64 "\n",
                          random_spread(random, 1, 64));
    }
    if (random_once_in(random, 4)) {
        config_writer_add(writer, "snapSizeLimitInKb=%" PRIu64 "\n", random_spread(random, 4, 256));
    }
    if (random_once_in(random, 3)) {
        config_writer_add(writer, "dataLogDir=/logs\n");
    }
    config_writer_add(writer, "samsa.log.inPlaceSync=%s\n",
                      random_once_in(random, 2) ? "false" : "true");
}

static void draw_service_config(struct config_writer *writer, struct random *random)
{
    uint64_t tick_ms = random_spread(random, 50, 1000);
    config_writer_add(writer, "tickTime=%" PRIu64 "\n", tick_ms);
    config_writer_add(writer, "jute.maxbuffer=%" PRIu64 "\n", random_spread(random, 20000, 200000));
    config_writer_add(writer, "extendedTypesEnabled=%s\n",
                      random_once_in(random, 4) ? "false" : "true");
    config_writer_add(writer, "enforceQuota=%s\n", random_once_in(random, 2) ? "false" : "true");
    config_writer_add(writer, "znode.container.checkIntervalMs=%" PRIu64 "\n",
                      random_spread(random, 50, 4000));
    if (random_once_in(random, 8)) {
        config_writer_add(writer, "skipACL=yes\n");
    }
    if (random_once_in(random, 6)) {
        config_writer_add(writer, "closeSessionTxn.enabled=false\n");
    }
    if (random_once_in(random, 6)) {
        config_writer_add(writer, "maxClientCnxns=2\n");
    }
    if (random_once_in(random, 4)) {
        config_writer_add(writer, "globalOutstandingLimit=%" PRIu64 "\n",
                          random_spread(random, 1, 64));
    }
    if (random_once_in(random, 4)) {
        config_writer_add(writer, "znode.container.maxNeverUsedIntervalMs=%" PRIu64 "\n",
                          random_spread(random, 100, 4000));
    }
    if (random_once_in(random, 4)) {
        config_writer_add(writer, "nio.sessionlessCnxnTimeout=%" PRIu64 "\n",
                          random_spread(random, 1000, 10000));
    }
    if (random_once_in(random, 6)) {
        config_writer_add(writer, "audit.enable=true\n");
    }
}

static void ignore_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void parse_config(struct options *options)
{
    struct errmsg message;
    zk_config_init(&options->config);
    int error = zk_config_parse(&options->config, slice_of_cstr(options->config_text), "zoo.cfg",
                                NULL, 0, ignore_warning, NULL, &message);
    if (error != 0) {
        printf("samsa_sim: the configuration of seed %" PRIu64 " is refused: %s\n%s", options->seed,
               message.text, options->config_text);
    }
    ASSERT(error == 0);
}

static void draw_config(struct options *options, struct random *random)
{
    struct config_writer writer = {.text = options->config_text,
                                   .size = sizeof options->config_text};
    config_writer_add(&writer, "dataDir=/data\nclientPort=2181\n4lw.commands.whitelist=*\n");
    config_writer_add(&writer, "admin.enableServer=false\n");
    draw_storage_config(&writer, random);
    draw_service_config(&writer, random);
    parse_config(options);
    struct zk_config *config = &options->config;
    if (random_once_in(random, 2)) {
        /* zoo.cfg counts in hours. */
        config->purge_interval_ms = (int64_t)random_spread(random, 100, 4000);
    }
    if (options->has_dirty_quota) {
        config->enforce_quota = false;
    }
    options->timeout_min_ms = config->min_session_timeout_ms / 2 + 1;
    options->timeout_max_ms = config->min_session_timeout_ms * 4;
}

void options_draw(struct options *options, uint64_t seed)
{
    struct random random;
    *options = (struct options){.seed = seed};
    random_init(&random, seed);
    options->client_count = (int)random_between(&random, 1, CLIENTS_MAX);
    options->fault_phase_ns = random_between(&random, 3000, 20000) * NS_PER_MS;
    options->request_limit = random_between(&random, 500, 4000);
    options->check_every = random_spread(&random, 1, 16);
    draw_work(options, &random);
    draw_faults(options, &random);
    draw_machines(options, &random);
    draw_config(options, &random);
}

void options_for_crashes(struct options *options, uint64_t seed)
{
    *options = (struct options){
        .seed = seed,
        .client_count = 1,
        .fault_phase_ns = 4 * NS_PER_S,
        .request_limit = 120,
        .watch_percent = 20,
        .path_count = 8,
        .data_max = 700,
        .think_max_ns = 5 * NS_PER_MS,
        .pipeline_max = 4,
        .check_every = 64,
        .net = {.latency_max_ns = NS_PER_MS, .window_max = 65536},
        .runtime = {.wake_max_ns = 50 * NS_PER_US,
                    .job_max_ns = 50 * NS_PER_US,
                    .read_bytes_max = 65536},
        .disk = {.capacity = UINT64_MAX, .op_ns = 10 * NS_PER_US, .sync_ns = 200 * NS_PER_US},
    };
    static const uint32_t weights[WORK_KINDS] = {
        [WORK_CREATE] = 6,          [WORK_CREATE_EPHEMERAL] = 3, [WORK_CREATE_SEQUENTIAL] = 3,
        [WORK_DELETE] = 3,          [WORK_SET_DATA] = 6,         [WORK_MULTI] = 2,
        [WORK_COMPARE_AND_SET] = 2, [WORK_GET_CHILDREN] = 1,     [WORK_ACL] = 1,
    };
    memcpy(options->work_weights, weights, sizeof weights);
    struct config_writer writer = {.text = options->config_text,
                                   .size = sizeof options->config_text};
    static const char *const methods[] = {"", "gz", "snappy"};
    config_writer_add(&writer, "dataDir=/data\nclientPort=2181\nadmin.enableServer=false\n");
    config_writer_add(&writer, "snapCount=16\npreAllocSize=4\ntickTime=200\n");
    config_writer_add(&writer, "snapshot.compression.method=%s\n",
                      methods[seed % ARRAY_LEN(methods)]);
    if (seed % 2 == 1) {
        config_writer_add(&writer, "dataLogDir=/logs\n");
    }
    parse_config(options);
    options->config.purge_interval_ms = 300;
    options->timeout_min_ms = 1000;
    options->timeout_max_ms = 1000;
}
