/* support_leader.h - a peer that leads three servers, with learners that a test speaks for.
 *
 * Server 1 is the peer; learners are links whose packets the test writes and reads. The test says
 * when the disk has something (or always, with `persists_at_once`). Everything the peer sends on a
 * link is kept as whole packets, in order.
 */
#ifndef TEST_UNIT_SUPPORT_LEADER_H
#define TEST_UNIT_SUPPORT_LEADER_H

#include "zookeeper/core/leader_private.h"

#define TEST_LEADER_TICK_MS 1000
#define TEST_LEARNERS_MAX 8

struct test_learner {
    struct zk_link link;
    bool is_open;
    bool is_closing;     /* the peer has closed it: LINK_CLOSED is to come */
    bool wants_snapshot; /* LINK_SEND_SNAPSHOT */
    bool wants_log;      /* READ_LOG */
    int64_t log_from;    /* what READ_LOG asked */
    int64_t log_to;
    char reason[128];       /* why it was closed */
    struct buffer received; /* packets */
    size_t read_at;
};

struct test_leader {
    struct peer_config config;
    struct service_config service_config;
    struct quorum_config *members;
    struct peer peer;
    struct zk_outbox outbox;
    uint64_t now_ms;
    int64_t wall_ms;
    bool persists_at_once;
    int64_t proposed_zxid;        /* of the last PERSIST */
    int64_t epochs_to_persist[2]; /* by kind; 0: none */
    bool is_failed;
    uint64_t last_link_id;
    struct test_learner learners[TEST_LEARNERS_MAX];
};

/* Servers 1, 2, 3 (and 4 as an observer); change config before test_leader_start. */
void test_leader_init(struct test_leader *test);

/* Logs `count` setData txns in epoch `epoch` into the tree and its commit log, from counter 1 on.
 */
void test_leader_load(struct test_leader *test, int64_t epoch, int count);

/* Starts with these epochs on disk, and lets 2 and 3 elect it. */
void test_leader_start(struct test_leader *test, int64_t accepted_epoch, int64_t current_epoch);
void test_leader_release(struct test_leader *test);

/* Performs what the peer wants done until it wants no more. */
void test_leader_settle(struct test_leader *test);
void test_leader_advance(struct test_leader *test, uint64_t ms);
void test_leader_persist(struct test_leader *test, int64_t zxid);
void test_leader_persist_epoch(struct test_leader *test, enum zk_epoch_kind kind);

/* A learner connects; nothing is sent yet. */
struct test_learner *test_learner_connect(struct test_leader *test, int index);

/* A packet of a learner's. */
void test_learner_send(struct test_leader *test,
                       struct test_learner *learner,
                       int32_t type,
                       int64_t zxid,
                       struct slice data);
void test_learner_lost(struct test_leader *test, struct test_learner *learner);

/* FOLLOWERINFO (OBSERVERINFO) of a server. */
void test_learner_introduce(struct test_leader *test,
                            struct test_learner *learner,
                            int32_t type,
                            int64_t server_id,
                            int64_t accepted_epoch);
void test_learner_ack_epoch(struct test_leader *test,
                            struct test_learner *learner,
                            int64_t zxid,
                            int32_t current_epoch);

/* The next packet that it was sent; type -1 when there is none. */
struct quorum_packet test_learner_next(struct test_learner *learner);
struct quorum_packet test_learner_expect(struct test_learner *learner, int32_t type, int64_t zxid);
void test_learner_expect_nothing(struct test_learner *learner);
void test_learner_expect_closed(const struct test_learner *learner, const char *reason);

/* Discovery and an empty DIFF for learner `index` as `server_id`, up to UPTODATE when the rest
 * allows it. */
struct test_learner *test_learner_join(struct test_leader *test, int index, int64_t server_id);

/* A session of a client of the learner's, committed with the acknowledgement of that learner. */
void test_learner_open_session(struct test_leader *test,
                               struct test_learner *learner,
                               int64_t session_id);

/* A REQUEST of a client of a learner's. */
void test_learner_request(struct test_leader *test,
                          struct test_learner *learner,
                          int64_t session_id,
                          int32_t cxid,
                          int32_t type,
                          struct slice body);

/* A txn "setData /node" with this zxid, as in the log; lives until the next call. */
struct slice test_leader_txn(int64_t zxid);

/* The session that tests of requests use. */
#define TEST_LEADER_SESSION INT64_C(0x200000000000001)

/* Leads server 2, learner 0, in broadcast. */
struct test_learner *test_leader_led_by_two(struct test_leader *test);

/* Server 3, learner 1, too; learner 0 has that session, and both have been told of it. */
struct test_learner *test_leader_led_by_three(struct test_leader *test,
                                              struct test_learner **third);

/* A setData of "/zookeeper" by that session at the learner; the zxid that it became. */
int64_t test_leader_propose(struct test_leader *test, struct test_learner *learner, int32_t cxid);
struct slice test_leader_set_data_body(void);
struct slice test_leader_sync_body(void);

#endif
