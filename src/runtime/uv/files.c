/* files.c - files as jobs and start-up see them: blocking calls that either do all of it or fail.
 *
 * Every call retries EINTR and finishes short reads and writes, so that callers see the end of a
 * file or an error and nothing between. Descriptors do not pass to child processes. An error of
 * fdatasync leaves the pages' fate unknown (Linux marks them clean), so nobody may retry it: that
 * directory is out of service.
 *
 * ZEROING AHEAD. fdatasync of a file that grows, or whose blocks were only reserved by fallocate,
 * must commit the file system's journal as well; over blocks that have been written it need not:
 * 125 against 190-238 us here. So file_zero_ahead reserves the range first, in one piece where the
 * file system can (a full disk is then noticed before anything is written), and then writes real
 * zeros.
 *
 * It also gives back the memory of what lies in front of the range: a log that is synced is hardly
 * read again, and a page that was just freed is in the processor's cache and is mapped, which
 * memory that the system takes anew is not. (On virtual machines whose host takes back what is
 * idle, touching new pages was a fifth of a ZooKeeper follower's CPU time.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/uv/loop.h"

#define FILE_MODE 0644
#define ZERO_CHUNK ((size_t)256 * 1024)
#define WARM_CHUNK ((size_t)256 * 1024)
#define PROBE_STEP                                                                \
    ((uint64_t)128 * 1024) /* the kernel reads ahead in pieces of about that size \
                            */
#define PAGE_BYTES 4096u

/* Its owner has one reference, and so has each range of it that waits in a stream's output: the
 * loop drops those while a worker may close the file. */
struct file {
    int fd;
    atomic_uint references;
};

static const uint8_t zeros[ZERO_CHUNK];

static int system_flags(unsigned flags)
{
    int access = O_RDONLY;
    if ((flags & FILE_WRITE) != 0) {
        access = (flags & FILE_READ) != 0 ? O_RDWR : O_WRONLY;
    }
    return access | O_CLOEXEC | ((flags & FILE_CREATE) != 0 ? O_CREAT : 0) |
           ((flags & FILE_EXCLUSIVE) != 0 ? O_EXCL : 0) |
           ((flags & FILE_TRUNCATE) != 0 ? O_TRUNC : 0);
}

int file_open(struct runtime *runtime, const char *path, unsigned flags, struct file **opened)
{
    (void)runtime;
    ASSERT((flags & (FILE_READ | FILE_WRITE)) != 0);
    int fd;
    do {
        fd = open(path, system_flags(flags), FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return system_error_now();
    }
    struct file *file = mem_alloc_zeroed(sizeof *file);
    file->fd = fd;
    atomic_init(&file->references, 1);
    *opened = file;
    return 0;
}

void file_keep(struct file *file)
{
    atomic_fetch_add(&file->references, 1);
}

int file_descriptor(const struct file *file)
{
    return file->fd;
}

int file_close(struct file *file)
{
    if (atomic_fetch_sub(&file->references, 1) > 1) {
        return 0;
    }
    /* Linux frees the descriptor whatever close says; EINTR means no more than that. */
    int error = close(file->fd) == 0 || errno == EINTR ? 0 : system_error_now();
    mem_free(file, sizeof *file);
    return error;
}

int file_size(struct file *file, uint64_t *size)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) {
        return system_error_now();
    }
    *size = (uint64_t)info.st_size;
    return 0;
}

int file_read(struct file *file, uint64_t offset, void *bytes, size_t len, size_t *got)
{
    uint8_t *next = bytes;
    *got = 0;
    while (*got < len) {
        ssize_t count = pread(file->fd, next + *got, len - *got, (off_t)(offset + *got));
        if (count > 0) {
            *got += (size_t)count;
        } else if (count == 0) {
            break;
        } else if (errno != EINTR) {
            return system_error_now();
        }
    }
    return 0;
}

/* ---- what is in memory ----------------------------------------------------------------------- */

/* cachestat(2) of Linux 6.5. Containers may forbid what their profile does not know, and of a file
 * on an overlay it tells nothing: that is noticed when what was just read is not there. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

struct cachestat_range {
    uint64_t offset;
    uint64_t len;
};

struct cachestat {
    uint64_t cached;
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

/* Reads one byte if that needs no disk. */
static bool is_byte_resident(const struct file *file, uint64_t offset)
{
    uint8_t byte;
    struct iovec place = {&byte, 1};
    ssize_t count;
    do {
        count = preadv2(file->fd, &place, 1, (off_t)offset, RWF_NOWAIT);
    } while (count < 0 && errno == EINTR);
    return count >= 0 || errno != EAGAIN;
}

bool file_is_resident_by_probes(const struct file *file, uint64_t offset, uint64_t len)
{
    for (uint64_t done = 0; done < len; done += PROBE_STEP) {
        if (!is_byte_resident(file, offset + done)) {
            return false;
        }
    }
    return is_byte_resident(file, offset + len - 1);
}

static atomic_bool is_cachestat_useless;

static bool count_cached(const struct file *file, uint64_t offset, uint64_t len, uint64_t *pages)
{
    struct cachestat_range range = {offset, len};
    struct cachestat found;
    if (atomic_load(&is_cachestat_useless)) {
        return false;
    }
    if (syscall(SYS_cachestat, file->fd, &range, &found, 0) != 0) {
        atomic_store(&is_cachestat_useless, true);
        return false;
    }
    *pages = found.cached;
    return true;
}

bool file_is_resident(struct file *file, uint64_t offset, uint64_t len)
{
    uint64_t pages;
    if (len == 0) {
        return true;
    }
    if (count_cached(file, offset, len, &pages)) {
        return pages >= (offset + len - 1) / PAGE_BYTES - offset / PAGE_BYTES + 1;
    }
    return file_is_resident_by_probes(file, offset, len);
}

void file_warm(struct file *file, uint64_t offset, uint64_t len)
{
    uint8_t *bytes = mem_alloc(WARM_CHUNK);
    int error = 0;
    size_t got = WARM_CHUNK;
    for (uint64_t done = 0; error == 0 && done < len && got == WARM_CHUNK; done += got) {
        size_t want = (size_t)MIN(len - done, WARM_CHUNK);
        error = file_read(file, offset + done, bytes, want, &got);
    }
    mem_free(bytes, WARM_CHUNK);
    uint64_t pages;
    if (error == 0 && got > 0 && count_cached(file, offset, MIN(len, WARM_CHUNK), &pages) &&
        pages == 0) {
        atomic_store(&is_cachestat_useless, true);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

int file_write(struct file *file, uint64_t offset, struct slice bytes)
{
    size_t written = 0;
    while (written < bytes.len) {
        ssize_t count = pwrite(file->fd, bytes.ptr + written, bytes.len - written,
                               (off_t)(offset + written));
        if (count > 0) {
            written += (size_t)count;
        } else if (count == 0) {
            /* A regular file takes at least a byte or says why not; never turn in a circle over it.
             */
            return system_error(EIO);
        } else if (errno != EINTR) {
            return system_error_now();
        }
    }
    return 0;
}

int file_sync(struct file *file)
{
    int failed;
    do {
        failed = fdatasync(file->fd);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 ? 0 : system_error_now();
}

int file_resize(struct file *file, uint64_t size)
{
    int failed;
    do {
        failed = ftruncate(file->fd, (off_t)size);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 ? 0 : system_error_now();
}

/* 0 also where the file system cannot reserve: the zeros then do it. */
static int reserve(struct file *file, uint64_t offset, uint64_t len)
{
    int failed;
    do {
        failed = fallocate(file->fd, 0, (off_t)offset, (off_t)len);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : system_error_now();
}

int file_zero_ahead(struct file *file, uint64_t offset, uint64_t len)
{
    if (len == 0) {
        return 0;
    }
    /* A hint: who cannot take it says so, and nothing is lost. */
    (void)posix_fadvise(file->fd, 0, (off_t)offset, POSIX_FADV_DONTNEED);
    int error = reserve(file, offset, len);
    for (uint64_t done = 0; error == 0 && done < len; done += ZERO_CHUNK) {
        error = file_write(file, offset + done,
                           slice_of(zeros, (size_t)MIN(len - done, ZERO_CHUNK)));
    }
    return error;
}

int file_lock(struct file *file)
{
    int failed;
    do {
        failed = flock(file->fd, LOCK_EX | LOCK_NB);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 ? 0 : system_error_now();
}
