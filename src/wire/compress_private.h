/* compress_private.h - what the files of compress share: where unpacked bytes go, and the codecs.
 */
#ifndef WIRE_COMPRESS_PRIVATE_H
#define WIRE_COMPRESS_PRIVATE_H

#include "wire/compress.h"

/* Takes what a streaming codec unpacks, and no byte more than `left` says. When nothing is left the
 * codec is lent `spill`: a stream that then still has a byte to give is over the limit, one that
 * only has its trailer to read is not. */
struct unpack_sink {
    struct buffer *out;
    size_t left;
    size_t chunk; /* how much to ask of the buffer at once */
    uint8_t spill;
};

void unpack_sink_init(struct unpack_sink *sink,
                      struct slice in,
                      size_t max_bytes,
                      struct buffer *out);

/* Where the codec may write next, and how much. */
uint8_t *unpack_sink_space(struct unpack_sink *sink, size_t *len);

/* It has written `len` bytes there. ERR_LIMIT. */
NODISCARD int unpack_sink_took(struct unpack_sink *sink, size_t len);

NODISCARD int gzip_append(int32_t level, struct slice in, struct buffer *out);
NODISCARD int gzip_unpack(struct slice in, struct unpack_sink *sink);
NODISCARD int snappy_append(struct slice in, struct buffer *out);
NODISCARD int snappy_unpack(struct slice in, struct unpack_sink *sink);
NODISCARD int lz4_append(int32_t level, int magic, struct slice in, struct buffer *out);
NODISCARD int lz4_unpack(struct slice in, struct unpack_sink *sink);
NODISCARD int zstd_append(int32_t level, struct slice in, struct buffer *out);
NODISCARD int zstd_unpack(struct slice in, struct unpack_sink *sink);

#endif
