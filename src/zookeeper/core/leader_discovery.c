/* leader_discovery.c - who comes, and which epoch it has promised: FOLLOWERINFO, LEADERINFO and
 * ACKEPOCH of one learner.
 *
 * What a newcomer says of itself is proved by nothing. So it cannot take the place of a server that
 * works, nor all places, nor make the epoch leap; what it says may still end this leader's role
 * where it must (a voter that has accepted a later epoch).
 *
 * Source: LearnerHandler.run up to ACKEPOCH, Leader.getEpochToPropose, waitForEpochAck.
 */
#include "zookeeper/core/leader_private.h"

/* Another link of the same server. Without a number of its own (-1) it is like no other. */
static bool is_older(const struct handler *handler, const struct handler *newer, int64_t server_id)
{
    return handler != newer && server_id >= 0 && handler->server_id == server_id &&
           handler->state >= HANDLER_INTRODUCED && handler->state != HANDLER_CLOSED;
}

/* Who follows answers a ping each half tick: one that says nothing but a number does not get the
 * place of one that works. */
static bool has_working_link(const struct leader_turn *turn,
                             const struct handler *newer,
                             int64_t server_id)
{
    uint64_t tick_ms = (uint64_t)turn->leader->peer->config->tick_ms;
    LIST_FOR_EACH(link, &turn->leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (is_older(handler, newer, server_id) && handler->state == HANDLER_FOLLOWING &&
            turn->event->now_ms - handler->heard_ms < tick_ms) {
            return true;
        }
    }
    return false;
}

/* A server that comes back before its old link was found dead. */
static void close_older(struct leader_turn *turn, const struct handler *newer)
{
    LIST_FOR_EACH(link, &turn->leader->handlers)
    {
        struct handler *handler = CONTAINER_OF(link, struct handler, list);
        if (is_older(handler, newer, newer->server_id)) {
            handler_close(turn, handler, "the server has connected again");
        }
    }
}

/* Is there room for one more server that no configuration names (an observer may be one)? */
static bool has_room_for_strangers(const struct leader *leader)
{
    size_t count = 0;
    LIST_FOR_EACH(link, &leader->handlers)
    {
        const struct handler *handler = CONTAINER_OF(link, struct handler, list);
        count += handler->state != HANDLER_CLOSED && handler->is_stranger ? 1 : 0;
    }
    return count < LEADER_STRANGERS_MAX;
}

void leader_send_info(struct leader_turn *turn, struct handler *handler)
{
    uint8_t version[4];
    store_be32(version, QUORUM_PROTOCOL_VERSION);
    handler->state = HANDLER_EPOCH_SENT;
    handler_wait(turn, handler, turn->leader->peer->config->init_limit);
    handler_send(turn, handler,
                 quorum_span_write(turn->outbox, ZK_PACKET_LEADERINFO,
                                   leader_new_zxid(turn->leader),
                                   slice_of(version, sizeof version)));
}

/* FOLLOWERINFO, OBSERVERINFO. */
void leader_introduced(struct leader_turn *turn, struct handler *handler)
{
    struct leader *leader = turn->leader;
    const struct zk_event *event = turn->event;
    struct learner_info info;
    bool is_info = event->packet_type == ZK_PACKET_FOLLOWERINFO ||
                   event->packet_type == ZK_PACKET_OBSERVERINFO;
    if (!is_info || quorum_read_learner_info(event->frame, &info) != ERR_OK) {
        handler_close(turn, handler, "its first packet is not FOLLOWERINFO or OBSERVERINFO");
        return;
    }
    if (info.protocol_version < QUORUM_PROTOCOL_VERSION) {
        handler_close(turn, handler, "it speaks a protocol of before ZooKeeper 3.4");
        return;
    }
    if (info.server_id == leader->peer->config->server_id) {
        handler_close(turn, handler, "it says that it is this very server");
        return;
    }
    if (info.config_version > leader->peer->committed_config->version) {
        /* Who has a later configuration in force should lead. (LearnerHandler.run) */
        handler_close(turn, handler, "it has a later configuration in force");
        return;
    }
    if (has_working_link(turn, handler, info.server_id)) {
        handler_close(turn, handler, "another connection of this server's works");
        return;
    }
    int64_t accepted = zxid_epoch(event->zxid);
    int64_t likely = MAX(leader->epoch, leader->peer->promised_epoch) + LEADER_EPOCH_LEAP_MAX;
    if (accepted < 0 || accepted >= MIN(likely, PEER_EPOCH_MAX)) {
        handler_close(turn, handler, "its accepted epoch is impossible");
        return;
    }
    if (leader->phase != LEADER_DISCOVERY && accepted > leader->epoch &&
        quorum_config_is_voter(leader->peer->committed_config, info.server_id)) {
        /* It has promised to follow nobody of our epoch, and would try for ever (Z-LIVE2). Upstream
         * leaves it out until the next election; we make one. */
        leader->peer->private->heard_epoch = accepted;
        leader_give_up(leader, "a voter has accepted a later epoch");
        return;
    }
    handler->is_observer = event->packet_type == ZK_PACKET_OBSERVERINFO;
    handler->server_id = info.server_id;
    if (quorum_config_find(leader->peer->committed_config, info.server_id) == NULL) {
        if (!has_room_for_strangers(leader)) {
            handler_close(turn, handler, "too many servers that are not in the configuration");
            return;
        }
        handler->is_stranger = true;
    }
    handler->state = HANDLER_INTRODUCED;
    handler->deadline_ms = UINT64_MAX;
    close_older(turn, handler);
    if (leader->phase == LEADER_DISCOVERY) {
        leader->epoch = MAX(leader->epoch, accepted + 1);
    }
}

void leader_epoch_acked(struct leader_turn *turn, struct handler *handler)
{
    struct leader *leader = turn->leader;
    int32_t epoch = 0;
    if (turn->event->packet_type != ZK_PACKET_ACKEPOCH ||
        quorum_read_i32(turn->event->frame, &epoch) != ERR_OK || epoch < -1 ||
        turn->event->zxid < 0) {
        handler_close(turn, handler, "its second packet is not ACKEPOCH");
        return;
    }
    int64_t zxid = turn->event->zxid;
    bool is_ahead = epoch > leader->summary_epoch ||
                    (epoch == leader->summary_epoch && zxid > leader->summary_zxid);
    if (leader->phase < LEADER_SYNCHRONIZATION && epoch != -1 && is_ahead) {
        /* It should lead, not we; a quorum may still think otherwise. (Leader.waitForEpochAck) */
        handler_close(turn, handler, "it is ahead of the leader");
        return;
    }
    /* -1: it had accepted this epoch before, maybe from another leader: no vote for us. */
    handler->counts_epoch = epoch != -1;
    handler->last_zxid = zxid;
    handler->state = HANDLER_EPOCH_ACKED;
    handler->deadline_ms = UINT64_MAX;
}
