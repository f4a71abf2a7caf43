/* election.h - fast leader election, as a machine.
 *
 * Model: while LOOKING a server holds a vote (leader, zxid, peer_epoch), first for itself, in
 * a round (election_epoch). It tells all voters; a better vote is adopted and told on; when a
 * quorum holds its vote it waits `finalize` for a better one, unless every voter has been heard
 * in this round or is down (then nothing better can come), and decides. Servers that are not
 * LOOKING answer with what they follow, which lets a late one join a leader that a quorum follows.
 * Happy path: election_start -> NOTIFY effects to all voters -> notifications -> decided. What goes
 * wrong: a message is lost (told again with back-off, 200 ms doubling to 60 s, and at once to a
 * peer whose connection has come back); a peer is dead (nothing waits for it but the finalize time,
 * and not even that when its address refuses connections); a leader that says LEADING itself must
 * have been heard before it is followed (checkLeader); a vote that a quorum holds while the leader
 * is gone decides nothing (its own notification is missing). Order of votes: (peer_epoch, zxid,
 * leader) the larger one wins; servers of weight 0 never win. Wire: 28, 40 and 44+n byte forms
 * (reference 2.7); we send version 2. Sources: FastLeaderElection; reference 2.7. Bugs that must
 * not come back: reliability.md 2.1.
 */
#ifndef ZOOKEEPER_CORE_ELECTION_H
#define ZOOKEEPER_CORE_ELECTION_H

#include "zookeeper/core/effects.h"
#include "zookeeper/core/quorum.h"

enum peer_state {
    PEER_LOOKING = 0, /* values of the wire */
    PEER_FOLLOWING = 1,
    PEER_LEADING = 2,
    PEER_OBSERVING = 3,
};

struct vote {
    int64_t leader; /* INT64_MIN: no opinion (observers) */
    int64_t zxid;
    int64_t election_epoch; /* the round */
    int64_t peer_epoch;     /* currentEpoch of who first proposed this leader */
};

struct election_config {
    int64_t server_id;
    bool reconfig_enabled;       /* else the configurations in notifications are not looked at */
    int32_t finalize_ms;         /* 200, fixed in Apache's */
    int32_t notification_ms;     /* fastleader.minNotificationInterval: 200 */
    int32_t notification_max_ms; /* fastleader.maxNotificationInterval: 60000 */
};

#define NOTIFICATION_VERSION 2 /* of the wire form that we send */

/* A notification as it came, or as it goes. */
struct notification {
    int64_t sender;
    enum peer_state state;
    struct vote vote;
    int32_t version;     /* of the wire form: 0, 1, 2 */
    struct slice config; /* text of the sender's last seen configuration; null slice when none */
};

struct election_tally; /* private */

struct election {
    const struct election_config *config;
    struct quorum_config *members; /* kept; whose votes count */
    struct quorum_config *next;    /* kept; NULL, or newer: its quorum is asked for as well */
    int64_t known_version;         /* of the configuration that the own history has; 0: none */
    enum peer_state state;         /* what others are told */
    bool is_looking;
    bool is_observer; /* follows whoever a quorum follows, proposes nobody */
    struct vote vote; /* while looking: what it stands for; else what it follows or is */
    struct vote own;  /* its own candidacy of this round */
    int64_t election_epoch;
    uint64_t finalize_at_ms; /* UINT64_MAX: no quorum holds the vote */
    uint64_t tell_again_at_ms;
    int32_t tell_again_ms;
    struct election_tally *tally;
};

/* What a step ended with. */
enum election_outcome {
    ELECTION_GOES_ON,
    ELECTION_DECIDED,      /* election->vote.leader leads; not looking any more */
    ELECTION_CONFIG_NEWER, /* the notification carries a configuration newer than the members':
                              the host takes it over and starts again */
};

void election_init(struct election *election, const struct election_config *config);
void election_release(struct election *election);

/* The configuration that was proposed and not committed yet, when newer than the members'; NULL:
 * none. Holds for the elections that start from now on. */
void election_set_next(struct election *election, struct quorum_config *next);

/* The version of the configuration that the own history has. Members without a version are written
 * by hand: a stranger to them is not believed what the history has replaced, though it has a
 * version. Else who is set up anew, and hears a server that was removed long ago, would make an
 * ensemble with it. (Upstream believes it. Ensemble seed 462 --reconfigs.) */
void election_set_known(struct election *election, int64_t version);

/* The configuration that others are told from now on: one that came into force without an election,
 * and may have given or taken our vote. A server that was away meanwhile may know nobody's address
 * but ours. */
void election_tell_config(struct election *election, const struct quorum_config *config);

/* A round begins. zxid: last logged; peer_epoch: currentEpoch. Emits PEER_EFFECT_NOTIFY to every
 * voter. The decision, if there is one at once, comes with the next tick. */
void election_start(struct election *election,
                    struct quorum_config *members,
                    int64_t zxid,
                    int64_t peer_epoch,
                    uint64_t now_ms,
                    struct zk_outbox *outbox);

/* A round whose end is known, since a reconfiguration named the leader: nobody is asked, and the
 * next tick says ELECTION_DECIDED. */
void election_appoint(struct election *election,
                      struct quorum_config *members,
                      int64_t leader,
                      int64_t zxid,
                      int64_t peer_epoch,
                      uint64_t now_ms);

/* The state that others are told from now on, when not looking (the peer's role), and how its vote
 * reads there: peer_epoch is the new epoch once it is established. Tells (NOTIFY) those who are not
 * known to agree: voters that asked, or were not heard, or voted otherwise, and observers that
 * asked, so that nobody has to ask again. */
void election_settle(struct election *election,
                     enum peer_state state,
                     int64_t peer_epoch,
                     struct zk_outbox *outbox);

/* Appends the message of the election port, in the form of NOTIFICATION_VERSION. */
void election_encode(const struct notification *notification, struct buffer *out);

/* One message of the election port. ERR_CORRUPT: not a notification. */
NODISCARD int election_decode(int64_t sender,
                              struct slice bytes,
                              struct notification *notification);

enum election_outcome election_notified(struct election *election,
                                        const struct notification *notification,
                                        uint64_t now_ms,
                                        struct zk_outbox *outbox);

/* A connection to that voter has come up: tell it what it may have missed. */
void election_peer_up(struct election *election, int64_t server_id, struct zk_outbox *outbox);

/* That server cannot be reached (refused, unreachable, no connection): nothing better is waited for
 * from there. Until its next notification or connection. */
void election_peer_down(struct election *election, int64_t server_id, uint64_t now_ms);

enum election_outcome election_tick(struct election *election,
                                    uint64_t now_ms,
                                    struct zk_outbox *outbox);
uint64_t election_deadline(const struct election *election);
void election_check(const struct election *election);

#endif
