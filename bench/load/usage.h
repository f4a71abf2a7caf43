/*
 * What a stretch of time cost: the CPU of the server and of this client, what everybody else on the
 * machine used meanwhile (the interference that makes a number worthless), faults, switches,
 * memory.
 *
 * The CPU of another process comes from its process clock (clock_getcpuclockid), which counts in
 * nanoseconds and includes threads that have ended; /proc/PID/stat has 10 ms ticks, too coarse for
 * a window of a few hundred milliseconds.
 */
#ifndef BENCH_LOAD_USAGE_H
#define BENCH_LOAD_USAGE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct load_usage {
    uint64_t wall_ns;
    uint64_t server_cpu_ns;
    uint64_t client_cpu_ns;
    uint64_t busy_ns;  /* all CPUs together, everything but idle, iowait and steal */
    uint64_t steal_ns; /* all CPUs together */
    uint64_t minor_faults;
    uint64_t major_faults;
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;
    uint64_t rss_kib;      /* at the sample, not a difference */
    uint64_t rss_peak_kib; /* VmHWM at the sample */
};

uint64_t load_now_ns(void);

/* Ends the program with a message; a benchmark that met an error has no number to give. */
_Noreturn void load_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Read everything at the two ends of a window; what is slow to read is read outside of it. `server`
 * 0 leaves the server's part at zero.
 */
void load_usage_start(struct load_usage *usage, pid_t server);
void load_usage_end(struct load_usage *usage, pid_t server);

/* usage = end - start for what counts up; memory is that of `end`. */
void load_usage_between(struct load_usage *usage,
                        const struct load_usage *start,
                        const struct load_usage *end);

void load_usage_add(struct load_usage *total, const struct load_usage *part);

/* JSON members, each preceded by a comma; per-operation costs when `ops` is not 0. */
void load_usage_print(const struct load_usage *usage, uint64_t ops, FILE *out);

#endif
