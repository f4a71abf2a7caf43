/* learner_sync.c - a learner comes to have what its leader has: DIFF, TRUNC or SNAP, until
 * UPTODATE.
 *
 * Model: base + proposals. The base is our own history (DIFF), that history cut (TRUNC), or the
 * leader's tree (SNAP). Proposals wait in `waiting` until the base is durable; those whose COMMIT
 * came then go to the log and the tree. NEWLEADER asks whether we have it all: history durable,
 * then the epoch durable, then ACK, in this order (ZOOKEEPER-3911, 4643, 4646, 4785). What comes
 * between that ACK and UPTODATE waits: it is logged and acknowledged as the first of the broadcast
 * (ZOOKEEPER-4394, 4685).
 *
 * What goes wrong: the link ends, and with it the role. What is in the log by then stays, without
 * the new epoch. A cut that leaves less than the leader thinks is followed by another try: our
 * history never had what it names, so it has to see where ours ends (it would leave a hole).
 *
 * Source: Learner.syncWithLeader.
 */
#include "zookeeper/core/learner_private.h"

#define ENTRY_HEADER_BYTES 12u /* zxid, length */
#define EXIT_QUORUM_PACKET 13

/* ---- the base ------------------------------------------------------------------------ */

static void begin_truncation(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    peer->private->stats.syncs_by_trunc += 1;
    peer->private->tree_state = PEER_TREE_LOADING;
    learner->state = LEARNER_CUTTING;
    learner->last_zxid = learner->sync_zxid;
    peer_effect(turn->outbox, PEER_EFFECT_TRUNCATE)->zxid = learner->sync_zxid;
}

static void begin_snapshot(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    peer->private->stats.syncs_by_snap += 1;
    peer->private->tree_state = PEER_TREE_READING;
    learner->state = LEARNER_READING;
    learner->has_snapshot = true;
    learner->last_zxid = learner->sync_zxid;
    peer_effect(turn->outbox, PEER_EFFECT_LINK_READ_SNAPSHOT)->link = learner->link;
}

void learner_sync_begin(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    learner->sync_zxid = turn->event->zxid;
    if (learner->sync_zxid < 0 || zxid_epoch(learner->sync_zxid) > learner->epoch) {
        learner_give_up(turn, "the leader's history is of no epoch");
        return;
    }
    switch (turn->event->packet_type) {
    case ZK_PACKET_DIFF:
        if (peer->private->needs_snapshot) {
            learner_give_up(turn, "only a snapshot could help");
            return;
        }
        peer->private->stats.syncs_by_diff += 1;
        learner->state = LEARNER_SYNCING;
        learner->last_zxid = peer_last_zxid(peer);
        break;
    case ZK_PACKET_TRUNC:
        begin_truncation(turn);
        break;
    case ZK_PACKET_SNAP:
        begin_snapshot(turn);
        break;
    default:
        peer_fail(peer, EXIT_QUORUM_PACKET, "the leader's first packet is not DIFF, TRUNC or SNAP",
                  turn->outbox);
        break;
    }
}

/* The leader's tree is ours now; in memory. The disk has another history until the snapshot is
 * there, so nothing is logged before. */
static void snapshot_read(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    if (turn->event->error < 0) {
        learner_give_up(turn, "the leader's snapshot has not come whole");
        return;
    }
    peer->service.tree.last_processed_zxid = learner->sync_zxid;
    peer->logged_zxid = learner->sync_zxid;
    commit_log_clear(&peer->commit_log);
    peer_write_config_node(peer);
    peer->private->needs_snapshot = false;
    peer->private->tree_state = PEER_TREE_SAVING;
    learner->state = LEARNER_SAVING;
    peer_effect(turn->outbox, PEER_EFFECT_TAKE_SNAPSHOT)->zxid = learner->sync_zxid;
}

/* ---- proposals ----------------------------------------------------------------------- */

static struct slice entry_at(const struct learner *learner, size_t at, int64_t *zxid)
{
    const uint8_t *entry = learner->waiting.data + at;
    *zxid = (int64_t)load_be64(entry);
    return slice_of(entry + ENTRY_HEADER_BYTES, load_be32(entry + 8));
}

/* To the log; when `apply`, to the tree, too. */
static void take_first(struct learner_turn *turn, bool apply)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    int64_t zxid = 0;
    struct slice txn = entry_at(learner, learner->waiting_start, &zxid);
    bool logs = !learner->is_observer || peer->config->sync_enabled;
    if (logs) {
        peer_log(peer, zxid, txn, turn->outbox);
    }
    learner->waiting_start += ENTRY_HEADER_BYTES + txn.len;
    if (apply && logs) {
        peer_apply_next(peer, turn->event, turn->outbox);
    } else if (apply) {
        peer_apply(peer, txn, turn->event, turn->outbox);
    }
}

static void forget_taken(struct learner *learner)
{
    buffer_consume(&learner->waiting, learner->waiting_start);
    learner->uncommitted_start -= learner->waiting_start;
    learner->waiting_start = 0;
}

/* What is committed becomes history. */
static void take_committed(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    while (learner->waiting_start < learner->uncommitted_start) {
        take_first(turn, true);
    }
    forget_taken(learner);
}

static void add_proposal(struct learner_turn *turn, struct slice txn)
{
    struct learner *learner = turn->learner;
    if (!learner_takes(turn, turn->event->zxid, txn)) {
        return;
    }
    if (learner->waiting.len + txn.len > LEARNER_WAITING_BYTES_MAX) {
        learner_give_up(turn, "the leader sends too much before UPTODATE");
        return;
    }
    learner->peer->private->stats.learner_proposals_received += 1;
    buffer_append_be64(&learner->waiting, (uint64_t)turn->event->zxid);
    buffer_append_be32(&learner->waiting, (uint32_t)txn.len);
    buffer_append(&learner->waiting, txn);
}

/* The commit of the next proposal: false when it is of another. `designated` >= 0: its
 * configuration is in force now. */
static bool commit_next(struct learner_turn *turn, int64_t designated, bool activates)
{
    struct learner *learner = turn->learner;
    int64_t zxid = 0;
    if (learner->uncommitted_start == learner->waiting.len) {
        learner_give_up(turn, "the leader commits what it has not proposed");
        return false;
    }
    struct slice txn = entry_at(learner, learner->uncommitted_start, &zxid);
    if (zxid != turn->event->zxid) {
        learner_give_up(turn, "a COMMIT does not match the next proposal");
        return false;
    }
    learner->uncommitted_start += ENTRY_HEADER_BYTES + txn.len;
    if (activates &&
        peer_activate_config(learner->peer, peer_txn_config(txn), designated, turn->outbox)) {
        learner_give_up(turn, "the ensemble was reconfigured");
        return false;
    }
    return true;
}

static void commit(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    int64_t designated = -1;
    struct slice rest;
    bool activates = turn->event->packet_type == ZK_PACKET_COMMIT_AND_ACTIVATE;
    if (activates && quorum_read_activate(turn->event->frame, &designated, &rest) != ERR_OK) {
        learner_give_up(turn, "the leader activates a configuration for nobody");
        return;
    }
    if (commit_next(turn, designated, activates) && learner->state == LEARNER_SYNCING) {
        take_committed(turn);
    }
}

static void inform(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct slice txn = turn->event->frame;
    int64_t designated = -1;
    bool activates = turn->event->packet_type == ZK_PACKET_INFORM_AND_ACTIVATE;
    if (activates && quorum_read_activate(turn->event->frame, &designated, &txn) != ERR_OK) {
        learner_give_up(turn, "the leader activates a configuration for nobody");
        return;
    }
    size_t before = learner->waiting.len;
    add_proposal(turn, txn);
    if (learner->waiting.len > before && commit_next(turn, designated, activates) &&
        learner->state == LEARNER_SYNCING) {
        take_committed(turn);
    }
}

/* ---- NEWLEADER, UPTODATE ------------------------------------------------------------- */

void learner_adopt(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    if (peer->current_epoch >= learner->epoch) { /* above it: only an observer's can be */
        if (peer->persisted_zxid == peer->logged_zxid) {
            learner->state = LEARNER_ACKNOWLEDGED;
            learner->heard_ms = turn->event->now_ms;
            quorum_send(turn->outbox, learner->link, ZK_PACKET_ACK, zxid_make(learner->epoch, 0),
                        SLICE_NULL);
        }
    } else if (peer->persisted_zxid == peer->logged_zxid && !learner->asked_epoch) {
        learner->asked_epoch = true;
        peer_persist_epoch(peer, turn->outbox, ZK_EPOCH_CURRENT, learner->epoch);
    }
}

static void begin_to_adopt(struct learner_turn *turn)
{
    turn->learner->state = LEARNER_ADOPTING;
    learner_adopt(turn);
}

static void new_leader(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct slice config = turn->event->frame;
    if (learner->has_newleader || zxid_epoch(turn->event->zxid) != learner->epoch) {
        learner_give_up(turn, "a NEWLEADER of another epoch");
        return;
    }
    if (config.len > 1) {
        if (peer_adopt_config(learner->peer, config, turn->outbox) != ERR_OK) {
            learner_give_up(turn, "a configuration of the leader cannot be read");
            return;
        }
        buffer_append(&learner->config, config);
    }
    learner->has_newleader = true;
    if (learner->state == LEARNER_SYNCING) {
        begin_to_adopt(turn);
    }
}

/* NEWLEADER names the newest configuration that the leader has seen. One that it proposed in this
 * epoch and that nothing says to be committed is not in force yet: as many servers as it asks for
 * might never have it, and who counts by it would count wrong. What commits it activates it. */
static bool is_outstanding(const struct learner *learner, int64_t version)
{
    int64_t zxid = 0;
    if (!config_was_proposed(version) || zxid_epoch(version) != learner->epoch) {
        return false;
    }
    if (learner->uncommitted_start < learner->waiting.len) {
        (void)entry_at(learner, learner->uncommitted_start, &zxid);
        return version >= zxid;
    }
    return version > learner->last_zxid;
}

/* The configuration of NEWLEADER is in force from now on. True when the role ends with it. */
static bool activate_newleader_config(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct slice text = buffer_slice(&learner->config);
    struct quorum_config *config = text.len == 0 ? NULL : peer_read_config(text);
    if (config == NULL) {
        return false;
    }
    bool activates = !is_outstanding(learner, config->version);
    quorum_config_drop(config);
    return activates && peer_activate_config(learner->peer, text, -1, turn->outbox);
}

static void up_to_date(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    struct peer *peer = learner->peer;
    if (learner->state != LEARNER_ACKNOWLEDGED) {
        learner_give_up(turn, "an UPTODATE before NEWLEADER was acknowledged");
        return;
    }
    if (activate_newleader_config(turn)) {
        learner_give_up(turn, "the ensemble was reconfigured");
        return;
    }
    quorum_send(turn->outbox, learner->link, ZK_PACKET_ACK, zxid_make(learner->epoch, 0),
                SLICE_NULL);
    learner->state = LEARNER_BROADCAST;
    learner->acked_zxid = peer->persisted_zxid;
    peer_serve(peer, turn->event, turn->outbox);
    take_committed(turn);
    while (!learner->is_observer && learner->waiting_start < learner->waiting.len) {
        take_first(turn, false);
    }
    /* An observer is not asked about proposals, and gets them again when they are committed. */
    if (learner->waiting_start < learner->waiting.len) {
        learner->last_zxid = peer_last_zxid(peer);
    }
    buffer_release(&learner->waiting);
    learner->waiting_start = 0;
    learner->uncommitted_start = 0;
}

/* ---- events -------------------------------------------------------------------------- */

void learner_tree_ready(struct learner_turn *turn)
{
    struct learner *learner = turn->learner;
    if (learner->state == LEARNER_READING) {
        snapshot_read(turn);
        return;
    }
    if (learner->state != LEARNER_CUTTING && learner->state != LEARNER_SAVING) {
        return;
    }
    if (learner->state == LEARNER_CUTTING &&
        (turn->event->error < 0 ||
         learner->peer->service.tree.last_processed_zxid != learner->sync_zxid)) {
        learner_give_up(turn, "this server never had what the leader cuts back to");
        return;
    }
    learner->state = LEARNER_SYNCING;
    take_committed(turn);
    if (learner->has_newleader) {
        begin_to_adopt(turn);
    }
}

/* Apache's leader begins to forward before it takes the snapshot, so that what comes behind it may
 * be in it already (LearnerHandler: startForwarding, then zxidToSend). */
static bool is_in_snapshot(const struct learner_turn *turn)
{
    switch (turn->event->packet_type) {
    case ZK_PACKET_PROPOSAL:
    case ZK_PACKET_COMMIT:
    case ZK_PACKET_COMMIT_AND_ACTIVATE:
    case ZK_PACKET_INFORM:
    case ZK_PACKET_INFORM_AND_ACTIVATE:
        return turn->learner->has_snapshot && turn->event->zxid <= turn->learner->sync_zxid;
    default:
        return false;
    }
}

void learner_sync_packet(struct learner_turn *turn)
{
    if (is_in_snapshot(turn)) {
        return;
    }
    switch (turn->event->packet_type) {
    case ZK_PACKET_PROPOSAL:
        add_proposal(turn, turn->event->frame);
        break;
    case ZK_PACKET_COMMIT:
    case ZK_PACKET_COMMIT_AND_ACTIVATE:
        commit(turn);
        break;
    case ZK_PACKET_INFORM:
    case ZK_PACKET_INFORM_AND_ACTIVATE:
        inform(turn);
        break;
    case ZK_PACKET_NEWLEADER:
        new_leader(turn);
        break;
    case ZK_PACKET_UPTODATE:
        up_to_date(turn);
        break;
    default: /* PING among them: not answered before UPTODATE, as upstream */
        break;
    }
}
