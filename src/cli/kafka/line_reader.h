/* line_reader.h - lines of standard input as records: kafka-console-producer's LineMessageReader.
 *
 * A line ends with "\n", "\r" or "\r\n", as BufferedReader.readLine cuts. With parse.headers and
 * parse.key it is HEADERS<headers.delimiter>KEY<key.separator>VALUE, HEADERS being
 * key<headers.key.separator>value pairs with headers.separator between them (a plain text here, a
 * regular expression in Java). null.marker stands for null.
 * Source: ConsoleProducer.LineMessageReader of Apache Kafka 3.9.
 */
#ifndef CLI_KAFKA_LINE_READER_H
#define CLI_KAFKA_LINE_READER_H

#include "base/buffer.h"
#include "cli/kafka/client_properties.h"

#define LINE_BYTES_MAX ((size_t)1 << 30)
#define LINE_HEADERS_MAX 256

struct line_header {
    struct slice key;
    struct slice value; /* may be null */
};

/* Slices borrow from the line. */
struct line_record {
    struct slice key;
    struct slice value;
    struct line_header headers[LINE_HEADERS_MAX];
    size_t header_count;
};

struct line_reader {
    bool parses_key;
    bool parses_headers;
    bool ignores_errors;
    struct slice key_separator;
    struct slice headers_delimiter;
    struct slice headers_separator;
    struct slice headers_key_separator;
    struct slice null_marker; /* null: none */
    int64_t line_number;
    struct slice line;   /* the one that is parsed, for messages */
    struct buffer input; /* read and not yet taken */
    size_t taken;
    bool is_at_end;
    bool skips_newline; /* the last line ended with "\r" */
};

/* The properties live as long as the reader. ERR_CONFIG with the sentence of Java's exception. */
NODISCARD int line_reader_init(struct line_reader *reader,
                               const struct client_properties *properties,
                               struct errmsg *message);
void line_reader_release(struct line_reader *reader);

/* A line that is there: ERR_OK. ERR_BUSY: none is there yet; feed it. ERR_END. */
NODISCARD int line_reader_next(struct line_reader *reader, struct slice *line);

/* Reads what the descriptor has, up to timeout_ms; a signal ends the wait. ERR_LIMIT: a line that
 * is longer than LINE_BYTES_MAX. */
NODISCARD int line_reader_feed(struct line_reader *reader, int descriptor, int timeout_ms);

/* ERR_INVALID with the sentence of Java's exception. */
NODISCARD int line_reader_parse(struct line_reader *reader,
                                struct slice line,
                                struct line_record *record,
                                struct errmsg *message);

#endif
