/* main.c - samsa_sim: runs of the simulated world, one seed each.
 *
 *   samsa_sim --seed N [--trace]        one run, with all that happened on stdout
 *   samsa_sim --seeds A..B              these runs
 *   samsa_sim --count N [--seed A]      N runs from A (or from a seed of the clock's)
 *   samsa_sim --minutes M               as many fresh seeds as fit
 *   samsa_sim --file sim/seeds.txt      the seeds of a list
 *   samsa_sim --crash-everywhere        a fixed run, cut at each of its disk operations
 *
 * Exit codes: 0 all is well, 127 the server died (assert, signal, sanitizer), 128 no progress after
 * all faults were healed, 129 a checker found something, 2 usage; 1 a campaign of 500 runs or more
 * left a situation of marks.h unreached. The first failing run ends a campaign; its seed is printed
 * first and last.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "sim/crash_everywhere.h"
#include "sim/log_sim.h"
#include "sim/running_seed.h"

#define EXIT_USAGE 2
#define EXIT_UNREACHED 1
#define CAMPAIGN_RUNS 500u

struct arguments {
    uint64_t first;
    uint64_t last;
    uint64_t count;
    uint64_t seconds;
    const char *file;
    bool has_seed;
    bool has_range;
    bool traces;
    bool crashes;
    bool digests; /* one line a seed */
};

/* ---- runs ------------------------------------------------------------------------------------ */

static enum verdict run_seed(uint64_t seed, const struct arguments *arguments, struct marks *marks)
{
    static struct options options;
    static struct world world;
    options_draw(&options, seed);
    running_seed_set(seed);
    if (arguments->traces) {
        printf("seed %" PRIu64 "\n%s\n", seed, options.config_text);
    }
    world_init(&world, &options, marks);
    sim_log_trace(arguments->traces ? &world.schedule : NULL);
    enum verdict verdict = world_run(&world);
    sim_log_trace(NULL);
    if (verdict != VERDICT_OK || arguments->digests || arguments->has_seed) {
        printf("seed %" PRIu64 ": %s digest %016" PRIx64 " events %" PRIu64 " requests %" PRIu64
               " txns %zu%s%s\n",
               seed, verdict_name(verdict), world.schedule.digest, world.schedule.fired,
               world.history.answered, world.history.log_count, verdict == VERDICT_OK ? "" : ": ",
               world.verdict_text);
        fflush(stdout);
    }
    world_release(&world);
    return verdict;
}

static uint64_t clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static enum verdict run_range(const struct arguments *arguments, struct marks *marks)
{
    enum verdict verdict = VERDICT_OK;
    uint64_t end_s = arguments->seconds == 0 ? UINT64_MAX : clock_s() + arguments->seconds;
    for (uint64_t seed = arguments->first; verdict == VERDICT_OK && seed <= arguments->last;
         seed++) {
        if (clock_s() >= end_s) {
            break;
        }
        verdict = run_seed(seed, arguments, marks);
    }
    return verdict;
}

/* Lines of "<seed> <why it is here>"; "#" begins a comment. */
static enum verdict run_file(const struct arguments *arguments, struct marks *marks)
{
    char line[512];
    enum verdict verdict = VERDICT_OK;
    FILE *file = fopen(arguments->file, "r");
    if (file == NULL) {
        fprintf(stderr, "samsa_sim: cannot read %s\n", arguments->file);
        exit(EXIT_USAGE);
    }
    while (verdict == VERDICT_OK && fgets(line, sizeof line, file) != NULL) {
        char *end;
        errno = 0;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line && errno == 0) {
            verdict = run_seed(seed, arguments, marks);
        }
    }
    (void)fclose(file);
    return verdict;
}

/* ---- arguments ------------------------------------------------------------------------------- */

NORETURN static void usage(void)
{
    fprintf(stderr,
            "usage: samsa_sim [--seed N [--trace]] [--seeds A..B] [--count N] [--minutes M]\n"
            "                 [--file LIST] [--crash-everywhere] [--digests]\n");
    exit(EXIT_USAGE);
}

static uint64_t number_of(const char *text, char stop, const char **rest)
{
    char *end;
    errno = 0;
    uint64_t value = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || errno != 0 || end == text || *end != stop) {
        usage();
    }
    *rest = end;
    return value;
}

static void take_range(struct arguments *arguments, const char *text)
{
    const char *rest;
    arguments->first = number_of(text, '.', &rest);
    if (strncmp(rest, "..", 2) != 0) {
        usage();
    }
    arguments->last = number_of(rest + 2, '\0', &rest);
    arguments->has_range = true;
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
    const char *rest;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--trace") == 0) {
            arguments->traces = true;
        } else if (strcmp(argv[i], "--crash-everywhere") == 0) {
            arguments->crashes = true;
        } else if (strcmp(argv[i], "--digests") == 0) {
            arguments->digests = true;
        } else if (strcmp(argv[i], "--seed") == 0) {
            arguments->first = number_of(value, '\0', &rest);
            arguments->has_seed = true;
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            take_range(arguments, value == NULL ? "" : value);
            i++;
        } else if (strcmp(argv[i], "--count") == 0) {
            arguments->count = number_of(value, '\0', &rest);
            i++;
        } else if (strcmp(argv[i], "--minutes") == 0) {
            arguments->seconds = number_of(value, '\0', &rest) * 60;
            i++;
        } else if (strcmp(argv[i], "--file") == 0 && value != NULL) {
            arguments->file = value;
            i++;
        } else {
            usage();
        }
    }
}

static void choose_range(struct arguments *arguments)
{
    struct timespec now;
    if (arguments->has_range) {
        return;
    }
    if (!arguments->has_seed) {
        clock_gettime(CLOCK_REALTIME, &now);
        arguments->first = hash_u64((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec) >> 32;
    }
    arguments->last = UINT64_MAX - 1;
    if (arguments->count > 0) {
        arguments->last = arguments->first + arguments->count - 1;
    } else if (arguments->seconds == 0) {
        arguments->last = arguments->first;
    }
    arguments->has_seed = arguments->last == arguments->first;
}

int main(int argc, char **argv)
{
    static struct marks marks;
    struct arguments arguments = {0};
    enum verdict verdict;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    parse(argc, argv, &arguments);
    running_seed_catch_deaths();
    if (arguments.crashes) {
        return (int)crash_everywhere(arguments.has_seed ? arguments.first : 1, arguments.traces);
    }
    choose_range(&arguments);
    if (arguments.file != NULL) {
        printf("seeds of %s\n", arguments.file);
        verdict = run_file(&arguments, &marks);
    } else {
        printf("seeds from %" PRIu64 "\n", arguments.first);
        verdict = run_range(&arguments, &marks);
    }
    if (marks.runs == 1) {
        return (int)verdict;
    }
    printf("\n");
    size_t missing = marks_print(&marks);
    printf("\n%s: %" PRIu64 " runs, the last seed was %" PRIu64 "\n", verdict_name(verdict),
           marks.runs, running_seed());
    if (verdict == VERDICT_OK && missing > 0 && marks.runs >= CAMPAIGN_RUNS) {
        printf("%zu situations were never reached\n", missing);
        return EXIT_UNREACHED;
    }
    return (int)verdict;
}
