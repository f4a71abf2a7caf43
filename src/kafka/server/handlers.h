/* handlers.h - the handlers that dispatch.c knows, one a line; each lives in handlers/<api>.c, or
 * several of one family in one file.
 */
#ifndef KAFKA_SERVER_HANDLERS_H
#define KAFKA_SERVER_HANDLERS_H

#include "kafka/server/request.h"

/* records */
request_handler handle_produce;
request_handler handle_fetch;
request_handler handle_list_offsets;
request_handler handle_offset_for_leader_epoch;
request_handler handle_delete_records;
request_handler handle_init_producer_id;
request_handler handle_describe_producers;

/* the connection */
request_handler handle_api_versions;
request_handler handle_sasl_handshake;
request_handler handle_sasl_authenticate;

/* the cluster */
request_handler handle_metadata;
request_handler handle_describe_cluster;
request_handler handle_create_topics;
request_handler handle_delete_topics;
request_handler handle_create_partitions;
request_handler handle_describe_configs;
request_handler handle_alter_configs;
request_handler handle_incremental_alter_configs;
request_handler handle_describe_log_dirs;
request_handler handle_alter_replica_log_dirs;
request_handler handle_list_partition_reassignments;
request_handler handle_alter_partition_reassignments;
request_handler handle_elect_leaders;
request_handler handle_update_features;
request_handler handle_describe_client_quotas;
request_handler handle_alter_client_quotas;
request_handler handle_describe_user_scram_credentials;

/* groups and their offsets */
request_handler handle_find_coordinator;
request_handler handle_join_group;
request_handler handle_sync_group;
request_handler handle_heartbeat;
request_handler handle_leave_group;
request_handler handle_offset_commit;
request_handler handle_offset_fetch;
request_handler handle_offset_delete;
request_handler handle_describe_groups;
request_handler handle_list_groups;
request_handler handle_delete_groups;
request_handler handle_consumer_group_heartbeat;
request_handler handle_consumer_group_describe;

#endif
