/* support_kafka_net.h - a broker's data path without a cluster: sockets, partitions and logs in a
 * temporary folder, on the real runtime; and clients of plain sockets whose bytes a test controls.
 */
#ifndef TEST_UNIT_SUPPORT_KAFKA_NET_H
#define TEST_UNIT_SUPPORT_KAFKA_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/connection.h"

#define NET_TOPIC "topic"
#define NET_PARTITIONS 3

struct net_fixture {
    struct broker broker;
    struct topic_config config;
    char dir[64];
    uint16_t port;
    bool is_ready;
    struct arena arena; /* of what tests decode and build */
};

/* `change` may set the broker's and the topic's configuration before anything begins. */
void net_begin(struct net_fixture *fixture, void (*change)(struct net_fixture *fixture));
void net_end(struct net_fixture *fixture);  /* checks that nothing is left */
void net_turn(struct net_fixture *fixture); /* one turn, at most a millisecond long */

#define NET_WAIT_NS UINT64_C(5000000000)
#define NET_UNTIL(fixture, condition)                                                   \
    do {                                                                                \
        uint64_t deadline_ns = runtime_now_ns((fixture)->broker.runtime) + NET_WAIT_NS; \
        while (!(condition)) {                                                          \
            if (runtime_now_ns((fixture)->broker.runtime) > deadline_ns) {              \
                fail_msg("this should have come true: %s", #condition);                 \
            }                                                                           \
            net_turn(fixture);                                                          \
        }                                                                               \
    } while (0)

/* A client: its socket, and what it has received. */
struct net_client {
    struct net_fixture *fixture;
    int fd;
    bool is_closed; /* by the broker */
    struct buffer got;
};

void net_connect(struct net_fixture *fixture, struct net_client *client);
void net_leave(struct net_client *client);
/* Takes what has come, without waiting. */
void net_receive(struct net_client *client);
/* Sends all of it, turning the broker's loop where the socket is full. */
void net_send(struct net_client *client, struct slice bytes);

/* A frame: header in the right version, body of the struct. Appended to `out`. */
void net_frame(struct buffer *out,
               int16_t api_key,
               int16_t version,
               int32_t correlation_id,
               const void *body);
/* True when a whole answer has come: its correlation id, and its body from the front of `got`. */
bool net_answer(struct net_client *client, int32_t *correlation_id, struct slice *body);
void net_answer_done(struct net_client *client); /* takes it off */
/* Waits for the next answer, checks its id and decodes it. */
void net_expect(struct net_client *client,
                int16_t api_key,
                int16_t version,
                int32_t correlation_id,
                void *response);

/* A Produce frame of one batch with `count` records of value_len bytes. */
void net_produce(struct buffer *out,
                 int16_t version,
                 int32_t correlation_id,
                 int16_t acks,
                 int32_t partition,
                 int32_t count,
                 size_t value_len);

#endif
