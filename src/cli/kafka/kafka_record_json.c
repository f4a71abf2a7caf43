/* kafka_record_json.c - see kafka_record_json.h. */
#include "cli/kafka/kafka_record_json.h"

#include "base/base64.h"
#include "generated/kafka/messages.h"
#include "zookeeper/core/java_text.h"

#define DECODED_BYTES_MAX ((size_t)64 << 20)
#define ARENA_CHUNK ((size_t)64 * 1024)
#define VERSION_BYTES sizeof(int16_t)

/* ---- JSON as Jackson writes it --------------------------------------------------------------- */

static void put_escaped(struct buffer *out, uint8_t byte)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char hex[] = "0123456789ABCDEF";
    buffer_append_u8(out, '\\');
    if (byte == '"' || byte == '\\') {
        buffer_append_u8(out, byte);
    } else if (byte < sizeof letters && letters[byte] != 0) {
        buffer_append_u8(out, (uint8_t)letters[byte]);
    } else {
        buffer_append_cstr(out, "u00");
        buffer_append_u8(out, (uint8_t)hex[byte >> 4]);
        buffer_append_u8(out, (uint8_t)hex[byte & 15]);
    }
}

void kafka_json_string(struct buffer *out, struct slice text)
{
    struct buffer plain;
    buffer_init(&plain, SIZE_MAX / 2);
    java_text_print(&plain, text);
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < plain.len; i++) {
        uint8_t byte = plain.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            put_escaped(out, byte);
        } else {
            buffer_append_u8(out, byte);
        }
    }
    buffer_append_u8(out, '"');
    buffer_release(&plain);
}

/* `name` with what must stand before it: a comma unless it is the first of its object. */
static void put_name(struct buffer *out, const char *name)
{
    uint8_t last = out->len > 0 ? out->data[out->len - 1] : 0;
    buffer_append_cstr(out, last == '{' ? "\"" : ",\"");
    buffer_append_cstr(out, name);
    buffer_append_cstr(out, "\":");
}

static void put_number(struct buffer *out, const char *name, int64_t value)
{
    put_name(out, name);
    buffer_append_decimal(out, value);
}

static void put_value_text(struct buffer *out, struct slice text)
{
    if (slice_is_null(text)) {
        buffer_append_cstr(out, "null");
    } else {
        kafka_json_string(out, text);
    }
}

static void put_text(struct buffer *out, const char *name, struct slice text)
{
    put_name(out, name);
    put_value_text(out, text);
}

static void put_bytes(struct buffer *out, const char *name, struct slice bytes)
{
    put_name(out, name);
    if (slice_is_null(bytes)) {
        buffer_append_cstr(out, "null");
        return;
    }
    buffer_append_u8(out, '"');
    uint8_t *to = buffer_reserve(out, base64_encoded_len(bytes.len) + 1);
    out->len += base64_encode(bytes, to);
    buffer_append_u8(out, '"');
}

static void put_numbers(struct buffer *out, const char *name, const int32_t *numbers, int32_t count)
{
    put_name(out, name);
    buffer_append_u8(out, '[');
    for (int32_t i = 0; i < count; i++) {
        buffer_append_cstr(out, i > 0 ? "," : "");
        buffer_append_decimal(out, numbers[i]);
    }
    buffer_append_u8(out, ']');
}

/* ---- consumers' own messages ------------------------------------------------------------------
 */

static int decode(const struct codec_message *message,
                  int16_t version,
                  struct slice in,
                  struct arena *arena,
                  void *value)
{
    const struct codec_limits limits = {DECODED_BYTES_MAX, DECODED_BYTES_MAX / 4};
    return codec_decode(message, version, &in, &limits, arena, value);
}

static int decode_versioned(const struct codec_message *message,
                            struct slice bytes,
                            struct arena *arena,
                            int16_t *version,
                            void *value)
{
    int err = kafka_record_version(bytes, version);
    if (err != 0) {
        return err;
    }
    return decode(message, *version, slice_part(bytes, VERSION_BYTES, bytes.len), arena, value);
}

static void put_topic(struct buffer *out,
                      bool is_first,
                      struct slice topic,
                      const char *partitions_name,
                      const int32_t *partitions,
                      int32_t count)
{
    buffer_append_cstr(out, is_first ? "{" : ",{");
    put_text(out, "topic", topic);
    put_numbers(out, partitions_name, partitions, count);
    buffer_append_u8(out, '}');
}

static int put_subscription(struct buffer *out, struct slice bytes, struct arena *arena)
{
    struct kafka_consumer_subscription subscription;
    int16_t version = 0;
    int err = decode_versioned(&kafka_consumer_subscription_message, bytes, arena, &version,
                               &subscription);
    if (err != 0) {
        return err;
    }
    put_name(out, "subscription");
    buffer_append_u8(out, '{');
    put_name(out, "topics");
    buffer_append_u8(out, '[');
    for (int32_t i = 0; i < subscription.topics_count; i++) {
        buffer_append_cstr(out, i > 0 ? "," : "");
        put_value_text(out, subscription.topics[i]);
    }
    buffer_append_u8(out, ']');
    put_bytes(out, "userData", subscription.user_data);
    if (version >= 1) {
        put_name(out, "ownedPartitions");
        buffer_append_u8(out, '[');
        for (int32_t i = 0; i < subscription.owned_partitions_count; i++) {
            const struct kafka_consumer_subscription_topic *owned =
                &subscription.owned_partitions[i];
            put_topic(out, i == 0, owned->topic, "partitions", owned->partitions,
                      owned->partitions_count);
        }
        buffer_append_u8(out, ']');
    }
    if (version >= 2) {
        put_number(out, "generationId", subscription.generation_id);
    }
    if (version >= 3) {
        put_text(out, "rackId", subscription.rack_id);
    }
    buffer_append_u8(out, '}');
    return ERR_OK;
}

static int put_assignment(struct buffer *out, struct slice bytes, struct arena *arena)
{
    struct kafka_consumer_assignment assignment;
    int16_t version = 0;
    int err = decode_versioned(&kafka_consumer_assignment_message, bytes, arena, &version,
                               &assignment);
    if (err != 0) {
        return err;
    }
    put_name(out, "assignment");
    buffer_append_u8(out, '{');
    put_name(out, "assignedPartitions");
    buffer_append_u8(out, '[');
    for (int32_t i = 0; i < assignment.assigned_partitions_count; i++) {
        const struct kafka_consumer_assignment_topic *topic = &assignment.assigned_partitions[i];
        put_topic(out, i == 0, topic->topic, "partitions", topic->partitions,
                  topic->partitions_count);
    }
    buffer_append_u8(out, ']');
    put_bytes(out, "userData", assignment.user_data);
    buffer_append_u8(out, '}');
    return ERR_OK;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static int put_offset_commit(struct buffer *out,
                             int16_t version,
                             struct slice in,
                             struct arena *arena)
{
    struct kafka_offset_commit_value value;
    int err = decode(&kafka_offset_commit_value_message, version, in, arena, &value);
    if (err != 0) {
        return err;
    }
    buffer_append_u8(out, '{');
    put_number(out, "offset", value.offset);
    if (version >= 3) {
        put_number(out, "leaderEpoch", value.leader_epoch);
    }
    put_text(out, "metadata", value.metadata);
    put_number(out, "commitTimestamp", value.commit_timestamp);
    if (version == 1) {
        put_number(out, "expireTimestamp", value.expire_timestamp);
    }
    buffer_append_u8(out, '}');
    return ERR_OK;
}

static void put_member(struct buffer *out,
                       int16_t version,
                       const struct kafka_group_metadata_value_member *member,
                       bool unpacks,
                       struct arena *arena)
{
    put_text(out, "memberId", member->member_id);
    if (version >= 3) {
        put_text(out, "groupInstanceId", member->group_instance_id);
    }
    put_text(out, "clientId", member->client_id);
    put_text(out, "clientHost", member->client_host);
    if (version >= 1) {
        put_number(out, "rebalanceTimeout", member->rebalance_timeout);
    }
    put_number(out, "sessionTimeout", member->session_timeout);
    if (!unpacks || put_subscription(out, member->subscription, arena) != 0) {
        put_bytes(out, "subscription", member->subscription);
    }
    if (!unpacks || put_assignment(out, member->assignment, arena) != 0) {
        put_bytes(out, "assignment", member->assignment);
    }
}

static int put_group_metadata(struct buffer *out,
                              int16_t version,
                              struct slice in,
                              bool unpacks,
                              struct arena *arena)
{
    struct kafka_group_metadata_value value;
    int err = decode(&kafka_group_metadata_value_message, version, in, arena, &value);
    if (err != 0) {
        return err;
    }
    unpacks = unpacks && slice_equal_cstr(value.protocol_type, "consumer");
    buffer_append_u8(out, '{');
    put_text(out, "protocolType", value.protocol_type);
    put_number(out, "generation", value.generation);
    put_text(out, "protocol", value.protocol);
    put_text(out, "leader", value.leader);
    if (version >= 2) {
        put_number(out, "currentStateTimestamp", value.current_state_timestamp);
    }
    put_name(out, "members");
    buffer_append_u8(out, '[');
    for (int32_t i = 0; i < value.members_count; i++) {
        buffer_append_cstr(out, i > 0 ? ",{" : "{");
        put_member(out, version, &value.members[i], unpacks, arena);
        buffer_append_u8(out, '}');
    }
    buffer_append_cstr(out, "]}");
    return ERR_OK;
}

static int put_transaction(struct buffer *out,
                           int16_t version,
                           struct slice in,
                           struct arena *arena)
{
    struct kafka_transaction_log_value value;
    int err = decode(&kafka_transaction_log_value_message, version, in, arena, &value);
    if (err != 0) {
        return err;
    }
    buffer_append_u8(out, '{');
    put_number(out, "producerId", value.producer_id);
    put_number(out, "producerEpoch", value.producer_epoch);
    put_number(out, "transactionTimeoutMs", value.transaction_timeout_ms);
    put_number(out, "transactionStatus", value.transaction_status);
    put_name(out, "transactionPartitions");
    buffer_append_cstr(out, value.transaction_partitions_count < 0 ? "null" : "[");
    for (int32_t i = 0; i < value.transaction_partitions_count; i++) {
        const struct kafka_transaction_log_value_topic *topic = &value.transaction_partitions[i];
        put_topic(out, i == 0, topic->topic, "partitionIds", topic->partition_ids,
                  topic->partition_ids_count);
    }
    buffer_append_cstr(out, value.transaction_partitions_count < 0 ? "" : "]");
    put_number(out, "transactionLastUpdateTimestampMs", value.transaction_last_update_timestamp_ms);
    put_number(out, "transactionStartTimestampMs", value.transaction_start_timestamp_ms);
    buffer_append_u8(out, '}');
    return ERR_OK;
}

/* ---- the door ---------------------------------------------------------------------------------
 */

int kafka_record_version(struct slice bytes, int16_t *version)
{
    if (bytes.len < VERSION_BYTES) {
        return ERR_TRUNCATED;
    }
    *version = (int16_t)load_be16(bytes.ptr);
    return ERR_OK;
}

int kafka_record_value_json(enum kafka_record_kind kind,
                            struct slice value,
                            bool unpacks,
                            struct buffer *out)
{
    int16_t version = 0;
    int err = kafka_record_version(value, &version);
    if (err != 0) {
        return err;
    }
    struct slice in = slice_part(value, VERSION_BYTES, value.len);
    struct arena arena;
    arena_init(&arena, ARENA_CHUNK, 4 * DECODED_BYTES_MAX);
    switch (kind) {
    case KAFKA_RECORD_OFFSET_COMMIT:
        err = put_offset_commit(out, version, in, &arena);
        break;
    case KAFKA_RECORD_GROUP_METADATA:
        err = put_group_metadata(out, version, in, unpacks, &arena);
        break;
    case KAFKA_RECORD_TRANSACTION:
        err = put_transaction(out, version, in, &arena);
        break;
    default:
        UNREACHABLE();
    }
    arena_release(&arena);
    return err;
}

int kafka_record_key_json(enum kafka_record_kind kind, struct slice key, struct buffer *out)
{
    int16_t version = 0;
    union {
        struct kafka_offset_commit_key offset_commit;
        struct kafka_group_metadata_key group_metadata;
        struct kafka_transaction_log_key transaction;
    } value;
    const struct codec_message *message = kind == KAFKA_RECORD_OFFSET_COMMIT
                                              ? &kafka_offset_commit_key_message
                                          : kind == KAFKA_RECORD_GROUP_METADATA
                                              ? &kafka_group_metadata_key_message
                                              : &kafka_transaction_log_key_message;
    struct arena arena;
    arena_init(&arena, ARENA_CHUNK, 4 * DECODED_BYTES_MAX);
    int err = decode_versioned(message, key, &arena, &version, &value);
    if (err == 0) {
        buffer_append_u8(out, '{');
        if (kind == KAFKA_RECORD_OFFSET_COMMIT) {
            put_text(out, "group", value.offset_commit.group);
            put_text(out, "topic", value.offset_commit.topic);
            put_number(out, "partition", value.offset_commit.partition);
        } else if (kind == KAFKA_RECORD_GROUP_METADATA) {
            put_text(out, "group", value.group_metadata.group);
        } else {
            put_text(out, "transactionalId", value.transaction.transactional_id);
        }
        buffer_append_u8(out, '}');
    }
    arena_release(&arena);
    return err;
}

/* TransactionState's names. */
static const char *state_name(int8_t state)
{
    static const char *const names[] = {"Empty",        "Ongoing",          "PrepareCommit",
                                        "PrepareAbort", "CompleteCommit",   "CompleteAbort",
                                        "Dead",         "PrepareEpochFence"};
    return state >= 0 && (size_t)state < ARRAY_LEN(names) ? names[state] : "Unknown";
}

static void put_transaction_text(struct buffer *out,
                                 const struct kafka_transaction_log_value *value)
{
    buffer_append_cstr(out, "producerId:");
    buffer_append_decimal(out, value->producer_id);
    buffer_append_cstr(out, ",producerEpoch:");
    buffer_append_decimal(out, value->producer_epoch);
    buffer_append_cstr(out, ",state=");
    buffer_append_cstr(out, state_name(value->transaction_status));
    buffer_append_cstr(out, ",partitions=[");
    bool is_first = true;
    for (int32_t i = 0; i < value->transaction_partitions_count; i++) {
        const struct kafka_transaction_log_value_topic *topic = &value->transaction_partitions[i];
        for (int32_t p = 0; p < topic->partition_ids_count; p++) {
            buffer_append_cstr(out, is_first ? "" : ",");
            java_text_print(out, topic->topic);
            buffer_append_u8(out, '-');
            buffer_append_decimal(out, topic->partition_ids[p]);
            is_first = false;
        }
    }
    buffer_append_cstr(out, "],txnLastUpdateTimestamp=");
    buffer_append_decimal(out, value->transaction_last_update_timestamp_ms);
    buffer_append_cstr(out, ",txnTimeoutMs=");
    buffer_append_decimal(out, value->transaction_timeout_ms);
}

int kafka_transaction_text(struct slice key,
                           struct slice value,
                           struct buffer *key_text,
                           struct buffer *value_text)
{
    struct arena arena;
    struct kafka_transaction_log_key transaction_key = {0};
    struct kafka_transaction_log_value transaction = {0};
    int16_t version = 0;
    arena_init(&arena, ARENA_CHUNK, 4 * DECODED_BYTES_MAX);
    int err = decode_versioned(&kafka_transaction_log_key_message, key, &arena, &version,
                               &transaction_key);
    if (err == 0) {
        buffer_append_cstr(key_text, "transaction_metadata::transactionalId=");
        java_text_print(key_text, transaction_key.transactional_id);
        if (slice_is_null(value)) {
            buffer_append_cstr(value_text, "<DELETE>");
        } else {
            err = decode_versioned(&kafka_transaction_log_value_message, value, &arena, &version,
                                   &transaction);
        }
    }
    if (err == 0 && !slice_is_null(value)) {
        put_transaction_text(value_text, &transaction);
    }
    arena_release(&arena);
    return err;
}
