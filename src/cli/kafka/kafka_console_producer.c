/* kafka_console_producer.c - kafka-console-producer.sh: a record for each line of standard input.
 *
 * The producer is librdkafka's, configured with Java's names and Java's defaults: murmur2 for keys,
 * idempotence where acks and retries allow it. A record that cannot be delivered is told on stderr
 * and the tool goes on, and ends with 0; with --sync it ends with 1. As KafkaProducer does, the
 * first record waits for the topic up to --max-block-ms, and so does one that finds the queue full.
 *
 * Source: kafka.tools.ConsoleProducer of Apache Kafka 2.7 and 3.9.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/line_reader.h"
#include "cli/kafka/rdkafka_client.h"

#define STDIN_WAIT_MS 100
#define ARGUMENTS_MAX 8 /* of rd_kafka_produceva */
#define FLUSH_SLICE_MS 100
#define LAST_FLUSH_MS 5000 /* after a signal */

static const struct kafka_option options_table[] = {
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic",
     .description = "REQUIRED: the topic to produce to."},
    {.name = "broker-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "broker-list",
     .description = "DEPRECATED: use --bootstrap-server, which wins when both are given."},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server to connect to",
     .description = "REQUIRED (unless --broker-list is given): brokers to ask first, as "
                    "HOST1:PORT1,HOST2:PORT2."},
    {.name = "sync", .description = "Send one record at a time and wait for its acknowledgement."},
    {.name = "compression-codec",
     .argument = KAFKA_OPTION_OPTIONAL,
     .value_name = "compression-codec",
     .description = "none, gzip, snappy, lz4 or zstd; gzip when no codec is named."},
    {.name = "batch-size",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "size",
     .description = "Bytes of one batch. --max-partition-memory-bytes wins.",
     .default_value = "16384"},
    {.name = "message-send-max-retries",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .description = "How often a failed send is repeated (retries).",
     .default_value = "3"},
    {.name = "retry-backoff-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .description = "How long to wait before it is repeated (retry.backoff.ms).",
     .default_value = "100"},
    {.name = "timeout",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "timeout_ms",
     .description = "How long records may wait for their batch to fill (linger.ms).",
     .default_value = "1000"},
    {.name = "request-required-acks",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "request required acks",
     .description = "Acknowledgements to wait for: 0, 1, -1 or all (acks).",
     .default_value = "-1"},
    {.name = "request-timeout-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "request timeout ms",
     .description = "How long a broker may wait for them. More than 0.",
     .default_value = "1500"},
    {.name = "metadata-expiry-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "metadata expiration interval",
     .description = "After this long metadata is asked for again (metadata.max.age.ms).",
     .default_value = "300000"},
    {.name = "max-block-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "max block on send",
     .description = "How long a send may wait for metadata or for room.",
     .default_value = "60000"},
    {.name = "max-memory-bytes",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "total memory in bytes",
     .description = "Bytes that may wait to be sent (buffer.memory).",
     .default_value = "33554432"},
    {.name = "max-partition-memory-bytes",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "memory in bytes per partition",
     .description = "Bytes of one batch (batch.size).",
     .default_value = "16384"},
    {.name = "line-reader",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "reader_class",
     .description = "The reader of lines. There is this one alone.",
     .default_value = "kafka.tools.ConsoleProducer$LineMessageReader"},
    {.name = "socket-buffer-size",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "size",
     .description = "Size of the socket's send buffer (send.buffer.bytes).",
     .default_value = "102400"},
    {.name = "property",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "prop",
     .description = "A property of the reader, key=value. With their defaults:\n"
                    " parse.key=false\n"
                    " parse.headers=false\n"
                    " ignore.error=false\n"
                    " key.separator=\\t\n"
                    " headers.delimiter=\\t\n"
                    " headers.separator=,\n"
                    " headers.key.separator=:\n"
                    " null.marker=   (a field equal to it is null)\n"
                    "A line is then headers, key and value, as far as they are parsed:\n"
                    " \"h1:v1,h2:v2...\\tkey\\tvalue\""},
    {.name = "reader-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A file of the reader's properties. --property wins."},
    {.name = "producer-property",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "producer_prop",
     .description = "A property of the producer, key=value."},
    {.name = "producer.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A file of the producer's properties. --producer-property wins."},
};

const struct kafka_options_syntax kafka_console_producer_syntax = {
    .tool = "kafka-console-producer",
    .purpose = "Reads lines from standard input and produces them to a topic.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

struct console_producer {
    const struct kafka_options *options;
    struct client_properties properties;
    struct client_properties reader_properties;
    struct line_reader reader;
    rd_kafka_t *client;
    const char *topic;
    bool is_sync;
    bool prints_prompt;
    int partitions; /* of the topic; 0: not known yet */
    int64_t max_block_ms;
    /* of the record under way with --sync */
    bool is_delivered;
    rd_kafka_resp_err_t error;
    struct errmsg message;
};

/* ---- deliveries -------------------------------------------------------------------------------
 */

static void describe(char *text, size_t size, const void *bytes, size_t len)
{
    if (bytes == NULL) {
        (void)snprintf(text, size, "null");
    } else {
        (void)snprintf(text, size, "%zu bytes", len);
    }
}

static void log_failure(const char *topic,
                        struct slice key,
                        struct slice value,
                        rd_kafka_resp_err_t error,
                        const char *sentence)
{
    char key_text[32];
    char value_text[32];
    describe(key_text, sizeof key_text, key.ptr, key.len);
    describe(value_text, sizeof value_text, value.ptr, value.len);
    tool_log("ERROR", "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback",
             "Error when sending message to topic %s with key: %s, value: %s with error:", topic,
             key_text, value_text);
    fprintf(stderr, "%s: %s\n", rdkafka_exception(error), sentence);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct console_producer *producer = opaque;
    (void)client;
    producer->is_delivered = true;
    producer->error = message->err;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !producer->is_sync) {
        struct slice value = message->len == 0 && message->payload == NULL
                                 ? SLICE_NULL
                                 : slice_of(message->payload, message->len);
        log_failure(producer->topic, slice_of(message->key, message->key_len), value, message->err,
                    rd_kafka_err2str(message->err));
    }
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static rd_kafka_resp_err_t enqueue(struct console_producer *producer,
                                   const struct line_record *record)
{
    rd_kafka_vu_t arguments[ARGUMENTS_MAX];
    size_t count = 0;
    arguments[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = producer->topic};
    rd_kafka_vu_t key = {.vtype = RD_KAFKA_VTYPE_KEY};
    rd_kafka_vu_t value = {.vtype = RD_KAFKA_VTYPE_VALUE};
    union {
        const uint8_t *from;
        void *to;
    } bytes = {.from = record->key.ptr};
    key.u.mem.ptr = bytes.to;
    key.u.mem.size = record->key.len;
    bytes.from = record->value.ptr;
    value.u.mem.ptr = bytes.to;
    value.u.mem.size = record->value.len;
    arguments[count++] = key;
    arguments[count++] = value;
    rd_kafka_headers_t *headers = record->header_count > 0
                                      ? rd_kafka_headers_new(record->header_count)
                                      : NULL;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct line_header *header = &record->headers[i];
        (void)rd_kafka_header_add(headers, (const char *)header->key.ptr, (ssize_t)header->key.len,
                                  header->value.ptr, (ssize_t)header->value.len);
    }
    if (headers != NULL) {
        arguments[count].vtype = RD_KAFKA_VTYPE_HEADERS;
        arguments[count++].u.headers = headers;
    }
    arguments[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    arguments[count++].u.i = RD_KAFKA_MSG_F_COPY;
    rd_kafka_error_t *failed = rd_kafka_produceva(producer->client, arguments, count);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failed != NULL) {
        error = rd_kafka_error_code(failed);
        rd_kafka_error_destroy(failed);
        if (headers != NULL) {
            rd_kafka_headers_destroy(headers);
        }
    }
    return error;
}

/* Waits for metadata and room; NO_ERROR when the record is on its way. The sentence is for an
 * error. */
static rd_kafka_resp_err_t send_record(struct console_producer *producer,
                                       const struct line_record *record,
                                       struct errmsg *sentence)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (producer->partitions == 0) {
        error = rdkafka_wait_for_topic(producer->client, producer->topic, producer->max_block_ms,
                                       &producer->partitions, sentence);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error;
    }
    int64_t deadline = tool_now_ms() + producer->max_block_ms;
    while ((error = enqueue(producer, record)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           tool_now_ms() < deadline && tool_caught_signal() == 0) {
        (void)rd_kafka_poll(producer->client, FLUSH_SLICE_MS);
    }
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)errmsg_set(
            sentence, ERR_TIMEOUT,
            "Failed to allocate memory within the configured max blocking time %lld ms.",
            (long long)producer->max_block_ms);
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    (void)errmsg_set(sentence, ERR_OK, "%s", rd_kafka_err2str(error));
    return error;
}

static int fail(const char *exception, const char *sentence)
{
    (void)fflush(stdout);
    fprintf(stderr, "%s: %s\n", exception, sentence);
    return 1;
}

static int send_line(struct console_producer *producer, struct slice line)
{
    static struct line_record record; /* large, and there is one thread */
    struct errmsg sentence;
    if (line_reader_parse(&producer->reader, line, &record, &sentence) != 0) {
        return fail("org.apache.kafka.common.KafkaException", sentence.text);
    }
    producer->is_delivered = false;
    rd_kafka_resp_err_t error = send_record(producer, &record, &sentence);
    while (error == RD_KAFKA_RESP_ERR_NO_ERROR && producer->is_sync && !producer->is_delivered &&
           tool_caught_signal() == 0) {
        (void)rd_kafka_poll(producer->client, FLUSH_SLICE_MS);
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && producer->is_sync && producer->is_delivered) {
        error = producer->error;
        (void)errmsg_set(&sentence, ERR_OK, "%s", rd_kafka_err2str(error));
    }
    (void)rd_kafka_poll(producer->client, 0);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    if (producer->is_sync) {
        char exception[256];
        (void)snprintf(exception, sizeof exception, "java.util.concurrent.ExecutionException: %s",
                       rdkafka_exception(error));
        return fail(exception, sentence.text);
    }
    log_failure(producer->topic, record.key, record.value, error, sentence.text);
    return 0;
}

static void prompt(const struct console_producer *producer)
{
    if (producer->prints_prompt) {
        printf(">");
        (void)fflush(stdout);
    }
}

static int send_lines(struct console_producer *producer)
{
    int code = 0;
    prompt(producer);
    while (code == 0 && tool_caught_signal() == 0) {
        struct slice line;
        int err = line_reader_next(&producer->reader, &line);
        if (err == ERR_END) {
            break;
        }
        if (err == ERR_BUSY) {
            err = line_reader_feed(&producer->reader, STDIN_FILENO, STDIN_WAIT_MS);
            if (err != 0) {
                code = fail("java.lang.OutOfMemoryError", "a line is longer than this tool takes");
            }
            (void)rd_kafka_poll(producer->client, 0);
            continue;
        }
        code = send_line(producer, line);
        prompt(producer);
    }
    return code;
}

static void flush_all(struct console_producer *producer)
{
    int64_t deadline = tool_now_ms() + LAST_FLUSH_MS;
    while (rd_kafka_outq_len(producer->client) > 0 &&
           (tool_caught_signal() == 0 || tool_now_ms() < deadline)) {
        (void)rd_kafka_flush(producer->client, FLUSH_SLICE_MS);
    }
}

/* ---- configuration ----------------------------------------------------------------------------
 */

static bool is_host_port_list(struct slice text)
{
    bool is_more = true;
    while (is_more) {
        struct slice part;
        is_more = text_cut(text, ',', &part, &text);
        part = text_trim(part);
        size_t digits = 0;
        while (digits < part.len && part.ptr[part.len - 1 - digits] >= '0' &&
               part.ptr[part.len - 1 - digits] <= '9') {
            digits++;
        }
        if (digits == 0 || digits == part.len || part.ptr[part.len - 1 - digits] != ':') {
            return false;
        }
    }
    return true;
}

static int check_options(const struct kafka_options *options)
{
    static const char *const required[] = {"topic", NULL};
    bool has_bootstrap = kafka_options_has(options, "bootstrap-server");
    if (!has_bootstrap && !kafka_options_has(options, "broker-list")) {
        return kafka_options_usage(options, "Missing required option(s) [bootstrap-server]");
    }
    if (!kafka_options_require(options, required)) {
        return 1;
    }
    if (!is_host_port_list(
            kafka_options_value(options, has_bootstrap ? "bootstrap-server" : "broker-list"))) {
        return kafka_options_usage(options,
                                   "Please provide valid host:port like host1:9091,host2:9092\n ");
    }
    return 0;
}

static int check_numbers(struct kafka_options *options)
{
    for (size_t i = 0; i < ARRAY_LEN(options_table); i++) {
        const struct kafka_option *option = &options_table[i];
        int64_t wide = 0;
        int32_t narrow = 0;
        if (option->type != NULL &&
            (strcmp(option->type, "Long") == 0
                 ? kafka_options_i64(options, option->name, &wide)
                 : kafka_options_i32(options, option->name, &narrow)) != 0) {
            return kafka_options_fail(options);
        }
    }
    return 0;
}

static const char *const merged[][2] = {
    {"linger.ms", "timeout"},
    {"acks", "request-required-acks"},
    {"request.timeout.ms", "request-timeout-ms"},
    {"retries", "message-send-max-retries"},
    {"retry.backoff.ms", "retry-backoff-ms"},
    {"send.buffer.bytes", "socket-buffer-size"},
    {"buffer.memory", "max-memory-bytes"},
    {"batch.size", "batch-size"},
    {"batch.size", "max-partition-memory-bytes"},
    {"metadata.max.age.ms", "metadata-expiry-ms"},
    {"max.block.ms", "max-block-ms"},
};

static int read_properties(struct console_producer *producer)
{
    const struct kafka_options *options = producer->options;
    struct client_properties *properties = &producer->properties;
    const char *config = kafka_options_text(options, "producer.config");
    const char *reader_config = kafka_options_text(options, "reader-config");
    if ((config != NULL && client_properties_load(properties, config, &producer->message) != 0) ||
        (reader_config != NULL && client_properties_load(&producer->reader_properties,
                                                         reader_config, &producer->message) != 0)) {
        return fail("java.nio.file.NoSuchFileException", producer->message.text);
    }
    client_properties_add_pairs(properties, options, "producer-property");
    client_properties_add_pairs(&producer->reader_properties, options, "property");
    const char *servers = kafka_options_text(options, "bootstrap-server");
    servers = servers == NULL ? kafka_options_text(options, "broker-list") : servers;
    client_properties_set_text(properties, "bootstrap.servers", servers);
    const char *codec = kafka_options_text(options, "compression-codec");
    codec = codec == NULL || *codec == 0 ? "gzip" : codec;
    client_properties_set_text(properties, "compression.type",
                               kafka_options_has(options, "compression-codec") ? codec : "none");
    client_properties_default(properties, "client.id", "console-producer");
    for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
        client_properties_merge(properties, merged[i][0], options, merged[i][1]);
    }
    rdkafka_producer_defaults(properties);
    struct slice block = slice_of_cstr(client_properties_get(properties, "max.block.ms"));
    if (text_parse_i64(block, &producer->max_block_ms) != 0) {
        return fail("org.apache.kafka.common.config.ConfigException", "max.block.ms is no number");
    }
    return 0;
}

static int connect_producer(struct console_producer *producer)
{
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(&producer->properties, true, &producer->message);
    if (conf == NULL) {
        return fail("org.apache.kafka.common.config.ConfigException", producer->message.text);
    }
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return fail("org.apache.kafka.common.config.ConfigException", text);
    }
    return 0;
}

static int run(struct console_producer *producer)
{
    const char *reader = kafka_options_text(producer->options, "line-reader");
    if (strstr(reader, "LineMessageReader") == NULL) {
        (void)errmsg_set(
            &producer->message, ERR_UNSUPPORTED,
            "%s (there is kafka.tools.ConsoleProducer$LineMessageReader alone: there are "
            "no Java classes here)",
            reader);
        return fail("java.lang.ClassNotFoundException", producer->message.text);
    }
    int code = read_properties(producer);
    if (code != 0) {
        return code;
    }
    if (line_reader_init(&producer->reader, &producer->reader_properties, &producer->message) !=
        0) {
        return fail("org.apache.kafka.common.KafkaException", producer->message.text);
    }
    code = connect_producer(producer);
    if (code == 0) {
        tool_catch_signals();
        code = send_lines(producer);
        flush_all(producer);
        rd_kafka_destroy(producer->client);
    }
    line_reader_release(&producer->reader);
    return tool_exit_code(code);
}

int tool_kafka_console_producer(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_options_read(&options, &kafka_console_producer_syntax, argc, argv, &code)) {
        return code;
    }
    code = check_options(&options);
    code = code != 0 ? code : check_numbers(&options);
    if (code == 0) {
        struct console_producer producer = {
            .options = &options,
            .topic = kafka_options_text(&options, "topic"),
            .is_sync = kafka_options_has(&options, "sync"),
            .prints_prompt = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1,
        };
        client_properties_init(&producer.properties);
        client_properties_init(&producer.reader_properties);
        code = run(&producer);
        client_properties_release(&producer.properties);
        client_properties_release(&producer.reader_properties);
    }
    kafka_options_release(&options);
    return code;
}
