/* request.h - one request on its way through the broker: what a handler gets, and how it answers.
 *
 * Life: connection.c frames and decodes it (header and body, in the request's own arena),
 * dispatch.c finds its handler by api_key; the handler reads request->body, and calls request_reply
 * once, now or later. Whoever answers later keeps the request, and sets on_abort to hear that the
 * connection died (after which the request must not be touched any more, and must not be answered).
 *
 * Order: answers leave in the order in which the requests came. A connection's next request is
 * started while earlier ones wait only when all of them are Produce (so that an idempotent
 * producer's five in flight share one flush); otherwise it waits for the answer, as Apache's muted
 * channel does. The connection stops reading above its limits of bytes and of requests.
 *
 * Memory: the arena holds the decoded body and whatever the handler makes for its answer; it ends
 * with the request. Slices of the body borrow from the frame, which stays until the answer; only
 * Produce's frame is the connection's own and ends with the handler call (its batches are stamped
 * and written in place), so whatever of it is needed for the answer is copied into the arena.
 *
 * Sources: RequestChannel, KafkaApis, SocketServer of Apache Kafka 3.9; reference 1.1, 5.5, 5.7.
 */
#ifndef KAFKA_SERVER_REQUEST_H
#define KAFKA_SERVER_REQUEST_H

#include "base/arena.h"
#include "base/list.h"
#include "kafka/storage/partition_log.h"
#include "wire/codec.h"

struct broker;
struct connection;

struct request {
    struct list link; /* the connection's queue */
    struct broker *broker;
    struct connection *connection;
    struct arena arena;
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct slice client_id; /* may be null */
    const void *body;       /* the generated struct of this API's request message */
    struct slice frame;     /* the bytes behind the length */
    uint64_t received_ns;
    int32_t throttle_time_ms; /* set by quotas before the handler's answer is encoded; after the
                               * answer nothing is read from the connection for that long */
    void (*on_abort)(struct request *request);
    void *handler_state; /* the handler's own, in the arena or freed by on_abort/answer */

    /* connection.c's own */
    const struct api *api;
    struct buffer answer; /* made before its turn came */
    size_t answer_start;
    size_t answer_range_bytes;
    bool is_answered;
};

/* A handler may change the bytes of request->frame (Produce stamps batches in place). */
typedef void request_handler(struct broker *broker, struct request *request);

struct api {
    int16_t key;
    const char *name; /* "Produce" */
    int16_t min_version;
    int16_t max_version; /* what ApiVersions advertises */
    const struct codec_message *request;
    const struct codec_message *response;
    request_handler *handle;
};

/* The table, by api_key; NULL where nothing is served. In dispatch.c; a new API is a line there, a
 * line in handlers.h and a file in handlers/. */
const struct api *api_find(int16_t api_key);
extern const struct api apis[];
extern const size_t api_count;

/* Encodes `response` (the generated struct of this API) in the request's version and sends it when
 * its turn comes. The request is gone afterwards. */
void request_reply(struct request *request, const void *response);

/* An answer that the handler writes itself (Fetch): the frame's length and the response header are
 * there already; the handler appends the body to the buffer, and between its bytes ranges of files,
 * which are dropped by the callee. Only for a request that is the connection's only one (anything
 * but Produce). Between begin and end nothing else may happen; the request is gone after the end.
 */
struct buffer *request_reply_begin(struct request *request);
void request_reply_range(struct request *request, struct log_range *range);
void request_reply_end(struct request *request);

/* Produce with acks=0: nothing is sent; an error closes the connection. */
void request_reply_none(struct request *request);
void request_close_connection(struct request *request, const char *reason);

/* For the arena of a request: the effective bytes that a handler may still take for its answer. */
#define REQUEST_ARENA_BYTES_MAX ((size_t)1 << 30)

/* The listener's name ("PLAINTEXT") that the connection came in by, for Metadata; the peer's
 * address as text with Java's slash ("/127.0.0.1"); the principal ("ANONYMOUS"). */
struct slice request_listener(const struct request *request);
struct slice request_client_host(const struct request *request);
struct slice request_principal(const struct request *request);

#endif
