/* client_connect.c - one attempt: a host's name, its addresses, TCP, the handshake, the frames.
 *
 * An attempt is over when a server has taken the session or when every address of one host has
 * failed. Sources: ClientCnxn.SendThread.startConnect, primeConnection; ClientCnxnSocket.
 */
#include "base/endian.h"
#include "base/memory.h"
#include "runtime/log.h"
#include "wire/frame.h"
#include "zookeeper/client/client_private.h"

#define PARTIAL_KEEP_BYTES 4096

static void on_open(struct tcp_stream *stream, void *ctx, int error);
static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes);
static void on_writable(struct tcp_stream *stream, void *ctx);
static void on_close(struct tcp_stream *stream, void *ctx, int reason);

static const struct tcp_handler session_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* ---- names ----------------------------------------------------------------------------------- */

/* What the resolver gives back. It outlives the attempt when that is given up meanwhile. */
struct resolving {
    struct zk_client *client;
    uint64_t attempt;
};

uint32_t client_connect_timeout_ms(const struct zk_client *client)
{
    uint32_t share = (uint32_t)client->timeout_ms / (uint32_t)client->connect.host_count;
    return MAX(share, 1);
}

static void open_next_address(struct zk_client *client)
{
    client->stage = STAGE_OPENING;
    while (client->address_next < client->address_count) {
        const struct tcp_address *address = &client->addresses[client->address_next];
        client->address_next += 1;
        int error = tcp_connect(client->runtime, address, &session_handler, client,
                                &client->stream);
        if (error == 0) {
            client_hold(client);
            return;
        }
        client->stream = NULL;
    }
    client_lost(client);
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct resolving *resolving = ctx;
    struct zk_client *client = resolving->client;
    bool is_wanted = !client->is_released && client->stage == STAGE_RESOLVING &&
                     client->attempt == resolving->attempt;
    mem_free(resolving, sizeof *resolving);
    if (is_wanted && error == 0) {
        client->address_count = MIN(count, TCP_RESOLVE_MAX);
        memcpy(client->addresses, addresses, client->address_count * sizeof addresses[0]);
        open_next_address(client);
    } else if (is_wanted) {
        LOG("client", LOG_WARN, "a host name of the connect string cannot be resolved");
        client_lost(client);
    }
    client_drop(client);
}

void client_connect(struct zk_client *client)
{
    const struct connect_host *host = &client->connect.hosts[client->next_host];
    client->next_host = (client->next_host + 1) % client->connect.host_count;
    client->stage = STAGE_RESOLVING;
    client->attempt += 1;
    client->attempt_ns = runtime_now_ns(client->runtime);
    client->address_next = 0;
    client->address_count = 0;
    buffer_clear(&client->partial, PARTIAL_KEEP_BYTES);
    client_wake_at(client, client->attempt_ns + client_connect_timeout_ms(client) * NS_PER_MS);
    client_hold(client);
    if (tcp_address_parse(host->host, host->port, &client->addresses[0])) {
        client->address_count = 1;
        open_next_address(client);
        client_drop(client);
        return;
    }
    struct resolving *resolving = mem_alloc(sizeof *resolving);
    *resolving = (struct resolving){.client = client, .attempt = client->attempt};
    tcp_resolve(client->runtime, host->host, host->port, on_resolved, resolving);
}

/* ---- the stream ------------------------------------------------------------------------------ */

void client_drop_stream(struct zk_client *client)
{
    struct tcp_stream *stream = client->stream;
    client->stream = NULL; /* `partial` stays: a running handler may look at it */
    if (stream != NULL) {
        tcp_close(stream, 0);
    }
}

static void send_connect_request(struct zk_client *client)
{
    struct zk_connect_request request = {
        .last_zxid_seen = client->last_zxid,
        .timeout_ms = client->config.session_timeout_ms,
        /* A session that only a read-only server gave is no session for the others. */
        .session_id = client->has_seen_read_write ? client->session_id : 0,
        .passwd = slice_of(client->password, sizeof client->password),
        .read_only = client->config.can_be_read_only,
    };
    struct buffer *out = tcp_output(client->stream);
    buffer_append_be32(out, (uint32_t)codec_size(&zk_connect_request_message, 1, &request));
    int error = codec_encode(&zk_connect_request_message, 1, &request, out);
    ASSERT(error == 0);
    client->stage = STAGE_HANDSHAKE;
}

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    struct zk_client *client = ctx;
    bool is_ours = client->stream == stream;
    if (error == 0) {
        if (is_ours) {
            send_connect_request(client);
        }
        return;
    }
    if (is_ours) {
        client->stream = NULL;
        open_next_address(client);
    }
    client_drop(client);
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct zk_client *client = ctx;
    if (client->stream == stream) {
        LOG("client", LOG_DEBUG, "session 0x%llx: the connection is gone: %s",
            (unsigned long long)client->session_id, error_text(reason));
        client->stream = NULL;
        client_lost(client);
    }
    client_drop(client);
}

static void on_writable(struct tcp_stream *stream, void *ctx)
{
    struct zk_client *client = ctx;
    if (client->stream == stream && client->stage == STAGE_READY) {
        client_send_pending(client);
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Takes the whole frames at the front of `bytes`; returns how much was taken. Stops when the
 * connection ends. */
static size_t take_frames(struct zk_client *client, struct tcp_stream *stream, struct slice bytes)
{
    size_t taken = 0;
    while (client->stream == stream && bytes.len - taken >= 4) {
        uint32_t len = load_be32(bytes.ptr + taken);
        if (len > client->config.reply_bytes_max) {
            LOG("client", LOG_WARN,
                "session 0x%llx: Packet len %d is out of range! (jute.maxbuffer is %u)",
                (unsigned long long)client->session_id, (int32_t)len,
                client->config.reply_bytes_max);
            client_lost(client);
            break;
        }
        if (bytes.len - taken - 4 < len) {
            break;
        }
        struct slice frame = slice_part(bytes, taken + 4, taken + 4 + len);
        taken += 4 + (size_t)len;
        if (client->stage == STAGE_HANDSHAKE) {
            client_take_connect_response(client, frame);
        } else {
            client_take_frame(client, frame);
        }
    }
    return taken;
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct zk_client *client = ctx;
    if (client->stream != stream) {
        return;
    }
    client_hold(client);
    client->last_heard_ns = runtime_now_ns(client->runtime);
    size_t at = 0;
    if (client->partial.len > 0) {
        at = frame_fill(&client->partial, client->config.reply_bytes_max, bytes);
        size_t taken = take_frames(client, stream, buffer_slice(&client->partial));
        if (taken > 0 && client->stream == stream) {
            buffer_clear(&client->partial, PARTIAL_KEEP_BYTES);
        }
    }
    if (client->stream == stream && client->partial.len == 0) {
        struct slice rest = slice_part(bytes, at, bytes.len);
        size_t taken = take_frames(client, stream, rest);
        if (client->stream == stream) {
            buffer_append(&client->partial, slice_part(rest, taken, rest.len));
        }
    }
    client_drop(client);
}

/* ---- the handshake --------------------------------------------------------------------------- */

/* Servers of before 3.4 leave the last byte out. */
static int decode_connect_response(struct zk_client *client,
                                   struct slice frame,
                                   struct zk_connect_response *response)
{
    struct codec_limits limits = {.max_string_bytes = 1024, .max_decoded_bytes = 1024};
    struct slice rest = frame;
    arena_clear(&client->arena);
    int error = codec_decode(&zk_connect_response_message, 1, &rest, &limits, &client->arena,
                             response);
    if (error != 0) {
        rest = frame;
        error = codec_decode(&zk_connect_response_message, 0, &rest, &limits, &client->arena,
                             response);
    }
    return error;
}

static void greet(struct zk_client *client)
{
    LIST_FOR_EACH(link, &client->credentials)
    {
        client_send_credential(client, CONTAINER_OF(link, struct credential, link));
    }
    if (!client->config.keep_no_watches) {
        client_send_watches(client);
    }
    client_send_pending(client);
    if (client->is_closing) {
        client_send_close(client);
    }
}

void client_take_connect_response(struct zk_client *client, struct slice frame)
{
    struct zk_connect_response response;
    int error = decode_connect_response(client, frame, &response);
    bool is_expired = error == 0 && response.timeout_ms <= 0;
    if (is_expired) {
        client_end(client, ZK_CLIENT_CLOSED, ZK_STATE_EXPIRED);
        return;
    }
    if (error != 0 || response.passwd.len != ZK_CLIENT_PASSWORD_BYTES) {
        LOG("client", LOG_WARN, "malformed answer to a ConnectRequest: is this a ZooKeeper port?");
        client_lost(client);
        return;
    }
    client->timeout_ms = response.timeout_ms;
    client->session_id = response.session_id;
    memcpy(client->password, response.passwd.ptr, ZK_CLIENT_PASSWORD_BYTES);
    client->hosts_failed = 0;
    client->stage = STAGE_READY;
    client->state = response.read_only ? ZK_CLIENT_CONNECTED_READ_ONLY : ZK_CLIENT_CONNECTED;
    client->has_seen_read_write |= !response.read_only;
    client->last_sent_ns = client->last_heard_ns;
    client_wake_at(client, client->last_sent_ns + (uint64_t)client->timeout_ms * NS_PER_MS / 3);
    greet(client);
    if (response.read_only) {
        client_probe_start(client);
    }
    client_tell_state(client,
                      response.read_only ? ZK_STATE_CONNECTED_READ_ONLY : ZK_STATE_SYNC_CONNECTED);
}
