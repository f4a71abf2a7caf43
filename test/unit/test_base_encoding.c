/* CRC-32 against zlib's, base64 against RFC 4648 and itself. */
#include "base/base64.h"
#include "base/crc32.h"
#include "base/errors.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <zlib.h>

#define BYTES 3000

static void test_crc32(void **state)
{
    (void)state;
    static uint8_t bytes[BYTES];
    struct random random;
    random_init(&random, 1);
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (uint8_t)random_next(&random);
    }
    assert_int_equal(crc32_update(0, SLICE_LIT("123456789")), 0xcbf43926);
    assert_int_equal(crc32_update(7, slice_of(NULL, 0)), 7);
    for (size_t len = 0; len < 700; len++) {
        for (size_t from = 0; from < 17; from += 1 + len % 5) {
            uint32_t start = (uint32_t)random_next(&random);
            uint32_t expected = (uint32_t)crc32(start, bytes + from, (uInt)len);
            assert_int_equal(crc32_update(start, slice_of(bytes + from, len)), expected);
            assert_int_equal(crc32_update_portable(start, slice_of(bytes + from, len)), expected);
        }
    }
    uint32_t whole = crc32_update(0, slice_of(bytes, BYTES));
    for (size_t cut = 0; cut <= BYTES; cut += 37) {
        uint32_t front = crc32_update(0, slice_of(bytes, cut));
        assert_int_equal(crc32_update(front, slice_of(bytes + cut, BYTES - cut)), whole);
    }
}

static void check_encoding(const char *plain, const char *expected)
{
    uint8_t text[64];
    uint8_t back[64];
    size_t len = 0;
    size_t text_len = base64_encode(slice_of_cstr(plain), text);
    assert_int_equal(text_len, strlen(expected));
    assert_int_equal(text_len, base64_encoded_len(strlen(plain)));
    assert_memory_equal(text, expected, text_len);
    assert_int_equal(base64_decode(slice_of(text, text_len), back, &len), ERR_OK);
    assert_int_equal(len, strlen(plain));
    assert_memory_equal(back, plain, len);
}

static void test_base64(void **state)
{
    (void)state;
    check_encoding("", "");
    check_encoding("f", "Zg==");
    check_encoding("ba", "YmE=");
    check_encoding("foo", "Zm9v");
    check_encoding("foob", "Zm9vYg==");
    check_encoding("fooba", "Zm9vYmE=");
    check_encoding("foobar", "Zm9vYmFy");
    check_encoding("\xff\xfe\xfd\xfb", "//79+w==");
}

static void test_base64_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",    "Zg=",   "Zg",       "====", "Z===", "Zh==",   "Zm9=",
                                      "Zm8 ", "Z\ng=", "Zg==Zg==", "Zm-v", "Zm_v", "\x80m9v"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t bytes[64];
        size_t len = 0;
        assert_int_equal(base64_decode(slice_of_cstr(bad[i]), bytes, &len), ERR_INVALID);
    }
    uint8_t bytes[64];
    size_t len = 0;
    assert_int_equal(base64_decode(slice_of("Zm9\0", 4), bytes, &len), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
