/* tcp.c - runtime.h's streams and listeners over the simulated network.
 *
 * A stream's life is the real one's: ACCEPTED or CONNECTING, OPEN, ENDING (output still flushes),
 * CLOSED (the last callback comes in a later turn). The kernel's send buffer is the window of the
 * connection's pipe; what it does not take stays in `out`.
 */
#include "base/memory.h"
#include "sim/runtime_sim.h"

#define OUTPUT_LIMIT ((size_t)1 << 30)
#define OUTPUT_HIGH_WATER ((size_t)1 << 20)
#define OUTPUT_LOW_WATER ((size_t)64 << 10)
#define PEER_END_LINGER_MS 5000u

enum stream_state {
    STREAM_ACCEPTED,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_ENDING,
    STREAM_CLOSED
};
enum last_word {
    LAST_NOTHING,
    LAST_ON_OPEN,
    LAST_ON_CLOSE
};

struct tcp_stream {
    struct runtime *runtime;
    uint8_t *read_into; /* tcp_read_into */
    size_t read_into_len;
    struct net_conn *conn;
    int end;
    const struct tcp_handler *handler;
    void *ctx;
    struct list link; /* runtime->streams or closed; runtime->accepts while nobody decided */
    struct list dirty_link;
    struct tcp_listener *listener; /* who accepts it */
    struct buffer out;
    size_t sent;
    uint64_t linger_ns; /* while ENDING: when it is over */
    enum stream_state state;
    enum last_word last_word;
    int reason;
    bool paused;
    bool is_blocked;
    bool above_high;
    bool was_reset;        /* the network said so; told in the next turn */
    bool is_connected;     /* of CONNECTING */
    enum last_word unsaid; /* of a dead process: what its owner would have heard in a live one */
};

struct tcp_listener {
    struct runtime *runtime;
    struct list link;
    struct net_listener *net;
    void (*on_accept)(struct tcp_stream *stream, void *ctx);
    void *ctx;
};

/* ---- what the network tells ------------------------------------------------------------------ */

static void heard_connected(void *ctx, struct net_conn *conn, int error)
{
    struct tcp_stream *stream = ctx;
    (void)conn;
    stream->is_connected = true;
    stream->was_reset = error != 0;
    stream->reason = error;
    runtime_wake(stream->runtime);
}

static void heard_arrival(void *ctx, struct net_conn *conn)
{
    struct tcp_stream *stream = ctx;
    (void)conn;
    runtime_wake(stream->runtime);
}

static void heard_room(void *ctx, struct net_conn *conn)
{
    struct tcp_stream *stream = ctx;
    (void)conn;
    stream->is_blocked = false;
    if (list_is_empty(&stream->dirty_link)) {
        list_append(&stream->runtime->dirty, &stream->dirty_link);
    }
    runtime_wake(stream->runtime);
}

static void heard_reset(void *ctx, struct net_conn *conn)
{
    struct tcp_stream *stream = ctx;
    (void)conn;
    stream->was_reset = true;
    runtime_wake(stream->runtime);
}

static const struct net_handler stream_handler = {
    .on_connected = heard_connected,
    .on_arrival = heard_arrival,
    .on_room = heard_room,
    .on_reset = heard_reset,
};

/* ---- making and closing ---------------------------------------------------------------------- */

static struct tcp_stream *stream_new(struct runtime *runtime, struct net_conn *conn, int end)
{
    struct tcp_stream *stream = mem_alloc_zeroed(sizeof *stream);
    stream->runtime = runtime;
    stream->conn = conn;
    stream->end = end;
    buffer_init(&stream->out, OUTPUT_LIMIT);
    list_init(&stream->link);
    list_init(&stream->dirty_link);
    return stream;
}

/* The one way into CLOSED; the network's end has been dealt with. */
static void stream_closed(struct tcp_stream *stream, enum last_word last_word, int reason)
{
    ASSERT(stream->state != STREAM_CLOSED);
    stream->state = STREAM_CLOSED;
    stream->last_word = last_word;
    stream->reason = reason;
    list_remove(&stream->dirty_link);
    list_remove(&stream->link);
    list_append(&stream->runtime->closed, &stream->link);
    runtime_wake(stream->runtime);
}

void streams_finish_closed(struct runtime *runtime)
{
    struct list closed;
    list_init(&closed);
    struct list *link;
    while ((link = list_pop(&runtime->closed)) != NULL) {
        list_append(&closed, link);
    }
    while ((link = list_pop(&closed)) != NULL) {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
        if (stream->last_word == LAST_ON_CLOSE) {
            stream->handler->on_close(stream, stream->ctx, stream->reason);
        } else if (stream->last_word == LAST_ON_OPEN) {
            stream->handler->on_open(stream, stream->ctx, stream->reason);
        }
        buffer_release(&stream->out);
        mem_free(stream, sizeof *stream);
    }
}

static void stream_ending(struct tcp_stream *stream, int reason, uint32_t linger_ms)
{
    stream->state = STREAM_ENDING;
    stream->reason = reason;
    stream->linger_ns = runtime_now_ns(stream->runtime) + linger_ms * NS_PER_MS;
    if (list_is_empty(&stream->dirty_link)) {
        list_append(&stream->runtime->dirty, &stream->dirty_link);
    }
    runtime_wake_at(stream->runtime,
                    machine_clock_reaches(stream->runtime->clock, stream->linger_ns));
    runtime_wake(stream->runtime);
}

void tcp_close(struct tcp_stream *stream, uint32_t linger_ms)
{
    ASSERT(stream->state != STREAM_ACCEPTED);
    if (stream->runtime->is_dead) {
        stream->unsaid = LAST_ON_CLOSE; /* nobody is told anything any more, unless asked for */
        return;
    }
    if (stream->state == STREAM_CLOSED) {
        stream->last_word = LAST_ON_CLOSE;
        stream->reason = ERR_CANCELLED;
    } else if (stream->state == STREAM_CONNECTING || linger_ms == 0) {
        net_close(stream->conn, stream->end);
        stream_closed(stream, LAST_ON_CLOSE, ERR_CANCELLED);
    } else {
        stream_ending(stream, ERR_CANCELLED, linger_ms);
    }
}

/* Frees a stream without a word to its owner. */
static void stream_drop(struct tcp_stream *stream, bool announces)
{
    if (announces) {
        net_abort(stream->conn, stream->end);
    } else {
        net_forget(stream->conn, stream->end);
    }
    list_remove(&stream->link);
    list_remove(&stream->dirty_link);
    stream->unsaid = stream->state == STREAM_ACCEPTED     ? LAST_NOTHING
                     : stream->state == STREAM_CONNECTING ? LAST_ON_OPEN
                                                          : LAST_ON_CLOSE;
    stream->state = STREAM_CLOSED;
    stream->last_word = LAST_NOTHING;
    list_append(&stream->runtime->closed, &stream->link);
}

void streams_end(struct runtime *runtime, bool announces)
{
    LIST_FOR_EACH(link, &runtime->listeners)
    {
        net_unlisten(CONTAINER_OF(link, struct tcp_listener, link)->net);
    }
    struct list *lists[] = {&runtime->streams, &runtime->passed, &runtime->accepts};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        LIST_FOR_EACH_SAFE(link, after, lists[i])
        {
            stream_drop(CONTAINER_OF(link, struct tcp_stream, link), announces);
        }
    }
    LIST_FOR_EACH(link, &runtime->closed)
    {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
        if (stream->last_word != LAST_NOTHING) {
            stream->unsaid = stream->last_word;
        }
        stream->last_word = LAST_NOTHING;
    }
}

void sim_runtime_tell_closed(struct runtime *runtime)
{
    ASSERT(runtime->is_dead);
    LIST_FOR_EACH(link, &runtime->closed)
    {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
        stream->last_word = stream->unsaid;
        stream->reason = ERR_CANCELLED;
    }
    streams_finish_closed(runtime);
}

/* A callback may close any stream, so each is taken out of a list of its own while it is looked at.
 */
static void each_stream(struct runtime *runtime, void (*look)(struct tcp_stream *stream))
{
    struct list *link;
    while ((link = list_pop(&runtime->streams)) != NULL) {
        list_append(&runtime->passed, link);
    }
    while ((link = list_pop(&runtime->passed)) != NULL) {
        list_append(&runtime->streams, link);
        look(CONTAINER_OF(link, struct tcp_stream, link));
    }
}

static void stream_opened(struct tcp_stream *stream)
{
    stream->state = STREAM_OPEN;
    if (stream->out.len > 0) {
        list_append(&stream->runtime->dirty, &stream->dirty_link);
    }
    stream->handler->on_open(stream, stream->ctx, 0);
}

static void stream_check(struct tcp_stream *stream)
{
    if (stream->was_reset && stream->state == STREAM_CONNECTING) {
        /* Connected and reset between two turns. */
        stream_closed(stream, LAST_ON_OPEN, stream->reason == 0 ? ERR_RESET : stream->reason);
    } else if (stream->was_reset) {
        int reason = stream->state == STREAM_ENDING ? stream->reason : ERR_RESET;
        stream_closed(stream, LAST_ON_CLOSE, reason);
    } else if (stream->state == STREAM_ENDING &&
               stream->linger_ns <= runtime_now_ns(stream->runtime)) {
        net_abort(stream->conn, stream->end);
        stream_closed(stream, LAST_ON_CLOSE, stream->reason);
    } else if (stream->state == STREAM_CONNECTING && stream->is_connected) {
        stream_opened(stream);
    }
}

void streams_check(struct runtime *runtime)
{
    each_stream(runtime, stream_check);
    /* What was closed just now is told in this turn: the real loop hears of it in the same way. */
    if (!runtime->is_dead) {
        streams_finish_closed(runtime);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void take(struct tcp_stream *stream, struct slice bytes)
{
    const struct network *network = stream->runtime->network;
    if (network->tap != NULL) {
        sim_runtime_leave(stream->runtime); /* what the onlooker keeps is not the process's */
        network->tap(network->tap_ctx, stream->conn, stream->end, bytes);
        sim_runtime_enter(stream->runtime);
    }
    net_consume(stream->conn, stream->end, bytes.len);
}

/* One read; the bytes are a copy of exactly their size, so that a sanitizer sees who reads on. */
static void stream_read(struct tcp_stream *stream)
{
    struct runtime *runtime = stream->runtime;
    if (stream->state != STREAM_OPEN || stream->paused) {
        return;
    }
    struct slice arrived = net_arrived(stream->conn, stream->end);
    if (arrived.len == 0) {
        if (net_end_arrived(stream->conn, stream->end)) {
            stream_ending(stream, 0, PEER_END_LINGER_MS);
        }
        return;
    }
    size_t len = MIN(arrived.len, runtime->profile.read_bytes_max);
    uint8_t *into = stream->read_into;
    if (into != NULL) {
        /* The real one may bring more behind it in a second call; here that is a second read. */
        len = MIN(len, stream->read_into_len);
        stream->read_into = NULL;
        memcpy(into, arrived.ptr, len);
        take(stream, slice_of(into, len));
        runtime_wake(runtime);
        stream->handler->on_data(stream, stream->ctx, slice_of(into, len));
        return;
    }
    uint8_t *copy = heap_alloc(len);
    memcpy(copy, arrived.ptr, len);
    take(stream, slice_of(copy, len));
    if (len < arrived.len || net_end_arrived(stream->conn, stream->end)) {
        runtime_wake(runtime);
    }
    stream->handler->on_data(stream, stream->ctx, slice_of(copy, len));
    heap_free(copy);
}

void streams_read(struct runtime *runtime)
{
    each_stream(runtime, stream_read);
}

void tcp_read_pause(struct tcp_stream *stream)
{
    stream->paused = true;
}

void tcp_read_resume(struct tcp_stream *stream)
{
    stream->paused = false;
    runtime_wake(stream->runtime);
}

void tcp_read_into(struct tcp_stream *stream, uint8_t *bytes, size_t len)
{
    stream->read_into = len > 0 ? bytes : NULL;
    stream->read_into_len = len;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct buffer *tcp_output(struct tcp_stream *stream)
{
    if (stream->state != STREAM_CLOSED && list_is_empty(&stream->dirty_link)) {
        list_append(&stream->runtime->dirty, &stream->dirty_link);
        runtime_wake(stream->runtime);
    }
    return &stream->out;
}

void tcp_output_file(struct tcp_stream *stream, struct file *file, uint64_t offset, size_t len)
{
    struct buffer *out = tcp_output(stream);
    size_t got = 0;
    int error = file_read(file, offset, buffer_reserve(out, len), len, &got);
    if (error == 0 && got == len) {
        out->len += len;
    } else if (stream->state == STREAM_OPEN) {
        stream->was_reset = true; /* told in the next turn, as the real one's error would be */
        runtime_wake(stream->runtime);
    }
}

size_t tcp_output_pending(const struct tcp_stream *stream)
{
    return stream->out.len - stream->sent;
}

static void stream_flush(struct tcp_stream *stream)
{
    struct slice rest = slice_part(buffer_slice(&stream->out), stream->sent, stream->out.len);
    bool was_blocked = stream->is_blocked;
    if (rest.len > 0 && !was_blocked) {
        size_t taken = net_send(stream->conn, stream->end, rest);
        stream->sent += taken;
        stream->is_blocked = taken < rest.len;
    }
    if (stream->sent == stream->out.len) {
        buffer_release(&stream->out);
        buffer_init(&stream->out, OUTPUT_LIMIT);
        stream->sent = 0;
    } else if (stream->sent > stream->out.len / 2) {
        buffer_consume(&stream->out, stream->sent);
        stream->sent = 0;
    }
    size_t pending = tcp_output_pending(stream);
    if (stream->above_high && pending <= OUTPUT_LOW_WATER && stream->state == STREAM_OPEN) {
        stream->above_high = false;
        if (stream->handler->on_writable != NULL) {
            stream->handler->on_writable(stream, stream->ctx);
        }
    }
    stream->above_high = stream->above_high || pending > OUTPUT_HIGH_WATER;
}

void streams_flush(struct runtime *runtime)
{
    struct list dirty;
    list_init(&dirty);
    struct list *link;
    while ((link = list_pop(&runtime->dirty)) != NULL) {
        list_append(&dirty, link);
    }
    while ((link = list_pop(&dirty)) != NULL) {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, dirty_link);
        if (stream->state == STREAM_CONNECTING || runtime->is_dead) {
            continue;
        }
        stream_flush(stream);
        if (stream->state == STREAM_ENDING && tcp_output_pending(stream) == 0) {
            /* What came meanwhile is dropped, so that the peer gets the replies, not a reset. */
            net_consume(stream->conn, stream->end, net_arrived(stream->conn, stream->end).len);
            net_close(stream->conn, stream->end);
            stream_closed(stream, LAST_ON_CLOSE, stream->reason);
        }
    }
}

/* ---- listening ------------------------------------------------------------------------------- */

static void heard_accept(void *ctx, struct net_conn *conn)
{
    struct tcp_listener *listener = ctx;
    struct runtime *runtime = listener->runtime;
    sim_runtime_enter(runtime);
    struct tcp_stream *stream = stream_new(runtime, conn, 1);
    stream->listener = listener;
    list_append(&runtime->accepts, &stream->link);
    sim_runtime_leave(runtime);
    runtime_wake(runtime);
}

void streams_accept(struct runtime *runtime)
{
    struct list *link;
    while ((link = list_pop(&runtime->accepts)) != NULL) {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
        list_append(&runtime->streams, &stream->link);
        if (stream->listener == NULL) {
            net_reject(stream->conn);
            stream_closed(stream, LAST_NOTHING, 0);
            continue;
        }
        stream->listener->on_accept(stream, stream->listener->ctx);
        ASSERT(stream->state != STREAM_ACCEPTED);
    }
}

int tcp_listen(struct runtime *runtime,
               const struct tcp_address *address,
               const struct tcp_listen_options *options,
               void (*on_accept)(struct tcp_stream *stream, void *ctx),
               void *ctx,
               struct tcp_listener **created)
{
    (void)options;
    struct tcp_listener *listener = mem_alloc_zeroed(sizeof *listener);
    listener->runtime = runtime;
    listener->on_accept = on_accept;
    listener->ctx = ctx;
    struct tcp_address bound = *address;
    if (runtime->address.ip[0] != 0) {
        bound = runtime->address;
        bound.port = address->port;
    }
    /* Of a dead machine, the network would keep a listener that is freed here. */
    listener->net = runtime->is_dead ? NULL
                                     : net_listen(runtime->network, &bound, heard_accept, listener);
    if (listener->net == NULL) {
        mem_free(listener, sizeof *listener);
        return ERR_IN_USE;
    }
    list_append(&runtime->listeners, &listener->link);
    *created = listener;
    return 0;
}

void tcp_listener_close(struct tcp_listener *listener)
{
    LIST_FOR_EACH(link, &listener->runtime->accepts)
    {
        struct tcp_stream *stream = CONTAINER_OF(link, struct tcp_stream, link);
        if (stream->listener == listener) {
            stream->listener = NULL;
            runtime_wake(listener->runtime);
        }
    }
    if (!listener->runtime->is_dead) {
        net_unlisten(listener->net); /* a dead machine's place may be another's by now */
    }
    list_remove(&listener->link);
    mem_free(listener, sizeof *listener);
}

struct tcp_address tcp_listener_address(const struct tcp_listener *listener)
{
    return listener->net->address;
}

void tcp_accept(struct tcp_stream *stream, const struct tcp_handler *handler, void *ctx)
{
    ASSERT(stream->state == STREAM_ACCEPTED);
    stream->handler = handler;
    stream->ctx = ctx;
    stream->state = STREAM_OPEN;
    net_accept(stream->conn, &stream_handler, stream);
}

void tcp_reject(struct tcp_stream *stream)
{
    ASSERT(stream->state == STREAM_ACCEPTED);
    net_reject(stream->conn);
    stream_closed(stream, LAST_NOTHING, 0);
}

/* ---- dialling -------------------------------------------------------------------------------- */

int tcp_connect(struct runtime *runtime,
                const struct tcp_address *address,
                const struct tcp_handler *handler,
                void *ctx,
                struct tcp_stream **created)
{
    struct tcp_address from = {.ip = {10, 0, 0, 1}};
    if (runtime->address.ip[0] != 0) {
        from = runtime->address;
    }
    struct tcp_stream *stream = stream_new(runtime, NULL, 0);
    stream->handler = handler;
    stream->ctx = ctx;
    stream->state = STREAM_CONNECTING;
    stream->conn = net_connect(runtime->network, &from, address, &stream_handler, stream);
    list_append(&runtime->streams, &stream->link);
    if (runtime->is_dead) {
        stream_drop(stream, true); /* the rest of a turn in which a disk operation was the last */
    }
    *created = stream;
    return 0;
}

struct tcp_address tcp_stream_peer(const struct tcp_stream *stream)
{
    return stream->conn->ends[1 - stream->end].address;
}

struct tcp_address tcp_stream_local(const struct tcp_stream *stream)
{
    return stream->conn->ends[stream->end].address;
}

struct resolve {
    struct list link;
    struct tcp_address address;
    int error;
    tcp_resolved *done;
    void *ctx;
};

/* Numeric hosts, "localhost", and what the world's name service knows, if it has one. */
void tcp_resolve(struct runtime *runtime,
                 struct slice host,
                 uint16_t port,
                 tcp_resolved *done,
                 void *ctx)
{
    struct resolve *resolve = mem_alloc_zeroed(sizeof *resolve);
    bool is_local = slice_equal_cstr(host, "localhost");
    bool is_known = tcp_address_parse(is_local ? SLICE_LIT("127.0.0.1") : host, port,
                                      &resolve->address);
    const struct network *network = runtime->network;
    if (!is_known && network->resolve != NULL) {
        is_known = network->resolve(network->resolve_ctx, host, &resolve->address);
        resolve->address.port = port;
    }
    resolve->error = is_known ? 0 : ERR_RESOLVE;
    resolve->done = done;
    resolve->ctx = ctx;
    list_append(&runtime->resolves, &resolve->link);
    runtime_wake(runtime);
}

void resolves_deliver(struct runtime *runtime)
{
    struct list *link;
    while ((link = list_pop(&runtime->resolves)) != NULL) {
        struct resolve *resolve = CONTAINER_OF(link, struct resolve, link);
        if (!runtime->is_dead) {
            resolve->done(resolve->ctx, resolve->error, &resolve->address,
                          resolve->error == 0 ? 1 : 0);
        }
        mem_free(resolve, sizeof *resolve);
    }
}
