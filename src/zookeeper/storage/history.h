/* history.h - what an ensemble asks of a server's files beyond appending: cutting the history back,
 * and reading a stretch of it.
 *
 * Cutting (TRUNC, and after SNAP): every logged txn above a zxid goes, newest file first, so that a
 * server killed in between has a history without a gap, only a longer one; then the snapshots above
 * it. The cut is durable when the function returns. A cut needs something beneath: truncating first
 * loads a tree from what would be left, and changes nothing when that cannot be done, or when it
 * would leave less than it says while a snapshot would go that has more.
 * Everything here blocks: for jobs, with nothing on its way to the log, whose writer begins a new
 * file afterwards (log_writer_roll).
 * Sources: FileTxnLog.truncate, FileTxnSnapLog.truncateLog, ZKDatabase.getProposalsFromTxnLog;
 * reference 2.9, 2.10.
 */
#ifndef ZOOKEEPER_STORAGE_HISTORY_H
#define ZOOKEEPER_STORAGE_HISTORY_H

#include "zookeeper/storage/recovery.h"

/* Removes everything above the zxid. */
NODISCARD int history_cut(const struct data_dir *dir, int64_t zxid, struct errmsg *message);

/* Loads what history there is up to zxid into a freshly initialised tree (with `replay` as
 * recovery_load's) and then cuts behind it. result->last_zxid is what was reached: less than zxid
 * when the history does not hold that very txn. On failure nothing has been changed on disk, unless
 * the error is one of writing. */
NODISCARD int history_truncate(const struct data_dir *dir,
                               int64_t zxid,
                               struct tree *tree,
                               int (*replay)(void *ctx, struct slice payload),
                               void *ctx,
                               struct recovery_result *result,
                               struct errmsg *message);

/* Appends the txns in (from_zxid, to_zxid], u32 length and payload each. ERR_NOT_FOUND unless the
 * log holds from_zxid itself (or from_zxid is 0 and the log begins with 1) and surely goes on to
 * to_zxid without a gap (a snapshot file between two epochs may stand for one); ERR_LIMIT when it
 * is more than limit_bytes. */
NODISCARD int history_read(const struct data_dir *dir,
                           int64_t from_zxid,
                           int64_t to_zxid,
                           size_t limit_bytes,
                           struct buffer *out);

#endif
