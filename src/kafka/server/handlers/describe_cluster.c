/* describe_cluster.c - the cluster's id, its controller and its brokers (KIP-700).
 *
 * Version 1 asks for an endpoint type: a broker of ZooKeeper mode has no endpoints of controllers.
 * Source: AuthHelper.computeDescribeClusterResponse of 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/authorized_operations.h"

#define ENDPOINTS_OF_BROKERS 1

static void list_brokers(const struct topics *topics,
                         struct request *request,
                         struct kafka_describe_cluster_response *response)
{
    struct slice listener = request_listener(request);
    int32_t count = 0;
    LIST_FOR_EACH(link, &topics->brokers)
    {
        count++;
    }
    response->brokers = ARENA_ARRAY(&request->arena, struct kafka_describe_cluster_response_broker,
                                    count + 1);
    LIST_FOR_EACH(link, &topics->brokers)
    {
        const struct broker_info *info = CONTAINER_OF(link, struct broker_info, link);
        const struct broker_endpoint *endpoint = broker_info_endpoint(info, listener);
        if (endpoint == NULL) {
            continue;
        }
        struct kafka_describe_cluster_response_broker *broker =
            &response->brokers[response->brokers_count++];
        codec_init(&kafka_describe_cluster_response_broker_message, broker);
        broker->broker_id = info->id;
        broker->host = slice_of_cstr(endpoint->host);
        broker->port = endpoint->port;
        broker->rack = info->rack[0] == '\0' ? SLICE_NULL : slice_of_cstr(info->rack);
    }
}

static struct slice unsupported(struct request *request, int8_t type)
{
    struct buffer text;
    buffer_init(&text, 64);
    buffer_append_cstr(&text, "Unsupported endpoint type ");
    buffer_append_decimal(&text, type);
    struct slice copy = arena_copy(&request->arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

void handle_describe_cluster(struct broker *broker, struct request *request)
{
    const struct kafka_describe_cluster_request *body = request->body;
    struct kafka_describe_cluster_response response;
    codec_init(&kafka_describe_cluster_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    if (body->endpoint_type != ENDPOINTS_OF_BROKERS) {
        bool is_known = body->endpoint_type == 2;
        response.error_code = is_known ? KAFKA_ERROR_MISMATCHED_ENDPOINT_TYPE
                                       : KAFKA_ERROR_UNSUPPORTED_ENDPOINT_TYPE;
        response.error_message =
            is_known ? SLICE_LIT("The request was sent to an endpoint of type BROKER, but we "
                                 "wanted an endpoint of type CONTROLLER")
                     : unsupported(request, body->endpoint_type);
        request_reply(request, &response);
        return;
    }
    response.endpoint_type = ENDPOINTS_OF_BROKERS;
    response.cluster_id = slice_of_cstr(broker->topics.cluster_id);
    response.controller_id = broker->topics.controller_id;
    if (body->include_cluster_authorized_operations) {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    list_brokers(&broker->topics, request, &response);
    request_reply(request, &response);
}
