/* offset_delete.c - committed offsets of topics that the group does not use any more (KIP-496).
 *
 * As for commits, partitions that do not exist are sorted out first. An error of the group leaves
 * no partition in the answer. Source: KafkaApis.handleOffsetDeleteRequest of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

static bool exists(const struct broker *broker, struct slice topic, int32_t partition)
{
    const struct topic *found = topics_find(&broker->topics, topic);
    return found != NULL && partition >= 0 && partition < found->partition_count;
}

/* The part of the request that exists, and beside it the answer for what does not. */
struct deletion {
    const struct kafka_offset_delete_request *asked;
    struct kafka_offset_delete_response response;
};

static void sort_out(const struct broker *broker,
                     struct request *request,
                     struct deletion *deletion)
{
    const struct kafka_offset_delete_request *body = request->body;
    struct arena *arena = &request->arena;
    struct kafka_offset_delete_request *rest = ARENA_NEW(arena, struct kafka_offset_delete_request);
    codec_init(&kafka_offset_delete_response_message, &deletion->response);
    rest->group_id = body->group_id;
    rest->topics = ARENA_ARRAY(arena, struct kafka_offset_delete_request_topic,
                               MAX(body->topics_count, 1));
    /* Twice as many: a topic may have partitions of both kinds. */
    deletion->response.topics = ARENA_ARRAY(arena, struct kafka_offset_delete_response_topic,
                                            MAX(2 * (size_t)body->topics_count, 1));
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_offset_delete_request_topic *from = &body->topics[i];
        struct kafka_offset_delete_request_topic *known = &rest->topics[rest->topics_count];
        struct kafka_offset_delete_response_topic *unknown =
            &deletion->response.topics[deletion->response.topics_count];
        size_t count = (size_t)MAX(from->partitions_count, 1);
        known->name = from->name;
        known->partitions = ARENA_ARRAY(arena, struct kafka_offset_delete_request_partition, count);
        unknown->name = from->name;
        unknown->partitions = ARENA_ARRAY(arena, struct kafka_offset_delete_response_partition,
                                          count);
        for (int32_t k = 0; k < from->partitions_count; k++) {
            int32_t index = from->partitions[k].partition_index;
            if (exists(broker, from->name, index)) {
                known->partitions[known->partitions_count].partition_index = index;
                known->partitions_count += 1;
            } else {
                unknown->partitions[unknown->partitions_count].partition_index = index;
                unknown->partitions[unknown->partitions_count].error_code =
                    KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
                unknown->partitions_count += 1;
            }
        }
        rest->topics_count += known->partitions_count > 0 ? 1 : 0;
        deletion->response.topics_count += unknown->partitions_count > 0 ? 1 : 0;
    }
    deletion->asked = rest;
}

/* A topic that has partitions of both kinds is one topic in the answer. */
static void add_topic(struct request *request,
                      struct kafka_offset_delete_response *response,
                      const struct kafka_offset_delete_response_topic *decided)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        struct kafka_offset_delete_response_topic *to = &response->topics[i];
        if (!slice_equal(to->name, decided->name)) {
            continue;
        }
        int32_t count = to->partitions_count + decided->partitions_count;
        struct kafka_offset_delete_response_partition *all = ARENA_ARRAY(
            &request->arena, struct kafka_offset_delete_response_partition, MAX(count, 1));
        for (int32_t k = 0; k < count; k++) {
            all[k] = k < to->partitions_count ? to->partitions[k]
                                              : decided->partitions[k - to->partitions_count];
        }
        to->partitions = all;
        to->partitions_count = count;
        return;
    }
    response->topics[response->topics_count] = *decided;
    response->topics_count += 1;
}

static void refuse(struct request *request, int16_t error)
{
    struct kafka_offset_delete_response response;
    codec_init(&kafka_offset_delete_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_code = error;
    request_reply(request, &response);
}

static void answer(struct group_call *call, struct group_effect *effect)
{
    struct deletion *deletion = call->ctx;
    const struct kafka_offset_delete_response *decided = &effect->of.reply.response.offset_delete;
    if (call->request == NULL) {
        return;
    }
    if (decided->error_code != KAFKA_ERROR_NONE) {
        refuse(call->request, decided->error_code);
        return;
    }
    for (int32_t i = 0; i < decided->topics_count; i++) {
        add_topic(call->request, &deletion->response, &decided->topics[i]);
    }
    deletion->response.throttle_time_ms = call->request->throttle_time_ms;
    request_reply(call->request, &deletion->response);
}

void handle_offset_delete(struct broker *broker, struct request *request)
{
    const struct kafka_offset_delete_request *body = request->body;
    int16_t error = KAFKA_ERROR_NONE;
    struct group_shard *shard = group_host_route(broker->groups, body->group_id, false, &error);
    if (shard == NULL) {
        refuse(request, error);
        return;
    }
    struct deletion *deletion = ARENA_NEW(&request->arena, struct deletion);
    sort_out(broker, request, deletion);
    struct group_event event = {
        .kind = GROUP_EVENT_OFFSET_DELETE,
        .call = group_call_new(broker->groups, request, answer, deletion),
        .api_version = request->api_version,
        .request.offset_delete = deletion->asked,
    };
    group_shard_step(shard, &event);
}
