/* leader_broadcast.c - proposals, acknowledgements, commits.
 *
 * Model: prep makes the txn, peer_log gives it to the log and remembers it as outstanding; the same
 * bytes go to every participant that is forwarded to. An acknowledgement says that the learner's
 * log is durable up to there; ours comes with PERSISTED. The oldest outstanding proposal is
 * committed when those who acknowledged it are a quorum, so commits follow the order of zxids.
 * Acknowledgements are kept as one figure for each learner, since they come in order: one that
 * skips a proposal that is not committed yet is a fault of the learner, whose link is closed.
 *
 * While a reconfiguration is outstanding, it and all that is proposed behind it need a quorum of
 * both configurations. Its commit names who leads from there on; if that is not this server,
 * nothing more is committed here.
 *
 * Sources: Leader.propose, processAck, tryToCommit, getDesignatedLeader; ProposalRequestProcessor.
 */
#include "wire/jute.h"
#include "zookeeper/core/leader_private.h"

#define TXN_TYPE_AT 28u /* in the header of a txn */

/* ---- proposing ----------------------------------------------------------------------- */

static void note_proposal(struct peer_stats *stats, size_t len)
{
    int32_t bytes = (int32_t)MIN(len, (size_t)INT32_MAX);
    stats->proposals += 1;
    stats->last_proposal_bytes = bytes;
    stats->min_proposal_bytes = stats->min_proposal_bytes < 0
                                    ? bytes
                                    : MIN(stats->min_proposal_bytes, bytes);
    stats->max_proposal_bytes = MAX(stats->max_proposal_bytes, bytes);
}

static void note_sent(struct leader_turn *turn, struct handler *handler, int64_t zxid)
{
    handler->sent_zxid = zxid;
    handler->last_sent_ms = turn->event->now_ms;
    if (handler->state == HANDLER_FOLLOWING && handler->unacked_zxid == 0) {
        handler->unacked_zxid = zxid;
        handler->unacked_ms = turn->event->now_ms;
    }
}

static void forward_proposal(struct leader_turn *turn, int64_t zxid, struct slice txn)
{
    struct quorum_span span = {0};
    LIST_FOR_EACH(link, &turn->leader->handlers)
    {
        struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (!handler->is_forwarding || handler->is_observer) {
            continue;
        }
        if (span.len == 0) {
            span = quorum_span_write(turn->outbox, ZK_PACKET_PROPOSAL, zxid, txn);
        }
        handler_send(turn, handler, span);
        note_sent(turn, handler, zxid);
    }
}

static bool is_used_up(const struct peer *peer, uint32_t counter)
{
    int64_t max = peer->config->zxid_counter_max;
    return counter > (max > 0 ? max : (int64_t)UINT32_MAX - 1);
}

int64_t leader_propose(struct leader_turn *turn, const struct prep_request *request)
{
    struct leader *leader = turn->leader;
    struct peer *peer = leader->peer;
    if (is_used_up(peer, zxid_counter(peer->prep.last_zxid + 1))) {
        /* The next one would be the last that fits: a new epoch must begin. (ZOOKEEPER-1277) */
        leader_give_up(leader, "the zxids of this epoch are used up");
        return 0;
    }
    struct slice quota_exceeded;
    leader->scratch.len = 0;
    int64_t zxid = prep_request(&peer->prep, request, turn->event->wall_ms, &leader->scratch,
                                &quota_exceeded);
    if (zxid == 0) {
        return 0;
    }
    struct slice txn = buffer_slice(&leader->scratch);
    struct slice config = peer_txn_config(txn);
    if (!slice_is_null(config)) {
        int rv = peer_see_config(peer, config, turn->outbox);
        ASSERT(rv == ERR_OK); /* leader_reconfig made it */
    }
    bool is_error = (int32_t)load_be32(txn.ptr + TXN_TYPE_AT) == ZK_OP_ERROR;
    peer->service.stats.quota_exceeded += is_error && !slice_is_null(quota_exceeded) ? 1 : 0;
    peer_log(peer, zxid, txn, turn->outbox);
    forward_proposal(turn, zxid, txn);
    note_proposal(&peer->private->stats, txn.len);
    return zxid;
}

int64_t leader_submit(struct leader *leader,
                      const struct prep_request *request,
                      const struct zk_event *event,
                      struct zk_outbox *outbox)
{
    struct leader_turn turn = {leader, event, outbox};
    if (leader->is_over || leader->phase != LEADER_BROADCAST) {
        return SERVICE_ZXID_UNKNOWN; /* its connection is about to be closed */
    }
    if (request->type == ZK_OP_SYNC) {
        struct jute_reader body = jute_reader_of(
            request->body, leader->peer->service.config->prep.max_string_bytes);
        (void)jute_read_bytes(&body);
        if (body.error != 0) {
            return SERVICE_MALFORMED;
        }
        leader_add_sync(&turn, 0, request->session_id, request->cxid);
        leader_answer_syncs(&turn);
        return SERVICE_ZXID_UNKNOWN;
    }
    struct prep_request checked = *request;
    checked.refused = leader_check_owner(leader, request, SESSION_OWNER_HERE);
    int64_t zxid = leader_propose(&turn, &checked);
    if (zxid == 0) {
        return leader->is_over ? SERVICE_ZXID_UNKNOWN : SERVICE_MALFORMED;
    }
    return zxid;
}

/* ---- acknowledging ------------------------------------------------------------------- */

/* The first proposal that the learner was sent and may acknowledge next. */
static int64_t next_to_ack(const struct leader *leader, const struct handler *handler)
{
    int64_t have = MAX(handler->acked_zxid, leader->last_committed);
    int64_t first = peer_next_unapplied(leader->peer);
    return first > have ? first : have + 1;
}

void leader_acked(struct leader_turn *turn, struct handler *handler, int64_t zxid)
{
    struct leader *leader = turn->leader;
    if (handler->unacked_zxid != 0 && zxid >= handler->unacked_zxid) {
        bool has_more = zxid < handler->sent_zxid;
        handler->unacked_zxid = has_more ? handler->sent_zxid : 0;
        handler->unacked_ms = handler->last_sent_ms;
    }
    if (zxid_counter(zxid) == 0 && zxid == leader_new_zxid(leader)) {
        return; /* the one that follows UPTODATE: it says nothing new */
    }
    if (handler->is_observer) {
        return; /* observers have no vote */
    }
    if (zxid <= MAX(leader->last_committed, leader_new_zxid(leader)) ||
        zxid <= handler->acked_zxid) {
        return; /* late, or twice, or what a DIFF brought (Apache's up to 3.8.4 and 3.9.1) */
    }
    if (zxid > handler->sent_zxid) {
        handler_close(turn, handler, "it acknowledges what it was not sent");
        return;
    }
    if (zxid != next_to_ack(leader, handler)) {
        handler_close(turn, handler, "it acknowledges out of order");
        return;
    }
    handler->acked_zxid = zxid;
    leader_try_commit(turn);
}

/* ---- committing ---------------------------------------------------------------------- */

static bool has_acked(const struct handler *handler, int64_t zxid)
{
    return handler->state >= HANDLER_ACKED && handler->acked_zxid >= zxid;
}

/* Do others reach it under the same quorum addresses? */
static bool same_quorum_addresses(const struct quorum_server *a, const struct quorum_server *b)
{
    if (a->address_count != b->address_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->address_count; i++) {
        if (!slice_equal(a->addresses[i].host, b->addresses[i].host) ||
            a->addresses[i].quorum_port != b->addresses[i].quorum_port) {
            return false;
        }
    }
    return true;
}

int64_t leader_designated(const struct leader *leader,
                          const struct quorum_config *config,
                          int64_t zxid)
{
    int64_t own = leader->peer->config->server_id;
    bool is_new_leader = zxid == leader_new_zxid(leader);
    const struct quorum_server *before = quorum_config_find(leader->peer->committed_config, own);
    if (quorum_config_is_voter(config, own) &&
        (before == NULL || same_quorum_addresses(before, quorum_config_find(config, own)))) {
        return own;
    }
    /* One that acknowledged it, and of those one that acknowledged most. */
    int64_t best = own;
    int64_t best_acked = -1;
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        bool acked = handler->state != HANDLER_CLOSED && !handler->is_observer &&
                     handler->state >= HANDLER_ACKED &&
                     (is_new_leader || handler->acked_zxid >= zxid);
        if (acked && quorum_config_is_voter(config, handler->server_id) &&
            (handler->acked_zxid > best_acked ||
             (handler->acked_zxid == best_acked && handler->server_id < best))) {
            best = handler->server_id;
            best_acked = handler->acked_zxid;
        }
    }
    return best;
}

static void tell_all(struct leader_turn *turn, struct quorum_span span, bool observers)
{
    if (span.len == 0) {
        return;
    }
    LIST_FOR_EACH(link, &turn->leader->handlers)
    {
        struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->is_forwarding && handler->is_observer == observers) {
            handler_send(turn, handler, span);
        }
    }
}

static bool has_observers(const struct leader *leader)
{
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->is_forwarding && handler->is_observer) {
            return true;
        }
    }
    return false;
}

static void tell_committed(struct leader_turn *turn, int64_t zxid, struct slice txn)
{
    tell_all(turn, quorum_span_write(turn->outbox, ZK_PACKET_COMMIT, zxid, SLICE_NULL), false);
    turn->leader->peer->private->stats.commits += 1;
    if (has_observers(turn->leader)) {
        tell_all(turn, quorum_span_write(turn->outbox, ZK_PACKET_INFORM, zxid, txn), true);
    }
}

/* A reconfiguration is committed: in force here, and who leads from now on is said with it. */
static void activate(struct leader_turn *turn, int64_t zxid, struct slice txn, struct slice text)
{
    struct leader *leader = turn->leader;
    struct peer *peer = leader->peer;
    struct quorum_config *config = NULL;
    int rv = quorum_config_parse(text, &config, NULL, 0);
    ASSERT(rv == ERR_OK); /* leader_reconfig made it */
    int64_t designated = leader_designated(leader, config, zxid);
    quorum_config_drop(config);
    uint8_t leads[8];
    store_be64(leads, (uint64_t)designated);
    tell_all(turn,
             quorum_span_write(turn->outbox, ZK_PACKET_COMMIT_AND_ACTIVATE, zxid,
                               slice_of(leads, sizeof leads)),
             false);
    if (has_observers(leader)) {
        struct buffer *out = &turn->outbox->bytes;
        size_t start = quorum_packet_begin(out, ZK_PACKET_INFORM_AND_ACTIVATE, zxid);
        buffer_append(out, slice_of(leads, sizeof leads));
        buffer_append(out, txn);
        quorum_packet_end(out, start);
        tell_all(turn, (struct quorum_span){start, out->len - start}, true);
    }
    (void)peer_activate_config(peer, text, designated, turn->outbox);
    if (designated != peer->config->server_id) {
        leader_step_aside(turn);
    }
}

static bool is_committed_by_quorum(const struct leader *leader, int64_t zxid)
{
    const struct peer *peer = leader->peer;
    int64_t ids[PEER_LEARNERS_MAX + 1] NOT_ZEROED;
    bool own = peer->persisted_zxid >= zxid;
    size_t count = leader_collect(leader, own, has_acked, zxid, ids);
    /* What was proposed before a reconfiguration does not ask the configuration that it brings. */
    bool with_next = peer->seen_config != NULL && zxid >= peer->seen_config->version;
    return leader_is_quorum(leader, ids, count, with_next);
}

void leader_try_commit(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    struct peer *peer = leader->peer;
    while (leader->phase == LEADER_BROADCAST && leader->may_commit && !leader->is_over) {
        int64_t zxid = peer_next_unapplied(peer);
        if (zxid == 0 || !is_committed_by_quorum(leader, zxid)) {
            break;
        }
        leader_answer_syncs_before(turn, zxid);
        if (leader->is_over) {
            break;
        }
        struct slice txn = peer_next_txn(peer);
        struct slice config = peer_txn_config(txn);
        leader->last_committed = zxid;
        peer_note_latency(&peer->private->stats.quorum_ack_latency, txn, turn->event);
        if (slice_is_null(config)) {
            tell_committed(turn, zxid, txn);
        } else {
            activate(turn, zxid, txn, config);
        }
        peer_apply_next(peer, turn->event, turn->outbox);
        prep_applied(&peer->prep, zxid);
        leader_answer_syncs(turn);
    }
}
