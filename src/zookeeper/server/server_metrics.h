/* server_metrics.h - this node's figures under Apache's names: one table for mntr, the monitor
 * command and Prometheus.
 *
 * Values are read when printed, from the places where they are counted (node_stats, service_stats,
 * the tree), through the registry of runtime/metrics.h. Source: ServerMetrics,
 * ZooKeeperServer.registerMetrics, ServerStats; reference 3.6.
 */
#ifndef ZOOKEEPER_SERVER_SERVER_METRICS_H
#define ZOOKEEPER_SERVER_SERVER_METRICS_H

#include "zookeeper/server/node.h"

struct server_metrics;

/* Registers everything for this node; the node must outlive it. */
struct server_metrics *server_metrics_create(struct node *node);
void server_metrics_destroy(struct server_metrics *metrics);

/* The registry, brought up to date. */
const struct metrics *server_metrics_registry(struct server_metrics *metrics);

/* zk_version, zk_server_state, then every metric, as `mntr` prints them. */
void server_metrics_print_mntr(struct server_metrics *metrics, struct buffer *out);
void server_metrics_print_prometheus(struct server_metrics *metrics, struct buffer *out);

#endif
