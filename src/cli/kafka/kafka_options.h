/* kafka_options.h - the command line of Kafka's tools, read as joptsimple reads it for Apache's.
 *
 * Taken: --name, --name value, --name=value, -name (one hyphen will do for a whole name), -xyz for
 * one-letter names; an option may be repeated; "--" ends the options; what is no option is an
 * operand. A flag's "=value" is dropped without a word. An optional value is taken from the next
 * word when that does not look like an option. Names cut short are taken only where the tool asks
 * for it (may_abbreviate), as Kafka's tools do not.
 *
 * A tool's table is what the parser knows, what the usage text prints and what `samsa completion`
 * offers. --help and --version are in every table without being written there.
 *
 * How a tool begins:
 *
 *     struct kafka_options options;
 *     int code;
 *     if (!kafka_options_read(&options, &syntax, argc, argv, &code)) {
 *         return code; // everything is said, and released
 *     }
 *     ... kafka_options_has(&options, "topic"), kafka_options_value(&options, "topic") ...
 *     if (wrong) {
 *         code = kafka_options_usage(&options, "Missing ...");
 *     }
 *     kafka_options_release(&options);
 *
 * Errors: Apache's tools print the message of a Java exception and its stack; these print the
 * message (for tools without a handler of their own with the exception's name before it, see
 * is_uncaught) and exit with the same code. Names that are not in the table reach an ASSERT: they
 * are the tool's, not the user's.
 *
 * Some tools of Kafka read their words with argparse4j instead: is_argparse. A sub-command is the
 * tool's to take off first (kafka_options_read is given the rest, with argv[0] before it).
 *
 * Sources: argparse4j 0.7; joptsimple 5.0.4 OptionParser, BuiltinHelpFormatter; Kafka's
 * CommandLineUtils and CommandDefaultOptions of 2.7 and 3.9.
 */
#ifndef CLI_KAFKA_KAFKA_OPTIONS_H
#define CLI_KAFKA_KAFKA_OPTIONS_H

#include <stdio.h>

#include "base/slice.h"
#include "runtime/errmsg.h"

#define KAFKA_OPTIONS_MAX 64 /* options of one tool */

enum kafka_option_argument {
    KAFKA_OPTION_FLAG,     /* takes no value */
    KAFKA_OPTION_OPTIONAL, /* --state [value] */
    KAFKA_OPTION_VALUE,    /* --topic value */
    KAFKA_OPTION_LIST,     /* --producer-props a=b c=d: up to the next option (argparse alone) */
};

struct kafka_option {
    const char *name; /* "bootstrap-server" */
    enum kafka_option_argument argument;
    const char *type;          /* "Integer", "Long", "Double"; NULL: "String" */
    const char *value_name;    /* what the value is, in the usage text; may be NULL */
    const char *description;   /* one paragraph; a newline breaks the line */
    const char *default_value; /* what kafka_options_value gives when it was not set; may be NULL */
    bool is_required;          /* by the parser itself ("Missing required option(s) [x]") */
    char separator;            /* values separated by it count as several; 0: none */
    const char *alias;         /* a second name, or NULL */
};

struct kafka_options_syntax {
    const char *tool;    /* "kafka-topics" */
    const char *purpose; /* first line of --help's text */
    const struct kafka_option *options;
    size_t count;
    bool may_abbreviate;
    bool is_uncaught;        /* errors are told as: Exception in thread "main" <class>: <message> */
    bool has_own_help;       /* --help and --version are returned to the tool as options */
    bool needs_no_arguments; /* an empty command line is not answered with the usage text */
    bool is_argparse;    /* argparse4j's ways: names may be cut short, -h, its sentences, help on
                            stdout; what follows is for it alone */
    const char *program; /* the name in usage and errors; NULL: the tool's */
    const char *operand; /* what the one operand is ("command"); NULL: none is taken */
    const char *const *one_of; /* exactly one of these must be there; ends with NULL, or is NULL */
};

/* One value, or one occurrence of a flag. */
struct kafka_option_word {
    int32_t option;    /* index in the table */
    struct slice text; /* null: none was given */
};

struct kafka_options {
    const struct kafka_options_syntax *syntax;
    struct kafka_option_word *words; /* in the order of the command line */
    size_t word_count;
    size_t word_cap;
    struct slice *operands;
    size_t operand_count;
    size_t operand_cap;
    bool has_help;
    bool has_version;
    const char *exception; /* class of the last error, for is_uncaught */
    struct errmsg message; /* its sentence */
};

/* Parses; answers --help (usage on stderr, exit code 1), --version (stdout, 0), an empty command
 * line (as --help) and errors (1) itself: then false, with *exit_code to return from the tool.
 * Values borrow from argv. */
bool kafka_options_read(struct kafka_options *options,
                        const struct kafka_options_syntax *syntax,
                        int argc,
                        char **argv,
                        int *exit_code);

/* As kafka_options_read, but says nothing: ERR_INVALID with options->exception and ->message. To be
 * released also after an error. */
NODISCARD int kafka_options_parse(struct kafka_options *options,
                                  const struct kafka_options_syntax *syntax,
                                  int argc,
                                  char **argv);
void kafka_options_release(struct kafka_options *options);

bool kafka_options_has(const struct kafka_options *options, const char *name);

/* Was a value given, too? (Optional values.) */
bool kafka_options_has_value(const struct kafka_options *options, const char *name);

/* The value, or the default, or null. Where it was given more than once: the last one (joptsimple
 * would refuse: kafka_options_single). */
struct slice kafka_options_value(const struct kafka_options *options, const char *name);

/* The same as C text in static storage of argv; NULL when there is none. */
const char *kafka_options_text(const struct kafka_options *options, const char *name);

/* All values in order; `index` from 0; null behind the last. */
size_t kafka_options_count(const struct kafka_options *options, const char *name);
struct slice kafka_options_nth(const struct kafka_options *options, const char *name, size_t index);

/* ERR_INVALID when more than one was given ("Found multiple arguments for option x, but you asked
 * for only one"), in options->message. */
NODISCARD int kafka_options_single(struct kafka_options *options, const char *name);

/* ERR_INVALID with the sentence in options->message ("Cannot parse argument 'x' of option
 * partitions", or argparse4j's). Without value and default *value is left as it is. */
NODISCARD int kafka_options_i32(struct kafka_options *options, const char *name, int32_t *value);
NODISCARD int kafka_options_i64(struct kafka_options *options, const char *name, int64_t *value);

/* ---- what tools answer ------------------------------------------------------------------------
 */

/* `message` and the usage text on stderr; returns 1. */
int kafka_options_usage(const struct kafka_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* CommandLineUtils.checkRequiredArgs: false after `Missing required argument "[x]"` and the usage
 * text. The names end with NULL. */
bool kafka_options_require(const struct kafka_options *options, const char *const *names);

/* CommandLineUtils.checkInvalidArgs: false after `Option "[x]" can't be used with option "[y]"`
 * when both `used` and one of `others` were given. */
bool kafka_options_exclude(const struct kafka_options *options,
                           const char *used,
                           const char *const *others);

/* The error in options->exception and ->message, as syntax says; returns 1. */
int kafka_options_fail(const struct kafka_options *options);

/* The same with a sentence of the tool's. */
int kafka_options_refuse(struct kafka_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets both and returns ERR_INVALID. */
int kafka_options_error(struct kafka_options *options,
                        const char *exception,
                        const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/* The usage text alone. */
void kafka_options_print(const struct kafka_options_syntax *syntax, FILE *out);

/* As argparse4j has it: the line or lines "usage: ...", and the whole help. */
void kafka_options_print_usage(const struct kafka_options_syntax *syntax, FILE *out);
void kafka_options_print_help(const struct kafka_options_syntax *syntax, FILE *out);

/* What --version prints: the Apache release whose behaviour this is. */
#define KAFKA_TOOLS_VERSION "3.9.2"

#endif
