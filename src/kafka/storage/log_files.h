/* log_files.h - the names of the files in a partition's folder.
 *
 * "00000000000000000042.log": the base offset in 20 digits, what it is, and perhaps a suffix of
 * something under way: ".deleted" (to be removed), ".cleaned" (a compaction that is not finished),
 * ".swap" (one that is, and has to take its place). Source: LogFileUtils, LocalLog of Apache Kafka.
 */
#ifndef KAFKA_STORAGE_LOG_FILES_H
#define KAFKA_STORAGE_LOG_FILES_H

#include "runtime/runtime.h"

#define SUFFIX_NONE ""
#define SUFFIX_DELETED ".deleted"
#define SUFFIX_CLEANED ".cleaned"
#define SUFFIX_SWAP ".swap"

#define LEADER_EPOCH_FILE "leader-epoch-checkpoint"
#define PARTITION_METADATA_FILE "partition.metadata"

enum log_file_kind {
    LOG_FILE_RECORDS,      /* .log */
    LOG_FILE_OFFSET_INDEX, /* .index */
    LOG_FILE_TIME_INDEX,   /* .timeindex */
    LOG_FILE_TXN_INDEX,    /* .txnindex */
    LOG_FILE_SNAPSHOT,     /* .snapshot */
    LOG_FILE_OTHER,
};

struct log_file_name {
    enum log_file_kind kind;
    int64_t offset;
    const char *suffix; /* one of SUFFIX_* */
};

/* Takes a name apart. A name that does not begin with an offset is LOG_FILE_OTHER, its suffix is
 * told all the same. */
struct log_file_name log_file_parse(const char *name);

/* "DIR/00000000000000000042.index.swap"; ERR_LIMIT when that is too long for a path. */
NODISCARD int log_file_path(char path[PATH_TEXT_MAX],
                            const char *dir,
                            int64_t offset,
                            enum log_file_kind kind,
                            const char *suffix);

/* "DIR/NAME". */
NODISCARD int log_path_join(char path[PATH_TEXT_MAX], const char *dir, const char *name);

/* Removes; that it was not there is no error. */
NODISCARD int log_path_remove(struct runtime *runtime, const char *path);

/* Reads a small file whole. ERR_NOT_FOUND; ERR_LIMIT when it has more than `max` bytes. */
NODISCARD int log_file_read_all(struct runtime *runtime,
                                const char *path,
                                size_t max,
                                struct buffer *into);

/* Writes PATH.tmp, syncs it, renames it over PATH; the folder is synced when asked for. */
NODISCARD int log_file_replace(struct runtime *runtime,
                               const char *dir,
                               const char *name,
                               struct slice content,
                               bool sync);

#endif
