/* nemesis.c - what goes wrong in a run, when, and its end. See kafka_world.h. */
#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

#define DISK_FULL_BYTES 20000u /* above the reserve */
#define LOOK_AFTER_NS (300 * NS_PER_MS)
#define LOOKS_AFTER 10u

/* ---- what a seed draws ------------------------------------------------------------------------
 */

void nemesis_draw(struct kafka_world *world)
{
    struct random *random = &world->random;
    for (int kind = 0; kind < KAFKA_FAULT_KINDS; kind++) {
        /* Some kinds are absent from a run, so that others are seen alone. */
        if (random_once_in(random, 2)) {
            world->fault_gap_ns[kind] = random_spread(random, 200 * NS_PER_MS, 20 * NS_PER_S);
        }
    }
    /* A directory that is out of service stays so until somebody comes. */
    world->fault_gap_ns[KAFKA_FAULT_REPAIR] = random_spread(random, NS_PER_S, 6 * NS_PER_S);
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

/* ---- machines and connections -----------------------------------------------------------------
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

static bool is_to_broker(const struct net_conn *conn)
{
    return conn->ends[1].address.port == BROKER_PORT && conn->ends[0].is_open &&
           conn->ends[1].is_open && !conn->is_reset;
}

/* Connections that are younger are not of the strike. */
static void on_answers_lost(void *ctx, uint64_t id_end)
{
    struct kafka_world *world = ctx;
    for (struct net_conn *conn = world->network.conns; conn != NULL; conn = conn->next) {
        if (conn->id < id_end && is_to_broker(conn)) {
            net_break(conn);
        }
    }
}

/* The broker hears and does everything, and nobody hears of it: then each connection is reset. */
static void lose_answers(struct kafka_world *world)
{
    uint64_t until_ns = world->schedule.now_ns +
                        random_spread(&world->nemesis, NS_PER_MS, 500 * NS_PER_MS);
    for (struct net_conn *conn = world->network.conns; conn != NULL; conn = conn->next) {
        if (is_to_broker(conn)) {
            net_stall(conn, 1, until_ns + NS_PER_S);
        }
    }
    schedule_at(&world->schedule, until_ns, on_answers_lost, world, world->network.next_id);
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

/* ---- disks that fail ---- */

static void clear_errors(struct disk_faults *faults)
{
    faults->volume = 0;
    faults->read_error_once_in = 0;
    faults->write_error_once_in = 0;
    faults->sync_error_once_in = 0;
}

static void on_errors_end(void *ctx, uint64_t strike)
{
    struct kafka_world *world = ctx;
    if (strike == world->error_strikes) {
        clear_errors(&world->broker.disk.faults);
    }
}

/* One log directory, or the whole disk, for a while; a dead one until it is repaired. */
static void fail_disk(struct kafka_world *world, enum kafka_fault kind)
{
    struct disk_faults *faults = &world->broker.disk.faults;
    struct random *random = &world->nemesis;
    clear_errors(faults);
    world->error_strikes += 1;
    bool is_all = random_once_in(random, 8);
    faults->volume = is_all ? 0 : 1 + (uint32_t)random_below(random, LOG_DIRS);
    sim_trace("errors of volume %u begin, kind %d", faults->volume, (int)kind);
    if (kind == KAFKA_FAULT_DISK_DEAD) {
        faults->read_error_once_in = 1;
        faults->write_error_once_in = 1;
        faults->sync_error_once_in = 1;
        return;
    }
    uint32_t once_in = (uint32_t)random_spread(random, 1, 32);
    if (kind == KAFKA_FAULT_WRITE_ERROR) {
        faults->write_error_once_in = once_in;
    } else if (kind == KAFKA_FAULT_SYNC_ERROR) {
        faults->sync_error_once_in = once_in;
    } else {
        faults->read_error_once_in = once_in;
    }
    schedule_at(&world->schedule,
                world->schedule.now_ns + random_spread(random, 10 * NS_PER_MS, 3 * NS_PER_S),
                on_errors_end, world, world->error_strikes);
}

/* A new disk or cable; whoever put it in has had to restart the machine. */
static void repair(struct kafka_world *world)
{
    struct machine *broker = &world->broker;
    clear_errors(&broker->disk.faults);
    if (machine_has_offline_dir(broker) || machine_has_lost_pages(broker)) {
        sim_trace("disks are repaired");
        machine_cut_power(broker, (enum disk_keep)random_below(&world->nemesis, KEEP_KINDS));
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
    case KAFKA_FAULT_ANSWERS_LOST:
        lose_answers(world);
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
    case KAFKA_FAULT_WRITE_ERROR:
    case KAFKA_FAULT_SYNC_ERROR:
    case KAFKA_FAULT_READ_ERROR:
    case KAFKA_FAULT_DISK_DEAD:
        fail_disk(world, kind);
        break;
    case KAFKA_FAULT_REPAIR:
        repair(world);
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

/* What failed before the end of the faults may be noticed after it. */
static void on_look_after(void *ctx, uint64_t left)
{
    struct kafka_world *world = ctx;
    repair(world);
    if (left > 0) {
        schedule_at(&world->schedule, world->schedule.now_ns + LOOK_AFTER_NS, on_look_after, world,
                    left - 1);
    }
}

void nemesis_heal(struct kafka_world *world)
{
    struct machine *machines[] = {&world->zookeeper, &world->broker};
    sim_trace("healed");
    world->is_healed = true;
    world->healed_ns = world->schedule.now_ns;
    for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
        machines[i]->disk.stop_at_op = UINT64_MAX;
        machines[i]->disk.faults.slow_once_in = 0;
        machines[i]->disk.faults.capacity = UINT64_MAX;
        clear_errors(&machines[i]->disk.faults);
        if (machines[i]->runtime != NULL) {
            sim_runtime_resume(machines[i]->runtime);
        }
    }
    on_look_after(world, LOOKS_AFTER);
    for (struct net_conn *conn = world->network.conns; conn != NULL; conn = conn->next) {
        net_set_cut(conn, 0, false);
        net_set_cut(conn, 1, false);
        net_stall(conn, 0, world->schedule.now_ns);
        net_stall(conn, 1, world->schedule.now_ns);
    }
}

void nemesis_start(struct kafka_world *world)
{
    for (uint64_t kind = 0; kind < KAFKA_FAULT_KINDS; kind++) {
        arm_nemesis(world, kind);
    }
}
