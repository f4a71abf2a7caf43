/* view.c - what the simulator reads of a server's inside: the one place that looks into struct
 * node. See ensemble.h.
 */
#include "sim/ensemble/ensemble.h"
#include "sim/fingerprint.h"
#include "zookeeper/server/ensemble_private.h"
#include "zookeeper/server/node.h"
#include "zookeeper/server/quorum_port_private.h"

static bool is_readable(const struct member *member)
{
    return member->node != NULL && member->state == MEMBER_UP && !member->runtime->is_dead &&
           member->node->machine_ready;
}

static void look_at_peer(const struct peer *peer, struct member_view *view)
{
    const struct peer_stats *stats = peer_stats_of(peer);
    view->is_serving = peer->is_serving && !peer->is_read_only;
    view->is_read_only = peer->is_read_only;
    view->is_leader = peer->state == PEER_LEADING;
    view->is_looking = peer->state == PEER_LOOKING;
    view->is_learner = peer->state == PEER_FOLLOWING || peer->state == PEER_OBSERVING;
    view->epoch = peer->current_epoch;
    view->config_version = peer->committed_config->version;
    view->seen_version = peer->seen_config->version;
    view->syncs_by_diff = stats->syncs_by_diff;
    view->syncs_by_trunc = stats->syncs_by_trunc;
    view->syncs_by_snap = stats->syncs_by_snap;
}

void member_look(struct member *member, struct member_view *view)
{
    *view = (struct member_view){.is_up = is_readable(member)};
    if (!view->is_up) {
        return;
    }
    const struct node *node = member->node;
    const struct tree *tree = &node->service->tree;
    if (node->peer != NULL) {
        look_at_peer(node->peer, view);
        view->is_sending_tree = node->ensemble->quorum_port->walk != NULL;
    } else {
        view->is_serving = node->state == NODE_RUNNING;
        view->is_leader = true;
    }
    view->zxid = tree->last_processed_zxid;
    view->sessions_expired = node->service->stats.stale_sessions_expired;
    view->digest = tree->config.digest_enabled ? tree->digest : 0;
}

void member_check(struct member *member)
{
    if (is_readable(member)) {
        sim_runtime_enter(member->runtime);
        if (member->node->peer != NULL) {
            peer_check(member->node->peer);
        } else {
            standalone_check(&member->node->machine);
        }
        sim_runtime_leave(member->runtime);
    }
}

void member_fingerprint(struct member *member, struct recovery_record *record)
{
    if (is_readable(member)) {
        sim_runtime_enter(member->runtime);
        fingerprint_server(&member->node->service->tree, false, record);
        sim_runtime_leave(member->runtime);
    }
}

struct slice member_config_text(const struct member *member)
{
    return is_readable(member) ? tree_config_text(&member->node->service->tree) : SLICE_NULL;
}

size_t member_session_count(const struct member *member)
{
    return is_readable(member) ? member->node->service->tree.sessions.count : 0;
}

void member_each_session(struct member *member,
                         void (*each)(void *ctx, const struct session_seen *seen),
                         void *ctx)
{
    size_t position = 0;
    uint64_t id = 0;
    uint64_t value = 0;
    if (!is_readable(member)) {
        return;
    }
    const struct session_table *sessions = &member->node->service->sessions;
    while (u64_map_next(&sessions->by_id, &position, &id, &value)) {
        const struct session *session = (const struct session *)(uintptr_t)value;
        struct session_seen seen = {.id = session->id,
                                    .timeout_ms = session->timeout_ms,
                                    .is_closing = session->is_closing,
                                    .is_local = session->is_local};
        each(ctx, &seen);
    }
}

bool member_look_vote(const struct member *member, struct vote_seen *vote)
{
    if (!is_readable(member) || member->node->peer == NULL) {
        return false;
    }
    const struct election *election = &member->node->peer->election;
    *vote = (struct vote_seen){
        .leader = election->vote.leader,
        .zxid = election->vote.zxid,
        .epoch = election->vote.peer_epoch,
        .round = election->election_epoch,
        .own_zxid = election->own.zxid,
        .own_epoch = election->own.peer_epoch,
        .is_looking = election->is_looking,
        /* Who looks says so again and again, unless there is nothing to ask. */
        .is_appointed = election->is_looking && election->tell_again_at_ms == UINT64_MAX,
    };
    return !election->is_observer && election->own.leader == member->id;
}

bool member_sees_quorum(const struct member *member, const int64_t *ids, size_t count)
{
    const struct election *election = &member->node->peer->election;
    return quorum_config_is_quorum(election->members, ids, count) &&
           (election->next == NULL || quorum_config_is_quorum(election->next, ids, count));
}
