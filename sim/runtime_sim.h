/* runtime_sim.h - runtime.h in a simulated machine: what the world sees of it.
 *
 * A struct runtime is one incarnation of one process. Everything that happens to it makes it wake:
 * a turn is an event of its own, some moments later, and takes all that is due by then, in the
 * order of the real loop: closed streams, timers, reads, accepts, completions, hooks, jobs, flush.
 * Blocking calls on the loop take virtual time: the next turn comes after them.
 *
 * After runtime_power_lost no call has any effect and file calls fail: the code that is running
 * then goes on, into nothing, until its event ends. The world throws the incarnation away after it.
 */
#ifndef SIM_RUNTIME_SIM_H
#define SIM_RUNTIME_SIM_H

#include "runtime/runtime.h"
#include "sim/disk.h"
#include "sim/machine_clock.h"
#include "sim/network.h"

#define RUNTIME_TIMERS_MAX 64

struct runtime_profile {
    uint64_t wake_max_ns; /* from an arrival to the turn */
    uint64_t job_max_ns;  /* from a job's submission to its work, and from its end to `done` */
    size_t read_bytes_max;
};

struct runtime_lane_state {
    struct list queue;
    struct runtime_job *running;
    bool waits_for_quiet; /* it begins only when its work does, on the loop */
    bool is_worked;       /* its work is over, `done` is due */
};

struct runtime {
    struct schedule *schedule;
    struct disk *disk;
    struct network *network;
    struct random random;  /* for the program: runtime_random */
    struct random weather; /* for the simulation: latencies */
    struct runtime_profile profile;
    int64_t *wall_offset_ms;     /* the machine's clock: outlives the process */
    struct machine_clock *clock; /* its monotonic one; NULL: it is right */
    /* Of the machine (without a port), where there are several; zero: the only one's. */
    struct tcp_address address;
    bool is_dead;
    bool is_paused;

    uint64_t next_turn_ns; /* UINT64_MAX: none is scheduled */
    uint64_t busy_until_ns;
    uint64_t blocked_ns; /* of the turn or the job that runs now */
    uint64_t turns;
    uint64_t timers_late_ns; /* of the last timer that fired: so much later than it was set to */

    struct runtime_timer *timers[RUNTIME_TIMERS_MAX];
    uint64_t timer_order[RUNTIME_TIMERS_MAX];
    size_t timer_count;
    uint64_t timer_sequence;

    struct list hooks;
    struct list streams;
    struct list passed; /* those that are still to be looked at in this pass over the streams */
    struct list closed;
    struct list dirty;
    struct list accepts;
    struct list listeners;
    struct list resolves;
    struct list finished; /* jobs whose `done` is due */
    struct list submitted[LANE_COUNT];
    struct runtime_lane_state lanes[LANE_COUNT];
    uint64_t jobs_started;

    size_t memory; /* what the process holds of mem_alloc, modulo 2^64 */
    size_t memory_before;
    int memory_depth;
};

struct runtime *sim_runtime_create(struct schedule *schedule,
                                   struct disk *disk,
                                   struct network *network,
                                   const struct random *seed,
                                   const struct runtime_profile *profile);

/* Streams vanish without a word to anybody; the struct itself is freed by sim_runtime_free, when no
 * event can name it any more. */
void sim_runtime_end(struct runtime *runtime);
void sim_runtime_free(struct runtime *runtime);

/* Stops all effects. `announces`: the kernel lives, and tells peers (a killed process); else the
 * machine is gone. */
void sim_runtime_die(struct runtime *runtime, bool announces);

/* Of a dead one: its streams tell their owners that they are closed, as runtime_destroy does in a
 * process that ends by itself, between X_detach and X_release. For owners that wait for it. */
void sim_runtime_tell_closed(struct runtime *runtime);

/* No turns until resumed: the machine swaps, or somebody stopped the process. */
void sim_runtime_pause(struct runtime *runtime);
void sim_runtime_resume(struct runtime *runtime);

/* Code of the process runs between these two, whoever called it: its memory is counted. */
void sim_runtime_enter(struct runtime *runtime);
void sim_runtime_leave(struct runtime *runtime);

/* What ran now has taken its time: the next turn comes after it. */
void sim_runtime_settle(struct runtime *runtime);

/* ---- private to sim/ ---- */

/* A turn is wanted at this time, or soon after. */
void runtime_wake_at(struct runtime *runtime, uint64_t time_ns);
void runtime_wake(struct runtime *runtime);

void streams_finish_closed(struct runtime *runtime);
void streams_read(struct runtime *runtime);
void streams_accept(struct runtime *runtime);
void streams_flush(struct runtime *runtime);
void streams_check(struct runtime *runtime);
void streams_end(struct runtime *runtime, bool announces);
void resolves_deliver(struct runtime *runtime);

#endif
