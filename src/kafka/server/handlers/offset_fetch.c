/* offset_fetch.c - how far groups have read: one group (versions 1-7) or several (8 and later).
 *
 * A null list of topics asks for all. Version 1 has no place for an error of the group: it stands
 * at every partition. Version 0 reads from ZooKeeper, where nobody has stored offsets since 0.8.1:
 * there are none (UNKNOWN_TOPIC_OR_PARTITION, as Apache answers then). Source:
 * KafkaApis.handleOffsetFetchRequest, OffsetFetchResponse of Apache Kafka 3.9; KIP-447, 709.
 */
#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host.h"
#include "kafka/server/group_zookeeper.h"
#include "kafka/server/handlers.h"

#define FIRST_BATCHED_VERSION 8
#define FIRST_TOP_ERROR_VERSION 2

/* One partition of an answer, in the form of version 8; the older form is made of it. */
typedef struct kafka_offset_fetch_response_group_partition answer_partition;
typedef struct kafka_offset_fetch_response_group_topic answer_topic;

struct fetched {
    struct arena *arena;
    answer_topic *topics;
    int32_t count;
    int32_t cap;
    int32_t partition_cap; /* of the last topic */
    int16_t error;
};

static void *grow(struct arena *arena, const void *items, int32_t count, int32_t *cap, size_t size)
{
    int32_t larger = MAX(8, *cap * 2);
    void *moved = arena_alloc_zeroed(arena, (size_t)larger * size);
    if (count > 0) {
        memcpy(moved, items, (size_t)count * size);
    }
    *cap = larger;
    return moved;
}

static answer_topic *add_topic(struct fetched *fetched, struct slice name)
{
    if (fetched->count == fetched->cap) {
        fetched->topics = grow(fetched->arena, fetched->topics, fetched->count, &fetched->cap,
                               sizeof fetched->topics[0]);
    }
    answer_topic *topic = &fetched->topics[fetched->count];
    fetched->count += 1;
    fetched->partition_cap = 0;
    topic->name = name;
    return topic;
}

static void add_partition(struct fetched *fetched,
                          answer_topic *topic,
                          int32_t index,
                          const struct group_offset_view *view)
{
    if (topic->partitions_count == fetched->partition_cap) {
        topic->partitions = grow(fetched->arena, topic->partitions, topic->partitions_count,
                                 &fetched->partition_cap, sizeof topic->partitions[0]);
    }
    topic->partitions[topic->partitions_count] = (answer_partition){
        .partition_index = index,
        .committed_offset = view->offset,
        .committed_leader_epoch = view->leader_epoch,
        .metadata = view->metadata,
        .error_code = view->error,
    };
    topic->partitions_count += 1;
}

static struct group_offset_view no_offset(int16_t error)
{
    return (struct group_offset_view){
        .offset = -1,
        .leader_epoch = -1,
        .metadata = SLICE_LIT(""),
        .error = error,
    };
}

/* ---- all offsets: gathered, then sorted by topic --------------------------------------------- */

struct gathered {
    struct slice topic;
    int32_t partition;
    struct group_offset_view view;
};

struct gathering {
    struct arena *arena;
    struct gathered *items;
    int32_t count;
    int32_t cap;
};

static void gather(void *ctx,
                   struct slice topic,
                   int32_t partition,
                   const struct group_offset_view *view)
{
    struct gathering *gathering = ctx;
    if (gathering->count == gathering->cap) {
        gathering->items = grow(gathering->arena, gathering->items, gathering->count,
                                &gathering->cap, sizeof gathering->items[0]);
    }
    gathering->items[gathering->count] = (struct gathered){
        .topic = topic, .partition = partition, .view = *view};
    gathering->count += 1;
}

static int compare(const struct gathered *a, const struct gathered *b)
{
    int order = slice_compare(a->topic, b->topic);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static void sift(struct gathered *items, int32_t root, int32_t count)
{
    for (;;) {
        int32_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && compare(&items[child], &items[child + 1]) < 0) {
            child += 1;
        }
        if (compare(&items[root], &items[child]) >= 0) {
            return;
        }
        struct gathered swapped = items[root];
        items[root] = items[child];
        items[child] = swapped;
        root = child;
    }
}

static void sort(struct gathered *items, int32_t count)
{
    for (int32_t root = count / 2; root > 0; root--) {
        sift(items, root - 1, count);
    }
    for (int32_t end = count; end > 1; end--) {
        struct gathered last = items[end - 1];
        items[end - 1] = items[0];
        items[0] = last;
        sift(items, 0, end - 1);
    }
}

static void fetch_all(const struct group_coordinator *coordinator,
                      struct slice group_id,
                      bool require_stable,
                      struct fetched *fetched)
{
    struct gathering gathering = {.arena = fetched->arena};
    answer_topic *topic = NULL;
    group_coordinator_each_offset(coordinator, group_id, require_stable, gather, &gathering);
    sort(gathering.items, gathering.count);
    for (int32_t i = 0; i < gathering.count; i++) {
        const struct gathered *item = &gathering.items[i];
        if (topic == NULL || !slice_equal(topic->name, item->topic)) {
            topic = add_topic(fetched, item->topic);
        }
        add_partition(fetched, topic, item->partition, &item->view);
    }
}

/* ---- one group ------------------------------------------------------------------------------- */

/* Versions 8 and later have the fields of the older ones in structs of their own. */
struct asked_topic {
    struct slice name;
    const int32_t *partitions;
    int32_t count;
};

struct asked {
    struct slice group_id;
    const struct asked_topic *topics;
    int32_t count; /* -1: all topics */
    bool require_stable;
    bool lists_errors; /* the group's error stands at every partition */
};

/* Without a coordinator: the error for all. */
static void fetch_topics(const struct group_coordinator *coordinator,
                         const struct asked *asked,
                         struct fetched *fetched)
{
    for (int32_t i = 0; i < asked->count; i++) {
        const struct asked_topic *from = &asked->topics[i];
        answer_topic *topic = add_topic(fetched, from->name);
        for (int32_t k = 0; k < from->count; k++) {
            struct group_offset_view view = no_offset(fetched->error);
            if (coordinator != NULL) {
                view = group_coordinator_offset(coordinator, asked->group_id, from->name,
                                                from->partitions[k], asked->require_stable);
            }
            add_partition(fetched, topic, from->partitions[k], &view);
        }
    }
}

static void fetch_group(struct broker *broker, const struct asked *asked, struct fetched *fetched)
{
    struct group_shard *shard = group_host_route(broker->groups, asked->group_id, true,
                                                 &fetched->error);
    if (shard != NULL && asked->count < 0) {
        fetch_all(group_shard_coordinator(shard), asked->group_id, asked->require_stable, fetched);
    } else if (shard != NULL) {
        fetch_topics(group_shard_coordinator(shard), asked, fetched);
    } else if (asked->lists_errors) {
        fetch_topics(NULL, asked, fetched);
    }
}

/* ---- the two forms --------------------------------------------------------------------------- */

static void answer_batched(struct broker *broker,
                           struct request *request,
                           struct kafka_offset_fetch_response *response)
{
    const struct kafka_offset_fetch_request *body = request->body;
    response->groups_count = body->groups_count;
    response->groups = ARENA_ARRAY(&request->arena, struct kafka_offset_fetch_response_group,
                                   MAX(body->groups_count, 1));
    for (int32_t i = 0; i < body->groups_count; i++) {
        const struct kafka_offset_fetch_request_group *from = &body->groups[i];
        struct asked_topic *topics = ARENA_ARRAY(&request->arena, struct asked_topic,
                                                 MAX(from->topics_count, 1));
        for (int32_t k = 0; k < from->topics_count; k++) {
            topics[k] = (struct asked_topic){from->topics[k].name,
                                             from->topics[k].partition_indexes,
                                             from->topics[k].partition_indexes_count};
        }
        struct fetched fetched = {.arena = &request->arena};
        const struct asked asked = {
            .group_id = from->group_id,
            .topics = topics,
            .count = from->topics_count,
            .require_stable = body->require_stable,
        };
        fetch_group(broker, &asked, &fetched);
        response->groups[i].group_id = from->group_id;
        response->groups[i].error_code = fetched.error;
        response->groups[i].topics = fetched.topics;
        response->groups[i].topics_count = fetched.count;
    }
}

static void to_old_form(struct request *request,
                        const struct fetched *fetched,
                        struct kafka_offset_fetch_response *response)
{
    response->topics_count = fetched->count;
    response->topics = ARENA_ARRAY(&request->arena, struct kafka_offset_fetch_response_topic,
                                   MAX(fetched->count, 1));
    for (int32_t i = 0; i < fetched->count; i++) {
        const answer_topic *from = &fetched->topics[i];
        struct kafka_offset_fetch_response_topic *to = &response->topics[i];
        to->name = from->name;
        to->partitions_count = from->partitions_count;
        to->partitions = ARENA_ARRAY(&request->arena, struct kafka_offset_fetch_response_partition,
                                     MAX(from->partitions_count, 1));
        for (int32_t k = 0; k < from->partitions_count; k++) {
            to->partitions[k] = (struct kafka_offset_fetch_response_partition){
                .partition_index = from->partitions[k].partition_index,
                .committed_offset = from->partitions[k].committed_offset,
                .committed_leader_epoch = from->partitions[k].committed_leader_epoch,
                .metadata = from->partitions[k].metadata,
                .error_code = from->partitions[k].error_code,
            };
        }
    }
}

static void answer_single(struct broker *broker,
                          struct request *request,
                          struct kafka_offset_fetch_response *response)
{
    const struct kafka_offset_fetch_request *body = request->body;
    struct asked_topic *topics = ARENA_ARRAY(&request->arena, struct asked_topic,
                                             MAX(body->topics_count, 1));
    for (int32_t k = 0; k < body->topics_count; k++) {
        topics[k] = (struct asked_topic){body->topics[k].name, body->topics[k].partition_indexes,
                                         body->topics[k].partition_indexes_count};
    }
    const struct asked asked = {
        .group_id = body->group_id,
        .topics = topics,
        .count = body->topics_count,
        .require_stable = body->require_stable,
        .lists_errors = request->api_version < FIRST_TOP_ERROR_VERSION,
    };
    struct fetched fetched = {.arena = &request->arena};
    fetch_group(broker, &asked, &fetched);
    if (request->api_version >= FIRST_TOP_ERROR_VERSION) {
        response->error_code = fetched.error;
    }
    to_old_form(request, &fetched, response);
}

/* ---- version 0: ZooKeeper ----------------------------------------------------------------------
 */

static void unanswered(struct group_call *call, struct group_effect *effect)
{
    (void)call;
    (void)effect;
    UNREACHABLE(); /* no coordinator has it */
}

/* Partitions that do not exist have no offset. */
static bool exists(const struct broker *broker, struct slice topic, int32_t partition)
{
    const struct topic *found = topics_find(&broker->topics, topic);
    return found != NULL && partition >= 0 && partition < found->partition_count;
}

static void read_from_zookeeper(void *ctx, const struct zookeeper_offset *items, size_t count)
{
    struct group_call *call = ctx;
    struct request *request = call->request;
    group_call_end(call);
    if (request == NULL) {
        return;
    }
    const struct kafka_offset_fetch_request *body = request->body;
    struct fetched fetched = {.arena = &request->arena};
    struct kafka_offset_fetch_response response;
    size_t next = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        answer_topic *topic = add_topic(&fetched, body->topics[i].name);
        for (int32_t k = 0; k < body->topics[i].partition_indexes_count; k++) {
            int32_t partition = body->topics[i].partition_indexes[k];
            struct group_offset_view view = no_offset(KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
            ASSERT(next < count);
            if (exists(request->broker, body->topics[i].name, partition)) {
                view.offset = items[next].offset;
                view.error = items[next].error;
            }
            next += 1;
            add_partition(&fetched, topic, partition, &view);
        }
    }
    codec_init(&kafka_offset_fetch_response_message, &response);
    to_old_form(request, &fetched, &response);
    request_reply(request, &response);
}

/* False: nothing is asked for. */
static bool ask_zookeeper(struct broker *broker, struct request *request)
{
    const struct kafka_offset_fetch_request *body = request->body;
    size_t count = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        count += (size_t)MAX(body->topics[i].partition_indexes_count, 0);
    }
    if (count == 0 || broker->groups == NULL) {
        return false;
    }
    struct zookeeper_offset *items = ARENA_ARRAY(&request->arena, struct zookeeper_offset, count);
    size_t next = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        for (int32_t k = 0; k < body->topics[i].partition_indexes_count; k++) {
            items[next].topic = body->topics[i].name;
            items[next].partition = body->topics[i].partition_indexes[k];
            next += 1;
        }
    }
    struct group_call *call = group_call_new(broker->groups, request, unanswered, NULL);
    group_zookeeper_read(broker->cluster, body->group_id, items, count, read_from_zookeeper, call);
    return true;
}

void handle_offset_fetch(struct broker *broker, struct request *request)
{
    struct kafka_offset_fetch_response response;
    if (request->api_version == 0 && ask_zookeeper(broker, request)) {
        return;
    }
    codec_init(&kafka_offset_fetch_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    if (request->api_version >= FIRST_BATCHED_VERSION) {
        answer_batched(broker, request, &response);
    } else {
        answer_single(broker, request, &response);
    }
    request_reply(request, &response);
}
