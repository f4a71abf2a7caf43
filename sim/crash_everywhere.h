/* crash_everywhere.h - one fixed run, cut at each of its disk operations in turn. */
#ifndef SIM_CRASH_EVERYWHERE_H
#define SIM_CRASH_EVERYWHERE_H

#include "sim/world.h"

/* Prints what it did; the first failure ends it. */
enum verdict crash_everywhere(uint64_t seed, bool traces);

#endif
