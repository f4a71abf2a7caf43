/* delete_records.c - moves the start of logs forward (KIP-107).
 *
 * Offset -1 is the high watermark. What compaction keeps may not be deleted so (POLICY_VIOLATION),
 * nor what the coordinators wrote. With one replica the low watermark is the log's own start, so
 * nothing is waited for. Sources: ReplicaManager.deleteRecords, Partition.deleteRecordsOnLeader
 * of 3.9.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/core/topic_name.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"

#define OFFSET_HIGH_WATERMARK (-1)

static int16_t delete_before(struct request *request,
                             struct slice topic,
                             const struct kafka_delete_records_request_partition *wanted,
                             int64_t *low_watermark)
{
    int16_t error = 0;
    if (topic_name_is_internal(topic)) {
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    struct partition *partition = topics_leader(&request->broker->topics, topic,
                                                wanted->partition_index, &error);
    if (error != 0) {
        return error;
    }
    if ((partition->topic->config.cleanup_policy & CLEANUP_DELETE) == 0) {
        return KAFKA_ERROR_POLICY_VIOLATION;
    }
    int64_t offset = wanted->offset == OFFSET_HIGH_WATERMARK ? partition->high_watermark
                                                             : wanted->offset;
    if (offset < 0 || offset > partition->high_watermark) {
        return KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    }
    if (offset > partition_log_start_offset(partition->log)) {
        int failure = partition_log_delete_before(partition->log, offset);
        if (failure != 0) {
            log_store_fail_dir(partition->dir, failure, "deleting of records");
            return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        }
        partition_changed(partition);
        if (partition_log_has_doomed(partition->log)) {
            partition_want_flush(partition);
        }
    }
    *low_watermark = partition_log_start_offset(partition->log);
    return 0;
}

void handle_delete_records(struct broker *broker, struct request *request)
{
    const struct kafka_delete_records_request *body = request->body;
    struct kafka_delete_records_response response;
    (void)broker;
    codec_init(&kafka_delete_records_response_message, &response);
    response.topics = ARENA_ARRAY(&request->arena, struct kafka_delete_records_response_topic,
                                  body->topics_count);
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_delete_records_request_topic *topic = &body->topics[i];
        if (topic->partitions_count == 0) {
            continue;
        }
        struct kafka_delete_records_response_topic *answer =
            &response.topics[response.topics_count++];
        answer->name = topic->name;
        answer->partitions_count = topic->partitions_count;
        answer->partitions = ARENA_ARRAY(&request->arena,
                                         struct kafka_delete_records_response_partition,
                                         topic->partitions_count);
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            answer->partitions[j].partition_index = topic->partitions[j].partition_index;
            answer->partitions[j].low_watermark = -1;
            answer->partitions[j].error_code = delete_before(
                request, topic->name, &topic->partitions[j], &answer->partitions[j].low_watermark);
        }
    }
    request_reply(request, &response);
}
