/* kafka_time.h - moments and durations as Kafka's tools read them.
 *
 * Sources: Utils.getDateTime of Kafka (yyyy-MM-ddTHH:mm:ss.SSS, then nothing for UTC, Z, +hh, +hhmm
 * or +hh:mm); java.time.Duration.parse (PnDTnHnMn.nS, signs allowed).
 */
#ifndef CLI_KAFKA_KAFKA_TIME_H
#define CLI_KAFKA_KAFKA_TIME_H

#include "base/slice.h"
#include "runtime/errmsg.h"

/* Milliseconds since 1970; ERR_INVALID with Java's sentence. */
NODISCARD int kafka_parse_datetime(struct slice text, int64_t *ms, struct errmsg *message);
NODISCARD int kafka_parse_duration(struct slice text, int64_t *ms, struct errmsg *message);

#endif
