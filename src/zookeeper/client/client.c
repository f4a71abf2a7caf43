/* client.c - the session client: its life, its states, its clock.
 *
 * STATES (what the application sees) and stages (where the connection is)
 *
 *   CONNECTING      IDLE -> RESOLVING -> OPENING -> HANDSHAKE      and back to IDLE on any failure
 *   CONNECTED       READY
 *   CONNECTED_READ_ONLY  READY, with a probe that looks for a server that takes writes
 *   AUTH_FAILED, CLOSED  IDLE for good
 *
 * HAPPY PATH. The hosts are shuffled once and tried in turn. A connection begins with a
 * ConnectRequest (session 0, or the one to be taken up again with its password); the answer grants
 * a timeout. Then leave, in this order: the credentials, setWatches, the requests that waited, and
 * from there on each request as it is made, with nothing but the order to match the replies. Every
 * frame of a turn leaves in one write. When nothing was sent for a third of the timeout, a ping is.
 *
 * WHAT GOES WRONG
 *
 *   no word from the server for two thirds of the timeout  -> the connection is given up
 *   connection lost       -> every request that was sent fails with CONNECTIONLOSS (its outcome is
 *                            unknown), and we connect again. Watches stay and are set again.
 *   no host takes us      -> after one round through the hosts the waiting requests fail likewise;
 *                            the next attempts come at random moments, so that the clients of a
 *                            server that died do not fall upon the next one in step
 *   no word for four thirds of the timeout, or the server does not know the session
 *                         -> CLOSED, Expired is told, requests fail with SESSIONEXPIRED
 *   a credential is refused -> AUTH_FAILED
 *   a frame too long or malformed, a reply out of order -> the connection is lost
 *
 * One timer serves every deadline: client_wake_at only ever moves it forward, and on_timer works
 * out what is due. So sending a request moves no timer.
 *
 * Sources: ClientCnxn.SendThread (run, onConnected, primeConnection, cleanup), StaticHostProvider.
 */
#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/client/client_private.h"

#define PING_INTERVAL_MS_MAX 10000 /* SendThread.MAX_SEND_PING_INTERVAL */
#define RETRY_JITTER_MS_FIRST 100
#define RETRY_JITTER_MS_MAX 1000
#define ROUND_DELAY_MS 1000 /* between two rounds through the hosts: HostProvider.next(1000) */
#define UNSENT_RETRY_MS 10
#define ARENA_CHUNK_BYTES 4096
#define ARENA_BYTES_PER_REPLY_BYTE 16 /* a struct of slices against its smallest encoding */

/* ---- names ----------------------------------------------------------------------------------- */

const char *zk_client_state_name(enum zk_client_state state)
{
    switch (state) {
    case ZK_CLIENT_CONNECTING:
        return "CONNECTING";
    case ZK_CLIENT_CONNECTED:
        return "CONNECTED";
    case ZK_CLIENT_CONNECTED_READ_ONLY:
        return "CONNECTEDREADONLY";
    case ZK_CLIENT_AUTH_FAILED:
        return "AUTH_FAILED";
    case ZK_CLIENT_CLOSED:
        return "CLOSED";
    }
    UNREACHABLE();
}

enum zk_client_state zk_client_get_state(const struct zk_client *client)
{
    return client->state;
}

bool zk_client_is_alive(const struct zk_client *client)
{
    return client->state != ZK_CLIENT_CLOSED && client->state != ZK_CLIENT_AUTH_FAILED;
}

int64_t zk_client_session_id(const struct zk_client *client)
{
    return client->session_id;
}

const uint8_t *zk_client_password(const struct zk_client *client)
{
    return client->password;
}

int32_t zk_client_timeout_ms(const struct zk_client *client)
{
    return client->timeout_ms;
}

int64_t zk_client_last_zxid(const struct zk_client *client)
{
    return client->last_zxid;
}

int32_t client_loss_error(const struct zk_client *client)
{
    switch (client->state) {
    case ZK_CLIENT_AUTH_FAILED:
        return ZK_ERR_AUTHFAILED;
    case ZK_CLIENT_CLOSED:
        return ZK_ERR_SESSIONEXPIRED;
    case ZK_CLIENT_CONNECTING:
    case ZK_CLIENT_CONNECTED:
    case ZK_CLIENT_CONNECTED_READ_ONLY:
        return ZK_ERR_CONNECTIONLOSS;
    }
    UNREACHABLE();
}

/* ---- birth and end --------------------------------------------------------------------------- */

static void on_timer(struct runtime_timer *timer);

static void shuffle_hosts(struct zk_client *client)
{
    struct connect_string *connect = &client->connect;
    for (size_t i = connect->host_count; i > 1; i--) {
        size_t other = (size_t)random_below(&client->random, i);
        struct connect_host host = connect->hosts[i - 1];
        connect->hosts[i - 1] = connect->hosts[other];
        connect->hosts[other] = host;
    }
}

static void client_init(struct zk_client *client,
                        struct runtime *runtime,
                        const struct zk_client_config *config)
{
    struct hash_key key;
    uint64_t seed;
    runtime_random(runtime, &key, sizeof key);
    runtime_random(runtime, &seed, sizeof seed);
    client->runtime = runtime;
    client->config = *config;
    if (client->config.reply_bytes_max == 0) {
        client->config.reply_bytes_max = ZK_CLIENT_REPLY_BYTES_MAX;
    }
    client->timeout_ms = config->session_timeout_ms;
    client->session_id = config->session_id;
    client->has_seen_read_write = config->session_id != 0;
    memcpy(client->password, config->password, sizeof client->password);
    client->next_xid = 1;
    random_init(&client->random, seed);
    runtime_timer_init(&client->timer, runtime, on_timer);
    list_init(&client->pending);
    list_init(&client->failed);
    list_init(&client->credentials);
    client_watches_init(&client->watches, key);
    buffer_init(&client->partial, (size_t)client->config.reply_bytes_max + 4);
    buffer_init(&client->path_text, ZK_CLIENT_REQUEST_BYTES_MAX);
    arena_init(&client->arena, ARENA_CHUNK_BYTES,
               ((size_t)client->config.reply_bytes_max + ARENA_CHUNK_BYTES) *
                   ARENA_BYTES_PER_REPLY_BYTE);
}

int zk_client_open(struct runtime *runtime,
                   const struct zk_client_config *config,
                   struct errmsg *message,
                   struct zk_client **opened)
{
    ASSERT(config->watcher != NULL && config->session_timeout_ms > 0);
    ASSERT(config->reply_bytes_max <= ZK_CLIENT_REPLY_BYTES_LIMIT);
    struct zk_client *client = mem_alloc_zeroed(sizeof *client);
    buffer_init(&client->connect_text, config->connect_string.len + 1);
    buffer_append(&client->connect_text, config->connect_string);
    int error = connect_string_parse(buffer_slice(&client->connect_text), &client->connect,
                                     message);
    if (error != 0) {
        buffer_release(&client->connect_text);
        mem_free(client, sizeof *client);
        return error;
    }
    client_init(client, runtime, config);
    shuffle_hosts(client);
    client->last_heard_ns = runtime_now_ns(runtime);
    client_connect(client);
    *opened = client;
    return 0;
}

static void free_packets(struct list *packets)
{
    struct list *link;
    while ((link = list_pop(packets)) != NULL) {
        packet_release(CONTAINER_OF(link, struct packet, link));
    }
}

static void free_credentials(struct zk_client *client)
{
    struct list *link;
    while ((link = list_pop(&client->credentials)) != NULL) {
        struct credential *credential = CONTAINER_OF(link, struct credential, link);
        buffer_release(&credential->scheme);
        buffer_release(&credential->auth);
        mem_free(credential, sizeof *credential);
    }
}

static void client_free(struct zk_client *client)
{
    free_packets(&client->pending);
    free_packets(&client->failed);
    free_credentials(client);
    client_watches_release(&client->watches);
    buffer_release(&client->partial);
    buffer_release(&client->path_text);
    buffer_release(&client->connect_text);
    arena_release(&client->arena);
    mem_free(client, sizeof *client);
}

void client_hold(struct zk_client *client)
{
    client->holds += 1;
}

void client_drop(struct zk_client *client)
{
    ASSERT(client->holds > 0);
    client->holds -= 1;
    if (client->holds == 0 && client->is_released) {
        client_free(client);
    }
}

void zk_client_release(struct zk_client *client)
{
    ASSERT(!client->is_released);
    client->is_released = true;
    client->state = ZK_CLIENT_CLOSED;
    client->stage = STAGE_IDLE;
    runtime_timer_stop(&client->timer);
    client_probe_stop(client);
    client_drop_stream(client);
    client_hold(client);
    client_drop(client);
}

void zk_client_close(struct zk_client *client, void (*closed)(void *ctx), void *ctx)
{
    ASSERT(!client->is_closing);
    client->is_closing = true;
    client->closed = closed;
    client->closed_ctx = ctx;
    if (zk_client_is_alive(client) && client->stage == STAGE_READY) {
        client_send_close(client);
        return;
    }
    client_wake_at(client, 0); /* the rest is done from the loop */
}

/* ---- state ----------------------------------------------------------------------------------- */

void client_tell_state(struct zk_client *client, int32_t keeper_state)
{
    struct zk_watch_event event = {
        .type = ZK_EVENT_NONE,
        .state = keeper_state,
        .path = SLICE_NULL,
        .zxid = -1,
    };
    client_deliver(client, &event);
}

void client_end(struct zk_client *client, enum zk_client_state state, int32_t keeper_state)
{
    ASSERT(zk_client_is_alive(client));
    client_hold(client);
    client->state = state;
    client->stage = STAGE_IDLE;
    client_probe_stop(client);
    client_drop_stream(client);
    client_fail_pending(client, client_loss_error(client), false);
    if (!client->is_released) {
        client_tell_state(client, keeper_state);
    }
    if (client->is_closing) {
        client_wake_at(client, 0); /* `closed` is called from there */
    }
    client_drop(client);
}

/* How long after the failure of an attempt does the next one begin? */
static uint64_t retry_delay_ns(struct zk_client *client)
{
    uint64_t bound_ms = RETRY_JITTER_MS_MAX;
    if (client->hosts_failed < 4) {
        bound_ms = MIN(bound_ms, (uint64_t)RETRY_JITTER_MS_FIRST << client->hosts_failed);
    }
    uint64_t delay_ms = random_below(&client->random, bound_ms);
    if (client->hosts_failed > 0 && client->hosts_failed % client->connect.host_count == 0) {
        delay_ms += ROUND_DELAY_MS;
    }
    return delay_ms * NS_PER_MS;
}

void client_lost(struct zk_client *client)
{
    bool was_ready = client->stage == STAGE_READY;
    client_hold(client);
    client->stage = STAGE_IDLE;
    client_probe_stop(client);
    client_drop_stream(client);
    if (client->is_closing) {
        client_end(client, ZK_CLIENT_CLOSED, ZK_STATE_CLOSED);
        client_drop(client);
        return;
    }
    client->state = ZK_CLIENT_CONNECTING;
    client->hosts_failed += was_ready ? 0 : 1;
    client->attempt_ns = runtime_now_ns(client->runtime) + retry_delay_ns(client);
    client_wake_at(client, client->attempt_ns);
    bool has_tried_all = client->hosts_failed >= client->connect.host_count;
    client_fail_pending(client, ZK_ERR_CONNECTIONLOSS, !has_tried_all);
    if (was_ready && !client->is_released) {
        client_tell_state(client, ZK_STATE_DISCONNECTED);
    }
    if (was_ready && client->config.keep_no_watches) {
        client_watches_clear(&client->watches, CLIENT_WATCH_BIT(CLIENT_WATCH_DATA) |
                                                   CLIENT_WATCH_BIT(CLIENT_WATCH_EXIST) |
                                                   CLIENT_WATCH_BIT(CLIENT_WATCH_CHILD));
    }
    client_drop(client);
}

/* ---- time ------------------------------------------------------------------------------------ */

void client_wake_at(struct zk_client *client, uint64_t deadline_ns)
{
    bool is_earlier = !client->timer.armed || deadline_ns < client->timer.deadline_ns;
    if (is_earlier && !client->is_released) {
        runtime_timer_set(&client->timer, deadline_ns);
    }
}

static uint64_t timeout_ns(const struct zk_client *client)
{
    return (uint64_t)client->timeout_ms * NS_PER_MS;
}

static uint64_t ping_due_ns(const struct zk_client *client)
{
    return client->last_sent_ns + MIN(timeout_ns(client) / 3, PING_INTERVAL_MS_MAX * NS_PER_MS);
}

static uint64_t silence_due_ns(const struct zk_client *client)
{
    return client->last_heard_ns + timeout_ns(client) / 3 * 2;
}

static uint64_t expiry_due_ns(const struct zk_client *client)
{
    return client->session_id == 0 ? UINT64_MAX
                                   : client->last_heard_ns + timeout_ns(client) / 3 * 4;
}

static uint64_t attempt_due_ns(const struct zk_client *client)
{
    return client->attempt_ns + client_connect_timeout_ms(client) * NS_PER_MS;
}

static uint64_t request_due_ns(const struct zk_client *client)
{
    if (client->config.request_timeout_ms == 0 || list_is_empty(&client->pending)) {
        return UINT64_MAX;
    }
    const struct packet *packet = CONTAINER_OF(client->pending.next, struct packet, link);
    return packet->submitted_ns + client->config.request_timeout_ms * NS_PER_MS;
}

static uint64_t next_deadline_ns(const struct zk_client *client, uint64_t now_ns)
{
    if (!list_is_empty(&client->failed)) {
        return 0;
    }
    if (!zk_client_is_alive(client)) {
        return UINT64_MAX;
    }
    uint64_t deadline = MIN(expiry_due_ns(client), request_due_ns(client));
    switch (client->stage) {
    case STAGE_IDLE:
        return MIN(deadline, client->attempt_ns);
    case STAGE_RESOLVING:
    case STAGE_OPENING:
    case STAGE_HANDSHAKE:
        return MIN(deadline, attempt_due_ns(client));
    case STAGE_READY:
        if (client->unsent_count > 0) {
            deadline = MIN(deadline, now_ns + UNSENT_RETRY_MS * NS_PER_MS);
        }
        return MIN(deadline, MIN(ping_due_ns(client), silence_due_ns(client)));
    }
    UNREACHABLE();
}

/* The oldest request has waited too long: like upstream, the connection is given up with it. */
static void time_out_request(struct zk_client *client)
{
    struct packet *packet = CONTAINER_OF(client->pending.next, struct packet, link);
    struct zk_reply reply = {.err = ZK_ERR_REQUESTTIMEOUT};
    client_finish(client, packet, &reply);
    if (client->stage == STAGE_READY) {
        client_lost(client);
    }
}

static void ready_tick(struct zk_client *client, uint64_t now_ns)
{
    if (now_ns >= silence_due_ns(client)) {
        LOG("client", LOG_WARN,
            "session 0x%llx: no word from the server for %llu ms, looking for another",
            (unsigned long long)client->session_id,
            (unsigned long long)((now_ns - client->last_heard_ns) / NS_PER_MS));
        client_lost(client);
        return;
    }
    if (client->unsent_count > 0) {
        client_send_pending(client);
    }
    if (now_ns >= ping_due_ns(client)) {
        client_send_ping(client);
    }
}

static void tick(struct zk_client *client, uint64_t now_ns)
{
    if (now_ns >= request_due_ns(client)) {
        time_out_request(client);
        return;
    }
    if (now_ns >= expiry_due_ns(client)) {
        client_end(client, ZK_CLIENT_CLOSED, ZK_STATE_EXPIRED);
        return;
    }
    if (client->is_closing && client->stage != STAGE_READY) {
        client_end(client, ZK_CLIENT_CLOSED, ZK_STATE_CLOSED);
        return;
    }
    switch (client->stage) {
    case STAGE_IDLE:
        if (now_ns >= client->attempt_ns) {
            client_connect(client);
        }
        return;
    case STAGE_RESOLVING:
    case STAGE_OPENING:
    case STAGE_HANDSHAKE:
        if (now_ns >= attempt_due_ns(client)) {
            client_lost(client);
        }
        return;
    case STAGE_READY:
        ready_tick(client, now_ns);
        return;
    }
    UNREACHABLE();
}

static void tell_closed(struct zk_client *client)
{
    void (*closed)(void *ctx) = client->closed;
    client->closed = NULL;
    if (closed != NULL) {
        closed(client->closed_ctx);
    }
}

static void on_timer(struct runtime_timer *timer)
{
    struct zk_client *client = CONTAINER_OF(timer, struct zk_client, timer);
    client_hold(client);
    client_finish_failed(client);
    if (zk_client_is_alive(client)) {
        tick(client, runtime_now_ns(client->runtime));
    }
    client_finish_failed(client);
    if (client->is_closing && !client->is_released && !zk_client_is_alive(client)) {
        tell_closed(client);
    }
    if (!client->is_released) {
        uint64_t deadline_ns = next_deadline_ns(client, runtime_now_ns(client->runtime));
        if (deadline_ns != UINT64_MAX) {
            client_wake_at(client, deadline_ns);
        }
    }
    client_drop(client);
}

/* ---- credentials ----------------------------------------------------------------------------- */

int zk_client_add_auth(struct zk_client *client, struct slice scheme, struct slice auth)
{
    if (client->credential_count == CREDENTIALS_MAX ||
        scheme.len + auth.len > ZK_CLIENT_REPLY_BYTES_MAX) {
        return ERR_LIMIT;
    }
    if (!zk_client_is_alive(client) || client->is_closing) {
        return 0;
    }
    struct credential *credential = mem_alloc_zeroed(sizeof *credential);
    buffer_init(&credential->scheme, scheme.len + 1);
    buffer_append(&credential->scheme, scheme);
    buffer_init(&credential->auth, auth.len + 1);
    buffer_append(&credential->auth, auth);
    credential->has_auth = !slice_is_null(auth);
    list_append(&client->credentials, &credential->link);
    client->credential_count += 1;
    if (client->stage == STAGE_READY) {
        client_send_credential(client, credential);
    }
    return 0;
}
