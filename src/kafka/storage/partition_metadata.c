/* partition_metadata.c - see partition_metadata.h. */
#include "kafka/storage/partition_metadata.h"

#include "base/text.h"

#define UUID_TEXT 22

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void partition_metadata_print(const struct codec_uuid *id, struct buffer *into)
{
    uint32_t bits = 0;
    unsigned count = 0;
    buffer_append_cstr(into, "version: 0\ntopic_id: ");
    for (size_t n = 0; n < sizeof id->bytes; n++) {
        bits = bits << 8 | id->bytes[n];
        for (count += 8; count >= 6; count -= 6) {
            buffer_append_u8(into, (uint8_t)base64url[bits >> (count - 6) & 63]);
        }
    }
    buffer_append_u8(into, (uint8_t)base64url[bits << (6 - count) & 63]);
}

static bool parse_uuid(struct slice text, struct codec_uuid *id)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t len = 0;
    if (text.len != UUID_TEXT) {
        return false;
    }
    for (size_t n = 0; n < text.len; n++) {
        const char *at = memchr(base64url, text.ptr[n], sizeof base64url - 1);
        if (at == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(at - base64url);
        count += 6;
        if (count >= 8 && len < sizeof id->bytes) {
            count -= 8;
            id->bytes[len++] = (uint8_t)(bits >> count);
        }
    }
    return true;
}

int partition_metadata_parse(struct slice text, struct codec_uuid *id)
{
    static const struct slice key = SLICE_LIT("topic_id:");
    bool found = false;
    while (text.len > 0) {
        struct slice line;
        struct slice rest;
        text_cut(text, '\n', &line, &rest);
        text = rest;
        line = text_trim(line);
        if (slice_starts_with(line, key)) {
            found = parse_uuid(text_trim(slice_part(line, key.len, line.len)), id);
        }
    }
    return found ? 0 : ERR_CORRUPT;
}
