/* describe_groups.c - state, protocol and members of groups.
 * Source: KafkaApis.handleDescribeGroupsRequest of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

#define FIRST_OPERATIONS_VERSION 3
/* READ (3), DELETE (6) and DESCRIBE (8): all that there is for groups, and nobody is refused yet.
 */
#define ALL_OPERATIONS (1 << 3 | 1 << 6 | 1 << 8)

static void describe(struct broker *broker,
                     struct request *request,
                     struct slice group_id,
                     struct kafka_describe_groups_response_group *group)
{
    int16_t error = KAFKA_ERROR_NONE;
    const struct group_shard *shard = group_host_route(broker->groups, group_id, true, &error);
    codec_init(&kafka_describe_groups_response_group_message, group);
    group->group_id = group_id;
    group->error_code = error;
    if (shard == NULL) {
        return;
    }
    group_coordinator_describe(group_shard_coordinator(shard), group_id, &request->arena, group);
    const struct kafka_describe_groups_request *body = request->body;
    if (request->api_version >= FIRST_OPERATIONS_VERSION && body->include_authorized_operations) {
        group->authorized_operations = ALL_OPERATIONS;
    }
}

void handle_describe_groups(struct broker *broker, struct request *request)
{
    const struct kafka_describe_groups_request *body = request->body;
    struct kafka_describe_groups_response response;
    codec_init(&kafka_describe_groups_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.groups_count = body->groups_count;
    response.groups = ARENA_ARRAY(&request->arena, struct kafka_describe_groups_response_group,
                                  MAX(body->groups_count, 1));
    for (int32_t i = 0; i < body->groups_count; i++) {
        describe(broker, request, body->groups[i], &response.groups[i]);
    }
    request_reply(request, &response);
}
