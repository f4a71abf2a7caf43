/* Sessions: ids and passwords as Java makes them, when a session ends to the millisecond, and a
 * random run against a model that keeps a plain list of (session, time). */
#include "zookeeper/core/session.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TICK_MS 2000
#define SESSIONS 200

/* java.util.Random(id ^ 0xB3415C00).nextBytes(16), printed by a Java program. */
static const struct {
    uint64_t id;
    const char *hex;
} passwords[] = {
    {UINT64_C(0x0), "f22acd4a97e69d6d20a49bb638eadb38"},
    {UINT64_C(0x1), "054cc74a37327db215e702e20c73f005"},
    {UINT64_C(0xffffffffffffffff), "20f62cb5648dc2d771471c8a2486a9ee"},
    {UINT64_C(0x100000000000000), "f22acd4a97e69d6d20a49bb638eadb38"},
    {UINT64_C(0x10000d2f8a70000), "8b7b6163bcad3920e1acf663650a6842"},
    {UINT64_C(0x1000c1f3b2a0001), "d74cdaeda137e9113771967986cf34f1"},
    {UINT64_C(0x7fffffffffffffff), "20f62cb5648dc2d771471c8a2486a9ee"},
    {UINT64_C(0x8000000000000001), "054cc74a37327db215e702e20c73f005"},
    {UINT64_C(0xfe00000012345678), "007804ac6839d526b41e047435626984"},
    {UINT64_C(0xb3415c00), "60b420bb3851d9d47acb933dbe70399b"},
    {UINT64_C(0x5deece66d), "7cdb615b9427bdb4f4b3de753f6cc914"},
};

/* SessionTrackerImpl.initializeNextSessionId, printed by the same program. */
static const struct {
    int64_t server_id;
    int64_t start_ms;
    uint64_t id;
} first_ids[] = {
    {1, INT64_C(0), UINT64_C(0x100000000000000)},
    {1, INT64_C(123456789), UINT64_C(0x100075bcd150000)},
    {1, INT64_C(1000), UINT64_C(0x100000003e80000)},
    {255, INT64_C(1099511627776), UINT64_C(0xff00000000000000)},
    {5, INT64_C(1099511627775), UINT64_C(0x5ffffffffff0000)},
    {254, INT64_C(98765432101), UINT64_C(0xfe16fee0e5250000)},
};

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void test_passwords_are_java_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        uint8_t password[SESSION_PASSWORD_BYTES];
        session_password((int64_t)passwords[i].id, password);
        for (size_t k = 0; k < sizeof password; k++) {
            const char *hex = passwords[i].hex + 2 * k;
            assert_int_equal(password[k], hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        }
    }
}

static void test_ids_begin_as_java_s_and_skip_what_is_special(void **state)
{
    (void)state;
    struct session_table table;
    for (size_t i = 0; i < ARRAY_LEN(first_ids); i++) {
        session_table_init(&table, TICK_MS, first_ids[i].server_id, first_ids[i].start_ms);
        assert_true(session_table_new_id(&table) == (int64_t)first_ids[i].id);
        assert_true(session_table_new_id(&table) == (int64_t)first_ids[i].id + 1);
        session_table_release(&table);
    }
    /* its first id would be INT64_MIN, the mark of containers */
    session_table_init(&table, TICK_MS, 128, 0);
    assert_true(session_table_new_id(&table) == INT64_MIN + 1);
    session_table_add(&table, INT64_MIN + 2, 4000, 0);
    assert_true(session_table_new_id(&table) == INT64_MIN + 3); /* one in use is passed over */
    session_table_release(&table);
}

struct expired {
    int64_t ids[SESSIONS];
    size_t count;
};

static void note_expired(void *ctx, struct session *session)
{
    struct expired *expired = ctx;
    assert_true(session->is_closing);
    expired->ids[expired->count++] = session->id;
}

/* ExpiryQueue: (now + timeout) / tick * tick + tick. */
static void test_a_session_ends_at_its_bucket(void **state)
{
    (void)state;
    static const struct {
        uint64_t now_ms;
        int32_t timeout_ms;
        uint64_t ends_ms;
    } cases[] = {{0, 4000, 6000},    {1, 4000, 6000}, {1999, 4000, 6000}, {2000, 4000, 8000},
                 {1999, 4001, 8000}, {5, 0, 2000},    {5, -7, 2000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct session_table table;
        struct expired expired = {.count = 0};
        session_table_init(&table, TICK_MS, 1, 0);
        struct session *session = session_table_add(&table, 7, cases[i].timeout_ms,
                                                    cases[i].now_ms);
        assert_int_equal(session->expires_ms, cases[i].ends_ms);
        assert_int_equal(table.next_expiry_ms, cases[i].ends_ms);
        session_table_expire(&table, cases[i].ends_ms - 1, note_expired, &expired);
        assert_int_equal(expired.count, 0);
        session_table_expire(&table, cases[i].ends_ms, note_expired, &expired);
        assert_int_equal(expired.count, 1);
        assert_false(session_touch(&table, session, 4000, cases[i].ends_ms)); /* too late */
        session_table_check(&table);
        session_table_expire(&table, UINT64_MAX - 1, note_expired, &expired);
        assert_int_equal(expired.count, 1); /* once only */
        session_table_remove(&table, 7);
        assert_null(session_table_find(&table, 7));
        session_table_release(&table);
    }
}

static void test_closing_ends_the_wait(void **state)
{
    (void)state;
    struct session_table table;
    struct expired expired = {.count = 0};
    session_table_init(&table, TICK_MS, 1, 0);
    struct session *session = session_table_add(&table, 7, 4000, 0);
    session_set_closing(&table, session);
    session_table_add(&table, 7, 4000, 100); /* does not bring it back */
    assert_true(session->is_closing);
    session_table_expire(&table, 100000, note_expired, &expired);
    assert_int_equal(expired.count, 0);
    session_table_check(&table);
    session_table_release(&table);
}

struct order {
    uint64_t last_ms;
    size_t count;
};

static void check_order(void *ctx, const struct session *session)
{
    struct order *order = ctx;
    assert_true(session->expires_ms >= order->last_ms);
    order->last_ms = session->expires_ms;
    order->count += 1;
}

struct model {
    bool present[SESSIONS];
    uint64_t ends_ms[SESSIONS];
    size_t count;
};

static void expire_both(struct session_table *table, struct model *model, uint64_t now_ms)
{
    struct expired expired = {.count = 0};
    session_table_expire(table, now_ms, note_expired, &expired);
    for (size_t i = 0; i < expired.count; i++) {
        size_t id = (size_t)expired.ids[i];
        assert_true(model->present[id] && model->ends_ms[id] <= now_ms);
        model->present[id] = false;
        model->count -= 1;
        session_table_remove(table, expired.ids[i]);
    }
    for (size_t i = 1; i < SESSIONS; i++) {
        assert_false(model->present[i] && model->ends_ms[i] <= now_ms);
    }
}

static void test_random_against_model(void **state)
{
    (void)state;
    struct random random;
    struct session_table table;
    struct model model = {.count = 0};
    size_t before = mem_used();
    random_init(&random, 20);
    session_table_init(&table, TICK_MS, 1, 0);
    uint64_t now_ms = 1;
    for (int step = 0; step < 40000; step++) {
        size_t id = 1 + random_below(&random, SESSIONS - 1);
        int32_t timeout_ms = (int32_t)(4000 + random_below(&random, 20000));
        struct session *session = session_table_find(&table, (int64_t)id);
        assert_int_equal(session != NULL, model.present[id]);
        if (random_chance(&random, 1, 20) && session != NULL) {
            session_table_remove(&table, (int64_t)id);
            model.present[id] = false;
            model.count -= 1;
        } else if (session == NULL || random_chance(&random, 9, 10)) {
            session = session_table_add(&table, (int64_t)id, timeout_ms, now_ms);
            model.count += model.present[id] ? 0 : 1;
            model.present[id] = true;
            model.ends_ms[id] = ((now_ms + (uint64_t)timeout_ms) / TICK_MS + 1) * TICK_MS;
            assert_int_equal(session->expires_ms, model.ends_ms[id]);
        }
        now_ms += random_below(&random, 60);
        expire_both(&table, &model, now_ms);
        if (step % 500 == 0) {
            struct order order = {0, 0};
            session_table_check(&table);
            session_table_each_by_expiry(&table, check_order, &order);
            assert_int_equal(order.count, model.count);
        }
    }
    session_table_release(&table);
    assert_int_equal(mem_used(), before);
}

#define REMOTE 50

struct taken {
    size_t count;
    size_t times[REMOTE]; /* of each session, by its id */
};

static void count_taken(void *ctx, int64_t id, int32_t timeout_ms)
{
    struct taken *taken = ctx;
    assert_int_equal(timeout_ms, 4000);
    taken->count++;
    taken->times[id - 1]++;
}

static void take(struct session_table *table, size_t most, size_t expected, struct taken *taken)
{
    taken->count = 0;
    session_table_take_touched(table, most, count_taken, taken);
    assert_int_equal(taken->count, expected);
}

/* A follower with more sessions than fit into a ping: each comes in its turn, however often the
 * others are heard of meanwhile. */
static void test_touched_ones_are_taken_in_turn(void **state)
{
    (void)state;
    struct session_table table;
    struct session *sessions[REMOTE];
    struct taken taken = {0};
    session_table_init(&table, TICK_MS, 1, 0);
    for (int64_t i = 0; i < REMOTE; i++) {
        sessions[i] = session_table_add_remote(&table, i + 1, 4000);
    }
    take(&table, REMOTE, REMOTE, &taken);
    take(&table, REMOTE, 0, &taken);
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < REMOTE; i++) {
            assert_true(session_touch(&table, sessions[i], 4000, 0));
        }
        take(&table, 20, 20, &taken);
    }
    for (size_t i = 0; i < REMOTE; i++) {
        assert_in_range(taken.times[i], 1 + 3, 1 + 14);
    }
    take(&table, REMOTE, REMOTE - 20, &taken);
    take(&table, REMOTE, 0, &taken);
    /* What is told is the timeout that was agreed on last. */
    assert_true(session_touch(&table, sessions[0], 3000, 0));
    assert_true(session_touch(&table, sessions[0], 4000, 0));
    take(&table, REMOTE, 1, &taken);
    session_table_release(&table);
    assert_int_equal(mem_used(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords_are_java_s),
        cmocka_unit_test(test_ids_begin_as_java_s_and_skip_what_is_special),
        cmocka_unit_test(test_a_session_ends_at_its_bucket),
        cmocka_unit_test(test_closing_ends_the_wait),
        cmocka_unit_test(test_random_against_model),
        cmocka_unit_test(test_touched_ones_are_taken_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
