/* test_kafka_config.c - server.properties: the format, the table of keys, what is derived, what is
 * refused and in which words; topics' keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/java_properties.h"
#include "kafka/server/broker_config.h"

#define NEEDED "zookeeper.connect=localhost:2181\n"

static struct broker_config config;
static struct errmsg message;

static int parse(const char *text)
{
    broker_config_release(&config);
    return broker_config_parse(&config, slice_of_cstr(text), "server.properties", NULL, 0,
                               &message);
}

static int parse_with(const char *text, const char *override)
{
    broker_config_release(&config);
    return broker_config_parse(&config, slice_of_cstr(text), "server.properties", &override, 1,
                               &message);
}

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        print_error("\"%s\" is not in: %s\n", part, text);
    }
    assert_non_null(strstr(text, part));
}

static void assert_refused(const char *text, const char *why)
{
    assert_int_not_equal(parse(text), 0);
    assert_contains(message.text, why);
}

/* ---- the format ------------------------------------------------------------------------------ */

static char seen[4096];

static int note(void *ctx, const struct java_property *property)
{
    size_t len = strlen(seen);
    (void)ctx;
    snprintf(seen + len, sizeof seen - len, "%d[%.*s][%.*s]", property->line,
             (int)property->key.len, (const char *)property->key.ptr, (int)property->value.len,
             (const char *)property->value.ptr);
    return 0;
}

static int read_properties(const char *text)
{
    struct arena arena;
    int bad_line;
    seen[0] = '\0';
    arena_init(&arena, 4096, 1 << 22);
    int error = java_properties_parse(slice_of_cstr(text), &arena, note, NULL, &bad_line);
    arena_release(&arena);
    return error == ERR_INVALID ? bad_line : error;
}

static void test_properties(void **state)
{
    (void)state;
    assert_int_equal(read_properties("a=1\r\n# b=2\n! c=3\n\n  d : 4 \ne 5\nf\n=g"), 0);
    assert_string_equal(seen, "1[a][1]5[d][4 ]6[e][5]7[f][]8[][g]");
    assert_int_equal(
        read_properties("a=1,\\\n   2,\\\r\n\t3\nb\\=c\\:\\ d=e\\\\\nf=\\t\\n\\q\\u0041"), 0);
    assert_string_equal(seen, "1[a][1,2,3]4[b=c: d][e\\]5[f][\t\nqA]");
    assert_int_equal(read_properties("a=\\u00e4\\u20AC\\ud83d\\ude00\\ud83d"), 0);
    assert_string_equal(seen, "1[a][\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd]");
    assert_int_equal(read_properties("a=1\nb=\\u00g0"), 2);
    assert_int_equal(read_properties("a=\\u12"), 1);
    assert_int_equal(read_properties("a\\"), 0);
    assert_string_equal(seen, "1[a][]");
}

/* ---- defaults and values --------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    broker_config_defaults(&config);
    assert_int_equal(config.broker_id, -1);
    assert_int_equal(config.num_partitions, 1);
    assert_true(config.topic.retention_ms == 604800000);
    assert_true(config.topic.segment_ms == 604800000);
    assert_true(config.topic.flush_ms == INT64_MAX);
    assert_true(config.topic.flush_before_ack);
    assert_true(config.offsets_retention_ms == INT64_C(10080) * 60000);
    assert_int_equal(config.zookeeper_connection_timeout_ms, 18000);
    assert_int_equal(config.compaction_io_bytes_per_second, INT32_MAX);
    assert_int_equal(config.listener_count, 1);
    assert_string_equal(config.listeners[0].name, "PLAINTEXT");
    assert_int_equal(config.listeners[0].port, 9092);
    assert_string_equal(config.log_dirs[0], "/tmp/kafka-logs");
    struct topic_config topic;
    topic_config_defaults(&topic);
    assert_memory_equal(&topic.retention_ms, &config.topic.retention_ms, sizeof topic.retention_ms);
}

static void test_table(void **state)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    (void)state;
    assert_true(count > 300 && count <= BROKER_KEYS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(broker_config_key(slice_of_cstr(keys[i].name)), &keys[i]);
        assert_true(keys[i].documentation[0] != '\0');
    }
    const struct config_key *topic_keys = topic_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        bool has_broker_key = topic_keys[i].synonym == NULL ||
                              broker_config_key(slice_of_cstr(topic_keys[i].synonym)) != NULL;
        assert_true(has_broker_key);
    }
}

static void test_precedence(void **state)
{
    (void)state;
    assert_int_equal(parse(NEEDED "log.retention.hours=1"), 0);
    assert_true(config.topic.retention_ms == 3600000);
    assert_int_equal(parse(NEEDED "log.retention.hours=1\nlog.retention.minutes=2"), 0);
    assert_true(config.topic.retention_ms == 120000);
    assert_int_equal(
        parse(NEEDED "log.retention.hours=1\nlog.retention.minutes=2\nlog.retention.ms=3"), 0);
    assert_true(config.topic.retention_ms == 3);
    assert_int_equal(parse(NEEDED "log.retention.hours=-1"), 0);
    assert_true(config.topic.retention_ms == -1);
    assert_int_equal(parse(NEEDED "log.roll.hours=2\nlog.roll.jitter.ms=7"), 0);
    assert_true(config.topic.segment_ms == 7200000);
    assert_true(config.topic.segment_jitter_ms == 7);
    assert_int_equal(parse(NEEDED "log.flush.scheduler.interval.ms=5"), 0);
    assert_true(config.topic.flush_ms == 5);
    assert_int_equal(parse_with(NEEDED "num.partitions=3", "num.partitions=4"), 0);
    assert_int_equal(config.num_partitions, 4);
    assert_int_equal(parse(NEEDED "num.partitions=3\nnum.partitions=5"), 0);
    assert_int_equal(config.num_partitions, 5);
}

static void test_listeners(void **state)
{
    (void)state;
    assert_int_equal(parse(NEEDED "listeners=INTERNAL://:9093,EXTERNAL://[::1]:9094\n"
                                  "listener.security.protocol.map=INTERNAL:PLAINTEXT,"
                                  "external:PLAINTEXT\n"
                                  "advertised.listeners=EXTERNAL://kafka.example:19094,"
                                  "INTERNAL://10.0.0.1:9093\n"
                                  "inter.broker.listener.name=internal"),
                     0);
    assert_int_equal(config.listener_count, 2);
    assert_string_equal(config.listeners[1].host, "::1");
    assert_string_equal(config.listeners[1].advertised_host, "kafka.example");
    assert_int_equal(config.listeners[1].advertised_port, 19094);
    assert_string_equal(config.inter_broker_listener, "INTERNAL");
    /* Kafka 2.7's keys. */
    assert_int_equal(parse(NEEDED "port=9099\nhost.name=127.0.0.1\nadvertised.port=9100"), 0);
    assert_int_equal(config.listeners[0].port, 9099);
    assert_string_equal(config.listeners[0].advertised_host, "127.0.0.1");
    assert_int_equal(config.listeners[0].advertised_port, 9100);
}

static void test_refused(void **state)
{
    (void)state;
    assert_refused("", "Missing required configuration `zookeeper.connect`");
    assert_refused(NEEDED "\nnum.partitions=abc",
                   "server.properties, line 3: Invalid value abc for configuration num.partitions: "
                   "Not a number of type INT");
    assert_refused(NEEDED "num.partitions=0", "Value must be at least 1");
    assert_refused(NEEDED "compression.type=zip", "String must be one of: uncompressed, zstd");
    assert_refused(NEEDED "auto.create.topics.enable=maybe",
                   "Expected value to be either true or false");
    assert_refused(NEEDED "listeners=SSL://:9093", "TLS and SASL are not in this version yet");
    assert_refused(NEEDED "listeners=FOO://:9093", "No security protocol defined for listener FOO");
    assert_refused(NEEDED "listeners=PLAINTEXT://:1,PLAINTEXT://:2",
                   "Each listener must have a different name");
    assert_refused(NEEDED "listeners=PLAINTEXT://0.0.0.0:9092",
                   "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0");
    assert_refused(NEEDED "listeners=nonsense", "Unable to parse nonsense to a broker endpoint");
    assert_refused(NEEDED "process.roles=broker", "KRaft is not spoken here");
    assert_refused(NEEDED "authorizer.class.name=x.Y", "ACLs are not in this version yet");
    assert_refused(NEEDED "log.dirs=/a,/b,/a/", "Duplicate log directory found: /a");
    assert_refused(NEEDED "broker.id=1001", "broker.id must be greater than or equal to -1");
    assert_refused(NEEDED "log.retention.ms=0", "log.retention.ms must be unlimited (-1)");
    assert_refused(NEEDED "inter.broker.protocol.version=9", "Version 9 is not a valid version");
    assert_int_not_equal(parse_with(NEEDED, "num.partitions"), 0);
    assert_contains(message.text, "write key=value");
}

static void test_unknown(void **state)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    (void)state;
    assert_int_equal(parse(NEEDED "num.partition=3\nmy.own=1\nmy.own=2"), 0);
    assert_int_equal(config.unknown_count, 2);
    assert_string_equal(config_nearest(keys, count, SLICE_LIT("num.partition")), "num.partitions");
    assert_null(config_nearest(keys, count, SLICE_LIT("my.own.thing")));
}

/* ---- dynamic values -------------------------------------------------------------------------- */

static void test_dynamic(void **state)
{
    static struct broker_config next;
    const struct config_entry wide[] = {{SLICE_LIT("log.retention.ms"), SLICE_LIT("1000")},
                                        {SLICE_LIT("num.partitions"), SLICE_LIT("9")}};
    const struct config_entry own[] = {{SLICE_LIT("log.retention.ms"), SLICE_LIT("2000")},
                                       {SLICE_LIT("message.max.bytes"), SLICE_LIT("nonsense")}};
    char text[64];
    (void)state;
    assert_int_equal(parse(NEEDED "log.retention.hours=1"), 0);
    broker_config_apply(&next, &config, wide, ARRAY_LEN(wide), NULL, 0);
    assert_true(next.topic.retention_ms == 1000);
    assert_int_equal(next.num_partitions, 1); /* read-only */
    broker_config_apply(&next, &config, wide, ARRAY_LEN(wide), own, ARRAY_LEN(own));
    assert_true(next.topic.retention_ms == 2000);
    assert_int_equal(next.topic.max_message_bytes, 1048588);
    struct slice shown = broker_config_text(&next, "log.retention.ms", text, sizeof text);
    assert_true(slice_equal_cstr(shown, "2000"));
    assert_true(slice_is_null(broker_config_text(&next, "log.retention.minutes", text, 64)));
    assert_int_not_equal(broker_config_check_dynamic(&config, SLICE_LIT("num.partitions"),
                                                     SLICE_LIT("2"), true, &message),
                         0);
    assert_string_equal(message.text,
                        "Cannot update these configs dynamically: Set(num.partitions)");
    broker_config_apply(&next, &config, NULL, 0, NULL, 0);
    assert_true(next.topic.retention_ms == 3600000);
}

/* ---- topics ---------------------------------------------------------------------------------- */

static int set(struct topic_config *topic, const char *name, const char *value)
{
    return topic_config_set(topic, slice_of_cstr(name), slice_of_cstr(value), &message);
}

static void test_topics(void **state)
{
    struct topic_config topic;
    char text[64];
    (void)state;
    topic_config_defaults(&topic);
    assert_int_equal(set(&topic, "cleanup.policy", "compact, delete"), 0);
    assert_int_equal(topic.cleanup_policy, CLEANUP_COMPACT | CLEANUP_DELETE);
    assert_int_equal(set(&topic, "compression.type", "zstd"), 0);
    assert_int_equal(topic.compression_type, 4);
    assert_int_equal(set(&topic, "message.timestamp.type", "LogAppendTime"), 0);
    assert_true(topic.log_append_time);
    assert_int_equal(set(&topic, "min.cleanable.dirty.ratio", " 0.25 "), 0);
    struct slice shown = topic_config_text(
        &topic, topic_config_key(SLICE_LIT("min.cleanable.dirty.ratio")), text, sizeof text);
    assert_true(slice_equal_cstr(shown, "0.25"));
    assert_int_not_equal(set(&topic, "retention.ms", "abc"), 0);
    assert_string_equal(message.text, "Invalid value abc for configuration retention.ms: Not a "
                                      "number of type LONG");
    assert_int_not_equal(set(&topic, "retention.ms", "-2"), 0);
    assert_contains(message.text, "Value must be at least -1");
    assert_int_not_equal(set(&topic, "min.cleanable.dirty.ratio", "2"), 0);
    assert_contains(message.text, "Invalid value 2.0 for configuration");
    assert_int_not_equal(set(&topic, "no.such.key", "1"), 0);
    assert_string_equal(message.text, "Unknown topic config name: no.such.key");
    assert_int_not_equal(set(&topic, "leader.replication.throttled.replicas", "a"), 0);
    assert_int_equal(set(&topic, "leader.replication.throttled.replicas", "0:1,1:2"), 0);
    assert_int_equal(set(&topic, "min.compaction.lag.ms", "10"), 0);
    assert_int_equal(set(&topic, "max.compaction.lag.ms", "5"), 0);
    assert_int_not_equal(topic_config_check(&topic, &message), 0);
    assert_int_equal(set(&topic, "message.timestamp.difference.max.ms", "77"), 0);
    topic_config_settle(&topic);
    assert_true(topic.message_timestamp_before_max_ms == 77);
}

static int release(void **state)
{
    (void)state;
    broker_config_release(&config);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_table),      cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_listeners),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown),    cmocka_unit_test(test_dynamic),
        cmocka_unit_test(test_topics),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
