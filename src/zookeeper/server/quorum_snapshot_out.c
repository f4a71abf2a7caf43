/* quorum_snapshot_out.c - a leader's tree on its way to a learner.
 *
 * The tree has one cursor (tree_snapshot.h), so links take turns, and the snapshotter's own files
 * wait for them as they wait for it. When it is a link's turn the walk begins, which pins the
 * state, and the machine hears SNAPSHOT_BEGAN with its zxid; the SNAP packet that it answers with
 * goes in front, everything else is held back behind the body. The walk goes on as the peer takes
 * what was written: at most OUT_AHEAD_BYTES wait for it, beside what changes of the tree add. One
 * that takes nothing for initLimit, or little for half of it while others wait, is closed.
 */
#include <inttypes.h>

#include "base/endian.h"
#include "runtime/log.h"
#include "zookeeper/core/quorum_packet.h"
#include "zookeeper/core/tree_snapshot.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/quorum_port_private.h"
#include "zookeeper/server/snapshotter.h"

/* More than the kernel ever takes at once, so that on_writable comes when it is reached (see
 * tcp_handler). */
#define OUT_AHEAD_BYTES ((size_t)4 << 20)
#define OUT_SLICE_BYTES ((size_t)256 << 10)
#define SINK_KEEP_BYTES ((size_t)1 << 20)
/* Slower than this (4 MB/s), and a link makes room for others that wait. */
#define OUT_BYTES_PER_MS_MIN UINT64_C(4096)

static struct quorum_link *first_of(struct quorum_port *port)
{
    return list_is_empty(&port->snapshots_out)
               ? NULL
               : CONTAINER_OF(port->snapshots_out.next, struct quorum_link, out_entry);
}

void snapshot_out_queue(struct quorum_link *link)
{
    if (link->out_state != SNAPSHOT_OUT_NONE) {
        return;
    }
    link->out_state = SNAPSHOT_OUT_WAITS;
    list_append(&link->port->snapshots_out, &link->out_entry);
    runtime_timer_set(&link->port->wake, 0);
}

bool snapshot_out_takes(struct quorum_link *link, struct slice bytes)
{
    bool is_snap = bytes.len >= 4 && load_be32(bytes.ptr) == ZK_PACKET_SNAP;
    if (link->out_state == SNAPSHOT_OUT_NONE) {
        return false;
    }
    if (link->out_state == SNAPSHOT_OUT_BEGUN && is_snap) {
        link->out_state = SNAPSHOT_OUT_WRITES;
        runtime_timer_set(&link->port->wake, 0);
        return false;
    }
    buffer_append(&link->held, bytes);
    return true;
}

static void end_walk(struct quorum_port *port)
{
    if (port->walk != NULL) {
        tree_snapshot_end(port->walk);
        port->walk = NULL;
        buffer_clear(&port->sink, SINK_KEEP_BYTES);
        runtime_timer_set(&port->wake, 0); /* who waits for the cursor goes on */
    }
}

void snapshot_out_drop(struct quorum_link *link)
{
    if (link->out_state == SNAPSHOT_OUT_NONE) {
        return;
    }
    if (link->out_state != SNAPSHOT_OUT_WAITS) {
        end_walk(link->port);
    }
    link->out_state = SNAPSHOT_OUT_NONE;
    list_remove(&link->out_entry);
    buffer_clear(&link->held, 0);
}

static void begin(struct quorum_link *link)
{
    struct quorum_port *port = link->port;
    struct node *node = port->node;
    if (snapshotter_is_running(node->snapshotter)) {
        return; /* its end is a turn, too */
    }
    port->walk = tree_snapshot_begin(&node->service->tree, &port->sink);
    link->out_state = SNAPSHOT_OUT_BEGUN;
    link->out_moved_ns = runtime_now_ns(node->runtime);
    link->out_began_ns = link->out_moved_ns;
    link->out_bytes = 0;
    struct zk_event event = quorum_event(port, PEER_EVENT_SNAPSHOT_BEGAN, &link->link);
    event.zxid = tree_snapshot_zxid(port->walk);
    LOG("quorum", LOG_INFO, "Sending a snapshot of zxid 0x%" PRIx64 " to %s", (uint64_t)event.zxid,
        link->remote_text);
    quorum_step(port, &event);
    node_perform_effects(node);
}

static void finish(struct quorum_link *link)
{
    struct quorum_port *port = link->port;
    struct slice signature = SLICE_LIT(QUORUM_SNAPSHOT_SIGNATURE);
    struct buffer *out = tcp_output(link->stream);
    buffer_append_be32(out, (uint32_t)signature.len);
    buffer_append(out, signature);
    buffer_append(tcp_output(link->stream), buffer_slice(&link->held));
    buffer_clear(&link->held, 0);
    link->out_state = SNAPSHOT_OUT_NONE;
    list_remove(&link->out_entry);
    end_walk(port);
    quorum_link_count_output(link);
    struct zk_event event = quorum_event(port, PEER_EVENT_SNAPSHOT_SENT, &link->link);
    quorum_step(port, &event);
    node_perform_effects(port->node);
}

static void write_on(struct quorum_link *link)
{
    struct quorum_port *port = link->port;
    if (tcp_output_pending(link->stream) >= OUT_AHEAD_BYTES) {
        return; /* on_writable comes */
    }
    bool is_at_end = tree_snapshot_step(port->walk, OUT_SLICE_BYTES);
    link->out_bytes += port->sink.len;
    quorum_link_write(link, buffer_slice(&port->sink));
    buffer_clear(&port->sink, SINK_KEEP_BYTES);
    if (link->is_closing) {
        return;
    }
    quorum_link_count_output(link);
    if (is_at_end) {
        finish(link);
    } else {
        runtime_timer_set(&port->wake, 0);
    }
}

void snapshot_out_turn(struct quorum_port *port)
{
    struct quorum_link *link = first_of(port);
    if (link == NULL) {
        return;
    }
    if (link->out_state == SNAPSHOT_OUT_WAITS && port->walk == NULL) {
        begin(link);
    } else if (link->out_state == SNAPSHOT_OUT_WRITES) {
        write_on(link);
    }
}

/* It keeps others from theirs. */
static bool is_too_slow(const struct quorum_link *link, uint64_t now_ns, uint64_t limit_ns)
{
    uint64_t taken_ns = now_ns - link->out_began_ns;
    bool others_wait = link->out_entry.next != &link->port->snapshots_out;
    return others_wait && taken_ns > limit_ns / 2 &&
           link->out_bytes / MAX(taken_ns / 1000000, UINT64_C(1)) < OUT_BYTES_PER_MS_MIN;
}

void snapshot_out_mind(struct quorum_port *port, uint64_t now_ns)
{
    struct quorum_link *link = first_of(port);
    const struct peer_config *config = port->node->peer->config;
    uint64_t limit_ns = (uint64_t)config->tick_ms * (uint64_t)config->init_limit * 1000000;
    if (link == NULL || link->out_state == SNAPSHOT_OUT_WAITS) {
        return;
    }
    size_t waits = tcp_output_pending(link->stream);
    if (waits < link->out_seen || waits < OUT_AHEAD_BYTES) {
        link->out_moved_ns = now_ns;
    }
    link->out_seen = waits;
    if (is_too_slow(link, now_ns, limit_ns)) {
        LOG("quorum", LOG_WARN,
            "Closing the connection of %s: it has taken %" PRIu64
            " bytes of its snapshot in %" PRIu64 " ms, and others wait for theirs",
            link->remote_text, link->out_bytes, (now_ns - link->out_began_ns) / 1000000);
        quorum_link_close(link, 0);
    } else if (now_ns - link->out_moved_ns > limit_ns) {
        LOG("quorum", LOG_WARN, "Closing the connection of %s: it takes nothing of its snapshot",
            link->remote_text);
        quorum_link_close(link, 0);
    }
}
