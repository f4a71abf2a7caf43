/* service_connect.c - the first message of a connection: a new session, or one that comes back.
 *
 * A new session is a transaction: the answer waits until it is durable, and what the client sends
 * meanwhile waits too. A session that comes back needs no transaction: the connection that spoke
 * for it before is closed, the password says that it is the client's own, and the answer leaves at
 * once. A session that is unknown, or is ending, or whose password is wrong, is answered with
 * zeros, which clients read as "expired".
 *
 * The older connection is closed before the password is looked at, as upstream does it.
 *
 * Sources: ZooKeeperServer.processConnectRequest, reopenSession, finishSessionInit;
 * ProtocolManager.
 */
#include "zookeeper/core/service_private.h"

#define CONNECT_RESPONSE_BYTES 36u

struct connect_request {
    int64_t last_zxid_seen;
    int32_t timeout_ms;
    int64_t session_id;
    struct slice password;
};

static bool read_connect_request(const struct service *service,
                                 struct service_conn *conn,
                                 struct slice frame,
                                 struct connect_request *request)
{
    struct jute_reader reader = jute_reader_of(frame, service->config->prep.max_string_bytes);
    (void)jute_read_i32(&reader); /* protocol version: never looked at */
    request->last_zxid_seen = jute_read_i64(&reader);
    request->timeout_ms = jute_read_i32(&reader);
    request->session_id = jute_read_i64(&reader);
    request->password = jute_read_bytes(&reader);
    if (reader.error != 0) {
        return false;
    }
    /* Clients from before 3.4, and some of today, leave the last field out, and expect no such
     * field in the answer. */
    conn->has_read_only_field = reader.rest.len > 0;
    conn->wants_read_only = conn->has_read_only_field && jute_read_bool(&reader);
    return true;
}

static void send_response(struct turn *turn, struct service_conn *conn, bool valid)
{
    struct buffer *out = &turn->outbox->bytes;
    size_t start = out->len;
    uint8_t password[SESSION_PASSWORD_BYTES] = {0};
    if (valid) {
        session_password(conn->session_id, password);
    }
    jute_write_i32(out, (int32_t)CONNECT_RESPONSE_BYTES + (conn->has_read_only_field ? 1 : 0));
    jute_write_i32(out, 0);
    jute_write_i32(out, valid ? conn->session_timeout_ms : 0);
    jute_write_i64(out, valid ? conn->session_id : 0);
    jute_write_bytes(out, slice_of(password, sizeof password));
    if (conn->has_read_only_field) {
        jute_write_bool(out, turn->service->mode == SERVICE_READ_ONLY);
    }
    send_bytes(turn, conn, start);
    turn->service->stats.packets_sent += 1;
    conn->stats.sent += 1;
}

void connect_answer(struct turn *turn, struct service_conn *conn, bool is_valid)
{
    if (is_valid) {
        ASSERT(conn->session != NULL && conn->session->conn == conn);
        connect_done(turn, conn);
    } else {
        send_response(turn, conn, false);
        service_conn_close(turn->service, conn, CLOSE_SESSION_UNKNOWN, turn->outbox);
    }
}

void connect_done(struct turn *turn, struct service_conn *conn)
{
    conn->is_connecting = false;
    conn->is_established = true;
    send_response(turn, conn, true);
}

/* Without a branch that depends on how much of it is right. */
static bool password_matches(int64_t session_id, struct slice password)
{
    uint8_t right[SESSION_PASSWORD_BYTES];
    session_password(session_id, right);
    if (password.len != sizeof right) {
        return false;
    }
    unsigned difference = 0;
    for (size_t i = 0; i < sizeof right; i++) {
        difference |= (unsigned)(right[i] ^ password.ptr[i]);
    }
    return difference == 0;
}

/* Another server's clock was set back, or ours: the tree knows ids that the table does not. */
static int64_t new_session_id(struct service *service)
{
    for (;;) {
        int64_t id = session_table_new_id(&service->sessions);
        uint64_t timeout_ms = 0;
        if (!u64_map_get(&service->tree.sessions, (uint64_t)id, &timeout_ms)) {
            return id;
        }
    }
}

static void open_session(struct turn *turn, struct service_conn *conn)
{
    struct service *service = turn->service;
    struct session_table *sessions = &service->sessions;
    conn->session_id = new_session_id(service);
    conn->session = service->mode == SERVICE_LEARNER && !sessions_are_local(service)
                        ? session_table_add_remote(sessions, conn->session_id,
                                                   conn->session_timeout_ms)
                        : session_table_add(sessions, conn->session_id, conn->session_timeout_ms,
                                            turn->event->now_ms);
    conn->session->conn = conn;
    if (sessions_are_local(service)) {
        conn->session->is_local = true;
        connect_done(turn, conn);
        return;
    }
    struct service_request *request = request_add(turn, conn, REQUEST_SUBMITTED, SLICE_NULL);
    request->type = ZK_OP_CREATE_SESSION;
    request->cxid = 0;
    struct prep_request asked = {.session_id = conn->session_id,
                                 .type = ZK_OP_CREATE_SESSION,
                                 .identities = &conn->identities,
                                 .session_timeout_ms = conn->session_timeout_ms};
    const struct service_proposer *proposer = &service->private->proposer;
    request->zxid = proposer->submit(proposer->ctx, &asked, turn->event, turn->outbox);
    update_pause(turn, conn);
}

/* Whoever else speaks for the session here, or is about to, is cut off. */
static void take_over(struct turn *turn, int64_t session_id)
{
    struct service *service = turn->service;
    const struct session *session = session_table_find(&service->sessions, session_id);
    if (session != NULL && session->conn != NULL) {
        service_conn_close(service, session->conn, CLOSE_SESSION_TAKEN_OVER, turn->outbox);
    }
    struct service_conn *waiting = u64_map_get_ptr(&service->private->revalidating,
                                                   (uint64_t)session_id);
    if (waiting != NULL) {
        service_conn_close(service, waiting, CLOSE_SESSION_TAKEN_OVER, turn->outbox);
    }
}

static void ask_leader(struct turn *turn, struct service_conn *conn)
{
    const struct service_proposer *proposer = &turn->service->private->proposer;
    struct service_private *private = turn->service->private;
    uint64_t session_id = (uint64_t)conn->session_id;
    uint64_t unanswered = 0;
    conn->is_revalidating = true;
    u64_map_put_ptr(&private->revalidating, session_id, conn);
    (void)u64_map_get(&private->unanswered, session_id, &unanswered);
    u64_map_put(&private->unanswered, session_id, unanswered + 1);
    proposer->revalidate(proposer->ctx, conn->session_id, conn->session_timeout_ms, turn->outbox);
}

static void reopen_session(struct turn *turn,
                           struct service_conn *conn,
                           const struct connect_request *request)
{
    struct service *service = turn->service;
    take_over(turn, request->session_id);
    service->stats.connections_revalidated += 1;
    conn->session_id = request->session_id;
    uint64_t timeout_ms = 0;
    if (service->mode == SERVICE_READ_ONLY &&
        u64_map_get(&service->tree.sessions, (uint64_t)request->session_id, &timeout_ms)) {
        /* It may live, but who could say so? The client is to keep it and to look further. */
        service_conn_close(service, conn, CLOSE_NOT_READ_ONLY, turn->outbox);
        return;
    }
    struct session *session = session_table_find(&service->sessions, request->session_id);
    bool matches = password_matches(request->session_id, request->password);
    if (matches && session == NULL && service->mode == SERVICE_LEARNER) {
        ask_leader(turn, conn);
        return;
    }
    bool valid = matches && session != NULL &&
                 session_touch(&service->sessions, session, conn->session_timeout_ms,
                               turn->event->now_ms);
    if (valid) {
        ASSERT(session->conn == NULL);
        session->conn = conn;
        conn->session = session;
        const struct service_proposer *proposer = &service->private->proposer;
        if (proposer->session_here != NULL && !session->is_local) {
            proposer->session_here(proposer->ctx, session->id);
        }
    }
    connect_answer(turn, conn, valid); /* at once, so nothing has queued up behind it */
}

void handle_connect_request(struct turn *turn, struct service_conn *conn, struct slice frame)
{
    struct service *service = turn->service;
    const struct service_config *config = service->config;
    struct connect_request request;
    if (!read_connect_request(service, conn, frame, &request)) {
        service_conn_close(service, conn, CLOSE_BAD_REQUEST, turn->outbox);
        return;
    }
    service->stats.connection_requests += 1;
    if (service->mode == SERVICE_READ_ONLY && !conn->wants_read_only) {
        service_conn_close(service, conn, CLOSE_NOT_READ_ONLY, turn->outbox);
        return;
    }
    if (request.last_zxid_seen > service->tree.last_processed_zxid) {
        /* It has seen a state that this server has not: time must not go back for it, so it is to
         * try another one. */
        service_conn_close(service, conn, CLOSE_ZXID_AHEAD, turn->outbox);
        return;
    }
    conn->is_connecting = true;
    conn->session_timeout_ms = MIN(MAX(request.timeout_ms, config->min_session_timeout_ms),
                                   config->max_session_timeout_ms);
    if (request.session_id == 0) {
        open_session(turn, conn);
    } else {
        reopen_session(turn, conn, &request);
    }
}

void session_expired(void *ctx, struct session *session)
{
    struct turn *turn = ctx;
    struct service *service = turn->service;
    service->stats.stale_sessions_expired += 1;
    if (session->is_local) {
        int64_t id = session->id;
        if (session->conn != NULL) {
            service_conn_close(service, session->conn, CLOSE_SESSION_EXPIRED, turn->outbox);
        }
        session_table_remove(&service->sessions, id);
        return;
    }
    submit_internal(turn, session->id, ZK_OP_CLOSE_SESSION, SLICE_NULL);
}
