/* fuzz_record_batch.c - any bytes as a set of batches, as a broker gets them from a producer.
 *
 * First byte: what is done with the rest. Most inputs would end at the CRC, so that is made right
 * first in half of them. Beside "does not crash": what a batch of magic 2 holds, built again and
 * read again, is the same; conversions give batches that can be read, with a CRC that fits; nothing
 * unpacks to more than it may.
 */
#include "base/crc32.h"
#include "wire/record_batch.h"

#define UNPACK_MAX ((size_t)1 << 20)
#define OUTPUT_MAX ((size_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_field(struct slice a, struct slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_equal(a, b);
}

static int open_batch(struct slice bytes,
                      struct batch_view *view,
                      struct record_iterator *iterator,
                      struct buffer *scratch)
{
    int err = batch_view(bytes, view, NULL);
    err = err != 0 ? err : record_iterator_init(iterator, view, UNPACK_MAX, scratch);
    ASSERT(err != 0 || scratch->len <= UNPACK_MAX);
    return err;
}

/* Reads all batches; the caller knows that they are good. */
static void read_good(struct slice bytes)
{
    struct buffer scratch;
    buffer_init(&scratch, OUTPUT_MAX);
    while (bytes.len > 0) {
        struct batch_view view;
        struct record_iterator iterator;
        struct record record;
        int err = open_batch(bytes, &view, &iterator, &scratch);
        if (err == ERR_LIMIT) {
            break; /* what was just below the bound can be just above it in the new form */
        }
        ASSERT(err == 0 && batch_check_crc(&view) == 0);
        while ((err = record_iterator_next(&iterator, &record)) == 0) {
        }
        ASSERT(err == ERR_END);
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
    }
    buffer_release(&scratch);
}

static void convert(struct slice in, int8_t magic)
{
    struct buffer out;
    buffer_init(&out, OUTPUT_MAX);
    struct batch_view view;
    /* Offsets that a log gives are neither negative nor near the end of their type. */
    bool changes = batch_view(in, &view, NULL) == 0 && view.magic != magic &&
                   view.base_offset >= 0 && view.base_offset < INT64_MAX / 2;
    if (records_convert(in, magic, 3, UNPACK_MAX, &out) != 0) {
        ASSERT(out.len == 0);
    } else if (changes && (view.magic == 2) != (magic == 2) && view.bytes.len == in.len) {
        read_good(buffer_slice(&out));
    }
    buffer_release(&out);
}

/* The same records in a batch of our own, read back beside the first. */
static void build_again(const struct batch_view *view, struct buffer *scratch)
{
    struct buffer out;
    struct buffer other_scratch;
    buffer_init(&out, OUTPUT_MAX);
    buffer_init(&other_scratch, OUTPUT_MAX);
    struct batch_build build;
    batch_build_defaults(&build);
    build.base_offset = view->base_offset;
    struct batch_builder builder;
    batch_builder_init(&builder, &build, &out);
    struct record_iterator iterator;
    struct record record;
    int64_t last = view->base_offset - 1;
    int err = record_iterator_init(&iterator, view, UNPACK_MAX, scratch);
    while (err == 0 && (err = record_iterator_next(&iterator, &record)) == 0) {
        if (record.offset <= last || view->base_offset < 0 ||
            record.offset - view->base_offset > INT32_MAX) {
            break; /* only a builder insists on order, and on what a batch of today can hold */
        }
        last = record.offset;
        batch_builder_add(&builder, record.offset, record.timestamp_ms, record.key, record.value,
                          record.headers, record.header_count);
    }
    bool is_whole = err == ERR_END && builder.record_count > 0;
    int built = batch_builder_finish(&builder, last);
    struct batch_view ours;
    struct record_iterator other;
    if (is_whole && built == 0) {
        ASSERT(open_batch(buffer_slice(&out), &ours, &other, &other_scratch) == 0);
        ASSERT(record_iterator_init(&iterator, view, UNPACK_MAX, scratch) == 0);
        struct record copy;
        while (record_iterator_next(&iterator, &record) == 0) {
            ASSERT(record_iterator_next(&other, &copy) == 0);
            ASSERT(copy.offset == record.offset && copy.timestamp_ms == record.timestamp_ms);
            ASSERT(same_field(copy.key, record.key) && same_field(copy.value, record.value));
            ASSERT(slice_equal(copy.headers, record.headers));
        }
        ASSERT(record_iterator_next(&other, &copy) == ERR_END);
    }
    buffer_release(&other_scratch);
    buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > UNPACK_MAX) {
        return 0;
    }
    struct buffer in;
    struct buffer scratch;
    buffer_init(&in, OUTPUT_MAX);
    buffer_init(&scratch, OUTPUT_MAX);
    buffer_append(&in, slice_of(data + 1, size - 1));
    uint8_t choice = data[0];
    struct batch_view view;
    if (batch_view(buffer_slice(&in), &view, NULL) == 0) {
        if (choice & 1 && view.magic == 2) {
            batch_stamp_crc(in.data, view.bytes.len);
            ASSERT(batch_check_crc(&view) == 0);
        }
        (void)!batch_check_crc(&view);
        (void)batch_last_sequence(&view);
        build_again(&view, &scratch);
    }
    convert(buffer_slice(&in), (int8_t)((choice >> 1) % 3));
    (void)!decompress_append(choice >> 3 & 7, buffer_slice(&in), UNPACK_MAX, &scratch);
    buffer_release(&scratch);
    buffer_release(&in);
    return 0;
}
