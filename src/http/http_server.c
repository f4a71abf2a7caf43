/* http_server.c - see http_server.h.
 *
 * libmicrohttpd runs in its external epoll mode: the loop watches its one descriptor, and a timer
 * serves its time-outs. A request that is answered later is suspended and resumed, so nothing
 * blocks.
 */
#include "http/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define CONNECTIONS_MAX 64
#define CONNECTION_MEMORY_BYTES ((size_t)32 << 10)
#define CONTENT_BYTES_MAX ((size_t)1 << 30)
#define RUN_ROUNDS_MAX 64
#define TIMEOUT_TICK_NS UINT64_C(1000000000)

struct http_server {
    struct runtime *runtime;
    struct MHD_Daemon *daemon;
    struct runtime_watch watch;
    struct runtime_timer tick;
    http_handler *handler;
    void *ctx;
    size_t body_bytes_max;
    size_t (*body_limit)(void *ctx, struct http_request *request);
    bool is_stopped;
    uint32_t waiting; /* requests that are answered later */
};

const char *http_request_argument(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* ---- one request
 * ----------------------------------------------------------------------------------------- */

static struct http_request *request_create(struct http_server *server,
                                           struct MHD_Connection *connection,
                                           const char *url,
                                           const char *method)
{
    struct http_request *request = mem_alloc_zeroed(sizeof *request);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request->server = server;
    request->connection = connection;
    request->is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    request->path = slice_of_cstr(url);
    request->content_fd = -1;
    request->content_type = "text/html;charset=utf-8";
    buffer_init(&request->content, CONTENT_BYTES_MAX);
    if (info != NULL && info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)info->client_addr;
        (void)inet_ntop(AF_INET, &v4->sin_addr, request->client_ip, sizeof request->client_ip);
    } else if (info != NULL && info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 =
            (const struct sockaddr_in6 *)(const void *)info->client_addr;
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        const void *ip = is_v4 ? &v6->sin6_addr.s6_addr[12] : &v6->sin6_addr.s6_addr[0];
        (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, ip, request->client_ip,
                        sizeof request->client_ip);
    }
    return request;
}

static void request_release(struct http_request *request)
{
    if (request->content_fd >= 0) {
        close(request->content_fd);
    }
    buffer_release(&request->body);
    buffer_release(&request->content);
    mem_free(request, sizeof *request);
}

static struct MHD_Response *make_response(struct http_request *request)
{
    if (request->content_fd >= 0) {
        struct stat info;
        int fd = request->content_fd;
        request->content_fd = -1;
        if (fstat(fd, &info) != 0) {
            close(fd);
            return NULL;
        }
        return MHD_create_response_from_fd64((uint64_t)info.st_size, fd);
    }
    return MHD_create_response_from_buffer(request->content.len, request->content.data,
                                           MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_reply(struct http_request *request)
{
    struct MHD_Response *response = make_response(request);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                                     request->content_type);
    for (size_t i = 0; i < ARRAY_LEN(request->headers) && result == MHD_YES; i++) {
        if (request->headers[i][0][0] != '\0') {
            result = MHD_add_response_header(response, request->headers[i][0],
                                             request->headers[i][1]);
        }
    }
    if (result == MHD_YES) {
        result = MHD_queue_response(request->connection, (unsigned)request->status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static void take_body(struct http_request *request, const char *data, size_t len)
{
    if (request->body_too_large || len > buffer_room(&request->body)) {
        request->body_too_large = true;
        return;
    }
    buffer_append(&request->body, slice_of(data, len));
}

/* The headers have come. */
static struct http_request *request_begin(struct http_server *server,
                                          struct MHD_Connection *connection,
                                          const char *url,
                                          const char *method)
{
    struct http_request *request = request_create(server, connection, url, method);
    bool is_known = request->is_post || strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
                    strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    size_t limit = server->body_bytes_max;
    if (!is_known) {
        request->status = MHD_HTTP_METHOD_NOT_ALLOWED;
        snprintf(request->headers[0][0], sizeof request->headers[0][0], MHD_HTTP_HEADER_ALLOW);
        snprintf(request->headers[0][1], sizeof request->headers[0][1], "GET, HEAD, POST");
    } else if (server->body_limit != NULL) {
        limit = server->body_limit(server->ctx, request);
    }
    buffer_init(&request->body, limit);
    return request;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd calls it so */
static enum MHD_Result on_request(void *ctx,
                                  struct MHD_Connection *connection,
                                  const char *url,
                                  const char *method,
                                  const char *version,
                                  const char *data,
                                  size_t *data_len,
                                  void **state)
{
    struct http_server *server = ctx;
    struct http_request *request = *state;
    (void)version;
    if (request == NULL) {
        *state = request_begin(server, connection, url, method);
        return MHD_YES;
    }
    if (*data_len > 0) {
        take_body(request, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (request->status == 0 && !request->is_waiting) {
        request->path = slice_of_cstr(url);
        server->handler(server->ctx, request);
        if (request->status == 0) {
            ASSERT(request->is_waiting);
            server->waiting++;
            MHD_suspend_connection(connection);
            return MHD_YES;
        }
    }
    return request->status == 0 ? MHD_YES : send_reply(request);
}

static void on_completed(void *ctx,
                         struct MHD_Connection *connection,
                         void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)ctx;
    (void)connection;
    (void)code;
    if (*state != NULL) {
        request_release(*state);
        *state = NULL;
    }
}

/* One MHD_run takes each connection one step on. What is ready now is taken to its end, so that it
 * does not wait for the next event or tick; the rounds are bounded, for the loop's other work. */
static void run(struct http_server *server)
{
    for (int round = 0; round < RUN_ROUNDS_MAX; round++) {
        MHD_UNSIGNED_LONG_LONG timeout_ms = 1;
        if (MHD_run(server->daemon) != MHD_YES) {
            LOG("admin", LOG_WARN, "the HTTP server could not run");
            return;
        }
        if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES || timeout_ms > 0) {
            return;
        }
    }
    runtime_timer_set(&server->tick, 0);
}

void http_reply_ready(struct http_request *request)
{
    ASSERT(request->is_waiting && request->status != 0);
    struct http_server *server = request->server;
    request->is_waiting = false;
    server->waiting--;
    if (server->is_stopped) {
        return;
    }
    MHD_resume_connection(request->connection);
    run(server);
}

/* ---- the daemon
 * ------------------------------------------------------------------------------------------ */

static void on_readable(struct runtime_watch *watch)
{
    run(CONTAINER_OF(watch, struct http_server, watch));
}

static void on_tick(struct runtime_timer *timer)
{
    struct http_server *server = CONTAINER_OF(timer, struct http_server, tick);
    runtime_timer_set(timer, runtime_now_ns(server->runtime) + TIMEOUT_TICK_NS);
    run(server);
}

static void make_socket_address(const struct tcp_address *address, struct sockaddr_storage *storage)
{
    memset(storage, 0, sizeof *storage);
    if (address->is_v6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)storage;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        memcpy(&v6->sin6_addr, address->ip, 16);
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)storage;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        memcpy(&v4->sin_addr, address->ip, 4);
    }
}

/* MHD_OPTION_LISTENING_ADDRESS_REUSE stays away: with 1 it is SO_REUSEPORT, and several servers
 * would share the port. Without it the library sets SO_REUSEADDR, so that a restart can bind. */
static int start_daemon(struct http_server *server,
                        const struct http_server_options *options,
                        const struct tcp_address *bound)
{
    struct sockaddr_storage address;
    make_socket_address(bound, &address);
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    /* The wildcard of IPv6 takes IPv4 too, as Java's does. */
    flags |= bound->is_v6 ? (unsigned)MHD_USE_DUAL_STACK : 0u;
    errno = 0;
    server->daemon = MHD_start_daemon(
        flags, options->port, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)(void *)&address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((options->idle_timeout_ms + 999) / 1000), MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return errno == EADDRINUSE ? ERR_IN_USE : errno == EACCES ? ERR_ACCESS : ERR_IO;
    }
    return 0;
}

/* 0.0.0.0 is every address of the host, of both families where it has both. */
static int listen_on(struct http_server *server, const struct http_server_options *options)
{
    struct tcp_address address;
    struct slice host = slice_of_cstr(options->address);
    if (!tcp_address_parse(host, options->port, &address)) {
        return ERR_RESOLVE;
    }
    if (!slice_equal_cstr(host, "0.0.0.0")) {
        return start_daemon(server, options, &address);
    }
    struct tcp_address every = {.is_v6 = true, .port = options->port};
    int error = start_daemon(server, options, &every);
    if (error != 0 && error != ERR_IN_USE && error != ERR_ACCESS) {
        error = start_daemon(server, options, &address); /* a host without IPv6 */
    }
    return error;
}

int http_server_start(struct runtime *runtime,
                      const struct http_server_options *options,
                      http_handler *handler,
                      void *ctx,
                      struct http_server **result,
                      struct errmsg *message)
{
    struct http_server *server = mem_alloc_zeroed(sizeof *server);
    server->runtime = runtime;
    server->handler = handler;
    server->ctx = ctx;
    server->body_bytes_max = options->body_bytes_max;
    server->body_limit = options->body_limit;
    int error = listen_on(server, options);
    if (error == 0) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon,
                                                               MHD_DAEMON_INFO_EPOLL_FD);
        error = info == NULL
                    ? ERR_IO
                    : runtime_watch_fd(runtime, &server->watch, info->epoll_fd, on_readable);
        if (error != 0) {
            MHD_stop_daemon(server->daemon);
        }
    }
    if (error != 0) {
        mem_free(server, sizeof *server);
        return errmsg_set(message, error, "cannot listen on %s:%u: %s", options->address,
                          options->port, error_text(error));
    }
    runtime_timer_init(&server->tick, runtime, on_tick);
    runtime_timer_set(&server->tick, runtime_now_ns(runtime) + TIMEOUT_TICK_NS);
    *result = server;
    return 0;
}

bool http_server_stop(struct http_server *server)
{
    runtime_timer_stop(&server->tick);
    runtime_unwatch_fd(&server->watch);
    server->is_stopped = true;
    if (server->waiting > 0) {
        return false; /* the library cannot stop with suspended requests, and whoever answers them
                         still holds them */
    }
    MHD_stop_daemon(server->daemon);
    mem_free(server, sizeof *server);
    return true;
}
