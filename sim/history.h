/* history.h - what the clients did and saw, for the checkers.
 *
 * A request remembers what was known when it was sent; a connection remembers the frames that came,
 * in order. Everything lives until the end of the run, in one pool.
 *
 * History also holds G, the transactions that the server has logged, by zxid. A standalone server
 * counts from 1 without a gap, so G is an array. It is filled from the log files: whenever the
 * server comes up, at the end, and when purging takes a file away. Of an ensemble, G is what was
 * committed, and grows as it is (sim/ensemble/ghost.h).
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "base/map.h"
#include "sim/operation.h"

struct connection;

struct request {
    struct connection *connection;
    const struct operation *operation;
    int32_t xid;
    size_t number; /* among the session's ordinary requests, from 1; 0: none of them */
    struct identity identity;
    uint64_t sent_ns;
    uint64_t sent_order;
    int64_t told_before; /* the newest zxid that any client had been told when this was sent */
    uint64_t frame_end;  /* the connection's bytes up to and with this request */
    bool is_consumed;    /* the server has taken all of it */
    bool is_answered;
    int32_t error;
    int64_t zxid;
    struct slice body;
    int64_t logged_zxid; /* filled by the checker */
};

/* A reply (request not NULL) or a notification, as it came. */
struct frame {
    struct request *request;
    int64_t zxid;
    int32_t event;
    int32_t state;
    struct slice path;
};

/* The server took a request of the session, which then had this timeout. */
struct heard {
    uint64_t ns;
    int32_t timeout_ms;
};

struct sim_session {
    int64_t id;
    int client;
    int32_t timeout_ms;        /* as negotiated last */
    struct request **requests; /* ordinary ones, over all its connections, as they were sent */
    size_t count;
    size_t cap;
    struct heard *heard; /* in the order of time */
    size_t heard_count;
    size_t heard_cap;
    bool was_answered; /* a client was told of it */
    bool is_abandoned; /* no client speaks for it any more: it is to expire */

    /* Filled by the checker. */
    int64_t created_zxid;
    int64_t closed_zxid;
    int32_t created_timeout_ms;
    size_t last_logged; /* the request's number */
};

struct connection {
    uint64_t id;
    int client;
    struct sim_session *session; /* NULL before it is known */
    bool asks_new_session;
    int32_t asked_timeout_ms;
    int32_t timeout_ms;  /* what it must become */
    bool renews_session; /* until the server has taken its greeting */
    struct identity identity;
    struct frame *frames;
    size_t frame_count;
    size_t frame_cap;
    struct request **requests; /* all that were sent, in order */
    size_t request_count;
    size_t request_cap;
    size_t consumed_count; /* of them the server has taken */
    bool is_deaf;          /* one of those made the server end the connection */
    uint64_t established_order;
    uint64_t closed_order;
};

/* One logged transaction. */
struct logged {
    int64_t zxid;
    struct slice bytes;
};

/* The server came up. */
struct recovery_record {
    int64_t zxid;
    uint64_t order; /* history's, when it happened */
    uint64_t ns;
    uint64_t digest;      /* the server's own sum, 0 when digests are off */
    uint64_t fingerprint; /* of the whole tree, as the checker counts it */
    uint64_t nodes;
};

struct history {
    struct pool pool;
    struct connection **connections;
    size_t connection_count;
    size_t connection_cap;
    struct u64_map sessions; /* id -> struct sim_session * */
    struct sim_session **session_list;
    size_t session_count;
    size_t session_cap;
    struct logged *log; /* log[zxid - 1] */
    size_t log_count;
    size_t log_cap;
    struct recovery_record *recoveries;
    size_t recovery_count;
    size_t recovery_cap;
    uint64_t order;    /* counts what clients do and see */
    int64_t told_zxid; /* the newest zxid that a reply has carried */
    uint64_t answered;
    uint64_t answered_writes;
    uint64_t events;
};

void history_init(struct history *history);
void history_release(struct history *history);

struct connection *history_connection(struct history *history, int client);
struct sim_session *history_session(struct history *history, int64_t id);
struct sim_session *history_find_session(const struct history *history, int64_t id);

struct request *history_request(struct history *history,
                                struct connection *connection,
                                const struct operation *operation,
                                int32_t xid);
struct frame *history_frame(struct history *history, struct connection *connection);

/* G[zxid]; false when another transaction stands there already. */
bool history_log(struct history *history, int64_t zxid, struct slice bytes);

/* G grows by what was committed next, in an ensemble. */
void history_commit(struct history *history, int64_t zxid, struct slice bytes);

/* An epoch began, which is known only when a later one has begun: where in the log it stands. */
size_t history_begin_late(struct history *history, int64_t zxid);

/* Forgets what was logged above zxid: a power cut took it. */
void history_log_cut(struct history *history, int64_t zxid);

#endif
