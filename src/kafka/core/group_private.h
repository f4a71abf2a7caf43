/* group_private.h - what the files group*.c share: a group, its members, its offsets, its appends.
 *
 * Rules that hold between steps (group_check): a group with members has a leader among them; a
 * member's waiting JoinGroup is counted; a static member is found by its instance id; members are
 * there in PreparingRebalance (but for a moment), CompletingRebalance and Stable, never in Empty
 * and Dead; the timers run that the state needs.
 */
#ifndef KAFKA_CORE_GROUP_PRIVATE_H
#define KAFKA_CORE_GROUP_PRIVATE_H

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/core/group.h"
#include "kafka/core/group_records.h"

#define GROUP_NO_GENERATION (-1)
#define GROUP_NO_OFFSET ((int64_t)-1)
#define GROUP_NO_EPOCH (-1)
#define GROUP_CONSUMER_PROTOCOL SLICE_LIT("consumer")

enum group_timer_kind {
    GROUP_TIMER_HEARTBEAT,
    GROUP_TIMER_PENDING,
    GROUP_TIMER_JOIN,
    GROUP_TIMER_SYNC
};

struct group_protocol {
    struct slice name;
    struct slice metadata;
};

struct group_member {
    struct list link; /* group->members, oldest first */
    struct group *group;
    struct slice id;
    struct slice instance_id; /* null: a dynamic member */
    struct slice client_id;
    struct slice client_host;
    int32_t rebalance_timeout_ms;
    int32_t session_timeout_ms;
    struct group_protocol *protocols; /* in order of preference, one block with their bytes */
    size_t protocol_count;
    size_t protocol_bytes; /* of the block */
    struct slice assignment;
    void *join_call;   /* a JoinGroup that waits, NULL */
    void *sync_call;   /* a SyncGroup that waits, NULL */
    bool is_new;       /* has not yet got a generation */
    bool pending_sync; /* has joined the generation and not asked for its assignment */
    struct deadline heartbeat;
};

/* A member id that was given out with MEMBER_ID_REQUIRED and not yet used (KIP-394). */
struct group_pending {
    struct group *group;
    struct slice id;
    struct deadline expiry;
};

struct group_offset {
    struct list link; /* group->offsets */
    struct slice key; /* partition as 4 bytes, topic; behind the struct */
    int64_t offset;
    int32_t leader_epoch;
    struct slice metadata;
    int64_t commit_ms;
    int64_t expire_ms;       /* GROUP_NO_EXPIRY */
    int64_t record_offset;   /* where it stands in the log */
    uint32_t pending;        /* commits under way */
    uint32_t pending_in_txn; /* open transactions with a commit of it */
    bool is_committed;       /* false: only commits under way */
    bool is_doomed;          /* a tombstone is under way */
};

struct group_protocol_count {
    struct slice name;
    size_t count; /* members that support it */
};

struct group {
    struct list link;
    uint64_t incarnation; /* no other group of this coordinator, of that name or another, has it */
    struct slice id;
    enum group_state state;
    int64_t state_ms; /* wall clock of the last change of state; -1: a record did not say */
    int32_t generation;
    struct slice protocol_type; /* null: none */
    struct slice protocol_name; /* null: none */
    struct group_member *leader;
    struct list members;
    size_t member_count;
    struct bytes_map members_by_id;
    struct bytes_map static_members; /* instance id -> member */
    struct bytes_map pending_members;
    struct group_protocol_count *protocol_counts;
    size_t protocol_count;
    size_t protocol_cap;
    size_t metadata_bytes; /* of all members' protocols */
    size_t awaiting_join;
    size_t pending_sync;
    struct bytes_map subscribed; /* topics, each value a block of group_topic_new */
    bool knows_subscribed;

    bool is_initial_join; /* the rebalance waits for its delay, whoever has joined */
    bool new_member_added;
    int32_t initial_delay_ms;
    int32_t initial_remaining_ms;
    struct deadline join;
    struct deadline sync;
    int32_t sync_generation;

    struct list offsets;
    struct bytes_map offsets_by_key;
    size_t committed_count;
    bool has_record; /* the log's last record of the group, and its hash */
    uint64_t record_hash;
};

enum group_append_kind {
    GROUP_APPEND_ASSIGNMENT, /* the leader's SyncGroup */
    GROUP_APPEND_STATIC,     /* a static member got a new id in a stable group */
    GROUP_APPEND_EMPTY,
    GROUP_APPEND_OFFSETS,
    GROUP_APPEND_TOMBSTONES
};

struct group_append {
    struct list link; /* coordinator->appends, then outbox->finished */
    uint64_t id;
    enum group_append_kind kind;
    struct arena arena; /* holds everything below */
    struct slice group_id;
    uint64_t incarnation;
    int32_t generation;
    struct group_record *records;
    size_t record_count;
    size_t record_cap;
    bool was_answered; /* timed out: who waited has been told */
    bool is_last;      /* TOMBSTONES: of the several that one request made */
    bool deletes_group;

    enum group_event_kind request; /* OFFSETS, TOMBSTONES: what `call` asked for */
    void *call;                    /* who waits, NULL */
    struct kafka_offset_commit_response commit;
    struct kafka_offset_delete_response deletion;

    struct slice new_member_id; /* STATIC */
    struct slice old_member_id;
    struct slice old_leader_id;
    int32_t old_rebalance_timeout_ms;
    int32_t old_session_timeout_ms;
    bool can_skip_assignment;
};

/* ---- owned texts (group_member.c): null stays null, an empty one costs nothing --------------- */

struct slice group_text_copy(struct slice text);
void group_text_free(struct slice *text); /* becomes null */
struct slice group_text_in(struct arena *arena, struct slice text);

/* ---- group.c --------------------------------------------------------------------------------- */

struct group *group_find(const struct group_coordinator *coordinator, struct slice id);
/* NULL at GROUP_COUNT_MAX. */
struct group *group_create(struct group_coordinator *coordinator, struct slice id);
void group_free(struct group_coordinator *coordinator, struct group *group);
void group_set_state(struct group_coordinator *coordinator,
                     struct group *group,
                     enum group_state state);
/* For a group that is being loaded: no transition. */
void group_load_state(struct group_coordinator *coordinator,
                      struct group *group,
                      enum group_state state,
                      int64_t state_ms);
void group_check(const struct group_coordinator *coordinator, const struct group *group);

/* ---- group_outbox.c -------------------------------------------------------------------------- */

struct slice group_keep(struct group_coordinator *coordinator, struct slice text);
void group_note(struct group_coordinator *coordinator,
                const struct group *group,
                enum group_note note,
                struct slice text,
                int64_t count);

/* The response stands in the effect, at its defaults; good until the next effect. */
struct group_effect *group_reply(struct group_coordinator *coordinator,
                                 void *call,
                                 enum group_event_kind request);
void group_reply_heartbeat(struct group_coordinator *coordinator, void *call, int16_t error);

struct group_append *group_append_new(struct group_coordinator *coordinator,
                                      const struct group *group,
                                      enum group_append_kind kind);
/* Both encode into the append's arena. ERR_INVALID: a text is too long to be stored. */
NODISCARD int group_append_record(struct group_coordinator *coordinator,
                                  struct group_append *append,
                                  int (*encode_key)(void *ctx, struct buffer *out),
                                  int (*encode_value)(void *ctx, struct buffer *out),
                                  void *ctx);
/* The APPEND effect; from now on it is under way. */
void group_append_send(struct group_coordinator *coordinator, struct group_append *append);
void group_append_free(struct group_append *append);

/* ---- group_member.c -------------------------------------------------------------------------- */

struct group_member *group_member_find(const struct group *group, struct slice id);
struct group_member *group_static_member(const struct group *group, struct slice instance_id);
bool group_is_pending(const struct group *group, struct slice id);

struct group_member_new {
    struct slice id;
    struct slice instance_id;
    struct slice client_id;
    struct slice client_host;
    int32_t rebalance_timeout_ms;
    int32_t session_timeout_ms;
    struct slice protocol_type;
    const struct group_protocol *protocols;
    size_t protocol_count;
};
struct group_member *group_member_add(struct group_coordinator *coordinator,
                                      struct group *group,
                                      const struct group_member_new *from);
/* Nobody waits for it any more: the caller has answered. */
void group_member_remove(struct group_coordinator *coordinator, struct group_member *member);
void group_member_set_protocols(struct group_member *member,
                                const struct group_protocol *protocols,
                                size_t count);
void group_member_set_assignment(struct group_member *member, struct slice assignment);
void group_member_set_join_call(struct group_member *member, void *call);
void group_member_rename(struct group_coordinator *coordinator,
                         struct group_member *member,
                         struct slice new_id);
bool group_member_matches(const struct group_member *member,
                          const struct group_protocol *protocols,
                          size_t count);
/* The member's metadata for a protocol; empty when it does not support it. */
struct slice group_member_metadata(const struct group_member *member, struct slice protocol);
void group_set_pending_sync(struct group_member *member, bool pending);

void group_pending_add(struct group_coordinator *coordinator,
                       struct group *group,
                       struct slice id,
                       uint64_t expires_ms);
/* False: there was none. */
bool group_pending_remove(struct group_coordinator *coordinator,
                          struct group *group,
                          struct slice id);

bool group_supports_protocols(const struct group *group,
                              struct slice protocol_type,
                              const struct group_protocol *protocols,
                              size_t count);
/* The protocol of the next generation: most votes among those that all support. */
struct slice group_select_protocol(const struct group *group);
void group_set_text(struct slice *owned, struct slice text);
void group_compute_subscribed(struct group_coordinator *coordinator, struct group *group);
bool group_is_subscribed(const struct group *group, struct slice topic);
bool group_is_consumer_group(const struct group *group);
int32_t group_rebalance_timeout_ms(const struct group *group);

/* ---- group_rebalance.c ----------------------------------------------------------------------- */

/* 0, FENCED_INSTANCE_ID or UNKNOWN_MEMBER_ID. */
int16_t group_validate_member(const struct group *group,
                              struct slice member_id,
                              struct slice instance_id);
bool group_can_rebalance(const struct group *group);
void group_prepare_rebalance(struct group_coordinator *coordinator, struct group *group);
void group_maybe_prepare_rebalance(struct group_coordinator *coordinator, struct group *group);
void group_try_complete_join(struct group_coordinator *coordinator, struct group *group);
void group_heard_of(struct group_coordinator *coordinator, struct group_member *member);
void group_member_lost(struct group_coordinator *coordinator, struct group_member *member);
void group_propagate_assignment(struct group_coordinator *coordinator,
                                struct group *group,
                                int16_t error);
void group_received_sync(struct group_coordinator *coordinator, struct group_member *member);
void group_timer_fired(struct group_coordinator *coordinator, struct deadline *deadline);

/* ---- answers to waiting requests (group_join.c, group_sync.c) -------------------------------- */

/* An error's JoinGroup answer: no generation, no members. */
void group_answer_join_error(struct group_coordinator *coordinator,
                             void *call,
                             struct slice member_id,
                             int16_t error);
/* The group's generation, for its leader with the members. Ends the member's wait. */
void group_answer_join(struct group_coordinator *coordinator,
                       struct group_member *member,
                       void *call,
                       struct slice leader_id,
                       bool with_members,
                       bool skip_assignment);
void group_answer_sync_error(struct group_coordinator *coordinator, void *call, int16_t error);
void group_answer_sync(struct group_coordinator *coordinator,
                       const struct group_member *member,
                       void *call);
/* They end the wait of a member, when it waits. */
void group_end_join_wait(struct group_coordinator *coordinator,
                         struct group_member *member,
                         struct slice member_id,
                         int16_t error);
bool group_end_sync_wait(struct group_coordinator *coordinator,
                         struct group_member *member,
                         int16_t error);

/* A group metadata record with the members' assignments as given; ERR_INVALID when it cannot be
 * encoded. */
struct group_assignments {
    const struct kafka_sync_group_request_assignment *items; /* NULL: what the members have */
    int32_t count;
};
NODISCARD int group_append_metadata(struct group_coordinator *coordinator,
                                    struct group *group,
                                    struct group_append *append,
                                    const struct group_assignments *assignments);

/* ---- steps ----------------------------------------------------------------------------------- */

void group_step_join(struct group_coordinator *coordinator, const struct group_event *event);
void group_step_sync(struct group_coordinator *coordinator, const struct group_event *event);
void group_step_heartbeat(struct group_coordinator *coordinator, const struct group_event *event);
void group_step_leave(struct group_coordinator *coordinator, const struct group_event *event);
void group_step_offset_commit(struct group_coordinator *coordinator,
                              const struct group_event *event);
void group_step_offset_delete(struct group_coordinator *coordinator,
                              const struct group_event *event);
void group_step_delete_group(struct group_coordinator *coordinator,
                             const struct group_event *event);
void group_step_topic_deleted(struct group_coordinator *coordinator,
                              const struct group_event *event);
void group_step_loaded(struct group_coordinator *coordinator);
void group_step_unload(struct group_coordinator *coordinator);
void group_step_appended(struct group_coordinator *coordinator, const struct group_event *event);
/* Looks through some groups; true when it is through with all. */
bool group_expire_some(struct group_coordinator *coordinator);

/* What follows an append besides its replay: error 0, or what the waiting are told. */
void group_assignment_stored(struct group_coordinator *coordinator,
                             struct group_append *append,
                             int16_t error);
void group_static_stored(struct group_coordinator *coordinator,
                         struct group_append *append,
                         int16_t error);
void group_offsets_stored(struct group_coordinator *coordinator,
                          struct group_append *append,
                          int16_t error);
void group_tombstones_stored(struct group_coordinator *coordinator,
                             struct group_append *append,
                             int16_t error);

/* ---- group_offsets.c: the table of one group ------------------------------------------------- */

struct group_offset *group_offset_find(const struct group *group,
                                       struct slice topic,
                                       int32_t partition);
struct group_offset *group_offset_get(struct group *group, struct slice topic, int32_t partition);
void group_offset_set(struct group_coordinator *coordinator,
                      struct group *group,
                      struct group_offset *offset,
                      const struct kafka_offset_commit_value *value,
                      int64_t record_offset);
/* The committed value goes; the entry stays while commits of it are under way. */
void group_offset_forget(struct group_coordinator *coordinator,
                         struct group *group,
                         struct group_offset *offset);
void group_offset_free_if_unused(struct group *group, struct group_offset *offset);
void group_offsets_free_all(struct group_coordinator *coordinator, struct group *group);
struct slice group_offset_topic(const struct group_offset *offset);
int32_t group_offset_partition(const struct group_offset *offset);

/* ---- group_load.c ---------------------------------------------------------------------------- */

void group_producers_release(struct group_coordinator *coordinator);

#endif
