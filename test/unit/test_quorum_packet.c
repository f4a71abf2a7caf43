/* Packets of the quorum port: as Java writes them, measured byte by byte, and what must not pass.
 */
#include "zookeeper/core/quorum_packet.h"

#include "base/memory.h"
#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATA_MAX 4096

static struct slice effect_bytes(const struct zk_outbox *outbox, size_t index)
{
    assert_true(index < outbox->count);
    assert_int_equal(outbox->effects[index].kind, ZK_EFFECT_PEER);
    assert_int_equal(outbox->effects[index].peer_kind, PEER_EFFECT_LINK_SEND);
    return zk_effect_bytes(outbox, &outbox->effects[index]);
}

/* A FOLLOWERINFO as an Apache 3.9 server with id 3 sends it (accepted epoch 2, configuration 0). */
static void test_learner_info_is_java_s(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        0, 0, 0, 11, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 20, 0,   0,   0,   0,
        0, 0, 0, 3,  0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  255, 255, 255, 255,
    };
    struct zk_outbox outbox;
    struct zk_link link = {.id = 1};
    zk_outbox_init(&outbox);
    struct learner_info info = {3, QUORUM_PROTOCOL_VERSION, 0};
    quorum_send_learner_info(&outbox, &link, ZK_PACKET_FOLLOWERINFO, 2, &info);
    struct slice bytes = effect_bytes(&outbox, 0);
    assert_int_equal(bytes.len, sizeof expected);
    assert_memory_equal(bytes.ptr, expected, sizeof expected);
    assert_ptr_equal(outbox.effects[0].link, &link);

    struct quorum_packet packet;
    struct learner_info read;
    assert_int_equal(quorum_packet_decode(bytes, DATA_MAX, &packet), ERR_OK);
    assert_int_equal(packet.type, ZK_PACKET_FOLLOWERINFO);
    assert_int_equal(zxid_epoch(packet.zxid), 2);
    assert_int_equal(quorum_read_learner_info(packet.data, &read), ERR_OK);
    assert_int_equal(read.server_id, 3);
    assert_int_equal(read.protocol_version, QUORUM_PROTOCOL_VERSION);
    /* Older ones say less. */
    assert_int_equal(quorum_read_learner_info(slice_part(packet.data, 0, 8), &read), ERR_OK);
    assert_int_equal(read.server_id, 3);
    assert_int_equal(read.protocol_version, 1);
    assert_int_equal(quorum_read_learner_info(slice_part(packet.data, 0, 7), &read), ERR_INVALID);
    zk_outbox_release(&outbox);
}

/* A request with identities goes over the wire and comes back. */
static void test_request_round_trip(void **state)
{
    (void)state;
    struct zk_outbox outbox;
    struct zk_link link = {.id = 1};
    struct identities ids;
    struct arena arena;
    zk_outbox_init(&outbox);
    arena_init(&arena, 1024, SIZE_MAX);
    identities_init(&ids);
    identities_add(&ids, SLICE_LIT("ip"), SLICE_LIT("10.0.0.1"));
    identities_add(&ids, SLICE_LIT("digest"), SLICE_LIT("bob:x"));
    struct prep_request asked = {.session_id = 77,
                                 .cxid = 5,
                                 .type = ZK_OP_SET_DATA,
                                 .body = SLICE_LIT("body"),
                                 .identities = &ids};
    quorum_send_request(&outbox, &link, &asked);
    struct quorum_packet packet;
    assert_int_equal(quorum_packet_decode(effect_bytes(&outbox, 0), DATA_MAX, &packet), ERR_OK);
    assert_int_equal(packet.type, ZK_PACKET_REQUEST);
    struct prep_request read = {0};
    struct identities read_ids;
    assert_int_equal(quorum_read_request(packet.data, &read), ERR_OK);
    assert_int_equal(read.session_id, 77);
    assert_int_equal(read.cxid, 5);
    assert_int_equal(read.type, ZK_OP_SET_DATA);
    assert_true(slice_equal_cstr(read.body, "body"));
    assert_int_equal(quorum_packet_identities(packet.authinfo, &arena, &read_ids), ERR_OK);
    assert_int_equal(read_ids.count, 2);
    assert_true(slice_equal_cstr(read_ids.ids[1].id, "bob:x"));
    assert_int_equal(quorum_read_request(slice_part(packet.data, 0, 15), &read), ERR_INVALID);

    asked = (struct prep_request){.type = ZK_OP_CREATE_SESSION, .session_timeout_ms = 4000};
    quorum_send_request(&outbox, &link, &asked);
    assert_int_equal(quorum_packet_decode(effect_bytes(&outbox, 1), DATA_MAX, &packet), ERR_OK);
    assert_int_equal(quorum_read_request(packet.data, &read), ERR_OK);
    assert_int_equal(read.session_timeout_ms, 4000);
    assert_int_equal(quorum_read_request(slice_part(packet.data, 0, 17), &read), ERR_OK);
    assert_int_equal(read.session_timeout_ms, -1);
    assert_int_equal(quorum_packet_identities(packet.authinfo, &arena, &read_ids), ERR_OK);
    assert_int_equal(read_ids.count, 0);
    identities_release(&ids);
    arena_release(&arena);
    zk_outbox_release(&outbox);
}

/* Any prefix of a packet asks for more, never for more than there is; the whole is whole. */
static void test_measure_every_prefix(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, SIZE_MAX);
    jute_write_i32(&out, ZK_PACKET_REQUEST);
    jute_write_i64(&out, -1);
    jute_write_bytes(&out, SLICE_LIT("some data"));
    jute_write_i32(&out, 2);
    jute_write_bytes(&out, SLICE_LIT("ip"));
    jute_write_bytes(&out, SLICE_LIT("1.2.3.4"));
    jute_write_bytes(&out, SLICE_LIT(""));
    jute_write_bytes(&out, SLICE_LIT("x"));
    size_t whole = out.len;
    buffer_append_cstr(&out, "the next packet");
    size_t steps = 0;
    for (size_t have = 0; have < whole; have++) {
        size_t need = 0;
        assert_int_equal(quorum_packet_measure(slice_of(out.data, have), DATA_MAX, &need),
                         ERR_TRUNCATED);
        assert_true(need > have && need <= whole);
    }
    /* Who waits for what was asked for gets there in a few steps. */
    size_t have = 0;
    size_t need = 0;
    while (quorum_packet_measure(slice_of(out.data, have), DATA_MAX, &need) == ERR_TRUNCATED) {
        have = need;
        steps += 1;
    }
    assert_int_equal(need, whole);
    assert_true(steps <= 10);
    struct quorum_packet packet;
    assert_int_equal(quorum_packet_decode(buffer_slice(&out), DATA_MAX, &packet), ERR_INVALID);
    buffer_release(&out);
}

static void check_measure(int32_t data_len, int32_t id_count, int32_t id_len, int expected)
{
    struct buffer out;
    size_t len = 0;
    buffer_init(&out, SIZE_MAX);
    jute_write_i32(&out, ZK_PACKET_ACK);
    jute_write_i64(&out, 1);
    jute_write_i32(&out, data_len);
    if (data_len <= 0) {
        jute_write_i32(&out, id_count);
        jute_write_i32(&out, id_len);
    }
    assert_int_equal(quorum_packet_measure(buffer_slice(&out), DATA_MAX, &len), expected);
    assert_true(len < DATA_MAX * 3);
    buffer_release(&out);
}

static void test_forged_lengths(void **state)
{
    (void)state;
    check_measure(DATA_MAX, 0, 0, ERR_TRUNCATED);
    check_measure(DATA_MAX + 1, 0, 0, ERR_LIMIT);
    check_measure(INT32_MAX, 0, 0, ERR_LIMIT);
    check_measure(-2, 0, 0, ERR_INVALID);
    check_measure(INT32_MIN, 0, 0, ERR_INVALID);
    check_measure(-1, -2, 0, ERR_INVALID);
    check_measure(-1, QUORUM_PACKET_IDS_MAX + 1, 0, ERR_LIMIT);
    check_measure(0, 1, DATA_MAX + 1, ERR_LIMIT);
    check_measure(0, 1, -7, ERR_INVALID);
    check_measure(0, 1, 5, ERR_TRUNCATED);
    check_measure(0, 0, 0, ERR_OK);
    check_measure(-1, -1, 0, ERR_OK);
}

/* Many ids that are each within bounds are not so together. */
static void test_ids_are_bounded_together(void **state)
{
    (void)state;
    struct buffer out;
    size_t len = 0;
    static const uint8_t text[DATA_MAX];
    buffer_init(&out, SIZE_MAX);
    jute_write_i32(&out, ZK_PACKET_REQUEST);
    jute_write_i64(&out, 1);
    jute_write_i32(&out, -1);
    jute_write_i32(&out, 100);
    for (size_t i = 0; i < 100; i++) {
        jute_write_bytes(&out, slice_of(text, sizeof text));
        jute_write_bytes(&out, slice_of(text, sizeof text));
    }
    assert_int_equal(quorum_packet_measure(buffer_slice(&out), DATA_MAX, &len), ERR_LIMIT);
    buffer_release(&out);
}

/* Null texts in ids are no ids. */
static void test_null_ids_are_refused(void **state)
{
    (void)state;
    struct buffer out;
    struct arena arena;
    struct identities ids;
    buffer_init(&out, SIZE_MAX);
    arena_init(&arena, 1024, SIZE_MAX);
    jute_write_i32(&out, 1);
    jute_write_bytes(&out, SLICE_LIT("ip"));
    jute_write_i32(&out, -1);
    assert_int_equal(quorum_packet_identities(buffer_slice(&out), &arena, &ids), ERR_INVALID);
    buffer_release(&out);
    arena_release(&arena);
}

static void test_touched_sessions(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, SIZE_MAX);
    jute_write_i64(&out, 7);
    jute_write_i32(&out, 1000);
    jute_write_i64(&out, -9);
    jute_write_i32(&out, 2000);
    buffer_append_cstr(&out, "torn");
    struct slice rest = buffer_slice(&out);
    int64_t id = 0;
    int32_t timeout_ms = 0;
    assert_true(quorum_next_touched(&rest, &id, &timeout_ms));
    assert_int_equal(id, 7);
    assert_true(quorum_next_touched(&rest, &id, &timeout_ms));
    assert_int_equal(id, -9);
    assert_int_equal(timeout_ms, 2000);
    assert_false(quorum_next_touched(&rest, &id, &timeout_ms));
    buffer_release(&out);
}

static void test_zxids_follow(void **state)
{
    (void)state;
    assert_true(zxid_follows(zxid_make(3, 7), zxid_make(3, 8)));
    assert_false(zxid_follows(zxid_make(3, 7), zxid_make(3, 7)));
    assert_false(zxid_follows(zxid_make(3, 7), zxid_make(3, 9)));
    assert_false(zxid_follows(zxid_make(3, 7), zxid_make(2, 8)));
    assert_true(zxid_follows(zxid_make(3, 7), zxid_make(5, 1)));
    assert_false(zxid_follows(zxid_make(3, 7), zxid_make(5, 2)));
    assert_string_equal(zk_packet_name(ZK_PACKET_UPTODATE), "UPTODATE");
    assert_string_equal(zk_packet_name(4711), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learner_info_is_java_s),
        cmocka_unit_test(test_request_round_trip),
        cmocka_unit_test(test_measure_every_prefix),
        cmocka_unit_test(test_forged_lengths),
        cmocka_unit_test(test_ids_are_bounded_together),
        cmocka_unit_test(test_null_ids_are_refused),
        cmocka_unit_test(test_touched_sessions),
        cmocka_unit_test(test_zxids_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
