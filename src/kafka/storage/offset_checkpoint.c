/* offset_checkpoint.c - see offset_checkpoint.h. */
#include "kafka/storage/offset_checkpoint.h"

#include <inttypes.h>

#include "base/text.h"

#define VERSION 0
#define SHOWN_BYTES 100 /* of a line that is complained about */

/* Takes the next line off *text, without its end. False when there is none left. */
static bool next_line(struct slice *text, struct slice *line)
{
    if (text->len == 0) {
        return false;
    }
    text_cut(*text, '\n', line, text);
    if (line->len > 0 && line->ptr[line->len - 1] == '\r') {
        line->len -= 1;
    }
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool next_word(struct slice *line, struct slice *word)
{
    size_t from = 0;
    while (from < line->len && is_blank(line->ptr[from])) {
        from += 1;
    }
    size_t to = from;
    while (to < line->len && !is_blank(line->ptr[to])) {
        to += 1;
    }
    *word = slice_part(*line, from, to);
    *line = slice_part(*line, to, line->len);
    return word->len > 0;
}

static int malformed(struct errmsg *message, const char *where, struct slice line)
{
    return errmsg_set(message, ERR_CORRUPT, "Malformed line in checkpoint file [%s]: %.*s", where,
                      (int)MIN(line.len, (size_t)SHOWN_BYTES), (const char *)line.ptr);
}

static bool parse_entry(struct slice line, struct offset_checkpoint_entry *entry)
{
    struct slice partition;
    struct slice offset;
    struct slice more;
    return next_word(&line, &entry->topic) && next_word(&line, &partition) &&
           next_word(&line, &offset) && !next_word(&line, &more) &&
           text_parse_i32(partition, &entry->partition) == 0 && entry->partition >= 0 &&
           text_parse_i64(offset, &entry->offset) == 0;
}

int offset_checkpoint_parse(struct slice text,
                            const char *where,
                            void (*each)(void *ctx, const struct offset_checkpoint_entry *entry),
                            void *ctx,
                            struct errmsg *message)
{
    struct slice line;
    int32_t version;
    int32_t expected;
    int64_t found = 0;
    if (!next_line(&text, &line)) {
        return 0; /* created, and never written */
    }
    if (text_parse_i32(line, &version) != 0) {
        return malformed(message, where, line);
    }
    if (version != VERSION) {
        return errmsg_set(message, ERR_CORRUPT,
                          "Unrecognised version:%d, expected version: %d in checkpoint file at: %s",
                          version, VERSION, where);
    }
    if (!next_line(&text, &line)) {
        return 0;
    }
    if (text_parse_i32(line, &expected) != 0) {
        return malformed(message, where, line);
    }
    while (next_line(&text, &line)) {
        struct offset_checkpoint_entry entry;
        if (!parse_entry(line, &entry)) {
            return malformed(message, where, line);
        }
        each(ctx, &entry);
        found += 1;
    }
    if (found != expected) {
        return errmsg_set(message, ERR_CORRUPT,
                          "Expected [%d] entries in checkpoint file [%s], but found only [%" PRId64
                          "]",
                          expected, where, found);
    }
    return 0;
}

void offset_checkpoint_begin(struct offset_checkpoint_writer *writer)
{
    writer->count = 0;
    buffer_init(&writer->lines, OFFSET_CHECKPOINT_BYTES_MAX);
}

void offset_checkpoint_add(struct offset_checkpoint_writer *writer,
                           struct slice topic,
                           int32_t partition,
                           int64_t offset)
{
    buffer_append(&writer->lines, topic);
    buffer_append_u8(&writer->lines, ' ');
    buffer_append_decimal(&writer->lines, partition);
    buffer_append_u8(&writer->lines, ' ');
    buffer_append_decimal(&writer->lines, offset);
    buffer_append_u8(&writer->lines, '\n');
    writer->count += 1;
}

void offset_checkpoint_end(struct offset_checkpoint_writer *writer, struct buffer *out)
{
    buffer_append_decimal(out, VERSION);
    buffer_append_u8(out, '\n');
    buffer_append_decimal(out, writer->count);
    buffer_append_u8(out, '\n');
    buffer_append(out, buffer_slice(&writer->lines));
    buffer_release(&writer->lines);
}
