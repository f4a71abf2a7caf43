/* kafka_offsets.c - see kafka_offsets.h.
 *
 * Offsets are asked for with one small request a partition, many at a time: the client finds each
 * leader, and one partition's trouble is its own.
 */
#include "cli/kafka/kafka_offsets.h"

#include <stdlib.h>

#include "runtime/uv/runtime_uv.h"

#define UNDER_WAY_MAX 1000

struct kafka_spot *kafka_spots_add(struct kafka_admin *admin,
                                   struct kafka_spots *spots,
                                   struct slice topic,
                                   int32_t partition)
{
    ASSERT(spots->count < KAFKA_SPOTS_MAX);
    if (spots->count == spots->cap) {
        int32_t cap = MAX(spots->cap * 2, 64);
        struct kafka_spot *items = ARENA_ARRAY(&admin->arena, struct kafka_spot, cap);
        if (spots->count > 0) {
            memcpy(items, spots->items, (size_t)spots->count * sizeof *items);
        }
        spots->items = items;
        spots->cap = cap;
    }
    struct kafka_spot *spot = &spots->items[spots->count++];
    *spot = (struct kafka_spot){
        .topic = topic,
        .partition = partition,
        .offset = -1,
        .timestamp = -1,
        .leader_epoch = -1,
    };
    return spot;
}

struct kafka_spot *kafka_spots_find(const struct kafka_spots *spots,
                                    struct slice topic,
                                    int32_t partition)
{
    for (int32_t i = 0; i < spots->count; i++) {
        if (spots->items[i].partition == partition && slice_equal(spots->items[i].topic, topic)) {
            return &spots->items[i];
        }
    }
    return NULL;
}

static int compare_spots(const void *a, const void *b)
{
    const struct kafka_spot *left = a;
    const struct kafka_spot *right = b;
    int order = slice_compare(left->topic, right->topic);
    return order != 0 ? order
                      : (left->partition > right->partition) - (left->partition < right->partition);
}

void kafka_spots_sort(struct kafka_spots *spots)
{
    if (spots->count > 1) {
        qsort(spots->items, (size_t)spots->count, sizeof spots->items[0], compare_spots);
    }
}

/* ---- asking leaders -------------------------------------------------------------------------- */

struct asking {
    int32_t under_way;
    int error;
    char cause[256];
};

struct question {
    struct asking *asking;
    struct kafka_spot *spot;
};

static const struct kafka_list_offsets_response_partition *only_partition(
    const struct kafka_list_offsets_response *response)
{
    bool is_sound = response->topics_count == 1 && response->topics[0].partitions_count == 1;
    return is_sound ? &response->topics[0].partitions[0] : NULL;
}

static int16_t offsets_error(const void *response, int16_t version)
{
    const struct kafka_list_offsets_response_partition *partition = only_partition(response);
    (void)version;
    return partition != NULL ? partition->error_code : 0;
}

static void on_offset(void *ctx, const struct kafka_reply *reply)
{
    struct question *question = ctx;
    struct asking *asking = question->asking;
    struct kafka_spot *spot = question->spot;
    asking->under_way -= 1;
    if (reply->error != 0) {
        asking->error = reply->error;
        snprintf(asking->cause, sizeof asking->cause, "%s", reply->message);
        return;
    }
    const struct kafka_list_offsets_response_partition *partition = only_partition(reply->response);
    if (partition == NULL) {
        spot->error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        return;
    }
    spot->error = partition->error_code;
    spot->offset = partition->offset;
    spot->timestamp = partition->timestamp;
    spot->leader_epoch = partition->leader_epoch;
}

static int ask_one(struct kafka_admin *admin, struct question *question, int8_t isolation_level)
{
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_request_topic topic;
    struct kafka_list_offsets_request_partition partition;
    const struct kafka_spot *spot = question->spot;
    codec_init(&kafka_list_offsets_request_message, &request);
    codec_init(&kafka_list_offsets_request_topic_message, &topic);
    codec_init(&kafka_list_offsets_request_partition_message, &partition);
    partition.partition_index = spot->partition;
    partition.timestamp = spot->timestamp;
    topic.name = spot->topic;
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.replica_id = -1;
    request.isolation_level = isolation_level;
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call call = {
        .target = {.kind = KAFKA_TARGET_LEADER, .topic = spot->topic, .partition = spot->partition},
        .request_message = &kafka_list_offsets_request_message,
        .response_message = &kafka_list_offsets_response_message,
        .request = &request,
        .min_version = (int16_t)(spot->timestamp == KAFKA_LIST_OFFSETS_MAX_TIMESTAMP  ? 7
                                 : spot->timestamp < KAFKA_LIST_OFFSETS_MAX_TIMESTAMP ? 8
                                                                                      : 1),
        .max_version = INT16_MAX,
        .error_of = offsets_error,
        .done = on_offset,
        .ctx = question,
    };
    return kafka_client_call(admin->client, &call);
}

int kafka_spots_ask(struct kafka_admin *admin, struct kafka_spots *spots, int8_t isolation_level)
{
    struct asking asking = {0};
    int error = 0;
    struct question *questions = ARENA_ARRAY(&admin->arena, struct question,
                                             (size_t)spots->count + 1);
    for (int32_t i = 0; i < spots->count && error == 0; i++) {
        questions[i] = (struct question){&asking, &spots->items[i]};
        error = ask_one(admin, &questions[i], isolation_level);
        asking.under_way += error == 0;
        while (asking.under_way >= UNDER_WAY_MAX) {
            runtime_turn(admin->runtime, -1);
        }
    }
    while (asking.under_way > 0) {
        runtime_turn(admin->runtime, -1);
    }
    error = error != 0 ? error : asking.error;
    if (error == ERR_UNSUPPORTED) {
        kafka_admin_error(admin, "org.apache.kafka.common.errors.UnsupportedVersionException", "%s",
                          asking.cause);
    } else if (error != 0) {
        kafka_admin_error(admin, "org.apache.kafka.common.errors.TimeoutException",
                          "Timed out waiting for a node assignment. Call: listOffsets");
    }
    return error != 0 ? ERR_INVALID : 0;
}

int kafka_spots_at(struct kafka_admin *admin,
                   const struct kafka_spots *spots,
                   int64_t timestamp,
                   struct kafka_spots *found)
{
    *found = (struct kafka_spots){0};
    for (int32_t i = 0; i < spots->count; i++) {
        kafka_spots_add(admin, found, spots->items[i].topic, spots->items[i].partition)->timestamp =
            timestamp;
    }
    int error = kafka_spots_ask(admin, found, KAFKA_ISOLATION_READ_UNCOMMITTED);
    for (int32_t i = 0; i < found->count && error == 0; i++) {
        if (found->items[i].error != 0) {
            error = kafka_admin_kafka_error(admin, found->items[i].error, SLICE_NULL);
        }
    }
    return error;
}

int kafka_spots_add_topics(struct kafka_admin *admin,
                           struct kafka_spots *spots,
                           const struct slice *topics,
                           int32_t count)
{
    if (count == 0) {
        return 0;
    }
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "describeTopics",
                                                                          topics, count);
    for (int32_t i = 0; metadata != NULL && i < metadata->topics_count; i++) {
        const struct kafka_metadata_response_topic *topic = &metadata->topics[i];
        if (topic->error_code != 0) {
            return kafka_admin_kafka_error(admin, topic->error_code, SLICE_NULL);
        }
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            kafka_spots_add(admin, spots, topic->name, topic->partitions[k].partition_index);
        }
    }
    return metadata == NULL ? ERR_INVALID : 0;
}
