/* kafka_topics.h - what the files of kafka-topics share. kafka_topics.c has the essay. */
#ifndef CLI_KAFKA_KAFKA_TOPICS_H
#define CLI_KAFKA_KAFKA_TOPICS_H

#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/kafka_topic_filter.h"

#define KAFKA_TOPICS_ASSIGNMENT_MAX 100000 /* partitions in one --replica-assignment */

struct kafka_topics {
    struct kafka_options options;
    struct kafka_admin admin;
    struct kafka_topic_filter filter; /* of --topic */
};

struct kafka_broker_list {
    int32_t *ids;
    int32_t count;
};

/* What --create and --alter name. */
struct kafka_topics_change {
    struct slice name;
    int32_t partitions;                   /* -1: not given */
    int32_t replication_factor;           /* -1 */
    struct kafka_broker_list *assignment; /* one a partition; NULL */
    int32_t assignment_count;
    struct kafka_create_topics_request_config *configs;
    int32_t config_count;
};

/* One line of a description. */
struct kafka_topics_partition {
    int32_t index;
    int32_t leader; /* -1: none */
    bool leader_is_alive;
    const int32_t *replicas;
    int32_t replica_count;
    const int32_t *isr;
    int32_t isr_count;
    bool has_reassignment;
    const int32_t *adding;
    int32_t adding_count;
    const int32_t *removing;
    int32_t removing_count;
    int32_t min_isr; /* -1: not known */
    bool has_elr;    /* "Elr: N/A" stands behind (3.9's form) */
    bool is_deleting;
};

/* All of these: 0, or ERR_INVALID with admin.message. */
NODISCARD int kafka_topics_read_change(struct kafka_topics *topics,
                                       struct kafka_topics_change *change);

/* --topic matched nothing, and --if-exists was not given. */
NODISCARD int kafka_topics_must_exist(struct kafka_topics *topics, size_t found);
NODISCARD int kafka_topics_describe(struct kafka_topics *topics);
NODISCARD int kafka_topics_list(struct kafka_topics *topics);

/* Sorted names of the topics that pass the filter; *count -1 on error. */
struct slice *kafka_topics_find(struct kafka_topics *topics, int32_t *count);

/* Prints the line when the options want it. */
void kafka_topics_print_partition(const struct kafka_topics *topics,
                                  struct slice topic,
                                  const struct kafka_topics_partition *partition);
bool kafka_topics_prints_configs(const struct kafka_topics *topics);

/* kafka_topics_zookeeper.c: the forms of 2.7 with --zookeeper. Returns 0 or ERR_INVALID. */
NODISCARD int kafka_topics_zookeeper(struct kafka_topics *topics);

#endif
