#include "cli/kafka/kafka_topics.h"
int kafka_topics_zookeeper(struct kafka_topics *topics)
{
    return kafka_admin_error(&topics->admin, "x", "--zookeeper");
}
