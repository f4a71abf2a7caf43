/* broker_config_keys.c - the table of brokers' keys: all of Apache Kafka 2.7 to 3.9 in ZooKeeper
 * mode, and ours. Types, defaults, bounds and update modes are Apache's.
 *
 * The last member of a row is its documentation; where a key has no effect or is refused, it is the
 * reason. tools/generate_docs.py reads these rows.
 */
#include <float.h>

#include "kafka/server/broker_config.h"

#define RO CONFIG_READ_ONLY
#define PB CONFIG_PER_BROKER
#define CW CONFIG_CLUSTER_WIDE
#define LOW (-DBL_MAX)
#define HIGH DBL_MAX
#define AT(field)                                    \
    .offset = offsetof(struct broker_config, field), \
    .size = sizeof(((struct broker_config *)0)->field)

#define OBEYED(key, kind, value, mode, shape, field, least, most, text) \
    {.name = key,                                                       \
     .type = CONFIG_##kind,                                             \
     .default_value = value,                                            \
     .update_mode = mode,                                               \
     .documentation = text,                                             \
     .standing = CONFIG_OBEYED,                                         \
     .form = FORM_##shape,                                              \
     AT(field),                                                         \
     .min = least,                                                      \
     .max = most}
#define CHOICE(key, kind, value, mode, shape, field, words, text) \
    {.name = key,                                                 \
     .type = CONFIG_##kind,                                       \
     .default_value = value,                                      \
     .update_mode = mode,                                         \
     .documentation = text,                                       \
     .standing = CONFIG_OBEYED,                                   \
     .form = FORM_##shape,                                        \
     AT(field),                                                   \
     .min = LOW,                                                  \
     .max = HIGH,                                                 \
     .choices = words}
#define SPECIAL(key, kind, value, mode, least, most, text) \
    {.name = key,                                          \
     .type = CONFIG_##kind,                                \
     .default_value = value,                               \
     .update_mode = mode,                                  \
     .documentation = text,                                \
     .standing = CONFIG_OBEYED,                            \
     .min = least,                                         \
     .max = most}
#define IDLE(key, kind, value, mode, least, most, text) \
    {.name = key,                                       \
     .type = CONFIG_##kind,                             \
     .default_value = value,                            \
     .update_mode = mode,                               \
     .documentation = text,                             \
     .standing = CONFIG_IDLE,                           \
     .min = least,                                      \
     .max = most}
#define REFUSED(key, kind, value, mode, text) \
    {.name = key,                             \
     .type = CONFIG_##kind,                   \
     .default_value = value,                  \
     .update_mode = mode,                     \
     .documentation = text,                   \
     .standing = CONFIG_REFUSED,              \
     .min = LOW,                              \
     .max = HIGH}

#define KRAFT "it belongs to KRaft; this broker keeps its metadata in ZooKeeper"
#define SEVERAL "it is for clusters of several brokers; this version serves a cluster of one"
#define POOL "requests run to completion on one thread; there is no such pool"
#define TLS "TLS is not in this version yet"
#define SASL "SASL is not in this version yet"
#define TRANSACTIONS "transactions are not in this version yet"
#define TIERED "tiered storage is not in this version yet"
#define REPORTERS \
    "figures are printed for Prometheus; there is no JVM whose reporters could be loaded"
#define QUOTAS "quotas are measured over fixed windows"
#define TOKENS "delegation tokens are not in this version yet"
#define PURGATORY "what waits is kept with its partition; there is nothing to purge"
#define SHARE "share groups are not in this version yet"
#define NEW_GROUPS "the newer consumer group protocol is not in this version yet"
#define PASSWORDS "passwords in ZooKeeper are for TLS and SASL, which are not in this version yet"
#define ZOOKEEPER_TLS "TLS to ZooKeeper is not in this version yet"
#define FORMATS \
    "records are kept in the current format, as with inter.broker.protocol.version 3.0 and later"
#define OLD "Kafka 3.0 removed it"

/* A row in two lines, what it is and what it does. */
/* clang-format off */
static const struct config_key keys[] = {
    /* the broker and its cluster */
    OBEYED("broker.id", INT, "-1", RO, I32, broker_id, LOW, HIGH,
           "The number of this broker; -1 asks for one from ZooKeeper."),
    OBEYED("broker.id.generation.enable", BOOLEAN, "true", RO, BOOL, broker_id_generation_enable,
           LOW, HIGH,
           "Whether a broker without broker.id takes the next free number."),
    OBEYED("broker.rack", STRING, NULL, RO, TEXT, rack, LOW, HIGH,
           "The rack, for placing replicas and for readers that prefer their own."),
    OBEYED("reserved.broker.max.id", INT, "1000", RO, I32, reserved_broker_max_id, 0, HIGH,
           "Generated broker ids begin behind this one."),
    IDLE("zookeeper.clientCnxnSocket", STRING, NULL, RO, LOW, HIGH,
           "there is one transport"),
    OBEYED("zookeeper.connect", STRING, NULL, RO, TEXT, zookeeper_connect, LOW, HIGH,
           "host:port list of the ZooKeeper ensemble, with an optional /chroot."),
    SPECIAL("zookeeper.connection.timeout.ms", INT, NULL, RO, LOW, HIGH,
           "How long a start waits for ZooKeeper; the session timeout when not set."),
    IDLE("zookeeper.max.in.flight.requests", INT, "10", RO, 1, HIGH,
           "requests to ZooKeeper are pipelined without a fixed bound"),
    REFUSED("zookeeper.metadata.migration.enable", BOOLEAN, "false", RO,
           "a migration to KRaft needs an Apache broker; set "
           "zookeeper.metadata.migration.enable=false"),
    OBEYED("zookeeper.session.timeout.ms", INT, "18000", RO, I32, zookeeper_session_timeout_ms,
           LOW, HIGH,
           "How long ZooKeeper keeps the registration of a silent broker."),
    REFUSED("zookeeper.set.acl", BOOLEAN, "false", RO,
           "znodes with ACLs need SASL or TLS to ZooKeeper, which are not in this version "
           "yet; set zookeeper.set.acl=false"),
    IDLE("node.id", INT, "-1", RO, LOW, HIGH, KRAFT),
    REFUSED("process.roles", LIST, "", RO,
           "KRaft is not spoken here: remove process.roles and set zookeeper.connect"),
    IDLE("zookeeper.sync.time.ms", INT, "2000", RO, LOW, HIGH, OLD),
    IDLE("alter.config.policy.kraft.compatibility.enable", BOOLEAN, "false", RO, LOW, HIGH, KRAFT),
    IDLE("config.providers", LIST, "", RO, LOW, HIGH,
           "they are Java classes; write the values themselves"),

    /* listeners and connections */
    SPECIAL("port", INT, "9092", RO, LOW, HIGH,
           "The port of the one listener, when listeners is not set (Kafka 2.7)."),
    SPECIAL("host.name", STRING, "", RO, LOW, HIGH,
           "The host of the one listener, when listeners is not set (Kafka 2.7)."),
    SPECIAL("advertised.port", INT, NULL, RO, LOW, HIGH,
           "The advertised port, when advertised.listeners is not set (Kafka 2.7)."),
    SPECIAL("advertised.host.name", STRING, NULL, RO, LOW, HIGH,
           "The advertised host, when advertised.listeners is not set (Kafka 2.7)."),
    SPECIAL("advertised.listeners", STRING, NULL, PB, LOW, HIGH,
           "NAME://host:port list of what clients are told; as listeners when not set."),
    IDLE("background.threads", INT, "10", CW, 1, HIGH, POOL),
    IDLE("connection.failed.authentication.delay.ms", INT, "100", RO, 0, HIGH, SASL),
    OBEYED("connections.max.idle.ms", LONG, "600000", RO, I64, connections_max_idle_ms, LOW, HIGH,
           "A connection that is silent this long is closed."),
    IDLE("connections.max.reauth.ms", LONG, "0", RO, LOW, HIGH, SASL),
    IDLE("control.plane.listener.name", STRING, NULL, RO, LOW, HIGH, SEVERAL),
    OBEYED("fetch.max.bytes", INT, "57671680", RO, I32, fetch_max_bytes, 1024, HIGH,
           "Most bytes of one fetch answer."),
    SPECIAL("inter.broker.listener.name", STRING, NULL, RO, LOW, HIGH,
           "The listener by which brokers reach each other."),
    SPECIAL("listener.security.protocol.map", STRING,
           "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT", PB, LOW,
           HIGH,
           "Which security protocol each listener name speaks."),
    SPECIAL("listeners", STRING, "PLAINTEXT://:9092", PB, LOW, HIGH,
           "NAME://host:port list of what the broker listens on."),
    IDLE("max.connection.creation.rate", INT, "2147483647", CW, 0, HIGH,
           "connections are not throttled by rate in this version"),
    OBEYED("max.connections", INT, "2147483647", CW, I32, max_connections, 0, HIGH,
           "Connections of the broker in all."),
    OBEYED("max.connections.per.ip", INT, "2147483647", CW, I32, max_connections_per_ip, 0, HIGH,
           "Connections from one address."),
    IDLE("max.connections.per.ip.overrides", STRING, "", CW, LOW, HIGH,
           "max.connections.per.ip holds for every address in this version"),
    OBEYED("max.incremental.fetch.session.cache.slots", INT, "1000", RO, I32,
           max_incremental_fetch_session_cache_slots, 0, HIGH,
           "Fetch sessions that are kept."),
    IDLE("num.io.threads", INT, "8", CW, 1, HIGH, POOL),
    IDLE("num.network.threads", INT, "3", CW, 1, HIGH, POOL),
    OBEYED("queued.max.request.bytes", LONG, "-1", RO, I64, queued_max_request_bytes, LOW, HIGH,
           "Bytes of requests that wait; reading stops above. -1: a built-in budget."),
    IDLE("queued.max.requests", INT, "500", RO, 1, HIGH,
           "each connection has a bound of its own, and queued.max.request.bytes bounds all"),
    IDLE("request.timeout.ms", INT, "30000", RO, LOW, HIGH, SEVERAL),
    SPECIAL("security.inter.broker.protocol", STRING, "PLAINTEXT", RO, LOW, HIGH,
           "The protocol between brokers when inter.broker.listener.name is not set."),
    IDLE("socket.connection.setup.timeout.max.ms", LONG, "30000", RO, LOW, HIGH, SEVERAL),
    IDLE("socket.connection.setup.timeout.ms", LONG, "10000", RO, LOW, HIGH, SEVERAL),
    OBEYED("socket.listen.backlog.size", INT, "50", RO, I32, socket_listen_backlog_size, 1, HIGH,
           "Connections that may wait to be accepted."),
    IDLE("socket.receive.buffer.bytes", INT, "102400", RO, LOW, HIGH,
           "the kernel sizes its buffers itself"),
    OBEYED("socket.request.max.bytes", INT, "104857600", RO, I32, socket_request_max_bytes, 1, HIGH,
           "Largest request; a connection that sends more is closed."),
    IDLE("socket.send.buffer.bytes", INT, "102400", RO, LOW, HIGH,
           "the kernel sizes its buffers itself"),
    IDLE("max.request.partition.size.limit", INT, "2000", RO, 1, HIGH,
           "DescribeTopicPartitions is not in this version yet"),

    /* topics */
    REFUSED("alter.config.policy.class.name", CLASS, NULL, RO,
           "a policy is a Java class, and there is no JVM to run it; remove the key"),
    OBEYED("auto.create.topics.enable", BOOLEAN, "true", RO, BOOL, auto_create_topics_enable, LOW,
           HIGH,
           "Whether asking for a topic that is not there creates it."),
    OBEYED("compression.gzip.level", INT, "-1", CW, I32, topic.compression_gzip_level, LOW, HIGH,
           "Level where the broker compresses with gzip itself."),
    OBEYED("compression.lz4.level", INT, "9", CW, I32, topic.compression_lz4_level, 1, 17,
           "Level where the broker compresses with lz4 itself."),
    CHOICE("compression.type", STRING, "producer", CW, COMPRESSION, topic.compression_type,
           "uncompressed, zstd, lz4, snappy, gzip, producer",
           "Codec of stored batches: producer keeps what came; else uncompressed, gzip, "
           "snappy, lz4, zstd."),
    OBEYED("compression.zstd.level", INT, "3", CW, I32, topic.compression_zstd_level, -131072, 22,
           "Level where the broker compresses with zstd itself."),
    REFUSED("create.topic.policy.class.name", CLASS, NULL, RO,
           "a policy is a Java class, and there is no JVM to run it; remove the key"),
    OBEYED("default.replication.factor", INT, "1", RO, I32, default_replication_factor, LOW, HIGH,
           "Replicas of a topic that is created without a number."),
    OBEYED("delete.topic.enable", BOOLEAN, "true", RO, BOOL, delete_topic_enable, LOW, HIGH,
           "Whether topics may be deleted."),
    OBEYED("message.max.bytes", INT, "1048588", CW, I32, topic.max_message_bytes, 0, HIGH,
           "Largest batch that is accepted, as it comes."),
    OBEYED("min.insync.replicas", INT, "1", CW, I32, topic.min_insync_replicas, 1, HIGH,
           "Replicas that must be in sync for acks=all."),
    OBEYED("num.partitions", INT, "1", RO, I32, num_partitions, 1, HIGH,
           "Partitions of a topic that is created without a number."),
    OBEYED("unclean.leader.election.enable", BOOLEAN, "false", CW, BOOL,
           topic.unclean_leader_election_enable, LOW, HIGH,
           "Whether a replica out of sync may lead when no other is left."),

    /* logs */
    OBEYED("log.cleaner.backoff.ms", LONG, "15000", CW, I64, log_cleaner_backoff_ms, 0, HIGH,
           "How long the cleaner sleeps when there is nothing to clean."),
    OBEYED("log.cleaner.dedupe.buffer.size", LONG, "134217728", CW, I64,
           log_cleaner_dedupe_buffer_size, LOW, HIGH,
           "Memory for the keys of one compaction."),
    OBEYED("log.cleaner.delete.retention.ms", LONG, "86400000", CW, I64, topic.delete_retention_ms,
           0, HIGH,
           "How long tombstones stay in compacted topics."),
    OBEYED("log.cleaner.enable", BOOLEAN, "true", RO, BOOL, log_cleaner_enable, LOW, HIGH,
           "Whether compacted topics are compacted."),
    OBEYED("log.cleaner.io.buffer.load.factor", DOUBLE, "0.9", CW, DOUBLE,
           log_cleaner_io_buffer_load_factor, LOW, HIGH,
           "How full the memory for the keys of one compaction may become."),
    OBEYED("log.cleaner.io.buffer.size", INT, "524288", CW, I32, log_cleaner_io_buffer_size, 0,
           HIGH,
           "Memory for what a compaction reads and writes."),
    SPECIAL("log.cleaner.io.max.bytes.per.second", DOUBLE, "1.7976931348623157E308", CW, LOW, HIGH,
           "Bytes a second that compaction may read and write."),
    OBEYED("log.cleaner.max.compaction.lag.ms", LONG, "9223372036854775807", CW, I64,
           topic.max_compaction_lag_ms, 1, HIGH,
           "A record is compacted at the latest after this time."),
    OBEYED("log.cleaner.min.cleanable.ratio", DOUBLE, "0.5", CW, DOUBLE,
           topic.min_cleanable_dirty_ratio, 0, 1,
           "Share of a log that must be dirty before it is compacted."),
    OBEYED("log.cleaner.min.compaction.lag.ms", LONG, "0", CW, I64, topic.min_compaction_lag_ms, 0,
           HIGH,
           "A record is not compacted before this time."),
    IDLE("log.cleaner.threads", INT, "1", CW, 0, HIGH,
           "one job compacts at a time"),
    CHOICE("log.cleanup.policy", LIST, "delete", CW, CLEANUP, topic.cleanup_policy,
           "compact, delete",
           "delete, compact, or both: what happens to old segments."),
    SPECIAL("log.dir", STRING, "/tmp/kafka-logs", RO, LOW, HIGH,
           "The log directory, when log.dirs is not set."),
    SPECIAL("log.dirs", STRING, NULL, RO, LOW, HIGH,
           "Comma-separated log directories; partitions go where there are fewest."),
    OBEYED("log.flush.interval.messages", LONG, "9223372036854775807", CW, I64,
           topic.flush_messages, 1, HIGH,
           "Flush a partition after so many records."),
    SPECIAL("log.flush.interval.ms", LONG, NULL, CW, LOW, HIGH,
           "Flush a partition when its oldest unflushed record is this old."),
    OBEYED("log.flush.offset.checkpoint.interval.ms", INT, "60000", RO, I64,
           log_flush_offset_checkpoint_interval_ms, 0, HIGH,
           "How often recovery points are written."),
    SPECIAL("log.flush.scheduler.interval.ms", LONG, "9223372036854775807", RO, LOW, HIGH,
           "The value of log.flush.interval.ms when that is not set."),
    OBEYED("log.flush.start.offset.checkpoint.interval.ms", INT, "60000", RO, I64,
           log_flush_start_offset_checkpoint_interval_ms, 0, HIGH,
           "How often log start offsets are written."),
    OBEYED("log.index.interval.bytes", INT, "4096", CW, I32, topic.index_interval_bytes, 0, HIGH,
           "One offset index entry for so many bytes of log."),
    OBEYED("log.index.size.max.bytes", INT, "10485760", CW, I32, topic.segment_index_bytes, 4, HIGH,
           "Largest index file of a segment."),
    OBEYED("log.message.downconversion.enable", BOOLEAN, "true", CW, BOOL,
           topic.message_downconversion_enable, LOW, HIGH,
           "Whether old consumers get batches converted to their format."),
    IDLE("log.message.format.version", STRING, "3.0-IV1", RO, LOW, HIGH, FORMATS),
    OBEYED("log.message.timestamp.after.max.ms", LONG, "9223372036854775807", CW, I64,
           topic.message_timestamp_after_max_ms, 0, HIGH,
           "How far in the future a CreateTime may be."),
    OBEYED("log.message.timestamp.before.max.ms", LONG, "9223372036854775807", CW, I64,
           topic.message_timestamp_before_max_ms, 0, HIGH,
           "How far in the past a CreateTime may be."),
    SPECIAL("log.message.timestamp.difference.max.ms", LONG, "9223372036854775807", CW, 0, HIGH,
           "Old name for both bounds on a CreateTime, where those are not set."),
    CHOICE("log.message.timestamp.type", STRING, "CreateTime", CW, TIMESTAMP,
           topic.log_append_time, "CreateTime, LogAppendTime",
           "CreateTime (of the producer) or LogAppendTime (of the broker)."),
    OBEYED("log.preallocate", BOOLEAN, "false", CW, BOOL, topic.preallocate, LOW, HIGH,
           "Whether segment files get their full size at once."),
    OBEYED("log.retention.bytes", LONG, "-1", CW, I64, topic.retention_bytes, LOW, HIGH,
           "Bytes that a partition keeps; -1 is no limit."),
    OBEYED("log.retention.check.interval.ms", LONG, "300000", RO, I64,
           log_retention_check_interval_ms, 1, HIGH,
           "How often old segments are looked for."),
    SPECIAL("log.retention.hours", INT, "168", RO, LOW, HIGH,
           "As log.retention.ms, in hours."),
    SPECIAL("log.retention.minutes", INT, NULL, RO, LOW, HIGH,
           "As log.retention.ms, in minutes."),
    SPECIAL("log.retention.ms", LONG, NULL, CW, LOW, HIGH,
           "How long a partition keeps records; -1 is for ever. Before minutes, before hours."),
    SPECIAL("log.roll.hours", INT, "168", RO, 1, HIGH,
           "As log.roll.ms, in hours."),
    SPECIAL("log.roll.jitter.hours", INT, "0", RO, 0, HIGH,
           "As log.roll.jitter.ms, in hours."),
    SPECIAL("log.roll.jitter.ms", LONG, NULL, CW, LOW, HIGH,
           "Up to so much is taken off log.roll.ms at random."),
    SPECIAL("log.roll.ms", LONG, NULL, CW, LOW, HIGH,
           "A segment older than this is closed. Before log.roll.hours."),
    OBEYED("log.segment.bytes", INT, "1073741824", CW, I32, topic.segment_bytes, 14, HIGH,
           "A segment that would grow beyond this is closed and a new one begun."),
    OBEYED("log.segment.delete.delay.ms", LONG, "60000", CW, I64, topic.file_delete_delay_ms, 0,
           HIGH,
           "How long a deleted file stays on disk under its .deleted name."),
    OBEYED("num.recovery.threads.per.data.dir", INT, "1", CW, I32,
           num_recovery_threads_per_data_dir, 1, HIGH,
           "Logs of a directory that are recovered at the same time."),
    OBEYED("producer.id.expiration.ms", INT, "86400000", CW, I64, producer_id_expiration_ms, 1,
           HIGH,
           "How long an idempotent producer is remembered after its last write."),

    /* groups and offsets */
    OBEYED("group.initial.rebalance.delay.ms", INT, "3000", RO, I32,
           group_initial_rebalance_delay_ms, LOW, HIGH,
           "How long an empty group waits for more members before its first rebalance."),
    OBEYED("group.max.session.timeout.ms", INT, "1800000", RO, I32, group_max_session_timeout_ms,
           LOW, HIGH,
           "Longest session timeout that a group member may ask for."),
    OBEYED("group.max.size", INT, "2147483647", RO, I32, group_max_size, 1, HIGH,
           "Members that a group may have."),
    OBEYED("group.min.session.timeout.ms", INT, "6000", RO, I32, group_min_session_timeout_ms, LOW,
           HIGH,
           "Shortest session timeout that a group member may ask for."),
    OBEYED("offset.metadata.max.bytes", INT, "4096", RO, I32, offset_metadata_max_bytes, LOW, HIGH,
           "Longest text that may be committed with an offset."),
    IDLE("offsets.commit.required.acks", SHORT, "-1", RO, LOW, HIGH,
           "a commit is durable before it is answered"),
    OBEYED("offsets.commit.timeout.ms", INT, "5000", RO, I32, offsets_commit_timeout_ms, 1, HIGH,
           "How long a commit waits to be durable."),
    IDLE("offsets.load.buffer.size", INT, "5242880", RO, 1, HIGH,
           "groups are loaded batch by batch"),
    OBEYED("offsets.retention.check.interval.ms", LONG, "600000", RO, I64,
           offsets_retention_check_interval_ms, 1, HIGH,
           "How often old offsets are looked for."),
    OBEYED("offsets.retention.minutes", INT, "10080", RO, MINUTES, offsets_retention_ms, 1, HIGH,
           "How long offsets of an empty group are kept."),
    OBEYED("offsets.topic.compression.codec", INT, "0", RO, I32, offsets_topic_compression_codec,
           LOW, HIGH,
           "Codec of __consumer_offsets by number; 0 is none."),
    OBEYED("offsets.topic.num.partitions", INT, "50", RO, I32, offsets_topic_num_partitions, 1,
           HIGH,
           "Partitions of __consumer_offsets when it is created."),
    OBEYED("offsets.topic.replication.factor", SHORT, "3", RO, I16,
           offsets_topic_replication_factor, 1, HIGH,
           "Replicas of __consumer_offsets when it is created."),
    OBEYED("offsets.topic.segment.bytes", INT, "104857600", RO, I32, offsets_topic_segment_bytes,
           1, HIGH,
           "Segment size of __consumer_offsets."),
    IDLE("group.consumer.assignors", LIST,
           "org.apache.kafka.coordinator.group.assignor.UniformAssignor,"
           "org.apache.kafka.coordinator.group.assignor.RangeAssignor", RO, LOW, HIGH,
           NEW_GROUPS),
    IDLE("group.consumer.heartbeat.interval.ms", INT, "5000", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.consumer.max.heartbeat.interval.ms", INT, "15000", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.consumer.max.session.timeout.ms", INT, "60000", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.consumer.max.size", INT, "2147483647", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.consumer.min.heartbeat.interval.ms", INT, "5000", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.consumer.min.session.timeout.ms", INT, "45000", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.consumer.session.timeout.ms", INT, "45000", RO, 1, HIGH, NEW_GROUPS),
    IDLE("group.coordinator.append.linger.ms", INT, "10", RO, 0, HIGH,
           "records of groups are written in the turn that makes them"),
    REFUSED("group.coordinator.rebalance.protocols", LIST, "classic", RO,
           "only the classic protocol is spoken in this version; remove the key"),
    IDLE("group.coordinator.threads", INT, "1", RO, 1, HIGH, POOL),
    IDLE("group.share.delivery.count.limit", INT, "5", RO, LOW, HIGH, SHARE),
    IDLE("group.share.heartbeat.interval.ms", INT, "5000", RO, 1, HIGH, SHARE),
    IDLE("group.share.max.groups", SHORT, "10", RO, LOW, HIGH, SHARE),
    IDLE("group.share.max.heartbeat.interval.ms", INT, "15000", RO, 1, HIGH, SHARE),
    IDLE("group.share.max.record.lock.duration.ms", INT, "60000", RO, LOW, HIGH, SHARE),
    IDLE("group.share.max.session.timeout.ms", INT, "60000", RO, 1, HIGH, SHARE),
    IDLE("group.share.max.size", SHORT, "200", RO, 10, 1000, SHARE),
    IDLE("group.share.min.heartbeat.interval.ms", INT, "5000", RO, 1, HIGH, SHARE),
    IDLE("group.share.min.record.lock.duration.ms", INT, "15000", RO, LOW, HIGH, SHARE),
    IDLE("group.share.min.session.timeout.ms", INT, "45000", RO, 1, HIGH, SHARE),
    IDLE("group.share.partition.max.record.locks", INT, "200", RO, LOW, HIGH, SHARE),
    IDLE("group.share.record.lock.duration.ms", INT, "30000", RO, LOW, HIGH, SHARE),
    IDLE("group.share.session.timeout.ms", INT, "45000", RO, 1, HIGH, SHARE),

    /* several brokers */
    IDLE("auto.leader.rebalance.enable", BOOLEAN, "true", RO, LOW, HIGH, SEVERAL),
    IDLE("controlled.shutdown.enable", BOOLEAN, "true", RO, LOW, HIGH, SEVERAL),
    IDLE("controlled.shutdown.max.retries", INT, "3", RO, LOW, HIGH, SEVERAL),
    IDLE("controlled.shutdown.retry.backoff.ms", LONG, "5000", RO, LOW, HIGH, SEVERAL),
    IDLE("controller.socket.timeout.ms", INT, "30000", RO, LOW, HIGH, SEVERAL),
    IDLE("inter.broker.protocol.version", STRING, "3.9-IV0", RO, LOW, HIGH, SEVERAL),
    IDLE("leader.imbalance.check.interval.seconds", LONG, "300", RO, 1, HIGH, SEVERAL),
    IDLE("leader.imbalance.per.broker.percentage", INT, "10", RO, LOW, HIGH, SEVERAL),
    IDLE("num.replica.fetchers", INT, "1", CW, LOW, HIGH, SEVERAL),
    IDLE("replica.fetch.backoff.ms", INT, "1000", RO, 0, HIGH, SEVERAL),
    IDLE("replica.fetch.max.bytes", INT, "1048576", RO, 0, HIGH, SEVERAL),
    IDLE("replica.fetch.min.bytes", INT, "1", RO, LOW, HIGH, SEVERAL),
    IDLE("replica.fetch.response.max.bytes", INT, "10485760", RO, 0, HIGH, SEVERAL),
    IDLE("replica.fetch.wait.max.ms", INT, "500", RO, LOW, HIGH, SEVERAL),
    OBEYED("replica.high.watermark.checkpoint.interval.ms", LONG, "5000", RO, I64,
           replica_high_watermark_checkpoint_interval_ms, LOW, HIGH,
           "How often high watermarks are written."),
    IDLE("replica.lag.time.max.ms", LONG, "30000", RO, LOW, HIGH, SEVERAL),
    IDLE("replica.selector.class", STRING, NULL, RO, LOW, HIGH, SEVERAL),
    IDLE("replica.socket.receive.buffer.bytes", INT, "65536", RO, LOW, HIGH, SEVERAL),
    IDLE("replica.socket.timeout.ms", INT, "30000", RO, LOW, HIGH, SEVERAL),
    IDLE("replication.quota.window.num", INT, "11", RO, 1, HIGH, SEVERAL),
    IDLE("replication.quota.window.size.seconds", INT, "1", RO, 1, HIGH, SEVERAL),

    /* transactions */
    IDLE("transaction.abort.timed.out.transaction.cleanup.interval.ms", INT, "10000", RO, 1, HIGH,
           TRANSACTIONS),
    IDLE("transaction.max.timeout.ms", INT, "900000", RO, 1, HIGH, TRANSACTIONS),
    IDLE("transaction.partition.verification.enable", BOOLEAN, "true", CW, LOW, HIGH, TRANSACTIONS),
    IDLE("transaction.remove.expired.transaction.cleanup.interval.ms", INT, "3600000", RO, 1, HIGH,
           TRANSACTIONS),
    IDLE("transaction.state.log.load.buffer.size", INT, "5242880", RO, 1, HIGH, TRANSACTIONS),
    IDLE("transaction.state.log.min.isr", INT, "2", RO, 1, HIGH, TRANSACTIONS),
    IDLE("transaction.state.log.num.partitions", INT, "50", RO, 1, HIGH, TRANSACTIONS),
    IDLE("transaction.state.log.replication.factor", SHORT, "3", RO, 1, HIGH, TRANSACTIONS),
    IDLE("transaction.state.log.segment.bytes", INT, "104857600", RO, 1, HIGH, TRANSACTIONS),
    IDLE("transactional.id.expiration.ms", INT, "604800000", RO, 1, HIGH, TRANSACTIONS),

    /* quotas and metrics */
    IDLE("alter.log.dirs.replication.quota.window.num", INT, "11", RO, 1, HIGH,
           "partitions do not move between log directories in this version"),
    IDLE("alter.log.dirs.replication.quota.window.size.seconds", INT, "1", RO, 1, HIGH,
           "partitions do not move between log directories in this version"),
    IDLE("auto.include.jmx.reporter", BOOLEAN, "true", RO, LOW, HIGH, REPORTERS),
    REFUSED("client.quota.callback.class", CLASS, NULL, RO,
           "a callback is a Java class, and there is no JVM to run it; remove the key"),
    IDLE("controller.quota.window.num", INT, "11", RO, 1, HIGH, QUOTAS),
    IDLE("controller.quota.window.size.seconds", INT, "1", RO, 1, HIGH, QUOTAS),
    IDLE("delete.records.purgatory.purge.interval.requests", INT, "1", RO, LOW, HIGH, PURGATORY),
    IDLE("fetch.purgatory.purge.interval.requests", INT, "1000", RO, LOW, HIGH, PURGATORY),
    IDLE("kafka.metrics.polling.interval.secs", INT, "10", RO, 1, HIGH, REPORTERS),
    IDLE("kafka.metrics.reporters", LIST, "", RO, LOW, HIGH, REPORTERS),
    IDLE("metric.reporters", LIST, "", CW, LOW, HIGH, REPORTERS),
    IDLE("metrics.num.samples", INT, "2", RO, 1, HIGH, REPORTERS),
    IDLE("metrics.recording.level", STRING, "INFO", RO, LOW, HIGH, REPORTERS),
    IDLE("metrics.sample.window.ms", LONG, "30000", RO, 1, HIGH, REPORTERS),
    IDLE("producer.purgatory.purge.interval.requests", INT, "1000", RO, LOW, HIGH, PURGATORY),
    IDLE("quota.window.num", INT, "11", RO, 1, HIGH, QUOTAS),
    IDLE("quota.window.size.seconds", INT, "1", RO, 1, HIGH, QUOTAS),
    IDLE("telemetry.max.bytes", INT, "1048576", RO, 1, HIGH,
           "client telemetry is not in this version yet"),
    IDLE("quota.producer.default", LONG, "9223372036854775807", RO, 1, HIGH, OLD),
    IDLE("quota.consumer.default", LONG, "9223372036854775807", RO, 1, HIGH, OLD),

    /* who may do what */
    REFUSED("authorizer.class.name", STRING, "", RO,
           "ACLs are not in this version yet, and serving without them would open the "
           "cluster; remove the key to accept that"),
    IDLE("delegation.token.expiry.check.interval.ms", LONG, "3600000", RO, 1, HIGH, TOKENS),
    IDLE("delegation.token.expiry.time.ms", LONG, "86400000", RO, 1, HIGH, TOKENS),
    IDLE("delegation.token.master.key", PASSWORD, NULL, RO, LOW, HIGH, TOKENS),
    IDLE("delegation.token.max.lifetime.ms", LONG, "604800000", RO, 1, HIGH, TOKENS),
    IDLE("delegation.token.secret.key", PASSWORD, NULL, RO, LOW, HIGH, TOKENS),
    IDLE("password.encoder.cipher.algorithm", STRING, "AES/CBC/PKCS5Padding", RO, LOW, HIGH,
           PASSWORDS),
    IDLE("password.encoder.iterations", INT, "4096", RO, 1024, HIGH, PASSWORDS),
    IDLE("password.encoder.key.length", INT, "128", RO, 8, HIGH, PASSWORDS),
    IDLE("password.encoder.keyfactory.algorithm", STRING, NULL, RO, LOW, HIGH, PASSWORDS),
    IDLE("password.encoder.old.secret", PASSWORD, NULL, RO, LOW, HIGH, PASSWORDS),
    IDLE("password.encoder.secret", PASSWORD, NULL, RO, LOW, HIGH, PASSWORDS),
    REFUSED("principal.builder.class", CLASS,
           "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", PB,
           "a principal builder is a Java class, and there is no JVM to run it; remove the key"),
    IDLE("sasl.client.callback.handler.class", CLASS, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.enabled.mechanisms", LIST, "GSSAPI", PB, LOW, HIGH, SASL),
    IDLE("sasl.jaas.config", PASSWORD, NULL, PB, LOW, HIGH, SASL),
    IDLE("sasl.kerberos.kinit.cmd", STRING, "/usr/bin/kinit", PB, LOW, HIGH, SASL),
    IDLE("sasl.kerberos.min.time.before.relogin", LONG, "60000", PB, LOW, HIGH, SASL),
    IDLE("sasl.kerberos.principal.to.local.rules", LIST, "DEFAULT", PB, LOW, HIGH, SASL),
    IDLE("sasl.kerberos.service.name", STRING, NULL, PB, LOW, HIGH, SASL),
    IDLE("sasl.kerberos.ticket.renew.jitter", DOUBLE, "0.05", PB, LOW, HIGH, SASL),
    IDLE("sasl.kerberos.ticket.renew.window.factor", DOUBLE, "0.8", PB, LOW, HIGH, SASL),
    IDLE("sasl.login.callback.handler.class", CLASS, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.login.class", CLASS, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.login.connect.timeout.ms", INT, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.login.read.timeout.ms", INT, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.login.refresh.buffer.seconds", SHORT, "300", PB, 0, 3600, SASL),
    IDLE("sasl.login.refresh.min.period.seconds", SHORT, "60", PB, 0, 900, SASL),
    IDLE("sasl.login.refresh.window.factor", DOUBLE, "0.8", PB, 0.5, 1.0, SASL),
    IDLE("sasl.login.refresh.window.jitter", DOUBLE, "0.05", PB, 0.0, 0.25, SASL),
    IDLE("sasl.login.retry.backoff.max.ms", LONG, "10000", RO, LOW, HIGH, SASL),
    IDLE("sasl.login.retry.backoff.ms", LONG, "100", RO, LOW, HIGH, SASL),
    IDLE("sasl.mechanism.inter.broker.protocol", STRING, "GSSAPI", PB, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.clock.skew.seconds", INT, "30", RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.expected.audience", LIST, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.expected.issuer", STRING, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.jwks.endpoint.refresh.ms", LONG, "3600000", RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", LONG, "10000", RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", LONG, "100", RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.jwks.endpoint.url", STRING, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.scope.claim.name", STRING, "scope", RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.sub.claim.name", STRING, "sub", RO, LOW, HIGH, SASL),
    IDLE("sasl.oauthbearer.token.endpoint.url", STRING, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.server.callback.handler.class", CLASS, NULL, RO, LOW, HIGH, SASL),
    IDLE("sasl.server.max.receive.size", INT, "524288", RO, LOW, HIGH, SASL),
    IDLE("security.providers", STRING, NULL, RO, LOW, HIGH,
           "it names classes of a JVM, and there is none"),
    IDLE("ssl.allow.dn.changes", BOOLEAN, "false", RO, LOW, HIGH, TLS),
    IDLE("ssl.allow.san.changes", BOOLEAN, "false", RO, LOW, HIGH, TLS),
    IDLE("ssl.cipher.suites", LIST, "", PB, LOW, HIGH, TLS),
    IDLE("ssl.client.auth", STRING, "none", PB, LOW, HIGH, TLS),
    IDLE("ssl.enabled.protocols", LIST, "TLSv1.2,TLSv1.3", PB, LOW, HIGH, TLS),
    IDLE("ssl.endpoint.identification.algorithm", STRING, "https", PB, LOW, HIGH, TLS),
    IDLE("ssl.engine.factory.class", CLASS, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.key.password", PASSWORD, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.keymanager.algorithm", STRING, "SunX509", PB, LOW, HIGH, TLS),
    IDLE("ssl.keystore.certificate.chain", PASSWORD, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.keystore.key", PASSWORD, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.keystore.location", STRING, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.keystore.password", PASSWORD, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.keystore.type", STRING, "JKS", PB, LOW, HIGH, TLS),
    IDLE("ssl.principal.mapping.rules", STRING, "DEFAULT", RO, LOW, HIGH, TLS),
    IDLE("ssl.protocol", STRING, "TLSv1.3", PB, LOW, HIGH, TLS),
    IDLE("ssl.provider", STRING, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.secure.random.implementation", STRING, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.trustmanager.algorithm", STRING, "PKIX", PB, LOW, HIGH, TLS),
    IDLE("ssl.truststore.certificates", PASSWORD, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.truststore.location", STRING, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.truststore.password", PASSWORD, NULL, PB, LOW, HIGH, TLS),
    IDLE("ssl.truststore.type", STRING, "JKS", PB, LOW, HIGH, TLS),
    IDLE("zookeeper.ssl.cipher.suites", LIST, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    REFUSED("zookeeper.ssl.client.enable", BOOLEAN, "false", RO,
           "TLS to ZooKeeper is not in this version yet; set zookeeper.ssl.client.enable=false"),
    IDLE("zookeeper.ssl.crl.enable", BOOLEAN, "false", RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.enabled.protocols", LIST, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.endpoint.identification.algorithm", STRING, "HTTPS", RO, LOW, HIGH,
           ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.keystore.location", STRING, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.keystore.password", PASSWORD, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.keystore.type", STRING, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.ocsp.enable", BOOLEAN, "false", RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.protocol", STRING, "TLSv1.2", RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.truststore.location", STRING, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.truststore.password", PASSWORD, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("zookeeper.ssl.truststore.type", STRING, NULL, RO, LOW, HIGH, ZOOKEEPER_TLS),
    IDLE("sasl.mechanism.controller.protocol", STRING, "GSSAPI", RO, LOW, HIGH, SASL),

    /* tiered storage */
    IDLE("log.local.retention.bytes", LONG, "-2", CW, -2, HIGH, TIERED),
    IDLE("log.local.retention.ms", LONG, "-2", CW, -2, HIGH, TIERED),
    IDLE("remote.fetch.max.wait.ms", INT, "500", CW, 1, HIGH, TIERED),
    IDLE("remote.log.index.file.cache.total.size.bytes", LONG, "1073741824", CW, 1, HIGH, TIERED),
    IDLE("remote.log.manager.copier.thread.pool.size", INT, "-1", RO, LOW, HIGH, TIERED),
    IDLE("remote.log.manager.copy.max.bytes.per.second", LONG, "9223372036854775807", CW, 1, HIGH,
           TIERED),
    IDLE("remote.log.manager.copy.quota.window.num", INT, "11", RO, 1, HIGH, TIERED),
    IDLE("remote.log.manager.copy.quota.window.size.seconds", INT, "1", RO, 1, HIGH, TIERED),
    IDLE("remote.log.manager.expiration.thread.pool.size", INT, "-1", RO, LOW, HIGH, TIERED),
    IDLE("remote.log.manager.fetch.max.bytes.per.second", LONG, "9223372036854775807", CW, 1, HIGH,
           TIERED),
    IDLE("remote.log.manager.fetch.quota.window.num", INT, "11", RO, 1, HIGH, TIERED),
    IDLE("remote.log.manager.fetch.quota.window.size.seconds", INT, "1", RO, 1, HIGH, TIERED),
    IDLE("remote.log.manager.task.interval.ms", LONG, "30000", RO, 1, HIGH, TIERED),
    IDLE("remote.log.manager.thread.pool.size", INT, "10", RO, 1, HIGH, TIERED),
    IDLE("remote.log.metadata.custom.metadata.max.bytes", INT, "128", RO, 0, HIGH, TIERED),
    IDLE("remote.log.metadata.manager.class.name", STRING,
           "org.apache.kafka.server.log.remote.metadata.storage."
           "TopicBasedRemoteLogMetadataManager", RO, LOW, HIGH,
           TIERED),
    IDLE("remote.log.metadata.manager.class.path", STRING, NULL, RO, LOW, HIGH, TIERED),
    IDLE("remote.log.metadata.manager.impl.prefix", STRING, "rlmm.config.", RO, LOW, HIGH, TIERED),
    IDLE("remote.log.metadata.manager.listener.name", STRING, NULL, RO, LOW, HIGH, TIERED),
    IDLE("remote.log.reader.max.pending.tasks", INT, "100", RO, 1, HIGH, TIERED),
    IDLE("remote.log.reader.threads", INT, "10", RO, 1, HIGH, TIERED),
    IDLE("remote.log.storage.manager.class.name", STRING, NULL, RO, LOW, HIGH, TIERED),
    IDLE("remote.log.storage.manager.class.path", STRING, NULL, RO, LOW, HIGH, TIERED),
    IDLE("remote.log.storage.manager.impl.prefix", STRING, "rsm.config.", RO, LOW, HIGH, TIERED),
    REFUSED("remote.log.storage.system.enable", BOOLEAN, "false", RO,
           "tiered storage is not in this version yet; set remote.log.storage.system.enable=false"),

    /* KRaft */
    IDLE("broker.heartbeat.interval.ms", INT, "2000", RO, LOW, HIGH, KRAFT),
    IDLE("broker.session.timeout.ms", INT, "9000", RO, LOW, HIGH, KRAFT),
    IDLE("controller.listener.names", STRING, NULL, RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.append.linger.ms", INT, "25", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.bootstrap.servers", LIST, "", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.election.backoff.max.ms", INT, "1000", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.election.timeout.ms", INT, "1000", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.fetch.timeout.ms", INT, "2000", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.request.timeout.ms", INT, "2000", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.retry.backoff.ms", INT, "20", RO, LOW, HIGH, KRAFT),
    IDLE("controller.quorum.voters", LIST, "", RO, LOW, HIGH, KRAFT),
    IDLE("early.start.listeners", STRING, NULL, RO, LOW, HIGH, KRAFT),
    IDLE("eligible.leader.replicas.enable", BOOLEAN, "false", RO, LOW, HIGH, KRAFT),
    IDLE("initial.broker.registration.timeout.ms", INT, "60000", RO, LOW, HIGH, KRAFT),
    IDLE("log.dir.failure.timeout.ms", LONG, "30000", RO, 1, HIGH, KRAFT),
    IDLE("metadata.log.dir", STRING, NULL, RO, LOW, HIGH, KRAFT),
    IDLE("metadata.log.max.record.bytes.between.snapshots", LONG, "20971520", RO, 1, HIGH, KRAFT),
    IDLE("metadata.log.max.snapshot.interval.ms", LONG, "3600000", RO, 0, HIGH, KRAFT),
    IDLE("metadata.log.segment.bytes", INT, "1073741824", RO, 12, HIGH, KRAFT),
    IDLE("metadata.log.segment.ms", LONG, "604800000", RO, LOW, HIGH, KRAFT),
    IDLE("metadata.max.idle.interval.ms", INT, "500", RO, 0, HIGH, KRAFT),
    IDLE("metadata.max.retention.bytes", LONG, "104857600", RO, LOW, HIGH, KRAFT),
    IDLE("metadata.max.retention.ms", LONG, "604800000", RO, LOW, HIGH, KRAFT),

    /* others */
    IDLE("num.replica.alter.log.dirs.threads", INT, NULL, RO, LOW, HIGH,
           "partitions do not move between log directories in this version"),

    /* ours */
    OBEYED("flush.before.ack", BOOLEAN, "true", CW, BOOL, topic.flush_before_ack, LOW, HIGH,
           "Whether acks=all is answered after the bytes are on disk; false is Apache's "
           "page-cache behaviour."),
    OBEYED("validate.compressed.records", BOOLEAN, "false", CW, BOOL,
           topic.validate_compressed_records, LOW, HIGH,
           "Whether compressed batches are unpacked and their records checked before they are "
           "stored, as Apache's does; false: header and CRC."),
    OBEYED("samsa.log.dir.reserve.bytes", LONG, "67108864", RO, I64, log_dir_reserve_bytes, 0, HIGH,
           "Bytes of each log directory's disk that appends leave free."),
    OBEYED("samsa.metrics.port", INT, "0", RO, I32, metrics_port, 0, 65535,
           "Port of Prometheus metrics and /health; 0: none."),
    OBEYED("samsa.metrics.address", STRING, "127.0.0.1", RO, TEXT, metrics_address, LOW, HIGH,
           "Address of the metrics port."),
    OBEYED("samsa.log.level", STRING, "info", RO, TEXT, log_level, LOW, HIGH,
           "Least level of lines in the log: trace, debug, info, warn, error, off."),
    OBEYED("samsa.log.file", STRING, "", RO, TEXT, log_file, LOW, HIGH,
           "File of the log; stderr when empty."),
};
/* clang-format on */

_Static_assert(ARRAY_LEN(keys) <= BROKER_KEYS_MAX, "broker_config.given has a place for each key");

const struct config_key *broker_config_keys(size_t *count)
{
    *count = ARRAY_LEN(keys);
    return keys;
}
