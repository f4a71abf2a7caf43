/* recovery.h - from files to a tree at start-up, and which files are still needed.
 *
 * Load: the newest snapshot that checks (older ones are tried, up to 100), then every logged txn
 * above it. Rules that keep data:
 *   - logs without any snapshot are replayed from the empty tree only when the first log file
 *     begins at the very first txn; else the server refuses
 *     ("No snapshot found, but there are log entries", ZOOKEEPER-2325/3056) unless
 *     snapshot.trust.empty says otherwise;
 *   - a gap between the snapshot and the oldest log that is needed is an error, not a smaller tree;
 *   - the same where a damaged snapshot was passed over and the log jumps over its zxid: a server
 *     of an ensemble that copied its leader's snapshot has a hole in its log there;
 *   - a torn tail is cut and said; corruption stops the start (txn_log.h).
 * Purge: keep the newest `retain` snapshots that look whole and every log from the one that holds
 * the oldest kept snapshot's next zxid (ZOOKEEPER-3231: only valid snapshots count).
 * Sources: FileTxnSnapLog.restore, FileSnap.deserialize, PurgeTxnLog.
 */
#ifndef ZOOKEEPER_STORAGE_RECOVERY_H
#define ZOOKEEPER_STORAGE_RECOVERY_H

#include "zookeeper/storage/snapshot_file.h"
#include "zookeeper/storage/txn_log.h"

struct recovery_options {
    bool trust_empty_snapshot; /* snapshot.trust.empty */
    bool may_cut;              /* false: only look (tools) */
    /* nothing above up_to_zxid is loaded, as if the history ended there (history.h) */
    bool is_limited;
    int64_t up_to_zxid;
};

struct recovery_result {
    int64_t snapshot_zxid;      /* -1: none was there */
    int64_t last_zxid;          /* of the tree after replay */
    uint64_t replayed;          /* txns */
    uint64_t cut_bytes;         /* of a torn tail */
    uint64_t snapshots_skipped; /* damaged ones passed over */
    bool is_empty;              /* neither snapshot nor log was there */
    uint64_t snapshot_ns;       /* how long reading the snapshot took */
    uint64_t replay_ns;         /* and the logs */
};

/* The tree is freshly initialised (config set); it is re-initialised by the function when a damaged
 * snapshot has to be given up. `replay` is called for each txn above the snapshot, in order; a
 * negative result stops. */
NODISCARD int recovery_load(const struct data_dir *dir,
                            const struct recovery_options *options,
                            struct tree *tree,
                            int (*replay)(void *ctx, struct slice payload),
                            void *ctx,
                            struct recovery_result *result,
                            struct errmsg *message);

/* Hears of every removal, on the thread that purges. Any of the functions may be NULL. */
struct purge_observer {
    void (*removing)(void *ctx, const char *path, int64_t modified_ms); /* just before it */
    void (*failed)(void *ctx, const char *path, int error);             /* the file stays */
    void *ctx;
};

/* Removes what is no longer needed; `observer` may be NULL. retain >= 3 is the caller's rule. A
 * file that cannot be removed does not keep the others; its error is returned at the end. */
NODISCARD int purge_files(struct runtime *runtime,
                          const char *log_dir,
                          const char *snap_dir,
                          uint32_t retain,
                          const struct purge_observer *observer);

#endif
