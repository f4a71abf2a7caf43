/* kafka_zookeeper.h - Kafka's nodes in ZooKeeper, for tools that are called with --zookeeper.
 *
 * Model: one session for the life of a tool; each function waits for its answer. What is read lives
 * in the arena of the kafka_admin. Errors: ERR_NOT_FOUND and ERR_EXISTS are told apart, everything
 * else is ERR_INVALID; the sentence is in admin->message.
 *
 * Source: KafkaZkClient, AdminZkClient, ZkData of Kafka; reference/kafka.md section 3.
 */
#ifndef CLI_KAFKA_KAFKA_ZOOKEEPER_H
#define CLI_KAFKA_KAFKA_ZOOKEEPER_H

#include "cli/kafka/kafka_admin.h"
#include "kafka/server/zk_json.h"
#include "zookeeper/client/client.h"

struct kafka_zookeeper {
    struct kafka_admin *admin;
    struct runtime *runtime;
    struct zk_client *client;
    struct zk_watcher watcher;
    struct zk_reply reply;
    bool has_reply;
};

NODISCARD int kafka_zookeeper_open(struct kafka_zookeeper *zookeeper,
                                   struct kafka_admin *admin,
                                   const char *connect);

/* Ends the session in order. May be called after a failed open. */
void kafka_zookeeper_close(struct kafka_zookeeper *zookeeper);

NODISCARD int kafka_zookeeper_get(struct kafka_zookeeper *zookeeper,
                                  struct slice path,
                                  struct slice *data);

/* Sorted; a node that is not there has none. */
NODISCARD int kafka_zookeeper_children(struct kafka_zookeeper *zookeeper,
                                       struct slice path,
                                       struct slice **names,
                                       int32_t *count);
NODISCARD int kafka_zookeeper_exists(struct kafka_zookeeper *zookeeper,
                                     struct slice path,
                                     bool *exists);

/* With the parents that are missing. */
NODISCARD int kafka_zookeeper_create(struct kafka_zookeeper *zookeeper,
                                     struct slice path,
                                     struct slice data,
                                     bool is_sequential);
NODISCARD int kafka_zookeeper_set(struct kafka_zookeeper *zookeeper,
                                  struct slice path,
                                  struct slice data);

/* Registered brokers by id; *count of them. */
NODISCARD int kafka_zookeeper_brokers(struct kafka_zookeeper *zookeeper,
                                      struct broker_info **brokers,
                                      int32_t *count);

/* /config/<entity>: "topics/t", "users/u/clients/c"; nothing there is nothing set. */
NODISCARD int kafka_zookeeper_get_config(struct kafka_zookeeper *zookeeper,
                                         struct slice entity,
                                         struct config_entry **entries,
                                         size_t *count);

/* Writes the whole set and tells the brokers (/config/changes). */
NODISCARD int kafka_zookeeper_set_config(struct kafka_zookeeper *zookeeper,
                                         struct slice entity,
                                         const struct config_entry *entries,
                                         size_t count);

/* The set with one entry changed: value null removes it. `entries` has room for one more. */
void kafka_config_entries_put(struct config_entry *entries,
                              size_t *count,
                              struct slice name,
                              struct slice value);

/* Every topic setting as brokers check it: names, values, and what must hold between them. */
NODISCARD int kafka_check_topic_configs(struct kafka_admin *admin,
                                        const struct config_entry *entries,
                                        size_t count);

#endif
