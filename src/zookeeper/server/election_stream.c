/* election_stream.c - one connection of the election port: the header, then messages; see
 * election_port.h.
 *
 * Bytes are taken where they came when nothing is left of before, else they are joined first. What
 * a connection holds is what has come of one header or one message. A callback of the owner may
 * close the stream that it was called for, so the state is looked at again after each.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/log.h"
#include "zookeeper/server/election_private.h"

#define HEADER_FIXED_BYTES 20 /* version, id, length */
#define ID_BYTES 8
#define LENGTH_BYTES 4

/* Who is turned away is told at most this often. */
#define REFUSAL_LOG_NS UINT64_C(1000000000)

#define NAMELESS_OBSERVER_ID INT64_MAX /* upstream's QuorumPeer.OBSERVER_ID */

static void on_open(struct tcp_stream *tcp, void *ctx, int error);
static void on_data(struct tcp_stream *tcp, void *ctx, struct slice bytes);
static void on_close(struct tcp_stream *tcp, void *ctx, int reason);

static const struct tcp_handler handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

/* ---- life ------------------------------------------------------------------------------------ */

static struct election_stream *stream_new(struct election_port *port,
                                          enum election_stream_state state)
{
    struct election_stream *stream = mem_alloc_zeroed(sizeof *stream);
    stream->port = port;
    stream->state = state;
    stream->deadline_ns = runtime_now_ns(port->runtime) +
                          (uint64_t)port->config->connect_timeout_ms * 1000000;
    buffer_init(&stream->partial, ELECTION_MESSAGE_MAX + LENGTH_BYTES);
    list_append(&port->streams, &stream->entry);
    return stream;
}

static void stream_free(struct election_stream *stream)
{
    list_remove(&stream->entry);
    buffer_release(&stream->partial);
    mem_free(stream, sizeof *stream);
}

void election_stream_close(struct election_stream *stream, uint32_t linger_ms)
{
    if (stream->state == ELECTION_STREAM_CLOSING) {
        return;
    }
    if (stream->peer != NULL && stream->peer->stream == stream) {
        stream->peer->stream = NULL;
    }
    stream->peer = NULL;
    stream->state = ELECTION_STREAM_CLOSING;
    tcp_close(stream->tcp, linger_ms);
}

static void refuse_stream(struct election_stream *stream, const char *why)
{
    char remote[TCP_ADDRESS_TEXT_MAX];
    struct tcp_address address = tcp_stream_peer(stream->tcp);
    tcp_address_host_text(&address, remote);
    uint64_t now_ns = runtime_now_ns(stream->port->runtime);
    bool is_first = stream->port->refusal_logged_ns == 0 ||
                    now_ns - stream->port->refusal_logged_ns >= REFUSAL_LOG_NS;
    stream->port->refusal_logged_ns = is_first ? now_ns : stream->port->refusal_logged_ns;
    LOG("quorum", is_first ? LOG_WARN : LOG_DEBUG, "Election connection from /%s:%d is closed: %s",
        remote, (int)address.port, why);
    election_stream_close(stream, 0);
}

/* Is there room for one more? A server says who it is at once: whoever has been silent longest
 * makes room, so that strangers cannot keep servers out by their number. */
static bool make_room(struct election_port *port)
{
    struct election_stream *oldest = NULL;
    size_t open = 0;
    LIST_FOR_EACH(entry, &port->streams)
    {
        struct election_stream *stream = CONTAINER_OF(entry, struct election_stream, entry);
        open += stream->state == ELECTION_STREAM_CLOSING ? 0 : 1;
        if (oldest == NULL && stream->state == ELECTION_STREAM_HEADER) {
            oldest = stream;
        }
    }
    if (open >= ELECTION_STREAMS_MAX && oldest != NULL) {
        refuse_stream(oldest, "there are too many, and it has not said who it is");
        open -= 1;
    }
    return open < ELECTION_STREAMS_MAX;
}

void election_stream_accepted(struct tcp_stream *tcp, void *ctx)
{
    struct election_port *port = ctx;
    if (!make_room(port)) {
        tcp_reject(tcp);
        return;
    }
    struct election_stream *stream = stream_new(port, ELECTION_STREAM_HEADER);
    stream->tcp = tcp;
    tcp_accept(tcp, &handler, stream);
    election_port_arm(port);
}

struct election_stream *election_stream_connect(struct election_peer *peer,
                                                struct election_port *port,
                                                const struct tcp_address *address)
{
    struct election_stream *stream = stream_new(port, ELECTION_STREAM_CONNECTING);
    stream->peer = peer;
    if (tcp_connect(port->runtime, address, &handler, stream, &stream->tcp) != 0) {
        stream_free(stream);
        return NULL;
    }
    election_port_arm(port);
    return stream;
}

static void on_open(struct tcp_stream *tcp, void *ctx, int error)
{
    struct election_stream *stream = ctx;
    struct election_port *port = stream->port;
    struct election_peer *peer = stream->peer;
    (void)tcp;
    if (error == 0) {
        if (stream->state == ELECTION_STREAM_CONNECTING) {
            election_dial_opened(stream);
        }
        return;
    }
    bool is_awaited = stream->state == ELECTION_STREAM_CONNECTING;
    stream_free(stream);
    if (is_awaited) {
        election_dial_failed(port, peer);
    }
}

/* Its connection broke: an attempt at once, so that a dead server is known to be dead; after a
 * pause, when connections with it do not live. */
static void look_after(struct election_port *port, struct election_peer *peer)
{
    uint64_t now_ns = runtime_now_ns(port->runtime);
    bool has_lived = now_ns - peer->opened_ns >= (uint64_t)ELECTION_SHORT_LIFE_MS * 1000000;
    if (peer->id < 0) {
        peer->has_waiting = false; /* without a number of its own: it comes back as another */
        return;
    }
    /* the first short life may be that of a server that died right after it came */
    bool at_once = has_lived || peer->retry_ms == ELECTION_RETRY_MIN_MS;
    peer->dial_at_ns = at_once ? now_ns : now_ns + (uint64_t)peer->retry_ms * 1000000;
    peer->retry_ms = has_lived ? ELECTION_RETRY_MIN_MS
                               : MIN(peer->retry_ms * 2, ELECTION_RETRY_MAX_MS);
    peer->wants_stream = true;
    peer->is_probing = true;
    election_port_arm(port);
}

static void on_close(struct tcp_stream *tcp, void *ctx, int reason)
{
    struct election_stream *stream = ctx;
    struct election_port *port = stream->port;
    struct election_peer *peer = stream->peer;
    enum election_stream_state state = stream->state;
    (void)tcp;
    stream_free(stream);
    if (state == ELECTION_STREAM_OPEN) {
        LOG("quorum", LOG_INFO, "Connection broken for id %" PRId64 ", my id = %" PRId64 ": %s",
            peer->id, port->config->server_id, reason == 0 ? "closed" : error_text(reason));
        peer->stream = NULL;
        look_after(port, peer);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

void election_stream_flush(struct election_port *port, struct election_peer *peer)
{
    if (!peer->has_waiting || peer->stream == NULL ||
        tcp_output_pending(peer->stream->tcp) > ELECTION_OUTPUT_MAX) {
        return;
    }
    struct buffer *out = tcp_output(peer->stream->tcp);
    buffer_append_be32(out, (uint32_t)peer->waiting.len);
    buffer_append(out, buffer_slice(&peer->waiting));
    buffer_clear(&peer->waiting, ELECTION_HEADER_TEXT_MAX);
    peer->has_waiting = false;
    if (peer->unanswered_count++ == 0) {
        peer->unanswered_ns = runtime_now_ns(port->runtime);
    }
}

void election_stream_adopt(struct election_stream *stream, struct election_peer *peer)
{
    struct election_port *port = stream->port;
    struct election_stream *before = peer->stream;
    stream->peer = peer;
    stream->state = ELECTION_STREAM_OPEN;
    peer->stream = NULL;
    if (before != NULL && before != stream) {
        before->peer = NULL;
        election_stream_close(before, 0);
    }
    election_dial_cancel(peer);
    peer->stream = stream;
    peer->wants_stream = false;
    peer->is_probing = false;
    peer->dial_at_ns = UINT64_MAX;
    peer->opened_ns = runtime_now_ns(port->runtime);
    peer->unanswered_count = 0;
    election_stream_flush(port, peer);
    port->events->on_up(port->ctx, peer->id);
}

/* ---- the header ------------------------------------------------------------------------------ */

/* The first of the addresses "host:port|host:port" that could be connected to. */
static void keep_address(struct election_peer *peer, struct slice text)
{
    struct slice one;
    bool goes_on = true;
    peer->header_host[0] = '\0';
    while (goes_on && peer->header_host[0] == '\0') {
        goes_on = text_cut(text, '|', &one, &text);
        const uint8_t *colon = one.len == 0 ? NULL : memrchr(one.ptr, ':', one.len);
        int64_t port = 0;
        if (colon == NULL) {
            continue;
        }
        size_t at = (size_t)(colon - one.ptr);
        struct slice host = slice_part(one, 0, at);
        if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
            host = slice_part(host, 1, host.len - 1);
        }
        bool is_usable = text_parse_i64(slice_part(one, at + 1, one.len), &port) == 0 && port > 0 &&
                         port <= UINT16_MAX && host.len > 0 && host.len <= QUORUM_HOST_MAX &&
                         memchr(host.ptr, '\0', host.len) == NULL &&
                         !slice_equal_cstr(host, "0.0.0.0") &&
                         !slice_equal_cstr(host, "0:0:0:0:0:0:0:0") &&
                         !slice_equal_cstr(host, "::");
        if (is_usable) {
            memcpy(peer->header_host, host.ptr, host.len);
            peer->header_host[host.len] = '\0';
            peer->header_port = (uint16_t)port;
        }
    }
}

/* We know who it is. */
static void identify(struct election_stream *stream, int64_t id, struct slice address)
{
    struct election_port *port = stream->port;
    bool is_nameless = id == NAMELESS_OBSERVER_ID;
    if (is_nameless) {
        id = port->next_nameless_id--;
    } else if (id < 0) {
        refuse_stream(stream, "it has a negative id");
        return;
    }
    if (id == port->config->server_id) {
        refuse_stream(stream, "it has this server's own id. This should be either a configuration "
                              "error, or a bug.");
        return;
    }
    struct election_peer *peer = election_peer_get(port, id);
    if (peer == NULL) {
        refuse_stream(stream, "too many servers that are not in the configuration");
        return;
    }
    keep_address(peer, address);
    if (id > port->config->server_id || is_nameless) {
        election_stream_adopt(stream, peer);
        return;
    }
    /* It knocked, so it has no connection, whatever we think; the connection is ours to make. */
    election_stream_close(stream, 0);
    if (peer->stream != NULL) {
        election_stream_close(peer->stream, 0);
    }
    peer->wants_stream = true;
    peer->is_probing = false;
    election_dial_begin(port, peer);
}

/* Takes the header off `bytes` when it is whole; returns how many bytes that were, 0 when more must
 * come or the stream is closed. */
static size_t take_header(struct election_stream *stream, struct slice bytes)
{
    if (bytes.len < ID_BYTES) {
        return 0;
    }
    int64_t version = (int64_t)load_be64(bytes.ptr);
    if (version >= 0) {
        identify(stream, version, SLICE_NULL); /* before 3.5 the id came alone */
        return ID_BYTES;
    }
    if (version != ELECTION_PROTOCOL_V1 && version != ELECTION_PROTOCOL_V2) {
        refuse_stream(stream, "it speaks another protocol");
        return 0;
    }
    if (bytes.len < HEADER_FIXED_BYTES) {
        return 0;
    }
    uint32_t len = load_be32(bytes.ptr + 2 * ID_BYTES);
    if (len == 0 || len > ELECTION_HEADER_TEXT_MAX) {
        refuse_stream(stream, "unreasonable buffer length");
        return 0;
    }
    if (bytes.len - HEADER_FIXED_BYTES < len) {
        return 0;
    }
    identify(stream, (int64_t)load_be64(bytes.ptr + ID_BYTES),
             slice_part(bytes, HEADER_FIXED_BYTES, HEADER_FIXED_BYTES + len));
    return HEADER_FIXED_BYTES + len;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* As take_header, for one message. */
static size_t take_message(struct election_stream *stream, struct slice bytes)
{
    struct election_port *port = stream->port;
    if (bytes.len < LENGTH_BYTES) {
        return 0;
    }
    uint32_t len = load_be32(bytes.ptr);
    if (len == 0 || len > ELECTION_MESSAGE_MAX) {
        char why[96];
        snprintf(why, sizeof why, "Received packet with invalid packet: %" PRId32, (int32_t)len);
        struct election_peer *peer = stream->peer;
        refuse_stream(stream, why);
        peer->dial_at_ns = UINT64_MAX;
        return 0;
    }
    if (bytes.len - LENGTH_BYTES < len) {
        return 0;
    }
    stream->peer->unanswered_count = 0;
    port->events->on_message(port->ctx, stream->peer->id,
                             slice_part(bytes, LENGTH_BYTES, LENGTH_BYTES + len));
    return LENGTH_BYTES + len;
}

static bool takes_bytes(const struct election_stream *stream)
{
    return stream->state == ELECTION_STREAM_HEADER || stream->state == ELECTION_STREAM_OPEN;
}

/* Takes all that is whole; returns how many bytes that were. */
static size_t take_all(struct election_stream *stream, struct slice bytes)
{
    size_t at = 0;
    size_t taken = 1;
    while (taken > 0 && takes_bytes(stream)) {
        struct slice rest = slice_part(bytes, at, bytes.len);
        taken = stream->state == ELECTION_STREAM_HEADER ? take_header(stream, rest)
                                                        : take_message(stream, rest);
        at += taken;
    }
    return at;
}

static void on_data(struct tcp_stream *tcp, void *ctx, struct slice bytes)
{
    struct election_stream *stream = ctx;
    struct buffer *partial = &stream->partial;
    (void)tcp;
    while (bytes.len > 0 && takes_bytes(stream)) {
        if (partial->len == 0) {
            size_t taken = take_all(stream, bytes);
            bytes = slice_part(bytes, taken, bytes.len);
        }
        /* the rest of one header or message is never longer than the room */
        size_t more = MIN(bytes.len, buffer_room(partial));
        if (!takes_bytes(stream)) {
            break;
        }
        buffer_append(partial, slice_part(bytes, 0, more));
        bytes = slice_part(bytes, more, bytes.len);
        size_t taken = take_all(stream, buffer_slice(partial));
        if (takes_bytes(stream)) {
            buffer_consume(partial, taken);
        }
    }
}
