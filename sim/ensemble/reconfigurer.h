/* reconfigurer.h - the administrator of an ensemble whose configuration changes: a client with the
 * right to send `reconfig`, and hands that set machines up.
 *
 * Machines. An ensemble that is reconfigured has one or two machines more than members, at first
 * switched off. One that is to join gets a zoo.cfg with the members of today and itself, and is
 * started; then a reconfig takes it in. One that is no member any more runs on, until it ends: it
 * then refuses to start ("not in the peer list"), which is right, and is out; the administrator may
 * set it up again, with its old data or an empty disk. A member that was down meanwhile comes back
 * with the configuration that it had.
 *
 * What is asked for is drawn from what G says is in force, and often right. Refusals are foretold
 * as far as G alone decides them: whether the others follow, only the leader knows.
 *
 * All is drawn from streams of its own: runs without reconfigs are not changed by it.
 */
#ifndef SIM_ENSEMBLE_RECONFIGURER_H
#define SIM_ENSEMBLE_RECONFIGURER_H

#include "sim/ensemble/ensemble.h"

/* Who belongs to it at first, how quorums are counted, and whether it is reconfigured. */
void membership_draw(struct ensemble_options *options, struct options *base, uint64_t seed);

/* Not before this are groups and reconfigs drawn (--reconfigs): the seeds that are kept with a
 * story tell it without them. */
void membership_enable(void);
bool membership_is_enabled(void);

/* What of it stands in zoo.cfg, appended to the drawn lines. */
void membership_draw_lines(struct ensemble_options *options, uint64_t seed);

void reconfigurer_init(struct ensemble_world *ensemble);

/* Writes zoo.cfg, and the file that it names, if it does, as the administrator would now. */
void reconfigurer_configure(struct member *member);

/* It has refused to start: because it is no member? Then it is out, and that is no fault. */
bool reconfigurer_excuses(struct member *member, const char *why);

/* Everything is healed: whoever is a member and out is set up again. */
void reconfigurer_mend(struct ensemble_world *ensemble);

/* Z-INV14: what the member has in force, after one of its turns. */
void reconfigurer_look(struct member *member, const struct member_view *view);

/* NULL, or what is wrong with how the request was decided. */
const char *reconfigurer_check(void *ctx,
                               const struct request *cause,
                               const struct txn_record *txn);

/* Strikes. */
bool reconfigurer_offer(struct ensemble_world *ensemble);
bool reconfigurer_join(struct ensemble_world *ensemble);
bool reconfigurer_leave(struct ensemble_world *ensemble);
bool reconfigurer_role(struct ensemble_world *ensemble);
bool reconfigurer_ports(struct ensemble_world *ensemble);
bool reconfigurer_whole(struct ensemble_world *ensemble);
bool reconfigurer_leader(struct ensemble_world *ensemble);
bool reconfigurer_wrong(struct ensemble_world *ensemble);
bool reconfigurer_kill_leader(struct ensemble_world *ensemble);
bool reconfigurer_away(struct ensemble_world *ensemble);

#endif
