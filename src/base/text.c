/* text.c - numbers and words out of slices. */
#include "base/text.h"

#include "base/errors.h"

static int digit_of(uint8_t c, unsigned base)
{
    int digit = -1;
    if (c >= '0' && c <= '9') {
        digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
        digit = c - 'A' + 10;
    }
    return digit < (int)base ? digit : -1;
}

/* All of `text` as an unsigned number. A bad character wins over an overflow, so that "not a
 * number" is never reported as "too big". */
static int parse_unsigned(struct slice text, unsigned base, uint64_t max, uint64_t *value)
{
    if (text.len == 0) {
        return ERR_INVALID;
    }
    uint64_t sum = 0;
    bool overflow = false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.ptr[i], base);
        if (digit < 0) {
            return ERR_INVALID;
        }
        if (sum > (max - (uint64_t)digit) / base) {
            overflow = true;
        } else {
            sum = sum * base + (uint64_t)digit;
        }
    }
    if (overflow) {
        return ERR_LIMIT;
    }
    *value = sum;
    return 0;
}

int text_parse_i64(struct slice text, int64_t *value)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        text = slice_part(text, 1, text.len);
    }
    uint64_t absolute = 0;
    uint64_t max = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    int err = parse_unsigned(text, 10, max, &absolute);
    if (err != 0) {
        return err;
    }
    *value = (int64_t)(negative ? 0 - absolute : absolute);
    return 0;
}

int text_parse_i32(struct slice text, int32_t *value)
{
    int64_t wide = 0;
    int err = text_parse_i64(text, &wide);
    if (err != 0) {
        return err;
    }
    if (wide < INT32_MIN || wide > INT32_MAX) {
        return ERR_LIMIT;
    }
    *value = (int32_t)wide;
    return 0;
}

int text_parse_hex64(struct slice text, uint64_t *value)
{
    if (text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] == 'x' || text.ptr[1] == 'X')) {
        text = slice_part(text, 2, text.len);
    }
    return parse_unsigned(text, 16, UINT64_MAX, value);
}

int text_parse_bool(struct slice text, bool *value)
{
    static const struct {
        struct slice word;
        bool value;
    } words[] = {
        {{(const uint8_t *)"true", 4}, true}, {{(const uint8_t *)"false", 5}, false},
        {{(const uint8_t *)"yes", 3}, true},  {{(const uint8_t *)"no", 2}, false},
        {{(const uint8_t *)"on", 2}, true},   {{(const uint8_t *)"off", 3}, false},
        {{(const uint8_t *)"1", 1}, true},    {{(const uint8_t *)"0", 1}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (text_equal_ignoring_case(text, words[i].word)) {
            *value = words[i].value;
            return 0;
        }
    }
    return ERR_INVALID;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice text_trim(struct slice text)
{
    size_t from = 0;
    size_t to = text.len;
    while (from < to && is_space(text.ptr[from])) {
        from += 1;
    }
    while (to > from && is_space(text.ptr[to - 1])) {
        to -= 1;
    }
    return to == 0 ? slice_of(text.ptr, 0) : slice_part(text, from, to);
}

bool text_cut(struct slice text, uint8_t separator, struct slice *head, struct slice *rest)
{
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.ptr, separator, text.len);
    if (at == NULL) {
        *head = text;
        *rest = text.len == 0 ? text : slice_part(text, text.len, text.len);
        return false;
    }
    size_t len = (size_t)(at - text.ptr);
    *head = slice_part(text, 0, len);
    *rest = slice_part(text, len + 1, text.len);
    return true;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool text_equal_ignoring_case(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* Length of the well-formed sequence at p (RFC 3629, section 4), 0 when there is none in `left`
 * bytes. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];
    size_t len = lead < 0x80   ? 1
                 : lead < 0xc2 ? 0
                 : lead < 0xe0 ? 2
                 : lead < 0xf0 ? 3
                 : lead < 0xf5 ? 4
                               : 0;
    if (len == 0 || len > left) {
        return 0;
    }
    if (len == 1) {
        return 1;
    }
    /* The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF. */
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool text_is_utf8(struct slice text)
{
    const uint8_t *p = text.ptr;
    size_t left = text.len;
    while (left > 0) {
        /* Paths and names are ASCII nearly always: eight bytes at a time. */
        uint64_t block;
        if (left >= sizeof block) {
            memcpy(&block, p, sizeof block);
            if ((block & 0x8080808080808080ULL) == 0) {
                p += sizeof block;
                left -= sizeof block;
                continue;
            }
        }
        size_t len = utf8_sequence(p, left);
        if (len == 0) {
            return false;
        }
        p += len;
        left -= len;
    }
    return true;
}
