/* describe_producers.c - the producers that a partition remembers (KIP-664).
 * Source: ReplicaManager.activeProducerState of 3.9.
 */
#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"

/* Of one partition; what is more is left out, with a message. */
#define PRODUCERS_MAX 100000

struct collect {
    struct kafka_describe_producers_response_active_producer *producers;
    int32_t count;
    int32_t room;
};

static void count_producer(void *ctx, const struct log_producer *producer)
{
    struct collect *collect = ctx;
    (void)producer;
    collect->room += collect->room < PRODUCERS_MAX;
}

static void add_producer(void *ctx, const struct log_producer *producer)
{
    struct collect *collect = ctx;
    if (collect->count == collect->room) {
        return;
    }
    struct kafka_describe_producers_response_active_producer *told =
        &collect->producers[collect->count++];
    told->producer_id = producer->producer_id;
    told->producer_epoch = producer->producer_epoch;
    told->last_sequence = producer->last_sequence;
    told->last_timestamp = producer->last_timestamp_ms;
    told->coordinator_epoch = producer->coordinator_epoch;
    told->current_txn_start_offset = producer->current_txn_start_offset;
}

static void fail(struct kafka_describe_producers_response_partition *answer, int16_t error)
{
    answer->error_code = error;
    answer->error_message = slice_of_cstr(kafka_error_text(error));
}

static void answer_partition(struct request *request,
                             struct slice topic,
                             int32_t index,
                             struct kafka_describe_producers_response_partition *answer)
{
    int16_t error = 0;
    answer->partition_index = index;
    answer->error_message = SLICE_NULL;
    struct errmsg message;
    answer->error_code = topics_check_name(topic, &message);
    if (answer->error_code != 0) {
        answer->error_message = arena_copy(&request->arena, slice_of_cstr(message.text));
        return;
    }
    if (topics_find(&request->broker->topics, topic) == NULL) {
        fail(answer, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    struct partition *partition = topics_leader(&request->broker->topics, topic, index, &error);
    answer->error_code = error;
    if (error != 0) {
        return;
    }
    struct collect collect = {0};
    partition_log_producers(partition->log, count_producer, &collect);
    size_t bytes = (size_t)collect.room * sizeof *collect.producers;
    if (bytes > arena_room(&request->arena) / 2) {
        answer->error_code = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        answer->error_message = SLICE_LIT("Too many producers for one answer");
        return;
    }
    collect.producers = ARENA_ARRAY(
        &request->arena, struct kafka_describe_producers_response_active_producer, collect.room);
    partition_log_producers(partition->log, add_producer, &collect);
    answer->active_producers = collect.producers;
    answer->active_producers_count = collect.count;
}

void handle_describe_producers(struct broker *broker, struct request *request)
{
    const struct kafka_describe_producers_request *body = request->body;
    struct kafka_describe_producers_response response;
    (void)broker;
    codec_init(&kafka_describe_producers_response_message, &response);
    response.topics_count = body->topics_count;
    response.topics = ARENA_ARRAY(&request->arena, struct kafka_describe_producers_response_topic,
                                  body->topics_count);
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_describe_producers_request_topic *topic = &body->topics[i];
        struct kafka_describe_producers_response_topic *answer = &response.topics[i];
        answer->name = topic->name;
        answer->partitions_count = topic->partition_indexes_count;
        answer->partitions = ARENA_ARRAY(&request->arena,
                                         struct kafka_describe_producers_response_partition,
                                         topic->partition_indexes_count);
        for (int32_t j = 0; j < topic->partition_indexes_count; j++) {
            answer_partition(request, topic->name, topic->partition_indexes[j],
                             &answer->partitions[j]);
        }
    }
    request_reply(request, &response);
}
