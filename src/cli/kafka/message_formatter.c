/* message_formatter.c - see message_formatter.h. */
#include "cli/kafka/message_formatter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/kafka/kafka_record_json.h"
#include "cli/kafka/rdkafka_client.h"
#include "generated/kafka/messages.h"
#include "zookeeper/core/java_text.h"

#define NUMBER_TEXT_MAX 64
#define DECODED_BYTES_MAX ((size_t)1 << 24)

/* ---- what the names mean ----------------------------------------------------------------------
 */

static const struct {
    const char *name;
    enum formatter_kind kind;
    const char *successor; /* of a deprecated name */
} classes[] = {
    {"org.apache.kafka.tools.consumer.DefaultMessageFormatter", FORMAT_DEFAULT, NULL},
    {"org.apache.kafka.tools.consumer.LoggingMessageFormatter", FORMAT_DEFAULT, NULL},
    {"org.apache.kafka.tools.consumer.NoOpMessageFormatter", FORMAT_NOTHING, NULL},
    {"org.apache.kafka.tools.consumer.OffsetsMessageFormatter", FORMAT_OFFSETS_JSON, NULL},
    {"org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter", FORMAT_GROUPS_JSON, NULL},
    {"org.apache.kafka.tools.consumer.TransactionLogMessageFormatter", FORMAT_TRANSACTIONS_JSON,
     NULL},
    {"kafka.tools.DefaultMessageFormatter", FORMAT_DEFAULT, "DefaultMessageFormatter"},
    {"kafka.tools.LoggingMessageFormatter", FORMAT_DEFAULT, "LoggingMessageFormatter"},
    {"kafka.tools.NoOpMessageFormatter", FORMAT_NOTHING, "NoOpMessageFormatter"},
    {"kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter", FORMAT_OFFSETS_TEXT,
     "OffsetsMessageFormatter"},
    {"kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter",
     FORMAT_GROUPS_JSON, "GroupMetadataMessageFormatter"},
    {"kafka.coordinator.transaction.TransactionLog$TransactionLogMessageFormatter",
     FORMAT_TRANSACTIONS_JSON, "TransactionLogMessageFormatter"},
};

static const struct {
    const char *name;
    enum deserializer deserializer;
} deserializers[] = {
    {"StringDeserializer", DESERIALIZE_STRING}, {"ByteArrayDeserializer", DESERIALIZE_BYTES},
    {"BytesDeserializer", DESERIALIZE_BYTES},   {"ByteBufferDeserializer", DESERIALIZE_BYTES},
    {"ShortDeserializer", DESERIALIZE_SHORT},   {"IntegerDeserializer", DESERIALIZE_INTEGER},
    {"LongDeserializer", DESERIALIZE_LONG},     {"FloatDeserializer", DESERIALIZE_FLOAT},
    {"DoubleDeserializer", DESERIALIZE_DOUBLE}, {"BooleanDeserializer", DESERIALIZE_BOOLEAN},
    {"UUIDDeserializer", DESERIALIZE_UUID},
};

static int find_class(struct message_formatter *formatter, const char *name, struct errmsg *message)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strcmp(classes[i].name, name) != 0) {
            continue;
        }
        formatter->kind = classes[i].kind;
        if (classes[i].successor != NULL) {
            fprintf(
                stderr,
                "WARNING: %s is deprecated and will be removed in the next major release. Please "
                "use org.apache.kafka.tools.consumer.%s instead\n",
                name, classes[i].successor);
        }
        return ERR_OK;
    }
    return errmsg_set(message, ERR_INVALID, "%s", name);
}

static enum deserializer find_deserializer(const struct client_properties *properties,
                                           const char *key)
{
    static const char package[] = "org.apache.kafka.common.serialization.";
    const char *name = client_properties_get(properties, key);
    if (name == NULL) {
        return DESERIALIZE_BYTES;
    }
    bool is_known_package = strncmp(name, package, strlen(package)) == 0;
    for (size_t i = 0; is_known_package && i < ARRAY_LEN(deserializers); i++) {
        if (strcmp(name + strlen(package), deserializers[i].name) == 0) {
            return deserializers[i].deserializer;
        }
    }
    tool_log(
        "ERROR", "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
        "Unable to instantiate a deserializer from %s: there are those of %s* alone, and no Java "
        "classes",
        name, package);
    return DESERIALIZE_BYTES;
}

static bool flag(const struct client_properties *properties, const char *key, bool otherwise)
{
    return client_properties_get(properties, key) == NULL
               ? otherwise
               : client_properties_is_true(properties, key);
}

static struct slice text(const struct client_properties *properties,
                         const char *key,
                         const char *otherwise)
{
    const char *value = client_properties_get(properties, key);
    return slice_of_cstr(value == NULL ? otherwise : value);
}

int message_formatter_init(struct message_formatter *formatter,
                           const char *class_name,
                           const struct client_properties *properties,
                           struct errmsg *message)
{
    *formatter = (struct message_formatter){
        .prints_timestamp = flag(properties, "print.timestamp", false),
        .prints_partition = flag(properties, "print.partition", false),
        .prints_offset = flag(properties, "print.offset", false),
        .prints_headers = flag(properties, "print.headers", false),
        .prints_key = flag(properties, "print.key", false),
        .prints_value = flag(properties, "print.value", true),
        .key_separator = text(properties, "key.separator", "\t"),
        .line_separator = text(properties, "line.separator", "\n"),
        .headers_separator = text(properties, "headers.separator", ","),
        .null_literal = text(properties, "null.literal", "null"),
        .key = find_deserializer(properties, "key.deserializer"),
        .value = find_deserializer(properties, "value.deserializer"),
        .header = find_deserializer(properties, "headers.deserializer"),
    };
    return find_class(formatter, class_name, message);
}

/* ---- numbers as Java writes them --------------------------------------------------------------
 */

/* Double.toString: the fewest digits that read back as the same number, always with a point; an
 * exponent below 10^-3 and from 10^7 on. */
static void append_real(struct buffer *out, double value, bool is_float)
{
    char digits[NUMBER_TEXT_MAX];
    if (isnan(value) || isinf(value)) {
        buffer_append_cstr(out, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    for (int precision = 0; precision < 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*e", precision, value);
        if (is_float ? strtof(digits, NULL) == (float)value : strtod(digits, NULL) == value) {
            break;
        }
    }
    char *exponent_at = strchr(digits, 'e');
    if (exponent_at == NULL) {
        return; /* there always is one */
    }
    int exponent = (int)strtol(exponent_at + 1, NULL, 10);
    double magnitude = fabs(value);
    char result[NUMBER_TEXT_MAX];
    if (magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
        const char *point = strchr(digits, '.');
        int places = point == NULL ? 0 : (int)(exponent_at - point) - 1;
        (void)snprintf(result, sizeof result, "%.*f", MAX(places - exponent, 1), value);
        buffer_append_cstr(out, result);
        return;
    }
    *exponent_at = 0;
    bool has_point = strchr(digits, '.') != NULL;
    (void)snprintf(result, sizeof result, "%s%sE%d", digits, has_point ? "" : ".0", exponent);
    buffer_append_cstr(out, result);
}

static int need(struct slice bytes, size_t len, const char *name, struct errmsg *message)
{
    return bytes.len == len
               ? ERR_OK
               : errmsg_set(message, ERR_INVALID,
                            "Size of data received by %sDeserializer is not %zu", name, len);
}

static void append_number(enum deserializer kind, const uint8_t *p, struct buffer *out)
{
    union {
        uint32_t bits;
        float value;
    } single = {0};
    union {
        uint64_t bits;
        double value;
    } wide = {0};
    switch ((int)kind) {
    case DESERIALIZE_SHORT:
        buffer_append_decimal(out, (int16_t)load_be16(p));
        break;
    case DESERIALIZE_INTEGER:
        buffer_append_decimal(out, (int32_t)load_be32(p));
        break;
    case DESERIALIZE_LONG:
        buffer_append_decimal(out, (int64_t)load_be64(p));
        break;
    case DESERIALIZE_FLOAT:
        single.bits = load_be32(p);
        append_real(out, (double)single.value, true);
        break;
    case DESERIALIZE_DOUBLE:
        wide.bits = load_be64(p);
        append_real(out, wide.value, false);
        break;
    default:
        buffer_append_cstr(out, *p == 1 ? "true" : "false");
        break;
    }
}

/* Null bytes are the null literal, which goes through the deserializer like all others. */
static int append_field(enum deserializer kind,
                        struct slice bytes,
                        struct slice null_literal,
                        struct buffer *out,
                        struct errmsg *message)
{
    static const struct {
        const char *name;
        size_t len;
    } numbers[] = {
        [DESERIALIZE_SHORT] = {"Short", 2},   [DESERIALIZE_INTEGER] = {"Integer", 4},
        [DESERIALIZE_LONG] = {"Long", 8},     [DESERIALIZE_FLOAT] = {"Float", 4},
        [DESERIALIZE_DOUBLE] = {"Double", 8}, [DESERIALIZE_BOOLEAN] = {"Boolean", 1},
        [DESERIALIZE_UUID] = {NULL, 0},
    };
    bytes = slice_is_null(bytes) ? null_literal : bytes;
    if (kind == DESERIALIZE_BYTES) {
        buffer_append(out, bytes);
        return ERR_OK;
    }
    if (numbers[kind].name == NULL) { /* String and UUID are text on the wire */
        java_text_print(out, bytes);
        return ERR_OK;
    }
    int err = need(bytes, numbers[kind].len, numbers[kind].name, message);
    if (err == 0) {
        append_number(kind, bytes.ptr, out);
    }
    return err;
}

/* ---- the default ------------------------------------------------------------------------------
 */

static int append_headers(const struct message_formatter *formatter,
                          const struct formatted_message *record,
                          struct buffer *out,
                          struct errmsg *message)
{
    int err = ERR_OK;
    if (record->header_count == 0) {
        buffer_append_cstr(out, "NO_HEADERS");
    }
    for (size_t i = 0; err == 0 && i < record->header_count; i++) {
        if (i > 0) {
            buffer_append(out, formatter->headers_separator);
        }
        java_text_print(out, record->headers[i].key);
        buffer_append_u8(out, ':');
        err = append_field(formatter->header, record->headers[i].value, formatter->null_literal,
                           out, message);
    }
    return err;
}

static void separate(const struct message_formatter *formatter, bool is_more, struct buffer *out)
{
    buffer_append(out, is_more ? formatter->key_separator : formatter->line_separator);
}

static int format_default(const struct message_formatter *formatter,
                          const struct formatted_message *record,
                          struct buffer *out,
                          struct errmsg *message)
{
    bool more_than_value = formatter->prints_key || formatter->prints_value;
    bool more_than_offset = formatter->prints_headers || more_than_value;
    int err = ERR_OK;
    if (formatter->prints_timestamp) {
        if (record->timestamp_type == NULL) {
            buffer_append_cstr(out, "NO_TIMESTAMP");
        } else {
            buffer_append_cstr(out, record->timestamp_type);
            buffer_append_u8(out, ':');
            buffer_append_decimal(out, record->timestamp_ms);
        }
        separate(formatter,
                 formatter->prints_offset || formatter->prints_partition || more_than_offset, out);
    }
    if (formatter->prints_partition) {
        buffer_append_cstr(out, "Partition:");
        buffer_append_decimal(out, record->partition);
        separate(formatter, formatter->prints_offset || more_than_offset, out);
    }
    if (formatter->prints_offset) {
        buffer_append_cstr(out, "Offset:");
        buffer_append_decimal(out, record->offset);
        separate(formatter, more_than_offset, out);
    }
    if (formatter->prints_headers) {
        err = append_headers(formatter, record, out, message);
        separate(formatter, more_than_value, out);
    }
    if (err == 0 && formatter->prints_key) {
        err = append_field(formatter->key, record->key, formatter->null_literal, out, message);
        separate(formatter, formatter->prints_value, out);
    }
    if (err == 0 && formatter->prints_value) {
        err = append_field(formatter->value, record->value, formatter->null_literal, out, message);
        buffer_append(out, formatter->line_separator);
    }
    return err;
}

/* ---- internal topics --------------------------------------------------------------------------
 */

static bool wants(const struct message_formatter *formatter, int16_t version)
{
    return formatter->kind == FORMAT_TRANSACTIONS_JSON ? version == 0
           : formatter->kind == FORMAT_GROUPS_JSON     ? version == 2
                                                       : version == 0 || version == 1;
}

static bool is_skipped(const struct message_formatter *formatter, int16_t version)
{
    return formatter->kind == FORMAT_OFFSETS_JSON  ? version == 2
           : formatter->kind == FORMAT_GROUPS_JSON ? version == 0 || version == 1
                                                   : false;
}

static enum kafka_record_kind record_kind(const struct message_formatter *formatter)
{
    return formatter->kind == FORMAT_TRANSACTIONS_JSON ? KAFKA_RECORD_TRANSACTION
           : formatter->kind == FORMAT_GROUPS_JSON     ? KAFKA_RECORD_GROUP_METADATA
                                                       : KAFKA_RECORD_OFFSET_COMMIT;
}

/* {"version":1,"data":...}, or "unknown" in the place of what is not understood. */
static int append_versioned(const struct message_formatter *formatter,
                            bool is_key,
                            struct slice bytes,
                            struct buffer *out)
{
    int16_t version = 0;
    int err = kafka_record_version(bytes, &version);
    if (err != 0) {
        return err;
    }
    buffer_append_cstr(out, "{\"version\":");
    buffer_append_decimal(out, version);
    buffer_append_cstr(out, ",\"data\":");
    if (!is_key) {
        err = kafka_record_value_json(record_kind(formatter), bytes, false, out);
    } else if (wants(formatter, version)) {
        err = kafka_record_key_json(record_kind(formatter), bytes, out);
    } else {
        err = ERR_UNSUPPORTED;
    }
    if (err == ERR_UNSUPPORTED) {
        buffer_append_cstr(out, "\"unknown\"");
        err = ERR_OK;
    }
    buffer_append_cstr(out, "}");
    return err;
}

static int append_side(const struct message_formatter *formatter,
                       bool is_key,
                       struct slice bytes,
                       struct buffer *out)
{
    buffer_append_cstr(out, is_key ? "{\"key\":" : ",\"value\":");
    if (slice_is_null(bytes)) {
        buffer_append_cstr(out, "null");
        return ERR_OK;
    }
    return append_versioned(formatter, is_key, bytes, out);
}

static int format_json(const struct message_formatter *formatter,
                       const struct formatted_message *record,
                       struct buffer *out,
                       struct errmsg *message)
{
    int16_t version = 0;
    bool has_version = !slice_is_null(record->key) &&
                       kafka_record_version(record->key, &version) == 0;
    if (has_version && is_skipped(formatter, version)) {
        return ERR_OK;
    }
    int err = append_side(formatter, true, record->key, out);
    err = err != 0 ? err : append_side(formatter, false, record->value, out);
    buffer_append_cstr(out, "}\n");
    return err == 0 ? ERR_OK
                    : errmsg_set(message, err,
                                 "The record at offset %lld of %s-%d is none of its topic: %s",
                                 (long long)record->offset, record->topic, record->partition,
                                 error_text(err));
}

/* Scala's toString of the decoded records. */
static int format_offsets_text(const struct formatted_message *record,
                               struct buffer *out,
                               struct errmsg *message)
{
    const struct codec_limits limits = {DECODED_BYTES_MAX, DECODED_BYTES_MAX};
    struct kafka_offset_commit_key key;
    struct kafka_offset_commit_value value = {0};
    int16_t version = 0;
    struct arena arena;
    if (slice_is_null(record->key) || kafka_record_version(record->key, &version) != 0 ||
        version > 1) {
        return ERR_OK;
    }
    arena_init(&arena, 4096, 2 * DECODED_BYTES_MAX);
    struct slice in = slice_part(record->key, 2, record->key.len);
    int err = codec_decode(&kafka_offset_commit_key_message, version, &in, &limits, &arena, &key);
    bool has_value = !slice_is_null(record->value);
    if (err == 0 && has_value) {
        err = kafka_record_version(record->value, &version);
        in = err != 0 ? SLICE_NULL : slice_part(record->value, 2, record->value.len);
        err = err != 0 ? err
                       : codec_decode(&kafka_offset_commit_value_message, version, &in, &limits,
                                      &arena, &value);
    }
    if (err != 0) {
        arena_release(&arena);
        return errmsg_set(message, err, "The record at offset %lld of %s-%d is no commit: %s",
                          (long long)record->offset, record->topic, record->partition,
                          error_text(err));
    }
    buffer_append_cstr(out, "[");
    java_text_print(out, key.group);
    buffer_append_cstr(out, ",");
    java_text_print(out, key.topic);
    buffer_append_cstr(out, ",");
    buffer_append_decimal(out, key.partition);
    buffer_append_cstr(out, "]::");
    if (!has_value) {
        buffer_append_cstr(out, "NULL\n");
        arena_release(&arena);
        return ERR_OK;
    }
    buffer_append_cstr(out, "OffsetAndMetadata(offset=");
    buffer_append_decimal(out, value.offset);
    buffer_append_cstr(out, ", leaderEpoch=Optional");
    buffer_append_cstr(out, value.leader_epoch < 0 ? ".empty" : "[");
    if (value.leader_epoch >= 0) {
        buffer_append_decimal(out, value.leader_epoch);
        buffer_append_cstr(out, "]");
    }
    buffer_append_cstr(out, ", metadata=");
    java_text_print(out, value.metadata);
    buffer_append_cstr(out, ", commitTimestamp=");
    buffer_append_decimal(out, value.commit_timestamp);
    buffer_append_cstr(out, ", expireTimestamp=");
    if (value.expire_timestamp < 0) {
        buffer_append_cstr(out, "None");
    } else {
        buffer_append_cstr(out, "Some(");
        buffer_append_decimal(out, value.expire_timestamp);
        buffer_append_cstr(out, ")");
    }
    buffer_append_cstr(out, ")\n");
    arena_release(&arena);
    return ERR_OK;
}

int message_format(const struct message_formatter *formatter,
                   const struct formatted_message *record,
                   struct buffer *out,
                   struct errmsg *message)
{
    switch (formatter->kind) {
    case FORMAT_DEFAULT:
        return format_default(formatter, record, out, message);
    case FORMAT_NOTHING:
        return ERR_OK;
    case FORMAT_OFFSETS_TEXT:
        return format_offsets_text(record, out, message);
    case FORMAT_OFFSETS_JSON:
    case FORMAT_GROUPS_JSON:
    case FORMAT_TRANSACTIONS_JSON:
    default:
        return format_json(formatter, record, out, message);
    }
}
