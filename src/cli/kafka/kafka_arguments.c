/* kafka_arguments.c - see kafka_arguments.h. */
#include "cli/kafka/kafka_arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

#define USAGE_WIDTH 75

/* ---- the usage line ----------------------------------------------------------------------------
 */

static bool is_in(const char *const *names, const char *name)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void put_piece(FILE *out, const char *piece, size_t indent, size_t *column)
{
    size_t len = strlen(piece);
    if (*column + 1 + len > USAGE_WIDTH) {
        fprintf(out, "\n%*s", (int)indent - 1, "");
        *column = indent - 1;
    }
    fprintf(out, " %s", piece);
    *column += 1 + len;
}

static void print_usage(FILE *out, const struct kafka_arguments_syntax *syntax)
{
    size_t indent = strlen("usage: ") + strlen(syntax->program) + 1;
    size_t column = indent - 1;
    char piece[512];
    fprintf(out, "usage: %s", syntax->program);
    put_piece(out, "[-h]", indent, &column);
    for (size_t i = 0; i < syntax->options->count; i++) {
        const struct kafka_option *option = &syntax->options->options[i];
        bool is_needed = is_in(syntax->required, option->name);
        const char *value = option->value_name == NULL ? "VALUE" : option->value_name;
        const char *more = syntax->several != NULL && strcmp(syntax->several, option->name) == 0
                               ? " ..."
                               : "";
        bool has_value = option->argument != KAFKA_OPTION_FLAG;
        (void)snprintf(piece, sizeof piece, "%s--%s%s%s%s%s", is_needed ? "" : "[", option->name,
                       has_value ? " " : "", has_value ? value : "", more, is_needed ? "" : "]");
        put_piece(out, piece, indent, &column);
    }
    fprintf(out, "\n");
}

static void print_help(const struct kafka_arguments_syntax *syntax)
{
    print_usage(stdout, syntax);
    printf("\n%s\n\nnamed arguments:\n", syntax->options->purpose);
    printf("  -h, --help             show this help message and exit\n");
    for (size_t i = 0; i < syntax->options->count; i++) {
        const struct kafka_option *option = &syntax->options->options[i];
        printf("  --%s %s\n                         %s", option->name,
               option->value_name == NULL ? "" : option->value_name,
               option->description == NULL ? "" : option->description);
        if (option->default_value != NULL) {
            printf(" (default: %s)", option->default_value);
        }
        printf("\n");
    }
}

int kafka_arguments_error(const struct kafka_arguments_syntax *syntax, const char *format, ...)
{
    (void)fflush(stdout);
    print_usage(stderr, syntax);
    fprintf(stderr, "%s: error: ", syntax->program);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    return 1;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* Each further word of the argument that takes several gets the argument's name before it. Returns
 * the new count; `words` has room for twice as many. */
static int spread(const struct kafka_arguments_syntax *syntax, int argc, char **argv, char **words)
{
    int count = 0;
    char *taker = NULL;
    int taken = 0;
    for (int i = 0; i < argc; i++) {
        bool is_option = i > 0 && strncmp(argv[i], "--", 2) == 0;
        if (is_option) {
            bool takes = syntax->several != NULL && strcmp(argv[i] + 2, syntax->several) == 0;
            taker = takes ? argv[i] : NULL;
            taken = 0;
        } else if (taker != NULL && ++taken > 1) {
            words[count++] = taker;
        }
        words[count++] = argv[i];
    }
    return count;
}

static int check(struct kafka_options *options, const struct kafka_arguments_syntax *syntax)
{
    for (size_t i = 0; syntax->required[i] != NULL; i++) {
        if (!kafka_options_has(options, syntax->required[i])) {
            return kafka_arguments_error(syntax, "argument --%s is required", syntax->required[i]);
        }
    }
    const char *used = NULL;
    char names[512] = "";
    for (size_t i = 0; syntax->exclusive[i] != NULL; i++) {
        const char *name = syntax->exclusive[i];
        size_t len = strlen(names);
        (void)snprintf(names + len, sizeof names - len, "--%s ", name);
        if (kafka_options_has(options, name) && used != NULL) {
            return kafka_arguments_error(syntax, "argument --%s: not allowed with argument --%s",
                                         name, used);
        }
        used = kafka_options_has(options, name) ? name : used;
    }
    if (used == NULL) {
        return kafka_arguments_error(syntax, "one of the arguments %sis required", names);
    }
    return 0;
}

bool kafka_arguments_read(struct kafka_options *options,
                          const struct kafka_arguments_syntax *syntax,
                          int argc,
                          char **argv,
                          int *exit_code)
{
    *exit_code = 0;
    bool wants_help = argc < 2;
    for (int i = 1; i < argc; i++) {
        wants_help = wants_help || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0;
    }
    if (wants_help) {
        print_help(syntax);
        return false;
    }
    size_t size = 2 * (size_t)argc * sizeof(char *);
    char **words = mem_alloc(size);
    int count = spread(syntax, argc, argv, words);
    int err = kafka_options_parse(options, syntax->options, count, words);
    mem_free(words, size);
    if (err != 0) {
        /* joptsimple: "x is not a recognized option" */
        struct slice word;
        struct slice rest;
        (void)text_cut(slice_of_cstr(options->message.text), ' ', &word, &rest);
        if (slice_starts_with(rest, SLICE_LIT("is not a recognized option"))) {
            *exit_code = kafka_arguments_error(syntax, "unrecognized arguments: '--%.*s'",
                                               (int)word.len, (const char *)word.ptr);
        } else {
            *exit_code = kafka_arguments_error(syntax, "%s", options->message.text);
        }
    } else if (options->operand_count > 0) {
        *exit_code = kafka_arguments_error(syntax, "unrecognized arguments: '%.*s'",
                                           (int)options->operands[0].len,
                                           (const char *)options->operands[0].ptr);
    } else {
        *exit_code = check(options, syntax);
    }
    if (*exit_code != 0) {
        kafka_options_release(options);
        return false;
    }
    return true;
}

bool kafka_arguments_i64(struct kafka_options *options,
                         const struct kafka_arguments_syntax *syntax,
                         const char *name,
                         int64_t *value)
{
    struct slice text = kafka_options_value(options, name);
    if (slice_is_null(text) || text_parse_i64(text, value) == 0) {
        return true;
    }
    (void)kafka_arguments_error(syntax, "argument --%s: could not convert '%.*s' to a number", name,
                                (int)text.len, (const char *)text.ptr);
    return false;
}
