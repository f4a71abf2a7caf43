/* broker_config.h - server.properties and --override, checked, with every key of 2.7 to 3.9 known.
 *
 * Sources of a value, later wins: built-in default; a line of server.properties; --override k=v;
 * dynamic values from /config/brokers (kept by cluster.c, see broker_config_apply). Every key
 * stands in a table (broker_config_keys.c): obeyed, accepted without effect (with the reason, said
 * once at start), or refused with a sentence. An unknown key is reported with the nearest known
 * one. Source: KafkaConfig, KafkaServerConfigs, SocketServerConfigs ... of 3.9; reference 6.5.
 */
#ifndef KAFKA_SERVER_BROKER_CONFIG_H
#define KAFKA_SERVER_BROKER_CONFIG_H

#include "base/slice.h"
#include "kafka/core/topic_config.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"

#define BROKER_LISTENERS_MAX 16
#define BROKER_LOG_DIRS_MAX 32
#define BROKER_TEXT_MAX 1024
#define BROKER_KEYS_MAX 400              /* more than the table has rows */
#define BROKER_VALUE_MAX ((size_t)65536) /* bytes of one value */
#define BROKER_UNKNOWN_KEYS_MAX 64       /* reported; more are counted only */

struct broker_listener {
    char name[64];
    char security_protocol[16];
    char host[256];            /* "": all addresses */
    int32_t port;              /* 0: any free port */
    char advertised_host[256]; /* "": the machine's name */
    int32_t advertised_port;   /* 0: the bound one; -1: this listener is not advertised */
};

/* A name and a value as ZooKeeper's /config nodes, requests and files give them. */
struct config_entry {
    struct slice name;
    struct slice value; /* null: removed */
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
    int32_t socket_listen_backlog_size;
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
    int64_t replica_high_watermark_checkpoint_interval_ms;
    bool log_cleaner_enable;
    double log_cleaner_io_buffer_load_factor;
    int32_t log_cleaner_io_buffer_size;
    int64_t log_dir_reserve_bytes; /* ours: samsa.log.dir.reserve.bytes */
    int64_t log_cleaner_backoff_ms;
    int64_t log_cleaner_dedupe_buffer_size;
    int64_t producer_id_expiration_ms;
    int32_t compaction_io_bytes_per_second; /* of log.cleaner.io.max.bytes.per.second */
    int32_t metrics_port; /* ours: samsa.metrics.port, Prometheus and /health; 0: none */
    char metrics_address[256];
    char log_level[16];             /* ours: samsa.log.level */
    char log_file[BROKER_TEXT_MAX]; /* ours: samsa.log.file; "": stderr */

    /* What was given, as text, by index in broker_config_keys; NULL where nothing was. A copy of
     * the config borrows these from the one that was read. */
    const char *given[BROKER_KEYS_MAX];
    char *unknown[BROKER_UNKNOWN_KEYS_MAX];
    int32_t unknown_count;
};

/* Apache's defaults; nothing given. */
void broker_config_defaults(struct broker_config *config);

/* Frees the texts of the config that broker_config_read filled (not of its copies). */
void broker_config_release(struct broker_config *config);

/* Reads the file (blocking) and the overrides ("k=v"); ERR_CONFIG with `message` naming file, line,
 * key and remedy. Warnings (unknown, without effect) are logged by broker_config_report. */
NODISCARD int broker_config_read(struct broker_config *config,
                                 struct runtime *runtime,
                                 const char *path, /* NULL: none */
                                 const char *const *overrides,
                                 size_t override_count,
                                 struct errmsg *message);

/* As broker_config_read, of a text (tests, `samsa start`); `name` stands in messages. */
NODISCARD int broker_config_parse(struct broker_config *config,
                                  struct slice text,
                                  const char *name,
                                  const char *const *overrides,
                                  size_t override_count,
                                  struct errmsg *message);
void broker_config_report(const struct broker_config *config);

/* Dynamic values over `base` (the config as read): first those of all brokers, then this broker's.
 * *config becomes base with them applied; what is invalid or cannot change while running is left
 * out and logged. Values end in a NUL and are borrowed as long as *config is used. */
void broker_config_apply(struct broker_config *config,
                         const struct broker_config *base,
                         const struct config_entry *cluster_wide,
                         size_t cluster_wide_count,
                         const struct config_entry *per_broker,
                         size_t per_broker_count);

/* Says whether one dynamic value would be taken: ERR_INVALID with Apache's words. */
NODISCARD int broker_config_check_dynamic(const struct broker_config *config,
                                          struct slice name,
                                          struct slice value,
                                          bool is_per_broker,
                                          struct errmsg *message);

/* ---- keys, for DescribeConfigs and AlterConfigs -------------------------------------------------
 */

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

enum config_standing {
    CONFIG_OBEYED,
    CONFIG_IDLE,    /* accepted without effect */
    CONFIG_REFUSED, /* any value but the default stops the start */
};

/* Where a value goes, and how. */
enum config_form {
    FORM_NONE, /* nowhere, or broker_config.c does it */
    FORM_BOOL,
    FORM_I16,
    FORM_I32,
    FORM_I64,
    FORM_DOUBLE,
    FORM_TEXT,
    FORM_MINUTES, /* to int64 ms */
    FORM_CLEANUP,
    FORM_COMPRESSION,
    FORM_TIMESTAMP, /* CreateTime or LogAppendTime, to bool */
};

struct config_key {
    const char *name;
    enum config_type type;
    const char *default_value;           /* as Apache prints it; NULL: null */
    enum config_update_mode update_mode; /* of brokers' keys */
    const char *synonym;                 /* topic keys: the broker key of its default */
    const char *documentation; /* what it does; for idle and refused keys, why it does not */
    enum config_standing standing;
    enum config_form form;
    size_t offset; /* in struct broker_config, or struct topic_config */
    size_t size;   /* of a text */
    double min;
    double max;
    const char *choices; /* "a, b, c" of a STRING or LIST; NULL: any */
};

const struct config_key *broker_config_keys(size_t *count);
const struct config_key *topic_config_keys(size_t *count);

/* NULL when there is none. */
const struct config_key *broker_config_key(struct slice name);
const struct config_key *topic_config_key(struct slice name);

/* The known name that is nearest to a mistyped one; NULL when none is near. */
const char *config_nearest(const struct config_key *keys, size_t count, struct slice name);

/* Checks a value as ConfigDef does and, with `into` (the struct of the key's offset, may be NULL),
 * stores it. */
NODISCARD int config_key_set(const struct config_key *key,
                             struct slice value,
                             void *into,
                             struct errmsg *message);

/* ERR_INVALID with Apache's words ("Invalid value abc for configuration retention.ms: Not a number
 * of type LONG"). */
NODISCARD int topic_config_set(struct topic_config *config,
                               struct slice name,
                               struct slice value,
                               struct errmsg *message);

/* The old message.timestamp.difference.max.ms takes the place of the two bounds that are not set.
 * To be called last, on what logs get. */
void topic_config_settle(struct topic_config *config);

/* What must hold between values ("conflict topic config setting ..."). */
NODISCARD int topic_config_check(const struct topic_config *config, struct errmsg *message);

/* The effective value of a topic key as text: what DescribeConfigs shows. */
struct slice topic_config_text(const struct topic_config *config,
                               const struct config_key *key,
                               char *text,
                               size_t size);

/* The effective value of a broker key as text (what DescribeConfigs shows); null: null. */
struct slice broker_config_text(const struct broker_config *config,
                                const char *name,
                                char *text,
                                size_t size);

#endif
