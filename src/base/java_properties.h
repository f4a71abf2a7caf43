/* java_properties.h - the format of server.properties, zookeeper.properties and every client's
 * configuration file.
 *
 * '#' and '!' begin comment lines; '=', ':' or white space end a key; a backslash at the end of a
 * line joins the next one; \t \n \r \f \uXXXX are escapes, and a backslash before any other
 * character stands for that character. Java reads these files as Latin-1; here bytes pass as they
 * are, so that UTF-8 text is what it looks like. \uXXXX becomes UTF-8.
 * Limits: JAVA_PROPERTIES_BYTES_MAX of text; the arena must have room for as much again.
 * Source: java.util.Properties.load.
 */
#ifndef BASE_JAVA_PROPERTIES_H
#define BASE_JAVA_PROPERTIES_H

#include "base/arena.h"
#include "base/errors.h"

#define JAVA_PROPERTIES_BYTES_MAX ((size_t)1 << 20)

struct java_property {
    struct slice key;
    struct slice value;
    int line; /* where it begins, from 1 */
};

/* Calls `each` for every property in the order of the file (the last of equal keys wins: the
 * caller's part); a result other than 0 ends the walk and is returned. Key and value live in the
 * arena. ERR_INVALID for a malformed \uXXXX (*bad_line tells where), ERR_LIMIT for too long a text.
 */
NODISCARD int java_properties_parse(struct slice text,
                                    struct arena *arena,
                                    int (*each)(void *ctx, const struct java_property *property),
                                    void *ctx,
                                    int *bad_line);

#endif
