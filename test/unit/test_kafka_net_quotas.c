/* Client quotas: which rule decides, what a rate is, how long somebody waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "kafka/server/quotas.h"

static struct slice text(const char *words)
{
    return slice_of_cstr(words);
}

static void set(struct quota_table *table, const char *type, const char *name, const char *value)
{
    assert_true(quota_table_set(table, text(type), text(name), text("producer_byte_rate"),
                                value == NULL ? SLICE_NULL : text(value)));
}

static double bound(const struct quota_table *table, const char *user, const char *client)
{
    return quota_bound(table, QUOTA_PRODUCE, text(user), text(client));
}

/* Adds the rules from the weakest to the strongest: each new one decides. */
static void test_the_most_exact_rule_decides(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *name;
    } rules[] = {
        {"clients", "<default>"},
        {"clients", "app"},
        {"users", "<default>"},
        {"users", "<default>/clients/<default>"},
        {"users", "<default>/clients/app"},
        {"users", "alice"},
        {"users", "alice/clients/<default>"},
        {"users", "alice/clients/app"},
    };
    struct quota_table *table = quota_table_create();
    assert_true(quota_table_is_empty(table, QUOTA_PRODUCE));
    assert_true(bound(table, "alice", "app") < 0);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        char value[16];
        snprintf(value, sizeof value, "%zu", i + 1);
        set(table, rules[i].type, rules[i].name, value);
        assert_true(bound(table, "alice", "app") == (double)(i + 1));
    }
    assert_false(quota_table_is_empty(table, QUOTA_PRODUCE));
    assert_true(quota_table_is_empty(table, QUOTA_FETCH));
    assert_true(bound(table, "bob", "app") == 5);
    assert_true(bound(table, "bob", "x") == 4);
    assert_true(bound(table, "alice", "x") == 7);
    /* And away again, from the strongest. */
    for (size_t i = ARRAY_LEN(rules); i > 0; i--) {
        assert_true(bound(table, "alice", "app") == (double)i);
        set(table, rules[i - 1].type, rules[i - 1].name, NULL);
    }
    assert_true(quota_table_is_empty(table, QUOTA_PRODUCE));
    quota_table_release(table);
    assert_int_equal(mem_used(), 0);
}

static void test_names_are_encoded_and_nonsense_is_nothing(void **state)
{
    (void)state;
    struct quota_table *table = quota_table_create();
    set(table, "users", "CN%3Dbob%2C%20O%2Ax", "5");
    assert_true(bound(table, "CN=bob, O*x", "any") == 5);
    set(table, "clients", "c", "no number");
    assert_true(bound(table, "u", "c") < 0);
    set(table, "clients", "c", "-3");
    assert_true(bound(table, "u", "c") < 0);
    assert_false(
        quota_table_set(table, text("users"), text("u"), text("SCRAM-SHA-256"), text("x")));
    assert_int_equal(quota_record(NULL, QUOTA_PRODUCE, text("u"), text("c"), 1e9, 0), 0);
    quota_table_release(table);
}

/* 1,000 bytes a second over ten seconds: 10,000 bytes are free at once, what is more waits. */
static void test_rate_and_wait(void **state)
{
    (void)state;
    struct quota_table *table = quota_table_create();
    set(table, "clients", "<default>", "1000");
    int64_t now_ms = 1000000;
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, text("u"), text("a"), 10000, now_ms), 0);
    /* 20,000 bytes in what counts as ten seconds: twice the bound, so ten seconds to wait. */
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, text("u"), text("a"), 10000, now_ms),
                     10000);
    /* Another client has its own meter, another user's same client the same. */
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, text("u"), text("b"), 100, now_ms), 0);
    assert_true(quota_record(table, QUOTA_PRODUCE, text("v"), text("a"), 0, now_ms) > 0);
    /* A fetch that sent nothing takes its bytes back. */
    quota_unrecord(table, QUOTA_PRODUCE, text("u"), text("a"), 10000, now_ms);
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, text("u"), text("a"), 0, now_ms), 0);
    /* After all windows nothing is left. */
    now_ms += (int64_t)QUOTA_WINDOWS * QUOTA_WINDOW_MS;
    assert_true(quota_rate(table, QUOTA_PRODUCE, text("u"), text("a"), now_ms) == 0);
    quota_table_release(table);
    assert_int_equal(mem_used(), 0);
}

/* Sent evenly, the measured rate is the real one, and a bound of it is never exceeded. */
static void test_even_load_is_measured_right(void **state)
{
    (void)state;
    struct quota_table *table = quota_table_create();
    set(table, "users", "u", "100000");
    int64_t now_ms = 5000;
    for (int i = 0; i < 3000; i++) {
        now_ms += 10;
        assert_int_equal(quota_record(table, QUOTA_PRODUCE, text("u"), SLICE_NULL, 900, now_ms), 0);
    }
    double rate = quota_rate(table, QUOTA_PRODUCE, text("u"), SLICE_NULL, now_ms);
    assert_true(rate > 85000 && rate < 95000);
    /* A little more than allowed for long: the wait is short. */
    int32_t wait_ms = 0;
    for (int i = 0; i < 3000; i++) {
        now_ms += 10;
        wait_ms = quota_record(table, QUOTA_PRODUCE, text("u"), SLICE_NULL, 1100, now_ms);
    }
    assert_in_range(wait_ms, 500, 1500);
    quota_table_release(table);
}

/* Nobody fills the memory with names. */
static void test_meters_are_bounded(void **state)
{
    (void)state;
    struct quota_table *table = quota_table_create();
    set(table, "clients", "<default>", "1");
    for (int i = 0; i < QUOTA_METERS_MAX + 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "client-%d", i);
        (void)quota_record(table, QUOTA_PRODUCE, text("u"), text(name), 1000, 1000);
    }
    assert_true(mem_used() < (size_t)QUOTA_METERS_MAX * 512);
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, text("u"), text("client-20500"), 1e6, 1000),
                     0);
    /* An hour later the old ones make room. */
    assert_true(quota_record(table, QUOTA_PRODUCE, text("u"), text("new"), 1e6, 1000 + 3600001) >
                0);
    quota_table_release(table);
    assert_int_equal(mem_used(), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_exact_rule_decides),
        cmocka_unit_test(test_names_are_encoded_and_nonsense_is_nothing),
        cmocka_unit_test(test_rate_and_wait),
        cmocka_unit_test(test_even_load_is_measured_right),
        cmocka_unit_test(test_meters_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
