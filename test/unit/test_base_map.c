/* The maps against a naive model: thousands of random operations, every answer compared, and the
 * whole content compared by iteration now and then. Small key ranges make collisions, replacements
 * and removals frequent. */
#include "base/map.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KEYS 300
#define OPERATIONS 60000

struct model {
    bool present[KEYS];
    uint64_t value[KEYS];
    size_t count;
};

/* Keys that fall close together and keys that lie far apart. */
static uint64_t key_of(uint64_t i)
{
    return i % 3 == 0 ? i : i % 3 == 1 ? i << 40 : UINT64_MAX - i;
}

static void compare_u64(const struct u64_map *map, const struct model *model)
{
    assert_int_equal(map->count, model->count);
    bool seen[KEYS] = {false};
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    size_t count = 0;
    while (u64_map_next(map, &position, &key, &value)) {
        size_t i = 0;
        while (i < KEYS && key_of(i) != key) {
            i++;
        }
        assert_true(i < KEYS);
        assert_true(model->present[i] && !seen[i]);
        assert_int_equal(model->value[i], value);
        seen[i] = true;
        count++;
    }
    assert_int_equal(count, model->count);
}

static void u64_step(struct u64_map *map,
                     struct model *model,
                     struct random *random,
                     uint64_t range)
{
    uint64_t i = random_below(random, range);
    uint64_t value = 0;
    switch (random_below(random, 5)) {
    case 0:
    case 1:
        value = random_next(random);
        u64_map_put(map, key_of(i), value);
        model->count += model->present[i] ? 0 : 1;
        model->present[i] = true;
        model->value[i] = value;
        break;
    case 2:
    case 3:
        assert_int_equal(u64_map_remove(map, key_of(i), &value), model->present[i]);
        if (model->present[i]) {
            assert_int_equal(value, model->value[i]);
            model->present[i] = false;
            model->count--;
        }
        break;
    default:
        assert_int_equal(u64_map_get(map, key_of(i), &value), model->present[i]);
        if (model->present[i]) {
            assert_int_equal(value, model->value[i]);
        }
        break;
    }
}

static void test_u64_against_model(void **state)
{
    (void)state;
    size_t used = mem_used();
    struct random random;
    random_init(&random, 42);
    struct u64_map map;
    struct model model = {0};
    u64_map_init(&map);
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        u64_step(&map, &model, &random, i < OPERATIONS / 2 ? 20 : KEYS);
        if (i % 500 == 0) {
            compare_u64(&map, &model);
        }
    }
    compare_u64(&map, &model);
    u64_map_release(&map);
    assert_int_equal(mem_used(), used);
}

static void test_u64_remove_while_iterating(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct random random;
        random_init(&random, seed);
        struct u64_map map;
        u64_map_init(&map);
        uint64_t count = random_below(&random, 200);
        for (uint64_t i = 0; i < count; i++) {
            u64_map_put(&map, i, i * 2);
        }
        size_t position = 0;
        uint64_t key = 0;
        uint64_t value = 0;
        while (u64_map_next(&map, &position, &key, &value)) {
            assert_int_equal(value, key * 2);
            if (key % 3 != 0) {
                u64_map_remove_at(&map, &position);
            }
        }
        assert_int_equal(map.count, (count + 2) / 3);
        for (uint64_t i = 0; i < count; i++) {
            assert_int_equal(u64_map_get(&map, i, &value), i % 3 == 0);
        }
        u64_map_release(&map);
    }
}

static void test_u64_pointers_and_empty(void **state)
{
    (void)state;
    struct u64_map map;
    u64_map_init(&map);
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    assert_false(u64_map_get(&map, 0, &value));
    assert_false(u64_map_remove(&map, 0, NULL));
    assert_false(u64_map_next(&map, &position, &key, &value));
    assert_null(u64_map_get_ptr(&map, 7));
    u64_map_put_ptr(&map, 7, &value);
    assert_ptr_equal(u64_map_get_ptr(&map, 7), &value);
    assert_true(u64_map_remove(&map, 7, NULL));
    assert_null(u64_map_get_ptr(&map, 7));
    u64_map_release(&map);
}

struct item {
    char name[16];
    size_t len;
};

static struct item items[KEYS];

static struct slice item_key(size_t i)
{
    return slice_of(items[i].name, items[i].len);
}

static void make_items(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        /* Item 0 has the empty name; the others have one to nine bytes. */
        size_t len = 0;
        for (size_t rest = i; rest > 0; rest /= 3) {
            items[i].name[len++] = (char)('a' + rest % 3);
        }
        if (i % 7 == 1) {
            memset(items[i].name + len, 'z', 3);
            len += 3;
        }
        items[i].len = len;
    }
}

static void compare_bytes(const struct bytes_map *map, const bool present[KEYS], size_t count)
{
    assert_int_equal(map->count, count);
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    size_t seen = 0;
    while (bytes_map_next(map, &position, &key, &value)) {
        struct item *item = value;
        assert_true(present[item - items]);
        assert_true(slice_equal(key, item_key((size_t)(item - items))));
        seen++;
    }
    assert_int_equal(seen, count);
}

static void test_bytes_against_model(void **state)
{
    (void)state;
    make_items();
    size_t used = mem_used();
    struct random random;
    random_init(&random, 7);
    struct bytes_map map;
    bytes_map_init(&map, (struct hash_key){1, 2});
    bool present[KEYS] = {false};
    size_t count = 0;
    for (size_t step = 0; step < OPERATIONS; step++) {
        size_t i = (size_t)random_below(&random, step < OPERATIONS / 2 ? 20 : KEYS);
        if (random_chance(&random, 1, 3)) {
            assert_ptr_equal(bytes_map_get(&map, item_key(i)), present[i] ? &items[i] : NULL);
        } else if (present[i]) {
            assert_ptr_equal(bytes_map_remove(&map, item_key(i)), &items[i]);
            present[i] = false;
            count--;
        } else {
            assert_null(bytes_map_remove(&map, item_key(i)));
            bytes_map_add(&map, item_key(i), &items[i]);
            present[i] = true;
            count++;
        }
        if (step % 500 == 0) {
            compare_bytes(&map, present, count);
        }
    }
    compare_bytes(&map, present, count);
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    while (bytes_map_next(&map, &position, &key, &value)) {
        bytes_map_remove_at(&map, &position);
    }
    assert_int_equal(map.count, 0);
    bytes_map_release(&map);
    assert_int_equal(mem_used(), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64_against_model),
        cmocka_unit_test(test_u64_remove_while_iterating),
        cmocka_unit_test(test_u64_pointers_and_empty),
        cmocka_unit_test(test_bytes_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
