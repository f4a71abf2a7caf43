/* group_effects.h - what the group coordinator hears (events) and wants done (effects).
 *
 * Events borrow: request and slices need live only during the step. Effects live in the outbox
 * until the host clears it, with all they point at. The host performs effects in order.
 *
 * Durability: an APPEND effect asks for records in the coordinator's partition of
 * __consumer_offsets, as one batch. Its end is an APPENDED event with the same append_id: with
 * error 0 after the high watermark has passed the batch, in the order of the appends; with the
 * log's error when nothing was appended (then in any order). The replies that wait for an append
 * are made in that step. An append that takes longer than offsets.commit.timeout.ms is told by
 * APPEND_TIMED_OUT: those who wait get their error, APPENDED is still to come.
 *
 * A request's `call` is the host's; it comes back once, in the REPLY effect.
 */
#ifndef KAFKA_CORE_GROUP_EFFECTS_H
#define KAFKA_CORE_GROUP_EFFECTS_H

#include "base/arena.h"
#include "base/list.h"
#include "generated/kafka/messages.h"

enum group_event_kind {
    GROUP_EVENT_LOADED, /* the log has been replayed: begin to serve */
    GROUP_EVENT_JOIN,   /* requests: call, request, api_version, client */
    GROUP_EVENT_SYNC,
    GROUP_EVENT_HEARTBEAT,
    GROUP_EVENT_LEAVE,
    GROUP_EVENT_OFFSET_COMMIT,    /* of topics and partitions that exist */
    GROUP_EVENT_OFFSET_DELETE,    /* of topics and partitions that exist */
    GROUP_EVENT_DELETE_GROUP,     /* call, name */
    GROUP_EVENT_TOPIC_DELETED,    /* name */
    GROUP_EVENT_APPENDED,         /* append_id, error, base_offset */
    GROUP_EVENT_APPEND_TIMED_OUT, /* append_id */
    GROUP_EVENT_TICK,             /* time has reached group_coordinator_deadline */
    GROUP_EVENT_UNLOAD,           /* this broker leads the partition no more: the last event */
};

struct group_event {
    enum group_event_kind kind;
    uint64_t now_ms; /* monotonic */
    int64_t wall_ms;
    void *call;
    int16_t api_version;
    union {
        const struct kafka_join_group_request *join;
        const struct kafka_sync_group_request *sync;
        const struct kafka_heartbeat_request *heartbeat;
        const struct kafka_leave_group_request *leave;
        const struct kafka_offset_commit_request *offset_commit;
        const struct kafka_offset_delete_request *offset_delete;
    } request;
    struct slice name;        /* DELETE_GROUP: the group; TOPIC_DELETED: the topic */
    struct slice client_id;   /* JOIN; null: none was sent */
    struct slice client_host; /* JOIN: "/127.0.0.1" */
    uint8_t random[16];       /* JOIN: what a new member's id is made of */
    uint64_t append_id;
    int16_t error;       /* APPENDED: Kafka's code */
    int64_t base_offset; /* APPENDED */
};

/* A record of __consumer_offsets, as it is stored. */
struct group_record {
    struct slice key;
    struct slice value; /* null: a tombstone */
};

enum group_note {
    GROUP_NOTE_PREPARING,     /* a rebalance begins */
    GROUP_NOTE_STABILIZED,    /* everybody has joined */
    GROUP_NOTE_ASSIGNED,      /* the leader's assignment arrived */
    GROUP_NOTE_EMPTY,         /* the last member has gone */
    GROUP_NOTE_STUCK,         /* nobody joined again before the rebalance timeout */
    GROUP_NOTE_MEMBER_ADDED,  /* text: the member */
    GROUP_NOTE_MEMBER_FAILED, /* text: the member */
    GROUP_NOTE_MEMBER_LEFT,   /* text: the member */
    GROUP_NOTE_REPLACED,      /* text: a static member's new id */
    GROUP_NOTE_DELETED,
    GROUP_NOTE_EXPIRED,      /* count: offsets */
    GROUP_NOTE_STORE_FAILED, /* count: Kafka's error */
};

enum group_effect_kind {
    GROUP_EFFECT_APPEND,
    GROUP_EFFECT_REPLY,
    GROUP_EFFECT_NOTE, /* for the log */
};

struct group_effect {
    enum group_effect_kind kind;
    union {
        struct {
            uint64_t append_id;
            const struct group_record *records;
            size_t count;
            bool is_cleanup; /* tombstones: as Apache, min.insync.replicas does not hold them up */
        } append;
        struct {
            void *call;
            enum group_event_kind request; /* which of the union it is */
            union {
                struct kafka_join_group_response join;
                struct kafka_sync_group_response sync;
                struct kafka_heartbeat_response heartbeat;
                struct kafka_leave_group_response leave;
                struct kafka_offset_commit_response offset_commit;
                struct kafka_offset_delete_response offset_delete;
                int16_t delete_group; /* Kafka's error */
            } response;
        } reply;
        struct {
            enum group_note note;
            struct slice group_id;
            int32_t generation;
            struct slice text;
            int64_t count;
        } note;
    } of;
};

struct group_outbox {
    struct group_effect *effects;
    size_t count;
    size_t cap;
    struct arena arena;
    struct list finished; /* private: appends whose replies are still read */
};

void group_outbox_init(struct group_outbox *outbox);
void group_outbox_release(struct group_outbox *outbox);
void group_outbox_clear(struct group_outbox *outbox);

#endif
