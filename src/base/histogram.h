/* histogram.h - log-linear counts of non-negative values (HdrHistogram's idea): 3 % error, fixed
 * size. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include "base/base.h"

#define HISTOGRAM_SUB_BITS 5
#define HISTOGRAM_BUCKETS \
    (((64 - HISTOGRAM_SUB_BITS) << HISTOGRAM_SUB_BITS) + (1 << HISTOGRAM_SUB_BITS))

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min; /* UINT64_MAX when empty */
    uint64_t max;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds every count of `source`, its values divided by `divisor` (> 0). */
void histogram_add_scaled(struct histogram *histogram,
                          const struct histogram *source,
                          uint64_t divisor);

/* The value below which `per_100000` of the counts lie (50000 = median); 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_100000);

#endif
