/* peer.h - one server of an ensemble as a machine: it looks for a leader, then leads, follows or
 * observes, until that ends, and looks again.
 *
 *            +--------------------------- gives up (quorum, leader or disk lost) <---------+
 *            v                                                                              |
 *        LOOKING --decided: itself--> LEADING     discovery -> synchronisation -> broadcast
 *            |-----decided: another-> FOLLOWING   discovery -> synchronisation -> broadcast
 *            |-----observer---------> OBSERVING   the same, without a vote
 *            +-----readonlymode.enabled, no leader for a while: serves reads (is_read_only)
 *
 * Owns the service (tree, sessions, clients), prep, the election and the role's machine (leader.c,
 * learner.c), and the two epochs. Clients are served only in broadcast; when that ends, every
 * connection is closed (CLOSE_SHUTDOWN), and what was logged and not committed is applied to the
 * tree as at a start (see peer_private.h): the next leader keeps it, or has it cut off by TRUNC.
 *
 * The rules that keep data (reference 2.9; reliability.md 2.1, 3.1):
 *   - history durable, then epoch durable, then ACK (ZOOKEEPER-3911, 4643, 4646, 4785): a learner
 *     persists what a DIFF brought (or takes and syncs a snapshot after SNAP), then asks for
 *     PERSIST_EPOCH(current), and acknowledges NEWLEADER only when that is durable;
 *   - an ACK of a proposal, also the leader's own, follows its PERSISTED;
 *   - zxids are contiguous within an epoch (ZOOKEEPER-4925); commits follow their order;
 *   - a disk that fails takes the server out: the host stops it, nothing is retried;
 *   - acceptedEpoch is durable before LEADERINFO is answered (or, at the leader, sent).
 *
 * Machine contract of DESIGN.md 4. The host performs the effects of effects.h, in order.
 * Sources: QuorumPeer, Leader, LearnerHandler, Learner, Follower, Observer and their
 * *ZooKeeperServer classes; Junqueira, Reed, Serafini: Zab (DSN 2011).
 */
#ifndef ZOOKEEPER_CORE_PEER_H
#define ZOOKEEPER_CORE_PEER_H

#include "base/histogram.h"
#include "zookeeper/core/commit_log.h"
#include "zookeeper/core/election.h"
#include "zookeeper/core/service.h"

/* Bounds that upstream leaves open. */
#define PEER_EPOCH_MAX INT64_C(0x7ffffffe) /* what follows would not fit in a zxid */
#define PEER_LEARNERS_MAX 512              /* connections to a leader's quorum port */
#define PEER_PACKET_BYTES_MAX_EXTRA 1024   /* a packet around a record of jute.maxbuffer */

struct peer_config {
    int64_t server_id;
    int32_t tick_ms;
    int32_t init_limit;                      /* ticks */
    int32_t sync_limit;                      /* ticks */
    int32_t connect_to_learner_master_limit; /* ticks; 0: init_limit */
    int32_t commit_log_count;                /* commitLogCount: 500 */
    double snapshot_size_factor;             /* snapshotSizeFactor: 0.33 */
    bool force_snapshot_sync;                /* forceSnapshotSync */
    int64_t zxid_counter_max;                /* of an epoch, at most UINT32_MAX - 1; 0: that */
    bool leader_serves;                      /* leaderServes */
    bool sync_enabled;                       /* syncEnabled: observers log, too */
    bool read_only_mode_enabled;             /* readonlymode.enabled */
    bool local_sessions_enabled;             /* localSessionsEnabled */
    bool reconfig_enabled;                   /* reconfigEnabled */
    bool standalone_enabled;                 /* standaloneEnabled: at least two voters remain */
    int32_t observer_reconnect_delay_ms;
    int32_t observer_election_delay_ms;
    struct election_config election;
};

struct leader;  /* leader.h */
struct learner; /* learner.h */

struct peer {
    const struct peer_config *config;
    struct service service;       /* first used by the host for loading, as standalone's */
    struct prep prep;             /* used while leading */
    struct commit_log commit_log; /* the last txns, for learners to come */
    struct election election;
    enum peer_state state;
    bool is_serving;   /* in broadcast: clients are taken */
    bool is_read_only; /* LOOKING and serving reads */
    /* LOOKING, in the words of upstream's zabstate: ELECTION, DISCOVERY, SYNCHRONIZATION, BROADCAST
     */
    const char *zab_state;
    struct leader *leader;   /* while LEADING */
    struct learner *learner; /* while FOLLOWING or OBSERVING */
    int64_t accepted_epoch;  /* as on disk */
    int64_t current_epoch;
    int64_t promised_epoch; /* accepted, or on its way to the disk to be: it does not go back */
    int64_t logged_zxid;    /* last txn handed to the log (or loaded) */
    int64_t persisted_zxid; /* last durable one */
    struct quorum_config *committed_config; /* what the tree's /zookeeper/config says is in force */
    struct quorum_config *seen_config;      /* newest one heard of (proposed, not yet committed) */
    uint64_t state_since_ms;
    uint64_t election_began_ms;
    int64_t last_election_ms; /* how long the last one took; -1 */
    struct peer_private *private;
};

void peer_init(struct peer *peer,
               const struct peer_config *config,
               const struct service_config *service_config,
               struct quorum_config *members);
void peer_release(struct peer *peer);

/* Before peer_start: a configuration that had been proposed before this server went down
 * (zoo.cfg.dynamic.next). Nothing happens when it is not newer than the members. */
void peer_set_next(struct peer *peer, struct quorum_config *next);

/* One logged txn at start-up or after a truncation, as standalone_replay. */
NODISCARD int peer_replay(struct peer *peer, struct slice txn_bytes);

/* The tree is loaded (peer->service.tree), the epochs are what the files say: goes LOOKING.
 * `outbox` gets the first notifications. */
void peer_start(struct peer *peer,
                int64_t accepted_epoch,
                int64_t current_epoch,
                uint64_t now_ms,
                struct zk_outbox *outbox);

void peer_step(struct peer *peer, const struct zk_event *event, struct zk_outbox *outbox);
uint64_t peer_deadline(const struct peer *peer);
void peer_check(const struct peer *peer);
uint64_t peer_digest(const struct peer *peer);

/* Empties the tree before a snapshot or a shortened log is loaded into it (the host, while it
 * performs READ_SNAPSHOT or TRUNCATE). */
void peer_reset_tree(struct peer *peer);

/* Figures of a role, for four-letter words, admin commands and metrics. */
struct peer_learner_info {
    int64_t server_id;
    bool is_observer;
    bool is_synced;
    bool is_voter; /* by the configuration in force */
    int64_t acked_zxid;
    uint64_t packets_received;
    uint64_t packets_sent;
    uint64_t requests;
    uint64_t connected_ms; /* monotonic */
    struct zk_link *link;
};
void peer_each_learner(const struct peer *peer,
                       void (*each)(void *ctx, const struct peer_learner_info *info),
                       void *ctx);

/* Syncs that wait here for a quorum. */
uint64_t peer_pending_syncs(const struct peer *peer);

struct peer_stats {
    uint64_t proposals;
    uint64_t commits; /* told to the followers; those that change the configuration do not count */
    uint64_t learner_proposals_received;
    uint64_t learner_commits_received;
    uint64_t syncs_by_diff;
    uint64_t syncs_by_trunc;
    uint64_t syncs_by_snap;
    uint64_t looking_count;
    uint64_t revalidations;
    uint64_t disloyal_voter_quits;
    int32_t last_proposal_bytes; /* -1: none yet */
    int32_t min_proposal_bytes;
    int32_t max_proposal_bytes;
    uint64_t diffs_sent; /* of a leader to its learners */
    uint64_t snapshots_sent;
    /* In ms, by the names of upstream's metrics. Latencies begin with the time in the txn's header,
     * which is the leader's clock; negative ones are left out. */
    struct histogram election_time;
    struct histogram unavailable_time;
    struct histogram leader_unavailable_time;
    struct histogram follower_sync_time;
    struct histogram observer_sync_time;
    struct histogram inflight_diff_count;
    struct histogram inflight_snap_count;
    struct histogram proposal_latency;
    struct histogram quorum_ack_latency;
    struct histogram commit_propagation_latency;
    struct histogram propagation_latency;
};
const struct peer_stats *peer_stats_of(const struct peer *peer);

/* As if nothing had been proposed yet (`srst`). */
void peer_reset_proposal_sizes(struct peer *peer);

#endif
