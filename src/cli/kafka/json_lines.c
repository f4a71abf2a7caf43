/* json_lines.c - see json_lines.h. */
#include "cli/kafka/json_lines.h"

#include <stdio.h>
#include <string.h>

#include "cli/kafka/kafka_record_json.h"
#include "cli/kafka/rdkafka_client.h"

/* A key and a value of which every byte is written as \u00xx, and the rest. */
#define ESCAPED_BYTES 6
#define LINE_BYTES_MAX (2 * ESCAPED_BYTES * JSON_TEXT_BYTES_MAX + ((size_t)64 << 20))
#define KEPT_BYTES ((size_t)1 << 20)

void json_line_init(struct json_line *line)
{
    buffer_init(&line->text, LINE_BYTES_MAX);
    line->is_first = true;
}

void json_line_release(struct json_line *line)
{
    buffer_release(&line->text);
}

static void put_name(struct json_line *line, const char *name)
{
    buffer_append_cstr(&line->text, line->is_first ? "\"" : ",\"");
    buffer_append_cstr(&line->text, name);
    buffer_append_cstr(&line->text, "\":");
    line->is_first = false;
}

void json_line_begin(struct json_line *line, const char *name)
{
    buffer_clear(&line->text, KEPT_BYTES);
    buffer_append_cstr(&line->text, "{");
    line->is_first = true;
    json_line_number(line, "timestamp", tool_wall_ms());
    json_line_text(line, "name", slice_of_cstr(name));
}

void json_line_number(struct json_line *line, const char *name, int64_t value)
{
    put_name(line, name);
    buffer_append_decimal(&line->text, value);
}

void json_line_bool(struct json_line *line, const char *name, bool value)
{
    put_name(line, name);
    buffer_append_cstr(&line->text, value ? "true" : "false");
}

void json_line_double(struct json_line *line, const char *name, double value)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.17g", value);
    put_name(line, name);
    buffer_append_cstr(&line->text, text);
    buffer_append_cstr(&line->text, strpbrk(text, ".en") == NULL ? ".0" : "");
}

void json_line_text(struct json_line *line, const char *name, struct slice text)
{
    put_name(line, name);
    if (slice_is_null(text)) {
        buffer_append_cstr(&line->text, "null");
    } else {
        kafka_json_string(&line->text, slice_part(text, 0, MIN(text.len, JSON_TEXT_BYTES_MAX)));
    }
}

void json_line_open_list(struct json_line *line, const char *name)
{
    put_name(line, name);
    buffer_append_cstr(&line->text, "[");
    line->is_first = true;
}

void json_line_open_object(struct json_line *line)
{
    buffer_append_cstr(&line->text, line->is_first ? "{" : ",{");
    line->is_first = true;
}

void json_line_close_object(struct json_line *line)
{
    buffer_append_cstr(&line->text, "}");
    line->is_first = false;
}

void json_line_close_list(struct json_line *line)
{
    buffer_append_cstr(&line->text, "]");
    line->is_first = false;
}

void json_line_end(struct json_line *line)
{
    buffer_append_cstr(&line->text, "}\n");
    (void)fwrite(line->text.data, 1, line->text.len, stdout);
    (void)fflush(stdout);
}
