/* jute.c - what of jute's primitives is too long to be inline. */
#include "wire/jute.h"

struct slice jute_read_bytes(struct jute_reader *reader)
{
    int32_t len = jute_read_i32(reader);
    if (reader->error != 0 || len == -1) {
        return SLICE_NULL;
    }
    if (len < 0) {
        reader->error = ERR_INVALID;
        return SLICE_NULL;
    }
    if ((size_t)len > reader->max_string_bytes) {
        reader->error = ERR_LIMIT;
        return SLICE_NULL;
    }
    const uint8_t *at = jute_take(reader, (size_t)len);
    return at == NULL ? SLICE_NULL : slice_of(at, (size_t)len);
}

int32_t jute_read_count(struct jute_reader *reader, size_t min_element_bytes)
{
    ASSERT(min_element_bytes > 0);
    int32_t count = jute_read_i32(reader);
    if (reader->error != 0 || count == -1) {
        return reader->error != 0 ? 0 : -1;
    }
    if (count < 0) {
        reader->error = ERR_INVALID;
        return 0;
    }
    if ((size_t)count > reader->rest.len / min_element_bytes) {
        reader->error = ERR_TRUNCATED;
        return 0;
    }
    return count;
}

void jute_write_bool(struct buffer *out, bool value)
{
    buffer_append_u8(out, value ? 1 : 0);
}

void jute_write_bytes(struct buffer *out, struct slice bytes)
{
    if (slice_is_null(bytes)) {
        jute_write_i32(out, -1);
        return;
    }
    ASSERT(bytes.len <= INT32_MAX);
    uint8_t *to = buffer_reserve(out, bytes.len + 4);
    store_be32(to, (uint32_t)bytes.len);
    if (bytes.len > 0) {
        memcpy(to + 4, bytes.ptr, bytes.len);
    }
    out->len += bytes.len + 4;
}
