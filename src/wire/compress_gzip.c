/* compress_gzip.c - RFC 1952 by zlib. Members may follow each other, and whatever follows the last
 * of them is ignored, as GZIPInputStream does.
 */
#include <limits.h>
#include <zlib.h>

#include "wire/compress_private.h"

#define GZIP_WINDOW_BITS (15 + 16) /* the largest window, in gzip's frame */
#define GZIP_MEMORY_LEVEL 8
#define GZIP_FRAME_BYTES ((size_t)18) /* header and trailer */

/* zlib takes its input by a pointer that is not const, and does not write through it. */
static z_const Bytef *input_of(struct slice in)
{
    union {
        const uint8_t *from;
        Bytef *to;
    } at = {.from = in.ptr};
    return at.to;
}

int gzip_append(int32_t level, struct slice in, struct buffer *out)
{
    level = level == COMPRESSION_LEVEL_DEFAULT ? Z_DEFAULT_COMPRESSION : level;
    if (level < Z_DEFAULT_COMPRESSION || level > Z_BEST_COMPRESSION) {
        return ERR_INVALID;
    }
    z_stream stream = {0};
    if (in.len > UINT_MAX / 2 || deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW_BITS,
                                              GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        return ERR_LIMIT;
    }
    size_t bound = deflateBound(&stream, in.len) + GZIP_FRAME_BYTES;
    int err = ERR_LIMIT;
    if (bound <= buffer_room(out)) {
        stream.next_in = input_of(in);
        stream.avail_in = (uInt)in.len;
        stream.next_out = buffer_reserve(out, bound);
        stream.avail_out = (uInt)bound;
        if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
            out->len += bound - stream.avail_out;
            err = ERR_OK;
        }
    }
    deflateEnd(&stream);
    return err;
}

static bool member_follows(const z_stream *stream)
{
    return stream->avail_in >= 2 && stream->next_in[0] == 0x1f && stream->next_in[1] == 0x8b;
}

static int inflate_all(z_stream *stream, struct unpack_sink *sink)
{
    for (;;) {
        size_t space = 0;
        stream->next_out = unpack_sink_space(sink, &space);
        stream->avail_out = (uInt)MIN(space, (size_t)UINT_MAX);
        uInt given = stream->avail_out;
        int result = inflate(stream, Z_NO_FLUSH);
        int err = unpack_sink_took(sink, given - stream->avail_out);
        if (err != 0) {
            return err;
        }
        if (result == Z_STREAM_END) {
            if (!member_follows(stream)) {
                return ERR_OK;
            }
            if (inflateReset(stream) != Z_OK) {
                return ERR_CORRUPT;
            }
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return ERR_CORRUPT;
        } else if (stream->avail_in == 0 && stream->avail_out > 0) {
            return ERR_TRUNCATED;
        }
    }
}

int gzip_unpack(struct slice in, struct unpack_sink *sink)
{
    z_stream stream = {0};
    if (in.len > UINT_MAX || inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
        return ERR_LIMIT;
    }
    stream.next_in = input_of(in);
    stream.avail_in = (uInt)in.len;
    int err = inflate_all(&stream, sink);
    inflateEnd(&stream);
    return err;
}
