/* cluster.h - the broker's side of ZooKeeper: registration, controller, topics and their configs.
 *
 * Model: one session (zookeeper/client). At start: the persistent folders of Apache's schema are
 * made, cluster id and broker id settled (meta.properties against /cluster/id), the broker
 * registered at /brokers/ids/ID (ephemeral), /controller taken when it is free (with
 * /controller_epoch). Then topics, assignments, states and configs are read into struct topics and
 * watched. After a session's expiry everything is done again; while ZooKeeper is away the broker
 * serves on with what it knows, and admin requests wait or fail with a timeout.
 *
 * Every change is a request to ZooKeeper with a `done`; what it changed shows in struct topics
 * before `done` is called. Kafka's error codes; `message` is text for the client.
 *
 * Source: KafkaZkClient, ZkData, KafkaController, AdminZkClient, ZkAdminManager of 3.9;
 * reference/kafka.md 2.1 and section 3.
 */
#ifndef KAFKA_SERVER_CLUSTER_H
#define KAFKA_SERVER_CLUSTER_H

#include "base/arena.h"
#include "kafka/server/broker_config.h"
#include "kafka/server/topics.h"

struct broker;
struct cluster;

/* ---- lifecycle -------------------------------------------------------------------------------
 */

/* `read`: cluster id and broker id are settled (broker.topics.cluster_id, broker.config.broker_id),
 * configurations are known: the logs may be loaded. `registered`: the broker is registered and
 * leads its partitions. `failed`: the broker cannot live in this cluster. */
struct cluster_events {
    void (*read)(void *ctx);
    void (*registered)(void *ctx);
    void (*failed)(void *ctx, const char *text);
    void *ctx;
};

struct cluster *cluster_create(struct broker *broker, const struct cluster_events *events);

/* Connects; ERR_CONFIG for a connect string that is none. */
NODISCARD int cluster_start(struct cluster *cluster, struct errmsg *message);

/* After `read`, with loaded logs: registers, elects, leads. */
void cluster_register(struct cluster *cluster);

/* Ends the session: registration and controllership are gone from ZooKeeper. `done` may be called
 * from within. */
void cluster_stop(struct cluster *cluster, void (*done)(void *ctx), void *ctx);
void cluster_detach(struct cluster *cluster);
void cluster_release(struct cluster *cluster);

/* The effective configuration of a topic by name, known or not; kept until it changes. */
const struct topic_config *cluster_topic_config(struct cluster *cluster, struct slice topic);

/* czxid of the registration; -1: none. */
int64_t cluster_broker_epoch(const struct cluster *cluster);

/* A log directory has failed: tells the cluster by a znode, as Apache's brokers do. */
void cluster_tell_dir_failed(struct cluster *cluster);

/* ---- changes ---------------------------------------------------------------------------------
 */

struct cluster_done {
    void (*call)(void *ctx, int16_t error, const char *message);
    void *ctx;
};

struct cluster_new_topic {
    struct slice name;
    int32_t partition_count;          /* -1: num.partitions; ignored with an assignment */
    int16_t replication_factor;       /* -1: default.replication.factor */
    const int32_t *const *assignment; /* NULL: automatic; else partition_count lists */
    const int32_t *assignment_counts;
    const struct config_entry *configs;
    size_t config_count;
    bool validate_only;
};

/* Checks as AdminZkClient and CreateTopicPolicy-less brokers do (names, collisions of . and _,
 * factors, configs), writes config, topic and partition states, waits until the partitions are
 * led. */
void cluster_create_topic(struct cluster *cluster,
                          const struct cluster_new_topic *topic,
                          struct cluster_done done);

void cluster_delete_topic(struct cluster *cluster, struct slice name, struct cluster_done done);

struct cluster_new_partitions {
    struct slice topic;
    int32_t count;                    /* that the topic shall have in all */
    const int32_t *const *assignment; /* NULL: automatic; else assignment_count lists */
    const int32_t *assignment_counts; /* of the new ones */
    int32_t assignment_count;
    bool validate_only;
};

void cluster_add_partitions(struct cluster *cluster,
                            const struct cluster_new_partitions *wanted,
                            struct cluster_done done);

/* /config/ENTITY_TYPE/ENTITY_NAME with a change notification, as Apache writes it. entity_type is
 * "topics", "brokers", "clients", "users", "ips"; entity_name is "<default>" for defaults, and a
 * path for users' clients ("alice/clients/app"); names of users, clients and ips are sanitized. The
 * values replace the whole set. */
void cluster_set_config(struct cluster *cluster,
                        struct slice entity_type,
                        struct slice entity_name,
                        const struct config_entry *entries,
                        size_t count,
                        struct cluster_done done);

/* A name as it stands in ZooKeeper's paths (URL-encoded; "<default>" is the default entity), and
 * back. */
void zk_sanitize(struct buffer *out, struct slice name);
struct slice zk_desanitize(struct arena *arena, struct slice name);

/* The overrides of one entity as they stand; NULL and 0 when there are none. */
const struct config_entry *cluster_config(const struct cluster *cluster,
                                          struct slice entity_type,
                                          struct slice entity_name,
                                          size_t *count);

/* The overrides as they stand (not the effective values). Walks nothing remote. */
void cluster_each_config(struct cluster *cluster,
                         struct slice entity_type,
                         void (*each)(void *ctx,
                                      struct slice entity_name,
                                      const struct config_entry *entries,
                                      size_t count),
                         void *ctx);

/* A block of 1,000 producer ids from /latest_producer_id_block; `first` -1 on error. */
void cluster_allocate_producer_ids(struct cluster *cluster,
                                   void (*done)(void *ctx, int64_t first, int64_t count),
                                   void *ctx);

bool cluster_is_controller(const struct cluster *cluster);

/* For requests that the controller alone may answer: 0, or NOT_CONTROLLER. */
int16_t cluster_controller_error(const struct cluster *cluster);

#endif
