/* Ensembles in memory change their members while they run. */
#include "support_ensemble.h"

#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void prepare(struct ensemble *ensemble, size_t voters, size_t observers)
{
    ensemble_init(ensemble, voters, observers, 0);
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        peer->config.reconfig_enabled = true;
        peer->config.election.reconfig_enabled = true;
        peer->service_config.prep.reconfig_enabled = true;
        peer->service_config.prep.auth.skip_acl = true;
    }
}

static void begin(struct ensemble *ensemble, size_t voters, size_t observers)
{
    prepare(ensemble, voters, observers);
    ensemble_start_all(ensemble);
    ensemble_settle(ensemble);
}

static struct buffer *reconfig_body(const char *joining, const char *leaving)
{
    struct buffer *body = test_body();
    jute_write_bytes(body, joining != NULL ? slice_of_cstr(joining) : SLICE_NULL);
    jute_write_bytes(body, leaving != NULL ? slice_of_cstr(leaving) : SLICE_NULL);
    jute_write_bytes(body, SLICE_NULL);
    jute_write_i64(body, -1);
    return body;
}

static void check_voters(struct ensemble *ensemble, uint32_t count)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        const struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up) {
            assert_int_equal(quorum_config_voter_count(peer->peer.committed_config), count);
            assert_true(peer->peer.seen_config->version == peer->peer.committed_config->version);
        }
    }
}

static void test_an_observer_gets_a_vote(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    begin(&ensemble, 3, 1);
    struct ensemble_peer *leader = ensemble_leader(&ensemble);
    ensemble_client_connect(leader, &a);
    ensemble_call(leader, &a, ZK_OP_RECONFIG,
                  reconfig_body("server.4=10.0.0.4:2888:3888:participant;2181", NULL), ZK_ERR_OK);
    ensemble_run(&ensemble, 4000);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 4);
    assert_int_equal(ensemble.peers[3].peer.state, PEER_FOLLOWING);
    ensemble_check_equal(&ensemble);
    /* three of four are a quorum, two are not */
    ensemble_crash(&ensemble, 0);
    ensemble_create(leader, &a, "/three", "", 0);
    ensemble_crash(&ensemble, 1);
    ensemble_run(&ensemble, 60000);
    assert_null(ensemble_leader(&ensemble));
    ensemble_client_drop(leader, &a);
    ensemble_start_all(&ensemble);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 4);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
}

static void test_a_follower_leaves(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    begin(&ensemble, 3, 0);
    struct ensemble_peer *leader = ensemble_leader(&ensemble);
    ensemble_client_connect(leader, &a);
    ensemble_call(leader, &a, ZK_OP_RECONFIG, reconfig_body(NULL, "1"), ZK_ERR_OK);
    ensemble_run(&ensemble, 4000);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 2);
    /* it goes on following, without a vote */
    assert_int_equal(ensemble.peers[0].peer.state, PEER_FOLLOWING);
    assert_true(ensemble.peers[0].peer.is_serving);
    ensemble_create(leader, &a, "/after", "", 0);
    ensemble_check_equal(&ensemble);
    ensemble_client_drop(leader, &a);
    ensemble_release(&ensemble);
}

static void test_the_leader_leaves(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    begin(&ensemble, 3, 0);
    struct ensemble_peer *old = ensemble_leader(&ensemble);
    assert_int_equal(old->index, 2);
    ensemble_client_connect(&ensemble.peers[0], &a);
    ensemble_create(&ensemble.peers[0], &a, "/before", "", 0);
    ensemble_send(&ensemble.peers[0], &a, ZK_OP_RECONFIG, reconfig_body(NULL, "3"));
    ensemble_run(&ensemble, 4000);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    assert_true(leader != old);
    check_voters(&ensemble, 2);
    assert_int_equal(old->peer.state, PEER_FOLLOWING);
    ensemble_client_drop(&ensemble.peers[0], &a);
    ensemble_client_connect(leader, &a);
    ensemble_create(leader, &a, "/after", "", 0);
    ensemble_check_equal(&ensemble);
    ensemble_client_drop(leader, &a);
    ensemble_release(&ensemble);
}

/* A server that was away while the others changed learns of it, by election or synchronisation. */
static void test_who_was_away_learns_of_it(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    begin(&ensemble, 5, 0);
    struct ensemble_peer *leader = ensemble_leader(&ensemble);
    ensemble_client_connect(leader, &a);
    ensemble_crash(&ensemble, 0);
    ensemble_call(leader, &a, ZK_OP_RECONFIG, reconfig_body(NULL, "2"), ZK_ERR_OK);
    ensemble_run(&ensemble, 4000);
    ensemble_settle(&ensemble);
    ensemble_start(&ensemble, 0);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 4);
    ensemble_create(leader, &a, "/after", "", 0);
    ensemble_check_equal(&ensemble);
    ensemble_client_drop(leader, &a);
    ensemble_release(&ensemble);
}

/* ---- zoo.cfg.dynamic.next ------------------------------------------------------------ */

#define LINE(id) "server." #id "=10.0.0." #id ":2888:3888:participant;0.0.0.0:2181\n"

static struct quorum_config *next_config(const char *lines)
{
    struct quorum_config *next = NULL;
    assert_int_equal(quorum_config_parse(slice_of_cstr(lines), &next, NULL, 0), 0);
    return next;
}

/* All went down between the proposal and its commit: the next leader completes it. */
static void test_a_proposal_outlives_a_restart(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct quorum_config *next = next_config(LINE(1) LINE(2) LINE(3) LINE(4) "version=100\n");
    prepare(&ensemble, 3, 1);
    ensemble.peers[0].next = next;
    ensemble.peers[2].next = next;
    ensemble_start_all(&ensemble);
    ensemble_settle(&ensemble);
    ensemble_run(&ensemble, 4000);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 4);
    assert_int_equal(ensemble.peers[3].peer.committed_config->version, 0x100);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
    quorum_config_drop(next);
}

/* Who leads needs a quorum of what was proposed, too: it may be in force elsewhere. */
static void test_nobody_leads_without_a_quorum_of_the_next(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct quorum_config *next = next_config(LINE(3) LINE(4) LINE(5) "version=100\n");
    prepare(&ensemble, 3, 2);
    for (size_t i = 0; i < 5; i++) {
        ensemble.peers[i].next = next;
    }
    for (size_t i = 0; i < 3; i++) {
        ensemble_start(&ensemble, i);
    }
    ensemble_run(&ensemble, 30000);
    assert_null(ensemble_leader(&ensemble));
    ensemble_start(&ensemble, 3);
    ensemble_settle(&ensemble);
    ensemble_run(&ensemble, 4000);
    check_voters(&ensemble, 3);
    assert_true(quorum_config_is_voter(ensemble.peers[3].peer.committed_config, 5));
    ensemble_release(&ensemble);
    quorum_config_drop(next);
}

/* Only one server has heard of it, and comes back when the others have gone on without it. */
static void test_a_lost_proposal_is_forgotten(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct quorum_config *next = next_config(LINE(1) LINE(4) LINE(5) "version=f00000000\n");
    prepare(&ensemble, 3, 2);
    ensemble.peers[0].next = next;
    ensemble_start(&ensemble, 1);
    ensemble_start(&ensemble, 2);
    ensemble_settle(&ensemble);
    ensemble_start(&ensemble, 0);
    assert_int_equal(ensemble.peers[0].peer.seen_config->version, 0xf00000000);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 3);
    ensemble_check_equal(&ensemble);
    ensemble_release(&ensemble);
    quorum_config_drop(next);
}

static void test_the_next_means_nothing_when_old_or_switched_off(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct quorum_config *next = next_config(LINE(1) LINE(4) LINE(5) "version=0\n");
    prepare(&ensemble, 3, 0);
    ensemble.peers[0].next = next;
    ensemble_start_all(&ensemble);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 3);
    ensemble_release(&ensemble);
    quorum_config_drop(next);

    next = next_config(LINE(1) LINE(4) LINE(5) "version=100\n");
    ensemble_init(&ensemble, 3, 0, 0);
    ensemble.peers[0].next = next;
    ensemble_start_all(&ensemble);
    ensemble_settle(&ensemble);
    check_voters(&ensemble, 3);
    ensemble_release(&ensemble);
    quorum_config_drop(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_observer_gets_a_vote),
        cmocka_unit_test(test_a_follower_leaves),
        cmocka_unit_test(test_the_leader_leaves),
        cmocka_unit_test(test_who_was_away_learns_of_it),
        cmocka_unit_test(test_a_proposal_outlives_a_restart),
        cmocka_unit_test(test_nobody_leads_without_a_quorum_of_the_next),
        cmocka_unit_test(test_a_lost_proposal_is_forgotten),
        cmocka_unit_test(test_the_next_means_nothing_when_old_or_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
