/* buffer.c - growth by doubling, and numbers as text without printf. */
#include "base/buffer.h"

#include "base/memory.h"

#define BUFFER_FIRST_CAP ((size_t)64)
#define DECIMAL_MAX_DIGITS 20 /* of UINT64_MAX */

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_release(struct buffer *buffer)
{
    mem_free(buffer->data, buffer->cap);
    buffer_init(buffer, buffer->limit);
}

void buffer_clear(struct buffer *buffer, size_t keep_cap)
{
    buffer->len = 0;
    if (buffer->cap > keep_cap) {
        mem_free(buffer->data, buffer->cap);
        buffer->data = NULL;
        buffer->cap = 0;
    }
}

uint8_t *buffer_grow(struct buffer *buffer, size_t size)
{
    ASSERT(size <= buffer_room(buffer));
    size_t wanted = buffer->len + size;
    size_t cap = MAX(buffer->cap, BUFFER_FIRST_CAP);
    while (cap < wanted) {
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    }
    cap = MAX(MIN(cap, buffer->limit), wanted);
    if (cap > buffer->cap) {
        buffer->data = mem_realloc(buffer->data, buffer->cap, cap);
        buffer->cap = cap;
    }
    ASSERT(buffer->data != NULL || size == 0);
    return buffer->data + buffer->len;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    ASSERT(size <= buffer->len);
    buffer->len -= size;
    if (size > 0 && buffer->len > 0) {
        memmove(buffer->data, buffer->data + size, buffer->len);
    }
}

void buffer_append_cstr(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, slice_of_cstr(text));
}

/* Writes the digits at the end of `digits` and returns how many there are (at least one). */
static size_t decimal_digits(uint64_t value, uint8_t digits[DECIMAL_MAX_DIGITS])
{
    size_t count = 0;
    do {
        count += 1;
        digits[DECIMAL_MAX_DIGITS - count] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return count;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* Sign, zeros up to `width` characters in all (sign included), digits. */
static void append_number(struct buffer *buffer, bool negative, uint64_t value, size_t width)
{
    uint8_t digits[DECIMAL_MAX_DIGITS];
    size_t count = decimal_digits(value, digits);
    size_t plain = count + (negative ? 1 : 0);
    size_t zeros = width > plain ? width - plain : 0;
    uint8_t *to = buffer_reserve(buffer, plain + zeros);
    if (negative) {
        *to++ = '-';
    }
    memset(to, '0', zeros);
    memcpy(to + zeros, digits + DECIMAL_MAX_DIGITS - count, count);
    buffer->len += plain + zeros;
}

void buffer_append_decimal(struct buffer *buffer, int64_t value)
{
    append_number(buffer, value < 0, magnitude(value), 0);
}

void buffer_append_unsigned(struct buffer *buffer, uint64_t value)
{
    append_number(buffer, false, value, 0);
}

void buffer_append_padded(struct buffer *buffer, int64_t value, unsigned width)
{
    append_number(buffer, value < 0, magnitude(value), width);
}

void buffer_append_hex(struct buffer *buffer, uint64_t value)
{
    static const char hex[] = "0123456789abcdef";
    unsigned digits = value == 0 ? 1 : (67u - (unsigned)__builtin_clzll(value)) / 4;
    uint8_t *to = buffer_reserve(buffer, digits);
    for (unsigned i = 0; i < digits; i++) {
        to[digits - 1 - i] = (uint8_t)hex[value & 15];
        value >>= 4;
    }
    buffer->len += digits;
}

void buffer_append_fixed(struct buffer *buffer, int64_t value, unsigned places)
{
    ASSERT(places < DECIMAL_MAX_DIGITS);
    uint64_t unit = 1;
    for (unsigned i = 0; i < places; i++) {
        unit *= 10;
    }
    uint64_t absolute = magnitude(value);
    append_number(buffer, value < 0, absolute / unit, 0);
    if (places > 0) {
        buffer_append_u8(buffer, '.');
        append_number(buffer, false, absolute % unit, places);
    }
}
