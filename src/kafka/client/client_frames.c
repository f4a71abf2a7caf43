/* client_frames.c - requests into bytes, bytes into responses; the agreement on versions.
 *
 * Answers come in the order of the requests. An ApiVersions request goes first, in the newest
 * version that we know; a broker that does not know it answers UNSUPPORTED_VERSION in version 0's
 * form and names its own range, and is asked again in that (KIP-511). Header versions follow the
 * request's form, but for ApiVersions, whose answers have header version 0 always.
 */
#include <stdio.h>

#include "base/memory.h"
#include "base/version.h"
#include "kafka/client/client_private.h"
#include "wire/frame.h"

#define PARTIAL_KEEP_BYTES 4096
#define STRING_BYTES_MAX ((size_t)64 << 20)

/* ---- sending --------------------------------------------------------------------------------- */

static int encode(struct peer *peer,
                  const struct codec_message *message,
                  int16_t version,
                  int32_t correlation,
                  const void *request)
{
    struct kafka_client *client = peer->client;
    struct kafka_request_header header = {
        .request_api_key = codec_api_key(message),
        .request_api_version = version,
        .correlation_id = correlation,
        .client_id = client->has_client_id ? buffer_slice(&client->client_id) : SLICE_NULL,
    };
    if (client->has_client_id && client->client_id.len == 0) {
        header.client_id = SLICE_LIT("");
    }
    int header_version = codec_is_flexible(message, version) ? 2 : 1;
    int64_t header_size = codec_size(&kafka_request_header_message, header_version, &header);
    int64_t size = codec_size(message, version, request);
    if (size < 0) {
        return (int)size;
    }
    ASSERT(header_size > 0);
    struct buffer *out = tcp_output(peer->stream);
    if (header_size + size > INT32_MAX || (size_t)(header_size + size) + 4 > buffer_room(out)) {
        return ERR_LIMIT;
    }
    buffer_append_be32(out, (uint32_t)(header_size + size));
    int error = codec_encode(&kafka_request_header_message, header_version, &header, out);
    ASSERT(error == 0);
    error = codec_encode(message, version, request, out);
    ASSERT(error == 0);
    return 0;
}

void peer_send_versions(struct peer *peer, int16_t version)
{
    struct kafka_api_versions_request request;
    codec_init(&kafka_api_versions_request_message, &request);
    request.client_software_name = SLICE_LIT("samsa");
    request.client_software_version = slice_of_cstr(samsa_version);
    peer->versions_version = version;
    peer->versions_correlation = peer->next_correlation++;
    int error = encode(peer, &kafka_api_versions_request_message, version,
                       peer->versions_correlation, &request);
    ASSERT(error == 0);
}

/* The highest version that schema, call and broker have; -1: none. */
static int16_t pick_version(const struct peer *peer, const struct kafka_call *spec)
{
    int16_t key = codec_api_key(spec->request_message);
    int first = codec_min_version(spec->request_message);
    int last = codec_max_version(spec->request_message);
    if (spec->min_version != 0 || spec->max_version != 0) {
        first = MAX(first, spec->min_version);
        last = MIN(last, spec->max_version);
    }
    if (key < 0 || key >= KAFKA_CLIENT_APIS_MAX) {
        return -1;
    }
    first = MAX(first, peer->apis[key].min_version);
    last = MIN(last, peer->apis[key].max_version);
    return (int16_t)(last >= first ? last : -1);
}

void peer_send(struct peer *peer, struct call *call)
{
    struct kafka_client *client = peer->client;
    char text[CAUSE_TEXT_MAX];
    int16_t key = codec_api_key(call->spec.request_message);
    call->version = pick_version(peer, &call->spec);
    if (call->version < 0) {
        snprintf(text, sizeof text, "The broker %s does not support %s in a version that is needed",
                 peer->address_text, kafka_api_name(key));
        kafka_client_finish_later(call, ERR_UNSUPPORTED, text);
        return;
    }
    call->correlation = peer->next_correlation++;
    int error = encode(peer, call->spec.request_message, call->version, call->correlation,
                       call->spec.request);
    if (error != 0) {
        snprintf(text, sizeof text, "%s version %d cannot say this: %s", kafka_api_name(key),
                 call->version, error_text(error));
        kafka_client_finish_later(call, error == ERR_UNSUPPORTED ? ERR_UNSUPPORTED : ERR_INVALID,
                                  text);
        return;
    }
    call->sent_ns = kafka_client_now(client);
    list_append(&peer->sent, &call->link);
    kafka_client_wake_at(
        client,
        MIN(call->deadline_ns, call->sent_ns + client->config.request_timeout_ms * NS_PER_MS));
}

/* ---- the agreement on versions --------------------------------------------------------------- */

static int decode(struct kafka_client *client,
                  const struct codec_message *message,
                  int16_t version,
                  struct slice *in,
                  void *value)
{
    struct codec_limits limits = {
        .max_string_bytes = STRING_BYTES_MAX,
        .max_decoded_bytes = arena_room(&client->arena),
    };
    return codec_decode(message, version, in, &limits, &client->arena, value);
}

static void take_ranges(struct peer *peer, const struct kafka_api_versions_response *response)
{
    for (size_t i = 0; i < KAFKA_CLIENT_APIS_MAX; i++) {
        peer->apis[i] = (struct api_range){0, -1};
    }
    for (int32_t i = 0; i < response->api_keys_count; i++) {
        const struct kafka_api_versions_response_api_version *api = &response->api_keys[i];
        if (api->api_key >= 0 && api->api_key < KAFKA_CLIENT_APIS_MAX) {
            peer->apis[api->api_key] = (struct api_range){api->min_version, api->max_version};
        }
    }
    peer->has_versions = true;
}

/* UNSUPPORTED_VERSION: the broker's own range of ApiVersions is in the answer, or 0 will do. */
static void ask_again(struct peer *peer, const struct kafka_api_versions_response *response)
{
    int16_t version = 0;
    for (int32_t i = 0; i < response->api_keys_count; i++) {
        if (response->api_keys[i].api_key == KAFKA_API_API_VERSIONS) {
            version = MIN(response->api_keys[i].max_version, (int16_t)(peer->versions_version - 1));
        }
    }
    if (peer->versions_version == 0) {
        kafka_peer_fail(peer, "the broker supports no version of ApiVersions");
        return;
    }
    peer_send_versions(peer, MAX(version, 0));
}

static void send_queued(struct peer *peer)
{
    struct list queued;
    struct list *link;
    list_init(&queued);
    while ((link = list_pop(&peer->queued)) != NULL) {
        list_append(&queued, link);
    }
    while ((link = list_pop(&queued)) != NULL) {
        peer_send(peer, CONTAINER_OF(link, struct call, link));
    }
}

static void take_versions(struct peer *peer, struct slice frame)
{
    struct kafka_client *client = peer->client;
    struct kafka_api_versions_response response;
    arena_clear(&client->arena);
    bool is_ours = frame.len >= 6 && (int32_t)load_be32(frame.ptr) == peer->versions_correlation;
    if (!is_ours) {
        kafka_peer_fail(peer, "malformed answer: is this a Kafka port without TLS and SASL?");
        return;
    }
    int16_t error_code = (int16_t)load_be16(frame.ptr + 4);
    bool is_old = error_code == KAFKA_ERROR_UNSUPPORTED_VERSION;
    struct slice body = slice_part(frame, 4, frame.len);
    int error = decode(client, &kafka_api_versions_response_message,
                       is_old ? 0 : peer->versions_version, &body, &response);
    if (is_old && error != 0) {
        response.api_keys_count = 0; /* nothing but the error code */
        error = 0;
    }
    if (error != 0 || (error_code != 0 && !is_old)) {
        kafka_peer_fail(peer, error != 0 ? "malformed answer to ApiVersions"
                                         : kafka_error_name(error_code));
        return;
    }
    if (is_old) {
        ask_again(peer, &response);
        return;
    }
    take_ranges(peer, &response);
    peer->stage = PEER_READY;
    peer->failures = 0;
    send_queued(peer);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* True: the call was put back to be tried again. */
static bool try_again(struct call *call, const void *response)
{
    struct kafka_client *client = call->client;
    if (call->spec.error_of == NULL || call->is_abandoned) {
        return false;
    }
    int16_t error = call->spec.error_of(response, call->version);
    enum kafka_error_class class = kafka_error_class(error);
    uint64_t latest_ns = kafka_client_now(client) + client->config.retry_backoff_max_ms * NS_PER_MS;
    if (class == KAFKA_ERROR_CLASS_FINAL || latest_ns >= call->deadline_ns) {
        return false;
    }
    if (class == KAFKA_ERROR_CLASS_RETRY_METADATA) {
        client->is_metadata_stale = true;
    } else if (class == KAFKA_ERROR_CLASS_RETRY_COORDINATOR &&
               call->spec.target.kind == KAFKA_TARGET_COORDINATOR) {
        kafka_client_coordinator_forget(client, call->spec.target.coordinator_type,
                                        call->spec.target.topic);
    }
    call->peer = NULL;
    kafka_client_retry(call, kafka_error_name(error));
    return true;
}

static int decode_response(struct call *call, struct slice frame, void *response)
{
    struct kafka_client *client = call->client;
    struct kafka_response_header header;
    bool is_flexible = codec_is_flexible(call->spec.request_message, call->version) &&
                       call->spec.request_message != &kafka_api_versions_request_message;
    int error = decode(client, &kafka_response_header_message, is_flexible ? 1 : 0, &frame,
                       &header);
    if (error != 0) {
        return error;
    }
    return decode(client, call->spec.response_message, call->version, &frame, response);
}

static void take_answer(struct peer *peer, struct slice frame)
{
    struct kafka_client *client = peer->client;
    if (frame.len < 4 || list_is_empty(&peer->sent)) {
        kafka_peer_fail(peer, "an answer that nobody asked for");
        return;
    }
    struct call *call = CONTAINER_OF(peer->sent.next, struct call, link);
    if ((int32_t)load_be32(frame.ptr) != call->correlation) {
        kafka_peer_fail(peer, "an answer out of order");
        return;
    }
    list_remove(&call->link);
    struct kafka_reply reply = {.version = call->version, .message = ""};
    if (call->is_abandoned) {
        kafka_client_finish(call, &reply);
        return;
    }
    arena_clear(&client->arena);
    void *response = arena_alloc(&client->arena, codec_struct_size(call->spec.response_message));
    int error = decode_response(call, frame, response);
    if (error != 0) {
        kafka_client_finish_later(call, ERR_CORRUPT, "malformed answer");
        kafka_peer_fail(peer, "malformed answer");
        return;
    }
    if (call->spec.response_message == &kafka_metadata_response_message) {
        kafka_client_metadata_take(client, response);
    }
    if (!try_again(call, response)) {
        reply.response = response;
        kafka_client_finish(call, &reply);
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Takes the whole frames at the front of `bytes`; returns how much was taken. Stops when the
 * connection ends. */
static size_t take_frames(struct peer *peer, struct tcp_stream *stream, struct slice bytes)
{
    size_t taken = 0;
    while (peer->stream == stream && !peer->client->is_released && bytes.len - taken >= 4) {
        uint32_t len = load_be32(bytes.ptr + taken);
        if (len > peer->client->config.response_bytes_max) {
            kafka_peer_fail(peer,
                            "an answer longer than is allowed: is this a Kafka port without TLS?");
            break;
        }
        if (bytes.len - taken - 4 < len) {
            break;
        }
        struct slice frame = slice_part(bytes, taken + 4, taken + 4 + len);
        taken += 4 + (size_t)len;
        if (peer->stage == PEER_AGREEING) {
            take_versions(peer, frame);
        } else {
            take_answer(peer, frame);
        }
    }
    return taken;
}

void peer_take_bytes(struct peer *peer, struct tcp_stream *stream, struct slice bytes)
{
    struct kafka_client *client = peer->client;
    size_t at = 0;
    kafka_client_hold(client);
    if (peer->partial.len > 0) {
        at = frame_fill(&peer->partial, client->config.response_bytes_max, bytes);
        size_t taken = take_frames(peer, stream, buffer_slice(&peer->partial));
        if (taken > 0 && peer->stream == stream) {
            buffer_clear(&peer->partial, PARTIAL_KEEP_BYTES);
        }
    }
    if (peer->stream == stream && peer->partial.len == 0) {
        struct slice rest = slice_part(bytes, at, bytes.len);
        size_t taken = take_frames(peer, stream, rest);
        if (peer->stream == stream) {
            buffer_append(&peer->partial, slice_part(rest, taken, rest.len));
        }
    }
    kafka_client_drop(client);
}
