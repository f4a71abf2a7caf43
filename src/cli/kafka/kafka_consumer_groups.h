/* kafka_consumer_groups.h - what the files of kafka-consumer-groups share. kafka_consumer_groups.c
 * has the essay. */
#ifndef CLI_KAFKA_KAFKA_CONSUMER_GROUPS_H
#define CLI_KAFKA_KAFKA_CONSUMER_GROUPS_H

#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/kafka_offsets.h"

struct kafka_groups {
    struct kafka_options options;
    struct kafka_admin admin;
    int wraps; /* how many Java exceptions stand around the one in admin.message */
};

struct kafka_group {
    struct slice id;
    struct kafka_client_broker coordinator;
    const struct kafka_describe_groups_response_group *description;
};

struct kafka_group_list {
    struct slice *ids;
    int32_t count;
};

/* Every function returns 0, KAFKA_GROUPS_USAGE (the sentence and the usage text are printed), or
 * ERR_INVALID with admin.message and `wraps`. */
#define KAFKA_GROUPS_USAGE (-1000)

NODISCARD int kafka_groups_list(struct kafka_groups *groups);
NODISCARD int kafka_groups_describe(struct kafka_groups *groups);
NODISCARD int kafka_groups_reset(struct kafka_groups *groups);
NODISCARD int kafka_groups_delete_offsets(struct kafka_groups *groups);

/* --group (all of them) or --all-groups. */
NODISCARD int kafka_groups_chosen(struct kafka_groups *groups, struct kafka_group_list *list);

/* In the arena; NULL: an error, in admin.message. */
const struct kafka_group *kafka_groups_ask(struct kafka_groups *groups, struct slice id);

/* Partitions with a committed offset. */
NODISCARD int kafka_groups_committed(struct kafka_groups *groups,
                                     struct slice id,
                                     struct kafka_spots *spots);

/* "topic" or "topic:0,1" of every --topic. */
NODISCARD int kafka_groups_topics(struct kafka_groups *groups,
                                  struct kafka_spots *spots,
                                  struct kafka_group_list *unknown);

/* "\nError: <text>" on stdout. */
void kafka_groups_say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

int kafka_groups_wrapped(struct kafka_groups *groups, int wraps, int error);
const char *kafka_groups_error_text(struct kafka_groups *groups);

#endif
