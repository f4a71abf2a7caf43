/* test_kafka_metrics.c - the broker's figures: the text is Prometheus', the page lists every name,
 * and health says why it is not UP.
 *
 * With SAMSA_FIX=1 the page docs/reference/kafka_metrics.md is written anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kafka/server/broker.h"
#include "kafka/server/broker_metrics.h"
#include "runtime/uv/runtime_uv.h"

#define PAGE "docs/reference/kafka_metrics.md"

static struct runtime *runtime;
static struct broker *broker;

static int begin(void **state)
{
    static struct broker_config config;
    (void)state;
    assert_int_equal(runtime_create(NULL, &runtime), 0);
    broker = calloc(1, sizeof *broker);
    broker_config_defaults(&config);
    config.broker_id = 7;
    broker_init(broker, runtime, &config);
    return 0;
}

static int end(void **state)
{
    (void)state;
    broker_detach(broker);
    runtime_destroy(runtime);
    broker_release(broker);
    free(broker);
    assert_int_equal(mem_used(), 0);
    return 0;
}

static void print_page(struct buffer *out)
{
    buffer_append_cstr(
        out,
        "# Metrics of the Kafka broker\n\n"
        "Made from the table in `src/kafka/server/broker_metrics.c` (`unit.test_kafka_metrics` "
        "compares the two;\n`SAMSA_FIX=1` writes this page anew).\n\n"
        "`samsa.metrics.port` opens an HTTP port with `/metrics` (Prometheus) and `/health` "
        "(JSON; 503 until the\nbroker is registered and serves). Names are those that "
        "Prometheus' JMX exporter gives Apache's MBeans with\nits example rules, so that "
        "dashboards work; what Apache does not have begins with `samsa_kafka_`.\n\n"
        "| name | type | what it tells |\n|---|---|---|\n");
    for (size_t i = 0; i < broker_metrics_count(); i++) {
        struct metric_family family = broker_metrics_family(i);
        buffer_append_cstr(out, "| `");
        buffer_append_cstr(out, family.name);
        buffer_append_cstr(out, "` | ");
        buffer_append_cstr(out, family.type);
        buffer_append_cstr(out, " | ");
        buffer_append_cstr(out, family.help);
        buffer_append_cstr(out, " |\n");
    }
}

static void the_page_lists_them(void **state)
{
    struct buffer wanted;
    char path[4096];
    static char found[1 << 16];
    const char *root = getenv("SAMSA_SOURCE_DIR");
    (void)state;
    buffer_init(&wanted, SIZE_MAX);
    print_page(&wanted);
    snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, PAGE);
    if (getenv("SAMSA_FIX") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(wanted.data, 1, wanted.len, file), wanted.len);
        (void)fclose(file);
    }
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(found, 1, sizeof found, file);
    (void)fclose(file);
    assert_int_equal(len, wanted.len);
    assert_memory_equal(found, wanted.data, len);
    buffer_release(&wanted);
}

static void every_name_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < broker_metrics_count(); i++) {
        struct metric_family family = broker_metrics_family(i);
        for (const char *c = family.name; *c != '\0'; c++) {
            assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
        }
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(family.name, broker_metrics_family(k).name);
        }
    }
}

/* "name 1", "name{label="value"} 2.5": each behind its HELP and TYPE. */
static void check_line(struct slice line, const char *name)
{
    size_t len = strlen(name);
    assert_true(line.len > len + 1 && memcmp(line.ptr, name, len) == 0);
    const char *rest = (const char *)line.ptr + len;
    if (*rest == '{') {
        const char *close = memchr(rest, '}', line.len - len);
        assert_non_null(close);
        assert_int_equal(close[-1], '"');
        rest = close + 1;
    }
    assert_int_equal(*rest, ' ');
    char *after;
    (void)strtod(rest + 1, &after);
    assert_ptr_equal(after, line.ptr + line.len);
}

static void the_text_is_prometheus(void **state)
{
    struct buffer out;
    char name[128] = "";
    size_t families = 0;
    (void)state;
    broker->traffic.bytes_in = 123456789;
    buffer_init(&out, SIZE_MAX);
    broker_metrics_print(broker, &out);
    struct slice rest = buffer_slice(&out);
    while (rest.len > 0) {
        const uint8_t *newline = memchr(rest.ptr, '\n', rest.len);
        assert_non_null(newline);
        struct slice line = slice_part(rest, 0, (size_t)(newline - rest.ptr));
        rest = slice_part(rest, line.len + 1, rest.len);
        if (slice_starts_with(line, SLICE_LIT("# HELP "))) {
            families += sscanf((const char *)line.ptr, "# HELP %127s", name) == 1;
        } else if (slice_starts_with(line, SLICE_LIT("# TYPE "))) {
            continue;
        } else {
            check_line(line, name);
        }
    }
    assert_int_equal(families, broker_metrics_count());
    buffer_append_u8(&out, '\0');
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "\nkafka_server_brokertopicmetrics_bytesin_total 123456789\n"));
    assert_non_null(strstr(text, "\nkafka_server_replicamanager_partitioncount 0\n"));
    buffer_release(&out);
}

static bool says(const struct buffer *out, const char *words)
{
    return memmem(out->data, out->len, words, strlen(words)) != NULL;
}

static void health_says_why(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, SIZE_MAX);
    broker->state = BROKER_STARTING;
    assert_false(broker_health_print(broker, &out));
    assert_true(says(&out, "{\"status\":\"DOWN\",\"state\":\"STARTING\","));
    assert_true(says(&out, "not registered in ZooKeeper yet"));
    buffer_clear(&out, 0);
    broker->state = BROKER_FAILED;
    snprintf(broker->last_words, sizeof broker->last_words, "a \"quoted\" path\\with\nall");
    assert_false(broker_health_print(broker, &out));
    assert_true(says(&out, "a \\\"quoted\\\" path\\\\with\\u000aall"));
    buffer_clear(&out, 0);
    broker->state = BROKER_RUNNING;
    assert_true(broker_health_print(broker, &out));
    assert_true(says(&out, "\"status\":\"UP\""));
    broker->state = BROKER_STOPPED;
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_lists_them),
        cmocka_unit_test(every_name_once),
        cmocka_unit_test(the_text_is_prometheus),
        cmocka_unit_test(health_says_why),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
