/* script_config.h - zoo.cfg and the environment as Apache's shell scripts read them: with grep and
 * sed. */
#ifndef CLI_SCRIPT_CONFIG_H
#define CLI_SCRIPT_CONFIG_H

#include "base/base.h"

/* The variable's value, "" when it is not set. */
const char *script_environment(const char *name);

/* The value of the last line of the file whose first word is `key` (blanks around '=' are passed
 * over), cut to size - 1 bytes; true when there is one. Else `value` stays as it was. */
bool script_config_value(const char *path, const char *key, char *value, size_t size);

#endif
