/*
 * A log-linear histogram of durations, in the manner of HdrHistogram: 64 linear steps in each power
 * of two, so that a percentile is right to within 1.6 %, in a fixed 19 KiB and a few instructions a
 * record. Values are nanoseconds; what is longer than 73 minutes counts as 73 minutes.
 */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define LOAD_HISTOGRAM_STEP_BITS 6
#define LOAD_HISTOGRAM_VALUE_BITS 42
#define LOAD_HISTOGRAM_BUCKETS \
    ((LOAD_HISTOGRAM_VALUE_BITS - LOAD_HISTOGRAM_STEP_BITS + 1) << LOAD_HISTOGRAM_STEP_BITS)

struct load_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t buckets[LOAD_HISTOGRAM_BUCKETS];
};

void load_histogram_clear(struct load_histogram *histogram);

void load_histogram_record(struct load_histogram *histogram, uint64_t value_ns);

/* The value below which `fraction` (0..1) of the records lie; 0 when there are none. */
uint64_t load_histogram_percentile(const struct load_histogram *histogram, double fraction);

/* Writes `value_ns:count` for each bucket in use, each preceded by one space. */
void load_histogram_print_buckets(const struct load_histogram *histogram, FILE *out);

#endif
