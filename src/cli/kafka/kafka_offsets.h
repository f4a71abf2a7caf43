/* kafka_offsets.h - places in partitions: lists of them, and where logs begin and end.
 *
 * A spot names a topic's partition and an offset in it. Lists live in the arena of a kafka_admin;
 * their order is that of adding until kafka_spots_sort (topic, then partition).
 */
#ifndef CLI_KAFKA_KAFKA_OFFSETS_H
#define CLI_KAFKA_KAFKA_OFFSETS_H

#include "cli/kafka/kafka_admin.h"

#define KAFKA_SPOTS_MAX (1 << 22)

struct kafka_spot {
    struct slice topic;
    int32_t partition;
    int64_t timestamp; /* asked for: enum kafka_list_offsets, or milliseconds; then the record's */
    int64_t offset;    /* -1: none */
    int32_t leader_epoch;
    int16_t error; /* Kafka's, of this partition */
};

struct kafka_spots {
    struct kafka_spot *items;
    int32_t count;
    int32_t cap;
};

/* The new spot has offset -1; aborts above KAFKA_SPOTS_MAX. */
struct kafka_spot *kafka_spots_add(struct kafka_admin *admin,
                                   struct kafka_spots *spots,
                                   struct slice topic,
                                   int32_t partition);

/* NULL: it is not there. */
struct kafka_spot *kafka_spots_find(const struct kafka_spots *spots,
                                    struct slice topic,
                                    int32_t partition);
void kafka_spots_sort(struct kafka_spots *spots);

/* Fills offset, timestamp and error of every spot by what its timestamp asks for, from the
 * partitions' leaders. ERR_INVALID (with admin->message) when a leader cannot be asked. */
NODISCARD int kafka_spots_ask(struct kafka_admin *admin,
                              struct kafka_spots *spots,
                              int8_t isolation_level);

/* The same for all: a copy of `spots` with offsets for `timestamp`; the first error of a partition
 * is the error. */
NODISCARD int kafka_spots_at(struct kafka_admin *admin,
                             const struct kafka_spots *spots,
                             int64_t timestamp,
                             struct kafka_spots *found);

/* Adds every partition of the topics; ERR_INVALID for one that is not there. */
NODISCARD int kafka_spots_add_topics(struct kafka_admin *admin,
                                     struct kafka_spots *spots,
                                     const struct slice *topics,
                                     int32_t count);

#endif
