/* A follower whose leader is spoken for by the test: only what was really cut from its log is taken
 * for cut (ZOOKEEPER-3701), and what a leader should never say does no harm. */
#include "support_leader.h"

#include <inttypes.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct zk_event make_event(const struct test_leader *test, enum zk_peer_event_kind kind)
{
    return (struct zk_event){
        .kind = ZK_EVENT_PEER, .peer_kind = kind, .now_ms = test->now_ms, .wall_ms = test->wall_ms};
}

/* The effect of that kind among what was wanted last; NULL when there is none. */
static const struct zk_effect *find_effect(const struct test_leader *test,
                                           enum zk_peer_effect_kind kind)
{
    for (size_t i = 0; i < test->outbox.count; i++) {
        const struct zk_effect *effect = &test->outbox.effects[i];
        if (effect->kind == ZK_EFFECT_PEER && effect->peer_kind == kind) {
            return effect;
        }
    }
    return NULL;
}

static void step(struct test_leader *test, const struct zk_event *event)
{
    zk_outbox_clear(&test->outbox);
    peer_step(&test->peer, event, &test->outbox);
    peer_check(&test->peer);
}

/* Server `sender` stands for server 2, which has more than we. */
static void notify(struct test_leader *test, int64_t sender)
{
    uint8_t bytes[40] = {0};
    store_be64(bytes + 4, 2);
    store_be64(bytes + 12, (uint64_t)zxid_make(3, 9));
    store_be64(bytes + 20, (uint64_t)test->peer.election.election_epoch);
    store_be64(bytes + 28, 3);
    store_be32(bytes + 36, 1);
    struct zk_event event = make_event(test, PEER_EVENT_NOTIFICATION);
    event.server_id = sender;
    event.frame = slice_of(bytes, sizeof bytes);
    step(test, &event);
}

static void packet(struct test_leader *test,
                   struct zk_link *link,
                   int32_t type,
                   int64_t zxid,
                   struct slice data)
{
    struct zk_event event = make_event(test, PEER_EVENT_LINK_PACKET);
    event.link = link;
    event.packet_type = type;
    event.zxid = zxid;
    event.frame = data;
    step(test, &event);
}

/* A follower with the log 3:1..3:5 of a leader of epoch 4. */
static void begin_to_follow(struct test_leader *test, struct zk_link *link)
{
    static const uint8_t version[4] = {0, 1, 0, 0};
    test_leader_init(test);
    test->config.reconfig_enabled = true;
    test_leader_load(test, 3, 5);
    peer_start(&test->peer, 3, 3, test->now_ms, &test->outbox);
    notify(test, 2);
    if (test->peer.state == PEER_LOOKING) {
        notify(test, 3);
    }
    assert_int_equal(test->peer.state, PEER_FOLLOWING);
    const struct zk_effect *connect = find_effect(test, PEER_EFFECT_LINK_CONNECT);
    assert_non_null(connect);
    *link = (struct zk_link){.id = 1, .is_ours = true, .attempt = connect->zxid};
    struct zk_event event = make_event(test, PEER_EVENT_LINK_OPEN);
    event.link = link;
    step(test, &event);
    packet(test, link, ZK_PACKET_LEADERINFO, zxid_make(4, 0), slice_of(version, sizeof version));
    event = make_event(test, PEER_EVENT_EPOCH_PERSISTED);
    event.epoch_kind = ZK_EPOCH_ACCEPTED;
    event.zxid = 4;
    step(test, &event);
}

/* It is told to cut its log behind 3:3. */
static void begin_to_cut(struct test_leader *test, struct zk_link *link)
{
    begin_to_follow(test, link);
    packet(test, link, ZK_PACKET_TRUNC, zxid_make(3, 3), SLICE_NULL);
    const struct zk_effect *cut = find_effect(test, PEER_EFFECT_TRUNCATE);
    assert_non_null(cut);
    assert_int_equal(cut->zxid, zxid_make(3, 3));
    packet(test, link, ZK_PACKET_NEWLEADER, zxid_make(4, 0), SLICE_NULL);
}

/* What the host says of the cut; the tree is left as it is. */
static void cut(struct test_leader *test, int error)
{
    struct zk_event event = make_event(test, PEER_EVENT_TRUNCATED);
    event.zxid = test->peer.service.tree.last_processed_zxid;
    event.error = error;
    step(test, &event);
}

static void end(struct test_leader *test)
{
    zk_outbox_clear(&test->outbox);
    test_leader_release(test);
}

/* Nothing is acknowledged, the new epoch is not ours: the role ends. */
static void expect_given_up(const struct test_leader *test)
{
    assert_int_equal(test->peer.state, PEER_LOOKING);
    assert_null(find_effect(test, PEER_EFFECT_PERSIST_EPOCH));
    assert_null(find_effect(test, PEER_EFFECT_LINK_SEND));
    assert_non_null(find_effect(test, PEER_EFFECT_LINK_CLOSE));
    assert_int_equal(test->peer.current_epoch, 3);
}

static void test_a_cut_that_failed(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_cut(&test, &link);
    cut(&test, ERR_NOT_FOUND);
    expect_given_up(&test);
    end(&test);
}

/* The log has never had what the leader cuts back to: it ends elsewhere. */
static void test_a_cut_that_ends_elsewhere(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_cut(&test, &link);
    peer_reset_tree(&test.peer);
    test_leader_load(&test, 3, 2);
    cut(&test, 0);
    expect_given_up(&test);
    end(&test);
}

static void test_a_cut_that_was_made(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_cut(&test, &link);
    peer_reset_tree(&test.peer);
    test_leader_load(&test, 3, 3);
    cut(&test, 0);
    assert_int_equal(test.peer.state, PEER_FOLLOWING);
    assert_non_null(find_effect(&test, PEER_EFFECT_PERSIST_EPOCH));
    struct zk_event event = make_event(&test, PEER_EVENT_EPOCH_PERSISTED);
    event.epoch_kind = ZK_EPOCH_CURRENT;
    event.zxid = 4;
    step(&test, &event);
    const struct zk_effect *sent = find_effect(&test, PEER_EFFECT_LINK_SEND);
    struct quorum_packet ack;
    assert_non_null(sent);
    assert_int_equal(quorum_packet_decode(zk_effect_bytes(&test.outbox, sent), 1024, &ack), ERR_OK);
    assert_int_equal(ack.type, ZK_PACKET_ACK);
    assert_int_equal(ack.zxid, zxid_make(4, 0));
    end(&test);
}

/* What is activated is no configuration: the one in force stays. */
static void test_nothing_is_activated(void **state)
{
    (void)state;
    static const uint8_t designated[8] = {0, 0, 0, 0, 0, 0, 0, 2};
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_DIFF, zxid_make(3, 6), SLICE_NULL);
    packet(&test, &link, ZK_PACKET_PROPOSAL, zxid_make(3, 6), test_leader_txn(zxid_make(3, 6)));
    packet(&test, &link, ZK_PACKET_COMMIT_AND_ACTIVATE, zxid_make(3, 6),
           slice_of(designated, sizeof designated));
    assert_int_equal(quorum_config_voter_count(test.peer.committed_config), 3);
    end(&test);
}

/* Server 3 leaves. The version of a configuration is the zxid that it was proposed at. */
static struct slice two_servers(char text[256], int64_t zxid)
{
    int len = snprintf(text, 256,
                       "server.1=h1:1:2:participant;h1:3\nserver.2=h2:1:2:participant;h2:3\n"
                       "version=%" PRIx64,
                       (uint64_t)zxid);
    return slice_of(text, (size_t)len);
}

/* A leader at work proposes a reconfiguration while we are synchronised: NEWLEADER names it, and it
 * is in force when it is committed, not when we are up to date (ensemble seeds 76, 80). */
static void test_an_outstanding_configuration(void **state)
{
    (void)state;
    static const uint8_t designated[8] = {0, 0, 0, 0, 0, 0, 0, 2};
    int64_t zxid = zxid_make(4, 2);
    struct test_leader test;
    struct zk_link link;
    struct buffer txn;
    char text[256];
    begin_to_follow(&test, &link);
    buffer_init(&txn, SIZE_MAX);
    struct txn reconfig = {.header = {.zxid = zxid, .time = 1, .type = ZK_OP_RECONFIG}};
    reconfig.record.set_data = (struct zk_set_data_txn){
        .path = SLICE_LIT("/zookeeper/config"), .data = two_servers(text, zxid), .version = -1};
    txn_encode(&reconfig, &txn);
    packet(&test, &link, ZK_PACKET_DIFF, zxid_make(4, 1), SLICE_NULL);
    packet(&test, &link, ZK_PACKET_PROPOSAL, zxid_make(4, 1), test_leader_txn(zxid_make(4, 1)));
    packet(&test, &link, ZK_PACKET_COMMIT, zxid_make(4, 1), SLICE_NULL);
    packet(&test, &link, ZK_PACKET_PROPOSAL, zxid, buffer_slice(&txn));
    packet(&test, &link, ZK_PACKET_NEWLEADER, zxid_make(4, 0), two_servers(text, zxid));
    struct zk_event event = make_event(&test, PEER_EVENT_NOTIFICATION);
    event.kind = ZK_EVENT_PERSISTED;
    event.zxid = zxid_make(4, 1);
    step(&test, &event);
    event = make_event(&test, PEER_EVENT_EPOCH_PERSISTED);
    event.epoch_kind = ZK_EPOCH_CURRENT;
    event.zxid = 4;
    step(&test, &event);
    packet(&test, &link, ZK_PACKET_UPTODATE, -1, SLICE_NULL);
    assert_int_equal(test.peer.state, PEER_FOLLOWING);
    assert_int_equal(quorum_config_voter_count(test.peer.committed_config), 3);
    assert_true(test.peer.seen_config->version == zxid);
    packet(&test, &link, ZK_PACKET_COMMIT_AND_ACTIVATE, zxid,
           slice_of(designated, sizeof designated));
    assert_int_equal(test.peer.state, PEER_FOLLOWING);
    assert_int_equal(quorum_config_voter_count(test.peer.committed_config), 2);
    buffer_release(&txn);
    end(&test);
}

static void tick(struct test_leader *test, uint64_t ms)
{
    test->now_ms += ms;
    struct zk_event event = make_event(test, PEER_EVENT_NOTIFICATION);
    event.kind = ZK_EVENT_TICK;
    step(test, &event);
}

/* The leader does not know yet that it leads, and something before it accepts connections and
 * closes them: asked again for a while. */
static void test_a_leader_that_closes_at_once(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link links[16];
    test_leader_init(&test);
    test_leader_load(&test, 3, 5);
    peer_start(&test.peer, 3, 3, test.now_ms, &test.outbox);
    notify(&test, 2);
    if (test.peer.state == PEER_LOOKING) {
        notify(&test, 3);
    }
    size_t count = 0;
    uint64_t began_ms = test.now_ms;
    const struct zk_effect *connect = find_effect(&test, PEER_EFFECT_LINK_CONNECT);
    while (connect != NULL) {
        assert_true(count < ARRAY_LEN(links));
        links[count] = (struct zk_link){.id = count + 1, .is_ours = true, .attempt = connect->zxid};
        struct zk_event event = make_event(&test, PEER_EVENT_LINK_OPEN);
        event.link = &links[count];
        step(&test, &event);
        event = make_event(&test, PEER_EVENT_LINK_CLOSED);
        event.link = &links[count];
        count++;
        step(&test, &event);
        if (test.peer.state != PEER_FOLLOWING) {
            break;
        }
        assert_null(find_effect(&test, PEER_EFFECT_LINK_CONNECT)); /* not at once */
        tick(&test, 100);
        connect = find_effect(&test, PEER_EFFECT_LINK_CONNECT);
        assert_non_null(connect);
    }
    assert_int_equal(test.peer.state, PEER_LOOKING);
    assert_true(count > 5 && test.now_ms - began_ms < 2000);
    end(&test);
}

/* The leader's snapshot has come whole, and to make a tree of it takes longer than the leader may
 * be silent: that is no silence of its. */
static void test_a_tree_that_takes_long_to_load(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_SNAP, zxid_make(3, 9), SLICE_NULL);
    uint64_t limit_ms = (uint64_t)test.config.init_limit * (uint64_t)test.config.tick_ms;
    link.input_bytes = 1000;
    tick(&test, limit_ms);
    link.is_held = true;
    for (int i = 0; i < 3; i++) {
        tick(&test, limit_ms);
        assert_int_equal(test.peer.state, PEER_FOLLOWING);
    }
    link.is_held = false;
    tick(&test, limit_ms);
    assert_int_equal(test.peer.state, PEER_LOOKING);
    end(&test);
}

/* ---- upstream's bugs: see docs/UPSTREAM_BUGS.md ------------------------------------------------
 */

/* How often the txn was given to the log by the last step. */
static int logged(const struct test_leader *test, int64_t zxid)
{
    int count = 0;
    for (size_t i = 0; i < test->outbox.count; i++) {
        const struct zk_effect *effect = &test->outbox.effects[i];
        count += effect->kind == ZK_EFFECT_PERSIST && effect->zxid == zxid;
    }
    return count;
}

static void persisted(struct test_leader *test, int64_t zxid)
{
    struct zk_event event = make_event(test, PEER_EVENT_NOTIFICATION);
    event.kind = ZK_EVENT_PERSISTED;
    event.zxid = zxid;
    step(test, &event);
}

static void epoch_persisted(struct test_leader *test)
{
    struct zk_event event = make_event(test, PEER_EVENT_EPOCH_PERSISTED);
    event.epoch_kind = ZK_EPOCH_CURRENT;
    event.zxid = 4;
    step(test, &event);
}

static void propose(struct test_leader *test, struct zk_link *link, int64_t zxid)
{
    packet(test, link, ZK_PACKET_PROPOSAL, zxid, test_leader_txn(zxid));
}

/* A DIFF whose txns are still on their way to the disk when NEWLEADER comes: neither the epoch is
 * written (ZOOKEEPER-4643) nor NEWLEADER acknowledged (ZOOKEEPER-4646, 3023) before they are there.
 */
static void test_zk4643_zk4646_history_then_epoch_then_ack(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_DIFF, zxid_make(3, 7), SLICE_NULL);
    for (int64_t counter = 6; counter <= 7; counter++) {
        propose(&test, &link, zxid_make(3, counter));
        packet(&test, &link, ZK_PACKET_COMMIT, zxid_make(3, counter), SLICE_NULL);
        assert_int_equal(logged(&test, zxid_make(3, counter)), 1);
    }
    packet(&test, &link, ZK_PACKET_NEWLEADER, zxid_make(4, 0), SLICE_NULL);
    assert_null(find_effect(&test, PEER_EFFECT_PERSIST_EPOCH));
    persisted(&test, zxid_make(3, 6));
    assert_null(find_effect(&test, PEER_EFFECT_PERSIST_EPOCH));
    assert_null(find_effect(&test, PEER_EFFECT_LINK_SEND));
    persisted(&test, zxid_make(3, 7));
    assert_non_null(find_effect(&test, PEER_EFFECT_PERSIST_EPOCH));
    assert_null(find_effect(&test, PEER_EFFECT_LINK_SEND));
    epoch_persisted(&test);
    assert_non_null(find_effect(&test, PEER_EFFECT_LINK_SEND));
    end(&test);
}

/* What is outstanding comes with a DIFF, and its COMMIT between the ACK of NEWLEADER and UPTODATE
 * (ZOOKEEPER-4394): it waits, is then logged once and in its order (ZOOKEEPER-4785), and is in the
 * tree. */
static void test_zk4394_zk4785_commit_before_uptodate(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_DIFF, zxid_make(3, 5), SLICE_NULL);
    propose(&test, &link, zxid_make(4, 1));
    propose(&test, &link, zxid_make(4, 2));
    packet(&test, &link, ZK_PACKET_NEWLEADER, zxid_make(4, 0), SLICE_NULL);
    epoch_persisted(&test);
    assert_non_null(find_effect(&test, PEER_EFFECT_LINK_SEND));
    packet(&test, &link, ZK_PACKET_COMMIT, zxid_make(4, 1), SLICE_NULL);
    assert_int_equal(test.peer.state, PEER_FOLLOWING);
    assert_int_equal(logged(&test, zxid_make(4, 1)), 0);
    packet(&test, &link, ZK_PACKET_UPTODATE, -1, SLICE_NULL);
    assert_int_equal(logged(&test, zxid_make(4, 1)), 1);
    assert_int_equal(logged(&test, zxid_make(4, 2)), 1);
    assert_true(test.peer.service.tree.last_processed_zxid == zxid_make(4, 1));
    packet(&test, &link, ZK_PACKET_COMMIT, zxid_make(4, 2), SLICE_NULL);
    assert_int_equal(logged(&test, zxid_make(4, 2)), 0);
    assert_true(test.peer.service.tree.last_processed_zxid == zxid_make(4, 2));
    end(&test);
}

/* A leader whose commit log has a hole sends it by DIFF: it is not followed. */
static void test_zk4925_a_diff_with_a_hole(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_DIFF, zxid_make(3, 8), SLICE_NULL);
    propose(&test, &link, zxid_make(3, 6));
    packet(&test, &link, ZK_PACKET_COMMIT, zxid_make(3, 6), SLICE_NULL);
    propose(&test, &link, zxid_make(3, 8));
    assert_int_equal(test.peer.state, PEER_LOOKING);
    assert_true(test.peer.service.tree.last_processed_zxid == zxid_make(3, 6));
    end(&test);
}

/* What a DIFF brings and is not committed is not in the log yet when the leader is lost
 * (ZOOKEEPER-3911): nobody is told that it was there. */
static void test_zk3911_outstanding_is_not_history(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_DIFF, zxid_make(3, 5), SLICE_NULL);
    propose(&test, &link, zxid_make(4, 1));
    packet(&test, &link, ZK_PACKET_NEWLEADER, zxid_make(4, 0), SLICE_NULL);
    epoch_persisted(&test);
    struct zk_event event = make_event(&test, PEER_EVENT_LINK_CLOSED);
    event.link = &link;
    step(&test, &event);
    assert_int_equal(test.peer.state, PEER_LOOKING);
    assert_int_equal(logged(&test, zxid_make(4, 1)), 0);
    assert_true(test.peer.election.own.zxid == zxid_make(3, 5));
    end(&test);
}

/* Apache's leader begins to forward before it says what SNAP reaches: what was committed between
 * comes behind it though the tree has it. */
static void test_proposals_that_the_snapshot_has(void **state)
{
    (void)state;
    struct test_leader test;
    struct zk_link link;
    begin_to_follow(&test, &link);
    packet(&test, &link, ZK_PACKET_SNAP, zxid_make(4, 2), SLICE_NULL);
    struct zk_event event = make_event(&test, PEER_EVENT_SNAPSHOT_READ);
    event.link = &link;
    step(&test, &event);
    packet(&test, &link, ZK_PACKET_PROPOSAL, zxid_make(4, 2), test_leader_txn(zxid_make(4, 2)));
    packet(&test, &link, ZK_PACKET_COMMIT, zxid_make(4, 2), SLICE_NULL);
    assert_true(test.peer.learner != NULL && !test.peer.private->waits_for_tree);
    packet(&test, &link, ZK_PACKET_PROPOSAL, zxid_make(4, 3), test_leader_txn(zxid_make(4, 3)));
    assert_true(test.peer.learner != NULL && !test.peer.private->waits_for_tree);
    end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proposals_that_the_snapshot_has),
        cmocka_unit_test(test_a_cut_that_failed),
        cmocka_unit_test(test_a_cut_that_ends_elsewhere),
        cmocka_unit_test(test_a_cut_that_was_made),
        cmocka_unit_test(test_nothing_is_activated),
        cmocka_unit_test(test_an_outstanding_configuration),
        cmocka_unit_test(test_a_leader_that_closes_at_once),
        cmocka_unit_test(test_a_tree_that_takes_long_to_load),
        cmocka_unit_test(test_zk4643_zk4646_history_then_epoch_then_ack),
        cmocka_unit_test(test_zk4394_zk4785_commit_before_uptodate),
        cmocka_unit_test(test_zk4925_a_diff_with_a_hole),
        cmocka_unit_test(test_zk3911_outstanding_is_not_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
