/* compress.h - the four codecs of Kafka's record batches, bounded.
 *
 * Frames are those that Apache's clients write and read: gzip (RFC 1952, members may follow each
 * other), snappy in xerial's blocks (header 82 'S' 'N' 'A' 'P' 'P' 'Y' 0, version 1, compatible 1,
 * then [int32 length][raw snappy]; a raw snappy block without the header is read too, as librdkafka
 * and others send it), lz4 frames (for magic 0 and 1 with or without KAFKA-3160's wrong header
 * checksum), zstd frames.
 *
 * Bounds: decompress_append never writes more than `max_bytes` and never trusts a length in the
 * input before it is checked; a bomb costs at most max_bytes of memory: ERR_LIMIT.
 * Pure: the codecs are libraries without side effects. Sources: KIP-110, CompressionType,
 * KafkaLZ4BlockOutputStream, SnappyOutputStream of snappy-java.
 */
#ifndef WIRE_COMPRESS_H
#define WIRE_COMPRESS_H

#include "base/buffer.h"
#include "base/errors.h"

/* The codec's number in the attributes of a batch. */
enum compression {
    COMPRESSION_NONE = 0,
    COMPRESSION_GZIP = 1,
    COMPRESSION_SNAPPY = 2,
    COMPRESSION_LZ4 = 3,
    COMPRESSION_ZSTD = 4,
};

#define COMPRESSION_LEVEL_DEFAULT INT32_MIN /* gzip -1, lz4 9, zstd 3: Apache's defaults */

/* "none", "gzip", "snappy", "lz4", "zstd"; NULL for other numbers. */
const char *compression_name(int codec);

/* The number, or ERR_INVALID. */
int compression_parse(struct slice name);

/* Appends the compressed form of `in`. `magic` (0-2) chooses lz4's header checksum. ERR_INVALID for
 * an unknown codec, ERR_LIMIT when `out` has no room. */
NODISCARD int compress_append(int codec,
                              int32_t level,
                              int magic,
                              struct slice in,
                              struct buffer *out);

/* Appends what `in` unpacks to, at most max_bytes. ERR_CORRUPT, ERR_TRUNCATED, ERR_LIMIT,
 * ERR_INVALID (codec). After an error the buffer is as before. */
NODISCARD int decompress_append(int codec, struct slice in, size_t max_bytes, struct buffer *out);

#endif
