/* group.h - the classic group coordinator of one partition of __consumer_offsets.
 *
 * Model: a group has members who joined with protocols and metadata, a generation, a leader who
 * assigns, and committed offsets. What lasts is in the log: a record of the group when a generation
 * has its assignment (or no member is left), a record for each committed offset. The members'
 * waiting requests and timers are not, as in Apache: a coordinator that takes over loads the last
 * generation as Stable and members carry on or time out.
 *
 *              first join                  all joined, or rebalance timeout
 *      Empty ------------> PreparingRebalance -----------------> CompletingRebalance
 *      |  ^                 |     ^        ^                        |    |
 *      |  +-----------------+     |        +--- join, leave, death--+    | leader's sync is durable
 *      |      nobody is left      |                                      v
 *      |                          +--------- join, leave, death ------ Stable
 *      v
 *     Dead (deleted, expired, or the partition moved away: every state may go there)
 *
 * Machine contract of DESIGN.md 4. Loading: group_coordinator_init, group_coordinator_replay for
 * each record of the log, LOADED; then events. Committed offsets and what the log knows of a group
 * change in group_coordinator_replay alone, also while it runs: an APPENDED event replays what was
 * appended.
 *
 * Limits: GROUP_*_MAX. Errors are Kafka's codes in replies.
 * Sources: GroupCoordinator, GroupMetadata, MemberMetadata, GroupMetadataManager, DelayedJoin of
 * Apache Kafka 3.9 (core/coordinator/group); KIP-62, 134, 211, 229, 345, 394, 429, 496, 814.
 */
#ifndef KAFKA_CORE_GROUP_H
#define KAFKA_CORE_GROUP_H

#include "base/map.h"
#include "kafka/core/deadline_heap.h"
#include "kafka/core/group_effects.h"

#define GROUP_COUNT_MAX 1000000  /* groups of one partition: COORDINATOR_NOT_AVAILABLE above */
#define GROUP_PENDING_MAX 100000 /* ids given out and not used, of one group */
#define GROUP_PROTOCOLS_MAX 256  /* of one member: INCONSISTENT_GROUP_PROTOCOL above */
#define GROUP_METADATA_MAX                                                \
    (64u << 20) /* bytes of all members' metadata: GROUP_MAX_SIZE_REACHED \
                 */

struct group_config {
    int32_t min_session_timeout_ms;
    int32_t max_session_timeout_ms;
    int32_t initial_rebalance_delay_ms;
    int32_t max_size;
    int32_t offset_metadata_max_bytes; /* in UTF-16 units, as Apache counts */
    int64_t offsets_retention_ms;
    int64_t offsets_retention_check_interval_ms;
    struct hash_key hash_key;
};

/* Apache's defaults; hash_key of zeros. */
void group_config_defaults(struct group_config *config);

enum group_state {
    GROUP_EMPTY,
    GROUP_PREPARING_REBALANCE,
    GROUP_COMPLETING_REBALANCE,
    GROUP_STABLE,
    GROUP_DEAD,
    GROUP_STATE_COUNT
};

/* "Empty", "PreparingRebalance", ... as clients see it. */
const char *group_state_name(enum group_state state);

struct group; /* group_private.h */

enum group_coordinator_stage {
    GROUP_LOADING,
    GROUP_ACTIVE,
    GROUP_UNLOADED
};

/* Counted since init. */
struct group_stats {
    uint64_t rebalances_completed;
    uint64_t offsets_committed;
    uint64_t offsets_expired;
    uint64_t offsets_deleted;
    uint64_t records_ignored; /* of unknown key versions, while loading */
};

struct group_coordinator {
    struct group_config config;
    enum group_coordinator_stage stage;
    struct group_stats stats;
    struct bytes_map by_id;
    struct list groups; /* in order of creation */
    size_t state_counts[GROUP_STATE_COUNT];
    uint64_t offset_count;
    /* Private from here on. */
    struct deadline_heap timers;
    struct list appends;      /* under way, in order */
    struct u64_map producers; /* producer id -> offsets of its open transaction, while loading */
    uint64_t next_append_id;
    uint64_t next_incarnation;
    uint64_t next_expiry_ms;  /* when the offsets are looked through again */
    struct list *expiry_next; /* where a look through them goes on; NULL: it has not begun */
    struct buffer encoded;
    struct arena scratch;
    /* of the step under way */
    uint64_t now_ms;
    int64_t wall_ms;
    struct group_outbox *outbox;
};

void group_coordinator_init(struct group_coordinator *coordinator,
                            const struct group_config *config);
void group_coordinator_release(struct group_coordinator *coordinator);

/* ---- loading --------------------------------------------------------------------------------- */

struct group_replay {
    struct group_record record;
    int64_t offset;      /* of the record */
    int64_t producer_id; /* of a transactional batch; -1: none */
    int64_t wall_ms;
};

/* One record of the log, in order. ERR_UNSUPPORTED: a key of an unknown version, ignored and
 * counted. ERR_CORRUPT: the bytes cannot be read, nothing was changed. */
NODISCARD int group_coordinator_replay(struct group_coordinator *coordinator,
                                       const struct group_replay *replay);

/* A transaction's end: its offsets become visible, or are forgotten. */
void group_coordinator_replay_marker(struct group_coordinator *coordinator,
                                     int64_t producer_id,
                                     bool is_commit);

/* ---- running --------------------------------------------------------------------------------- */

void group_coordinator_step(struct group_coordinator *coordinator,
                            const struct group_event *event,
                            struct group_outbox *outbox);

/* When it wants a TICK, in ms of now_ms; DEADLINE_NEVER. */
uint64_t group_coordinator_deadline(const struct group_coordinator *coordinator);

void group_coordinator_check(const struct group_coordinator *coordinator);

/* Hash of what the log holds: committed offsets and the groups' last records. Two coordinators that
 * replayed the same log agree; so do one that ran and one that loads what it wrote, when no append
 * is under way. */
uint64_t group_coordinator_digest(const struct group_coordinator *coordinator);

/* ---- reading: no events, nothing changes ----------------------------------------------------- */

/* The answer for one group of DescribeGroups: an unknown group is Dead. Slices borrow from the
 * coordinator until its next step. */
void group_coordinator_describe(const struct group_coordinator *coordinator,
                                struct slice group_id,
                                struct arena *arena,
                                struct kafka_describe_groups_response_group *description);

/* Each group that is not Dead. */
struct group_overview {
    struct slice group_id;
    struct slice protocol_type; /* "": none yet */
    enum group_state state;
    size_t member_count;
    size_t offset_count;
};
void group_coordinator_each(const struct group_coordinator *coordinator,
                            void (*each)(void *ctx, const struct group_overview *overview),
                            void *ctx);

struct group_offset_view {
    int64_t offset;        /* -1: none */
    int32_t leader_epoch;  /* -1: none */
    struct slice metadata; /* "" when there is none; borrows until the next step */
    int16_t error;         /* UNSTABLE_OFFSET_COMMIT */
};
/* OffsetFetch of one partition. */
struct group_offset_view group_coordinator_offset(const struct group_coordinator *coordinator,
                                                  struct slice group_id,
                                                  struct slice topic,
                                                  int32_t partition,
                                                  bool require_stable);
/* OffsetFetch of all. */
void group_coordinator_each_offset(const struct group_coordinator *coordinator,
                                   struct slice group_id,
                                   bool require_stable,
                                   void (*each)(void *ctx,
                                                struct slice topic,
                                                int32_t partition,
                                                const struct group_offset_view *view),
                                   void *ctx);

#endif
