/* kafka_topics_describe.c - kafka-topics --list and --describe. See kafka_topics.c.
 *
 * A description is put together from Metadata, DescribeConfigs and, where the broker has it,
 * ListPartitionReassignments. Topics come in the order of their names.
 */
#include <stdlib.h>

#include "base/text.h"
#include "cli/kafka/kafka_topics.h"

static bool has(const struct kafka_topics *topics, const char *name)
{
    return kafka_options_has(&topics->options, name);
}

/* ---- topics ---------------------------------------------------------------------------------- */

static int compare_topics(const void *a, const void *b)
{
    const struct kafka_metadata_response_topic *left = a;
    const struct kafka_metadata_response_topic *right = b;
    return slice_compare(left->name, right->name);
}

static int compare_partitions(const void *a, const void *b)
{
    const struct kafka_metadata_response_partition *left = a;
    const struct kafka_metadata_response_partition *right = b;
    return (left->partition_index > right->partition_index) -
           (left->partition_index < right->partition_index);
}

struct slice *kafka_topics_find(struct kafka_topics *topics, int32_t *count)
{
    struct kafka_admin *admin = &topics->admin;
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "listTopics", NULL,
                                                                          0);
    *count = -1;
    if (metadata == NULL) {
        return NULL;
    }
    struct slice *names = ARENA_ARRAY(&admin->arena, struct slice,
                                      (size_t)metadata->topics_count + 1);
    *count = 0;
    for (int32_t i = 0; i < metadata->topics_count; i++) {
        if (kafka_topic_filter_passes(&topics->filter, metadata->topics[i].name)) {
            names[(*count)++] = metadata->topics[i].name;
        }
    }
    kafka_sort_names(names, (size_t)*count);
    return names;
}

int kafka_topics_list(struct kafka_topics *topics)
{
    int32_t count;
    struct slice *names = kafka_topics_find(topics, &count);
    for (int32_t i = 0; i < count; i++) {
        printf("%.*s\n", SLICE_ARGS(names[i]));
    }
    if (count == 0) {
        putchar('\n'); /* Apache's prints one line whatever is in it */
    }
    return count < 0 ? ERR_INVALID : 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

bool kafka_topics_prints_configs(const struct kafka_topics *topics)
{
    return !has(topics, "unavailable-partitions") && !has(topics, "under-replicated-partitions") &&
           !has(topics, "under-min-isr-partitions") && !has(topics, "at-min-isr-partitions");
}

static bool contains(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* TopicCommand.getReplicationFactor: while replicas are exchanged, those of the end. */
static int32_t replication_factor(const struct kafka_topics_partition *partition)
{
    bool is_changing = false;
    for (int32_t i = 0; i < partition->replica_count && partition->has_reassignment; i++) {
        is_changing |= contains(partition->adding, partition->adding_count, partition->replicas[i]);
        is_changing |= contains(partition->removing, partition->removing_count,
                                partition->replicas[i]);
    }
    return partition->replica_count - (is_changing ? partition->adding_count : 0);
}

static bool is_wanted(const struct kafka_topics *topics,
                      const struct kafka_topics_partition *partition)
{
    bool has_leader = partition->leader >= 0;
    bool is_under_min = !has_leader ||
                        (partition->min_isr >= 0 && partition->isr_count < partition->min_isr);
    return kafka_topics_prints_configs(topics) ||
           (has(topics, "under-replicated-partitions") &&
            replication_factor(partition) > partition->isr_count) ||
           (has(topics, "unavailable-partitions") && !partition->leader_is_alive) ||
           (has(topics, "under-min-isr-partitions") && is_under_min) ||
           (has(topics, "at-min-isr-partitions") && partition->isr_count == partition->min_isr);
}

static void print_ids(const char *label, const int32_t *ids, int32_t count)
{
    fputs(label, stdout);
    for (int32_t i = 0; i < count; i++) {
        printf("%s%d", i > 0 ? "," : "", ids[i]);
    }
}

void kafka_topics_print_partition(const struct kafka_topics *topics,
                                  struct slice topic,
                                  const struct kafka_topics_partition *partition)
{
    if (!is_wanted(topics, partition)) {
        return;
    }
    printf("\tTopic: %.*s\tPartition: %d\tLeader: ", SLICE_ARGS(topic), partition->index);
    if (partition->leader >= 0) {
        printf("%d", partition->leader);
    } else {
        printf("none");
    }
    print_ids("\tReplicas: ", partition->replicas, partition->replica_count);
    print_ids("\tIsr: ", partition->isr, partition->isr_count);
    if (partition->has_reassignment) {
        print_ids("\tAdding Replicas: ", partition->adding, partition->adding_count);
        print_ids("\tRemoving Replicas: ", partition->removing, partition->removing_count);
    }
    if (partition->has_elr) {
        printf("\tElr: N/A\tLastKnownElr: N/A");
    }
    printf("%s\n", partition->is_deleting ? "\tMarkedForDeletion: true" : "");
}

/* ---- what else there is to know of topics ---------------------------------------------------- */

static const struct kafka_describe_configs_response *ask_configs(
    struct kafka_admin *admin,
    const struct kafka_metadata_response_topic *topics,
    int32_t count)
{
    struct kafka_describe_configs_request request;
    codec_init(&kafka_describe_configs_request_message, &request);
    request.resources = kafka_admin_array(admin, &kafka_describe_configs_request_resource_message,
                                          count);
    request.resources_count = count;
    for (int32_t i = 0; i < count; i++) {
        request.resources[i].resource_type = KAFKA_CONFIG_RESOURCE_TOPIC;
        request.resources[i].resource_name = topics[i].name;
        request.resources[i].configuration_keys_count = -1;
    }
    struct kafka_admin_call call = {
        .name = "describeConfigs",
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_describe_configs_request_message,
        .response_message = &kafka_describe_configs_response_message,
        .request = &request,
    };
    return kafka_admin_ask(admin, &call);
}

/* NULL where the broker does not know the api, or may not tell: there are none then. */
static const struct kafka_list_partition_reassignments_response *ask_reassignments(
    struct kafka_admin *admin)
{
    struct kafka_list_partition_reassignments_request request;
    codec_init(&kafka_list_partition_reassignments_request_message, &request);
    request.timeout_ms = 60000;
    request.topics_count = -1;
    struct kafka_admin_call call = {
        .name = "listPartitionReassignments",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_list_partition_reassignments_request_message,
        .response_message = &kafka_list_partition_reassignments_response_message,
        .request = &request,
    };
    const struct kafka_list_partition_reassignments_response *response = kafka_admin_ask(admin,
                                                                                         &call);
    return response != NULL && response->error_code == 0 ? response : NULL;
}

static const struct kafka_list_partition_reassignments_response_partition *find_reassignment(
    const struct kafka_list_partition_reassignments_response *response,
    struct slice topic,
    int32_t index)
{
    for (int32_t i = 0; response != NULL && i < response->topics_count; i++) {
        if (!slice_equal(response->topics[i].name, topic)) {
            continue;
        }
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            if (response->topics[i].partitions[k].partition_index == index) {
                return &response->topics[i].partitions[k];
            }
        }
    }
    return NULL;
}

static bool is_default(const struct kafka_describe_configs_response_config *config)
{
    return config->config_source == KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG || config->is_default;
}

static const struct kafka_describe_configs_response_result *find_configs(
    const struct kafka_describe_configs_response *response,
    struct slice topic)
{
    for (int32_t i = 0; i < response->results_count; i++) {
        if (slice_equal(response->results[i].resource_name, topic)) {
            return &response->results[i];
        }
    }
    return NULL;
}

/* ---- describing ------------------------------------------------------------------------------ */

struct description {
    struct kafka_topics *topics;
    const struct kafka_metadata_response *metadata;
    const struct kafka_describe_configs_response *configs;
    const struct kafka_list_partition_reassignments_response *reassignments;
};

static void print_topic(const struct kafka_metadata_response_topic *topic,
                        const struct kafka_describe_configs_response_result *configs,
                        int32_t factor)
{
    char text[KAFKA_UUID_TEXT_MAX];
    const char *separator = "";
    printf("Topic: %.*s", SLICE_ARGS(topic->name));
    if (!kafka_uuid_is_zero(&topic->topic_id)) {
        printf("\tTopicId: %s", kafka_uuid_text(&topic->topic_id, text));
    }
    printf("\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: ", topic->partitions_count,
           factor);
    for (int32_t i = 0; i < configs->configs_count; i++) {
        const struct kafka_describe_configs_response_config *config = &configs->configs[i];
        if (!is_default(config)) {
            struct slice value = slice_is_null(config->value) ? SLICE_LIT("null") : config->value;
            printf("%s%.*s=%.*s", separator, SLICE_ARGS(config->name), SLICE_ARGS(value));
            separator = ",";
        }
    }
    putchar('\n');
}

static bool is_alive(const struct kafka_metadata_response *metadata, int32_t id)
{
    for (int32_t i = 0; i < metadata->brokers_count; i++) {
        if (metadata->brokers[i].node_id == id) {
            return true;
        }
    }
    return false;
}

static struct kafka_topics_partition describe_partition(
    const struct description *description,
    struct slice topic,
    const struct kafka_metadata_response_partition *from,
    int32_t min_isr)
{
    const struct kafka_list_partition_reassignments_response_partition *reassignment =
        find_reassignment(description->reassignments, topic, from->partition_index);
    bool is_led = is_alive(description->metadata, from->leader_id);
    struct kafka_topics_partition partition = {
        .index = from->partition_index,
        .leader = is_led ? from->leader_id : -1,
        .leader_is_alive = is_led,
        .replicas = from->replica_nodes,
        .replica_count = from->replica_nodes_count,
        .isr = from->isr_nodes,
        .isr_count = from->isr_nodes_count,
        .min_isr = min_isr,
        .has_elr = true,
        .has_reassignment = reassignment != NULL,
    };
    if (reassignment != NULL) {
        partition.adding = reassignment->adding_replicas;
        partition.adding_count = reassignment->adding_replicas_count;
        partition.removing = reassignment->removing_replicas;
        partition.removing_count = reassignment->removing_replicas_count;
    }
    return partition;
}

static int describe_topic(const struct description *description,
                          const struct kafka_metadata_response_topic *topic)
{
    struct kafka_topics *topics = description->topics;
    const struct kafka_describe_configs_response_result *configs = find_configs(
        description->configs, topic->name);
    bool has_overrides = false;
    int32_t min_isr = -1;
    if (configs == NULL || configs->error_code != 0) {
        return kafka_admin_kafka_error(&topics->admin,
                                       configs == NULL ? KAFKA_ERROR_UNKNOWN_SERVER_ERROR
                                                       : configs->error_code,
                                       configs == NULL ? SLICE_NULL : configs->error_message);
    }
    for (int32_t i = 0; i < configs->configs_count; i++) {
        has_overrides |= !is_default(&configs->configs[i]);
        if (slice_equal_cstr(configs->configs[i].name, "min.insync.replicas") &&
            text_parse_i32(configs->configs[i].value, &min_isr) != 0) {
            min_isr = -1;
        }
    }
    if (kafka_topics_prints_configs(topics) && topic->partitions_count > 0 &&
        (!has(topics, "topics-with-overrides") || has_overrides)) {
        struct kafka_topics_partition first = describe_partition(description, topic->name,
                                                                 &topic->partitions[0], min_isr);
        print_topic(topic, configs, replication_factor(&first));
    }
    for (int32_t i = 0; i < topic->partitions_count && !has(topics, "topics-with-overrides"); i++) {
        struct kafka_topics_partition partition = describe_partition(
            description, topic->name, &topic->partitions[i], min_isr);
        kafka_topics_print_partition(topics, topic->name, &partition);
    }
    return 0;
}

/* The topics to describe, sorted, moved to the front of the array; ERR_INVALID. */
static int pick_topics(struct kafka_topics *topics,
                       const struct kafka_metadata_response *metadata,
                       int32_t *count)
{
    char text[KAFKA_UUID_TEXT_MAX];
    struct slice id = kafka_options_value(&topics->options, "topic-id");
    bool by_id = id.len > 0 && !slice_equal_cstr(id, "AAAAAAAAAAAAAAAAAAAAAA");
    *count = 0;
    for (int32_t i = 0; i < metadata->topics_count; i++) {
        const struct kafka_metadata_response_topic *topic = &metadata->topics[i];
        bool passes = by_id ? slice_equal_cstr(id, kafka_uuid_text(&topic->topic_id, text)) &&
                                  !(has(topics, "exclude-internal") && topic->is_internal)
                            : kafka_topic_filter_passes(&topics->filter, topic->name);
        if (passes) {
            metadata->topics[(*count)++] = *topic;
        }
    }
    if (by_id && *count == 0 && !has(topics, "if-exists")) {
        return kafka_admin_error(&topics->admin, "java.lang.IllegalArgumentException",
                                 "TopicId '%.*s' does not exist as expected", SLICE_ARGS(id));
    }
    return by_id ? 0 : kafka_topics_must_exist(topics, (size_t)*count);
}

int kafka_topics_describe(struct kafka_topics *topics)
{
    struct kafka_admin *admin = &topics->admin;
    struct description description = {.topics = topics};
    int32_t count;
    if (has(topics, "if-exists") && has(topics, "topic") && has(topics, "topic-id")) {
        printf("Only topic id will be used when both --topic and --topic-id are specified and "
               "topicId is not Uuid.ZERO_UUID\n");
    }
    description.metadata = kafka_admin_metadata(admin, "listTopics", NULL, 0);
    if (description.metadata == NULL) {
        return ERR_INVALID;
    }
    int error = pick_topics(topics, description.metadata, &count);
    if (error != 0 || count == 0) {
        return error;
    }
    struct kafka_metadata_response_topic *found = description.metadata->topics;
    qsort(found, (size_t)count, sizeof found[0], compare_topics);
    description.configs = ask_configs(admin, found, count);
    if (description.configs == NULL) {
        return ERR_INVALID;
    }
    description.reassignments = ask_reassignments(admin);
    for (int32_t i = 0; i < count && error == 0; i++) {
        if (found[i].partitions_count > 1) {
            qsort(found[i].partitions, (size_t)found[i].partitions_count,
                  sizeof found[i].partitions[0], compare_partitions);
        }
        error = describe_topic(&description, &found[i]);
    }
    return error;
}
