/* metrics.h - the registry: counters, gauges and summaries under Apache's names, printed for
 * Prometheus and mntr.
 *
 * A metric is registered once with a static descriptor and updated by its owner through a plain
 * pointer; there is no lookup on the hot path. One registry per node, so that simulated servers do
 * not share figures. A keyed set ("write_per_namespace") is one metric per key, made on first use
 * by metrics_*_of. Text format: Prometheus exposition 0.0.4, as Apache's
 * PrometheusMetricsProvider 3.9 writes it. Ownership: names and help texts are static strings; a
 * metric lives until metrics_remove or metrics_release.
 */
#ifndef RUNTIME_METRICS_H
#define RUNTIME_METRICS_H

#include "base/buffer.h"
#include "base/histogram.h"
#include "base/list.h"

#define METRIC_KEY_MAX 64 /* with the NUL; a longer key is cut */

enum metric_kind {
    METRIC_COUNTER,          /* only grows */
    METRIC_GAUGE,            /* read through a function when printed */
    METRIC_SUMMARY,          /* mntr: avg, min, max, cnt, sum. Prometheus: quantile 0.5 */
    METRIC_SUMMARY_ADVANCED, /* mntr: also p50, p95, p99, p999. Prometheus: also 0.9, 0.99 */
};

struct metric {
    struct list link;
    enum metric_kind kind;
    const char *name; /* Apache's, without zk_ : "avg_latency" */
    const char *help;
    const char *label_key; /* NULL, or "key" for a member of a keyed set */
    char label_value[METRIC_KEY_MAX];
    bool is_real; /* gauges: the value is a floating point number in Apache (mntr prints "0.0") */
    int64_t counter;
    double (*gauge)(void *ctx);
    void *gauge_ctx;
    /* summaries only: NULL before the first value; owned by the registry */
    struct histogram *histogram;
};

struct metrics {
    struct list all; /* in the order of registration */
};

void metrics_init(struct metrics *metrics);
void metrics_release(struct metrics *metrics);
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help);

/* A gauge whose function returns NaN has no value now and is left out, as Apache leaves out a null.
 */
struct metric *metrics_gauge(struct metrics *metrics,
                             const char *name,
                             const char *help,
                             double (*gauge)(void *ctx),
                             void *ctx);
struct metric *metrics_summary(struct metrics *metrics,
                               const char *name,
                               const char *help,
                               bool advanced);

/* As metrics_gauge, for what is a double in Apache: avg_latency, connection_drop_probability. */
struct metric *metrics_gauge_real(struct metrics *metrics,
                                  const char *name,
                                  const char *help,
                                  double (*gauge)(void *ctx),
                                  void *ctx);

/* The member of a keyed set: found, or made. Prometheus shows the key as a label, mntr puts it
 * before the name. */
struct metric *metrics_counter_of(struct metrics *metrics,
                                  const char *name,
                                  const char *help,
                                  struct slice key);
struct metric *metrics_summary_of(struct metrics *metrics,
                                  const char *name,
                                  const char *help,
                                  bool advanced,
                                  struct slice key);
struct metric *metrics_gauge_of(struct metrics *metrics,
                                const char *name,
                                const char *help,
                                struct slice key,
                                double (*gauge)(void *ctx),
                                void *ctx);
void metrics_remove(struct metrics *metrics, struct metric *metric);

static inline void metric_add(struct metric *metric, int64_t delta)
{
    metric->counter += delta;
}

void metric_observe(struct metric *metric, uint64_t value);
void metrics_reset_summaries(struct metrics *metrics);

/* Counters and summaries, as Apache's `srst` does. */
void metrics_reset(struct metrics *metrics);

struct metric_value {
    bool is_real;
    int64_t integer;
    double real;
};

/* Every value that mntr shows, in Apache's order and without "zk_": gauges, counters, summaries,
 * each followed by its keyed sets. `name` is borrowed for the call. */
void metrics_each(const struct metrics *metrics,
                  void (*show)(void *ctx, const char *name, const struct metric_value *value),
                  void *ctx);

/* As Java's Double.toString: "0.0", "12.25", "1.0E7", "NaN", "Infinity". */
void metric_append_real(struct buffer *out, double value);

/* Prometheus text of everything. */
void metrics_print_prometheus(const struct metrics *metrics, struct buffer *out);

/* "zk_name\tvalue\n" lines as `mntr` prints them with the default provider, and with Prometheus
 * configured (zk_name{quantile="0.5"}\t...). */
void metrics_print_mntr(const struct metrics *metrics, struct buffer *out);
void metrics_print_mntr_prometheus(const struct metrics *metrics, struct buffer *out);

#endif
