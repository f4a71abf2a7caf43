/* election_dial.c - making a connection to a server of the ensemble; see election_port.h.
 *
 * An attempt goes through the hosts of the server's line, and then to the one that it named itself
 * when it knocked; it looks each up anew, and tries its addresses one after another. The first that
 * opens ends the attempt. When none does, on_down is told, and as long as something waits for the
 * peer the next attempt begins after a pause that doubles.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/election_private.h"

#define KNOCK_LINGER_MS 1000

static void next_host(struct election_port *port, struct election_peer *peer);

/* ---- the end of an attempt ------------------------------------------------------------------- */

void election_dial_cancel(struct election_peer *peer)
{
    if (peer->lookup != NULL) {
        peer->lookup->peer = NULL;
        peer->lookup = NULL;
    }
    if (peer->attempt != NULL) {
        struct election_stream *stream = peer->attempt;
        peer->attempt = NULL;
        election_stream_close(stream, 0);
    }
    peer->is_dialling = false;
}

/* When the next one may begin; it does so only while something waits. */
static void pause_attempts(struct election_port *port, struct election_peer *peer)
{
    peer->dial_at_ns = runtime_now_ns(port->runtime) + (uint64_t)peer->retry_ms * 1000000;
    peer->retry_ms = MIN(peer->retry_ms * 2, ELECTION_RETRY_MAX_MS);
    election_port_arm(port);
}

static void give_up(struct election_port *port, struct election_peer *peer)
{
    int64_t id = peer->id;
    bool is_nowhere = election_member(port, id) == NULL && peer->header_host[0] == '\0';
    peer->is_dialling = false;
    peer->wants_stream = false;
    peer->is_probing = false;
    peer->has_waiting = peer->has_waiting && !is_nowhere;
    LOG("quorum", peer->retry_ms == ELECTION_RETRY_MIN_MS ? LOG_WARN : LOG_DEBUG,
        "Cannot open channel to %" PRId64 " at its election address: %s", id,
        runtime_error_detail());
    pause_attempts(port, peer);
    port->events->on_down(port->ctx, id);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void next_address(struct election_port *port, struct election_peer *peer)
{
    while (port->is_open && peer->address_at < peer->address_count) {
        const struct tcp_address *address = &peer->addresses[peer->address_at++];
        peer->attempt = election_stream_connect(peer, port, address);
        if (peer->attempt != NULL) {
            return;
        }
    }
    next_host(port, peer);
}

void election_dial_failed(struct election_port *port, struct election_peer *peer)
{
    peer->attempt = NULL;
    next_address(port, peer);
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct election_lookup *lookup = ctx;
    struct election_port *port = lookup->port;
    struct election_peer *peer = lookup->peer;
    list_remove(&lookup->entry);
    mem_free(lookup, sizeof *lookup);
    if (peer == NULL) {
        return;
    }
    peer->lookup = NULL;
    peer->address_at = 0;
    peer->address_count = error == 0 ? MIN(count, ARRAY_LEN(peer->addresses)) : 0;
    for (size_t i = 0; i < peer->address_count; i++) {
        peer->addresses[i] = addresses[i];
    }
    if (error != 0) {
        LOG("quorum", LOG_DEBUG, "Server %" PRId64 ": %s", peer->id, error_text(error));
    }
    next_address(port, peer);
}

/* Has it said, when it knocked, that it is elsewhere than its line says? */
static bool is_elsewhere(const struct quorum_server *server, const struct election_peer *peer)
{
    struct slice host = slice_of_cstr(peer->header_host);
    for (uint32_t i = 0; server != NULL && i < server->address_count; i++) {
        const struct quorum_address *address = &server->addresses[i];
        if (address->election_port == peer->header_port && slice_equal(address->host, host)) {
            return false;
        }
    }
    return host.len > 0;
}

/* The hosts of its line, then what it has said itself: its configuration may be older than ours, or
 * newer, and then it is where that says. */
static bool host_at(const struct election_port *port,
                    const struct election_peer *peer,
                    uint32_t at,
                    struct slice *host,
                    uint16_t *number)
{
    const struct quorum_server *server = election_member(port, peer->id);
    uint32_t line_count = server == NULL ? 0 : server->address_count;
    if (at >= line_count) {
        *host = slice_of_cstr(peer->header_host);
        *number = peer->header_port;
        return at == line_count && is_elsewhere(server, peer);
    }
    *host = server->addresses[at].host;
    *number = server->addresses[at].election_port;
    return true;
}

static void next_host(struct election_port *port, struct election_peer *peer)
{
    struct slice host;
    uint16_t number;
    peer->address_at = 0;
    peer->address_count = 0;
    if (!port->is_open) {
        peer->is_dialling = false; /* the end of everything: nobody is told */
        return;
    }
    if (!host_at(port, peer, peer->host_at++, &host, &number)) {
        give_up(port, peer);
        return;
    }
    if (tcp_address_parse(host, number, &peer->addresses[0])) {
        peer->address_count = 1;
        next_address(port, peer);
        return;
    }
    peer->lookup = mem_alloc_zeroed(sizeof *peer->lookup);
    *peer->lookup = (struct election_lookup){.port = port, .peer = peer};
    list_append(&port->lookups, &peer->lookup->entry);
    tcp_resolve(port->runtime, host, number, on_resolved, peer->lookup);
}

void election_dial_begin(struct election_port *port, struct election_peer *peer)
{
    if (peer->is_dialling || peer->stream != NULL || !port->is_open) {
        return;
    }
    peer->is_dialling = true;
    peer->dial_at_ns = UINT64_MAX;
    peer->host_at = 0;
    next_host(port, peer);
}

/* ---- who we are ------------------------------------------------------------------------------ */

/* "host:port", joined by '|' for the second version. */
static size_t own_address_text(const struct election_port *port, char *text, size_t size)
{
    const struct quorum_server *own = quorum_config_find(port->own_source, port->config->server_id);
    uint32_t count = own == NULL ? 0 : own->address_count;
    size_t len = 0;
    if (!port->config->multi_address_enabled) {
        count = MIN(count, 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct quorum_address *address = &own->addresses[i];
        bool is_ipv6 = memchr(address->host.ptr, ':', address->host.len) != NULL;
        int more = snprintf(text + len, size - len, is_ipv6 ? "%s[%.*s]:%d" : "%s%.*s:%d",
                            i == 0 ? "" : "|", (int)address->host.len,
                            (const char *)address->host.ptr, (int)address->election_port);
        if (more < 0 || (size_t)more >= size - len) {
            break;
        }
        len += (size_t)more;
    }
    return len;
}

static void say_who_we_are(struct election_stream *stream)
{
    char text[ELECTION_HEADER_TEXT_MAX + 1];
    const struct election_port *port = stream->port;
    size_t len = own_address_text(port, text, sizeof text);
    struct buffer *out = tcp_output(stream->tcp);
    buffer_append_be64(out, (uint64_t)(port->config->multi_address_enabled ? ELECTION_PROTOCOL_V2
                                                                           : ELECTION_PROTOCOL_V1));
    buffer_append_be64(out, (uint64_t)port->config->server_id);
    buffer_append_be32(out, (uint32_t)len);
    buffer_append(out, slice_of(text, len));
}

void election_dial_opened(struct election_stream *stream)
{
    struct election_port *port = stream->port;
    struct election_peer *peer = stream->peer;
    peer->attempt = NULL;
    peer->is_dialling = false;
    peer->wants_stream = false;
    bool is_theirs = peer->id > port->config->server_id;
    if (is_theirs && peer->is_probing) {
        /* It is alive, and perhaps connecting to us right now; a knock would make it begin again.
         */
        peer->is_probing = false;
        election_stream_close(stream, 0);
        pause_attempts(port, peer);
        return;
    }
    say_who_we_are(stream);
    if (is_theirs) {
        /* it is theirs to connect: we have knocked, and knock again unless they come */
        election_stream_close(stream, KNOCK_LINGER_MS);
        pause_attempts(port, peer);
        return;
    }
    election_stream_adopt(stream, peer);
}
