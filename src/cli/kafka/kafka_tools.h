/* kafka_tools.h - Kafka's tools, as `samsa NAME`; tools.c has their rows. See tool.h. */
#ifndef CLI_KAFKA_KAFKA_TOOLS_H
#define CLI_KAFKA_KAFKA_TOOLS_H

#include "cli/tool.h"

tool_main tool_kafka_topics; /* kafka_topics.c */
extern const struct kafka_options_syntax kafka_topics_syntax;
tool_main tool_kafka_dump_log; /* kafka_dump_log.c */
extern const struct kafka_options_syntax kafka_dump_log_syntax;

tool_main tool_kafka_consumer_groups; /* kafka_consumer_groups.c */
extern const struct kafka_options_syntax kafka_consumer_groups_syntax;
tool_main tool_kafka_console_producer; /* kafka_console_producer.c */
extern const struct kafka_options_syntax kafka_console_producer_syntax;
tool_main tool_kafka_server_start; /* kafka_server.c */

tool_main tool_kafka_configs; /* kafka_configs.c */
extern const struct kafka_options_syntax kafka_configs_syntax;
tool_main tool_kafka_console_consumer; /* kafka_console_consumer.c */
extern const struct kafka_options_syntax kafka_console_consumer_syntax;

#endif
