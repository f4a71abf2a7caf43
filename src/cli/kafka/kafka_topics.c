/* kafka_topics.c - kafka-topics: makes, changes, deletes, lists and describes topics.
 *
 * MODEL. One action a call. With --bootstrap-server the brokers do it (the forms of 3.9); with
 * --zookeeper it is read from and written to ZooKeeper, as the tool of 2.7 did, and the controller
 * acts on it (kafka_topics_zookeeper.c). --topic is a regular expression but for --create.
 *
 * WHAT GOES WRONG. Wrong options: the sentence and the usage text on stderr. What a broker refuses:
 * "Error while executing topic command : ..." on stdout, as Apache's tool says it. Both exit
 * with 1.
 *
 * Sources: TopicCommand of Kafka 2.7 (with ZooKeeper) and of 3.9.
 */
#include "cli/kafka/kafka_topics.h"

#include "base/text.h"
#include "cli/kafka/kafka_tools.h"

#define API_TIMEOUT_MS 60000

static const struct kafka_option options_table[] = {
    {.name = "bootstrap-server",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "server to connect to",
     .description = "REQUIRED (or --zookeeper): host:port of one or more brokers, separated by "
                    "commas."},
    {.name = "command-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "command config property file",
     .description = "A property file for the client. Only with --bootstrap-server."},
    {.name = "zookeeper",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "hosts",
     .description = "The form of Kafka 2.7: host:port[,host:port][/chroot] of ZooKeeper, which is "
                    "read and written without a broker."},
    {.name = "list", .description = "Names all topics, or those of --topic."},
    {.name = "create", .description = "Makes a topic."},
    {.name = "delete", .description = "Deletes topics."},
    {.name = "alter",
     .description = "Adds partitions. With --zookeeper also changes --config and --delete-config; "
                    "with a broker kafka-configs does that."},
    {.name = "describe", .description = "Shows partitions, replicas and overridden configs."},
    {.name = "topic",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic",
     .description = "The topic. A regular expression over whole names, but for --create; a "
                    "backslash takes a sign's meaning away: \"test\\.topic\"."},
    {.name = "topic-id",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "topic-id",
     .description = "The id of the topic to describe. Only with --bootstrap-server."},
    {.name = "config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "name=value",
     .description = "A setting of the topic that is made, such as retention.ms=3600000. May be "
                    "repeated."},
    {.name = "delete-config",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "name",
     .description = "A setting to remove. Only with --zookeeper and --alter."},
    {.name = "partitions",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "# of partitions",
     .description = "How many partitions the topic has, or shall have. More partitions change "
                    "which partition a key belongs to."},
    {.name = "replication-factor",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "replication factor",
     .description = "Copies of each partition. Without it the cluster's default."},
    {.name = "replica-assignment",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , "
                   "broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...",
     .description = "Which brokers hold each partition, by hand."},
    {.name = "under-replicated-partitions",
     .description = "Describe: only partitions with fewer in-sync replicas than replicas."},
    {.name = "unavailable-partitions",
     .description = "Describe: only partitions whose leader is not there."},
    {.name = "under-min-isr-partitions",
     .description = "Describe: only partitions with fewer in-sync replicas than "
                    "min.insync.replicas."},
    {.name = "at-min-isr-partitions",
     .description = "Describe: only partitions with exactly min.insync.replicas in sync."},
    {.name = "topics-with-overrides",
     .description = "Describe: only topics with settings of their own, without partitions."},
    {.name = "if-exists", .description = "A topic that is not there is no error."},
    {.name = "if-not-exists", .description = "A topic that is there already is no error."},
    {.name = "disable-rack-aware", .description = "Assign replicas without regard to racks."},
    {.name = "force", .description = "Accepted, without effect."},
    {.name = "exclude-internal", .description = "Leaves Kafka's own topics out."},
    {.name = "partition-size-limit-per-response",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "maximum number of partitions in one response.",
     .description = "Accepted: brokers with ZooKeeper answer in one piece."},
};

const struct kafka_options_syntax kafka_topics_syntax = {
    .tool = "kafka-topics",
    .purpose = "This tool helps to create, delete, describe, or change a topic.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
};

/* ---- checking options ------------------------------------------------------------------------ */

#define ACTIONS_MAX 5

static const char *const actions[ACTIONS_MAX] = {"alter", "create", "describe", "list", "delete"};

struct rule {
    const char *option;
    const char *allowed[4]; /* actions that it goes with; NULL ends */
    const char *others[8];  /* more that it does not go with */
};

static const struct rule rules[] = {
    {"config", {"alter", "create"}, {NULL}},
    {"delete-config", {"alter"}, {"bootstrap-server"}},
    {"partitions", {"alter", "create"}, {NULL}},
    {"replication-factor", {"create"}, {NULL}},
    {"replica-assignment", {"alter", "create"}, {NULL}},
    {"under-replicated-partitions", {"describe"}, {"topics-with-overrides"}},
    {"under-min-isr-partitions", {"describe"}, {"topics-with-overrides", "zookeeper"}},
    {"at-min-isr-partitions", {"describe"}, {"topics-with-overrides", "zookeeper"}},
    {"unavailable-partitions", {"describe"}, {"topics-with-overrides"}},
    {"topics-with-overrides",
     {"describe"},
     {"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions",
      "unavailable-partitions"}},
    {"if-exists", {"alter", "delete", "describe"}, {NULL}},
    {"if-not-exists", {"create"}, {NULL}},
    {"exclude-internal", {"list", "describe"}, {NULL}},
};

static bool is_listed(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count && names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool obeys(const struct kafka_options *options, const struct rule *rule)
{
    const char *refused[ACTIONS_MAX + ARRAY_LEN(rule->others) + 1];
    size_t count = 0;
    for (size_t i = 0; i < ACTIONS_MAX; i++) {
        if (!is_listed(rule->allowed, ARRAY_LEN(rule->allowed), actions[i])) {
            refused[count++] = actions[i];
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(rule->others) && rule->others[i] != NULL; i++) {
        refused[count++] = rule->others[i];
    }
    refused[count] = NULL;
    return kafka_options_exclude(options, rule->option, refused);
}

static bool has(const struct kafka_topics *topics, const char *name)
{
    return kafka_options_has(&topics->options, name);
}

static bool check_required(struct kafka_topics *topics)
{
    const struct kafka_options *options = &topics->options;
    bool needs_topic = !has(topics, "list") && !has(topics, "describe");
    if (has(topics, "describe") && has(topics, "if-exists") && !has(topics, "topic") &&
        !has(topics, "topic-id")) {
        kafka_options_usage(options, "--topic or --topic-id is required to describe a topic");
        return false;
    }
    if (needs_topic && !kafka_options_require(options, (const char *const[]){"topic", NULL})) {
        return false;
    }
    if (has(topics, "zookeeper")) {
        const char *const both[] = {"partitions", "replication-factor", NULL};
        return !has(topics, "create") || has(topics, "replica-assignment") ||
               kafka_options_require(options, both);
    }
    if (has(topics, "alter") && has(topics, "config")) {
        kafka_options_usage(
            options, "Option combination \"[[bootstrap-server], [config]]\" can't be used "
                     "with option \"[alter]\" (the kafka-configs CLI supports altering topic "
                     "configs with a --bootstrap-server option)");
        return false;
    }
    return !has(topics, "alter") ||
           kafka_options_require(options, (const char *const[]){"partitions", NULL});
}

/* -1: go on; else the exit code. */
static int check_options(struct kafka_topics *topics)
{
    struct kafka_options *options = &topics->options;
    size_t action_count = 0;
    for (size_t i = 0; i < ACTIONS_MAX; i++) {
        action_count += has(topics, actions[i]);
    }
    if (action_count != 1) {
        return kafka_options_usage(options, "Command must include exactly one action: --list, "
                                            "--describe, --create, --alter or --delete");
    }
    bool has_both = has(topics, "bootstrap-server") && has(topics, "zookeeper");
    if (has_both || (!has(topics, "bootstrap-server") && !has(topics, "zookeeper"))) {
        kafka_options_error(options, "java.lang.IllegalArgumentException", "%s",
                            has_both
                                ? "Only one of --bootstrap-server or --zookeeper must be specified"
                                : "--bootstrap-server must be specified");
        return kafka_options_fail(options);
    }
    if (!check_required(topics)) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!obeys(options, &rules[i])) {
            return 1;
        }
    }
    const char *const counts[] = {"partitions", "replication-factor", NULL};
    if (has(topics, "create") && !kafka_options_exclude(options, "replica-assignment", counts)) {
        return 1;
    }
    return -1;
}

/* ---- what is to be made ---------------------------------------------------------------------- */

static int bad(struct kafka_topics *topics, const char *exception, const char *text)
{
    return kafka_admin_error(&topics->admin, exception, "%s", text);
}

/* "1:2:3": the brokers of one partition. */
static int read_brokers(struct kafka_topics *topics,
                        struct slice text,
                        struct kafka_broker_list *list)
{
    struct kafka_admin *admin = &topics->admin;
    int32_t count = 1;
    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == ':';
    }
    list->ids = ARENA_ARRAY(&admin->arena, int32_t, count);
    list->count = 0;
    bool has_more = true;
    while (has_more) {
        struct slice one;
        has_more = text_cut(text, ':', &one, &text);
        if (!has_more && one.len == 0 && list->count > 0) {
            break; /* Java's split drops what is empty at the end */
        }
        if (text_parse_i32(text_trim(one), &list->ids[list->count]) != 0) {
            return kafka_admin_error(admin, "java.lang.NumberFormatException",
                                     "For input string: \"%.*s\"", SLICE_ARGS(text_trim(one)));
        }
        for (int32_t i = 0; i < list->count; i++) {
            if (list->ids[i] == list->ids[list->count]) {
                return kafka_admin_error(
                    admin, "org.apache.kafka.server.common.AdminCommandFailedException",
                    "Partition replica lists may not contain duplicate entries: %d", list->ids[i]);
            }
        }
        list->count += 1;
    }
    return 0;
}

static struct slice list_text(struct kafka_admin *admin, const struct kafka_broker_list *list)
{
    struct slice text = SLICE_LIT("[");
    for (int32_t i = 0; i < list->count; i++) {
        text = kafka_admin_format(admin, "%.*s%s%d", SLICE_ARGS(text), i > 0 ? ", " : "",
                                  list->ids[i]);
    }
    return kafka_admin_format(admin, "%.*s]", SLICE_ARGS(text));
}

static int read_assignment(struct kafka_topics *topics, struct kafka_topics_change *change)
{
    struct kafka_admin *admin = &topics->admin;
    struct slice text = kafka_options_value(&topics->options, "replica-assignment");
    int32_t count = 1;
    bool has_more = text.len > 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == ',';
    }
    if (!has_more) {
        return 0;
    }
    if (count > KAFKA_TOPICS_ASSIGNMENT_MAX) {
        return bad(topics, "java.lang.IllegalArgumentException", "too many partitions");
    }
    change->assignment = ARENA_ARRAY(&admin->arena, struct kafka_broker_list, count);
    while (has_more) {
        struct slice one;
        has_more = text_cut(text, ',', &one, &text);
        if (!has_more && one.len == 0 && change->assignment_count > 0) {
            break;
        }
        struct kafka_broker_list *list = &change->assignment[change->assignment_count];
        int error = read_brokers(topics, one, list);
        if (error != 0) {
            return error;
        }
        if (list->count != change->assignment[0].count) {
            return kafka_admin_error(admin,
                                     "org.apache.kafka.server.common.AdminOperationException",
                                     "Partition %d has different replication factor: %.*s",
                                     change->assignment_count, SLICE_ARGS(list_text(admin, list)));
        }
        change->assignment_count += 1;
    }
    return 0;
}

/* "key=value"; Java's split drops an empty value at the end. */
static bool split_config(struct slice text, struct slice *key, struct slice *value)
{
    struct slice rest;
    bool has_value = text_cut(text, '=', key, &rest);
    *key = text_trim(*key);
    *value = text_trim(rest);
    return has_value && value->len > 0 && memchr(value->ptr, '=', value->len) == NULL;
}

static int read_configs(struct kafka_topics *topics, struct kafka_topics_change *change)
{
    size_t count = kafka_options_count(&topics->options, "config");
    change->configs = kafka_admin_array(&topics->admin, &kafka_create_topics_request_config_message,
                                        (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        struct slice key;
        struct slice value;
        int32_t at = 0;
        if (!split_config(kafka_options_nth(&topics->options, "config", i), &key, &value)) {
            return bad(topics, "java.lang.IllegalArgumentException",
                       "requirement failed: Invalid topic config: all configs to be added must be "
                       "in the format \"key=val\".");
        }
        /* The last of equal names wins, as in Properties. */
        while (at < change->config_count && !slice_equal(change->configs[at].name, key)) {
            at++;
        }
        change->configs[at].name = key;
        change->configs[at].value = value;
        change->config_count = MAX(change->config_count, at + 1);
    }
    return 0;
}

int kafka_topics_read_change(struct kafka_topics *topics, struct kafka_topics_change *change)
{
    struct kafka_options *options = &topics->options;
    *change = (struct kafka_topics_change){
        .name = kafka_options_value(options, "topic"),
        .partitions = -1,
        .replication_factor = -1,
    };
    int error = kafka_options_single(options, "topic");
    if (error == 0) {
        error = kafka_options_i32(options, "partitions", &change->partitions);
    }
    if (error == 0) {
        error = kafka_options_i32(options, "replication-factor", &change->replication_factor);
    }
    if (error != 0) {
        return bad(topics, options->exception, options->message.text);
    }
    error = read_assignment(topics, change);
    return error != 0 ? error : read_configs(topics, change);
}

/* ---- create, alter, delete through a broker -------------------------------------------------- */

static int16_t create_error(const void *response, int16_t version)
{
    const struct kafka_create_topics_response *created = response;
    (void)version;
    /* Waiting would help these two alone: a timeout may have made the topic. */
    int16_t error = created->topics_count > 0 ? created->topics[0].error_code : 0;
    return error == KAFKA_ERROR_NOT_CONTROLLER ? error : 0;
}

static int create_topic(struct kafka_topics *topics, const struct kafka_topics_change *change)
{
    struct kafka_admin *admin = &topics->admin;
    struct kafka_create_topics_request request;
    codec_init(&kafka_create_topics_request_message, &request);
    struct kafka_create_topics_request_topic *topic = kafka_admin_array(
        admin, &kafka_create_topics_request_topic_message, 1);
    topic->name = change->name;
    topic->num_partitions = change->partitions;
    topic->replication_factor = (int16_t)change->replication_factor;
    topic->configs = change->configs;
    topic->configs_count = change->config_count;
    topic->assignments = kafka_admin_array(admin, &kafka_create_topics_request_assignment_message,
                                           change->assignment_count);
    topic->assignments_count = change->assignment_count;
    for (int32_t i = 0; i < change->assignment_count; i++) {
        topic->assignments[i].partition_index = i;
        topic->assignments[i].broker_ids = change->assignment[i].ids;
        topic->assignments[i].broker_ids_count = change->assignment[i].count;
    }
    request.topics = topic;
    request.topics_count = 1;
    request.timeout_ms = API_TIMEOUT_MS;
    struct kafka_admin_call call = {
        .name = "createTopics",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_create_topics_request_message,
        .response_message = &kafka_create_topics_response_message,
        .request = &request,
        .error_of = create_error,
    };
    const struct kafka_create_topics_response *response = kafka_admin_ask(admin, &call);
    if (response == NULL) {
        return ERR_INVALID;
    }
    if (response->topics_count < 1) {
        return bad(topics, "org.apache.kafka.common.errors.UnknownServerException",
                   "The broker's answer does not name the topic.");
    }
    int16_t error = response->topics[0].error_code;
    if (error == KAFKA_ERROR_TOPIC_ALREADY_EXISTS && has(topics, "if-not-exists")) {
        return 0;
    }
    if (error != 0) {
        return kafka_admin_kafka_error(admin, error, response->topics[0].error_message);
    }
    printf("Created topic %.*s.\n", SLICE_ARGS(change->name));
    return 0;
}

static int run_create(struct kafka_topics *topics)
{
    struct kafka_topics_change change;
    int error = kafka_topics_read_change(topics, &change);
    if (error != 0) {
        return error;
    }
    if (memchr(change.name.ptr, '.', change.name.len) != NULL ||
        memchr(change.name.ptr, '_', change.name.len) != NULL) {
        printf("WARNING: Due to limitations in metric names, topics with a period ('.') or "
               "underscore ('_') could collide. To avoid issues it is best to use either, but not "
               "both.\n");
    }
    bool has_factor = has(topics, "replication-factor");
    if (has_factor && (change.replication_factor > INT16_MAX || change.replication_factor < 1)) {
        return bad(topics, "java.lang.IllegalArgumentException",
                   "The replication factor must be between 1 and 32767 inclusive");
    }
    if (has(topics, "partitions") && change.partitions < 1) {
        return bad(topics, "java.lang.IllegalArgumentException",
                   "The partitions must be greater than 0");
    }
    return create_topic(topics, &change);
}

static int16_t partitions_error(const void *response, int16_t version)
{
    const struct kafka_create_partitions_response *created = response;
    (void)version;
    int16_t error = created->results_count > 0 ? created->results[0].error_code : 0;
    return error == KAFKA_ERROR_NOT_CONTROLLER ? error : 0;
}

static int add_partitions(struct kafka_topics *topics,
                          struct kafka_create_partitions_request_topic *changes,
                          int32_t count)
{
    struct kafka_admin *admin = &topics->admin;
    struct kafka_create_partitions_request request;
    codec_init(&kafka_create_partitions_request_message, &request);
    request.topics = changes;
    request.topics_count = count;
    request.timeout_ms = API_TIMEOUT_MS;
    struct kafka_admin_call call = {
        .name = "createPartitions",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_create_partitions_request_message,
        .response_message = &kafka_create_partitions_response_message,
        .request = &request,
        .error_of = partitions_error,
    };
    const struct kafka_create_partitions_response *response = kafka_admin_ask(admin, &call);
    for (int32_t i = 0; response != NULL && i < response->results_count; i++) {
        if (response->results[i].error_code != 0) {
            return kafka_admin_kafka_error(admin, response->results[i].error_code,
                                           response->results[i].error_message);
        }
    }
    return response == NULL ? ERR_INVALID : 0;
}

/* The lists behind those of the partitions that are there. */
static void set_assignment(struct kafka_admin *admin,
                           struct kafka_create_partitions_request_topic *topic,
                           const struct kafka_topics_change *change,
                           int32_t existing)
{
    topic->assignments_count = change->assignment == NULL
                                   ? -1
                                   : MAX(change->assignment_count - existing, 0);
    topic->assignments = kafka_admin_array(admin,
                                           &kafka_create_partitions_request_assignment_message,
                                           MAX(topic->assignments_count, 0));
    for (int32_t i = 0; i < topic->assignments_count; i++) {
        topic->assignments[i].broker_ids = change->assignment[existing + i].ids;
        topic->assignments[i].broker_ids_count = change->assignment[existing + i].count;
    }
}

static int run_alter(struct kafka_topics *topics)
{
    struct kafka_admin *admin = &topics->admin;
    struct kafka_topics_change change;
    int32_t count = 0;
    int error = kafka_topics_read_change(topics, &change);
    if (error != 0) {
        return error;
    }
    const struct kafka_metadata_response *metadata = kafka_admin_metadata(admin, "listTopics", NULL,
                                                                          0);
    if (metadata == NULL) {
        return ERR_INVALID;
    }
    struct kafka_create_partitions_request_topic *changes = kafka_admin_array(
        admin, &kafka_create_partitions_request_topic_message, metadata->topics_count);
    for (int32_t i = 0; i < metadata->topics_count; i++) {
        const struct kafka_metadata_response_topic *topic = &metadata->topics[i];
        if (kafka_topic_filter_passes(&topics->filter, topic->name)) {
            changes[count].name = topic->name;
            changes[count].count = change.partitions;
            set_assignment(admin, &changes[count++], &change, topic->partitions_count);
        }
    }
    error = kafka_topics_must_exist(topics, (size_t)count);
    return error != 0 || count == 0 ? error : add_partitions(topics, changes, count);
}

static int16_t delete_error(const void *response, int16_t version)
{
    const struct kafka_delete_topics_response *deleted = response;
    (void)version;
    int16_t error = deleted->responses_count > 0 ? deleted->responses[0].error_code : 0;
    return error == KAFKA_ERROR_NOT_CONTROLLER ? error : 0;
}

static int run_delete(struct kafka_topics *topics)
{
    struct kafka_admin *admin = &topics->admin;
    struct kafka_delete_topics_request request;
    int32_t count;
    struct slice *names = kafka_topics_find(topics, &count);
    int error = count < 0 ? ERR_INVALID : kafka_topics_must_exist(topics, (size_t)count);
    if (error != 0 || count == 0) {
        return error;
    }
    codec_init(&kafka_delete_topics_request_message, &request);
    request.topic_names = names;
    request.topic_names_count = count;
    request.timeout_ms = API_TIMEOUT_MS;
    struct kafka_admin_call call = {
        .name = "deleteTopics",
        .target = {.kind = KAFKA_TARGET_CONTROLLER},
        .request_message = &kafka_delete_topics_request_message,
        .response_message = &kafka_delete_topics_response_message,
        .request = &request,
        .min_version = 0,
        .max_version = 5, /* the last that has names without ids */
        .error_of = delete_error,
    };
    const struct kafka_delete_topics_response *response = kafka_admin_ask(admin, &call);
    for (int32_t i = 0; response != NULL && i < response->responses_count; i++) {
        if (response->responses[i].error_code != 0) {
            return kafka_admin_kafka_error(admin, response->responses[i].error_code,
                                           response->responses[i].error_message);
        }
    }
    return response == NULL ? ERR_INVALID : 0;
}

/* ---- the tool -------------------------------------------------------------------------------- */

int kafka_topics_must_exist(struct kafka_topics *topics, size_t found)
{
    struct slice name = kafka_options_value(&topics->options, "topic");
    bool is_old = has(topics, "zookeeper");
    if (found > 0 || name.len == 0 || has(topics, "if-exists")) {
        return 0;
    }
    /* 3.9 prints its Optional. */
    return kafka_admin_error(&topics->admin, "java.lang.IllegalArgumentException",
                             "Topic '%s%.*s%s' does not exist as expected",
                             is_old ? "" : "Optional[", SLICE_ARGS(name), is_old ? "" : "]");
}

static int run_action(struct kafka_topics *topics)
{
    struct slice pattern = kafka_options_value(&topics->options, "topic");
    struct errmsg message;
    bool is_create = has(topics, "create");
    if (kafka_topic_filter_init(&topics->filter, is_create ? SLICE_NULL : pattern,
                                has(topics, "exclude-internal"), &message) != 0) {
        return bad(topics, "java.lang.RuntimeException", message.text);
    }
    if (has(topics, "zookeeper")) {
        return kafka_topics_zookeeper(topics);
    }
    if (is_create) {
        return run_create(topics);
    }
    if (has(topics, "alter")) {
        return run_alter(topics);
    }
    if (has(topics, "list")) {
        return kafka_topics_list(topics);
    }
    return has(topics, "describe") ? kafka_topics_describe(topics) : run_delete(topics);
}

static int run(struct kafka_topics *topics)
{
    int code = check_options(topics);
    if (code >= 0) {
        return code;
    }
    if (!has(topics, "zookeeper") &&
        kafka_admin_open(&topics->admin, kafka_options_text(&topics->options, "bootstrap-server"),
                         kafka_options_text(&topics->options, "command-config")) != 0) {
        fprintf(stderr, "%s\n", topics->admin.message.text);
        return 1;
    }
    int error = run_action(topics);
    if (error != 0) {
        printf("Error while executing topic command : %s\n", topics->admin.message.text);
    }
    kafka_topic_filter_release(&topics->filter);
    return error != 0 ? 1 : 0;
}

int tool_kafka_topics(int argc, char **argv)
{
    struct kafka_topics topics;
    int code;
    memset(&topics, 0, sizeof topics);
    if (!kafka_options_read(&topics.options, &kafka_topics_syntax, argc, argv, &code)) {
        return code;
    }
    kafka_admin_init(&topics.admin);
    code = run(&topics);
    kafka_admin_close(&topics.admin);
    kafka_options_release(&topics.options);
    return fflush(stdout) == 0 ? code : 1;
}
