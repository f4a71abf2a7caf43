/* The codecs: what is packed unpacks again, never to more than the bound, and damage is found or
 * does no harm. */
#include "base/random.h"
#include "wire/compress.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIMIT ((size_t)64 * 1024 * 1024)
#define BOMB_BYTES ((size_t)32 * 1024 * 1024)
#define LZ4_HEADER_BYTES 7

static struct buffer plain;
static struct buffer packed;
static struct buffer again;

static void clear_all(void)
{
    buffer_clear(&plain, LIMIT);
    buffer_clear(&packed, LIMIT);
    buffer_clear(&again, LIMIT);
}

static void fill(struct random *random, size_t len)
{
    uint8_t *to = buffer_reserve(&plain, len + 1);
    uint64_t kind = random_below(random, 3);
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(kind == 0   ? random_next(random)
                          : kind == 1 ? 'a' + random_below(random, 3)
                                      : i / 700);
    }
    plain.len += len;
}

static void test_names(void **state)
{
    (void)state;
    for (int codec = 0; codec <= COMPRESSION_ZSTD; codec++) {
        assert_int_equal(compression_parse(slice_of_cstr(compression_name(codec))), codec);
    }
    assert_null(compression_name(-1));
    assert_null(compression_name(5));
    assert_int_equal(compression_parse(SLICE_LIT("GZIP")), ERR_INVALID);
    assert_int_equal(compression_parse(SLICE_LIT("")), ERR_INVALID);
}

static void test_round_trips(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,     1,     2,     13,    100,   4095,  4096,
                                   32767, 32768, 32769, 65536, 65537, 300000};
    struct random random;
    random_init(&random, 1);
    for (int codec = 0; codec <= COMPRESSION_ZSTD; codec++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            clear_all();
            fill(&random, sizes[i]);
            struct slice in = buffer_slice(&plain);
            buffer_append_cstr(&packed, "front");
            assert_int_equal(compress_append(codec, COMPRESSION_LEVEL_DEFAULT, 2, in, &packed),
                             ERR_OK);
            struct slice out = slice_part(buffer_slice(&packed), 5, packed.len);
            buffer_append_cstr(&again, "front");
            assert_int_equal(decompress_append(codec, out, sizes[i], &again), ERR_OK);
            assert_true(slice_equal(slice_part(buffer_slice(&again), 5, again.len), in));
            if (sizes[i] > 0) {
                assert_int_equal(decompress_append(codec, out, sizes[i] - 1, &again), ERR_LIMIT);
            }
            assert_int_equal(again.len, 5 + sizes[i]);
        }
    }
}

static void test_levels(void **state)
{
    (void)state;
    static const struct {
        int codec;
        int32_t level;
        int result;
    } levels[] = {
        {COMPRESSION_GZIP, 1, ERR_OK},       {COMPRESSION_GZIP, 9, ERR_OK},
        {COMPRESSION_GZIP, -1, ERR_OK},      {COMPRESSION_GZIP, 10, ERR_INVALID},
        {COMPRESSION_LZ4, 1, ERR_OK},        {COMPRESSION_LZ4, 17, ERR_OK},
        {COMPRESSION_LZ4, 0, ERR_INVALID},   {COMPRESSION_LZ4, 18, ERR_INVALID},
        {COMPRESSION_ZSTD, -5, ERR_OK},      {COMPRESSION_ZSTD, 19, ERR_OK},
        {COMPRESSION_ZSTD, 23, ERR_INVALID}, {5, 0, ERR_INVALID},
    };
    struct random random;
    random_init(&random, 2);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        clear_all();
        fill(&random, 5000);
        int err = compress_append(levels[i].codec, levels[i].level, 2, buffer_slice(&plain),
                                  &packed);
        assert_int_equal(err, levels[i].result);
        if (err == ERR_OK) {
            err = decompress_append(levels[i].codec, buffer_slice(&packed), LIMIT, &again);
            assert_int_equal(err, ERR_OK);
            assert_true(slice_equal(buffer_slice(&again), buffer_slice(&plain)));
        }
    }
    assert_int_equal(decompress_append(5, SLICE_LIT("x"), LIMIT, &again), ERR_INVALID);
}

/* A bomb takes no more memory than the bound. */
static void test_bombs(void **state)
{
    (void)state;
    for (int codec = 1; codec <= COMPRESSION_ZSTD; codec++) {
        clear_all();
        memset(buffer_reserve(&plain, BOMB_BYTES), 0, BOMB_BYTES);
        plain.len = BOMB_BYTES;
        assert_int_equal(
            compress_append(codec, COMPRESSION_LEVEL_DEFAULT, 2, buffer_slice(&plain), &packed),
            ERR_OK);
        assert_true(packed.len < BOMB_BYTES / 15);
        struct buffer small;
        buffer_init(&small, LIMIT);
        assert_int_equal(decompress_append(codec, buffer_slice(&packed), 1000000, &small),
                         ERR_LIMIT);
        assert_int_equal(small.len, 0);
        assert_true(small.cap <= 1 << 20);
        buffer_release(&small);
        /* The buffer's own limit is as good. */
        buffer_init(&small, 1000000);
        assert_int_equal(decompress_append(codec, buffer_slice(&packed), LIMIT, &small), ERR_LIMIT);
        assert_true(small.cap <= 1000000);
        buffer_release(&small);
    }
}

/* Claims of a huge size in a tiny input take no memory at all. */
static void test_claims(void **state)
{
    (void)state;
    struct buffer small;
    buffer_init(&small, LIMIT);
    /* A raw snappy block of 60 MB, of which one byte follows. */
    assert_int_equal(
        decompress_append(COMPRESSION_SNAPPY, SLICE_LIT("\x80\x8e\xce\x1c\x00"), LIMIT, &small),
        ERR_CORRUPT);
    assert_true(small.cap < 1 << 16);
    /* A zstd frame that tells 48 MiB, with an empty last block: the library lets that pass when it
     * streams, so it is the memory that counts. */
    (void)!decompress_append(COMPRESSION_ZSTD,
                             SLICE_LIT("\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x03\x01\x00\x00"), LIMIT,
                             &small);
    assert_int_equal(small.len, 0);
    assert_true(small.cap < 1 << 20);
    buffer_release(&small);
}

static void test_truncations(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 3);
    for (int codec = 1; codec <= COMPRESSION_ZSTD; codec++) {
        clear_all();
        fill(&random, 3000);
        assert_int_equal(
            compress_append(codec, COMPRESSION_LEVEL_DEFAULT, 2, buffer_slice(&plain), &packed),
            ERR_OK);
        for (size_t len = 0; len < packed.len; len++) {
            int err = decompress_append(codec, slice_of(packed.data, len), LIMIT, &again);
            /* Snappy's frame has no end: cut behind its header it is an empty one. */
            if (codec == COMPRESSION_SNAPPY && len == 16) {
                assert_int_equal(err, ERR_OK);
            } else {
                assert_true(err == ERR_TRUNCATED || err == ERR_CORRUPT);
            }
            assert_int_equal(again.len, 0);
        }
    }
}

static void test_damage(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 4);
    for (int round = 0; round < 3000; round++) {
        clear_all();
        int codec = 1 + (int)random_below(&random, COMPRESSION_ZSTD);
        fill(&random, random_below(&random, 2000));
        assert_int_equal(
            compress_append(codec, COMPRESSION_LEVEL_DEFAULT, 2, buffer_slice(&plain), &packed),
            ERR_OK);
        for (uint64_t i = random_below(&random, 4) + 1; i > 0; i--) {
            packed.data[random_below(&random, packed.len)] = (uint8_t)random_next(&random);
        }
        int err = decompress_append(codec, buffer_slice(&packed), 100000, &again);
        assert_true(again.len <= 100000);
        assert_true(err == ERR_OK || again.len == 0);
    }
}

/* Members and frames may follow each other. */
static void test_concatenated(void **state)
{
    (void)state;
    static const int codecs[] = {COMPRESSION_GZIP, COMPRESSION_SNAPPY, COMPRESSION_ZSTD};
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
        clear_all();
        for (int part = 0; part < 3; part++) {
            assert_int_equal(compress_append(codecs[i], COMPRESSION_LEVEL_DEFAULT, 2,
                                             SLICE_LIT("abcabcabc"), &packed),
                             ERR_OK);
        }
        assert_int_equal(decompress_append(codecs[i], buffer_slice(&packed), LIMIT, &again),
                         ERR_OK);
        assert_true(slice_equal_cstr(buffer_slice(&again), "abcabcabcabcabcabcabcabcabc"));
    }
}

/* What librdkafka and others send: one raw block. */
static void test_snappy_without_frame(void **state)
{
    (void)state;
    clear_all();
    assert_int_equal(
        decompress_append(COMPRESSION_SNAPPY, SLICE_LIT("\x05\x10hello"), LIMIT, &again), ERR_OK);
    assert_true(slice_equal_cstr(buffer_slice(&again), "hello"));
}

/* KAFKA-3160: magic 0 has the wrong header checksum, and both are read. */
static void test_lz4_header_checksum(void **state)
{
    (void)state;
    struct buffer old;
    buffer_init(&old, LIMIT);
    clear_all();
    fill(&(struct random){{1, 2, 3, 4}}, 1000);
    struct slice in = buffer_slice(&plain);
    assert_int_equal(compress_append(COMPRESSION_LZ4, 9, 0, in, &old), ERR_OK);
    assert_int_equal(compress_append(COMPRESSION_LZ4, 9, 1, in, &packed), ERR_OK);
    assert_int_equal(old.len, packed.len);
    for (size_t i = 0; i < old.len; i++) {
        assert_int_equal(old.data[i] == packed.data[i], i != LZ4_HEADER_BYTES - 1);
    }
    assert_int_equal(decompress_append(COMPRESSION_LZ4, buffer_slice(&old), LIMIT, &again), ERR_OK);
    assert_true(slice_equal(buffer_slice(&again), in));
    /* Any third one is wrong. */
    old.data[LZ4_HEADER_BYTES - 1] ^= 0x55;
    bool is_right = old.data[LZ4_HEADER_BYTES - 1] == packed.data[LZ4_HEADER_BYTES - 1];
    assert_false(is_right);
    assert_int_equal(decompress_append(COMPRESSION_LZ4, buffer_slice(&old), LIMIT, &again),
                     ERR_CORRUPT);
    buffer_release(&old);
}

int main(void)
{
    buffer_init(&plain, LIMIT);
    buffer_init(&packed, LIMIT);
    buffer_init(&again, LIMIT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_concatenated),
        cmocka_unit_test(test_snappy_without_frame),
        cmocka_unit_test(test_lz4_header_checksum),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_release(&plain);
    buffer_release(&packed);
    buffer_release(&again);
    return failed;
}
