/* base.h - what every file of Samsa may use: integers, asserts, small macros.
 *
 * ASSERT is for bugs only and is always compiled in; bytes from outside must never reach one.
 * The host (src/runtime/, or the simulator) implements assert_failed and decides how to die.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NODISCARD __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* For what is large and short-lived on a busy path, where the compiler zeroes the stack. */
#if __has_attribute(uninitialized)
#define NOT_ZEROED __attribute__((uninitialized))
#else
#define NOT_ZEROED
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Implemented by the host. Prints the place and the expression, then aborts. */
NORETURN void assert_failed(const char *file, int line, const char *expression);

#define ASSERT(expression)                                  \
    do {                                                    \
        if (UNLIKELY(!(expression))) {                      \
            assert_failed(__FILE__, __LINE__, #expression); \
        }                                                   \
    } while (0)

#define UNREACHABLE() assert_failed(__FILE__, __LINE__, "unreachable")

#endif
