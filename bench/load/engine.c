#include "engine.h"

#include "usage.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_BYTES ((size_t)512 << 10)
#define OUT_BYTES ((size_t)1 << 20)
#define EVENTS_PER_TURN 512
#define XID_OF_EVENT (-1)
#define XID_OF_PING (-2)
#define REPLY_HEADER_BYTES 16
#define CONNECT_RESPONSE_MIN 36
#define RETRY_EVERY_NS UINT64_C(20000000)
#define CLOSES_PER_TURN 64

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        load_die("out of memory");
    }
    return memory;
}

void load_engine_open(struct load_engine *engine,
                      struct load_workload *workload,
                      uint32_t conn_count,
                      uint32_t depth)
{
    engine->workload = workload;
    engine->conn_count = conn_count;
    engine->depth = 1;
    while (engine->depth < depth) {
        engine->depth *= 2;
    }
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0) {
        load_die("epoll_create1: %s", strerror(errno));
    }
    engine->in = allocate(IN_BYTES, 1);
    engine->out = allocate(OUT_BYTES, 1);
    engine->conns = allocate(conn_count, sizeof(*engine->conns));
    for (uint32_t i = 0; i < conn_count; i++) {
        struct load_conn *conn = &engine->conns[i];
        conn->idx = i;
        conn->fd = -1;
        conn->tickets = allocate(engine->depth, sizeof(*conn->tickets));
    }
}

static void conn_reset(struct load_engine *engine, struct load_conn *conn)
{
    engine->ready_count -= conn->state == LOAD_CONN_READY ? 1U : 0U;
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    free(conn->partial);
    free(conn->unsent);
    conn->fd = -1;
    conn->partial = NULL;
    conn->partial_len = 0;
    conn->unsent = NULL;
    conn->unsent_len = 0;
    conn->waits_to_write = false;
    conn->outstanding = 0;
    conn->next_xid = 1;
    conn->state = LOAD_CONN_IDLE;
}

void load_engine_close(struct load_engine *engine)
{
    for (uint32_t i = 0; i < engine->conn_count; i++) {
        conn_reset(engine, &engine->conns[i]);
        free(engine->conns[i].tickets);
    }
    free(engine->conns);
    free(engine->in);
    free(engine->out);
    close(engine->epoll_fd);
}

static void conn_lost(struct load_engine *engine, struct load_conn *conn, const char *why)
{
    if (engine->handler.lost == NULL) {
        load_die("connection %u ended: %s", conn->idx, why);
    }
    if (engine->out_conn == conn) {
        engine->out_len = 0;
    }
    conn_reset(engine, conn);
    engine->handler.lost(engine->ctx, conn);
}

static void conn_watch(struct load_engine *engine, struct load_conn *conn, int action, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0U)};
    event.data.ptr = conn;
    if (epoll_ctl(engine->epoll_fd, action, conn->fd, &event) != 0) {
        load_die("epoll_ctl: %s", strerror(errno));
    }
    conn->waits_to_write = write;
}

void load_engine_connect(struct load_engine *engine, struct load_conn *conn)
{
    conn_reset(engine, conn);
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        load_die("socket: %s", strerror(errno));
    }
    int on = 1;
    if (setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
        load_die("TCP_NODELAY: %s", strerror(errno));
    }
    conn->try_ns = load_now_ns();
    if (conn->begin_ns == 0) {
        conn->begin_ns = conn->try_ns;
    }
    conn->state = LOAD_CONN_CONNECTING;
    if (connect(conn->fd, (const struct sockaddr *)&engine->address, sizeof(engine->address)) !=
            0 &&
        errno != EINPROGRESS) {
        conn_lost(engine, conn, strerror(errno));
        return;
    }
    conn_watch(engine, conn, EPOLL_CTL_ADD, true);
}

/* Keeps what the socket did not take, behind what it did not take before. */
static void keep_unsent(struct load_engine *engine,
                        struct load_conn *conn,
                        const uint8_t *bytes,
                        size_t len)
{
    uint8_t *grown = realloc(conn->unsent, conn->unsent_len + len);
    if (grown == NULL) {
        load_die("out of memory");
    }
    memcpy(grown + conn->unsent_len, bytes, len);
    conn->unsent = grown;
    conn->unsent_len += len;
    if (!conn->waits_to_write) {
        conn_watch(engine, conn, EPOLL_CTL_MOD, true);
    }
}

static void conn_send(struct load_engine *engine,
                      struct load_conn *conn,
                      const uint8_t *bytes,
                      size_t len)
{
    if (conn->unsent_len != 0) {
        keep_unsent(engine, conn, bytes, len);
        return;
    }
    ssize_t sent = send(conn->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        conn_lost(engine, conn, strerror(errno));
        return;
    }
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    if (taken < len) {
        keep_unsent(engine, conn, bytes + taken, len - taken);
    }
}

void load_engine_flush(struct load_engine *engine)
{
    size_t len = engine->out_len;
    engine->out_len = 0;
    if (len != 0) {
        conn_send(engine, engine->out_conn, engine->out, len);
    }
}

void load_conn_request(struct load_engine *engine,
                       struct load_conn *conn,
                       enum load_op op,
                       uint32_t item,
                       uint64_t start_ns)
{
    if (engine->out_len != 0 &&
        (engine->out_conn != conn ||
         engine->out_len + load_workload_request_max(engine->workload) > OUT_BYTES)) {
        load_engine_flush(engine);
    }
    engine->out_conn = conn;
    int32_t xid = XID_OF_PING;
    if (op != LOAD_PING && !load_conn_has_room(engine, conn)) {
        load_die("more requests in flight than there is room for: a fault of this program");
    }
    if (op != LOAD_PING) { /* pings are outside of the order and carry no ticket */
        xid = conn->next_xid++;
        struct load_ticket *ticket = &conn->tickets[(uint32_t)xid & (engine->depth - 1)];
        *ticket = (struct load_ticket){.start_ns = start_ns, .item = item, .op = op};
        conn->outstanding++;
    }
    engine->out_len += load_workload_encode(engine->workload, op, item, xid,
                                            engine->out + engine->out_len);
}

static void handle_greeting(struct load_engine *engine,
                            struct load_conn *conn,
                            const uint8_t *frame,
                            size_t len)
{
    if (len < CONNECT_RESPONSE_MIN || load_read_u32(frame + 4) == 0) {
        load_die("the server refused a session");
    }
    conn->state = LOAD_CONN_READY;
    engine->ready_count++;
    if (engine->handler.ready != NULL) {
        engine->handler.ready(engine->ctx, conn);
    }
}

static void handle_reply(struct load_engine *engine,
                         struct load_conn *conn,
                         const uint8_t *frame,
                         size_t len)
{
    int32_t xid = (int32_t)load_read_u32(frame);
    int32_t error = (int32_t)load_read_u32(frame + 12);
    if (conn->outstanding == 0 || xid != conn->next_xid - (int32_t)conn->outstanding) {
        load_die("reply with xid %d, which is not the oldest request's", xid);
    }
    conn->outstanding--;
    struct load_ticket ticket = conn->tickets[(uint32_t)xid & (engine->depth - 1)];
    bool right = error == 0 &&
                 load_workload_reply_is_right(engine->workload, ticket.op,
                                              frame + REPLY_HEADER_BYTES, len - REPLY_HEADER_BYTES);
    bool exists_already = error == LOAD_ERROR_NODE_EXISTS && ticket.op >= LOAD_MAKE_PARENT;
    if (!right && !exists_already) {
        if (error == 0) {
            load_die("%s was answered with a wrong body of %zu bytes", load_op_name(ticket.op),
                     len);
        }
        if (engine->errors++ == 0) {
            engine->first_error = error;
        }
    }
    engine->handler.reply(engine->ctx, conn, &ticket);
}

static void handle_frame(struct load_engine *engine,
                         struct load_conn *conn,
                         const uint8_t *frame,
                         size_t len)
{
    if (conn->state == LOAD_CONN_GREETING) {
        handle_greeting(engine, conn, frame, len);
        return;
    }
    if (len < REPLY_HEADER_BYTES) {
        load_die("a reply of %zu bytes", len);
    }
    int32_t xid = (int32_t)load_read_u32(frame);
    if (xid == XID_OF_EVENT) {
        if (engine->handler.event == NULL) {
            load_die("an event without a watch");
        }
        engine->handler.event(engine->ctx, conn);
    } else if (xid != XID_OF_PING) {
        handle_reply(engine, conn, frame, len);
    }
}

/* Handles every whole frame at `bytes` and gives how many bytes they were. */
static size_t handle_frames(struct load_engine *engine,
                            struct load_conn *conn,
                            const uint8_t *bytes,
                            size_t len)
{
    size_t used = 0;
    while (len - used >= 4) {
        size_t frame_len = load_read_u32(bytes + used);
        if (frame_len > IN_BYTES - 4) {
            load_die("a reply announces %zu bytes", frame_len);
        }
        if (len - used - 4 < frame_len) {
            break;
        }
        handle_frame(engine, conn, bytes + used + 4, frame_len);
        used += 4 + frame_len;
    }
    return used;
}

static void keep_partial(struct load_conn *conn, const uint8_t *bytes, size_t len)
{
    free(conn->partial);
    conn->partial = NULL;
    conn->partial_len = len;
    if (len != 0) {
        conn->partial = allocate(len, 1);
        memcpy(conn->partial, bytes, len);
    }
}

static void conn_readable(struct load_engine *engine, struct load_conn *conn)
{
    size_t old = conn->partial_len;
    if (old != 0) {
        memcpy(engine->in, conn->partial, old);
    }
    ssize_t got = recv(conn->fd, engine->in + old, IN_BYTES - old, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        conn_lost(engine, conn, got == 0 ? "the server closed it" : strerror(errno));
        return;
    }
    engine->now_ns = load_now_ns();
    size_t len = old + (size_t)got;
    size_t used = handle_frames(engine, conn, engine->in, len);
    if (conn->fd < 0) { /* a handler's send found it lost */
        return;
    }
    if (old != 0 || used < len) {
        keep_partial(conn, engine->in + used, len - used);
    }
    if (engine->handler.refill != NULL && conn->state == LOAD_CONN_READY) {
        engine->handler.refill(engine->ctx, conn);
    }
    load_engine_flush(engine);
}

static void conn_connected(struct load_engine *engine, struct load_conn *conn)
{
    int error = 0;
    socklen_t error_len = sizeof(error);
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error != 0) {
        conn_lost(engine, conn, strerror(error));
        return;
    }
    uint8_t greeting[LOAD_CONNECT_MAX];
    size_t len = load_connect_encode(engine->session_timeout_ms, greeting);
    conn->state = LOAD_CONN_GREETING;
    conn_watch(engine, conn, EPOLL_CTL_MOD, false);
    conn_send(engine, conn, greeting, len);
}

static void conn_writable(struct load_engine *engine, struct load_conn *conn)
{
    if (conn->state == LOAD_CONN_CONNECTING) {
        conn_connected(engine, conn);
        return;
    }
    ssize_t sent = send(conn->fd, conn->unsent, conn->unsent_len, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) {
            conn_lost(engine, conn, strerror(errno));
        }
        return;
    }
    conn->unsent_len -= (size_t)sent;
    memmove(conn->unsent, conn->unsent + sent, conn->unsent_len);
    if (conn->unsent_len == 0) {
        free(conn->unsent);
        conn->unsent = NULL;
        conn_watch(engine, conn, EPOLL_CTL_MOD, false);
    }
}

void load_engine_turn(struct load_engine *engine, uint64_t timeout_ns)
{
    struct epoll_event events[EVENTS_PER_TURN];
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000U),
                               .tv_nsec = (long)(timeout_ns % 1000000000U)};
    int count = epoll_pwait2(engine->epoll_fd, events, EVENTS_PER_TURN,
                             timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);
    if (count < 0 && errno != EINTR) {
        load_die("epoll_pwait2: %s", strerror(errno));
    }
    engine->now_ns = load_now_ns();
    for (int i = 0; i < count; i++) {
        struct load_conn *conn = events[i].data.ptr;
        if (conn->waits_to_write && (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
            conn_writable(engine, conn);
        }
        if (conn->fd >= 0 && conn->state >= LOAD_CONN_GREETING &&
            (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
            conn_readable(engine, conn);
        }
    }
}

static void retry_lost(struct load_engine *engine, uint32_t started)
{
    for (uint32_t i = 0; i < started; i++) {
        struct load_conn *conn = &engine->conns[i];
        bool late = engine->connect_timeout_ns != 0 && conn->state != LOAD_CONN_READY &&
                    engine->now_ns > conn->try_ns + engine->connect_timeout_ns;
        if (conn->state == LOAD_CONN_IDLE || late) {
            engine->retries++;
            load_engine_connect(engine, conn);
        }
    }
}

void load_engine_connect_all(struct load_engine *engine, uint32_t window_max, uint64_t limit_ns)
{
    uint32_t window = window_max == 0 ? engine->conn_count : window_max;
    uint64_t end_ns = load_now_ns() + limit_ns;
    uint64_t retry_ns = 0;
    uint32_t started = 0;
    while (engine->ready_count < engine->conn_count) {
        while (started < engine->conn_count && started - engine->ready_count < window) {
            load_engine_connect(engine, &engine->conns[started++]);
        }
        load_engine_turn(engine, RETRY_EVERY_NS);
        if (engine->now_ns > retry_ns && engine->handler.lost != NULL) {
            retry_lost(engine, started);
            retry_ns = engine->now_ns + RETRY_EVERY_NS;
        }
        if (engine->now_ns > end_ns) {
            load_die("only %u of %u sessions within %llu s", engine->ready_count,
                     engine->conn_count, (unsigned long long)(limit_ns / 1000000000U));
        }
    }
}

static void ignore_reply(void *ctx, struct load_conn *conn, const struct load_ticket *ticket)
{
    (void)ctx;
    (void)conn;
    (void)ticket;
}

static void ignore_conn(void *ctx, struct load_conn *conn)
{
    (void)ctx;
    (void)conn;
}

void load_engine_end_sessions(struct load_engine *engine, uint64_t limit_ns)
{
    engine->handler = (struct load_handler){
        .reply = ignore_reply, .event = ignore_conn, .lost = ignore_conn};
    uint64_t end_ns = load_now_ns() + limit_ns;
    uint32_t next = 0;
    uint32_t left = engine->conn_count;
    while (left != 0) {
        /* In portions, so that the replies are read before the sockets are full of them. */
        for (uint32_t i = 0; i < CLOSES_PER_TURN && next < engine->conn_count; i++, next++) {
            if (engine->conns[next].state == LOAD_CONN_READY) {
                load_conn_request(engine, &engine->conns[next], LOAD_CLOSE, 0, 0);
                load_engine_flush(engine);
            }
        }
        load_engine_turn(engine, next < engine->conn_count ? 0 : RETRY_EVERY_NS);
        left = engine->conn_count - next;
        for (uint32_t i = 0; i < next && left == 0; i++) {
            left += engine->conns[i].outstanding != 0 ? 1U : 0U;
        }
        if (engine->now_ns > end_ns) {
            load_die("sessions did not close in time");
        }
    }
}
