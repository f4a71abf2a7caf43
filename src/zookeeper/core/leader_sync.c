/* leader_sync.c - a learner is brought up to date: DIFF, TRUNC or SNAP, then NEWLEADER.
 *
 * P is the last zxid of the learner's history, L our tree's, [min, max] the commit log (all that is
 * committed and recent; when it is empty, min = max = L).
 *
 *   P == L                         DIFF, nothing follows
 *   P > max, P ends some epoch     TRUNC to max: the learner logged what was never committed
 *   min <= P <= max                DIFF and what follows P in the commit log; if P is not in it:
 *                                  a fresh epoch's zxid (no txn bears it) is as good as the entry
 *                                  before it; else TRUNC to the entry before, if the one behind is
 *                                  of the same epoch
 *   P < min                        the same from the log on disk and the commit log, when that is
 *                                  less than snapshotSizeFactor of the tree
 *   anything else                  SNAP
 *
 * A fresh epoch's zxid (counter 0) greater than max gets a SNAP: the learner's log need not have
 * what a TRUNC would go back to.
 *
 * From that moment on the learner is forwarded what is proposed and committed, beginning with the
 * proposals that are outstanding; NEWLEADER follows them. What goes wrong: the log on disk does not
 * reach back to P, has a gap, or is too long: then it is a SNAP.
 *
 * Source: LearnerHandler.syncFollower, queueCommittedProposals, Leader.startForwarding.
 */
#include "zookeeper/core/leader_private.h"

#define ENTRY_HEADER_BYTES 12u /* of peer_private.unapplied: zxid, length */

/* ---- forwarding and NEWLEADER -------------------------------------------------------- */

/* Participants hear of what is outstanding: it is for them to acknowledge, too. */
static void forward_outstanding(struct leader_turn *turn, struct handler *handler)
{
    const struct peer_private *private = turn->leader->peer->private;
    size_t at = private->unapplied_start;
    while (at < private->unapplied.len && handler->state != HANDLER_CLOSED) {
        const uint8_t *entry = private->unapplied.data + at;
        int64_t zxid = (int64_t)load_be64(entry);
        size_t len = load_be32(entry + 8);
        handler_send(turn, handler,
                     quorum_span_write(turn->outbox, ZK_PACKET_PROPOSAL, zxid,
                                       slice_of(entry + ENTRY_HEADER_BYTES, len)));
        handler->sent_zxid = zxid;
        at += ENTRY_HEADER_BYTES + len;
    }
}

/* The learner has been given all up to what is committed now. */
static void finish_sync(struct leader_turn *turn, struct handler *handler)
{
    struct leader *leader = turn->leader;
    const struct peer *peer = leader->peer;
    if (handler->state == HANDLER_CLOSED) {
        return;
    }
    handler->state = HANDLER_SYNCING;
    handler->is_forwarding = true;
    handler_wait(turn, handler, peer->config->init_limit);
    if (!handler->is_observer) {
        forward_outstanding(turn, handler);
    }
    const struct quorum_config *seen = peer->seen_config != NULL ? peer->seen_config
                                                                 : peer->committed_config;
    leader->scratch.len = 0;
    quorum_config_text(seen, &leader->scratch);
    handler_send(turn, handler,
                 quorum_span_write(turn->outbox, ZK_PACKET_NEWLEADER, leader_new_zxid(leader),
                                   buffer_slice(&leader->scratch)));
}

static void send_op(struct leader_turn *turn, struct handler *handler, int32_t type, int64_t zxid)
{
    handler_send(turn, handler, quorum_span_write(turn->outbox, type, zxid, SLICE_NULL));
}

static void send_committed(struct leader_turn *turn,
                           struct handler *handler,
                           int64_t zxid,
                           struct slice txn)
{
    handler_send(turn, handler, quorum_span_write(turn->outbox, ZK_PACKET_PROPOSAL, zxid, txn));
    send_op(turn, handler, ZK_PACKET_COMMIT, zxid);
}

/* How many are brought up to date in this way just now, this one included (InFlight). */
static uint64_t count_syncing(const struct leader *leader, bool by_snapshot)
{
    uint64_t count = 0;
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        bool is_snapshot = handler->state == HANDLER_SNAPSHOT || handler->is_sending_snapshot;
        bool is_diff = handler->state == HANDLER_READING_LOG ||
                       (handler->state == HANDLER_SYNCING && !handler->is_sending_snapshot);
        count += (by_snapshot ? is_snapshot : is_diff) ? 1 : 0;
    }
    return count;
}

static void send_diff(struct leader_turn *turn, struct handler *handler, int64_t zxid)
{
    struct peer_stats *stats = &turn->leader->peer->private->stats;
    stats->syncs_by_diff += 1;
    stats->diffs_sent += 1;
    histogram_add(&stats->inflight_diff_count, count_syncing(turn->leader, false) + 1);
    send_op(turn, handler, ZK_PACKET_DIFF, zxid);
}

/* ---- SNAP ---------------------------------------------------------------------------- */

static void sync_by_snapshot(struct leader_turn *turn, struct handler *handler)
{
    struct peer_stats *stats = &turn->leader->peer->private->stats;
    stats->syncs_by_snap += 1;
    stats->snapshots_sent += 1;
    handler->state = HANDLER_SNAPSHOT;
    histogram_add(&stats->inflight_snap_count, count_syncing(turn->leader, true));
    handler->deadline_ms = UINT64_MAX;
    struct zk_effect *effect = peer_effect(turn->outbox, PEER_EFFECT_LINK_SEND_SNAPSHOT);
    effect->link = handler->link;
}

/* ---- DIFF and TRUNC from memory ------------------------------------------------------ */

/* Sends those of the commit log that come behind `after`. */
static void send_commit_log(struct leader_turn *turn, struct handler *handler, int64_t after)
{
    const struct commit_log *log = &turn->leader->peer->commit_log;
    size_t position = 0;
    int64_t zxid = 0;
    struct slice txn;
    while (handler->state != HANDLER_CLOSED && commit_log_next(log, &position, &zxid, &txn)) {
        if (zxid > after) {
            send_committed(turn, handler, zxid, txn);
        }
    }
}

/* The snapshot is of the tree at `event->zxid`; what was committed since follows it. SNAP is the
 * first packet that is sent here: the host puts it in front of the tree, what comes after it is
 * held back until the tree is out. */
void leader_snapshot_began(struct leader_turn *turn, struct handler *handler)
{
    const struct commit_log *log = &turn->leader->peer->commit_log;
    int64_t zxid = turn->event->zxid;
    if (handler->state != HANDLER_SNAPSHOT) {
        return;
    }
    if (log->count > 0 && log->min_zxid > zxid && !zxid_follows(zxid, log->min_zxid)) {
        handler_close(turn, handler, "what was committed since its snapshot is gone");
        return;
    }
    send_op(turn, handler, ZK_PACKET_SNAP, zxid);
    send_commit_log(turn, handler, zxid);
    finish_sync(turn, handler);
    handler->is_sending_snapshot = true;
    if (handler->state != HANDLER_CLOSED) {
        handler->deadline_ms = UINT64_MAX;
    }
}

/* The entries around P: the last one not greater, and the first one greater; 0: there is none. */
static void find_around(const struct commit_log *log,
                        int64_t last,
                        int64_t *before,
                        int64_t *behind)
{
    size_t position = 0;
    int64_t zxid = 0;
    struct slice txn;
    *before = 0;
    *behind = 0;
    while (*behind == 0 && commit_log_next(log, &position, &zxid, &txn)) {
        if (zxid <= last) {
            *before = zxid;
        } else {
            *behind = zxid;
        }
    }
}

static void sync_from_commit_log(struct leader_turn *turn, struct handler *handler)
{
    struct peer *peer = turn->leader->peer;
    const struct commit_log *log = &peer->commit_log;
    int64_t last = handler->last_zxid;
    int64_t before = 0;
    int64_t behind = 0;
    find_around(log, last, &before, &behind);
    if (before == last || zxid_counter(last) == 0) {
        send_diff(turn, handler, log->max_zxid);
    } else if (before != 0 && behind != 0 && zxid_epoch(behind) == zxid_epoch(last)) {
        peer->private->stats.syncs_by_trunc += 1;
        send_op(turn, handler, ZK_PACKET_TRUNC, before);
    } else {
        /* A TRUNC must not cross an epoch: the learner's log would not have that place. */
        sync_by_snapshot(turn, handler);
        return;
    }
    send_commit_log(turn, handler, last);
    finish_sync(turn, handler);
}

/* ---- DIFF from the log on disk ------------------------------------------------------- */

/* About what a snapshot would take. */
static size_t log_bytes_max(const struct peer *peer)
{
    const struct tree *tree = &peer->service.tree;
    double bytes = (double)tree->approximate_data_size + 80.0 * (double)tree->node_count;
    double most = bytes * peer->config->snapshot_size_factor;
    return most <= 0                               ? 0
           : most >= (double)LEADER_DIFF_BYTES_MAX ? LEADER_DIFF_BYTES_MAX
                                                   : (size_t)most;
}

static void sync_from_log(struct leader_turn *turn, struct handler *handler)
{
    const struct peer *peer = turn->leader->peer;
    size_t most = log_bytes_max(peer);
    if (most == 0 || peer->commit_log.count == 0 || handler->last_zxid <= 0) {
        sync_by_snapshot(turn, handler);
        return;
    }
    handler->state = HANDLER_READING_LOG;
    handler->deadline_ms = UINT64_MAX;
    handler->asked_zxid = peer->commit_log.max_zxid; /* not what is only proposed */
    struct zk_effect *effect = peer_effect(turn->outbox, PEER_EFFECT_READ_LOG);
    effect->link = handler->link;
    effect->from_zxid = handler->last_zxid; /* exclusive; the host finds it in the log, or fails */
    effect->zxid = handler->asked_zxid;
    effect->len = most;
}

/* Takes the next entry (u32 length, txn) off the front; false at the end or when it is none. */
static bool next_entry(struct slice *rest, int64_t *zxid, struct slice *txn)
{
    if (rest->len < 4) {
        return false;
    }
    size_t len = load_be32(rest->ptr);
    if (len > rest->len - 4 || len < 20) {
        return false;
    }
    *txn = slice_part(*rest, 4, 4 + len);
    *zxid = (int64_t)load_be64(txn->ptr + 12);
    *rest = slice_part(*rest, 4 + len, rest->len);
    return true;
}

/* Is what was read everything behind P up to where the commit log goes on, without a gap? */
static bool log_is_whole(const struct commit_log *log,
                         const struct handler *handler,
                         struct slice rest)
{
    int64_t previous = handler->last_zxid;
    int64_t zxid = 0;
    struct slice txn;
    while (next_entry(&rest, &zxid, &txn)) {
        if (!zxid_follows(previous, zxid)) {
            return false;
        }
        previous = zxid;
    }
    return rest.len == 0 && previous == handler->asked_zxid && previous <= log->max_zxid &&
           (previous >= log->min_zxid || zxid_follows(previous, log->min_zxid));
}

void leader_log_read(struct leader_turn *turn, struct handler *handler)
{
    const struct peer *peer = turn->leader->peer;
    const struct commit_log *log = &peer->commit_log;
    struct slice rest = turn->event->frame;
    if (handler->state != HANDLER_READING_LOG) {
        return;
    }
    if (turn->event->error < 0 || log->count == 0 || !log_is_whole(log, handler, rest)) {
        sync_by_snapshot(turn, handler);
        return;
    }
    send_diff(turn, handler, log->max_zxid);
    int64_t sent = handler->last_zxid;
    int64_t zxid = 0;
    struct slice txn;
    while (handler->state != HANDLER_CLOSED && next_entry(&rest, &zxid, &txn)) {
        if (zxid > sent) {
            send_committed(turn, handler, zxid, txn);
            sent = zxid;
        }
    }
    send_commit_log(turn, handler, sent);
    finish_sync(turn, handler);
}

/* ---- the choice ---------------------------------------------------------------------- */

void leader_sync_handler(struct leader_turn *turn, struct handler *handler)
{
    struct peer *peer = turn->leader->peer;
    const struct commit_log *log = &peer->commit_log;
    int64_t last = handler->last_zxid;
    int64_t ours = peer->service.tree.last_processed_zxid;
    int64_t min = log->count > 0 ? log->min_zxid : ours;
    int64_t max = log->count > 0 ? log->max_zxid : ours;
    bool is_fresh_epoch = zxid_counter(last) == 0;
    bool is_free = !peer->config->force_snapshot_sync;
    if (is_free && last == ours) {
        send_diff(turn, handler, last);
        finish_sync(turn, handler);
    } else if (is_free && last > max && !is_fresh_epoch) {
        peer->private->stats.syncs_by_trunc += 1;
        send_op(turn, handler, ZK_PACKET_TRUNC, max);
        finish_sync(turn, handler);
    } else if (is_free && log->count > 0 && last >= min && last <= max) {
        sync_from_commit_log(turn, handler);
    } else if (is_free && last < min && peer->config->snapshot_size_factor >= 0) {
        sync_from_log(turn, handler);
    } else {
        sync_by_snapshot(turn, handler);
    }
}
