/* kafka_admin_server.h - the broker's HTTP port (samsa.metrics.port).
 *
 *     GET /metrics   Prometheus' text (broker_metrics.h)
 *     GET /health    JSON; 200 when the broker serves, 503 when it does not yet or any more
 *
 * Only the real program has it.
 */
#ifndef KAFKA_ADMIN_KAFKA_ADMIN_SERVER_H
#define KAFKA_ADMIN_KAFKA_ADMIN_SERVER_H

#include "kafka/server/broker.h"
#include "runtime/errmsg.h"

struct kafka_admin;

/* As the broker's configuration says; *admin is NULL when it wants none. May be called before
 * broker_start, so that health can be asked for from the beginning. */
NODISCARD int kafka_admin_start(struct broker *broker,
                                struct kafka_admin **admin,
                                struct errmsg *message);

/* Before the broker is released. NULL is taken. */
void kafka_admin_stop(struct kafka_admin *admin);

#endif
