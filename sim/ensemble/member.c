/* member.c - the machines of the members: incarnations of one process each. See ensemble.h.
 *
 * As sim/server.c does for one server: a dying incarnation has no effect any more, and is thrown
 * away in an event of its own, since the blow may fall in the middle of its code.
 */
#include <stdio.h>

#include "sim/ensemble/onlookers.h"
#include "sim/ensemble/reconfigurer.h"
#include "sim/log_sim.h"
#include "zookeeper/server/node.h"

#define DOWN_MAX_NS (600 * NS_PER_MS)
#define EXIT_NS (2 * NS_PER_MS)
#define CONFIG_PATH "/conf/zoo.cfg"

enum member_event {
    EVENT_BURY,
    EVENT_START,
    EVENT_EXIT
};

static void on_member_event(void *ctx, uint64_t argument);

static void post(struct member *member, enum member_event event, uint64_t delay_ns)
{
    struct schedule *schedule = &member->ensemble->base.schedule;
    schedule_at(schedule, schedule->now_ns + delay_ns, on_member_event, member,
                member->generation << 4 | (uint64_t)event);
}

static void on_stop_at(void *ctx)
{
    struct member *member = ctx;
    if (member->kills_at_op) {
        member_kill(member);
    } else {
        member_cut_power(member, member->keep);
    }
}

/* A file goes: what it held is looked up anew. */
static void on_remove(void *ctx, const char *path)
{
    struct member *member = ctx;
    (void)path;
    member->log.is_stale = true;
}

/* ---- the disk -------------------------------------------------------------------------------- */

/* An administrator's hand: whatever is wrong with the disk, it is written in the end. */
void member_write_file(struct disk *disk, const char *path, struct slice text)
{
    struct disk_inode *inode = disk_make(disk, path, false);
    struct disk_faults faults = disk->faults;
    disk->faults = (struct disk_faults){.capacity = UINT64_MAX};
    int error = disk_write(disk, inode, 0, text);
    disk->faults = faults;
    ASSERT(error == 0);
    disk_sync(inode);
}

/* What an administrator leaves there before the first start. */
static void furnish_disk(struct member *member)
{
    char id[16];
    struct disk *disk = &member->disk;
    int len = snprintf(id, sizeof id, "%d\n", member->id);
    disk_make(disk, "/conf", true);
    if (member->ensemble->options.has_reconfig) {
        reconfigurer_configure(member);
    } else {
        char text[CONFIG_BYTES_MAX];
        size_t text_len = ensemble_world_config(&member->ensemble->options, member->id, text);
        member_write_file(disk, CONFIG_PATH, slice_of(text, text_len));
    }
    disk_sync(disk_find(disk, "/conf"));
    disk_make(disk, "/data", true);
    member_write_file(disk, "/data/myid", slice_of(id, (size_t)len));
    disk_sync(disk_find(disk, "/data"));
    disk_sync(disk->root);
}

static void make_disk(struct member *member, uint64_t number)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct random seed;
    random_split(&ensemble->base.random, 0x6469736b00 + (uint64_t)member->id * 1000 + number,
                 &seed);
    disk_init(&member->disk, &ensemble->base.schedule, &seed);
    member->disk.faults = ensemble->base.options.disk;
    member->disk.on_stop_at = on_stop_at;
    member->disk.stop_ctx = member;
    member->disk.on_remove = on_remove;
    member->disk.ctx = member;
    furnish_disk(member);
}

void member_init(struct member *member, struct ensemble_world *ensemble, int id)
{
    const struct membership *first = &ensemble->options.first;
    *member = (struct member){
        .ensemble = ensemble,
        .id = id,
        .is_observer = !membership_is_voter(first, id),
        .is_out = !membership_has(first, id),
        .address = {.ip = {10, 0, 0, (uint8_t)id}},
        .accepted_epoch = -1,
        .current_epoch = -1,
    };
    member->config = ensemble->base.options.config; /* where its files are */
    make_disk(member, 0);
}

void member_wipe(struct member *member)
{
    struct disk_counts counts = member->disk.counts;
    ASSERT(member->state == MEMBER_DOWN);
    disk_release(&member->disk);
    make_disk(member, member->generation + 1);
    member->disk.counts = counts;
    member->was_wiped = true;
    member->is_damaged = false;
    member->accepted_epoch = -1;
    member->current_epoch = -1;
    ghost_disk_changed(member);
}

uint64_t member_failed_ops(const struct member *member)
{
    const struct disk_counts *counts = &member->disk.counts;
    uint64_t sum = counts->no_space;
    for (size_t i = 0; i < DISK_OP_KINDS; i++) {
        sum += counts->failed[i];
    }
    return sum;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void end_incarnation(struct member *member)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct runtime *runtime = member->runtime;
    sim_runtime_enter(runtime);
    if (member->node != NULL) {
        node_release(member->node);
    }
    if (member->has_config) {
        zk_config_release(&member->config);
        member->has_config = false;
    }
    sim_runtime_leave(runtime);
    sim_runtime_end(runtime);
    if (runtime->memory != 0) {
        ensemble_world_fail(ensemble, "R1: member %d has left %lld bytes allocated", member->id,
                            (long long)runtime->memory);
    }
    heap_free(member->node);
    member->node = NULL;
    heap_grow((void **)&member->graveyard, &member->graveyard_cap, member->graveyard_count,
              sizeof(struct runtime *));
    member->graveyard[member->graveyard_count++] = runtime;
    member->runtime = NULL;
    member->state = MEMBER_DOWN;
}

void member_release(struct member *member)
{
    if (member->runtime != NULL) {
        sim_runtime_die(member->runtime, false);
        end_incarnation(member);
    }
    for (size_t i = 0; i < member->graveyard_count; i++) {
        sim_runtime_free(member->graveyard[i]);
    }
    heap_free(member->graveyard);
    heap_free(member->log.places);
    disk_release(&member->disk);
}

/* Everything of this incarnation is without effect from here on. */
static void begin_dying(struct member *member, bool announces)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct member_log *log = &member->log;
    if (member->view.is_leader && log->count > 0 &&
        log->places[log->count - 1].zxid > ghost_zxid(ensemble)) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_LEADER_DIED_PROPOSING);
    }
    if (member->view.is_leader && member->view.seen_version > member->view.config_version) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_RECONFIG_OUTSTANDING);
    }
    ensemble->base.network.is_silent[net_host_of(&member->address)] = !announces;
    sim_runtime_die(member->runtime, announces);
    member->state = MEMBER_DYING;
    member->view = (struct member_view){0};
    member->disk.stop_at_op = UINT64_MAX;
    if (!member->is_starting) {
        post(member, EVENT_BURY, 0);
    }
}

void member_kill(struct member *member)
{
    if (member->runtime != NULL && member->state != MEMBER_DYING) {
        sim_trace("member %d killed", member->id);
        begin_dying(member, true);
        disk_process_ended(&member->disk);
        ghost_disk_changed(member);
    }
}

void member_cut_power(struct member *member, enum disk_keep keep)
{
    struct disk *disk = &member->disk;
    if (member->runtime == NULL || member->state == MEMBER_DYING) {
        return;
    }
    sim_trace("member %d: power cut, keeping kind %d", member->id, (int)keep);
    struct disk_counts before = disk->counts;
    begin_dying(member, false);
    disk_power_cut(disk, keep);
    ghost_disk_changed(member);
    if (disk->counts.lost_writes > before.lost_writes) {
        ensemble_world_mark(member->ensemble, ENSEMBLE_MARK_LOST_WRITES);
    }
    if (disk->counts.torn_writes > before.torn_writes) {
        ensemble_world_mark(member->ensemble, ENSEMBLE_MARK_TORN_TAIL);
    }
}

static void on_stopped(void *ctx)
{
    struct member *member = ctx;
    post(member, EVENT_BURY, 0);
}

void member_stop(struct member *member)
{
    if (member->state == MEMBER_UP && member->node->state == NODE_RUNNING) {
        sim_trace("member %d stops", member->id);
        member->state = MEMBER_STOPPING;
        sim_runtime_enter(member->runtime);
        node_stop(member->node, on_stopped, member);
        sim_runtime_leave(member->runtime);
    }
}

static void on_failed(void *ctx, const char *text)
{
    struct member *member = ctx;
    if (member->runtime->is_dead) {
        return; /* its last thoughts after the power went */
    }
    sim_trace("member %d failed: %s", member->id, text);
    if (member_failed_ops(member) == member->failed_ops_before) {
        ensemble_world_fail(member->ensemble, "member %d gave up on a good disk: %s", member->id,
                            text);
    }
    ensemble_world_mark(member->ensemble, ENSEMBLE_MARK_DISK_GAVE_UP);
    post(member, EVENT_EXIT, EXIT_NS);
}

/* ---- starting -------------------------------------------------------------------------------- */

static uint64_t downtime_ns(struct member *member)
{
    uint64_t ns = random_spread(&member->ensemble->nemesis, NS_PER_MS, DOWN_MAX_NS);
    uint64_t least_ns = member->ensemble->is_healed ? 0 : member->down_ns;
    member->down_ns = 0;
    return MAX(ns, least_ns);
}

static void start_refused(struct member *member, const char *why)
{
    sim_trace("member %d refuses to start: %s", member->id, why);
    bool is_excused = reconfigurer_excuses(member, why);
    if (member_failed_ops(member) == member->failed_ops_before && !member->is_damaged &&
        !is_excused) {
        ensemble_world_fail(member->ensemble, "member %d refuses to start on a good disk: %s",
                            member->id, why);
    }
    disk_process_ended(&member->disk);
    sim_runtime_die(member->runtime, true);
    heap_free(member->node); /* node_start has released it */
    member->node = NULL;
    end_incarnation(member);
    if (member->is_damaged) {
        /* What the message asks the administrator to do. */
        member->is_damaged = false;
        (void)disk_flip_bit(&member->disk, member->damaged_path, member->damaged_bit);
    }
    if (!is_excused) {
        post(member, EVENT_START, downtime_ns(member));
    }
}

static void ignore_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static int start_node(struct member *member, struct errmsg *message)
{
    int error = zk_config_load(&member->config, member->runtime, CONFIG_PATH, NULL, 0,
                               ignore_warning, NULL, message);
    if (error != 0) {
        return error;
    }
    member->has_config = true;
    member->node = heap_new(sizeof *member->node);
    node_init(member->node, member->runtime, &member->config);
    member->node->on_failed = on_failed;
    member->node->ctx = member;
    return node_start(member->node, message);
}

void member_start(struct member *member)
{
    struct ensemble_world *ensemble = member->ensemble;
    struct world *base = &ensemble->base;
    struct errmsg message = {.text = ""};
    struct random seed;
    if (member->state != MEMBER_DOWN) {
        return;
    }
    member->generation += 1;
    member->starts += 1;
    ensemble->campaign->starts += 1;
    base->network.is_silent[net_host_of(&member->address)] = false;
    ghost_epochs(member);
    random_split(&base->random, ((uint64_t)member->id << 32) + member->generation, &seed);
    member->runtime = sim_runtime_create(&base->schedule, &member->disk, &base->network, &seed,
                                         &base->options.runtime);
    clock_go(member);
    member->runtime->wall_offset_ms = &member->wall_offset_ms;
    member->runtime->clock = &member->clock;
    member->runtime->address = member->address;
    member->state = MEMBER_UP;
    member->failed_ops_before = member_failed_ops(member);
    member->checked_turn = UINT64_MAX;
    member->is_starting = true;
    sim_runtime_enter(member->runtime);
    int error = start_node(member, &message);
    sim_runtime_settle(member->runtime);
    sim_runtime_leave(member->runtime);
    member->is_starting = false;
    ghost_disk_changed(member);
    if (member->runtime->is_dead) {
        if (error != 0) {
            heap_free(member->node); /* node_start has released it */
            member->node = NULL;
        }
        post(member, EVENT_BURY, 0);
    } else if (error != 0) {
        start_refused(member, message.text);
    } else {
        sim_trace("member %d starts (%llu)", member->id, (unsigned long long)member->generation);
    }
}

static void on_member_event(void *ctx, uint64_t argument)
{
    struct member *member = ctx;
    if (argument >> 4 != member->generation) {
        return;
    }
    switch ((enum member_event)(argument & 15)) {
    case EVENT_BURY:
        if (member->runtime != NULL) {
            disk_process_ended(&member->disk);
            end_incarnation(member);
            ghost_epochs(member);
            post(member, EVENT_START, downtime_ns(member));
        }
        break;
    case EVENT_START:
        member_start(member);
        break;
    case EVENT_EXIT:
        member_kill(member);
        break;
    }
}
