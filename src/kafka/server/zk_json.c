/* zk_json.c - writing: see zk_json.h. Reading stands in zk_json_read.c.
 *
 * Texts are escaped as Jackson escapes them: quotes, backslashes and control characters; what is
 * beyond ASCII stays UTF-8. Numbers that Apache keeps as texts (timestamps, blocks of producer ids,
 * the version of the cluster id) are texts here.
 */
#include "kafka/server/zk_json.h"

#include "kafka/core/uuid_text.h"
#include "kafka/server/cluster.h"

static void put(struct buffer *out, const char *text)
{
    buffer_append_cstr(out, text);
}

static void put_text(struct buffer *out, struct slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\') {
            buffer_append_u8(out, '\\');
            buffer_append_u8(out, c);
        } else if (c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f') {
            buffer_append_u8(out, '\\');
            buffer_append_u8(out, c == '\n'   ? 'n'
                                  : c == '\r' ? 'r'
                                  : c == '\t' ? 't'
                                  : c == '\b' ? 'b'
                                              : 'f');
        } else if (c < 0x20) {
            put(out, "\\u00");
            buffer_append_u8(out, (uint8_t)hex[c >> 4]);
            buffer_append_u8(out, (uint8_t)hex[c & 15]);
        } else {
            buffer_append_u8(out, c);
        }
    }
    buffer_append_u8(out, '"');
}

static void put_number_text(struct buffer *out, int64_t number)
{
    buffer_append_u8(out, '"');
    buffer_append_decimal(out, number);
    buffer_append_u8(out, '"');
}

static void put_ids(struct buffer *out, const struct zk_replicas *replicas)
{
    buffer_append_u8(out, '[');
    for (int32_t i = 0; i < replicas->count; i++) {
        if (i > 0) {
            buffer_append_u8(out, ',');
        }
        buffer_append_decimal(out, replicas->ids[i]);
    }
    buffer_append_u8(out, ']');
}

static void put_comma(struct buffer *out, bool *is_first)
{
    if (!*is_first) {
        buffer_append_u8(out, ',');
    }
    *is_first = false;
}

void zk_json_put_broker(struct buffer *out, const struct broker_info *info, int64_t wall_ms)
{
    const struct broker_endpoint *plain = NULL;
    bool is_first = true;
    put(out, "{\"listener_security_protocol_map\":{");
    for (int32_t i = 0; i < info->endpoint_count; i++) {
        const struct broker_endpoint *endpoint = &info->endpoints[i];
        put_comma(out, &is_first);
        put_text(out, slice_of_cstr(endpoint->listener));
        buffer_append_u8(out, ':');
        put_text(out, slice_of_cstr(endpoint->security_protocol));
        if (plain == NULL && strcmp(endpoint->security_protocol, "PLAINTEXT") == 0) {
            plain = endpoint;
        }
    }
    put(out, "},\"endpoints\":[");
    is_first = true;
    for (int32_t i = 0; i < info->endpoint_count; i++) {
        const struct broker_endpoint *endpoint = &info->endpoints[i];
        bool is_v6 = strchr(endpoint->host, ':') != NULL;
        put_comma(out, &is_first);
        buffer_append_u8(out, '"');
        put(out, endpoint->listener);
        put(out, is_v6 ? "://[" : "://");
        put(out, endpoint->host);
        put(out, is_v6 ? "]:" : ":");
        buffer_append_decimal(out, endpoint->port);
        buffer_append_u8(out, '"');
    }
    put(out, "],");
    if (info->rack[0] != '\0') {
        put(out, "\"rack\":");
        put_text(out, slice_of_cstr(info->rack));
        buffer_append_u8(out, ',');
    }
    put(out, "\"jmx_port\":-1,\"features\":{},\"host\":");
    if (plain != NULL) {
        put_text(out, slice_of_cstr(plain->host));
    } else {
        put(out, "null");
    }
    put(out, ",\"timestamp\":");
    put_number_text(out, wall_ms);
    put(out, ",\"port\":");
    buffer_append_decimal(out, plain != NULL ? plain->port : -1);
    put(out, ",\"version\":5}");
}

static void put_lists(struct buffer *out, const struct zk_replicas *lists, int32_t count)
{
    bool is_first = true;
    buffer_append_u8(out, '{');
    for (int32_t i = 0; lists != NULL && i < count; i++) {
        if (lists[i].count > 0) {
            put_comma(out, &is_first);
            put_number_text(out, i);
            buffer_append_u8(out, ':');
            put_ids(out, &lists[i]);
        }
    }
    buffer_append_u8(out, '}');
}

void zk_json_put_topic(struct buffer *out, const struct zk_topic *topic)
{
    char id[UUID_TEXT_LEN + 1];
    put(out, "{\"removing_replicas\":");
    put_lists(out, topic->removing, topic->partition_count);
    put(out, ",\"partitions\":");
    put_lists(out, topic->partitions, topic->partition_count);
    if (!uuid_is_zero(&topic->id)) {
        uuid_to_text(&topic->id, id);
        put(out, ",\"topic_id\":\"");
        put(out, id);
        buffer_append_u8(out, '"');
    }
    put(out, ",\"adding_replicas\":");
    put_lists(out, topic->adding, topic->partition_count);
    put(out, ",\"version\":3}");
}

void zk_json_put_state(struct buffer *out, const struct zk_state *state)
{
    put(out, "{\"controller_epoch\":");
    buffer_append_decimal(out, state->controller_epoch);
    put(out, ",\"leader\":");
    buffer_append_decimal(out, state->leader);
    put(out, ",\"version\":1,\"leader_epoch\":");
    buffer_append_decimal(out, state->leader_epoch);
    if (state->recovery_state != 0) {
        put(out, ",\"leader_recovery_state\":");
        buffer_append_decimal(out, state->recovery_state);
    }
    put(out, ",\"isr\":");
    put_ids(out, &state->isr);
    buffer_append_u8(out, '}');
}

void zk_json_put_controller(struct buffer *out, int32_t broker_id, int64_t wall_ms)
{
    put(out, "{\"version\":2,\"brokerid\":");
    buffer_append_decimal(out, broker_id);
    put(out, ",\"timestamp\":");
    put_number_text(out, wall_ms);
    put(out, ",\"kraftControllerEpoch\":-1}");
}

void zk_json_put_cluster_id(struct buffer *out, const char *id)
{
    put(out, "{\"version\":\"1\",\"id\":\"");
    put(out, id);
    put(out, "\"}");
}

void zk_json_put_config(struct buffer *out, const struct config_entry *entries, size_t count)
{
    bool is_first = true;
    put(out, "{\"version\":1,\"config\":{");
    for (size_t i = 0; i < count; i++) {
        if (slice_is_null(entries[i].value)) {
            continue;
        }
        put_comma(out, &is_first);
        put_text(out, entries[i].name);
        buffer_append_u8(out, ':');
        put_text(out, entries[i].value);
    }
    put(out, "}}");
}

void zk_json_put_config_change(struct buffer *out, struct slice entity_path)
{
    put(out, "{\"version\":2,\"entity_path\":");
    put_text(out, entity_path);
    buffer_append_u8(out, '}');
}

void zk_json_put_id_block(struct buffer *out, const struct zk_id_block *block)
{
    put(out, "{\"version\":1,\"broker\":");
    buffer_append_decimal(out, block->broker_id);
    put(out, ",\"block_start\":");
    put_number_text(out, block->first);
    put(out, ",\"block_end\":");
    put_number_text(out, block->last);
    buffer_append_u8(out, '}');
}

void zk_json_put_feature(struct buffer *out)
{
    put(out, "{\"features\":{},\"status\":1,\"version\":2}");
}

void zk_json_put_log_dir_event(struct buffer *out, int32_t broker_id)
{
    put(out, "{\"version\":1,\"broker\":");
    buffer_append_decimal(out, broker_id);
    put(out, ",\"event\":1}");
}

/* ---- names in paths -------------------------------------------------------------------------- */

void zk_sanitize(struct buffer *out, struct slice name)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        if (is_plain) {
            buffer_append_u8(out, c);
        } else {
            buffer_append_u8(out, '%');
            buffer_append_u8(out, (uint8_t)hex[c >> 4]);
            buffer_append_u8(out, (uint8_t)hex[c & 15]);
        }
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

struct slice zk_desanitize(struct arena *arena, struct slice name)
{
    uint8_t *text = arena_alloc(arena, name.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        int high = c == '%' && i + 2 < name.len ? hex_digit(name.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(name.ptr[i + 2]) : -1;
        if (low >= 0) {
            text[len++] = (uint8_t)(high << 4 | low);
            i += 2;
        } else {
            text[len++] = c == '+' ? ' ' : c;
        }
    }
    text[len] = '\0';
    return slice_of(text, len);
}
