/* base64.c - three bytes are four characters of six bits each; what is missing at the end is
 * '='. */
#include "base/base64.h"

#include "base/errors.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(struct slice bytes, uint8_t *text)
{
    uint8_t *to = text;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes.ptr[i + 2] : 0;
        *to++ = (uint8_t)alphabet[group >> 18];
        *to++ = (uint8_t)alphabet[group >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)alphabet[group & 63] : '=';
    }
    return (size_t)(to - text);
}

/* The six bits of a character, -1 when it is not of the alphabet. */
static int digit_of(uint8_t c)
{
    const char *found = c == 0 ? NULL : memchr(alphabet, c, 64);
    return found == NULL ? -1 : (int)(found - alphabet);
}

int base64_decode(struct slice text, uint8_t *bytes, size_t *len)
{
    *len = 0;
    if (text.len % 4 != 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < text.len; i += 4) {
        const uint8_t *from = text.ptr + i;
        bool is_last = i + 4 == text.len;
        size_t padding = !is_last || from[3] != '=' ? 0 : from[2] != '=' ? 1 : 2;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = k < 4 - padding ? digit_of(from[k]) : 0;
            if (digit < 0) {
                return ERR_INVALID;
            }
            group = group << 6 | (uint32_t)digit;
        }
        if ((padding == 1 && (group & 0xff) != 0) || (padding == 2 && (group & 0xffff) != 0)) {
            return ERR_INVALID;
        }
        for (size_t k = 0; k < 3 - padding; k++) {
            bytes[*len + k] = (uint8_t)(group >> (16 - 8 * k));
        }
        *len += 3 - padding;
    }
    return ERR_OK;
}
