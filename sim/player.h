/* player.h - the command line that every simulator has: which seeds are played, and what is said of
 * them.
 *
 *   <simulator> --seed N [--trace]      one run, with all that happened on stdout
 *   <simulator> --seeds A..B            these runs
 *   <simulator> --minutes M             as many fresh seeds as fit
 *   <simulator> --file LIST             the seeds of a list: "<seed> <why it is here>", "#" begins
 * a comment
 *   ... --digests                       one line a run, not only for those that fail
 *   ... --failures N                    goes on behind failing runs, up to N of them
 *
 * Without any, one fresh seed. A line of a run: "seed 7: ok digest 0123456789abcdef events 12 ...".
 * Exit codes: 0 all is well, 127 the server died (assert, signal, sanitizer), 128 no progress after
 * all faults were healed, 129 a checker found something, 2 usage; 1: a long campaign never met one
 * of the situations that it must, for a test that meets no faults proves nothing.
 */
#ifndef SIM_PLAYER_H
#define SIM_PLAYER_H

#include "sim/world.h"

/* What there is to say of one run. */
struct player_run {
    enum verdict verdict;
    uint64_t digest;
    char details[128]; /* "events 12 requests 3" */
    char problem[2048];
};

struct player {
    const char *name;       /* of the program */
    const char *more_usage; /* of its own options */
    uint64_t campaign_runs; /* so many must have met every situation */
    void *ctx;

    /* Plays one run. */
    void (*play)(void *ctx, uint64_t seed, bool traces, struct player_run *run);

    /* The tables of all runs; returns how many situations were never met. */
    size_t (*print)(void *ctx);

    /* An option of its own, with its value ("" when it is the last word); returns how many words it
     * took, 0 when it is none. May be NULL. */
    int (*option)(void *ctx, const char *name, const char *value);
};

/* Returns the exit code. The servers run in this process: its death is told with the seed that ran.
 */
int player_main(const struct player *player, int argc, char **argv);

/* A whole number, or the usage and the end. */
uint64_t player_number(const struct player *player, const char *text);

#endif
