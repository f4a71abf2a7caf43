/* status.c - see status.h. */
#include "zookeeper/server/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/version.h"
#include "zookeeper/server/ensemble.h"

#define MIB ((uint64_t)1 << 20)

const char *status_mode(const struct node *node)
{
    static const char *const modes[] = {"looking", "follower", "leader", "observer"};
    if (service_is_read_only(node->service)) {
        return "read-only";
    }
    return node->peer == NULL ? "standalone" : modes[node->peer->state];
}

bool status_is_serving(const struct node *node)
{
    return node->state == NODE_RUNNING && ensemble_is_serving(node);
}

static void put_lower(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buffer_append_u8(out, (uint8_t)(*text >= 'A' && *text <= 'Z' ? *text | 0x20 : *text));
    }
}

void status_put_peer_state(const struct node *node, struct buffer *out)
{
    static const char *const states[] = {"looking", "following", "leading", "observing"};
    buffer_append_cstr(out, states[node->peer->state]);
    if (strcmp(node->peer->zab_state, "ELECTION") != 0) {
        buffer_append_cstr(out, " - ");
        put_lower(out, node->peer->zab_state);
    }
}

void status_put_version(struct buffer *out)
{
    buffer_append_cstr(out, samsa_zookeeper_version);
    buffer_append_cstr(out, ", built on ");
    buffer_append_cstr(out, samsa_build_date);
}

/* ---- folders
 * --------------------------------------------------------------------------------------------- */

struct folder_sum {
    struct runtime *runtime;
    const char *folder;
    int64_t bytes;
};

static void add_file(void *ctx, const char *name)
{
    struct folder_sum *sum = ctx;
    char path[PATH_TEXT_MAX];
    struct path_info info;
    data_dir_join(path, sum->folder, name);
    if (path_stat(sum->runtime, path, &info) == 0 && !info.is_directory) {
        sum->bytes += (int64_t)info.size;
    }
}

static int64_t folder_bytes(const struct node *node, const char *folder)
{
    struct folder_sum sum = {.runtime = node->runtime, .folder = folder};
    return directory_list(node->runtime, folder, add_file, &sum) == 0 ? sum.bytes : 0;
}

int64_t status_snapshot_bytes(const struct node *node)
{
    return folder_bytes(node, node->dir.snap_dir);
}

int64_t status_log_bytes(const struct node *node)
{
    return folder_bytes(node, node->dir.log_dir);
}

/* ---- connections and sessions
 * ---------------------------------------------------------------------------- */

void status_reset_connections(struct node *node)
{
    LIST_FOR_EACH(link, &node->service->conns)
    {
        service_conn_stats_reset(CONTAINER_OF(link, struct service_conn, link));
    }
}

struct watch_count {
    struct slice last_path;
    struct status_watches *watches;
};

static void count_watch(void *ctx, struct slice path, const struct watcher *watcher)
{
    struct watch_count *count = ctx;
    (void)watcher;
    count->watches->total++;
    if (count->watches->paths == 0 || !slice_equal(path, count->last_path)) {
        count->watches->paths++;
        count->last_path = path;
    }
}

struct watcher_set {
    struct u64_map ids;
};

static void collect_watcher(void *ctx, struct slice path, const struct watcher *watcher)
{
    struct watcher_set *set = ctx;
    (void)path;
    u64_map_put(&set->ids, watcher->id, 1);
}

void status_count_watches(struct node *node, struct status_watches *watches)
{
    const struct watch_table *table = &node->service->data_watches;
    struct watch_count count = {.watches = watches};
    struct watcher_set set;
    *watches = (struct status_watches){0};
    watch_each(table, count_watch, &count);
    u64_map_init(&set.ids);
    watch_each(table, collect_watcher, &set);
    watches->connections = (int64_t)set.ids.count;
    u64_map_release(&set.ids);
}

/* ---- words
 * -----------------------------------------------------------------------------------------------
 */

/* Ten thousandths, rounded. */
static uint64_t scaled_average(uint64_t sum, uint64_t count)
{
    return count == 0 ? 0 : (sum * 10000 + count / 2) / count;
}

double status_average(uint64_t sum, uint64_t count)
{
    return (double)scaled_average(sum, count) / 10000;
}

void status_put_average(struct buffer *out, uint64_t sum, uint64_t count)
{
    uint64_t scaled = scaled_average(sum, count);
    unsigned places = 4;
    while (places > 1 && scaled % 10 == 0) {
        scaled /= 10;
        places--;
    }
    buffer_append_fixed(out, (int64_t)scaled, places);
}

int64_t status_monotonic_to_wall_ms(const struct node *node, uint64_t monotonic_ms)
{
    int64_t now_ms = (int64_t)(runtime_now_ns(node->runtime) / 1000000);
    return runtime_wall_ms(node->runtime) + (int64_t)monotonic_ms - now_ms;
}

void status_put_date(struct buffer *out, int64_t wall_ms)
{
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)(wall_ms / 1000);
    /* As Java's Date prints it, in the time zone of the process. */
    if (localtime_r(&seconds, &parts) != NULL &&
        strftime(text, sizeof text, "%a %b %d %H:%M:%S %Z %Y", &parts) > 0) {
        buffer_append_cstr(out, text);
    }
}

static const char *or_unknown(const char *text)
{
    return text[0] != '\0' ? text : "<NA>";
}

static void put_memory(const struct runtime_machine *machine,
                       void (*entry)(void *ctx, const char *name, const char *value),
                       void *ctx)
{
    char text[32];
    snprintf(text, sizeof text, "%lluMB", (unsigned long long)(machine->memory_free_bytes / MIB));
    entry(ctx, "os.memory.free", text);
    snprintf(text, sizeof text, "%lluMB", (unsigned long long)(machine->memory_total_bytes / MIB));
    entry(ctx, "os.memory.max", text);
    entry(ctx, "os.memory.total", text);
}

void status_environment(struct runtime *runtime,
                        void (*entry)(void *ctx, const char *name, const char *value),
                        void *ctx)
{
    struct runtime_machine machine;
    struct buffer version;
    runtime_machine(runtime, &machine);
    buffer_init(&version, 256);
    status_put_version(&version);
    buffer_append_u8(&version, '\0');
    entry(ctx, "zookeeper.version", (const char *)version.data);
    buffer_release(&version);
    entry(ctx, "host.name", or_unknown(machine.host_name));
    entry(ctx, "java.version", "none");
    entry(ctx, "java.vendor", "none");
    entry(ctx, "java.home", "<NA>");
    entry(ctx, "java.class.path", "");
    entry(ctx, "java.library.path", "");
    entry(ctx, "java.io.tmpdir", "/tmp");
    entry(ctx, "java.compiler", "<NA>");
    entry(ctx, "os.name", or_unknown(machine.os_name));
    entry(ctx, "os.arch", or_unknown(machine.os_arch));
    entry(ctx, "os.version", or_unknown(machine.os_version));
    entry(ctx, "user.name", or_unknown(machine.user_name));
    entry(ctx, "user.home", or_unknown(machine.user_home));
    entry(ctx, "user.dir", or_unknown(machine.user_dir));
    put_memory(&machine, entry, ctx);
}
