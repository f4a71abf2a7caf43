/* snapshot_stream.c - see snapshot_stream.h. */
#include "zookeeper/storage/snapshot_stream.h"

#include <snappy-c.h>
#include <zlib.h>

#include "base/memory.h"

#define IO_BYTES ((size_t)1 << 20)
#define SNAPPY_BLOCK_BYTES ((size_t)32 << 10)
#define SNAPPY_BLOCK_MAX ((uint32_t)64 << 20)
#define SNAPPY_HEADER_BYTES 16
#define GZIP_WINDOW_BITS (15 + 16) /* zlib: 16 more selects the gzip wrapper */

static const uint8_t snappy_header[SNAPPY_HEADER_BYTES] = {
    0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
};

struct byte_sink {
    struct file *file;
    enum snapshot_compression compression;
    uint64_t file_offset;
    struct buffer out;   /* bytes for the file */
    struct buffer block; /* snappy: bytes of the block that is being filled */
    z_stream deflate;
};

struct byte_source {
    struct file *file;
    enum snapshot_compression compression;
    uint64_t file_offset;
    uint8_t *in; /* bytes of the file, [in_start, in_end) unread */
    size_t in_start;
    size_t in_end;
    struct buffer block; /* snappy: the decompressed block, [block_start, len) unread */
    size_t block_start;
    bool is_at_end;
    z_stream inflate;
};

/* ---- writing --------------------------------------------------------------------------------- */

static int sink_flush(struct byte_sink *sink)
{
    if (sink->out.len == 0) {
        return 0;
    }
    int error = file_write(sink->file, sink->file_offset, buffer_slice(&sink->out));
    sink->file_offset += sink->out.len;
    buffer_clear(&sink->out, IO_BYTES * 2);
    return error;
}

static int sink_put(struct byte_sink *sink, struct slice bytes)
{
    buffer_append(&sink->out, bytes);
    return sink->out.len >= IO_BYTES ? sink_flush(sink) : 0;
}

struct byte_sink *byte_sink_open(struct file *file, enum snapshot_compression compression)
{
    struct byte_sink *sink = mem_alloc_zeroed(sizeof *sink);
    sink->file = file;
    sink->compression = compression;
    buffer_init(&sink->out, (size_t)1 << 30);
    buffer_init(&sink->block, SNAPPY_BLOCK_BYTES);
    if (compression == SNAPSHOT_GZIP) {
        int result = deflateInit2(&sink->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                  GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY);
        ASSERT(result == Z_OK); /* fails for bad arguments and lack of memory only */
    } else if (compression == SNAPSHOT_SNAPPY) {
        buffer_append(&sink->out, slice_of(snappy_header, sizeof snappy_header));
    }
    return sink;
}

static int sink_snappy_block(struct byte_sink *sink)
{
    size_t len = snappy_max_compressed_length(sink->block.len);
    uint8_t *at = buffer_reserve(&sink->out, len + 4);
    snappy_status status = snappy_compress((const char *)sink->block.data, sink->block.len,
                                           (char *)at + 4, &len);
    ASSERT(status == SNAPPY_OK);
    store_be32(at, (uint32_t)len);
    sink->out.len += len + 4;
    buffer_clear(&sink->block, SNAPPY_BLOCK_BYTES);
    return sink->out.len >= IO_BYTES ? sink_flush(sink) : 0;
}

static int sink_write_snappy(struct byte_sink *sink, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t take = MIN(bytes.len, SNAPPY_BLOCK_BYTES - sink->block.len);
        buffer_append(&sink->block, slice_part(bytes, 0, take));
        bytes = slice_part(bytes, take, bytes.len);
        if (sink->block.len == SNAPPY_BLOCK_BYTES) {
            int error = sink_snappy_block(sink);
            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

static int sink_deflate(struct byte_sink *sink, struct slice bytes, int flush)
{
    int result;
    sink->deflate.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    sink->deflate.avail_in = (uInt)bytes.len;
    do {
        uint8_t *at = buffer_reserve(&sink->out, SNAPPY_BLOCK_BYTES);
        sink->deflate.next_out = at;
        sink->deflate.avail_out = (uInt)SNAPPY_BLOCK_BYTES;
        result = deflate(&sink->deflate, flush);
        ASSERT(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        sink->out.len += SNAPPY_BLOCK_BYTES - sink->deflate.avail_out;
        if (sink->out.len >= IO_BYTES) {
            int error = sink_flush(sink);
            if (error != 0) {
                return error;
            }
        }
    } while (sink->deflate.avail_in > 0 || sink->deflate.avail_out == 0 ||
             (flush == Z_FINISH && result != Z_STREAM_END));
    return 0;
}

int byte_sink_write(struct byte_sink *sink, struct slice bytes)
{
    switch (sink->compression) {
    case SNAPSHOT_PLAIN:
        return sink_put(sink, bytes);
    case SNAPSHOT_SNAPPY:
        return sink_write_snappy(sink, bytes);
    case SNAPSHOT_GZIP:
        while (bytes.len > 0) {
            size_t take = MIN(bytes.len, IO_BYTES);
            int error = sink_deflate(sink, slice_part(bytes, 0, take), Z_NO_FLUSH);
            if (error != 0) {
                return error;
            }
            bytes = slice_part(bytes, take, bytes.len);
        }
        return 0;
    }
    UNREACHABLE();
}

static int sink_release(struct byte_sink *sink)
{
    int error = file_close(sink->file);
    if (sink->compression == SNAPSHOT_GZIP) {
        deflateEnd(&sink->deflate);
    }
    buffer_release(&sink->out);
    buffer_release(&sink->block);
    mem_free(sink, sizeof *sink);
    return error;
}

int byte_sink_finish(struct byte_sink *sink, uint64_t *size)
{
    int error = 0;
    if (sink->compression == SNAPSHOT_GZIP) {
        error = sink_deflate(sink, SLICE_NULL, Z_FINISH);
    } else if (sink->compression == SNAPSHOT_SNAPPY && sink->block.len > 0) {
        error = sink_snappy_block(sink);
    }
    if (error == 0) {
        error = sink_flush(sink);
    }
    if (error == 0) {
        error = file_sync(sink->file);
    }
    *size = sink->file_offset;
    int close_error = sink_release(sink);
    return error != 0 ? error : close_error;
}

void byte_sink_abandon(struct byte_sink *sink)
{
    sink_release(sink);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Refills the window when it is empty; *left is what is in it then, 0 at the file's end. */
static int source_fill(struct byte_source *source, size_t *left)
{
    if (source->in_start == source->in_end) {
        size_t got = 0;
        int error = file_read(source->file, source->file_offset, source->in, IO_BYTES, &got);
        if (error != 0) {
            return error;
        }
        source->file_offset += got;
        source->in_start = 0;
        source->in_end = got;
    }
    *left = source->in_end - source->in_start;
    return 0;
}

static int source_raw(struct byte_source *source, uint8_t *bytes, size_t len, size_t *got)
{
    *got = 0;
    while (*got < len) {
        size_t left;
        int error = source_fill(source, &left);
        if (error != 0 || left == 0) {
            return error;
        }
        size_t take = MIN(left, len - *got);
        memcpy(bytes + *got, source->in + source->in_start, take);
        source->in_start += take;
        *got += take;
    }
    return 0;
}

static int source_open_snappy(struct byte_source *source)
{
    uint8_t header[SNAPPY_HEADER_BYTES];
    size_t got;
    int error = source_raw(source, header, sizeof header, &got);
    if (error != 0) {
        return error;
    }
    return got == sizeof header && memcmp(header, snappy_header, 8) == 0 ? 0 : ERR_CORRUPT;
}

int byte_source_open(struct file *file,
                     enum snapshot_compression compression,
                     struct byte_source **result)
{
    struct byte_source *source = mem_alloc_zeroed(sizeof *source);
    source->file = file;
    source->compression = compression;
    source->in = mem_alloc(IO_BYTES);
    buffer_init(&source->block, SNAPPY_BLOCK_MAX);
    int error = 0;
    if (compression == SNAPSHOT_GZIP) {
        int status = inflateInit2(&source->inflate, GZIP_WINDOW_BITS);
        ASSERT(status == Z_OK);
    } else if (compression == SNAPSHOT_SNAPPY) {
        error = source_open_snappy(source);
    }
    if (error != 0) {
        byte_source_close(source);
        return error;
    }
    *result = source;
    return 0;
}

static int source_snappy_block(struct byte_source *source)
{
    uint8_t head[4];
    size_t got;
    size_t plain_len;
    int error = source_raw(source, head, sizeof head, &got);
    if (error != 0) {
        return error;
    }
    if (got == 0) {
        source->is_at_end = true;
        return 0;
    }
    uint32_t len = load_be32(head);
    if (got < sizeof head || len == 0 || len > SNAPPY_BLOCK_MAX) {
        return ERR_CORRUPT;
    }
    uint8_t *packed = mem_alloc(len);
    error = source_raw(source, packed, len, &got);
    if (error == 0 && got < len) {
        error = ERR_CORRUPT;
    }
    if (error == 0 &&
        (snappy_uncompressed_length((const char *)packed, len, &plain_len) != SNAPPY_OK ||
         plain_len == 0 || plain_len > SNAPPY_BLOCK_MAX)) {
        error = ERR_CORRUPT;
    }
    if (error == 0) {
        buffer_clear(&source->block, SNAPPY_BLOCK_MAX);
        source->block_start = 0;
        uint8_t *at = buffer_reserve(&source->block, plain_len);
        if (snappy_uncompress((const char *)packed, len, (char *)at, &plain_len) != SNAPPY_OK) {
            error = ERR_CORRUPT;
        } else {
            source->block.len = plain_len;
        }
    }
    mem_free(packed, len);
    return error;
}

static int source_read_snappy(struct byte_source *source, uint8_t *bytes, size_t len, size_t *got)
{
    while (*got < len && !source->is_at_end) {
        if (source->block_start == source->block.len) {
            int error = source_snappy_block(source);
            if (error != 0) {
                return error;
            }
            continue;
        }
        size_t take = MIN(source->block.len - source->block_start, len - *got);
        memcpy(bytes + *got, source->block.data + source->block_start, take);
        source->block_start += take;
        *got += take;
    }
    return 0;
}

static int source_read_gzip(struct byte_source *source, uint8_t *bytes, size_t len, size_t *got)
{
    while (*got < len && !source->is_at_end) {
        size_t left;
        int error = source_fill(source, &left);
        if (error != 0) {
            return error;
        }
        if (left == 0) {
            return ERR_CORRUPT; /* the stream's end mark is missing */
        }
        source->inflate.next_in = source->in + source->in_start;
        source->inflate.avail_in = (uInt)left;
        source->inflate.next_out = bytes + *got;
        source->inflate.avail_out = (uInt)MIN(len - *got, IO_BYTES);
        uInt room = source->inflate.avail_out;
        int status = inflate(&source->inflate, Z_NO_FLUSH);
        source->in_start += left - source->inflate.avail_in;
        *got += room - source->inflate.avail_out;
        if (status == Z_STREAM_END) {
            source->is_at_end = true;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            return ERR_CORRUPT;
        }
    }
    return 0;
}

int byte_source_read(struct byte_source *source, void *bytes, size_t len, size_t *got)
{
    *got = 0;
    switch (source->compression) {
    case SNAPSHOT_PLAIN:
        return source_raw(source, bytes, len, got);
    case SNAPSHOT_SNAPPY:
        return source_read_snappy(source, bytes, len, got);
    case SNAPSHOT_GZIP:
        return source_read_gzip(source, bytes, len, got);
    }
    UNREACHABLE();
}

void byte_source_close(struct byte_source *source)
{
    if (source->compression == SNAPSHOT_GZIP) {
        inflateEnd(&source->inflate);
    }
    file_close(source->file);
    buffer_release(&source->block);
    mem_free(source->in, IO_BYTES);
    mem_free(source, sizeof *source);
}
