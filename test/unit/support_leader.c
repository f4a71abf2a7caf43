#include "support_leader.h"

#include "support_service.h"

#include "base/memory.h"
#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void test_leader_init(struct test_leader *test)
{
    *test = (struct test_leader){
        .now_ms = 1000000, .wall_ms = 1700000000000, .persists_at_once = true};
    test->config = (struct peer_config){
        .server_id = 1,
        .tick_ms = TEST_LEADER_TICK_MS,
        .init_limit = 10,
        .sync_limit = 5,
        .commit_log_count = 500,
        .snapshot_size_factor = 0.33,
        .leader_serves = true,
        .sync_enabled = true,
        .standalone_enabled = true,
        .election = {.server_id = 1,
                     .finalize_ms = 200,
                     .notification_ms = 200,
                     .notification_max_ms = 60000},
    };
    test_service_config(&test->service_config, TEST_LEADER_TICK_MS);
    int rv = quorum_config_parse(SLICE_LIT("server.1=h1:1:2:participant;h1:3\n"
                                           "server.2=h2:1:2:participant;h2:3\n"
                                           "server.3=h3:1:2:participant;h3:3\n"
                                           "server.4=h4:1:2:observer;h4:3\n"
                                           "version=0"),
                                 &test->members, NULL, 0);
    assert_int_equal(rv, ERR_OK);
    zk_outbox_init(&test->outbox);
    for (int i = 0; i < TEST_LEARNERS_MAX; i++) {
        buffer_init(&test->learners[i].received, SIZE_MAX);
    }
}

static void begin(struct test_leader *test)
{
    if (test->peer.config == NULL) {
        test->config.election.reconfig_enabled = test->config.reconfig_enabled;
        test->service_config.prep.reconfig_enabled = test->config.reconfig_enabled;
        peer_init(&test->peer, &test->config, &test->service_config, test->members);
    }
}

static struct buffer txn_bytes;

struct slice test_leader_txn(int64_t zxid)
{
    struct txn txn = {
        .header = {.client_id = 0, .cxid = 0, .zxid = zxid, .time = 1, .type = ZK_OP_SET_DATA}};
    txn.record.set_data = (struct zk_set_data_txn){
        .path = SLICE_LIT("/zookeeper"), .data = SLICE_LIT("x"), .version = (int32_t)zxid};
    if (txn_bytes.data == NULL) {
        buffer_init(&txn_bytes, SIZE_MAX);
    }
    txn_bytes.len = 0;
    txn_encode(&txn, &txn_bytes);
    return buffer_slice(&txn_bytes);
}

void test_leader_load(struct test_leader *test, int64_t epoch, int count)
{
    begin(test);
    for (int i = 1; i <= count; i++) {
        assert_int_equal(peer_replay(&test->peer, test_leader_txn(zxid_make(epoch, i))), ERR_OK);
    }
}

static struct zk_event event_now(const struct test_leader *test, enum zk_event_kind kind)
{
    return (struct zk_event){.kind = kind,
                             .now_ms = test->now_ms,
                             .now_ns = test->now_ms * 1000000,
                             .wall_ms = test->wall_ms};
}

static void step(struct test_leader *test, const struct zk_event *event)
{
    peer_step(&test->peer, event, &test->outbox);
    peer_check(&test->peer);
}

static void notify(struct test_leader *test, int64_t sender)
{
    uint8_t bytes[40] = {0};
    const struct vote *vote = &test->peer.election.vote;
    store_be64(bytes + 4, 1);
    store_be64(bytes + 12, (uint64_t)vote->zxid);
    store_be64(bytes + 20, (uint64_t)test->peer.election.election_epoch);
    store_be64(bytes + 28, (uint64_t)vote->peer_epoch);
    store_be32(bytes + 36, 1);
    struct zk_event event = event_now(test, ZK_EVENT_PEER);
    event.peer_kind = PEER_EVENT_NOTIFICATION;
    event.server_id = sender;
    event.frame = slice_of(bytes, sizeof bytes);
    step(test, &event);
}

void test_leader_start(struct test_leader *test, int64_t accepted_epoch, int64_t current_epoch)
{
    begin(test);
    peer_start(&test->peer, accepted_epoch, current_epoch, test->now_ms, &test->outbox);
    notify(test, 2);
    if (test->peer.state == PEER_LOOKING) {
        notify(test, 3);
    }
    assert_int_equal(test->peer.state, PEER_LEADING);
    test_leader_settle(test);
}

void test_leader_release(struct test_leader *test)
{
    for (int i = 0; i < TEST_LEARNERS_MAX; i++) {
        if (test->learners[i].is_open) {
            test_learner_lost(test, &test->learners[i]);
        }
        buffer_release(&test->learners[i].received);
    }
    peer_release(&test->peer);
    zk_outbox_release(&test->outbox);
    quorum_config_drop(test->members);
    buffer_release(&txn_bytes);
}

/* ---- the host ------------------------------------------------------------------------ */

static struct test_learner *learner_of(struct test_leader *test, const struct zk_link *link)
{
    for (int i = 0; i < TEST_LEARNERS_MAX; i++) {
        if (&test->learners[i].link == link) {
            return &test->learners[i];
        }
    }
    fail_msg("an effect names a link that is not there");
    return NULL;
}

static void close_link(struct test_learner *learner, struct slice reason)
{
    size_t len = MIN(reason.len, sizeof learner->reason - 1);
    memcpy(learner->reason, reason.ptr, len);
    learner->reason[len] = '\0';
    learner->is_closing = true;
}

static void perform_peer(struct test_leader *test, const struct zk_effect *effect)
{
    struct slice bytes = zk_effect_bytes(&test->outbox, effect);
    if (effect->peer_kind == PEER_EFFECT_PERSIST_EPOCH) {
        test->epochs_to_persist[effect->epoch_kind] = effect->zxid;
    } else if (effect->peer_kind == PEER_EFFECT_LINK_SEND) {
        struct test_learner *learner = learner_of(test, effect->link);
        assert_true(learner->is_open && !learner->is_closing);
        buffer_append(&learner->received, bytes);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_CLOSE) {
        close_link(learner_of(test, effect->link), bytes);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_SEND_SNAPSHOT) {
        learner_of(test, effect->link)->wants_snapshot = true;
    } else if (effect->peer_kind == PEER_EFFECT_READ_LOG) {
        struct test_learner *learner = learner_of(test, effect->link);
        learner->wants_log = true;
        learner->log_from = effect->from_zxid;
        learner->log_to = effect->zxid;
    } else if (effect->peer_kind == PEER_EFFECT_FAIL) {
        test->is_failed = true;
    } else if (effect->peer_kind == PEER_EFFECT_CONFIG) {
        assert_non_null(effect->config);
    }
}

static void perform(struct test_leader *test)
{
    for (size_t i = 0; i < test->outbox.count; i++) {
        const struct zk_effect *effect = &test->outbox.effects[i];
        if (effect->kind == ZK_EFFECT_PERSIST) {
            test->proposed_zxid = effect->zxid;
        } else if (effect->kind == ZK_EFFECT_PEER) {
            perform_peer(test, effect);
        }
    }
    zk_outbox_clear(&test->outbox);
}

void test_leader_persist(struct test_leader *test, int64_t zxid)
{
    struct zk_event event = event_now(test, ZK_EVENT_PERSISTED);
    event.zxid = zxid;
    step(test, &event);
    perform(test);
}

void test_leader_persist_epoch(struct test_leader *test, enum zk_epoch_kind kind)
{
    struct zk_event event = event_now(test, ZK_EVENT_PEER);
    event.peer_kind = PEER_EVENT_EPOCH_PERSISTED;
    event.epoch_kind = kind;
    event.zxid = test->epochs_to_persist[kind];
    assert_int_not_equal(event.zxid, 0);
    test->epochs_to_persist[kind] = 0;
    step(test, &event);
    perform(test);
}

static bool persist_one(struct test_leader *test)
{
    for (int kind = 0; kind < 2; kind++) {
        if (test->epochs_to_persist[kind] != 0) {
            test_leader_persist_epoch(test, (enum zk_epoch_kind)kind);
            return true;
        }
    }
    if (test->proposed_zxid > test->peer.persisted_zxid) {
        test_leader_persist(test, test->proposed_zxid);
        return true;
    }
    return false;
}

static bool close_one(struct test_leader *test)
{
    for (int i = 0; i < TEST_LEARNERS_MAX; i++) {
        if (test->learners[i].is_closing) {
            test_learner_lost(test, &test->learners[i]);
            return true;
        }
    }
    return false;
}

void test_leader_settle(struct test_leader *test)
{
    perform(test);
    while ((test->persists_at_once && persist_one(test)) || close_one(test)) {
    }
}

void test_leader_advance(struct test_leader *test, uint64_t ms)
{
    uint64_t until_ms = test->now_ms + ms;
    while (true) {
        uint64_t deadline_ms = peer_deadline(&test->peer);
        if (deadline_ms > until_ms) {
            break;
        }
        assert_true(deadline_ms >= test->now_ms || test->peer.state == PEER_LOOKING);
        test->now_ms = MAX(test->now_ms, deadline_ms);
        struct zk_event event = event_now(test, ZK_EVENT_TICK);
        step(test, &event);
        test_leader_settle(test);
        if (test->peer.state == PEER_LOOKING) {
            break;
        }
    }
    test->now_ms = until_ms;
}

/* ---- learners ------------------------------------------------------------------------ */

struct test_learner *test_learner_connect(struct test_leader *test, int index)
{
    struct test_learner *learner = &test->learners[index];
    struct buffer received = learner->received;
    received.len = 0;
    assert_false(learner->is_open);
    *learner = (struct test_learner){.is_open = true, .received = received};
    learner->link = (struct zk_link){.id = ++test->last_link_id, .remote = SLICE_LIT("test")};
    struct zk_event event = event_now(test, ZK_EVENT_PEER);
    event.peer_kind = PEER_EVENT_LINK_OPEN;
    event.link = &learner->link;
    step(test, &event);
    test_leader_settle(test);
    return learner;
}

void test_learner_send(struct test_leader *test,
                       struct test_learner *learner,
                       int32_t type,
                       int64_t zxid,
                       struct slice data)
{
    static const uint8_t no_ids[4] = {255, 255, 255, 255};
    struct zk_event event = event_now(test, ZK_EVENT_PEER);
    event.peer_kind = PEER_EVENT_LINK_PACKET;
    event.link = &learner->link;
    event.packet_type = type;
    event.zxid = zxid;
    event.frame = data;
    event.authinfo = slice_of(no_ids, sizeof no_ids);
    step(test, &event);
    test_leader_settle(test);
}

void test_learner_lost(struct test_leader *test, struct test_learner *learner)
{
    struct zk_event event = event_now(test, ZK_EVENT_PEER);
    event.peer_kind = PEER_EVENT_LINK_CLOSED;
    event.link = &learner->link;
    learner->is_open = false;
    learner->is_closing = false;
    step(test, &event);
    perform(test);
}

void test_learner_introduce(struct test_leader *test,
                            struct test_learner *learner,
                            int32_t type,
                            int64_t server_id,
                            int64_t accepted_epoch)
{
    uint8_t data[20];
    store_be64(data, (uint64_t)server_id);
    store_be32(data + 8, QUORUM_PROTOCOL_VERSION);
    store_be64(data + 12, 0);
    test_learner_send(test, learner, type, zxid_make(accepted_epoch, 0),
                      slice_of(data, sizeof data));
}

void test_learner_ack_epoch(struct test_leader *test,
                            struct test_learner *learner,
                            int64_t zxid,
                            int32_t current_epoch)
{
    uint8_t data[4];
    store_be32(data, (uint32_t)current_epoch);
    test_learner_send(test, learner, ZK_PACKET_ACKEPOCH, zxid, slice_of(data, sizeof data));
}

struct quorum_packet test_learner_next(struct test_learner *learner)
{
    struct quorum_packet packet = {.type = -1};
    struct slice rest = slice_part(buffer_slice(&learner->received), learner->read_at,
                                   learner->received.len);
    if (rest.len > 0) {
        size_t len = 0;
        assert_int_equal(quorum_packet_measure(rest, (size_t)1 << 24, &len), ERR_OK);
        assert_int_equal(quorum_packet_decode(slice_part(rest, 0, len), (size_t)1 << 24, &packet),
                         ERR_OK);
        learner->read_at += len;
    }
    return packet;
}

struct quorum_packet test_learner_expect(struct test_learner *learner, int32_t type, int64_t zxid)
{
    struct quorum_packet packet = test_learner_next(learner);
    if (packet.type != type || packet.zxid != zxid) {
        fail_msg("expected %s 0x%llx, got %s 0x%llx", zk_packet_name(type),
                 (unsigned long long)zxid,
                 packet.type == -1 ? "nothing" : zk_packet_name(packet.type),
                 (unsigned long long)packet.zxid);
    }
    return packet;
}

void test_learner_expect_nothing(struct test_learner *learner)
{
    struct quorum_packet packet = test_learner_next(learner);
    if (packet.type != -1) {
        fail_msg("did not expect %s 0x%llx", zk_packet_name(packet.type),
                 (unsigned long long)packet.zxid);
    }
}

void test_learner_expect_closed(const struct test_learner *learner, const char *reason)
{
    assert_false(learner->is_open);
    if (strstr(learner->reason, reason) == NULL) {
        fail_msg("closed because \"%s\", not \"%s\"", learner->reason, reason);
    }
}

struct test_learner *test_learner_join(struct test_leader *test, int index, int64_t server_id)
{
    struct test_learner *learner = test_learner_connect(test, index);
    int64_t zxid = test->peer.service.tree.last_processed_zxid;
    const struct leader *leader = test->peer.leader;
    test_learner_introduce(test, learner, ZK_PACKET_FOLLOWERINFO, server_id, leader->epoch - 1);
    int64_t epoch = leader->epoch;
    test_learner_expect(learner, ZK_PACKET_LEADERINFO, zxid_make(epoch, 0));
    test_learner_ack_epoch(test, learner, zxid, (int32_t)leader->summary_epoch);
    test_learner_expect(learner, ZK_PACKET_DIFF, zxid);
    struct quorum_packet packet = test_learner_next(learner);
    while (packet.type == ZK_PACKET_PROPOSAL) {
        packet = test_learner_next(learner);
    }
    assert_int_equal(packet.type, ZK_PACKET_NEWLEADER);
    test_learner_send(test, learner, ZK_PACKET_ACK, zxid_make(epoch, 0), SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_UPTODATE, -1);
    test_learner_send(test, learner, ZK_PACKET_ACK, zxid_make(epoch, 0), SLICE_NULL);
    return learner;
}

void test_learner_request(struct test_leader *test,
                          struct test_learner *learner,
                          int64_t session_id,
                          int32_t cxid,
                          int32_t type,
                          struct slice body)
{
    struct buffer data;
    buffer_init(&data, SIZE_MAX);
    jute_write_i64(&data, session_id);
    jute_write_i32(&data, cxid);
    jute_write_i32(&data, type);
    buffer_append(&data, body);
    test_learner_send(test, learner, ZK_PACKET_REQUEST, -1, buffer_slice(&data));
    buffer_release(&data);
}

void test_learner_open_session(struct test_leader *test,
                               struct test_learner *learner,
                               int64_t session_id)
{
    uint8_t timeout[4];
    store_be32(timeout, 10000);
    test_learner_request(test, learner, session_id, 0, ZK_OP_CREATE_SESSION,
                         slice_of(timeout, sizeof timeout));
    int64_t zxid = test->proposed_zxid;
    test_learner_expect(learner, ZK_PACKET_PROPOSAL, zxid);
    test_learner_send(test, learner, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_COMMIT, zxid);
}

struct slice test_leader_set_data_body(void)
{
    static const uint8_t body[] = {0,   0,   0, 10, '/', 'z', 'o', 'o', 'k', 'e', 'e', 'p',
                                   'e', 'r', 0, 0,  0,   1,   'v', 255, 255, 255, 255};
    return slice_of(body, sizeof body);
}

/* A path of 10 bytes: "/zookeeper" has them. */
struct slice test_leader_sync_body(void)
{
    return slice_part(test_leader_set_data_body(), 0, 14);
}

struct test_learner *test_leader_led_by_two(struct test_leader *test)
{
    test_leader_init(test);
    test_leader_load(test, 3, 5);
    test_leader_start(test, 3, 3);
    struct test_learner *learner = test_learner_join(test, 0, 2);
    assert_true(test->peer.is_serving);
    assert_string_equal(test->peer.zab_state, "BROADCAST");
    return learner;
}

struct test_learner *test_leader_led_by_three(struct test_leader *test, struct test_learner **third)
{
    struct test_learner *second = test_leader_led_by_two(test);
    *third = test_learner_join(test, 1, 3);
    test_learner_open_session(test, second, TEST_LEADER_SESSION);
    test_learner_expect(*third, ZK_PACKET_PROPOSAL, zxid_make(4, 1));
    test_learner_expect(*third, ZK_PACKET_COMMIT, zxid_make(4, 1));
    return second;
}

int64_t test_leader_propose(struct test_leader *test, struct test_learner *learner, int32_t cxid)
{
    int64_t before = test->proposed_zxid;
    test_learner_request(test, learner, TEST_LEADER_SESSION, cxid, ZK_OP_SET_DATA,
                         test_leader_set_data_body());
    assert_true(test->proposed_zxid > before);
    return test->proposed_zxid;
}
