/* The log of commits: order, bounds, no gap; a random run against a plain list. */
#include "zookeeper/core/commit_log.h"

#include "base/random.h"
#include "zookeeper/core/quorum_packet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT_MAX 50

static void add(struct commit_log *log, int64_t zxid)
{
    uint8_t bytes[64];
    memset(bytes, (int)(zxid & 0xff), sizeof bytes);
    commit_log_add(log, zxid, slice_of(bytes, (size_t)(zxid % 60) + 1));
    commit_log_check(log);
}

static void test_gaps_empty_it(void **state)
{
    (void)state;
    struct commit_log log;
    commit_log_init(&log, COUNT_MAX);
    add(&log, zxid_make(1, 1));
    add(&log, zxid_make(1, 2));
    add(&log, zxid_make(1, 2)); /* not taken twice */
    assert_int_equal(log.count, 2);
    add(&log, zxid_make(4, 1)); /* an epoch later: no gap */
    assert_int_equal(log.count, 3);
    assert_int_equal(log.min_zxid, zxid_make(1, 1));
    add(&log, zxid_make(4, 3));
    assert_int_equal(log.count, 1);
    assert_int_equal(log.min_zxid, zxid_make(4, 3));
    assert_int_equal(log.max_zxid, zxid_make(4, 3));
    commit_log_clear(&log);
    commit_log_check(&log);
    add(&log, zxid_make(2, 9)); /* after a truncation it may be older */
    assert_int_equal(log.max_zxid, zxid_make(2, 9));
    commit_log_release(&log);
}

static void test_none_are_kept_when_none_may_be(void **state)
{
    (void)state;
    struct commit_log log;
    commit_log_init(&log, 0);
    add(&log, 1);
    add(&log, 2);
    assert_int_equal(log.count, 0);
    commit_log_release(&log);
}

static void test_bytes_are_bounded(void **state)
{
    (void)state;
    static uint8_t big[4 << 20];
    struct commit_log log;
    commit_log_init(&log, 1000);
    for (int64_t zxid = 1; zxid <= 40; zxid++) {
        commit_log_add(&log, zxid, slice_of(big, sizeof big));
    }
    assert_true(log.count >= 10 && log.count <= 16);
    assert_int_equal(log.max_zxid, 40);
    commit_log_check(&log);
    commit_log_release(&log);
}

static void test_keeps_the_last_ones(void **state)
{
    (void)state;
    struct random random;
    struct commit_log log;
    random_init(&random, 4711);
    commit_log_init(&log, COUNT_MAX);
    int64_t last = 0;
    int64_t first = 1;
    for (int i = 0; i < 20000; i++) {
        bool skips = random_below(&random, 200) == 0;
        last += skips ? 2 : 1;
        first = skips ? last : MAX(first, last - COUNT_MAX + 1);
        add(&log, last);
        size_t position = 0;
        int64_t zxid = 0;
        struct slice bytes;
        int64_t expected = first;
        while (commit_log_next(&log, &position, &zxid, &bytes)) {
            assert_int_equal(zxid, expected);
            assert_int_equal(bytes.len, zxid % 60 + 1);
            assert_int_equal(bytes.ptr[0], zxid & 0xff);
            expected += 1;
        }
        assert_int_equal(expected, last + 1);
    }
    commit_log_release(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaps_empty_it),
        cmocka_unit_test(test_none_are_kept_when_none_may_be),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_keeps_the_last_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
