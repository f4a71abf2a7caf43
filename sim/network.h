/* network.h - TCP between simulated machines: two ordered byte streams a connection, and what goes
 * wrong with them.
 *
 * Model. A connection has two ends (0 dialled, 1 was dialled) and two pipes (pipe n carries what
 * end n sends). What is sent is cut into chunks at any byte; each arrives after the pipe's latency,
 * never before the chunk in front of it, and waits at the other end until it is consumed. A pipe
 * takes only `window` bytes that nobody has consumed. TCP never loses or reorders bytes, so faults
 * are faults of connections: a pipe stalls, is cut (nothing arrives until it is healed, if ever),
 * or the connection is reset. A machine that loses its power falls silent (net_forget); once it is
 * up again, it answers bytes for connections that it does not know with a reset.
 *
 * Hosts. The last number of an address says which host it is. The way from one host to another can
 * be cut or slow for all connections, those to come included; so a cut may go one way only.
 *
 * Connections live until the end of the run, so late events find them.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "runtime/runtime.h"
#include "sim/heap.h"
#include "sim/schedule.h"

struct net_conn;

/* What an end hears. Each is called as an event of its own. */
struct net_handler {
    /* End 0 alone: 0, or why the connection was not made. */
    void (*on_connected)(void *ctx, struct net_conn *conn, int error);
    void (*on_arrival)(void *ctx, struct net_conn *conn); /* bytes, or the peer's end */
    void (*on_room)(void *ctx, struct net_conn *conn);    /* a full window has room again */
    void (*on_reset)(void *ctx, struct net_conn *conn);   /* nothing follows */
    /* Not heard of in any real network, and at once: the other end has taken `total` bytes of what
     * this one sent. For the checker; may be NULL. */
    void (*on_consumed)(void *ctx, struct net_conn *conn, uint64_t total);
};

struct net_chunk {
    struct net_chunk *next;
    uint64_t time_ns;
    size_t len;
    bool is_end; /* the sender's orderly end, without bytes */
    uint8_t bytes[];
};

struct net_pipe {
    struct net_chunk *first;
    struct net_chunk *last;
    struct bytes arrived;
    size_t unconsumed; /* in flight and arrived */
    size_t window;
    uint64_t latency_ns;
    uint64_t jitter_ns;
    uint64_t last_time_ns;
    uint64_t stalled_until_ns;
    uint64_t sent_total;
    uint64_t consumed_total;
    bool is_cut;
    bool end_sent;
    bool end_arrived;
    bool was_full;
};

struct net_end {
    const struct net_handler *handler;
    void *ctx;
    struct tcp_address address;
    bool is_open;
};

struct net_conn {
    struct net_conn *next; /* network.conns */
    struct network *network;
    uint64_t id;
    struct net_end ends[2];
    struct net_pipe pipes[2];
    bool is_reset;
};

struct net_listener {
    struct tcp_address address;
    void (*on_accept)(void *ctx, struct net_conn *conn);
    void *ctx;
    bool is_open;
};

/* How the network of a run behaves. */
struct net_profile {
    uint64_t latency_max_ns;
    uint64_t window_max;
    uint32_t split_once_in; /* a send is cut at any byte; 0: never */
    uint32_t crumb_once_in; /* ... into very small pieces */
};

struct net_counts {
    uint64_t connections;
    uint64_t bytes;
    uint64_t chunks;
    uint64_t splits;
    uint64_t resets;
};

#define NET_LISTENERS_MAX 64
#define NET_HOSTS_MAX 64

/* The way from one host to another. */
struct net_way {
    bool is_cut;
    uint64_t slow_ns; /* comes to the latency of each pipe */
};

struct network {
    struct schedule *schedule;
    struct random random;
    struct net_profile profile;
    struct net_conn *conns;
    uint64_t next_id;
    uint16_t next_port;
    struct net_listener listeners[NET_LISTENERS_MAX];
    struct net_counts counts;
    bool has_hosts;                /* there are several servers: an address is more than its port */
    bool machine_is_silent;        /* the only server's machine has no power: nothing is answered */
    bool is_silent[NET_HOSTS_MAX]; /* the same, of one among several */
    struct net_way ways[NET_HOSTS_MAX][NET_HOSTS_MAX]; /* [from][to] */
    /* Names that are no numbers; NULL: there is no name service. */
    bool (*resolve)(void *ctx, struct slice host, struct tcp_address *address);
    void *resolve_ctx;
    /* A process takes these bytes, at this end, and will look at them. For onlookers; may be NULL.
     */
    void (*tap)(void *ctx, const struct net_conn *conn, int end, struct slice bytes);
    void *tap_ctx;
};

static inline size_t net_host_of(const struct tcp_address *address)
{
    return address->ip[3] % NET_HOSTS_MAX;
}

void network_init(struct network *network, struct schedule *schedule, const struct random *seed);
void network_release(struct network *network);

/* NULL when the address is taken. Port 0 draws one. */
struct net_listener *net_listen(struct network *network,
                                const struct tcp_address *address,
                                void (*on_accept)(void *ctx, struct net_conn *conn),
                                void *ctx);
void net_unlisten(struct net_listener *listener);

struct net_conn *net_connect(struct network *network,
                             const struct tcp_address *from,
                             const struct tcp_address *to,
                             const struct net_handler *handler,
                             void *ctx);

/* Inside on_accept. */
void net_accept(struct net_conn *conn, const struct net_handler *handler, void *ctx);
void net_reject(struct net_conn *conn);

/* Takes as much as the window has room for. */
size_t net_send(struct net_conn *conn, int end, struct slice bytes);

/* What has arrived at `end` and was not consumed. */
struct slice net_arrived(const struct net_conn *conn, int end);
bool net_end_arrived(const struct net_conn *conn, int end);
void net_consume(struct net_conn *conn, int end, size_t len);

/* Closes an end: orderly (what was sent still arrives) or by a reset. */
void net_close(struct net_conn *conn, int end);
void net_abort(struct net_conn *conn, int end);

/* Closes an end without a word to the other: its machine is gone. */
void net_forget(struct net_conn *conn, int end);

/* ---- faults ---- */

void net_set_cut(struct net_conn *conn, int pipe, bool is_cut);
void net_stall(struct net_conn *conn, int pipe, uint64_t until_ns);

/* Both ends hear a reset. */
void net_break(struct net_conn *conn);

/* Cuts the way from one host to another, or heals it: what was held back arrives then. */
void net_cut_way(struct network *network, size_t from, size_t to, bool cuts);

#endif
