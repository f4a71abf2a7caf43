/* leave_group.c - members leave, or an administrator takes them out.
 * Source: KafkaApis.handleLeaveGroupRequest of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

static void answer(struct group_call *call, struct group_effect *effect)
{
    if (call->request != NULL) {
        effect->of.reply.response.leave.throttle_time_ms = call->request->throttle_time_ms;
        request_reply(call->request, &effect->of.reply.response.leave);
    }
}

void handle_leave_group(struct broker *broker, struct request *request)
{
    const struct kafka_leave_group_request *body = request->body;
    int16_t error = KAFKA_ERROR_NONE;
    struct group_shard *shard = group_host_route(broker->groups, body->group_id, false, &error);
    if (shard == NULL) {
        struct kafka_leave_group_response response;
        codec_init(&kafka_leave_group_response_message, &response);
        response.throttle_time_ms = request->throttle_time_ms;
        response.error_code = error;
        request_reply(request, &response);
        return;
    }
    struct group_event event = {
        .kind = GROUP_EVENT_LEAVE,
        .call = group_call_new(broker->groups, request, answer, NULL),
        .api_version = request->api_version,
        .request.leave = body,
    };
    group_shard_step(shard, &event);
}
