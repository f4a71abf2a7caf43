/* hash.c - SipHash with one round per block and three at the end (Aumasson, Bernstein: "SipHash: a
 * fast short-input PRF", 2012, in its 1-3 form). Two slices are hashed as one: the bytes that do
 * not fill a block at the end of the first are joined with the start of the second.
 */
#include "base/hash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline struct sip sip_start(struct hash_key key)
{
    return (struct sip){key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL,
                        key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};
}

static inline void sip_block(struct sip *s, uint64_t block)
{
    s->v3 ^= block;
    sip_round(s);
    s->v0 ^= block;
}

static inline const uint8_t *sip_blocks(struct sip *s, const uint8_t *p, size_t len)
{
    for (const uint8_t *end = p + (len & ~(size_t)7); p != end; p += 8) {
        uint64_t block;
        memcpy(&block, p, sizeof block);
        sip_block(s, block);
    }
    return p;
}

/* At most 7 bytes as a little-endian number, by reads that may overlap instead of a loop. */
static inline uint64_t load_tail(const uint8_t *p, size_t len)
{
    if (len >= 4) {
        uint32_t low;
        uint32_t high;
        memcpy(&low, p, sizeof low);
        memcpy(&high, p + len - sizeof high, sizeof high);
        return low | (uint64_t)high << (8 * (len - sizeof high));
    }
    if (len == 0) {
        return 0;
    }
    return p[0] | (uint64_t)p[len / 2] << (8 * (len / 2)) | (uint64_t)p[len - 1] << (8 * (len - 1));
}

/* `tail` holds the last bytes that fill no block; the top byte is the length of everything. */
static inline uint64_t sip_finish(struct sip *s, uint64_t tail, size_t total)
{
    sip_block(s, tail | (uint64_t)total << 56);
    s->v2 ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash_bytes(struct hash_key key, struct slice bytes)
{
    struct sip s = sip_start(key);
    uint64_t tail = 0;
    if (bytes.len > 0) {
        const uint8_t *rest = sip_blocks(&s, bytes.ptr, bytes.len);
        tail = load_tail(rest, bytes.len & 7);
    }
    return sip_finish(&s, tail, bytes.len);
}

uint64_t hash_bytes2(struct hash_key key, struct slice a, struct slice b)
{
    if (a.len == 0) {
        return hash_bytes(key, b);
    }
    if (b.len == 0) {
        return hash_bytes(key, a);
    }
    struct sip s = sip_start(key);
    const uint8_t *rest = sip_blocks(&s, a.ptr, a.len);
    size_t held = a.len & 7;
    uint64_t tail = load_tail(rest, held);
    const uint8_t *p = b.ptr;
    size_t left = b.len;
    if (held > 0) {
        size_t take = MIN(8 - held, left);
        tail |= load_tail(p, take) << (8 * held);
        p += take;
        left -= take;
        if (held + take < 8) {
            return sip_finish(&s, tail, a.len + b.len);
        }
        sip_block(&s, tail);
    }
    p = sip_blocks(&s, p, left);
    return sip_finish(&s, load_tail(p, left & 7), a.len + b.len);
}
