/* The metrics registry: both faces of mntr and the Prometheus text, in the forms seen in
 * Apache 3.9. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/metrics.h"

static struct metrics metrics;
static struct buffer out;
static double gauge_value;

static double read_gauge(void *ctx)
{
    return *(double *)ctx;
}

static int begin(void **state)
{
    (void)state;
    metrics_init(&metrics);
    buffer_init(&out, 1 << 20);
    gauge_value = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    metrics_release(&metrics);
    buffer_release(&out);
    assert_int_equal(mem_used(), 0);
    return 0;
}

static const char *text(void)
{
    buffer_append_u8(&out, '\0');
    return (const char *)out.data;
}

static void test_reals_as_java_prints_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *expected;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1, "-1.0"},
        {196, "196.0"},
        {0.3333, "0.3333"},
        {12.25, "12.25"},
        {0.001, "0.001"},
        {0.0123, "0.0123"},
        {0.00099, "9.9E-4"},
        {9999999, "9999999.0"},
        {10000000, "1.0E7"},
        {12345678, "1.2345678E7"},
        {1048576, "1048576.0"},
        {1234567.891, "1234567.891"},
        {9223372036854775807.0, "9.223372036854776E18"},
        {1e-5, "1.0E-5"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buffer_clear(&out, 100);
        metric_append_real(&out, cases[i].value);
        assert_string_equal(text(), cases[i].expected);
    }
    buffer_clear(&out, 100);
    metric_append_real(&out, (double)NAN);
    metric_append_real(&out, (double)-INFINITY);
    assert_string_equal(text(), "NaN-Infinity");
}

static void register_all(void)
{
    struct metric *latency = metrics_summary(&metrics, "readlatency", "Time of reads", true);
    struct metric *packets = metrics_counter(&metrics, "packets", "Packets");
    struct metric *batch = metrics_summary(&metrics, "batch_size", NULL, false);
    metrics_summary(&metrics, "empty", NULL, true);
    metrics_gauge(&metrics, "znode_count", "Nodes", read_gauge, &gauge_value);
    metrics_gauge_real(&metrics, "avg_latency", "Average", read_gauge, &gauge_value);
    metric_add(metrics_counter_of(&metrics, "ops", "Operations", SLICE_LIT("a")), 1);
    metric_add(packets, 12345678901);
    metric_add(metrics_counter_of(&metrics, "ops", "Operations", SLICE_LIT("b\"\\\n")), 2);
    struct metric *write = metrics_summary_of(&metrics, "write", "Writes", true, SLICE_LIT("ns"));
    metric_add(metrics_counter_of(&metrics, "ops", "Operations", SLICE_LIT("a")), 10);
    metric_observe(batch, 1);
    metric_observe(batch, 1);
    metric_observe(batch, 2);
    for (uint64_t i = 1; i <= 20; i++) {
        metric_observe(latency, i);
    }
    metric_observe(write, 7);
    gauge_value = 5;
}

static void test_mntr(void **state)
{
    (void)state;
    register_all();
    metrics_print_mntr(&metrics, &out);
    assert_string_equal(text(), "zk_znode_count\t5\n"
                                "zk_avg_latency\t5.0\n"
                                "zk_packets\t12345678901\n"
                                "zk_a_ops\t11\n"
                                "zk_b\"\\\n_ops\t2\n"
                                "zk_avg_batch_size\t1.3333\n"
                                "zk_min_batch_size\t1\n"
                                "zk_max_batch_size\t2\n"
                                "zk_cnt_batch_size\t3\n"
                                "zk_sum_batch_size\t4\n"
                                "zk_avg_readlatency\t10.5\n"
                                "zk_min_readlatency\t1\n"
                                "zk_max_readlatency\t20\n"
                                "zk_cnt_readlatency\t20\n"
                                "zk_sum_readlatency\t210\n"
                                "zk_p50_readlatency\t10\n"
                                "zk_p95_readlatency\t19\n"
                                "zk_p99_readlatency\t20\n"
                                "zk_p999_readlatency\t20\n"
                                "zk_avg_empty\t0.0\n"
                                "zk_min_empty\t0\n"
                                "zk_max_empty\t0\n"
                                "zk_cnt_empty\t0\n"
                                "zk_sum_empty\t0\n"
                                "zk_p50_empty\t0\n"
                                "zk_p95_empty\t0\n"
                                "zk_p99_empty\t0\n"
                                "zk_p999_empty\t0\n"
                                "zk_avg_ns_write\t7.0\n"
                                "zk_min_ns_write\t7\n"
                                "zk_max_ns_write\t7\n"
                                "zk_cnt_ns_write\t1\n"
                                "zk_sum_ns_write\t7\n"
                                "zk_p50_ns_write\t7\n"
                                "zk_p95_ns_write\t7\n"
                                "zk_p99_ns_write\t7\n"
                                "zk_p999_ns_write\t7\n");
}

static void test_prometheus(void **state)
{
    (void)state;
    register_all();
    metrics_print_prometheus(&metrics, &out);
    assert_string_equal(text(), "# HELP readlatency Time of reads\n"
                                "# TYPE readlatency summary\n"
                                "readlatency{quantile=\"0.5\",} 10.0\n"
                                "readlatency{quantile=\"0.9\",} 18.0\n"
                                "readlatency{quantile=\"0.99\",} 20.0\n"
                                "readlatency_count 20.0\n"
                                "readlatency_sum 210.0\n"
                                "# HELP packets Packets\n"
                                "# TYPE packets counter\n"
                                "packets 1.2345678901E10\n"
                                "# HELP batch_size batch_size\n"
                                "# TYPE batch_size summary\n"
                                "batch_size{quantile=\"0.5\",} 1.0\n"
                                "batch_size_count 3.0\n"
                                "batch_size_sum 4.0\n"
                                "# HELP empty empty\n"
                                "# TYPE empty summary\n"
                                "empty{quantile=\"0.5\",} NaN\n"
                                "empty{quantile=\"0.9\",} NaN\n"
                                "empty{quantile=\"0.99\",} NaN\n"
                                "empty_count 0.0\n"
                                "empty_sum 0.0\n"
                                "# HELP znode_count Nodes\n"
                                "# TYPE znode_count gauge\n"
                                "znode_count 5.0\n"
                                "# HELP avg_latency Average\n"
                                "# TYPE avg_latency gauge\n"
                                "avg_latency 5.0\n"
                                "# HELP ops Operations\n"
                                "# TYPE ops counter\n"
                                "ops{key=\"a\",} 11.0\n"
                                "ops{key=\"b\\\"\\\\\\n\",} 2.0\n"
                                "# HELP write Writes\n"
                                "# TYPE write summary\n"
                                "write{key=\"ns\",quantile=\"0.5\",} 7.0\n"
                                "write{key=\"ns\",quantile=\"0.9\",} 7.0\n"
                                "write{key=\"ns\",quantile=\"0.99\",} 7.0\n"
                                "write_count{key=\"ns\",} 1.0\n"
                                "write_sum{key=\"ns\",} 7.0\n");
}

static void test_mntr_with_prometheus_configured(void **state)
{
    (void)state;
    metrics_summary(&metrics, "observer_sync_time", NULL, false);
    metric_add(metrics_counter(&metrics, "watch_bytes", NULL), 3);
    metrics_print_mntr_prometheus(&metrics, &out);
    assert_string_equal(text(), "zk_observer_sync_time{quantile=\"0.5\"}\tNaN\n"
                                "zk_observer_sync_time_count\t0.0\n"
                                "zk_observer_sync_time_sum\t0.0\n"
                                "zk_watch_bytes\t3.0\n");
}

static void test_absent_gauge_reset_and_remove(void **state)
{
    (void)state;
    struct metric *summary = metrics_summary(&metrics, "s", NULL, false);
    struct metric *counter = metrics_counter(&metrics, "c", NULL);
    double quota = 9;
    struct metric *limit = metrics_gauge_of(&metrics, "limit", NULL, SLICE_LIT("app"), read_gauge,
                                            &quota);
    metrics_gauge(&metrics, "learners", NULL, read_gauge, &gauge_value);
    metric_observe(summary, 100);
    metric_add(counter, 2);
    gauge_value = (double)NAN;
    metrics_reset_summaries(&metrics);
    metrics_print_mntr(&metrics, &out);
    assert_string_equal(text(), "zk_app_limit\t9\nzk_c\t2\nzk_avg_s\t0.0\nzk_min_s\t0\n"
                                "zk_max_s\t0\nzk_cnt_s\t0\nzk_sum_s\t0\n");
    metrics_remove(&metrics, limit);
    metric_observe(summary, 5);
    metrics_reset(&metrics);
    gauge_value = -1;
    buffer_clear(&out, 1000);
    metrics_print_mntr(&metrics, &out);
    assert_string_equal(text(), "zk_learners\t-1\nzk_c\t0\nzk_avg_s\t0.0\nzk_min_s\t0\n"
                                "zk_max_s\t0\nzk_cnt_s\t0\nzk_sum_s\t0\n");
}

/* Keys come from clients (the first part of a path): a long one is cut between characters. */
static void test_long_key(void **state)
{
    (void)state;
    char key[80];
    memset(key, 'k', sizeof key);
    memcpy(key + METRIC_KEY_MAX - 2, "\xc3\xbc", 2);
    struct metric *metric = metrics_counter_of(&metrics, "n", NULL, slice_of(key, sizeof key));
    assert_int_equal(strlen(metric->label_value), METRIC_KEY_MAX - 2);
    assert_ptr_equal(metrics_counter_of(&metrics, "n", NULL, slice_of(key, sizeof key)), metric);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_reals_as_java_prints_them),
        TEST(test_mntr),
        TEST(test_prometheus),
        TEST(test_mntr_with_prometheus_configured),
        TEST(test_absent_gauge_reset_and_remove),
        TEST(test_long_key),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
