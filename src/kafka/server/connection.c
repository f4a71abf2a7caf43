/* connection.c - bytes of clients become requests, in order, and answers become bytes, in order.
 *
 * THE HAPPY PATH. A read brings whole frames: each becomes a request where it lies, its handler
 * runs, its answer is in the stream's output before the next frame is looked at; the turn's end
 * sends all of it with one system call. A cut frame goes to `partial`; when it is large, the rest
 * of it is read right into its place (tcp_read_into), so a batch is moved once, by the kernel, and
 * then written.
 *
 * STATES of a connection
 *
 *   READY ----------- answers, reads --------------------------------------+
 *     |  a frame that may not start yet: reading pauses (`is_stopped`)     |
 *     +--------------------- its turn comes, the mute is over -------------+
 *   READY -> CLOSING  tcp_close was called: no request starts, no answer leaves
 *   CLOSING -> freed  on_close; whoever still answers is told by on_abort first
 *
 * ORDER. A frame may start when the connection has no request under way, or when all that are under
 * way are Produce and it is one too: so an idempotent producer's five in flight share one flush,
 * and everything else keeps the order that Apache's muted channel gives. Answers that are made
 * before their turn wait in the request.
 *
 * LIMITS. A frame's length is checked before anything is kept for it (socket.request.max.bytes).
 * Memory grows with the bytes that came, never with those announced. All cut frames together keep
 * below queued.max.request.bytes (cut_frames.c). A peer that does not take
 * its answers gets no further request started (OUTPUT_HOLD_BYTES).
 *
 * WHAT GOES WRONG. What is no request (a length that cannot be, an unknown API or version, a body
 * that cannot be decoded) closes the connection, with a line in the log, once a second at most.
 *
 * Sources: SocketServer, Selector, NetworkReceive, RequestContext of 3.9; reference 1.1, 5.5, 5.7.
 */
#include "kafka/server/connection.h"

#include <inttypes.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/connection_private.h"
#include "kafka/server/partition.h"
#include "runtime/log.h"

/* A frame whose missing part is larger is read into its place. */
#define READ_INTO_BYTES_MIN ((size_t)32 << 10)
#define PARTIAL_SLACK_BYTES ((size_t)2 << 20) /* what one read may bring behind a whole frame */

/* No further request starts while more than this waits for the peer. */
#define OUTPUT_HOLD_BYTES ((size_t)1 << 20)

#define HELD_TURNS_MAX 2
#define PIPELINE_REQUESTS_MAX 256 /* Produce under way on one connection */
#define TURN_ROUNDS_MAX 16
#define BAD_LOG_NS UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes);
static void on_writable(struct tcp_stream *stream, void *ctx);
static void on_close(struct tcp_stream *stream, void *ctx, int reason);
static void on_mute_end(struct runtime_timer *timer);

static const struct tcp_handler connection_handler = {
    .on_data = on_data,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* ---- closing --------------------------------------------------------------------------------- */

void connection_close(struct connection *connection, uint32_t linger_ms)
{
    if (!connection->is_closing) {
        connection->is_closing = true;
        list_remove(&connection->run_link);
        list_remove(&connection->held_link);
        list_remove(&connection->short_link);
        tcp_close(connection->stream, linger_ms);
    }
}

/* A flood of nonsense must not fill the disk. */
static bool may_log(struct sockets *sockets)
{
    uint64_t now_ns = runtime_now_ns(sockets->runtime);
    sockets->bad_unlogged += 1;
    if (sockets->bad_logged_ns != 0 && now_ns - sockets->bad_logged_ns < BAD_LOG_NS) {
        return false;
    }
    sockets->bad_logged_ns = now_ns;
    return true;
}

void connection_close_bad(struct connection *connection, const char *why, int64_t number)
{
    struct sockets *sockets = connection->sockets;
    if (connection->is_closing) {
        return;
    }
    sockets->stats.closed_bad += 1;
    if (may_log(sockets)) {
        LOG("network", LOG_WARN,
            "Closing the connection of %s:%u on %s: %s (%" PRId64 "); %" PRIu64
            " such since the start",
            connection->host, connection->port, connection->listener->name, why, number,
            sockets->stats.closed_bad);
    }
    connection_close(connection, 0);
}

/* ---- going on -------------------------------------------------------------------------------- */

void connection_run(struct connection *connection)
{
    if (!connection->is_closing && list_is_empty(&connection->run_link)) {
        list_append(&connection->sockets->runnable, &connection->run_link);
        sockets_nudge(connection->sockets);
    }
}

static bool is_produce(const struct request *request)
{
    return request->api_key == KAFKA_API_PRODUCE;
}

/* Output above the bound: the stream tells on_writable only of what the kernel has refused; where
 * it takes all, the next turn finds the connection ready. One of the two always comes. */
static bool is_held(struct connection *connection)
{
    if (tcp_output_pending(connection->stream) <= OUTPUT_HOLD_BYTES) {
        return false;
    }
    if (list_is_empty(&connection->held_link)) {
        connection->held_turns = 0;
        list_append(&connection->sockets->held, &connection->held_link);
        sockets_nudge(connection->sockets);
    }
    return true;
}

/* The rule of the essay for the frame at the front, whose api_key is known. */
static bool may_start(struct connection *connection, int16_t api_key)
{
    if (connection->is_closing || connection->mute_timer.armed ||
        !connection->sockets->is_serving || is_held(connection)) {
        return false;
    }
    if (list_is_empty(&connection->requests)) {
        return true;
    }
    /* Either all of them are Produce or there is one. */
    const struct request *last = CONTAINER_OF(connection->requests.prev, struct request, link);
    return api_key == KAFKA_API_PRODUCE && is_produce(last) &&
           connection->request_count < PIPELINE_REQUESTS_MAX;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* The length of the frame at the front of `bytes` (at least 4), or -1: the connection is closed. */
static int64_t frame_len(struct connection *connection, struct slice bytes)
{
    int32_t len = (int32_t)load_be32(bytes.ptr);
    int32_t max = connection->sockets->broker->config.socket_request_max_bytes;
    if (len < FRAME_BYTES_MIN || len > max) {
        connection_close_bad(connection,
                             len > max ? "the frame is larger than socket.request.max.bytes"
                                       : "the frame's length cannot be",
                             len);
        return -1;
    }
    return len;
}

/* Starts the whole frames at the front of `bytes` while they may start; returns what they took. */
static size_t take_frames(struct connection *connection, struct slice bytes)
{
    size_t taken = 0;
    connection->is_stopped = false;
    connection->is_taking = true;
    while (bytes.len - taken >= 4 && !connection->is_closing) {
        struct slice rest = slice_part(bytes, taken, bytes.len);
        int64_t len = frame_len(connection, rest);
        if (len < 0 || rest.len - 4 < (size_t)len) {
            break;
        }
        if (!may_start(connection, (int16_t)load_be16(rest.ptr + 4))) {
            connection->is_stopped = true;
            break;
        }
        taken += 4 + (size_t)len;
        request_start(connection, slice_part(rest, 4, 4 + (size_t)len));
    }
    connection->is_taking = false;
    return taken;
}

/* What is in `partial` is looked at again. */
static void take_partial(struct connection *connection)
{
    if (connection->partial.len == 0) {
        return;
    }
    size_t taken = take_frames(connection, buffer_slice(&connection->partial));
    if (connection->is_closing) {
        return;
    }
    if (taken == connection->partial.len) {
        partial_give_back(connection);
    } else if (taken > 0) {
        buffer_consume(&connection->partial, taken);
    }
    if (taken > 0 && connection->sockets->favoured == connection) {
        partial_next(connection->sockets);
    }
}

/* How many bytes of `bytes` belong to the cut frame in `partial`. */
static size_t partial_missing(struct connection *connection)
{
    const struct buffer *partial = &connection->partial;
    if (partial->len < 4) {
        return 4 - partial->len;
    }
    int64_t len = frame_len(connection, buffer_slice(partial));
    return len < 0 || partial->len >= 4 + (size_t)len ? 0 : 4 + (size_t)len - partial->len;
}

/* Bytes that cannot be taken now. A paused stream delivers at most what one read had brought. */
static void keep_bytes(struct connection *connection, struct slice bytes)
{
    if (bytes.len == 0 || connection->is_closing) {
        return;
    }
    if (bytes.len > buffer_room(&connection->partial)) {
        connection_close_bad(connection, "more came than one connection may keep",
                             (int64_t)bytes.len);
        return;
    }
    buffer_append(&connection->partial, bytes);
    partial_count(connection);
}

static void take_bytes(struct connection *connection, struct slice bytes)
{
    while (connection->partial.len > 0 && bytes.len > 0 && !connection->is_closing) {
        size_t missing = partial_missing(connection);
        size_t add = MIN(missing, bytes.len);
        if (add == 0) {
            break; /* a whole frame waits for its turn */
        }
        keep_bytes(connection, slice_part(bytes, 0, add));
        bytes = slice_part(bytes, add, bytes.len);
        if (add == missing) {
            take_partial(connection);
        }
    }
    if (connection->partial.len == 0 && !connection->is_closing) {
        size_t taken = take_frames(connection, bytes);
        bytes = slice_part(bytes, taken, bytes.len);
    }
    keep_bytes(connection, bytes);
}

/* Reading goes on or stops, and where the next bytes go. */
static void settle_reading(struct connection *connection)
{
    if (connection->is_closing) {
        return;
    }
    struct buffer *partial = &connection->partial;
    bool may_read = !connection->is_stopped && partial_may_grow(connection);
    tcp_read_into(connection->stream, NULL, 0);
    if (may_read && partial->len >= 4) {
        size_t missing = partial_missing(connection);
        if (missing >= READ_INTO_BYTES_MIN) {
            partial_reserve(connection, partial->len + missing);
            size_t room = MIN(missing, partial->cap - partial->len);
            if (room >= READ_INTO_BYTES_MIN) {
                tcp_read_into(connection->stream, partial->data + partial->len, room);
            }
        }
    }
    if (may_read && connection->is_paused) {
        connection->is_paused = false;
        tcp_read_resume(connection->stream);
    } else if (!may_read && !connection->is_paused) {
        connection->is_paused = true;
        tcp_read_pause(connection->stream);
    }
}

static void connection_touch(struct connection *connection)
{
    connection->active_ns = runtime_now_ns(connection->sockets->runtime);
    list_remove(&connection->link);
    list_append(&connection->sockets->connections, &connection->link);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct connection *connection = ctx;
    struct sockets *sockets = connection->sockets;
    struct buffer *partial = &connection->partial;
    (void)stream;
    sockets->stats.bytes_in += bytes.len;
    connection_touch(connection);
    if (sockets->favoured == connection) {
        sockets->favoured_ns = connection->active_ns;
    }
    if (partial->len > 0 && bytes.ptr == partial->data + partial->len) {
        /* It was read into its place. */
        partial->len += bytes.len;
        if (partial_missing(connection) == 0) {
            take_partial(connection);
        }
    } else {
        take_bytes(connection, bytes);
    }
    settle_reading(connection);
}

static void connection_go_on(struct connection *connection)
{
    take_partial(connection);
    settle_reading(connection);
}

static void on_writable(struct tcp_stream *stream, void *ctx)
{
    (void)stream;
    connection_run(ctx);
}

static void on_mute_end(struct runtime_timer *timer)
{
    connection_run(CONTAINER_OF(timer, struct connection, mute_timer));
}

void connection_mute(struct connection *connection, int32_t time_ms)
{
    uint64_t now_ns = runtime_now_ns(connection->sockets->runtime);
    uint64_t until_ns = now_ns + (uint64_t)time_ms * NS_PER_MS;
    /* Of two reasons the longer one. */
    if (!connection->mute_timer.armed || connection->mute_timer.deadline_ns < until_ns) {
        runtime_timer_set(&connection->mute_timer, until_ns);
    }
}

/* ---- accepting ------------------------------------------------------------------------------- */

static uint64_t address_key(const struct sockets *sockets, const struct tcp_address *address)
{
    return hash_bytes(sockets->hash_key, slice_of(address->ip, address->is_v6 ? 16 : 4));
}

/* NULL, or the limit that is reached. max.connections.per.ip.overrides: with CLUSTER's keys. */
static const char *limit_reached(const struct sockets *sockets, uint64_t same_address)
{
    const struct broker_config *config = &sockets->broker->config;
    if (sockets->stats.connections >= (uint64_t)MAX(config->max_connections, 1)) {
        return "max.connections";
    }
    if (same_address >= (uint64_t)MAX(config->max_connections_per_ip, 0)) {
        return "max.connections.per.ip";
    }
    return sockets->connection_cap > 0 && sockets->stats.connections >= sockets->connection_cap
               ? "file descriptors"
               : NULL;
}

static bool is_allowed(struct sockets *sockets, const struct tcp_address *peer, uint64_t key)
{
    uint64_t same_address = 0;
    (void)u64_map_get(&sockets->by_address, key, &same_address);
    const char *limit = limit_reached(sockets, same_address);
    if (limit == NULL) {
        u64_map_put(&sockets->by_address, key, same_address + 1);
        return true;
    }
    sockets->stats.rejected += 1;
    if (may_log(sockets)) {
        char text[TCP_ADDRESS_TEXT_MAX];
        tcp_address_host_text(peer, text);
        LOG("network", LOG_WARN,
            "Turning away /%s: %s is reached (%" PRIu64 " are open, %" PRIu64
            " from there); %" PRIu64 " turned away since the start",
            text, limit, sockets->stats.connections, same_address, sockets->stats.rejected);
    }
    return false;
}

static void idle_timer_set(struct sockets *sockets);

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    struct kafka_listener *listener = ctx;
    struct sockets *sockets = listener->sockets;
    struct tcp_address peer = tcp_stream_peer(stream);
    uint64_t key = address_key(sockets, &peer);
    if (sockets->is_closing || !is_allowed(sockets, &peer, key)) {
        tcp_reject(stream);
        return;
    }
    struct connection *connection = mem_alloc_zeroed(sizeof *connection);
    connection->sockets = sockets;
    connection->listener = listener;
    connection->stream = stream;
    connection->address_key = key;
    connection->port = peer.port;
    connection->stage = CONNECTION_READY;
    connection->id = ++sockets->next_connection_id;
    connection->host[0] = '/';
    tcp_address_host_text(&peer, connection->host + 1);
    buffer_init(&connection->partial,
                (size_t)sockets->broker->config.socket_request_max_bytes + 4 + PARTIAL_SLACK_BYTES);
    list_init(&connection->requests);
    list_init(&connection->run_link);
    list_init(&connection->short_link);
    list_init(&connection->held_link);
    runtime_timer_init(&connection->mute_timer, sockets->runtime, on_mute_end);
    connection->active_ns = runtime_now_ns(sockets->runtime);
    bool is_first = list_is_empty(&sockets->connections);
    list_append(&sockets->connections, &connection->link);
    sockets->stats.connections += 1;
    sockets->stats.accepted += 1;
    if (is_first) {
        idle_timer_set(sockets);
    }
    tcp_accept(stream, &connection_handler, connection);
}

static void forget_address(struct sockets *sockets, uint64_t key)
{
    uint64_t same_address = 0;
    if (u64_map_get(&sockets->by_address, key, &same_address) && same_address > 1) {
        u64_map_put(&sockets->by_address, key, same_address - 1);
    } else {
        (void)u64_map_remove(&sockets->by_address, key, NULL);
    }
}

static void connection_free(struct connection *connection, bool tells)
{
    struct sockets *sockets = connection->sockets;
    struct list *link;
    connection->is_closing = true;
    while ((link = list_pop(&connection->requests)) != NULL) {
        struct request *request = CONTAINER_OF(link, struct request, link);
        if (tells && !request->is_answered && request->on_abort != NULL) {
            request->on_abort(request);
        }
        sockets->stats.in_flight -= 1;
        request_drop(sockets, request);
    }
    forget_address(sockets, connection->address_key);
    list_remove(&connection->link);
    list_remove(&connection->run_link);
    list_remove(&connection->short_link);
    list_remove(&connection->held_link);
    sockets->stats.connections -= 1;
    buffer_release(&connection->partial);
    partial_count(connection);
    if (sockets->favoured == connection) {
        partial_next(sockets);
    }
    mem_free(connection, sizeof *connection);
}

static void maybe_closed(struct sockets *sockets)
{
    if (sockets->is_closing && sockets->stats.connections == 0 && sockets->on_closed != NULL) {
        void (*done)(void *ctx) = sockets->on_closed;
        sockets->on_closed = NULL;
        done(sockets->on_closed_ctx);
    }
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct connection *connection = ctx;
    struct sockets *sockets = connection->sockets;
    (void)stream;
    (void)reason;
    runtime_timer_stop(&connection->mute_timer);
    connection_free(connection, true);
    maybe_closed(sockets);
}

/* ---- idle connections ------------------------------------------------------------------------ */

/* The list is in the order of the last bytes, so only its front can be due. */
static void idle_timer_set(struct sockets *sockets)
{
    int64_t idle_ms = sockets->broker->config.connections_max_idle_ms;
    if (idle_ms < 0 || list_is_empty(&sockets->connections) || sockets->is_detached) {
        return;
    }
    const struct connection *first = CONTAINER_OF(sockets->connections.next, struct connection,
                                                  link);
    uint64_t deadline_ns = first->active_ns + (uint64_t)idle_ms * NS_PER_MS;
    if (sockets->favoured != NULL) {
        deadline_ns = MIN(deadline_ns, sockets->favoured_ns + FAVOURED_STALL_NS);
    }
    runtime_timer_set(&sockets->idle_timer, deadline_ns);
}

static void on_idle(struct runtime_timer *timer)
{
    struct sockets *sockets = CONTAINER_OF(timer, struct sockets, idle_timer);
    uint64_t now_ns = runtime_now_ns(sockets->runtime);
    uint64_t idle_ns = (uint64_t)sockets->broker->config.connections_max_idle_ms * NS_PER_MS;
    struct connection *favoured = sockets->favoured;
    if (favoured != NULL && now_ns - sockets->favoured_ns >= FAVOURED_STALL_NS) {
        connection_close_bad(favoured, "its large request stalls while others wait for memory",
                             (int64_t)favoured->partial.len);
        partial_next(sockets);
    }
    LIST_FOR_EACH_SAFE(link, after, &sockets->connections)
    {
        struct connection *connection = CONTAINER_OF(link, struct connection, link);
        if (now_ns - connection->active_ns < idle_ns) {
            break;
        }
        if (!list_is_empty(&connection->requests)) {
            connection_touch(connection); /* it waits for us: not idle */
            continue;
        }
        if (!connection->is_closing) {
            sockets->stats.closed_idle += 1;
            LOG("network", LOG_DEBUG, "Closing the idle connection of %s:%u", connection->host,
                connection->port);
            connection_close(connection, 0);
        }
        connection->active_ns = now_ns;
    }
    idle_timer_set(sockets);
}

/* ---- the turn's end -------------------------------------------------------------------------- */

void sockets_turn_end(struct sockets *sockets)
{
    for (int round = 0; round < TURN_ROUNDS_MAX; round++) {
        struct list runnable;
        struct list *link;
        list_init(&runnable);
        while ((link = list_pop(&sockets->runnable)) != NULL) {
            list_append(&runnable, link);
        }
        while ((link = list_pop(&runnable)) != NULL) {
            connection_go_on(CONTAINER_OF(link, struct connection, run_link));
        }
        partitions_turn_end(sockets->broker);
        if (list_is_empty(&sockets->runnable)) {
            return;
        }
    }
    sockets_nudge(sockets);
}

static void on_turn_end(struct runtime_hook *hook)
{
    sockets_turn_end(CONTAINER_OF(hook, struct sockets, turn_end));
}

/* A turn's end comes by this alone; those whose output has left meanwhile go on. */
static void on_nudge(struct runtime_timer *timer)
{
    struct sockets *sockets = CONTAINER_OF(timer, struct sockets, nudge_timer);
    bool any_left = false;
    LIST_FOR_EACH_SAFE(link, after, &sockets->held)
    {
        struct connection *connection = CONTAINER_OF(link, struct connection, held_link);
        /* The first look may come before the output was offered to the kernel, the second not. */
        bool has_room = tcp_output_pending(connection->stream) <= OUTPUT_HOLD_BYTES;
        connection->held_turns += 1;
        if (has_room || connection->held_turns >= HELD_TURNS_MAX) {
            list_remove(link);
        }
        if (has_room) {
            connection_run(connection);
        }
        any_left |= !has_room && connection->held_turns < HELD_TURNS_MAX;
    }
    if (any_left) {
        sockets_nudge(sockets);
    }
}

void sockets_nudge(struct sockets *sockets)
{
    if (!sockets->nudge_timer.armed && !sockets->is_detached) {
        runtime_timer_set(&sockets->nudge_timer, 0);
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

struct sockets *sockets_create(struct broker *broker)
{
    struct sockets *sockets = mem_alloc_zeroed(sizeof *sockets);
    struct runtime_machine machine;
    sockets->broker = broker;
    sockets->runtime = broker->runtime;
    list_init(&sockets->connections);
    list_init(&sockets->runnable);
    list_init(&sockets->short_of_memory);
    list_init(&sockets->held);
    list_init(&sockets->free_requests);
    u64_map_init(&sockets->by_address);
    runtime_random(sockets->runtime, &sockets->hash_key, sizeof sockets->hash_key);
    runtime_timer_init(&sockets->idle_timer, sockets->runtime, on_idle);
    runtime_timer_init(&sockets->nudge_timer, sockets->runtime, on_nudge);
    sockets->turn_end.run = on_turn_end;
    runtime_hook_add(sockets->runtime, &sockets->turn_end);
    runtime_machine(sockets->runtime, &machine);
    if (machine.open_files_max > 0) {
        /* The rest is for log files. */
        sockets->connection_cap = (uint64_t)machine.open_files_max * 3 / 4;
    }
    return sockets;
}

void sockets_serve(struct sockets *sockets)
{
    sockets->is_serving = true;
    LIST_FOR_EACH(link, &sockets->connections)
    {
        connection_run(CONTAINER_OF(link, struct connection, link));
    }
}

static void close_listeners(struct sockets *sockets)
{
    for (int32_t i = 0; i < BROKER_LISTENERS_MAX; i++) {
        if (sockets->listeners[i].listener != NULL) {
            tcp_listener_close(sockets->listeners[i].listener);
            sockets->listeners[i].listener = NULL;
        }
    }
}

void sockets_close(struct sockets *sockets, uint32_t linger_ms, void (*done)(void *ctx), void *ctx)
{
    sockets->is_closing = true;
    sockets->on_closed = done;
    sockets->on_closed_ctx = ctx;
    close_listeners(sockets);
    LIST_FOR_EACH_SAFE(link, after, &sockets->connections)
    {
        connection_close(CONTAINER_OF(link, struct connection, link), linger_ms);
    }
    maybe_closed(sockets);
}

void sockets_detach(struct sockets *sockets)
{
    if (sockets->is_detached) {
        return;
    }
    sockets->is_detached = true;
    runtime_timer_stop(&sockets->idle_timer);
    runtime_timer_stop(&sockets->nudge_timer);
    LIST_FOR_EACH(link, &sockets->connections)
    {
        runtime_timer_stop(&CONTAINER_OF(link, struct connection, link)->mute_timer);
    }
    runtime_hook_remove(&sockets->turn_end);
    close_listeners(sockets);
}

void sockets_release(struct sockets *sockets)
{
    sockets_detach(sockets);
    while (!list_is_empty(&sockets->connections)) {
        connection_free(CONTAINER_OF(sockets->connections.next, struct connection, link), false);
    }
    request_free_spares(sockets);
    for (size_t i = 0; i < sockets->spare_count; i++) {
        buffer_release(&sockets->spares[i]);
    }
    u64_map_release(&sockets->by_address);
    mem_free(sockets, sizeof *sockets);
}

const struct socket_stats *sockets_stats(const struct sockets *sockets)
{
    return &sockets->stats;
}

const struct api_stats *sockets_api_stats(const struct sockets *sockets, size_t index)
{
    ASSERT(index < api_count);
    return &sockets->api_stats[index];
}

void sockets_accept_hook(struct tcp_stream *stream, void *ctx)
{
    on_accept(stream, ctx);
}
