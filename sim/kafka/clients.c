/* clients.c - what all clients of a run share, and the topics. See kafka_world.h.
 *
 * Each is one loop: think, ask, judge the answer, think again. They use the request client that
 * brokers and tools use, which looks brokers up and connects anew by itself.
 */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

#define CALL_TIMEOUT_MS 4000
#define REQUEST_TIMEOUT_MS 2500
#define THINK_MAX_NS (200 * NS_PER_MS)
#define REST_MIN_NS (100 * NS_PER_MS)
#define REST_MAX_NS (600 * NS_PER_MS)

static void think(struct kafka_world *world, struct runtime_timer *timer)
{
    uint64_t pause_ns = random_spread(&world->random, NS_PER_MS, THINK_MAX_NS);
    runtime_timer_set(timer, runtime_now_ns(world->clients) + pause_ns);
}

void actor_think(struct actor *actor)
{
    think(actor->world, &actor->timer);
}

void actor_rest(struct actor *actor)
{
    uint64_t pause_ns = random_between(&actor->world->random, REST_MIN_NS, REST_MAX_NS);
    runtime_timer_set(&actor->timer, runtime_now_ns(actor->world->clients) + pause_ns);
}

struct slice partition_topic(int partition)
{
    return partition == COMPACTED ? SLICE_LIT(TOPIC_COMPACTED)
           : partition == SHORT   ? SLICE_LIT(TOPIC_SHORT)
                                  : SLICE_LIT(TOPIC_PLAIN);
}

int32_t partition_index(int partition)
{
    return partition < PLAIN_PARTITIONS ? partition : 0;
}

static void take_call(struct kafka_world *world,
                      struct kafka_client *client,
                      struct kafka_call *call)
{
    if (call->timeout_ms == 0) {
        call->timeout_ms = CALL_TIMEOUT_MS;
    }
    if (kafka_client_call(client, call) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "the request client takes no call");
    }
}

void actor_ask(struct actor *actor, struct kafka_call *call)
{
    actor->is_asking = true;
    take_call(actor->world, actor->client, call);
}

bool reply_is_there(struct kafka_world *world, const struct kafka_reply *reply)
{
    if (reply->error == ERR_UNSUPPORTED || reply->error == ERR_CORRUPT ||
        reply->error == ERR_INVALID) {
        kafka_world_fail(world, VERDICT_WRONG, "a call fails with %s: %s", error_text(reply->error),
                         reply->message);
    }
    return reply->error == 0;
}

bool error_passes(int16_t error)
{
    return error != 0 && kafka_error_class(error) != KAFKA_ERROR_CLASS_FINAL;
}

/* ---- topics ---------------------------------------------------------------------------------- */

static void on_topics(void *ctx, const struct kafka_reply *reply)
{
    struct kafka_world *world = ctx;
    const struct kafka_create_topics_response *response = reply->response;
    bool are_there = reply_is_there(world, reply);
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
    struct kafka_create_topics_request_topic topics[3];
    struct kafka_create_topics_request_config configs[] = {
        {.name = SLICE_LIT("cleanup.policy"), .value = SLICE_LIT("compact")},
        {.name = SLICE_LIT("segment.bytes"), .value = SLICE_LIT("3000")},
        {.name = SLICE_LIT("min.cleanable.dirty.ratio"), .value = SLICE_LIT("0.2")},
        {.name = SLICE_LIT("delete.retention.ms"), .value = SLICE_LIT("1000")},
    };
    struct kafka_create_topics_request_config short_configs[] = {
        {.name = SLICE_LIT("retention.bytes"), .value = SLICE_LIT("12000")},
        {.name = SLICE_LIT("segment.bytes"), .value = SLICE_LIT("3000")},
        {.name = SLICE_LIT("message.timestamp.type"), .value = SLICE_LIT("LogAppendTime")},
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
    topics[2].name = SLICE_LIT(TOPIC_SHORT);
    topics[2].num_partitions = 1;
    topics[2].replication_factor = 1;
    topics[2].configs = short_configs;
    topics[2].configs_count = ARRAY_LEN(short_configs);
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
    take_call(world, world->admin, &made);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static struct kafka_client *open_client(struct kafka_world *world, uint32_t request_timeout_ms)
{
    struct errmsg message;
    struct kafka_client *client = NULL;
    struct kafka_client_config config = {
        .bootstrap_servers = SLICE_LIT("10.0.0.1:9092"),
        .client_id = SLICE_LIT("sim"),
        .request_timeout_ms = request_timeout_ms,
        .connect_timeout_ms = 1000,
        .retry_backoff_ms = 20,
        .retry_backoff_max_ms = 300,
    };
    if (kafka_client_open(world->clients, &config, &message, &client) != 0) {
        kafka_world_fail(world, VERDICT_WRONG, "%s", message.text);
    }
    return client;
}

void actor_open(struct actor *actor,
                struct kafka_world *world,
                int idx,
                uint32_t request_timeout_ms,
                void (*on_timer)(struct runtime_timer *timer))
{
    *actor = (struct actor){.world = world, .idx = idx};
    actor->client = open_client(world,
                                request_timeout_ms == 0 ? REQUEST_TIMEOUT_MS : request_timeout_ms);
    runtime_timer_init(&actor->timer, world->clients, on_timer);
    actor_think(actor);
}

void clients_start(struct kafka_world *world)
{
    world->admin = open_client(world, REQUEST_TIMEOUT_MS);
    runtime_timer_init(&world->admin_timer, world->clients, on_admin_timer);
    think(world, &world->admin_timer);
    producers_start(world);
    consumers_start(world);
    committers_start(world);
    for (int i = 0; i < CREWS; i++) {
        crew_init(world, &world->crews[i], i);
    }
    trimmer_start(world);
    surveyor_start(world);
}

void clients_release(struct kafka_world *world)
{
    kafka_client_release(world->admin);
    producers_release(world);
    consumers_release(world);
    committers_release(world);
    for (int i = 0; i < CREWS; i++) {
        crew_release(&world->crews[i]);
    }
    kafka_client_release(world->trimmer.actor.client);
    kafka_client_release(world->surveyor.actor.client);
}
