/* create_partitions.c - more partitions for topics that are there.
 *
 * Source: KafkaApis.handleCreatePartitionsRequest of 3.9; cluster_add_partitions checks the rest.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/admin_wait.h"

typedef struct kafka_create_partitions_request_topic wanted_topic;

static bool is_repeated(const struct kafka_create_partitions_request *body, int32_t index)
{
    for (int32_t i = 0; i < index; i++) {
        if (slice_equal(body->topics[i].name, body->topics[index].name)) {
            return true;
        }
    }
    return false;
}

static void answer(struct admin_wait *wait)
{
    struct request *request = wait->request;
    const struct kafka_create_partitions_request *body = request->body;
    struct kafka_create_partitions_response response;
    codec_init(&kafka_create_partitions_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.results = ARENA_ARRAY(&request->arena, struct kafka_create_partitions_response_result,
                                   body->topics_count + 1);
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (is_repeated(body, i)) {
            continue;
        }
        struct kafka_create_partitions_response_result *out =
            &response.results[response.results_count++];
        codec_init(&kafka_create_partitions_response_result_message, out);
        out->name = body->topics[i].name;
        out->error_code = wait->items[i].error;
        out->error_message = wait->items[i].message;
    }
    request_reply(request, &response);
}

static void add(struct admin_wait *wait, int32_t index, bool validate_only)
{
    const struct kafka_create_partitions_request *body = wait->request->body;
    const wanted_topic *wanted = &body->topics[index];
    const struct topic *topic = topics_find(&wait->broker->topics, wanted->name);
    const int32_t **lists = NULL;
    int32_t *counts = NULL;
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (i != index && slice_equal(body->topics[i].name, wanted->name)) {
            admin_wait_set(wait, index, KAFKA_ERROR_INVALID_REQUEST, "Duplicate topic in request.");
            return;
        }
    }
    if (topic != NULL && topic->is_deleting) {
        admin_wait_set(wait, index, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                       "The topic is queued for deletion.");
        return;
    }
    if (wanted->assignments_count >= 0) {
        lists = ARENA_ARRAY(&wait->arena, const int32_t *, wanted->assignments_count + 1);
        counts = ARENA_ARRAY(&wait->arena, int32_t, wanted->assignments_count + 1);
        for (int32_t i = 0; i < wanted->assignments_count; i++) {
            lists[i] = wanted->assignments[i].broker_ids;
            counts[i] = wanted->assignments[i].broker_ids_count;
        }
    }
    struct cluster_new_partitions partitions = {
        .topic = wanted->name,
        .count = wanted->count,
        .assignment = lists,
        .assignment_counts = counts,
        .assignment_count = MAX(wanted->assignments_count, 0),
        .validate_only = validate_only,
    };
    cluster_add_partitions(wait->broker->cluster, &partitions, admin_wait_item(wait, index));
}

void handle_create_partitions(struct broker *broker, struct request *request)
{
    const struct kafka_create_partitions_request *body = request->body;
    struct admin_wait *wait = admin_wait_create(request, body->topics_count, answer);
    int16_t refused = cluster_controller_error(broker->cluster);
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (refused == 0) {
            add(wait, i, body->validate_only);
        } else {
            admin_wait_set(wait, i, refused, NULL);
        }
    }
    admin_wait_go(wait, body->timeout_ms);
}
