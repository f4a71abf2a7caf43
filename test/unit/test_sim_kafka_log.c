/* One log on the simulated disk: what a power cut may leave of it. Each test is a fault that the
 * simulator of the broker once found (sim/kafka_seeds.txt), as small as it can be. */
#include "unit/support_kafka_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sim/runtime_sim.h"

#define PRODUCER 1234
#define FATES 40             /* power cuts that keep one subset or another */
#define OLD_RECOVERY_POINT 1 /* the checkpoint is written from time to time */

struct machine {
    struct log_fixture fixture;
    struct schedule schedule;
    struct disk disk;
    struct random random;
};

static void boot(struct machine *machine)
{
    static const struct runtime_profile profile = {.wake_max_ns = 1000, .job_max_ns = 1000};
    struct random seed;
    random_split(&machine->random, machine->disk.op_count, &seed);
    machine->fixture.runtime = sim_runtime_create(&machine->schedule, &machine->disk, NULL, &seed,
                                                  &profile);
}

static struct log_fixture *machine_begin(struct machine *machine, uint64_t seed)
{
    struct log_fixture *fixture = &machine->fixture;
    memset(machine, 0, sizeof *machine);
    random_init(&machine->random, seed);
    schedule_init(&machine->schedule, &machine->random, false);
    disk_init(&machine->disk, &machine->schedule, &machine->random);
    snprintf(fixture->dir, sizeof fixture->dir, "/topic-0");
    topic_config_defaults(&fixture->config);
    fixture->config.index_interval_bytes = 1; /* every batch has its entries */
    fixture->wall_ms = FIXTURE_NOW_MS;
    buffer_init(&fixture->batch, SIZE_MAX);
    boot(machine);
    fixture_open(fixture, true, 0);
    return fixture;
}

static void shut_down(struct machine *machine)
{
    sim_runtime_end(machine->fixture.runtime);
    sim_runtime_free(machine->fixture.runtime);
}

static void machine_end(struct machine *machine)
{
    if (machine->fixture.log != NULL) {
        fixture_crash(&machine->fixture);
    }
    shut_down(machine);
    buffer_release(&machine->fixture.batch);
    disk_release(&machine->disk);
    schedule_release(&machine->schedule);
    assert_int_equal(mem_used(), 0);
}

/* The next start has `keep` of what was not synced. */
static void cut_power(struct machine *machine, enum disk_keep keep)
{
    if (machine->fixture.log != NULL) {
        fixture_crash(&machine->fixture);
    }
    shut_down(machine);
    disk_power_cut(&machine->disk, keep);
    boot(machine);
}

/* ---- what the tests do ----------------------------------------------------------------------- */

/* Records with ascending times, a batch each. */
static void put(struct log_fixture *fixture, int count)
{
    for (int n = 0; n < count; n++) {
        fixture->wall_ms += 1000;
        assert_int_equal(fixture_append(fixture, 1, 50).error, 0);
    }
}

static void flush(struct log_fixture *fixture)
{
    assert_int_equal(partition_log_flush(fixture->log), 0);
    assert_int_equal(partition_log_flushed_offset(fixture->log),
                     partition_log_end_offset(fixture->log));
}

static void roll(struct log_fixture *fixture)
{
    assert_int_equal(partition_log_roll(fixture->log, fixture->wall_ms), 0);
}

/* Each record is found by the time that put() gave it. */
static void check_times(struct log_fixture *fixture, int count)
{
    struct log_offset_time found;
    for (int n = 0; n < count; n++) {
        assert_int_equal(
            partition_log_find_time(fixture->log, FIXTURE_NOW_MS + 1000 * (n + 1), &found), 0);
        assert_int_equal(found.offset, n);
    }
}

static void check_records(struct log_fixture *fixture, int64_t from, int64_t to)
{
    assert_int_equal(partition_log_end_offset(fixture->log), to);
    for (int64_t offset = from; offset < to; offset++) {
        assert_int_equal(fixture_first_offset(fixture, offset, to), offset);
    }
}

/* What the producer sends again is known: it is not taken twice. */
static void check_producer(struct log_fixture *fixture)
{
    struct append_result again = fixture_produce(fixture, PRODUCER, 0, 0, 3);
    assert_int_equal(again.error, 0);
    assert_true(again.was_duplicate);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* Two records whose index entries are on disk; more are to come. An index without any entry is
 * seen; one that ends too early is not. */
static void put_indexed(struct machine *machine)
{
    struct log_fixture *fixture = &machine->fixture;
    put(fixture, 2);
    fixture_close(fixture);
    cut_power(machine, KEEP_ALL);
    fixture_open(fixture, true, 2);
}

/* Seed 1136. Nobody reads the records after a clean end: its indexes are believed. */
static void an_orderly_end_makes_indexes_durable(void **state)
{
    (void)state;
    for (int is_rolled = 0; is_rolled <= 1; is_rolled++) {
        struct machine machine;
        struct log_fixture *fixture = machine_begin(&machine, 1);
        put_indexed(&machine);
        put(fixture, 3);
        flush(fixture);
        if (is_rolled) {
            roll(fixture);
        }
        fixture_close(fixture);
        cut_power(&machine, KEEP_NOTHING);
        fixture_open(fixture, true, 5);
        check_times(fixture, 5);
        roll(fixture);
        check_times(fixture, 5);
        machine_end(&machine);
    }
}

/* Seed 616. All was flushed when the segment was sealed: the recovery point is behind it, and its
 * indexes wait for a flush that never comes. */
static void the_segment_of_the_last_flushed_record_is_recovered(void **state)
{
    (void)state;
    for (uint64_t fate = 0; fate < FATES; fate++) {
        struct machine machine;
        struct log_fixture *fixture = machine_begin(&machine, fate);
        put_indexed(&machine);
        put(fixture, 3);
        flush(fixture);
        roll(fixture);
        cut_power(&machine, KEEP_SOME);
        fixture_open(fixture, false, 5);
        check_times(fixture, 5);
        machine_end(&machine);
    }
}

/* Seed 599. The snapshot was written when all was flushed: it is the next flush's. Later it alone
 * knows the producer. */
static void a_flush_makes_the_snapshot_of_a_roll_durable(void **state)
{
    struct machine machine;
    struct log_fixture *fixture = machine_begin(&machine, 4);
    (void)state;
    assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 0, 3).error, 0);
    flush(fixture);
    roll(fixture);
    put(fixture, 1);
    flush(fixture);
    assert_int_equal(partition_log_delete_before(fixture->log, 3), 0);
    flush(fixture);
    flush(fixture);
    assert_int_equal(partition_log_segment_count(fixture->log), 1);
    cut_power(&machine, KEEP_NAMES);
    fixture_open(fixture, false, 4);
    check_records(fixture, 3, 4);
    check_producer(fixture);
    machine_end(&machine);
}

/* Found beside seed 10211: everything is too old, and the records go before any flush has come to
 * the snapshot that is left. */
static void records_go_after_the_snapshot_that_stays(void **state)
{
    (void)state;
    for (uint64_t fate = 0; fate < FATES; fate++) {
        struct machine machine;
        uint64_t bytes;
        struct log_fixture *fixture = machine_begin(&machine, fate);
        fixture->config.retention_ms = 1;
        assert_int_equal(fixture_produce(fixture, PRODUCER, 0, 0, 3).error, 0);
        flush(fixture);
        uint64_t syncs = machine.disk.counts.ops[DISK_SYNC_DIRECTORY];
        assert_int_equal(partition_log_retain(fixture->log, fixture->wall_ms + 10, 3, &bytes), 0);
        assert_true(bytes > 0);
        assert_int_equal(partition_log_start_offset(fixture->log), 3);
        assert_int_equal(machine.disk.counts.ops[DISK_SYNC_DIRECTORY], syncs);
        for (uint64_t flushes = fate % 3; flushes > 0; flushes--) {
            flush(fixture);
        }
        cut_power(&machine, KEEP_SOME);
        fixture_open(fixture, false, 3);
        assert_int_equal(partition_log_end_offset(fixture->log), 3);
        check_producer(fixture);
        machine_end(&machine);
    }
}

/* Seeds 10211 and 10612. Of two deleted segments the second one stays deleted, the first one comes
 * back: a start takes what lies behind the hole for something that was never flushed. */
static void segments_go_one_after_another(void **state)
{
    (void)state;
    for (uint64_t fate = 0; fate < FATES; fate++) {
        struct machine machine;
        struct log_fixture *fixture = machine_begin(&machine, fate);
        for (int n = 0; n < 5; n++) {
            put(fixture, 2);
            roll(fixture);
        }
        put(fixture, 1);
        flush(fixture);
        uint64_t syncs = machine.disk.counts.ops[DISK_SYNC_DIRECTORY];
        assert_int_equal(partition_log_delete_before(fixture->log, 8), 0);
        assert_int_equal(machine.disk.counts.ops[DISK_SYNC_DIRECTORY], syncs);
        for (uint64_t flushes = fate % 6; flushes > 0; flushes--) {
            assert_int_equal(partition_log_segment_count(fixture->log), 6 - (fate % 6 - flushes));
            assert_true(partition_log_has_doomed(fixture->log) || flushes == 1);
            flush(fixture);
        }
        assert_int_equal(partition_log_has_doomed(fixture->log), fate % 6 < 4);
        cut_power(&machine, KEEP_SOME);
        fixture_open(fixture, false, OLD_RECOVERY_POINT);
        check_records(fixture, 8, 11);
        machine_end(&machine);
    }
}

/* ... also while a flush is under way that has not come to the folder yet. */
static void a_flush_under_way_has_not_deleted_anything(void **state)
{
    (void)state;
    for (uint64_t fate = 0; fate < FATES; fate++) {
        struct machine machine;
        struct log_flush running;
        uint64_t bytes;
        struct log_fixture *fixture = machine_begin(&machine, fate);
        for (int n = 0; n < 5; n++) {
            put(fixture, 2);
            roll(fixture);
        }
        put(fixture, 1);
        flush(fixture);
        assert_int_equal(partition_log_delete_before(fixture->log, 8), 0);
        flush(fixture);
        assert_int_equal(partition_log_segment_count(fixture->log), 5);
        assert_true(partition_log_flush_prepare(fixture->log, &running));
        assert_int_equal(partition_log_retain(fixture->log, fixture->wall_ms, 11, &bytes), 0);
        assert_int_equal(partition_log_segment_count(fixture->log), 5);
        running.error = ERR_CANCELLED; /* the power goes before it has begun */
        assert_int_not_equal(partition_log_flush_done(&running), 0);
        cut_power(&machine, KEEP_SOME);
        fixture_open(fixture, false, OLD_RECOVERY_POINT);
        check_records(fixture, 8, 11);
        machine_end(&machine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orderly_end_makes_indexes_durable),
        cmocka_unit_test(the_segment_of_the_last_flushed_record_is_recovered),
        cmocka_unit_test(a_flush_makes_the_snapshot_of_a_roll_durable),
        cmocka_unit_test(records_go_after_the_snapshot_that_stays),
        cmocka_unit_test(segments_go_one_after_another),
        cmocka_unit_test(a_flush_under_way_has_not_deleted_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
