/* create_topics.c - new topics, several in one request, each with an outcome of its own.
 *
 * Source: KafkaApis.handleCreateTopicsRequest, ZkAdminManager.createTopics of 3.9; what a topic
 * must be like is checked in cluster_topic_create.c.
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/admin_wait.h"
#include "kafka/server/handlers/describe_config_entries.h"

#define METADATA_TOPIC_NAME "__cluster_metadata"
#define VERSION_DETAILS 5

typedef struct kafka_create_topics_request_topic wanted_topic;
typedef struct kafka_create_topics_response_topic answered_topic;

static bool is_duplicate(const struct kafka_create_topics_request *body, int32_t index)
{
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (i != index && slice_equal(body->topics[i].name, body->topics[index].name)) {
            return true;
        }
    }
    return false;
}

/* Version 5 and later tell how the topic has turned out. */
static void add_details(struct admin_wait *wait, const wanted_topic *wanted, answered_topic *out)
{
    struct arena *arena = &wait->request->arena;
    size_t count;
    const struct config_key *keys = topic_config_keys(&count);
    struct config_entry *overrides = ARENA_ARRAY(arena, struct config_entry,
                                                 wanted->configs_count + 1);
    for (int32_t i = 0; i < wanted->configs_count; i++) {
        overrides[i] = (struct config_entry){wanted->configs[i].name, wanted->configs[i].value};
    }
    out->configs = ARENA_ARRAY(arena, struct kafka_create_topics_response_config, count);
    out->configs_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct described_config described;
        struct kafka_create_topics_response_config *config = &out->configs[out->configs_count++];
        codec_init(&kafka_create_topics_response_config_message, config);
        describe_topic_config(wait->broker, &keys[i], overrides, (size_t)wanted->configs_count,
                              arena, &described);
        config->name = described.name;
        config->value = described.value;
        config->read_only = described.is_read_only;
        config->config_source = described.source;
        config->is_sensitive = described.is_sensitive;
    }
    out->num_partitions = wanted->num_partitions == -1 ? wait->broker->config.num_partitions
                                                       : wanted->num_partitions;
    out->replication_factor = wanted->replication_factor == -1
                                  ? (int16_t)wait->broker->config.default_replication_factor
                                  : wanted->replication_factor;
    for (int32_t i = 0; i < wanted->assignments_count; i++) {
        /* The numbers are 0, 1, 2 ...: that was checked. */
        out->num_partitions = MAX(i == 0 ? 0 : out->num_partitions,
                                  wanted->assignments[i].partition_index + 1);
        out->replication_factor = (int16_t)wanted->assignments[i].broker_ids_count;
    }
}

static void answer(struct admin_wait *wait)
{
    struct request *request = wait->request;
    const struct kafka_create_topics_request *body = request->body;
    struct kafka_create_topics_response response;
    codec_init(&kafka_create_topics_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.topics = ARENA_ARRAY(&request->arena, answered_topic, body->topics_count + 1);
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct admin_item *item = &wait->items[i];
        const wanted_topic *wanted = &body->topics[i];
        answered_topic *out = &response.topics[response.topics_count++];
        codec_init(&kafka_create_topics_response_topic_message, out);
        out->name = wanted->name;
        out->error_code = item->error;
        out->error_message = item->message;
        if (item->error == 0) {
            const struct topic *topic = topics_find(&wait->broker->topics, wanted->name);
            if (topic != NULL && !body->validate_only) {
                out->topic_id = topic->id;
            }
            if (request->api_version >= VERSION_DETAILS) {
                add_details(wait, wanted, out);
            }
        }
    }
    request_reply(request, &response);
}

/* Assignments by index, the last of equal ones; false when the numbers are not 0, 1, 2 ... */
static bool take_assignments(struct admin_wait *wait,
                             const wanted_topic *wanted,
                             struct cluster_new_topic *topic)
{
    const int32_t **lists = ARENA_ARRAY(&wait->arena, const int32_t *, wanted->assignments_count);
    int32_t *counts = ARENA_ARRAY(&wait->arena, int32_t, wanted->assignments_count);
    bool *is_there = ARENA_ARRAY(&wait->arena, bool, wanted->assignments_count);
    int32_t distinct = 0;
    for (int32_t i = 0; i < wanted->assignments_count; i++) {
        int32_t index = wanted->assignments[i].partition_index;
        if (index < 0 || index >= wanted->assignments_count) {
            return false;
        }
        distinct += is_there[index] ? 0 : 1;
        is_there[index] = true;
        lists[index] = wanted->assignments[i].broker_ids;
        counts[index] = wanted->assignments[i].broker_ids_count;
    }
    for (int32_t i = 0; i < distinct; i++) {
        if (!is_there[i]) {
            return false;
        }
    }
    topic->assignment = lists;
    topic->assignment_counts = counts;
    topic->partition_count = distinct;
    return true;
}

static void create(struct admin_wait *wait, int32_t index, bool validate_only)
{
    const struct kafka_create_topics_request *body = wait->request->body;
    const wanted_topic *wanted = &body->topics[index];
    struct cluster_new_topic topic = {
        .name = wanted->name,
        .partition_count = wanted->num_partitions,
        .replication_factor = wanted->replication_factor,
        .config_count = (size_t)wanted->configs_count,
        .validate_only = validate_only,
    };
    struct config_entry *configs = ARENA_ARRAY(&wait->arena, struct config_entry,
                                               wanted->configs_count + 1);
    for (int32_t i = 0; i < wanted->configs_count; i++) {
        configs[i] = (struct config_entry){wanted->configs[i].name, wanted->configs[i].value};
    }
    topic.configs = configs;
    if (slice_equal_cstr(wanted->name, METADATA_TOPIC_NAME)) {
        admin_wait_set(wait, index, KAFKA_ERROR_INVALID_REQUEST,
                       "Creation of internal topic " METADATA_TOPIC_NAME " is prohibited.");
        return;
    }
    if (is_duplicate(body, index)) {
        admin_wait_set(wait, index, KAFKA_ERROR_INVALID_REQUEST,
                       "Found multiple entries for this topic.");
        return;
    }
    bool has_numbers = wanted->num_partitions != -1 || wanted->replication_factor != -1;
    if (wanted->assignments_count > 0 && has_numbers &&
        topics_find(&wait->broker->topics, wanted->name) == NULL) {
        admin_wait_set(wait, index, KAFKA_ERROR_INVALID_REQUEST,
                       "Both numPartitions or replicationFactor and replicasAssignments were set. "
                       "Both cannot be used at the same time.");
        return;
    }
    if (wanted->assignments_count > 0 && !take_assignments(wait, wanted, &topic)) {
        admin_wait_set(wait, index, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                       "partitions should be a consecutive 0-based integer sequence");
        return;
    }
    cluster_create_topic(wait->broker->cluster, &topic, admin_wait_item(wait, index));
}

void handle_create_topics(struct broker *broker, struct request *request)
{
    const struct kafka_create_topics_request *body = request->body;
    struct admin_wait *wait = admin_wait_create(request, body->topics_count, answer);
    int16_t refused = cluster_controller_error(broker->cluster);
    for (int32_t i = 0; i < body->topics_count; i++) {
        if (refused == 0) {
            create(wait, i, body->validate_only);
        } else {
            admin_wait_set(wait, i, refused, NULL);
        }
    }
    admin_wait_go(wait, body->timeout_ms);
}
