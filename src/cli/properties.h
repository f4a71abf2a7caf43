/* properties.h - -Dname=value flags, as they stand in SERVER_JVMFLAGS, JVMFLAGS and on command
 * lines. */
#ifndef CLI_PROPERTIES_H
#define CLI_PROPERTIES_H

#include "zookeeper/server/config.h"

#define PROPERTIES_MAX 256

struct properties {
    struct config_property entries[PROPERTIES_MAX];
    size_t count;
    char *words[PROPERTIES_MAX]; /* heap copies that the entries point into */
    size_t word_count;
};

/* One argument; false when it is not a -D flag. A flag without '=' has the value "". */
bool properties_add_flag(struct properties *properties, const char *argument);

/* All -D flags of a text as a shell would split it (quotes and backslashes); other words are passed
 * over, since they tune a JVM. */
void properties_add_text(struct properties *properties, const char *text);

/* NULL when absent; the last one wins. */
const char *properties_get(const struct properties *properties, const char *name);
void properties_release(struct properties *properties);

#endif
