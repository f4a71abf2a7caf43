/* client_properties.c - see client_properties.h. */
#include "cli/kafka/client_properties.h"

#include <errno.h>
#include <stdio.h>

#include "base/java_properties.h"
#include "base/memory.h"
#include "base/text.h"

#define ARENA_CHUNK ((size_t)16 * 1024)
#define ARENA_LIMIT (8 * JAVA_PROPERTIES_BYTES_MAX)

void client_properties_init(struct client_properties *properties)
{
    arena_init(&properties->arena, ARENA_CHUNK, ARENA_LIMIT);
    properties->count = 0;
}

void client_properties_release(struct client_properties *properties)
{
    arena_release(&properties->arena);
    properties->count = 0;
}

static const char *copy_text(struct client_properties *properties, struct slice text)
{
    if (arena_room(&properties->arena) < text.len + 64) {
        return "";
    }
    char *copy = arena_alloc_zeroed(&properties->arena, text.len + 1);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return copy;
}

static struct client_property *find(struct client_properties *properties, struct slice key)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (slice_equal_cstr(key, properties->items[i].key)) {
            return &properties->items[i];
        }
    }
    return NULL;
}

static void set(struct client_properties *properties, struct slice key, struct slice value)
{
    struct client_property *item = find(properties, key);
    if (item == NULL) {
        if (properties->count == CLIENT_PROPERTIES_MAX) {
            return;
        }
        item = &properties->items[properties->count++];
        item->key = copy_text(properties, key);
    }
    item->value = copy_text(properties, value);
}

void client_properties_set(struct client_properties *properties,
                           const char *key,
                           struct slice value)
{
    set(properties, slice_of_cstr(key), value);
}

void client_properties_set_text(struct client_properties *properties,
                                const char *key,
                                const char *text)
{
    set(properties, slice_of_cstr(key), slice_of_cstr(text));
}

const char *client_properties_get(const struct client_properties *properties, const char *key)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].key, key) == 0) {
            return properties->items[i].value;
        }
    }
    return NULL;
}

void client_properties_remove(struct client_properties *properties, const char *key)
{
    struct client_property *item = find(properties, slice_of_cstr(key));
    if (item != NULL) {
        size_t at = (size_t)(item - properties->items);
        properties->count -= 1;
        memmove(item, item + 1, (properties->count - at) * sizeof *item);
    }
}

bool client_properties_is_true(const struct client_properties *properties, const char *key)
{
    const char *value = client_properties_get(properties, key);
    return value != NULL &&
           text_equal_ignoring_case(text_trim(slice_of_cstr(value)), SLICE_LIT("true"));
}

static int take(void *ctx, const struct java_property *property)
{
    set(ctx, property->key, property->value);
    return 0;
}

int client_properties_load(struct client_properties *properties,
                           const char *path,
                           struct errmsg *message)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return errmsg_set(message, ERR_NOT_FOUND, "%s (%s)", path, strerror(errno));
    }
    char *text = mem_alloc(JAVA_PROPERTIES_BYTES_MAX + 1);
    size_t len = fread(text, 1, JAVA_PROPERTIES_BYTES_MAX + 1, file);
    bool is_cut = len > JAVA_PROPERTIES_BYTES_MAX;
    (void)fclose(file);
    struct arena arena;
    arena_init(&arena, ARENA_CHUNK, ARENA_LIMIT);
    int bad_line = 0;
    int err = is_cut
                  ? ERR_LIMIT
                  : java_properties_parse(slice_of(text, len), &arena, take, properties, &bad_line);
    if (err == ERR_INVALID) {
        err = errmsg_set(message, err, "%s, line %d: malformed \\uxxxx encoding", path, bad_line);
    } else if (err != 0) {
        err = errmsg_set(message, err, "%s: larger than %zu bytes", path,
                         JAVA_PROPERTIES_BYTES_MAX);
    }
    arena_release(&arena);
    mem_free(text, JAVA_PROPERTIES_BYTES_MAX + 1);
    return err;
}

void client_properties_add_pairs(struct client_properties *properties,
                                 const struct kafka_options *options,
                                 const char *option)
{
    for (size_t i = 0; i < kafka_options_count(options, option); i++) {
        struct slice key;
        struct slice value;
        (void)text_cut(kafka_options_nth(options, option, i), '=', &key, &value);
        set(properties, key, value);
    }
}

void client_properties_merge(struct client_properties *properties,
                             const char *key,
                             const struct kafka_options *options,
                             const char *option)
{
    if (!kafka_options_has(options, option) && client_properties_get(properties, key) != NULL) {
        return;
    }
    struct slice value = kafka_options_value(options, option);
    if (slice_is_null(value)) {
        client_properties_remove(properties, key);
    } else {
        client_properties_set(properties, key, value);
    }
}

void client_properties_default(struct client_properties *properties,
                               const char *key,
                               const char *text)
{
    if (client_properties_get(properties, key) == NULL) {
        client_properties_set_text(properties, key, text);
    }
}
