/* The transaction log: what the writer writes the reader reads; torn tails, corruption, rolling,
 * batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/memory.h"
#include "runtime/uv/runtime_uv.h"
#include "zookeeper/storage/log_writer.h"

#define HEADER_BYTES 32

struct fixture {
    struct runtime *runtime;
    struct data_dir dir;
    struct log_writer writer;
    char folder[256];
    int64_t persisted;
    int failures;
};

static void on_persisted(void *ctx, int64_t zxid, uint32_t txn_count)
{
    struct fixture *fixture = ctx;
    assert_true(zxid > fixture->persisted);
    assert_true(txn_count > 0);
    fixture->persisted = zxid;
}

static void on_failed(void *ctx, int error, const char *text)
{
    struct fixture *fixture = ctx;
    (void)error;
    assert_true(strlen(text) > 0);
    fixture->failures++;
}

static void open_writer(struct fixture *fixture, const struct log_writer_options *options)
{
    struct errmsg message;
    int error = data_dir_open(&fixture->dir, fixture->runtime, fixture->folder, NULL, true, false,
                              &message);
    assert_int_equal(error, 0);
    log_writer_init(&fixture->writer, fixture->runtime, &fixture->dir, options);
    fixture->writer.on_persisted = on_persisted;
    fixture->writer.on_failed = on_failed;
    fixture->writer.ctx = fixture;
}

static const struct log_writer_options plain_options = {.preallocate_bytes = 1 << 20,
                                                        .size_limit_bytes = -1,
                                                        .force_sync = true,
                                                        .warning_threshold_ms = 1000};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/samsa-test-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(runtime_create(NULL, &fixture->runtime), 0);
    open_writer(fixture, &plain_options);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[512];
    assert_int_equal(log_writer_close(&fixture->writer), 0);
    data_dir_close(&fixture->dir);
    runtime_destroy(fixture->runtime);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->folder);
    assert_int_equal(system(command), 0); /* style: system (the folder is this test's own) */
    free(fixture);
    return 0;
}

/* A payload that looks like a txn: its zxid where a header has it, then filler that depends on the
 * zxid. */
static size_t make_payload(int64_t zxid, size_t extra, uint8_t *bytes)
{
    memset(bytes, (int)(zxid & 0xff), HEADER_BYTES + extra);
    store_be64(bytes + 12, (uint64_t)zxid);
    return HEADER_BYTES + extra;
}

static void append(struct fixture *fixture, int64_t zxid, size_t extra)
{
    uint8_t *bytes = malloc(HEADER_BYTES + extra);
    size_t len = make_payload(zxid, extra, bytes);
    log_writer_append(&fixture->writer, zxid, slice_of(bytes, len));
    free(bytes);
}

static void wait_persisted(struct fixture *fixture, int64_t zxid)
{
    for (int turn = 0; turn < 1000 && fixture->persisted < zxid; turn++) {
        log_writer_flush(&fixture->writer, false);
        runtime_turn(fixture->runtime, 10);
    }
    assert_int_equal(fixture->persisted, zxid);
}

/* Reads a whole file; returns the last result and the number of entries. */
static int read_all(struct fixture *fixture, const char *name, int64_t first_zxid, int *count)
{
    struct txn_log_reader reader;
    struct slice payload;
    *count = 0;
    int error = txn_log_reader_open(&reader, fixture->runtime, fixture->dir.log_dir, name);
    if (error != 0) {
        return error;
    }
    while ((error = txn_log_reader_next(&reader, &payload, NULL)) == 0) {
        uint8_t expected[HEADER_BYTES + 4096];
        int64_t zxid = txn_log_payload_zxid(payload);
        assert_int_equal(zxid, first_zxid + *count);
        make_payload(zxid, payload.len - HEADER_BYTES, expected);
        assert_memory_equal(payload.ptr, expected, payload.len);
        (*count)++;
    }
    txn_log_reader_close(&reader);
    return error;
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    int count;
    for (int64_t zxid = 1; zxid <= 500; zxid++) {
        append(fixture, zxid, (size_t)(zxid % 300));
        if (zxid % 7 == 0) {
            log_writer_flush(&fixture->writer, zxid % 2 == 0);
            runtime_turn(fixture->runtime, 0);
        }
    }
    wait_persisted(fixture, 500);
    assert_int_equal(read_all(fixture, "log.1", 1, &count), ERR_END);
    assert_int_equal(count, 500);
}

static void test_group_commit_is_one_sync(void **state)
{
    struct fixture *fixture = *state;
    for (int64_t zxid = 1; zxid <= 100; zxid++) {
        append(fixture, zxid, 100);
    }
    wait_persisted(fixture, 100);
    assert_int_equal(fixture->writer.sync_count, 1);
}

/* What is appended between the hand-over and the start of the writing joins the batch. */
static void test_late_txns_join_the_batch(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 10);
    log_writer_flush(&fixture->writer, true);
    append(fixture, 2, 10);
    wait_persisted(fixture, 2);
    assert_int_equal(fixture->writer.sync_count, 1);
}

static void test_roll_names_file_by_first_zxid(void **state)
{
    struct fixture *fixture = *state;
    int count;
    append(fixture, 1, 10);
    wait_persisted(fixture, 1);
    log_writer_roll(&fixture->writer);
    append(fixture, 2, 10);
    append(fixture, 3, 10);
    wait_persisted(fixture, 3);
    assert_int_equal(read_all(fixture, "log.1", 1, &count), ERR_END);
    assert_int_equal(count, 1);
    assert_int_equal(read_all(fixture, "log.2", 2, &count), ERR_END);
    assert_int_equal(count, 2);
}

static void test_size_limit_rolls(void **state)
{
    struct fixture *fixture = *state;
    struct data_file_list list;
    fixture->writer.options.size_limit_bytes = 1000;
    for (int64_t zxid = 1; zxid <= 20; zxid++) {
        append(fixture, zxid, 200);
        wait_persisted(fixture, zxid);
    }
    assert_int_equal(data_dir_list_logs(fixture->runtime, fixture->dir.log_dir, &list), 0);
    assert_true(list.count > 2);
    assert_int_equal(list.files[0].zxid, 1);
    data_file_list_release(&list);
}

/* The first file is 16 + preAllocSize bytes, as Apache's. */
static void test_file_is_prepared_ahead(void **state)
{
    struct fixture *fixture = *state;
    struct data_file_list list;
    append(fixture, 1, 10);
    wait_persisted(fixture, 1);
    assert_int_equal(data_dir_list_logs(fixture->runtime, fixture->dir.log_dir, &list), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.files[0].size, TXN_LOG_HEADER_BYTES + (1 << 20));
    data_file_list_release(&list);
}

static void overwrite(struct fixture *fixture,
                      const char *name,
                      uint64_t offset,
                      const void *bytes,
                      size_t len)
{
    char path[PATH_TEXT_MAX];
    struct file *file;
    data_dir_join(path, fixture->dir.log_dir, name);
    assert_int_equal(file_open(fixture->runtime, path, FILE_READ | FILE_WRITE, &file), 0);
    assert_int_equal(file_write(file, offset, slice_of(bytes, len)), 0);
    assert_int_equal(file_close(file), 0);
}

/* Every byte of the last entry, flipped alone, is noticed, and nothing stands behind it. */
static void test_damage_in_last_entry(void **state)
{
    struct fixture *fixture = *state;
    struct txn_log_reader reader;
    struct slice payload;
    int count;
    for (int64_t zxid = 1; zxid <= 3; zxid++) {
        append(fixture, zxid, 20);
    }
    wait_persisted(fixture, 3);
    uint64_t entry = HEADER_BYTES + 20 + TXN_LOG_ENTRY_OVERHEAD;
    uint64_t last = TXN_LOG_HEADER_BYTES + 2 * entry;
    for (uint64_t at = 4; at < entry; at++) {
        uint8_t original;
        size_t got;
        char path[PATH_TEXT_MAX];
        struct file *file;
        data_dir_join(path, fixture->dir.log_dir, "log.1");
        assert_int_equal(file_open(fixture->runtime, path, FILE_READ, &file), 0);
        assert_int_equal(file_read(file, last + at, &original, 1, &got), 0);
        file_close(file);
        uint8_t flipped = original ^ 0x40;
        overwrite(fixture, "log.1", last + at, &flipped, 1);

        assert_int_equal(
            txn_log_reader_open(&reader, fixture->runtime, fixture->dir.log_dir, "log.1"), 0);
        count = 0;
        int error;
        while ((error = txn_log_reader_next(&reader, &payload, NULL)) == 0) {
            count++;
        }
        assert_int_equal(count, 2);
        assert_true(error == ERR_CHECKSUM || error == ERR_TRUNCATED);
        assert_int_equal(reader.offset, last);
        assert_false(txn_log_reader_valid_behind(&reader, 1));
        txn_log_reader_close(&reader);
        overwrite(fixture, "log.1", last + at, &original, 1);
    }
}

/* More than one batch behind the damage there is a whole entry: not a torn tail. */
static void test_damage_in_the_middle_is_seen(void **state)
{
    struct fixture *fixture = *state;
    struct txn_log_reader reader;
    struct slice payload;
    for (int64_t zxid = 1; zxid <= 1500; zxid++) {
        append(fixture, zxid, 4000);
    }
    wait_persisted(fixture, 1500);
    uint8_t byte = 0x55;
    overwrite(fixture, "log.1", TXN_LOG_HEADER_BYTES + 12 + HEADER_BYTES + 7, &byte, 1);
    assert_int_equal(txn_log_reader_open(&reader, fixture->runtime, fixture->dir.log_dir, "log.1"),
                     0);
    assert_int_equal(txn_log_reader_next(&reader, &payload, NULL), ERR_CHECKSUM);
    assert_true(txn_log_reader_valid_behind(&reader, LOG_BATCH_BYTES_MAX));
    txn_log_reader_close(&reader);
}

static void test_batches_are_cut_into_pieces(void **state)
{
    struct fixture *fixture = *state;
    int count;
    for (int64_t zxid = 1; zxid <= 3000; zxid++) {
        append(fixture, zxid, 4000); /* three times LOG_BATCH_BYTES_MAX in one batch */
    }
    wait_persisted(fixture, 3000);
    assert_int_equal(read_all(fixture, "log.1", 1, &count), ERR_END);
    assert_int_equal(count, 3000);
}

/* What comes while one batch stands before a slow disk is bounded by who sends it, not here. */
static void test_a_batch_of_any_length(void **state)
{
    struct log_writer writer;
    (void)state;
    log_writer_init(&writer, NULL, NULL, &plain_options);
    assert_true(buffer_room(&writer.batches[writer.collecting].bytes) > (size_t)1 << 40);
    log_writer_abandon(&writer);
}

static void test_foreign_and_empty_files(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_TEXT_MAX];
    struct file *file;
    int count;
    data_dir_join(path, fixture->dir.log_dir, "log.9");
    assert_int_equal(file_open(fixture->runtime, path, FILE_WRITE | FILE_CREATE, &file), 0);
    assert_int_equal(read_all(fixture, "log.9", 9, &count), ERR_END);
    assert_int_equal(file_write(file, 0, SLICE_LIT("this is not a log of transactions")), 0);
    assert_int_equal(read_all(fixture, "log.9", 9, &count), ERR_CORRUPT);
    assert_int_equal(file_resize(file, 0), 0);
    assert_int_equal(file_resize(file, 4096),
                     0); /* zeros only: space was prepared, nothing written */
    assert_int_equal(read_all(fixture, "log.9", 9, &count), ERR_END);
    file_close(file);
}

static void test_second_server_is_kept_out(void **state)
{
    struct fixture *fixture = *state;
    struct data_dir other;
    struct errmsg message;
    assert_int_equal(
        data_dir_open(&other, fixture->runtime, fixture->folder, NULL, true, false, &message),
        ERR_IN_USE);
    assert_non_null(strstr(message.text, "in use"));
}

static void test_write_failure_is_final(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 10);
    wait_persisted(fixture, 1);
    assert_int_equal(file_close(fixture->writer.file), 0);
    char path[PATH_TEXT_MAX];
    data_dir_join(path, fixture->dir.log_dir, "log.1");
    assert_int_equal(file_open(fixture->runtime, path, FILE_READ, &fixture->writer.file),
                     0); /* writes to it fail */
    append(fixture, 2, 10);
    for (int turn = 0; turn < 100 && fixture->failures == 0; turn++) {
        log_writer_flush(&fixture->writer, false);
        runtime_turn(fixture->runtime, 10);
    }
    assert_int_equal(fixture->failures, 1);
    assert_int_equal(fixture->persisted, 1);
    append(fixture, 3, 10);
    log_writer_flush(&fixture->writer, false);
    runtime_turn(fixture->runtime, 10);
    assert_int_equal(fixture->failures, 1);
    assert_int_equal(fixture->persisted, 1);
}

/* The mark tells the end of what was synced, and survives as the writer left it. */
static void test_synced_mark(void **state)
{
    struct fixture *fixture = *state;
    struct synced_mark mark;
    assert_false(synced_mark_read(fixture->runtime, fixture->dir.log_dir, &mark));
    append(fixture, 1, 10);
    wait_persisted(fixture, 1);
    assert_true(synced_mark_read(fixture->runtime, fixture->dir.log_dir, &mark));
    assert_int_equal(mark.log_zxid, 1);
    assert_int_equal(mark.offset,
                     TXN_LOG_HEADER_BYTES + HEADER_BYTES + 10 + TXN_LOG_ENTRY_OVERHEAD);
    log_writer_roll(&fixture->writer);
    append(fixture, 2, 10);
    wait_persisted(fixture, 2);
    assert_true(synced_mark_read(fixture->runtime, fixture->dir.log_dir, &mark));
    assert_int_equal(mark.log_zxid, 2);
    uint8_t byte = 0x11;
    overwrite(fixture, SYNCED_MARK_NAME, 15, &byte, 1);
    assert_false(synced_mark_read(fixture->runtime, fixture->dir.log_dir, &mark));
}

static void test_names(void **state)
{
    int64_t zxid;
    enum snapshot_compression compression;
    (void)state;
    assert_true(data_file_parse_log("log.1a", &zxid));
    assert_int_equal(zxid, 0x1a);
    assert_false(data_file_parse_log("log.", &zxid));
    assert_false(data_file_parse_log("log.xyz", &zxid));
    assert_false(data_file_parse_log("snapshot.1", &zxid));
    assert_true(data_file_parse_snapshot("snapshot.100000002.gz", &zxid, &compression));
    assert_int_equal(zxid, 0x100000002);
    assert_int_equal(compression, SNAPSHOT_GZIP);
    assert_true(data_file_parse_snapshot("snapshot.0", &zxid, &compression));
    assert_int_equal(compression, SNAPSHOT_PLAIN);
    assert_false(data_file_parse_snapshot("snapshot.0.samsa-tmp", &zxid, &compression));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_group_commit_is_one_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_txns_join_the_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roll_names_file_by_first_zxid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_limit_rolls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_is_prepared_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_last_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches_are_cut_into_pieces, setup, teardown),
        cmocka_unit_test(test_a_batch_of_any_length),
        cmocka_unit_test_setup_teardown(test_foreign_and_empty_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_server_is_kept_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_failure_is_final, setup, teardown),
        cmocka_unit_test_setup_teardown(test_synced_mark, setup, teardown),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
