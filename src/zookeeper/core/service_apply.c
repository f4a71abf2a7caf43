/* service_apply.c - a transaction is durable: change the tree, tell who watches, answer who asked.
 *
 * Order within one txn: the tree changes, events leave, then the answer. What waited in the queue
 * behind the request follows at once, so it reads the state that the client has been told of.
 *
 * Which request a txn answers: the first submitted one in the queue of the connection that speaks
 * for the txn's session, if its zxid is the txn's (or, when the proposer is elsewhere and the zxid
 * was not known, its cxid: the leader's answers keep the order of the questions). After a takeover
 * the old connection's txns are still applied, and nobody is answered.
 *
 * Sources: FinalRequestProcessor.processRequest, ZooKeeperServer.processTxn,
 * NIOServerCnxnFactory.closeSession.
 */
#include "zookeeper/core/service_private.h"

/* Upstream: every 100 ms; its lines are not errors. */
#define DIGEST_ALARM_INTERVAL_MS 10000

static void append_multi_header(struct buffer *out, int32_t type, bool done, int32_t error)
{
    jute_write_i32(out, type);
    jute_write_bool(out, done);
    jute_write_i32(out, error);
}

static void append_part(struct buffer *out, const struct tree_result *part)
{
    switch (part->type) {
    case ZK_OP_CREATE:
        append_multi_header(out, ZK_OP_CREATE, false, ZK_ERR_OK);
        jute_write_bytes(out, part->path);
        break;
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_CONTAINER:
        append_multi_header(out, ZK_OP_CREATE2, false, ZK_ERR_OK);
        jute_write_bytes(out, part->path);
        write_stat(out, &part->stat);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        append_multi_header(out, ZK_OP_DELETE, false, ZK_ERR_OK);
        break;
    case ZK_OP_CHECK:
        append_multi_header(out, ZK_OP_CHECK, false, ZK_ERR_OK);
        break;
    case ZK_OP_SET_DATA:
        append_multi_header(out, ZK_OP_SET_DATA, false, ZK_ERR_OK);
        write_stat(out, &part->stat);
        break;
    default: /* an error part; of the ops before the one that failed too: their code is 0 */
        append_multi_header(out, ZK_OP_ERROR, false, part->error);
        jute_write_i32(out, part->error);
        break;
    }
}

/* The header of a multi's answer is 0 even when a part failed; the parts say which. */
static void append_multi(struct buffer *out, const struct tree_result *result)
{
    for (int32_t i = 0; i < result->part_count; i++) {
        append_part(out, &result->parts[i]);
    }
    append_multi_header(out, ZK_OP_ERROR, true, ZK_OP_ERROR);
}

static void append_result(struct buffer *out, int32_t type, const struct tree_result *result)
{
    switch (type) {
    case ZK_OP_CREATE:
        jute_write_bytes(out, result->path);
        break;
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_CONTAINER:
        jute_write_bytes(out, result->path);
        write_stat(out, &result->stat);
        break;
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
        write_stat(out, &result->stat);
        break;
    case ZK_OP_MULTI:
        append_multi(out, result);
        break;
    default: /* delete, closeSession: the header says all */
        break;
    }
}

/* What getData of the configuration's node would say now. */
static void append_config(struct turn *turn)
{
    const struct tree *tree = &turn->service->tree;
    struct znode *node = tree_find(tree, SLICE_LIT("/zookeeper/config"));
    struct zk_stat stat = {0};
    struct slice data = SLICE_LIT("");
    if (node != NULL) {
        znode_stat(tree, node, &stat);
        data = znode_data(tree, node);
    }
    jute_write_bytes(&turn->outbox->bytes, data);
    write_stat(&turn->outbox->bytes, &stat);
}

void answer_write(struct turn *turn,
                  struct service_conn *conn,
                  const struct service_request *request,
                  const struct txn *txn,
                  const struct tree_result *result)
{
    bool failed = txn->header.type == ZK_OP_ERROR;
    note_answered(turn, conn, request, failed ? ZK_OP_ERROR : request->type);
    if (turn->service->config->audit_enabled) {
        audit_answered(turn, conn, request, result);
    }
    if (request->type == ZK_OP_CREATE_SESSION && !failed) {
        connect_done(turn,
                     conn); /* a client that sends createSession itself gets this answer too */
        return;
    }
    int32_t error = failed || request->type != ZK_OP_MULTI ? result->error : ZK_ERR_OK;
    if (error == ZK_ERR_SESSIONMOVED) {
        /* The session speaks through another server now: nothing that follows on this connection
         * may count as its (FinalRequestProcessor). */
        service_conn_close(turn->service, conn, CLOSE_SESSION_MOVED, turn->outbox);
        return;
    }
    size_t start = reply_begin(turn);
    if (error == ZK_ERR_OK && request->type == ZK_OP_RECONFIG) {
        append_config(turn);
    } else if (error == ZK_ERR_OK) {
        append_result(&turn->outbox->bytes, request->type, result);
    }
    reply_end(turn, conn, start, request->cxid, turn->service->tree.last_processed_zxid, error);
}

static struct service_request *find_request(struct service_conn *conn, const struct txn *txn)
{
    LIST_FOR_EACH(link, &conn->pending)
    {
        struct service_request *request = CONTAINER_OF(link, struct service_request, link);
        if (request->state == REQUEST_SUBMITTED) {
            bool is_it = request->zxid != SERVICE_ZXID_UNKNOWN
                             ? request->zxid == txn->header.zxid
                             : txn->header.zxid > conn->behind_zxid &&
                                   request->cxid == txn->header.cxid &&
                                   txn_can_be_of(txn->header.type, request->type);
            return is_it ? request : NULL;
        }
    }
    return NULL;
}

/* A txn that was asked for after a sync, on the same way, and is committed says all that the sync
 * asks: a quorum followed this leader after the sync had come to it, and everything that was
 * committed before is applied here. (The leader's own answer may take a round of pings.) */
static void confirm_syncs(struct service_conn *conn, const struct service_request *until)
{
    LIST_FOR_EACH(link, &conn->pending)
    {
        struct service_request *request = CONTAINER_OF(link, struct service_request, link);
        if (request == until) {
            break;
        }
        request->state = request->state == REQUEST_SYNCING ? REQUEST_READY : request->state;
    }
}

static void answer_txn(struct turn *turn,
                       struct service_conn *conn,
                       const struct txn *txn,
                       const struct tree_result *result)
{
    struct service_request *request = find_request(conn, txn);
    if (request == NULL) {
        return;
    }
    confirm_syncs(conn, request);
    drain(turn, conn, request);
    if (conn->is_closing) {
        return;
    }
    ASSERT(conn->pending.next == &request->link);
    list_remove(&request->link);
    bool connects = conn->is_connecting;
    answer_write(turn, conn, request, txn, result);
    request_free(turn->service, conn, request);
    if (connects) {
        handle_raw(turn,
                   conn); /* last: what it submits may move the bytes that the txn stands in */
    } else {
        drain(turn, conn, NULL);
        update_pause(turn, conn);
    }
}

/* The session is over: its client has been told (it asked), or its connection is cut. */
static void end_session(struct turn *turn, struct session *session, bool was_asked)
{
    struct service *service = turn->service;
    int64_t id = session->id;
    if (session->conn != NULL) {
        service_conn_close(service, session->conn,
                           was_asked ? CLOSE_CLIENT_ASKED : CLOSE_SESSION_EXPIRED, turn->outbox);
    }
    session_table_remove(&service->sessions, id);
}

static bool asked_to_close(const struct session *session, const struct txn *txn)
{
    const struct service_request *request = session->conn != NULL ? find_request(session->conn, txn)
                                                                  : NULL;
    return request != NULL && request->type == ZK_OP_CLOSE_SESSION;
}

static void alarm_field(struct buffer *line, const char *text, int64_t value)
{
    buffer_append_cstr(line, text);
    buffer_append_decimal(line, value);
}

/* The first of a run names the txn as upstream does (its header's fields in order), the others come
 * together: a tree that differs once differs from then on. */
static void raise_digest_alarm(struct turn *turn, const struct txn *txn)
{
    struct service *service = turn->service;
    const struct zk_txn_header *header = &txn->header;
    struct buffer *line = &turn->outbox->bytes;
    size_t start = line->len;
    if (service->private->digest_differs) {
        alarm_field(line, "Digests are not matching: ", (int64_t)service->stats.digest_mismatches);
        buffer_append_cstr(line, " transactions so far, the newest is 0x");
        buffer_append_hex(line, (uint64_t)header->zxid);
    } else {
        alarm_field(line, "First digest mismatch on txn: ", header->client_id);
        alarm_field(line, ",", header->cxid);
        alarm_field(line, ",", header->zxid);
        alarm_field(line, ",", header->time);
        alarm_field(line, ",", header->type);
        alarm_field(line, ", expected digest is ", txn->digest.version);
        alarm_field(line, ",", txn->digest.tree_digest);
        alarm_field(line, ", actual digest is ", (int64_t)service->tree.digest);
    }
    struct zk_effect *effect = zk_outbox_add(turn->outbox, ZK_EFFECT_ALARM);
    effect->offset = start;
    effect->len = line->len - start;
}

/* DataTree.compareDigest: the server that made the txn said what its tree adds up to behind it. */
static void compare_digest(struct turn *turn, const struct txn *txn)
{
    struct service *service = turn->service;
    struct service_private *private = service->private;
    if (!txn->has_digest || !service->config->tree.digest_enabled ||
        txn->digest.version != TREE_DIGEST_VERSION) {
        return;
    }
    if ((uint64_t)txn->digest.tree_digest == service->tree.digest) {
        private->digest_differs = false;
        return;
    }
    service->stats.digest_mismatches += 1;
    if (turn->event->now_ms >= private->digest_alarm_ms) {
        raise_digest_alarm(turn, txn);
        private->digest_alarm_ms = turn->event->now_ms + DIGEST_ALARM_INTERVAL_MS;
        private->digest_differs = true;
    }
}

void service_apply(struct service *service,
                   struct slice txn_bytes,
                   const struct zk_event *event,
                   struct zk_outbox *outbox)
{
    struct turn turn = {service, event, outbox};
    struct service_private *private = service->private;
    struct txn txn = {0};
    arena_clear(&private->arena);
    int rv = txn_decode(txn_bytes, &private->arena, &txn);
    if (rv != ERR_OK) {
        service->stats.unknown_txns += 1;
        if (rv == ERR_UNSUPPORTED) { /* of a leader of the future: it counts, as in a replay */
            service->tree.last_processed_zxid = MAX(service->tree.last_processed_zxid,
                                                    txn.header.zxid);
        }
        return;
    }
    tree_apply(&service->tree, &txn, &private->result);
    service->stats.commits += 1;
    compare_digest(&turn, &txn);
    bool closes = txn.header.type == ZK_OP_CLOSE_SESSION;
    if (closes && service->config->audit_enabled) {
        audit_session_end(&turn, txn.header.client_id);
    }
    deliver_events(&turn, txn.header.zxid);
    if (txn.header.type == ZK_OP_CREATE_SESSION) {
        session_begun(service, txn.header.client_id, txn.record.create_session.timeout_ms,
                      event->now_ms);
    }
    bool is_orphan = orphan_take(service, txn.header.client_id, txn.header.cxid, txn.header.type);
    struct session *session = session_table_find(&service->sessions, txn.header.client_id);
    if (session == NULL) {
        return;
    }
    bool was_asked = closes && !is_orphan && asked_to_close(session, &txn);
    if (session->conn != NULL && !is_orphan) {
        answer_txn(&turn, session->conn, &txn, &private->result);
    }
    if (closes) {
        orphans_forget(service, txn.header.client_id);
        session = session_table_find(&service->sessions, txn.header.client_id);
    }
    if (closes && session != NULL) {
        end_session(&turn, session, was_asked);
    }
}

void service_sync_done(struct service *service,
                       int64_t session_id,
                       int32_t cxid,
                       const struct zk_event *event,
                       struct zk_outbox *outbox)
{
    struct turn turn = {service, event, outbox};
    if (orphan_take(service, session_id, cxid, ZK_OP_SYNC)) {
        return;
    }
    struct session *session = session_table_find(&service->sessions, session_id);
    struct service_conn *conn = session != NULL ? session->conn : NULL;
    if (conn == NULL) {
        return;
    }
    LIST_FOR_EACH(link, &conn->pending)
    {
        struct service_request *request = CONTAINER_OF(link, struct service_request, link);
        if (request->state == REQUEST_SYNCING && request->cxid == cxid) {
            request->state = REQUEST_READY;
            break;
        }
    }
    drain(&turn, conn, NULL);
    update_pause(&turn, conn);
}
