/* describe_config_entries.h - one configuration key as DescribeConfigs shows it: its value, where
 * the value comes from, and what stands behind it.
 *
 * Used by DescribeConfigs and by the answer to CreateTopics. Texts are in the given arena.
 * Source: ConfigHelper of 3.9; ServerTopicConfigSynonyms, DynamicBrokerConfig.brokerConfigSynonyms.
 */
#ifndef KAFKA_SERVER_HANDLERS_DESCRIBE_CONFIG_ENTRIES_H
#define KAFKA_SERVER_HANDLERS_DESCRIBE_CONFIG_ENTRIES_H

#include "base/arena.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"

#define CONFIG_SYNONYMS_MAX 16

struct described_config {
    struct slice name;
    struct slice value; /* null: null, or secret */
    int8_t source;      /* KAFKA_CONFIG_SOURCE_* */
    bool is_read_only;
    bool is_sensitive;
    struct kafka_describe_configs_response_synonym synonyms[CONFIG_SYNONYMS_MAX];
    int32_t synonym_count;
};

/* A topic's key under the given overrides. */
void describe_topic_config(struct broker *broker,
                           const struct config_key *key,
                           const struct config_entry *overrides,
                           size_t override_count,
                           struct arena *arena,
                           struct described_config *described);

/* A broker's key; with only_defaults as the default of all brokers is described. */
void describe_broker_config(struct broker *broker,
                            const struct config_key *key,
                            bool only_defaults,
                            struct arena *arena,
                            struct described_config *described);

/* Is it a key that 3.9 shows when nothing is set? (Those of 2.7 alone are not.) */
bool describe_shows_key(const struct broker *broker, const struct config_key *key);

#endif
