/* kafka_log_dirs.c - kafka-log-dirs: which directories brokers have, and what lies in them, as
 * JSON.
 *
 * Source: LogDirsCommand of Kafka 3.9.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/kafka_topic_filter.h"

#define BROKERS_MAX 4096

static const struct kafka_option options_table[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "The server(s) to use for bootstrapping",
     .description = "REQUIRED: host:port of one or more brokers, separated by commas."},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Admin client property file",
     .description = "A property file for the client."},
    {.name = "describe", .description = "REQUIRED: shows the directories."},
    {.name = "topic-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Topic list",
     .default_value = "",
     .description = "These topics only: topic1,topic2"},
    {.name = "broker-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Broker list",
     .default_value = "",
     .description = "These brokers only: 0,1,2"},
};

const struct kafka_options_syntax kafka_log_dirs_syntax = {
    .tool = "kafka-log-dirs",
    .purpose = "This tool helps to query log directory usage on the specified brokers.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

struct brokers {
    int32_t ids[BROKERS_MAX];
    size_t count;
};

static bool contains(const struct brokers *brokers, int32_t id)
{
    for (size_t i = 0; i < brokers->count; i++) {
        if (brokers->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static struct slice brokers_text(struct kafka_admin *admin, const struct brokers *brokers)
{
    struct slice text = SLICE_LIT("");
    for (size_t i = 0; i < brokers->count; i++) {
        text = kafka_admin_format(admin, "%.*s%s%d", SLICE_ARGS(text), i > 0 ? "," : "",
                                  brokers->ids[i]);
    }
    return text;
}

static int compare_ids(const void *a, const void *b)
{
    const int32_t *left = a;
    const int32_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* --broker-list, or all of the cluster. */
static int choose_brokers(struct kafka_admin *admin, struct slice list, struct brokers *chosen)
{
    struct brokers known = {.count = 0};
    struct brokers missing = {.count = 0};
    struct slice none = SLICE_LIT("");
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "listNodes", &none,
                                                                          0);
    bool has_more = list.len > 0;
    if (metadata == NULL) {
        return ERR_INVALID;
    }
    for (int32_t i = 0; i < metadata->brokers_count && known.count < BROKERS_MAX; i++) {
        known.ids[known.count++] = metadata->brokers[i].node_id;
    }
    qsort(known.ids, known.count, sizeof known.ids[0], compare_ids);
    chosen->count = 0;
    while (has_more) {
        struct slice one;
        int32_t id;
        has_more = text_cut(list, ',', &one, &list);
        if (one.len == 0) {
            continue;
        }
        if (text_parse_i32(one, &id) != 0) {
            return kafka_admin_error(admin, "java.lang.NumberFormatException",
                                     "For input string: \"%.*s\"", SLICE_ARGS(one));
        }
        struct brokers *into = contains(&known, id) ? chosen : &missing;
        if (!contains(into, id) && into->count < BROKERS_MAX) {
            into->ids[into->count++] = id;
        }
    }
    if (missing.count > 0) {
        return kafka_admin_error(admin, "org.apache.kafka.tools.TerseException",
                                 "ERROR: The given brokers do not exist from --broker-list: %.*s. "
                                 "Current existent brokers: %.*s",
                                 SLICE_ARGS(brokers_text(admin, &missing)),
                                 SLICE_ARGS(brokers_text(admin, &known)));
    }
    if (chosen->count == 0) {
        *chosen = known;
    }
    return 0;
}

static bool is_listed(struct slice list, struct slice name)
{
    bool has_more = true;
    bool is_empty = true;
    while (has_more) {
        struct slice one;
        has_more = text_cut(list, ',', &one, &list);
        is_empty &= one.len == 0;
        if (one.len > 0 && slice_equal(one, name)) {
            return true;
        }
    }
    return is_empty;
}

static json_t *partitions_json(struct kafka_admin *admin,
                               const struct kafka_describe_log_dirs_response_log_dir *result,
                               struct slice topics)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < result->topics_count; i++) {
        const struct kafka_describe_log_dirs_response_topic *topic = &result->topics[i];
        for (int32_t k = 0; k < topic->partitions_count && is_listed(topics, topic->name); k++) {
            const struct kafka_describe_log_dirs_response_partition *partition =
                &topic->partitions[k];
            struct slice name = kafka_admin_format(admin, "%.*s-%d", SLICE_ARGS(topic->name),
                                                   partition->partition_index);
            json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:b}", "partition",
                                                  (const char *)name.ptr, "size",
                                                  (json_int_t)partition->partition_size,
                                                  "offsetLag", (json_int_t)partition->offset_lag,
                                                  "isFuture", (int)partition->is_future_key));
        }
    }
    return list;
}

static json_t *broker_json(struct kafka_admin *admin, int32_t id, struct slice topics)
{
    struct kafka_describe_log_dirs_request request;
    char exception[KAFKA_EXCEPTION_TEXT_MAX];
    codec_init(&kafka_describe_log_dirs_request_message, &request);
    request.topics_count = -1;
    struct kafka_admin_call call = {
        .name = "describeLogDirs",
        .target = {.kind = KAFKA_TARGET_BROKER, .broker_id = id},
        .request_message = &kafka_describe_log_dirs_request_message,
        .response_message = &kafka_describe_log_dirs_response_message,
        .request = &request,
    };
    const struct kafka_describe_log_dirs_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return NULL;
    }
    json_t *dirs = json_array();
    for (int32_t i = 0; i < response->results_count; i++) {
        const struct kafka_describe_log_dirs_response_log_dir *result = &response->results[i];
        json_t *error = result->error_code == 0
                            ? json_null()
                            : json_string(kafka_exception_name(result->error_code, exception));
        json_array_append_new(
            dirs, json_pack("{s:o, s:o, s:o}", "partitions", partitions_json(admin, result, topics),
                            "error", error, "logDir",
                            json_stringn((const char *)result->log_dir.ptr, result->log_dir.len)));
    }
    return json_pack("{s:i, s:o}", "broker", id, "logDirs", dirs);
}

static int describe(struct kafka_admin *admin, const struct brokers *brokers, struct slice topics)
{
    json_t *list = json_array();
    printf("Querying brokers for log directories information\n");
    for (size_t i = 0; i < brokers->count; i++) {
        json_t *broker = broker_json(admin, brokers->ids[i], topics);
        if (broker == NULL) {
            json_decref(list);
            return ERR_INVALID;
        }
        json_array_append_new(list, broker);
    }
    json_t *root = json_pack("{s:o, s:i}", "brokers", list, "version", 1);
    char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
    printf("Received log directory information from brokers %.*s\n%s\n",
           SLICE_ARGS(brokers_text(admin, brokers)), text);
    free(text);
    json_decref(root);
    return 0;
}

static int run(struct kafka_options *options, struct kafka_admin *admin)
{
    const char *const required[] = {"bootstrap-server", "describe", NULL};
    struct brokers brokers;
    if (!kafka_options_require(options, required)) {
        return 1;
    }
    snprintf(admin->client_id, sizeof admin->client_id, "log-dirs-tool");
    int error = kafka_admin_open(admin, kafka_options_text(options, "bootstrap-server"),
                                 kafka_options_text(options, "command-config"));
    error = error != 0
                ? error
                : choose_brokers(admin, kafka_options_value(options, "broker-list"), &brokers);
    error = error != 0 ? error
                       : describe(admin, &brokers, kafka_options_value(options, "topic-list"));
    if (error != 0) {
        fflush(stdout);
        fprintf(stderr, "%s\n", admin->message.text);
    }
    return error != 0 ? 1 : 0;
}

int tool_kafka_log_dirs(int argc, char **argv)
{
    return kafka_admin_tool(&kafka_log_dirs_syntax, run, argc, argv);
}
