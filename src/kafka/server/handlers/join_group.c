/* join_group.c - a member joins, or joins again; the answer may wait for the others.
 * Source: KafkaApis.handleJoinGroupRequest, JoinGroupResponse of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

#define FIRST_NULLABLE_PROTOCOL_VERSION 7

static void reply(struct request *request, struct kafka_join_group_response *response)
{
    /* Old versions have no null for the protocol's name, new ones no empty name. */
    if (request->api_version < FIRST_NULLABLE_PROTOCOL_VERSION) {
        if (slice_is_null(response->protocol_name)) {
            response->protocol_name = SLICE_LIT("");
        }
    } else if (response->protocol_name.len == 0) {
        response->protocol_name = SLICE_NULL;
    }
    response->throttle_time_ms = request->throttle_time_ms;
    request_reply(request, response);
}

static void answer(struct group_call *call, struct group_effect *effect)
{
    if (call->request != NULL) {
        reply(call->request, &effect->of.reply.response.join);
    }
}

void handle_join_group(struct broker *broker, struct request *request)
{
    const struct kafka_join_group_request *body = request->body;
    int16_t error = KAFKA_ERROR_NONE;
    struct group_shard *shard = group_host_route(broker->groups, body->group_id, false, &error);
    if (shard == NULL) {
        struct kafka_join_group_response response;
        codec_init(&kafka_join_group_response_message, &response);
        response.error_code = error;
        response.generation_id = -1;
        response.protocol_name = SLICE_NULL;
        response.member_id = body->member_id;
        reply(request, &response);
        return;
    }
    struct group_event event = {
        .kind = GROUP_EVENT_JOIN,
        .call = group_call_new(broker->groups, request, answer, NULL),
        .api_version = request->api_version,
        .request.join = body,
        .client_id = request->client_id,
        .client_host = request_client_host(request),
    };
    group_shard_step(shard, &event);
}
