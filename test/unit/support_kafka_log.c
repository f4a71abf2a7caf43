/* support_kafka_log.c - see support_kafka_log.h. */
#include "unit/support_kafka_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kafka/storage/log_files.h"

void fixture_open(struct log_fixture *fixture, bool was_clean, int64_t recovery_point)
{
    struct errmsg message = {0};
    struct partition_log_open open = {
        .dir = fixture->dir,
        .topic = SLICE_LIT("topic"),
        .partition = 0,
        .config = &fixture->config,
        .was_clean = was_clean,
        .recovery_point = recovery_point,
        .log_start_offset = fixture->log_start_offset,
        .wall_ms = fixture->wall_ms,
        .producer_id_expiration_ms = 86400000,
    };
    assert_null(fixture->log);
    int error = partition_log_open(fixture->runtime, &open, &fixture->log, &fixture->recovery,
                                   &message);
    if (error != 0) {
        fail_msg("%s: %s", error_name(error), message.text);
    }
}

void fixture_close(struct log_fixture *fixture)
{
    assert_int_equal(partition_log_close(fixture->log, true), 0);
    fixture->log = NULL;
}

void fixture_crash(struct log_fixture *fixture)
{
    partition_log_release(fixture->log);
    fixture->log = NULL;
}

/* ---- batches --------------------------------------------------------------------------------- */

void fixture_batch_defaults(const struct log_fixture *fixture, struct fixture_batch *batch)
{
    *batch = (struct fixture_batch){
        .count = 1,
        .value_len = 10,
        .first_timestamp_ms = fixture->wall_ms,
    };
    batch_build_defaults(&batch->build);
}

struct slice fixture_build(struct log_fixture *fixture, const struct fixture_batch *batch)
{
    static const uint8_t bytes[65536];
    struct batch_builder builder;
    buffer_clear(&fixture->batch, SIZE_MAX);
    batch_builder_init(&builder, &batch->build, &fixture->batch);
    for (int32_t n = 0; n < batch->count; n++) {
        char key[16];
        int len = snprintf(key, sizeof key, "key%d", n);
        struct slice value = slice_of(bytes, batch->value_len);
        batch_builder_add(
            &builder, batch->build.base_offset + n, batch->first_timestamp_ms + n * batch->step_ms,
            batch->has_keys ? slice_of(key, (size_t)len) : SLICE_NULL, value, SLICE_NULL, 0);
    }
    assert_int_equal(batch_builder_finish(&builder, batch->build.base_offset), 0);
    batch_builder_release(&builder);
    return buffer_slice(&fixture->batch);
}

struct append_result fixture_send_as(struct log_fixture *fixture,
                                     struct slice records,
                                     enum append_origin origin)
{
    struct append_request request = {
        .records = records,
        .origin = origin,
        .leader_epoch = 0,
        .wall_ms = fixture->wall_ms,
        .requires_magic_2 = origin == APPEND_CLIENT,
        .may_have_zstd = true,
        .may_wait = fixture->may_wait,
    };
    struct append_result result;
    assert_int_equal(partition_log_append(fixture->log, &request, &result), 0);
    return result;
}

struct append_result fixture_send(struct log_fixture *fixture, struct slice records)
{
    return fixture_send_as(fixture, records, APPEND_CLIENT);
}

struct append_result fixture_append(struct log_fixture *fixture, int32_t count, size_t value_len)
{
    struct fixture_batch batch;
    fixture_batch_defaults(fixture, &batch);
    batch.count = count;
    batch.value_len = value_len;
    return fixture_send(fixture, fixture_build(fixture, &batch));
}

struct append_result fixture_produce(struct log_fixture *fixture,
                                     int64_t producer_id,
                                     int16_t epoch,
                                     int32_t sequence,
                                     int32_t count)
{
    struct fixture_batch batch;
    fixture_batch_defaults(fixture, &batch);
    batch.build.producer_id = producer_id;
    batch.build.producer_epoch = epoch;
    batch.build.base_sequence = sequence;
    batch.count = count;
    return fixture_send(fixture, fixture_build(fixture, &batch));
}

/* ---- reading --------------------------------------------------------------------------------- */

int64_t fixture_first_offset(struct log_fixture *fixture, int64_t offset, int64_t upper_offset)
{
    struct log_read read;
    partition_log_read(fixture->log, offset, 1, true, upper_offset, &read);
    assert_int_equal(read.error, 0);
    if (read.range.file == NULL) {
        return -1;
    }
    uint8_t *bytes = malloc(read.range.len);
    struct batch_view view;
    assert_int_equal(log_range_read(&read.range, 0, bytes, read.range.len), 0);
    assert_int_equal(batch_view(slice_of(bytes, read.range.len), &view, NULL), 0);
    assert_int_equal(batch_check_crc(&view), 0);
    assert_int_equal(view.bytes.len, read.range.len);
    assert_true(view.base_offset <= offset || view.base_offset == read.first_batch_offset);
    assert_true(view.last_offset >= offset);
    assert_int_equal(view.base_offset, read.first_batch_offset);
    int64_t base = view.base_offset;
    free(bytes);
    log_range_drop(&read.range);
    return base;
}

int64_t fixture_last_offset(const struct log_read *read)
{
    int64_t last = -1;
    uint8_t *bytes = malloc(read->range.len + 1);
    struct batch_view view;
    if (read->range.file != NULL) {
        assert_int_equal(log_range_read(&read->range, 0, bytes, read->range.len), 0);
    }
    struct slice rest = slice_of(bytes, read->range.file == NULL ? 0 : read->range.len);
    while (rest.len > 0 && batch_view(rest, &view, NULL) == 0) {
        assert_int_equal(batch_check_crc(&view), 0);
        last = view.last_offset;
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    free(bytes);
    return last;
}

/* ---- files ----------------------------------------------------------------------------------- */

const char *fixture_path(const struct log_fixture *fixture, const char *name)
{
    static char paths[4][PATH_TEXT_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_TEXT_MAX, "%s/%s", fixture->dir, name);
    return path;
}

bool fixture_has(const struct log_fixture *fixture, const char *name)
{
    struct path_info info;
    return path_stat(fixture->runtime, fixture_path(fixture, name), &info) == 0;
}

uint64_t fixture_size(const struct log_fixture *fixture, const char *name)
{
    struct path_info info;
    assert_int_equal(path_stat(fixture->runtime, fixture_path(fixture, name), &info), 0);
    return info.size;
}

void fixture_write(const struct log_fixture *fixture, const char *name, struct slice bytes)
{
    struct file *file;
    assert_int_equal(directory_create(fixture->runtime, fixture->dir), 0);
    assert_int_equal(file_open(fixture->runtime, fixture_path(fixture, name),
                               FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &file),
                     0);
    assert_int_equal(file_write(file, 0, bytes), 0);
    assert_int_equal(file_close(file), 0);
}

void fixture_read(const struct log_fixture *fixture, const char *name, struct buffer *into)
{
    assert_int_equal(
        log_file_read_all(fixture->runtime, fixture_path(fixture, name), SIZE_MAX, into), 0);
}
