/* kafka_arguments.h - the command line of Kafka's tools that read it with argparse4j: the
 * performance test of producers and the verifiable clients.
 *
 * The words are those of kafka_options.h; what differs is how errors are told (a usage line and
 * "TOOL: error: ...", exit code 1), that an empty command line prints the help and is no error,
 * that some arguments exclude each other, and that one may take several words.
 *
 * Source: argparse4j 0.7.0 ArgumentParserImpl.
 */
#ifndef CLI_KAFKA_KAFKA_ARGUMENTS_H
#define CLI_KAFKA_KAFKA_ARGUMENTS_H

#include "cli/kafka/kafka_options.h"

struct kafka_arguments_syntax {
    const struct kafka_options_syntax *options;
    const char *program;          /* "producer-performance": the name in errors */
    const char *const *required;  /* ends with NULL */
    const char *const *exclusive; /* exactly one of them must be there; ends with NULL */
    const char *several;          /* takes one or more words; NULL: none does */
};

/* As kafka_options_read: false when all is said, and released. */
bool kafka_arguments_read(struct kafka_options *options,
                          const struct kafka_arguments_syntax *syntax,
                          int argc,
                          char **argv,
                          int *exit_code);

/* "TOOL: error: ..." behind the usage line; returns 1. */
int kafka_arguments_error(const struct kafka_arguments_syntax *syntax, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The number, or false after the error was told. */
bool kafka_arguments_i64(struct kafka_options *options,
                         const struct kafka_arguments_syntax *syntax,
                         const char *name,
                         int64_t *value);

#endif
