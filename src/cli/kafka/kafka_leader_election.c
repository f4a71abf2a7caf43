/* kafka_leader_election.c - kafka-leader-election: asks the controller to elect leaders.
 *
 * Source: LeaderElectionCommand of Kafka 3.9.
 */
#include <jansson.h>

#include "base/text.h"
#include "cli/kafka/kafka_offsets.h"
#include "cli/kafka/kafka_tools.h"

#define TIMEOUT_MS 30000

static const struct kafka_option options_table[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "host:port",
     .description = "REQUIRED: host:port of one or more brokers, separated by commas."},
    {.name = "admin.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A property file for the client."},
    {.name = "path-to-json-file",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Path to JSON file",
     .description = "The partitions: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1}]}"},
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic name",
     .description = "The topic; with --partition."},
    {.name = "partition",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "partition id",
     .description = "The partition; with --topic."},
    {.name = "all-topic-partitions", .description = "Every partition there is."},
    {.name = "election-type",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "election type",
     .description = "REQUIRED: preferred (the first replica leads again) or unclean (a partition "
                    "without leader gets one, even one that lacks records)."},
};

const struct kafka_options_syntax kafka_leader_election_syntax = {
    .tool = "kafka-leader-election",
    .purpose =
        "This tool attempts to elect a new leader for a set of topic partitions. The type of "
        "elections supported are preferred replicas and unclean replicas.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

static int read_partitions(struct kafka_admin *admin, const json_t *root, struct kafka_spots *spots)
{
    const json_t *partitions = json_object_get(root, "partitions");
    size_t i;
    const json_t *item;
    if (!json_is_array(partitions)) {
        return kafka_admin_error(admin, "org.apache.kafka.server.common.AdminOperationException",
                                 "Replica election data is missing \"partitions\" field");
    }
    json_array_foreach(partitions, i, item)
    {
        const char *topic = json_string_value(json_object_get(item, "topic"));
        const json_t *partition = json_object_get(item, "partition");
        if (topic == NULL || !json_is_integer(partition)) {
            return kafka_admin_error(admin, "com.fasterxml.jackson.databind.JsonMappingException",
                                     "every partition needs topic and partition");
        }
        struct slice name = arena_copy(&admin->arena, slice_of_cstr(topic));
        int32_t index = (int32_t)json_integer_value(partition);
        if (kafka_spots_find(spots, name, index) != NULL) {
            return kafka_admin_error(admin,
                                     "org.apache.kafka.server.common.AdminOperationException",
                                     "Replica election data contains duplicate partitions: "
                                     "[%.*s-%d]",
                                     SLICE_ARGS(name), index);
        }
        kafka_spots_add(admin, spots, name, index);
    }
    return 0;
}

static int choose(struct kafka_options *options,
                  struct kafka_admin *admin,
                  struct kafka_spots *spots)
{
    struct slice text;
    json_error_t json_error;
    int32_t partition = -1;
    if (kafka_options_has(options, "topic")) {
        int error = kafka_options_i32(options, "partition", &partition);
        if (error != 0) {
            return kafka_admin_error(admin, options->exception, "%s", options->message.text);
        }
        kafka_spots_add(admin, spots, kafka_options_value(options, "topic"), partition);
        return 0;
    }
    if (!kafka_options_has(options, "path-to-json-file")) {
        return 0;
    }
    int error = kafka_admin_read_file(admin, kafka_options_text(options, "path-to-json-file"),
                                      &text);
    if (error != 0) {
        return error;
    }
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, &json_error);
    if (root == NULL) {
        return kafka_admin_error(admin, "org.apache.kafka.server.common.AdminOperationException",
                                 "Replica election data is empty");
    }
    error = read_partitions(admin, root, spots);
    json_decref(root);
    return error;
}

static const struct kafka_elect_leaders_response *ask(struct kafka_admin *admin,
                                                      int8_t type,
                                                      struct kafka_spots *spots,
                                                      bool is_all)
{
    struct kafka_elect_leaders_request request;
    codec_init(&kafka_elect_leaders_request_message, &request);
    request.election_type = type;
    request.timeout_ms = TIMEOUT_MS;
    request.topic_partitions_count = is_all ? -1 : spots->count;
    request.topic_partitions = kafka_admin_array(admin, &kafka_elect_leaders_request_topic_message,
                                                 spots->count);
    for (int32_t i = 0; i < spots->count; i++) {
        request.topic_partitions[i].topic = spots->items[i].topic;
        request.topic_partitions[i].partitions = &spots->items[i].partition;
        request.topic_partitions[i].partitions_count = 1;
    }
    struct kafka_admin_call call = {
        .name = "electLeaders",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_elect_leaders_request_message,
        .response_message = &kafka_elect_leaders_response_message,
        .request = &request,
    };
    const struct kafka_elect_leaders_response *response = kafka_admin_ask(admin, &call);
    if (response != NULL && response->error_code != 0) {
        kafka_admin_kafka_error(admin, response->error_code, SLICE_NULL);
        return NULL;
    }
    return response;
}

/* "t-0, t-1" of all partitions with that error. */
static struct slice with_error(struct kafka_admin *admin,
                               const struct kafka_elect_leaders_response *response,
                               int16_t error)
{
    struct slice text = SLICE_LIT("");
    for (int32_t i = 0; i < response->replica_election_results_count; i++) {
        const struct kafka_elect_leaders_response_topic_result *topic =
            &response->replica_election_results[i];
        for (int32_t k = 0; k < topic->partition_result_count; k++) {
            if (topic->partition_result[k].error_code == error) {
                text = kafka_admin_format(admin, "%.*s%s%.*s-%d", SLICE_ARGS(text),
                                          text.len > 0 ? ", " : "", SLICE_ARGS(topic->topic),
                                          topic->partition_result[k].partition_id);
            }
        }
    }
    return text;
}

static int print_failures(struct kafka_admin *admin,
                          const struct kafka_elect_leaders_response *response,
                          const char *type)
{
    int failures = 0;
    for (int32_t i = 0; i < response->replica_election_results_count; i++) {
        const struct kafka_elect_leaders_response_topic_result *topic =
            &response->replica_election_results[i];
        for (int32_t k = 0; k < topic->partition_result_count; k++) {
            int16_t error = topic->partition_result[k].error_code;
            if (error == 0 || error == KAFKA_ERROR_ELECTION_NOT_NEEDED) {
                continue;
            }
            kafka_admin_kafka_error(admin, error, topic->partition_result[k].error_message);
            printf("Error completing leader election (%s) for partition: %.*s-%d: %s: %s\n", type,
                   SLICE_ARGS(topic->topic), topic->partition_result[k].partition_id,
                   admin->exception, admin->message.text);
            failures++;
        }
    }
    return failures;
}

static int elect(struct kafka_options *options, struct kafka_admin *admin, bool is_unclean)
{
    struct kafka_spots spots = {0};
    const char *type = is_unclean ? "UNCLEAN" : "PREFERRED";
    int error = choose(options, admin, &spots);
    const struct kafka_elect_leaders_response *response =
        error != 0 ? NULL
                   : ask(admin, is_unclean ? KAFKA_ELECTION_UNCLEAN : KAFKA_ELECTION_PREFERRED,
                         &spots, kafka_options_has(options, "all-topic-partitions"));
    if (response == NULL) {
        fprintf(stderr, "%s\n", admin->message.text);
        return 1;
    }
    struct slice done = with_error(admin, response, 0);
    struct slice needless = with_error(admin, response, KAFKA_ERROR_ELECTION_NOT_NEEDED);
    if (done.len > 0) {
        printf("Successfully completed leader election (%s) for partitions %.*s\n", type,
               SLICE_ARGS(done));
    }
    if (needless.len > 0) {
        printf("Valid replica already elected for partitions %.*s\n", SLICE_ARGS(needless));
    }
    int failures = print_failures(admin, response, type);
    if (failures > 0) {
        fflush(stdout);
        fprintf(stderr, "%d replica(s) could not be elected\n", failures);
    }
    return failures > 0 ? 1 : 0;
}

/* What is wrong with the words, or NULL. */
static const char *find_problem(const struct kafka_options *options)
{
    bool has_server = kafka_options_has(options, "bootstrap-server");
    bool has_type = kafka_options_has(options, "election-type");
    bool has_topic = kafka_options_has(options, "topic");
    int scopes = has_topic + kafka_options_has(options, "path-to-json-file") +
                 kafka_options_has(options, "all-topic-partitions");
    if (!has_type || !has_server) {
        return has_server ? "Missing required option(s): election-type"
               : has_type ? "Missing required option(s): bootstrap-server"
                          : "Missing required option(s): bootstrap-server, election-type";
    }
    if (scopes != 1) {
        return "One and only one of the following options is required: topic, "
               "all-topic-partitions, path-to-json-file";
    }
    if (has_topic && !kafka_options_has(options, "partition")) {
        return "Missing required option(s): partition";
    }
    if (!has_topic && kafka_options_has(options, "partition")) {
        return "Option partition is only allowed if topic is used";
    }
    return NULL;
}

static int run(struct kafka_options *options, struct kafka_admin *admin)
{
    struct slice type = kafka_options_value(options, "election-type");
    const char *problem = find_problem(options);
    if (problem != NULL) {
        fprintf(stderr, "%s\n", problem);
        return 1;
    }
    bool is_unclean = text_equal_ignoring_case(type, SLICE_LIT("unclean"));
    if (!is_unclean && !text_equal_ignoring_case(type, SLICE_LIT("preferred"))) {
        fprintf(stderr, "Cannot parse argument '%.*s' of option election-type\n", SLICE_ARGS(type));
        return 1;
    }
    admin->call_timeout_ms = TIMEOUT_MS;
    if (kafka_admin_open(admin, kafka_options_text(options, "bootstrap-server"),
                         kafka_options_text(options, "admin.config")) != 0) {
        fprintf(stderr, "%s\n", admin->message.text);
        return 1;
    }
    return elect(options, admin, is_unclean);
}

int tool_kafka_leader_election(int argc, char **argv)
{
    return kafka_admin_tool(&kafka_leader_election_syntax, run, argc, argv);
}
