/* Ensembles in memory: they elect, synchronise, commit, and lose nothing that was acknowledged. */
#include "support_ensemble.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_three_elect_and_commit(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct test_client a;
    struct test_client b;
    ensemble_init(&ensemble, 3, 0, 0);
    ensemble_start_all(&ensemble);
    struct ensemble_peer *leader = ensemble_settle(&ensemble);
    assert_int_equal(leader->index, 2);
    ensemble_client_connect(leader, &a);
    ensemble_create(leader, &a, "/one", "1", 0);
    ensemble_client_connect(&ensemble.peers[0], &b);
    ensemble_create(&ensemble.peers[0], &b, "/two", "2", 0);
    ensemble_check_equal(&ensemble);
    assert_true(ensemble_has(&ensemble.peers[1], "/one") && ensemble_has(leader, "/two"));
    ensemble_client_drop(leader, &a);
    ensemble_client_drop(&ensemble.peers[0], &b);
    ensemble_release(&ensemble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_elect_and_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
