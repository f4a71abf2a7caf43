/* config.h - what zoo.cfg and -D properties say, checked, with every key known.
 *
 * Sources of a value, later wins: built-in default; a line of zoo.cfg; -Dzookeeper.<key>=<value>
 * (SERVER_JVMFLAGS) for keys that upstream reads as system properties. In zoo.cfg a key that the
 * parser does not know is itself such a property (QuorumPeerConfig): both spellings are accepted,
 * with and without the "zookeeper." prefix.
 * Every key of Apache 3.5 to 3.9 (and master) stands in a table (config_keys.c): obeyed, accepted
 * without effect (with the reason, said once at start), or refused. A key that is in no table is
 * reported with the nearest known one ("did you mean ..."). Errors name file, line, key and remedy.
 * Source: QuorumPeerConfig.parseProperties; reference 1.8.
 */
#ifndef ZOOKEEPER_SERVER_CONFIG_H
#define ZOOKEEPER_SERVER_CONFIG_H

#include "base/slice.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"
#include "zookeeper/core/quorum.h"

#define CONFIG_SCHEMES_MAX 16
#define CONFIG_TEXT_MAX 1024

struct zk_config {
    char config_file[PATH_TEXT_MAX]; /* "" when started from arguments */
    char data_dir[CONFIG_TEXT_MAX];
    char data_log_dir[CONFIG_TEXT_MAX]; /* = data_dir when not given */

    int32_t client_port;                /* 0: none (of an ensemble); -1: any free port (tests) */
    char client_port_address[256];      /* "" or "0.0.0.0": all addresses */
    int32_t client_port_listen_backlog; /* -1: the system's largest */
    int32_t tick_time_ms;
    int32_t max_client_connections; /* maxClientCnxns: per IP, 0 = no limit */
    int32_t max_connections;        /* maxCnxns: total, 0 = no limit */
    int32_t min_session_timeout_ms; /* -1 resolved to 2 ticks */
    int32_t max_session_timeout_ms; /* -1 resolved to 20 ticks */
    int32_t sessionless_timeout_ms; /* nio.sessionlessCnxnTimeout */

    int64_t jute_max_buffer;
    int64_t jute_extra_size;
    int32_t global_outstanding_limit;
    int32_t request_throttle_max_requests;

    int64_t pre_alloc_bytes;
    int32_t snap_count;
    int64_t snap_size_limit_bytes;
    int64_t txn_log_size_limit_bytes; /* < 0: none */
    bool force_sync;
    int32_t fsync_warning_threshold_ms;
    int32_t snapshot_compression; /* enum snapshot_compression */
    bool digest_enabled;
    bool serialize_last_processed_zxid;
    bool trust_empty_snapshot;
    bool data_dir_autocreate;
    int32_t purge_retain_count; /* autopurge.snapRetainCount, >= 3 */
    int64_t purge_interval_ms;  /* 0: off */

    bool extended_types_enabled;
    bool emulate_353_ttl_nodes;
    int32_t container_check_interval_ms;
    int32_t container_max_per_minute;
    int64_t container_max_never_used_ms;
    bool close_session_txn_enabled;

    bool skip_acl;
    bool enforce_quota;
    bool digest_auth_enabled;
    char super_digest[256];    /* "" = none */
    char digest_algorithm[32]; /* SHA1, SHA256, ... (an OpenSSL name) */
    bool enforce_auth_enabled;
    char enforce_auth_schemes[CONFIG_SCHEMES_MAX][32];
    int32_t enforce_auth_scheme_count;
    bool session_require_client_sasl_auth;
    bool reconfig_enabled;
    bool read_only_mode_enabled;

    bool four_letter_all;                        /* 4lw.commands.whitelist=* */
    char four_letter_whitelist[CONFIG_TEXT_MAX]; /* comma separated, lower case */

    bool admin_enabled;
    char admin_address[256];
    int32_t admin_port;
    int32_t admin_idle_timeout_ms;
    char admin_command_url[128];
    int64_t admin_rate_limiter_interval_ms;
    bool admin_snapshot_enabled;
    bool admin_restore_enabled;

    /* metricsProvider.className = ...PrometheusMetricsProvider */
    bool prometheus_enabled;
    char prometheus_host[256];
    int32_t prometheus_port;

    bool audit_enabled;

    /* Ensembles. `members` are those of the server lines or of the dynamic file (then with its
     * version); NULL without either, and when one participant stands alone (standaloneEnabled).
     * zk_config_parse, which reads no files, leaves server_id -1. */
    bool is_ensemble;
    struct quorum_config *members;
    struct quorum_config *next_members; /* zoo.cfg.dynamic.next; NULL: there is none */
    int64_t server_id;                  /* myid; -1: none */
    bool is_observer;                   /* by the server lines; else peerType=observer */
    bool standalone_enabled;
    bool quorum_listen_on_all_ips;
    bool multi_address_enabled;
    bool leader_serves;
    bool sync_enabled;
    bool local_sessions_enabled;
    bool local_sessions_upgrading_enabled;
    bool force_snapshot_sync;
    int32_t init_limit; /* ticks */
    int32_t sync_limit;
    int32_t connect_to_learner_master_limit; /* 0: init_limit */
    int32_t commit_log_count;
    double snapshot_size_factor; /* < 0: never from the log on disk */
    int32_t observer_reconnect_delay_ms;
    int32_t observer_election_delay_ms;
    int32_t min_notification_interval_ms;
    int32_t max_notification_interval_ms;
    int32_t connect_timeout_ms;              /* cnxTimeout */
    int32_t election_port_bind_retry;        /* 0: for ever */
    int32_t observer_master_port;            /* 0: followers take no observers */
    char dynamic_config_file[PATH_TEXT_MAX]; /* "": the members stand in zoo.cfg */

    /* Samsa's own keys: samsa.log.level, samsa.log.level.<module>, samsa.log.file, samsa.log.json,
     * samsa.log.rotate.bytes, samsa.log.rotate.keep, samsa.log.inPlaceSync,
     * samsa.outstandingBytesMax, samsa.zxid.counterMax. */
    char log_level[16];
    char log_levels[CONFIG_TEXT_MAX]; /* module=level,module=level */
    char log_file[CONFIG_TEXT_MAX];
    bool log_json;
    int64_t log_rotate_bytes;
    int32_t log_rotate_keep;
    bool in_place_sync;            /* sync on the loop when one write waits (default true) */
    int64_t outstanding_bytes_max; /* of the writes of all clients of this server */
    int64_t zxid_counter_max;
};

/* One -Dname=value of the command line. */
struct config_property {
    const char *name;
    const char *value;
};

/* The defaults, as for an empty zoo.cfg. */
void zk_config_init(struct zk_config *config);

/* Gives back the members. Copies of the struct share them: one of them is released, the last one.
 */
void zk_config_release(struct zk_config *config);

/* Called for each thing that the administrator should read: unknown keys, keys without effect. */
typedef void zk_config_warning(void *ctx, const char *text);

/* Reads the file through the runtime, then the properties; for an ensemble also the dynamic file
 * and myid. ERR_CONFIG with a sentence in *message (nothing is to be released then). */
NODISCARD int zk_config_load(struct zk_config *config,
                             struct runtime *runtime,
                             const char *path,
                             const struct config_property *properties,
                             size_t property_count,
                             zk_config_warning *warning,
                             void *ctx,
                             struct errmsg *message);

/* The same from text (tests, fuzzer); `name` stands for the file in messages. */
NODISCARD int zk_config_parse(struct zk_config *config,
                              struct slice text,
                              const char *name,
                              const struct config_property *properties,
                              size_t property_count,
                              zk_config_warning *warning,
                              void *ctx,
                              struct errmsg *message);

#endif
