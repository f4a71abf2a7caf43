/* random.h - xoshiro256** (Blackman and Vigna): fast, seedable, not for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/base.h"

struct random {
    uint64_t s[4];
};

/* Expands the seed with splitmix64, so that any seed (0 too) is good. */
void random_init(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);

/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);

/* True with probability numerator/denominator. */
bool random_chance(struct random *random, uint64_t numerator, uint64_t denominator);

/* An independent stream for a named purpose: same parent state and label, same stream. */
void random_split(const struct random *parent, uint64_t label, struct random *child);

#endif
