/* leader_session.c - what learners ask of the leader for their clients: writes, sessions, syncs.
 *
 * Sessions: the leader alone decides when one ends. Learners tell it in each answer to a PING whom
 * they have heard of. A session has an owner, the learner (or this server) that speaks for it: the
 * first that used it, or the last that revalidated it. A write that comes from another one is
 * refused with SESSIONMOVED, so that what an old connection still had on its way is not done behind
 * the back of the new one. (ZOOKEEPER-710; SessionTrackerImpl.checkSession)
 *
 * Syncs: one is answered when everything that was proposed before it is committed and a quorum has
 * answered a PING that was sent after it came: at that moment no other leader had replaced this
 * one, so nothing committed elsewhere is missing here. Rounds of confirmation follow one another;
 * all syncs that come while one is on its way share the next. A proposal that was made after the
 * sync came and is acknowledged by a quorum says the same as a round; the sync is then answered in
 * front of its commit, so that a session's answers keep the order of its requests.
 */
#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/core/leader_private.h"

#define NOT_IN_ROUND UINT64_MAX

/* ---- owners -------------------------------------------------------------------------- */

int32_t leader_check_owner(struct leader *leader,
                           const struct prep_request *request,
                           uint64_t owner)
{
    switch (request->type) {
    case ZK_OP_CREATE_SESSION:
    case ZK_OP_CLOSE_SESSION: /* expiry asks for it without being the owner */
    case ZK_OP_DELETE_CONTAINER:
        return ZK_ERR_OK;
    default:
        break;
    }
    const struct peer *peer = leader->peer;
    struct session *session = session_table_find(&peer->service.sessions, request->session_id);
    if (session == NULL) {
        /* It may be another server's local one, of which only that server knows. An ephemeral node
         * would never go, if it has ended. (LeaderSessionTracker.checkGlobalSession) */
        bool is_own = request->session_id >> 56 == peer->config->server_id;
        bool may_be_local = peer->config->local_sessions_enabled && !is_own &&
                            !service_makes_ephemeral(&peer->service, request);
        return may_be_local ? ZK_ERR_OK : ZK_ERR_SESSIONEXPIRED;
    }
    if (session->is_closing) {
        return ZK_ERR_SESSIONEXPIRED;
    }
    if (session->owner == 0) {
        session->owner = owner;
    }
    return session->owner == owner ? ZK_ERR_OK : ZK_ERR_SESSIONMOVED;
}

void leader_session_here(struct leader *leader, int64_t session_id)
{
    struct session *session = session_table_find(&leader->peer->service.sessions, session_id);
    if (session != NULL) {
        session->owner = SESSION_OWNER_HERE;
    }
}

/* ---- requests ------------------------------------------------------------------------ */

/* A learner's client opens a session; what is refused becomes an error txn. */
static int32_t open_session(struct leader_turn *turn,
                            const struct handler *handler,
                            const struct prep_request *request)
{
    if (request->session_id == 0 || request->session_id == INT64_MIN) {
        return ZK_ERR_BADARGUMENTS; /* ids that mean something else as an owner */
    }
    if (request->session_timeout_ms < 0) {
        return ZK_ERR_OK; /* prep says what is wrong with it */
    }
    struct session *session = session_table_add(&turn->leader->peer->service.sessions,
                                                request->session_id, request->session_timeout_ms,
                                                turn->event->now_ms);
    session->owner = handler->link->id;
    return ZK_ERR_OK;
}

/* Upstream lets whoever has the session's id end it; one that was on its way while the session
 * moved on must not do that. */
static int32_t close_session(struct leader_turn *turn,
                             const struct handler *handler,
                             struct session *session)
{
    if (session == NULL || session->is_closing) {
        return ZK_ERR_OK; /* once more does no harm */
    }
    if (session->owner != 0 && session->owner != handler->link->id) {
        return ZK_ERR_SESSIONMOVED;
    }
    session_set_closing(&turn->leader->peer->service.sessions, session);
    return ZK_ERR_OK;
}

/* Whoever asks for something lives, a sync included: the link may be gone before its next report.
 */
static void hear_of(struct leader_turn *turn, int64_t session_id)
{
    struct session_table *sessions = &turn->leader->peer->service.sessions;
    struct session *session = session_table_find(sessions, session_id);
    if (session != NULL) {
        /* Not with the timeout that it began with: its client may have agreed on a longer one. */
        (void)session_touch(sessions, session, session->agreed_timeout_ms, turn->event->now_ms);
    }
}

/* Only what a client may ask for passes; anything else a learner should not have let through
 * (deleteContainer: CVE-2026-79993), and its client is told so. */
static int32_t check_request(struct leader_turn *turn,
                             const struct handler *handler,
                             const struct prep_request *request)
{
    struct session_table *sessions = &turn->leader->peer->service.sessions;
    struct session *session = session_table_find(sessions, request->session_id);
    switch (request->type) {
    case ZK_OP_CREATE_SESSION:
        return open_session(turn, handler, request);
    case ZK_OP_CLOSE_SESSION:
        return close_session(turn, handler, session);
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_DELETE:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
    case ZK_OP_MULTI:
    case ZK_OP_RECONFIG:
        break;
    default:
        return ZK_ERR_UNIMPLEMENTED;
    }
    return leader_check_owner(turn->leader, request, handler->link->id);
}

/* Whose client waits is told first: on a busy machine each learner told before it costs it a
 * send. */
static void put_first(struct leader *leader, struct handler *handler)
{
    if (leader->handlers.next != &handler->list) {
        list_remove(&handler->list);
        list_append(leader->handlers.next, &handler->list);
    }
}

void leader_handle_request(struct leader_turn *turn,
                           struct handler *handler,
                           struct slice data,
                           struct slice authinfo)
{
    struct leader *leader = turn->leader;
    struct prep_request request = {0};
    struct identities identities;
    arena_clear(&leader->arena);
    if (quorum_read_request(data, &request) != ERR_OK ||
        quorum_packet_identities(authinfo, &leader->arena, &identities) != ERR_OK) {
        handler_close(turn, handler, "its request cannot be decoded");
        return;
    }
    hear_of(turn, request.session_id);
    if (request.type == ZK_OP_SYNC) {
        if (leader->sync_count >= LEADER_SYNCS_MAX) {
            handler_close(turn, handler, "too many syncs wait");
            return;
        }
        leader_add_sync(turn, handler->link->id, request.session_id, request.cxid);
        leader_answer_syncs(turn);
        return;
    }
    request.identities = &identities;
    put_first(leader, handler);
    request.refused = check_request(turn, handler, &request);
    if (leader_propose(turn, &request) == 0 && !leader->is_over) {
        /* Upstream's leader proposes nothing then, and the client of the learner waits for ever. */
        request.refused = ZK_ERR_MARSHALLINGERROR;
        (void)leader_propose(turn, &request);
    }
}

void leader_handle_revalidate(struct leader_turn *turn, struct handler *handler, struct slice data)
{
    struct service *service = &turn->leader->peer->service;
    struct session_table *sessions = &service->sessions;
    int64_t session_id = 0;
    int32_t timeout_ms = 0;
    if (quorum_read_revalidate(data, &session_id, &timeout_ms) != ERR_OK) {
        handler_close(turn, handler, "its REVALIDATE cannot be decoded");
        return;
    }
    struct session *session = session_table_find(sessions, session_id);
    bool is_valid = session != NULL && !session->is_local &&
                    session_touch(sessions, session, timeout_ms, turn->event->now_ms);
    if (is_valid) {
        session->owner = handler->link->id;
        if (session->conn != NULL) { /* it spoke through this server before */
            service_conn_close(service, session->conn, CLOSE_SESSION_MOVED, turn->outbox);
        }
    }
    turn->leader->peer->private->stats.revalidations += 1;
    if (!handler_has_room(turn, handler)) {
        return;
    }
    quorum_send_revalidated(turn->outbox, handler->link, session_id, is_valid,
                            turn->leader->peer->prep.last_zxid);
}

/* ---- pings and rounds of confirmation ------------------------------------------------ */

void leader_ping(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    bool has_round = leader->round > leader->confirmed_round;
    struct quorum_span span = quorum_span_write(turn->outbox, ZK_PACKET_PING,
                                                leader->peer->prep.last_zxid, SLICE_NULL);
    LIST_FOR_EACH(link, &leader->handlers)
    {
        struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->state < HANDLER_SYNCING || handler->state > HANDLER_FOLLOWING ||
            handler->is_sending_snapshot) {
            continue;
        }
        handler_send(turn, handler, span);
        if (handler->state == HANDLER_FOLLOWING) { /* before UPTODATE a learner does not answer */
            handler->pings_sent += 1;
            if (has_round && handler->round_ping == NOT_IN_ROUND) {
                handler->round_ping = handler->pings_sent;
            }
        }
    }
}

static void begin_round(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    LIST_FOR_EACH(link, &leader->handlers)
    {
        CONTAINER_OF(link, struct handler, list)->round_ping = NOT_IN_ROUND;
    }
    leader->round += 1;
    leader_ping(turn);
}

static bool has_confirmed(const struct handler *handler, int64_t zxid)
{
    (void)zxid;
    return handler->state == HANDLER_FOLLOWING && handler->pings_answered >= handler->round_ping;
}

static void check_round(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    int64_t ids[PEER_LEARNERS_MAX + 1] NOT_ZEROED;
    if (leader->round == leader->confirmed_round) {
        return;
    }
    size_t count = leader_collect(leader, true, has_confirmed, 0, ids);
    if (leader_is_quorum(leader, ids, count, true)) {
        leader->confirmed_round = leader->round;
    }
}

void leader_handle_ping(struct leader_turn *turn, struct handler *handler, struct slice data)
{
    struct session_table *sessions = &turn->leader->peer->service.sessions;
    int64_t session_id = 0;
    int32_t timeout_ms = 0;
    while (quorum_next_touched(&data, &session_id, &timeout_ms)) {
        struct session *session = session_table_find(sessions, session_id);
        if (session != NULL) {
            /* Of before it moved to another server: what was agreed on there holds. */
            bool is_stale = session->owner != 0 && session->owner != handler->link->id;
            (void)session_touch(sessions, session,
                                is_stale ? session->agreed_timeout_ms : timeout_ms,
                                turn->event->now_ms);
        }
    }
    if (handler->pings_answered < handler->pings_sent) {
        handler->pings_answered += 1;
    }
    leader_answer_syncs(turn);
}

/* ---- syncs --------------------------------------------------------------------------- */

void leader_add_sync(struct leader_turn *turn, uint64_t link_id, int64_t session_id, int32_t cxid)
{
    struct leader *leader = turn->leader;
    struct leader_sync *sync = mem_alloc_zeroed(sizeof *sync);
    sync->zxid = leader->peer->prep.last_zxid;
    sync->link_id = link_id;
    sync->session_id = session_id;
    sync->cxid = cxid;
    sync->round = leader->round + 1;
    list_append(&leader->syncs, &sync->list);
    leader->sync_count += 1;
    if (leader->round == leader->confirmed_round) {
        begin_round(turn);
    }
}

static struct handler *find_handler(const struct leader *leader, uint64_t link_id)
{
    LIST_FOR_EACH(link, &leader->handlers)
    {
        struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->link->id == link_id && handler->state == HANDLER_FOLLOWING) {
            return handler;
        }
    }
    return NULL;
}

static void answer_sync(struct leader_turn *turn, const struct leader_sync *sync)
{
    if (sync->link_id == 0) {
        service_sync_done(&turn->leader->peer->service, sync->session_id, sync->cxid, turn->event,
                          turn->outbox);
        return;
    }
    struct handler *handler = find_handler(turn->leader, sync->link_id);
    if (handler != NULL) {
        handler_send(turn, handler, quorum_span_write(turn->outbox, ZK_PACKET_SYNC, 0, SLICE_NULL));
    }
}

static void pop_sync(struct leader_turn *turn, struct leader_sync *sync)
{
    list_remove(&sync->list);
    turn->leader->sync_count -= 1;
    answer_sync(turn, sync); /* may add more, behind all that wait */
    mem_free(sync, sizeof *sync);
}

void leader_answer_syncs_before(struct leader_turn *turn, int64_t zxid)
{
    struct leader *leader = turn->leader;
    while (!list_is_empty(&leader->syncs)) {
        struct leader_sync *sync = CONTAINER_OF(leader->syncs.next, struct leader_sync, list);
        if (sync->zxid >= zxid) {
            break;
        }
        pop_sync(turn, sync);
    }
}

void leader_answer_syncs(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    check_round(turn);
    while (!list_is_empty(&leader->syncs)) {
        struct leader_sync *sync = CONTAINER_OF(leader->syncs.next, struct leader_sync, list);
        if (sync->round > leader->round && leader->round == leader->confirmed_round) {
            begin_round(turn);
            check_round(turn); /* a quorum of one has confirmed it now */
        }
        if (sync->zxid > leader->last_committed || sync->round > leader->confirmed_round) {
            break;
        }
        pop_sync(turn, sync);
    }
}

uint64_t leader_pending_syncs(const struct leader *leader)
{
    return leader->sync_count;
}
