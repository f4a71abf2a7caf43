/* kafka_delete_records.c - kafka-delete-records: moves the beginning of partitions' logs.
 *
 * The file is JSON: {"partitions":[{"topic":"t","partition":0,"offset":5}],"version":1}. Every
 * leader is told on its own; a partition that fails has its error in its line. Offset -1 means the
 * end.
 *
 * Source: DeleteRecordsCommand of Kafka 3.9.
 */
#include <jansson.h>

#include "cli/kafka/kafka_offsets.h"
#include "cli/kafka/kafka_tools.h"

static const struct kafka_option options_table[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server(s) to use for bootstrapping",
     .description = "REQUIRED: host:port of one or more brokers, separated by commas."},
    {.name = "offset-json-file",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Offset json file path",
     .description = "REQUIRED: the offsets before which records are deleted, in the format "
                    "{\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}], "
                    "\"version\":1}"},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "command config property file path",
     .description = "A property file for the client."},
};

const struct kafka_options_syntax kafka_delete_records_syntax = {
    .tool = "kafka-delete-records",
    .purpose = "This tool helps to delete records of the given partitions down to the specified "
               "offset.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .needs_no_arguments = false,
};

static int read_partition(struct kafka_admin *admin, const json_t *item, struct kafka_spots *spots)
{
    const json_t *topic = json_object_get(item, "topic");
    const json_t *partition = json_object_get(item, "partition");
    const json_t *offset = json_object_get(item, "offset");
    if (!json_is_string(topic) || !json_is_integer(partition) || !json_is_integer(offset) ||
        json_integer_value(partition) < 0 || json_integer_value(partition) > INT32_MAX) {
        return kafka_admin_error(admin, "com.fasterxml.jackson.databind.JsonMappingException",
                                 "every partition needs topic, partition and offset");
    }
    struct slice name = arena_copy(&admin->arena, slice_of_cstr(json_string_value(topic)));
    int32_t index = (int32_t)json_integer_value(partition);
    if (kafka_spots_find(spots, name, index) != NULL) {
        return kafka_admin_error(admin,
                                 "org.apache.kafka.server.common.AdminCommandFailedException",
                                 "Offset json file contains duplicate topic partitions: %.*s-%d",
                                 SLICE_ARGS(name), index);
    }
    kafka_spots_add(admin, spots, name, index)->offset = json_integer_value(offset);
    return 0;
}

static int read_json(struct kafka_admin *admin, const json_t *root, struct kafka_spots *spots)
{
    const json_t *version = json_object_get(root, "version");
    const json_t *partitions = json_object_get(root, "partitions");
    size_t i;
    const json_t *item;
    if (!json_is_object(root)) {
        return kafka_admin_error(admin, "org.apache.kafka.server.common.AdminOperationException",
                                 "The input string is not a valid JSON");
    }
    if (version != NULL && json_integer_value(version) != 1) {
        return kafka_admin_error(admin, "org.apache.kafka.server.common.AdminOperationException",
                                 "Not supported version field value %lld",
                                 (long long)json_integer_value(version));
    }
    if (!json_is_array(partitions)) {
        return kafka_admin_error(admin, "org.apache.kafka.server.common.AdminOperationException",
                                 "Missing partitions field");
    }
    json_array_foreach(partitions, i, item)
    {
        int error = read_partition(admin, item, spots);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int read_file(struct kafka_admin *admin, const char *path, struct kafka_spots *spots)
{
    struct slice text;
    json_error_t json_error;
    int error = kafka_admin_read_file(admin, path, &text);
    if (error != 0) {
        return error;
    }
    json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES,
                              &json_error);
    error = read_json(admin, root, spots);
    json_decref(root);
    return error;
}

static const struct kafka_delete_records_response_partition *only_partition(
    const struct kafka_delete_records_response *response)
{
    bool is_sound = response->topics_count == 1 && response->topics[0].partitions_count == 1;
    return is_sound ? &response->topics[0].partitions[0] : NULL;
}

static int16_t delete_error(const void *response, int16_t version)
{
    const struct kafka_delete_records_response_partition *partition = only_partition(response);
    (void)version;
    return partition != NULL ? partition->error_code : 0;
}

static int delete_one(struct kafka_admin *admin, const struct kafka_spot *spot, int64_t *watermark)
{
    struct kafka_delete_records_request request;
    codec_init(&kafka_delete_records_request_message, &request);
    request.topics = kafka_admin_array(admin, &kafka_delete_records_request_topic_message, 1);
    request.topics_count = 1;
    request.topics[0].name = spot->topic;
    request.topics[0].partitions = kafka_admin_array(
        admin, &kafka_delete_records_request_partition_message, 1);
    request.topics[0].partitions_count = 1;
    request.topics[0].partitions[0].partition_index = spot->partition;
    request.topics[0].partitions[0].offset = spot->offset;
    request.timeout_ms = 60000;
    struct kafka_admin_call call = {
        .name = "deleteRecords",
        .target = {.kind = KAFKA_TARGET_LEADER, .topic = spot->topic, .partition = spot->partition},
        .request_message = &kafka_delete_records_request_message,
        .response_message = &kafka_delete_records_response_message,
        .request = &request,
        .error_of = delete_error,
    };
    const struct kafka_delete_records_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return ERR_INVALID;
    }
    const struct kafka_delete_records_response_partition *partition = only_partition(response);
    if (partition == NULL || partition->error_code != 0) {
        return kafka_admin_kafka_error(
            admin, partition == NULL ? KAFKA_ERROR_UNKNOWN_SERVER_ERROR : partition->error_code,
            SLICE_NULL);
    }
    *watermark = partition->low_watermark;
    return 0;
}

static int run(struct kafka_options *options, struct kafka_admin *admin)
{
    const char *const required[] = {"bootstrap-server", "offset-json-file", NULL};
    struct kafka_spots spots = {0};
    if (!kafka_options_require(options, required)) {
        return 1;
    }
    int error = kafka_admin_open(admin, kafka_options_text(options, "bootstrap-server"),
                                 kafka_options_text(options, "command-config"));
    error = error != 0 ? error
                       : read_file(admin, kafka_options_text(options, "offset-json-file"), &spots);
    if (error != 0) {
        fprintf(stderr, "%s\n", admin->message.text);
        return 1;
    }
    printf("Executing records delete operation\nRecords delete operation completed:\n");
    for (int32_t i = 0; i < spots.count; i++) {
        int64_t watermark = -1;
        printf("partition: %.*s-%d\t", SLICE_ARGS(spots.items[i].topic), spots.items[i].partition);
        if (delete_one(admin, &spots.items[i], &watermark) == 0) {
            printf("low_watermark: %lld\n", (long long)watermark);
        } else {
            printf("error: %s: %s\n", admin->exception, admin->message.text);
        }
    }
    return 0;
}

int tool_kafka_delete_records(int argc, char **argv)
{
    return kafka_admin_tool(&kafka_delete_records_syntax, run, argc, argv);
}
