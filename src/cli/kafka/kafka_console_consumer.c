/* kafka_console_consumer.c - kafka-console-consumer.sh: a topic's records on standard output.
 *
 * The consumer is librdkafka's, configured with Java's names. With --partition it takes that
 * partition alone, without a group; otherwise it is a member of a group, one of its own unless
 * --group says otherwise, which then commits nothing. What was formatted is written when no further
 * record is at hand, so that a pipe sees records at once and a long backlog is not written line by
 * line.
 *
 * It ends after --max-messages, after --timeout-ms without a record, when nobody reads its output
 * any more, or by SIGINT and SIGTERM; whichever it is, the group is left in order and the number of
 * records is told on stderr. The consumer's old --zookeeper is taken with a warning: the brokers
 * that ZooKeeper knows stand in.
 *
 * --include is a regular expression of Java's; it is given to the POSIX matcher, anchored at both
 * ends, after \d, \w and \s were written out.
 *
 * Source: ConsoleConsumer, ConsoleConsumerOptions of Apache Kafka 2.7 and 3.9.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/message_formatter.h"
#include "cli/kafka/rdkafka_client.h"
#include "cli/kafka/zookeeper_brokers.h"

#define ASK_MS 1000
#define LOGGER "org.apache.kafka.tools.consumer.ConsoleConsumer"
#define POLL_MS 100
#define OUTPUT_BYTES_MAX ((size_t)1 << 30)
#define OUTPUT_BYTES_BEFORE_WRITE ((size_t)256 * 1024)
#define HEADERS_MAX 4096
#define PATTERN_BYTES_MAX ((size_t)64 * 1024)
#define GROUP_NUMBERS 100000

static const struct kafka_option options_table[] = {
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic",
     .description = "The topic to consume."},
    {.name = "whitelist",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Java regex (String)",
     .description = "DEPRECATED: use --include, which wins when both are given."},
    {.name = "include",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "Java regex (String)",
     .description = "A regular expression of topics to consume."},
    {.name = "partition",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "partition",
     .description = "The partition to consume, from its end unless --offset says otherwise."},
    {.name = "offset",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "consume offset",
     .description = "Where to begin in it: a number, 'earliest' or 'latest'.",
     .default_value = "latest"},
    {.name = "consumer-property",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "consumer_prop",
     .description = "A property of the consumer, key=value."},
    {.name = "consumer.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A file of the consumer's properties. --consumer-property wins."},
    {.name = "formatter",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "class",
     .description =
         "How records are printed: DefaultMessageFormatter, LoggingMessageFormatter, "
         "NoOpMessageFormatter, OffsetsMessageFormatter, GroupMetadataMessageFormatter or "
         "TransactionLogMessageFormatter of org.apache.kafka.tools.consumer.",
     .default_value = "org.apache.kafka.tools.consumer.DefaultMessageFormatter"},
    {.name = "property",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "prop",
     .description = "A property of the formatter, key=value:\n"
                    " print.timestamp=true|false\n"
                    " print.key=true|false\n"
                    " print.offset=true|false\n"
                    " print.partition=true|false\n"
                    " print.headers=true|false\n"
                    " print.value=true|false\n"
                    " key.separator=<text>\n"
                    " line.separator=<text>\n"
                    " headers.separator=<text>\n"
                    " null.literal=<text>\n"
                    " key.deserializer=<class>\n"
                    " value.deserializer=<class>\n"
                    " headers.deserializer=<class>\n"
                    "Classes are those of org.apache.kafka.common.serialization."},
    {.name = "formatter-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A file of the formatter's properties. --property wins."},
    {.name = "from-beginning",
     .description =
         "Where the group has no offset yet, begin with the earliest record instead of the "
         "latest."},
    {.name = "max-messages",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "num_messages",
     .description = "End after so many records. Without it there is no end."},
    {.name = "timeout-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "timeout_ms",
     .description = "End when no record came for so long."},
    {.name = "skip-message-on-error",
     .description = "Pass over a record that cannot be printed, instead of ending."},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server to connect to",
     .description = "REQUIRED: brokers to ask first."},
    {.name = "key-deserializer",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "deserializer for key"},
    {.name = "value-deserializer",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "deserializer for values"},
    {.name = "enable-systest-events",
     .description = "Say shutdown_complete at the end: for system tests."},
    {.name = "isolation-level",
     .argument = KAFKA_OPTION_VALUE,
     .description = "read_committed leaves out what no transaction has committed; "
                    "read_uncommitted reads all.",
     .default_value = "read_uncommitted"},
    {.name = "group",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "consumer group id",
     .description = "The consumer's group."},
    {.name = "zookeeper",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "urls",
     .description =
         "REMOVED by Apache: use --bootstrap-server. The brokers that this ZooKeeper knows "
         "are asked first."},
};

const struct kafka_options_syntax kafka_console_consumer_syntax = {
    .tool = "kafka-console-consumer",
    .purpose = "Prints the records of topics on standard output.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

struct console_consumer {
    struct kafka_options *options;
    struct client_properties properties;
    struct client_properties formatter_properties;
    struct message_formatter formatter;
    rd_kafka_t *client;
    struct buffer output;
    struct errmsg message;
    int32_t partition; /* -1: a group decides */
    int64_t offset;    /* of librdkafka: RD_KAFKA_OFFSET_... or a number */
    int32_t max_messages;
    int64_t timeout_ms;
    bool skips_errors;
    int64_t count;
};

/* ---- options ----------------------------------------------------------------------------------
 */

static int check_options(const struct kafka_options *options)
{
    static const char *const required[] = {"bootstrap-server", NULL};
    bool has_topic = kafka_options_has(options, "topic");
    bool has_include = kafka_options_has(options, "include") ||
                       kafka_options_has(options, "whitelist");
    if (has_topic == has_include) {
        return kafka_options_usage(
            options, "Exactly one of --include/--topic is required. %s",
            kafka_options_has(options, "whitelist")
                ? "--whitelist is DEPRECATED use --include instead; ignored if --include specified."
                : "");
    }
    if (kafka_options_has(options, "partition")) {
        if (!has_topic) {
            return kafka_options_usage(options,
                                       "The topic is required when partition is specified.");
        }
        if (kafka_options_has(options, "from-beginning") && kafka_options_has(options, "offset")) {
            return kafka_options_usage(
                options, "Options from-beginning and offset cannot be specified together.");
        }
    } else if (kafka_options_has(options, "offset")) {
        return kafka_options_usage(options, "The partition is required when offset is specified.");
    }
    if (kafka_options_has(options, "zookeeper")) {
        return 0;
    }
    return kafka_options_require(options, required) ? 0 : 1;
}

static int read_numbers(struct console_consumer *consumer)
{
    struct kafka_options *options = consumer->options;
    consumer->partition = -1;
    consumer->max_messages = -1;
    consumer->timeout_ms = -1;
    if (kafka_options_i32(options, "partition", &consumer->partition) != 0 ||
        kafka_options_i32(options, "max-messages", &consumer->max_messages) != 0 ||
        kafka_options_i64(options, "timeout-ms", &consumer->timeout_ms) != 0) {
        return kafka_options_usage(options, "%s", options->message.text);
    }
    return 0;
}

static int read_offset(struct console_consumer *consumer)
{
    const struct kafka_options *options = consumer->options;
    bool is_from_beginning = kafka_options_has(options, "from-beginning");
    consumer->offset = is_from_beginning ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
    if (!kafka_options_has(options, "offset")) {
        return 0;
    }
    struct slice text = kafka_options_value(options, "offset");
    if (text_equal_ignoring_case(text, SLICE_LIT("earliest"))) {
        consumer->offset = RD_KAFKA_OFFSET_BEGINNING;
    } else if (text_equal_ignoring_case(text, SLICE_LIT("latest"))) {
        consumer->offset = RD_KAFKA_OFFSET_END;
    } else if (text_parse_i64(text, &consumer->offset) != 0 || consumer->offset < 0) {
        return kafka_options_usage(
            options,
            "The provided offset value '%.*s' is incorrect. Valid values are "
            "'earliest', 'latest', or a non-negative long.",
            (int)text.len, (const char *)text.ptr);
    }
    return 0;
}

/* The group may be named in three places, which must not differ. */
static int read_group(struct console_consumer *consumer,
                      const char *from_file,
                      const char *from_words)
{
    const struct kafka_options *options = consumer->options;
    const char *names[] = {kafka_options_text(options, "group"), from_file, from_words};
    const char *group = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i] == NULL) {
            continue;
        }
        if (group != NULL && strcmp(group, names[i]) != 0) {
            return kafka_options_usage(
                options,
                "The group ids provided in different places (directly using '--group', via "
                "'--consumer-property', or via '--consumer.config') do not match. Detected group "
                "ids: "
                "'%s', '%s'",
                group, names[i]);
        }
        group = names[i];
    }
    if (group != NULL && consumer->partition >= 0) {
        return kafka_options_usage(options,
                                   "Options group and partition cannot be specified together.");
    }
    if (group == NULL) {
        char text[64];
        unsigned number = (unsigned)(tool_wall_ms() * 2654435761 + getpid()) % GROUP_NUMBERS;
        (void)snprintf(text, sizeof text, "console-consumer-%u", number);
        client_properties_set_text(&consumer->properties, "group.id", text);
        client_properties_default(&consumer->properties, "enable.auto.commit", "false");
    } else {
        client_properties_set_text(&consumer->properties, "group.id", group);
    }
    return 0;
}

static int read_reset(struct console_consumer *consumer)
{
    const char *reset = client_properties_get(&consumer->properties, "auto.offset.reset");
    bool is_from_beginning = kafka_options_has(consumer->options, "from-beginning");
    if (reset != NULL && is_from_beginning && strcmp(reset, "earliest") != 0) {
        fprintf(stderr,
                "Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please "
                "remove one option\n",
                reset);
        return 1;
    }
    client_properties_default(&consumer->properties, "auto.offset.reset",
                              is_from_beginning ? "earliest" : "latest");
    return 0;
}

static int read_servers(struct console_consumer *consumer)
{
    const struct kafka_options *options = consumer->options;
    if (kafka_options_has(options, "bootstrap-server")) {
        client_properties_set(&consumer->properties, "bootstrap.servers",
                              kafka_options_value(options, "bootstrap-server"));
        return 0;
    }
    const char *connect = kafka_options_text(options, "zookeeper");
    struct buffer servers;
    buffer_init(&servers, OUTPUT_BYTES_MAX);
    int err = zookeeper_brokers(connect, &servers, &consumer->message);
    if (err == 0) {
        fprintf(stderr,
                "WARNING: --zookeeper is gone from Apache Kafka since 2.0. Use --bootstrap-server "
                "%.*s instead, as this run does.\n",
                (int)servers.len, (const char *)servers.data);
        client_properties_set(&consumer->properties, "bootstrap.servers", buffer_slice(&servers));
    } else {
        fprintf(stderr, "%s\n", consumer->message.text);
    }
    buffer_release(&servers);
    return err == 0 ? 0 : 1;
}

static int read_properties(struct console_consumer *consumer)
{
    const struct kafka_options *options = consumer->options;
    struct client_properties *properties = &consumer->properties;
    struct client_properties words;
    const char *config = kafka_options_text(options, "consumer.config");
    const char *format_config = kafka_options_text(options, "formatter-config");
    if ((config != NULL && client_properties_load(properties, config, &consumer->message) != 0) ||
        (format_config != NULL && client_properties_load(&consumer->formatter_properties,
                                                         format_config, &consumer->message) != 0)) {
        return tool_uncaught("java.nio.file.NoSuchFileException", consumer->message.text);
    }
    const char *file_group = client_properties_get(properties, "group.id");
    client_properties_init(&words);
    client_properties_add_pairs(&words, options, "consumer-property");
    client_properties_add_pairs(properties, options, "consumer-property");
    int code = read_group(consumer, file_group, client_properties_get(&words, "group.id"));
    client_properties_release(&words);
    code = code != 0 ? code : read_reset(consumer);
    code = code != 0 ? code : read_servers(consumer);
    client_properties_default(properties, "client.id", "console-consumer");
    client_properties_merge(properties, "isolation.level", options, "isolation-level");
    return code;
}

static int read_formatter(struct console_consumer *consumer)
{
    const struct kafka_options *options = consumer->options;
    struct client_properties *properties = &consumer->formatter_properties;
    static const char *const deserializers[][2] = {{"key.deserializer", "key-deserializer"},
                                                   {"value.deserializer", "value-deserializer"}};
    for (size_t i = 0; i < ARRAY_LEN(deserializers); i++) {
        struct slice name = kafka_options_value(options, deserializers[i][1]);
        if (name.len > 0) {
            client_properties_set(properties, deserializers[i][0], name);
        }
    }
    client_properties_add_pairs(properties, options, "property");
    if (message_formatter_init(&consumer->formatter, kafka_options_text(options, "formatter"),
                               properties, &consumer->message) != 0) {
        return kafka_options_usage(options, "%s", consumer->message.text);
    }
    return 0;
}

/* ---- subscription -----------------------------------------------------------------------------
 */

/* Java's regular expression as POSIX reads it: "^(...)$", classes written out. */
static void write_pattern(struct slice java, struct buffer *pattern)
{
    static const struct {
        char letter;
        const char *set;
    } sets[] = {{'d', "[0-9]"},         {'D', "[^0-9]"}, {'w', "[A-Za-z0-9_]"},
                {'W', "[^A-Za-z0-9_]"}, {'s', "[ \t]"},  {'S', "[^ \t]"}};
    buffer_append_cstr(pattern, "^(");
    for (size_t i = 0; i < java.len; i++) {
        const char *set = NULL;
        for (size_t k = 0; java.ptr[i] == '\\' && i + 1 < java.len && k < ARRAY_LEN(sets); k++) {
            set = java.ptr[i + 1] == (uint8_t)sets[k].letter ? sets[k].set : set;
        }
        if (set != NULL) {
            buffer_append_cstr(pattern, set);
            i += 1;
        } else {
            buffer_append_u8(pattern, java.ptr[i]);
        }
    }
    buffer_append_cstr(pattern, ")$");
    buffer_append_u8(pattern, 0);
}

/* Java's consumers have a topic made that is not there, where the broker allows it; librdkafka asks
 * for one of a subscription only whether it is there. */
static void ask_for_topic(struct console_consumer *consumer, const char *name)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->client, name, NULL);
    if (topic == NULL) {
        return; /* subscribing then says why */
    }
    if (rd_kafka_metadata(consumer->client, 0, topic, &metadata, ASK_MS) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
}

static rd_kafka_resp_err_t subscribe(struct console_consumer *consumer)
{
    const struct kafka_options *options = consumer->options;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t error;
    const char *topic = kafka_options_text(options, "topic");
    if (topic != NULL && consumer->partition >= 0) {
        rd_kafka_topic_partition_t *partition = rd_kafka_topic_partition_list_add(
            list, topic, consumer->partition);
        partition->offset = consumer->offset;
        error = rd_kafka_assign(consumer->client, list);
    } else if (topic != NULL) {
        ask_for_topic(consumer, topic);
        (void)rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
        error = rd_kafka_subscribe(consumer->client, list);
    } else {
        struct buffer pattern;
        struct slice java = kafka_options_value(
            options, kafka_options_has(options, "include") ? "include" : "whitelist");
        buffer_init(&pattern, PATTERN_BYTES_MAX + 16 * java.len);
        write_pattern(java, &pattern);
        (void)rd_kafka_topic_partition_list_add(list, (const char *)pattern.data,
                                                RD_KAFKA_PARTITION_UA);
        error = rd_kafka_subscribe(consumer->client, list);
        buffer_release(&pattern);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

static int connect_consumer(struct console_consumer *consumer)
{
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(&consumer->properties, false, &consumer->message);
    if (conf == NULL) {
        return tool_uncaught("org.apache.kafka.common.config.ConfigException",
                             consumer->message.text);
    }
    bool sees_internal =
        client_properties_get(&consumer->properties, "exclude.internal.topics") != NULL &&
        !client_properties_is_true(&consumer->properties, "exclude.internal.topics");
    if (!kafka_options_has(consumer->options, "topic") && !sees_internal) {
        rdkafka_conf_set(conf, "topic.blacklist", "^__consumer_offsets$,^__transaction_state$");
    }
    rdkafka_conf_set(conf, "enable.partition.eof", "false");
    rdkafka_conf_set(conf, "topic.metadata.refresh.interval.ms", "30000");
    consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (consumer->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return tool_uncaught("org.apache.kafka.common.config.ConfigException", text);
    }
    (void)rd_kafka_poll_set_consumer(consumer->client);
    rd_kafka_resp_err_t error = subscribe(consumer);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return tool_uncaught(rdkafka_exception(error), rd_kafka_err2str(error));
    }
    return 0;
}

/* ---- records ----------------------------------------------------------------------------------
 */

/* False when nobody reads any more. */
static bool write_output(struct console_consumer *consumer)
{
    struct buffer *output = &consumer->output;
    bool is_written = output->len == 0 ||
                      fwrite(output->data, 1, output->len, stdout) == output->len;
    is_written = fflush(stdout) == 0 && is_written;
    buffer_clear(output, OUTPUT_BYTES_BEFORE_WRITE);
    if (!is_written) {
        fprintf(stderr, "Unable to write to standard out, closing consumer.\n");
    }
    return is_written;
}

static struct slice field(const void *bytes, size_t len)
{
    return bytes == NULL ? SLICE_NULL : slice_of(bytes, len);
}

static int format_record(struct console_consumer *consumer, const rd_kafka_message_t *message)
{
    static struct formatted_header headers[HEADERS_MAX];
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    struct formatted_message record = {
        .topic = rd_kafka_topic_name(message->rkt),
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
        .key = field(message->key, message->key_len),
        .value = field(message->payload, message->len),
        .headers = headers,
    };
    record.timestamp_type = type == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? "CreateTime"
                            : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime"
                                                                         : NULL;
    rd_kafka_headers_t *list = NULL;
    if (consumer->formatter.prints_headers &&
        rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *name;
        const void *value;
        size_t len;
        while (record.header_count < HEADERS_MAX &&
               rd_kafka_header_get_all(list, record.header_count, &name, &value, &len) ==
                   RD_KAFKA_RESP_ERR_NO_ERROR) {
            headers[record.header_count++] = (struct formatted_header){slice_of_cstr(name),
                                                                       field(value, len)};
        }
    }
    size_t before = consumer->output.len;
    int err = message_format(&consumer->formatter, &record, &consumer->output, &consumer->message);
    if (err != 0 && consumer->skips_errors) {
        consumer->output.len = before;
        tool_log("ERROR", LOGGER, "Error processing message, skipping this message: %s",
                 consumer->message.text);
        return ERR_OK;
    }
    return err;
}

/* What poll gave that is no record. False: the end. */
static bool take_error(const rd_kafka_message_t *message)
{
    rd_kafka_resp_err_t error = message->err;
    bool is_passing = error == RD_KAFKA_RESP_ERR__TRANSPORT ||
                      error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                      error == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED ||
                      error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                      error == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    const char *sentence = rd_kafka_message_errstr(message);
    if (error != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        tool_log(is_passing ? "WARN" : "ERROR",
                 is_passing ? "org.apache.kafka.clients.NetworkClient" : LOGGER,
                 is_passing ? "%s: %s"
                            : "Error processing message, terminating consumer process: %s: %s",
                 is_passing ? rd_kafka_err2name(error) : rdkafka_exception(error), sentence);
    }
    return is_passing;
}

static void log_timeout(void)
{
    tool_log("ERROR", LOGGER, "Error processing message, terminating consumer process: ");
    fprintf(stderr, "org.apache.kafka.common.errors.TimeoutException\n");
}

static int consume(struct console_consumer *consumer)
{
    int64_t since = tool_now_ms();
    bool has_waited = false;
    while ((consumer->max_messages < 0 || consumer->count < consumer->max_messages) &&
           tool_caught_signal() == 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->client,
                                                             has_waited ? POLL_MS : 0);
        if (message == NULL) {
            if (!has_waited && !write_output(consumer)) {
                return 0;
            }
            has_waited = true;
            if (consumer->timeout_ms >= 0 && tool_now_ms() - since > consumer->timeout_ms) {
                log_timeout();
                return 0;
            }
            continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            bool goes_on = take_error(message);
            rd_kafka_message_destroy(message);
            if (!goes_on) {
                return 0;
            }
            continue;
        }
        consumer->count += 1;
        since = tool_now_ms();
        has_waited = false;
        int err = format_record(consumer, message);
        rd_kafka_message_destroy(message);
        if (err != 0) {
            return err;
        }
        if (consumer->output.len >= OUTPUT_BYTES_BEFORE_WRITE && !write_output(consumer)) {
            return 0;
        }
    }
    return 0;
}

static int run(struct console_consumer *consumer)
{
    tool_catch_signals();
    int code = connect_consumer(consumer);
    if (code != 0) {
        return code;
    }
    int err = consume(consumer);
    (void)write_output(consumer);
    if (err != 0) {
        tool_log("ERROR", LOGGER, "Unknown error when running consumer: ");
        fprintf(stderr, "org.apache.kafka.common.errors.SerializationException: %s\n",
                consumer->message.text);
    }
    (void)rd_kafka_consumer_close(consumer->client);
    rd_kafka_destroy(consumer->client);
    fprintf(stderr, "Processed a total of %" PRId64 " messages\n", consumer->count);
    if (kafka_options_has(consumer->options, "enable-systest-events")) {
        printf("shutdown_complete\n");
        (void)fflush(stdout);
    }
    return tool_exit_code(err == 0 ? 0 : 1);
}

int tool_kafka_console_consumer(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_options_read(&options, &kafka_console_consumer_syntax, argc, argv, &code)) {
        return code;
    }
    struct console_consumer consumer = {
        .options = &options,
        .skips_errors = kafka_options_has(&options, "skip-message-on-error"),
    };
    client_properties_init(&consumer.properties);
    client_properties_init(&consumer.formatter_properties);
    buffer_init(&consumer.output, OUTPUT_BYTES_MAX);
    code = check_options(&options);
    code = code != 0 ? code : read_numbers(&consumer);
    code = code != 0 ? code : read_offset(&consumer);
    code = code != 0 ? code : read_properties(&consumer);
    code = code != 0 ? code : read_formatter(&consumer);
    code = code != 0 ? code : run(&consumer);
    buffer_release(&consumer.output);
    client_properties_release(&consumer.properties);
    client_properties_release(&consumer.formatter_properties);
    kafka_options_release(&options);
    return code;
}
