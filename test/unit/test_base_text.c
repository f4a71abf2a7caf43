/* Numbers, words and UTF-8 out of slices; the error table. */
#include "base/errors.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
        int64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"+7", 0, 7},
        {"0012", 0, 12},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", ERR_LIMIT, 0},
        {"-9223372036854775808", 0, INT64_MIN},
        {"-9223372036854775809", ERR_LIMIT, 0},
        {"99999999999999999999999999", ERR_LIMIT, 0},
        {"99999999999999999999999999x", ERR_INVALID, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {"+-1", ERR_INVALID, 0},
        {" 1", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"0x10", ERR_INVALID, 0},
        {"1a", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 0;
        assert_int_equal(text_parse_i64(slice_of_cstr(cases[i].text), &value), cases[i].err);
        assert_int_equal(value, cases[i].value);
    }
    int32_t small = 0;
    assert_int_equal(text_parse_i32(SLICE_LIT("2147483647"), &small), 0);
    assert_int_equal(small, INT32_MAX);
    assert_int_equal(text_parse_i32(SLICE_LIT("-2147483648"), &small), 0);
    assert_int_equal(small, INT32_MIN);
    assert_int_equal(text_parse_i32(SLICE_LIT("2147483648"), &small), ERR_LIMIT);
    assert_int_equal(text_parse_i32(SLICE_NULL, &small), ERR_INVALID);
}

static void test_hex(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_int_equal(text_parse_hex64(SLICE_LIT("0xFFFFffffFFFFffff"), &value), 0);
    assert_int_equal(value, UINT64_MAX);
    assert_int_equal(text_parse_hex64(SLICE_LIT("10000f"), &value), 0);
    assert_int_equal(value, 0x10000f);
    assert_int_equal(text_parse_hex64(SLICE_LIT("10000000000000000"), &value), ERR_LIMIT);
    assert_int_equal(text_parse_hex64(SLICE_LIT("0x"), &value), ERR_INVALID);
    assert_int_equal(text_parse_hex64(SLICE_LIT("-1"), &value), ERR_INVALID);
    assert_int_equal(text_parse_hex64(SLICE_LIT("g"), &value), ERR_INVALID);
}

static void test_bool(void **state)
{
    (void)state;
    bool value = false;
    assert_int_equal(text_parse_bool(SLICE_LIT("True"), &value), 0);
    assert_true(value);
    assert_int_equal(text_parse_bool(SLICE_LIT("OFF"), &value), 0);
    assert_false(value);
    assert_int_equal(text_parse_bool(SLICE_LIT("yes"), &value), 0);
    assert_true(value);
    assert_int_equal(text_parse_bool(SLICE_LIT("0"), &value), 0);
    assert_false(value);
    assert_int_equal(text_parse_bool(SLICE_LIT("truely"), &value), ERR_INVALID);
    assert_int_equal(text_parse_bool(SLICE_LIT(""), &value), ERR_INVALID);
}

static void test_trim_and_cut(void **state)
{
    (void)state;
    assert_true(slice_equal(text_trim(SLICE_LIT(" \t a b\r\n")), SLICE_LIT("a b")));
    assert_int_equal(text_trim(SLICE_LIT("  \n")).len, 0);
    assert_int_equal(text_trim(SLICE_NULL).len, 0);
    struct slice head;
    struct slice rest;
    assert_true(text_cut(SLICE_LIT("key=a=b"), '=', &head, &rest));
    assert_true(slice_equal(head, SLICE_LIT("key")) && slice_equal(rest, SLICE_LIT("a=b")));
    assert_true(text_cut(SLICE_LIT("="), '=', &head, &rest));
    assert_int_equal(head.len + rest.len, 0);
    assert_false(text_cut(SLICE_LIT("plain"), '=', &head, &rest));
    assert_true(slice_equal(head, SLICE_LIT("plain")));
    assert_int_equal(rest.len, 0);
    assert_false(text_cut(SLICE_NULL, '=', &head, &rest));
    assert_true(text_equal_ignoring_case(SLICE_LIT("LeaderServes"), SLICE_LIT("leaderserves")));
    assert_false(text_equal_ignoring_case(SLICE_LIT("a["), SLICE_LIT("a{")));
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain ascii of some length",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "12345678\xc3\xbcuvwxyzuv",
    };
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xc2",
        "\xc2\x41",     "\xe0\x9f\xbf",     "\xe0\xa0",         "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",         "12345678\xfe",     "\xf0\x90\x80",     "\xe1\x80\x41",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(text_is_utf8(slice_of_cstr(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(text_is_utf8(slice_of_cstr(bad[i])));
    }
}

static void test_errors(void **state)
{
    (void)state;
    assert_string_equal(error_name(0), "ERR_OK");
    assert_string_equal(error_text(0), "success");
    assert_string_equal(error_name(ERR_NO_SPACE), "ERR_NO_SPACE");
    assert_string_equal(error_text(ERR_NO_SPACE), "no space left on device");
    assert_string_equal(error_name(-9999), "ERR_UNKNOWN");
    assert_non_null(error_text(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_hex),
        cmocka_unit_test(test_bool),     cmocka_unit_test(test_trim_and_cut),
        cmocka_unit_test(test_utf8),     cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
