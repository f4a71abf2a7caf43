/* admin_server.c - see admin_server.h: finding the command, authorization, limits, the two commands
 * that take time, and /metrics. */
#include "zookeeper/admin/admin_server.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/log.h"
#include "zookeeper/admin/admin_command.h"
#include "zookeeper/admin/admin_json.h"
#include "zookeeper/server/server_metrics.h"
#include "zookeeper/server/snapshotter.h"
#include "zookeeper/server/status.h"

#define RESTORE_BODY_BYTES_MAX ((size_t)16 << 30)
#define METRICS_BODY_BYTES_MAX 4096

enum {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_TOO_LARGE = 413,
    HTTP_TOO_MANY_REQUESTS = 429,
    HTTP_INTERNAL_ERROR = 500,
    HTTP_UNAVAILABLE = 503,
};

struct rate_limit {
    uint64_t allowed_from_ns;
};

struct admin_server {
    struct node *node;
    struct http_server *http;       /* NULL: not wanted */
    struct http_server *prometheus; /* NULL: not wanted */
    struct rate_limit snapshots;
    struct rate_limit restores;
};

/* ---- replies
 * --------------------------------------------------------------------------------------------- */

/* "command" and "error" close the object, as CommandResponse.toMap puts them; an error that the
 * command wrote itself stays where it is. */
static void reply_json(struct http_request *request,
                       json_t *data,
                       const char *name,
                       const char *error,
                       int status)
{
    admin_put(data, "command", json_string(name));
    if (json_object_get(data, "error") == NULL) {
        admin_put(data, "error", error == NULL ? json_null() : json_string(error));
    }
    admin_json_print(&request->content, data);
    json_decref(data);
    request->content_type = "application/json";
    request->status = status;
}

static void reply_error(struct http_request *request,
                        const char *name,
                        const char *error,
                        int status)
{
    reply_json(request, admin_json(json_object()), name, error, status);
}

static void reply_links(struct admin_server *admin, struct http_request *request)
{
    const char *url = admin->node->config.admin_command_url;
    for (size_t i = 0; i < admin_command_count; i++) {
        buffer_append_cstr(&request->content, "<a href=\"");
        buffer_append_cstr(&request->content, url);
        buffer_append_u8(&request->content, '/');
        buffer_append_cstr(&request->content, admin_commands[i].names[0]);
        buffer_append_cstr(&request->content, "\">");
        buffer_append_cstr(&request->content, admin_commands[i].names[0]);
        buffer_append_cstr(&request->content, "</a>\n<br/>\n");
    }
    request->status = HTTP_OK;
}

/* ---- authorization
 * --------------------------------------------------------------------------------------- */

static bool has_all_rights(struct node *node, const struct identities *identities)
{
    const struct tree *tree = &node->service->tree;
    const struct auth_config *auth = &node->service_config.prep.auth;
    const struct znode *root = tree_find(tree, SLICE_LIT("/"));
    int32_t count = 0;
    const struct zk_acl *acl = znode_acl(tree, root, &count);
    for (int32_t permission = ZK_PERM_READ; permission <= ZK_PERM_ADMIN; permission <<= 1) {
        if (!acl_check(auth, identities, acl, count, permission)) {
            return false;
        }
    }
    return true;
}

/* The Authorization header is "<scheme> <auth>"; "ip" alone means the address. 0, or the status of
 * the refusal with its words. */
static int authorize(struct admin_server *admin, struct http_request *request, const char **error)
{
    const char *header = http_request_header(request, "Authorization");
    struct identities identities;
    struct slice scheme;
    struct slice auth;
    if (header == NULL) {
        *error = "Auth info is missing for the command";
        return HTTP_UNAUTHORIZED;
    }
    bool has_auth = text_cut(slice_of_cstr(header), ' ', &scheme, &auth) && auth.len > 0 &&
                    memchr(auth.ptr, ' ', auth.len) == NULL;
    identities_init(&identities);
    bool is_known = slice_equal_cstr(scheme, "ip");
    if (is_known) {
        identities_add(&identities, scheme, slice_of_cstr(request->client_ip));
    } else if (has_auth) {
        is_known = auth_authenticate(&admin->node->service_config.prep.auth, scheme, auth,
                                     &identities) == ZK_ERR_OK &&
                   identities.count > 0;
    }
    int status = 0;
    if (!is_known) {
        *error = "Not authenticated";
        status = HTTP_UNAUTHORIZED;
    } else if (!has_all_rights(admin->node, &identities)) {
        *error = "Not authorized";
        status = HTTP_FORBIDDEN;
    }
    identities_release(&identities);
    return status;
}

static bool rate_allows(struct admin_server *admin, struct rate_limit *limit, uint64_t *refused)
{
    uint64_t now_ns = runtime_now_ns(admin->node->runtime);
    if (now_ns < limit->allowed_from_ns) {
        (*refused)++;
        return false;
    }
    limit->allowed_from_ns = now_ns +
                             (uint64_t)admin->node->config.admin_rate_limiter_interval_ms * 1000000;
    return true;
}

/* ---- snapshot
 * -------------------------------------------------------------------------------------------- */

static const char *suffix_of(int32_t compression)
{
    return compression == SNAPSHOT_GZIP ? ".gz" : compression == SNAPSHOT_SNAPPY ? ".snappy" : "";
}

static void on_snapshot_done(void *ctx, int error, int64_t zxid)
{
    struct http_request *request = ctx;
    struct admin_server *admin = request->handler_data;
    struct node *node = admin->node;
    char path[PATH_TEXT_MAX];
    char name[DATA_FILE_NAME_MAX];
    struct path_info info = {0};
    snprintf(name, sizeof name, "snapshot.%" PRIx64 "%s", (uint64_t)zxid,
             suffix_of(node->config.snapshot_compression));
    data_dir_join(path, node->dir.snap_dir, name);
    if (error == 0) {
        error = path_stat(node->runtime, path, &info);
    }
    if (error != 0) {
        reply_error(request, "snapshot", error_text(error), HTTP_INTERNAL_ERROR);
        http_reply_ready(request);
        return;
    }
    const char *streaming = http_request_argument(request, "streaming");
    bool is_streaming = streaming == NULL || strcmp(streaming, "true") == 0;
    snprintf(request->headers[0][0], sizeof request->headers[0][0], "last_zxid");
    snprintf(request->headers[0][1], sizeof request->headers[0][1], "0x%" PRIx64, (uint64_t)zxid);
    snprintf(request->headers[1][0], sizeof request->headers[1][0], "snapshot_size");
    snprintf(request->headers[1][1], sizeof request->headers[1][1], "%" PRIu64, info.size);
    if (is_streaming) {
        request->content_fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (request->content_fd >= 0) {
        request->content_type = "application/octet-stream";
        request->status = HTTP_OK;
    } else {
        reply_error(request, "snapshot", NULL, is_streaming ? HTTP_INTERNAL_ERROR : HTTP_OK);
    }
    http_reply_ready(request);
}

static void run_snapshot(struct admin_server *admin, struct http_request *request)
{
    const struct zk_config *config = &admin->node->config;
    if (!config->admin_snapshot_enabled) {
        reply_error(request, "snapshot", NULL, HTTP_UNAVAILABLE);
        return;
    }
    if (!config->serialize_last_processed_zxid) {
        reply_error(request, "snapshot", NULL, HTTP_INTERNAL_ERROR);
        return;
    }
    if (!rate_allows(admin, &admin->snapshots, &admin->node->stats.snapshot_rate_limited)) {
        reply_error(request, "snapshot", NULL, HTTP_TOO_MANY_REQUESTS);
        return;
    }
    request->handler_data = admin;
    int error = node_take_snapshot(admin->node, on_snapshot_done, request);
    if (error != 0) {
        reply_error(request, "snapshot", "another snapshot is being taken; try again",
                    HTTP_UNAVAILABLE);
        return;
    }
    request->is_waiting = true;
}

/* ---- restore
 * --------------------------------------------------------------------------------------------- */

static void on_restore_done(void *ctx, int error, int64_t zxid)
{
    struct http_request *request = ctx;
    json_t *data = admin_json(json_object());
    if (error == 0) {
        admin_put(data, "last_zxid", json_integer(zxid));
    }
    reply_json(request, data, "restore", NULL, error == 0 ? HTTP_OK : HTTP_INTERNAL_ERROR);
    http_reply_ready(request);
}

static void run_restore(struct admin_server *admin, struct http_request *request)
{
    const struct zk_config *config = &admin->node->config;
    struct errmsg message;
    if (!request->is_post) {
        reply_error(request, "restore", "restore takes a POST with a snapshot as its body",
                    HTTP_METHOD_NOT_ALLOWED);
    } else if (!config->admin_restore_enabled) {
        reply_error(request, "restore", NULL, HTTP_UNAVAILABLE);
    } else if (!config->serialize_last_processed_zxid) {
        reply_error(request, "restore", NULL, HTTP_INTERNAL_ERROR);
    } else if (request->body_too_large) {
        reply_error(request, "restore", "the snapshot is too large", HTTP_TOO_LARGE);
    } else if (request->body.len == 0) {
        reply_error(request, "restore", NULL, HTTP_BAD_REQUEST);
    } else if (!rate_allows(admin, &admin->restores, &admin->node->stats.restore_rate_limited)) {
        reply_error(request, "restore", NULL, HTTP_TOO_MANY_REQUESTS);
    } else if (node_restore(admin->node, buffer_slice(&request->body), on_restore_done, request,
                            &message) != 0) {
        LOG("admin", LOG_ERROR, "restore: %s", message.text);
        reply_error(request, "restore", message.text, HTTP_INTERNAL_ERROR);
    } else {
        request->is_waiting = true;
    }
}

/* ---- dispatch
 * -------------------------------------------------------------------------------------------- */

static const struct admin_command *find_command(struct slice name)
{
    for (size_t i = 0; i < admin_command_count; i++) {
        for (size_t alias = 0; alias < ARRAY_LEN(admin_commands[i].names); alias++) {
            const char *known = admin_commands[i].names[alias];
            if (known != NULL && slice_equal_cstr(name, known)) {
                return &admin_commands[i];
            }
        }
    }
    return NULL;
}

static void run_authorized(struct admin_server *admin,
                           struct http_request *request,
                           const struct admin_command *command)
{
    const char *error = NULL;
    int status = authorize(admin, request, &error);
    if (status != 0) {
        reply_error(request, command->names[0], error, status);
    } else if (strcmp(command->names[0], "snapshot") == 0) {
        run_snapshot(admin, request);
    } else {
        run_restore(admin, request);
    }
}

static void run_command(struct admin_server *admin, struct http_request *request, struct slice name)
{
    const struct admin_command *command = find_command(name);
    char text[128];
    char error[192];
    if (command == NULL) {
        snprintf(text, sizeof text, "%.*s", (int)MIN(name.len, 100), (const char *)name.ptr);
        snprintf(error, sizeof error, "Unknown command: %s", text);
        bool is_text = text_is_utf8(slice_of_cstr(text));
        reply_error(request, is_text ? text : "?", is_text ? error : "Unknown command", HTTP_OK);
        return;
    }
    if (!command->is_always && !status_is_serving(admin->node)) {
        reply_error(request, command->names[0], STATUS_NOT_SERVING, HTTP_OK);
        return;
    }
    if (command->run == NULL) {
        run_authorized(admin, request, command);
        return;
    }
    if (request->is_post) {
        reply_error(request, command->names[0], "the command takes a GET", HTTP_METHOD_NOT_ALLOWED);
        return;
    }
    struct admin_call call = {
        .node = admin->node, .request = request, .data = admin_json(json_object())};
    command->run(&call);
    reply_json(request, call.data, command->names[0], NULL, HTTP_OK);
}

/* What stands behind admin.commandURL in the path: "" for the list, the name of a command. */
static bool command_name(const struct admin_server *admin,
                         const struct http_request *request,
                         struct slice *name)
{
    struct slice url = slice_of_cstr(admin->node->config.admin_command_url);
    if (!slice_starts_with(request->path, url)) {
        return false;
    }
    *name = slice_part(request->path, url.len, request->path.len);
    if (name->len > 0 && name->ptr[0] == '/') {
        *name = slice_part(*name, 1, name->len);
    }
    return true;
}

/* A snapshot is taken in from those alone who may restore it: nobody else fills the memory. */
static size_t admin_body_limit(void *ctx, struct http_request *request)
{
    struct admin_server *admin = ctx;
    struct slice name;
    const char *error;
    bool may_restore = admin->node->config.admin_restore_enabled &&
                       command_name(admin, request, &name) &&
                       (slice_equal_cstr(name, "restore") || slice_equal_cstr(name, "rest")) &&
                       admin->node->state == NODE_RUNNING && authorize(admin, request, &error) == 0;
    return may_restore ? RESTORE_BODY_BYTES_MAX : METRICS_BODY_BYTES_MAX;
}

static void on_admin_request(void *ctx, struct http_request *request)
{
    struct admin_server *admin = ctx;
    struct slice name;
    if (!command_name(admin, request, &name)) {
        buffer_append_cstr(&request->content, "Not found. The commands are listed at ");
        buffer_append_cstr(&request->content, admin->node->config.admin_command_url);
        buffer_append_u8(&request->content, '\n');
        request->content_type = "text/plain";
        request->status = HTTP_NOT_FOUND;
    } else if (name.len == 0) {
        reply_links(admin, request);
    } else {
        run_command(admin, request, name);
    }
}

static void on_metrics_request(void *ctx, struct http_request *request)
{
    struct admin_server *admin = ctx;
    request->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (!slice_equal_cstr(request->path, "/metrics")) {
        buffer_append_cstr(&request->content, "Not found. The figures are at /metrics\n");
        request->status = HTTP_NOT_FOUND;
        return;
    }
    server_metrics_print_prometheus(admin->node->metrics, &request->content);
    request->status = HTTP_OK;
}

/* ---- starting
 * -------------------------------------------------------------------------------------------- */

static struct admin_server *admin_of(struct node *node, struct admin_server **admin)
{
    if (*admin == NULL) {
        *admin = mem_alloc_zeroed(sizeof **admin);
        (*admin)->node = node;
    }
    return *admin;
}

int admin_server_start_metrics(struct node *node,
                               struct admin_server **result,
                               struct errmsg *message)
{
    const struct zk_config *config = &node->config;
    if (!config->prometheus_enabled) {
        return 0;
    }
    struct admin_server *admin = admin_of(node, result);
    struct http_server_options options = {
        .address = config->prometheus_host,
        .port = (uint16_t)config->prometheus_port,
        .idle_timeout_ms = (uint32_t)config->admin_idle_timeout_ms,
        .body_bytes_max = METRICS_BODY_BYTES_MAX,
    };
    return http_server_start(node->runtime, &options, on_metrics_request, admin, &admin->prometheus,
                             message);
}

int admin_server_start(struct node *node, struct admin_server **result, struct errmsg *message)
{
    const struct zk_config *config = &node->config;
    if (!config->admin_enabled) {
        return 0;
    }
    struct admin_server *admin = admin_of(node, result);
    struct http_server_options options = {
        .address = config->admin_address,
        .port = (uint16_t)config->admin_port,
        .idle_timeout_ms = (uint32_t)config->admin_idle_timeout_ms,
        .body_bytes_max = METRICS_BODY_BYTES_MAX,
        .body_limit = admin_body_limit,
    };
    return http_server_start(node->runtime, &options, on_admin_request, admin, &admin->http,
                             message);
}

void admin_server_stop(struct admin_server *admin)
{
    bool is_free = admin->http == NULL || http_server_stop(admin->http);
    if (admin->prometheus != NULL) {
        is_free = http_server_stop(admin->prometheus) && is_free;
    }
    if (is_free) {
        mem_free(admin, sizeof *admin);
    }
}
