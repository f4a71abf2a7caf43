/* reassignments.c - who leads and where replicas are, in a cluster of one: elections that nobody
 * needs, no reassignment under way, and none that could be begun.
 *
 * Source: KafkaController.alterPartitionReassignments, listPartitionReassignments, electLeaders of
 * 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/handlers.h"

/* ---- ListPartitionReassignments ----------------------------------------------------------------
 */

void handle_list_partition_reassignments(struct broker *broker, struct request *request)
{
    struct kafka_list_partition_reassignments_response response;
    codec_init(&kafka_list_partition_reassignments_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_message = SLICE_NULL;
    if (!cluster_is_controller(broker->cluster)) {
        response.error_code = KAFKA_ERROR_NOT_CONTROLLER;
    }
    request_reply(request, &response);
}

/* ---- AlterPartitionReassignments ---------------------------------------------------------------
 */

typedef struct kafka_alter_partition_reassignments_request_partition wanted_move;
typedef struct kafka_alter_partition_reassignments_response_partition move_result;

static void move(const struct broker *broker,
                 struct slice name,
                 const wanted_move *wanted,
                 move_result *out)
{
    const struct topic *topic = topics_find(&broker->topics, name);
    out->partition_index = wanted->partition_index;
    if (topic == NULL || topic->is_deleting || wanted->partition_index < 0 ||
        wanted->partition_index >= topic->partition_count) {
        out->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = SLICE_LIT("The partition does not exist.");
        return;
    }
    if (wanted->replicas_count < 0) {
        out->error_code = KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS;
        out->error_message = slice_of_cstr(
            kafka_error_text(KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS));
        return;
    }
    const struct topic_partition *partition = &topic->partitions[wanted->partition_index];
    bool is_same = wanted->replicas_count == partition->replica_count;
    for (int32_t i = 0; is_same && i < wanted->replicas_count; i++) {
        is_same = wanted->replicas[i] == partition->replicas[i];
    }
    if (!is_same) {
        out->error_code = KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        out->error_message = SLICE_LIT("this version serves a cluster of one broker: replicas "
                                       "cannot be moved");
    }
}

void handle_alter_partition_reassignments(struct broker *broker, struct request *request)
{
    const struct kafka_alter_partition_reassignments_request *body = request->body;
    struct kafka_alter_partition_reassignments_response response;
    codec_init(&kafka_alter_partition_reassignments_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_message = SLICE_NULL;
    if (!cluster_is_controller(broker->cluster)) {
        response.error_code = KAFKA_ERROR_NOT_CONTROLLER;
        request_reply(request, &response);
        return;
    }
    response.responses = ARENA_ARRAY(&request->arena,
                                     struct kafka_alter_partition_reassignments_response_topic,
                                     body->topics_count + 1);
    for (int32_t i = 0; i < body->topics_count; i++) {
        struct kafka_alter_partition_reassignments_response_topic *topic =
            &response.responses[response.responses_count++];
        codec_init(&kafka_alter_partition_reassignments_response_topic_message, topic);
        topic->name = body->topics[i].name;
        topic->partitions = ARENA_ARRAY(&request->arena, move_result,
                                        body->topics[i].partitions_count + 1);
        for (int32_t j = 0; j < body->topics[i].partitions_count; j++) {
            move_result *out = &topic->partitions[topic->partitions_count++];
            codec_init(&kafka_alter_partition_reassignments_response_partition_message, out);
            out->error_message = SLICE_NULL;
            move(broker, topic->name, &body->topics[i].partitions[j], out);
        }
    }
    request_reply(request, &response);
}

/* ---- ElectLeaders ------------------------------------------------------------------------------
 */

typedef struct kafka_elect_leaders_response_partition_result election_result;

static void elect(const struct broker *broker,
                  struct slice name,
                  int32_t number,
                  election_result *out)
{
    const struct topic *topic = topics_find(&broker->topics, name);
    out->partition_id = number;
    out->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    out->error_message = SLICE_LIT("The partition does not exist.");
    if (topic == NULL || topic->is_deleting || number < 0 || number >= topic->partition_count) {
        return;
    }
    bool has_leader = topics_broker(&broker->topics, topic->partitions[number].leader) != NULL;
    out->error_code = has_leader ? KAFKA_ERROR_ELECTION_NOT_NEEDED
                                 : KAFKA_ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE;
    out->error_message = has_leader ? SLICE_LIT("Leader election not needed for topic partition.")
                                    : slice_of_cstr(kafka_error_text(out->error_code));
}

void handle_elect_leaders(struct broker *broker, struct request *request)
{
    const struct kafka_elect_leaders_request *body = request->body;
    struct kafka_elect_leaders_response response;
    int32_t count = MAX(body->topic_partitions_count, 0);
    codec_init(&kafka_elect_leaders_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.replica_election_results = ARENA_ARRAY(
        &request->arena, struct kafka_elect_leaders_response_topic_result, count + 1);
    if (!cluster_is_controller(broker->cluster)) {
        response.error_code = KAFKA_ERROR_NOT_CONTROLLER;
    }
    /* All partitions: only those with an election or an error are told, and there are none. */
    for (int32_t i = 0; i < count; i++) {
        struct kafka_elect_leaders_response_topic_result *topic =
            &response.replica_election_results[response.replica_election_results_count++];
        codec_init(&kafka_elect_leaders_response_topic_result_message, topic);
        topic->topic = body->topic_partitions[i].topic;
        topic->partition_result = ARENA_ARRAY(&request->arena, election_result,
                                              body->topic_partitions[i].partitions_count + 1);
        for (int32_t j = 0; j < body->topic_partitions[i].partitions_count; j++) {
            election_result *out = &topic->partition_result[topic->partition_result_count++];
            codec_init(&kafka_elect_leaders_response_partition_result_message, out);
            elect(broker, topic->topic, body->topic_partitions[i].partitions[j], out);
        }
    }
    request_reply(request, &response);
}
