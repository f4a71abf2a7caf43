/* test_kafka_json_lines.c - the lines of the verifiable clients, and names of brokers that nobody
 * knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/kafka/bootstrap_check.h"
#include "cli/kafka/json_lines.h"

static void test_line(void **state)
{
    struct json_line line;
    (void)state;
    json_line_init(&line);
    json_line_begin(&line, "x");
    json_line_text(&line, "key", SLICE_NULL);
    json_line_text(&line, "value", SLICE_LIT("a\"\n"));
    json_line_open_list(&line, "partitions");
    for (int i = 0; i < 2; i++) {
        json_line_open_object(&line);
        json_line_number(&line, "partition", i);
        json_line_bool(&line, "success", i == 1);
        json_line_close_object(&line);
    }
    json_line_close_list(&line);
    json_line_double(&line, "rate", 2);
    json_line_double(&line, "half", 0.5);
    static const char expected[] =
        ",\"name\":\"x\",\"key\":null,\"value\":\"a\\\"\\n\",\"partitions\":["
        "{\"partition\":0,\"success\":false},{\"partition\":1,\"success\":true}],"
        "\"rate\":2.0,\"half\":0.5";
    struct slice text = buffer_slice(&line.text);
    assert_true(slice_starts_with(text, SLICE_LIT("{\"timestamp\":1")));
    assert_true(text.len > sizeof expected);
    struct slice tail = slice_part(text, text.len - (sizeof expected - 1), text.len);
    assert_memory_equal(tail.ptr, expected, sizeof expected - 1);
    json_line_release(&line);
}

static void test_unknown_names(void **state)
{
    struct errmsg message;
    (void)state;
    /* An empty label: no name server has to be asked. */
    assert_int_equal(bootstrap_check(SLICE_LIT("127.0.0.1:1, [::1]:2"), &message), 0);
    assert_int_equal(bootstrap_check(SLICE_LIT("no..such:1,PLAINTEXT://127.0.0.1:1"), &message), 0);
    assert_int_equal(bootstrap_check(SLICE_LIT("no..such:1,such..no:2"), &message), ERR_CONFIG);
    assert_string_equal(message.text, "No resolvable bootstrap urls given in bootstrap.servers");
    /* What is no address at all is refused elsewhere, with its own sentence. */
    assert_int_equal(bootstrap_check(SLICE_LIT("localhost"), &message), 0);
    assert_int_equal(bootstrap_check(SLICE_NULL, &message), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_unknown_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
