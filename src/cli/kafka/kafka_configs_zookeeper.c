#include "cli/kafka/kafka_configs.h"
int kafka_configs_zookeeper(struct kafka_configs *configs)
{
    return kafka_configs_refuse(configs, "--zookeeper");
}
