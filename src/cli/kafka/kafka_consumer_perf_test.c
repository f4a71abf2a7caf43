/* kafka_consumer_perf_test.c - kafka-consumer-perf-test.sh: how fast a topic can be read.
 *
 * One consumer of a group reads until it has --messages of them, or none came for --timeout ms. The
 * figures are told as one line at the end, or with --show-detailed-stats for each interval; what
 * the group needed to settle is told apart from what fetching took.
 *
 * Source: ConsumerPerformance of Apache Kafka 2.7 and 3.9.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/rdkafka_client.h"

#define POLL_MS 100
#define BATCH_MAX 1000
#define DATE_TEXT_MAX 256
#define GROUP_NUMBERS 100000
#define MEGABYTE (1024.0 * 1024.0)

static const struct kafka_option options_table[] = {
    {.name = "broker-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "broker-list",
     .description = "DEPRECATED: use --bootstrap-server, which wins when both are given."},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server to connect to",
     .description = "REQUIRED unless --broker-list is given: brokers to ask first."},
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic",
     .description = "REQUIRED: the topic to consume."},
    {.name = "group",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "gid",
     .description = "The consumer's group; perf-consumer- and a number when it is not given."},
    {.name = "fetch-size",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "size",
     .description = "Bytes to fetch of one partition at once.",
     .default_value = "1048576"},
    {.name = "from-latest",
     .description =
         "Where the group has no offset yet, begin with the latest record instead of the "
         "earliest."},
    {.name = "socket-buffer-size",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "size",
     .description = "Size of the socket's receive buffer.",
     .default_value = "2097152"},
    {.name = "threads",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "count",
     .description = "DEPRECATED AND IGNORED.",
     .default_value = "10"},
    {.name = "num-fetch-threads",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "count",
     .description = "DEPRECATED AND IGNORED.",
     .default_value = "1"},
    {.name = "consumer.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A file of the consumer's properties."},
    {.name = "print-metrics", .description = "Print metrics at the end."},
    {.name = "show-detailed-stats", .description = "Tell the figures of each reporting interval."},
    {.name = "timeout",
     .argument = KAFKA_OPTION_OPTIONAL,
     .type = "Long",
     .value_name = "milliseconds",
     .description = "The longest time without a record.",
     .default_value = "10000"},
    {.name = "messages",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "count",
     .description = "REQUIRED: how many records to consume."},
    {.name = "reporting-interval",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "interval_ms",
     .description = "Milliseconds between two lines of figures.",
     .default_value = "5000"},
    {.name = "date-format",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "date format",
     .description = "How times are written: letters of Java's SimpleDateFormat.",
     .default_value = "yyyy-MM-dd HH:mm:ss:SSS"},
    {.name = "hide-header", .description = "Print no line of headings."},
};

const struct kafka_options_syntax kafka_consumer_perf_test_syntax = {
    .tool = "kafka-consumer-perf-test",
    .purpose = "This tool measures how fast the records of a topic can be read.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

struct figures {
    int64_t messages;
    int64_t bytes;
};

struct perf {
    struct kafka_options *options;
    struct client_properties properties;
    rd_kafka_t *client;
    struct errmsg message;
    int64_t wanted;
    int64_t timeout_ms;
    int64_t interval_ms;
    bool is_detailed;
    struct figures all;
    struct figures last; /* when the last line was told */
    int64_t last_report_ms;
    int64_t join_since_ms;
    int64_t join_ms;
    int64_t join_ms_of_round;
};

/* ---- dates -------------------------------------------------------------------------------------
 */

/* The letters of SimpleDateFormat that are numbers; quoted text, and everything else, as it is. */
static void append_letters(struct buffer *out,
                           char letter,
                           unsigned count,
                           const struct tm *tm,
                           int ms)
{
    switch (letter) {
    case 'y':
        buffer_append_padded(out, count == 2 ? (tm->tm_year + 1900) % 100 : tm->tm_year + 1900,
                             count);
        break;
    case 'M':
        buffer_append_padded(out, tm->tm_mon + 1, count);
        break;
    case 'd':
        buffer_append_padded(out, tm->tm_mday, count);
        break;
    case 'H':
        buffer_append_padded(out, tm->tm_hour, count);
        break;
    case 'h':
        buffer_append_padded(out, (tm->tm_hour + 11) % 12 + 1, count);
        break;
    case 'a':
        buffer_append_cstr(out, tm->tm_hour < 12 ? "AM" : "PM");
        break;
    case 'm':
        buffer_append_padded(out, tm->tm_min, count);
        break;
    case 's':
        buffer_append_padded(out, tm->tm_sec, count);
        break;
    case 'S':
        buffer_append_padded(out, ms, count);
        break;
    default:
        for (unsigned i = 0; i < count; i++) {
            buffer_append_u8(out, (uint8_t)letter);
        }
        break;
    }
}

static const char *date_text(const struct perf *perf, int64_t wall_ms, char text[DATE_TEXT_MAX])
{
    const char *format = kafka_options_text(perf->options, "date-format");
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    struct buffer out;
    bool is_quoted = false;
    (void)localtime_r(&seconds, &tm);
    buffer_init(&out, 64 * DATE_TEXT_MAX);
    for (size_t i = 0; format[i] != 0 && out.len < DATE_TEXT_MAX;) {
        unsigned count = 1;
        if (format[i] == '\'') {
            is_quoted = !is_quoted;
            i += 1;
            continue;
        }
        while (!is_quoted && format[i + count] == format[i] && count < 32) {
            count++;
        }
        if (is_quoted) {
            buffer_append_u8(&out, (uint8_t)format[i]);
        } else {
            append_letters(&out, format[i], count, &tm, (int)(wall_ms % 1000));
        }
        i += count;
    }
    (void)snprintf(text, DATE_TEXT_MAX, "%.*s", (int)out.len, (const char *)out.data);
    buffer_release(&out);
    return text;
}

/* ---- figures -----------------------------------------------------------------------------------
 */

static double rate(double amount, int64_t ms)
{
    return 1000.0 * amount / (double)ms;
}

static void print_interval(struct perf *perf, int64_t now_ms)
{
    char date[DATE_TEXT_MAX];
    int64_t elapsed = now_ms - perf->last_report_ms;
    int64_t fetch_ms = elapsed - perf->join_ms_of_round;
    double megabytes = (double)(perf->all.bytes - perf->last.bytes) / MEGABYTE;
    double messages = (double)(perf->all.messages - perf->last.messages);
    printf("%s, 0, %.4f, %.4f, %" PRId64 ", %.4f, %" PRId64 ", %" PRId64 ", %.4f, %.4f\n",
           date_text(perf, now_ms, date), (double)perf->all.bytes / MEGABYTE,
           rate(megabytes, elapsed), perf->all.messages, rate(messages, elapsed),
           perf->join_ms_of_round, fetch_ms, fetch_ms <= 0 ? 0.0 : rate(megabytes, fetch_ms),
           fetch_ms <= 0 ? 0.0 : rate(messages, fetch_ms));
    (void)fflush(stdout);
}

static void print_total(const struct perf *perf, int64_t start_ms, int64_t end_ms)
{
    char start[DATE_TEXT_MAX];
    char end[DATE_TEXT_MAX];
    int64_t elapsed = end_ms - start_ms;
    int64_t fetch_ms = elapsed - perf->join_ms;
    double megabytes = (double)perf->all.bytes / MEGABYTE;
    double messages = (double)perf->all.messages;
    printf("%s, %s, %.4f, %.4f, %" PRId64 ", %.4f, %" PRId64 ", %" PRId64 ", %.4f, %.4f\n",
           date_text(perf, start_ms, start), date_text(perf, end_ms, end), megabytes,
           rate(megabytes, elapsed), perf->all.messages, rate(messages, elapsed), perf->join_ms,
           fetch_ms, rate(megabytes, fetch_ms), rate(messages, fetch_ms));
}

/* ---- consuming ---------------------------------------------------------------------------------
 */

static void on_rebalance(rd_kafka_t *client,
                         rd_kafka_resp_err_t error,
                         rd_kafka_topic_partition_list_t *partitions,
                         void *opaque)
{
    struct perf *perf = opaque;
    if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        int64_t elapsed = tool_wall_ms() - perf->join_since_ms;
        perf->join_ms += elapsed;
        perf->join_ms_of_round += elapsed;
        (void)rd_kafka_assign(client, partitions);
    } else {
        perf->join_since_ms = tool_wall_ms();
        (void)rd_kafka_assign(client, NULL);
    }
}

static void count_message(struct perf *perf, const rd_kafka_message_t *message, int64_t now_ms)
{
    perf->all.messages += 1;
    perf->all.bytes += (int64_t)(message->len + message->key_len);
    if (now_ms - perf->last_report_ms >= perf->interval_ms) {
        if (perf->is_detailed) {
            print_interval(perf, now_ms);
        }
        perf->join_ms_of_round = 0;
        perf->last_report_ms = now_ms;
        perf->last = perf->all;
    }
}

static void consume(struct perf *perf)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(perf->client);
    static rd_kafka_message_t *messages[BATCH_MAX];
    int64_t now = tool_wall_ms();
    int64_t last_consumed = now;
    perf->last_report_ms = now;
    while (perf->all.messages < perf->wanted && now - last_consumed <= perf->timeout_ms &&
           tool_caught_signal() == 0) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, POLL_MS, messages, BATCH_MAX);
        now = tool_wall_ms();
        for (ssize_t i = 0; i < count; i++) {
            rd_kafka_resp_err_t error = messages[i]->err;
            if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
                last_consumed = now;
                count_message(perf, messages[i], now);
            } else if (error != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                tool_log("WARN", "org.apache.kafka.clients.NetworkClient", "%s: %s",
                         rd_kafka_err2name(error), rd_kafka_message_errstr(messages[i]));
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    if (perf->all.messages < perf->wanted) {
        printf(
            "WARNING: Exiting before consuming the expected number of messages: timeout (%" PRId64
            " ms) exceeded. You can use the --timeout option to increase the timeout.\n",
            perf->timeout_ms);
    }
}

/* ---- configuration -----------------------------------------------------------------------------
 */

static int fail(const char *sentence)
{
    (void)fflush(stdout);
    fprintf(stderr, "%s\n", sentence);
    return 1;
}

static int check_options(struct perf *perf)
{
    struct kafka_options *options = perf->options;
    static const char *const required[] = {"topic", "messages", NULL};
    if (!kafka_options_has(options, "bootstrap-server") &&
        !kafka_options_has(options, "broker-list")) {
        return kafka_options_usage(options, "Missing required option(s) [bootstrap-server]");
    }
    if (kafka_options_i64(options, "messages", &perf->wanted) != 0 ||
        kafka_options_i64(options, "timeout", &perf->timeout_ms) != 0 ||
        kafka_options_i64(options, "reporting-interval", &perf->interval_ms) != 0) {
        return kafka_options_usage(options, "%s", options->message.text);
    }
    if (kafka_options_has(options, "threads") || kafka_options_has(options, "num-fetch-threads")) {
        printf("WARNING: option [threads] and [num-fetch-threads] have been deprecated and will be "
               "ignored by the test\n");
    }
    if (!kafka_options_require(options, required)) {
        return 1;
    }
    if (perf->interval_ms <= 0) {
        return fail("Reporting interval must be greater than 0.");
    }
    return 0;
}

static int read_properties(struct perf *perf)
{
    const struct kafka_options *options = perf->options;
    struct client_properties *properties = &perf->properties;
    const char *config = kafka_options_text(options, "consumer.config");
    if (config != NULL && client_properties_load(properties, config, &perf->message) != 0) {
        return fail(perf->message.text);
    }
    bool has_bootstrap = kafka_options_has(options, "bootstrap-server");
    client_properties_set(
        properties, "bootstrap.servers",
        kafka_options_value(options, has_bootstrap ? "bootstrap-server" : "broker-list"));
    char group[64];
    unsigned number = (unsigned)(tool_wall_ms() * 2654435761 + getpid()) % GROUP_NUMBERS;
    (void)snprintf(group, sizeof group, "perf-consumer-%u", number);
    const char *given = kafka_options_text(options, "group");
    client_properties_set_text(properties, "group.id", given == NULL ? group : given);
    client_properties_set(properties, "receive.buffer.bytes",
                          kafka_options_value(options, "socket-buffer-size"));
    client_properties_set(properties, "max.partition.fetch.bytes",
                          kafka_options_value(options, "fetch-size"));
    client_properties_set_text(properties, "auto.offset.reset",
                               kafka_options_has(options, "from-latest") ? "latest" : "earliest");
    client_properties_set_text(properties, "check.crcs", "false");
    client_properties_default(properties, "client.id", "perf-consumer-client");
    return 0;
}

static int connect_consumer(struct perf *perf)
{
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(&perf->properties, false, &perf->message);
    if (conf == NULL) {
        return fail(perf->message.text);
    }
    rd_kafka_conf_set_opaque(conf, perf);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    perf->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (perf->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return fail(text);
    }
    (void)rd_kafka_poll_set_consumer(perf->client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, kafka_options_text(perf->options, "topic"),
                                            RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(perf->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : fail(rd_kafka_err2str(error));
}

static int run(struct perf *perf)
{
    int code = check_options(perf);
    code = code != 0 ? code : read_properties(perf);
    if (code != 0) {
        return code;
    }
    perf->is_detailed = kafka_options_has(perf->options, "show-detailed-stats");
    if (!kafka_options_has(perf->options, "hide-header")) {
        printf(
            "%s, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
            "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n",
            perf->is_detailed ? "time, threadId" : "start.time, end.time");
    }
    tool_catch_signals();
    int64_t start_ms = tool_wall_ms();
    perf->join_since_ms = start_ms;
    code = connect_consumer(perf);
    if (code != 0) {
        return code;
    }
    consume(perf);
    int64_t end_ms = tool_wall_ms();
    struct figures all = perf->all;
    int64_t join_ms = perf->join_ms;
    (void)rd_kafka_consumer_close(perf->client);
    perf->all = all;
    perf->join_ms = join_ms;
    if (!perf->is_detailed) {
        print_total(perf, start_ms, end_ms);
    }
    if (kafka_options_has(perf->options, "print-metrics")) {
        printf("\nMetric Name%*s Value\n", 33, "");
        printf("consumer-fetch-manager-metrics:%-26s : %.3f\n", "records-consumed-total",
               (double)all.messages);
        printf("consumer-fetch-manager-metrics:%-26s : %.3f\n", "bytes-consumed-total",
               (double)all.bytes);
    }
    return tool_exit_code(0);
}

int tool_kafka_consumer_perf_test(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_options_read(&options, &kafka_consumer_perf_test_syntax, argc, argv, &code)) {
        return code;
    }
    struct perf perf = {.options = &options};
    client_properties_init(&perf.properties);
    code = run(&perf);
    if (perf.client != NULL) {
        rd_kafka_destroy(perf.client);
    }
    client_properties_release(&perf.properties);
    kafka_options_release(&options);
    return code;
}
