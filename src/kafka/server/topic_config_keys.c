/* topic_config_keys.c - the table of topics' keys: all of Apache Kafka 3.9's LogConfig, and ours.
 *
 * A topic's value stands over the broker's value of the synonym. As in broker_config_keys.c, the
 * last member of a row is its documentation, or why it has no effect.
 */
#include <float.h>

#include "kafka/server/broker_config.h"

#define LOW (-DBL_MAX)
#define HIGH DBL_MAX
#define LONGEST "9223372036854775807"

#define OBEYED(key, kind, value, broker_key, shape, field, least, most, text) \
    {.name = key,                                                             \
     .type = CONFIG_##kind,                                                   \
     .default_value = value,                                                  \
     .synonym = broker_key,                                                   \
     .documentation = text,                                                   \
     .standing = CONFIG_OBEYED,                                               \
     .form = FORM_##shape,                                                    \
     .offset = offsetof(struct topic_config, field),                          \
     .min = least,                                                            \
     .max = most}
#define CHOICE(key, kind, value, broker_key, shape, field, words, text) \
    {.name = key,                                                       \
     .type = CONFIG_##kind,                                             \
     .default_value = value,                                            \
     .synonym = broker_key,                                             \
     .documentation = text,                                             \
     .standing = CONFIG_OBEYED,                                         \
     .form = FORM_##shape,                                              \
     .offset = offsetof(struct topic_config, field),                    \
     .min = LOW,                                                        \
     .max = HIGH,                                                       \
     .choices = words}
#define IDLE(key, kind, value, broker_key, least, most, text) \
    {.name = key,                                             \
     .type = CONFIG_##kind,                                   \
     .default_value = value,                                  \
     .synonym = broker_key,                                   \
     .documentation = text,                                   \
     .standing = CONFIG_IDLE,                                 \
     .min = least,                                            \
     .max = most}
#define REFUSED(key, kind, value, broker_key, text) \
    {.name = key,                                   \
     .type = CONFIG_##kind,                         \
     .default_value = value,                        \
     .synonym = broker_key,                         \
     .documentation = text,                         \
     .standing = CONFIG_REFUSED,                    \
     .min = LOW,                                    \
     .max = HIGH}

#define TIERED "tiered storage is not in this version yet"
#define SEVERAL "it is for clusters of several brokers; this version serves a cluster of one"
#define FORMATS \
    "records are kept in the current format, as with inter.broker.protocol.version 3.0 and later"

/* A row in two lines, what it is and what it does. */
/* clang-format off */
static const struct config_key keys[] = {
    /* keys of topics */
    CHOICE("cleanup.policy",
           LIST,
           "delete",
           "log.cleanup.policy",
           CLEANUP,
           cleanup_policy,
           "compact, delete",
           "delete, compact, or both: what happens to old segments."),
    OBEYED("compression.gzip.level",
           INT,
           "-1",
           "compression.gzip.level",
           I32,
           compression_gzip_level,
           LOW,
           HIGH,
           "Level where the broker compresses with gzip itself."),
    OBEYED("compression.lz4.level",
           INT,
           "9",
           "compression.lz4.level",
           I32,
           compression_lz4_level,
           1,
           17,
           "Level where the broker compresses with lz4 itself."),
    CHOICE("compression.type",
           STRING,
           "producer",
           "compression.type",
           COMPRESSION,
           compression_type,
           "uncompressed, zstd, lz4, snappy, gzip, producer",
           "Codec of stored batches; producer keeps what came."),
    OBEYED("compression.zstd.level",
           INT,
           "3",
           "compression.zstd.level",
           I32,
           compression_zstd_level,
           -131072,
           22,
           "Level where the broker compresses with zstd itself."),
    OBEYED("delete.retention.ms",
           LONG,
           "86400000",
           "log.cleaner.delete.retention.ms",
           I64,
           delete_retention_ms,
           0,
           HIGH,
           "How long tombstones stay in a compacted topic."),
    OBEYED("file.delete.delay.ms",
           LONG,
           "60000",
           "log.segment.delete.delay.ms",
           I64,
           file_delete_delay_ms,
           0,
           HIGH,
           "How long a deleted file stays on disk under its .deleted name."),
    OBEYED("flush.messages",
           LONG,
           LONGEST,
           "log.flush.interval.messages",
           I64,
           flush_messages,
           1,
           HIGH,
           "Flush a partition after so many records."),
    OBEYED("flush.ms",
           LONG,
           LONGEST,
           "log.flush.interval.ms",
           I64,
           flush_ms,
           0,
           HIGH,
           "Flush a partition when its oldest unflushed record is this old."),
    IDLE("follower.replication.throttled.replicas", LIST, "", NULL, LOW, HIGH, SEVERAL),
    OBEYED("index.interval.bytes",
           INT,
           "4096",
           "log.index.interval.bytes",
           I32,
           index_interval_bytes,
           0,
           HIGH,
           "One offset index entry for so many bytes of log."),
    IDLE("leader.replication.throttled.replicas", LIST, "", NULL, LOW, HIGH, SEVERAL),
    IDLE("local.retention.bytes", LONG, "-2", "log.local.retention.bytes", -2, HIGH, TIERED),
    IDLE("local.retention.ms", LONG, "-2", "log.local.retention.ms", -2, HIGH, TIERED),
    OBEYED("max.compaction.lag.ms",
           LONG,
           LONGEST,
           "log.cleaner.max.compaction.lag.ms",
           I64,
           max_compaction_lag_ms,
           1,
           HIGH,
           "A record is compacted at the latest after this time."),
    OBEYED("max.message.bytes",
           INT,
           "1048588",
           "message.max.bytes",
           I32,
           max_message_bytes,
           0,
           HIGH,
           "Largest batch that is accepted, as it comes."),
    OBEYED("message.downconversion.enable",
           BOOLEAN,
           "true",
           "log.message.downconversion.enable",
           BOOL,
           message_downconversion_enable,
           LOW,
           HIGH,
           "Whether old consumers get batches converted to their format."),
    IDLE("message.format.version",
         STRING,
         "3.0-IV1",
         "log.message.format.version",
         LOW,
         HIGH,
         FORMATS),
    OBEYED("message.timestamp.after.max.ms",
           LONG,
           LONGEST,
           "log.message.timestamp.after.max.ms",
           I64,
           message_timestamp_after_max_ms,
           0,
           HIGH,
           "How far in the future a CreateTime may be."),
    OBEYED("message.timestamp.before.max.ms",
           LONG,
           LONGEST,
           "log.message.timestamp.before.max.ms",
           I64,
           message_timestamp_before_max_ms,
           0,
           HIGH,
           "How far in the past a CreateTime may be."),
    OBEYED("message.timestamp.difference.max.ms",
           LONG,
           LONGEST,
           "log.message.timestamp.difference.max.ms",
           I64,
           message_timestamp_difference_max_ms,
           0,
           HIGH,
           "Old name for both bounds on a CreateTime, where those are not set."),
    CHOICE("message.timestamp.type",
           STRING,
           "CreateTime",
           "log.message.timestamp.type",
           TIMESTAMP,
           log_append_time,
           "CreateTime, LogAppendTime",
           "CreateTime (of the producer) or LogAppendTime (of the broker)."),
    OBEYED("min.cleanable.dirty.ratio",
           DOUBLE,
           "0.5",
           "log.cleaner.min.cleanable.ratio",
           DOUBLE,
           min_cleanable_dirty_ratio,
           0,
           1,
           "Share of the log that must be dirty before it is compacted."),
    OBEYED("min.compaction.lag.ms",
           LONG,
           "0",
           "log.cleaner.min.compaction.lag.ms",
           I64,
           min_compaction_lag_ms,
           0,
           HIGH,
           "A record is not compacted before this time."),
    OBEYED("min.insync.replicas",
           INT,
           "1",
           "min.insync.replicas",
           I32,
           min_insync_replicas,
           1,
           HIGH,
           "Replicas that must be in sync for acks=all."),
    OBEYED("preallocate",
           BOOLEAN,
           "false",
           "log.preallocate",
           BOOL,
           preallocate,
           LOW,
           HIGH,
           "Whether segment files get their full size at once."),
    IDLE("remote.log.copy.disable", BOOLEAN, "false", NULL, LOW, HIGH, TIERED),
    IDLE("remote.log.delete.on.disable", BOOLEAN, "false", NULL, LOW, HIGH, TIERED),
    REFUSED("remote.storage.enable",
            BOOLEAN,
            "false",
            NULL,
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured "
            "with remote log storage."),
    OBEYED("retention.bytes",
           LONG,
           "-1",
           "log.retention.bytes",
           I64,
           retention_bytes,
           LOW,
           HIGH,
           "Bytes that a partition keeps; -1 is no limit."),
    OBEYED("retention.ms",
           LONG,
           "604800000",
           "log.retention.ms",
           I64,
           retention_ms,
           -1,
           HIGH,
           "How long a partition keeps records; -1 is for ever."),
    OBEYED("segment.bytes",
           INT,
           "1073741824",
           "log.segment.bytes",
           I32,
           segment_bytes,
           14,
           HIGH,
           "A segment that would grow beyond this is closed and a new one begun."),
    OBEYED("segment.index.bytes",
           INT,
           "10485760",
           "log.index.size.max.bytes",
           I32,
           segment_index_bytes,
           4,
           HIGH,
           "Largest index file of a segment."),
    OBEYED("segment.jitter.ms",
           LONG,
           "0",
           "log.roll.jitter.ms",
           I64,
           segment_jitter_ms,
           0,
           HIGH,
           "Up to so much is taken off segment.ms at random."),
    OBEYED("segment.ms",
           LONG,
           "604800000",
           "log.roll.ms",
           I64,
           segment_ms,
           1,
           HIGH,
           "A segment older than this is closed."),
    OBEYED("unclean.leader.election.enable",
           BOOLEAN,
           "false",
           "unclean.leader.election.enable",
           BOOL,
           unclean_leader_election_enable,
           LOW,
           HIGH,
           "Whether a replica out of sync may lead when no other is left."),

    /* ours */
    OBEYED("flush.before.ack",
           BOOLEAN,
           "true",
           "flush.before.ack",
           BOOL,
           flush_before_ack,
           LOW,
           HIGH,
           "Whether acks=all is answered after the bytes are on disk; false is Apache's page-cache "
           "behaviour."),
    OBEYED("validate.compressed.records",
           BOOLEAN,
           "false",
           "validate.compressed.records",
           BOOL,
           validate_compressed_records,
           LOW,
           HIGH,
           "Whether compressed batches are unpacked and their records checked before they are "
           "stored, as Apache's does; false: header and CRC."),
};
/* clang-format on */

const struct config_key *topic_config_keys(size_t *count)
{
    *count = ARRAY_LEN(keys);
    return keys;
}
