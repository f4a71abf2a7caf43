/* data_dir.c - see data_dir.h.
 *
 * The checks at opening mirror upstream's: a log folder that holds snapshots, or a snapshot folder
 * that holds logs while the two are configured apart, is a mistake in zoo.cfg that would otherwise
 * start an empty server; it is refused with both keys named.
 */
#include "zookeeper/storage/data_dir.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/log.h"

#define LOG_PREFIX SLICE_LIT("log.")
#define SNAPSHOT_PREFIX SLICE_LIT("snapshot.")

void data_dir_join(char *path, const char *folder, const char *name)
{
    int len = snprintf(path, PATH_TEXT_MAX, "%s/%s", folder, name);
    ASSERT(len > 0 && len < PATH_TEXT_MAX);
}

static bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_equal(slice_part(s, s.len - suffix.len, s.len), suffix);
}

static bool parse_hex_name(struct slice name, struct slice prefix, int64_t *zxid)
{
    uint64_t value;
    if (!slice_starts_with(name, prefix)) {
        return false;
    }
    struct slice digits = slice_part(name, prefix.len, name.len);
    bool has_radix = digits.len > 1 && (digits.ptr[1] | 0x20) == 'x'; /* 0x1f is no name of ours */
    if (has_radix || text_parse_hex64(digits, &value) != 0 || value > (uint64_t)INT64_MAX) {
        return false;
    }
    *zxid = (int64_t)value;
    return true;
}

bool data_file_parse_log(const char *name, int64_t *zxid)
{
    return parse_hex_name(slice_of_cstr(name), LOG_PREFIX, zxid);
}

bool data_file_parse_snapshot(const char *name,
                              int64_t *zxid,
                              enum snapshot_compression *compression)
{
    struct slice text = slice_of_cstr(name);
    *compression = SNAPSHOT_PLAIN;
    if (slice_ends_with(text, SLICE_LIT(".gz"))) {
        *compression = SNAPSHOT_GZIP;
        text.len -= 3;
    } else if (slice_ends_with(text, SLICE_LIT(".snappy"))) {
        *compression = SNAPSHOT_SNAPPY;
        text.len -= 7;
    }
    return parse_hex_name(text, SNAPSHOT_PREFIX, zxid);
}

/* ---- listing --------------------------------------------------------------------------------- */

struct listing {
    struct runtime *runtime;
    const char *folder;
    bool want_logs;
    struct data_file_list *list;
    int error;
};

static void listing_entry(void *ctx, const char *name)
{
    struct listing *listing = ctx;
    struct data_file file = {.compression = SNAPSHOT_PLAIN};
    bool matches = listing->want_logs
                       ? data_file_parse_log(name, &file.zxid)
                       : data_file_parse_snapshot(name, &file.zxid, &file.compression);
    if (!matches || strlen(name) >= DATA_FILE_NAME_MAX || listing->error != 0) {
        return;
    }
    memcpy(file.name, name, strlen(name) + 1);

    char path[PATH_TEXT_MAX];
    struct path_info info;
    data_dir_join(path, listing->folder, name);
    int error = path_stat(listing->runtime, path, &info);
    if (error == ERR_NOT_FOUND) {
        return; /* purged while we looked */
    }
    if (error != 0) {
        listing->error = error;
        return;
    }
    if (info.is_directory) {
        return;
    }
    file.size = info.size;

    struct data_file_list *list = listing->list;
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        list->files = mem_realloc(list->files, list->cap * sizeof file, cap * sizeof file);
        list->cap = cap;
    }
    list->files[list->count++] = file;
}

static int compare_files(const void *a, const void *b)
{
    const struct data_file *left = a;
    const struct data_file *right = b;
    if (left->zxid != right->zxid) {
        return left->zxid < right->zxid ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

static int list_files(struct runtime *runtime,
                      const char *folder,
                      bool want_logs,
                      struct data_file_list *list)
{
    struct listing listing = {
        .runtime = runtime, .folder = folder, .want_logs = want_logs, .list = list};
    *list = (struct data_file_list){0};
    int error = directory_list(runtime, folder, listing_entry, &listing);
    if (error == 0) {
        error = listing.error;
    }
    if (error != 0) {
        data_file_list_release(list);
        return error;
    }
    if (list->count > 0) {
        qsort(list->files, list->count, sizeof list->files[0], compare_files);
    }
    return 0;
}

int data_dir_list_logs(struct runtime *runtime, const char *folder, struct data_file_list *list)
{
    return list_files(runtime, folder, true, list);
}

int data_dir_list_snapshots(struct runtime *runtime,
                            const char *folder,
                            struct data_file_list *list)
{
    return list_files(runtime, folder, false, list);
}

void data_file_list_release(struct data_file_list *list)
{
    mem_free(list->files, list->cap * sizeof list->files[0]);
    *list = (struct data_file_list){0};
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Where the name before path[len] begins, less its slash: the length of the parent's path. */
static size_t parent_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/') {
        len -= 1;
    }
    return len > 1 ? len - 1 : len;
}

/* The first `len` bytes of path as a path of its own; "." when there are none. */
static void path_prefix(char *prefix, const char *path, size_t len)
{
    memcpy(prefix, len == 0 ? "." : path, MAX(len, (size_t)1));
    prefix[MAX(len, (size_t)1)] = '\0';
}

/* A folder whose name a power cut takes away goes with all that was synced in it, so the names on
 * the way to it are synced first: by every start, since the one that made them may have ended
 * before it could. Above dataDir that is a help only: those folders may be somebody else's. */
static int sync_way_to(struct runtime *runtime, const char *path, bool was_made)
{
    char prefix[PATH_TEXT_MAX];
    bool is_own = true;
    bool is_above = false;
    size_t len = strlen(path);
    do {
        len = parent_len(path, len);
        path_prefix(prefix, path, len);
        int error = directory_sync(runtime, prefix);
        if (error == ERR_ACCESS && is_above) {
            return 0; /* this user may walk through it and not read it: nothing of it is ours */
        }
        if (error != 0 && is_own) {
            return error;
        }
        is_above = true;
        is_own = was_made && error == 0;
    } while (len > 1);
    return 0;
}

static int make_folder(struct runtime *runtime,
                       char *path,
                       const char *parent,
                       const char *key,
                       bool create,
                       struct errmsg *message)
{
    struct path_info info;
    int len = snprintf(path, DATA_DIR_PATH_MAX, "%s/version-2", parent);
    if (len <= 0 || len >= DATA_DIR_PATH_MAX) {
        return errmsg_set(message, ERR_LIMIT, "%s: the path is longer than %d bytes", key,
                          DATA_DIR_PATH_MAX);
    }
    int error = path_stat(runtime, path, &info);
    if (error == 0 && !info.is_directory) {
        return errmsg_set(message, ERR_NOT_DIRECTORY, "%s: %s is not a directory", key, path);
    }
    if (error == ERR_NOT_FOUND && !create) {
        return errmsg_set(
            message, ERR_NOT_FOUND,
            "%s: Missing data directory %s, automatic data directory creation is disabled "
            "(zookeeper.datadir.autocreate is false). Please create this directory manually.",
            key, path);
    }
    bool was_made = error == ERR_NOT_FOUND;
    if (was_made) {
        error = directory_create(runtime, path);
    }
    if (error == 0 && create) {
        error = sync_way_to(runtime, path, was_made);
    }
    if (error != 0) {
        return errmsg_set(message, error,
                          "%s: cannot use %s: %s (%s). Check that the path exists and that this "
                          "user may write there.",
                          key, path, error_text(error), runtime_error_detail());
    }
    return 0;
}

struct leftover {
    struct data_dir *dir;
    const char *folder;
};

static void remove_leftover(void *ctx, const char *name)
{
    struct leftover *leftover = ctx;
    if (!slice_ends_with(slice_of_cstr(name), SLICE_LIT(DATA_TMP_SUFFIX))) {
        return;
    }
    char path[PATH_TEXT_MAX];
    data_dir_join(path, leftover->folder, name);
    int error = path_remove(leftover->dir->runtime, path);
    if (error != 0) {
        LOG("storage", LOG_WARN, "cannot remove the unfinished file %s: %s", path,
            error_text(error));
    } else {
        LOG("storage", LOG_INFO, "removed the unfinished file %s", path);
    }
}

static int remove_leftovers(struct data_dir *dir,
                            const char *folder,
                            const char *key,
                            struct errmsg *message)
{
    struct leftover leftover = {.dir = dir, .folder = folder};
    int error = directory_list(dir->runtime, folder, remove_leftover, &leftover);
    if (error != 0) {
        return errmsg_set(message, error, "%s: cannot list %s: %s", key, folder, error_text(error));
    }
    return 0;
}

static int take_lock(struct data_dir *dir, struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, dir->snap_dir, ".samsa-lock");
    int error = file_open(dir->runtime, path, FILE_READ | FILE_WRITE | FILE_CREATE, &dir->lock);
    if (error != 0) {
        return errmsg_set(
            message, error,
            "dataDir: cannot write in %s: %s (%s). Check the owner and the mode of the directory.",
            dir->snap_dir, error_text(error), runtime_error_detail());
    }
    error = file_lock(dir->lock);
    if (error != 0) {
        file_close(dir->lock);
        dir->lock = NULL;
        return errmsg_set(
            message, error,
            "dataDir: %s is in use by another server process. Stop it first, or give this server "
            "another dataDir.",
            dir->snap_dir);
    }
    return 0;
}

/* LogDirContentCheckException, SnapDirContentCheckException. */
static int check_contents(struct data_dir *dir, struct errmsg *message)
{
    struct data_file_list list;
    if (strcmp(dir->snap_dir, dir->log_dir) == 0) {
        return 0;
    }
    int error = data_dir_list_snapshots(dir->runtime, dir->log_dir, &list);
    if (error == 0 && list.count > 0) {
        error = errmsg_set(
            message, ERR_CONFIG,
            "dataLogDir: Log directory has snapshot files (%s/%s). Check if dataLogDir and dataDir "
            "configuration is correct.",
            dir->log_dir, list.files[0].name);
    }
    data_file_list_release(&list);
    if (error != 0) {
        return error;
    }
    error = data_dir_list_logs(dir->runtime, dir->snap_dir, &list);
    if (error == 0 && list.count > 0) {
        error = errmsg_set(
            message, ERR_CONFIG,
            "dataDir: Snapshot directory has log files (%s/%s). Check if dataLogDir and dataDir "
            "configuration is correct.",
            dir->snap_dir, list.files[0].name);
    }
    data_file_list_release(&list);
    return error;
}

/* NOLINTNEXTLINE(readability-function-size): a struct of its parameters would serve one caller */
int data_dir_open(struct data_dir *dir,
                  struct runtime *runtime,
                  const char *data_dir,
                  const char *data_log_dir,
                  bool create,
                  bool read_only,
                  struct errmsg *message)
{
    if (data_log_dir == NULL) {
        data_log_dir = data_dir;
    }
    *dir = (struct data_dir){.runtime = runtime};
    create = create && !read_only;
    int error = make_folder(runtime, dir->snap_dir, data_dir, "dataDir", create, message);
    if (error == 0) {
        error = make_folder(runtime, dir->log_dir, data_log_dir, "dataLogDir", create, message);
    }
    if (error == 0) {
        error = check_contents(dir, message);
    }
    if (error == 0 && !read_only) {
        error = take_lock(dir, message);
    }
    if (error != 0 || read_only) {
        return error;
    }
    error = remove_leftovers(dir, dir->snap_dir, "dataDir", message);
    if (error == 0 && strcmp(dir->snap_dir, dir->log_dir) != 0) {
        error = remove_leftovers(dir, dir->log_dir, "dataLogDir", message);
    }
    if (error != 0) {
        data_dir_close(dir);
    }
    return error;
}

void data_dir_close(struct data_dir *dir)
{
    if (dir->lock != NULL) {
        file_close(dir->lock);
        dir->lock = NULL;
    }
}
