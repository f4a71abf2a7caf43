/* main.c - samsa_kafka_sim: runs of a broker with its ZooKeeper, one seed each.
 *
 *   samsa_kafka_sim --seed N [--trace]       one run, with all that happened on stdout
 *   samsa_kafka_sim --seeds A..B             these runs
 *   samsa_kafka_sim --file sim/kafka_seeds.txt  the seeds of a list
 *
 * Exit codes as samsa_sim: 0, 127 CRASH, 128 STUCK, 129 WRONG, 2 usage; 1: a campaign of
 * CAMPAIGN_RUNS or more never met one of the situations that it must. Failing runs do not end a
 * campaign: each is printed, and the worst code is the program's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"
#include "sim/running_seed.h"

#define EXIT_USAGE 2
#define EXIT_UNREACHED 1
#define CAMPAIGN_RUNS 300u

static enum verdict run_seed(uint64_t seed, bool traces, struct kafka_campaign *campaign)
{
    static struct kafka_world world;
    running_seed_set(seed);
    kafka_world_init(&world, seed, campaign);
    sim_log_trace(traces ? &world.schedule : NULL);
    enum verdict verdict = kafka_world_run(&world);
    sim_log_trace(NULL);
    printf("seed %" PRIu64 ": %s digest %016" PRIx64 " events %" PRIu64 " acked %" PRIu64
           " read %" PRIu64 " commits %" PRIu64 "%s%s\n",
           seed, verdict_name(verdict), world.schedule.digest, world.schedule.fired,
           world.ghost.acks, world.ghost.reads, world.ghost.commits,
           verdict == VERDICT_OK ? "" : ": ", world.verdict_text);
    kafka_world_release(&world);
    return verdict;
}

NORETURN static void usage(void)
{
    fprintf(stderr, "usage: samsa_kafka_sim --seed N [--trace] | --seeds A..B | --file LIST\n");
    exit(EXIT_USAGE);
}

/* Lines of "<seed> <why it is here>"; "#" begins a comment. */
static enum verdict run_file(const char *path, struct kafka_campaign *campaign)
{
    char line[512];
    enum verdict worst = VERDICT_OK;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "samsa_kafka_sim: cannot read %s\n", path);
        exit(EXIT_USAGE);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line) {
            enum verdict verdict = run_seed(seed, false, campaign);
            worst = MAX(worst, verdict);
        }
    }
    (void)fclose(file);
    return worst;
}

static enum verdict run_range(const char *text, struct kafka_campaign *campaign)
{
    char *end;
    enum verdict worst = VERDICT_OK;
    uint64_t first = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0) {
        usage();
    }
    uint64_t last = strtoull(end + 2, &end, 10);
    for (uint64_t seed = first; seed <= last; seed++) {
        enum verdict verdict = run_seed(seed, false, campaign);
        worst = MAX(worst, verdict);
    }
    return worst;
}

int main(int argc, char **argv)
{
    static struct kafka_campaign campaign;
    enum verdict verdict;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    running_seed_catch_deaths();
    bool traces = argc == 4 && strcmp(argv[3], "--trace") == 0;
    if (argc == 3 + traces && strcmp(argv[1], "--seed") == 0) {
        return (int)run_seed(strtoull(argv[2], NULL, 10), traces, &campaign);
    }
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        verdict = run_range(argv[2], &campaign);
    } else if (argc == 3 && strcmp(argv[1], "--file") == 0) {
        verdict = run_file(argv[2], &campaign);
    } else {
        usage();
    }
    printf("\n");
    size_t missing = kafka_campaign_print(&campaign);
    if (verdict == VERDICT_OK && missing > 0 && campaign.runs >= CAMPAIGN_RUNS) {
        printf("%zu situations were never reached\n", missing);
        return EXIT_UNREACHED;
    }
    return (int)verdict;
}
