/* batch_builder.c - one batch, or one message set of magic 0 or 1, record by record.
 *
 * Without compression records go straight to where they will stay, behind room for the header,
 * which is written last. With compression they gather in `plain` first. Timestamps of magic 2 are
 * deltas from the first record's (or from the delete horizon, which takes its place in the header:
 * KIP-534).
 *
 * Magic 0 and 1 have no header: plain messages follow each other, compressed ones become the value
 * of a wrapper, which carries the last offset, the largest timestamp, and in magic 1 makes the
 * offsets inside relative to the first (MemoryRecordsBuilder.toInnerOffset).
 *
 * A builder never grows above the limit of the buffer it writes to. What does not fit is remembered
 * and finish tells: half a batch is never left behind.
 */
#include "wire/record_legacy.h"
#include "wire/varint.h"

#define RECORD_OVERHEAD_MAX (7 * VARINT_BYTES_MAX + VARLONG_BYTES_MAX)
#define RECORD_BYTES_MAX ((size_t)INT32_MAX - RECORD_OVERHEAD_MAX)
#define ATTRIBUTES_OF_BUILD ((int16_t)~BATCH_ATTRIBUTE_CODEC)
#define NO_OFFSET ((int64_t)-1)

void batch_build_defaults(struct batch_build *build)
{
    *build = (struct batch_build){
        .magic = 2,
        .codec = COMPRESSION_NONE,
        .level = COMPRESSION_LEVEL_DEFAULT,
        .partition_leader_epoch = -1,
        .producer_id = NO_PRODUCER_ID,
        .producer_epoch = NO_PRODUCER_EPOCH,
        .base_sequence = NO_SEQUENCE,
        .log_append_time_ms = NO_TIMESTAMP,
    };
}

static bool has_horizon(const struct batch_builder *builder)
{
    return (builder->build.attributes & BATCH_ATTRIBUTE_DELETE_HORIZON) != 0;
}

static bool has_append_time(const struct batch_builder *builder)
{
    return (builder->build.attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0;
}

void batch_builder_init(struct batch_builder *builder,
                        const struct batch_build *build,
                        struct buffer *out)
{
    ASSERT(build->magic >= 0 && build->magic <= 2);
    *builder = (struct batch_builder){
        .build = *build,
        .out = out,
        .start = out->len,
        .max_timestamp_ms = NO_TIMESTAMP,
        .last_offset = NO_OFFSET,
        .offset_of_max_timestamp = NO_OFFSET,
    };
    buffer_init(&builder->plain, MIN(out->limit, (size_t)INT32_MAX));
}

void batch_builder_release(struct batch_builder *builder)
{
    buffer_release(&builder->plain);
}

/* Where records go: to their place, or to be compressed. */
static struct buffer *records_of(struct batch_builder *builder)
{
    return builder->build.codec == COMPRESSION_NONE ? builder->out : &builder->plain;
}

static void remember(struct batch_builder *builder, int64_t offset, int64_t timestamp_ms)
{
    if (timestamp_ms > builder->max_timestamp_ms) {
        builder->max_timestamp_ms = timestamp_ms;
        builder->offset_of_max_timestamp = offset;
    }
    builder->last_offset = offset;
    builder->record_count += 1;
}

static uint8_t *write_bytes(uint8_t *to, struct slice bytes)
{
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return to + bytes.len;
}

static uint8_t *write_field(uint8_t *to, struct slice field)
{
    to = varint_write(to, slice_is_null(field) ? -1 : (int64_t)field.len);
    return write_bytes(to, field);
}

static size_t field_size(struct slice field)
{
    return varint_size(slice_is_null(field) ? -1 : (int64_t)field.len) + field.len;
}

void record_header_append(struct buffer *headers, struct slice key, struct slice value)
{
    uint8_t *to = buffer_reserve(headers, 2 * VARINT_BYTES_MAX + key.len + value.len);
    uint8_t *end = varint_write(to, (int64_t)key.len);
    end = write_bytes(end, key);
    end = write_field(end, value);
    headers->len += (size_t)(end - to);
}

static void add_record(struct batch_builder *builder, const struct record *record)
{
    struct buffer *out = records_of(builder);
    if (builder->record_count == 0) {
        builder->base_timestamp_ms = has_horizon(builder) ? builder->build.delete_horizon_ms
                                                          : record->timestamp_ms;
    }
    size_t header_room = BATCH_HEADER_BYTES;
    if (out == builder->out && out->len == builder->start) {
        if (buffer_room(out) < header_room) {
            builder->error = ERR_LIMIT;
            return;
        }
        buffer_reserve(out, header_room);
        out->len += header_room;
    }
    int64_t timestamp_delta = record->timestamp_ms - builder->base_timestamp_ms;
    int64_t offset_delta = record->offset - builder->build.base_offset;
    size_t body = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) +
                  field_size(record->key) + field_size(record->value) +
                  varint_size(record->header_count) + record->headers.len;
    if (offset_delta > INT32_MAX || body > RECORD_BYTES_MAX ||
        buffer_room(out) < body + VARINT_BYTES_MAX) {
        builder->error = ERR_LIMIT;
        return;
    }
    uint8_t *to = buffer_reserve(out, body + VARINT_BYTES_MAX);
    uint8_t *end = varint_write(to, (int64_t)body);
    uint8_t *body_start = end;
    *end++ = 0; /* attributes: none are defined */
    end = varint_write(end, timestamp_delta);
    end = varint_write(end, offset_delta);
    end = write_field(end, record->key);
    end = write_field(end, record->value);
    end = varint_write(end, record->header_count);
    end = write_bytes(end, record->headers);
    ASSERT((size_t)(end - body_start) == body);
    out->len += (size_t)(end - to);
    remember(builder, record->offset, record->timestamp_ms);
}

static void add_message(struct batch_builder *builder, const struct record *record)
{
    const struct batch_build *build = &builder->build;
    struct buffer *out = records_of(builder);
    bool is_inner = build->codec != COMPRESSION_NONE;
    struct legacy_message message = {
        .offset = record->offset,
        .magic = build->magic,
        .timestamp_ms = record->timestamp_ms,
        .key = record->key,
        .value = record->value,
    };
    if (build->magic == 1 && has_append_time(builder)) {
        message.attributes = BATCH_ATTRIBUTE_LOG_APPEND_TIME;
        message.timestamp_ms = is_inner ? record->timestamp_ms : build->log_append_time_ms;
    }
    if (build->magic == 1 && is_inner) {
        message.offset -= build->base_offset;
    }
    if (record->key.len > RECORD_BYTES_MAX / 2 || record->value.len > RECORD_BYTES_MAX / 2) {
        builder->error = ERR_LIMIT;
        return;
    }
    size_t size = legacy_message_size(build->magic, record->key, record->value);
    if (size > buffer_room(out)) {
        builder->error = ERR_LIMIT;
        return;
    }
    legacy_message_write(buffer_reserve(out, size), &message);
    out->len += size;
    remember(builder, record->offset, record->timestamp_ms);
}

/* NOLINTNEXTLINE(readability-function-size): what a record is, as arguments */
void batch_builder_add(struct batch_builder *builder,
                       int64_t offset,
                       int64_t timestamp_ms,
                       struct slice key,
                       struct slice value,
                       struct slice headers,
                       int32_t header_count)
{
    ASSERT(offset >= builder->build.base_offset);
    ASSERT(builder->record_count == 0 || offset > builder->last_offset);
    struct record record = {
        .offset = offset,
        .timestamp_ms = timestamp_ms,
        .key = key,
        .value = value,
        .headers = headers,
        .header_count = header_count,
    };
    if (builder->error != 0) {
        return;
    }
    if (builder->build.magic < 2) {
        add_message(builder, &record);
    } else {
        add_record(builder, &record);
    }
}

size_t batch_builder_size(const struct batch_builder *builder)
{
    size_t placed = builder->out->len - builder->start;
    bool is_packed = builder->build.codec != COMPRESSION_NONE;
    return placed + (is_packed ? BATCH_HEADER_BYTES + builder->plain.len : 0);
}

/* Magic 2: room for the header is made by now, and the records stand behind it. */
static void write_header(const struct batch_builder *builder, int64_t last_offset)
{
    const struct batch_build *build = &builder->build;
    uint8_t *p = builder->out->data + builder->start;
    size_t len = builder->out->len - builder->start;
    uint16_t attributes = (uint16_t)((build->attributes & ATTRIBUTES_OF_BUILD) | build->codec);
    int64_t max_timestamp = has_append_time(builder) ? build->log_append_time_ms
                                                     : builder->max_timestamp_ms;
    batch_stamp(p, build->base_offset, build->partition_leader_epoch);
    store_be32(p + 8, (uint32_t)(len - BATCH_LOG_OVERHEAD));
    p[16] = 2;
    store_be16(p + 21, attributes);
    store_be32(p + 23, (uint32_t)(last_offset - build->base_offset));
    store_be64(p + 27, (uint64_t)builder->base_timestamp_ms);
    store_be64(p + 35, (uint64_t)max_timestamp);
    store_be64(p + 43, (uint64_t)build->producer_id);
    store_be16(p + 51, (uint16_t)build->producer_epoch);
    store_be32(p + 53, (uint32_t)build->base_sequence);
    store_be32(p + 57, (uint32_t)builder->record_count);
    batch_stamp_crc(p, len);
}

static int pack(struct batch_builder *builder, struct buffer *to)
{
    const struct batch_build *build = &builder->build;
    return compress_append(build->codec, build->level, build->magic, buffer_slice(&builder->plain),
                           to);
}

static int finish_batch(struct batch_builder *builder, int64_t last_offset)
{
    struct buffer *out = builder->out;
    if (builder->build.codec != COMPRESSION_NONE) {
        if (buffer_room(out) < BATCH_HEADER_BYTES) {
            return ERR_LIMIT;
        }
        buffer_reserve(out, BATCH_HEADER_BYTES);
        out->len += BATCH_HEADER_BYTES;
        int err = pack(builder, out);
        if (err != 0) {
            return err;
        }
    }
    last_offset = MAX(last_offset, builder->last_offset);
    if (out->len - builder->start > INT32_MAX ||
        last_offset - builder->build.base_offset > INT32_MAX) {
        return ERR_LIMIT;
    }
    write_header(builder, last_offset);
    return ERR_OK;
}

static int finish_messages(struct batch_builder *builder)
{
    const struct batch_build *build = &builder->build;
    if (build->codec == COMPRESSION_NONE) {
        return ERR_OK;
    }
    struct buffer value;
    buffer_init(&value, builder->plain.limit);
    int err = pack(builder, &value);
    bool is_append_time = build->magic == 1 && has_append_time(builder);
    struct legacy_message wrapper = {
        .offset = builder->last_offset,
        .magic = build->magic,
        .attributes = (int8_t)(build->codec |
                               (is_append_time ? BATCH_ATTRIBUTE_LOG_APPEND_TIME : 0)),
        .timestamp_ms = is_append_time ? build->log_append_time_ms : builder->max_timestamp_ms,
        .key = SLICE_NULL,
        .value = buffer_slice(&value),
    };
    size_t size = legacy_message_size(build->magic, wrapper.key, wrapper.value);
    if (err == 0 && (size > INT32_MAX || size > buffer_room(builder->out))) {
        err = ERR_LIMIT;
    }
    if (err == 0) {
        legacy_message_write(buffer_reserve(builder->out, size), &wrapper);
        builder->out->len += size;
    }
    buffer_release(&value);
    return err;
}

int batch_builder_finish(struct batch_builder *builder, int64_t last_offset)
{
    int err = builder->error;
    if (err == 0 && builder->record_count > 0) {
        err = builder->build.magic < 2 ? finish_messages(builder)
                                       : finish_batch(builder, last_offset);
    }
    if (err != 0) {
        builder->out->len = builder->start;
    }
    batch_builder_release(builder);
    return err;
}
