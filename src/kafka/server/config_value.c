/* config_value.c - one value of one key: read as ConfigDef reads it, checked with its words, stored
 * where the key says, and printed again.
 *
 * Java trims every value. Numbers are those of Integer.parseInt, Long.parseLong and
 * Double.parseDouble. A list is cut at commas, each part trimmed.
 * Source: ConfigDef, ConfigException of Apache Kafka 3.9.
 */
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "kafka/server/broker_config.h"
#include "wire/compress.h"

#define NUMBER_TEXT_MAX 64
#define MS_PER_MINUTE INT64_C(60000)
#define GZIP_LEVEL_MAX 9

struct parsed {
    bool flag;
    int64_t number;
    double real;
};

static int refuse(const struct config_key *key,
                  struct slice value,
                  struct errmsg *message,
                  const char *why)
{
    bool is_secret = key->type == CONFIG_PASSWORD;
    struct slice shown = is_secret ? SLICE_LIT("[hidden]") : value;
    return errmsg_set(message, ERR_INVALID, "Invalid value %.*s for configuration %s: %s",
                      (int)MIN(shown.len, (size_t)256), (const char *)shown.ptr, key->name, why);
}

static const char *type_name(enum config_type type)
{
    return type == CONFIG_INT     ? "INT"
           : type == CONFIG_SHORT ? "SHORT"
           : type == CONFIG_LONG  ? "LONG"
                                  : "DOUBLE";
}

static int print_real(double value, char *text, size_t size);

static bool parse_real(struct slice value, double *real)
{
    char text[NUMBER_TEXT_MAX];
    char *end;
    if (value.len == 0 || value.len >= sizeof text) {
        return false;
    }
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    *real = strtod(text, &end);
    return *end == '\0';
}

static int parse_number(const struct config_key *key,
                        struct slice value,
                        struct parsed *parsed,
                        struct errmsg *message)
{
    char why[64];
    bool is_number;
    if (key->type == CONFIG_DOUBLE) {
        is_number = parse_real(value, &parsed->real);
    } else {
        int64_t most = key->type == CONFIG_INT     ? INT32_MAX
                       : key->type == CONFIG_SHORT ? INT16_MAX
                                                   : INT64_MAX;
        is_number = text_parse_i64(value, &parsed->number) == 0 && parsed->number <= most &&
                    parsed->number >= -most - 1;
        parsed->real = (double)parsed->number;
    }
    if (!is_number) {
        snprintf(why, sizeof why, "Not a number of type %s", type_name(key->type));
        return refuse(key, value, message, why);
    }
    bool is_integer = key->type != CONFIG_DOUBLE;
    char printed[NUMBER_TEXT_MAX];
    if (!is_integer) {
        value = slice_of(printed, (size_t)print_real(parsed->real, printed, sizeof printed));
    }
    if (parsed->real < key->min) {
        snprintf(why, sizeof why, "Value must be at least %.*f",
                 is_integer || key->min >= 0 ? 0 : 2, key->min);
        return refuse(key, value, message, why);
    }
    if (parsed->real > key->max) {
        snprintf(why, sizeof why, "Value must be no more than %.0f", key->max);
        return refuse(key, value, message, why);
    }
    if (strcmp(key->name, "compression.gzip.level") == 0 && parsed->number != -1 &&
        (parsed->number < 1 || parsed->number > GZIP_LEVEL_MAX)) {
        return refuse(key, value, message, "Value must be between 1 and 9 or equal to -1");
    }
    return 0;
}

static bool is_choice(const char *choices, struct slice word)
{
    struct slice rest = slice_of_cstr(choices);
    while (rest.len > 0) {
        struct slice choice;
        text_cut(rest, ',', &choice, &rest);
        if (slice_equal(text_trim(choice), word)) {
            return true;
        }
    }
    return false;
}

static int check_choice(const struct config_key *key, struct slice word, struct errmsg *message)
{
    char why[256];
    if (is_choice(key->choices, word)) {
        return 0;
    }
    snprintf(why, sizeof why, "String must be one of: %s", key->choices);
    return refuse(key, word, message, why);
}

static int check_words(const struct config_key *key, struct slice value, struct errmsg *message)
{
    if (key->choices == NULL) {
        return 0;
    }
    if (key->type != CONFIG_LIST) {
        return check_choice(key, value, message);
    }
    struct slice rest = value;
    while (rest.len > 0) {
        struct slice word;
        text_cut(rest, ',', &word, &rest);
        int error = check_choice(key, text_trim(word), message);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* "0.8.0" to "3.9", with a patch number or -IVn: MetadataVersion.fromVersionString. */
static bool is_version(struct slice value)
{
    static const char *const known[] = {
        "0.8.0", "0.8.1", "0.8.2", "0.9.0", "0.10.0", "0.10.1", "0.10.2", "0.11.0", "1.0", "1.1",
        "2.0",   "2.1",   "2.2",   "2.3",   "2.4",    "2.5",    "2.6",    "2.7",    "2.8", "3.0",
        "3.1",   "3.2",   "3.3",   "3.4",   "3.5",    "3.6",    "3.7",    "3.8",    "3.9"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct slice name = slice_of_cstr(known[i]);
        if (slice_starts_with(value, name) &&
            (value.len == name.len || value.ptr[name.len] == '.' || value.ptr[name.len] == '-')) {
            return true;
        }
    }
    return false;
}

static bool is_replica(struct slice part)
{
    struct slice partition;
    struct slice broker;
    int64_t number;
    return text_cut(part, ':', &partition, &broker) && text_parse_i64(partition, &number) == 0 &&
           number >= 0 && text_parse_i64(broker, &number) == 0 && number >= 0;
}

/* "*", or "0:1,2:3": ThrottledReplicaListValidator. */
static bool is_replica_list(struct slice value)
{
    struct slice rest = value;
    while (rest.len > 0) {
        struct slice part;
        text_cut(rest, ',', &part, &rest);
        bool is_star = slice_equal_cstr(value, "*");
        if (!is_star && !is_replica(text_trim(part))) {
            return false;
        }
    }
    return true;
}

/* What ConfigDef's validators of single keys check. */
static int check_special(const struct config_key *key, struct slice value, struct errmsg *message)
{
    char why[256];
    struct slice name = slice_of_cstr(key->name);
    struct slice versions[] = {SLICE_LIT("message.format.version"),
                               SLICE_LIT("log.message.format.version"),
                               SLICE_LIT("inter.broker.protocol.version")};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (slice_equal(name, versions[i]) && !is_version(value)) {
            snprintf(why, sizeof why, "Version %.*s is not a valid version",
                     (int)MIN(value.len, (size_t)64), (const char *)value.ptr);
            return refuse(key, value, message, why);
        }
    }
    bool is_list = slice_equal_cstr(name, "leader.replication.throttled.replicas") ||
                   slice_equal_cstr(name, "follower.replication.throttled.replicas");
    if (is_list && !is_replica_list(value)) {
        return errmsg_set(
            message, ERR_INVALID,
            "Invalid value [%.*s] for configuration %s: %s must be the literal '*' or "
            "a list of replicas in the following format: "
            "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
            (int)MIN(value.len, (size_t)256), (const char *)value.ptr, key->name, key->name);
    }
    return 0;
}

static int parse_value(const struct config_key *key,
                       struct slice value,
                       struct parsed *parsed,
                       struct errmsg *message)
{
    switch (key->type) {
    case CONFIG_BOOLEAN:
        parsed->flag = text_equal_ignoring_case(value, SLICE_LIT("true"));
        if (!parsed->flag && !text_equal_ignoring_case(value, SLICE_LIT("false"))) {
            return refuse(key, value, message, "Expected value to be either true or false");
        }
        return 0;
    case CONFIG_INT:
    case CONFIG_SHORT:
    case CONFIG_LONG:
    case CONFIG_DOUBLE:
        return parse_number(key, value, parsed, message);
    case CONFIG_STRING:
    case CONFIG_LIST:
    case CONFIG_CLASS:
    case CONFIG_PASSWORD:
        return check_words(key, value, message);
    }
    UNREACHABLE();
}

static const char *const codec_names[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};

static int32_t codec_of(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(codec_names); i++) {
        if (slice_equal_cstr(name, codec_names[i])) {
            return (int32_t)i;
        }
    }
    return TOPIC_COMPRESSION_PRODUCER;
}

static uint32_t cleanup_of(struct slice value)
{
    uint32_t policy = 0;
    while (value.len > 0) {
        struct slice word;
        text_cut(value, ',', &word, &value);
        policy |= slice_equal_cstr(text_trim(word), "compact") ? CLEANUP_COMPACT : CLEANUP_DELETE;
    }
    return policy;
}

static int store(const struct config_key *key,
                 struct slice value,
                 const struct parsed *parsed,
                 void *into,
                 struct errmsg *message)
{
    uint8_t *at = (uint8_t *)into + key->offset;
    int16_t number_16 = (int16_t)parsed->number;
    int32_t number_32 = (int32_t)parsed->number;
    int64_t number_64 = parsed->number;
    int32_t codec = codec_of(value);
    uint32_t cleanup = cleanup_of(value);
    bool flag = key->form == FORM_TIMESTAMP ? slice_equal_cstr(value, "LogAppendTime")
                                            : parsed->flag;
    switch (key->form) {
    case FORM_NONE:
        break;
    case FORM_BOOL:
    case FORM_TIMESTAMP:
        memcpy(at, &flag, sizeof flag);
        break;
    case FORM_I16:
        memcpy(at, &number_16, sizeof number_16);
        break;
    case FORM_I32:
        memcpy(at, &number_32, sizeof number_32);
        break;
    case FORM_I64:
        memcpy(at, &number_64, sizeof number_64);
        break;
    case FORM_MINUTES:
        number_64 *= MS_PER_MINUTE; /* of an int: no overflow */
        memcpy(at, &number_64, sizeof number_64);
        break;
    case FORM_DOUBLE:
        memcpy(at, &parsed->real, sizeof parsed->real);
        break;
    case FORM_CLEANUP:
        memcpy(at, &cleanup, sizeof cleanup);
        break;
    case FORM_COMPRESSION:
        memcpy(at, &codec, sizeof codec);
        break;
    case FORM_TEXT:
        if (value.len >= key->size) {
            return refuse(key, value, message, "the value is too long");
        }
        memcpy(at, value.ptr, value.len);
        at[value.len] = '\0';
        break;
    }
    return 0;
}

int config_key_set(const struct config_key *key,
                   struct slice value,
                   void *into,
                   struct errmsg *message)
{
    struct parsed parsed = {0};
    struct slice trimmed = text_trim(value);
    if (trimmed.len > BROKER_VALUE_MAX) {
        return refuse(key, trimmed, message, "the value is too long");
    }
    int error = parse_value(key, trimmed, &parsed, message);
    if (error == 0) {
        error = check_special(key, trimmed, message);
    }
    if (error == 0 && into != NULL) {
        error = store(key, trimmed, &parsed, into, message);
    }
    return error;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* As Double.toString for the values that occur: "0.5", "1.0". */
static int print_real(double value, char *text, size_t size)
{
    for (int digits = 1; digits < 17; digits++) {
        double again;
        int len = snprintf(text, size, "%.*f", digits, value);
        if (len > 0 && (size_t)len < size && parse_real(slice_of(text, (size_t)len), &again) &&
            again >= value && again <= value) {
            return len;
        }
    }
    return snprintf(text, size, "%.17g", value);
}

static int print_value(const struct config_key *key, const void *from, char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)from + key->offset;
    bool flag;
    int32_t number_32;
    int64_t number_64;
    double real;
    switch (key->form) {
    case FORM_BOOL:
        memcpy(&flag, at, sizeof flag);
        return snprintf(text, size, "%s", flag ? "true" : "false");
    case FORM_TIMESTAMP:
        memcpy(&flag, at, sizeof flag);
        return snprintf(text, size, "%s", flag ? "LogAppendTime" : "CreateTime");
    case FORM_I32:
        memcpy(&number_32, at, sizeof number_32);
        return snprintf(text, size, "%" PRId32, number_32);
    case FORM_I64:
        memcpy(&number_64, at, sizeof number_64);
        return snprintf(text, size, "%" PRId64, number_64);
    case FORM_DOUBLE:
        memcpy(&real, at, sizeof real);
        return print_real(real, text, size);
    case FORM_CLEANUP:
        memcpy(&number_32, at, sizeof number_32);
        return snprintf(text, size, "%s",
                        number_32 == (CLEANUP_DELETE | CLEANUP_COMPACT) ? "compact,delete"
                        : number_32 == CLEANUP_COMPACT                  ? "compact"
                        : number_32 == CLEANUP_DELETE                   ? "delete"
                                                                        : "");
    case FORM_COMPRESSION:
        memcpy(&number_32, at, sizeof number_32);
        return snprintf(text, size, "%s",
                        number_32 == TOPIC_COMPRESSION_PRODUCER ? "producer"
                                                                : codec_names[number_32]);
    case FORM_NONE:
    case FORM_I16:
    case FORM_MINUTES:
    case FORM_TEXT:
        break;
    }
    return snprintf(text, size, "%s", key->default_value);
}

struct slice topic_config_text(const struct topic_config *config,
                               const struct config_key *key,
                               char *text,
                               size_t size)
{
    int len = print_value(key, config, text, size);
    return slice_of(text, MIN((size_t)MAX(len, 0), size - 1));
}

/* ---- looking up ------------------------------------------------------------------------------ */

static const struct config_key *find(const struct config_key *keys, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_cstr(name, keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

const struct config_key *broker_config_key(struct slice name)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    return find(keys, count, name);
}

const struct config_key *topic_config_key(struct slice name)
{
    size_t count;
    const struct config_key *keys = topic_config_keys(&count);
    return find(keys, count, name);
}

#define NEAREST_NAME_MAX 96

/* Levenshtein's distance, by one row. */
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t row[NEAREST_NAME_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

const char *config_nearest(const struct config_key *keys, size_t count, struct slice name)
{
    const char *nearest = NULL;
    size_t best = MIN((size_t)3, name.len / 2) + 1;
    if (name.len > NEAREST_NAME_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct slice known = slice_of_cstr(keys[i].name);
        size_t longer = MAX(known.len, name.len) - MIN(known.len, name.len);
        size_t distance = longer < best && known.len <= NEAREST_NAME_MAX
                              ? edit_distance(name, known)
                              : SIZE_MAX;
        if (distance < best) {
            best = distance;
            nearest = keys[i].name;
        }
    }
    return nearest;
}

/* ---- topics ---------------------------------------------------------------------------------- */

int topic_config_set(struct topic_config *config,
                     struct slice name,
                     struct slice value,
                     struct errmsg *message)
{
    const struct config_key *key = topic_config_key(name);
    if (key == NULL) {
        return errmsg_set(message, ERR_INVALID, "Unknown topic config name: %.*s",
                          (int)MIN(name.len, (size_t)256), (const char *)name.ptr);
    }
    int error = config_key_set(key, value, config, message);
    if (error == 0 && key->standing == CONFIG_REFUSED &&
        !text_equal_ignoring_case(text_trim(value), slice_of_cstr(key->default_value))) {
        return errmsg_set(message, ERR_INVALID, "%s", key->documentation);
    }
    return error;
}

int topic_config_check(const struct topic_config *config, struct errmsg *message)
{
    if (config->min_compaction_lag_ms > config->max_compaction_lag_ms) {
        return errmsg_set(message, ERR_INVALID,
                          "conflict topic config setting min.compaction.lag.ms (%" PRId64
                          ") > max.compaction.lag.ms (%" PRId64 ")",
                          config->min_compaction_lag_ms, config->max_compaction_lag_ms);
    }
    return 0;
}

void topic_config_settle(struct topic_config *config)
{
    if (config->message_timestamp_before_max_ms == INT64_MAX) {
        config->message_timestamp_before_max_ms = config->message_timestamp_difference_max_ms;
    }
    if (config->message_timestamp_after_max_ms == INT64_MAX) {
        config->message_timestamp_after_max_ms = config->message_timestamp_difference_max_ms;
    }
}
