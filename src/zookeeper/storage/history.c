/* history.c - see history.h. */
#include "zookeeper/storage/history.h"

#include <inttypes.h>

#include "base/endian.h"
#include "runtime/log.h"
#include "zookeeper/core/quorum_packet.h"
#include "zookeeper/storage/synced_mark.h"

/* ---- cutting --------------------------------------------------------------------------------- */

/* Where the last entry at or below the zxid ends. */
static int find_cut(struct txn_log_reader *reader, int64_t zxid, uint64_t *offset)
{
    struct slice payload;
    int error = 0;
    *offset = reader->offset;
    while ((error = txn_log_reader_next(reader, &payload, NULL)) == 0) {
        if (txn_log_payload_zxid(payload) > zxid) {
            return 0;
        }
        *offset = reader->offset;
    }
    /* A damaged entry behind what is kept goes with the rest: what was wanted could be read. */
    return error == ERR_END || error == ERR_TRUNCATED || error == ERR_CHECKSUM ? 0 : error;
}

static int resize_file(struct runtime *runtime, const char *path, uint64_t size)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_READ | FILE_WRITE, &file);
    if (error != 0) {
        return error;
    }
    error = file_resize(file, size);
    if (error == 0) {
        error = file_sync(file);
    }
    int close_error = file_close(file);
    return error != 0 ? error : close_error;
}

static int cut_file(const struct data_dir *dir, const struct data_file *log, int64_t zxid)
{
    char path[PATH_TEXT_MAX];
    struct txn_log_reader reader;
    uint64_t offset = 0;
    data_dir_join(path, dir->log_dir, log->name);
    int error = txn_log_reader_open(&reader, dir->runtime, dir->log_dir, log->name);
    if (error == ERR_END) {
        return 0; /* holds nothing */
    }
    if (error != 0) {
        return error;
    }
    error = find_cut(&reader, zxid, &offset);
    txn_log_reader_close(&reader);
    if (error == 0) {
        error = resize_file(dir->runtime, path, offset);
    }
    /* The newest log that is left ends here, and all of it is synced. */
    const struct synced_mark mark = {.log_zxid = log->zxid, .offset = offset};
    return error == 0 ? synced_mark_save(dir->runtime, dir->log_dir, &mark) : error;
}

/* Newest first; the directory is synced after each removal, since a power cut must not leave a
 * newer file without an older one. */
static int remove_above(const struct data_dir *dir,
                        const char *folder,
                        const struct data_file_list *list,
                        int64_t zxid)
{
    for (size_t i = list->count; i > 0 && list->files[i - 1].zxid > zxid; i--) {
        char path[PATH_TEXT_MAX];
        data_dir_join(path, folder, list->files[i - 1].name);
        LOG("storage", LOG_INFO, "removing %s: the history ends at 0x%" PRIx64 " now", path,
            (uint64_t)zxid);
        int error = path_remove(dir->runtime, path);
        if (error == 0 || error == ERR_NOT_FOUND) {
            error = directory_sync(dir->runtime, folder);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int cut_logs(const struct data_dir *dir, int64_t zxid)
{
    struct data_file_list logs;
    int error = data_dir_list_logs(dir->runtime, dir->log_dir, &logs);
    if (error != 0) {
        return error;
    }
    error = remove_above(dir, dir->log_dir, &logs, zxid);
    size_t left = 0;
    while (left < logs.count && logs.files[left].zxid <= zxid) {
        left++;
    }
    if (error == 0 && left > 0) {
        error = cut_file(dir, &logs.files[left - 1], zxid);
    }
    data_file_list_release(&logs);
    return error;
}

static int cut_snapshots(const struct data_dir *dir, int64_t zxid)
{
    struct data_file_list snapshots;
    int error = data_dir_list_snapshots(dir->runtime, dir->snap_dir, &snapshots);
    if (error == 0) {
        error = remove_above(dir, dir->snap_dir, &snapshots, zxid);
        data_file_list_release(&snapshots);
    }
    return error;
}

int history_cut(const struct data_dir *dir, int64_t zxid, struct errmsg *message)
{
    int error = cut_logs(dir, zxid);
    if (error == 0) {
        error = cut_snapshots(dir, zxid);
    }
    if (error != 0) {
        return errmsg_set(message, error,
                          "cannot cut the transaction log in %s behind zxid 0x%" PRIx64 ": %s (%s)",
                          dir->log_dir, (uint64_t)zxid, error_text(error), runtime_error_detail());
    }
    return 0;
}

/* Is there a snapshot above the zxid? */
static int find_snapshot_above(const struct data_dir *dir, int64_t zxid, bool *found)
{
    struct data_file_list snapshots;
    int error = data_dir_list_snapshots(dir->runtime, dir->snap_dir, &snapshots);
    *found = false;
    if (error == 0) {
        *found = snapshots.count > 0 && snapshots.files[snapshots.count - 1].zxid > zxid;
        data_file_list_release(&snapshots);
    }
    return error;
}

/* NOLINTNEXTLINE(readability-function-size): recovery_load's parameters and the zxid */
int history_truncate(const struct data_dir *dir,
                     int64_t zxid,
                     struct tree *tree,
                     int (*replay)(void *ctx, struct slice payload),
                     void *ctx,
                     struct recovery_result *result,
                     struct errmsg *message)
{
    struct recovery_options options = {.is_limited = true, .up_to_zxid = zxid};
    int error = recovery_load(dir, &options, tree, replay, ctx, result, message);
    if (error == 0 && result->snapshot_zxid < 0 && result->replayed == 0) {
        return errmsg_set(message, ERR_NOT_FOUND,
                          "neither a snapshot in %s nor a log reaches down to it", dir->snap_dir);
    }
    bool has_later_tree = false;
    if (error == 0 && result->last_zxid < zxid) {
        error = find_snapshot_above(dir, zxid, &has_later_tree);
    }
    if (has_later_tree) {
        /* That tree has what lies between, and it is not to be had from anything else here. With
         * less than that this server could still win an election, by its epoch. */
        return errmsg_set(message, ERR_NOT_FOUND,
                          "only a later snapshot in %s has what was committed up to it",
                          dir->snap_dir);
    }
    return error == 0 ? history_cut(dir, zxid, message) : error;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct history_reading {
    const struct data_dir *dir;
    int64_t from_zxid;
    int64_t to_zxid;
    size_t limit_bytes;
    struct buffer *out;
    struct data_file_list snapshots;
    bool has_begun; /* from_zxid was met */
    int64_t last;   /* the last one taken, or from_zxid */
};

/* Between the end of one epoch and the beginning of a later one a whole stretch may be missing:
 * this server copied a snapshot then, and its log never had what was in it. A snapshot file between
 * the two says so, and where the older snapshots are gone nobody can say that it was not so. */
static bool may_jump(const struct history_reading *reading, int64_t zxid)
{
    const struct data_file_list *snapshots = &reading->snapshots;
    if (snapshots->count == 0 || snapshots->files[0].zxid > reading->last) {
        return false;
    }
    for (size_t i = 0; i < snapshots->count; i++) {
        int64_t at = snapshots->files[i].zxid;
        if (at > reading->last && at < zxid) {
            return false;
        }
    }
    return true;
}

static int take_entry(struct history_reading *reading, struct slice payload)
{
    int64_t zxid = txn_log_payload_zxid(payload);
    if (zxid <= reading->from_zxid) {
        reading->has_begun = reading->has_begun || zxid == reading->from_zxid;
        return 0;
    }
    if (zxid > reading->to_zxid) {
        return ERR_END;
    }
    /* What follows nothing is the very first; a later epoch begins with 1 (ZOOKEEPER-4925). */
    bool follows = reading->last == 0 ? zxid == 1 : zxid_follows(reading->last, zxid);
    bool is_next = zxid == reading->last + 1;
    if (!reading->has_begun || !follows || (!is_next && !may_jump(reading, zxid))) {
        return ERR_NOT_FOUND;
    }
    size_t len = payload.len + sizeof(uint32_t);
    if (len > reading->limit_bytes || reading->out->len > reading->limit_bytes - len) {
        return ERR_LIMIT;
    }
    uint8_t *at = buffer_reserve(reading->out, len);
    store_be32(at, (uint32_t)payload.len);
    memcpy(at + sizeof(uint32_t), payload.ptr, payload.len);
    reading->out->len += len;
    reading->last = zxid;
    return zxid == reading->to_zxid ? ERR_END : 0;
}

static int read_entries(struct history_reading *reading, const struct data_file *log)
{
    struct txn_log_reader reader;
    struct slice payload;
    int error = txn_log_reader_open(&reader, reading->dir->runtime, reading->dir->log_dir,
                                    log->name);
    if (error != 0) {
        return error == ERR_END ? 0 : ERR_NOT_FOUND;
    }
    bool is_done = false;
    while (!is_done && (error = txn_log_reader_next(&reader, &payload, NULL)) == 0) {
        error = take_entry(reading, payload);
        is_done = error != 0;
    }
    txn_log_reader_close(&reader);
    if (is_done) {
        return error;
    }
    /* The end of this file; in the newest one also a batch that is only being written. */
    return error == ERR_END || error == ERR_TRUNCATED || error == ERR_CHECKSUM ? 0 : error;
}

static int read_files(struct history_reading *reading, const struct data_file_list *logs)
{
    size_t first = 0;
    for (size_t i = 0; i < logs->count; i++) {
        if (logs->files[i].zxid <= reading->from_zxid) {
            first = i;
        }
    }
    int error = 0;
    for (size_t i = first; error == 0 && i < logs->count; i++) {
        error = read_entries(reading, &logs->files[i]);
    }
    return error == ERR_END ? 0 : error;
}

int history_read(const struct data_dir *dir,
                 int64_t from_zxid,
                 int64_t to_zxid,
                 size_t limit_bytes,
                 struct buffer *out)
{
    struct history_reading reading = {
        .dir = dir,
        .from_zxid = from_zxid,
        .to_zxid = to_zxid,
        .limit_bytes = limit_bytes,
        .out = out,
        .has_begun = from_zxid == 0,
        .last = from_zxid,
    };
    struct data_file_list logs;
    int error = data_dir_list_logs(dir->runtime, dir->log_dir, &logs);
    if (error != 0) {
        return error;
    }
    error = data_dir_list_snapshots(dir->runtime, dir->snap_dir, &reading.snapshots);
    if (error == 0) {
        error = read_files(&reading, &logs);
        data_file_list_release(&reading.snapshots);
    }
    data_file_list_release(&logs);
    return error == 0 && reading.last != to_zxid ? ERR_NOT_FOUND : error;
}
