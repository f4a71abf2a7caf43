/* files.c - runtime.h's files on the simulated disk.
 *
 * Each call is one operation of the disk: it takes virtual time, may fail, and the power may go
 * just before it. A process whose machine has lost its power gets ERR_IO from everything.
 */
#include <stdio.h>

#include "base/memory.h"
#include "sim/runtime_sim.h"

struct file {
    struct runtime *runtime;
    struct disk_inode *inode;
    bool holds_lock;
};

static const char *detail = "";

const char *runtime_error_detail(void)
{
    return detail;
}

static int failed(int error, const char *words)
{
    detail = words;
    return error;
}

static int begin(struct runtime *runtime, enum disk_op_kind kind, uint32_t volume)
{
    if (runtime->is_dead) {
        return failed(ERR_IO, "the machine has lost its power");
    }
    int error = disk_begin(runtime->disk, kind, volume, &runtime->blocked_ns);
    if (runtime->is_dead) {
        return failed(ERR_IO, "the machine has lost its power");
    }
    return error == 0 ? 0 : failed(error, "Input/output error");
}

static int begin_at(struct runtime *runtime, enum disk_op_kind kind, const char *path)
{
    return begin(runtime, kind, disk_volume(runtime->disk, path));
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool has_parent(struct disk *disk, const char *path)
{
    char parent[PATH_TEXT_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = (size_t)(slash - path);
    if (len == 0) {
        return true;
    }
    memcpy(parent, path, len);
    parent[len] = '\0';
    const struct disk_inode *inode = disk_find(disk, parent);
    return inode != NULL && inode->is_directory;
}

int file_open(struct runtime *runtime, const char *path, unsigned flags, struct file **opened)
{
    struct disk *disk = runtime->disk;
    int error = begin_at(runtime, DISK_OPEN, path);
    if (error != 0) {
        return error;
    }
    struct disk_inode *inode = disk_find(disk, path);
    if (inode != NULL && inode->is_directory) {
        return failed(ERR_IO, "Is a directory");
    }
    if (inode != NULL && (flags & FILE_EXCLUSIVE) != 0) {
        return failed(ERR_EXISTS, "File exists");
    }
    if (inode == NULL && ((flags & FILE_CREATE) == 0 || !has_parent(disk, path))) {
        return failed(ERR_NOT_FOUND, "No such file or directory");
    }
    if (inode == NULL) {
        inode = disk_make(disk, path, false);
        inode->modified_ms = runtime_wall_ms(runtime);
    } else if ((flags & FILE_TRUNCATE) != 0 && inode->cached.len > 0) {
        disk_resize(inode, 0);
    }
    inode->references += 1;
    struct file *file = mem_alloc_zeroed(sizeof *file);
    file->runtime = runtime;
    file->inode = inode;
    *opened = file;
    return 0;
}

int file_close(struct file *file)
{
    struct disk *disk = file->runtime->disk;
    file->inode->references -= 1;
    if (file->holds_lock && !file->runtime->is_dead) {
        file->inode->is_locked = false;
    }
    mem_free(file, sizeof *file);
    disk_collect(disk);
    return 0;
}

int file_size(struct file *file, uint64_t *size)
{
    int error = begin(file->runtime, DISK_STAT, file->inode->volume);
    *size = file->inode->cached.len;
    return error;
}

int file_read(struct file *file, uint64_t offset, void *bytes, size_t len, size_t *got)
{
    *got = 0;
    int error = begin(file->runtime, DISK_READ, file->inode->volume);
    if (error != 0) {
        return error;
    }
    const struct bytes *cached = &file->inode->cached;
    if (offset < cached->len) {
        *got = MIN(len, cached->len - offset);
        memcpy(bytes, cached->data + offset, *got);
    }
    return 0;
}

/* Most is in memory; who must not wait for a disk has to cope with the rest. */
bool file_is_resident(struct file *file, uint64_t offset, uint64_t len)
{
    (void)offset;
    return len == 0 || file->runtime->is_dead || !random_once_in(&file->runtime->weather, 6);
}

void file_warm(struct file *file, uint64_t offset, uint64_t len)
{
    (void)offset;
    (void)len;
    int error = begin(file->runtime, DISK_READ, file->inode->volume);
    (void)error;
}

int file_write(struct file *file, uint64_t offset, struct slice bytes)
{
    int error = begin(file->runtime, DISK_WRITE, file->inode->volume);
    if (error != 0) {
        return error;
    }
    file->inode->modified_ms = runtime_wall_ms(file->runtime);
    error = disk_write(file->runtime->disk, file->inode, offset, bytes);
    return error == 0 ? 0 : failed(error, "No space left on device");
}

int file_sync(struct file *file)
{
    struct runtime *runtime = file->runtime;
    int error = begin(runtime, DISK_SYNC, file->inode->volume);
    if (error == 0) {
        disk_sync(file->inode);
    } else if (!runtime->is_dead) {
        disk_drop_dirty(runtime->disk, file->inode);
    }
    return error;
}

int file_resize(struct file *file, uint64_t size)
{
    int error = begin(file->runtime, DISK_RESIZE, file->inode->volume);
    if (error == 0) {
        disk_resize(file->inode, size);
    }
    return error;
}

int file_zero_ahead(struct file *file, uint64_t offset, uint64_t len)
{
    int error = begin(file->runtime, DISK_WRITE, file->inode->volume);
    if (error != 0) {
        return error;
    }
    error = disk_write_zeros(file->runtime->disk, file->inode, offset, len);
    return error == 0 ? 0 : failed(error, "No space left on device");
}

int file_lock(struct file *file)
{
    int error = begin(file->runtime, DISK_STAT, file->inode->volume);
    if (error != 0) {
        return error;
    }
    if (file->inode->is_locked) {
        return failed(ERR_IN_USE, "Resource temporarily unavailable");
    }
    file->inode->is_locked = true;
    file->holds_lock = true;
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

int path_stat(struct runtime *runtime, const char *path, struct path_info *info)
{
    int error = begin_at(runtime, DISK_STAT, path);
    if (error != 0) {
        return error;
    }
    const struct disk_inode *inode = disk_find(runtime->disk, path);
    if (inode == NULL) {
        return failed(ERR_NOT_FOUND, "No such file or directory");
    }
    *info = (struct path_info){
        .is_directory = inode->is_directory,
        .size = inode->cached.len,
        .modified_ms = inode->modified_ms,
    };
    return 0;
}

int path_rename(struct runtime *runtime, const char *from, const char *to)
{
    int error = begin_at(runtime, DISK_RENAME, from);
    if (error != 0) {
        return error;
    }
    error = disk_rename(runtime->disk, from, to);
    return error == 0 ? 0 : failed(error, "No such file or directory");
}

int path_remove(struct runtime *runtime, const char *path)
{
    int error = begin_at(runtime, DISK_REMOVE, path);
    if (error != 0) {
        return error;
    }
    error = disk_remove(runtime->disk, path);
    return error == 0 ? 0 : failed(error, "No such file or directory");
}

int directory_sync(struct runtime *runtime, const char *path)
{
    int error = begin_at(runtime, DISK_SYNC_DIRECTORY, path);
    struct disk_inode *inode = disk_find(runtime->disk, path);
    if (runtime->is_dead) {
        return error;
    }
    if (inode == NULL || !inode->is_directory) {
        return failed(ERR_NOT_FOUND, "No such file or directory");
    }
    if (error == 0) {
        disk_sync(inode);
    } else {
        disk_drop_dirty(runtime->disk, inode);
    }
    return error;
}

int directory_create(struct runtime *runtime, const char *path)
{
    char part[PATH_TEXT_MAX];
    size_t len = strlen(path);
    ASSERT(path[0] == '/' && len < sizeof part);
    for (size_t end = 1; end <= len; end++) {
        if (path[end] != '/' && path[end] != '\0') {
            continue;
        }
        memcpy(part, path, end);
        part[end] = '\0';
        int error = begin_at(runtime, DISK_MAKE_DIRECTORY, part);
        if (error != 0) {
            return error;
        }
        const struct disk_inode *inode = disk_find(runtime->disk, part);
        if (inode == NULL) {
            disk_make(runtime->disk, part, true);
        } else if (!inode->is_directory) {
            return failed(ERR_NOT_DIRECTORY, "Not a directory");
        }
    }
    return 0;
}

int directory_list(struct runtime *runtime,
                   const char *path,
                   void (*entry)(void *ctx, const char *name),
                   void *ctx)
{
    int error = begin_at(runtime, DISK_LIST, path);
    if (error != 0) {
        return error;
    }
    const struct disk_inode *inode = disk_find(runtime->disk, path);
    if (inode == NULL || !inode->is_directory) {
        return failed(ERR_NOT_FOUND, "No such file or directory");
    }
    disk_list(runtime->disk, path, entry, ctx);
    return 0;
}

int path_space(struct runtime *runtime,
               const char *path,
               uint64_t *free_bytes,
               uint64_t *total_bytes)
{
    int error = begin_at(runtime, DISK_STAT, path);
    uint64_t used = disk_used(runtime->disk);
    uint64_t capacity = MIN(runtime->disk->faults.capacity, UINT64_C(1) << 40);
    *total_bytes = capacity;
    *free_bytes = capacity > used ? capacity - used : 0;
    return error;
}
