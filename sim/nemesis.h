/* nemesis.h - who makes things go wrong, as the options of the run say, until the world is healed.
 */
#ifndef SIM_NEMESIS_H
#define SIM_NEMESIS_H

struct world;

void nemesis_start(struct world *world);

/* Every fault ends; what is down is brought back. */
void nemesis_heal(struct world *world);

#endif
