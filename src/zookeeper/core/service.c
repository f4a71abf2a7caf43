/* service.c - the client side of one server.
 *
 * Model: connections, sessions and the tree are three things. A connection carries frames and at
 * most one session at a time; a session outlives connections and ends by a transaction; the tree
 * changes by transactions alone, in service_apply.
 *
 *   FRAME -> service_request.c -> a read: answered from the tree at once (service_read.c), or when
 * what stands before it is done
 *                              -> a write: submitted to the proposer; its txn comes back durable ->
 * service_apply.c TICK  -> sessions that were not heard of expire: a closeSession is submitted for
 * each; containers are looked at
 *
 * What goes wrong: a connection that breaks a rule is closed (enum close_reason says why), its
 * session lives on until it expires, so that the client can come back. Closing takes effect at once
 * for the service: no frame is looked at, no event sent any more.
 *
 * Nothing here waits, allocates without a limit, or reads a clock. service_check holds between any
 * two calls.
 */
#include "zookeeper/core/service.h"

#include "base/memory.h"
#include "zookeeper/core/service_private.h"

#define SERVICE_ARENA_CHUNK ((size_t)64 << 10)

void service_init(struct service *service,
                  const struct service_config *config,
                  const struct service_proposer *proposer)
{
    struct service_private *private = mem_alloc_zeroed(sizeof *private);
    *service = (struct service){.config = config, .private = private};
    private->proposer = *proposer;
    arena_init(&private->arena, SERVICE_ARENA_CHUNK, SIZE_MAX);
    list_init(&private->spare);
    list_init(&private->blocked);
    buffer_init(&private->scratch, SIZE_MAX);
    buffer_init(&private->containers.paths, SIZE_MAX);
    list_init(&private->orphans);
    u64_map_init(&private->revalidating);
    u64_map_init(&private->unanswered);
    containers_stop(service);
    tree_init(&service->tree, &config->tree);
    session_table_init(&service->sessions, config->tick_ms, config->server_id,
                       config->session_start_ms);
    watch_table_init(&service->data_watches, config->hash_key);
    watch_table_init(&service->child_watches, config->hash_key);
    list_init(&service->conns);
    service_stats_reset(service);
}

static void conn_forget(struct service *service, struct service_conn *conn)
{
    requests_free(service, conn);
    watcher_remove_all(&conn->watcher);
    list_remove(&conn->blocked_link);
    if (conn->is_revalidating) {
        u64_map_remove(&service->private->revalidating, (uint64_t)conn->session_id, NULL);
        conn->is_revalidating = false;
    }
    struct session *session = conn->session;
    if (session != NULL) {
        session->conn = NULL;
        conn->session = NULL;
        if (session->is_remote || (session->is_local && session->is_closing)) {
            session_table_remove(&service->sessions, session->id);
        }
    }
}

static void conn_release(struct service *service, struct service_conn *conn)
{
    conn_forget(service, conn);
    list_remove(&conn->link);
    service->conn_count -= 1;
    identities_release(&conn->identities);
    conn->is_closing = true;
    conn->magic = 0;
}

void service_release(struct service *service)
{
    struct service_private *private = service->private;
    while (!list_is_empty(&service->conns)) {
        conn_release(service, CONTAINER_OF(service->conns.next, struct service_conn, link));
    }
    orphans_forget(service, 0);
    u64_map_release(&private->revalidating);
    u64_map_release(&private->unanswered);
    struct list *link;
    while ((link = list_pop(&private->spare)) != NULL) {
        struct service_request *request = CONTAINER_OF(link, struct service_request, link);
        mem_free(request->body, request->body_cap);
        mem_free(request, sizeof *request);
    }
    watch_table_release(&service->data_watches);
    watch_table_release(&service->child_watches);
    session_table_release(&service->sessions);
    tree_release(&service->tree);
    arena_release(&private->arena);
    buffer_release(&private->scratch);
    buffer_release(&private->containers.paths);
    mem_free(private, sizeof *private);
    service->private = NULL;
}

/* ---- connections --------------------------------------------------------------------- */

void service_conn_open(struct service *service,
                       struct service_conn *conn,
                       const struct zk_event *event)
{
    ASSERT(conn->magic == 0);
    conn->magic = SERVICE_CONN_MAGIC;
    conn->id = ++service->last_conn_id;
    watcher_init(&conn->watcher, conn->id);
    identities_init(&conn->identities);
    identities_add(&conn->identities, SLICE_LIT("ip"), conn->remote_ip);
    list_init(&conn->pending);
    list_init(&conn->blocked_link);
    list_append(&service->conns, &conn->link);
    service->conn_count += 1;
    service_conn_stats_reset(conn);
    conn->stats.established_ms = (uint64_t)event->wall_ms;
    conn->stats.last_cxid = 0; /* as upstream's, until the first reset */
    conn->stats.last_zxid = 0;
}

void service_conn_close(struct service *service,
                        struct service_conn *conn,
                        enum close_reason reason,
                        struct zk_outbox *outbox)
{
    ASSERT(conn->magic == SERVICE_CONN_MAGIC && reason < CLOSE_REASON_COUNT);
    if (conn->is_closing) {
        return;
    }
    conn->is_closing = true;
    service->stats.closed_by_reason[reason] += 1;
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_CLOSE);
    effect->conn = conn;
    effect->reason = reason;
    conn_forget(service, conn);
}

/* ---- events -------------------------------------------------------------------------- */

static void tick(struct turn *turn)
{
    session_table_expire(&turn->service->sessions, turn->event->now_ms, session_expired, turn);
    containers_tick(turn);
    resume_blocked(turn);
}

void service_step(struct service *service, const struct zk_event *event, struct zk_outbox *outbox)
{
    struct turn turn = {service, event, outbox};
    arena_clear(&service->private->arena);
    switch (event->kind) {
    case ZK_EVENT_FRAME:
        handle_frame(&turn, event->conn, event->frame);
        break;
    case ZK_EVENT_CLOSED:
        conn_release(service, event->conn);
        break;
    case ZK_EVENT_WRITTEN:
        resume_blocked(&turn);
        update_pause(&turn, event->conn);
        break;
    case ZK_EVENT_TICK:
        tick(&turn);
        break;
    case ZK_EVENT_PERSISTED:
    case ZK_EVENT_PEER:
        UNREACHABLE(); /* the role machine's */
    }
}

/* Those whose output has room again, but who were not told so by a WRITTEN, go on at the next tick.
 */
static bool has_unblocked(const struct service *service)
{
    LIST_FOR_EACH(link, &service->private->blocked)
    {
        const struct service_conn *conn = CONTAINER_OF(link, struct service_conn, blocked_link);
        if (conn->output_bytes <= service->config->output_bytes_max) {
            return true;
        }
    }
    return false;
}

uint64_t service_deadline(const struct service *service)
{
    if (has_unblocked(service)) {
        return 0;
    }
    return MIN(service->sessions.next_expiry_ms, containers_deadline(service));
}

static void check_conn(const struct service *service,
                       const struct service_conn *conn,
                       int32_t *outstanding,
                       size_t *outstanding_bytes)
{
    uint64_t unanswered = 0;
    int32_t count = 0;
    size_t bytes = 0;
    LIST_FOR_EACH(link, &conn->pending)
    {
        const struct service_request *request = CONTAINER_OF(link, struct service_request, link);
        count += 1;
        bytes += request->body_len;
        *outstanding_bytes += request->submitted_len;
        ASSERT((request->state == REQUEST_RAW) <= conn->is_connecting);
    }
    ASSERT(conn->magic == SERVICE_CONN_MAGIC && count == conn->pending_count &&
           bytes == conn->pending_bytes);
    *outstanding += count;
    if (conn->is_closing) {
        ASSERT(count == 0 && conn->watcher.count == 0 && conn->session == NULL);
    }
    if (service->mode == SERVICE_CLOSED) {
        ASSERT(conn->session == NULL && (conn->is_closing || !conn->is_established));
    }
    if (conn->is_revalidating) {
        ASSERT(service->mode == SERVICE_LEARNER && conn->is_connecting && !conn->is_established);
        ASSERT(u64_map_get_ptr(&service->private->revalidating, (uint64_t)conn->session_id) ==
               conn);
        ASSERT(u64_map_get(&service->private->unanswered, (uint64_t)conn->session_id, &unanswered));
    }
    if (conn->session != NULL) {
        ASSERT(conn->session->conn == conn && conn->session->id == conn->session_id);
        ASSERT(session_table_find(&service->sessions, conn->session_id) == conn->session);
    }
}

void service_check(const struct service *service)
{
    int32_t outstanding = 0;
    size_t outstanding_bytes = 0;
    uint64_t conns = 0;
    uint64_t revalidating = 0;
    int64_t watches = 0;
    LIST_FOR_EACH(link, &service->conns)
    {
        const struct service_conn *conn = CONTAINER_OF(link, struct service_conn, link);
        check_conn(service, conn, &outstanding, &outstanding_bytes);
        conns += 1;
        revalidating += conn->is_revalidating ? 1 : 0;
        watches += conn->watcher.count;
    }
    ASSERT(revalidating == service->private->revalidating.count);
    ASSERT(outstanding == service->outstanding && conns == service->conn_count);
    ASSERT(outstanding_bytes == service->outstanding_bytes);
    ASSERT(watches == service->data_watches.watch_count + service->child_watches.watch_count);
    watch_table_check(&service->data_watches);
    watch_table_check(&service->child_watches);
    session_table_check(&service->sessions);
}
