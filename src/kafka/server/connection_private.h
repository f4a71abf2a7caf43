/* connection_private.h - what connection.c, listen.c and request.c share, and nobody else. */
#ifndef KAFKA_SERVER_CONNECTION_PRIVATE_H
#define KAFKA_SERVER_CONNECTION_PRIVATE_H

#include "base/map.h"
#include "kafka/server/broker.h"
#include "kafka/server/connection.h"

/* api_key, api_version, correlation_id: every request begins with them. */
#define FRAME_BYTES_MIN 8

#define SPARE_BUFFERS_MAX 8 /* emptied buffers of large frames that wait for the next ones */
#define SPARE_BUFFER_BYTES_MAX ((size_t)8 << 20)
#define API_STATS_MAX 96

/* What a connection has to go through before it may ask for anything. */
enum connection_stage {
    CONNECTION_TLS,  /* reserved */
    CONNECTION_SASL, /* reserved */
    CONNECTION_READY,
};

struct kafka_listener {
    struct sockets *sockets;
    struct tcp_listener *listener; /* NULL: not listening */
    struct tcp_address bound;
    char name[64];
};

struct connection {
    struct list link; /* sockets->connections, in the order of their last bytes */
    struct list run_link;
    struct list short_link; /* waits for memory */
    struct list held_link;  /* waits for the peer to take its answers */
    struct sockets *sockets;
    struct kafka_listener *listener;
    struct tcp_stream *stream;
    struct buffer partial;  /* a cut frame, or frames that may not start yet */
    size_t partial_counted; /* of stats.partial_bytes */
    struct list requests;   /* under way, in the order they came */
    uint32_t request_count;
    uint32_t held_turns; /* looked at since it is held */
    enum connection_stage stage;
    uint64_t active_ns;
    uint64_t address_key;
    uint64_t id;
    struct runtime_timer mute_timer;
    bool is_closing; /* tcp_close was called */
    bool is_taking;  /* its frames are being started: an answer need not ask for it */
    bool is_stopped; /* a whole frame waits for its turn */
    bool is_paused;  /* the stream was told so */
    uint16_t port;
    char host[TCP_ADDRESS_TEXT_MAX + 1]; /* "/127.0.0.1", as Java prints it */
};

struct sockets {
    struct broker *broker;
    struct runtime *runtime;
    struct kafka_listener listeners[BROKER_LISTENERS_MAX];
    struct list connections;
    struct list runnable; /* connections that may go on at the turn's end */
    struct list short_of_memory;
    struct list held;            /* looked at again in the next turn */
    struct connection *favoured; /* goes on while memory is short */
    uint64_t favoured_ns;        /* when it last did */
    struct u64_map by_address;   /* how many connections */
    struct hash_key hash_key;
    struct runtime_timer idle_timer;
    struct runtime_timer nudge_timer;
    struct runtime_hook turn_end;
    struct buffer spares[SPARE_BUFFERS_MAX];
    size_t spare_count;
    struct list free_requests;
    size_t free_request_count;
    uint64_t connection_cap; /* what the process's descriptors allow; 0: not known */
    uint64_t next_connection_id;
    uint64_t bad_logged_ns;
    uint64_t bad_unlogged;
    bool is_serving;
    bool is_closing;
    bool is_detached;
    void (*on_closed)(void *ctx);
    void *on_closed_ctx;

    int32_t resolving; /* listen.c: listeners whose name is being looked up */
    void (*on_listening)(void *ctx, int error, const char *text);
    void *on_listening_ctx;

    struct socket_stats stats;
    struct api_stats api_stats[API_STATS_MAX];
};

/* ---- connection.c ---------------------------------------------------------------------------- */

void connection_close(struct connection *connection, uint32_t linger_ms);
void connection_close_bad(struct connection *connection, const char *why, int64_t number);

/* It may have something to do at the turn's end. */
void connection_run(struct connection *connection);

/* No further request starts for so long (KIP-219). */
void connection_mute(struct connection *connection, int32_t time_ms);
void sockets_accept_hook(struct tcp_stream *stream, void *ctx); /* ctx: struct kafka_listener */

/* ---- cut_frames.c ---------------------------------------------------------------------------- */

/* A favoured connection that brings nothing for so long is closed. */
#define FAVOURED_STALL_NS (10 * UINT64_C(1000000000))

/* partial's memory has changed. */
void partial_count(struct connection *connection);
/* It is empty. */
void partial_give_back(struct connection *connection);
/* Room for a frame of `whole` bytes, of which some are in `partial`: from a spare buffer at once,
 * else growing with what came. */
void partial_reserve(struct connection *connection, size_t whole);
/* Over the budget, large cut frames wait; one of them may go on. */
bool partial_may_grow(struct connection *connection);
/* The favoured frame is whole or gone: the next may go on. */
void partial_next(struct sockets *sockets);

/* ---- request.c ------------------------------------------------------------------------------- */

/* Makes a request of a whole frame and handles it, or closes the connection. */
void request_start(struct connection *connection, struct slice frame);
void request_drop(struct sockets *sockets, struct request *request);
void request_free_spares(struct sockets *sockets);

#endif
