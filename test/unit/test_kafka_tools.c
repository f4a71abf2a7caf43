/* What Kafka's tools read and print, without a broker: moments, durations, doubles, topic filters,
 * names of exceptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/kafka_configs.h"
#include "cli/kafka/kafka_time.h"
#include "cli/kafka/kafka_topic_filter.h"

static void test_datetime(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00.000", 0},
        {"2020-02-29T12:30:45.678Z", INT64_C(1582979445678)},
        {"2020-01-01T00:00:00.000+01:00", INT64_C(1577833200000)},
        {"2020-01-01T00:00:00.000-0130", INT64_C(1577842200000)},
        {"1969-12-31T23:59:59.999+00", -1},
    };
    static const char *const bad[] = {"",
                                      "2020",
                                      "2020-01-01",
                                      "2020-01-01T",
                                      "2020-13-01T00:00:00.000",
                                      "2021-02-29T00:00:00.000",
                                      "2020-01-01T24:00:00.000",
                                      "2020-01-01T00:00:00.000+1",
                                      "2020-01-01T00:00:00.000x",
                                      "2020-01-01T00:00:00"};
    struct errmsg message;
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(kafka_parse_datetime(slice_of_cstr(good[i].text), &ms, &message), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(kafka_parse_datetime(slice_of_cstr(bad[i]), &ms, &message), ERR_INVALID);
    }
}

static void test_duration(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"PT0S", 0},          {"P1D", 86400000},   {"P1DT2H30M1.5S", 95401500},
        {"PT-30M", -1800000}, {"-PT1H", -3600000}, {"pt1m", 60000},
    };
    static const char *const bad[] = {"",   "P",    "PT",   "xx",     "1D",
                                      "P1", "P1DT", "PT1D", "PT1S2H", "PT1S "};
    struct errmsg message;
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(kafka_parse_duration(slice_of_cstr(good[i].text), &ms, &message), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(kafka_parse_duration(slice_of_cstr(bad[i]), &ms, &message), ERR_INVALID);
    }
}

static void test_doubles(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {1, "1.0"},
        {50.5, "50.5"},
        {1024, "1024.0"},
        {9999999, "9999999.0"},
        {1e7, "1.0E7"},
        {2e7, "2.0E7"},
        {12345678, "1.2345678E7"},
        {0.001, "0.001"},
        {0.0001, "1.0E-4"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {100, "100.0"},
        {0.0125, "0.0125"},
        {1.0 / 3, "0.3333333333333333"},
    };
    char text[KAFKA_DOUBLE_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(kafka_double_text(cases[i].value, text), cases[i].text);
    }
}

static bool passes(const char *pattern, const char *topic)
{
    struct kafka_topic_filter filter;
    struct errmsg message;
    assert_int_equal(kafka_topic_filter_init(&filter, slice_of_cstr(pattern), false, &message), 0);
    bool result = kafka_topic_filter_passes(&filter, slice_of_cstr(topic));
    kafka_topic_filter_release(&filter);
    return result;
}

static void test_topic_filter(void **state)
{
    struct kafka_topic_filter filter;
    struct errmsg message;
    char longest[300];
    (void)state;
    assert_true(passes("a.c", "abc"));
    assert_false(passes("a.c", "xabc"));
    assert_false(passes("a\\.c", "abc"));
    assert_true(passes("a\\.c", "a.c"));
    assert_true(passes("x, y", "y"));
    assert_true(passes("\"t\\d+\"", "t42"));
    assert_false(passes("t[^\\d]", "t4"));
    assert_true(passes("(?:a|b).*?c", "axxc"));
    assert_int_equal(kafka_topic_filter_init(&filter, SLICE_LIT("a("), false, &message),
                     ERR_INVALID);
    assert_string_equal(message.text, "a( is an invalid regex.");
    assert_int_equal(kafka_topic_filter_init(&filter, SLICE_NULL, true, &message), 0);
    assert_false(kafka_topic_filter_passes(&filter, SLICE_LIT("__consumer_offsets")));
    assert_true(kafka_topic_filter_passes(&filter, SLICE_LIT("t")));
    memset(longest, 'a', sizeof longest);
    assert_int_equal(kafka_topic_filter_init(&filter, SLICE_LIT(".*"), false, &message), 0);
    assert_false(kafka_topic_filter_passes(&filter, slice_of(longest, sizeof longest)));
    kafka_topic_filter_release(&filter);
}

static void test_exception_names(void **state)
{
    char text[KAFKA_EXCEPTION_TEXT_MAX];
    (void)state;
    assert_string_equal(kafka_exception_name(KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, text),
                        "org.apache.kafka.common.errors.UnknownTopicOrPartitionException");
    assert_string_equal(kafka_exception_name(KAFKA_ERROR_NON_EMPTY_GROUP, text),
                        "org.apache.kafka.common.errors.GroupNotEmptyException");
    assert_string_equal(kafka_exception_name(KAFKA_ERROR_TOPIC_ALREADY_EXISTS, text),
                        "org.apache.kafka.common.errors.TopicExistsException");
}

static void test_uuid_text(void **state)
{
    const struct codec_uuid uuid = {{0x9a, 0x6d, 0xe2, 0x81, 0x93, 0xe7, 0x4f, 0x27, 0x94, 0x09,
                                     0xec, 0xb5, 0x14, 0xda, 0x81, 0xdc}};
    const struct codec_uuid zero = {{0}};
    char text[KAFKA_UUID_TEXT_MAX];
    (void)state;
    assert_string_equal(kafka_uuid_text(&uuid, text), "mm3igZPnTyeUCey1FNqB3A");
    assert_false(kafka_uuid_is_zero(&uuid));
    assert_true(kafka_uuid_is_zero(&zero));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datetime),        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_doubles),         cmocka_unit_test(test_topic_filter),
        cmocka_unit_test(test_exception_names), cmocka_unit_test(test_uuid_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
