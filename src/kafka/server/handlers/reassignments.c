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
#include "runtime/log.h"

#define ID_LIST_BYTES_MAX 160u
#define BROKERS_SAID_MAX 64

/* Apache sends its ApiError's own words: for no error these are "" and not null. */
static struct slice error_words(int16_t error)
{
    return error == 0 ? SLICE_LIT("") : slice_of_cstr(kafka_error_text(error));
}

/* ---- ListPartitionReassignments ----------------------------------------------------------------
 */

void handle_list_partition_reassignments(struct broker *broker, struct request *request)
{
    struct kafka_list_partition_reassignments_response response;
    codec_init(&kafka_list_partition_reassignments_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_code = cluster_controller_error(broker->cluster);
    response.error_message = error_words(response.error_code);
    request_reply(request, &response);
}

/* ---- AlterPartitionReassignments ---------------------------------------------------------------
 */

typedef struct kafka_alter_partition_reassignments_request_partition wanted_move;
typedef struct kafka_alter_partition_reassignments_response_partition move_result;

static bool has_id(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* "1, 2", cut where it becomes too long to be read. */
static struct slice id_list(struct request *request, const int32_t *ids, int32_t count)
{
    struct buffer text;
    buffer_init(&text, ID_LIST_BYTES_MAX);
    topics_print_ids(&text, ids, count);
    struct slice kept = arena_copy(&request->arena, buffer_slice(&text));
    buffer_release(&text);
    return kept;
}

static struct slice say(struct request *request, const struct errmsg *message)
{
    return arena_copy(&request->arena, slice_of_cstr(message->text));
}

/* Replicas that the partition does not have yet must be on living brokers. */
static struct slice refuse_dead(struct request *request,
                                const struct topic_partition *partition,
                                const wanted_move *wanted)
{
    const struct topics *topics = &request->broker->topics;
    int32_t *adding = ARENA_ARRAY(&request->arena, int32_t, wanted->replicas_count + 1);
    int32_t count = 0;
    bool is_dead = false;
    for (int32_t i = 0; i < wanted->replicas_count; i++) {
        int32_t id = wanted->replicas[i];
        if (!has_id(partition->replicas, partition->replica_count, id)) {
            adding[count++] = id;
            is_dead |= topics_broker(topics, id) == NULL;
        }
    }
    if (!is_dead) {
        return SLICE_NULL;
    }
    int32_t live[BROKERS_SAID_MAX];
    int32_t live_count = 0;
    LIST_FOR_EACH(link, &topics->brokers)
    {
        if (live_count < BROKERS_SAID_MAX) {
            live[live_count++] = CONTAINER_OF(link, struct broker_info, link)->id;
        }
    }
    struct errmsg message;
    errmsg_set(&message, 0,
               "Replica assignment has brokers that are not alive. Replica list: "
               "ArrayBuffer(%.*s), live broker list: Set(%.*s)",
               LOG_SLICE(id_list(request, adding, count)),
               LOG_SLICE(id_list(request, live, live_count)));
    return say(request, &message);
}

/* KafkaController.validateReplicas. Null: the list is fine. */
static struct slice judge_replicas(struct request *request,
                                   const struct topic_partition *partition,
                                   const wanted_move *wanted)
{
    const int32_t *ids = wanted->replicas;
    int32_t count = wanted->replicas_count;
    bool is_negative = false;
    struct errmsg message;
    if (count == 0) {
        return SLICE_LIT("Empty replica list specified in partition reassignment.");
    }
    if (topics_ids_repeat(ids, count)) {
        errmsg_set(&message, 0,
                   "Duplicate replica ids in partition reassignment replica list: "
                   "ArrayBuffer(%.*s)",
                   LOG_SLICE(id_list(request, ids, count)));
        return say(request, &message);
    }
    for (int32_t i = 0; i < count; i++) {
        is_negative |= ids[i] < 0;
    }
    if (is_negative) {
        errmsg_set(&message, 0, "Invalid broker id in replica list: ArrayBuffer(%.*s)",
                   LOG_SLICE(id_list(request, ids, count)));
        return say(request, &message);
    }
    struct slice dead = refuse_dead(request, partition, wanted);
    bool is_same = count == partition->replica_count;
    for (int32_t i = 0; is_same && i < count; i++) {
        is_same = ids[i] == partition->replicas[i];
    }
    return !slice_is_null(dead) || is_same
               ? dead
               : SLICE_LIT("this version serves a cluster of one broker: replicas cannot be moved");
}

static void move(struct request *request,
                 struct slice name,
                 const wanted_move *wanted,
                 move_result *out)
{
    const struct topic *topic = topics_find(&request->broker->topics, name);
    out->partition_index = wanted->partition_index;
    if (topic == NULL || topic->is_deleting || wanted->partition_index < 0 ||
        wanted->partition_index >= topic->partition_count) {
        out->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = SLICE_LIT("The partition does not exist.");
        return;
    }
    if (wanted->replicas_count < 0) {
        out->error_code = KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS;
        out->error_message = error_words(out->error_code);
        return;
    }
    out->error_message = judge_replicas(request, &topic->partitions[wanted->partition_index],
                                        wanted);
    if (!slice_is_null(out->error_message)) {
        out->error_code = KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
    }
}

void handle_alter_partition_reassignments(struct broker *broker, struct request *request)
{
    const struct kafka_alter_partition_reassignments_request *body = request->body;
    struct kafka_alter_partition_reassignments_response response;
    codec_init(&kafka_alter_partition_reassignments_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_code = cluster_controller_error(broker->cluster);
    response.error_message = error_words(response.error_code);
    if (response.error_code != 0) {
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
            move(request, topic->name, &body->topics[i].partitions[j], out);
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
    response.error_code = cluster_controller_error(broker->cluster);
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
