/* Timers of the real runtime: order, moving, stopping, and a long random run against a sorted
 * model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "runtime/uv/runtime_uv.h"

#define TIMERS 500

struct probe {
    struct runtime_timer timer;
    int id;
    int fired;
    uint64_t sequence; /* of the last set, for the model */
    bool again;        /* arm again into the past, from the callback */
    struct probe *stop;
};

static struct runtime *runtime;
static int order[TIMERS * 4];
static size_t order_count;

static void on_fire(struct runtime_timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    assert_false(timer->armed);
    assert_true(runtime_now_ns(runtime) >= timer->deadline_ns);
    probe->fired += 1;
    assert_true(order_count < ARRAY_LEN(order));
    order[order_count] = probe->id;
    order_count += 1;
    if (probe->again) {
        runtime_timer_set(timer, 1);
    }
    if (probe->stop != NULL) {
        runtime_timer_stop(&probe->stop->timer);
    }
}

static int begin(void **state)
{
    (void)state;
    order_count = 0;
    return runtime_create(NULL, &runtime);
}

static int end(void **state)
{
    (void)state;
    runtime_destroy(runtime);
    assert_int_equal(mem_used(), 0);
    return 0;
}

static void probe_init(struct probe *probe, int id)
{
    *probe = (struct probe){.id = id};
    runtime_timer_init(&probe->timer, runtime, on_fire);
}

static void test_order(void **state)
{
    (void)state;
    struct probe probes[6];
    for (int i = 0; i < 6; i++) {
        probe_init(&probes[i], i);
    }
    uint64_t now_ns = runtime_now_ns(runtime);
    runtime_timer_set(&probes[3].timer, now_ns + 9000000);
    runtime_timer_set(&probes[1].timer, now_ns + 5000000);
    runtime_timer_set(&probes[2].timer, now_ns + 5000000);
    runtime_timer_set(&probes[0].timer, 0);
    runtime_timer_set(&probes[4].timer, now_ns + 1000000);
    runtime_timer_set(&probes[5].timer, now_ns + 2000000);
    runtime_timer_set(&probes[4].timer, now_ns + 12000000); /* moved behind all */
    runtime_timer_stop(&probes[5].timer);
    runtime_timer_stop(&probes[5].timer);
    while (probes[4].fired == 0) {
        runtime_turn(runtime, -1);
    }
    static const int expected[] = {0, 1, 2, 3, 4};
    assert_int_equal(order_count, 5);
    assert_memory_equal(order, expected, sizeof expected);
    assert_true(runtime_now_ns(runtime) - now_ns >= 12000000);
}

static void test_callbacks_that_change_timers(void **state)
{
    (void)state;
    struct probe again;
    struct probe stopper;
    struct probe stopped;
    probe_init(&again, 0);
    probe_init(&stopper, 1);
    probe_init(&stopped, 2);
    again.again = true;
    stopper.stop = &stopped;
    runtime_timer_set(&again.timer, 0);
    runtime_timer_set(&stopper.timer, 1);
    runtime_timer_set(&stopped.timer, 2);
    /* All three are due in this turn; the one that arms itself anew waits for the next. */
    runtime_turn(runtime, 0);
    assert_int_equal(again.fired, 1);
    assert_int_equal(stopper.fired, 1);
    assert_int_equal(stopped.fired, 0);
    runtime_turn(runtime, -1);
    runtime_turn(runtime, -1);
    assert_int_equal(again.fired, 3);
    assert_int_equal(stopped.fired, 0);
}

static void test_sleep_ends_at_the_deadline(void **state)
{
    (void)state;
    struct probe probe;
    probe_init(&probe, 0);
    uint64_t turns = runtime_stats(runtime)->turns;
    runtime_timer_set(&probe.timer, runtime_now_ns(runtime) + 30500000);
    while (probe.fired == 0) {
        runtime_turn(runtime, -1);
    }
    /* Rounded up: one sleep, no short ones around the deadline. A second one is allowed: the
     * io_uring that libuv of Debian 13 makes for itself interrupts a wait when the loop of the test
     * before goes. */
    assert_in_range(runtime_stats(runtime)->turns - turns, 1, 2);
}

static void test_against_a_model(void **state)
{
    (void)state;
    static struct probe probes[TIMERS];
    struct random random;
    random_init(&random, 20261120);
    for (int i = 0; i < TIMERS; i++) {
        probe_init(&probes[i], i);
    }
    /* In the future while they are set: those of the past all become "the next turn". */
    uint64_t base_ns = runtime_now_ns(runtime) + 20000000;
    uint64_t sequence = 0;
    for (int step = 0; step < 5000; step++) {
        struct probe *probe = &probes[random_below(&random, TIMERS)];
        if (random_chance(&random, 1, 4)) {
            runtime_timer_stop(&probe->timer);
        } else {
            /* Few different deadlines, so that the order of setting matters. */
            runtime_timer_set(&probe->timer, base_ns + random_below(&random, 40));
            probe->sequence = sequence++;
        }
    }
    size_t armed = 0;
    for (int i = 0; i < TIMERS; i++) {
        armed += probes[i].timer.armed;
    }
    assert_true(armed > TIMERS / 2);
    while (runtime_now_ns(runtime) < base_ns + 40) {
    }
    runtime_turn(runtime, 0);
    assert_int_equal(order_count, armed);
    for (size_t i = 1; i < order_count; i++) {
        const struct probe *before = &probes[order[i - 1]];
        const struct probe *after = &probes[order[i]];
        assert_true(before->timer.deadline_ns < after->timer.deadline_ns ||
                    (before->timer.deadline_ns == after->timer.deadline_ns &&
                     before->sequence < after->sequence));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, begin, end),
        cmocka_unit_test_setup_teardown(test_callbacks_that_change_timers, begin, end),
        cmocka_unit_test_setup_teardown(test_sleep_ends_at_the_deadline, begin, end),
        cmocka_unit_test_setup_teardown(test_against_a_model, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
