/* clients.c - producers, consumers and committers of a run. See kafka_world.h.
 *
 * Each is one loop: think, ask, judge the answer, think again. They use the request client that
 * brokers and tools use, which looks brokers up and connects anew by itself.
 */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"
#include "wire/record_batch.h"

#define CALL_TIMEOUT_MS 4000
#define THINK_MAX_NS (200 * NS_PER_MS)
#define FETCH_WAIT_MS 100
#define FETCH_BYTES 8192
#define SCRATCH_BYTES_MAX ((size_t)1 << 24)

static void think(struct kafka_world *world, struct runtime_timer *timer)
{
    uint64_t pause_ns = random_spread(&world->random, NS_PER_MS, THINK_MAX_NS);
    runtime_timer_set(timer, runtime_now_ns(world->clients) + pause_ns);
}

static struct slice topic_of(int partition)
{
    return partition == COMPACTED ? SLICE_LIT(TOPIC_COMPACTED) : SLICE_LIT(TOPIC_PLAIN);
}

static int32_t index_of(int partition)
{
    return partition == COMPACTED ? 0 : partition;
}

static void call(struct kafka_world *world, struct kafka_client *client, struct kafka_call *call)
{
    call->timeout_ms = CALL_TIMEOUT_MS;
    if (kafka_client_call(client, call) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "the request client takes no call");
    }
}

static bool passes(int16_t error)
{
    return error != 0 && kafka_error_class(error) != KAFKA_ERROR_CLASS_FINAL;
}

/* ---- producers ------------------------------------------------------------------------------- */

static void producer_act(struct producer *producer);

static void on_producer_timer(struct runtime_timer *timer)
{
    producer_act(CONTAINER_OF(timer, struct producer, timer));
}

static void on_producer_id(void *ctx, const struct kafka_reply *reply)
{
    struct producer *producer = ctx;
    const struct kafka_init_producer_id_response *response = reply->response;
    producer->is_asking = false;
    if (reply->error != 0 || response->error_code != 0) {
        sim_trace("producer %d gets no id: %s %s", producer->idx, reply->message,
                  reply->error != 0 ? "" : kafka_error_name(response->error_code));
    }
    if (reply->error == 0 && response->error_code == 0) {
        producer->producer_id = response->producer_id;
        producer->producer_epoch = response->producer_epoch;
    }
    think(producer->world, &producer->timer);
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
    producer->is_asking = true;
    call(producer->world, producer->client, &made);
}

/* What an idempotent producer may be told of a batch that it goes on sending. */
static void judge_produce_error(struct producer *producer, int16_t error)
{
    producer->failed += 1;
    if (!producer->is_idempotent) {
        producer->has_batch = false;
    } else if (error == KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER ||
               error == KAFKA_ERROR_UNKNOWN_PRODUCER_ID ||
               error == KAFKA_ERROR_INVALID_PRODUCER_EPOCH) {
        kafka_world_fail(producer->world, VERDICT_WRONG,
                         "I1: producer %d, which has one batch in flight, is told %s",
                         producer->idx, kafka_error_name(error));
    }
    if (error != 0 && !passes(error) && error != KAFKA_ERROR_KAFKA_STORAGE_ERROR) {
        kafka_world_fail(producer->world, VERDICT_WRONG, "producer %d is told %s", producer->idx,
                         kafka_error_name(error));
    }
}

static void on_produced(void *ctx, const struct kafka_reply *reply)
{
    struct producer *producer = ctx;
    struct kafka_world *world = producer->world;
    const struct kafka_produce_response *response = reply->response;
    producer->is_asking = false;
    if (reply->error != 0) {
        judge_produce_error(producer, 0);
    } else {
        const struct kafka_produce_response_partition *answer =
            &response->responses[0].partition_responses[0];
        if (answer->error_code != 0) {
            judge_produce_error(producer, answer->error_code);
        } else {
            if (producer->acks == -1) {
                ghost_ack(world, producer->partition, answer->base_offset, producer->values,
                          producer->count);
            }
            if (producer->is_idempotent) {
                producer->next_sequence[producer->partition] += producer->count;
            }
            sim_trace("producer %d: offset %lld of partition %d", producer->idx,
                      (long long)answer->base_offset, producer->partition);
            producer->has_batch = false;
            producer->batches += 1;
        }
    }
    think(world, &producer->timer);
}

static void make_batch(struct producer *producer)
{
    struct kafka_world *world = producer->world;
    struct batch_build build;
    struct batch_builder builder;
    batch_build_defaults(&build);
    producer->partition = (int)random_below(&world->random, PARTITIONS);
    producer->count = 1 + (int)random_below(&world->random, BATCH_RECORDS_MAX);
    producer->acks = producer->is_idempotent || !random_once_in(&world->random, 4) ? -1 : 1;
    if (producer->is_idempotent) {
        build.producer_id = producer->producer_id;
        build.producer_epoch = producer->producer_epoch;
        build.base_sequence = producer->next_sequence[producer->partition];
    }
    build.codec = (int)random_below(&world->random, 5);
    buffer_clear(&producer->bytes, SCRATCH_BYTES_MAX);
    batch_builder_init(&builder, &build, &producer->bytes);
    for (int i = 0; i < producer->count; i++) {
        char key[16];
        uint8_t value[64] = {0};
        producer->values[i] = ++world->next_value;
        int len = snprintf(key, sizeof key, "k%d", (int)(producer->values[i] % KEYS));
        store_be64(value, producer->values[i]);
        batch_builder_add(&builder, i, runtime_wall_ms(world->clients), slice_of(key, (size_t)len),
                          slice_of(value, 8 + random_below(&world->random, sizeof value - 7)),
                          SLICE_NULL, 0);
    }
    if (batch_builder_finish(&builder, producer->count - 1) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "a batch cannot be built");
    }
    producer->has_batch = true;
}

static void send_batch(struct producer *producer)
{
    struct kafka_produce_request request;
    struct kafka_produce_request_topic topic;
    struct kafka_produce_request_partition partition;
    struct buffer copy;
    codec_init(&kafka_produce_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    buffer_init(&copy, SCRATCH_BYTES_MAX);
    buffer_append(&copy, buffer_slice(&producer->bytes));
    partition.index = index_of(producer->partition);
    partition.records = buffer_slice(&copy);
    topic.name = topic_of(producer->partition);
    topic.partition_data = &partition;
    topic.partition_data_count = 1;
    request.acks = producer->acks;
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
        .is_once = !producer->is_idempotent,
        .done = on_produced,
        .ctx = producer,
    };
    producer->is_asking = true;
    sim_trace(
        "producer %d sends values from %llu, %d of them, acks %d, sequence %d, to partition %d",
        producer->idx, (unsigned long long)producer->values[0], producer->count, producer->acks,
        producer->next_sequence[producer->partition], producer->partition);
    call(producer->world, producer->client, &made);
    buffer_release(&copy);
}

static void producer_act(struct producer *producer)
{
    struct kafka_world *world = producer->world;
    if (producer->is_asking) {
        return;
    }
    if (!world->are_topics_made || (world->producers_stop && !producer->has_batch)) {
        think(world, &producer->timer);
    } else if (producer->is_idempotent && producer->producer_id < 0) {
        ask_producer_id(producer);
    } else {
        if (producer->has_batch) {
            kafka_mark(world, KAFKA_MARK_RESENT);
        } else {
            make_batch(producer);
        }
        send_batch(producer);
    }
}

/* ---- consumers ------------------------------------------------------------------------------- */

static void on_consumer_timer(struct runtime_timer *timer);

static void take_record(struct consumer *consumer, const struct record *record)
{
    struct kafka_world *world = consumer->world;
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
    ghost_read(world, idx, record->offset, value);
    if (idx == COMPACTED) {
        consumer->last_of[value % KEYS] = record->offset;
    }
    consumer->next[idx] = record->offset + 1;
}

static void take_batches(struct consumer *consumer, struct slice bytes)
{
    struct batch_view view;
    struct buffer scratch;
    buffer_init(&scratch, SCRATCH_BYTES_MAX);
    while (bytes.len > 0 && batch_view(bytes, &view, NULL) == 0 &&
           consumer->world->verdict == VERDICT_OK) {
        struct record_iterator iterator;
        struct record record;
        if (batch_check_crc(&view) != 0 ||
            record_iterator_init(&iterator, &view, SCRATCH_BYTES_MAX, &scratch) != 0) {
            kafka_world_fail(consumer->world, VERDICT_WRONG, "a batch is damaged");
            break;
        }
        while (record_iterator_next(&iterator, &record) == 0 &&
               consumer->world->verdict == VERDICT_OK) {
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

static void judge_fetched(struct consumer *consumer,
                          const struct kafka_fetch_response_partition *answer)
{
    struct kafka_world *world = consumer->world;
    int idx = consumer->partition;
    if (answer->error_code != 0) {
        if (!passes(answer->error_code) && answer->error_code != KAFKA_ERROR_KAFKA_STORAGE_ERROR) {
            kafka_world_fail(world, VERDICT_WRONG, "consumer %d at offset %lld of partition %d: %s",
                             consumer->idx, (long long)consumer->next[idx], idx,
                             kafka_error_name(answer->error_code));
        }
        return;
    }
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
    consumer->high_watermark[idx] = answer->high_watermark;
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

static void on_fetched(void *ctx, const struct kafka_reply *reply)
{
    struct consumer *consumer = ctx;
    const struct kafka_fetch_response *response = reply->response;
    consumer->is_asking = false;
    bool is_stale = consumer->is_rewound;
    consumer->is_rewound = false;
    if (!is_stale && reply->error == 0 && response->error_code == 0 &&
        response->responses_count == 1) {
        consumer->fetches += 1;
        judge_fetched(consumer, &response->responses[0].partitions[0]);
    }
    think(consumer->world, &consumer->timer);
}

static void consumer_act(struct consumer *consumer)
{
    struct kafka_world *world = consumer->world;
    struct kafka_fetch_request request;
    struct kafka_fetch_request_topic topic;
    struct kafka_fetch_request_partition partition;
    if (consumer->is_asking) {
        return;
    }
    if (!world->are_topics_made) {
        think(world, &consumer->timer);
        return;
    }
    consumer->partition = (consumer->partition + 1) % PARTITIONS;
    codec_init(&kafka_fetch_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.partition = index_of(consumer->partition);
    partition.current_leader_epoch = -1;
    partition.fetch_offset = consumer->next[consumer->partition];
    partition.last_fetched_epoch = -1;
    partition.log_start_offset = -1;
    partition.partition_max_bytes = FETCH_BYTES;
    topic.topic = topic_of(consumer->partition);
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
    consumer->is_asking = true;
    call(world, consumer->client, &made);
}

static void on_consumer_timer(struct runtime_timer *timer)
{
    consumer_act(CONTAINER_OF(timer, struct consumer, timer));
}

void consumer_rewind(struct consumer *consumer)
{
    consumer->is_rewound = consumer->is_asking;
    for (int i = 0; i < PARTITIONS; i++) {
        consumer->next[i] = 0;
        consumer->is_at_end[i] = false;
    }
    for (int key = 0; key < KEYS; key++) {
        consumer->last_of[key] = -1;
    }
}

/* ---- committers ------------------------------------------------------------------------------ */

static int16_t commit_error(const void *response, int16_t version)
{
    const struct kafka_offset_commit_response *answer = response;
    (void)version;
    return answer->topics[0].partitions[0].error_code;
}

static void on_committed(void *ctx, const struct kafka_reply *reply)
{
    struct committer *committer = ctx;
    int16_t error = reply->error == 0 ? commit_error(reply->response, 0) : 0;
    if (reply->error != 0 || error != 0) {
        sim_trace("%s: commit failed: %s %s", committer->group, reply->message,
                  kafka_error_name(error));
    }
    committer->is_asking = false;
    committer->is_uncertain[committer->next] = reply->error != 0 || passes(error);
    if (reply->error == 0 && error == 0) {
        committer->current = committer->next;
        committer->world->ghost.commits += 1;
        committer->asks_back = true;
    } else if (reply->error == 0 && !passes(error)) {
        kafka_world_fail(committer->world, VERDICT_WRONG, "a commit is told %s",
                         kafka_error_name(error));
    }
    think(committer->world, &committer->timer);
}

static void commit(struct committer *committer)
{
    struct kafka_offset_commit_request request;
    struct kafka_offset_commit_request_topic topic;
    struct kafka_offset_commit_request_partition partition;
    codec_init(&kafka_offset_commit_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    committer->next += 1;
    ASSERT(committer->next < COMMITS_MAX);
    partition.committed_offset = committer->next;
    partition.committed_leader_epoch = -1;
    partition.commit_timestamp = -1;
    partition.committed_metadata = SLICE_LIT("");
    topic.name = SLICE_LIT(TOPIC_PLAIN);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = slice_of_cstr(committer->group);
    request.generation_id_or_member_epoch = -1;
    request.member_id = SLICE_LIT("");
    request.retention_time_ms = -1;
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = request.group_id},
        .request_message = &kafka_offset_commit_request_message,
        .response_message = &kafka_offset_commit_response_message,
        .request = &request,
        .min_version = 2,
        .max_version = 8,
        .error_of = commit_error,
        .is_once = true, /* a copy on a stalled connection would come behind later ones */
        .done = on_committed,
        .ctx = committer,
    };
    call(committer->world, committer->client, &made);
}

static int16_t offsets_error(const void *response, int16_t version)
{
    const struct kafka_offset_fetch_response *answer = response;
    (void)version;
    return answer->error_code;
}

static void on_offsets(void *ctx, const struct kafka_reply *reply)
{
    struct committer *committer = ctx;
    const struct kafka_offset_fetch_response *response = reply->response;
    committer->is_asking = false;
    if (reply->error != 0) {
        sim_trace("%s: fetch of offsets failed: %s", committer->group, reply->message);
    }
    if (reply->error == 0 && response->error_code == 0 &&
        response->topics[0].partitions[0].error_code == 0) {
        int64_t offset = response->topics[0].partitions[0].committed_offset;
        bool may_be = offset == committer->current ||
                      (offset >= 0 && offset <= committer->next && committer->is_uncertain[offset]);
        if (!may_be) {
            kafka_world_fail(committer->world, VERDICT_WRONG,
                             "G2: group %s has offset %lld, and %lld was acknowledged",
                             committer->group, (long long)offset, (long long)committer->current);
        }
        committer->current = offset;
        committer->world->ghost.commit_reads += 1;
        committer->rounds += 1;
        committer->asks_back = false;
    }
    think(committer->world, &committer->timer);
}

static void ask_offsets(struct committer *committer)
{
    static int32_t index = 0;
    struct kafka_offset_fetch_request request;
    struct kafka_offset_fetch_request_topic topic;
    codec_init(&kafka_offset_fetch_request_message, &request);
    memset(&topic, 0, sizeof topic);
    topic.name = SLICE_LIT(TOPIC_PLAIN);
    topic.partition_indexes = &index;
    topic.partition_indexes_count = 1;
    request.group_id = slice_of_cstr(committer->group);
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_COORDINATOR, .topic = request.group_id},
        .request_message = &kafka_offset_fetch_request_message,
        .response_message = &kafka_offset_fetch_response_message,
        .request = &request,
        .min_version = 2,
        .max_version = 7,
        .error_of = offsets_error,
        .done = on_offsets,
        .ctx = committer,
    };
    call(committer->world, committer->client, &made);
}

static void on_committer_timer(struct runtime_timer *timer)
{
    struct committer *committer = CONTAINER_OF(timer, struct committer, timer);
    if (committer->is_asking) {
        return;
    }
    if (!committer->world->are_topics_made) {
        think(committer->world, &committer->timer);
        return;
    }
    committer->is_asking = true;
    if (committer->asks_back || random_once_in(&committer->world->random, 4)) {
        ask_offsets(committer);
    } else {
        commit(committer);
    }
}

/* ---- topics ---------------------------------------------------------------------------------- */

static void on_topics(void *ctx, const struct kafka_reply *reply)
{
    struct kafka_world *world = ctx;
    const struct kafka_create_topics_response *response = reply->response;
    bool are_there = reply->error == 0;
    for (int32_t i = 0; are_there && i < response->topics_count; i++) {
        int16_t error = response->topics[i].error_code;
        are_there = error == 0 || error == KAFKA_ERROR_TOPIC_ALREADY_EXISTS;
    }
    world->are_topics_made = are_there;
    if (!are_there) {
        think(world, &world->admin_timer);
    }
}

static void on_admin_timer(struct runtime_timer *timer)
{
    struct kafka_world *world = CONTAINER_OF(timer, struct kafka_world, admin_timer);
    struct kafka_create_topics_request request;
    struct kafka_create_topics_request_topic topics[2];
    struct kafka_create_topics_request_config configs[] = {
        {.name = SLICE_LIT("cleanup.policy"), .value = SLICE_LIT("compact")},
        {.name = SLICE_LIT("segment.bytes"), .value = SLICE_LIT("3000")},
        {.name = SLICE_LIT("min.cleanable.dirty.ratio"), .value = SLICE_LIT("0.2")},
        {.name = SLICE_LIT("delete.retention.ms"), .value = SLICE_LIT("1000")},
    };
    codec_init(&kafka_create_topics_request_message, &request);
    memset(topics, 0, sizeof topics);
    topics[0].name = SLICE_LIT(TOPIC_PLAIN);
    topics[0].num_partitions = PLAIN_PARTITIONS;
    topics[0].replication_factor = 1;
    topics[1].name = SLICE_LIT(TOPIC_COMPACTED);
    topics[1].num_partitions = 1;
    topics[1].replication_factor = 1;
    topics[1].configs = configs;
    topics[1].configs_count = ARRAY_LEN(configs);
    request.topics = topics;
    request.topics_count = ARRAY_LEN(topics);
    request.timeout_ms = 3000;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_create_topics_request_message,
        .response_message = &kafka_create_topics_response_message,
        .request = &request,
        .done = on_topics,
        .ctx = world,
    };
    call(world, world->admin, &made);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static struct kafka_client *open_client(struct kafka_world *world)
{
    struct errmsg message;
    struct kafka_client *client = NULL;
    struct kafka_client_config config = {
        .bootstrap_servers = SLICE_LIT("10.0.0.1:9092"),
        .client_id = SLICE_LIT("sim"),
        .request_timeout_ms = 2500,
        .connect_timeout_ms = 1000,
        .retry_backoff_ms = 20,
        .retry_backoff_max_ms = 300,
    };
    if (kafka_client_open(world->clients, &config, &message, &client) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "%s", message.text);
    }
    return client;
}

static void begin(struct kafka_world *world,
                  struct runtime_timer *timer,
                  void (*on_timer)(struct runtime_timer *timer))
{
    runtime_timer_init(timer, world->clients, on_timer);
    think(world, timer);
}

void clients_start(struct kafka_world *world)
{
    world->admin = open_client(world);
    begin(world, &world->admin_timer, on_admin_timer);
    for (int i = 0; i < PRODUCERS; i++) {
        struct producer *producer = &world->producers[i];
        producer->world = world;
        producer->idx = i;
        producer->producer_id = -1;
        producer->is_idempotent = i < PRODUCERS - 1;
        producer->client = open_client(world);
        buffer_init(&producer->bytes, SCRATCH_BYTES_MAX);
        begin(world, &producer->timer, on_producer_timer);
    }
    for (int i = 0; i < CONSUMERS; i++) {
        struct consumer *consumer = &world->consumers[i];
        consumer->world = world;
        consumer->idx = i;
        consumer->client = open_client(world);
        consumer_rewind(consumer);
        begin(world, &consumer->timer, on_consumer_timer);
    }
    for (int i = 0; i < COMMITTERS; i++) {
        struct committer *committer = &world->committers[i];
        committer->world = world;
        committer->idx = i;
        committer->client = open_client(world);
        committer->current = -1;
        committer->next = -1;
        committer->is_uncertain = heap_new(COMMITS_MAX);
        snprintf(committer->group, sizeof committer->group, "group-%d", i);
        begin(world, &committer->timer, on_committer_timer);
    }
}

void clients_release(struct kafka_world *world)
{
    kafka_client_release(world->admin);
    for (int i = 0; i < PRODUCERS; i++) {
        kafka_client_release(world->producers[i].client);
        buffer_release(&world->producers[i].bytes);
    }
    for (int i = 0; i < CONSUMERS; i++) {
        kafka_client_release(world->consumers[i].client);
    }
    for (int i = 0; i < COMMITTERS; i++) {
        kafka_client_release(world->committers[i].client);
        heap_free(world->committers[i].is_uncertain);
    }
}
