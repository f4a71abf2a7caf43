/* kafka_producer_perf_test.c - kafka-producer-perf-test.sh: how many records a cluster takes, and
 * how fast it acknowledges them.
 *
 * Records are sent as fast as --throughput allows; what each took from the call to its
 * acknowledgement goes into a sample of at most 500,000, of which the percentiles are made. Every
 * five seconds a line tells the last ones, the last line tells all. The producer is librdkafka's
 * with Java's defaults (batches of 16 KiB, 32 MiB of memory, no linger), so that properties mean
 * what they mean there.
 *
 * Source: ProducerPerformance of Apache Kafka 2.7 and 3.9.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/kafka/kafka_options.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/rdkafka_client.h"

#define SAMPLES_MAX INT64_C(500000)
#define REPORT_MS 5000
#define POLL_EVERY 64 /* records between two looks at what was acknowledged */
#define WAIT_MS 10
#define MAX_BLOCK_MS 60000
#define TXN_TIMEOUT_MS 60000
#define FILE_BYTES_MAX ((size_t)1 << 31)
#define PAYLOADS_MAX 1000000

static const struct kafka_option options_table[] = {
    {.name = "topic",
     .is_required = true,
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "TOPIC",
     .description = "produce messages to this topic"},
    {.name = "num-records",
     .is_required = true,
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "NUM-RECORDS",
     .description = "number of messages to produce"},
    {.name = "payload-delimiter",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "PAYLOAD-DELIMITER",
     .description = "what stands between the payloads of --payload-file",
     .default_value = "\\n"},
    {.name = "throughput",
     .is_required = true,
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "THROUGHPUT",
     .description = "at most about so many messages a second; -1: as fast as it goes"},
    {.name = "producer-props",
     .argument = KAFKA_OPTION_LIST,
     .value_name = "PROP-NAME=PROP-VALUE",
     .description = "properties of the producer; they win over those of --producer.config"},
    {.name = "producer.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "CONFIG-FILE",
     .description = "a file of the producer's properties"},
    {.name = "print-metrics", .description = "print metrics at the end of the test"},
    {.name = "transactional-id",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "TRANSACTIONAL-ID",
     .description = "the transactional id, when transaction-duration-ms is > 0",
     .default_value = "performance-producer-default-transactional-id"},
    {.name = "transaction-duration-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "TRANSACTION-DURATION",
     .description = "commit a transaction after so long; 0: no transactions",
     .default_value = "0"},
    {.name = "record-size",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "RECORD-SIZE",
     .description = "message size in bytes; or one of the next two"},
    {.name = "payload-file",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "PAYLOAD-FILE",
     .description = "a file of payloads, of which each message takes one at random"},
    {.name = "payload-monotonic", .description = "payloads are 0, 1, 2, ..."},
};

static const char *const payloads[] = {"record-size", "payload-file", "payload-monotonic", NULL};

const struct kafka_options_syntax kafka_producer_perf_test_syntax = {
    .tool = "kafka-producer-perf-test",
    .purpose = "This tool measures how fast a topic takes records.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .is_argparse = true,
    .program = "producer-performance",
    .one_of = payloads,
};

struct figures {
    int64_t count;
    int64_t bytes;
    int64_t total_latency_ms;
    int64_t max_latency_ms;
    int64_t since_ms;
};

struct perf {
    struct kafka_options *options;
    struct client_properties properties;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    struct errmsg message;
    int64_t record_count;
    int64_t record_size; /* -1: not by size */
    double throughput;
    int64_t transaction_ms;
    int64_t transaction_since_ms;
    bool is_in_transaction;
    struct random random;
    char *payload; /* of record_size, or room for a number */
    size_t payload_size;
    char *file;
    size_t file_len;
    struct slice *file_payloads;
    size_t file_payload_count;
    /* what was acknowledged */
    int64_t origin_ms;
    int64_t sampling;
    int32_t *samples;
    size_t sample_count;
    size_t sample_max;
    struct figures window;
    struct figures all;
    int64_t failures;
};

/* ---- figures -----------------------------------------------------------------------------------
 */

static void add(struct figures *figures, int64_t latency_ms, size_t bytes)
{
    figures->count += 1;
    figures->bytes += (int64_t)bytes;
    figures->total_latency_ms += latency_ms;
    figures->max_latency_ms = MAX(figures->max_latency_ms, latency_ms);
}

static double per_second(int64_t amount, int64_t elapsed_ms)
{
    return 1000.0 * (double)amount / (double)elapsed_ms;
}

static void print_window(struct perf *perf, int64_t now_ms)
{
    struct figures *window = &perf->window;
    int64_t elapsed = now_ms - window->since_ms;
    printf("%" PRId64
           " records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max "
           "latency.\n",
           window->count, per_second(window->count, elapsed),
           per_second(window->bytes, elapsed) / (1024.0 * 1024.0),
           (double)window->total_latency_ms / (double)window->count,
           (double)window->max_latency_ms);
    (void)fflush(stdout);
    *window = (struct figures){.since_ms = now_ms};
}

static int compare(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void print_total(struct perf *perf)
{
    const struct figures *all = &perf->all;
    int64_t elapsed = tool_now_ms() - all->since_ms;
    static const double shares[] = {0.5, 0.95, 0.99, 0.999};
    int32_t values[ARRAY_LEN(shares)] = {0};
    qsort(perf->samples, perf->sample_count, sizeof *perf->samples, compare);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        values[i] = perf->samples[(size_t)(shares[i] * (double)perf->sample_count)];
    }
    printf("%" PRId64
           " records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max "
           "latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
           all->count, per_second(all->count, elapsed),
           per_second(all->bytes, elapsed) / (1024.0 * 1024.0),
           all->count == 0 ? 0.0 : (double)all->total_latency_ms / (double)all->count,
           (double)all->max_latency_ms, values[0], values[1], values[2], values[3]);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct perf *perf = opaque;
    (void)client;
    int64_t now = tool_now_ms();
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        perf->failures += 1;
        (void)fflush(stdout);
        fprintf(stderr, "%s: %s\n", rdkafka_exception(message->err),
                rd_kafka_err2str(message->err));
        return;
    }
    int64_t sent_ms = perf->origin_ms + (int64_t)(uintptr_t)message->_private;
    int64_t latency = now - sent_ms;
    if (perf->all.count % perf->sampling == 0 && perf->sample_count < perf->sample_max) {
        perf->samples[perf->sample_count++] = (int32_t)MIN(latency, (int64_t)INT32_MAX);
    }
    add(&perf->all, latency, message->len);
    add(&perf->window, latency, message->len);
    if (now - perf->window.since_ms >= REPORT_MS) {
        print_window(perf, now);
    }
}

/* ---- payloads ----------------------------------------------------------------------------------
 */

static int read_file(struct perf *perf, const char *path)
{
    printf("Reading payloads from: %s\n", path);
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        size = fseek(file, 0, SEEK_SET) == 0 ? size : -1;
    }
    if (size <= 0 || (size_t)size > FILE_BYTES_MAX) {
        if (file != NULL) {
            (void)fclose(file);
        }
        return tool_uncaught("java.lang.IllegalArgumentException",
                             "File does not exist or empty file provided.");
    }
    perf->file_len = (size_t)size;
    perf->file = mem_alloc(perf->file_len);
    size_t got = fread(perf->file, 1, perf->file_len, file);
    (void)fclose(file);
    const char *word = kafka_options_text(perf->options, "payload-delimiter");
    struct slice delimiter = strcmp(word, "\\n") == 0 ? SLICE_LIT("\n") : slice_of_cstr(word);
    perf->file_payloads = mem_alloc(PAYLOADS_MAX * sizeof *perf->file_payloads);
    struct slice rest = slice_of(perf->file, got);
    while (rest.len > 0 && perf->file_payload_count < PAYLOADS_MAX && delimiter.len > 0) {
        const uint8_t *at = memmem(rest.ptr, rest.len, delimiter.ptr, delimiter.len);
        size_t len = at == NULL ? rest.len : (size_t)(at - rest.ptr);
        perf->file_payloads[perf->file_payload_count++] = slice_part(rest, 0, len);
        rest = slice_part(rest, at == NULL ? rest.len : len + delimiter.len, rest.len);
    }
    printf("Number of messages read: %zu\n", perf->file_payload_count);
    return perf->file_payload_count > 0 ? 0
                                        : tool_uncaught("java.lang.IllegalArgumentException",
                                                        "no payload stands in the file");
}

static struct slice next_payload(struct perf *perf, int64_t i)
{
    if (perf->file_payload_count > 0) {
        return perf->file_payloads[random_below(&perf->random, perf->file_payload_count)];
    }
    if (perf->record_size < 0) {
        int len = snprintf(perf->payload, perf->payload_size, "%" PRId64, i);
        return slice_of(perf->payload, (size_t)len);
    }
    /* 12 letters of 26 out of one number. */
    for (int64_t at = 0; at < perf->record_size;) {
        uint64_t bits = random_next(&perf->random);
        for (int k = 0; k < 12 && at < perf->record_size; k++, at++) {
            perf->payload[at] = (char)('A' + bits % 26);
            bits /= 26;
        }
    }
    return slice_of(perf->payload, (size_t)perf->record_size);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

static int transaction_error(rd_kafka_error_t *error)
{
    if (error == NULL) {
        return 0;
    }
    int code = tool_uncaught("org.apache.kafka.common.KafkaException",
                             rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return code;
}

static int commit(struct perf *perf)
{
    perf->is_in_transaction = false;
    return transaction_error(rd_kafka_commit_transaction(perf->client, TXN_TIMEOUT_MS));
}

/* Waits for room. Errors are told, and the record is not counted. */
static void send_record(struct perf *perf, struct slice payload, int64_t now_ms)
{
    union {
        const uint8_t *from;
        void *to;
    } bytes = {.from = payload.ptr};
    void *sent = (void *)(uintptr_t)(now_ms - perf->origin_ms);
    while (rd_kafka_produce(perf->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, bytes.to,
                            payload.len, NULL, 0, sent) != 0) {
        rd_kafka_resp_err_t error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || tool_caught_signal() != 0) {
            perf->failures += 1;
            fprintf(stderr, "%s: %s\n", rdkafka_exception(error), rd_kafka_err2str(error));
            return;
        }
        (void)rd_kafka_poll(perf->client, WAIT_MS);
    }
}

/* Until record i + 1 is due. */
static void throttle(struct perf *perf, int64_t i)
{
    if (perf->throughput < 0) {
        return;
    }
    double due = (double)(i + 1) * 1000.0 / perf->throughput;
    int64_t due_ms = perf->all.since_ms + (due > 1e15 ? INT64_MAX / 4 : (int64_t)due);
    int64_t left;
    while ((left = due_ms - tool_now_ms()) > 0 && tool_caught_signal() == 0) {
        (void)rd_kafka_poll(perf->client, (int)MIN(left, (int64_t)WAIT_MS));
    }
}

static int send_all(struct perf *perf)
{
    int code = 0;
    for (int64_t i = 0; code == 0 && i < perf->record_count && tool_caught_signal() == 0; i++) {
        struct slice payload = next_payload(perf, i);
        int64_t now = tool_now_ms();
        if (perf->transaction_ms > 0 && !perf->is_in_transaction) {
            code = transaction_error(rd_kafka_begin_transaction(perf->client));
            perf->is_in_transaction = code == 0;
            perf->transaction_since_ms = now;
        }
        if (code == 0) {
            send_record(perf, payload, now);
        }
        if (code == 0 && perf->transaction_ms > 0 &&
            now - perf->transaction_since_ms >= perf->transaction_ms) {
            code = commit(perf);
        }
        if (i % POLL_EVERY == 0) {
            (void)rd_kafka_poll(perf->client, 0);
        }
        throttle(perf, i);
    }
    return code == 0 && perf->is_in_transaction ? commit(perf) : code;
}

static void print_metrics(const struct perf *perf)
{
    static const char names[][32] = {"record-send-total", "record-error-total",
                                     "outgoing-byte-total"};
    const int64_t values[] = {perf->all.count, perf->failures, perf->all.bytes};
    printf("\nMetric Name%*s Value\n", 33, "");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        printf("producer-metrics:%-26s : %.3f\n", names[i], (double)values[i]);
    }
}

static int run_test(struct perf *perf)
{
    int partitions = 0;
    rd_kafka_resp_err_t error = rdkafka_wait_for_topic(
        perf->client, rd_kafka_topic_name(perf->topic), MAX_BLOCK_MS, &partitions, &perf->message);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return tool_uncaught(rdkafka_exception(error), perf->message.text);
    }
    if (perf->transaction_ms > 0) {
        int code = transaction_error(rd_kafka_init_transactions(perf->client, TXN_TIMEOUT_MS));
        if (code != 0) {
            return code;
        }
    }
    perf->origin_ms = tool_now_ms();
    perf->all.since_ms = perf->origin_ms;
    perf->window.since_ms = perf->origin_ms;
    int code = send_all(perf);
    while (rd_kafka_outq_len(perf->client) > 0 && tool_caught_signal() == 0) {
        (void)rd_kafka_flush(perf->client, 100);
    }
    print_total(perf);
    if (kafka_options_has(perf->options, "print-metrics")) {
        print_metrics(perf);
    }
    return tool_exit_code(code);
}

/* ---- configuration -----------------------------------------------------------------------------
 */

static int read_properties(struct perf *perf)
{
    struct kafka_options *options = perf->options;
    struct client_properties *properties = &perf->properties;
    const char *config = kafka_options_text(options, "producer.config");
    if (config != NULL && client_properties_load(properties, config, &perf->message) != 0) {
        return tool_uncaught("java.nio.file.NoSuchFileException", perf->message.text);
    }
    for (size_t i = 0; i < kafka_options_count(options, "producer-props"); i++) {
        struct slice word = kafka_options_nth(options, "producer-props", i);
        struct slice key;
        struct slice value;
        if (!text_cut(word, '=', &key, &value) || value.len == 0) {
            (void)errmsg_set(&perf->message, ERR_INVALID, "Invalid property: %.*s", (int)word.len,
                             (const char *)word.ptr);
            return tool_uncaught("java.lang.IllegalArgumentException", perf->message.text);
        }
    }
    client_properties_add_pairs(properties, options, "producer-props");
    if (perf->transaction_ms > 0) {
        client_properties_set(properties, "transactional.id",
                              kafka_options_value(options, "transactional-id"));
    }
    client_properties_default(properties, "client.id", "perf-producer-client");
    client_properties_default(properties, "buffer.memory", "33554432");
    client_properties_default(properties, "batch.size", "16384");
    client_properties_default(properties, "linger.ms", "0");
    rdkafka_producer_defaults(properties);
    return 0;
}

static int connect_producer(struct perf *perf)
{
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(&perf->properties, true, &perf->message);
    if (conf == NULL) {
        return tool_uncaught("org.apache.kafka.common.config.ConfigException", perf->message.text);
    }
    rd_kafka_conf_set_opaque(conf, perf);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    perf->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (perf->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return tool_uncaught("org.apache.kafka.common.config.ConfigException", text);
    }
    perf->topic = rd_kafka_topic_new(perf->client, kafka_options_text(perf->options, "topic"),
                                     NULL);
    return perf->topic == NULL
               ? tool_uncaught("org.apache.kafka.common.errors.InvalidTopicException",
                               rd_kafka_err2str(rd_kafka_last_error()))
               : 0;
}

static int read_numbers(struct perf *perf)
{
    struct kafka_options *options = perf->options;
    const char *throughput = kafka_options_text(options, "throughput");
    char *end = NULL;
    int32_t record_size = -1;
    perf->throughput = strtod(throughput, &end);
    if (end == throughput || *end != 0) {
        return kafka_options_refuse(options,
                                    "argument --throughput: could not convert '%s' to Double "
                                    "(For input string: \"%s\")",
                                    throughput, throughput);
    }
    if (kafka_options_i64(options, "num-records", &perf->record_count) != 0 ||
        kafka_options_i32(options, "record-size", &record_size) != 0 ||
        kafka_options_i64(options, "transaction-duration-ms", &perf->transaction_ms) != 0) {
        return kafka_options_fail(options);
    }
    perf->record_size = record_size;
    return 0;
}

static int run(struct perf *perf)
{
    struct kafka_options *options = perf->options;
    int code = read_numbers(perf);
    if (code != 0) {
        return code;
    }
    if (!kafka_options_has(options, "producer-props") &&
        !kafka_options_has(options, "producer.config")) {
        return kafka_options_refuse(
            options, "Either --producer-props or --producer.config must be specified.");
    }
    if (perf->record_count < 1 || perf->record_size > INT32_MAX) {
        return tool_uncaught("java.lang.IllegalArgumentException",
                             "there must be at least one record, of less than 2 GiB");
    }
    if (kafka_options_has(options, "payload-file")) {
        code = read_file(perf, kafka_options_text(options, "payload-file"));
        if (code != 0) {
            return code;
        }
    }
    perf->payload_size = (size_t)MAX(perf->record_size, (int64_t)64);
    perf->payload = mem_alloc(perf->payload_size);
    perf->sampling = perf->record_count / MIN(perf->record_count, SAMPLES_MAX);
    perf->sample_max = (size_t)(perf->record_count / perf->sampling);
    perf->samples = mem_alloc_zeroed((perf->sample_max + 1) * sizeof *perf->samples);
    random_init(&perf->random, 0);
    code = read_properties(perf);
    code = code != 0 ? code : connect_producer(perf);
    if (code == 0) {
        tool_catch_signals();
        code = run_test(perf);
    }
    return code;
}

static void release(struct perf *perf)
{
    if (perf->topic != NULL) {
        rd_kafka_topic_destroy(perf->topic);
    }
    if (perf->client != NULL) {
        rd_kafka_destroy(perf->client);
    }
    mem_free(perf->payload, perf->payload_size);
    mem_free(perf->samples, (perf->sample_max + 1) * sizeof *perf->samples);
    mem_free(perf->file, perf->file_len);
    if (perf->file_payloads != NULL) {
        mem_free(perf->file_payloads, PAYLOADS_MAX * sizeof *perf->file_payloads);
    }
    client_properties_release(&perf->properties);
}

int tool_kafka_producer_perf_test(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_options_read(&options, &kafka_producer_perf_test_syntax, argc, argv, &code)) {
        return code;
    }
    struct perf perf = {.options = &options};
    client_properties_init(&perf.properties);
    code = run(&perf);
    release(&perf);
    kafka_options_release(&options);
    return code;
}
