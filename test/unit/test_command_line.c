/* The tools' command lines as commons-cli reads them, and numbers and dates as the JDK does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command_line.h"
#include "cli/java_format.h"

#define WORDS_MAX 12
#define WORD_MAX 64

static const struct command_option options[] = {
    {'l', "left", true, true},
    {'n', "nodes", true, false},
    {'d', "debug", false, false},
    {'y', "yes", false, false},
};

/* Parses the words of a text, split at single blanks. */
static int parse(struct command_line *line, const char *text)
{
    static char words[WORDS_MAX][WORD_MAX];
    static char *argv[WORDS_MAX + 1];
    int argc = 0;
    while (text != NULL) {
        const char *blank = strchr(text, ' ');
        size_t len = blank == NULL ? strlen(text) : (size_t)(blank - text);
        assert_true(argc < WORDS_MAX && len < WORD_MAX);
        memcpy(words[argc], text, len);
        words[argc][len] = '\0';
        argv[argc] = words[argc];
        argc++;
        text = blank == NULL ? NULL : blank + 1;
    }
    return command_line_parse(line, options, ARRAY_LEN(options), argc, argv);
}

static void expect_left(const char *text, const char *left)
{
    struct command_line line;
    assert_int_equal(parse(&line, text), 0);
    assert_true(command_line_has(&line, 'l'));
    assert_string_equal(command_line_value(&line, 'l'), left);
}

static void expect_error(const char *text, const char *error)
{
    struct command_line line;
    assert_int_equal(parse(&line, text), ERR_INVALID);
    assert_string_equal(line.error, error);
}

static void test_forms_of_a_value(void **state)
{
    (void)state;
    expect_left("tool -l a", "a");
    expect_left("tool -la", "a");
    expect_left("tool -l=a", "a");
    expect_left("tool --left a", "a");
    expect_left("tool --left=a", "a");
    expect_left("tool --lef a", "a");
    expect_left("tool -left a", "a");
    expect_left("tool -left=a", "a");
    expect_left("tool -l -5", "-5");
    expect_left("tool -l -x", "-x");
    expect_left("tool -l \"a\"", "a");
    expect_left("tool -l a -l b", "a");
    expect_left("tool -dl a", "a");
    expect_left("tool -dyla", "a");
    expect_left("tool -l - ", "-");
}

static void test_flags_and_arguments(void **state)
{
    struct command_line line;
    (void)state;
    assert_int_equal(parse(&line, "tool first -dy -l a second -- -d --left"), 0);
    assert_true(command_line_has(&line, 'd'));
    assert_true(command_line_has(&line, 'y'));
    assert_false(command_line_has(&line, 'n'));
    assert_null(command_line_value(&line, 'n'));
    assert_int_equal(line.argument_count, 4);
    assert_string_equal(line.arguments[0], "first");
    assert_string_equal(line.arguments[1], "second");
    assert_string_equal(line.arguments[2], "-d");
    assert_string_equal(line.arguments[3], "--left");
}

static void test_errors(void **state)
{
    (void)state;
    expect_error("tool", "Missing required option: l");
    expect_error("tool -l", "Missing argument for option: l");
    expect_error("tool -l -d", "Missing argument for option: l");
    expect_error("tool -n --yes -l a", "Missing argument for option: n");
    expect_error("tool -q", "Unrecognized option: -q");
    expect_error("tool -dq", "Unrecognized option: -dq");
    expect_error("tool --bogus=1", "Unrecognized option: --bogus=1");
    expect_error("tool --debug=1", "Unrecognized option: --debug=1");
    expect_error("tool -d=1", "Unrecognized option: -d=1");
}

static void test_java_numbers(void **state)
{
    int32_t small = 0;
    int64_t wide = 0;
    (void)state;
    assert_true(java_parse_int("+17", &small) && small == 17);
    assert_true(java_parse_int("-2147483648", &small) && small == INT32_MIN);
    assert_false(java_parse_int("2147483648", &small));
    assert_false(java_parse_int("0x10", &small));
    assert_false(java_parse_int("", &small));
    assert_false(java_parse_int("-", &small));
    assert_false(java_parse_int(" 1", &small));
    assert_true(java_decode_long("0x1F", &wide) && wide == 31);
    assert_true(java_decode_long("-#ff", &wide) && wide == -255);
    assert_true(java_decode_long("010", &wide) && wide == 8);
    assert_true(java_decode_long("0", &wide) && wide == 0);
    assert_true(java_decode_long("-0x8000000000000000", &wide) && wide == INT64_MIN);
    assert_false(java_decode_long("0x8000000000000000", &wide));
    assert_false(java_decode_long("08", &wide));
    assert_false(java_decode_long("0x", &wide));
    assert_false(java_decode_long("--1", &wide));
}

static void test_java_dates(void **state)
{
    char text[JAVA_DATE_TEXT_MAX];
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(java_date(-1, text), "Wed Dec 31 23:59:59 UTC 1969");
    assert_string_equal(java_short_date_long_time(INT64_C(1795206947123), text),
                        "11/20/26, 8:35:47 PM UTC");
    assert_string_equal(java_short_date_long_time(0, text), "1/1/70, 12:00:00 AM UTC");
    assert_string_equal(java_medium_date_time(INT64_C(1767323041000), text),
                        "Jan 2, 2026, 3:04:01 AM");
    assert_string_equal(java_medium_date_time(INT64_C(1767355449000), text),
                        "Jan 2, 2026, 12:04:09 PM");
    assert_string_equal(java_date(INT64_MAX, text), "Sun Aug 17 07:12:55 UTC 292278994");
    assert_non_null(java_short_date_long_time(INT64_MIN, text));
    assert_non_null(java_medium_date_time(INT64_MIN, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_a_value), cmocka_unit_test(test_flags_and_arguments),
        cmocka_unit_test(test_errors),           cmocka_unit_test(test_java_numbers),
        cmocka_unit_test(test_java_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
