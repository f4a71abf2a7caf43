/* The leader with learners that a test speaks for: phases, synchronisation, broadcast, and what a
 * learner may not do. A fault of a learner's closes its link and changes nothing else. */
#include "support_leader.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- phases -------------------------------------------------------------------------- */

static void test_phases_wait_for_quorum_and_disk(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_init(&test);
    test_leader_load(&test, 3, 5);
    test.persists_at_once = false;
    test_leader_start(&test, 3, 3);
    int64_t last = zxid_make(3, 5);
    struct test_learner *a = test_learner_connect(&test, 0);
    struct test_learner *observer = test_learner_connect(&test, 1);
    /* An observer is not one of the quorum, but the epoch goes above its, too. */
    test_learner_introduce(&test, observer, ZK_PACKET_OBSERVERINFO, 4, 8);
    test_learner_expect_nothing(observer);
    assert_int_equal(test.epochs_to_persist[ZK_EPOCH_ACCEPTED], 0);
    test_learner_introduce(&test, a, ZK_PACKET_FOLLOWERINFO, 2, 6);
    /* acceptedEpoch is durable before anybody hears of it. */
    assert_int_equal(test.epochs_to_persist[ZK_EPOCH_ACCEPTED], 9);
    test_learner_expect_nothing(a);
    test_leader_persist_epoch(&test, ZK_EPOCH_ACCEPTED);
    struct quorum_packet info = test_learner_expect(a, ZK_PACKET_LEADERINFO, zxid_make(9, 0));
    int32_t version = 0;
    assert_int_equal(quorum_read_i32(info.data, &version), ERR_OK);
    assert_int_equal(version, QUORUM_PROTOCOL_VERSION);
    test_learner_expect(observer, ZK_PACKET_LEADERINFO, zxid_make(9, 0));

    /* The observer's word does not count, the follower's does. */
    test_learner_ack_epoch(&test, observer, last, 3);
    test_learner_expect_nothing(observer);
    test_learner_ack_epoch(&test, a, last, 3);
    test_learner_expect(a, ZK_PACKET_DIFF, last);
    struct quorum_packet leader = test_learner_expect(a, ZK_PACKET_NEWLEADER, zxid_make(9, 0));
    assert_true(slice_starts_with(leader.data, SLICE_LIT("server.1=h1:1:2:participant")));
    test_learner_expect(observer, ZK_PACKET_DIFF, last);
    test_learner_expect(observer, ZK_PACKET_NEWLEADER, zxid_make(9, 0));

    /* Our own acknowledgement is the durable current epoch. */
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid_make(9, 0), SLICE_NULL);
    test_learner_expect_nothing(a);
    assert_false(test.peer.is_serving);
    test_leader_persist_epoch(&test, ZK_EPOCH_CURRENT);
    assert_true(test.peer.is_serving);
    test_learner_expect(a, ZK_PACKET_UPTODATE, -1);
    test_learner_expect_nothing(observer);
    test_learner_send(&test, observer, ZK_PACKET_ACK, zxid_make(9, 0), SLICE_NULL);
    test_learner_expect(observer, ZK_PACKET_UPTODATE, -1);
    assert_int_equal(test.peer.service.tree.last_processed_zxid, zxid_make(9, 0));
    test_leader_release(&test);
}

static void test_an_old_vote_does_not_count(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_init(&test);
    test_leader_start(&test, 3, 3);
    struct test_learner *a = test_learner_connect(&test, 0);
    test_learner_introduce(&test, a, ZK_PACKET_FOLLOWERINFO, 2, 3);
    test_learner_expect(a, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    /* -1: it accepted epoch 4 from somebody before. */
    test_learner_ack_epoch(&test, a, 0, -1);
    test_learner_expect_nothing(a);
    struct test_learner *b = test_learner_connect(&test, 1);
    test_learner_introduce(&test, b, ZK_PACKET_FOLLOWERINFO, 3, 3);
    test_learner_expect(b, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    test_learner_ack_epoch(&test, b, 0, 2);
    test_learner_expect(a, ZK_PACKET_DIFF, 0);
    test_learner_expect(b, ZK_PACKET_DIFF, 0);
    test_leader_release(&test);
}

static void test_who_is_ahead_is_sent_away(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_init(&test);
    test_leader_load(&test, 3, 5);
    test_leader_start(&test, 3, 3);
    struct test_learner *a = test_learner_connect(&test, 0);
    test_learner_introduce(&test, a, ZK_PACKET_FOLLOWERINFO, 2, 3);
    test_learner_expect(a, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    test_learner_ack_epoch(&test, a, zxid_make(3, 6), 3);
    test_learner_expect_closed(a, "ahead");
    struct test_learner *b = test_learner_connect(&test, 1);
    test_learner_introduce(&test, b, ZK_PACKET_FOLLOWERINFO, 3, 3);
    test_learner_expect(b, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    test_learner_ack_epoch(&test, b, zxid_make(2, 9), 4);
    test_learner_expect_closed(b, "ahead");
    assert_int_equal(test.peer.state, PEER_LEADING);
    /* No quorum within initLimit: it looks for a leader again. */
    test_leader_advance(&test, 10 * TEST_LEADER_TICK_MS);
    assert_int_equal(test.peer.state, PEER_LOOKING);
    test_leader_release(&test);
}

static void test_impossible_introductions(void **state)
{
    (void)state;
    static const struct {
        int32_t type;
        int64_t server_id;
        int64_t epoch;
        const char *reason;
    } cases[] = {
        {ZK_PACKET_ACK, 2, 3, "first packet"},
        {ZK_PACKET_FOLLOWERINFO, 1, 3, "this very server"},
        {ZK_PACKET_FOLLOWERINFO, 2, INT32_MAX, "impossible"},
        {ZK_PACKET_FOLLOWERINFO, 2, 4 + (1 << 20), "impossible"}, /* a leap that uses them up */
        {ZK_PACKET_OBSERVERINFO, 9, PEER_EPOCH_MAX, "impossible"},
        {ZK_PACKET_FOLLOWERINFO, 2, -1, "impossible"},
    };
    struct test_leader test;
    test_leader_init(&test);
    test_leader_start(&test, 3, 3);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_learner *a = test_learner_connect(&test, 0);
        test_learner_introduce(&test, a, cases[i].type, cases[i].server_id, cases[i].epoch);
        test_learner_expect_closed(a, cases[i].reason);
    }
    struct test_learner *a = test_learner_connect(&test, 0);
    uint8_t old[12] = {0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1};
    test_learner_send(&test, a, ZK_PACKET_FOLLOWERINFO, 0, slice_of(old, sizeof old));
    test_learner_expect_closed(a, "before ZooKeeper 3.4");
    a = test_learner_connect(&test, 0);
    test_learner_send(&test, a, ZK_PACKET_FOLLOWERINFO, 0, SLICE_NULL);
    test_learner_expect_closed(a, "first packet");
    /* Its configuration is in force elsewhere, and newer than ours. */
    uint8_t newer[20] = {0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
    a = test_learner_connect(&test, 0);
    test_learner_send(&test, a, ZK_PACKET_FOLLOWERINFO, 0, slice_of(newer, sizeof newer));
    test_learner_expect_closed(a, "later configuration");
    /* Nothing of that has raised the epoch. */
    a = test_learner_connect(&test, 0);
    test_learner_introduce(&test, a, ZK_PACKET_FOLLOWERINFO, 2, 3);
    test_learner_expect(a, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    test_leader_release(&test);
}

static void test_a_server_that_comes_back_replaces_itself(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *old = test_leader_led_by_two(&test);
    /* Not while the old link works: a number proves nothing, nor does a later epoch. */
    struct test_learner *false_one = test_learner_connect(&test, 1);
    test_learner_introduce(&test, false_one, ZK_PACKET_FOLLOWERINFO, 2, 9);
    test_learner_expect_closed(false_one, "works");
    assert_true(old->is_open && test.peer.state == PEER_LEADING);
    test_leader_advance(&test, TEST_LEADER_TICK_MS);
    struct test_learner *new = test_learner_join(&test, 2, 2);
    test_learner_expect_closed(old, "connected again");
    assert_true(new->is_open);
    test_leader_release(&test);
}

static void test_silent_links_are_closed(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *follower = test_leader_led_by_two(&test);
    struct test_learner *silent = test_learner_connect(&test, 1);
    for (int i = 0; i < 9; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_send(&test, follower, ZK_PACKET_PING, 0, SLICE_LIT(""));
    }
    assert_true(silent->is_open);
    test_leader_advance(&test, TEST_LEADER_TICK_MS);
    test_learner_expect_closed(silent, "nothing was heard");
    assert_true(follower->is_open);
    /* The follower falls silent, too: after syncLimit it is gone, and with it the quorum. */
    test_leader_advance(&test, 3 * TEST_LEADER_TICK_MS);
    assert_int_equal(test.peer.state, PEER_LEADING);
    test_leader_advance(&test, 2 * TEST_LEADER_TICK_MS);
    test_learner_expect_closed(follower, "nothing was heard");
    assert_int_equal(test.peer.state, PEER_LOOKING);
    assert_false(test.peer.is_serving);
    test_leader_release(&test);
}

/* ---- synchronisation ----------------------------------------------------------------- */

/* One learner of a running leader (epoch 4, log 3:1..3:5) says that its history ends at `last`. */
static struct test_learner *late_learner(struct test_leader *test, int64_t last)
{
    struct test_learner *learner = test_learner_connect(test, 2);
    test_learner_introduce(test, learner, ZK_PACKET_FOLLOWERINFO, 3, 3);
    test_learner_expect(learner, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    test_learner_ack_epoch(test, learner, last, 2);
    return learner;
}

static void expect_committed(struct test_learner *learner, int64_t from, int64_t to)
{
    for (int64_t zxid = from; zxid <= to; zxid++) {
        struct quorum_packet packet = test_learner_expect(learner, ZK_PACKET_PROPOSAL, zxid);
        assert_true(slice_equal(packet.data, test_leader_txn(zxid)));
        test_learner_expect(learner, ZK_PACKET_COMMIT, zxid);
    }
}

static void test_diff_from_the_commit_log(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_led_by_two(&test);
    struct test_learner *learner = late_learner(&test, zxid_make(3, 2));
    test_learner_expect(learner, ZK_PACKET_DIFF, zxid_make(3, 5));
    expect_committed(learner, zxid_make(3, 3), zxid_make(3, 5));
    test_learner_expect(learner, ZK_PACKET_NEWLEADER, zxid_make(4, 0));
    test_learner_expect_nothing(learner);
    assert_int_equal(peer_stats_of(&test.peer)->syncs_by_diff, 2);
    test_leader_release(&test);
}

static void test_trunc(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_led_by_two(&test);
    struct test_learner *learner = late_learner(&test, zxid_make(3, 9));
    test_learner_expect(learner, ZK_PACKET_TRUNC, zxid_make(3, 5));
    test_learner_expect(learner, ZK_PACKET_NEWLEADER, zxid_make(4, 0));
    assert_int_equal(peer_stats_of(&test.peer)->syncs_by_trunc, 1);
    test_leader_release(&test);
}

/* P is the zxid of an epoch that we were not in, above all that we have: a TRUNC may not cut. */
static void test_snap_for_a_strange_epoch(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_init(&test);
    test_leader_load(&test, 3, 5);
    test_leader_start(&test, 5, 3);
    struct test_learner *a = test_learner_connect(&test, 0);
    test_learner_introduce(&test, a, ZK_PACKET_FOLLOWERINFO, 2, 5);
    test_learner_expect(a, ZK_PACKET_LEADERINFO, zxid_make(6, 0));
    test_learner_ack_epoch(&test, a, zxid_make(5, 0), 2);
    test_learner_expect_nothing(a);
    assert_true(a->wants_snapshot);
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .peer_kind = PEER_EVENT_SNAPSHOT_BEGAN,
                             .now_ms = test.now_ms,
                             .link = &a->link,
                             .zxid = test.peer.service.tree.last_processed_zxid};
    peer_step(&test.peer, &event, &test.outbox);
    test_leader_settle(&test);
    test_learner_expect(a, ZK_PACKET_SNAP, zxid_make(3, 5));
    test_learner_expect(a, ZK_PACKET_NEWLEADER, zxid_make(6, 0));
    event.peer_kind = PEER_EVENT_SNAPSHOT_SENT;
    peer_step(&test.peer, &event, &test.outbox);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid_make(6, 0), SLICE_NULL);
    test_learner_expect(a, ZK_PACKET_UPTODATE, -1);
    test_leader_release(&test);
}

/* 3:1..3:5 are older than the commit log: the disk has them. */
static struct test_learner *wants_log(struct test_leader *test, int64_t last)
{
    test_leader_init(test);
    test->config.commit_log_count = 2;
    test->config.snapshot_size_factor = 1000;
    test_leader_load(test, 3, 5);
    test_leader_start(test, 3, 3);
    test_learner_join(test, 0, 2);
    struct test_learner *learner = late_learner(test, last);
    assert_true(learner->wants_log);
    assert_int_equal(learner->log_from, last);
    assert_int_equal(learner->log_to, zxid_make(3, 5));
    return learner;
}

static void give_log(struct test_leader *test,
                     struct test_learner *learner,
                     const int64_t *zxids,
                     size_t count,
                     int error)
{
    struct buffer entries;
    buffer_init(&entries, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        jute_write_bytes(&entries, test_leader_txn(zxids[i]));
    }
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .peer_kind = PEER_EVENT_LOG_READ,
                             .now_ms = test->now_ms,
                             .link = &learner->link,
                             .frame = buffer_slice(&entries),
                             .error = error};
    peer_step(&test->peer, &event, &test->outbox);
    peer_check(&test->peer);
    test_leader_settle(test);
    buffer_release(&entries);
}

static void test_diff_from_the_log_on_disk(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *learner = wants_log(&test, zxid_make(3, 1));
    const int64_t zxids[] = {zxid_make(3, 2), zxid_make(3, 3), zxid_make(3, 4), zxid_make(3, 5)};
    give_log(&test, learner, zxids, ARRAY_LEN(zxids), 0);
    test_learner_expect(learner, ZK_PACKET_DIFF, zxid_make(3, 5));
    expect_committed(learner, zxid_make(3, 2), zxid_make(3, 5));
    test_learner_expect(learner, ZK_PACKET_NEWLEADER, zxid_make(4, 0));
    test_leader_release(&test);
}

/* While the disk was read the commit log went on, and away from where the disk's ends. */
static void test_a_commit_log_that_has_moved_on(void **state)
{
    (void)state;
    const int64_t zxids[] = {zxid_make(3, 2), zxid_make(3, 3), zxid_make(3, 4), zxid_make(3, 5)};
    for (int commits = 2; commits <= 3; commits++) {
        struct test_leader test;
        struct test_learner *learner = wants_log(&test, zxid_make(3, 1));
        struct test_learner *a = &test.learners[0];
        for (int i = 0; i < commits; i++) {
            test_learner_open_session(&test, a, TEST_LEADER_SESSION + i);
        }
        give_log(&test, learner, zxids, ARRAY_LEN(zxids), 0);
        if (commits == 2) {
            test_learner_expect(learner, ZK_PACKET_DIFF, zxid_make(4, 2));
            expect_committed(learner, zxid_make(3, 2), zxid_make(3, 5));
            test_learner_expect(learner, ZK_PACKET_PROPOSAL, zxid_make(4, 1));
        } else {
            test_learner_expect_nothing(learner);
            assert_true(learner->wants_snapshot);
        }
        test_leader_release(&test);
    }
}

/* Whatever is wrong with the log: a snapshot, and nothing of the log is sent. */
static void test_a_log_with_a_gap_is_not_sent(void **state)
{
    (void)state;
    const int64_t late[] = {zxid_make(3, 3), zxid_make(3, 4)};
    const int64_t gap[] = {zxid_make(3, 2), zxid_make(3, 4)};
    const int64_t early_end[] = {zxid_make(3, 2)};
    const int64_t beyond[] = {zxid_make(3, 2), zxid_make(3, 3), zxid_make(3, 4), zxid_make(3, 5),
                              zxid_make(3, 6)};
    const struct {
        const int64_t *zxids;
        size_t count;
        int error;
    } cases[] = {{late, 2, 0},       {gap, 2, 0}, {early_end, 1, 0},
                 {beyond, 5, 0},     {gap, 0, 0}, {gap, 0, ERR_NOT_FOUND},
                 {gap, 0, ERR_LIMIT}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_leader test;
        struct test_learner *learner = wants_log(&test, zxid_make(3, 1));
        give_log(&test, learner, cases[i].zxids, cases[i].count, cases[i].error);
        test_learner_expect_nothing(learner);
        assert_true(learner->wants_snapshot);
        test_leader_release(&test);
    }
}

static void test_fresh_learners_get_a_snapshot(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_init(&test);
    test.config.commit_log_count = 2;
    test_leader_load(&test, 3, 5);
    test_leader_start(&test, 3, 3);
    test_learner_join(&test, 0, 2);
    struct test_learner *learner = late_learner(&test, 0);
    assert_true(learner->wants_snapshot);
    assert_false(learner->wants_log);
    /* What is committed while it waits for its turn is not sent: the snapshot will have it. */
    test_leader_release(&test);
}

/* A learner that comes while a proposal is outstanding gets it, its acknowledgement counts only
 * after that of NEWLEADER, and it may come before it (ZOOKEEPER-4685). */
static void test_outstanding_proposals_reach_late_learners(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    int64_t zxid = test_leader_propose(&test, a, 1);
    test_learner_expect(a, ZK_PACKET_PROPOSAL, zxid);
    struct test_learner *b = late_learner(&test, zxid_make(3, 5));
    test_learner_expect(b, ZK_PACKET_DIFF, zxid_make(4, 1));
    test_learner_expect(b, ZK_PACKET_PROPOSAL, zxid_make(4, 1));
    test_learner_expect(b, ZK_PACKET_COMMIT, zxid_make(4, 1));
    test_learner_expect(b, ZK_PACKET_PROPOSAL, zxid);
    test_learner_expect(b, ZK_PACKET_NEWLEADER, zxid_make(4, 0));
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect_nothing(a);
    assert_int_equal(test.peer.leader->last_committed, zxid_make(4, 1));
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    test_learner_expect(a, ZK_PACKET_COMMIT, zxid);
    test_learner_expect(b, ZK_PACKET_COMMIT, zxid);
    test_learner_expect(b, ZK_PACKET_UPTODATE, -1);
    test_leader_release(&test);
}

/* ---- broadcast ----------------------------------------------------------------------- */

static void test_commit_needs_a_quorum_of_disks(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *b;
    struct test_learner *a = test_leader_led_by_three(&test, &b);
    test.persists_at_once = false;
    int64_t zxid = test_leader_propose(&test, a, 1);
    test_learner_expect(a, ZK_PACKET_PROPOSAL, zxid);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect_nothing(a); /* our own disk has not got it, and b has not said so */
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(a, ZK_PACKET_COMMIT, zxid);
    int64_t next = test_leader_propose(&test, a, 2);
    test_learner_expect(a, ZK_PACKET_PROPOSAL, next);
    test_leader_persist(&test, next);
    test_learner_expect_nothing(a);
    test_learner_send(&test, a, ZK_PACKET_ACK, next, SLICE_NULL);
    test_learner_expect(a, ZK_PACKET_COMMIT, next);
    test_leader_release(&test);
}

static void test_observers_are_informed(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    struct test_learner *observer = test_learner_connect(&test, 1);
    test_learner_introduce(&test, observer, ZK_PACKET_OBSERVERINFO, 4, 3);
    test_learner_expect(observer, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    int64_t zxid = test_leader_propose(&test, a, 1);
    test_learner_ack_epoch(&test, observer, zxid_make(4, 1), 3);
    test_learner_expect(observer, ZK_PACKET_DIFF, zxid_make(4, 1));
    test_learner_expect(observer, ZK_PACKET_NEWLEADER, zxid_make(4, 0)); /* no proposal before */
    test_learner_send(&test, observer, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    test_learner_expect(observer, ZK_PACKET_UPTODATE, -1);
    test_learner_send(&test, observer, ZK_PACKET_ACK, zxid, SLICE_NULL); /* counts for nothing */
    test_learner_expect_nothing(observer);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid, SLICE_NULL);
    struct quorum_packet packet = test_learner_expect(observer, ZK_PACKET_INFORM, zxid);
    assert_int_equal(load_be64(packet.data.ptr + 12), zxid);
    test_learner_expect_nothing(observer);
    test_leader_release(&test);
}

static void test_acknowledgements_that_cannot_be(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    struct test_learner *b = test_learner_join(&test, 1, 3);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    int64_t first = test_leader_propose(&test, a, 1);
    int64_t second = test_leader_propose(&test, a, 2);
    /* twice, late, of another epoch: nothing */
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid_make(4, 1), SLICE_NULL);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid_make(2, 7), SLICE_NULL);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    test_learner_send(&test, a, ZK_PACKET_ACK, -1, SLICE_NULL);
    assert_true(a->is_open);
    assert_int_equal(test.peer.leader->last_committed, zxid_make(4, 1));
    /* before the one in front of it */
    test_learner_send(&test, b, ZK_PACKET_ACK, second, SLICE_NULL);
    test_learner_expect_closed(b, "out of order");
    assert_int_equal(test.peer.leader->last_committed, zxid_make(4, 1));
    /* never sent */
    struct test_learner *c = test_learner_connect(&test, 2);
    test_learner_introduce(&test, c, ZK_PACKET_FOLLOWERINFO, 3, 3);
    test_learner_ack_epoch(&test, c, zxid_make(4, 1), 3);
    test_learner_send(&test, c, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    test_learner_send(&test, c, ZK_PACKET_ACK, second + 1, SLICE_NULL);
    test_learner_expect_closed(c, "was not sent");
    test_learner_send(&test, a, ZK_PACKET_ACK, first, SLICE_NULL);
    test_learner_send(&test, a, ZK_PACKET_ACK, second, SLICE_NULL);
    assert_int_equal(test.peer.leader->last_committed, second);
    test_leader_release(&test);
}

static void test_an_unacknowledged_proposal_ends_the_link(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    struct test_learner *b = test_learner_join(&test, 1, 3);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    int64_t zxid = test_leader_propose(&test, a, 1);
    test_learner_send(&test, a, ZK_PACKET_ACK, zxid, SLICE_NULL);
    for (int i = 0; i < 6; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_send(&test, a, ZK_PACKET_PING, 0, SLICE_LIT(""));
        if (b->is_open) {
            test_learner_send(&test, b, ZK_PACKET_PING, 0, SLICE_LIT(""));
        }
    }
    test_learner_expect_closed(b, "not acknowledged a proposal");
    assert_true(a->is_open);
    test_leader_release(&test);
}

static void test_a_learner_that_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    struct test_learner *b = test_learner_join(&test, 1, 3);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    b->link.output_bytes = LEADER_LINK_OUTPUT_MAX;
    test_leader_propose(&test, a, 1);
    assert_true(b->is_open);
    b->link.output_bytes = LEADER_LINK_OUTPUT_MAX + 1;
    test_leader_propose(&test, a, 2);
    test_learner_expect_closed(b, "does not read");
    assert_true(a->is_open);
    test_leader_release(&test);
}

/* Learners that no configuration names and that read too little: not all of memory is theirs. */
static void test_strangers_output_is_bounded(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    struct test_learner *strangers[2];
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        strangers[i] = test_learner_connect(&test, (int)i + 1);
        test_learner_introduce(&test, strangers[i], ZK_PACKET_OBSERVERINFO, 1000 + (int64_t)i, 3);
        strangers[i]->link.output_bytes = LEADER_ALL_OUTPUT_MAX / 2 + 1 + i;
    }
    test_leader_advance(&test, TEST_LEADER_TICK_MS);
    test_learner_expect_closed(strangers[1], "most of it");
    assert_true(a->is_open && strangers[0]->is_open);
    test_leader_release(&test);
}

/* The last zxid of an epoch is never given out: the leader ends before (ZOOKEEPER-1277). */
static void test_zxids_are_used_up(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    int64_t last = zxid_make(4, UINT32_MAX - 1);
    test.peer.prep.last_zxid = last;
    test_learner_request(&test, a, TEST_LEADER_SESSION, 1, ZK_OP_SET_DATA,
                         test_leader_set_data_body());
    assert_int_equal(test.peer.state, PEER_LOOKING);
    assert_int_equal(test.proposed_zxid, zxid_make(4, 1));
    assert_false(a->is_open);
    test_leader_release(&test);
}

/* What was proposed and not committed is part of the history when the role has ended. */
static void test_the_tail_of_the_log_is_kept(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    int64_t zxid = test_leader_propose(&test, a, 1);
    test_learner_lost(&test, a);
    test_leader_settle(&test);
    test_leader_advance(&test, 2 * TEST_LEADER_TICK_MS);
    assert_int_equal(test.peer.state, PEER_LOOKING);
    assert_int_equal(test.peer.service.tree.last_processed_zxid, zxid);
    assert_int_equal(test.peer.election.own.zxid, zxid);
    test_leader_release(&test);
}

/* Apache's followers up to 3.8.4 and 3.9.1 acknowledge each txn that a DIFF brought, committed or
 * not, before NEWLEADER (Learner.syncWithLeader: fzk.logRequest). */
static void test_what_a_diff_brought_may_be_acknowledged(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_led_by_two(&test);
    struct test_learner *b = late_learner(&test, zxid_make(3, 3));
    test_learner_expect(b, ZK_PACKET_DIFF, zxid_make(3, 5));
    expect_committed(b, zxid_make(3, 4), zxid_make(3, 5));
    test_learner_expect(b, ZK_PACKET_NEWLEADER, zxid_make(4, 0));
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(3, 4), SLICE_NULL);
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(3, 5), SLICE_NULL);
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    assert_true(b->is_open);
    test_learner_expect(b, ZK_PACKET_UPTODATE, -1);
    test_leader_release(&test);
}

/* The same of the leader's own epoch, behind the ACK of NEWLEADER. */
static void test_what_a_diff_brought_of_this_epoch(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *a = test_leader_led_by_two(&test);
    test_learner_open_session(&test, a, TEST_LEADER_SESSION);
    struct test_learner *b = late_learner(&test, zxid_make(3, 5));
    test_learner_expect(b, ZK_PACKET_DIFF, zxid_make(4, 1));
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    test_learner_send(&test, b, ZK_PACKET_ACK, zxid_make(4, 1), SLICE_NULL);
    assert_true(b->is_open);
    test_leader_release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_diff_brought_may_be_acknowledged),
        cmocka_unit_test(test_what_a_diff_brought_of_this_epoch),
        cmocka_unit_test(test_phases_wait_for_quorum_and_disk),
        cmocka_unit_test(test_an_old_vote_does_not_count),
        cmocka_unit_test(test_who_is_ahead_is_sent_away),
        cmocka_unit_test(test_impossible_introductions),
        cmocka_unit_test(test_a_server_that_comes_back_replaces_itself),
        cmocka_unit_test(test_silent_links_are_closed),
        cmocka_unit_test(test_diff_from_the_commit_log),
        cmocka_unit_test(test_trunc),
        cmocka_unit_test(test_snap_for_a_strange_epoch),
        cmocka_unit_test(test_diff_from_the_log_on_disk),
        cmocka_unit_test(test_a_log_with_a_gap_is_not_sent),
        cmocka_unit_test(test_a_commit_log_that_has_moved_on),
        cmocka_unit_test(test_fresh_learners_get_a_snapshot),
        cmocka_unit_test(test_outstanding_proposals_reach_late_learners),
        cmocka_unit_test(test_commit_needs_a_quorum_of_disks),
        cmocka_unit_test(test_observers_are_informed),
        cmocka_unit_test(test_acknowledgements_that_cannot_be),
        cmocka_unit_test(test_an_unacknowledged_proposal_ends_the_link),
        cmocka_unit_test(test_a_learner_that_does_not_read_is_dropped),
        cmocka_unit_test(test_strangers_output_is_bounded),
        cmocka_unit_test(test_zxids_are_used_up),
        cmocka_unit_test(test_the_tail_of_the_log_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
