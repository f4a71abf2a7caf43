/* random.c - xoshiro256** 1.0 and splitmix64, as their authors (Blackman, Vigna) publish the
 * algorithms. */
#include "base/random.h"

static uint64_t splitmix(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15ULL;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void random_init(struct random *random, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(random->s); i++) {
        random->s[i] = splitmix(&seed);
    }
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    ASSERT(bound > 0);
    /* Reject the values of the last, incomplete run of `bound`, so that every rest is equally
     * likely. */
    uint64_t reject_below = (0 - bound) % bound;
    uint64_t value = random_next(random);
    while (value < reject_below) {
        value = random_next(random);
    }
    return value % bound;
}

bool random_chance(struct random *random, uint64_t numerator, uint64_t denominator)
{
    return random_below(random, denominator) < numerator;
}

void random_split(const struct random *parent, uint64_t label, struct random *child)
{
    uint64_t state = label;
    for (size_t i = 0; i < ARRAY_LEN(child->s); i++) {
        state ^= parent->s[i];
        child->s[i] = splitmix(&state);
    }
    /* xoshiro's one bad state is all zeros; splitmix cannot be trusted never to produce it. */
    child->s[0] |= (uint64_t)((child->s[0] | child->s[1] | child->s[2] | child->s[3]) == 0);
}
