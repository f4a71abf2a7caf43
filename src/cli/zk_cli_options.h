/* zk_cli_options.h - the options of a command, read as Apache Commons CLI's DefaultParser reads
 * them.
 *
 * One letter or one word behind one hyphen, in any order with the arguments; several letters may
 * share a hyphen; a value stands behind its option, joined or as the next word; "--" ends the
 * options. Errors carry Java's class names, since Apache's zkCli shows them.
 */
#ifndef CLI_ZK_CLI_OPTIONS_H
#define CLI_ZK_CLI_OPTIONS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "runtime/errmsg.h"

#define ZK_CLI_OPTIONS_MAX 8

struct zk_cli_option {
    const char *name;
    const char *description;
    bool has_value;
};

struct zk_cli_syntax {
    struct zk_cli_option options[ZK_CLI_OPTIONS_MAX]; /* ends with a NULL name */
    bool is_group;                                    /* at most one of them */
    bool is_required;                                 /* ... and at least one */
};

struct zk_cli_parsed {
    const struct zk_cli_syntax *syntax;
    struct slice *words; /* what is no option; words[0] is the command */
    size_t word_count;
    bool is_set[ZK_CLI_OPTIONS_MAX];
    struct slice values[ZK_CLI_OPTIONS_MAX]; /* the first one given */
};

/* The words of `parsed` are in the arena. ERR_INVALID with the text to show in `message`. */
NODISCARD int zk_cli_parse(const struct zk_cli_syntax *syntax,
                           const struct slice *words,
                           size_t count,
                           struct arena *arena,
                           struct zk_cli_parsed *parsed,
                           struct errmsg *message);

bool zk_cli_has(const struct zk_cli_parsed *parsed, const char *name);

/* Null when it is not set. */
struct slice zk_cli_value(const struct zk_cli_parsed *parsed, const char *name);

/* One line for each option: " -v <arg>   description". */
void zk_cli_append_options(struct buffer *out, const struct zk_cli_syntax *syntax);

#endif
