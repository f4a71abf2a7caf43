/* codec_decode.c - bytes -> struct. The only file that reads lengths from outside for the codec.
 *
 * Every length passes read_length(), every count passes read_count(); both compare with the bytes
 * left before anything is taken or allocated. Memory is charged against a budget first, so
 * arena_alloc cannot abort.
 */
#include "wire/codec_table.h"

#define KAFKA_STRING_MAX 0x7fff /* bytes; both of Kafka's forms refuse longer strings */
#define LENGTH_NULL (-1)

struct decoder {
    const uint8_t *at;
    const uint8_t *end;
    struct arena *arena;
    size_t budget; /* arena bytes that may still be taken */
    size_t max_string_bytes;
    int version;
    enum codec_form form;
};

static int decode_record(struct decoder *decoder,
                         const struct codec_message *message,
                         uint8_t *value);

static inline size_t bytes_left(const struct decoder *decoder)
{
    return (size_t)(decoder->end - decoder->at);
}

/* The budget counts what the arena takes: sizes rounded up to its alignment. */
static void *take_memory(struct decoder *decoder, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded > decoder->budget) {
        return NULL;
    }
    decoder->budget -= rounded;
    return arena_alloc(decoder->arena, size);
}

/* Protocol Buffers' form: 7 bits a byte, low ones first, at most 32 bits. */
static int read_varint(struct decoder *decoder, uint32_t *value)
{
    uint32_t sum = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (decoder->at == decoder->end) {
            return ERR_TRUNCATED;
        }
        uint8_t byte = *decoder->at++;
        if (shift == 28 && byte > 0x0f) {
            return ERR_INVALID;
        }
        sum |= (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *value = sum;
            return 0;
        }
    }
    return ERR_INVALID;
}

/* A length or count in the given form; LENGTH_NULL for null, which the caller judges. */
static inline int read_length(struct decoder *decoder,
                              enum codec_form form,
                              bool is_string,
                              int64_t *length)
{
    if (form == CODEC_FORM_COMPACT) {
        uint32_t plus_one = 0;
        int err = read_varint(decoder, &plus_one);
        *length = (int64_t)plus_one - 1;
        return err;
    }
    if (form == CODEC_FORM_CLASSIC && is_string) {
        if (bytes_left(decoder) < 2) {
            return ERR_TRUNCATED;
        }
        *length = (int16_t)load_be16(decoder->at);
        decoder->at += 2;
    } else {
        if (bytes_left(decoder) < 4) {
            return ERR_TRUNCATED;
        }
        *length = (int32_t)load_be32(decoder->at);
        decoder->at += 4;
    }
    return *length < LENGTH_NULL ? ERR_INVALID : 0;
}

static inline int decode_slice(struct decoder *decoder,
                               enum codec_kind kind,
                               enum codec_form form,
                               bool may_be_null,
                               uint8_t *to)
{
    int64_t length = 0;
    int err = read_length(decoder, form, kind == CODEC_STRING, &length);
    if (UNLIKELY(err != 0)) {
        return err;
    }
    if (length == LENGTH_NULL) {
        codec_slice_set(to, SLICE_NULL);
        return may_be_null ? 0 : ERR_INVALID;
    }
    size_t len = (size_t)length;
    if (UNLIKELY(len > decoder->max_string_bytes ||
                 (kind == CODEC_STRING && form != CODEC_FORM_JUTE && len > KAFKA_STRING_MAX))) {
        return ERR_LIMIT;
    }
    if (UNLIKELY(len > bytes_left(decoder))) {
        return ERR_TRUNCATED;
    }
    codec_slice_set(to, slice_of(decoder->at, len));
    decoder->at += len;
    return 0;
}

/* Numbers, bool and uuid. */
static inline int decode_fixed(struct decoder *decoder, enum codec_kind kind, uint8_t *to)
{
    size_t size = codec_fixed_sizes[kind];
    if (UNLIKELY(bytes_left(decoder) < size)) {
        return ERR_TRUNCATED;
    }
    const uint8_t *at = decoder->at;
    decoder->at += size;
    if (size == 4) {
        uint32_t number = load_be32(at);
        memcpy(to, &number, sizeof number);
    } else if (size == 8) {
        uint64_t number = load_be64(at);
        memcpy(to, &number, sizeof number);
    } else if (size == 2) {
        uint16_t number = load_be16(at);
        memcpy(to, &number, sizeof number);
    } else if (kind == CODEC_UUID) {
        memcpy(to, at, sizeof(struct codec_uuid));
    } else {
        *to = kind == CODEC_BOOL ? *at != 0 : *at;
    }
    return 0;
}

static size_t element_min_bytes(const struct codec_field *field, enum codec_form form)
{
    switch ((enum codec_kind)field->element) {
    case CODEC_STRUCT:
        return field->record->min_bytes;
    case CODEC_STRING:
        return form == CODEC_FORM_JUTE ? 4 : form == CODEC_FORM_CLASSIC ? 2 : 1;
    case CODEC_BYTES:
    case CODEC_RECORDS:
        return form == CODEC_FORM_COMPACT ? 1 : 4;
    case CODEC_INT16:
    case CODEC_UINT16:
        return 2;
    case CODEC_INT32:
    case CODEC_UINT32:
        return 4;
    case CODEC_INT64:
    case CODEC_FLOAT64:
        return 8;
    case CODEC_UUID:
        return 16;
    case CODEC_BOOL:
    case CODEC_INT8:
        return 1;
    case CODEC_ARRAY:
        break;
    }
    UNREACHABLE();
}

static int decode_elements(struct decoder *decoder,
                           const struct codec_field *field,
                           uint8_t *at,
                           size_t count)
{
    enum codec_kind kind = (enum codec_kind)field->element;
    size_t size = codec_element_size(field);
    bool may_be_null = decoder->form == CODEC_FORM_JUTE;
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++, at += size) {
        if (kind == CODEC_STRUCT) {
            err = decode_record(decoder, field->record, at);
        } else if (codec_is_slice(kind)) {
            err = decode_slice(decoder, kind, decoder->form, may_be_null, at);
        } else {
            err = decode_fixed(decoder, kind, at);
        }
    }
    return err;
}

static int decode_array(struct decoder *decoder, const struct codec_field *field, uint8_t *to)
{
    int64_t length = 0;
    int err = read_length(decoder, decoder->form, false, &length);
    if (err != 0) {
        return err;
    }
    if (length <= 0) {
        codec_array_set(to, NULL, (int32_t)length);
        return length == 0 || codec_may_be_null(field, decoder->version, decoder->form)
                   ? 0
                   : ERR_INVALID;
    }
    /* Elements take at least so many bytes each: a count above what is left is a lie. It also keeps
     * count below 2^31. */
    size_t wanted = (size_t)length;
    if (wanted > bytes_left(decoder) / element_min_bytes(field, decoder->form) ||
        length > INT32_MAX) {
        return ERR_TRUNCATED;
    }
    size_t size = codec_element_size(field);
    uint8_t *memory = wanted > decoder->budget / size ? NULL : take_memory(decoder, wanted * size);
    if (memory == NULL) {
        return ERR_LIMIT;
    }
    codec_array_set(to, memory, (int32_t)length);
    return decode_elements(decoder, field, memory, wanted);
}

/* One byte, negative for null, stands before a struct that may be null (KIP-893). */
static int decode_struct(struct decoder *decoder, const struct codec_field *field, uint8_t *value)
{
    if (codec_field_can_be_null(field)) {
        bool *present = (bool *)(value + field->present_offset);
        *present = true;
        if (codec_versions_has(field->nullable, decoder->version)) {
            if (bytes_left(decoder) < 1) {
                return ERR_TRUNCATED;
            }
            if ((int8_t)*decoder->at++ < 0) {
                *present = false;
                codec_init(field->record, value + field->offset);
                return 0;
            }
        }
    }
    return decode_record(decoder, field->record, value + field->offset);
}

static inline int decode_field(struct decoder *decoder,
                               const struct codec_field *field,
                               uint8_t *value)
{
    uint8_t *to = value + field->offset;
    switch ((enum codec_kind)field->kind) {
    case CODEC_STRING:
    case CODEC_BYTES:
    case CODEC_RECORDS:
        return decode_slice(decoder, (enum codec_kind)field->kind,
                            codec_form_of_field(field, decoder->form),
                            codec_may_be_null(field, decoder->version, decoder->form), to);
    case CODEC_STRUCT:
        return decode_struct(decoder, field, value);
    case CODEC_ARRAY:
        return decode_array(decoder, field, to);
    case CODEC_BOOL:
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT16:
    case CODEC_UINT32:
    case CODEC_FLOAT64:
    case CODEC_UUID:
        return decode_fixed(decoder, (enum codec_kind)field->kind, to);
    }
    UNREACHABLE();
}

/* The content of one tagged field stands in [at, end) of the decoder; known ones must fill it
 * exactly. */
static int decode_one_tagged(struct decoder *decoder,
                             const struct codec_message *message,
                             uint32_t tag,
                             uint8_t *value,
                             struct codec_tagged *unknown,
                             int32_t *unknown_count)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        if (field->tag >= 0 && (uint32_t)field->tag == tag &&
            codec_versions_has(field->tagged, decoder->version)) {
            int err = decode_field(decoder, field, value);
            return err == 0 && decoder->at != decoder->end ? ERR_INVALID : err;
        }
    }
    unknown[*unknown_count] = (struct codec_tagged){tag,
                                                    slice_of(decoder->at, bytes_left(decoder))};
    *unknown_count += 1;
    decoder->at = decoder->end;
    return 0;
}

/* KIP-482: a count, then (tag, size, content) with tags ascending. Unknown ones are kept to be
 * passed on. */
static int decode_tagged(struct decoder *decoder,
                         const struct codec_message *message,
                         uint8_t *value)
{
    struct codec_tagged *unknown = NULL;
    int32_t unknown_count = 0;
    uint32_t count = 0;
    int err = read_varint(decoder, &count);
    if (err != 0) {
        return err;
    }
    /* A tagged field takes two bytes at least. Room is taken for all, since which are known shows
     * later. */
    if (count > bytes_left(decoder) / 2) {
        return ERR_TRUNCATED;
    }
    if (count > 0) {
        unknown = take_memory(decoder, count * sizeof *unknown);
        if (unknown == NULL) {
            return ERR_LIMIT;
        }
    }
    const uint8_t *end = decoder->end;
    int64_t last_tag = -1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag = 0;
        uint32_t size = 0;
        err = read_varint(decoder, &tag);
        err = err != 0 ? err : read_varint(decoder, &size);
        if (err == 0 && tag <= last_tag) {
            err = ERR_INVALID;
        }
        if (err == 0 && size > bytes_left(decoder)) {
            err = ERR_TRUNCATED;
        }
        if (err != 0) {
            return err;
        }
        last_tag = tag;
        decoder->end = decoder->at + size;
        err = decode_one_tagged(decoder, message, tag, value, unknown, &unknown_count);
        decoder->end = end;
        if (err != 0) {
            /* The bytes are there: content that wants more than its size is malformed, not cut off.
             */
            return err == ERR_TRUNCATED ? ERR_INVALID : err;
        }
    }
    codec_array_set(value + message->unknown_offset, unknown_count == 0 ? NULL : unknown,
                    unknown_count);
    return 0;
}

static int decode_record(struct decoder *decoder,
                         const struct codec_message *message,
                         uint8_t *value)
{
    const struct codec_field *field = message->fields;
    const struct codec_field *last = field + message->field_count;
    for (; field != last; field++) {
        if (UNLIKELY(!codec_versions_has(field->versions, decoder->version) ||
                     codec_versions_has(field->tagged, decoder->version))) {
            codec_field_set_default(field, value);
            continue;
        }
        int err = decode_field(decoder, field, value);
        if (UNLIKELY(err != 0)) {
            return err;
        }
    }
    if (decoder->form == CODEC_FORM_COMPACT) {
        return decode_tagged(decoder, message, value);
    }
    if (message->unknown_offset != UINT32_MAX) {
        codec_array_set(value + message->unknown_offset, NULL, 0);
    }
    return 0;
}

int codec_decode(const struct codec_message *message,
                 int version,
                 struct slice *in,
                 const struct codec_limits *limits,
                 struct arena *arena,
                 void *value)
{
    if (version < message->min_version || version > message->max_version) {
        return ERR_UNSUPPORTED;
    }
    /* An empty slice may have no ptr; an empty string decoded from it needs one. */
    const uint8_t *start = in->ptr != NULL ? in->ptr : (const uint8_t *)"";
    struct decoder decoder = {
        .at = start,
        .end = start + in->len,
        .arena = arena,
        .budget = MIN(limits->max_decoded_bytes, arena_room(arena)),
        .max_string_bytes = limits->max_string_bytes,
        .version = version,
        .form = codec_form_of(message, version),
    };
    int err = decode_record(&decoder, message, value);
    if (err != 0) {
        return err;
    }
    *in = slice_of(decoder.at, bytes_left(&decoder));
    return 0;
}
