/* kafka_verifiable_producer.c - kafka-verifiable-producer.sh: produces 0, 1, 2, ... and tells as
 * lines of JSON which were acknowledged and which were not.
 *
 * Lines: startup_complete, producer_send_success or producer_send_error for each record,
 * shutdown_complete, tool_data. SIGINT and SIGTERM stop the sending; what is under way is waited
 * for.
 *
 * Source: VerifiableProducer of Apache Kafka 2.7 and 3.9.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/kafka/json_lines.h"
#include "cli/kafka/kafka_options.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/rdkafka_client.h"

#define CONFIG_EXCEPTION "org.apache.kafka.common.config.ConfigException"
#define WAIT_MS 10
#define MAX_BLOCK_MS 60000
#define TEXT_MAX 64

static const struct kafka_option options_table[] = {
    {.name = "topic",
     .is_required = true,
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "TOPIC",
     .description = "produce messages to this topic"},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "HOST1:PORT1[,HOST2:PORT2[...]]",
     .description = "REQUIRED: brokers to ask first"},
    {.name = "broker-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "HOST1:PORT1[,HOST2:PORT2[...]]",
     .description = "DEPRECATED: use --bootstrap-server"},
    {.name = "max-messages",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "MAX-MESSAGES",
     .description = "produce this many messages; -1: until the process is told to end",
     .default_value = "-1"},
    {.name = "throughput",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "THROUGHPUT",
     .description = "at most about so many messages a second; -1: as fast as it goes",
     .default_value = "-1"},
    {.name = "acks",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "ACKS",
     .description = "acknowledgements to wait for: 0, 1 or -1",
     .default_value = "-1"},
    {.name = "producer.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "CONFIG_FILE",
     .description = "a file of the producer's properties"},
    {.name = "message-create-time",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Long",
     .value_name = "CREATETIME",
     .description =
         "the first message's time in milliseconds since 1970; later ones move on as the "
         "clock does",
     .default_value = "-1"},
    {.name = "value-prefix",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "VALUE-PREFIX",
     .description = "a number before each value, with a dot between"},
    {.name = "repeating-keys",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "REPEATING-KEYS",
     .description = "keys 0, 1, ... up to this number (exclusive), then 0 again"},
};

static const char *const servers[] = {"bootstrap-server", "broker-list", NULL};

const struct kafka_options_syntax kafka_verifiable_producer_syntax = {
    .tool = "kafka-verifiable-producer",
    .purpose = "This tool produces increasing integers and tells as JSON which were acknowledged.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .is_argparse = true,
    .program = "verifiable-producer",
    .one_of = servers,
};

struct verifiable_producer {
    struct kafka_options *options;
    struct client_properties properties;
    struct errmsg message;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    struct json_line line;
    int64_t max_messages;
    int64_t throughput;
    int64_t create_time_ms; /* -1: now */
    int64_t value_prefix;   /* -1: none */
    int64_t repeating_keys; /* -1: no keys */
    int64_t key_counter;
    int64_t start_ms;
    int64_t sent;
    int64_t acked;
    int partitions;
};

/* ---- lines -------------------------------------------------------------------------------------
 */

static void tell_failure(struct verifiable_producer *producer,
                         struct slice key,
                         struct slice value,
                         rd_kafka_resp_err_t error,
                         const char *sentence)
{
    struct json_line *line = &producer->line;
    char exception[256];
    (void)snprintf(exception, sizeof exception, "class %s", rdkafka_exception(error));
    json_line_begin(&producer->line, "producer_send_error");
    json_line_text(line, "topic", slice_of_cstr(kafka_options_text(producer->options, "topic")));
    json_line_text(line, "key", key);
    json_line_text(line, "value", value);
    json_line_text(line, "exception", slice_of_cstr(exception));
    json_line_text(line, "message", slice_of_cstr(sentence));
    json_line_end(&producer->line);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct verifiable_producer *producer = opaque;
    struct json_line *line = &producer->line;
    struct slice key = message->key == NULL ? SLICE_NULL : slice_of(message->key, message->key_len);
    struct slice value = slice_of(message->payload, message->len);
    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tell_failure(producer, key, value, message->err, rd_kafka_err2str(message->err));
        return;
    }
    producer->acked += 1;
    json_line_begin(&producer->line, "producer_send_success");
    json_line_text(line, "key", key);
    json_line_text(line, "value", value);
    json_line_number(line, "offset", MAX(message->offset, INT64_C(-1))); /* acks=0: none */
    json_line_text(line, "topic", slice_of_cstr(rd_kafka_topic_name(message->rkt)));
    json_line_number(line, "partition", message->partition);
    json_line_end(&producer->line);
}

static void tell_tool_data(struct verifiable_producer *producer)
{
    int64_t elapsed = MAX(tool_wall_ms() - producer->start_ms, (int64_t)1);
    struct json_line *line = &producer->line;
    json_line_begin(&producer->line, "tool_data");
    json_line_number(line, "sent", producer->sent);
    json_line_number(line, "acked", producer->acked);
    json_line_number(line, "target_throughput", producer->throughput);
    json_line_double(line, "avg_throughput", 1000.0 * ((double)producer->acked / (double)elapsed));
    json_line_end(&producer->line);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

static rd_kafka_resp_err_t enqueue(struct verifiable_producer *producer,
                                   char *key,
                                   char *value,
                                   int64_t timestamp_ms)
{
    size_t key_len = key == NULL ? 0 : strlen(key);
    size_t value_len = strlen(value);
    return rd_kafka_producev(producer->client, RD_KAFKA_V_RKT(producer->topic),
                             RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE(value, value_len),
                             RD_KAFKA_V_TIMESTAMP(timestamp_ms),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
}

static void send_number(struct verifiable_producer *producer, int64_t number)
{
    char key[TEXT_MAX];
    char value[TEXT_MAX];
    bool has_key = producer->repeating_keys >= 0;
    (void)snprintf(key, sizeof key, "%" PRId64, producer->key_counter);
    if (has_key) {
        producer->key_counter += 1;
        producer->key_counter = producer->key_counter == producer->repeating_keys
                                    ? 0
                                    : producer->key_counter;
    }
    if (producer->value_prefix >= 0) {
        (void)snprintf(value, sizeof value, "%" PRId64 ".%" PRId64, producer->value_prefix, number);
    } else {
        (void)snprintf(value, sizeof value, "%" PRId64, number);
    }
    int64_t timestamp_ms = 0;
    if (producer->create_time_ms >= 0) {
        timestamp_ms = producer->create_time_ms;
        producer->create_time_ms += tool_wall_ms() - producer->start_ms;
    }
    producer->sent += 1;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (producer->partitions == 0) {
        error = rdkafka_wait_for_topic(producer->client, rd_kafka_topic_name(producer->topic),
                                       MAX_BLOCK_MS, &producer->partitions, &producer->message);
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        while ((error = enqueue(producer, has_key ? key : NULL, value, timestamp_ms)) ==
                   RD_KAFKA_RESP_ERR__QUEUE_FULL &&
               tool_caught_signal() == 0) {
            (void)rd_kafka_poll(producer->client, WAIT_MS);
        }
        (void)errmsg_set(&producer->message, ERR_OK, "%s", rd_kafka_err2str(error));
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tell_failure(producer, has_key ? slice_of_cstr(key) : SLICE_NULL, slice_of_cstr(value),
                     error, producer->message.text);
    }
}

static void throttle(struct verifiable_producer *producer, int64_t number, int64_t since_ms)
{
    int64_t left;
    if (producer->throughput < 0) {
        (void)rd_kafka_poll(producer->client, 0);
        return;
    }
    int64_t due_ms = producer->throughput == 0
                         ? INT64_MAX
                         : since_ms + (number + 1) * 1000 / producer->throughput;
    do {
        left = due_ms - tool_now_ms();
        (void)rd_kafka_poll(producer->client, (int)MAX(MIN(left, (int64_t)WAIT_MS), (int64_t)0));
    } while (left > 0 && tool_caught_signal() == 0);
}

static int send_all(struct verifiable_producer *producer)
{
    int64_t since_ms = tool_now_ms();
    json_line_begin(&producer->line, "startup_complete");
    json_line_end(&producer->line);
    for (int64_t i = 0;
         (producer->max_messages < 0 || i < producer->max_messages) && tool_caught_signal() == 0;
         i++) {
        send_number(producer, i);
        throttle(producer, i, since_ms);
    }
    while (rd_kafka_outq_len(producer->client) > 0) {
        (void)rd_kafka_flush(producer->client, 100);
    }
    json_line_begin(&producer->line, "shutdown_complete");
    json_line_end(&producer->line);
    tell_tool_data(producer);
    return tool_exit_code(0);
}

/* ---- configuration -----------------------------------------------------------------------------
 */

static int read_numbers(struct verifiable_producer *producer)
{
    struct kafka_options *options = producer->options;
    int32_t numbers[] = {-1, -1, -1, -1, -1};
    static const char *const names[] = {"max-messages", "throughput", "acks", "value-prefix",
                                        "repeating-keys"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (kafka_options_i32(options, names[i], &numbers[i]) != 0) {
            return kafka_options_fail(options);
        }
    }
    if (kafka_options_i64(options, "message-create-time", &producer->create_time_ms) != 0) {
        return kafka_options_fail(options);
    }
    producer->max_messages = numbers[0];
    producer->throughput = numbers[1];
    producer->value_prefix = numbers[3];
    producer->repeating_keys = numbers[4];
    if (numbers[2] < -1 || numbers[2] > 1) {
        return kafka_options_refuse(
            options, "argument --acks: invalid choice: '%d' (choose from {0,1,-1})", numbers[2]);
    }
    return 0;
}

static int connect_producer(struct verifiable_producer *producer)
{
    struct kafka_options *options = producer->options;
    struct client_properties *properties = &producer->properties;
    const char *config = kafka_options_text(options, "producer.config");
    bool has_bootstrap = kafka_options_has(options, "bootstrap-server");
    client_properties_set(
        properties, "bootstrap.servers",
        kafka_options_value(options, has_bootstrap ? "bootstrap-server" : "broker-list"));
    client_properties_set(properties, "acks", kafka_options_value(options, "acks"));
    client_properties_set_text(properties, "retries", "0");
    if (config != NULL && client_properties_load(properties, config, &producer->message) != 0) {
        return kafka_options_refuse(options, "%s", producer->message.text);
    }
    client_properties_default(properties, "linger.ms", "0");
    rdkafka_producer_defaults(properties);
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(properties, true, &producer->message);
    if (conf == NULL) {
        return tool_uncaught(CONFIG_EXCEPTION, producer->message.text);
    }
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return tool_uncaught(CONFIG_EXCEPTION, text);
    }
    producer->topic = rd_kafka_topic_new(producer->client, kafka_options_text(options, "topic"),
                                         NULL);
    return producer->topic == NULL
               ? tool_uncaught(CONFIG_EXCEPTION, rd_kafka_err2str(rd_kafka_last_error()))
               : 0;
}

int tool_kafka_verifiable_producer(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_options_read(&options, &kafka_verifiable_producer_syntax, argc, argv, &code)) {
        return code;
    }
    struct verifiable_producer producer = {.options = &options, .start_ms = tool_wall_ms()};
    client_properties_init(&producer.properties);
    json_line_init(&producer.line);
    code = read_numbers(&producer);
    code = code != 0 ? code : connect_producer(&producer);
    if (code == 0) {
        tool_catch_signals();
        code = send_all(&producer);
    }
    if (producer.topic != NULL) {
        rd_kafka_topic_destroy(producer.topic);
    }
    if (producer.client != NULL) {
        rd_kafka_destroy(producer.client);
    }
    json_line_release(&producer.line);
    client_properties_release(&producer.properties);
    kafka_options_release(&options);
    return code;
}
