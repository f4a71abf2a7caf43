/* client_peer.c - a broker's connection: its attempts, its stages, its time.
 *
 *   IDLE -> RESOLVING -> OPENING -> AGREEING -> READY      and back to IDLE on any failure
 *
 * An attempt tries each address of the host in turn. After a failure the peer rests for a pause
 * that doubles each time; what waited for it goes back to the client, which may know another way.
 *
 * Sources: NetworkClient, ClusterConnectionStates of Apache Kafka 3.9.
 */
#include <stdio.h>

#include "base/memory.h"
#include "kafka/client/client_private.h"
#include "runtime/log.h"

#define PARTIAL_KEEP_BYTES 4096
#define PEER_BACKOFF_FIRST_MS 50 /* reconnect.backoff.ms */
#define PEER_BACKOFF_MAX_MS 1000 /* reconnect.backoff.max.ms */
#define PEER_BACKOFF_DOUBLINGS_MAX 5

static void on_open(struct tcp_stream *stream, void *ctx, int error);
static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes);
static void on_close(struct tcp_stream *stream, void *ctx, int reason);

static const struct tcp_handler peer_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

/* ---- peers ----------------------------------------------------------------------------------- */

void peer_set_address(struct peer *peer, const char *host, uint16_t port)
{
    snprintf(peer->host, sizeof peer->host, "%s", host);
    peer->port = port;
    snprintf(peer->address_text, sizeof peer->address_text, "%s:%u", peer->host, peer->port);
}

struct peer *peer_add(struct kafka_client *client, int32_t id, const char *host, uint16_t port)
{
    struct peer *peer = mem_alloc_zeroed(sizeof *peer);
    peer->client = client;
    peer->id = id;
    list_init(&peer->queued);
    list_init(&peer->sent);
    buffer_init(&peer->partial, (size_t)client->config.response_bytes_max + 4);
    peer_set_address(peer, host, port);
    list_append(&client->peers, &peer->link);
    client->peer_count += 1;
    return peer;
}

struct peer *peer_find(const struct kafka_client *client, int32_t id)
{
    LIST_FOR_EACH(link, &client->peers)
    {
        struct peer *peer = CONTAINER_OF(link, struct peer, link);
        if (peer->id == id) {
            return peer;
        }
    }
    return NULL;
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* One name being resolved: the answer may come after the attempt, or the client, has ended. */
struct resolving {
    struct peer *peer;
    uint64_t attempt;
};

static void open_next_address(struct peer *peer)
{
    struct kafka_client *client = peer->client;
    int error = ERR_RESOLVE;
    while (peer->address_next < peer->address_count) {
        const struct tcp_address *address = &peer->addresses[peer->address_next++];
        peer->stage = PEER_OPENING;
        peer->stage_ns = kafka_client_now(client);
        error = tcp_connect(client->runtime, address, &peer_handler, peer, &peer->stream);
        if (error == 0) {
            kafka_client_hold(client);
            kafka_client_wake_at(client,
                                 peer->stage_ns + client->config.connect_timeout_ms * NS_PER_MS);
            return;
        }
        peer->stream = NULL;
    }
    kafka_peer_fail(peer, error_text(error));
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct resolving *resolving = ctx;
    struct peer *peer = resolving->peer;
    struct kafka_client *client = peer->client;
    bool is_wanted = !client->is_released && peer->stage == PEER_RESOLVING &&
                     peer->attempt == resolving->attempt;
    mem_free(resolving, sizeof *resolving);
    if (is_wanted && error == 0 && count > 0) {
        peer->address_count = MIN(count, TCP_RESOLVE_MAX);
        memcpy(peer->addresses, addresses, peer->address_count * sizeof addresses[0]);
        open_next_address(peer);
    } else if (is_wanted) {
        kafka_peer_fail(peer, error_text(error != 0 ? error : ERR_RESOLVE));
    }
    kafka_client_drop(client);
}

static void peer_connect(struct peer *peer)
{
    struct kafka_client *client = peer->client;
    peer->attempt += 1;
    peer->stage = PEER_RESOLVING;
    peer->stage_ns = kafka_client_now(client);
    peer->address_next = 0;
    peer->address_count = 0;
    peer->has_versions = false;
    buffer_clear(&peer->partial, PARTIAL_KEEP_BYTES);
    kafka_client_hold(client);
    struct slice host = slice_of_cstr(peer->host);
    if (tcp_address_parse(host, peer->port, &peer->addresses[0])) {
        peer->address_count = 1;
        open_next_address(peer);
        kafka_client_drop(client);
        return;
    }
    struct resolving *resolving = mem_alloc(sizeof *resolving);
    *resolving = (struct resolving){peer, peer->attempt};
    kafka_client_wake_at(client, peer->stage_ns + client->config.connect_timeout_ms * NS_PER_MS);
    tcp_resolve(client->runtime, host, peer->port, on_resolved, resolving);
}

void peer_pump(struct peer *peer)
{
    if (peer->stage != PEER_IDLE || list_is_empty(&peer->queued)) {
        return;
    }
    if (kafka_client_now(peer->client) >= peer->next_attempt_ns) {
        peer_connect(peer);
    } else {
        kafka_client_wake_at(peer->client, peer->next_attempt_ns);
    }
}

void peer_take_call(struct peer *peer, struct call *call)
{
    call->peer = peer;
    if (peer->stage == PEER_READY) {
        peer_send(peer, call);
        return;
    }
    list_append(&peer->queued, &call->link);
    kafka_client_wake_at(peer->client, call->deadline_ns);
    peer_pump(peer);
}

/* ---- the end of a connection ----------------------------------------------------------------- */

static void drop_stream(struct peer *peer)
{
    struct tcp_stream *stream = peer->stream;
    peer->stream = NULL;
    peer->stage = PEER_IDLE;
    if (stream != NULL) {
        tcp_close(stream, 0);
    }
}

static void give_back(struct peer *peer, struct list *calls, bool was_sent, const char *cause)
{
    struct list given;
    struct list *link;
    list_init(&given);
    while ((link = list_pop(calls)) != NULL) {
        list_append(&given, link);
    }
    while ((link = list_pop(&given)) != NULL) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        call->peer = NULL;
        if (was_sent && call->spec.is_once) {
            kafka_client_finish_later(call, ERR_CLOSED, cause);
        } else {
            kafka_client_retry(call, cause);
        }
    }
    (void)peer;
}

void kafka_peer_fail(struct peer *peer, const char *cause)
{
    struct kafka_client *client = peer->client;
    char text[CAUSE_TEXT_MAX];
    bool was_ready = peer->stage == PEER_READY;
    kafka_client_hold(client);
    drop_stream(peer);
    peer->failures = was_ready ? 0 : peer->failures + 1;
    uint64_t pause_ms = (uint64_t)PEER_BACKOFF_FIRST_MS
                        << MIN(peer->failures, PEER_BACKOFF_DOUBLINGS_MAX);
    peer->next_attempt_ns = kafka_client_now(client) +
                            MIN(pause_ms, PEER_BACKOFF_MAX_MS) * NS_PER_MS;
    snprintf(text, sizeof text, "%s: %s", peer->address_text, cause);
    memcpy(client->trouble, text, sizeof text);
    bool had_calls = !list_is_empty(&peer->queued) || !list_is_empty(&peer->sent);
    give_back(peer, &peer->sent, true, text);
    give_back(peer, &peer->queued, false, text);
    if (had_calls && peer->id >= 0) {
        client->is_metadata_stale = true; /* it may live elsewhere by now */
    }
    if (had_calls && client->config.on_trouble != NULL && !client->is_released) {
        client->config.on_trouble(client->config.ctx, peer->id, peer->address_text, cause);
    }
    kafka_client_drop(client);
}

void kafka_peer_release(struct peer *peer)
{
    drop_stream(peer);
    buffer_clear(&peer->partial, PARTIAL_KEEP_BYTES);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Tells the owner of a call whose time is over; the answer that is still to come meets a stub. */
static void abandon(struct peer *peer, struct call *call)
{
    struct call *stub = mem_alloc_zeroed(sizeof *stub);
    arena_init(&stub->arena, 64, 64);
    stub->client = peer->client;
    stub->is_internal = true;
    stub->is_abandoned = true;
    stub->spec.is_once = true;
    stub->deadline_ns = UINT64_MAX;
    stub->sent_ns = call->sent_ns;
    stub->correlation = call->correlation;
    stub->peer = peer;
    stub->link = call->link;
    stub->link.prev->next = &stub->link;
    stub->link.next->prev = &stub->link;
    list_init(&call->link);
    kafka_client_finish_later(call, ERR_TIMEOUT, "no answer in time");
}

static uint64_t check_calls(struct peer *peer, struct list *calls, bool is_sent, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    LIST_FOR_EACH_SAFE(link, after, calls)
    {
        struct call *call = CONTAINER_OF(link, struct call, link);
        if (call->deadline_ns > now_ns) {
            next_ns = MIN(next_ns, call->deadline_ns);
        } else if (is_sent) {
            abandon(peer, call);
        } else {
            list_remove(&call->link);
            kafka_client_finish_later(call, ERR_TIMEOUT,
                                      call->cause[0] != '\0' ? call->cause : peer->client->trouble);
        }
    }
    return next_ns;
}

static uint64_t stage_due_ns(const struct peer *peer)
{
    const struct kafka_client_config *config = &peer->client->config;
    switch (peer->stage) {
    case PEER_IDLE:
        return list_is_empty(&peer->queued) ? UINT64_MAX : peer->next_attempt_ns;
    case PEER_RESOLVING:
    case PEER_OPENING:
        return peer->stage_ns + config->connect_timeout_ms * NS_PER_MS;
    case PEER_AGREEING:
        return peer->stage_ns + config->request_timeout_ms * NS_PER_MS;
    case PEER_READY:
        break;
    }
    if (list_is_empty(&peer->sent)) {
        return UINT64_MAX;
    }
    const struct call *oldest = CONTAINER_OF(peer->sent.next, struct call, link);
    return oldest->sent_ns + config->request_timeout_ms * NS_PER_MS;
}

uint64_t peer_check_time(struct peer *peer, uint64_t now_ns)
{
    uint64_t next_ns = check_calls(peer, &peer->queued, false, now_ns);
    next_ns = MIN(next_ns, check_calls(peer, &peer->sent, true, now_ns));
    if (stage_due_ns(peer) <= now_ns) {
        switch (peer->stage) {
        case PEER_IDLE:
            peer_pump(peer);
            break;
        case PEER_OPENING:
            /* The next address of the same host, if there is one. */
            if (peer->address_next < peer->address_count) {
                drop_stream(peer);
                open_next_address(peer);
                break;
            }
            kafka_peer_fail(peer, "no connection in time");
            break;
        case PEER_RESOLVING:
            kafka_peer_fail(peer, "the host's name was not resolved in time");
            break;
        case PEER_AGREEING:
        case PEER_READY:
            kafka_peer_fail(peer, "no answer in time");
            break;
        }
    }
    uint64_t due_ns = stage_due_ns(peer);
    return MIN(next_ns, due_ns);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    struct peer *peer = ctx;
    struct kafka_client *client = peer->client;
    bool is_ours = peer->stream == stream && !client->is_released;
    if (error == 0) {
        if (is_ours) {
            peer->stage = PEER_AGREEING;
            peer->stage_ns = kafka_client_now(client);
            kafka_client_wake_at(client,
                                 peer->stage_ns + client->config.request_timeout_ms * NS_PER_MS);
            peer_send_versions(peer,
                               (int16_t)codec_max_version(&kafka_api_versions_request_message));
        }
        return;
    }
    if (is_ours) {
        peer->stream = NULL;
        if (peer->address_next < peer->address_count) {
            open_next_address(peer);
        } else {
            kafka_peer_fail(peer, error_text(error));
        }
    }
    kafka_client_drop(client);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct peer *peer = ctx;
    if (peer->stream == stream && !peer->client->is_released) {
        peer_take_bytes(peer, stream, bytes);
    }
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct peer *peer = ctx;
    struct kafka_client *client = peer->client;
    if (peer->stream == stream && !client->is_released) {
        peer->stream = NULL;
        LOG("kafka-client", LOG_DEBUG, "%s: the connection is gone: %s", peer->address_text,
            error_text(reason));
        kafka_peer_fail(peer,
                        reason == 0 ? "the broker closed the connection" : error_text(reason));
    }
    kafka_client_drop(client);
}
