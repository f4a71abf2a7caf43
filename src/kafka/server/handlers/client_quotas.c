/* client_quotas.c - DescribeClientQuotas and AlterClientQuotas (KIP-546).
 *
 * Quotas are values of /config/users, /config/clients and /config/ips; names stand there
 * URL-encoded, and "<default>" is the default entity (null on the wire). A filter names for a kind
 * of entity an exact name, the default, or any; a strict filter shows only entities of exactly
 * these kinds.
 *
 * Source: ZkAdminManager.describeClientQuotas and alterClientQuotas of 3.9, with their sentences.
 */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"
#include "kafka/server/handlers/admin_wait.h"

#define USER SLICE_LIT("user")
#define CLIENT SLICE_LIT("client-id")
#define IP SLICE_LIT("ip")
#define DEFAULT_ENTITY SLICE_LIT("<default>")
#define NUMBER_TEXT_MAX 64
#define NAME_BYTES_MAX ((size_t)16384)

/* ---- keys ------------------------------------------------------------------------------------ */

enum quota_type {
    QUOTA_LONG,
    QUOTA_DOUBLE,
    QUOTA_INT
};

static const struct quota_key {
    const char *name;
    enum quota_type type;
    bool is_of_ip;
} quota_keys[] = {
    {"producer_byte_rate", QUOTA_LONG, false},
    {"consumer_byte_rate", QUOTA_LONG, false},
    {"request_percentage", QUOTA_DOUBLE, false},
    {"controller_mutation_rate", QUOTA_DOUBLE, false},
    {"connection_creation_rate", QUOTA_INT, true},
};

static const struct quota_key *find_key(struct slice name, bool is_of_ip)
{
    for (size_t i = 0; i < ARRAY_LEN(quota_keys); i++) {
        if (quota_keys[i].is_of_ip == is_of_ip && slice_equal_cstr(name, quota_keys[i].name)) {
            return &quota_keys[i];
        }
    }
    return NULL;
}

/* ---- DescribeClientQuotas -------------------------------------------------------------------- */

typedef struct kafka_describe_client_quotas_request_component component;
typedef struct kafka_describe_client_quotas_response_entry described_entry;

struct describing {
    struct request *request;
    const struct kafka_describe_client_quotas_request *body;
    const component *user; /* NULL: no component of this kind */
    const component *client;
    const component *ip;
    struct kafka_describe_client_quotas_response *response;
    int32_t room;
    bool is_of_users; /* what is walked now */
    bool is_of_ips;
};

/* One name of an entity; is_there false: the entity has none of this kind. */
struct entity_name {
    bool is_there;
    struct slice name; /* null: the default */
};

static bool matches(const struct describing *describing,
                    const component *wanted,
                    const struct entity_name *name)
{
    if (wanted == NULL) {
        return !name->is_there || !describing->body->strict;
    }
    if (!name->is_there) {
        return false;
    }
    switch (wanted->match_type) {
    case KAFKA_QUOTA_MATCH_EXACT:
        return !slice_is_null(name->name) && slice_equal(name->name, wanted->match);
    case KAFKA_QUOTA_MATCH_DEFAULT:
        return slice_is_null(name->name);
    default:
        return true;
    }
}

static struct entity_name plain_name(struct arena *arena, struct slice sanitized)
{
    struct entity_name name = {.is_there = true};
    if (!slice_equal(sanitized, DEFAULT_ENTITY)) {
        name.name = zk_desanitize(arena, sanitized);
    }
    return name;
}

static void add_entity(described_entry *out, struct slice type, const struct entity_name *name)
{
    if (name->is_there) {
        struct kafka_describe_client_quotas_response_entity *entity =
            &out->entity[out->entity_count++];
        codec_init(&kafka_describe_client_quotas_response_entity_message, entity);
        entity->entity_type = type;
        entity->entity_name = name->name;
    }
}

static void add_values(struct describing *describing,
                       described_entry *out,
                       const struct config_entry *entries,
                       size_t count)
{
    out->values = ARENA_ARRAY(&describing->request->arena,
                              struct kafka_describe_client_quotas_response_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (find_key(entries[i].name, describing->is_of_ips) != NULL) {
            struct kafka_describe_client_quotas_response_value *value =
                &out->values[out->values_count++];
            codec_init(&kafka_describe_client_quotas_response_value_message, value);
            value->key = arena_copy(&describing->request->arena, entries[i].name);
            value->value = strtod((const char *)entries[i].value.ptr, NULL);
        }
    }
}

static void describe_entity(void *ctx,
                            struct slice name,
                            const struct config_entry *entries,
                            size_t count)
{
    struct describing *describing = ctx;
    struct arena *arena = &describing->request->arena;
    struct entity_name first = {.is_there = false};
    struct entity_name second = {.is_there = false};
    struct slice rest = name;
    struct slice part;
    bool has_more = text_cut(rest, '/', &part, &rest);
    first = plain_name(arena, part);
    if (has_more) { /* USER/clients/CLIENT */
        text_cut(rest, '/', &part, &rest);
        second = plain_name(arena, rest);
    }
    const struct entity_name none = {.is_there = false};
    const struct entity_name *user = describing->is_of_users ? &first : &none;
    const struct entity_name *client = describing->is_of_users ? &second : &first;
    bool is_wanted = describing->is_of_ips ? matches(describing, describing->ip, &first)
                                           : matches(describing, describing->user, user) &&
                                                 matches(describing, describing->client, client);
    if (!is_wanted || describing->response->entries_count == describing->room) {
        return;
    }
    described_entry *out = &describing->response->entries[describing->response->entries_count];
    codec_init(&kafka_describe_client_quotas_response_entry_message, out);
    out->entity = ARENA_ARRAY(arena, struct kafka_describe_client_quotas_response_entity, 3);
    if (describing->is_of_ips) {
        add_entity(out, IP, &first);
    } else {
        add_entity(out, USER, user);
        add_entity(out, CLIENT, client);
    }
    add_values(describing, out, entries, count);
    describing->response->entries_count += out->values_count > 0 ? 1 : 0;
}

static void count_entity(void *ctx,
                         struct slice name,
                         const struct config_entry *entries,
                         size_t count)
{
    struct describing *describing = ctx;
    (void)name;
    (void)entries;
    (void)count;
    describing->room++;
}

static int16_t read_filter(struct describing *describing, const char **message)
{
    for (int32_t i = 0; i < describing->body->components_count; i++) {
        const component *wanted = &describing->body->components[i];
        const component **at = slice_equal(wanted->entity_type, USER)     ? &describing->user
                               : slice_equal(wanted->entity_type, CLIENT) ? &describing->client
                               : slice_equal(wanted->entity_type, IP)     ? &describing->ip
                                                                          : NULL;
        if (wanted->match_type < 0 || wanted->match_type > KAFKA_QUOTA_MATCH_SPECIFIED) {
            return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        }
        if (at == NULL) {
            char *text = arena_alloc(&describing->request->arena, ADMIN_MESSAGE_MAX);
            snprintf(text, ADMIN_MESSAGE_MAX, "Custom entity type '%.*s' not supported",
                     (int)MIN(wanted->entity_type.len, (size_t)128),
                     (const char *)wanted->entity_type.ptr);
            *message = wanted->entity_type.len == 0
                           ? "Unexpected empty filter component entity type"
                           : text;
            return wanted->entity_type.len == 0 ? KAFKA_ERROR_INVALID_REQUEST
                                                : KAFKA_ERROR_UNSUPPORTED_VERSION;
        }
        if (*at != NULL) {
            *message = at == &describing->user     ? "Duplicate user filter component entity type"
                       : at == &describing->client ? "Duplicate client filter component entity type"
                                                   : "Duplicate ip filter component entity type";
            return KAFKA_ERROR_INVALID_REQUEST;
        }
        *at = wanted;
    }
    if ((describing->user != NULL || describing->client != NULL) && describing->ip != NULL) {
        *message = "Invalid entity filter component combination, IP filter component should not be "
                   "used with user or clientId filter component.";
        return KAFKA_ERROR_INVALID_REQUEST;
    }
    return 0;
}

void handle_describe_client_quotas(struct broker *broker, struct request *request)
{
    struct kafka_describe_client_quotas_response response;
    struct describing describing = {
        .request = request, .body = request->body, .response = &response};
    const char *message = NULL;
    codec_init(&kafka_describe_client_quotas_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.error_message = SLICE_LIT("");
    response.error_code = read_filter(&describing, &message);
    if (response.error_code != 0) {
        response.error_message = message == NULL ? SLICE_NULL : slice_of_cstr(message);
        response.entries_count = -1;
        request_reply(request, &response);
        return;
    }
    cluster_each_config(broker->cluster, SLICE_LIT("users"), count_entity, &describing);
    cluster_each_config(broker->cluster, SLICE_LIT("clients"), count_entity, &describing);
    cluster_each_config(broker->cluster, SLICE_LIT("ips"), count_entity, &describing);
    response.entries = ARENA_ARRAY(&request->arena, described_entry, describing.room + 1);
    response.entries_count = 0;
    if (describing.ip == NULL) {
        describing.is_of_users = true;
        cluster_each_config(broker->cluster, SLICE_LIT("users"), describe_entity, &describing);
        describing.is_of_users = false;
        cluster_each_config(broker->cluster, SLICE_LIT("clients"), describe_entity, &describing);
    }
    if (describing.user == NULL && describing.client == NULL) {
        describing.is_of_ips = true;
        cluster_each_config(broker->cluster, SLICE_LIT("ips"), describe_entity, &describing);
    }
    request_reply(request, &response);
}

/* ---- AlterClientQuotas ----------------------------------------------------------------------- */

typedef struct kafka_alter_client_quotas_request_entry alter_entry;

struct altering {
    struct admin_wait *wait;
    int32_t index;
    const alter_entry *wanted;
    struct config_entry *entries;
    size_t count;
};

static bool refuse(const struct altering *altering, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(const struct altering *altering, const char *format, ...)
{
    char text[ADMIN_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    admin_wait_set(altering->wait, altering->index, KAFKA_ERROR_INVALID_REQUEST, text);
    return false;
}

static void put_name(struct buffer *path, struct slice name)
{
    if (slice_is_null(name)) {
        buffer_append(path, DEFAULT_ENTITY);
    } else {
        zk_sanitize(path, name);
    }
}

/* What may be an address or a host's name: whether it resolves is not asked. */
static bool is_host(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool is_fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_' || c == ':';
        if (!is_fine) {
            return false;
        }
    }
    return true;
}

/* Type and path of the entity; false when there is none such. */
static bool entity_path(const struct altering *altering, struct slice *type, struct buffer *path)
{
    const struct kafka_alter_client_quotas_request_entity *user = NULL;
    const struct kafka_alter_client_quotas_request_entity *client = NULL;
    const struct kafka_alter_client_quotas_request_entity *ip = NULL;
    if (altering->wanted->entity_count <= 0) {
        return refuse(altering, "Invalid empty client quota entity");
    }
    for (int32_t i = 0; i < altering->wanted->entity_count; i++) {
        const struct kafka_alter_client_quotas_request_entity *entity =
            &altering->wanted->entity[i];
        struct slice kind = entity->entity_type;
        if (slice_equal(kind, USER)) {
            user = entity;
        } else if (slice_equal(kind, CLIENT)) {
            client = entity;
        } else if (slice_equal(kind, IP)) {
            ip = entity;
        } else {
            return refuse(altering, "Unhandled client quota entity type: %.*s",
                          (int)MIN(kind.len, (size_t)128), (const char *)kind.ptr);
        }
        if (!slice_is_null(entity->entity_name) && entity->entity_name.len == 0) {
            return refuse(altering, "Empty %.*s not supported", (int)kind.len,
                          (const char *)kind.ptr);
        }
        if (entity->entity_name.len > NAME_BYTES_MAX / 16) {
            return refuse(altering, "the entity's name is too long");
        }
    }
    if (ip != NULL && (user != NULL || client != NULL)) {
        return refuse(altering, "Invalid quota entity combination, IP entity should not be used "
                                "with user/client ID entity.");
    }
    if (ip != NULL && !slice_is_null(ip->entity_name) && !is_host(ip->entity_name)) {
        put_name(path, ip->entity_name);
        return refuse(altering, "%.*s is not a valid IP or resolvable host.",
                      (int)MIN(path->len, (size_t)256), (const char *)path->data);
    }
    *type = ip != NULL     ? SLICE_LIT("ips")
            : user != NULL ? SLICE_LIT("users")
                           : SLICE_LIT("clients");
    put_name(path, ip != NULL     ? ip->entity_name
                   : user != NULL ? user->entity_name
                                  : client->entity_name);
    if (user != NULL && client != NULL) {
        buffer_append(path, SLICE_LIT("/clients/"));
        put_name(path, client->entity_name);
    }
    return true;
}

static struct config_entry *find_entry(const struct altering *altering, struct slice name)
{
    for (size_t i = 0; i < altering->count; i++) {
        if (slice_equal(altering->entries[i].name, name)) {
            return &altering->entries[i];
        }
    }
    return NULL;
}

/* As Double.toString: "1024.0", "0.5", "1.0E10". */
static int print_double(double value, char *text, size_t size)
{
    double magnitude = fabs(value);
    if (magnitude >= 1e7 || (magnitude > 0 && magnitude < 1e-3)) {
        for (int digits = 1; digits < 17; digits++) {
            char mantissa[NUMBER_TEXT_MAX];
            snprintf(mantissa, sizeof mantissa, "%.*e", digits, value);
            double again = strtod(mantissa, NULL);
            if (again >= value && again <= value) {
                char *e = strchr(mantissa, 'e');
                long exponent = strtol(e + 1, NULL, 10);
                *e = '\0';
                return snprintf(text, size, "%sE%ld", mantissa, exponent);
            }
        }
    }
    for (int digits = 1; digits < 17; digits++) {
        int len = snprintf(text, size, "%.*f", digits, value);
        double again = strtod(text, NULL);
        if (again >= value && again <= value) {
            return len;
        }
    }
    return snprintf(text, size, "%.17g", value);
}

static bool set_value(struct altering *altering,
                      const struct kafka_alter_client_quotas_request_op *op,
                      bool is_of_ip)
{
    const struct quota_key *key = find_key(op->key, is_of_ip);
    char text[NUMBER_TEXT_MAX];
    int len;
    if (key == NULL) {
        return refuse(altering, "Invalid configuration key %.*s",
                      (int)MIN(op->key.len, (size_t)128), (const char *)op->key.ptr);
    }
    if (key->type == QUOTA_DOUBLE) {
        len = print_double(op->value, text, sizeof text);
    } else {
        double most = key->type == QUOTA_INT ? 2147483647.0 : 9.2e18;
        double whole = trunc(op->value + 1e-6);
        if (!(op->value > -most && op->value <= most) || fabs(whole - op->value) > 1e-6) {
            return refuse(altering, "Configuration %s must be a %s value", key->name,
                          key->type == QUOTA_INT ? "INT" : "LONG");
        }
        len = snprintf(text, sizeof text, "%lld", (long long)whole);
    }
    struct config_entry *entry = find_entry(altering, op->key);
    if (entry == NULL) {
        entry = &altering->entries[altering->count++];
        entry->name = op->key;
    }
    entry->value = arena_copy(&altering->wait->arena, slice_of(text, (size_t)len));
    return true;
}

static bool make_entries(struct altering *altering, struct slice type, struct slice name)
{
    struct arena *arena = &altering->wait->arena;
    size_t known_count = 0;
    const struct config_entry *known = cluster_config(altering->wait->broker->cluster, type, name,
                                                      &known_count);
    altering->entries = ARENA_ARRAY(arena, struct config_entry,
                                    known_count + (size_t)altering->wanted->ops_count + 1);
    for (size_t i = 0; i < known_count; i++) {
        altering->entries[altering->count].name = arena_copy(arena, known[i].name);
        altering->entries[altering->count++].value = arena_copy(arena, known[i].value);
    }
    for (int32_t i = 0; i < altering->wanted->ops_count; i++) {
        const struct kafka_alter_client_quotas_request_op *op = &altering->wanted->ops[i];
        struct config_entry *entry = find_entry(altering, op->key);
        if (!op->remove) {
            if (!set_value(altering, op, slice_equal_cstr(type, "ips"))) {
                return false;
            }
        } else if (entry != NULL) {
            *entry = altering->entries[--altering->count];
        }
    }
    return true;
}

static void alter(struct admin_wait *wait, int32_t index, bool validate_only)
{
    const struct kafka_alter_client_quotas_request *body = wait->request->body;
    struct altering altering = {.wait = wait, .index = index, .wanted = &body->entries[index]};
    struct slice type = SLICE_NULL;
    struct buffer path;
    buffer_init(&path, NAME_BYTES_MAX);
    if (entity_path(&altering, &type, &path) &&
        make_entries(&altering, type, buffer_slice(&path))) {
        if (validate_only) {
            admin_wait_set(wait, index, 0, NULL);
        } else {
            cluster_set_config(wait->broker->cluster, type, buffer_slice(&path), altering.entries,
                               altering.count, admin_wait_item(wait, index));
        }
    }
    buffer_release(&path);
}

/* An entity stands once in the answer, and its last alteration counts. */
static bool is_last(const struct kafka_alter_client_quotas_request *body, int32_t index)
{
    const alter_entry *wanted = &body->entries[index];
    for (int32_t i = index + 1; i < body->entries_count; i++) {
        bool is_same = body->entries[i].entity_count == wanted->entity_count;
        for (int32_t j = 0; is_same && j < wanted->entity_count; j++) {
            const struct kafka_alter_client_quotas_request_entity *a = &wanted->entity[j];
            const struct kafka_alter_client_quotas_request_entity *b = &body->entries[i].entity[j];
            is_same = slice_equal(a->entity_type, b->entity_type) &&
                      slice_equal(a->entity_name, b->entity_name) &&
                      slice_is_null(a->entity_name) == slice_is_null(b->entity_name);
        }
        if (is_same) {
            return false;
        }
    }
    return true;
}

static void answer(struct admin_wait *wait)
{
    struct request *request = wait->request;
    const struct kafka_alter_client_quotas_request *body = request->body;
    struct kafka_alter_client_quotas_response response;
    codec_init(&kafka_alter_client_quotas_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.entries = ARENA_ARRAY(&request->arena, struct kafka_alter_client_quotas_response_entry,
                                   wait->count + 1);
    for (int32_t i = 0; i < wait->count; i++) {
        const alter_entry *wanted = &body->entries[i];
        if (!is_last(body, i)) {
            continue;
        }
        struct kafka_alter_client_quotas_response_entry *out =
            &response.entries[response.entries_count++];
        codec_init(&kafka_alter_client_quotas_response_entry_message, out);
        out->error_code = wait->items[i].error;
        out->error_message = wait->items[i].message;
        out->entity = ARENA_ARRAY(&request->arena, struct kafka_alter_client_quotas_response_entity,
                                  MAX(wanted->entity_count, 0) + 1);
        for (int32_t j = 0; j < wanted->entity_count; j++) {
            struct kafka_alter_client_quotas_response_entity *entity =
                &out->entity[out->entity_count++];
            codec_init(&kafka_alter_client_quotas_response_entity_message, entity);
            entity->entity_type = wanted->entity[j].entity_type;
            entity->entity_name = wanted->entity[j].entity_name;
        }
    }
    request_reply(request, &response);
}

void handle_alter_client_quotas(struct broker *broker, struct request *request)
{
    const struct kafka_alter_client_quotas_request *body = request->body;
    struct admin_wait *wait = admin_wait_create(request, body->entries_count, answer);
    (void)broker;
    for (int32_t i = 0; i < body->entries_count; i++) {
        if (is_last(body, i)) {
            alter(wait, i, body->validate_only);
        }
    }
    admin_wait_go(wait, ADMIN_TIMEOUT_MS);
}
