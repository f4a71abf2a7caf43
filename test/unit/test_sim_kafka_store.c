/* test_sim_kafka_store.c - the log directories on the simulated disk: orderly ends, power cuts at
 * any operation, failing and full disks, compaction, against a model that keeps every record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kafka/storage/cleaner.h"
#include "kafka/storage/log_store_private.h"
#include "sim/runtime_sim.h"
#include "unit/support_kafka_model.h"

#define LOGS 4 /* the last two are compacted */
#define RECORDS_MAX 20000
#define DIRS 2
#define CLUSTER "WZEKwK-bTuKq7gxmSzXFhg"
#define RUNTIMES_MAX 512
#define COMPACTION_OPS 160 /* of the disk, and more, in the compaction of 240 records */

struct box {
    struct schedule schedule;
    struct disk disk;
    struct random random;
    struct runtime *runtime;
    struct runtime *runtimes[RUNTIMES_MAX];
    size_t runtime_count;
    struct log_store *store;
    struct topic_config plain;
    struct topic_config compacted;
    struct log_store_tuning tuning;
    struct model_log logs[LOGS];
    int32_t next_value;
    bool is_loaded;
    int load_error;
    bool is_stopped;
    bool all_failed;
    unsigned dir_failures;
    enum disk_keep keep;
    uint64_t cuts;
    uint64_t cleaner_runs;
    struct errmsg message;
};

static const char *const dirs[DIRS] = {"/data/a", "/data/b"};

static struct slice topic_of(int idx)
{
    return idx < LOGS / 2 ? SLICE_LIT("plain") : SLICE_LIT("compact-ed");
}

static int32_t partition_of(int idx)
{
    return idx % (LOGS / 2);
}

/* ---- the host -------------------------------------------------------------------------------- */

static const struct topic_config *config_of(void *ctx, struct slice topic)
{
    struct box *box = ctx;
    return slice_equal_cstr(topic, "plain") ? &box->plain : &box->compacted;
}

static void on_loaded(void *ctx, int error, const char *text)
{
    struct box *box = ctx;
    box->is_loaded = true;
    box->load_error = error;
    snprintf(box->message.text, sizeof box->message.text, "%s", text);
}

static int64_t high_watermark(void *ctx, const struct stored_log *log)
{
    (void)ctx;
    return partition_log_flushed_offset(log->log);
}

static void on_changed(void *ctx, struct stored_log *log)
{
    (void)ctx;
    (void)log;
}

static void on_dir_failed(void *ctx, struct log_dir *dir)
{
    struct box *box = ctx;
    box->dir_failures += 1;
    LIST_FOR_EACH_SAFE(link, after, &dir->logs)
    {
        log_store_forget(CONTAINER_OF(link, struct stored_log, link));
    }
}

static void on_all_failed(void *ctx, const char *text)
{
    struct box *box = ctx;
    (void)text;
    box->all_failed = true;
}

static void on_stopped(void *ctx)
{
    struct box *box = ctx;
    box->is_stopped = true;
}

static void cut_power(void *ctx)
{
    struct box *box = ctx;
    box->cuts += 1;
    sim_runtime_die(box->runtime, false);
    disk_power_cut(&box->disk, box->keep);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void box_begin(struct box *box, uint64_t seed)
{
    memset(box, 0, sizeof *box);
    random_init(&box->random, seed);
    schedule_init(&box->schedule, &box->random, false);
    disk_init(&box->disk, &box->schedule, &box->random);
    box->disk.on_stop_at = cut_power;
    box->disk.stop_ctx = box;
    topic_config_defaults(&box->plain);
    box->plain.segment_bytes = 2000;
    box->plain.retention_ms = -1;
    box->plain.file_delete_delay_ms = 500;
    box->compacted = box->plain;
    box->compacted.cleanup_policy = CLEANUP_COMPACT;
    box->compacted.min_cleanable_dirty_ratio = 0.2;
    box->compacted.delete_retention_ms = 3000;
    log_store_tuning_defaults(&box->tuning);
    box->tuning.cleaner_backoff_ms = 100;
    box->tuning.recovery_checkpoint_ms = 700;
    box->tuning.high_watermark_checkpoint_ms = 300;
    box->tuning.start_checkpoint_ms = 1100;
    box->tuning.reserve_bytes = 0;
    for (int i = 0; i < LOGS; i++) {
        box->logs[i].records = calloc(RECORDS_MAX, sizeof *box->logs[i].records);
    }
}

static void box_end(struct box *box)
{
    for (size_t i = 0; i < box->runtime_count; i++) {
        sim_runtime_end(box->runtimes[i]);
        sim_runtime_free(box->runtimes[i]);
    }
    for (int i = 0; i < LOGS; i++) {
        free(box->logs[i].records);
    }
    disk_release(&box->disk);
    schedule_release(&box->schedule);
    assert_int_equal(mem_used(), 0);
}

static void run_for(struct box *box, uint64_t ms)
{
    uint64_t until = box->schedule.now_ns + ms * NS_PER_MS;
    while (!box->runtime->is_dead && schedule_step(&box->schedule, until)) {
    }
}

static void run_until(struct box *box, const bool *flag)
{
    uint64_t until = box->schedule.now_ns + 600 * NS_PER_S;
    while (!*flag && !box->runtime->is_dead && schedule_step(&box->schedule, until)) {
    }
}

static int open_store(struct box *box)
{
    static const struct runtime_profile profile = {.wake_max_ns = 1000, .job_max_ns = 100000};
    struct log_store_options options = {
        .dirs = dirs,
        .dir_count = DIRS,
        .tuning = box->tuning,
        .events =
            {
                .config_of = config_of,
                .loaded = on_loaded,
                .high_watermark = high_watermark,
                .changed = on_changed,
                .flush_wanted = on_changed,
                .dir_failed = on_dir_failed,
                .all_failed = on_all_failed,
                .ctx = box,
            },
    };
    struct random seed;
    random_split(&box->random, box->runtime_count, &seed);
    assert_true(box->runtime_count < RUNTIMES_MAX);
    box->runtime = sim_runtime_create(&box->schedule, &box->disk, NULL, &seed, &profile);
    box->runtimes[box->runtime_count++] = box->runtime;
    box->is_loaded = false;
    box->is_stopped = false;
    box->all_failed = false;
    box->store = NULL;
    int error = log_store_open(box->runtime, &options, &box->store, &box->message);
    if (error == 0) {
        error = log_store_settle(box->store, 0, CLUSTER, &box->message);
    }
    return error;
}

/* Up to running; 0 also when the power went on the way (the runtime is dead then). */
static int start(struct box *box)
{
    int error = open_store(box);
    if (error != 0) {
        return error;
    }
    log_store_load(box->store);
    run_until(box, &box->is_loaded);
    if (box->runtime->is_dead) {
        return ERR_CANCELLED;
    }
    assert_true(box->is_loaded);
    if (box->load_error == 0) {
        log_store_begin_upkeep(box->store);
        for (size_t i = 0; i < DIRS; i++) {
            LIST_FOR_EACH(link, &log_store_dir(box->store, i)->logs)
            {
                CONTAINER_OF(link, struct stored_log, link)->owner = box;
            }
        }
    }
    return box->load_error;
}

static void drop(struct box *box)
{
    if (box->store != NULL) {
        box->cleaner_runs += log_store_stats(box->store)->cleaner_runs;
        log_store_detach(box->store);
        sim_runtime_die(box->runtime, false);
        log_store_release(box->store);
        box->store = NULL;
    }
    disk_process_ended(&box->disk);
    assert_int_equal(mem_used(), 0);
}

static void stop(struct box *box)
{
    log_store_stop(box->store, 42, on_stopped, box);
    run_until(box, &box->is_stopped);
}

static struct stored_log *find(struct box *box, int idx)
{
    return log_store_find(box->store, topic_of(idx), partition_of(idx));
}

static int create_log(struct box *box,
                      struct slice topic,
                      int32_t partition,
                      bool is_new,
                      struct stored_log **stored)
{
    struct new_log wanted = {
        .topic = topic, .partition = partition, .is_new = is_new, .config = config_of(box, topic)};
    return log_store_create(box->store, &wanted, stored, &box->message);
}

static int create(struct box *box, int idx)
{
    struct stored_log *stored;
    int error = create_log(box, topic_of(idx), partition_of(idx), true, &stored);
    if (error == 0) {
        stored->owner = box;
        box->logs[idx].exists = true;
        box->logs[idx].is_kept = false;
        box->logs[idx].count = 0;
        box->logs[idx].flushed = 0;
    }
    return error;
}

/* ---- records --------------------------------------------------------------------------------- */

static void append(struct box *box, int idx, int count)
{
    struct model_log *model = &box->logs[idx];
    struct stored_log *stored = find(box, idx);
    struct batch_build build;
    struct batch_builder builder;
    struct buffer bytes;
    char key[32];
    char value[64];
    assert_non_null(stored);
    batch_build_defaults(&build);
    buffer_init(&bytes, SIZE_MAX);
    batch_builder_init(&builder, &build, &bytes);
    for (int i = 0; i < count; i++) {
        struct model_record *record = &model->records[model->count + i];
        record->key = (int32_t)random_below(&box->random, KEYS);
        record->value = random_chance(&box->random, 1, 8) ? -1 : box->next_value++;
        int key_len = snprintf(key, sizeof key, "key-%d", record->key);
        int value_len = snprintf(value, sizeof value, "value-%d", record->value);
        batch_builder_add(
            &builder, i, runtime_wall_ms(box->runtime), slice_of(key, (size_t)key_len),
            record->value < 0 ? SLICE_NULL : slice_of(value, (size_t)value_len), SLICE_NULL, 0);
    }
    assert_int_equal(batch_builder_finish(&builder, count - 1), 0);
    struct append_request request = {
        .records = buffer_slice(&bytes),
        .origin = APPEND_CLIENT,
        .wall_ms = runtime_wall_ms(box->runtime),
        .requires_magic_2 = true,
    };
    struct append_result result;
    int error = partition_log_append(stored->log, &request, &result);
    if (error == 0) {
        assert_int_equal(result.error, 0);
        assert_int_equal(result.first_offset, model->count);
        model->count += count;
    } else if (box->runtime->is_dead) {
        model->count += count; /* the power went on the way: they are there, or not */
    } else {
        log_store_fail_dir(stored->dir, error, "append");
    }
    buffer_release(&bytes);
}

static void flush(struct box *box, int idx)
{
    struct stored_log *stored = find(box, idx);
    int error = partition_log_flush(stored->log);
    if (error == 0 && !box->runtime->is_dead) {
        box->logs[idx].flushed = box->logs[idx].count;
        box->logs[idx].is_kept = box->logs[idx].count > 0; /* an empty one may be made again */
    } else if (error != 0 && !box->runtime->is_dead) {
        log_store_fail_dir(stored->dir, error, "flush");
    }
}

/* Everything that is there is what was written, in order; of every key the last one is there. */
static int64_t check_log(struct box *box, int idx, bool is_recovered)
{
    static bool seen[RECORDS_MAX];
    struct model_log *model = &box->logs[idx];
    struct stored_log *stored = find(box, idx);
    struct reading reading = {.model = model, .is_compacted = idx >= LOGS / 2, .seen = seen};
    int64_t end = partition_log_end_offset(stored->log);
    int64_t next = 0;
    static uint8_t bytes[1 << 16];
    memset(seen, 0, sizeof seen);
    for (int key = 0; key < KEYS; key++) {
        reading.last_of[key] = -1;
    }
    while (next < end) {
        struct log_read read;
        partition_log_read(stored->log, next, sizeof bytes, true, end, &read);
        int error = read.error;
        if (error == 0 && read.range.len > 0) {
            assert_true(read.range.len <= sizeof bytes);
            error = log_range_read(&read.range, 0, bytes, read.range.len);
        }
        if (box->runtime->is_dead) {
            log_range_drop(&read.range);
            return 0; /* the power went while this was looking */
        }
        assert_int_equal(error, 0);
        if (read.range.len == 0) {
            break;
        }
        int64_t before = next;
        reading_take(&reading, slice_of(bytes, read.range.len), &next);
        assert_true(next > before);
        log_range_drop(&read.range);
    }
    /* What no flush had covered may be missing before an empty segment: see is_gap_behind. */
    assert_true(next == end || (reading.is_compacted && next >= model->flushed));
    for (int64_t offset = model->flushed; offset < end && is_recovered; offset++) {
        if (!seen[offset]) {
            model->records[offset].key = -1; /* the power took it */
        }
    }
    for (int64_t offset = 0; offset < end && reading.is_compacted; offset++) {
        const struct model_record *record = &model->records[offset];
        bool is_last = record->key >= 0;
        for (int64_t later = offset + 1; later < end && is_last; later++) {
            is_last = model->records[later].key != record->key;
        }
        if (is_last && record->value >= 0) {
            assert_int_equal(reading.last_of[record->key], offset);
        }
    }
    return reading.records;
}

/* After a start: what was acknowledged is there. The model forgets what was not, and is gone. */
static void check_recovered(struct box *box)
{
    for (int i = 0; i < LOGS; i++) {
        struct model_log *model = &box->logs[i];
        const struct stored_log *stored = find(box, i);
        if (!model->exists) {
            continue;
        }
        if (stored == NULL) {
            if (model->is_kept) {
                fail_msg("log %d is gone", i);
            }
            model->exists = false;
            continue;
        }
        int64_t end = partition_log_end_offset(stored->log);
        if (end < model->flushed || end > model->count) {
            fail_msg("log %d ends at %lld, %lld of %lld were acknowledged", i, (long long)end,
                     (long long)model->flushed, (long long)model->count);
        }
        model->count = end;
        check_log(box, i, true);
    }
}

/* ---- tests ----------------------------------------------------------------------------------- */

static bool has_file(struct box *box, const char *path)
{
    return disk_find(&box->disk, path) != NULL;
}

static void file_text(struct box *box, const char *path, char *text, size_t size)
{
    const struct disk_inode *inode = disk_find(&box->disk, path);
    assert_non_null(inode);
    size_t len = MIN(size - 1, (size_t)inode->cached.len);
    memcpy(text, inode->cached.data, len);
    text[len] = '\0';
}

static void an_orderly_end(void **state)
{
    struct box box;
    char text[512];
    (void)state;
    box_begin(&box, 1);
    assert_int_equal(start(&box), 0);
    for (int i = 0; i < LOGS; i++) {
        assert_int_equal(create(&box, i), 0);
        append(&box, i, 10);
    }
    /* The directory with the fewest gets the next one. */
    assert_int_equal(log_store_dir(box.store, 0)->log_count, 2);
    assert_int_equal(log_store_dir(box.store, 1)->log_count, 2);
    struct stored_log *again;
    assert_int_equal(create_log(&box, topic_of(0), 0, true, &again), ERR_EXISTS);
    stop(&box);
    assert_true(box.is_stopped);
    drop(&box);
    assert_true(has_file(&box, "/data/a/.kafka_cleanshutdown"));
    file_text(&box, "/data/a/.kafka_cleanshutdown", text, sizeof text);
    assert_string_equal(text, "{\"version\":0,\"brokerEpoch\":42}");
    file_text(&box, "/data/a/recovery-point-offset-checkpoint", text, sizeof text);
    assert_string_equal(text, "0\n2\nplain 0 10\ncompact-ed 0 10\n");
    file_text(&box, "/data/b/replication-offset-checkpoint", text, sizeof text);
    assert_non_null(strstr(text, "plain 1 "));
    file_text(&box, "/data/b/log-start-offset-checkpoint", text, sizeof text);
    assert_string_equal(text, "0\n0\n");
    file_text(&box, "/data/a/meta.properties", text, sizeof text);
    assert_non_null(strstr(text, "\nbroker.id=0\ncluster.id=" CLUSTER "\nversion=0\n"));
    assert_int_equal(start(&box), 0);
    assert_false(has_file(&box, "/data/a/.kafka_cleanshutdown"));
    assert_true(log_store_dir(box.store, 0)->was_clean);
    for (int i = 0; i < LOGS; i++) {
        box.logs[i].flushed = box.logs[i].count;
    }
    check_recovered(&box);
    drop(&box);
    box_end(&box);
}

static void whose_directory_it_is(void **state)
{
    struct box box;
    (void)state;
    box_begin(&box, 2);
    assert_int_equal(start(&box), 0);
    /* A second broker in the same directories. */
    struct box other = box;
    other.store = NULL;
    assert_int_equal(open_store(&other), ERR_IN_USE);
    assert_non_null(strstr(other.message.text, "Failed to acquire lock on file .lock in /data/a"));
    box.runtimes[box.runtime_count++] = other.runtime;
    drop(&box);

    assert_int_equal(open_store(&box), 0);
    assert_int_equal(log_store_broker_id(box.store), 0);
    assert_string_equal(log_store_cluster_id(box.store), CLUSTER);
    assert_int_equal(log_store_settle(box.store, 1, CLUSTER, &box.message), ERR_CONFIG);
    assert_non_null(strstr(box.message.text,
                           "Configured broker.id 1 doesn't match stored broker.id 0 in "
                           "meta.properties. If you moved your data"));
    assert_int_equal(log_store_settle(box.store, 0, "another", &box.message), ERR_CONFIG);
    assert_non_null(strstr(box.message.text, "The Cluster ID another doesn't match stored"));
    drop(&box);
    box_end(&box);
}

static void a_deleted_log_goes_later(void **state)
{
    struct box box;
    (void)state;
    box_begin(&box, 3);
    assert_int_equal(start(&box), 0);
    assert_int_equal(create(&box, 0), 0);
    append(&box, 0, 5);
    log_store_delete(box.store, find(&box, 0));
    assert_null(find(&box, 0));
    assert_int_equal(log_store_log_count(box.store), 0);
    assert_false(has_file(&box, "/data/a/plain-0"));
    const struct disk_inode *dir = disk_find(&box.disk, "/data/a");
    size_t doomed = 0;
    for (size_t i = 0; i < dir->cached_names.count; i++) {
        doomed += strstr(dir->cached_names.list[i].text, "-delete") != NULL;
    }
    assert_int_equal(doomed, 1);
    /* Made again at once, in the old one's place. */
    assert_int_equal(create(&box, 0), 0);
    append(&box, 0, 1);
    run_for(&box, 5000);
    dir = disk_find(&box.disk, "/data/a");
    for (size_t i = 0; i < dir->cached_names.count; i++) {
        assert_null(strstr(dir->cached_names.list[i].text, "-delete"));
    }
    assert_true(has_file(&box, "/data/a/plain-0"));
    drop(&box);
    box_end(&box);
}

static void one_directory_fails(void **state)
{
    struct box box;
    (void)state;
    box_begin(&box, 4);
    assert_int_equal(start(&box), 0);
    assert_int_equal(create(&box, 0), 0);
    assert_int_equal(create(&box, 1), 0);
    log_store_fail_dir(log_store_dir(box.store, 0), ERR_IO, "append to somewhere");
    assert_int_equal(box.dir_failures, 1);
    assert_false(box.all_failed);
    assert_null(find(&box, 0));
    assert_non_null(find(&box, 1));
    assert_int_equal(log_store_offline_count(box.store), 1);
    /* A new partition goes elsewhere; one that may lie in the failed directory does not. */
    struct stored_log *stored;
    assert_int_equal(create_log(&box, SLICE_LIT("x"), 0, false, &stored), ERR_IO);
    assert_int_equal(create_log(&box, SLICE_LIT("x"), 0, true, &stored), 0);
    assert_ptr_equal(stored->dir, log_store_dir(box.store, 1));
    log_store_fail_dir(log_store_dir(box.store, 1), ERR_IO, "append to somewhere");
    assert_true(box.all_failed);
    drop(&box);
    box_end(&box);
}

static void a_disk_that_fills_up(void **state)
{
    struct box box;
    (void)state;
    box_begin(&box, 5);
    box.tuning.reserve_bytes = 100000;
    box.disk.faults.capacity = 200000;
    assert_int_equal(start(&box), 0);
    assert_int_equal(create(&box, 0), 0);
    struct log_dir *dir = log_store_dir(box.store, 0);
    run_for(&box, 2000);
    assert_true(dir->room_bytes > 50000 && dir->room_bytes <= 100000);
    uint64_t refused = 0;
    for (int i = 0; i < 5000; i++) {
        if (log_dir_take_room(dir, 150)) {
            append(&box, 0, 1);
        } else {
            refused += 1;
        }
        run_for(&box, 10);
    }
    assert_true(refused > 0);
    assert_true(dir->is_online);
    assert_true(dir->is_low);
    assert_int_equal(box.dir_failures, 0);
    assert_true(disk_used(&box.disk) <= 120000);
    box.disk.faults.capacity = 1000000;
    run_for(&box, 3000);
    assert_false(dir->is_low);
    assert_true(log_dir_take_room(dir, 1000));
    drop(&box);
    box_end(&box);
}

static void compaction_keeps_the_last_value(void **state)
{
    struct box box;
    (void)state;
    box_begin(&box, 6);
    assert_int_equal(start(&box), 0);
    assert_int_equal(create(&box, 2), 0);
    for (int i = 0; i < 300; i++) {
        append(&box, 2, 4);
        flush(&box, 2);
        run_for(&box, 20);
    }
    run_for(&box, 5000);
    const struct log_store_stats *stats = log_store_stats(box.store);
    assert_true(stats->cleaner_runs > 3);
    assert_int_equal(stats->cleaner_uncleanable, 0);
    int64_t records = check_log(&box, 2, false);
    assert_true(records < 200);
    char text[256];
    file_text(&box, "/data/a/cleaner-offset-checkpoint", text, sizeof text);
    assert_non_null(strstr(text, "compact-ed 0 "));
    /* It goes on from there after a start. */
    int64_t cleaned = find(&box, 2)->cleaned_offset;
    assert_true(cleaned > 1000);
    stop(&box);
    drop(&box);
    assert_int_equal(start(&box), 0);
    assert_int_equal(find(&box, 2)->cleaned_offset, cleaned);
    check_recovered(&box);
    drop(&box);
    box_end(&box);
}

static void fail_once(void *ctx)
{
    (void)ctx; /* the operation fails, and that is all */
}

/* Seed 502 of the broker's simulator. While segments are swapped some of the old ones may be gone
 * already: the new one stays, and the next start puts it in their place. */
static void compaction_fails_at_any_operation(void **state)
{
    unsigned failures = 0;
    uint64_t runs = 0;
    (void)state;
    for (uint64_t op = 1; op <= COMPACTION_OPS; op++) {
        struct box box;
        box_begin(&box, 7);
        box.disk.on_stop_at = fail_once;
        assert_int_equal(start(&box), 0);
        assert_int_equal(create(&box, 2), 0);
        for (int i = 0; i < 40; i++) {
            append(&box, 2, 6);
            flush(&box, 2);
        }
        box.disk.stop_at_op = box.disk.op_count + op;
        run_for(&box, 250);
        failures += box.dir_failures;
        drop(&box);
        runs += box.cleaner_runs;
        box.disk.stop_at_op = UINT64_MAX;
        assert_int_equal(start(&box), 0);
        check_recovered(&box);
        drop(&box);
        box_end(&box);
    }
    assert_true(failures > COMPACTION_OPS / 4);
    assert_true(runs > 0); /* those that failed behind the last operation */
}

/* One run: appends, flushes, waits, stops and power cuts at random operations. */
static void play(uint64_t seed)
{
    struct box box;
    box_begin(&box, seed);
    for (int life = 0; life < 6; life++) {
        box.keep = (enum disk_keep)random_below(&box.random, KEEP_KINDS);
        bool is_cut = life % 3 != 2;
        box.disk.stop_at_op = is_cut ? box.disk.op_count + 1 + random_below(&box.random, 1500)
                                     : UINT64_MAX;
        int error = start(&box);
        if (!box.runtime->is_dead) {
            if (error != 0) {
                fail_msg("seed %llu: %s", (unsigned long long)seed, box.message.text);
            }
            check_recovered(&box);
        }
        for (int step = 0; step < 150 && !box.runtime->is_dead; step++) {
            int idx = (int)random_below(&box.random, LOGS);
            if (!box.logs[idx].exists) {
                (void)create(&box, idx);
            } else if (random_chance(&box.random, 2, 3)) {
                append(&box, idx, 1 + (int)random_below(&box.random, 6));
            } else if (random_chance(&box.random, 1, 60) && idx == 0) {
                box.logs[idx].exists = false;
                log_store_delete(box.store, find(&box, idx));
            } else {
                flush(&box, idx);
            }
            if (!box.runtime->is_dead && random_chance(&box.random, 1, 4)) {
                run_for(&box, random_below(&box.random, 300));
            }
        }
        if (!box.runtime->is_dead && life % 2 == 0) {
            stop(&box);
            for (int i = 0; i < LOGS && !box.runtime->is_dead; i++) {
                box.logs[i].flushed = box.logs[i].count;
            }
        }
        drop(&box);
    }
    box.disk.stop_at_op = UINT64_MAX;
    assert_int_equal(start(&box), 0);
    check_recovered(&box);
    drop(&box);
    box_end(&box);
}

static void power_cuts_at_any_operation(void **state)
{
    (void)state;
    const char *only = getenv("SEED");
    uint64_t first = only == NULL ? 1000 : strtoull(only, NULL, 10);
    const char *count = getenv("SEEDS");
    uint64_t seeds = count == NULL ? (only == NULL ? 60 : 1) : strtoull(count, NULL, 10);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        if (getenv("TELL") != NULL) {
            printf("seed %llu\n", (unsigned long long)seed);
            fflush(stdout);
        }
        play(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orderly_end),
        cmocka_unit_test(whose_directory_it_is),
        cmocka_unit_test(a_deleted_log_goes_later),
        cmocka_unit_test(one_directory_fails),
        cmocka_unit_test(a_disk_that_fills_up),
        cmocka_unit_test(compaction_keeps_the_last_value),
        cmocka_unit_test(compaction_fails_at_any_operation),
        cmocka_unit_test(power_cuts_at_any_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
