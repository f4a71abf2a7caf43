/* system_error.c - errno as a code of base/errors.h, with the system's words kept for the log. */
#include <errno.h>
#include <string.h>

#include "runtime/uv/loop.h"

static _Thread_local char detail[128];

static int code_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
        return ERR_ACCESS;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return ERR_EXISTS;
    case EADDRINUSE:
    case EBUSY:
    case EWOULDBLOCK: /* flock */
    case ETXTBSY:
        return ERR_IN_USE;
    case EROFS:
        return ERR_READ_ONLY;
    case ENOTDIR:
        return ERR_NOT_DIRECTORY;
    case EMFILE:
    case ENFILE:
        return ERR_TOO_MANY_FILES;
    case EFBIG:
        return ERR_LIMIT;
    case EINVAL:
    case ENAMETOOLONG:
    case EADDRNOTAVAIL:
        return ERR_INVALID;
    case ECONNREFUSED:
        return ERR_REFUSED;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
        return ERR_RESET;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
        return ERR_UNREACHABLE;
    case EAFNOSUPPORT:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
        return ERR_UNSUPPORTED;
    default:
        return ERR_IO;
    }
}

int system_error(int number)
{
    const char *text = strerror_r(number, detail, sizeof detail);
    if (text != detail) {
        /* glibc answers known numbers from a table of its own. */
        size_t len = MIN(strlen(text), sizeof detail - 1);
        memcpy(detail, text, len);
        detail[len] = '\0';
    }
    return code_of(number);
}

int system_error_now(void)
{
    return system_error(errno);
}

const char *runtime_error_detail(void)
{
    return detail;
}
