/* compress_snappy.c - snappy in the blocks of xerial's SnappyOutputStream.
 *
 *     82 'S' 'N' 'A' 'P' 'P' 'Y' 0 | version int32 | compatible int32 | { length int32 | raw }...
 *
 * The frame of Apache's clients; librdkafka and some others send one raw block without it, and both
 * are read. A stream may be several put behind each other: the header then stands again where a
 * length would.
 *
 * A raw block begins with the length it claims to unpack to. Its best trick is a copy of 64 bytes
 * told in 3, so a claim above 22 bytes for each byte of input is a lie and takes no memory.
 */
#include <snappy-c.h>

#include "base/endian.h"
#include "wire/compress_private.h"

#define XERIAL_HEADER_BYTES 16
#define XERIAL_BLOCK_BYTES ((size_t)32 * 1024)
#define XERIAL_VERSION 1
#define SNAPPY_RATIO_MAX 22

static const uint8_t xerial_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

int snappy_append(struct slice in, struct buffer *out)
{
    size_t blocks = in.len / XERIAL_BLOCK_BYTES + 1;
    size_t block_max = snappy_max_compressed_length(XERIAL_BLOCK_BYTES) + sizeof(uint32_t);
    if (blocks > (SIZE_MAX - XERIAL_HEADER_BYTES) / block_max ||
        XERIAL_HEADER_BYTES + blocks * block_max > buffer_room(out)) {
        return ERR_LIMIT;
    }
    buffer_append(out, slice_of(xerial_magic, sizeof xerial_magic));
    buffer_append_be32(out, XERIAL_VERSION);
    buffer_append_be32(out, XERIAL_VERSION);
    for (size_t at = 0; at < in.len; at += XERIAL_BLOCK_BYTES) {
        size_t len = MIN(in.len - at, XERIAL_BLOCK_BYTES);
        uint8_t *to = buffer_reserve(out, block_max);
        size_t packed = block_max - sizeof(uint32_t);
        snappy_status status = snappy_compress((const char *)in.ptr + at, len,
                                               (char *)to + sizeof(uint32_t), &packed);
        ASSERT(status == SNAPPY_OK);
        store_be32(to, (uint32_t)packed);
        out->len += sizeof(uint32_t) + packed;
    }
    return ERR_OK;
}

static int unpack_block(struct slice block, struct unpack_sink *sink)
{
    size_t len = 0;
    if (snappy_uncompressed_length((const char *)block.ptr, block.len, &len) != SNAPPY_OK ||
        len / SNAPPY_RATIO_MAX > block.len) {
        return ERR_CORRUPT;
    }
    if (len > sink->left) {
        return ERR_LIMIT;
    }
    uint8_t *to = buffer_reserve(sink->out, MAX(len, (size_t)1));
    if (snappy_uncompress((const char *)block.ptr, block.len, (char *)to, &len) != SNAPPY_OK) {
        return ERR_CORRUPT;
    }
    return unpack_sink_took(sink, len);
}

/* Takes a header off *in when one stands there. */
static int take_header(struct slice *in, bool *found)
{
    *found = slice_starts_with(*in, slice_of(xerial_magic, sizeof xerial_magic));
    if (!*found) {
        return ERR_OK;
    }
    if (in->len < XERIAL_HEADER_BYTES) {
        return ERR_TRUNCATED;
    }
    if ((int32_t)load_be32(in->ptr + sizeof xerial_magic) < XERIAL_VERSION) {
        return ERR_CORRUPT;
    }
    *in = slice_part(*in, XERIAL_HEADER_BYTES, in->len);
    return ERR_OK;
}

int snappy_unpack(struct slice in, struct unpack_sink *sink)
{
    if (in.len == 0) {
        return ERR_TRUNCATED;
    }
    bool is_framed = false;
    int err = take_header(&in, &is_framed);
    if (err != 0) {
        return err;
    }
    if (!is_framed) {
        return unpack_block(in, sink);
    }
    while (in.len > 0 && err == 0) {
        bool again = false;
        err = take_header(&in, &again);
        if (err != 0 || again) {
            continue;
        }
        if (in.len < sizeof(uint32_t)) {
            return ERR_TRUNCATED;
        }
        size_t len = load_be32(in.ptr);
        in = slice_part(in, sizeof(uint32_t), in.len);
        if (len > in.len) {
            return len > INT32_MAX ? ERR_CORRUPT : ERR_TRUNCATED;
        }
        err = unpack_block(slice_part(in, 0, len), sink);
        in = slice_part(in, len, in.len);
    }
    return err;
}
