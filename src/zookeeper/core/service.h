/* service.h - the client side of one server: connections, sessions, request order, reads, watches,
 * replies.
 *
 * Model: a connection starts with a ConnectRequest, then sends requests, which are answered in
 * order. A read is answered at once from the tree unless an earlier request of the same connection
 * is still outstanding (then it waits in the connection's queue); a write is submitted to the
 * proposer (prep here or at the leader) and answered when its txn is applied. So every session sees
 * its own writes, and events reach a client before any reply that shows the change.
 * service_apply is the only place where the tree changes: it applies, collects the watch events,
 * answers, and lets the queue go on.
 *
 * Embedded by the role machines (standalone.h, peer.h), which provide the proposer. What it may do
 * depends on who keeps the sessions (enum service_mode, service_role.c).
 * Sources: FinalRequestProcessor, ZooKeeperServer.processConnectRequest, CommitProcessor,
 * NIOServerCnxn; reference 2.2-2.6, 3.1, 3.2.
 */
#ifndef ZOOKEEPER_CORE_SERVICE_H
#define ZOOKEEPER_CORE_SERVICE_H

#include "base/histogram.h"
#include "zookeeper/core/effects.h"
#include "zookeeper/core/prep.h"
#include "zookeeper/core/watch.h"

struct service_config {
    struct prep_config prep;
    struct tree_config tree;
    struct hash_key hash_key;
    int64_t server_id;        /* 1 when standalone */
    int64_t session_start_ms; /* seeds the session ids (see session.h) */
    int32_t tick_ms;
    int32_t min_session_timeout_ms;
    int32_t max_session_timeout_ms;
    int32_t frame_bytes_max; /* jute.maxbuffer */
    /* globalOutstandingLimit: requests in work before reading pauses */
    int32_t outstanding_max;
    size_t output_bytes_max; /* per connection: unread replies before its queued reads wait */
    int32_t multi_ops_max;   /* ops of one multiRead (a multi's: PREP_MULTI_OPS_MAX) */
    size_t multi_response_bytes_max;     /* CVE-2026-100302 */
    int32_t container_check_interval_ms; /* znode.container.checkIntervalMs */
    int32_t container_max_per_minute;
    bool local_sessions_enabled;           /* localSessionsEnabled */
    bool local_sessions_upgrading_enabled; /* localSessionsUpgradingEnabled */
    bool audit_enabled;
    /* enforce.auth.enabled: sessions must have one of the schemes */
    bool enforce_auth_enabled;
    struct slice *enforce_auth_schemes;
    int32_t enforce_auth_scheme_count;
    bool session_require_client_sasl_auth;
    /* who deletes ephemerals at a session's end, for the audit log: the process's user */
    struct slice audit_user;
};

/* Figures of one connection, for cons, stat and metrics. */
struct conn_stats {
    uint64_t established_ms; /* wall */
    uint64_t received;
    uint64_t sent;
    int32_t last_op; /* enum zk_op; cons prints service_last_op_text of it */
    int64_t last_cxid;
    int64_t last_zxid;
    uint64_t last_response_ms; /* monotonic, as upstream's lresp is */
    int64_t last_latency_ms;
    int64_t min_latency_ms; /* -1 before the first */
    int64_t max_latency_ms;
    uint64_t latency_sum_ms;
    uint64_t latency_count;
};

/* One client connection. The host makes and frees the memory around it; the fields are the
 * service's. */
struct service_conn {
    uint32_t magic;
    struct list link; /* service.conns */
    struct watcher watcher;
    struct identities identities;
    /* text, as the ip scheme and the audit log show it; owned by the host */
    struct slice remote_ip;
    uint64_t id;         /* unique, never reused */
    void *host;          /* the host's own */
    size_t output_bytes; /* unsent replies: kept by the host (see ZK_EVENT_WRITTEN) */
    int64_t session_id;  /* 0 before a session was asked for */
    /* NULL when there is none, or it has ended, or another connection took it over */
    struct session *session;
    int32_t session_timeout_ms;
    int64_t behind_zxid;  /* of a session that came back: txns up to here are not of this one */
    bool is_connecting;   /* the ConnectRequest came: what follows waits for its answer */
    bool is_revalidating; /* ... which the leader has to say (REVALIDATE) */
    bool is_established;
    bool is_closing; /* CLOSE was emitted: frames are dropped from now on */
    bool is_paused;
    bool wants_read_only;
    bool has_read_only_field; /* its ConnectRequest ended with the flag, so does the answer */
    struct list pending;      /* struct service_request: in order of arrival */
    int32_t pending_count;
    size_t pending_bytes; /* of their bodies */
    /* in the list of those whose queued reads wait for the peer to take its output */
    struct list blocked_link;
    struct conn_stats stats;
};

/* What the service counts; the host turns it into metrics. All totals since start but where `srst`
 * resets them. */
struct service_stats {
    uint64_t packets_received;
    uint64_t packets_sent;
    int64_t latency_min_ms;
    int64_t latency_max_ms;
    uint64_t latency_sum_ms;
    uint64_t latency_count;
    struct histogram read_latency_us;
    struct histogram update_latency_us;
    int32_t last_response_bytes;
    int32_t min_response_bytes; /* -1 before the first */
    int32_t max_response_bytes;
    /* watchers reached by a change that reached any, by type of event */
    struct histogram node_created_watches;
    struct histogram node_deleted_watches;
    struct histogram node_changed_watches;
    struct histogram node_children_watches;
    uint64_t connection_requests;
    uint64_t connections_revalidated;
    uint64_t closed_by_reason[CLOSE_REASON_COUNT];
    uint64_t stale_sessions_expired;
    uint64_t commits;
    uint64_t auth_failed;
    uint64_t digest_mismatches;
    uint64_t quota_exceeded;
    /* logged txns of a type that this version does not know: skipped, alarmed */
    uint64_t unknown_txns;
};

/* Who keeps the sessions, and whether anybody is served. */
enum service_mode {
    SERVICE_CLOSED,    /* whoever sends a frame is closed: there is no leader */
    SERVICE_OWNER,     /* we: standalone, leader. They end here, containers are looked after here */
    SERVICE_LEARNER,   /* the leader */
    SERVICE_READ_ONLY, /* nobody: each server those that it made itself, for itself */
};

struct service {
    const struct service_config *config;
    enum service_mode mode;
    bool takes_clients; /* false: as SERVICE_CLOSED for clients (leaderServes=no) */
    struct tree tree;
    struct session_table sessions;
    struct watch_table data_watches;
    struct watch_table child_watches;
    struct list conns;
    uint64_t conn_count;
    uint64_t last_conn_id;
    int32_t outstanding;      /* requests taken and not yet answered, all connections */
    size_t outstanding_bytes; /* of the bodies of those that are writes */
    struct service_stats stats;
    struct service_private *private;
};

static inline bool service_is_read_only(const struct service *service)
{
    return service->mode == SERVICE_READ_ONLY;
}

/* What submit returns beside a zxid. */
#define SERVICE_ZXID_UNKNOWN \
    INT64_C(0) /* it will be seen when the txn comes back (or there is none: sync) */
#define SERVICE_MALFORMED INT64_C(-1) /* the body cannot be decoded: no txn will come */

/* The role machine's half: hands a write (or createSession, closeSession, deleteContainer, sync) to
 * the proposer. `request->identities` and `body` borrow for the call. Returns the zxid of the txn
 * that the request has become. */
struct service_proposer {
    int64_t (*submit)(void *ctx,
                      const struct prep_request *request,
                      const struct zk_event *event,
                      struct zk_outbox *outbox);
    void *ctx;
    /* A client came back to this learner: does its session live? service_revalidated follows, from
     * a later step. Only asked in SERVICE_LEARNER. */
    void (*revalidate)(void *ctx, int64_t session_id, int32_t timeout_ms, struct zk_outbox *outbox);
    /* A connection of this very server speaks for the session from now on (SERVICE_OWNER; NULL: not
     * of interest). */
    void (*session_here)(void *ctx, int64_t session_id);
};

void service_init(struct service *service,
                  const struct service_config *config,
                  const struct service_proposer *proposer);
void service_release(struct service *service);

/* After the tree was loaded: SERVICE_OWNER. Registers its sessions with a full timeout each (as a
 * new leader does). */
void service_start(struct service *service, uint64_t now_ms);

/* The same for any mode. The service is CLOSED before. */
void service_begin(struct service *service,
                   enum service_mode mode,
                   bool takes_clients,
                   uint64_t now_ms);

/* The host has heard of a connection whose requests it does not take at the moment. */
void service_heard(struct service *service, struct service_conn *conn, uint64_t now_ms);

/* The mode ends: every connection is closed (CLOSE_SHUTDOWN), sessions are forgotten (the tree
 * knows them), SERVICE_CLOSED. */
void service_stop(struct service *service, struct zk_outbox *outbox);

/* The leader's answer. Txns up to `behind_zxid` were asked for through other connections: clients
 * that count their requests anew for each (kazoo) would take the answer to one for another's. */
void service_revalidated(struct service *service,
                         int64_t session_id,
                         bool is_valid,
                         int64_t behind_zxid,
                         const struct zk_event *event,
                         struct zk_outbox *outbox);

/* A connection was accepted. Adds the ip identity. `conn` is zeroed memory of the host's, whose
 * remote_ip and host are set. */
void service_conn_open(struct service *service,
                       struct service_conn *conn,
                       const struct zk_event *event);

/* Handles FRAME, CLOSED, WRITTEN and TICK. */
void service_step(struct service *service, const struct zk_event *event, struct zk_outbox *outbox);

/* A txn is durable (committed): apply it, send its events, answer its request, go on with the
 * queues. `bytes` is as in the log. */
void service_apply(struct service *service,
                   struct slice txn_bytes,
                   const struct zk_event *event,
                   struct zk_outbox *outbox);

/* A submitted sync has been confirmed (standalone: at once). */
void service_sync_done(struct service *service,
                       int64_t session_id,
                       int32_t cxid,
                       const struct zk_event *event,
                       struct zk_outbox *outbox);

/* Closes one connection from outside (crst is not this; shed, shutdown, admin). */
void service_conn_close(struct service *service,
                        struct service_conn *conn,
                        enum close_reason reason,
                        struct zk_outbox *outbox);

/* When a TICK is next wanted, monotonic ms; UINT64_MAX: never. */
uint64_t service_deadline(const struct service *service);
/* Does the request, or a part of it, ask for an ephemeral node? Then its session must be one that
 * all servers know. */
bool service_makes_ephemeral(const struct service *service, const struct prep_request *asked);

void service_check(const struct service *service);
void service_stats_reset(struct service *service);
void service_conn_stats_reset(struct service_conn *conn);

/* "GETD", "PING"...: how cons shows the last operation; "NA" for one that failed or when there was
 * none. */
const char *service_last_op_text(int32_t op);

#endif
