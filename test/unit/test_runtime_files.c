/* Files and directories of the real runtime. The full disk is a tmpfs of one megabyte in a mount
 * namespace of its own, where we may make one; /dev/full, which everybody has, is tried as well. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/uv/loop.h"
#include "runtime/uv/runtime_uv.h"

static struct runtime *runtime;
static char root[64];

static const char *path_of(const char *name)
{
    static char paths[4][PATH_TEXT_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_TEXT_MAX, "%s/%s", root, name);
    return path;
}

static int begin(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/samsa-files-XXXXXX");
    assert_non_null(mkdtemp(root));
    return runtime_create(NULL, &runtime);
}

static void remove_entry(void *ctx, const char *name)
{
    const char *directory = ctx;
    char path[PATH_TEXT_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    struct path_info info;
    if (path_stat(runtime, path, &info) == 0 && info.is_directory) {
        assert_int_equal(directory_list(runtime, path, remove_entry, path), 0);
    }
    assert_int_equal(path_remove(runtime, path), 0);
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(directory_list(runtime, root, remove_entry, root), 0);
    assert_int_equal(path_remove(runtime, root), 0);
    runtime_destroy(runtime);
    assert_int_equal(mem_used(), 0);
    return 0;
}

static struct file *open_new(const char *name)
{
    struct file *file = NULL;
    unsigned flags = FILE_READ | FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE;
    assert_int_equal(file_open(runtime, path_of(name), flags, &file), 0);
    return file;
}

static void test_write_and_read(void **state)
{
    (void)state;
    struct file *file = open_new("a");
    assert_int_equal(file_write(file, 3, SLICE_LIT("hello")), 0);
    assert_int_equal(file_write(file, 0, SLICE_LIT("abc")), 0);
    assert_int_equal(file_write(file, 8, SLICE_NULL), 0);
    assert_int_equal(file_sync(file), 0);
    uint64_t size = 0;
    assert_int_equal(file_size(file, &size), 0);
    assert_int_equal(size, 8);
    char bytes[16];
    size_t got = 0;
    assert_int_equal(file_read(file, 1, bytes, sizeof bytes, &got), 0);
    assert_int_equal(got, 7);
    assert_memory_equal(bytes, "bchello", 7);
    assert_int_equal(file_read(file, 100, bytes, sizeof bytes, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(file_resize(file, 4), 0);
    assert_int_equal(file_read(file, 0, bytes, sizeof bytes, &got), 0);
    assert_int_equal(got, 4);
    assert_int_equal(file_close(file), 0);

    struct path_info info;
    assert_int_equal(path_stat(runtime, path_of("a"), &info), 0);
    assert_int_equal(info.size, 4);
    assert_false(info.is_directory);
    int64_t age_ms = runtime_wall_ms(runtime) - info.modified_ms;
    assert_true(age_ms > -1000 && age_ms < 60000);
}

static void test_flags_and_errors(void **state)
{
    (void)state;
    struct file *file = NULL;
    assert_int_equal(file_open(runtime, path_of("b"), FILE_READ, &file), ERR_NOT_FOUND);
    assert_string_equal(runtime_error_detail(), "No such file or directory");
    assert_int_equal(file_close(open_new("b")), 0);
    unsigned exclusive = FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE;
    assert_int_equal(file_open(runtime, path_of("b"), exclusive, &file), ERR_EXISTS);
    assert_int_equal(file_open(runtime, path_of("b/c"), FILE_READ, &file), ERR_NOT_DIRECTORY);

    assert_int_equal(file_open(runtime, path_of("b"), FILE_WRITE | FILE_CREATE, &file), 0);
    assert_int_equal(file_write(file, 0, SLICE_LIT("1234")), 0);
    assert_int_equal(file_close(file), 0);
    assert_int_equal(file_open(runtime, path_of("b"), FILE_READ, &file), 0);
    assert_int_equal(file_write(file, 0, SLICE_LIT("x")), ERR_IO); /* not opened for writing */
    uint64_t size = 0;
    assert_int_equal(file_size(file, &size), 0);
    assert_int_equal(size, 4);
    assert_int_equal(file_close(file), 0);
    assert_int_equal(file_open(runtime, path_of("b"), FILE_WRITE | FILE_TRUNCATE, &file), 0);
    assert_int_equal(file_size(file, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(file_close(file), 0);
}

/* A probe lets the kernel begin to read, and from a fast disk the byte may be there at once: cold
 * is what one of many tries finds cold. */
static bool is_found_cold_by_probes(struct file *file, uint64_t len)
{
    bool is_cold = false;
    for (int i = 0; i < 100 && !is_cold; i++) {
        assert_int_equal(posix_fadvise(file_descriptor(file), 0, 0, POSIX_FADV_DONTNEED), 0);
        is_cold = !file_is_resident_by_probes(file, 0, len);
    }
    return is_cold;
}

/* Two ways to ask whether a file is in memory, and how it comes there. */
static void test_residence(void **state)
{
    (void)state;
    static uint8_t bytes[16 << 20];
    struct file *file = open_new("a");
    assert_int_equal(file_write(file, 0, slice_of(bytes, sizeof bytes)), 0);
    assert_true(file_is_resident(file, 0, sizeof bytes));
    assert_true(file_is_resident_by_probes(file, 0, sizeof bytes));
    assert_true(file_is_resident(file, 0, 0));
    assert_int_equal(file_sync(file), 0);
    assert_int_equal(posix_fadvise(file_descriptor(file), 0, 0, POSIX_FADV_DONTNEED), 0);
    if (file_is_resident(file, 0, sizeof bytes)) {
        assert_int_equal(file_close(file), 0);
        skip(); /* a file system that is memory */
    }
    assert_true(is_found_cold_by_probes(file, sizeof bytes));
    file_warm(file, sizeof bytes / 2, sizeof bytes);
    assert_true(file_is_resident(file, sizeof bytes / 2, sizeof bytes / 2));
    assert_true(file_is_resident_by_probes(file, sizeof bytes / 2, sizeof bytes / 2));
    file_warm(file, 0, sizeof bytes);
    assert_true(file_is_resident(file, 0, sizeof bytes));
    assert_int_equal(file_close(file), 0);
}

static void test_zero_ahead(void **state)
{
    (void)state;
    struct file *file = open_new("log");
    assert_int_equal(file_write(file, 0, SLICE_LIT("head")), 0);
    uint64_t len = 700 * 1000 + 1;
    assert_int_equal(file_zero_ahead(file, 4, len), 0);
    uint64_t size = 0;
    assert_int_equal(file_size(file, &size), 0);
    assert_int_equal(size, len + 4);
    uint8_t *bytes = mem_alloc(len + 4);
    size_t got = 0;
    assert_int_equal(file_read(file, 0, bytes, len + 4, &got), 0);
    assert_int_equal(got, len + 4);
    assert_memory_equal(bytes, "head", 4);
    for (size_t i = 4; i < got; i++) {
        assert_int_equal(bytes[i], 0);
    }
    mem_free(bytes, len + 4);
    /* Not a hole: the blocks are there. */
    assert_int_equal(file_sync(file), 0);
    struct stat info;
    assert_int_equal(stat(path_of("log"), &info), 0);
    assert_true((uint64_t)info.st_blocks * 512 >= len);
    assert_int_equal(file_zero_ahead(file, 10, 0), 0);
    assert_int_equal(file_close(file), 0);
}

static void test_lock(void **state)
{
    (void)state;
    struct file *first = open_new("lock");
    struct file *second = NULL;
    assert_int_equal(file_open(runtime, path_of("lock"), FILE_WRITE, &second), 0);
    assert_int_equal(file_lock(first), 0);
    assert_int_equal(file_lock(second), ERR_IN_USE);
    /* Another process meets it as well, and does not inherit it by fork and exec. */
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path_of("lock"), O_WRONLY | O_CLOEXEC);
        struct file *third = NULL;
        int error = file_open(runtime, path_of("lock"), FILE_WRITE, &third);
        _exit(fd >= 0 && error == 0 && file_lock(third) == ERR_IN_USE ? 7 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(file_close(first), 0);
    assert_int_equal(file_lock(second), 0);
    assert_int_equal(file_close(second), 0);
}

static struct buffer listed;

static void list_entry(void *ctx, const char *name)
{
    assert_ptr_equal(ctx, &listed);
    buffer_append_cstr(&listed, name);
    buffer_append_u8(&listed, ' ');
}

static void test_directories(void **state)
{
    (void)state;
    assert_int_equal(directory_create(runtime, path_of("x/y/z")), 0);
    assert_int_equal(directory_create(runtime, path_of("x/y/z/")), 0);
    static const char *const names[] = {"x/log.a", "x/log.10", "x/log.9", "x/B"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(file_close(open_new(names[i])), 0);
    }
    buffer_init(&listed, 1000);
    assert_int_equal(directory_list(runtime, path_of("x"), list_entry, &listed), 0);
    assert_true(slice_equal_cstr(buffer_slice(&listed), "B log.10 log.9 log.a y "));
    buffer_release(&listed);
    assert_int_equal(directory_sync(runtime, path_of("x")), 0);
    assert_int_equal(path_remove(runtime, path_of("x")), ERR_EXISTS);
    assert_int_equal(path_rename(runtime, path_of("x/B"), path_of("x/log.9")), 0);
    assert_int_equal(path_rename(runtime, path_of("x/B"), path_of("x/C")), ERR_NOT_FOUND);
    assert_int_equal(path_remove(runtime, path_of("x/log.9")), 0);
    assert_int_equal(path_remove(runtime, path_of("x/log.9")), ERR_NOT_FOUND);
    assert_int_equal(directory_create(runtime, path_of("x/log.a/sub")), ERR_NOT_DIRECTORY);
    assert_int_equal(directory_list(runtime, path_of("none"), list_entry, &listed), ERR_NOT_FOUND);
    assert_int_equal(directory_sync(runtime, path_of("none")), ERR_NOT_FOUND);
    assert_int_equal(directory_create(runtime, ""), ERR_NOT_FOUND);
    struct path_info info;
    assert_int_equal(path_stat(runtime, path_of("x/y"), &info), 0);
    assert_true(info.is_directory);
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    assert_int_equal(path_space(runtime, root, &free_bytes, &total_bytes), 0);
    assert_true(free_bytes <= total_bytes && total_bytes > 0);
}

static void test_dev_full(void **state)
{
    (void)state;
    struct file *file = NULL;
    assert_int_equal(file_open(runtime, "/dev/full", FILE_WRITE, &file), 0);
    assert_int_equal(file_write(file, 0, SLICE_LIT("x")), ERR_NO_SPACE);
    assert_string_equal(runtime_error_detail(), "No space left on device");
    assert_int_equal(file_close(file), 0);
}

/* In a child, whose mounts are nobody else's. Exit code: 0 all well, 77 no right to mount. */
static int fill_a_small_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", root, "tmpfs", 0, "size=1m") != 0) {
        return 77;
    }
    struct file *file = NULL;
    unsigned flags = FILE_READ | FILE_WRITE | FILE_CREATE;
    if (file_open(runtime, path_of("big"), flags, &file) != 0) {
        return 1;
    }
    static const uint8_t piece[64 * 1024];
    int error = 0;
    uint64_t offset = 0;
    for (; error == 0 && offset < 4 << 20; offset += sizeof piece) {
        error = file_write(file, offset, slice_of(piece, sizeof piece));
    }
    if (error != ERR_NO_SPACE || offset > (1 << 20) + sizeof piece) {
        return 2;
    }
    if (file_resize(file, 0) != 0 || file_zero_ahead(file, 0, 2 << 20) != ERR_NO_SPACE) {
        return 3;
    }
    /* Refused as a whole: nothing has been taken. */
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    if (path_space(runtime, root, &free_bytes, &total_bytes) != 0 || free_bytes < 1000000) {
        return 4;
    }
    if (file_zero_ahead(file, 0, 512 << 10) != 0 || file_close(file) != 0) {
        return 5;
    }
    struct file *other = NULL;
    if (mount("none", root, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0 ||
        file_open(runtime, path_of("other"), flags, &other) != ERR_READ_ONLY) {
        return 6;
    }
    return 0;
}

/* On an overlay, as containers have it, the system does not say what is in memory. */
static int warm_on_an_overlay(void)
{
    static const uint8_t bytes[512 * 1024];
    char options[256];
    const char *parts[] = {"lower", "upper", "work", "merged"};
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", root, "tmpfs", 0, "size=8m") != 0) {
        return 77;
    }
    for (size_t n = 0; n < ARRAY_LEN(parts); n++) {
        if (directory_create(runtime, path_of(parts[n])) != 0) {
            return 1;
        }
    }
    snprintf(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", root,
             root, root);
    if (mount("none", path_of("merged"), "overlay", 0, options) != 0) {
        return 77;
    }
    struct file *file = NULL;
    unsigned flags = FILE_READ | FILE_WRITE | FILE_CREATE;
    if (file_open(runtime, path_of("merged/big"), flags, &file) != 0 ||
        file_write(file, 0, slice_of(bytes, sizeof bytes)) != 0) {
        return 2;
    }
    file_warm(file, 0, sizeof bytes);
    if (!file_is_resident(file, 0, sizeof bytes)) {
        return 3;
    }
    return file_close(file) == 0 ? 0 : 4;
}

static void run_in_child(int (*work)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        _exit(work());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: no right to mount such a file system here (needs root)\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_full_disk(void **state)
{
    (void)state;
    run_in_child(fill_a_small_disk);
}

static void test_residence_on_an_overlay(void **state)
{
    (void)state;
    run_in_child(warm_on_an_overlay);
}

static void test_descriptors_do_not_pass_to_children(void **state)
{
    (void)state;
    struct file *file = open_new("private");
    /* The highest descriptor is the file's, nothing was opened since. */
    int highest = dup(0);
    assert_true(highest > 0);
    close(highest);
    assert_true((fcntl(highest - 1, F_GETFD) & FD_CLOEXEC) != 0);
    struct stat by_descriptor;
    struct stat by_name;
    assert_int_equal(fstat(highest - 1, &by_descriptor), 0);
    assert_int_equal(stat(path_of("private"), &by_name), 0);
    assert_int_equal(by_descriptor.st_ino, by_name.st_ino);
    assert_int_equal(file_close(file), 0);
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    runtime_random(runtime, a, sizeof a);
    runtime_random(runtime, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_write_and_read),
        TEST(test_flags_and_errors),
        TEST(test_residence),
        TEST(test_zero_ahead),
        TEST(test_lock),
        TEST(test_directories),
        TEST(test_dev_full),
        TEST(test_full_disk),
        TEST(test_residence_on_an_overlay),
        TEST(test_descriptors_do_not_pass_to_children),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
