/* snapshot_file.h - snapshot files: writing in the background, reading at the start.
 *
 * File: i32 "ZKSN", i32 2, i64 -1; the body (zookeeper/core/tree_snapshot.h); a seal (i64 Adler-32
 * of all bytes so far, then the string "/"); when digests are on: i64 zxid, i32 digest version, i64
 * digest, a seal; when serializeLastProcessedZxid.enabled: i64 last zxid, a seal. Compressed as a
 * whole by the name's suffix: .gz, or .snappy (snappy-java's stream of blocks).
 *
 * Writing goes to a temporary name; the file is synced, renamed and its folder synced before
 * anybody relies on it, unlike Apache's, so a torn snapshot cannot be mistaken for a whole one.
 * Sources: FileSnap, SnapStream; reference 2.10.
 */
#ifndef ZOOKEEPER_STORAGE_SNAPSHOT_FILE_H
#define ZOOKEEPER_STORAGE_SNAPSHOT_FILE_H

#include "zookeeper/core/tree_snapshot.h"
#include "zookeeper/storage/data_dir.h"

struct snapshot_options {
    enum snapshot_compression compression;
    bool write_digest;              /* digest.enabled */
    bool write_last_processed_zxid; /* serializeLastProcessedZxid.enabled */
};

/* Blocking writer, used inside jobs (one at a time), and by tools. */
struct snapshot_writer;

/* Makes <folder>/snapshot.<hex>[.suffix].samsa-tmp. */
NODISCARD int snapshot_writer_open(struct runtime *runtime,
                                   const char *folder,
                                   int64_t zxid,
                                   const struct snapshot_options *options,
                                   struct snapshot_writer **writer);
NODISCARD int snapshot_writer_append(struct snapshot_writer *writer, struct slice bytes);

/* Writes seals, digest and last zxid, syncs, renames, syncs the folder. *size gets the file's
 * bytes. The writer is gone after it, and after abandon (which removes the temporary file). */
NODISCARD int snapshot_writer_finish(struct snapshot_writer *writer,
                                     uint64_t digest,
                                     uint64_t *size);
void snapshot_writer_abandon(struct snapshot_writer *writer);

/* What a snapshot file says beside the tree. */
struct snapshot_info {
    int64_t name_zxid;
    int64_t last_processed_zxid; /* from the tail when present, else name_zxid */
    bool has_digest;
    int64_t digest_zxid;
    int32_t digest_version;
    uint64_t digest;
    int64_t dbid;
    bool has_tree; /* the tree was read to its end mark; with an error: only the seal or what
                      follows it is damaged */
};

/* Loads one file into a freshly initialised tree and checks its seal. */
NODISCARD int snapshot_file_load(struct runtime *runtime,
                                 const char *folder,
                                 const struct data_file *file,
                                 struct tree *tree,
                                 struct snapshot_info *info,
                                 struct errmsg *message);

/* The quick check of SnapStream.isValidSnapshot: ends with a seal's "/" (plain), begins with the
 * codec's magic (compressed). 0; ERR_TRUNCATED: it was never finished; or why it cannot be read. */
NODISCARD int snapshot_file_check_ends(struct runtime *runtime,
                                       const char *folder,
                                       const struct data_file *file);

#endif
