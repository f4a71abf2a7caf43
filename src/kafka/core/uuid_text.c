/* uuid_text.c - see uuid_text.h. */
#include "kafka/core/uuid_text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void uuid_to_text(const struct codec_uuid *uuid, char text[UUID_TEXT_LEN + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < sizeof uuid->bytes; i += 3) {
        uint32_t group = (uint32_t)uuid->bytes[i] << 16;
        if (i + 2 < sizeof uuid->bytes) {
            group |= (uint32_t)uuid->bytes[i + 1] << 8 | uuid->bytes[i + 2];
        }
        for (uint32_t shift = 24; shift > 0 && len < UUID_TEXT_LEN; shift -= 6) {
            text[len++] = alphabet[group >> (shift - 6) & 63];
        }
    }
    text[UUID_TEXT_LEN] = '\0';
}

int uuid_from_text(struct slice text, struct codec_uuid *uuid)
{
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    size_t len = 0;
    while (text.len > UUID_TEXT_LEN && text.ptr[text.len - 1] == '=') {
        text.len--;
    }
    if (text.len != UUID_TEXT_LEN) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *at = memchr(alphabet, text.ptr[i], sizeof alphabet - 1);
        if (at == NULL) {
            return ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)(at - alphabet);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            uuid->bytes[len++] = (uint8_t)(bits >> bit_count);
        }
    }
    return len == sizeof uuid->bytes ? 0 : ERR_INVALID;
}

bool uuid_is_zero(const struct codec_uuid *uuid)
{
    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        if (uuid->bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool uuid_make_random(struct codec_uuid *uuid)
{
    char text[UUID_TEXT_LEN + 1];
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | 0x40);
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
    uuid_to_text(uuid, text);
    return text[0] != '-';
}
