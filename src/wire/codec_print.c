/* codec_print.c - struct -> JSON, for logs, tools and failing tests. Never aborts: a value may come
 * from outside and be larger than the buffer, then what was written is taken back and one short
 * object stands in its place.
 */
#include "base/text.h"
#include "wire/codec_table.h"

struct printer {
    struct buffer *out;
    int version;
    bool overflow;
};

static void print_record(struct printer *printer,
                         const struct codec_message *message,
                         const uint8_t *value);

static void put(struct printer *printer, struct slice text)
{
    if (printer->overflow || text.len > buffer_room(printer->out)) {
        printer->overflow = true;
        return;
    }
    buffer_append(printer->out, text);
}

static void put_byte(struct printer *printer, char byte)
{
    put(printer, slice_of(&byte, 1));
}

#define NUMBER_ROOM 32 /* no number takes more characters */

static bool has_number_room(struct printer *printer)
{
    printer->overflow = printer->overflow || buffer_room(printer->out) < NUMBER_ROOM;
    return !printer->overflow;
}

static void put_signed(struct printer *printer, int64_t number)
{
    if (has_number_room(printer)) {
        buffer_append_decimal(printer->out, number);
    }
}

static void put_hex(struct printer *printer, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    put_byte(printer, '"');
    for (size_t i = 0; i < bytes.len && !printer->overflow; i++) {
        put_byte(printer, digits[bytes.ptr[i] >> 4]);
        put_byte(printer, digits[bytes.ptr[i] & 15]);
    }
    put_byte(printer, '"');
}

/* Is this the start of a well-formed sequence of several bytes? Its length, else 0. */
static size_t utf8_length(struct slice text, size_t at)
{
    uint8_t lead = text.ptr[at];
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || text.len - at < len) {
        return 0;
    }
    return text_is_utf8(slice_part(text, at, at + len)) ? len : 0;
}

static void put_string(struct printer *printer, struct slice text)
{
    static const char digits[] = "0123456789abcdef";
    put_byte(printer, '"');
    for (size_t i = 0; i < text.len && !printer->overflow;) {
        uint8_t c = text.ptr[i];
        size_t len = c >= 0x80 ? utf8_length(text, i) : 1;
        if (c == '"' || c == '\\') {
            put_byte(printer, '\\');
        } else if (c < 0x20 || c == 0x7f || len == 0) {
            put(printer, SLICE_LIT("\\u00"));
            put_byte(printer, digits[c >> 4]);
            put_byte(printer, digits[c & 15]);
            i += 1;
            continue;
        }
        put(printer, slice_part(text, i, i + len));
        i += len;
    }
    put_byte(printer, '"');
}

/* Six digits after the point are enough for a log. What a JSON number cannot say, or would need
 * more digits, is given by its bits. */
static void put_double(struct printer *printer, const uint8_t *at)
{
    double number;
    uint64_t bits;
    memcpy(&number, at, sizeof number);
    memcpy(&bits, at, sizeof bits);
    if (!has_number_room(printer)) {
        return;
    }
    if (number > -9e12 && number < 9e12) {
        buffer_append_fixed(printer->out, (int64_t)(number * 1e6 + (number < 0 ? -0.5 : 0.5)), 6);
        return;
    }
    put(printer, SLICE_LIT("\"0x"));
    buffer_append_hex(printer->out, bits);
    put(printer, SLICE_LIT("\""));
}

static int64_t load_number(enum codec_kind kind, const uint8_t *at)
{
    switch (kind) {
    case CODEC_INT8:
        return *(const int8_t *)at;
    case CODEC_INT16:
        return *(const int16_t *)(const void *)at;
    case CODEC_UINT16:
        return *(const uint16_t *)(const void *)at;
    case CODEC_INT32:
        return *(const int32_t *)(const void *)at;
    case CODEC_UINT32:
        return *(const uint32_t *)(const void *)at;
    case CODEC_INT64:
        return *(const int64_t *)(const void *)at;
    case CODEC_BOOL:
    case CODEC_FLOAT64:
    case CODEC_UUID:
    case CODEC_STRING:
    case CODEC_BYTES:
    case CODEC_RECORDS:
    case CODEC_STRUCT:
    case CODEC_ARRAY:
        break;
    }
    UNREACHABLE();
}

static void print_value(struct printer *printer,
                        enum codec_kind kind,
                        const struct codec_message *record,
                        const uint8_t *at)
{
    switch (kind) {
    case CODEC_STRING:
    case CODEC_BYTES:
    case CODEC_RECORDS: {
        struct slice bytes = codec_slice_at(at);
        if (slice_is_null(bytes)) {
            put(printer, SLICE_LIT("null"));
        } else if (kind == CODEC_STRING) {
            put_string(printer, bytes);
        } else {
            put_hex(printer, bytes);
        }
        return;
    }
    case CODEC_BOOL:
        put(printer, codec_bool_at(at) ? SLICE_LIT("true") : SLICE_LIT("false"));
        return;
    case CODEC_UUID:
        put_hex(printer, slice_of(at, sizeof(struct codec_uuid)));
        return;
    case CODEC_FLOAT64:
        put_double(printer, at);
        return;
    case CODEC_STRUCT:
        print_record(printer, record, at);
        return;
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT16:
    case CODEC_UINT32:
        put_signed(printer, load_number(kind, at));
        return;
    case CODEC_ARRAY:
        break;
    }
    UNREACHABLE();
}

static void print_array(struct printer *printer, const struct codec_field *field, const uint8_t *at)
{
    struct codec_array array = codec_array_at(at);
    const uint8_t *element = array.elements;
    if (array.count < 0) {
        put(printer, SLICE_LIT("null"));
        return;
    }
    size_t size = codec_element_size(field);
    put_byte(printer, '[');
    for (int32_t i = 0; i < array.count && !printer->overflow; i++, element += size) {
        if (i > 0) {
            put_byte(printer, ',');
        }
        print_value(printer, (enum codec_kind)field->element, field->record, element);
    }
    put_byte(printer, ']');
}

static void print_unknown(struct printer *printer, const uint8_t *at)
{
    struct codec_array array = codec_array_at(at);
    const struct codec_tagged *tagged = (const struct codec_tagged *)(const void *)array.elements;
    put(printer, SLICE_LIT("\"unknown_tagged_fields\":{"));
    for (int32_t i = 0; i < array.count && !printer->overflow; i++) {
        put(printer, i > 0 ? SLICE_LIT(",\"") : SLICE_LIT("\""));
        put_signed(printer, tagged[i].tag);
        put(printer, SLICE_LIT("\":"));
        put_hex(printer, tagged[i].bytes);
    }
    put_byte(printer, '}');
}

static void print_record(struct printer *printer,
                         const struct codec_message *message,
                         const uint8_t *value)
{
    bool first = true;
    put_byte(printer, '{');
    for (size_t i = 0; i < message->field_count && !printer->overflow; i++) {
        const struct codec_field *field = &message->fields[i];
        if (!codec_versions_has(field->versions, printer->version)) {
            continue;
        }
        put(printer, first ? SLICE_LIT("\"") : SLICE_LIT(",\""));
        put(printer, slice_of_cstr(field->name));
        put(printer, SLICE_LIT("\":"));
        first = false;
        const uint8_t *at = value + field->offset;
        bool can_be_null = field->kind == CODEC_STRUCT && codec_field_can_be_null(field);
        if (can_be_null && !codec_bool_at(value + field->present_offset)) {
            put(printer, SLICE_LIT("null"));
        } else if (field->kind == CODEC_ARRAY) {
            print_array(printer, field, at);
        } else {
            print_value(printer, (enum codec_kind)field->kind, field->record, at);
        }
    }
    if (message->unknown_offset != UINT32_MAX) {
        const uint8_t *unknown = value + message->unknown_offset;
        if (codec_array_at(unknown).count > 0) {
            put(printer, first ? SLICE_LIT("") : SLICE_LIT(","));
            print_unknown(printer, unknown);
        }
    }
    put_byte(printer, '}');
}

void codec_print(const struct codec_message *message,
                 int version,
                 const void *value,
                 struct buffer *out)
{
    size_t start = out->len;
    struct printer printer = {.out = out, .version = version};
    print_record(&printer, message, value);
    if (printer.overflow) {
        out->len = start;
        printer.overflow = false;
        put(&printer, SLICE_LIT("{\"too_long\":true}"));
    }
}
