/* quorum_relay.c - observers that come to a follower (observerMasterPort, ZOOKEEPER-3140).
 *
 * An observer of Apache's that has the key set never asks the leader's own port: it takes one voter
 * after the other until one of them serves it. Here a follower joins it to a connection of its own
 * to the leader and hands on bytes both ways, so it is the leader's learner, with all that holds
 * for one. A leader takes it at once; who looks for a leader lets it wait, as on the quorum port.
 *
 * A side that does not read stops the other from being read. When one side ends, what it has said
 * still leaves at the other. Silent strangers are the leader's to close, who closes both sides.
 * Sources: ObserverMaster, QuorumPeer.findLearnerMaster.
 */
#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/core/learner.h"
#include "zookeeper/server/quorum_port_private.h"

#define END_LINGER_MS 500

/* Of output before a read: what the kernel has left of it by then is more than runtime.h's 1 MiB,
 * so on_writable comes. */
#define OUTPUT_MAX ((size_t)2 << 20)

struct quorum_relay;

struct relay_end {
    struct quorum_relay *relay;
    struct relay_end *other;
    struct tcp_stream *stream; /* NULL: gone */
    bool is_closing;
    bool is_held; /* not read, since the other end's peer does not read */
};

struct quorum_relay {
    struct list entry; /* quorum_port.relays */
    struct quorum_port *port;
    struct relay_end observer;
    struct relay_end leader;
};

/* ---- the two ends ---------------------------------------------------------------------------- */

static void relay_free(struct quorum_relay *relay)
{
    list_remove(&relay->entry);
    relay->port->relay_count--;
    mem_free(relay, sizeof *relay);
}

static void end_close(struct relay_end *end, uint32_t linger_ms)
{
    if (end->stream != NULL && !end->is_closing) {
        end->is_closing = true;
        tcp_close(end->stream, linger_ms);
    }
}

static void end_gone(struct relay_end *end)
{
    struct quorum_relay *relay = end->relay;
    struct node *node = relay->port->node;
    end->stream = NULL;
    end_close(end->other, END_LINGER_MS);
    if (end->other->stream == NULL) {
        relay_free(relay);
        node_client_gone(node);
    }
}

static void hold(struct relay_end *end)
{
    end->is_held = true;
    tcp_read_pause(end->stream);
}

static void let_go(struct relay_end *end)
{
    if (end->is_held && end->stream != NULL && !end->is_closing) {
        end->is_held = false;
        tcp_read_resume(end->stream);
    }
}

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    struct relay_end *leader = ctx;
    (void)stream;
    if (error != 0) {
        LOG("quorum", LOG_WARN, "An observer cannot be joined to the leader: %s",
            error_text(error));
        end_gone(leader);
        return;
    }
    let_go(leader->other);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct relay_end *end = ctx;
    (void)stream;
    if (end->other->stream == NULL || end->other->is_closing) {
        return;
    }
    if (tcp_output_pending(end->other->stream) > OUTPUT_MAX) {
        hold(end);
    }
    buffer_append(tcp_output(end->other->stream), bytes);
}

static void on_writable(struct tcp_stream *stream, void *ctx)
{
    struct relay_end *end = ctx;
    (void)stream;
    let_go(end->other);
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    (void)stream;
    (void)reason;
    end_gone(ctx);
}

static const struct tcp_handler relay_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* ---- who comes ------------------------------------------------------------------------------- */

/* Of this server's own link to its leader; NULL: it has none. */
static struct tcp_stream *leader_stream(const struct quorum_port *port)
{
    const struct peer *peer = port->node->peer;
    if (peer->learner == NULL || peer->learner->link == NULL) {
        return NULL;
    }
    const struct quorum_link *link = peer->learner->link->host;
    return link->is_closing ? NULL : link->stream;
}

void quorum_relay_accepted(struct quorum_port *port, struct tcp_stream *stream)
{
    struct node *node = port->node;
    if (node->peer->state == PEER_LEADING || node->peer->state == PEER_LOOKING) {
        quorum_port_accepted(port, stream);
        return;
    }
    struct tcp_stream *own = leader_stream(port);
    if (node->state != NODE_RUNNING || own == NULL || port->relay_count >= QUORUM_LINKS_MAX) {
        tcp_reject(stream);
        return;
    }
    struct tcp_address address = tcp_stream_peer(own);
    struct quorum_relay *relay = mem_alloc_zeroed(sizeof *relay);
    relay->port = port;
    relay->observer = (struct relay_end){.relay = relay, .other = &relay->leader};
    relay->leader = (struct relay_end){.relay = relay, .other = &relay->observer};
    int error = tcp_connect(node->runtime, &address, &relay_handler, &relay->leader,
                            &relay->leader.stream);
    if (error != 0) {
        LOG("quorum", LOG_WARN, "An observer cannot be joined to the leader: %s",
            error_text(error));
        mem_free(relay, sizeof *relay);
        tcp_reject(stream);
        return;
    }
    list_append(&port->relays, &relay->entry);
    port->relay_count++;
    relay->observer.stream = stream;
    tcp_accept(stream, &relay_handler, &relay->observer);
    hold(&relay->observer); /* until the leader is there */
}

/* ---- the end --------------------------------------------------------------------------------- */

void quorum_relay_end_all(struct quorum_port *port, uint32_t linger_ms)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->relays)
    {
        struct quorum_relay *relay = CONTAINER_OF(entry, struct quorum_relay, entry);
        end_close(&relay->observer, linger_ms);
        end_close(&relay->leader, linger_ms);
    }
}

void quorum_relay_release_all(struct quorum_port *port)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->relays)
    {
        relay_free(CONTAINER_OF(entry, struct quorum_relay, entry));
    }
}
