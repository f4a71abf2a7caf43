/* machine_clock.h - the monotonic clock of a simulated machine: never goes back, and is not right.
 *
 * Model: the world has one true time (sim/schedule.h). A machine's clock runs a little too fast or
 * too slow, as quartz does (tens of ppm) or as a bad virtual machine does (percent), and stands
 * while its virtual machine is paused. What a process measures, and when its timers fire, follows
 * this clock; how long the simulated hardware takes does not. It outlives the processes of its
 * machine. Units: ns; rates in millionths.
 */
#ifndef SIM_MACHINE_CLOCK_H
#define SIM_MACHINE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct machine_clock {
    uint64_t since_ns; /* true time of the last change */
    uint64_t shown_ns; /* what the clock showed then */
    int64_t rate_ppm;  /* too fast by so much; negative: too slow */
    bool is_stopped;
};

/* What it shows at this true time. A NULL clock is right. */
uint64_t machine_clock_shows(const struct machine_clock *clock, uint64_t true_ns);

/* The true time at which it shows so much, or a little later; UINT64_MAX while it stands. */
uint64_t machine_clock_reaches(const struct machine_clock *clock, uint64_t shown_ns);

void machine_clock_set_rate(struct machine_clock *clock, uint64_t true_ns, int64_t rate_ppm);
void machine_clock_stop(struct machine_clock *clock, uint64_t true_ns);
void machine_clock_go(struct machine_clock *clock, uint64_t true_ns);

#endif
