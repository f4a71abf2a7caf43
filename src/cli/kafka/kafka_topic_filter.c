/* kafka_topic_filter.c - see kafka_topic_filter.h. */
#include "cli/kafka/kafka_topic_filter.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/text.h"

#define TOPIC_NAME_MAX 249

static bool is_quote(uint8_t c)
{
    return c == '"' || c == '\'';
}

/* One escape of Java's: returns how many bytes of `text` it took. */
static size_t put_escape(struct buffer *out, struct slice text, bool is_in_class)
{
    if (text.len < 2) {
        buffer_append_cstr(out, "\\");
        return text.len;
    }
    switch (text.ptr[1]) {
    case 'd':
        buffer_append_cstr(out, is_in_class ? "0-9" : "[0-9]");
        break;
    case 'D':
        buffer_append_cstr(out, is_in_class ? "" : "[^0-9]");
        break;
    case 'w':
        buffer_append_cstr(out, is_in_class ? "A-Za-z0-9_" : "[A-Za-z0-9_]");
        break;
    default:
        if (!is_in_class) {
            buffer_append_u8(out, '\\');
        }
        buffer_append_u8(out, text.ptr[1]);
        break;
    }
    return 2;
}

static void translate(struct buffer *out, struct slice text)
{
    bool is_in_class = false;
    buffer_append_cstr(out, "^(");
    for (size_t i = 0; i < text.len;) {
        struct slice rest = slice_part(text, i, text.len);
        uint8_t c = text.ptr[i];
        uint8_t before = i > 0 ? text.ptr[i - 1] : 0;
        bool is_lazy = c == '?' && !is_in_class &&
                       (before == '*' || before == '+' || before == '?' || before == '}');
        if (c == '\\') {
            i += put_escape(out, rest, is_in_class);
            continue;
        }
        is_in_class = c == '[' || (is_in_class && c != ']');
        i += 1;
        if (c == ' ' || is_lazy) {
            continue; /* a match of the whole is the same, lazy or not */
        }
        buffer_append_u8(out, c == ',' ? '|' : c);
        if (slice_starts_with(rest, SLICE_LIT("(?:"))) {
            i += 2;
        }
    }
    buffer_append_cstr(out, ")$");
    buffer_append_u8(out, '\0');
}

int kafka_topic_filter_init(struct kafka_topic_filter *filter,
                            struct slice pattern,
                            bool excludes_internal,
                            struct errmsg *message)
{
    struct buffer text;
    *filter = (struct kafka_topic_filter){.excludes_internal = excludes_internal};
    if (slice_is_null(pattern)) {
        return 0;
    }
    pattern = text_trim(pattern);
    while (pattern.len > 0 && is_quote(pattern.ptr[0])) {
        pattern = slice_part(pattern, 1, pattern.len);
    }
    while (pattern.len > 0 && is_quote(pattern.ptr[pattern.len - 1])) {
        pattern = slice_part(pattern, 0, pattern.len - 1);
    }
    if (pattern.len > KAFKA_TOPIC_FILTER_BYTES_MAX) {
        return errmsg_set(message, ERR_INVALID, "the regular expression is longer than %d bytes",
                          KAFKA_TOPIC_FILTER_BYTES_MAX);
    }
    buffer_init(&text, pattern.len * 16 + 16);
    translate(&text, pattern);
    int error = regcomp(&filter->pattern, (const char *)text.data, REG_EXTENDED | REG_NOSUB);
    buffer_release(&text);
    if (error != 0) {
        return errmsg_set(message, ERR_INVALID, "%.*s is an invalid regex.", (int)pattern.len,
                          (const char *)pattern.ptr);
    }
    filter->has_pattern = true;
    return 0;
}

void kafka_topic_filter_release(struct kafka_topic_filter *filter)
{
    if (filter->has_pattern) {
        regfree(&filter->pattern);
        filter->has_pattern = false;
    }
}

bool kafka_topic_is_internal(struct slice topic)
{
    return slice_equal_cstr(topic, "__consumer_offsets") ||
           slice_equal_cstr(topic, "__transaction_state") ||
           slice_equal_cstr(topic, "__share_group_state");
}

bool kafka_topic_filter_passes(const struct kafka_topic_filter *filter, struct slice topic)
{
    char text[TOPIC_NAME_MAX + 1];
    if (filter->excludes_internal && kafka_topic_is_internal(topic)) {
        return false;
    }
    if (!filter->has_pattern) {
        return true;
    }
    if (topic.len >= sizeof text) {
        return false;
    }
    memcpy(text, topic.ptr, topic.len);
    text[topic.len] = '\0';
    return regexec(&filter->pattern, text, 0, NULL, 0) == 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct slice *left = a;
    const struct slice *right = b;
    return slice_compare(*left, *right);
}

void kafka_sort_names(struct slice *names, size_t count)
{
    if (count > 1) {
        qsort(names, count, sizeof names[0], compare_names);
    }
}
