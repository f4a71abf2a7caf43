/* codec_value.c - equality, deep copy and random values, by the same tables. */
#include "wire/codec_table.h"

/* Equality */

static bool record_equal(const struct codec_message *message,
                         int version,
                         const uint8_t *a,
                         const uint8_t *b);

static bool value_equal(const struct codec_message *record,
                        enum codec_kind kind,
                        int version,
                        const uint8_t *a,
                        const uint8_t *b)
{
    if (kind == CODEC_STRUCT) {
        return record_equal(record, version, a, b);
    }
    if (codec_is_slice(kind)) {
        return slice_is_null(codec_slice_at(a)) == slice_is_null(codec_slice_at(b)) &&
               slice_equal(codec_slice_at(a), codec_slice_at(b));
    }
    return memcmp(a, b, codec_fixed_sizes[kind]) == 0;
}

static bool field_equal(const struct codec_field *field,
                        int version,
                        const uint8_t *a,
                        const uint8_t *b)
{
    if (field->kind == CODEC_STRUCT && codec_field_can_be_null(field)) {
        bool has_a = codec_bool_at(a + field->present_offset);
        bool has_b = codec_bool_at(b + field->present_offset);
        if (!has_a || !has_b) {
            return has_a == has_b;
        }
    }
    a += field->offset;
    b += field->offset;
    if (field->kind != CODEC_ARRAY) {
        return value_equal(field->record, (enum codec_kind)field->kind, version, a, b);
    }
    struct codec_array array_a = codec_array_at(a);
    struct codec_array array_b = codec_array_at(b);
    if (array_a.count != array_b.count) {
        return false;
    }
    size_t size = codec_element_size(field);
    for (int32_t i = 0; i < array_a.count; i++) {
        size_t at = size * (size_t)i;
        if (!value_equal(field->record, (enum codec_kind)field->element, version,
                         array_a.elements + at, array_b.elements + at)) {
            return false;
        }
    }
    return true;
}

static bool unknown_equal(const uint8_t *a, const uint8_t *b)
{
    struct codec_array array_a = codec_array_at(a);
    struct codec_array array_b = codec_array_at(b);
    if (array_a.count != array_b.count) {
        return false;
    }
    const struct codec_tagged *tagged_a =
        (const struct codec_tagged *)(const void *)array_a.elements;
    const struct codec_tagged *tagged_b =
        (const struct codec_tagged *)(const void *)array_b.elements;
    for (int32_t i = 0; i < array_a.count; i++) {
        if (tagged_a[i].tag != tagged_b[i].tag ||
            !slice_equal(tagged_a[i].bytes, tagged_b[i].bytes)) {
            return false;
        }
    }
    return true;
}

static bool record_equal(const struct codec_message *message,
                         int version,
                         const uint8_t *a,
                         const uint8_t *b)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        if (codec_versions_has(field->versions, version) && !field_equal(field, version, a, b)) {
            return false;
        }
    }
    return message->unknown_offset == UINT32_MAX ||
           unknown_equal(a + message->unknown_offset, b + message->unknown_offset);
}

bool codec_equal(const struct codec_message *message, int version, const void *a, const void *b)
{
    return record_equal(message, version, a, b);
}

/* Copy */

/* `value` is a flat copy already: make what it points at its own. */
static void record_own(const struct codec_message *message, struct arena *arena, uint8_t *value);

static void array_own(const struct codec_field *field, struct arena *arena, uint8_t *at)
{
    struct codec_array array = codec_array_at(at);
    if (array.count <= 0) {
        codec_array_set(at, NULL, array.count);
        return;
    }
    size_t size = codec_element_size(field);
    uint8_t *elements = arena_alloc(arena, size * (size_t)array.count);
    memcpy(elements, array.elements, size * (size_t)array.count);
    codec_array_set(at, elements, array.count);
    for (int32_t i = 0; i < array.count; i++, elements += size) {
        if (field->element == CODEC_STRUCT) {
            record_own(field->record, arena, elements);
        } else if (codec_is_slice((enum codec_kind)field->element)) {
            codec_slice_set(elements, arena_copy(arena, codec_slice_at(elements)));
        }
    }
}

static void unknown_own(struct arena *arena, uint8_t *at)
{
    struct codec_array array = codec_array_at(at);
    if (array.count <= 0) {
        codec_array_set(at, NULL, 0);
        return;
    }
    size_t size = sizeof(struct codec_tagged) * (size_t)array.count;
    struct codec_tagged *tagged = arena_alloc(arena, size);
    memcpy(tagged, array.elements, size);
    codec_array_set(at, tagged, array.count);
    for (int32_t i = 0; i < array.count; i++) {
        tagged[i].bytes = arena_copy(arena, tagged[i].bytes);
    }
}

static void record_own(const struct codec_message *message, struct arena *arena, uint8_t *value)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct codec_field *field = &message->fields[i];
        uint8_t *at = value + field->offset;
        if (codec_is_slice((enum codec_kind)field->kind)) {
            codec_slice_set(at, arena_copy(arena, codec_slice_at(at)));
        } else if (field->kind == CODEC_STRUCT) {
            record_own(field->record, arena, at);
        } else if (field->kind == CODEC_ARRAY) {
            array_own(field, arena, at);
        }
    }
    if (message->unknown_offset != UINT32_MAX) {
        unknown_own(arena, value + message->unknown_offset);
    }
}

void codec_copy(const struct codec_message *message,
                const void *from,
                struct arena *arena,
                void *to)
{
    memmove(to, from, message->size);
    record_own(message, arena, to);
}

/* Random */

struct dice {
    struct random *random;
    struct arena *arena;
    int version;
    enum codec_form form;
};

#define RANDOM_ELEMENTS 4     /* fewer than that in an array */
#define RANDOM_BYTES 12       /* fewer than that in a string, but for the rare long one */
#define RANDOM_LONG_BYTES 300 /* takes two bytes of a compact length */

static void random_record(struct dice *dice, const struct codec_message *message, uint8_t *value);

static void random_fixed(struct dice *dice, enum codec_kind kind, uint8_t *at)
{
    static const uint64_t extremes[] = {
        0, 1, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, 0x7fffffff, 0x80000000};
    uint64_t number = random_chance(dice->random, 1, 2)
                          ? extremes[random_below(dice->random, ARRAY_LEN(extremes))]
                          : random_next(dice->random);
    if (kind == CODEC_BOOL) {
        *at = number & 1;
    } else if (kind == CODEC_UUID) {
        uint64_t halves[2] = {random_next(dice->random), number};
        memcpy(at, halves, sizeof halves);
    } else {
        memcpy(at, &number, codec_fixed_sizes[kind]);
    }
}

static struct slice random_slice(struct dice *dice, enum codec_kind kind, bool may_be_null)
{
    if (may_be_null && random_chance(dice->random, 1, 6)) {
        return SLICE_NULL;
    }
    bool is_long = random_chance(dice->random, 1, 30);
    size_t len = (size_t)random_below(dice->random, is_long ? RANDOM_LONG_BYTES : RANDOM_BYTES);
    uint8_t *bytes = arena_alloc(dice->arena, len);
    for (size_t i = 0; i < len; i++) {
        /* Text is ASCII with what needs care in JSON; the rest is any bytes. */
        bytes[i] = kind == CODEC_STRING
                       ? (uint8_t)("/abz09_-\"\\\n\x01 {}"[random_below(dice->random, 15)])
                       : (uint8_t)random_next(dice->random);
    }
    return slice_of(bytes, len);
}

static void random_array(struct dice *dice, const struct codec_field *field, uint8_t *at)
{
    bool null = codec_may_be_null(field, dice->version, dice->form) &&
                random_chance(dice->random, 1, 6);
    size_t count = null ? 0 : (size_t)random_below(dice->random, RANDOM_ELEMENTS);
    if (count == 0) {
        codec_array_set(at, NULL, null ? -1 : 0);
        return;
    }
    size_t size = codec_element_size(field);
    uint8_t *element = arena_alloc_zeroed(dice->arena, size * count);
    codec_array_set(at, element, (int32_t)count);
    enum codec_kind kind = (enum codec_kind)field->element;
    for (size_t i = 0; i < count; i++, element += size) {
        if (kind == CODEC_STRUCT) {
            random_record(dice, field->record, element);
        } else if (codec_is_slice(kind)) {
            codec_slice_set(element, random_slice(dice, kind, dice->form == CODEC_FORM_JUTE));
        } else {
            random_fixed(dice, kind, element);
        }
    }
}

static void random_struct(struct dice *dice, const struct codec_field *field, uint8_t *value)
{
    if (codec_field_can_be_null(field)) {
        bool may_be_null = codec_versions_has(field->nullable, dice->version);
        bool present = !may_be_null || random_chance(dice->random, 1, 2);
        *(bool *)(value + field->present_offset) = present;
        if (!present) {
            codec_init(field->record, value + field->offset);
            return;
        }
    }
    random_record(dice, field->record, value + field->offset);
}

static void random_unknown(struct dice *dice, const struct codec_message *message, uint8_t *at)
{
    size_t count = random_chance(dice->random, 1, 3) ? (size_t)random_below(dice->random, 3) : 0;
    if (count == 0) {
        return;
    }
    struct codec_tagged *tagged = ARENA_ARRAY(dice->arena, struct codec_tagged, count);
    codec_array_set(at, tagged, (int32_t)count);
    /* Above every tag that the message knows in any version. */
    uint32_t tag = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        tag = message->fields[i].tag >= 0 ? (uint32_t)message->fields[i].tag + 1 : tag;
    }
    for (size_t i = 0; i < count; i++) {
        tag += (uint32_t)random_below(dice->random, 200);
        tagged[i] = (struct codec_tagged){tag++, random_slice(dice, CODEC_BYTES, false)};
    }
}

static void random_field(struct dice *dice, const struct codec_field *field, uint8_t *value)
{
    uint8_t *at = value + field->offset;
    enum codec_kind kind = (enum codec_kind)field->kind;
    bool missing = !codec_versions_has(field->versions, dice->version);
    bool left_out = codec_versions_has(field->tagged, dice->version) &&
                    random_chance(dice->random, 1, 2);
    if (missing || left_out) {
        codec_field_set_default(field, value);
    } else if (codec_is_slice(kind)) {
        codec_slice_set(
            at, random_slice(dice, kind, codec_may_be_null(field, dice->version, dice->form)));
    } else if (kind == CODEC_STRUCT) {
        random_struct(dice, field, value);
    } else if (kind == CODEC_ARRAY) {
        random_array(dice, field, at);
    } else {
        random_fixed(dice, kind, at);
    }
}

static void random_record(struct dice *dice, const struct codec_message *message, uint8_t *value)
{
    for (size_t i = 0; i < message->field_count; i++) {
        random_field(dice, &message->fields[i], value);
    }
    if (message->unknown_offset != UINT32_MAX) {
        uint8_t *at = value + message->unknown_offset;
        codec_array_set(at, NULL, 0);
        if (dice->form == CODEC_FORM_COMPACT) {
            random_unknown(dice, message, at);
        }
    }
}

void codec_random(const struct codec_message *message,
                  int version,
                  struct random *random,
                  struct arena *arena,
                  void *value)
{
    ASSERT(version >= message->min_version && version <= message->max_version);
    struct dice dice = {random, arena, version, codec_form_of(message, version)};
    memset(value, 0, message->size);
    random_record(&dice, message, value);
}
