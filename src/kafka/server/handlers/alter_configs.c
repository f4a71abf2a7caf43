/* alter_configs.c - AlterConfigs, which replaces all values of a resource, and
 * IncrementalAlterConfigs, which sets, deletes, appends and subtracts single ones.
 *
 * Both come down to a new set of values for one entity of /config, which is checked as a whole and
 * then written. Loggers are changed in place.
 *
 * Source: ConfigAdminManager.preprocess, ZkAdminManager.alterConfigs and incrementalAlterConfigs,
 * RuntimeLoggerManager of 3.9, with their sentences.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/admin_wait.h"
#include "kafka/server/handlers/broker_loggers.h"

#define LIST_VALUE_MAX ((size_t)65536)

/* One resource of either request. */
struct change {
    int8_t type;
    struct slice name;
    const struct kafka_alter_configs_request_config *replaced; /* NULL: incremental */
    const struct kafka_incremental_alter_configs_request_config *altered;
    int32_t count;
};

struct altering {
    struct admin_wait *wait;
    int32_t index;
    const struct change *change;
    bool validate_only;
    struct config_entry *entries; /* the new set */
    size_t entry_count;
};

static void refuse(const struct altering *altering, int16_t error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(const struct altering *altering, int16_t error, const char *format, ...)
{
    char text[ADMIN_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    admin_wait_set(altering->wait, altering->index, error, text);
}

/* ---- what both have in common ------------------------------------------------------------------
 */

static struct slice change_key(const struct change *change, int32_t i)
{
    return change->replaced != NULL ? change->replaced[i].name : change->altered[i].name;
}

static struct slice change_value(const struct change *change, int32_t i)
{
    return change->replaced != NULL ? change->replaced[i].value : change->altered[i].value;
}

static bool is_delete(const struct change *change, int32_t i)
{
    return change->altered != NULL &&
           change->altered[i].config_operation == KAFKA_ALTER_CONFIG_DELETE;
}

/* False when the request itself is wrong; the item then has its error. */
static bool check_form(const struct altering *altering)
{
    const struct change *change = altering->change;
    for (int32_t i = 0; i < change->count; i++) {
        for (int32_t j = 0; j < i; j++) {
            if (slice_equal(change_key(change, i), change_key(change, j))) {
                refuse(altering, KAFKA_ERROR_INVALID_REQUEST, "Error due to duplicate config keys");
                return false;
            }
        }
    }
    for (int32_t i = 0; i < change->count; i++) {
        if (slice_is_null(change_value(change, i)) && !is_delete(change, i)) {
            struct slice key = change_key(change, i);
            refuse(altering, KAFKA_ERROR_INVALID_REQUEST, "Null value not supported for : %.*s",
                   (int)MIN(key.len, (size_t)128), (const char *)key.ptr);
            return false;
        }
        bool is_unknown = change->altered != NULL &&
                          (change->altered[i].config_operation < 0 ||
                           change->altered[i].config_operation > KAFKA_ALTER_CONFIG_SUBTRACT);
        if (is_unknown && change->type == KAFKA_CONFIG_RESOURCE_TOPIC) {
            admin_wait_set(altering->wait, altering->index, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, NULL);
            return false;
        }
        if (is_unknown) {
            refuse(altering, KAFKA_ERROR_INVALID_REQUEST, "Unknown operations type %d",
                   change->altered[i].config_operation);
            return false;
        }
    }
    return true;
}

/* ---- the new set ----------------------------------------------------------------------------- */

static struct config_entry *find_entry(struct altering *altering, struct slice name)
{
    for (size_t i = 0; i < altering->entry_count; i++) {
        if (slice_equal(altering->entries[i].name, name)) {
            return &altering->entries[i];
        }
    }
    return NULL;
}

static void put_entry(struct altering *altering, struct slice name, struct slice value)
{
    struct config_entry *entry = find_entry(altering, name);
    if (entry == NULL) {
        entry = &altering->entries[altering->entry_count++];
        entry->name = name;
    }
    entry->value = value;
}

static bool has_word(struct slice list, struct slice word)
{
    while (list.len > 0) {
        struct slice part;
        text_cut(list, ',', &part, &list);
        if (slice_equal(text_trim(part), text_trim(word))) {
            return true;
        }
    }
    return false;
}

static void add_words(struct buffer *out, struct slice list, struct slice without)
{
    while (list.len > 0) {
        struct slice part;
        text_cut(list, ',', &part, &list);
        bool has_room = buffer_room(out) > part.len + 1;
        if (has_room && !has_word(without, part) && !has_word(buffer_slice(out), part)) {
            if (out->len > 0) {
                buffer_append_u8(out, ',');
            }
            buffer_append(out, part);
        }
    }
}

/* APPEND and SUBTRACT, for keys that are lists. False when the key is none. */
static bool change_list(struct altering *altering,
                        const struct kafka_incremental_alter_configs_request_config *config)
{
    bool is_topic = altering->change->type == KAFKA_CONFIG_RESOURCE_TOPIC;
    bool appends = config->config_operation == KAFKA_ALTER_CONFIG_APPEND;
    const struct config_key *key = is_topic ? topic_config_key(config->name)
                                            : broker_config_key(config->name);
    if (key == NULL) {
        refuse(altering, KAFKA_ERROR_INVALID_CONFIG, "Unknown config name: %.*s",
               (int)MIN(config->name.len, (size_t)128), (const char *)config->name.ptr);
        return false;
    }
    if (key->type != CONFIG_LIST) {
        refuse(altering, KAFKA_ERROR_INVALID_CONFIG,
               "Config value %s is not allowed for config key: %s", appends ? "append" : "subtract",
               key->name);
        return false;
    }
    const struct config_entry *entry = find_entry(altering, config->name);
    struct slice old = entry != NULL ? entry->value : slice_of_cstr(key->default_value);
    struct buffer value;
    buffer_init(&value, LIST_VALUE_MAX);
    add_words(&value, old, appends ? SLICE_NULL : config->value);
    if (appends) {
        add_words(&value, config->value, SLICE_NULL);
    }
    put_entry(altering, config->name, arena_copy(&altering->wait->arena, buffer_slice(&value)));
    buffer_release(&value);
    return true;
}

static bool alter_entries(struct altering *altering)
{
    const struct change *change = altering->change;
    for (int32_t i = 0; i < change->count; i++) {
        const struct kafka_incremental_alter_configs_request_config *config = &change->altered[i];
        struct config_entry *entry = find_entry(altering, config->name);
        switch (config->config_operation) {
        case KAFKA_ALTER_CONFIG_SET:
            put_entry(altering, config->name, config->value);
            break;
        case KAFKA_ALTER_CONFIG_DELETE:
            if (entry != NULL) {
                *entry = altering->entries[--altering->entry_count];
            }
            break;
        default:
            if (!change_list(altering, config)) {
                return false;
            }
            break;
        }
    }
    return true;
}

static bool make_entries(struct altering *altering, struct slice type, struct slice name)
{
    const struct change *change = altering->change;
    struct arena *arena = &altering->wait->arena;
    size_t known_count;
    const struct config_entry *known = cluster_config(altering->wait->broker->cluster, type, name,
                                                      &known_count);
    altering->entries = ARENA_ARRAY(arena, struct config_entry,
                                    known_count + (size_t)change->count + 1);
    if (change->replaced != NULL) {
        for (int32_t i = 0; i < change->count; i++) {
            put_entry(altering, change->replaced[i].name, change->replaced[i].value);
        }
        return true;
    }
    for (size_t i = 0; i < known_count; i++) {
        put_entry(altering, arena_copy(arena, known[i].name), arena_copy(arena, known[i].value));
    }
    return alter_entries(altering);
}

/* ---- resources ------------------------------------------------------------------------------- */

static void write_entries(const struct altering *altering, struct slice type, struct slice name)
{
    if (altering->validate_only) {
        admin_wait_set(altering->wait, altering->index, 0, NULL);
        return;
    }
    cluster_set_config(altering->wait->broker->cluster, type, name, altering->entries,
                       altering->entry_count, admin_wait_item(altering->wait, altering->index));
}

static void alter_topic(struct altering *altering)
{
    struct broker *broker = altering->wait->broker;
    struct slice name = altering->change->name;
    const struct topic *topic = topics_find(&broker->topics, name);
    struct topic_config effective = broker->config.topic;
    struct errmsg why;
    if (name.len == 0) {
        refuse(altering, KAFKA_ERROR_INVALID_REQUEST, "Default topic resources are not allowed.");
        return;
    }
    if (!make_entries(altering, SLICE_LIT("topics"), name)) {
        return;
    }
    if (topic == NULL || topic->is_deleting) {
        refuse(altering, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, "The topic '%.*s' does not exist.",
               (int)MIN(name.len, (size_t)256), (const char *)name.ptr);
        return;
    }
    for (size_t i = 0; i < altering->entry_count; i++) {
        const struct config_entry *entry = &altering->entries[i];
        if (topic_config_set(&effective, entry->name, entry->value, &why) == 0) {
            continue;
        }
        if (topic_config_key(entry->name) == NULL) {
            refuse(altering, KAFKA_ERROR_INVALID_CONFIG, "%s", why.text);
        } else {
            refuse(altering, KAFKA_ERROR_INVALID_CONFIG,
                   "Invalid config value for resource ConfigResource(type=TOPIC, name='%.*s'): %s",
                   (int)MIN(name.len, (size_t)256), (const char *)name.ptr, why.text);
        }
        return;
    }
    if (topic_config_check(&effective, &why) != 0) {
        refuse(altering, KAFKA_ERROR_INVALID_CONFIG, "%s", why.text);
        return;
    }
    write_entries(altering, SLICE_LIT("topics"), name);
}

static void alter_broker(struct altering *altering)
{
    struct broker *broker = altering->wait->broker;
    struct slice name = altering->change->name;
    bool is_per_broker = name.len > 0;
    struct slice entity = is_per_broker ? name : SLICE_LIT("<default>");
    struct errmsg why;
    int32_t id;
    if (is_per_broker && text_parse_i32(name, &id) != 0) {
        refuse(altering, KAFKA_ERROR_INVALID_REQUEST, "Node id must be an integer, but it is: %.*s",
               (int)MIN(name.len, (size_t)128), (const char *)name.ptr);
        return;
    }
    if (is_per_broker && id != broker->config.broker_id) {
        refuse(altering, KAFKA_ERROR_INVALID_REQUEST,
               "Unexpected broker id, expected %d, but received %.*s", broker->config.broker_id,
               (int)MIN(name.len, (size_t)128), (const char *)name.ptr);
        return;
    }
    if (!make_entries(altering, SLICE_LIT("brokers"), entity)) {
        return;
    }
    for (size_t i = 0; i < altering->entry_count; i++) {
        if (broker_config_check_dynamic(&broker->fixed_config, altering->entries[i].name,
                                        altering->entries[i].value, is_per_broker, &why) != 0) {
            refuse(altering, KAFKA_ERROR_INVALID_REQUEST, "%s", why.text);
            return;
        }
    }
    write_entries(altering, SLICE_LIT("brokers"), entity);
}

static bool check_logger(struct altering *altering,
                         const struct kafka_incremental_alter_configs_request_config *config)
{
    bool is_set = config->config_operation == KAFKA_ALTER_CONFIG_SET;
    if (!is_set && config->config_operation != KAFKA_ALTER_CONFIG_DELETE) {
        refuse(altering, KAFKA_ERROR_INVALID_REQUEST,
               "%s operation is not allowed for the "
               "BROKER_LOGGER resource",
               config->config_operation == KAFKA_ALTER_CONFIG_APPEND ? "APPEND" : "SUBTRACT");
        return false;
    }
    if (!broker_logger_exists(config->name)) {
        refuse(altering, KAFKA_ERROR_INVALID_CONFIG, "Logger %.*s does not exist!",
               (int)MIN(config->name.len, (size_t)128), (const char *)config->name.ptr);
        return false;
    }
    if (is_set && !broker_logger_is_level(config->value)) {
        refuse(altering, KAFKA_ERROR_INVALID_CONFIG,
               "Cannot set the log level of %.*s to %.*s as it is not a supported log level. Valid "
               "log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
               (int)config->name.len, (const char *)config->name.ptr,
               (int)MIN(config->value.len, (size_t)64), (const char *)config->value.ptr);
        return false;
    }
    if (!is_set && slice_equal_cstr(config->name, "root")) {
        refuse(altering, KAFKA_ERROR_INVALID_REQUEST,
               "Removing the log level of the root logger is not allowed");
        return false;
    }
    return true;
}

static void alter_loggers(struct altering *altering)
{
    const struct change *change = altering->change;
    int32_t id;
    if (text_parse_i32(change->name, &id) != 0 || id != altering->wait->broker->config.broker_id) {
        refuse(altering, KAFKA_ERROR_INVALID_REQUEST,
               "Unexpected broker id, expected %d, but received %.*s",
               altering->wait->broker->config.broker_id, (int)MIN(change->name.len, (size_t)128),
               (const char *)change->name.ptr);
        return;
    }
    for (int32_t i = 0; i < change->count; i++) {
        if (!check_logger(altering, &change->altered[i])) {
            return;
        }
    }
    for (int32_t i = 0; i < change->count && !altering->validate_only; i++) {
        if (change->altered[i].config_operation == KAFKA_ALTER_CONFIG_SET) {
            broker_logger_set(change->altered[i].name, change->altered[i].value);
        } else {
            broker_logger_unset(change->altered[i].name);
        }
    }
    admin_wait_set(altering->wait, altering->index, 0, NULL);
}

static void alter(struct admin_wait *wait,
                  int32_t index,
                  const struct change *change,
                  bool validate_only)
{
    struct altering altering = {
        .wait = wait, .index = index, .change = change, .validate_only = validate_only};
    if (!check_form(&altering)) {
        return;
    }
    if (change->type == KAFKA_CONFIG_RESOURCE_TOPIC) {
        alter_topic(&altering);
    } else if (change->type == KAFKA_CONFIG_RESOURCE_BROKER) {
        alter_broker(&altering);
    } else if (change->type == KAFKA_CONFIG_RESOURCE_BROKER_LOGGER && change->altered != NULL) {
        alter_loggers(&altering);
    } else if (change->type == KAFKA_CONFIG_RESOURCE_CLIENT_METRICS) {
        refuse(&altering, KAFKA_ERROR_INVALID_REQUEST,
               "AlterConfigs is only supported for topics and brokers, but resource type is "
               "CLIENT_METRICS");
    } else {
        refuse(&altering, KAFKA_ERROR_INVALID_REQUEST, "Unknown resource type %d", change->type);
    }
}

static bool is_repeated(const struct change *changes, int32_t count, int32_t index)
{
    for (int32_t i = 0; i < count; i++) {
        if (i != index && changes[i].type == changes[index].type &&
            slice_equal(changes[i].name, changes[index].name)) {
            return true;
        }
    }
    return false;
}

static void alter_all(struct admin_wait *wait, const struct change *changes, bool validate_only)
{
    for (int32_t i = 0; i < wait->count; i++) {
        if (is_repeated(changes, wait->count, i)) {
            admin_wait_set(wait, i, KAFKA_ERROR_INVALID_REQUEST,
                           "Each resource must appear at most once.");
        } else {
            alter(wait, i, &changes[i], validate_only);
        }
    }
    admin_wait_go(wait, ADMIN_TIMEOUT_MS);
}

/* ---- the two requests ------------------------------------------------------------------------ */

static void answer_replaced(struct admin_wait *wait)
{
    struct request *request = wait->request;
    const struct kafka_alter_configs_request *body = request->body;
    struct kafka_alter_configs_response response;
    codec_init(&kafka_alter_configs_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.responses = ARENA_ARRAY(&request->arena, struct kafka_alter_configs_response_resource,
                                     wait->count + 1);
    for (int32_t i = 0; i < wait->count; i++) {
        struct kafka_alter_configs_response_resource *out =
            &response.responses[response.responses_count++];
        codec_init(&kafka_alter_configs_response_resource_message, out);
        out->error_code = wait->items[i].error;
        out->error_message = wait->items[i].message;
        out->resource_type = body->resources[i].resource_type;
        out->resource_name = body->resources[i].resource_name;
    }
    request_reply(request, &response);
}

void handle_alter_configs(struct broker *broker, struct request *request)
{
    const struct kafka_alter_configs_request *body = request->body;
    struct admin_wait *wait = admin_wait_create(request, body->resources_count, answer_replaced);
    struct change *changes = ARENA_ARRAY(&wait->arena, struct change, body->resources_count + 1);
    static const struct kafka_alter_configs_request_config none;
    (void)broker;
    for (int32_t i = 0; i < body->resources_count; i++) {
        changes[i] = (struct change){
            .type = body->resources[i].resource_type,
            .name = body->resources[i].resource_name,
            .replaced = body->resources[i].configs != NULL ? body->resources[i].configs : &none,
            .count = body->resources[i].configs_count,
        };
    }
    alter_all(wait, changes, body->validate_only);
}

static void answer_altered(struct admin_wait *wait)
{
    struct request *request = wait->request;
    const struct kafka_incremental_alter_configs_request *body = request->body;
    struct kafka_incremental_alter_configs_response response;
    codec_init(&kafka_incremental_alter_configs_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.responses = ARENA_ARRAY(
        &request->arena, struct kafka_incremental_alter_configs_response_resource, wait->count + 1);
    for (int32_t i = 0; i < wait->count; i++) {
        struct kafka_incremental_alter_configs_response_resource *out =
            &response.responses[response.responses_count++];
        codec_init(&kafka_incremental_alter_configs_response_resource_message, out);
        out->error_code = wait->items[i].error;
        out->error_message = wait->items[i].message;
        out->resource_type = body->resources[i].resource_type;
        out->resource_name = body->resources[i].resource_name;
    }
    request_reply(request, &response);
}

void handle_incremental_alter_configs(struct broker *broker, struct request *request)
{
    const struct kafka_incremental_alter_configs_request *body = request->body;
    struct admin_wait *wait = admin_wait_create(request, body->resources_count, answer_altered);
    struct change *changes = ARENA_ARRAY(&wait->arena, struct change, body->resources_count + 1);
    static const struct kafka_incremental_alter_configs_request_config none;
    (void)broker;
    for (int32_t i = 0; i < body->resources_count; i++) {
        changes[i] = (struct change){
            .type = body->resources[i].resource_type,
            .name = body->resources[i].resource_name,
            .altered = body->resources[i].configs != NULL ? body->resources[i].configs : &none,
            .count = body->resources[i].configs_count,
        };
    }
    alter_all(wait, changes, body->validate_only);
}
