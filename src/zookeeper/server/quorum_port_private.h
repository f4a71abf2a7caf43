/* quorum_port_private.h - what the files of the quorum port share: quorum_port.c (links, packets),
 * quorum_dial.c (connecting to a leader), quorum_listen.c (the server's own addresses),
 * quorum_relay.c (observers of the leader that come to a follower), quorum_snapshot_out.c,
 * quorum_snapshot_in.c. */
#ifndef ZOOKEEPER_SERVER_QUORUM_PORT_PRIVATE_H
#define ZOOKEEPER_SERVER_QUORUM_PORT_PRIVATE_H

#include "zookeeper/core/quorum.h"
#include "zookeeper/server/quorum_port.h"
#include "zookeeper/storage/snapshot_scan.h"

#define QUORUM_LINK_MAGIC 0x51554c4bu

struct quorum_dial; /* quorum_dial.c */
struct snapshot_in; /* quorum_snapshot_in.c */

enum snapshot_out_state {
    SNAPSHOT_OUT_NONE,
    SNAPSHOT_OUT_WAITS,  /* for its turn at the tree's cursor */
    SNAPSHOT_OUT_BEGUN,  /* the machine knows; its SNAP packet is awaited */
    SNAPSHOT_OUT_WRITES, /* the body */
};

struct quorum_link {
    uint32_t magic;
    struct zk_link link;
    struct list entry; /* quorum_port.links, or the dial's tries */
    struct quorum_port *port;
    struct tcp_stream *stream;
    struct buffer partial;    /* the beginning of a packet whose end has not come */
    size_t needed;            /* bytes of it before it is worth looking again */
    struct quorum_dial *dial; /* while connecting: it is in the dial's list then */
    bool is_told;             /* the machine knows of it */
    bool has_spoken;          /* a packet of it has come */
    bool is_closing;          /* tcp_close was called */
    uint64_t opened_ns;
    char remote_text[TCP_ADDRESS_TEXT_MAX + 8];

    enum snapshot_out_state out_state;
    struct list out_entry; /* quorum_port.snapshots_out, or alone */
    struct buffer held;    /* packets behind the snapshot */
    uint64_t out_began_ns;
    uint64_t out_bytes;    /* of the snapshot, written since */
    size_t out_seen;       /* output that waited when progress was last looked for */
    uint64_t out_moved_ns; /* when it last became less */

    struct snapshot_in *in;
};

struct quorum_port {
    struct node *node;
    struct list links;
    uint32_t link_count;
    uint64_t last_link_id;
    struct list dials;
    struct list relays; /* quorum_relay.c */
    uint32_t relay_count;
    struct own_listener *listener; /* NULL before the port was opened, as the next one */
    struct own_listener *observer_listener;
    bool is_open;
    bool is_closed;
    uint64_t closing_logged_ns; /* when it was last said why a link is closed; 0: never */
    uint64_t dial_logged_ns;    /* ... that a leader was reached */

    struct list snapshots_out;   /* links: the first one has the cursor, or is next */
    struct tree_snapshot *walk;  /* of the first one */
    struct buffer sink;          /* what the walk wrote */
    struct runtime_timer wake;   /* turns go on coming while a snapshot is written */
    struct runtime_timer minder; /* looks after stalled snapshots and paused links */
    struct list receiving;       /* struct snapshot_in, also those whose link is gone */
};

/* ---- quorum_port.c --------------------------------------------------------------------------- */

struct zk_event quorum_event(struct quorum_port *port,
                             enum zk_peer_event_kind kind,
                             struct zk_link *link);
void quorum_step(struct quorum_port *port, const struct zk_event *event);

/* A link that nobody knows of, without a stream; and the end of one. */
struct quorum_link *quorum_link_new(struct quorum_port *port);
void quorum_link_free(struct quorum_link *link);
extern const struct tcp_handler quorum_link_handler;

/* Its stream is open: it counts from now on. */
void quorum_link_opened(struct quorum_link *link);
void quorum_link_tell(struct quorum_link *link);
void quorum_link_close(struct quorum_link *link, uint32_t linger_ms);

/* Puts bytes on the stream and counts them. */
void quorum_link_write(struct quorum_link *link, struct slice bytes);
void quorum_link_count_output(struct quorum_link *link);

/* Takes packets from what has come, as far as the link may be read. */
void quorum_link_go_on(struct quorum_link *link);

/* ---- quorum_dial.c --------------------------------------------------------------------------- */

void quorum_dial_begin(struct quorum_port *port,
                       int64_t server_id,
                       int64_t attempt,
                       uint64_t limit_ms);
void quorum_dial_end_all(struct quorum_port *port);
void quorum_dial_release_all(struct quorum_port *port);
void quorum_dial_opened(struct quorum_link *link, int error);
void quorum_dial_lost(struct quorum_link *link);

/* ---- quorum_listen.c ------------------------------------------------------------------------- */

NODISCARD int quorum_listen_begin(struct quorum_port *port, struct errmsg *message);
void quorum_listen_end(struct quorum_port *port);

/* No name is looked up any more. */
bool quorum_listen_is_quiet(const struct quorum_port *port);
void quorum_listen_release_all(struct quorum_port *port);
void quorum_port_accepted(struct quorum_port *port, struct tcp_stream *stream);

/* ---- quorum_relay.c -------------------------------------------------------------------------- */

/* Somebody has come to observerMasterPort. */
void quorum_relay_accepted(struct quorum_port *port, struct tcp_stream *stream);
void quorum_relay_end_all(struct quorum_port *port, uint32_t linger_ms);
void quorum_relay_release_all(struct quorum_port *port);

/* ---- quorum_snapshot_out.c ------------------------------------------------------------------- */

void snapshot_out_queue(struct quorum_link *link);
/* True when the bytes are not to be sent now: they are held back. */
bool snapshot_out_takes(struct quorum_link *link, struct slice bytes);
void snapshot_out_drop(struct quorum_link *link);
void snapshot_out_turn(struct quorum_port *port);
void snapshot_out_mind(struct quorum_port *port, uint64_t now_ns);

/* ---- quorum_snapshot_in.c -------------------------------------------------------------------- */

void snapshot_in_begin(struct quorum_link *link);
/* Takes what belongs to the snapshot; returns how much. */
size_t snapshot_in_take(struct quorum_link *link, struct slice bytes);
/* No more can be taken before the disk has followed, or the tree is loaded. */
bool snapshot_in_is_full(const struct snapshot_in *in);
/* The link is gone, or going. */
void snapshot_in_abandon(struct quorum_link *link);
void snapshot_in_release_all(struct quorum_port *port);

#endif
