/* admin_json.c - see admin_json.h. An object has a line for each member, indented by two blanks; an
 * array stands in one line with its elements' braces; ` : ` is between a name and its value. */
#include "zookeeper/admin/admin_json.h"

#include <stdlib.h>

#include "runtime/metrics.h"

#define DEPTH_MAX 16 /* of our own commands, whose answers are three deep */

static void put_value(struct buffer *out, json_t *value, unsigned depth);

/* Texts, whole numbers, true, false, null: as every JSON writer writes them. */
static void put_plain(struct buffer *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    ASSERT(text != NULL);
    buffer_append_cstr(out, text);
    free(text);
}

static void put_line_begin(struct buffer *out, unsigned depth)
{
    buffer_append_u8(out, '\n');
    for (unsigned i = 0; i < depth; i++) {
        buffer_append_cstr(out, "  ");
    }
}

static void put_object(struct buffer *out, json_t *object, unsigned depth)
{
    const char *name;
    json_t *value;
    bool is_first = true;
    buffer_append_u8(out, '{');
    json_object_foreach(object, name, value)
    {
        json_t *key = json_string(name);
        buffer_append_cstr(out, is_first ? "" : ",");
        put_line_begin(out, depth + 1);
        put_plain(out, key);
        json_decref(key);
        buffer_append_cstr(out, " : ");
        put_value(out, value, depth + 1);
        is_first = false;
    }
    if (is_first) {
        buffer_append_u8(out, ' ');
    } else {
        put_line_begin(out, depth);
    }
    buffer_append_u8(out, '}');
}

static void put_array(struct buffer *out, json_t *array, unsigned depth)
{
    buffer_append_cstr(out, "[ ");
    for (size_t i = 0; i < json_array_size(array); i++) {
        buffer_append_cstr(out, i == 0 ? "" : ", ");
        put_value(out, json_array_get(array, i), depth);
    }
    buffer_append_cstr(out, json_array_size(array) == 0 ? "]" : " ]");
}

static void put_value(struct buffer *out, json_t *value, unsigned depth)
{
    ASSERT(depth < DEPTH_MAX);
    if (json_is_object(value)) {
        put_object(out, value, depth);
    } else if (json_is_array(value)) {
        put_array(out, value, depth);
    } else if (json_is_real(value)) {
        metric_append_real(out, json_real_value(value));
    } else {
        put_plain(out, value);
    }
}

void admin_json_print(struct buffer *out, json_t *value)
{
    put_value(out, value, 0);
}
