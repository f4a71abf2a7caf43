/* broker_metrics.c - see broker_metrics.h: the table of names, and what each prints. */
#include "kafka/server/broker_metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/connection.h"
#include "kafka/server/fetch_session.h"
#include "kafka/server/group_host.h"
#include "runtime/metrics.h"

#define NS_PER_MS 1e6
#define NS_PER_SECOND 1e9

struct printing {
    struct broker *broker;
    struct buffer *out;
    const char *name;
    struct group_host_stats groups; /* zeros without a coordinator */
};

/* ---- samples --------------------------------------------------------------------------------- */

static void put_value(struct printing *printing, double value)
{
    char text[64];
    bool is_whole = value > -1e15 && value < 1e15 && value == (double)(int64_t)value;
    int len = is_whole ? snprintf(text, sizeof text, " %" PRId64 "\n", (int64_t)value)
                       : snprintf(text, sizeof text, " %.9g\n", value);
    buffer_append(printing->out, slice_of(text, (size_t)len));
}

static void put_label_value(struct buffer *out, struct slice value)
{
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\n') {
            buffer_append_cstr(out, "\\n");
            continue;
        }
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            buffer_append_u8(out, '\\');
        }
        buffer_append_u8(out, value.ptr[i]);
    }
    buffer_append_u8(out, '"');
}

static void sample(struct printing *printing, double value)
{
    buffer_append_cstr(printing->out, printing->name);
    put_value(printing, value);
}

static void sample_with(struct printing *printing,
                        const char *label,
                        struct slice label_value,
                        double value)
{
    buffer_append_cstr(printing->out, printing->name);
    buffer_append_u8(printing->out, '{');
    buffer_append_cstr(printing->out, label);
    buffer_append_u8(printing->out, '=');
    put_label_value(printing->out, label_value);
    buffer_append_u8(printing->out, '}');
    put_value(printing, value);
}

static void sample_of_partition(struct printing *printing,
                                const struct partition *partition,
                                double value)
{
    buffer_append_cstr(printing->out, printing->name);
    buffer_append_cstr(printing->out, "{topic=\"");
    buffer_append(printing->out, partition->topic->name_slice);
    buffer_append_cstr(printing->out, "\",partition=\"");
    buffer_append_decimal(printing->out, partition->index);
    buffer_append_cstr(printing->out, "\"}");
    put_value(printing, value);
}

/* ---- traffic --------------------------------------------------------------------------------- */

static void print_traffic(struct printing *printing, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const char *)&printing->broker->traffic + offset, sizeof value);
    sample(printing, (double)value);
    LIST_FOR_EACH(link, &printing->broker->topics.topics)
    {
        const struct topic *topic = CONTAINER_OF(link, struct topic, link);
        memcpy(&value, (const char *)&topic->traffic + offset, sizeof value);
        if (value > 0) { /* as Apache, which makes a topic's meters with its first use */
            sample_with(printing, "topic", topic->name_slice, (double)value);
        }
    }
}

#define TRAFFIC(field)                                            \
    static void print_##field(struct printing *printing)          \
    {                                                             \
        print_traffic(printing, offsetof(struct traffic, field)); \
    }
TRAFFIC(messages_in)
TRAFFIC(bytes_in)
TRAFFIC(bytes_out)
TRAFFIC(bytes_rejected)
TRAFFIC(produce_requests)
TRAFFIC(fetch_requests)
TRAFFIC(failed_produce_requests)
TRAFFIC(failed_fetch_requests)

/* ---- requests -------------------------------------------------------------------------------- */

static void print_api(struct printing *printing, double (*figure)(const struct api_stats *stats))
{
    for (size_t i = 0; i < api_count && printing->broker->sockets != NULL; i++) {
        const struct api_stats *stats = sockets_api_stats(printing->broker->sockets, i);
        if (stats->requests > 0) {
            sample_with(printing, "request", slice_of_cstr(apis[i].name), figure(stats));
        }
    }
}

static double api_requests(const struct api_stats *stats)
{
    return (double)stats->requests;
}

static double api_time_ms(const struct api_stats *stats)
{
    return (double)stats->time_ns_total / NS_PER_MS;
}

static double api_time_max_ms(const struct api_stats *stats)
{
    return (double)stats->time_ns_max / NS_PER_MS;
}

static double api_bytes(const struct api_stats *stats)
{
    return (double)stats->bytes_in;
}

static void print_requests(struct printing *printing)
{
    print_api(printing, api_requests);
}

static void print_time(struct printing *printing)
{
    print_api(printing, api_time_ms);
}

static void print_time_max(struct printing *printing)
{
    print_api(printing, api_time_max_ms);
}

static void print_request_bytes(struct printing *printing)
{
    print_api(printing, api_bytes);
}

#define SOCKETS(field)                                                                 \
    static void print_sockets_##field(struct printing *printing)                       \
    {                                                                                  \
        const struct sockets *sockets = printing->broker->sockets;                     \
        sample(printing, sockets == NULL ? 0 : (double)sockets_stats(sockets)->field); \
    }
SOCKETS(connections)
SOCKETS(accepted)
SOCKETS(rejected)
SOCKETS(closed_idle)
SOCKETS(closed_bad)
SOCKETS(bytes_in)
SOCKETS(bytes_out)
SOCKETS(in_flight)

/* ---- replicas, controller -------------------------------------------------------------------- */

static size_t count_partitions(const struct printing *printing,
                               bool (*counts)(const struct partition *partition))
{
    size_t count = 0;
    LIST_FOR_EACH(link, &printing->broker->partitions)
    {
        count += counts(CONTAINER_OF(link, struct partition, link)) ? 1 : 0;
    }
    return count;
}

static bool is_any(const struct partition *partition)
{
    return partition != NULL;
}

static bool is_led(const struct partition *partition)
{
    return partition->is_leader && !partition->is_offline;
}

static bool is_offline(const struct partition *partition)
{
    return partition->is_offline;
}

static const struct topic_partition *state_of(const struct partition *partition)
{
    return partition->topic == NULL || partition->index >= partition->topic->partition_count
               ? NULL
               : &partition->topic->partitions[partition->index];
}

static bool is_under_replicated(const struct partition *partition)
{
    const struct topic_partition *state = state_of(partition);
    return partition->is_leader && state != NULL && state->isr_count < state->replica_count;
}

static bool is_under_min_isr(const struct partition *partition)
{
    const struct topic_partition *state = state_of(partition);
    return partition->is_leader && state != NULL &&
           state->isr_count < topic_partition_min_isr(state, &partition->topic->config);
}

static bool is_at_min_isr(const struct partition *partition)
{
    const struct topic_partition *state = state_of(partition);
    return partition->is_leader && state != NULL &&
           state->isr_count == topic_partition_min_isr(state, &partition->topic->config);
}

#define PARTITIONS(name, counts)                                      \
    static void print_##name(struct printing *printing)               \
    {                                                                 \
        sample(printing, (double)count_partitions(printing, counts)); \
    }
PARTITIONS(partition_count, is_any)
PARTITIONS(leader_count, is_led)
PARTITIONS(offline_replica_count, is_offline)
PARTITIONS(under_replicated, is_under_replicated)
PARTITIONS(under_min_isr, is_under_min_isr)
PARTITIONS(at_min_isr, is_at_min_isr)

static void print_zero(struct printing *printing)
{
    sample(printing, 0);
}

static bool is_controller(const struct broker *broker)
{
    return broker->cluster != NULL && cluster_is_controller(broker->cluster);
}

static void print_active_controller(struct printing *printing)
{
    sample(printing, is_controller(printing->broker) ? 1 : 0);
}

/* Figures that only the controller has are 0 elsewhere, as Apache's. */
static void print_active_brokers(struct printing *printing)
{
    size_t count = 0;
    LIST_FOR_EACH(link, &printing->broker->topics.brokers)
    {
        count += 1;
    }
    sample(printing, is_controller(printing->broker) ? (double)count : 0);
}

static size_t count_topics(const struct printing *printing,
                           size_t (*counts)(const struct topic *topic))
{
    size_t count = 0;
    LIST_FOR_EACH(link, &printing->broker->topics.topics)
    {
        count += counts(CONTAINER_OF(link, struct topic, link));
    }
    return is_controller(printing->broker) ? count : 0;
}

static size_t one_topic(const struct topic *topic)
{
    return topic != NULL;
}

static size_t its_partitions(const struct topic *topic)
{
    return (size_t)topic->partition_count;
}

static size_t its_offline_partitions(const struct topic *topic)
{
    size_t count = 0;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        count += topic->partitions[i].leader < 0 ? 1 : 0;
    }
    return count;
}

static size_t its_unpreferred_leaders(const struct topic *topic)
{
    size_t count = 0;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct topic_partition *partition = &topic->partitions[i];
        count += partition->replica_count > 0 && partition->leader != partition->replicas[0];
    }
    return count;
}

#define TOPICS(name, counts)                                      \
    static void print_##name(struct printing *printing)           \
    {                                                             \
        sample(printing, (double)count_topics(printing, counts)); \
    }
TOPICS(global_topics, one_topic)
TOPICS(global_partitions, its_partitions)
TOPICS(offline_partitions, its_offline_partitions)
TOPICS(preferred_imbalance, its_unpreferred_leaders)

/* BrokerState of Apache Kafka. */
static void print_state(struct printing *printing)
{
    static const int codes[] = {
        [BROKER_STOPPED] = 0, [BROKER_STARTING] = 1, [BROKER_RECOVERING] = 2,
        [BROKER_RUNNING] = 3, [BROKER_STOPPING] = 7, [BROKER_FAILED] = 7,
    };
    sample(printing, codes[printing->broker->state]);
}

static void print_start_time(struct printing *printing)
{
    struct runtime *runtime = printing->broker->runtime;
    uint64_t up_ns = runtime_now_ns(runtime) - printing->broker->start_ns;
    sample(printing, (double)runtime_wall_ms(runtime) / 1000 - (double)up_ns / NS_PER_SECOND);
}

static void print_cold_fetches(struct printing *printing)
{
    sample(printing, (double)printing->broker->cold_fetches);
}

/* ---- logs ------------------------------------------------------------------------------------ */

static void print_logs(struct printing *printing, double (*figure)(struct partition_log *log))
{
    LIST_FOR_EACH(link, &printing->broker->partitions)
    {
        const struct partition *partition = CONTAINER_OF(link, struct partition, link);
        if (partition->log != NULL && partition->topic != NULL) {
            sample_of_partition(printing, partition, figure(partition->log));
        }
    }
}

#define LOGS(name, expression)                              \
    static double log_##name(struct partition_log *log)     \
    {                                                       \
        return (double)(expression);                        \
    }                                                       \
    static void print_log_##name(struct printing *printing) \
    {                                                       \
        print_logs(printing, log_##name);                   \
    }
LOGS(size, partition_log_size(log))
LOGS(start, partition_log_start_offset(log))
LOGS(end, partition_log_end_offset(log))
LOGS(segments, partition_log_segment_count(log))

static const struct log_store_stats *store_stats(const struct printing *printing)
{
    static const struct log_store_stats none;
    return printing->broker->logs == NULL ? &none : log_store_stats(printing->broker->logs);
}

static void print_offline_dirs(struct printing *printing)
{
    const struct log_store *logs = printing->broker->logs;
    sample(printing, logs == NULL ? 0 : (double)log_store_offline_count(logs));
}

static void print_dirs(struct printing *printing, double (*figure)(const struct log_dir *dir))
{
    struct log_store *logs = printing->broker->logs;
    for (size_t i = 0; logs != NULL && i < log_store_dir_count(logs); i++) {
        const struct log_dir *dir = log_store_dir(logs, i);
        sample_with(printing, "logDirectory", slice_of_cstr(dir->path), figure(dir));
    }
}

#define DIRS(name, expression)                              \
    static double dir_##name(const struct log_dir *dir)     \
    {                                                       \
        return (double)(expression);                        \
    }                                                       \
    static void print_dir_##name(struct printing *printing) \
    {                                                       \
        print_dirs(printing, dir_##name);                   \
    }
DIRS(offline, dir->is_online ? 0 : 1)
DIRS(free, dir->free_bytes)
DIRS(total, dir->total_bytes)
DIRS(refused, dir->refused_appends)
DIRS(logs, dir->log_count)
DIRS(uncleanable, log_dir_uncleanable_count(dir))

#define STORE(name, expression)                                      \
    static void print_store_##name(struct printing *printing)        \
    {                                                                \
        const struct log_store_stats *stats = store_stats(printing); \
        sample(printing, (double)(expression));                      \
    }
STORE(deleted_bytes, stats->deleted_bytes)
STORE(load_seconds, (double)stats->load_ns / NS_PER_SECOND)
STORE(dirty_percent, (int64_t)(100 * stats->cleaner_max_dirty_ratio))
STORE(cleaner_runs, stats->cleaner_runs)
STORE(cleaner_read, stats->cleaner_bytes_read)
STORE(cleaner_written, stats->cleaner_bytes_written)
STORE(cleaner_dropped, stats->cleaner_messages_dropped)
STORE(cleaner_seconds, (double)stats->cleaner_last_run_ns / NS_PER_SECOND)
STORE(recopy_percent,
      stats->cleaner_bytes_read == 0 ? 0
                                     : (int64_t)(100 * (double)stats->cleaner_bytes_written /
                                                 (double)stats->cleaner_bytes_read))

#define FLUSHER(name, expression)                                                             \
    static void print_flusher_##name(struct printing *printing)                               \
    {                                                                                         \
        static const struct flusher_stats none;                                               \
        const struct flusher *flusher = printing->broker->flusher;                            \
        const struct flusher_stats *stats = flusher == NULL ? &none : flusher_stats(flusher); \
        sample(printing, (double)(expression));                                               \
    }
FLUSHER(jobs, stats->jobs)
FLUSHER(logs, stats->logs)
FLUSHER(ms, (double)stats->ns_total / NS_PER_MS)
FLUSHER(ms_max, (double)stats->ns_max / NS_PER_MS)

/* ---- sessions, groups ------------------------------------------------------------------------ */

#define SESSIONS(name, expression)                                                \
    static void print_sessions_##name(struct printing *printing)                  \
    {                                                                             \
        const struct fetch_sessions *sessions = printing->broker->fetch_sessions; \
        sample(printing, sessions == NULL ? 0 : (double)(expression));            \
    }
SESSIONS(count, sessions->by_id.count)
SESSIONS(partitions, sessions->partitions)
SESSIONS(evictions, sessions->evictions)

#define GROUPS(name, expression)                                  \
    static void print_groups_##name(struct printing *printing)    \
    {                                                             \
        const struct group_host_stats *stats = &printing->groups; \
        sample(printing, (double)(expression));                   \
    }
GROUPS(count, stats->groups)
GROUPS(offsets, stats->offsets)
GROUPS(loading, stats->partitions_loading)
GROUPS(rebalances, stats->rebalances_completed)
GROUPS(commits, stats->offsets_committed)
GROUPS(expirations, stats->offsets_expired)
GROUPS(deletions, stats->offsets_deleted)
GROUPS(preparing, stats->states[GROUP_PREPARING_REBALANCE])
GROUPS(completing, stats->states[GROUP_COMPLETING_REBALANCE])
GROUPS(stable, stats->states[GROUP_STABLE])
GROUPS(empty, stats->states[GROUP_EMPTY])
GROUPS(dead, stats->states[GROUP_DEAD])

/* ---- the table ------------------------------------------------------------------------------- */

struct row {
    struct metric_family family;
    void (*print)(struct printing *printing);
};

#define COUNTER(name, help, print) {{name, "counter", help}, print}
#define GAUGE(name, help, print) {{name, "gauge", help}, print}
#define TOPIC_METRICS "kafka_server_brokertopicmetrics_"
#define REPLICA_MANAGER "kafka_server_replicamanager_"
#define CONTROLLER "kafka_controller_kafkacontroller_"
#define GROUP_MANAGER "kafka_coordinator_group_groupmetadatamanager_"
#define GROUP_METRICS "kafka_server_group_coordinator_metrics_"
#define SOCKET_METRICS "kafka_server_socket_server_metrics_"

static const struct row rows[] = {
    COUNTER(TOPIC_METRICS "messagesin_total", "Records appended by producers", print_messages_in),
    COUNTER(TOPIC_METRICS "bytesin_total", "Bytes of records appended", print_bytes_in),
    COUNTER(TOPIC_METRICS "bytesout_total", "Bytes of records sent to consumers", print_bytes_out),
    COUNTER(TOPIC_METRICS "bytesrejected_total",
            "Bytes of batches that were too large",
            print_bytes_rejected),
    COUNTER(TOPIC_METRICS "totalproducerequests_total",
            "Appends asked for, one a partition",
            print_produce_requests),
    COUNTER(TOPIC_METRICS "totalfetchrequests_total",
            "Reads answered, one a partition",
            print_fetch_requests),
    COUNTER(TOPIC_METRICS "failedproducerequests_total",
            "Appends refused",
            print_failed_produce_requests),
    COUNTER(TOPIC_METRICS "failedfetchrequests_total",
            "Reads answered with an error",
            print_failed_fetch_requests),

    COUNTER("kafka_network_requestmetrics_requests_total",
            "Requests answered, by API",
            print_requests),
    COUNTER("kafka_network_requestmetrics_totaltimems_count",
            "Requests in the sum of times",
            print_requests),
    COUNTER("kafka_network_requestmetrics_totaltimems_sum",
            "Milliseconds from a request's arrival to its answer, summed",
            print_time),
    GAUGE("kafka_network_requestmetrics_totaltimems_max", "The longest of these", print_time_max),
    COUNTER("kafka_network_requestmetrics_requestbytes_sum",
            "Bytes of requests, by API",
            print_request_bytes),
    GAUGE("kafka_network_requestchannel_requestqueuesize",
          "Requests that wait for their answer",
          print_sockets_in_flight),
    GAUGE(SOCKET_METRICS "connection_count",
          "Connections that are open",
          print_sockets_connections),
    COUNTER(SOCKET_METRICS "connection_creation_total",
            "Connections that were accepted",
            print_sockets_accepted),
    COUNTER(SOCKET_METRICS "incoming_byte_total", "Bytes received", print_sockets_bytes_in),
    COUNTER(SOCKET_METRICS "outgoing_byte_total", "Bytes sent", print_sockets_bytes_out),
    COUNTER("samsa_kafka_connections_rejected_total",
            "Connections above a limit",
            print_sockets_rejected),
    COUNTER("samsa_kafka_connections_idle_total",
            "Connections closed for silence",
            print_sockets_closed_idle),
    COUNTER("samsa_kafka_connections_bad_total",
            "Connections that did not speak the protocol",
            print_sockets_closed_bad),

    GAUGE(REPLICA_MANAGER "partitioncount",
          "Partitions that this broker hosts",
          print_partition_count),
    GAUGE(REPLICA_MANAGER "leadercount", "Partitions that it leads", print_leader_count),
    GAUGE(REPLICA_MANAGER "offlinereplicacount",
          "Partitions in failed directories",
          print_offline_replica_count),
    GAUGE(REPLICA_MANAGER "underreplicatedpartitions",
          "Led ones with replicas out of sync",
          print_under_replicated),
    GAUGE(REPLICA_MANAGER "underminisrpartitioncount",
          "Led ones below min.insync.replicas",
          print_under_min_isr),
    GAUGE(REPLICA_MANAGER "atminisrpartitioncount",
          "Led ones at min.insync.replicas",
          print_at_min_isr),
    GAUGE(REPLICA_MANAGER "reassigningpartitions", "Led ones that move", print_zero),
    COUNTER(REPLICA_MANAGER "isrshrinks_total", "Replicas that fell out of sync", print_zero),
    COUNTER(REPLICA_MANAGER "isrexpands_total", "Replicas that caught up", print_zero),

    GAUGE(CONTROLLER "activecontrollercount", "1 on the controller", print_active_controller),
    GAUGE(CONTROLLER "activebrokercount", "Brokers, as the controller knows", print_active_brokers),
    GAUGE(CONTROLLER "globaltopiccount", "Topics, as the controller knows", print_global_topics),
    GAUGE(CONTROLLER "globalpartitioncount",
          "Partitions, as the controller knows",
          print_global_partitions),
    GAUGE(CONTROLLER "offlinepartitionscount",
          "Partitions without a leader",
          print_offline_partitions),
    GAUGE(CONTROLLER "preferredreplicaimbalancecount",
          "Partitions not led by their first replica",
          print_preferred_imbalance),
    COUNTER("kafka_controller_controllerstats_uncleanleaderelections_total",
            "Leaders elected out of sync",
            print_zero),
    GAUGE("kafka_server_kafkaserver_brokerstate",
          "1 starting, 2 recovering, 3 running, 7 stopping",
          print_state),

    GAUGE("kafka_log_log_size", "Bytes of the log", print_log_size),
    GAUGE("kafka_log_log_logstartoffset", "Its first offset", print_log_start),
    GAUGE("kafka_log_log_logendoffset", "Its next offset", print_log_end),
    GAUGE("kafka_log_log_numlogsegments", "Its segments", print_log_segments),
    GAUGE("kafka_log_logmanager_offlinelogdirectorycount",
          "Log directories that have failed",
          print_offline_dirs),
    GAUGE("kafka_log_logmanager_logdirectoryoffline", "1 when it has failed", print_dir_offline),
    COUNTER("kafka_log_logflushstats_logflushrateandtimems_count",
            "Logs that were flushed",
            print_flusher_logs),
    COUNTER("kafka_log_logflushstats_logflushrateandtimems_sum",
            "Milliseconds that flush jobs took, summed",
            print_flusher_ms),
    GAUGE("kafka_log_logflushstats_logflushrateandtimems_max",
          "The longest of these",
          print_flusher_ms_max),
    COUNTER("samsa_kafka_flush_jobs_total", "Flush jobs: group commits", print_flusher_jobs),
    COUNTER("samsa_kafka_cold_fetches_total",
            "Fetches whose records were read from the disk first",
            print_cold_fetches),
    GAUGE("samsa_kafka_log_dir_free_bytes", "Free on its file system", print_dir_free),
    GAUGE("samsa_kafka_log_dir_total_bytes", "Size of its file system", print_dir_total),
    GAUGE("samsa_kafka_log_dir_logs", "Logs in it", print_dir_logs),
    COUNTER("samsa_kafka_log_dir_refused_appends_total",
            "Appends refused for want of space",
            print_dir_refused),
    COUNTER("samsa_kafka_retention_deleted_bytes_total",
            "Bytes deleted by retention",
            print_store_deleted_bytes),
    GAUGE("samsa_kafka_log_load_seconds",
          "How long loading all logs took at the start",
          print_store_load_seconds),
    GAUGE("kafka_log_logcleanermanager_max_dirty_percent",
          "Of the compacted log that needs it most",
          print_store_dirty_percent),
    GAUGE("kafka_log_logcleanermanager_uncleanable_partitions_count",
          "Compacted logs that cannot be",
          print_dir_uncleanable),
    GAUGE("kafka_log_logcleaner_cleaner_recopy_percent",
          "Bytes written of those read",
          print_store_recopy_percent),
    GAUGE("kafka_log_logcleaner_max_clean_time_secs",
          "Seconds that the last pass took",
          print_store_cleaner_seconds),
    GAUGE("kafka_log_logcleaner_deadthreadcount", "Always 0", print_zero),
    COUNTER("samsa_kafka_cleaner_runs_total", "Passes of compaction", print_store_cleaner_runs),
    COUNTER("samsa_kafka_cleaner_read_bytes_total", "Bytes read by them", print_store_cleaner_read),
    COUNTER("samsa_kafka_cleaner_written_bytes_total",
            "Bytes written by them",
            print_store_cleaner_written),
    COUNTER("samsa_kafka_cleaner_dropped_records_total",
            "Records that went",
            print_store_cleaner_dropped),

    GAUGE("kafka_server_fetchsessioncache_numincrementalfetchsessions",
          "Fetch sessions",
          print_sessions_count),
    GAUGE("kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
          "Partitions in them",
          print_sessions_partitions),
    COUNTER("kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total",
            "Sessions that gave way to others",
            print_sessions_evictions),
    GAUGE(GROUP_MANAGER "numgroups", "Consumer groups", print_groups_count),
    GAUGE(GROUP_MANAGER "numoffsets", "Committed offsets", print_groups_offsets),
    GAUGE(GROUP_MANAGER "numgroupspreparingrebalance",
          "Groups in this state",
          print_groups_preparing),
    GAUGE(GROUP_MANAGER "numgroupscompletingrebalance",
          "Groups in this state",
          print_groups_completing),
    GAUGE(GROUP_MANAGER "numgroupsstable", "Groups in this state", print_groups_stable),
    GAUGE(GROUP_MANAGER "numgroupsempty", "Groups in this state", print_groups_empty),
    GAUGE(GROUP_MANAGER "numgroupsdead", "Groups in this state", print_groups_dead),
    GAUGE("samsa_kafka_group_partitions_loading",
          "Partitions of offsets that are being read",
          print_groups_loading),
    COUNTER(GROUP_METRICS "group_completed_rebalance_count",
            "Rebalances completed",
            print_groups_rebalances),
    COUNTER(GROUP_METRICS "offset_commit_count", "Offsets committed", print_groups_commits),
    COUNTER(GROUP_METRICS "offset_expiration_count", "Offsets expired", print_groups_expirations),
    COUNTER(GROUP_METRICS "offset_deletion_count", "Offsets deleted", print_groups_deletions),

    GAUGE("process_start_time_seconds", "Since 1970", print_start_time),
};

size_t broker_metrics_count(void)
{
    return ARRAY_LEN(rows);
}

struct metric_family broker_metrics_family(size_t idx)
{
    ASSERT(idx < ARRAY_LEN(rows));
    return rows[idx].family;
}

void broker_metrics_print(struct broker *broker, struct buffer *out)
{
    struct printing printing = {.broker = broker, .out = out};
    if (broker->groups != NULL) {
        group_host_stats(broker->groups, &printing.groups);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        buffer_append_cstr(out, "# HELP ");
        buffer_append_cstr(out, row->family.name);
        buffer_append_u8(out, ' ');
        buffer_append_cstr(out, row->family.help);
        buffer_append_cstr(out, "\n# TYPE ");
        buffer_append_cstr(out, row->family.name);
        buffer_append_u8(out, ' ');
        buffer_append_cstr(out, row->family.type);
        buffer_append_u8(out, '\n');
        printing.name = row->family.name;
        row->print(&printing);
    }
}
