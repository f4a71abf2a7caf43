/* metrics.c - the registry and its two faces.
 *
 * MODEL. Metrics stand in one list in the order of registration; members of a keyed set stand
 * together. A summary is a log-linear histogram, made when its first value comes, since most of
 * ZooKeeper's hundred summaries belong to roles that a given server does not play.
 *
 * FACES. `mntr` with Apache's default provider prints integers as integers and averages as doubles
 * rounded to four places (AvgMinMaxCounter), percentiles rounded to integers. With the Prometheus
 * provider both mntr and the exporter print every value as a double in Java's form, and know other
 * quantiles: 0.5, for the advanced ones 0.9 and 0.99 too (seen in 3.9.4, which is simpleclient
 * 0.9.0: labels end in a comma, counters get no _total, an empty quantile is NaN).
 *
 * WHAT DIFFERS. Apache's percentiles come from a sample of 4096 values, or of the last ten minutes;
 * ours from all values since the start or the last reset, with an error of 3 %.
 */
#include "runtime/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define NAME_MAX_LEN 192 /* "p999_" + key + "_" + name */

/* ---- the registry ---------------------------------------------------------------------------- */

void metrics_init(struct metrics *metrics)
{
    list_init(&metrics->all);
}

static struct metric *metric_of(struct list *link)
{
    return CONTAINER_OF(link, struct metric, link);
}

void metrics_remove(struct metrics *metrics, struct metric *metric)
{
    (void)metrics;
    list_remove(&metric->link);
    mem_free(metric->histogram, metric->histogram == NULL ? 0 : sizeof *metric->histogram);
    mem_free(metric, sizeof *metric);
}

void metrics_release(struct metrics *metrics)
{
    while (!list_is_empty(&metrics->all)) {
        metrics_remove(metrics, metric_of(metrics->all.next));
    }
}

static struct metric *metric_create(enum metric_kind kind, const char *name, const char *help)
{
    struct metric *metric = mem_alloc_zeroed(sizeof *metric);
    metric->kind = kind;
    metric->name = name;
    metric->help = help != NULL ? help : name;
    return metric;
}

static struct metric *metrics_add(struct metrics *metrics,
                                  enum metric_kind kind,
                                  const char *name,
                                  const char *help)
{
    LIST_FOR_EACH(link, &metrics->all)
    {
        /* Two owners of one name would print it twice, which Prometheus refuses to read. */
        ASSERT(strcmp(metric_of(link)->name, name) != 0);
    }
    struct metric *metric = metric_create(kind, name, help);
    list_append(&metrics->all, &metric->link);
    return metric;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help)
{
    return metrics_add(metrics, METRIC_COUNTER, name, help);
}

struct metric *metrics_gauge(struct metrics *metrics,
                             const char *name,
                             const char *help,
                             double (*gauge)(void *ctx),
                             void *ctx)
{
    struct metric *metric = metrics_add(metrics, METRIC_GAUGE, name, help);
    metric->gauge = gauge;
    metric->gauge_ctx = ctx;
    return metric;
}

struct metric *metrics_gauge_real(struct metrics *metrics,
                                  const char *name,
                                  const char *help,
                                  double (*gauge)(void *ctx),
                                  void *ctx)
{
    struct metric *metric = metrics_gauge(metrics, name, help, gauge, ctx);
    metric->is_real = true;
    return metric;
}

struct metric *metrics_summary(struct metrics *metrics,
                               const char *name,
                               const char *help,
                               bool advanced)
{
    return metrics_add(metrics, advanced ? METRIC_SUMMARY_ADVANCED : METRIC_SUMMARY, name, help);
}

/* The member with this key; a new one comes behind its sisters, so that they print as one family.
 */
static struct metric *metrics_member(struct metrics *metrics,
                                     enum metric_kind kind,
                                     const char *name,
                                     const char *help,
                                     struct slice key)
{
    char text[METRIC_KEY_MAX] = {0};
    size_t len = MIN(key.len, sizeof text - 1);
    while (len < key.len && len > 0 && (key.ptr[len] & 0xc0) == 0x80) {
        len -= 1; /* whole characters */
    }
    if (len > 0) {
        memcpy(text, key.ptr, len);
    }
    struct list *behind = &metrics->all;
    LIST_FOR_EACH(link, &metrics->all)
    {
        struct metric *known = metric_of(link);
        if (strcmp(known->name, name) != 0) {
            continue;
        }
        ASSERT(known->kind == kind && known->label_key != NULL);
        if (strcmp(known->label_value, text) == 0) {
            return known;
        }
        behind = link->next;
    }
    struct metric *metric = metric_create(kind, name, help);
    metric->label_key = "key";
    memcpy(metric->label_value, text, sizeof text);
    list_append(behind, &metric->link);
    return metric;
}

struct metric *metrics_counter_of(struct metrics *metrics,
                                  const char *name,
                                  const char *help,
                                  struct slice key)
{
    return metrics_member(metrics, METRIC_COUNTER, name, help, key);
}

struct metric *metrics_summary_of(struct metrics *metrics,
                                  const char *name,
                                  const char *help,
                                  bool advanced,
                                  struct slice key)
{
    return metrics_member(metrics, advanced ? METRIC_SUMMARY_ADVANCED : METRIC_SUMMARY, name, help,
                          key);
}

struct metric *metrics_gauge_of(struct metrics *metrics,
                                const char *name,
                                const char *help,
                                struct slice key,
                                double (*gauge)(void *ctx),
                                void *ctx)
{
    struct metric *metric = metrics_member(metrics, METRIC_GAUGE, name, help, key);
    metric->gauge = gauge;
    metric->gauge_ctx = ctx;
    return metric;
}

static bool is_summary(const struct metric *metric)
{
    return metric->kind == METRIC_SUMMARY || metric->kind == METRIC_SUMMARY_ADVANCED;
}

void metric_observe(struct metric *metric, uint64_t value)
{
    ASSERT(is_summary(metric));
    if (UNLIKELY(metric->histogram == NULL)) {
        metric->histogram = mem_alloc(sizeof *metric->histogram);
        histogram_clear(metric->histogram);
    }
    histogram_add(metric->histogram, value);
}

void metrics_reset_summaries(struct metrics *metrics)
{
    LIST_FOR_EACH(link, &metrics->all)
    {
        struct metric *metric = metric_of(link);
        if (metric->histogram != NULL) {
            histogram_clear(metric->histogram);
        }
    }
}

void metrics_reset(struct metrics *metrics)
{
    metrics_reset_summaries(metrics);
    LIST_FOR_EACH(link, &metrics->all)
    {
        metric_of(link)->counter = 0;
    }
}

/* ---- what a summary says --------------------------------------------------------------------- */

struct figures {
    uint64_t count;
    uint64_t sum;
    uint64_t min; /* 0 when empty, as Apache says */
    uint64_t max;
};

static struct figures figures_of(const struct metric *metric)
{
    const struct histogram *histogram = metric->histogram;
    if (histogram == NULL || histogram->count == 0) {
        return (struct figures){0};
    }
    return (struct figures){histogram->count, histogram->sum, histogram->min, histogram->max};
}

static double average(const struct figures *figures)
{
    if (figures->count == 0) {
        return 0;
    }
    double exact = (double)figures->sum / (double)figures->count;
    /* Four places; above this bound a double has no more than four. */
    return exact >= 1e12 ? exact : (double)(uint64_t)(exact * 10000 + 0.5) / 10000;
}

static uint64_t quantile(const struct metric *metric, uint32_t per_100000)
{
    return metric->histogram == NULL ? 0 : histogram_quantile(metric->histogram, per_100000);
}

/* ---- numbers in Java's form ------------------------------------------------------------------ */

/* digits "12345" and exponent 2 (of the first digit) -> "123.45". */
static void append_plain(struct buffer *out, const char *digits, int exponent)
{
    int count = (int)strlen(digits);
    if (exponent < 0) {
        buffer_append_cstr(out, "0.");
        for (int i = -1; i > exponent; i--) {
            buffer_append_u8(out, '0');
        }
        buffer_append_cstr(out, digits);
        return;
    }
    for (int i = 0; i <= exponent; i++) {
        buffer_append_u8(out, i < count ? (uint8_t)digits[i] : '0');
    }
    buffer_append_u8(out, '.');
    buffer_append_cstr(out, count > exponent + 1 ? digits + exponent + 1 : "0");
}

static void append_scientific(struct buffer *out, const char *digits, int exponent)
{
    buffer_append_u8(out, (uint8_t)digits[0]);
    buffer_append_u8(out, '.');
    buffer_append_cstr(out, digits[1] != '\0' ? digits + 1 : "0");
    buffer_append_u8(out, 'E');
    buffer_append_decimal(out, exponent);
}

/* The fewest digits that read back as the same number, without trailing zeros, and the exponent of
 * the first. */
static int shortest_digits(double value, char digits[32])
{
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    size_t count = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            digits[count] = *at;
            count += 1;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count -= 1;
    }
    ASSERT(count > 0);
    digits[count] = '\0';
    return (int)strtol(at + 1, NULL, 10);
}

void metric_append_real(struct buffer *out, double value)
{
    if (isnan(value)) {
        buffer_append_cstr(out, "NaN");
        return;
    }
    if (signbit(value)) {
        buffer_append_u8(out, '-');
        value = -value;
    }
    if (isinf(value)) {
        buffer_append_cstr(out, "Infinity");
        return;
    }
    if (value < 1e7 && value == (double)(uint64_t)value) {
        buffer_append_unsigned(out, (uint64_t)value);
        buffer_append_cstr(out, ".0");
        return;
    }
    char digits[32];
    int exponent = shortest_digits(value, digits);
    /* Double.toString: plain from 10^-3 to 10^7, else scientific. */
    if (value >= 1e-3 && value < 1e7) {
        append_plain(out, digits, exponent);
    } else {
        append_scientific(out, digits, exponent);
    }
}

/* ---- mntr with the default provider ---------------------------------------------------------- */

struct visit {
    void (*show)(void *ctx, const char *name, const struct metric_value *value);
    void *ctx;
};

static void visit_value(const struct visit *visit,
                        const struct metric *metric,
                        const char *prefix,
                        struct metric_value value)
{
    char name[NAME_MAX_LEN];
    bool keyed = metric->label_key != NULL;
    snprintf(name, sizeof name, "%s%s%s%s", prefix, metric->label_value, keyed ? "_" : "",
             metric->name);
    visit->show(visit->ctx, name, &value);
}

static struct metric_value integer_value(uint64_t value)
{
    return (struct metric_value){.integer = (int64_t)value};
}

static void visit_summary(const struct visit *visit, const struct metric *metric)
{
    struct figures figures = figures_of(metric);
    struct metric_value avg = {.is_real = true, .real = average(&figures)};
    visit_value(visit, metric, "avg_", avg);
    visit_value(visit, metric, "min_", integer_value(figures.min));
    visit_value(visit, metric, "max_", integer_value(figures.max));
    visit_value(visit, metric, "cnt_", integer_value(figures.count));
    visit_value(visit, metric, "sum_", integer_value(figures.sum));
    if (metric->kind == METRIC_SUMMARY_ADVANCED) {
        visit_value(visit, metric, "p50_", integer_value(quantile(metric, 50000)));
        visit_value(visit, metric, "p95_", integer_value(quantile(metric, 95000)));
        visit_value(visit, metric, "p99_", integer_value(quantile(metric, 99000)));
        visit_value(visit, metric, "p999_", integer_value(quantile(metric, 99900)));
    }
}

static void visit_metric(const struct visit *visit, const struct metric *metric)
{
    if (is_summary(metric)) {
        visit_summary(visit, metric);
    } else if (metric->kind == METRIC_COUNTER) {
        visit_value(visit, metric, "", (struct metric_value){.integer = metric->counter});
    } else {
        double value = metric->gauge(metric->gauge_ctx);
        if (!isnan(value)) {
            struct metric_value shown = {
                .is_real = metric->is_real,
                .integer = metric->is_real ? 0 : (int64_t)value,
                .real = value,
            };
            visit_value(visit, metric, "", shown);
        }
    }
}

void metrics_each(const struct metrics *metrics,
                  void (*show)(void *ctx, const char *name, const struct metric_value *value),
                  void *ctx)
{
    static const struct {
        enum metric_kind kind;
        bool keyed;
    } order[] = {
        {METRIC_GAUGE, false},   {METRIC_GAUGE, true},
        {METRIC_COUNTER, false}, {METRIC_COUNTER, true},
        {METRIC_SUMMARY, false}, {METRIC_SUMMARY_ADVANCED, false},
        {METRIC_SUMMARY, true},  {METRIC_SUMMARY_ADVANCED, true},
    };
    struct visit visit = {show, ctx};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        LIST_FOR_EACH(link, &metrics->all)
        {
            const struct metric *metric = metric_of(link);
            if (metric->kind == order[i].kind && (metric->label_key != NULL) == order[i].keyed) {
                visit_metric(&visit, metric);
            }
        }
    }
}

static void print_mntr_line(void *ctx, const char *name, const struct metric_value *value)
{
    struct buffer *out = ctx;
    buffer_append_cstr(out, "zk_");
    buffer_append_cstr(out, name);
    buffer_append_u8(out, '\t');
    if (value->is_real) {
        metric_append_real(out, value->real);
    } else {
        buffer_append_decimal(out, value->integer);
    }
    buffer_append_u8(out, '\n');
}

void metrics_print_mntr(const struct metrics *metrics, struct buffer *out)
{
    metrics_each(metrics, print_mntr_line, out);
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

/* The two ways in which the samples are written. */
struct sample_form {
    const char *before;      /* of the name */
    const char *label_comma; /* after the last label */
    char separator;          /* before the value */
    bool families;           /* HELP and TYPE lines */
};

static void append_escaped(struct buffer *out, const char *text, bool quotes)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || (quotes && *text == '"')) {
            buffer_append_u8(out, '\\');
            buffer_append_u8(out, (uint8_t)*text);
        } else if (*text == '\n') {
            buffer_append_cstr(out, "\\n");
        } else {
            buffer_append_u8(out, (uint8_t)*text);
        }
    }
}

static void print_sample(struct buffer *out,
                         const struct sample_form *form,
                         const struct metric *metric,
                         const char *suffix,
                         const char *quantile_text,
                         double value)
{
    buffer_append_cstr(out, form->before);
    buffer_append_cstr(out, metric->name);
    buffer_append_cstr(out, suffix);
    if (metric->label_key != NULL || quantile_text != NULL) {
        buffer_append_u8(out, '{');
        if (metric->label_key != NULL) {
            buffer_append_cstr(out, metric->label_key);
            buffer_append_cstr(out, "=\"");
            append_escaped(out, metric->label_value, true);
            buffer_append_cstr(out, quantile_text != NULL ? "\"," : "\"");
        }
        if (quantile_text != NULL) {
            buffer_append_cstr(out, "quantile=\"");
            buffer_append_cstr(out, quantile_text);
            buffer_append_u8(out, '"');
        }
        buffer_append_cstr(out, form->label_comma);
        buffer_append_u8(out, '}');
    }
    buffer_append_u8(out, (uint8_t)form->separator);
    if (isinf(value)) {
        buffer_append_cstr(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        metric_append_real(out, value);
    }
    buffer_append_u8(out, '\n');
}

static void print_summary(struct buffer *out,
                          const struct sample_form *form,
                          const struct metric *metric)
{
    static const struct {
        const char *text;
        uint32_t per_100000;
    } quantiles[] = {{"0.5", 50000}, {"0.9", 90000}, {"0.99", 99000}};
    size_t shown = metric->kind == METRIC_SUMMARY_ADVANCED ? ARRAY_LEN(quantiles) : 1;
    struct figures figures = figures_of(metric);
    for (size_t i = 0; i < shown; i++) {
        double value = figures.count == 0 ? (double)NAN
                                          : (double)quantile(metric, quantiles[i].per_100000);
        print_sample(out, form, metric, "", quantiles[i].text, value);
    }
    print_sample(out, form, metric, "_count", NULL, (double)figures.count);
    print_sample(out, form, metric, "_sum", NULL, (double)figures.sum);
}

static void print_family(struct buffer *out, const struct metric *metric)
{
    const char *type = is_summary(metric)               ? "summary"
                       : metric->kind == METRIC_COUNTER ? "counter"
                                                        : "gauge";
    buffer_append_cstr(out, "# HELP ");
    buffer_append_cstr(out, metric->name);
    buffer_append_u8(out, ' ');
    append_escaped(out, metric->help, false);
    buffer_append_cstr(out, "\n# TYPE ");
    buffer_append_cstr(out, metric->name);
    buffer_append_u8(out, ' ');
    buffer_append_cstr(out, type);
    buffer_append_u8(out, '\n');
}

static void print_samples(const struct metrics *metrics,
                          struct buffer *out,
                          const struct sample_form *form)
{
    const char *family = "";
    LIST_FOR_EACH(link, &metrics->all)
    {
        const struct metric *metric = metric_of(link);
        double value = metric->kind == METRIC_GAUGE ? metric->gauge(metric->gauge_ctx)
                                                    : (double)metric->counter;
        if (isnan(value)) {
            continue;
        }
        if (form->families && strcmp(family, metric->name) != 0) {
            print_family(out, metric);
            family = metric->name;
        }
        if (is_summary(metric)) {
            print_summary(out, form, metric);
        } else {
            print_sample(out, form, metric, "", NULL, value);
        }
    }
}

void metrics_print_prometheus(const struct metrics *metrics, struct buffer *out)
{
    static const struct sample_form form = {"", ",", ' ', true};
    print_samples(metrics, out, &form);
}

void metrics_print_mntr_prometheus(const struct metrics *metrics, struct buffer *out)
{
    static const struct sample_form form = {"zk_", "", '\t', false};
    print_samples(metrics, out, &form);
}
