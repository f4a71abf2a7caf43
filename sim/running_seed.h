/* running_seed.h - which seed runs: told also when the run dies, since the servers are in this
 * process.
 */
#ifndef SIM_RUNNING_SEED_H
#define SIM_RUNNING_SEED_H

#include "sim/world.h"

/* From now on a death of the process prints "seed N: CRASH, signal S" and ends with VERDICT_CRASH.
 */
void running_seed_catch_deaths(void);
void running_seed_set(uint64_t seed);
uint64_t running_seed(void);

/* "ok", "CRASH", "STUCK", "WRONG" */
const char *verdict_name(enum verdict verdict);

#endif
