/* epochs.h - the two promises of a server of an ensemble, as files: which epoch it has accepted and
 * which one its history belongs to.
 *
 * Files: <dataDir>/version-2/acceptedEpoch and currentEpoch, ASCII decimal with a newline or none.
 * A new value goes to "<name>.tmp" (Apache's name), which is synced, renamed, and the folder
 * synced: a reader finds the old value or the new one. Rules at load (QuorumPeer.loadDataBase, with
 * one difference):
 *   - a missing file is made from the epoch of the last zxid (data of a standalone server);
 *   - currentEpoch below the last zxid's epoch: "currentEpoch.tmp" holds the value that was being
 *     written when the server died, if it reaches that epoch. Without it Apache refuses to start,
 *     although a kill between the last step of a synchronisation and the epoch leads there
 *     (history first, then the epoch: ZOOKEEPER-4643). It is no harm as long as acceptedEpoch,
 *     which was durable before the synchronisation, is above: the server then goes on under the old
 *     epoch, as one whose synchronisation did not end. Anything else is refused;
 *   - acceptedEpoch below currentEpoch is refused.
 * Source: QuorumPeer, AtomicFileOutputStream; ZOOKEEPER-1653, 2307; reference 2.10.
 */
#ifndef ZOOKEEPER_STORAGE_EPOCHS_H
#define ZOOKEEPER_STORAGE_EPOCHS_H

#include "zookeeper/core/effects.h"
#include "zookeeper/storage/data_dir.h"

struct epochs {
    int64_t accepted;
    int64_t current;
};

/* Reads both, applies the rules, writes what was missing. Blocking. ERR_CORRUPT with a sentence
 * that names the file. last_zxid is the tree's after recovery. */
NODISCARD int epochs_load(struct runtime *runtime,
                          const char *snap_dir,
                          int64_t last_zxid,
                          struct epochs *epochs,
                          struct errmsg *message);

/* Durable when it returns 0. Blocking: for jobs. */
NODISCARD int epochs_write(struct runtime *runtime,
                           const char *snap_dir,
                           enum zk_epoch_kind kind,
                           int64_t epoch,
                           struct errmsg *message);

#endif
