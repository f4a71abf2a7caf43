/* kafka_topic_filter.h - a regular expression over whole topic names, as Kafka's tools take it.
 *
 * A comma means "or", spaces and surrounding quotes do not count. Java's expressions are read as
 * POSIX extended ones, after \d, \D, (?:..) and lazy quantifiers were put into their words; what is
 * left over (look-around, named groups, class intersections) is refused as invalid.
 *
 * Source: TopicFilter.IncludeList of Kafka.
 */
#ifndef CLI_KAFKA_KAFKA_TOPIC_FILTER_H
#define CLI_KAFKA_KAFKA_TOPIC_FILTER_H

#include <regex.h>

#include "base/slice.h"
#include "runtime/errmsg.h"

#define KAFKA_TOPIC_FILTER_BYTES_MAX 65536

struct kafka_topic_filter {
    bool has_pattern; /* without: all topics pass */
    bool excludes_internal;
    regex_t pattern;
};

/* `pattern` null: every topic. ERR_INVALID with Java's sentence. */
NODISCARD int kafka_topic_filter_init(struct kafka_topic_filter *filter,
                                      struct slice pattern,
                                      bool excludes_internal,
                                      struct errmsg *message);
void kafka_topic_filter_release(struct kafka_topic_filter *filter);
bool kafka_topic_filter_passes(const struct kafka_topic_filter *filter, struct slice topic);

/* __consumer_offsets, __transaction_state, __share_group_state */
bool kafka_topic_is_internal(struct slice topic);

/* qsort of an array of topic names. */
void kafka_sort_names(struct slice *names, size_t count);

#endif
