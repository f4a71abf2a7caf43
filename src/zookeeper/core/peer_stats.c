/* peer_stats.c - figures of a server in an ensemble, for words, admin commands and metrics.
 *
 * They are kept as long as the server runs, whatever its role. Sources: ServerMetrics, where each
 * of upstream's classes adds to it.
 */
#include "zookeeper/core/leader.h"
#include "zookeeper/core/peer_private.h"

#define TXN_TIME_AT 20u /* in a txn's header: behind client, cxid and zxid */

static void forget_proposal_sizes(struct peer_stats *stats)
{
    stats->last_proposal_bytes = -1;
    stats->min_proposal_bytes = -1;
    stats->max_proposal_bytes = -1;
}

void peer_init_stats(struct peer_stats *stats)
{
    struct histogram *const histograms[] = {
        &stats->election_time,           &stats->unavailable_time,
        &stats->leader_unavailable_time, &stats->follower_sync_time,
        &stats->observer_sync_time,      &stats->inflight_diff_count,
        &stats->inflight_snap_count,     &stats->proposal_latency,
        &stats->quorum_ack_latency,      &stats->commit_propagation_latency,
        &stats->propagation_latency,
    };
    for (size_t i = 0; i < ARRAY_LEN(histograms); i++) {
        histogram_clear(histograms[i]);
    }
    forget_proposal_sizes(stats);
}

void peer_note_latency(struct histogram *histogram, struct slice txn, const struct zk_event *event)
{
    if (txn.len < TXN_TIME_AT + 8) {
        return;
    }
    int64_t made_ms = (int64_t)load_be64(txn.ptr + TXN_TIME_AT);
    if (made_ms >= 0 && made_ms <= event->wall_ms) {
        histogram_add(histogram, (uint64_t)(event->wall_ms - made_ms));
    }
}

/* The time without service: since the election began. A learner's sync began when its state became
 * SYNCHRONIZATION. */
void peer_note_serving(struct peer *peer, uint64_t now_ms)
{
    struct peer_stats *stats = &peer->private->stats;
    uint64_t away_ms = now_ms - peer->election_began_ms;
    histogram_add(&stats->unavailable_time, away_ms);
    if (peer->state == PEER_LEADING) {
        histogram_add(&stats->leader_unavailable_time, away_ms);
        return;
    }
    histogram_add(peer->state == PEER_OBSERVING ? &stats->observer_sync_time
                                                : &stats->follower_sync_time,
                  now_ms - peer->private->sync_began_ms);
}

void peer_each_learner(const struct peer *peer,
                       void (*each)(void *ctx, const struct peer_learner_info *info),
                       void *ctx)
{
    if (peer->leader != NULL) {
        leader_each_learner(peer->leader, each, ctx);
    }
}

uint64_t peer_pending_syncs(const struct peer *peer)
{
    return peer->leader != NULL ? leader_pending_syncs(peer->leader) : 0;
}

const struct peer_stats *peer_stats_of(const struct peer *peer)
{
    return &peer->private->stats;
}

void peer_reset_proposal_sizes(struct peer *peer)
{
    forget_proposal_sizes(&peer->private->stats);
}
