/*
 * Connections in flight: one thread, one epoll, any number of ZooKeeper sessions, each with many
 * requests outstanding. The engine moves bytes and matches replies to requests (a server answers a
 * session's requests in order); what to send and what to count is the caller's, through
 * load_handler.
 *
 * Requests are collected per connection and leave in one send. A frame is parsed where it was
 * received. Nothing is allocated per request, so the generator costs little beside the server.
 */
#ifndef BENCH_LOAD_ENGINE_H
#define BENCH_LOAD_ENGINE_H

#include "workload.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum load_conn_state {
    LOAD_CONN_IDLE,       /* no socket */
    LOAD_CONN_CONNECTING, /* connect() under way */
    LOAD_CONN_GREETING,   /* ConnectRequest sent */
    LOAD_CONN_READY       /* has a session */
};

struct load_ticket {
    uint64_t start_ns; /* when it was sent, or should have been */
    uint32_t item;
    enum load_op op;
};

struct load_conn {
    int fd;
    enum load_conn_state state;
    uint32_t idx;
    uint32_t outstanding;
    int32_t next_xid;  /* of the next request; the oldest outstanding is next_xid - outstanding */
    uint64_t try_ns;   /* when the latest connect() was called */
    uint64_t begin_ns; /* when the first connect() of this session was called */
    struct load_ticket *tickets; /* a ring of engine->depth, by xid */
    uint8_t *partial;            /* the beginning of a frame whose rest has not come */
    size_t partial_len;
    uint8_t *unsent; /* what the socket did not take */
    size_t unsent_len;
    bool waits_to_write;
};

/* All optional but reply. They may call load_conn_request for the connection that they are given.
 */
struct load_handler {
    void (*ready)(void *ctx, struct load_conn *conn);
    void (*reply)(void *ctx, struct load_conn *conn, const struct load_ticket *ticket);
    /* A watch event; its body is not of interest. */
    void (*event)(void *ctx, struct load_conn *conn);
    /* After the last reply of one receive. */
    void (*refill)(void *ctx, struct load_conn *conn);
    /* The connection ended. Without this function that ends the program. */
    void (*lost)(void *ctx, struct load_conn *conn);
};

struct load_engine {
    int epoll_fd;
    struct sockaddr_in address;
    struct load_workload *workload;
    struct load_conn *conns;
    uint32_t conn_count;
    uint32_t depth; /* a power of two */
    uint32_t session_timeout_ms;
    uint64_t connect_timeout_ns; /* 0: no limit for one try */
    struct load_handler handler;
    void *ctx;
    uint64_t now_ns; /* of the latest receive */
    uint8_t *in;
    uint8_t *out;
    size_t out_len;
    struct load_conn *out_conn; /* whose requests are in `out` */
    /* Totals */
    uint64_t errors;
    int32_t first_error;
    uint32_t ready_count;
    uint64_t retries; /* connections that ended before they were ready, and were begun again */
};

/* Makes room for `conn_count` sessions of at most `depth` requests each; connects none. */
void load_engine_open(struct load_engine *engine,
                      struct load_workload *workload,
                      uint32_t conn_count,
                      uint32_t depth);
void load_engine_close(struct load_engine *engine);

/* Starts the connection of an idle one; `ready` follows. */
void load_engine_connect(struct load_engine *engine, struct load_conn *conn);

/*
 * Connects all, at most `window_max` at a time (0: all at once), and returns when all are ready.
 * One that ends before it is ready, or is not ready after connect_timeout_ns, is begun again if
 * there is a handler.lost.
 */
void load_engine_connect_all(struct load_engine *engine, uint32_t window_max, uint64_t limit_ns);

/* Closes every session as a client should, so that nothing is left to expire; the engine is done.
 */
void load_engine_end_sessions(struct load_engine *engine, uint64_t limit_ns);

/*
 * Adds one request. The caller checks load_conn_has_room first. It leaves with load_engine_flush,
 * or when the handler that the engine called returns, or when another connection's request is
 * added.
 */
void load_conn_request(struct load_engine *engine,
                       struct load_conn *conn,
                       enum load_op op,
                       uint32_t item,
                       uint64_t start_ns);

static inline bool load_conn_has_room(const struct load_engine *engine,
                                      const struct load_conn *conn)
{
    return conn->outstanding < engine->depth;
}

void load_engine_flush(struct load_engine *engine);

/* Waits for readiness at most timeout_ns (UINT64_MAX: for ever) and handles what is ready. */
void load_engine_turn(struct load_engine *engine, uint64_t timeout_ns);

#endif
