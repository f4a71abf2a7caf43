/* fuzz_kafka_properties.c - server.properties of any bytes: read, or refused with a sentence; what
 * is read is within its bounds, and reading it twice gives the same. */
#include <stdint.h>
#include <string.h>

#include "kafka/server/broker_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct broker_config config;
    static struct broker_config again;
    static const char *const overrides[] = {"zookeeper.connect=localhost:2181"};
    struct errmsg message = {.text = ""};
    struct slice text = slice_of(data, size);
    int error = broker_config_parse(&config, text, "input", overrides, 1, &message);
    if (error != 0) {
        ASSERT(message.text[0] != '\0');
        return 0;
    }
    ASSERT(config.num_partitions >= 1);
    ASSERT(config.listener_count >= 1 && config.listener_count <= BROKER_LISTENERS_MAX);
    ASSERT(config.log_dir_count >= 1 && config.log_dir_count <= BROKER_LOG_DIRS_MAX);
    ASSERT(config.topic.segment_ms >= 1);
    error = broker_config_parse(&again, text, "input", overrides, 1, &message);
    ASSERT(error == 0);
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): both begin as zeros, padding too */
    ASSERT(memcmp(&config.topic, &again.topic, sizeof config.topic) == 0);
    broker_config_release(&config);
    broker_config_release(&again);
    return 0;
}
