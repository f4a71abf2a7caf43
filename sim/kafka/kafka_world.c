/* kafka_world.c - the two phases of a run, what a seed draws, and the nemesis. See kafka_world.h.
 */
#include "sim/kafka/kafka_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sim/log_sim.h"

#define PATIENCE_NS (60 * NS_PER_S)
#define PROGRESS_BATCHES 5u
#define PROGRESS_ROUNDS 3u
#define RESERVE_BYTES 50000u
#define DISK_FULL_BYTES 20000u /* above the reserve */

static const char *const fault_names[KAFKA_FAULT_KINDS] = {
    [KAFKA_FAULT_KILL] = "broker killed",
    [KAFKA_FAULT_POWER_CUT] = "power of the broker cut",
    [KAFKA_FAULT_POWER_CUT_AT_OP] = "... at a disk operation",
    [KAFKA_FAULT_RESTART] = "broker stopped in order",
    [KAFKA_FAULT_ZOOKEEPER_KILL] = "ZooKeeper killed",
    [KAFKA_FAULT_ZOOKEEPER_POWER_CUT] = "power of ZooKeeper cut",
    [KAFKA_FAULT_PAUSE] = "broker paused",
    [KAFKA_FAULT_ZOOKEEPER_PAUSE] = "ZooKeeper paused",
    [KAFKA_FAULT_RESET] = "connection reset",
    [KAFKA_FAULT_STALL] = "connection stalled",
    [KAFKA_FAULT_CUT] = "connection cut",
    [KAFKA_FAULT_CLOCK_JUMP] = "clock of the broker jumped",
    [KAFKA_FAULT_SLOW_DISK] = "slow disk",
    [KAFKA_FAULT_FULL_DISK] = "full disk",
};

static const char *const mark_names[KAFKA_MARK_KINDS] = {
    [KAFKA_MARK_RECOVERED] = "a broker came back after a crash",
    [KAFKA_MARK_LOST_WRITES] = "a power cut lost writes that were not synced",
    [KAFKA_MARK_RESENT] = "an idempotent batch was sent a second time",
    [KAFKA_MARK_COMPACTED] = "compaction ran",
    [KAFKA_MARK_COMMITTED] = "commits were read back after everything was healed",
    [KAFKA_MARK_CLEAN_RESTART] = "a broker was stopped in order and came back",
    [KAFKA_MARK_SESSION_LOST] = "ZooKeeper went away under the broker",
    [KAFKA_MARK_REFUSED] = "an append was refused for want of space",
};

static void tell_partitions(struct kafka_world *world)
{
    struct broker *broker = world->broker.broker;
    for (struct list *link = broker == NULL ? NULL : broker->partitions.next;
         link != NULL && link != &broker->partitions; link = link->next) {
        const struct partition *partition = CONTAINER_OF(link, struct partition, link);
        if (partition->log != NULL) {
            sim_trace("%s: start %lld, flushed %lld, high watermark %lld, end %lld, %zu segments, "
                      "%llu bytes",
                      partition->stored->name,
                      (long long)partition_log_start_offset(partition->log),
                      (long long)partition_log_flushed_offset(partition->log),
                      (long long)partition->high_watermark,
                      (long long)partition_log_end_offset(partition->log),
                      partition_log_segment_count(partition->log),
                      (unsigned long long)partition_log_size(partition->log));
        }
    }
}

void kafka_world_fail(struct kafka_world *world, enum verdict verdict, const char *format, ...)
{
    if (world->verdict != VERDICT_OK) {
        return;
    }
    world->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->verdict_text, sizeof world->verdict_text, format, arguments);
    va_end(arguments);
    sim_trace("VERDICT: %s", world->verdict_text);
    if (sim_is_traced()) {
        tell_partitions(world);
    }
}

/* ---- what a seed draws -------------------------------------------------------------------------
 */

static void ignore_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void draw_configs(struct kafka_world *world)
{
    static const char *const fixed[] = {
        "broker.id=0",
        "listeners=PLAINTEXT://10.0.0.1:9092",
        "log.dirs=/data/kafka",
        "zookeeper.connect=10.0.0.1:2181",
        "zookeeper.session.timeout.ms=6000",
        "offsets.topic.num.partitions=2",
        "offsets.topic.replication.factor=1",
        "offsets.topic.segment.bytes=4000",
        "log.flush.offset.checkpoint.interval.ms=700",
        "replica.high.watermark.checkpoint.interval.ms=500",
        "log.flush.start.offset.checkpoint.interval.ms=900",
        "log.cleaner.backoff.ms=300",
        "log.retention.check.interval.ms=1000",
        "num.recovery.threads.per.data.dir=2",
        "auto.create.topics.enable=false",
    };
    const char *overrides[ARRAY_LEN(fixed) + 1];
    char segment[64];
    struct errmsg message;
    memcpy(overrides, fixed, sizeof fixed);
    snprintf(segment, sizeof segment, "log.segment.bytes=%" PRIu64,
             random_spread(&world->random, 1500, 200000));
    overrides[ARRAY_LEN(fixed)] = segment;
    if (broker_config_read(&world->broker_config, NULL, NULL, overrides, ARRAY_LEN(overrides),
                           &message) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "the configuration is refused: %s", message.text);
    }
    world->broker_config.log_dir_reserve_bytes = RESERVE_BYTES;
    zk_config_init(&world->zk_config);
    if (zk_config_parse(&world->zk_config,
                        SLICE_LIT("dataDir=/data/zookeeper\nclientPort=2181\ntickTime=1000\n"
                                  "preAllocSize=64\nadmin.enableServer=false\n"),
                        "zoo.cfg", NULL, 0, ignore_warning, NULL, &message) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "zoo.cfg is refused: %s", message.text);
    }
}

static void draw_faults(struct kafka_world *world)
{
    struct random *random = &world->random;
    for (int kind = 0; kind < KAFKA_FAULT_KINDS; kind++) {
        /* Some kinds are absent from a run, so that others are seen alone. */
        if (random_once_in(random, 2)) {
            world->fault_gap_ns[kind] = random_spread(random, 200 * NS_PER_MS, 20 * NS_PER_S);
        }
    }
    world->fault_phase_ns = random_spread(random, 3 * NS_PER_S, 20 * NS_PER_S);
    world->profile = (struct runtime_profile){
        .wake_max_ns = random_spread(random, 10 * NS_PER_US, 2 * NS_PER_MS),
        .job_max_ns = random_spread(random, 10 * NS_PER_US, 5 * NS_PER_MS),
        .read_bytes_max = random_spread(random, 100, 65536),
    };
    world->network.profile = (struct net_profile){
        .latency_max_ns = random_spread(random, 20 * NS_PER_US, 30 * NS_PER_MS),
        .window_max = random_spread(random, 4096, 1 << 20),
        .split_once_in = random_once_in(random, 2) ? 3 : 0,
        .crumb_once_in = random_once_in(random, 4) ? 50 : 0,
    };
    struct disk_faults disk = {
        .capacity = UINT64_MAX,
        .op_ns = random_spread(random, NS_PER_US, 200 * NS_PER_US),
        .sync_ns = random_spread(random, 10 * NS_PER_US, 20 * NS_PER_MS),
    };
    world->broker.disk.faults = disk;
    world->zookeeper.disk.faults = disk;
    world->client_disk.faults = disk;
}

void kafka_world_init(struct kafka_world *world, uint64_t seed, struct kafka_campaign *campaign)
{
    struct random root;
    struct random client_seed;
    *world = (struct kafka_world){.seed = seed, .campaign = campaign};
    random_init(&root, seed ^ 0x6b61666b61);
    random_split(&root, 1, &world->random);
    random_split(&root, 2, &world->nemesis);
    random_split(&root, 3, &client_seed);
    schedule_init(&world->schedule, &root, random_once_in(&world->random, 2));
    network_init(&world->network, &world->schedule, &root);
    machine_init(&world->zookeeper, world, false, &root);
    machine_init(&world->broker, world, true, &root);
    disk_init(&world->client_disk, &world->schedule, &client_seed);
    ghost_init(&world->ghost);
    draw_configs(world);
    draw_faults(world);
    world->clients = sim_runtime_create(&world->schedule, &world->client_disk, &world->network,
                                        &client_seed, &world->profile);
}

void kafka_world_release(struct kafka_world *world)
{
    sim_runtime_enter(world->clients);
    clients_release(world);
    sim_runtime_leave(world->clients);
    sim_runtime_end(world->clients);
    machine_release(&world->broker);
    machine_release(&world->zookeeper);
    sim_runtime_free(world->clients);
    ghost_release(&world->ghost);
    broker_config_release(&world->broker_config);
    disk_release(&world->client_disk);
    network_release(&world->network);
    schedule_release(&world->schedule);
}

/* ---- the nemesis ------------------------------------------------------------------------------
 */

static void on_resume(void *ctx, uint64_t generation)
{
    struct machine *machine = ctx;
    if (machine->generation == generation && machine->runtime != NULL) {
        sim_runtime_resume(machine->runtime);
    }
}

static void pause_machine(struct kafka_world *world, struct machine *machine)
{
    if (machine->runtime == NULL || machine->runtime->is_dead) {
        return;
    }
    uint64_t pause_ns = random_spread(&world->nemesis, NS_PER_MS, 12 * NS_PER_S);
    sim_trace("%s pauses for %.3f s", machine->name, (double)pause_ns / 1e9);
    sim_runtime_pause(machine->runtime);
    schedule_at(&world->schedule, world->schedule.now_ns + pause_ns, on_resume, machine,
                machine->generation);
}

static struct net_conn *some_connection(struct kafka_world *world)
{
    struct net_conn *chosen = NULL;
    uint64_t seen = 0;
    for (struct net_conn *conn = world->network.conns; conn != NULL; conn = conn->next) {
        if (conn->ends[0].is_open && conn->ends[1].is_open && !conn->is_reset) {
            seen += 1;
            chosen = random_once_in(&world->nemesis, seen) ? conn : chosen;
        }
    }
    return chosen;
}

static void hurt_connection(struct kafka_world *world, enum kafka_fault kind)
{
    struct net_conn *conn = some_connection(world);
    int pipe = (int)random_below(&world->nemesis, 2);
    if (conn == NULL) {
        return;
    }
    if (kind == KAFKA_FAULT_RESET) {
        net_break(conn);
    } else if (kind == KAFKA_FAULT_CUT) {
        net_set_cut(conn, pipe, true);
    } else {
        net_stall(conn, pipe,
                  world->schedule.now_ns +
                      random_spread(&world->nemesis, NS_PER_MS, 15 * NS_PER_S));
    }
}

static void cut_zookeeper(struct kafka_world *world, bool is_power)
{
    kafka_mark(world, KAFKA_MARK_SESSION_LOST);
    if (is_power) {
        machine_cut_power(&world->zookeeper,
                          (enum disk_keep)random_below(&world->nemesis, KEEP_KINDS));
    } else {
        machine_kill(&world->zookeeper);
    }
}

static void strike(struct kafka_world *world, enum kafka_fault kind)
{
    struct machine *broker = &world->broker;
    struct random *random = &world->nemesis;
    switch (kind) {
    case KAFKA_FAULT_KILL:
        machine_kill(broker);
        break;
    case KAFKA_FAULT_POWER_CUT:
        machine_cut_power(broker, (enum disk_keep)random_below(random, KEEP_KINDS));
        break;
    case KAFKA_FAULT_POWER_CUT_AT_OP:
        broker->keep = (enum disk_keep)random_below(random, KEEP_KINDS);
        broker->disk.stop_at_op = broker->disk.op_count + random_spread(random, 1, 400);
        break;
    case KAFKA_FAULT_RESTART:
        machine_stop(broker);
        break;
    case KAFKA_FAULT_ZOOKEEPER_KILL:
        cut_zookeeper(world, false);
        break;
    case KAFKA_FAULT_ZOOKEEPER_POWER_CUT:
        cut_zookeeper(world, true);
        break;
    case KAFKA_FAULT_PAUSE:
        pause_machine(world, broker);
        break;
    case KAFKA_FAULT_ZOOKEEPER_PAUSE:
        pause_machine(world, &world->zookeeper);
        break;
    case KAFKA_FAULT_RESET:
    case KAFKA_FAULT_STALL:
    case KAFKA_FAULT_CUT:
        hurt_connection(world, kind);
        break;
    case KAFKA_FAULT_CLOCK_JUMP:
        broker->wall_offset_ms += (int64_t)random_below(random, 20000) - 10000;
        break;
    case KAFKA_FAULT_SLOW_DISK:
        broker->disk.faults.slow_once_in = random_once_in(random, 2) ? 0 : 20;
        broker->disk.faults.slow_ns = 500 * NS_PER_MS;
        break;
    case KAFKA_FAULT_FULL_DISK:
        broker->disk.faults.capacity = random_once_in(random, 2)
                                           ? UINT64_MAX
                                           : disk_used(&broker->disk) + RESERVE_BYTES +
                                                 random_below(random, DISK_FULL_BYTES);
        break;
    case KAFKA_FAULT_KINDS:
        break;
    }
}

static void on_nemesis(void *ctx, uint64_t kind);

static void arm_nemesis(struct kafka_world *world, uint64_t kind)
{
    uint64_t gap_ns = world->fault_gap_ns[kind];
    if (gap_ns > 0 && !world->is_healed) {
        schedule_at(&world->schedule,
                    world->schedule.now_ns + 1 + random_below(&world->nemesis, 2 * gap_ns),
                    on_nemesis, world, kind);
    }
}

static void on_nemesis(void *ctx, uint64_t kind)
{
    struct kafka_world *world = ctx;
    if (!world->is_healed) {
        world->campaign->faults[kind] += 1;
        strike(world, (enum kafka_fault)kind);
        arm_nemesis(world, kind);
    }
}

static void heal(struct kafka_world *world)
{
    struct machine *machines[] = {&world->zookeeper, &world->broker};
    sim_trace("healed");
    world->is_healed = true;
    world->healed_ns = world->schedule.now_ns;
    for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
        machines[i]->disk.stop_at_op = UINT64_MAX;
        machines[i]->disk.faults.slow_once_in = 0;
        machines[i]->disk.faults.capacity = UINT64_MAX;
        if (machines[i]->runtime != NULL) {
            sim_runtime_resume(machines[i]->runtime);
        }
    }
    for (struct net_conn *conn = world->network.conns; conn != NULL; conn = conn->next) {
        net_set_cut(conn, 0, false);
        net_set_cut(conn, 1, false);
        net_stall(conn, 0, world->schedule.now_ns);
        net_stall(conn, 1, world->schedule.now_ns);
    }
}

/* ---- running ----------------------------------------------------------------------------------
 */

static bool run_until(struct kafka_world *world,
                      bool (*until)(struct kafka_world *world),
                      uint64_t deadline_ns)
{
    while (world->verdict == VERDICT_OK) {
        if (until(world)) {
            return true;
        }
        if (!schedule_step(&world->schedule, deadline_ns)) {
            return false;
        }
    }
    return false;
}

static void demand(struct kafka_world *world,
                   bool (*until)(struct kafka_world *world),
                   const char *what)
{
    if (world->verdict == VERDICT_OK &&
        !run_until(world, until, world->schedule.now_ns + PATIENCE_NS) &&
        world->verdict == VERDICT_OK) {
        kafka_world_fail(
            world, VERDICT_STUCK, "after everything was healed, %.0f s passed and %s (%s %d)",
            (double)PATIENCE_NS / 1e9, what,
            world->waiting_for == NULL ? "nobody" : world->waiting_for, world->waiting_idx);
    }
}

static bool never(struct kafka_world *world)
{
    (void)world;
    return false;
}

static bool is_serving(struct kafka_world *world)
{
    return world->broker.is_ready && world->are_topics_made;
}

static bool all_progressed(struct kafka_world *world)
{
    for (int i = 0; i < PRODUCERS; i++) {
        if (world->producers[i].batches < PROGRESS_BATCHES) {
            world->waiting_for = "producer";
            world->waiting_idx = i;
            return false;
        }
    }
    for (int i = 0; i < COMMITTERS; i++) {
        if (world->committers[i].rounds < PROGRESS_ROUNDS) {
            world->waiting_for = "committer";
            world->waiting_idx = i;
            return false;
        }
    }
    return true;
}

static bool producers_are_idle(struct kafka_world *world)
{
    for (int i = 0; i < PRODUCERS; i++) {
        if (world->producers[i].is_asking || world->producers[i].has_batch) {
            return false;
        }
    }
    return true;
}

static bool consumers_are_at_end(struct kafka_world *world)
{
    for (int i = 0; i < CONSUMERS; i++) {
        for (int k = 0; k < PARTITIONS; k++) {
            if (!world->consumers[i].is_at_end[k]) {
                return false;
            }
        }
    }
    return true;
}

static bool broker_is_down(struct kafka_world *world)
{
    return world->broker.state == MACHINE_DOWN;
}

static void rewind_all(struct kafka_world *world)
{
    for (int i = 0; i < CONSUMERS; i++) {
        consumer_rewind(&world->consumers[i]);
    }
}

/* Everything has been read from the beginning to the end. */
static void check_all_is_there(struct kafka_world *world)
{
    for (int i = 0; i < CONSUMERS; i++) {
        const struct consumer *consumer = &world->consumers[i];
        for (int k = 0; k < PARTITIONS; k++) {
            const struct ghost_partition *partition = &world->ghost.partitions[k];
            if (k != COMPACTED && consumer->next[k] < partition->acked_end) {
                kafka_world_fail(world, VERDICT_WRONG,
                                 "K-INV1: partition %d ends at %" PRId64 ", %" PRId64
                                 " was acknowledged",
                                 k, consumer->next[k], partition->acked_end);
            }
        }
        for (int key = 0; key < KEYS; key++) {
            int64_t acked = world->ghost.partitions[COMPACTED].last_acked_of[key];
            if (consumer->last_of[key] < acked) {
                kafka_world_fail(world, VERDICT_WRONG,
                                 "K-INV15: of key %d offset %" PRId64 " was acknowledged, and the "
                                 "last that is there is %" PRId64,
                                 key, acked, consumer->last_of[key]);
            }
        }
    }
}

static void read_everything(struct kafka_world *world)
{
    if (world->verdict == VERDICT_OK) {
        rewind_all(world);
        demand(world, consumers_are_at_end, "a consumer had not read everything");
    }
    if (world->verdict == VERDICT_OK) {
        check_all_is_there(world);
    }
}

static void count_run(struct kafka_world *world)
{
    struct kafka_campaign *campaign = world->campaign;
    campaign->runs += 1;
    campaign->acks += world->ghost.acks;
    campaign->reads += world->ghost.reads;
    campaign->commits += world->ghost.commits;
    campaign->events += world->schedule.fired;
    campaign->virtual_ns += world->schedule.now_ns;
    campaign->marks[KAFKA_MARK_COMMITTED] += world->ghost.commit_reads > 0;
}

enum verdict kafka_world_run(struct kafka_world *world)
{
    machine_start(&world->zookeeper);
    machine_start(&world->broker);
    sim_runtime_enter(world->clients);
    clients_start(world);
    sim_runtime_leave(world->clients);
    /* The first start is a good one: what is made then is what the run is about. */
    demand(world, is_serving, "the broker and its topics had not come up");
    for (uint64_t kind = 0; kind < KAFKA_FAULT_KINDS; kind++) {
        arm_nemesis(world, kind);
    }
    (void)run_until(world, never, world->schedule.now_ns + world->fault_phase_ns);
    heal(world);
    for (int i = 0; i < PRODUCERS; i++) {
        world->producers[i].batches = 0;
    }
    for (int i = 0; i < COMMITTERS; i++) {
        world->committers[i].rounds = 0;
    }
    demand(world, is_serving, "the broker did not serve");
    demand(world, all_progressed, "a producer or committer was still without answers");
    world->producers_stop = true;
    demand(world, producers_are_idle, "a batch was still without an answer");
    read_everything(world);
    if (world->verdict == VERDICT_OK) {
        machine_stop(&world->broker);
    }
    demand(world, broker_is_down, "the broker had not stopped");
    demand(world, is_serving, "the broker had not come back");
    read_everything(world);
    count_run(world);
    return world->verdict;
}

/* ---- the tables -------------------------------------------------------------------------------
 */

size_t kafka_campaign_print(const struct kafka_campaign *campaign)
{
    size_t missing = 0;
    printf("%" PRIu64 " runs, %.0f virtual s, %" PRIu64 " events, %" PRIu64 " starts\n",
           campaign->runs, (double)campaign->virtual_ns / 1e9, campaign->events, campaign->starts);
    printf("%" PRIu64 " records acknowledged, %" PRIu64 " read, %" PRIu64 " commits, %" PRIu64
           " passes of compaction\n\n",
           campaign->acks, campaign->reads, campaign->commits, campaign->cleaner_runs);
    for (int kind = 0; kind < KAFKA_FAULT_KINDS; kind++) {
        printf("%10" PRIu64 "  %s\n", campaign->faults[kind], fault_names[kind]);
    }
    printf("\n");
    for (int mark = 0; mark < KAFKA_MARK_KINDS; mark++) {
        printf("%10" PRIu64 "  %s\n", campaign->marks[mark], mark_names[mark]);
        missing += campaign->marks[mark] == 0;
    }
    return missing;
}
