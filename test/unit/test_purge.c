/* Purging: which names go, which stay, and what is told about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/uv/runtime_uv.h"
#include "zookeeper/storage/recovery.h"

#define WHOLE "0123456789\0\0\0\1/" /* ends as a snapshot does */
#define HEARD_MAX 32

struct fixture {
    struct runtime *runtime;
    char folder[256];
    char heard[HEARD_MAX][DATA_FILE_NAME_MAX];
    size_t heard_count;
    int failures;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_int_equal(runtime_create(NULL, &fixture->runtime), 0);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/samsa-test-purge-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    *state = fixture;
    return 0;
}

static void remove_entry(void *ctx, const char *name)
{
    struct fixture *fixture = ctx;
    char path[PATH_TEXT_MAX];
    data_dir_join(path, fixture->folder, name);
    assert_int_equal(remove(path), 0);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(directory_list(fixture->runtime, fixture->folder, remove_entry, fixture), 0);
    assert_int_equal(rmdir(fixture->folder), 0);
    runtime_destroy(fixture->runtime);
    free(fixture);
    return 0;
}

static void make_file(struct fixture *fixture, const char *name, bool is_whole)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, fixture->folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    size_t len = is_whole ? sizeof WHOLE - 1 : 3;
    assert_int_equal(fwrite(WHOLE, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void on_removing(void *ctx, const char *path, int64_t modified_ms)
{
    struct fixture *fixture = ctx;
    assert_true(modified_ms > 0);
    assert_int_equal(access(path, F_OK), 0); /* it is told before */
    assert_true(fixture->heard_count < HEARD_MAX);
    snprintf(fixture->heard[fixture->heard_count++], DATA_FILE_NAME_MAX, "%s",
             strrchr(path, '/') + 1);
}

static void on_failed(void *ctx, const char *path, int error)
{
    struct fixture *fixture = ctx;
    assert_true(strlen(path) > 0 && error < 0);
    fixture->failures++;
}

static void purge(struct fixture *fixture, uint32_t retain)
{
    const struct purge_observer observer = {on_removing, on_failed, fixture};
    fixture->heard_count = 0;
    assert_int_equal(
        purge_files(fixture->runtime, fixture->folder, fixture->folder, retain, &observer), 0);
    assert_int_equal(fixture->failures, 0);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, fixture->folder, name);
    return access(path, F_OK) == 0;
}

static void test_names(void **state)
{
    static const char *const gone[] = {
        "log.1",          "log.1f",         "log.1f.fixed",
        "log.zz",         "log.",           "log.-5",
        "log.1.gz",       "log.0x30", /* no number for Java */
        "snapshot.20",    "snapshot.20.gz", "snapshot.2f.samsa-tmp",
        "snapshot.other",
    };
    static const char *const kept[] = {
        "log.2a",      "log.2a.chopped5",      "log.31",      "log.+40",     "logs",
        "log",         "snapshot.30",          "snapshot.40", "snapshot.50", "foreign",
        "snapshot.41", "log.7fffffffffffffff",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        make_file(fixture, gone[i], true);
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        make_file(fixture, kept[i], strcmp(kept[i], "snapshot.41") != 0);
    }
    purge(fixture, 3);
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        assert_false(is_there(fixture, gone[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        assert_true(is_there(fixture, kept[i]));
    }
    assert_int_equal(fixture->heard_count, ARRAY_LEN(gone));
    purge(fixture, 3);
    assert_int_equal(fixture->heard_count, 0);
}

/* Fewer whole snapshots than asked for: only what is older than the oldest of them goes. */
static void test_few_snapshots(void **state)
{
    struct fixture *fixture = *state;
    make_file(fixture, "snapshot.5", false);
    make_file(fixture, "snapshot.9", true);
    make_file(fixture, "snapshot.a", false);
    make_file(fixture, "log.1", true);
    make_file(fixture, "log.6", true);
    purge(fixture, 3);
    assert_int_equal(fixture->heard_count, 2);
    assert_false(is_there(fixture, "snapshot.5"));
    assert_false(is_there(fixture, "log.1"));
    assert_true(is_there(fixture, "log.6"));
    assert_true(is_there(fixture, "snapshot.a"));
}

static void test_no_whole_snapshot(void **state)
{
    struct fixture *fixture = *state;
    make_file(fixture, "snapshot.5", false);
    make_file(fixture, "log.1", true);
    make_file(fixture, "log.zz", true);
    purge(fixture, 3);
    assert_int_equal(fixture->heard_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_few_snapshots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_whole_snapshot, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
