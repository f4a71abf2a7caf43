/* message_formatter.h - records as kafka-console-consumer prints them.
 *
 * The classes that people name are words here: DefaultMessageFormatter, LoggingMessageFormatter
 * (its log lines are below the level that tools log at, so it is the same), NoOpMessageFormatter,
 * and those of the internal topics. Apache's JSON formatters of 3.9 put no line end behind a
 * record; this one does, so that lines can be worked with. Deserializers are those of
 * org.apache.kafka.common.serialization; bytes stay bytes.
 *
 * Source: DefaultMessageFormatter, OffsetsMessageFormatter, GroupMetadataMessageFormatter,
 * TransactionLogMessageFormatter, GroupMetadataManager$OffsetsMessageFormatter of Apache Kafka 3.9.
 */
#ifndef CLI_KAFKA_MESSAGE_FORMATTER_H
#define CLI_KAFKA_MESSAGE_FORMATTER_H

#include "base/buffer.h"
#include "cli/kafka/client_properties.h"

enum formatter_kind {
    FORMAT_DEFAULT,
    FORMAT_NOTHING,
    FORMAT_OFFSETS_JSON,
    FORMAT_GROUPS_JSON,
    FORMAT_TRANSACTIONS_JSON,
    FORMAT_OFFSETS_TEXT, /* that of Scala: [group,topic,0]::OffsetAndMetadata(...) */
};

enum deserializer {
    DESERIALIZE_BYTES,
    DESERIALIZE_STRING,
    DESERIALIZE_SHORT,
    DESERIALIZE_INTEGER,
    DESERIALIZE_LONG,
    DESERIALIZE_FLOAT,
    DESERIALIZE_DOUBLE,
    DESERIALIZE_BOOLEAN,
    DESERIALIZE_UUID,
};

struct message_formatter {
    enum formatter_kind kind;
    bool prints_timestamp;
    bool prints_partition;
    bool prints_offset;
    bool prints_headers;
    bool prints_key;
    bool prints_value;
    struct slice key_separator;
    struct slice line_separator;
    struct slice headers_separator;
    struct slice null_literal;
    enum deserializer key;
    enum deserializer value;
    enum deserializer header;
};

struct formatted_header {
    struct slice key;
    struct slice value; /* may be null */
};

struct formatted_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const char *timestamp_type; /* "CreateTime", "LogAppendTime"; NULL: none */
    struct slice key;           /* may be null */
    struct slice value;         /* may be null */
    const struct formatted_header *headers;
    size_t header_count;
};

/* `class_name` as --formatter has it. The properties live as long as the formatter. Warns on stderr
 * of names that Apache has deprecated. ERR_INVALID with the message of the usage text. */
NODISCARD int message_formatter_init(struct message_formatter *formatter,
                                     const char *class_name,
                                     const struct client_properties *properties,
                                     struct errmsg *message);

/* Appends the record's text. ERR_INVALID with the sentence of Java's exception. */
NODISCARD int message_format(const struct message_formatter *formatter,
                             const struct formatted_message *record,
                             struct buffer *out,
                             struct errmsg *message);

#endif
