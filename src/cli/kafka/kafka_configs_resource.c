/* kafka_configs_resource.c - configurations of topics, brokers and loggers. See kafka_configs.c.
 *
 * A broker's own settings are known to that broker alone and asked of it; a broker's defaults and a
 * topic's settings any broker tells.
 */
#include <stdlib.h>

#include "base/text.h"
#include "cli/kafka/kafka_configs.h"
#include "cli/kafka/kafka_topic_filter.h"

static int8_t resource_type(enum kafka_entity_type type)
{
    switch (type) {
    case KAFKA_ENTITY_TOPIC:
        return KAFKA_CONFIG_RESOURCE_TOPIC;
    case KAFKA_ENTITY_BROKER:
        return KAFKA_CONFIG_RESOURCE_BROKER;
    case KAFKA_ENTITY_LOGGER:
        return KAFKA_CONFIG_RESOURCE_BROKER_LOGGER;
    case KAFKA_ENTITY_CLIENT_METRICS:
        return KAFKA_CONFIG_RESOURCE_CLIENT_METRICS;
    case KAFKA_ENTITY_USER:
    case KAFKA_ENTITY_CLIENT:
    case KAFKA_ENTITY_IP:
    case KAFKA_ENTITY_TYPES:
        break; /* quotas and credentials have requests of their own */
    }
    UNREACHABLE();
}

static bool has(const struct kafka_configs *configs, const char *name)
{
    return kafka_options_has(&configs->options, name);
}

static struct kafka_target target_of(enum kafka_entity_type type, struct slice name)
{
    struct kafka_target target = {.kind = KAFKA_TARGET_ANY};
    bool is_broker = type == KAFKA_ENTITY_BROKER || type == KAFKA_ENTITY_LOGGER;
    if (is_broker && name.len > 0 && text_parse_i32(name, &target.broker_id) == 0) {
        target.kind = KAFKA_TARGET_BROKER;
    }
    return target;
}

static int compare_configs(const void *a, const void *b)
{
    const struct kafka_describe_configs_response_config *left = a;
    const struct kafka_describe_configs_response_config *right = b;
    return slice_compare(left->name, right->name);
}

/* NULL: an error. Sorted. */
static const struct kafka_describe_configs_response_result *ask_configs(
    struct kafka_configs *configs,
    enum kafka_entity_type type,
    struct slice name)
{
    struct kafka_admin *admin = &configs->admin;
    struct kafka_describe_configs_request request;
    codec_init(&kafka_describe_configs_request_message, &request);
    request.resources = kafka_admin_array(admin, &kafka_describe_configs_request_resource_message,
                                          1);
    request.resources_count = 1;
    request.resources[0].resource_type = resource_type(type);
    request.resources[0].resource_name = name;
    request.resources[0].configuration_keys_count = -1;
    request.include_synonyms = true;
    struct kafka_admin_call call = {
        .name = "describeConfigs",
        .target = target_of(type, name),
        .request_message = &kafka_describe_configs_request_message,
        .response_message = &kafka_describe_configs_response_message,
        .request = &request,
        .min_version = 1,
        .max_version = INT16_MAX,
    };
    const struct kafka_describe_configs_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL || response->results_count < 1) {
        return NULL;
    }
    struct kafka_describe_configs_response_result *result = &response->results[0];
    if (result->error_code != 0) {
        kafka_admin_kafka_error(admin, result->error_code, result->error_message);
        return NULL;
    }
    if (result->configs_count > 1) {
        qsort(result->configs, (size_t)result->configs_count, sizeof result->configs[0],
              compare_configs);
    }
    return result;
}

/* The source of what was set for this entity itself; -1: any. */
static int8_t own_source(enum kafka_entity_type type, struct slice name)
{
    switch (type) {
    case KAFKA_ENTITY_TOPIC:
        return KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
    case KAFKA_ENTITY_BROKER:
        return name.len > 0 ? KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG
                            : KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG;
    case KAFKA_ENTITY_CLIENT_METRICS:
        return KAFKA_CONFIG_SOURCE_DYNAMIC_CLIENT_METRICS_CONFIG;
    case KAFKA_ENTITY_LOGGER:
    case KAFKA_ENTITY_USER:
    case KAFKA_ENTITY_CLIENT:
    case KAFKA_ENTITY_IP:
    case KAFKA_ENTITY_TYPES:
        break;
    }
    return -1;
}

static struct slice or_null(struct slice text)
{
    return slice_is_null(text) ? SLICE_LIT("null") : text;
}

static void print_config(const struct kafka_describe_configs_response_config *config)
{
    printf("  %.*s=%.*s sensitive=%s synonyms={", SLICE_ARGS(config->name),
           SLICE_ARGS(or_null(config->value)), config->is_sensitive ? "true" : "false");
    for (int32_t i = 0; i < config->synonyms_count; i++) {
        const struct kafka_describe_configs_response_synonym *synonym = &config->synonyms[i];
        printf("%s%s:%.*s=%.*s", i > 0 ? ", " : "", kafka_config_source_name(synonym->source),
               SLICE_ARGS(synonym->name), SLICE_ARGS(or_null(synonym->value)));
    }
    printf("}\n");
}

static int describe_one(struct kafka_configs *configs, struct slice name)
{
    enum kafka_entity_type type = configs->types[0];
    const char *plural = kafka_entity_type_names[type];
    int8_t source = has(configs, "all") ? -1 : own_source(type, name);
    if (name.len == 0) {
        printf("Default configs for %s in the cluster are:\n", plural);
    } else {
        printf("%s configs for %.*s %.*s are:\n", has(configs, "all") ? "All" : "Dynamic",
               (int)strlen(plural) - 1, plural, SLICE_ARGS(name));
    }
    const struct kafka_describe_configs_response_result *result = ask_configs(configs, type, name);
    for (int32_t i = 0; result != NULL && i < result->configs_count; i++) {
        if (source == -1 || result->configs[i].config_source == source) {
            print_config(&result->configs[i]);
        }
    }
    return result == NULL ? ERR_INVALID : 0;
}

static int describe_all(struct kafka_configs *configs)
{
    struct kafka_admin *admin = &configs->admin;
    struct slice none = SLICE_LIT("");
    bool is_topics = configs->types[0] == KAFKA_ENTITY_TOPIC;
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(
        admin, is_topics ? "listTopics" : "listNodes", is_topics ? NULL : &none, 0);
    if (metadata == NULL) {
        return ERR_INVALID;
    }
    int32_t count = is_topics ? metadata->topics_count : metadata->brokers_count;
    struct slice *names = ARENA_ARRAY(&admin->arena, struct slice, (size_t)count + 1);
    for (int32_t i = 0; i < count; i++) {
        names[i] = is_topics ? metadata->topics[i].name
                             : kafka_admin_format(admin, "%d", metadata->brokers[i].node_id);
    }
    kafka_sort_names(names, (size_t)count);
    int error = 0;
    for (int32_t i = 0; i < count && error == 0; i++) {
        error = describe_one(configs, names[i]);
    }
    bool has_default = configs->types[0] == KAFKA_ENTITY_BROKER;
    return error == 0 && has_default ? describe_one(configs, SLICE_LIT("")) : error;
}

int kafka_configs_describe_resources(struct kafka_configs *configs)
{
    if (configs->types[0] == KAFKA_ENTITY_CLIENT_METRICS && configs->name_count == 0) {
        return kafka_configs_refuse(
            configs,
            "client-metrics: brokers with ZooKeeper have none; name one with --entity-name");
    }
    return configs->name_count > 0 ? describe_one(configs, configs->names[0])
                                   : describe_all(configs);
}

/* ---- changing -------------------------------------------------------------------------------- */

static bool is_set(const struct kafka_describe_configs_response_result *result,
                   struct slice key,
                   int8_t source)
{
    for (int32_t i = 0; i < result->configs_count; i++) {
        if (slice_equal(result->configs[i].name, key) &&
            (source == -1 || result->configs[i].config_source == source)) {
            return true;
        }
    }
    return false;
}

/* What is to be deleted must be there; a logger must be known for a change, too. */
static int check_known(struct kafka_configs *configs, struct slice name)
{
    enum kafka_entity_type type = configs->types[0];
    bool is_logger = type == KAFKA_ENTITY_LOGGER;
    struct slice bad = SLICE_LIT("");
    const struct kafka_describe_configs_response_result *result = ask_configs(configs, type, name);
    if (result == NULL) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < configs->change_count; i++) {
        const struct kafka_config_change *change = &configs->changes[i];
        if ((is_logger || slice_is_null(change->value)) &&
            !is_set(result, change->key, own_source(type, name))) {
            bad = kafka_admin_format(&configs->admin, "%.*s%s%.*s", SLICE_ARGS(bad),
                                     bad.len > 0 ? "," : "", SLICE_ARGS(change->key));
        }
    }
    if (bad.len > 0) {
        return kafka_configs_refuse(configs, "Invalid %s(s): %.*s",
                                    is_logger ? "broker logger" : "config", SLICE_ARGS(bad));
    }
    return 0;
}

int kafka_configs_alter_resource(struct kafka_configs *configs)
{
    struct kafka_admin *admin = &configs->admin;
    enum kafka_entity_type type = configs->types[0];
    struct slice name = configs->names[0];
    struct kafka_incremental_alter_configs_request request;
    int error = check_known(configs, name);
    if (error != 0) {
        return error;
    }
    codec_init(&kafka_incremental_alter_configs_request_message, &request);
    request.resources = kafka_admin_array(
        admin, &kafka_incremental_alter_configs_request_resource_message, 1);
    request.resources_count = 1;
    struct kafka_incremental_alter_configs_request_resource *resource = &request.resources[0];
    resource->resource_type = resource_type(type);
    resource->resource_name = name;
    resource->configs_count = (int32_t)configs->change_count;
    resource->configs = kafka_admin_array(
        admin, &kafka_incremental_alter_configs_request_config_message, resource->configs_count);
    for (size_t i = 0; i < configs->change_count; i++) {
        bool is_deleted = slice_is_null(configs->changes[i].value);
        resource->configs[i].name = configs->changes[i].key;
        resource->configs[i].config_operation = is_deleted ? KAFKA_ALTER_CONFIG_DELETE
                                                           : KAFKA_ALTER_CONFIG_SET;
        resource->configs[i].value = is_deleted ? SLICE_LIT("") : configs->changes[i].value;
    }
    struct kafka_admin_call call = {
        .name = "incrementalAlterConfigs",
        .target = target_of(type, name),
        .request_message = &kafka_incremental_alter_configs_request_message,
        .response_message = &kafka_incremental_alter_configs_response_message,
        .request = &request,
    };
    const struct kafka_incremental_alter_configs_response *response = kafka_admin_ask(admin, &call);
    for (int32_t i = 0; response != NULL && i < response->responses_count; i++) {
        if (response->responses[i].error_code != 0) {
            return kafka_admin_kafka_error(admin, response->responses[i].error_code,
                                           response->responses[i].error_message);
        }
    }
    return response == NULL ? ERR_INVALID : 0;
}
