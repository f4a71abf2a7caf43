/* quorum_port.c - see quorum_port.h: links and the packets on them.
 *
 * A read brings packets, whole and cut; whole ones are handed to the machine in place, what is left
 * of a cut one is kept in `partial` until enough has come. Effects are performed once at the end of
 * a read, but for a packet that announces a snapshot: what follows it is no packet, and only the
 * effect says so.
 */
#include "zookeeper/server/quorum_port.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/core/quorum_packet.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/quorum_port_private.h"

#define PARTIAL_KEEP_BYTES ((size_t)64 << 10)
#define CLOSE_LINGER_MS 500
#define MIND_NS UINT64_C(500000000)
#define CLOSING_LOG_NS UINT64_C(1000000000)

static void on_open(struct tcp_stream *stream, void *ctx, int error);
static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes);
static void on_writable(struct tcp_stream *stream, void *ctx);
static void on_close(struct tcp_stream *stream, void *ctx, int reason);

const struct tcp_handler quorum_link_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_close = on_close,
};

static struct quorum_link *link_of(void *ctx)
{
    struct quorum_link *link = ctx;
    ASSERT(link->magic == QUORUM_LINK_MAGIC);
    return link;
}

struct zk_event quorum_event(struct quorum_port *port,
                             enum zk_peer_event_kind kind,
                             struct zk_link *link)
{
    struct zk_event event = node_event(port->node, ZK_EVENT_PEER);
    event.peer_kind = kind;
    event.link = link;
    return event;
}

void quorum_step(struct quorum_port *port, const struct zk_event *event)
{
    node_step(port->node, event);
}

/* ---- links ----------------------------------------------------------------------------------- */

struct quorum_link *quorum_link_new(struct quorum_port *port)
{
    struct quorum_link *link = mem_alloc_zeroed(sizeof *link);
    link->magic = QUORUM_LINK_MAGIC;
    link->port = port;
    link->link.id = ++port->last_link_id;
    link->link.host = link;
    buffer_init(&link->partial, SIZE_MAX);
    buffer_init(&link->held, SIZE_MAX);
    list_init(&link->entry);
    list_init(&link->out_entry);
    return link;
}

void quorum_link_opened(struct quorum_link *link)
{
    struct tcp_address peer = tcp_stream_peer(link->stream);
    char address[TCP_ADDRESS_TEXT_MAX];
    tcp_address_text(&peer, address);
    snprintf(link->remote_text, sizeof link->remote_text, "/%s", address);
    link->opened_ns = runtime_now_ns(link->port->node->runtime);
    link->link.remote = slice_of_cstr(link->remote_text);
    list_append(&link->port->links, &link->entry);
    link->port->link_count++;
}

void quorum_link_free(struct quorum_link *link)
{
    snapshot_out_drop(link);
    snapshot_in_abandon(link);
    list_remove(&link->entry);
    buffer_release(&link->partial);
    buffer_release(&link->held);
    link->magic = 0;
    mem_free(link, sizeof *link);
}

void quorum_link_tell(struct quorum_link *link)
{
    struct zk_event event = quorum_event(link->port, PEER_EVENT_LINK_OPEN, &link->link);
    link->is_told = true;
    quorum_step(link->port, &event);
}

void quorum_link_close(struct quorum_link *link, uint32_t linger_ms)
{
    if (!link->is_closing) {
        link->is_closing = true;
        snapshot_out_drop(link);
        snapshot_in_abandon(link);
        tcp_close(link->stream, linger_ms);
    }
}

void quorum_link_count_output(struct quorum_link *link)
{
    link->link.output_bytes = tcp_output_pending(link->stream) + link->held.len;
}

void quorum_link_write(struct quorum_link *link, struct slice bytes)
{
    if (tcp_output_pending(link->stream) + link->held.len > QUORUM_LINK_OUTPUT_MAX) {
        LOG("quorum", LOG_WARN, "Closing the connection of %s: it does not read, %zu bytes wait",
            link->remote_text, tcp_output_pending(link->stream) + link->held.len);
        quorum_link_close(link, 0);
        return;
    }
    buffer_append(tcp_output(link->stream), bytes);
}

/* ---- packets --------------------------------------------------------------------------------- */

static size_t packet_data_max(const struct node *node)
{
    return node->service_config.prep.max_string_bytes + PEER_PACKET_BYTES_MAX_EXTRA;
}

static bool may_read(const struct quorum_link *link)
{
    return !link->is_closing && link->is_told && !ensemble_is_overloaded(link->port->node) &&
           (link->in == NULL || !snapshot_in_is_full(link->in));
}

static void bad_packet(struct quorum_link *link, int error)
{
    LOG("quorum", LOG_WARN, "Closing the connection of %s: what it sends is no packet (%s)",
        link->remote_text, error_text(error));
    quorum_link_close(link, 0);
}

/* `event` is LINK_PACKET of the link, without the packet. */
static void take_packet(struct quorum_link *link, struct zk_event *event, struct slice bytes)
{
    struct quorum_port *port = link->port;
    struct quorum_packet packet;
    int error = quorum_packet_decode(bytes, packet_data_max(port->node), &packet);
    if (error != 0) {
        bad_packet(link, error);
        return;
    }
    event->packet_type = packet.type;
    event->zxid = packet.zxid;
    event->frame = packet.data;
    event->authinfo = packet.authinfo;
    link->has_spoken = true;
    quorum_step(port, event);
    /* A learner's client waits for the log as an own one does; at a learner see durable_add. */
    port->node->frames_since_flush += packet.type == ZK_PACKET_REQUEST ? 1 : 0;
    if (packet.type == ZK_PACKET_SNAP) {
        node_perform_effects(port->node);
    }
}

/* Takes what is whole at the front; returns what is left. What came with one read came at one
 * time. */
static struct slice take_packets(struct quorum_link *link, struct slice bytes)
{
    struct zk_event event = quorum_event(link->port, PEER_EVENT_LINK_PACKET, &link->link);
    size_t data_max = packet_data_max(link->port->node);
    link->needed = 0;
    while (bytes.len > 0 && may_read(link)) {
        size_t len = 0;
        if (link->in != NULL) {
            len = snapshot_in_take(link, bytes);
            bytes = slice_part(bytes, len, bytes.len);
            continue;
        }
        int error = quorum_packet_measure(bytes, data_max, &len);
        if (error == ERR_TRUNCATED) {
            link->needed = len;
            break;
        }
        if (error != 0) {
            bad_packet(link, error);
            break;
        }
        take_packet(link, &event, slice_part(bytes, 0, len));
        bytes = slice_part(bytes, len, bytes.len);
    }
    return bytes;
}

static void take_bytes(struct quorum_link *link, struct slice bytes)
{
    if (link->partial.len > 0) {
        buffer_append(&link->partial, bytes);
        if (link->partial.len < link->needed && link->in == NULL) {
            return;
        }
        struct slice left = take_packets(link, buffer_slice(&link->partial));
        buffer_consume(&link->partial, link->partial.len - left.len);
        if (link->partial.len == 0) {
            buffer_clear(&link->partial, PARTIAL_KEEP_BYTES);
        }
    } else {
        struct slice rest = take_packets(link, bytes);
        if (!link->is_closing) {
            buffer_append(&link->partial, rest);
        }
    }
}

static void pause_or_resume(struct quorum_link *link)
{
    bool wants_pause = !link->is_closing && !may_read(link);
    if (wants_pause && !link->link.is_held) {
        link->link.is_held = true;
        tcp_read_pause(link->stream);
    } else if (!wants_pause && link->link.is_held && !link->is_closing) {
        link->link.is_held = false;
        tcp_read_resume(link->stream);
    }
}

void quorum_link_go_on(struct quorum_link *link)
{
    if (link->is_closing || !may_read(link)) {
        return;
    }
    if (link->partial.len > 0 && (link->in != NULL || link->partial.len >= link->needed)) {
        struct slice left = take_packets(link, buffer_slice(&link->partial));
        buffer_consume(&link->partial, link->partial.len - left.len);
    }
    pause_or_resume(link);
    node_perform_effects(link->port->node);
}

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    (void)stream;
    quorum_dial_opened(link_of(ctx), error);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct quorum_link *link = link_of(ctx);
    struct node *node = link->port->node;
    (void)stream;
    link->link.input_bytes += bytes.len;
    take_bytes(link, bytes);
    pause_or_resume(link);
    node_perform_effects(node);
}

static void on_writable(struct tcp_stream *stream, void *ctx)
{
    struct quorum_link *link = link_of(ctx);
    (void)stream;
    quorum_link_count_output(link);
    runtime_timer_set(&link->port->wake, 0); /* the snapshot on its way goes on */
}

/* The machine forgets it, if it has known it. */
static void tell_closed(struct quorum_link *link, int reason)
{
    struct quorum_port *port = link->port;
    if (link->is_told && port->node->peer != NULL) {
        struct zk_event event = quorum_event(port, PEER_EVENT_LINK_CLOSED, &link->link);
        event.error = reason;
        link->is_told = false;
        quorum_step(port, &event);
        node_perform_effects(port->node);
    }
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct quorum_link *link = link_of(ctx);
    struct quorum_port *port = link->port;
    struct node *node = port->node;
    (void)stream;
    if (link->dial != NULL) {
        quorum_dial_lost(link);
        node_client_gone(node);
        return;
    }
    LOG("quorum", LOG_DEBUG, "The connection of %s is closed: %s", link->remote_text,
        reason == 0 ? "end of stream" : error_text(reason));
    link->is_closing = true;
    node_perform_effects(node); /* none may outlive the link it names */
    tell_closed(link, reason);
    port->link_count--;
    quorum_link_free(link);
    node_client_gone(node);
}

/* ---- who may come ---------------------------------------------------------------------------- */

/* Is there room for one more? */
static bool make_room(struct quorum_port *port)
{
    struct quorum_link *oldest = NULL;
    size_t open = 0;
    LIST_FOR_EACH(entry, &port->links)
    {
        struct quorum_link *link = CONTAINER_OF(entry, struct quorum_link, entry);
        open += link->is_closing ? 0 : 1;
        if (oldest == NULL && !link->is_closing && !link->has_spoken) {
            oldest = link;
        }
    }
    if (open >= QUORUM_LINKS_MAX && oldest != NULL) {
        quorum_link_close(oldest, 0);
        tell_closed(oldest, 0);
        open -= 1;
    }
    return open < QUORUM_LINKS_MAX;
}

void quorum_port_accepted(struct quorum_port *port, struct tcp_stream *stream)
{
    struct node *node = port->node;
    enum peer_state state = node->peer->state;
    bool is_wanted = node->state == NODE_RUNNING &&
                     (state == PEER_LEADING || state == PEER_LOOKING) && make_room(port);
    if (!is_wanted) {
        tcp_reject(stream);
        return;
    }
    struct quorum_link *link = quorum_link_new(port);
    link->stream = stream;
    tcp_accept(stream, &quorum_link_handler, link);
    quorum_link_opened(link);
    if (state == PEER_LEADING) {
        quorum_link_tell(link);
        node_perform_effects(node);
    } else {
        pause_or_resume(link);
    }
}

/* Steps the machine for links that wait: called at a turn's end, not in the middle of effects. */
static void admit_waiting(struct quorum_port *port)
{
    struct node *node = port->node;
    enum peer_state state = node->peer->state;
    uint64_t limit_ns = (uint64_t)node->peer->config->tick_ms *
                        (uint64_t)node->peer->config->init_limit * 1000000;
    LIST_FOR_EACH_SAFE(entry, after, &port->links)
    {
        struct quorum_link *link = CONTAINER_OF(entry, struct quorum_link, entry);
        if (link->is_told || link->is_closing) {
            continue;
        }
        uint64_t age_ns = runtime_now_ns(node->runtime) - link->opened_ns;
        if (state == PEER_LEADING) {
            quorum_link_tell(link);
            node_perform_effects(node);
            quorum_link_go_on(link);
        } else if (state != PEER_LOOKING || age_ns > limit_ns) {
            quorum_link_close(link, 0);
        }
    }
}

void quorum_port_role(struct quorum_port *port)
{
    runtime_timer_set(&port->wake, 0);
}

/* ---- effects --------------------------------------------------------------------------------- */

static void perform_send(struct quorum_port *port, const struct zk_effect *effect)
{
    struct quorum_link *link = link_of(effect->link->host);
    struct slice bytes = zk_effect_bytes(&port->node->outbox, effect);
    if (link->is_closing) {
        return;
    }
    if (!snapshot_out_takes(link, bytes)) {
        quorum_link_write(link, bytes);
    }
    if (!link->is_closing) {
        quorum_link_count_output(link);
    }
}

/* Says why the machine closes a link; a flood of strangers does not become one of lines. */
static void log_closing(struct quorum_port *port,
                        const struct quorum_link *link,
                        struct slice reason)
{
    uint64_t now_ns = runtime_now_ns(port->node->runtime);
    bool is_due = port->closing_logged_ns == 0 ||
                  now_ns - port->closing_logged_ns >= CLOSING_LOG_NS;
    if (reason.len == 0 || link->is_closing) {
        return;
    }
    port->closing_logged_ns = is_due ? now_ns : port->closing_logged_ns;
    LOG("quorum", is_due ? LOG_WARN : LOG_DEBUG, "Closing the connection of %s: %.*s",
        link->remote_text, LOG_SLICE(reason));
}

void quorum_port_perform(struct quorum_port *port, const struct zk_effect *effect)
{
    struct quorum_link *link = NULL;
    if (effect->peer_kind == PEER_EFFECT_LINK_CONNECT) {
        quorum_dial_begin(port, effect->server_id, effect->zxid, effect->len);
        return;
    }
    link = link_of(effect->link->host);
    if (effect->peer_kind == PEER_EFFECT_LINK_SEND) {
        perform_send(port, effect);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_CLOSE) {
        log_closing(port, link, zk_effect_bytes(&port->node->outbox, effect));
        quorum_link_close(link, CLOSE_LINGER_MS);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_SEND_SNAPSHOT && !link->is_closing) {
        snapshot_out_queue(link);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_READ_SNAPSHOT && !link->is_closing) {
        snapshot_in_begin(link);
    }
}

/* ---- the port -------------------------------------------------------------------------------- */

static void on_wake(struct runtime_timer *timer)
{
    (void)timer; /* being called is all: the turn's end goes on */
}

static void on_mind(struct runtime_timer *timer)
{
    struct quorum_port *port = CONTAINER_OF(timer, struct quorum_port, minder);
    uint64_t now_ns = runtime_now_ns(port->node->runtime);
    snapshot_out_mind(port, now_ns);
    runtime_timer_set(timer, now_ns + MIND_NS);
}

struct quorum_port *quorum_port_create(struct node *node)
{
    struct quorum_port *port = mem_alloc_zeroed(sizeof *port);
    port->node = node;
    list_init(&port->links);
    list_init(&port->dials);
    list_init(&port->relays);
    list_init(&port->snapshots_out);
    list_init(&port->receiving);
    buffer_init(&port->sink, SIZE_MAX / 4);
    runtime_timer_init(&port->wake, node->runtime, on_wake);
    runtime_timer_init(&port->minder, node->runtime, on_mind);
    return port;
}

int quorum_port_open(struct quorum_port *port, struct errmsg *message)
{
    int error = quorum_listen_begin(port, message);
    if (error == 0) {
        port->is_open = true;
        runtime_timer_set(&port->minder, runtime_now_ns(port->node->runtime) + MIND_NS);
    }
    return error;
}

void quorum_port_turn(struct quorum_port *port)
{
    if (port->is_closed) {
        return;
    }
    admit_waiting(port);
    LIST_FOR_EACH_SAFE(entry, after, &port->links)
    {
        struct quorum_link *link = CONTAINER_OF(entry, struct quorum_link, entry);
        if (link->link.is_held && link->is_told) {
            quorum_link_go_on(link);
        } else {
            pause_or_resume(link);
        }
    }
    snapshot_out_turn(port);
}

void quorum_port_configure(struct quorum_port *port)
{
    struct errmsg message;
    if (port->is_closed || !port->is_open) {
        return;
    }
    quorum_listen_end(port);
    if (quorum_listen_begin(port, &message) != 0) {
        LOG("quorum", LOG_ERROR, "%s", message.text);
    }
}

struct zk_link *quorum_port_find(const struct quorum_port *port, uint64_t link_id)
{
    LIST_FOR_EACH(entry, &port->links)
    {
        struct quorum_link *link = CONTAINER_OF(entry, struct quorum_link, entry);
        if (link->link.id == link_id && link->is_told) {
            return &link->link;
        }
    }
    return NULL;
}

bool quorum_port_uses_tree(const struct quorum_port *port)
{
    return port->walk != NULL;
}

bool quorum_port_is_receiving(const struct quorum_port *port)
{
    return !list_is_empty(&port->receiving);
}

void quorum_port_close(struct quorum_port *port, uint32_t linger_ms)
{
    port->is_closed = true;
    runtime_timer_stop(&port->minder);
    quorum_listen_end(port);
    quorum_dial_end_all(port);
    quorum_relay_end_all(port, linger_ms);
    LIST_FOR_EACH_SAFE(entry, after, &port->links)
    {
        quorum_link_close(CONTAINER_OF(entry, struct quorum_link, entry), linger_ms);
    }
}

bool quorum_port_is_quiet(const struct quorum_port *port)
{
    return port->link_count == 0 && list_is_empty(&port->dials) && port->relay_count == 0 &&
           list_is_empty(&port->receiving) && quorum_listen_is_quiet(port);
}

void quorum_port_detach(struct quorum_port *port)
{
    port->is_closed = true;
    runtime_timer_stop(&port->wake);
    runtime_timer_stop(&port->minder);
    quorum_listen_end(port);
    quorum_dial_end_all(port);
    LIST_FOR_EACH(entry, &port->links)
    {
        snapshot_out_drop(CONTAINER_OF(entry, struct quorum_link, entry));
    }
    runtime_timer_stop(&port->wake);
}

void quorum_port_destroy(struct quorum_port *port)
{
    quorum_port_detach(port);
    LIST_FOR_EACH_SAFE(entry, after, &port->links)
    {
        quorum_link_free(CONTAINER_OF(entry, struct quorum_link, entry));
    }
    quorum_dial_release_all(port);
    quorum_relay_release_all(port);
    quorum_listen_release_all(port);
    snapshot_in_release_all(port);
    buffer_release(&port->sink);
    mem_free(port, sizeof *port);
}
