/* zk_cli_options.c - see zk_cli_options.h. Source: DefaultParser, HelpFormatter of Commons CLI 1.5.
 *
 * None of the commands has long options (with two hyphens), so whatever begins with two of them is
 * unknown, and of DefaultParser only what concerns short ones is here.
 */
#include "cli/zk_cli_options.h"

#include "runtime/log.h"

#define NO_OPTION ZK_CLI_OPTIONS_MAX
#define JAVA_PACKAGE "org.apache.commons.cli."

struct parser {
    const struct zk_cli_syntax *syntax;
    struct zk_cli_parsed *parsed;
    struct errmsg *message;
    size_t open;     /* the option that waits for its value */
    size_t selected; /* of the group */
};

static size_t find_option(const struct zk_cli_syntax *syntax, struct slice name)
{
    for (size_t i = 0; i < ZK_CLI_OPTIONS_MAX && syntax->options[i].name != NULL; i++) {
        if (slice_equal_cstr(name, syntax->options[i].name)) {
            return i;
        }
    }
    return NO_OPTION;
}

static void add_word(struct parser *parser, struct slice word)
{
    parser->parsed->words[parser->parsed->word_count] = word;
    parser->parsed->word_count += 1;
}

static struct slice without_quotes(struct slice text)
{
    bool is_quoted = text.len > 1 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"' &&
                     memchr(text.ptr + 1, '"', text.len - 2) == NULL;
    return is_quoted ? slice_part(text, 1, text.len - 1) : text;
}

static void give_value(struct parser *parser, struct slice value)
{
    if (slice_is_null(parser->parsed->values[parser->open])) {
        parser->parsed->values[parser->open] = value;
    }
    parser->open = NO_OPTION;
}

static int missing_value(const struct parser *parser)
{
    return errmsg_set(parser->message, ERR_INVALID,
                      JAVA_PACKAGE "MissingArgumentException: Missing argument for option: %s",
                      parser->syntax->options[parser->open].name);
}

static int unknown(const struct parser *parser, struct slice token)
{
    return errmsg_set(parser->message, ERR_INVALID,
                      JAVA_PACKAGE "UnrecognizedOptionException: Unrecognized option: %.*s",
                      LOG_SLICE(token));
}

static int select_option(struct parser *parser, size_t option)
{
    if (parser->open != NO_OPTION) {
        return missing_value(parser);
    }
    if (parser->syntax->is_group && parser->selected != NO_OPTION && parser->selected != option) {
        return errmsg_set(
            parser->message, ERR_INVALID,
            JAVA_PACKAGE "AlreadySelectedException: The option '%s' was specified but an option "
                         "from this group has already been selected: '%s'",
            parser->syntax->options[option].name, parser->syntax->options[parser->selected].name);
    }
    parser->selected = option;
    parser->parsed->is_set[option] = true;
    parser->open = parser->syntax->options[option].has_value ? option : NO_OPTION;
    return 0;
}

/* "-sw": several letters; what follows the letter of an option with a value is the value. */
static int take_letters(struct parser *parser, struct slice token)
{
    for (size_t i = 1; i < token.len; i++) {
        size_t option = find_option(parser->syntax, slice_part(token, i, i + 1));
        if (option == NO_OPTION) {
            return unknown(parser, token);
        }
        int error = select_option(parser, option);
        if (error != 0) {
            return error;
        }
        if (parser->open != NO_OPTION && i + 1 < token.len) {
            give_value(parser, slice_part(token, i + 1, token.len));
            break;
        }
    }
    return 0;
}

/* "-v=3" */
static int take_assignment(struct parser *parser, struct slice token, size_t equals)
{
    size_t option = find_option(parser->syntax, slice_part(token, 1, equals));
    bool takes_value = equals == 2 && option != NO_OPTION &&
                       parser->syntax->options[option].has_value;
    if (!takes_value) {
        return unknown(parser, token);
    }
    int error = select_option(parser, option);
    if (error == 0) {
        give_value(parser, slice_part(token, equals + 1, token.len));
    }
    return error;
}

static int take_option(struct parser *parser, struct slice token)
{
    const uint8_t *equals = memchr(token.ptr, '=', token.len);
    size_t option = find_option(parser->syntax, slice_part(token, 1, token.len));
    if (equals != NULL) {
        return take_assignment(parser, token, (size_t)(equals - token.ptr));
    }
    if (option != NO_OPTION) {
        return select_option(parser, option);
    }
    return take_letters(parser, token);
}

/* Would this word be read as an option, rather than be the value of the one before it? */
static bool is_option(const struct parser *parser, struct slice token)
{
    if (token.len < 2 || token.ptr[0] != '-') {
        return false;
    }
    const uint8_t *equals = memchr(token.ptr, '=', token.len);
    size_t end = equals == NULL ? token.len : (size_t)(equals - token.ptr);
    bool is_whole = find_option(parser->syntax, slice_part(token, 1, end)) != NO_OPTION;
    return is_whole ||
           (end > 1 && find_option(parser->syntax, slice_part(token, 1, 2)) != NO_OPTION);
}

static int take(struct parser *parser, struct slice token)
{
    if (parser->open != NO_OPTION && !is_option(parser, token)) {
        give_value(parser, without_quotes(token));
        return 0;
    }
    if (slice_starts_with(token, SLICE_LIT("--"))) {
        return unknown(parser, token);
    }
    if (token.len > 1 && token.ptr[0] == '-') {
        return take_option(parser, token);
    }
    add_word(parser, token);
    return 0;
}

static int missing_option(const struct parser *parser)
{
    struct buffer list;
    buffer_init(&list, 1024);
    for (size_t i = 0; i < ZK_CLI_OPTIONS_MAX && parser->syntax->options[i].name != NULL; i++) {
        buffer_append_cstr(&list, i == 0 ? "-" : ", -");
        buffer_append_cstr(&list, parser->syntax->options[i].name);
        buffer_append_cstr(&list, " ");
        buffer_append_cstr(&list, parser->syntax->options[i].description);
    }
    int error = errmsg_set(parser->message, ERR_INVALID,
                           JAVA_PACKAGE "MissingOptionException: Missing required option: [%.*s]",
                           LOG_SLICE(buffer_slice(&list)));
    buffer_release(&list);
    return error;
}

int zk_cli_parse(const struct zk_cli_syntax *syntax,
                 const struct slice *words,
                 size_t count,
                 struct arena *arena,
                 struct zk_cli_parsed *parsed,
                 struct errmsg *message)
{
    struct parser parser = {syntax, parsed, message, NO_OPTION, NO_OPTION};
    bool has_options_ended = false;
    *parsed = (struct zk_cli_parsed){.syntax = syntax};
    parsed->words = ARENA_ARRAY(arena, struct slice, count);
    for (size_t i = 0; i < count; i++) {
        int error = 0;
        if (has_options_ended) {
            add_word(&parser, words[i]);
        } else if (slice_equal_cstr(words[i], "--")) {
            has_options_ended = true;
        } else {
            error = take(&parser, words[i]);
        }
        if (error != 0) {
            return error;
        }
    }
    if (parser.open != NO_OPTION) {
        return missing_value(&parser);
    }
    return syntax->is_required && parser.selected == NO_OPTION ? missing_option(&parser) : 0;
}

bool zk_cli_has(const struct zk_cli_parsed *parsed, const char *name)
{
    size_t option = find_option(parsed->syntax, slice_of_cstr(name));
    ASSERT(option != NO_OPTION);
    return parsed->is_set[option];
}

struct slice zk_cli_value(const struct zk_cli_parsed *parsed, const char *name)
{
    size_t option = find_option(parsed->syntax, slice_of_cstr(name));
    ASSERT(option != NO_OPTION);
    return parsed->values[option];
}

void zk_cli_append_options(struct buffer *out, const struct zk_cli_syntax *syntax)
{
    size_t width = 0;
    for (size_t i = 0; i < ZK_CLI_OPTIONS_MAX && syntax->options[i].name != NULL; i++) {
        size_t len = strlen(syntax->options[i].name) + (syntax->options[i].has_value ? 6 : 0);
        width = MAX(width, len);
    }
    for (size_t i = 0; i < ZK_CLI_OPTIONS_MAX && syntax->options[i].name != NULL; i++) {
        const struct zk_cli_option *option = &syntax->options[i];
        size_t from = out->len;
        buffer_append_cstr(out, " -");
        buffer_append_cstr(out, option->name);
        buffer_append_cstr(out, option->has_value ? " <arg>" : "");
        while (out->len - from < width + 2 + 3) {
            buffer_append_u8(out, ' ');
        }
        buffer_append_cstr(out, option->description);
        buffer_append_u8(out, '\n');
    }
}
