/* codec_encode.c - struct -> size, struct -> bytes.
 *
 * Two passes over the same fields. The first adds up the size and refuses what cannot be written;
 * the second writes into memory that is known to suffice, so it has no checks and no errors. That
 * keeps the output untouched when a value is refused, and gives tagged fields their size, which
 * stands before their content.
 */
#include "wire/codec_table.h"

#define KAFKA_STRING_MAX 0x7fff

struct shape {
    int version;
    enum codec_form form;
};

static int64_t record_size(struct shape shape,
                           const struct codec_message *message,
                           const uint8_t *value);
static uint8_t *write_record(struct shape shape,
                             const struct codec_message *message,
                             const uint8_t *value,
                             uint8_t *to);

static inline size_t varint_size(uint32_t value)
{
    return value < 1u << 7    ? 1
           : value < 1u << 14 ? 2
           : value < 1u << 21 ? 3
           : value < 1u << 28 ? 4
                              : 5;
}

static inline uint8_t *write_varint(uint8_t *to, uint32_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* The length field in front of `length` bytes or elements; -1 for null. */
static inline size_t length_size(enum codec_form form, bool is_string, int64_t length)
{
    if (form == CODEC_FORM_COMPACT) {
        return varint_size((uint32_t)(length + 1));
    }
    return form == CODEC_FORM_CLASSIC && is_string ? 2 : 4;
}

static inline uint8_t *write_length(uint8_t *to,
                                    enum codec_form form,
                                    bool is_string,
                                    int64_t length)
{
    if (form == CODEC_FORM_COMPACT) {
        return write_varint(to, (uint32_t)(length + 1));
    }
    if (form == CODEC_FORM_CLASSIC && is_string) {
        store_be16(to, (uint16_t)length);
        return to + 2;
    }
    store_be32(to, (uint32_t)length);
    return to + 4;
}

static inline int64_t slice_length(struct slice bytes)
{
    return slice_is_null(bytes) ? -1 : (int64_t)bytes.len;
}

/* First pass: sizes. */

static int64_t slice_size(enum codec_kind kind,
                          enum codec_form form,
                          bool may_be_null,
                          struct slice bytes)
{
    if (slice_is_null(bytes)) {
        return may_be_null ? (int64_t)length_size(form, kind == CODEC_STRING, -1) : ERR_INVALID;
    }
    size_t most = kind == CODEC_STRING && form != CODEC_FORM_JUTE ? KAFKA_STRING_MAX : INT32_MAX;
    if (bytes.len > most) {
        return ERR_INVALID;
    }
    return (int64_t)(length_size(form, kind == CODEC_STRING, (int64_t)bytes.len) + bytes.len);
}

static int64_t elements_size(struct shape shape,
                             const struct codec_field *field,
                             const uint8_t *at,
                             size_t count)
{
    enum codec_kind kind = (enum codec_kind)field->element;
    if (kind != CODEC_STRUCT && !codec_is_slice(kind)) {
        return (int64_t)(codec_fixed_sizes[kind] * count);
    }
    size_t size = codec_element_size(field);
    int64_t total = 0;
    for (size_t i = 0; i < count; i++, at += size) {
        int64_t one = kind == CODEC_STRUCT
                          ? record_size(shape, field->record, at)
                          : slice_size(kind, shape.form, shape.form == CODEC_FORM_JUTE,
                                       codec_slice_at(at));
        if (one < 0) {
            return one;
        }
        total += one;
    }
    return total;
}

static int64_t array_size(struct shape shape, const struct codec_field *field, const uint8_t *at)
{
    int32_t count = codec_array_at(at).count;
    if (count < 0) {
        bool may_be_null = count == -1 && codec_may_be_null(field, shape.version, shape.form);
        return may_be_null ? (int64_t)length_size(shape.form, false, -1) : ERR_INVALID;
    }
    int64_t total = count == 0
                        ? 0
                        : elements_size(shape, field, codec_array_at(at).elements, (size_t)count);
    return total < 0 ? total : total + (int64_t)length_size(shape.form, false, count);
}

static int64_t struct_size(struct shape shape,
                           const struct codec_field *field,
                           const uint8_t *value)
{
    int64_t mark = 0;
    if (codec_field_can_be_null(field)) {
        bool present = codec_bool_at(value + field->present_offset);
        bool may_be_null = codec_versions_has(field->nullable, shape.version);
        if (!present) {
            return may_be_null ? 1 : ERR_INVALID;
        }
        mark = may_be_null ? 1 : 0;
    }
    int64_t size = record_size(shape, field->record, value + field->offset);
    return size < 0 ? size : size + mark;
}

static int64_t field_size(struct shape shape, const struct codec_field *field, const uint8_t *value)
{
    const uint8_t *at = value + field->offset;
    enum codec_kind kind = (enum codec_kind)field->kind;
    if (codec_fixed_sizes[kind] != 0) {
        return codec_fixed_sizes[kind];
    }
    if (codec_is_slice(kind)) {
        return slice_size(kind, codec_form_of_field(field, shape.form),
                          codec_may_be_null(field, shape.version, shape.form), codec_slice_at(at));
    }
    return kind == CODEC_STRUCT ? struct_size(shape, field, value) : array_size(shape, field, at);
}

static inline bool is_tagged_here(struct shape shape, const struct codec_field *field)
{
    return codec_versions_has(field->tagged, shape.version);
}

/* The tagged section: a count, then (tag, size, content), in ascending order. Known fields stand
 * there only when they differ from their default. */
static int64_t tagged_size(struct shape shape,
                           const struct codec_message *message,
                           const uint8_t *value)
{
    uint32_t count = 0;
    int64_t total = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        if (is_tagged_here(shape, field) && !codec_field_is_default(field, value)) {
            int64_t size = field_size(shape, field, value);
            if (size < 0 || size > INT32_MAX) {
                return size < 0 ? size : ERR_INVALID;
            }
            total += size +
                     (int64_t)(varint_size((uint32_t)field->tag) + varint_size((uint32_t)size));
            count += 1;
        }
    }
    struct codec_array array = codec_array_at(value + message->unknown_offset);
    const struct codec_tagged *unknown = (const struct codec_tagged *)(const void *)array.elements;
    for (int32_t i = 0; i < array.count; i++) {
        if (unknown[i].bytes.len > INT32_MAX || (i > 0 && unknown[i].tag <= unknown[i - 1].tag)) {
            return ERR_INVALID;
        }
        total += (int64_t)(varint_size(unknown[i].tag) +
                           varint_size((uint32_t)unknown[i].bytes.len) + unknown[i].bytes.len);
        count += 1;
    }
    return total + (int64_t)varint_size(count);
}

static int64_t record_size(struct shape shape,
                           const struct codec_message *message,
                           const uint8_t *value)
{
    if (message->fixed_bytes != 0) {
        return message->fixed_bytes;
    }
    int64_t total = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        if (UNLIKELY(!codec_versions_has(field->versions, shape.version))) {
            if ((field->flags & CODEC_FIELD_IGNORABLE) == 0 &&
                !codec_field_is_default(field, value)) {
                return ERR_UNSUPPORTED;
            }
            continue;
        }
        if (UNLIKELY(is_tagged_here(shape, field))) {
            continue;
        }
        int64_t size = field_size(shape, field, value);
        if (UNLIKELY(size < 0)) {
            return size;
        }
        total += size;
    }
    if (shape.form == CODEC_FORM_COMPACT) {
        int64_t size = tagged_size(shape, message, value);
        return size < 0 ? size : total + size;
    }
    return total;
}

/* Second pass: bytes. */

static inline uint8_t *write_slice(uint8_t *to,
                                   enum codec_kind kind,
                                   enum codec_form form,
                                   struct slice bytes)
{
    to = write_length(to, form, kind == CODEC_STRING, slice_length(bytes));
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return to + bytes.len;
}

static inline uint8_t *write_fixed(uint8_t *to, enum codec_kind kind, const uint8_t *at)
{
    size_t size = codec_fixed_sizes[kind];
    if (size == 4) {
        uint32_t number;
        memcpy(&number, at, sizeof number);
        store_be32(to, number);
    } else if (size == 8) {
        uint64_t number;
        memcpy(&number, at, sizeof number);
        store_be64(to, number);
    } else if (size == 2) {
        uint16_t number;
        memcpy(&number, at, sizeof number);
        store_be16(to, number);
    } else if (size == 1) {
        *to = *at;
    } else {
        memcpy(to, at, sizeof(struct codec_uuid));
    }
    return to + size;
}

static uint8_t *write_array(struct shape shape,
                            const struct codec_field *field,
                            const uint8_t *at,
                            uint8_t *to)
{
    struct codec_array array = codec_array_at(at);
    to = write_length(to, shape.form, false, array.count);
    enum codec_kind kind = (enum codec_kind)field->element;
    const uint8_t *element = array.elements;
    size_t size = codec_element_size(field);
    for (int32_t i = 0; i < array.count; i++, element += size) {
        if (kind == CODEC_STRUCT) {
            to = write_record(shape, field->record, element, to);
        } else if (codec_is_slice(kind)) {
            to = write_slice(to, kind, shape.form, codec_slice_at(element));
        } else {
            to = write_fixed(to, kind, element);
        }
    }
    return to;
}

static uint8_t *write_struct(struct shape shape,
                             const struct codec_field *field,
                             const uint8_t *value,
                             uint8_t *to)
{
    if (codec_versions_has(field->nullable, shape.version)) {
        bool present = codec_bool_at(value + field->present_offset);
        *to++ = present ? 1 : 0xff;
        if (!present) {
            return to;
        }
    }
    return write_record(shape, field->record, value + field->offset, to);
}

static inline uint8_t *write_field(struct shape shape,
                                   const struct codec_field *field,
                                   const uint8_t *value,
                                   uint8_t *to)
{
    const uint8_t *at = value + field->offset;
    enum codec_kind kind = (enum codec_kind)field->kind;
    if (codec_fixed_sizes[kind] != 0) {
        return write_fixed(to, kind, at);
    }
    if (codec_is_slice(kind)) {
        return write_slice(to, kind, codec_form_of_field(field, shape.form), codec_slice_at(at));
    }
    return kind == CODEC_STRUCT ? write_struct(shape, field, value, to)
                                : write_array(shape, field, at, to);
}

static uint8_t *write_unknown(const struct codec_tagged *tagged, uint8_t *to)
{
    to = write_varint(to, tagged->tag);
    to = write_varint(to, (uint32_t)tagged->bytes.len);
    if (tagged->bytes.len > 0) {
        memcpy(to, tagged->bytes.ptr, tagged->bytes.len);
    }
    return to + tagged->bytes.len;
}

static uint32_t count_tagged(struct shape shape,
                             const struct codec_message *message,
                             const uint8_t *value)
{
    uint32_t count = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        count += is_tagged_here(shape, field) && !codec_field_is_default(field, value);
    }
    return count;
}

/* Known and unknown fields are merged, each ascending already. */
static uint8_t *write_tagged(struct shape shape,
                             const struct codec_message *message,
                             const uint8_t *value,
                             uint8_t *to)
{
    struct codec_array array = codec_array_at(value + message->unknown_offset);
    const struct codec_tagged *unknown = (const struct codec_tagged *)(const void *)array.elements;
    int32_t next = 0;
    to = write_varint(to, count_tagged(shape, message, value) + (uint32_t)array.count);
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        if (!is_tagged_here(shape, field) || codec_field_is_default(field, value)) {
            continue;
        }
        while (next < array.count && unknown[next].tag < (uint32_t)field->tag) {
            to = write_unknown(&unknown[next++], to);
        }
        to = write_varint(to, (uint32_t)field->tag);
        to = write_varint(to, (uint32_t)field_size(shape, field, value));
        to = write_field(shape, field, value, to);
    }
    while (next < array.count) {
        to = write_unknown(&unknown[next++], to);
    }
    return to;
}

static uint8_t *write_record(struct shape shape,
                             const struct codec_message *message,
                             const uint8_t *value,
                             uint8_t *to)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        if (LIKELY(codec_versions_has(field->versions, shape.version) &&
                   !is_tagged_here(shape, field))) {
            to = write_field(shape, field, value, to);
        }
    }
    return shape.form == CODEC_FORM_COMPACT ? write_tagged(shape, message, value, to) : to;
}

int64_t codec_size(const struct codec_message *message, int version, const void *value)
{
    if (version < message->min_version || version > message->max_version) {
        return ERR_UNSUPPORTED;
    }
    struct shape shape = {version, codec_form_of(message, version)};
    return record_size(shape, message, value);
}

int codec_encode(const struct codec_message *message,
                 int version,
                 const void *value,
                 struct buffer *out)
{
    int64_t size = codec_size(message, version, value);
    if (size < 0) {
        return (int)size;
    }
    if ((uint64_t)size > buffer_room(out)) {
        return ERR_LIMIT;
    }
    if (size == 0) {
        return 0;
    }
    struct shape shape = {version, codec_form_of(message, version)};
    uint8_t *to = buffer_reserve(out, (size_t)size);
    uint8_t *end = write_record(shape, message, value, to);
    ASSERT(end == to + size);
    out->len += (size_t)size;
    return 0;
}
