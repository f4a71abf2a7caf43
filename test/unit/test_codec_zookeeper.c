/* The codec on ZooKeeper's records: properties of random messages, and bytes written down from the
 * protocol's description. */
#include "generated/zookeeper/constants.h"
#include "generated/zookeeper/messages.h"
#include "support_codec.h"
#include "wire/jute.h"

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
    for (size_t i = 0; i < zk_message_count; i++) {
        check_random_messages(zk_messages[i], 300);
    }
}

static void test_what_apache_encodes(void **state)
{
    (void)state;
    size_t lines = check_vector_file("test/schema/jute_vectors.txt", zk_messages, zk_message_count);
    assert_int_equal(lines, 3 * zk_message_count);
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

static void test_create_request_bytes(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0, 0, 0, 2,  '/', 'a',                     /* path */
        0, 0, 0, 3,  1,   2,   3,                  /* data */
        0, 0, 0, 1,                                /* one entry */
        0, 0, 0, 31,                               /* all rights */
        0, 0, 0, 5,  'w', 'o', 'r', 'l', 'd',      /* scheme */
        0, 0, 0, 6,  'a', 'n', 'y', 'o', 'n', 'e', /* id */
        0, 0, 0, 1,                                /* ephemeral */
    };
    struct zk_create_request request;
    struct slice in = slice_of(bytes, sizeof bytes);
    assert_int_equal(codec_decode(&zk_create_request_message, 0, &in, &limits, &arena, &request),
                     0);
    assert_int_equal(in.len, 0);
    assert_true(slice_equal(request.path, SLICE_LIT("/a")));
    assert_int_equal(request.data.len, 3);
    assert_int_equal(request.acl_count, 1);
    assert_int_equal(request.acl[0].perms, ZK_PERM_ALL);
    assert_true(slice_equal(request.acl[0].id.scheme, SLICE_LIT("world")));
    assert_true(slice_equal(request.acl[0].id.id, SLICE_LIT("anyone")));
    assert_int_equal(request.flags, ZK_CREATE_EPHEMERAL);
    assert_encodes(&zk_create_request_message, 0, &request, bytes, sizeof bytes);
}

static void test_nulls(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
    };
    struct zk_create_request request = {.acl_count = -1};
    assert_encodes(&zk_create_request_message, 0, &request, bytes, sizeof bytes);
    struct slice in = slice_of(bytes, sizeof bytes);
    assert_int_equal(codec_decode(&zk_create_request_message, 0, &in, &limits, &arena, &request),
                     0);
    assert_true(slice_is_null(request.path) && slice_is_null(request.data));
    assert_int_equal(request.acl_count, -1);

    static const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    in = slice_of(empty, sizeof empty);
    assert_int_equal(codec_decode(&zk_create_request_message, 0, &in, &limits, &arena, &request),
                     0);
    assert_true(!slice_is_null(request.path) && request.path.len == 0);
    assert_int_equal(request.acl_count, 0);
}

static void test_connect_versions(void **state)
{
    (void)state;
    /* What a client sends that opens a session of 30 s: 44 bytes from old ones, 45 from new ones.
     */
    static const uint8_t bytes[45] = {
        [14] = 0x75,
        [15] = 0x30,
        [27] = 16,
        [44] = 1,
    };
    struct zk_connect_request request;
    struct slice in = slice_of(bytes, 45);
    assert_int_equal(codec_decode(&zk_connect_request_message, 1, &in, &limits, &arena, &request),
                     0);
    assert_int_equal(in.len, 0);
    assert_int_equal(request.timeout_ms, 30000);
    assert_int_equal(request.passwd.len, 16);
    assert_true(request.read_only);
    assert_encodes(&zk_connect_request_message, 1, &request, bytes, 45);

    in = slice_of(bytes, 44);
    assert_int_equal(codec_decode(&zk_connect_request_message, 1, &in, &limits, &arena, &request),
                     ERR_TRUNCATED);
    assert_int_equal(in.len, 44);
    assert_int_equal(codec_decode(&zk_connect_request_message, 0, &in, &limits, &arena, &request),
                     0);
    assert_int_equal(in.len, 0);
    assert_false(request.read_only);
    assert_encodes(&zk_connect_request_message, 0, &request, bytes, 44);
    assert_int_equal(codec_decode(&zk_connect_request_message, 2, &in, &limits, &arena, &request),
                     ERR_UNSUPPORTED);
    assert_int_equal(codec_encode(&zk_connect_request_message, -1, &request, &buffer),
                     ERR_UNSUPPORTED);
}

static void test_sizes_of_fixed_records(void **state)
{
    (void)state;
    struct zk_stat stat = {0};
    struct zk_stat_persisted persisted = {0};
    struct zk_txn_header header = {0};
    struct zk_file_header file = {0};
    assert_int_equal(codec_size(&zk_stat_message, 0, &stat), 68);
    assert_int_equal(codec_size(&zk_stat_persisted_message, 0, &persisted), 60);
    assert_int_equal(codec_size(&zk_txn_header_message, 0, &header), 32);
    assert_int_equal(codec_size(&zk_file_header_message, 0, &file), 16);
    assert_int_equal(codec_struct_size(&zk_stat_message), sizeof stat);
    assert_string_equal(codec_name(&zk_stat_message), "stat");
    assert_int_equal(codec_min_version(&zk_learner_info_message), 0);
    assert_int_equal(codec_max_version(&zk_learner_info_message), 2);
}

static int decode_delete(const void *bytes, size_t len, const struct codec_limits *with)
{
    struct zk_delete_request request;
    struct slice in = slice_of(bytes, len);
    return codec_decode(&zk_delete_request_message, 0, &in, with, &arena, &request);
}

static void test_lengths_that_lie(void **state)
{
    (void)state;
    static const uint8_t negative[] = {0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0};
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    static const uint8_t smallest[] = {0x80, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t longer[] = {0, 0, 0, 5, 'a', 'b', 'c', 'd'};
    static const struct codec_limits wide = {SIZE_MAX, 1 << 20};
    assert_int_equal(decode_delete(negative, 8, &limits), ERR_INVALID);
    assert_int_equal(decode_delete(smallest, 8, &limits), ERR_INVALID);
    assert_int_equal(decode_delete(huge, 8, &limits), ERR_LIMIT);
    assert_int_equal(decode_delete(huge, 8, &wide), ERR_TRUNCATED);
    assert_int_equal(decode_delete(longer, 8, &wide), ERR_TRUNCATED);
    assert_int_equal(decode_delete(NULL, 0, &limits), ERR_TRUNCATED);
}

static void test_counts_that_lie(void **state)
{
    (void)state;
    /* A vector of 2^31 - 1, of 3, of -2 strings, with eight bytes behind it. */
    uint8_t bytes[] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    struct zk_get_children_response response;
    struct slice in = slice_of(bytes, sizeof bytes);
    const struct codec_message *message = &zk_get_children_response_message;
    assert_int_equal(codec_decode(message, 0, &in, &limits, &arena, &response), ERR_TRUNCATED);
    store_be32(bytes, 3);
    assert_int_equal(codec_decode(message, 0, &in, &limits, &arena, &response), ERR_TRUNCATED);
    store_be32(bytes, (uint32_t)-2);
    assert_int_equal(codec_decode(message, 0, &in, &limits, &arena, &response), ERR_INVALID);
    store_be32(bytes, 2);
    struct codec_limits small = {1 << 20, 2 * sizeof(struct slice) - 1};
    assert_int_equal(codec_decode(message, 0, &in, &small, &arena, &response), ERR_LIMIT);
    small.max_decoded_bytes += 1;
    assert_int_equal(codec_decode(message, 0, &in, &small, &arena, &response), 0);
    assert_int_equal(response.children_count, 2);

    /* The arena's own limit counts as well. */
    struct arena tight;
    arena_init(&tight, 16, 16);
    in = slice_of(bytes, sizeof bytes);
    assert_int_equal(codec_decode(message, 0, &in, &limits, &tight, &response), ERR_LIMIT);
    arena_release(&tight);
}

static void test_encode_leaves_a_full_buffer_alone(void **state)
{
    (void)state;
    struct buffer small;
    buffer_init(&small, 10);
    buffer_append_cstr(&small, "abc");
    struct zk_get_data_request request = {.path = SLICE_LIT("/xy"), .watch = true};
    assert_int_equal(codec_encode(&zk_get_data_request_message, 0, &request, &small), ERR_LIMIT);
    assert_int_equal(small.len, 3);
    request.path = SLICE_LIT("/x");
    assert_int_equal(codec_encode(&zk_get_data_request_message, 0, &request, &small), 0);
    assert_int_equal(small.len, 10);
    assert_memory_equal(small.data, "abc\0\0\0\2/x\1", 10);
    buffer_release(&small);
}

static void test_print(void **state)
{
    (void)state;
    struct zk_create2_response response = {.path = SLICE_LIT("/a\"\\\n\xc3\xbc\xff"),
                                           .stat = {.czxid = -5}};
    buffer_clear(&buffer, SIZE_MAX);
    codec_print(&zk_create2_response_message, 0, &response, &buffer);
    static const char expected[] =
        "{\"path\":\"/"
        "a\\\"\\\\\\u000a\xc3\xbc\\u00ff\",\"stat\":{\"czxid\":-5,\"mzxid\":0,\"ctime\":0,"
        "\"mtime\":0,\"version\":0,\"cversion\":0,\"aversion\":0,\"ephemeral_owner\":0,"
        "\"data_length\":0,\"num_children\":0,\"pzxid\":0}}";
    assert_int_equal(buffer.len, strlen(expected));
    assert_memory_equal(buffer.data, expected, buffer.len);
    struct buffer small;
    buffer_init(&small, 30);
    codec_print(&zk_create2_response_message, 0, &response, &small);
    assert_int_equal(small.len, 17);
    assert_memory_equal(small.data, "{\"too_long\":true}", 17);
    buffer_release(&small);
}

static void test_constants(void **state)
{
    (void)state;
    assert_string_equal(zk_op_name(ZK_OP_GET_ALL_CHILDREN_NUMBER), "getAllChildrenNumber");
    assert_string_equal(zk_op_name(500), "unknown");
    assert_string_equal(zk_error_name(-101), "NONODE");
    assert_string_equal(zk_error_text(-101), "NoNode");
    assert_string_equal(zk_error_text(ZK_ERR_NOTEMPTY), "Directory not empty");
    assert_string_equal(zk_event_type_name(4), "NodeChildrenChanged");
    assert_string_equal(zk_keeper_state_name(3), "SyncConnected");
}

static void test_jute_reader(void **state)
{
    (void)state;
    buffer_clear(&buffer, SIZE_MAX);
    jute_write_i32(&buffer, -7);
    jute_write_i64(&buffer, INT64_MIN);
    jute_write_bool(&buffer, true);
    jute_write_bytes(&buffer, SLICE_LIT("text"));
    jute_write_bytes(&buffer, SLICE_LIT(""));
    jute_write_bytes(&buffer, SLICE_NULL);
    jute_write_i32(&buffer, 2);
    jute_write_i32(&buffer, -1);
    jute_write_i32(&buffer, -1);
    struct jute_reader reader = jute_reader_of(buffer_slice(&buffer), 4);
    assert_int_equal(jute_read_i32(&reader), -7);
    assert_true(jute_read_i64(&reader) == INT64_MIN);
    assert_true(jute_read_bool(&reader));
    assert_true(slice_equal(jute_read_bytes(&reader), SLICE_LIT("text")));
    struct slice empty = jute_read_bytes(&reader);
    assert_true(!slice_is_null(empty) && empty.len == 0);
    assert_true(slice_is_null(jute_read_bytes(&reader)));
    struct jute_reader before_count = reader;
    assert_int_equal(jute_read_count(&reader, 4), 2);
    assert_int_equal(jute_read_count(&reader, 4), -1);
    assert_int_equal(jute_read_count(&reader, 4), -1);
    assert_int_equal(reader.error, 0);
    assert_int_equal(jute_read_count(&before_count, 5), 0);
    assert_int_equal(before_count.error, ERR_TRUNCATED);
    assert_int_equal(reader.rest.len, 0);
    assert_int_equal(jute_read_i32(&reader), 0);
    assert_int_equal(reader.error, ERR_TRUNCATED);

    /* The first error sticks, and readers give zeros from then on. */
    reader = jute_reader_of(buffer_slice(&buffer), 4);
    assert_true(slice_is_null(jute_read_bytes(&reader)));
    assert_int_equal(reader.error, ERR_INVALID);
    assert_true(jute_read_i64(&reader) == 0);
    assert_false(jute_read_bool(&reader));
    assert_int_equal(reader.error, ERR_INVALID);
    reader = jute_reader_of(SLICE_LIT("\0\0\0\5abcde"), 4);
    assert_true(slice_is_null(jute_read_bytes(&reader)));
    assert_int_equal(reader.error, ERR_LIMIT);
    reader = jute_reader_of(SLICE_LIT("\0\0\0\4abc"), 4);
    assert_true(slice_is_null(jute_read_bytes(&reader)));
    assert_int_equal(reader.error, ERR_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),
        cmocka_unit_test(test_what_apache_encodes),
        cmocka_unit_test(test_create_request_bytes),
        cmocka_unit_test(test_nulls),
        cmocka_unit_test(test_connect_versions),
        cmocka_unit_test(test_sizes_of_fixed_records),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_counts_that_lie),
        cmocka_unit_test(test_encode_leaves_a_full_buffer_alone),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_jute_reader),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
