/* main.c - samsa_ensemble_sim: runs of a simulated ensemble, one seed each.
 *
 *   samsa_ensemble_sim --seed N [--trace]           one run, with all that happened on stdout
 *   samsa_ensemble_sim --seeds A..B [--digests]     these runs
 *   samsa_ensemble_sim --minutes M                  as many fresh seeds as fit
 *   samsa_ensemble_sim --file sim/ensemble_seeds.txt   the seeds of a list
 *   ... --members N                                 so many in each run, 1 to 7
 *   ... --failures N                                goes on behind failing runs, up to N of them
 *
 * Exit codes as samsa_sim: 0, 127 CRASH, 128 STUCK, 129 WRONG, 2 usage; 1: a campaign of
 * CAMPAIGN_RUNS or more never met one of the situations that it must.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "sim/ensemble/ensemble.h"
#include "sim/log_sim.h"
#include "sim/running_seed.h"

#define EXIT_USAGE 2
#define EXIT_UNREACHED 1
#define CAMPAIGN_RUNS 1000u

struct arguments {
    uint64_t first;
    uint64_t last;
    uint64_t seconds;
    uint64_t failures_max;
    uint64_t members; /* 0: each seed draws it */
    const char *file;
    bool is_one;
    bool traces;
    bool digests; /* one line a seed */
};

static enum verdict run_seed(const struct arguments *arguments,
                             uint64_t seed,
                             struct ensemble_campaign *campaign)
{
    static struct ensemble_world ensemble;
    running_seed_set(seed);
    ensemble_world_init(&ensemble, seed, (int)arguments->members, campaign);
    sim_log_trace(arguments->traces ? &ensemble.base.schedule : NULL);
    enum verdict verdict = ensemble_world_run(&ensemble);
    sim_log_trace(NULL);
    if (arguments->digests || arguments->is_one || verdict != VERDICT_OK) {
        printf("seed %" PRIu64 ": %s digest %016" PRIx64 " events %" PRIu64
               " members %d answered %" PRIu64 " committed %zu leaders %zu%s%s\n",
               seed, verdict_name(verdict), ensemble.base.schedule.digest,
               ensemble.base.schedule.fired, ensemble.options.member_count,
               ensemble.base.history.answered, ensemble.base.history.log_count,
               ensemble.ghost.leaders.count, verdict == VERDICT_OK ? "" : ": ",
               ensemble.base.verdict_text);
    }
    ensemble_world_release(&ensemble);
    return verdict;
}

NORETURN static void usage(void)
{
    fprintf(stderr,
            "usage: samsa_ensemble_sim --seed N [--trace] | --seeds A..B | --minutes M |\n"
            "                          --file LIST  [--digests] [--failures N] [--members N]\n");
    exit(EXIT_USAGE);
}

static uint64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

struct tally {
    enum verdict worst;
    uint64_t failures;
};

/* False when that was one failure too many. */
static bool count_verdict(const struct arguments *arguments,
                          struct tally *tally,
                          enum verdict verdict)
{
    tally->worst = MAX(tally->worst, verdict);
    tally->failures += verdict != VERDICT_OK;
    return tally->failures <= arguments->failures_max;
}

static void run_range(const struct arguments *arguments,
                      struct ensemble_campaign *campaign,
                      struct tally *tally)
{
    uint64_t end_s = arguments->seconds == 0 ? UINT64_MAX : now_s() + arguments->seconds;
    for (uint64_t seed = arguments->first; seed <= arguments->last && now_s() < end_s; seed++) {
        if (!count_verdict(arguments, tally, run_seed(arguments, seed, campaign))) {
            return;
        }
    }
}

/* Lines of "<seed> <why it is here>"; "#" begins a comment. */
static void run_file(const struct arguments *arguments,
                     struct ensemble_campaign *campaign,
                     struct tally *tally)
{
    char line[512];
    FILE *file = fopen(arguments->file, "r");
    bool goes_on = true;
    if (file == NULL) {
        fprintf(stderr, "samsa_ensemble_sim: cannot read %s\n", arguments->file);
        exit(EXIT_USAGE);
    }
    while (goes_on && fgets(line, sizeof line, file) != NULL) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line) {
            goes_on = count_verdict(arguments, tally, run_seed(arguments, seed, campaign));
        }
    }
    (void)fclose(file);
}

static uint64_t number_of(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        usage();
    }
    return value;
}

static void take_range(struct arguments *arguments, const char *text)
{
    char *end;
    arguments->first = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0) {
        usage();
    }
    arguments->last = number_of(end + 2);
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    arguments->first = hash_u64((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec) >> 32;
    arguments->last = arguments->first;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool has_value = true;
        if (strcmp(argv[i], "--seed") == 0) {
            arguments->first = number_of(value);
            arguments->last = arguments->first;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            take_range(arguments, value);
        } else if (strcmp(argv[i], "--minutes") == 0) {
            arguments->seconds = number_of(value) * 60;
            arguments->last = UINT64_MAX - 1;
        } else if (strcmp(argv[i], "--failures") == 0) {
            arguments->failures_max = number_of(value);
        } else if (strcmp(argv[i], "--members") == 0) {
            arguments->members = MIN(number_of(value), (uint64_t)MEMBERS_MAX);
        } else if (strcmp(argv[i], "--file") == 0) {
            arguments->file = value;
        } else if (strcmp(argv[i], "--trace") == 0) {
            arguments->traces = true;
            has_value = false;
        } else if (strcmp(argv[i], "--digests") == 0) {
            arguments->digests = true;
            has_value = false;
        } else {
            usage();
        }
        i += has_value;
    }
    arguments->is_one = arguments->first == arguments->last && arguments->file == NULL;
}

int main(int argc, char **argv)
{
    static struct ensemble_campaign campaign;
    struct arguments arguments = {0};
    struct tally tally = {.worst = VERDICT_OK};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    running_seed_catch_deaths();
    parse(argc, argv, &arguments);
    if (arguments.file != NULL) {
        run_file(&arguments, &campaign, &tally);
    } else {
        run_range(&arguments, &campaign, &tally);
    }
    if (arguments.is_one) {
        return (int)tally.worst;
    }
    printf("\n");
    size_t missing = ensemble_campaign_print(&campaign);
    printf("\n%s: %" PRIu64 " runs, %" PRIu64 " failed, the last seed was %" PRIu64 "\n",
           verdict_name(tally.worst), campaign.runs, tally.failures, running_seed());
    if (tally.worst == VERDICT_OK && missing > 0 && campaign.runs >= CAMPAIGN_RUNS) {
        printf("%zu situations were never reached\n", missing);
        return EXIT_UNREACHED;
    }
    return (int)tally.worst;
}
