/* scenarios.h - stories that chance tells too rarely: a seed may draw one, and then somebody who
 * sees all brings the members there step by step, beside the faults of the seed.
 *
 *     rollover     an epoch has room for a few dozens of zxids (ZOOKEEPER-1277, 4883)
 *     hole         one server copies a tree, so that its log has a hole, or is sent what it has
 *                  missed, which its commit log must take; and it leads one that is further behind
 *                  than that (ZOOKEEPER-4925)
 *     never-had    a server that copied the tree of a fresh epoch has a transaction of this epoch
 *                  alone, and is told to cut back to what only the tree has (ZOOKEEPER-3701)
 *     cut-fails    a leader that was left alone with what it logged is told to cut it off, by TRUNC
 *                  or after a snapshot, and its disk does not do so (ZOOKEEPER-3701)
 *
 *     deposed      a leader that hears of nobody goes on to lead, while the others have another one
 *                  (ZOOKEEPER-1675)
 *
 * A story that does not come to its end is begun again. Whether it did is a mark.
 */
#ifndef SIM_ENSEMBLE_SCENARIOS_H
#define SIM_ENSEMBLE_SCENARIOS_H

#include "sim/ensemble/ensemble.h"

enum scenario_kind {
    SCENARIO_NONE,
    SCENARIO_ROLLOVER,
    SCENARIO_HOLE,
    SCENARIO_NEVER_HAD,
    SCENARIO_CUT_FAILS,
    SCENARIO_DEPOSED,
    SCENARIO_KINDS,
};

/* Of its own stream: the other draws of a seed are what they were. */
enum scenario_kind scenario_of_seed(uint64_t seed);

/* By its name; SCENARIO_KINDS: there is none of that name. */
enum scenario_kind scenario_by_name(const char *name);

/* After all else is drawn: what the story needs of the configuration and of the time. */
void scenario_draw(struct ensemble_options *options, struct options *base);

void scenario_start(struct ensemble_world *ensemble);
void scenario_release(struct ensemble_world *ensemble);

#endif
