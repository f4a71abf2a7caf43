/* compress.c - which codec, and the bound that all of them share.
 *
 * Compressing asks the library for its worst case first and refuses when the buffer has no room for
 * that: Kafka's batches are small beside the buffers they go to, and one pass is all it takes.
 *
 * Unpacking cannot know how much will come, and what the input claims is not to be trusted. So the
 * output grows by doubling as bytes really arrive, never above the caller's bound, and a length
 * that the input claims is only used after it was compared with what its codec can make of that
 * many bytes. What a codec's own state takes is bounded too: gzip 40 KiB, lz4 two blocks (8 MiB at
 * most), zstd the window of the frame, of which it touches no more than it has unpacked.
 */
#include "wire/compress_private.h"

#define UNPACK_CHUNK_MIN ((size_t)4096)
#define UNPACK_RATIO_GUESS 4 /* text as producers send it packs about this well */

static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};

const char *compression_name(int codec)
{
    return codec >= 0 && codec < (int)ARRAY_LEN(names) ? names[codec] : NULL;
}

int compression_parse(struct slice name)
{
    for (int codec = 0; codec < (int)ARRAY_LEN(names); codec++) {
        if (slice_equal_cstr(name, names[codec])) {
            return codec;
        }
    }
    return ERR_INVALID;
}

void unpack_sink_init(struct unpack_sink *sink,
                      struct slice in,
                      size_t max_bytes,
                      struct buffer *out)
{
    size_t guess = in.len > max_bytes / UNPACK_RATIO_GUESS ? max_bytes
                                                           : in.len * UNPACK_RATIO_GUESS;
    *sink = (struct unpack_sink){
        .out = out,
        .left = MIN(max_bytes, buffer_room(out)),
        .chunk = MAX(guess, UNPACK_CHUNK_MIN),
    };
}

uint8_t *unpack_sink_space(struct unpack_sink *sink, size_t *len)
{
    if (sink->left == 0) {
        *len = 1;
        return &sink->spill;
    }
    struct buffer *out = sink->out;
    uint8_t *space = buffer_reserve(out, out->cap > out->len ? 1 : MIN(sink->chunk, sink->left));
    *len = MIN(out->cap - out->len, sink->left);
    return space;
}

int unpack_sink_took(struct unpack_sink *sink, size_t len)
{
    if (len > sink->left) {
        return ERR_LIMIT;
    }
    sink->out->len += len;
    sink->left -= len;
    return ERR_OK;
}

static int append_plain(struct slice in, size_t max_bytes, struct buffer *out)
{
    if (in.len > max_bytes || in.len > buffer_room(out)) {
        return ERR_LIMIT;
    }
    buffer_append(out, in);
    return ERR_OK;
}

int compress_append(int codec, int32_t level, int magic, struct slice in, struct buffer *out)
{
    switch (codec) {
    case COMPRESSION_NONE:
        return append_plain(in, SIZE_MAX, out);
    case COMPRESSION_GZIP:
        return gzip_append(level, in, out);
    case COMPRESSION_SNAPPY:
        return snappy_append(in, out);
    case COMPRESSION_LZ4:
        return lz4_append(level, magic, in, out);
    case COMPRESSION_ZSTD:
        return zstd_append(level, in, out);
    default:
        return ERR_INVALID;
    }
}

static int unpack(int codec, struct slice in, struct unpack_sink *sink)
{
    switch (codec) {
    case COMPRESSION_GZIP:
        return gzip_unpack(in, sink);
    case COMPRESSION_SNAPPY:
        return snappy_unpack(in, sink);
    case COMPRESSION_LZ4:
        return lz4_unpack(in, sink);
    case COMPRESSION_ZSTD:
        return zstd_unpack(in, sink);
    default:
        return ERR_INVALID;
    }
}

int decompress_append(int codec, struct slice in, size_t max_bytes, struct buffer *out)
{
    if (codec == COMPRESSION_NONE) {
        return append_plain(in, max_bytes, out);
    }
    size_t before = out->len;
    struct unpack_sink sink;
    unpack_sink_init(&sink, in, max_bytes, out);
    int err = unpack(codec, in, &sink);
    if (err != 0) {
        out->len = before;
    }
    return err;
}
