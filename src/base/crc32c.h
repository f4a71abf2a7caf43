/* crc32c.h - CRC-32C (Castagnoli: reflected 0x1edc6f41), the checksum of Kafka's batches of
 * magic 2.
 *
 * Continues as crc32.h does: crc32c_update(crc32c_update(0, a), b) is the checksum of a followed by
 * b. ISA-L does the work, at the speed of memory.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/slice.h"

uint32_t crc32c_update(uint32_t crc, struct slice bytes);

/* The same, bit by bit: what tests compare with. */
uint32_t crc32c_update_portable(uint32_t crc, struct slice bytes);

#endif
