/* line_reader.c - see line_reader.h. */
#include "cli/kafka/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 * 1024)

static struct slice text_of(const struct client_properties *properties,
                            const char *key,
                            const char *otherwise)
{
    const char *value = client_properties_get(properties, key);
    return value == NULL ? (otherwise == NULL ? SLICE_NULL : slice_of_cstr(otherwise))
                         : slice_of_cstr(value);
}

int line_reader_init(struct line_reader *reader,
                     const struct client_properties *properties,
                     struct errmsg *message)
{
    *reader = (struct line_reader){
        .parses_key = client_properties_is_true(properties, "parse.key"),
        .parses_headers = client_properties_is_true(properties, "parse.headers"),
        .ignores_errors = client_properties_is_true(properties, "ignore.error"),
        .key_separator = text_of(properties, "key.separator", "\t"),
        .headers_delimiter = text_of(properties, "headers.delimiter", "\t"),
        .headers_separator = text_of(properties, "headers.separator", ","),
        .headers_key_separator = text_of(properties, "headers.key.separator", ":"),
        .null_marker = text_of(properties, "null.marker", NULL),
    };
    buffer_init(&reader->input, LINE_BYTES_MAX);
    const struct {
        struct slice a;
        struct slice b;
        const char *words;
    } pairs[] = {
        {reader->headers_delimiter, reader->headers_separator,
         "headers.delimiter and headers.separator"},
        {reader->headers_delimiter, reader->headers_key_separator,
         "headers.delimiter and headers.key.separator"},
        {reader->headers_separator, reader->headers_key_separator,
         "headers.separator and headers.key.separator"},
        {reader->null_marker, reader->key_separator, "null.marker and key.separator"},
        {reader->null_marker, reader->headers_separator, "null.marker and headers.separator"},
        {reader->null_marker, reader->headers_delimiter, "null.marker and headers.delimiter"},
        {reader->null_marker, reader->headers_key_separator,
         "null.marker and headers.key.separator"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!slice_is_null(pairs[i].a) && slice_equal(pairs[i].a, pairs[i].b)) {
            return errmsg_set(message, ERR_CONFIG, "%s may not be equal", pairs[i].words);
        }
    }
    return ERR_OK;
}

void line_reader_release(struct line_reader *reader)
{
    buffer_release(&reader->input);
}

/* ---- lines ------------------------------------------------------------------------------------
 */

int line_reader_next(struct line_reader *reader, struct slice *line)
{
    struct buffer *input = &reader->input;
    if (reader->skips_newline && reader->taken < input->len) {
        reader->taken += input->data[reader->taken] == '\n' ? 1 : 0;
        reader->skips_newline = false;
    }
    struct slice rest = slice_part(buffer_slice(input), reader->taken, input->len);
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == '\n' || rest.ptr[i] == '\r') {
            *line = slice_part(rest, 0, i);
            reader->taken += i + 1;
            reader->skips_newline = rest.ptr[i] == '\r';
            reader->line_number += 1;
            return ERR_OK;
        }
    }
    if (!reader->is_at_end) {
        return ERR_BUSY;
    }
    if (rest.len == 0) {
        return ERR_END;
    }
    *line = rest;
    reader->taken = input->len;
    reader->line_number += 1;
    return ERR_OK;
}

int line_reader_feed(struct line_reader *reader, int descriptor, int timeout_ms)
{
    struct pollfd ready = {.fd = descriptor, .events = POLLIN};
    if (poll(&ready, 1, timeout_ms) <= 0) {
        return ERR_OK;
    }
    buffer_consume(&reader->input, reader->taken);
    reader->taken = 0;
    if (buffer_room(&reader->input) < READ_BYTES) {
        return ERR_LIMIT;
    }
    ssize_t got = read(descriptor, buffer_reserve(&reader->input, READ_BYTES), READ_BYTES);
    if (got > 0) {
        reader->input.len += (size_t)got;
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        reader->is_at_end = true;
    }
    return ERR_OK;
}

/* ---- records ----------------------------------------------------------------------------------
 */

/* Where `what` begins in `in`, or SIZE_MAX. */
static size_t index_of(struct slice in, struct slice what)
{
    if (what.len == 0) {
        return 0;
    }
    const uint8_t *at = in.len == 0 ? NULL : memmem(in.ptr, in.len, what.ptr, what.len);
    return at == NULL ? SIZE_MAX : (size_t)(at - in.ptr);
}

/* Cuts *rest at the separator; *part is null when it is not there and errors are ignored. */
static int cut(const struct line_reader *reader,
               struct slice separator,
               const char *what,
               struct slice *rest,
               struct slice *part,
               struct errmsg *message)
{
    size_t at = index_of(*rest, separator);
    *part = SLICE_NULL;
    if (at == SIZE_MAX) {
        return reader->ignores_errors
                   ? ERR_OK
                   : errmsg_set(message, ERR_INVALID, "No %s found on line number %lld: '%.*s'",
                                what, (long long)reader->line_number,
                                (int)MIN(reader->line.len, (size_t)800),
                                (const char *)reader->line.ptr);
    }
    *part = slice_part(*rest, 0, at);
    *rest = slice_part(*rest, at + separator.len, rest->len);
    return ERR_OK;
}

static bool is_marker(const struct line_reader *reader, struct slice text)
{
    return !slice_is_null(reader->null_marker) && slice_equal(reader->null_marker, text);
}

static int parse_header(const struct line_reader *reader,
                        struct slice pair,
                        struct line_header *header,
                        struct errmsg *message)
{
    size_t at = index_of(pair, reader->headers_key_separator);
    if (at == SIZE_MAX) {
        *header = (struct line_header){pair, SLICE_NULL};
        return reader->ignores_errors
                   ? ERR_OK
                   : errmsg_set(message, ERR_INVALID,
                                "No header key separator found in pair '%.*s' on line number %lld",
                                (int)MIN(pair.len, (size_t)800), (const char *)pair.ptr,
                                (long long)reader->line_number);
    }
    header->key = slice_part(pair, 0, at);
    header->value = slice_part(pair, at + reader->headers_key_separator.len, pair.len);
    if (is_marker(reader, header->key)) {
        return errmsg_set(
            message, ERR_INVALID,
            "Header keys should not be equal to the null marker '%.*s' as they can't be "
            "null",
            (int)reader->null_marker.len, (const char *)reader->null_marker.ptr);
    }
    if (is_marker(reader, header->value)) {
        header->value = SLICE_NULL;
    }
    return ERR_OK;
}

/* As Pattern.split: what is empty at the end is dropped. */
static int parse_headers(const struct line_reader *reader,
                         struct slice text,
                         struct line_record *record,
                         struct errmsg *message)
{
    struct slice separator = reader->headers_separator;
    while (text.len > 0 && separator.len > 0 && text.len >= separator.len &&
           memcmp(text.ptr + text.len - separator.len, separator.ptr, separator.len) == 0) {
        text = slice_part(text, 0, text.len - separator.len);
    }
    bool is_more = true;
    int err = ERR_OK;
    while (is_more && err == 0) {
        size_t at = separator.len == 0 ? SIZE_MAX : index_of(text, separator);
        struct slice pair = at == SIZE_MAX ? text : slice_part(text, 0, at);
        is_more = at != SIZE_MAX;
        text = is_more ? slice_part(text, at + separator.len, text.len) : text;
        if (record->header_count == LINE_HEADERS_MAX) {
            return errmsg_set(message, ERR_LIMIT, "line number %lld has more than %d headers",
                              (long long)reader->line_number, LINE_HEADERS_MAX);
        }
        err = parse_header(reader, pair, &record->headers[record->header_count++], message);
    }
    return err;
}

int line_reader_parse(struct line_reader *reader,
                      struct slice line,
                      struct line_record *record,
                      struct errmsg *message)
{
    struct slice rest = line;
    struct slice headers = SLICE_NULL;
    reader->line = line;
    record->key = SLICE_NULL;
    record->header_count = 0;
    int err = ERR_OK;
    if (reader->parses_headers) {
        err = cut(reader, reader->headers_delimiter, "headers delimiter", &rest, &headers, message);
    }
    if (err == 0 && reader->parses_key) {
        err = cut(reader, reader->key_separator, "key separator", &rest, &record->key, message);
    }
    if (err != 0) {
        return err;
    }
    record->key = is_marker(reader, record->key) ? SLICE_NULL : record->key;
    record->value = is_marker(reader, rest) ? SLICE_NULL : rest;
    if (!slice_is_null(headers) && !is_marker(reader, headers)) {
        err = parse_headers(reader, headers, record, message);
    }
    return err;
}
