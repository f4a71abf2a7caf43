/* synced_mark.c - see synced_mark.h. */
#include "zookeeper/storage/synced_mark.h"

#include <isa-l/igzip_lib.h>

#include "base/endian.h"

#define MARK_MAGIC 0x53414d4d /* "SAMM" */
#define MARK_BYTES 24
#define SUMMED_BYTES 20

static void mark_path(char *path, const char *log_dir)
{
    data_dir_join(path, log_dir, SYNCED_MARK_NAME);
}

int synced_mark_open(struct runtime *runtime, const char *log_dir, struct file **file)
{
    char path[PATH_TEXT_MAX];
    mark_path(path, log_dir);
    return file_open(runtime, path, FILE_READ | FILE_WRITE | FILE_CREATE, file);
}

int synced_mark_write(struct file *file, const struct synced_mark *mark)
{
    uint8_t bytes[MARK_BYTES];
    store_be32(bytes, MARK_MAGIC);
    store_be64(bytes + 4, (uint64_t)mark->log_zxid);
    store_be64(bytes + 12, mark->offset);
    store_be32(bytes + SUMMED_BYTES, isal_adler32(1, bytes, SUMMED_BYTES));
    return file_write(file, 0, slice_of(bytes, sizeof bytes));
}

int synced_mark_save(struct runtime *runtime, const char *log_dir, const struct synced_mark *mark)
{
    struct file *file;
    int error = synced_mark_open(runtime, log_dir, &file);
    if (error != 0) {
        return error;
    }
    error = synced_mark_write(file, mark);
    if (error == 0) {
        error = file_sync(file);
    }
    int close_error = file_close(file);
    return error != 0 ? error : close_error;
}

bool synced_mark_read(struct runtime *runtime, const char *log_dir, struct synced_mark *mark)
{
    char path[PATH_TEXT_MAX];
    uint8_t bytes[MARK_BYTES];
    size_t got = 0;
    struct file *file;
    mark_path(path, log_dir);
    if (file_open(runtime, path, FILE_READ, &file) != 0) {
        return false;
    }
    int error = file_read(file, 0, bytes, sizeof bytes, &got);
    file_close(file);
    if (error != 0 || got < sizeof bytes || load_be32(bytes) != MARK_MAGIC ||
        load_be32(bytes + SUMMED_BYTES) != isal_adler32(1, bytes, SUMMED_BYTES)) {
        return false;
    }
    mark->log_zxid = (int64_t)load_be64(bytes + 4);
    mark->offset = load_be64(bytes + 12);
    return true;
}
