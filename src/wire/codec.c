/* codec.c - what the tables say, and defaults. The walk itself stands in four files, by what it
 * does:
 *
 *   codec_decode.c   bytes -> struct
 *   codec_encode.c   struct -> size, struct -> bytes
 *   codec_value.c    equal, copy, random
 *   codec_print.c    struct -> JSON
 *
 * Model: a message is a row of fields. Each field says in which versions it exists, in which it may
 * be null and in which it leaves the row for the tagged section. Every walk is the same loop: for
 * each field, is it in this version's row? then handle it by kind; at the end, in flexible
 * versions, handle the tagged section. Struct kinds recurse; the generator bounds the depth.
 *
 * Three forms of lengths cover both dialects (enum codec_form). A struct inside a message takes
 * version and form from the message around it, so one table serves all of them.
 *
 * What goes wrong: bytes that end early, lengths that lie, nulls where none may be, versions nobody
 * speaks. Decoding answers each with an error before it has allocated or read by the lying number:
 * a count is compared with the bytes left (an element has a least size), then with the memory
 * budget. Encoding sizes and checks everything in a first pass, so the second writes without
 * looking and nothing is half written.
 */
#include "wire/codec_table.h"

const uint8_t codec_fixed_sizes[] = {
    [CODEC_BOOL] = 1,   [CODEC_INT8] = 1,   [CODEC_INT16] = 2,  [CODEC_INT32] = 4,
    [CODEC_INT64] = 8,  [CODEC_UINT16] = 2, [CODEC_UINT32] = 4, [CODEC_FLOAT64] = 8,
    [CODEC_UUID] = 16,  [CODEC_STRING] = 0, [CODEC_BYTES] = 0,  [CODEC_RECORDS] = 0,
    [CODEC_STRUCT] = 0, [CODEC_ARRAY] = 0,
};

/* Of a number, bool or uuid the C form is as large as the wire's. */
_Static_assert(sizeof(bool) == 1 && sizeof(double) == 8 && sizeof(struct codec_uuid) == 16,
               "C sizes");

size_t codec_element_size(const struct codec_field *field)
{
    if (field->element == CODEC_STRUCT) {
        return field->record->size;
    }
    return codec_is_slice((enum codec_kind)field->element) ? sizeof(struct slice)
                                                           : codec_fixed_sizes[field->element];
}

static void number_set_default(const struct codec_field *field, uint8_t *value)
{
    /* Little-endian machines only (base/endian.h): the low bytes come first. */
    memcpy(value, &field->default_number, codec_fixed_sizes[field->kind]);
}

void codec_field_set_default(const struct codec_field *field, uint8_t *value)
{
    uint8_t *at = value + field->offset;
    bool null = (field->flags & CODEC_FIELD_DEFAULT_NULL) != 0;
    switch ((enum codec_kind)field->kind) {
    case CODEC_STRING:
    case CODEC_BYTES:
    case CODEC_RECORDS: {
        const char *text = field->default_text != NULL ? field->default_text : "";
        codec_slice_set(at, null ? SLICE_NULL : slice_of_cstr(text));
        return;
    }
    case CODEC_UUID:
        memset(at, 0, sizeof(struct codec_uuid));
        return;
    case CODEC_STRUCT:
        if (codec_field_can_be_null(field)) {
            *(bool *)(value + field->present_offset) = !null;
        }
        codec_init(field->record, at);
        return;
    case CODEC_ARRAY:
        codec_array_set(at, NULL, null ? -1 : 0);
        return;
    case CODEC_BOOL:
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT16:
    case CODEC_UINT32:
    case CODEC_FLOAT64:
        number_set_default(field, at);
        return;
    }
    UNREACHABLE();
}

void codec_init(const struct codec_message *message, void *value)
{
    for (size_t i = 0; i < message->field_count; i++) {
        codec_field_set_default(&message->fields[i], value);
    }
    if (message->unknown_offset != UINT32_MAX) {
        codec_array_set((uint8_t *)value + message->unknown_offset, NULL, 0);
    }
}

static bool record_is_default(const struct codec_message *message, const uint8_t *value)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (!codec_field_is_default(&message->fields[i], value)) {
            return false;
        }
    }
    return message->unknown_offset == UINT32_MAX ||
           codec_array_at(value + message->unknown_offset).count == 0;
}

bool codec_field_is_default(const struct codec_field *field, const uint8_t *value)
{
    const uint8_t *at = value + field->offset;
    bool null = (field->flags & CODEC_FIELD_DEFAULT_NULL) != 0;
    switch ((enum codec_kind)field->kind) {
    case CODEC_STRING:
    case CODEC_BYTES:
    case CODEC_RECORDS: {
        struct slice bytes = codec_slice_at(at);
        if (null || slice_is_null(bytes)) {
            return null && slice_is_null(bytes);
        }
        return slice_equal_cstr(bytes, field->default_text != NULL ? field->default_text : "");
    }
    case CODEC_UUID: {
        static const struct codec_uuid zero;
        return memcmp(at, &zero, sizeof zero) == 0;
    }
    case CODEC_STRUCT:
        if (codec_field_can_be_null(field)) {
            bool present = codec_bool_at(value + field->present_offset);
            if (null || !present) {
                return null && !present;
            }
        }
        return record_is_default(field->record, at);
    case CODEC_ARRAY:
        return codec_array_at(at).count == (null ? -1 : 0);
    case CODEC_BOOL:
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT16:
    case CODEC_UINT32:
    case CODEC_FLOAT64:
        return memcmp(at, &field->default_number, codec_fixed_sizes[field->kind]) == 0;
    }
    UNREACHABLE();
}

const char *codec_name(const struct codec_message *message)
{
    return message->name;
}

size_t codec_struct_size(const struct codec_message *message)
{
    return message->size;
}

int codec_min_version(const struct codec_message *message)
{
    return message->min_version;
}

int codec_max_version(const struct codec_message *message)
{
    return message->max_version;
}

bool codec_is_flexible(const struct codec_message *message, int version)
{
    return version >= message->flexible_from;
}

int16_t codec_api_key(const struct codec_message *message)
{
    return message->api_key;
}
