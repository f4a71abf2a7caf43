/* rdkafka_client.h - librdkafka configured by the properties of Apache's Java clients.
 *
 * People have files of Java properties; librdkafka knows most of them by the same name, some by
 * another, and a few are about Java alone. A table says which. What is about Java alone is dropped
 * without a word; what nobody knows is told in a warning, as Java's clients do.
 *
 * TLS: stores in PEM and PKCS#12 are taken, Java's own JKS is not, and the message says how to
 * convert one. SASL: PLAIN and SCRAM with the name and password of sasl.jaas.config.
 */
#ifndef CLI_KAFKA_RDKAFKA_CLIENT_H
#define CLI_KAFKA_RDKAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "cli/kafka/client_properties.h"

/* A new configuration, or NULL with the reason in the message. The caller may set more; its
 * `opaque` is free to use. Librdkafka's own log lines of WARN and worse go to stderr as Java's
 * tools log. */
rd_kafka_conf_t *rdkafka_conf_new(const struct client_properties *properties,
                                  bool is_producer,
                                  struct errmsg *message);

/* What Java's producers do when nothing else is said: idempotence where acks and retries allow it,
 * murmur2 for keys, two minutes to deliver. */
void rdkafka_producer_defaults(struct client_properties *properties);

/* Sets one of librdkafka's own keys; ASSERTs that it is known. */
void rdkafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value);

/* "[2026-11-21 14:45:31,786] WARN text (logger)" on stderr, after what stands in stdout's buffer.
 */
void tool_log(const char *level, const char *logger, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An exception that nobody caught, as Java tells it, after what stands in stdout's buffer. Returns
 * 1. */
int tool_uncaught(const char *exception, const char *sentence);

/* Apache's exception for an error of librdkafka: class and sentence, for messages of tools. */
const char *rdkafka_exception(rd_kafka_resp_err_t error);

/* Waits until brokers tell of the topic, at most max_block_ms: then NO_ERROR and its number of
 * partitions, otherwise an error and Java's sentence for it. What brokers say meanwhile is logged
 * once. Source: KafkaProducer.waitOnMetadata. */
rd_kafka_resp_err_t rdkafka_wait_for_topic(rd_kafka_t *client,
                                           const char *topic,
                                           int64_t max_block_ms,
                                           int *partitions,
                                           struct errmsg *sentence);

/* ---- signals --------------------------------------------------------------------------------- */

/* From now on SIGINT and SIGTERM only set a flag, and SIGPIPE is a failing write. */
void tool_catch_signals(void);
/* 0, SIGINT or SIGTERM. */
int tool_caught_signal(void);
/* What a process that ended because of it returns: 130, 143; `code` when there was none. */
int tool_exit_code(int code);

/* Milliseconds of a clock that only goes forward; and since 1970. */
int64_t tool_now_ms(void);
int64_t tool_wall_ms(void);

#endif
