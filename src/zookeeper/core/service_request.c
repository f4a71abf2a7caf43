/* service_request.c - a connection's frames: what each may do, and the queue that keeps them in
 * order.
 *
 * Model: answers leave in the order in which the requests came. A read with nothing in front of it
 * is answered in the turn in which it came, without a queue. A write is submitted at once and waits
 * in the queue for its txn; what comes behind it waits too, with a copy of its body, and is
 * answered when it reaches the head. Authentication is outside this order, as upstream's: it
 * changes what the connection is, and the next request already counts on it.
 *
 * What goes wrong: a frame that has no request header, an unknown operation, a body that cannot be
 * decoded. The first two end the connection; the third is answered with -5 in its turn.
 *
 * Sources: ZooKeeperServer.processPacket, submitRequestNow, CommitProcessor, Request.isValid,
 * UnimplementedRequestProcessor.
 */
#include "zookeeper/core/service_private.h"

#include "base/memory.h"
#include "zookeeper/core/java_text.h"

#define SPARE_REQUESTS_MAX 4096u
#define SPARE_BODY_BYTES_MAX 1024u

/* ---- the queue ----------------------------------------------------------------------- */

static struct service_request *request_alloc(struct service_private *private)
{
    struct list *link = list_pop(&private->spare);
    if (link == NULL) {
        return mem_alloc_zeroed(sizeof(struct service_request));
    }
    private->spare_count -= 1;
    return CONTAINER_OF(link, struct service_request, link);
}

static void keep_body(struct service_request *request, struct slice body)
{
    if (body.len > request->body_cap) {
        mem_free(request->body, request->body_cap);
        request->body_cap = MAX(body.len, (size_t)64);
        request->body = mem_alloc(request->body_cap);
    }
    if (body.len > 0) {
        memcpy(request->body, body.ptr, body.len);
    }
    request->body_len = body.len;
}

struct service_request *request_add(struct turn *turn,
                                    struct service_conn *conn,
                                    enum request_state state,
                                    struct slice body)
{
    struct service_request *request = request_alloc(turn->service->private);
    request->state = state;
    request->error = ZK_ERR_OK;
    request->zxid = SERVICE_ZXID_UNKNOWN;
    request->submitted_len = 0;
    request->arrived_ms = turn->event->now_ms;
    request->arrived_ns = turn->event->now_ns;
    keep_body(request, body);
    list_append(&conn->pending, &request->link);
    conn->pending_count += 1;
    conn->pending_bytes += body.len;
    turn->service->outstanding += 1;
    return request;
}

void request_free(struct service *service,
                  struct service_conn *conn,
                  struct service_request *request)
{
    struct service_private *private = service->private;
    list_remove(&request->link);
    conn->pending_count -= 1;
    conn->pending_bytes -= request->body_len;
    service->outstanding -= 1;
    service->outstanding_bytes -= request->submitted_len;
    if (request->body_cap > SPARE_BODY_BYTES_MAX) {
        mem_free(request->body, request->body_cap);
        request->body = NULL;
        request->body_cap = 0;
    }
    if (private->spare_count < SPARE_REQUESTS_MAX) {
        list_append(&private->spare, &request->link);
        private->spare_count += 1;
    } else {
        mem_free(request->body, request->body_cap);
        mem_free(request, sizeof *request);
    }
}

void requests_free(struct service *service, struct service_conn *conn)
{
    while (!list_is_empty(&conn->pending)) {
        struct service_request *request = CONTAINER_OF(conn->pending.next, struct service_request,
                                                       link);
        orphan_add(service, conn->session_id, request);
        request_free(service, conn, request);
    }
}

void update_pause(struct turn *turn, struct service_conn *conn)
{
    const struct service_config *config = turn->service->config;
    bool wanted = conn->pending_count > 0 &&
                  (!conn->is_established || turn->service->outstanding > config->outstanding_max ||
                   conn->output_bytes > config->output_bytes_max);
    if (wanted != conn->is_paused && !conn->is_closing) {
        conn->is_paused = wanted;
        zk_outbox_add(turn->outbox, wanted ? ZK_EFFECT_PAUSE : ZK_EFFECT_RESUME)->conn = conn;
    }
}

static bool has_room(struct turn *turn, struct service_conn *conn, struct slice body)
{
    if (conn->pending_count < PENDING_REQUESTS_MAX &&
        conn->pending_bytes + body.len <= PENDING_BYTES_MAX) {
        return true;
    }
    service_conn_close(turn->service, conn, CLOSE_LIMIT, turn->outbox);
    return false;
}

static void answer_ready(struct turn *turn,
                         struct service_conn *conn,
                         struct service_request *request)
{
    struct slice body = slice_of(request->body, request->body_len);
    if (request->error != ZK_ERR_OK) {
        note_answered(turn, conn, request, ZK_OP_ERROR);
        reply_empty(turn, conn, request->cxid, turn->service->tree.last_processed_zxid,
                    request->error);
    } else if (request->type == ZK_OP_SYNC) {
        struct jute_reader reader = jute_reader_of(body,
                                                   turn->service->config->prep.max_string_bytes);
        size_t start = reply_begin(turn);
        /* Whoever submitted it has seen that it is whole. */
        struct slice path = java_text(&turn->service->private->arena, jute_read_bytes(&reader));
        jute_write_bytes(&turn->outbox->bytes, path);
        note_answered(turn, conn, request, ZK_OP_SYNC);
        reply_end(turn, conn, start, request->cxid, turn->service->tree.last_processed_zxid,
                  ZK_ERR_OK);
    } else if (request->type == ZK_OP_CLOSE_SESSION) {
        note_answered(turn, conn, request, request->type);
        reply_empty(turn, conn, request->cxid, turn->service->tree.last_processed_zxid, ZK_ERR_OK);
        close_local_session(turn, conn);
    } else {
        note_answered(turn, conn, request, request->type);
        answer_read(turn, conn, request->type, request->cxid, body);
    }
}

void drain(struct turn *turn, struct service_conn *conn, const struct service_request *until)
{
    size_t output_max = turn->service->config->output_bytes_max;
    size_t start = turn->outbox->bytes.len;
    while (!conn->is_closing && !list_is_empty(&conn->pending)) {
        struct service_request *request = CONTAINER_OF(conn->pending.next, struct service_request,
                                                       link);
        if (request == until || request->state != REQUEST_READY) {
            break;
        }
        if (until == NULL && conn->output_bytes + (turn->outbox->bytes.len - start) > output_max) {
            /* The peer does not keep up: its reads wait until it has taken what it has. */
            if (list_is_empty(&conn->blocked_link)) {
                list_append(&turn->service->private->blocked, &conn->blocked_link);
            }
            break;
        }
        list_remove(
            &request
                 ->link); /* answering may close the connection, which frees what is in its queue */
        answer_ready(turn, conn, request);
        request_free(turn->service, conn, request);
    }
}

void resume_blocked(struct turn *turn)
{
    struct list *blocked = &turn->service->private->blocked;
    LIST_FOR_EACH_SAFE(link, after, blocked)
    {
        struct service_conn *conn = CONTAINER_OF(link, struct service_conn, blocked_link);
        if (conn->output_bytes <= turn->service->config->output_bytes_max) {
            list_remove(link);
            drain(turn, conn, NULL);
            update_pause(turn, conn);
        }
    }
}

/* ---- requests ------------------------------------------------------------------------ */

enum op_kind {
    OP_UNKNOWN,
    OP_READ,
    OP_WRITE,
    OP_SYNC
};

/* What a client may ask for: nothing else is served. No client sends createSession or
 * deleteContainer, but upstream does them. */
static enum op_kind op_kind_of(int32_t type)
{
    if (op_is_read(type)) {
        return OP_READ;
    }
    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_DELETE:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
    case ZK_OP_MULTI:
    case ZK_OP_RECONFIG:
    case ZK_OP_DELETE_CONTAINER:
    case ZK_OP_CREATE_SESSION:
    case ZK_OP_CLOSE_SESSION:
        return OP_WRITE;
    case ZK_OP_SYNC:
        return OP_SYNC;
    default:
        return OP_UNKNOWN;
    }
}

static int64_t submit(struct turn *turn, const struct prep_request *request)
{
    const struct service_proposer *proposer = &turn->service->private->proposer;
    return proposer->submit(proposer->ctx, request, turn->event, turn->outbox);
}

void submit_internal(struct turn *turn, int64_t session_id, int32_t type, struct slice body)
{
    static const struct identities nobody = {0};
    struct prep_request request = {
        .session_id = session_id, .type = type, .body = body, .identities = &nobody};
    (void)submit(turn, &request); /* no one waits for it: its zxid is of no interest */
}

/* A createSession of a client's own: it renews its session in the tree, with a timeout that is
 * still within the limits. */
static int32_t own_timeout_ms(const struct service_config *config, struct slice bytes)
{
    struct jute_reader body = jute_reader_of(bytes, config->prep.max_string_bytes);
    int32_t timeout_ms = jute_read_i32(&body);
    return body.error != 0 ? -1
                           : MIN(MAX(timeout_ms, config->min_session_timeout_ms),
                                 config->max_session_timeout_ms);
}

/* Submits a write, unless it is to be answered without. */
static void submit_write(struct turn *turn,
                         struct service_conn *conn,
                         struct prep_request *asked,
                         struct service_request *request)
{
    struct service *service = turn->service;
    bool closes = asked->type == ZK_OP_CLOSE_SESSION;
    if (service->mode == SERVICE_READ_ONLY && !closes) {
        request->error = ZK_ERR_NOTREADONLY;
    } else if (conn->session->is_local && !closes) {
        request->error = session_upgrade(turn, conn, asked);
    }
    if (request->error != ZK_ERR_OK || (conn->session->is_local && closes)) {
        request->state = REQUEST_READY;
        return;
    }
    if (asked->type == ZK_OP_CREATE_SESSION) {
        asked->session_timeout_ms = own_timeout_ms(service->config, asked->body);
    }
    int64_t zxid = submit(turn, asked);
    if (zxid == SERVICE_MALFORMED) {
        request->state = REQUEST_READY;
        request->error = ZK_ERR_MARSHALLINGERROR;
    } else if (asked->type != ZK_OP_SYNC) { /* a sync may have been answered, and be gone */
        request->zxid = zxid;
    }
}

static void handle_write(struct turn *turn,
                         struct service_conn *conn,
                         enum op_kind kind,
                         struct prep_request *asked)
{
    struct service *service = turn->service;
    if (!has_room(turn, conn, asked->body)) {
        return;
    }
    /* The body is needed again for a sync's answer and for the audit log; the txn has everything
     * else. */
    bool keep = kind == OP_SYNC || service->config->audit_enabled;
    struct service_request *request = request_add(
        turn, conn, kind == OP_SYNC ? REQUEST_SYNCING : REQUEST_SUBMITTED,
        keep ? asked->body : SLICE_NULL);
    request->type = asked->type;
    request->cxid = asked->cxid;
    request->submitted_len = asked->body.len;
    service->outstanding_bytes += asked->body.len;
    submit_write(turn, conn, asked, request);
    if (asked->type == ZK_OP_CLOSE_SESSION && conn->session != NULL) {
        session_set_closing(&service->sessions, conn->session);
    }
    drain(turn, conn, NULL);
    update_pause(turn, conn);
}

static void handle_read(struct turn *turn,
                        struct service_conn *conn,
                        int32_t type,
                        int32_t cxid,
                        struct slice body)
{
    if (LIKELY(list_is_empty(&conn->pending))) {
        note_answered_now(turn, conn, cxid, type);
        answer_read(turn, conn, type, cxid, body);
        return;
    }
    if (has_room(turn, conn, body)) {
        struct service_request *request = request_add(turn, conn, REQUEST_READY, body);
        request->type = type;
        request->cxid = cxid;
        update_pause(turn, conn);
    }
}

static void refuse_unknown(struct turn *turn, struct service_conn *conn, int32_t xid)
{
    /* Upstream answers this before the request has a zxid. */
    reply_empty(turn, conn, xid, -1, ZK_ERR_UNIMPLEMENTED);
    service_conn_close(turn->service, conn, CLOSE_UNIMPLEMENTED, turn->outbox);
}

static void handle_request(struct turn *turn, struct service_conn *conn, struct slice frame)
{
    struct service *service = turn->service;
    if (frame.len < 8) {
        service_conn_close(service, conn, CLOSE_BAD_REQUEST, turn->outbox);
        return;
    }
    int32_t xid = (int32_t)load_be32(frame.ptr);
    int32_t type = (int32_t)load_be32(frame.ptr + 4);
    struct slice body = slice_of(frame.ptr + 8, frame.len - 8);
    if (UNLIKELY(type == ZK_OP_AUTH)) {
        handle_auth(turn, conn, xid, body);
        return;
    }
    if (UNLIKELY(type == ZK_OP_SASL)) {
        handle_sasl(turn, conn, xid, body);
        return;
    }
    if (auth_is_enforced(service->config) && !auth_is_enough(turn, conn, xid)) {
        return;
    }
    if (conn->session == NULL || !session_touch(&service->sessions, conn->session,
                                                conn->session_timeout_ms, turn->event->now_ms)) {
        return; /* the session is ending: the client will hear of that, not of this */
    }
    enum op_kind kind = op_kind_of(type);
    if (LIKELY(kind == OP_READ)) {
        handle_read(turn, conn, type, xid, body);
    } else if (kind == OP_UNKNOWN) {
        refuse_unknown(turn, conn, xid);
    } else {
        struct prep_request request = {.session_id = conn->session_id,
                                       .cxid = xid,
                                       .type = type,
                                       .body = body,
                                       .identities = &conn->identities};
        handle_write(turn, conn, kind, &request);
    }
}

void service_heard(struct service *service, struct service_conn *conn, uint64_t now_ms)
{
    if (conn->session != NULL) {
        (void)session_touch(&service->sessions, conn->session, conn->session_timeout_ms, now_ms);
    }
}

void handle_raw(struct turn *turn, struct service_conn *conn)
{
    struct list raw;
    list_init(&raw);
    struct list *link;
    while ((link = list_pop(&conn->pending)) != NULL) {
        list_append(&raw, link);
    }
    while ((link = list_pop(&raw)) != NULL) {
        struct service_request *request = CONTAINER_OF(link, struct service_request, link);
        ASSERT(request->state == REQUEST_RAW);
        if (!conn->is_closing) {
            handle_request(turn, conn, slice_of(request->body, request->body_len));
        }
        request_free(turn->service, conn, request);
    }
    update_pause(turn, conn);
}

void handle_frame(struct turn *turn, struct service_conn *conn, struct slice frame)
{
    ASSERT(conn->magic == SERVICE_CONN_MAGIC);
    if (conn->is_closing) {
        return;
    }
    turn->service->stats.packets_received += 1;
    conn->stats.received += 1;
    if (UNLIKELY(!turn->service->takes_clients)) {
        service_conn_close(turn->service, conn, CLOSE_SHUTDOWN, turn->outbox);
        return;
    }
    if (LIKELY(conn->is_established)) {
        handle_request(turn, conn, frame);
    } else if (!conn->is_connecting) {
        handle_connect_request(turn, conn, frame);
    } else if (has_room(turn, conn, frame)) {
        request_add(turn, conn, REQUEST_RAW, frame);
    }
}
