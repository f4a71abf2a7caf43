/* broker_loggers.h - the broker's loggers, as DescribeConfigs and IncrementalAlterConfigs see them
 * (KIP-412): modules of runtime/log.h under their own names, and "root" for the rest.
 */
#ifndef KAFKA_SERVER_HANDLERS_BROKER_LOGGERS_H
#define KAFKA_SERVER_HANDLERS_BROKER_LOGGERS_H

#include "base/slice.h"

extern const char *const broker_loggers[];
extern const size_t broker_logger_count;

const char *broker_logger_level(const char *name); /* "INFO" */
bool broker_logger_exists(struct slice name);
/* Is it one of FATAL, ERROR, WARN, INFO, DEBUG, TRACE? */
bool broker_logger_is_level(struct slice level);
/* FATAL silences a module but for what ends the process. */
void broker_logger_set(struct slice name, struct slice level);
/* Back to the level of the root. */
void broker_logger_unset(struct slice name);

#endif
