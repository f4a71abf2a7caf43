/* surveyor.c - asks for offsets by time (K-INV17). See kafka_world.h.
 *
 * While there are faults the timestamp of a record that was read is asked for: the answer is not
 * behind that record, and its own timestamp is not below. At the end, when everything was read
 * and nothing changes any more, the answer must be the first record whose timestamp is not below;
 * likewise for the greatest timestamp, and for both ends of the log.
 */
#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

#define LATEST (-1)
#define EARLIEST (-2)
#define MAX_TIMESTAMP (-3)
#define PAUSE_ONCE_IN 8
#define FINAL_QUESTIONS 40

static const struct ghost_partition *known_of(const struct surveyor *surveyor)
{
    return &surveyor->actor.world->ghost.partitions[surveyor->partition];
}

static bool is_known(const struct ghost_partition *known, int64_t offset)
{
    return offset >= 0 && (size_t)offset < known->count && known->values[offset] != 0 &&
           known->timestamps_ms[offset] != 0;
}

static void wrong(struct surveyor *surveyor, int64_t offset, int64_t timestamp_ms)
{
    kafka_world_fail(surveyor->actor.world, VERDICT_WRONG,
                     "K-INV17: partition %d, asked for time %lld, which is that of offset %lld, "
                     "names offset %lld of time %lld",
                     surveyor->partition, (long long)surveyor->timestamp_ms,
                     (long long)surveyor->offset, (long long)offset, (long long)timestamp_ms);
}

/* ---- exact ----------------------------------------------------------------------------------- */

/* The first record from the log's start on whose timestamp is not below; -1: there is none. */
static int64_t first_from(const struct ghost_partition *known, int64_t timestamp_ms)
{
    for (int64_t i = known->log_start; (size_t)i < known->count; i++) {
        if (is_known(known, i) && known->timestamps_ms[i] >= timestamp_ms) {
            return i;
        }
    }
    return -1;
}

static int64_t greatest_time(const struct ghost_partition *known)
{
    int64_t greatest = -1;
    for (int64_t i = known->log_start; (size_t)i < known->count; i++) {
        if (is_known(known, i)) {
            greatest = MAX(greatest, known->timestamps_ms[i]);
        }
    }
    return greatest;
}

static void judge_final(struct surveyor *surveyor, int64_t offset, int64_t timestamp_ms)
{
    const struct ghost_partition *known = known_of(surveyor);
    bool is_right;
    switch (surveyor->timestamp_ms) {
    case LATEST:
        is_right = offset == known->high_watermark;
        break;
    case EARLIEST:
        is_right = offset == known->log_start;
        break;
    case MAX_TIMESTAMP:
        is_right = known->log_start == known->high_watermark
                       ? offset == -1
                       : is_known(known, offset) && timestamp_ms == greatest_time(known) &&
                             known->timestamps_ms[offset] == timestamp_ms;
        break;
    default:
        is_right = offset == first_from(known, surveyor->timestamp_ms) &&
                   (offset < 0 || known->timestamps_ms[offset] == timestamp_ms);
        break;
    }
    if (!is_right) {
        wrong(surveyor, offset, timestamp_ms);
    }
}

/* ---- under faults ---------------------------------------------------------------------------- */

static void judge_meanwhile(struct surveyor *surveyor, int64_t offset, int64_t timestamp_ms)
{
    const struct ghost_partition *known = known_of(surveyor);
    bool may_be = offset >= 0 && offset <= surveyor->offset &&
                  timestamp_ms >= surveyor->timestamp_ms &&
                  (!is_known(known, offset) || known->timestamps_ms[offset] == timestamp_ms);
    if (!may_be) {
        wrong(surveyor, offset, timestamp_ms);
    }
}

static void on_offset(void *ctx, const struct kafka_reply *reply)
{
    struct surveyor *surveyor = ctx;
    struct kafka_world *world = surveyor->actor.world;
    const struct kafka_list_offsets_response *response = reply->response;
    surveyor->actor.is_asking = false;
    if (reply_is_there(world, reply)) {
        const struct kafka_list_offsets_response_partition *answer =
            &response->topics[0].partitions[0];
        if (answer->error_code != 0) {
            if (!error_passes(answer->error_code)) {
                kafka_world_fail(world, VERDICT_WRONG, "ListOffsets is told %s",
                                 kafka_error_name(answer->error_code));
            }
        } else if (surveyor->was_asked_finally) {
            judge_final(surveyor, answer->offset, answer->timestamp);
            surveyor->left -= surveyor->left > 0;
        } else {
            kafka_mark(world, KAFKA_MARK_OFFSET_BY_TIME);
            judge_meanwhile(surveyor, answer->offset, answer->timestamp);
        }
    }
    actor_think(&surveyor->actor);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* A record to ask for; false: none is known. */
static bool choose(struct surveyor *surveyor)
{
    struct random *random = &surveyor->actor.world->random;
    /* What is compacted or deleted meanwhile cannot be predicted. */
    bool is_final = surveyor->is_final;
    surveyor->partition = (int)random_below(random, PLAIN_PARTITIONS + (is_final ? 1 : 0));
    if (surveyor->partition == PLAIN_PARTITIONS) {
        surveyor->partition = SHORT;
    }
    surveyor->was_asked_finally = is_final;
    if (is_final && random_once_in(random, 3)) {
        surveyor->timestamp_ms = LATEST - (int64_t)random_below(random, 3);
        surveyor->offset = -1;
        return true;
    }
    const struct ghost_partition *known = known_of(surveyor);
    surveyor->offset = known->count == 0 ? -1 : (int64_t)random_below(random, known->count);
    if (!is_known(known, surveyor->offset)) {
        return false;
    }
    surveyor->timestamp_ms = known->timestamps_ms[surveyor->offset];
    if (is_final) {
        surveyor->timestamp_ms += (int64_t)random_below(random, 3) - 1;
    }
    return true;
}

static void on_surveyor_timer(struct runtime_timer *timer)
{
    struct surveyor *surveyor = CONTAINER_OF(timer, struct surveyor, actor.timer);
    struct kafka_world *world = surveyor->actor.world;
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_request_topic topic;
    struct kafka_list_offsets_request_partition partition;
    if (surveyor->actor.is_asking) {
        return;
    }
    bool is_resting = surveyor->is_final ? surveyor->left == 0
                                         : !random_once_in(&world->random, PAUSE_ONCE_IN);
    if (is_resting || !choose(surveyor)) {
        surveyor->left -= surveyor->left > 0;
        actor_think(&surveyor->actor);
        return;
    }
    codec_init(&kafka_list_offsets_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.partition_index = partition_index(surveyor->partition);
    partition.current_leader_epoch = -1;
    partition.timestamp = surveyor->timestamp_ms;
    partition.max_num_offsets = 1;
    topic.name = partition_topic(surveyor->partition);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.replica_id = -1;
    request.isolation_level = (int8_t)random_below(&world->random, 2);
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .target = {.kind = KAFKA_TARGET_LEADER,
                   .topic = topic.name,
                   .partition = partition.partition_index},
        .request_message = &kafka_list_offsets_request_message,
        .response_message = &kafka_list_offsets_response_message,
        .request = &request,
        .min_version = surveyor->timestamp_ms == MAX_TIMESTAMP ? 7 : 2,
        .max_version = 8,
        .done = on_offset,
        .ctx = surveyor,
    };
    actor_ask(&surveyor->actor, &made);
}

void surveyor_start(struct kafka_world *world)
{
    actor_open(&world->surveyor.actor, world, 0, 0, on_surveyor_timer);
}

void surveyor_finish(struct kafka_world *world)
{
    world->surveyor.is_final = true;
    world->surveyor.left = FINAL_QUESTIONS;
}
