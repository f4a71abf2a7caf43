/* machine.c - the machines of ZooKeeper and of the broker: incarnations of one process each. See
 * kafka_world.h.
 *
 * As sim/server.c does for ZooKeeper alone: a dying incarnation has no effect any more, and is
 * thrown away in an event of its own, since the blow may fall in the middle of its code.
 */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"
#include "zookeeper/server/node.h"

#define DOWN_MAX_NS (400 * NS_PER_MS)
#define EXIT_NS (2 * NS_PER_MS)

enum machine_event {
    EVENT_BURY,
    EVENT_START,
    EVENT_EXIT
};

static void on_machine_event(void *ctx, uint64_t argument);

static void post(struct machine *machine, enum machine_event event, uint64_t delay_ns)
{
    struct schedule *schedule = &machine->world->schedule;
    schedule_at(schedule, schedule->now_ns + delay_ns, on_machine_event, machine,
                machine->generation << 4 | (uint64_t)event);
}

static void on_stop_at(void *ctx)
{
    struct machine *machine = ctx;
    machine_cut_power(machine, machine->keep);
}

/* Both log directories stand, each on a volume of its own. */
static void make_volumes(struct disk *disk)
{
    (void)disk_make(disk, "/data", true);
    for (int i = 1; i <= LOG_DIRS; i++) {
        char path[32];
        snprintf(path, sizeof path, LOG_DIR_PATTERN, i);
        (void)disk_make(disk, path, true);
        disk_set_volume(disk, path, (uint32_t)i);
        disk_sync(disk_find(disk, "/data"));
    }
    disk_sync(disk_find(disk, "/"));
}

void machine_init(struct machine *machine,
                  struct kafka_world *world,
                  bool is_broker,
                  const struct random *seed)
{
    struct random disk_seed;
    *machine = (struct machine){
        .world = world, .is_broker = is_broker, .name = is_broker ? "broker" : "zookeeper"};
    random_split(seed, is_broker ? 0x62726f6b : 0x7a6f6f, &disk_seed);
    disk_init(&machine->disk, &world->schedule, &disk_seed);
    if (is_broker) {
        make_volumes(&machine->disk);
    }
    machine->disk.on_stop_at = on_stop_at;
    machine->disk.stop_ctx = machine;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static uint64_t disk_failures(const struct disk *disk)
{
    uint64_t failures = 0;
    for (int kind = 0; kind < DISK_OP_KINDS; kind++) {
        failures += disk->counts.failed[kind];
    }
    return failures;
}

bool machine_met_disk_errors(const struct machine *machine)
{
    return disk_failures(&machine->disk) > machine->disk_failures_at_start;
}

bool machine_has_offline_dir(const struct machine *machine)
{
    return machine->broker != NULL && machine->broker->logs != NULL &&
           log_store_offline_count(machine->broker->logs) > 0;
}

bool machine_has_lost_pages(const struct machine *machine)
{
    return machine->disk.counts.dropped_by_sync_error > machine->drops_seen;
}

static void note_statistics(struct machine *machine)
{
    struct kafka_world *world = machine->world;
    const struct broker *broker = machine->broker;
    if (broker == NULL || broker->logs == NULL) {
        return;
    }
    const struct log_store_stats *stats = log_store_stats(broker->logs);
    world->campaign->cleaner_runs += stats->cleaner_runs;
    world->campaign->marks[KAFKA_MARK_COMPACTED] += stats->cleaner_runs > 0;
    if (stats->cleaner_uncleanable > 0 && !machine_met_disk_errors(machine)) {
        kafka_world_fail(world, VERDICT_WRONG, "a log could not be compacted");
    }
    for (size_t i = 0; i < log_store_dir_count(broker->logs); i++) {
        if (log_store_dir(broker->logs, i)->refused_appends > 0) {
            kafka_mark(world, KAFKA_MARK_REFUSED);
        }
    }
    if (log_store_offline_count(broker->logs) > machine->offline_at_start) {
        kafka_mark(world, KAFKA_MARK_DIR_FAILED);
    }
}

static void end_incarnation(struct machine *machine)
{
    struct kafka_world *world = machine->world;
    struct runtime *runtime = machine->runtime;
    sim_runtime_enter(runtime);
    if (machine->node != NULL) {
        node_release(machine->node);
    }
    if (machine->broker != NULL) {
        note_statistics(machine);
        broker_detach(machine->broker);
        sim_runtime_die(runtime, true);
        sim_runtime_tell_closed(runtime);
        broker_release(machine->broker);
    }
    sim_runtime_leave(runtime);
    sim_runtime_end(runtime);
    if (runtime->memory != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "R1: %s has left %lld bytes allocated",
                         machine->name, (long long)runtime->memory);
    }
    heap_free(machine->node);
    heap_free(machine->broker);
    machine->node = NULL;
    machine->broker = NULL;
    heap_grow((void **)&machine->graveyard, &machine->graveyard_cap, machine->graveyard_count,
              sizeof(struct runtime *));
    machine->graveyard[machine->graveyard_count++] = runtime;
    machine->runtime = NULL;
    machine->state = MACHINE_DOWN;
    machine->is_ready = false;
}

void machine_release(struct machine *machine)
{
    if (machine->runtime != NULL) {
        sim_runtime_die(machine->runtime, false);
        end_incarnation(machine);
    }
    for (size_t i = 0; i < machine->graveyard_count; i++) {
        sim_runtime_free(machine->graveyard[i]);
    }
    heap_free(machine->graveyard);
    disk_release(&machine->disk);
}

static void begin_dying(struct machine *machine, bool announces)
{
    sim_runtime_die(machine->runtime, announces);
    machine->state = MACHINE_DYING;
    machine->is_ready = false;
    machine->disk.stop_at_op = UINT64_MAX;
    if (!machine->is_starting) {
        post(machine, EVENT_BURY, 0);
    }
}

void machine_kill(struct machine *machine)
{
    if (machine->runtime != NULL && machine->state != MACHINE_DYING) {
        sim_trace("%s killed", machine->name);
        begin_dying(machine, true);
        disk_process_ended(&machine->disk);
    }
}

/* The memory of the machine is gone, and with it what a failed sync has left there. */
static void lose_pages(struct machine *machine, enum disk_keep keep)
{
    if (machine_has_lost_pages(machine)) {
        kafka_mark(machine->world, KAFKA_MARK_SYNC_DROPPED);
    }
    machine->drops_seen = machine->disk.counts.dropped_by_sync_error;
    disk_power_cut(&machine->disk, keep);
}

void machine_cut_power(struct machine *machine, enum disk_keep keep)
{
    if (machine->runtime == NULL || machine->state == MACHINE_DYING) {
        return;
    }
    sim_trace("%s: power cut, keeping kind %d", machine->name, (int)keep);
    uint64_t lost = machine->disk.counts.lost_writes;
    begin_dying(machine, false);
    lose_pages(machine, keep);
    if (machine->is_broker && machine->disk.counts.lost_writes > lost) {
        kafka_mark(machine->world, KAFKA_MARK_LOST_WRITES);
    }
}

static void on_stopped(void *ctx)
{
    struct machine *machine = ctx;
    post(machine, EVENT_BURY, 0);
}

void machine_stop(struct machine *machine)
{
    if (machine->state != MACHINE_UP || !machine->is_ready) {
        return;
    }
    sim_trace("%s stops", machine->name);
    machine->state = MACHINE_STOPPING;
    machine->is_ready = false;
    sim_runtime_enter(machine->runtime);
    if (machine->is_broker) {
        broker_stop(machine->broker);
    } else {
        node_stop(machine->node, on_stopped, machine);
    }
    sim_runtime_leave(machine->runtime);
}

static void on_failed(void *ctx, const char *text)
{
    struct machine *machine = ctx;
    if (machine->runtime->is_dead) {
        return; /* its last thoughts after the power went */
    }
    sim_trace("%s failed: %s", machine->name, text);
    /* As Apache's broker, it waits neither for ZooKeeper for ever, nor for the end of the session
     * that its last incarnation has left. */
    const struct kafka_world *world = machine->world;
    bool was_bad = !world->is_healed || world->schedule.now_ns < world->healed_ns + 15 * NS_PER_S;
    bool is_excused = (was_bad && strncmp(text, "Timed out waiting for connection", 32) == 0) ||
                      strncmp(text, "Error while creating ephemeral", 30) == 0;
    if (machine->is_broker && machine_met_disk_errors(machine)) {
        kafka_mark(machine->world, KAFKA_MARK_ALL_DIRS_FAILED);
        is_excused = true;
    }
    if (!is_excused) {
        kafka_world_fail(machine->world, VERDICT_WRONG, "%s gave up on a good machine: %s",
                         machine->name, text);
    }
    post(machine, EVENT_EXIT, EXIT_NS);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void on_started(void *ctx)
{
    struct machine *machine = ctx;
    struct kafka_world *world = machine->world;
    sim_trace("broker serves");
    machine->is_ready = true;
    machine->offline_at_start = log_store_offline_count(machine->broker->logs);
    if (machine->offline_at_start > 0) {
        kafka_mark(world, KAFKA_MARK_DIR_FAILED_AT_START);
    } else if (machine->generation > 1) {
        kafka_mark(world, log_store_dir(machine->broker->logs, 0)->was_clean
                              ? KAFKA_MARK_CLEAN_RESTART
                              : KAFKA_MARK_RECOVERED);
    }
}

static int start_broker(struct machine *machine, struct errmsg *message)
{
    machine->broker = heap_new(sizeof *machine->broker);
    broker_init(machine->broker, machine->runtime, &machine->world->broker_config);
    machine->broker->on_started = on_started;
    machine->broker->on_stopped = on_stopped;
    machine->broker->on_failed = on_failed;
    machine->broker->ctx = machine;
    return broker_start(machine->broker, message);
}

static int start_zookeeper(struct machine *machine, struct errmsg *message)
{
    machine->node = heap_new(sizeof *machine->node);
    node_init(machine->node, machine->runtime, &machine->world->zk_config);
    machine->node->on_failed = on_failed;
    machine->node->ctx = machine;
    int error = node_start(machine->node, message);
    if (error != 0) {
        heap_free(machine->node); /* node_start has released it */
        machine->node = NULL;
    } else {
        machine->is_ready = true;
    }
    return error;
}

void machine_start(struct machine *machine)
{
    struct kafka_world *world = machine->world;
    struct errmsg message = {.text = ""};
    struct random seed;
    if (machine->state != MACHINE_DOWN) {
        return;
    }
    machine->generation += 1;
    world->campaign->starts += 1;
    random_split(&world->random,
                 (machine->is_broker ? 0x62000000 : 0x7a000000) + machine->generation, &seed);
    machine->runtime = sim_runtime_create(&world->schedule, &machine->disk, &world->network, &seed,
                                          &world->profile);
    machine->runtime->wall_offset_ms = &machine->wall_offset_ms;
    machine->state = MACHINE_UP;
    machine->is_starting = true;
    machine->offline_at_start = 0;
    machine->disk_failures_at_start = disk_failures(&machine->disk);
    sim_runtime_enter(machine->runtime);
    int error = machine->is_broker ? start_broker(machine, &message)
                                   : start_zookeeper(machine, &message);
    sim_runtime_settle(machine->runtime);
    sim_runtime_leave(machine->runtime);
    machine->is_starting = false;
    if (machine->runtime->is_dead) {
        post(machine, EVENT_BURY, 0);
    } else if (error != 0 && machine_met_disk_errors(machine)) {
        sim_trace("%s does not start: %s", machine->name, message.text);
        machine_kill(machine);
    } else if (error != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "%s refuses to start on a good machine: %s",
                         machine->name, message.text);
        machine_kill(machine);
    } else {
        sim_trace("%s starts (%llu)", machine->name, (unsigned long long)machine->generation);
    }
}

static void on_machine_event(void *ctx, uint64_t argument)
{
    struct machine *machine = ctx;
    if (argument >> 4 != machine->generation) {
        return;
    }
    switch ((enum machine_event)(argument & 15)) {
    case EVENT_BURY:
        if (machine->runtime != NULL) {
            disk_process_ended(&machine->disk);
            end_incarnation(machine);
            if (machine_has_lost_pages(machine)) {
                sim_trace("%s: the machine is restarted after a failed sync", machine->name);
                lose_pages(machine, KEEP_ALL);
            }
            post(machine, EVENT_START,
                 random_spread(&machine->world->nemesis, NS_PER_MS, DOWN_MAX_NS));
        }
        break;
    case EVENT_START:
        machine_start(machine);
        break;
    case EVENT_EXIT:
        machine_kill(machine);
        break;
    }
}
