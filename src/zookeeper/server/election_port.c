/* election_port.c - see election_port.h.
 *
 * Happy path: send puts the message into the peer's place and begins an attempt to connect
 * (election_dial.c); when the connection is there it says who we are (election_stream.c), what
 * waits leaves, and on_up is told; messages go both ways until one side dies. What goes wrong:
 * nobody listens there (on_down, again with back-off while something waits); both connect at once
 * (the larger id's connection stays); the other side was cut off and its TCP does not know (a
 * connection that is silent although we send is made anew); a stranger connects and says nothing
 * (its deadline passes), forged lengths (closed before anything is allocated), too many of them
 * (turned away).
 *
 * One timer serves all: it is set to the earliest deadline and looks at everything when it fires.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/election_private.h"

static void on_timer(struct runtime_timer *timer);

/* ---- peers ----------------------------------------------------------------------------------- */

const struct quorum_server *election_member(const struct election_port *port, int64_t id)
{
    const struct quorum_server *server = quorum_config_find(port->members, id);
    return server != NULL || port->proposed == NULL ? server
                                                    : quorum_config_find(port->proposed, id);
}

struct election_peer *election_peer_find(const struct election_port *port, int64_t id)
{
    LIST_FOR_EACH(entry, &port->peers)
    {
        struct election_peer *peer = CONTAINER_OF(entry, struct election_peer, entry);
        if (peer->id == id) {
            return peer;
        }
    }
    return NULL;
}

static bool is_unknown(const struct election_port *port, const struct election_peer *peer)
{
    return election_member(port, peer->id) == NULL;
}

static void peer_free(struct election_peer *peer)
{
    list_remove(&peer->entry);
    buffer_release(&peer->waiting);
    mem_free(peer, sizeof *peer);
}

/* Strangers that are not connected are forgotten. */
static void forget_strangers(struct election_port *port)
{
    uint32_t unknown = 0;
    LIST_FOR_EACH_SAFE(entry, after, &port->peers)
    {
        struct election_peer *peer = CONTAINER_OF(entry, struct election_peer, entry);
        if (!is_unknown(port, peer)) {
            continue;
        }
        if (peer->stream == NULL && !peer->is_dialling) {
            peer_free(peer);
        } else {
            unknown++;
        }
    }
    port->unknown_count = unknown;
}

struct election_peer *election_peer_get(struct election_port *port, int64_t id)
{
    struct election_peer *peer = election_peer_find(port, id);
    if (peer != NULL) {
        return peer;
    }
    if (election_member(port, id) == NULL) {
        forget_strangers(port);
        if (port->unknown_count >= ELECTION_UNKNOWN_MAX) {
            return NULL;
        }
        port->unknown_count++;
    }
    peer = mem_alloc_zeroed(sizeof *peer);
    peer->id = id;
    peer->dial_at_ns = UINT64_MAX;
    peer->retry_ms = ELECTION_RETRY_MIN_MS;
    buffer_init(&peer->waiting, ELECTION_MESSAGE_MAX);
    list_append(&port->peers, &peer->entry);
    return peer;
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Does an attempt make sense? */
static bool wants_dial(const struct election_peer *peer)
{
    return peer->stream == NULL && !peer->is_dialling && (peer->has_waiting || peer->wants_stream);
}

void election_port_arm(struct election_port *port)
{
    uint64_t earliest = UINT64_MAX;
    uint64_t now_ns = runtime_now_ns(port->runtime);
    if (!port->is_open) {
        return;
    }
    LIST_FOR_EACH(entry, &port->streams)
    {
        const struct election_stream *stream = CONTAINER_OF(entry, struct election_stream, entry);
        if (stream->state == ELECTION_STREAM_CONNECTING ||
            stream->state == ELECTION_STREAM_HEADER) {
            earliest = MIN(earliest, stream->deadline_ns);
        }
    }
    LIST_FOR_EACH(entry, &port->peers)
    {
        const struct election_peer *peer = CONTAINER_OF(entry, struct election_peer, entry);
        if (wants_dial(peer)) {
            earliest = MIN(earliest, peer->dial_at_ns);
        } else if (peer->has_waiting && peer->stream != NULL) {
            earliest = MIN(earliest, now_ns + (uint64_t)ELECTION_OUTPUT_LOOK_MS * 1000000);
        }
    }
    if (earliest == UINT64_MAX) {
        runtime_timer_stop(&port->timer);
    } else {
        runtime_timer_set(&port->timer, earliest);
    }
}

static void expire_stream(struct election_stream *stream)
{
    struct election_port *port = stream->port;
    struct election_peer *peer = stream->peer;
    bool was_connecting = stream->state == ELECTION_STREAM_CONNECTING;
    election_stream_close(stream, 0);
    if (was_connecting) {
        election_dial_failed(port, peer);
    }
}

/* Each look may change the lists, so it begins again after one that did. */
static bool expire_one(struct election_port *port, uint64_t now_ns)
{
    LIST_FOR_EACH(entry, &port->streams)
    {
        struct election_stream *stream = CONTAINER_OF(entry, struct election_stream, entry);
        bool has_deadline = stream->state == ELECTION_STREAM_CONNECTING ||
                            stream->state == ELECTION_STREAM_HEADER;
        if (has_deadline && stream->deadline_ns <= now_ns) {
            expire_stream(stream);
            return true;
        }
    }
    LIST_FOR_EACH(entry, &port->peers)
    {
        struct election_peer *peer = CONTAINER_OF(entry, struct election_peer, entry);
        if (wants_dial(peer) && peer->dial_at_ns <= now_ns) {
            election_dial_begin(port, peer);
            return true;
        }
    }
    return false;
}

static void on_timer(struct runtime_timer *timer)
{
    struct election_port *port = CONTAINER_OF(timer, struct election_port, timer);
    uint64_t now_ns = runtime_now_ns(port->runtime);
    while (port->is_open && expire_one(port, now_ns)) {
        /* bounded: what expired has a later deadline, or none */
    }
    LIST_FOR_EACH(entry, &port->peers)
    {
        election_stream_flush(port, CONTAINER_OF(entry, struct election_peer, entry));
    }
    election_port_arm(port);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Nothing has come although we sent, for a while: TCP may be waiting for a network that was cut. */
static void drop_silent(struct election_port *port, struct election_peer *peer)
{
    uint64_t now_ns = runtime_now_ns(port->runtime);
    bool is_silent = peer->stream != NULL && peer->unanswered_count >= ELECTION_SILENCE_SENDS &&
                     now_ns - peer->unanswered_ns > (uint64_t)ELECTION_SILENCE_MS * 1000000;
    if (is_silent) {
        LOG("quorum", LOG_INFO, "Server %" PRId64 " is silent: connecting anew", peer->id);
        election_stream_close(peer->stream, 0);
        peer->retry_ms = ELECTION_RETRY_MIN_MS;
    }
}

void election_port_send(struct election_port *port, int64_t server_id, struct slice bytes)
{
    bool is_known = election_member(port, server_id) != NULL;
    ASSERT(bytes.len > 0 && bytes.len <= ELECTION_MESSAGE_MAX);
    if (!port->is_open || server_id == port->config->server_id) {
        return;
    }
    struct election_peer *peer = is_known ? election_peer_get(port, server_id)
                                          : election_peer_find(port, server_id);
    if (peer == NULL) {
        return;
    }
    drop_silent(port, peer);
    if (!is_known && peer->stream == NULL && peer->header_host[0] == '\0') {
        return;
    }
    buffer_clear(&peer->waiting, SIZE_MAX);
    buffer_append(&peer->waiting, bytes);
    peer->has_waiting = true;
    election_stream_flush(port, peer);
    if (peer->stream == NULL) {
        peer->is_probing = false; /* there is something to knock for */
    }
    if (peer->stream == NULL && !peer->is_dialling) {
        /* in the next turn; soon after a failure only when the pause after that is over */
        uint64_t soonest = runtime_now_ns(port->runtime);
        bool has_paused = peer->dial_at_ns != UINT64_MAX && peer->dial_at_ns > soonest;
        uint64_t shortest = soonest + (uint64_t)ELECTION_RETRY_MIN_MS * 1000000;
        peer->dial_at_ns = has_paused ? MIN(peer->dial_at_ns, shortest) : soonest;
    }
    election_port_arm(port);
}

bool election_port_is_connected(const struct election_port *port, int64_t server_id)
{
    const struct election_peer *peer = election_peer_find(port, server_id);
    return peer != NULL && peer->stream != NULL;
}

/* ---- the listener and the configuration ------------------------------------------------------ */

static void on_listener_failed(void *ctx, const char *text)
{
    struct election_port *port = ctx;
    if (port->events->on_failed != NULL) {
        port->events->on_failed(port->ctx, text);
    }
}

static int listen(struct election_port *port, struct errmsg *message)
{
    const struct quorum_server *own = quorum_config_find(port->own_source, port->config->server_id);
    bool on_all = port->config->quorum_listen_on_all_ips;
    for (uint32_t i = 0; own != NULL && i < own->address_count; i++) {
        struct slice host = on_all ? SLICE_LIT("0.0.0.0") : own->addresses[i].host;
        bool is_bound = false;
        for (uint32_t j = 0; on_all && j < i; j++) {
            is_bound |= own->addresses[j].election_port == own->addresses[i].election_port;
        }
        int error = is_bound ? 0
                             : own_listener_add(port->listener, host,
                                                own->addresses[i].election_port, message);
        if (error != 0) {
            own_listener_close(port->listener);
            return error;
        }
    }
    return 0;
}

struct election_port *election_port_create(struct runtime *runtime,
                                           const struct zk_config *config,
                                           const struct election_port_events *events,
                                           void *ctx)
{
    struct election_port *port = mem_alloc_zeroed(sizeof *port);
    const struct own_listener_options options = {
        .runtime = runtime,
        .module = "quorum",
        .purpose = "elections",
        .advice = "change the own server line, or set quorumListenOnAllIPs=true",
        .backlog = OWN_LISTENER_BACKLOG,
        .bind_attempts = (uint32_t)config->election_port_bind_retry,
        .on_accept = election_stream_accepted,
        .on_failed = on_listener_failed,
        .ctx = port,
    };
    port->runtime = runtime;
    port->config = config;
    port->events = events;
    port->ctx = ctx;
    port->members = quorum_config_keep(config->members);
    port->own_source = quorum_config_keep(config->members);
    port->next_nameless_id = -1;
    port->listener = own_listener_create(&options);
    list_init(&port->peers);
    list_init(&port->streams);
    list_init(&port->lookups);
    runtime_timer_init(&port->timer, runtime, on_timer);
    return port;
}

int election_port_open(struct election_port *port, struct errmsg *message)
{
    int error = listen(port, message);
    port->is_open = error == 0;
    return error;
}

static bool same_addresses(const struct quorum_server *a, const struct quorum_server *b)
{
    if (a == NULL || b == NULL || a->address_count != b->address_count) {
        return a == b;
    }
    for (uint32_t i = 0; i < a->address_count; i++) {
        if (a->addresses[i].election_port != b->addresses[i].election_port ||
            !slice_equal(a->addresses[i].host, b->addresses[i].host)) {
            return false;
        }
    }
    return true;
}

void election_port_configure(struct election_port *port, struct quorum_config *config)
{
    struct quorum_config *before = port->members;
    struct errmsg message;
    const struct quorum_server *own = quorum_config_find(config, port->config->server_id);
    bool listens_elsewhere =
        own != NULL &&
        !same_addresses(quorum_config_find(port->own_source, port->config->server_id), own);
    port->members = quorum_config_keep(config);
    quorum_config_drop(before);
    if (own != NULL) {
        quorum_config_drop(port->own_source);
        port->own_source = quorum_config_keep(config);
    }
    if (port->proposed != NULL && port->proposed->version <= config->version) {
        election_port_propose(port, NULL);
    }
    LIST_FOR_EACH(entry, &port->peers)
    {
        struct election_peer *peer = CONTAINER_OF(entry, struct election_peer, entry);
        peer->has_waiting = peer->has_waiting && !is_unknown(port, peer);
        peer->retry_ms = ELECTION_RETRY_MIN_MS;
    }
    forget_strangers(port);
    if (!port->is_open || !listens_elsewhere) {
        return;
    }
    own_listener_close(port->listener);
    if (listen(port, &message) != 0) {
        LOG("quorum", LOG_ERROR, "%s", message.text);
        on_listener_failed(port, message.text);
    }
}

void election_port_propose(struct election_port *port, struct quorum_config *config)
{
    struct quorum_config *before = port->proposed;
    port->proposed = config != NULL ? quorum_config_keep(config) : NULL;
    quorum_config_drop(before);
}

struct tcp_address election_port_address(const struct election_port *port)
{
    return own_listener_address(port->listener);
}

/* ---- the end --------------------------------------------------------------------------------- */

void election_port_close(struct election_port *port)
{
    port->is_open = false;
    runtime_timer_stop(&port->timer);
    own_listener_close(port->listener);
    LIST_FOR_EACH(entry, &port->peers)
    {
        election_dial_cancel(CONTAINER_OF(entry, struct election_peer, entry));
    }
    LIST_FOR_EACH(entry, &port->streams)
    {
        election_stream_close(CONTAINER_OF(entry, struct election_stream, entry), 0);
    }
}

bool election_port_is_quiet(const struct election_port *port)
{
    return !port->is_open && list_is_empty(&port->streams) && list_is_empty(&port->lookups) &&
           own_listener_is_quiet(port->listener);
}

void election_port_detach(struct election_port *port)
{
    port->is_open = false;
    runtime_timer_stop(&port->timer);
    own_listener_close(port->listener);
}

void election_port_destroy(struct election_port *port)
{
    if (port == NULL) {
        return;
    }
    runtime_timer_stop(&port->timer);
    own_listener_destroy(port->listener);
    LIST_FOR_EACH_SAFE(entry, after, &port->peers)
    {
        struct election_peer *peer = CONTAINER_OF(entry, struct election_peer, entry);
        peer_free(peer);
    }
    LIST_FOR_EACH_SAFE(entry, after, &port->lookups)
    {
        struct election_lookup *lookup = CONTAINER_OF(entry, struct election_lookup, entry);
        list_remove(&lookup->entry); /* the runtime will not call back */
        mem_free(lookup, sizeof *lookup);
    }
    LIST_FOR_EACH_SAFE(entry, after, &port->streams)
    {
        struct election_stream *stream = CONTAINER_OF(entry, struct election_stream, entry);
        list_remove(&stream->entry);
        buffer_release(&stream->partial);
        mem_free(stream, sizeof *stream);
    }
    quorum_config_drop(port->members);
    quorum_config_drop(port->proposed);
    quorum_config_drop(port->own_source);
    mem_free(port, sizeof *port);
}
