/* What an ensemble asks of the files: epochs, cutting the history behind a zxid, reading a stretch
 * of it; where a snapshot on a link ends. */
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
#include "zookeeper/storage/epochs.h"
#include "zookeeper/storage/history.h"
#include "zookeeper/storage/log_writer.h"
#include "zookeeper/storage/snapshot_scan.h"
#include "zookeeper/storage/synced_mark.h"

#define HEADER_BYTES 32
#define ZXID(epoch, counter) ((int64_t)(epoch) << 32 | (counter))

struct fixture {
    struct runtime *runtime;
    struct data_dir dir;
    struct log_writer writer;
    struct tree tree;
    char folder[256];
    int64_t persisted;
    int64_t replayed[64];
    int replayed_count;
};

static void on_persisted(void *ctx, int64_t zxid, uint32_t txn_count)
{
    struct fixture *fixture = ctx;
    (void)txn_count;
    fixture->persisted = zxid;
}

static void on_failed(void *ctx, int error, const char *text)
{
    (void)ctx;
    (void)error;
    fail_msg("%s", text);
}

static void start_writer(struct fixture *fixture)
{
    static const struct log_writer_options options = {.preallocate_bytes = 1 << 20,
                                                      .size_limit_bytes = -1,
                                                      .force_sync = true,
                                                      .warning_threshold_ms = 1000};
    log_writer_init(&fixture->writer, fixture->runtime, &fixture->dir, &options);
    fixture->writer.on_persisted = on_persisted;
    fixture->writer.on_failed = on_failed;
    fixture->writer.ctx = fixture;
}

static int setup(void **state)
{
    static const struct tree_config tree_config;
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct errmsg message;
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/samsa-test-history-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(runtime_create(NULL, &fixture->runtime), 0);
    assert_int_equal(data_dir_open(&fixture->dir, fixture->runtime, fixture->folder, NULL, true,
                                   false, &message),
                     0);
    tree_init(&fixture->tree, &tree_config);
    start_writer(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[512];
    assert_int_equal(log_writer_close(&fixture->writer), 0);
    tree_release(&fixture->tree);
    data_dir_close(&fixture->dir);
    runtime_destroy(fixture->runtime);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->folder);
    assert_int_equal(system(command), 0); /* style: system (the folder is this test's own) */
    free(fixture);
    return 0;
}

static void append(struct fixture *fixture, int64_t zxid)
{
    uint8_t bytes[HEADER_BYTES + 100];
    memset(bytes, (int)(zxid & 0xff), sizeof bytes);
    store_be64(bytes + 12, (uint64_t)zxid);
    log_writer_append(&fixture->writer, zxid, slice_of(bytes, sizeof bytes));
}

static void wait_persisted(struct fixture *fixture, int64_t zxid)
{
    for (int turn = 0; turn < 1000 && fixture->persisted < zxid; turn++) {
        log_writer_flush(&fixture->writer, false);
        runtime_turn(fixture->runtime, 10);
    }
    assert_true(fixture->persisted == zxid);
}

/* Two epochs in three files: 1:1..1:5, 1:6..1:8, 2:1..2:4. */
static void write_history(struct fixture *fixture)
{
    for (int64_t counter = 1; counter <= 8; counter++) {
        append(fixture, ZXID(1, counter));
        if (counter == 5) {
            wait_persisted(fixture, ZXID(1, 5));
            log_writer_roll(&fixture->writer);
        }
    }
    wait_persisted(fixture, ZXID(1, 8));
    log_writer_roll(&fixture->writer);
    for (int64_t counter = 1; counter <= 4; counter++) {
        append(fixture, ZXID(2, counter));
    }
    wait_persisted(fixture, ZXID(2, 4));
}

/* A snapshot of an empty tree at that zxid. */
static void write_snapshot(struct fixture *fixture, int64_t zxid)
{
    static const struct snapshot_options options;
    static const struct tree_config tree_config;
    struct snapshot_writer *writer;
    struct buffer body;
    struct tree tree;
    uint64_t size;
    buffer_init(&body, SIZE_MAX / 4);
    tree_init(&tree, &tree_config);
    tree.last_processed_zxid = zxid;
    struct tree_snapshot *walk = tree_snapshot_begin(&tree, &body);
    assert_true(tree_snapshot_step(walk, SIZE_MAX / 8));
    tree_snapshot_end(walk);
    assert_int_equal(
        snapshot_writer_open(fixture->runtime, fixture->dir.snap_dir, zxid, &options, &writer), 0);
    assert_int_equal(snapshot_writer_append(writer, buffer_slice(&body)), 0);
    assert_int_equal(snapshot_writer_finish(writer, 0, &size), 0);
    tree_release(&tree);
    buffer_release(&body);
}

static int replay(void *ctx, struct slice payload)
{
    struct fixture *fixture = ctx;
    assert_true(fixture->replayed_count < 64);
    fixture->replayed[fixture->replayed_count++] = txn_log_payload_zxid(payload);
    return 0;
}

static size_t count_logs(struct fixture *fixture)
{
    struct data_file_list list;
    assert_int_equal(data_dir_list_logs(fixture->runtime, fixture->dir.log_dir, &list), 0);
    size_t count = list.count;
    data_file_list_release(&list);
    return count;
}

static size_t count_snapshots(struct fixture *fixture)
{
    struct data_file_list list;
    assert_int_equal(data_dir_list_snapshots(fixture->runtime, fixture->dir.snap_dir, &list), 0);
    size_t count = list.count;
    data_file_list_release(&list);
    return count;
}

/* What a start would find now. */
static int64_t recover(struct fixture *fixture)
{
    struct recovery_options options = {.may_cut = true};
    struct recovery_result result;
    struct errmsg message;
    fixture->replayed_count = 0;
    int error = recovery_load(&fixture->dir, &options, &fixture->tree, replay, fixture, &result,
                              &message);
    assert_int_equal(error, 0);
    return result.last_zxid;
}

static void truncates_across_files(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_result result;
    struct errmsg message;
    struct synced_mark mark;
    write_snapshot(fixture, 0);
    write_history(fixture);
    assert_int_equal(count_logs(fixture), 3);
    fixture->replayed_count = 0;
    int error = history_truncate(&fixture->dir, ZXID(1, 6), &fixture->tree, replay, fixture,
                                 &result, &message);
    assert_int_equal(error, 0);
    assert_true(result.last_zxid == ZXID(1, 6));
    assert_int_equal(fixture->replayed_count, 6);
    assert_int_equal(count_logs(fixture), 2);
    assert_true(synced_mark_read(fixture->runtime, fixture->dir.log_dir, &mark));
    assert_true(mark.log_zxid == ZXID(1, 6));
    assert_true(recover(fixture) == ZXID(1, 6));

    /* The log goes on behind the cut, in a file of its own. */
    log_writer_roll(&fixture->writer);
    append(fixture, ZXID(3, 1));
    fixture->persisted = 0;
    wait_persisted(fixture, ZXID(3, 1));
    assert_true(recover(fixture) == ZXID(3, 1));
    assert_int_equal(fixture->replayed_count, 7);
}

static void truncates_to_what_it_never_had(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_result result;
    struct errmsg message;
    write_snapshot(fixture, 0);
    write_history(fixture);
    int error = history_truncate(&fixture->dir, ZXID(1, 99), &fixture->tree, replay, fixture,
                                 &result, &message);
    assert_int_equal(error, 0);
    assert_true(result.last_zxid == ZXID(1, 8));
    assert_true(recover(fixture) == ZXID(1, 8));
}

/* A snapshot above the cut is no base for it; with an older one beneath it goes, alone it stays. */
static void snapshots_above_the_cut(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_result result;
    struct errmsg message;
    write_history(fixture);
    write_snapshot(fixture, ZXID(2, 2));
    int error = history_truncate(&fixture->dir, ZXID(1, 0), &fixture->tree, replay, fixture,
                                 &result, &message);
    assert_true(error < 0);
    assert_int_equal(count_logs(fixture), 3);
    assert_int_equal(count_snapshots(fixture), 1);

    write_snapshot(fixture, ZXID(1, 3));
    fixture->replayed_count = 0;
    error = history_truncate(&fixture->dir, ZXID(1, 7), &fixture->tree, replay, fixture, &result,
                             &message);
    assert_int_equal(error, 0);
    assert_int_equal(fixture->replayed_count, 4);
    assert_int_equal(count_snapshots(fixture), 1);
    assert_true(recover(fixture) == ZXID(1, 7));
}

/* A server copied the tree of a fresh epoch, 3:0, and logged 3:1. Told to cut back to 2:9, which
 * only that tree has, it must not go back to 2:4: by its epoch it could still become the leader
 * (scenario never-had of the simulator). */
static void the_only_tree_that_has_it_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_result result;
    struct errmsg message;
    write_snapshot(fixture, 0);
    write_history(fixture);
    write_snapshot(fixture, ZXID(3, 0));
    log_writer_roll(&fixture->writer);
    append(fixture, ZXID(3, 1));
    fixture->persisted = 0;
    wait_persisted(fixture, ZXID(3, 1));
    fixture->replayed_count = 0;
    int error = history_truncate(&fixture->dir, ZXID(2, 9), &fixture->tree, replay, fixture,
                                 &result, &message);
    assert_int_equal(error, ERR_NOT_FOUND);
    assert_int_equal(count_snapshots(fixture), 2);
    assert_int_equal(count_logs(fixture), 4);
    tree_release(&fixture->tree);
    static const struct tree_config config;
    tree_init(&fixture->tree, &config);
    assert_true(recover(fixture) == ZXID(3, 1));
}

static void reads_a_stretch(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, SIZE_MAX);
    write_snapshot(fixture, 0);
    write_history(fixture);
    size_t entry = HEADER_BYTES + 100 + 4;
    assert_int_equal(history_read(&fixture->dir, ZXID(1, 4), ZXID(2, 2), 1 << 20, &out), 0);
    assert_int_equal(out.len, 6 * entry); /* 1:5..1:8, 2:1, 2:2 */
    assert_true((int64_t)load_be64(out.data + 4 + 12) == ZXID(1, 5));
    buffer_clear(&out, 0);
    assert_int_equal(history_read(&fixture->dir, ZXID(1, 4), ZXID(2, 2), 6 * entry, &out), 0);
    buffer_clear(&out, 0);
    assert_int_equal(history_read(&fixture->dir, ZXID(1, 4), ZXID(2, 2), 6 * entry - 1, &out),
                     ERR_LIMIT);
    buffer_clear(&out, 0);
    /* Neither from a txn that is not there, nor to one. */
    assert_int_equal(history_read(&fixture->dir, ZXID(1, 9), ZXID(2, 2), 1 << 20, &out),
                     ERR_NOT_FOUND);
    buffer_clear(&out, 0);
    assert_int_equal(history_read(&fixture->dir, 0, ZXID(2, 2), 1 << 20, &out), ERR_NOT_FOUND);
    buffer_clear(&out, 0);
    assert_int_equal(history_read(&fixture->dir, ZXID(1, 4), ZXID(2, 9), 1 << 20, &out),
                     ERR_NOT_FOUND);
    buffer_release(&out);
}

/* Its content, not its end. */
static void damage(struct fixture *fixture, const char *name)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, fixture->dir.snap_dir, name);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 40, SEEK_SET), 0);
    assert_int_equal(fputc(0xee, file), 0xee);
    assert_int_equal(fclose(file), 0);
}

/* A server that copied a snapshot at 1:12 after 1:8 and went on with 2:1: its log has a hole, which
 * neither readers nor a start without that snapshot may step over (simulator seeds 140, 82). */
static void a_copied_snapshot_is_a_hole(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_options options = {.may_cut = true};
    struct recovery_result result;
    struct errmsg message;
    struct buffer out;
    buffer_init(&out, SIZE_MAX);
    write_snapshot(fixture, 0);
    write_history(fixture);
    write_snapshot(fixture, ZXID(1, 12));
    assert_int_equal(history_read(&fixture->dir, ZXID(1, 4), ZXID(2, 2), 1 << 20, &out),
                     ERR_NOT_FOUND);
    buffer_clear(&out, 0);
    assert_int_equal(history_read(&fixture->dir, ZXID(2, 1), ZXID(2, 3), 1 << 20, &out), 0);
    assert_true(recover(fixture) == ZXID(2, 4));
    assert_int_equal(fixture->replayed_count, 4);

    damage(fixture, "snapshot.10000000c");
    int error = recovery_load(&fixture->dir, &options, &fixture->tree, replay, fixture, &result,
                              &message);
    assert_int_equal(error, ERR_CORRUPT);
    buffer_release(&out);
}

/* A server that copied a snapshot at 3:7 after 2:4, and nothing since: without it, it would come
 * back with a history that is older than its epoch says (ensemble seed 453287507). */
static void a_copied_snapshot_is_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_options options = {.may_cut = true};
    struct recovery_result result;
    struct errmsg message;
    char path[PATH_TEXT_MAX];
    write_snapshot(fixture, 0);
    write_history(fixture);
    write_snapshot(fixture, ZXID(3, 7));
    assert_true(recover(fixture) == ZXID(3, 7));
    damage(fixture, "snapshot.300000007");
    assert_int_equal(
        recovery_load(&fixture->dir, &options, &fixture->tree, replay, fixture, &result, &message),
        ERR_CORRUPT);
    assert_non_null(strstr(message.text, "transactions are missing"));
    /* Never finished: it was never acknowledged either. */
    data_dir_join(path, fixture->dir.snap_dir, "snapshot.300000007");
    assert_int_equal(truncate(path, 40), 0);
    assert_true(recover(fixture) == ZXID(2, 4));
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static void put_file(struct fixture *fixture, const char *name, const char *text)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, fixture->dir.snap_dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int load_epochs(struct fixture *fixture, int64_t zxid, struct epochs *epochs)
{
    struct errmsg message;
    return epochs_load(fixture->runtime, fixture->dir.snap_dir, zxid, epochs, &message);
}

static void epochs_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct epochs epochs;
    struct errmsg message;
    const char *folder = fixture->dir.snap_dir;
    /* A standalone server's data: both come from the zxid. */
    assert_int_equal(load_epochs(fixture, ZXID(7, 12), &epochs), 0);
    assert_true(epochs.accepted == 7 && epochs.current == 7);
    assert_int_equal(epochs_write(fixture->runtime, folder, ZK_EPOCH_ACCEPTED, 9, &message), 0);
    assert_int_equal(load_epochs(fixture, ZXID(7, 12), &epochs), 0);
    assert_true(epochs.accepted == 9 && epochs.current == 7);
    /* Killed between history and epoch: goes on under the old one. */
    assert_int_equal(load_epochs(fixture, ZXID(9, 1), &epochs), 0);
    assert_true(epochs.accepted == 9 && epochs.current == 7);
    /* Killed between the temporary file and its name (ZOOKEEPER-2307). */
    put_file(fixture, "currentEpoch.tmp", "9");
    assert_int_equal(load_epochs(fixture, ZXID(9, 1), &epochs), 0);
    assert_true(epochs.current == 9);
    /* A history of an epoch that was never accepted. */
    assert_int_equal(load_epochs(fixture, ZXID(10, 1), &epochs), ERR_CORRUPT);
}

static void damaged_epochs_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct epochs epochs;
    put_file(fixture, "acceptedEpoch", "3");
    put_file(fixture, "currentEpoch", "4\n");
    assert_int_equal(load_epochs(fixture, ZXID(3, 1), &epochs), ERR_CORRUPT);
    put_file(fixture, "acceptedEpoch", "");
    assert_int_equal(load_epochs(fixture, ZXID(3, 1), &epochs), ERR_CORRUPT);
    put_file(fixture, "acceptedEpoch", "-1");
    assert_int_equal(load_epochs(fixture, ZXID(3, 1), &epochs), ERR_CORRUPT);
    put_file(fixture, "acceptedEpoch", "99999999999");
    assert_int_equal(load_epochs(fixture, ZXID(3, 1), &epochs), ERR_CORRUPT);
    put_file(fixture, "acceptedEpoch", "4\n");
    assert_int_equal(load_epochs(fixture, ZXID(3, 1), &epochs), 0);
}

/* ---- the end of a snapshot ------------------------------------------------------------------- */

static void put_text(struct buffer *out, const char *text)
{
    buffer_append_be32(out, (uint32_t)strlen(text));
    buffer_append_cstr(out, text);
}

static void put_node(struct buffer *out, const char *path, const char *data)
{
    static const uint8_t fixed[68];
    put_text(out, path);
    if (data == NULL) {
        buffer_append_be32(out, UINT32_MAX);
    } else {
        put_text(out, data);
    }
    buffer_append(out, slice_of(fixed, sizeof fixed));
}

static void make_body(struct buffer *out)
{
    static const uint8_t sessions[24];
    buffer_append_be32(out, 2);
    buffer_append(out, slice_of(sessions, sizeof sessions));
    buffer_append_be32(out, 2); /* lists */
    buffer_append_be64(out, 1);
    buffer_append_be32(out, 2);
    buffer_append_be32(out, 31);
    put_text(out, "world");
    put_text(out, "anyone");
    buffer_append_be32(out, 1);
    put_text(out, "ip");
    put_text(out, "127.0.0.1");
    buffer_append_be64(out, 2);
    buffer_append_be32(out, 0);
    put_node(out, "", NULL);
    put_node(out, "/a", "BenWasHere");
    put_node(out, "/a/b", "");
    put_text(out, "/");
    put_text(out, "BenWasHere");
}

static void finds_the_end_in_pieces(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, SIZE_MAX);
    make_body(&body);
    size_t whole = body.len;
    buffer_append_cstr(&body, "packets behind it");
    for (size_t step = 1; step <= whole + 3; step++) {
        struct snapshot_scan scan;
        size_t at = 0;
        snapshot_scan_init(&scan, 1 << 20);
        while (scan.state != SCAN_DONE) {
            size_t taken = 0;
            struct slice piece = slice_part(buffer_slice(&body), at, MIN(at + step, body.len));
            assert_true(piece.len > 0);
            assert_int_equal(snapshot_scan_feed(&scan, piece, &taken), 0);
            assert_true(taken > 0 && taken <= piece.len);
            at += taken;
        }
        assert_int_equal(at, whole);
    }
    buffer_release(&body);
}

static void forged_snapshots_are_refused(void **state)
{
    struct snapshot_scan scan;
    struct buffer body;
    size_t taken;
    (void)state;
    buffer_init(&body, SIZE_MAX);
    buffer_append_be32(&body, 0x80000000u); /* sessions */
    snapshot_scan_init(&scan, 1000);
    assert_int_equal(snapshot_scan_feed(&scan, buffer_slice(&body), &taken), ERR_CORRUPT);

    buffer_clear(&body, 0);
    buffer_append_be32(&body, 0);
    buffer_append_be32(&body, 0);
    buffer_append_be32(&body, 1001); /* a path */
    snapshot_scan_init(&scan, 1000);
    assert_int_equal(snapshot_scan_feed(&scan, buffer_slice(&body), &taken), ERR_CORRUPT);

    buffer_clear(&body, 0);
    make_body(&body);
    body.data[body.len - 1] = 'E';
    snapshot_scan_init(&scan, 1000);
    assert_int_equal(snapshot_scan_feed(&scan, buffer_slice(&body), &taken), ERR_CORRUPT);
    buffer_release(&body);
}

/* Logs of 1:1 to 1:5 and from 2:4: the file with the beginning of epoch 2 is gone. */
static void a_gap_where_an_epoch_begins(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_options options = {.may_cut = true};
    struct recovery_result result;
    struct errmsg message;
    write_snapshot(fixture, 0);
    for (int64_t counter = 1; counter <= 5; counter++) {
        append(fixture, ZXID(1, counter));
    }
    wait_persisted(fixture, ZXID(1, 5));
    log_writer_roll(&fixture->writer);
    append(fixture, ZXID(2, 4));
    wait_persisted(fixture, ZXID(2, 4));
    int error = recovery_load(&fixture->dir, &options, &fixture->tree, replay, fixture, &result,
                              &message);
    assert_int_equal(error, ERR_CORRUPT);
    assert_non_null(strstr(message.text, "transactions are missing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_gap_where_an_epoch_begins, setup, teardown),
        cmocka_unit_test_setup_teardown(truncates_across_files, setup, teardown),
        cmocka_unit_test_setup_teardown(truncates_to_what_it_never_had, setup, teardown),
        cmocka_unit_test_setup_teardown(the_only_tree_that_has_it_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshots_above_the_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_a_stretch, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copied_snapshot_is_a_hole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copied_snapshot_is_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(epochs_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_epochs_are_refused, setup, teardown),
        cmocka_unit_test(finds_the_end_in_pieces),
        cmocka_unit_test(forged_snapshots_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
