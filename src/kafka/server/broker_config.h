/* broker_config.h - server.properties and --override, checked, with every key of 2.7 to 3.9 known.
 *
 * Sources of a value, later wins: built-in default; a line of server.properties; --override k=v;
 * dynamic values from /config/brokers (kept by cluster.c, see broker_config_apply). Every key stands
 * in a table (broker_config_keys.c): obeyed, accepted without effect (with the reason, said once at
 * start), or refused with a sentence. An unknown key is reported with the nearest known one.
 * Source: KafkaConfig, KafkaServerConfigs, SocketServerConfigs ... of 3.9; reference 6.5.
 */
#ifndef KAFKA_SERVER_BROKER_CONFIG_H
#define KAFKA_SERVER_BROKER_CONFIG_H

#include "kafka/core/topic_config.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"

#define BROKER_LISTENERS_MAX 16
#define BROKER_LOG_DIRS_MAX 32
#define BROKER_TEXT_MAX 1024

struct broker_listener {
    char name[64];
    char security_protocol[16];
    char host[256]; /* "": all addresses */
    int32_t port;   /* 0: any free port */
    char advertised_host[256];
    int32_t advertised_port;
};

/* Members are added as keys are obeyed, in the order and under the names of the keys. */
struct broker_config {
    int32_t broker_id; /* -1: generated */
    bool broker_id_generation_enable;
    int32_t reserved_broker_max_id;
    char rack[256];
    char zookeeper_connect[BROKER_TEXT_MAX];
    int32_t zookeeper_session_timeout_ms;
    int32_t zookeeper_connection_timeout_ms;
    struct broker_listener listeners[BROKER_LISTENERS_MAX];
    int32_t listener_count;
    char inter_broker_listener[64];
    char log_dirs[BROKER_LOG_DIRS_MAX][BROKER_TEXT_MAX];
    int32_t log_dir_count;

    int32_t num_partitions;
    int32_t default_replication_factor;
    bool auto_create_topics_enable;
    bool delete_topic_enable;
    struct topic_config topic; /* the log.* defaults of topics */

    int32_t socket_request_max_bytes;
    int64_t connections_max_idle_ms;
    int32_t max_connections;
    int32_t max_connections_per_ip;
    int32_t fetch_max_bytes;
    int32_t max_incremental_fetch_session_cache_slots;
    int64_t queued_max_request_bytes; /* -1: our own budget */

    int32_t group_min_session_timeout_ms;
    int32_t group_max_session_timeout_ms;
    int32_t group_initial_rebalance_delay_ms;
    int32_t group_max_size;
    int32_t offset_metadata_max_bytes;
    int32_t offsets_topic_num_partitions;
    int16_t offsets_topic_replication_factor;
    int32_t offsets_topic_segment_bytes;
    int32_t offsets_topic_compression_codec;
    int64_t offsets_retention_ms;
    int64_t offsets_retention_check_interval_ms;
    int32_t offsets_commit_timeout_ms;

    int64_t log_retention_check_interval_ms;
    int64_t log_flush_offset_checkpoint_interval_ms;
    int64_t log_flush_start_offset_checkpoint_interval_ms;
    int32_t num_recovery_threads_per_data_dir;
    bool log_cleaner_enable;
    int64_t log_cleaner_backoff_ms;
    int64_t log_cleaner_dedupe_buffer_size;
    int64_t producer_id_expiration_ms;
    int32_t compaction_io_bytes_per_second; /* of log.cleaner.io.max.bytes.per.second */
    int32_t metrics_port; /* ours: samsa.metrics.port, Prometheus and /health; 0: none */
    char metrics_address[256];
};

void broker_config_defaults(struct broker_config *config);

/* Reads the file (blocking) and the overrides ("k=v"); ERR_CONFIG with `message` naming file, line,
 * key and remedy. Warnings (unknown, without effect) are logged by broker_config_report. */
NODISCARD int broker_config_read(struct broker_config *config,
                                 const char *path, /* NULL: none */
                                 const char *const *overrides,
                                 size_t override_count,
                                 struct errmsg *message);
void broker_config_report(const struct broker_config *config);

/* ---- keys, for DescribeConfigs and AlterConfigs ------------------------------------------------- */

enum config_type {
    CONFIG_BOOLEAN = 1, /* numbers of DescribeConfigs v3 */
    CONFIG_STRING = 2,
    CONFIG_INT = 3,
    CONFIG_SHORT = 4,
    CONFIG_LONG = 5,
    CONFIG_DOUBLE = 6,
    CONFIG_LIST = 7,
    CONFIG_CLASS = 8,
    CONFIG_PASSWORD = 9,
};

enum config_update_mode {
    CONFIG_READ_ONLY,
    CONFIG_PER_BROKER,
    CONFIG_CLUSTER_WIDE
};

struct config_key {
    const char *name;
    enum config_type type;
    const char *default_value; /* as Apache prints it; NULL: null */
    enum config_update_mode update_mode; /* of brokers' keys */
    const char *synonym;      /* topic keys: the broker key of its default */
    const char *documentation;
};

const struct config_key *broker_config_keys(size_t *count);
const struct config_key *topic_config_keys(size_t *count);

/* ERR_INVALID with Apache's words ("Invalid value abc for configuration retention.ms: Not a number
 * of type LONG"). */
NODISCARD int topic_config_set(struct topic_config *config,
                               struct slice name,
                               struct slice value,
                               struct errmsg *message);

/* The effective value of a broker key as text (what DescribeConfigs shows). */
struct slice broker_config_text(const struct broker_config *config,
                                const char *name,
                                char *text,
                                size_t size);

#endif
