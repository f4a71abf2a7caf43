/* A log of one partition from its making to its second opening. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/support_kafka_log.h"

static void appended_records_are_read_back(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 100; n++) {
        struct append_result result = fixture_append(fixture, 3, 100);
        assert_int_equal(result.error, 0);
        assert_int_equal(result.first_offset, n * 3);
        assert_int_equal(result.last_offset, n * 3 + 2);
    }
    assert_int_equal(partition_log_end_offset(fixture->log), 300);
    for (int64_t offset = 0; offset < 300; offset++) {
        assert_int_equal(fixture_first_offset(fixture, offset, 300), offset / 3 * 3);
    }
    assert_int_equal(fixture_first_offset(fixture, 300, 300), -1);
}

static void a_clean_end_is_opened_without_reading(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    fixture->config.segment_bytes = 4096;
    for (int n = 0; n < 100; n++) {
        assert_int_equal(fixture_append(fixture, 3, 100).error, 0);
    }
    assert_true(partition_log_segment_count(fixture->log) > 5);
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 300);
    fixture_close(fixture);

    fixture_open(fixture, true, 300);
    assert_int_equal(fixture->recovery.bytes_checked, 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 300);
    for (int64_t offset = 0; offset < 300; offset++) {
        assert_int_equal(fixture_first_offset(fixture, offset, 300), offset / 3 * 3);
    }
    assert_int_equal(fixture_append(fixture, 1, 100).first_offset, 300);
}

static void an_unclean_end_is_checked(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    fixture->config.segment_bytes = 4096;
    for (int n = 0; n < 100; n++) {
        assert_int_equal(fixture_append(fixture, 3, 100).error, 0);
    }
    fixture_crash(fixture);

    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 300);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 300);
    assert_true(fixture->recovery.segments_checked > 5);
    assert_int_equal(fixture->recovery.bytes_truncated, 0);
    for (int64_t offset = 0; offset < 300; offset++) {
        assert_int_equal(fixture_first_offset(fixture, offset, 300), offset / 3 * 3);
    }
    assert_int_equal(fixture_append(fixture, 1, 100).first_offset, 300);
}

static void a_reader_sees_nothing_at_or_above_its_limit(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 200; n++) {
        assert_int_equal(fixture_append(fixture, 2, 50).error, 0);
    }
    for (int64_t limit = 0; limit <= 400; limit += 2) {
        struct log_read read;
        partition_log_read(fixture->log, 0, SIZE_MAX, true, limit, &read);
        assert_int_equal(read.error, 0);
        assert_int_equal(fixture_last_offset(&read), limit - 1);
        log_range_drop(&read.range);
    }
}

/* One write for many appends; whoever looks at the file finds all of them. */
static void appends_are_collected(void **state)
{
    struct log_fixture *fixture = *state;
    const char *file = "00000000000000000000.log";
    fixture_open(fixture, true, 0);
    fixture->may_wait = true;
    for (int n = 0; n < 10; n++) {
        assert_int_equal(fixture_append(fixture, 1, 100).first_offset, n);
        assert_int_equal(partition_log_written_offset(fixture->log), 0);
    }
    uint64_t size = partition_log_size(fixture->log);
    assert_int_equal(fixture_size(fixture, file), 0);
    assert_int_equal(partition_log_write(fixture->log), 0);
    assert_int_equal(partition_log_written_offset(fixture->log), 10);
    assert_int_equal(fixture_size(fixture, file), size);

    fixture_append(fixture, 1, 100);
    assert_int_equal(partition_log_written_offset(fixture->log), 10);
    assert_int_equal(fixture_first_offset(fixture, 10, INT64_MAX), 10);
    assert_int_equal(partition_log_written_offset(fixture->log), 11);

    fixture_append(fixture, 1, 100);
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 12);
    assert_int_equal(fixture_size(fixture, file), partition_log_size(fixture->log));

    /* A large one goes right behind what was collected. */
    fixture_append(fixture, 1, 100);
    fixture_append(fixture, 1, 50000);
    assert_int_equal(partition_log_written_offset(fixture->log), 14);
    assert_int_equal(fixture_size(fixture, file), partition_log_size(fixture->log));

    fixture_append(fixture, 1, 100);
    fixture_close(fixture);
    fixture_open(fixture, true, 15);
    assert_int_equal(fixture_first_offset(fixture, 14, INT64_MAX), 14);
}

static void drop_from_memory(const struct log_fixture *fixture, const char *name)
{
    int fd = open(fixture_path(fixture, name), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fdatasync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    assert_int_equal(close(fd), 0);
}

/* What is not in memory is told, the index before the records; once read it is there. */
static void cold_reads_are_told(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_cold cold;
    bool were_records_cold = false;
    int rounds = 0;
    fixture_open(fixture, true, 0);
    assert_false(partition_log_find_cold(fixture->log, 0, 1000, &cold));
    for (int n = 0; n < 64; n++) {
        fixture_append(fixture, 1, 10000);
    }
    assert_false(partition_log_find_cold(fixture->log, 0, 1000, &cold)); /* just written */
    fixture_close(fixture);
    drop_from_memory(fixture, "00000000000000000000.index");
    drop_from_memory(fixture, "00000000000000000000.timeindex");
    drop_from_memory(fixture, "00000000000000000000.log");
    fixture_open(fixture, true, 64);
    while (partition_log_find_cold(fixture->log, 10, 100000, &cold)) {
        if (cold.file != NULL) {
            were_records_cold = true;
            assert_true(cold.position <= 10 * 10000 + 10 * 100 && cold.len >= 100000);
        }
        log_cold_read(&cold);
        log_cold_drop(&cold);
        assert_true(++rounds <= 2);
    }
    assert_int_equal(fixture_first_offset(fixture, 10, INT64_MAX), 10);
    assert_false(partition_log_find_cold(fixture->log, 64, 100000, &cold));
    if (!were_records_cold) {
        skip(); /* a file system that is memory */
    }
}

/* Without its index all of a segment is read. */
static void cold_records_of_a_missing_index_are_told(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_cold cold;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 64; n++) {
        fixture_append(fixture, 1, 10000);
    }
    uint64_t size = partition_log_size(fixture->log);
    fixture_close(fixture);
    assert_int_equal(
        path_remove(fixture->runtime, fixture_path(fixture, "00000000000000000000.index")), 0);
    drop_from_memory(fixture, "00000000000000000000.log");
    fixture_open(fixture, true, 64);
    if (!partition_log_find_cold(fixture->log, 10, 1000, &cold)) {
        skip(); /* a file system that is memory */
    }
    assert_non_null(cold.file);
    assert_int_equal(cold.position, 0);
    assert_int_equal(cold.len, size);
    log_cold_read(&cold);
    log_cold_drop(&cold);
    assert_false(partition_log_find_cold(fixture->log, 10, 1000, &cold));
    assert_int_equal(fixture_first_offset(fixture, 10, INT64_MAX), 10);
}

/* By time every segment is asked; the last one has what is looked for. */
static void cold_times_are_told(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_cold colds[16];
    struct log_offset_time found;
    size_t most = 0;
    size_t count;
    int rounds = 0;
    fixture->config.segment_bytes = 200000;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 64; n++) {
        fixture->wall_ms += 1000;
        fixture_append(fixture, 1, 10000);
    }
    assert_int_equal(partition_log_segment_count(fixture->log), 4);
    assert_int_equal(
        partition_log_find_cold_times(fixture->log, FIXTURE_NOW_MS, colds, ARRAY_LEN(colds)), 0);
    fixture_close(fixture);
    for (int base = 0; base < 64; base += 19) {
        char name[64];
        static const char *const kinds[] = {"log", "index", "timeindex"};
        for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
            snprintf(name, sizeof name, "%020d.%s", base, kinds[kind]);
            drop_from_memory(fixture, name);
        }
    }
    fixture_open(fixture, true, 64);
    while ((count = partition_log_find_cold_times(fixture->log, fixture->wall_ms - 500, colds,
                                                  ARRAY_LEN(colds))) > 0) {
        most = MAX(most, count);
        for (size_t n = 0; n < count; n++) {
            log_cold_read(&colds[n]);
            log_cold_drop(&colds[n]);
        }
        assert_true(++rounds <= 4);
    }
    assert_int_equal(partition_log_find_time(fixture->log, fixture->wall_ms - 500, &found), 0);
    assert_int_equal(found.offset, 63);
    assert_int_equal(
        partition_log_find_cold_times(fixture->log, INT64_MAX, colds, ARRAY_LEN(colds)), 0);
    if (most == 0) {
        skip(); /* a file system that is memory */
    }
    assert_true(most >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(appended_records_are_read_back),
        LOG_TEST(a_clean_end_is_opened_without_reading),
        LOG_TEST(an_unclean_end_is_checked),
        LOG_TEST(a_reader_sees_nothing_at_or_above_its_limit),
        LOG_TEST(appends_are_collected),
        LOG_TEST(cold_reads_are_told),
        LOG_TEST(cold_records_of_a_missing_index_are_told),
        LOG_TEST(cold_times_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
