/* Ensembles in memory: they elect, synchronise, commit, and lose nothing that was acknowledged. */
#include "support_ensemble.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* So many voters, all of them up, and a client of their leader. */
static struct ensemble_peer *begin(struct ensemble *ensemble,
                                   size_t voters,
                                   struct test_client *client)
{
    ensemble_init(ensemble, voters, 0, 0);
    ensemble_start_all(ensemble);
    struct ensemble_peer *leader = ensemble_settle(ensemble);
    ensemble_client_connect(leader, client);
    return leader;
}

static void create_many(struct ensemble_peer *peer,
                        struct test_client *client,
                        char first,
                        int count)
{
    for (int i = 0; i < count; i++) {
        char path[] = {'/', first, (char)('a' + i / 26 % 26), (char)('a' + i % 26), 0};
        ensemble_create(peer, client, path, "data", 0);
    }
}

static void test_three_elect_and_commit(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    struct ensemble_peer *leader = begin(&ensemble, 3, &a);
    assert_int_equal(leader->index, 2);
    ensemble_create(leader, &a, "/one", "1", 0);
    ensemble_client_connect(&ensemble.peers[0], &b);
    ensemble_create(&ensemble.peers[0], &b, "/two", "2", 0);
    ensemble_check_equal(&ensemble);
    assert_true(ensemble_has(&ensemble.peers[1], "/one") && ensemble_has(leader, "/two"));
    /* an error is an answer, too */
    ensemble_call(&ensemble.peers[0], &b, ZK_OP_CREATE, test_create_body("/one", "", 0),
                  ZK_ERR_NODEEXISTS);
    ensemble_call(&ensemble.peers[0], &b, ZK_OP_SYNC, test_path("/"), ZK_ERR_OK);
    ensemble_client_drop(leader, &a);
    ensemble_client_drop(&ensemble.peers[0], &b);
    ensemble_release(&ensemble);
}

/* Who comes back a little later gets what it missed; who comes back much later, a snapshot. */
static void come_back(int missed, bool by_snapshot)
{
    struct ensemble ensemble;
    struct test_client a;
    ensemble_init(&ensemble, 3, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        ensemble.peers[i].config.commit_log_count = by_snapshot ? 5 : 500;
        ensemble.peers[i].config.force_snapshot_sync = false;
        ensemble.peers[i].config.snapshot_size_factor = by_snapshot ? -1 : 0.33;
    }
    ensemble_start_all(&ensemble);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    struct ensemble_peer *away = ensemble_follower(&ensemble);
    ensemble_client_connect(leader, &a);
    create_many(leader, &a, 'x', 10);
    ensemble_check_equal(&ensemble);
    ensemble_crash(&ensemble, away->index);
    create_many(leader, &a, 'y', missed);
    ensemble_start(&ensemble, away->index);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    assert_int_equal(peer_stats_of(&away->peer)->syncs_by_snap, by_snapshot ? 1 : 0);
    assert_int_equal(peer_stats_of(&away->peer)->syncs_by_diff, by_snapshot ? 0 : 1);
    /* what it has then is on its disk */
    ensemble_crash(&ensemble, away->index);
    ensemble_start(&ensemble, away->index);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    create_many(leader, &a, 'z', 3);
    ensemble_check_equal(&ensemble);
    ensemble_client_drop(leader, &a);
    ensemble_release(&ensemble);
}

static void test_back_by_diff(void **state)
{
    (void)state;
    come_back(20, false);
}

static void test_back_by_snap(void **state)
{
    (void)state;
    come_back(60, true);
}

static bool has_uncommitted(struct ensemble *ensemble, void *ctx)
{
    (void)ensemble;
    const struct ensemble_peer *peer = ctx;
    return peer->disk.durable_count == peer->disk.log_count &&
           peer->peer.logged_zxid > peer->peer.service.tree.last_processed_zxid;
}

/* A leader that is cut off logs what nobody else gets; when it comes back, that is cut away. */
static void lose_a_tail(bool goes_on)
{
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    struct ensemble_peer *old = begin(&ensemble, 3, &a);
    create_many(old, &a, 'x', 5);
    ensemble_check_equal(&ensemble);
    ensemble_isolate(&ensemble, old->index);
    ensemble_send(old, &a, ZK_OP_CREATE, test_create_body("/lost", "", 0));
    ensemble_run_until(&ensemble, has_uncommitted, old, 1000);
    ensemble_crash(&ensemble, old->index);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    assert_true(leader != old);
    if (goes_on) {
        ensemble_client_connect(leader, &b);
        create_many(leader, &b, 'y', 3);
    }
    ensemble_heal(&ensemble);
    ensemble_start(&ensemble, old->index);
    assert_true(ensemble_has(old, "/lost")); /* its log says so, it has no say */
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    assert_false(ensemble_has(old, "/lost"));
    assert_int_equal(old->truncations, goes_on ? 0 : 1);
    assert_int_equal(old->snapshots_taken, goes_on ? 1 : 0);
    if (goes_on) {
        ensemble_client_drop(leader, &b);
    }
    ensemble_crash(&ensemble, old->index);
    ensemble_start(&ensemble, old->index);
    assert_false(ensemble_has(old, "/lost"));
    ensemble_release(&ensemble);
}

static void test_the_tail_of_a_lost_leader_is_truncated(void **state)
{
    (void)state;
    lose_a_tail(false);
}

/* When the next epoch has begun to write, what belongs before it cannot be told by a zxid. */
static void test_the_tail_of_a_lost_leader_gives_way_to_a_snapshot(void **state)
{
    (void)state;
    lose_a_tail(true);
}

/* The same without a crash: it notices, stops serving, and keeps its tail until it is told. */
static void test_a_leader_without_quorum_stops(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct ensemble_peer *old = begin(&ensemble, 5, &a);
    create_many(old, &a, 'x', 5);
    ensemble_check_equal(&ensemble);
    ensemble_isolate(&ensemble, old->index);
    ensemble_send(old, &a, ZK_OP_CREATE, test_create_body("/lost", "", 0));
    ensemble_run(&ensemble, 30000);
    assert_int_equal(old->peer.state, PEER_LOOKING);
    assert_false(old->peer.is_serving);
    test_expect_closed(&a, CLOSE_SHUTDOWN);
    test_expect_nothing(&a);
    struct ensemble_peer *leader = ensemble_leader(&ensemble);
    assert_true(leader != NULL && leader != old);
    ensemble_client_drop(old, &a);
    ensemble_client_connect(leader, &a);
    create_many(leader, &a, 'y', 3);
    ensemble_heal(&ensemble);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    assert_false(ensemble_has(old, "/lost"));
    ensemble_client_drop(leader, &a);
    ensemble_release(&ensemble);
}

/* A new leader keeps what a quorum had acknowledged, although no follower had seen its COMMIT. */
static void test_what_was_acknowledged_is_committed_by_the_next(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct ensemble_peer *old = begin(&ensemble, 3, &a);
    create_many(old, &a, 'x', 5);
    ensemble_check_equal(&ensemble);
    ensemble_create(old, &a, "/kept", "", 0); /* answered: it must not be lost */
    ensemble_crash(&ensemble, old->index);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    assert_true(ensemble_has(leader, "/kept"));
    ensemble_start(&ensemble, old->index);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
}

struct step_of {
    struct ensemble_peer *peer;
    uint64_t steps;
};

static bool after_steps(struct ensemble *ensemble, void *ctx)
{
    const struct step_of *wanted = ctx;
    return ensemble->steps >= wanted->steps || wanted->peer->peer.is_serving;
}

/* A server dies at every single step of its synchronisation, and so does the leader, and then the
 * old leader's part is all that is left: what was answered is never lost (ZOOKEEPER-3911, 4643,
 * 4646, 4785: history, then epoch, then ACK). */
static void die_at(bool by_snapshot, uint64_t step, bool *was_serving)
{
    struct ensemble ensemble;
    struct test_client a;
    ensemble_init(&ensemble, 3, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        ensemble.peers[i].config.force_snapshot_sync = by_snapshot;
    }
    ensemble_start(&ensemble, 1);
    ensemble_start(&ensemble, 2);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    struct ensemble_peer *other = ensemble_follower(&ensemble);
    ensemble_client_connect(leader, &a);
    create_many(leader, &a, 'x', 4);
    /* 0 comes; it dies after some steps; the leader with it, its disk is lost for now */
    ensemble_start(&ensemble, 0);
    struct step_of wanted = {&ensemble.peers[0], ensemble.steps + step};
    ensemble_run_until(&ensemble, after_steps, &wanted, 100000);
    *was_serving = ensemble.peers[0].peer.is_serving;
    ensemble_crash(&ensemble, 0);
    ensemble_crash(&ensemble, leader->index);
    /* the new quorum has one that has it all and one that may have part of it */
    ensemble_start(&ensemble, 0);
    struct ensemble_peer *next = ensemble_settle(&ensemble);
    assert_true(ensemble_has(next, "/xad") && ensemble_has(other, "/xad"));
    ensemble_check_equal(&ensemble);
    ensemble_start(&ensemble, leader->index);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
}

static void test_death_at_every_step_of_a_diff(void **state)
{
    (void)state;
    bool was_serving = false;
    for (uint64_t step = 0; !was_serving; step++) {
        die_at(false, step, &was_serving);
    }
}

static void test_death_at_every_step_of_a_snap(void **state)
{
    (void)state;
    bool was_serving = false;
    for (uint64_t step = 0; !was_serving; step++) {
        die_at(true, step, &was_serving);
    }
}

static bool is_adopting(struct ensemble *ensemble, void *ctx)
{
    (void)ensemble;
    const struct ensemble_peer *peer = ctx;
    return peer->peer.persisted_zxid < peer->peer.logged_zxid;
}

/* A disk that takes its time holds back the epoch and the ACK (Z-INV7). */
static void test_no_epoch_before_the_history_is_durable(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    ensemble_init(&ensemble, 3, 0, 0);
    ensemble_start(&ensemble, 1);
    ensemble_start(&ensemble, 2);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    struct ensemble_peer *late = &ensemble.peers[0];
    ensemble_client_connect(leader, &a);
    create_many(leader, &a, 'x', 4);
    /* the first of a new epoch for it: a DIFF of everything */
    ensemble_start(&ensemble, 0);
    ensemble_run_until(&ensemble, is_adopting, late, 20000);
    late->holds_disk = true;
    ensemble_run(&ensemble, 3000);
    assert_false(late->peer.is_serving);
    assert_int_equal(late->disk.current_epoch, 0);
    assert_int_equal(late->peer.current_epoch, 0);
    ensemble_crash(&ensemble, 0);
    assert_int_equal(late->disk.current_epoch, 0);
    ensemble_start(&ensemble, 0);
    ensemble_settle(&ensemble);
    ensemble_check_equal(&ensemble);
    ensemble_client_drop(leader, &a);
    ensemble_release(&ensemble);
}

static void test_observers_follow_without_a_vote(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    ensemble_init(&ensemble, 3, 2, 0);
    ensemble.peers[4].config.sync_enabled = false;
    ensemble_start_all(&ensemble);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    assert_int_equal(ensemble.peers[3].peer.state, PEER_OBSERVING);
    assert_int_equal(ensemble.peers[4].peer.state, PEER_OBSERVING);
    assert_int_equal(leader->index, 2);
    ensemble_client_connect(&ensemble.peers[3], &a);
    ensemble_create(&ensemble.peers[3], &a, "/by-observer", "", 0);
    ensemble_client_connect(&ensemble.peers[4], &b);
    ensemble_create(&ensemble.peers[4], &b, "/by-another", "", 0);
    ensemble_run(&ensemble, 5000);
    assert_true(ensemble_has(leader, "/by-another") &&
                ensemble_has(&ensemble.peers[4], "/by-another"));
    assert_true(ensemble_has(&ensemble.peers[3], "/by-another"));
    /* two observers and a follower are no quorum */
    ensemble_crash(&ensemble, 0);
    ensemble_crash(&ensemble, 1);
    ensemble_run(&ensemble, 60000);
    assert_null(ensemble_leader(&ensemble));
    ensemble_client_drop(&ensemble.peers[3], &a);
    ensemble_client_drop(&ensemble.peers[4], &b);
    ensemble_start(&ensemble, 0);
    ensemble_settle(&ensemble);
    ensemble_release(&ensemble);
}

/* Five start one after another: 3 leads; 3 and 5 die; the survivors elect by epoch, zxid, id. */
static void test_five_one_after_another(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    ensemble_init(&ensemble, 5, 0, 0);
    for (size_t i = 0; i < 5; i++) {
        ensemble_start(&ensemble, i);
        ensemble_run(&ensemble, 1000);
    }
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    assert_int_equal(leader->index, 2);
    ensemble_client_connect(&ensemble.peers[1], &a);
    create_many(&ensemble.peers[1], &a, 'x', 3);
    ensemble_check_equal(&ensemble);
    ensemble_crash(&ensemble, 2);
    ensemble_crash(&ensemble, 4);
    leader = ensemble_settle(&ensemble);
    assert_int_equal(leader->index, 3);
    ensemble_start_all(&ensemble);
    assert_true(ensemble_settle(&ensemble) == leader);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_elect_and_commit),
        cmocka_unit_test(test_back_by_diff),
        cmocka_unit_test(test_back_by_snap),
        cmocka_unit_test(test_the_tail_of_a_lost_leader_is_truncated),
        cmocka_unit_test(test_the_tail_of_a_lost_leader_gives_way_to_a_snapshot),
        cmocka_unit_test(test_a_leader_without_quorum_stops),
        cmocka_unit_test(test_what_was_acknowledged_is_committed_by_the_next),
        cmocka_unit_test(test_death_at_every_step_of_a_diff),
        cmocka_unit_test(test_death_at_every_step_of_a_snap),
        cmocka_unit_test(test_no_epoch_before_the_history_is_durable),
        cmocka_unit_test(test_observers_follow_without_a_vote),
        cmocka_unit_test(test_five_one_after_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
