/* topic_name.h - which names topics may have.
 *
 * Source: org.apache.kafka.common.internals.Topic.
 */
#ifndef KAFKA_CORE_TOPIC_NAME_H
#define KAFKA_CORE_TOPIC_NAME_H

#include "base/slice.h"

#define TOPIC_NAME_MAX 249
#define OFFSETS_TOPIC_NAME "__consumer_offsets"
#define TRANSACTIONS_TOPIC_NAME "__transaction_state"

enum topic_name_fault {
    TOPIC_NAME_FINE,
    TOPIC_NAME_EMPTY,
    TOPIC_NAME_DOTS, /* "." or ".." */
    TOPIC_NAME_LONG,
    TOPIC_NAME_CHARACTER, /* other than ASCII letters, digits, '.', '_' and '-' */
};

enum topic_name_fault topic_name_check(struct slice name);

/* Made by the broker itself: __consumer_offsets and __transaction_state. */
bool topic_name_is_internal(struct slice name);

/* '.' and '_' become one in names of metrics: two names that differ in nothing else collide. */
bool topic_name_collides(struct slice a, struct slice b);

#endif
