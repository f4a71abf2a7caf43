/* recovery.c - see recovery.h.
 *
 * Happy path: newest snapshot, then the log files from the one that can hold the next zxid, entry
 * by entry, skipping what the snapshot already has.
 *
 * What goes wrong, and what is done:
 *   snapshot damaged           the next older one; it needs older logs, which purge keeps, and they
 *                              must reach beyond the damaged one: else refuse
 *   log entry torn at the end  cut there (fsynced), since nothing of it was acknowledged; said in
 *                              the log
 *   log entry bad elsewhere    refuse, naming file, offset and the tool that shows it
 *   a whole log file missing   the first replayed zxid is not the next one: refuse
 * Only the newest file can have a torn tail: a file is left for the next one only after its last
 * batch was synced. But a power cut can leave a newest file that holds nothing (created, never
 * synced), so the file before it may be the torn one too; an empty newest file is removed.
 */
#include "zookeeper/storage/recovery.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/storage/synced_mark.h"

#define SNAPSHOTS_TRIED_MAX 100
#define REWRITE_BYTES ((size_t)256 << 10)

struct recovery {
    const struct data_dir *dir;
    const struct recovery_options *options;
    struct tree *tree;
    int (*replay)(void *ctx, struct slice payload);
    void *ctx;
    struct recovery_result *result;
    struct errmsg *message;
    struct data_file_list logs;
    struct data_file_list snapshots;
    int64_t applied; /* zxid of the last txn that is in the tree */
    struct synced_mark mark;
    bool has_mark;
    int64_t newest_zxid;  /* in the name of the newest log; 0 when there is none */
    uint64_t newest_end;  /* where its last whole entry ends */
    uint64_t newest_last; /* where that one begins */
};

/* ---- snapshot
 * -------------------------------------------------------------------------------------------- */

static bool is_beyond(const struct recovery *recovery, int64_t zxid)
{
    return recovery->options->is_limited && zxid > recovery->options->up_to_zxid;
}

static int load_snapshot(struct recovery *recovery)
{
    struct tree_config config = recovery->tree->config;
    size_t tried = 0;
    recovery->result->snapshot_zxid = -1;
    for (size_t i = recovery->snapshots.count; i > 0 && tried < SNAPSHOTS_TRIED_MAX; i--) {
        const struct data_file *file = &recovery->snapshots.files[i - 1];
        struct snapshot_info info;
        struct errmsg why;
        if (is_beyond(recovery, file->zxid)) {
            continue;
        }
        tried++;
        int error = snapshot_file_check_ends(recovery->dir->runtime, recovery->dir->snap_dir, file);
        if (error == 0) {
            error = snapshot_file_load(recovery->dir->runtime, recovery->dir->snap_dir, file,
                                       recovery->tree, &info, &why);
        } else {
            errmsg_set(&why, error, "the snapshot %s/%s %s", recovery->dir->snap_dir, file->name,
                       error == ERR_TRUNCATED ? "is incomplete" : "cannot be read");
        }
        if (error == 0) {
            recovery->result->snapshot_zxid = file->zxid;
            /* Apache writes a digest of 0 for the empty database at zxid 0. */
            if (info.has_digest && config.digest_enabled && info.digest_zxid > 0 &&
                info.digest_zxid == recovery->tree->last_processed_zxid &&
                info.digest != recovery->tree->digest) {
                LOG("storage", LOG_WARN,
                    "the digest in %s/%s does not match the tree loaded from it",
                    recovery->dir->snap_dir, file->name);
            }
            return 0;
        }
        LOG("storage", LOG_WARN, "%s; trying an older one", why.text);
        recovery->result->snapshots_skipped++;
        tree_release(recovery->tree);
        tree_init(recovery->tree, &config);
    }
    return 0;
}

static int check_without_snapshot(struct recovery *recovery)
{
    if (recovery->result->snapshot_zxid >= 0 || recovery->logs.count == 0) {
        return 0;
    }
    if (recovery->result->snapshots_skipped > 0) {
        return errmsg_set(recovery->message, ERR_CORRUPT,
                          "Not able to find valid snapshots in %s: all %" PRIu64
                          " are damaged. Restore a snapshot from a backup, "
                          "or from another server of the ensemble.",
                          recovery->dir->snap_dir, recovery->result->snapshots_skipped);
    }
    int64_t first = recovery->logs.files[0].zxid;
    bool is_whole_history = first == 1 || recovery->options->trust_empty_snapshot;
    if (!is_whole_history) {
        return errmsg_set(recovery->message, ERR_CORRUPT,
                          "No snapshot found, but there are log entries. Something is broken! The "
                          "oldest log in %s is %s, so earlier "
                          "transactions are missing. Put the snapshot back into %s, or set "
                          "snapshot.trust.empty=true in zoo.cfg "
                          "to start without it (the data it held is then lost).",
                          recovery->dir->log_dir, recovery->logs.files[0].name,
                          recovery->dir->snap_dir);
    }
    return 0;
}

/* ---- log
 * -------------------------------------------------------------------------------------------------
 */

static int cut_tail(struct recovery *recovery, struct txn_log_reader *reader)
{
    char path[PATH_TEXT_MAX];
    struct file *file;
    uint64_t cut = reader->size - reader->offset;
    recovery->result->cut_bytes = cut;
    LOG("storage", LOG_WARN,
        "%s/%s ends in an entry that was never acknowledged, at offset %" PRIu64 ": %s",
        recovery->dir->log_dir, reader->name, reader->offset,
        recovery->options->may_cut ? "cut there" : "ignored");
    if (!recovery->options->may_cut) {
        return 0;
    }
    data_dir_join(path, recovery->dir->log_dir, reader->name);
    int error = file_open(recovery->dir->runtime, path, FILE_READ | FILE_WRITE, &file);
    if (error == 0) {
        error = file_resize(file, reader->offset);
        if (error == 0) {
            error = file_sync(file);
        }
        file_close(file);
    }
    if (error != 0) {
        return errmsg_set(recovery->message, error,
                          "cannot cut the unfinished end of %s at offset %" PRIu64 ": %s (%s)",
                          path, reader->offset, error_text(error), runtime_error_detail());
    }
    return 0;
}

/* The rules of txn_log.h: was this entry only being written when the power went, or has it been
 * damaged since? */
static bool is_torn_tail(struct recovery *recovery,
                         struct txn_log_reader *reader,
                         int64_t log_zxid,
                         bool is_last)
{
    if (!is_last) {
        return false;
    }
    bool is_marked = recovery->has_mark && recovery->mark.log_zxid == log_zxid;
    if (is_marked && reader->offset < recovery->mark.offset) {
        return false;
    }
    return !txn_log_reader_valid_behind(reader, is_marked ? LOG_BATCH_BYTES_MAX : 1);
}

static int bad_entry(struct recovery *recovery,
                     struct txn_log_reader *reader,
                     bool is_torn,
                     int why)
{
    if (is_torn) {
        return cut_tail(recovery, reader);
    }
    return errmsg_set(recovery->message, ERR_CORRUPT,
                      "CRC check failed: %s/%s is corrupt at offset %" PRIu64
                      " (%s), where transactions had been acknowledged. Nothing "
                      "was changed. Look at it with zkTxnLogToolkit.sh; restore the file from a "
                      "backup, or empty this server's data and let "
                      "it copy its ensemble's.",
                      recovery->dir->log_dir, reader->name, reader->offset, error_text(why));
}

/* A server that was brought up to date by a snapshot has a log with a hole, or one that ends too
 * early: what the leader's snapshot held was never in it. Such a snapshot is synced before it gets
 * its name, so one that was never finished (Apache's, taken in the background) is no evidence. */
static bool skipped_snapshot_between(const struct recovery *recovery, int64_t zxid)
{
    for (size_t i = 0; i < recovery->snapshots.count; i++) {
        const struct data_file *file = &recovery->snapshots.files[i];
        if (file->zxid > recovery->applied && file->zxid < zxid &&
            !is_beyond(recovery, file->zxid) &&
            snapshot_file_check_ends(recovery->dir->runtime, recovery->dir->snap_dir, file) !=
                ERR_TRUNCATED) {
            return true;
        }
    }
    return false;
}

static int replay_entry(struct recovery *recovery,
                        struct txn_log_reader *reader,
                        struct slice payload,
                        uint64_t at)
{
    int64_t zxid = txn_log_payload_zxid(payload);
    if (zxid <= recovery->applied || is_beyond(recovery, zxid)) {
        return 0;
    }
    /* Every zxid of an epoch is in the log, failed requests' too: a gap is a file that is gone. */
    bool is_first = recovery->result->replayed == 0;
    bool trusted = is_first && recovery->options->trust_empty_snapshot &&
                   recovery->result->snapshot_zxid < 0;
    if (!trusted && !txn_log_zxid_may_follow(recovery->applied, zxid)) {
        return errmsg_set(recovery->message, ERR_CORRUPT,
                          "transactions are missing: the data reaches zxid 0x%" PRIx64
                          ", but %s/%s goes on with 0x%" PRIx64
                          ". A log file has been removed or is misplaced: put it back into %s.",
                          (uint64_t)recovery->applied, recovery->dir->log_dir, reader->name,
                          (uint64_t)zxid, recovery->dir->log_dir);
    }
    if (zxid != recovery->applied + 1 && skipped_snapshot_between(recovery, zxid)) {
        return errmsg_set(recovery->message, ERR_CORRUPT,
                          "transactions may be missing: the newest snapshot is damaged, the one "
                          "before it reaches zxid 0x%" PRIx64 ", and %s/%s goes on with 0x%" PRIx64
                          " of a later epoch: what lies between may be in the damaged one alone. "
                          "Restore it from a backup, or empty this server's data and let it copy "
                          "its ensemble's.",
                          (uint64_t)recovery->applied, recovery->dir->log_dir, reader->name,
                          (uint64_t)zxid);
    }
    int error = recovery->replay(recovery->ctx, payload);
    if (error != 0) {
        return errmsg_set(recovery->message, error,
                          "cannot replay zxid 0x%" PRIx64 " from %s/%s at offset %" PRIu64 ": %s",
                          (uint64_t)zxid, recovery->dir->log_dir, reader->name, at,
                          error_text(error));
    }
    recovery->applied = zxid;
    recovery->result->replayed++;
    return 0;
}

static int replay_file(struct recovery *recovery, const struct data_file *log, bool is_last)
{
    struct txn_log_reader reader;
    int error = txn_log_reader_open(&reader, recovery->dir->runtime, recovery->dir->log_dir,
                                    log->name);
    if (error == ERR_END) {
        LOG("storage", LOG_INFO, "%s/%s holds no transaction", recovery->dir->log_dir, log->name);
        return 0;
    }
    if (error != 0) {
        return errmsg_set(recovery->message, error,
                          "cannot read the transaction log %s/%s: %s. If it is not a log of this "
                          "server, move it away.",
                          recovery->dir->log_dir, log->name,
                          error == ERR_CORRUPT ? "it does not begin as one" : error_text(error));
    }
    for (;;) {
        struct slice payload;
        uint64_t at = reader.offset;
        error = txn_log_reader_next(&reader, &payload, NULL);
        if (error == 0) {
            recovery->newest_last = at;
            error = replay_entry(recovery, &reader, payload, at);
        } else if (error == ERR_TRUNCATED || error == ERR_CHECKSUM) {
            error = bad_entry(recovery, &reader,
                              is_torn_tail(recovery, &reader, log->zxid, is_last), error);
            break;
        } else if (error != ERR_END) {
            errmsg_set(recovery->message, error, "cannot read %s/%s at offset %" PRIu64 ": %s (%s)",
                       recovery->dir->log_dir, reader.name, reader.offset, error_text(error),
                       runtime_error_detail());
        }
        if (error != 0) {
            break;
        }
    }
    recovery->newest_zxid = log->zxid;
    recovery->newest_end = reader.offset;
    txn_log_reader_close(&reader);
    return error == ERR_END ? 0 : error;
}

/* Is there a readable header in the file? A newest file without one was never synced. */
static bool log_is_empty(struct recovery *recovery, const struct data_file *log)
{
    struct txn_log_reader reader;
    struct slice payload;
    int error = txn_log_reader_open(&reader, recovery->dir->runtime, recovery->dir->log_dir,
                                    log->name);
    if (error != 0) {
        return error == ERR_END;
    }
    error = txn_log_reader_next(&reader, &payload, NULL);
    bool is_empty = error == ERR_END;
    txn_log_reader_close(&reader);
    return is_empty;
}

static int drop_empty_newest(struct recovery *recovery)
{
    while (recovery->options->may_cut && recovery->logs.count > 0) {
        const struct data_file *newest = &recovery->logs.files[recovery->logs.count - 1];
        char path[PATH_TEXT_MAX];
        if (!log_is_empty(recovery, newest)) {
            return 0;
        }
        data_dir_join(path, recovery->dir->log_dir, newest->name);
        int error = path_remove(recovery->dir->runtime, path);
        if (error != 0) {
            return errmsg_set(recovery->message, error, "cannot remove the empty log %s: %s", path,
                              error_text(error));
        }
        LOG("storage", LOG_INFO, "removed %s: it holds no transaction", path);
        recovery->logs.count--;
    }
    return 0;
}

static int replay_logs(struct recovery *recovery)
{
    /* The file to begin with is the last one named at or below the next zxid; older ones hold
     * nothing that is needed. */
    size_t first = 0;
    for (size_t i = 0; i < recovery->logs.count; i++) {
        if (recovery->logs.files[i].zxid <= recovery->applied + 1) {
            first = i;
        }
    }
    for (size_t i = first; i < recovery->logs.count; i++) {
        if (is_beyond(recovery, recovery->logs.files[i].zxid)) {
            break;
        }
        int error = replay_file(recovery, &recovery->logs.files[i], i + 1 == recovery->logs.count);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* To start with less than this server once had, and said that it had, would let it win an election
 * by its epoch and cut from the others what was committed (ensemble seed 453287507). */
static int check_end(const struct recovery *recovery)
{
    if (!skipped_snapshot_between(recovery, INT64_MAX)) {
        return 0;
    }
    return errmsg_set(recovery->message, ERR_CORRUPT,
                      "transactions are missing: a snapshot newer than zxid 0x%" PRIx64
                      " in %s is damaged or cannot be read, and the logs in %s do not reach it. "
                      "Restore it from a backup, or empty this server's data and let it copy its "
                      "ensemble's.",
                      (uint64_t)recovery->applied, recovery->dir->snap_dir, recovery->dir->log_dir);
}

/* ---- making it last
 * -------------------------------------------------------------------------------------- */

/* Writes a stretch of the file over itself and syncs it. */
static int rewrite(struct runtime *runtime, const char *path, uint64_t from, uint64_t to)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_READ | FILE_WRITE, &file);
    if (error != 0) {
        return error;
    }
    uint8_t *bytes = mem_alloc(REWRITE_BYTES);
    while (error == 0 && from < to) {
        size_t got = 0;
        size_t len = (size_t)MIN(to - from, (uint64_t)REWRITE_BYTES);
        error = file_read(file, from, bytes, len, &got);
        if (error == 0) {
            error = got == len ? file_write(file, from, slice_of(bytes, len)) : ERR_TRUNCATED;
        }
        from += len;
    }
    mem_free(bytes, REWRITE_BYTES);
    if (error == 0) {
        error = file_sync(file);
    }
    int close_error = file_close(file);
    return error != 0 ? error : close_error;
}

/* What the newest log holds behind the synced mark was read from the page cache: a process that was
 * killed had written it and not synced it, or its sync failed, after which the kernel takes the
 * pages for clean and no later sync would write them. Clients will be told of it now, so it is
 * written once more. Without a mark it is the last batch, as large as one can be. */
static int rewrite_tail(const struct recovery *recovery)
{
    char path[PATH_TEXT_MAX];
    bool is_marked = recovery->has_mark && recovery->mark.log_zxid == recovery->newest_zxid;
    uint64_t end = recovery->newest_end;
    uint64_t batch = end > LOG_BATCH_BYTES_MAX ? end - LOG_BATCH_BYTES_MAX : 0;
    uint64_t from = is_marked ? recovery->mark.offset : MIN(batch, recovery->newest_last);
    if (recovery->newest_zxid == 0 || from >= end) {
        return 0;
    }
    const char *name = recovery->logs.files[recovery->logs.count - 1].name;
    data_dir_join(path, recovery->dir->log_dir, name);
    return rewrite(recovery->dir->runtime, path, from, end);
}

/* Everything that the tree was made of survives a power cut from here on: contents and names. */
static int secure(struct recovery *recovery)
{
    const struct data_dir *dir = recovery->dir;
    if (!recovery->options->may_cut) {
        return 0;
    }
    const struct synced_mark mark = {recovery->newest_zxid, recovery->newest_end};
    int error = rewrite_tail(recovery);
    if (error == 0) {
        error = synced_mark_save(dir->runtime, dir->log_dir, &mark);
    }
    if (error == 0) {
        error = directory_sync(dir->runtime, dir->log_dir);
    }
    if (error == 0 && strcmp(dir->log_dir, dir->snap_dir) != 0) {
        error = directory_sync(dir->runtime, dir->snap_dir);
    }
    if (error != 0) {
        return errmsg_set(recovery->message, error,
                          "cannot make durable what was read from %s: %s (%s)", dir->log_dir,
                          error_text(error), runtime_error_detail());
    }
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): a struct of its parameters would serve one caller */
int recovery_load(const struct data_dir *dir,
                  const struct recovery_options *options,
                  struct tree *tree,
                  int (*replay)(void *ctx, struct slice payload),
                  void *ctx,
                  struct recovery_result *result,
                  struct errmsg *message)
{
    struct recovery recovery = {
        .dir = dir,
        .options = options,
        .tree = tree,
        .replay = replay,
        .ctx = ctx,
        .result = result,
        .message = message,
    };
    *result = (struct recovery_result){.snapshot_zxid = -1};
    int error = data_dir_list_snapshots(dir->runtime, dir->snap_dir, &recovery.snapshots);
    if (error == 0) {
        error = data_dir_list_logs(dir->runtime, dir->log_dir, &recovery.logs);
    }
    if (error != 0) {
        errmsg_set(message, error, "cannot list %s: %s (%s)", dir->snap_dir, error_text(error),
                   runtime_error_detail());
    }
    recovery.has_mark = synced_mark_read(dir->runtime, dir->log_dir, &recovery.mark);
    uint64_t before_ns = runtime_now_ns(dir->runtime);
    if (error == 0) {
        error = load_snapshot(&recovery);
    }
    uint64_t loaded_ns = runtime_now_ns(dir->runtime);
    result->snapshot_ns = loaded_ns - before_ns;
    if (error == 0) {
        recovery.applied = tree->last_processed_zxid;
        error = drop_empty_newest(&recovery);
    }
    if (error == 0) {
        error = check_without_snapshot(&recovery);
    }
    if (error == 0) {
        error = replay_logs(&recovery);
    }
    if (error == 0) {
        error = check_end(&recovery);
    }
    result->replay_ns = runtime_now_ns(dir->runtime) - loaded_ns;
    if (error == 0) {
        error = secure(&recovery);
    }
    result->last_zxid = recovery.applied;
    result->is_empty = recovery.snapshots.count == 0 && recovery.logs.count == 0;
    data_file_list_release(&recovery.snapshots);
    data_file_list_release(&recovery.logs);
    return error;
}
