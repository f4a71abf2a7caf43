/* nemesis.c - see nemesis.h. Each kind of fault has its own clock; a fault that lasts has an event
 * for its end.
 */
#include "sim/nemesis.h"

#include <stdio.h>

#include "sim/log_sim.h"
#include "sim/world.h"

#define ENDS 0x100u
#define FLIPS_MAX 2

static void on_nemesis(void *ctx, uint64_t argument);

static uint64_t draw(struct world *world, uint64_t low_ms, uint64_t high_ms)
{
    return random_spread(&world->nemesis, low_ms, high_ms) * NS_PER_MS;
}

static void post(struct world *world, uint64_t delay_ns, uint64_t argument)
{
    schedule_at(&world->schedule, world->schedule.now_ns + delay_ns, on_nemesis, world, argument);
}

static void post_next(struct world *world, enum fault_kind kind)
{
    uint64_t gap_ns = world->options.fault_gap_ns[kind];
    post(world, random_between(&world->nemesis, gap_ns / 4, gap_ns * 7 / 4), (uint64_t)kind);
}

void nemesis_start(struct world *world)
{
    for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
        if (world->options.fault_gap_ns[kind] > 0) {
            post_next(world, (enum fault_kind)kind);
        }
    }
}

/* ---- the server and its disk ----------------------------------------------------------------- */

static enum disk_keep any_keep(struct world *world)
{
    return (enum disk_keep)random_below(&world->nemesis, KEEP_KINDS);
}

static void stop_with_power_cut(void *ctx)
{
    struct server *server = ctx;
    world_count_fault(server->world, FAULT_POWER_CUT_AT_OP);
    server_cut_power(server, any_keep(server->world));
}

static void stop_with_kill(void *ctx)
{
    struct server *server = ctx;
    world_count_fault(server->world, FAULT_KILL_AT_OP);
    server_kill(server);
}

static void stop_at_op(struct world *world, void (*stop)(void *ctx))
{
    uint64_t ops = random_spread(&world->nemesis, 1, 256);
    world->disk.on_stop_at = stop;
    world->disk.stop_ctx = &world->server;
    world->disk.stop_at_op = world->disk.op_count + ops;
}

static struct disk_faults *faults_of(struct world *world)
{
    return &world->disk.faults;
}

struct snapshots {
    char names[16][64];
    size_t count;
};

static void add_snapshot(void *ctx, const char *name)
{
    struct snapshots *snapshots = ctx;
    bool is_snapshot = strncmp(name, "snapshot.", 9) == 0 && strstr(name, "tmp") == NULL;
    if (is_snapshot && snapshots->count < ARRAY_LEN(snapshots->names) && strlen(name) < 64) {
        memcpy(snapshots->names[snapshots->count++], name, strlen(name) + 1);
    }
}

/* One snapshot at least stays good: what to do without any is not the server's to decide. */
static bool flip_bit(struct world *world)
{
    struct snapshots snapshots = {.count = 0};
    char path[160];
    server_kill(&world->server);
    disk_list(&world->disk, "/data/version-2", add_snapshot, &snapshots);
    if (snapshots.count < world->bit_flips + 2 || world->bit_flips >= FLIPS_MAX) {
        return false;
    }
    size_t at = random_below(&world->nemesis, snapshots.count);
    uint64_t bit = random_next(&world->nemesis) >> 1;
    snprintf(path, sizeof path, "/data/version-2/%s", snapshots.names[at]);
    bool is_flipped = disk_flip_bit(&world->disk, path, bit);
    world->bit_flips += is_flipped;
    sim_trace("bit flipped in %s", path);
    return is_flipped;
}

/* ---- strikes at the server: true when it happened -------------------------------------------- */

static bool is_up(const struct world *world)
{
    return world->server.state == SERVER_UP;
}

static void post_end(struct world *world, enum fault_kind kind, uint64_t low_ms, uint64_t high_ms)
{
    post(world, draw(world, low_ms, high_ms), ENDS | (uint64_t)kind);
}

static bool strike_kill(struct world *world)
{
    bool strikes = is_up(world);
    server_kill(&world->server);
    return strikes;
}

static bool strike_power_cut(struct world *world)
{
    bool strikes = is_up(world);
    server_cut_power(&world->server, any_keep(world));
    return strikes;
}

/* These two are counted when they strike. */
static bool strike_kill_at_op(struct world *world)
{
    stop_at_op(world, stop_with_kill);
    return false;
}

static bool strike_power_cut_at_op(struct world *world)
{
    stop_at_op(world, stop_with_power_cut);
    return false;
}

static bool strike_restart(struct world *world)
{
    bool strikes = is_up(world);
    server_stop(&world->server);
    return strikes;
}

static bool strike_sync_error(struct world *world)
{
    faults_of(world)->sync_error_once_in = (uint32_t)random_spread(&world->nemesis, 1, 32);
    post_end(world, FAULT_SYNC_ERROR, 20, 500);
    return true;
}

static bool strike_write_error(struct world *world)
{
    faults_of(world)->write_error_once_in = (uint32_t)random_spread(&world->nemesis, 1, 64);
    post_end(world, FAULT_WRITE_ERROR, 20, 500);
    return true;
}

static bool strike_read_error(struct world *world)
{
    faults_of(world)->read_error_once_in = (uint32_t)random_spread(&world->nemesis, 1, 16);
    server_kill(&world->server);
    post_end(world, FAULT_READ_ERROR, 20, 500);
    return true;
}

static bool strike_no_space(struct world *world)
{
    uint64_t left = random_spread(&world->nemesis, 1, 20000);
    faults_of(world)->capacity = disk_used(&world->disk) + left;
    post_end(world, FAULT_NO_SPACE, 20, 1000);
    return true;
}

static bool strike_slow_disk(struct world *world)
{
    faults_of(world)->slow_once_in = (uint32_t)random_spread(&world->nemesis, 1, 16);
    faults_of(world)->slow_ns = draw(world, 1, 3000);
    post_end(world, FAULT_SLOW_DISK, 20, 2000);
    return true;
}

static bool strike_pause(struct world *world)
{
    if (!is_up(world)) {
        return false;
    }
    sim_runtime_pause(world->server.runtime);
    post_end(world, FAULT_PAUSE, 10, 3000);
    return true;
}

static bool strike_clock_jump(struct world *world)
{
    int64_t ms = (int64_t)random_spread(&world->nemesis, 1, 100000);
    if (random_once_in(&world->nemesis, 2)) {
        ms = -ms;
        world->clock_went_back = true;
    }
    world->wall_offset_ms += ms;
    sim_trace("wall clock jumps by %lld ms", (long long)ms);
    return true;
}

static bool strike_stranger(struct world *world)
{
    stranger_visit(&world->stranger);
    return true;
}

/* ---- connections and clients ----------------------------------------------------------------- */

static void on_heal_pipes(void *ctx, uint64_t argument)
{
    (void)argument;
    net_set_cut(ctx, 0, false);
    net_set_cut(ctx, 1, false);
}

static bool strike_reset(struct world *world, struct client *client)
{
    (void)world;
    net_break(client->conn);
    return true;
}

static bool strike_cut(struct world *world, struct client *client)
{
    uint64_t ways = random_between(&world->nemesis, 1, 3);
    net_set_cut(client->conn, 0, (ways & 1) != 0);
    net_set_cut(client->conn, 1, (ways & 2) != 0);
    schedule_at(&world->schedule, world->schedule.now_ns + draw(world, 10, 6000), on_heal_pipes,
                client->conn, 0);
    return true;
}

static bool strike_stall(struct world *world, struct client *client)
{
    int pipe = (int)random_below(&world->nemesis, 2);
    net_stall(client->conn, pipe, world->schedule.now_ns + draw(world, 1, 3000));
    return true;
}

static bool strike_slow_reader(struct world *world, struct client *client)
{
    client->slow_until_ns = world->schedule.now_ns + draw(world, 10, 5000);
    return true;
}

static bool strike_hang_up(struct world *world, struct client *client)
{
    uint64_t how = random_below(&world->nemesis, 5);
    if (how < 2) {
        client_hang_up(client, how == 1);
    } else if (how < 4) {
        client_vanish(client);
    } else {
        client_abandon(client);
    }
    return true;
}

static bool strike_steal_session(struct world *world, struct client *client)
{
    (void)world;
    if (client->state != CLIENT_READY || client->is_closing_session) {
        return false;
    }
    client_take_over(client);
    return true;
}

static bool strike_wrong_password(struct world *world, struct client *client)
{
    (void)world;
    if (client->session == NULL || client->state != CLIENT_READY) {
        return false;
    }
    client_hang_up(client, true);
    client->uses_wrong_password = true;
    return true;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void end_sync_error(struct world *world)
{
    faults_of(world)->sync_error_once_in = 0;
}

static void end_write_error(struct world *world)
{
    faults_of(world)->write_error_once_in = 0;
}

static void end_read_error(struct world *world)
{
    faults_of(world)->read_error_once_in = 0;
}

static void end_no_space(struct world *world)
{
    faults_of(world)->capacity = UINT64_MAX;
}

static void end_slow_disk(struct world *world)
{
    faults_of(world)->slow_once_in = 0;
}

static void end_pause(struct world *world)
{
    if (world->server.runtime != NULL && world->server.runtime->is_paused) {
        sim_runtime_resume(world->server.runtime);
    }
}

/* ---- the clock ------------------------------------------------------------------------------- */

static const struct {
    bool (*strike)(struct world *world);
    bool (*strike_client)(struct world *world, struct client *client); /* one with a connection */
    void (*end)(struct world *world);
} kinds[FAULT_KINDS] = {
    [FAULT_KILL] = {.strike = strike_kill},
    [FAULT_KILL_AT_OP] = {.strike = strike_kill_at_op},
    [FAULT_POWER_CUT] = {.strike = strike_power_cut},
    [FAULT_POWER_CUT_AT_OP] = {.strike = strike_power_cut_at_op},
    [FAULT_RESTART] = {.strike = strike_restart},
    [FAULT_SYNC_ERROR] = {.strike = strike_sync_error, .end = end_sync_error},
    [FAULT_WRITE_ERROR] = {.strike = strike_write_error, .end = end_write_error},
    [FAULT_READ_ERROR] = {.strike = strike_read_error, .end = end_read_error},
    [FAULT_NO_SPACE] = {.strike = strike_no_space, .end = end_no_space},
    [FAULT_SLOW_DISK] = {.strike = strike_slow_disk, .end = end_slow_disk},
    [FAULT_BIT_FLIP] = {.strike = flip_bit},
    [FAULT_PAUSE] = {.strike = strike_pause, .end = end_pause},
    [FAULT_CLOCK_JUMP] = {.strike = strike_clock_jump},
    [FAULT_RESET] = {.strike_client = strike_reset},
    [FAULT_CUT] = {.strike_client = strike_cut},
    [FAULT_STALL] = {.strike_client = strike_stall},
    [FAULT_SLOW_READER] = {.strike_client = strike_slow_reader},
    [FAULT_HANG_UP] = {.strike_client = strike_hang_up},
    [FAULT_STEAL_SESSION] = {.strike_client = strike_steal_session},
    [FAULT_WRONG_PASSWORD] = {.strike_client = strike_wrong_password},
    [FAULT_STRANGER] = {.strike = strike_stranger},
};

static void on_nemesis(void *ctx, uint64_t argument)
{
    struct world *world = ctx;
    enum fault_kind kind = (enum fault_kind)(argument & 0xff);
    if (world->is_healed) {
        return;
    }
    if ((argument & ENDS) != 0) {
        kinds[kind].end(world);
        return;
    }
    bool happened = false;
    if (kinds[kind].strike != NULL) {
        happened = kinds[kind].strike(world);
    } else {
        uint64_t who = random_below(&world->nemesis, (uint64_t)world->options.client_count);
        struct client *client = &world->clients[who];
        happened = client->conn != NULL && kinds[kind].strike_client(world, client);
    }
    if (happened) {
        sim_trace("fault: %s", fault_name(kind));
        world_count_fault(world, kind);
    }
    post_next(world, kind);
}

void nemesis_heal(struct world *world)
{
    world->is_healed = true;
    world->disk.faults = world->options.disk;
    world->disk.stop_at_op = UINT64_MAX;
    stranger_leave(&world->stranger);
    end_pause(world);
    for (struct net_conn *conn = world->network.conns; conn != NULL; conn = conn->next) {
        if (conn->ends[0].is_open) { /* a machine that is gone stays gone */
            net_stall(conn, 0, 0);
            net_stall(conn, 1, 0);
            net_set_cut(conn, 0, false);
            net_set_cut(conn, 1, false);
        }
    }
    for (int i = 0; i < world->options.client_count; i++) {
        struct client *client = &world->clients[i];
        client->slow_until_ns = MIN(client->slow_until_ns, world->schedule.now_ns + 1);
    }
}
