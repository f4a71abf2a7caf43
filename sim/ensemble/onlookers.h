/* onlookers.h - those who watch sessions, votes and clocks of a simulated ensemble; see ensemble.h
 * for what they check. Servers know nothing of them.
 *
 *     taps.c       what members read from the network, cut into messages for the two below
 *     sessions.c   S1: when each server has heard of which session, and when it let it expire
 *     votes.c      Z-INV13: who told whom which vote, and what a leader was elected by
 *     clocks.c     monotonic clocks of the machines that run differently, and stand still
 *
 * What they draw comes from streams of their own: a seed's other draws are what they were.
 */
#ifndef SIM_ENSEMBLE_ONLOOKERS_H
#define SIM_ENSEMBLE_ONLOOKERS_H

#include "sim/config_writer.h"
#include "sim/ensemble/ensemble.h"

/* ---- taps.c ---------------------------------------------------------------------------------- */

void taps_init(struct ensemble_world *ensemble);
void taps_release(struct ensemble_world *ensemble);

/* ---- sessions.c ------------------------------------------------------------------------------ */

/* How a server hears of a session. */
enum heard_by {
    HEARD_REQUEST,  /* of its client, or of a learner that passes it on */
    HEARD_REPORT,   /* of a learner: it was heard there */
    HEARD_GREETING, /* its client, or a learner for it, asks whether it lives: it may not */
};

/* Lines of zoo.cfg: are sessions local, may they become everybody's? */
void sessions_draw(struct ensemble_options *options, struct config_writer *writer);

void sessions_init(struct ensemble_world *ensemble);
void sessions_release(struct ensemble_world *ensemble);

/* The member takes a message that speaks of the session; timeout_ms 0: it does not say. */
void sessions_heard(struct member *member, int64_t id, int32_t timeout_ms, enum heard_by how);

/* After a turn of the member, when member->view is still what it was before. */
void sessions_look(struct member *member, const struct member_view *view);

/* A transaction of G. */
void sessions_committed(struct ensemble_world *ensemble, struct slice txn);

/* The client has its session open at that server (its index). */
void sessions_opened(struct ensemble_world *ensemble, struct client *client, int at);

/* A server has told this client that it does not know its session. */
void sessions_refused(struct ensemble_world *ensemble, struct client *client);

/* Clients whose sessions stand in the tree of every server. */
size_t sessions_live(const struct ensemble_world *ensemble);

/* ---- votes.c --------------------------------------------------------------------------------- */

void votes_init(struct ensemble_world *ensemble);
void votes_release(struct ensemble_world *ensemble);

/* A notification: `to` takes what `from` has sent. */
void votes_told(struct member *from, struct member *to, struct slice message);

/* After a turn of the member, when member->view is still what it was before. */
void votes_look(struct member *member, const struct member_view *view);

/* ---- clocks.c -------------------------------------------------------------------------------- */

void clocks_draw(struct ensemble_options *options);
void clocks_init(struct ensemble_world *ensemble);

/* Its process stands still, and, where pauses are those of whole machines, its clock, too. */
void clock_pause(struct member *member);
void clock_go(struct member *member);

/* Do two of them differ by more than a tick? */
bool clocks_are_apart(const struct ensemble_world *ensemble);

/* What the member's clock shows now, or when its process will have done what it does, in ms. */
uint64_t clock_now_ms(const struct member *member);
uint64_t clock_busy_until_ms(const struct member *member);

#endif
