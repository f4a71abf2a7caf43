/* crc32c.c - ISA-L picks the fastest way that the processor knows; its function works on the
 * register itself, so the inversions at both ends are made here.
 */
#include "base/crc32c.h"

#include <isa-l/crc.h>
#include <limits.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */

uint32_t crc32c_update(uint32_t crc, struct slice bytes)
{
    /* The library takes an int, and a pointer that it does not write through. */
    union {
        const uint8_t *from;
        unsigned char *to;
    } at = {.from = bytes.ptr};
    crc = ~crc;
    for (size_t left = bytes.len; left > 0;) {
        size_t part = MIN(left, (size_t)INT_MAX);
        crc = crc32_iscsi(at.to, (int)part, crc);
        at.from += part;
        left -= part;
    }
    return ~crc;
}

uint32_t crc32c_update_portable(uint32_t crc, struct slice bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        }
    }
    return ~crc;
}
