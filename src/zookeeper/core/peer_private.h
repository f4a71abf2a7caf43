/* peer_private.h - what peer.c, leader.c and learner.c of one server share: the tail of the log
 * that is not applied yet, the end of a role, configurations.
 *
 * History in memory: tree (applied) + unapplied (handed to the log, in order). What is appended by
 * peer_log is not taken back but by TRUNCATE. When a role ends, the unapplied tail is applied as it
 * is (upstream's fastForwardDataBase): it is part of this server's history, whether it was
 * committed or not is for the next leader to say, and who is LOOKING speaks for all that its log
 * has. So outside a role tree.last_processed_zxid is the end of the history.
 */
#ifndef ZOOKEEPER_CORE_PEER_PRIVATE_H
#define ZOOKEEPER_CORE_PEER_PRIVATE_H

#include "base/random.h"
#include "zookeeper/core/peer.h"
#include "zookeeper/core/quorum_packet.h"

/* What the host is doing with the tree, so that it cannot be looked at or added to. */
enum peer_tree_state {
    PEER_TREE_READY,
    PEER_TREE_READING, /* LINK_READ_SNAPSHOT: may become somebody else's */
    PEER_TREE_SAVING,  /* TAKE_SNAPSHOT of it: the log goes on behind it only when it is durable */
    PEER_TREE_LOADING, /* TRUNCATE */
};

struct peer_private {
    struct buffer unapplied; /* i64 zxid, u32 length, bytes, each */
    size_t unapplied_start;
    uint64_t unapplied_count;
    enum peer_tree_state tree_state;
    bool gives_up;       /* the role ends when the step returns */
    bool needs_snapshot; /* TRUNCATE could not be done: only a SNAP can help */
    int64_t attempts;    /* LINK_CONNECTs so far */
    bool waits_for_tree; /* LOOKING begins when the tree is READY again */
    const char *reason;  /* of gives_up */
    int64_t heard_epoch; /* what a voter had accepted: the next epoch of ours is above it */
    uint32_t failures;   /* roles in a row that ended before they served */
    int64_t designated;  /* whom the next first vote is for; -1: oneself */
    uint64_t read_only_at_ms;
    uint64_t sync_began_ms; /* at a learner: SYNCHRONIZATION */
    uint64_t start_at_ms;   /* LOOKING begins then (delays of observers); UINT64_MAX */
    struct random random;
    struct peer_stats stats;
};

/* ---- history ------------------------------------------------------------------------- */

/* Hands a txn to the log (PERSIST) and remembers it as the last of the history, not applied. */
void peer_log(struct peer *peer, int64_t zxid, struct slice txn, struct zk_outbox *outbox);

/* The oldest txn that is logged and not applied; 0: none. */
int64_t peer_next_unapplied(const struct peer *peer);

/* Its bytes; they borrow until the next peer_log or peer_apply_next. */
struct slice peer_next_txn(const struct peer *peer);

/* That txn is committed: applies it, which answers who asked for it here. */
void peer_apply_next(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox);

/* Applies a committed txn that is not in the log (an observer's that logs nothing). */
void peer_apply(struct peer *peer,
                struct slice txn,
                const struct zk_event *event,
                struct zk_outbox *outbox);

/* The highest zxid of the history: logged or loaded. */
static inline int64_t peer_last_zxid(const struct peer *peer)
{
    return MAX(peer->logged_zxid, peer->service.tree.last_processed_zxid);
}

/* ---- figures (peer_stats.c) ---------------------------------------------------------- */

void peer_init_stats(struct peer_stats *stats);

/* Clients are served from now on. */
void peer_note_serving(struct peer *peer, uint64_t now_ms);

/* How long ago the leader made this txn. */
void peer_note_latency(struct histogram *histogram, struct slice txn, const struct zk_event *event);

/* ---- roles --------------------------------------------------------------------------- */

/* Broadcast has begun: clients are taken (but where leaderServes=no), others are told of the new
 * epoch. peer->current_epoch is the new epoch, durable. */
void peer_serve(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox);

/* The role ends when the step that is being made returns, and the server looks for a leader again.
 * `reason` is a literal. Nothing more is to be done in that step. */
void peer_give_up(struct peer *peer, const char *reason);

/* The server cannot go on (exit code as upstream's: 12 unmatched commit, 13 quorum packet). The
 * role ends, too. */
void peer_fail(struct peer *peer, int32_t code, const char *text, struct zk_outbox *outbox);

struct zk_effect *peer_effect(struct zk_outbox *outbox, enum zk_peer_effect_kind kind);

/* Makes this epoch durable: EPOCH_PERSISTED follows, when peer->*_epoch has it. */
void peer_persist_epoch(struct peer *peer,
                        struct zk_outbox *outbox,
                        enum zk_epoch_kind kind,
                        int64_t epoch);

/* The zab_state of a role: literals of upstream's names. Emits ROLE. */
void peer_set_zab_state(struct peer *peer, const char *zab_state, struct zk_outbox *outbox);

/* ---- configurations (peer_config.c) -------------------------------------------------- */

/* A configuration from outside; NULL when it is none, or one without a voter. */
struct quorum_config *peer_read_config(struct slice text);

/* A newer configuration has been proposed: it is the last seen one from now on, unless it is older.
 * The text may come from outside: ERR_CONFIG. */
NODISCARD int peer_see_config(struct peer *peer, struct slice text, struct zk_outbox *outbox);

/* The same of NEWLEADER's: what the leader knows is the last seen one also when we know of a newer
 * one that it does not have. */
NODISCARD int peer_adopt_config(struct peer *peer, struct slice text, struct zk_outbox *outbox);

/* A configuration's version is the zxid that it was proposed at, but for the first: that has the
 * zero of the epoch of the leader that versioned it, or no epoch. */
static inline bool config_was_proposed(int64_t version)
{
    return zxid_epoch(version) > 0 && zxid_counter(version) > 0;
}

/* At the start, when log and epochs are known. */
void peer_forget_lost_config(struct peer *peer);

/* A newer configuration in the own history is one that was proposed, also when nothing else says
 * so: the disk was full for zoo.cfg.dynamic.next, whoever set this server up anew has removed it, a
 * leader did not know. Whoever leads with that history commits it, and needs a quorum of it. Not to
 * be called while the configuration in force has no version: it was written by hand then, perhaps
 * for a copy of the data on other machines. */
void peer_recall_next(struct peer *peer, struct zk_outbox *outbox);

/* This configuration is in force; takes it over. */
void peer_set_committed(struct peer *peer, struct quorum_config *config, struct zk_outbox *outbox);

/* The configuration of this text is in force (QuorumPeer.processReconfig). True: the change is so
 * big that a new election must follow (the caller then gives up; the next first vote is for
 * `designated`, when it is >= 0). Without reconfigEnabled, or when it is none, nothing happens. */
bool peer_activate_config(struct peer *peer,
                          struct slice text,
                          int64_t designated,
                          struct zk_outbox *outbox);

/* Is it one that observes? Only who is named as an observer: a stranger follows, without a vote
 * (QuorumPeer.updateLearnerType). */
bool peer_observes(const struct quorum_config *config, int64_t id);

/* The version of the configuration that the tree has; 0: none, or one without. */
int64_t peer_history_version(const struct peer *peer);

/* Has the tree the committed configuration's members under a version? */
bool peer_history_names_members(const struct peer *peer);

/* /zookeeper/config says what is in force (ZKDatabase.initConfigInZKDatabase). */
void peer_write_config_node(struct peer *peer);

/* The configuration in a txn of type reconfig; null slice when it is none. Borrows. */
struct slice peer_txn_config(struct slice txn);

#endif
