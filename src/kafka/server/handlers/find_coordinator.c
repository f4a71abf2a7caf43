/* find_coordinator.c - which broker leads the partition that a group's or transaction's state is
 * in.
 *
 * A group's partition is abs(hash of its id) % partitions of __consumer_offsets, which is made when
 * nobody has asked before; COORDINATOR_NOT_AVAILABLE makes clients ask again. Versions below 4 ask
 * for one key and say "NONE" as the message of success, as Apache does; version 4 and later
 * (KIP-699) ask for several. Source: KafkaApis.getCoordinator of Apache Kafka 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/handlers.h"

#define FIRST_BATCHED_VERSION 4
#define FIRST_SHARE_VERSION 6

struct found {
    int16_t error;
    int32_t node_id;
    struct slice host;
    int32_t port;
};

static const struct found nowhere = {
    .error = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE,
    .node_id = -1,
    .host = {(const uint8_t *)"", 0},
    .port = -1,
};

static struct found refuse(int16_t error)
{
    struct found found = nowhere;
    found.error = error;
    return found;
}

static struct found find_group(struct broker *broker, struct request *request, struct slice key)
{
    if (broker->groups == NULL || !group_host_ensure_topic(broker->groups)) {
        return nowhere;
    }
    const struct topic *topic = topics_find(&broker->topics, SLICE_LIT(GROUP_OFFSETS_TOPIC));
    int32_t index = group_host_partition(broker->groups, key);
    if (topic == NULL || topic->is_deleting || index >= topic->partition_count) {
        return nowhere;
    }
    const struct broker_info *leader = topics_broker(&broker->topics,
                                                     topic->partitions[index].leader);
    const struct broker_endpoint *endpoint =
        leader == NULL ? NULL : broker_info_endpoint(leader, request_listener(request));
    if (endpoint == NULL) {
        return nowhere;
    }
    return (struct found){
        .error = KAFKA_ERROR_NONE,
        .node_id = leader->id,
        .host = slice_of_cstr(endpoint->host),
        .port = endpoint->port,
    };
}

static struct found find(struct broker *broker,
                         struct request *request,
                         int8_t key_type,
                         struct slice key)
{
    switch (key_type) {
    case KAFKA_COORDINATOR_GROUP:
        return find_group(broker, request, key);
    case KAFKA_COORDINATOR_TRANSACTION:
        return nowhere; /* transactions are not served yet */
    case KAFKA_COORDINATOR_SHARE:
        return request->api_version < FIRST_SHARE_VERSION ? refuse(KAFKA_ERROR_INVALID_REQUEST)
                                                          : nowhere;
    default:
        return refuse(KAFKA_ERROR_INVALID_REQUEST);
    }
}

static void fill_one(const struct found *found, struct kafka_find_coordinator_response *response)
{
    response->error_code = found->error;
    response->error_message = slice_of_cstr(kafka_error_text(found->error));
    response->node_id = found->node_id;
    response->host = found->host;
    response->port = found->port;
}

void handle_find_coordinator(struct broker *broker, struct request *request)
{
    const struct kafka_find_coordinator_request *body = request->body;
    struct kafka_find_coordinator_response response;
    codec_init(&kafka_find_coordinator_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    if (request->api_version < FIRST_BATCHED_VERSION) {
        struct found found = find(broker, request, body->key_type, body->key);
        fill_one(&found, &response);
        request_reply(request, &response);
        return;
    }
    int32_t count = body->coordinator_keys_count;
    response.coordinators_count = count;
    response.coordinators = ARENA_ARRAY(
        &request->arena, struct kafka_find_coordinator_response_coordinator, MAX(count, 1));
    for (int32_t i = 0; i < count; i++) {
        struct found found = find(broker, request, body->key_type, body->coordinator_keys[i]);
        struct kafka_find_coordinator_response_coordinator *to = &response.coordinators[i];
        codec_init(&kafka_find_coordinator_response_coordinator_message, to);
        to->key = body->coordinator_keys[i];
        to->error_code = found.error;
        to->node_id = found.node_id;
        to->host = found.host;
        to->port = found.port;
        if (found.error == KAFKA_ERROR_INVALID_REQUEST &&
            body->key_type != KAFKA_COORDINATOR_SHARE) {
            to->error_message = slice_of_cstr(kafka_error_text(found.error));
        }
    }
    request_reply(request, &response);
}
