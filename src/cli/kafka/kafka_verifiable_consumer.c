/* kafka_verifiable_consumer.c - kafka-verifiable-consumer.sh: a member of a group that tells as
 * lines of JSON what happens to it.
 *
 * Lines: startup_complete, partitions_assigned, partitions_revoked, record_data (--verbose),
 * records_consumed, offsets_committed, shutdown_complete. Records come in rounds: what was at hand
 * when the first of them arrived is one round, told by partition and then committed, unless
 * --enable-autocommit leaves that to the client. SIGINT and SIGTERM leave the group in order.
 *
 * Source: VerifiableConsumer of Apache Kafka 2.7 and 3.9.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/kafka/json_lines.h"
#include "cli/kafka/kafka_options.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/rdkafka_client.h"

#define CONFIG_EXCEPTION "org.apache.kafka.common.config.ConfigException"
#define POLL_MS 100
#define ROUND_MAX 500 /* max.poll.records */

static const struct kafka_option options_table[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "HOST1:PORT1[,HOST2:PORT2[...]]",
     .description = "REQUIRED unless --broker-list is given: brokers to ask first"},
    {.name = "broker-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "HOST1:PORT1[,HOST2:PORT2[...]]",
     .description = "DEPRECATED: use --bootstrap-server"},
    {.name = "topic",
     .is_required = true,
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "TOPIC",
     .description = "consume messages of this topic"},
    {.name = "group-protocol",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "GROUP_PROTOCOL",
     .description = "the group's protocol; classic is the one that this tool speaks",
     .default_value = "classic"},
    {.name = "group-remote-assignor",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "GROUP_REMOTE_ASSIGNOR",
     .description = "for the group protocol consumer alone"},
    {.name = "group-id",
     .is_required = true,
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "GROUP_ID",
     .description = "the group's id"},
    {.name = "group-instance-id",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "GROUP_INSTANCE_ID",
     .description = "an id of this member that stays the same when it starts again"},
    {.name = "max-messages",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "MAX-MESSAGES",
     .description = "consume this many messages; -1: until the process is told to end",
     .default_value = "-1"},
    {.name = "session-timeout",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "TIMEOUT_MS",
     .description = "the session's timeout",
     .default_value = "30000"},
    {.name = "verbose", .description = "tell of each record"},
    {.name = "enable-autocommit", .description = "let the client commit by itself"},
    {.name = "reset-policy",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "RESETPOLICY",
     .description = "earliest, latest or none",
     .default_value = "earliest"},
    {.name = "assignment-strategy",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "ASSIGNMENTSTRATEGY",
     .description = "the assignor's class",
     .default_value = "org.apache.kafka.clients.consumer.RangeAssignor"},
    {.name = "consumer.config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "CONFIG_FILE",
     .description = "a file of the consumer's properties; the arguments win over it"},
};

static const char *const servers[] = {"bootstrap-server", "broker-list", NULL};

const struct kafka_options_syntax kafka_verifiable_consumer_syntax = {
    .tool = "kafka-verifiable-consumer",
    .purpose = "This tool consumes a topic and tells what happens to it as JSON.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .is_argparse = true,
    .program = "verifiable-consumer",
    .one_of = servers,
};

struct verifiable_consumer {
    struct kafka_options *options;
    struct client_properties properties;
    struct errmsg message;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct json_line line;
    int64_t max_messages;
    int64_t consumed;
    bool is_verbose;
    bool commits_by_itself;
};

/* ---- lines -------------------------------------------------------------------------------------
 */

/* "partitions":[{"topic":...,"partition":...}] */
static void tell_partitions(struct verifiable_consumer *consumer,
                            const char *name,
                            const rd_kafka_topic_partition_list_t *list)
{
    struct json_line *line = &consumer->line;
    json_line_begin(&consumer->line, name);
    json_line_open_list(line, "partitions");
    for (int i = 0; i < list->cnt; i++) {
        json_line_open_object(line);
        json_line_text(line, "topic", slice_of_cstr(list->elems[i].topic));
        json_line_number(line, "partition", list->elems[i].partition);
        json_line_close_object(line);
    }
    json_line_close_list(line);
    json_line_end(&consumer->line);
}

static void tell_record(struct verifiable_consumer *consumer, const rd_kafka_message_t *message)
{
    struct json_line *line = &consumer->line;
    struct slice key = message->key == NULL ? SLICE_NULL : slice_of(message->key, message->key_len);
    struct slice value = message->payload == NULL ? SLICE_NULL
                                                  : slice_of(message->payload, message->len);
    json_line_begin(&consumer->line, "record_data");
    json_line_text(line, "key", key);
    json_line_text(line, "value", value);
    json_line_text(line, "topic", slice_of_cstr(rd_kafka_topic_name(message->rkt)));
    json_line_number(line, "partition", message->partition);
    json_line_number(line, "offset", message->offset);
    json_line_end(&consumer->line);
}

/* ---- rounds ------------------------------------------------------------------------------------
 */

/* What one round holds of one partition. */
struct summary {
    const char *topic;
    int32_t partition;
    int64_t count;
    int64_t min_offset;
    int64_t max_offset;
};

static void add_to(struct summary *summaries, size_t *count, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    size_t i = 0;
    while (i < *count && (summaries[i].partition != message->partition ||
                          strcmp(summaries[i].topic, topic) != 0)) {
        i++;
    }
    if (i == *count) {
        summaries[(*count)++] = (struct summary){topic, message->partition, 0, message->offset,
                                                 message->offset};
    }
    summaries[i].count += 1;
    summaries[i].max_offset = message->offset;
}

static void tell_round(struct verifiable_consumer *consumer,
                       int64_t count,
                       const struct summary *summaries,
                       size_t summary_count)
{
    struct json_line *line = &consumer->line;
    json_line_begin(&consumer->line, "records_consumed");
    json_line_number(line, "count", count);
    json_line_open_list(line, "partitions");
    for (size_t i = 0; i < summary_count; i++) {
        json_line_open_object(line);
        json_line_text(line, "topic", slice_of_cstr(summaries[i].topic));
        json_line_number(line, "partition", summaries[i].partition);
        json_line_number(line, "count", summaries[i].count);
        json_line_number(line, "minOffset", summaries[i].min_offset);
        json_line_number(line, "maxOffset", summaries[i].max_offset);
        json_line_close_object(line);
    }
    json_line_close_list(line);
    json_line_end(&consumer->line);
}

static void commit(struct verifiable_consumer *consumer,
                   const struct summary *summaries,
                   size_t summary_count)
{
    struct json_line *line = &consumer->line;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)summary_count);
    for (size_t i = 0; i < summary_count; i++) {
        rd_kafka_topic_partition_list_add(list, summaries[i].topic, summaries[i].partition)
            ->offset = summaries[i].max_offset + 1;
    }
    rd_kafka_resp_err_t error = rd_kafka_commit(consumer->client, list, 0);
    json_line_begin(&consumer->line, "offsets_committed");
    json_line_open_list(line, "offsets");
    for (int i = 0; i < list->cnt; i++) {
        json_line_open_object(line);
        json_line_text(line, "topic", slice_of_cstr(list->elems[i].topic));
        json_line_number(line, "partition", list->elems[i].partition);
        json_line_number(line, "offset", list->elems[i].offset);
        json_line_close_object(line);
    }
    json_line_close_list(line);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        json_line_text(line, "error", slice_of_cstr(rd_kafka_err2str(error)));
    }
    json_line_bool(line, "success", error == RD_KAFKA_RESP_ERR_NO_ERROR);
    json_line_end(&consumer->line);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool is_finished(const struct verifiable_consumer *consumer)
{
    return consumer->max_messages >= 0 && consumer->consumed >= consumer->max_messages;
}

static void on_rebalance(rd_kafka_t *client,
                         rd_kafka_resp_err_t error,
                         rd_kafka_topic_partition_list_t *partitions,
                         void *opaque)
{
    struct verifiable_consumer *consumer = opaque;
    bool is_assigned = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    bool is_cooperative = strcmp(rd_kafka_rebalance_protocol(client), "COOPERATIVE") == 0;
    if (is_cooperative) {
        rd_kafka_error_t *failed = is_assigned ? rd_kafka_incremental_assign(client, partitions)
                                               : rd_kafka_incremental_unassign(client, partitions);
        if (failed != NULL) {
            rd_kafka_error_destroy(failed);
        }
    } else {
        (void)rd_kafka_assign(client, is_assigned ? partitions : NULL);
    }
    tell_partitions(consumer, is_assigned ? "partitions_assigned" : "partitions_revoked",
                    partitions);
}

static void take_round(struct verifiable_consumer *consumer)
{
    static rd_kafka_message_t *messages[ROUND_MAX];
    static struct summary summaries[ROUND_MAX];
    size_t summary_count = 0;
    int64_t count = 0;
    ssize_t got = rd_kafka_consume_batch_queue(consumer->queue, POLL_MS, messages, ROUND_MAX);
    for (ssize_t i = 0; i < got; i++) {
        rd_kafka_resp_err_t error = messages[i]->err;
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_log("WARN", "org.apache.kafka.tools.VerifiableConsumer", "%s: %s",
                     rdkafka_exception(error), rd_kafka_message_errstr(messages[i]));
            continue;
        }
        count += 1;
        if (!is_finished(consumer)) {
            add_to(summaries, &summary_count, messages[i]);
            consumer->consumed += 1;
            if (consumer->is_verbose) {
                tell_record(consumer, messages[i]);
            }
        }
    }
    if (count > 0) {
        tell_round(consumer, count, summaries, summary_count);
        if (!consumer->commits_by_itself) {
            commit(consumer, summaries, summary_count);
        }
    }
    for (ssize_t i = 0; i < got; i++) {
        rd_kafka_message_destroy(messages[i]);
    }
}

static int consume(struct verifiable_consumer *consumer)
{
    json_line_begin(&consumer->line, "startup_complete");
    json_line_end(&consumer->line);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, kafka_options_text(consumer->options, "topic"),
                                            RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tool_log("ERROR", "org.apache.kafka.tools.VerifiableConsumer",
                 "Error during processing, terminating consumer process: %s: %s",
                 rdkafka_exception(error), rd_kafka_err2str(error));
    }
    while (error == RD_KAFKA_RESP_ERR_NO_ERROR && !is_finished(consumer) &&
           tool_caught_signal() == 0) {
        take_round(consumer);
    }
    rd_kafka_queue_destroy(consumer->queue);
    (void)rd_kafka_consumer_close(consumer->client);
    json_line_begin(&consumer->line, "shutdown_complete");
    json_line_end(&consumer->line);
    return tool_exit_code(0);
}

/* ---- configuration -----------------------------------------------------------------------------
 */

static int read_properties(struct verifiable_consumer *consumer)
{
    struct kafka_options *options = consumer->options;
    struct client_properties *properties = &consumer->properties;
    static const char *const taken[][2] = {
        {"group.id", "group-id"},
        {"group.instance.id", "group-instance-id"},
        {"auto.offset.reset", "reset-policy"},
        {"session.timeout.ms", "session-timeout"},
        {"partition.assignment.strategy", "assignment-strategy"},
    };
    const char *config = kafka_options_text(options, "consumer.config");
    if (config != NULL && client_properties_load(properties, config, &consumer->message) != 0) {
        return kafka_options_refuse(options, "%s", consumer->message.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        struct slice value = kafka_options_value(options, taken[i][1]);
        if (!slice_is_null(value)) {
            client_properties_set(properties, taken[i][0], value);
        }
    }
    bool has_bootstrap = kafka_options_has(options, "bootstrap-server");
    client_properties_set(
        properties, "bootstrap.servers",
        kafka_options_value(options, has_bootstrap ? "bootstrap-server" : "broker-list"));
    client_properties_set_text(properties, "enable.auto.commit",
                               consumer->commits_by_itself ? "true" : "false");
    if (strcmp(client_properties_get(properties, "auto.offset.reset"), "none") == 0) {
        client_properties_set_text(properties, "auto.offset.reset", "error");
    }
    return 0;
}

static int connect_consumer(struct verifiable_consumer *consumer)
{
    char text[512];
    rd_kafka_conf_t *conf = rdkafka_conf_new(&consumer->properties, false, &consumer->message);
    if (conf == NULL) {
        return tool_uncaught(CONFIG_EXCEPTION, consumer->message.text);
    }
    rd_kafka_conf_set_opaque(conf, consumer);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (consumer->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return tool_uncaught(CONFIG_EXCEPTION, text);
    }
    (void)rd_kafka_poll_set_consumer(consumer->client);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->client);
    return 0;
}

static int run(struct verifiable_consumer *consumer)
{
    struct kafka_options *options = consumer->options;
    int32_t max_messages = -1;
    int32_t session_timeout_ms = 0;
    if (kafka_options_i32(options, "max-messages", &max_messages) != 0 ||
        kafka_options_i32(options, "session-timeout", &session_timeout_ms) != 0) {
        return kafka_options_fail(options);
    }
    consumer->max_messages = max_messages;
    if (strcmp(kafka_options_text(options, "group-protocol"), "classic") != 0) {
        return tool_uncaught(CONFIG_EXCEPTION,
                             "--group-protocol: this tool speaks the classic protocol alone");
    }
    int code = read_properties(consumer);
    code = code != 0 ? code : connect_consumer(consumer);
    if (code == 0) {
        tool_catch_signals();
        code = consume(consumer);
    }
    return code;
}

int tool_kafka_verifiable_consumer(int argc, char **argv)
{
    struct kafka_options options;
    int code = 1;
    if (!kafka_options_read(&options, &kafka_verifiable_consumer_syntax, argc, argv, &code)) {
        return code;
    }
    struct verifiable_consumer consumer = {
        .options = &options,
        .is_verbose = kafka_options_has(&options, "verbose"),
        .commits_by_itself = kafka_options_has(&options, "enable-autocommit"),
    };
    client_properties_init(&consumer.properties);
    json_line_init(&consumer.line);
    code = run(&consumer);
    if (consumer.client != NULL) {
        rd_kafka_destroy(consumer.client);
    }
    json_line_release(&consumer.line);
    client_properties_release(&consumer.properties);
    kafka_options_release(&options);
    return code;
}
