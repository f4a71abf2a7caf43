/* admin_wait.h - an administrator's request that waits for several changes of the cluster, each
 * with an outcome of its own, until all are there or its time is over.
 *
 * Life: admin_wait_create -> admin_wait_item for each change, whose cluster_done goes to cluster.h
 * (or admin_wait_set for what is decided at once) -> admin_wait_go. Then `answer` is called once,
 * from within admin_wait_go or later, builds the response out of the items and calls request_reply.
 * Changes go on after the time is over or the connection's end; nobody hears of them then.
 */
#ifndef KAFKA_SERVER_HANDLERS_ADMIN_WAIT_H
#define KAFKA_SERVER_HANDLERS_ADMIN_WAIT_H

#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/request.h"

#define ADMIN_MESSAGE_MAX 512
#define ADMIN_TIMEOUT_MS 60000 /* where the request names none */

struct admin_wait;

struct admin_item {
    struct admin_wait *wait;
    bool is_decided;
    int16_t error;
    struct slice message; /* null: none; lives as long as the wait */
    void *ctx;            /* the handler's */
};

struct admin_wait {
    struct request *request;
    struct broker *broker;
    struct admin_item *items;
    int32_t count;
    int32_t pending; /* changes that are under way */
    bool is_answered;
    bool is_going;
    struct runtime_timer timer;
    void (*answer)(struct admin_wait *wait);
    void *ctx;
    struct arena arena; /* of the wait: may live longer than the request */
};

struct admin_wait *admin_wait_create(struct request *request,
                                     int32_t count,
                                     void (*answer_request)(struct admin_wait *wait));
struct cluster_done admin_wait_item(struct admin_wait *wait, int32_t index);
/* message NULL: none. */
void admin_wait_set(struct admin_wait *wait, int32_t index, int16_t error, const char *message);
/* timeout_ms <= 0: what is not decided now is told as timed out. */
void admin_wait_go(struct admin_wait *wait, int32_t timeout_ms);

#endif
