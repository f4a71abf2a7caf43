/* synced_mark.h - up to where the newest log file was synced: a file of ours, "<log
 * folder>/.samsa-synced".
 *
 * Content (24 bytes): i32 magic, i64 zxid in the log file's name, i64 offset, i32 Adler-32 of what
 * stands before. It is written after every synced batch without a sync of its own, so after a power
 * cut it may tell an older offset, never a later one than is true; when a log file is begun it is
 * synced, so there is always a mark for a file that this server wrote. A torn or missing mark
 * counts as none. Apache's servers and tools pass over it.
 */
#ifndef ZOOKEEPER_STORAGE_SYNCED_MARK_H
#define ZOOKEEPER_STORAGE_SYNCED_MARK_H

#include "zookeeper/storage/data_dir.h"

#define SYNCED_MARK_NAME ".samsa-synced"

struct synced_mark {
    int64_t log_zxid;
    uint64_t offset;
};

/* Opens the file for writing marks, making it when it is not there. */
NODISCARD int synced_mark_open(struct runtime *runtime, const char *log_dir, struct file **file);
NODISCARD int synced_mark_write(struct file *file, const struct synced_mark *mark);

/* Both, and synced: for who has changed the log beside its writer. */
NODISCARD int synced_mark_save(struct runtime *runtime,
                               const char *log_dir,
                               const struct synced_mark *mark);

/* False when there is none, or it does not check. */
bool synced_mark_read(struct runtime *runtime, const char *log_dir, struct synced_mark *mark);

#endif
