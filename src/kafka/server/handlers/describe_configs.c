/* describe_configs.c - configurations of topics, of this broker, of all brokers, of its loggers.
 *
 * Source: ConfigHelper.describeConfigs of 3.9.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/broker_loggers.h"
#include "kafka/server/handlers/describe_config_entries.h"

#define VERSION_TYPES 3

typedef struct kafka_describe_configs_request_resource wanted_resource;
typedef struct kafka_describe_configs_response_result result_entry;
typedef struct kafka_describe_configs_response_config config_item;

struct describing {
    struct broker *broker;
    struct request *request;
    const struct kafka_describe_configs_request *body;
    const wanted_resource *wanted;
    result_entry *result;
};

static bool is_wanted(const wanted_resource *wanted, const char *name)
{
    for (int32_t i = 0; i < wanted->configuration_keys_count; i++) {
        if (slice_equal_cstr(wanted->configuration_keys[i], name)) {
            return true;
        }
    }
    return wanted->configuration_keys_count <= 0;
}

static config_item *add_item(const struct describing *describing)
{
    config_item *item = &describing->result->configs[describing->result->configs_count++];
    codec_init(&kafka_describe_configs_response_config_message, item);
    return item;
}

static void add_described(const struct describing *describing,
                          const struct config_key *key,
                          const struct described_config *described)
{
    config_item *item = add_item(describing);
    item->name = described->name;
    item->value = described->value;
    item->read_only = described->is_read_only;
    item->is_sensitive = described->is_sensitive;
    item->config_source = described->source;
    if (describing->request->api_version >= VERSION_TYPES) {
        item->config_type = (int8_t)key->type;
        item->documentation = describing->body->include_documentation
                                  ? slice_of_cstr(key->documentation)
                                  : SLICE_NULL;
    }
    if (describing->body->include_synonyms) {
        item->synonyms = ARENA_ARRAY(&describing->request->arena,
                                     struct kafka_describe_configs_response_synonym,
                                     described->synonym_count + 1);
        memcpy(item->synonyms, described->synonyms,
               (size_t)described->synonym_count * sizeof *item->synonyms);
        item->synonyms_count = described->synonym_count;
    }
}

static void fail(const struct describing *describing, int16_t error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(const struct describing *describing, int16_t error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    describing->result->error_code = error;
    size_t shown = MIN((size_t)MAX(len, 0), sizeof text - 1);
    describing->result->error_message =
        shown == 0 ? SLICE_NULL : arena_copy(&describing->request->arena, slice_of(text, shown));
}

static void describe_topic(const struct describing *describing)
{
    struct broker *broker = describing->broker;
    struct slice name = describing->wanted->resource_name;
    const struct topic *topic = topics_find(&broker->topics, name);
    struct errmsg why;
    size_t count;
    size_t override_count;
    if (topics_check_name(name, &why) != 0) {
        fail(describing, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, "%s", why.text);
        return;
    }
    if (topic == NULL || topic->is_deleting) {
        describing->result->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    const struct config_key *keys = topic_config_keys(&count);
    const struct config_entry *overrides = cluster_config(broker->cluster, SLICE_LIT("topics"),
                                                          name, &override_count);
    describing->result->configs = ARENA_ARRAY(&describing->request->arena, config_item, count);
    for (size_t i = 0; i < count; i++) {
        struct described_config described;
        if (is_wanted(describing->wanted, keys[i].name)) {
            describe_topic_config(broker, &keys[i], overrides, override_count,
                                  &describing->request->arena, &described);
            add_described(describing, &keys[i], &described);
        }
    }
}

/* What is set for all brokers, and nothing else. */
static void describe_broker_defaults(const struct describing *describing)
{
    size_t count;
    const struct config_entry *entries = cluster_config(
        describing->broker->cluster, SLICE_LIT("brokers"), SLICE_LIT("<default>"), &count);
    describing->result->configs = ARENA_ARRAY(&describing->request->arena, config_item, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = broker_config_key(entries[i].name);
        struct described_config described;
        if (key != NULL && is_wanted(describing->wanted, key->name)) {
            describe_broker_config(describing->broker, key, true, &describing->request->arena,
                                   &described);
            add_described(describing, key, &described);
        }
    }
}

static void describe_this_broker(const struct describing *describing)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    describing->result->configs = ARENA_ARRAY(&describing->request->arena, config_item, count);
    for (size_t i = 0; i < count; i++) {
        struct described_config described;
        if (is_wanted(describing->wanted, keys[i].name) &&
            describe_shows_key(describing->broker, &keys[i])) {
            describe_broker_config(describing->broker, &keys[i], false, &describing->request->arena,
                                   &described);
            add_described(describing, &keys[i], &described);
        }
    }
}

/* Is the resource this broker? Otherwise the result says why not. */
static bool is_this_broker(const struct describing *describing, const char *expected)
{
    struct slice name = describing->wanted->resource_name;
    int32_t id;
    if (text_parse_i32(name, &id) != 0) {
        fail(describing, KAFKA_ERROR_INVALID_REQUEST,
             "Broker id must be an integer, but it is: %.*s", (int)MIN(name.len, (size_t)128),
             (const char *)name.ptr);
        return false;
    }
    if (id != describing->broker->config.broker_id) {
        fail(describing, KAFKA_ERROR_INVALID_REQUEST,
             "Unexpected broker id, expected %d%s but received %.*s",
             describing->broker->config.broker_id, expected, (int)MIN(name.len, (size_t)128),
             (const char *)name.ptr);
        return false;
    }
    return true;
}

static void describe_loggers(const struct describing *describing)
{
    if (describing->wanted->resource_name.len == 0) {
        fail(describing, KAFKA_ERROR_INVALID_REQUEST, "Broker id must not be empty");
        return;
    }
    if (!is_this_broker(describing, "")) {
        return;
    }
    describing->result->configs = ARENA_ARRAY(&describing->request->arena, config_item,
                                              broker_logger_count);
    for (size_t i = 0; i < broker_logger_count; i++) {
        if (is_wanted(describing->wanted, broker_loggers[i])) {
            config_item *item = add_item(describing);
            item->name = slice_of_cstr(broker_loggers[i]);
            item->value = slice_of_cstr(broker_logger_level(broker_loggers[i]));
            item->config_source = KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_LOGGER_CONFIG;
        }
    }
}

static void describe(const struct describing *describing)
{
    switch (describing->wanted->resource_type) {
    case KAFKA_CONFIG_RESOURCE_TOPIC:
        describe_topic(describing);
        break;
    case KAFKA_CONFIG_RESOURCE_BROKER:
        if (describing->wanted->resource_name.len == 0) {
            describe_broker_defaults(describing);
        } else if (is_this_broker(describing, " or empty string,")) {
            describe_this_broker(describing);
        }
        break;
    case KAFKA_CONFIG_RESOURCE_BROKER_LOGGER:
        describe_loggers(describing);
        break;
    case KAFKA_CONFIG_RESOURCE_CLIENT_METRICS:
        fail(describing, KAFKA_ERROR_INVALID_REQUEST,
             "Config type client-metrics is only supported on KRaft clusters");
        break;
    default:
        fail(describing, KAFKA_ERROR_INVALID_REQUEST, "%s",
             kafka_error_text(KAFKA_ERROR_INVALID_REQUEST));
        break;
    }
}

void handle_describe_configs(struct broker *broker, struct request *request)
{
    const struct kafka_describe_configs_request *body = request->body;
    struct kafka_describe_configs_response response;
    codec_init(&kafka_describe_configs_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.results = ARENA_ARRAY(&request->arena, result_entry, body->resources_count + 1);
    for (int32_t i = 0; i < body->resources_count; i++) {
        result_entry *result = &response.results[response.results_count++];
        const struct describing describing = {broker, request, body, &body->resources[i], result};
        codec_init(&kafka_describe_configs_response_result_message, result);
        result->error_message = SLICE_LIT("");
        result->resource_type = body->resources[i].resource_type;
        result->resource_name = body->resources[i].resource_name;
        describe(&describing);
    }
    request_reply(request, &response);
}
