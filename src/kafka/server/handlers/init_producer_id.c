/* init_producer_id.c - gives an idempotent producer its id.
 *
 * Ids come from a block of 1,000 that the cluster hands out (ZooKeeper: /latest_producer_id_block);
 * the requests that come while a block is on its way wait for it. A transactional producer gets
 * COORDINATOR_NOT_AVAILABLE, which it retries: there is no transaction coordinator yet. TODO(#5).
 *
 * An idempotent producer that asks again with its old id gets a new one, as from Apache.
 * Sources: TransactionCoordinator.handleInitProducerId, ZkProducerIdManager of 3.9; reference 1.2.
 */
#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/handlers.h"
#include "kafka/server/producer_ids.h"

struct producer_ids {
    struct broker *broker;
    int64_t next;
    int64_t left;
    bool is_asking;
    struct list waiting; /* struct waiting_request */
};

struct waiting_request {
    struct list link;
    struct request *request;
};

struct producer_ids *producer_ids_create(struct broker *broker)
{
    struct producer_ids *ids = mem_alloc_zeroed(sizeof *ids);
    ids->broker = broker;
    list_init(&ids->waiting);
    return ids;
}

void producer_ids_release(struct producer_ids *ids)
{
    mem_free(ids, sizeof *ids);
}

static void answer(struct request *request, int16_t error, int64_t producer_id)
{
    struct kafka_init_producer_id_response response;
    codec_init(&kafka_init_producer_id_response_message, &response);
    response.error_code = error;
    response.producer_id = producer_id;
    response.producer_epoch = (int16_t)(error == 0 ? 0 : -1);
    request_reply(request, &response);
}

static void on_block(void *ctx, int64_t first, int64_t count)
{
    struct producer_ids *ids = ctx;
    struct list *link;
    ids->is_asking = false;
    if (first >= 0) {
        ids->next = first;
        ids->left = count;
    }
    while ((link = list_pop(&ids->waiting)) != NULL) {
        struct waiting_request *waiting = CONTAINER_OF(link, struct waiting_request, link);
        waiting->request->on_abort = NULL;
        if (ids->left > 0) {
            ids->left -= 1;
            answer(waiting->request, 0, ids->next++);
        } else {
            /* As Apache while the next block is not there; clients ask again. */
            answer(waiting->request, KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS, -1);
        }
    }
}

static void on_abort(struct request *request)
{
    struct waiting_request *waiting = request->handler_state;
    list_remove(&waiting->link);
}

void handle_init_producer_id(struct broker *broker, struct request *request)
{
    const struct kafka_init_producer_id_request *body = request->body;
    struct producer_ids *ids = broker->producer_ids;
    if ((body->producer_id == NO_PRODUCER_ID) != (body->producer_epoch == NO_PRODUCER_EPOCH)) {
        answer(request, KAFKA_ERROR_INVALID_REQUEST, -1);
        return;
    }
    if (!slice_is_null(body->transactional_id)) {
        answer(request,
               body->transactional_id.len == 0 ? KAFKA_ERROR_INVALID_REQUEST
                                               : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE,
               -1);
        return;
    }
    if (ids->left > 0) {
        ids->left -= 1;
        answer(request, 0, ids->next++);
        return;
    }
    struct waiting_request *waiting = ARENA_NEW(&request->arena, struct waiting_request);
    waiting->request = request;
    list_append(&ids->waiting, &waiting->link);
    request->handler_state = waiting;
    request->on_abort = on_abort;
    if (!ids->is_asking) {
        ids->is_asking = true;
        cluster_allocate_producer_ids(broker->cluster, on_block, ids);
    }
}
