/* kafka_server.h - a Kafka broker as a process: runtime, broker, signals. */
#ifndef CLI_KAFKA_KAFKA_SERVER_H
#define CLI_KAFKA_KAFKA_SERVER_H

#include "kafka/server/broker.h"

/* Applies samsa.log.level and samsa.log.file. */
void kafka_server_configure_log(const struct broker_config *config);

/* Host names of listeners become addresses of this machine where they are bound. */
int kafka_server_run(const struct broker_config *config);

#endif
