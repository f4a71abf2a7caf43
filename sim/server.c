/* server.c - see server.h. */
#include "sim/server.h"

#include <stdio.h>

#include "sim/fingerprint.h"
#include "sim/log_reader.h"
#include "sim/log_sim.h"
#include "sim/world.h"
#include "zookeeper/server/node.h"

#define EXIT_NS (2 * NS_PER_MS)
#define RETRY_MAX_NS (400 * NS_PER_MS)

enum server_event {
    EVENT_BURY,
    EVENT_START,
    EVENT_EXIT
};

static void on_server_event(void *ctx, uint64_t argument);

static void post(struct server *server, enum server_event event, uint64_t delay_ns)
{
    struct schedule *schedule = &server->world->schedule;
    schedule_at(schedule, schedule->now_ns + delay_ns, on_server_event, server,
                server->generation << 4 | (uint64_t)event);
}

void server_init(struct server *server, struct world *world)
{
    *server = (struct server){.world = world};
}

static void end_incarnation(struct server *server);

void server_release(struct server *server)
{
    if (server->runtime != NULL) {
        sim_runtime_die(server->runtime, false);
        end_incarnation(server);
    }
    for (size_t i = 0; i < server->graveyard_count; i++) {
        sim_runtime_free(server->graveyard[i]);
    }
    heap_free(server->graveyard);
}

struct tcp_address server_address(const struct server *server)
{
    const struct zk_config *config = &server->world->options.config;
    return (struct tcp_address){.ip = {10, 0, 0, 1}, .port = (uint16_t)config->client_port};
}

/* ---- the logs -------------------------------------------------------------------------------- */

struct log_folder {
    struct server *server;
    char path[CONFIG_TEXT_MAX + 16];
    int64_t newest;
};

static void read_entry(void *ctx, int64_t zxid, struct slice txn)
{
    struct log_folder *folder = ctx;
    struct world *world = folder->server->world;
    folder->newest = MAX(folder->newest, zxid);
    if (zxid < 1 || (size_t)zxid > world->history.log_count + 1) {
        world_fail(world, VERDICT_WRONG, "the log goes on with zxid %lld behind %zu",
                   (long long)zxid, world->history.log_count);
        return;
    }
    if (!history_log(&world->history, zxid, txn)) {
        world_fail(world, VERDICT_WRONG, "two different transactions have zxid %lld",
                   (long long)zxid);
    }
}

static bool is_log_name(const char *name)
{
    return strncmp(name, "log.", 4) == 0;
}

static void read_log_file(struct log_folder *folder, const char *path)
{
    const struct disk_inode *inode = disk_find(&folder->server->world->disk, path);
    if (inode != NULL && !world_is_over(folder->server->world)) {
        log_file_each(bytes_slice(&inode->cached), read_entry, folder);
    }
}

struct named_log {
    uint64_t zxid;
    char name[64];
};

struct log_names {
    struct named_log *list;
    size_t count;
    size_t cap;
};

/* Byte order is not the order of hexadecimal numbers. */
static void add_log_name(void *ctx, const char *name)
{
    struct log_names *names = ctx;
    unsigned long long zxid = 0;
    if (!is_log_name(name) || strlen(name) >= sizeof names->list->name ||
        sscanf(name + 4, "%llx", &zxid) != 1) {
        return;
    }
    heap_grow((void **)&names->list, &names->cap, names->count, sizeof *names->list);
    size_t at = names->count++;
    while (at > 0 && names->list[at - 1].zxid > zxid) {
        names->list[at] = names->list[at - 1];
        at -= 1;
    }
    names->list[at].zxid = zxid;
    snprintf(names->list[at].name, sizeof names->list[at].name, "%s", name);
}

static void log_folder_init(struct log_folder *folder, struct server *server)
{
    const struct zk_config *config = &server->world->options.config;
    *folder = (struct log_folder){.server = server};
    snprintf(folder->path, sizeof folder->path, "%s/version-2",
             config->data_log_dir[0] == '\0' ? config->data_dir : config->data_log_dir);
}

static int64_t read_all_logs(struct server *server)
{
    struct log_folder folder;
    struct log_names names = {0};
    log_folder_init(&folder, server);
    disk_list(&server->world->disk, folder.path, add_log_name, &names);
    for (size_t i = 0; i < names.count; i++) {
        char path[sizeof folder.path + sizeof names.list[i].name + 2];
        snprintf(path, sizeof path, "%s/%s", folder.path, names.list[i].name);
        read_log_file(&folder, path);
    }
    heap_free(names.list);
    return folder.newest;
}

void server_read_logs(struct server *server)
{
    (void)read_all_logs(server);
}

/* Purging takes a file: what it holds is remembered. */
static void on_disk_remove(void *ctx, const char *path)
{
    struct server *server = ctx;
    const char *name = strrchr(path, '/') + 1;
    bool is_snapshot = strncmp(name, "snapshot.", 9) == 0;
    if (is_log_name(name)) {
        struct log_folder folder;
        log_folder_init(&folder, server);
        read_all_logs(server); /* in order: an archived file must not leave a gap before it */
        if (!server->is_starting) {
            marks_hit(server->world->marks, MARK_LOG_PURGED);
        }
    } else if (is_snapshot && strstr(name, "samsa-tmp") == NULL) {
        marks_hit(server->world->marks, MARK_SNAPSHOT_PURGED);
    }
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void note_statistics(struct server *server)
{
    struct world *world = server->world;
    const struct node *node = server->node;
    if (!node->machine_ready) {
        return;
    }
    const struct service_stats *stats = &node->machine.service.stats;
    if (stats->digest_mismatches > 0) {
        world_fail(world, VERDICT_WRONG,
                   "Z-INV12: %llu transactions left a tree whose digest is not the one foretold",
                   (unsigned long long)stats->digest_mismatches);
    }
    if (node->stats.snapshots_taken > 1) {
        marks_hit(world->marks, MARK_SNAPSHOT_TAKEN);
    }
    if (node->stats.snapshot_errors > 0) {
        marks_hit(world->marks, MARK_SNAPSHOT_FAILED);
    }
    if (node->stats.sync_batch_size.max > 1) {
        marks_hit(world->marks, MARK_GROUP_COMMIT);
    }
    if (node->stats.connections_rejected > 0) {
        marks_hit(world->marks, MARK_TOO_MANY_CONNECTIONS);
    }
    if (node->stats.large_requests_rejected > 0) {
        marks_hit(world->marks, MARK_OVERSIZED);
    }
}

/* Throws the incarnation away, and counts what it leaves. */
static void end_incarnation(struct server *server)
{
    struct world *world = server->world;
    struct runtime *runtime = server->runtime;
    sim_runtime_enter(runtime);
    if (server->node != NULL) {
        note_statistics(server);
        node_release(server->node);
    }
    sim_runtime_leave(runtime);
    sim_runtime_end(runtime);
    if (runtime->memory != 0) {
        world_fail(world, VERDICT_WRONG, "R1: the server has left %lld bytes allocated",
                   (long long)runtime->memory);
    }
    heap_free(server->node);
    server->node = NULL;
    heap_grow((void **)&server->graveyard, &server->graveyard_cap, server->graveyard_count,
              sizeof(struct runtime *));
    server->graveyard[server->graveyard_count++] = runtime;
    server->runtime = NULL;
    server->state = SERVER_DOWN;
}

static uint64_t downtime_ns(struct server *server)
{
    return random_spread(&server->world->nemesis, NS_PER_MS, RETRY_MAX_NS);
}

/* Everything of this incarnation is without effect from here on. */
static void begin_dying(struct server *server, bool announces)
{
    server->world->network.machine_is_silent = !announces;
    sim_runtime_die(server->runtime, announces);
    server->state = SERVER_DYING;
    server->world->disk.stop_at_op = UINT64_MAX;
    if (!server->is_starting) {
        post(server, EVENT_BURY, 0);
    }
}

void server_kill(struct server *server)
{
    if (server->runtime != NULL && server->state != SERVER_DYING) {
        sim_trace("server killed");
        begin_dying(server, true);
        disk_process_ended(&server->world->disk);
    }
}

void server_cut_power(struct server *server, enum disk_keep keep)
{
    struct disk *disk = &server->world->disk;
    if (server->runtime == NULL || server->state == SERVER_DYING) {
        return;
    }
    sim_trace("power cut, keeping kind %d", (int)keep);
    struct disk_counts before = disk->counts;
    begin_dying(server, false);
    disk_power_cut(disk, keep);
    struct marks *marks = server->world->marks;
    if (disk->counts.lost_writes > before.lost_writes) {
        marks_hit(marks, MARK_CUT_LOST_WRITES);
    }
    if (disk->counts.torn_writes > before.torn_writes) {
        marks_hit(marks, MARK_CUT_TORE_WRITES);
    }
    if (disk->counts.lost_names > before.lost_names) {
        marks_hit(marks, MARK_CUT_LOST_NAMES);
    }
    if (server->is_starting) {
        marks_hit(marks, MARK_CUT_IN_RECOVERY);
    } else if (server->runtime->memory_depth > 0) {
        marks_hit(marks, MARK_CUT_IN_JOB);
    }
}

static void on_stopped(void *ctx)
{
    struct server *server = ctx;
    post(server, EVENT_BURY, 0);
}

void server_stop(struct server *server)
{
    /* A server whose log has failed is ending by itself. */
    if (server->state == SERVER_UP && server->node->state == NODE_RUNNING) {
        sim_trace("server stops");
        server->state = SERVER_STOPPING;
        sim_runtime_enter(server->runtime);
        node_stop(server->node, on_stopped, server);
        sim_runtime_leave(server->runtime);
    }
}

static uint64_t failed_ops(const struct server *server)
{
    const struct disk_counts *counts = &server->world->disk.counts;
    uint64_t sum = counts->no_space;
    for (size_t i = 0; i < DISK_OP_KINDS; i++) {
        sum += counts->failed[i];
    }
    return sum;
}

static void on_failed(void *ctx, const char *text)
{
    struct server *server = ctx;
    if (server->runtime->is_dead) {
        return; /* its last thoughts after the power went */
    }
    sim_trace("server failed: %s", text);
    if (failed_ops(server) == server->failed_ops_before) {
        world_fail(server->world, VERDICT_WRONG, "the server gave up on a good disk: %s", text);
    }
    marks_hit(server->world->marks, MARK_NODE_FAILED);
    post(server, EVENT_EXIT, EXIT_NS);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void check_recovered(struct server *server)
{
    struct world *world = server->world;
    struct history *history = &world->history;
    const struct recovery_result *recovery = &server->node->recovery;
    int64_t zxid = recovery->last_zxid;
    sim_trace("server is up at zxid %lld (snapshot %lld, %llu replayed, %llu bytes cut)",
              (long long)zxid, (long long)recovery->snapshot_zxid,
              (unsigned long long)recovery->replayed, (unsigned long long)recovery->cut_bytes);
    if (zxid < history->told_zxid) {
        world_fail(world, VERDICT_WRONG,
                   "durability: clients were told of zxid %lld, the server came back with %lld",
                   (long long)history->told_zxid, (long long)zxid);
        return;
    }
    history_log_cut(history, zxid);
    int64_t newest = read_all_logs(server);
    if (newest > zxid) {
        world_fail(world, VERDICT_WRONG, "recovery ended at zxid %lld, the log has %lld",
                   (long long)zxid, (long long)newest);
    } else if ((int64_t)history->log_count != zxid) {
        world_fail(world, VERDICT_WRONG, "recovery reached zxid %lld, the log has only %zu",
                   (long long)zxid, history->log_count);
    }
    heap_grow((void **)&history->recoveries, &history->recovery_cap, history->recovery_count,
              sizeof *history->recoveries);
    struct recovery_record *record = &history->recoveries[history->recovery_count++];
    *record = (struct recovery_record){
        .zxid = zxid, .order = history->order, .ns = world->schedule.now_ns};
    fingerprint_server(&server->node->machine.service.tree, world->options.has_dirty_quota, record);
}

static void mark_recovery(struct server *server)
{
    struct marks *marks = server->world->marks;
    const struct recovery_result *recovery = &server->node->recovery;
    if (recovery->cut_bytes > 0) {
        marks_hit(marks, MARK_TAIL_CUT);
    }
    if (recovery->snapshots_skipped > 0) {
        marks_hit(marks, MARK_SNAPSHOT_SKIPPED);
    }
    if (recovery->replayed > 0) {
        marks_hit(marks, MARK_REPLAYED);
    }
    if (recovery->snapshot_zxid > 0) {
        marks_hit(marks, MARK_FROM_SNAPSHOT);
    }
    if (server->start_was_refused) {
        marks_hit(marks, MARK_START_REFUSED);
    }
}

static void started(struct server *server)
{
    struct world *world = server->world;
    server->state = SERVER_UP;
    server->started_ns = world->schedule.now_ns;
    mark_recovery(server);
    server->start_was_refused = false;
    sim_runtime_enter(server->runtime);
    check_recovered(server);
    sim_runtime_leave(server->runtime);
}

static void start_refused(struct server *server, const char *why)
{
    struct world *world = server->world;
    bool is_excused = failed_ops(server) > server->failed_ops_before || world->bit_flips > 0;
    sim_trace("start refused: %s", why);
    if (!is_excused) {
        world_fail(world, VERDICT_WRONG, "the server refuses to start on a good disk: %s", why);
    }
    server->start_was_refused = true;
    disk_process_ended(&world->disk);
    sim_runtime_die(server->runtime, true);
    heap_free(server->node); /* node_start has released it */
    server->node = NULL;
    end_incarnation(server);
    server_start_later(server, downtime_ns(server));
}

void server_start(struct server *server)
{
    struct world *world = server->world;
    struct errmsg message = {.text = ""};
    struct random seed;
    if (server->state != SERVER_DOWN) {
        return;
    }
    server->generation += 1;
    world->marks->starts += 1;
    world->network.machine_is_silent = false;
    random_split(&world->random, 0x7365727665720000 + server->generation, &seed);
    server->runtime = sim_runtime_create(&world->schedule, &world->disk, &world->network, &seed,
                                         &world->options.runtime);
    server->runtime->wall_offset_ms = &world->wall_offset_ms;
    server->node = heap_new(sizeof *server->node);
    server->failed_ops_before = failed_ops(server);
    server->checked_turn = 0;
    world->disk.on_remove = on_disk_remove;
    world->disk.ctx = server;
    server->is_starting = true;
    sim_runtime_enter(server->runtime);
    node_init(server->node, server->runtime, &world->options.config);
    server->node->on_failed = on_failed;
    server->node->ctx = server;
    int error = node_start(server->node, &message);
    sim_runtime_settle(server->runtime);
    sim_runtime_leave(server->runtime);
    server->is_starting = false;
    if (server->runtime->is_dead) {
        if (error != 0) {
            heap_free(server->node);
            server->node = NULL;
        }
        post(server, EVENT_BURY, 0);
    } else if (error != 0) {
        start_refused(server, message.text);
    } else {
        started(server);
    }
}

void server_start_later(struct server *server, uint64_t delay_ns)
{
    post(server, EVENT_START, delay_ns);
}

static void on_server_event(void *ctx, uint64_t argument)
{
    struct server *server = ctx;
    if (argument >> 4 != server->generation) {
        return;
    }
    switch ((enum server_event)(argument & 15)) {
    case EVENT_BURY:
        if (server->runtime != NULL) {
            bool was_stopped = server->state == SERVER_STOPPING;
            disk_process_ended(&server->world->disk);
            end_incarnation(server);
            if (was_stopped) {
                marks_hit(server->world->marks, MARK_STOPPED);
            }
            server_start_later(server, downtime_ns(server));
        }
        break;
    case EVENT_START:
        server_start(server);
        break;
    case EVENT_EXIT:
        server_kill(server);
        break;
    }
}

/* ---- between events -------------------------------------------------------------------------- */

void server_check(struct server *server)
{
    if (server->state != SERVER_UP || server->runtime->is_dead ||
        server->runtime->turns < server->checked_turn + server->world->options.check_every) {
        return;
    }
    server->checked_turn = server->runtime->turns;
    sim_runtime_enter(server->runtime);
    standalone_check(&server->node->machine);
    sim_runtime_leave(server->runtime);
}

static void note_pressure(void *ctx,
                          struct service_conn *conn,
                          const struct tcp_address *peer,
                          size_t queued_bytes)
{
    bool *found = ctx;
    (void)conn;
    (void)peer;
    *found = *found || queued_bytes > 65536;
}

bool server_has_back_pressure(struct server *server)
{
    bool found = false;
    if (server->state == SERVER_UP) {
        client_port_each(server->node, note_pressure, &found);
    }
    return found;
}
