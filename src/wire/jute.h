/* jute.h - jute primitives by hand, for the few places where the table is not the natural tool:
 * multi's headers between records, snapshot bodies, hot replies. Same rules as codec.h.
 */
#ifndef WIRE_JUTE_H
#define WIRE_JUTE_H

#include "base/buffer.h"
#include "base/errors.h"

/* A cursor over borrowed bytes. The first failure sticks in `error`; readers then return zeros. */
struct jute_reader {
    struct slice rest;
    size_t max_string_bytes;
    int error;
};

static inline struct jute_reader jute_reader_of(struct slice bytes, size_t max_string_bytes)
{
    return (struct jute_reader){bytes, max_string_bytes, 0};
}

/* Takes `size` bytes off the front; NULL (and the error set) when fewer are left. */
static inline const uint8_t *jute_take(struct jute_reader *reader, size_t size)
{
    if (UNLIKELY(reader->error != 0 || reader->rest.len < size)) {
        reader->error = reader->error != 0 ? reader->error : ERR_TRUNCATED;
        return NULL;
    }
    const uint8_t *at = reader->rest.ptr;
    reader->rest.ptr += size;
    reader->rest.len -= size;
    return at;
}

/* Any byte but 0 is true, as for Java's readBoolean. */
static inline bool jute_read_bool(struct jute_reader *reader)
{
    const uint8_t *at = jute_take(reader, 1);
    return at != NULL && *at != 0;
}

static inline int32_t jute_read_i32(struct jute_reader *reader)
{
    const uint8_t *at = jute_take(reader, 4);
    return at == NULL ? 0 : (int32_t)load_be32(at);
}

static inline int64_t jute_read_i64(struct jute_reader *reader)
{
    const uint8_t *at = jute_take(reader, 8);
    return at == NULL ? 0 : (int64_t)load_be64(at);
}

/* Strings and buffers share one form: int32 length (-1: null), bytes. An empty one has a ptr. */
struct slice jute_read_bytes(struct jute_reader *reader);

/* The count of a vector whose elements take at least min_element_bytes (> 0) each: -1 for null, 0
 * after an error. A count that the bytes left cannot hold is ERR_TRUNCATED, so it is safe to
 * allocate by. */
int32_t jute_read_count(struct jute_reader *reader, size_t min_element_bytes);

void jute_write_bool(struct buffer *out, bool value);
void jute_write_bytes(struct buffer *out, struct slice bytes);

static inline void jute_write_i32(struct buffer *out, int32_t value)
{
    buffer_append_be32(out, (uint32_t)value);
}

static inline void jute_write_i64(struct buffer *out, int64_t value)
{
    buffer_append_be64(out, (uint64_t)value);
}

#endif
