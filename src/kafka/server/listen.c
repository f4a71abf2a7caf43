/* listen.c - binding the listeners of the configuration, by name.
 *
 * A numeric or empty host is bound at once; a name is looked up first, and its first address is
 * taken. An empty host is the wildcard: of IPv6, which takes IPv4 too, as Java's does, else of
 * IPv4. When one listener fails, all are closed and the failure is told once.
 */
#include <inttypes.h>
#include <stdio.h>

#include "kafka/server/connection_private.h"
#include "runtime/log.h"

/* Apache's default for socket.listen.backlog.size. A thousand clients that come back at once after
 * a restart would lose seconds to it, so only another value is taken as meant. */
#define BACKLOG_UNTOUCHED 50

static int bind_to(struct kafka_listener *listener, const struct tcp_address *address)
{
    int32_t backlog = listener->sockets->broker->config.socket_listen_backlog_size;
    struct tcp_listen_options options = {
        .reuse_address = true,
        .backlog = backlog == BACKLOG_UNTOUCHED ? 0 : backlog,
    };
    int error = tcp_listen(listener->sockets->runtime, address, &options, sockets_accept_hook,
                           listener, &listener->listener);
    if (error == 0) {
        listener->bound = tcp_listener_address(listener->listener);
    }
    return error;
}

static int bind_wildcard(struct kafka_listener *listener, uint16_t port)
{
    struct tcp_address any = {.is_v6 = true, .port = port};
    int error = bind_to(listener, &any);
    if (error != 0 && error != ERR_IN_USE && error != ERR_ACCESS) {
        any.is_v6 = false;
        error = bind_to(listener, &any);
    }
    return error;
}

/* The end of it, once: with the first error, or when nothing is left to look up. */
static void settle(struct sockets *sockets, int error, int32_t index)
{
    void (*done)(void *ctx, int error, const char *text) = sockets->on_listening;
    char text[512] = "";
    if (done == NULL || (error == 0 && sockets->resolving > 0)) {
        return;
    }
    sockets->on_listening = NULL;
    if (error != 0) {
        const struct broker_listener *wanted = &sockets->broker->config.listeners[index];
        snprintf(text, sizeof text, "cannot listen on %.64s://%.256s:%" PRId32 ": %s", wanted->name,
                 wanted->host, wanted->port,
                 runtime_error_detail()[0] != '\0' ? runtime_error_detail() : error_text(error));
        for (int32_t i = 0; i < sockets->broker->config.listener_count; i++) {
            if (sockets->listeners[i].listener != NULL) {
                tcp_listener_close(sockets->listeners[i].listener);
                sockets->listeners[i].listener = NULL;
            }
        }
    }
    done(sockets->on_listening_ctx, error, text);
}

static void resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct kafka_listener *listener = ctx;
    struct sockets *sockets = listener->sockets;
    sockets->resolving -= 1;
    if (sockets->is_closing || sockets->is_detached || sockets->on_listening == NULL) {
        return;
    }
    if (error == 0) {
        error = count > 0 ? bind_to(listener, &addresses[0]) : ERR_RESOLVE;
    }
    settle(sockets, error, (int32_t)(listener - sockets->listeners));
}

void sockets_listen(struct sockets *sockets,
                    void (*done)(void *ctx, int error, const char *text),
                    void *ctx)
{
    const struct broker_config *config = &sockets->broker->config;
    sockets->on_listening = done;
    sockets->on_listening_ctx = ctx;
    for (int32_t i = 0; i < config->listener_count; i++) {
        const struct broker_listener *wanted = &config->listeners[i];
        struct kafka_listener *listener = &sockets->listeners[i];
        struct slice host = slice_of_cstr(wanted->host);
        struct tcp_address address = {0};
        uint16_t port = (uint16_t)wanted->port;
        int error = 0;
        listener->sockets = sockets;
        snprintf(listener->name, sizeof listener->name, "%s", wanted->name);
        if (host.len == 0) {
            error = bind_wildcard(listener, port);
        } else if (tcp_address_parse(host, port, &address)) {
            error = bind_to(listener, &address);
        } else {
            sockets->resolving += 1;
            tcp_resolve(sockets->runtime, host, port, resolved, listener);
        }
        if (error != 0) {
            settle(sockets, error, i);
            return;
        }
    }
    settle(sockets, 0, 0);
}

struct tcp_address sockets_address(const struct sockets *sockets, int32_t index)
{
    ASSERT(index >= 0 && index < BROKER_LISTENERS_MAX);
    return sockets->listeners[index].bound;
}
