/* quota.c - reading and writing the text of quota nodes exactly as StatsTrack does.
 *
 * The text is pairs between commas and semicolons; a pair is split at '=' and only its first two
 * parts count, so that "bytes=-1=" (an '=' that keeps servers before 3.7 from reading on) is bytes
 * and -1. What Java's split drops at the end of a text (empty parts) is dropped here too.
 */
#include "zookeeper/core/quota.h"

#include "base/text.h"

/* Long.parseLong: decimal with an optional sign. */
static int parse_value(struct slice text, int64_t *value)
{
    if (text.len == 0) {
        *value = -1;
        return ERR_OK;
    }
    return text_parse_i64(text, value) == ERR_OK ? ERR_OK : ERR_INVALID;
}

static struct quota_pair *find_pair(struct quota_values *values, struct slice key)
{
    for (size_t i = 0; i < values->count; i++) {
        if (slice_equal(values->pairs[i].key, key)) {
            return &values->pairs[i];
        }
    }
    return NULL;
}

static int put_pair(struct quota_values *values, struct slice key, int64_t value)
{
    struct quota_pair *pair = find_pair(values, key);
    if (pair == NULL) {
        if (values->count == QUOTA_KEYS_MAX) {
            return ERR_LIMIT;
        }
        pair = &values->pairs[values->count];
        values->count += 1;
    }
    *pair = (struct quota_pair){key, value};
    return ERR_OK;
}

/* "key=value", "key=value=anything". "key=" alone has no second part for Java unless something
 * follows. */
static int parse_pair(struct slice text, struct quota_values *values)
{
    struct slice key;
    struct slice rest;
    struct slice value;
    struct slice more;
    int64_t number = 0;
    while (text.len > 0 && text.ptr[text.len - 1] == '=') {
        text.len -= 1;
    }
    if (!text_cut(text, '=', &key, &rest)) {
        return ERR_INVALID;
    }
    text_cut(rest, '=', &value, &more);
    int error = parse_value(value, &number);
    return error == ERR_OK ? put_pair(values, key, number) : error;
}

static bool is_separator(uint8_t c)
{
    return c == ',' || c == ';';
}

int quota_parse(struct slice text, struct quota_values *values)
{
    values->count = 0;
    if (slice_is_null(text)) {
        return ERR_INVALID;
    }
    size_t end = text.len;
    while (end > 0 && is_separator(text.ptr[end - 1])) {
        end -= 1;
    }
    for (size_t at = 0; at < end;) {
        size_t from = at;
        while (at < end && !is_separator(text.ptr[at])) {
            at += 1;
        }
        int error = parse_pair(slice_part(text, from, at), values);
        if (error != ERR_OK) {
            return error;
        }
        while (at < end && is_separator(text.ptr[at])) {
            at += 1;
        }
    }
    return ERR_OK;
}

int64_t quota_get(const struct quota_values *values, const char *key)
{
    for (size_t i = 0; i < values->count; i++) {
        if (slice_equal_cstr(values->pairs[i].key, key)) {
            return values->pairs[i].value;
        }
    }
    return -1;
}

int quota_set(struct quota_values *values, const char *key, int64_t value)
{
    return put_pair(values, slice_of_cstr(key), value);
}

static bool is_leading_key(struct slice key)
{
    return slice_equal_cstr(key, QUOTA_COUNT) || slice_equal_cstr(key, QUOTA_BYTES);
}

static void sort_pairs(struct quota_values *values)
{
    for (size_t i = 1; i < values->count; i++) {
        struct quota_pair pair = values->pairs[i];
        size_t at = i;
        for (; at > 0 && slice_compare(pair.key, values->pairs[at - 1].key) < 0; at--) {
            values->pairs[at] = values->pairs[at - 1];
        }
        values->pairs[at] = pair;
    }
}

void quota_print(struct quota_values *values, struct buffer *out)
{
    bool is_first = true;
    buffer_append_cstr(out, QUOTA_COUNT "=");
    buffer_append_decimal(out, quota_get(values, QUOTA_COUNT));
    buffer_append_cstr(out, "," QUOTA_BYTES "=");
    buffer_append_decimal(out, quota_get(values, QUOTA_BYTES));
    sort_pairs(values);
    for (size_t i = 0; i < values->count; i++) {
        if (is_leading_key(values->pairs[i].key)) {
            continue;
        }
        buffer_append_cstr(out, is_first ? "=;" : ";");
        buffer_append(out, values->pairs[i].key);
        buffer_append_cstr(out, "=");
        buffer_append_decimal(out, values->pairs[i].value);
        is_first = false;
    }
}

void quota_node_path(struct slice path, const char *name, struct buffer *out)
{
    buffer_append_cstr(out, QUOTA_ROOT);
    buffer_append(out, path);
    buffer_append_u8(out, '/');
    buffer_append_cstr(out, name);
}
