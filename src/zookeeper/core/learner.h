/* learner.h - follower and observer: how a server comes to have what its leader has, and keeps it.
 *
 *       CONNECTING <----------+
 *           | FOLLOWERINFO    | closed before the leader has said anything
 *       INTRODUCED -----------+
 *           | LEADERINFO; ACCEPTING: the epoch becomes durable; ACKEPOCH
 *       WAITS_FOR_SYNC --TRUNC--> CUTTING --------+
 *           |------------SNAP---> READING, SAVING |
 *           | DIFF                                |
 *       SYNCING <---------------------------------+
 *           | PROPOSAL, COMMIT, INFORM
 *           | NEWLEADER; ADOPTING: history durable, then the epoch; ACK
 *       ACKNOWLEDGED
 *           | UPTODATE; ACK
 *       BROADCAST    clients are served; proposals are logged and acknowledged
 *
 * Rules (reference 2.9): see peer.h. Every wait for the leader has a limit (initLimit before
 * NEWLEADER was acknowledged, syncLimit after it); waits for the own disk have none.
 * Sources: Learner, Follower, Observer, LearnerZooKeeperServer.
 */
#ifndef ZOOKEEPER_CORE_LEARNER_H
#define ZOOKEEPER_CORE_LEARNER_H

#include "zookeeper/core/peer.h"

enum learner_state {
    LEARNER_CONNECTING,
    LEARNER_INTRODUCED,     /* FOLLOWERINFO is sent */
    LEARNER_ACCEPTING,      /* the new accepted epoch is on its way to the disk */
    LEARNER_WAITS_FOR_SYNC, /* ACKEPOCH is sent */
    LEARNER_CUTTING,        /* TRUNC: the log is being cut */
    LEARNER_READING,        /* SNAP: the tree is being read */
    LEARNER_SAVING,         /* SNAP: a snapshot of it is being written */
    LEARNER_SYNCING,        /* PROPOSAL, COMMIT until NEWLEADER */
    LEARNER_ADOPTING,       /* NEWLEADER came: history, then epoch become durable */
    LEARNER_ACKNOWLEDGED,   /* ACK of NEWLEADER is sent, UPTODATE is to come */
    LEARNER_BROADCAST,
};

struct learner {
    struct peer *peer;
    enum learner_state state;
    bool is_observer;
    int64_t leader_id;
    int64_t attempt;          /* of LINK_CONNECT */
    uint64_t redial_at_ms;    /* UINT64_MAX: not wanted */
    uint64_t redial_until_ms; /* 0: it has not closed a connection yet */
    struct zk_link *link;     /* NULL while CONNECTING */
    int64_t epoch;            /* the leader's, once it has said it */
    bool epoch_counts;        /* it was new to us: our ACKEPOCH counts */
    int64_t sync_zxid;        /* of DIFF, TRUNC, SNAP */
    bool has_snapshot;        /* it was SNAP */
    bool asked_epoch;         /* PERSIST_EPOCH of the current one is on its way */
    bool has_newleader;       /* NEWLEADER came (it may while SAVING) */
    int64_t last_zxid;        /* last one proposed or informed: contiguity */
    /* Until BROADCAST: proposals that are not in the log yet, because the disk was not ready for
     * them, or because they came without a COMMIT before UPTODATE. i64 zxid, u32 length, bytes. */
    struct buffer waiting;
    size_t waiting_start;     /* of the first */
    size_t uncommitted_start; /* of the first whose COMMIT has not come */
    struct buffer config;     /* NEWLEADER's, to be activated at UPTODATE; empty: none */
    int64_t acked_zxid;       /* last PROPOSAL acknowledged */
    struct list syncs;        /* private: in the order in which they were sent */
    uint64_t heard_ms;        /* of the leader last */
    uint64_t input_bytes;     /* link->input_bytes then */
    struct arena arena;       /* of one packet */
};

/* What may wait at most; a leader that sends more before UPTODATE is left. */
#define LEARNER_WAITING_BYTES_MAX ((size_t)512 << 20)

/* The election is decided: connects to the leader. */
struct learner *learner_begin(struct peer *peer,
                              int64_t leader_id,
                              const struct zk_event *event,
                              struct zk_outbox *outbox);

/* Closes the link and frees. */
void learner_end(struct learner *learner, struct zk_outbox *outbox);

/* TICK, PERSISTED, and the PEER events of its link and disk. */
void learner_step(struct learner *learner, const struct zk_event *event, struct zk_outbox *outbox);
uint64_t learner_deadline(const struct learner *learner);
void learner_check(const struct learner *learner);

/* A write or sync of a client here goes to the leader: SERVICE_ZXID_UNKNOWN. */
int64_t learner_submit(struct learner *learner,
                       const struct prep_request *request,
                       struct zk_outbox *outbox);

/* Asks the leader whether the session lives; service_revalidated follows. */
void learner_revalidate(struct learner *learner,
                        int64_t session_id,
                        int32_t timeout_ms,
                        struct zk_outbox *outbox);

#endif
