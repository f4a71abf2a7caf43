/* client_listen.c - where clients are served: the port of zoo.cfg, and where a reconfig moves it.
 *
 * At the start an address that cannot be bound ends the server with a sentence. Later the own line
 * of a new configuration may name another address: the old port is closed, the new one is opened,
 * and whoever is connected stays (the connections are client_port.c's). There it is too late to
 * refuse: an address that cannot be bound is logged, and no port is open until the next
 * configuration names another. Source: QuorumPeer.processReconfig,
 * NIOServerCnxnFactory.reconfigure.
 */
#include <stdio.h>

#include "runtime/log.h"
#include "zookeeper/server/node.h"
#include "zookeeper/server/own_listener.h"

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    client_port_accepted(ctx, stream);
}

static void on_failed(void *ctx, const char *text)
{
    (void)ctx;
    LOG("client", LOG_ERROR, "%s", text);
}

static struct own_listener *listener_of(struct node *node)
{
    if (node->listener == NULL) {
        const struct own_listener_options options = {
            .runtime = node->runtime,
            .module = "client",
            .purpose = "clients",
            .advice = "change the own server line",
            .backlog = node->config.client_port_listen_backlog,
            .bind_attempts = 1,
            .on_accept = on_accept,
            .on_failed = on_failed,
            .ctx = node,
        };
        node->listener = own_listener_create(&options);
    }
    return node->listener;
}

/* ---- the start ------------------------------------------------------------------------------- */

int client_listen_begin(struct node *node, struct errmsg *message)
{
    struct tcp_address numeric;
    if (node->config.client_port == 0) {
        return 0;
    }
    const char *host = node->config.client_port_address;
    uint16_t port = node->config.client_port < 0 ? 0 : (uint16_t)node->config.client_port;
    if (host[0] != '\0' && !tcp_address_parse(slice_of_cstr(host), port, &numeric)) {
        return errmsg_set(message, ERR_RESOLVE,
                          "clientPortAddress: \"%s\" is not an address of this host. Give an IP "
                          "address, or leave the key out to listen "
                          "on all of them.",
                          host);
    }
    int error = own_listener_add(listener_of(node), slice_of_cstr(host), port, NULL);
    const char *shown = host[0] == '\0' ? "0.0.0.0" : host;
    if (error == ERR_IN_USE) {
        return errmsg_set(message, error,
                          "clientPort: %s:%u: Address already in use. Another server (or another "
                          "program) listens there: stop it, or "
                          "change clientPort.",
                          shown, port);
    }
    if (error == ERR_ACCESS) {
        return errmsg_set(message, error,
                          "clientPort: no permission to listen on port %u. Ports below 1024 need "
                          "root or CAP_NET_BIND_SERVICE.",
                          port);
    }
    if (error != 0) {
        const char *detail = runtime_error_detail();
        return errmsg_set(message, error, "clientPort: cannot listen on %s:%u: %s", shown, port,
                          detail[0] == '\0' ? error_text(error) : detail);
    }
    return 0;
}

/* ---- moving ---------------------------------------------------------------------------------- */

void client_listen_move(struct node *node, struct slice host, uint16_t port)
{
    struct zk_config *config = &node->config;
    struct errmsg message;
    if (config->client_port == port &&
        own_listener_same_host(slice_of_cstr(config->client_port_address), host)) {
        return;
    }
    if (host.len >= sizeof config->client_port_address) {
        LOG("client", LOG_ERROR, "The host for clients in the own server line is too long");
        return;
    }
    config->client_port = port;
    snprintf(config->client_port_address, sizeof config->client_port_address, "%.*s",
             LOG_SLICE(host));
    struct own_listener *listener = listener_of(node);
    own_listener_close(listener);
    if (own_listener_add(listener, host, port, &message) != 0) {
        LOG("client", LOG_ERROR, "%s", message.text);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

struct tcp_address node_client_address(const struct node *node)
{
    return node->listener == NULL ? (struct tcp_address){0} : own_listener_address(node->listener);
}

void client_listen_end(struct node *node)
{
    if (node->listener != NULL) {
        own_listener_close(node->listener);
    }
}

bool client_listen_is_quiet(const struct node *node)
{
    return node->listener == NULL || own_listener_is_quiet(node->listener);
}
