/* hash.h - keyed hashing for tables and digests for comparing state. Deterministic for a given key.
 *
 * hash_bytes is SipHash-1-3 (Aumasson and Bernstein) or an equally keyed function: strangers choose
 * paths, so tables are seeded from the host's random source (the simulator's seed). hash_u64 mixes
 * integers that strangers do not choose.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/slice.h"

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

uint64_t hash_bytes(struct hash_key key, struct slice bytes);

/* hash_bytes(key, a followed by b) without joining them. */
uint64_t hash_bytes2(struct hash_key key, struct slice a, struct slice b);

static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    return x;
}

/* Order-dependent running digest for traces. */
static inline uint64_t hash_combine(uint64_t digest, uint64_t value)
{
    return hash_u64(digest ^ (value + 0x9e3779b97f4a7c15ULL + (digest << 6) + (digest >> 2)));
}

#endif
