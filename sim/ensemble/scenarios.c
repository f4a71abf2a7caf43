/* scenarios.c - see scenarios.h. A story is a list of steps. Each is asked again and again, some
 * milliseconds apart, until it says that it is done; one that takes too long ends the story, which
 * begins anew after a while. Whoever a story keeps down or cut off is let go at its end.
 */
#include "sim/ensemble/scenarios.h"

#include <stdio.h>

#include "sim/config_writer.h"
#include "sim/log_sim.h"

#define SCENARIO_ONCE_IN 8u /* so many seeds have one */
#define LOOK_NS (3 * NS_PER_MS)
#define STEP_MAX_NS (12 * NS_PER_S)
#define PAUSE_NS (500 * NS_PER_MS)
#define HELD_NS (600 * NS_PER_S)
#define MEMBERS_OF_HOLE 5
#define COUNTER_MASK INT64_C(0xffffffff)

struct scenario {
    struct ensemble_world *ensemble;
    int step;
    uint64_t step_since_ns;
    int64_t from_zxid;      /* the end of G when the step began */
    struct member *leader;  /* whom it is about, by the roles that they have at its beginning */
    struct member *hero;    /* who gets what is wrong */
    struct member *laggard; /* who gets it from him */
    uint64_t hero_failed_ops;
    bool cuts_clients;
    bool by_snapshot; /* cut-fails: the new leader has gone on, so that no TRUNC reaches back */
};

enum step_result {
    STEP_WAITS,
    STEP_DONE,
    STEP_FAILED
};

typedef enum step_result scenario_step(struct scenario *scenario);

/* ---- what steps are made of ------------------------------------------------------------------ */

static struct network *network_of(struct scenario *scenario)
{
    return &scenario->ensemble->base.network;
}

static int64_t grown(const struct scenario *scenario)
{
    int64_t last = ghost_last_txn(scenario->ensemble);
    bool same_epoch = last >> 32 == scenario->from_zxid >> 32;
    return last <= scenario->from_zxid ? 0
           : same_epoch                ? last - scenario->from_zxid
                                       : last & COUNTER_MASK;
}

static bool all_serve(const struct ensemble_world *ensemble)
{
    for (int i = 0; i < ensemble->options.member_count; i++) {
        if (ensemble->members[i].state != MEMBER_UP || !ensemble->members[i].view.is_serving) {
            return false;
        }
    }
    return true;
}

/* The voter with the highest id that does not lead and is not `other`. */
static struct member *last_follower(struct ensemble_world *ensemble, const struct member *other)
{
    for (int i = ensemble->options.member_count; i > 0; i--) {
        struct member *member = &ensemble->members[i - 1];
        if (!member->is_observer && !member->view.is_leader && member != other) {
            return member;
        }
    }
    return NULL;
}

static void hold_down(struct member *member)
{
    member->down_ns = HELD_NS;
    member_kill(member);
}

static void let_up(struct member *member)
{
    if (member != NULL) {
        member->down_ns = 0;
        if (member->state == MEMBER_DOWN) {
            member_start(member);
        }
    }
}

static void cut_between(struct scenario *scenario,
                        const struct tcp_address *one,
                        const struct tcp_address *other,
                        bool cuts)
{
    struct network *network = network_of(scenario);
    net_cut_way(network, net_host_of(one), net_host_of(other), cuts);
    net_cut_way(network, net_host_of(other), net_host_of(one), cuts);
}

static void cut_clients(struct scenario *scenario, struct member *member, bool cuts)
{
    struct world *base = &scenario->ensemble->base;
    for (int i = 0; i < base->options.client_count; i++) {
        cut_between(scenario, &base->clients[i].address, &member->address, cuts);
    }
}

static void cut_all_clients(struct scenario *scenario, bool cuts)
{
    scenario->cuts_clients = cuts;
    for (int i = 0; i < scenario->ensemble->options.member_count; i++) {
        cut_clients(scenario, &scenario->ensemble->members[i], cuts);
    }
}

/* From all members but the hero. */
static void cut_members(struct scenario *scenario, struct member *member, bool cuts)
{
    for (int i = 0; i < scenario->ensemble->options.member_count; i++) {
        struct member *other = &scenario->ensemble->members[i];
        if (other != member && (other != scenario->hero || !cuts)) {
            cut_between(scenario, &member->address, &other->address, cuts);
        }
    }
}

static bool serves_from_its_first(const struct member *member)
{
    return member->state == MEMBER_UP && member->view.is_serving &&
           (member->view.zxid & COUNTER_MASK) == 0;
}

/* ---- hole ------------------------------------------------------------------------------------ */

static enum step_result choose_for_hole(struct scenario *scenario)
{
    struct ensemble_world *ensemble = scenario->ensemble;
    if (!all_serve(ensemble) || grown(scenario) < 5) {
        return STEP_WAITS;
    }
    scenario->leader = ensemble_world_leader(ensemble);
    scenario->hero = last_follower(ensemble, NULL);
    scenario->laggard = last_follower(ensemble, scenario->hero);
    if (scenario->leader == NULL || scenario->laggard == NULL) {
        return STEP_FAILED;
    }
    hold_down(scenario->laggard);
    return STEP_DONE;
}

static enum step_result hero_falls_behind(struct scenario *scenario)
{
    if (grown(scenario) < 2) {
        return STEP_WAITS;
    }
    hold_down(scenario->hero);
    return STEP_DONE;
}

static enum step_result hero_comes_back(struct scenario *scenario)
{
    if (grown(scenario) < 60) {
        return STEP_WAITS;
    }
    let_up(scenario->hero);
    return STEP_DONE;
}

static enum step_result hero_is_even(struct scenario *scenario)
{
    const struct member_view *view = &scenario->hero->view;
    if (!view->is_serving || view->zxid < ghost_last_txn(scenario->ensemble) ||
        grown(scenario) < 2) {
        return STEP_WAITS;
    }
    if ((view->syncs_by_snap == 0) != scenario->ensemble->options.hole_in_memory) {
        return STEP_FAILED;
    }
    hold_down(scenario->leader);
    return STEP_DONE;
}

static enum step_result hero_leads(struct scenario *scenario)
{
    const struct member *leader = ensemble_world_leader(scenario->ensemble);
    if (leader == NULL || !leader->view.is_serving || grown(scenario) < 1) {
        return STEP_WAITS;
    }
    if (leader != scenario->hero) {
        return STEP_FAILED;
    }
    let_up(scenario->laggard);
    return STEP_DONE;
}

static enum step_result laggard_serves(struct scenario *scenario)
{
    return scenario->laggard->view.is_serving ? STEP_DONE : STEP_WAITS;
}

/* ---- never-had ------------------------------------------------------------------------------- */

static enum step_result choose_for_never_had(struct scenario *scenario)
{
    struct ensemble_world *ensemble = scenario->ensemble;
    if (!all_serve(ensemble) || grown(scenario) < 5) {
        return STEP_WAITS;
    }
    scenario->leader = ensemble_world_leader(ensemble);
    scenario->hero = last_follower(ensemble, NULL);
    if (scenario->leader == NULL || scenario->hero == NULL) {
        return STEP_FAILED;
    }
    cut_all_clients(scenario, true);
    hold_down(scenario->hero);
    return STEP_DONE;
}

static enum step_result hero_loses_his_disk(struct scenario *scenario)
{
    struct member *hero = scenario->hero;
    if (hero->state != MEMBER_DOWN || !ghost_can_spare(hero)) {
        return STEP_WAITS;
    }
    member_wipe(hero);
    /* Without a quorum the leader ends its epoch; its log stays in its memory. */
    member_kill(last_follower(scenario->ensemble, hero));
    return STEP_DONE;
}

static enum step_result epoch_is_fresh(struct scenario *scenario)
{
    struct member *leader = ensemble_world_leader(scenario->ensemble);
    if (leader == NULL || !serves_from_its_first(leader)) {
        return STEP_WAITS;
    }
    scenario->leader = leader;
    let_up(scenario->hero);
    return STEP_DONE;
}

static enum step_result hero_has_the_tree(struct scenario *scenario)
{
    if (!serves_from_its_first(scenario->hero)) {
        return scenario->hero->view.is_serving ? STEP_FAILED : STEP_WAITS;
    }
    cut_members(scenario, scenario->leader, true);
    /* Its own log gets nothing of what it proposes now, and it hears of that late. */
    scenario->leader->disk.faults.write_error_once_in = 1;
    scenario->leader->disk.faults.slow_once_in = 1;
    scenario->leader->disk.faults.slow_ns = 20 * NS_PER_S;
    cut_clients(scenario, scenario->leader, false);
    return STEP_DONE;
}

static enum step_result hero_has_it_alone(struct scenario *scenario)
{
    struct member *leader = scenario->leader;
    if ((ghost_log_end(scenario->hero) & COUNTER_MASK) == 0) {
        return leader->state == MEMBER_UP ? STEP_WAITS : STEP_FAILED;
    }
    hold_down(scenario->hero);
    member_cut_power(leader, KEEP_NOTHING);
    leader->disk.faults = scenario->ensemble->base.options.disk;
    cut_members(scenario, leader, false);
    cut_all_clients(scenario, true);
    return STEP_DONE;
}

static enum step_result others_begin_again(struct scenario *scenario)
{
    const struct member *leader = ensemble_world_leader(scenario->ensemble);
    if (leader == NULL || !serves_from_its_first(leader)) {
        return STEP_WAITS;
    }
    let_up(scenario->hero);
    return STEP_DONE;
}

static enum step_result hero_serves(struct scenario *scenario)
{
    if (!scenario->hero->view.is_serving) {
        return STEP_WAITS;
    }
    cut_all_clients(scenario, false);
    return STEP_DONE;
}

static enum step_result all_go_on(struct scenario *scenario)
{
    return grown(scenario) < 3 ? STEP_WAITS : STEP_DONE;
}

/* ---- cut-fails ------------------------------------------------------------------------------- */

static enum step_result choose_for_cut_fails(struct scenario *scenario)
{
    struct ensemble_world *ensemble = scenario->ensemble;
    if (!all_serve(ensemble) || grown(scenario) < 5) {
        return STEP_WAITS;
    }
    scenario->leader = ensemble_world_leader(ensemble);
    if (scenario->leader == NULL) {
        return STEP_FAILED;
    }
    scenario->by_snapshot = !scenario->by_snapshot;
    if (!scenario->by_snapshot) {
        cut_all_clients(scenario, true);
        cut_clients(scenario, scenario->leader, false);
    }
    cut_members(scenario, scenario->leader, true);
    return STEP_DONE;
}

/* Nobody else has what it logs now; the others have another leader. */
static enum step_result leader_is_left(struct scenario *scenario)
{
    const struct member *next = ensemble_world_leader(scenario->ensemble);
    if (scenario->leader->state != MEMBER_UP) {
        return STEP_FAILED;
    }
    if (next == NULL || next == scenario->leader || !next->view.is_serving ||
        !scenario->leader->view.is_looking || (scenario->by_snapshot && grown(scenario) < 2)) {
        return STEP_WAITS;
    }
    scenario->hero = scenario->leader;
    scenario->hero->disk.faults.cut_error_once_in = 1;
    scenario->hero_failed_ops = member_failed_ops(scenario->hero);
    cut_members(scenario, scenario->hero, false);
    return STEP_DONE;
}

static enum step_result cut_has_failed(struct scenario *scenario)
{
    bool has_failed = member_failed_ops(scenario->hero) > scenario->hero_failed_ops;
    if (!has_failed || (scenario->by_snapshot && grown(scenario) < 10)) {
        return STEP_WAITS;
    }
    scenario->hero->disk.faults = scenario->ensemble->base.options.disk;
    cut_all_clients(scenario, false);
    return STEP_DONE;
}

static enum step_result hero_can_cut(struct scenario *scenario)
{
    if (!scenario->hero->view.is_serving || grown(scenario) < 2) {
        return STEP_WAITS;
    }
    member_kill(scenario->hero); /* what has its log made of it? */
    return STEP_DONE;
}

static enum step_result hero_is_back(struct scenario *scenario)
{
    return scenario->hero->view.is_serving && grown(scenario) > 1 ? STEP_DONE : STEP_WAITS;
}

/* ---- deposed --------------------------------------------------------------------------------- */

/* Who leads hears nothing: the others begin anew, and need not wait for what they would miss. */
static enum step_result choose_for_deposed(struct scenario *scenario)
{
    struct ensemble_world *ensemble = scenario->ensemble;
    if (!all_serve(ensemble) || grown(scenario) < 5) {
        return STEP_WAITS;
    }
    scenario->leader = ensemble_world_leader(ensemble);
    if (scenario->leader == NULL) {
        return STEP_FAILED;
    }
    cut_members(scenario, scenario->leader, true);
    for (int i = 0; i < ensemble->options.member_count; i++) {
        if (&ensemble->members[i] != scenario->leader) {
            member_kill(&ensemble->members[i]);
        }
    }
    return STEP_DONE;
}

static enum step_result others_come_back(struct scenario *scenario)
{
    for (int i = 0; i < scenario->ensemble->options.member_count; i++) {
        let_up(&scenario->ensemble->members[i]);
    }
    return STEP_DONE;
}

static enum step_result there_are_two(struct scenario *scenario)
{
    const struct member *next = ensemble_world_leader(scenario->ensemble);
    const struct member *old = scenario->leader;
    if (old->state != MEMBER_UP || !old->view.is_leader) {
        return STEP_FAILED;
    }
    bool has_next = next != NULL && next != old && next->view.is_serving;
    return has_next && grown(scenario) >= 2 ? STEP_DONE : STEP_WAITS;
}

static enum step_result leader_gives_up(struct scenario *scenario)
{
    if (scenario->leader->state == MEMBER_UP && scenario->leader->view.is_leader) {
        return STEP_WAITS;
    }
    cut_members(scenario, scenario->leader, false);
    return STEP_DONE;
}

/* ---- stories --------------------------------------------------------------------------------- */

static scenario_step *const hole[] = {
    choose_for_hole,
    hero_falls_behind,
    hero_comes_back,
    hero_is_even,
    hero_leads,
    laggard_serves,
    NULL,
};

static scenario_step *const never_had[] = {
    choose_for_never_had, hero_loses_his_disk, epoch_is_fresh,
    hero_has_the_tree,    hero_has_it_alone,   others_begin_again,
    hero_serves,          all_go_on,           NULL,
};

static scenario_step *const cut_fails[] = {
    choose_for_cut_fails, leader_is_left, cut_has_failed, hero_can_cut, hero_is_back, NULL,
};

static scenario_step *const deposed[] = {
    choose_for_deposed, others_come_back, there_are_two, leader_gives_up, all_go_on, NULL,
};

static const struct {
    const char *name;
    scenario_step *const *steps; /* NULL: it is in the configuration alone */
} stories[SCENARIO_KINDS] = {
    [SCENARIO_NONE] = {"none", NULL},
    [SCENARIO_ROLLOVER] = {"rollover", NULL},
    [SCENARIO_HOLE] = {"hole", hole},
    [SCENARIO_NEVER_HAD] = {"never-had", never_had},
    [SCENARIO_CUT_FAILS] = {"cut-fails", cut_fails},
    [SCENARIO_DEPOSED] = {"deposed", deposed},
};

enum scenario_kind scenario_by_name(const char *name)
{
    size_t kind = 0;
    while (kind < SCENARIO_KINDS && strcmp(stories[kind].name, name) != 0) {
        kind++;
    }
    return (enum scenario_kind)kind;
}

enum scenario_kind scenario_of_seed(uint64_t seed)
{
    struct random random;
    random_init(&random, seed ^ 0x73746f7279);
    if (!random_once_in(&random, SCENARIO_ONCE_IN)) {
        return SCENARIO_NONE;
    }
    return (enum scenario_kind)(1 + random_below(&random, SCENARIO_KINDS - 1));
}

/* A story needs calm, and time. */
static void make_calm(struct ensemble_options *options, struct options *base)
{
    for (size_t kind = 0; kind < ENSEMBLE_FAULT_KINDS; kind++) {
        options->fault_gap_ns[kind] *= 8;
    }
    base->fault_phase_ns = 40 * NS_PER_S;
    base->request_limit = 600;
}

void scenario_draw(struct ensemble_options *options, struct options *base)
{
    size_t len = strlen(options->config_text);
    struct config_writer writer = {
        .text = options->config_text, .size = sizeof options->config_text, .len = len};
    struct random random;
    random_init(&random, options->seed ^ 0x73746f72796c);
    options->scenario = (int)scenario_of_seed(options->seed);
    switch ((enum scenario_kind)options->scenario) {
    case SCENARIO_ROLLOVER:
        options->counter_max = (int64_t)random_between(&random, 5, 60);
        config_writer_add(&writer, "samsa.zxid.counterMax=%lld\n", (long long)options->counter_max);
        break;
    case SCENARIO_HOLE:
        options->member_count = MEMBERS_OF_HOLE;
        options->observer_count = 0;
        options->hole_in_memory = random_once_in(&random, 2);
        config_writer_add(&writer,
                          "forceSnapshotSync=false\nsnapshotSizeFactor=0.2\n"
                          "commitLogCount=%d\nreadonlymode.enabled=false\n",
                          options->hole_in_memory ? 500 : 3);
        make_calm(options, base);
        break;
    case SCENARIO_NEVER_HAD:
        options->member_count = 3;
        options->observer_count = 0;
        config_writer_add(&writer, "forceSnapshotSync=false\ncommitLogCount=50\n");
        make_calm(options, base);
        break;
    case SCENARIO_CUT_FAILS:
    case SCENARIO_DEPOSED:
        make_calm(options, base);
        break;
    case SCENARIO_NONE:
    case SCENARIO_KINDS:
        break;
    }
}

static void on_look(void *ctx, uint64_t argument);

static void look_again(struct scenario *scenario, uint64_t after_ns)
{
    struct schedule *schedule = &scenario->ensemble->base.schedule;
    schedule_at(schedule, schedule->now_ns + after_ns, on_look, scenario, 0);
}

static void go_to(struct scenario *scenario, int step)
{
    scenario->step = step;
    scenario->step_since_ns = scenario->ensemble->base.schedule.now_ns;
    scenario->from_zxid = ghost_last_txn(scenario->ensemble);
}

static void let_all_go(struct scenario *scenario)
{
    if (scenario->leader != NULL) {
        cut_members(scenario, scenario->leader, false);
        scenario->leader->disk.faults = scenario->ensemble->base.options.disk;
    }
    if (scenario->cuts_clients) {
        cut_all_clients(scenario, false);
    }
    let_up(scenario->leader);
    let_up(scenario->hero);
    let_up(scenario->laggard);
    scenario->leader = NULL;
    scenario->hero = NULL;
    scenario->laggard = NULL;
}

static void on_look(void *ctx, uint64_t argument)
{
    struct scenario *scenario = ctx;
    struct ensemble_world *ensemble = scenario->ensemble;
    scenario_step *const *steps = stories[ensemble->options.scenario].steps;
    (void)argument;
    if (ensemble->is_healed) {
        let_all_go(scenario);
        return;
    }
    bool is_late = ensemble->base.schedule.now_ns - scenario->step_since_ns > STEP_MAX_NS;
    enum step_result result = is_late ? STEP_FAILED : steps[scenario->step](scenario);
    if (result == STEP_WAITS) {
        look_again(scenario, LOOK_NS);
        return;
    }
    bool is_over = result == STEP_DONE && steps[scenario->step + 1] == NULL;
    sim_trace("scenario %s: step %d %s", stories[ensemble->options.scenario].name, scenario->step,
              result == STEP_DONE ? "done" : "failed");
    if (result == STEP_FAILED || is_over) {
        if (is_over) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_STORY_TOLD);
        }
        let_all_go(scenario);
        go_to(scenario, 0);
        look_again(scenario, PAUSE_NS);
    } else {
        go_to(scenario, scenario->step + 1);
        look_again(scenario, LOOK_NS);
    }
}

void scenario_start(struct ensemble_world *ensemble)
{
    if (stories[ensemble->options.scenario].steps == NULL) {
        return;
    }
    struct scenario *scenario = heap_new(sizeof *scenario);
    scenario->ensemble = ensemble;
    ensemble->scenario = scenario;
    go_to(scenario, 0);
    look_again(scenario, PAUSE_NS);
}

void scenario_release(struct ensemble_world *ensemble)
{
    heap_free(ensemble->scenario);
    ensemble->scenario = NULL;
}
