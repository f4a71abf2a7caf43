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

struct service_conn; /* a client connection as the core sees it */

enum zk_event_kind {
    ZK_EVENT_FRAME,  /* one whole frame (without its length) of a connection */
    ZK_EVENT_CLOSED, /* the connection is gone; it is released when the step returns */
    /* the socket took some output of a paused connection: its output_bytes fell */
    ZK_EVENT_WRITTEN,
    ZK_EVENT_PERSISTED, /* all txns up to zxid are on disk */
    ZK_EVENT_TICK,      /* time has reached X_deadline */
};

struct zk_event {
    enum zk_event_kind kind;
    uint64_t now_ms; /* monotonic */
    uint64_t now_ns; /* monotonic, for latencies */
    int64_t wall_ms;
    struct service_conn *conn; /* FRAME, CLOSED, WRITTEN */
    struct slice frame;        /* FRAME */
    int64_t zxid;              /* PERSISTED */
};

enum zk_effect_kind {
    /* append bytes (whole frames, lengths included) to the connection's output */
    ZK_EFFECT_SEND,
    ZK_EFFECT_CLOSE,   /* flush, then close the connection */
    ZK_EFFECT_PERSIST, /* append the txn `bytes` to the log */
    ZK_EFFECT_PAUSE,   /* stop reading this connection */
    ZK_EFFECT_RESUME,
    ZK_EFFECT_AUDIT, /* one audit record: `bytes` is the line's text */
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
    struct service_conn *conn; /* all but PERSIST and AUDIT */
    int64_t zxid;              /* PERSIST */
    size_t offset;             /* SEND, PERSIST, AUDIT: where its bytes are in outbox->bytes */
    size_t len;
};

struct zk_outbox {
    struct zk_effect *effects;
    size_t count;
    size_t cap;
    struct buffer bytes;
};

void zk_outbox_init(struct zk_outbox *outbox);
void zk_outbox_release(struct zk_outbox *outbox);
void zk_outbox_clear(struct zk_outbox *outbox);

/* Adds an effect, zeroed but for its kind. The pointer is good until the next add. */
struct zk_effect *zk_outbox_add(struct zk_outbox *outbox, enum zk_effect_kind kind);

static inline struct slice zk_effect_bytes(const struct zk_outbox *outbox,
                                           const struct zk_effect *effect)
{
    return slice_of(outbox->bytes.data + effect->offset, effect->len);
}

#endif
