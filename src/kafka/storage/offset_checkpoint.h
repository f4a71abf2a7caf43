/* offset_checkpoint.h - files that hold one offset per partition.
 *
 *     0                  version
 *     2                  how many lines follow
 *     orders 0 1234      topic partition offset
 *     orders 1 99
 *
 * Text in, text out; text_file.h reads and replaces. A file that cannot be
 * understood is as good as none for every use that is made of them here: what it would have told is
 * only ever a shortcut (recovery starts further back, compaction begins anew).
 * Source: OffsetCheckpointFile, CheckpointFile of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_OFFSET_CHECKPOINT_H
#define KAFKA_STORAGE_OFFSET_CHECKPOINT_H

#include "base/buffer.h"
#include "runtime/errmsg.h"

#define RECOVERY_POINT_CHECKPOINT "recovery-point-offset-checkpoint"
#define LOG_START_CHECKPOINT "log-start-offset-checkpoint"
#define HIGH_WATERMARK_CHECKPOINT "replication-offset-checkpoint"
#define CLEANER_CHECKPOINT "cleaner-offset-checkpoint"

#define OFFSET_CHECKPOINT_BYTES_MAX ((size_t)256 << 20)

struct offset_checkpoint_entry {
    struct slice topic;
    int32_t partition;
    int64_t offset;
};

/* Calls `each` per line, in order. An empty text has no entries. ERR_CORRUPT with a sentence
 * (`where` names the file), after `each` may have been called for the lines before. */
NODISCARD int offset_checkpoint_parse(struct slice text,
                                      const char *where,
                                      void (*each)(void *ctx,
                                                   const struct offset_checkpoint_entry *entry),
                                      void *ctx,
                                      struct errmsg *message);

/* Grows the lines of a file; their count is put in front at the end. */
struct offset_checkpoint_writer {
    struct buffer lines;
    int64_t count;
};

void offset_checkpoint_begin(struct offset_checkpoint_writer *writer);
void offset_checkpoint_add(struct offset_checkpoint_writer *writer,
                           struct slice topic,
                           int32_t partition,
                           int64_t offset);

/* Appends the whole file to `out` and frees the writer. */
void offset_checkpoint_end(struct offset_checkpoint_writer *writer, struct buffer *out);

#endif
