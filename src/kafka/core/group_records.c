/* group_records.c - the int16 in front, then the generated codec. */
#include "kafka/core/group_records.h"

#define VERSION_BYTES 2
#define OFFSET_KEY_VERSION 1
#define GROUP_KEY_VERSION 2
#define OFFSET_VALUE_VERSION 3
#define OFFSET_VALUE_VERSION_WITH_EXPIRY 1
#define GROUP_VALUE_VERSION 3

/* The version, and the bytes behind it. */
static int take_version(struct slice *bytes, int16_t *version)
{
    if (bytes->len < VERSION_BYTES) {
        return ERR_CORRUPT;
    }
    *version = (int16_t)load_be16(bytes->ptr);
    *bytes = slice_part(*bytes, VERSION_BYTES, bytes->len);
    return ERR_OK;
}

/* What follows the message is left alone, as Apache's reader does. */
static int decode(const struct codec_message *message,
                  int16_t version,
                  struct slice bytes,
                  struct arena *arena,
                  void *value)
{
    struct codec_limits limits = {
        .max_string_bytes = bytes.len,
        .max_decoded_bytes = arena_room(arena),
    };
    int err = codec_decode(message, version, &bytes, &limits, arena, value);
    return err == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

int group_key_decode(struct slice bytes, struct arena *arena, struct group_key *key)
{
    *key = (struct group_key){.kind = GROUP_KEY_UNKNOWN};
    int err = take_version(&bytes, &key->version);
    if (err != ERR_OK) {
        return err;
    }
    if (key->version >= 0 && key->version <= OFFSET_KEY_VERSION) {
        struct kafka_offset_commit_key message;
        err = decode(&kafka_offset_commit_key_message, key->version, bytes, arena, &message);
        if (err == ERR_OK) {
            key->kind = GROUP_KEY_OFFSET;
            key->group = message.group;
            key->topic = message.topic;
            key->partition = message.partition;
        }
    } else if (key->version == GROUP_KEY_VERSION) {
        struct kafka_group_metadata_key message;
        err = decode(&kafka_group_metadata_key_message, key->version, bytes, arena, &message);
        if (err == ERR_OK) {
            key->kind = GROUP_KEY_GROUP;
            key->group = message.group;
        }
    }
    return err;
}

/* Versions that nobody knows are told apart from damaged bytes. */
static int decode_value(const struct codec_message *message,
                        struct slice bytes,
                        struct arena *arena,
                        void *value,
                        int16_t *version)
{
    int err = take_version(&bytes, version);
    if (err != ERR_OK) {
        return err;
    }
    if (*version < codec_min_version(message) || *version > codec_max_version(message)) {
        return ERR_UNSUPPORTED;
    }
    return decode(message, *version, bytes, arena, value);
}

int group_offset_value_decode(struct slice bytes,
                              struct arena *arena,
                              struct kafka_offset_commit_value *value)
{
    int16_t version = 0;
    return decode_value(&kafka_offset_commit_value_message, bytes, arena, value, &version);
}

int group_metadata_value_decode(struct slice bytes,
                                struct arena *arena,
                                struct kafka_group_metadata_value *value,
                                int16_t *version)
{
    return decode_value(&kafka_group_metadata_value_message, bytes, arena, value, version);
}

static int encode(const struct codec_message *message,
                  int16_t version,
                  const void *value,
                  struct buffer *out)
{
    size_t start = out->len;
    buffer_append_be16(out, (uint16_t)version);
    int err = codec_encode(message, version, value, out);
    if (err != ERR_OK) {
        out->len = start;
    }
    return err;
}

int group_offset_key_encode(struct slice group,
                            struct slice topic,
                            int32_t partition,
                            struct buffer *out)
{
    struct kafka_offset_commit_key key;
    codec_init(&kafka_offset_commit_key_message, &key);
    key.group = group;
    key.topic = topic;
    key.partition = partition;
    return encode(&kafka_offset_commit_key_message, OFFSET_KEY_VERSION, &key, out);
}

int group_metadata_key_encode(struct slice group, struct buffer *out)
{
    struct kafka_group_metadata_key key;
    codec_init(&kafka_group_metadata_key_message, &key);
    key.group = group;
    return encode(&kafka_group_metadata_key_message, GROUP_KEY_VERSION, &key, out);
}

int group_offset_value_encode(const struct kafka_offset_commit_value *value, struct buffer *out)
{
    int16_t version = value->expire_timestamp == GROUP_NO_EXPIRY ? OFFSET_VALUE_VERSION
                                                                 : OFFSET_VALUE_VERSION_WITH_EXPIRY;
    return encode(&kafka_offset_commit_value_message, version, value, out);
}

int group_metadata_value_encode(const struct kafka_group_metadata_value *value, struct buffer *out)
{
    return encode(&kafka_group_metadata_value_message, GROUP_VALUE_VERSION, value, out);
}
