/* committers.c - commits of offsets without a membership, one group each. See kafka_world.h. */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

static int16_t commit_error(const void *response, int16_t version)
{
    const struct kafka_offset_commit_response *answer = response;
    (void)version;
    return answer->topics[0].partitions[0].error_code;
}

static void on_committed(void *ctx, const struct kafka_reply *reply)
{
    struct committer *committer = ctx;
    int16_t error = reply_is_there(committer->actor.world, reply) ? commit_error(reply->response, 0)
                                                                  : 0;
    if (reply->error != 0 || error != 0) {
        sim_trace("%s: commit failed: %s %s", committer->group, reply->message,
                  kafka_error_name(error));
    }
    committer->actor.is_asking = false;
    committer->is_uncertain[committer->next] = reply->error != 0 || error_passes(error);
    if (reply->error == 0 && error == 0) {
        committer->current = committer->next;
        committer->actor.world->ghost.commits += 1;
        committer->asks_back = true;
    } else if (reply->error == 0 && !error_passes(error)) {
        kafka_world_fail(committer->actor.world, VERDICT_WRONG, "a commit is told %s",
                         kafka_error_name(error));
    }
    actor_think(&committer->actor);
}

static void commit(struct committer *committer)
{
    struct kafka_offset_commit_request request;
    struct kafka_offset_commit_request_topic topic;
    struct kafka_offset_commit_request_partition partition;
    codec_init(&kafka_offset_commit_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    committer->next += 1;
    ASSERT(committer->next < COMMITS_MAX);
    partition.committed_offset = committer->next;
    partition.committed_leader_epoch = -1;
    partition.commit_timestamp = -1;
    partition.committed_metadata = SLICE_LIT("");
    topic.name = SLICE_LIT(TOPIC_PLAIN);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = slice_of_cstr(committer->group);
    request.generation_id_or_member_epoch = -1;
    request.member_id = SLICE_LIT("");
    request.retention_time_ms = -1;
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = request.group_id},
        .request_message = &kafka_offset_commit_request_message,
        .response_message = &kafka_offset_commit_response_message,
        .request = &request,
        .min_version = 2,
        .max_version = 8,
        .error_of = commit_error,
        .is_once = true, /* a copy on a stalled connection would come behind later ones */
        .done = on_committed,
        .ctx = committer,
    };
    actor_ask(&committer->actor, &made);
}

static int16_t offsets_error(const void *response, int16_t version)
{
    const struct kafka_offset_fetch_response *answer = response;
    (void)version;
    return answer->error_code;
}

static void on_offsets(void *ctx, const struct kafka_reply *reply)
{
    struct committer *committer = ctx;
    const struct kafka_offset_fetch_response *response = reply->response;
    committer->actor.is_asking = false;
    if (reply->error != 0) {
        sim_trace("%s: fetch of offsets failed: %s", committer->group, reply->message);
    }
    if (reply_is_there(committer->actor.world, reply) && response->error_code == 0 &&
        response->topics[0].partitions[0].error_code == 0) {
        int64_t offset = response->topics[0].partitions[0].committed_offset;
        bool is_due = committer->is_idle && committer->actor.world->is_offsets_age;
        if (offset < 0 && committer->current >= 0 && is_due) {
            kafka_mark(committer->actor.world, KAFKA_MARK_EXPIRED);
            committer->has_expired = true;
        }
        bool may_be = offset == committer->current || committer->has_expired ||
                      (offset >= 0 && offset <= committer->next && committer->is_uncertain[offset]);
        if (!may_be) {
            kafka_world_fail(committer->actor.world, VERDICT_WRONG,
                             "G2: group %s has offset %lld, and %lld was acknowledged",
                             committer->group, (long long)offset, (long long)committer->current);
        }
        committer->current = offset;
        committer->actor.world->ghost.commit_reads += 1;
        committer->rounds += 1;
        committer->asks_back = false;
    }
    if (committer->actor.world->producers_stop) {
        actor_rest(&committer->actor);
    } else {
        actor_think(&committer->actor);
    }
}

static void ask_offsets(struct committer *committer)
{
    static int32_t index = 0;
    struct kafka_offset_fetch_request request;
    struct kafka_offset_fetch_request_topic topic;
    codec_init(&kafka_offset_fetch_request_message, &request);
    memset(&topic, 0, sizeof topic);
    topic.name = SLICE_LIT(TOPIC_PLAIN);
    topic.partition_indexes = &index;
    topic.partition_indexes_count = 1;
    request.group_id = slice_of_cstr(committer->group);
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = request.group_id},
        .request_message = &kafka_offset_fetch_request_message,
        .response_message = &kafka_offset_fetch_response_message,
        .request = &request,
        .min_version = 2,
        .max_version = 7,
        .error_of = offsets_error,
        .done = on_offsets,
        .ctx = committer,
    };
    actor_ask(&committer->actor, &made);
}

static void on_committer_timer(struct runtime_timer *timer)
{
    struct committer *committer = CONTAINER_OF(timer, struct committer, actor.timer);
    if (committer->actor.is_asking) {
        return;
    }
    if (!committer->actor.world->are_topics_made) {
        actor_think(&committer->actor);
        return;
    }
    if (committer->asks_back || committer->is_idle ||
        random_once_in(&committer->actor.world->random, 4)) {
        ask_offsets(committer);
    } else {
        commit(committer);
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void committers_start(struct kafka_world *world)
{
    for (int i = 0; i < COMMITTERS; i++) {
        struct committer *committer = &world->committers[i];
        committer->current = -1;
        committer->next = -1;
        committer->is_uncertain = heap_new(COMMITS_MAX);
        snprintf(committer->group, sizeof committer->group, "group-%d", i);
        actor_open(&committer->actor, world, i, 0, on_committer_timer);
    }
}

void committers_release(struct kafka_world *world)
{
    for (int i = 0; i < COMMITTERS; i++) {
        kafka_client_release(world->committers[i].actor.client);
        heap_free(world->committers[i].is_uncertain);
    }
}
