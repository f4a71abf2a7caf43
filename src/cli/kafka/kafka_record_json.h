/* kafka_record_json.h - the records of __consumer_offsets and __transaction_state as Apache's tools
 * print them: JSON with Apache's field names, as its generated converters write it.
 *
 * Keys and values begin with an int16, which tells what follows (keys) or its version (values).
 * Errors: ERR_UNSUPPORTED for a type or version that is not known here (those of KIP-848's groups,
 * for one), otherwise what codec_decode says of bytes that are no such record. Sources:
 * CoordinatorRecordSerde, OffsetCommitKey/Value.json, GroupMetadataKey/Value.json,
 * TransactionLogKey/Value.json of Apache Kafka 3.9.
 */
#ifndef CLI_KAFKA_KAFKA_RECORD_JSON_H
#define CLI_KAFKA_KAFKA_RECORD_JSON_H

#include "base/buffer.h"
#include "base/errors.h"

enum kafka_record_kind {
    KAFKA_RECORD_OFFSET_COMMIT,  /* key types 0 and 1 */
    KAFKA_RECORD_GROUP_METADATA, /* key type 2 */
    KAFKA_RECORD_TRANSACTION,    /* key type 0 of the other topic */
};

/* The int16 in front. ERR_TRUNCATED. */
NODISCARD int kafka_record_version(struct slice bytes, int16_t *version);

/* Appends {"group":...}, what stands behind "data". */
NODISCARD int kafka_record_key_json(enum kafka_record_kind kind,
                                    struct slice key,
                                    struct buffer *out);

/* unpacks: subscriptions and assignments of consumers become objects, where they can be read; as
 * they are, they are base64. */
NODISCARD int kafka_record_value_json(enum kafka_record_kind kind,
                                      struct slice value,
                                      bool unpacks,
                                      struct buffer *out);

/* A record of __transaction_state in the words of kafka-dump-log: "transaction_metadata::...", and
 * "producerId:..." or "<DELETE>" for a null value. */
NODISCARD int kafka_transaction_text(struct slice key,
                                     struct slice value,
                                     struct buffer *key_text,
                                     struct buffer *value_text);

/* Appends a JSON string: Jackson's escapes, malformed UTF-8 as U+FFFD. */
void kafka_json_string(struct buffer *out, struct slice text);

#endif
