/* Idempotent and transactional producers in one log: sequences, duplicates, epochs, markers, the
 * last stable offset, snapshots. */
#include "unit/support_kafka_log.h"

#include <stdio.h>

#include "base/endian.h"
#include "base/memory.h"
#include "kafka/storage/producer_state.h"

#define PRODUCER 1234

static struct append_result produce_txn(struct log_fixture *fixture,
                                        int64_t producer_id,
                                        int32_t sequence,
                                        int32_t count)
{
    struct fixture_batch batch;
    fixture_batch_defaults(fixture, &batch);
    batch.build.producer_id = producer_id;
    batch.build.producer_epoch = 0;
    batch.build.base_sequence = sequence;
    batch.build.attributes = BATCH_ATTRIBUTE_TRANSACTIONAL;
    batch.count = count;
    return fixture_send(fixture, fixture_build(fixture, &batch));
}

static struct append_result end_txn(struct log_fixture *fixture,
                                    int64_t producer_id,
                                    int16_t epoch,
                                    int32_t coordinator_epoch,
                                    bool commits)
{
    struct batch_build build;
    struct batch_builder builder;
    uint8_t key[4] = {0};
    uint8_t value[6] = {0};
    batch_build_defaults(&build);
    build.producer_id = producer_id;
    build.producer_epoch = epoch;
    build.attributes = BATCH_ATTRIBUTE_TRANSACTIONAL | BATCH_ATTRIBUTE_CONTROL;
    store_be16(key + 2, commits ? 1 : 0);
    store_be32(value + 2, (uint32_t)coordinator_epoch);
    buffer_clear(&fixture->batch, SIZE_MAX);
    batch_builder_init(&builder, &build, &fixture->batch);
    batch_builder_add(&builder, 0, fixture->wall_ms, slice_of(key, sizeof key),
                      slice_of(value, sizeof value), SLICE_NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, 0), 0);
    batch_builder_release(&builder);
    return fixture_send_as(fixture, buffer_slice(&fixture->batch), APPEND_COORDINATOR);
}

/* ---- sequences ------------------------------------------------------------------------------- */

static void sequences_must_follow(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 0, 3).error, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 4, 3).error,
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 2, 3).error,
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 3, 3).error, 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 6);
}

static void an_unknown_producer_may_begin_anywhere(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 5, 100, 3).error, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 5, 103, 1).error, 0);
}

static void the_last_five_batches_are_known_again(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    for (int32_t n = 0; n < 6; n++) {
        assert_int_equal(fixture_produce(fixture, PRODUCER, 0, n * 2, 2).first_offset, n * 2);
    }
    for (int32_t n = 1; n < 6; n++) {
        struct append_result result = fixture_produce(fixture, PRODUCER, 0, n * 2, 2);
        assert_int_equal(result.error, 0);
        assert_true(result.was_duplicate);
        assert_int_equal(result.first_offset, n * 2);
        assert_int_equal(result.last_offset, n * 2 + 1);
        assert_int_equal(result.log_append_time_ms, fixture->wall_ms);
    }
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 0, 2).error,
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 10, 1).error,
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(partition_log_end_offset(fixture->log), 12);
}

static void sequences_wrap_around(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, INT32_MAX - 1, 4).error, 0);
    struct append_result again = fixture_produce(fixture, PRODUCER, 0, INT32_MAX - 1, 4);
    assert_true(again.was_duplicate);
    assert_int_equal(again.first_offset, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 2, 1).error, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 2, 1).was_duplicate, true);
    assert_int_equal(fixture_produce(fixture, PRODUCER + 1, 0, INT32_MAX, 1).error, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER + 1, 0, 0, 1).error, 0);
}

static void epochs_fence(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 3, 0, 1).error, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 2, 1, 1).error,
                     KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 4, 1, 1).error,
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 4, 0, 1).error, 0);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 4, 1, 1).error, 0);
    /* The old epoch's batches are not duplicates of the new one's. */
    assert_int_equal(fixture_produce(fixture, PRODUCER, 3, 0, 1).error,
                     KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void the_stable_offset_waits_for_open_transactions(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(fixture_append(fixture, 5, 10).error, 0);
    assert_int_equal(produce_txn(fixture, 1, 0, 2).first_offset, 5);
    assert_int_equal(produce_txn(fixture, 2, 0, 2).first_offset, 7);
    assert_int_equal(partition_log_last_stable_offset(fixture->log, 9), 5);
    assert_int_equal(partition_log_last_stable_offset(fixture->log, 3), 3);
    assert_int_equal(end_txn(fixture, 1, 0, 0, true).error, 0); /* at 9 */
    /* Ended, but the marker is not below the high watermark yet. */
    assert_int_equal(partition_log_last_stable_offset(fixture->log, 9), 5);
    assert_int_equal(partition_log_last_stable_offset(fixture->log, 10), 7);
    assert_int_equal(end_txn(fixture, 2, 0, 0, false).error, 0); /* at 10 */
    assert_int_equal(partition_log_last_stable_offset(fixture->log, 11), 11);
}

static void aborted_transactions_are_told(void **state)
{
    struct log_fixture *fixture = *state;
    struct arena arena;
    struct log_aborted_txn *aborted;
    int32_t count;
    arena_init(&arena, 4096, 1 << 20);
    fixture->config.segment_bytes = 400;
    fixture_open(fixture, true, 0);
    for (int32_t n = 0; n < 40; n++) {
        assert_int_equal(produce_txn(fixture, n, 0, 2).error, 0);
        assert_int_equal(end_txn(fixture, n, 0, 0, n % 2 == 0).error, 0);
    }
    assert_true(partition_log_segment_count(fixture->log) > 5);
    for (int round = 0; round < 3; round++) {
        for (int32_t n = 0; n < 40; n++) {
            arena_clear(&arena);
            assert_int_equal(
                partition_log_aborted(fixture->log, n * 3, n * 3 + 2, &arena, &aborted, &count), 0);
            assert_int_equal(count, n % 2 == 0 ? 0 : 1);
            if (count == 1) {
                assert_int_equal(aborted[0].producer_id, n);
                assert_int_equal(aborted[0].first_offset, n * 3);
            }
        }
        arena_clear(&arena);
        assert_int_equal(partition_log_aborted(fixture->log, 0, 120, &arena, &aborted, &count), 0);
        assert_int_equal(count, 20);
        /* The same after a crash, and after a clean end. */
        if (round == 0) {
            fixture_crash(fixture);
            fixture_open(fixture, false, 0);
        } else if (round == 1) {
            fixture_close(fixture);
            fixture_open(fixture, true, 120);
        }
        assert_int_equal(partition_log_last_stable_offset(fixture->log, 120), 120);
    }
    arena_release(&arena);
}

static void coordinators_and_producers_are_fenced(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(produce_txn(fixture, 1, 0, 1).error, 0);
    assert_int_equal(fixture_produce(fixture, 1, 0, 1, 1).error, KAFKA_ERROR_INVALID_TXN_STATE);
    assert_int_equal(end_txn(fixture, 1, 0, 7, true).error, 0);
    assert_int_equal(end_txn(fixture, 1, 0, 6, true).error,
                     KAFKA_ERROR_TRANSACTION_COORDINATOR_FENCED);
    assert_int_equal(end_txn(fixture, 1, -1, 8, true).error, KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(end_txn(fixture, 1, 1, 8, false).error, 0);
    assert_int_equal(produce_txn(fixture, 1, 1, 1).error, KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
}

static void open_transactions_survive_a_restart(void **state)
{
    struct log_fixture *fixture = *state;
    for (int clean = 0; clean < 2; clean++) {
        fixture_open(fixture, true, 0);
        assert_int_equal(fixture_append(fixture, 5, 10).error, 0);
        assert_int_equal(produce_txn(fixture, 1, 0, 2).error, 0);
        assert_int_equal(fixture_append(fixture, 5, 10).error, 0);
        if (clean) {
            fixture_close(fixture);
        } else {
            fixture_crash(fixture);
        }
        fixture_open(fixture, clean, clean ? 12 : 0);
        assert_int_equal(partition_log_last_stable_offset(fixture->log, 12), 5);
        assert_true(produce_txn(fixture, 1, 0, 2).was_duplicate);
        assert_int_equal(produce_txn(fixture, 1, 2, 2).error, 0);
        assert_int_equal(end_txn(fixture, 1, 0, 0, true).error, 0);
        assert_int_equal(partition_log_last_stable_offset(fixture->log, 15), 15);
        fixture_crash(fixture);
        fixture_remove_all(fixture);
    }
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static void count_producer(void *ctx, const struct log_producer *producer)
{
    int *count = ctx;
    *count += 1;
    assert_int_equal(producer->last_sequence, 9);
    assert_int_equal(producer->producer_epoch, 2);
}

static void producers_survive_restarts(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    for (int64_t id = 0; id < 100; id++) {
        assert_int_equal(fixture_produce(fixture, id, 2, 0, 10).error, 0);
    }
    fixture_close(fixture);
    fixture_open(fixture, true, 1000);
    int count = 0;
    partition_log_producers(fixture->log, count_producer, &count);
    assert_int_equal(count, 100);
    assert_true(fixture_produce(fixture, 50, 2, 0, 10).was_duplicate);
    assert_int_equal(fixture_produce(fixture, 50, 2, 11, 1).error,
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    /* Silence forgets them. */
    partition_log_expire_producers(fixture->log, fixture->wall_ms + 86400000 - 1);
    count = 0;
    partition_log_producers(fixture->log, count_producer, &count);
    assert_int_equal(count, 100);
    partition_log_expire_producers(fixture->log, fixture->wall_ms + 86400000);
    count = 0;
    partition_log_producers(fixture->log, count_producer, &count);
    assert_int_equal(count, 0);
    assert_int_equal(fixture_produce(fixture, 50, 0, 77, 1).error, 0);
}

static void a_snapshot_has_apaches_form(void **state)
{
    (void)state;
    /* One producer, laid out by hand after ProducerStateManager's schema. */
    struct producer_states states;
    struct buffer bytes;
    producer_states_init(&states);
    buffer_init(&bytes, SIZE_MAX);
    struct producer_entry *entry = mem_alloc_zeroed(sizeof *entry);
    *entry = (struct producer_entry){
        .producer_id = 7,
        .producer_epoch = 3,
        .last_timestamp_ms = FIXTURE_NOW_MS,
        .coordinator_epoch = 5,
        .txn_first_offset = -1,
        .batch_count = 1,
        .batches = {{.last_sequence = 41, .offset_delta = 4, .last_offset = 99}},
    };
    u64_map_put_ptr(&states.by_id, 7, entry);
    producer_snapshot_encode(&states, &bytes);
    assert_int_equal(bytes.len, 2 + 4 + 4 + 46);
    static const uint8_t body[] = {
        0,    0,    0,    1,                            /* count */
        0,    0,    0,    0,    0,    0,    0,    7,    /* id */
        0,    3,                                        /* epoch */
        0,    0,    0,    41,                           /* last sequence */
        0,    0,    0,    0,    0,    0,    0,    99,   /* last offset */
        0,    0,    0,    4,                            /* delta */
        0,    0,    0x01, 0x8b, 0xcf, 0xe5, 0x68, 0,    /* timestamp */
        0,    0,    0,    5,                            /* coordinator */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* no transaction */
    };
    assert_int_equal(load_be16(bytes.data), 1);
    assert_memory_equal(bytes.data + 6, body, sizeof body);

    struct producer_states read;
    producer_states_init(&read);
    assert_int_equal(producer_snapshot_decode(&read, buffer_slice(&bytes), FIXTURE_NOW_MS, 1000),
                     0);
    const struct producer_entry *found = producer_find(&read, 7);
    assert_non_null(found);
    assert_int_equal(found->batches[0].last_sequence, 41);
    assert_int_equal(found->batches[0].offset_delta, 4);
    producer_states_clear(&read);
    /* Any damage is noticed. */
    for (size_t n = 0; n < bytes.len * 8; n++) {
        bytes.data[n / 8] ^= (uint8_t)(1u << n % 8);
        assert_int_not_equal(
            producer_snapshot_decode(&read, buffer_slice(&bytes), FIXTURE_NOW_MS, 1000), 0);
        bytes.data[n / 8] ^= (uint8_t)(1u << n % 8);
    }
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_not_equal(
            producer_snapshot_decode(&read, slice_of(bytes.data, len), FIXTURE_NOW_MS, 1000), 0);
    }
    producer_states_release(&read);
    producer_states_release(&states);
    buffer_release(&bytes);
}

static void a_damaged_snapshot_is_made_anew_from_the_log(void **state)
{
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 1000;
    fixture_open(fixture, true, 0);
    for (int32_t n = 0; n < 50; n++) {
        assert_int_equal(fixture_produce(fixture, PRODUCER, 0, n, 1).error, 0);
    }
    fixture_close(fixture);
    fixture_write(fixture, "00000000000000000050.snapshot", SLICE_LIT("no snapshot"));
    fixture_open(fixture, true, 50);
    assert_true(fixture->recovery.snapshot_ignored);
    assert_true(fixture_produce(fixture, PRODUCER, 0, 49, 1).was_duplicate);
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 50, 1).error, 0);
}

static void crashes_lose_no_sequence(void **state)
{
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 1000;
    int32_t next = 0;
    fixture_open(fixture, true, 0);
    for (int round = 0; round < 10; round++) {
        for (int32_t n = 0; n < 13; n++) {
            assert_int_equal(fixture_produce(fixture, PRODUCER, 0, next++, 1).error, 0);
        }
        if (round % 3 == 0) {
            assert_int_equal(partition_log_flush(fixture->log), 0);
        }
        int64_t flushed = partition_log_flushed_offset(fixture->log);
        fixture_crash(fixture);
        fixture_open(fixture, false, flushed);
        assert_int_equal(partition_log_end_offset(fixture->log), next);
        assert_true(fixture_produce(fixture, PRODUCER, 0, next - 1, 1).was_duplicate);
        assert_int_equal(fixture_produce(fixture, PRODUCER, 0, next + 1, 1).error,
                         KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(sequences_must_follow),
        LOG_TEST(an_unknown_producer_may_begin_anywhere),
        LOG_TEST(the_last_five_batches_are_known_again),
        LOG_TEST(sequences_wrap_around),
        LOG_TEST(epochs_fence),
        LOG_TEST(the_stable_offset_waits_for_open_transactions),
        LOG_TEST(aborted_transactions_are_told),
        LOG_TEST(coordinators_and_producers_are_fenced),
        LOG_TEST(open_transactions_survive_a_restart),
        LOG_TEST(producers_survive_restarts),
        cmocka_unit_test(a_snapshot_has_apaches_form),
        LOG_TEST(a_damaged_snapshot_is_made_anew_from_the_log),
        LOG_TEST(crashes_lose_no_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
