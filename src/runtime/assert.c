/* assert.c - how the program dies of a bug: one line that names the place, then SIGABRT for the
 * core dump. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "samsa: bug at %s:%d: this should hold: %s\n", file, line, expression);
    abort();
}
