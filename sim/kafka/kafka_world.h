/* kafka_world.h - one run of a broker with its ZooKeeper: three machines, their clients, what goes
 * wrong, and the verdict.
 *
 *     zookeeper   the whole server, on a disk of its own
 *     broker      the whole broker, on a disk of its own
 *     clients     producers, consumers and committers, each with a request client (kafka/client) of
 *                 its own; this machine never fails
 *
 * All three share the network, the virtual time and the seed. A run has two phases, as the world of
 * ZooKeeper alone has (sim/world.h): faults, in which nothing wrong may happen; then everything is
 * healed, and progress is demanded; then the broker is stopped, started, and everything is read
 * from the beginning.
 *
 * Checked, by the names of the invariants (reference: reliability, section 3):
 *
 *     K-INV1   what was acknowledged with acks=all is at its offset, for ever
 *     I1, I2   no record of an idempotent producer is there twice; an acknowledged offset is the
 * one K-INV7   what was read at an offset is read there again; the high watermark never goes back
 *     K-INV8   log start <= last stable offset <= high watermark
 *     K-INV15  after compaction the last acknowledged value of every key is there
 *     K-INV16  offsets are read in order, and without gaps where nothing is compacted
 *     G2       the last acknowledged commit of a group is what is fetched
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
#define PLAIN_PARTITIONS 3
#define PARTITIONS 4 /* of both topics: the last one is the compacted topic's */
#define COMPACTED 3
#define KEYS 8

#define PRODUCERS 3
#define CONSUMERS 2
#define COMMITTERS 2
#define BATCH_RECORDS_MAX 8
#define COMMITS_MAX 100000

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

/* ---- what is known ----------------------------------------------------------------------------
 */

/* What stands at each offset of a partition, as clients were told. */
struct ghost_partition {
    uint64_t *values; /* by offset; 0: nobody knows */
    bool *acked;      /* with acks=all: must stay */
    size_t count;
    size_t cap;
    int64_t acked_end;
    int64_t last_acked_of[KEYS]; /* compacted: offset of the last acknowledged value; -1: none */
};

struct ghost {
    struct ghost_partition partitions[PARTITIONS];
    struct u64_map places; /* value -> where it was read: partition << 48 | offset */
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
void ghost_read(struct kafka_world *world, int idx, int64_t offset, uint64_t value);

/* ---- clients ----------------------------------------------------------------------------------
 */

/* A value tells its key: value % KEYS. 0 is none. */
struct producer {
    struct kafka_world *world;
    int idx;
    struct kafka_client *client;
    struct runtime_timer timer;
    bool is_idempotent;
    bool is_asking;      /* for a producer id, or a batch is on its way */
    int64_t producer_id; /* -1: not yet */
    int16_t producer_epoch;
    int32_t next_sequence[PARTITIONS];
    bool has_batch; /* not acknowledged: an idempotent producer sends it again */
    int partition;
    int16_t acks;
    int count;
    uint64_t values[BATCH_RECORDS_MAX];
    struct buffer bytes;
    uint64_t batches;
    uint64_t failed;
};

struct consumer {
    struct kafka_world *world;
    int idx;
    struct kafka_client *client;
    struct runtime_timer timer;
    bool is_asking;
    bool is_rewound; /* while asking: the answer is not of interest */
    int partition;
    int64_t next[PARTITIONS];
    int64_t high_watermark[PARTITIONS];
    bool is_at_end[PARTITIONS];
    int64_t last_of[KEYS]; /* compacted: offset of the last value that was read */
    uint64_t fetches;
};

struct committer {
    struct kafka_world *world;
    int idx;
    struct kafka_client *client;
    struct runtime_timer timer;
    bool is_asking;
    bool asks_back; /* the call is an OffsetFetch */
    char group[32];
    int64_t next;
    int64_t current; /* what stands there as far as is known; -1: nothing yet */
    /* Sent without an answer: such a commit may take effect at any time, when its connection was
     * only stalled. By offset. */
    bool *is_uncertain;
    uint64_t rounds;
};

void clients_start(struct kafka_world *world);
void clients_release(struct kafka_world *world);

/* Begins to read everything anew, from the beginning. */
void consumer_rewind(struct consumer *consumer);

/* ---- the world --------------------------------------------------------------------------------
 */

enum kafka_fault {
    KAFKA_FAULT_KILL,
    KAFKA_FAULT_POWER_CUT,
    KAFKA_FAULT_POWER_CUT_AT_OP,
    KAFKA_FAULT_RESTART,
    KAFKA_FAULT_ZOOKEEPER_KILL,
    KAFKA_FAULT_ZOOKEEPER_POWER_CUT,
    KAFKA_FAULT_PAUSE,
    KAFKA_FAULT_ZOOKEEPER_PAUSE,
    KAFKA_FAULT_RESET,
    KAFKA_FAULT_STALL,
    KAFKA_FAULT_CUT,
    KAFKA_FAULT_CLOCK_JUMP,
    KAFKA_FAULT_SLOW_DISK,
    KAFKA_FAULT_FULL_DISK,
    KAFKA_FAULT_KINDS,
};

/* Situations without which a campaign proves nothing. */
enum kafka_mark {
    KAFKA_MARK_RECOVERED,     /* a broker came back after a crash and served */
    KAFKA_MARK_LOST_WRITES,   /* a power cut lost writes that were not synced */
    KAFKA_MARK_RESENT,        /* an idempotent batch was sent a second time */
    KAFKA_MARK_COMPACTED,     /* a pass of compaction ended */
    KAFKA_MARK_COMMITTED,     /* a commit was fetched after a restart of the broker */
    KAFKA_MARK_CLEAN_RESTART, /* an orderly end, and back */
    KAFKA_MARK_SESSION_LOST,  /* ZooKeeper went away and came back under the broker */
    KAFKA_MARK_REFUSED,       /* an append was refused for want of space */
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
    bool has_compaction;
    uint64_t fault_gap_ns[KAFKA_FAULT_KINDS];
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

/* The tables; how many marks were never reached. */
size_t kafka_campaign_print(const struct kafka_campaign *campaign);

#endif
