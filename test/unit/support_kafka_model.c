/* support_kafka_model.c - see support_kafka_model.h. */
#include "unit/support_kafka_model.h"

static int32_t number_behind(struct slice text, const char *prefix)
{
    int32_t number = -2;
    size_t len = strlen(prefix);
    assert_true(text.len > len && memcmp(text.ptr, prefix, len) == 0);
    number = 0;
    for (size_t i = len; i < text.len; i++) {
        number = number * 10 + (text.ptr[i] - '0');
    }
    return number;
}

static void check_record(struct reading *reading, const struct record *record)
{
    assert_true(record->offset >= reading->next);
    if (!reading->is_compacted) {
        assert_int_equal(record->offset, reading->next);
    }
    const struct model_record *model = &reading->model->records[record->offset];
    assert_true(record->offset < reading->model->count);
    assert_int_equal(number_behind(record->key, "key-"), model->key);
    if (model->value < 0) {
        assert_true(slice_is_null(record->value));
    } else {
        assert_int_equal(number_behind(record->value, "value-"), model->value);
    }
    reading->next = record->offset + 1;
    reading->last_of[model->key] = record->offset;
    reading->seen[record->offset] = true;
    reading->records += 1;
}

void reading_take(struct reading *reading, struct slice bytes, int64_t *next_offset)
{
    struct batch_view view;
    struct record_iterator iterator;
    struct record record;
    struct buffer scratch;
    buffer_init(&scratch, SIZE_MAX);
    while (bytes.len > 0 && batch_view(bytes, &view, NULL) == 0) {
        assert_int_equal(batch_check_crc(&view), 0);
        assert_int_equal(record_iterator_init(&iterator, &view, SIZE_MAX / 4, &scratch), 0);
        while (record_iterator_next(&iterator, &record) == 0) {
            check_record(reading, &record);
        }
        assert_true(view.last_offset >= *next_offset);
        *next_offset = view.last_offset + 1;
        bytes = slice_part(bytes, view.bytes.len, bytes.len);
    }
    buffer_release(&scratch);
}
