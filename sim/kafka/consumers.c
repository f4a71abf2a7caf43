/* consumers.c - consumers of a run: each reads every partition in turn, from the beginning on, and
 * judges what it is given. See kafka_world.h.
 */
#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"
#include "wire/record_batch.h"

#define FETCH_WAIT_MS 100
#define FETCH_BYTES 8192
#define SCRATCH_BYTES_MAX ((size_t)1 << 24)
#define EARLIEST (-2)

/* ---- what is read ---------------------------------------------------------------------------- */

static void take_record(struct consumer *consumer, const struct record *record)
{
    struct kafka_world *world = consumer->actor.world;
    int idx = consumer->partition;
    int64_t next = consumer->next[idx];
    if (record->offset < next || (idx != COMPACTED && record->offset != next)) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV16: partition %d gives offset %lld where %lld is next", idx,
                         (long long)record->offset, (long long)next);
        return;
    }
    if (record->value.len < 8) {
        kafka_world_fail(world, VERDICT_WRONG, "a value that nobody wrote");
        return;
    }
    uint64_t value = load_be64(record->value.ptr);
    ghost_read(world, idx, record->offset, value, record->timestamp_ms);
    if (idx == COMPACTED) {
        consumer->last_of[value % KEYS] = record->offset;
    }
    consumer->next[idx] = record->offset + 1;
}

/* I1: within a producer's epoch, a partition's batches follow each other without a gap. What was
 * compacted or deleted leaves some. */
static void check_sequence(struct consumer *consumer, const struct batch_view *view)
{
    int idx = consumer->partition;
    uint64_t jumps = idx == SHORT ? consumer->jumps & 0xffff : 0;
    uint64_t key = (uint64_t)view->producer_id << 24 | jumps << 8 | (uint64_t)idx;
    uint64_t expected;
    if (view->producer_id < 0 || idx == COMPACTED || view->base_offset < consumer->next[idx]) {
        return;
    }
    bool is_known = u64_map_get(&consumer->sequences, key, &expected);
    if (!is_known && consumer->first[idx] > 0) {
        expected = (uint64_t)view->base_sequence; /* what was before is deleted */
    } else if (!is_known) {
        expected = 0;
    }
    if ((uint64_t)view->base_sequence != expected) {
        kafka_world_fail(consumer->actor.world, VERDICT_WRONG,
                         "I1: producer %lld has sequence %d at offset %lld of partition %d, and "
                         "%llu was next",
                         (long long)view->producer_id, view->base_sequence,
                         (long long)view->base_offset, idx, (unsigned long long)expected);
    }
    u64_map_put(&consumer->sequences, key, (uint64_t)batch_last_sequence(view) + 1);
}

static void take_batches(struct consumer *consumer, struct slice bytes)
{
    struct kafka_world *world = consumer->actor.world;
    struct batch_view view;
    struct buffer scratch;
    buffer_init(&scratch, SCRATCH_BYTES_MAX);
    while (bytes.len > 0 && batch_view(bytes, &view, NULL) == 0 && world->verdict == VERDICT_OK) {
        struct record_iterator iterator;
        struct record record;
        if (batch_check_crc(&view) != 0 ||
            record_iterator_init(&iterator, &view, SCRATCH_BYTES_MAX, &scratch) != 0) {
            kafka_world_fail(world, VERDICT_WRONG, "a batch is damaged");
            break;
        }
        check_sequence(consumer, &view);
        while (record_iterator_next(&iterator, &record) == 0 && world->verdict == VERDICT_OK) {
            if (record.offset >= consumer->next[consumer->partition]) {
                take_record(consumer, &record);
            }
        }
        consumer->next[consumer->partition] = MAX(consumer->next[consumer->partition],
                                                  view.last_offset + 1);
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
    }
    buffer_release(&scratch);
}

static void judge_bounds(struct consumer *consumer,
                         const struct kafka_fetch_response_partition *answer)
{
    struct kafka_world *world = consumer->actor.world;
    int idx = consumer->partition;
    struct ghost_partition *known = &world->ghost.partitions[idx];
    if (answer->high_watermark < consumer->high_watermark[idx]) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV7: the high watermark of partition %d went back from %lld to %lld",
                         idx, (long long)consumer->high_watermark[idx],
                         (long long)answer->high_watermark);
    }
    if (answer->log_start_offset > answer->last_stable_offset ||
        answer->last_stable_offset > answer->high_watermark) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV8: partition %d starts at %lld, is stable to %lld, and its high "
                         "watermark is %lld",
                         idx, (long long)answer->log_start_offset,
                         (long long)answer->last_stable_offset, (long long)answer->high_watermark);
    }
    if (idx != SHORT && answer->log_start_offset != 0) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV15: partition %d, of which nobody deletes records, starts at %lld",
                         idx, (long long)answer->log_start_offset);
    }
    consumer->high_watermark[idx] = answer->high_watermark;
    known->high_watermark = MAX(known->high_watermark, answer->high_watermark);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void judge_error(struct consumer *consumer, int16_t error)
{
    struct kafka_world *world = consumer->actor.world;
    int idx = consumer->partition;
    if (error == KAFKA_ERROR_OFFSET_OUT_OF_RANGE && idx == SHORT) {
        consumer->needs_start = true;
        consumer->broker_generation = world->broker.generation;
    } else if (!error_passes(error)) {
        kafka_world_fail(world, VERDICT_WRONG, "consumer %d at offset %lld of partition %d: %s",
                         consumer->actor.idx, (long long)consumer->next[idx], idx,
                         kafka_error_name(error));
    }
}

static void judge_fetched(struct consumer *consumer,
                          const struct kafka_fetch_response_partition *answer)
{
    struct kafka_world *world = consumer->actor.world;
    int idx = consumer->partition;
    if (answer->error_code != 0) {
        judge_error(consumer, answer->error_code);
        return;
    }
    judge_bounds(consumer, answer);
    take_batches(consumer, answer->records);
    if (consumer->next[idx] > answer->high_watermark) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV8: partition %d gave offset %lld above its high watermark %lld", idx,
                         (long long)consumer->next[idx] - 1, (long long)answer->high_watermark);
    }
    /* A compacted log may end in nothing. */
    consumer->is_at_end[idx] = consumer->next[idx] >= answer->high_watermark ||
                               (idx == COMPACTED && answer->records.len == 0);
}

static bool has_read_all(const struct consumer *consumer)
{
    for (int i = 0; i < PARTITIONS; i++) {
        if (!consumer->is_at_end[i]) {
            return false;
        }
    }
    return true;
}

static void on_fetched(void *ctx, const struct kafka_reply *reply)
{
    struct consumer *consumer = ctx;
    const struct kafka_fetch_response *response = reply->response;
    consumer->actor.is_asking = false;
    bool is_stale = consumer->is_rewound;
    consumer->is_rewound = false;
    if (!is_stale && reply_is_there(consumer->actor.world, reply) && response->error_code == 0 &&
        response->responses_count == 1) {
        consumer->fetches += 1;
        judge_fetched(consumer, &response->responses[0].partitions[0]);
    }
    if (consumer->actor.world->producers_stop && has_read_all(consumer)) {
        actor_rest(&consumer->actor);
    } else {
        actor_think(&consumer->actor);
    }
}

static void fetch(struct consumer *consumer)
{
    struct kafka_world *world = consumer->actor.world;
    struct kafka_fetch_request request;
    struct kafka_fetch_request_topic topic;
    struct kafka_fetch_request_partition partition;
    codec_init(&kafka_fetch_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.partition = partition_index(consumer->partition);
    partition.current_leader_epoch = -1;
    partition.fetch_offset = consumer->next[consumer->partition];
    partition.last_fetched_epoch = -1;
    partition.log_start_offset = -1;
    partition.partition_max_bytes = FETCH_BYTES;
    topic.topic = partition_topic(consumer->partition);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.replica_id = -1;
    request.max_wait_ms = FETCH_WAIT_MS;
    request.min_bytes = 1;
    request.max_bytes = FETCH_BYTES;
    request.isolation_level = (int8_t)random_below(&world->random, 2);
    request.session_id = 0;
    request.session_epoch = -1;
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_LEADER,
                   .topic = topic.topic,
                   .partition = partition.partition},
        .request_message = &kafka_fetch_request_message,
        .response_message = &kafka_fetch_response_message,
        .request = &request,
        .min_version = 5,
        .max_version = 12,
        .done = on_fetched,
        .ctx = consumer,
    };
    actor_ask(&consumer->actor, &made);
}

/* ---- falling out of the front ---------------------------------------------------------------- */

static void judge_start(struct consumer *consumer, int64_t start)
{
    struct kafka_world *world = consumer->actor.world;
    int idx = consumer->partition;
    bool is_same_broker = consumer->broker_generation == world->broker.generation;
    if (is_same_broker && start <= consumer->next[idx]) {
        kafka_world_fail(world, VERDICT_WRONG,
                         "K-INV8: offset %lld of partition %d was out of range, and it starts at "
                         "%lld",
                         (long long)consumer->next[idx], idx, (long long)start);
    }
    kafka_mark(world, KAFKA_MARK_OUT_OF_RANGE);
    consumer->needs_start = false;
    if (start > consumer->next[idx]) {
        consumer->next[idx] = start;
        consumer->first[idx] = start;
        consumer->jumps += 1;
    }
}

static void on_start(void *ctx, const struct kafka_reply *reply)
{
    struct consumer *consumer = ctx;
    const struct kafka_list_offsets_response *response = reply->response;
    consumer->actor.is_asking = false;
    bool is_stale = consumer->is_rewound;
    consumer->is_rewound = false;
    if (!is_stale && reply_is_there(consumer->actor.world, reply)) {
        const struct kafka_list_offsets_response_partition *answer =
            &response->topics[0].partitions[0];
        if (answer->error_code == 0) {
            judge_start(consumer, answer->offset);
        } else if (!error_passes(answer->error_code)) {
            kafka_world_fail(consumer->actor.world, VERDICT_WRONG, "ListOffsets is told %s",
                             kafka_error_name(answer->error_code));
        }
    }
    actor_think(&consumer->actor);
}

static void ask_start(struct consumer *consumer)
{
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_request_topic topic;
    struct kafka_list_offsets_request_partition partition;
    codec_init(&kafka_list_offsets_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.partition_index = partition_index(consumer->partition);
    partition.current_leader_epoch = -1;
    partition.timestamp = EARLIEST;
    partition.max_num_offsets = 1;
    topic.name = partition_topic(consumer->partition);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.replica_id = -1;
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_LEADER,
                   .topic = topic.name,
                   .partition = partition.partition_index},
        .request_message = &kafka_list_offsets_request_message,
        .response_message = &kafka_list_offsets_response_message,
        .request = &request,
        .min_version = 1,
        .max_version = 8,
        .done = on_start,
        .ctx = consumer,
    };
    actor_ask(&consumer->actor, &made);
}

static void on_consumer_timer(struct runtime_timer *timer)
{
    struct consumer *consumer = CONTAINER_OF(timer, struct consumer, actor.timer);
    if (consumer->actor.is_asking) {
        return;
    }
    if (!consumer->actor.world->are_topics_made) {
        actor_think(&consumer->actor);
    } else if (consumer->needs_start) {
        ask_start(consumer);
    } else {
        consumer->partition = (consumer->partition + 1) % PARTITIONS;
        fetch(consumer);
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void consumer_rewind(struct consumer *consumer)
{
    consumer->is_rewound = consumer->actor.is_asking;
    consumer->needs_start = false;
    for (int i = 0; i < PARTITIONS; i++) {
        consumer->next[i] = 0;
        consumer->first[i] = 0;
        consumer->is_at_end[i] = false;
    }
    for (int key = 0; key < KEYS; key++) {
        consumer->last_of[key] = -1;
    }
    u64_map_release(&consumer->sequences);
    u64_map_init(&consumer->sequences);
}

void consumers_start(struct kafka_world *world)
{
    for (int i = 0; i < CONSUMERS; i++) {
        struct consumer *consumer = &world->consumers[i];
        u64_map_init(&consumer->sequences);
        consumer_rewind(consumer);
        actor_open(&consumer->actor, world, i, 0, on_consumer_timer);
    }
}

void consumers_release(struct kafka_world *world)
{
    for (int i = 0; i < CONSUMERS; i++) {
        kafka_client_release(world->consumers[i].actor.client);
        u64_map_release(&world->consumers[i].sequences);
    }
}
