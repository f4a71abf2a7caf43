/* crash_everywhere.c - see crash_everywhere.h.
 *
 * One client, some hundred requests, a snapshot every few transactions, logs rolling and purged.
 * The run is first played without any fault, to count its disk operations. Then it is played again
 * for each of them, with the power cut just before it, for each kind of what a power cut keeps;
 * then with a second cut at each operation of the recovery from some of the first; then with the
 * process killed there, and the power cut a little later. After each the run goes on to its end:
 * nothing that the client was told may be missing, and the whole story must be right (check.h).
 */
#include "sim/crash_everywhere.h"

#include <inttypes.h>
#include <stdio.h>

#include "sim/log_sim.h"

#define STRIKES_MAX 2
#define SECOND_STEP 17u  /* every so many first operations get second strikes */
#define RECOVERY_OPS 60u /* more than a recovery and the first writes after it take */

struct strike {
    uint64_t ops; /* after the one before it */
    bool is_power_cut;
    enum disk_keep keep;
};

struct plan {
    struct strike strikes[STRIKES_MAX];
    size_t count;
    size_t next;
    uint64_t variant; /* of chance: which of the unsynced operations are kept */
};

struct tour {
    uint64_t seed;
    bool traces;
    uint64_t ops; /* of the run without faults */
    uint64_t runs;
    uint64_t struck; /* strikes that took place */
    struct marks marks;
};

static struct world world;
static struct plan plan;

static void arm(void)
{
    if (plan.next < plan.count) {
        world.disk.stop_at_op = world.disk.op_count + plan.strikes[plan.next].ops;
    }
}

static void on_strike(void *ctx)
{
    struct tour *tour = ctx;
    const struct strike *strike = &plan.strikes[plan.next++];
    tour->struck += 1;
    if (strike->is_power_cut) {
        server_cut_power(&world.server, strike->keep);
    } else {
        server_kill(&world.server);
    }
    arm();
}

static enum verdict play(struct tour *tour)
{
    struct options options;
    options_for_crashes(&options, tour->seed);
    world_init(&world, &options, &tour->marks);
    struct random chance = world.disk.fate;
    random_split(&chance, plan.variant, &world.disk.fate);
    world.disk.on_stop_at = on_strike;
    world.disk.stop_ctx = tour;
    plan.next = 0;
    arm();
    sim_log_trace(tour->traces ? &world.schedule : NULL);
    enum verdict verdict = world_run(&world);
    sim_log_trace(NULL);
    tour->runs += 1;
    if (verdict != VERDICT_OK) {
        printf("crash-everywhere: seed %" PRIu64, tour->seed);
        for (size_t i = 0; i < plan.count; i++) {
            const struct strike *strike = &plan.strikes[i];
            printf(", %s at operation %" PRIu64 " (keeps %d)",
                   strike->is_power_cut ? "power cut" : "kill", strike->ops, (int)strike->keep);
        }
        printf(", variant %" PRIu64 ": %d: %s\n", plan.variant, (int)verdict, world.verdict_text);
    }
    tour->ops = plan.count == 0 ? world.ops_of_fault_phase : tour->ops;
    world_release(&world);
    return verdict;
}

static enum verdict cut_at_each(struct tour *tour)
{
    enum verdict verdict = VERDICT_OK;
    for (uint64_t op = 1; op <= tour->ops && verdict == VERDICT_OK; op++) {
        for (int keep = 0; keep < KEEP_KINDS && verdict == VERDICT_OK; keep++) {
            plan = (struct plan){.count = 1, .variant = op};
            plan.strikes[0] = (struct strike){op, true, (enum disk_keep)keep};
            verdict = play(tour);
        }
    }
    return verdict;
}

static enum verdict cut_twice(struct tour *tour)
{
    enum verdict verdict = VERDICT_OK;
    for (uint64_t op = 1; op <= tour->ops && verdict == VERDICT_OK; op += SECOND_STEP) {
        for (uint64_t more = 1; more <= RECOVERY_OPS && verdict == VERDICT_OK; more++) {
            enum disk_keep first = (enum disk_keep)((op + more) % KEEP_KINDS);
            enum disk_keep second = (enum disk_keep)(more % KEEP_KINDS);
            plan = (struct plan){.count = 2, .variant = more};
            plan.strikes[0] = (struct strike){op, true, first};
            plan.strikes[1] = (struct strike){more, true, second};
            verdict = play(tour);
        }
    }
    return verdict;
}

/* What a killed process had written and not synced is seen by the next one, and must then be made
 * to last before anybody is told of it. */
static enum verdict kill_and_cut(struct tour *tour)
{
    enum verdict verdict = VERDICT_OK;
    for (uint64_t op = 1; op <= tour->ops && verdict == VERDICT_OK; op++) {
        plan = (struct plan){.count = 2, .variant = op};
        plan.strikes[0] = (struct strike){op, false, KEEP_ALL};
        plan.strikes[1] = (struct strike){RECOVERY_OPS + op % 50, true, KEEP_NOTHING};
        verdict = play(tour);
    }
    return verdict;
}

enum verdict crash_everywhere(uint64_t seed, bool traces)
{
    static struct tour tour;
    tour = (struct tour){.seed = seed, .traces = traces};
    plan = (struct plan){.count = 0};
    enum verdict verdict = play(&tour);
    if (verdict == VERDICT_OK) {
        verdict = cut_at_each(&tour);
    }
    if (verdict == VERDICT_OK) {
        verdict = cut_twice(&tour);
    }
    if (verdict == VERDICT_OK) {
        verdict = kill_and_cut(&tour);
    }
    printf("crash-everywhere: seed %" PRIu64 ": %" PRIu64 " disk operations, %" PRIu64
           " runs, %" PRIu64 " strikes: %s\n",
           seed, tour.ops, tour.runs, tour.struck, verdict == VERDICT_OK ? "ok" : "FAILED");
    return verdict;
}
