/* support_kafka_log_folder.c - the log's temporary folder of the real file system. By itself, for
 * tests that put the log on the simulated disk. */
#include "unit/support_kafka_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "runtime/uv/runtime_uv.h"

int fixture_begin(void **state)
{
    struct log_fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->root, sizeof fixture->root, "/tmp/samsa-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->dir, sizeof fixture->dir, "%s/topic-0", fixture->root);
    assert_int_equal(runtime_create(NULL, &fixture->runtime), 0);
    topic_config_defaults(&fixture->config);
    fixture->wall_ms = FIXTURE_NOW_MS;
    buffer_init(&fixture->batch, SIZE_MAX);
    *state = fixture;
    return 0;
}

struct removal {
    const struct log_fixture *fixture;
    const char *dir;
};

static void remove_entry(void *ctx, const char *name)
{
    const struct removal *removal = ctx;
    char path[PATH_TEXT_MAX];
    snprintf(path, sizeof path, "%s/%s", removal->dir, name);
    assert_int_equal(path_remove(removal->fixture->runtime, path), 0);
}

void fixture_remove_all(struct log_fixture *fixture)
{
    struct removal removal = {fixture, fixture->dir};
    struct path_info info;
    if (path_stat(fixture->runtime, fixture->dir, &info) == 0) {
        assert_int_equal(directory_list(fixture->runtime, fixture->dir, remove_entry, &removal), 0);
        assert_int_equal(path_remove(fixture->runtime, fixture->dir), 0);
    }
}

int fixture_end(void **state)
{
    struct log_fixture *fixture = *state;
    if (fixture->log != NULL) {
        partition_log_release(fixture->log);
    }
    fixture_remove_all(fixture);
    assert_int_equal(path_remove(fixture->runtime, fixture->root), 0);
    buffer_release(&fixture->batch);
    runtime_destroy(fixture->runtime);
    assert_int_equal(mem_used(), 0);
    free(fixture);
    return 0;
}
