/* kafka_broker_api_versions.c - kafka-broker-api-versions: what each broker speaks, and what of it
 * this client does.
 *
 * Source: BrokerApiVersionsCommand, NodeApiVersions of Kafka 3.9.
 */
#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/kafka_tools.h"

/* The last api that clients of 3.9 know; those between servers are not shown unless they are
 * offered. */
#define API_LAST 87

static const int16_t apis_of_servers[] = {52, 53, 54, 59, 62, 63, 70, 73, 82};

static const struct kafka_option options_table[] = {
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "command config property file",
     .description = "A property file for the client."},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server(s) to use for bootstrapping",
     .description = "REQUIRED: host:port of one or more brokers, separated by commas."},
};

const struct kafka_options_syntax kafka_broker_api_versions_syntax = {
    .tool = "kafka-broker-api-versions",
    .purpose = "This tool helps to retrieve broker version information.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .is_uncaught = true,
};

static const struct codec_message *request_of(int16_t key)
{
    for (size_t i = 0; i < kafka_message_count; i++) {
        const char *name = codec_name(kafka_messages[i]);
        size_t len = strlen(name);
        if (codec_api_key(kafka_messages[i]) == key && len > 8 &&
            strcmp(name + len - 8, "_request") == 0) {
            return kafka_messages[i];
        }
    }
    return NULL;
}

static bool is_of_servers(int16_t key)
{
    for (size_t i = 0; i < ARRAY_LEN(apis_of_servers); i++) {
        if (apis_of_servers[i] == key) {
            return true;
        }
    }
    return false;
}

static void print_range(int16_t key, int16_t first, int16_t last)
{
    const struct codec_message *message = request_of(key);
    int own_first = message != NULL ? codec_min_version(message) : first;
    int own_last = message != NULL ? codec_max_version(message) : last;
    if (key > API_LAST) {
        printf("UNKNOWN(%d): ", key);
    } else {
        printf("%s(%d): ", kafka_api_name(key), key);
    }
    if (first == last) {
        printf("%d", first);
    } else {
        printf("%d to %d", first, last);
    }
    if (key > API_LAST) {
        return;
    }
    if (last < own_first) {
        printf(" [unusable: node too old]");
    } else if (own_last < first) {
        printf(" [unusable: node too new]");
    } else {
        printf(" [usable: %d]", MIN(own_last, (int)last));
    }
}

static const struct kafka_api_versions_response_api_version *find_api(
    const struct kafka_api_versions_response *response,
    int16_t key)
{
    for (int32_t i = 0; i < response->api_keys_count; i++) {
        if (response->api_keys[i].api_key == key) {
            return &response->api_keys[i];
        }
    }
    return NULL;
}

static void print_versions(const struct kafka_api_versions_response *response)
{
    const char *separator = "";
    printf("(\n");
    for (int32_t key = 0; key <= INT16_MAX; key++) {
        const struct kafka_api_versions_response_api_version *api = find_api(response,
                                                                             (int16_t)key);
        if (api == NULL && (key > API_LAST || is_of_servers((int16_t)key))) {
            continue;
        }
        printf("%s\t", separator);
        if (api != NULL) {
            print_range((int16_t)key, api->min_version, api->max_version);
        } else {
            printf("%s(%d): UNSUPPORTED", kafka_api_name(key), key);
        }
        separator = ",\n";
    }
    printf("\n)\n");
}

static int show_broker(struct kafka_admin *admin,
                       const struct kafka_metadata_response_broker *broker)
{
    struct kafka_api_versions_request request;
    struct slice rack = slice_is_null(broker->rack) ? SLICE_LIT("null") : broker->rack;
    codec_init(&kafka_api_versions_request_message, &request);
    request.client_software_name = SLICE_LIT("samsa");
    request.client_software_version = SLICE_LIT(KAFKA_TOOLS_VERSION);
    struct kafka_admin_call call = {
        .name = "apiVersions",
        .target = {.kind = KAFKA_TARGET_BROKER, .broker_id = broker->node_id},
        .request_message = &kafka_api_versions_request_message,
        .response_message = &kafka_api_versions_response_message,
        .request = &request,
    };
    const struct kafka_api_versions_response *response = kafka_admin_ask(admin, &call);
    printf("%.*s:%d (id: %d rack: %.*s) -> ", SLICE_ARGS(broker->host), broker->port,
           broker->node_id, SLICE_ARGS(rack));
    if (response == NULL) {
        printf("ERROR: %s: %s\n", admin->exception, admin->message.text);
    } else {
        print_versions(response);
    }
    return 0;
}

static int run(struct kafka_options *options, struct kafka_admin *admin)
{
    const char *const required[] = {"bootstrap-server", NULL};
    struct slice none = SLICE_LIT("");
    if (!kafka_options_require(options, required)) {
        return 1;
    }
    if (kafka_admin_open(admin, kafka_options_text(options, "bootstrap-server"),
                         kafka_options_text(options, "command-config")) != 0) {
        return kafka_admin_die(admin, false);
    }
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "listNodes", &none,
                                                                          0);
    if (metadata == NULL) {
        return kafka_admin_die(admin, false);
    }
    int error = 0;
    for (int32_t i = 0; i < metadata->brokers_count && error == 0; i++) {
        error = show_broker(admin, &metadata->brokers[i]);
    }
    return error;
}

int tool_kafka_broker_api_versions(int argc, char **argv)
{
    return kafka_admin_tool(&kafka_broker_api_versions_syntax, run, argc, argv);
}
