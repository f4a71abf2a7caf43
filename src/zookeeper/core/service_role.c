/* service_role.c - what the service does differently where somebody else keeps the sessions.
 *
 * Modes (enum service_mode): standalone and leader own the sessions: all of them stand in the
 * table, end there, and their end is a transaction. A learner has those of its connections in the
 * table, without an end; it tells the leader whom it has heard of (session_table_take_touched),
 * asks it when a client comes back (REVALIDATE), and sees a session's end as a transaction like any
 * other. Without a leader nobody is served, or, read-only, whoever asks for that.
 *
 * Local sessions (localSessionsEnabled, and all that begin in read-only mode) stand in the table of
 * the server that made them and nowhere else: they begin and end without a transaction. One that
 * wants to own an ephemeral node is made everybody's first, under its id.
 *
 * Orphans: a learner knows its requests by session and cxid alone when their txns come back. A
 * client that lost its connection while a request was at the leader may come back to this same
 * server and count from the same number again; then the old txn must not answer the new request. So
 * what a closed connection had asked for is remembered until its txn came.
 *
 * Revalidation: a connection waits for the answer to its own question, the last one for its
 * session, and not for one that an earlier connection had asked. The leader would hear its question
 * later, when the client has long gone to another server and has written there, take the session
 * back, and do what the client had asked for here and given up (ensemble seed 453287426).
 *
 * Sources: LearnerSessionTracker, UpgradeableSessionTracker, QuorumZooKeeperServer,
 * ReadOnlyZooKeeperServer.
 */
#include "zookeeper/core/service_private.h"

#include "base/memory.h"

/* Remembered at most; beyond, the oldest is forgotten (its txn would be seen as upstream sees it).
 */
#define ORPHANS_MAX 4096u

#define CREATE_FLAG_EPHEMERAL 1
#define CREATE_FLAG_EPHEMERAL_SEQUENTIAL 3

struct orphan {
    struct list link;
    int64_t session_id;
    int32_t cxid;
    int32_t type; /* of the request */
};

/* ---- modes --------------------------------------------------------------------------- */

void service_start(struct service *service, uint64_t now_ms)
{
    service_begin(service, SERVICE_OWNER, true, now_ms);
}

void service_begin(struct service *service,
                   enum service_mode mode,
                   bool takes_clients,
                   uint64_t now_ms)
{
    ASSERT(service->mode == SERVICE_CLOSED && mode != SERVICE_CLOSED);
    service->mode = mode;
    service->takes_clients = takes_clients;
    if (mode != SERVICE_OWNER) {
        return;
    }
    size_t position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    while (u64_map_next(&service->tree.sessions, &position, &id, &timeout_ms)) {
        session_table_add(&service->sessions, (int64_t)id, (int32_t)timeout_ms, now_ms);
    }
    containers_start(service, now_ms);
}

void service_stop(struct service *service, struct zk_outbox *outbox)
{
    LIST_FOR_EACH_SAFE(link, after, &service->conns)
    {
        struct service_conn *conn = CONTAINER_OF(link, struct service_conn, link);
        service_conn_close(service, conn, CLOSE_SHUTDOWN, outbox);
    }
    orphans_forget(service, 0);
    session_table_clear(&service->sessions);
    u64_map_release(&service->private->unanswered);
    u64_map_init(&service->private->unanswered);
    containers_stop(service);
    service->mode = SERVICE_CLOSED;
    service->takes_clients = false;
}

/* ---- sessions that the leader keeps -------------------------------------------------- */

void service_revalidated(struct service *service,
                         int64_t session_id,
                         bool is_valid,
                         int64_t behind_zxid,
                         const struct zk_event *event,
                         struct zk_outbox *outbox)
{
    struct turn turn = {service, event, outbox};
    struct service_private *private = service->private;
    uint64_t value = 0;
    if (!u64_map_remove(&private->unanswered, (uint64_t)session_id, &value)) {
        return; /* nobody had asked */
    }
    if (value > 1) {
        u64_map_put(&private->unanswered, (uint64_t)session_id, value - 1);
        return;
    }
    if (!u64_map_remove(&private->revalidating, (uint64_t)session_id, &value)) {
        return; /* it did not wait for the answer */
    }
    struct service_conn *conn = (struct service_conn *)(uintptr_t)value;
    conn->is_revalidating = false;
    conn->behind_zxid = behind_zxid;
    if (is_valid) {
        conn->session = session_table_add_remote(&service->sessions, session_id,
                                                 conn->session_timeout_ms);
        conn->session->conn = conn;
    }
    connect_answer(&turn, conn, is_valid);
    if (!conn->is_closing) {
        handle_raw(&turn, conn);
    }
}

void session_begun(struct service *service, int64_t id, int32_t timeout_ms, uint64_t now_ms)
{
    struct session *session = session_table_find(&service->sessions, id);
    if (service->mode == SERVICE_OWNER) {
        if (session == NULL) {
            session = session_table_add(&service->sessions, id, timeout_ms, now_ms);
        }
        session->is_local = false;
    } else if (session != NULL && session->is_local) {
        /* It was upgraded elsewhere, after its client had moved there and back. */
        session_set_remote(&service->sessions, session);
    }
}

/* ---- local sessions ------------------------------------------------------------------ */

bool sessions_are_local(const struct service *service)
{
    return service->mode == SERVICE_READ_ONLY || service->config->local_sessions_enabled;
}

void close_local_session(struct turn *turn, struct service_conn *conn)
{
    int64_t id = conn->session_id;
    service_conn_close(turn->service, conn, CLOSE_CLIENT_ASKED, turn->outbox);
    session_table_remove(&turn->service->sessions, id);
}

static bool create_is_ephemeral(struct jute_reader *body)
{
    (void)jute_read_bytes(body);
    int32_t flags = create_skip_to_flags(body);
    return body->error == 0 &&
           (flags == CREATE_FLAG_EPHEMERAL || flags == CREATE_FLAG_EPHEMERAL_SEQUENTIAL);
}

static bool multi_has_ephemeral(struct jute_reader *body)
{
    for (;;) {
        int32_t type = jute_read_i32(body);
        bool done = jute_read_bool(body);
        (void)jute_read_i32(body);
        if (body->error != 0 || done) {
            return false;
        }
        int32_t flags = multi_skip_op(body, type);
        if (body->error == 0 && (type == ZK_OP_CREATE || type == ZK_OP_CREATE2) &&
            (flags == CREATE_FLAG_EPHEMERAL || flags == CREATE_FLAG_EPHEMERAL_SEQUENTIAL)) {
            return true;
        }
    }
}

/* QuorumZooKeeperServer.checkUpgradeSession. A body that cannot be decoded is not ours to judge. */
bool service_makes_ephemeral(const struct service *service, const struct prep_request *asked)
{
    struct jute_reader body = jute_reader_of(asked->body, service->config->prep.max_string_bytes);
    switch (asked->type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
        return create_is_ephemeral(&body);
    case ZK_OP_MULTI:
        return multi_has_ephemeral(&body);
    default:
        return false;
    }
}

int32_t session_upgrade(struct turn *turn,
                        struct service_conn *conn,
                        const struct prep_request *asked)
{
    struct service *service = turn->service;
    struct session *session = conn->session;
    static const struct identities nobody = {0};
    ASSERT(session->is_local);
    if (!service_makes_ephemeral(service, asked)) {
        return ZK_ERR_OK;
    }
    if (!service->config->local_sessions_upgrading_enabled) {
        return ZK_ERR_EPHEMERALONLOCALSESSION;
    }
    if (service->mode == SERVICE_LEARNER) {
        session_set_remote(&service->sessions, session);
    } else {
        session->is_local = false;
    }
    struct prep_request request = {.session_id = session->id,
                                   .type = ZK_OP_CREATE_SESSION,
                                   .identities = &nobody,
                                   .session_timeout_ms = conn->session_timeout_ms};
    const struct service_proposer *proposer = &service->private->proposer;
    (void)proposer->submit(proposer->ctx, &request, turn->event, turn->outbox);
    return ZK_ERR_OK;
}

/* ---- orphans ------------------------------------------------------------------------- */

static void orphan_free(struct service *service, struct orphan *orphan)
{
    list_remove(&orphan->link);
    service->private->orphan_count -= 1;
    mem_free(orphan, sizeof *orphan);
}

static struct orphan *first_orphan(const struct service *service, int64_t session_id)
{
    LIST_FOR_EACH(link, &service->private->orphans)
    {
        struct orphan *orphan = CONTAINER_OF(link, struct orphan, link);
        if (session_id == 0 || orphan->session_id == session_id) {
            return orphan;
        }
    }
    return NULL;
}

void orphan_add(struct service *service, int64_t session_id, const struct service_request *request)
{
    bool is_away = request->state == REQUEST_SYNCING ||
                   (request->state == REQUEST_SUBMITTED && request->zxid == SERVICE_ZXID_UNKNOWN);
    if (service->mode != SERVICE_LEARNER || !is_away) {
        return;
    }
    struct service_private *private = service->private;
    if (private->orphan_count == ORPHANS_MAX) {
        orphan_free(service, first_orphan(service, 0));
    }
    struct orphan *orphan = mem_alloc_zeroed(sizeof *orphan);
    orphan->session_id = session_id;
    orphan->cxid = request->cxid;
    orphan->type = request->type;
    list_append(&private->orphans, &orphan->link);
    private->orphan_count += 1;
}

bool orphan_take(struct service *service, int64_t session_id, int32_t cxid, int32_t type)
{
    LIST_FOR_EACH(link, &service->private->orphans)
    {
        struct orphan *orphan = CONTAINER_OF(link, struct orphan, link);
        bool is_sync = orphan->type == ZK_OP_SYNC;
        if (orphan->session_id == session_id && is_sync == (type == ZK_OP_SYNC)) {
            /* The first of its kind: what was asked for later comes later. */
            bool is_it = orphan->cxid == cxid && (is_sync || txn_can_be_of(type, orphan->type));
            if (is_it) {
                orphan_free(service, orphan);
            }
            return is_it;
        }
    }
    return false;
}

void orphans_forget(struct service *service, int64_t session_id)
{
    struct orphan *orphan = NULL;
    while ((orphan = first_orphan(service, session_id)) != NULL) {
        orphan_free(service, orphan);
    }
}
