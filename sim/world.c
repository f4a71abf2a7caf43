/* world.c - see world.h: the two phases of a run. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>

#include "sim/check.h"
#include "sim/log_sim.h"
#include "sim/nemesis.h"
#include "zookeeper/server/node.h"

#define PROGRESS_REQUESTS 10u
#define PATIENCE_NS (120 * NS_PER_S)
#define VOID_WRITES 20u
#define SAMPLE_EVENTS 64u

void world_fail(struct world *world, enum verdict verdict, const char *format, ...)
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
}

void world_count_fault(struct world *world, enum fault_kind kind)
{
    marks_fault(world->marks, kind);
}

void world_init(struct world *world, const struct options *options, struct marks *marks)
{
    struct random seed;
    *world = (struct world){.options = *options, .marks = marks};
    random_init(&seed, options->seed ^ 0x5eed0f7e57);
    random_split(&seed, 1, &world->nemesis);
    random_split(&seed, 2, &world->random);
    schedule_init(&world->schedule, &seed, options->shuffles_ties);
    network_init(&world->network, &world->schedule, &seed);
    disk_init(&world->disk, &world->schedule, &seed);
    world->network.profile = options->net;
    world->disk.faults = options->disk;
    history_init(&world->history);
    server_init(&world->server, world);
    stranger_init(&world->stranger, world, &seed);
    for (int i = 0; i < options->client_count; i++) {
        client_init(&world->clients[i], world, i, &seed);
    }
}

void world_release(struct world *world)
{
    server_release(&world->server);
    for (int i = 0; i < world->options.client_count; i++) {
        client_release(&world->clients[i]);
    }
    history_release(&world->history);
    disk_release(&world->disk);
    network_release(&world->network);
    schedule_release(&world->schedule);
    heap_free(world->taken_over);
}

/* ---- running --------------------------------------------------------------------------------- */

bool world_run_until(struct world *world, bool (*until)(struct world *world), uint64_t deadline_ns)
{
    while (!world_is_over(world)) {
        if (until(world)) {
            return true;
        }
        if (!schedule_step(&world->schedule, deadline_ns)) {
            return false;
        }
        server_check(&world->server);
        if (world->schedule.fired % SAMPLE_EVENTS == 0 &&
            server_has_back_pressure(&world->server)) {
            marks_hit(world->marks, MARK_BACK_PRESSURE);
        }
    }
    return false;
}

static void demand(struct world *world, bool (*until)(struct world *world), const char *what)
{
    uint64_t patience_ns = PATIENCE_NS;
    patience_ns += (uint64_t)world->options.config.max_session_timeout_ms * 3 * NS_PER_MS;
    uint64_t from_ns = world->schedule.now_ns;
    if (world->server.runtime != NULL) {
        /* A start on a slow disk may still keep the server from running. */
        from_ns = MAX(from_ns, world->server.runtime->busy_until_ns);
    }
    uint64_t deadline_ns = from_ns + patience_ns;
    if (!world_is_over(world) && !world_run_until(world, until, deadline_ns) &&
        !world_is_over(world)) {
        world_fail(world, VERDICT_STUCK, "after everything was healed, %.0f s passed and %s",
                   (double)patience_ns / 1e9, what);
    }
}

static bool enough_was_done(struct world *world)
{
    return world->history.answered >= world->options.request_limit;
}

static bool all_progressed(struct world *world)
{
    for (int i = 0; i < world->options.client_count; i++) {
        const struct client *client = &world->clients[i];
        if (client->answered < client->answered_before + PROGRESS_REQUESTS) {
            return false;
        }
    }
    return true;
}

static bool all_idle(struct world *world)
{
    for (int i = 0; i < world->options.client_count; i++) {
        const struct client *client = &world->clients[i];
        bool is_gone = client->session == NULL && client->state == CLIENT_AWAY;
        if (!is_gone && !client_is_idle(client)) {
            return false;
        }
    }
    return world->server.state == SERVER_UP;
}

static size_t live_sessions(const struct world *world)
{
    size_t count = 0;
    for (int i = 0; i < world->options.client_count; i++) {
        count += world->clients[i].session != NULL;
    }
    return count;
}

static bool sessions_settled(struct world *world)
{
    const struct server *server = &world->server;
    return server->state == SERVER_UP && all_idle(world) &&
           server->node->machine.service.tree.sessions.count == live_sessions(world);
}

static bool server_is_down(struct world *world)
{
    return world->server.state == SERVER_DOWN;
}

static bool server_is_up(struct world *world)
{
    return world->server.state == SERVER_UP;
}

/* ---- the end of a run ------------------------------------------------------------------------ */

static void send_read(struct client *client, int32_t type, const char *path)
{
    struct operation *operation = POOL_NEW(&client->world->history.pool, struct operation);
    operation->type = type;
    operation->path = slice_of_cstr(path);
    client_send(client, operation, client->next_xid);
}

void world_last_looks(struct world *world)
{
    static const char *const paths[] = {"/", "/a", "/b", "/c", "/r", "/a/x"};
    for (int i = 0; i < world->options.client_count; i++) {
        struct client *client = &world->clients[i];
        if (client->state != CLIENT_READY) {
            continue;
        }
        send_read(client, OP_SYNC, "/");
        for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
            send_read(client, OP_GET_DATA, paths[k]);
            send_read(client, OP_GET_CHILDREN2, paths[k]);
        }
        if (i % 2 == 1) {
            send_read(client, OP_CLOSE_SESSION, "");
        }
    }
}

/* S5: the connections whose sessions were taken over from them. Each may linger over what its
 * client does not read. */
static bool taken_over_are_closed(struct world *world)
{
    for (size_t i = 0; i < world->taken_over_count; i++) {
        if (world->taken_over[i]->ends[1].is_open) {
            return false;
        }
    }
    return true;
}

static void wind_down(struct world *world)
{
    for (int i = 0; i < world->options.client_count; i++) {
        client_wind_down(&world->clients[i]);
    }
    demand(world, all_idle, "a request was still without an answer");
    if (!world_is_over(world)) {
        world_last_looks(world);
    }
    demand(world, all_idle, "a last request was still without an answer");
    demand(world, sessions_settled, "a session that nobody keeps had not expired");
    demand(world, taken_over_are_closed, "a connection without its session was still open");
}

/* In order down, up, compared, down. */
static void restart(struct world *world)
{
    if (!world_is_over(world)) {
        server_stop(&world->server);
    }
    demand(world, server_is_down, "the server had not stopped");
    demand(world, server_is_up, "the server had not come back");
    if (!world_is_over(world)) {
        server_stop(&world->server);
    }
    demand(world, server_is_down, "the server had not stopped again");
    if (!world_is_over(world)) {
        server_read_logs(&world->server);
    }
}

static void count_run(struct world *world)
{
    struct marks *marks = world->marks;
    const struct disk_counts *disk = &world->disk.counts;
    marks->events += world->schedule.fired;
    marks->virtual_ns += world->schedule.now_ns;
    marks->requests += world->history.answered;
    marks->writes += world->history.answered_writes;
    marks->txns += world->history.log_count;
    marks->notifications += world->history.events;
    for (size_t i = 0; i < DISK_OP_KINDS; i++) {
        marks->disk_ops += disk->ops[i];
    }
    marks->syncs += disk->ops[DISK_SYNC] + disk->ops[DISK_SYNC_DIRECTORY];
    marks->torn_writes += disk->torn_writes;
    marks->lost_writes += disk->lost_writes;
    marks->lost_names += disk->lost_names;
    marks->void_runs += world->history.answered_writes < VOID_WRITES;
}

enum verdict world_run(struct world *world)
{
    marks_begin_run(world->marks);
    server_start(&world->server);
    for (int i = 0; i < world->options.client_count; i++) {
        client_start(&world->clients[i]);
    }
    nemesis_start(world);
    (void)world_run_until(world, enough_was_done,
                          world->schedule.now_ns + world->options.fault_phase_ns);
    sim_trace("healed");
    world->ops_of_fault_phase = world->disk.op_count;
    nemesis_heal(world);
    for (int i = 0; i < world->options.client_count; i++) {
        world->clients[i].answered_before = world->clients[i].answered;
    }
    demand(world, all_progressed, "a client was still without answers");
    wind_down(world);
    restart(world);
    if (!world_is_over(world)) {
        check_run(world);
    }
    count_run(world);
    return world->verdict;
}
