/* running_seed.c - see running_seed.h. */
#include "sim/running_seed.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t dying;
static uint64_t seed_now;

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
    int len = snprintf(text, sizeof text, "seed %" PRIu64 ": CRASH, signal %d\n", seed_now,
                       signal_number);
    /* NOLINTEND(bugprone-signal-handler) */
    if (len > 0 && write(STDOUT_FILENO, text, (size_t)len) < 0) {
        _exit(VERDICT_CRASH);
    }
    _exit(VERDICT_CRASH);
}

void running_seed_catch_deaths(void)
{
    static const int deaths[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < ARRAY_LEN(deaths); i++) {
        signal(deaths[i], on_death);
    }
}

void running_seed_set(uint64_t seed)
{
    seed_now = seed;
}

uint64_t running_seed(void)
{
    return seed_now;
}

const char *verdict_name(enum verdict verdict)
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
