/* leader.c - the phases of a leader, the life of its learners' links, and its clock.
 *
 * Model: one machine, many handlers. The leader's phase moves when a quorum has done its part; a
 * handler's state moves with each packet of its learner, and waits where the phase must come first.
 * Both meet in `advance`: after each event the phase is looked at, and when it has moved, every
 * handler that waited for that goes on.
 *
 * Happy path: leader_begin -> LINK_OPEN of learners -> FOLLOWERINFO of a quorum -> acceptedEpoch
 * durable -> LEADERINFO, ACKEPOCH of a quorum (leader_discovery.c) -> currentEpoch durable; each
 * learner is synchronised
 * (leader_sync.c) -> ACKs of NEWLEADER -> broadcast (leader_broadcast.c).
 *
 * What goes wrong: see leader.h. Whatever the leader decides needs a quorum that has said so on
 * links that are open now; a link that closes takes nothing back that was said (an
 * acknowledgement is durable at the learner), but what is counted is only what open links said:
 * that may be less than there is, never more.
 *
 * Ticks: twice a tick everybody is pinged, links that are overdue are closed; once a tick the
 * learners that are left must be a quorum.
 */
#include "zookeeper/core/leader.h"

#include "base/memory.h"
#include "zookeeper/core/leader_private.h"

#define LEADER_ARENA_CHUNK ((size_t)16 << 10)

/* ---- helpers ------------------------------------------------------------------------- */

void leader_give_up(struct leader *leader, const char *reason)
{
    if (!leader->is_over) {
        leader->is_over = true;
        peer_give_up(leader->peer, reason);
    }
}

static uint64_t ticks_ms(const struct leader *leader, int32_t ticks)
{
    return (uint64_t)MAX(ticks, 1) * (uint64_t)leader->peer->config->tick_ms;
}

/* A configuration that is proposed and not yet in force; NULL when there is none. */
static const struct quorum_config *next_config(const struct leader *leader)
{
    const struct peer *peer = leader->peer;
    return peer->seen_config != NULL && peer->seen_config->version > peer->committed_config->version
               ? peer->seen_config
               : NULL;
}

bool leader_is_quorum(const struct leader *leader, const int64_t *ids, size_t count, bool with_next)
{
    if (!quorum_config_is_quorum(leader->peer->committed_config, ids, count)) {
        return false;
    }
    const struct quorum_config *next = with_next ? next_config(leader) : NULL;
    return next == NULL || quorum_config_is_quorum(next, ids, count);
}

/* An observer is nobody's quorum, but one that is to have a vote counts for the next configuration
 * when it has acknowledged NEWLEADER (upstream counts by ids alone): the history that this leader
 * began with, and no more. Later proposals are not sent to it, so that it can confirm none. */
static bool has_a_say(const struct leader *leader, const struct handler *handler)
{
    const struct quorum_config *next = next_config(leader);
    return !handler->is_observer ||
           (leader->phase == LEADER_SYNCHRONIZATION && next != NULL &&
            quorum_config_is_voter(next, handler->server_id) &&
            !quorum_config_is_voter(leader->peer->committed_config, handler->server_id));
}

size_t leader_collect(const struct leader *leader,
                      bool with_self,
                      bool (*has)(const struct handler *handler, int64_t zxid),
                      int64_t zxid,
                      int64_t *ids)
{
    size_t count = 0;
    if (with_self) {
        ids[count++] = leader->peer->config->server_id;
    }
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->state != HANDLER_CLOSED && has_a_say(leader, handler) && has(handler, zxid)) {
            ids[count++] = handler->server_id;
        }
    }
    ASSERT(count <= PEER_LEARNERS_MAX + 1);
    return count;
}

static bool is_introduced(const struct handler *handler, int64_t zxid)
{
    (void)zxid;
    return handler->state >= HANDLER_INTRODUCED;
}

/* Only an ACKEPOCH that was new to the learner counts (last_zxid stays -1 otherwise). */
static bool has_acked_epoch(const struct handler *handler, int64_t zxid)
{
    (void)zxid;
    return handler->state >= HANDLER_EPOCH_ACKED && handler->counts_epoch;
}

static bool has_acked_new_leader(const struct handler *handler, int64_t zxid)
{
    (void)zxid;
    return handler->state >= HANDLER_ACKED;
}

static bool has_quorum(const struct leader *leader,
                       bool with_self,
                       bool (*has)(const struct handler *handler, int64_t zxid),
                       bool with_next)
{
    int64_t ids[PEER_LEARNERS_MAX + 1] NOT_ZEROED;
    size_t count = leader_collect(leader, with_self, has, 0, ids);
    return leader_is_quorum(leader, ids, count, with_next);
}

/* ---- handlers ------------------------------------------------------------------------ */

void handler_close(struct leader_turn *turn, struct handler *handler, const char *reason)
{
    if (handler->state == HANDLER_CLOSED) {
        return;
    }
    handler->state = HANDLER_CLOSED;
    handler->is_forwarding = false;
    struct zk_effect *effect = peer_effect(turn->outbox, PEER_EFFECT_LINK_CLOSE);
    effect->link = handler->link;
    effect->offset = turn->outbox->bytes.len;
    effect->len = strlen(reason);
    buffer_append(&turn->outbox->bytes, slice_of_cstr(reason));
}

bool handler_has_room(struct leader_turn *turn, struct handler *handler)
{
    if (handler->link->output_bytes > LEADER_LINK_OUTPUT_MAX) {
        handler_close(turn, handler, "it does not read what it is sent, and too much waits for it");
        return false;
    }
    return true;
}

void handler_send(struct leader_turn *turn, struct handler *handler, struct quorum_span span)
{
    if (handler->state == HANDLER_CLOSED || !handler_has_room(turn, handler)) {
        return;
    }
    handler->packets_sent += 1;
    quorum_send_span(turn->outbox, handler->link, span);
}

void handler_wait(struct leader_turn *turn, struct handler *handler, int32_t ticks)
{
    handler->deadline_ms = turn->event->now_ms + ticks_ms(turn->leader, ticks);
}

static struct handler *handler_of(const struct zk_link *link)
{
    return link->machine;
}

static void link_opened(struct leader_turn *turn, struct zk_link *link)
{
    struct leader *leader = turn->leader;
    struct handler *handler = mem_alloc_zeroed(sizeof *handler);
    handler->leader = leader;
    handler->link = link;
    handler->connected_ms = turn->event->now_ms;
    handler->round_ping = UINT64_MAX;
    link->machine = handler;
    list_append(&leader->handlers, &handler->list);
    leader->handler_count += 1;
    handler_wait(turn, handler, leader->peer->config->init_limit);
    if (leader->handler_count > PEER_LEARNERS_MAX) {
        handler_close(turn, handler, "there are too many learners");
    }
}

static void handler_free(struct leader *leader, struct handler *handler)
{
    handler->link->machine = NULL;
    list_remove(&handler->list);
    leader->handler_count -= 1;
    mem_free(handler, sizeof *handler);
}

/* ---- phases -------------------------------------------------------------------------- */

static void set_phase(struct leader_turn *turn, enum leader_phase phase)
{
    struct leader *leader = turn->leader;
    leader->phase = phase;
    leader->phase_until_ms = phase == LEADER_BROADCAST
                                 ? UINT64_MAX
                                 : turn->event->now_ms +
                                       ticks_ms(leader, leader->peer->config->init_limit);
}

/* The configuration of an ensemble that was never reconfigured gets the first leader's zxid for its
 * version. (Leader.lead) One that the history has under a version is not proposed anew: whoever
 * wrote it by hand has only left that version out. */
static void version_config(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    struct peer *peer = leader->peer;
    if (!peer->config->reconfig_enabled || peer->committed_config->version != 0 ||
        (peer->seen_config != NULL && peer->seen_config->version != 0)) {
        return;
    }
    if (peer_history_names_members(peer)) {
        peer_recall_next(peer, turn->outbox);
        return;
    }
    leader->scratch.len = 0;
    quorum_config_text_at(peer->committed_config, leader_new_zxid(leader), &leader->scratch);
    int rv = peer_see_config(peer, buffer_slice(&leader->scratch), turn->outbox);
    ASSERT(rv == ERR_OK);
}

static void begin_synchronization(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    version_config(turn);
    set_phase(turn, LEADER_SYNCHRONIZATION);
    /* Behind everything that the log was given before, so that our own ACK, which follows it, says
     * that the history is durable, too. (ZOOKEEPER-4643, 4646) */
    peer_persist_epoch(leader->peer, turn->outbox, ZK_EPOCH_CURRENT, leader->epoch);
    leader->has_own_ack = false;
    peer_set_zab_state(leader->peer, "SYNCHRONIZATION", turn->outbox);
}

void leader_step_aside(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    leader->may_commit = false;
    leader->phase_until_ms = turn->event->now_ms +
                             ticks_ms(leader, leader->peer->config->sync_limit);
}

static void begin_broadcast(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    struct peer *peer = leader->peer;
    int64_t zxid = leader_new_zxid(leader);
    leader->last_committed = zxid;
    set_phase(turn, LEADER_BROADCAST);
    if (peer->config->reconfig_enabled && next_config(leader) != NULL) {
        leader->scratch.len = 0;
        quorum_config_text(peer->seen_config, &leader->scratch);
        int64_t designated = leader_designated(leader, peer->seen_config, zxid);
        (void)peer_activate_config(peer, buffer_slice(&leader->scratch), designated, turn->outbox);
        if (designated != peer->config->server_id) {
            leader_step_aside(turn);
        }
    }
    peer->service.tree.last_processed_zxid = zxid;
    struct prep_ensemble ensemble = {leader_reconfig, leader};
    prep_restart(&peer->prep, &ensemble);
    leader->half_tick_at_ms = turn->event->now_ms + (uint64_t)peer->config->tick_ms / 2;
    leader->skips_tick = true;
    peer_serve(peer, turn->event, turn->outbox);
}

/* Moves the phase when it is time; true when it did. */
static bool advance_phase(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    switch (leader->phase) {
    case LEADER_DISCOVERY:
        if (!has_quorum(leader, true, is_introduced, false)) {
            return false;
        }
        if (leader->epoch > PEER_EPOCH_MAX) {
            leader_give_up(leader, "the epochs are used up");
            return false;
        }
        set_phase(turn, LEADER_SAVING_EPOCH);
        peer_persist_epoch(leader->peer, turn->outbox, ZK_EPOCH_ACCEPTED, leader->epoch);
        return true;
    case LEADER_SAVING_EPOCH: /* EPOCH_PERSISTED moves it */
        return false;
    case LEADER_EPOCH_ACKS:
        if (!has_quorum(leader, true, has_acked_epoch, false)) {
            return false;
        }
        begin_synchronization(turn);
        return true;
    case LEADER_SYNCHRONIZATION:
        if (!has_quorum(leader, leader->has_own_ack, has_acked_new_leader, true) ||
            !leader->has_own_ack) {
            return false;
        }
        begin_broadcast(turn);
        return true;
    case LEADER_BROADCAST:
        return false;
    }
    UNREACHABLE();
}

/* What a handler's state waited for the phase to allow. */
static void advance_handler(struct leader_turn *turn, struct handler *handler)
{
    enum leader_phase phase = turn->leader->phase;
    if (handler->state == HANDLER_INTRODUCED && phase >= LEADER_EPOCH_ACKS) {
        leader_send_info(turn, handler);
    } else if (handler->state == HANDLER_EPOCH_ACKED && phase >= LEADER_SYNCHRONIZATION) {
        leader_sync_handler(turn, handler);
    } else if (handler->state == HANDLER_ACKED && phase == LEADER_BROADCAST) {
        handler->state = HANDLER_FOLLOWING;
        handler->heard_ms = turn->event->now_ms;
        handler_wait(turn, handler, turn->leader->peer->config->sync_limit);
        handler_send(turn, handler,
                     quorum_span_write(turn->outbox, ZK_PACKET_UPTODATE, -1, SLICE_NULL));
    }
}

static void advance(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    while (!leader->is_over && advance_phase(turn)) {
    }
    if (!leader->is_over) {
        LIST_FOR_EACH(link, &leader->handlers)
        {
            advance_handler(turn, CONTAINER_OF(link, struct handler, list));
        }
    }
}

/* ---- packets ------------------------------------------------------------------------- */

/* The learner has what it needs, or is still given it: an ACK of NEWLEADER is what counts. Others
 * may come before it (ZOOKEEPER-4685): they are kept for later, not counted. */
static void sync_packet(struct leader_turn *turn, struct handler *handler)
{
    struct leader *leader = turn->leader;
    if (turn->event->packet_type == ZK_PACKET_PING) {
        return;
    }
    if (turn->event->packet_type != ZK_PACKET_ACK || handler->is_sending_snapshot) {
        handler_close(turn, handler, "it should have acknowledged NEWLEADER");
        return;
    }
    if (turn->event->zxid != leader_new_zxid(leader)) {
        leader_acked(turn, handler, turn->event->zxid);
        return;
    }
    handler->state = HANDLER_ACKED;
    handler->deadline_ms = UINT64_MAX;
    leader_try_commit(turn);
}

/* It waits for UPTODATE, and may acknowledge what it has logged meanwhile. */
static void acked_packet(struct leader_turn *turn, struct handler *handler)
{
    if (turn->event->packet_type == ZK_PACKET_ACK) {
        leader_acked(turn, handler, turn->event->zxid);
    } else if (turn->event->packet_type != ZK_PACKET_PING) {
        handler_close(turn, handler, "it speaks before UPTODATE");
    }
}

static void following_packet(struct leader_turn *turn, struct handler *handler)
{
    const struct zk_event *event = turn->event;
    handler_wait(turn, handler, turn->leader->peer->config->sync_limit);
    handler->heard_ms = event->now_ms;
    switch (event->packet_type) {
    case ZK_PACKET_ACK:
        leader_acked(turn, handler, event->zxid);
        break;
    case ZK_PACKET_PING:
        leader_handle_ping(turn, handler, event->frame);
        break;
    case ZK_PACKET_REVALIDATE:
        leader_handle_revalidate(turn, handler, event->frame);
        break;
    case ZK_PACKET_REQUEST:
        leader_handle_request(turn, handler, event->frame, event->authinfo);
        break;
    default:
        /* Upstream logs it and goes on: a later version may know more. */
        break;
    }
}

static void packet(struct leader_turn *turn, struct handler *handler)
{
    switch (handler->state) {
    case HANDLER_NEW:
        leader_introduced(turn, handler);
        break;
    case HANDLER_EPOCH_SENT:
        leader_epoch_acked(turn, handler);
        break;
    case HANDLER_SYNCING:
        sync_packet(turn, handler);
        break;
    case HANDLER_ACKED:
        acked_packet(turn, handler);
        break;
    case HANDLER_FOLLOWING:
        following_packet(turn, handler);
        break;
    case HANDLER_INTRODUCED:
    case HANDLER_EPOCH_ACKED:
    case HANDLER_READING_LOG:
    case HANDLER_SNAPSHOT:
        handler_close(turn, handler, "it speaks before it was spoken to");
        break;
    case HANDLER_CLOSED:
        break;
    }
}

/* ---- the clock ----------------------------------------------------------------------- */

static bool is_alive(const struct handler *handler, int64_t zxid)
{
    (void)zxid;
    return handler->state >= HANDLER_INTRODUCED;
}

static void close_overdue(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    uint64_t now_ms = turn->event->now_ms;
    uint64_t sync_ms = ticks_ms(leader, leader->peer->config->sync_limit);
    LIST_FOR_EACH(link, &leader->handlers)
    {
        struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->state == HANDLER_CLOSED) {
            continue;
        }
        if (handler->deadline_ms <= now_ms) {
            handler_close(turn, handler, "nothing was heard of it in time");
        } else if (handler->state == HANDLER_FOLLOWING && handler->unacked_zxid != 0 &&
                   now_ms - handler->unacked_ms >= sync_ms) {
            handler_close(turn, handler, "it has not acknowledged a proposal in time");
        }
    }
}

/* All links together may hold so much: whoever has most goes, strangers first. */
static void bound_output(struct leader_turn *turn)
{
    size_t all = SIZE_MAX;
    while (all > LEADER_ALL_OUTPUT_MAX) {
        struct handler *worst = NULL;
        all = 0;
        LIST_FOR_EACH(link, &turn->leader->handlers)
        {
            struct handler *handler = CONTAINER_OF(link, struct handler, list);
            size_t waits = handler->state == HANDLER_CLOSED ? 0 : handler->link->output_bytes;
            bool is_worse = worst == NULL || handler->is_stranger > worst->is_stranger ||
                            (handler->is_stranger == worst->is_stranger &&
                             waits > worst->link->output_bytes);
            worst = waits > 0 && is_worse ? handler : worst;
            all += waits;
        }
        if (all > LEADER_ALL_OUTPUT_MAX && worst != NULL) {
            handler_close(turn, worst, "learners have too much waiting, and it has most of it");
        }
    }
}

static void half_tick(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    bound_output(turn);
    if (!leader->skips_tick && !has_quorum(leader, true, is_alive, true)) {
        leader_give_up(leader, "not enough followers are synchronised");
        return;
    }
    leader->skips_tick = !leader->skips_tick;
    leader_ping(turn);
}

static const char *overdue_reason(const struct leader *leader)
{
    switch (leader->phase) {
    case LEADER_DISCOVERY:
    case LEADER_SAVING_EPOCH:
        return "no quorum for a new epoch in time";
    case LEADER_EPOCH_ACKS:
        return "no quorum acknowledged the new epoch in time";
    case LEADER_SYNCHRONIZATION:
        return "no quorum was synchronised in time";
    case LEADER_BROADCAST:
        return "a reconfiguration made another server the leader";
    }
    UNREACHABLE();
}

static void tick(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    uint64_t now_ms = turn->event->now_ms;
    close_overdue(turn);
    if (leader->phase_until_ms <= now_ms) {
        leader_give_up(leader, overdue_reason(leader));
    } else if (leader->phase == LEADER_BROADCAST && leader->half_tick_at_ms <= now_ms) {
        half_tick(turn);
        leader->half_tick_at_ms = now_ms + (uint64_t)leader->peer->config->tick_ms / 2;
    }
}

/* ---- events -------------------------------------------------------------------------- */

static void epoch_persisted(struct leader_turn *turn)
{
    struct leader *leader = turn->leader;
    if (turn->event->zxid != leader->epoch) {
        return; /* of a role that has ended */
    }
    if (turn->event->epoch_kind == ZK_EPOCH_ACCEPTED && leader->phase == LEADER_SAVING_EPOCH) {
        set_phase(turn, LEADER_EPOCH_ACKS);
    } else if (turn->event->epoch_kind == ZK_EPOCH_CURRENT &&
               leader->phase == LEADER_SYNCHRONIZATION) {
        leader->has_own_ack = true;
    }
}

static void snapshot_sent(struct leader_turn *turn, struct handler *handler)
{
    handler->is_sending_snapshot = false;
    if (handler->state == HANDLER_SYNCING) {
        handler_wait(turn, handler, turn->leader->peer->config->init_limit);
    }
}

/* What happens to one learner's link. */
static void handler_event(struct leader_turn *turn, struct handler *handler)
{
    enum zk_peer_event_kind kind = turn->event->peer_kind;
    ASSERT(handler->leader == turn->leader);
    if (kind == PEER_EVENT_LINK_PACKET) {
        handler->packets_received += 1;
        handler->requests += turn->event->packet_type == ZK_PACKET_REQUEST ? 1 : 0;
        packet(turn, handler);
    } else if (kind == PEER_EVENT_LINK_CLOSED) {
        handler_free(turn->leader, handler);
    } else if (kind == PEER_EVENT_SNAPSHOT_BEGAN) {
        leader_snapshot_began(turn, handler);
    } else if (kind == PEER_EVENT_SNAPSHOT_SENT) {
        snapshot_sent(turn, handler);
    } else if (kind == PEER_EVENT_LOG_READ) {
        leader_log_read(turn, handler);
    }
}

static void peer_event(struct leader_turn *turn)
{
    struct zk_link *link = turn->event->link;
    if (turn->event->peer_kind == PEER_EVENT_EPOCH_PERSISTED) {
        epoch_persisted(turn);
    } else if (turn->event->peer_kind == PEER_EVENT_LINK_OPEN) {
        ASSERT(link->machine == NULL);
        link_opened(turn, link);
    } else if (link != NULL && link->machine != NULL) { /* else of a role that has ended */
        handler_event(turn, handler_of(link));
    }
}

void leader_step(struct leader *leader, const struct zk_event *event, struct zk_outbox *outbox)
{
    struct leader_turn turn = {leader, event, outbox};
    if (leader->is_over) {
        if (event->kind == ZK_EVENT_PEER && event->peer_kind == PEER_EVENT_LINK_CLOSED &&
            event->link->machine != NULL) {
            handler_free(leader, handler_of(event->link));
        }
        return;
    }
    switch (event->kind) {
    case ZK_EVENT_TICK:
        tick(&turn);
        break;
    case ZK_EVENT_PERSISTED:
        leader_try_commit(&turn);
        break;
    case ZK_EVENT_PEER:
        peer_event(&turn);
        break;
    case ZK_EVENT_FRAME:
    case ZK_EVENT_CLOSED:
    case ZK_EVENT_WRITTEN:
        UNREACHABLE(); /* the service's */
    }
    advance(&turn);
}

/* ---- life ---------------------------------------------------------------------------- */

struct leader *leader_begin(struct peer *peer,
                            const struct zk_event *event,
                            struct zk_outbox *outbox)
{
    struct leader *leader = mem_alloc_zeroed(sizeof *leader);
    struct leader_turn turn = {leader, event, outbox};
    leader->peer = peer;
    leader->epoch = MAX(peer->promised_epoch, peer->private->heard_epoch) + 1;
    leader->summary_epoch = peer->current_epoch;
    leader->summary_zxid = peer_last_zxid(peer);
    leader->may_commit = true;
    list_init(&leader->handlers);
    list_init(&leader->syncs);
    arena_init(&leader->arena, LEADER_ARENA_CHUNK, SIZE_MAX);
    buffer_init(&leader->scratch, SIZE_MAX);
    buffer_init(&leader->reconfig, SIZE_MAX);
    ASSERT(peer_next_unapplied(peer) == 0);
    prep_init(&peer->prep, &peer->service.config->prep, &peer->service.tree);
    set_phase(&turn, LEADER_DISCOVERY);
    peer_set_zab_state(peer, "DISCOVERY", outbox);
    advance(&turn);
    return leader;
}

void leader_end(struct leader *leader, struct zk_outbox *outbox)
{
    struct zk_event event = {.kind = ZK_EVENT_TICK};
    struct leader_turn turn = {leader, &event, outbox};
    while (!list_is_empty(&leader->handlers)) {
        struct handler *handler = CONTAINER_OF(leader->handlers.next, struct handler, list);
        handler_close(&turn, handler, "this server does not lead any more");
        handler_free(leader, handler);
    }
    struct list *link;
    while ((link = list_pop(&leader->syncs)) != NULL) {
        mem_free(CONTAINER_OF(link, struct leader_sync, list), sizeof(struct leader_sync));
    }
    prep_release(&leader->peer->prep);
    arena_release(&leader->arena);
    buffer_release(&leader->scratch);
    buffer_release(&leader->reconfig);
    mem_free(leader, sizeof *leader);
}

uint64_t leader_deadline(const struct leader *leader)
{
    if (leader->is_over) {
        return UINT64_MAX;
    }
    uint64_t deadline_ms = leader->phase_until_ms;
    if (leader->phase == LEADER_BROADCAST) {
        deadline_ms = MIN(deadline_ms, leader->half_tick_at_ms);
    }
    uint64_t sync_ms = ticks_ms(leader, leader->peer->config->sync_limit);
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->state == HANDLER_CLOSED) {
            continue;
        }
        deadline_ms = MIN(deadline_ms, handler->deadline_ms);
        if (handler->state == HANDLER_FOLLOWING && handler->unacked_zxid != 0) {
            deadline_ms = MIN(deadline_ms, handler->unacked_ms + sync_ms);
        }
    }
    return deadline_ms;
}

void leader_each_learner(const struct leader *leader,
                         void (*each)(void *ctx, const struct peer_learner_info *info),
                         void *ctx)
{
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (handler->state < HANDLER_INTRODUCED || handler->state == HANDLER_CLOSED) {
            continue;
        }
        struct peer_learner_info info = {
            .server_id = handler->server_id,
            .is_observer = handler->is_observer,
            .is_synced = handler->state >= HANDLER_ACKED,
            .is_voter = quorum_config_is_voter(leader->peer->committed_config, handler->server_id),
            .acked_zxid = handler->acked_zxid,
            .packets_received = handler->packets_received,
            .packets_sent = handler->packets_sent,
            .requests = handler->requests,
            .connected_ms = handler->connected_ms,
            .link = handler->link};
        each(ctx, &info);
    }
}

static void check_handler(const struct leader *leader, const struct handler *handler)
{
    ASSERT(handler->leader == leader && handler->link->machine == handler);
    ASSERT(handler->acked_zxid <= MAX(handler->sent_zxid, leader->last_committed));
    ASSERT(handler->pings_answered <= handler->pings_sent);
    ASSERT(!handler->is_forwarding ||
           (handler->state >= HANDLER_SYNCING && handler->state <= HANDLER_FOLLOWING));
    ASSERT(handler->state != HANDLER_FOLLOWING || leader->phase == LEADER_BROADCAST);
    ASSERT(handler->state < HANDLER_EPOCH_SENT || leader->phase >= LEADER_EPOCH_ACKS ||
           handler->state == HANDLER_CLOSED);
}

void leader_check(const struct leader *leader)
{
    const struct peer *peer = leader->peer;
    size_t count = 0;
    LIST_FOR_EACH(link, &leader->handlers)
    {
        check_handler(leader, CONTAINER_OF(link, struct handler, list));
        count += 1;
    }
    ASSERT(count == leader->handler_count);
    commit_log_check(&peer->commit_log);
    /* Nobody hears of an epoch that is not durable here. */
    ASSERT(leader->phase < LEADER_EPOCH_ACKS || peer->accepted_epoch >= leader->epoch);
    if (leader->phase != LEADER_BROADCAST) {
        ASSERT(peer_next_unapplied(peer) == 0);
        return;
    }
    ASSERT(peer->current_epoch == leader->epoch);
    ASSERT(zxid_epoch(leader->last_committed) == leader->epoch);
    ASSERT(peer->service.tree.last_processed_zxid == leader->last_committed);
    ASSERT(leader->is_over || peer->prep.last_zxid >= leader->last_committed);
    /* Without a gap from what is committed to what was proposed. */
    int64_t next = peer_next_unapplied(peer);
    ASSERT(next == 0 || next == leader->last_committed + 1 ||
           zxid_counter(leader->last_committed) == 0);
}
