/* support_kafka_group.h - a world for one group coordinator: its log, which commits when the test
 * says so, a clock, and everything that was answered.
 */
#ifndef TEST_UNIT_SUPPORT_KAFKA_GROUP_H
#define TEST_UNIT_SUPPORT_KAFKA_GROUP_H

#include "base/random.h"
#include "generated/kafka/constants.h"
#include "kafka/core/group.h"

#define WORLD_CALLS_MAX 20000
#define WORLD_TEXT_MAX 96
#define WORLD_MEMBERS_MAX 24

struct world_answer {
    bool is_asked;
    bool is_answered;
    enum group_event_kind request;
    int16_t error; /* of OffsetCommit and OffsetDelete: of the first partition, or the top */
    int32_t generation;
    char member_id[WORLD_TEXT_MAX];
    char leader[WORLD_TEXT_MAX];
    char protocol[WORLD_TEXT_MAX]; /* "-": null */
    char assignment[WORLD_TEXT_MAX];
    bool skip_assignment;
    int32_t member_count;
    char members[WORLD_MEMBERS_MAX][WORLD_TEXT_MAX];
    int16_t member_errors[WORLD_MEMBERS_MAX];
    int32_t partition_count; /* OffsetCommit, OffsetDelete: over all topics */
    int16_t partition_errors[WORLD_MEMBERS_MAX];
};

struct world_record {
    uint8_t *key;
    size_t key_len;
    uint8_t *value; /* NULL: a tombstone */
    size_t value_len;
};

struct world_append {
    uint64_t id;
    int64_t base_offset;
    size_t count;
    bool is_cleanup;
};

#define WORLD_APPENDS_MAX 4096

struct world {
    struct group_config config;
    struct group_coordinator coordinator;
    struct group_outbox outbox;
    bool runs;
    uint64_t now_ms;
    int64_t wall_ms;
    struct random random;
    bool commits_at_once; /* every append is committed in its step */
    int16_t append_error; /* the next append is refused with it */
    struct world_record *records;
    size_t record_count;
    size_t record_cap;
    struct world_append appends[WORLD_APPENDS_MAX]; /* not committed, oldest first */
    size_t append_count;
    struct world_answer *answers; /* by call, which count from 1 */
    size_t call_count;
    size_t answered_count;
    size_t notes[GROUP_NOTE_STORE_FAILED + 1];
};

void world_init(struct world *world, uint64_t seed);
void world_release(struct world *world);

/* The coordinator dies (its calls stay unanswered) and another one loads the log, of which the
 * newest `lost` appends that were not committed are gone. */
void world_crash(struct world *world, size_t lost);
/* Another coordinator that has loaded the committed log, to compare; release it. */
void world_load(const struct world *world, struct group_coordinator *coordinator);

/* Every step is followed by group_coordinator_check. */
void world_step(struct world *world, struct group_event *event);
/* Lets time pass, with ticks where the coordinator wants them. */
void world_pass(struct world *world, uint64_t ms);
/* Commits up to `count` appends, oldest first. */
void world_commit(struct world *world, size_t count);
void world_time_out(struct world *world, size_t index);
void world_unload(struct world *world);

struct world_join {
    const char *group;
    const char *member;    /* "": none yet */
    const char *instance;  /* NULL: dynamic */
    const char *protocols; /* "range=metadata,roundrobin=metadata"; metadata as it stands */
    const char *type;      /* "consumer" when NULL */
    int16_t version;
    int32_t session_ms;   /* 0: 10000 */
    int32_t rebalance_ms; /* 0: 60000 */
};

/* They return the call. */
size_t world_join(struct world *world, struct world_join join);
/* assignments: "member=text,member=text" */
size_t world_sync(struct world *world,
                  const char *group,
                  const char *member,
                  const char *instance,
                  int32_t generation,
                  const char *assignments);
size_t world_heartbeat(struct world *world,
                       const char *group,
                       const char *member,
                       const char *instance,
                       int32_t generation);
/* members: "id" or "id/instance" or "/instance", with commas between */
size_t world_leave(struct world *world, const char *group, const char *members, int16_t version);
struct world_commit {
    const char *group;
    const char *member;
    const char *instance;
    int32_t generation;
    const char *what; /* "topic:partition=offset" with commas between */
    const char *metadata;
    int64_t retention_ms; /* -1: the coordinator's */
};
size_t world_offset_commit(struct world *world, struct world_commit commit);
size_t world_offset_delete(struct world *world, const char *group, const char *what);
size_t world_delete_group(struct world *world, const char *group);
void world_delete_topic(struct world *world, const char *topic);

/* -1: none; -2: unstable. */
int64_t world_fetch(const struct world *world,
                    const char *group,
                    const char *topic,
                    int32_t partition,
                    bool require_stable);
/* "Dead" for an unknown group. */
const char *world_state(const struct world *world, const char *group);

const struct world_answer *world_answer(const struct world *world, size_t call);

/* Metadata of the consumer protocol, version 0, subscribed to `topics` (with commas between), as
 * text that world_join takes: bytes as \xNN. */
void world_subscription(const char *topics, char *text, size_t size);

#endif
