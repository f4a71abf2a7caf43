/* clocks.c - monotonic clocks that do not agree. See onlookers.h, sim/machine_clock.h.
 *
 * In every other run each machine's clock is wrong by its own rate, mostly by some hundreds of ppm,
 * sometimes by percents: ticks, session timeouts, initLimit and syncLimit of the members then end
 * at different times. In some runs a pause is that of a whole virtual machine: its clock does not
 * go on meanwhile, so nothing in it has timed out when it wakes, whatever others think of it.
 */
#include "sim/ensemble/onlookers.h"

#define RATE_SMALL_PPM 500
#define RATE_LARGE_PPM 40000
#define STREAM 0x636c6f636b73

static int64_t draw_rate(struct random *random)
{
    bool is_large = random_once_in(random, 4);
    uint64_t most_ppm = is_large ? RATE_LARGE_PPM : RATE_SMALL_PPM;
    return (int64_t)random_below(random, 2 * most_ppm + 1) - (int64_t)most_ppm;
}

void clocks_draw(struct ensemble_options *options)
{
    struct random random;
    random_init(&random, options->seed ^ STREAM);
    bool are_right = random_once_in(&random, 2);
    options->pauses_stop_clocks = random_once_in(&random, 3);
    for (int i = 0; i < MEMBERS_MAX && !are_right; i++) {
        options->clock_ppm[i] = draw_rate(&random);
    }
}

void clocks_init(struct ensemble_world *ensemble)
{
    for (int i = 0; i < ensemble->options.member_count; i++) {
        machine_clock_set_rate(&ensemble->members[i].clock, 0, ensemble->options.clock_ppm[i]);
    }
}

static uint64_t true_ns(const struct member *member)
{
    return member->ensemble->base.schedule.now_ns;
}

void clock_pause(struct member *member)
{
    if (member->ensemble->options.pauses_stop_clocks) {
        machine_clock_stop(&member->clock, true_ns(member));
        ensemble_world_mark(member->ensemble, ENSEMBLE_MARK_CLOCK_STOOD);
    }
}

void clock_go(struct member *member)
{
    if (member->clock.is_stopped) {
        machine_clock_go(&member->clock, true_ns(member));
    }
}

bool clocks_are_apart(const struct ensemble_world *ensemble)
{
    uint64_t least_ms = UINT64_MAX;
    uint64_t most_ms = 0;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        uint64_t ms = clock_now_ms(&ensemble->members[i]);
        least_ms = MIN(least_ms, ms);
        most_ms = MAX(most_ms, ms);
    }
    return most_ms - least_ms > (uint64_t)ensemble->base.options.config.tick_time_ms;
}

uint64_t clock_now_ms(const struct member *member)
{
    return machine_clock_shows(&member->clock, true_ns(member)) / NS_PER_MS;
}

uint64_t clock_busy_until_ms(const struct member *member)
{
    uint64_t ns = MAX(true_ns(member), member->runtime->busy_until_ns);
    return machine_clock_shows(&member->clock, ns) / NS_PER_MS;
}
