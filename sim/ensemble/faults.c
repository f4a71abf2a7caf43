/* faults.c - who makes things go wrong in an ensemble. Each kind has its own clock, as in
 * sim/nemesis.c; a fault that lasts ends by an event of its own, and all end when the world is
 * healed.
 *
 * Some know who leads, and strike there: a blind nemesis rarely finds the moment between a proposal
 * and its commit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/ensemble/faults.h"
#include "sim/ensemble/onlookers.h"
#include "sim/ensemble/reconfigurer.h"
#include "sim/log_sim.h"

#define DRIFT_STEP_NS (100 * NS_PER_MS)
#define DRIFT_PPM_MAX 200000

static void on_strike(void *ctx, uint64_t kind);

struct random *faults_dice(struct ensemble_world *ensemble)
{
    return &ensemble->nemesis;
}

uint64_t faults_draw_ns(struct ensemble_world *ensemble, uint64_t low_ms, uint64_t high_ms)
{
    return random_spread(faults_dice(ensemble), low_ms, high_ms) * NS_PER_MS;
}

static void post_next(struct ensemble_world *ensemble, uint64_t kind)
{
    uint64_t gap_ns = ensemble->options.fault_gap_ns[kind];
    schedule_at(&ensemble->base.schedule,
                ensemble->base.schedule.now_ns +
                    random_between(faults_dice(ensemble), gap_ns / 4, gap_ns * 7 / 4),
                on_strike, ensemble, kind);
}

void faults_post_end(struct ensemble_world *ensemble,
                     uint64_t low_ms,
                     uint64_t high_ms,
                     schedule_function *end,
                     void *ctx,
                     uint64_t argument)
{
    schedule_at(&ensemble->base.schedule,
                ensemble->base.schedule.now_ns + faults_draw_ns(ensemble, low_ms, high_ms), end,
                ctx, argument);
}

struct member *faults_any_member(struct ensemble_world *ensemble)
{
    uint64_t count = (uint64_t)ensemble->options.member_count;
    return &ensemble->members[random_below(faults_dice(ensemble), count)];
}

/* One for whom it holds; NULL when there is none. */
static struct member *some_member(struct ensemble_world *ensemble,
                                  bool (*holds)(const struct member *member))
{
    struct member *chosen = NULL;
    uint64_t seen = 0;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        if (holds(member)) {
            seen += 1;
            chosen = random_once_in(faults_dice(ensemble), seen) ? member : chosen;
        }
    }
    return chosen;
}

static bool is_up(const struct member *member)
{
    return member->state == MEMBER_UP;
}

static bool is_looking(const struct member *member)
{
    return is_up(member) && member->view.is_looking;
}

static bool is_being_synced(const struct member *member)
{
    return is_up(member) && member->view.is_learner && !member->view.is_serving;
}

static bool is_beginning_to_lead(const struct member *member)
{
    return is_up(member) && member->view.is_leader && !member->view.is_serving;
}

static bool is_down(const struct member *member)
{
    return member->state == MEMBER_DOWN;
}

/* ---- processes and machines ------------------------------------------------------------------ */

static bool kill_one(struct member *member)
{
    if (member == NULL || member->state != MEMBER_UP) {
        return false;
    }
    member_kill(member);
    return true;
}

static bool cut_one(struct member *member, enum disk_keep keep)
{
    if (member == NULL || member->state != MEMBER_UP) {
        return false;
    }
    member_cut_power(member, keep);
    return true;
}

static enum disk_keep any_keep(struct ensemble_world *ensemble)
{
    return (enum disk_keep)random_below(faults_dice(ensemble), KEEP_KINDS);
}

static bool kill_many(struct ensemble_world *ensemble, int count)
{
    bool strikes = false;
    int first = (int)random_below(faults_dice(ensemble), (uint64_t)ensemble->options.member_count);
    for (int i = 0; i < count; i++) {
        int at = (first + i) % ensemble->options.member_count;
        strikes = kill_one(&ensemble->members[at]) || strikes;
    }
    return strikes;
}

static bool cut_all(struct ensemble_world *ensemble)
{
    bool strikes = false;
    enum disk_keep keep = any_keep(ensemble);
    bool all_the_same = random_once_in(faults_dice(ensemble), 2);
    for (int i = 0; i < ensemble->options.member_count; i++) {
        keep = all_the_same ? keep : any_keep(ensemble);
        strikes = cut_one(&ensemble->members[i], keep) || strikes;
    }
    return strikes;
}

static bool stop_at_op(struct ensemble_world *ensemble, bool kills)
{
    struct member *member = some_member(ensemble, is_up);
    if (member == NULL) {
        return false;
    }
    member->kills_at_op = kills;
    member->keep = any_keep(ensemble);
    member->disk.stop_at_op = member->disk.op_count + random_spread(faults_dice(ensemble), 1, 200);
    return true;
}

static bool stay_down(struct ensemble_world *ensemble)
{
    struct member *member = some_member(ensemble, is_up);
    if (member != NULL) {
        member->down_ns = faults_draw_ns(ensemble, 2000, 15000);
    }
    return kill_one(member);
}

static bool stop_one(struct member *member)
{
    if (member == NULL || member->state != MEMBER_UP || !member->view.is_up) {
        return false;
    }
    member_stop(member);
    return true;
}

static void on_rolling(void *ctx, uint64_t at)
{
    struct ensemble_world *ensemble = ctx;
    if (ensemble->is_healed || at >= (uint64_t)ensemble->options.member_count) {
        ensemble->rolling = -1;
        return;
    }
    (void)stop_one(&ensemble->members[at]);
    schedule_at(&ensemble->base.schedule,
                ensemble->base.schedule.now_ns + faults_draw_ns(ensemble, 500, 4000), on_rolling,
                ensemble, at + 1);
}

static bool roll(struct ensemble_world *ensemble)
{
    if (ensemble->rolling >= 0) {
        return false;
    }
    ensemble->rolling = 0;
    on_rolling(ensemble, 0);
    return true;
}

static void on_resume(void *ctx, uint64_t generation)
{
    struct member *member = ctx;
    if (member->generation == generation && member->runtime != NULL) {
        clock_go(member);
        sim_runtime_resume(member->runtime);
    }
}

static bool pause_one(struct ensemble_world *ensemble, struct member *member)
{
    if (member == NULL || member->runtime == NULL || member->runtime->is_dead) {
        return false;
    }
    sim_runtime_pause(member->runtime);
    clock_pause(member);
    faults_post_end(ensemble, 10, 12000, on_resume, member, member->generation);
    return true;
}

/* ---- disks ----------------------------------------------------------------------------------- */

static void on_disk_heals(void *ctx, uint64_t argument)
{
    struct member *member = ctx;
    (void)argument;
    member->disk.faults = member->ensemble->base.options.disk;
}

static bool hurt_disk(struct ensemble_world *ensemble, struct member *member)
{
    faults_post_end(ensemble, 20, 3000, on_disk_heals, member, 0);
    return true;
}

static bool slow_disk(struct ensemble_world *ensemble, struct member *member)
{
    if (member == NULL) {
        return false;
    }
    member->disk.faults.slow_once_in = (uint32_t)random_spread(faults_dice(ensemble), 1, 16);
    member->disk.faults.slow_ns = faults_draw_ns(ensemble, 1, 3000);
    return hurt_disk(ensemble, member);
}

static bool strike_slow_disk(struct ensemble_world *ensemble)
{
    return slow_disk(ensemble, faults_any_member(ensemble));
}

static bool strike_slow_disk_leader(struct ensemble_world *ensemble)
{
    return slow_disk(ensemble, ensemble_world_leader(ensemble));
}

static bool strike_sync_error(struct ensemble_world *ensemble)
{
    struct member *member = faults_any_member(ensemble);
    member->disk.faults.sync_error_once_in = (uint32_t)random_spread(faults_dice(ensemble), 1, 32);
    return hurt_disk(ensemble, member);
}

static bool strike_write_error(struct ensemble_world *ensemble)
{
    struct member *member = faults_any_member(ensemble);
    member->disk.faults.write_error_once_in = (uint32_t)random_spread(faults_dice(ensemble), 1, 64);
    return hurt_disk(ensemble, member);
}

static bool strike_read_error(struct ensemble_world *ensemble)
{
    struct member *member = faults_any_member(ensemble);
    member->disk.faults.read_error_once_in = (uint32_t)random_spread(faults_dice(ensemble), 1, 16);
    member_kill(member);
    return hurt_disk(ensemble, member);
}

static bool strike_no_space(struct ensemble_world *ensemble)
{
    struct member *member = faults_any_member(ensemble);
    member->disk.faults.capacity = disk_used(&member->disk) +
                                   random_spread(faults_dice(ensemble), 1, 20000);
    return hurt_disk(ensemble, member);
}

/* A disk may be lost when the others can do without; an observer's always. Its member stays down
 * meanwhile: that is what the ensemble was built for. */
static bool wipe(struct ensemble_world *ensemble)
{
    struct member *member = some_member(ensemble, is_down);
    bool may_matter = member != NULL && (!member->is_observer || ensemble->options.has_reconfig);
    if (member == NULL || (may_matter && !ghost_can_spare(member))) {
        return false;
    }
    sim_trace("member %d gets an empty disk", member->id);
    member_wipe(member);
    return true;
}

struct newest_snapshot {
    uint64_t zxid;
    uint64_t before; /* of the one before it */
    char name[64];
    int count;
};

static void consider_snapshot(void *ctx, const char *name)
{
    struct newest_snapshot *newest = ctx;
    char *end;
    if (strncmp(name, "snapshot.", 9) != 0 || strlen(name) >= sizeof newest->name) {
        return;
    }
    uint64_t zxid = strtoull(name + 9, &end, 16);
    if (*end == '\0') {
        newest->count += 1;
        newest->before = MAX(newest->before, MIN(newest->zxid, zxid));
        if (zxid >= newest->zxid) {
            newest->zxid = zxid;
            snprintf(newest->name, sizeof newest->name, "%s", name);
        }
    }
}

/* The newest of several snapshots is gone: the server has an older one, and the log behind it,
 * where the log reaches back that far: not behind a synchronisation by SNAP. */
static bool lose_snapshot(struct ensemble_world *ensemble)
{
    struct newest_snapshot newest = {0};
    char path[128];
    struct member *member = some_member(ensemble, is_down);
    if (member == NULL || member->is_damaged || !ghost_can_spare(member)) {
        return false;
    }
    disk_list(&member->disk, "/data/version-2", consider_snapshot, &newest);
    if (newest.count < 2 ||
        !ghost_log_covers(member, (int64_t)newest.before, (int64_t)newest.zxid)) {
        return false;
    }
    snprintf(path, sizeof path, "/data/version-2/%s", newest.name);
    uint64_t bit = random_next(faults_dice(ensemble)) >> 1;
    bool is_flipped = disk_flip_bit(&member->disk, path, bit);
    member->is_damaged = is_flipped;
    member->damaged_bit = bit;
    snprintf(member->damaged_path, sizeof member->damaged_path, "%s", path);
    sim_trace("member %d: %s is damaged", member->id, newest.name);
    ghost_disk_changed(member);
    return is_flipped;
}

/* ---- clocks and names ------------------------------------------------------------------------ */

static bool jump_clock(struct ensemble_world *ensemble)
{
    int64_t ms = (int64_t)random_spread(faults_dice(ensemble), 1, 100000);
    bool is_ahead = random_once_in(faults_dice(ensemble), 2);
    faults_any_member(ensemble)->wall_offset_ms += is_ahead ? ms : -ms;
    return true;
}

static void on_drift(void *ctx, uint64_t argument)
{
    struct member *member = ctx;
    struct ensemble_world *ensemble = member->ensemble;
    (void)argument;
    if (ensemble->is_healed || member->drift_ppm == 0) {
        member->drift_ppm = 0;
        return;
    }
    member->wall_offset_ms += (int64_t)(DRIFT_STEP_NS / NS_PER_MS) * member->drift_ppm / 1000000;
    schedule_at(&ensemble->base.schedule, ensemble->base.schedule.now_ns + DRIFT_STEP_NS, on_drift,
                member, 0);
}

static bool drift_clock(struct ensemble_world *ensemble)
{
    struct member *member = faults_any_member(ensemble);
    int64_t ppm = (int64_t)random_below(faults_dice(ensemble), 2 * DRIFT_PPM_MAX) - DRIFT_PPM_MAX;
    bool was_drifting = member->drift_ppm != 0;
    member->drift_ppm = ppm;
    if (!was_drifting && ppm != 0) {
        on_drift(member, 0);
    }
    return true;
}

/* The machine is another one, with the same disk and name. */
static bool new_address(struct ensemble_world *ensemble)
{
    struct member *member = some_member(ensemble, is_down);
    if (member == NULL) {
        return false;
    }
    struct network *network = &ensemble->base.network;
    network->is_silent[net_host_of(&member->address)] = true;
    bool is_new = member->address.ip[3] >= NEW_ADDRESS_STEP;
    member->address.ip[3] = (uint8_t)(is_new ? member->id : NEW_ADDRESS_STEP + member->id);
    sim_trace("member %d has address 10.0.0.%d now", member->id, member->address.ip[3]);
    return true;
}

/* ---- strikes: true when it happened ---------------------------------------------------------- */

static bool strike_kill(struct ensemble_world *ensemble)
{
    return kill_one(some_member(ensemble, is_up));
}

static bool strike_kill_leader(struct ensemble_world *ensemble)
{
    return kill_one(ensemble_world_leader(ensemble));
}

static bool strike_kill_all(struct ensemble_world *ensemble)
{
    return kill_many(ensemble, ensemble->options.member_count);
}

static bool strike_kill_quorum(struct ensemble_world *ensemble)
{
    return kill_many(ensemble, ensemble->options.member_count / 2 + 1);
}

static bool strike_kill_at_op(struct ensemble_world *ensemble)
{
    return stop_at_op(ensemble, true);
}

static bool strike_kill_in_election(struct ensemble_world *ensemble)
{
    return kill_one(some_member(ensemble, is_looking));
}

static bool strike_kill_in_sync(struct ensemble_world *ensemble)
{
    return kill_one(some_member(ensemble, is_being_synced));
}

static bool strike_kill_leader_in_sync(struct ensemble_world *ensemble)
{
    return kill_one(some_member(ensemble, is_beginning_to_lead));
}

static bool strike_power_cut(struct ensemble_world *ensemble)
{
    /* Two draws in one expression would come in an order that the compiler chooses. */
    enum disk_keep keep = any_keep(ensemble);
    return cut_one(some_member(ensemble, is_up), keep);
}

static bool strike_power_cut_leader(struct ensemble_world *ensemble)
{
    return cut_one(ensemble_world_leader(ensemble), any_keep(ensemble));
}

static bool strike_power_cut_at_op(struct ensemble_world *ensemble)
{
    return stop_at_op(ensemble, false);
}

static bool strike_power_cut_torn(struct ensemble_world *ensemble)
{
    bool is_plain = random_once_in(faults_dice(ensemble), 2);
    return cut_one(some_member(ensemble, is_up), is_plain ? KEEP_TORN : KEEP_TORN_GARBAGE);
}

static bool strike_restart(struct ensemble_world *ensemble)
{
    return stop_one(some_member(ensemble, is_up));
}

static bool strike_restart_leader(struct ensemble_world *ensemble)
{
    return stop_one(ensemble_world_leader(ensemble));
}

static bool strike_pause(struct ensemble_world *ensemble)
{
    return pause_one(ensemble, some_member(ensemble, is_up));
}

static bool strike_pause_leader(struct ensemble_world *ensemble)
{
    return pause_one(ensemble, ensemble_world_leader(ensemble));
}

/* ---- the clock ------------------------------------------------------------------------------- */

static bool (*const strikes[ENSEMBLE_FAULT_KINDS])(struct ensemble_world *ensemble) = {
    [ENSEMBLE_FAULT_KILL] = strike_kill,
    [ENSEMBLE_FAULT_KILL_LEADER] = strike_kill_leader,
    [ENSEMBLE_FAULT_KILL_ALL] = strike_kill_all,
    [ENSEMBLE_FAULT_KILL_QUORUM] = strike_kill_quorum,
    [ENSEMBLE_FAULT_KILL_AT_OP] = strike_kill_at_op,
    [ENSEMBLE_FAULT_KILL_IN_ELECTION] = strike_kill_in_election,
    [ENSEMBLE_FAULT_KILL_IN_SYNC] = strike_kill_in_sync,
    [ENSEMBLE_FAULT_KILL_LEADER_IN_SYNC] = strike_kill_leader_in_sync,
    [ENSEMBLE_FAULT_POWER_CUT] = strike_power_cut,
    [ENSEMBLE_FAULT_POWER_CUT_LEADER] = strike_power_cut_leader,
    [ENSEMBLE_FAULT_POWER_CUT_ALL] = cut_all,
    [ENSEMBLE_FAULT_POWER_CUT_AT_OP] = strike_power_cut_at_op,
    [ENSEMBLE_FAULT_POWER_CUT_TORN] = strike_power_cut_torn,
    [ENSEMBLE_FAULT_LONG_DOWN] = stay_down,
    [ENSEMBLE_FAULT_RESTART] = strike_restart,
    [ENSEMBLE_FAULT_RESTART_LEADER] = strike_restart_leader,
    [ENSEMBLE_FAULT_RESTART_ROLLING] = roll,
    [ENSEMBLE_FAULT_PAUSE] = strike_pause,
    [ENSEMBLE_FAULT_PAUSE_LEADER] = strike_pause_leader,
    [ENSEMBLE_FAULT_CUT_ONE_WAY] = faults_cut_one_way,
    [ENSEMBLE_FAULT_CUT_PAIR] = faults_cut_pair,
    [ENSEMBLE_FAULT_CUT_HALVES] = faults_cut_halves,
    [ENSEMBLE_FAULT_CUT_LEADER] = faults_cut_leader,
    [ENSEMBLE_FAULT_CUT_RING] = faults_cut_ring,
    [ENSEMBLE_FAULT_CUT_BRIDGE] = faults_cut_bridge,
    [ENSEMBLE_FAULT_CUT_DEAF_LEADER] = faults_cut_deaf_leader,
    [ENSEMBLE_FAULT_CUT_CLIENTS] = faults_cut_clients,
    [ENSEMBLE_FAULT_SLOW_WAY] = faults_slow_way,
    [ENSEMBLE_FAULT_SLOW_LEADER] = faults_slow_leader,
    [ENSEMBLE_FAULT_RESET_PEER] = faults_reset_peer,
    [ENSEMBLE_FAULT_STALL_PEER] = faults_stall_peer,
    [ENSEMBLE_FAULT_RESET_CLIENT] = faults_reset_client,
    [ENSEMBLE_FAULT_STALL_CLIENT] = faults_stall_client,
    [ENSEMBLE_FAULT_CUT_CLIENT] = faults_cut_client,
    [ENSEMBLE_FAULT_CRUMBS] = faults_crumbs,
    [ENSEMBLE_FAULT_SLOW_DISK] = strike_slow_disk,
    [ENSEMBLE_FAULT_SLOW_DISK_LEADER] = strike_slow_disk_leader,
    [ENSEMBLE_FAULT_SYNC_ERROR] = strike_sync_error,
    [ENSEMBLE_FAULT_WRITE_ERROR] = strike_write_error,
    [ENSEMBLE_FAULT_READ_ERROR] = strike_read_error,
    [ENSEMBLE_FAULT_NO_SPACE] = strike_no_space,
    [ENSEMBLE_FAULT_WIPE] = wipe,
    [ENSEMBLE_FAULT_STALE_SNAPSHOT] = lose_snapshot,
    [ENSEMBLE_FAULT_CLOCK_JUMP] = jump_clock,
    [ENSEMBLE_FAULT_CLOCK_DRIFT] = drift_clock,
    [ENSEMBLE_FAULT_NEW_ADDRESS] = new_address,
    [ENSEMBLE_FAULT_MOVE] = faults_move,
    [ENSEMBLE_FAULT_STEAL_SESSION] = faults_steal_session,
    [ENSEMBLE_FAULT_HANG_UP] = faults_hang_up,
    [ENSEMBLE_FAULT_SLOW_READER] = faults_slow_reader,
    [ENSEMBLE_FAULT_WRONG_PASSWORD] = faults_wrong_password,
    [ENSEMBLE_FAULT_STRANGER_CLIENT] = faults_stranger_client,
    [ENSEMBLE_FAULT_STRANGER_QUORUM] = faults_stranger_quorum,
    [ENSEMBLE_FAULT_STRANGER_ELECTION] = faults_stranger_election,
    [ENSEMBLE_FAULT_MACHINE_OFFERED] = reconfigurer_offer,
    [ENSEMBLE_FAULT_RECONFIG_JOIN] = reconfigurer_join,
    [ENSEMBLE_FAULT_RECONFIG_LEAVE] = reconfigurer_leave,
    [ENSEMBLE_FAULT_RECONFIG_ROLE] = reconfigurer_role,
    [ENSEMBLE_FAULT_RECONFIG_PORTS] = reconfigurer_ports,
    [ENSEMBLE_FAULT_RECONFIG_WHOLE] = reconfigurer_whole,
    [ENSEMBLE_FAULT_RECONFIG_LEADER] = reconfigurer_leader,
    [ENSEMBLE_FAULT_RECONFIG_WRONG] = reconfigurer_wrong,
    [ENSEMBLE_FAULT_KILL_IN_RECONFIG] = reconfigurer_kill_leader,
    [ENSEMBLE_FAULT_AWAY] = reconfigurer_away,
};

static void on_strike(void *ctx, uint64_t kind)
{
    struct ensemble_world *ensemble = ctx;
    if (ensemble->is_healed) {
        return;
    }
    if (strikes[kind](ensemble)) {
        sim_trace("fault: %s", ensemble_fault_name((enum ensemble_fault)kind));
        ensemble->campaign->faults[kind] += 1;
        post_next(ensemble, kind);
        return;
    }
    /* What needs a certain moment is tried again soon. */
    schedule_at(&ensemble->base.schedule,
                ensemble->base.schedule.now_ns +
                    random_spread(faults_dice(ensemble), NS_PER_MS, 200 * NS_PER_MS),
                on_strike, ensemble, kind);
}

void faults_start(struct ensemble_world *ensemble)
{
    for (uint64_t kind = 0; kind < ENSEMBLE_FAULT_KINDS; kind++) {
        if (ensemble->options.fault_gap_ns[kind] > 0) {
            post_next(ensemble, kind);
        }
    }
}

void faults_heal(struct ensemble_world *ensemble)
{
    struct network *network = &ensemble->base.network;
    ensemble->is_healed = true;
    ensemble->base.is_healed = true;
    ensemble->healed_ns = ensemble->base.schedule.now_ns;
    for (size_t from = 0; from < NET_HOSTS_MAX; from++) {
        for (size_t to = 0; to < NET_HOSTS_MAX; to++) {
            network->ways[from][to].slow_ns = 0;
            net_cut_way(network, from, to, false);
        }
    }
    network->profile = ensemble->base.options.net;
    for (struct net_conn *conn = network->conns; conn != NULL; conn = conn->next) {
        if (conn->ends[0].is_open) { /* a machine that is gone stays gone */
            for (int pipe = 0; pipe < 2; pipe++) {
                net_stall(conn, pipe, 0);
                net_set_cut(conn, pipe, false);
            }
        }
    }
    stranger_leave(&ensemble->base.stranger);
    reconfigurer_mend(ensemble);
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        member->disk.faults = ensemble->base.options.disk;
        member->disk.stop_at_op = UINT64_MAX;
        if (member->runtime != NULL && member->runtime->is_paused) {
            clock_go(member);
            sim_runtime_resume(member->runtime);
        }
    }
    for (int i = 0; i < ensemble->base.options.client_count; i++) {
        struct client *client = &ensemble->base.clients[i];
        client->slow_until_ns = MIN(client->slow_until_ns, ensemble->base.schedule.now_ns + 1);
    }
}
