/* Arena and buffer: what they hand out, what they keep, what they give back. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_arena_holds_what_it_gave(void **state)
{
    (void)state;
    size_t used = mem_used();
    struct random random;
    random_init(&random, 1);
    struct arena arena;
    arena_init(&arena, 1000, 1 << 20);
    for (int round = 0; round < 50; round++) {
        uint8_t *ptr[100];
        size_t len[100];
        for (size_t i = 0; i < 100; i++) {
            len[i] = (size_t)random_below(&random, random_chance(&random, 1, 20) ? 5000 : 60);
            ptr[i] = arena_alloc(&arena, len[i]);
            assert_non_null(ptr[i]);
            assert_int_equal((uintptr_t)ptr[i] % 16, 0);
            memset(ptr[i], (int)i, len[i]);
        }
        for (size_t i = 0; i < 100; i++) {
            for (size_t k = 0; k < len[i]; k++) {
                assert_int_equal(ptr[i][k], i);
            }
        }
        arena_clear(&arena);
        /* Only the first chunk is kept, whatever was asked for. */
        assert_true(mem_used() - used < 1100);
        assert_int_equal(arena_room(&arena), 1 << 20);
    }
    arena_release(&arena);
    assert_int_equal(mem_used(), used);
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64, 100);
    assert_int_equal(arena_room(&arena), 100);
    (void)arena_alloc(&arena, 33);
    assert_int_equal(arena_room(&arena), 100 - 48);
    (void)arena_alloc(&arena, 52); /* all that is left, though rounding asks for 64 */
    assert_int_equal(arena_room(&arena), 0);
    arena_clear(&arena);
    assert_int_equal(arena_room(&arena), 100);
    arena_release(&arena);
}

static void test_arena_copy(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64, 1000);
    assert_true(slice_is_null(arena_copy(&arena, SLICE_NULL)));
    struct slice empty = arena_copy(&arena, SLICE_LIT(""));
    assert_false(slice_is_null(empty));
    assert_int_equal(empty.len, 0);
    struct slice text = SLICE_LIT("zookeeper");
    struct slice copy = arena_copy(&arena, text);
    assert_true(slice_equal(copy, text) && copy.ptr != text.ptr);
    uint64_t *zeros = ARENA_ARRAY(&arena, uint64_t, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(zeros[i], 0);
    }
    arena_release(&arena);
}

static void assert_text(struct buffer *buffer, const char *expected)
{
    assert_int_equal(buffer->len, strlen(expected));
    assert_memory_equal(buffer->data, expected, buffer->len);
    buffer_clear(buffer, 1000);
}

static void test_buffer_numbers(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    static const int64_t values[] = {0,         1,        -1, 9, 10, -10, 99, 100, 12345678901LL,
                                     INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%ld", (long)values[i]);
        buffer_append_decimal(&buffer, values[i]);
        assert_text(&buffer, expected);
        snprintf(expected, sizeof expected, "%lu", (unsigned long)values[i]);
        buffer_append_unsigned(&buffer, (uint64_t)values[i]);
        assert_text(&buffer, expected);
        snprintf(expected, sizeof expected, "%lx", (unsigned long)values[i]);
        buffer_append_hex(&buffer, (uint64_t)values[i]);
        assert_text(&buffer, expected);
        for (int width = 0; width < 25; width++) {
            snprintf(expected, sizeof expected, "%0*ld", width, (long)values[i]);
            buffer_append_padded(&buffer, values[i], (unsigned)width);
            assert_text(&buffer, expected);
        }
    }
    buffer_append_fixed(&buffer, 1234, 4);
    assert_text(&buffer, "0.1234");
    buffer_append_fixed(&buffer, -5, 2);
    assert_text(&buffer, "-0.05");
    buffer_append_fixed(&buffer, 1200, 0);
    assert_text(&buffer, "1200");
    buffer_append_fixed(&buffer, 12000, 3);
    assert_text(&buffer, "12.000");
    buffer_release(&buffer);
}

static void test_buffer_append_consume(void **state)
{
    (void)state;
    size_t used = mem_used();
    struct buffer buffer;
    buffer_init(&buffer, 300);
    assert_int_equal(buffer_room(&buffer), 300);
    buffer_append(&buffer, SLICE_NULL);
    assert_int_equal(buffer.len, 0);
    for (unsigned i = 0; i < 300; i++) {
        buffer_append_u8(&buffer, (uint8_t)i);
    }
    assert_int_equal(buffer_room(&buffer), 0);
    assert_int_equal(buffer.cap, 300);
    buffer_consume(&buffer, 290);
    assert_int_equal(buffer.len, 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(buffer.data[i], (uint8_t)(290 + i));
    }
    buffer_consume(&buffer, 10);
    buffer_append_be16(&buffer, 0x1234);
    buffer_append_be32(&buffer, 0x56789abc);
    buffer_append_be64(&buffer, 0x0102030405060708ULL);
    buffer_append_cstr(&buffer, "end");
    assert_memory_equal(buffer.data, "\x12\x34\x56\x78\x9a\xbc\1\2\3\4\5\6\7\10end", 17);
    buffer_clear(&buffer, 299);
    assert_int_equal(mem_used(), used);
    buffer_append_cstr(&buffer, "again");
    assert_text(&buffer, "again");
    assert_int_equal(buffer.cap, 64);
    buffer_release(&buffer);
    assert_int_equal(mem_used(), used);
}

static void test_memory_counts(void **state)
{
    (void)state;
    size_t used = mem_used();
    assert_null(mem_alloc(0));
    assert_null(mem_alloc_zeroed(0));
    uint8_t *ptr = mem_alloc_zeroed(100);
    assert_int_equal(mem_used(), used + 100);
    assert_int_equal(ptr[99], 0);
    ptr[99] = 9;
    ptr = mem_realloc(ptr, 100, 5000);
    assert_int_equal(mem_used(), used + 5000);
    assert_int_equal(ptr[99], 9);
    ptr = mem_realloc(ptr, 5000, 0);
    assert_null(ptr);
    assert_int_equal(mem_used(), used);
    mem_free(NULL, 10);
    assert_int_equal(mem_used(), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_holds_what_it_gave),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_arena_copy),
        cmocka_unit_test(test_buffer_numbers),
        cmocka_unit_test(test_buffer_append_consume),
        cmocka_unit_test(test_memory_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
