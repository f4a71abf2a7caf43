/* kafka_world.h - one run of a broker with its ZooKeeper: three machines, their clients, what goes
 * wrong, and the verdict.
 *
 *     zookeeper   the whole server, on a disk of its own
 *     broker      the whole broker, on a disk of its own with two log directories, of which each
 *                 may fail alone
 *     clients     producers (idempotent ones have several batches in flight), consumers, members of
 *                 groups that share partitions (eager, and cooperative with static members), plain
 *                 committers, one who deletes records, one who asks for offsets by time; each with
 *                 a request client (kafka/client) of its own; this machine never fails
 *
 * All three share the network, the virtual time and the seed. A run has phases, as the world of
 * ZooKeeper alone has (sim/world.h): faults, in which nothing wrong may happen; then everything is
 * healed, and progress is demanded; groups settle, lose a member and settle again; the broker is
 * stopped and started, everything is read from the beginning, and offsets are asked for by time;
 * last, the broker's clock passes the retention of offsets.
 *
 * A disk that fails a sync drops what it should have carried, and reads still return it (sim/disk.h
 * says how Linux does). No program can tell such pages from good ones, so whoever runs a broker
 * must restart the machine, not only the process, after a failed sync; here that happens always.
 *
 * Checked, by the names of the invariants (reference: reliability, section 3):
 *
 *     K-INV1   what was acknowledged with acks=all is at its offset, for ever
 *     I1       no record of an idempotent producer is there twice, its sequences have no gap, and
 * no producer id is given out twice I2       an acknowledged offset is the one at which the record
 * is read K-INV7   what was read at an offset is read there again; the high watermark never goes
 * back K-INV8   log start <= last stable offset <= high watermark K-INV15  after compaction the
 * last acknowledged value of every key is there; deletion of records touches the front alone
 *     K-INV16  offsets are read in order, and without gaps where nothing is compacted
 *     K-INV17  an offset by time is the first whose timestamp is not below it
 *     G1       a generation has one leader and one assignment, and does not come again; a partition
 *              has one owner in a generation
 *     G2       commits are taken from the current generation alone; the last one is what is fetched
 *     G3       offsets of a group with members do not expire
 *     G4       a group settles; a member that is silent is replaced, one that is not stays
 *     R1       a process that ends, however it ends, has nothing left of its memory
 */
#ifndef SIM_KAFKA_KAFKA_WORLD_H
#define SIM_KAFKA_KAFKA_WORLD_H

#include "base/map.h"
#include "kafka/client/client.h"
#include "kafka/server/broker.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/runtime_sim.h"
#include "sim/world.h" /* enum verdict */
#include "zookeeper/server/config.h"

#define ZOOKEEPER_PORT 2181
#define BROKER_PORT 9092

#define TOPIC_PLAIN "plain"
#define TOPIC_COMPACTED "compact.ed"
#define TOPIC_SHORT "short-lived" /* retention, DeleteRecords, LogAppendTime */

/* The partitions of all topics, numbered through. */
#define PLAIN_PARTITIONS 3
#define COMPACTED 3
#define SHORT 4
#define PARTITIONS 5
#define KEYS 8

#define LOG_DIRS 2 /* volumes 1 and 2 of the broker's disk */
#define LOG_DIR_PATTERN "/data/kafka-%d"

#define PRODUCERS 3
#define WINDOW_MAX 5 /* max.in.flight.requests.per.connection of an idempotent producer */
#define CONSUMERS 2
#define COMMITTERS 2
#define CREWS 2
#define CREW_MEMBERS 3
#define BATCH_RECORDS_MAX 8
#define COMMITS_MAX 100000

#define SESSION_TIMEOUT_MS 3000
#define REBALANCE_TIMEOUT_MS 4000
#define OFFSETS_RETENTION_MINUTES 10
#define RESERVE_BYTES 50000u /* samsa.log.dir.reserve.bytes */

/* ---- machines -------------------------------------------------------------------------------- */

enum machine_state {
    MACHINE_DOWN,
    MACHINE_UP,
    MACHINE_STOPPING,
    MACHINE_DYING
};

struct kafka_world;
struct node;

struct machine {
    struct kafka_world *world;
    const char *name;
    bool is_broker; /* else ZooKeeper */
    enum machine_state state;
    struct disk disk;
    struct runtime *runtime;
    struct node *node;
    struct broker *broker;
    int64_t wall_offset_ms;
    uint64_t generation; /* counts starts: late events of older ones are ignored */
    uint64_t starts;
    bool is_starting;
    bool is_ready;       /* it serves */
    enum disk_keep keep; /* of the power cut at a disk operation */
    uint64_t drops_seen; /* disk.counts.dropped_by_sync_error when the power was last cut */
    uint64_t disk_failures_at_start;
    size_t offline_at_start; /* log directories */
    struct runtime **graveyard;
    size_t graveyard_count;
    size_t graveyard_cap;
};

void machine_init(struct machine *machine,
                  struct kafka_world *world,
                  bool is_broker,
                  const struct random *seed);
void machine_release(struct machine *machine);

/* Starts, and comes back by itself from whatever ends it. */
void machine_start(struct machine *machine);
void machine_kill(struct machine *machine);
void machine_cut_power(struct machine *machine, enum disk_keep keep);
void machine_stop(struct machine *machine);

/* Did the disk fail an operation of this incarnation? */
bool machine_met_disk_errors(const struct machine *machine);

/* A log directory is out of service. */
bool machine_has_offline_dir(const struct machine *machine);

/* A sync has failed since the power was last cut: memory has pages that the disk will never get. */
bool machine_has_lost_pages(const struct machine *machine);

/* ---- what is known ----------------------------------------------------------------------------
 */

/* What stands at each offset of a partition, as clients were told. */
struct ghost_partition {
    uint64_t *values;       /* by offset; 0: nobody knows */
    int64_t *timestamps_ms; /* as read; 0: not yet */
    size_t count;
    size_t cap;
    int64_t acked_end;
    int64_t high_watermark;      /* the highest that was told */
    int64_t log_start;           /* when everything was read, at the end */
    int64_t last_acked_of[KEYS]; /* compacted: offset of the last acknowledged value; -1: none */
};

struct ghost {
    struct ghost_partition partitions[PARTITIONS];
    struct u64_map places;       /* value -> where it was read: partition << 48 | offset */
    struct u64_map producer_ids; /* that were given out */
    uint64_t acks;
    uint64_t reads;
    uint64_t commits;
    uint64_t commit_reads;
};

void ghost_init(struct ghost *ghost);
void ghost_release(struct ghost *ghost);
void ghost_ack(struct kafka_world *world,
               int idx,
               int64_t base_offset,
               const uint64_t *values,
               int count);
void ghost_read(struct kafka_world *world,
                int idx,
                int64_t offset,
                uint64_t value,
                int64_t timestamp_ms);
void ghost_producer_id(struct kafka_world *world, int64_t producer_id);

/* ---- clients ----------------------------------------------------------------------------------
 */

/* What all of them are: one loop of thinking, asking, and judging the answer. */
struct actor {
    struct kafka_world *world;
    int idx;
    struct kafka_client *client;
    struct runtime_timer timer;
    bool is_asking;
};

struct producer_batch {
    struct producer *producer;
    int partition;
    int32_t base_sequence;
    int16_t acks;
    int count;
    uint64_t values[BATCH_RECORDS_MAX];
    struct buffer bytes;
    bool is_sent; /* and not answered yet */
    bool is_head; /* when it was sent, nothing of its partition was before it */
    bool is_done;
    uint64_t attempts;
    uint64_t broker_then; /* the broker's incarnation when it was first sent */
};

struct producer {
    struct actor actor;
    bool is_idempotent;
    bool is_asking_id;
    int64_t producer_id; /* -1: not yet */
    int16_t producer_epoch;
    int32_t next_sequence[PARTITIONS];
    bool is_established[PARTITIONS];          /* a batch of this id was acknowledged */
    struct producer_batch window[WINDOW_MAX]; /* in the order of their making */
    int window_count;
    bool gives_up;    /* its sequences lead nowhere: a new producer id, and the window is lost */
    bool is_draining; /* something failed: what is in flight comes back, then all is sent again */
    uint64_t batches;
    uint64_t failed;
};

struct consumer {
    struct actor actor;
    bool is_rewound; /* while asking: the answer is not of interest */
    bool needs_start;
    uint64_t broker_generation; /* when it was told that its offset is out of range */
    int partition;
    int64_t next[PARTITIONS];
    int64_t first[PARTITIONS]; /* where it began, after what was deleted */
    int64_t high_watermark[PARTITIONS];
    bool is_at_end[PARTITIONS];
    int64_t last_of[KEYS];    /* compacted: offset of the last value that was read */
    struct u64_map sequences; /* producer id, jumps, partition -> the next sequence */
    uint64_t jumps;           /* over records that were deleted */
    uint64_t fetches;
};

struct committer {
    struct actor actor;
    bool asks_back; /* the call is an OffsetFetch */
    char group[32];
    int64_t next;
    int64_t current; /* what stands there as far as is known; -1: nothing yet */
    /* Sent without an answer: such a commit may take effect at any time, when its connection was
     * only stalled. By offset. */
    bool *is_uncertain;
    bool is_idle; /* commits no more: its offsets are to expire */
    bool has_expired;
    uint64_t rounds;
};

/* Groups with members: members.c asks, crew.c judges. */

enum member_stage {
    MEMBER_OUT,     /* joins next */
    MEMBER_JOINED,  /* syncs next */
    MEMBER_WORKING, /* owns partitions; heartbeats, commits, fetches offsets */
    MEMBER_SILENT   /* says nothing, as if it had died */
};

#define MEMBER_ID_MAX 160
#define PEERS_MAX 16 /* earlier selves of members are members, until their session ends */

struct member {
    struct actor actor;
    struct crew *crew;
    enum member_stage stage;
    char id[MEMBER_ID_MAX];     /* "": none yet */
    char instance[32];          /* "": a dynamic member */
    char old_id[MEMBER_ID_MAX]; /* of an earlier self; "": none */
    int32_t old_generation;
    bool is_leader;
    bool assigns; /* the leader, and the generation has no assignment yet */
    int32_t generation;
    unsigned owned;      /* a bit for each partition of the plain topic */
    uint32_t joins;      /* sent; travels in the metadata */
    uint64_t silence_ns; /* falls silent for so long when its request is over */
    uint64_t silent_until_ns;
    uint64_t heartbeat_due_ns;
    uint64_t broker_then; /* the broker's incarnation when it was last heard to agree */
    /* Of the request under way. */
    int32_t synced_then; /* crew.synced_generation when it was sent */
    int partition;
    int64_t commit;
    /* The leader's: who is in the generation. */
    struct peer_member {
        char id[MEMBER_ID_MAX];
        int idx;
        unsigned owned;
    } peers[PEERS_MAX];
    int peer_count;
};

enum commit_fate {
    COMMIT_UNCERTAIN, /* under way, or without an answer */
    COMMIT_ACKED,
    COMMIT_REFUSED
};

struct crew_commit {
    int32_t generation;
    enum commit_fate fate;
};

struct crew_partition {
    struct crew_commit *commits; /* by value */
    size_t count;
    size_t cap;
    int64_t known;                    /* the newest that was acknowledged or fetched; -1: none */
    int64_t known_then[CREW_MEMBERS]; /* when the member's fetch was sent */
    int32_t owner_generation;
    int owner;
};

struct crew {
    struct kafka_world *world;
    int idx;
    char group[32];
    bool is_cooperative;
    int32_t synced_generation; /* the highest whose assignment anybody was given */
    uint64_t synced_broker;    /* in which incarnation of the broker */
    struct u64_map tags;       /* generation -> the assignment that was given in it */
    uint64_t commits_acked;
    struct crew_partition partitions[PLAIN_PARTITIONS];
    struct member members[CREW_MEMBERS];
};

void crew_init(struct kafka_world *world, struct crew *crew, int idx);
void crew_release(struct crew *crew);

/* What members are told, to be judged. */
void crew_joined(struct member *member);
void crew_synced(struct member *member, uint64_t tag, unsigned owned);
/* A request that only a member of the current generation may make was answered well. */
void crew_accepted(struct member *member, const char *what);
/* The group does not know the member, or its generation. */
void crew_expelled(struct member *member, const char *what, int16_t error);
int64_t crew_commit_begin(struct member *member);
void crew_commit_end(struct member *member, enum commit_fate fate);
/* The same for a commit in the name of the member's earlier self. */
int64_t crew_ghost_commit_begin(struct member *member);
void crew_ghost_commit_end(struct member *member, enum commit_fate fate);
void crew_fetch_begin(struct member *member);
void crew_fetched(struct member *member, int64_t offset, struct slice metadata);

/* All that are not silent work in one generation and own everything between them. */
bool crew_is_settled(const struct crew *crew);

void member_open(struct crew *crew, int idx);
void member_release(struct member *member);
/* Says nothing for so long, from its next thought on. */
void member_silence(struct member *member, uint64_t time_ns);

/* Deletes records of the short-lived topic. */
struct trimmer {
    struct actor actor;
    int64_t asked;
    uint64_t rounds;
};

/* Asks for offsets by time: now and then while there are faults, of everything at the end, when
 * each answer must be exact. */
struct surveyor {
    struct actor actor;
    int partition;
    int64_t timestamp_ms; /* or LATEST, EARLIEST, MAX_TIMESTAMP */
    int64_t offset;       /* whose timestamp that is */
    bool is_final;
    bool was_asked_finally;
    unsigned left; /* questions of the final round */
};

void clients_start(struct kafka_world *world);
void clients_release(struct kafka_world *world);

/* ---- what clients share (clients.c) ---- */

void actor_open(struct actor *actor,
                struct kafka_world *world,
                int idx,
                uint32_t request_timeout_ms,
                void (*on_timer)(struct runtime_timer *timer));
void actor_think(struct actor *actor);
/* Thinks for long: there is nothing to do. */
void actor_rest(struct actor *actor);
/* is_asking becomes true; the call's `done` sets it to false. */
void actor_ask(struct actor *actor, struct kafka_call *call);
/* Is there a response? An answer that cannot be read, or a version that nobody has, is a mistake.
 */
bool reply_is_there(struct kafka_world *world, const struct kafka_reply *reply);
struct slice partition_topic(int partition);
int32_t partition_index(int partition);
/* A Kafka error after which one tries again. */
bool error_passes(int16_t error);

void producers_start(struct kafka_world *world);
void producers_release(struct kafka_world *world);
void consumers_start(struct kafka_world *world);
void consumers_release(struct kafka_world *world);
void committers_start(struct kafka_world *world);
void committers_release(struct kafka_world *world);
void surveyor_start(struct kafka_world *world);
void trimmer_start(struct kafka_world *world);

/* Begins to read everything anew, from the beginning. */
void consumer_rewind(struct consumer *consumer);

/* Begins the final round: everything has been read. */
void surveyor_finish(struct kafka_world *world);

/* ---- the world --------------------------------------------------------------------------------
 */

#define KAFKA_FAULT_LIST(X)                           \
    X(KILL, "broker killed")                          \
    X(POWER_CUT, "power of the broker cut")           \
    X(POWER_CUT_AT_OP, "... at a disk operation")     \
    X(RESTART, "broker stopped in order")             \
    X(ZOOKEEPER_KILL, "ZooKeeper killed")             \
    X(ZOOKEEPER_POWER_CUT, "power of ZooKeeper cut")  \
    X(PAUSE, "broker paused")                         \
    X(ZOOKEEPER_PAUSE, "ZooKeeper paused")            \
    X(RESET, "connection reset")                      \
    X(STALL, "connection stalled")                    \
    X(CUT, "connection cut")                          \
    X(ANSWERS_LOST, "all answers of the broker lost") \
    X(CLOCK_JUMP, "clock of the broker jumped")       \
    X(SLOW_DISK, "slow disk")                         \
    X(FULL_DISK, "full disk")                         \
    X(WRITE_ERROR, "a log directory failed writes")   \
    X(SYNC_ERROR, "a log directory failed syncs")     \
    X(READ_ERROR, "a log directory failed reads")     \
    X(DISK_DEAD, "a log directory failed altogether") \
    X(REPAIR, "disks were repaired, the machine restarted")

enum kafka_fault {
#define X(name, text) KAFKA_FAULT_##name,
    KAFKA_FAULT_LIST(X)
#undef X
    KAFKA_FAULT_KINDS,
};

/* Situations without which a campaign proves nothing. */
#define KAFKA_MARK_LIST(X)                                                                    \
    X(RECOVERED, "a broker came back after a crash")                                          \
    X(LOST_WRITES, "a power cut lost writes that were not synced")                            \
    X(CLEAN_RESTART, "a broker was stopped in order and came back")                           \
    X(SESSION_LOST, "ZooKeeper went away under the broker")                                   \
    X(REFUSED, "an append was refused for want of space")                                     \
    X(DIR_FAILED, "a log directory went out of service under a running broker")               \
    X(DIR_FAILED_AT_START, "a log directory was out of service from the start")               \
    X(ALL_DIRS_FAILED, "the last log directory failed, and the broker ended")                 \
    X(DIR_SERVED_ON, "a partition was written while another's directory was out")             \
    X(SYNC_DROPPED, "a failed sync dropped what was written")                                 \
    X(RESENT, "an idempotent batch was sent a second time")                                   \
    X(PIPELINED, "a producer had five batches in flight")                                     \
    X(OUT_OF_ORDER, "a batch was refused since the one before it was missing")                \
    X(DUPLICATE, "a batch that was there already was acknowledged")                           \
    X(SEQUENCE_LOST, "a batch was refused whose acknowledgement went with an earlier broker") \
    X(NEW_PRODUCER, "a producer asked for a second id")                                       \
    X(COMPACTED, "compaction ran")                                                            \
    X(TRIMMED, "records were deleted on request")                                             \
    X(OUT_OF_RANGE, "a consumer fell out of a log's front")                                   \
    X(COMMITTED, "commits were read back")                                                    \
    X(SYNCED, "a group got an assignment")                                                    \
    X(FOLLOWER_SYNCED, "a member that does not lead got its part")                            \
    X(MEMBER_LEFT, "a member left its group in order")                                        \
    X(MEMBER_REPLACED, "a silent member was replaced")                                        \
    X(MEMBER_EXPELLED, "a member learned that it is one no more")                             \
    X(STATIC_RETURNED, "a static member came back into its generation")                       \
    X(INSTANCE_FENCED, "a static member was fenced by its successor")                         \
    X(CARRIED_ON, "a member carried on with its generation after a restart of the broker")    \
    X(WITHHELD, "a cooperative assignment waited until a partition was given up")             \
    X(COMMIT_FENCED, "a commit of an old generation or member was refused")                   \
    X(CREW_FETCHED, "a member fetched what another had committed")                            \
    X(EXPIRED, "offsets of a group without members expired")                                  \
    X(OFFSET_BY_TIME, "an offset was asked for by time")

enum kafka_mark {
#define X(name, text) KAFKA_MARK_##name,
    KAFKA_MARK_LIST(X)
#undef X
    KAFKA_MARK_KINDS,
};

struct kafka_campaign {
    uint64_t runs;
    uint64_t faults[KAFKA_FAULT_KINDS];
    uint64_t marks[KAFKA_MARK_KINDS]; /* how often */
    uint64_t acks;
    uint64_t reads;
    uint64_t commits;
    uint64_t events;
    uint64_t virtual_ns;
    uint64_t starts;
    uint64_t cleaner_runs;
    uint64_t member_syncs;
};

struct kafka_world {
    uint64_t seed;
    struct schedule schedule;
    struct network network;
    struct random random;
    struct random nemesis;
    struct machine zookeeper;
    struct machine broker;
    struct disk client_disk; /* unused: a runtime has one */
    struct runtime *clients;
    struct runtime_profile profile;
    struct zk_config zk_config;
    struct broker_config broker_config;
    uint64_t fault_gap_ns[KAFKA_FAULT_KINDS];
    uint64_t error_strikes;
    uint64_t fault_phase_ns;
    bool is_healed;
    uint64_t healed_ns;
    bool producers_stop;
    bool are_topics_made;
    struct kafka_client *admin;
    struct runtime_timer admin_timer;
    struct producer producers[PRODUCERS];
    struct consumer consumers[CONSUMERS];
    struct committer committers[COMMITTERS];
    struct crew crews[CREWS];
    struct trimmer trimmer;
    struct surveyor surveyor;
    bool are_members_calm; /* nobody leaves, dies or rejoins of its own will */
    uint64_t calm_ns;      /* G4: since then nobody may be expelled; 0: not yet */
    bool is_offsets_age;   /* the clock has passed the retention of offsets */
    uint64_t next_value;
    struct ghost ghost;
    struct kafka_campaign *campaign;
    const char *waiting_for; /* who kept the last demand from being met */
    int waiting_idx;
    enum verdict verdict;
    char verdict_text[2048];
};

void kafka_world_init(struct kafka_world *world, uint64_t seed, struct kafka_campaign *campaign);
void kafka_world_release(struct kafka_world *world);
enum verdict kafka_world_run(struct kafka_world *world);

/* The first verdict counts. */
void kafka_world_fail(struct kafka_world *world, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void kafka_mark(struct kafka_world *world, enum kafka_mark mark)
{
    world->campaign->marks[mark] += 1;
}

/* ---- the nemesis (nemesis.c) ---- */

void nemesis_draw(struct kafka_world *world);
void nemesis_start(struct kafka_world *world);
/* Ends all faults, and repairs what is broken. */
void nemesis_heal(struct kafka_world *world);

/* The tables (campaign.c); how many marks were never reached. */
size_t kafka_campaign_print(const struct kafka_campaign *campaign);

#endif
