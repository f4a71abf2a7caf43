/* command_line.c - see command_line.h.
 *
 * The words are read one by one. An option that takes a value waits for it in `waiting`: the next
 * word is the value unless it is itself an option of the table (a negative number never is).
 */
#include "cli/command_line.h"

#include <stdio.h>
#include <stdlib.h>

#define NONE SIZE_MAX

struct parser {
    struct command_line *line;
    size_t waiting; /* option whose value comes next; NONE */
    bool is_over;   /* "--" was read */
};

static int fail(struct parser *parser, const char *what, const char *which, const char *more)
{
    snprintf(parser->line->error, sizeof parser->line->error, "%s%.200s%.200s", what, which, more);
    return ERR_INVALID;
}

static size_t find_short(const struct command_line *line, char name)
{
    for (size_t i = 0; i < line->option_count; i++) {
        if (line->options[i].name == name) {
            return i;
        }
    }
    return NONE;
}

/* Long options that begin with the len bytes of text; an exact one counts alone. */
static size_t count_long(const struct command_line *line,
                         const char *text,
                         size_t len,
                         size_t *first)
{
    size_t count = 0;
    *first = NONE;
    for (size_t i = 0; i < line->option_count; i++) {
        const char *name = line->options[i].long_name;
        if (strncmp(name, text, len) != 0) {
            continue;
        }
        if (name[len] == '\0') {
            *first = i;
            return 1;
        }
        *first = *first == NONE ? i : *first;
        count++;
    }
    return count;
}

/* A long option that the text begins with: "-left=x" or "-leftx". */
static size_t find_long_prefix(const struct command_line *line, const char *text)
{
    for (size_t len = strlen(text); len > 1; len--) {
        for (size_t i = 0; i < line->option_count; i++) {
            const char *name = line->options[i].long_name;
            if (strlen(name) == len - 1 && strncmp(name, text, len - 1) == 0) {
                return i;
            }
        }
    }
    return NONE;
}

static const char *strip_hyphens(const char *word)
{
    if (word[0] != '-') {
        return word;
    }
    return word[1] == '-' ? word + 2 : word + 1;
}

static bool is_number(const char *word)
{
    char *end;
    strtod(word, &end);
    return end != word && *end == '\0';
}

static bool is_option(const struct command_line *line, const char *word)
{
    size_t first;
    if (word[0] != '-' || word[1] == '\0') {
        return false;
    }
    const char *name = strip_hyphens(word);
    size_t len = strcspn(name, "=");
    if (word[1] != '-' && find_short(line, name[0]) != NONE) {
        return true;
    }
    return (len > 0 && count_long(line, name, len, &first) > 0) ||
           (word[1] != '-' && find_long_prefix(line, name) != NONE);
}

static char *strip_quotes(char *text)
{
    size_t len = strlen(text);
    if (len > 1 && text[0] == '"' && text[len - 1] == '"' &&
        memchr(text + 1, '"', len - 2) == NULL) {
        text[len - 1] = '\0';
        return text + 1;
    }
    return text;
}

static int check_waiting(struct parser *parser)
{
    if (parser->waiting == NONE) {
        return 0;
    }
    char name[2] = {parser->line->options[parser->waiting].name, '\0'};
    return fail(parser, "Missing argument for option: ", name, "");
}

static int take_option(struct parser *parser, size_t option)
{
    int error = check_waiting(parser);
    if (error != 0) {
        return error;
    }
    parser->line->is_set[option] = true;
    parser->waiting = parser->line->options[option].has_value ? option : NONE;
    return 0;
}

static void take_value(struct parser *parser, char *value)
{
    size_t option = parser->waiting;
    if (parser->line->values[option] == NULL) {
        parser->line->values[option] = strip_quotes(value);
    }
    parser->waiting = NONE;
}

static int take_unknown(struct parser *parser, char *word)
{
    struct command_line *line = parser->line;
    if (word[0] == '-' && word[1] != '\0' && !parser->is_over) {
        return fail(parser, "Unrecognized option: ", word, "");
    }
    if (line->argument_count < COMMAND_ARGUMENTS_MAX) {
        line->arguments[line->argument_count] = word;
    }
    line->argument_count++;
    return 0;
}

static int take_long(struct parser *parser, char *word, char *name, char *equals)
{
    struct command_line *line = parser->line;
    size_t option;
    size_t count = count_long(line, name, equals == NULL ? strlen(name) : (size_t)(equals - name),
                              &option);
    if (count > 1) {
        return fail(parser, "Ambiguous option: '", word, "'");
    }
    if (count == 0) {
        size_t prefix = equals == NULL || word[1] == '-' ? NONE : find_long_prefix(line, name);
        if (prefix == NONE) {
            return take_unknown(parser, word);
        }
        option = prefix;
    }
    if (equals == NULL) {
        return take_option(parser, option);
    }
    if (!line->options[option].has_value) {
        return take_unknown(parser, word);
    }
    int error = take_option(parser, option);
    if (error == 0) {
        take_value(parser, equals + 1);
    }
    return error;
}

/* -xyz: x and y without a value, or -xvalue. */
static int take_concatenated(struct parser *parser, char *word)
{
    for (size_t i = 1; word[i] != '\0'; i++) {
        size_t option = find_short(parser->line, word[i]);
        if (option == NONE) {
            return take_unknown(parser, word);
        }
        int error = take_option(parser, option);
        if (error != 0) {
            return error;
        }
        if (parser->waiting != NONE && word[i + 1] != '\0') {
            take_value(parser, word + i + 1);
            return 0;
        }
    }
    return 0;
}

static int take_short(struct parser *parser, char *word)
{
    struct command_line *line = parser->line;
    char *name = word + 1;
    char *equals = strchr(name, '=');
    size_t option = find_short(line, name[0]);
    size_t first;
    if (name[1] == '\0') {
        return option == NONE ? take_unknown(parser, word) : take_option(parser, option);
    }
    if (equals != NULL && equals != name + 1) {
        return take_long(parser, word, name, equals);
    }
    if (equals != NULL) {
        if (option == NONE || !line->options[option].has_value) {
            return take_unknown(parser, word);
        }
        int error = take_option(parser, option);
        if (error == 0) {
            take_value(parser, equals + 1);
        }
        return error;
    }
    if (count_long(line, name, strlen(name), &first) > 0) {
        return take_long(parser, word, name, NULL);
    }
    size_t prefix = find_long_prefix(line, name);
    if (prefix != NONE && line->options[prefix].has_value) {
        int error = take_option(parser, prefix);
        if (error == 0) {
            take_value(parser, name + strlen(line->options[prefix].long_name));
        }
        return error;
    }
    return take_concatenated(parser, word);
}

static int take_word(struct parser *parser, char *word)
{
    if (parser->is_over) {
        return take_unknown(parser, word);
    }
    if (strcmp(word, "--") == 0) {
        parser->is_over = true;
        return 0;
    }
    if (parser->waiting != NONE && (!is_option(parser->line, word) || is_number(word))) {
        take_value(parser, word);
        return 0;
    }
    if (word[0] == '-' && word[1] == '-') {
        return take_long(parser, word, word + 2, strchr(word + 2, '='));
    }
    if (word[0] == '-' && word[1] != '\0') {
        return take_short(parser, word);
    }
    return take_unknown(parser, word);
}

static int check_required(struct parser *parser)
{
    struct command_line *line = parser->line;
    char names[COMMAND_OPTIONS_MAX * 3 + 1] = "";
    size_t len = 0;
    size_t missing = 0;
    for (size_t i = 0; i < line->option_count; i++) {
        if (line->options[i].is_required && !line->is_set[i]) {
            missing++;
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%c",
                                    missing > 1 ? ", " : "", line->options[i].name);
        }
    }
    if (missing == 0) {
        return 0;
    }
    return fail(parser, "Missing required option", missing > 1 ? "s: " : ": ", names);
}

int command_line_parse(struct command_line *line,
                       const struct command_option *options,
                       size_t option_count,
                       int argc,
                       char **argv)
{
    struct parser parser = {.line = line, .waiting = NONE};
    ASSERT(option_count <= COMMAND_OPTIONS_MAX);
    *line = (struct command_line){.options = options, .option_count = option_count};
    for (int i = 1; i < argc; i++) {
        int error = take_word(&parser, argv[i]);
        if (error != 0) {
            return error;
        }
    }
    int error = check_waiting(&parser);
    return error != 0 ? error : check_required(&parser);
}

bool command_line_has(const struct command_line *line, char name)
{
    size_t option = find_short(line, name);
    return option != NONE && line->is_set[option];
}

const char *command_line_value(const struct command_line *line, char name)
{
    size_t option = find_short(line, name);
    return option == NONE ? NULL : line->values[option];
}
