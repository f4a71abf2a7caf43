/* runtime_uv.h - what only the real runtime has: making and running the loop, signals, foreign
 * descriptors.
 *
 * The program's main and the unit tests include this; everything else sees runtime/runtime.h alone.
 * All functions but runtime_create are for the thread that created the runtime. runtime_create
 * ignores SIGPIPE for the whole process: a broken connection is an error code here, never a death.
 */
#ifndef RUNTIME_UV_RUNTIME_UV_H
#define RUNTIME_UV_RUNTIME_UV_H

#include "runtime/runtime.h"

/* 0 in any field means its default. Spinning pays only where cores are to spare: with client and
 * server on two busy cores one connection's ping-pong fell from 58 to 36 k/s at twice the CPU. */
struct runtime_options {
    size_t read_buffer_bytes; /* the one buffer that all streams are read into; 256 KiB */
    uint32_t spin_us;         /* poll this long before sleeping while traffic is dense; 0: never */
    bool log_jobs_on_threads; /* never run a LANE_LOG job in place (see jobs.c) */
};

/* Figures since the start, for the benchmarks and the metrics. */
struct runtime_stats {
    uint64_t turns;
    uint64_t reads;
    uint64_t read_bytes;
    uint64_t writes;
    uint64_t written_bytes;
    uint64_t accepted;
    uint64_t refused; /* connections turned away because the process has no descriptor left */
    uint64_t jobs;
    uint64_t jobs_inline; /* LANE_LOG jobs that ran in place */
    uint64_t spins;       /* polls made instead of sleeping */
};

/* `options` may be NULL. ERR_TOO_MANY_FILES or ERR_IO when the kernel refuses what a loop is made
 * of. */
NODISCARD int runtime_create(const struct runtime_options *options, struct runtime **runtime);

/* Turns until runtime_stop is called (at once when it was called before). */
void runtime_run(struct runtime *runtime);

/* runtime_run returns after this turn. May be called from any callback. */
void runtime_stop(struct runtime *runtime);

/* One turn; sleeps up to timeout_ms (< 0: without bound) when there is nothing to do. */
void runtime_turn(struct runtime *runtime, int timeout_ms);

/* Ends what is left: waits for submitted jobs and calls their `done`, drops every stream (on_close
 * with ERR_CANCELLED, nothing lingers) and listener, answers open tcp_resolve calls with
 * ERR_CANCELLED, forgets timers, hooks, watches and signals. The owners of what is still open must
 * be alive. */
void runtime_destroy(struct runtime *runtime);

const struct runtime_stats *runtime_stats(const struct runtime *runtime);

/* ---- signals --------------------------------------------------------------------------------- */

/* Calls on_signal on the loop for each SIGTERM, SIGINT and SIGHUP from now on (once per runtime).
 * ERR_IO. */
NODISCARD int runtime_on_signals(struct runtime *runtime,
                                 void (*on_signal)(void *ctx, int signal_number),
                                 void *ctx);

/* ---- descriptors of others (libmicrohttpd's epoll set) --------------------------------------- */

/* Whatever the loop's epoll set can report: the address of one of these is the event's datum. The
 * implementation's own; it stands here because a watch begins with one. */
struct runtime_poller {
    void (*on_ready)(struct runtime_poller *poller, uint32_t events);
};

struct runtime_watch {
    struct runtime_poller poller;
    struct runtime *runtime;
    int fd;
    void (*on_readable)(struct runtime_watch *watch);
};

/* Calls on_readable in every turn in which fd can be read. The watch is the caller's and stays put
 * until runtime_unwatch_fd, which may be called from on_readable and must come before fd is closed.
 */
NODISCARD int runtime_watch_fd(struct runtime *runtime,
                               struct runtime_watch *watch,
                               int fd,
                               void (*on_readable)(struct runtime_watch *watch));
void runtime_unwatch_fd(struct runtime_watch *watch);

#endif
