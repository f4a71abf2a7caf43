/* zk_json.h - what Kafka keeps in its znodes, to and from bytes.
 *
 * Written as Apache's ZkData writes it (the order of keys is free); read by key, unknown keys are
 * passed over, and every version that 2.7 to 3.9 may have left is understood. A znode is data from
 * outside: what is not as it should be is ERR_INVALID, never an assert.
 * Limits: JSON of ZooKeeper is at most its jute.maxbuffer; lists are bounded below.
 * Source: core/zk/ZkData.scala of 3.9; reference/kafka.md section 3.
 */
#ifndef KAFKA_SERVER_ZK_JSON_H
#define KAFKA_SERVER_ZK_JSON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "kafka/server/broker_config.h"
#include "kafka/server/topics.h"

#define ZK_PARTITIONS_MAX 1000000 /* of one topic */
#define ZK_REPLICAS_MAX 1024      /* of one partition */
#define ZK_CONFIGS_MAX 4096       /* of one entity */

/* Before the first use: makes the JSON library independent of the machine's random numbers. */
void zk_json_init(void);

struct zk_replicas {
    int32_t *ids;
    int32_t count;
};

struct zk_topic {
    struct codec_uuid id;           /* zeros: none */
    struct zk_replicas *partitions; /* by number; one that is missing has ids NULL */
    struct zk_replicas *adding;     /* NULL: none for any partition */
    struct zk_replicas *removing;
    int32_t partition_count; /* the greatest number + 1 */
};

struct zk_state {
    int32_t leader;
    int32_t leader_epoch;
    int32_t controller_epoch;
    int32_t recovery_state; /* 0: recovered */
    struct zk_replicas isr;
};

struct zk_controller {
    int32_t broker_id;
    int32_t kraft_epoch; /* -1: none */
};

struct zk_id_block {
    int32_t broker_id;
    int64_t first;
    int64_t last;
};

struct zk_partition_name {
    struct slice topic;
    int32_t partition;
};

void zk_json_put_broker(struct buffer *out, const struct broker_info *info, int64_t wall_ms);
void zk_json_put_topic(struct buffer *out, const struct zk_topic *topic);
void zk_json_put_state(struct buffer *out, const struct zk_state *state);
void zk_json_put_controller(struct buffer *out, int32_t broker_id, int64_t wall_ms);
void zk_json_put_cluster_id(struct buffer *out, const char *id);
void zk_json_put_config(struct buffer *out, const struct config_entry *entries, size_t count);
void zk_json_put_config_change(struct buffer *out, struct slice entity_path);
void zk_json_put_id_block(struct buffer *out, const struct zk_id_block *block);
void zk_json_put_feature(struct buffer *out);
void zk_json_put_log_dir_event(struct buffer *out, int32_t broker_id);

/* Texts are in the arena and end in a NUL. */
NODISCARD int zk_json_get_broker(struct slice json, struct broker_info *info);
NODISCARD int zk_json_get_topic(struct slice json, struct arena *arena, struct zk_topic *topic);
NODISCARD int zk_json_get_state(struct slice json, struct arena *arena, struct zk_state *state);
NODISCARD int zk_json_get_controller(struct slice json, struct zk_controller *controller);
NODISCARD int zk_json_get_cluster_id(struct slice json, char *id, size_t size);
NODISCARD int zk_json_get_config(struct slice json,
                                 struct arena *arena,
                                 struct config_entry **entries,
                                 size_t *count);
/* "topics/t": of version 2, or joined from version 1's type and name. */
NODISCARD int zk_json_get_config_change(struct slice json,
                                        struct arena *arena,
                                        struct slice *entity_path);
NODISCARD int zk_json_get_id_block(struct slice json, struct zk_id_block *block);
/* status of /feature; *has_features tells of finalized ones. */
NODISCARD int zk_json_get_feature(struct slice json, int32_t *status, bool *has_features);
/* The partitions of /admin/preferred_replica_election and its kin. */
NODISCARD int zk_json_get_partitions(struct slice json,
                                     struct arena *arena,
                                     struct zk_partition_name **partitions,
                                     size_t *count);

#endif
