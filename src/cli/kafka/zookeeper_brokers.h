/* zookeeper_brokers.h - which brokers a ZooKeeper knows: for tools that are still called with
 * --zookeeper where Apache's now want --bootstrap-server.
 */
#ifndef CLI_KAFKA_ZOOKEEPER_BROKERS_H
#define CLI_KAFKA_ZOOKEEPER_BROKERS_H

#include "base/buffer.h"
#include "runtime/errmsg.h"

/* Appends "host:port,host:port" of the brokers below /brokers/ids that listen in plain text.
 * ERR_UNREACHABLE: no ZooKeeper answers within ten seconds; ERR_NOT_FOUND: it knows no broker. The
 * message says so. */
NODISCARD int zookeeper_brokers(const char *connect,
                                struct buffer *servers,
                                struct errmsg *message);

#endif
