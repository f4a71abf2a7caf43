/* support_runtime.h - waiting for what a real loop does. */
#ifndef TEST_UNIT_SUPPORT_RUNTIME_H
#define TEST_UNIT_SUPPORT_RUNTIME_H

#define WAIT_NS UINT64_C(5000000000)

/* Turns the loop of `runtime` until the condition holds; fails the test after WAIT_NS. */
#define TURN_UNTIL(condition)                                       \
    do {                                                            \
        uint64_t deadline = runtime_now_ns(runtime) + WAIT_NS;      \
        bool holds = (condition);                                   \
        while (!holds && runtime_now_ns(runtime) < deadline) {      \
            runtime_turn(runtime, 10);                              \
            holds = (condition);                                    \
        }                                                           \
        if (!holds) {                                               \
            fail_msg("this should have come true: %s", #condition); \
        }                                                           \
    } while (0)

#endif
