#include "support_codec.h"

#include "base/memory.h"

#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM ((size_t)1 << 22)

struct check {
    const struct codec_message *message;
    int version;
    struct arena arena;
    struct arena copies;
    struct buffer first;
    struct buffer second;
};

static const struct codec_limits wide = {ROOM, ROOM};

static void *new_value(struct check *check)
{
    return arena_alloc_zeroed(&check->arena, codec_struct_size(check->message));
}

static void check_json(struct check *check, const void *value)
{
    struct buffer text;
    buffer_init(&text, ROOM);
    codec_print(check->message, check->version, value, &text);
    json_error_t error;
    json_t *json = json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        fprintf(stderr, "%s: %.*s\n", error.text, (int)text.len, (const char *)text.data);
    }
    assert_non_null(json);
    assert_null(json_object_get(json, "too_long"));
    json_decref(json);
    buffer_release(&text);
}

/* No prefix may decode: the bytes that are missing would be made up. */
static void check_prefixes(struct check *check, void *scratch)
{
    for (size_t len = 0; len < check->first.len; len++) {
        /* A copy of exactly this size lets the address sanitizer see a read beyond the end. */
        uint8_t *exact = mem_alloc(len);
        if (len > 0) {
            memcpy(exact, check->first.data, len);
        }
        struct slice in = slice_of(exact, len);
        int err = codec_decode(check->message, check->version, &in, &wide, &check->copies, scratch);
        assert_true(err < 0);
        assert_int_equal(in.len, len);
        mem_free(exact, len);
        arena_clear(&check->copies);
    }
}

static void check_copy(struct check *check, const void *value)
{
    void *copy = arena_alloc_zeroed(&check->copies, codec_struct_size(check->message));
    codec_copy(check->message, value, &check->copies, copy);
    assert_true(codec_equal(check->message, check->version, value, copy));
    /* All that the decoded value borrows from is destroyed: the copy must not mind. */
    memset(check->second.data, 0xa5, check->second.len);
    size_t len = check->first.len;
    assert_int_equal(codec_encode(check->message, check->version, copy, &check->first), 0);
    assert_int_equal(check->first.len, 2 * len);
    assert_memory_equal(check->first.data, check->first.data + len, len);
    check->first.len = len;
    arena_clear(&check->copies);
}

static void check_one(struct check *check,
                      struct random *random,
                      const void *previous,
                      struct slice previous_bytes)
{
    const struct codec_message *message = check->message;
    int version = check->version;
    void *value = new_value(check);
    codec_random(message, version, random, &check->arena, value);
    assert_true(codec_equal(message, version, value, value));
    assert_int_equal(codec_encode(message, version, value, &check->first), 0);
    assert_int_equal(codec_size(message, version, value), check->first.len);

    void *decoded = new_value(check);
    memset(decoded, 0x5a, codec_struct_size(message));
    buffer_append(&check->second, buffer_slice(&check->first));
    buffer_append_cstr(&check->second, "tail");
    struct slice in = buffer_slice(&check->second);
    assert_int_equal(codec_decode(message, version, &in, &wide, &check->arena, decoded), 0);
    assert_true(slice_equal(in, SLICE_LIT("tail")));
    assert_true(codec_equal(message, version, value, decoded));
    if (previous != NULL) {
        bool same = slice_equal(previous_bytes, buffer_slice(&check->first));
        assert_int_equal(codec_equal(message, version, previous, value), same);
    }
    check_json(check, decoded);
    check_copy(check, decoded);
    check_prefixes(check, decoded);
}

void check_random_messages(const struct codec_message *message, int rounds)
{
    for (int version = codec_min_version(message); version <= codec_max_version(message);
         version++) {
        struct check check = {.message = message, .version = version};
        struct random random;
        random_init(&random, (uint64_t)version * 1000003 + 17);
        arena_init(&check.arena, 4096, ROOM);
        arena_init(&check.copies, 4096, ROOM);
        buffer_init(&check.first, ROOM);
        buffer_init(&check.second, ROOM);
        struct arena kept;
        arena_init(&kept, 4096, ROOM);
        void *previous = NULL;
        struct slice previous_bytes = SLICE_NULL;
        for (int round = 0; round < rounds; round++) {
            check_one(&check, &random, previous, previous_bytes);
            /* Keep this value for the next round's comparison. */
            arena_clear(&kept);
            struct slice in = arena_copy(&kept, buffer_slice(&check.first));
            previous_bytes = in;
            previous = arena_alloc_zeroed(&kept, codec_struct_size(message));
            assert_int_equal(codec_decode(message, version, &in, &wide, &kept, previous), 0);
            arena_clear(&check.arena);
            buffer_clear(&check.first, SIZE_MAX);
            buffer_clear(&check.second, SIZE_MAX);
        }
        arena_release(&kept);
        arena_release(&check.arena);
        arena_release(&check.copies);
        buffer_release(&check.first);
        buffer_release(&check.second);
    }
}

void check_same_bytes(const struct codec_message *message,
                      int version,
                      struct slice *in,
                      void *value)
{
    struct arena arena;
    arena_init(&arena, 4096, ROOM);
    struct buffer encoded;
    buffer_init(&encoded, ROOM);
    void *decoded = arena_alloc_zeroed(&arena, codec_struct_size(message));
    struct slice start = *in;
    assert_int_equal(codec_decode(message, version, in, &wide, &arena, decoded), 0);
    assert_int_equal(codec_encode(message, version, decoded, &encoded), 0);
    assert_true(slice_equal(buffer_slice(&encoded), slice_part(start, 0, start.len - in->len)));
    if (value != NULL) {
        memcpy(value, decoded, codec_struct_size(message));
    }
    buffer_release(&encoded);
    arena_release(&arena);
}

size_t bytes_of_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t len = 0;
    for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2) {
        const char pair[3] = {hex[0], hex[1], '\0'};
        assert_true(len < room);
        bytes[len++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len;
}

static const struct codec_message *message_named(const struct codec_message *const *messages,
                                                 size_t count,
                                                 const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(codec_name(messages[i]), name) == 0) {
            return messages[i];
        }
    }
    fail_msg("no message is called %s", name);
    return NULL;
}

size_t check_vector_file(const char *path,
                         const struct codec_message *const *messages,
                         size_t count)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s cannot be read", path);
        return 0;
    }
    static char line[16384];
    static uint8_t bytes[8192];
    size_t lines = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char name[64];
        int version = 0;
        int hex_at = 0;
        assert_int_equal(sscanf(line, "%63s %d %n", name, &version, &hex_at), 2);
        struct slice in = slice_of(bytes, bytes_of_hex(line + hex_at, bytes, sizeof bytes));
        check_same_bytes(message_named(messages, count, name), version, &in, NULL);
        assert_int_equal(in.len, 0);
        lines++;
    }
    assert_int_equal(fclose(file), 0);
    return lines;
}
