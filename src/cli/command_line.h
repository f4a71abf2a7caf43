/* command_line.h - options as commons-cli's DefaultParser takes them, errors in its words.
 *
 * Taken: -x, -x value, -xvalue, -x=value, -xyz (several without values), --long, --long value,
 * --long=value, -long, and a long name cut short where that is unambiguous; "--" ends the options.
 * Everything else is an argument, options may follow arguments.
 * Ownership: values and arguments borrow from argv (a value in double quotes loses them in place).
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include "base/errors.h"

#define COMMAND_OPTIONS_MAX 16
#define COMMAND_ARGUMENTS_MAX 64 /* what comes behind is counted and not kept */

struct command_option {
    char name;
    const char *long_name;
    bool has_value;
    bool is_required;
};

struct command_line {
    const struct command_option *options;
    size_t option_count;
    bool is_set[COMMAND_OPTIONS_MAX];
    const char *values[COMMAND_OPTIONS_MAX]; /* the first given */
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    size_t argument_count;
    char error[512];
};

/* argv[0] is passed over. ERR_INVALID with the sentence in line->error. */
NODISCARD int command_line_parse(struct command_line *line,
                                 const struct command_option *options,
                                 size_t option_count,
                                 int argc,
                                 char **argv);

bool command_line_has(const struct command_line *line, char name);

/* NULL when the option was not given. */
const char *command_line_value(const struct command_line *line, char name);

#endif
