/* java_string.c - UTF-8 to UTF-16 units, one code point at a time. */
#include "kafka/core/java_string.h"

#define REPLACEMENT 0xfffdu

/* How the bytes behind a lead byte may look: their count, and the range of the first of them
 * (Unicode's table 3-7: no overlong forms, nothing above U+10FFFF). Surrogates come whole. */
struct lead {
    unsigned following;
    uint8_t first_least;
    uint8_t first_greatest;
};

static struct lead lead_of(uint8_t byte)
{
    if (byte >= 0xc2 && byte <= 0xdf) {
        return (struct lead){1, 0x80, 0xbf};
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        return (struct lead){2, byte == 0xe0 ? 0xa0 : 0x80, 0xbf};
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        return (struct lead){3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
    }
    return (struct lead){0, 0, 0};
}

/* Takes the next code point off the front; a malformed part gives U+FFFD. */
static uint32_t next_code_point(struct slice *text)
{
    uint8_t byte = text->ptr[0];
    size_t taken = 1;
    uint32_t code_point = byte;
    if (byte >= 0x80) {
        struct lead lead = lead_of(byte);
        code_point = lead.following == 0 ? REPLACEMENT : byte & (0x3fu >> lead.following);
        for (unsigned i = 0; i < lead.following; i++) {
            uint8_t least = i == 0 ? lead.first_least : 0x80;
            uint8_t greatest = i == 0 ? lead.first_greatest : 0xbf;
            if (taken == text->len || text->ptr[taken] < least || text->ptr[taken] > greatest) {
                code_point = REPLACEMENT;
                break;
            }
            code_point = code_point << 6 | (text->ptr[taken] & 0x3fu);
            taken += 1;
        }
    }
    *text = slice_part(*text, taken, text->len);
    bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    return is_surrogate ? REPLACEMENT : code_point;
}

int32_t java_string_hash(struct slice text)
{
    uint32_t hash = 0;
    while (text.len > 0) {
        uint32_t code_point = next_code_point(&text);
        if (code_point > 0xffff) {
            hash = hash * 31 + (0xd800 + ((code_point - 0x10000) >> 10));
            hash = hash * 31 + (0xdc00 + ((code_point - 0x10000) & 0x3ff));
        } else {
            hash = hash * 31 + code_point;
        }
    }
    return (int32_t)hash;
}

size_t java_string_length(struct slice text)
{
    size_t length = 0;
    while (text.len > 0) {
        length += next_code_point(&text) > 0xffff ? 2 : 1;
    }
    return length;
}

int32_t java_string_partition(struct slice text, int32_t count)
{
    ASSERT(count > 0);
    int32_t hash = java_string_hash(text);
    if (hash == INT32_MIN) {
        return 0;
    }
    return (hash < 0 ? -hash : hash) % count;
}
