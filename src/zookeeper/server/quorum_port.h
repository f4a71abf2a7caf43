/* quorum_port.h - the port where learners meet their leader: links, packets, snapshots on their
 * way.
 *
 * Model: a link is one TCP connection between a learner and its leader, seen from either side. The
 * machine (core/peer.h) knows it as struct zk_link; this file owns the memory and the stream. Whole
 * packets become PEER_EVENT_LINK_PACKET; what the machine sends is queued on the stream.
 *   - A learner that connects is told to the machine while the server leads. While it looks for a
 *     leader the connection waits unread (the others may know the winner first); while it follows
 *     it is closed. Of more than QUORUM_LINKS_MAX the oldest that has said nothing yet makes room:
 *     a learner speaks at once, so that strangers cannot keep it out by their number.
 *   - Connecting: names are resolved each time; all addresses are tried at once and the first that
 *     answers wins; up to QUORUM_CONNECT_TRIES rounds within the time given.
 *   - A snapshot out: one at a time, since the tree has one cursor (the snapshotter waits, too). It
 *     is written as the peer takes it; what the machine sends meanwhile is held back. A peer that
 *     takes nothing for initLimit ticks is dropped.
 *   - A snapshot in: spooled to a file until its end has been seen, loaded by a job into a tree of
 *     its own, and put in the old tree's place only when it is whole: a transfer that breaks, or
 *     whose link is closed, changes nothing.
 * What goes wrong: lengths beyond the limits, a packet that never ends, silence (the machine's
 * deadlines), a flood (reading pauses while the log cannot follow).
 * Sources: Leader.LearnerCnxAcceptor, LearnerHandler, Learner.connectToLeader; reference 2.9.
 */
#ifndef ZOOKEEPER_SERVER_QUORUM_PORT_H
#define ZOOKEEPER_SERVER_QUORUM_PORT_H

#include "zookeeper/server/node.h"

#define QUORUM_LINKS_MAX PEER_LEARNERS_MAX
#define QUORUM_CONNECT_TRIES 5
#define QUORUM_RETRY_MS 100 /* between rounds of tries */

/* Output that waits for a link beyond this closes it: its machine should have done so long
 * before. */
#define QUORUM_LINK_OUTPUT_MAX ((size_t)512 << 20)

struct quorum_port;

struct quorum_port *quorum_port_create(struct node *node);

/* Starts to listen on the server's own addresses in the configuration. A numeric address that
 * cannot be bound is an error; a name is resolved off the loop, and failures are tried again. */
NODISCARD int quorum_port_open(struct quorum_port *port, struct errmsg *message);

/* The configuration is in force: other addresses are listened on when the server's own changed. */
void quorum_port_configure(struct quorum_port *port);

/* Performs a LINK_* effect. */
void quorum_port_perform(struct quorum_port *port, const struct zk_effect *effect);

/* The server's role has changed: connections that waited are told or closed. */
void quorum_port_role(struct quorum_port *port);

/* Called at every turn end. */
void quorum_port_turn(struct quorum_port *port);

/* The link of that id, NULL when it is gone. */
struct zk_link *quorum_port_find(const struct quorum_port *port, uint64_t link_id);

/* A snapshot is on its way out: the tree's cursor is taken. */
bool quorum_port_uses_tree(const struct quorum_port *port);

/* A snapshot is being received or loaded. */
bool quorum_port_is_receiving(const struct quorum_port *port);

/* Closes listener and links (node_stop, failure). */
void quorum_port_close(struct quorum_port *port, uint32_t linger_ms);

/* No link is left. */
bool quorum_port_is_quiet(const struct quorum_port *port);

/* Takes timers and listeners out of the loop (node_detach). */
void quorum_port_detach(struct quorum_port *port);

/* Frees everything without a word; the runtime is gone or about to go. */
void quorum_port_destroy(struct quorum_port *port);

#endif
