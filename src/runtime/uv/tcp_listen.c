/* tcp_listen.c - listeners: accepting in bulk, and what happens when there is no descriptor left.
 *
 * A listener is level-triggered and takes up to ACCEPTS_PER_TURN connections a turn; the next turn
 * brings the rest. The backlog is the largest that the system takes: a short one makes ten thousand
 * clients that come at once wait for the second's retry of a dropped SYN. TCP_NODELAY is set on the
 * listener, whose connections inherit it.
 *
 * NO DESCRIPTOR LEFT (EMFILE, ENFILE). A connection that is not accepted keeps the listener ready:
 * the loop would spin. So the reserve descriptor is closed, one connection accepted with its number
 * and closed at once (the client sees an end and tries elsewhere, instead of hanging), the reserve
 * opened again, and the listener rests for REST_MS. One line a second tells of it. Where even that
 * fails the rest alone keeps the loop from spinning.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "runtime/uv/loop.h"

#define ACCEPTS_PER_TURN 256
#define REST_MS 100
#define REFUSAL_LOG_NS (1000 * NS_PER_MS)

struct tcp_listener {
    struct runtime_poller poller;
    struct runtime *runtime;
    struct list link;
    int fd;
    bool accepting; /* inside the accept loop: closing only marks */
    bool closed;
    bool resting;
    struct tcp_address address;
    struct runtime_timer rest;
    void (*on_accept)(struct tcp_stream *stream, void *ctx);
    void *ctx;
};

static void listener_free(struct tcp_listener *listener)
{
    mem_free(listener, sizeof *listener);
}

void tcp_listener_close(struct tcp_listener *listener)
{
    ASSERT_ON_LOOP(listener->runtime);
    ASSERT(!listener->closed);
    loop_remove(listener->runtime, &listener->poller, listener->fd);
    close(listener->fd);
    list_remove(&listener->link);
    runtime_timer_stop(&listener->rest);
    listener->closed = true;
    if (!listener->accepting) {
        listener_free(listener);
    }
}

void listeners_release_all(struct runtime *runtime)
{
    while (!list_is_empty(&runtime->listeners)) {
        tcp_listener_close(CONTAINER_OF(runtime->listeners.next, struct tcp_listener, link));
    }
}

struct tcp_address tcp_listener_address(const struct tcp_listener *listener)
{
    return listener->address;
}

/* ---- out of descriptors ---------------------------------------------------------------------- */

static void on_rested(struct runtime_timer *timer)
{
    struct tcp_listener *listener = CONTAINER_OF(timer, struct tcp_listener, rest);
    int error = loop_change(listener->runtime, &listener->poller, listener->fd, EPOLLIN);
    ASSERT(error == 0);
    listener->resting = false;
}

static void listener_rest(struct tcp_listener *listener)
{
    int error = loop_change(listener->runtime, &listener->poller, listener->fd, 0);
    ASSERT(error == 0);
    listener->resting = true;
    runtime_timer_set(&listener->rest, clock_now_ns() + REST_MS * NS_PER_MS);
}

static void refuse_one(struct tcp_listener *listener)
{
    struct runtime *runtime = listener->runtime;
    if (runtime->reserve_fd >= 0) {
        close(runtime->reserve_fd);
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        runtime->stats.refused += 1;
    }
    runtime->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uint64_t now_ns = clock_now_ns();
    if (runtime->refusal_logged_ns == 0 || now_ns - runtime->refusal_logged_ns >= REFUSAL_LOG_NS) {
        runtime->refusal_logged_ns = now_ns;
        LOG("runtime", LOG_ERROR,
            "no file descriptor left, connections are turned away refused=%llu",
            (unsigned long long)runtime->stats.refused);
    }
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* Errors of one connection, which is then gone; the next one is as good as any (accept(2), "Error
 * handling"). */
static bool concerns_one_connection(int number)
{
    switch (number) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* Returns false when there is nothing more to take now. */
static bool accept_one(struct tcp_listener *listener)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof storage;
    int fd = accept4(listener->fd, (struct sockaddr *)&storage, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        listener->runtime->stats.accepted += 1;
        struct tcp_address peer = socket_address_read(&storage);
        struct tcp_stream *stream = stream_create_accepted(listener->runtime, fd, &peer);
        listener->on_accept(stream, listener->ctx);
        ASSERT(!stream_is_undecided(stream));
        return true;
    }
    if (errno == EAGAIN) {
        return false;
    }
    if (concerns_one_connection(errno)) {
        return true;
    }
    if (errno == EMFILE || errno == ENFILE) {
        refuse_one(listener);
    } else {
        /* ENOMEM, ENOBUFS: the kernel needs time. Anything else would be a bug in the making: it is
         * said. */
        int error = system_error_now();
        LOG("runtime", LOG_ERROR, "accept failed error=%s detail=%s", error_name(error),
            runtime_error_detail());
    }
    listener_rest(listener);
    return false;
}

static void listener_on_ready(struct runtime_poller *poller, uint32_t events)
{
    (void)events;
    struct tcp_listener *listener = CONTAINER_OF(poller, struct tcp_listener, poller);
    /* A resting listener hears of errors still. */
    if (listener->resting) {
        return;
    }
    listener->accepting = true;
    for (int count = 0; count < ACCEPTS_PER_TURN && !listener->closed; count++) {
        if (!accept_one(listener)) {
            break;
        }
    }
    listener->accepting = false;
    if (listener->closed) {
        listener_free(listener);
    }
}

/* ---- listening ------------------------------------------------------------------------------- */

static int bind_and_listen(int fd,
                           const struct tcp_address *address,
                           const struct tcp_listen_options *options)
{
    int one = 1;
    int zero = 0;
    if (options->reuse_address && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) {
        return system_error_now();
    }
    /* The wildcard of IPv6 takes IPv4 too, as Java's does. */
    if (address->is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) != 0) {
        return system_error_now();
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
        return system_error_now();
    }
    struct sockaddr_storage storage;
    socklen_t len = socket_address_fill(address, &storage);
    if (bind(fd, (const struct sockaddr *)&storage, len) != 0) {
        return system_error_now();
    }
    /* The kernel cuts the backlog to net.core.somaxconn. */
    if (listen(fd, options->backlog > 0 ? options->backlog : INT32_MAX) != 0) {
        return system_error_now();
    }
    return 0;
}

static struct tcp_address bound_address(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof storage;
    int failed = getsockname(fd, (struct sockaddr *)&storage, &len);
    ASSERT(failed == 0);
    return socket_address_read(&storage);
}

int tcp_listen(struct runtime *runtime,
               const struct tcp_address *address,
               const struct tcp_listen_options *options,
               void (*on_accept)(struct tcp_stream *stream, void *ctx),
               void *ctx,
               struct tcp_listener **created)
{
    ASSERT_ON_LOOP(runtime);
    int fd = socket(address->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    0);
    if (fd < 0) {
        return system_error_now();
    }
    struct tcp_listener *listener = mem_alloc_zeroed(sizeof *listener);
    listener->poller.on_ready = listener_on_ready;
    listener->runtime = runtime;
    listener->fd = fd;
    listener->on_accept = on_accept;
    listener->ctx = ctx;
    runtime_timer_init(&listener->rest, runtime, on_rested);
    int error = bind_and_listen(fd, address, options);
    if (error == 0) {
        error = loop_add(runtime, &listener->poller, fd, EPOLLIN);
    }
    if (error != 0) {
        close(fd);
        listener_free(listener);
        return error;
    }
    listener->address = bound_address(fd);
    list_append(&runtime->listeners, &listener->link);
    *created = listener;
    return 0;
}
