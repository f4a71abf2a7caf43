/* client.c - the request client: its calls, its clock, how errors are met.
 *
 * MODEL. A call waits (client.waiting) until it is known which broker it is for; there it is queued
 * until the connection has agreed on versions, then sent; the answer ends it. The connection is a
 * `struct peer`, of the bootstrap list (negative id) or of the metadata. Look-ups (Metadata,
 * FindCoordinator) are calls like others, made by the client for itself; when one ends, all waiting
 * calls look for their way again.
 *
 *   waiting -> queued -> sent -> done
 *      ^---------+---------+      connection lost, error that passes: again after a pause
 *
 * HAPPY PATH. CreateTopics for the controller: nothing is known, so a Metadata request is queued at
 * some bootstrap address, which connects, asks ApiVersions, sends it. Its answer names brokers and
 * controller; CreateTopics is queued at the controller's peer, connects, and is answered.
 *
 * WHAT GOES WRONG
 *
 *   no connection            -> the call goes to another broker when any will do, else metadata is
 *                               asked for again; a broker that failed rests for a pause that grows
 *   connection lost          -> what was sent goes back to waiting (is_once: ends with ERR_CLOSED)
 *   no answer within request_timeout_ms -> the connection is closed, as above
 *   answer with an error that passes    -> back to waiting, with the look-up that the error asks
 * for time over                -> ERR_TIMEOUT with the last cause; an answer that is there is given
 *   malformed answer         -> ERR_CORRUPT, and the connection is closed
 *
 * One timer serves every deadline: on_timer works out what is due and when it is next to be called.
 *
 * Sources: NetworkClient, KafkaAdminClient.AdminClientRunnable of Apache Kafka 3.9.
 */
#include <stdio.h>

#include "base/memory.h"
#include "kafka/client/client_private.h"

#define ARENA_CHUNK_BYTES 4096
#define CALL_CHUNK_BYTES 512
#define CALL_ARENA_BYTES_MAX KAFKA_CLIENT_CALL_BYTES_MAX
#define DECODED_BYTES_MAX ((size_t)1 << 30)
#define BACKOFF_DOUBLINGS_MAX 16

/* ---- errors ---------------------------------------------------------------------------------- */

/* Errors.java: which are RetriableException, InvalidMetadataException. */
enum kafka_error_class kafka_error_class(int16_t error)
{
    switch (error) {
    case KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_ERROR_LEADER_NOT_AVAILABLE:
    case KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_ERROR_REPLICA_NOT_AVAILABLE:
    case KAFKA_ERROR_NETWORK_EXCEPTION:
    case KAFKA_ERROR_NOT_CONTROLLER:
    case KAFKA_ERROR_KAFKA_STORAGE_ERROR:
    case KAFKA_ERROR_LISTENER_NOT_FOUND:
    case KAFKA_ERROR_FENCED_LEADER_EPOCH:
    case KAFKA_ERROR_UNKNOWN_TOPIC_ID:
        return KAFKA_ERROR_CLASS_RETRY_METADATA;
    case KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE:
    case KAFKA_ERROR_NOT_COORDINATOR:
        return KAFKA_ERROR_CLASS_RETRY_COORDINATOR;
    case KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS:
    case KAFKA_ERROR_CORRUPT_MESSAGE:
    case KAFKA_ERROR_REQUEST_TIMED_OUT:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_ERROR_UNKNOWN_LEADER_EPOCH:
    case KAFKA_ERROR_OFFSET_NOT_AVAILABLE:
    case KAFKA_ERROR_PREFERRED_LEADER_NOT_AVAILABLE:
    case KAFKA_ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE:
    case KAFKA_ERROR_CONCURRENT_TRANSACTIONS:
    case KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT:
    case KAFKA_ERROR_THROTTLING_QUOTA_EXCEEDED:
        return KAFKA_ERROR_CLASS_RETRY;
    default:
        return KAFKA_ERROR_CLASS_FINAL;
    }
}

/* ---- birth and end --------------------------------------------------------------------------- */

static void on_timer(struct runtime_timer *timer);

struct bootstrap {
    struct kafka_client *client;
    int32_t next_id;
};

static void add_bootstrap(void *ctx, const char *host, uint16_t port)
{
    struct bootstrap *bootstrap = ctx;
    struct peer *peer = peer_add(bootstrap->client, bootstrap->next_id--, host, port);
    peer->is_known = true;
}

static void set_defaults(struct kafka_client_config *config)
{
    struct {
        uint32_t *field;
        uint32_t value;
    } defaults[] = {
        {&config->request_timeout_ms, 30000},
        {&config->call_timeout_ms, 60000},
        {&config->retry_backoff_ms, 100},
        {&config->retry_backoff_max_ms, 1000},
        {&config->metadata_max_age_ms, 300000},
        {&config->connect_timeout_ms, 10000},
        {&config->response_bytes_max, KAFKA_CLIENT_RESPONSE_BYTES_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        if (*defaults[i].field == 0) {
            *defaults[i].field = defaults[i].value;
        }
    }
}

int kafka_client_open(struct runtime *runtime,
                      const struct kafka_client_config *config,
                      struct errmsg *message,
                      struct kafka_client **opened)
{
    struct hash_key key;
    uint64_t seed;
    struct kafka_client *client = mem_alloc_zeroed(sizeof *client);
    runtime_random(runtime, &key, sizeof key);
    runtime_random(runtime, &seed, sizeof seed);
    client->runtime = runtime;
    client->config = *config;
    set_defaults(&client->config);
    client->controller_id = -1;
    client->has_client_id = !slice_is_null(config->client_id);
    buffer_init(&client->client_id, INT16_MAX);
    struct slice client_id = config->client_id;
    if (client_id.ptr != NULL) {
        client_id.len = MIN(client_id.len, INT16_MAX);
        buffer_append(&client->client_id, client_id);
    }
    random_init(&client->random, seed);
    runtime_timer_init(&client->timer, runtime, on_timer);
    list_init(&client->peers);
    list_init(&client->waiting);
    list_init(&client->finished);
    bytes_map_init(&client->topics, key);
    bytes_map_init(&client->coordinators, key);
    arena_init(&client->arena, ARENA_CHUNK_BYTES, DECODED_BYTES_MAX);
    struct bootstrap bootstrap = {client, -1};
    int error = bootstrap_servers_parse(config->bootstrap_servers, add_bootstrap, &bootstrap,
                                        message);
    if (error != 0) {
        kafka_client_release(client);
        return error;
    }
    *opened = client;
    return 0;
}

static void kafka_client_free(struct kafka_client *client)
{
    struct list *link;
    while ((link = list_pop(&client->peers)) != NULL) {
        struct peer *peer = CONTAINER_OF(link, struct peer, link);
        buffer_release(&peer->partial);
        mem_free(peer, sizeof *peer);
    }
    kafka_client_metadata_release(client);
    bytes_map_release(&client->topics);
    bytes_map_release(&client->coordinators);
    buffer_release(&client->client_id);
    arena_release(&client->arena);
    mem_free(client, sizeof *client);
}

void kafka_client_hold(struct kafka_client *client)
{
    client->holds += 1;
}

void kafka_client_drop(struct kafka_client *client)
{
    ASSERT(client->holds > 0);
    client->holds -= 1;
    if (client->holds == 0 && client->is_released) {
        kafka_client_free(client);
    }
}

static void cancel_calls(struct list *calls)
{
    struct list *link;
    while ((link = list_pop(calls)) != NULL) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        struct kafka_reply reply = {.error = ERR_CANCELLED, .message = "the client was closed"};
        kafka_client_finish(call, &reply);
    }
}

void kafka_client_release(struct kafka_client *client)
{
    ASSERT(!client->is_released);
    kafka_client_hold(client);
    client->is_released = true;
    runtime_timer_stop(&client->timer);
    LIST_FOR_EACH(link, &client->peers)
    {
        struct peer *peer = CONTAINER_OF(link, struct peer, link);
        kafka_peer_release(peer);
        cancel_calls(&peer->sent);
        cancel_calls(&peer->queued);
    }
    cancel_calls(&client->waiting);
    cancel_calls(&client->finished);
    kafka_client_drop(client);
}

void kafka_client_set_call_timeout(struct kafka_client *client, uint32_t timeout_ms)
{
    ASSERT(timeout_ms > 0);
    client->config.call_timeout_ms = timeout_ms;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void call_free(struct call *call, struct kafka_client *client)
{
    if (!call->is_internal) {
        client->call_count -= 1;
        client->call_bytes -= call->bytes;
    }
    arena_release(&call->arena);
    mem_free(call, sizeof *call);
}

int kafka_client_add_call(struct kafka_client *client,
                          const struct kafka_call *spec,
                          bool is_internal)
{
    if (!is_internal && client->call_count >= KAFKA_CLIENT_CALLS_MAX) {
        return ERR_LIMIT;
    }
    struct call *call = mem_alloc_zeroed(sizeof *call);
    arena_init(&call->arena, CALL_CHUNK_BYTES, SIZE_MAX);
    void *request = arena_alloc(&call->arena, codec_struct_size(spec->request_message));
    codec_copy(spec->request_message, spec->request, &call->arena, request);
    call->spec = *spec;
    call->spec.request = request;
    call->spec.target.topic = arena_copy(&call->arena, spec->target.topic);
    call->client = client;
    call->is_internal = is_internal;
    call->bytes = call->arena.used;
    if (!is_internal) {
        client->call_count += 1;
        client->call_bytes += call->bytes;
        if (client->call_bytes > KAFKA_CLIENT_CALL_BYTES_MAX) {
            call_free(call, client);
            return ERR_LIMIT;
        }
    }
    uint32_t timeout_ms = spec->timeout_ms != 0 ? spec->timeout_ms : client->config.call_timeout_ms;
    call->deadline_ns = kafka_client_now(client) + timeout_ms * NS_PER_MS;
    list_append(&client->waiting, &call->link);
    kafka_client_wake_at(client, 0);
    return 0;
}

int kafka_client_call(struct kafka_client *client, const struct kafka_call *spec)
{
    ASSERT(!client->is_released);
    ASSERT(spec->done != NULL && spec->request != NULL);
    return kafka_client_add_call(client, spec, false);
}

void kafka_client_finish(struct call *call, const struct kafka_reply *reply)
{
    struct kafka_client *client = call->client;
    struct kafka_reply told = *reply;
    void (*done)(void *, const struct kafka_reply *) = call->is_abandoned ? NULL : call->spec.done;
    void *ctx = call->spec.ctx;
    char cause[CAUSE_TEXT_MAX];
    snprintf(cause, sizeof cause, "%s", told.message != NULL ? told.message : "");
    told.message = cause;
    told.broker_id = call->peer != NULL ? call->peer->id : -1;
    call_free(call, client);
    if (done != NULL) {
        done(ctx, &told);
    }
}

void kafka_client_finish_later(struct call *call, int error, const char *cause)
{
    struct kafka_client *client = call->client;
    ASSERT(error != 0);
    call->error = error;
    if (cause != call->cause) {
        snprintf(call->cause, sizeof call->cause, "%s", cause);
    }
    list_append(&client->finished, &call->link);
    kafka_client_wake_at(client, 0);
}

void kafka_client_retry(struct call *call, const char *cause)
{
    struct kafka_client *client = call->client;
    uint64_t now_ns = kafka_client_now(client);
    call->not_before_ns = now_ns + kafka_client_backoff_ns(client, call->attempts);
    call->attempts += 1;
    if (cause != call->cause) {
        snprintf(call->cause, sizeof call->cause, "%s", cause);
    }
    if (call->is_abandoned) {
        kafka_client_finish_later(call, ERR_CANCELLED, "");
    } else {
        list_append(&client->waiting, &call->link);
        kafka_client_wake_at(client, MIN(call->not_before_ns, call->deadline_ns));
    }
}

uint64_t kafka_client_backoff_ns(struct kafka_client *client, uint32_t attempts)
{
    uint64_t base_ms = client->config.retry_backoff_ms;
    base_ms <<= MIN(attempts, BACKOFF_DOUBLINGS_MAX);
    base_ms = MIN(base_ms, (uint64_t)client->config.retry_backoff_max_ms);
    /* A fifth to either side, so that clients that failed together do not come back together. */
    return (base_ms * 4 / 5 + random_below(&client->random, base_ms * 2 / 5 + 1)) * NS_PER_MS;
}

/* ---- finding the way ---------------------------------------------------------------------------
 */

/* A better peer for a call that any broker can answer: connected, then connecting, then the one
 * that rested longest; brokers of the metadata before the bootstrap list. */
static uint64_t peer_rank(const struct peer *peer, uint64_t now_ns)
{
    uint64_t is_bootstrap = peer->id < 0 ? UINT64_C(1) : UINT64_C(0);
    if (peer->stage == PEER_READY) {
        return is_bootstrap;
    }
    if (peer->stage != PEER_IDLE) {
        return 2 + is_bootstrap;
    }
    uint64_t rest_ns = peer->next_attempt_ns > now_ns ? peer->next_attempt_ns - now_ns : 0;
    return 4 + is_bootstrap + rest_ns;
}

static struct peer *any_peer(struct kafka_client *client)
{
    struct peer *best = NULL;
    uint64_t best_rank = UINT64_MAX;
    uint64_t now_ns = kafka_client_now(client);
    LIST_FOR_EACH(link, &client->peers)
    {
        struct peer *peer = CONTAINER_OF(link, struct peer, link);
        uint64_t rank = peer_rank(peer, now_ns);
        if (peer->is_known && rank < best_rank) {
            best = peer;
            best_rank = rank;
        }
    }
    ASSERT(best != NULL); /* the bootstrap list is never empty */
    return best;
}

static bool is_metadata_old(const struct kafka_client *client)
{
    uint64_t age_ns = kafka_client_now(client) - client->metadata_ns;
    return client->metadata_ns == 0 || client->is_metadata_stale ||
           age_ns >= client->config.metadata_max_age_ms * NS_PER_MS;
}

/* NULL: it waits for a look-up, which is under way. */
static struct peer *find_peer(struct kafka_client *client, const struct call *call)
{
    const struct kafka_target *target = &call->spec.target;
    int32_t id = -1;
    if (target->kind == KAFKA_TARGET_ANY) {
        return any_peer(client);
    }
    if (is_metadata_old(client)) {
        kafka_client_metadata_ask(client);
        return NULL;
    }
    switch (target->kind) {
    case KAFKA_TARGET_ANY:
        UNREACHABLE();
    case KAFKA_TARGET_BROKER:
        id = target->broker_id;
        break;
    case KAFKA_TARGET_CONTROLLER:
        if (client->controller_id < 0) {
            return any_peer(client);
        }
        id = client->controller_id;
        break;
    case KAFKA_TARGET_LEADER:
        id = kafka_client_leader(client, target->topic, target->partition);
        break;
    case KAFKA_TARGET_COORDINATOR:
        id = kafka_client_coordinator_get(client, target->coordinator_type, target->topic);
        if (id < 0) {
            return NULL;
        }
        break;
    }
    struct peer *peer = id >= 0 ? peer_find(client, id) : NULL;
    if (peer == NULL || (!peer->is_known && target->kind != KAFKA_TARGET_COORDINATOR)) {
        kafka_client_metadata_ask(client);
        return NULL;
    }
    return peer;
}

void kafka_client_route_waiting(struct kafka_client *client)
{
    uint64_t now_ns = kafka_client_now(client);
    LIST_FOR_EACH_SAFE(link, after, &client->waiting)
    {
        struct call *call = CONTAINER_OF(link, struct call, link);
        if (call->deadline_ns <= now_ns) {
            list_remove(&call->link);
            kafka_client_finish_later(call, ERR_TIMEOUT,
                                      call->cause[0] != '\0' ? call->cause : client->trouble);
            continue;
        }
        if (call->not_before_ns > now_ns) {
            continue;
        }
        struct peer *peer = find_peer(client, call);
        if (peer != NULL) {
            list_remove(&call->link);
            peer_take_call(peer, call);
        }
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t kafka_client_now(const struct kafka_client *client)
{
    return runtime_now_ns(client->runtime);
}

void kafka_client_wake_at(struct kafka_client *client, uint64_t deadline_ns)
{
    bool is_earlier = !client->timer.armed || deadline_ns < client->timer.deadline_ns;
    if (is_earlier && !client->is_released) {
        runtime_timer_set(&client->timer, deadline_ns);
    }
}

static void tell_finished(struct kafka_client *client)
{
    struct list *link;
    while (!client->is_released && (link = list_pop(&client->finished)) != NULL) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        char cause[CAUSE_TEXT_MAX];
        memcpy(cause, call->cause, sizeof cause);
        struct kafka_reply reply = {
            .error = call->error,
            .message = cause,
            .lookup_error = call->lookup_error,
        };
        kafka_client_finish(call, &reply);
    }
}

static uint64_t next_deadline_ns(struct kafka_client *client, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    LIST_FOR_EACH(link, &client->waiting)
    {
        const struct call *call = CONTAINER_OF(link, struct call, link);
        next_ns = MIN(next_ns, call->deadline_ns);
        if (call->not_before_ns > now_ns) {
            next_ns = MIN(next_ns, call->not_before_ns);
        }
    }
    return list_is_empty(&client->finished) ? next_ns : 0;
}

static void on_timer(struct runtime_timer *timer)
{
    struct kafka_client *client = CONTAINER_OF(timer, struct kafka_client, timer);
    uint64_t next_ns = UINT64_MAX;
    kafka_client_hold(client);
    kafka_client_route_waiting(client);
    uint64_t now_ns = kafka_client_now(client);
    LIST_FOR_EACH(link, &client->peers)
    {
        next_ns = MIN(next_ns, peer_check_time(CONTAINER_OF(link, struct peer, link), now_ns));
    }
    tell_finished(client);
    if (!client->is_released) {
        next_ns = MIN(next_ns, next_deadline_ns(client, now_ns));
        if (next_ns != UINT64_MAX) {
            kafka_client_wake_at(client, next_ns);
        }
    }
    kafka_client_drop(client);
}

/* ---- what is known --------------------------------------------------------------------------- */

bool kafka_client_broker(const struct kafka_client *client,
                         int32_t id,
                         struct kafka_client_broker *broker)
{
    const struct peer *peer = id >= 0 ? peer_find(client, id) : NULL;
    if (peer == NULL || !peer->is_known) {
        return false;
    }
    *broker = (struct kafka_client_broker){id, peer->host, peer->port, peer->rack};
    return true;
}

int32_t kafka_client_controller(const struct kafka_client *client)
{
    return client->controller_id;
}

bool kafka_client_api_range(const struct kafka_client *client,
                            int32_t broker_id,
                            int16_t api_key,
                            int16_t *min_version,
                            int16_t *max_version)
{
    const struct peer *peer = peer_find(client, broker_id);
    if (peer == NULL || !peer->has_versions || api_key < 0 || api_key >= KAFKA_CLIENT_APIS_MAX ||
        peer->apis[api_key].max_version < peer->apis[api_key].min_version) {
        return false;
    }
    *min_version = peer->apis[api_key].min_version;
    *max_version = peer->apis[api_key].max_version;
    return true;
}
