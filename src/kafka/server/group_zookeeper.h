/* group_zookeeper.h - offsets in ZooKeeper, at /consumers/GROUP/offsets/TOPIC/PARTITION: what
 * version 0 of OffsetCommit and OffsetFetch reads and writes, for clients of before 0.8.2.
 *
 * While there is no connection to ZooKeeper the work waits.
 * Source: KafkaZkClient.setOrCreateConsumerOffset, getConsumerOffset of Apache Kafka 3.9.
 */
#ifndef KAFKA_SERVER_GROUP_ZOOKEEPER_H
#define KAFKA_SERVER_GROUP_ZOOKEEPER_H

#include "base/slice.h"

struct cluster;

struct zookeeper_offset {
    struct slice topic;
    int32_t partition;
    int64_t offset; /* write: in; read: out, -1 when there is none */
    int16_t error;  /* in: 0; out: Kafka's code, UNKNOWN_TOPIC_OR_PARTITION for none */
};

/* `done` is called once, perhaps from within. `items` (at least one) are copied; those of `done`
 * are there until it returns, in the same order. */
typedef void zookeeper_offsets_done(void *ctx, const struct zookeeper_offset *items, size_t count);

void group_zookeeper_read(struct cluster *cluster,
                          struct slice group,
                          const struct zookeeper_offset *items,
                          size_t count,
                          zookeeper_offsets_done *done,
                          void *ctx);
void group_zookeeper_write(struct cluster *cluster,
                           struct slice group,
                           const struct zookeeper_offset *items,
                           size_t count,
                           zookeeper_offsets_done *done,
                           void *ctx);

#endif
