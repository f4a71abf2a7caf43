/* ensemble.h - one run of an ensemble: several servers, each on a machine of its own, their
 * clients, what goes wrong, and the verdict.
 *
 *     members     3, 5 or 7 servers, some of them observers: address 10.0.0.<id>, a disk, a clock
 *     base        the world of one server (sim/world.h), of which the clients, the network, the
 *                 history and the replay through the model are used: here a client dials any member
 *
 * Two phases, as there: faults, in which nothing wrong may happen; then everything is healed and
 * progress is demanded of all; then the members are compared with each other, and what every client
 * saw with the model of what was committed.
 *
 * Checked, by the names of the invariants (reference: reliability, section 3.1), from the outside:
 * from what is on the disks, from what each server has applied, from what clients were told.
 *
 *     Z-INV1-4    what a serving server has applied is a beginning of G, the committed log (ghost)
 *     Z-INV3      a zxid is one transaction, on whatever disk it stands
 *     Z-INV5, 8   a leader that begins to serve has applied all of G
 *     Z-INV6      an epoch has one leader
 *     Z-INV7, 9   what is committed stands on the disks of a quorum as durable, and is never cut;
 *                 no epoch is durable before the history that it stands for
 *     Z-INV10     a log file goes on without a gap
 *     Z-INV11     the epochs on a disk never go back; current <= accepted
 *     Z-INV12     at one zxid all have the same digest, the logged one; in the end the same tree
 *     Z-INV13     who looks for a leader stands for votes that it was told, none worse than its
 *                 own; a quorum that has no more has elected who leads (votes.c)
 *     Z-INV14     with --reconfigs: a configuration is in force that was committed, by quorums of
 * the old and of the new one; it never goes back, and is what the replay of G says; Z-INV7 and 9
 * count by the one in force at the zxid, groups and weights included (quorums.h, reconfigurer.h)
 *     Z-LIVE1, 2  after the healing: a leader, all members at the end of G, every client answered
 *     C1-C5, W1-W5, S2-S6   as for one server, by sim/check.h over G
 *     S1          no leader lets a session expire before its timeout, by the leader's own clock and
 *                 what it was told, nor much after it; a new leader gives all a whole timeout; in a
 *                 run without faults nobody loses a session that is used (sessions.c)
 *     S1, S2, S5  local sessions: no transaction, no other server, no ephemeral node; they end with
 *                 their server, or become everybody's when that is allowed and asked for
 *     R1          a process that ends, however it ends, has nothing left of its memory
 */
#ifndef SIM_ENSEMBLE_ENSEMBLE_H
#define SIM_ENSEMBLE_ENSEMBLE_H

#include "base/map.h"
#include "sim/ensemble/quorums.h"
#include "sim/world.h"

#define CLIENT_PORT 2181
#define QUORUM_PORT 2888
#define ELECTION_PORT 3888
#define PORTS_MAX 10 /* of each, for those who move */
#define CONFIG_BYTES_MAX 4096

struct ensemble_world;
struct node;

/* ---- what goes wrong ------------------------------------------------------------------------- */

#define ENSEMBLE_FAULTS(X)                                                        \
    X(KILL, "process killed", 800, 9000)                                          \
    X(KILL_LEADER, "leader killed", 800, 9000)                                    \
    X(KILL_ALL, "all killed at once", 2000, 20000)                                \
    X(KILL_QUORUM, "a quorum killed at once", 2000, 20000)                        \
    X(KILL_AT_OP, "process killed at a disk operation", 700, 8000)                \
    X(KILL_IN_ELECTION, "killed while it looked for a leader", 800, 8000)         \
    X(KILL_IN_SYNC, "learner killed while it was synchronised", 300, 4000)        \
    X(KILL_LEADER_IN_SYNC, "leader killed before it served", 300, 4000)           \
    X(POWER_CUT, "power cut", 800, 9000)                                          \
    X(POWER_CUT_LEADER, "power of the leader cut", 800, 9000)                     \
    X(POWER_CUT_ALL, "power of all cut at once", 2000, 20000)                     \
    X(POWER_CUT_AT_OP, "power cut at a disk operation", 700, 8000)                \
    X(POWER_CUT_TORN, "power cut that tears what was written last", 800, 9000)    \
    X(LONG_DOWN, "down for long", 1000, 8000)                                     \
    X(RESTART, "stopped in order and started", 1500, 10000)                       \
    X(RESTART_LEADER, "leader stopped in order and started", 1500, 10000)         \
    X(RESTART_ROLLING, "all stopped and started, one after another", 4000, 20000) \
    X(PAUSE, "process paused", 1000, 10000)                                       \
    X(PAUSE_LEADER, "leader paused", 1000, 10000)                                 \
    X(CUT_ONE_WAY, "way between two members cut, one way", 800, 9000)             \
    X(CUT_PAIR, "way between two members cut", 800, 9000)                         \
    X(CUT_HALVES, "partition: two halves", 1500, 12000)                           \
    X(CUT_LEADER, "partition: the leader alone", 1500, 12000)                     \
    X(CUT_RING, "partition: each sees a majority, none the same", 1500, 12000)    \
    X(CUT_BRIDGE, "partition: two halves that one member joins", 1500, 12000)     \
    X(CUT_DEAF_LEADER, "leader that sends and does not hear", 1500, 12000)        \
    X(CUT_CLIENTS, "member that clients do not reach", 1500, 12000)               \
    X(SLOW_WAY, "slow way between two members", 800, 8000)                        \
    X(SLOW_LEADER, "slow ways to and from the leader", 1500, 10000)               \
    X(RESET_PEER, "connection between members reset", 300, 5000)                  \
    X(STALL_PEER, "connection between members stalled", 300, 5000)                \
    X(RESET_CLIENT, "connection of a client reset", 200, 4000)                    \
    X(STALL_CLIENT, "connection of a client stalled", 200, 4000)                  \
    X(CUT_CLIENT, "connection of a client cut, one way or both", 500, 5000)       \
    X(CRUMBS, "bytes arrive one by one", 1000, 8000)                              \
    X(SLOW_DISK, "slow disk", 1000, 8000)                                         \
    X(SLOW_DISK_LEADER, "slow disk of the leader", 1000, 8000)                    \
    X(SYNC_ERROR, "syncs fail", 2000, 15000)                                      \
    X(WRITE_ERROR, "writes fail", 2000, 15000)                                    \
    X(READ_ERROR, "reads fail at the start", 2000, 15000)                         \
    X(NO_SPACE, "disk full", 2000, 15000)                                         \
    X(WIPE, "disk replaced by an empty one", 3000, 20000)                         \
    X(STALE_SNAPSHOT, "newest snapshot lost while down", 2000, 15000)             \
    X(CLOCK_JUMP, "wall clock jumps", 1000, 10000)                                \
    X(CLOCK_DRIFT, "wall clock drifts", 1000, 10000)                              \
    X(NEW_ADDRESS, "member comes back under another address", 2000, 15000)        \
    X(MOVE, "client moves to another member", 200, 3000)                          \
    X(STEAL_SESSION, "client opens its session a second time", 300, 4000)         \
    X(HANG_UP, "client hangs up or vanishes", 200, 4000)                          \
    X(SLOW_READER, "client does not read", 500, 5000)                             \
    X(WRONG_PASSWORD, "wrong password", 500, 5000)                                \
    X(STRANGER_CLIENT, "stranger's bytes on the client port", 300, 4000)          \
    X(STRANGER_QUORUM, "stranger's bytes on the quorum port", 300, 4000)          \
    X(STRANGER_ELECTION, "stranger's bytes on the election port", 300, 4000)

/* Of runs in which the configuration changes; they are drawn apart. */
#define RECONFIG_FAULTS(X)                                                                \
    X(MACHINE_OFFERED, "machine set up that is to join", 500, 3000)                       \
    X(RECONFIG_JOIN, "reconfig: a machine joins", 500, 4000)                              \
    X(RECONFIG_LEAVE, "reconfig: a member leaves", 800, 6000)                             \
    X(RECONFIG_ROLE, "reconfig: a voter observes, or the reverse", 800, 6000)             \
    X(RECONFIG_PORTS, "reconfig: a member gets other ports", 800, 6000)                   \
    X(RECONFIG_WHOLE, "reconfig: all members named anew", 800, 6000)                      \
    X(RECONFIG_LEADER, "reconfig: the leader leaves, observes or moves", 800, 6000)       \
    X(RECONFIG_WRONG, "reconfig: wrong input", 500, 5000)                                 \
    X(KILL_IN_RECONFIG, "leader ended while a reconfig was not committed yet", 100, 2000) \
    X(AWAY, "member away while the others go on", 1500, 9000)

enum ensemble_fault {
#define X(name, text, low, high) ENSEMBLE_FAULT_##name,
    ENSEMBLE_FAULTS(X) ENSEMBLE_FAULT_FIRST_RECONFIG,
    ENSEMBLE_FAULT_LAST_BEFORE = ENSEMBLE_FAULT_FIRST_RECONFIG - 1,
    RECONFIG_FAULTS(X)
#undef X
    ENSEMBLE_FAULT_KINDS,
};

/* Situations without which a campaign proves nothing. */
#define ENSEMBLE_MARKS(X)                                                             \
    X(ELECTED, "a leader was elected and served")                                     \
    X(ELECTED_AGAIN, "another leader followed it")                                    \
    X(OLD_LEADER_AGAIN, "a leader was elected a second time")                         \
    X(LOST_QUORUM, "a leader gave up because its quorum was gone")                    \
    X(LEADER_DIED_PROPOSING, "a leader ended with proposals that were not committed") \
    X(TAIL_KEPT, "a new leader committed what the old one had proposed")              \
    X(TAIL_CUT, "what was never committed was cut from a log")                        \
    X(SYNC_DIFF, "a learner was synchronised by DIFF")                                \
    X(SYNC_TRUNC, "a learner was synchronised by TRUNC")                              \
    X(SYNC_SNAP, "a learner was synchronised by SNAP")                                \
    X(OBSERVER_SERVED, "an observer served")                                          \
    X(READ_ONLY, "a member without a leader served reads only")                       \
    X(SESSION_MOVED, "a session went on at another member")                           \
    X(SESSION_OUTLIVED, "a session went on under another leader")                     \
    X(SESSION_EXPIRED, "a session expired")                                           \
    X(READ_BEHIND, "a read showed less than another server had shown")                \
    X(TOO_LATE, "a request reached the leader after its session had moved or ended")  \
    X(USED_AGAIN, "a request's number was used again before it was done")             \
    X(LOST_WRITES, "a power cut lost writes that were not synced")                    \
    X(TORN_TAIL, "a power cut tore a write")                                          \
    X(TWO_LEADERS, "two members believed to lead at one time")                        \
    X(DISK_GAVE_UP, "a member ended itself because of its disk")                      \
    X(WIPED_CAME_BACK, "a member with an empty disk served again")                    \
    X(ALL_DOWN, "no member was up")                                                   \
    X(RECONFIGURED, "a reconfig was committed")                                       \
    X(RECONFIG_REFUSED, "a reconfig was refused")                                     \
    X(RECONFIG_NO_QUORUM, "a reconfig was refused: its voters do not follow")         \
    X(RECONFIG_OUTSTANDING, "a leader ended with a reconfig outstanding")             \
    X(JOINED, "a machine that had joined served")                                     \
    X(REMOVED_LEADING, "a member was removed while it led")                           \
    X(OLD_CONFIG, "a member came back with an old configuration")                     \
    X(STRANGER_REFUSED, "a machine that is no member any more refused to start")      \
    X(WEIGHTS_MATTERED, "a commit that needed the weights: no majority by count")     \
    X(OUTCOME_UNKNOWN, "a write without an answer was found in the log")              \
    X(OUTCOME_NOTHING, "a write without an answer was not found in the log")          \
    X(EVENT_MISSED, "an event was delivered after a reconnect")                       \
    X(MULTI_DONE, "a multi succeeded")                                                \
    X(BAD_VERSION, "a compare-and-set lost")                                          \
    X(EPHEMERAL_EXPIRED, "an ephemeral node went with its expired session")           \
    X(TTL_REMOVED, "a node was removed at the end of its time to live")               \
    X(SNAPSHOT_LONG, "a snapshot was sent in several turns")                          \
    X(EXPIRED_BY_NEXT, "a session that a new leader never heard of expired under it") \
    X(LOCAL_UPGRADED, "a local session became everybody's")                           \
    X(LOCAL_REFUSED, "a local session was refused an ephemeral node")                 \
    X(LOCAL_ENDED, "a local session ended with its server")                           \
    X(LOCAL_ELSEWHERE, "a local session was unknown at another server")               \
    X(CLOCKS_APART, "monotonic clocks were more than a tick apart")                   \
    X(CLOCK_STOOD, "a machine stood still, and its clock with it")                    \
    X(STORY_TOLD, "a scenario came to its end")

enum ensemble_mark {
#define X(name, text) ENSEMBLE_MARK_##name,
    ENSEMBLE_MARKS(X)
#undef X
    ENSEMBLE_MARK_KINDS,
};

struct ensemble_campaign {
    struct marks base; /* of the clients and the checker of the world of one server */
    uint64_t faults[ENSEMBLE_FAULT_KINDS];
    uint64_t marks[ENSEMBLE_MARK_KINDS]; /* how often */
    uint64_t runs;
    uint64_t void_runs; /* too little was done to mean anything */
    uint64_t starts;
    uint64_t leaders;
    uint64_t events;
    uint64_t virtual_ns;
    uint64_t answered;
    uint64_t committed;
    uint64_t weak_syncs;
};

/* The tables; how many marks were never reached. */
size_t ensemble_campaign_print(const struct ensemble_campaign *campaign);
const char *ensemble_fault_name(enum ensemble_fault fault);

/* Mean time between two of a kind, in the shortest and the longest run. */
uint64_t ensemble_fault_low_ms(enum ensemble_fault fault);
uint64_t ensemble_fault_high_ms(enum ensemble_fault fault);

/* ---- members --------------------------------------------------------------------------------- */

enum member_state {
    MEMBER_DOWN,
    MEMBER_UP,
    MEMBER_STOPPING,
    MEMBER_DYING
};

/* One whole entry of a member's log files, as the page cache has it. */
struct log_place {
    int64_t zxid;
    struct disk_inode *inode;
    size_t offset; /* of the entry in its file, its checksum and length included */
    size_t len;
};

/* The log of a member, followed as it grows. */
struct member_log {
    struct log_place *places;
    size_t count;
    size_t cap;
    struct disk_inode *inode; /* the file that grows, and how far it has been read */
    size_t offset;
    uint64_t file_zxid; /* its name */
    bool is_stale;      /* to be read anew */
};

/* What a server says of itself: the only place that looks into struct node is view.c. */
struct member_view {
    bool is_up;
    bool is_serving;
    bool is_leader; /* by its own belief, serving or not */
    bool is_looking;
    bool is_learner; /* follows or observes */
    bool is_read_only;
    bool is_sending_tree; /* to a learner, in several turns */
    int64_t epoch;
    int64_t zxid;
    int64_t config_version; /* in force */
    int64_t seen_version;   /* the newest that it has heard of */
    uint64_t digest;        /* 0: none */
    uint64_t sessions_expired;
    uint64_t syncs_by_diff;
    uint64_t syncs_by_trunc;
    uint64_t syncs_by_snap;
};

/* What a voter stands for in an election. */
struct vote_seen {
    int64_t leader;
    int64_t zxid;
    int64_t epoch;
    int64_t round;
    int64_t own_zxid; /* its own candidacy */
    int64_t own_epoch;
    bool is_looking;   /* not decided yet */
    bool is_appointed; /* ... but to be: a reconfiguration has named the leader */
};

/* One of a server's sessions. */
struct session_seen {
    int64_t id;
    int32_t timeout_ms; /* the one that it began with */
    bool is_closing;
    bool is_local;
};

struct member {
    struct ensemble_world *ensemble;
    int id;                     /* 1.. */
    bool is_observer;           /* it has no vote: an observer, or no member at all */
    bool is_out;                /* switched off, until the administrator sets it up */
    bool is_new;                /* it has joined, and not served since */
    uint64_t config_generation; /* the start since which its configuration is followed */
    enum member_state state;
    struct disk disk;
    struct zk_config config; /* as read at the last start */
    bool has_config;
    struct runtime *runtime;
    struct node *node;
    struct tcp_address address;
    int64_t wall_offset_ms;
    int64_t drift_ppm; /* of the wall clock */
    struct machine_clock clock;
    uint64_t generation; /* counts starts: late events of older ones are ignored */
    uint64_t starts;
    uint64_t checked_turn;
    uint64_t failed_ops_before; /* disk faults seen when this incarnation began */
    uint64_t down_ns;           /* how long the next stay down is at least */
    bool is_starting;
    int64_t mended_zxid; /* of the configuration that it was given by hand last */
    bool was_wiped;
    bool is_damaged; /* one bit of a snapshot; a backup has it right */
    char damaged_path[128];
    uint64_t damaged_bit;
    enum disk_keep keep; /* of the power cut at a disk operation */
    bool kills_at_op;
    struct runtime **graveyard;
    size_t graveyard_count;
    size_t graveyard_cap;

    /* Filled by the ghost. */
    struct member_view view;
    struct member_log log;
    size_t applied;         /* so many of G */
    int64_t accepted_epoch; /* durable, as far as was seen */
    int64_t current_epoch;
    uint64_t names_seen; /* disk operations that make names durable, when its epochs were read */
};

void member_init(struct member *member, struct ensemble_world *ensemble, int id);
void member_release(struct member *member);

/* Starts, and comes back by itself from whatever ends it. */
void member_start(struct member *member);
void member_kill(struct member *member);
void member_cut_power(struct member *member, enum disk_keep keep);
void member_stop(struct member *member);

/* Durably. */
void member_write_file(struct disk *disk, const char *path, struct slice text);

/* It is down: its disk is empty from here on. */
void member_wipe(struct member *member);

/* Disk operations that have failed, of a kind that excuses what a server does then. */
uint64_t member_failed_ops(const struct member *member);

/* view.c */
void member_look(struct member *member, struct member_view *view);
void member_check(struct member *member);
void member_fingerprint(struct member *member, struct recovery_record *record);
size_t member_session_count(const struct member *member);

/* What it has in the node of the configuration; empty when there is nothing. */
struct slice member_config_text(const struct member *member);

/* Its vote; false: it has none, since it is no candidate. */
bool member_look_vote(const struct member *member, struct vote_seen *vote);

/* Are they a quorum by the configuration that its election goes by? */
bool member_sees_quorum(const struct member *member, const int64_t *ids, size_t count);

/* Its own list of sessions: those that it keeps, and, at a learner, those that speak through it. */
void member_each_session(struct member *member,
                         void (*each)(void *ctx, const struct session_seen *seen),
                         void *ctx);

/* ---- the ghost ------------------------------------------------------------------------------- */

/* What a server had at a place of G. */
struct ghost_entry {
    uint64_t digest;
    bool has_digest;
};

struct ghost {
    struct ghost_entry *entries; /* beside history.log */
    size_t count;
    size_t cap;
    struct u64_map proposals; /* zxid -> hash of the transaction + 1, on any disk */
    struct u64_map leaders;   /* epoch -> id of who served as its leader */
    struct memberships memberships;
    int64_t newest_epoch;
    int64_t cut_zxid; /* of a mark */
};

void ghost_init(struct ghost *ghost, const struct membership *first);
void ghost_release(struct ghost *ghost);

/* After a turn of the member: what it has applied, who it believes to be. */
void ghost_look(struct member *member);

/* Its disk has changed other than by appending: a power cut, a wipe, a start. */
void ghost_disk_changed(struct member *member);

/* The epochs on its disk, as a power cut would leave them. */
void ghost_epochs(struct member *member);

/* The same, when its names have changed since the last look. */
void ghost_epochs_look(struct member *member);

/* The member shows zxid, which is beyond the end of G: so it is committed. */
void ghost_committed(struct member *member, int64_t zxid);

/* The end of G: 0 when there is none. */
int64_t ghost_zxid(const struct ensemble_world *ensemble);

/* The last txn of G below that zxid; 0: none. */
int64_t ghost_last_txn_below(const struct ensemble_world *ensemble, int64_t zxid);

/* The last zxid of its log, durable or not; 0: the log is empty. */
int64_t ghost_log_end(struct member *member);

/* Is what is committed up to there on its durable disk, in the log or in a snapshot? */
bool ghost_has_durable(struct member *member, int64_t zxid);

/* The newest transaction of G; its last place may be the beginning of an epoch behind that. */
int64_t ghost_last_txn(const struct ensemble_world *ensemble);

/* Do the other voters have on their durable disks all that this one ever promised? Then its disk
 * may be lost. */
bool ghost_can_spare(struct member *member);

/* Is all of G in (from, to] in the member's log? */
bool ghost_log_covers(struct member *member, int64_t from, int64_t to);

/* ---- the run --------------------------------------------------------------------------------- */

struct ensemble_options {
    uint64_t seed;
    int member_count;
    int observer_count; /* the last members */
    struct membership first;
    bool has_groups;
    bool has_reconfig; /* then some of the machines are no members at first */
    bool has_dynamic_file;
    bool has_super;
    bool has_names; /* server.N has names, not addresses */
    uint64_t check_every;
    uint64_t fault_gap_ns[ENSEMBLE_FAULT_KINDS];
    char config_text[2048]; /* without what differs from member to member */
    int scenario;           /* enum scenario_kind, scenarios.h */
    int64_t counter_max;    /* so many zxids has an epoch; 0: as many as fit */
    bool hole_in_memory;    /* SCENARIO_HOLE: of the hero's commit log, not of the log on disk */
    uint64_t init_ns;       /* initLimit */
    uint64_t sync_ns;
    int64_t clock_ppm[MEMBERS_MAX]; /* how wrong the monotonic clocks are */
    bool pauses_stop_clocks;
};

struct ensemble_world {
    struct ensemble_options options;
    struct world base;
    struct member members[MEMBERS_MAX];
    struct ghost ghost;
    struct random nemesis;
    struct random reconfig_dice;
    bool is_healed;
    uint64_t healed_ns;
    uint64_t peer_faults; /* cuts that last, so that a healing of one does not end another */
    int rolling;          /* the next member to be restarted; -1: none */
    int last_server[CLIENTS_MAX];
    int64_t last_epoch[CLIENTS_MAX]; /* of the leader under which a session was opened */
    const char *waiting_for;
    struct session_ghost *sessions; /* onlookers.h */
    struct vote_ghost *votes;
    struct taps *taps;
    struct scenario *scenario; /* scenarios.c; NULL: none */
    struct ensemble_campaign *campaign;
};

/* draw.c */
void ensemble_options_draw(struct ensemble_options *options,
                           struct options *base,
                           uint64_t seed,
                           int member_count);

/* zoo.cfg of one member; returns its length. */
size_t ensemble_world_config(const struct ensemble_options *options,
                             int id,
                             char text[CONFIG_BYTES_MAX]);

/* member_count 0: the seed draws it. */
void ensemble_world_init(struct ensemble_world *ensemble,
                         uint64_t seed,
                         int member_count,
                         struct ensemble_campaign *campaign);
void ensemble_world_release(struct ensemble_world *ensemble);
enum verdict ensemble_world_run(struct ensemble_world *ensemble);

/* The member that serves as the leader of the newest epoch; NULL when there is none. */
struct member *ensemble_world_leader(struct ensemble_world *ensemble);

static inline void ensemble_world_mark(struct ensemble_world *ensemble, enum ensemble_mark mark)
{
    ensemble->campaign->marks[mark] += 1;
}

/* The ghost's and the members' verdicts are the world's. */
#define ensemble_world_fail(ensemble, ...) world_fail(&(ensemble)->base, VERDICT_WRONG, __VA_ARGS__)

/* faults.c */
void faults_start(struct ensemble_world *ensemble);
void faults_heal(struct ensemble_world *ensemble);

#endif
