/* broker_metrics.h - the broker's figures for Prometheus, and its health for whoever asks.
 *
 * Names are those that dashboards know: what Prometheus' JMX exporter makes of Apache's MBeans with
 * its example rules (kafka-2_0_0.yml): domain, type and name in lower case, PerSec's Count as
 * ..._total, labels as the MBean has them. What Apache does not have begins with samsa_kafka_.
 * docs/reference/kafka_metrics.md lists them; a test compares it with this table.
 *
 * Nothing is counted here: every figure is read where it is kept, when somebody asks.
 */
#ifndef KAFKA_SERVER_BROKER_METRICS_H
#define KAFKA_SERVER_BROKER_METRICS_H

#include "base/buffer.h"

struct broker;

/* One name, with all its labels. */
struct metric_family {
    const char *name;
    const char *type; /* "counter", "gauge" */
    const char *help;
};

size_t broker_metrics_count(void);
struct metric_family broker_metrics_family(size_t idx);

/* Prometheus' text format 0.0.4. */
void broker_metrics_print(struct broker *broker, struct buffer *out);

/* One JSON object: status ("UP", "DEGRADED", "DOWN"), state, broker id, and the reasons for
 * anything but UP. True: the broker serves (UP or DEGRADED). */
bool broker_health_print(struct broker *broker, struct buffer *out);

#endif
