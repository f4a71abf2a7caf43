/* machine_clock.c - see machine_clock.h. Whole numbers only: every compiler gets the same. */
#include "sim/machine_clock.h"

#include "base/base.h"

#define PPM 1000000
#define SLACK_NS 2u /* what rounding may lose on the way there and back */

/* elapsed * rate / PPM, without leaving 64 bits. */
static int64_t scaled(uint64_t elapsed_ns, int64_t rate_ppm)
{
    int64_t whole = (int64_t)(elapsed_ns / PPM);
    int64_t rest = (int64_t)(elapsed_ns % PPM);
    return whole * rate_ppm + rest * rate_ppm / PPM;
}

uint64_t machine_clock_shows(const struct machine_clock *clock, uint64_t true_ns)
{
    if (clock == NULL) {
        return true_ns;
    }
    if (clock->is_stopped || true_ns <= clock->since_ns) {
        return clock->shown_ns;
    }
    uint64_t elapsed_ns = true_ns - clock->since_ns;
    return clock->shown_ns + elapsed_ns + (uint64_t)scaled(elapsed_ns, clock->rate_ppm);
}

uint64_t machine_clock_reaches(const struct machine_clock *clock, uint64_t shown_ns)
{
    if (clock == NULL || shown_ns == UINT64_MAX) {
        return shown_ns;
    }
    if (clock->is_stopped) {
        return UINT64_MAX;
    }
    if (shown_ns <= clock->shown_ns) {
        return clock->since_ns;
    }
    if (clock->rate_ppm == 0) {
        return clock->since_ns + (shown_ns - clock->shown_ns);
    }
    uint64_t wanted_ns = shown_ns - clock->shown_ns;
    uint64_t speed = (uint64_t)(PPM + clock->rate_ppm);
    return clock->since_ns + wanted_ns / speed * PPM + wanted_ns % speed * PPM / speed + SLACK_NS;
}

static void settle(struct machine_clock *clock, uint64_t true_ns)
{
    clock->shown_ns = machine_clock_shows(clock, true_ns);
    clock->since_ns = true_ns > clock->since_ns ? true_ns : clock->since_ns;
}

void machine_clock_set_rate(struct machine_clock *clock, uint64_t true_ns, int64_t rate_ppm)
{
    ASSERT(rate_ppm > -PPM);
    settle(clock, true_ns);
    clock->rate_ppm = rate_ppm;
}

void machine_clock_stop(struct machine_clock *clock, uint64_t true_ns)
{
    settle(clock, true_ns);
    clock->is_stopped = true;
}

void machine_clock_go(struct machine_clock *clock, uint64_t true_ns)
{
    settle(clock, true_ns);
    clock->is_stopped = false;
}
