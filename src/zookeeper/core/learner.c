/* learner.c - follower and observer: introduction, broadcast, and what their clients ask for.
 *
 * Happy path: LINK_CONNECT -> FOLLOWERINFO -> LEADERINFO -> the epoch is accepted on disk ->
 * ACKEPOCH -> learner_sync.c -> UPTODATE -> every PROPOSAL is logged, acknowledged when durable,
 * and applied by its COMMIT; an observer applies by INFORM.
 *
 * What goes wrong: whatever the leader does wrong, or the network, ends the role; the next
 * synchronisation repairs it. A hole in the zxids is such an error (ZOOKEEPER-4925). A connection
 * that is closed before the leader has said anything is no end yet: it is dialled again for a
 * while. And there is one that ends more: a COMMIT that is not of the next proposal ends the
 * server, as upstream's, since then one of the two histories is not what it seems.
 */
#include "zookeeper/core/learner_private.h"

#include "base/memory.h"
#include "wire/jute.h"

#define EXIT_UNMATCHED_COMMIT 12
#define TXN_HEADER_BYTES 32u
#define TXN_ZXID_AT 12u

#define PING_SESSION_BYTES 12

/* Between connections that are closed before the leader has said anything, and for how long. */
#define REDIAL_MS 100u
#define REDIAL_FOR_MS 1500u

void learner_give_up(struct learner_turn *turn, const char *reason)
{
    peer_give_up(turn->learner->peer, reason);
}

/* ---- life ---------------------------------------------------------------------------- */

static void dial(struct learner *learner, size_t for_ms, struct zk_outbox *outbox)
{
    learner->attempt = ++learner->peer->private->attempts;
    struct zk_effect *effect = peer_effect(outbox, PEER_EFFECT_LINK_CONNECT);
    effect->server_id = learner->leader_id;
    effect->zxid = learner->attempt;
    effect->len = for_ms;
}

struct learner *learner_begin(struct peer *peer,
                              int64_t leader_id,
                              const struct zk_event *event,
                              struct zk_outbox *outbox)
{
    const struct peer_config *config = peer->config;
    struct learner *learner = mem_alloc_zeroed(sizeof *learner);
    learner->peer = peer;
    learner->state = LEARNER_CONNECTING;
    learner->is_observer = peer->state == PEER_OBSERVING;
    learner->leader_id = leader_id;
    learner->heard_ms = event->now_ms;
    learner->redial_at_ms = UINT64_MAX;
    buffer_init(&learner->waiting, SIZE_MAX);
    buffer_init(&learner->config, SIZE_MAX);
    list_init(&learner->syncs);
    arena_init(&learner->arena, (size_t)4 << 10, SIZE_MAX);
    int32_t ticks = config->connect_to_learner_master_limit > 0
                        ? config->connect_to_learner_master_limit
                        : config->init_limit;
    dial(learner, (size_t)MAX(ticks, 1) * (size_t)config->tick_ms, outbox);
    return learner;
}

void learner_end(struct learner *learner, struct zk_outbox *outbox)
{
    if (learner->link != NULL) {
        learner->link->machine = NULL;
        peer_effect(outbox, PEER_EFFECT_LINK_CLOSE)->link = learner->link;
    }
    struct list *link;
    while ((link = list_pop(&learner->syncs)) != NULL) {
        mem_free(CONTAINER_OF(link, struct learner_sync, list), sizeof(struct learner_sync));
    }
    buffer_release(&learner->waiting);
    buffer_release(&learner->config);
    arena_release(&learner->arena);
    mem_free(learner, sizeof *learner);
}

/* ---- discovery ----------------------------------------------------------------------- */

static void link_opened(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    learner->link = turn->event->link;
    learner->link->machine = learner;
    learner->state = LEARNER_INTRODUCED;
    struct learner_info info = {.server_id = peer->config->server_id,
                                .protocol_version = QUORUM_PROTOCOL_VERSION,
                                .config_version = peer->committed_config->version};
    quorum_send_learner_info(turn->outbox, learner->link,
                             learner->is_observer ? ZK_PACKET_OBSERVERINFO : ZK_PACKET_FOLLOWERINFO,
                             peer->accepted_epoch, &info);
}

static void send_epoch_ack(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    learner->state = LEARNER_WAITS_FOR_SYNC;
    int64_t last = peer->private->needs_snapshot ? 0 : peer_last_zxid(peer);
    quorum_send_i32(turn->outbox, learner->link, ZK_PACKET_ACKEPOCH, last,
                    learner->epoch_counts ? (int32_t)peer->current_epoch : -1);
    peer->private->sync_began_ms = turn->event->now_ms;
    peer_set_zab_state(peer, "SYNCHRONIZATION", turn->outbox);
}

static void leader_info(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    const struct peer *peer = learner->peer;
    int32_t version = 0;
    if (turn->event->packet_type != ZK_PACKET_LEADERINFO ||
        quorum_read_i32(turn->event->frame, &version) != ERR_OK) {
        learner_give_up(turn, "the leader does not say its epoch");
        return;
    }
    learner->epoch = zxid_epoch(turn->event->zxid);
    if (learner->epoch < 0 || learner->epoch > PEER_EPOCH_MAX) {
        learner_give_up(turn, "the leader's epoch is impossible");
    } else if (learner->epoch < peer->promised_epoch && !learner->is_observer) {
        learner_give_up(turn, "the leader's epoch is less than the one accepted here");
    } else if (learner->epoch <= peer->accepted_epoch) {
        /* Who has promised this epoch before cannot do so again: it does not count (-1). What an
         * observer promised never counted, so a lower epoch does not keep it out. */
        send_epoch_ack(turn);
    } else {
        learner->state = LEARNER_ACCEPTING;
        if (learner->epoch > peer->promised_epoch) {
            learner->epoch_counts = true;
            peer_persist_epoch(learner->peer, turn->outbox, ZK_EPOCH_ACCEPTED, learner->epoch);
        }
    }
}

static void epoch_persisted(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    const struct peer *peer = learner->peer;
    if (learner->state == LEARNER_ACCEPTING && peer->accepted_epoch >= learner->epoch) {
        learner->heard_ms = turn->event->now_ms;
        send_epoch_ack(turn);
    } else if (learner->state == LEARNER_ADOPTING) {
        learner_adopt(turn);
    }
}

/* ---- broadcast ----------------------------------------------------------------------- */

bool learner_takes(struct learner_turn *turn, int64_t zxid, struct slice txn)
{
    struct learner *learner = turn->learner;
    struct txn decoded = {0};
    if (!zxid_follows(learner->last_zxid, zxid) || zxid_counter(zxid) == 0 ||
        zxid_epoch(zxid) > learner->epoch) {
        learner_give_up(turn, "the leader's proposals have a gap"); /* ZOOKEEPER-4925 */
        return false;
    }
    arena_clear(&learner->arena);
    int rv = txn.len < TXN_HEADER_BYTES ? ERR_TRUNCATED
                                        : txn_decode(txn, &learner->arena, &decoded);
    if ((rv != ERR_OK && rv != ERR_UNSUPPORTED) || decoded.header.zxid != zxid) {
        learner_give_up(turn, "a proposal of the leader cannot be read");
        return false;
    }
    learner->last_zxid = zxid;
    struct slice config = peer_txn_config(txn);
    if (!slice_is_null(config) && peer_see_config(learner->peer, config, turn->outbox) != ERR_OK) {
        learner_give_up(turn, "a configuration of the leader cannot be read");
        return false;
    }
    return true;
}

static void proposal(struct learner_turn *turn)
{
    const struct zk_event *event = turn->event;
    struct peer *peer = turn->learner->peer;
    if (turn->learner->is_observer || !learner_takes(turn, event->zxid, event->frame)) {
        return; /* an observer ignores it: it has no vote */
    }
    peer->private->stats.learner_proposals_received += 1;
    peer_note_latency(&peer->private->stats.proposal_latency, event->frame, event);
    peer_log(peer, event->zxid, event->frame, turn->outbox);
}

static void commit(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    int64_t zxid = turn->event->zxid;
    int64_t next = peer_next_unapplied(peer);
    if (learner->is_observer || (next == 0 && zxid <= peer->service.tree.last_processed_zxid)) {
        return;
    }
    if (next == 0) {
        learner_give_up(turn, "the leader commits what it has not proposed");
        return;
    }
    if (next != zxid) {
        peer_fail(peer, EXIT_UNMATCHED_COMMIT, "a COMMIT does not match the next proposal",
                  turn->outbox);
        return;
    }
    bool is_big = false;
    if (turn->event->packet_type == ZK_PACKET_COMMIT_AND_ACTIVATE) {
        int64_t designated = -1;
        struct slice rest;
        if (quorum_read_activate(turn->event->frame, &designated, &rest) != ERR_OK) {
            learner_give_up(turn, "the leader activates a configuration for nobody");
            return;
        }
        struct slice config = peer_txn_config(peer_next_txn(peer));
        is_big = peer_activate_config(peer, config, designated, turn->outbox);
    }
    peer->private->stats.learner_commits_received += 1;
    peer_note_latency(&peer->private->stats.commit_propagation_latency, peer_next_txn(peer),
                      turn->event);
    peer_apply_next(peer, turn->event, turn->outbox);
    if (is_big) {
        learner_give_up(turn, "the ensemble was reconfigured");
    }
}

static void inform(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    struct slice txn = turn->event->frame;
    int64_t designated = -1;
    bool activates = turn->event->packet_type == ZK_PACKET_INFORM_AND_ACTIVATE;
    if (!learner->is_observer ||
        (activates && quorum_read_activate(turn->event->frame, &designated, &txn) != ERR_OK)) {
        learner_give_up(turn, "an INFORM that is not for us");
        return;
    }
    if (!learner_takes(turn, turn->event->zxid, txn)) {
        return;
    }
    bool is_big = activates &&
                  peer_activate_config(peer, peer_txn_config(txn), designated, turn->outbox);
    peer->private->stats.learner_commits_received += 1;
    peer_note_latency(&peer->private->stats.commit_propagation_latency, txn, turn->event);
    if (peer->config->sync_enabled) {
        peer_log(peer, turn->event->zxid, txn, turn->outbox);
        peer_apply_next(peer, turn->event, turn->outbox);
    } else {
        peer_apply(peer, txn, turn->event, turn->outbox);
    }
    if (is_big) {
        learner_give_up(turn, "the ensemble was reconfigured");
    }
}

void learner_acknowledge(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    int64_t durable = learner->peer->persisted_zxid;
    if (learner->is_observer || learner->acked_zxid >= durable) {
        return;
    }
    /* Without a gap; a later epoch begins with 1. The leader counts each by itself. */
    size_t start = turn->outbox->bytes.len;
    while (learner->acked_zxid < durable) {
        learner->acked_zxid = zxid_epoch(learner->acked_zxid) == zxid_epoch(durable)
                                  ? learner->acked_zxid + 1
                                  : zxid_make(zxid_epoch(durable), 1);
        quorum_packet_write(&turn->outbox->bytes, ZK_PACKET_ACK, learner->acked_zxid, SLICE_NULL);
    }
    struct quorum_span span = {start, turn->outbox->bytes.len - start};
    quorum_send_span(turn->outbox, learner->link, span);
}

/* What the leader takes as one packet; upstream's learners list all, and with some 87,000 sessions
 * in half a tick lose their leader. */
static size_t sessions_in_ping_max(const struct learner *learner)
{
    return (size_t)MAX(learner->peer->service.config->frame_bytes_max / PING_SESSION_BYTES, 1);
}

static void append_touched(void *ctx, int64_t id, int32_t timeout_ms)
{
    struct buffer *out = ctx;
    jute_write_i64(out, id);
    jute_write_i32(out, timeout_ms);
}

static void ping(struct learner_turn *turn)
{
    struct buffer *out = &turn->outbox->bytes;
    size_t start = quorum_packet_begin(out, ZK_PACKET_PING, turn->event->zxid);
    session_table_take_touched(&turn->learner->peer->service.sessions,
                               sessions_in_ping_max(turn->learner), append_touched, out);
    quorum_packet_end(out, start);
    quorum_send_span(turn->outbox, turn->learner->link,
                     (struct quorum_span){start, out->len - start});
}

static void sync_done(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct list *link = list_pop(&learner->syncs);
    if (link == NULL) {
        return;
    }
    struct learner_sync *sync = CONTAINER_OF(link, struct learner_sync, list);
    service_sync_done(&learner->peer->service, sync->session_id, sync->cxid, turn->event,
                      turn->outbox);
    mem_free(sync, sizeof *sync);
}

static void revalidated(struct learner_turn *turn)
{
    int64_t session_id = 0;
    bool is_valid = false;
    if (quorum_read_revalidated(turn->event->frame, &session_id, &is_valid) != ERR_OK) {
        learner_give_up(turn, "a REVALIDATE of the leader cannot be read");
        return;
    }
    turn->learner->peer->private->stats.revalidations += 1;
    /* What was proposed up to now was not asked for by this connection. Apache's leader does not
     * say how much that is (-1); a follower has heard of it, an observer may not have. */
    int64_t behind_zxid = MAX(turn->event->zxid, turn->learner->last_zxid);
    service_revalidated(&turn->learner->peer->service, session_id, is_valid, behind_zxid,
                        turn->event, turn->outbox);
}

static void broadcast(struct learner_turn *turn)
{
    switch (turn->event->packet_type) {
    case ZK_PACKET_PROPOSAL:
        proposal(turn);
        break;
    case ZK_PACKET_COMMIT:
    case ZK_PACKET_COMMIT_AND_ACTIVATE:
        commit(turn);
        break;
    case ZK_PACKET_INFORM:
    case ZK_PACKET_INFORM_AND_ACTIVATE:
        inform(turn);
        break;
    case ZK_PACKET_PING:
        ping(turn);
        break;
    case ZK_PACKET_SYNC:
        sync_done(turn);
        break;
    case ZK_PACKET_REVALIDATE:
        revalidated(turn);
        break;
    default: /* what a newer leader may say is not for us (Follower.processPacket) */
        break;
    }
}

/* ---- what clients here ask for ------------------------------------------------------- */

static bool sync_is_whole(const struct learner *learner, const struct prep_request *request)
{
    size_t max = learner->peer->service.config->prep.max_string_bytes;
    struct jute_reader body = jute_reader_of(request->body, max);
    (void)jute_read_bytes(&body);
    return body.error == 0;
}

int64_t learner_submit(struct learner *learner,
                       const struct prep_request *request,
                       struct zk_outbox *outbox)
{
    ASSERT(learner->state == LEARNER_BROADCAST);
    if (request->type == ZK_OP_SYNC) {
        if (!sync_is_whole(learner, request)) {
            return SERVICE_MALFORMED;
        }
        struct learner_sync *sync = mem_alloc_zeroed(sizeof *sync);
        sync->session_id = request->session_id;
        sync->cxid = request->cxid;
        list_append(&learner->syncs, &sync->list);
    } else if (request->type == ZK_OP_CREATE_SESSION && request->session_timeout_ms < 0) {
        return SERVICE_MALFORMED;
    }
    quorum_send_request(outbox, learner->link, request);
    return SERVICE_ZXID_UNKNOWN;
}

void learner_revalidate(struct learner *learner,
                        int64_t session_id,
                        int32_t timeout_ms,
                        struct zk_outbox *outbox)
{
    ASSERT(learner->state == LEARNER_BROADCAST);
    quorum_send_revalidate(outbox, learner->link, session_id, timeout_ms);
}

/* ---- events -------------------------------------------------------------------------- */

static void packet(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    learner->heard_ms = turn->event->now_ms;
    learner->input_bytes = turn->event->link->input_bytes;
    switch (learner->state) {
    case LEARNER_INTRODUCED:
        leader_info(turn);
        break;
    case LEARNER_WAITS_FOR_SYNC:
        learner_sync_begin(turn);
        break;
    case LEARNER_CUTTING:
    case LEARNER_SAVING:
    case LEARNER_SYNCING:
    case LEARNER_ADOPTING:
    case LEARNER_ACKNOWLEDGED:
        learner_sync_packet(turn);
        break;
    case LEARNER_BROADCAST:
        broadcast(turn);
        break;
    case LEARNER_CONNECTING:
    case LEARNER_ACCEPTING:
    case LEARNER_READING:
        learner_give_up(turn, "the leader speaks out of turn");
        break;
    }
}

/* Does the leader have to say something now? Else we wait for the own disk. */
static int32_t limit_ticks(const struct learner *learner)
{
    const struct peer_config *config = learner->peer->config;
    switch (learner->state) {
    case LEARNER_CONNECTING: /* the host tries for as long; a tick more than that */
        return MAX(config->init_limit, config->connect_to_learner_master_limit) + 1;
    case LEARNER_INTRODUCED:
    case LEARNER_WAITS_FOR_SYNC:
    case LEARNER_READING:
    case LEARNER_SYNCING:
        return config->init_limit;
    case LEARNER_ACKNOWLEDGED: /* a quorum has to come, too: as long as the leader waits for it */
        return MAX(config->init_limit, config->sync_limit);
    case LEARNER_BROADCAST:
        return config->sync_limit;
    case LEARNER_ACCEPTING:
    case LEARNER_CUTTING:
    case LEARNER_SAVING:
    case LEARNER_ADOPTING:
        return 0;
    }
    UNREACHABLE();
}

static uint64_t silence_deadline(const struct learner *learner)
{
    int32_t ticks = limit_ticks(learner);
    return ticks == 0
               ? UINT64_MAX
               : learner->heard_ms + (uint64_t)ticks * (uint64_t)learner->peer->config->tick_ms;
}

uint64_t learner_deadline(const struct learner *learner)
{
    return MIN(silence_deadline(learner), learner->redial_at_ms);
}

static void tick(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    uint64_t now_ms = turn->event->now_ms;
    if (learner->redial_at_ms <= now_ms) {
        learner->redial_at_ms = UINT64_MAX;
        dial(learner, MAX(learner->redial_until_ms, now_ms + 1) - now_ms, turn->outbox);
    }
    if (now_ms < silence_deadline(learner)) {
        return;
    }
    if (learner->link != NULL &&
        (learner->link->is_held || learner->link->input_bytes != learner->input_bytes)) {
        /* Something big is on its way, a snapshot, a large txn, or it has come, and it is this
         * server that is still busy with it. */
        learner->input_bytes = learner->link->input_bytes;
        learner->heard_ms = turn->event->now_ms;
        return;
    }
    learner_give_up(turn, learner->state == LEARNER_BROADCAST ? "nothing is heard of the leader"
                                                              : "the leader takes too long");
}

/* Who elected it may know before the leader does. A server refuses connections until then; what
 * stands between, a proxy, may accept them and close them again. False: it does not come to lead.
 */
static bool waits_for_leader(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    uint64_t now_ms = turn->event->now_ms;
    if (learner->state != LEARNER_INTRODUCED) {
        return false;
    }
    if (learner->redial_until_ms == 0) {
        learner->redial_until_ms = now_ms + REDIAL_FOR_MS;
    }
    if (now_ms + REDIAL_MS >= learner->redial_until_ms) {
        return false;
    }
    learner->state = LEARNER_CONNECTING;
    learner->redial_at_ms = now_ms + REDIAL_MS;
    return true;
}

static void link_event(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    const struct zk_link *link = turn->event->link;
    bool is_it = learner->link != NULL ? learner->link == link : learner->attempt == link->attempt;
    if (turn->event->peer_kind == PEER_EVENT_LINK_OPEN) {
        if (is_it && learner->state == LEARNER_CONNECTING) {
            learner->heard_ms = turn->event->now_ms;
            link_opened(turn);
        } else {
            peer_effect(turn->outbox, PEER_EFFECT_LINK_CLOSE)->link = turn->event->link;
        }
    } else if (turn->event->peer_kind == PEER_EVENT_LINK_PACKET) {
        if (is_it && learner->link != NULL) {
            packet(turn);
        }
    } else if (is_it && waits_for_leader(turn)) {
        learner->link = NULL; /* the host's again */
    } else if (is_it) {
        learner_give_up(turn, learner->link == NULL ? "the leader cannot be reached"
                                                    : "the leader has closed the connection");
        learner->link = NULL; /* the host's again */
    }
}

static void peer_event(struct learner_turn *turn)
{
    switch (turn->event->peer_kind) {
    case PEER_EVENT_LINK_OPEN:
    case PEER_EVENT_LINK_PACKET:
    case PEER_EVENT_LINK_CLOSED:
        link_event(turn);
        break;
    case PEER_EVENT_EPOCH_PERSISTED:
        epoch_persisted(turn);
        break;
    case PEER_EVENT_SNAPSHOT_READ:
    case PEER_EVENT_SNAPSHOT_TAKEN:
    case PEER_EVENT_TRUNCATED:
        turn->learner->heard_ms = turn->event->now_ms;
        learner_tree_ready(turn);
        break;
    case PEER_EVENT_NOTIFICATION:
    case PEER_EVENT_ELECTION_UP:
    case PEER_EVENT_ELECTION_DOWN:
    case PEER_EVENT_SNAPSHOT_BEGAN:
    case PEER_EVENT_SNAPSHOT_SENT:
    case PEER_EVENT_LOG_READ:
        break; /* of an earlier role */
    }
}

void learner_step(struct learner *learner, const struct zk_event *event, struct zk_outbox *outbox)
{
    struct learner_turn turn = {learner, event, outbox};
    switch (event->kind) {
    case ZK_EVENT_TICK:
        tick(&turn);
        break;
    case ZK_EVENT_PERSISTED:
        if (learner->state == LEARNER_ADOPTING) {
            learner_adopt(&turn);
        } else if (learner->state == LEARNER_BROADCAST) {
            learner_acknowledge(&turn);
        }
        break;
    case ZK_EVENT_PEER:
        peer_event(&turn);
        break;
    case ZK_EVENT_FRAME:
    case ZK_EVENT_CLOSED:
    case ZK_EVENT_WRITTEN:
        UNREACHABLE(); /* the service's */
    }
}

void learner_check(const struct learner *learner)
{
    const struct peer *peer = learner->peer;
    ASSERT((learner->link == NULL) == (learner->state == LEARNER_CONNECTING));
    ASSERT(learner->waiting_start <= learner->uncommitted_start &&
           learner->uncommitted_start <= learner->waiting.len);
    ASSERT(peer->is_serving == (learner->state == LEARNER_BROADCAST));
    if (learner->state == LEARNER_BROADCAST) {
        ASSERT(learner->waiting_start == learner->waiting.len);
        ASSERT(peer->current_epoch == learner->epoch || learner->is_observer);
        ASSERT(peer->accepted_epoch == learner->epoch || learner->is_observer);
        ASSERT(learner->last_zxid == peer_last_zxid(peer));
        /* Z-INV7: acknowledged is durable */
        ASSERT(learner->is_observer || learner->acked_zxid <= peer->persisted_zxid);
    }
    if (learner->state == LEARNER_ACKNOWLEDGED) {
        ASSERT(peer->current_epoch >= learner->epoch && peer->persisted_zxid == peer->logged_zxid);
    }
}
