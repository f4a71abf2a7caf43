/* java_text.c - UTF-8 as java.lang.String reads it and as jute writes it. */
#include "zookeeper/core/java_text.h"

#define REPLACEMENT 0xfffdu
#define BYTES_MAX_PER_BYTE 3u /* one malformed byte becomes U+FFFD; four bytes become six */

/* What stands at the front: its code point, or REPLACEMENT for a malformed part. */
struct decoded {
    uint32_t code;
    size_t len; /* bytes taken */
};

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static struct decoded malformed(size_t len)
{
    return (struct decoded){REPLACEMENT, len};
}

static struct decoded decode3(struct slice text)
{
    uint8_t b1 = text.ptr[0];
    if (text.len < 2 || !is_continuation(text.ptr[1]) ||
        (b1 == 0xe0 && (text.ptr[1] & 0xe0) == 0x80)) {
        return malformed(1);
    }
    if (text.len < 3 || !is_continuation(text.ptr[2])) {
        return malformed(2);
    }
    uint32_t code = (uint32_t)(b1 & 0x0f) << 12 | (uint32_t)(text.ptr[1] & 0x3f) << 6 |
                    (text.ptr[2] & 0x3f);
    return code >= 0xd800 && code <= 0xdfff ? malformed(3) : (struct decoded){code, 3};
}

static struct decoded decode4(struct slice text)
{
    uint8_t b1 = text.ptr[0];
    bool second_is_good = text.len >= 2 && is_continuation(text.ptr[1]) &&
                          !(b1 == 0xf0 && text.ptr[1] < 0x90) &&
                          !(b1 == 0xf4 && text.ptr[1] > 0x8f);
    if (b1 > 0xf4 || !second_is_good) {
        return malformed(1);
    }
    if (text.len < 3 || !is_continuation(text.ptr[2])) {
        return malformed(2);
    }
    if (text.len < 4 || !is_continuation(text.ptr[3])) {
        return malformed(3);
    }
    uint32_t code = (uint32_t)(b1 & 0x07) << 18 | (uint32_t)(text.ptr[1] & 0x3f) << 12 |
                    (uint32_t)(text.ptr[2] & 0x3f) << 6 | (text.ptr[3] & 0x3f);
    return (struct decoded){code, 4};
}

static struct decoded decode(struct slice text)
{
    uint8_t b1 = text.ptr[0];
    if (b1 < 0x80) {
        return (struct decoded){b1, 1};
    }
    if (b1 < 0xc2) {
        return malformed(1); /* a continuation alone, or an overlong form */
    }
    if (b1 < 0xe0) {
        if (text.len < 2 || !is_continuation(text.ptr[1])) {
            return malformed(1);
        }
        return (struct decoded){(uint32_t)(b1 & 0x1f) << 6 | (text.ptr[1] & 0x3f), 2};
    }
    return b1 < 0xf0 ? decode3(text) : decode4(text);
}

/* One UTF-16 unit, as jute writes it. */
static uint8_t *encode_unit(uint8_t *at, uint32_t unit)
{
    if (unit < 0x80) {
        *at++ = (uint8_t)unit;
    } else if (unit < 0x800) {
        *at++ = (uint8_t)(0xc0 | unit >> 6);
        *at++ = (uint8_t)(0x80 | (unit & 0x3f));
    } else {
        *at++ = (uint8_t)(0xe0 | unit >> 12);
        *at++ = (uint8_t)(0x80 | (unit >> 6 & 0x3f));
        *at++ = (uint8_t)(0x80 | (unit & 0x3f));
    }
    return at;
}

/* U+FFFD itself is three bytes; a malformed part of three is told from it by its first byte. */
static bool is_malformed(struct decoded part, uint8_t first)
{
    return part.code == REPLACEMENT && (part.len != 3 || first != 0xef);
}

static bool stays_as_it_is(struct slice text)
{
    for (size_t i = 0; i < text.len;) {
        if (text.ptr[i] < 0x80) {
            i += 1;
            continue;
        }
        struct decoded next = decode(slice_part(text, i, text.len));
        if (next.code >= 0x10000 || is_malformed(next, text.ptr[i])) {
            return false;
        }
        i += next.len;
    }
    return true;
}

struct slice java_text(struct arena *arena, struct slice text)
{
    if (text.len == 0 || stays_as_it_is(text)) {
        return text;
    }
    uint8_t *copy = arena_alloc(arena, text.len * BYTES_MAX_PER_BYTE);
    uint8_t *at = copy;
    for (size_t i = 0; i < text.len;) {
        struct decoded next = decode(slice_part(text, i, text.len));
        i += next.len;
        if (next.code < 0x10000) {
            at = encode_unit(at, next.code);
        } else {
            at = encode_unit(at, 0xd800 + ((next.code - 0x10000) >> 10));
            at = encode_unit(at, 0xdc00 + ((next.code - 0x10000) & 0x3ff));
        }
    }
    return slice_of(copy, (size_t)(at - copy));
}

void java_text_print(struct buffer *out, struct slice text)
{
    size_t good = 0; /* [good, i) is well-formed and not yet appended */
    for (size_t i = 0; i < text.len;) {
        struct decoded next = decode(slice_part(text, i, text.len));
        if (is_malformed(next, text.ptr[i])) {
            buffer_append(out, slice_part(text, good, i));
            uint8_t mark[3];
            encode_unit(mark, REPLACEMENT);
            buffer_append(out, slice_of(mark, sizeof mark));
            good = i + next.len;
        }
        i += next.len;
    }
    if (text.len > good) {
        buffer_append(out, slice_part(text, good, text.len));
    }
}
