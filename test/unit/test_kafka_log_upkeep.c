/* What leaves a log and when: rolling, retention, DeleteRecords, truncation; flushes that overlap
 * with them; and the budget of descriptors. */
#include "unit/support_kafka_log.h"

#include <stdio.h>

#include "kafka/storage/segment_pool.h"

#define DAY_MS ((int64_t)86400000)

static void put(struct log_fixture *fixture, int batches)
{
    for (int n = 0; n < batches; n++) {
        assert_int_equal(fixture_append(fixture, 2, 50).error, 0);
    }
}

/* ---- rolling --------------------------------------------------------------------------------- */

static void segments_roll_by_size_time_and_index(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    put(fixture, 1);
    uint64_t size = partition_log_size(fixture->log);
    fixture->config.segment_bytes = (int32_t)size * 3;
    put(fixture, 2);
    assert_int_equal(partition_log_segment_count(fixture->log), 1);
    put(fixture, 1);
    assert_int_equal(partition_log_segment_count(fixture->log), 2);
    assert_true(fixture_has(fixture, "00000000000000000006.log"));
    assert_true(fixture_has(fixture, "00000000000000000006.snapshot"));
    /* By the records' own time. */
    fixture->config.segment_bytes = 1 << 20;
    fixture->config.segment_ms = 1000;
    fixture->wall_ms += 1000;
    put(fixture, 1);
    assert_int_equal(partition_log_segment_count(fixture->log), 2);
    fixture->wall_ms += 1;
    put(fixture, 1);
    assert_int_equal(partition_log_segment_count(fixture->log), 3);
    /* The offset index is full at six entries. */
    fixture->config.segment_ms = DAY_MS;
    fixture->config.index_interval_bytes = 1;
    fixture->config.segment_index_bytes = 48;
    put(fixture, 40);
    assert_true(partition_log_segment_count(fixture->log) > 5);
}

static void a_fresh_segment_is_not_rolled(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    assert_int_equal(partition_log_roll(fixture->log, fixture->wall_ms), 0);
    assert_int_equal(partition_log_segment_count(fixture->log), 1);
    put(fixture, 1);
    assert_int_equal(partition_log_roll(fixture->log, fixture->wall_ms), 0);
    assert_int_equal(partition_log_roll(fixture->log, fixture->wall_ms), 0);
    assert_int_equal(partition_log_segment_count(fixture->log), 2);
}

/* Until everything below the log's start is gone. */
static void delete_doomed(struct log_fixture *fixture)
{
    while (partition_log_has_doomed(fixture->log)) {
        size_t before = partition_log_segment_count(fixture->log);
        assert_int_equal(partition_log_flush(fixture->log), 0);
        assert_int_equal(partition_log_segment_count(fixture->log), before - 1);
    }
}

/* ---- retention ------------------------------------------------------------------------------- */

static uint64_t retain(struct log_fixture *fixture, int64_t high_watermark)
{
    uint64_t bytes;
    assert_int_equal(partition_log_retain(fixture->log, fixture->wall_ms, high_watermark, &bytes),
                     0);
    delete_doomed(fixture);
    return bytes;
}

static void old_segments_go(void **state)
{
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 300;
    fixture->config.retention_ms = 10000;
    fixture->config.segment_ms = DAY_MS;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 10; n++) {
        put(fixture, 1);
        fixture->wall_ms += 1000;
    }
    size_t segments = partition_log_segment_count(fixture->log);
    assert_true(segments >= 5);
    assert_int_equal(retain(fixture, 20), 0);
    fixture->wall_ms += 5000;
    assert_true(retain(fixture, 20) > 0);
    int64_t start = partition_log_start_offset(fixture->log);
    assert_true(start >= 8 && start <= 12);
    assert_true(fixture_has(fixture, "00000000000000000000.log.deleted"));
    assert_false(fixture_has(fixture, "00000000000000000000.log"));
    /* Everything is too old, but the high watermark holds the rest. */
    fixture->wall_ms += DAY_MS / 2;
    assert_int_equal(retain(fixture, start), 0);
    assert_true(retain(fixture, 20) > 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 20);
    assert_int_equal(partition_log_end_offset(fixture->log), 20);
    assert_int_equal(partition_log_segment_count(fixture->log), 1);
    assert_int_equal(partition_log_size(fixture->log), 0);
    assert_int_equal(fixture_append(fixture, 1, 1).first_offset, 20);
    partition_log_remove_deleted(fixture->log, runtime_wall_ms(fixture->runtime));
    assert_true(fixture_has(fixture, "00000000000000000000.log.deleted"));
    partition_log_remove_deleted(fixture->log, runtime_wall_ms(fixture->runtime) +
                                                   fixture->config.file_delete_delay_ms + 1);
    assert_false(fixture_has(fixture, "00000000000000000000.log.deleted"));
    assert_false(fixture_has(fixture, "00000000000000000000.index.deleted"));
}

static void large_logs_shrink(void **state)
{
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 1000;
    fixture->config.retention_bytes = 3500;
    fixture_open(fixture, true, 0);
    put(fixture, 60);
    uint64_t before = partition_log_size(fixture->log);
    uint64_t gone = retain(fixture, 120);
    assert_true(gone > 0);
    assert_int_equal(partition_log_size(fixture->log), before - gone);
    assert_true(partition_log_size(fixture->log) >= 3500);
    assert_true(partition_log_size(fixture->log) < 4500);
    assert_int_equal(retain(fixture, 120), 0);
    /* A compacted topic keeps everything. */
    fixture->config.cleanup_policy = CLEANUP_COMPACT;
    fixture->config.retention_bytes = 0;
    assert_int_equal(retain(fixture, 120), 0);
}

static void records_are_deleted_up_to_an_offset(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_read read;
    fixture->config.segment_bytes = 300;
    fixture_open(fixture, true, 0);
    put(fixture, 20);
    assert_int_equal(partition_log_begin_epoch(fixture->log, 4), 0);
    assert_int_equal(partition_log_delete_before(fixture->log, 21), 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 21);
    partition_log_read(fixture->log, 20, 100, true, 40, &read);
    assert_int_equal(read.error, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(fixture_first_offset(fixture, 21, 40), 20); /* the whole batch comes */
    assert_int_equal(partition_log_delete_before(fixture->log, 5), 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 21);
    assert_int_equal(partition_log_delete_before(fixture->log, 40), 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 40);
    assert_int_equal(partition_log_epoch_of(fixture->log, 40), 4);
    partition_log_read(fixture->log, 40, 100, true, 40, &read);
    assert_int_equal(read.error, 0);
}

static void readers_keep_what_was_deleted(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_read read;
    fixture->config.segment_bytes = 300;
    fixture_open(fixture, true, 0);
    put(fixture, 20);
    partition_log_read(fixture->log, 0, 1000, true, 40, &read);
    assert_int_equal(partition_log_delete_before(fixture->log, 40), 0);
    delete_doomed(fixture);
    partition_log_remove_deleted(fixture->log, INT64_MAX);
    assert_true(fixture_last_offset(&read) >= 1);
    fixture_crash(fixture);
    assert_true(fixture_last_offset(&read) >= 1);
    log_range_drop(&read.range);
}

/* ---- truncation ------------------------------------------------------------------------------ */

static void truncation_cuts_and_goes_on(void **state)
{
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 300;
    fixture_open(fixture, true, 0);
    put(fixture, 20);
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_truncate(fixture->log, 100), 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 40);
    assert_int_equal(partition_log_truncate(fixture->log, 20), 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 20);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 20);
    put(fixture, 5);
    for (int64_t offset = 0; offset < 30; offset++) {
        assert_int_equal(fixture_first_offset(fixture, offset, 30), offset / 2 * 2);
    }
    assert_int_equal(partition_log_truncate_fully(fixture->log, 1000), 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 1000);
    assert_int_equal(partition_log_size(fixture->log), 0);
    assert_int_equal(partition_log_latest_epoch(fixture->log), -1);
    assert_int_equal(fixture_append(fixture, 1, 1).first_offset, 1000);
    fixture_crash(fixture);
    fixture->log_start_offset = 1000;
    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 1001);
}

static void a_flush_claims_nothing_that_was_cut_meanwhile(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_flush flush;
    fixture_open(fixture, true, 0);
    put(fixture, 10);
    assert_true(partition_log_flush_prepare(fixture->log, &flush));
    log_flush_run(&flush);
    assert_int_equal(partition_log_truncate(fixture->log, 4), 0);
    put(fixture, 20);
    assert_int_equal(partition_log_flush_done(&flush), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 4);
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 44);
    assert_false(partition_log_flush_prepare(fixture->log, &flush));
}

static void a_flush_survives_rolls_and_deletions(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_flush flush;
    fixture->config.segment_bytes = 300;
    fixture_open(fixture, true, 0);
    put(fixture, 20);
    assert_true(partition_log_flush_prepare(fixture->log, &flush));
    put(fixture, 20);
    assert_int_equal(partition_log_delete_before(fixture->log, 60), 0);
    partition_log_remove_deleted(fixture->log, INT64_MAX);
    log_flush_run(&flush);
    assert_int_equal(flush.error, 0);
    assert_int_equal(partition_log_flush_done(&flush), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 40);
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 80);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void the_budget_of_descriptors_holds(void **state)
{
    struct log_fixture *fixture = *state;
    struct segment_pool *pool = segment_pool_new(4);
    fixture->config.segment_bytes = 300;
    fixture_open(fixture, true, 0);
    partition_log_use_pool(fixture->log, pool);
    put(fixture, 100);
    assert_true(partition_log_segment_count(fixture->log) > 20);
    for (int64_t offset = 0; offset < 200; offset += 7) {
        assert_int_equal(fixture_first_offset(fixture, offset, 200), offset / 2 * 2);
        assert_true(pool->open_files <= 4);
        assert_true(pool->open_files > 0);
    }
    /* Who reads keeps his own beyond the budget. */
    struct log_read reads[8];
    for (size_t n = 0; n < ARRAY_LEN(reads); n++) {
        partition_log_read(fixture->log, (int64_t)n * 20, 100, true, 200, &reads[n]);
        assert_int_equal(reads[n].error, 0);
    }
    assert_true(pool->open_files >= ARRAY_LEN(reads));
    for (size_t n = 0; n < ARRAY_LEN(reads); n++) {
        log_range_drop(&reads[n].range);
    }
    assert_true(pool->open_files <= 4);
    put(fixture, 10);
    for (int n = 0; n < 3; n++) {
        segment_pool_rest_idle(pool, 1);
    }
    assert_int_equal(pool->open_files, 0);
    assert_int_equal(fixture_append(fixture, 2, 50).first_offset, 220);
    assert_int_equal(fixture_first_offset(fixture, 219, 222), 218);
    fixture_crash(fixture);
    segment_pool_drop(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(segments_roll_by_size_time_and_index),
        LOG_TEST(a_fresh_segment_is_not_rolled),
        LOG_TEST(old_segments_go),
        LOG_TEST(large_logs_shrink),
        LOG_TEST(records_are_deleted_up_to_an_offset),
        LOG_TEST(readers_keep_what_was_deleted),
        LOG_TEST(truncation_cuts_and_goes_on),
        LOG_TEST(a_flush_claims_nothing_that_was_cut_meanwhile),
        LOG_TEST(a_flush_survives_rolls_and_deletions),
        LOG_TEST(the_budget_of_descriptors_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
