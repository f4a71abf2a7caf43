/* player.c - see player.h. */
#include "sim/player.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

#define EXIT_USAGE 2
#define EXIT_UNREACHED 1
#define LIST_LINE_MAX 512

struct arguments {
    uint64_t first;
    uint64_t last;
    uint64_t end_s; /* of the clock; UINT64_MAX: none */
    uint64_t failures_max;
    const char *file;
    bool traces;
    bool digests;
    bool is_one;
};

struct tally {
    enum verdict worst;
    uint64_t runs;
    uint64_t failures;
};

/* ---- death ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t dying;
static uint64_t running_seed;

static void on_death(int signal_number)
{
    char text[96];
    if (dying != 0) {
        _exit(VERDICT_CRASH);
    }
    dying = 1;
    /* Neither is safe in a handler, and nothing better is left to do: a second death ends it
     * above. */
    /* NOLINTBEGIN(bugprone-signal-handler) */
    fflush(stdout);
    int len = snprintf(text, sizeof text, "seed %" PRIu64 ": CRASH, signal %d\n", running_seed,
                       signal_number);
    /* NOLINTEND(bugprone-signal-handler) */
    if (len > 0 && write(STDOUT_FILENO, text, (size_t)len) < 0) {
        _exit(VERDICT_CRASH);
    }
    _exit(VERDICT_CRASH);
}

static void catch_deaths(void)
{
    static const int deaths[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < ARRAY_LEN(deaths); i++) {
        signal(deaths[i], on_death);
    }
}

/* ---- runs ------------------------------------------------------------------------------------ */

static const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OK:
        return "ok";
    case VERDICT_CRASH:
        return "CRASH";
    case VERDICT_STUCK:
        return "STUCK";
    case VERDICT_WRONG:
        return "WRONG";
    }
    return "?";
}

static uint64_t clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* False when that was one failure too many. */
static bool play(const struct player *player,
                 const struct arguments *arguments,
                 uint64_t seed,
                 struct tally *tally)
{
    static struct player_run run;
    run = (struct player_run){.verdict = VERDICT_OK};
    running_seed = seed;
    player->play(player->ctx, seed, arguments->traces, &run);
    bool is_ok = run.verdict == VERDICT_OK;
    if (!is_ok || arguments->digests || arguments->is_one) {
        printf("seed %" PRIu64 ": %s digest %016" PRIx64 " %s%s%s\n", seed,
               verdict_name(run.verdict), run.digest, run.details, is_ok ? "" : ": ", run.problem);
    }
    tally->worst = MAX(tally->worst, run.verdict);
    tally->runs += 1;
    tally->failures += !is_ok;
    return tally->failures <= arguments->failures_max;
}

static void play_range(const struct player *player,
                       const struct arguments *arguments,
                       struct tally *tally)
{
    uint64_t seed = arguments->first;
    while (seed <= arguments->last && clock_s() < arguments->end_s &&
           play(player, arguments, seed, tally)) {
        seed++;
    }
}

static void play_file(const struct player *player,
                      const struct arguments *arguments,
                      struct tally *tally)
{
    char line[LIST_LINE_MAX];
    FILE *file = fopen(arguments->file, "r");
    bool goes_on = true;
    if (file == NULL) {
        fprintf(stderr, "%s: cannot read %s: %s\n", player->name, arguments->file, strerror(errno));
        exit(EXIT_USAGE);
    }
    while (goes_on && fgets(line, sizeof line, file) != NULL) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line) {
            goes_on = play(player, arguments, seed, tally);
        }
    }
    (void)fclose(file);
}

/* ---- the command line ------------------------------------------------------------------------ */

NORETURN static void usage(const struct player *player)
{
    fprintf(stderr,
            "usage: %s [--seed N [--trace] | --seeds A..B | --minutes M | --file LIST]\n"
            "       [--digests] [--failures N]%s\n",
            player->name, player->more_usage);
    exit(EXIT_USAGE);
}

/* The number that stands before `stop`. */
static uint64_t number_before(const struct player *player,
                              const char *text,
                              char stop,
                              const char **rest)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != stop) {
        usage(player);
    }
    *rest = end;
    return value;
}

uint64_t player_number(const struct player *player, const char *text)
{
    const char *rest;
    return number_before(player, text, '\0', &rest);
}

static void take_range(const struct player *player, struct arguments *arguments, const char *text)
{
    const char *rest;
    arguments->first = number_before(player, text, '.', &rest);
    if (strncmp(rest, "..", 2) != 0) {
        usage(player);
    }
    arguments->last = player_number(player, rest + 2);
}

/* How many words it took. */
static int take_option(const struct player *player,
                       struct arguments *arguments,
                       const char *name,
                       const char *value)
{
    if (strcmp(name, "--trace") == 0) {
        arguments->traces = true;
        return 1;
    }
    if (strcmp(name, "--digests") == 0) {
        arguments->digests = true;
        return 1;
    }
    if (strcmp(name, "--seed") == 0) {
        arguments->first = player_number(player, value);
        arguments->last = arguments->first;
    } else if (strcmp(name, "--seeds") == 0) {
        take_range(player, arguments, value);
    } else if (strcmp(name, "--minutes") == 0) {
        arguments->end_s = clock_s() + player_number(player, value) * 60;
        arguments->last = UINT64_MAX - 1;
    } else if (strcmp(name, "--failures") == 0) {
        arguments->failures_max = player_number(player, value);
    } else if (strcmp(name, "--file") == 0) {
        arguments->file = value;
    } else {
        int words = player->option == NULL ? 0 : player->option(player->ctx, name, value);
        if (words == 0) {
            usage(player);
        }
        return words;
    }
    return 2;
}

static void parse(const struct player *player, int argc, char **argv, struct arguments *arguments)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t fresh = hash_u64((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec) >> 32;
    *arguments = (struct arguments){.first = fresh, .last = fresh, .end_s = UINT64_MAX};
    for (int i = 1; i < argc;) {
        i += take_option(player, arguments, argv[i], i + 1 < argc ? argv[i + 1] : "");
    }
    arguments->is_one = arguments->first == arguments->last && arguments->file == NULL;
}

int player_main(const struct player *player, int argc, char **argv)
{
    struct arguments arguments;
    struct tally tally = {.worst = VERDICT_OK};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    parse(player, argc, argv, &arguments);
    catch_deaths();
    if (arguments.file != NULL) {
        printf("seeds of %s\n", arguments.file);
        play_file(player, &arguments, &tally);
    } else {
        printf("seeds from %" PRIu64 "\n", arguments.first);
        play_range(player, &arguments, &tally);
    }
    if (arguments.is_one) {
        return (int)tally.worst;
    }
    printf("\n");
    size_t missing = player->print(player->ctx);
    printf("\n%s: %" PRIu64 " runs, %" PRIu64 " failed, the last seed was %" PRIu64 "\n",
           verdict_name(tally.worst), tally.runs, tally.failures, running_seed);
    if (tally.worst == VERDICT_OK && missing > 0 && tally.runs >= player->campaign_runs) {
        printf("%zu situations were never reached\n", missing);
        return EXIT_UNREACHED;
    }
    return (int)tally.worst;
}
