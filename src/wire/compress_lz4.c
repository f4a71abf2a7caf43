/* compress_lz4.c - lz4 frames as Apache's clients write them: blocks of 64 KiB that stand alone, no
 * checksum but the header's, no content size.
 *
 * KAFKA-3160: the header's checksum byte must be made of the descriptor, but the first clients made
 * it of the magic number and the descriptor. Messages of magic 0 keep the wrong one, and readers of
 * that time insist on it; magic 1 and 2 have the right one. The library knows the right one alone,
 * so a wrong header is mended in a copy before the library sees it. Which of the two a batch may
 * have is not judged: the batch's own CRC covers it.
 */
#include <lz4frame.h>

#include "base/endian.h"
#include "wire/compress_private.h"

#define LZ4_MAGIC 0x184d2204u
#define LZ4_HEADER_BYTES_MIN 7  /* magic, flags, block size, checksum */
#define LZ4_HEADER_BYTES_MAX 19 /* with content size and dictionary id */
#define LZ4_FLAG_DICTIONARY 0x01
#define LZ4_FLAG_CONTENT_SIZE 0x08
#define LZ4_LEVEL_DEFAULT 9 /* stands for the fast compressor in Lz4BlockOutputStream */
#define LZ4_LEVEL_MAX 17
#define LZ4_HIGH_LEVEL_MIN 3 /* from here on the library takes its thorough compressor */
#define LZ4_HIGH_LEVEL_MAX 12

#define XXH_PRIME_1 0x9e3779b1u
#define XXH_PRIME_2 0x85ebca77u
#define XXH_PRIME_3 0xc2b2ae3du
#define XXH_PRIME_4 0x27d4eb2fu
#define XXH_PRIME_5 0x165667b1u
#define XXH_STRIPE_BYTES 16

static uint32_t rotate_left(uint32_t value, unsigned by)
{
    return value << by | value >> (32 - by);
}

static uint32_t load_le32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* xxHash32 with seed 0 of less than two stripes: a header is no longer. */
static uint32_t hash_short(const uint8_t *p, size_t len)
{
    ASSERT(len < 2 * XXH_STRIPE_BYTES);
    uint32_t hash = XXH_PRIME_5;
    size_t left = len;
    if (left >= XXH_STRIPE_BYTES) {
        uint32_t lanes[4] = {XXH_PRIME_1 + XXH_PRIME_2, XXH_PRIME_2, 0, 0 - XXH_PRIME_1};
        static const unsigned turns[4] = {1, 7, 12, 18};
        hash = 0;
        for (size_t i = 0; i < 4; i++, p += 4) {
            lanes[i] = rotate_left(lanes[i] + load_le32(p) * XXH_PRIME_2, 13) * XXH_PRIME_1;
            hash += rotate_left(lanes[i], turns[i]);
        }
        left -= XXH_STRIPE_BYTES;
    }
    hash += (uint32_t)len;
    for (; left >= 4; left -= 4, p += 4) {
        hash = rotate_left(hash + load_le32(p) * XXH_PRIME_3, 17) * XXH_PRIME_4;
    }
    for (; left > 0; left--, p++) {
        hash = rotate_left(hash + *p * XXH_PRIME_5, 11) * XXH_PRIME_1;
    }
    hash = (hash ^ hash >> 15) * XXH_PRIME_2;
    hash = (hash ^ hash >> 13) * XXH_PRIME_3;
    return hash ^ hash >> 16;
}

static uint8_t checksum_byte(const uint8_t *from, const uint8_t *to)
{
    return (uint8_t)(hash_short(from, (size_t)(to - from)) >> 8);
}

/* Size of the frame's header, its checksum included, by the flags. */
static size_t header_size(const uint8_t *header)
{
    uint8_t flags = header[4];
    return LZ4_HEADER_BYTES_MIN + (flags & LZ4_FLAG_CONTENT_SIZE ? 8u : 0u) +
           (flags & LZ4_FLAG_DICTIONARY ? 4u : 0u);
}

int lz4_append(int32_t level, int magic, struct slice in, struct buffer *out)
{
    level = level == COMPRESSION_LEVEL_DEFAULT ? LZ4_LEVEL_DEFAULT : level;
    if (level < 1 || level > LZ4_LEVEL_MAX) {
        return ERR_INVALID;
    }
    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level == LZ4_LEVEL_DEFAULT
                                ? 0
                                : MAX(LZ4_HIGH_LEVEL_MIN, MIN(level, LZ4_HIGH_LEVEL_MAX)),
    };
    size_t bound = LZ4F_compressFrameBound(in.len, &preferences);
    if (LZ4F_isError(bound) || bound > buffer_room(out)) {
        return ERR_LIMIT;
    }
    uint8_t *to = buffer_reserve(out, bound);
    size_t len = LZ4F_compressFrame(to, bound, in.ptr, in.len, &preferences);
    if (LZ4F_isError(len)) {
        return ERR_LIMIT;
    }
    if (magic == 0) {
        size_t last = header_size(to) - 1;
        to[last] = checksum_byte(to, to + last);
    }
    out->len += len;
    return ERR_OK;
}

static int unpack_frame(LZ4F_dctx *context, struct slice in, struct unpack_sink *sink)
{
    uint8_t header[LZ4_HEADER_BYTES_MAX];
    if (in.len < LZ4_HEADER_BYTES_MIN) {
        return ERR_TRUNCATED;
    }
    size_t header_len = header_size(in.ptr);
    if (load_le32(in.ptr) != LZ4_MAGIC) {
        return ERR_CORRUPT;
    }
    if (in.len < header_len) {
        return ERR_TRUNCATED;
    }
    memcpy(header, in.ptr, header_len);
    uint8_t wrong = checksum_byte(header, header + header_len - 1);
    if (header[header_len - 1] == wrong) {
        header[header_len - 1] = checksum_byte(header + 4, header + header_len - 1);
    }
    size_t taken = header_len;
    size_t space = 0;
    size_t hint = LZ4F_decompress(context, &sink->spill, &space, header, &taken, NULL);
    if (LZ4F_isError(hint) || taken != header_len) {
        return ERR_CORRUPT;
    }
    in = slice_part(in, header_len, in.len);
    while (hint != 0) {
        uint8_t *to = unpack_sink_space(sink, &space);
        size_t given = space;
        taken = in.len;
        hint = LZ4F_decompress(context, to, &space, in.ptr, &taken, NULL);
        if (LZ4F_isError(hint)) {
            return ERR_CORRUPT;
        }
        int err = unpack_sink_took(sink, space);
        if (err != 0) {
            return err;
        }
        in = slice_part(in, taken, in.len);
        if (hint != 0 && in.len == 0 && space < given) {
            return ERR_TRUNCATED;
        }
    }
    return ERR_OK;
}

int lz4_unpack(struct slice in, struct unpack_sink *sink)
{
    LZ4F_dctx *context = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) {
        return ERR_LIMIT;
    }
    int err = unpack_frame(context, in, sink);
    LZ4F_freeDecompressionContext(context);
    return err;
}
