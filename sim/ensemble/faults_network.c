/* faults_network.c - what goes wrong with connections: between members, and of clients. See
 * faults.h.
 */
#include "sim/ensemble/faults.h"
#include "sim/log_sim.h"

/* ---- the network between members ------------------------------------------------------------- */

static uint64_t pack_way(size_t from, size_t to)
{
    return (uint64_t)from << 8 | (uint64_t)to;
}

static void on_heal_way(void *ctx, uint64_t way)
{
    struct ensemble_world *ensemble = ctx;
    net_cut_way(&ensemble->base.network, (size_t)(way >> 8), (size_t)(way & 0xff), false);
}

static void on_hasten_way(void *ctx, uint64_t way)
{
    struct ensemble_world *ensemble = ctx;
    ensemble->base.network.ways[way >> 8][way & 0xff].slow_ns = 0;
}

/* Cuts the way, for so long. */
static void cut_way(struct ensemble_world *ensemble,
                    const struct member *from,
                    const struct member *to,
                    uint64_t until_ns)
{
    size_t a = net_host_of(&from->address);
    size_t b = net_host_of(&to->address);
    net_cut_way(&ensemble->base.network, a, b, true);
    schedule_at(&ensemble->base.schedule, until_ns, on_heal_way, ensemble, pack_way(a, b));
}

static void cut_both_ways(struct ensemble_world *ensemble,
                          const struct member *one,
                          const struct member *other,
                          uint64_t until_ns)
{
    cut_way(ensemble, one, other, until_ns);
    cut_way(ensemble, other, one, until_ns);
}

static uint64_t until(struct ensemble_world *ensemble)
{
    return ensemble->base.schedule.now_ns + faults_draw_ns(ensemble, 200, 15000);
}

static bool cut_pair(struct ensemble_world *ensemble, bool both)
{
    struct member *one = faults_any_member(ensemble);
    struct member *other = faults_any_member(ensemble);
    uint64_t until_ns = until(ensemble);
    if (one == other) {
        return false;
    }
    cut_way(ensemble, one, other, until_ns);
    if (both) {
        cut_way(ensemble, other, one, until_ns);
    }
    return true;
}

/* Two halves; `bridge` belongs to both, when there is one. */
static bool cut_halves(struct ensemble_world *ensemble, int bridge)
{
    uint64_t until_ns = until(ensemble);
    int count = ensemble->options.member_count;
    uint64_t sides = random_next(faults_dice(ensemble));
    for (int i = 0; i < count; i++) {
        for (int k = i + 1; k < count; k++) {
            bool is_apart = ((sides >> i) & 1) != ((sides >> k) & 1);
            if (is_apart && i != bridge && k != bridge) {
                cut_both_ways(ensemble, &ensemble->members[i], &ensemble->members[k], until_ns);
            }
        }
    }
    return true;
}

/* Each member sees the next ones around the ring, so many that it is a majority with them. */
bool faults_cut_ring(struct ensemble_world *ensemble)
{
    uint64_t until_ns = until(ensemble);
    int count = ensemble->options.member_count;
    for (int i = 0; i < count; i++) {
        for (int k = i + 1; k < count; k++) {
            int way = MIN(k - i, count - (k - i));
            if (way > (count / 2 + 1) / 2) {
                cut_both_ways(ensemble, &ensemble->members[i], &ensemble->members[k], until_ns);
            }
        }
    }
    return true;
}

static bool cut_off(struct ensemble_world *ensemble, struct member *member, bool from, bool to)
{
    uint64_t until_ns = until(ensemble);
    if (member == NULL) {
        return false;
    }
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *other = &ensemble->members[i];
        if (other != member && from) {
            cut_way(ensemble, member, other, until_ns);
        }
        if (other != member && to) {
            cut_way(ensemble, other, member, until_ns);
        }
    }
    return true;
}

bool faults_cut_clients(struct ensemble_world *ensemble)
{
    struct member *member = faults_any_member(ensemble);
    uint64_t until_ns = until(ensemble);
    struct network *network = &ensemble->base.network;
    for (int i = 0; i < ensemble->base.options.client_count; i++) {
        size_t client = net_host_of(&ensemble->base.clients[i].address);
        size_t server = net_host_of(&member->address);
        net_cut_way(network, client, server, true);
        net_cut_way(network, server, client, true);
        schedule_at(&ensemble->base.schedule, until_ns, on_heal_way, ensemble,
                    pack_way(client, server));
        schedule_at(&ensemble->base.schedule, until_ns, on_heal_way, ensemble,
                    pack_way(server, client));
    }
    return true;
}

static void slow_way(struct ensemble_world *ensemble,
                     const struct member *from,
                     const struct member *to)
{
    size_t a = net_host_of(&from->address);
    size_t b = net_host_of(&to->address);
    ensemble->base.network.ways[a][b].slow_ns = faults_draw_ns(ensemble, 5, 1500);
    faults_post_end(ensemble, 200, 8000, on_hasten_way, ensemble, pack_way(a, b));
}

bool faults_slow_leader(struct ensemble_world *ensemble)
{
    struct member *leader = ensemble_world_leader(ensemble);
    for (int i = 0; i < ensemble->options.member_count && leader != NULL; i++) {
        if (&ensemble->members[i] != leader) {
            slow_way(ensemble, leader, &ensemble->members[i]);
            slow_way(ensemble, &ensemble->members[i], leader);
        }
    }
    return leader != NULL;
}

static bool is_member_host(const struct tcp_address *address)
{
    return address->ip[3] <= MEMBERS_MAX || address->ip[3] >= NEW_ADDRESS_STEP;
}

static struct net_conn *some_peer_conn(struct ensemble_world *ensemble)
{
    struct net_conn *chosen = NULL;
    uint64_t seen = 0;
    for (struct net_conn *conn = ensemble->base.network.conns; conn != NULL; conn = conn->next) {
        if (conn->ends[0].is_open && conn->ends[1].is_open && !conn->is_reset &&
            is_member_host(&conn->ends[0].address)) {
            seen += 1;
            chosen = random_once_in(faults_dice(ensemble), seen) ? conn : chosen;
        }
    }
    return chosen;
}

static bool hurt_peer_conn(struct ensemble_world *ensemble, bool resets)
{
    struct net_conn *conn = some_peer_conn(ensemble);
    if (conn == NULL) {
        return false;
    }
    if (resets) {
        net_break(conn);
    } else {
        uint64_t until_ns = ensemble->base.schedule.now_ns + faults_draw_ns(ensemble, 5, 8000);
        net_stall(conn, (int)random_below(faults_dice(ensemble), 2), until_ns);
    }
    return true;
}

static void on_crumbs_end(void *ctx, uint64_t argument)
{
    struct ensemble_world *ensemble = ctx;
    (void)argument;
    ensemble->base.network.profile = ensemble->base.options.net;
}

bool faults_crumbs(struct ensemble_world *ensemble)
{
    ensemble->base.network.profile.crumb_once_in = 3;
    ensemble->base.network.profile.split_once_in = 1;
    faults_post_end(ensemble, 20, 400, on_crumbs_end, ensemble, 0);
    return true;
}

/* ---- strikes: true when it happened ---------------------------------------------------------- */

bool faults_cut_one_way(struct ensemble_world *ensemble)
{
    return cut_pair(ensemble, false);
}

bool faults_cut_pair(struct ensemble_world *ensemble)
{
    return cut_pair(ensemble, true);
}

bool faults_cut_halves(struct ensemble_world *ensemble)
{
    return cut_halves(ensemble, -1);
}

bool faults_cut_bridge(struct ensemble_world *ensemble)
{
    uint64_t count = (uint64_t)ensemble->options.member_count;
    return cut_halves(ensemble, (int)random_below(faults_dice(ensemble), count));
}

bool faults_cut_leader(struct ensemble_world *ensemble)
{
    return cut_off(ensemble, ensemble_world_leader(ensemble), true, true);
}

bool faults_cut_deaf_leader(struct ensemble_world *ensemble)
{
    return cut_off(ensemble, ensemble_world_leader(ensemble), false, true);
}

bool faults_slow_way(struct ensemble_world *ensemble)
{
    struct member *to = faults_any_member(ensemble);
    struct member *from = faults_any_member(ensemble);
    slow_way(ensemble, from, to);
    return true;
}

bool faults_reset_peer(struct ensemble_world *ensemble)
{
    return hurt_peer_conn(ensemble, true);
}

bool faults_stall_peer(struct ensemble_world *ensemble)
{
    return hurt_peer_conn(ensemble, false);
}

/* ---- clients --------------------------------------------------------------------------------- */

static void on_heal_pipes(void *ctx, uint64_t argument)
{
    (void)argument;
    net_set_cut(ctx, 0, false);
    net_set_cut(ctx, 1, false);
}

static struct client *some_client(struct ensemble_world *ensemble)
{
    uint64_t count = (uint64_t)ensemble->base.options.client_count;
    struct client *client = &ensemble->base.clients[random_below(faults_dice(ensemble), count)];
    return client->conn == NULL ? NULL : client;
}

/* One that could send a request now. */
static struct client *ready_client(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    bool is_ready = client != NULL && client->state == CLIENT_READY &&
                    !client->is_closing_session && client->session != NULL;
    return is_ready ? client : NULL;
}

bool faults_reset_client(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    if (client != NULL) {
        net_break(client->conn);
    }
    return client != NULL;
}

bool faults_stall_client(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    if (client != NULL) {
        uint64_t until_ns = ensemble->base.schedule.now_ns + faults_draw_ns(ensemble, 1, 3000);
        net_stall(client->conn, (int)random_below(faults_dice(ensemble), 2), until_ns);
    }
    return client != NULL;
}

bool faults_cut_client(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    uint64_t ways = random_between(faults_dice(ensemble), 1, 3);
    if (client != NULL) {
        net_set_cut(client->conn, 0, (ways & 1) != 0);
        net_set_cut(client->conn, 1, (ways & 2) != 0);
        faults_post_end(ensemble, 10, 6000, on_heal_pipes, client->conn, 0);
    }
    return client != NULL;
}

bool faults_move(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    if (client != NULL) {
        ensemble->last_server[client->index] = -1;
        client_hang_up(client, random_once_in(faults_dice(ensemble), 2));
    }
    return client != NULL;
}

bool faults_hang_up(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    uint64_t how = random_below(faults_dice(ensemble), 5);
    if (client == NULL) {
        return false;
    }
    if (how < 2) {
        client_hang_up(client, how == 1);
    } else if (how < 4) {
        client_vanish(client);
    } else {
        client_abandon(client);
    }
    return true;
}

bool faults_slow_reader(struct ensemble_world *ensemble)
{
    struct client *client = some_client(ensemble);
    if (client != NULL) {
        client->slow_until_ns = ensemble->base.schedule.now_ns + faults_draw_ns(ensemble, 10, 5000);
    }
    return client != NULL;
}

bool faults_steal_session(struct ensemble_world *ensemble)
{
    struct client *client = ready_client(ensemble);
    if (client != NULL) {
        client_take_over(client);
    }
    return client != NULL;
}

bool faults_wrong_password(struct ensemble_world *ensemble)
{
    struct client *client = ready_client(ensemble);
    if (client != NULL) {
        client_hang_up(client, true);
        client->uses_wrong_password = true;
    }
    return client != NULL;
}

static bool visit(struct ensemble_world *ensemble, uint16_t port)
{
    struct tcp_address address = faults_any_member(ensemble)->address;
    address.port = port;
    stranger_visit_at(&ensemble->base.stranger, &address);
    return true;
}

bool faults_stranger_client(struct ensemble_world *ensemble)
{
    return visit(ensemble, CLIENT_PORT);
}

bool faults_stranger_quorum(struct ensemble_world *ensemble)
{
    return visit(ensemble, QUORUM_PORT);
}

bool faults_stranger_election(struct ensemble_world *ensemble)
{
    return visit(ensemble, ELECTION_PORT);
}
