/* topic_config.c - the defaults. */
#include "kafka/core/topic_config.h"

void topic_config_defaults(struct topic_config *config)
{
    *config = (struct topic_config){
        .cleanup_policy = CLEANUP_DELETE,
        .compression_type = TOPIC_COMPRESSION_PRODUCER,
        .compression_gzip_level = -1,
        .compression_lz4_level = 9,
        .compression_zstd_level = 3,
        .delete_retention_ms = 86400000,
        .file_delete_delay_ms = 60000,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .index_interval_bytes = 4096,
        .max_compaction_lag_ms = INT64_MAX,
        .max_message_bytes = 1048588,
        .message_downconversion_enable = true,
        .message_format_magic = 2,
        .message_timestamp_before_max_ms = INT64_MAX,
        .message_timestamp_after_max_ms = INT64_MAX,
        .message_timestamp_difference_max_ms = INT64_MAX,
        .min_cleanable_dirty_ratio = 0.5,
        .min_insync_replicas = 1,
        .retention_bytes = -1,
        .retention_ms = 604800000,
        .segment_bytes = 1073741824,
        .segment_index_bytes = 10485760,
        .segment_ms = 604800000,
        .flush_before_ack = true,
    };
}
