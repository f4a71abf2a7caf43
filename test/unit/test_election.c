/* Fast leader election: what one machine answers to scripted notifications, byte forms, the bugs of
 * others by name. Whole ensembles: test_election_ensemble.c. */
#include "zookeeper/core/election.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FINALIZE_MS 200

static struct quorum_config *config_of(const char *text)
{
    struct quorum_config *config;
    char problem[256];
    int error = quorum_config_parse(slice_of_cstr(text), &config, problem, sizeof problem);
    if (error != 0) {
        fail_msg("%s", problem);
    }
    return config;
}

/* `voters` servers and then `observers`. */
static struct quorum_config *config_with(int voters, int observers, int version)
{
    char text[2048];
    size_t len = 0;
    for (int id = 1; id <= voters + observers; id++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "server.%d=h%d:2888:3888:%s\n", id,
                                id, id <= voters ? "participant" : "observer");
    }
    snprintf(text + len, sizeof text - len, "version=%x\n", (unsigned)version);
    return config_of(text);
}

/* ---- one machine ----------------------------------------------------------------------------- */

struct fixture {
    struct election_config config;
    struct election election;
    struct zk_outbox outbox;
    struct quorum_config *members;
};

static void open_fixture(struct fixture *f, int64_t id, struct quorum_config *members)
{
    *f = (struct fixture){.config = {.server_id = id,
                                     .reconfig_enabled = true,
                                     .finalize_ms = FINALIZE_MS,
                                     .notification_ms = 200,
                                     .notification_max_ms = 60000},
                          .members = members};
    zk_outbox_init(&f->outbox);
    election_init(&f->election, &f->config);
}

static void close_fixture(struct fixture *f)
{
    election_release(&f->election);
    zk_outbox_release(&f->outbox);
    quorum_config_drop(f->members);
}

static void start(struct fixture *f, int64_t zxid, int64_t epoch)
{
    zk_outbox_clear(&f->outbox);
    election_start(&f->election, f->members, zxid, epoch, 0, &f->outbox);
    election_check(&f->election);
}

static struct notification note(int64_t sender, enum peer_state state, struct vote vote)
{
    return (struct notification){.sender = sender, .state = state, .vote = vote, .version = 2};
}

static struct vote vote_for(int64_t leader, int64_t zxid, int64_t round, int64_t epoch)
{
    return (struct vote){leader, zxid, round, epoch};
}

static enum election_outcome hear_at(struct fixture *f, uint64_t now_ms, struct notification n)
{
    zk_outbox_clear(&f->outbox);
    enum election_outcome outcome = election_notified(&f->election, &n, now_ms, &f->outbox);
    election_check(&f->election);
    return outcome;
}

/* What was told to that server last; false when nothing. */
static bool told(const struct fixture *f, int64_t to, struct notification *n)
{
    bool found = false;
    for (size_t i = 0; i < f->outbox.count; i++) {
        const struct zk_effect *effect = &f->outbox.effects[i];
        assert_int_equal(effect->kind, ZK_EFFECT_PEER);
        assert_int_equal(effect->peer_kind, PEER_EFFECT_NOTIFY);
        if (effect->server_id == to) {
            struct slice bytes = zk_effect_bytes(&f->outbox, effect);
            assert_int_equal(election_decode(f->config.server_id, bytes, n), 0);
            found = true;
        }
    }
    return found;
}

static void test_start_tells_all_voters_but_itself(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    open_fixture(&f, 2, config_with(3, 1, 0x17));
    start(&f, 0x100000007, 1);
    assert_int_equal(f.outbox.count, 2);
    assert_true(told(&f, 1, &n));
    assert_true(told(&f, 3, &n));
    assert_int_equal(n.state, PEER_LOOKING);
    assert_int_equal(n.vote.leader, 2);
    assert_int_equal(n.vote.zxid, 0x100000007);
    assert_int_equal(n.vote.election_epoch, 1);
    assert_int_equal(n.vote.peer_epoch, 1);
    assert_int_equal(n.version, 2);
    assert_true(slice_equal_cstr(n.config, "server.1=h1:2888:3888:participant\n"
                                           "server.2=h2:2888:3888:participant\n"
                                           "server.3=h3:2888:3888:participant\n"
                                           "server.4=h4:2888:3888:observer\n"
                                           "version=17"));
    assert_int_equal(election_deadline(&f.election), 200);
    close_fixture(&f);
}

static void test_waits_for_the_unheard_only(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3, config_with(3, 0, 0));
    start(&f, 9, 1);
    /* a quorum holds our vote, server 2 was not heard: 200 ms */
    assert_int_equal(hear_at(&f, 50, note(1, PEER_LOOKING, vote_for(3, 9, 1, 1))),
                     ELECTION_GOES_ON);
    assert_int_equal(f.election.finalize_at_ms, 250);
    /* server 2 has a vote of its own that is worse: nothing better can come */
    assert_int_equal(hear_at(&f, 60, note(2, PEER_LOOKING, vote_for(2, 9, 1, 1))),
                     ELECTION_DECIDED);
    assert_int_equal(f.election.vote.leader, 3);
    assert_int_equal(f.election.state, PEER_LEADING);
    assert_int_equal(election_deadline(&f.election), UINT64_MAX);
    close_fixture(&f);
}

/* Its vote of this round came here while ours reached it too early: it is told once more. */
static void test_worse_vote_is_answered(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    open_fixture(&f, 3, config_with(5, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(1, 9, 1, 1)));
    assert_int_equal(f.outbox.count, 1);
    assert_true(told(&f, 1, &n));
    assert_int_equal(n.vote.leader, 3);
    hear_at(&f, 2, note(1, PEER_LOOKING, vote_for(3, 9, 1, 1)));
    assert_int_equal(f.outbox.count, 0);
    close_fixture(&f);
}

static void test_dead_peer_is_not_waited_for(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 2, config_with(3, 0, 0));
    start(&f, 9, 1);
    assert_int_equal(hear_at(&f, 5, note(1, PEER_LOOKING, vote_for(2, 9, 1, 1))), ELECTION_GOES_ON);
    assert_int_equal(election_deadline(&f.election), 200);
    election_peer_down(&f.election, 3, 6);
    assert_int_equal(election_deadline(&f.election), 6);
    assert_int_equal(election_tick(&f.election, 6, &f.outbox), ELECTION_DECIDED);
    assert_int_equal(f.election.state, PEER_LEADING);
    close_fixture(&f);
}

static void test_better_vote_ends_the_wait(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    open_fixture(&f, 2, config_with(5, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(2, 9, 1, 1)));
    hear_at(&f, 2, note(3, PEER_LOOKING, vote_for(2, 9, 1, 1)));
    assert_int_equal(f.election.finalize_at_ms, 202);
    hear_at(&f, 3, note(4, PEER_LOOKING, vote_for(4, 10, 1, 1)));
    assert_int_equal(f.election.finalize_at_ms, UINT64_MAX);
    assert_int_equal(f.election.vote.leader, 4);
    assert_true(told(&f, 1, &n));
    assert_int_equal(n.vote.leader, 4);
    close_fixture(&f);
}

static void test_order_of_votes(void **state)
{
    (void)state;
    static const struct {
        struct vote vote;
        bool wins;
    } cases[] = {
        {{3, 9, 1, 1}, true},  {{1, 9, 1, 1}, false}, {{1, 10, 1, 1}, true},
        {{3, 8, 1, 1}, false}, {{1, 0, 1, 2}, true},  {{3, 100, 1, 0}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        open_fixture(&f, 2, config_with(5, 0, 0));
        start(&f, 9, 1);
        hear_at(&f, 1, note(4, PEER_LOOKING, cases[i].vote));
        assert_int_equal(f.election.vote.leader, cases[i].wins ? cases[i].vote.leader : 2);
        close_fixture(&f);
    }
}

static void test_rounds(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    open_fixture(&f, 2, config_with(3, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(2, 9, 1, 1)));
    /* a later round: what was heard counts no more; the vote is compared with what we brought */
    hear_at(&f, 2, note(3, PEER_LOOKING, vote_for(3, 4, 7, 1)));
    assert_int_equal(f.election.election_epoch, 7);
    assert_int_equal(f.election.vote.leader, 2);
    assert_int_equal(f.election.finalize_at_ms, UINT64_MAX);
    assert_true(told(&f, 1, &n));
    assert_int_equal(n.vote.election_epoch, 7);
    /* an earlier round: only its sender is told */
    hear_at(&f, 3, note(1, PEER_LOOKING, vote_for(1, 99, 1, 1)));
    assert_int_equal(f.outbox.count, 1);
    assert_true(told(&f, 1, &n));
    assert_int_equal(n.vote.leader, 2);
    assert_int_equal(f.election.vote.leader, 2);
    /* no data yet: not judged */
    hear_at(&f, 4, note(1, PEER_LOOKING, vote_for(1, -1, 8, 9)));
    assert_int_equal(f.election.election_epoch, 7);
    /* a vote for somebody who is no voter */
    hear_at(&f, 4, note(1, PEER_LOOKING, vote_for(77, 99, 7, 9)));
    assert_int_equal(f.election.vote.leader, 2);
    close_fixture(&f);
}

static void test_tells_again_with_back_off(void **state)
{
    (void)state;
    struct fixture f;
    static const uint64_t when[] = {200,   600,   1400,   3000,   6200,  12600,
                                    25400, 51000, 102200, 162200, 222200};
    open_fixture(&f, 1, config_with(3, 0, 0));
    start(&f, 9, 1);
    for (size_t i = 0; i < ARRAY_LEN(when); i++) {
        zk_outbox_clear(&f.outbox);
        assert_int_equal(election_deadline(&f.election), when[i]);
        assert_int_equal(election_tick(&f.election, when[i] - 1, &f.outbox), ELECTION_GOES_ON);
        assert_int_equal(f.outbox.count, 0);
        assert_int_equal(election_tick(&f.election, when[i], &f.outbox), ELECTION_GOES_ON);
        assert_int_equal(f.outbox.count, 2);
    }
    zk_outbox_clear(&f.outbox);
    election_peer_up(&f.election, 3, &f.outbox); /* at once to who has come back */
    assert_int_equal(f.outbox.count, 1);
    assert_int_equal(f.outbox.effects[0].server_id, 3);
    close_fixture(&f);
}

static void test_joins_a_running_ensemble(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3, config_with(3, 0, 0));
    start(&f, 0x900000000, 9); /* better than theirs: it joins nevertheless */
    assert_int_equal(hear_at(&f, 1, note(1, PEER_FOLLOWING, vote_for(2, 5, 40, 4))),
                     ELECTION_GOES_ON);
    assert_int_equal(hear_at(&f, 2, note(2, PEER_LEADING, vote_for(2, 5, 40, 4))),
                     ELECTION_DECIDED);
    assert_int_equal(f.election.state, PEER_FOLLOWING);
    assert_int_equal(f.election.vote.leader, 2);
    assert_int_equal(f.election.election_epoch, 40);
    close_fixture(&f);
}

/* checkLeader: a quorum still names a leader that has not said so itself. */
static void test_gone_leader_is_not_followed(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(5, 0, 0));
    start(&f, 9, 1);
    for (int64_t id = 2; id <= 4; id++) {
        assert_int_equal(hear_at(&f, 1, note(id, PEER_FOLLOWING, vote_for(5, 5, 3, 4))),
                         ELECTION_GOES_ON);
    }
    /* and when it looks itself again, its word of before is worth nothing */
    assert_int_equal(hear_at(&f, 2, note(5, PEER_LOOKING, vote_for(5, 5, 1, 4))), ELECTION_GOES_ON);
    assert_true(f.election.is_looking);
    close_fixture(&f);
}

/* Others follow us since before we died: ours again only in the round that we are in. */
static void test_led_before_a_restart(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3, config_with(3, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(1, PEER_FOLLOWING, vote_for(3, 9, 4, 1)));
    assert_int_equal(hear_at(&f, 1, note(2, PEER_FOLLOWING, vote_for(3, 9, 4, 1))),
                     ELECTION_GOES_ON);
    close_fixture(&f);
}

/* ZOOKEEPER-1732, 1805: those who settled tell rounds and zxids of different elections. */
static void test_zk1732_rounds_of_the_settled_differ(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(3, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(2, PEER_FOLLOWING, vote_for(3, 5, 12, 4)));
    assert_int_equal(hear_at(&f, 2, note(3, PEER_LEADING, vote_for(3, 77, 11, 4))),
                     ELECTION_DECIDED);
    close_fixture(&f);
}

/* ZOOKEEPER-1818: a rolling upgrade; an old server's epoch is not comparable. */
static void test_zk1818_old_version_beside_new(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(3, 0, 0));
    start(&f, 9, 1);
    struct notification old = note(2, PEER_FOLLOWING, vote_for(3, 5, 12, 3));
    old.version = 0;
    hear_at(&f, 1, old);
    assert_int_equal(hear_at(&f, 2, note(3, PEER_LEADING, vote_for(3, 5, 12, 4))),
                     ELECTION_DECIDED);
    close_fixture(&f);
}

/* ZOOKEEPER-3109: a voter changes its mind while a quorum holds our vote. */
static void test_zk3109_voter_changes_its_mind(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(5, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(2, PEER_LOOKING, vote_for(3, 10, 1, 1)));
    hear_at(&f, 2, note(3, PEER_LOOKING, vote_for(3, 10, 1, 1)));
    assert_int_equal(f.election.finalize_at_ms, 202);
    hear_at(&f, 3, note(2, PEER_LOOKING, vote_for(2, 8, 1, 1))); /* restarted with less */
    assert_int_equal(f.election.finalize_at_ms, UINT64_MAX);
    assert_int_equal(election_tick(&f.election, 250, &f.outbox), ELECTION_GOES_ON);
    close_fixture(&f);
}

static void test_settled_one_answers_who_looks(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    open_fixture(&f, 3, config_with(3, 1, 0));
    start(&f, 9, 1);
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(3, 9, 1, 1)));
    hear_at(&f, 1, note(4, PEER_LOOKING, vote_for(INT64_MIN, INT64_MIN, 1, INT64_MIN)));
    assert_int_equal(f.outbox.count, 1); /* an observer asked: it gets the vote of now */
    assert_int_equal(election_tick(&f.election, 201, &f.outbox), ELECTION_DECIDED);
    zk_outbox_clear(&f.outbox);
    election_settle(&f.election, PEER_LEADING, 1, &f.outbox);
    assert_true(told(&f, 4, &n)); /* and that of the end without asking again */
    assert_int_equal(n.state, PEER_LEADING);
    assert_true(told(&f, 2, &n)); /* not heard in this election */
    election_settle(&f.election, PEER_LEADING, 2, &f.outbox);
    hear_at(&f, 300, note(2, PEER_LOOKING, vote_for(2, 50, 8, 1)));
    assert_int_equal(f.outbox.count, 1);
    assert_true(told(&f, 2, &n));
    assert_int_equal(n.state, PEER_LEADING);
    assert_int_equal(n.vote.election_epoch, 1);
    assert_int_equal(n.vote.peer_epoch, 2);
    hear_at(&f, 301, note(2, PEER_FOLLOWING, vote_for(3, 9, 1, 2)));
    assert_int_equal(f.outbox.count, 0);
    close_fixture(&f);
}

static void test_strangers_do_not_answer_each_other_for_ever(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(3, 0, 0));
    start(&f, 9, 1);
    hear_at(&f, 10, note(9, PEER_LOOKING, vote_for(9, 99, 9, 9)));
    assert_int_equal(f.outbox.count, 1);
    hear_at(&f, 11, note(9, PEER_LOOKING, vote_for(9, 99, 9, 9)));
    assert_int_equal(f.outbox.count, 0);
    assert_int_equal(f.election.vote.leader, 1); /* and its vote counts nothing */
    for (int64_t id = 1000; id < 2000; id++) {
        hear_at(&f, 12, note(id, PEER_LOOKING, vote_for(9, 99, 9, 9)));
    }
    close_fixture(&f);
}

static void test_observer_follows_only(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    open_fixture(&f, 4, config_with(3, 1, 0));
    zk_outbox_clear(&f.outbox);
    election_start(&f.election, f.members, 9, 1, 0, &f.outbox);
    assert_int_equal(f.outbox.count, 3);
    assert_true(told(&f, 1, &n));
    assert_int_equal(n.vote.leader, INT64_MIN);
    assert_int_equal(n.vote.zxid, INT64_MIN);
    assert_int_equal(n.vote.peer_epoch, INT64_MIN);
    /* it says whom it would follow, once: a next configuration may give it a vote (seed 742
     * --reconfigs); its own history is no matter */
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(3, 8, 1, 1)));
    assert_true(told(&f, 1, &n));
    assert_int_equal(n.vote.leader, 3);
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(3, 8, 1, 1)));
    assert_int_equal(f.outbox.count, 0);
    hear_at(&f, 1, note(2, PEER_LOOKING, vote_for(3, 8, 1, 1)));
    hear_at(&f, 1, note(3, PEER_LOOKING, vote_for(3, 8, 1, 1)));
    assert_true(f.election.is_looking);
    hear_at(&f, 2, note(1, PEER_FOLLOWING, vote_for(3, 9, 1, 1)));
    assert_int_equal(hear_at(&f, 2, note(3, PEER_LEADING, vote_for(3, 9, 1, 1))), ELECTION_DECIDED);
    assert_int_equal(f.election.state, PEER_OBSERVING);
    close_fixture(&f);
}

/* Two servers without weight, and nobody else: each stands for itself for good, and neither answers
 * the other's answer, or they would fill the network. */
static void test_weight_zero_is_not_argued_with(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 2,
                 config_of("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"
                           "group.1=1:2:3\nweight.2=0\nweight.3=0\n"));
    start(&f, 9, 1);
    assert_int_equal(hear_at(&f, 1, note(3, PEER_LOOKING, vote_for(3, 9, 1, 1))), ELECTION_GOES_ON);
    assert_int_equal(f.election.vote.leader, 2);
    assert_int_equal(f.outbox.count, 0);
    close_fixture(&f);
}

/* A forged round from which nobody can count on: the next one is the first again, and is caught up
 * with by who is told of the other. */
static void test_rounds_do_not_end(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    uint8_t bytes[28] = {0};
    open_fixture(&f, 2, config_with(3, 0, 0));
    start(&f, 9, 1);
    store_be64(bytes + 4, 3);
    store_be64(bytes + 12, 4);
    store_be64(bytes + 20, INT64_MAX);
    assert_int_equal(election_decode(3, slice_of(bytes, sizeof bytes), &n), 0);
    hear_at(&f, 1, n);
    assert_int_equal(f.election.election_epoch, INT64_MAX);
    start(&f, 9, 1);
    assert_int_equal(f.election.election_epoch, 1);
    hear_at(&f, 2, note(1, PEER_LOOKING, vote_for(1, 9, INT64_MAX, 1)));
    assert_int_equal(f.election.election_epoch, INT64_MAX);
    close_fixture(&f);
}

/* The one that was answered longest ago makes room: everybody is answered, nobody all the time. */
static void test_many_strangers(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 2, config_with(3, 0, 0));
    start(&f, 9, 1);
    for (int64_t id = 100; id < 300; id++) {
        hear_at(&f, (uint64_t)id, note(id, PEER_LOOKING, vote_for(id, 9, 1, 1)));
        assert_int_equal(f.outbox.count, 1);
        hear_at(&f, (uint64_t)id + 1, note(id, PEER_LOOKING, vote_for(id, 9, 1, 1)));
        assert_int_equal(f.outbox.count, 0);
    }
    close_fixture(&f);
}

static void test_weight_zero_never_wins(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1,
                 config_of("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"
                           "group.1=1:2:3\nweight.3=0\n"));
    start(&f, 9, 1);
    hear_at(&f, 1, note(3, PEER_LOOKING, vote_for(3, 99, 1, 9)));
    assert_int_equal(f.election.vote.leader, 1);
    /* and nobody waits for it */
    assert_int_equal(hear_at(&f, 2, note(2, PEER_LOOKING, vote_for(2, 9, 1, 1))), ELECTION_DECIDED);
    assert_int_equal(f.election.vote.leader, 2);
    close_fixture(&f);
}

static void test_newer_configuration_is_handed_over(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(3, 0, 5));
    start(&f, 9, 1);
    struct notification n = note(2, PEER_FOLLOWING, vote_for(3, 9, 1, 1));
    n.config = SLICE_LIT("server.2=h2:2888:3888:participant\nversion=6");
    assert_int_equal(hear_at(&f, 1, n), ELECTION_CONFIG_NEWER);
    n.config = SLICE_LIT("server.2=h2:2888:3888:participant\nversion=4");
    assert_int_equal(hear_at(&f, 1, n), ELECTION_GOES_ON);
    /* ZOOKEEPER-4787: a text that cannot be read does not take the vote with it */
    n.config = SLICE_LIT("\xff\xfe\x00\x01=version");
    assert_int_equal(hear_at(&f, 1, n), ELECTION_GOES_ON);
    n.config = SLICE_LIT("server.2=h2:2888:3888:participant\nversion=6");
    f.config.reconfig_enabled = false;
    assert_int_equal(hear_at(&f, 1, n), ELECTION_GOES_ON);
    close_fixture(&f);
}

/* Set up again by hand, it hears one that was removed before (ensemble seed 462 --reconfigs). */
static void test_a_stranger_with_a_replaced_configuration(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(3, 0, 0));
    election_set_known(&f.election, 7);
    start(&f, 9, 1);
    struct notification stranger = note(4, PEER_LOOKING, vote_for(4, 9, 1, 1));
    stranger.config = SLICE_LIT("server.1=h1:1:2\nserver.4=h4:1:2\nversion=6");
    assert_int_equal(hear_at(&f, 1, stranger), ELECTION_GOES_ON);
    stranger.config = SLICE_LIT("server.1=h1:1:2\nserver.4=h4:1:2\nversion=7");
    assert_int_equal(hear_at(&f, 1, stranger), ELECTION_CONFIG_NEWER);
    /* who is named by hand is believed: what the history has may never have been committed */
    struct notification member = note(2, PEER_LOOKING, vote_for(2, 9, 1, 1));
    member.config = SLICE_LIT("server.2=h2:1:2\nserver.3=h3:1:2\nversion=6");
    assert_int_equal(hear_at(&f, 1, member), ELECTION_CONFIG_NEWER);
    close_fixture(&f);
}

/* Who has settled tells the configuration that came into force since: it may be the only way for
 * one that was away to learn where the leader is now (ensemble seed 13). */
static void test_settled_one_tells_the_newest_configuration(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    struct quorum_config *newer = config_with(4, 0, 0x18);
    open_fixture(&f, 1, config_with(3, 0, 0x17));
    start(&f, 9, 1);
    hear_at(&f, 1, note(2, PEER_LOOKING, vote_for(1, 9, 1, 1)));
    hear_at(&f, 1, note(3, PEER_LOOKING, vote_for(1, 9, 1, 1)));
    (void)election_tick(&f.election, 1, &f.outbox);
    assert_int_equal(f.election.state, PEER_LEADING);
    election_settle(&f.election, PEER_LEADING, 2, &f.outbox);
    election_tell_config(&f.election, newer);
    hear_at(&f, 2, note(2, PEER_LOOKING, vote_for(2, 9, 1, 1)));
    assert_true(told(&f, 2, &n));
    assert_true(slice_equal_cstr(n.config, "server.1=h1:2888:3888:participant\n"
                                           "server.2=h2:2888:3888:participant\n"
                                           "server.3=h3:2888:3888:participant\n"
                                           "server.4=h4:2888:3888:participant\n"
                                           "version=18"));
    quorum_config_drop(newer);
    close_fixture(&f);
}

/* A reconfiguration makes it a voter while it follows: others need its word to find the leader
 * (seed 4116043814 --reconfigs). */
static void test_who_gets_a_vote_answers(void **state)
{
    (void)state;
    struct fixture f;
    struct notification n;
    struct quorum_config *newer = config_with(5, 0, 0x18);
    open_fixture(&f, 4, config_with(3, 1, 0x17));
    start(&f, 9, 1);
    hear_at(&f, 2, note(1, PEER_FOLLOWING, vote_for(3, 9, 1, 1)));
    assert_int_equal(hear_at(&f, 2, note(3, PEER_LEADING, vote_for(3, 9, 1, 1))), ELECTION_DECIDED);
    election_settle(&f.election, PEER_FOLLOWING, 2, &f.outbox);
    hear_at(&f, 1000, note(5, PEER_LOOKING, vote_for(5, 9, 1, 1)));
    assert_false(told(&f, 5, &n));
    election_tell_config(&f.election, newer);
    hear_at(&f, 5000, note(5, PEER_LOOKING, vote_for(5, 9, 1, 1)));
    assert_true(told(&f, 5, &n));
    assert_int_equal(n.vote.leader, 3);
    assert_int_equal(n.state, PEER_FOLLOWING);
    quorum_config_drop(newer);
    close_fixture(&f);
}

/* Both configurations must agree while one is being introduced. */
static void test_next_configuration_counts_too(void **state)
{
    (void)state;
    struct fixture f;
    struct quorum_config *next = config_with(5, 0, 9);
    open_fixture(&f, 3, config_with(3, 0, 5));
    election_set_next(&f.election, next);
    start(&f, 9, 1);
    assert_int_equal(f.outbox.count, 4);
    hear_at(&f, 1, note(1, PEER_LOOKING, vote_for(3, 9, 1, 1)));
    assert_int_equal(f.election.finalize_at_ms, UINT64_MAX);
    hear_at(&f, 1, note(4, PEER_LOOKING, vote_for(3, 9, 1, 1)));
    assert_int_equal(f.election.finalize_at_ms, 201);
    quorum_config_drop(next);
    close_fixture(&f);
}

/* One that the next configuration gives a vote is no candidate, and may be in a later round: it
 * hears only of candidates that are in its round, too (ensemble seed 462 --reconfigs). */
static void test_who_helps_in_a_later_round(void **state)
{
    (void)state;
    struct fixture f;
    struct quorum_config *next = config_with(4, 0, 9);
    open_fixture(&f, 3, config_with(3, 0, 5));
    election_set_next(&f.election, next);
    start(&f, 9, 1);
    hear_at(&f, 1, note(4, PEER_LOOKING, vote_for(INT64_MIN, INT64_MIN, 7, INT64_MIN)));
    assert_true(f.election.election_epoch == 7);
    assert_int_equal(f.outbox.count, 3);
    hear_at(&f, 1, note(4, PEER_LOOKING, vote_for(3, 9, 7, 1)));
    hear_at(&f, 1, note(2, PEER_LOOKING, vote_for(3, 9, 7, 1)));
    assert_int_equal(f.election.finalize_at_ms, 201);
    quorum_config_drop(next);
    close_fixture(&f);
}

static void test_appointed_leader_is_not_asked_about(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(3, 0, 5));
    zk_outbox_clear(&f.outbox);
    election_appoint(&f.election, f.members, 2, 9, 1, 70);
    assert_int_equal(f.outbox.count, 0);
    assert_int_equal(election_deadline(&f.election), 70);
    assert_int_equal(election_tick(&f.election, 70, &f.outbox), ELECTION_DECIDED);
    assert_int_equal(f.election.vote.leader, 2);
    assert_int_equal(f.election.state, PEER_FOLLOWING);
    close_fixture(&f);
}

static void test_alone(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1, config_with(1, 0, 0));
    start(&f, 0, 0);
    assert_int_equal(election_deadline(&f.election), 0);
    assert_int_equal(election_tick(&f.election, 0, &f.outbox), ELECTION_DECIDED);
    assert_int_equal(f.election.state, PEER_LEADING);
    close_fixture(&f);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void test_byte_forms(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    struct notification n;
    store_be32(bytes, 2);
    store_be64(bytes + 4, 3);
    store_be64(bytes + 12, 0x700000005);
    store_be64(bytes + 20, 11);
    store_be64(bytes + 28, 8);
    store_be32(bytes + 36, 2);
    store_be32(bytes + 40, 4);
    memcpy(bytes + 44, "abcd", 4);
    assert_int_equal(election_decode(9, slice_of(bytes, 28), &n), 0);
    assert_int_equal(n.vote.peer_epoch, 7);
    assert_int_equal(n.version, 0);
    assert_int_equal(election_decode(9, slice_of(bytes, 40), &n), 0);
    assert_int_equal(n.vote.peer_epoch, 8);
    assert_int_equal(n.version, 0);
    assert_int_equal(election_decode(9, slice_of(bytes, 48), &n), 0);
    assert_int_equal(n.version, 2);
    assert_int_equal(n.state, PEER_LEADING);
    assert_int_equal(n.vote.leader, 3);
    assert_int_equal(n.vote.zxid, 0x700000005);
    assert_int_equal(n.vote.election_epoch, 11);
    assert_true(slice_equal_cstr(n.config, "abcd"));
    store_be32(bytes + 36, 1);
    assert_int_equal(election_decode(9, slice_of(bytes, 48), &n), 0);
    assert_true(slice_is_null(n.config));
}

/* ZOOKEEPER-3769: cut and forged messages are told as such, whatever they say. */
static void test_zk3769_malformed(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    struct notification n;
    struct random random;
    store_be32(bytes + 36, 2);
    for (size_t len = 0; len < 44; len++) {
        int expected = len == 28 || len == 40 ? 0 : ERR_CORRUPT;
        assert_int_equal(election_decode(9, slice_of(bytes, len), &n), expected);
    }
    static const uint32_t lens[] = {5, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        store_be32(bytes + 40, lens[i]);
        assert_int_equal(election_decode(9, slice_of(bytes, 48), &n), ERR_CORRUPT);
    }
    store_be32(bytes + 40, 0);
    store_be32(bytes, 4);
    assert_int_equal(election_decode(9, slice_of(bytes, 44), &n), ERR_CORRUPT);
    store_be32(bytes, 0);

    /* and what passes shakes nothing */
    struct fixture f;
    random_init(&random, 3);
    open_fixture(&f, 2, config_with(5, 1, 3));
    start(&f, 9, 1);
    for (int i = 0; i < 20000; i++) {
        size_t len = random_below(&random, sizeof bytes + 1);
        for (size_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = random_chance(&random, 1, 2) ? (uint8_t)random_below(&random, 5) : 0;
        }
        if (election_decode((int64_t)random_below(&random, 8), slice_of(bytes, len), &n) == 0 &&
            hear_at(&f, (uint64_t)i, n) != ELECTION_GOES_ON) {
            start(&f, 9, 1);
        }
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_tells_all_voters_but_itself),
        cmocka_unit_test(test_waits_for_the_unheard_only),
        cmocka_unit_test(test_worse_vote_is_answered),
        cmocka_unit_test(test_dead_peer_is_not_waited_for),
        cmocka_unit_test(test_better_vote_ends_the_wait),
        cmocka_unit_test(test_order_of_votes),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_tells_again_with_back_off),
        cmocka_unit_test(test_joins_a_running_ensemble),
        cmocka_unit_test(test_gone_leader_is_not_followed),
        cmocka_unit_test(test_led_before_a_restart),
        cmocka_unit_test(test_zk1732_rounds_of_the_settled_differ),
        cmocka_unit_test(test_zk1818_old_version_beside_new),
        cmocka_unit_test(test_zk3109_voter_changes_its_mind),
        cmocka_unit_test(test_settled_one_answers_who_looks),
        cmocka_unit_test(test_settled_one_tells_the_newest_configuration),
        cmocka_unit_test(test_who_gets_a_vote_answers),
        cmocka_unit_test(test_strangers_do_not_answer_each_other_for_ever),
        cmocka_unit_test(test_observer_follows_only),
        cmocka_unit_test(test_weight_zero_is_not_argued_with),
        cmocka_unit_test(test_rounds_do_not_end),
        cmocka_unit_test(test_many_strangers),
        cmocka_unit_test(test_weight_zero_never_wins),
        cmocka_unit_test(test_newer_configuration_is_handed_over),
        cmocka_unit_test(test_a_stranger_with_a_replaced_configuration),
        cmocka_unit_test(test_next_configuration_counts_too),
        cmocka_unit_test(test_who_helps_in_a_later_round),
        cmocka_unit_test(test_appointed_leader_is_not_asked_about),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_byte_forms),
        cmocka_unit_test(test_zk3769_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
