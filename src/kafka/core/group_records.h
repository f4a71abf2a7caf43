/* group_records.h - the records of __consumer_offsets: an int16 version, then the message.
 *
 * Keys of version 0 and 1 name a committed offset, of version 2 a group; others belong to
 * coordinators that came later and are skipped. Written are key version 1 with value version 3 (1
 * when the offset has an expiry time of its own), and key version 2 with value version 3: what
 * Apache's brokers in ZooKeeper mode write since 2.3. Read are values 0-4.
 * Sources: GroupMetadataManager of Apache Kafka 3.9; reference 5.6.
 */
#ifndef KAFKA_CORE_GROUP_RECORDS_H
#define KAFKA_CORE_GROUP_RECORDS_H

#include "base/arena.h"
#include "generated/kafka/messages.h"

#define GROUP_NO_EXPIRY ((int64_t)-1)

enum group_key_kind {
    GROUP_KEY_OFFSET,
    GROUP_KEY_GROUP,
    GROUP_KEY_UNKNOWN
};

struct group_key {
    enum group_key_kind kind;
    int16_t version;
    struct slice group;
    struct slice topic; /* OFFSET */
    int32_t partition;  /* OFFSET */
};

/* ERR_CORRUPT when the bytes are no key. Slices borrow from the input. */
NODISCARD int group_key_decode(struct slice bytes, struct arena *arena, struct group_key *key);

/* ERR_CORRUPT, ERR_UNSUPPORTED (version). Slices borrow, arrays come from the arena. */
NODISCARD int group_offset_value_decode(struct slice bytes,
                                        struct arena *arena,
                                        struct kafka_offset_commit_value *value);
NODISCARD int group_metadata_value_decode(struct slice bytes,
                                          struct arena *arena,
                                          struct kafka_group_metadata_value *value,
                                          int16_t *version);

/* They append to `out`. ERR_INVALID when a text is longer than 32767 bytes. */
NODISCARD int group_offset_key_encode(struct slice group,
                                      struct slice topic,
                                      int32_t partition,
                                      struct buffer *out);
NODISCARD int group_metadata_key_encode(struct slice group, struct buffer *out);
NODISCARD int group_offset_value_encode(const struct kafka_offset_commit_value *value,
                                        struct buffer *out);
NODISCARD int group_metadata_value_encode(const struct kafka_group_metadata_value *value,
                                          struct buffer *out);

#endif
