/* compress_zstd.c - zstd frames, one behind the other if need be.
 *
 * A frame that tells its size is unpacked in one call, straight into the buffer. One that does not
 * (Apache's clients stream, so theirs do not) goes through a window of the library's, at most 128
 * MiB as for every reader; the library touches no more of it than it has unpacked.
 */
#include <zstd.h>

#include "wire/compress_private.h"

#define ZSTD_LEVEL_DEFAULT 3
#define UNPACK_TRUST_RATIO \
    1024 /* a frame that claims more than this has to prove it by streaming */

int zstd_append(int32_t level, struct slice in, struct buffer *out)
{
    level = level == COMPRESSION_LEVEL_DEFAULT ? ZSTD_LEVEL_DEFAULT : level;
    if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel()) {
        return ERR_INVALID;
    }
    size_t bound = ZSTD_compressBound(in.len);
    if (ZSTD_isError(bound) || bound > buffer_room(out)) {
        return ERR_LIMIT;
    }
    size_t len = ZSTD_compress(buffer_reserve(out, bound), bound, in.ptr, in.len, level);
    if (ZSTD_isError(len)) {
        return ERR_LIMIT;
    }
    out->len += len;
    return ERR_OK;
}

/* The whole input is one frame that tells its size. */
static bool tells_size(struct slice in, size_t left, size_t *size)
{
    unsigned long long told = ZSTD_getFrameContentSize(in.ptr, in.len);
    if (told == ZSTD_CONTENTSIZE_UNKNOWN || told == ZSTD_CONTENTSIZE_ERROR || told > left ||
        ZSTD_findFrameCompressedSize(in.ptr, in.len) != in.len) {
        return false;
    }
    *size = (size_t)told;
    return true;
}

static int unpack_stream(ZSTD_DCtx *context, struct slice in, struct unpack_sink *sink)
{
    ZSTD_inBuffer input = {.src = in.ptr, .size = in.len, .pos = 0};
    for (;;) {
        ZSTD_outBuffer output = {0};
        output.dst = unpack_sink_space(sink, &output.size);
        size_t hint = ZSTD_decompressStream(context, &output, &input);
        if (ZSTD_isError(hint)) {
            return ERR_CORRUPT;
        }
        int err = unpack_sink_took(sink, output.pos);
        if (err != 0) {
            return err;
        }
        if (hint == 0 && input.pos == input.size) {
            return ERR_OK;
        }
        if (input.pos == input.size && output.pos < output.size) {
            return ERR_TRUNCATED;
        }
    }
}

int zstd_unpack(struct slice in, struct unpack_sink *sink)
{
    if (in.len == 0) {
        return ERR_TRUNCATED;
    }
    size_t size = 0;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL) {
        return ERR_LIMIT;
    }
    int err;
    if (tells_size(in, sink->left, &size) && size / UNPACK_TRUST_RATIO <= in.len) {
        uint8_t *to = buffer_reserve(sink->out, MAX(size, (size_t)1));
        size_t len = ZSTD_decompressDCtx(context, to, size, in.ptr, in.len);
        err = ZSTD_isError(len) ? ERR_CORRUPT : unpack_sink_took(sink, len);
    } else {
        err = unpack_stream(context, in, sink);
    }
    ZSTD_freeDCtx(context);
    return err;
}
