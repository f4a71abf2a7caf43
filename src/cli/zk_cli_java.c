/* zk_cli_java.c - numbers, Base64 and properties as Java's library reads them. */
#include <errno.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/text.h"
#include "cli/zk_cli.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)

/* ---- numbers --------------------------------------------------------------------------------- */

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Digits of this base, all of them, with a sign applied; min and max are the type's ends. */
static int parse_digits(struct slice digits,
                        int base,
                        bool is_negative,
                        int64_t max,
                        int64_t *value)
{
    uint64_t limit = (uint64_t)max + (is_negative ? 1 : 0);
    uint64_t sum = 0;
    if (digits.len == 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digit_of(digits.ptr[i]);
        if (digit >= base || sum > (limit - (uint64_t)digit) / (uint64_t)base) {
            return ERR_INVALID;
        }
        sum = sum * (uint64_t)base + (uint64_t)digit;
    }
    *value = (int64_t)(is_negative ? 0 - sum : sum);
    return 0;
}

static struct slice take_sign(struct slice text, bool *is_negative)
{
    *is_negative = text.len > 0 && text.ptr[0] == '-';
    bool has_sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    return has_sign ? slice_part(text, 1, text.len) : text;
}

int java_decode_int(struct slice text, int32_t *value)
{
    bool is_negative;
    int base = 10;
    int64_t wide;
    struct slice digits = take_sign(text, &is_negative);
    if (slice_starts_with(digits, SLICE_LIT("0x")) || slice_starts_with(digits, SLICE_LIT("0X"))) {
        base = 16;
        digits = slice_part(digits, 2, digits.len);
    } else if (slice_starts_with(digits, SLICE_LIT("#"))) {
        base = 16;
        digits = slice_part(digits, 1, digits.len);
    } else if (digits.len > 1 && digits.ptr[0] == '0') {
        base = 8;
        digits = slice_part(digits, 1, digits.len);
    }
    int error = parse_digits(digits, base, is_negative, INT32_MAX, &wide);
    if (error == 0) {
        *value = (int32_t)wide;
    }
    return error;
}

int java_parse_hex(struct slice text, int64_t *value)
{
    bool is_negative;
    struct slice digits = take_sign(text, &is_negative);
    return parse_digits(digits, 16, is_negative, INT64_MAX, value);
}

int java_decode_base64(struct arena *arena, struct slice text, struct slice *bytes)
{
    uint8_t *padded = arena_alloc(arena, text.len + 4);
    size_t len = text.len;
    if (text.len > 0) {
        memcpy(padded, text.ptr, text.len);
    }
    while (len % 4 != 0) {
        padded[len] = '=';
        len += 1;
    }
    uint8_t *decoded = arena_alloc(arena, len / 4 * 3 + 1);
    size_t decoded_len;
    int error = base64_decode(slice_of(padded, len), decoded, &decoded_len);
    *bytes = slice_of(decoded, error == 0 ? decoded_len : 0);
    return error;
}

/* ---- properties ------------------------------------------------------------------------------ */

/* A logical line without its end; a backslash at a line's end joins the next. Comments are
 * empty. */
static struct slice next_line(struct arena *arena, struct slice *rest)
{
    uint8_t *line = arena_alloc(arena, rest->len + 1);
    size_t len = 0;
    size_t at = 0;
    bool is_start = true;
    bool is_comment = false;
    for (; at < rest->len; at++) {
        uint8_t c = rest->ptr[at];
        if (is_start && (c == ' ' || c == '\t' || c == '\f')) {
            continue;
        }
        if (c == '\n' || c == '\r') {
            size_t slashes = 0;
            while (slashes < len && line[len - 1 - slashes] == '\\') {
                slashes += 1;
            }
            if (is_comment || slashes % 2 == 0) {
                break;
            }
            len -= 1;
            is_start = true;
            continue;
        }
        is_comment |= len == 0 && is_start && (c == '#' || c == '!');
        is_start = false;
        line[len] = c;
        len += 1;
    }
    *rest = slice_part(*rest, MIN(at + 1, rest->len), rest->len);
    return slice_of(line, is_comment ? 0 : len);
}

/* \n, \t, \uXXXX (below 0x80) and the like become what they mean. */
static struct slice unescape(struct arena *arena, struct slice text)
{
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len) {
            i += 1;
            c = text.ptr[i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
        }
        out[len] = c;
        len += 1;
    }
    return slice_of(out, len);
}

static bool ends_key(uint8_t c)
{
    return c == '=' || c == ':' || c == ' ' || c == '\t' || c == '\f';
}

static void split_entry(struct slice line, struct slice *key, struct slice *value)
{
    size_t end = 0;
    while (end < line.len && !ends_key(line.ptr[end])) {
        end += line.ptr[end] == '\\' ? 2 : 1;
    }
    end = MIN(end, line.len);
    size_t from = end;
    bool has_separator = false;
    for (; from < line.len && ends_key(line.ptr[from]); from++) {
        bool is_separator = line.ptr[from] == '=' || line.ptr[from] == ':';
        if (is_separator && has_separator) {
            break;
        }
        has_separator |= is_separator;
    }
    *key = slice_part(line, 0, end);
    *value = slice_part(line, from, line.len);
}

void java_read_properties(struct arena *arena,
                          struct slice text,
                          void (*entry)(void *ctx, struct slice key, struct slice value),
                          void *ctx)
{
    while (text.len > 0) {
        struct slice key;
        struct slice value;
        struct slice line = next_line(arena, &text);
        if (line.len > 0) {
            split_entry(line, &key, &value);
            entry(ctx, unescape(arena, key), unescape(arena, value));
        }
    }
}

int java_read_file(struct arena *arena,
                   struct slice path,
                   struct slice *text,
                   struct errmsg *message)
{
    char name[PATH_TEXT_MAX];
    if (path.len >= sizeof name || memchr(path.ptr, '\0', path.len) != NULL) {
        return errmsg_set(message, ERR_INVALID, "File name too long");
    }
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    FILE *file = fopen(name, "rbe");
    if (file == NULL) {
        return errmsg_set(message, ERR_NOT_FOUND, "%s", strerror(errno));
    }
    uint8_t *bytes = arena_alloc(arena, FILE_BYTES_MAX);
    size_t len = fread(bytes, 1, FILE_BYTES_MAX, file);
    int error = 0;
    if (ferror(file) != 0) {
        error = errmsg_set(message, ERR_IO, "%s", strerror(errno));
    } else if (len == FILE_BYTES_MAX) {
        error = errmsg_set(message, ERR_LIMIT, "File too large");
    }
    (void)fclose(file); /* it was only read */
    *text = slice_of(bytes, len);
    return error;
}
