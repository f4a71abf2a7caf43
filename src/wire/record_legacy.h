/* record_legacy.h - one message of magic 0 or 1, and what the files of record_batch.h share.
 *
 *      0  offset  int64      8  size int32      12  crc32 of [16, end)
 *     16  magic   int8      17  attributes int8 (codec in bits 0-2; magic 1: bit 3 is
 * LogAppendTime) 18  timestamp_ms int64 (magic 1 alone), then key and value: int32 length (-1:
 * null), bytes
 *
 * Source: LegacyRecord of Apache Kafka.
 */
#ifndef WIRE_RECORD_LEGACY_H
#define WIRE_RECORD_LEGACY_H

#include "wire/record_batch.h"

struct legacy_message {
    int64_t offset;
    int8_t magic;
    int8_t attributes;
    int64_t timestamp_ms; /* NO_TIMESTAMP for magic 0 */
    struct slice key;
    struct slice value;
    struct slice body; /* from the key's length to the end */
};

/* `bytes` is one whole message, its frame included, of a size that batch_view has compared with the
 * least. ERR_CORRUPT. */
NODISCARD int legacy_message_view(struct slice bytes, struct legacy_message *message);
NODISCARD int legacy_message_check_crc(struct slice bytes);

/* How many bytes a message takes, its frame included. */
size_t legacy_message_size(int8_t magic, struct slice key, struct slice value);

/* Writes one at `to`; returns the end. */
uint8_t *legacy_message_write(uint8_t *to, const struct legacy_message *message);

/* Reads [int32 length][bytes] off the front; -1 is null. */
NODISCARD int legacy_field_read(struct slice *in, struct slice *field);

/* Sequences wrap from 2^31-1 to 0 (DefaultRecordBatch.incrementSequence). */
static inline int32_t sequence_add(int32_t sequence, int32_t by)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)by) & INT32_MAX);
}

#endif
