/* record_convert.c - batches of one magic told in another: for clients and segments of before 0.11.
 *
 * Going down follows RecordsUtil.downConvert: batch by batch, the codec stays, what the old form
 * has no place for (headers, producers, control batches) is lost. Going up follows LogValidator's
 * conversion: a wrapper becomes one batch, and so does a run of plain messages, which old producers
 * send as one set and a broker would otherwise store as a batch for each.
 */
#include "wire/record_legacy.h"

struct conversion {
    int8_t magic;
    int64_t first_offset;
    size_t max_bytes;
    struct buffer *out;
    struct buffer scratch; /* unpacked records of the batch at hand */
    struct batch_builder builder;
    bool is_building; /* a batch was begun that the next plain message may join */
    int16_t building_attributes;
    int64_t building_append_time_ms;
};

static int finish(struct conversion *conversion)
{
    if (!conversion->is_building) {
        return ERR_OK;
    }
    conversion->is_building = false;
    return batch_builder_finish(&conversion->builder, conversion->builder.last_offset);
}

static void begin(struct conversion *conversion,
                  const struct batch_view *batch,
                  int64_t base_offset)
{
    struct batch_build build;
    batch_build_defaults(&build);
    build.magic = conversion->magic;
    build.codec = batch_codec(batch);
    build.base_offset = base_offset;
    conversion->building_attributes = batch->attributes;
    conversion->building_append_time_ms = NO_TIMESTAMP;
    if (batch->magic > 0 && (batch->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0) {
        build.attributes = BATCH_ATTRIBUTE_LOG_APPEND_TIME;
        build.log_append_time_ms = batch->max_timestamp_ms;
        conversion->building_append_time_ms = batch->max_timestamp_ms;
    }
    batch_builder_init(&conversion->builder, &build, conversion->out);
    conversion->is_building = true;
}

/* A plain message joins the run before it when one header can tell both. */
static bool joins(const struct conversion *conversion, const struct batch_view *batch)
{
    const struct batch_builder *builder = &conversion->builder;
    bool is_append_time = (batch->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0;
    return conversion->is_building && conversion->magic == 2 && batch->record_count == 1 &&
           conversion->building_attributes == batch->attributes &&
           (!is_append_time || conversion->building_append_time_ms == batch->max_timestamp_ms) &&
           batch->last_offset - builder->build.base_offset <= INT32_MAX &&
           builder->last_offset - builder->build.base_offset < INT32_MAX;
}

/* Every record of `batch`; one builder takes them, which is begun at the first. */
static int add_records(struct conversion *conversion, const struct batch_view *batch)
{
    struct record_iterator iterator;
    int err = record_iterator_init(&iterator, batch, conversion->max_bytes, &conversion->scratch);
    bool is_plain = batch_codec(batch) == COMPRESSION_NONE;
    bool goes_up = conversion->magic > batch->magic;
    struct record record;
    while (err == 0 && (err = record_iterator_next(&iterator, &record)) == 0) {
        if (!goes_up && is_plain && record.offset < conversion->first_offset) {
            continue;
        }
        if (!conversion->is_building) {
            begin(conversion, batch, record.offset);
        }
        const struct batch_builder *builder = &conversion->builder;
        bool is_first = builder->record_count == 0;
        if (!is_first && record.offset <= builder->last_offset) {
            if (!goes_up) {
                return ERR_CORRUPT;
            }
            record.offset = builder->last_offset + 1;
        }
        batch_builder_add(&conversion->builder, record.offset, record.timestamp_ms, record.key,
                          record.value, record.headers, record.header_count);
    }
    return err == ERR_END ? ERR_OK : err;
}

static int convert(struct conversion *conversion, const struct batch_view *batch)
{
    bool goes_down = conversion->magic < 2;
    if (goes_down && batch_is_control(batch)) {
        return ERR_OK;
    }
    if (goes_down && batch_codec(batch) == COMPRESSION_ZSTD) {
        return ERR_UNSUPPORTED;
    }
    int err = ERR_OK;
    if (!joins(conversion, batch)) {
        err = finish(conversion);
    }
    if (err != 0) {
        return err;
    }
    if (batch->magic == conversion->magic || (goes_down && batch->magic < conversion->magic)) {
        if (batch->bytes.len > buffer_room(conversion->out)) {
            return ERR_LIMIT;
        }
        buffer_append(conversion->out, batch->bytes);
        return ERR_OK;
    }
    return add_records(conversion, batch);
}

int records_convert(struct slice in,
                    int8_t magic,
                    int64_t first_offset,
                    size_t max_bytes,
                    struct buffer *out)
{
    ASSERT(magic >= 0 && magic <= 2);
    size_t before = out->len;
    struct conversion conversion = {
        .magic = magic,
        .first_offset = first_offset,
        .max_bytes = max_bytes,
        .out = out,
    };
    buffer_init(&conversion.scratch, max_bytes);
    int err = ERR_OK;
    while (in.len > 0 && err == 0) {
        struct batch_view batch;
        err = batch_view(in, &batch, NULL);
        if (err == 0) {
            err = convert(&conversion, &batch);
            in = slice_part(in, batch.bytes.len, in.len);
        }
    }
    err = err == ERR_TRUNCATED && in.len > 0 ? ERR_OK : err;
    if (conversion.is_building && err != 0) {
        batch_builder_release(&conversion.builder);
    } else if (err == 0) {
        err = finish(&conversion);
    }
    buffer_release(&conversion.scratch);
    if (err != 0) {
        out->len = before;
    }
    return err;
}
