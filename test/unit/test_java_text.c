/* Text as upstream's server understands it: what a Java program printed for each of these byte
 * strings, read by String(bytes, UTF_8) and written again as jute writes it. */
#include "zookeeper/core/java_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/text.h"

static const struct {
    const char *in;
    const char *out;
} vectors[] = {
    {"", ""},
    {"41", "41"},
    {"c3a9", "c3a9"},
    {"e282ac", "e282ac"},
    {"efbfbd", "efbfbd"},
    {"f09f9880", "eda0bdedb880"},
    {"80", "efbfbd"},
    {"bf80", "efbfbdefbfbd"},
    {"c080", "efbfbdefbfbd"},
    {"c1bf", "efbfbdefbfbd"},
    {"c2", "efbfbd"},
    {"c241", "efbfbd41"},
    {"e0", "efbfbd"},
    {"e080", "efbfbdefbfbd"},
    {"e08080", "efbfbdefbfbdefbfbd"},
    {"e0a0", "efbfbd"},
    {"e0a041", "efbfbd41"},
    {"e0a080", "e0a080"},
    {"ed9fbf", "ed9fbf"},
    {"eda080", "efbfbd"},
    {"edbfbf", "efbfbd"},
    {"eda080edb080", "efbfbdefbfbd"},
    {"ee8080", "ee8080"},
    {"efbf", "efbfbd"},
    {"f0", "efbfbd"},
    {"f08080", "efbfbdefbfbdefbfbd"},
    {"f0808080", "efbfbdefbfbdefbfbdefbfbd"},
    {"f09080", "efbfbd"},
    {"f0908080", "eda080edb080"},
    {"f48fbfbf", "edafbfedbfbf"},
    {"f4908080", "efbfbdefbfbdefbfbdefbfbd"},
    {"f5808080", "efbfbdefbfbdefbfbdefbfbd"},
    {"f8", "efbfbd"},
    {"ff", "efbfbd"},
    {"feff", "efbfbdefbfbd"},
    {"41ff42", "41efbfbd42"},
    {"e28241", "efbfbd41"},
    {"f09f98", "efbfbd"},
    {"f09f9841", "efbfbd41"},
    {"f0a041", "efbfbd41"},
    {"c3a9c3", "c3a9efbfbd"},
    {"e2ffac", "efbfbdefbfbdefbfbd"},
    {"f1ff8080", "efbfbdefbfbdefbfbdefbfbd"},
    {"f180ff80", "efbfbdefbfbdefbfbd"},
    {"00", "00"},
    {"7f", "7f"},
};

static size_t bytes_of(const char *hex, uint8_t *bytes)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned value = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = hex[2 * i + k];
            value = value * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        bytes[i] = (uint8_t)value;
    }
    return len;
}

static void test_vectors(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint8_t in[32];
        uint8_t expected[64];
        struct slice text = slice_of(in, bytes_of(vectors[i].in, in));
        struct slice out = java_text(&arena, text);
        assert_true(slice_equal(out, slice_of(expected, bytes_of(vectors[i].out, expected))));
        bool is_same = strcmp(vectors[i].in, vectors[i].out) == 0;
        assert_int_equal(out.ptr == text.ptr, is_same); /* copied only when it changes */
        assert_true(slice_equal(java_text(&arena, out), out) ||
                    memchr(in, 0xf0, text.len) != NULL ||
                    memchr(in, 0xf4, text.len) != NULL); /* once is enough, but for surrogates */
    }
    assert_true(slice_is_null(java_text(&arena, SLICE_NULL)));
    arena_release(&arena);
}

/* Printed, everything is as jute writes it but what lies beyond U+FFFF: that stays. */
static void test_print(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint8_t in[32];
        uint8_t expected[64];
        size_t len = bytes_of(vectors[i].in, in);
        bool has_pair = text_is_utf8(slice_of(in, len));
        const char *printed = has_pair ? vectors[i].in : vectors[i].out;
        size_t expected_len = bytes_of(printed, expected);
        buffer_clear(&out, 4096);
        java_text_print(&out, slice_of(in, len));
        assert_true(slice_equal(buffer_slice(&out), slice_of(expected, expected_len)));
    }
    buffer_clear(&out, 4096);
    java_text_print(&out, SLICE_LIT("a\xff"
                                    "b\xf0\x9f\x98\x80\xc3"));
    assert_true(slice_equal(buffer_slice(&out), SLICE_LIT("a\xef\xbf\xbd"
                                                          "b\xf0\x9f\x98\x80\xef\xbf\xbd")));
    java_text_print(&out, SLICE_NULL);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_print)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
