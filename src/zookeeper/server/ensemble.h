/* ensemble.h - one server of an ensemble: the host around core/peer.h, beside what every node has.
 *
 * Owns the peer machine, the election port, the quorum port, the epoch files, and the order in
 * which things become durable. node.c calls this where a server without peers differs from one with
 * them; node->peer is NULL for the former.
 *
 * Order. PERSIST, PERSIST_EPOCH, TAKE_SNAPSHOT and TRUNCATE form one queue in the order of the
 * effects. PERSIST goes to the log's next batch while nothing is before it; each of the others is a
 * barrier: it begins when everything before it is durable, and what is behind it waits until it is
 * done. So "history durable, then epoch durable" (ZOOKEEPER-4643) holds whatever the disk does.
 * Failure of the disk ends the server (node_fail); nothing is tried again.
 */
#ifndef ZOOKEEPER_SERVER_ENSEMBLE_H
#define ZOOKEEPER_SERVER_ENSEMBLE_H

#include "zookeeper/server/node.h"

struct ensemble;

/* Makes peer and ports, nothing opened: node->peer and node->service are set. */
void ensemble_create(struct node *node);

/* After recovery: reads the epochs. */
NODISCARD int ensemble_load(struct node *node, struct errmsg *message);

/* Opens both ports, then goes looking for a leader. */
NODISCARD int ensemble_start(struct node *node, struct errmsg *message);

/* A PERSIST or PEER effect. */
void ensemble_perform(struct node *node, const struct zk_effect *effect);

/* Called at every turn end, before the log is flushed. */
void ensemble_turn(struct node *node);

/* More has been asked to be logged than is good: links are not read. */
bool ensemble_is_overloaded(const struct node *node);

/* The configuration in force; borrowed until the next effect. */
const struct quorum_config *ensemble_config(const struct node *node);

/* A snapshot on its way to a learner has the tree's cursor. */
bool ensemble_uses_tree(const struct node *node);

/* Are clients taken? True for a server without peers. */
bool ensemble_is_serving(const struct node *node);

/* Closes both ports (node_stop, node_fail), then: is everything quiet? */
void ensemble_close(struct node *node, uint32_t linger_ms);
bool ensemble_is_quiet(const struct node *node);

void ensemble_detach(struct node *node);
void ensemble_destroy(struct node *node);

#endif
