/* broker_config_listeners.h - listeners, advertised.listeners and what belongs to them: internal to
 * broker_config*.c. */
#ifndef KAFKA_SERVER_BROKER_CONFIG_LISTENERS_H
#define KAFKA_SERVER_BROKER_CONFIG_LISTENERS_H

#include "kafka/server/broker_config.h"

/* The text that was given for a key, or its default; null when it has none. */
struct slice broker_config_given(const struct broker_config *config, const char *name);
bool broker_config_is_given(const struct broker_config *config, const char *name);

/* Fills listeners[], listener_count and inter_broker_listener from the texts. ERR_CONFIG. */
NODISCARD int broker_config_derive_listeners(struct broker_config *config, struct errmsg *message);

/* "NAME://host:port" cut in three; false when it is not one. The name is made upper case, an IPv6
 * address loses its brackets. For what stands in /brokers/ids, too. */
struct endpoint_text {
    char name[64];
    char host[256];
    int32_t port;
};
bool endpoint_parse(struct slice text, struct endpoint_text *endpoint);

#endif
