/*
 * The generator's modes. Each connects, does its work, prints one line of JSON to stdout and closes
 * its sessions. Times are of CLOCK_MONOTONIC, so that a harness can compare them with its own.
 */
#ifndef BENCH_LOAD_MODES_H
#define BENCH_LOAD_MODES_H

#include "engine.h"
#include "histogram.h"
#include "workload.h"

#include <stdint.h>
#include <sys/types.h>

struct load_options {
    struct sockaddr_in address;
    pid_t server; /* 0: the server's usage is not measured */
    uint32_t connections;
    uint32_t depth; /* requests in flight on each connection */
    uint32_t session_timeout_ms;
    uint32_t connect_window; /* 0: all at once */
    /* sessions: a connection that is not ready by then is begun again */
    uint64_t connect_timeout_ns;
    uint64_t limit_ns;               /* for connecting and for draining */
    uint32_t weights[LOAD_OP_COUNT]; /* of 100 */
    uint64_t warmup_ns;
    uint64_t duration_ns;
    uint32_t ops;  /* run: exactly so many instead of a duration; probe: see there */
    uint32_t rate; /* ops/s started at fixed times, whatever is answered; 0: closed loop */
    const char *slices_path; /* latencies by time of reply are written there; NULL: not */
    uint64_t slice_ns;
    uint32_t rounds;  /* watch */
    uint32_t watched; /* watch: keys that every session watches */
    uint64_t hold_ns; /* sessions */
};

/* Makes the znodes that the weights need: root, keys, children, the tag and its directories. */
void load_prepare(const struct load_options *options, struct load_workload *workload);

/*
 * Operations in a closed loop (connections x depth always in flight) or an open one (`rate`). With
 * `ops` there is no warm-up and the window ends with the last reply. In an open loop a latency
 * counts from the time at which the request should have been sent, so a server that stalls cannot
 * hide it.
 */
void load_run(const struct load_options *options, struct load_workload *workload);

/* Each of `connections` sessions watches `watched` keys; all are set: time to the last event. */
void load_watch(const struct load_options *options, struct load_workload *workload);

/* Connects `connections` sessions, holds them with pings for hold_ns, closes them. */
void load_sessions(const struct load_options *options, struct load_workload *workload);

/*
 * Tries to connect until a server serves a read, and tells when. With `ops` the znode that must
 * exist is the last of the tag's, so that an answer also proves that the data is there.
 */
void load_probe(const struct load_options *options, struct load_workload *workload);

void load_print_latency(const struct load_histogram *histogram, const char *prefix, FILE *out);

#endif
