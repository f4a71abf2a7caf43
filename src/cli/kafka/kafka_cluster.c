/* kafka_cluster.c - kafka-cluster (the cluster's id) and kafka-features (its feature flags).
 *
 * Both take a command as their first word and read the rest as argparse4j does.
 *
 * Sources: ClusterTool and FeatureCommand of Kafka 3.9; of 2.7's kafka-features the form
 * --describe.
 */
#include <stdlib.h>

#include "base/text.h"
#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/kafka_tools.h"

static const struct kafka_option cluster_options[] = {
    {.name = "bootstrap-server",
     .alias = "b",
     .argument = KAFKA_OPTION_VALUE,
     .description = "host:port of one or more brokers, separated by commas."},
    {.name = "bootstrap-controller",
     .alias = "C",
     .argument = KAFKA_OPTION_VALUE,
     .description = "Controllers of clusters without ZooKeeper: refused here."},
    {.name = "config",
     .alias = "c",
     .argument = KAFKA_OPTION_VALUE,
     .description = "A property file for the client."},
    {.name = "id",
     .alias = "i",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .description = "unregister: the broker's id."},
};

const struct kafka_options_syntax kafka_cluster_syntax = {
    .tool = "kafka-cluster",
    .purpose = "The Kafka cluster tool. Commands: cluster-id, unregister.",
    .options = cluster_options,
    .count = ARRAY_LEN(cluster_options),
    .needs_no_arguments = true,
    .is_argparse = true,
    .operand = "command",
};

static const struct kafka_option feature_options[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .description = "host:port of one or more brokers, separated by commas."},
    {.name = "bootstrap-controller",
     .argument = KAFKA_OPTION_VALUE,
     .description = "Controllers of clusters without ZooKeeper: refused here."},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .description = "A property file for the client."},
    {.name = "feature",
     .argument = KAFKA_OPTION_VALUE,
     .description = "upgrade, downgrade: name=level; disable: name. May be repeated."},
    {.name = "metadata",
     .argument = KAFKA_OPTION_VALUE,
     .description = "metadata.version: of clusters without ZooKeeper, refused here."},
    {.name = "unsafe", .description = "downgrade, disable: even when metadata may be lost."},
    {.name = "dry-run", .description = "Checks only."},
    {.name = "describe", .description = "Of Kafka 2.7: the command describe."},
    {.name = "from-controller", .description = "Of Kafka 2.7: accepted, without effect."},
};

const struct kafka_options_syntax kafka_features_syntax = {
    .tool = "kafka-features",
    .purpose = "This tool manages feature flags in Kafka. Commands: describe, upgrade, downgrade, "
               "disable.",
    .options = feature_options,
    .count = ARRAY_LEN(feature_options),
    .needs_no_arguments = true,
    .is_argparse = true,
    .operand = "command",
};

static int check_connection(struct kafka_options *options)
{
    if (kafka_options_has(options, "bootstrap-controller")) {
        return kafka_options_refuse(options, "%s",
                                    "clusters with ZooKeeper have no controllers of their own");
    }
    if (!kafka_options_has(options, "bootstrap-server")) {
        return kafka_options_refuse(options, "one of the arguments %s is required",
                                    "--bootstrap-server/-b --bootstrap-controller/-C");
    }
    return 0;
}

static int fail(const struct kafka_admin *admin)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", admin->message.text);
    return 1;
}

/* As ExecutionException.getMessage has it. */
static int fail_wrapped(const struct kafka_admin *admin)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", admin->exception, admin->message.text);
    return 1;
}

/* ---- kafka-cluster --------------------------------------------------------------------------- */

static int run_cluster(struct kafka_options *options, struct kafka_admin *admin)
{
    struct slice none = SLICE_LIT("");
    int32_t id = -1;
    if (options->operand_count == 0) {
        return kafka_options_refuse(options, "%s", "too few arguments");
    }
    struct slice command = options->operands[0];
    bool is_id = slice_equal_cstr(command, "cluster-id");
    if (!is_id && !slice_equal_cstr(command, "unregister")) {
        return kafka_options_refuse(options,
                                    "invalid choice: '%s' (choose from 'cluster-id', 'unregister')",
                                    kafka_admin_cstr(admin, command));
    }
    if (check_connection(options) != 0) {
        return 1;
    }
    if (!is_id && !kafka_options_has(options, "id")) {
        return kafka_options_refuse(options, "%s", "argument --id/-i is required");
    }
    if (kafka_options_i32(options, "id", &id) != 0) {
        return kafka_options_fail(options);
    }
    if (kafka_admin_open(admin, kafka_options_text(options, "bootstrap-server"),
                         kafka_options_text(options, "config")) != 0) {
        return fail(admin);
    }
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "listNodes", &none,
                                                                          0);
    if (metadata == NULL) {
        return fail_wrapped(admin);
    }
    if (!is_id) {
        printf("The target cluster does not support the broker unregistration API.\n");
    } else if (slice_is_null(metadata->cluster_id)) {
        printf("No cluster ID found. The Kafka version is probably too old.\n");
    } else {
        printf("Cluster ID: %.*s\n", SLICE_ARGS(metadata->cluster_id));
    }
    return 0;
}

int tool_kafka_cluster(int argc, char **argv)
{
    return kafka_admin_tool(&kafka_cluster_syntax, run_cluster, argc, argv);
}

/* ---- kafka-features -------------------------------------------------------------------------- */

static int compare_features(const void *a, const void *b)
{
    const struct kafka_api_versions_response_supported_feature *left = a;
    const struct kafka_api_versions_response_supported_feature *right = b;
    return slice_compare(left->name, right->name);
}

static int16_t finalized_level(const struct kafka_api_versions_response *response,
                               struct slice name)
{
    for (int32_t i = 0; i < response->finalized_features_count; i++) {
        if (slice_equal(response->finalized_features[i].name, name)) {
            return response->finalized_features[i].max_version_level;
        }
    }
    return 0;
}

static int describe_features(struct kafka_admin *admin)
{
    struct kafka_api_versions_request request;
    codec_init(&kafka_api_versions_request_message, &request);
    request.client_software_name = SLICE_LIT("samsa");
    request.client_software_version = SLICE_LIT(KAFKA_TOOLS_VERSION);
    struct kafka_admin_call call = {
        .name = "describeFeatures",
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_api_versions_request_message,
        .response_message = &kafka_api_versions_response_message,
        .request = &request,
    };
    const struct kafka_api_versions_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return fail_wrapped(admin);
    }
    if (response->supported_features_count > 1) {
        qsort(response->supported_features, (size_t)response->supported_features_count,
              sizeof response->supported_features[0], compare_features);
    }
    for (int32_t i = 0; i < response->supported_features_count; i++) {
        const struct kafka_api_versions_response_supported_feature *feature =
            &response->supported_features[i];
        char epoch[24] = "-";
        if (response->finalized_features_epoch >= 0) {
            snprintf(epoch, sizeof epoch, "%lld", (long long)response->finalized_features_epoch);
        }
        printf("Feature: %.*s\tSupportedMinVersion: %d\tSupportedMaxVersion: "
               "%d\tFinalizedVersionLevel: %d\tEpoch: %s\n",
               SLICE_ARGS(feature->name), feature->min_version, feature->max_version,
               finalized_level(response, feature->name), epoch);
    }
    return 0;
}

static int read_update(struct kafka_admin *admin,
                       struct slice text,
                       bool is_disable,
                       struct kafka_update_features_request_feature_update *update)
{
    struct slice level;
    int32_t number = 0;
    bool has_level = text_cut(text, '=', &update->feature, &level);
    update->feature = text_trim(update->feature);
    if (is_disable) {
        update->feature = text;
        return 0;
    }
    if (!has_level) {
        return kafka_admin_error(admin, "java.lang.RuntimeException",
                                 "Can't parse feature=level string %.*s: equals sign not found.",
                                 SLICE_ARGS(text));
    }
    if (text_parse_i32(text_trim(level), &number) != 0 || number < INT16_MIN ||
        number > INT16_MAX) {
        return kafka_admin_error(
            admin, "java.lang.RuntimeException",
            "Can't parse feature=level string %.*s: unable to parse %.*s as a short.",
            SLICE_ARGS(text), SLICE_ARGS(text_trim(level)));
    }
    update->max_version_level = (int16_t)number;
    return 0;
}

static int tell_updates(struct kafka_admin *admin,
                        const struct kafka_update_features_request *request,
                        const struct kafka_update_features_response *response,
                        const char *command)
{
    bool is_disable = strcmp(command, "disable") == 0;
    bool is_dry = request->validate_only;
    int failures = 0;
    for (int32_t i = 0; i < request->feature_updates_count; i++) {
        struct slice name = request->feature_updates[i].feature;
        int16_t error = response->error_code;
        struct slice text = response->error_message;
        for (int32_t k = 0; k < response->results_count; k++) {
            if (slice_equal(response->results[k].feature, name) && error == 0) {
                error = response->results[k].error_code;
                text = response->results[k].error_message;
            }
        }
        char level[16] = "";
        if (!is_disable) {
            snprintf(level, sizeof level, " to %d", request->feature_updates[i].max_version_level);
        }
        if (error == 0) {
            printf("%.*s %s %sd%s.\n", SLICE_ARGS(name), is_dry ? "can be" : "was", command, level);
            continue;
        }
        kafka_admin_kafka_error(admin, error, text);
        printf("%s not %s %.*s%s. %s\n", is_dry ? "Can" : "Could", command, SLICE_ARGS(name), level,
               admin->message.text);
        failures++;
    }
    if (failures > 0) {
        fflush(stdout);
        fprintf(stderr, "%d out of %d operation(s) failed.\n", failures,
                request->feature_updates_count);
    }
    return failures > 0 ? 1 : 0;
}

static int update_features(struct kafka_options *options,
                           struct kafka_admin *admin,
                           const char *command)
{
    struct kafka_update_features_request request;
    bool is_disable = strcmp(command, "disable") == 0;
    bool is_upgrade = strcmp(command, "upgrade") == 0;
    bool is_dry = kafka_options_has(options, "dry-run");
    size_t count = kafka_options_count(options, "feature");
    if (count == 0) {
        fprintf(stderr, "You must specify at least one feature to %s\n", command);
        return 1;
    }
    codec_init(&kafka_update_features_request_message, &request);
    request.timeout_ms = 60000;
    request.validate_only = is_dry;
    request.feature_updates_count = (int32_t)count;
    request.feature_updates = kafka_admin_array(
        admin, &kafka_update_features_request_feature_update_message, (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        struct kafka_update_features_request_feature_update *update = &request.feature_updates[i];
        if (read_update(admin, kafka_options_nth(options, "feature", i), is_disable, update) != 0) {
            return fail(admin);
        }
        update->upgrade_type = (int8_t)(is_upgrade                             ? 1
                                        : kafka_options_has(options, "unsafe") ? 3
                                                                               : 2);
    }
    struct kafka_admin_call call = {
        .name = "updateFeatures",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_update_features_request_message,
        .response_message = &kafka_update_features_response_message,
        .request = &request,
        .min_version = 1,
        .max_version = 1,
    };
    const struct kafka_update_features_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return fail_wrapped(admin);
    }
    return tell_updates(admin, &request, response, command);
}

static int run_features(struct kafka_options *options, struct kafka_admin *admin)
{
    static const char *const commands[] = {"describe", "upgrade", "downgrade", "disable"};
    const char *command = kafka_options_has(options, "describe") ? "describe" : NULL;
    if (command == NULL && options->operand_count == 0) {
        return kafka_options_refuse(options, "%s", "too few arguments");
    }
    for (size_t i = 0; i < ARRAY_LEN(commands) && command == NULL; i++) {
        command = slice_equal_cstr(options->operands[0], commands[i]) ? commands[i] : NULL;
    }
    if (command == NULL) {
        return kafka_options_refuse(
            options,
            "invalid choice: '%s' (choose from 'describe', 'upgrade', 'downgrade', "
            "'disable')",
            kafka_admin_cstr(admin, options->operands[0]));
    }
    if (kafka_options_has(options, "metadata")) {
        return kafka_options_refuse(options, "%s",
                                    "--metadata: clusters with ZooKeeper have no metadata.version");
    }
    if (check_connection(options) != 0) {
        return 1;
    }
    if (kafka_admin_open(admin, kafka_options_text(options, "bootstrap-server"),
                         kafka_options_text(options, "command-config")) != 0) {
        return fail(admin);
    }
    return strcmp(command, "describe") == 0 ? describe_features(admin)
                                            : update_features(options, admin, command);
}

int tool_kafka_features(int argc, char **argv)
{
    return kafka_admin_tool(&kafka_features_syntax, run_features, argc, argv);
}
