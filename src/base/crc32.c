/* crc32.c - CRC-32 by carry-less multiplication, by tables where the processor lacks it.
 *
 * A checksum is the remainder of the message, read as a polynomial over GF(2), divided by the
 * generator P. The fast way (Gopal et al., "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ", Intel 2009) keeps 4 x 128 bits of running remainder and folds each next 64 bytes into
 * them: moving a 64-bit half by n bits is one multiplication with x^n mod P. At the end the four
 * are folded into one, that one into 64 bits, and Barrett's reduction gives 32. All constants are
 * bit-reflected, as the message is.
 *
 * The other way is "slicing by 8": eight tables of 256 remainders take 8 bytes a step. Tables and
 * the question what the processor can do are settled before main() starts, so that any thread may
 * read them without asking.
 */
#include "base/crc32.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define POLYNOMIAL 0xedb88320u /* reflected */
#define FOLD_MIN 64            /* bytes below which folding has nothing to fold */

static uint32_t tables[8][256];
static bool has_multiplier;

__attribute__((constructor)) static void prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        }
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (size_t k = 1; k < 8; k++) {
            tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 0xff];
        }
    }
#if defined(__x86_64__)
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    has_multiplier = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_PCLMUL) && (c & bit_SSE4_1);
#endif
}

/* Works on the register itself, without the inversions at both ends. */
static uint32_t update_by_tables(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        uint32_t low;
        uint32_t high;
        memcpy(&low, p, sizeof low);
        memcpy(&high, p + 4, sizeof high);
        low ^= crc;
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; len > 0; p++, len--) {
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    }
    return crc;
}

uint32_t crc32_update_portable(uint32_t crc, struct slice bytes)
{
    return ~update_by_tables(~crc, bytes.ptr, bytes.len);
}

#if defined(__x86_64__)

#define CRC_TARGET __attribute__((target("pclmul,sse4.1")))

CRC_TARGET static inline __m128i load(const uint8_t *p)
{
    __m128i v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* `x` moved on by the distance that `by` stands for (low half, high half), with `next` added. */
CRC_TARGET static inline __m128i fold(__m128i x, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(x, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(x, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* 128 bits of remainder to 32. */
CRC_TARGET static uint32_t reduce(__m128i x)
{
    const __m128i by_96_64 = _mm_set_epi64x(0x163cd6124, 0x0ccaa009e);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    const __m128i low_word = _mm_setr_epi32(-1, 0, -1, 0);

    /* Low 64 bits move up by 64, then the low 32 of what is left by 32. */
    __m128i t = _mm_clmulepi64_si128(x, by_96_64, 0x00);
    x = _mm_xor_si128(_mm_srli_si128(x, 8), t);
    t = _mm_srli_si128(x, 4);
    x = _mm_clmulepi64_si128(_mm_and_si128(x, low_word), by_96_64, 0x10);
    x = _mm_xor_si128(x, t);

    t = _mm_clmulepi64_si128(_mm_and_si128(x, low_word), barrett, 0x10);
    t = _mm_clmulepi64_si128(_mm_and_si128(t, low_word), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, t), 1);
}

/* len >= FOLD_MIN; takes whole blocks of 16 and says through *left how many bytes remain. */
CRC_TARGET static uint32_t update_by_folding(uint32_t crc,
                                             const uint8_t *p,
                                             size_t len,
                                             size_t *left)
{
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)crc));
    __m128i b = load(p + 16);
    __m128i c = load(p + 32);
    __m128i d = load(p + 48);
    p += 64;
    len -= 64;
    for (; len >= 64; p += 64, len -= 64) {
        a = fold(a, by_512, load(p));
        b = fold(b, by_512, load(p + 16));
        c = fold(c, by_512, load(p + 32));
        d = fold(d, by_512, load(p + 48));
    }
    a = fold(a, by_128, b);
    a = fold(a, by_128, c);
    a = fold(a, by_128, d);
    for (; len >= 16; p += 16, len -= 16) {
        a = fold(a, by_128, load(p));
    }
    *left = len;
    return reduce(a);
}

uint32_t crc32_update(uint32_t crc, struct slice bytes)
{
    const uint8_t *p = bytes.ptr;
    size_t left = bytes.len;
    crc = ~crc;
    if (bytes.len >= FOLD_MIN && has_multiplier) {
        crc = update_by_folding(crc, p, bytes.len, &left);
        p += bytes.len - left;
    }
    return ~update_by_tables(crc, p, left);
}

#else

uint32_t crc32_update(uint32_t crc, struct slice bytes)
{
    return crc32_update_portable(crc, bytes);
}

#endif
