/* leader.h - the leader's half of ZAB: a quorum is gathered, brought up to date, and agrees.
 *
 *   DISCOVERY        FOLLOWERINFO of a quorum: the new epoch is above all that they accepted
 *      |             (durable here before anybody is told)
 *   EPOCH_ACKS       LEADERINFO -> ACKEPOCH of a quorum; who is ahead of us is sent away
 *      |
 *   SYNCHRONIZATION  DIFF, TRUNC or SNAP, then NEWLEADER to each; a quorum's ACKs, our own among
 *      |             them once history and current epoch are durable
 *   BROADCAST        UPTODATE; PROPOSAL, ACK, COMMIT; clients are served
 *
 * It gives up (peer_give_up) when a phase takes longer than initLimit, when the learners that are
 * heard of are no quorum any more, when the zxids of its epoch are used up, or when a
 * reconfiguration made another server the leader.
 *
 * What goes wrong with one learner closes its link and nothing else: a packet out of order,
 * malformed or too late, an acknowledgement of what it was not sent, an impossible epoch, more
 * unsent output than LEADER_LINK_OUTPUT_MAX.
 *
 * Differences from upstream: `sync` is answered only after a quorum has confirmed that it still
 * follows (a round of PINGs that began after the request came), so that it cannot be answered by a
 * leader that has been replaced (ZOOKEEPER-1675); learners of protocols before 1.0 (servers before
 * 3.4) are refused; a learner that comes back closes its older link, unless that one works.
 * Sources: Leader, LearnerHandler, LeaderZooKeeperServer, LeaderSessionTracker; reference 2.9.
 */
#ifndef ZOOKEEPER_CORE_LEADER_H
#define ZOOKEEPER_CORE_LEADER_H

#include "zookeeper/core/peer.h"

/* Bytes that a learner's link may have waiting before it is dropped, and all links together. One
 * that works may have to take at once what the clients of all servers have on their way, each of
 * which bounds that (client_port.c); one that loads a snapshot reads nothing meanwhile. */
#define LEADER_LINK_OUTPUT_MAX ((size_t)448 << 20)
#define LEADER_ALL_OUTPUT_MAX ((size_t)2 << 30)
/* Most that is read from the log for one learner; more is what a snapshot is for. */
#define LEADER_DIFF_BYTES_MAX ((size_t)64 << 20)
/* Most servers at a time that no configuration names, so that the others find room. */
#define LEADER_STRANGERS_MAX (PEER_LEARNERS_MAX - 128)
/* So many elections that this server has not heard of are not believed: a damaged acceptedEpoch, or
 * a stranger's word, would use up the epochs of the ensemble for good. */
#define LEADER_EPOCH_LEAP_MAX (INT64_C(1) << 20)
/* Syncs that wait, of all sessions: a learner that asks for more is closed. */
#define LEADER_SYNCS_MAX 1000000

/* This server has been elected. */
struct leader *leader_begin(struct peer *peer,
                            const struct zk_event *event,
                            struct zk_outbox *outbox);

/* Closes the links of its learners and frees it. What was proposed and not committed stays with the
 * peer. */
void leader_end(struct leader *leader, struct zk_outbox *outbox);

/* TICK, PERSISTED, and the PEER events of its learners' links and of the own disk. */
void leader_step(struct leader *leader, const struct zk_event *event, struct zk_outbox *outbox);
uint64_t leader_deadline(const struct leader *leader);
void leader_check(const struct leader *leader);

/* A request of this server's own client, or of the server itself: as service_proposer.submit. */
int64_t leader_submit(struct leader *leader,
                      const struct prep_request *request,
                      const struct zk_event *event,
                      struct zk_outbox *outbox);

/* A connection of this server's speaks for the session from now on. */
void leader_session_here(struct leader *leader, int64_t session_id);

uint64_t leader_pending_syncs(const struct leader *leader);
void leader_each_learner(const struct leader *leader,
                         void (*each)(void *ctx, const struct peer_learner_info *info),
                         void *ctx);

#endif
