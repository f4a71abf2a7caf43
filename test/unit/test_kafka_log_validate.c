/* What a log takes and what it refuses: each rule of LogValidator and of what stands before it, by
 * Kafka's codes. */
#include "unit/support_kafka_log.h"

#include "base/endian.h"
#include "wire/varint.h"

#define LENGTH_AT 8
#define MAGIC_AT 16
#define CRC_AT 17
#define ATTRIBUTES_AT 21
#define LAST_OFFSET_DELTA_AT 23
#define PRODUCER_ID_AT 43
#define BASE_SEQUENCE_AT 53
#define RECORD_COUNT_AT 57

/* ---- header rules ---------------------------------------------------------------------------- */

struct rule {
    const char *name;
    void (*spoil)(uint8_t *batch, size_t len);
    bool keeps_crc; /* the CRC is left as it was */
    int16_t error;
};

static void spoil_base_offset(uint8_t *batch, size_t len)
{
    (void)len;
    store_be64(batch, 1);
}

static void spoil_payload(uint8_t *batch, size_t len)
{
    batch[len - 1] ^= 1;
}

static void spoil_magic(uint8_t *batch, size_t len)
{
    (void)len;
    batch[MAGIC_AT] = 3;
}

static void spoil_length(uint8_t *batch, size_t len)
{
    (void)len;
    store_be32(batch + LENGTH_AT, 10);
}

static void spoil_negative_length(uint8_t *batch, size_t len)
{
    (void)len;
    store_be32(batch + LENGTH_AT, 0x80000010);
}

static void spoil_count(uint8_t *batch, size_t len)
{
    (void)len;
    store_be32(batch + RECORD_COUNT_AT, 2);
}

static void spoil_count_to_none(uint8_t *batch, size_t len)
{
    (void)len;
    store_be32(batch + RECORD_COUNT_AT, 0);
}

static void spoil_delta(uint8_t *batch, size_t len)
{
    (void)len;
    store_be32(batch + LAST_OFFSET_DELTA_AT, 5);
}

static void spoil_negative_delta(uint8_t *batch, size_t len)
{
    (void)len;
    store_be32(batch + LAST_OFFSET_DELTA_AT, UINT32_MAX);
}

static void spoil_control(uint8_t *batch, size_t len)
{
    (void)len;
    store_be16(batch + ATTRIBUTES_AT, BATCH_ATTRIBUTE_CONTROL);
}

static void spoil_sequence(uint8_t *batch, size_t len)
{
    (void)len;
    store_be64(batch + PRODUCER_ID_AT, 7);
    store_be32(batch + BASE_SEQUENCE_AT, UINT32_MAX);
}

static void spoil_codec(uint8_t *batch, size_t len)
{
    (void)len;
    store_be16(batch + ATTRIBUTES_AT, 5);
}

static void spoil_record_length(uint8_t *batch, size_t len)
{
    (void)len;
    batch[BATCH_HEADER_BYTES] = 2; /* the first record is one byte long */
}

static void spoil_record_end(uint8_t *batch, size_t len)
{
    (void)len;
    batch[BATCH_HEADER_BYTES] = 0x7e; /* and longer than the batch */
}

static const struct rule rules[] = {
    {"a good batch", NULL, false, 0},
    {"base offset not 0", spoil_base_offset, false, KAFKA_ERROR_INVALID_RECORD},
    {"CRC", spoil_payload, true, KAFKA_ERROR_CORRUPT_MESSAGE},
    {"magic 3", spoil_magic, true, KAFKA_ERROR_CORRUPT_MESSAGE},
    {"length below the least", spoil_length, true, KAFKA_ERROR_CORRUPT_MESSAGE},
    {"negative length", spoil_negative_length, true, KAFKA_ERROR_CORRUPT_MESSAGE},
    {"count and offsets differ", spoil_count, false, KAFKA_ERROR_INVALID_RECORD},
    {"no records", spoil_count_to_none, false, KAFKA_ERROR_INVALID_RECORD},
    {"offsets and count differ", spoil_delta, false, KAFKA_ERROR_INVALID_RECORD},
    {"offsets run backwards", spoil_negative_delta, false, KAFKA_ERROR_INVALID_RECORD},
    {"control batch", spoil_control, false, KAFKA_ERROR_INVALID_RECORD},
    {"producer without sequence", spoil_sequence, false, KAFKA_ERROR_INVALID_RECORD},
    {"unknown codec", spoil_codec, false, KAFKA_ERROR_CORRUPT_MESSAGE},
    {"record of one byte", spoil_record_length, false, KAFKA_ERROR_INVALID_RECORD},
    {"record beyond the batch", spoil_record_end, false, KAFKA_ERROR_INVALID_RECORD},
};

static void each_rule_has_its_error(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    batch.count = 3;
    for (size_t n = 0; n < ARRAY_LEN(rules); n++) {
        struct slice bytes = fixture_build(fixture, &batch);
        uint8_t *raw = fixture->batch.data;
        if (rules[n].spoil != NULL) {
            rules[n].spoil(raw, bytes.len);
        }
        if (!rules[n].keeps_crc) {
            batch_stamp_crc(raw, bytes.len);
        }
        int64_t before = partition_log_end_offset(fixture->log);
        struct append_result result = fixture_send(fixture, bytes);
        if (result.error != rules[n].error) {
            fail_msg("%s: error %d instead of %d", rules[n].name, result.error, rules[n].error);
        }
        assert_int_equal(partition_log_end_offset(fixture->log),
                         before + (result.error == 0 ? 3 : 0));
        assert_int_equal(result.first_offset, result.error == 0 ? before : -1);
    }
}

/* ---- around the batch ------------------------------------------------------------------------ */

static void a_new_request_has_exactly_one_batch(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct buffer two;
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    assert_int_equal(fixture_send(fixture, SLICE_LIT("")).error, KAFKA_ERROR_INVALID_RECORD);
    buffer_init(&two, SIZE_MAX);
    buffer_append(&two, fixture_build(fixture, &batch));
    buffer_append(&two, buffer_slice(&fixture->batch));
    assert_int_equal(fixture_send(fixture, buffer_slice(&two)).error, KAFKA_ERROR_INVALID_RECORD);
    /* A batch that is cut off behind a whole one is dropped, as Apache drops it. */
    struct append_result result = fixture_send(fixture,
                                               slice_part(buffer_slice(&two), 0, two.len - 1));
    assert_int_equal(result.error, 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 1);
    assert_int_equal(partition_log_size(fixture->log), two.len / 2);
    buffer_release(&two);
}

static void old_requests_may_not_have_zstd(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct append_result result;
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    batch.build.codec = COMPRESSION_ZSTD;
    struct append_request request = {
        .records = fixture_build(fixture, &batch),
        .wall_ms = fixture->wall_ms,
        .requires_magic_2 = true,
    };
    assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
    assert_int_equal(result.error, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    request.may_have_zstd = true;
    assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
    assert_int_equal(result.error, 0);
}

static void sizes_are_bounded(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    fixture->config.max_message_bytes = 1000;
    assert_int_equal(fixture_append(fixture, 1, 900).error, 0);
    assert_int_equal(fixture_append(fixture, 1, 1000).error, KAFKA_ERROR_MESSAGE_TOO_LARGE);
    fixture->config.max_message_bytes = 10000;
    fixture->config.segment_bytes = 5000;
    assert_int_equal(fixture_append(fixture, 1, 4000).error, 0);
    assert_int_equal(fixture_append(fixture, 1, 6000).error, KAFKA_ERROR_RECORD_LIST_TOO_LARGE);
}

/* ---- records --------------------------------------------------------------------------------- */

static void compacted_topics_need_keys(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    fixture_open(fixture, true, 0);
    fixture->config.cleanup_policy = CLEANUP_COMPACT;
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        fixture_batch_defaults(fixture, &batch);
        batch.build.codec = codec;
        batch.count = 2;
        struct append_result result = fixture_send(fixture, fixture_build(fixture, &batch));
        assert_int_equal(result.error, KAFKA_ERROR_INVALID_RECORD);
        assert_int_equal(result.record_error_count, 2);
        assert_int_equal(result.record_errors[1].batch_index, 1);
        assert_string_equal(
            result.record_errors[0].message,
            "Compacted topic cannot accept message without key in topic partition topic-0");
        assert_string_equal(
            result.error_message,
            "One or more records have been rejected due to 2 record errors in total, and only "
            "showing the first three errors at most: [RecordError(batchIndex=0, message='Compacted "
            "topic cannot accept message without key in topic partition topic-0'), "
            "RecordError(batchIndex=1, message='Compacted topic cannot accept message without key "
            "in topic partition topic-0')]");
        batch.has_keys = true;
        assert_int_equal(fixture_send(fixture, fixture_build(fixture, &batch)).error, 0);
    }
}

static void many_bad_records_are_counted(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    fixture_open(fixture, true, 0);
    fixture->config.cleanup_policy = CLEANUP_COMPACT;
    fixture_batch_defaults(fixture, &batch);
    batch.count = 1000;
    struct append_result result = fixture_send(fixture, fixture_build(fixture, &batch));
    assert_int_equal(result.error, KAFKA_ERROR_INVALID_RECORD);
    assert_int_equal(result.record_error_count, 16);
    assert_non_null(strstr(result.error_message, "due to 1000 record errors"));
}

static void timestamps_have_bounds(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    fixture_open(fixture, true, 0);
    fixture->config.message_timestamp_before_max_ms = 1000;
    fixture->config.message_timestamp_after_max_ms = 500;
    static const struct {
        int64_t shift_ms;
        bool is_taken;
    } cases[] = {{0, true}, {-1000, true}, {-1001, false}, {500, true}, {501, false}};
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
            fixture_batch_defaults(fixture, &batch);
            batch.build.codec = codec;
            batch.first_timestamp_ms = fixture->wall_ms + cases[n].shift_ms;
            struct append_result result = fixture_send(fixture, fixture_build(fixture, &batch));
            assert_int_equal(result.error, cases[n].is_taken ? 0 : KAFKA_ERROR_INVALID_TIMESTAMP);
        }
    }
    fixture_batch_defaults(fixture, &batch);
    batch.count = 2;
    batch.step_ms = 600;
    struct append_result result = fixture_send(fixture, fixture_build(fixture, &batch));
    assert_int_equal(result.error, KAFKA_ERROR_INVALID_TIMESTAMP);
    assert_string_equal(result.error_message,
                        "One or more records have been rejected due to invalid timestamp");
    assert_int_equal(result.record_error_count, 1);
    assert_int_equal(result.record_errors[0].batch_index, 1);
    assert_string_equal(result.record_errors[0].message,
                        "Timestamp 1700000000600 of message with offset 1 is out of range. The "
                        "timestamp should be within [1699999999000, 1700000000500]");
}

static void read_first(struct log_fixture *fixture,
                       int64_t offset,
                       struct buffer *bytes,
                       struct batch_view *view)
{
    struct log_read read;
    partition_log_read(fixture->log, offset, 1, true, INT64_MAX, &read);
    assert_int_equal(read.error, 0);
    assert_non_null(read.range.file);
    buffer_clear(bytes, SIZE_MAX);
    assert_int_equal(
        log_range_read(&read.range, 0, buffer_reserve(bytes, read.range.len), read.range.len), 0);
    bytes->len = read.range.len;
    log_range_drop(&read.range);
    assert_int_equal(batch_view(buffer_slice(bytes), view, NULL), 0);
    assert_int_equal(batch_check_crc(view), 0);
}

static void append_time_is_stamped(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct batch_view view;
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fixture_open(fixture, true, 0);
    fixture->config.log_append_time = true;
    fixture_batch_defaults(fixture, &batch);
    batch.first_timestamp_ms = 5;
    struct append_result result = fixture_send(fixture, fixture_build(fixture, &batch));
    assert_int_equal(result.error, 0);
    assert_int_equal(result.log_append_time_ms, fixture->wall_ms);
    assert_int_equal(result.max_timestamp_ms, fixture->wall_ms);
    read_first(fixture, 0, &bytes, &view);
    assert_int_equal(view.max_timestamp_ms, fixture->wall_ms);
    assert_true((view.attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0);
    /* A producer must not do that itself. */
    batch.build.attributes = BATCH_ATTRIBUTE_LOG_APPEND_TIME;
    batch.build.log_append_time_ms = 7;
    result = fixture_send(fixture, fixture_build(fixture, &batch));
    assert_int_equal(result.error, KAFKA_ERROR_INVALID_TIMESTAMP);
    /* Where the topic wants the producer's time, its mark is taken away. */
    fixture->config.log_append_time = false;
    result = fixture_send(fixture, fixture_build(fixture, &batch));
    assert_int_equal(result.error, 0);
    assert_int_equal(result.log_append_time_ms, -1);
    read_first(fixture, result.first_offset, &bytes, &view);
    assert_true((view.attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) == 0);
    buffer_release(&bytes);
}

static void a_false_largest_timestamp_is_corrected(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct batch_view view;
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    batch.count = 3;
    batch.step_ms = -10;
    struct slice built = fixture_build(fixture, &batch);
    store_be64(fixture->batch.data + 35, 1);
    batch_stamp_crc(fixture->batch.data, built.len);
    assert_int_equal(fixture_send(fixture, built).error, 0);
    read_first(fixture, 0, &bytes, &view);
    assert_int_equal(view.max_timestamp_ms, fixture->wall_ms);
    buffer_release(&bytes);
}

/* ---- other codecs and magics ----------------------------------------------------------------- */

static void count_records(const struct batch_view *view, int32_t want, int64_t first_offset)
{
    struct record_iterator iterator;
    struct record record;
    struct buffer scratch;
    int32_t count = 0;
    buffer_init(&scratch, SIZE_MAX);
    assert_int_equal(record_iterator_init(&iterator, view, SIZE_MAX, &scratch), 0);
    int error;
    while ((error = record_iterator_next(&iterator, &record)) == 0) {
        assert_int_equal(record.offset, first_offset + count);
        count += 1;
    }
    assert_int_equal(error, ERR_END);
    assert_int_equal(count, want);
    buffer_release(&scratch);
}

static void the_topics_codec_is_used(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct batch_view view;
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fixture_open(fixture, true, 0);
    for (int to = COMPRESSION_NONE; to <= COMPRESSION_ZSTD; to++) {
        for (int from = COMPRESSION_NONE; from <= COMPRESSION_ZSTD; from++) {
            fixture->config.compression_type = to;
            fixture_batch_defaults(fixture, &batch);
            batch.count = 10;
            batch.build.codec = from;
            batch.build.producer_id = 77;
            batch.build.producer_epoch = 0;
            batch.build.base_sequence = (to * 5 + from) * 10;
            struct append_result result = fixture_send(fixture, fixture_build(fixture, &batch));
            assert_int_equal(result.error, 0);
            assert_int_equal(result.record_count, 10);
            read_first(fixture, result.first_offset, &bytes, &view);
            assert_int_equal(batch_codec(&view), to);
            assert_int_equal(view.producer_id, 77);
            assert_int_equal(view.base_sequence, batch.build.base_sequence);
            count_records(&view, 10, result.first_offset);
        }
    }
    buffer_release(&bytes);
}

static void a_growing_batch_is_measured_again(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    fixture_open(fixture, true, 0);
    fixture->config.compression_type = COMPRESSION_NONE;
    fixture->config.max_message_bytes = 1000;
    fixture_batch_defaults(fixture, &batch);
    batch.build.codec = COMPRESSION_GZIP;
    batch.value_len = 5000;
    assert_int_equal(fixture_send(fixture, fixture_build(fixture, &batch)).error,
                     KAFKA_ERROR_MESSAGE_TOO_LARGE);
    assert_int_equal(partition_log_end_offset(fixture->log), 0);
}

static void old_magics_become_the_topics(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct batch_view view;
    struct buffer bytes;
    struct append_result result;
    buffer_init(&bytes, SIZE_MAX);
    fixture_open(fixture, true, 0);
    for (int8_t magic = 0; magic <= 1; magic++) {
        for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_LZ4; codec++) {
            fixture_batch_defaults(fixture, &batch);
            batch.build.magic = magic;
            batch.build.codec = codec;
            batch.count = 4;
            struct append_request request = {
                .records = fixture_build(fixture, &batch),
                .wall_ms = fixture->wall_ms,
            };
            int64_t end = partition_log_end_offset(fixture->log);
            assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
            assert_int_equal(result.error, 0);
            assert_int_equal(result.first_offset, end);
            assert_int_equal(result.last_offset, end + 3);
            read_first(fixture, end, &bytes, &view);
            assert_int_equal(view.magic, 2);
            assert_int_equal(batch_codec(&view), codec);
            count_records(&view, 4, end);
            /* A newer request must not hold them. */
            request.records = fixture_build(fixture, &batch);
            request.requires_magic_2 = true;
            assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
            assert_int_equal(result.error, KAFKA_ERROR_INVALID_RECORD);
        }
    }
    buffer_release(&bytes);
}

static void packed_records_are_looked_at_when_asked_for(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct append_result result;
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    batch.build.codec = COMPRESSION_LZ4;
    batch.count = 3;
    struct slice bytes = fixture_build(fixture, &batch);
    memset(fixture->batch.data + BATCH_HEADER_BYTES, 0xff, bytes.len - BATCH_HEADER_BYTES);
    batch_stamp_crc(fixture->batch.data, bytes.len);
    struct append_request request = {
        .records = bytes,
        .wall_ms = fixture->wall_ms,
        .requires_magic_2 = true,
    };
    fixture->config.validate_compressed_records = true;
    assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
    assert_int_equal(result.error, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    assert_int_equal(partition_log_end_offset(fixture->log), 0);
    fixture->config.validate_compressed_records = false;
    assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
    assert_int_equal(result.error, 0);
}

static void wrong_offsets_inside_are_made_right(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct batch_view view;
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    batch.count = 3;
    struct slice built = fixture_build(fixture, &batch);
    /* length, attributes, timestamp delta, offset delta: that of the first record */
    fixture->batch.data[BATCH_HEADER_BYTES + 3] = 8;
    batch_stamp_crc(fixture->batch.data, built.len);
    struct append_result result = fixture_send(fixture, built);
    assert_int_equal(result.error, 0);
    read_first(fixture, 0, &bytes, &view);
    count_records(&view, 3, 0);
    buffer_release(&bytes);
}

static void followers_keep_what_the_leader_gave(void **state)
{
    struct log_fixture *fixture = *state;
    struct fixture_batch batch;
    struct batch_view view;
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fixture_open(fixture, true, 0);
    fixture_batch_defaults(fixture, &batch);
    batch.build.base_offset = 100;
    batch.build.partition_leader_epoch = 5;
    batch.count = 3;
    struct append_result result = fixture_send_as(fixture, fixture_build(fixture, &batch),
                                                  APPEND_REPLICATION);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.first_offset, 100);
    assert_int_equal(partition_log_end_offset(fixture->log), 103);
    assert_int_equal(partition_log_latest_epoch(fixture->log), 5);
    read_first(fixture, 50, &bytes, &view);
    assert_int_equal(view.base_offset, 100);
    assert_int_equal(view.partition_leader_epoch, 5);
    result = fixture_send_as(fixture, fixture_build(fixture, &batch), APPEND_REPLICATION);
    assert_int_equal(result.error, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    buffer_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(each_rule_has_its_error),
        LOG_TEST(a_new_request_has_exactly_one_batch),
        LOG_TEST(old_requests_may_not_have_zstd),
        LOG_TEST(sizes_are_bounded),
        LOG_TEST(compacted_topics_need_keys),
        LOG_TEST(many_bad_records_are_counted),
        LOG_TEST(timestamps_have_bounds),
        LOG_TEST(append_time_is_stamped),
        LOG_TEST(a_false_largest_timestamp_is_corrected),
        LOG_TEST(the_topics_codec_is_used),
        LOG_TEST(a_growing_batch_is_measured_again),
        LOG_TEST(old_magics_become_the_topics),
        LOG_TEST(packed_records_are_looked_at_when_asked_for),
        LOG_TEST(wrong_offsets_inside_are_made_right),
        LOG_TEST(followers_keep_what_the_leader_gave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
