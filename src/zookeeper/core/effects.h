/* effects.h - what the coordination service's machines hear (events) and want done (effects).
 *
 * Events borrow: their slices need live only during the step. Effects live in the outbox until the
 * host clears it; bytes of a SEND or PERSIST stand in outbox->bytes at [offset, offset + len).
 * The host performs effects in order. PERSIST effects are appended to the log in order;
 * PERSISTED(zxid) says that all up to zxid are durable. What must wait for durability is only
 * produced when PERSISTED arrives (see standalone.h).
 */
#ifndef ZOOKEEPER_CORE_EFFECTS_H
#define ZOOKEEPER_CORE_EFFECTS_H

#include "base/buffer.h"
#include "base/slice.h"
#include "generated/zookeeper/constants.h"

struct service_conn;  /* a client connection as the core sees it */
struct quorum_config; /* quorum.h */

/* A connection of the quorum port as the core sees it: of a learner at its leader, or of a leader
 * at its learner. The host makes and frees the memory around it. */
struct zk_link {
    uint64_t id;          /* unique, never reused */
    void *host;           /* the host's own */
    void *machine;        /* the machine's own; NULL when it knows nothing of the link */
    struct slice remote;  /* text of the peer's address, for the log; the host's */
    bool is_ours;         /* we connected (to a leader) */
    bool is_held;         /* not read just now, since we are behind: kept by the host */
    int64_t attempt;      /* is_ours: the zxid of its LINK_CONNECT */
    size_t output_bytes;  /* not yet taken by the kernel: kept by the host */
    uint64_t input_bytes; /* all that ever came: kept by the host */
};

enum zk_event_kind {
    ZK_EVENT_FRAME,  /* one whole frame (without its length) of a connection */
    ZK_EVENT_CLOSED, /* the connection is gone; it is released when the step returns */
    /* the socket took some output of a paused connection: its output_bytes fell */
    ZK_EVENT_WRITTEN,
    ZK_EVENT_PERSISTED, /* all txns up to zxid are on disk */
    ZK_EVENT_TICK,      /* time has reached X_deadline */
    ZK_EVENT_PEER,      /* of an ensemble: peer_kind says what */
};

/* What a server of an ensemble hears beside its clients (peer.h). */
enum zk_peer_event_kind {
    PEER_EVENT_NOTIFICATION,  /* `frame` came from server `server_id` on the election port */
    PEER_EVENT_ELECTION_UP,   /* the election connection with `server_id` has come up */
    PEER_EVENT_ELECTION_DOWN, /* there is none, and an attempt to make one has failed */
    PEER_EVENT_LINK_OPEN,     /* a learner connected here, or our LINK_CONNECT has succeeded */
    PEER_EVENT_LINK_PACKET,   /* one whole packet of `link`: packet_type, zxid, frame (its data),
                               authinfo (jute: vector of id, as it came) */
    PEER_EVENT_LINK_CLOSED,   /* also a LINK_CONNECT that failed; released when the step returns */
    PEER_EVENT_EPOCH_PERSISTED, /* epoch_kind, zxid = the epoch */
    PEER_EVENT_SNAPSHOT_BEGAN,  /* LINK_SEND_SNAPSHOT of `link` begins now, at state zxid */
    PEER_EVENT_SNAPSHOT_SENT,   /* all its bytes are queued; what was held back follows them */
    PEER_EVENT_SNAPSHOT_READ,  /* LINK_READ_SNAPSHOT: the tree is loaded; error < 0: it is as before
                                */
    PEER_EVENT_SNAPSHOT_TAKEN, /* TAKE_SNAPSHOT: on disk and synced */
    PEER_EVENT_TRUNCATED,      /* TRUNCATE: log cut, tree loaded anew; zxid = the tree's last. error
                                < 0: nothing could be cut (there is no snapshot before it) */
    PEER_EVENT_LOG_READ, /* READ_LOG of `link`: `frame` = entries (u32 length, txn bytes) each;
                          error < 0: not there (ERR_NOT_FOUND) or too much (ERR_LIMIT) */
};

enum zk_epoch_kind {
    ZK_EPOCH_ACCEPTED,
    ZK_EPOCH_CURRENT,
};

struct zk_event {
    enum zk_event_kind kind;
    uint64_t now_ms; /* monotonic */
    uint64_t now_ns; /* monotonic, for latencies */
    int64_t wall_ms;
    struct service_conn *conn; /* FRAME, CLOSED, WRITTEN */
    struct slice frame;        /* FRAME */
    int64_t zxid;              /* PERSISTED, and as said above */
    struct zk_link *link;      /* LINK_*, SNAPSHOT_BEGAN, SNAPSHOT_SENT, SNAPSHOT_READ, LOG_READ */
    int64_t server_id;         /* NOTIFICATION, ELECTION_UP, ELECTION_DOWN */
    int32_t packet_type;       /* LINK_PACKET: enum zk_packet */
    enum zk_peer_event_kind peer_kind; /* PEER; the rest is its */
    struct slice authinfo;             /* LINK_PACKET */
    enum zk_epoch_kind epoch_kind;
    int error; /* negative code; 0 */
};

enum zk_effect_kind {
    /* append bytes (whole frames, lengths included) to the connection's output */
    ZK_EFFECT_SEND,
    ZK_EFFECT_CLOSE,   /* flush, then close the connection */
    ZK_EFFECT_PERSIST, /* append the txn `bytes` to the log */
    ZK_EFFECT_PAUSE,   /* stop reading this connection */
    ZK_EFFECT_RESUME,
    ZK_EFFECT_AUDIT, /* one audit record: `bytes` is the line's text */
    ZK_EFFECT_ALARM, /* for the log, as an error: `bytes` is the line's text; they come seldom */
    ZK_EFFECT_PEER,  /* of an ensemble: peer_kind says what */
};

/* What a server of an ensemble wants done beside (peer.h); performed in order with the others. */
enum zk_peer_effect_kind {
    PEER_EFFECT_NOTIFY,       /* `bytes` to server_id's election port: the newest one wins while it
                               waits to be sent */
    PEER_EFFECT_LINK_CONNECT, /* to server_id's quorum port (all its addresses, the first that
                               answers): LINK_OPEN or LINK_CLOSED follows, tried for at most len ms
                               in all (5 tries as upstream). zxid: see zk_link.attempt */
    PEER_EFFECT_LINK_SEND,    /* whole packets; held back while a snapshot is on its way */
    PEER_EFFECT_LINK_CLOSE,   /* flush a moment, then close; LINK_CLOSED follows */
    PEER_EFFECT_LINK_SEND_SNAPSHOT, /* the tree's body, then "BenWasHere": SNAPSHOT_BEGAN when it is
                                     this link's turn (the machine then sends the SNAP packet, which
                                     goes in front), SNAPSHOT_SENT at the end */
    PEER_EFFECT_LINK_READ_SNAPSHOT, /* what follows on the link is a body and its signature: it
                                     becomes the tree when it is whole, and nothing changes before;
                                     SNAPSHOT_READ. Closing the link ends it */
    PEER_EFFECT_TAKE_SNAPSHOT, /* write one of the tree as it is, synced, in place, then drop all
                                txns and snapshots above its zxid: SNAPSHOT_TAKEN. The log begins
                                a new file */
    PEER_EFFECT_TRUNCATE,      /* cut the log behind zxid, load the tree again: TRUNCATED */
    PEER_EFFECT_READ_LOG,      /* for link: txns in (from_zxid, zxid], at most len bytes:
                                LOG_READ */
    PEER_EFFECT_PERSIST_EPOCH, /* epoch_kind, zxid = epoch: behind every PERSIST before it; durable:
                                EPOCH_PERSISTED */
    PEER_EFFECT_CONFIG,        /* `config` is in force (is_committed) or proposed: the dynamic file,
                                ports and peers follow it. Kept by the effect until the outbox is
                                cleared */
    PEER_EFFECT_ROLE, /* state, zab_state, is_serving or is_read_only of the peer changed: for the
                       log, ports, status. `bytes` says why, when there is something to say. In
                       order with the other effects */
    PEER_EFFECT_FAIL, /* the server cannot go on: `bytes` says why, zxid is the exit
                       code (12 unmatched commit, 13 quorum packet, 1) */
};

/* Why the server closes a connection (log, metrics). */
enum close_reason {
    CLOSE_CLIENT_ASKED, /* closeSession answered */
    CLOSE_SESSION_EXPIRED,
    CLOSE_SESSION_UNKNOWN,    /* bad password or unknown id: the reply said so */
    CLOSE_ZXID_AHEAD,         /* the client has seen more than this server */
    CLOSE_SESSION_TAKEN_OVER, /* the session reconnected elsewhere */
    CLOSE_SESSION_MOVED,
    CLOSE_AUTH_FAILED,
    CLOSE_BAD_REQUEST, /* malformed or out of order */
    CLOSE_UNIMPLEMENTED,
    CLOSE_LIMIT,
    CLOSE_NOT_READ_ONLY,
    CLOSE_SHUTDOWN,
    CLOSE_REASON_COUNT,
};

struct zk_effect {
    enum zk_effect_kind kind;
    enum close_reason reason;  /* CLOSE */
    struct service_conn *conn; /* all but PERSIST, AUDIT and ALARM */
    int64_t zxid;              /* PERSIST, and as said above */
    /* SEND, PERSIST, AUDIT, ALARM: where its bytes are in outbox->bytes */
    size_t offset;
    size_t len;
    enum zk_peer_effect_kind peer_kind; /* PEER; the rest is its */
    struct zk_link *link;               /* LINK_*, READ_LOG */
    int64_t server_id;                  /* NOTIFY, LINK_CONNECT */
    int64_t from_zxid;                  /* READ_LOG: exclusive */
    enum zk_epoch_kind epoch_kind;
    struct quorum_config *config; /* CONFIG */
    bool is_committed;            /* CONFIG */
};

struct zk_outbox {
    struct zk_effect *effects;
    size_t count;
    size_t cap;
    size_t config_count; /* effects that keep a configuration */
    struct buffer bytes;
};

void zk_outbox_init(struct zk_outbox *outbox);
void zk_outbox_release(struct zk_outbox *outbox);
void zk_outbox_clear(struct zk_outbox *outbox);

/* Adds an effect, zeroed but for its kind. The pointer is good until the next add. */
struct zk_effect *zk_outbox_add(struct zk_outbox *outbox, enum zk_effect_kind kind);

/* A CONFIG effect, which keeps `config` until it is cleared. */
void zk_outbox_add_config(struct zk_outbox *outbox,
                          struct quorum_config *config,
                          bool is_committed);

static inline struct slice zk_effect_bytes(const struct zk_outbox *outbox,
                                           const struct zk_effect *effect)
{
    return slice_of(outbox->bytes.data + effect->offset, effect->len);
}

#endif
