/* admin_ensemble.c - the admin commands about a server's place in its ensemble. The keys are
 * Apache's.
 *
 * Sources: admin/Commands.java (LeaderCommand, ObserversCommand, VotingViewCommand,
 * ZabStateCommand), LearnerHandler.getLearnerHandlerInfo.
 */
#include <inttypes.h>
#include <stdio.h>

#include "zookeeper/admin/admin_command.h"
#include "zookeeper/core/quorum.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/status.h"

#define ADDRESS_TEXT_MAX 320

json_t *admin_proposal_stats(const struct node *node)
{
    const struct peer_stats *stats = peer_stats_of(node->peer);
    json_t *object = admin_json(json_object());
    admin_put_integer(object, "last_buffer_size", stats->last_proposal_bytes);
    admin_put_integer(object, "min_buffer_size", stats->min_proposal_bytes);
    admin_put_integer(object, "max_buffer_size", stats->max_proposal_bytes);
    return object;
}

static json_t *address_text(struct slice host, uint16_t port)
{
    char text[ADDRESS_TEXT_MAX];
    bool is_v6 = memchr(host.ptr, ':', host.len) != NULL;
    snprintf(text, sizeof text, is_v6 ? "[%.*s]:%u" : "%.*s:%u", (int)MIN(host.len, 256),
             (const char *)host.ptr, port);
    return admin_json(json_string(text));
}

static void append(json_t *array, json_t *value)
{
    int failed = json_array_append_new(array, value);
    ASSERT(failed == 0);
}

static json_t *one_of(const struct quorum_address *address, bool of_election)
{
    return address_text(address->host, of_election ? address->election_port : address->quorum_port);
}

static json_t *addresses_of(const struct quorum_server *server, bool of_election)
{
    json_t *array = admin_json(json_array());
    for (uint32_t i = 0; i < server->address_count; i++) {
        append(array, one_of(&server->addresses[i], of_election));
    }
    return array;
}

/* The properties of upstream's MultipleAddresses. Nothing is tried out here: all count as
 * reachable. */
static json_t *address_set(const struct quorum_server *server, bool of_election)
{
    json_t *object = admin_json(json_object());
    json_t *hosts = admin_json(json_array());
    json_t *ports = admin_json(json_array());
    json_t *wildcards = admin_json(json_array());
    for (uint32_t i = 0; i < server->address_count; i++) {
        const struct quorum_address *address = &server->addresses[i];
        uint16_t port = of_election ? address->election_port : address->quorum_port;
        append(hosts, admin_json(json_stringn((const char *)address->host.ptr, address->host.len)));
        append(ports, admin_json(json_integer(port)));
        append(wildcards, address_text(SLICE_LIT("0.0.0.0"), port));
    }
    admin_put(object, "empty", json_boolean(server->address_count == 0));
    admin_put(object, "all_addresses", addresses_of(server, of_election));
    admin_put(object, "wildcard_addresses", wildcards);
    admin_put(object, "all_ports", ports);
    admin_put(object, "all_host_strings", hosts);
    admin_put(object, "reachable_address", one_of(&server->addresses[0], of_election));
    admin_put(object, "all_reachable_addresses", addresses_of(server, of_election));
    admin_put(object, "all_reachable_addresses_or_all", addresses_of(server, of_election));
    admin_put(object, "reachable_or_one", one_of(&server->addresses[0], of_election));
    admin_put(object, "one", one_of(&server->addresses[0], of_election));
    return object;
}

/* This server's may come from clientPort. (QuorumPeerConfig.setupClientPort) */
static json_t *client_address_of(const struct node *node, const struct quorum_server *server)
{
    struct slice host = server->client_host;
    uint16_t port = server->client_port;
    if (port == 0 && server->id == node->config.server_id && node->config.client_port != 0) {
        host = slice_of_cstr(node->config.client_port_address);
        port = node_client_address(node).port;
    }
    if (port == 0) {
        return admin_json(json_string(""));
    }
    return address_text(host.len == 0 ? SLICE_LIT("0.0.0.0") : host, port);
}

/* Upstream asks whether the server is a QuorumZooKeeperServer; a read-only one is none. */
static bool is_with_a_leader(const struct node *node)
{
    return node->peer != NULL && node->peer->is_serving;
}

void admin_run_leader(struct admin_call *call)
{
    const struct peer *peer = call->node->peer;
    if (!is_with_a_leader(call->node)) {
        admin_put(call->data, "error", json_string("server is not initialized"));
        return;
    }
    int64_t leader_id = peer->election.vote.leader;
    const struct quorum_server *leader = quorum_config_find(ensemble_config(call->node), leader_id);
    char host[ADDRESS_TEXT_MAX] = "";
    if (leader != NULL) {
        snprintf(host, sizeof host, "%.*s", (int)MIN(leader->addresses[0].host.len, 256),
                 (const char *)leader->addresses[0].host.ptr);
    }
    admin_put(call->data, "is_leader", json_boolean(peer->state == PEER_LEADING));
    admin_put_integer(call->data, "leader_id", leader_id);
    admin_put(call->data, "leader_ip", json_string(host));
}

struct observer_list {
    const struct node *node;
    json_t *array;
    int64_t synced;
};

static void put_observer(void *ctx, const struct peer_learner_info *info)
{
    struct observer_list *list = ctx;
    char remote[128];
    if (!info->is_observer) {
        return;
    }
    struct slice text = info->link != NULL ? info->link->remote : SLICE_LIT("");
    snprintf(remote, sizeof remote, "%.*s", (int)MIN(text.len, 100), (const char *)text.ptr);
    json_t *entry = admin_json(json_object());
    admin_put(entry, "remote_socket_address", json_string(remote));
    admin_put_integer(entry, "sid", info->server_id);
    admin_put_integer(entry, "established",
                      status_monotonic_to_wall_ms(list->node, info->connected_ms));
    admin_put_integer(entry, "queued_packets", 0); /* they go to the socket, as bytes */
    admin_put_integer(entry, "queued_packets_size",
                      info->link != NULL ? (int64_t)info->link->output_bytes : 0);
    admin_put_integer(entry, "packets_received", (int64_t)info->packets_received);
    admin_put_integer(entry, "packets_sent", (int64_t)info->packets_sent);
    admin_put_integer(entry, "requests", (int64_t)info->requests);
    /* Upstream: what it was sent last, and an observer is sent what is committed. */
    admin_put_integer(entry, "last_zxid",
                      info->is_synced ? list->node->service->tree.last_processed_zxid
                                      : info->acked_zxid);
    list->synced += info->is_synced ? 1 : 0;
    append(list->array, entry);
}

void admin_run_observers(struct admin_call *call)
{
    const struct peer *peer = call->node->peer;
    struct observer_list list = {.node = call->node, .array = admin_json(json_array())};
    if (peer != NULL && peer->state == PEER_LEADING) {
        peer_each_learner(peer, put_observer, &list);
    }
    admin_put_integer(call->data, "synced_observers", list.synced);
    admin_put(call->data, "observers", list.array);
}

void admin_run_voting_view(struct admin_call *call)
{
    json_t *view = admin_json(json_object());
    const struct quorum_config *config = is_with_a_leader(call->node) ? ensemble_config(call->node)
                                                                      : NULL;
    for (uint32_t i = 0; config != NULL && i < config->server_count; i++) {
        const struct quorum_server *server = &config->servers[i];
        char key[32];
        if (server->role != QUORUM_PARTICIPANT) {
            continue;
        }
        json_t *entry = admin_json(json_object());
        snprintf(key, sizeof key, "%" PRId64, server->id);
        admin_put(entry, "server_addresses", addresses_of(server, false));
        admin_put(entry, "election_addresses", addresses_of(server, true));
        admin_put(entry, "client_address", client_address_of(call->node, server));
        admin_put(entry, "learner_type", json_string("participant"));
        admin_put(view, key, entry);
    }
    admin_put(call->data, "current_config", view);
}

void admin_run_zabstate(struct admin_call *call)
{
    const struct node *node = call->node;
    const struct peer *peer = node->peer;
    char zab_state[32] = "";
    char zxid_text[32];
    if (!is_with_a_leader(node)) {
        admin_put(call->data, "voting", json_false());
        admin_put(call->data, "zabstate", json_string(""));
        return;
    }
    const struct quorum_config *config = ensemble_config(node);
    const struct quorum_server *own = quorum_config_find(config, node->config.server_id);
    uint64_t zxid = (uint64_t)node->service->tree.last_processed_zxid;
    for (size_t i = 0; i + 1 < sizeof zab_state && peer->zab_state[i] != '\0'; i++) {
        char letter = peer->zab_state[i];
        zab_state[i] = (char)(letter >= 'A' && letter <= 'Z' ? letter | 0x20 : letter);
    }
    snprintf(zxid_text, sizeof zxid_text, "0x%" PRIx64, zxid);
    admin_put_integer(call->data, "myid", node->config.server_id);
    admin_put(call->data, "is_leader", json_boolean(peer->state == PEER_LEADING));
    if (own != NULL) {
        admin_put(call->data, "quorum_address", address_set(own, false));
        admin_put(call->data, "election_address", address_set(own, true));
        admin_put(call->data, "client_address", client_address_of(node, own));
    }
    admin_put(call->data, "voting",
              json_boolean(quorum_config_is_voter(config, node->config.server_id)));
    admin_put(call->data, "last_zxid", json_string(zxid_text));
    admin_put_integer(call->data, "zab_epoch", (int64_t)(zxid >> 32));
    admin_put_integer(call->data, "zab_counter", (int64_t)(zxid & UINT32_MAX));
    admin_put(call->data, "zabstate", json_string(zab_state));
}
