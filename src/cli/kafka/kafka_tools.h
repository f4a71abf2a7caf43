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
tool_main tool_kafka_server_start;     /* kafka_server.c */
tool_main tool_kafka_server_stop;      /* processes.c */
tool_main tool_zookeeper_server_start; /* zookeeper_start.c */
tool_main tool_zookeeper_server_stop;  /* processes.c */

tool_main tool_kafka_configs; /* kafka_configs.c */
extern const struct kafka_options_syntax kafka_configs_syntax;
tool_main tool_kafka_console_consumer; /* kafka_console_consumer.c */
extern const struct kafka_options_syntax kafka_console_consumer_syntax;

tool_main tool_kafka_get_offsets; /* kafka_get_offsets.c */
extern const struct kafka_options_syntax kafka_get_offsets_syntax;

tool_main tool_kafka_delete_records; /* kafka_delete_records.c */
extern const struct kafka_options_syntax kafka_delete_records_syntax;

tool_main tool_kafka_log_dirs; /* kafka_log_dirs.c */
extern const struct kafka_options_syntax kafka_log_dirs_syntax;

tool_main tool_kafka_broker_api_versions; /* kafka_broker_api_versions.c */
extern const struct kafka_options_syntax kafka_broker_api_versions_syntax;

tool_main tool_kafka_cluster; /* kafka_cluster.c */
extern const struct kafka_options_syntax kafka_cluster_syntax;

tool_main tool_kafka_features; /* kafka_cluster.c */
extern const struct kafka_options_syntax kafka_features_syntax;

tool_main tool_kafka_leader_election; /* kafka_leader_election.c */
extern const struct kafka_options_syntax kafka_leader_election_syntax;

tool_main tool_kafka_run_class; /* kafka_run_class.c */

tool_main tool_zookeeper_shell;          /* zookeeper_shell.c */
tool_main tool_kafka_producer_perf_test; /* kafka_producer_perf_test.c */
extern const struct kafka_options_syntax kafka_producer_perf_test_syntax;
tool_main tool_kafka_consumer_perf_test; /* kafka_consumer_perf_test.c */
extern const struct kafka_options_syntax kafka_consumer_perf_test_syntax;
tool_main tool_kafka_verifiable_producer; /* kafka_verifiable_producer.c */
extern const struct kafka_options_syntax kafka_verifiable_producer_syntax;
tool_main tool_kafka_verifiable_consumer; /* kafka_verifiable_consumer.c */
extern const struct kafka_options_syntax kafka_verifiable_consumer_syntax;

#endif
