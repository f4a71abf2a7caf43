/* What a start makes of a folder: cut at any byte, with flipped bits, with what an interrupted
 * deletion or compaction leaves. */
#include "unit/support_kafka_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "kafka/storage/log_files.h"
#include "kafka/storage/segment.h"

#define LOG_0 "00000000000000000000.log"

/* Sends one batch and returns its size. */
static size_t put(struct log_fixture *fixture, int32_t count, size_t value_len)
{
    uint64_t before = partition_log_size(fixture->log);
    assert_int_equal(fixture_append(fixture, count, value_len).error, 0);
    return (size_t)(partition_log_size(fixture->log) - before);
}

static void every_cut_leaves_the_batches_before_it(void **state)
{
    struct log_fixture *fixture = *state;
    struct buffer whole;
    size_t ends[8];
    size_t end = 0;
    buffer_init(&whole, SIZE_MAX);
    fixture_open(fixture, true, 0);
    for (int32_t n = 0; n < 8; n++) {
        end += put(fixture, 2, 5);
        ends[n] = end;
    }
    fixture_crash(fixture);
    fixture_read(fixture, LOG_0, &whole);
    assert_int_equal(whole.len, end);
    for (size_t len = 0; len <= end; len++) {
        fixture_remove_all(fixture);
        fixture_write(fixture, LOG_0, slice_of(whole.data, len));
        fixture_open(fixture, false, 0);
        int64_t batches = 0;
        while (batches < 8 && ends[batches] <= len) {
            batches += 1;
        }
        size_t kept = batches == 0 ? 0 : ends[batches - 1];
        assert_int_equal(partition_log_end_offset(fixture->log), batches * 2);
        assert_int_equal(partition_log_flushed_offset(fixture->log), batches * 2);
        assert_int_equal(fixture->recovery.bytes_truncated, len - kept);
        assert_int_equal(fixture_size(fixture, LOG_0), kept);
        assert_int_equal(fixture_append(fixture, 1, 5).first_offset, batches * 2);
        fixture_crash(fixture);
    }
    buffer_release(&whole);
}

static void every_flipped_byte_is_noticed(void **state)
{
    struct log_fixture *fixture = *state;
    struct buffer whole;
    buffer_init(&whole, SIZE_MAX);
    fixture_open(fixture, true, 0);
    size_t first = put(fixture, 2, 5);
    put(fixture, 2, 5);
    fixture_crash(fixture);
    fixture_read(fixture, LOG_0, &whole);
    for (size_t n = first; n < whole.len; n++) {
        fixture_remove_all(fixture);
        whole.data[n] ^= 0x41;
        fixture_write(fixture, LOG_0, buffer_slice(&whole));
        whole.data[n] ^= 0x41;
        fixture_open(fixture, false, 0);
        int64_t end = partition_log_end_offset(fixture->log);
        /* The base offset and the epoch lie outside the CRC: they may become other good ones. */
        if (n - first >= 16) {
            assert_int_equal(end, 2);
        } else {
            assert_true(end >= 2);
        }
        fixture_crash(fixture);
    }
    buffer_release(&whole);
}

static void segments_behind_a_bad_one_go(void **state)
{
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 500;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 30; n++) {
        put(fixture, 2, 50);
    }
    assert_true(partition_log_segment_count(fixture->log) > 6);
    struct segment *segments[8];
    partition_log_segments(fixture->log, segments, 8);
    int64_t third = segments[3]->base_offset;
    char name[64];
    snprintf(name, sizeof name, "%020d.log", (int)segments[2]->base_offset);
    uint64_t size = segments[2]->size;
    int64_t second = segments[2]->base_offset;
    fixture_crash(fixture);
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fixture_read(fixture, name, &bytes);
    bytes.data[bytes.len - 1] ^= 1;
    fixture_write(fixture, name, buffer_slice(&bytes));
    buffer_release(&bytes);

    fixture_open(fixture, false, 0);
    int64_t end = partition_log_end_offset(fixture->log);
    assert_true(end > second && end < third);
    assert_int_equal(partition_log_segment_count(fixture->log), 3);
    assert_true(fixture_size(fixture, name) < size);
    assert_int_equal(fixture_append(fixture, 1, 1).first_offset, end);
    /* What lies below the recovery point is believed. */
    fixture_crash(fixture);
    fixture_open(fixture, false, end);
    assert_int_equal(fixture->recovery.segments_checked, 1);
}

/* ---- leftovers ------------------------------------------------------------------------------- */

static void rename_all(struct log_fixture *fixture, const char *base, const char *suffix)
{
    static const char *const kinds[] = {".log", ".index", ".timeindex"};
    for (size_t n = 0; n < ARRAY_LEN(kinds); n++) {
        char from[128];
        char to[128];
        snprintf(from, sizeof from, "%s%s", base, kinds[n]);
        snprintf(to, sizeof to, "%s%s%s", base, kinds[n], suffix);
        assert_int_equal(
            path_rename(fixture->runtime, fixture_path(fixture, from), fixture_path(fixture, to)),
            0);
    }
}

static void deleted_and_cleaned_files_go(void **state)
{
    struct log_fixture *fixture = *state;
    static const char *const names[] = {
        "00000000000000000000.log.deleted",
        "00000000000000000000.index.deleted",
        "00000000000000000000.snapshot.deleted",
        "00000000000000000007.log.cleaned",
        "00000000000000000007.index.cleaned",
        "00000000000000000007.timeindex.cleaned",
        "00000000000000000005.index",
        "00000000000000000005.txnindex",
    };
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        fixture_write(fixture, names[n], SLICE_LIT("rubbish"));
    }
    fixture_write(fixture, "somebody-elses-file", SLICE_LIT("x"));
    fixture_open(fixture, false, 0);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        assert_false(fixture_has(fixture, names[n]));
    }
    assert_true(fixture_has(fixture, "somebody-elses-file"));
    assert_int_equal(partition_log_end_offset(fixture->log), 0);
    assert_int_equal(fixture_append(fixture, 1, 1).first_offset, 0);
}

/* Two segments were compacted into one, which has the first one's base; the power went at some
 * point of the swap. */
static void make_compacted(struct log_fixture *fixture)
{
    fixture->config.segment_bytes = 1 << 20;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 10; n++) {
        put(fixture, 2, 50);
    }
    assert_int_equal(partition_log_flush(fixture->log), 0);
    fixture_close(fixture);
    assert_int_equal(
        path_remove(fixture->runtime, fixture_path(fixture, "00000000000000000020.snapshot")), 0);
    assert_int_equal(path_remove(fixture->runtime, fixture_path(fixture, LEADER_EPOCH_FILE)), 0);
    rename_all(fixture, "00000000000000000000", ".swap");
}

static void a_finished_compaction_is_swapped_in(void **state)
{
    struct log_fixture *fixture = *state;
    for (int old = 0; old < 4; old++) {
        make_compacted(fixture);
        if ((old & 1) != 0) {
            fixture_write(fixture, LOG_0, SLICE_LIT("the old one"));
            fixture_write(fixture, "00000000000000000000.index", SLICE_LIT("its index"));
        }
        if ((old & 2) != 0) {
            fixture_write(fixture, "00000000000000000010.log", SLICE_LIT("another old one"));
            fixture_write(fixture, "00000000000000000010.index", SLICE_LIT("its index"));
        }
        fixture_open(fixture, false, 0);
        assert_int_equal(partition_log_segment_count(fixture->log), 1);
        assert_int_equal(partition_log_end_offset(fixture->log), 20);
        for (int64_t offset = 0; offset < 20; offset++) {
            assert_int_equal(fixture_first_offset(fixture, offset, 20), offset / 2 * 2);
        }
        assert_false(fixture_has(fixture, "00000000000000000010.log"));
        assert_false(fixture_has(fixture, "00000000000000000010.index"));
        assert_false(fixture_has(fixture, "00000000000000000000.log.swap"));
        fixture_crash(fixture);
        fixture_remove_all(fixture);
    }
}

static void an_unfinished_split_is_dropped(void **state)
{
    struct log_fixture *fixture = *state;
    make_compacted(fixture);
    fixture_write(fixture, "00000000000000000000.log.cleaned", SLICE_LIT(""));
    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_end_offset(fixture->log), 0);
    assert_false(fixture_has(fixture, "00000000000000000000.log.swap"));
    assert_false(fixture_has(fixture, "00000000000000000000.log.cleaned"));
}

/* ---- the edges ------------------------------------------------------------------------------- */

static void a_log_may_begin_behind_its_records(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    put(fixture, 5, 10);
    fixture_crash(fixture);
    fixture->log_start_offset = 3;
    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 3);
    assert_int_equal(partition_log_end_offset(fixture->log), 5);
    fixture_crash(fixture);
    /* All records are below the start: they are of no use. */
    fixture->log_start_offset = 100;
    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_start_offset(fixture->log), 100);
    assert_int_equal(partition_log_end_offset(fixture->log), 100);
    assert_false(fixture_has(fixture, LOG_0));
    assert_int_equal(fixture_append(fixture, 1, 1).first_offset, 100);
}

static void a_recovery_point_beyond_the_end_is_harmless(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    put(fixture, 5, 10);
    fixture_crash(fixture);
    fixture_open(fixture, false, 1000);
    assert_int_equal(partition_log_end_offset(fixture->log), 5);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 5);
}

static void a_false_clean_mark_is_found_out_before_an_append(void **state)
{
    struct log_fixture *fixture = *state;
    struct append_result result;
    fixture_open(fixture, true, 0);
    put(fixture, 5, 10);
    fixture_close(fixture);
    /* More is there than was told: nothing is lost, the end moves. */
    fixture_open(fixture, true, 3);
    assert_int_equal(fixture_append(fixture, 1, 1).first_offset, 5);
    fixture_close(fixture);
    /* Less: offsets that were given away are gone, and nobody may give them again. */
    fixture_open(fixture, true, 50);
    struct fixture_batch batch;
    fixture_batch_defaults(fixture, &batch);
    struct append_request request = {.records = fixture_build(fixture, &batch),
                                     .wall_ms = fixture->wall_ms};
    assert_int_equal(partition_log_append(fixture->log, &request, &result), ERR_CORRUPT);
    assert_int_equal(result.error, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    assert_int_equal(partition_log_append(fixture->log, &request, &result), ERR_IO);
}

static void epochs_come_back(void **state)
{
    struct log_fixture *fixture = *state;
    int32_t epoch;
    int64_t end;
    fixture_open(fixture, true, 0);
    assert_int_equal(partition_log_begin_epoch(fixture->log, 0), 0);
    put(fixture, 5, 10);
    assert_int_equal(partition_log_begin_epoch(fixture->log, 3), 0);
    fixture_crash(fixture);
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    fixture_read(fixture, LEADER_EPOCH_FILE, &text);
    assert_true(slice_equal_cstr(buffer_slice(&text), "0\n2\n0 0\n3 5\n"));
    buffer_release(&text);
    /* Epoch 3 wrote nothing that survived: the start forgets it, as Apache's does. */
    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_latest_epoch(fixture->log), 0);
    partition_log_end_of_epoch(fixture->log, 0, &epoch, &end);
    assert_int_equal(epoch, 0);
    assert_int_equal(end, 5);
    assert_int_equal(partition_log_epoch_of(fixture->log, 4), 0);
    fixture_crash(fixture);
    /* Damaged: it is made anew from the batches. */
    fixture_write(fixture, LEADER_EPOCH_FILE, SLICE_LIT("0\n2\n0"));
    fixture_open(fixture, false, 0);
    assert_int_equal(partition_log_latest_epoch(fixture->log), 0);
}

static void the_topics_id_is_kept(void **state)
{
    struct log_fixture *fixture = *state;
    struct codec_uuid id;
    struct codec_uuid found;
    for (size_t n = 0; n < sizeof id.bytes; n++) {
        id.bytes[n] = (uint8_t)(n * 17);
    }
    fixture_open(fixture, true, 0);
    assert_false(partition_log_topic_id(fixture->log, &found));
    assert_int_equal(partition_log_set_topic_id(fixture->log, &id), 0);
    assert_true(partition_log_topic_id(fixture->log, &found));
    assert_false(fixture_has(fixture, PARTITION_METADATA_FILE)); /* with the first record */
    fixture_append(fixture, 1, 10);
    fixture_close(fixture);
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    fixture_read(fixture, PARTITION_METADATA_FILE, &text);
    assert_true(
        slice_equal_cstr(buffer_slice(&text), "version: 0\ntopic_id: ABEiM0RVZneImaq7zN3u_w"));
    buffer_release(&text);
    fixture_open(fixture, true, 0);
    assert_true(partition_log_topic_id(fixture->log, &found));
    assert_memory_equal(&found, &id, sizeof id);
}

/* What was not promised to be on disk is not brought there by a start; the next flush does. */
static void a_start_flushes_what_must_be_durable(void **state)
{
    struct log_fixture *fixture = *state;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 5; n++) {
        fixture_append(fixture, 1, 100);
    }
    fixture_crash(fixture);
    fixture_open(fixture, false, 2);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 5);
    fixture_crash(fixture);
    fixture->config.flush_before_ack = false;
    fixture_open(fixture, false, 2);
    assert_int_equal(partition_log_end_offset(fixture->log), 5);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 2);
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(every_cut_leaves_the_batches_before_it),
        LOG_TEST(every_flipped_byte_is_noticed),
        LOG_TEST(segments_behind_a_bad_one_go),
        LOG_TEST(deleted_and_cleaned_files_go),
        LOG_TEST(a_finished_compaction_is_swapped_in),
        LOG_TEST(an_unfinished_split_is_dropped),
        LOG_TEST(a_log_may_begin_behind_its_records),
        LOG_TEST(a_recovery_point_beyond_the_end_is_harmless),
        LOG_TEST(a_false_clean_mark_is_found_out_before_an_append),
        LOG_TEST(epochs_come_back),
        LOG_TEST(the_topics_id_is_kept),
        LOG_TEST(a_start_flushes_what_must_be_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
