/* leader_hints.h - who leads a partition that this broker does not: spares the client a round trip
 * (KIP-951).
 *
 * One answer collects the brokers that its partitions name; each stands once in node_endpoints.
 */
#ifndef KAFKA_SERVER_LEADER_HINTS_H
#define KAFKA_SERVER_LEADER_HINTS_H

#include "generated/kafka/messages.h"
#include "kafka/server/request.h"

#define LEADER_HINTS_MAX 64 /* endpoints in one answer; what is more is found by Metadata */

struct leader_hints {
    struct kafka_node_endpoint *endpoints; /* in the request's arena */
    int32_t count;
};

/* Fills `current` with what is known of the partition's leader, and adds its endpoint under the
 * listener that the request came by. Leaves it as it is when there is no leader. */
void leader_hints_add(struct leader_hints *hints,
                      struct request *request,
                      struct slice topic,
                      int32_t partition,
                      struct kafka_leader_id_and_epoch *current);

#endif
