/* produce.c - batches of a producer go to their partitions' logs, and the answer says where.
 *
 * All appends are made within the handler call, in place: the batches lie in the connection's
 * bytes, the log stamps offsets and epoch into them and writes them. Then, by acks:
 *
 *    0   no answer; an error closes the connection, which is the only way to tell
 *    1   the answer leaves at once, but for the only replica in sync, which answers as for -1: its
 *        clients expect to read what was acknowledged
 *   -1   the answer waits until every partition's high watermark has passed what was appended
 *        (which means: it is on disk, see partition.c), or the request's time is up
 *
 * The answer is built in the arena from the start, names included, since the frame ends with the
 * handler call; a partition that waits holds the rest of it by a count.
 *
 * Transactional batches are refused with INVALID_TXN_STATE: there is no coordinator yet that could
 * end what they begin. TODO(#5).
 *
 * Sources: KafkaApis.handleProduceRequest, ReplicaManager.appendRecords, DelayedProduce,
 * ProduceRequest.validateRecords of 3.9; reference 5.2, 5.9.
 */
#include <stdio.h>

#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"
#include "kafka/server/leader_hints.h"
#include "kafka/server/quotas.h"

#define NS_PER_MS UINT64_C(1000000)
#define VERSION_MAGIC_2 3
#define VERSION_ZSTD 7
#define VERSION_LEADER_HINTS 10
#define REPEATED_LOOK_MAX 64
#define BATCH_LENGTH_AT 8
#define BATCH_ATTRIBUTES_AT 21
#define BATCH_MAGIC_AT 16

/* A partition of the answer that is not on disk yet. */
struct produce_part {
    struct partition_waiter waiter;
    struct produce *produce;
    struct kafka_produce_response_partition *answer;
    int64_t end_offset; /* the high watermark must come here */
};

struct produce {
    struct request *request;
    struct kafka_produce_response response;
    struct runtime_timer timer;
    struct leader_hints hints;
    struct produce_part *parts; /* waiting ones; allocated with the first */
    int32_t part_max;
    int32_t part_count;
    int32_t left; /* that still wait */
    int64_t wall_ms;
    bool has_error;
};

/* ---- answering ------------------------------------------------------------------------------- */

static void produce_answer(struct produce *produce)
{
    struct request *request = produce->request;
    produce->response.throttle_time_ms = request->throttle_time_ms;
    produce->response.node_endpoints = produce->hints.endpoints;
    produce->response.node_endpoints_count = produce->hints.count;
    request_reply(request, &produce->response);
}

static void produce_finish(struct produce *produce)
{
    runtime_timer_stop(&produce->timer);
    produce->request->on_abort = NULL;
    produce_answer(produce);
}

static void part_end(struct produce_part *part, int16_t error)
{
    partition_wait_end(&part->waiter);
    part->answer->error_code = error;
    if (error != 0) {
        part->answer->base_offset = -1;
    }
    part->produce->left -= 1;
}

/* The partition moved: is it this part's turn? */
static void on_woken(struct partition_waiter *waiter, struct partition *partition)
{
    struct produce_part *part = CONTAINER_OF(waiter, struct produce_part, waiter);
    if (partition->is_offline) {
        part_end(part, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    } else if (!partition->is_leader) {
        part_end(part, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    } else if (partition->high_watermark >= part->end_offset) {
        part_end(part, 0);
    }
    if (part->produce->left == 0) {
        produce_finish(part->produce);
    }
}

static void end_all(struct produce *produce, int16_t error)
{
    for (int32_t i = 0; i < produce->part_count; i++) {
        /* A part that has ended is alone in its list. */
        if (!list_is_empty(&produce->parts[i].waiter.link)) {
            part_end(&produce->parts[i], error);
        }
    }
}

static void on_timeout(struct runtime_timer *timer)
{
    struct produce *produce = CONTAINER_OF(timer, struct produce, timer);
    end_all(produce, KAFKA_ERROR_REQUEST_TIMED_OUT);
    produce_finish(produce);
}

static void on_abort(struct request *request)
{
    struct produce *produce = request->handler_state;
    runtime_timer_stop(&produce->timer);
    end_all(produce, 0);
}

/* ---- appending ------------------------------------------------------------------------------- */

static void wait_for(struct produce *produce,
                     struct partition *partition,
                     struct kafka_produce_response_partition *answer,
                     int64_t end_offset)
{
    if (partition->high_watermark >= end_offset) {
        return;
    }
    if (produce->parts == NULL) {
        produce->parts = ARENA_ARRAY(&produce->request->arena, struct produce_part,
                                     (size_t)produce->part_max);
    }
    struct produce_part *part = &produce->parts[produce->part_count++];
    part->waiter.woken = on_woken;
    part->produce = produce;
    part->answer = answer;
    part->end_offset = end_offset;
    partition_wait(partition, &part->waiter);
    produce->left += 1;
}

static bool is_transactional(struct slice records)
{
    return records.len > BATCH_ATTRIBUTES_AT + 2 && records.ptr[BATCH_MAGIC_AT] == 2 &&
           (load_be16(records.ptr + BATCH_ATTRIBUTES_AT) & BATCH_ATTRIBUTE_TRANSACTIONAL) != 0;
}

/* What forbids the append before the log is asked; 0: nothing. */
static int16_t refusal(const struct produce *produce,
                       const struct kafka_produce_request *body,
                       const struct partition *partition,
                       struct slice records)
{
    const struct topic *topic = partition->topic;
    /* Clients have no business in the coordinators' topics, but for the one tool that says so. */
    if (topic->is_internal && !slice_equal_cstr(produce->request->client_id, "__admin_client")) {
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    if (is_transactional(records)) {
        return slice_is_null(body->transactional_id)
                   ? KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                   : KAFKA_ERROR_INVALID_TXN_STATE;
    }
    const struct topic_partition *state = &topic->partitions[partition->index];
    if (body->acks == -1 && state->isr_count < topic_partition_min_isr(state, &topic->config)) {
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    }
    return 0;
}

/* The log's words live until its next append. */
static void fill_record_errors(struct produce *produce,
                               const struct append_result *result,
                               struct kafka_produce_response_partition *answer)
{
    struct arena *arena = &produce->request->arena;
    if (result->error_message != NULL) {
        answer->error_message = arena_copy(arena, slice_of_cstr(result->error_message));
    }
    if (result->record_error_count == 0) {
        return;
    }
    struct kafka_produce_response_record_error *errors = ARENA_ARRAY(
        arena, struct kafka_produce_response_record_error, result->record_error_count);
    for (int32_t i = 0; i < result->record_error_count; i++) {
        errors[i].batch_index = result->record_errors[i].batch_index;
        errors[i].batch_index_error_message = arena_copy(
            arena, slice_of_cstr(result->record_errors[i].message));
    }
    answer->record_errors = errors;
    answer->record_errors_count = result->record_error_count;
}

/* From version 3 on a partition gets exactly one whole batch of magic 2. */
static bool is_no_batch(const struct request *request, struct slice records)
{
    return request->api_version >= VERSION_MAGIC_2 &&
           (records.len < BATCH_HEADER_BYTES || records.ptr[BATCH_MAGIC_AT] != 2 ||
            load_be32(records.ptr + BATCH_LENGTH_AT) != records.len - BATCH_LOG_OVERHEAD);
}

/* Apache tells the log's start with errors of records, and not with those that stop before them. */
static bool tells_log_start(const struct request *request, int16_t error, struct slice records)
{
    return error != KAFKA_ERROR_CORRUPT_MESSAGE && error != KAFKA_ERROR_MESSAGE_TOO_LARGE &&
           error != KAFKA_ERROR_RECORD_LIST_TOO_LARGE && error != KAFKA_ERROR_KAFKA_STORAGE_ERROR &&
           (error != KAFKA_ERROR_INVALID_RECORD || !is_no_batch(request, records));
}

static void fill_failure(struct produce *produce,
                         const struct append_result *result,
                         struct slice records,
                         struct kafka_produce_response_partition *answer)
{
    fill_record_errors(produce, result, answer);
    if (!tells_log_start(produce->request, result->error, records)) {
        answer->log_start_offset = -1;
    }
    if (result->error == KAFKA_ERROR_CORRUPT_MESSAGE && records.len > BATCH_MAGIC_AT &&
        records.ptr[BATCH_MAGIC_AT] > 2) {
        char text[64];
        int len = snprintf(text, sizeof text, "Invalid magic found in record: %d",
                           (int8_t)records.ptr[BATCH_MAGIC_AT]);
        answer->error_message = arena_copy(&produce->request->arena, slice_of(text, (size_t)len));
    }
}

static void fill_answer(struct produce *produce,
                        const struct append_result *result,
                        struct slice records,
                        struct kafka_produce_response_partition *answer)
{
    answer->error_code = result->error;
    answer->base_offset = result->error == 0 ? result->first_offset : -1;
    answer->log_append_time_ms = result->log_append_time_ms;
    answer->log_start_offset = result->log_start_offset;
    if (UNLIKELY(result->error != 0)) {
        fill_failure(produce, result, records, answer);
    }
}

/* The only replica in sync: what it acknowledges with acks=1 can be read at once in Apache's
 * broker, where the high watermark moves with the append. Here it moves with the flush. */
static bool waits_for_high_watermark(const struct kafka_produce_request *body,
                                     const struct partition *partition)
{
    return body->acks == -1 ||
           (body->acks == 1 && partition->topic->partitions[partition->index].isr_count == 1);
}

static int16_t append(struct produce *produce,
                      const struct kafka_produce_request *body,
                      struct slice topic,
                      const struct kafka_produce_request_partition *part,
                      struct kafka_produce_response_partition *answer)
{
    struct request *request = produce->request;
    int16_t error = 0;
    struct partition *partition = topics_leader(&request->broker->topics, topic, part->index,
                                                &error);
    if (error == 0) {
        error = refusal(produce, body, partition, part->records);
    }
    if (error != 0) {
        return error;
    }
    const struct append_request append = {
        .records = part->records,
        .origin = APPEND_CLIENT,
        .leader_epoch = partition->leader_epoch,
        .wall_ms = produce->wall_ms,
        .requires_magic_2 = request->api_version >= VERSION_MAGIC_2,
        .may_have_zstd = request->api_version >= VERSION_ZSTD,
        .may_wait = body->acks == 0 || waits_for_high_watermark(body, partition),
    };
    struct append_result result;
    partition_append(partition, &append, &result);
    fill_answer(produce, &result, part->records, answer);
    if (result.error == 0 && waits_for_high_watermark(body, partition)) {
        wait_for(produce, partition, answer, result.last_offset + 1);
    }
    return result.error;
}

static void part_init(struct kafka_produce_response_partition *answer, int32_t index)
{
    answer->index = index;
    answer->base_offset = -1;
    answer->log_append_time_ms = -1;
    answer->log_start_offset = -1;
    answer->current_leader.leader_id = -1;
    answer->current_leader.leader_epoch = -1;
}

static void count_traffic(struct broker *broker, struct slice name, int16_t error, size_t bytes)
{
    struct topic *topic = topics_find(&broker->topics, name);
    TRAFFIC_ADD(broker, topic, produce_requests, 1);
    if (error != 0) {
        TRAFFIC_ADD(broker, topic, failed_produce_requests, 1);
    }
    if (error == KAFKA_ERROR_MESSAGE_TOO_LARGE || error == KAFKA_ERROR_RECORD_LIST_TOO_LARGE) {
        TRAFFIC_ADD(broker, topic, bytes_rejected, bytes);
    }
}

static void append_part(struct produce *produce,
                        const struct kafka_produce_request *body,
                        struct slice topic,
                        const struct kafka_produce_request_partition *part,
                        struct kafka_produce_response_partition *answer)
{
    struct request *request = produce->request;
    part_init(answer, part->index);
    int16_t error = append(produce, body, topic, part, answer);
    count_traffic(request->broker, topic, error, part->records.len);
    answer->error_code = error;
    if (UNLIKELY(error != 0)) {
        produce->has_error = true;
        if (error == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER &&
            request->api_version >= VERSION_LEADER_HINTS) {
            leader_hints_add(&produce->hints, request, topic, part->index, &answer->current_leader);
        }
    }
}

/* Named twice, a partition counts once, with what came last: Apache's map. Looked for where it can
 * be a mistake; producers do not repeat themselves. */
static bool comes_again(const struct kafka_produce_request_topic *topic, int32_t index)
{
    if (topic->partition_data_count > REPEATED_LOOK_MAX) {
        return false;
    }
    for (int32_t i = index + 1; i < topic->partition_data_count; i++) {
        if (topic->partition_data[i].index == topic->partition_data[index].index) {
            return true;
        }
    }
    return false;
}

static void append_topic(struct produce *produce,
                         const struct kafka_produce_request *body,
                         const struct kafka_produce_request_topic *topic,
                         struct kafka_produce_response_topic *answer)
{
    struct arena *arena = &produce->request->arena;
    answer->name = arena_copy(arena, topic->name);
    answer->partition_responses_count = topic->partition_data_count;
    answer->partition_responses = ARENA_ARRAY(arena, struct kafka_produce_response_partition,
                                              topic->partition_data_count);
    answer->partition_responses_count = 0;
    for (int32_t i = 0; i < topic->partition_data_count; i++) {
        if (!comes_again(topic, i)) {
            append_part(produce, body, answer->name, &topic->partition_data[i],
                        &answer->partition_responses[answer->partition_responses_count++]);
        }
    }
}

/* Every partition of it fails in the same way. */
static void refuse_topic(struct produce *produce,
                         const struct kafka_produce_request_topic *topic,
                         struct kafka_produce_response_topic *answer,
                         int16_t error)
{
    answer->name = arena_copy(&produce->request->arena, topic->name);
    answer->partition_responses_count = topic->partition_data_count;
    answer->partition_responses = ARENA_ARRAY(&produce->request->arena,
                                              struct kafka_produce_response_partition,
                                              topic->partition_data_count);
    for (int32_t i = 0; i < topic->partition_data_count; i++) {
        part_init(&answer->partition_responses[i], topic->partition_data[i].index);
        answer->partition_responses[i].error_code = error;
    }
    produce->has_error = true;
}

/* ---- the handler ----------------------------------------------------------------------------- */

static void take_quota(struct broker *broker, struct request *request)
{
    if (!quota_table_is_empty(broker->quotas, QUOTA_PRODUCE)) {
        int32_t wait_ms = quota_record(broker->quotas, QUOTA_PRODUCE, request_principal(request),
                                       request->client_id, (double)request->frame.len,
                                       (int64_t)(runtime_now_ns(broker->runtime) / NS_PER_MS));
        request->throttle_time_ms = MAX(request->throttle_time_ms, wait_ms);
    }
}

static void produce_settle(struct produce *produce, const struct kafka_produce_request *body)
{
    struct request *request = produce->request;
    if (body->acks == 0) {
        if (produce->has_error) {
            request_close_connection(request, "a produce request with acks=0 has failed");
        } else {
            request_reply_none(request);
        }
        return;
    }
    if (produce->left == 0) {
        produce_answer(produce);
        return;
    }
    struct runtime *runtime = request->broker->runtime;
    request->handler_state = produce;
    request->on_abort = on_abort;
    runtime_timer_init(&produce->timer, runtime, on_timeout);
    runtime_timer_set(&produce->timer,
                      runtime_now_ns(runtime) + (uint64_t)MAX(body->timeout_ms, 0) * NS_PER_MS);
}

void handle_produce(struct broker *broker, struct request *request)
{
    const struct kafka_produce_request *body = request->body;
    struct produce *produce = ARENA_NEW(&request->arena, struct produce);
    produce->request = request;
    produce->wall_ms = runtime_wall_ms(broker->runtime);
    for (int32_t i = 0; i < body->topic_data_count; i++) {
        produce->part_max += body->topic_data[i].partition_data_count;
    }
    produce->response.responses = ARENA_ARRAY(&request->arena, struct kafka_produce_response_topic,
                                              body->topic_data_count);
    take_quota(broker, request);
    bool is_valid = body->acks >= -1 && body->acks <= 1;
    for (int32_t i = 0; i < body->topic_data_count; i++) {
        const struct kafka_produce_request_topic *topic = &body->topic_data[i];
        if (topic->partition_data_count == 0) {
            continue;
        }
        struct kafka_produce_response_topic *answer =
            &produce->response.responses[produce->response.responses_count++];
        if (is_valid) {
            append_topic(produce, body, topic, answer);
        } else {
            refuse_topic(produce, topic, answer, KAFKA_ERROR_INVALID_REQUIRED_ACKS);
        }
    }
    produce_settle(produce, body);
}
