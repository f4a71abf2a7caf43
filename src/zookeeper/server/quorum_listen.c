/* quorum_listen.c - the quorum port on the server's own addresses.
 *
 * What the configuration says of this server: one listener for each of its addresses, or the port
 * on all interfaces with quorumListenOnAllIPs. A numeric address (and localhost) is bound at once,
 * so that a port that is taken ends the start with a sentence; a name is resolved off the loop and
 * tried again every LISTEN_RETRY_MS while it does not resolve to an address of this host, as the
 * name service of a container may be late. Apache's opens this port only while it leads, and ends
 * the server when it cannot; here it is open from the start, and what cannot be bound is said
 * early. Source: Leader (createServerSocket); reference 1.8, 2.9.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/quorum_port_private.h"

#define LISTEN_RETRY_MS 1000
#define BACKLOG 64

struct quorum_listen {
    struct list entry; /* quorum_port.listens */
    struct quorum_port *port;
    char host[256];
    uint16_t number;
    struct tcp_listener *listener;
    struct runtime_timer retry;
    bool is_resolving; /* freed by the resolver's answer when it is over before */
    bool is_over;
    uint32_t failures;
};

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    struct quorum_listen *listen = ctx;
    quorum_port_accepted(listen->port, stream);
}

static int bind_to(struct quorum_listen *listen, const struct tcp_address *address)
{
    struct tcp_listen_options options = {.backlog = BACKLOG, .reuse_address = true};
    int error = tcp_listen(listen->port->node->runtime, address, &options, on_accept, listen,
                           &listen->listener);
    if (error == 0) {
        LOG("quorum", LOG_INFO, "Learners are taken on %s:%u", listen->host, listen->number);
    }
    return error;
}

/* "" and 0.0.0.0: every interface, IPv6 too where the host has it. */
static int bind_all(struct quorum_listen *listen)
{
    struct tcp_address address = {.is_v6 = true, .port = listen->number};
    int error = bind_to(listen, &address);
    if (error != 0 && error != ERR_IN_USE && error != ERR_ACCESS) {
        address = (struct tcp_address){.port = listen->number};
        error = bind_to(listen, &address);
    }
    return error;
}

static bool is_wildcard(const struct quorum_listen *listen)
{
    return listen->host[0] == '\0' || strcmp(listen->host, "0.0.0.0") == 0;
}

/* ERR_RESOLVE: it is a name. */
static int bind_now(struct quorum_listen *listen)
{
    struct tcp_address address;
    struct slice host = slice_of_cstr(listen->host);
    if (is_wildcard(listen)) {
        return bind_all(listen);
    }
    bool is_local = slice_equal_cstr(host, "localhost");
    if (!tcp_address_parse(is_local ? SLICE_LIT("127.0.0.1") : host, listen->number, &address)) {
        return ERR_RESOLVE;
    }
    return bind_to(listen, &address);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void listen_free(struct quorum_listen *listen)
{
    runtime_timer_stop(&listen->retry);
    list_remove(&listen->entry);
    mem_free(listen, sizeof *listen);
}

static void try_later(struct quorum_listen *listen, const char *why)
{
    struct node *node = listen->port->node;
    bool is_first = listen->failures == 0;
    listen->failures++;
    LOG("quorum", is_first ? LOG_ERROR : LOG_DEBUG,
        "Cannot listen on %s:%u for learners: %s. Tried again every second; until then this server "
        "cannot lead.",
        listen->host, listen->number, why);
    runtime_timer_set(&listen->retry,
                      runtime_now_ns(node->runtime) + (uint64_t)LISTEN_RETRY_MS * 1000000);
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct quorum_listen *listen = ctx;
    listen->is_resolving = false;
    if (listen->is_over) {
        listen_free(listen);
        return;
    }
    for (size_t i = 0; error == 0 && i < count; i++) {
        int bind_error = bind_to(listen, &addresses[i]);
        if (bind_error == 0) {
            return;
        }
        error = i + 1 == count ? bind_error : 0;
    }
    try_later(listen, error == ERR_RESOLVE ? error_text(error) : runtime_error_detail());
}

static void begin_resolving(struct quorum_listen *listen)
{
    listen->is_resolving = true;
    tcp_resolve(listen->port->node->runtime, slice_of_cstr(listen->host), listen->number,
                on_resolved, listen);
}

static void on_retry(struct runtime_timer *timer)
{
    begin_resolving(CONTAINER_OF(timer, struct quorum_listen, retry));
}

/* ---- the own addresses ----------------------------------------------------------------------- */

static int add_listen(struct quorum_port *port,
                      struct slice host,
                      uint16_t number,
                      struct errmsg *message)
{
    struct quorum_listen *listen = mem_alloc_zeroed(sizeof *listen);
    size_t len = MIN(host.len, sizeof listen->host - 1);
    memcpy(listen->host, host.ptr, len);
    listen->port = port;
    listen->number = number;
    runtime_timer_init(&listen->retry, port->node->runtime, on_retry);
    list_append(&port->listens, &listen->entry);
    int error = bind_now(listen);
    if (error == ERR_RESOLVE) {
        begin_resolving(listen);
        return 0;
    }
    if (error != 0) {
        return errmsg_set(message, error,
                          "server.%" PRId64 ": cannot listen on %s:%u for learners: %s (%s). "
                          "Another program has the port, or the address is not this host's: change "
                          "the server line, or set quorumListenOnAllIPs=true.",
                          port->node->config.server_id,
                          listen->host[0] == '\0' ? "0.0.0.0" : listen->host, number,
                          error_text(error), runtime_error_detail());
    }
    return 0;
}

int quorum_listen_begin(struct quorum_port *port, struct errmsg *message)
{
    struct node *node = port->node;
    const struct quorum_config *config = ensemble_config(node);
    const struct quorum_server *own = quorum_config_find(config, node->config.server_id);
    bool on_all = node->config.quorum_listen_on_all_ips;
    int error = 0;
    for (uint32_t i = 0; own != NULL && error == 0 && i < own->address_count; i++) {
        struct slice host = on_all ? SLICE_LIT("0.0.0.0") : own->addresses[i].host;
        error = add_listen(port, host, own->addresses[i].quorum_port, message);
        if (on_all && own->address_count > 1 && i + 1 < own->address_count &&
            own->addresses[i + 1].quorum_port == own->addresses[i].quorum_port) {
            break; /* all interfaces are one listener */
        }
    }
    if (error != 0) {
        quorum_listen_end(port);
    }
    return error;
}

void quorum_listen_end(struct quorum_port *port)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->listens)
    {
        struct quorum_listen *listen = CONTAINER_OF(entry, struct quorum_listen, entry);
        if (listen->listener != NULL) {
            tcp_listener_close(listen->listener);
            listen->listener = NULL;
        }
        runtime_timer_stop(&listen->retry);
        listen->is_over = true;
        if (!listen->is_resolving) {
            listen_free(listen);
        }
    }
}

void quorum_listen_release_all(struct quorum_port *port)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->listens)
    {
        listen_free(CONTAINER_OF(entry, struct quorum_listen, entry));
    }
}
