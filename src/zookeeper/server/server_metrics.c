/* server_metrics.c - see server_metrics.h.
 *
 * Nothing is counted here. Gauges read through functions; counters and summaries are copied from
 * where they are counted just before printing, so that the hot path touches plain integers. Metrics
 * of parts that this server does not have (queues between threads, TLS handshakes) are registered
 * as well, since dashboards name them: nothing ever counts them, so they are 0, as they are on
 * Apache's standalone server.
 */
#include "zookeeper/server/server_metrics.h"

#include <math.h>

#include "base/memory.h"
#include "zookeeper/core/quorum.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/status.h"

#define COUNTERS_MAX 96
#define SUMMARIES_MAX 96

struct copied_counter {
    struct metric *metric;
    const uint64_t *source;
};

struct copied_summary {
    struct metric *metric;
    const struct histogram *source;
    uint64_t divisor; /* of the source's unit: microseconds kept, milliseconds shown */
};

struct server_metrics {
    struct node *node;
    struct metrics registry;
    struct copied_counter counters[COUNTERS_MAX];
    size_t counter_count;
    struct copied_summary summaries[SUMMARIES_MAX];
    size_t summary_count;
};

/* Else there are none, and nobody has to look at all of them. */
static bool sessions_may_be_local(const struct node *node)
{
    return node->config.local_sessions_enabled || service_is_read_only(node->service);
}

/* ---- gauges ---------------------------------------------------------------------------------- */

#define GAUGE(name, expression)           \
    static double gauge_##name(void *ctx) \
    {                                     \
        struct node *node = ctx;          \
        return (double)(expression);      \
    }

GAUGE(znode_count, node->service->tree.node_count)
GAUGE(approximate_data_size, node->service->tree.approximate_data_size)
GAUGE(ephemerals_count, node->service->tree.ephemerals_count)
GAUGE(global_sessions, node->service->tree.sessions.count)
GAUGE(local_sessions,
      sessions_may_be_local(node) ? session_table_count_local(&node->service->sessions) : 0)
GAUGE(watch_count,
      node->service->data_watches.watch_count + node->service->child_watches.watch_count)
GAUGE(num_alive_connections, node->client_count)
GAUGE(outstanding_requests, node->service->outstanding)
GAUGE(min_latency,
      node->service->stats.latency_count == 0 ? 0 : node->service->stats.latency_min_ms)
GAUGE(max_latency, node->service->stats.latency_max_ms)
GAUGE(packets_received, node->service->stats.packets_received)
GAUGE(packets_sent, node->service->stats.packets_sent)
GAUGE(last_client_response_size, node->service->stats.last_response_bytes)
GAUGE(max_client_response_size, node->service->stats.max_response_bytes)
GAUGE(min_client_response_size, node->service->stats.min_response_bytes)
GAUGE(auth_failed_count, node->service->stats.auth_failed)
GAUGE(uptime, (runtime_now_ns(node->runtime) - node->start_ns) / 1000000)

static double gauge_avg_latency(void *ctx)
{
    const struct service_stats *stats = &((struct node *)ctx)->service->stats;
    return status_average(stats->latency_sum_ms, stats->latency_count);
}

/* What learners a leader has. */
struct learner_counts {
    uint64_t learners; /* connected */
    uint64_t synced_followers;
    uint64_t synced_non_voting_followers;
    uint64_t synced_observers;
};

static void count_learner(void *ctx, const struct peer_learner_info *info)
{
    struct learner_counts *counts = ctx;
    counts->learners += 1;
    if (info->is_synced && info->is_observer) {
        counts->synced_observers += 1;
    } else if (info->is_synced) {
        counts->synced_followers += 1;
        counts->synced_non_voting_followers += info->is_voter ? 0 : 1;
    }
}

static struct learner_counts learners_of(const struct node *node)
{
    struct learner_counts counts = {0};
    peer_each_learner(node->peer, count_learner, &counts);
    return counts;
}

GAUGE(quorum_size, quorum_config_voter_count(ensemble_config(node)))

/* Only a leader that serves has these; a value that is none is left out. (LeaderZooKeeperServer,
 * registerMetrics) */
#define LEADER_GAUGE(name, expression)                                            \
    static double gauge_##name(void *ctx)                                         \
    {                                                                             \
        struct node *node = ctx;                                                  \
        bool leads = node->peer->state == PEER_LEADING && node->peer->is_serving; \
        return leads ? (double)(expression) : (double)NAN;                        \
    }

LEADER_GAUGE(learners, learners_of(node).learners)
LEADER_GAUGE(synced_followers, learners_of(node).synced_followers)
LEADER_GAUGE(synced_non_voting_followers, learners_of(node).synced_non_voting_followers)

/* A follower has this one, too: of observers at its own port for them, which there is none of. */
static double gauge_synced_observers(void *ctx)
{
    const struct node *node = ctx;
    if (!node->peer->is_serving || node->peer->state == PEER_OBSERVING) {
        return (double)NAN;
    }
    return node->peer->state == PEER_LEADING ? (double)learners_of(node).synced_observers : 0;
}

LEADER_GAUGE(pending_syncs, peer_pending_syncs(node->peer))
LEADER_GAUGE(leader_uptime, runtime_now_ns(node->runtime) / 1000000 - node->peer->state_since_ms)
LEADER_GAUGE(last_proposal_size, peer_stats_of(node->peer)->last_proposal_bytes)
LEADER_GAUGE(min_proposal_size, peer_stats_of(node->peer)->min_proposal_bytes)
LEADER_GAUGE(max_proposal_size, peer_stats_of(node->peer)->max_proposal_bytes)

/* Whom an observer follows. (ObserverZooKeeperServer) */
static double gauge_observer_master_id(void *ctx)
{
    const struct peer *peer = ((struct node *)ctx)->peer;
    bool observes = peer->state == PEER_OBSERVING && peer->is_serving;
    return observes ? (double)peer->election.vote.leader : (double)NAN;
}

static double gauge_zero(void *ctx)
{
    (void)ctx;
    return 0;
}

/* -1, as Apache says, when the system does not tell. */
static double gauge_open_files(void *ctx)
{
    const struct node *node = ctx;
    struct runtime_machine machine;
    runtime_machine(node->runtime, &machine);
    return (double)machine.open_files;
}

static double gauge_max_files(void *ctx)
{
    const struct node *node = ctx;
    struct runtime_machine machine;
    runtime_machine(node->runtime, &machine);
    return (double)machine.open_files_max;
}

static const struct {
    const char *name;
    const char *help;
    double (*read)(void *ctx);
} gauges[] = {
    {"min_latency", "shortest request in ms", gauge_min_latency},
    {"max_latency", "longest request in ms", gauge_max_latency},
    {"packets_received", "requests taken", gauge_packets_received},
    {"packets_sent", "replies and events sent", gauge_packets_sent},
    {"num_alive_connections", "client connections", gauge_num_alive_connections},
    {"outstanding_requests", "requests taken and not yet answered", gauge_outstanding_requests},
    {"uptime", "ms since the start", gauge_uptime},
    {"znode_count", "nodes", gauge_znode_count},
    {"watch_count", "watches", gauge_watch_count},
    {"ephemerals_count", "ephemeral nodes", gauge_ephemerals_count},
    {"approximate_data_size", "bytes of paths and data", gauge_approximate_data_size},
    {"global_sessions", "sessions", gauge_global_sessions},
    {"local_sessions", "sessions known to one server only", gauge_local_sessions},
    {"auth_failed_count", "failed authentications", gauge_auth_failed_count},
    {"open_file_descriptor_count", "descriptors in use", gauge_open_files},
    {"max_file_descriptor_count", "descriptors that may be used", gauge_max_files},
    {"last_client_response_size", "bytes of the newest reply", gauge_last_client_response_size},
    {"max_client_response_size", "bytes of the largest reply", gauge_max_client_response_size},
    {"min_client_response_size", "bytes of the smallest reply", gauge_min_client_response_size},
    {"outstanding_tls_handshake", "TLS handshakes under way", gauge_zero},
    {"non_mtls_remote_conn_count", "remote connections without mutual TLS", gauge_zero},
    {"non_mtls_local_conn_count", "local connections without mutual TLS", gauge_zero},
};

static const struct {
    const char *name;
    const char *help;
    double (*read)(void *ctx);
} ensemble_gauges[] = {
    {"learners", "learners connected to this leader", gauge_learners},
    {"synced_followers", "followers that are up to date", gauge_synced_followers},
    {"synced_non_voting_followers", "followers that have no vote yet",
     gauge_synced_non_voting_followers},
    {"synced_observers", "observers that are up to date", gauge_synced_observers},
    {"pending_syncs", "syncs that wait for a quorum", gauge_pending_syncs},
    {"observer_master_id", "whom this observer follows", gauge_observer_master_id},
    {"quorum_size", "servers with a vote", gauge_quorum_size},
    {"leader_uptime", "ms since this server leads", gauge_leader_uptime},
    {"last_proposal_size", "bytes of the newest proposal", gauge_last_proposal_size},
    {"min_proposal_size", "bytes of the smallest proposal", gauge_min_proposal_size},
    {"max_proposal_size", "bytes of the largest proposal", gauge_max_proposal_size},
};

/* ---- counters and summaries ------------------------------------------------------------------ */

/* Where a figure is kept; the places are found when the metrics are made. */
enum figure_owner {
    OF_NOBODY,
    OF_NODE,
    OF_SERVICE,
    OF_PEER, /* of a server in an ensemble */
};

#define NODE(field) OF_NODE, offsetof(struct node, field)
#define SERVICE(field) OF_SERVICE, offsetof(struct service_stats, field)
#define PEER(field) OF_PEER, offsetof(struct peer_stats, field)
#define NOT_COUNTED OF_NOBODY, 0 /* no part of this server can cause it */

static const struct {
    const char *name;
    enum figure_owner owner;
    size_t offset;
} counters[] = {
    {"bytes_received_count", NODE(stats.bytes_received)},
    {"response_bytes", NODE(stats.bytes_sent)},
    {"connection_request_count", SERVICE(connection_requests)},
    {"connection_revalidate_count", SERVICE(connections_revalidated)},
    {"connection_rejected", NODE(stats.connections_rejected)},
    {"sessionless_connections_expired", NODE(stats.sessionless_expired)},
    {"stale_sessions_expired", SERVICE(stale_sessions_expired)},
    {"large_requests_rejected", NODE(stats.large_requests_rejected)},
    {"watch_bytes", NODE(stats.watch_bytes)},
    {"sync_processor_request_queued", SERVICE(commits)},
    {"commit_count", PEER(commits)},
    {"snap_count", PEER(snapshots_sent)},
    {"snapshot_error_count", NODE(stats.snapshot_errors)},
    {"restore_error_count", NODE(stats.restore_errors)},
    {"digest_mismatches_count", SERVICE(digest_mismatches)},
    {"unrecoverable_error_count", NOT_COUNTED},
    {"snapshot_rate_limited_count", NODE(stats.snapshot_rate_limited)},
    {"restore_rate_limited_count", NODE(stats.restore_rate_limited)},
    {"looking_count", PEER(looking_count)},
    {"diff_count", PEER(diffs_sent)},
    {"proposal_count", PEER(proposals)},
    {"revalidate_count", PEER(revalidations)},
    {"connection_drop_count", NOT_COUNTED},
    {"request_commit_queued", NOT_COUNTED},
    {"learner_proposal_received_count", PEER(learner_proposals_received)},
    {"learner_commit_received_count", PEER(learner_commits_received)},
    {"quit_leading_due_to_disloyal_voter", PEER(disloyal_voter_quits)},
    {"throttled_ops", NOT_COUNTED},
    {"stale_requests", NOT_COUNTED},
    {"stale_requests_dropped", NOT_COUNTED},
    {"stale_replies", NOT_COUNTED},
    {"request_throttle_wait_count", NOT_COUNTED},
    {"ensemble_auth_success", NOT_COUNTED},
    {"ensemble_auth_fail", NOT_COUNTED},
    {"ensemble_auth_skip", NOT_COUNTED},
    {"unsuccessful_handshake", NOT_COUNTED},
    {"insecure_admin_count", NOT_COUNTED},
    {"tls_handshake_exceeded", NOT_COUNTED},
    {"cnxn_closed_without_zk_server_running", NOT_COUNTED},
    {"skip_learner_request_to_next_processor_count", NOT_COUNTED},
    {"response_packet_cache_hits", NOT_COUNTED},
    {"response_packet_cache_misses", NOT_COUNTED},
    {"response_packet_get_children_cache_hits", NOT_COUNTED},
    {"response_packet_get_children_cache_misses", NOT_COUNTED},
    {"prep_processor_request_queued", NOT_COUNTED},
    {"requests_not_forwarded_to_commit_processor", NOT_COUNTED},
    {"add_dead_watcher_stall_time", NOT_COUNTED},
    {"dead_watchers_queued", NOT_COUNTED},
    {"dead_watchers_cleared", NOT_COUNTED},
};

static const struct {
    const char *name;
    enum figure_owner owner;
    size_t offset;
    uint64_t divisor;
    bool is_advanced;
} summaries[] = {
    {"fsynctime", NODE(stats.fsync_us), 1000, false},
    {"snapshottime", NODE(stats.snapshot_ms), 1, false},
    {"dbinittime", NODE(stats.db_init), 1, false},
    {"restore_time", NODE(stats.restore_ms), 1, false},
    {"readlatency", SERVICE(read_latency_us), 1000, true},
    {"updatelatency", SERVICE(update_latency_us), 1000, true},
    {"sync_processor_batch_size", NODE(stats.sync_batch_size), 1, false},
    {"sync_processor_queue_size", NODE(stats.sync_batch_size), 1, false},
    {"sync_process_time", NODE(stats.fsync_us), 1000, false},
    {"sync_processor_queue_flush_time_ms", NODE(stats.fsync_us), 1000, true},
    {"sync_processor_queue_and_flush_time_ms", SERVICE(update_latency_us), 1000, true},
    {"startup_snap_load_time", NODE(stats.snapshot_load_ms), 1, false},
    {"startup_txns_load_time", NODE(stats.txns_load_ms), 1, false},
    {"startup_txns_loaded", NODE(stats.txns_loaded), 1, false},
    {"node_created_watch_count", SERVICE(node_created_watches), 1, false},
    {"node_deleted_watch_count", SERVICE(node_deleted_watches), 1, false},
    {"node_changed_watch_count", SERVICE(node_changed_watches), 1, false},
    {"node_children_watch_count", SERVICE(node_children_watches), 1, false},
    /* Ensembles: leaders, followers, observers and what passes between them. */
    {"commit_process_time", NOT_COUNTED, 1, false},
    {"election_time", PEER(election_time), 1, false},
    {"follower_sync_time", PEER(follower_sync_time), 1, false},
    {"inflight_diff_count", PEER(inflight_diff_count), 1, false},
    {"inflight_snap_count", PEER(inflight_snap_count), 1, false},
    {"leader_unavailable_time", PEER(leader_unavailable_time), 1, false},
    {"learner_request_processor_queue_size", NOT_COUNTED, 1, false},
    {"observer_sync_time", PEER(observer_sync_time), 1, false},
    {"proposal_process_time", NOT_COUNTED, 1, false},
    {"socket_closing_time", NOT_COUNTED, 1, false},
    {"unavailable_time", PEER(unavailable_time), 1, false},
    {"commit_propagation_latency", PEER(commit_propagation_latency), 1, true},
    {"om_commit_process_time_ms", NOT_COUNTED, 1, true},
    {"om_proposal_process_time_ms", NOT_COUNTED, 1, true},
    {"propagation_latency", PEER(propagation_latency), 1, true},
    {"proposal_ack_creation_latency", NOT_COUNTED, 1, true},
    {"proposal_latency", PEER(proposal_latency), 1, true},
    {"quorum_ack_latency", PEER(quorum_ack_latency), 1, true},
    /* The commit processor, which a server alone does not run (Apache's neither). */
    {"commit_commit_proc_req_queued", NOT_COUNTED, 1, false},
    {"concurrent_request_processing_in_commit_processor", NOT_COUNTED, 1, false},
    {"pending_session_queue_size", NOT_COUNTED, 1, false},
    {"read_commit_proc_issued", NOT_COUNTED, 1, false},
    {"read_commit_proc_req_queued", NOT_COUNTED, 1, false},
    {"reads_after_write_in_session_queue", NOT_COUNTED, 1, false},
    {"reads_issued_from_session_queue", NOT_COUNTED, 1, false},
    {"requests_in_session_queue", NOT_COUNTED, 1, false},
    {"session_queues_drained", NOT_COUNTED, 1, false},
    {"time_waiting_empty_pool_in_commit_processor_read_ms", NOT_COUNTED, 1, false},
    {"write_batch_time_in_commit_processor", NOT_COUNTED, 1, false},
    {"write_commit_proc_issued", NOT_COUNTED, 1, false},
    {"write_commit_proc_req_queued", NOT_COUNTED, 1, false},
    {"local_write_committed_time_ms", NOT_COUNTED, 1, true},
    {"read_commitproc_time_ms", NOT_COUNTED, 1, true},
    {"read_final_proc_time_ms", NOT_COUNTED, 1, true},
    {"server_write_committed_time_ms", NOT_COUNTED, 1, true},
    {"write_commitproc_time_ms", NOT_COUNTED, 1, true},
    {"write_final_proc_time_ms", NOT_COUNTED, 1, true},
    /* Queues and threads that there are none of here: a request is prepared where it is read. */
    {"close_session_prep_time", NOT_COUNTED, 1, true},
    {"connection_token_deficit", NOT_COUNTED, 1, false},
    {"dead_watchers_cleaner_latency", NOT_COUNTED, 1, true},
    {"jvm_pause_time_ms", NOT_COUNTED, 1, true},
    {"netty_queued_buffer_capacity", NOT_COUNTED, 1, false},
    {"prep_process_time", NOT_COUNTED, 1, false},
    {"prep_processor_queue_size", NOT_COUNTED, 1, false},
    {"prep_processor_queue_time_ms", NOT_COUNTED, 1, true},
    {"request_throttle_queue_time_ms", NOT_COUNTED, 1, true},
    {"sync_processor_queue_time_ms", NOT_COUNTED, 1, true},
};

static uint64_t no_count;
static const struct histogram no_values;

_Static_assert(ARRAY_LEN(counters) <= COUNTERS_MAX, "every counter has its place");
_Static_assert(ARRAY_LEN(summaries) <= SUMMARIES_MAX, "every summary has its place");

/* NULL when nobody counts it here. */
static const void *figure_at(const struct node *node, enum figure_owner owner, size_t offset)
{
    switch (owner) {
    case OF_NODE:
        return (const char *)node + offset;
    case OF_SERVICE:
        return (const char *)&node->service->stats + offset;
    case OF_PEER:
        return node->peer == NULL ? NULL : (const char *)peer_stats_of(node->peer) + offset;
    case OF_NOBODY:
        break;
    }
    return NULL;
}

static void register_all(struct server_metrics *metrics)
{
    struct node *node = metrics->node;
    struct metrics *registry = &metrics->registry;
    metrics_gauge_real(registry, "avg_latency", "mean latency of requests in ms", gauge_avg_latency,
                       node);
    metrics_gauge_real(registry, "connection_drop_probability",
                       "share of connections dropped by throttling", gauge_zero, node);
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++) {
        metrics_gauge(registry, gauges[i].name, gauges[i].help, gauges[i].read, node);
    }
    for (size_t i = 0; node->peer != NULL && i < ARRAY_LEN(ensemble_gauges); i++) {
        metrics_gauge(registry, ensemble_gauges[i].name, ensemble_gauges[i].help,
                      ensemble_gauges[i].read, node);
    }
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        const uint64_t *source = figure_at(node, counters[i].owner, counters[i].offset);
        metrics->counters[metrics->counter_count++] = (struct copied_counter){
            .metric = metrics_counter(registry, counters[i].name, NULL),
            .source = source != NULL ? source : &no_count,
        };
    }
    for (size_t i = 0; i < ARRAY_LEN(summaries); i++) {
        const struct histogram *source = figure_at(node, summaries[i].owner, summaries[i].offset);
        metrics->summaries[metrics->summary_count++] = (struct copied_summary){
            .metric = metrics_summary(registry, summaries[i].name, NULL, summaries[i].is_advanced),
            .source = source != NULL ? source : &no_values,
            .divisor = summaries[i].divisor,
        };
    }
}

struct server_metrics *server_metrics_create(struct node *node)
{
    struct server_metrics *metrics = mem_alloc_zeroed(sizeof *metrics);
    metrics->node = node;
    metrics_init(&metrics->registry);
    register_all(metrics);
    return metrics;
}

void server_metrics_destroy(struct server_metrics *metrics)
{
    metrics_release(&metrics->registry);
    mem_free(metrics, sizeof *metrics);
}

/* ---- printing -------------------------------------------------------------------------------- */

/* The same counts in a coarser unit. */
static void copy_histogram(struct metric *metric, const struct histogram *source, uint64_t divisor)
{
    if (source->count == 0) {
        return;
    }
    if (metric->histogram == NULL) {
        metric->histogram = mem_alloc_zeroed(sizeof *metric->histogram);
    }
    if (divisor == 1) {
        *metric->histogram = *source;
        return;
    }
    histogram_clear(metric->histogram);
    histogram_add_scaled(metric->histogram, source, divisor);
}

static void refresh(struct server_metrics *metrics)
{
    for (size_t i = 0; i < metrics->counter_count; i++) {
        metrics->counters[i].metric->counter = (int64_t)*metrics->counters[i].source;
    }
    for (size_t i = 0; i < metrics->summary_count; i++) {
        const struct copied_summary *summary = &metrics->summaries[i];
        copy_histogram(summary->metric, summary->source, summary->divisor);
    }
}

const struct metrics *server_metrics_registry(struct server_metrics *metrics)
{
    refresh(metrics);
    return &metrics->registry;
}

void server_metrics_print_mntr(struct server_metrics *metrics, struct buffer *out)
{
    buffer_append_cstr(out, "zk_version\t");
    status_put_version(out);
    buffer_append_cstr(out, "\nzk_server_state\t");
    buffer_append_cstr(out, status_mode(metrics->node));
    buffer_append_u8(out, '\n');
    if (metrics->node->peer != NULL) {
        buffer_append_cstr(out, "zk_peer_state\t");
        status_put_peer_state(metrics->node, out);
        buffer_append_u8(out, '\n');
    }
    /* As with Apache's, the words' form follows the provider that is configured. */
    if (metrics->node->config.prometheus_enabled) {
        metrics_print_mntr_prometheus(server_metrics_registry(metrics), out);
    } else {
        metrics_print_mntr(server_metrics_registry(metrics), out);
    }
}

void server_metrics_print_prometheus(struct server_metrics *metrics, struct buffer *out)
{
    metrics_print_prometheus(server_metrics_registry(metrics), out);
}
