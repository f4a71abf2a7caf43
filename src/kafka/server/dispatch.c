/* dispatch.c - the table of APIs: what is served, in which versions, by whom.
 *
 * What stands here is what ApiVersions advertises; a request for anything else closes its
 * connection, as Apache's does. The versions are those of a broker of 3.9 on ZooKeeper (reference
 * 1).
 */
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/handlers.h"

/* API(NUMBER, name, first and last version): the handler is handle_name. */
#define API(number, word, text, first, last) \
    {KAFKA_API_##number,                     \
     text,                                   \
     first,                                  \
     last,                                   \
     &kafka_##word##_request_message,        \
     &kafka_##word##_response_message,       \
     handle_##word}

const struct api apis[] = {
    /* Ascending by number. */
    API(PRODUCE, produce, "Produce", 0, 11),
    API(FETCH, fetch, "Fetch", 0, 17),
    API(LIST_OFFSETS, list_offsets, "ListOffsets", 0, 9),
    API(METADATA, metadata, "Metadata", 0, 12),
    API(OFFSET_COMMIT, offset_commit, "OffsetCommit", 0, 9),
    API(OFFSET_FETCH, offset_fetch, "OffsetFetch", 0, 9),
    API(FIND_COORDINATOR, find_coordinator, "FindCoordinator", 0, 6),
    API(JOIN_GROUP, join_group, "JoinGroup", 0, 9),
    API(HEARTBEAT, heartbeat, "Heartbeat", 0, 4),
    API(LEAVE_GROUP, leave_group, "LeaveGroup", 0, 5),
    API(SYNC_GROUP, sync_group, "SyncGroup", 0, 5),
    API(DESCRIBE_GROUPS, describe_groups, "DescribeGroups", 0, 5),
    API(LIST_GROUPS, list_groups, "ListGroups", 0, 5),
    API(SASL_HANDSHAKE, sasl_handshake, "SaslHandshake", 0, 1),
    API(API_VERSIONS, api_versions, "ApiVersions", 0, 4),
    API(CREATE_TOPICS, create_topics, "CreateTopics", 0, 7),
    API(DELETE_TOPICS, delete_topics, "DeleteTopics", 0, 6),
    API(DELETE_RECORDS, delete_records, "DeleteRecords", 0, 2),
    API(INIT_PRODUCER_ID, init_producer_id, "InitProducerId", 0, 5),
    API(OFFSET_FOR_LEADER_EPOCH, offset_for_leader_epoch, "OffsetForLeaderEpoch", 0, 4),
    API(DESCRIBE_CONFIGS, describe_configs, "DescribeConfigs", 0, 4),
    API(ALTER_CONFIGS, alter_configs, "AlterConfigs", 0, 2),
    API(ALTER_REPLICA_LOG_DIRS, alter_replica_log_dirs, "AlterReplicaLogDirs", 0, 2),
    API(DESCRIBE_LOG_DIRS, describe_log_dirs, "DescribeLogDirs", 0, 4),
    API(SASL_AUTHENTICATE, sasl_authenticate, "SaslAuthenticate", 0, 2),
    API(CREATE_PARTITIONS, create_partitions, "CreatePartitions", 0, 3),
    API(DELETE_GROUPS, delete_groups, "DeleteGroups", 0, 2),
    API(ELECT_LEADERS, elect_leaders, "ElectLeaders", 0, 2),
    API(INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs, "IncrementalAlterConfigs", 0, 1),
    API(ALTER_PARTITION_REASSIGNMENTS,
        alter_partition_reassignments,
        "AlterPartitionReassignments",
        0,
        0),
    API(LIST_PARTITION_REASSIGNMENTS,
        list_partition_reassignments,
        "ListPartitionReassignments",
        0,
        0),
    API(OFFSET_DELETE, offset_delete, "OffsetDelete", 0, 0),
    API(DESCRIBE_CLIENT_QUOTAS, describe_client_quotas, "DescribeClientQuotas", 0, 1),
    API(ALTER_CLIENT_QUOTAS, alter_client_quotas, "AlterClientQuotas", 0, 1),
    API(DESCRIBE_USER_SCRAM_CREDENTIALS,
        describe_user_scram_credentials,
        "DescribeUserScramCredentials",
        0,
        0),
    API(UPDATE_FEATURES, update_features, "UpdateFeatures", 0, 1),
    API(DESCRIBE_CLUSTER, describe_cluster, "DescribeCluster", 0, 1),
    API(DESCRIBE_PRODUCERS, describe_producers, "DescribeProducers", 0, 0),
    API(CONSUMER_GROUP_HEARTBEAT, consumer_group_heartbeat, "ConsumerGroupHeartbeat", 0, 0),
    API(CONSUMER_GROUP_DESCRIBE, consumer_group_describe, "ConsumerGroupDescribe", 0, 0),
};

const size_t api_count = ARRAY_LEN(apis);

#define API_KEYS_MAX 128

const struct api *api_find(int16_t api_key)
{
    /* 1-based positions in `apis`, filled on the first call; the same in every shard. */
    static uint8_t positions[API_KEYS_MAX];
    static bool is_filled;
    if (UNLIKELY(!is_filled)) {
        for (size_t i = 0; i < api_count; i++) {
            positions[apis[i].key] = (uint8_t)(i + 1);
        }
        is_filled = true;
    }
    if (api_key < 0 || api_key >= API_KEYS_MAX || positions[api_key] == 0) {
        return NULL;
    }
    return &apis[positions[api_key] - 1];
}
