/* offset_for_leader_epoch.c - where an epoch of leadership ended: consumers and followers find with
 * it where their logs and ours part (KIP-101, KIP-320). Sources:
 * ReplicaManager.lastOffsetForLeaderEpoch, Partition.lastOffsetForLeaderEpoch of 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"

static void answer_partition(struct request *request,
                             struct slice topic,
                             const struct kafka_offset_for_leader_epoch_request_partition *wanted,
                             struct kafka_offset_for_leader_epoch_response_partition *answer)
{
    int16_t error = 0;
    answer->partition = wanted->partition;
    answer->leader_epoch = -1;
    answer->end_offset = -1;
    const struct partition *partition = topics_leader(&request->broker->topics, topic,
                                                      wanted->partition, &error);
    if (error == 0 && wanted->current_leader_epoch != -1 &&
        wanted->current_leader_epoch < partition->leader_epoch) {
        error = KAFKA_ERROR_FENCED_LEADER_EPOCH;
    } else if (error == 0 && wanted->current_leader_epoch > partition->leader_epoch) {
        error = KAFKA_ERROR_UNKNOWN_LEADER_EPOCH;
    }
    answer->error_code = error;
    if (error == 0) {
        partition_log_end_of_epoch(partition->log, wanted->leader_epoch, &answer->leader_epoch,
                                   &answer->end_offset);
    }
}

void handle_offset_for_leader_epoch(struct broker *broker, struct request *request)
{
    const struct kafka_offset_for_leader_epoch_request *body = request->body;
    struct kafka_offset_for_leader_epoch_response response;
    (void)broker;
    codec_init(&kafka_offset_for_leader_epoch_response_message, &response);
    response.topics_count = body->topics_count;
    response.topics = ARENA_ARRAY(
        &request->arena, struct kafka_offset_for_leader_epoch_response_topic, body->topics_count);
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_offset_for_leader_epoch_request_topic *topic = &body->topics[i];
        struct kafka_offset_for_leader_epoch_response_topic *answer = &response.topics[i];
        answer->topic = topic->topic;
        answer->partitions_count = topic->partitions_count;
        answer->partitions = ARENA_ARRAY(&request->arena,
                                         struct kafka_offset_for_leader_epoch_response_partition,
                                         topic->partitions_count);
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            answer_partition(request, topic->topic, &topic->partitions[j], &answer->partitions[j]);
        }
    }
    request_reply(request, &response);
}
