/* config_keys.c - see config_keys.h. In the order of the administrator's guide. */
#include "zookeeper/server/config_keys.h"

#include "zookeeper/server/config.h"

#define AT(field) offsetof(struct zk_config, field)
#define BOOL(name, field) {name, CONFIG_BOOL, AT(field), 0, 0, 0, NULL}
#define I32(name, field, min, max) {name, CONFIG_I32, AT(field), 0, min, max, NULL}
#define I64(name, field, min, max) {name, CONFIG_I64, AT(field), 0, min, max, NULL}
#define KIB(name, field, min, max) {name, CONFIG_KIB, AT(field), 0, min, max, NULL}
#define TEXT(name, field) \
    {name, CONFIG_TEXT, AT(field), sizeof(((struct zk_config *)0)->field), 0, 0, NULL}
#define SPECIAL(name) {name, CONFIG_SPECIAL, 0, 0, 0, 0, NULL}
#define IGNORED(name, reason) {name, CONFIG_IGNORED, 0, 0, 0, 0, reason}
#define ENSEMBLE(name, reason) {name, CONFIG_ENSEMBLE, 0, 0, 0, 0, reason}
#define REFUSED(name, reason) {name, CONFIG_REFUSED, 0, 0, 0, 0, reason}

#define PORT_MAX 65535
#define KIB_MAX (INT64_MAX >> 11)
#define MS_MAX (INT32_MAX / 4)
#define TICKS_MAX 1000000
#define COMMIT_LOG_MAX 1000000

#define JVM "it tunes the JVM, and there is none"
#define THREADS "requests run to completion on one thread"
#define CACHE "replies are made from the tree without a cache"
#define LARGE "a request takes memory as its bytes come, and jute.maxbuffer bounds each"
#define JUTE "encoding needs no such buffer"
#define TLS "TLS is not in this version yet"
#define SASL "SASL is not in this version yet"
#define QUORUM_SASL \
    "servers do not authenticate each other in this version yet: remove it on every server"
#define REACHABLE \
    "all addresses of the leader are dialled at once, and the first that answers is taken"
#define SYNCS "a leader sends one snapshot after the other, straight from memory"
#define CLOSING "closing a socket never waits"
#define TRACKER "packets between servers are not kept for inspection"
#define NETTY "there is one transport"
#define THROTTLE "connection throttling is not in this version yet"

const struct config_key config_keys[] = {
    /* what a server must have */
    TEXT("dataDir", data_dir),
    TEXT("dataLogDir", data_log_dir),
    I32("clientPort", client_port, -1, PORT_MAX),
    TEXT("clientPortAddress", client_port_address),
    I32("clientPortListenBacklog", client_port_listen_backlog, -1, INT32_MAX),
    I32("tickTime", tick_time_ms, 1, INT32_MAX / 40),
    I32("maxClientCnxns", max_client_connections, 0, INT32_MAX),
    I32("maxCnxns", max_connections, 0, INT32_MAX),
    I32("minSessionTimeout", min_session_timeout_ms, -1, INT32_MAX),
    I32("maxSessionTimeout", max_session_timeout_ms, -1, INT32_MAX),
    I32("nio.sessionlessCnxnTimeout", sessionless_timeout_ms, 0, INT32_MAX),

    /* limits */
    SPECIAL("jute.maxbuffer"),
    SPECIAL("jute.maxbuffer.extrasize"),
    I32("globalOutstandingLimit", global_outstanding_limit, 1, INT32_MAX),
    IGNORED("largeRequestMaxBytes", LARGE),
    IGNORED("largeRequestThreshold", LARGE),
    I32("request_throttle_max_requests", request_throttle_max_requests, 0, INT32_MAX),
    IGNORED("request_throttle_stall_time", "requests are read again as soon as there is room"),
    IGNORED("request_throttle_drop_stale", "a request of a closed connection is dropped anyway"),
    IGNORED("request_stale_connection_check", "a request of a closed connection is dropped anyway"),
    IGNORED("request_stale_latency_check", "requests do not wait long enough to become stale"),
    IGNORED("request_throttler.shutdownTimeout", THREADS),
    IGNORED("throttled_op_wait_time", "requests are not queued before they are executed"),
    IGNORED("connection_throttle_tokens", THROTTLE),
    IGNORED("connection_throttle_fill_time", THROTTLE),
    IGNORED("connection_throttle_fill_count", THROTTLE),
    IGNORED("connection_throttle_freeze_time", THROTTLE),
    IGNORED("connection_throttle_drop_increase", THROTTLE),
    IGNORED("connection_throttle_drop_decrease", THROTTLE),
    IGNORED("connection_throttle_decrease_ratio", THROTTLE),
    IGNORED("connection_throttle_weight_enabled", THROTTLE),
    IGNORED("connection_throttle_global_session_weight", THROTTLE),
    IGNORED("connection_throttle_local_session_weight", THROTTLE),
    IGNORED("connection_throttle_renew_session_weight", THROTTLE),

    /* storage */
    KIB("preAllocSize", pre_alloc_bytes, 0, KIB_MAX),
    I32("snapCount", snap_count, 2, INT32_MAX),
    KIB("snapSizeLimitInKb", snap_size_limit_bytes, -1, KIB_MAX),
    KIB("txnLogSizeLimitInKb", txn_log_size_limit_bytes, -1, KIB_MAX),
    BOOL("forceSync", force_sync),
    I32("fsync.warningthresholdms", fsync_warning_threshold_ms, 0, INT32_MAX),
    {"snapshot.compression.method", CONFIG_COMPRESSION, AT(snapshot_compression), 0, 0, 0, NULL},
    BOOL("digest.enabled", digest_enabled),
    BOOL("serializeLastProcessedZxid.enabled", serialize_last_processed_zxid),
    BOOL("snapshot.trust.empty", trust_empty_snapshot),
    BOOL("datadir.autocreate", data_dir_autocreate),
    IGNORED("db.autocreate", "a server that stands alone always makes its database"),
    I32("autopurge.snapRetainCount", purge_retain_count, INT32_MIN, INT32_MAX),
    {"autopurge.purgeInterval", CONFIG_HOURS, AT(purge_interval_ms), 0, 0, 0, NULL},
    IGNORED("flushDelay", "a batch is synced as soon as the one before it is"),
    IGNORED("maxBatchSize", "a batch is what came while the one before it was synced"),
    IGNORED("maxWriteQueuePollTime", "a batch is synced as soon as the one before it is"),
    I32("commitLogCount", commit_log_count, 0, COMMIT_LOG_MAX),
    SPECIAL("snapshotSizeFactor"),
    BOOL("forceSnapshotSync", force_snapshot_sync),
    I32("fastleader.minNotificationInterval", min_notification_interval_ms, 1, MS_MAX),
    I32("fastleader.maxNotificationInterval", max_notification_interval_ms, 1, MS_MAX),

    /* node types */
    BOOL("extendedTypesEnabled", extended_types_enabled),
    BOOL("emulate353TTLNodes", emulate_353_ttl_nodes),
    I32("znode.container.checkIntervalMs", container_check_interval_ms, 1, INT32_MAX),
    I32("znode.container.maxPerMinute", container_max_per_minute, 1, INT32_MAX),
    I64("znode.container.maxNeverUsedIntervalMs", container_max_never_used_ms, 0, INT64_MAX),
    BOOL("closeSessionTxn.enabled", close_session_txn_enabled),

    /* who may do what */
    BOOL("skipACL", skip_acl),
    BOOL("enforceQuota", enforce_quota),
    BOOL("DigestAuthenticationProvider.enabled", digest_auth_enabled),
    TEXT("DigestAuthenticationProvider.superDigest", super_digest),
    TEXT("DigestAuthenticationProvider.digestAlg", digest_algorithm),
    BOOL("enforce.auth.enabled", enforce_auth_enabled),
    SPECIAL("enforce.auth.schemes"),
    BOOL("sessionRequireClientSASLAuth", session_require_client_sasl_auth),
    IGNORED("allowSaslFailedClients", SASL),
    IGNORED("authProvider",
            "no provider beside world, auth, digest and ip is in this version; their ACLs are "
            "refused as invalid"),
    IGNORED("superUser", SASL),
    IGNORED("X509AuthenticationProvider.superUser", TLS),
    IGNORED("IPAuthenticationProvider.usexforwardedfor",
            "it is for the admin server's address checks, which are not in this version"),
    IGNORED("SASLAuthenticationProvider.superPassword", SASL),
    IGNORED("kerberos.removeHostFromPrincipal", SASL),
    IGNORED("kerberos.removeRealmFromPrincipal", SASL),
    IGNORED("kerberos.canonicalizeHostNames", SASL),
    IGNORED("ensembleAuthName", "the ensemble scheme is not in this version yet"),
    ENSEMBLE("enableEagerACLCheck", "the leader checks each request, whoever took it"),
    IGNORED("serverJaas", SASL),
    IGNORED("sasl.serverconfig", SASL),
    IGNORED("sasl.clientconfig", SASL),
    IGNORED("sasl.client", SASL),
    IGNORED("maintain_connection_despite_sasl_failure", SASL),
    IGNORED("fips-mode", "no algorithm that it forbids is used"),

    /* words, admin server, metrics, audit */
    SPECIAL("4lw.commands.whitelist"),
    BOOL("admin.enableServer", admin_enabled),
    TEXT("admin.serverAddress", admin_address),
    I32("admin.serverPort", admin_port, 0, PORT_MAX),
    I32("admin.idleTimeout", admin_idle_timeout_ms, 0, INT32_MAX),
    TEXT("admin.commandURL", admin_command_url),
    I64("admin.rateLimiterIntervalInMS", admin_rate_limiter_interval_ms, 0, INT64_MAX),
    BOOL("admin.snapshot.enabled", admin_snapshot_enabled),
    BOOL("admin.restore.enabled", admin_restore_enabled),
    IGNORED("admin.httpVersion", "HTTP/1.1 is spoken"),
    REFUSED("admin.forceHttps",
            "the admin server speaks HTTP only in this version; set admin.forceHttps=false or "
            "admin.enableServer=false"),
    IGNORED("admin.portUnification", TLS),
    IGNORED("admin.needClientAuth", TLS),
    SPECIAL("metricsProvider.className"),
    TEXT("metricsProvider.httpHost", prometheus_host),
    I32("metricsProvider.httpPort", prometheus_port, 0, PORT_MAX),
    IGNORED("metricsProvider.httpsPort", TLS),
    IGNORED("metricsProvider.exportJvmInfo", JVM),
    IGNORED("metricsProvider.numWorkerThreads", THREADS),
    IGNORED("metricsProvider.maxQueueSize", THREADS),
    IGNORED("metricsProvider.workerShutdownTimeoutMs", THREADS),
    BOOL("audit.enable", audit_enabled),
    IGNORED("audit.impl.class", "the audit log is written by the server itself"),

    /* ensembles */
    I32("initLimit", init_limit, 0, TICKS_MAX),
    I32("syncLimit", sync_limit, 0, TICKS_MAX),
    I32("connectToLearnerMasterLimit", connect_to_learner_master_limit, 0, TICKS_MAX),
    SPECIAL("electionAlg"),
    SPECIAL("peerType"),
    SPECIAL("server"),
    SPECIAL("group"),
    SPECIAL("weight"),
    SPECIAL("version"),
    SPECIAL("dynamicConfigFile"),
    BOOL("standaloneEnabled", standalone_enabled),
    BOOL("reconfigEnabled", reconfig_enabled),
    BOOL("readonlymode.enabled", read_only_mode_enabled),
    BOOL("syncEnabled", sync_enabled),
    BOOL("observer.syncEnabled", sync_enabled),
    BOOL("quorumListenOnAllIPs", quorum_listen_on_all_ips),
    BOOL("localSessionsEnabled", local_sessions_enabled),
    BOOL("localSessionsUpgradingEnabled", local_sessions_upgrading_enabled),
    I32("observerMasterPort", observer_master_port, 0, UINT16_MAX),
    REFUSED("oraclePath", "the oracle of two-server ensembles is not in this version: remove it"),
    BOOL("leaderServes", leader_serves),
    I32("cnxTimeout", connect_timeout_ms, 1, MS_MAX),
    I32("electionPortBindRetry", election_port_bind_retry, 0, INT32_MAX),
    ENSEMBLE("quorumCnxnTimeoutMs",
             "an election connection that is silent is kept, as Apache's default does"),
    ENSEMBLE("quorum.cnxn.threads.size", THREADS),
    REFUSED("quorum.auth.enableSasl", QUORUM_SASL),
    REFUSED("quorum.auth.serverRequireSasl", QUORUM_SASL),
    REFUSED("quorum.auth.learnerRequireSasl", QUORUM_SASL),
    ENSEMBLE("quorum.auth.learner.saslLoginContext", SASL),
    ENSEMBLE("quorum.auth.server.saslLoginContext", SASL),
    ENSEMBLE("quorum.auth.kerberos.servicePrincipal", SASL),
    BOOL("multiAddress.enabled", multi_address_enabled),
    ENSEMBLE("multiAddress.reachabilityCheckTimeoutMs", REACHABLE),
    ENSEMBLE("multiAddress.reachabilityCheckEnabled", REACHABLE),
    ENSEMBLE("leader.maxConcurrentSnapSyncs", SYNCS),
    ENSEMBLE("leader.maxConcurrentDiffSyncs",
             "a DIFF is written at once and goes as fast as its learner reads"),
    ENSEMBLE("leader.maxConcurrentSnapshots", SYNCS),
    ENSEMBLE("leader.maxConcurrentSnapshotTimeout", SYNCS),
    ENSEMBLE("leader.maxTimeToWaitForEpoch", "initLimit bounds it"),
    ENSEMBLE("leader.ackLoggingFrequency",
             "acknowledgements are not logged; mntr has their latency"),
    ENSEMBLE("leader.closeSocketAsync", CLOSING),
    ENSEMBLE("leader.nodelay", "TCP_NODELAY is always set"),
    ENSEMBLE("follower.nodelay", "TCP_NODELAY is always set"),
    ENSEMBLE("leaderConnectDelayDuringRetryMs",
             "the leader is dialled again after 100 ms, until initLimit"),
    ENSEMBLE("learner.asyncSending", "sending never waits for the socket"),
    ENSEMBLE("learner.closeSocketAsync", CLOSING),
    I32("observer.reconnectDelayMs", observer_reconnect_delay_ms, 0, MS_MAX),
    I32("observer.election.DelayMs", observer_election_delay_ms, 0, MS_MAX),
    ENSEMBLE("observerMaster.sizeLimit",
             "a follower hands on what the leader sends its observers, and keeps none of it"),
    ENSEMBLE("follower.skipLearnerRequestToNextProcessor", THREADS),
    ENSEMBLE("messageTracker.BufferSize", TRACKER),
    ENSEMBLE("messageTracker.Enabled", TRACKER),
    ENSEMBLE("tcpKeepAlive",
             "pings between servers find what is dead; an election connection is made anew when it "
             "is needed"),
    ENSEMBLE("skipTxnEnabled", "every transaction is logged"),

    /* TLS */
    REFUSED(
        "secureClientPort",
        "TLS is not in this version yet: remove secureClientPort and let clients use clientPort"),
    IGNORED("secureClientPortAddress", TLS),
    REFUSED("sslQuorum", "TLS is not in this version yet: set sslQuorum=false"),
    IGNORED("sslQuorumReloadCertFiles", TLS),
    IGNORED("portUnification", TLS),
    IGNORED("ssl", TLS),
    IGNORED("client.portUnification", TLS),
    IGNORED("client.certReload", TLS),
    IGNORED("client.secure", TLS),
    IGNORED("netty.server.outstandingHandshake.limit", TLS),
    IGNORED("netty.server.earlyDropSecureConnectionHandshakes", TLS),

    /* threads, buffers, caches of the Java server */
    IGNORED("serverCnxnFactory", NETTY),
    IGNORED("clientCnxnSocket", NETTY),
    IGNORED("netty.advancedFlowControl.enabled", NETTY),
    IGNORED("clientTcpKeepAlive", "dead peers are found by their sessions' timeouts"),
    IGNORED("nio.numSelectorThreads", THREADS),
    IGNORED("nio.numWorkerThreads", THREADS),
    IGNORED("nio.directBufferBytes", THREADS),
    IGNORED("nio.shutdownTimeout", THREADS),
    IGNORED("commitProcessor.numWorkerThreads", THREADS),
    IGNORED("commitProcessor.shutdownTimeout", THREADS),
    IGNORED("commitProcessor.maxReadBatchSize", THREADS),
    IGNORED("commitProcessor.maxCommitBatchSize", THREADS),
    IGNORED("watchManagerName", "watches are kept in one compact table"),
    IGNORED("watcherCleanThreadsNum", "watches are kept in one compact table"),
    IGNORED("watcherCleanThreshold", "watches are kept in one compact table"),
    IGNORED("watcherCleanIntervalInSeconds", "watches are kept in one compact table"),
    IGNORED("maxInProcessingDeadWatchers", "watches are kept in one compact table"),
    IGNORED("bitHashCacheSize", "watches are kept in one compact table"),
    IGNORED("maxResponseCacheSize", CACHE),
    IGNORED("maxGetChildrenResponseCacheSize", CACHE),
    IGNORED("intBufferStartingSizeBytes", JUTE),
    IGNORED("pathStats.enabled", "the path statistics are not in this version yet"),
    IGNORED("pathStats.slotCapacity", "the path statistics are not in this version yet"),
    IGNORED("pathStats.slotDuration", "the path statistics are not in this version yet"),
    IGNORED("pathStats.maxDepth", "the path statistics are not in this version yet"),
    IGNORED("pathStats.initialDelay", "the path statistics are not in this version yet"),
    IGNORED("pathStats.delay", "the path statistics are not in this version yet"),
    IGNORED("pathStats.topPathMax", "the path statistics are not in this version yet"),
    IGNORED("pathStats.sampleRate", "the path statistics are not in this version yet"),
    IGNORED("jvm.pause.monitor", JVM),
    IGNORED("jvm.pause.info-threshold.ms", JVM),
    IGNORED("jvm.pause.warn-threshold.ms", JVM),
    IGNORED("jvm.pause.sleep.time.ms", JVM),
    IGNORED("jmx.log4j.disable", JVM),
    IGNORED("root.logger", "the levels are set by samsa.log.level"),
    IGNORED("log.dir", "the place is set by samsa.log.file"),
    IGNORED("log.file", "the place is set by samsa.log.file"),
    IGNORED("log.threshold", "the levels are set by samsa.log.level"),
    IGNORED("console.threshold", "the levels are set by samsa.log.level"),
    IGNORED("testingonly.initialZxid", "it is for upstream's own tests"),

    /* our own */
    TEXT("samsa.log.level", log_level),
    SPECIAL("samsa.log.level."),
    TEXT("samsa.log.file", log_file),
    BOOL("samsa.log.json", log_json),
    I64("samsa.log.rotate.bytes", log_rotate_bytes, 0, INT64_MAX),
    I32("samsa.log.rotate.keep", log_rotate_keep, 1, 1000),
    BOOL("samsa.log.inPlaceSync", in_place_sync),
    I64("samsa.outstandingBytesMax", outstanding_bytes_max, 1, INT64_MAX),
    I64("samsa.zxid.counterMax", zxid_counter_max, 1, UINT32_MAX - 1),
};

const size_t config_key_count = ARRAY_LEN(config_keys);
