/* errmsg.h - the sentence for people that goes with an operating error: what, where, and what to do
 * about it. */
#ifndef RUNTIME_ERRMSG_H
#define RUNTIME_ERRMSG_H

#include "base/errors.h"

struct errmsg {
    char text[1024];
};

/* Writes the sentence (cut when too long) and returns `error`, so that `return errmsg_set(...)`
 * reads well. `message` may be NULL: the words are dropped. */
int errmsg_set(struct errmsg *message, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
