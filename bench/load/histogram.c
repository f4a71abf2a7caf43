#include "histogram.h"

#include <string.h>

#define STEPS (1U << LOAD_HISTOGRAM_STEP_BITS)
#define VALUE_LIMIT_NS ((UINT64_C(1) << LOAD_HISTOGRAM_VALUE_BITS) - 1)

/* Values below 2 * STEPS are their own bucket; above, the top STEP_BITS + 1 bits choose it. */
static uint32_t bucket_of(uint64_t value_ns)
{
    if (value_ns < 2 * STEPS) {
        return (uint32_t)value_ns;
    }
    uint32_t top_bit = 63U - (uint32_t)__builtin_clzll(value_ns);
    uint32_t shift = top_bit - LOAD_HISTOGRAM_STEP_BITS;
    return (shift << LOAD_HISTOGRAM_STEP_BITS) + (uint32_t)(value_ns >> shift);
}

/* The middle of a bucket, which is what a percentile reports. */
static uint64_t value_of(uint32_t bucket)
{
    if (bucket < 2 * STEPS) {
        return bucket;
    }
    uint32_t shift = (bucket >> LOAD_HISTOGRAM_STEP_BITS) - 1;
    uint64_t lowest = (uint64_t)(bucket % STEPS + STEPS) << shift;
    return lowest + ((UINT64_C(1) << shift) >> 1);
}

void load_histogram_clear(struct load_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void load_histogram_record(struct load_histogram *histogram, uint64_t value_ns)
{
    uint64_t value = value_ns < VALUE_LIMIT_NS ? value_ns : VALUE_LIMIT_NS;
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
    histogram->sum_ns += value;
    if (value > histogram->max_ns) {
        histogram->max_ns = value;
    }
}

uint64_t load_histogram_percentile(const struct load_histogram *histogram, double fraction)
{
    if (histogram->count == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)(fraction * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < LOAD_HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > rank) {
            uint64_t value = value_of(bucket);
            return value < histogram->max_ns ? value : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}

void load_histogram_print_buckets(const struct load_histogram *histogram, FILE *out)
{
    for (uint32_t bucket = 0; bucket < LOAD_HISTOGRAM_BUCKETS; bucket++) {
        if (histogram->buckets[bucket] != 0) {
            fprintf(out, " %llu:%llu", (unsigned long long)value_of(bucket),
                    (unsigned long long)histogram->buckets[bucket]);
        }
    }
}
