/* kafka_get_offsets.c - kafka-get-offsets (GetOffsetShell): where partitions begin, end, or were at
 * a moment.
 *
 * Lines are topic:partition:offset in the order of "topic-partition" as text. A partition without
 * an answer to the question has no line. Also taken, without effect: --offsets and --max-wait-ms of
 * 2.7, whose tool asked old brokers for several offsets.
 *
 * Source: GetOffsetShell, TopicPartitionFilter of Kafka 2.7 and 3.9.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/kafka/kafka_offsets.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/kafka/kafka_topic_filter.h"

#define RULES_MAX 1024

static const struct kafka_option options_table[] = {
    {.name = "broker-list",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "HOST1:PORT1,...,HOST3:PORT3",
     .description = "The older name of --bootstrap-server."},
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "HOST1:PORT1,...,HOST3:PORT3",
     .description = "REQUIRED: host:port of one or more brokers, separated by commas."},
    {.name = "topic-partitions",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
     .description = "Topics (regular expressions) with a partition, or a range whose end does not "
                    "belong to it."},
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic",
     .description = "The topic, a regular expression. Without it all topics."},
    {.name = "partitions",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "partition ids",
     .description = "These partitions only: 0,1,2"},
    {.name = "time",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or "
                   "earliest-local / -5 or latest-tiered",
     .default_value = "latest",
     .description = "Which offset: a place, or the first record from this time on (milliseconds)."},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "config file",
     .description = "A property file for the client."},
    {.name = "exclude-internal-topics", .description = "Leaves Kafka's own topics out."},
    {.name = "offsets",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "count",
     .description = "Of Kafka 2.7; accepted, without effect."},
    {.name = "max-wait-ms",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "ms",
     .description = "Of Kafka 2.7; accepted, without effect."},
};

const struct kafka_options_syntax kafka_get_offsets_syntax = {
    .tool = "kafka-get-offsets",
    .purpose = "An interactive shell for getting topic-partition offsets.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .has_own_help = true,
};

/* A topic filter with the partitions [first, end). */
struct rule {
    struct kafka_topic_filter topics;
    int32_t first;
    int32_t end;
};

struct getter {
    struct kafka_options options;
    struct kafka_admin admin;
    struct rule *rules;
    size_t rule_count;
    int64_t timestamp;
};

static bool has(const struct getter *getter, const char *name)
{
    return kafka_options_has(&getter->options, name);
}

__attribute__((format(printf, 2, 3))) static int refuse(struct getter *getter,
                                                        const char *format,
                                                        ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return kafka_admin_error(&getter->admin, "org.apache.kafka.tools.TerseException", "%s",
                             sentence);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static int read_time(struct getter *getter)
{
    static const struct {
        const char *name;
        int64_t timestamp;
    } places[] = {
        {"earliest", KAFKA_LIST_OFFSETS_EARLIEST},
        {"latest", KAFKA_LIST_OFFSETS_LATEST},
        {"max-timestamp", KAFKA_LIST_OFFSETS_MAX_TIMESTAMP},
        {"earliest-local", KAFKA_LIST_OFFSETS_EARLIEST_LOCAL},
        {"latest-tiered", KAFKA_LIST_OFFSETS_LATEST_TIERED},
    };
    struct slice text = kafka_options_value(&getter->options, "time");
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (slice_equal_cstr(text, places[i].name)) {
            getter->timestamp = places[i].timestamp;
            return 0;
        }
    }
    if (text_parse_i64(text, &getter->timestamp) != 0) {
        return refuse(getter,
                      "Malformed time argument %.*s. Please use -1 or latest / -2 or earliest / -3 "
                      "or max-timestamp / -4 or earliest-local / -5 or latest-tiered, or a "
                      "specified long format timestamp",
                      SLICE_ARGS(text));
    }
    return 0;
}

static int add_rule(struct getter *getter, struct slice topics, int32_t first, int32_t end)
{
    struct errmsg message;
    if (getter->rule_count == RULES_MAX) {
        return refuse(getter, "more rules than one call takes");
    }
    struct rule *rule = &getter->rules[getter->rule_count++];
    *rule = (struct rule){.first = first, .end = end};
    if (kafka_topic_filter_init(&rule->topics, topics, has(getter, "exclude-internal-topics"),
                                &message) != 0) {
        return kafka_admin_error(&getter->admin, "java.lang.RuntimeException", "%s", message.text);
    }
    return 0;
}

/* "topic", "topic:3", "topic:1-", "topic:-4", "topic:1-4" */
static int add_pattern(struct getter *getter, struct slice text)
{
    struct slice topic;
    struct slice partitions;
    struct slice from;
    struct slice to;
    int32_t first = 0;
    int32_t end = INT32_MAX;
    text_cut(text, ':', &topic, &partitions);
    bool is_range = text_cut(partitions, '-', &from, &to);
    bool is_good = from.len == 0 || text_parse_i32(from, &first) == 0;
    is_good = is_good && (to.len == 0 || text_parse_i32(to, &end) == 0);
    if (!is_good || first < 0 || end < 0) {
        return refuse(getter, "Invalid rule specification: %.*s", SLICE_ARGS(text));
    }
    if (!is_range && from.len > 0) {
        end = first == INT32_MAX ? INT32_MAX : first + 1;
    }
    return add_rule(getter, topic.len > 0 ? topic : SLICE_NULL, first, end);
}

static int read_rules(struct getter *getter)
{
    bool has_list = has(getter, "topic-partitions");
    struct slice list = kafka_options_value(&getter->options,
                                            has_list ? "topic-partitions" : "partitions");
    struct slice whole = list;
    bool has_more = list.len > 0;
    int error = 0;
    if (has_list && (has(getter, "topic") || has(getter, "partitions"))) {
        return refuse(getter, "--topic-partitions cannot be used with --topic or --partitions");
    }
    getter->rules = ARENA_ARRAY(&getter->admin.arena, struct rule, RULES_MAX);
    struct slice topic = kafka_options_value(&getter->options, "topic");
    if (!has_more) {
        return add_rule(getter, topic, 0, INT32_MAX);
    }
    while (has_more && error == 0) {
        struct slice one;
        int32_t number;
        has_more = text_cut(list, ',', &one, &list);
        if (has_list) {
            error = add_pattern(getter, one);
        } else if (text_parse_i32(one, &number) != 0) {
            error = refuse(getter,
                           "--partitions expects a comma separated list of numeric partition ids, "
                           "but received: %.*s",
                           SLICE_ARGS(whole));
        } else {
            error = add_rule(getter, topic, number, number == INT32_MAX ? number : number + 1);
        }
    }
    return error;
}

static bool passes(const struct getter *getter, struct slice topic, int32_t partition)
{
    for (size_t i = 0; i < getter->rule_count; i++) {
        const struct rule *rule = &getter->rules[i];
        if (partition >= rule->first && partition < rule->end &&
            kafka_topic_filter_passes(&rule->topics, topic)) {
            return true;
        }
    }
    return false;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int compare_texts(const void *a, const void *b)
{
    const struct kafka_spot *left = a;
    const struct kafka_spot *right = b;
    char texts[2][300];
    snprintf(texts[0], sizeof texts[0], "%.*s-%d", SLICE_ARGS(left->topic), left->partition);
    snprintf(texts[1], sizeof texts[1], "%.*s-%d", SLICE_ARGS(right->topic), right->partition);
    return strcmp(texts[0], texts[1]);
}

static int get_offsets(struct getter *getter)
{
    struct kafka_admin *admin = &getter->admin;
    struct kafka_spots spots = {0};
    char exception[KAFKA_EXCEPTION_TEXT_MAX];
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "listTopics", NULL,
                                                                          0);
    for (int32_t i = 0; metadata != NULL && i < metadata->topics_count; i++) {
        const struct kafka_metadata_response_topic *topic = &metadata->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            if (passes(getter, topic->name, topic->partitions[k].partition_index)) {
                kafka_spots_add(admin, &spots, topic->name, topic->partitions[k].partition_index)
                    ->timestamp = getter->timestamp;
            }
        }
    }
    if (metadata == NULL) {
        return ERR_INVALID;
    }
    if (spots.count == 0) {
        return refuse(getter, "Could not match any topic-partitions with the specified filters");
    }
    qsort(spots.items, (size_t)spots.count, sizeof spots.items[0], compare_texts);
    int error = kafka_spots_ask(admin, &spots, KAFKA_ISOLATION_READ_UNCOMMITTED);
    for (int32_t i = 0; i < spots.count && error == 0; i++) {
        const struct kafka_spot *spot = &spots.items[i];
        if (spot->error != 0) {
            fflush(stdout);
            fprintf(stderr,
                    "Skip getting offsets for topic-partition %.*s-%d due to error: %s: %s\n",
                    SLICE_ARGS(spot->topic), spot->partition,
                    kafka_exception_name(spot->error, exception), kafka_error_text(spot->error));
        } else if (spot->offset >= 0) {
            printf("%.*s:%d:%lld\n", SLICE_ARGS(spot->topic), spot->partition,
                   (long long)spot->offset);
        }
    }
    return error;
}

/* -1: go on. */
static int check_options(struct getter *getter, int argc)
{
    const struct kafka_options *options = &getter->options;
    if (argc == 1 || options->has_help) {
        return kafka_options_usage(options, "%s", kafka_get_offsets_syntax.purpose);
    }
    if (options->has_version) {
        printf("%s\n", KAFKA_TOOLS_VERSION);
        return 0;
    }
    if (!has(getter, "bootstrap-server") && !has(getter, "broker-list")) {
        fprintf(stderr, "Error occurred: Missing required option(s) [bootstrap-server]\n");
        return 1;
    }
    return -1;
}

static int run(struct getter *getter, int argc)
{
    int code = check_options(getter, argc);
    if (code >= 0) {
        return code;
    }
    const char *servers = has(getter, "bootstrap-server") ? "bootstrap-server" : "broker-list";
    int error = read_time(getter);
    snprintf(getter->admin.client_id, sizeof getter->admin.client_id, "GetOffsetShell");
    error = error != 0 ? error : read_rules(getter);
    if (error == 0) {
        error = kafka_admin_open(&getter->admin, kafka_options_text(&getter->options, servers),
                                 kafka_options_text(&getter->options, "command-config"));
    }
    error = error != 0 ? error : get_offsets(getter);
    if (error != 0) {
        fflush(stdout);
        fprintf(stderr, "Error occurred: %s\n", getter->admin.message.text);
    }
    for (size_t i = 0; i < getter->rule_count; i++) {
        kafka_topic_filter_release(&getter->rules[i].topics);
    }
    return error != 0 ? 1 : 0;
}

int tool_kafka_get_offsets(int argc, char **argv)
{
    struct getter getter;
    int code;
    memset(&getter, 0, sizeof getter);
    if (kafka_options_parse(&getter.options, &kafka_get_offsets_syntax, argc, argv) != 0) {
        fprintf(stderr, "Error occurred: %s\n", getter.options.message.text);
        kafka_options_release(&getter.options);
        return 1;
    }
    kafka_admin_init(&getter.admin);
    code = run(&getter, argc);
    kafka_admin_close(&getter.admin);
    kafka_options_release(&getter.options);
    return fflush(stdout) == 0 ? code : 1;
}
