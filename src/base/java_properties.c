/* java_properties.c - see java_properties.h.
 *
 * A logical line is cut first: comment lines and blank ones are dropped, and a line that ends in an
 * odd number of backslashes takes the next one, whose leading white space goes. Its key ends at the
 * first '=', ':' or white space that no backslash precedes. Escapes are undone last, in place.
 */
#include "base/java_properties.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    int line;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at)) {
        reader->at++;
    }
}

/* Over one line end: \n, \r or \r\n. */
static void skip_line_end(struct reader *reader)
{
    if (reader->at < reader->end && *reader->at == '\r') {
        reader->at++;
        if (reader->at < reader->end && *reader->at == '\n') {
            reader->at++;
        }
    } else if (reader->at < reader->end) {
        reader->at++;
    }
    reader->line++;
}

/* To the next line that says something; false at the end. */
static bool find_line(struct reader *reader)
{
    while (reader->at < reader->end) {
        skip_blanks(reader);
        if (reader->at == reader->end) {
            return false;
        }
        if (*reader->at == '#' || *reader->at == '!') {
            while (reader->at < reader->end && !is_line_end(*reader->at)) {
                reader->at++;
            }
        }
        if (reader->at == reader->end) {
            return false;
        }
        if (!is_line_end(*reader->at)) {
            return true;
        }
        skip_line_end(reader);
    }
    return false;
}

/* Copies the logical line with its escapes, without what joins its parts; returns its length. */
static size_t join_line(struct reader *reader, uint8_t *out)
{
    size_t len = 0;
    while (reader->at < reader->end && !is_line_end(*reader->at)) {
        uint8_t c = *reader->at++;
        if (c != '\\') {
            out[len++] = c;
        } else if (reader->at == reader->end) {
            break; /* a backslash at the end of the text joins nothing */
        } else if (is_line_end(*reader->at)) {
            skip_line_end(reader);
            skip_blanks(reader);
        } else {
            out[len++] = c;
            out[len++] = *reader->at++;
        }
    }
    if (reader->at < reader->end) {
        skip_line_end(reader);
    }
    return len;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* UTF-8 of one UTF-16 unit; halves of a pair are joined by the caller. */
static size_t put_utf8(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | (code >> 6));
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | (code >> 12));
        out[1] = (uint8_t)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | (code >> 18));
    out[1] = (uint8_t)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (uint8_t)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* Reads XXXX at `at`; false when it is malformed or cut. */
static bool read_unit(const uint8_t *at, size_t left, uint32_t *unit)
{
    *unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < left ? hex_digit(at[i]) : -1;
        if (digit < 0) {
            return false;
        }
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* Undoes one \uXXXX whose XXXX begins at text[*at]; a pair of surrogates becomes one character, a
 * lone half the replacement character. Never longer than what it stands for. */
static bool unescape_unit(const uint8_t *text,
                          size_t len,
                          size_t *at,
                          uint8_t *out,
                          size_t *out_len)
{
    uint32_t high;
    uint32_t low;
    if (!read_unit(text + *at, len - *at, &high)) {
        return false;
    }
    *at += 4;
    if (high >= 0xd800 && high < 0xdc00 && len - *at >= 6 && text[*at] == '\\' &&
        text[*at + 1] == 'u' && read_unit(text + *at + 2, len - *at - 2, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        *at += 6;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    } else if (high >= 0xd800 && high < 0xe000) {
        high = 0xfffd;
    }
    *out_len += put_utf8(high, out + *out_len);
    return true;
}

/* In place; false for a malformed \uXXXX. */
static bool unescape(uint8_t *text, size_t len, struct slice *result)
{
    size_t out_len = 0;
    for (size_t at = 0; at < len;) {
        uint8_t c = text[at++];
        if (c != '\\' || at == len) {
            text[out_len++] = c;
            continue;
        }
        c = text[at++];
        if (c == 'u') {
            if (!unescape_unit(text, len, &at, text, &out_len)) {
                return false;
            }
            continue;
        }
        text[out_len++] = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
    }
    *result = slice_of(text, out_len);
    return true;
}

/* Where the key ends, and where the value begins. */
static void split_line(const uint8_t *line, size_t len, size_t *key_len, size_t *value_at)
{
    size_t at = 0;
    while (at < len && line[at] != '=' && line[at] != ':' && !is_blank(line[at])) {
        at += line[at] == '\\' ? 2 : 1;
    }
    *key_len = MIN(at, len);
    at = *key_len;
    bool has_separator = false;
    while (at < len &&
           (is_blank(line[at]) || (!has_separator && (line[at] == '=' || line[at] == ':')))) {
        has_separator = has_separator || !is_blank(line[at]);
        at++;
    }
    *value_at = at;
}

int java_properties_parse(struct slice text,
                          struct arena *arena,
                          int (*each)(void *ctx, const struct java_property *property),
                          void *ctx,
                          int *bad_line)
{
    struct reader reader = {.at = text.ptr, .end = text.ptr + text.len, .line = 1};
    *bad_line = 0;
    if (text.len > JAVA_PROPERTIES_BYTES_MAX || text.len + 16 > arena_room(arena)) {
        return ERR_LIMIT;
    }
    uint8_t *room = arena_alloc(arena, text.len + 1);
    while (find_line(&reader)) {
        struct java_property property = {.line = reader.line};
        size_t key_len;
        size_t value_at;
        size_t len = join_line(&reader, room);
        split_line(room, len, &key_len, &value_at);
        if (!unescape(room, key_len, &property.key) ||
            !unescape(room + value_at, len - value_at, &property.value)) {
            *bad_line = property.line;
            return ERR_INVALID;
        }
        room += len;
        int result = each(ctx, &property);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}
