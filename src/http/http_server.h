/* http_server.h - HTTP on the event loop of a real process: libmicrohttpd without threads, its
 * descriptor watched by the loop.
 *
 * One handler gets whole requests (method, path, query, body up to a limit) and fills in a reply,
 * at once or later (http_reply_later). Used by the admin server and by the Prometheus endpoint.
 * Only the real program has it (it needs runtime/uv).
 */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "base/buffer.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"

struct http_server;
struct MHD_Connection;

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    bool is_post;
    struct slice path;  /* without the query */
    struct buffer body; /* of a POST */
    bool body_too_large;
    char client_ip[TCP_ADDRESS_TEXT_MAX];

    /* the reply */
    int status; /* 0 until it is known: the handler answers later */
    const char *content_type;
    struct buffer content;
    int content_fd;         /* >= 0: the file to send instead of content (taken over) */
    char headers[2][2][64]; /* up to two more headers: name, value */
    bool is_waiting;        /* the handler answers later */
    void *handler_data;     /* the handler's own, while it is waiting */
};

/* NULL when the query or the header is absent. */
const char *http_request_argument(const struct http_request *request, const char *name);
const char *http_request_header(const struct http_request *request, const char *name);

/* Called on the loop. Fills in status and content, or sets is_waiting and calls http_reply_ready
 * later. */
typedef void http_handler(void *ctx, struct http_request *request);

struct http_server_options {
    const char *address; /* numeric */
    uint16_t port;
    uint32_t idle_timeout_ms;
    size_t body_bytes_max;
    /* NULL, or how long the body of this request may be; its path and headers are known */
    size_t (*body_limit)(void *ctx, struct http_request *request);
};

NODISCARD int http_server_start(struct runtime *runtime,
                                const struct http_server_options *options,
                                http_handler *handler,
                                void *ctx,
                                struct http_server **server,
                                struct errmsg *message);

/* The reply of a waiting request has been filled in. */
void http_reply_ready(struct http_request *request);

/* Requests that wait get no answer, and what they belong to stays: false, when there are any. The
 * process is ending then. */
bool http_server_stop(struct http_server *server);

#endif
