/* kafka_run_class.c - kafka-run-class: the tools by the names of Apache's classes, since people and
 * scripts run `kafka-run-class.sh kafka.tools.GetOffsetShell ...`. A class without a tool here is
 * refused with a sentence.
 */
#include <stdio.h>

#include "cli/kafka/kafka_tools.h"

static const struct {
    const char *class_name; /* without its package */
    const char *tool;
} classes[] = {
    {"TopicCommand", "kafka-topics"},
    {"ConfigCommand", "kafka-configs"},
    {"ConsumerGroupCommand", "kafka-consumer-groups"},
    {"GetOffsetShell", "kafka-get-offsets"},
    {"DeleteRecordsCommand", "kafka-delete-records"},
    {"LogDirsCommand", "kafka-log-dirs"},
    {"BrokerApiVersionsCommand", "kafka-broker-api-versions"},
    {"ClusterTool", "kafka-cluster"},
    {"FeatureCommand", "kafka-features"},
    {"LeaderElectionCommand", "kafka-leader-election"},
    {"ReassignPartitionsCommand", "kafka-reassign-partitions"},
    {"ConsoleProducer", "kafka-console-producer"},
    {"ConsoleConsumer", "kafka-console-consumer"},
    {"DumpLogSegments", "kafka-dump-log"},
    {"ProducerPerformance", "kafka-producer-perf-test"},
    {"ConsumerPerformance", "kafka-consumer-perf-test"},
    {"VerifiableProducer", "kafka-verifiable-producer"},
    {"VerifiableConsumer", "kafka-verifiable-consumer"},
    {"Kafka", "kafka-server"},
    {"ZooKeeperMain", "zkCli"},
    {"ZooKeeperMainWithTlsSupportForKafka", "zkCli"},
    {"QuorumPeerMain", "zookeeper-server"},
};

static const struct tool *find_tool(const char *name)
{
    for (size_t i = 0; i < tool_count; i++) {
        if (strcmp(tools[i].name, name) == 0) {
            return &tools[i];
        }
    }
    return NULL;
}

static const struct tool *find_class(const char *class_name)
{
    const char *dot = strrchr(class_name, '.');
    const char *name = dot != NULL ? dot + 1 : class_name;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strcmp(classes[i].class_name, name) == 0) {
            return find_tool(classes[i].tool);
        }
    }
    return NULL;
}

int tool_kafka_run_class(int argc, char **argv)
{
    int at = 1;
    /* What the script takes for the JVM. */
    while (at < argc && argv[at][0] == '-') {
        bool has_value = strcmp(argv[at], "-name") == 0;
        at += has_value && at + 1 < argc ? 2 : 1;
    }
    if (at == argc) {
        printf("USAGE: kafka-run-class [-daemon] [-name servicename] [-loggc] classname [opts]\n");
        return 1;
    }
    const struct tool *tool = find_class(argv[at]);
    if (tool == NULL) {
        fprintf(stderr, "Error: Could not find or load main class %s\n", argv[at]);
        return 1;
    }
    return tool->run(argc - at, argv + at);
}
