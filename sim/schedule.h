/* schedule.h - virtual time, and the one order of everything that happens in it.
 *
 * An event is a function, a pointer and a number at a time. Events of one time run in an order that
 * is drawn from the seed, or in the order of their making. There is no cancelling: who schedules an
 * event makes the number say whether it still means something, and keeps the pointer alive until
 * the end of the run.
 *
 * The digest runs over every event and all that is noted with schedule_note: two runs of one seed
 * that differ anywhere differ in it.
 */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "base/random.h"
#include "base/slice.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

typedef void schedule_function(void *ctx, uint64_t argument);

struct schedule_event {
    uint64_t time_ns;
    uint64_t tie;
    uint64_t sequence;
    schedule_function *run;
    void *ctx;
    uint64_t argument;
};

struct schedule {
    uint64_t now_ns;
    struct schedule_event *heap;
    size_t count;
    size_t cap;
    uint64_t sequence;
    uint64_t fired;
    uint64_t digest;
    struct random ties;
    bool shuffles_ties;
};

void schedule_init(struct schedule *schedule, const struct random *seed, bool shuffles_ties);
void schedule_release(struct schedule *schedule);

/* A time in the past means now. */
void schedule_at(struct schedule *schedule,
                 uint64_t time_ns,
                 schedule_function *run,
                 void *ctx,
                 uint64_t argument);

/* Runs the next event; false when there is none, or it lies behind `until_ns` (time is then that).
 */
bool schedule_step(struct schedule *schedule, uint64_t until_ns);

/* Mixes something that happened into the digest. */
void schedule_note(struct schedule *schedule, uint64_t what, uint64_t value);
void schedule_note_bytes(struct schedule *schedule, uint64_t what, struct slice bytes);

/* A number between low and high, each power of two as likely as the next: most are small, a few are
 * large. low >= 1. */
uint64_t random_spread(struct random *random, uint64_t low, uint64_t high);

/* Uniform in [low, high]. */
uint64_t random_between(struct random *random, uint64_t low, uint64_t high);

/* True once in n. */
bool random_once_in(struct random *random, uint64_t n);

#endif
