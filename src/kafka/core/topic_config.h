/* topic_config.h - what a topic is configured to do: every key of Apache Kafka 3.9's LogConfig.
 *
 * Model: the effective values of one topic: its overrides over the broker's defaults. The broker
 * makes one per topic, and a new one when overrides or defaults change; logs hold a pointer.
 * Source: LogConfig, TopicConfig of 3.9; defaults in docs/reference/kafka_topic_configuration.md.
 */
#ifndef KAFKA_CORE_TOPIC_CONFIG_H
#define KAFKA_CORE_TOPIC_CONFIG_H

#include "base/slice.h"

#define CLEANUP_DELETE 1u
#define CLEANUP_COMPACT 2u

#define TOPIC_COMPRESSION_PRODUCER (-1) /* compression.type=producer: as it came */

struct topic_config {
    uint32_t cleanup_policy;  /* CLEANUP_* together */
    int32_t compression_type; /* TOPIC_COMPRESSION_PRODUCER or enum compression */
    int32_t compression_gzip_level;
    int32_t compression_lz4_level;
    int32_t compression_zstd_level;
    int64_t delete_retention_ms;
    int64_t file_delete_delay_ms;
    int64_t flush_messages;
    int64_t flush_ms;
    int32_t index_interval_bytes;
    int64_t max_compaction_lag_ms;
    int32_t max_message_bytes;
    bool message_downconversion_enable;
    int8_t message_format_magic; /* of message.format.version: 0-2; 3.0 and later: 2 */
    int64_t message_timestamp_before_max_ms;
    int64_t message_timestamp_after_max_ms;
    int64_t message_timestamp_difference_max_ms; /* for the two that are not set */
    bool log_append_time;                        /* message.timestamp.type */
    double min_cleanable_dirty_ratio;
    int64_t min_compaction_lag_ms;
    int32_t min_insync_replicas;
    bool preallocate;
    int64_t retention_bytes; /* -1: no limit */
    int64_t retention_ms;    /* -1: no limit */
    int32_t segment_bytes;
    int32_t segment_index_bytes;
    int64_t segment_jitter_ms;
    int64_t segment_ms;
    bool unclean_leader_election_enable;
    /* Ours (flush.before.ack, default true): acks=all is answered, and the high watermark moves,
     * after the bytes are on disk. False is Apache's page-cache behaviour. */
    bool flush_before_ack;
    /* Ours (validate.compressed.records, default false): a compressed batch is unpacked and its
     * records are judged before it is stored, as Apache's does with every one. */
    bool validate_compressed_records;
};

/* Apache's defaults; of ours as said above. */
void topic_config_defaults(struct topic_config *config);

#endif
