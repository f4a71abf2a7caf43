/* network.c - see network.h.
 *
 * Every delivery is an event that names the connection's pipe; it takes all chunks that are due.
 * A stalled or cut pipe leaves them, and whoever heals it schedules a delivery.
 */
#include "sim/network.h"

#include "base/hash.h"

#define FIRST_PORT 32768u
#define CRUMB_BYTES_MAX 5u
#define CRUMBS_OF_BYTES_MAX \
    2000u /* larger sends are not cut into crumbs: that costs, and shows nothing more */
#define CONNECT_TIMEOUT_NS (3 * NS_PER_S)
#define RETRY_NS NS_PER_S

enum net_event {
    EVENT_DIAL,
    EVENT_DIALLED,
    EVENT_DELIVER,
    EVENT_ROOM,
    EVENT_RESET
};

static void on_event(void *ctx, uint64_t argument);

void network_init(struct network *network, struct schedule *schedule, const struct random *seed)
{
    *network = (struct network){.schedule = schedule, .next_port = FIRST_PORT};
    random_split(seed, 0x6e6574, &network->random);
    network->profile = (struct net_profile){.latency_max_ns = NS_PER_MS, .window_max = 65536};
}

static void pipe_release(struct net_pipe *pipe)
{
    while (pipe->first != NULL) {
        struct net_chunk *chunk = pipe->first;
        pipe->first = chunk->next;
        heap_free(chunk);
    }
    pipe->last = NULL;
    bytes_release(&pipe->arrived);
}

void network_release(struct network *network)
{
    while (network->conns != NULL) {
        struct net_conn *conn = network->conns;
        network->conns = conn->next;
        pipe_release(&conn->pipes[0]);
        pipe_release(&conn->pipes[1]);
        heap_free(conn);
    }
}

static struct net_way *way_of(const struct net_conn *conn, int pipe)
{
    size_t from = net_host_of(&conn->ends[pipe].address);
    size_t to = net_host_of(&conn->ends[1 - pipe].address);
    return &conn->network->ways[from][to];
}

static bool is_cut(const struct net_conn *conn, int pipe)
{
    return conn->pipes[pipe].is_cut || way_of(conn, pipe)->is_cut;
}

/* The machine of the end that was dialled. */
static bool is_silent(const struct net_conn *conn)
{
    const struct network *network = conn->network;
    return network->machine_is_silent || network->is_silent[net_host_of(&conn->ends[1].address)];
}

/* argument: what, and which end or pipe. */
static void post(struct net_conn *conn, enum net_event event, int end, uint64_t time_ns)
{
    schedule_at(conn->network->schedule, time_ns, on_event, conn,
                (conn->id << 8) | ((uint64_t)event << 1) | (uint64_t)end);
}

static uint64_t draw_latency(struct network *network, const struct net_pipe *pipe)
{
    return pipe->latency_ns + random_below(&network->random, pipe->jitter_ns + 1);
}

/* When a word of `end` that is no byte reaches the other side. */
static uint64_t arrival_ns(struct net_conn *conn, int end)
{
    return conn->network->schedule->now_ns + draw_latency(conn->network, &conn->pipes[end]) +
           way_of(conn, end)->slow_ns;
}

/* ---- listening and dialling ------------------------------------------------------------------ */

static bool address_matches(const struct network *network,
                            const struct net_listener *listener,
                            const struct tcp_address *to)
{
    bool is_host = !network->has_hosts || memcmp(listener->address.ip, to->ip, 4) == 0;
    return listener->is_open && listener->address.port == to->port && is_host;
}

struct net_listener *net_listen(struct network *network,
                                const struct tcp_address *address,
                                void (*on_accept)(void *ctx, struct net_conn *conn),
                                void *ctx)
{
    struct net_listener *free_place = NULL;
    for (size_t i = 0; i < NET_LISTENERS_MAX; i++) {
        struct net_listener *listener = &network->listeners[i];
        if (address_matches(network, listener, address)) {
            return NULL;
        }
        if (!listener->is_open && free_place == NULL) {
            free_place = listener;
        }
    }
    ASSERT(free_place != NULL);
    *free_place = (struct net_listener){
        .address = *address, .on_accept = on_accept, .ctx = ctx, .is_open = true};
    if (address->port == 0) {
        free_place->address.port = network->next_port++;
    }
    return free_place;
}

void net_unlisten(struct net_listener *listener)
{
    listener->is_open = false;
}

static void pipe_init(struct network *network, struct net_pipe *pipe)
{
    const struct net_profile *profile = &network->profile;
    pipe->latency_ns = random_spread(&network->random, 10 * NS_PER_US, profile->latency_max_ns);
    pipe->jitter_ns = random_spread(&network->random, NS_PER_US, pipe->latency_ns);
    pipe->window = random_spread(&network->random, 4096, profile->window_max);
}

struct net_conn *net_connect(struct network *network,
                             const struct tcp_address *from,
                             const struct tcp_address *to,
                             const struct net_handler *handler,
                             void *ctx)
{
    struct net_conn *conn = heap_new(sizeof *conn);
    conn->network = network;
    conn->id = network->next_id++;
    conn->next = network->conns;
    network->conns = conn;
    network->counts.connections += 1;
    conn->ends[0] = (struct net_end){
        .handler = handler, .ctx = ctx, .address = *from, .is_open = true};
    conn->ends[1].address = *to;
    if (conn->ends[0].address.port == 0) {
        conn->ends[0].address.port = network->next_port++;
    }
    pipe_init(network, &conn->pipes[0]);
    pipe_init(network, &conn->pipes[1]);
    post(conn, EVENT_DIAL, 0, arrival_ns(conn, 0));
    return conn;
}

static void dial(struct net_conn *conn)
{
    struct network *network = conn->network;
    bool has_no_power = is_silent(conn);
    for (size_t i = 0; i < NET_LISTENERS_MAX && !has_no_power; i++) {
        struct net_listener *listener = &network->listeners[i];
        if (address_matches(network, listener, &conn->ends[1].address)) {
            listener->on_accept(listener->ctx, conn);
            return;
        }
    }
    uint64_t answer_ns = arrival_ns(conn, 1);
    if (has_no_power) {
        answer_ns += CONNECT_TIMEOUT_NS;
    }
    conn->is_reset = true;
    post(conn, EVENT_DIALLED, 0, answer_ns);
}

static void dialled(struct net_conn *conn)
{
    struct net_end *end = &conn->ends[0];
    if (!end->is_open) {
        return;
    }
    if (conn->is_reset) {
        end->is_open = false;
    }
    end->handler->on_connected(end->ctx, conn, conn->is_reset ? ERR_REFUSED : 0);
}

void net_accept(struct net_conn *conn, const struct net_handler *handler, void *ctx)
{
    conn->ends[1].handler = handler;
    conn->ends[1].ctx = ctx;
    conn->ends[1].is_open = true;
    post(conn, EVENT_DIALLED, 0, arrival_ns(conn, 1));
}

void net_reject(struct net_conn *conn)
{
    conn->is_reset = true;
    post(conn, EVENT_DIALLED, 0, arrival_ns(conn, 1));
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void push_chunk(struct net_conn *conn, int end, struct slice bytes, bool is_end)
{
    struct network *network = conn->network;
    struct net_pipe *pipe = &conn->pipes[end];
    struct net_chunk *chunk = heap_alloc(sizeof *chunk + bytes.len);
    *chunk = (struct net_chunk){.len = bytes.len, .is_end = is_end};
    if (bytes.len > 0) {
        memcpy(chunk->bytes, bytes.ptr, bytes.len);
    }
    pipe->last_time_ns = MAX(pipe->last_time_ns, arrival_ns(conn, end));
    chunk->time_ns = pipe->last_time_ns;
    if (pipe->last != NULL) {
        pipe->last->next = chunk;
    } else {
        pipe->first = chunk;
    }
    pipe->last = chunk;
    pipe->unconsumed += bytes.len;
    network->counts.chunks += 1;
    network->counts.bytes += bytes.len;
    post(conn, EVENT_DELIVER, end, chunk->time_ns);
}

static size_t piece_len(struct network *network, size_t len)
{
    const struct net_profile *profile = &network->profile;
    if (profile->crumb_once_in > 0 && len <= CRUMBS_OF_BYTES_MAX &&
        random_once_in(&network->random, profile->crumb_once_in)) {
        return 1 + random_below(&network->random, MIN(len, (size_t)CRUMB_BYTES_MAX));
    }
    if (profile->split_once_in > 0 && random_once_in(&network->random, profile->split_once_in)) {
        return 1 + random_below(&network->random, len);
    }
    return len;
}

size_t net_send(struct net_conn *conn, int end, struct slice bytes)
{
    struct net_pipe *pipe = &conn->pipes[end];
    size_t room = pipe->window > pipe->unconsumed ? pipe->window - pipe->unconsumed : 0;
    size_t taken = MIN(room, bytes.len);
    pipe->was_full = pipe->was_full || taken < bytes.len;
    if (conn->is_reset) {
        return bytes.len; /* into the void; the reset is on its way to us */
    }
    pipe->sent_total += taken;
    for (size_t at = 0; at < taken;) {
        size_t len = piece_len(conn->network, taken - at);
        conn->network->counts.splits += len < taken - at;
        push_chunk(conn, end, slice_part(bytes, at, at + len), false);
        at += len;
    }
    return taken;
}

/* Bytes for an end that is not there: its machine answers with a reset, if it has power. */
static void bounce(struct net_conn *conn, int end)
{
    if (conn->is_reset || (end == 1 && is_silent(conn)) || way_of(conn, end)->is_cut) {
        return;
    }
    conn->is_reset = true;
    post(conn, EVENT_RESET, 1 - end, arrival_ns(conn, end));
}

static void deliver(struct net_conn *conn, int from)
{
    struct net_pipe *pipe = &conn->pipes[from];
    struct net_end *to = &conn->ends[1 - from];
    uint64_t now_ns = conn->network->schedule->now_ns;
    bool got_something = false;
    if (is_cut(conn, from) || pipe->stalled_until_ns > now_ns || conn->is_reset) {
        return;
    }
    while (pipe->first != NULL && pipe->first->time_ns <= now_ns) {
        struct net_chunk *chunk = pipe->first;
        pipe->first = chunk->next;
        pipe->last = pipe->first == NULL ? NULL : pipe->last;
        if (to->is_open) {
            schedule_note_bytes(conn->network->schedule, conn->id,
                                slice_of(chunk->bytes, chunk->len));
            bytes_append(&pipe->arrived, slice_of(chunk->bytes, chunk->len));
            pipe->end_arrived = pipe->end_arrived || chunk->is_end;
            got_something = true;
        } else if (!chunk->is_end) {
            bounce(conn, 1 - from);
        }
        heap_free(chunk);
    }
    if (got_something) {
        to->handler->on_arrival(to->ctx, conn);
    }
}

struct slice net_arrived(const struct net_conn *conn, int end)
{
    return bytes_slice(&conn->pipes[1 - end].arrived);
}

bool net_end_arrived(const struct net_conn *conn, int end)
{
    return conn->pipes[1 - end].end_arrived;
}

void net_consume(struct net_conn *conn, int end, size_t len)
{
    struct net_pipe *pipe = &conn->pipes[1 - end];
    bytes_consume(&pipe->arrived, len);
    pipe->unconsumed -= len;
    pipe->consumed_total += len;
    const struct net_end *sender = &conn->ends[1 - end];
    if (sender->is_open && sender->handler->on_consumed != NULL) {
        sender->handler->on_consumed(sender->ctx, conn, pipe->consumed_total);
    }
    if (pipe->was_full && pipe->unconsumed < pipe->window / 2 + 1) {
        pipe->was_full = false;
        post(conn, EVENT_ROOM, 1 - end, arrival_ns(conn, end));
    }
}

/* ---- closing --------------------------------------------------------------------------------- */

void net_close(struct net_conn *conn, int end)
{
    if (!conn->ends[end].is_open) {
        return;
    }
    if (net_arrived(conn, end).len > 0) {
        net_abort(conn, end); /* unread bytes: TCP answers them with a reset */
        return;
    }
    conn->ends[end].is_open = false;
    if (!conn->is_reset && !conn->pipes[end].end_sent) {
        conn->pipes[end].end_sent = true;
        push_chunk(conn, end, SLICE_NULL, true);
    }
}

void net_abort(struct net_conn *conn, int end)
{
    if (!conn->ends[end].is_open) {
        return;
    }
    conn->ends[end].is_open = false;
    bool is_lost = is_cut(conn, end);
    if (!conn->is_reset && !is_lost) {
        conn->is_reset = true;
        conn->network->counts.resets += 1;
        post(conn, EVENT_RESET, 1 - end, arrival_ns(conn, end));
    }
}

void net_forget(struct net_conn *conn, int end)
{
    conn->ends[end].is_open = false;
}

static void hear_reset(struct net_conn *conn, int end)
{
    struct net_end *hears = &conn->ends[end];
    if (hears->is_open) {
        hears->is_open = false;
        hears->handler->on_reset(hears->ctx, conn);
    }
}

/* ---- faults ---------------------------------------------------------------------------------- */

void net_set_cut(struct net_conn *conn, int pipe, bool is_cut)
{
    conn->pipes[pipe].is_cut = is_cut;
    if (!is_cut) {
        post(conn, EVENT_DELIVER, pipe, conn->network->schedule->now_ns);
    }
}

void net_stall(struct net_conn *conn, int pipe, uint64_t until_ns)
{
    conn->pipes[pipe].stalled_until_ns = until_ns;
    post(conn, EVENT_DELIVER, pipe, until_ns);
}

void net_break(struct net_conn *conn)
{
    if (!conn->is_reset) {
        conn->is_reset = true;
        conn->network->counts.resets += 1;
        post(conn, EVENT_RESET, 0, arrival_ns(conn, 1));
        post(conn, EVENT_RESET, 1, arrival_ns(conn, 0));
    }
}

void net_cut_way(struct network *network, size_t from, size_t to, bool cuts)
{
    bool was_cut = network->ways[from][to].is_cut;
    network->ways[from][to].is_cut = cuts;
    for (struct net_conn *conn = network->conns; conn != NULL && was_cut && !cuts;
         conn = conn->next) {
        for (int pipe = 0; pipe < 2; pipe++) {
            if (way_of(conn, pipe) == &network->ways[from][to] && conn->pipes[pipe].first != NULL) {
                post(conn, EVENT_DELIVER, pipe, network->schedule->now_ns);
            }
        }
    }
}

static void on_event(void *ctx, uint64_t argument)
{
    struct net_conn *conn = ctx;
    int end = (int)(argument & 1);
    struct net_end *hears = &conn->ends[end];
    enum net_event event = (enum net_event)((argument & 0xff) >> 1);
    int way = event == EVENT_DIAL ? 0 : 1;
    if ((event == EVENT_DIAL || event == EVENT_DIALLED) && is_cut(conn, way)) {
        if (conn->ends[0].is_open) { /* the packet is sent again until somebody gives up */
            post(conn, event, 0, conn->network->schedule->now_ns + RETRY_NS);
        }
        return;
    }
    switch (event) {
    case EVENT_DIAL:
        dial(conn);
        break;
    case EVENT_DIALLED:
        dialled(conn);
        break;
    case EVENT_DELIVER:
        deliver(conn, end);
        break;
    case EVENT_ROOM:
        if (hears->is_open && hears->handler != NULL) {
            hears->handler->on_room(hears->ctx, conn);
        }
        break;
    case EVENT_RESET:
        hear_reset(conn, end);
        break;
    }
}
