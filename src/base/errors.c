/* errors.c - the words for the codes of errors.h. */
#include "base/errors.h"

const char *error_text(int error)
{
    switch (error) {
    case ERR_OK:
        return "success";
#define X(name, code, text) \
    case name:              \
        return text;
        ERROR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *error_name(int error)
{
    switch (error) {
    case ERR_OK:
        return "ERR_OK";
#define X(name, code, text) \
    case name:              \
        return #name;
        ERROR_MAP(X)
#undef X
    default:
        return "ERR_UNKNOWN";
    }
}
