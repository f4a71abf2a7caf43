/* crc32.h - the checksum of Ethernet, gzip and java.util.zip.CRC32 (CRC-32/ISO-HDLC: reflected
 * 0x04c11db7).
 *
 * Continues as zlib's does: crc32_update(crc32_update(0, a), b) is the checksum of a followed by b.
 */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include "base/slice.h"

uint32_t crc32_update(uint32_t crc, struct slice bytes);

/* The same by tables alone: what machines without carry-less multiplication use, and what tests
 * compare with. */
uint32_t crc32_update_portable(uint32_t crc, struct slice bytes);

#endif
