/* metadata.c - who is where: brokers, topics, partitions and their leaders, as seen through the
 * listener that the request came by.
 *
 * A topic that is not there is made when client and broker agree on it (allow_auto_topic_creation,
 * auto.create.topics.enable); the answer then says LEADER_NOT_AVAILABLE, which clients retry, and
 * the creation goes on by itself.
 *
 * Sources: KafkaApis.handleTopicMetadataRequest, ZkMetadataCache, AutoTopicCreationManager of 3.9.
 */
#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/authorized_operations.h"
#include "kafka/storage/log_store.h"

#define VERSION_LISTENER_NOT_FOUND 6
#define VERSION_TOPIC_IDS 12

typedef struct kafka_metadata_response_topic answered_topic;
typedef struct kafka_metadata_response_partition answered_partition;

struct answer {
    struct request *request;
    const struct kafka_metadata_request *body;
    struct slice listener;
    struct kafka_metadata_response response;
};

/* ---- what is known --------------------------------------------------------------------------- */

static void list_brokers(struct answer *answer)
{
    const struct topics *topics = &answer->request->broker->topics;
    struct kafka_metadata_response *response = &answer->response;
    int32_t count = 0;
    LIST_FOR_EACH(link, &topics->brokers)
    {
        count++;
    }
    response->brokers = ARENA_ARRAY(&answer->request->arena, struct kafka_metadata_response_broker,
                                    count + 1);
    LIST_FOR_EACH(link, &topics->brokers)
    {
        const struct broker_info *info = CONTAINER_OF(link, struct broker_info, link);
        const struct broker_endpoint *endpoint = broker_info_endpoint(info, answer->listener);
        if (endpoint == NULL) {
            continue;
        }
        struct kafka_metadata_response_broker *broker =
            &response->brokers[response->brokers_count++];
        codec_init(&kafka_metadata_response_broker_message, broker);
        broker->node_id = info->id;
        broker->host = slice_of_cstr(endpoint->host);
        broker->port = endpoint->port;
        broker->rack = info->rack[0] == '\0' ? SLICE_NULL : slice_of_cstr(info->rack);
    }
}

static int16_t leader_error(const struct answer *answer, int32_t leader)
{
    const struct broker_info *info = topics_broker(&answer->request->broker->topics, leader);
    if (info == NULL) {
        return KAFKA_ERROR_LEADER_NOT_AVAILABLE;
    }
    if (broker_info_endpoint(info, answer->listener) == NULL) {
        return answer->request->api_version >= VERSION_LISTENER_NOT_FOUND
                   ? KAFKA_ERROR_LISTENER_NOT_FOUND
                   : KAFKA_ERROR_LEADER_NOT_AVAILABLE;
    }
    return 0;
}

static bool is_offline(const struct answer *answer,
                       const struct topic_partition *partition,
                       int32_t replica)
{
    const struct broker *broker = answer->request->broker;
    if (topics_broker(&broker->topics, replica) == NULL) {
        return true;
    }
    return replica == broker->config.broker_id && partition->hosted != NULL &&
           partition->hosted->is_offline;
}

static void fill_partition(struct answer *answer,
                           const struct topic_partition *partition,
                           answered_partition *out)
{
    struct arena *arena = &answer->request->arena;
    out->leader_epoch = partition->leader_epoch;
    out->replica_nodes = partition->replicas;
    out->replica_nodes_count = partition->replica_count;
    out->isr_nodes = partition->isr;
    out->isr_nodes_count = partition->isr_count;
    out->offline_replicas = ARENA_ARRAY(arena, int32_t, partition->replica_count + 1);
    for (int32_t i = 0; i < partition->replica_count; i++) {
        if (is_offline(answer, partition, partition->replicas[i])) {
            out->offline_replicas[out->offline_replicas_count++] = partition->replicas[i];
        }
    }
    out->error_code = leader_error(answer, partition->leader);
    out->leader_id = out->error_code == 0 ? partition->leader : -1;
}

static void fill_topic(struct answer *answer, const struct topic *topic, answered_topic *out)
{
    out->name = topic->name_slice;
    out->topic_id = topic->id;
    out->is_internal = topic->is_internal;
    if (answer->body->include_topic_authorized_operations) {
        out->topic_authorized_operations = TOPIC_OPERATIONS;
    }
    out->partitions = ARENA_ARRAY(&answer->request->arena, answered_partition,
                                  topic->partition_count + 1);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i].replica_count == 0) {
            continue; /* a number that the assignment leaves out */
        }
        answered_partition *partition = &out->partitions[out->partitions_count++];
        codec_init(&kafka_metadata_response_partition_message, partition);
        partition->partition_index = i;
        fill_partition(answer, &topic->partitions[i], partition);
    }
}

static answered_topic *add_topic(struct answer *answer)
{
    answered_topic *topic = &answer->response.topics[answer->response.topics_count++];
    codec_init(&kafka_metadata_response_topic_message, topic);
    return topic;
}

static void list_topics(struct answer *answer)
{
    const struct topics *topics = &answer->request->broker->topics;
    answer->response.topics = ARENA_ARRAY(&answer->request->arena, answered_topic,
                                          topics->by_name.count + 1);
    LIST_FOR_EACH(link, &topics->topics)
    {
        const struct topic *topic = CONTAINER_OF(link, struct topic, link);
        if (!topic->is_deleting) {
            fill_topic(answer, topic, add_topic(answer));
        }
    }
}

/* ---- creation on demand ------------------------------------------------------------------------
 */

/* What the creation says at once; what it says later nobody hears. */
struct creation {
    bool is_done;
    bool is_left; /* the handler has gone on: the last one frees it */
    int16_t error;
};

static void on_created(void *ctx, int16_t error, const char *message)
{
    struct creation *creation = ctx;
    (void)message;
    creation->is_done = true;
    creation->error = error;
    if (creation->is_left) {
        mem_free(creation, sizeof *creation);
    }
}

static int16_t create_topic(struct broker *broker, struct slice name)
{
    struct creation *creation = mem_alloc_zeroed(sizeof *creation);
    struct cluster_new_topic topic = {
        .name = name, .partition_count = -1, .replication_factor = -1};
    char segment_bytes[16];
    struct config_entry configs[] = {
        {SLICE_LIT("cleanup.policy"), SLICE_LIT("compact")},
        {SLICE_LIT("compression.type"), SLICE_LIT("producer")},
        {SLICE_LIT("segment.bytes"), SLICE_NULL},
    };
    if (slice_equal_cstr(name, OFFSETS_TOPIC_NAME)) {
        struct buffer text;
        buffer_init(&text, sizeof segment_bytes);
        buffer_append_decimal(&text, broker->config.offsets_topic_segment_bytes);
        memcpy(segment_bytes, text.data, text.len);
        configs[2].value = slice_of(segment_bytes, text.len);
        buffer_release(&text);
        topic.partition_count = broker->config.offsets_topic_num_partitions;
        topic.replication_factor = broker->config.offsets_topic_replication_factor;
        topic.configs = configs;
        topic.config_count = ARRAY_LEN(configs);
    }
    cluster_create_topic(broker->cluster, &topic, (struct cluster_done){on_created, creation});
    if (!creation->is_done) {
        creation->is_left = true;
        return KAFKA_ERROR_LEADER_NOT_AVAILABLE;
    }
    int16_t error = creation->error;
    mem_free(creation, sizeof *creation);
    return error == 0 || error == KAFKA_ERROR_TOPIC_ALREADY_EXISTS
               ? KAFKA_ERROR_LEADER_NOT_AVAILABLE
               : error;
}

static int16_t missing_topic(const struct answer *answer, struct slice name)
{
    struct broker *broker = answer->request->broker;
    bool may_create = answer->body->allow_auto_topic_creation &&
                      broker->config.auto_create_topics_enable;
    if (topic_name_check(name) != TOPIC_NAME_FINE) {
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    return may_create ? create_topic(broker, name) : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

/* ---- named topics ---------------------------------------------------------------------------- */

static bool is_named_before(const struct kafka_metadata_request *body, int32_t index)
{
    const struct kafka_metadata_request_topic *wanted = &body->topics[index];
    for (int32_t i = 0; i < index; i++) {
        const struct kafka_metadata_request_topic *other = &body->topics[i];
        bool is_same = slice_is_null(wanted->name) == slice_is_null(other->name) &&
                       slice_equal(wanted->name, other->name) &&
                       memcmp(&wanted->topic_id, &other->topic_id, sizeof wanted->topic_id) == 0;
        if (is_same) {
            return true;
        }
    }
    return false;
}

static void name_topic(struct answer *answer, const struct kafka_metadata_request_topic *wanted)
{
    const struct topics *topics = &answer->request->broker->topics;
    bool by_id = !uuid_is_zero(&wanted->topic_id);
    const struct topic *topic = by_id ? topics_find_id(topics, &wanted->topic_id)
                                      : topics_find(topics, wanted->name);
    answered_topic *out = add_topic(answer);
    if (topic != NULL && !topic->is_deleting) {
        fill_topic(answer, topic, out);
        return;
    }
    if (by_id) {
        out->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_ID;
        out->topic_id = wanted->topic_id;
        out->name = SLICE_NULL;
        return;
    }
    out->name = wanted->name;
    out->is_internal = topic_name_is_internal(wanted->name);
    out->error_code = missing_topic(answer, wanted->name);
}

/* What the version cannot say, or nobody can know: the whole request is refused, topic by topic. */
static int16_t refusal(const struct answer *answer)
{
    for (int32_t i = 0; i < answer->body->topics_count; i++) {
        const struct kafka_metadata_request_topic *wanted = &answer->body->topics[i];
        bool has_id = !uuid_is_zero(&wanted->topic_id);
        if ((slice_is_null(wanted->name) || has_id) &&
            answer->request->api_version < VERSION_TOPIC_IDS) {
            return KAFKA_ERROR_INVALID_REQUEST;
        }
        if (slice_is_null(wanted->name) && !has_id) {
            return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        }
    }
    return 0;
}

/* A request that names an id is by ids: names in it are passed over. */
static bool is_by_ids(const struct kafka_metadata_request *body)
{
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (!uuid_is_zero(&body->topics[i].topic_id)) {
            return true;
        }
    }
    return false;
}

/* Above this many names a client's duplicates are answered twice instead of being looked for. */
#define DEDUPLICATED_MAX 1000

static void name_topics(struct answer *answer)
{
    const struct kafka_metadata_request *body = answer->body;
    answer->response.topics = ARENA_ARRAY(&answer->request->arena, answered_topic,
                                          body->topics_count + 1);
    bool by_ids = is_by_ids(body);
    for (int32_t i = 0; i < body->topics_count; i++) {
        bool is_passed_over = by_ids && uuid_is_zero(&body->topics[i].topic_id);
        if (!is_passed_over &&
            (body->topics_count > DEDUPLICATED_MAX || !is_named_before(body, i))) {
            name_topic(answer, &body->topics[i]);
        }
    }
}

static void refuse(struct answer *answer, int16_t error)
{
    const struct kafka_metadata_request *body = answer->body;
    answer->response.topics = ARENA_ARRAY(&answer->request->arena, answered_topic,
                                          body->topics_count + 1);
    for (int32_t i = 0; i < body->topics_count; i++) {
        answered_topic *out = add_topic(answer);
        out->error_code = error;
        out->name = slice_is_null(body->topics[i].name) ? SLICE_LIT("") : body->topics[i].name;
        out->topic_id = body->topics[i].topic_id;
    }
    request_reply(answer->request, &answer->response);
}

void handle_metadata(struct broker *broker, struct request *request)
{
    struct answer answer = {
        .request = request, .body = request->body, .listener = request_listener(request)};
    const struct kafka_metadata_request *body = request->body;
    codec_init(&kafka_metadata_response_message, &answer.response);
    answer.response.throttle_time_ms = request->throttle_time_ms;
    int16_t refused = refusal(&answer);
    if (refused != 0) {
        answer.response.cluster_id = SLICE_NULL;
        answer.response.controller_id = -1;
        refuse(&answer, refused);
        return;
    }
    answer.response.cluster_id = slice_of_cstr(broker->topics.cluster_id);
    answer.response.controller_id = broker->topics.controller_id;
    if (body->include_cluster_authorized_operations) {
        answer.response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    list_brokers(&answer);
    /* All topics: an empty list in version 0, null later. */
    if (body->topics_count < 0 || (request->api_version == 0 && body->topics_count == 0)) {
        list_topics(&answer);
    } else {
        name_topics(&answer);
    }
    request_reply(request, &answer.response);
}
