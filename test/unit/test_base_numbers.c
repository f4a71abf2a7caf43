/* Hash, random and histogram: published answers where there are some, properties where there are
 * none. */
#include "base/hash.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct hash_key vector_key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

static void test_hash_vectors(void **state)
{
    (void)state;
    /* SipHash-1-3 of 0, 1, 2, ... with the key of the paper's appendix, as other implementations
     * have it. */
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, 0xabac0158050fc4dcULL},  {1, 0xc9f49bf37d57ca93ULL},  {3, 0x8bf80ab8e7ddf7fbULL},
        {4, 0xcf75576088d38328ULL},  {7, 0xd3927d989bb11140ULL},  {8, 0x369095118d299a8eULL},
        {9, 0x25a48eb36c063de4ULL},  {15, 0xd320d86d2a519956ULL}, {16, 0xcc4fdd1a7d908b66ULL},
        {31, 0x2370dd1f8c21d1bcULL}, {63, 0x9d199062b7bbb3a8ULL}};
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        assert_true(hash_bytes(vector_key, slice_of(bytes, vectors[i].len)) == vectors[i].hash);
    }
}

static void test_hash_of_two_parts(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct random random;
    random_init(&random, 3);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_next(&random);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint64_t whole = hash_bytes(vector_key, slice_of(bytes, len));
        for (size_t cut = 0; cut <= len; cut++) {
            assert_true(hash_bytes2(vector_key, slice_of(bytes, cut),
                                    slice_of(bytes + cut, len - cut)) == whole);
        }
        assert_true(whole != hash_bytes((struct hash_key){1, 2}, slice_of(bytes, len)));
    }
    assert_true(hash_bytes2(vector_key, SLICE_NULL, SLICE_NULL) ==
                hash_bytes(vector_key, SLICE_LIT("")));
    assert_true(hash_combine(hash_combine(0, 1), 2) != hash_combine(hash_combine(0, 2), 1));
}

static void test_random(void **state)
{
    (void)state;
    struct random random;
    /* The generator's own first answers for the state {1, 2, 3, 4}. */
    random.s[0] = 1;
    random.s[1] = 2;
    random.s[2] = 3;
    random.s[3] = 4;
    assert_true(random_next(&random) == 11520);
    assert_true(random_next(&random) == 0);
    assert_true(random_next(&random) == 1509978240);
    assert_true(random_next(&random) == 1215971899390074240ULL);

    struct random a;
    struct random b;
    random_init(&a, 0);
    random_split(&a, 1, &b);
    struct random again;
    random_split(&a, 1, &again);
    assert_memory_equal(&b, &again, sizeof b);
    random_split(&a, 2, &again);
    assert_memory_not_equal(&b, &again, sizeof b);

    size_t counts[10] = {0};
    for (size_t i = 0; i < 100000; i++) {
        counts[random_below(&a, 10)]++;
    }
    for (size_t i = 0; i < 10; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
    assert_int_equal(random_below(&a, 1), 0);
    assert_true(random_chance(&a, 1, 1));
    assert_false(random_chance(&a, 0, 5));
}

static struct histogram histogram;

static void test_histogram_error_bound(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 9);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t value = random_next(&random) >> random_below(&random, 64);
        histogram_clear(&histogram);
        histogram_add(&histogram, value);
        histogram_add(&histogram, UINT64_MAX);
        uint64_t found = histogram_quantile(&histogram, 50000);
        assert_true(found >= value);
        assert_true(found - value <= value / 32);
    }
}

static void test_histogram_quantiles(void **state)
{
    (void)state;
    histogram_clear(&histogram);
    assert_int_equal(histogram_quantile(&histogram, 50000), 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        histogram_add(&histogram, i);
    }
    assert_int_equal(histogram.count, 1000);
    assert_int_equal(histogram.sum, 500500);
    assert_int_equal(histogram.min, 1);
    assert_int_equal(histogram.max, 1000);
    assert_in_range(histogram_quantile(&histogram, 50000), 500, 515);
    assert_in_range(histogram_quantile(&histogram, 99000), 990, 1000);
    assert_int_equal(histogram_quantile(&histogram, 0), 1);
    assert_int_equal(histogram_quantile(&histogram, 100000), 1000);
}

static void test_list(void **state)
{
    (void)state;
    struct list head;
    struct list links[3];
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_pop(&head));
    for (size_t i = 0; i < 3; i++) {
        list_append(&head, &links[i]);
    }
    list_remove(&links[1]);
    assert_ptr_equal(list_pop(&head), &links[0]);
    assert_ptr_equal(list_pop(&head), &links[2]);
    assert_true(list_is_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_vectors),
        cmocka_unit_test(test_hash_of_two_parts),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_histogram_error_bound),
        cmocka_unit_test(test_histogram_quantiles),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
