/* request.c - a frame becomes a request, its answer becomes bytes.
 *
 * A request and its arena come from a list of used ones, so that a small request costs no call of
 * the heap. The header is read by hand (it decides which message the rest is); the body by the
 * codec. An answer whose turn has come is encoded into the stream's output, another waits in the
 * request.
 *
 * Header, by the version of the request (reference 1.1): key int16, version int16, correlation id
 * int32; client id as a nullable string with int16 length, but in ControlledShutdown version 0,
 * which has none; tagged fields where the request is flexible. The answer's header: correlation id,
 * and an empty list of tagged fields where the answer is flexible, but in ApiVersions.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/connection_private.h"
#include "kafka/server/quotas.h"
#include "runtime/log.h"
#include "wire/codec.h"

#define REQUEST_CHUNK_BYTES ((size_t)8 << 10)
#define FREE_REQUESTS_MAX 256

/* A body's structs may take so much memory: many small elements weigh more in C than on the wire.
 */
#define DECODED_BYTES_MAX ((size_t)48 << 20)
#define REQUEST_THROTTLE_MS_MAX 1000 /* a window of quotas */
#define NS_PER_MS UINT64_C(1000000)
#define ANSWER_BYTES_MAX ((size_t)1 << 30)

/* ---- memory ---------------------------------------------------------------------------------- */

static struct request *request_take(struct sockets *sockets)
{
    struct list *link = list_pop(&sockets->free_requests);
    if (link != NULL) {
        sockets->free_request_count -= 1;
        struct request *used = CONTAINER_OF(link, struct request, link);
        struct arena arena = used->arena;
        memset(used, 0, sizeof *used);
        used->arena = arena;
        return used;
    }
    struct request *request = mem_alloc_zeroed(sizeof *request);
    arena_init(&request->arena, REQUEST_CHUNK_BYTES, REQUEST_ARENA_BYTES_MAX);
    return request;
}

void request_drop(struct sockets *sockets, struct request *request)
{
    buffer_release(&request->answer);
    if (sockets->free_request_count < FREE_REQUESTS_MAX) {
        arena_clear(&request->arena);
        request->connection = NULL;
        list_append(&sockets->free_requests, &request->link);
        sockets->free_request_count += 1;
        return;
    }
    arena_release(&request->arena);
    mem_free(request, sizeof *request);
}

void request_free_spares(struct sockets *sockets)
{
    struct list *link;
    while ((link = list_pop(&sockets->free_requests)) != NULL) {
        struct request *request = CONTAINER_OF(link, struct request, link);
        arena_release(&request->arena);
        mem_free(request, sizeof *request);
    }
    sockets->free_request_count = 0;
}

/* ---- the header ------------------------------------------------------------------------------ */

/* Takes `len` bytes off *in; false when there are not so many. */
static bool take(struct slice *in, size_t len, struct slice *taken)
{
    if (len > in->len) {
        return false;
    }
    *taken = slice_part(*in, 0, len);
    *in = slice_part(*in, len, in->len);
    return true;
}

static bool take_varint(struct slice *in, uint32_t *value)
{
    struct slice byte;
    *value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (!take(in, 1, &byte)) {
            return false;
        }
        *value |= (uint32_t)(byte.ptr[0] & 0x7f) << shift;
        if ((byte.ptr[0] & 0x80) == 0) {
            return true;
        }
    }
    return false;
}

/* Each costs at least two bytes, so their count is bounded by the frame. */
static bool skip_tagged_fields(struct slice *in)
{
    uint32_t count;
    if (!take_varint(in, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag;
        uint32_t len;
        struct slice field;
        if (!take_varint(in, &tag) || !take_varint(in, &len) || !take(in, len, &field)) {
            return false;
        }
    }
    return true;
}

static bool take_client_id(struct slice *in, struct slice *client_id)
{
    struct slice len_bytes;
    *client_id = SLICE_NULL;
    if (!take(in, 2, &len_bytes)) {
        return false;
    }
    int16_t len = (int16_t)load_be16(len_bytes.ptr);
    /* Every negative length is null, as Apache reads it. */
    return len < 0 || take(in, (size_t)len, client_id);
}

/* *in stands behind the correlation id, and then at the body. */
static bool take_header(struct request *request, struct slice *in)
{
    bool is_first_form = request->api_key == KAFKA_API_CONTROLLED_SHUTDOWN &&
                         request->api_version == 0;
    if (!is_first_form && !take_client_id(in, &request->client_id)) {
        return false;
    }
    return !codec_is_flexible(request->api->request, request->api_version) ||
           skip_tagged_fields(in);
}

/* ---- starting -------------------------------------------------------------------------------- */

static bool is_version_known(const struct api *api, int16_t version)
{
    return version >= api->min_version && version <= api->max_version;
}

/* The body, or false. A version of ApiVersions that is not known has none: see its handler. */
static bool decode(struct request *request)
{
    static const struct codec_limits limits = {
        .max_string_bytes = INT32_MAX,
        .max_decoded_bytes = DECODED_BYTES_MAX,
    };
    const struct api *api = request->api;
    struct slice in = slice_part(request->frame, FRAME_BYTES_MIN, request->frame.len);
    if (!is_version_known(api, request->api_version)) {
        request->api_version = 0;
        return true;
    }
    if (!take_header(request, &in)) {
        return false;
    }
    void *body = arena_alloc(&request->arena, codec_struct_size(api->request));
    request->body = body;
    return codec_decode(api->request, request->api_version, &in, &limits, &request->arena, body) ==
           0;
}

/* Produce works on the connection's own bytes; every other frame moves into the arena, so that it
 * may be answered later without a thought. */
static void own_frame(struct request *request, struct slice frame)
{
    if (request->api_key != KAFKA_API_PRODUCE) {
        frame = arena_copy(&request->arena, frame);
    }
    request->frame = frame;
}

static void count_request(struct sockets *sockets, const struct request *request)
{
    struct api_stats *stats = &sockets->api_stats[request->api - apis];
    stats->requests += 1;
    stats->bytes_in += request->frame.len + 4;
    sockets->stats.requests += 1;
    sockets->stats.in_flight += 1;
}

/* request_percentage: the handler's time is counted as the thread's, and the connection pauses for
 * it, at most a second (KIP-124). This answer may have left by then: it tells what the client owes
 * from before, and the next one tells of this. */
static void handle_measured(struct connection *connection, struct request *request)
{
    struct broker *broker = connection->sockets->broker;
    uint64_t begin_ns = runtime_now_ns(broker->runtime);
    char client_id[QUOTA_NAME_MAX];
    size_t len = MIN(request->client_id.len, sizeof client_id);
    if (len > 0) {
        memcpy(client_id, request->client_id.ptr, len);
    }
    struct slice user = request_principal(request);
    int32_t owed_ms = quota_record(broker->quotas, QUOTA_REQUEST, user, slice_of(client_id, len), 0,
                                   (int64_t)(begin_ns / NS_PER_MS));
    request->throttle_time_ms = MIN(MAX(owed_ms, 0), REQUEST_THROTTLE_MS_MAX);
    request->api->handle(broker, request);
    uint64_t end_ns = runtime_now_ns(broker->runtime);
    double percent_seconds = (double)(end_ns - begin_ns) / 1e7;
    int32_t wait_ms = quota_record(broker->quotas, QUOTA_REQUEST, user, slice_of(client_id, len),
                                   percent_seconds, (int64_t)(end_ns / NS_PER_MS));
    if (wait_ms > 0 && !connection->is_closing) {
        connection_mute(connection, MIN(wait_ms, REQUEST_THROTTLE_MS_MAX));
    }
}

void request_start(struct connection *connection, struct slice frame)
{
    struct sockets *sockets = connection->sockets;
    int16_t key = (int16_t)load_be16(frame.ptr);
    int16_t version = (int16_t)load_be16(frame.ptr + 2);
    const struct api *api = api_find(key);
    if (api == NULL) {
        connection_close_bad(connection, "a request for an API that is not served", key);
        return;
    }
    if (!is_version_known(api, version) && key != KAFKA_API_API_VERSIONS) {
        connection_close_bad(connection, api->name, version);
        return;
    }
    struct request *request = request_take(sockets);
    request->broker = sockets->broker;
    request->connection = connection;
    request->api = api;
    request->api_key = key;
    request->api_version = version;
    request->correlation_id = (int32_t)load_be32(frame.ptr + 4);
    request->received_ns = runtime_now_ns(sockets->runtime);
    own_frame(request, frame);
    if (!decode(request)) {
        request_drop(sockets, request);
        connection_close_bad(connection, "a body that cannot be decoded, of the API", key);
        return;
    }
    if (key == KAFKA_API_PRODUCE && request->client_id.len > 0) {
        request->client_id = arena_copy(&request->arena, request->client_id);
    }
    count_request(sockets, request);
    list_append(&connection->requests, &request->link);
    connection->request_count += 1;
    if (UNLIKELY(!quota_table_is_empty(sockets->broker->quotas, QUOTA_REQUEST))) {
        handle_measured(connection, request);
    } else {
        api->handle(sockets->broker, request);
    }
}

/* ---- answering ------------------------------------------------------------------------------- */

static bool is_first(const struct request *request)
{
    return request->connection->requests.next == &request->link;
}

static void count_answer(struct sockets *sockets, const struct request *request)
{
    struct api_stats *stats = &sockets->api_stats[request->api - apis];
    uint64_t took_ns = runtime_now_ns(sockets->runtime) - request->received_ns;
    stats->time_ns_total += took_ns;
    stats->time_ns_max = MAX(stats->time_ns_max, took_ns);
}

/* The request leaves its connection. */
static void request_end(struct connection *connection, struct request *request)
{
    list_remove(&request->link);
    connection->request_count -= 1;
    connection->sockets->stats.in_flight -= 1;
    request_drop(connection->sockets, request);
}

/* It is answered: it goes, and so do those behind it whose answers are there. */
static void request_done(struct request *request)
{
    struct connection *connection = request->connection;
    request->is_answered = true;
    count_answer(connection->sockets, request);
    if (request->throttle_time_ms > 0) {
        connection_mute(connection, request->throttle_time_ms);
    }
    if (!is_first(request)) {
        return;
    }
    request_end(connection, request);
    while (!list_is_empty(&connection->requests)) {
        struct request *next = CONTAINER_OF(connection->requests.next, struct request, link);
        if (!next->is_answered) {
            break;
        }
        if (!connection->is_closing && next->answer.len > 0) {
            buffer_append(tcp_output(connection->stream), buffer_slice(&next->answer));
        }
        request_end(connection, next);
    }
    if (connection->partial.len > 0 && !connection->is_taking) {
        connection_run(connection);
    }
}

/* Length (not yet known) and header; returns where the frame begins. */
static size_t answer_begin(const struct request *request, struct buffer *out)
{
    size_t start = out->len;
    buffer_append_be32(out, 0);
    buffer_append_be32(out, (uint32_t)request->correlation_id);
    if (request->api_key != KAFKA_API_API_VERSIONS &&
        codec_is_flexible(request->api->response, request->api_version)) {
        buffer_append_u8(out, 0);
    }
    return start;
}

void request_reply(struct request *request, const void *response)
{
    struct connection *connection = request->connection;
    if (connection->is_closing) {
        request_done(request);
        return;
    }
    struct buffer *out = &request->answer;
    if (is_first(request)) {
        out = tcp_output(connection->stream);
    } else {
        buffer_init(out, ANSWER_BYTES_MAX);
    }
    size_t start = answer_begin(request, out);
    int error = codec_encode(request->api->response, request->api_version, response, out);
    if (error != 0) {
        LOG("network", LOG_ERROR, "cannot encode the answer of %s version %d: %s",
            request->api->name, request->api_version, error_text(error));
        out->len = start;
        connection_close(connection, 0);
        request_done(request);
        return;
    }
    store_be32(out->data + start, (uint32_t)(out->len - start - 4));
    connection->sockets->stats.bytes_out += out->len - start;
    request_done(request);
}

struct buffer *request_reply_begin(struct request *request)
{
    struct connection *connection = request->connection;
    ASSERT(is_first(request));
    /* A closing connection gets its answer into a buffer that goes nowhere. */
    struct buffer *out = &request->answer;
    if (connection->is_closing) {
        buffer_init(out, ANSWER_BYTES_MAX);
    } else {
        out = tcp_output(connection->stream);
    }
    request->answer_start = answer_begin(request, out);
    return out;
}

void request_reply_range(struct request *request, struct log_range *range)
{
    if (!request->connection->is_closing && range->len > 0) {
        tcp_output_file(request->connection->stream, log_range_file(range), range->position,
                        range->len);
        request->answer_range_bytes += range->len;
    }
    log_range_drop(range);
}

void request_reply_end(struct request *request)
{
    struct connection *connection = request->connection;
    if (!connection->is_closing) {
        struct buffer *out = tcp_output(connection->stream);
        size_t len = out->len - request->answer_start - 4 + request->answer_range_bytes;
        store_be32(out->data + request->answer_start, (uint32_t)len);
        connection->sockets->stats.bytes_out += len + 4;
    }
    request_done(request);
}

void request_reply_none(struct request *request)
{
    request_done(request);
}

void request_close_connection(struct request *request, const char *reason)
{
    LOG("network", LOG_INFO, "Closing the connection of %s:%u: %s", request->connection->host,
        request->connection->port, reason);
    connection_close(request->connection, 0);
    request_done(request);
}

/* ---- who asks -------------------------------------------------------------------------------- */

struct slice request_listener(const struct request *request)
{
    return slice_of_cstr(request->connection->listener->name);
}

struct slice request_client_host(const struct request *request)
{
    return slice_of_cstr(request->connection->host);
}

struct slice request_principal(const struct request *request)
{
    (void)request;
    return SLICE_LIT("ANONYMOUS");
}
