/* client.h - a simulated client: it keeps a session over connections, sends requests, remembers
 * what it was told.
 *
 * States:
 *
 *   AWAY --back-off is over--> DIALLING --connected--> GREETING --ConnectResponse--> READY
 *     ^                           |                       |                            |
 *     +---------------------------+-----------------------+----------------------------+
 *              the connection ends, or nothing was heard for two thirds of the timeout
 *
 * A session that the server calls expired is given up; the next connection asks for a new one. What
 * a client does beside its work (slow reading, hanging up, stealing its own session with a second
 * connection, wrong passwords) is drawn from its own stream of random numbers.
 *
 * Some rules hold at once and are checked here: replies in the order of requests (C3), zxids that
 * never go back (C4, C5, C6), no reply to nothing. The rest is for the checkers after the run.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim/history.h"
#include "sim/network.h"
#include "sim/options.h"

#define CLIENT_NAMES_MAX 16

enum client_state {
    CLIENT_AWAY,
    CLIENT_DIALLING,
    CLIENT_GREETING,
    CLIENT_READY
};

/* A watch that the client believes to have: what it lists again after a reconnect. */
struct client_watch {
    struct slice path;
    enum watch_list list;
};

struct client_counts {
    uint64_t connections;
    uint64_t expired;
    uint64_t moved;
    uint64_t refused_password;
    uint64_t timeouts;
};

struct world;

struct client {
    struct world *world;
    int index;
    struct random random;
    struct tcp_address address;
    enum client_state state;
    struct net_conn *conn;
    struct connection *connection; /* what history knows of it */
    uint64_t generation;           /* of the connection: late events of older ones are ignored */
    struct bytes outgoing;
    struct bytes incoming;

    struct sim_session *session; /* NULL: the next connection asks for a new one */
    uint8_t password[PASSWORD_BYTES];
    int64_t last_zxid; /* of the session */
    int32_t next_xid;
    struct random habits;
    bool counts_anew;         /* xids, on each connection (as kazoo does) */
    int32_t leaves_after;     /* this xid, without waiting for an answer; 0: it stays */
    bool uses_wrong_password; /* on the next connection */
    bool sends_read_only_flag;

    struct request *
        *in_flight; /* in the order of sending; auth replies may come before their turn */
    size_t in_flight_count;
    size_t in_flight_cap;
    uint64_t auth_in_flight;
    struct identity wanted; /* users that the client logs in as, on each connection */

    struct client_watch *watches;
    size_t watch_count;
    size_t watch_cap;

    struct slice names[CLIENT_NAMES_MAX]; /* nodes it made with numbers: to be read and deleted */
    size_t name_count;
    int32_t known_version; /* of known_path: for compare and set */
    struct slice known_path;
    uint64_t writes;

    size_t pipeline;   /* most requests in flight */
    uint64_t burst;    /* requests between two pauses, about */
    uint64_t think_ns; /* such a pause, about */
    uint64_t next_act_ns;
    uint64_t wake_ns; /* the earliest wake-up that is scheduled */
    uint64_t heard_ns;
    uint64_t sent_ns;
    uint64_t slow_until_ns; /* it does not read before */
    uint64_t away_until_ns;
    uint64_t state_since_ns;
    bool is_closing_session;
    bool is_moving;
    uint64_t server_generation; /* that the session was last opened at */
    bool is_ending;             /* the run ends: no more work of its own */
    uint64_t answered;          /* ordinary requests */
    uint64_t answered_before;   /* ... when the world was healed */
    struct client_counts counts;
};

void client_init(struct client *client, struct world *world, int index, const struct random *seed);
void client_release(struct client *client);

/* Begins to live. */
void client_start(struct client *client);

/* Nothing new is begun; what is in flight is waited for. */
void client_wind_down(struct client *client);

/* READY, and nothing in flight but pings. */
bool client_is_idle(const struct client *client);

/* Sends one more request now; the client is READY. */
struct request *client_send(struct client *client, const struct operation *operation, int32_t xid);

/* The connection is cut off without a word: by the client, or its machine. */
void client_hang_up(struct client *client, bool with_reset);

/* The client's machine is gone: the server is told nothing. */
void client_vanish(struct client *client);

/* Leaves the connection open and comes back with the same session on another one. The client is
 * READY.
 */
void client_take_over(struct client *client);

/* Gives the session up without telling the server. */
void client_abandon(struct client *client);

/* What history knows of this connection; NULL when no client has made it. */
struct connection *client_connection_of(const struct net_conn *conn);

/* ---- client_zxid.c: C1, C4, C5, C6 ---- */

/* Somebody has been shown this zxid. */
void client_note_told(struct world *world, int64_t zxid);

/* Is it one that this reply may carry? Then the client has seen it. */
void client_check_zxid(struct client *client, const struct request *request, int64_t zxid);

/* ---- client_work.c: what to do next ---- */

/* The next operation of the client's own, in the history's pool. */
const struct operation *client_choose(struct client *client);

/* Learns from a reply: names that were made, versions that were read, watches that were set. */
void client_learn(struct client *client, const struct request *request);

/* The event used this watch up, if it was a standard one. */
void client_forget_watch(struct client *client, int32_t event, struct slice path);

/* The request that logs a user in (client.c). */
const struct operation *client_auth(struct client *client, uint8_t user);

/* NULL when there is nothing to list again. */
const struct operation *client_watches_again(struct client *client);

#endif
