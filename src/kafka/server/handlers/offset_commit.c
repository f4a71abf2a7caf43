/* offset_commit.c - how far a group has read; answered when the offsets are in the log.
 *
 * Partitions that do not exist are sorted out first; the coordinator gets the rest, and its answers
 * go back to the places of the request. Version 0 stores offsets in ZooKeeper.
 * Source: KafkaApis.handleOffsetCommitRequest of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/core/java_string.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/group_zookeeper.h"
#include "kafka/server/handlers.h"

#define TO_COORDINATOR ((int16_t)INT16_MIN) /* the coordinator's answer goes here */

static bool exists(const struct broker *broker, struct slice topic, int32_t partition)
{
    const struct topic *found = topics_find(&broker->topics, topic);
    return found != NULL && partition >= 0 && partition < found->partition_count;
}

/* The whole answer, with TO_COORDINATOR where the coordinator decides. */
static void prepare(const struct broker *broker,
                    struct request *request,
                    struct kafka_offset_commit_response *response,
                    int32_t *asked)
{
    const struct kafka_offset_commit_request *body = request->body;
    codec_init(&kafka_offset_commit_response_message, response);
    response->topics_count = body->topics_count;
    response->topics = ARENA_ARRAY(&request->arena, struct kafka_offset_commit_response_topic,
                                   MAX(body->topics_count, 1));
    *asked = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_offset_commit_request_topic *from = &body->topics[i];
        struct kafka_offset_commit_response_topic *to = &response->topics[i];
        to->name = from->name;
        to->partitions_count = from->partitions_count;
        to->partitions = ARENA_ARRAY(&request->arena, struct kafka_offset_commit_response_partition,
                                     MAX(from->partitions_count, 1));
        for (int32_t k = 0; k < from->partitions_count; k++) {
            bool is_known = exists(broker, from->name, from->partitions[k].partition_index);
            to->partitions[k].partition_index = from->partitions[k].partition_index;
            to->partitions[k].error_code = is_known
                                               ? TO_COORDINATOR
                                               : (int16_t)KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            *asked += is_known ? 1 : 0;
        }
    }
}

/* Without what does not exist. */
static const struct kafka_offset_commit_request *without_unknown(
    struct request *request,
    const struct kafka_offset_commit_response *response)
{
    const struct kafka_offset_commit_request *body = request->body;
    struct kafka_offset_commit_request *rest = ARENA_NEW(&request->arena,
                                                         struct kafka_offset_commit_request);
    *rest = *body;
    rest->topics_count = 0;
    rest->topics = ARENA_ARRAY(&request->arena, struct kafka_offset_commit_request_topic,
                               MAX(body->topics_count, 1));
    for (int32_t i = 0; i < body->topics_count; i++) {
        struct kafka_offset_commit_request_topic *to = &rest->topics[rest->topics_count];
        *to = body->topics[i];
        to->partitions_count = 0;
        to->partitions = ARENA_ARRAY(&request->arena, struct kafka_offset_commit_request_partition,
                                     MAX(body->topics[i].partitions_count, 1));
        for (int32_t k = 0; k < body->topics[i].partitions_count; k++) {
            if (response->topics[i].partitions[k].error_code == TO_COORDINATOR) {
                to->partitions[to->partitions_count] = body->topics[i].partitions[k];
                to->partitions_count += 1;
            }
        }
        rest->topics_count += to->partitions_count > 0 ? 1 : 0;
    }
    return rest;
}

/* The coordinator's answers stand in the order in which they were asked for. */
static void merge(struct kafka_offset_commit_response *response,
                  const struct kafka_offset_commit_response *decided)
{
    int32_t topic = 0;
    int32_t partition = 0;
    for (int32_t i = 0; i < response->topics_count; i++) {
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            struct kafka_offset_commit_response_partition *to = &response->topics[i].partitions[k];
            if (to->error_code != TO_COORDINATOR) {
                continue;
            }
            while (topic < decided->topics_count &&
                   partition >= decided->topics[topic].partitions_count) {
                topic += 1;
                partition = 0;
            }
            ASSERT(topic < decided->topics_count);
            to->error_code = decided->topics[topic].partitions[partition].error_code;
            partition += 1;
        }
    }
}

static void answer(struct group_call *call, struct group_effect *effect)
{
    if (call->request == NULL) {
        return;
    }
    struct kafka_offset_commit_response *response = call->ctx;
    merge(response, &effect->of.reply.response.offset_commit);
    response->throttle_time_ms = call->request->throttle_time_ms;
    request_reply(call->request, response);
}

static void refuse(struct request *request,
                   struct kafka_offset_commit_response *response,
                   int16_t error)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            if (response->topics[i].partitions[k].error_code == TO_COORDINATOR) {
                response->topics[i].partitions[k].error_code = error;
            }
        }
    }
    response->throttle_time_ms = request->throttle_time_ms;
    request_reply(request, response);
}

/* ---- version 0 ---------------------------------------------------------------------------------
 */

static void stored_in_zookeeper(void *ctx, const struct zookeeper_offset *items, size_t count)
{
    struct group_call *call = ctx;
    struct request *request = call->request;
    struct kafka_offset_commit_response *response = call->ctx;
    size_t next = 0;
    group_call_end(call);
    if (request == NULL) {
        return;
    }
    for (int32_t i = 0; i < response->topics_count; i++) {
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            struct kafka_offset_commit_response_partition *to = &response->topics[i].partitions[k];
            if (to->error_code == TO_COORDINATOR) {
                ASSERT(next < count);
                to->error_code = items[next].error;
                next += 1;
            }
        }
    }
    refuse(request, response, KAFKA_ERROR_NONE);
}

static void store_in_zookeeper(struct broker *broker,
                               struct request *request,
                               struct kafka_offset_commit_response *response,
                               int32_t asked)
{
    const struct kafka_offset_commit_request *body = request->body;
    size_t limit = (size_t)MAX(broker->config.offset_metadata_max_bytes, 0);
    struct zookeeper_offset *items = ARENA_ARRAY(&request->arena, struct zookeeper_offset,
                                                 MAX(asked, 1));
    size_t count = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        for (int32_t k = 0; k < body->topics[i].partitions_count; k++) {
            const struct kafka_offset_commit_request_partition *from =
                &body->topics[i].partitions[k];
            struct kafka_offset_commit_response_partition *to = &response->topics[i].partitions[k];
            if (to->error_code != TO_COORDINATOR) {
                continue;
            }
            if (java_string_length(from->committed_metadata) > limit) {
                to->error_code = KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE;
                continue;
            }
            items[count] = (struct zookeeper_offset){
                .topic = body->topics[i].name,
                .partition = from->partition_index,
                .offset = from->committed_offset,
            };
            count += 1;
        }
    }
    if (count == 0 || broker->groups == NULL) {
        refuse(request, response, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    struct group_call *call = group_call_new(broker->groups, request, answer, response);
    group_zookeeper_write(broker->cluster, body->group_id, items, count, stored_in_zookeeper, call);
}

void handle_offset_commit(struct broker *broker, struct request *request)
{
    const struct kafka_offset_commit_request *body = request->body;
    struct kafka_offset_commit_response *response = ARENA_NEW(&request->arena,
                                                              struct kafka_offset_commit_response);
    int32_t asked = 0;
    int16_t error = KAFKA_ERROR_NONE;
    prepare(broker, request, response, &asked);
    if (asked == 0) {
        refuse(request, response, KAFKA_ERROR_NONE);
        return;
    }
    if (request->api_version == 0) {
        store_in_zookeeper(broker, request, response, asked);
        return;
    }
    struct group_shard *shard = group_host_route(broker->groups, body->group_id, true, &error);
    if (shard == NULL) {
        refuse(request, response, error);
        return;
    }
    struct group_event event = {
        .kind = GROUP_EVENT_OFFSET_COMMIT,
        .call = group_call_new(broker->groups, request, answer, response),
        .api_version = request->api_version,
        .request.offset_commit = without_unknown(request, response),
    };
    group_shard_step(shard, &event);
}
