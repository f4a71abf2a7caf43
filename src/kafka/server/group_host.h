/* group_host.h - runs the group coordinator (core/group.h) over the partitions of
 * __consumer_offsets that this broker leads.
 *
 * Model: one coordinator for each such partition, a "shard" here. It begins by replaying the
 * partition's log in bounded slices, read on a worker; meanwhile its groups answer
 * COORDINATOR_LOAD_IN_PROGRESS. Then requests become events, and effects become appends to the
 * partition, answers, and lines in the log. What waits for an append is answered when the high
 * watermark has passed it: on disk, by default (flush.before.ack).
 *
 * The topic is made by the first FindCoordinator, with the offsets.topic.* configuration.
 *
 * A handler makes a group_call for its request and steps an event with it; `answer` is called once,
 * within the step or later, with the effect that holds the response. When the connection dies
 * meanwhile the call lives on without its request.
 *
 * Sources: GroupMetadataManager, GroupCoordinatorAdapter, AutoTopicCreationManager of Apache Kafka
 * 3.9.
 */
#ifndef KAFKA_SERVER_GROUP_HOST_H
#define KAFKA_SERVER_GROUP_HOST_H

#include "kafka/core/group.h"
#include "kafka/server/request.h"

#define GROUP_OFFSETS_TOPIC "__consumer_offsets"

struct broker;
struct partition;
struct group_host;
struct group_shard;

struct group_host *group_host_create(struct broker *broker);

/* A partition of __consumer_offsets is led here from now on: it is loaded. */
void group_host_lead(struct group_host *host, struct partition *partition);
/* Before it is destroyed, or led elsewhere: whoever waits is answered NOT_COORDINATOR. */
void group_host_resign(struct group_host *host, struct partition *partition);

/* Its committed offsets go. */
void group_host_topic_deleted(struct group_host *host, struct slice topic);
/* broker->config has changed. */
void group_host_configure(struct group_host *host);

/* Everything is handed over; no request is served any more (COORDINATOR_NOT_AVAILABLE). */
void group_host_stop(struct group_host *host);
void group_host_detach(struct group_host *host);
void group_host_release(struct group_host *host);

/* ---- for handlers ---------------------------------------------------------------------------- */

/* Which partition of __consumer_offsets a group belongs to. */
int32_t group_host_partition(const struct group_host *host, struct slice group_id);

/* True: the topic is there. False: it is being made (asked for, if need be). */
bool group_host_ensure_topic(struct group_host *host);

/* The shard that serves the group, or NULL with *error: COORDINATOR_NOT_AVAILABLE,
 * COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR; INVALID_GROUP_ID for an empty id, which only
 * requests about offsets and the administrator's may have (allows_empty). */
struct group_shard *group_host_route(struct group_host *host,
                                     struct slice group_id,
                                     bool allows_empty,
                                     int16_t *error);

/* To read from (the functions of group.h that change nothing). */
const struct group_coordinator *group_shard_coordinator(const struct group_shard *shard);

/* Each shard that serves. *is_loading: there are others. COORDINATOR_NOT_AVAILABLE after the stop.
 */
int16_t group_host_each(struct group_host *host,
                        void (*each)(void *ctx, const struct group_coordinator *coordinator),
                        void *ctx,
                        bool *is_loading);

struct group_call {
    struct list link;         /* all calls of the host */
    struct list request_link; /* of one request */
    struct request *request;  /* NULL: its connection has died */
    void (*answer)(struct group_call *call, struct group_effect *effect);
    void *ctx; /* the handler's, in the request's arena */
};

/* The answer may come later: body and frame stay until then (request.h). */
struct group_call *group_call_new(struct group_host *host,
                                  struct request *request,
                                  void (*answer)(struct group_call *call,
                                                 struct group_effect *effect),
                                  void *ctx);

/* For a call that waits for something else than a step: it is freed, unanswered. */
void group_call_end(struct group_call *call);

/* Time is filled in; for JOIN, randomness too. After it the request may be gone. */
void group_shard_step(struct group_shard *shard, struct group_event *event);

struct group_host_stats {
    size_t groups;
    size_t states[GROUP_STATE_COUNT];
    uint64_t offsets;
    size_t partitions_loading;
    size_t partitions_serving;
    uint64_t rebalances_completed;
    uint64_t offsets_committed;
    uint64_t offsets_expired;
    uint64_t offsets_deleted;
    uint64_t load_ns_max; /* longest load of a partition */
};
void group_host_stats(const struct group_host *host, struct group_host_stats *stats);

#endif
