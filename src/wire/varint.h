/* varint.h - the signed numbers inside records: 7 bits a byte, low ones first, zigzag (0, -1, 1, -2
 * become 0, 1, 2, 3), as Protocol Buffers' sint32 and sint64.
 *
 * Readers take from the front of *in and check every byte: ERR_TRUNCATED when it ends inside the
 * number, ERR_CORRUPT when the number is wider than its type. Source: ByteUtils of Apache Kafka.
 */
#ifndef WIRE_VARINT_H
#define WIRE_VARINT_H

#include "base/buffer.h"
#include "base/errors.h"

#define VARINT_BYTES_MAX 5
#define VARLONG_BYTES_MAX 10

/* The slow half of both readers: `bits` is 32 or 64. */
NODISCARD static inline int varint_read_slow(struct slice *in, unsigned bits, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (in->len == 0) {
            return ERR_TRUNCATED;
        }
        uint64_t byte = *in->ptr;
        in->ptr += 1;
        in->len -= 1;
        if (bits - shift < 7 && (byte & 0x7f) >> (bits - shift) != 0) {
            return ERR_CORRUPT;
        }
        sum |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *value = sum;
            return ERR_OK;
        }
        if (bits - shift <= 7) {
            return ERR_CORRUPT;
        }
    }
}

NODISCARD static inline int varint_read(struct slice *in, int32_t *value)
{
    uint64_t raw = 0;
    if (LIKELY(in->len > 0 && *in->ptr < 0x80)) {
        raw = *in->ptr;
        in->ptr += 1;
        in->len -= 1;
    } else {
        int err = varint_read_slow(in, 32, &raw);
        if (err != 0) {
            return err;
        }
    }
    *value = (int32_t)((uint32_t)raw >> 1 ^ -((uint32_t)raw & 1));
    return ERR_OK;
}

NODISCARD static inline int varlong_read(struct slice *in, int64_t *value)
{
    uint64_t raw = 0;
    int err = varint_read_slow(in, 64, &raw);
    *value = (int64_t)(raw >> 1 ^ -(raw & 1));
    return err;
}

static inline uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* How many bytes the number takes; right for both widths. */
static inline size_t varint_size(int64_t value)
{
    uint64_t raw = zigzag(value) | 1;
    return (70 - (size_t)__builtin_clzll(raw)) / 7;
}

/* Writes at `to`, which has VARLONG_BYTES_MAX bytes of room, and returns the end. */
static inline uint8_t *varint_write(uint8_t *to, int64_t value)
{
    uint64_t raw = zigzag(value);
    while (raw >= 0x80) {
        *to++ = (uint8_t)(raw | 0x80);
        raw >>= 7;
    }
    *to++ = (uint8_t)raw;
    return to;
}

#endif
