/* producer_ids.h - the broker's block of producer ids; the rest is in handlers/init_producer_id.c.
 */
#ifndef KAFKA_SERVER_PRODUCER_IDS_H
#define KAFKA_SERVER_PRODUCER_IDS_H

struct broker;
struct producer_ids;

struct producer_ids *producer_ids_create(struct broker *broker);
/* When no request waits any more: after the sockets are gone. */
void producer_ids_release(struct producer_ids *ids);

#endif
