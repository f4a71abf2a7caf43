/* quorum_listen.c - the quorum port, and the one for observers, on the server's own addresses.
 *
 * What the configuration says of this server: one listener for each of its addresses, or the port
 * on all interfaces with quorumListenOnAllIPs (own_listener.h). Apache's opens this port only while
 * it leads; here it is open from the start, and what cannot be bound is said early, and tried again
 * for as long as the server runs: who follows needs no such port, and who leads without one is
 * followed by nobody and looks for a leader again. The same goes for observerMasterPort, which a
 * server that observes has only to say where others take it. Sources: Leader (createServerSocket),
 * ObserverMaster.start; reference 1.8, 2.9.
 */
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/own_listener.h"
#include "zookeeper/server/quorum_port_private.h"

static void on_learner(struct tcp_stream *stream, void *ctx)
{
    quorum_port_accepted(ctx, stream);
}

static void on_observer(struct tcp_stream *stream, void *ctx)
{
    quorum_relay_accepted(ctx, stream);
}

static struct own_listener *make_listener(struct quorum_port *port,
                                          const char *purpose,
                                          void (*on_accept)(struct tcp_stream *stream, void *ctx))
{
    const struct own_listener_options options = {
        .runtime = port->node->runtime,
        .module = "quorum",
        .purpose = purpose,
        .advice = "change the own server line, or set quorumListenOnAllIPs=true",
        .backlog = OWN_LISTENER_BACKLOG,
        .on_accept = on_accept,
        .ctx = port,
    };
    return own_listener_create(&options);
}

/* `fixed` is the port on each address; 0: each has its own. */
static uint16_t port_of(const struct quorum_server *own, uint32_t at, uint16_t fixed)
{
    return fixed != 0 ? fixed : own->addresses[at].quorum_port;
}

/* All interfaces are one listener: has an address before this one the same port? */
static bool is_repeated(const struct quorum_server *own, uint32_t at, uint16_t fixed)
{
    for (uint32_t i = 0; i < at; i++) {
        if (port_of(own, i, fixed) == port_of(own, at, fixed)) {
            return true;
        }
    }
    return false;
}

static int listen_on_own(struct quorum_port *port,
                         struct own_listener *listener,
                         uint16_t fixed,
                         struct errmsg *message)
{
    const struct node *node = port->node;
    const struct quorum_server *own = quorum_config_find(ensemble_config(node),
                                                         node->config.server_id);
    bool on_all = node->config.quorum_listen_on_all_ips;
    int error = 0;
    for (uint32_t i = 0; own != NULL && error == 0 && i < own->address_count; i++) {
        if (!on_all || !is_repeated(own, i, fixed)) {
            error = own_listener_add(listener,
                                     on_all ? SLICE_LIT("0.0.0.0") : own->addresses[i].host,
                                     port_of(own, i, fixed), message);
        }
    }
    return error;
}

static bool takes_observers(const struct quorum_port *port)
{
    const struct node *node = port->node;
    const struct quorum_server *own = quorum_config_find(ensemble_config(node),
                                                         node->config.server_id);
    return node->config.observer_master_port > 0 && own != NULL && own->role != QUORUM_OBSERVER;
}

int quorum_listen_begin(struct quorum_port *port, struct errmsg *message)
{
    if (port->listener == NULL) {
        port->listener = make_listener(port, "learners", on_learner);
        port->observer_listener = make_listener(port, "observers", on_observer);
    }
    int error = listen_on_own(port, port->listener, 0, message);
    if (error == 0 && takes_observers(port)) {
        error = listen_on_own(port, port->observer_listener,
                              (uint16_t)port->node->config.observer_master_port, message);
    }
    if (error != 0) {
        quorum_listen_end(port);
    }
    return error;
}

void quorum_listen_end(struct quorum_port *port)
{
    if (port->listener != NULL) {
        own_listener_close(port->listener);
        own_listener_close(port->observer_listener);
    }
}

bool quorum_listen_is_quiet(const struct quorum_port *port)
{
    return port->listener == NULL || (own_listener_is_quiet(port->listener) &&
                                      own_listener_is_quiet(port->observer_listener));
}

void quorum_listen_release_all(struct quorum_port *port)
{
    own_listener_destroy(port->listener);
    own_listener_destroy(port->observer_listener);
    port->listener = NULL;
    port->observer_listener = NULL;
}
