/* traffic.h - what clients move through a topic, and through the broker: plain counters.
 *
 * Each `struct topic` has one, and the broker has one of all topics, those that are gone included.
 * Whoever moves something counts it in both: TRAFFIC_ADD. The names are those of Apache's
 * BrokerTopicMetrics; broker_metrics.c prints them. Source: BrokerTopicMetrics of 3.9.
 */
#ifndef KAFKA_SERVER_TRAFFIC_H
#define KAFKA_SERVER_TRAFFIC_H

#include <stdint.h>

struct traffic {
    uint64_t messages_in;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t bytes_rejected;   /* of batches larger than max.message.bytes, and the like */
    uint64_t produce_requests; /* partitions of requests, as Apache counts them */
    uint64_t fetch_requests;
    uint64_t failed_produce_requests;
    uint64_t failed_fetch_requests;
};

/* `topic` may be NULL. */
#define TRAFFIC_ADD(broker, topic, field, amount)         \
    do {                                                  \
        (broker)->traffic.field += (uint64_t)(amount);    \
        if ((topic) != NULL) {                            \
            (topic)->traffic.field += (uint64_t)(amount); \
        }                                                 \
    } while (0)

#endif
