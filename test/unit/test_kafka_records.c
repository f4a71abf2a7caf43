/* Batches of every magic and codec: what was built is what is read, through random batches, flipped
 * bytes and cut ends. Vectors of Apache's own classes are in test_kafka_records_vectors.c. */
#include "base/crc32c.h"
#include "base/memory.h"
#include "base/random.h"
#include "wire/record_batch.h"
#include "wire/varint.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIMIT ((size_t)64 * 1024 * 1024)
#define UNPACK_MAX ((size_t)16 * 1024 * 1024)
#define RECORDS_MAX 40

struct sample {
    int64_t offset;
    int64_t timestamp_ms;
    struct slice key;
    struct slice value;
    struct slice headers;
    int32_t header_count;
};

static uint8_t noise[4096];

static struct slice random_bytes(struct random *random, bool may_be_null)
{
    if (may_be_null && random_chance(random, 1, 5)) {
        return SLICE_NULL;
    }
    size_t len = random_chance(random, 1, 10) ? random_below(random, 2000)
                                              : random_below(random, 40);
    size_t from = random_chance(random, 1, 2) ? 0 : random_below(random, sizeof noise - len);
    return slice_of(noise + from, len);
}

static void fill_samples(struct random *random,
                         struct sample *samples,
                         size_t count,
                         int64_t base,
                         struct buffer *headers)
{
    size_t starts[RECORDS_MAX + 1];
    int64_t offset = base;
    for (size_t i = 0; i < count; i++) {
        struct sample *sample = &samples[i];
        offset += i > 0 ? 1 : 0;
        offset += random_chance(random, 1, 8) ? (int64_t)random_below(random, 50) : 0;
        sample->offset = offset;
        sample->timestamp_ms = 1600000000000 + (int64_t)random_below(random, 100000) - 50000;
        sample->key = random_bytes(random, true);
        sample->value = random_bytes(random, true);
        sample->header_count = (int32_t)(random_chance(random, 1, 3) ? random_below(random, 4) : 0);
        starts[i] = headers->len;
        for (int32_t h = 0; h < sample->header_count; h++) {
            record_header_append(headers, random_bytes(random, false), random_bytes(random, true));
        }
    }
    starts[count] = headers->len;
    for (size_t i = 0; i < count; i++) {
        samples[i].headers = slice_of(headers->data + starts[i], starts[i + 1] - starts[i]);
    }
}

static void build(const struct batch_build *how,
                  const struct sample *samples,
                  size_t count,
                  struct buffer *out)
{
    struct batch_builder builder;
    batch_builder_init(&builder, how, out);
    for (size_t i = 0; i < count; i++) {
        const struct sample *s = &samples[i];
        batch_builder_add(&builder, s->offset, s->timestamp_ms, s->key, s->value, s->headers,
                          s->header_count);
    }
    assert_int_equal(batch_builder_finish(&builder, 0), ERR_OK);
}

static bool same_field(struct slice a, struct slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_equal(a, b);
}

/* Every record of all batches in `bytes` is the next of `samples`. */
static void check(struct slice bytes,
                  int magic,
                  int64_t append_time_ms,
                  const struct sample *samples,
                  size_t count)
{
    struct buffer scratch;
    buffer_init(&scratch, LIMIT);
    size_t seen = 0;
    while (bytes.len > 0) {
        struct batch_view view;
        size_t need = 0;
        assert_int_equal(batch_view(bytes, &view, &need), ERR_OK);
        assert_int_equal(need, view.bytes.len);
        assert_int_equal(view.magic, magic);
        assert_int_equal(batch_check_crc(&view), ERR_OK);
        struct record_iterator iterator;
        assert_int_equal(record_iterator_init(&iterator, &view, UNPACK_MAX, &scratch), ERR_OK);
        struct record record;
        int err;
        while ((err = record_iterator_next(&iterator, &record)) == ERR_OK) {
            assert_true(seen < count);
            const struct sample *sample = &samples[seen++];
            int64_t timestamp = append_time_ms != 0 ? append_time_ms : sample->timestamp_ms;
            assert_int_equal(record.offset, sample->offset);
            assert_int_equal(record.timestamp_ms, magic == 0 ? NO_TIMESTAMP : timestamp);
            assert_true(same_field(record.key, sample->key));
            assert_true(same_field(record.value, sample->value));
            if (magic == 2) {
                assert_int_equal(record.header_count, sample->header_count);
                assert_true(slice_equal(record.headers, sample->headers));
            }
        }
        assert_int_equal(err, ERR_END);
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
    }
    assert_int_equal(seen, count);
    buffer_release(&scratch);
}

static int random_codec(struct random *random, int magic)
{
    return (int)random_below(random, magic < 2 ? COMPRESSION_ZSTD : COMPRESSION_ZSTD + 1);
}

static void test_random_batches(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 1);
    struct sample samples[RECORDS_MAX];
    struct buffer out;
    struct buffer headers;
    buffer_init(&out, LIMIT);
    buffer_init(&headers, LIMIT);
    for (int round = 0; round < 600; round++) {
        int64_t base = (int64_t)random_below(&random, 1ULL << 40);
        size_t count = 1 + random_below(&random, RECORDS_MAX);
        struct batch_build how;
        batch_build_defaults(&how);
        how.magic = (int8_t)random_below(&random, 3);
        how.codec = random_codec(&random, how.magic);
        how.base_offset = base;
        int64_t append_time = 0;
        if (how.magic > 0 && random_chance(&random, 1, 4)) {
            append_time = how.log_append_time_ms = 1700000000000;
            how.attributes = BATCH_ATTRIBUTE_LOG_APPEND_TIME;
        }
        buffer_clear(&out, LIMIT);
        buffer_clear(&headers, LIMIT);
        fill_samples(&random, samples, count, base, &headers);
        build(&how, samples, count, &out);
        if (how.magic == 1 && how.codec != 0) {
            /* Inner offsets are relative to the first record's: the base must be its offset. */
            assert_true(samples[count - 1].offset >= base);
        }
        check(buffer_slice(&out), how.magic, append_time, samples, count);
    }
    buffer_release(&headers);
    buffer_release(&out);
}

/* One batch of magic 2 with everything set, some hundred bytes. */
static void build_example(int codec, struct buffer *out)
{
    struct batch_build how;
    batch_build_defaults(&how);
    how.codec = codec;
    how.base_offset = 1000;
    how.producer_id = 77;
    how.producer_epoch = 3;
    how.base_sequence = INT32_MAX - 1;
    how.attributes = BATCH_ATTRIBUTE_TRANSACTIONAL;
    struct sample samples[4] = {
        {1000, 5000, SLICE_LIT("a"), SLICE_LIT("first value, first value"), SLICE_NULL, 0},
        {1001, 4000, SLICE_NULL, SLICE_LIT("second"), SLICE_NULL, 0},
        {1002, 6000, SLICE_LIT(""), SLICE_NULL, SLICE_NULL, 0},
        {1003, 5999, SLICE_LIT("d"), SLICE_LIT(""), SLICE_NULL, 0},
    };
    build(&how, samples, ARRAY_LEN(samples), out);
}

static void test_header_fields(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, LIMIT);
    build_example(COMPRESSION_LZ4, &out);
    batch_stamp(out.data, 123456789012, 42);
    struct batch_view view;
    assert_int_equal(batch_view(buffer_slice(&out), &view, NULL), ERR_OK);
    assert_int_equal(batch_check_crc(&view), ERR_OK);
    assert_int_equal(view.base_offset, 123456789012);
    assert_int_equal(view.last_offset, 123456789015);
    assert_int_equal(view.partition_leader_epoch, 42);
    assert_int_equal(view.base_timestamp_ms, 5000);
    assert_int_equal(view.max_timestamp_ms, 6000);
    assert_int_equal(view.producer_id, 77);
    assert_int_equal(view.producer_epoch, 3);
    assert_int_equal(view.record_count, 4);
    assert_int_equal(batch_codec(&view), COMPRESSION_LZ4);
    assert_true(batch_is_transactional(&view));
    assert_false(batch_is_control(&view));
    /* The sequence wraps: 2^31-2, 2^31-1, 0, 1. */
    assert_int_equal(batch_last_sequence(&view), 1);

    batch_stamp_append_time(out.data, out.len, 9999);
    assert_int_equal(batch_view(buffer_slice(&out), &view, NULL), ERR_OK);
    assert_int_equal(batch_check_crc(&view), ERR_OK);
    assert_int_equal(view.max_timestamp_ms, 9999);
    assert_true((view.attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0);
    buffer_release(&out);
}

static void test_truncations(void **state)
{
    (void)state;
    for (int codec = 0; codec <= COMPRESSION_ZSTD; codec++) {
        struct buffer out;
        buffer_init(&out, LIMIT);
        build_example(codec, &out);
        for (size_t len = 0; len < out.len; len++) {
            struct batch_view view;
            size_t need = 0;
            uint8_t *part = mem_alloc(len + 1);
            memcpy(part, out.data, len);
            assert_int_equal(batch_view(slice_of(part, len), &view, &need), ERR_TRUNCATED);
            assert_int_equal(need, len < BATCH_LOG_OVERHEAD + 5 ? BATCH_LOG_OVERHEAD + 5 : out.len);
            mem_free(part, len + 1);
        }
        buffer_release(&out);
    }
}

/* Walks all that is there; whether it is right is not asked, that it ends is. */
static int walk(struct slice bytes, struct buffer *scratch)
{
    struct batch_view view;
    int err = batch_view(bytes, &view, NULL);
    if (err != 0) {
        return err;
    }
    struct record_iterator iterator;
    err = record_iterator_init(&iterator, &view, UNPACK_MAX, scratch);
    struct record record;
    while (err == 0) {
        err = record_iterator_next(&iterator, &record);
    }
    return err == ERR_END ? ERR_OK : err;
}

static void test_flipped_bits(void **state)
{
    (void)state;
    struct buffer scratch;
    buffer_init(&scratch, LIMIT);
    for (int codec = 0; codec <= COMPRESSION_ZSTD; codec++) {
        struct buffer out;
        buffer_init(&out, LIMIT);
        build_example(codec, &out);
        for (size_t bit = 0; bit < out.len * 8; bit++) {
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct batch_view view;
            bool is_stamp = bit / 8 < 8 || (bit / 8 >= 12 && bit / 8 < 16);
            int err = batch_view(buffer_slice(&out), &view, NULL);
            err = err != 0 ? err : batch_check_crc(&view);
            /* What lies outside of the CRC is the broker's to stamp; all else is found. */
            assert_int_equal(err == 0, is_stamp);
            (void)walk(buffer_slice(&out), &scratch);
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(walk(buffer_slice(&out), &scratch), ERR_OK);
        buffer_release(&out);
    }
    buffer_release(&scratch);
}

/* A batch that lies: counts and lengths inside, under a CRC that fits. */
static void test_lies(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } lies[] = {
        {57, 0x7f}, /* two billion records */
        {57, 0x80}, /* a negative count */
        {60, 3},    /* one record less than there are */
        {60, 5},    /* one more */
        {61, 0x7f}, /* a first record that is longer than all */
        {61, 0x01}, /* of negative length */
        {64, 0x01}, /* a negative offset delta */
        {65, 0x7e}, /* a key that leaves its record */
        {67, 0x7e}, /* a value that does */
        {65, 0x03}, /* a key of length -2 */
    };
    struct buffer scratch;
    buffer_init(&scratch, LIMIT);
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct buffer out;
        buffer_init(&out, LIMIT);
        build_example(COMPRESSION_NONE, &out);
        assert_true(out.data[lies[i].at] != lies[i].byte);
        out.data[lies[i].at] = lies[i].byte;
        batch_stamp_crc(out.data, out.len);
        assert_int_equal(walk(buffer_slice(&out), &scratch), ERR_CORRUPT);
        buffer_release(&out);
    }
    buffer_release(&scratch);
}

static void test_impossible_frames(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        uint8_t magic;
    } frames[] = {{0, 2}, {48, 2}, {13, 0}, {21, 1}, {0x80000000u, 2}, {100, 3}, {100, 255}};
    uint8_t bytes[128] = {0};
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct batch_view view;
        store_be32(bytes + 8, frames[i].size);
        bytes[16] = frames[i].magic;
        assert_int_equal(batch_view(slice_of(bytes, sizeof bytes), &view, NULL), ERR_CORRUPT);
    }
}

static void test_builder_limits(void **state)
{
    (void)state;
    for (int codec = 0; codec <= COMPRESSION_ZSTD; codec++) {
        for (int8_t magic = 0; magic <= 2; magic++) {
            struct buffer out;
            buffer_init(&out, 300);
            buffer_append_cstr(&out, "before");
            struct batch_build how;
            batch_build_defaults(&how);
            how.magic = magic;
            how.codec = codec;
            struct batch_builder builder;
            batch_builder_init(&builder, &how, &out);
            for (int64_t i = 0; i < 10; i++) {
                batch_builder_add(&builder, i, i, SLICE_NULL, slice_of(noise, 100), SLICE_NULL, 0);
            }
            assert_int_equal(batch_builder_finish(&builder, 0), ERR_LIMIT);
            assert_true(slice_equal_cstr(buffer_slice(&out), "before"));
            buffer_release(&out);
        }
    }
    /* Nothing added, nothing written. */
    struct buffer out;
    buffer_init(&out, 300);
    struct batch_build how;
    batch_build_defaults(&how);
    struct batch_builder builder;
    batch_builder_init(&builder, &how, &out);
    assert_int_equal(batch_builder_finish(&builder, 7), ERR_OK);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

static void test_range_is_kept(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, LIMIT);
    struct batch_build how;
    batch_build_defaults(&how);
    how.base_offset = 100;
    how.attributes = BATCH_ATTRIBUTE_DELETE_HORIZON;
    how.delete_horizon_ms = 777000;
    struct batch_builder builder;
    batch_builder_init(&builder, &how, &out);
    batch_builder_add(&builder, 103, 5, SLICE_LIT("k"), SLICE_NULL, SLICE_NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, 109), ERR_OK);
    struct batch_view view;
    assert_int_equal(batch_view(buffer_slice(&out), &view, NULL), ERR_OK);
    assert_int_equal(view.base_offset, 100);
    assert_int_equal(view.last_offset, 109);
    assert_int_equal(view.base_timestamp_ms, 777000);
    struct sample sample = {103, 5, SLICE_LIT("k"), SLICE_NULL, SLICE_NULL, 0};
    check(buffer_slice(&out), 2, 0, &sample, 1);
    buffer_release(&out);
}

/* Up and down again: what both forms can tell is the same. */
static void test_conversions(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 2);
    struct sample samples[RECORDS_MAX];
    struct buffer a;
    struct buffer b;
    struct buffer headers;
    buffer_init(&a, LIMIT);
    buffer_init(&b, LIMIT);
    buffer_init(&headers, LIMIT);
    for (int round = 0; round < 300; round++) {
        int64_t base = 1 + (int64_t)random_below(&random, 1ULL << 40);
        size_t count = 1 + random_below(&random, RECORDS_MAX);
        struct batch_build how;
        batch_build_defaults(&how);
        how.magic = (int8_t)random_below(&random, 3);
        how.codec = random_codec(&random, 0);
        how.base_offset = base;
        int8_t to = (int8_t)random_below(&random, 3);
        buffer_clear(&a, LIMIT);
        buffer_clear(&b, LIMIT);
        buffer_clear(&headers, LIMIT);
        fill_samples(&random, samples, count, base, &headers);
        build(&how, samples, count, &a);
        if (how.magic < 2 || to < 2) {
            for (size_t i = 0; i < count; i++) {
                samples[i].headers = SLICE_NULL;
                samples[i].header_count = 0;
            }
        }
        if (how.magic == 0 && to == 2) {
            for (size_t i = 0; i < count; i++) {
                samples[i].timestamp_ms = NO_TIMESTAMP;
            }
        }
        /* A cut batch at the end is dropped. */
        uint8_t begin[BATCH_LOG_OVERHEAD + LEGACY_HEADER_BYTES_MIN];
        size_t whole = a.len;
        size_t tail = random_below(&random, sizeof begin); /* no whole message */

        memcpy(begin, a.data, tail);
        buffer_append(&a, slice_of(begin, tail));
        assert_int_equal(records_convert(buffer_slice(&a), to, 0, UNPACK_MAX, &b), ERR_OK);
        if (how.magic == to || (how.magic < to && to < 2)) {
            assert_true(slice_equal(buffer_slice(&b), slice_of(a.data, whole)));
        } else {
            check(buffer_slice(&b), to, 0, samples, count);
        }
    }
    buffer_release(&headers);
    buffer_release(&b);
    buffer_release(&a);
}

static void test_conversion_rules(void **state)
{
    (void)state;
    struct buffer a;
    struct buffer b;
    buffer_init(&a, LIMIT);
    buffer_init(&b, LIMIT);
    /* zstd cannot go down, and nothing is left behind. */
    build_example(COMPRESSION_NONE, &a);
    build_example(COMPRESSION_ZSTD, &a);
    assert_int_equal(records_convert(buffer_slice(&a), 1, 0, UNPACK_MAX, &b), ERR_UNSUPPORTED);
    assert_int_equal(b.len, 0);
    /* Control batches are left out; plain records below the first wanted offset, too. */
    buffer_clear(&a, LIMIT);
    build_example(COMPRESSION_NONE, &a);
    size_t first = a.len;
    build_example(COMPRESSION_NONE, &a);
    store_be16(a.data + 21, BATCH_ATTRIBUTE_CONTROL | BATCH_ATTRIBUTE_TRANSACTIONAL);
    assert_int_equal(records_convert(buffer_slice(&a), 0, 1002, UNPACK_MAX, &b), ERR_OK);
    struct sample samples[2] = {
        {1002, 6000, SLICE_LIT(""), SLICE_NULL, SLICE_NULL, 0},
        {1003, 5999, SLICE_LIT("d"), SLICE_LIT(""), SLICE_NULL, 0},
    };
    assert_true(first > 0);
    check(buffer_slice(&b), 0, 0, samples, 2);
    buffer_release(&b);
    buffer_release(&a);
}

/* Old producers that give every message the offset 0: the run becomes one batch, counted up. */
static void test_equal_offsets_going_up(void **state)
{
    (void)state;
    struct buffer a;
    struct buffer b;
    buffer_init(&a, LIMIT);
    buffer_init(&b, LIMIT);
    struct sample samples[3];
    for (int64_t i = 0; i < 3; i++) {
        struct batch_build how;
        batch_build_defaults(&how);
        how.magic = 1;
        samples[i] = (struct sample){0, 10 + i, SLICE_NULL, SLICE_LIT("x"), SLICE_NULL, 0};
        build(&how, &samples[i], 1, &a);
        samples[i].offset = i;
    }
    assert_int_equal(records_convert(buffer_slice(&a), 2, 0, UNPACK_MAX, &b), ERR_OK);
    struct batch_view view;
    assert_int_equal(batch_view(buffer_slice(&b), &view, NULL), ERR_OK);
    assert_int_equal(view.record_count, 3);
    assert_int_equal(view.bytes.len, b.len);
    check(buffer_slice(&b), 2, 0, samples, 3);
    buffer_release(&b);
    buffer_release(&a);
}

static void test_crc32c(void **state)
{
    (void)state;
    /* The check value of the algorithm's catalogue, and RFC 3720's 32 zeros. */
    static const uint8_t zeros[32] = {0};
    assert_int_equal(crc32c_update(0, SLICE_LIT("123456789")), 0xe3069283u);
    assert_int_equal(crc32c_update(0, slice_of(zeros, sizeof zeros)), 0x8a9136aau);
    assert_int_equal(crc32c_update(0, SLICE_NULL), 0);
    for (size_t len = 0; len < 700; len++) {
        struct slice all = slice_of(noise + len % 7, len);
        uint32_t crc = crc32c_update_portable(0, all);
        assert_int_equal(crc32c_update(0, all), crc);
        uint32_t first = crc32c_update(0, slice_part(all, 0, len / 3));
        assert_int_equal(crc32c_update(first, slice_part(all, len / 3, len)), crc);
    }
}

static void test_varints(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 3);
    for (int round = 0; round < 20000; round++) {
        int64_t value = (int64_t)(random_next(&random) >> random_below(&random, 64));
        value = random_chance(&random, 1, 2) ? -value : value;
        uint8_t bytes[VARLONG_BYTES_MAX];
        size_t len = (size_t)(varint_write(bytes, value) - bytes);
        assert_int_equal(len, varint_size(value));
        int64_t got = 0;
        struct slice in = slice_of(bytes, len);
        assert_int_equal(varlong_read(&in, &got), ERR_OK);
        assert_int_equal(got, value);
        assert_int_equal(in.len, 0);
        in = slice_of(bytes, len - 1);
        assert_int_equal(varlong_read(&in, &got), ERR_TRUNCATED);
        int32_t narrow = 0;
        in = slice_of(bytes, len);
        bool fits = value >= INT32_MIN && value <= INT32_MAX;
        assert_int_equal(varint_read(&in, &narrow), fits ? ERR_OK : ERR_CORRUPT);
        assert_true(!fits || narrow == value);
    }
}

int main(void)
{
    struct random random;
    random_init(&random, 99);
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i < 2048 ? 'a' + random_below(&random, 4) : random_next(&random));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_varints),
        cmocka_unit_test(test_header_fields),
        cmocka_unit_test(test_random_batches),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_impossible_frames),
        cmocka_unit_test(test_builder_limits),
        cmocka_unit_test(test_range_is_kept),
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_conversion_rules),
        cmocka_unit_test(test_equal_offsets_going_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
