/* json_lines.h - what the verifiable clients tell: one JSON object a line on stdout, each with its
 * time and its name.
 *
 *     json_line_begin(&line, "records_consumed");
 *     json_line_number(&line, "count", 3);
 *     json_line_end(&line);
 *     {"timestamp":1732200000000,"name":"records_consumed","count":3}
 *
 * A text of more than JSON_TEXT_BYTES_MAX is cut there. Everything is written by the end of
 * json_line_end, since whoever reads the lines waits for them.
 *
 * Source: VerifiableProducer and VerifiableConsumer of Apache Kafka (JsonPropertyOrder).
 */
#ifndef CLI_KAFKA_JSON_LINES_H
#define CLI_KAFKA_JSON_LINES_H

#include "base/buffer.h"

#define JSON_TEXT_BYTES_MAX ((size_t)64 << 20)

struct json_line {
    struct buffer text;
    bool is_first; /* of what stands in the innermost object: no comma before it */
};

void json_line_init(struct json_line *line);
void json_line_release(struct json_line *line);

void json_line_begin(struct json_line *line, const char *name);
void json_line_number(struct json_line *line, const char *name, int64_t value);
void json_line_bool(struct json_line *line, const char *name, bool value);
/* A double as Java prints it where it is neither very large nor very small. */
void json_line_double(struct json_line *line, const char *name, double value);
/* A null slice is null. */
void json_line_text(struct json_line *line, const char *name, struct slice text);

/* "name":[{...},{...}] */
void json_line_open_list(struct json_line *line, const char *name);
void json_line_open_object(struct json_line *line);
void json_line_close_object(struct json_line *line);
void json_line_close_list(struct json_line *line);

/* Writes the line to stdout. */
void json_line_end(struct json_line *line);

#endif
