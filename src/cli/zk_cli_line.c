/* zk_cli_line.c - a typed line becomes words.
 *
 * Apache's zkCli finds its words with the regular expression \s*([^"']\S*|"[^"]*"|'[^']*')\s* from
 * the left, and takes one pair of quotes off. What follows from that, and people have come to rely
 * on: quotes inside a word are part of it (a'b'c), an empty pair is an empty word, a quote that is
 * never closed is dropped, and a line of blanks is the one word " ".
 */
#include "cli/zk_cli.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_spaces(struct slice line, size_t at)
{
    while (at < line.len && is_space(line.ptr[at])) {
        at += 1;
    }
    return at;
}

static bool is_quote(uint8_t c)
{
    return c == '"' || c == '\'';
}

/* The group of the expression matched at exactly `at`; false when it does not match there. */
static bool match_word(struct slice line, size_t at, size_t *end)
{
    if (at >= line.len) {
        return false;
    }
    if (is_quote(line.ptr[at])) {
        const uint8_t *closing = memchr(line.ptr + at + 1, line.ptr[at], line.len - at - 1);
        *end = closing == NULL ? 0 : (size_t)(closing - line.ptr) + 1;
        return closing != NULL;
    }
    *end = at + 1;
    while (*end < line.len && !is_space(line.ptr[*end])) {
        *end += 1;
    }
    return true;
}

/* The whole expression from `at`: leading blanks are given back one by one when that makes it
 * match. */
static bool match(struct slice line, size_t at, struct slice *word, size_t *after)
{
    size_t start = skip_spaces(line, at);
    for (;;) {
        size_t end;
        if (match_word(line, start, &end)) {
            bool is_quoted = is_quote(line.ptr[start]);
            *word = is_quoted ? slice_part(line, start + 1, end - 1) : slice_part(line, start, end);
            *after = skip_spaces(line, end);
            return true;
        }
        if (start == at) {
            return false;
        }
        start -= 1;
    }
}

struct zk_cli_words zk_cli_split(struct arena *arena, struct slice line)
{
    struct zk_cli_words words = {ARENA_ARRAY(arena, struct slice, line.len + 1), 0};
    size_t at = 0;
    while (at < line.len) {
        size_t after;
        if (match(line, at, &words.items[words.count], &after)) {
            words.count += 1;
            at = after;
        } else {
            at += 1;
        }
    }
    return words;
}
