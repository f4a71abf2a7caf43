/* main.c - samsa_ensemble_sim: runs of a simulated ensemble, one seed each (sim/player.h), and
 *
 *   ... --members N      so many in each run, 1 to 7
 *   ... --reconfigs      groups, weights and reconfigurations are drawn, too
 *   ... --scenario NAME  only seeds that draw this one (sim/ensemble/scenarios.h)
 */
#include <inttypes.h>
#include <stdio.h>

#include "sim/ensemble/reconfigurer.h"
#include "sim/ensemble/scenarios.h"
#include "sim/log_sim.h"
#include "sim/player.h"

static struct ensemble_campaign campaign;
static int member_count;                             /* 0: each seed draws it */
static enum scenario_kind scenario = SCENARIO_KINDS; /* of the seeds to play; that: all */

static void play(void *ctx, uint64_t seed, bool traces, struct player_run *run)
{
    static struct ensemble_world ensemble;
    (void)ctx;
    if (scenario != SCENARIO_KINDS && scenario_of_seed(seed) != scenario) {
        snprintf(run->details, sizeof run->details, "not played");
        return;
    }
    ensemble_world_init(&ensemble, seed, member_count, &campaign);
    sim_log_trace(traces ? &ensemble.base.schedule : NULL);
    run->verdict = ensemble_world_run(&ensemble);
    sim_log_trace(NULL);
    run->digest = ensemble.base.schedule.digest;
    snprintf(run->details, sizeof run->details,
             "events %" PRIu64 " members %d answered %" PRIu64 " committed %zu leaders %zu",
             ensemble.base.schedule.fired, ensemble.options.member_count,
             ensemble.base.history.answered, ensemble.base.history.log_count,
             ensemble.ghost.leaders.count);
    snprintf(run->problem, sizeof run->problem, "%s", ensemble.base.verdict_text);
    ensemble_world_release(&ensemble);
}

static size_t print(void *ctx)
{
    (void)ctx;
    return ensemble_campaign_print(&campaign);
}

static int option(void *ctx, const char *name, const char *value)
{
    const struct player *player = ctx;
    if (strcmp(name, "--scenario") == 0) {
        scenario = scenario_by_name(value);
        return scenario == SCENARIO_KINDS ? 0 : 2;
    }
    if (strcmp(name, "--reconfigs") == 0) {
        membership_enable();
        return 1;
    }
    if (strcmp(name, "--members") != 0) {
        return 0;
    }
    member_count = (int)MIN(player_number(player, value), (uint64_t)MEMBERS_MAX);
    return 2;
}

int main(int argc, char **argv)
{
    struct player player = {
        .name = "samsa_ensemble_sim",
        .more_usage = " [--members N] [--reconfigs] [--scenario NAME]",
        .campaign_runs = 1000,
        .play = play,
        .print = print,
        .option = option,
    };
    player.ctx = &player;
    return player_main(&player, argc, argv);
}
