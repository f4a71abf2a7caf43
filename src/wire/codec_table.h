/* codec_table.h - the tables that schema/generate.py writes and the codec walks. Only generated
 * code and src/wire/codec*.c include this.
 *
 * A codec_message describes one C struct: a message, or a struct inside one (which then takes
 * version and form from the message around it). Fields stand in wire order; tagged fields stand in
 * ascending order of their tags. The generator guarantees: no struct contains itself, nesting is at
 * most CODEC_MAX_DEPTH, every array element takes at least one byte on the wire, `T *x` is followed
 * at once by `int32_t x_count`.
 */
#ifndef WIRE_CODEC_TABLE_H
#define WIRE_CODEC_TABLE_H

#include "wire/codec.h"

#define CODEC_MAX_DEPTH 12
#define CODEC_VERSION_MAX INT16_MAX /* "and later" */

enum codec_dialect {
    CODEC_JUTE,
    CODEC_KAFKA
};

enum codec_kind {
    CODEC_BOOL,
    CODEC_INT8,
    CODEC_INT16,
    CODEC_INT32,
    CODEC_INT64,
    CODEC_UINT16,
    CODEC_UINT32,
    CODEC_FLOAT64,
    CODEC_UUID,
    CODEC_STRING,
    CODEC_BYTES,
    CODEC_RECORDS,
    CODEC_STRUCT,
    CODEC_ARRAY,
};

/* Both ends belong to it; empty when first > last. */
struct codec_versions {
    int16_t first;
    int16_t last;
};

#define CODEC_FIELD_DEFAULT_NULL 1u
#define CODEC_FIELD_IGNORABLE \
    2u /* a value other than the default is dropped silently where the version lacks it */
#define CODEC_FIELD_CLASSIC \
    4u /* keeps the classic string form in flexible versions (request header) */

struct codec_field {
    const char *name;
    const struct codec_message *record; /* of STRUCT and of ARRAY of STRUCT */
    const char *default_text;           /* of STRING; NULL: empty */
    int64_t default_number;             /* of numbers and BOOL; the bits of FLOAT64 */
    uint32_t offset;
    uint32_t present_offset; /* of a STRUCT that may be null: its `bool has_x` */
    struct codec_versions versions;
    struct codec_versions nullable;
    struct codec_versions tagged;
    int16_t tag;
    uint8_t kind;    /* enum codec_kind */
    uint8_t element; /* enum codec_kind of ARRAY's elements */
    uint8_t flags;
};

struct codec_message {
    const char *name;
    const struct codec_field *fields;
    uint32_t size;           /* of the C struct */
    uint32_t min_bytes;      /* no version is shorter on the wire */
    uint32_t fixed_bytes;    /* every value takes exactly so many in all versions; 0: it depends */
    uint32_t unknown_offset; /* of unknown_tagged_fields; UINT32_MAX: never flexible */
    uint16_t field_count;
    int16_t min_version;
    int16_t max_version;
    int16_t flexible_from; /* CODEC_VERSION_MAX: never */
    int16_t api_key;       /* Kafka; -1: none */
    uint8_t dialect;       /* enum codec_dialect */
};

static inline bool codec_versions_has(struct codec_versions versions, int version)
{
    return version >= versions.first && version <= versions.last;
}

/* How lengths look on the wire. */
enum codec_form {
    CODEC_FORM_JUTE,    /* int32 everywhere */
    CODEC_FORM_CLASSIC, /* int16 for strings, int32 for the rest */
    CODEC_FORM_COMPACT, /* unsigned varint of length + 1, and tagged fields behind each struct */
};

static inline enum codec_form codec_form_of(const struct codec_message *message, int version)
{
    if (message->dialect == CODEC_JUTE) {
        return CODEC_FORM_JUTE;
    }
    return version >= message->flexible_from ? CODEC_FORM_COMPACT : CODEC_FORM_CLASSIC;
}

static inline enum codec_form codec_form_of_field(const struct codec_field *field,
                                                  enum codec_form form)
{
    return (field->flags & CODEC_FIELD_CLASSIC) != 0 ? CODEC_FORM_CLASSIC : form;
}

/* Jute writes -1 for any missing string, buffer or vector; Kafka's schema says where null may
 * stand. */
static inline bool codec_may_be_null(const struct codec_field *field,
                                     int version,
                                     enum codec_form form)
{
    return form == CODEC_FORM_JUTE || codec_versions_has(field->nullable, version);
}

/* Bytes on the wire of a number, bool or uuid; 0 for the other kinds. */
extern const uint8_t codec_fixed_sizes[];

static inline bool codec_is_slice(enum codec_kind kind)
{
    return kind == CODEC_STRING || kind == CODEC_BYTES || kind == CODEC_RECORDS;
}

static inline bool codec_field_can_be_null(const struct codec_field *field)
{
    return field->nullable.first <= field->nullable.last;
}

/* Bytes of one element in the C array. */
size_t codec_element_size(const struct codec_field *field);

/* What stands in the C struct at `at`: a slice, or an array's pointer and count
 * (unknown_tagged_fields is one too). */
struct codec_array {
    uint8_t *elements;
    int32_t count;
};

static inline struct slice codec_slice_at(const uint8_t *at)
{
    struct slice bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static inline void codec_slice_set(uint8_t *at, struct slice bytes)
{
    memcpy(at, &bytes, sizeof bytes);
}

static inline struct codec_array codec_array_at(const uint8_t *at)
{
    struct codec_array array = {0};
    memcpy(&array.elements, at, sizeof array.elements);
    memcpy(&array.count, at + sizeof array.elements, sizeof array.count);
    return array;
}

static inline void codec_array_set(uint8_t *at, const void *elements, int32_t count)
{
    memcpy(at, &elements, sizeof elements);
    memcpy(at + sizeof elements, &count, sizeof count);
}

static inline bool codec_bool_at(const uint8_t *at)
{
    return *at != 0;
}

/* Sets one field of the struct to its default; nothing is allocated (default texts are constants).
 */
void codec_field_set_default(const struct codec_field *field, uint8_t *value);
bool codec_field_is_default(const struct codec_field *field, const uint8_t *value);

#endif
