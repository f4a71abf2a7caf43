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

#include "cli/kafka/kafka_arguments.h"
#include "cli/kafka/kafka_record_json.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/rdkafka_client.h"

#define WAIT_MS 10
#define MAX_BLOCK_MS 60000
#define LINE_BYTES_MAX ((size_t)1 << 20)
#define TEXT_MAX 64

static const struct kafka_option options_table[] = {
    {.name = "topic",
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

const struct kafka_options_syntax kafka_verifiable_producer_syntax = {
    .tool = "kafka-verifiable-producer",
    .purpose = "This tool produces increasing integers and tells as JSON which were acknowledged.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .has_own_help = true,
};

static const char *const required[] = {"topic", NULL};
static const char *const servers[] = {"bootstrap-server", "broker-list", NULL};

static const struct kafka_arguments_syntax arguments_syntax = {
    .options = &kafka_verifiable_producer_syntax,
    .program = "verifiable-producer",
    .required = required,
    .exclusive = servers,
};

struct verifiable_producer {
    struct kafka_options *options;
    struct client_properties properties;
    struct errmsg message;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    struct buffer line;
    int64_t max_messages;
    int64_t throughput;
    int64_t acks;
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

static void begin_line(struct verifiable_producer *producer, const char *name)
{
    buffer_clear(&producer->line, LINE_BYTES_MAX);
    buffer_append_cstr(&producer->line, "{\"timestamp\":");
    buffer_append_decimal(&producer->line, tool_wall_ms());
    buffer_append_cstr(&producer->line, ",\"name\":\"");
    buffer_append_cstr(&producer->line, name);
    buffer_append_cstr(&producer->line, "\"");
}

static void add_text(struct verifiable_producer *producer, const char *name, struct slice text)
{
    buffer_append_cstr(&producer->line, ",\"");
    buffer_append_cstr(&producer->line, name);
    buffer_append_cstr(&producer->line, "\":");
    if (slice_is_null(text)) {
        buffer_append_cstr(&producer->line, "null");
    } else {
        kafka_json_string(&producer->line, text);
    }
}

static void add_number(struct verifiable_producer *producer, const char *name, int64_t value)
{
    buffer_append_cstr(&producer->line, ",\"");
    buffer_append_cstr(&producer->line, name);
    buffer_append_cstr(&producer->line, "\":");
    buffer_append_decimal(&producer->line, value);
}

static void end_line(struct verifiable_producer *producer)
{
    buffer_append_cstr(&producer->line, "}\n");
    (void)fwrite(producer->line.data, 1, producer->line.len, stdout);
    (void)fflush(stdout);
}

static void tell_failure(struct verifiable_producer *producer,
                         struct slice key,
                         struct slice value,
                         rd_kafka_resp_err_t error,
                         const char *sentence)
{
    char exception[256];
    (void)snprintf(exception, sizeof exception, "class %s", rdkafka_exception(error));
    begin_line(producer, "producer_send_error");
    add_text(producer, "topic", slice_of_cstr(kafka_options_text(producer->options, "topic")));
    add_text(producer, "key", key);
    add_text(producer, "value", value);
    add_text(producer, "exception", slice_of_cstr(exception));
    add_text(producer, "message", slice_of_cstr(sentence));
    end_line(producer);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct verifiable_producer *producer = opaque;
    struct slice key = message->key == NULL ? SLICE_NULL : slice_of(message->key, message->key_len);
    struct slice value = slice_of(message->payload, message->len);
    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tell_failure(producer, key, value, message->err, rd_kafka_err2str(message->err));
        return;
    }
    producer->acked += 1;
    begin_line(producer, "producer_send_success");
    add_text(producer, "key", key);
    add_text(producer, "value", value);
    add_number(producer, "offset", message->offset);
    add_text(producer, "topic", slice_of_cstr(rd_kafka_topic_name(message->rkt)));
    add_number(producer, "partition", message->partition);
    end_line(producer);
}

static void tell_tool_data(struct verifiable_producer *producer)
{
    int64_t elapsed = MAX(tool_wall_ms() - producer->start_ms, (int64_t)1);
    char average[TEXT_MAX];
    (void)snprintf(average, sizeof average, "%.17g",
                   1000.0 * ((double)producer->acked / (double)elapsed));
    begin_line(producer, "tool_data");
    add_number(producer, "sent", producer->sent);
    add_number(producer, "acked", producer->acked);
    add_number(producer, "target_throughput", producer->throughput);
    buffer_append_cstr(&producer->line, ",\"avg_throughput\":");
    buffer_append_cstr(&producer->line, average);
    buffer_append_cstr(&producer->line, strpbrk(average, ".e") == NULL ? ".0" : "");
    end_line(producer);
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
    begin_line(producer, "startup_complete");
    end_line(producer);
    for (int64_t i = 0;
         (producer->max_messages < 0 || i < producer->max_messages) && tool_caught_signal() == 0;
         i++) {
        send_number(producer, i);
        throttle(producer, i, since_ms);
    }
    while (rd_kafka_outq_len(producer->client) > 0) {
        (void)rd_kafka_flush(producer->client, 100);
    }
    begin_line(producer, "shutdown_complete");
    end_line(producer);
    tell_tool_data(producer);
    return tool_exit_code(0);
}

/* ---- configuration -----------------------------------------------------------------------------
 */

static int fail(const char *sentence)
{
    (void)fflush(stdout);
    fprintf(stderr,
            "Exception in thread \"main\" org.apache.kafka.common.config.ConfigException: %s\n",
            sentence);
    return 1;
}

static bool read_numbers(struct verifiable_producer *producer)
{
    const struct {
        const char *name;
        int64_t *value;
    } numbers[] = {
        {"max-messages", &producer->max_messages},
        {"throughput", &producer->throughput},
        {"acks", &producer->acks},
        {"message-create-time", &producer->create_time_ms},
        {"value-prefix", &producer->value_prefix},
        {"repeating-keys", &producer->repeating_keys},
    };
    producer->value_prefix = -1;
    producer->repeating_keys = -1;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!kafka_arguments_i64(producer->options, &arguments_syntax, numbers[i].name,
                                 numbers[i].value)) {
            return false;
        }
    }
    if (producer->acks < -1 || producer->acks > 1) {
        (void)kafka_arguments_error(&arguments_syntax,
                                    "argument --acks: invalid choice: '%" PRId64
                                    "' (choose from {0,1,-1})",
                                    producer->acks);
        return false;
    }
    return true;
}

static int connect_producer(struct verifiable_producer *producer)
{
    const struct kafka_options *options = producer->options;
    struct client_properties *properties = &producer->properties;
    const char *config = kafka_options_text(options, "producer.config");
    bool has_bootstrap = kafka_options_has(options, "bootstrap-server");
    client_properties_set(
        properties, "bootstrap.servers",
        kafka_options_value(options, has_bootstrap ? "bootstrap-server" : "broker-list"));
    client_properties_set(properties, "acks", kafka_options_value(options, "acks"));
    client_properties_set_text(properties, "retries", "0");
    if (config != NULL && client_properties_load(properties, config, &producer->message) != 0) {
        return kafka_arguments_error(&arguments_syntax, "%s", producer->message.text);
    }
    client_properties_default(properties, "linger.ms", "0");
    rdkafka_producer_defaults(properties);
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(properties, true, &producer->message);
    if (conf == NULL) {
        return fail(producer->message.text);
    }
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return fail(text);
    }
    producer->topic = rd_kafka_topic_new(producer->client, kafka_options_text(options, "topic"),
                                         NULL);
    return producer->topic == NULL ? fail(rd_kafka_err2str(rd_kafka_last_error())) : 0;
}

int tool_kafka_verifiable_producer(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_arguments_read(&options, &arguments_syntax, argc, argv, &code)) {
        return code;
    }
    struct verifiable_producer producer = {.options = &options, .start_ms = tool_wall_ms()};
    client_properties_init(&producer.properties);
    buffer_init(&producer.line, LINE_BYTES_MAX);
    code = read_numbers(&producer) ? connect_producer(&producer) : 1;
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
    buffer_release(&producer.line);
    client_properties_release(&producer.properties);
    kafka_options_release(&options);
    return code;
}
