/* test_kafka_options.c - the command line of Kafka's tools, as joptsimple reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/kafka/kafka_options.h"

static const struct kafka_option table[] = {
    {.name = "bootstrap-server", .argument = KAFKA_OPTION_VALUE, .description = "d"},
    {.name = "topic", .argument = KAFKA_OPTION_VALUE, .description = "d"},
    {.name = "state", .argument = KAFKA_OPTION_OPTIONAL, .description = "d"},
    {.name = "list", .description = "d"},
    {.name = "partitions", .argument = KAFKA_OPTION_VALUE, .type = "Integer", .description = "d"},
    {.name = "timeout",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .default_value = "5000",
     .description = "d"},
    {.name = "add", .argument = KAFKA_OPTION_VALUE, .separator = ',', .description = "d"},
    {.name = "v", .description = "d"},
    {.name = "n", .argument = KAFKA_OPTION_VALUE, .description = "d"},
};

static const struct kafka_options_syntax syntax = {
    .tool = "t",
    .purpose = "p",
    .options = table,
    .count = ARRAY_LEN(table),
};

static struct kafka_options options;

static int parse_with(const struct kafka_options_syntax *with, const char *const *words)
{
    int argc = 1;
    char *argv[32] = {(char *)(uintptr_t)"t"};
    for (; *words != NULL; words++) {
        argv[argc++] = (char *)(uintptr_t)*words;
    }
    return kafka_options_parse(&options, with, argc, argv);
}

#define PARSE(...) parse_with(&syntax, (const char *const[]){__VA_ARGS__, NULL})

static void assert_value(const char *name, const char *expected)
{
    struct slice value = kafka_options_value(&options, name);
    assert_false(slice_is_null(value));
    assert_int_equal(value.len, strlen(expected));
    assert_memory_equal(value.ptr, expected, value.len);
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--topic", "a", "--list", "x", "-bootstrap-server=h:1", "--", "--y"), 0);
    assert_value("topic", "a");
    assert_value("bootstrap-server", "h:1");
    assert_true(kafka_options_has(&options, "list"));
    assert_int_equal(options.operand_count, 2);
    kafka_options_release(&options);

    /* A needed value is the next word whatever it looks like; a flag's is dropped. */
    assert_int_equal(PARSE("--topic", "--list", "--list=3", "--n="), 0);
    assert_value("topic", "--list");
    assert_value("n", "");
    kafka_options_release(&options);

    assert_int_equal(PARSE("-vn7", "-v"), 0);
    assert_value("n", "7");
    assert_int_equal(kafka_options_count(&options, "v"), 2);
    kafka_options_release(&options);
}

static void test_optional_value(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--state", "--list"), 0);
    assert_true(kafka_options_has(&options, "state"));
    assert_false(kafka_options_has_value(&options, "state"));
    kafka_options_release(&options);
    assert_int_equal(PARSE("--state", "Stable"), 0);
    assert_value("state", "Stable");
    kafka_options_release(&options);
}

static void test_repeated(void **state)
{
    int32_t number = 0;
    (void)state;
    assert_int_equal(PARSE("--topic", "a", "--topic", "b", "--add", "x,,y", "--add=z"), 0);
    assert_int_equal(kafka_options_count(&options, "topic"), 2);
    assert_value("topic", "b");
    assert_int_equal(kafka_options_count(&options, "add"), 3);
    assert_true(slice_equal_cstr(kafka_options_nth(&options, "add", 2), "z"));
    assert_true(slice_is_null(kafka_options_nth(&options, "add", 3)));
    assert_int_equal(kafka_options_single(&options, "topic"), ERR_INVALID);
    assert_string_equal(options.message.text,
                        "Found multiple arguments for option topic, but you asked for only one");
    kafka_options_release(&options);
    assert_int_equal(PARSE("--partitions", "2", "--partitions", "3"), 0);
    assert_int_equal(kafka_options_i32(&options, "partitions", &number), ERR_INVALID);
    kafka_options_release(&options);
}

static void test_numbers(void **state)
{
    int32_t number = -7;
    int64_t wide = 0;
    (void)state;
    assert_int_equal(PARSE("--partitions", "99999999999"), 0);
    assert_int_equal(kafka_options_i32(&options, "partitions", &number), ERR_INVALID);
    assert_int_equal(number, -7);
    assert_string_equal(options.message.text,
                        "Cannot parse argument '99999999999' of option partitions");
    assert_int_equal(kafka_options_i64(&options, "timeout", &wide), 0);
    assert_int_equal(wide, 5000);
    kafka_options_release(&options);
    assert_int_equal(PARSE("--list"), 0);
    assert_int_equal(kafka_options_i32(&options, "partitions", &number), 0);
    assert_int_equal(number, -7);
    kafka_options_release(&options);
}

static void assert_refused(int error, const char *text)
{
    assert_int_equal(error, ERR_INVALID);
    assert_string_equal(options.message.text, text);
    kafka_options_release(&options);
}

static void test_refused(void **state)
{
    (void)state;
    assert_refused(PARSE("--foo"), "foo is not a recognized option");
    assert_refused(PARSE("--foo=1"), "foo is not a recognized option");
    assert_refused(PARSE("-foo"), "f is not a recognized option");
    assert_refused(PARSE("-vx"), "x is not a recognized option");
    assert_refused(PARSE("--boot", "h"), "boot is not a recognized option");
    assert_refused(PARSE("--="), " is not a recognized option");
    assert_refused(PARSE("--topic"), "Option topic requires an argument");
    assert_refused(PARSE("-n"), "Option n requires an argument");
}

static void test_required_and_short(void **state)
{
    const struct kafka_option needed[] = {
        {.name = "one", .argument = KAFKA_OPTION_VALUE, .is_required = true, .description = "d"},
        {.name = "two", .argument = KAFKA_OPTION_VALUE, .is_required = true, .description = "d"},
        {.name = "twin", .description = "d"},
    };
    const struct kafka_options_syntax own = {
        .options = needed,
        .count = ARRAY_LEN(needed),
        .may_abbreviate = true,
    };
    (void)state;
    assert_refused(parse_with(&own, (const char *const[]){"--twin", NULL}),
                   "Missing required option(s) [one, two]");
    assert_int_equal(parse_with(&own, (const char *const[]){"--he", NULL}), 0);
    assert_true(options.has_help);
    kafka_options_release(&options);
    assert_int_equal(parse_with(&own, (const char *const[]){"--o", "1", "--two=2", NULL}), 0);
    assert_value("one", "1");
    kafka_options_release(&options);
    assert_refused(parse_with(&own, (const char *const[]){"--tw", "1", NULL}),
                   "tw is not a recognized option");
}

static const char *const ways[] = {"file", "size", NULL};

static const struct kafka_option arguments[] = {
    {.name = "topic", .argument = KAFKA_OPTION_VALUE, .is_required = true},
    {.name = "rate", .argument = KAFKA_OPTION_VALUE, .type = "Long"},
    {.name = "props", .argument = KAFKA_OPTION_LIST, .value_name = "KEY=VALUE"},
    {.name = "file", .alias = "f", .argument = KAFKA_OPTION_VALUE},
    {.name = "size", .argument = KAFKA_OPTION_VALUE},
};

static const struct kafka_options_syntax argparse = {
    .tool = "t",
    .program = "p",
    .purpose = "x",
    .options = arguments,
    .count = ARRAY_LEN(arguments),
    .is_argparse = true,
    .one_of = ways,
};

#define PARSE_ARGUMENTS(...) \
    parse_with(&argparse, (const char *const[]){"--topic", "a", __VA_ARGS__, NULL})

static void test_argparse(void **state)
{
    int64_t number = 0;
    (void)state;
    /* A list ends at the next option, a negative number is none, and names may be cut short. */
    assert_int_equal(PARSE_ARGUMENTS("--props", "a=b", "c=d", "--ra", "-1", "-f", "-.5"), 0);
    assert_int_equal(kafka_options_count(&options, "props"), 2);
    assert_int_equal(kafka_options_i64(&options, "rate", &number), 0);
    assert_int_equal(number, -1);
    assert_value("file", "-.5");
    kafka_options_release(&options);
    /* The last one counts. */
    assert_int_equal(PARSE_ARGUMENTS("-f", "x", "--rate", "1", "--rate", "2"), 0);
    assert_int_equal(kafka_options_i64(&options, "rate", &number), 0);
    assert_int_equal(number, 2);
    kafka_options_release(&options);
    assert_int_equal(PARSE_ARGUMENTS("-f", "x", "--rate", "1x"), 0);
    assert_refused(kafka_options_i64(&options, "rate", &number),
                   "argument --rate: could not convert '1x' to Long (For input string: \"1x\")");
    assert_refused(parse_with(&argparse, (const char *const[]){"-f", "x", NULL}),
                   "argument --topic is required");
    assert_refused(PARSE_ARGUMENTS("--size", "1", "--file", "x"),
                   "argument --file/-f: not allowed with argument --size");
    assert_refused(PARSE_ARGUMENTS("--rate", "1"),
                   "one of the arguments --file/-f --size is required");
    assert_refused(PARSE_ARGUMENTS("--rate", "-x"), "argument --rate: expected one argument");
    assert_refused(PARSE_ARGUMENTS("--props", "-f"),
                   "argument --props: expected at least one argument");
    assert_refused(PARSE_ARGUMENTS("--nope"), "unrecognized arguments: '--nope'");
    assert_refused(PARSE_ARGUMENTS("--version"), "unrecognized arguments: '--version'");
    assert_refused(PARSE_ARGUMENTS("word"), "unrecognized arguments: 'word'");
}

static void test_argparse_usage(void **state)
{
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    (void)state;
    assert_non_null(out);
    kafka_options_print_usage(&argparse, out);
    (void)fclose(out);
    assert_string_equal(text, "usage: p [-h] --topic VALUE [--rate VALUE] [--props KEY=VALUE ...]\n"
                              "         [--file VALUE] [--size VALUE]\n");
}

static void test_usage_text(void **state)
{
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    const struct kafka_option few[] = {
        {.name = "topic",
         .argument = KAFKA_OPTION_VALUE,
         .value_name = "a name that is so long that it must be broken",
         .description = "The first line of this description is longer than its column.\nNew."},
    };
    const struct kafka_options_syntax own = {.options = few, .count = ARRAY_LEN(few)};
    (void)state;
    assert_non_null(out);
    kafka_options_print(&own, out);
    (void)fclose(out);
    assert_string_equal(
        text, "Option                                   Description                            \n"
              "------                                   -----------                            \n"
              "--help                                   Show this text.                        \n"
              "--topic <String: a name that is so       The first line of this description is  \n"
              "  long that it must be broken>             longer than its column.              \n"
              "                                         New.                                   \n"
              "--version                                Show the release of Kafka that this    \n"
              "                                           tool speaks for.                     \n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_optional_value),
        cmocka_unit_test(test_repeated),       cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_required_and_short),
        cmocka_unit_test(test_usage_text),     cmocka_unit_test(test_argparse),
        cmocka_unit_test(test_argparse_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
