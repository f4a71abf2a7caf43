/* replica_assignment.h - which brokers get the replicas of new partitions.
 *
 * Source: AdminUtils.assignReplicasToBrokers of Apache Kafka 3.9, both forms; with the same start
 * index the result is Apache's.
 */
#ifndef KAFKA_CORE_REPLICA_ASSIGNMENT_H
#define KAFKA_CORE_REPLICA_ASSIGNMENT_H

#include "base/arena.h"
#include "base/errors.h"

#define REPLICA_BROKERS_MAX 1024

struct replica_broker {
    int32_t id;
    struct slice rack; /* null: none */
};

struct replica_request {
    const struct replica_broker *brokers; /* by id */
    int32_t broker_count;
    int32_t partition_count;
    int32_t replication_factor;
    int32_t start_index;     /* the broker of the first partition, by position */
    int32_t shift;           /* how far the first followers stand from it */
    int32_t first_partition; /* its number; > 0 when partitions are added */
};

/* replicas gets partition_count * replication_factor ids, partition by partition, in the arena.
 * ERR_INVALID for counts below 1 or a factor above the number of brokers, ERR_CONFIG when only some
 * of the brokers have a rack, ERR_LIMIT. */
NODISCARD int replica_assign(const struct replica_request *request,
                             struct arena *arena,
                             int32_t **replicas);

#endif
