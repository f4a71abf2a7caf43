/* election_private.h - what election_port.c, election_stream.c and election_dial.c share.
 *
 * A peer is a server that we talk to; a stream is a connection, which has a peer once it is known
 * whose it is. A peer has at most one stream that carries messages, and at most one attempt to make
 * one (a look-up, then streams one after another).
 */
#ifndef ZOOKEEPER_SERVER_ELECTION_PRIVATE_H
#define ZOOKEEPER_SERVER_ELECTION_PRIVATE_H

#include "zookeeper/server/election_port.h"
#include "zookeeper/server/own_listener.h"

/* Upstream's versions of the header. */
#define ELECTION_PROTOCOL_V1 INT64_C(-65536)
#define ELECTION_PROTOCOL_V2 INT64_C(-65535)

/* A connection is tried again after this long, doubling, while something waits to be sent. */
#define ELECTION_RETRY_MIN_MS 100
#define ELECTION_RETRY_MAX_MS 10000

/* A connection on which nothing came for this long, although we sent that often, is made anew: the
 * network may have been cut, and TCP's own patience is longer than an election. */
#define ELECTION_SILENCE_MS 10000
#define ELECTION_SILENCE_SENDS 5

/* A connection that ended sooner is tried again only after a pause. */
#define ELECTION_SHORT_LIFE_MS 1000

/* A peer that does not read: its next message waits in its place. */
#define ELECTION_OUTPUT_MAX ((size_t)64 << 10)
#define ELECTION_OUTPUT_LOOK_MS 200

enum election_stream_state {
    ELECTION_STREAM_CONNECTING, /* ours: on_open is to come */
    ELECTION_STREAM_HEADER,     /* theirs: who is it? */
    ELECTION_STREAM_OPEN,       /* carries messages of `peer` */
    ELECTION_STREAM_CLOSING,    /* on_close is to come; nobody's */
};

struct election_stream {
    struct list entry; /* election_port.streams */
    struct election_port *port;
    struct tcp_stream *tcp;
    struct election_peer *peer; /* CONNECTING, OPEN */
    enum election_stream_state state;
    uint64_t deadline_ns; /* CONNECTING, HEADER */
    struct buffer partial;
};

/* A name that is being looked up for a peer; outlives it. */
struct election_lookup {
    struct list entry; /* election_port.lookups */
    struct election_port *port;
    struct election_peer *peer; /* NULL: nobody waits for it any more */
};

struct election_peer {
    struct list entry; /* election_port.peers */
    int64_t id;
    struct election_stream *stream; /* OPEN, or NULL */

    struct buffer waiting; /* the message that is to be sent */
    bool has_waiting;

    bool wants_stream; /* it knocked, or its connection broke */
    bool is_probing;   /* after a broken connection: only to see whether it is alive */
    bool is_dialling;
    uint64_t dial_at_ns; /* UINT64_MAX: not before something waits */
    uint32_t retry_ms;
    uint32_t host_at; /* of the attempt: which of its hosts, which address of that */
    struct election_lookup *lookup;
    struct election_stream *attempt;
    struct tcp_address addresses[TCP_RESOLVE_MAX];
    size_t address_count;
    size_t address_at;

    char header_host[QUORUM_HOST_MAX + 1]; /* where it says it is; "": it has not */
    uint16_t header_port;

    uint64_t opened_ns;        /* when its stream became its */
    uint64_t unanswered_ns;    /* since when we have sent without hearing; 0: not */
    uint32_t unanswered_count; /* how often */
};

struct election_port {
    struct runtime *runtime;
    const struct zk_config *config;
    const struct election_port_events *events;
    void *ctx;
    struct quorum_config *members;
    struct quorum_config *proposed; /* NULL: none */
    /* The last configuration with a line for this server: one that a reconfiguration has removed
     * still asks who leads, and listens and says where it is as before. */
    struct quorum_config *own_source;
    struct own_listener *listener;
    struct list peers;
    struct list streams;
    uint32_t unknown_count; /* peers that are in no configuration */
    struct list lookups;
    int64_t next_nameless_id; /* for observers without a number of their own */
    uint64_t refusal_logged_ns;
    struct runtime_timer timer;
    bool is_open;
};

/* ---- election_port.c ------------------------------------------------------------------------- */

/* In the configuration that is in force, else in the proposed one; NULL: in neither. */
const struct quorum_server *election_member(const struct election_port *port, int64_t id);
struct election_peer *election_peer_find(const struct election_port *port, int64_t id);

/* NULL: there are too many strangers. */
struct election_peer *election_peer_get(struct election_port *port, int64_t id);

/* Looks at all deadlines again. */
void election_port_arm(struct election_port *port);

/* ---- election_stream.c ----------------------------------------------------------------------- */

void election_stream_accepted(struct tcp_stream *tcp, void *ctx);

/* Starts connecting for the peer; NULL when that is impossible at once. */
struct election_stream *election_stream_connect(struct election_peer *peer,
                                                struct election_port *port,
                                                const struct tcp_address *address);

/* Nobody's from now on. */
void election_stream_close(struct election_stream *stream, uint32_t linger_ms);

/* Sends what waits, when the stream takes it. */
void election_stream_flush(struct election_port *port, struct election_peer *peer);

/* It is the peer's connection from now on, in place of any other; on_up. */
void election_stream_adopt(struct election_stream *stream, struct election_peer *peer);

/* ---- election_dial.c ------------------------------------------------------------------------- */

/* Begins an attempt unless there is one, or a connection. */
void election_dial_begin(struct election_port *port, struct election_peer *peer);

/* The stream of the attempt is open: says who we are; the connection is the peer's when it is ours
 * to make, and closed when we only knock. */
void election_dial_opened(struct election_stream *stream);

/* The stream of the attempt has failed: the next address, or the end of the attempt. */
void election_dial_failed(struct election_port *port, struct election_peer *peer);

/* Gives the attempt up without a word. */
void election_dial_cancel(struct election_peer *peer);

#endif
