/* node.c - see node.h: the life of one server, and the turning of effects into log entries and
 * bytes.
 *
 * A turn: reads bring frames (client_port.c), each steps the machine, effects are performed
 * (replies are queued, transactions collected); the turn-end hook hands the collected transactions
 * to the log, which answers with PERSISTED; that steps the machine again and queues the replies.
 */
#include "zookeeper/server/node.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/log.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/own_listener.h"
#include "zookeeper/server/password_digest.h"
#include "zookeeper/server/server_metrics.h"
#include "zookeeper/server/snapshotter.h"

/* Bounds that upstream leaves open; each is far above what a sane client sends. */
#define MULTI_OPS_MAX 100000
#define MULTI_RESPONSE_BYTES_MAX ((size_t)64 << 20)
#define CONNECTION_OUTPUT_BYTES_MAX ((size_t)4 << 20)

#define EXIT_LINGER_MS 1000

/* Apache's exit code when the log or a snapshot cannot be written. */
#define EXIT_CODE_DISK 10

/* What Apache's ZooTrace begins with: warnings, sessions, events. */
#define TRACE_MASK_DEFAULT 306

static void on_tick(struct runtime_timer *timer);
static void on_idle_tick(struct runtime_timer *timer);
static void on_turn_end(struct runtime_hook *hook);
static void on_purge_tick(struct runtime_timer *timer);

struct zk_event node_event(struct node *node, enum zk_event_kind kind)
{
    uint64_t now_ns = runtime_now_ns(node->runtime);
    return (struct zk_event){
        .kind = kind,
        .now_ns = now_ns,
        .now_ms = now_ns / 1000000,
        .wall_ms = runtime_wall_ms(node->runtime),
    };
}

void node_step(struct node *node, const struct zk_event *event)
{
    if (node->peer != NULL) {
        peer_step(node->peer, event, &node->outbox);
    } else {
        standalone_step(&node->machine, event, &node->outbox);
    }
}

bool node_tree_is_busy(const struct node *node)
{
    return node->ensemble != NULL && ensemble_uses_tree(node);
}

/* ---- effects
 * --------------------------------------------------------------------------------------------- */

void node_perform_effects(struct node *node)
{
    if (node->is_performing) {
        return; /* what a RESUME causes is appended to the outbox that the outer call walks */
    }
    node->is_performing = true;
    for (size_t i = 0; i < node->outbox.count; i++) {
        struct zk_effect effect = node->outbox.effects[i];
        switch (effect.kind) {
        case ZK_EFFECT_PERSIST:
            if (node->ensemble != NULL) {
                ensemble_perform(node, &effect);
                break;
            }
            log_writer_append(&node->log, effect.zxid, zk_effect_bytes(&node->outbox, &effect));
            node->txns_since_flush++;
            break;
        case ZK_EFFECT_AUDIT:
            if (node->on_audit != NULL) {
                node->on_audit(node->ctx, zk_effect_bytes(&node->outbox, &effect));
            }
            break;
        case ZK_EFFECT_ALARM:
            LOG("server", LOG_ERROR, "%.*s", LOG_SLICE(zk_effect_bytes(&node->outbox, &effect)));
            break;
        case ZK_EFFECT_SEND:
        case ZK_EFFECT_CLOSE:
        case ZK_EFFECT_PAUSE:
        case ZK_EFFECT_RESUME:
            client_port_perform(node, &effect);
            break;
        case ZK_EFFECT_PEER:
            ensemble_perform(node, &effect);
            break;
        }
    }
    zk_outbox_clear(&node->outbox);
    node->is_performing = false;
}

static void on_persisted(void *ctx, int64_t zxid, uint32_t txn_count)
{
    struct node *node = ctx;
    (void)txn_count;
    if (node->state == NODE_FAILED) {
        return;
    }
    struct zk_event event = node_event(node, ZK_EVENT_PERSISTED);
    event.zxid = zxid;
    node_step(node, &event);
    node_perform_effects(node);
    /* In an ensemble only what is agreed upon goes into snapshots: not while a leader is looked
     * for. */
    if (node->state == NODE_RUNNING && (node->peer == NULL || node->peer->is_serving)) {
        snapshotter_consider(node->snapshotter);
    }
}

static void on_log_failed(void *ctx, int error, const char *text)
{
    struct node *node = ctx;
    char sentence[1536];
    snprintf(sentence, sizeof sentence,
             "Severe unrecoverable error, exiting: the transaction log cannot be written: %s. %s",
             text,
             error == ERR_NO_SPACE
                 ? "Free space on that file system (dataLogDir), then start the server again."
                 : "Check the disk that holds dataLogDir; the server stops so that nothing is "
                   "acknowledged that is not on disk.");
    node_fail(node, sentence);
}

void node_fail_disk(struct node *node, const struct errmsg *why)
{
    char sentence[1536];
    snprintf(
        sentence, sizeof sentence,
        "Severe unrecoverable error, exiting: %s. The server stops so that nothing is promised "
        "that is not on disk.",
        why->text);
    node_fail(node, sentence);
}

static void on_sync(void *ctx, uint64_t sync_ns, uint32_t txn_count)
{
    struct node *node = ctx;
    histogram_add(&node->stats.fsync_us, sync_ns / 1000);
    node->stats.slow_syncs += sync_ns / 1000000 > (uint64_t)node->config.fsync_warning_threshold_ms
                                  ? 1
                                  : 0;
    histogram_add(&node->stats.sync_batch_size, txn_count);
}

void node_fail(struct node *node, const char *text)
{
    if (node->state == NODE_FAILED) {
        return;
    }
    node->state = NODE_FAILED;
    LOG("server", LOG_ERROR, "%s", text);
    client_port_close(node, 0);
    if (node->ensemble != NULL) {
        ensemble_close(node, 0);
    }
    if (node->on_failed != NULL) {
        node->on_failed(node->ctx, text);
    }
}

/* ---- timers and the end of a turn
 * ------------------------------------------------------------------------ */

static void arm_tick(struct node *node)
{
    uint64_t deadline_ms = node->peer != NULL ? peer_deadline(node->peer)
                                              : standalone_deadline(&node->machine);
    if (deadline_ms == node->next_tick_ms) {
        return;
    }
    node->next_tick_ms = deadline_ms;
    if (deadline_ms == UINT64_MAX) {
        runtime_timer_stop(&node->tick_timer);
    } else {
        runtime_timer_set(&node->tick_timer, deadline_ms * 1000000);
    }
}

static void on_tick(struct runtime_timer *timer)
{
    struct node *node = CONTAINER_OF(timer, struct node, tick_timer);
    struct zk_event event = node_event(node, ZK_EVENT_TICK);
    node->next_tick_ms = 0;
    if (node->state != NODE_RUNNING) {
        return;
    }
    node_step(node, &event);
    node_perform_effects(node);
}

static void on_idle_tick(struct runtime_timer *timer)
{
    struct node *node = CONTAINER_OF(timer, struct node, idle_timer);
    uint64_t now_ns = runtime_now_ns(node->runtime);
    runtime_timer_set(timer, now_ns + client_port_expire(node, now_ns));
}

static void on_held_tick(struct runtime_timer *timer)
{
    client_port_go_on(CONTAINER_OF(timer, struct node, held_timer));
}

static void finish_stopping(struct node *node)
{
    bool is_quiet = node->client_count == 0 && log_writer_is_idle(&node->log) &&
                    !snapshotter_is_running(node->snapshotter) && client_listen_is_quiet(node) &&
                    (node->ensemble == NULL || ensemble_is_quiet(node));
    if (node->state != NODE_STOPPING || !is_quiet) {
        return;
    }
    node->state = NODE_STOPPED;
    int error = log_writer_close(&node->log);
    if (error != 0) {
        LOG("server", LOG_WARN, "closing the transaction log: %s", error_text(error));
    }
    if (node->on_stopped != NULL) {
        node->on_stopped(node->stopped_ctx);
    }
}

void node_client_gone(struct node *node)
{
    finish_stopping(node);
}

/* Every frame since the log was last fed became a transaction: whoever spoke waits for the log, and
 * nobody is kept waiting by a sync on the loop ("run to completion", DESIGN.md section 5). In an
 * ensemble that is said by one transaction alone: several are other servers' clients at work, and
 * those here may read meanwhile. */
static bool everyone_waits(const struct node *node)
{
    return node->config.in_place_sync && node->frames_since_flush == node->txns_since_flush &&
           (node->ensemble == NULL || node->txns_since_flush == 1);
}

static void on_turn_end(struct runtime_hook *hook)
{
    struct node *node = CONTAINER_OF(hook, struct node, turn_end);
    bool is_live = node->state == NODE_RUNNING || node->state == NODE_STOPPING ||
                   node->state == NODE_RESTORING;
    if (is_live) {
        client_port_turn(node); /* before the log is fed: it may bring writes */
        if (node->ensemble != NULL) {
            ensemble_turn(node);
        }
        if (!node->log.is_writing) {
            log_writer_flush(&node->log, everyone_waits(node));
            node->frames_since_flush = 0;
            node->txns_since_flush = 0;
        }
        snapshotter_turn(node->snapshotter);
        client_port_wake(node);
    }
    if (node->state == NODE_RUNNING) {
        arm_tick(node);
    }
    node_restore_go_on(node);
    finish_stopping(node);
}

/* ---- purging
 * -----------------------------------------------------------------------------------------------
 */

/* The words are collected while the job runs and logged by the loop. */
struct purge_job {
    struct runtime_job job;
    struct node *node;
    struct buffer removed; /* lines */
    struct buffer failed;
    int error;
};

static void purge_removing(void *ctx, const char *path, int64_t modified_ms)
{
    struct purge_job *purge = ctx;
    (void)modified_ms;
    buffer_append_cstr(&purge->removed, path);
    buffer_append_u8(&purge->removed, '\n');
}

static void purge_failed(void *ctx, const char *path, int error)
{
    struct purge_job *purge = ctx;
    buffer_append_cstr(&purge->failed, path);
    buffer_append_cstr(&purge->failed, ": ");
    buffer_append_cstr(&purge->failed, error_text(error));
    buffer_append_u8(&purge->failed, '\n');
}

static void purge_work(struct runtime_job *job)
{
    struct purge_job *purge = CONTAINER_OF(job, struct purge_job, job);
    struct node *node = purge->node;
    struct purge_observer observer = {purge_removing, purge_failed, purge};
    purge->error = purge_files(node->runtime, node->dir.log_dir, node->dir.snap_dir,
                               (uint32_t)node->config.purge_retain_count, &observer);
}

static void log_purge_lines(struct slice lines, enum log_level level, const char *what)
{
    while (lines.len > 0) {
        struct slice line;
        text_cut(lines, '\n', &line, &lines);
        LOG("purge", level, "%s: %.*s", what, LOG_SLICE(line));
    }
}

static void purge_release(struct node *node)
{
    struct purge_job *purge = node->purging;
    if (purge != NULL) {
        buffer_release(&purge->removed);
        buffer_release(&purge->failed);
        mem_free(purge, sizeof *purge);
        node->purging = NULL;
    }
}

static void purge_done(struct runtime_job *job)
{
    struct purge_job *purge = CONTAINER_OF(job, struct purge_job, job);
    log_purge_lines(buffer_slice(&purge->removed), LOG_INFO, "Removing file");
    log_purge_lines(buffer_slice(&purge->failed), LOG_WARN, "Failed to remove");
    if (purge->error != 0) {
        LOG("purge", LOG_WARN,
            "Purging old snapshots and logs: %s; tried again at the next interval",
            error_text(purge->error));
    }
    purge_release(purge->node);
}

static void start_purge(struct node *node)
{
    struct purge_job *purge = mem_alloc_zeroed(sizeof *purge);
    purge->node = node;
    buffer_init(&purge->removed, SIZE_MAX);
    buffer_init(&purge->failed, SIZE_MAX);
    purge->job.work = purge_work;
    purge->job.done = purge_done;
    node->purging = purge;
    runtime_submit(node->runtime, LANE_SNAPSHOT, &purge->job);
}

static void on_purge_tick(struct runtime_timer *timer)
{
    struct node *node = CONTAINER_OF(timer, struct node, purge_timer);
    if (node->purging == NULL) {
        start_purge(node);
    }
    runtime_timer_set(timer, runtime_now_ns(node->runtime) +
                                 (uint64_t)node->config.purge_interval_ms * 1000000);
}

/* ---- starting
 * ---------------------------------------------------------------------------------------------- */

/* Both limits bound the requests in work; reading pauses above the smaller one. */
static int32_t outstanding_max(const struct zk_config *config)
{
    int32_t throttle = config->request_throttle_max_requests;
    int32_t limit = config->global_outstanding_limit;
    return throttle > 0 ? MIN(throttle, limit) : limit;
}

static void make_service_config(struct node *node)
{
    const struct zk_config *config = &node->config;
    struct service_config *service = &node->service_config;
    struct hash_key hash_key;
    runtime_random(node->runtime, &hash_key, sizeof hash_key);
    *service = (struct service_config){
        .tree =
            {
                .hash_key = hash_key,
                .digest_enabled = config->digest_enabled,
                .extended_types_enabled = config->extended_types_enabled,
                .emulate_353_ttl_nodes = config->emulate_353_ttl_nodes,
            },
        .prep =
            {
                .auth =
                    {
                        .crypto = {.digest = password_digest_function(config->digest_algorithm)},
                        .digest_enabled = config->digest_auth_enabled,
                        .super_digest = config->super_digest[0] == '\0'
                                            ? SLICE_NULL
                                            : slice_of_cstr(config->super_digest),
                        .skip_acl = config->skip_acl,
                    },
                .digest_enabled = config->digest_enabled,
                .extended_types_enabled = config->extended_types_enabled,
                .enforce_quota = config->enforce_quota,
                .reconfig_enabled = config->reconfig_enabled,
                .close_session_txn_enabled = config->close_session_txn_enabled,
                .max_string_bytes = (size_t)(config->jute_max_buffer + config->jute_extra_size),
                .container_max_never_used_ms = config->container_max_never_used_ms,
            },
        .hash_key = hash_key,
        .server_id = config->is_ensemble ? config->server_id : 1,
        .session_start_ms = runtime_wall_ms(node->runtime),
        .tick_ms = config->tick_time_ms,
        .min_session_timeout_ms = config->min_session_timeout_ms,
        .max_session_timeout_ms = config->max_session_timeout_ms,
        .frame_bytes_max = (int32_t)config->jute_max_buffer,
        .outstanding_max = outstanding_max(config),
        .output_bytes_max = CONNECTION_OUTPUT_BYTES_MAX,
        .multi_ops_max = MULTI_OPS_MAX,
        .multi_response_bytes_max = MULTI_RESPONSE_BYTES_MAX,
        .container_check_interval_ms = config->container_check_interval_ms,
        .container_max_per_minute = config->container_max_per_minute,
        .audit_enabled = config->audit_enabled,
        .enforce_auth_enabled = config->enforce_auth_enabled,
        .session_require_client_sasl_auth = config->session_require_client_sasl_auth,
        .local_sessions_enabled = config->is_ensemble && config->local_sessions_enabled,
        .local_sessions_upgrading_enabled = config->local_sessions_upgrading_enabled,
    };
    for (int32_t i = 0; i < config->enforce_auth_scheme_count; i++) {
        node->enforce_auth_schemes[i] = slice_of_cstr(config->enforce_auth_schemes[i]);
    }
    service->enforce_auth_schemes = node->enforce_auth_schemes;
    service->enforce_auth_scheme_count = config->enforce_auth_scheme_count;
}

void node_init(struct node *node, struct runtime *runtime, const struct zk_config *config)
{
    *node = (struct node){.runtime = runtime,
                          .config = *config,
                          .trace_mask = TRACE_MASK_DEFAULT,
                          .exit_code = EXIT_CODE_DISK};
    node->service = &node->machine.service;
    list_init(&node->clients);
    list_init(&node->held_clients);
    list_init(&node->crowded_clients);
    u64_map_init(&node->clients_by_ip);
    zk_outbox_init(&node->outbox);
    histogram_clear(&node->stats.fsync_us);
    histogram_clear(&node->stats.snapshot_ms);
    histogram_clear(&node->stats.sync_batch_size);
    histogram_clear(&node->stats.db_init);
    histogram_clear(&node->stats.restore_ms);
    histogram_clear(&node->stats.snapshot_load_ms);
    histogram_clear(&node->stats.txns_load_ms);
    histogram_clear(&node->stats.txns_loaded);
    runtime_timer_init(&node->tick_timer, runtime, on_tick);
    runtime_timer_init(&node->idle_timer, runtime, on_idle_tick);
    runtime_timer_init(&node->held_timer, runtime, on_held_tick);
    runtime_timer_init(&node->purge_timer, runtime, on_purge_tick);
    node->turn_end.run = on_turn_end;
    list_init(&node->turn_end.link);
    make_service_config(node);
}

static int on_replay(void *ctx, struct slice payload)
{
    struct node *node = ctx;
    return node->peer != NULL ? peer_replay(node->peer, payload)
                              : standalone_replay(&node->machine, payload);
}

static int recover(struct node *node, struct errmsg *message)
{
    struct recovery_options options = {.trust_empty_snapshot = node->config.trust_empty_snapshot,
                                       .may_cut = true};
    uint64_t before_ns = runtime_now_ns(node->runtime);
    int error = recovery_load(&node->dir, &options, &node->service->tree, on_replay, node,
                              &node->recovery, message);
    if (error != 0) {
        return error;
    }
    uint64_t took_ms = (runtime_now_ns(node->runtime) - before_ns) / 1000000;
    histogram_add(&node->stats.db_init, took_ms);
    if (node->recovery.snapshot_zxid >= 0) {
        histogram_add(&node->stats.snapshot_load_ms, node->recovery.snapshot_ns / 1000000);
        histogram_add(&node->stats.txns_load_ms, node->recovery.replay_ns / 1000000);
        histogram_add(&node->stats.txns_loaded, node->recovery.replayed);
    }
    LOG("server", LOG_INFO,
        "Snapshot loaded in %" PRIu64 " ms, highest zxid is 0x%" PRIx64 ", %" PRIu64
        " transactions replayed, %" PRIu64 " nodes",
        took_ms, (uint64_t)node->recovery.last_zxid, node->recovery.replayed,
        node->service->tree.node_count);
    return 0;
}

static void start_log(struct node *node)
{
    struct log_writer_options options = {
        .preallocate_bytes = node->config.pre_alloc_bytes,
        .size_limit_bytes = node->config.txn_log_size_limit_bytes,
        .force_sync = node->config.force_sync,
        .warning_threshold_ms = (uint32_t)node->config.fsync_warning_threshold_ms,
    };
    log_writer_init(&node->log, node->runtime, &node->dir, &options);
    node->log.on_persisted = on_persisted;
    node->log.on_failed = on_log_failed;
    node->log.on_sync = on_sync;
    node->log.ctx = node;
}

static void start_timers(struct node *node)
{
    uint64_t now_ns = runtime_now_ns(node->runtime);
    runtime_hook_add(node->runtime, &node->turn_end);
    if (node->config.sessionless_timeout_ms > 0) {
        runtime_timer_set(&node->idle_timer,
                          now_ns + (uint64_t)node->config.sessionless_timeout_ms * 1000000 / 4);
    }
    if (node->config.purge_interval_ms > 0) {
        runtime_timer_set(&node->purge_timer, now_ns);
    }
    arm_tick(node);
}

/* A server must never have log entries without a snapshot beneath them (Apache refuses such a
 * folder), so the first one is written before the first transaction. After a replay the snapshot
 * only shortens the next start and is taken in the background. */
static int start_snapshot(struct node *node, struct errmsg *message)
{
    if (node->recovery.snapshot_zxid < 0) {
        int error = snapshotter_write_now(node->snapshotter);
        if (error != 0) {
            return errmsg_set(message, error, "dataDir: cannot write a snapshot in %s: %s (%s)",
                              node->dir.snap_dir, error_text(error), runtime_error_detail());
        }
        return 0;
    }
    /* In an ensemble what was replayed may not have been agreed upon: see ensemble.c. */
    if (node->recovery.replayed > 0 && node->ensemble == NULL) {
        int error = snapshotter_begin(node->snapshotter, NULL, NULL);
        ASSERT(error == 0);
    }
    return 0;
}

int node_start(struct node *node, struct errmsg *message)
{
    const struct zk_config *config = &node->config;
    ASSERT(node->state == NODE_STOPPED);
    node->start_ns = runtime_now_ns(node->runtime);
    node->start_wall_ms = runtime_wall_ms(node->runtime);
    node->start_stage = NODE_START_DATA_DIR;
    int error = data_dir_open(&node->dir, node->runtime, config->data_dir,
                              config->data_log_dir[0] == '\0' ? NULL : config->data_log_dir,
                              config->data_dir_autocreate, false, message);
    if (error != 0) {
        return error;
    }
    if (config->is_ensemble) {
        ensemble_create(node);
    } else {
        standalone_init(&node->machine, &node->service_config);
    }
    node->machine_ready = true;
    node->start_stage = NODE_START_LOAD;
    error = recover(node, message);
    if (error == 0 && node->ensemble != NULL) {
        error = ensemble_load(node, message);
    } else if (error == 0) {
        standalone_start(&node->machine, node->start_ns / 1000000);
    }
    if (error == 0) {
        start_log(node);
        node->snapshotter = snapshotter_create(node);
        node->metrics = server_metrics_create(node);
        node->state = NODE_RUNNING;
        error = start_snapshot(node, message);
    }
    if (error == 0) {
        node->start_stage = NODE_START_PORT;
        error = client_listen_begin(node, message);
    }
    if (error == 0 && node->ensemble != NULL) {
        error = ensemble_start(node, message);
    }
    if (error != 0) {
        node->state = NODE_STOPPED;
        node_release(node);
        return error;
    }
    start_timers(node);
    return 0;
}

void node_stop(struct node *node, void (*stopped)(void *ctx), void *ctx)
{
    ASSERT(node->state == NODE_RUNNING);
    node->state = NODE_STOPPING;
    node->on_stopped = stopped;
    node->stopped_ctx = ctx;
    snapshotter_cancel(node->snapshotter);
    client_port_close(node, EXIT_LINGER_MS);
    if (node->ensemble != NULL) {
        ensemble_close(node, EXIT_LINGER_MS);
    }
    runtime_timer_set(&node->tick_timer, 0); /* a turn must come even when nothing else happens */
}

void node_detach(struct node *node)
{
    if (node->is_detached) {
        return;
    }
    node->is_detached = true;
    runtime_timer_stop(&node->tick_timer);
    runtime_timer_stop(&node->idle_timer);
    runtime_timer_stop(&node->held_timer);
    runtime_timer_stop(&node->purge_timer);
    runtime_hook_remove(&node->turn_end);
    if (node->snapshotter != NULL) {
        snapshotter_detach(node->snapshotter);
    }
    if (node->ensemble != NULL) {
        ensemble_detach(node);
    }
    client_listen_end(node);
}

void node_release(struct node *node)
{
    node_detach(node);
    client_port_release(node);
    own_listener_destroy(node->listener);
    node->listener = NULL;
    if (node->snapshotter != NULL) {
        snapshotter_destroy(node->snapshotter);
        node->snapshotter = NULL;
    }
    if (node->metrics != NULL) {
        server_metrics_destroy(node->metrics);
        node->metrics = NULL;
    }
    if (node->log.runtime != NULL) {
        log_writer_abandon(&node->log);
    }
    purge_release(node);
    if (node->ensemble != NULL) {
        ensemble_destroy(node);
    } else if (node->machine_ready) {
        standalone_release(&node->machine);
    }
    node->machine_ready = false;
    data_dir_close(&node->dir);
    u64_map_release(&node->clients_by_ip);
    zk_outbox_release(&node->outbox);
}

int node_take_snapshot(struct node *node,
                       void (*done)(void *ctx, int error, int64_t zxid),
                       void *ctx)
{
    bool is_agreed = node->peer == NULL || node->peer->is_serving;
    return is_agreed ? snapshotter_begin(node->snapshotter, done, ctx) : ERR_BUSY;
}
