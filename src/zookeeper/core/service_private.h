/* service_private.h - what the files of the service share: queued requests, the turn in hand,
 * replies.
 *
 * A `turn` is one call into the service: the event that caused it and the outbox that it fills.
 */
#ifndef ZOOKEEPER_CORE_SERVICE_PRIVATE_H
#define ZOOKEEPER_CORE_SERVICE_PRIVATE_H

#include "wire/jute.h"
#include "zookeeper/core/service.h"

#define SERVICE_CONN_MAGIC UINT32_C(0x5a4b434e)

/* One connection may have this much in work; more is not a client but an attack. */
#define PENDING_REQUESTS_MAX 65536
#define PENDING_BYTES_MAX ((size_t)64 << 20)
#define CONN_WATCHES_MAX (INT64_C(4) << 20)
#define CONN_IDENTITIES_MAX 256
/* All of them are in each request that goes to the leader, and in each list of "auth". */
#define CONN_IDENTITIES_BYTES_MAX ((size_t)64 << 10)

#define REPLY_HEADER_BYTES 20u /* length, xid, zxid, err */
#define STAT_BYTES 68u

/* What a request in the queue of its connection waits for. */
enum request_state {
    REQUEST_SUBMITTED, /* its txn */
    REQUEST_SYNCING,   /* the answer to its sync */
    REQUEST_READY,     /* its turn in the queue */
    REQUEST_RAW,       /* the session: a whole frame, not looked at yet */
};

struct service_request {
    struct list link; /* conn->pending */
    enum request_state state;
    int32_t type;
    int32_t cxid;
    int32_t error; /* READY: answer with this and do nothing */
    int64_t zxid;  /* SUBMITTED: of its txn, or SERVICE_ZXID_UNKNOWN */
    uint64_t arrived_ms;
    uint64_t arrived_ns;
    uint8_t *body; /* what is needed later of the request's body (RAW: the frame) */
    size_t body_len;
    size_t body_cap;      /* kept when the struct is used again */
    size_t submitted_len; /* of a write's body, whether kept or not */
};

struct container_queue {
    struct buffer paths;    /* u32 length and bytes, each */
    size_t next;            /* offset of the next to be tried */
    uint64_t next_ms;       /* when the next may be tried; UINT64_MAX when there is none */
    uint64_t next_check_ms; /* when to look for candidates again */
};

struct service_private {
    struct service_proposer proposer;
    struct arena arena; /* of one turn */
    struct list spare;  /* struct service_request without a use */
    size_t spare_count;
    struct list blocked;         /* struct service_conn, by blocked_link */
    struct u64_map revalidating; /* session id -> struct service_conn * that waits for the leader */
    struct u64_map unanswered; /* session id -> how often the leader was asked without an answer */
    struct list orphans;       /* see service_role.c: in order of submission */
    size_t orphan_count;
    struct container_queue containers;
    struct buffer scratch; /* one notification, one audit line */
    uint64_t event_mark;   /* see watcher.mark */
    /* the newest txn's digest was another than the tree's, and an alarm said so */
    bool digest_differs;
    uint64_t digest_alarm_ms; /* no alarm before */
    struct tree_result result;
};

struct turn {
    struct service *service;
    const struct zk_event *event;
    struct zk_outbox *outbox;
};

/* ---- service_reply.c: replies and figures -------------------------------------------- */

/* A reply begins with room for its header; what is appended to outbox->bytes then is its body;
 * reply_end fills in the header and hands it to the connection. */
static inline size_t reply_begin(struct turn *turn)
{
    struct buffer *bytes = &turn->outbox->bytes;
    size_t start = bytes->len;
    buffer_reserve(bytes, REPLY_HEADER_BYTES);
    bytes->len += REPLY_HEADER_BYTES;
    return start;
}

void reply_end(struct turn *turn,
               struct service_conn *conn,
               size_t start,
               int32_t xid,
               int64_t zxid,
               int32_t error);
void reply_empty(struct turn *turn,
                 struct service_conn *conn,
                 int32_t xid,
                 int64_t zxid,
                 int32_t error);

/* Hands the bytes from `start` to the end to the connection, joined to what it got just before. */
void send_bytes(struct turn *turn, struct service_conn *conn, size_t start);
void write_stat(struct buffer *out, const struct zk_stat *stat);

/* The figures of one answered request. `op` is its type, ZK_OP_ERROR when it failed before it was
 * looked at. */
void note_answered(struct turn *turn,
                   struct service_conn *conn,
                   const struct service_request *request,
                   int32_t op);

/* The same for one that was answered in the turn in which it came. */
void note_answered_now(struct turn *turn, struct service_conn *conn, int32_t cxid, int32_t op);

/* ---- service_request.c: frames and queues -------------------------------------------- */

void handle_frame(struct turn *turn, struct service_conn *conn, struct slice frame);
struct service_request *request_add(struct turn *turn,
                                    struct service_conn *conn,
                                    enum request_state state,
                                    struct slice body);
void request_free(struct service *service,
                  struct service_conn *conn,
                  struct service_request *request);
void requests_free(struct service *service, struct service_conn *conn);

/* The session is there: looks at the frames that came meanwhile. */
void handle_raw(struct turn *turn, struct service_conn *conn);

/* Submits a request that no client waits for. */
void submit_internal(struct turn *turn, int64_t session_id, int32_t type, struct slice body);

/* Answers what is ready at the head of the queue, up to `until` (not included) regardless of how
 * much output there is. */
void drain(struct turn *turn, struct service_conn *conn, const struct service_request *until);

/* PAUSE or RESUME, when that has changed. */
void update_pause(struct turn *turn, struct service_conn *conn);

/* Lets the connections go on whose output was full. */
void resume_blocked(struct turn *turn);

/* ---- service_connect.c --------------------------------------------------------------- */

void handle_connect_request(struct turn *turn, struct service_conn *conn, struct slice frame);
void connect_done(struct turn *turn, struct service_conn *conn);
void session_expired(void *ctx, struct session *session);

/* The answer to a ConnectRequest for a session that is there, or not (then the connection is
 * closed). */
void connect_answer(struct turn *turn, struct service_conn *conn, bool is_valid);

/* ---- service_role.c ------------------------------------------------------------------ */

/* Is a new session made for this server alone? */
bool sessions_are_local(const struct service *service);

/* A local session must become everybody's before this request can go on: submits that. ZK_ERR_OK,
 * or why it cannot be. */
int32_t session_upgrade(struct turn *turn,
                        struct service_conn *conn,
                        const struct prep_request *asked);

/* A client closes its local session: nobody else is asked. */
void close_local_session(struct turn *turn, struct service_conn *conn);

/* A session has begun, for everybody. */
void session_begun(struct service *service, int64_t id, int32_t timeout_ms, uint64_t now_ms);

/* A connection goes while this request is at the leader: what comes back for it is nobody's. */
void orphan_add(struct service *service, int64_t session_id, const struct service_request *request);

/* Was this txn (or sync: ZK_OP_SYNC) asked for by a connection that has gone? Forgets that it was.
 */
bool orphan_take(struct service *service, int64_t session_id, int32_t cxid, int32_t type);
void orphans_forget(struct service *service, int64_t session_id);

/* Does a request of this type become a txn of that type (as far as can be told)? */
static inline bool txn_can_be_of(int32_t txn_type, int32_t request_type)
{
    return txn_type == ZK_OP_ERROR ||
           (txn_type == ZK_OP_CREATE_SESSION) == (request_type == ZK_OP_CREATE_SESSION);
}

/* ---- service_auth.c ------------------------------------------------------------------ */

void handle_auth(struct turn *turn, struct service_conn *conn, int32_t xid, struct slice body);
void handle_sasl(struct turn *turn, struct service_conn *conn, int32_t xid, struct slice body);

static inline bool auth_is_enforced(const struct service_config *config)
{
    return config->enforce_auth_enabled || config->session_require_client_sasl_auth;
}

/* False when the connection has not authenticated as it must: it was told and closed. */
bool auth_is_enough(struct turn *turn, struct service_conn *conn, int32_t xid);
void append_who_am_i(struct turn *turn, const struct identities *identities);

/* The part of an id that may be shown. */
struct slice identity_user(const struct zk_id *id);

/* The order in which upstream's set yields them (its hash order): indexes into identities->ids. */
int32_t identities_in_order(const struct identities *identities,
                            int32_t order[CONN_IDENTITIES_MAX]);

/* ---- service_read.c ------------------------------------------------------------------ */

bool op_is_read(int32_t type);

/* Answers a read (ping, watch operations included) from the tree as it is. */
void answer_read(struct turn *turn,
                 struct service_conn *conn,
                 int32_t type,
                 int32_t cxid,
                 struct slice body);

/* Body of getData or getChildren into outbox->bytes; a zk_error, the bytes are then to be dropped.
 */
int32_t read_data(struct turn *turn, struct service_conn *conn, struct slice path, bool watch);
int32_t read_children(struct turn *turn,
                      struct service_conn *conn,
                      struct slice path,
                      bool watch,
                      bool with_stat);

/* ---- service_multi_read.c ------------------------------------------------------------ */

/* The one answer that may have a body beside an error: it has taken its bytes back itself where
 * there is none. */
int32_t read_multi(struct turn *turn, struct service_conn *conn, struct jute_reader *body);

/* Reads over one op of a multi or multiRead behind its header; the flags of a create, -1 for the
 * others. */
int32_t multi_skip_op(struct jute_reader *body, int32_t type);

/* Reads the rest of a create behind its path: data, ACL and flags, which are returned. */
int32_t create_skip_to_flags(struct jute_reader *body);

/* ---- service_watch.c ----------------------------------------------------------------- */

/* False when the connection holds too many watches: it was closed. */
bool add_watch(struct turn *turn,
               struct service_conn *conn,
               struct watch_table *table,
               struct slice path,
               enum watch_mode mode);
int32_t watch_set(struct turn *turn,
                  struct service_conn *conn,
                  int32_t type,
                  struct jute_reader *body);
int32_t watch_check(struct service *service, struct service_conn *conn, struct jute_reader *body);
int32_t watch_take(struct service *service, struct service_conn *conn, struct jute_reader *body);
int32_t watch_persistent(struct turn *turn, struct service_conn *conn, struct jute_reader *body);

/* Tells who watches of everything that the tree's last txn changed. */
void deliver_events(struct turn *turn, int64_t zxid);

/* ---- service_apply.c ----------------------------------------------------------------- */

/* What is left to do when a txn has been applied: answer its request. */
void answer_write(struct turn *turn,
                  struct service_conn *conn,
                  const struct service_request *request,
                  const struct txn *txn,
                  const struct tree_result *result);

/* ---- service_container.c ------------------------------------------------------------- */

void containers_start(struct service *service, uint64_t now_ms);
void containers_stop(struct service *service);
void containers_tick(struct turn *turn);
uint64_t containers_deadline(const struct service *service);

/* ---- service_audit.c ----------------------------------------------------------------- */

void audit_answered(struct turn *turn,
                    const struct service_conn *conn,
                    const struct service_request *request,
                    const struct tree_result *result);
void audit_session_end(struct turn *turn, int64_t session_id);

#endif
