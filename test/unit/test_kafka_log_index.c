/* Look-ups by offset and by time against a naive model, with random operations in between; and
 * indexes that are lost, cut, or full of nonsense. */
#include "unit/support_kafka_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/endian.h"
#include "base/random.h"

#define BATCHES_MAX 2000

struct model_batch {
    int64_t first;
    int64_t last;
    int64_t timestamp_ms; /* of each record */
    uint32_t size;
};

struct model {
    struct log_fixture *fixture;
    struct random random;
    struct model_batch batches[BATCHES_MAX];
    int count;
    int64_t end;
    uint64_t spread_ms; /* how far timestamps are out of order */
};

static uint64_t pick(struct model *model, uint64_t below)
{
    return random_below(&model->random, below);
}

static void model_append(struct model *model)
{
    struct log_fixture *fixture = model->fixture;
    struct fixture_batch batch;
    if (model->count == BATCHES_MAX) {
        return;
    }
    fixture_batch_defaults(fixture, &batch);
    batch.count = 1 + (int32_t)pick(model, 5);
    batch.value_len = pick(model, 10) == 0 ? pick(model, 700) : pick(model, 100);
    batch.first_timestamp_ms = FIXTURE_NOW_MS + (int64_t)pick(model, model->spread_ms) +
                               model->count;
    batch.build.codec = (int)pick(model, 5);
    struct slice bytes = fixture_build(fixture, &batch);
    fixture->may_wait = pick(model, 2) == 0;
    struct append_result result = fixture_send(fixture, bytes);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.first_offset, model->end);
    model->batches[model->count++] = (struct model_batch){
        result.first_offset, result.last_offset, batch.first_timestamp_ms, (uint32_t)bytes.len};
    model->end = result.last_offset + 1;
}

static const struct model_batch *model_find(const struct model *model, int64_t offset)
{
    for (int n = 0; n < model->count; n++) {
        if (model->batches[n].last >= offset) {
            return &model->batches[n];
        }
    }
    return NULL;
}

static void compare_offset(struct model *model, int64_t offset)
{
    int64_t start = partition_log_start_offset(model->fixture->log);
    if (offset < start) {
        struct log_read read;
        partition_log_read(model->fixture->log, offset, 1, true, model->end, &read);
        assert_int_equal(read.error, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
        return;
    }
    const struct model_batch *batch = model_find(model, offset);
    assert_int_equal(fixture_first_offset(model->fixture, offset, model->end),
                     batch == NULL ? -1 : batch->first);
}

static void compare_time(struct model *model, int64_t timestamp_ms)
{
    struct log_offset_time found;
    int64_t start = partition_log_start_offset(model->fixture->log);
    int64_t want = -1;
    for (int n = 0; n < model->count && want < 0; n++) {
        if (model->batches[n].last >= start && model->batches[n].timestamp_ms >= timestamp_ms) {
            want = MAX(model->batches[n].first, start);
        }
    }
    assert_int_equal(partition_log_find_time(model->fixture->log, timestamp_ms, &found), 0);
    assert_int_equal(found.offset, want);
    if (want >= 0) {
        assert_true(found.timestamp_ms >= timestamp_ms);
        assert_int_equal(found.leader_epoch, 0);
    }
}

static void compare_bytes(struct model *model, int64_t from, int64_t to)
{
    int64_t start = partition_log_start_offset(model->fixture->log);
    uint64_t want = 0;
    from = MAX(from, start);
    /* By positions: whole batches from the one of `from` up to the one before `to`'s. */
    const struct model_batch *first = model_find(model, from);
    const struct model_batch *end = model_find(model, to);
    for (const struct model_batch *batch = first;
         batch != NULL && batch < model->batches + model->count && batch != end; batch++) {
        want += from < to ? batch->size : 0;
    }
    uint64_t bytes = partition_log_bytes_between(model->fixture->log, from, to);
    if (bytes != want) {
        fail_msg("%d bytes, not %d, from %d to %d of %d", (int)bytes, (int)want, (int)from, (int)to,
                 (int)model->end);
    }
}

static void compare_max_time(struct model *model)
{
    struct log_offset_time found;
    const struct model_batch *latest = NULL;
    for (int n = 0; n < model->count; n++) {
        if (model->batches[n].last >= partition_log_start_offset(model->fixture->log) &&
            (latest == NULL || model->batches[n].timestamp_ms > latest->timestamp_ms)) {
            latest = &model->batches[n];
        }
    }
    assert_int_equal(partition_log_max_time(model->fixture->log, &found), 0);
    if (latest != NULL) {
        if (found.offset != latest->first || found.timestamp_ms != latest->timestamp_ms) {
            fail_msg("found %d at %d, not %d at %d; the log begins at %d", (int)found.timestamp_ms,
                     (int)found.offset, (int)latest->timestamp_ms, (int)latest->first,
                     (int)partition_log_start_offset(model->fixture->log));
        }
    }
}

static void model_truncate(struct model *model)
{
    int keep = (int)pick(model, (uint64_t)model->count + 1);
    int64_t offset = keep == model->count ? model->end : model->batches[keep].first;
    offset = MAX(offset, partition_log_start_offset(model->fixture->log));
    assert_int_equal(partition_log_truncate(model->fixture->log, offset), 0);
    while (model->count > 0 && model->batches[model->count - 1].last >= offset) {
        model->count -= 1;
    }
    model->end = offset;
    assert_int_equal(partition_log_end_offset(model->fixture->log), offset);
}

static void model_restart(struct model *model)
{
    struct log_fixture *fixture = model->fixture;
    bool clean = pick(model, 2) == 0;
    fixture->log_start_offset = partition_log_start_offset(fixture->log);
    if (pick(model, 2) == 0) {
        assert_int_equal(partition_log_flush(fixture->log), 0);
    }
    int64_t flushed = partition_log_flushed_offset(fixture->log);
    if (clean) {
        assert_int_equal(partition_log_flush(fixture->log), 0);
        fixture_close(fixture);
        fixture_open(fixture, true, model->end);
    } else {
        assert_int_equal(partition_log_write(fixture->log), 0);
        fixture_crash(fixture);
        fixture_open(fixture, false, flushed);
    }
    assert_int_equal(partition_log_end_offset(fixture->log), model->end);
}

static void step(struct model *model)
{
    uint64_t what = pick(model, 1000);
    if (what < 600) {
        model_append(model);
    } else if (what < 800) {
        compare_offset(model, (int64_t)pick(model, (uint64_t)model->end + 1));
    } else if (what < 880) {
        compare_time(model, FIXTURE_NOW_MS + (int64_t)pick(model, 4000));
    } else if (what < 940) {
        compare_bytes(model, (int64_t)pick(model, (uint64_t)model->end + 1),
                      (int64_t)pick(model, (uint64_t)model->end + 1));
    } else if (what < 960) {
        compare_max_time(model);
    } else if (what < 965) {
        model_truncate(model);
    } else if (what < 970) {
        model_restart(model);
    } else if (what < 975) {
        int64_t start = partition_log_start_offset(model->fixture->log);
        int64_t offset = start + (int64_t)pick(model, (uint64_t)(model->end - start) / 8 + 1);
        assert_int_equal(partition_log_delete_before(model->fixture->log, offset), 0);
        assert_int_equal(partition_log_start_offset(model->fixture->log), offset);
    } else if (what < 980) {
        assert_int_equal(partition_log_roll(model->fixture->log, FIXTURE_NOW_MS), 0);
    } else if (what < 985) {
        partition_log_use_pool(model->fixture->log, NULL); /* puts everything to rest */
    } else if (what < 990) {
        assert_int_equal(partition_log_flush(model->fixture->log), 0);
    }
}

static void random_operations_agree_with_the_model(void **state)
{
    struct log_fixture *fixture = *state;
    struct model *model = calloc(1, sizeof *model);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        memset(model, 0, sizeof *model);
        model->fixture = fixture;
        model->spread_ms = 1000;
        random_init(&model->random, seed);
        fixture->log_start_offset = 0;
        fixture->config.segment_bytes = seed % 3 == 0 ? 4000 : 20000;
        fixture->config.index_interval_bytes = seed % 2 == 0 ? 100 : 1000;
        fixture_open(fixture, true, 0);
        for (int n = 0; n < 1500; n++) {
            step(model);
        }
        for (int64_t offset = 0; offset <= model->end; offset++) {
            compare_offset(model, offset);
        }
        fixture_crash(fixture);
        fixture_remove_all(fixture);
    }
    free(model);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void fill(struct model *model, struct log_fixture *fixture)
{
    memset(model, 0, sizeof *model);
    model->fixture = fixture;
    model->spread_ms = 3;
    random_init(&model->random, 99);
    fixture->config.index_interval_bytes = 200;
    fixture->config.segment_bytes = 20000;
    fixture_open(fixture, true, 0);
    for (int n = 0; n < 300; n++) {
        model_append(model);
    }
    assert_int_equal(partition_log_flush(fixture->log), 0);
    fixture_close(fixture);
}

static void everything_is_found(struct model *model)
{
    for (int64_t offset = 0; offset <= model->end; offset++) {
        compare_offset(model, offset);
    }
    for (int64_t shift = 0; shift < 1500; shift += 50) {
        compare_time(model, FIXTURE_NOW_MS + shift);
    }
}

static void lost_and_damaged_indexes_are_made_anew(void **state)
{
    struct log_fixture *fixture = *state;
    struct model *model = calloc(1, sizeof *model);
    static const char *const names[] = {"00000000000000000000.index",
                                        "00000000000000000000.timeindex"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct buffer good;
        fixture_remove_all(fixture);
        fill(model, fixture);
        buffer_init(&good, SIZE_MAX);
        fixture_read(fixture, names[n], &good);
        if (good.len <= 100) {
            fail_msg("%s has %zu bytes", names[n], good.len);
        }
        struct buffer bad;
        buffer_init(&bad, SIZE_MAX);
        for (int damage = 0; damage < 6; damage++) {
            buffer_clear(&bad, SIZE_MAX);
            buffer_append(&bad, buffer_slice(&good));
            switch (damage) {
            case 0: /* lost */
                assert_int_equal(path_remove(fixture->runtime, fixture_path(fixture, names[n])), 0);
                break;
            case 1: /* cut within an entry */
                bad.len -= 3;
                break;
            case 2: /* preallocated and never trimmed, as a crash of Apache's broker leaves it */
                memset(buffer_reserve(&bad, 12000), 0, 12000);
                bad.len += 12000;
                break;
            case 3: /* descends */
                memset(bad.data + 48, 0xee, 24);
                break;
            case 4: /* zeros alone */
                memset(bad.data, 0, bad.len);
                break;
            default: /* empty: right, if slow */
                bad.len = 0;
                break;
            }
            if (damage != 0) {
                fixture_write(fixture, names[n], buffer_slice(&bad));
            }
            fixture_open(fixture, true, model->end);
            everything_is_found(model);
            assert_int_equal(partition_log_flush(fixture->log), 0);
            fixture_close(fixture);
            if (damage == 5) {
                fixture_write(fixture, names[n], buffer_slice(&good));
            }
        }
        buffer_release(&bad);
        buffer_release(&good);
    }
    free(model);
}

static void index_files_have_apaches_form(void **state)
{
    struct log_fixture *fixture = *state;
    struct model *model = calloc(1, sizeof *model);
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    fill(model, fixture);
    fixture_read(fixture, "00000000000000000000.index", &bytes);
    assert_int_equal(bytes.len % 8, 0);
    uint32_t position = 0;
    int at = 0;
    for (size_t n = 0; n < bytes.len; n += 8) {
        int64_t offset = (int64_t)load_be32(bytes.data + n);
        while (model->batches[at].last < offset) {
            position += model->batches[at].size;
            at += 1;
        }
        /* The last offset of a batch, and where that batch begins. */
        assert_int_equal(model->batches[at].last, offset);
        assert_int_equal(load_be32(bytes.data + n + 4), position);
    }
    buffer_clear(&bytes, SIZE_MAX);
    fixture_read(fixture, "00000000000000000000.timeindex", &bytes);
    assert_int_equal(bytes.len % 12, 0);
    int64_t latest = 0;
    for (size_t n = 0; n < bytes.len; n += 12) {
        int64_t timestamp = (int64_t)load_be64(bytes.data + n);
        int64_t offset = (int64_t)load_be32(bytes.data + n + 8);
        assert_true(timestamp > latest);
        latest = timestamp;
        const struct model_batch *batch = model_find(model, offset);
        assert_int_equal(batch->last, offset);
        assert_int_equal(batch->timestamp_ms, timestamp);
    }
    buffer_release(&bytes);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(random_operations_agree_with_the_model),
        LOG_TEST(lost_and_damaged_indexes_are_made_anew),
        LOG_TEST(index_files_have_apaches_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
