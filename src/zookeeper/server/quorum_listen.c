/* quorum_listen.c - the quorum port on the server's own addresses.
 *
 * What the configuration says of this server: one listener for each of its addresses, or the port
 * on all interfaces with quorumListenOnAllIPs (own_listener.h). Apache's opens this port only while
 * it leads; here it is open from the start, and what cannot be bound is said early, and tried again
 * for as long as the server runs: who follows needs no such port, and who leads without one is
 * followed by nobody and looks for a leader again. Source: Leader (createServerSocket); reference
 * 1.8, 2.9.
 */
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/own_listener.h"
#include "zookeeper/server/quorum_port_private.h"

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    quorum_port_accepted(ctx, stream);
}

/* All interfaces are one listener: has an address before this one the same port? */
static bool is_repeated(const struct quorum_server *own, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (own->addresses[i].quorum_port == own->addresses[at].quorum_port) {
            return true;
        }
    }
    return false;
}

int quorum_listen_begin(struct quorum_port *port, struct errmsg *message)
{
    struct node *node = port->node;
    const struct quorum_server *own = quorum_config_find(ensemble_config(node),
                                                         node->config.server_id);
    bool on_all = node->config.quorum_listen_on_all_ips;
    int error = 0;
    if (port->listener == NULL) {
        const struct own_listener_options options = {
            .runtime = node->runtime,
            .module = "quorum",
            .purpose = "learners",
            .advice = "change the own server line, or set quorumListenOnAllIPs=true",
            .backlog = OWN_LISTENER_BACKLOG,
            .on_accept = on_accept,
            .ctx = port,
        };
        port->listener = own_listener_create(&options);
    }
    for (uint32_t i = 0; own != NULL && error == 0 && i < own->address_count; i++) {
        if (!on_all || !is_repeated(own, i)) {
            error = own_listener_add(port->listener,
                                     on_all ? SLICE_LIT("0.0.0.0") : own->addresses[i].host,
                                     own->addresses[i].quorum_port, message);
        }
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
    }
}

bool quorum_listen_is_quiet(const struct quorum_port *port)
{
    return port->listener == NULL || own_listener_is_quiet(port->listener);
}

void quorum_listen_release_all(struct quorum_port *port)
{
    own_listener_destroy(port->listener);
    port->listener = NULL;
}
