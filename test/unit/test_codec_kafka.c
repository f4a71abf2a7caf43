/* The codec on Kafka's dialect: properties of random messages in all versions, every message of
 * schema/kafka in every version as Apache's classes encode it (test/schema/kafka_vectors.txt), and
 * what only hand-made bytes can show. Errors and APIs have Apache's names (kafka_names.txt). */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "generated/sample/messages.h"
#include "support_codec.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct codec_limits limits = {1 << 20, 1 << 20};

static struct arena arena;
static struct buffer buffer;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096, 1 << 20);
    buffer_init(&buffer, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    buffer_release(&buffer);
    return 0;
}

static void test_random_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_message_count; i++) {
        check_random_messages(sample_messages[i], 60);
    }
}

static void test_random_messages_of_the_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; i < kafka_message_count; i++) {
        check_random_messages(kafka_messages[i], 6);
    }
}

static void test_what_apache_encodes(void **state)
{
    (void)state;
    size_t lines = check_vector_file("test/schema/kafka_vectors.txt", kafka_messages,
                                     kafka_message_count);
    assert_int_equal(lines, 1802);
}

static const struct codec_message *find_message(int api_key, const char *end)
{
    for (size_t i = 0; i < kafka_message_count; i++) {
        const char *name = codec_name(kafka_messages[i]);
        if (codec_api_key(kafka_messages[i]) == api_key &&
            strcmp(name + strlen(name) - strlen(end), end) == 0) {
            return kafka_messages[i];
        }
    }
    return NULL;
}

static void check_api(int key, const char *name, int first, int last)
{
    assert_string_equal(kafka_api_name(key), name);
    const struct codec_message *request = find_message(key, "_request");
    const struct codec_message *response = find_message(key, "_response");
    assert_non_null(request);
    assert_non_null(response);
    assert_int_equal(codec_min_version(request), first);
    assert_int_equal(codec_max_version(request), last);
    assert_int_equal(codec_min_version(response), first);
    assert_int_equal(codec_max_version(response), last);
}

/* Lines "error CODE NAME" and "api KEY NAME FIRST LAST", as Apache has them. */
static void test_names_are_apaches(void **state)
{
    (void)state;
    FILE *file = fopen("test/schema/kafka_names.txt", "r");
    assert_non_null(file);
    char line[256];
    size_t errors = 0;
    size_t listed = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char name[128];
        int number = 0;
        int first = 0;
        int last = 0;
        if (sscanf(line, "error %d %127s", &number, name) == 2) {
            assert_string_equal(kafka_error_name(number), name);
            assert_true(strlen(kafka_error_text(number)) > 3);
            errors++;
        } else {
            int fields = sscanf(line, "api %d %127s %d %d", &number, name, &first, &last);
            assert_int_equal(fields, 4);
            check_api(number, name, first, last);
            listed++;
        }
    }
    (void)fclose(file);
    assert_int_equal(errors, 129);
    assert_int_equal(listed, 62);
}

static int decode(const struct codec_message *message,
                  int version,
                  const void *bytes,
                  size_t len,
                  void *value)
{
    struct slice in = slice_of(bytes, len);
    int err = codec_decode(message, version, &in, &limits, &arena, value);
    if (err == 0) {
        assert_int_equal(in.len, 0);
    }
    return err;
}

static void assert_encodes(const struct codec_message *message,
                           int version,
                           const void *value,
                           const void *bytes,
                           size_t len)
{
    buffer_clear(&buffer, SIZE_MAX);
    assert_int_equal(codec_encode(message, version, value, &buffer), 0);
    assert_int_equal(buffer.len, len);
    assert_memory_equal(buffer.data, bytes, len);
}

static void test_header_keeps_the_classic_string(void **state)
{
    (void)state;
    /* ApiVersions v3, correlation 7, client "cl": int16 length in a header that ends with tagged
     * fields. */
    static const uint8_t bytes[] = {0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 'c', 'l', 0};
    struct kafka_request_header header;
    assert_int_equal(decode(&kafka_request_header_message, 2, bytes, sizeof bytes, &header), 0);
    assert_int_equal(header.request_api_key, 18);
    assert_int_equal(header.correlation_id, 7);
    assert_true(slice_equal(header.client_id, SLICE_LIT("cl")));
    assert_encodes(&kafka_request_header_message, 2, &header, bytes, sizeof bytes);
}

static void test_unknown_tags_are_kept(void **state)
{
    (void)state;
    /* Tags 0 and 300 are unknown to the request; the names are "k" and "". */
    static const uint8_t bytes[] = {2, 'k', 1, 2, 0, 3, 'a', 'b', 'c', 0xac, 2, 0};
    struct kafka_api_versions_request request;
    const struct codec_message *message = &kafka_api_versions_request_message;
    assert_int_equal(decode(message, 3, bytes, sizeof bytes, &request), 0);
    assert_true(slice_equal(request.client_software_name, SLICE_LIT("k")));
    assert_int_equal(request.unknown_tagged_fields_count, 2);
    assert_int_equal(request.unknown_tagged_fields[0].tag, 0);
    assert_true(slice_equal(request.unknown_tagged_fields[0].bytes, SLICE_LIT("abc")));
    assert_int_equal(request.unknown_tagged_fields[1].tag, 300);
    assert_encodes(message, 3, &request, bytes, sizeof bytes);
    buffer_clear(&buffer, SIZE_MAX);
    codec_print(message, 3, &request, &buffer);
    assert_true(slice_equal_cstr(buffer_slice(&buffer),
                                 "{\"client_software_name\":\"k\",\"client_software_version\":\"\","
                                 "\"unknown_tagged_fields\":{\"0\":\"616263\",\"300\":\"\"}}"));
}

static void test_known_and_unknown_tags_are_merged(void **state)
{
    (void)state;
    /* ApiVersions response v3: error 0, no APIs, throttle 0, then the tags 1 (epoch 5),
     * 3 (ready) and 9 (unknown). */
    static const uint8_t bytes[] = {0, 0, 1, 0, 0, 0, 0, 3, 1, 8, 0, 0,
                                    0, 0, 0, 0, 0, 5, 3, 1, 1, 9, 1, 'x'};
    struct kafka_api_versions_response response;
    const struct codec_message *message = &kafka_api_versions_response_message;
    assert_int_equal(decode(message, 3, bytes, sizeof bytes, &response), 0);
    assert_int_equal(response.finalized_features_epoch, 5);
    assert_true(response.zk_migration_ready);
    assert_int_equal(response.unknown_tagged_fields_count, 1);
    assert_encodes(message, 3, &response, bytes, sizeof bytes);
}

static void test_bad_tagged_sections(void **state)
{
    (void)state;
    struct kafka_api_versions_response response;
    const struct codec_message *message = &kafka_api_versions_response_message;
    static const struct {
        const char *tail;
        size_t len;
        int err;
    } cases[] = {
        {"\x02\x09\x01x\x01\x08\0\0\0\0\0\0\0\5", 14, ERR_INVALID}, /* descending */
        {"\x02\x09\x01x\x09\x01x", 7, ERR_INVALID},                 /* twice */
        {"\x01\x01\x07\0\0\0\0\0\0\5", 10, ERR_INVALID},            /* too small for its content */
        {"\x01\x01\x09\0\0\0\0\0\0\0\5\0", 12, ERR_INVALID},        /* too large for it */
        {"\x01\x01\x08\0\0\0\0\0\0\0", 10, ERR_TRUNCATED},          /* cut off */
        {"\x01\x09\xff\xff\xff\xff\x0f", 7, ERR_TRUNCATED},         /* a size of 4 GiB */
        {"\xff\xff\xff\xff\x0f\x01\x01", 7, ERR_TRUNCATED},         /* 2^32 - 1 fields */
        {"\xff\xff\xff\xff\x1f", 5, ERR_INVALID},                   /* more than 32 bits */
        {"\x80\x80\x80\x80\x80\x01", 6, ERR_INVALID},               /* six bytes of varint */
        {"\x80", 1, ERR_TRUNCATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t bytes[64] = {0, 0, 1, 0, 0, 0, 0};
        memcpy(bytes + 7, cases[i].tail, cases[i].len);
        assert_int_equal(decode(message, 3, bytes, 7 + cases[i].len, &response), cases[i].err);
    }
}

static void test_nullable_struct(void **state)
{
    (void)state;
    static const uint8_t absent[] = {1, 0, 0, 7, 0xd0, 0xff, 0};
    static const uint8_t present[] = {1, 0, 0, 7, 0xd0, 1, 2, 't', 0, 0, 0, 5, 0, 0};
    const struct codec_message *message = &sample_describe_topic_partitions_request_message;
    struct sample_describe_topic_partitions_request request;
    assert_int_equal(decode(message, 0, absent, sizeof absent, &request), 0);
    assert_false(request.has_cursor);
    assert_encodes(message, 0, &request, absent, sizeof absent);
    assert_int_equal(decode(message, 0, present, sizeof present, &request), 0);
    assert_true(request.has_cursor);
    assert_true(slice_equal(request.cursor.topic_name, SLICE_LIT("t")));
    assert_int_equal(request.cursor.partition_index, 5);
    assert_encodes(message, 0, &request, present, sizeof present);
    codec_init(message, &request);
    assert_false(request.has_cursor);
    assert_int_equal(request.response_partition_limit, 2000);
}

static void test_null_only_where_allowed(void **state)
{
    (void)state;
    static const uint8_t null_topics[] = {0xff, 0xff, 0xff, 0xff};
    struct kafka_metadata_request request;
    const struct codec_message *message = &kafka_metadata_request_message;
    assert_int_equal(decode(message, 0, null_topics, 4, &request), ERR_INVALID);
    assert_int_equal(decode(message, 1, null_topics, 4, &request), 0);
    assert_int_equal(request.topics_count, -1);
    assert_true(request.allow_auto_topic_creation);
    assert_int_equal(codec_encode(message, 0, &request, &buffer), ERR_INVALID);
    assert_encodes(message, 1, &request, null_topics, 4);

    /* Topic names may be null from version 10 on. */
    struct kafka_metadata_request_topic topic;
    codec_init(&kafka_metadata_request_topic_message, &topic);
    topic.name = SLICE_NULL;
    request.topics = &topic;
    request.topics_count = 1;
    assert_int_equal(codec_encode(message, 9, &request, &buffer), ERR_INVALID);
    assert_true(codec_size(message, 10, &request) > 0);
    request.topics_count = -2;
    assert_int_equal(codec_size(message, 10, &request), ERR_INVALID);
}

static void test_ignorable(void **state)
{
    (void)state;
    struct kafka_fetch_request request;
    const struct codec_message *message = &kafka_fetch_request_message;
    codec_init(message, &request);
    assert_int_equal(request.max_bytes, 0x7fffffff);
    assert_int_equal(request.replica_id, -1);
    assert_int_equal(request.session_epoch, -1);
    assert_true(slice_is_null(request.cluster_id) && !slice_is_null(request.rack_id));
    /* The rack may be dropped before version 11; who reads as which replica may not. */
    request.rack_id = SLICE_LIT("rack");
    assert_true(codec_size(message, 4, &request) > 0);
    request.replica_state.replica_epoch = 3;
    assert_true(codec_size(message, 15, &request) > 0);
    assert_int_equal(codec_size(message, 14, &request), ERR_UNSUPPORTED);
    buffer_clear(&buffer, SIZE_MAX);
    assert_int_equal(codec_encode(message, 14, &request, &buffer), ERR_UNSUPPORTED);
    assert_int_equal(buffer.len, 0);
}

static void test_long_strings(void **state)
{
    (void)state;
    static uint8_t text[0x8000];
    memset(text, 'a', sizeof text);
    struct kafka_api_versions_request request;
    const struct codec_message *message = &kafka_api_versions_request_message;
    codec_init(message, &request);
    request.client_software_name = slice_of(text, 0x7fff);
    buffer_clear(&buffer, SIZE_MAX);
    assert_int_equal(codec_encode(message, 3, &request, &buffer), 0);
    struct kafka_api_versions_request back;
    assert_int_equal(decode(message, 3, buffer.data, buffer.len, &back), 0);
    assert_int_equal(back.client_software_name.len, 0x7fff);
    request.client_software_name.len = 0x8000;
    assert_int_equal(codec_encode(message, 3, &request, &buffer), ERR_INVALID);
    static uint8_t bytes[0x8100] = {0x81, 0x80, 2};
    assert_int_equal(decode(message, 3, bytes, sizeof bytes, &back), ERR_LIMIT);
}

static void test_a_field_moves_into_the_tagged_section(void **state)
{
    (void)state;
    struct sample_shapes shapes;
    const struct codec_message *message = &sample_shapes_message;
    codec_init(message, &shapes);
    assert_true(slice_equal(shapes.text, SLICE_LIT("plain # text")));
    assert_int_equal(shapes.small, -8);
    assert_int_equal(shapes.port, 9092);
    assert_true(shapes.count == UINT32_MAX && shapes.big == INT64_MIN && shapes.flag);
    assert_memory_equal(&shapes.ratio, &(double){0.5}, sizeof(double));
    assert_true(shapes.has_optional_part && !shapes.has_tagged_optional);
    assert_int_equal(shapes.counts_count, -1);
    /* counts may be null from version 3 on. In version 4 `moving` leaves the row: null, its
     * default, costs nothing. */
    int64_t in_row = codec_size(message, 3, &shapes);
    int64_t tagged = codec_size(message, 4, &shapes);
    assert_int_equal(in_row - tagged, 1);
    shapes.moving = SLICE_LIT("x");
    assert_int_equal(codec_size(message, 3, &shapes) - in_row, 1);
    assert_int_equal(codec_size(message, 4, &shapes) - tagged, 4); /* tag, size, length, 'x' */
}

static void test_message_without_fields(void **state)
{
    (void)state;
    struct sample_nothing nothing;
    codec_init(&sample_nothing_message, &nothing);
    assert_int_equal(codec_size(&sample_nothing_message, 0, &nothing), 0);
    buffer_clear(&buffer, SIZE_MAX);
    assert_int_equal(codec_encode(&sample_nothing_message, 0, &nothing, &buffer), 0);
    assert_int_equal(decode(&sample_nothing_message, 0, NULL, 0, &nothing), 0);
    assert_int_equal(decode(&sample_nothing_message, 1, "\0", 1, &nothing), 0);
    assert_encodes(&sample_nothing_message, 1, &nothing, "\0", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),
        cmocka_unit_test(test_random_messages_of_the_protocol),
        cmocka_unit_test(test_what_apache_encodes),
        cmocka_unit_test(test_names_are_apaches),
        cmocka_unit_test(test_header_keeps_the_classic_string),
        cmocka_unit_test(test_unknown_tags_are_kept),
        cmocka_unit_test(test_known_and_unknown_tags_are_merged),
        cmocka_unit_test(test_bad_tagged_sections),
        cmocka_unit_test(test_nullable_struct),
        cmocka_unit_test(test_null_only_where_allowed),
        cmocka_unit_test(test_ignorable),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_a_field_moves_into_the_tagged_section),
        cmocka_unit_test(test_message_without_fields),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
