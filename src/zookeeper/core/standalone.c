/* standalone.c - a server without peers: what it proposes is committed when its own disk has it.
 *
 * Model: a queue of transactions, proposed in zxid order and not yet durable. PERSISTED(zxid)
 * applies those up to it, in order. A sync is answered when everything that had been proposed
 * before it is applied, as it would be by a leader.
 *
 * What goes wrong: the disk. Then PERSISTED never comes, nothing is applied, nobody is answered,
 * and the host stops the server.
 */
#include "zookeeper/core/standalone.h"

#include "base/memory.h"
#include "wire/jute.h"

#define PENDING_KEEP_BYTES ((size_t)8 << 20)
#define ENTRY_HEADER_BYTES 12u /* zxid, length */
#define TXN_TYPE_AT 28u        /* in the header of a txn */

struct sync_waiter {
    struct list link; /* standalone.syncs: in order of zxid */
    int64_t zxid;
    int64_t session_id;
    int32_t cxid;
};

static int64_t submit_sync(struct standalone *machine,
                           const struct prep_request *request,
                           const struct zk_event *event,
                           struct zk_outbox *outbox)
{
    struct jute_reader body = jute_reader_of(request->body,
                                             machine->service.config->prep.max_string_bytes);
    (void)jute_read_bytes(&body);
    if (body.error != 0) {
        return SERVICE_MALFORMED;
    }
    if (machine->pending_count == 0) {
        service_sync_done(&machine->service, request->session_id, request->cxid, event, outbox);
        return SERVICE_ZXID_UNKNOWN;
    }
    struct sync_waiter *waiter = mem_alloc_zeroed(sizeof *waiter);
    waiter->zxid = machine->prep.last_zxid;
    waiter->session_id = request->session_id;
    waiter->cxid = request->cxid;
    list_append(&machine->syncs, &waiter->link);
    return SERVICE_ZXID_UNKNOWN;
}

static int64_t submit(void *ctx,
                      const struct prep_request *request,
                      const struct zk_event *event,
                      struct zk_outbox *outbox)
{
    struct standalone *machine = ctx;
    if (request->type == ZK_OP_SYNC) {
        return submit_sync(machine, request, event, outbox);
    }
    struct buffer *pending = &machine->pending;
    size_t start = pending->len;
    buffer_reserve(pending, ENTRY_HEADER_BYTES);
    pending->len += ENTRY_HEADER_BYTES;
    struct slice quota_exceeded;
    int64_t zxid = prep_request(&machine->prep, request, event->wall_ms, pending, &quota_exceeded);
    if (zxid == 0) {
        pending->len = start;
        return SERVICE_MALFORMED;
    }
    size_t len = pending->len - start - ENTRY_HEADER_BYTES;
    bool is_refused = (int32_t)load_be32(pending->data + start + ENTRY_HEADER_BYTES +
                                         TXN_TYPE_AT) == ZK_OP_ERROR;
    machine->service.stats.quota_exceeded += is_refused && !slice_is_null(quota_exceeded) ? 1 : 0;
    store_be64(pending->data + start, (uint64_t)zxid);
    store_be32(pending->data + start + 8, (uint32_t)len);
    machine->pending_count += 1;

    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_PERSIST);
    effect->zxid = zxid;
    effect->offset = outbox->bytes.len;
    effect->len = len;
    buffer_append(&outbox->bytes, slice_of(pending->data + start + ENTRY_HEADER_BYTES, len));
    return zxid;
}

void standalone_init(struct standalone *machine, const struct service_config *config)
{
    *machine = (struct standalone){0};
    list_init(&machine->syncs);
    buffer_init(&machine->pending, SIZE_MAX);
    struct service_proposer proposer = {.submit = submit, .ctx = machine};
    service_init(&machine->service, config, &proposer);
    prep_init(&machine->prep, &config->prep, &machine->service.tree);
}

void standalone_release(struct standalone *machine)
{
    struct list *link;
    while ((link = list_pop(&machine->syncs)) != NULL) {
        mem_free(CONTAINER_OF(link, struct sync_waiter, link), sizeof(struct sync_waiter));
    }
    prep_release(&machine->prep);
    service_release(&machine->service);
    buffer_release(&machine->pending);
}

void standalone_start(struct standalone *machine, uint64_t now_ms)
{
    ASSERT(machine->pending_count == 0);
    machine->persisted_zxid = machine->service.tree.last_processed_zxid;
    machine->prep.last_zxid = machine->persisted_zxid;
    service_start(&machine->service, now_ms);
}

int standalone_replay(struct standalone *machine, struct slice txn_bytes)
{
    struct arena arena;
    struct txn txn = {0};
    arena_init(&arena, (size_t)4 << 10, SIZE_MAX);
    int rv = txn_decode(txn_bytes, &arena, &txn);
    if (rv == ERR_OK) {
        tree_apply(&machine->service.tree, &txn, NULL);
    } else if (rv == ERR_UNSUPPORTED) {
        machine->service.stats.unknown_txns += 1;
        machine->service.tree.last_processed_zxid = MAX(machine->service.tree.last_processed_zxid,
                                                        txn.header.zxid);
    }
    arena_release(&arena);
    return rv == ERR_OK || rv == ERR_UNSUPPORTED ? ERR_OK : ERR_CORRUPT;
}

static void answer_syncs(struct standalone *machine,
                         const struct zk_event *event,
                         struct zk_outbox *outbox)
{
    while (!list_is_empty(&machine->syncs)) {
        struct sync_waiter *waiter = CONTAINER_OF(machine->syncs.next, struct sync_waiter, link);
        if (waiter->zxid > machine->persisted_zxid) {
            break;
        }
        list_remove(&waiter->link);
        service_sync_done(&machine->service, waiter->session_id, waiter->cxid, event, outbox);
        mem_free(waiter, sizeof *waiter);
    }
}

static void compact_pending(struct standalone *machine)
{
    struct buffer *pending = &machine->pending;
    if (machine->pending_start == pending->len) {
        machine->pending_start = 0;
        buffer_clear(pending, PENDING_KEEP_BYTES);
    } else if (machine->pending_start > pending->len / 2) {
        buffer_consume(pending, machine->pending_start);
        machine->pending_start = 0;
    }
}

/* Applying can submit more (the first requests of a new session), which appends to `pending` and
 * may move it: service_apply does that last, when the txn's bytes are not needed any more, and here
 * each txn's place is looked up anew. */
static void persisted(struct standalone *machine,
                      const struct zk_event *event,
                      struct zk_outbox *outbox)
{
    ASSERT(event->zxid >= machine->persisted_zxid && event->zxid <= machine->prep.last_zxid);
    machine->persisted_zxid = event->zxid;
    while (machine->pending_count > 0) {
        const uint8_t *at = machine->pending.data + machine->pending_start;
        int64_t zxid = (int64_t)load_be64(at);
        size_t len = load_be32(at + 8);
        if (zxid > event->zxid) {
            break;
        }
        machine->pending_start += ENTRY_HEADER_BYTES + len;
        machine->pending_count -= 1;
        service_apply(&machine->service, slice_of(at + ENTRY_HEADER_BYTES, len), event, outbox);
        prep_applied(&machine->prep, zxid);
        answer_syncs(machine, event, outbox);
    }
    compact_pending(machine);
}

void standalone_step(struct standalone *machine,
                     const struct zk_event *event,
                     struct zk_outbox *outbox)
{
    if (event->kind == ZK_EVENT_PERSISTED) {
        persisted(machine, event, outbox);
    } else {
        service_step(&machine->service, event, outbox);
    }
}

uint64_t standalone_deadline(const struct standalone *machine)
{
    return service_deadline(&machine->service);
}

void standalone_check(const struct standalone *machine)
{
    service_check(&machine->service);
    prep_check(&machine->prep);
    ASSERT(machine->persisted_zxid <= machine->prep.last_zxid);
    ASSERT(machine->service.tree.last_processed_zxid == machine->persisted_zxid);
    ASSERT(machine->pending_start <= machine->pending.len);
    ASSERT((machine->pending_count == 0) == (machine->pending_start == machine->pending.len));
}

uint64_t standalone_digest(const struct standalone *machine)
{
    return tree_digest(&machine->service.tree);
}
