/*
 * What a user's client sees: librdkafka, producing or consuming so many messages of one size.
 *
 *   kafka_client produce --topic T --messages N --size S --acks A [--codec
 * none|gzip|snappy|lz4|zstd]
 *                        [--linger ms]
 *   kafka_client consume --topic T --messages N
 *
 * Each also takes --port and --server-pid, and prints one line of JSON. The values are text of
 * which a half repeats, so that codecs have something to do.
 */
#include "load/usage.h"

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VALUES 64 /* different ones, used in turn */
#define IDLE_LIMIT_NS (20ull * 1000000000ull)
#define BATCH_MESSAGES 1000

struct options {
    const char *mode;
    const char *topic;
    const char *codec;
    const char *acks;
    const char *linger;
    uint64_t messages;
    size_t size;
    int port;
    pid_t server;
};

static uint64_t delivered;
static uint64_t errors;
static int first_error;

static struct options parse(int argc, char **argv)
{
    struct options options = {.topic = "load",
                              .codec = "none",
                              .acks = "1",
                              .linger = "5",
                              .messages = 1000000,
                              .size = 100,
                              .port = 9092};
    if (argc < 2) {
        load_die("usage: kafka_client produce|consume [--option value]...");
    }
    options.mode = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--topic") == 0) {
            options.topic = value;
        } else if (strcmp(argv[i], "--codec") == 0) {
            options.codec = value;
        } else if (strcmp(argv[i], "--acks") == 0) {
            options.acks = value;
        } else if (strcmp(argv[i], "--linger") == 0) {
            options.linger = value;
        } else if (strcmp(argv[i], "--messages") == 0) {
            options.messages = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--size") == 0) {
            options.size = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--port") == 0) {
            options.port = (int)strtol(value, NULL, 10);
        } else if (strcmp(argv[i], "--server-pid") == 0) {
            options.server = (pid_t)strtol(value, NULL, 10);
        } else {
            load_die("unknown option %s", argv[i]);
        }
    }
    return options;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        load_die("%s", text);
    }
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *ctx)
{
    (void)client;
    (void)ctx;
    delivered += 1;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        first_error = errors == 0 ? (int)message->err : first_error;
        errors += 1;
    }
}

static rd_kafka_t *make_client(const struct options *options, rd_kafka_type_t type)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    snprintf(text, sizeof text, "127.0.0.1:%d", options->port);
    set(conf, "bootstrap.servers", text);
    if (type == RD_KAFKA_PRODUCER) {
        set(conf, "acks", options->acks);
        set(conf, "linger.ms", options->linger);
        set(conf, "compression.codec", options->codec);
        set(conf, "batch.size", "1000000");
        set(conf, "batch.num.messages", "100000");
        set(conf, "queue.buffering.max.messages", "500000");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    } else {
        set(conf, "group.id", "load");
        set(conf, "enable.auto.commit", "false");
        /* All that there is: with a full queue librdkafka sleeps a second before it asks again. */
        set(conf, "queued.max.messages.kbytes", "2097151");
        set(conf, "queued.min.messages", "10000000");
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    if (client == NULL) {
        load_die("%s", text);
    }
    return client;
}

static char *make_values(size_t size)
{
    char *values = malloc(VALUES * size + 1);
    uint64_t seed = 99;
    for (size_t i = 0; i < VALUES * size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = i % 16 < 8 ? "repeated"[i % 8] : (char)('a' + (seed >> 59) % 26);
    }
    return values;
}

static void print(const struct options *options,
                  struct load_usage *start,
                  struct load_usage *end,
                  uint64_t messages,
                  uint64_t bytes)
{
    struct load_usage usage;
    load_usage_between(&usage, start, end);
    double wall_s = (double)usage.wall_ns / 1e9;
    printf(
        "{\"mode\":\"%s\",\"codec\":\"%s\",\"size\":%zu,\"acks\":\"%s\",\"errors\":%llu,"
        "\"first_error\":%d,\"records_per_s\":%.1f,\"mb_per_s\":%.2f,\"server_cpu_s_per_gb\":%.4f,"
        "\"server_cpu_s_per_m_records\":%.5f",
        options->mode, options->codec, options->size, options->acks, (unsigned long long)errors,
        first_error, (double)messages / wall_s, (double)bytes / 1e6 / wall_s,
        (double)usage.server_cpu_ns / (double)bytes,
        (double)usage.server_cpu_ns / 1e3 / (double)messages);
    load_usage_print(&usage, messages, stdout);
    printf("}\n");
}

static void run_produce(const struct options *options)
{
    rd_kafka_t *client = make_client(options, RD_KAFKA_PRODUCER);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, options->topic, NULL);
    char *values = make_values(options->size);
    struct load_usage start;
    struct load_usage end;
    const struct rd_kafka_metadata *metadata;
    /* The topic is there and known before the clock runs. */
    if (rd_kafka_metadata(client, 0, topic, &metadata, 20000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        load_die("no metadata of %s", options->topic);
    }
    rd_kafka_metadata_destroy(metadata);
    load_usage_start(&start, options->server);
    for (uint64_t i = 0; i < options->messages; i++) {
        char *value = values + i % VALUES * options->size;
        while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, value, options->size, NULL, 0,
                                NULL) != 0) {
            rd_kafka_poll(client, 10);
        }
        if (i % 1000 == 0) {
            rd_kafka_poll(client, 0);
        }
    }
    rd_kafka_flush(client, 60000);
    load_usage_end(&end, options->server);
    if (delivered != options->messages) {
        load_die("%llu of %llu were delivered", (unsigned long long)delivered,
                 (unsigned long long)options->messages);
    }
    print(options, &start, &end, options->messages, options->messages * options->size);
}

static void run_consume(const struct options *options)
{
    rd_kafka_t *client = make_client(options, RD_KAFKA_CONSUMER);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, options->topic, NULL);
    rd_kafka_message_t *messages[BATCH_MESSAGES];
    struct load_usage start;
    struct load_usage end;
    uint64_t count = 0;
    uint64_t bytes = 0;
    if (rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0) {
        load_die("cannot consume %s", options->topic);
    }
    /* The clock starts with the first message: librdkafka looks for the leader every 500 ms, and
     * whether it is lucky at the first look is no matter of the server's. */
    bool is_started = false;
    uint64_t last_ns = load_now_ns();
    while (count < options->messages && load_now_ns() - last_ns < IDLE_LIMIT_NS) {
        uint64_t left = is_started ? options->messages - count : 1;
        /* it waits for all of them */
        size_t wanted = left < BATCH_MESSAGES ? left : BATCH_MESSAGES;
        ssize_t got = rd_kafka_consume_batch(topic, 0, 1000, messages, wanted);
        if (!is_started && got > 0) {
            load_usage_start(&start, options->server);
            is_started = true;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                count += 1;
                bytes += messages[i]->len;
                last_ns = load_now_ns();
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    if (!is_started) {
        load_die("no message came");
    }
    load_usage_end(&end, options->server);
    if (count < options->messages) {
        load_die("only %llu messages came", (unsigned long long)count);
    }
    print(options, &start, &end, count, bytes);
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    if (strcmp(options.mode, "produce") == 0) {
        run_produce(&options);
    } else if (strcmp(options.mode, "consume") == 0) {
        run_consume(&options);
    } else {
        load_die("unknown mode %s", options.mode);
    }
    return 0;
}
