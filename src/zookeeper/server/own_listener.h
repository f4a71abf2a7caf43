/* own_listener.h - listening on what the configuration says are this server's own addresses.
 *
 * A numeric address (localhost and the wildcard among them) is bound at once; a name is looked up
 * off the loop. What fails is tried again every OWN_LISTENER_RETRY_MS, with a warning each time and
 * as often as the options say: a server that is just ending may have the port still, and the name
 * service of a container may be late.
 */
#ifndef ZOOKEEPER_SERVER_OWN_LISTENER_H
#define ZOOKEEPER_SERVER_OWN_LISTENER_H

#include "runtime/errmsg.h"
#include "runtime/runtime.h"

#define OWN_LISTENER_RETRY_MS 1000

/* Of ports for servers, which are few. */
#define OWN_LISTENER_BACKLOG 64

struct own_listener;

struct own_listener_options {
    struct runtime *runtime;
    const char *module;     /* of the lines in the log */
    const char *purpose;    /* "elections": for the log and for sentences */
    int backlog;            /* as tcp_listen's */
    const char *advice;     /* what else helps, for sentences */
    uint32_t bind_attempts; /* 0: for ever */
    void (*on_accept)(struct tcp_stream *stream, void *ctx); /* as tcp_listen's */
    void (*on_failed)(void *ctx, const char *text); /* the attempts are used up; may be NULL */
    void *ctx;
};

struct own_listener *own_listener_create(const struct own_listener_options *options);

/* One more address; "" and 0.0.0.0 are all interfaces, IPv6 too where the host has it. An error is
 * returned where there is no other attempt: a numeric address with bind_attempts 1. */
NODISCARD int own_listener_add(struct own_listener *listener,
                               struct slice host,
                               uint16_t port,
                               struct errmsg *message);

/* Do they stand for the same, as far as that can be said without looking up names? */
bool own_listener_same_host(struct slice a, struct slice b);

/* Of the first address that is bound; port 0: none. */
struct tcp_address own_listener_address(const struct own_listener *listener);

/* Closes all; addresses may be added again. No callback comes any more, but memory is kept until
 * the last look-up has come back: own_listener_is_quiet. */
void own_listener_close(struct own_listener *listener);
bool own_listener_is_quiet(const struct own_listener *listener);

/* Frees all at once: it is quiet, or the runtime is gone (timers are taken out of it). NULL is
 * nothing. */
void own_listener_destroy(struct own_listener *listener);

#endif
