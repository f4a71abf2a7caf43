/* sync_group.c - the leader brings the assignment, the others fetch their part of it.
 * Source: KafkaApis.handleSyncGroupRequest of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

#define FIRST_PROTOCOL_VERSION 5

static void answer(struct group_call *call, struct group_effect *effect)
{
    if (call->request != NULL) {
        effect->of.reply.response.sync.throttle_time_ms = call->request->throttle_time_ms;
        request_reply(call->request, &effect->of.reply.response.sync);
    }
}

static void refuse(struct request *request, int16_t error)
{
    struct kafka_sync_group_response response;
    codec_init(&kafka_sync_group_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_code = error;
    request_reply(request, &response);
}

void handle_sync_group(struct broker *broker, struct request *request)
{
    const struct kafka_sync_group_request *body = request->body;
    int16_t error = KAFKA_ERROR_NONE;
    /* KIP-559: mandatory, though the fields may be null. */
    if (request->api_version >= FIRST_PROTOCOL_VERSION &&
        (slice_is_null(body->protocol_type) || slice_is_null(body->protocol_name))) {
        refuse(request, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    struct group_shard *shard = group_host_route(broker->groups, body->group_id, false, &error);
    if (shard == NULL) {
        /* The rebalance that it belongs to is lost with the old coordinator; old clients do not
         * expect the other error here. */
        refuse(request, error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS
                            ? (int16_t)KAFKA_ERROR_REBALANCE_IN_PROGRESS
                            : error);
        return;
    }
    struct group_event event = {
        .kind = GROUP_EVENT_SYNC,
        .call = group_call_new(broker->groups, request, answer, NULL),
        .api_version = request->api_version,
        .request.sync = body,
    };
    group_shard_step(shard, &event);
}
