/* buffer.h - a growable run of bytes that one owner appends to.
 *
 * Model: data[0..len) is filled, cap bytes are allocated, limit is the most it may ever hold.
 * buffer_reserve aborts above the limit: the caller checks buffer_room first where the size comes
 * from outside. Text helpers write ASCII decimal or hex without printf, so that pure code can use
 * them. Ownership: buffer_release frees; buffer_slice borrows until the next append.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/endian.h"
#include "base/slice.h"

struct buffer {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t limit;
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_release(struct buffer *buffer);

/* Forget the content; keeps at most keep_cap bytes of allocation. */
void buffer_clear(struct buffer *buffer, size_t keep_cap);

/* The slow half of buffer_reserve. */
uint8_t *buffer_grow(struct buffer *buffer, size_t size);

/* Make room for `size` more bytes and return where they go; len is not changed. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (LIKELY(buffer->cap - buffer->len >= size && buffer->data != NULL)) {
        return buffer->data + buffer->len;
    }
    return buffer_grow(buffer, size);
}

/* Remove the first `size` bytes (moves the rest down). */
void buffer_consume(struct buffer *buffer, size_t size);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->data, buffer->len);
}

static inline size_t buffer_room(const struct buffer *buffer)
{
    return buffer->limit - buffer->len;
}

static inline void buffer_append(struct buffer *buffer, struct slice bytes)
{
    if (bytes.len > 0) {
        memcpy(buffer_reserve(buffer, bytes.len), bytes.ptr, bytes.len);
        buffer->len += bytes.len;
    }
}

static inline void buffer_append_u8(struct buffer *buffer, uint8_t value)
{
    *buffer_reserve(buffer, 1) = value;
    buffer->len += 1;
}

static inline void buffer_append_be16(struct buffer *buffer, uint16_t value)
{
    store_be16(buffer_reserve(buffer, 2), value);
    buffer->len += 2;
}

static inline void buffer_append_be32(struct buffer *buffer, uint32_t value)
{
    store_be32(buffer_reserve(buffer, 4), value);
    buffer->len += 4;
}

static inline void buffer_append_be64(struct buffer *buffer, uint64_t value)
{
    store_be64(buffer_reserve(buffer, 8), value);
    buffer->len += 8;
}

void buffer_append_cstr(struct buffer *buffer, const char *text);
void buffer_append_decimal(struct buffer *buffer, int64_t value);
void buffer_append_unsigned(struct buffer *buffer, uint64_t value);

/* Lower-case hex without prefix or padding. */
void buffer_append_hex(struct buffer *buffer, uint64_t value);

/* Signed decimal padded with zeros to `width` characters as printf's %0*d does. */
void buffer_append_padded(struct buffer *buffer, int64_t value, unsigned width);

/* value / 10^places with exactly `places` digits after the point ("12.3400"). */
void buffer_append_fixed(struct buffer *buffer, int64_t value, unsigned places);

#endif
