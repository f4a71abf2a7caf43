/* main.c - samsa_kafka_sim: runs of a broker with its ZooKeeper, one seed each (sim/player.h). */
#include <inttypes.h>
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"
#include "sim/player.h"

static void play(void *ctx, uint64_t seed, bool traces, struct player_run *run)
{
    static struct kafka_world world;
    kafka_world_init(&world, seed, ctx);
    sim_log_trace(traces ? &world.schedule : NULL);
    run->verdict = kafka_world_run(&world);
    sim_log_trace(NULL);
    run->digest = world.schedule.digest;
    snprintf(run->details, sizeof run->details,
             "events %" PRIu64 " acked %" PRIu64 " read %" PRIu64 " commits %" PRIu64,
             world.schedule.fired, world.ghost.acks, world.ghost.reads, world.ghost.commits);
    snprintf(run->problem, sizeof run->problem, "%s", world.verdict_text);
    kafka_world_release(&world);
}

static size_t print(void *ctx)
{
    return kafka_campaign_print(ctx);
}

int main(int argc, char **argv)
{
    static struct kafka_campaign campaign;
    const struct player player = {
        .name = "samsa_kafka_sim",
        .more_usage = "",
        .campaign_runs = 150,
        .ctx = &campaign,
        .play = play,
        .print = print,
    };
    return player_main(&player, argc, argv);
}
