/* The real runtime's names, watched descriptors and signals. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/uv/runtime_uv.h"
#include "support_runtime.h"

static struct runtime *runtime;

static int begin(void **state)
{
    (void)state;
    return runtime_create(NULL, &runtime);
}

static int end(void **state)
{
    (void)state;
    if (runtime != NULL) {
        runtime_destroy(runtime);
    }
    assert_int_equal(mem_used(), 0);
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

struct answer {
    int calls;
    int error;
    size_t count;
    struct tcp_address addresses[TCP_RESOLVE_MAX];
};

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct answer *answer = ctx;
    answer->calls += 1;
    answer->error = error;
    answer->count = count;
    memcpy(answer->addresses, addresses, count * sizeof *addresses);
}

static void test_resolve(void **state)
{
    (void)state;
    struct answer v4 = {0};
    struct answer v6 = {0};
    struct answer name = {0};
    struct answer wrong = {0};
    struct answer empty = {0};
    tcp_resolve(runtime, SLICE_LIT("10.1.2.3"), 2181, on_resolved, &v4);
    tcp_resolve(runtime, SLICE_LIT("::1"), 2182, on_resolved, &v6);
    tcp_resolve(runtime, SLICE_LIT("localhost"), 2183, on_resolved, &name);
    tcp_resolve(runtime, SLICE_LIT("no.such.name.invalid"), 1, on_resolved, &wrong);
    tcp_resolve(runtime, SLICE_LIT(""), 1, on_resolved, &empty);
    assert_int_equal(v4.calls + v6.calls + empty.calls, 0);
    TURN_UNTIL(v4.calls == 1 && v6.calls == 1 && empty.calls == 1 && name.calls == 1);
    assert_int_equal(v4.error, 0);
    assert_int_equal(v4.count, 1);
    assert_memory_equal(v4.addresses[0].ip, "\x0a\x01\x02\x03", 4);
    assert_int_equal(v4.addresses[0].port, 2181);
    assert_true(v6.addresses[0].is_v6);
    assert_int_equal(v6.addresses[0].ip[15], 1);
    assert_int_equal(empty.error, ERR_RESOLVE);
    assert_int_equal(name.error, 0);
    assert_true(name.count >= 1);
    assert_int_equal(name.addresses[0].port, 2183);
    TURN_UNTIL(wrong.calls == 1);
    assert_int_equal(wrong.error, ERR_RESOLVE);

    struct answer cancelled = {0};
    tcp_resolve(runtime, SLICE_LIT("10.1.2.3"), 1, on_resolved, &cancelled);
    runtime_destroy(runtime);
    runtime = NULL;
    assert_int_equal(cancelled.calls, 1);
    assert_int_equal(cancelled.error, ERR_CANCELLED);
    assert_int_equal(cancelled.count, 0);
}

/* ---- what only the real runtime has ---------------------------------------------------------- */

struct watch_test {
    struct runtime_watch watch;
    int calls;
};

static void on_pipe(struct runtime_watch *watch)
{
    struct watch_test *test = CONTAINER_OF(watch, struct watch_test, watch);
    char byte;
    assert_int_equal(read(watch->fd, &byte, 1), 1);
    test->calls += 1;
    if (test->calls == 2) {
        runtime_unwatch_fd(watch);
    }
}

static int last_signal;

static void on_signal(void *ctx, int number)
{
    assert_ptr_equal(ctx, &last_signal);
    last_signal = number;
    if (number == SIGTERM) {
        runtime_stop(runtime);
    }
}

static void test_watch_and_signals(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct watch_test test = {0};
    assert_int_equal(runtime_watch_fd(runtime, &test.watch, ends[0], on_pipe), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    TURN_UNTIL(test.calls == 2);
    runtime_turn(runtime, 0);
    assert_int_equal(test.calls, 2);
    close(ends[0]);
    close(ends[1]);

    assert_int_equal(runtime_on_signals(runtime, on_signal, &last_signal), 0);
    assert_int_equal(raise(SIGHUP), 0);
    TURN_UNTIL(last_signal == SIGHUP);
    assert_int_equal(raise(SIGINT), 0);
    TURN_UNTIL(last_signal == SIGINT);
    assert_int_equal(raise(SIGTERM), 0);
    runtime_run(runtime);
    assert_int_equal(last_signal, SIGTERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resolve, begin, end),
        cmocka_unit_test_setup_teardown(test_watch_and_signals, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
