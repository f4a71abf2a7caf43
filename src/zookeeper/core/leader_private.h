/* leader_private.h - what the files of the leader share: its phases, a handler for each learner. */
#ifndef ZOOKEEPER_CORE_LEADER_PRIVATE_H
#define ZOOKEEPER_CORE_LEADER_PRIVATE_H

#include "base/arena.h"
#include "base/list.h"
#include "zookeeper/core/leader.h"
#include "zookeeper/core/peer_private.h"
#include "zookeeper/core/quorum_packet.h"

/* Owners of a session (struct session.owner): a link's id, or this. 0: nobody has spoken yet. */
#define SESSION_OWNER_HERE UINT64_MAX

enum leader_phase {
    LEADER_DISCOVERY,
    LEADER_SAVING_EPOCH, /* still DISCOVERY to the outside: acceptedEpoch is on its way to the disk
                          */
    LEADER_EPOCH_ACKS,
    LEADER_SYNCHRONIZATION,
    LEADER_BROADCAST,
};

/* What the leader waits for from a learner, or does for it. */
enum handler_state {
    HANDLER_NEW,         /* FOLLOWERINFO, OBSERVERINFO */
    HANDLER_INTRODUCED,  /* the new epoch */
    HANDLER_EPOCH_SENT,  /* ACKEPOCH */
    HANDLER_EPOCH_ACKED, /* a quorum of them */
    HANDLER_READING_LOG,
    HANDLER_SNAPSHOT,  /* its turn to be sent one */
    HANDLER_SYNCING,   /* ACK of NEWLEADER */
    HANDLER_ACKED,     /* the start of broadcast */
    HANDLER_FOLLOWING, /* UPTODATE was sent */
    HANDLER_CLOSED,    /* LINK_CLOSE was emitted: nothing is heard any more */
};

struct handler {
    struct list list; /* leader.handlers: in order of arrival, but for who asked last */
    struct leader *leader;
    struct zk_link *link;
    enum handler_state state;
    bool is_observer;
    bool is_forwarding;       /* gets PROPOSAL and COMMIT, or INFORM */
    bool is_sending_snapshot; /* from BEGAN to SENT */
    bool counts_epoch;        /* its ACKEPOCH was a vote for us */
    bool is_stranger;         /* the configuration does not name it */
    int64_t server_id;
    int64_t last_zxid;  /* at ACKEPOCH */
    int64_t asked_zxid; /* READING_LOG: up to here */
    int64_t sent_zxid;  /* last PROPOSAL */
    int64_t acked_zxid; /* last one acknowledged; 0: none */
    /* SyncLimitCheck: the oldest proposal that is not acknowledged, or one sent after it */
    int64_t unacked_zxid; /* 0: none */
    uint64_t unacked_ms;
    uint64_t last_sent_ms; /* of sent_zxid */
    uint64_t deadline_ms;  /* the next packet must have come; UINT64_MAX: none is due */
    uint64_t heard_ms;     /* while FOLLOWING: of its last packet */
    uint64_t connected_ms;
    uint64_t packets_received;
    uint64_t packets_sent;
    uint64_t requests;
    uint64_t pings_sent; /* since UPTODATE */
    uint64_t pings_answered;
    uint64_t round_ping; /* the ping of the round of confirmation; UINT64_MAX: it is not in it */
};

/* Somebody waits for a sync. */
struct leader_sync {
    struct list list; /* leader.syncs: in order, both figures only grow */
    int64_t zxid;     /* must be committed */
    uint64_t round;   /* must be confirmed */
    uint64_t link_id; /* of the learner that asked; 0: an own client */
    int64_t session_id;
    int32_t cxid;
};

struct leader {
    struct peer *peer;
    enum leader_phase phase;
    uint64_t phase_until_ms; /* initLimit of the phase; BROADCAST: UINT64_MAX, or see may_commit */
    int64_t epoch;           /* above all that were heard of; fixed from SAVING_EPOCH on */
    int64_t summary_epoch;   /* our own state at the beginning: current epoch, last zxid */
    int64_t summary_zxid;
    bool has_own_ack; /* of NEWLEADER: history and epoch are durable here */
    bool may_commit;  /* false: a reconfiguration made another server the leader */
    bool is_over;     /* peer_give_up was called: nothing more happens */
    int64_t last_committed;
    struct list handlers;
    size_t handler_count;
    uint64_t half_tick_at_ms;
    bool skips_tick; /* this half tick only pings */
    struct list syncs;
    size_t sync_count;
    uint64_t round;           /* the newest round of confirmation that was begun */
    uint64_t confirmed_round; /* the newest that a quorum answered */
    struct arena arena;       /* of one packet */
    struct buffer scratch;    /* a txn, a configuration's text */
    struct buffer reconfig;   /* the text of the one that prep is making a txn of */
};

/* One call into the leader. */
struct leader_turn {
    struct leader *leader;
    const struct zk_event *event;
    struct zk_outbox *outbox;
};

/* ---- leader.c ------------------------------------------------------------------------ */

static inline int64_t leader_new_zxid(const struct leader *leader)
{
    return zxid_make(leader->epoch, 0);
}

void leader_give_up(struct leader *leader, const char *reason);

/* Another server is to lead: nothing more is committed, and before long this ends. */
void leader_step_aside(struct leader_turn *turn);

/* Is this set of servers enough, in the configuration in force and, when another one is on its way,
 * in that one too? */
bool leader_is_quorum(const struct leader *leader,
                      const int64_t *ids,
                      size_t count,
                      bool with_next);

/* Collects the ids of the participants' handlers that `has` says yes to, and our own when
 * `with_self`. `ids` has room for PEER_LEARNERS_MAX + 1. */
size_t leader_collect(const struct leader *leader,
                      bool with_self,
                      bool (*has)(const struct handler *handler, int64_t zxid),
                      int64_t zxid,
                      int64_t *ids);

void handler_close(struct leader_turn *turn, struct handler *handler, const char *reason);

/* May more be sent? False: too much waits already, and the link is closed. */
bool handler_has_room(struct leader_turn *turn, struct handler *handler);

/* Sends when there is room. */
void handler_send(struct leader_turn *turn, struct handler *handler, struct quorum_span span);
void handler_wait(struct leader_turn *turn, struct handler *handler, int32_t ticks);

/* ---- leader_discovery.c ---------------------------------------------------------------- */

/* Its first packet. */
void leader_introduced(struct leader_turn *turn, struct handler *handler);
/* The new epoch is durable here. */
void leader_send_info(struct leader_turn *turn, struct handler *handler);
/* Its second packet. */
void leader_epoch_acked(struct leader_turn *turn, struct handler *handler);

/* ---- leader_reconfig.c ------------------------------------------------------------------ */

/* prep_ensemble.reconfig: what is asked becomes a configuration. */
int32_t leader_reconfig(void *ctx, const struct prep_reconfig *asked, struct slice *text);

/* ---- leader_sync.c: a learner is brought up to date ------------------------------------ */

void leader_sync_handler(struct leader_turn *turn, struct handler *handler);
void leader_log_read(struct leader_turn *turn, struct handler *handler);
void leader_snapshot_began(struct leader_turn *turn, struct handler *handler);

/* ---- leader_broadcast.c ---------------------------------------------------------------- */

/* Proposes it: the zxid, 0 when the body cannot be decoded, or the leader is over. */
int64_t leader_propose(struct leader_turn *turn, const struct prep_request *request);
void leader_acked(struct leader_turn *turn, struct handler *handler, int64_t zxid);
void leader_try_commit(struct leader_turn *turn);

/* Who is to lead after a reconfiguration with this zxid (NEWLEADER's: the configuration that it
 * carried). */
int64_t leader_designated(const struct leader *leader,
                          const struct quorum_config *config,
                          int64_t zxid);

/* ---- leader_session.c: what learners ask for ------------------------------------------- */

/* May the owner (a link's id, or SESSION_OWNER_HERE) ask this? ZK_ERR_OK, SESSIONEXPIRED,
 * SESSIONMOVED. Who is the first becomes the owner. */
int32_t leader_check_owner(struct leader *leader,
                           const struct prep_request *request,
                           uint64_t owner);

void leader_handle_request(struct leader_turn *turn,
                           struct handler *handler,
                           struct slice data,
                           struct slice authinfo);
void leader_handle_revalidate(struct leader_turn *turn, struct handler *handler, struct slice data);
void leader_handle_ping(struct leader_turn *turn, struct handler *handler, struct slice data);

/* A sync: link_id 0 for an own client. */
void leader_add_sync(struct leader_turn *turn, uint64_t link_id, int64_t session_id, int32_t cxid);
void leader_answer_syncs(struct leader_turn *turn);

/* A quorum has acknowledged the proposal: what came before it was proposed is confirmed. */
void leader_answer_syncs_before(struct leader_turn *turn, int64_t zxid);

/* One PING to everybody who follows. */
void leader_ping(struct leader_turn *turn);

#endif
