/* group_topic.c - makes __consumer_offsets when the first client looks for its coordinator.
 *
 * Source: AutoTopicCreationManager, GroupCoordinator.offsetsTopicConfigs of Apache Kafka 3.9.
 */
#include <stdio.h>

#include "generated/kafka/constants.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/group_host_private.h"
#include "runtime/log.h"

static void topic_created(void *ctx, int16_t error, const char *message)
{
    struct group_host *host = ctx;
    host->is_creating_topic = false;
    if (error != KAFKA_ERROR_NONE && error != KAFKA_ERROR_TOPIC_ALREADY_EXISTS) {
        LOG("groups", LOG_WARN, "%s cannot be created: %s (%s)", GROUP_OFFSETS_TOPIC,
            kafka_error_name(error), message == NULL ? "" : message);
    }
}

bool group_host_ensure_topic(struct group_host *host)
{
    const struct broker_config *config = &host->broker->config;
    if (topics_find(&host->broker->topics, SLICE_LIT(GROUP_OFFSETS_TOPIC)) != NULL) {
        return true;
    }
    if (host->is_creating_topic || host->is_stopped) {
        return false;
    }
    char segment_bytes[16];
    (void)snprintf(segment_bytes, sizeof segment_bytes, "%d", config->offsets_topic_segment_bytes);
    const struct config_entry configs[] = {
        {SLICE_LIT("compression.type"), SLICE_LIT("producer")},
        {SLICE_LIT("cleanup.policy"), SLICE_LIT("compact")},
        {SLICE_LIT("segment.bytes"), slice_of_cstr(segment_bytes)},
    };
    const struct cluster_new_topic topic = {
        .name = SLICE_LIT(GROUP_OFFSETS_TOPIC),
        .partition_count = config->offsets_topic_num_partitions,
        .replication_factor = config->offsets_topic_replication_factor,
        .configs = configs,
        .config_count = ARRAY_LEN(configs),
    };
    host->is_creating_topic = true;
    cluster_create_topic(host->broker->cluster, &topic,
                         (struct cluster_done){.call = topic_created, .ctx = host});
    return false;
}
