/* Watches: each mode by itself, and a long random run against the naive model: a table of mode bits
 * by (path, watcher). */
#include "zookeeper/core/watch.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WATCHERS 6
#define ALL_MODES ((unsigned)(WATCH_STANDARD | WATCH_PERSISTENT | WATCH_PERSISTENT_RECURSIVE))

static const char *const paths[] = {"/", "/a", "/a/b", "/a/b/c", "/a/bc", "/ab", "/d", ""};
#define PATHS ARRAY_LEN(paths)

static const struct hash_key key = {1, 2};

struct heard {
    uint64_t ids[2 * WATCHERS];
    size_t count;
};

static void hear(void *ctx, struct watcher *watcher)
{
    struct heard *heard = ctx;
    assert_true(heard->count < ARRAY_LEN(heard->ids));
    heard->ids[heard->count++] = watcher->id;
}

static size_t trigger(struct watch_table *table, const char *path, struct heard *heard)
{
    heard->count = 0;
    size_t reached = watch_trigger(table, slice_of_cstr(path), hear, heard);
    assert_int_equal(reached, heard->count);
    watch_table_check(table);
    return reached;
}

static void test_a_standard_watch_fires_once(void **state)
{
    (void)state;
    struct watch_table table;
    struct watcher watcher;
    struct heard heard;
    watch_table_init(&table, key);
    watcher_init(&watcher, 1);
    assert_true(watch_add(&table, SLICE_LIT("/a"), &watcher, WATCH_STANDARD));
    assert_false(watch_add(&table, SLICE_LIT("/a"), &watcher, WATCH_STANDARD));
    assert_int_equal(trigger(&table, "/a/b", &heard), 0);
    assert_int_equal(trigger(&table, "/", &heard), 0);
    assert_int_equal(trigger(&table, "/a", &heard), 1);
    assert_int_equal(trigger(&table, "/a", &heard), 0);
    assert_int_equal(table.watch_count, 0);
    assert_int_equal(watcher.count, 0);
    watch_table_release(&table);
}

static void test_a_recursive_watch_hears_of_descendants(void **state)
{
    (void)state;
    struct watch_table table;
    struct watcher at_root;
    struct watcher at_a;
    struct heard heard;
    watch_table_init(&table, key);
    watcher_init(&at_root, 1);
    watcher_init(&at_a, 2);
    watch_add(&table, SLICE_LIT("/a"), &at_a, WATCH_PERSISTENT_RECURSIVE);
    watch_add(&table, SLICE_LIT("/"), &at_root, WATCH_PERSISTENT_RECURSIVE);
    assert_int_equal(trigger(&table, "/a/b/c", &heard), 2);
    assert_int_equal(heard.ids[0], 1); /* by id, not by nearness */
    assert_int_equal(heard.ids[1], 2);
    /* a name that only begins alike is no descendant */
    assert_int_equal(trigger(&table, "/ab", &heard), 1);
    assert_int_equal(trigger(&table, "/", &heard), 1);
    assert_int_equal(trigger(&table, "/a", &heard), 2);
    assert_true(watch_remove(&table, SLICE_LIT("/a"), &at_a, WATCH_PERSISTENT_RECURSIVE));
    assert_false(watch_remove(&table, SLICE_LIT("/a"), &at_a, ALL_MODES));
    assert_int_equal(trigger(&table, "/a/b", &heard), 1);
    watch_table_release(&table);
}

static void test_modes_coexist(void **state)
{
    (void)state;
    struct watch_table table;
    struct watcher watcher;
    struct heard heard;
    watch_table_init(&table, key);
    watcher_init(&watcher, 1);
    watch_add(&table, SLICE_LIT("/a"), &watcher, WATCH_STANDARD);
    watch_add(&table, SLICE_LIT("/a"), &watcher, WATCH_PERSISTENT);
    watch_add(&table, SLICE_LIT("/a"), &watcher, WATCH_PERSISTENT_RECURSIVE);
    assert_int_equal(table.watch_count, 1);
    assert_int_equal(trigger(&table, "/a", &heard), 1); /* once, though three modes match */
    assert_false(watch_has(&table, SLICE_LIT("/a"), &watcher, WATCH_STANDARD));
    assert_true(watch_has(&table, SLICE_LIT("/a"), &watcher, WATCH_PERSISTENT));
    assert_true(watch_remove(&table, SLICE_LIT("/a"), &watcher, WATCH_PERSISTENT));
    assert_true(watch_has(&table, SLICE_LIT("/a"), &watcher, WATCH_PERSISTENT_RECURSIVE));
    watcher_remove_all(&watcher);
    assert_int_equal(table.watch_count, 0);
    assert_int_equal(table.recursive_count, 0);
    assert_int_equal(table.paths.count, 0);
    watch_table_release(&table);
}

struct remover {
    struct watcher *watchers;
    size_t count;
};

static void remove_everybody(void *ctx, struct watcher *watcher)
{
    struct remover *remover = ctx;
    (void)watcher;
    for (size_t i = 0; i < WATCHERS; i++) {
        watcher_remove_all(&remover->watchers[i]);
    }
    remover->count += 1;
}

static void test_telling_one_may_remove_others(void **state)
{
    (void)state;
    struct watch_table table;
    struct watcher watchers[WATCHERS];
    struct remover remover = {watchers, 0};
    watch_table_init(&table, key);
    for (size_t i = 0; i < WATCHERS; i++) {
        watcher_init(&watchers[i], i + 1);
        watch_add(&table, SLICE_LIT("/a"), &watchers[i],
                  i % 2 == 0 ? WATCH_PERSISTENT : WATCH_PERSISTENT_RECURSIVE);
    }
    watch_trigger(&table, SLICE_LIT("/a"), remove_everybody, &remover);
    assert_int_equal(remover.count, WATCHERS);
    assert_int_equal(table.watch_count, 0);
    watch_table_check(&table);
    watch_table_release(&table);
}

/* ---- against the model --------------------------------------------------------------- */

struct model {
    unsigned modes[PATHS][WATCHERS];
};

static bool is_descendant(const char *path, const char *ancestor)
{
    size_t len = strlen(ancestor);
    if (strcmp(ancestor, "/") == 0) {
        return strlen(path) > 1;
    }
    return len > 0 && strncmp(path, ancestor, len) == 0 && path[len] == '/';
}

static void check_trigger(struct watch_table *table, struct model *model, size_t at)
{
    struct heard heard;
    bool expected[WATCHERS] = {false};
    for (size_t p = 0; p < PATHS; p++) {
        for (size_t w = 0; w < WATCHERS; w++) {
            unsigned modes = model->modes[p][w];
            if ((p == at && modes != 0) ||
                ((modes & WATCH_PERSISTENT_RECURSIVE) != 0 && is_descendant(paths[at], paths[p]))) {
                expected[w] = true;
            }
        }
    }
    trigger(table, paths[at], &heard);
    size_t next = 0;
    for (size_t w = 0; w < WATCHERS; w++) {
        if (expected[w]) {
            assert_true(next < heard.count);
            assert_int_equal(heard.ids[next], w + 1);
            next += 1;
        }
        model->modes[at][w] &= ~(unsigned)WATCH_STANDARD;
    }
    assert_int_equal(next, heard.count);
}

struct walk {
    struct model *model;
    struct watcher *watchers;
    size_t count;
    struct slice last;
};

static void check_walked(void *ctx, struct slice path, const struct watcher *watcher)
{
    struct walk *walk = ctx;
    assert_true(slice_compare(walk->last, path) <= 0);
    walk->last = path;
    walk->count += 1;
    for (size_t p = 0; p < PATHS; p++) {
        if (slice_equal_cstr(path, paths[p])) {
            assert_true(walk->model->modes[p][watcher->id - 1] != 0);
            return;
        }
    }
    fail();
}

static void check_all(const struct watch_table *table,
                      struct model *model,
                      struct watcher *watchers)
{
    size_t count = 0;
    for (size_t p = 0; p < PATHS; p++) {
        for (size_t w = 0; w < WATCHERS; w++) {
            count += model->modes[p][w] != 0 ? 1 : 0;
            for (unsigned mode = 1; mode <= ALL_MODES; mode++) {
                assert_int_equal(watch_has(table, slice_of_cstr(paths[p]), &watchers[w], mode),
                                 (model->modes[p][w] & mode) != 0);
            }
        }
    }
    struct walk walk = {model, watchers, 0, SLICE_NULL};
    watch_each(table, check_walked, &walk);
    assert_int_equal(walk.count, count);
    assert_int_equal(table->watch_count, count);
}

static void random_step(struct random *random,
                        struct watch_table *table,
                        struct model *model,
                        struct watcher *watchers)
{
    size_t p = random_below(random, PATHS);
    size_t w = random_below(random, WATCHERS);
    struct slice path = slice_of_cstr(paths[p]);
    unsigned *modes = &model->modes[p][w];
    uint64_t what = random_below(random, 100);
    if (what < 50) {
        enum watch_mode mode = (enum watch_mode)(1u << random_below(random, 3));
        assert_int_equal(watch_add(table, path, &watchers[w], mode), (*modes & mode) == 0);
        *modes |= mode;
    } else if (what < 70) {
        unsigned taken = 1 + (unsigned)random_below(random, ALL_MODES);
        assert_int_equal(watch_remove(table, path, &watchers[w], taken), (*modes & taken) != 0);
        *modes &= ~taken;
    } else if (what < 98) {
        check_trigger(table, model, p);
    } else {
        watcher_remove_all(&watchers[w]);
        for (size_t i = 0; i < PATHS; i++) {
            model->modes[i][w] = 0;
        }
    }
}

static void test_random_against_model(void **state)
{
    (void)state;
    struct random random;
    struct watch_table table;
    struct watcher watchers[WATCHERS];
    struct model model = {0};
    size_t before = mem_used();
    random_init(&random, 11);
    watch_table_init(&table, key);
    for (size_t w = 0; w < WATCHERS; w++) {
        watcher_init(&watchers[w], w + 1);
    }
    for (int step = 0; step < 60000; step++) {
        random_step(&random, &table, &model, watchers);
        if (step % 200 == 0) {
            check_all(&table, &model, watchers);
        }
    }
    watch_table_release(&table);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_standard_watch_fires_once),
        cmocka_unit_test(test_a_recursive_watch_hears_of_descendants),
        cmocka_unit_test(test_modes_coexist),
        cmocka_unit_test(test_telling_one_may_remove_others),
        cmocka_unit_test(test_random_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
