/* kafka_options.c - reading the command line of Kafka's tools. See kafka_options.h.
 *
 * MODEL. Words are taken one after another. A word that begins with "--" is an option with its
 * whole name; one that begins with "-" is an option when the whole rest is a name, otherwise a
 * cluster of one-letter options; everything else, and all behind "--", is an operand. A required
 * value is the next word whatever it looks like, an optional one only when it does not look like an
 * option.
 *
 * WHAT GOES WRONG. The first unknown or incomplete option ends the reading, with joptsimple's
 * sentence. Missing required options are told together, at the end, and not when help was asked
 * for.
 */
#include "cli/kafka/kafka_options.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

#define OPTION_NONE (-1)
#define OPTION_HELP (-2)
#define OPTION_VERSION (-3)

struct words {
    char **next;
    char **end;
};

/* ---- names ----------------------------------------------------------------------------------- */

static bool option_is(const struct kafka_option *option, struct slice name)
{
    return slice_equal_cstr(name, option->name) ||
           (option->alias != NULL && slice_equal_cstr(name, option->alias));
}

static bool begins(const char *name, struct slice start)
{
    return name != NULL && slice_starts_with(slice_of_cstr(name), start);
}

/* joptsimple's AbbreviationMap: a beginning counts when it leads to one option alone. */
static int32_t find_abbreviated(const struct kafka_options_syntax *syntax, struct slice name)
{
    int32_t found = OPTION_NONE;
    size_t matches = 0;
    for (size_t i = 0; i < syntax->count; i++) {
        if (begins(syntax->options[i].name, name) || begins(syntax->options[i].alias, name)) {
            found = (int32_t)i;
            matches++;
        }
    }
    if (begins("help", name)) {
        found = OPTION_HELP;
        matches++;
    }
    if (!syntax->is_argparse && begins("version", name)) {
        found = OPTION_VERSION;
        matches++;
    }
    return matches == 1 ? found : OPTION_NONE;
}

static int32_t find_option(const struct kafka_options_syntax *syntax, struct slice name)
{
    for (size_t i = 0; i < syntax->count; i++) {
        if (option_is(&syntax->options[i], name)) {
            return (int32_t)i;
        }
    }
    if (slice_equal_cstr(name, "help")) {
        return OPTION_HELP;
    }
    if (!syntax->is_argparse && slice_equal_cstr(name, "version")) {
        return OPTION_VERSION;
    }
    if (syntax->is_argparse && slice_equal_cstr(name, "h")) {
        return OPTION_HELP;
    }
    return (syntax->may_abbreviate || syntax->is_argparse) && name.len > 0
               ? find_abbreviated(syntax, name)
               : OPTION_NONE;
}

/* The tool's own spelling: a name that is not there is a bug of the tool. */
static int32_t option_index(const struct kafka_options *options, const char *name)
{
    for (size_t i = 0; i < options->syntax->count; i++) {
        if (option_is(&options->syntax->options[i], slice_of_cstr(name))) {
            return (int32_t)i;
        }
    }
    UNREACHABLE();
}

/* ---- errors ---------------------------------------------------------------------------------- */

int kafka_options_error(struct kafka_options *options,
                        const char *exception,
                        const char *format,
                        ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(options->message.text, sizeof options->message.text, format, args);
    va_end(args);
    options->exception = exception;
    return ERR_INVALID;
}

static int unrecognized(struct kafka_options *options, struct slice name)
{
    if (options->syntax->is_argparse) {
        return kafka_options_error(options, "", "unrecognized arguments: '%s%.*s'",
                                   name.len > 1 ? "--" : "-", (int)name.len,
                                   (const char *)name.ptr);
    }
    return kafka_options_error(options, "joptsimple.UnrecognizedOptionException",
                               "%.*s is not a recognized option", (int)name.len,
                               (const char *)name.ptr);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void put_word(struct kafka_options *options, int32_t option, struct slice text)
{
    if (options->word_count == options->word_cap) {
        size_t cap = MAX(options->word_cap * 2, 16);
        options->words = mem_realloc(options->words, options->word_cap * sizeof *options->words,
                                     cap * sizeof *options->words);
        options->word_cap = cap;
    }
    options->words[options->word_count++] = (struct kafka_option_word){option, text};
}

static void put_values(struct kafka_options *options, int32_t option, struct slice text)
{
    char separator = options->syntax->options[option].separator;
    struct slice rest = text;
    struct slice head;
    bool has_more = separator != 0;
    if (separator == 0 || text.len == 0) {
        put_word(options, option, text);
        return;
    }
    while (has_more) {
        has_more = text_cut(rest, (uint8_t)separator, &head, &rest);
        if (head.len > 0) {
            put_word(options, option, head);
        }
    }
}

static bool is_number(struct slice text)
{
    struct slice whole;
    struct slice part;
    bool has_part = text_cut(text, '.', &whole, &part);
    struct slice digits = has_part ? part : whole;
    for (size_t i = 0; i < whole.len + part.len; i++) {
        uint8_t byte = i < whole.len ? whole.ptr[i] : part.ptr[i - whole.len];
        if (byte < '0' || byte > '9') {
            return false;
        }
    }
    return digits.len > 0;
}

/* joptsimple's looksLikeAnOption: a hyphen and more. To argparse4j a negative number is none. */
static bool looks_like_option(const struct kafka_options *options, const char *word)
{
    bool is_option = word[0] == '-' && word[1] != '\0';
    return is_option && !(options->syntax->is_argparse && is_number(slice_of_cstr(word + 1)));
}

/* "--id/-i", as argparse4j names an option. */
static const char *shown_name(const struct kafka_option *option, char text[128])
{
    bool has_alias = option->alias != NULL;
    snprintf(text, 128, "--%s%s%s", option->name,
             !has_alias                 ? ""
             : option->alias[1] == '\0' ? "/-"
                                        : "/--",
             has_alias ? option->alias : "");
    return text;
}

static int missing_value(struct kafka_options *options, const struct kafka_option *option)
{
    char text[128];
    if (options->syntax->is_argparse) {
        return kafka_options_error(options, "", "argument %s: expected %s argument",
                                   shown_name(option, text),
                                   option->argument == KAFKA_OPTION_LIST ? "at least one" : "one");
    }
    return kafka_options_error(options, "joptsimple.OptionMissingRequiredArgumentException",
                               "Option %s requires an argument", option->name);
}

static int take_list(struct kafka_options *options, int32_t index, struct words *words)
{
    if (words->next == words->end || looks_like_option(options, *words->next)) {
        return missing_value(options, &options->syntax->options[index]);
    }
    while (words->next < words->end && !looks_like_option(options, *words->next)) {
        put_word(options, index, slice_of_cstr(*words->next++));
    }
    return 0;
}

static int take_option(struct kafka_options *options,
                       int32_t index,
                       struct slice value,
                       struct words *words)
{
    if (index == OPTION_HELP) {
        options->has_help = true;
        return 0;
    }
    if (index == OPTION_VERSION) {
        options->has_version = true;
        return 0;
    }
    const struct kafka_option *option = &options->syntax->options[index];
    if (option->argument == KAFKA_OPTION_FLAG) {
        put_word(options, index, SLICE_NULL);
        return 0;
    }
    if (!slice_is_null(value)) {
        put_values(options, index, value);
        return 0;
    }
    if (option->argument == KAFKA_OPTION_LIST) {
        return take_list(options, index, words);
    }
    if (option->argument == KAFKA_OPTION_VALUE) {
        bool is_missing = words->next == words->end || (options->syntax->is_argparse &&
                                                        looks_like_option(options, *words->next));
        if (is_missing) {
            return missing_value(options, option);
        }
        put_values(options, index, slice_of_cstr(*words->next++));
        return 0;
    }
    if (words->next < words->end && !looks_like_option(options, *words->next)) {
        put_values(options, index, slice_of_cstr(*words->next++));
        return 0;
    }
    put_word(options, index, SLICE_NULL);
    return 0;
}

/* "name=value" taken apart; value is null without '='. */
static struct slice split_name(struct slice text, struct slice *value)
{
    struct slice name;
    struct slice rest;
    bool has_value = text_cut(text, '=', &name, &rest);
    *value = has_value ? slice_of(name.ptr + name.len + 1, rest.len) : SLICE_NULL;
    return name;
}

/* -abc: one letter each, until one takes a value. */
static int take_cluster(struct kafka_options *options, struct slice letters, struct words *words)
{
    for (size_t i = 0; i < letters.len; i++) {
        struct slice letter = slice_part(letters, i, i + 1);
        int32_t index = find_option(options->syntax, letter);
        if (index == OPTION_NONE) {
            return unrecognized(options, letter);
        }
        bool takes_value = index >= 0 &&
                           options->syntax->options[index].argument != KAFKA_OPTION_FLAG;
        bool takes_rest = takes_value && i + 1 < letters.len;
        struct slice value = takes_rest ? slice_part(letters, i + 1, letters.len) : SLICE_NULL;
        int error = take_option(options, index, value, words);
        if (error != 0 || takes_value) {
            return error;
        }
    }
    return 0;
}

static int take_operand(struct kafka_options *options, const char *word)
{
    const struct kafka_options_syntax *syntax = options->syntax;
    size_t max = syntax->operand != NULL ? 1 : 0;
    if (syntax->is_argparse && options->operand_count == max) {
        return kafka_options_error(options, "", "unrecognized arguments: '%s'", word);
    }
    options->operands[options->operand_count++] = slice_of_cstr(word);
    return 0;
}

static int take_word(struct kafka_options *options, const char *word, struct words *words)
{
    struct slice value;
    if (!looks_like_option(options, word)) {
        return take_operand(options, word);
    }
    bool is_long = word[1] == '-';
    struct slice text = slice_of_cstr(word + (is_long ? 2 : 1));
    struct slice name = split_name(text, &value);
    int32_t index = find_option(options->syntax, name);
    if (index != OPTION_NONE) {
        return take_option(options, index, value, words);
    }
    return is_long ? unrecognized(options, name) : take_cluster(options, text, words);
}

static int check_required(struct kafka_options *options)
{
    char names[512] = "";
    size_t len = 0;
    for (size_t i = 0; i < options->syntax->count; i++) {
        const struct kafka_option *option = &options->syntax->options[i];
        if (option->is_required && !kafka_options_has(options, option->name)) {
            int wrote = snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "",
                                 option->name);
            len = MIN(len + (size_t)wrote, sizeof names - 1);
        }
    }
    if (len == 0 || options->has_help || options->has_version) {
        return 0;
    }
    return kafka_options_error(options, "joptsimple.MissingRequiredOptionsException",
                               "Missing required option(s) [%s]", names);
}

static bool is_among(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Of one_of one, and not two: the second one is refused. Source: ArgumentParserImpl.processArg and
 * checkRequiredMutex. */
static int check_one_of(struct kafka_options *options)
{
    const struct kafka_options_syntax *syntax = options->syntax;
    const struct kafka_option *used = NULL;
    char names[512] = "";
    char text[128];
    char other[128];
    size_t len = 0;
    for (size_t i = 0; i < options->word_count; i++) {
        const struct kafka_option *option = &syntax->options[options->words[i].option];
        if (!is_among(syntax->one_of, option->name)) {
            continue;
        }
        if (used != NULL && used != option) {
            return kafka_options_error(options, "", "argument %s: not allowed with argument %s",
                                       shown_name(option, text), shown_name(used, other));
        }
        used = option;
    }
    for (size_t i = 0; i < syntax->count; i++) {
        if (is_among(syntax->one_of, syntax->options[i].name)) {
            int wrote = snprintf(names + len, sizeof names - len, "%s ",
                                 shown_name(&syntax->options[i], text));
            len = MIN(len + (size_t)wrote, sizeof names - 1);
        }
    }
    return used != NULL || len == 0
               ? 0
               : kafka_options_error(options, "", "one of the arguments %sis required", names);
}

/* As argparse4j checks what was taken. */
static int check_arguments(struct kafka_options *options)
{
    char text[128];
    if (options->has_help) {
        return 0;
    }
    for (size_t i = 0; i < options->syntax->count; i++) {
        const struct kafka_option *option = &options->syntax->options[i];
        if (option->is_required && !kafka_options_has(options, option->name)) {
            return kafka_options_error(options, "", "argument %s is required",
                                       shown_name(option, text));
        }
    }
    return check_one_of(options);
}

int kafka_options_parse(struct kafka_options *options,
                        const struct kafka_options_syntax *syntax,
                        int argc,
                        char **argv)
{
    ASSERT(syntax->count <= KAFKA_OPTIONS_MAX && argc >= 1);
    *options = (struct kafka_options){.syntax = syntax, .exception = ""};
    struct words words = {argv + 1, argv + argc};
    options->operand_cap = (size_t)argc;
    options->operands = mem_alloc_zeroed(options->operand_cap * sizeof *options->operands);
    bool is_ended = false;
    while (words.next < words.end) {
        const char *word = *words.next++;
        if (is_ended) {
            options->operands[options->operand_count++] = slice_of_cstr(word);
        } else if (strcmp(word, "--") == 0) {
            is_ended = true;
        } else {
            int error = take_word(options, word, &words);
            if (error != 0) {
                return error;
            }
        }
    }
    return syntax->is_argparse ? check_arguments(options) : check_required(options);
}

void kafka_options_release(struct kafka_options *options)
{
    mem_free(options->words, options->word_cap * sizeof *options->words);
    mem_free(options->operands, options->operand_cap * sizeof *options->operands);
    options->words = NULL;
    options->operands = NULL;
    options->word_count = options->word_cap = 0;
    options->operand_count = options->operand_cap = 0;
}

/* Help, the version, an error. False: the tool goes on. */
static bool answer(const struct kafka_options *options, int error, bool is_empty, int *exit_code)
{
    const struct kafka_options_syntax *syntax = options->syntax;
    *exit_code = 0;
    if (error == 0 && syntax->has_own_help) {
        return false;
    }
    if (syntax->is_argparse && (is_empty || options->has_help)) {
        kafka_options_print_help(syntax, stdout);
        return true;
    }
    if (error != 0) {
        *exit_code = kafka_options_fail(options);
        return true;
    }
    if (options->has_help || is_empty) {
        *exit_code = kafka_options_usage(options, "%s", syntax->purpose);
        return true;
    }
    if (options->has_version) {
        printf("%s\n", KAFKA_TOOLS_VERSION);
    }
    return options->has_version;
}

bool kafka_options_read(struct kafka_options *options,
                        const struct kafka_options_syntax *syntax,
                        int argc,
                        char **argv,
                        int *exit_code)
{
    int error = kafka_options_parse(options, syntax, argc, argv);
    bool is_empty = argc == 1 && !syntax->needs_no_arguments;
    if (!answer(options, error, is_empty, exit_code)) {
        return true;
    }
    kafka_options_release(options);
    return false;
}

/* ---- what was given -------------------------------------------------------------------------- */

size_t kafka_options_count(const struct kafka_options *options, const char *name)
{
    int32_t index = option_index(options, name);
    size_t count = 0;
    for (size_t i = 0; i < options->word_count; i++) {
        count += options->words[i].option == index;
    }
    return count;
}

bool kafka_options_has(const struct kafka_options *options, const char *name)
{
    return kafka_options_count(options, name) > 0;
}

struct slice kafka_options_nth(const struct kafka_options *options, const char *name, size_t index)
{
    int32_t option = option_index(options, name);
    for (size_t i = 0; i < options->word_count; i++) {
        if (options->words[i].option == option && index-- == 0) {
            return options->words[i].text;
        }
    }
    return SLICE_NULL;
}

bool kafka_options_has_value(const struct kafka_options *options, const char *name)
{
    size_t count = kafka_options_count(options, name);
    return count > 0 && !slice_is_null(kafka_options_nth(options, name, count - 1));
}

struct slice kafka_options_value(const struct kafka_options *options, const char *name)
{
    size_t count = kafka_options_count(options, name);
    struct slice value = count > 0 ? kafka_options_nth(options, name, count - 1) : SLICE_NULL;
    const char *fallback = options->syntax->options[option_index(options, name)].default_value;
    return slice_is_null(value) ? slice_of_cstr(fallback) : value;
}

const char *kafka_options_text(const struct kafka_options *options, const char *name)
{
    struct slice value = kafka_options_value(options, name);
    /* A part of a separated list would not end where it should. */
    ASSERT(options->syntax->options[option_index(options, name)].separator == 0);
    return (const char *)value.ptr;
}

int kafka_options_single(struct kafka_options *options, const char *name)
{
    if (kafka_options_count(options, name) < 2) {
        return 0;
    }
    return kafka_options_error(options, "joptsimple.MultipleArgumentsForOptionException",
                               "Found multiple arguments for option %s, but you asked for only one",
                               name);
}

static int not_a_number(struct kafka_options *options, const char *name)
{
    struct slice text = kafka_options_value(options, name);
    const struct kafka_option *option = &options->syntax->options[option_index(options, name)];
    char shown[128];
    if (options->syntax->is_argparse) {
        return kafka_options_error(
            options, "", "argument %s: could not convert '%.*s' to %s (For input string: \"%.*s\")",
            shown_name(option, shown), (int)text.len, (const char *)text.ptr,
            option->type != NULL ? option->type : "Integer", (int)text.len, (const char *)text.ptr);
    }
    return kafka_options_error(options, "joptsimple.OptionArgumentConversionException",
                               "Cannot parse argument '%.*s' of option %s", (int)text.len,
                               (const char *)text.ptr, name);
}

int kafka_options_i64(struct kafka_options *options, const char *name, int64_t *value)
{
    struct slice text = kafka_options_value(options, name);
    if (slice_is_null(text)) {
        return 0;
    }
    int error = options->syntax->is_argparse ? 0 : kafka_options_single(options, name);
    if (error != 0) {
        return error;
    }
    return text_parse_i64(text, value) == 0 ? 0 : not_a_number(options, name);
}

int kafka_options_i32(struct kafka_options *options, const char *name, int32_t *value)
{
    int64_t wide = *value;
    int error = kafka_options_i64(options, name, &wide);
    if (error == 0 && (wide < INT32_MIN || wide > INT32_MAX)) {
        error = not_a_number(options, name);
    }
    if (error == 0) {
        *value = (int32_t)wide;
    }
    return error;
}

/* ---- answers --------------------------------------------------------------------------------- */

int kafka_options_usage(const struct kafka_options *options, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    kafka_options_print(options->syntax, stderr);
    return 1;
}

bool kafka_options_require(const struct kafka_options *options, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (!kafka_options_has(options, *names)) {
            kafka_options_usage(options, "Missing required argument \"[%s]\"", *names);
            return false;
        }
    }
    return true;
}

bool kafka_options_exclude(const struct kafka_options *options,
                           const char *used,
                           const char *const *others)
{
    if (!kafka_options_has(options, used)) {
        return true;
    }
    for (; *others != NULL; others++) {
        if (kafka_options_has(options, *others)) {
            kafka_options_usage(options, "Option \"[%s]\" can't be used with option \"[%s]\"", used,
                                *others);
            return false;
        }
    }
    return true;
}

int kafka_options_fail(const struct kafka_options *options)
{
    const struct kafka_options_syntax *syntax = options->syntax;
    (void)fflush(stdout);
    if (syntax->is_argparse) {
        kafka_options_print_usage(syntax, stderr);
        fprintf(stderr, "%s: error: %s\n", syntax->program != NULL ? syntax->program : syntax->tool,
                options->message.text);
    } else if (syntax->is_uncaught) {
        fprintf(stderr, "Exception in thread \"main\" %s: %s\n", options->exception,
                options->message.text);
    } else {
        fprintf(stderr, "%s\n", options->message.text);
    }
    return 1;
}

int kafka_options_refuse(struct kafka_options *options, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(options->message.text, sizeof options->message.text, format, args);
    va_end(args);
    options->exception = "";
    return kafka_options_fail(options);
}
