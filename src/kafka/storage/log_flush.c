/* log_flush.c - making a log durable: what is to be synced is collected on the loop, synced on a
 * worker, and accounted for on the loop.
 *
 * The collection holds its own references to descriptors, and paths of what is only touched when a
 * segment is sealed; so retention may delete, and the pool may rest, whatever it likes meanwhile. A
 * path that is gone by then needs no sync.
 */
#include "base/memory.h"
#include "kafka/storage/log_internal.h"

struct flush_file {
    struct segment_file *file; /* NULL: by path */
    int64_t offset;
    enum log_file_kind kind;
};

struct flush_files {
    struct runtime *runtime;
    char *dir;
    size_t dir_size;
    bool sync_folder;
    bool sync_parent;
    bool sync_epochs;
    size_t count;
    size_t cap;
    struct flush_file *files;
};

static void add_file(struct flush_files *files, const struct flush_file *file)
{
    if (files->count == files->cap) {
        size_t cap = files->cap == 0 ? 2 : files->cap * 2;
        files->files = mem_realloc(files->files, files->cap * sizeof *files->files,
                                   cap * sizeof *files->files);
        files->cap = cap;
    }
    files->files[files->count++] = *file;
}

static void add_path(struct flush_files *files, int64_t offset, enum log_file_kind kind)
{
    add_file(files, &(struct flush_file){.offset = offset, .kind = kind});
}

static void flush_files_free(struct flush_files *files)
{
    for (size_t n = 0; n < files->count; n++) {
        if (files->files[n].file != NULL) {
            segment_file_drop(files->files[n].file);
        }
    }
    mem_free(files->files, files->cap * sizeof *files->files);
    mem_free(files->dir, files->dir_size);
    mem_free(files, sizeof *files);
}

static void add_indexes(struct flush_files *files, struct segment *segment)
{
    add_path(files, segment->base_offset, LOG_FILE_OFFSET_INDEX);
    add_path(files, segment->base_offset, LOG_FILE_TIME_INDEX);
    add_path(files, segment->base_offset, LOG_FILE_TXN_INDEX);
    segment->is_unsettled = false;
}

static int collect_segment(struct flush_files *files, struct segment *segment)
{
    if (segment->is_unsynced) {
        int error = segment_open_file(segment);
        if (error == 0) {
            error = segment_write_out(segment);
        }
        if (error != 0) {
            return error;
        }
        add_file(files, &(struct flush_file){.file = segment_file_keep(segment->file)});
        segment->is_unsynced = false;
    }
    if (segment->is_unsettled) {
        add_indexes(files, segment);
    }
    return 0;
}

static int sync_one(const struct flush_files *files, const struct flush_file *file);

int log_sync_indexes(struct partition_log *log)
{
    struct flush_files files = {.runtime = log->place.runtime, .dir = log->dir};
    int error = 0;
    for (size_t n = 0; n < log->segment_count; n++) {
        struct segment *segment = log->segments[n];
        if (segment->is_unsettled) {
            add_indexes(&files, segment);
        }
    }
    for (size_t n = 0; error == 0 && n < files.count; n++) {
        error = sync_one(&files, &files.files[n]);
    }
    mem_free(files.files, files.cap * sizeof *files.files);
    return error;
}

bool partition_log_flush_prepare(struct partition_log *log, struct log_flush *flush)
{
    ASSERT(!log->is_flushing);
    struct segment *active = log_active(log);
    if (log->has_failed || log->is_bare ||
        (log->flushed_offset >= log->end_offset && !active->is_unsynced &&
         !log->is_folder_unsynced && !log->are_epochs_unsynced)) {
        return false;
    }
    struct flush_files *files = mem_alloc_zeroed(sizeof *files);
    files->runtime = log->place.runtime;
    files->dir_size = log->dir_size;
    files->dir = mem_alloc(files->dir_size);
    memcpy(files->dir, log->dir, files->dir_size);
    *flush = (struct log_flush){.log = log, .files = files, .up_to = log->end_offset};
    /* Nothing below the segment of the recovery point can have changed. */
    size_t first = log_segment_at(log, log->flushed_offset);
    /* But for indexes: a segment whose records were all flushed before it was sealed. */
    while (first > 0 && log->segments[first - 1]->is_unsettled) {
        first -= 1;
    }
    for (size_t n = first; n < log->segment_count && flush->error == 0; n++) {
        struct segment *segment = log->segments[n];
        if (segment->is_unsettled || segment->base_offset >= log->flushed_offset) {
            add_path(files, segment->base_offset, LOG_FILE_SNAPSHOT);
        }
        flush->error = collect_segment(files, segment);
    }
    files->sync_folder = log->is_folder_unsynced;
    files->sync_parent = log->is_folder_new;
    files->sync_epochs = log->are_epochs_unsynced;
    log->are_epochs_unsynced = false;
    log->is_folder_unsynced = false;
    log->is_folder_new = false;
    log->is_flushing = true;
    log->flush_limit = INT64_MAX;
    return true;
}

/* That it is gone is no error: then nobody needs it any more. */
static int sync_path(const struct flush_files *files, const char *path)
{
    struct file *opened;
    int error = file_open(files->runtime, path, FILE_READ | FILE_WRITE, &opened);
    if (error != 0) {
        return error == ERR_NOT_FOUND ? 0 : error;
    }
    error = file_sync(opened);
    int close_error = file_close(opened);
    return error == 0 ? close_error : error;
}

static int sync_one(const struct flush_files *files, const struct flush_file *file)
{
    char path[PATH_TEXT_MAX];
    if (file->file != NULL) {
        return file_sync(file->file->file);
    }
    int error = log_file_path(path, files->dir, file->offset, file->kind, SUFFIX_NONE);
    return error == 0 ? sync_path(files, path) : error;
}

static int sync_epochs(const struct flush_files *files)
{
    char path[PATH_TEXT_MAX];
    int error = log_path_join(path, files->dir, LEADER_EPOCH_FILE);
    return error == 0 ? sync_path(files, path) : error;
}

/* Written without a sync when the log was made: a topic of many partitions would cost as many. */
static int sync_metadata(const struct flush_files *files)
{
    char path[PATH_TEXT_MAX];
    int error = log_path_join(path, files->dir, PARTITION_METADATA_FILE);
    return error == 0 ? sync_path(files, path) : error;
}

static int sync_parent(const struct flush_files *files)
{
    char path[PATH_TEXT_MAX];
    const char *slash = strrchr(files->dir, '/');
    if (slash == NULL || slash == files->dir) {
        return directory_sync(files->runtime, slash == NULL ? "." : "/");
    }
    size_t len = (size_t)(slash - files->dir);
    if (len >= sizeof path) {
        return ERR_LIMIT;
    }
    memcpy(path, files->dir, len);
    path[len] = '\0';
    return directory_sync(files->runtime, path);
}

void log_flush_run(struct log_flush *flush)
{
    const struct flush_files *files = flush->files;
    for (size_t n = 0; n < files->count && flush->error == 0; n++) {
        flush->error = sync_one(files, &files->files[n]);
    }
    if (flush->error == 0 && files->sync_epochs) {
        flush->error = sync_epochs(files);
    }
    if (flush->error == 0 && files->sync_folder) {
        flush->error = sync_metadata(files);
    }
    if (flush->error == 0 && files->sync_folder) {
        flush->error = directory_sync(files->runtime, files->dir);
    }
    if (flush->error == 0 && files->sync_parent) {
        flush->error = sync_parent(files);
    }
}

int partition_log_flush_done(struct log_flush *flush)
{
    struct partition_log *log = flush->log;
    ASSERT(log->is_flushing);
    log->is_flushing = false;
    flush_files_free(flush->files);
    flush->files = NULL;
    if (flush->error != 0) {
        return log_fail(log, flush->error);
    }
    int64_t up_to = MIN(flush->up_to, log->flush_limit);
    log->flushed_offset = MAX(log->flushed_offset, up_to);
    int error = log_delete_doomed(log);
    return error == 0 ? 0 : log_fail(log, error);
}

int partition_log_flush(struct partition_log *log)
{
    struct log_flush flush;
    if (log->has_failed) {
        return ERR_IO;
    }
    if (!partition_log_flush_prepare(log, &flush)) {
        return 0;
    }
    if (flush.error == 0) {
        log_flush_run(&flush);
    }
    return partition_log_flush_done(&flush);
}
