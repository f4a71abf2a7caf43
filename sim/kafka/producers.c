/* producers.c - producers of a run: one with a batch at a time and any acks, and idempotent ones
 * with up to five in flight, as librdkafka and the Java client do it. See kafka_world.h.
 *
 * When a batch of the window fails, nothing new is sent until all that is in flight has come back;
 * then everything that is not acknowledged is sent again, in order. So the first batch of a
 * partition always has the sequence that the broker expects, or one that it has already: it must
 * never be refused for its sequence.
 *
 * It is so, too, that a broker takes any sequence of a producer that it does not know (KIP-360):
 * until the first acknowledgement of a partition there is one batch in flight to it, or a second
 * one could be taken without the first.
 *
 * And but for one case, which is Apache's, too: the snapshot of producers that a log keeps has each
 * one's last batch only. A broker that restarts, knows no more of what was before it, and refuses
 * to hear again of an earlier one of five in flight (OUT_OF_ORDER_SEQUENCE_NUMBER). Nothing is lost
 * or twice there; the producer does not know which, and begins anew with another id.
 */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"
#include "wire/record_batch.h"

#define SCRATCH_BYTES_MAX ((size_t)1 << 24)
#define BACKDATED_MAX_MS 3000
#define NEW_ID_ONCE_IN 60

/* ---- producer ids ---------------------------------------------------------------------------- */

static void on_producer_id(void *ctx, const struct kafka_reply *reply)
{
    struct producer *producer = ctx;
    const struct kafka_init_producer_id_response *response = reply->response;
    producer->is_asking_id = false;
    if (!reply_is_there(producer->actor.world, reply) || response->error_code != 0) {
        sim_trace("producer %d gets no id: %s %s", producer->actor.idx, reply->message,
                  reply->error != 0 ? "" : kafka_error_name(response->error_code));
    } else {
        ghost_producer_id(producer->actor.world, response->producer_id);
        producer->producer_id = response->producer_id;
        producer->producer_epoch = response->producer_epoch;
        memset(producer->next_sequence, 0, sizeof producer->next_sequence);
        memset(producer->is_established, 0, sizeof producer->is_established);
    }
    actor_think(&producer->actor);
}

static void ask_producer_id(struct producer *producer)
{
    struct kafka_init_producer_id_request request;
    codec_init(&kafka_init_producer_id_request_message, &request);
    request.transactional_id = SLICE_NULL;
    request.transaction_timeout_ms = 60000;
    request.producer_id = -1;
    request.producer_epoch = -1;
    struct kafka_call made = {
        .request_message = &kafka_init_producer_id_request_message,
        .response_message = &kafka_init_producer_id_response_message,
        .request = &request,
        .done = on_producer_id,
        .ctx = producer,
    };
    producer->is_asking_id = true;
    actor_ask(&producer->actor, &made);
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool is_sequence_error(int16_t error)
{
    return error == KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER ||
           error == KAFKA_ERROR_UNKNOWN_PRODUCER_ID || error == KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
}

/* What an idempotent producer may be told of a batch that it goes on sending. */
static void judge_produce_error(struct producer_batch *batch, int16_t error)
{
    struct producer *producer = batch->producer;
    struct kafka_world *world = producer->actor.world;
    producer->failed += 1;
    producer->is_draining = true;
    if (!producer->is_idempotent) {
        batch->is_done = true;
    } else if (is_sequence_error(error)) {
        bool is_same_broker = batch->broker_then == world->broker.generation;
        kafka_mark(world, KAFKA_MARK_OUT_OF_ORDER);
        if (batch->is_head && !is_same_broker) {
            kafka_mark(world, KAFKA_MARK_SEQUENCE_LOST);
            producer->gives_up = true;
        }
        if ((batch->is_head && is_same_broker) ||
            error != KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER) {
            kafka_world_fail(world, VERDICT_WRONG,
                             "I1: producer %d, with sequence %d of partition %d, is told %s",
                             producer->actor.idx, batch->base_sequence, batch->partition,
                             kafka_error_name(error));
        }
        return;
    }
    if (error != 0 && !error_passes(error)) {
        kafka_world_fail(world, VERDICT_WRONG, "producer %d is told %s", producer->actor.idx,
                         kafka_error_name(error));
    }
}

static void judge_produced(struct producer_batch *batch, int64_t base_offset)
{
    struct producer *producer = batch->producer;
    struct kafka_world *world = producer->actor.world;
    const struct ghost_partition *known = &world->ghost.partitions[batch->partition];
    if (batch->attempts > 1 && base_offset >= 0 && (size_t)base_offset < known->count &&
        known->values[base_offset] == batch->values[0]) {
        kafka_mark(world, KAFKA_MARK_DUPLICATE);
    }
    if (batch->acks == -1) {
        ghost_ack(world, batch->partition, base_offset, batch->values, batch->count);
    }
    sim_trace("producer %d: offset %lld of partition %d", producer->actor.idx,
              (long long)base_offset, batch->partition);
    if (machine_has_offline_dir(&world->broker)) {
        kafka_mark(world, KAFKA_MARK_DIR_SERVED_ON);
    }
    batch->is_done = true;
    producer->is_established[batch->partition] = true;
    producer->batches += 1;
}

static void on_produced(void *ctx, const struct kafka_reply *reply)
{
    struct producer_batch *batch = ctx;
    const struct kafka_produce_response *response = reply->response;
    batch->is_sent = false;
    if (!reply_is_there(batch->producer->actor.world, reply)) {
        judge_produce_error(batch, 0);
    } else {
        const struct kafka_produce_response_partition *answer =
            &response->responses[0].partition_responses[0];
        if (answer->error_code != 0) {
            judge_produce_error(batch, answer->error_code);
        } else {
            judge_produced(batch, answer->base_offset);
        }
    }
    actor_think(&batch->producer->actor);
}

/* ---- making and sending ---------------------------------------------------------------------- */

static void add_record(struct producer_batch *batch, struct batch_builder *builder, int i)
{
    struct kafka_world *world = batch->producer->actor.world;
    char key[16];
    uint8_t value[64] = {0};
    batch->values[i] = ++world->next_value;
    int len = snprintf(key, sizeof key, "k%d", (int)(batch->values[i] % KEYS));
    store_be64(value, batch->values[i]);
    /* Producers' clocks do not agree: times do not ascend, neither in a batch nor from one to the
     * next. */
    int64_t late_ms = (int64_t)random_below(&world->random, BACKDATED_MAX_MS);
    size_t size = 8 + random_below(&world->random, sizeof value - 7);
    batch_builder_add(builder, i, runtime_wall_ms(world->clients) - late_ms,
                      slice_of(key, (size_t)len), slice_of(value, size), SLICE_NULL, 0);
}

static void make_batch(struct producer *producer, struct producer_batch *batch, int partition)
{
    struct kafka_world *world = producer->actor.world;
    struct batch_build build;
    struct batch_builder builder;
    batch_build_defaults(&build);
    batch->producer = producer;
    batch->is_sent = false;
    batch->is_done = false;
    batch->attempts = 0;
    batch->partition = partition;
    batch->count = 1 + (int)random_below(&world->random, BATCH_RECORDS_MAX);
    batch->acks = producer->is_idempotent || !random_once_in(&world->random, 4) ? -1 : 1;
    batch->base_sequence = producer->next_sequence[batch->partition];
    if (producer->is_idempotent) {
        build.producer_id = producer->producer_id;
        build.producer_epoch = producer->producer_epoch;
        build.base_sequence = batch->base_sequence;
        producer->next_sequence[batch->partition] += batch->count;
    }
    build.codec = (int)random_below(&world->random, 5);
    buffer_clear(&batch->bytes, SCRATCH_BYTES_MAX);
    batch_builder_init(&builder, &build, &batch->bytes);
    for (int i = 0; i < batch->count; i++) {
        add_record(batch, &builder, i);
    }
    if (batch_builder_finish(&builder, batch->count - 1) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "a batch cannot be built");
    }
}

static void send_batch(struct producer_batch *batch)
{
    struct producer *producer = batch->producer;
    struct kafka_produce_request request;
    struct kafka_produce_request_topic topic;
    struct kafka_produce_request_partition partition;
    codec_init(&kafka_produce_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.index = partition_index(batch->partition);
    partition.records = buffer_slice(&batch->bytes);
    topic.name = partition_topic(batch->partition);
    topic.partition_data = &partition;
    topic.partition_data_count = 1;
    request.acks = batch->acks;
    request.timeout_ms = 2000;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_LEADER, .topic = topic.name, .partition = partition.index},
        .request_message = &kafka_produce_request_message,
        .response_message = &kafka_produce_response_message,
        .request = &request,
        .min_version = 3,
        .max_version = 11,
        .is_once = true, /* the window sends again, in order */
        .done = on_produced,
        .ctx = batch,
    };
    sim_trace(
        "producer %d sends values from %llu, %d of them, acks %d, sequence %d, to partition %d",
        producer->actor.idx, (unsigned long long)batch->values[0], batch->count, batch->acks,
        batch->base_sequence, batch->partition);
    batch->is_sent = true;
    if (batch->attempts == 0) {
        batch->broker_then = producer->actor.world->broker.generation;
    }
    batch->attempts += 1;
    actor_ask(&producer->actor, &made);
}

/* ---- the window ------------------------------------------------------------------------------ */

static int in_flight(const struct producer *producer)
{
    int count = 0;
    for (int i = 0; i < producer->window_count; i++) {
        count += producer->window[i].is_sent;
    }
    return count;
}

/* What is done leaves the window; the others keep their order. The places keep their buffers. */
static void drop_done(struct producer *producer)
{
    int kept = 0;
    for (int i = 0; i < producer->window_count; i++) {
        if (producer->window[i].is_done) {
            continue;
        }
        if (kept != i) {
            struct producer_batch done = producer->window[kept];
            producer->window[kept] = producer->window[i];
            producer->window[i] = done;
        }
        kept += 1;
    }
    producer->window_count = kept;
}

static bool is_first_of_its_partition(const struct producer *producer, int place)
{
    for (int i = 0; i < place; i++) {
        if (!producer->window[i].is_done &&
            producer->window[i].partition == producer->window[place].partition) {
            return false;
        }
    }
    return true;
}

static bool has_batch_of(const struct producer *producer, int partition)
{
    for (int i = 0; i < producer->window_count; i++) {
        if (producer->window[i].partition == partition) {
            return true;
        }
    }
    return false;
}

static void send_window(struct producer *producer, int from)
{
    for (int i = from; i < producer->window_count; i++) {
        struct producer_batch *batch = &producer->window[i];
        if (batch->attempts > 0) {
            kafka_mark(producer->actor.world, KAFKA_MARK_RESENT);
        }
        batch->is_head = is_first_of_its_partition(producer, i);
        send_batch(batch);
    }
}

static void fill_window(struct producer *producer)
{
    struct kafka_world *world = producer->actor.world;
    int from = producer->window_count;
    int room = producer->is_idempotent ? WINDOW_MAX : 1;
    int more = 1 + (int)random_below(&world->random, WINDOW_MAX);
    /* Five of one partition are as many as a broker remembers. */
    bool is_narrow = random_once_in(&world->random, 2);
    int only = is_narrow ? (int)random_below(&world->random, PARTITIONS) : -1;
    while (producer->window_count < room && more-- > 0) {
        int partition = only >= 0 ? only : (int)random_below(&world->random, PARTITIONS);
        if (!producer->is_established[partition] && has_batch_of(producer, partition)) {
            continue;
        }
        make_batch(producer, &producer->window[producer->window_count], partition);
        producer->window_count += 1;
    }
    if (producer->window_count == WINDOW_MAX && from < WINDOW_MAX) {
        kafka_mark(world, KAFKA_MARK_PIPELINED);
    }
    send_window(producer, from);
}

static void on_producer_timer(struct runtime_timer *timer)
{
    struct producer *producer = CONTAINER_OF(timer, struct producer, actor.timer);
    struct kafka_world *world = producer->actor.world;
    bool is_waiting = in_flight(producer) > 0;
    if (!is_waiting) {
        drop_done(producer); /* only now: `done` of a call has the place of its batch */
        if (producer->gives_up) {
            producer->gives_up = false;
            producer->window_count = 0;
            producer->producer_id = -1;
        }
    }
    bool has_none = producer->is_idempotent && producer->producer_id < 0;
    if (producer->is_asking_id || (is_waiting && producer->is_draining)) {
        return;
    }
    if (!world->are_topics_made || (world->producers_stop && producer->window_count == 0)) {
        actor_think(&producer->actor);
    } else if (has_none) {
        ask_producer_id(producer);
    } else if (producer->is_draining && producer->window_count > 0) {
        producer->is_draining = false;
        send_window(producer, 0);
    } else if (producer->window_count == 0 && producer->is_idempotent &&
               random_once_in(&world->random, NEW_ID_ONCE_IN)) {
        kafka_mark(world, KAFKA_MARK_NEW_PRODUCER);
        producer->producer_id = -1;
        actor_think(&producer->actor);
    } else if (!world->producers_stop && producer->window_count < WINDOW_MAX) {
        producer->is_draining = false;
        fill_window(producer);
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void producers_start(struct kafka_world *world)
{
    for (int i = 0; i < PRODUCERS; i++) {
        struct producer *producer = &world->producers[i];
        producer->producer_id = -1;
        producer->is_idempotent = i < PRODUCERS - 1;
        for (int k = 0; k < WINDOW_MAX; k++) {
            buffer_init(&producer->window[k].bytes, SCRATCH_BYTES_MAX);
        }
        actor_open(&producer->actor, world, i, 0, on_producer_timer);
    }
}

void producers_release(struct kafka_world *world)
{
    for (int i = 0; i < PRODUCERS; i++) {
        kafka_client_release(world->producers[i].actor.client);
        for (int k = 0; k < WINDOW_MAX; k++) {
            buffer_release(&world->producers[i].window[k].bytes);
        }
    }
}
