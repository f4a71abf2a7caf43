/* stranger.h - somebody who speaks nobody's protocol: bytes without sense, half requests, lengths
 * beyond belief, words of four letters. Nothing of it may harm the server or the others.
 */
#ifndef SIM_STRANGER_H
#define SIM_STRANGER_H

#include "sim/network.h"

struct world;

#define STRANGER_CONNS_MAX 8

struct stranger_conn {
    struct stranger *stranger;
    struct net_conn *conn;
    bool sends_word;
    bool is_in_use;
};

struct stranger {
    struct world *world;
    struct random random;
    struct stranger_conn conns[STRANGER_CONNS_MAX];
    uint64_t words_answered;
};

void stranger_init(struct stranger *stranger, struct world *world, const struct random *seed);

/* One more visit, to the only server, or to any address. */
void stranger_visit(struct stranger *stranger);
void stranger_visit_at(struct stranger *stranger, const struct tcp_address *to);

/* Leaves, from all connections. */
void stranger_leave(struct stranger *stranger);

#endif
