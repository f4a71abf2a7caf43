/* ensemble.c - see ensemble.h: the peer's effects beside the disk's, and the two ports.
 *
 * Start: recovery replays the whole log into the peer's tree; the epochs are read; both ports are
 * opened; peer_start goes looking for a leader, whose first notifications are effects like any
 * other.
 *
 * Configurations: what is in force decides whom the election port talks to and where a leader is
 * looked for. With reconfigEnabled it is also written to files (dynamic_config.h), in the order of
 * all that goes to the disk (ensemble_durable.c): a proposal is acknowledged when its configuration
 * would be known after a restart, too.
 */
#include "zookeeper/server/ensemble.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/ensemble_private.h"
#include "zookeeper/server/snapshotter.h"

/* Upstream's numbers, which no key changes. */
#define ELECTION_FINALIZE_MS 200

/* ---- the election port's callbacks ----------------------------------------------------------- */

static void step_election(struct ensemble *ensemble,
                          enum zk_peer_event_kind kind,
                          int64_t server_id,
                          struct slice bytes)
{
    struct node *node = ensemble->node;
    struct zk_event event = node_event(node, ZK_EVENT_PEER);
    event.peer_kind = kind;
    event.server_id = server_id;
    event.frame = bytes;
    if (node->state == NODE_RUNNING && ensemble->is_started) {
        node_step(node, &event);
        node_perform_effects(node);
    }
}

static void on_notification(void *ctx, int64_t server_id, struct slice bytes)
{
    step_election(ctx, PEER_EVENT_NOTIFICATION, server_id, bytes);
}

static void on_election_up(void *ctx, int64_t server_id)
{
    step_election(ctx, PEER_EVENT_ELECTION_UP, server_id, SLICE_NULL);
}

static void on_election_down(void *ctx, int64_t server_id)
{
    step_election(ctx, PEER_EVENT_ELECTION_DOWN, server_id, SLICE_NULL);
}

static void on_election_failed(void *ctx, const char *text)
{
    struct ensemble *ensemble = ctx;
    ensemble->node->exit_code = NODE_EXIT_ELECTION_PORT;
    node_fail(ensemble->node, text);
}

/* ---- making ---------------------------------------------------------------------------------- */

static struct peer_config make_peer_config(const struct zk_config *config)
{
    return (struct peer_config){
        .server_id = config->server_id,
        .tick_ms = config->tick_time_ms,
        .init_limit = config->init_limit,
        .sync_limit = config->sync_limit,
        .connect_to_learner_master_limit = config->connect_to_learner_master_limit,
        .commit_log_count = config->commit_log_count,
        .snapshot_size_factor = config->snapshot_size_factor,
        .zxid_counter_max = config->zxid_counter_max,
        .force_snapshot_sync = config->force_snapshot_sync,
        .leader_serves = config->leader_serves,
        /* Where an observer may be made a voter, its history must be on its disk before it is. */
        .sync_enabled = config->sync_enabled || config->reconfig_enabled,
        .read_only_mode_enabled = config->read_only_mode_enabled,
        .local_sessions_enabled = config->local_sessions_enabled,
        .reconfig_enabled = config->reconfig_enabled,
        .standalone_enabled = config->standalone_enabled,
        .observer_reconnect_delay_ms = config->observer_reconnect_delay_ms,
        .observer_election_delay_ms = config->observer_election_delay_ms,
        .election =
            {
                .server_id = config->server_id,
                .finalize_ms = ELECTION_FINALIZE_MS,
                .notification_ms = config->min_notification_interval_ms,
                .notification_max_ms = config->max_notification_interval_ms,
                .reconfig_enabled = config->reconfig_enabled,
            },
    };
}

void ensemble_create(struct node *node)
{
    static const struct election_port_events events = {on_notification, on_election_up,
                                                       on_election_down, on_election_failed};
    struct ensemble *ensemble = mem_alloc_zeroed(sizeof *ensemble);
    ensemble->node = node;
    ensemble->peer_config = make_peer_config(&node->config);
    ensemble->config = quorum_config_keep(node->config.members);
    durable_init(ensemble);
    peer_init(&ensemble->peer, &ensemble->peer_config, &node->service_config, ensemble->config);
    if (node->config.next_members != NULL) {
        peer_set_next(&ensemble->peer, node->config.next_members);
    }
    node->ensemble = ensemble;
    node->peer = &ensemble->peer;
    node->service = &ensemble->peer.service;
    ensemble->election_port = election_port_create(node->runtime, &node->config, &events, ensemble);
    ensemble->quorum_port = quorum_port_create(node);
}

int ensemble_load(struct node *node, struct errmsg *message)
{
    struct ensemble *ensemble = node->ensemble;
    ensemble->first_snapshot_due = node->recovery.replayed > 0;
    return epochs_load(node->runtime, node->dir.snap_dir,
                       ensemble->peer.service.tree.last_processed_zxid, &ensemble->epochs, message);
}

int ensemble_start(struct node *node, struct errmsg *message)
{
    struct ensemble *ensemble = node->ensemble;
    int error = election_port_open(ensemble->election_port, message);
    if (error != 0) {
        node->start_stage = NODE_START_ELECTION_PORT;
        return error;
    }
    error = quorum_port_open(ensemble->quorum_port, message);
    if (error != 0) {
        return error;
    }
    ensemble->is_started = true;
    peer_start(&ensemble->peer, ensemble->epochs.accepted, ensemble->epochs.current,
               runtime_now_ns(node->runtime) / 1000000, &node->outbox);
    node_perform_effects(node);
    return 0;
}

const struct quorum_config *ensemble_config(const struct node *node)
{
    return node->ensemble->config;
}

bool ensemble_uses_tree(const struct node *node)
{
    return quorum_port_uses_tree(node->ensemble->quorum_port);
}

bool ensemble_is_serving(const struct node *node)
{
    return node->peer == NULL || node->peer->is_serving || node->peer->is_read_only;
}

/* ---- configurations -------------------------------------------------------------------------- */

/* Has this server another address to listen on? */
static bool own_address_changed(const struct ensemble *ensemble, const struct quorum_config *config)
{
    int64_t id = ensemble->peer_config.server_id;
    const struct quorum_server *before = quorum_config_find(ensemble->config, id);
    const struct quorum_server *after = quorum_config_find(config, id);
    if (before == NULL || after == NULL) {
        return before != after;
    }
    if (before->address_count != after->address_count) {
        return true;
    }
    for (uint32_t i = 0; i < before->address_count; i++) {
        const struct quorum_address *a = &before->addresses[i];
        const struct quorum_address *b = &after->addresses[i];
        if (a->quorum_port != b->quorum_port || !slice_equal(a->host, b->host)) {
            return true;
        }
    }
    return false;
}

/* Does the own line say another place for clients than before? One that says none changes nothing
 * (QuorumPeer.processReconfig). */
static bool client_address_changed(const struct ensemble *ensemble,
                                   const struct quorum_config *config)
{
    int64_t id = ensemble->peer_config.server_id;
    const struct quorum_server *before = quorum_config_find(ensemble->config, id);
    const struct quorum_server *after = quorum_config_find(config, id);
    if (after == NULL || after->client_port == 0) {
        return false;
    }
    return before == NULL || before->client_port != after->client_port ||
           !slice_equal(before->client_host, after->client_host);
}

static void perform_config(struct ensemble *ensemble, const struct zk_effect *effect)
{
    struct quorum_config *config = effect->config;
    if (!effect->is_committed) {
        bool is_next = config->version > ensemble->config->version;
        durable_add_config(ensemble, config, is_next);
        election_port_propose(ensemble->election_port, is_next ? config : NULL);
        return;
    }
    bool listens_elsewhere = own_address_changed(ensemble, config);
    bool serves_elsewhere = client_address_changed(ensemble, config);
    struct quorum_config *before = ensemble->config;
    ensemble->config = quorum_config_keep(config);
    quorum_config_drop(before);
    election_port_configure(ensemble->election_port, config);
    if (listens_elsewhere) {
        quorum_port_configure(ensemble->quorum_port);
    }
    if (serves_elsewhere && ensemble->node->state == NODE_RUNNING) {
        const struct quorum_server *own = quorum_config_find(config,
                                                             ensemble->peer_config.server_id);
        client_listen_move(ensemble->node, own->client_host, own->client_port);
    }
    durable_add_config(ensemble, config, false);
}

/* ---- roles ----------------------------------------------------------------------------------- */

static const char *state_text(const struct peer *peer)
{
    static const char *const names[] = {"LOOKING", "FOLLOWING", "LEADING", "OBSERVING"};
    return names[peer->state];
}

static void perform_role(struct ensemble *ensemble, const struct zk_effect *effect)
{
    struct node *node = ensemble->node;
    const struct peer *peer = &ensemble->peer;
    struct slice reason = zk_effect_bytes(&node->outbox, effect);
    if (node->state == NODE_FAILED) {
        return; /* its links go with it: nobody else has closed them, and nothing is looked for */
    }
    bool is_news = ensemble->logged_state != peer->state ||
                   ensemble->logged_zab_state != peer->zab_state ||
                   ensemble->logged_read_only != peer->is_read_only;
    LOG("server", is_news ? LOG_INFO : LOG_DEBUG, "%s - %s%s%s%.*s", state_text(peer),
        peer->zab_state, peer->is_read_only ? " (read-only)" : "", reason.len > 0 ? ": " : "",
        LOG_SLICE(reason));
    ensemble->logged_state = peer->state;
    ensemble->logged_zab_state = peer->zab_state;
    ensemble->logged_read_only = peer->is_read_only;
    quorum_port_role(ensemble->quorum_port);
    if (peer->is_serving && !ensemble->was_serving && ensemble->first_snapshot_due) {
        /* What was replayed at the start is agreed upon now. */
        ensemble->first_snapshot_due = snapshotter_begin(node->snapshotter, NULL, NULL) != 0;
    }
    ensemble->was_serving = peer->is_serving;
}

static void perform_fail(struct ensemble *ensemble, const struct zk_effect *effect)
{
    struct node *node = ensemble->node;
    char text[512];
    snprintf(text, sizeof text, "Severe unrecoverable error, exiting: %.*s",
             LOG_SLICE(zk_effect_bytes(&node->outbox, effect)));
    node->exit_code = (int)effect->zxid;
    node_fail(node, text);
}

void ensemble_perform(struct node *node, const struct zk_effect *effect)
{
    struct ensemble *ensemble = node->ensemble;
    if (effect->kind == ZK_EFFECT_PERSIST) {
        durable_add(ensemble, effect);
        return;
    }
    switch (effect->peer_kind) {
    case PEER_EFFECT_NOTIFY:
        election_port_send(ensemble->election_port, effect->server_id,
                           zk_effect_bytes(&node->outbox, effect));
        return;
    case PEER_EFFECT_LINK_CONNECT:
    case PEER_EFFECT_LINK_SEND:
    case PEER_EFFECT_LINK_CLOSE:
    case PEER_EFFECT_LINK_SEND_SNAPSHOT:
    case PEER_EFFECT_LINK_READ_SNAPSHOT:
        quorum_port_perform(ensemble->quorum_port, effect);
        return;
    case PEER_EFFECT_TAKE_SNAPSHOT:
    case PEER_EFFECT_TRUNCATE:
    case PEER_EFFECT_PERSIST_EPOCH:
        durable_add(ensemble, effect);
        return;
    case PEER_EFFECT_READ_LOG:
        durable_read_log(ensemble, effect);
        return;
    case PEER_EFFECT_CONFIG:
        perform_config(ensemble, effect);
        return;
    case PEER_EFFECT_ROLE:
        perform_role(ensemble, effect);
        return;
    case PEER_EFFECT_FAIL:
        perform_fail(ensemble, effect);
        return;
    }
    UNREACHABLE();
}

void ensemble_turn(struct node *node)
{
    struct ensemble *ensemble = node->ensemble;
    if (node->state == NODE_RUNNING) {
        durable_go_on(ensemble);
        quorum_port_turn(ensemble->quorum_port);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

void ensemble_close(struct node *node, uint32_t linger_ms)
{
    struct ensemble *ensemble = node->ensemble;
    election_port_close(ensemble->election_port);
    quorum_port_close(ensemble->quorum_port, linger_ms);
}

bool ensemble_is_quiet(const struct node *node)
{
    const struct ensemble *ensemble = node->ensemble;
    return quorum_port_is_quiet(ensemble->quorum_port) &&
           election_port_is_quiet(ensemble->election_port) && durable_is_quiet(ensemble);
}

void ensemble_detach(struct node *node)
{
    election_port_detach(node->ensemble->election_port);
    quorum_port_detach(node->ensemble->quorum_port);
}

void ensemble_destroy(struct node *node)
{
    struct ensemble *ensemble = node->ensemble;
    peer_release(&ensemble->peer);
    quorum_port_destroy(ensemble->quorum_port);
    election_port_destroy(ensemble->election_port);
    durable_release(ensemble);
    quorum_config_drop(ensemble->config);
    mem_free(ensemble, sizeof *ensemble);
    node->ensemble = NULL;
    node->peer = NULL;
    node->service = NULL;
}
