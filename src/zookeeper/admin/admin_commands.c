/* admin_commands.c - what each admin command answers: see admin_command.h. The keys are Apache's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "zookeeper/admin/admin_command.h"
#include "zookeeper/server/server_metrics.h"
#include "zookeeper/server/status.h"

json_t *admin_json(json_t *value)
{
    ASSERT(value != NULL);
    return value;
}

void admin_put(json_t *object, const char *key, json_t *value)
{
    int failed = json_object_set_new(object, key, admin_json(value));
    ASSERT(failed == 0);
}

void admin_put_integer(json_t *object, const char *key, int64_t value)
{
    admin_put(object, key, json_integer(value));
}

/* Paths are whatever bytes clients sent; JSON takes UTF-8 only, so anything else is shown with its
 * bytes as \xNN. */
static json_t *text_of(struct slice text)
{
    json_t *value = json_stringn((const char *)text.ptr, text.len);
    if (value != NULL) {
        return value;
    }
    char *escaped = malloc(text.len * 4 + 1);
    ASSERT(escaped != NULL);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x80) {
            escaped[len++] = (char)text.ptr[i];
        } else {
            len += (size_t)snprintf(escaped + len, 5, "\\x%02x", text.ptr[i]);
        }
    }
    value = admin_json(json_stringn(escaped, len));
    free(escaped);
    return value;
}

static void put_path(json_t *array, struct slice path)
{
    int failed = json_array_append_new(array, text_of(path));
    ASSERT(failed == 0);
}

/* The member array of an object, made when it is not there. */
static json_t *member_array(json_t *object, const char *key)
{
    json_t *array = json_object_get(object, key);
    if (array == NULL) {
        array = admin_json(json_array());
        admin_put(object, key, array);
    }
    return array;
}

static void put_version(json_t *data)
{
    struct buffer text;
    buffer_init(&text, 256);
    status_put_version(&text);
    admin_put(data, "version", text_of(buffer_slice(&text)));
    buffer_release(&text);
}

/* ---- configuration and environment
 * ----------------------------------------------------------------------- */

static void run_configuration(struct admin_call *call)
{
    const struct zk_config *config = &call->node->config;
    admin_put_integer(call->data, "client_port", node_client_address(call->node).port);
    admin_put(call->data, "data_dir", json_string(call->node->dir.snap_dir));
    admin_put(call->data, "data_log_dir", json_string(call->node->dir.log_dir));
    admin_put_integer(call->data, "tick_time", config->tick_time_ms);
    admin_put_integer(call->data, "max_client_cnxns", config->max_client_connections);
    admin_put_integer(call->data, "min_session_timeout", config->min_session_timeout_ms);
    admin_put_integer(call->data, "max_session_timeout", config->max_session_timeout_ms);
    admin_put_integer(call->data, "server_id", call->node->peer == NULL ? 0 : config->server_id);
    admin_put_integer(call->data, "client_port_listen_backlog", config->client_port_listen_backlog);
}

static void run_initial_configuration(struct admin_call *call)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    struct buffer text;
    buffer_init(&text, (size_t)2 << 20);
    const char *path = call->node->config.config_file;
    if (path[0] != '\0' && file_open(call->node->runtime, path, FILE_READ, &file) == 0) {
        if (file_size(file, &size) == 0 && size <= ((uint64_t)1 << 20) &&
            file_read(file, 0, buffer_reserve(&text, size + 1), size, &got) == 0) {
            text.len = got;
        }
        file_close(file);
    }
    admin_put(call->data, "initial_configuration", text_of(buffer_slice(&text)));
    buffer_release(&text);
}

static void put_entry(void *ctx, const char *name, const char *value)
{
    admin_put(ctx, name, text_of(slice_of_cstr(value)));
}

static void run_environment(struct admin_call *call)
{
    status_environment(call->node->runtime, put_entry, call->data);
}

static void run_system_properties(struct admin_call *call)
{
    status_environment(call->node->runtime, put_entry, call->data);
    static const char *const of_the_environment[] = {
        "zookeeper.version", "host.name",     "java.compiler",
        "os.memory.free",    "os.memory.max", "os.memory.total",
    };
    for (size_t i = 0; i < ARRAY_LEN(of_the_environment); i++) {
        json_object_del(call->data, of_the_environment[i]);
    }
}

/* ---- connections and sessions
 * ---------------------------------------------------------------------------- */

struct connection_list {
    json_t *array;
    bool is_brief;
};

static void put_connection(void *ctx,
                           struct service_conn *conn,
                           const struct tcp_address *peer,
                           size_t queued_bytes)
{
    const struct connection_list *list = ctx;
    const struct conn_stats *stats = &conn->stats;
    char text[TCP_ADDRESS_TEXT_MAX];
    json_t *entry = admin_json(json_object());
    (void)queued_bytes;
    tcp_address_text(peer, text);
    admin_put(entry, "remote_socket_address", json_string(text));
    admin_put_integer(entry, "interest_ops", conn->is_paused ? 0 : 1);
    admin_put_integer(entry, "outstanding_requests", conn->pending_count);
    admin_put_integer(entry, "packets_received", (int64_t)stats->received);
    admin_put_integer(entry, "packets_sent", (int64_t)stats->sent);
    if (!list->is_brief) {
        admin_put_integer(entry, "session_id", conn->session_id);
        admin_put(entry, "last_operation", json_string(service_last_op_text(stats->last_op)));
        admin_put_integer(entry, "established", (int64_t)stats->established_ms);
        admin_put_integer(entry, "session_timeout", conn->session_timeout_ms);
        admin_put_integer(entry, "last_cxid", stats->last_cxid);
        admin_put_integer(entry, "last_zxid", stats->last_zxid);
        admin_put_integer(entry, "last_response_time", (int64_t)stats->last_response_ms);
        admin_put_integer(entry, "last_latency", stats->last_latency_ms);
        admin_put_integer(entry, "min_latency", MAX(stats->min_latency_ms, 0));
        admin_put_integer(entry, "avg_latency",
                          stats->latency_count == 0
                              ? 0
                              : (int64_t)(stats->latency_sum_ms / stats->latency_count));
        admin_put_integer(entry, "max_latency", stats->max_latency_ms);
    }
    int failed = json_array_append_new(list->array, entry);
    ASSERT(failed == 0);
}

static void put_connections(struct admin_call *call, bool is_brief)
{
    struct connection_list list = {.array = admin_json(json_array()), .is_brief = is_brief};
    client_port_each(call->node, put_connection, &list);
    admin_put(call->data, "connections", list.array);
    admin_put(call->data, "secure_connections", json_array());
}

static void run_connections(struct admin_call *call)
{
    put_connections(call, false);
}

static void run_connection_stat_reset(struct admin_call *call)
{
    status_reset_connections(call->node);
}

static void run_stat_reset(struct admin_call *call)
{
    service_stats_reset(call->node->service);
}

struct dump {
    struct admin_call *call;
    json_t *object;
    json_t *array;
};

static void put_session(void *ctx, const struct session *session)
{
    struct dump *dump = ctx;
    char key[32];
    snprintf(key, sizeof key, "%" PRIu64, session->expires_ms);
    int failed = json_array_append_new(member_array(dump->object, key),
                                       admin_json(json_integer(session->id)));
    ASSERT(failed == 0);
}

static void put_ephemeral(void *ctx, struct slice path)
{
    put_path(((struct dump *)ctx)->array, path);
}

static void put_owner(void *ctx, int64_t session_id, uint64_t count)
{
    struct dump *dump = ctx;
    char key[32];
    (void)count;
    snprintf(key, sizeof key, "%" PRId64, session_id);
    dump->array = member_array(dump->object, key);
    tree_each_ephemeral(&dump->call->node->service->tree, session_id, put_ephemeral, dump);
}

static void run_dump(struct admin_call *call)
{
    const struct service *service = call->node->service;
    struct dump sessions = {.call = call, .object = admin_json(json_object())};
    struct dump owners = {.call = call, .object = admin_json(json_object())};
    /* A learner's tracker has nothing to tell. (UpgradeableSessionTracker.getSessionExpiryMap) */
    if (service->mode == SERVICE_OWNER) {
        session_table_each_by_expiry(&service->sessions, put_session, &sessions);
    }
    tree_each_ephemeral_owner(&service->tree, put_owner, &owners);
    admin_put(call->data, "expiry_time_to_session_ids", sessions.object);
    admin_put(call->data, "session_id_to_ephemeral_paths", owners.object);
}

/* ---- figures
 * --------------------------------------------------------------------------------------------- */

static json_t *response_sizes(const struct service_stats *stats)
{
    json_t *object = admin_json(json_object());
    admin_put_integer(object, "last_buffer_size", stats->last_response_bytes);
    admin_put_integer(object, "min_buffer_size", stats->min_response_bytes);
    admin_put_integer(object, "max_buffer_size", stats->max_response_bytes);
    return object;
}

static json_t *server_stats(const struct node *node)
{
    const struct service *service = node->service;
    const struct service_stats *stats = &service->stats;
    double average = status_average(stats->latency_sum_ms, stats->latency_count);
    json_t *object = admin_json(json_object());
    admin_put_integer(object, "packets_sent", (int64_t)stats->packets_sent);
    admin_put_integer(object, "packets_received", (int64_t)stats->packets_received);
    admin_put_integer(object, "fsync_threshold_exceed_count", (int64_t)node->stats.slow_syncs);
    admin_put(object, "client_response_stats", response_sizes(stats));
    admin_put_integer(object, "data_dir_size", status_snapshot_bytes(node));
    admin_put_integer(object, "log_dir_size", status_log_bytes(node));
    admin_put(object, "provider_null", json_false());
    admin_put_integer(object, "last_processed_zxid", service->tree.last_processed_zxid);
    admin_put_integer(object, "outstanding_requests", service->outstanding);
    admin_put(object, "server_state", json_string(status_mode(node)));
    admin_put(object, "avg_latency", json_real(average));
    admin_put_integer(object, "max_latency", stats->latency_max_ms);
    admin_put_integer(object, "min_latency", stats->latency_count == 0 ? 0 : stats->latency_min_ms);
    admin_put_integer(object, "num_alive_client_connections", (int64_t)node->client_count);
    admin_put_integer(object, "uptime",
                      (int64_t)((runtime_now_ns(node->runtime) - node->start_ns) / 1000000));
    admin_put_integer(object, "auth_failed_count", (int64_t)stats->auth_failed);
    admin_put_integer(object, "non_mtlsremote_conn_count", 0);
    admin_put_integer(object, "non_mtlslocal_conn_count", 0);
    return object;
}

static void run_server_stats(struct admin_call *call)
{
    const struct node *node = call->node;
    put_version(call->data);
    admin_put(call->data, "read_only", json_boolean(service_is_read_only(node->service)));
    admin_put(call->data, "server_stats", server_stats(node));
    admin_put(call->data, "client_response", response_sizes(&node->service->stats));
    if (node->peer != NULL && node->peer->state == PEER_LEADING) {
        admin_put(call->data, "proposal_stats", admin_proposal_stats(node));
    }
    admin_put_integer(call->data, "node_count", (int64_t)node->service->tree.node_count);
}

static void run_stats(struct admin_call *call)
{
    run_server_stats(call);
    put_connections(call, true);
}

static void put_metric(void *ctx, const char *name, const struct metric_value *value)
{
    admin_put(ctx, name, value->is_real ? json_real(value->real) : json_integer(value->integer));
}

static void run_monitor(struct admin_call *call)
{
    put_version(call->data);
    admin_put(call->data, "server_state", json_string(status_mode(call->node)));
    if (call->node->peer != NULL) {
        struct buffer text;
        buffer_init(&text, SIZE_MAX);
        status_put_peer_state(call->node, &text);
        admin_put(call->data, "peer_state", text_of(buffer_slice(&text)));
        buffer_release(&text);
    }
    metrics_each(server_metrics_registry(call->node->metrics), put_metric, call->data);
}

static void run_dirs(struct admin_call *call)
{
    admin_put_integer(call->data, "datadir_size", status_snapshot_bytes(call->node));
    admin_put_integer(call->data, "logdir_size", status_log_bytes(call->node));
}

static void put_digest(void *ctx, int64_t zxid, uint64_t digest)
{
    json_t *entry = admin_json(json_object());
    admin_put_integer(entry, "zxid", zxid);
    admin_put_integer(entry, "digest", (int64_t)digest);
    admin_put_integer(entry, "digest_version", TREE_DIGEST_VERSION);
    int failed = json_array_append_new(ctx, entry);
    ASSERT(failed == 0);
}

static void run_hash(struct admin_call *call)
{
    json_t *digests = admin_json(json_array());
    tree_each_digest(&call->node->service->tree, put_digest, digests);
    admin_put(call->data, "digests", digests);
}

static void run_last_snapshot(struct admin_call *call)
{
    const struct node_stats *stats = &call->node->stats;
    char zxid[32];
    bool is_known = stats->last_snapshot_wall_ms != 0;
    snprintf(zxid, sizeof zxid, "%" PRIx64, is_known ? stats->last_snapshot_zxid : UINT64_MAX);
    admin_put(call->data, "zxid", json_string(zxid));
    admin_put_integer(call->data, "timestamp", is_known ? stats->last_snapshot_wall_ms / 1000 : -1);
}

/* ---- watches
 * --------------------------------------------------------------------------------------------- */

static const struct service_conn *conn_of(const struct watcher *watcher)
{
    const char *conn = (const char *)watcher - offsetof(struct service_conn, watcher);
    return (const struct service_conn *)(const void *)conn;
}

static void put_watch_of_session(void *ctx, struct slice path, const struct watcher *watcher)
{
    char key[32];
    snprintf(key, sizeof key, "%" PRId64, conn_of(watcher)->session_id);
    put_path(member_array(ctx, key), path);
}

static void put_watch_of_path(void *ctx, struct slice path, const struct watcher *watcher)
{
    char key[4096];
    snprintf(key, sizeof key, "%.*s", (int)path.len, (const char *)path.ptr);
    if (!text_is_utf8(slice_of_cstr(key))) {
        return;
    }
    int failed = json_array_append_new(member_array(ctx, key),
                                       admin_json(json_integer(conn_of(watcher)->session_id)));
    ASSERT(failed == 0);
}

static void run_watches(struct admin_call *call)
{
    json_t *object = admin_json(json_object());
    watch_each(&call->node->service->data_watches, put_watch_of_session, object);
    admin_put(call->data, "session_id_to_watched_paths", object);
}

static void run_watches_by_path(struct admin_call *call)
{
    json_t *object = admin_json(json_object());
    watch_each(&call->node->service->data_watches, put_watch_of_path, object);
    admin_put(call->data, "path_to_session_ids", object);
}

static void run_watch_summary(struct admin_call *call)
{
    struct status_watches watches;
    status_count_watches(call->node, &watches);
    admin_put_integer(call->data, "num_connections", watches.connections);
    admin_put_integer(call->data, "num_paths", watches.paths);
    admin_put_integer(call->data, "num_total_watches", watches.total);
}

/* ---- state
 * -----------------------------------------------------------------------------------------------
 */

static void run_nothing(struct admin_call *call)
{
    (void)call; /* the answer is that there is one */
}

static void run_is_read_only(struct admin_call *call)
{
    admin_put(call->data, "read_only", json_boolean(service_is_read_only(call->node->service)));
}

static void run_get_trace_mask(struct admin_call *call)
{
    admin_put_integer(call->data, "tracemask", call->node->trace_mask);
}

static void run_set_trace_mask(struct admin_call *call)
{
    const char *text = http_request_argument(call->request, "traceMask");
    char error[256];
    if (text == NULL) {
        admin_put(call->data, "error",
                  json_string("setTraceMask requires long traceMask argument"));
        return;
    }
    if (text_parse_i64(slice_of_cstr(text), &call->node->trace_mask) != 0) {
        snprintf(error, sizeof error, "setTraceMask requires long traceMask argument, got %.100s",
                 text);
        admin_put(call->data, "error", text_of(slice_of_cstr(error)));
        return;
    }
    admin_put_integer(call->data, "tracemask", call->node->trace_mask);
}

const struct admin_command admin_commands[] = {
    {{"configuration", "conf", "config"}, .run = run_configuration},
    {{"connection_stat_reset", "crst", NULL}, .run = run_connection_stat_reset},
    {{"connections", "cons", NULL}, .run = run_connections},
    {{"dirs", NULL, NULL}, .run = run_dirs},
    {{"dump", NULL, NULL}, .run = run_dump},
    {{"environment", "env", "envi"}, .run = run_environment, .is_always = true},
    {{"get_trace_mask", "gtmk", NULL}, .run = run_get_trace_mask, .is_always = true},
    {{"hash", NULL, NULL}, .run = run_hash},
    {{"initial_configuration", "icfg", NULL}, .run = run_initial_configuration},
    {{"is_read_only", "isro", NULL}, .run = run_is_read_only},
    {{"last_snapshot", "lsnp", NULL}, .run = run_last_snapshot},
    {{"leader", "lead", NULL}, .run = admin_run_leader},
    {{"monitor", "mntr", NULL}, .run = run_monitor, .is_always = true},
    {{"observer_connection_stat_reset", "orst", NULL}, .run = run_nothing},
    {{"observers", "obsr", NULL}, .run = admin_run_observers},
    {{"restore", "rest", NULL},
     .run = NULL}, /* NULL: admin_server.c, since they need authorization */
    {{"ruok", NULL, NULL}, .run = run_nothing},
    {{"server_stats", "srvr", NULL}, .run = run_server_stats},
    {{"set_trace_mask", "stmk", NULL}, .run = run_set_trace_mask, .is_always = true},
    {{"snapshot", "snap", NULL}, .run = NULL},
    {{"stat_reset", "srst", NULL}, .run = run_stat_reset},
    {{"stats", "stat", NULL}, .run = run_stats},
    {{"system_properties", "sysp", NULL}, .run = run_system_properties, .is_always = true},
    {{"voting_view", NULL, NULL}, .run = admin_run_voting_view},
    {{"watch_summary", "wchs", NULL}, .run = run_watch_summary},
    {{"watches", "wchc", NULL}, .run = run_watches},
    {{"watches_by_path", "wchp", NULL}, .run = run_watches_by_path},
    {{"zabstate", NULL, NULL}, .run = admin_run_zabstate, .is_always = true},
};

const size_t admin_command_count = ARRAY_LEN(admin_commands);
