/* peer.c - one server of an ensemble: election, roles, and the history that they hand to each
 * other.
 *
 * Happy path: peer_start -> LOOKING -> the election decides -> leader_begin or learner_begin -> the
 * role logs (peer_log), applies what is committed (peer_apply_next), and serves (peer_serve).
 * What goes wrong ends the role (peer_give_up): clients are closed, links too, the logged tail is
 * applied, and the server is LOOKING again, with what its log holds as its word in the election.
 *
 * A role ends at the end of a step and nowhere else (end_role), so nothing that runs meets its own
 * end. When the host is working on the tree just then (cutting the log, reading or writing a
 * snapshot), LOOKING waits until that is done: half a tree has no vote. A leader's snapshot becomes
 * the tree when it is whole, so one that breaks off leaves no trace (ZOOKEEPER-3642).
 *
 * Disk errors are not seen here: the host stops the server (ZOOKEEPER-3701, 4882).
 */
#include "zookeeper/core/peer_private.h"

#include "base/memory.h"
#include "zookeeper/core/leader.h"
#include "zookeeper/core/learner.h"

#define ENTRY_HEADER_BYTES 12u /* zxid, length */
#define UNAPPLIED_KEEP_BYTES ((size_t)8 << 20)

/* The election names a leader that no configuration here knows: not at once again. */
#define UNKNOWN_LEADER_WAIT_MS 1000
#define READ_ONLY_AFTER_MS_MIN 2000

/* Roles that end again and again before they serve: the third is followed by a wait, which doubles.
 * (Upstream goes round without one.) */
#define FAILURES_FREE 2u
#define FAILURE_WAIT_MS 50u
#define FAILURE_DOUBLINGS_MAX 5u

/* ---- effects ------------------------------------------------------------------------- */

struct zk_effect *peer_effect(struct zk_outbox *outbox, enum zk_peer_effect_kind kind)
{
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_PEER);
    effect->peer_kind = kind;
    return effect;
}

static void add_text(struct zk_outbox *outbox, struct zk_effect *effect, const char *text)
{
    effect->offset = outbox->bytes.len;
    effect->len = strlen(text);
    buffer_append_cstr(&outbox->bytes, text);
}

/* What was asked of the disk cannot be taken back, even by who asked for another leader's sake. */
void peer_persist_epoch(struct peer *peer,
                        struct zk_outbox *outbox,
                        enum zk_epoch_kind kind,
                        int64_t epoch)
{
    if (kind == ZK_EPOCH_ACCEPTED) {
        ASSERT(epoch > peer->promised_epoch);
        peer->promised_epoch = epoch;
    } else {
        ASSERT(epoch <= peer->accepted_epoch && epoch >= peer->current_epoch);
    }
    struct zk_effect *effect = peer_effect(outbox, PEER_EFFECT_PERSIST_EPOCH);
    effect->epoch_kind = kind;
    effect->zxid = epoch;
}

void peer_set_zab_state(struct peer *peer, const char *zab_state, struct zk_outbox *outbox)
{
    peer->zab_state = zab_state;
    peer_effect(outbox, PEER_EFFECT_ROLE);
}

static void set_state(struct peer *peer,
                      enum peer_state state,
                      const char *zab_state,
                      const char *reason,
                      uint64_t now_ms,
                      struct zk_outbox *outbox)
{
    peer->state = state;
    peer->zab_state = zab_state;
    peer->state_since_ms = now_ms;
    add_text(outbox, peer_effect(outbox, PEER_EFFECT_ROLE), reason);
}

void peer_give_up(struct peer *peer, const char *reason)
{
    struct peer_private *private = peer->private;
    if (!private->gives_up) {
        private->gives_up = true;
        private->reason = reason;
    }
}

void peer_fail(struct peer *peer, int32_t code, const char *text, struct zk_outbox *outbox)
{
    struct zk_effect *effect = peer_effect(outbox, PEER_EFFECT_FAIL);
    effect->zxid = code;
    add_text(outbox, effect, text);
    peer_give_up(peer, text);
}

/* ---- history ------------------------------------------------------------------------- */

void peer_log(struct peer *peer, int64_t zxid, struct slice txn, struct zk_outbox *outbox)
{
    struct peer_private *private = peer->private;
    ASSERT(zxid > peer_last_zxid(peer) && private->tree_state == PEER_TREE_READY);
    buffer_append_be64(&private->unapplied, (uint64_t)zxid);
    buffer_append_be32(&private->unapplied, (uint32_t)txn.len);
    buffer_append(&private->unapplied, txn);
    private->unapplied_count += 1;
    peer->logged_zxid = zxid;
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_PERSIST);
    effect->zxid = zxid;
    effect->offset = outbox->bytes.len;
    effect->len = txn.len;
    buffer_append(&outbox->bytes, txn);
}

int64_t peer_next_unapplied(const struct peer *peer)
{
    const struct peer_private *private = peer->private;
    return private->unapplied_count == 0
               ? 0
               : (int64_t)load_be64(private->unapplied.data + private->unapplied_start);
}

struct slice peer_next_txn(const struct peer *peer)
{
    const struct peer_private *private = peer->private;
    ASSERT(private->unapplied_count > 0);
    const uint8_t *at = private->unapplied.data + private->unapplied_start;
    return slice_of(at + ENTRY_HEADER_BYTES, load_be32(at + 8));
}

/* Takes the oldest entry; its bytes stay where they are until compact_unapplied. */
static struct slice take_unapplied(struct peer_private *private, int64_t *zxid)
{
    ASSERT(private->unapplied_count > 0);
    const uint8_t *at = private->unapplied.data + private->unapplied_start;
    size_t len = load_be32(at + 8);
    *zxid = (int64_t)load_be64(at);
    private->unapplied_start += ENTRY_HEADER_BYTES + len;
    private->unapplied_count -= 1;
    return slice_of(at + ENTRY_HEADER_BYTES, len);
}

static void compact_unapplied(struct peer_private *private)
{
    struct buffer *unapplied = &private->unapplied;
    if (private->unapplied_start == unapplied->len) {
        private->unapplied_start = 0;
        buffer_clear(unapplied, UNAPPLIED_KEEP_BYTES);
    } else if (private->unapplied_start > unapplied->len / 2) {
        buffer_consume(unapplied, private->unapplied_start);
        private->unapplied_start = 0;
    }
}

void peer_apply(struct peer *peer,
                struct slice txn,
                const struct zk_event *event,
                struct zk_outbox *outbox)
{
    peer_note_latency(&peer->private->stats.propagation_latency, txn, event);
    service_apply(&peer->service, txn, event, outbox);
}

/* Applying can submit more, which appends to `unapplied` and may move it; service_apply does that
 * last, when the bytes of the txn are not needed any more. So the commit log gets them first. */
void peer_apply_next(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    int64_t zxid = 0;
    struct slice txn = take_unapplied(peer->private, &zxid);
    commit_log_add(&peer->commit_log, zxid, txn);
    peer_note_latency(&peer->private->stats.propagation_latency, txn, event);
    service_apply(&peer->service, txn, event, outbox);
    compact_unapplied(peer->private);
}

int peer_replay(struct peer *peer, struct slice txn_bytes)
{
    struct tree *tree = &peer->service.tree;
    struct arena arena;
    struct txn txn = {0};
    arena_init(&arena, (size_t)4 << 10, SIZE_MAX);
    int rv = txn_decode(txn_bytes, &arena, &txn);
    if (rv == ERR_OK) {
        tree_apply(tree, &txn, NULL);
    } else if (rv == ERR_UNSUPPORTED) {
        peer->service.stats.unknown_txns += 1;
        tree->last_processed_zxid = MAX(tree->last_processed_zxid, txn.header.zxid);
    }
    arena_release(&arena);
    if (rv != ERR_OK && rv != ERR_UNSUPPORTED) {
        return ERR_CORRUPT;
    }
    commit_log_add(&peer->commit_log, txn.header.zxid, txn_bytes);
    return ERR_OK;
}

void peer_reset_tree(struct peer *peer)
{
    struct tree *tree = &peer->service.tree;
    tree_release(tree);
    tree_init(tree, &peer->service.config->tree);
    commit_log_clear(&peer->commit_log);
}

/* The tree becomes what the log says (ZKDatabase.fastForwardDataBase). */
static void apply_tail(struct peer *peer)
{
    struct peer_private *private = peer->private;
    while (private->unapplied_count > 0) {
        int64_t zxid = 0;
        struct slice txn = take_unapplied(private, &zxid);
        /* It has been decoded before: by prep, or when it was proposed. */
        int rv = peer_replay(peer, txn);
        ASSERT(rv == ERR_OK);
        peer->service.tree.last_processed_zxid = zxid;
    }
    compact_unapplied(private);
}

/* ---- what the service asks for ------------------------------------------------------- */

static int64_t submit(void *ctx,
                      const struct prep_request *request,
                      const struct zk_event *event,
                      struct zk_outbox *outbox)
{
    struct peer *peer = ctx;
    if (peer->leader != NULL) {
        return leader_submit(peer->leader, request, event, outbox);
    }
    ASSERT(peer->learner != NULL);
    return learner_submit(peer->learner, request, outbox);
}

static void revalidate(void *ctx, int64_t session_id, int32_t timeout_ms, struct zk_outbox *outbox)
{
    struct peer *peer = ctx;
    ASSERT(peer->learner != NULL);
    learner_revalidate(peer->learner, session_id, timeout_ms, outbox);
}

static void session_here(void *ctx, int64_t session_id)
{
    struct peer *peer = ctx;
    ASSERT(peer->leader != NULL);
    leader_session_here(peer->leader, session_id);
}

/* ---- life ---------------------------------------------------------------------------- */

void peer_init(struct peer *peer,
               const struct peer_config *config,
               const struct service_config *service_config,
               struct quorum_config *members)
{
    struct peer_private *private = mem_alloc_zeroed(sizeof *private);
    *peer = (struct peer){.config = config,
                          .private = private,
                          .zab_state = "ELECTION",
                          .last_election_ms = -1,
                          .committed_config = quorum_config_keep(members),
                          .seen_config = quorum_config_keep(members)};
    private->designated = -1;
    private->read_only_at_ms = UINT64_MAX;
    private->start_at_ms = UINT64_MAX;
    peer_init_stats(&private->stats);
    buffer_init(&private->unapplied, SIZE_MAX);
    random_init(&private->random, service_config->hash_key.k0 ^ (uint64_t)config->server_id);
    struct service_proposer proposer = {submit, peer, revalidate, session_here};
    service_init(&peer->service, service_config, &proposer);
    commit_log_init(&peer->commit_log, config->commit_log_count);
    election_init(&peer->election, &config->election);
}

void peer_release(struct peer *peer)
{
    struct zk_outbox unheard;
    zk_outbox_init(&unheard);
    if (peer->leader != NULL) {
        leader_end(peer->leader, &unheard);
    }
    if (peer->learner != NULL) {
        learner_end(peer->learner, &unheard);
    }
    zk_outbox_release(&unheard);
    election_release(&peer->election);
    commit_log_release(&peer->commit_log);
    service_release(&peer->service);
    quorum_config_drop(peer->committed_config);
    quorum_config_drop(peer->seen_config);
    buffer_release(&peer->private->unapplied);
    mem_free(peer->private, sizeof *peer->private);
    *peer = (struct peer){0};
}

static void look(struct peer *peer, const char *reason, uint64_t now_ms, struct zk_outbox *outbox)
{
    struct peer_private *private = peer->private;
    const struct peer_config *config = peer->config;
    ASSERT(private->tree_state == PEER_TREE_READY && private->unapplied_count == 0);
    private->waits_for_tree = false;
    private->start_at_ms = UINT64_MAX;
    private->stats.looking_count += 1;
    set_state(peer, PEER_LOOKING, "ELECTION", reason, now_ms, outbox);
    peer->election_began_ms = now_ms;
    if (config->read_only_mode_enabled && !peer->is_read_only) {
        private->read_only_at_ms = now_ms + (uint64_t)MAX(config->tick_ms, READ_ONLY_AFTER_MS_MIN);
    }
    if (peer->committed_config->version != 0) {
        peer_recall_next(peer, outbox);
    }
    bool is_next = peer->seen_config->version > peer->committed_config->version;
    election_set_next(&peer->election, is_next ? peer->seen_config : NULL);
    election_set_known(&peer->election, peer_history_version(peer));
    if (private->designated >= 0) {
        election_appoint(&peer->election, peer->committed_config, private->designated,
                         peer_last_zxid(peer), peer->current_epoch, now_ms);
        private->designated = -1;
    } else {
        election_start(&peer->election, peer->committed_config, peer_last_zxid(peer),
                       peer->current_epoch, now_ms, outbox);
    }
}

void peer_start(struct peer *peer,
                int64_t accepted_epoch,
                int64_t current_epoch,
                uint64_t now_ms,
                struct zk_outbox *outbox)
{
    ASSERT(current_epoch <= accepted_epoch);
    peer->accepted_epoch = accepted_epoch;
    peer->promised_epoch = accepted_epoch;
    peer->current_epoch = current_epoch;
    peer->logged_zxid = peer->service.tree.last_processed_zxid;
    peer->persisted_zxid = peer->logged_zxid;
    peer_write_config_node(peer);
    if (peer->seen_config->version > peer->committed_config->version) {
        peer_forget_lost_config(peer);
        zk_outbox_add_config(outbox, peer->seen_config, false);
    }
    look(peer, "started", now_ms, outbox);
}

/* ---- roles --------------------------------------------------------------------------- */

void peer_serve(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    bool leads = peer->leader != NULL;
    service_begin(&peer->service, leads ? SERVICE_OWNER : SERVICE_LEARNER,
                  !leads || peer->config->leader_serves, event->now_ms);
    peer->is_serving = true;
    peer->private->failures = 0;
    peer_note_serving(peer, event->now_ms);
    peer_set_zab_state(peer, "BROADCAST", outbox);
    election_settle(&peer->election, peer->state, peer->current_epoch, outbox);
}

static void stop_serving(struct peer *peer, struct zk_outbox *outbox)
{
    if (peer->service.mode != SERVICE_CLOSED) {
        service_stop(&peer->service, outbox);
    }
    peer->is_serving = false;
    peer->is_read_only = false;
    peer->private->read_only_at_ms = UINT64_MAX;
}

static void look_later(struct peer *peer, uint64_t at_ms)
{
    peer->private->start_at_ms = at_ms;
}

/* Observers wait for a random moment, so that they do not all come at once
 * (Observer.waitForObserverElectionDelay). */
static uint64_t delay_of_next(struct peer *peer)
{
    struct peer_private *private = peer->private;
    uint64_t delay_ms = 0;
    uint32_t failures = private->failures;
    if (failures > FAILURES_FREE) {
        delay_ms = FAILURE_WAIT_MS << MIN(failures - FAILURES_FREE - 1, FAILURE_DOUBLINGS_MAX);
    }
    int32_t spread_ms = peer->config->observer_election_delay_ms;
    if (spread_ms > 0 && peer_observes(peer->committed_config, peer->config->server_id)) {
        delay_ms += random_below(&private->random, (uint64_t)spread_ms);
    }
    return delay_ms;
}

static void look_soon(struct peer *peer,
                      const char *reason,
                      uint64_t now_ms,
                      struct zk_outbox *outbox)
{
    uint64_t delay_ms = delay_of_next(peer);
    if (delay_ms > 0) {
        look_later(peer, now_ms + delay_ms);
    } else {
        look(peer, reason, now_ms, outbox);
    }
}

static void end_role(struct peer *peer, uint64_t now_ms, struct zk_outbox *outbox)
{
    struct peer_private *private = peer->private;
    const char *reason = private->reason;
    private->gives_up = false;
    private->failures += peer->is_serving ? 0 : 1;
    stop_serving(peer, outbox);
    if (peer->leader != NULL) {
        leader_end(peer->leader, outbox);
        peer->leader = NULL;
    }
    if (peer->learner != NULL) {
        learner_end(peer->learner, outbox);
        peer->learner = NULL;
    }
    set_state(peer, PEER_LOOKING, "ELECTION", reason, now_ms, outbox);
    if (private->tree_state == PEER_TREE_READING) {
        private->tree_state = PEER_TREE_READY; /* its link is closed: it will not come any more */
    }
    if (private->tree_state != PEER_TREE_READY) {
        ASSERT(private->unapplied_count == 0);
        private->waits_for_tree = true;
        return;
    }
    apply_tail(peer);
    look_soon(peer, reason, now_ms, outbox);
}

static void decided(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    int64_t self = peer->config->server_id;
    int64_t leader = peer->election.vote.leader;
    stop_serving(peer, outbox);
    peer->last_election_ms = (int64_t)(event->now_ms - peer->election_began_ms);
    histogram_add(&peer->private->stats.election_time, (uint64_t)peer->last_election_ms);
    enum peer_state state = PEER_FOLLOWING;
    if (leader == self) {
        state = PEER_LEADING;
    } else if (peer_observes(peer->committed_config, self)) {
        state = PEER_OBSERVING;
    }
    if (quorum_config_find(peer->committed_config, leader) == NULL &&
        quorum_config_find(peer->seen_config, leader) == NULL) {
        look_later(peer, event->now_ms + UNKNOWN_LEADER_WAIT_MS);
        return;
    }
    set_state(peer, state, "DISCOVERY", "elected", event->now_ms, outbox);
    election_settle(&peer->election, state, peer->election.vote.peer_epoch, outbox);
    if (state == PEER_LEADING) {
        peer->leader = leader_begin(peer, event, outbox);
    } else {
        peer->learner = learner_begin(peer, leader, event, outbox);
    }
}

/* ---- election ------------------------------------------------------------------------ */

/* A server that looks, too, knows a newer configuration to be in force (FastLeaderElection). */
static void take_config(struct peer *peer,
                        struct slice text,
                        uint64_t now_ms,
                        struct zk_outbox *outbox)
{
    struct quorum_config *config = peer_read_config(text);
    if (config == NULL) {
        return;
    }
    if (config->version <= peer->committed_config->version) {
        quorum_config_drop(config);
        return;
    }
    peer_set_committed(peer, config, outbox);
    look(peer, "a newer configuration", now_ms, outbox);
}

/* While LOOKING waits for something, nobody is answered: what we said last is not true any more. */
static bool has_vote(const struct peer *peer)
{
    return !peer->private->waits_for_tree && peer->private->start_at_ms == UINT64_MAX;
}

static void notified(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    struct notification notification;
    if (!has_vote(peer) ||
        election_decode(event->server_id, event->frame, &notification) != ERR_OK) {
        return;
    }
    enum election_outcome outcome = election_notified(&peer->election, &notification, event->now_ms,
                                                      outbox);
    if (outcome == ELECTION_DECIDED) {
        decided(peer, event, outbox);
    } else if (outcome == ELECTION_CONFIG_NEWER) {
        take_config(peer, notification.config, event->now_ms, outbox);
    }
}

static void tick_looking(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    struct peer_private *private = peer->private;
    if (private->start_at_ms <= event->now_ms) {
        look(peer, "the delay is over", event->now_ms, outbox);
    }
    if (!has_vote(peer)) {
        return;
    }
    if (private->read_only_at_ms <= event->now_ms) {
        private->read_only_at_ms = UINT64_MAX;
        service_begin(&peer->service, SERVICE_READ_ONLY, true, event->now_ms);
        peer->is_read_only = true;
        peer_effect(outbox, PEER_EFFECT_ROLE);
    }
    if (election_tick(&peer->election, event->now_ms, outbox) == ELECTION_DECIDED) {
        decided(peer, event, outbox);
    }
}

/* ---- events -------------------------------------------------------------------------- */

static void step_role(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    if (peer->private->gives_up) {
        return;
    }
    if (peer->leader != NULL) {
        leader_step(peer->leader, event, outbox);
    } else if (peer->learner != NULL) {
        learner_step(peer->learner, event, outbox);
    }
}

/* Links that no role wants are closed. Those of an ended role are closing already. */
static void link_event(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    bool is_wanted = event->link->is_ours ? peer->learner != NULL : peer->leader != NULL;
    if (is_wanted) {
        step_role(peer, event, outbox);
    } else if (event->peer_kind == PEER_EVENT_LINK_OPEN) {
        peer_effect(outbox, PEER_EFFECT_LINK_CLOSE)->link = event->link;
    }
}

/* The host has done something to the tree. */
static void tree_event(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    struct peer_private *private = peer->private;
    enum peer_tree_state awaited = event->peer_kind == PEER_EVENT_TRUNCATED ? PEER_TREE_LOADING
                                   : event->peer_kind == PEER_EVENT_SNAPSHOT_READ
                                       ? PEER_TREE_READING
                                       : PEER_TREE_SAVING;
    if (private->tree_state != awaited) {
        return; /* a snapshot that was being read when its role ended */
    }
    private->tree_state = PEER_TREE_READY;
    if (event->peer_kind == PEER_EVENT_TRUNCATED && event->error < 0) {
        private->needs_snapshot = true;
    }
    if (event->peer_kind != PEER_EVENT_SNAPSHOT_READ) {
        peer->logged_zxid = peer->service.tree.last_processed_zxid;
        peer->persisted_zxid = peer->logged_zxid;
        peer_write_config_node(peer);
    }
    if (private->waits_for_tree) {
        private->waits_for_tree = false;
        look_soon(peer, private->reason, event->now_ms, outbox);
    } else {
        step_role(peer, event, outbox);
    }
}

static void epoch_persisted(struct peer *peer, const struct zk_event *event)
{
    int64_t *epoch = event->epoch_kind == ZK_EPOCH_ACCEPTED ? &peer->accepted_epoch
                                                            : &peer->current_epoch;
    *epoch = MAX(*epoch, event->zxid);
}

static void peer_event(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    switch (event->peer_kind) {
    case PEER_EVENT_NOTIFICATION:
        notified(peer, event, outbox);
        break;
    case PEER_EVENT_ELECTION_UP:
        if (has_vote(peer)) {
            election_peer_up(&peer->election, event->server_id, outbox);
        }
        break;
    case PEER_EVENT_ELECTION_DOWN:
        election_peer_down(&peer->election, event->server_id, event->now_ms);
        break;
    case PEER_EVENT_LINK_OPEN:
    case PEER_EVENT_LINK_PACKET:
    case PEER_EVENT_LINK_CLOSED:
        link_event(peer, event, outbox);
        break;
    case PEER_EVENT_EPOCH_PERSISTED:
        epoch_persisted(peer, event);
        step_role(peer, event, outbox);
        break;
    case PEER_EVENT_SNAPSHOT_READ:
    case PEER_EVENT_SNAPSHOT_TAKEN:
    case PEER_EVENT_TRUNCATED:
        tree_event(peer, event, outbox);
        break;
    case PEER_EVENT_SNAPSHOT_BEGAN:
    case PEER_EVENT_SNAPSHOT_SENT:
    case PEER_EVENT_LOG_READ:
        step_role(peer, event, outbox);
        break;
    }
}

static void persisted(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    if (peer->private->tree_state == PEER_TREE_SAVING) {
        return; /* it belongs to the history that the snapshot replaces */
    }
    ASSERT(event->zxid >= peer->persisted_zxid && event->zxid <= peer->logged_zxid);
    peer->persisted_zxid = event->zxid;
    step_role(peer, event, outbox);
}

static void tick(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    if (peer->service.mode != SERVICE_CLOSED) {
        service_step(&peer->service, event, outbox);
    }
    if (peer->state == PEER_LOOKING) {
        tick_looking(peer, event, outbox);
    } else {
        step_role(peer, event, outbox);
    }
}

void peer_step(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox)
{
    switch (event->kind) {
    case ZK_EVENT_FRAME:
    case ZK_EVENT_CLOSED:
    case ZK_EVENT_WRITTEN:
        service_step(&peer->service, event, outbox);
        break;
    case ZK_EVENT_PERSISTED:
        persisted(peer, event, outbox);
        break;
    case ZK_EVENT_TICK:
        tick(peer, event, outbox);
        break;
    case ZK_EVENT_PEER:
        peer_event(peer, event, outbox);
        break;
    }
    if (peer->private->gives_up) {
        end_role(peer, event->now_ms, outbox);
    }
}

uint64_t peer_deadline(const struct peer *peer)
{
    const struct peer_private *private = peer->private;
    uint64_t deadline_ms = peer->service.mode != SERVICE_CLOSED ? service_deadline(&peer->service)
                                                                : UINT64_MAX;
    if (peer->leader != NULL) {
        return MIN(deadline_ms, leader_deadline(peer->leader));
    }
    if (peer->learner != NULL) {
        return MIN(deadline_ms, learner_deadline(peer->learner));
    }
    if (has_vote(peer)) {
        deadline_ms = MIN(deadline_ms, election_deadline(&peer->election));
        deadline_ms = MIN(deadline_ms, private->read_only_at_ms);
    }
    return MIN(deadline_ms, private->start_at_ms);
}

/* ---- checks -------------------------------------------------------------------------- */

static void check_history(const struct peer *peer)
{
    const struct peer_private *private = peer->private;
    int64_t last = peer->service.tree.last_processed_zxid;
    size_t at = private->unapplied_start;
    uint64_t count = 0;
    for (; at < private->unapplied.len; count++) {
        int64_t zxid = (int64_t)load_be64(private->unapplied.data + at);
        ASSERT(zxid_follows(last, zxid)); /* Z-INV10 */
        last = zxid;
        at += ENTRY_HEADER_BYTES + load_be32(private->unapplied.data + at + 8);
    }
    ASSERT(at == private->unapplied.len && count == private->unapplied_count);
    ASSERT(count == 0 || last == peer->logged_zxid);
    if (private->tree_state == PEER_TREE_READY) {
        ASSERT(peer->persisted_zxid <= peer->logged_zxid);
    }
}

void peer_check(const struct peer *peer)
{
    const struct peer_private *private = peer->private;
    ASSERT(!private->gives_up);
    ASSERT(peer->current_epoch <= peer->accepted_epoch); /* Z-INV11 */
    ASSERT(peer->accepted_epoch <= peer->promised_epoch);
    ASSERT((peer->leader != NULL) == (peer->state == PEER_LEADING));
    ASSERT((peer->learner != NULL) ==
           (peer->state == PEER_FOLLOWING || peer->state == PEER_OBSERVING));
    ASSERT(peer->is_serving ==
           (peer->service.mode == SERVICE_OWNER || peer->service.mode == SERVICE_LEARNER));
    ASSERT(peer->is_read_only == (peer->service.mode == SERVICE_READ_ONLY));
    ASSERT(!peer->is_read_only || peer->state == PEER_LOOKING);
    ASSERT(!peer->is_serving || private->tree_state == PEER_TREE_READY);
    ASSERT(peer->seen_config->version >= peer->committed_config->version);
    if (peer->state == PEER_LOOKING && !private->waits_for_tree) {
        ASSERT(private->unapplied_count == 0 && private->tree_state == PEER_TREE_READY);
        ASSERT(peer->service.tree.last_processed_zxid == peer_last_zxid(peer));
    }
    check_history(peer);
    service_check(&peer->service);
    election_check(&peer->election);
    commit_log_check(&peer->commit_log);
    if (peer->leader != NULL) {
        leader_check(peer->leader);
    }
    if (peer->learner != NULL) {
        learner_check(peer->learner);
    }
}

uint64_t peer_digest(const struct peer *peer)
{
    return tree_digest(&peer->service.tree);
}
