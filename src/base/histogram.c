/* histogram.c - values below 32 have a bucket each; above, every power of two is cut into 32 equal
 * buckets, so a bucket is never wider than 1/32 of the values in it. */
#include "base/histogram.h"

#define SUB_COUNT ((uint64_t)1 << HISTOGRAM_SUB_BITS)

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->min = UINT64_MAX;
}

static size_t bucket_of(uint64_t value)
{
    if (value < SUB_COUNT) {
        return (size_t)value;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((size_t)(shift + 1) << HISTOGRAM_SUB_BITS) +
           (size_t)((value >> shift) & (SUB_COUNT - 1));
}

/* The greatest value that falls into the bucket. */
static uint64_t bucket_top(size_t bucket)
{
    if (bucket < SUB_COUNT) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t bottom = (SUB_COUNT + (bucket & (SUB_COUNT - 1))) << shift;
    return bottom + (((uint64_t)1 << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count += 1;
    histogram->sum += value;
    histogram->min = MIN(histogram->min, value);
    histogram->max = MAX(histogram->max, value);
    uint32_t *bucket = &histogram->buckets[bucket_of(value)];
    *bucket += *bucket < UINT32_MAX;
}

void histogram_add_scaled(struct histogram *histogram,
                          const struct histogram *source,
                          uint64_t divisor)
{
    ASSERT(divisor > 0);
    if (source->count == 0) {
        return;
    }
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint32_t *bucket = &histogram->buckets[bucket_of(bucket_top(i) / divisor)];
        uint64_t total = (uint64_t)*bucket + source->buckets[i];
        *bucket = total < UINT32_MAX ? (uint32_t)total : UINT32_MAX;
    }
    histogram->count += source->count;
    histogram->sum += source->sum / divisor;
    histogram->min = MIN(histogram->min, source->min / divisor);
    histogram->max = MAX(histogram->max, source->max / divisor);
}

uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_100000)
{
    if (histogram->count == 0) {
        return 0;
    }
    ASSERT(per_100000 <= 100000);
    /* The rank of the wanted value, from 1; split so that the product cannot overflow. */
    uint64_t whole = histogram->count / 100000;
    uint64_t rest = histogram->count % 100000;
    uint64_t rank = whole * per_100000 + (rest * per_100000 + 99999) / 100000;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank && seen > 0) {
            return MAX(MIN(bucket_top(i), histogram->max), histogram->min);
        }
    }
    return histogram->max;
}
