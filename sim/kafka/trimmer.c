/* trimmer.c - deletes records of the short-lived topic from its front. See kafka_world.h. */
#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

#define STEP_MAX 40
#define PAUSE_ONCE_IN 20

static void judge(struct trimmer *trimmer,
                  const struct kafka_delete_records_response_partition *answer)
{
    struct kafka_world *world = trimmer->actor.world;
    const struct ghost_partition *known = &world->ghost.partitions[SHORT];
    if (answer->error_code == 0) {
        sim_trace("records below %lld were deleted, now from %lld", (long long)trimmer->asked,
                  (long long)answer->low_watermark);
        kafka_mark(world, KAFKA_MARK_TRIMMED);
        trimmer->rounds += 1;
        if (answer->low_watermark < trimmer->asked) {
            kafka_world_fail(world, VERDICT_WRONG,
                             "records below %lld were to be deleted, and the log starts at %lld",
                             (long long)trimmer->asked, (long long)answer->low_watermark);
        }
    } else if (!error_passes(answer->error_code)) {
        /* OFFSET_OUT_OF_RANGE too: what is asked for is not above what was told to be there. */
        kafka_world_fail(world, VERDICT_WRONG, "DeleteRecords of %lld (%lld is known) is told %s",
                         (long long)trimmer->asked, (long long)known->high_watermark,
                         kafka_error_name(answer->error_code));
    }
}

static void on_deleted(void *ctx, const struct kafka_reply *reply)
{
    struct trimmer *trimmer = ctx;
    const struct kafka_delete_records_response *response = reply->response;
    trimmer->actor.is_asking = false;
    if (reply_is_there(trimmer->actor.world, reply)) {
        judge(trimmer, &response->topics[0].partitions[0]);
    }
    actor_think(&trimmer->actor);
}

static void on_trimmer_timer(struct runtime_timer *timer)
{
    struct trimmer *trimmer = CONTAINER_OF(timer, struct trimmer, actor.timer);
    struct kafka_world *world = trimmer->actor.world;
    struct kafka_delete_records_request request;
    struct kafka_delete_records_request_topic topic;
    struct kafka_delete_records_request_partition partition;
    if (!world->are_topics_made || world->producers_stop ||
        !random_once_in(&world->random, PAUSE_ONCE_IN)) {
        actor_think(&trimmer->actor);
        return;
    }
    int64_t end = world->ghost.partitions[SHORT].high_watermark;
    int64_t above = (int64_t)random_below(&world->random, STEP_MAX);
    trimmer->asked = MAX(end - above, 0);
    codec_init(&kafka_delete_records_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.offset = trimmer->asked;
    topic.name = SLICE_LIT(TOPIC_SHORT);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.topics = &topic;
    request.topics_count = 1;
    request.timeout_ms = 2000;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_LEADER, .topic = topic.name},
        .request_message = &kafka_delete_records_request_message,
        .response_message = &kafka_delete_records_response_message,
        .request = &request,
        .done = on_deleted,
        .ctx = trimmer,
    };
    actor_ask(&trimmer->actor, &made);
}

void trimmer_start(struct kafka_world *world)
{
    actor_open(&world->trimmer.actor, world, 0, 0, on_trimmer_timer);
}
