/* bad_disk.c - a disk that fails when it is told to: preloaded into a server (LD_PRELOAD).
 *
 * $BAD_DISK names a file of 32-bit numbers, shared with the test: for each kind of file (see
 * `struct kind`) how often it was written and synced, and what is to go wrong. Kinds are told by
 * the name behind the descriptor. Built by test_bad_disk.py with the system's compiler.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    KIND_LOG,
    KIND_SNAPSHOT,
    KIND_MARK,
    KIND_FOLDER,
    KIND_COUNT
};

struct kind {
    volatile int32_t writes;
    volatile int32_t syncs;
    volatile int32_t fail_write_from; /* the n-th write and all behind it fail; 0: none */
    volatile int32_t fail_sync_from;  /* the n-th sync fails; 0: none */
    volatile int32_t fail_sync_count; /* how many do from there; 0: all */
    volatile int32_t error;           /* with this errno */
    volatile int32_t sync_delay_ms;
    volatile int32_t ragged; /* not 0: writes take a part only, calls are interrupted */
};

static struct kind *kinds;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);

__attribute__((constructor)) static void open_orders(void)
{
    const char *path = getenv("BAD_DISK");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof *kinds * KIND_COUNT, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                         0);
        kinds = map == MAP_FAILED ? NULL : map;
        close(fd);
    }
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
}

static struct kind *kind_of(int fd)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = kinds == NULL ? -1 : readlink(link, path, sizeof path - 1);
    if (len <= 0) {
        return NULL;
    }
    path[len] = '\0';
    const char *name = strrchr(path, '/') + 1;
    if (strncmp(name, "log.", 4) == 0) {
        return &kinds[KIND_LOG];
    }
    if (strncmp(name, "snapshot.", 9) == 0 || strncmp(name, "received-", 9) == 0) {
        return &kinds[KIND_SNAPSHOT];
    }
    if (strncmp(name, ".samsa", 6) == 0) {
        return &kinds[KIND_MARK];
    }
    return strcmp(name, "version-2") == 0 ? &kinds[KIND_FOLDER] : NULL;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct kind *kind = kind_of(fd);
    if (kind == NULL) {
        return real_pwrite(fd, bytes, len, offset);
    }
    int32_t number = __sync_add_and_fetch(&kind->writes, 1);
    if (kind->fail_write_from != 0 && number >= kind->fail_write_from) {
        errno = kind->error;
        return -1;
    }
    if (kind->ragged != 0 && number % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    if (kind->ragged != 0 && len > 1) {
        len = 1 + (size_t)number % len;
    }
    return real_pwrite(fd, bytes, len, offset);
}

static int sync_file(int fd, int (*real_sync)(int))
{
    struct kind *kind = kind_of(fd);
    if (kind == NULL) {
        return real_sync(fd);
    }
    int32_t number = __sync_add_and_fetch(&kind->syncs, 1);
    if (kind->sync_delay_ms > 0) {
        struct timespec delay = {kind->sync_delay_ms / 1000, kind->sync_delay_ms % 1000 * 1000000L};
        nanosleep(&delay, NULL);
    }
    int32_t behind = number - kind->fail_sync_from;
    if (kind->fail_sync_from != 0 && behind >= 0 &&
        (kind->fail_sync_count == 0 || behind < kind->fail_sync_count)) {
        errno = kind->error;
        return -1;
    }
    if (kind->ragged != 0 && number % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return real_sync(fd);
}

int fdatasync(int fd)
{
    return sync_file(fd, real_fdatasync);
}

int fsync(int fd)
{
    return sync_file(fd, real_fsync);
}
