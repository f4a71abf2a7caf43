/* Reconfiguration at the leader: what is refused, what it needs to be committed, and who leads
 * after it. */
#include "support_leader.h"

#include "base/endian.h"
#include "wire/jute.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SESSION INT64_C(0x200000000000001)
#define FIRST_VERSION zxid_make(4, 0)

static const char *const three = "server.1=h1:1:2:participant;h1:3\n"
                                 "server.2=h2:1:2:participant;h2:3\n"
                                 "server.3=h3:1:2:participant;h3:3\n"
                                 "server.4=h4:1:2:observer;h4:3\n"
                                 "version=400000000";

static struct test_learner *begin(struct test_leader *test)
{
    test_leader_init(test);
    test->config.reconfig_enabled = true;
    test->service_config.prep.auth.skip_acl = true; /* /zookeeper/config is the superuser's */
    test_leader_load(test, 3, 5);
    test_leader_start(test, 3, 3);
    struct test_learner *learner = test_learner_join(test, 0, 2);
    test_learner_open_session(test, learner, SESSION);
    return learner;
}

static void write_text(struct buffer *out, const char *text)
{
    jute_write_bytes(out, text == NULL ? SLICE_NULL : slice_of_cstr(text));
}

static void reconfig(struct test_leader *test,
                     struct test_learner *learner,
                     const char *joining,
                     const char *leaving,
                     const char *members,
                     int64_t version)
{
    struct buffer body;
    buffer_init(&body, SIZE_MAX);
    write_text(&body, joining);
    write_text(&body, leaving);
    write_text(&body, members);
    jute_write_i64(&body, version);
    test_learner_request(test, learner, SESSION, 7, ZK_OP_RECONFIG, buffer_slice(&body));
    buffer_release(&body);
}

/* The proposal that follows on the link; its txn. */
static struct slice proposal(struct test_leader *test, struct test_learner *learner)
{
    struct quorum_packet packet = test_learner_next(learner);
    while (packet.type != ZK_PACKET_PROPOSAL || packet.zxid != test->proposed_zxid) {
        assert_int_not_equal(packet.type, -1);
        packet = test_learner_next(learner);
    }
    return packet.data;
}

static void refused(struct test_leader *test, struct test_learner *learner, int32_t error)
{
    struct slice txn = proposal(test, learner);
    assert_int_equal((int32_t)load_be32(txn.ptr + 28), ZK_OP_ERROR);
    assert_int_equal((int32_t)load_be32(txn.ptr + 32), error);
    test_learner_send(test, learner, ZK_PACKET_ACK, test->proposed_zxid, SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_COMMIT, test->proposed_zxid);
}

static void expect_text(struct slice text, const char *expected)
{
    if (!slice_equal_cstr(text, expected)) {
        fail_msg("not \"%s\" but \"%.*s\"", expected, (int)text.len, (const char *)text.ptr);
    }
}

static void expect_config_node(struct test_leader *test, const char *expected)
{
    const struct tree *tree = &test->peer.service.tree;
    struct znode *node = tree_find(tree, SLICE_LIT("/zookeeper/config"));
    assert_non_null(node);
    expect_text(znode_data(tree, node), expected);
}

static void test_the_first_leader_versions_the_configuration(void **state)
{
    (void)state;
    struct test_leader test;
    begin(&test);
    assert_int_equal(test.peer.committed_config->version, FIRST_VERSION);
    expect_config_node(&test, three);
    test_leader_release(&test);
}

static void test_a_server_leaves(void **state)
{
    (void)state;
    static const char *const two = "server.1=h1:1:2:participant;h1:3\n"
                                   "server.2=h2:1:2:participant;h2:3\n"
                                   "server.4=h4:1:2:observer;h4:3\n"
                                   "version=400000002";
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    reconfig(&test, learner, NULL, "3", NULL, -1);
    struct slice txn = proposal(&test, learner);
    expect_text(peer_txn_config(txn), two);
    assert_int_equal(test.peer.seen_config->version, zxid_make(4, 2));
    assert_int_equal(test.peer.committed_config->version, FIRST_VERSION);
    /* Only one at a time; and what is proposed behind it waits for both quorums. */
    reconfig(&test, learner, NULL, "4", NULL, -1);
    txn = proposal(&test, learner);
    assert_int_equal((int32_t)load_be32(txn.ptr + 32), ZK_ERR_RECONFIGINPROGRESS);
    test_learner_send(&test, learner, ZK_PACKET_ACK, zxid_make(4, 2), SLICE_NULL);
    struct quorum_packet packet = test_learner_expect(learner, ZK_PACKET_COMMIT_AND_ACTIVATE,
                                                      zxid_make(4, 2));
    assert_int_equal(packet.data.len, 8);
    assert_int_equal(load_be64(packet.data.ptr), 1);
    expect_config_node(&test, two);
    assert_int_equal(test.peer.committed_config->version, zxid_make(4, 2));
    test_learner_send(&test, learner, ZK_PACKET_ACK, zxid_make(4, 3), SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_COMMIT, zxid_make(4, 3));
    assert_int_equal(test.peer.state, PEER_LEADING);
    test_leader_release(&test);
}

/* Two servers join: they must follow before the change can be made, and then be asked. */
static void test_servers_join(void **state)
{
    (void)state;
    const char *joining = "server.5=h5:1:2;h5:3, server.6=h6:1:2:participant;3";
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    reconfig(&test, learner, joining, NULL, NULL, FIRST_VERSION);
    refused(&test, learner, ZK_ERR_NEWCONFIGNOQUORUM);
    struct test_learner *five = test_learner_join(&test, 1, 5);
    reconfig(&test, learner, joining, NULL, NULL, FIRST_VERSION);
    int64_t zxid = test.proposed_zxid;
    expect_text(peer_txn_config(proposal(&test, learner)), "server.1=h1:1:2:participant;h1:3\n"
                                                           "server.2=h2:1:2:participant;h2:3\n"
                                                           "server.3=h3:1:2:participant;h3:3\n"
                                                           "server.4=h4:1:2:observer;h4:3\n"
                                                           "server.5=h5:1:2:participant;h5:3\n"
                                                           "server.6=h6:1:2:participant;0.0.0.0:3\n"
                                                           "version=400000003");
    /* 1 and 2 are a quorum of the old one only. */
    test_learner_send(&test, learner, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect_nothing(learner);
    test_learner_send(&test, five, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_COMMIT_AND_ACTIVATE, zxid);
    assert_true(quorum_config_is_voter(test.peer.committed_config, 5));
    test_leader_release(&test);
}

static void test_observers_hear_of_it(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    struct test_learner *observer = test_learner_connect(&test, 1);
    test_learner_introduce(&test, observer, ZK_PACKET_OBSERVERINFO, 4, 3);
    test_learner_ack_epoch(&test, observer, zxid_make(4, 1), 3);
    test_learner_send(&test, observer, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    while (test_learner_next(observer).type != -1) {
    }
    reconfig(&test, learner, NULL, "3", NULL, -1);
    int64_t zxid = test.proposed_zxid;
    test_learner_send(&test, learner, ZK_PACKET_ACK, zxid, SLICE_NULL);
    struct quorum_packet packet = test_learner_expect(observer, ZK_PACKET_INFORM_AND_ACTIVATE,
                                                      zxid);
    int64_t leader = 0;
    struct slice txn;
    assert_int_equal(quorum_read_activate(packet.data, &leader, &txn), ERR_OK);
    assert_int_equal(leader, 1);
    assert_false(slice_is_null(peer_txn_config(txn)));
    test_leader_release(&test);
}

/* The leader leaves: of those that acknowledged it, one that acknowledged most is to lead. */
static void test_the_leader_leaves(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *two = begin(&test);
    struct test_learner *learner = test_learner_join(&test, 1, 3);
    reconfig(&test, two, NULL, "1", NULL, -1);
    int64_t zxid = test.proposed_zxid;
    test_learner_send(&test, learner, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_send(&test, two, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_PROPOSAL, zxid);
    struct quorum_packet packet = test_learner_expect(learner, ZK_PACKET_COMMIT_AND_ACTIVATE, zxid);
    assert_int_equal(load_be64(packet.data.ptr), 2);
    /* It commits nothing more, and ends. */
    test_learner_request(&test, two, SESSION, 8, ZK_OP_CLOSE_SESSION, SLICE_LIT(""));
    int64_t next = test.proposed_zxid;
    test_learner_send(&test, learner, ZK_PACKET_ACK, next, SLICE_NULL);
    test_learner_send(&test, two, ZK_PACKET_ACK, next, SLICE_NULL);
    assert_int_equal(test.peer.leader->last_committed, zxid);
    test_leader_advance(&test, 5 * TEST_LEADER_TICK_MS);
    assert_int_equal(test.peer.state, PEER_LOOKING);
    test_leader_release(&test);
}

static void test_a_whole_new_configuration(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    reconfig(&test, learner, NULL, NULL,
             "server.1=h1:1:2:participant;h1:3,server.2=h2:1:2;h2:3,group.1=1:2,weight.1=2", -1);
    int64_t zxid = test.proposed_zxid;
    assert_false(slice_is_null(peer_txn_config(proposal(&test, learner))));
    test_learner_send(&test, learner, ZK_PACKET_ACK, zxid, SLICE_NULL);
    test_learner_expect(learner, ZK_PACKET_COMMIT_AND_ACTIVATE, zxid);
    assert_true(test.peer.committed_config->is_hierarchical);
    /* Servers cannot come and go one by one in groups. */
    reconfig(&test, learner, NULL, "2", NULL, -1);
    refused(&test, learner, ZK_ERR_BADARGUMENTS);
    test_leader_release(&test);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *joining;
        const char *leaving;
        const char *members;
        int64_t version;
        int32_t error;
    } cases[] = {
        {NULL, "3", NULL, 5, ZK_ERR_BADVERSION},
        {NULL, "2,3", NULL, -1, ZK_ERR_BADARGUMENTS},               /* one voter alone */
        {NULL, "x", NULL, -1, ZK_ERR_MARSHALLINGERROR},             /* no number */
        {"server.5=h5:1:2", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},   /* no client port */
        {"server.5=h5", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},       /* no ports */
        {"server.5", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},          /* no '=' */
        {"server.x=h5:1:2;3", NULL, NULL, -1, ZK_ERR_BADARGUMENTS}, /* no number */
        {"server.5=h3:1:9;8", NULL, NULL, -1, ZK_ERR_BADARGUMENTS}, /* server 3's port */
        {"server.5=h5:1:2;h2:3", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},
        {"server.5=h5:1:2=3;3", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},
        /* further lines for the configuration, and one that takes the next to itself */
        {"server.5=h5:1:2;3\nserver.6:h6:1:2;3", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},
        {"server.5=h5:1:2;3\rserver.6 h6:1:2;3", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},
        {"server.5=h5:1:2;3\nversion:7", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},
        {"server.1=h1:1:2;3\\", NULL, NULL, -1, ZK_ERR_BADARGUMENTS},
        {NULL, NULL, "group.1=1:2:3", -1, ZK_ERR_MARSHALLINGERROR}, /* of no servers */
        {NULL, NULL, "", -1, ZK_ERR_BADARGUMENTS},
        {NULL, NULL, "server.1=h1:1:2;3", -1, ZK_ERR_BADARGUMENTS},
        {NULL, NULL, "whatever=1", -1, ZK_ERR_BADARGUMENTS},
        /* observers without an ensemble: refused while upstream reads the list */
        {NULL, NULL, "server.1=h1:1:2:observer;3", -1, ZK_ERR_MARSHALLINGERROR},
        {NULL, NULL, "server.1=h1:1:2;3,server.4=h4:1:2:observer;3", -1, ZK_ERR_MARSHALLINGERROR},
        {NULL, NULL, "server.1=h1:1:2;3,server.9=h9:1:2;3", -1, ZK_ERR_NEWCONFIGNOQUORUM},
    };
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        reconfig(&test, learner, cases[i].joining, cases[i].leaving, cases[i].members,
                 cases[i].version);
        refused(&test, learner, cases[i].error);
    }
    /* Joining with an id that is there replaces that server: its own addresses do not collide. */
    reconfig(&test, learner, "server.3=h3:1:7;9", NULL, NULL, -1);
    assert_false(slice_is_null(peer_txn_config(proposal(&test, learner))));
    test_leader_release(&test);
}

/* As long as a text may be, and longer when it is printed with the roles that it leaves out: what
 * could not be read again is no configuration. */
static void test_one_that_grows(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    buffer_append_cstr(&text, "server.1=h1:1:2;3,server.2=h2:1:2;3");
    for (int id = 5; text.len < QUORUM_TEXT_MAX; id++) {
        buffer_append_cstr(&text, ",server.");
        buffer_append_decimal(&text, id);
        for (int i = 0; i < QUORUM_ADDRESSES_MAX; i++) {
            char host[240];
            memset(host, 'a', sizeof host);
            buffer_append_cstr(&text, i == 0 ? "=" : "|");
            buffer_append(&text, slice_of(host, sizeof host));
            buffer_append_cstr(&text, ":1:2");
        }
        buffer_append_cstr(&text, ":observer;3");
    }
    /* the last one is cut to the length that is allowed: within a host */
    static const char end[] = "a:1:2:observer";
    text.len = QUORUM_TEXT_MAX - (sizeof end - 1);
    buffer_append_cstr(&text, end);
    buffer_append_u8(&text, '\0');
    reconfig(&test, learner, NULL, NULL, (const char *)text.data, -1);
    refused(&test, learner, ZK_ERR_BADARGUMENTS);
    buffer_release(&text);
    test_leader_release(&test);
}

static void test_switched_off_or_not_allowed(void **state)
{
    (void)state;
    struct test_leader test;
    test_leader_init(&test);
    test_leader_start(&test, 3, 3);
    struct test_learner *learner = test_learner_join(&test, 0, 2);
    test_learner_open_session(&test, learner, SESSION);
    assert_int_equal(test.peer.committed_config->version, 0);
    reconfig(&test, learner, NULL, "3", NULL, -1);
    refused(&test, learner, ZK_ERR_RECONFIGDISABLED);
    test_leader_release(&test);

    test_leader_init(&test);
    test.config.reconfig_enabled = true;
    test_leader_start(&test, 3, 3);
    learner = test_learner_join(&test, 0, 2);
    test_learner_open_session(&test, learner, SESSION);
    reconfig(&test, learner, NULL, "3", NULL, -1);
    refused(&test, learner, ZK_ERR_NOAUTH);
    assert_int_equal(test.peer.seen_config->version, FIRST_VERSION);
    test_leader_release(&test);
}

/* Where no server may stand alone, one voter is enough, and nobody is refused in another way. */
static void test_no_server_may_stand_alone(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *learner = begin(&test);
    test.config.standalone_enabled = false;
    reconfig(&test, learner, NULL, NULL, "version=0", -1);
    refused(&test, learner, ZK_ERR_MARSHALLINGERROR);
    reconfig(&test, learner, NULL, "1,2,3", NULL, -1);
    refused(&test, learner, ZK_ERR_BADARGUMENTS);
    reconfig(&test, learner, NULL, NULL, "server.1=h1:1:2;3,server.4=h4:1:2:observer;3", -1);
    assert_false(slice_is_null(peer_txn_config(proposal(&test, learner))));
    test_leader_release(&test);
}

static void text_of_version(char *text, size_t size, int64_t version)
{
    snprintf(text, size, "%.*s%" PRIx64, (int)(strlen(three) - strlen("400000000")), three,
             (uint64_t)version);
}

/* The newest configuration that a server with the log 3:1..3:5 knows of after a start, when its
 * file names one that was proposed at `version`. */
static int64_t seen_after_start(int64_t version, int64_t current_epoch)
{
    struct test_leader test;
    struct quorum_config *next = NULL;
    char text[256];
    text_of_version(text, sizeof text, version);
    assert_int_equal(quorum_config_parse(slice_of_cstr(text), &next, NULL, 0), ERR_OK);
    test_leader_init(&test);
    test.config.reconfig_enabled = true;
    test_leader_load(&test, 3, 5);
    peer_set_next(&test.peer, next);
    quorum_config_drop(next);
    peer_start(&test.peer, current_epoch, current_epoch, test.now_ms, &test.outbox);
    int64_t seen = test.peer.seen_config->version;
    peer_check(&test.peer);
    test_leader_release(&test);
    return seen;
}

/* What was proposed, and did not get into the log, does not come back by way of its file. */
static void test_a_lost_proposal_stays_lost(void **state)
{
    (void)state;
    assert_true(seen_after_start(zxid_make(3, 5), 3) == zxid_make(3, 5)); /* it is in the log */
    assert_true(seen_after_start(zxid_make(3, 6), 3) == 0);
    assert_true(seen_after_start(zxid_make(4, 1), 3) == 0);
    assert_true(seen_after_start(zxid_make(3, 6), 4) == zxid_make(3, 6)); /* NEWLEADER's */
    assert_true(seen_after_start(zxid_make(4, 0), 4) == zxid_make(4, 0)); /* the first version */
}

/* A server that has been set up by hand again hears from a member what is in force, and has a newer
 * one in its log: that is on its way still, and needs its vote (ensemble seed 462 --reconfigs). */
static void test_what_the_log_proposes_is_recalled(void **state)
{
    (void)state;
    struct test_leader test;
    char text[512];
    uint8_t frame[44 + sizeof text] = {0};
    test_leader_init(&test);
    test.config.reconfig_enabled = true;
    test_leader_load(&test, 3, 5);
    text_of_version(text, sizeof text, zxid_make(3, 5));
    tree_set_config(&test.peer.service.tree, slice_of_cstr(text), zxid_make(3, 5));
    peer_start(&test.peer, 3, 3, test.now_ms, &test.outbox);
    assert_true(test.peer.seen_config->version == 0);

    text_of_version(text, sizeof text, zxid_make(3, 2));
    store_be64(frame + 4, 2);
    store_be64(frame + 12, (uint64_t)zxid_make(3, 5));
    store_be64(frame + 20, 1);
    store_be64(frame + 28, 3);
    store_be32(frame + 36, 2);
    store_be32(frame + 40, (uint32_t)strlen(text));
    memcpy(frame + 44, text, strlen(text));
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .now_ms = test.now_ms,
                             .peer_kind = PEER_EVENT_NOTIFICATION,
                             .server_id = 2,
                             .frame = slice_of(frame, 44 + strlen(text))};
    peer_step(&test.peer, &event, &test.outbox);
    assert_true(test.peer.committed_config->version == zxid_make(3, 2));
    assert_true(test.peer.seen_config->version == zxid_make(3, 5));
    assert_true(test.peer.state == PEER_LOOKING);
    peer_check(&test.peer);
    test_leader_release(&test);
}

/* The same one that was restarted, and whose disk was too full for zoo.cfg.dynamic.next before
 * that: it must not lead without a quorum of the proposed one (ensemble seed 1185327441
 * --reconfigs). */
static void test_what_the_log_proposes_is_known_after_a_restart(void **state)
{
    (void)state;
    struct test_leader test;
    char text[512];
    test_leader_init(&test);
    test.config.reconfig_enabled = true;
    quorum_config_drop(test.members);
    text_of_version(text, sizeof text, zxid_make(3, 2));
    test.members = peer_read_config(slice_of_cstr(text));
    assert_non_null(test.members);
    test_leader_load(&test, 3, 5);
    text_of_version(text, sizeof text, zxid_make(3, 5));
    tree_set_config(&test.peer.service.tree, slice_of_cstr(text), zxid_make(3, 5));
    peer_start(&test.peer, 3, 3, test.now_ms, &test.outbox);
    assert_true(test.peer.committed_config->version == zxid_make(3, 2));
    assert_true(test.peer.seen_config->version == zxid_make(3, 5));
    peer_check(&test.peer);
    test_leader_release(&test);
}

/* What the leader's history says beside a configuration that was written by hand, without version:
 * the version that is in force then. */
static int64_t version_beside(const char *history)
{
    struct test_leader test;
    test_leader_init(&test);
    test.config.reconfig_enabled = true;
    test_leader_load(&test, 3, 5);
    tree_set_config(&test.peer.service.tree, slice_of_cstr(history), zxid_make(3, 3));
    test_leader_start(&test, 3, 3);
    (void)test_learner_join(&test, 0, 2);
    int64_t version = test.peer.committed_config->version;
    expect_config_node(&test, version == FIRST_VERSION ? three : history);
    test_leader_release(&test);
    return version;
}

/* Ensemble seed 2992899465: a member that was set up anew gave a configuration another version. */
static void test_a_configuration_of_the_history_keeps_its_version(void **state)
{
    (void)state;
    char text[512];
    text_of_version(text, sizeof text, zxid_make(3, 3));
    assert_true(version_beside(text) == zxid_make(3, 3));
    text[strlen("server.")] = '5'; /* other servers: a copy of the data on new machines */
    assert_true(version_beside(text) == FIRST_VERSION);
}

/* 4 observes and is to vote instead of 3; 2 dies before it has acknowledged that. 1 and 3 are a
 * quorum of before, 1 and 4 of after, but 4 is not sent proposals: nothing could be committed any
 * more, so the leader does not stay. */
static void test_who_is_to_vote_confirms_no_proposal(void **state)
{
    (void)state;
    struct test_leader test;
    struct test_learner *two = begin(&test);
    struct test_learner *third = test_learner_join(&test, 1, 3);
    struct test_learner *four = test_learner_connect(&test, 2);
    test_learner_introduce(&test, four, ZK_PACKET_OBSERVERINFO, 4, 3);
    test_learner_expect(four, ZK_PACKET_LEADERINFO, zxid_make(4, 0));
    test_learner_ack_epoch(&test, four, zxid_make(4, 1), 3);
    test_learner_send(&test, four, ZK_PACKET_ACK, zxid_make(4, 0), SLICE_NULL);
    reconfig(&test, two, "server.4=h4:1:2:participant;h4:3", "3", NULL, -1);
    assert_int_equal(test.peer.seen_config->version, zxid_make(4, 2));
    test_learner_lost(&test, two);
    test_learner_send(&test, third, ZK_PACKET_ACK, zxid_make(4, 2), SLICE_NULL);
    for (int i = 0; i < 10 && test.peer.state == PEER_LEADING; i++) {
        test_leader_advance(&test, TEST_LEADER_TICK_MS);
        test_learner_send(&test, third, ZK_PACKET_PING, 0, SLICE_LIT(""));
        test_learner_send(&test, four, ZK_PACKET_PING, 0, SLICE_LIT(""));
    }
    assert_int_not_equal(test.peer.state, PEER_LEADING);
    test_leader_release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_to_vote_confirms_no_proposal),
        cmocka_unit_test(test_the_first_leader_versions_the_configuration),
        cmocka_unit_test(test_a_server_leaves),
        cmocka_unit_test(test_a_lost_proposal_stays_lost),
        cmocka_unit_test(test_what_the_log_proposes_is_recalled),
        cmocka_unit_test(test_what_the_log_proposes_is_known_after_a_restart),
        cmocka_unit_test(test_a_configuration_of_the_history_keeps_its_version),
        cmocka_unit_test(test_servers_join),
        cmocka_unit_test(test_observers_hear_of_it),
        cmocka_unit_test(test_the_leader_leaves),
        cmocka_unit_test(test_a_whole_new_configuration),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_no_server_may_stand_alone),
        cmocka_unit_test(test_one_that_grows),
        cmocka_unit_test(test_switched_off_or_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
