/* client_port.c - the port that clients talk to: streams, frames, four-letter words, limits.
 *
 * Happy path: bytes arrive in one large read; whole frames are handed to the machine in place, what
 * is left of a cut frame is kept in `partial` until the rest comes. Effects of all frames of a read
 * are performed once, at its end; replies leave at the end of the turn.
 *
 * What goes wrong:
 * - A length that is negative or above jute.maxbuffer: closed, before anything is allocated for it.
 * - A peer that announces much and sends little: memory grows with the bytes that came, never with
 *   the bytes announced.
 * - A peer that does not read its replies is held: nothing more is taken from it before it has
 *   taken what it asked for. Events alone can go on growing; above OUTPUT_CLOSE_BYTES it is closed.
 * - Large requests beyond what the log and the other servers take: while the writes on their way
 *   are
 *   more than samsa.outstandingBytesMax no more of them are taken, then in the order in which they
 *   came. Reads, pings and small writes
 *   (globalOutstandingLimit bounds those) go on, and who waits keeps its session.
 * - A peer that never opens a session: closed after nio.sessionlessCnxnTimeout.
 * - Too many peers: closed at accept (maxClientCnxns for each address, maxCnxns in all, and what
 *   the process's descriptors allow: node.connection_cap).
 *
 * Holding: replies to reads are made at once, so one write of small requests can ask for gigabytes.
 * take_frames stops when more than output_bytes_max wait for the peer. The stream tells on_writable
 * only of output that the kernel has refused; where it took all, held_timer finds the connection
 * ready in the next turn. One of the two always comes.
 *
 * Sources: NIOServerCnxn (doIO, readLength, checkFourLetterWord), NIOServerCnxnFactory; reference
 * 2.2, 3.5.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/node.h"

/* A ConnectRequest is 44 or 45 bytes with the usual password; before there is a session nothing
 * much larger is taken. */
#define CONNECT_FRAME_BYTES_MAX (64 << 10)

/* Unsent events of one connection; replies alone cannot bring it here. */
#define OUTPUT_CLOSE_BYTES ((size_t)256 << 20)

/* A request longer than this waits while there is no room. */
#define LARGE_FRAME_BYTES 4096
#define CROWD_HEARD_MS 500u

/* A held connection goes on when no more than this waits for it: below it tcp_stream promises no
 * on_writable. */
#define OUTPUT_GO_ON_BYTES ((size_t)1 << 20)

/* Who is turned away is logged at most this often: a flood of connections must not fill the
 * disk. */
#define REJECTION_LOG_NS UINT64_C(1000000000)

/* An answer to a word counts as packets of this size: NIOServerCnxn.SendBufferWriter, behind a
 * BufferedWriter. */
#define FOUR_LETTER_PIECE_BYTES 8192u

#define PARTIAL_KEEP_BYTES 4096
#define CLOSE_LINGER_MS 2000

struct client_conn {
    struct service_conn service;
    struct list link;      /* node.clients */
    struct list held_link; /* node.held_clients or crowded_clients, or alone */
    struct node *node;
    struct tcp_stream *stream;
    /* the beginning of a frame whose end has not come, or what came while paused */
    struct buffer partial;
    struct tcp_address peer;
    uint64_t ip_key;
    uint64_t opened_ns;
    uint64_t heard_ms;
    bool is_closing;      /* tcp_close was called */
    uint32_t four_letter; /* the word whose argument is awaited */
    char ip_text[TCP_ADDRESS_TEXT_MAX];
};

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes);
static void on_writable(struct tcp_stream *stream, void *ctx);
static void on_close(struct tcp_stream *stream, void *ctx, int reason);

static const struct tcp_handler client_handler = {
    .on_data = on_data,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* ---- accepting
 * ------------------------------------------------------------------------------------------- */

static uint64_t ip_key_of(const struct node *node, const struct tcp_address *address)
{
    return hash_bytes(node->service_config.hash_key,
                      slice_of(address->ip, address->is_v6 ? 16 : 4));
}

/* NULL, or the limit that is reached. */
static const char *limit_reached(const struct node *node, uint64_t same_ip)
{
    int32_t max_per_ip = node->config.max_client_connections;
    int32_t max = node->config.max_connections;
    if (max > 0 && node->client_count >= (uint64_t)max) {
        return "maxCnxns";
    }
    if (max_per_ip > 0 && same_ip >= (uint64_t)max_per_ip) {
        return "maxClientCnxns";
    }
    bool is_capped = node->connection_cap > 0 && node->client_count >= node->connection_cap;
    return is_capped ? "file descriptors" : NULL;
}

static void log_rejection(struct node *node, const struct tcp_address *peer, const char *limit)
{
    char text[TCP_ADDRESS_TEXT_MAX];
    uint64_t now_ns = runtime_now_ns(node->runtime);
    if (node->rejection_logged_ns != 0 && now_ns - node->rejection_logged_ns < REJECTION_LOG_NS) {
        return;
    }
    node->rejection_logged_ns = now_ns;
    tcp_address_host_text(peer, text);
    if (strcmp(limit, "maxClientCnxns") == 0) {
        LOG("client", LOG_WARN,
            "Too many connections from /%s - max is %" PRId32 " (maxClientCnxns); %" PRIu64
            " turned away since the start",
            text, node->config.max_client_connections, node->stats.connections_rejected);
    } else if (strcmp(limit, "maxCnxns") == 0) {
        LOG("client", LOG_WARN,
            "Too many connections - max is %" PRId32 " (maxCnxns); /%s is turned away, %" PRIu64
            " since the start",
            node->config.max_connections, text, node->stats.connections_rejected);
    } else {
        LOG("client", LOG_ERROR,
            "no file descriptor left for a connection of /%s: %" PRIu64
            " are open, the rest is kept for the log's files (raise the limit: ulimit -n, "
            "LimitNOFILE=); %" PRIu64 " turned away since the start",
            text, node->client_count, node->stats.connections_rejected);
    }
}

static bool connection_allowed(struct node *node, const struct tcp_address *peer, uint64_t ip_key)
{
    uint64_t same_ip = 0;
    (void)u64_map_get(&node->clients_by_ip, ip_key, &same_ip);
    const char *limit = limit_reached(node, same_ip);
    if (limit != NULL) {
        node->stats.connections_rejected++;
        log_rejection(node, peer, limit);
        return false;
    }
    u64_map_put(&node->clients_by_ip, ip_key, same_ip + 1);
    return true;
}

void client_port_accepted(struct node *node, struct tcp_stream *stream)
{
    struct tcp_address peer = tcp_stream_peer(stream);
    uint64_t ip_key = ip_key_of(node, &peer);
    if (node->state != NODE_RUNNING || !connection_allowed(node, &peer, ip_key)) {
        tcp_reject(stream);
        return;
    }
    struct client_conn *client = mem_alloc_zeroed(sizeof *client);
    client->node = node;
    client->stream = stream;
    client->peer = peer;
    client->ip_key = ip_key;
    client->opened_ns = runtime_now_ns(node->runtime);
    buffer_init(&client->partial,
                (size_t)node->service_config.frame_bytes_max + 4 + ((size_t)1 << 20));
    size_t len = tcp_address_host_text(&peer, client->ip_text);
    client->service.remote_ip = slice_of(client->ip_text, len);
    client->service.host = client;
    list_append(&node->clients, &client->link);
    list_init(&client->held_link);
    node->client_count++;
    node->stats.connections_accepted++;
    tcp_accept(stream, &client_handler, client);
    struct zk_event event = node_event(node, ZK_EVENT_FRAME);
    service_conn_open(node->service, &client->service, &event);
}

static void client_release(struct client_conn *client)
{
    struct node *node = client->node;
    uint64_t same_ip = 0;
    if (u64_map_get(&node->clients_by_ip, client->ip_key, &same_ip) && same_ip > 1) {
        u64_map_put(&node->clients_by_ip, client->ip_key, same_ip - 1);
    } else {
        u64_map_remove(&node->clients_by_ip, client->ip_key, NULL);
    }
    list_remove(&client->link);
    list_remove(&client->held_link);
    node->client_count--;
    buffer_release(&client->partial);
    mem_free(client, sizeof *client);
}

/* ---- reading
 * --------------------------------------------------------------------------------------------- */

static void client_close(struct client_conn *client, uint32_t linger_ms)
{
    if (!client->is_closing) {
        client->is_closing = true;
        tcp_close(client->stream, linger_ms);
    }
}

static bool is_held(const struct client_conn *client)
{
    return !list_is_empty(&client->held_link);
}

static bool may_read(const struct client_conn *client)
{
    return !client->is_closing && !client->service.is_closing && !client->service.is_paused &&
           !is_held(client);
}

static void client_hold(struct client_conn *client)
{
    struct node *node = client->node;
    list_append(&node->held_clients, &client->held_link);
    tcp_read_pause(client->stream);
    runtime_timer_set(&node->held_timer, 0);
}

static bool is_crowded(const struct node *node)
{
    return node->service->outstanding_bytes > (size_t)node->config.outstanding_bytes_max;
}

static void client_wait_for_room(struct client_conn *client)
{
    struct node *node = client->node;
    LOG("client", LOG_DEBUG, "/%s:%u waits: %zu bytes of writes are on their way", client->ip_text,
        client->peer.port, node->service->outstanding_bytes);
    list_append(&node->crowded_clients, &client->held_link);
    tcp_read_pause(client->stream);
}

/* How long may the frame be that this connection sends next? */
static int32_t frame_limit(const struct client_conn *client)
{
    int32_t limit = client->node->service_config.frame_bytes_max;
    return client->service.is_established ? limit : MIN(limit, CONNECT_FRAME_BYTES_MAX);
}

static void bad_length(struct client_conn *client, int32_t len)
{
    struct node *node = client->node;
    LOG("client", LOG_WARN,
        "Closing the connection of /%s:%u: Unreasonable length = %" PRId32 " (the limit is %" PRId32
        "; jute.maxbuffer sets it)",
        client->ip_text, client->peer.port, len, frame_limit(client));
    if (len > 0) {
        node->stats.large_requests_rejected++;
    }
    client_close(client, 0);
}

/* A word, or the beginning of its argument: the answer is sent and the connection closed, as the
 * clients of these words expect. */
static size_t take_four_letter(struct client_conn *client, struct slice bytes)
{
    uint32_t word = load_be32(bytes.ptr);
    size_t argument_len = four_letter_argument_len(word);
    if (bytes.len < 4 + argument_len) {
        return 0;
    }
    struct buffer answer;
    struct service_stats *stats = &client->node->service->stats;
    buffer_init(&answer, OUTPUT_CLOSE_BYTES);
    stats->packets_received += 1;
    client->service.stats.received += 1;
    four_letter_answer(client->node, word, slice_part(bytes, 4, 4 + argument_len), &answer);
    stats->packets_sent += (answer.len + FOUR_LETTER_PIECE_BYTES - 1) / FOUR_LETTER_PIECE_BYTES;
    buffer_append(tcp_output(client->stream), buffer_slice(&answer));
    buffer_release(&answer);
    client_close(client, CLOSE_LINGER_MS);
    return bytes.len;
}

/* Takes what is whole at the front of `bytes`; returns how much was taken. `event` is FRAME of the
 * connection, without the frame. */
static size_t take_frame(struct client_conn *client, struct zk_event *event, struct slice bytes)
{
    struct node *node = client->node;
    if (bytes.len < 4) {
        return 0;
    }
    bool is_first = !client->service.is_established && client->service.stats.received == 0;
    if (is_first && four_letter_is_word(load_be32(bytes.ptr))) {
        return take_four_letter(client, bytes);
    }
    int32_t len = (int32_t)load_be32(bytes.ptr);
    if (len < 0 || len > frame_limit(client)) {
        bad_length(client, len);
        return bytes.len;
    }
    if (UNLIKELY(len > LARGE_FRAME_BYTES && is_crowded(node))) {
        client_wait_for_room(client);
        return 0;
    }
    if (bytes.len < 4 + (size_t)len) {
        return 0;
    }
    event->frame = slice_part(bytes, 4, 4 + (size_t)len);
    node->frames_since_flush++;
    node_step(node, event);
    return 4 + (size_t)len;
}

/* Takes whole frames off `bytes` while the connection may be read; returns what is left. What came
 * with one read came at one time: asking the clock for each was a thirtieth of all the work. */
static struct slice take_frames(struct client_conn *client, struct slice bytes)
{
    const struct zk_outbox *outbox = &client->node->outbox;
    struct zk_event event = node_event(client->node, ZK_EVENT_FRAME);
    event.conn = &client->service;
    client->heard_ms = event.now_ms;
    size_t output_max = client->node->service_config.output_bytes_max;
    size_t start = outbox->bytes.len;
    while (bytes.len > 0 && may_read(client)) {
        /* What the frames before this one added to the outbox is on its way to this connection, or
         * to the log: counted too often holds too early, and never too late. */
        client->service.output_bytes = tcp_output_pending(client->stream) + outbox->bytes.len -
                                       MIN(start, outbox->bytes.len);
        if (UNLIKELY(client->service.output_bytes > output_max)) {
            client_hold(client);
            break;
        }
        size_t taken = take_frame(client, &event, bytes);
        if (taken == 0) {
            break;
        }
        bytes = slice_part(bytes, taken, bytes.len);
    }
    return bytes;
}

/* How many more bytes make the frame in `partial` whole? 4 when even its length is not known. */
static size_t partial_missing(const struct client_conn *client)
{
    if (client->partial.len < 4) {
        return 4 - client->partial.len;
    }
    int32_t len = (int32_t)load_be32(client->partial.data);
    if (len < 0 || len > frame_limit(client)) {
        return 0;
    }
    size_t whole = 4 + (size_t)len;
    return client->partial.len < whole ? whole - client->partial.len : 0;
}

/* Completes the cut frame with the beginning of `bytes` and takes it; returns what is left of
 * `bytes`. */
static struct slice take_partial(struct client_conn *client, struct slice bytes)
{
    while (client->partial.len > 0 && bytes.len > 0 && may_read(client)) {
        size_t missing = partial_missing(client);
        size_t add = MIN(missing, bytes.len);
        buffer_append(&client->partial, slice_part(bytes, 0, add));
        bytes = slice_part(bytes, add, bytes.len);
        struct slice rest = take_frames(client, buffer_slice(&client->partial));
        buffer_consume(&client->partial, client->partial.len - rest.len);
        if (missing == 0 && rest.len > 0) {
            break; /* a word that waits for its argument, or a paused connection */
        }
    }
    return bytes;
}

static void client_read(struct client_conn *client, struct slice bytes)
{
    if (client->partial.len > 0) {
        bytes = take_partial(client, bytes);
    }
    if (client->partial.len == 0) {
        buffer_clear(&client->partial, PARTIAL_KEEP_BYTES);
        bytes = take_frames(client, bytes);
    }
    if (bytes.len == 0 || client->is_closing || client->service.is_closing) {
        return;
    }
    if (bytes.len > buffer_room(&client->partial)) {
        /* Only a paused connection can get here: the runtime delivers at most one read's worth
         * after a pause. */
        client_close(client, 0);
        return;
    }
    buffer_append(&client->partial, bytes);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct client_conn *client = ctx;
    struct node *node = client->node;
    (void)stream;
    node->stats.bytes_received += bytes.len;
    client_read(client, bytes);
    node_perform_effects(node);
}

/* ---- effects
 * --------------------------------------------------------------------------------------------- */

static void client_go_on(struct client_conn *client)
{
    struct slice rest = take_frames(client, buffer_slice(&client->partial));
    buffer_consume(&client->partial, client->partial.len - rest.len);
    if (may_read(client)) {
        tcp_read_resume(client->stream);
    }
}

/* An event's frame: its xid, behind the length, is -1. */
static bool is_event(struct slice frame)
{
    return frame.len >= 8 && load_be32(frame.ptr + 4) == UINT32_MAX;
}

void client_port_perform(struct node *node, const struct zk_effect *effect)
{
    struct client_conn *client = effect->conn->host;
    if (client->is_closing) {
        return;
    }
    switch (effect->kind) {
    case ZK_EFFECT_SEND:
        buffer_append(tcp_output(client->stream), zk_effect_bytes(&node->outbox, effect));
        node->stats.bytes_sent += effect->len;
        node->stats.watch_bytes += is_event(zk_effect_bytes(&node->outbox, effect)) ? effect->len
                                                                                    : 0;
        client->service.output_bytes = tcp_output_pending(client->stream);
        if (UNLIKELY(client->service.output_bytes > OUTPUT_CLOSE_BYTES)) {
            LOG("client", LOG_WARN,
                "Closing the connection of /%s:%u: it does not read, %zu bytes wait for it",
                client->ip_text, client->peer.port, client->service.output_bytes);
            client_close(client, 0);
        }
        return;
    case ZK_EFFECT_CLOSE:
        client_close(client, CLOSE_LINGER_MS);
        return;
    case ZK_EFFECT_PAUSE:
        tcp_read_pause(client->stream);
        return;
    case ZK_EFFECT_RESUME:
        client_go_on(client);
        return;
    case ZK_EFFECT_PERSIST:
    case ZK_EFFECT_AUDIT:
    case ZK_EFFECT_ALARM:
    case ZK_EFFECT_PEER:
        break;
    }
    UNREACHABLE();
}

static void on_writable(struct tcp_stream *stream, void *ctx)
{
    struct client_conn *client = ctx;
    struct node *node = client->node;
    struct zk_event event = node_event(node, ZK_EVENT_WRITTEN);
    event.conn = &client->service;
    client->service.output_bytes = tcp_output_pending(stream);
    node_step(node, &event);
    node_perform_effects(node);
    if (is_held(client) && !client->is_closing) {
        list_remove(&client->held_link);
        client_go_on(client);
        node_perform_effects(node);
    }
}

void client_port_go_on(struct node *node)
{
    struct list held;
    struct list *link;
    list_init(&held);
    while ((link = list_pop(&node->held_clients)) != NULL) {
        list_append(&held, link);
    }
    /* All go back before they go on: one that is held again is not met twice. */
    while ((link = list_pop(&held)) != NULL) {
        struct client_conn *client = CONTAINER_OF(link, struct client_conn, held_link);
        list_append(&node->held_clients, link);
        if (!client->is_closing && tcp_output_pending(client->stream) <= OUTPUT_GO_ON_BYTES) {
            on_writable(client->stream, client);
        }
    }
}

/* Who waits has said something, and could say that it lives. */
static void hear_crowd(struct node *node)
{
    uint64_t now_ms = runtime_now_ns(node->runtime) / 1000000;
    if (now_ms - node->crowd_heard_ms < CROWD_HEARD_MS) {
        return;
    }
    node->crowd_heard_ms = now_ms;
    LIST_FOR_EACH(link, &node->crowded_clients)
    {
        struct client_conn *client = CONTAINER_OF(link, struct client_conn, held_link);
        service_heard(node->service, &client->service, now_ms);
    }
}

void client_port_turn(struct node *node)
{
    struct list *link;
    if (LIKELY(list_is_empty(&node->crowded_clients)) || !node->machine_ready) {
        return;
    }
    hear_crowd(node);
    while (!is_crowded(node) && (link = list_pop(&node->crowded_clients)) != NULL) {
        client_go_on(CONTAINER_OF(link, struct client_conn, held_link));
        node_perform_effects(node);
    }
}

void client_port_wake(struct node *node)
{
    if (UNLIKELY(!list_is_empty(&node->crowded_clients)) && node->machine_ready &&
        !is_crowded(node)) {
        runtime_timer_set(&node->held_timer, 0);
    }
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct client_conn *client = ctx;
    struct node *node = client->node;
    (void)stream;
    client->is_closing = true;
    node_perform_effects(node); /* none may outlive the connection it names */
    LOG("client", LOG_DEBUG, "Closed socket connection for client /%s:%u (%s), session 0x%" PRIx64,
        client->ip_text, client->peer.port, reason == 0 ? "end of stream" : error_text(reason),
        (uint64_t)client->service.session_id);
    if (node->machine_ready) {
        struct zk_event event = node_event(node, ZK_EVENT_CLOSED);
        event.conn = &client->service;
        node_step(node, &event);
        node_perform_effects(node);
    }
    client_release(client);
    node_client_gone(node);
}

/* ---- the port
 * -------------------------------------------------------------------------------------------- */

void client_port_close(struct node *node, uint32_t linger_ms)
{
    client_listen_end(node);
    LIST_FOR_EACH_SAFE(link, after, &node->clients)
    {
        client_close(CONTAINER_OF(link, struct client_conn, link), linger_ms);
    }
}

void client_port_drop_all(struct node *node)
{
    LIST_FOR_EACH_SAFE(link, after, &node->clients)
    {
        client_close(CONTAINER_OF(link, struct client_conn, link), 0);
    }
}

void client_port_release(struct node *node)
{
    LIST_FOR_EACH_SAFE(link, after, &node->clients)
    {
        struct client_conn *client = CONTAINER_OF(link, struct client_conn, link);
        if (node->machine_ready) {
            struct zk_event event = node_event(node, ZK_EVENT_CLOSED);
            event.conn = &client->service;
            node_step(node, &event);
            zk_outbox_clear(&node->outbox);
        }
        client_release(client);
    }
}

uint64_t client_port_expire(struct node *node, uint64_t now_ns)
{
    uint64_t timeout_ns = (uint64_t)node->config.sessionless_timeout_ms * 1000000;
    LIST_FOR_EACH_SAFE(link, after, &node->clients)
    {
        struct client_conn *client = CONTAINER_OF(link, struct client_conn, link);
        if (client->service.is_established || client->is_closing) {
            continue;
        }
        if (now_ns - client->opened_ns >= timeout_ns) {
            node->stats.sessionless_expired++;
            client_close(client, 0);
        }
    }
    return timeout_ns / 4;
}

uint64_t client_port_expires_ms(const struct service_conn *conn)
{
    const struct client_conn *client = conn->host;
    int32_t sessionless_ms = client->node->config.sessionless_timeout_ms;
    uint64_t step_ms = (uint64_t)MAX(sessionless_ms, 1);
    uint64_t heard_ms = MAX(client->heard_ms, client->opened_ns / 1000000);
    int32_t timeout_ms = conn->is_established ? conn->session_timeout_ms : sessionless_ms;
    return ((heard_ms + (uint64_t)timeout_ms) / step_ms + 1) * step_ms;
}

void client_port_each(struct node *node,
                      void (*each)(void *ctx,
                                   struct service_conn *conn,
                                   const struct tcp_address *peer,
                                   size_t queued_bytes),
                      void *ctx)
{
    LIST_FOR_EACH(link, &node->clients)
    {
        struct client_conn *client = CONTAINER_OF(link, struct client_conn, link);
        if (!client->is_closing) {
            each(ctx, &client->service, &client->peer, tcp_output_pending(client->stream));
        }
    }
}
