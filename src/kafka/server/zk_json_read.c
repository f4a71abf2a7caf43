/* zk_json_read.c - reading what stands in Kafka's znodes, by jansson: see zk_json.h.
 *
 * jansson refuses NULs in texts, numbers that do not fit and trees that are nested too deep; the
 * rest is checked here: types, counts, ranges. Each reader builds its values in the arena and drops
 * the JSON tree before it returns.
 */
#include <jansson.h>

#include "base/text.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/broker_config_listeners.h"
#include "kafka/server/zk_json.h"

void zk_json_init(void)
{
    json_object_seed(1); /* keys of objects keep their order of insertion whatever the seed */
}

static json_t *parse(struct slice json)
{
    json_t *root = json_loadb((const char *)json.ptr, json.len, 0, NULL);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static bool read_i32(const json_t *value, int32_t *number)
{
    if (!json_is_integer(value)) {
        return false;
    }
    json_int_t wide = json_integer_value(value);
    *number = (int32_t)wide;
    return wide >= INT32_MIN && wide <= INT32_MAX;
}

/* A number, or a text that is one. */
static bool read_i64(const json_t *value, int64_t *number)
{
    if (json_is_integer(value)) {
        *number = json_integer_value(value);
        return true;
    }
    return json_is_string(value) &&
           text_parse_i64(slice_of_cstr(json_string_value(value)), number) == 0;
}

static bool read_text(const json_t *value, char *text, size_t size)
{
    if (!json_is_string(value) || json_string_length(value) >= size) {
        return false;
    }
    memcpy(text, json_string_value(value), json_string_length(value));
    text[json_string_length(value)] = '\0';
    return true;
}

static struct slice keep(struct arena *arena, const char *text, size_t len)
{
    if (len + 1 > arena_room(arena)) {
        return SLICE_NULL;
    }
    char *copy = arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return slice_of(copy, len);
}

static bool read_ids(const json_t *array, struct arena *arena, struct zk_replicas *replicas)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > ZK_REPLICAS_MAX ||
        (count + 1) * sizeof *replicas->ids > arena_room(arena)) {
        return false;
    }
    replicas->ids = arena_alloc(arena, (count + 1) * sizeof *replicas->ids);
    replicas->count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!read_i32(json_array_get(array, i), &replicas->ids[i])) {
            return false;
        }
    }
    return true;
}

/* ---- brokers --------------------------------------------------------------------------------- */

static const char *protocol_of(const json_t *map, const char *listener)
{
    const json_t *value = json_object_get(map, listener);
    return json_is_string(value) ? json_string_value(value) : listener;
}

static bool add_endpoint(struct broker_info *info, const json_t *text, const json_t *map)
{
    struct endpoint_text parsed;
    if (!json_is_string(text) || !endpoint_parse(slice_of_cstr(json_string_value(text)), &parsed) ||
        info->endpoint_count == BROKER_ENDPOINTS_MAX) {
        return false;
    }
    struct broker_endpoint *endpoint = &info->endpoints[info->endpoint_count++];
    const char *protocol = protocol_of(map, parsed.name);
    *endpoint = (struct broker_endpoint){.port = parsed.port};
    memcpy(endpoint->listener, parsed.name, sizeof endpoint->listener);
    memcpy(endpoint->host, parsed.host, sizeof endpoint->host);
    size_t len = MIN(strlen(protocol), sizeof endpoint->security_protocol - 1);
    memcpy(endpoint->security_protocol, protocol, len);
    return true;
}

static bool read_broker(const json_t *root, struct broker_info *info)
{
    int32_t version;
    const json_t *endpoints = json_object_get(root, "endpoints");
    const json_t *rack = json_object_get(root, "rack");
    if (!read_i32(json_object_get(root, "version"), &version) || version < 1) {
        return false;
    }
    info->endpoint_count = 0;
    info->rack[0] = '\0';
    if (json_is_string(rack) && !read_text(rack, info->rack, sizeof info->rack)) {
        return false;
    }
    if (version == 1) {
        struct broker_endpoint *endpoint = &info->endpoints[0];
        *endpoint = (struct broker_endpoint){.listener = "PLAINTEXT",
                                             .security_protocol = "PLAINTEXT"};
        info->endpoint_count = 1;
        return read_text(json_object_get(root, "host"), endpoint->host, sizeof endpoint->host) &&
               read_i32(json_object_get(root, "port"), &endpoint->port);
    }
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        if (!add_endpoint(info, json_array_get(endpoints, i),
                          json_object_get(root, "listener_security_protocol_map"))) {
            return false;
        }
    }
    return json_is_array(endpoints);
}

int zk_json_get_broker(struct slice json, struct broker_info *info)
{
    json_t *root = parse(json);
    bool is_fine = root != NULL && read_broker(root, info);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

/* ---- topics ---------------------------------------------------------------------------------- */

static bool partition_number(const char *key, int32_t *number)
{
    return text_parse_i32(slice_of_cstr(key), number) == 0 && *number >= 0 &&
           *number < ZK_PARTITIONS_MAX;
}

static bool read_lists(json_t *object,
                       struct arena *arena,
                       int32_t partition_count,
                       struct zk_replicas **lists)
{
    const char *key;
    json_t *ids;
    size_t bytes = (size_t)partition_count * sizeof **lists;
    *lists = NULL;
    if (object == NULL || json_object_size(object) == 0) {
        return object == NULL || json_is_object(object);
    }
    if (bytes > arena_room(arena)) {
        return false;
    }
    *lists = arena_alloc_zeroed(arena, bytes);
    json_object_foreach(object, key, ids)
    {
        int32_t number;
        if (!partition_number(key, &number)) {
            return false;
        }
        if (number < partition_count && !read_ids(ids, arena, &(*lists)[number])) {
            return false;
        }
    }
    return true;
}

static bool read_topic(const json_t *root, struct arena *arena, struct zk_topic *topic)
{
    json_t *partitions = json_object_get(root, "partitions");
    const json_t *id = json_object_get(root, "topic_id");
    const char *key;
    json_t *ids;
    *topic = (struct zk_topic){.partition_count = 0};
    if (json_is_string(id) &&
        uuid_from_text(slice_of_cstr(json_string_value(id)), &topic->id) != 0) {
        return false;
    }
    json_object_foreach(partitions, key, ids)
    {
        int32_t number;
        if (!partition_number(key, &number)) {
            return false;
        }
        topic->partition_count = MAX(topic->partition_count, number + 1);
    }
    return read_lists(partitions, arena, topic->partition_count, &topic->partitions) &&
           read_lists(json_object_get(root, "adding_replicas"), arena, topic->partition_count,
                      &topic->adding) &&
           read_lists(json_object_get(root, "removing_replicas"), arena, topic->partition_count,
                      &topic->removing);
}

int zk_json_get_topic(struct slice json, struct arena *arena, struct zk_topic *topic)
{
    json_t *root = parse(json);
    bool is_fine = root != NULL && read_topic(root, arena, topic);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

int zk_json_get_state(struct slice json, struct arena *arena, struct zk_state *state)
{
    json_t *root = parse(json);
    *state = (struct zk_state){.leader = -1};
    bool is_fine = root != NULL && read_i32(json_object_get(root, "leader"), &state->leader) &&
                   read_i32(json_object_get(root, "leader_epoch"), &state->leader_epoch) &&
                   read_i32(json_object_get(root, "controller_epoch"), &state->controller_epoch) &&
                   read_ids(json_object_get(root, "isr"), arena, &state->isr);
    if (is_fine && json_object_get(root, "leader_recovery_state") != NULL) {
        is_fine = read_i32(json_object_get(root, "leader_recovery_state"), &state->recovery_state);
    }
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

/* ---- small ones ------------------------------------------------------------------------------ */

int zk_json_get_controller(struct slice json, struct zk_controller *controller)
{
    json_t *root = parse(json);
    controller->kraft_epoch = -1;
    bool is_fine = root != NULL &&
                   read_i32(json_object_get(root, "brokerid"), &controller->broker_id);
    if (is_fine && json_object_get(root, "kraftControllerEpoch") != NULL) {
        is_fine = read_i32(json_object_get(root, "kraftControllerEpoch"), &controller->kraft_epoch);
    }
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

int zk_json_get_cluster_id(struct slice json, char *id, size_t size)
{
    json_t *root = parse(json);
    bool is_fine = root != NULL && read_text(json_object_get(root, "id"), id, size);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

static bool read_configs(json_t *configs,
                         struct arena *arena,
                         struct config_entry **entries,
                         size_t *count)
{
    const char *key;
    json_t *value;
    size_t size = json_object_size(configs);
    *entries = NULL;
    *count = 0;
    if (size > ZK_CONFIGS_MAX || (size + 1) * sizeof **entries > arena_room(arena)) {
        return false;
    }
    *entries = arena_alloc_zeroed(arena, (size + 1) * sizeof **entries);
    json_object_foreach(configs, key, value)
    {
        if (!json_is_string(value)) {
            return false;
        }
        struct config_entry *entry = &(*entries)[*count];
        entry->name = keep(arena, key, strlen(key));
        entry->value = keep(arena, json_string_value(value), json_string_length(value));
        if (slice_is_null(entry->name) || slice_is_null(entry->value)) {
            return false;
        }
        *count += 1;
    }
    return true;
}

int zk_json_get_config(struct slice json,
                       struct arena *arena,
                       struct config_entry **entries,
                       size_t *count)
{
    *entries = NULL;
    *count = 0;
    if (json.len == 0) {
        return 0; /* a parent of other entities, or one whose configuration was never set */
    }
    json_t *root = parse(json);
    bool is_fine = root != NULL &&
                   read_configs(json_object_get(root, "config"), arena, entries, count);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

static bool read_change(const json_t *root, struct arena *arena, struct slice *path)
{
    const json_t *entity_path = json_object_get(root, "entity_path");
    const json_t *type = json_object_get(root, "entity_type");
    const json_t *name = json_object_get(root, "entity_name");
    if (json_is_string(entity_path)) {
        *path = keep(arena, json_string_value(entity_path), json_string_length(entity_path));
        return !slice_is_null(*path);
    }
    if (!json_is_string(type) || !json_is_string(name)) {
        return false;
    }
    size_t type_len = json_string_length(type);
    size_t len = type_len + 1 + json_string_length(name);
    if (len + 1 > arena_room(arena)) {
        return false;
    }
    char *text = arena_alloc(arena, len + 1);
    memcpy(text, json_string_value(type), type_len);
    text[type_len] = '/';
    memcpy(text + type_len + 1, json_string_value(name), json_string_length(name) + 1);
    *path = slice_of(text, len);
    return true;
}

int zk_json_get_config_change(struct slice json, struct arena *arena, struct slice *entity_path)
{
    json_t *root = parse(json);
    bool is_fine = root != NULL && read_change(root, arena, entity_path);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

int zk_json_get_id_block(struct slice json, struct zk_id_block *block)
{
    json_t *root = parse(json);
    bool is_fine = root != NULL && read_i32(json_object_get(root, "broker"), &block->broker_id) &&
                   read_i64(json_object_get(root, "block_start"), &block->first) &&
                   read_i64(json_object_get(root, "block_end"), &block->last);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

int zk_json_get_feature(struct slice json, int32_t *status, bool *has_features)
{
    json_t *root = parse(json);
    bool is_fine = root != NULL && read_i32(json_object_get(root, "status"), status);
    *has_features = is_fine && json_object_size(json_object_get(root, "features")) > 0;
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}

static bool read_partitions(const json_t *array,
                            struct arena *arena,
                            struct zk_partition_name **partitions,
                            size_t *count)
{
    size_t size = json_array_size(array);
    if (!json_is_array(array) || size > ZK_PARTITIONS_MAX ||
        (size + 1) * sizeof **partitions > arena_room(arena)) {
        return false;
    }
    *partitions = arena_alloc_zeroed(arena, (size + 1) * sizeof **partitions);
    for (*count = 0; *count < size; *count += 1) {
        const json_t *entry = json_array_get(array, *count);
        const json_t *topic = json_object_get(entry, "topic");
        struct zk_partition_name *name = &(*partitions)[*count];
        if (!json_is_string(topic) ||
            !read_i32(json_object_get(entry, "partition"), &name->partition)) {
            return false;
        }
        name->topic = keep(arena, json_string_value(topic), json_string_length(topic));
        if (slice_is_null(name->topic)) {
            return false;
        }
    }
    return true;
}

int zk_json_get_partitions(struct slice json,
                           struct arena *arena,
                           struct zk_partition_name **partitions,
                           size_t *count)
{
    json_t *root = parse(json);
    *count = 0;
    bool is_fine = root != NULL &&
                   read_partitions(json_object_get(root, "partitions"), arena, partitions, count);
    json_decref(root);
    return is_fine ? 0 : ERR_INVALID;
}
