/* kafka_world.c - the phases of a run, and what is demanded in each. See kafka_world.h. */
#include "sim/kafka/kafka_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sim/log_sim.h"

#define PATIENCE_NS (60 * NS_PER_S)
#define PROGRESS_BATCHES 5u
#define PROGRESS_ROUNDS 3u
#define SETTLE_NS (15 * NS_PER_S)
#define STALE_NS ((SESSION_TIMEOUT_MS + REBALANCE_TIMEOUT_MS + 2000) * NS_PER_MS)
#define CALM_NS (2 * SESSION_TIMEOUT_MS * NS_PER_MS)
#define RETENTION_CHECK_NS (2 * NS_PER_S)

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
        "log.dirs=/data/kafka-1,/data/kafka-2",
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
        "group.min.session.timeout.ms=1000",
        "offsets.retention.minutes=10",
        "offsets.retention.check.interval.ms=5000",
    };
    const char *overrides[ARRAY_LEN(fixed) + 2];
    char segment[64];
    char delay[64];
    struct errmsg message;
    memcpy(overrides, fixed, sizeof fixed);
    snprintf(segment, sizeof segment, "log.segment.bytes=%" PRIu64,
             random_spread(&world->random, 1500, 200000));
    snprintf(delay, sizeof delay, "group.initial.rebalance.delay.ms=%" PRIu64,
             random_below(&world->random, 1000));
    overrides[ARRAY_LEN(fixed)] = segment;
    overrides[ARRAY_LEN(fixed) + 1] = delay;
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
    nemesis_draw(world);
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

static void demand_within(struct kafka_world *world,
                          bool (*until)(struct kafka_world *world),
                          uint64_t time_ns,
                          const char *what)
{
    if (world->verdict == VERDICT_OK &&
        !run_until(world, until, world->schedule.now_ns + time_ns) &&
        world->verdict == VERDICT_OK) {
        kafka_world_fail(
            world, VERDICT_STUCK, "after everything was healed, %.0f s passed and %s (%s %d)",
            (double)time_ns / 1e9, what, world->waiting_for == NULL ? "nobody" : world->waiting_for,
            world->waiting_idx);
    }
}

static void demand(struct kafka_world *world,
                   bool (*until)(struct kafka_world *world),
                   const char *what)
{
    demand_within(world, until, PATIENCE_NS, what);
}

static bool never(struct kafka_world *world)
{
    (void)world;
    return false;
}

static bool is_serving(struct kafka_world *world)
{
    return world->broker.is_ready && world->are_topics_made &&
           !machine_has_offline_dir(&world->broker);
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
        if (world->producers[i].window_count > 0) {
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

static bool crews_are_settled(struct kafka_world *world)
{
    for (int i = 0; i < CREWS; i++) {
        if (!crew_is_settled(&world->crews[i])) {
            world->waiting_for = "group";
            world->waiting_idx = i;
            return false;
        }
    }
    return true;
}

static bool survey_is_over(struct kafka_world *world)
{
    return world->surveyor.left == 0;
}

static bool offsets_are_expired(struct kafka_world *world)
{
    for (int i = 0; i < COMMITTERS; i++) {
        if (!world->committers[i].has_expired) {
            world->waiting_for = "committer";
            world->waiting_idx = i;
            return false;
        }
    }
    return true;
}

static void rewind_all(struct kafka_world *world)
{
    sim_runtime_enter(world->clients);
    for (int i = 0; i < CONSUMERS; i++) {
        consumer_rewind(&world->consumers[i]);
    }
    sim_runtime_leave(world->clients);
}

static void pass(struct kafka_world *world, uint64_t time_ns)
{
    (void)run_until(world, never, world->schedule.now_ns + time_ns);
}

/* Everything has been read from the beginning to the end. */
static void check_all_is_there(struct kafka_world *world)
{
    for (int i = 0; i < CONSUMERS; i++) {
        const struct consumer *consumer = &world->consumers[i];
        for (int k = 0; k < PARTITIONS; k++) {
            struct ghost_partition *partition = &world->ghost.partitions[k];
            partition->log_start = consumer->first[k];
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

/* G4: a group comes to rest, and stays so; one that falls silent is replaced. */
static void check_groups(struct kafka_world *world)
{
    /* Until then earlier selves of members may still be members. */
    pass(world, STALE_NS);
    demand(world, crews_are_settled, "a group had not come to rest");
    world->calm_ns = world->schedule.now_ns;
    pass(world, CALM_NS);
    world->calm_ns = 0;
    if (world->verdict != VERDICT_OK) {
        return;
    }
    for (int i = 0; i < CREWS; i++) {
        int silent = (int)random_below(&world->random, CREW_MEMBERS);
        sim_runtime_enter(world->clients);
        member_silence(&world->crews[i].members[silent], SETTLE_NS);
        sim_runtime_leave(world->clients);
    }
    demand_within(world, crews_are_settled, SETTLE_NS, "a silent member was not replaced");
    if (world->verdict == VERDICT_OK) {
        kafka_mark(world, KAFKA_MARK_MEMBER_REPLACED);
    }
    pass(world, SETTLE_NS);
    demand(world, crews_are_settled, "a member that came back found no place");
}

/* G3: with the retention of offsets over, those of groups without members go, and no others. */
static void age_offsets(struct kafka_world *world)
{
    for (int i = 0; i < COMMITTERS; i++) {
        world->committers[i].is_idle = true;
    }
    pass(world, RETENTION_CHECK_NS);
    world->is_offsets_age = true;
    world->broker.wall_offset_ms += (int64_t)(OFFSETS_RETENTION_MINUTES + 2) * 60000;
    demand(world, offsets_are_expired, "offsets had not expired");
    pass(world, RETENTION_CHECK_NS);
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

static void begin_healed_phase(struct kafka_world *world)
{
    nemesis_heal(world);
    world->are_members_calm = true;
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
    nemesis_start(world);
    pass(world, world->fault_phase_ns);
    begin_healed_phase(world);
    check_groups(world);
    read_everything(world);
    if (world->verdict == VERDICT_OK) {
        machine_stop(&world->broker);
    }
    demand(world, broker_is_down, "the broker had not stopped");
    demand(world, is_serving, "the broker had not come back");
    pass(world, RETENTION_CHECK_NS);
    read_everything(world);
    surveyor_finish(world);
    demand(world, survey_is_over, "not all offsets by time were told");
    demand(world, crews_are_settled, "a group had not come to rest again");
    age_offsets(world);
    count_run(world);
    return world->verdict;
}
