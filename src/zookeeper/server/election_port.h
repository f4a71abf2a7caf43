/* election_port.h - the connections of the election port: one with each server of the ensemble,
 * over which notifications go both ways (upstream's QuorumCnxManager).
 *
 * Of the two servers of a pair the one with the larger id makes the connection. A server that has
 * something to say to one with a larger id knocks: it connects, says who and where it is, and
 * closes; the other one then connects to it. What is to be sent waits in a place for one message,
 * where the newest one replaces the one before; connections are tried again with back-off as long
 * as something waits. Names are looked up at each attempt, so that a server may move. Bounds:
 * ELECTION_STREAMS_MAX connections, of them ELECTION_UNKNOWN_MAX with servers that are not in the
 * configuration; a header must have come within the connect timeout, and the oldest that waits for
 * its header makes room when there are more; a message is at most ELECTION_MESSAGE_MAX bytes, and
 * memory grows with the bytes that came, not with those announced.
 * Wire: reference 2.7. Source: QuorumCnxManager.
 */
#ifndef ZOOKEEPER_SERVER_ELECTION_PORT_H
#define ZOOKEEPER_SERVER_ELECTION_PORT_H

#include "runtime/errmsg.h"
#include "runtime/runtime.h"
#include "zookeeper/core/quorum.h"
#include "zookeeper/server/config.h"

/* One message (upstream's PACKETMAXSIZE). */
#define ELECTION_MESSAGE_MAX ((size_t)512 << 10)
/* The addresses in a header (upstream's maxBuffer). */
#define ELECTION_HEADER_TEXT_MAX 2048
/* Accepted connections, those included whose header has not come. */
#define ELECTION_STREAMS_MAX 512
#define ELECTION_UNKNOWN_MAX 64

struct election_port;

/* What the owner hears; any of them may be called inside election_port_send's turn, never inside
 * the call itself. */
struct election_port_events {
    /* One message of that server; borrowed. */
    void (*on_message)(void *ctx, int64_t server_id, struct slice bytes);
    /* A connection with it has come up (also one that replaces another). */
    void (*on_up)(void *ctx, int64_t server_id);
    /* There is none, and an attempt to make one has failed. */
    void (*on_down)(void *ctx, int64_t server_id);
    /* The port cannot be listened on after electionPortBindRetry attempts (upstream exits with 14).
     * May be NULL. */
    void (*on_failed)(void *ctx, const char *text);
};

/* Nothing is opened yet. `config` (members, server_id, cnxTimeout, quorumListenOnAllIPs,
 * multiAddress.enabled, electionPortBindRetry) and `events` must stay where they are. */
struct election_port *election_port_create(struct runtime *runtime,
                                           const struct zk_config *config,
                                           const struct election_port_events *events,
                                           void *ctx);

/* Listens on the own server's election addresses: numeric ones at once (ERR_IN_USE, ERR_ACCESS and
 * so on with a sentence), names as soon as they are looked up. */
NODISCARD int election_port_open(struct election_port *port, struct errmsg *message);

/* That configuration is in force: servers that are not in it are forgotten, addresses follow it,
 * and so does the listener. When it has no line for this server, that stays where it is. Kept. */
void election_port_configure(struct election_port *port, struct quorum_config *config);

/* That configuration is proposed: its servers are reached, too. NULL: none any more. Kept. */
void election_port_propose(struct election_port *port, struct quorum_config *config);

/* Sends when there is a connection, makes one when there is none. To a server that is neither known
 * nor connected: dropped. */
void election_port_send(struct election_port *port, int64_t server_id, struct slice bytes);

/* Is there a connection with it? */
bool election_port_is_connected(const struct election_port *port, int64_t server_id);

/* The address that is listened on (the first); port 0: none. */
struct tcp_address election_port_address(const struct election_port *port);

/* Closes the listener and all connections; no event comes any more. election_port_is_quiet says
 * when the last stream and look-up are gone and the port may be destroyed. */
void election_port_close(struct election_port *port);
bool election_port_is_quiet(const struct election_port *port);

/* Takes timers and listeners out of the loop (the runtime's node dies or is destroyed). */
void election_port_detach(struct election_port *port);

/* Frees all without a callback. NULL is nothing. */
void election_port_destroy(struct election_port *port);

#endif
