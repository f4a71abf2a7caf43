/* epochs.c - see epochs.h. */
#include "zookeeper/storage/epochs.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "runtime/log.h"

#define EPOCH_TEXT_MAX 64
#define EPOCH_NAME_MAX 32
#define EPOCH_MAX INT64_C(0xffffffff) /* the upper half of a zxid */
#define TMP_SUFFIX ".tmp"

static const char *epoch_file_name(enum zk_epoch_kind kind)
{
    return kind == ZK_EPOCH_ACCEPTED ? "acceptedEpoch" : "currentEpoch";
}

/* ERR_NOT_FOUND when there is no such file; ERR_CORRUPT when it holds something else. */
static int read_epoch(struct runtime *runtime, const char *path, int64_t *epoch)
{
    uint8_t bytes[EPOCH_TEXT_MAX];
    size_t got = 0;
    struct file *file;
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = file_read(file, 0, bytes, sizeof bytes, &got);
    file_close(file);
    if (error != 0) {
        return error;
    }
    struct slice text = text_trim(slice_of(bytes, got));
    bool is_whole = got < sizeof bytes && text_parse_i64(text, epoch) == 0;
    return is_whole && *epoch >= 0 && *epoch <= EPOCH_MAX ? 0 : ERR_CORRUPT;
}

int epochs_write(struct runtime *runtime,
                 const char *snap_dir,
                 enum zk_epoch_kind kind,
                 int64_t epoch,
                 struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    char unfinished[PATH_TEXT_MAX];
    char name[EPOCH_NAME_MAX];
    char text[EPOCH_TEXT_MAX];
    struct file *file;
    data_dir_join(path, snap_dir, epoch_file_name(kind));
    snprintf(name, sizeof name, "%s" TMP_SUFFIX, epoch_file_name(kind));
    data_dir_join(unfinished, snap_dir, name);
    int len = snprintf(text, sizeof text, "%" PRId64, epoch);
    int error = file_open(runtime, unfinished, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                          &file);
    if (error == 0) {
        error = file_write(file, 0, slice_of(text, (size_t)len));
        if (error == 0) {
            error = file_sync(file);
        }
        int close_error = file_close(file);
        error = error != 0 ? error : close_error;
    }
    if (error == 0) {
        error = path_rename(runtime, unfinished, path);
    }
    if (error == 0) {
        error = directory_sync(runtime, snap_dir);
    }
    if (error != 0) {
        return errmsg_set(message, error, "cannot write %s: %s (%s)", path, error_text(error),
                          runtime_error_detail());
    }
    return 0;
}

static int load_one(struct runtime *runtime,
                    const char *snap_dir,
                    enum zk_epoch_kind kind,
                    int64_t zxid_epoch,
                    int64_t *epoch,
                    struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, snap_dir, epoch_file_name(kind));
    int error = read_epoch(runtime, path, epoch);
    if (error == ERR_NOT_FOUND) {
        LOG("storage", LOG_INFO,
            "%s not found! Creating with a reasonable default of %" PRId64
            ". This should only happen when you are upgrading your installation",
            epoch_file_name(kind), zxid_epoch);
        *epoch = zxid_epoch;
        return epochs_write(runtime, snap_dir, kind, zxid_epoch, message);
    }
    if (error == ERR_CORRUPT) {
        return errmsg_set(message, error,
                          "%s does not hold an epoch (a decimal number). Restore the file from a "
                          "backup, or empty this server's dataDir (but for myid) and let it copy "
                          "its ensemble's data.",
                          path);
    }
    if (error != 0) {
        return errmsg_set(message, error, "cannot read %s: %s (%s)", path, error_text(error),
                          runtime_error_detail());
    }
    return 0;
}

/* The value that a dying server was writing, when it reaches the epoch of its history. */
static bool unfinished_epoch(struct runtime *runtime,
                             const char *snap_dir,
                             int64_t zxid_epoch,
                             int64_t *epoch)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, snap_dir, "currentEpoch" TMP_SUFFIX);
    return read_epoch(runtime, path, epoch) == 0 && *epoch >= zxid_epoch;
}

int epochs_load(struct runtime *runtime,
                const char *snap_dir,
                int64_t last_zxid,
                struct epochs *epochs,
                struct errmsg *message)
{
    int64_t zxid_epoch = (int64_t)((uint64_t)last_zxid >> 32);
    int64_t unfinished;
    int error = load_one(runtime, snap_dir, ZK_EPOCH_CURRENT, zxid_epoch, &epochs->current,
                         message);
    if (error == 0) {
        error = load_one(runtime, snap_dir, ZK_EPOCH_ACCEPTED, zxid_epoch, &epochs->accepted,
                         message);
    }
    if (error != 0) {
        return error;
    }
    if (zxid_epoch > epochs->current &&
        unfinished_epoch(runtime, snap_dir, zxid_epoch, &unfinished) &&
        unfinished <= epochs->accepted) {
        LOG("storage", LOG_INFO, "currentEpoch.tmp found. Setting current epoch to %" PRId64 ".",
            unfinished);
        epochs->current = unfinished;
        error = epochs_write(runtime, snap_dir, ZK_EPOCH_CURRENT, unfinished, message);
        if (error != 0) {
            return error;
        }
    }
    if (epochs->accepted < epochs->current) {
        return errmsg_set(message, ERR_CORRUPT,
                          "The accepted epoch, %" PRId64 " is less than the current epoch, %" PRId64
                          " (%s/acceptedEpoch, currentEpoch). One of the files has been changed or "
                          "restored alone.",
                          epochs->accepted, epochs->current, snap_dir);
    }
    if (zxid_epoch > epochs->accepted) {
        return errmsg_set(message, ERR_CORRUPT,
                          "The current epoch, %" PRId64 ", is older than the last zxid, 0x%" PRIx64
                          " (%s/currentEpoch). The file has been changed or restored alone.",
                          epochs->current, (uint64_t)last_zxid, snap_dir);
    }
    if (zxid_epoch > epochs->current) {
        LOG("storage", LOG_WARN,
            "the last zxid, 0x%" PRIx64 ", is of a later epoch than currentEpoch, %" PRId64
            ": the synchronisation with epoch %" PRId64 " did not end",
            (uint64_t)last_zxid, epochs->current, epochs->accepted);
    }
    return 0;
}
