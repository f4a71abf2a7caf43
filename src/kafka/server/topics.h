/* topics.h - the broker's picture of the cluster: brokers, topics, partitions, configs.
 *
 * Model: one image, kept up to date from ZooKeeper by the cluster module (cluster.h), read by every
 * handler. Topics are found by name and by id. What this broker hosts hangs below as struct
 * partition. Changes are made only by cluster.c, on the loop, all at once for one notice, so that a
 * handler never sees half of one.
 *
 * Source: ZkMetadataCache, zk data of core/zk/ZkData.scala in Apache Kafka 3.9.
 */
#ifndef KAFKA_SERVER_TOPICS_H
#define KAFKA_SERVER_TOPICS_H

#include "base/map.h"
#include "kafka/core/topic_name.h"
#include "kafka/server/partition.h"
#include "kafka/server/traffic.h"
#include "runtime/errmsg.h"

struct broker_endpoint {
    char listener[64]; /* "PLAINTEXT", "EXTERNAL" */
    char host[256];    /* advertised */
    int32_t port;
    char security_protocol[16];
};

#define BROKER_ENDPOINTS_MAX 16

struct broker_info {
    struct list link;
    int32_t id;
    int64_t epoch;  /* czxid of /brokers/ids/ID */
    char rack[256]; /* "": none */
    struct broker_endpoint endpoints[BROKER_ENDPOINTS_MAX];
    int32_t endpoint_count;
};

struct topic_partition {
    int32_t leader; /* -1: none */
    int32_t leader_epoch;
    int32_t zk_version; /* of the state znode */
    int32_t *replicas;
    int32_t replica_count;
    int32_t *isr;
    int32_t isr_count;
    struct partition *hosted; /* NULL: not here */
};

/* Partition.effectiveMinIsr of 3.9: min.insync.replicas asks for no more replicas than there are.
 */
static inline int32_t topic_partition_min_isr(const struct topic_partition *partition,
                                              const struct topic_config *config)
{
    return MIN(config->min_insync_replicas, partition->replica_count);
}

struct topic {
    struct list link; /* in name order */
    char name[TOPIC_NAME_MAX + 1];
    struct slice name_slice; /* of name */
    struct codec_uuid id;    /* zeros: none */
    bool is_internal;        /* __consumer_offsets, __transaction_state */
    bool is_deleting;
    struct topic_config config; /* effective */
    struct topic_partition *partitions;
    int32_t partition_count;
    struct traffic traffic;
    uint64_t listing; /* cluster_topics.c's: the last listing of ZooKeeper that had it */
};

struct topics {
    struct list topics;
    struct bytes_map by_name;
    struct bytes_map by_id; /* 16 bytes */
    struct list brokers;    /* by id */
    int32_t controller_id;  /* -1: none */
    int32_t controller_epoch;
    char cluster_id[64];
};

void topics_init(struct topics *topics, struct hash_key hash_key);
/* Frees everything; hosted partitions are others'. */
void topics_release(struct topics *topics);

/* ---- for the cluster module ------------------------------------------------------------------ */

/* A topic without partitions, in the image. The name is a legal one and not there yet. */
struct topic *topics_add(struct topics *topics, struct slice name, const struct codec_uuid *id);
void topics_set_id(struct topics *topics, struct topic *topic, const struct codec_uuid *id);
/* Out of the image, and freed. */
void topics_remove(struct topics *topics, struct topic *topic);
/* Grows to `count` partitions; the new ones are led by nobody. */
void topic_set_partition_count(struct topic *topic, int32_t count);
void topic_partition_set_replicas(struct topic_partition *partition,
                                  const int32_t *ids,
                                  int32_t count);
void topic_partition_set_isr(struct topic_partition *partition, const int32_t *ids, int32_t count);

/* A copy of *info takes the place of the broker's earlier one; in the order of ids. */
void topics_put_broker(struct topics *topics, const struct broker_info *info);
void topics_remove_broker(struct topics *topics, int32_t id);

/* ---- for everybody --------------------------------------------------------------------------- */

struct topic *topics_find(const struct topics *topics, struct slice name);
struct topic *topics_find_id(const struct topics *topics, const struct codec_uuid *id);
struct broker_info *topics_broker(const struct topics *topics, int32_t id);

/* 0, or INVALID_TOPIC_EXCEPTION with Apache's sentence. */
int16_t topics_check_name(struct slice name, struct errmsg *message);

/* Does one stand twice? */
bool topics_ids_repeat(const int32_t *ids, int32_t count);

/* "1, 2": as many as there is room for in `out`. */
void topics_print_ids(struct buffer *out, const int32_t *ids, int32_t count);

/* The endpoint of a broker under a listener's name; NULL: it has none. */
const struct broker_endpoint *broker_info_endpoint(const struct broker_info *info,
                                                   struct slice name);

/* The partition when it is hosted here; *error is UNKNOWN_TOPIC_OR_PARTITION,
 * NOT_LEADER_OR_FOLLOWER or KAFKA_STORAGE_ERROR when it cannot serve (the partition is returned
 * also then, when there is one). */
struct partition *topics_leader(const struct topics *topics,
                                struct slice topic,
                                int32_t partition,
                                int16_t *error);

#endif
