/* broker.c - the order in which a broker comes up and goes down: see broker.h.
 *
 * Up:    log directories locked -> listeners bound -> ZooKeeper: cluster id, broker id, configs ->
 *        logs recovered -> registered, elected, partitions led -> requests handled -> RUNNING.
 * Down:  connections closed -> groups handed over -> what is being flushed ends -> logs closed with
 *        their checkpoints and .kafka_cleanshutdown -> ZooKeeper's session closed -> STOPPED.
 *
 * Locks and ports come first, so that what a person did wrong (two brokers on one directory, a port
 * in use) is told at once and before anything is changed in ZooKeeper; connections that come early
 * wait in the listeners' queues. Source: KafkaServer.startup and shutdown; reference 4.7.
 */
#include "kafka/server/broker.h"

#include <inttypes.h>
#include <stdio.h>

#include "kafka/server/cluster.h"
#include "kafka/server/connection.h"
#include "kafka/server/fetch_session.h"
#include "kafka/server/group_host.h"
#include "kafka/server/producer_ids.h"
#include "kafka/server/quotas.h"
#include "kafka/storage/log_store.h"
#include "runtime/log.h"

#define CLOSE_LINGER_MS 1000

/* ---- the log store's events ------------------------------------------------------------------ */

static const struct topic_config *config_of(void *ctx, struct slice topic)
{
    struct broker *broker = ctx;
    return cluster_topic_config(broker->cluster, topic);
}

static void register_when_ready(struct broker *broker)
{
    if (broker->state == BROKER_RECOVERING && broker->are_logs_loaded && broker->is_listening) {
        broker->state = BROKER_STARTING;
        cluster_register(broker->cluster);
    }
}

static void on_loaded(void *ctx, int error, const char *text)
{
    struct broker *broker = ctx;
    if (broker->state != BROKER_RECOVERING) {
        return; /* stopped meanwhile */
    }
    if (error != 0) {
        broker_fail(broker, text);
        return;
    }
    broker->are_logs_loaded = true;
    LOG("broker", LOG_INFO, "%zu logs are loaded", log_store_log_count(broker->logs));
    register_when_ready(broker);
}

static int64_t high_watermark(void *ctx, const struct stored_log *log)
{
    (void)ctx;
    const struct partition *partition = log->owner;
    return partition->high_watermark;
}

static void on_changed(void *ctx, struct stored_log *log)
{
    (void)ctx;
    if (log->owner != NULL) {
        partition_changed(log->owner);
    }
}

static void on_flush_wanted(void *ctx, struct stored_log *log)
{
    (void)ctx;
    if (log->owner != NULL) {
        partition_want_flush(log->owner);
    }
}

static void on_dir_failed(void *ctx, struct log_dir *dir)
{
    struct broker *broker = ctx;
    LIST_FOR_EACH_SAFE(link, after, &broker->partitions)
    {
        struct partition *partition = CONTAINER_OF(link, struct partition, link);
        if (partition->dir == dir && !partition->is_offline) {
            partition_go_offline(partition);
        }
    }
    if (broker->state == BROKER_RUNNING) {
        cluster_tell_dir_failed(broker->cluster);
    }
}

static void on_all_failed(void *ctx, const char *text)
{
    broker_fail(ctx, text);
}

static void tune(const struct broker *broker, struct log_store_tuning *tuning)
{
    const struct broker_config *config = &broker->config;
    tuning->recovery_jobs = config->num_recovery_threads_per_data_dir;
    tuning->retention_check_ms = config->log_retention_check_interval_ms;
    tuning->recovery_checkpoint_ms = config->log_flush_offset_checkpoint_interval_ms;
    tuning->start_checkpoint_ms = config->log_flush_start_offset_checkpoint_interval_ms;
    tuning->high_watermark_checkpoint_ms = config->replica_high_watermark_checkpoint_interval_ms;
    tuning->producer_id_expiration_ms = config->producer_id_expiration_ms;
    tuning->reserve_bytes = (uint64_t)config->log_dir_reserve_bytes;
    tuning->cleaner_enable = config->log_cleaner_enable;
    tuning->cleaner_backoff_ms = config->log_cleaner_backoff_ms;
    tuning->cleaner_dedupe_buffer_bytes = config->log_cleaner_dedupe_buffer_size;
    tuning->cleaner_dedupe_load_factor = config->log_cleaner_io_buffer_load_factor;
    tuning->cleaner_io_buffer_bytes = config->log_cleaner_io_buffer_size;
    tuning->cleaner_io_bytes_per_second = config->compaction_io_bytes_per_second == INT32_MAX
                                              ? INT64_MAX
                                              : config->compaction_io_bytes_per_second;
}

static int open_logs(struct broker *broker, struct errmsg *message)
{
    const char *dirs[BROKER_LOG_DIRS_MAX];
    struct log_store_options options = {
        .dirs = dirs,
        .dir_count = (size_t)broker->config.log_dir_count,
        .events = {.config_of = config_of,
                   .loaded = on_loaded,
                   .high_watermark = high_watermark,
                   .changed = on_changed,
                   .flush_wanted = on_flush_wanted,
                   .dir_failed = on_dir_failed,
                   .all_failed = on_all_failed,
                   .ctx = broker},
    };
    for (int32_t i = 0; i < broker->config.log_dir_count; i++) {
        dirs[i] = broker->config.log_dirs[i];
    }
    log_store_tuning_defaults(&options.tuning);
    tune(broker, &options.tuning);
    return log_store_open(broker->runtime, &options, &broker->logs, message);
}

void broker_configured(struct broker *broker)
{
    struct log_store_tuning tuning;
    log_store_tuning_defaults(&tuning);
    tune(broker, &tuning);
    if (broker->logs != NULL) {
        log_store_tune(broker->logs, &tuning);
    }
    if (broker->groups != NULL) {
        group_host_configure(broker->groups);
    }
}

/* ---- the cluster's events -------------------------------------------------------------------- */

static void on_cluster_read(void *ctx)
{
    struct broker *broker = ctx;
    broker->state = BROKER_RECOVERING;
    log_store_load(broker->logs);
}

/* Logs whose topic nobody knows keep no pointer into the cluster's configurations. */
static void settle_strays(struct broker *broker)
{
    for (size_t i = 0; i < log_store_dir_count(broker->logs); i++) {
        LIST_FOR_EACH(link, &log_store_dir(broker->logs, i)->logs)
        {
            struct stored_log *stored = CONTAINER_OF(link, struct stored_log, link);
            if (stored->owner == NULL) {
                log_store_configure(stored, &broker->config.topic);
                LOG("broker", LOG_WARN,
                    "%s/%s belongs to no partition of this broker; it is left "
                    "alone",
                    stored->dir->path, stored->name);
            }
        }
    }
}

static void on_registered(void *ctx)
{
    struct broker *broker = ctx;
    settle_strays(broker);
    log_store_begin_upkeep(broker->logs);
    sockets_serve(broker->sockets);
    broker->was_serving = true;
    broker->state = BROKER_RUNNING;
    LOG("broker", LOG_INFO, "[KafkaServer id=%d] started (in %" PRIu64 " ms)",
        broker->config.broker_id,
        (runtime_now_ns(broker->runtime) - broker->start_ns) / UINT64_C(1000000));
    if (broker->on_started != NULL) {
        broker->on_started(broker->ctx);
    }
}

static void on_cluster_failed(void *ctx, const char *text)
{
    broker_fail(ctx, text);
}

void broker_fail(struct broker *broker, const char *text)
{
    if (broker->state == BROKER_FAILED || broker->state == BROKER_STOPPED) {
        return;
    }
    broker->state = BROKER_FAILED;
    snprintf(broker->last_words, sizeof broker->last_words, "%s", text);
    LOG("broker", LOG_ERROR, "%s", broker->last_words);
    if (broker->on_failed != NULL) {
        broker->on_failed(broker->ctx, broker->last_words);
    }
}

/* ---- up -------------------------------------------------------------------------------------- */

void broker_init(struct broker *broker, struct runtime *runtime, const struct broker_config *config)
{
    struct hash_key key;
    memset(broker, 0, sizeof *broker);
    broker->runtime = runtime;
    broker->config = *config;
    broker->fixed_config = *config;
    list_init(&broker->partitions);
    list_init(&broker->warmings);
    metrics_init(&broker->metrics);
    runtime_random(runtime, &key, sizeof key);
    topics_init(&broker->topics, key);
}

static void on_listening(void *ctx, int error, const char *text)
{
    struct broker *broker = ctx;
    if (error != 0) {
        if (broker->state == BROKER_STOPPED) {
            /* Within broker_start, which returns it. */
            snprintf(broker->last_words, sizeof broker->last_words, "%s", text);
        } else {
            broker_fail(broker, text);
        }
        return;
    }
    broker->is_listening = true;
    register_when_ready(broker);
}

int broker_start(struct broker *broker, struct errmsg *message)
{
    uint64_t seed;
    const struct cluster_events events = {
        .read = on_cluster_read,
        .registered = on_registered,
        .failed = on_cluster_failed,
        .ctx = broker,
    };
    ASSERT(broker->state == BROKER_STOPPED && broker->logs == NULL);
    broker->start_ns = runtime_now_ns(broker->runtime);
    int error = open_logs(broker, message);
    if (error != 0) {
        return error;
    }
    runtime_random(broker->runtime, &seed, sizeof seed);
    broker->flusher = flusher_create(broker);
    broker->quotas = quota_table_create();
    broker->fetch_sessions = fetch_sessions_create(
        (size_t)broker->config.max_incremental_fetch_session_cache_slots, seed);
    broker->producer_ids = producer_ids_create(broker);
    broker->groups = group_host_create(broker);
    broker->cluster = cluster_create(broker, &events);
    broker->sockets = sockets_create(broker);
    sockets_listen(broker->sockets, on_listening, broker);
    if (broker->last_words[0] != '\0') {
        return errmsg_set(message, ERR_IN_USE, "%s", broker->last_words);
    }
    broker->state = BROKER_STARTING;
    return cluster_start(broker->cluster, message);
}

/* ---- down ------------------------------------------------------------------------------------ */

static void session_closed(void *ctx)
{
    struct broker *broker = ctx;
    broker->state = BROKER_STOPPED;
    LOG("broker", LOG_INFO, "[KafkaServer id=%d] shut down completed", broker->config.broker_id);
    if (broker->on_stopped != NULL) {
        broker->on_stopped(broker->ctx);
    }
}

static void logs_closed(void *ctx)
{
    struct broker *broker = ctx;
    cluster_stop(broker->cluster, session_closed, broker);
}

static void flushed(void *ctx)
{
    struct broker *broker = ctx;
    log_store_stop(broker->logs, cluster_broker_epoch(broker->cluster), logs_closed, broker);
}

static void sockets_closed(void *ctx)
{
    struct broker *broker = ctx;
    flusher_settle(broker->flusher, flushed, broker);
}

void broker_stop(struct broker *broker)
{
    bool was_running = broker->state == BROKER_RUNNING;
    if (broker->state == BROKER_STOPPING || broker->state == BROKER_STOPPED) {
        return;
    }
    LOG("broker", LOG_INFO, "[KafkaServer id=%d] shutting down", broker->config.broker_id);
    broker->state = BROKER_STOPPING;
    if (!was_running) {
        /* Nothing was acknowledged yet: the next start recovers what this one has touched. */
        cluster_stop(broker->cluster, session_closed, broker);
        return;
    }
    group_host_stop(broker->groups);
    sockets_close(broker->sockets, CLOSE_LINGER_MS, sockets_closed, broker);
}

void broker_detach(struct broker *broker)
{
    if (broker->cluster != NULL) {
        cluster_detach(broker->cluster);
    }
    if (broker->sockets != NULL) {
        sockets_detach(broker->sockets);
    }
    if (broker->groups != NULL) {
        group_host_detach(broker->groups);
    }
    if (broker->flusher != NULL) {
        flusher_detach(broker->flusher);
    }
    if (broker->logs != NULL) {
        log_store_detach(broker->logs);
    }
}

void broker_release(struct broker *broker)
{
    if (broker->sockets != NULL) {
        sockets_release(broker->sockets);
    }
    if (broker->groups != NULL) {
        group_host_release(broker->groups);
    }
    if (broker->producer_ids != NULL) {
        producer_ids_release(broker->producer_ids);
    }
    if (broker->fetch_sessions != NULL) {
        fetch_sessions_release(broker->fetch_sessions);
    }
    warmings_release(&broker->warmings);
    partitions_release(broker);
    if (broker->flusher != NULL) {
        flusher_release(broker->flusher);
    }
    if (broker->logs != NULL) {
        log_store_release(broker->logs);
    }
    if (broker->quotas != NULL) {
        quota_table_release(broker->quotas);
    }
    cluster_release(broker->cluster);
    topics_release(&broker->topics);
    metrics_release(&broker->metrics);
    memset(broker, 0, sizeof *broker);
}
