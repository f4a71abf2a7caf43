/* check.h - after a run: is there one story in which all that clients saw is right?
 *
 * G, the logged transactions, is replayed through the model, zxid by zxid. At each of them:
 *   - the transaction has exactly one cause: a request that a client sent, an expiry, the end of a
 *     container; and it is what that cause had to become in the state before it (C1, C3, S1-S6,
 * Q1);
 *   - its digest is the model's (S4, Z-INV12);
 *   - every connection's frames are walked: the events that its watches must hear of come first, in
 *     order, once, and none else; then the replies at that zxid, each equal to what the model says
 *     byte for byte (C2, W1-W5);
 *   - where the server came up at this zxid, its whole tree was the model's.
 * The replay is linear in what was logged and seen.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/model.h"
#include "sim/world.h"

/* What the walk knows of one connection. */
struct walker {
    const struct connection *connection;
    size_t at; /* the next frame */
    struct identity identity;
    struct bytes_map watches; /* path -> struct walker_watch * */
    struct walker_watch *list;
    int64_t events_zxid; /* up to here events have been walked */
    bool is_over;
};

struct checker {
    struct world *world;
    struct model model;
    struct walker *walkers;
    size_t walker_count;
    int64_t zxid;
    struct request *cause; /* of the transaction in hand; NULL: the server's own */
    int32_t cause_error;   /* what its reply's header must say */
    size_t recovery_at;
};

/* Leaves a verdict in the world when something is wrong. */
void check_run(struct world *world);

/* ---- check_walk.c ---- */

void walker_init(struct walker *walker, const struct connection *connection);
void walker_release(struct walker *walker);

/* All that this connection was sent at checker->zxid. */
void walker_step(struct checker *checker, struct walker *walker);

void check_fail(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
