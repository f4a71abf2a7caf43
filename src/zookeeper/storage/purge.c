/* purge.c - which files are no longer needed: recovery.h's purge_files.
 *
 * Kept: the newest `retain` snapshots that look whole, and from the log side every file that may
 * hold a txn above the oldest of them: all logs named above its zxid and the newest one named at or
 * below it. Snapshots newer than the oldest kept one stay even when they look damaged: they are
 * evidence, and small in number.
 *
 * Everything named "log.*" or "snapshot.*" is judged, as upstream does: the zxid is what stands
 * between the first two dots ("log.1f.fixed" counts as log.1f), and -1 when that is no number, so
 * copies that tools left beside the logs go with them.
 */
#include "base/memory.h"
#include "base/text.h"
#include "zookeeper/storage/recovery.h"

#define NO_NUMBER (-1)

struct purge {
    struct runtime *runtime;
    const struct purge_observer *observer;
    const char *folder;
    struct slice prefix;
    int64_t oldest_kept_zxid;
    struct buffer names; /* of the files to remove, each with its NUL */
    int error;           /* the first that a removal met */
};

/* Util.getZxidFromName: a Java number of radix 16 may have a sign. */
static int64_t zxid_of_name(struct slice name, struct slice prefix)
{
    struct slice number;
    struct slice rest;
    uint64_t value;
    text_cut(slice_part(name, prefix.len, name.len), '.', &number, &rest);
    bool is_negative = number.len > 0 && number.ptr[0] == '-';
    bool has_sign = is_negative || (number.len > 0 && number.ptr[0] == '+');
    struct slice digits = slice_part(number, has_sign ? 1 : 0, number.len);
    bool has_radix = digits.len > 1 && (digits.ptr[1] | 0x20) == 'x';
    if (has_radix || text_parse_hex64(digits, &value) != 0 || value > (uint64_t)INT64_MAX) {
        return NO_NUMBER;
    }
    return is_negative ? -(int64_t)value : (int64_t)value;
}

static void collect(void *ctx, const char *name)
{
    struct purge *purge = ctx;
    ASSERT(name != NULL);
    struct slice text = slice_of_cstr(name);
    if (text.len < DATA_FILE_NAME_MAX && slice_starts_with(text, purge->prefix) &&
        zxid_of_name(text, purge->prefix) < purge->oldest_kept_zxid) {
        buffer_append(&purge->names, slice_of(name, text.len + 1));
    }
}

static void remove_file(struct purge *purge, const char *name)
{
    const struct purge_observer *observer = purge->observer;
    char path[PATH_TEXT_MAX];
    struct path_info info;
    data_dir_join(path, purge->folder, name);
    int error = path_stat(purge->runtime, path, &info);
    if (error == ERR_NOT_FOUND || (error == 0 && info.is_directory)) {
        return; /* somebody else removed it, or it is none of ours */
    }
    if (error == 0) {
        if (observer->removing != NULL) {
            observer->removing(observer->ctx, path, info.modified_ms);
        }
        error = path_remove(purge->runtime, path);
    }
    if (error != 0 && error != ERR_NOT_FOUND) {
        purge->error = purge->error == 0 ? error : purge->error;
        if (observer->failed != NULL) {
            observer->failed(observer->ctx, path, error);
        }
    }
}

/* Removes what is named below the zxid. One file that cannot be removed does not keep the
 * others. */
static int purge_folder(const struct purge *settings,
                        const char *folder,
                        struct slice prefix,
                        int64_t oldest_kept_zxid)
{
    struct purge purge = *settings;
    purge.folder = folder;
    purge.prefix = prefix;
    purge.oldest_kept_zxid = oldest_kept_zxid;
    buffer_init(&purge.names, SIZE_MAX);
    int error = directory_list(purge.runtime, folder, collect, &purge);
    size_t at = 0;
    while (error == 0 && at < purge.names.len) {
        const char *name = (const char *)purge.names.data + at;
        remove_file(&purge, name);
        at += strlen(name) + 1;
    }
    buffer_release(&purge.names);
    return error != 0 ? error : purge.error;
}

/* The zxid of the oldest snapshot to keep: the retain-th newest that looks whole, or the oldest
 * whole one when there are fewer. False when there is none: nothing is purged then. */
static bool oldest_snapshot_to_keep(struct runtime *runtime,
                                    const char *snap_dir,
                                    const struct data_file_list *snapshots,
                                    uint32_t retain,
                                    int64_t *zxid)
{
    uint32_t whole = 0;
    for (size_t i = snapshots->count; i > 0 && whole < retain; i--) {
        if (snapshot_file_check_ends(runtime, snap_dir, &snapshots->files[i - 1]) == 0) {
            *zxid = snapshots->files[i - 1].zxid;
            whole++;
        }
    }
    return whole > 0;
}

int purge_files(struct runtime *runtime,
                const char *log_dir,
                const char *snap_dir,
                uint32_t retain,
                const struct purge_observer *observer)
{
    static const struct purge_observer nobody;
    struct purge purge = {.runtime = runtime, .observer = observer == NULL ? &nobody : observer};
    struct data_file_list snapshots;
    struct data_file_list logs;
    int64_t snapshot_zxid = 0;
    int error = data_dir_list_snapshots(runtime, snap_dir, &snapshots);
    if (error != 0) {
        return error;
    }
    error = data_dir_list_logs(runtime, log_dir, &logs);
    if (error == 0 &&
        oldest_snapshot_to_keep(runtime, snap_dir, &snapshots, retain, &snapshot_zxid)) {
        int64_t log_zxid = 0;
        for (size_t i = 0; i < logs.count; i++) {
            if (logs.files[i].zxid <= snapshot_zxid) {
                /* The newest one that begins at or below it may go on above it. */
                log_zxid = logs.files[i].zxid;
            }
        }
        int log_error = purge_folder(&purge, log_dir, SLICE_LIT("log."), log_zxid);
        error = purge_folder(&purge, snap_dir, SLICE_LIT("snapshot."), snapshot_zxid);
        error = log_error != 0 ? log_error : error;
    }
    data_file_list_release(&logs);
    data_file_list_release(&snapshots);
    return error;
}
