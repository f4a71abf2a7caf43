/* main.c - samsa_sim: runs of the simulated world of one server, one seed each (sim/player.h), and
 *
 *   samsa_sim --crash-everywhere [SEED]     one run, cut at each of its disk operations
 */
#include <inttypes.h>
#include <stdio.h>

#include "sim/crash_everywhere.h"
#include "sim/log_sim.h"
#include "sim/player.h"

static void play(void *ctx, uint64_t seed, bool traces, struct player_run *run)
{
    static struct options options;
    static struct world world;
    options_draw(&options, seed);
    if (traces) {
        printf("seed %" PRIu64 "\n%s\n", seed, options.config_text);
    }
    world_init(&world, &options, ctx);
    sim_log_trace(traces ? &world.schedule : NULL);
    run->verdict = world_run(&world);
    sim_log_trace(NULL);
    run->digest = world.schedule.digest;
    snprintf(run->details, sizeof run->details, "events %" PRIu64 " requests %" PRIu64 " txns %zu",
             world.schedule.fired, world.history.answered, world.history.log_count);
    snprintf(run->problem, sizeof run->problem, "%s", world.verdict_text);
    world_release(&world);
}

static size_t print(void *ctx)
{
    return marks_print(ctx);
}

int main(int argc, char **argv)
{
    static struct marks marks;
    const struct player player = {
        .name = "samsa_sim",
        .more_usage = " | --crash-everywhere [SEED]",
        .campaign_runs = 500,
        .ctx = &marks,
        .play = play,
        .print = print,
    };
    if (argc > 1 && strcmp(argv[1], "--crash-everywhere") == 0) {
        return (int)crash_everywhere(argc > 2 ? player_number(&player, argv[2]) : 1, false);
    }
    return player_main(&player, argc, argv);
}
