/* consumer_group.c - the newer group protocol (KIP-848): advertised and refused, as a broker of 3.9
 * on ZooKeeper does, whose coordinator is the classic one. Clients then use JoinGroup. Source:
 * KafkaApis.handleConsumerGroupHeartbeat, handleConsumerGroupDescribe of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"

void handle_consumer_group_heartbeat(struct broker *broker, struct request *request)
{
    struct kafka_consumer_group_heartbeat_response response;
    (void)broker;
    codec_init(&kafka_consumer_group_heartbeat_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    request_reply(request, &response);
}

void handle_consumer_group_describe(struct broker *broker, struct request *request)
{
    const struct kafka_consumer_group_describe_request *body = request->body;
    struct kafka_consumer_group_describe_response response;
    (void)broker;
    codec_init(&kafka_consumer_group_describe_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.groups_count = body->group_ids_count;
    response.groups = ARENA_ARRAY(&request->arena,
                                  struct kafka_consumer_group_describe_response_group,
                                  MAX(body->group_ids_count, 1));
    for (int32_t i = 0; i < body->group_ids_count; i++) {
        codec_init(&kafka_consumer_group_describe_response_group_message, &response.groups[i]);
        response.groups[i].group_id = body->group_ids[i];
        response.groups[i].error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    }
    request_reply(request, &response);
}
