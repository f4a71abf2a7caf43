/* errors.h - operating errors: one table, negative codes, 0 is success.
 *
 * Protocol errors (ZooKeeper's KeeperException codes, Kafka's error codes) are values in replies
 * and are not in this table. Text for people is made at the edges by error_text().
 */
#ifndef BASE_ERRORS_H
#define BASE_ERRORS_H

#include "base/base.h"

#define ERROR_MAP(X)                                            \
    X(ERR_TRUNCATED, -1, "the bytes end before the value does") \
    X(ERR_INVALID, -2, "malformed value")                       \
    X(ERR_LIMIT, -3, "a limit is exceeded")                     \
    X(ERR_CHECKSUM, -4, "checksum mismatch")                    \
    X(ERR_CORRUPT, -5, "corrupt data")                          \
    X(ERR_IO, -6, "input/output error")                         \
    X(ERR_NO_SPACE, -7, "no space left on device")              \
    X(ERR_NOT_FOUND, -8, "not found")                           \
    X(ERR_EXISTS, -9, "already exists")                         \
    X(ERR_ACCESS, -10, "permission denied")                     \
    X(ERR_IN_USE, -11, "already in use")                        \
    X(ERR_CLOSED, -12, "closed")                                \
    X(ERR_TIMEOUT, -13, "timed out")                            \
    X(ERR_REFUSED, -14, "connection refused")                   \
    X(ERR_RESET, -15, "connection reset by peer")               \
    X(ERR_UNREACHABLE, -16, "host unreachable")                 \
    X(ERR_RESOLVE, -17, "host name cannot be resolved")         \
    X(ERR_UNSUPPORTED, -18, "not supported")                    \
    X(ERR_CONFIG, -19, "invalid configuration")                 \
    X(ERR_BUSY, -20, "busy")                                    \
    X(ERR_TOO_MANY_FILES, -21, "too many open files")           \
    X(ERR_END, -22, "end of data")                              \
    X(ERR_CANCELLED, -23, "cancelled")                          \
    X(ERR_READ_ONLY, -24, "read-only file system")              \
    X(ERR_NOT_DIRECTORY, -25, "not a directory")                \
    X(ERR_AUTH, -26, "authentication failed")                   \
    X(ERR_INTERNAL, -27, "unexpected condition")

enum error {
    ERR_OK = 0,
#define X(name, code, text) name = code,
    ERROR_MAP(X)
#undef X
};

/* English text for a code of the table ("success" for 0); never NULL. */
const char *error_text(int error);

/* The name of the code as written above, for logs and tests; never NULL. */
const char *error_name(int error);

#endif
