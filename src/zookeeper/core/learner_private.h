/* learner_private.h - what the files of the learner share. */
#ifndef ZOOKEEPER_CORE_LEARNER_PRIVATE_H
#define ZOOKEEPER_CORE_LEARNER_PRIVATE_H

#include "zookeeper/core/learner.h"
#include "zookeeper/core/peer_private.h"

/* One call into the learner. */
struct learner_turn {
    struct learner *learner;
    const struct zk_event *event;
    struct zk_outbox *outbox;
};

/* A sync of a client here, on its way to the leader and back. */
struct learner_sync {
    struct list list;
    int64_t session_id;
    int32_t cxid;
};

void learner_give_up(struct learner_turn *turn, const char *reason);

/* Is this a txn that may stand behind all that came before? Else the leader is left. */
bool learner_takes(struct learner_turn *turn, int64_t zxid, struct slice txn);

/* Acknowledges what is durable, each txn by itself. */
void learner_acknowledge(struct learner_turn *turn);

/* ---- learner_sync.c: between ACKEPOCH and UPTODATE ------------------------------------- */

/* The first packet after ACKEPOCH: how it will be done. */
void learner_sync_begin(struct learner_turn *turn);
void learner_sync_packet(struct learner_turn *turn);

/* The disk or the tree has done what was asked. */
void learner_tree_ready(struct learner_turn *turn);
void learner_adopt(struct learner_turn *turn);

#endif
