/* tools.c - the list of tools, and the small ones. */
#include <stdio.h>

#include "base/version.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/tool.h"

const struct tool tools[] = {
    {"start", tool_start, "start everything in this process: ZooKeeper on 2181, Kafka on 9092",
     NULL},
    {"ps", tool_ps, "list the servers of Samsa that run here", NULL},
    {"zookeeper-server", tool_zookeeper_server, "a ZooKeeper server: [-Dkey=value ...] zoo.cfg",
     NULL},
    {"zkServer", tool_zk_server,
     "start, stop and ask a ZooKeeper server: "
     "{start|start-foreground|stop|restart|status|version|print-cmd}",
     NULL},
    {"zkServer-initialize", tool_zk_initialize,
     "make a server's data folders: [--configfile=F] [--myid=N] [--force]", NULL},
    {"zkCleanup", tool_zk_cleanup, "remove old snapshots and logs: -n COUNT", NULL},
    {"zkTxnLogToolkit", tool_zk_txn_log_toolkit, "show, repair or chop a transaction log", NULL},
    {"zkSnapShotToolkit", tool_zk_snapshot_toolkit, "show a snapshot: [-d|-json] FILE", NULL},
    {"zkSnapshotComparer", tool_zk_snapshot_comparer,
     "compare two snapshots: -l FILE -r FILE -b BYTES -n NODES", NULL},
    {"zkSnapshotRecursiveSummaryToolkit", tool_zk_snapshot_summary,
     "sizes below a node: FILE NODE DEPTH", NULL},
    {"zkCli", tool_zk_cli, "talk to a ZooKeeper server: [-server host:port] [command]", NULL},
    {"kafka-server-start", tool_kafka_server_start,
     "a Kafka broker: [-daemon] server.properties [--override key=value]*", NULL},
    {"kafka-server-stop", tool_kafka_server_stop, "stop the Kafka brokers here: [--node-id=N]",
     NULL},
    {"zookeeper-server-start", tool_zookeeper_server_start,
     "a ZooKeeper server, as Kafka starts it: [-daemon] zookeeper.properties", NULL},
    {"zookeeper-server-stop", tool_zookeeper_server_stop, "stop the ZooKeeper servers here", NULL},
    {"kafka-topics", tool_kafka_topics, "make, change, list and describe topics",
     &kafka_topics_syntax},
    {"kafka-dump-log", tool_kafka_dump_log, "show what is in a log's files: --files F[,F...]",
     &kafka_dump_log_syntax},
    {"kafka-consumer-groups", tool_kafka_consumer_groups,
     "list and describe consumer groups, move their offsets", &kafka_consumer_groups_syntax},
    {"kafka-console-producer", tool_kafka_console_producer, "produce the lines of standard input",
     &kafka_console_producer_syntax},
    {"kafka-configs", tool_kafka_configs,
     "show and change settings of topics, brokers, users and clients", &kafka_configs_syntax},
    {"kafka-console-consumer", tool_kafka_console_consumer, "print the records of topics",
     &kafka_console_consumer_syntax},
    {"kafka-get-offsets", tool_kafka_get_offsets, "where partitions begin and end",
     &kafka_get_offsets_syntax},
    {"kafka-delete-records", tool_kafka_delete_records, "delete the oldest records of partitions",
     &kafka_delete_records_syntax},
    {"kafka-log-dirs", tool_kafka_log_dirs, "sizes of partitions in brokers' directories",
     &kafka_log_dirs_syntax},
    {"kafka-broker-api-versions", tool_kafka_broker_api_versions, "what brokers speak",
     &kafka_broker_api_versions_syntax},
    {"kafka-cluster", tool_kafka_cluster, "the id of a cluster", &kafka_cluster_syntax},
    {"kafka-features", tool_kafka_features, "feature flags of a cluster", &kafka_features_syntax},
    {"kafka-leader-election", tool_kafka_leader_election, "elect leaders of partitions",
     &kafka_leader_election_syntax},
    {"kafka-run-class", tool_kafka_run_class, "a tool by the name of Apache's class", NULL},
    {"zookeeper-shell", tool_zookeeper_shell, "zkCli as Kafka calls it: host:port[/path] [command]",
     NULL},
    {"kafka-producer-perf-test", tool_kafka_producer_perf_test,
     "measure how fast records are taken", &kafka_producer_perf_test_syntax},
    {"kafka-consumer-perf-test", tool_kafka_consumer_perf_test, "measure how fast records are read",
     &kafka_consumer_perf_test_syntax},
    {"kafka-verifiable-producer", tool_kafka_verifiable_producer,
     "a producer that tells what happens as JSON", &kafka_verifiable_producer_syntax},
    {"kafka-verifiable-consumer", tool_kafka_verifiable_consumer,
     "a consumer that tells what happens to it as JSON", &kafka_verifiable_consumer_syntax},
    {"completion", tool_completion, "print what a shell needs to complete tools: bash, zsh", NULL},
    {"version", tool_version, "print the version", NULL},
};

const size_t tool_count = ARRAY_LEN(tools);

int tool_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("samsa %s\n", samsa_version);
    return 0;
}
