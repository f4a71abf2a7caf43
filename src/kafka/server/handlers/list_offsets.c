/* list_offsets.c - offsets by time, and the ends of a log.
 *
 * Timestamp -1 is the end for this reader (high watermark, or last stable offset), -2 the start, -3
 * the record with the greatest time, -4 the start of what is local (the same without tiers), -5 the
 * end of what is in another tier (none). Any other: the first record at or after that time which
 * the reader may see. While a new leader's high watermark is below the start of its epoch, an end
 * would go backwards: OFFSET_NOT_AVAILABLE (KIP-207).
 *
 * Indexes and records that a look-up by time would have to fetch from the disk are read by a worker
 * first (warm.h).
 *
 * Sources: KafkaApis.handleListOffsetRequest, Partition.fetchOffsetForTimestamp of 3.9;
 * reference 5.4.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/warm.h"

#define VERSION_SINGLE 1
#define VERSION_LEADER_EPOCH 4
#define VERSION_NOT_AVAILABLE 5
#define VERSION_MAX_TIMESTAMP 7
#define VERSION_EARLIEST_LOCAL 8
#define VERSION_LATEST_TIERED 9
#define WARM_ROUNDS_MAX 64 /* of WARM_RANGES_MAX segments each */
#define OLD_STYLE_MAX 2    /* the end and the start: enough for clients of that age */

typedef struct kafka_list_offsets_request_partition wanted_partition;
typedef struct kafka_list_offsets_response_partition answered_partition;

struct lookup {
    struct request *request;
    const struct kafka_list_offsets_request *body;
    struct partition *partition;
    int64_t limit; /* what this reader may see */
};

static bool is_known_timestamp(int64_t timestamp, int16_t version)
{
    switch (timestamp) {
    case KAFKA_LIST_OFFSETS_MAX_TIMESTAMP:
        return version >= VERSION_MAX_TIMESTAMP;
    case KAFKA_LIST_OFFSETS_EARLIEST_LOCAL:
        return version >= VERSION_EARLIEST_LOCAL;
    case KAFKA_LIST_OFFSETS_LATEST_TIERED:
        return version >= VERSION_LATEST_TIERED;
    default:
        return timestamp >= KAFKA_LIST_OFFSETS_EARLIEST;
    }
}

static int16_t find_partition(struct lookup *lookup,
                              struct slice topic,
                              const wanted_partition *wanted)
{
    int16_t error = 0;
    lookup->partition = topics_leader(&lookup->request->broker->topics, topic,
                                      wanted->partition_index, &error);
    if (error != 0) {
        return error;
    }
    if (wanted->current_leader_epoch != -1 &&
        wanted->current_leader_epoch < lookup->partition->leader_epoch) {
        return KAFKA_ERROR_FENCED_LEADER_EPOCH;
    }
    if (wanted->current_leader_epoch > lookup->partition->leader_epoch) {
        return KAFKA_ERROR_UNKNOWN_LEADER_EPOCH;
    }
    bool read_committed = lookup->body->isolation_level == KAFKA_ISOLATION_READ_COMMITTED;
    lookup->limit = lookup->body->replica_id >= 0
                        ? partition_log_end_offset(lookup->partition->log)
                        : partition_read_limit(lookup->partition, read_committed);
    return 0;
}

static int16_t find_by_time(const struct lookup *lookup,
                            int64_t timestamp,
                            answered_partition *answer)
{
    struct log_offset_time found = {-1, -1, -1};
    struct partition_log *log = lookup->partition->log;
    int error = timestamp == KAFKA_LIST_OFFSETS_MAX_TIMESTAMP
                    ? partition_log_max_time(log, &found)
                    : partition_log_find_time(log, timestamp, &found);
    if (error != 0) {
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    }
    /* What the reader may not see yet is not there for it. */
    if (found.offset >= 0 && found.offset < lookup->limit) {
        answer->offset = found.offset;
        answer->timestamp = found.timestamp_ms;
        answer->leader_epoch = found.leader_epoch;
    }
    return 0;
}

static int16_t find_offset(const struct lookup *lookup,
                           int64_t timestamp,
                           answered_partition *answer)
{
    const struct partition *partition = lookup->partition;
    int64_t start = partition_log_start_offset(partition->log);
    if (timestamp == KAFKA_LIST_OFFSETS_EARLIEST ||
        timestamp == KAFKA_LIST_OFFSETS_EARLIEST_LOCAL) {
        answer->offset = start;
        answer->leader_epoch = partition_log_epoch_of(partition->log, start);
        return 0;
    }
    if (timestamp == KAFKA_LIST_OFFSETS_LATEST_TIERED) {
        return 0;
    }
    if (lookup->body->replica_id < 0 && lookup->limit < partition->leader_epoch_start &&
        partition->high_watermark < partition->leader_epoch_start) {
        return lookup->request->api_version >= VERSION_NOT_AVAILABLE
                   ? KAFKA_ERROR_OFFSET_NOT_AVAILABLE
                   : KAFKA_ERROR_LEADER_NOT_AVAILABLE;
    }
    if (timestamp == KAFKA_LIST_OFFSETS_LATEST) {
        answer->offset = lookup->limit;
        answer->leader_epoch = partition->leader_epoch;
        return 0;
    }
    return find_by_time(lookup, timestamp, answer);
}

/* Version 0 asks for the beginnings of what was written up to a time, greatest first, with the end
 * as the last beginning. Apache goes by the times of files; here all of it counts as written now.
 */
static int16_t find_old_style(const struct lookup *lookup,
                              const wanted_partition *wanted,
                              answered_partition *answer)
{
    int64_t start = partition_log_start_offset(lookup->partition->log);
    bool wants_end = wanted->timestamp == KAFKA_LIST_OFFSETS_LATEST ||
                     wanted->timestamp >= runtime_wall_ms(lookup->request->broker->runtime);
    bool wants_start = wants_end || wanted->timestamp == KAFKA_LIST_OFFSETS_EARLIEST;
    if (wanted->max_num_offsets < 0) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    int64_t *offsets = ARENA_ARRAY(&lookup->request->arena, int64_t, OLD_STYLE_MAX);
    int32_t count = 0;
    if (wants_end && lookup->limit > start && wanted->max_num_offsets > 0) {
        offsets[count++] = lookup->limit;
    }
    if (wants_start && count < wanted->max_num_offsets) {
        offsets[count++] = start;
    }
    answer->old_style_offsets = offsets;
    answer->old_style_offsets_count = count;
    return 0;
}

/* Asked for twice in one topic, a partition is answered with INVALID_REQUEST both times. Looked for
 * where a client can have meant it; nobody asks for hundreds by mistake. */
#define REPEATED_LOOK_MAX 256

static bool is_repeated(const struct kafka_list_offsets_request_topic *topic, int32_t index)
{
    if (topic->partitions_count > REPEATED_LOOK_MAX) {
        return false;
    }
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        if (i != index &&
            topic->partitions[i].partition_index == topic->partitions[index].partition_index) {
            return true;
        }
    }
    return false;
}

static void answer_partition(struct lookup *lookup,
                             struct slice topic,
                             const wanted_partition *wanted,
                             answered_partition *answer)
{
    int16_t version = lookup->request->api_version;
    answer->partition_index = wanted->partition_index;
    answer->offset = -1;
    answer->timestamp = -1;
    answer->leader_epoch = -1;
    int16_t error = is_known_timestamp(wanted->timestamp, version)
                        ? find_partition(lookup, topic, wanted)
                        : KAFKA_ERROR_UNSUPPORTED_VERSION;
    if (error == 0) {
        error = version < VERSION_SINGLE ? find_old_style(lookup, wanted, answer)
                                         : find_offset(lookup, wanted->timestamp, answer);
    }
    if (version < VERSION_LEADER_EPOCH) {
        answer->leader_epoch = -1;
    }
    answer->error_code = error;
}

/* ---- what is cold ------------------------------------------------------------------------------
 */

struct listing {
    struct request *request;
    struct warming *warming;
    int32_t warm_rounds;
};

static bool is_by_time(const struct request *request, const wanted_partition *wanted)
{
    return request->api_version >= VERSION_SINGLE &&
           is_known_timestamp(wanted->timestamp, request->api_version) &&
           (wanted->timestamp >= 0 || wanted->timestamp == KAFKA_LIST_OFFSETS_MAX_TIMESTAMP);
}

static void find_cold(struct request *request,
                      struct slice topic,
                      const wanted_partition *wanted,
                      struct warming *warming)
{
    struct lookup lookup = {.request = request, .body = request->body};
    if (!is_by_time(request, wanted) || find_partition(&lookup, topic, wanted) != 0) {
        return;
    }
    int64_t timestamp = wanted->timestamp < 0 ? INT64_MAX : wanted->timestamp;
    warming->count += partition_log_find_cold_times(lookup.partition->log, timestamp,
                                                    warming->colds + warming->count,
                                                    WARM_RANGES_MAX - warming->count);
}

static bool asks_by_time(const struct request *request)
{
    const struct kafka_list_offsets_request *body = request->body;
    for (int32_t i = 0; i < body->topics_count; i++) {
        for (int32_t j = 0; j < body->topics[i].partitions_count; j++) {
            if (is_by_time(request, &body->topics[i].partitions[j])) {
                return true;
            }
        }
    }
    return false;
}

static void answer_when_warm(void *ctx);

static void on_abort(struct request *request)
{
    struct listing *listing = request->handler_state;
    warming_forget(listing->warming);
}

/* False: everything is in memory. */
static bool warm(struct listing *listing)
{
    struct request *request = listing->request;
    const struct kafka_list_offsets_request *body = request->body;
    if (listing->warm_rounds == WARM_ROUNDS_MAX) {
        return false;
    }
    struct warming *warming = warming_new();
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_list_offsets_request_topic *topic = &body->topics[i];
        for (int32_t j = 0; j < topic->partitions_count && warming->count < WARM_RANGES_MAX; j++) {
            find_cold(request, topic->name, &topic->partitions[j], warming);
        }
    }
    listing->warm_rounds += 1;
    listing->warming = warming_start(warming, request->broker, answer_when_warm, listing);
    request->handler_state = listing;
    request->on_abort = listing->warming == NULL ? NULL : on_abort;
    return listing->warming != NULL;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void answer_all(struct request *request)
{
    const struct kafka_list_offsets_request *body = request->body;
    struct kafka_list_offsets_response response;
    struct lookup lookup = {.request = request, .body = body};
    codec_init(&kafka_list_offsets_response_message, &response);
    response.topics_count = body->topics_count;
    response.topics = ARENA_ARRAY(&request->arena, struct kafka_list_offsets_response_topic,
                                  body->topics_count);
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_list_offsets_request_topic *topic = &body->topics[i];
        struct kafka_list_offsets_response_topic *answer = &response.topics[i];
        answer->name = topic->name;
        answer->partitions_count = topic->partitions_count;
        answer->partitions = ARENA_ARRAY(&request->arena, answered_partition,
                                         topic->partitions_count);
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            answer_partition(&lookup, topic->name, &topic->partitions[j], &answer->partitions[j]);
            if (request->api_version >= VERSION_SINGLE && is_repeated(topic, j)) {
                answer->partitions[j].error_code = KAFKA_ERROR_INVALID_REQUEST;
                answer->partitions[j].offset = -1;
                answer->partitions[j].timestamp = -1;
                answer->partitions[j].leader_epoch = -1;
            }
        }
    }
    request_reply(request, &response);
}

static void answer_when_warm(void *ctx)
{
    struct listing *listing = ctx;
    if (!warm(listing)) {
        answer_all(listing->request);
    }
}

void handle_list_offsets(struct broker *broker, struct request *request)
{
    (void)broker;
    if (!asks_by_time(request)) {
        answer_all(request);
        return;
    }
    struct listing *listing = ARENA_NEW(&request->arena, struct listing);
    listing->request = request;
    answer_when_warm(listing);
}
