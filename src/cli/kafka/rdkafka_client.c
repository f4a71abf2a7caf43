/* rdkafka_client.c - see rdkafka_client.h. */
#include "cli/kafka/rdkafka_client.h"
#include "cli/kafka/bootstrap_check.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

#define ERROR_TEXT_MAX 512
#define VALUE_TEXT_MAX 4096
#define DELIVERY_TIMEOUT_MS "120000"
#define TRANSACTION_TIMEOUT_MS "60000"
#define METADATA_SLICE_MS 500 /* so that a signal is seen */
#define METADATA_PAUSE_MS 100 /* retry.backoff.ms */

/* ---- the table --------------------------------------------------------------------------------
 */

enum translation {
    SAME,      /* the name that librdkafka has for it, the value as it is */
    KILOBYTES, /* bytes become KiB */
    NAMES,     /* class names become librdkafka's words: the part before "Assignor" */
    DROPPED,   /* about Java alone, or the tool's own */
};

enum role {
    BOTH,
    PRODUCER,
    CONSUMER,
};

/* Properties of Java's clients that librdkafka has no key of the same name and meaning for, or only
 * for one of the two. Everything that is not here is tried by its own name. */
static const struct row {
    const char *java;
    const char *ours; /* NULL: dropped */
    enum translation translation;
    enum role role;
} table[] = {
    {"send.buffer.bytes", "socket.send.buffer.bytes", SAME, BOTH},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes", SAME, BOTH},
    {"buffer.memory", "queue.buffering.max.kbytes", KILOBYTES, PRODUCER},
    {"max.request.size", "message.max.bytes", SAME, PRODUCER},
    {"fetch.max.wait.ms", "fetch.wait.max.ms", SAME, CONSUMER},
    {"partition.assignment.strategy", "partition.assignment.strategy", NAMES, CONSUMER},
    {"socket.connection.setup.timeout.ms", "socket.connection.setup.timeout.ms", SAME, BOTH},
    {"ssl.keystore.location", "ssl.keystore.location", SAME, BOTH},
    {"ssl.keystore.password", "ssl.keystore.password", SAME, BOTH},
    {"ssl.key.password", "ssl.key.password", SAME, BOTH},
    {"ssl.truststore.location", "ssl.ca.location", SAME, BOTH},
    {"ssl.truststore.certificates", "ssl.ca.pem", SAME, BOTH},
    {"ssl.keystore.key", "ssl.key.pem", SAME, BOTH},
    {"ssl.keystore.certificate.chain", "ssl.certificate.pem", SAME, BOTH},
    {"key.serializer", NULL, DROPPED, BOTH},
    {"value.serializer", NULL, DROPPED, BOTH},
    {"key.deserializer", NULL, DROPPED, BOTH},
    {"value.deserializer", NULL, DROPPED, BOTH},
    {"max.block.ms", NULL, DROPPED, PRODUCER},
    {"max.poll.records", NULL, DROPPED, CONSUMER},
    {"default.api.timeout.ms", NULL, DROPPED, BOTH},
    {"exclude.internal.topics", NULL, DROPPED, CONSUMER},
    {"group.protocol", NULL, DROPPED, CONSUMER},
    {"interceptor.classes", NULL, DROPPED, BOTH},
    {"metric.reporters", NULL, DROPPED, BOTH},
    {"metrics.num.samples", NULL, DROPPED, BOTH},
    {"metrics.recording.level", NULL, DROPPED, BOTH},
    {"metrics.sample.window.ms", NULL, DROPPED, BOTH},
    {"auto.include.jmx.reporter", NULL, DROPPED, BOTH},
    {"enable.metrics.push", NULL, DROPPED, BOTH},
    {"metadata.max.idle.ms", NULL, DROPPED, PRODUCER},
    {"metadata.recovery.strategy", NULL, DROPPED, BOTH},
    {"partitioner.class", NULL, DROPPED, PRODUCER},
    {"partitioner.ignore.keys", NULL, DROPPED, PRODUCER},
    {"partitioner.adaptive.partitioning.enable", NULL, DROPPED, PRODUCER},
    {"partitioner.availability.timeout.ms", NULL, DROPPED, PRODUCER},
    {"compression.gzip.level", NULL, DROPPED, PRODUCER},
    {"compression.lz4.level", NULL, DROPPED, PRODUCER},
    {"compression.zstd.level", NULL, DROPPED, PRODUCER},
    {"retry.backoff.max.ms", NULL, DROPPED, BOTH},
    {"socket.connection.setup.timeout.max.ms", NULL, DROPPED, BOTH},
    {"security.providers", NULL, DROPPED, BOTH},
    {"ssl.keystore.type", NULL, DROPPED, BOTH},
    {"ssl.truststore.type", NULL, DROPPED, BOTH},
    {"ssl.truststore.password", NULL, DROPPED, BOTH},
    {"ssl.protocol", NULL, DROPPED, BOTH},
    {"ssl.enabled.protocols", NULL, DROPPED, BOTH},
    {"ssl.provider", NULL, DROPPED, BOTH},
    {"ssl.engine.factory.class", NULL, DROPPED, BOTH},
    {"ssl.keymanager.algorithm", NULL, DROPPED, BOTH},
    {"ssl.trustmanager.algorithm", NULL, DROPPED, BOTH},
    {"ssl.secure.random.implementation", NULL, DROPPED, BOTH},
    {"sasl.jaas.config", NULL, DROPPED, BOTH}, /* see set_credentials */
};

/* Keys that have the same name in both, but belong to one kind of client: the other's warns. */
static const char *const producer_only[] = {
    "acks",
    "batch.size",
    "compression.type",
    "delivery.timeout.ms",
    "linger.ms",
    "enable.idempotence",
    "retries",
    "request.timeout.ms",
    "retry.backoff.ms",
    "transactional.id",
    "transaction.timeout.ms",
};

static bool is_dropped_for(const char *key, bool is_producer)
{
    for (size_t i = 0; !is_producer && i < ARRAY_LEN(producer_only); i++) {
        if (strcmp(key, producer_only[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const struct row *find_row(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(table[i].java, key) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

/* "org.apache.kafka.clients.consumer.CooperativeStickyAssignor" -> "cooperative-sticky" */
static void strategy_words(const char *value, char *words, size_t size)
{
    static const struct {
        const char *name;
        const char *word;
    } known[] = {{"CooperativeStickyAssignor", "cooperative-sticky"},
                 {"RoundRobinAssignor", "roundrobin"},
                 {"RangeAssignor", "range"},
                 {"StickyAssignor", "range"}};
    struct slice rest = slice_of_cstr(value);
    size_t used = 0;
    bool is_more = true;
    while (is_more) {
        struct slice part;
        is_more = text_cut(rest, ',', &part, &rest);
        part = text_trim(part);
        const char *word = NULL;
        for (size_t i = 0; word == NULL && i < ARRAY_LEN(known); i++) {
            size_t len = strlen(known[i].name);
            bool ends = part.len >= len &&
                        memcmp(part.ptr + part.len - len, known[i].name, len) == 0;
            word = ends ? known[i].word : NULL;
        }
        struct slice text = word == NULL ? part : slice_of_cstr(word);
        int wrote = snprintf(words + used, size - used, "%s%.*s", used > 0 ? "," : "",
                             (int)text.len, (const char *)text.ptr);
        used = MIN(used + (size_t)MAX(wrote, 0), size - 1);
    }
    /* The two kinds of protocol cannot be mixed there; Java's default names both. */
    if (strstr(words, "cooperative-sticky") != NULL && strchr(words, ',') != NULL) {
        (void)snprintf(words, size, "range");
    }
}

static void translate(const struct row *row, const char *value, char *text, size_t size)
{
    int64_t bytes = 0;
    if (row->translation == KILOBYTES && text_parse_i64(slice_of_cstr(value), &bytes) == 0) {
        (void)snprintf(text, size, "%lld", (long long)MAX(bytes / 1024, (int64_t)1));
    } else if (row->translation == NAMES) {
        strategy_words(value, text, size);
    } else {
        (void)snprintf(text, size, "%s", value);
    }
}

/* The quoted or bare word behind `name=` in a JAAS line; false when it is not there. */
static bool jaas_word(const char *config, const char *name, char *word, size_t size)
{
    const char *at = strstr(config, name);
    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    at += strspn(at, " \t=");
    char quote = *at == '"' || *at == '\'' ? *at++ : 0;
    size_t used = 0;
    while (*at != 0 && *at != quote && used + 1 < size &&
           (quote != 0 || strchr(" ;\t", *at) == NULL)) {
        at += *at == '\\' && at[1] != 0 ? 1 : 0;
        word[used++] = *at++;
    }
    word[used] = 0;
    return true;
}

static void set_credentials(rd_kafka_conf_t *conf, const char *config)
{
    char word[VALUE_TEXT_MAX];
    if (config != NULL && jaas_word(config, "username", word, sizeof word)) {
        rdkafka_conf_set(conf, "sasl.username", word);
    }
    if (config != NULL && jaas_word(config, "password", word, sizeof word)) {
        rdkafka_conf_set(conf, "sasl.password", word);
    }
}

static int check_stores(const struct client_properties *properties, struct errmsg *message)
{
    static const char *const stores[] = {"ssl.truststore.location", "ssl.keystore.location"};
    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        const char *path = client_properties_get(properties, stores[i]);
        size_t len = path == NULL ? 0 : strlen(path);
        if (len > 4 && strcmp(path + len - 4, ".jks") == 0) {
            return errmsg_set(
                message, ERR_UNSUPPORTED,
                "%s is %s, in Java's own format. Convert it: keytool -importkeystore "
                "-srckeystore %s -destkeystore store.p12 -deststoretype PKCS12, and a "
                "truststore further with openssl pkcs12 -in store.p12 -nokeys -out "
                "store.pem",
                stores[i], path, path);
        }
    }
    return ERR_OK;
}

/* ---- logging ----------------------------------------------------------------------------------
 */

void tool_log(const char *level, const char *logger, const char *format, ...)
{
    struct timespec now;
    struct tm local;
    char when[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)localtime_r(&now.tv_sec, &local);
    (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    (void)fflush(stdout);
    fprintf(stderr, "[%s,%03ld] %s ", when, now.tv_nsec / 1000000, level);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (%s)\n", logger);
}

int tool_uncaught(const char *exception, const char *sentence)
{
    (void)fflush(stdout);
    fprintf(stderr, "Exception in thread \"main\" %s: %s\n", exception, sentence);
    return 1;
}

static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    /* A coordinator that is still loading is asked again: no news for anybody. */
    bool is_retried = strcmp(facility, "GETPID") == 0 && strstr(text, "retrying") != NULL;
    if (level <= 4 && !is_retried) {
        tool_log(level <= 3 ? "ERROR" : "WARN", "librdkafka", "[%s] %s", facility, text);
    }
}

static void log_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)opaque;
    rd_kafka_resp_err_t code = (rd_kafka_resp_err_t)error;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        tool_log(
            "WARN", "librdkafka",
            "[%s] No broker can be reached: is --bootstrap-server right, and do its brokers run?",
            rd_kafka_name(client));
        return;
    }
    if (code != RD_KAFKA_RESP_ERR__TRANSPORT && code != RD_KAFKA_RESP_ERR__RESOLVE) {
        /* Those two were logged where they happened. */
        tool_log("WARN", "librdkafka", "[%s] %s: %s", rd_kafka_name(client),
                 rd_kafka_err2name(code), reason);
    }
}

/* ---- the configuration ------------------------------------------------------------------------
 */

void rdkafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char text[ERROR_TEXT_MAX];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, key, value, text, sizeof text);
    ASSERT(result == RD_KAFKA_CONF_OK);
}

static int set_property(rd_kafka_conf_t *conf,
                        const struct client_property *property,
                        bool is_producer,
                        struct errmsg *message)
{
    char value[VALUE_TEXT_MAX];
    char text[ERROR_TEXT_MAX];
    const struct row *row = find_row(property->key);
    enum role other = is_producer ? CONSUMER : PRODUCER;
    if (is_dropped_for(property->key, is_producer) ||
        (row != NULL && (row->ours == NULL || row->role == other))) {
        return ERR_OK;
    }
    const char *key = row == NULL ? property->key : row->ours;
    (void)snprintf(value, sizeof value, "%s", property->value);
    if (row != NULL) {
        translate(row, property->value, value, sizeof value);
    }
    switch (rd_kafka_conf_set(conf, key, value, text, sizeof text)) {
    case RD_KAFKA_CONF_UNKNOWN:
        tool_log("WARN", "org.apache.kafka.clients.CommonClientConfigs",
                 "These configurations '[%s]' were supplied but are not used yet.", property->key);
        return ERR_OK;
    case RD_KAFKA_CONF_INVALID:
        return errmsg_set(message, ERR_CONFIG, "Invalid value %s for configuration %s: %s",
                          property->value, property->key, text);
    case RD_KAFKA_CONF_OK:
    default:
        return ERR_OK;
    }
}

rd_kafka_conf_t *rdkafka_conf_new(const struct client_properties *properties,
                                  bool is_producer,
                                  struct errmsg *message)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_line);
    rd_kafka_conf_set_error_cb(conf, log_error);
    rdkafka_conf_set(conf, "log_level", "4");
    rdkafka_conf_set(conf, "log.connection.close", "false");
    rdkafka_conf_set(conf, "client.software.name", "samsa");
    if (!is_producer) {
        rdkafka_conf_set(conf, "allow.auto.create.topics", "true"); /* Java's default */
    }
    int err = check_stores(properties, message);
    if (err == 0) {
        err = bootstrap_check(slice_of_cstr(client_properties_get(properties, "bootstrap.servers")),
                              message);
    }
    for (size_t i = 0; err == 0 && i < properties->count; i++) {
        err = set_property(conf, &properties->items[i], is_producer, message);
    }
    if (err != 0) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    set_credentials(conf, client_properties_get(properties, "sasl.jaas.config"));
    return conf;
}

/* Java's producers are idempotent unless their settings forbid it. */
void rdkafka_producer_defaults(struct client_properties *properties)
{
    const char *acks = client_properties_get(properties, "acks");
    const char *retries = client_properties_get(properties, "retries");
    bool waits_for_all = acks == NULL || strcmp(acks, "-1") == 0 || strcmp(acks, "all") == 0;
    if (waits_for_all && (retries == NULL || strcmp(retries, "0") != 0)) {
        client_properties_default(properties, "enable.idempotence", "true");
    }
    /* In a transaction librdkafka wants it to end before the transaction does. */
    bool is_transactional = client_properties_get(properties, "transactional.id") != NULL;
    const char *longest = client_properties_get(properties, "transaction.timeout.ms");
    client_properties_default(properties, "delivery.timeout.ms",
                              !is_transactional ? DELIVERY_TIMEOUT_MS
                              : longest == NULL ? TRANSACTION_TIMEOUT_MS
                                                : longest);
    client_properties_default(properties, "partitioner", "murmur2_random");
    client_properties_default(properties, "queue.buffering.max.messages", "10000000");
}

/* ---- metadata ---------------------------------------------------------------------------------
 */

/* One question; the number of partitions, or 0 with the reason in *error. */
static int ask_partitions(rd_kafka_t *client,
                          rd_kafka_topic_t *topic,
                          int timeout_ms,
                          rd_kafka_resp_err_t *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    *error = rd_kafka_metadata(client, 0, topic, &metadata, timeout_ms);
    if (*error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    int count = 0;
    if (metadata->topic_cnt > 0) {
        *error = metadata->topics[0].err;
        count = *error == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return count;
}

/* What waiting does not mend. */
static bool is_final(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
           error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

rd_kafka_resp_err_t rdkafka_wait_for_topic(rd_kafka_t *client,
                                           const char *topic,
                                           int64_t max_block_ms,
                                           int *partitions,
                                           struct errmsg *sentence)
{
    int64_t deadline = tool_now_ms() + max_block_ms;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t told = RD_KAFKA_RESP_ERR_NO_ERROR;
    *partitions = 0;
    while (handle != NULL && *partitions == 0 && !is_final(error) && tool_caught_signal() == 0) {
        int64_t left = deadline - tool_now_ms();
        if (left <= 0) {
            break;
        }
        *partitions = ask_partitions(client, handle, (int)MIN(left, (int64_t)METADATA_SLICE_MS),
                                     &error);
        bool is_news = error != told && error != RD_KAFKA_RESP_ERR__TIMED_OUT &&
                       error != RD_KAFKA_RESP_ERR__TRANSPORT;
        if (*partitions == 0 && is_news && !is_final(error)) {
            told = error;
            tool_log("WARN", "org.apache.kafka.clients.NetworkClient",
                     "[%s] Error while fetching metadata: {%s=%s}", rd_kafka_name(client), topic,
                     rd_kafka_err2name(error));
        }
        (void)rd_kafka_poll(client, *partitions == 0 ? METADATA_PAUSE_MS : 0);
    }
    if (handle != NULL) {
        rd_kafka_topic_destroy(handle);
    }
    if (*partitions > 0) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (is_final(error)) {
        (void)errmsg_set(sentence, ERR_INVALID, "Topic %s: %s", topic, rd_kafka_err2str(error));
        return error;
    }
    (void)errmsg_set(sentence, ERR_TIMEOUT, "Topic %s not present in metadata after %lld ms.",
                     topic, (long long)max_block_ms);
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

const char *rdkafka_exception(rd_kafka_resp_err_t error)
{
    switch ((int)error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return "org.apache.kafka.common.errors.TimeoutException";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return "org.apache.kafka.common.errors.UnknownTopicOrPartitionException";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return "org.apache.kafka.common.errors.RecordTooLargeException";
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return "org.apache.kafka.common.errors.InvalidTopicException";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "org.apache.kafka.common.errors.TopicAuthorizationException";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return "org.apache.kafka.common.errors.GroupAuthorizationException";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return "org.apache.kafka.common.errors.SaslAuthenticationException";
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
        return "org.apache.kafka.common.errors.NotEnoughReplicasException";
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return "org.apache.kafka.common.InvalidRecordException";
    default:
        return "org.apache.kafka.common.KafkaException";
    }
}

/* ---- signals and clocks -----------------------------------------------------------------------
 */

static volatile sig_atomic_t caught_signal;

static void remember_signal(int number)
{
    caught_signal = number;
}

void tool_catch_signals(void)
{
    struct sigaction action = {.sa_handler = remember_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

int tool_caught_signal(void)
{
    return caught_signal;
}

int tool_exit_code(int code)
{
    return caught_signal == 0 ? code : 128 + caught_signal;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t tool_now_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t tool_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}
