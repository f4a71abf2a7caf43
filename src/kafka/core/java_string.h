/* java_string.h - what Java's String says of a UTF-8 text: hashCode and length, in UTF-16 units.
 *
 * Kafka places a group on partition abs(groupId.hashCode()) % partitions of __consumer_offsets and
 * limits offset metadata by String.length(), so both must agree with Java for any bytes: what is no
 * UTF-8 counts as U+FFFD, one for each maximal malformed part, as Java's decoder replaces it.
 * Sources: java.lang.String, Utils.abs of Apache Kafka 3.9.
 */
#ifndef KAFKA_CORE_JAVA_STRING_H
#define KAFKA_CORE_JAVA_STRING_H

#include "base/slice.h"

int32_t java_string_hash(struct slice text);
size_t java_string_length(struct slice text);

/* abs(hash) % count as Utils.abs has it: the least integer counts as 0. count > 0. */
int32_t java_string_partition(struct slice text, int32_t count);

#endif
