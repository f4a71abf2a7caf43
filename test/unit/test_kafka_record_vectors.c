/* Batches that Apache's own classes made (test/schema/record_vectors.txt, record_records.py beside
 * it makes it anew): every batch reads as Apache reads it, uncompressed ones are built again byte
 * for byte, and what Apache converted down is what we make of it.
 *
 * Called with a file, the program checks that one instead; with --write FILE it writes batches of
 * its own for Apache's classes to read.
 */
#include "base/crc32.h"
#include "base/random.h"
#include "support_codec.h"
#include "wire/record_batch.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIMIT ((size_t)8 * 1024 * 1024)
#define LONG_FIELD 64
#define LINE_MAX_BYTES ((size_t)1024 * 1024)

static const char *vector_path;

/* What one file's batches read as, in the text of RecordVectors.java. */
static void print_field(struct buffer *text, struct slice field)
{
    if (slice_is_null(field)) {
        buffer_append_cstr(text, "-");
    } else if (field.len > LONG_FIELD) {
        buffer_append_cstr(text, "@");
        buffer_append_unsigned(text, field.len);
        buffer_append_cstr(text, ":");
        buffer_append_unsigned(text, crc32_update(0, field));
    } else if (field.len == 0) {
        buffer_append_cstr(text, "=");
    }
    for (size_t i = 0; i < field.len && field.len <= LONG_FIELD; i++) {
        buffer_append_u8(text, (uint8_t)"0123456789abcdef"[field.ptr[i] >> 4]);
        buffer_append_u8(text, (uint8_t)"0123456789abcdef"[field.ptr[i] & 15]);
    }
}

static void print_numbers(struct buffer *text,
                          const char *word,
                          const int64_t *numbers,
                          size_t count)
{
    buffer_append_cstr(text, word);
    for (size_t i = 0; i < count; i++) {
        buffer_append_cstr(text, " ");
        buffer_append_decimal(text, numbers[i]);
    }
}

static void print_record(struct buffer *text, const struct record *record)
{
    int64_t numbers[] = {record->offset, record->timestamp_ms, record->sequence};
    print_numbers(text, "record", numbers, ARRAY_LEN(numbers));
    buffer_append_cstr(text, " ");
    print_field(text, record->key);
    buffer_append_cstr(text, " ");
    print_field(text, record->value);
    struct slice headers = record->headers;
    for (int32_t i = 0; i < record->header_count; i++) {
        struct record_header header;
        assert_int_equal(record_headers_next(&headers, &header), ERR_OK);
        buffer_append_cstr(text, " ");
        print_field(text, header.key);
        buffer_append_cstr(text, " ");
        print_field(text, header.value);
    }
    buffer_append_cstr(text, "\n");
}

static void print_batches(struct buffer *text, struct slice bytes)
{
    struct buffer scratch;
    buffer_init(&scratch, LIMIT);
    while (bytes.len > 0) {
        struct batch_view view;
        assert_int_equal(batch_view(bytes, &view, NULL), ERR_OK);
        assert_int_equal(batch_check_crc(&view), ERR_OK);
        if (view.magic == 2) {
            int64_t numbers[] = {
                view.base_offset,      view.last_offset, view.partition_leader_epoch,
                view.max_timestamp_ms, view.producer_id, view.producer_epoch,
                view.base_sequence,    view.record_count};
            print_numbers(text, "header", numbers, ARRAY_LEN(numbers));
            buffer_append_cstr(text, "\n");
        }
        struct record_iterator iterator;
        assert_int_equal(record_iterator_init(&iterator, &view, LIMIT, &scratch), ERR_OK);
        struct record record;
        int err;
        while ((err = record_iterator_next(&iterator, &record)) == ERR_OK) {
            print_record(text, &record);
        }
        assert_int_equal(err, ERR_END);
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
    }
    buffer_release(&scratch);
}

/* An uncompressed batch of magic 2 from the records of another: the same bytes. */
static void build_again(struct slice bytes)
{
    struct batch_view view;
    assert_int_equal(batch_view(bytes, &view, NULL), ERR_OK);
    if (view.magic < 2 || batch_codec(&view) != COMPRESSION_NONE || batch_is_control(&view)) {
        return;
    }
    struct batch_build build;
    batch_build_defaults(&build);
    build.attributes = view.attributes;
    build.base_offset = view.base_offset;
    build.partition_leader_epoch = view.partition_leader_epoch;
    build.producer_id = view.producer_id;
    build.producer_epoch = view.producer_epoch;
    build.base_sequence = view.base_sequence;
    build.log_append_time_ms = view.max_timestamp_ms;
    struct buffer out;
    buffer_init(&out, LIMIT);
    struct batch_builder builder;
    batch_builder_init(&builder, &build, &out);
    struct record_iterator iterator;
    struct batch_view as_created = view;
    as_created.attributes &= (int16_t)~BATCH_ATTRIBUTE_LOG_APPEND_TIME;
    assert_int_equal(record_iterator_init(&iterator, &as_created, LIMIT, NULL), ERR_OK);
    struct record record;
    while (record_iterator_next(&iterator, &record) == ERR_OK) {
        batch_builder_add(&builder, record.offset, record.timestamp_ms, record.key, record.value,
                          record.headers, record.header_count);
    }
    assert_int_equal(batch_builder_finish(&builder, view.last_offset), ERR_OK);
    assert_true(slice_equal(buffer_slice(&out), bytes));
    buffer_release(&out);
}

struct reader {
    char *line;
    struct buffer batch; /* of the last "batch" line */
    struct buffer got;   /* what we read, line by line */
    size_t got_at;
    size_t batches;
    size_t records;
    size_t conversions;
};

static struct slice take_hex(const char *hex, struct buffer *to)
{
    buffer_clear(to, LIMIT);
    to->len = bytes_of_hex(hex, buffer_reserve(to, strlen(hex) / 2 + 1), strlen(hex) / 2 + 1);
    return buffer_slice(to);
}

static void expect_batches(struct reader *reader, struct slice bytes)
{
    assert_int_equal(reader->got_at, reader->got.len);
    buffer_clear(&reader->got, LIMIT);
    reader->got_at = 0;
    print_batches(&reader->got, bytes);
}

static void read_down(struct reader *reader)
{
    char *at = reader->line + strlen("down ");
    int8_t magic = (int8_t)strtol(at, &at, 10);
    int64_t first_offset = strtoll(at, &at, 10);
    struct buffer expected;
    struct buffer ours;
    buffer_init(&expected, LIMIT);
    buffer_init(&ours, LIMIT);
    struct slice theirs = take_hex(at + 1, &expected);
    assert_int_equal(
        records_convert(buffer_slice(&reader->batch), magic, first_offset, LIMIT, &ours), ERR_OK);
    struct batch_view view;
    assert_int_equal(batch_view(buffer_slice(&reader->batch), &view, NULL), ERR_OK);
    if (batch_codec(&view) == COMPRESSION_NONE) {
        assert_true(slice_equal(buffer_slice(&ours), theirs));
    }
    expect_batches(reader, buffer_slice(&ours));
    reader->conversions += 1;
    buffer_release(&ours);
    buffer_release(&expected);
}

static void read_line(struct reader *reader)
{
    if (strncmp(reader->line, "batch ", 6) == 0) {
        struct slice bytes = take_hex(reader->line + 6, &reader->batch);
        expect_batches(reader, bytes);
        build_again(bytes);
        reader->batches += 1;
    } else if (strncmp(reader->line, "down ", 5) == 0) {
        read_down(reader);
    } else {
        size_t len = strlen(reader->line);
        struct slice got = buffer_slice(&reader->got);
        struct slice rest = slice_part(got, reader->got_at, got.len);
        if (!slice_starts_with(rest, slice_of(reader->line, len))) {
            print_message("Apache: %sours:   %.200s\n", reader->line, (const char *)rest.ptr);
            fail();
        }
        reader->got_at += len;
        reader->records += strncmp(reader->line, "record ", 7) == 0 ? 1u : 0u;
    }
}

static void test_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(vector_path, "r");
    assert_non_null(file);
    struct reader reader = {.line = malloc(LINE_MAX_BYTES)};
    buffer_init(&reader.batch, LIMIT);
    buffer_init(&reader.got, LIMIT);
    while (fgets(reader.line, (int)LINE_MAX_BYTES, file) != NULL) {
        read_line(&reader);
    }
    assert_int_equal(reader.got_at, reader.got.len);
    assert_true(reader.batches >= 30);
    assert_true(reader.records >= 100);
    print_message("%zu batches, %zu records, %zu conversions\n", reader.batches, reader.records,
                  reader.conversions);
    (void)fclose(file);
    free(reader.line);
    buffer_release(&reader.batch);
    buffer_release(&reader.got);
}

/* ---- the other way round: for Apache's classes to read --------------------------------------- */

static void write_batch(FILE *file, struct random *random, int8_t magic, int codec, int count)
{
    static uint8_t noise[100000];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i % 1000 < 300 ? random_next(random) : 'a' + i % 3);
    }
    struct batch_build build;
    batch_build_defaults(&build);
    build.magic = magic;
    build.codec = codec;
    build.base_offset = (int64_t)random_below(random, 1000000);
    struct buffer out;
    struct buffer headers;
    buffer_init(&out, LIMIT);
    buffer_init(&headers, LIMIT);
    struct batch_builder builder;
    batch_builder_init(&builder, &build, &out);
    record_header_append(&headers, SLICE_LIT("name"), SLICE_NULL);
    record_header_append(&headers, SLICE_LIT(""), SLICE_LIT("value"));
    for (int i = 0; i < count; i++) {
        size_t len = random_chance(random, 1, 10) ? sizeof noise : random_below(random, 300);
        batch_builder_add(&builder, build.base_offset + i, 1700000000000 + 7 * i,
                          i % 3 == 0 ? SLICE_NULL : SLICE_LIT("key"),
                          i % 5 == 4 ? SLICE_NULL : slice_of(noise, len), buffer_slice(&headers),
                          2);
    }
    assert_int_equal(batch_builder_finish(&builder, 0), ERR_OK);
    (void)fputs("batch ", file);
    for (size_t i = 0; i < out.len; i++) {
        (void)fprintf(file, "%02x", out.data[i]);
    }
    (void)fputs("\n", file);
    buffer_release(&headers);
    buffer_release(&out);
}

static int write_ours(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    struct random random;
    random_init(&random, 11);
    for (int8_t magic = 0; magic <= 2; magic++) {
        for (int codec = 0; codec <= (magic < 2 ? COMPRESSION_LZ4 : COMPRESSION_ZSTD); codec++) {
            for (int count = 1; count < 12; count += 5) {
                write_batch(file, &random, magic, codec, count);
            }
        }
    }
    return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        return write_ours(argv[2]);
    }
    vector_path = argc == 2 ? argv[1] : "test/schema/record_vectors.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
