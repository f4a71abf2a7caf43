/* Where the tree's nodes live: the slab and the index against naive models. */
#include "base/memory.h"
#include "base/random.h"
#include "zookeeper/core/tree_index.h"
#include "zookeeper/core/tree_slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- slab ------------------------------------------------------------------------------------ */

#define BLOCKS 6000
#define ROUNDS 60000

struct block {
    uint32_t handle;
    uint32_t size;
    uint8_t fill;
};

static void block_fill(const struct slab *slab, struct block *block, uint8_t fill)
{
    block->fill = fill;
    memset(slab_at(slab, block->handle), fill, block->size);
}

static void block_compare(const struct slab *slab, const struct block *block)
{
    const uint8_t *bytes = slab_at(slab, block->handle);
    for (uint32_t i = 0; i < block->size; i++) {
        assert_int_equal(bytes[i], block->fill);
    }
}

/* Blocks of many sizes come and go; each keeps its bytes until it goes. */
static void test_slab_random(void **state)
{
    (void)state;
    static struct block blocks[BLOCKS];
    struct random random;
    struct slab slab;
    size_t used = mem_used();
    random_init(&random, 3);
    slab_init(&slab);
    for (int i = 0; i < ROUNDS; i++) {
        struct block *block = &blocks[random_below(&random, BLOCKS)];
        if (block->handle == 0) {
            block->size = 1 + (uint32_t)random_below(&random, i % 3 == 0 ? SLAB_BLOCK_MAX : 200);
            block->handle = slab_alloc(&slab, block->size);
            assert_true(block->handle != 0);
            assert_true(slab_block_bytes(block->size) >= block->size);
            assert_int_equal((uintptr_t)slab_at(&slab, block->handle) % SLAB_UNIT_BYTES, 0);
            block_fill(&slab, block, (uint8_t)i);
        } else {
            block_compare(&slab, block);
            slab_free(&slab, block->handle);
            block->handle = 0;
        }
        if (i % 5000 == 0) {
            slab_check(&slab);
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].handle != 0) {
            block_compare(&slab, &blocks[i]);
            slab_free(&slab, blocks[i].handle);
            blocks[i].handle = 0;
        }
    }
    slab_check(&slab);
    assert_int_equal(slab.used_bytes, 0);
    slab_release(&slab);
    assert_int_equal(mem_used(), used);
}

/* Memory of one size serves another when it is free, and the heap gets back what nobody needs. */
static void test_slab_gives_back(void **state)
{
    (void)state;
    const size_t count = 100000;
    uint32_t *handles = calloc(count, sizeof *handles);
    struct slab slab;
    slab_init(&slab);
    assert_non_null(handles);
    for (int round = 0; round < 3; round++) {
        size_t size = round % 2 == 0 ? 184 : 96;
        for (size_t i = 0; i < count; i++) {
            handles[i] = slab_alloc(&slab, size);
        }
        assert_true(slab.heap_bytes < count * size * 103 / 100 + ((size_t)4 << 20));
        slab_check(&slab);
        for (size_t i = 0; i < count; i++) {
            slab_free(&slab, handles[(i * 7919) % count]);
        }
        slab_check(&slab);
        assert_true(slab.heap_bytes < (size_t)5 << 20);
    }
    slab_release(&slab);
    free(handles);
}

/* ---- index ----------------------------------------------------------------------------------- */

#define ENTRIES 40000

static bool index_has(const struct tree_index *index, uint32_t tag, uint32_t handle)
{
    struct index_cursor cursor;
    uint32_t at = index_first(index, tag, &cursor);
    while (at != 0 && at != handle) {
        at = index_next(&cursor);
    }
    return at == handle;
}

static size_t count_tag(const struct tree_index *index, uint32_t tag)
{
    struct index_cursor cursor;
    size_t count = 0;
    for (uint32_t at = index_first(index, tag, &cursor); at != 0; at = index_next(&cursor)) {
        count += 1;
    }
    return count;
}

/* Tags of a shape: spread; so few that they repeat; all close together; at both ends. */
static uint32_t tag_of(struct random *random, unsigned shape)
{
    uint64_t r = random_next(random);
    switch (shape) {
    case 0:
        return (uint32_t)r;
    case 1:
        return (uint32_t)(r % 3000) << 20;
    case 2:
        return 0x80000000u + (uint32_t)(r % 100000);
    default:
        return r % 2 == 0 ? UINT32_MAX - (uint32_t)(r >> 40) : (uint32_t)(r >> 40);
    }
}

static void run_index(unsigned shape, uint32_t entries)
{
    uint32_t *tags = calloc(entries + 1, sizeof *tags); /* by handle */
    bool *present = calloc(entries + 1, sizeof *present);
    struct random random;
    struct tree_index index;
    size_t used = mem_used();
    assert_true(tags != NULL && present != NULL);
    random_init(&random, shape);
    index_init(&index);
    for (uint32_t round = 0; round < entries * 3; round++) {
        uint32_t handle = 1 + (uint32_t)random_below(&random, entries);
        if (!present[handle]) {
            tags[handle] = tag_of(&random, shape);
            size_t before = count_tag(&index, tags[handle]);
            assert_int_equal(index_add(&index, tags[handle], handle), before > 0);
            present[handle] = true;
        } else if (random_chance(&random, 1, 3)) {
            index_remove(&index, tags[handle], handle);
            present[handle] = false;
        }
        assert_int_equal(index_has(&index, tags[handle], handle), present[handle]);
        if (round % (entries / 2) == 0) {
            index_check(&index);
        }
    }
    index_check(&index);
    for (uint32_t handle = 1; handle <= entries; handle++) {
        assert_int_equal(index_has(&index, tags[handle], handle), present[handle]);
    }
    index_release(&index);
    assert_int_equal(mem_used(), used);
    free(tags);
    free(present);
}

static void test_index_random(void **state)
{
    (void)state;
    run_index(0, ENTRIES);
    run_index(1, 10000);
    run_index(2, 3000);
    run_index(3, ENTRIES);
}

/* Well loaded at every size, and no step of growth moves much. */
static void test_index_load(void **state)
{
    (void)state;
    struct random random;
    struct tree_index index;
    random_init(&random, 1);
    index_init(&index);
    for (uint32_t i = 1; i <= 300000; i++) {
        index_add(&index, (uint32_t)random_next(&random), i);
        if (i > 1000 && i % 1000 == 0) {
            /* 10.3 bytes an entry are a load of 78 %. */
            assert_true(index.bytes < (uint64_t)i * 105 / 10);
        }
    }
    index_check(&index);
    index_release(&index);
}

static void test_index_build(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 100, 6144, 6145, 50000};
    static uint64_t slots[50000];
    for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
        for (unsigned shape = 0; shape < 2; shape++) {
            struct random random;
            struct tree_index index;
            random_init(&random, shape);
            for (size_t i = 0; i < counts[c]; i++) {
                slots[i] = index_slot(tag_of(&random, shape), (uint32_t)i + 1);
            }
            index_init(&index);
            index_sort(slots, counts[c]);
            index_build(&index, slots, counts[c]);
            index_check(&index);
            assert_int_equal(index.count, counts[c]);
            for (size_t i = 0; i < counts[c]; i++) {
                assert_true(i == 0 || slots[i - 1] >> 32 <= slots[i] >> 32);
                assert_true(index_has(&index, (uint32_t)(slots[i] >> 32), (uint32_t)slots[i]));
            }
            index_add(&index, 5, 77777);
            index_replace(&index, 5, 77777, 88888);
            assert_true(index_has(&index, 5, 88888) && !index_has(&index, 5, 77777));
            index_check(&index);
            index_release(&index);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slab_random),  cmocka_unit_test(test_slab_gives_back),
        cmocka_unit_test(test_index_random), cmocka_unit_test(test_index_load),
        cmocka_unit_test(test_index_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
