/* base64.h - the standard alphabet of RFC 4648, with padding.
 *
 * Ownership: the caller gives the room. Errors: ERR_INVALID for text that no encoder makes.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/slice.h"

/* How many characters base64_encode writes for `len` bytes. */
static inline size_t base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Writes base64_encoded_len(bytes.len) characters, no end mark, and returns that number. */
size_t base64_encode(struct slice bytes, uint8_t *text);

/* Writes at most text.len / 4 * 3 bytes and sets *len. The text must be padded and hold nothing
 * else: no line ends, no bits left over behind the last byte. */
NODISCARD int base64_decode(struct slice text, uint8_t *bytes, size_t *len);

#endif
