/* The records of __consumer_offsets, byte by byte as Apache's brokers write them, old versions of
 * values, damaged bytes; Java's hash of group ids; the heap of deadlines against a plain list. */
#include "kafka/core/group_records.h"

#include "base/random.h"
#include "kafka/core/deadline_heap.h"
#include "kafka/core/java_string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena arena;
static struct buffer out;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096, 1 << 20);
    buffer_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    buffer_release(&out);
    return 0;
}

static void expect(const char *bytes, size_t len)
{
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes, len);
    buffer_clear(&out, 0);
}
#define EXPECT(bytes) expect(bytes, sizeof(bytes) - 1)

static void test_keys(void **state)
{
    (void)state;
    struct group_key key;
    assert_int_equal(group_offset_key_encode(SLICE_LIT("grp"), SLICE_LIT("top"), 258, &out), 0);
    assert_int_equal(group_key_decode(buffer_slice(&out), &arena, &key), 0);
    assert_int_equal(key.kind, GROUP_KEY_OFFSET);
    assert_int_equal(key.version, 1);
    assert_true(slice_equal_cstr(key.group, "grp"));
    assert_true(slice_equal_cstr(key.topic, "top"));
    assert_int_equal(key.partition, 258);
    EXPECT("\x00\x01\x00\x03"
           "grp\x00\x03"
           "top\x00\x00\x01\x02");
    assert_int_equal(group_metadata_key_encode(SLICE_LIT("grp"), &out), 0);
    assert_int_equal(group_key_decode(buffer_slice(&out), &arena, &key), 0);
    assert_int_equal(key.kind, GROUP_KEY_GROUP);
    EXPECT("\x00\x02\x00\x03grp");
    /* Version 0 of the offsets' key, and keys of coordinators that came later (KIP-848). */
    static const char old[] = "\x00\x00\x00\x01g\x00\x01t\x00\x00\x00\x07";
    assert_int_equal(group_key_decode(slice_of(old, sizeof old - 1), &arena, &key), 0);
    assert_int_equal(key.kind, GROUP_KEY_OFFSET);
    assert_int_equal(key.partition, 7);
    assert_int_equal(group_key_decode(SLICE_LIT("\x00\x03\x00\x01g"), &arena, &key), 0);
    assert_int_equal(key.kind, GROUP_KEY_UNKNOWN);
}

static void test_damaged_keys(void **state)
{
    (void)state;
    struct group_key key;
    static const char whole[] = "\x00\x01\x00\x03grp\x00\x03top\x00\x00\x01\x02";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        assert_int_equal(group_key_decode(slice_of(whole, len), &arena, &key), ERR_CORRUPT);
    }
    assert_int_equal(group_key_decode(SLICE_NULL, &arena, &key), ERR_CORRUPT);
}

static void test_offset_values(void **state)
{
    (void)state;
    struct kafka_offset_commit_value value;
    codec_init(&kafka_offset_commit_value_message, &value);
    value.offset = 0x0102030405060708;
    value.leader_epoch = 9;
    value.metadata = SLICE_LIT("md");
    value.commit_timestamp = 0x1112131415161718;
    value.expire_timestamp = GROUP_NO_EXPIRY;
    assert_int_equal(group_offset_value_encode(&value, &out), 0);
    EXPECT("\x00\x03\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x09\x00\x02md"
           "\x11\x12\x13\x14\x15\x16\x17\x18");
    value.leader_epoch = -1;
    value.expire_timestamp = 1;
    assert_int_equal(group_offset_value_encode(&value, &out), 0);
    EXPECT("\x00\x01\x01\x02\x03\x04\x05\x06\x07\x08\x00\x02md"
           "\x11\x12\x13\x14\x15\x16\x17\x18\x00\x00\x00\x00\x00\x00\x00\x01");
}

static void test_old_and_new_offset_values(void **state)
{
    (void)state;
#define OFFSET "\x00\x00\x00\x00\x00\x00\x00\x05"
#define TIME "\x00\x00\x00\x00\x00\x00\x00\x06"
    static const struct {
        struct slice bytes;
        int64_t expire;
        int32_t epoch;
        int err;
    } cases[] = {
        {SLICE_LIT("\x00\x00" OFFSET "\x00\x01m" TIME), -1, -1, 0},
        {SLICE_LIT("\x00\x01" OFFSET "\x00\x01m" TIME TIME), 6, -1, 0},
        {SLICE_LIT("\x00\x02" OFFSET "\x00\x01m" TIME), -1, -1, 0},
        {SLICE_LIT("\x00\x03" OFFSET "\x00\x00\x00\x02\x00\x01m" TIME), -1, 2, 0},
        {SLICE_LIT("\x00\x04" OFFSET "\x00\x00\x00\x02\x02m" TIME "\x00"), -1, 2, 0},
        {SLICE_LIT("\x00\x05" OFFSET "\x00\x00\x00\x02\x02m" TIME "\x00"), 0, 0, ERR_UNSUPPORTED},
        {SLICE_LIT("\x00\x03" OFFSET "\x00\x00\x00\x02\x00\x01m"), 0, 0, ERR_CORRUPT},
        {SLICE_LIT("\x00"), 0, 0, ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kafka_offset_commit_value value;
        assert_int_equal(group_offset_value_decode(cases[i].bytes, &arena, &value), cases[i].err);
        if (cases[i].err == 0) {
            assert_int_equal(value.offset, 5);
            assert_int_equal(value.commit_timestamp, 6);
            assert_int_equal(value.expire_timestamp, cases[i].expire);
            assert_int_equal(value.leader_epoch, cases[i].epoch);
            assert_true(slice_equal_cstr(value.metadata, "m"));
        }
    }
}

static void test_group_values(void **state)
{
    (void)state;
    struct kafka_group_metadata_value value;
    struct kafka_group_metadata_value_member member;
    codec_init(&kafka_group_metadata_value_message, &value);
    codec_init(&kafka_group_metadata_value_member_message, &member);
    value.protocol_type = SLICE_LIT("consumer");
    value.generation = 3;
    value.protocol = SLICE_LIT("range");
    value.leader = SLICE_LIT("m");
    value.current_state_timestamp = 7;
    value.members = &member;
    value.members_count = 1;
    member.member_id = SLICE_LIT("m");
    member.group_instance_id = SLICE_NULL;
    member.client_id = SLICE_LIT("c");
    member.client_host = SLICE_LIT("/h");
    member.rebalance_timeout = 1;
    member.session_timeout = 2;
    member.subscription = SLICE_LIT("s");
    member.assignment = SLICE_LIT("a");
    assert_int_equal(group_metadata_value_encode(&value, &out), 0);
    int16_t version = 0;
    struct kafka_group_metadata_value again;
    assert_int_equal(group_metadata_value_decode(buffer_slice(&out), &arena, &again, &version), 0);
    assert_int_equal(version, 3);
    assert_true(codec_equal(&kafka_group_metadata_value_message, 3, &value, &again));
    EXPECT("\x00\x03\x00\x08"
           "consumer\x00\x00\x00\x03\x00\x05range\x00\x01m"
           "\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x01\x00\x01m\xff\xff\x00\x01"
           "c\x00\x02/h\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x01s\x00\x00\x00\x01"
           "a");
    /* Version 0: no rebalance timeout, no time; what an empty group of today leaves. */
    assert_int_equal(
        group_metadata_value_decode(
            SLICE_LIT("\x00\x00\x00\x01t\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00\x00\x00"), &arena,
            &again, &version),
        0);
    assert_int_equal(version, 0);
    assert_int_equal(again.current_state_timestamp, -1);
    assert_true(slice_is_null(again.leader));
}

static void test_a_text_that_fits_no_record(void **state)
{
    (void)state;
    static uint8_t longest[40000];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(group_metadata_key_encode(slice_of(longest, sizeof longest), &out),
                     ERR_INVALID);
    assert_int_equal(out.len, 0);
}

/* String.hashCode and String.length as a Java program printed them. */
static void test_java_strings(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        int32_t hash;
        size_t length;
        int32_t partition; /* of 50 */
    } cases[] = {
        {SLICE_LIT(""), 0, 0, 0},
        {SLICE_LIT("a"), 97, 1, 47},
        {SLICE_LIT("group"), 98629247, 5, 47},
        {SLICE_LIT("console-consumer-12345"), 158455506, 22, 6},
        {SLICE_LIT("polygenelubricants"), INT32_MIN, 18, 0},
        {SLICE_LIT("\xc3\xa4"), 228, 1, 28},
        {SLICE_LIT("\xe2\x82\xac"), 8364, 1, 14},
        {SLICE_LIT("\xf0\x9f\x98\x80"), 1772899, 2, 49},
        {SLICE_LIT("\xff"), 65533, 1, 33},
        {SLICE_LIT("\xe2\x82"), 65533, 1, 33},     /* cut */
        {SLICE_LIT("\xed\xa0\x80"), 65533, 1, 33}, /* a surrogate */
        {SLICE_LIT("\xf0\x9f\x98"), 65533, 1, 33},
        {SLICE_LIT("\xc0\xaf"), 2097056, 2, 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(java_string_hash(cases[i].text), cases[i].hash);
        assert_int_equal(java_string_length(cases[i].text), cases[i].length);
        assert_int_equal(java_string_partition(cases[i].text, 50), cases[i].partition);
    }
}

static void test_deadlines(void **state)
{
    (void)state;
    enum {
        COUNT = 200,
        STEPS = 20000
    };
    static struct deadline deadlines[COUNT];
    struct deadline_heap heap;
    struct random random;
    uint64_t now_ms = 0;
    random_init(&random, 3);
    deadline_heap_init(&heap);
    for (size_t i = 0; i < COUNT; i++) {
        deadline_init(&deadlines[i], 0);
    }
    for (int step = 0; step < STEPS; step++) {
        struct deadline *deadline = &deadlines[random_below(&random, COUNT)];
        uint64_t dice = random_below(&random, 10);
        if (dice < 6) {
            deadline_set(&heap, deadline, now_ms + random_below(&random, 1000));
        } else if (dice < 7) {
            deadline_clear(&heap, deadline);
        } else {
            now_ms += random_below(&random, 20);
            struct deadline *passed;
            while ((passed = deadline_heap_pop(&heap, now_ms)) != NULL) {
                assert_true(passed->at_ms == DEADLINE_NEVER);
            }
            for (size_t i = 0; i < COUNT; i++) {
                assert_true(deadlines[i].at_ms > now_ms);
            }
        }
        deadline_heap_check(&heap);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(deadline_heap_next(&heap) <= deadlines[i].at_ms);
        }
    }
    deadline_heap_release(&heap);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_keys),          TEST(test_damaged_keys),
        TEST(test_offset_values), TEST(test_old_and_new_offset_values),
        TEST(test_group_values),  TEST(test_a_text_that_fits_no_record),
        TEST(test_java_strings),  TEST(test_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
