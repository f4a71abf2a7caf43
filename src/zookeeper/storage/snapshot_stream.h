/* snapshot_stream.h - the byte streams beneath a snapshot file: plain, gzip, or snappy-java's
 * blocks. Private to storage/.
 *
 * The sink gathers what is written into large file writes; the source reads large pieces ahead.
 * Sizes found inside a compressed file are bounded before anything is allocated (CVE-2023-34455).
 * Sources: SnapStream; snappy-java SnappyOutputStream (magic, two versions, then i32 length +
 * block, 32 KiB each); RFC 1952.
 */
#ifndef ZOOKEEPER_STORAGE_SNAPSHOT_STREAM_H
#define ZOOKEEPER_STORAGE_SNAPSHOT_STREAM_H

#include "base/buffer.h"
#include "zookeeper/storage/data_dir.h"

struct byte_sink;

/* Takes the open file over. */
struct byte_sink *byte_sink_open(struct file *file, enum snapshot_compression compression);
NODISCARD int byte_sink_write(struct byte_sink *sink, struct slice bytes);

/* Ends the stream, syncs and closes the file; the sink is gone whatever the result. *size gets the
 * file's bytes. */
NODISCARD int byte_sink_finish(struct byte_sink *sink, uint64_t *size);
void byte_sink_abandon(struct byte_sink *sink);

struct byte_source;

NODISCARD int byte_source_open(struct file *file,
                               enum snapshot_compression compression,
                               struct byte_source **source);

/* Up to len bytes; *got 0 at the end. ERR_CORRUPT for a damaged stream. */
NODISCARD int byte_source_read(struct byte_source *source, void *bytes, size_t len, size_t *got);
void byte_source_close(struct byte_source *source);

#endif
