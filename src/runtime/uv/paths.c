/* paths.c - names in the file system: looking at them, moving them, listing directories. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/uv/loop.h"

#define DIRECTORY_MODE 0755

int path_stat(struct runtime *runtime, const char *path, struct path_info *info)
{
    (void)runtime;
    struct stat found;
    if (stat(path, &found) != 0) {
        return system_error_now();
    }
    *info = (struct path_info){
        .is_directory = S_ISDIR(found.st_mode),
        .size = (uint64_t)found.st_size,
        .modified_ms = (int64_t)found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1000000,
    };
    return 0;
}

int path_rename(struct runtime *runtime, const char *from, const char *to)
{
    (void)runtime;
    return rename(from, to) == 0 ? 0 : system_error_now();
}

int path_remove(struct runtime *runtime, const char *path)
{
    (void)runtime;
    return remove(path) == 0 ? 0 : system_error_now();
}

int directory_sync(struct runtime *runtime, const char *path)
{
    (void)runtime;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return system_error_now();
    }
    int failed;
    do {
        failed = fsync(fd);
    } while (failed != 0 && errno == EINTR);
    int error = failed == 0 ? 0 : system_error_now();
    close(fd);
    return error;
}

/* 0 when it is a directory now, whoever made it. */
static int make_directory(const char *path)
{
    if (mkdir(path, DIRECTORY_MODE) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return system_error_now();
    }
    struct stat found;
    if (stat(path, &found) != 0) {
        return system_error_now();
    }
    return S_ISDIR(found.st_mode) ? 0 : system_error(ENOTDIR);
}

int directory_create(struct runtime *runtime, const char *path)
{
    (void)runtime;
    char part[PATH_TEXT_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part) {
        return system_error(len == 0 ? ENOENT : ENAMETOOLONG);
    }
    /* The way there is nearly always there: a broker makes thousands of folders in one. */
    int last_error = make_directory(path);
    if (last_error != ERR_NOT_FOUND) {
        return last_error;
    }
    for (size_t end = 1; end <= len; end++) {
        if (path[end] != '/' && path[end] != '\0') {
            continue;
        }
        memcpy(part, path, end);
        part[end] = '\0';
        int error = make_directory(part);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ---- listing --------------------------------------------------------------------------------- */

struct name_list {
    char **names;
    size_t count;
    size_t cap;
};

static void name_list_add(struct name_list *list, const char *name)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 64 : list->cap * 2;
        list->names = mem_realloc(list->names, list->cap * sizeof *list->names,
                                  cap * sizeof *list->names);
        list->cap = cap;
    }
    size_t size = strlen(name) + 1;
    list->names[list->count] = mem_alloc(size);
    memcpy(list->names[list->count], name, size);
    list->count += 1;
}

static void name_list_release(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->names[i], strlen(list->names[i]) + 1);
    }
    mem_free(list->names, list->cap * sizeof *list->names);
}

static int read_names(DIR *directory, struct name_list *list)
{
    for (;;) {
        errno = 0;
        const struct dirent *found = readdir(directory);
        if (found == NULL) {
            return errno == 0 ? 0 : system_error_now();
        }
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0) {
            name_list_add(list, found->d_name);
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int directory_list(struct runtime *runtime,
                   const char *path,
                   void (*entry)(void *ctx, const char *name),
                   void *ctx)
{
    (void)runtime;
    DIR *directory = opendir(path); /* sets O_CLOEXEC itself */
    if (directory == NULL) {
        return system_error_now();
    }
    struct name_list list = {0};
    int error = read_names(directory, &list);
    closedir(directory);
    /* All is read before the first call: the owner may remove what it is told of. */
    if (error == 0 && list.count > 0) {
        qsort(list.names, list.count, sizeof *list.names, compare_names);
        for (size_t i = 0; i < list.count; i++) {
            entry(ctx, list.names[i]);
        }
    }
    name_list_release(&list);
    return error;
}

int path_space(struct runtime *runtime,
               const char *path,
               uint64_t *free_bytes,
               uint64_t *total_bytes)
{
    (void)runtime;
    struct statvfs info;
    if (statvfs(path, &info) != 0) {
        return system_error_now();
    }
    *free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    *total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    return 0;
}
