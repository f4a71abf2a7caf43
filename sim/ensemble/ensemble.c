/* ensemble.c - the two phases of a run. See ensemble.h. */
#include <inttypes.h>
#include <stdio.h>

#include "sim/check.h"
#include "sim/ensemble/onlookers.h"
#include "sim/ensemble/reconfigurer.h"
#include "sim/ensemble/scenarios.h"
#include "sim/log_sim.h"

#define PATIENCE_NS (180 * NS_PER_S)
#define PROGRESS_REQUESTS 5u
#define START_SPREAD_NS (2 * NS_PER_S)
#define VOID_WRITES 10u

/* ---- where clients go ------------------------------------------------------------------------ */

static struct tcp_address choose_server(void *ctx, struct client *client)
{
    struct ensemble_world *ensemble = ctx;
    uint64_t count = (uint64_t)ensemble->options.member_count;
    int last = ensemble->last_server[client->index];
    uint64_t at = random_below(&client->random, count);
    if (last >= 0 && random_once_in(&client->random, 3)) {
        at = (uint64_t)last; /* back to where it was */
    }
    ensemble->last_server[client->index] = (int)at;
    struct tcp_address address = ensemble->members[at].address;
    address.port = CLIENT_PORT;
    return address;
}

static void client_opened(void *ctx, struct client *client)
{
    struct ensemble_world *ensemble = ctx;
    int64_t epoch = ensemble->ghost.newest_epoch;
    int64_t *last_epoch = &ensemble->last_epoch[client->index];
    int at = ensemble->last_server[client->index];
    /* server_generation is 0 for a session that is new */
    int before = (int)client->server_generation - 1;
    if (before >= 0 && before != at) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_SESSION_MOVED);
    }
    if (before >= 0 && *last_epoch != epoch) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_SESSION_OUTLIVED);
    }
    *last_epoch = epoch;
    client->server_generation = (uint64_t)at + 1;
    sessions_opened(ensemble, client, at);
}

static void client_refused(void *ctx, struct client *client)
{
    sessions_refused(ctx, client);
}

/* "zk3" is wherever member 3 is now. */
static bool resolve_name(void *ctx, struct slice host, struct tcp_address *address)
{
    struct ensemble_world *ensemble = ctx;
    int id = host.len == 3 && slice_starts_with(host, SLICE_LIT("zk")) ? host.ptr[2] - '0' : 0;
    if (id < 1 || id > ensemble->options.member_count) {
        return false;
    }
    *address = ensemble->members[id - 1].address;
    return true;
}

/* ---- birth and end --------------------------------------------------------------------------- */

void ensemble_world_init(struct ensemble_world *ensemble,
                         uint64_t seed,
                         int member_count,
                         struct ensemble_campaign *campaign)
{
    struct options base;
    struct random random;
    *ensemble = (struct ensemble_world){.campaign = campaign, .rolling = -1};
    ensemble_options_draw(&ensemble->options, &base, seed, member_count);
    world_init(&ensemble->base, &base, &campaign->base);
    ensemble->base.clock_went_back = true; /* clocks differ: ids of sessions may repeat */
    ensemble->base.many = (struct many_servers){
        .choose = choose_server,
        .opened = client_opened,
        .refused = client_refused,
        .ctx = ensemble,
        .has_strong_sync = true,
    };
    ensemble->base.network.has_hosts = true;
    ensemble->base.network.resolve = resolve_name;
    ensemble->base.network.resolve_ctx = ensemble;
    random_init(&random, seed ^ 0x6661756c7473);
    random_split(&random, 1, &ensemble->nemesis);
    if (!ensemble->options.has_reconfig && !ensemble->options.has_groups) {
        membership_draw(&ensemble->options, &base, 0); /* a scenario may have changed how many */
    }
    ghost_init(&ensemble->ghost, &ensemble->options.first);
    reconfigurer_init(ensemble);
    taps_init(ensemble);
    sessions_init(ensemble);
    votes_init(ensemble);
    for (int i = 0; i < ensemble->options.member_count; i++) {
        member_init(&ensemble->members[i], ensemble, i + 1);
    }
    clocks_init(ensemble);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        ensemble->last_server[i] = -1;
    }
}

void ensemble_world_release(struct ensemble_world *ensemble)
{
    for (int i = 0; i < ensemble->options.member_count; i++) {
        member_release(&ensemble->members[i]);
    }
    ghost_release(&ensemble->ghost);
    taps_release(ensemble);
    sessions_release(ensemble);
    votes_release(ensemble);
    scenario_release(ensemble);
    zk_config_release(&ensemble->base.options.config);
    world_release(&ensemble->base);
}

struct member *ensemble_world_leader(struct ensemble_world *ensemble)
{
    struct member *leader = NULL;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        const struct member_view *view = &member->view;
        if (member->state == MEMBER_UP && view->is_leader &&
            (leader == NULL || view->epoch > leader->view.epoch)) {
            leader = member;
        }
    }
    return leader;
}

/* ---- running --------------------------------------------------------------------------------- */

static void look_at_all(struct ensemble_world *ensemble)
{
    bool is_any_up = false;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        is_any_up = is_any_up || member->state == MEMBER_UP;
        if (member->state != MEMBER_UP || member->runtime->turns == member->checked_turn) {
            continue;
        }
        member->checked_turn = member->runtime->turns;
        ghost_look(member);
        if (member->checked_turn % ensemble->options.check_every == 0) {
            member_check(member);
        }
    }
    if (!is_any_up) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_ALL_DOWN);
    }
}

static bool run_until(struct ensemble_world *ensemble,
                      bool (*until)(struct ensemble_world *ensemble),
                      uint64_t deadline_ns)
{
    while (!world_is_over(&ensemble->base)) {
        if (until(ensemble)) {
            return true;
        }
        if (!schedule_step(&ensemble->base.schedule, deadline_ns)) {
            return false;
        }
        look_at_all(ensemble);
    }
    return false;
}

static void demand(struct ensemble_world *ensemble,
                   bool (*until)(struct ensemble_world *ensemble),
                   const char *what)
{
    struct world *base = &ensemble->base;
    uint64_t patience_ns = PATIENCE_NS + 4 * ensemble->options.init_ns +
                           (uint64_t)base->options.config.max_session_timeout_ms * 3 * NS_PER_MS;
    uint64_t from_ns = base->schedule.now_ns;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        const struct runtime *runtime = ensemble->members[i].runtime;
        /* A start on a slow disk may still keep a server from running. */
        from_ns = runtime == NULL ? from_ns : MAX(from_ns, runtime->busy_until_ns);
    }
    if (!world_is_over(base) && !run_until(ensemble, until, from_ns + patience_ns) &&
        !world_is_over(base)) {
        world_fail(base, VERDICT_STUCK, "after everything was healed, %.0f s passed and %s (%s)",
                   (double)patience_ns / 1e9, what, ensemble->waiting_for);
    }
}

static bool enough_was_done(struct ensemble_world *ensemble)
{
    return ensemble->base.history.answered >= ensemble->base.options.request_limit;
}

static bool is_member(const struct member *member)
{
    return membership_has(memberships_last(&member->ensemble->ghost.memberships), member->id);
}

/* Z-LIVE1, Z-LIVE2: one leader, and all of G everywhere. */
static bool all_serve(struct ensemble_world *ensemble)
{
    int leaders = 0;
    reconfigurer_mend(ensemble);
    for (int i = 0; i < ensemble->options.member_count; i++) {
        const struct member *member = &ensemble->members[i];
        ensemble->waiting_for = member->is_observer ? "an observer" : "a voter";
        if (is_member(member) && (member->state != MEMBER_UP || !member->view.is_serving)) {
            return false;
        }
        leaders += member->state == MEMBER_UP && member->view.is_leader;
    }
    ensemble->waiting_for = leaders == 0 ? "a leader" : "the end of a second leader";
    return leaders == 1;
}

static bool all_are_even(struct ensemble_world *ensemble)
{
    if (!all_serve(ensemble)) {
        return false;
    }
    for (int i = 0; i < ensemble->options.member_count; i++) {
        ensemble->waiting_for = "the end of the log everywhere";
        const struct member *member = &ensemble->members[i];
        if (is_member(member) && member->view.zxid < ghost_last_txn(ensemble)) {
            return false;
        }
    }
    return true;
}

static bool all_progressed(struct ensemble_world *ensemble)
{
    const struct world *base = &ensemble->base;
    ensemble->waiting_for = "a client";
    for (int i = 0; i < base->options.client_count; i++) {
        const struct client *client = &base->clients[i];
        if (client->answered < client->answered_before + PROGRESS_REQUESTS) {
            return false;
        }
    }
    return true;
}

static bool all_idle(struct ensemble_world *ensemble)
{
    const struct world *base = &ensemble->base;
    ensemble->waiting_for = "a client";
    for (int i = 0; i < base->options.client_count; i++) {
        const struct client *client = &base->clients[i];
        bool is_gone = client->session == NULL && client->state == CLIENT_AWAY;
        if (!is_gone && !client_is_idle(client)) {
            return false;
        }
    }
    return true;
}

static bool sessions_settled(struct ensemble_world *ensemble)
{
    size_t live = sessions_live(ensemble);
    if (!all_idle(ensemble) || !all_are_even(ensemble)) {
        return false;
    }
    ensemble->waiting_for = "the end of a session";
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct member *member = &ensemble->members[i];
        if (is_member(member) && member_session_count(member) != live) {
            return false;
        }
    }
    return true;
}

/* ---- the end of a run ------------------------------------------------------------------------ */

static void wind_down(struct ensemble_world *ensemble)
{
    for (int i = 0; i < ensemble->base.options.client_count; i++) {
        client_wind_down(&ensemble->base.clients[i]);
    }
    demand(ensemble, all_idle, "a request was still without an answer");
    if (!world_is_over(&ensemble->base)) {
        world_last_looks(&ensemble->base);
    }
    demand(ensemble, all_idle, "a last request was still without an answer");
    demand(ensemble, sessions_settled, "a session that nobody keeps had not expired");
}

/* Z-INV12: all trees are the same, node by node; the last one is compared with the model's, too. */
static void compare_trees(struct ensemble_world *ensemble)
{
    struct history *history = &ensemble->base.history;
    struct recovery_record first = {0};
    for (int i = 0; i < ensemble->options.member_count; i++) {
        struct recovery_record record = {
            .zxid = ensemble->members[i].view.zxid,
            .order = history->order,
            .ns = ensemble->base.schedule.now_ns,
        };
        if (!is_member(&ensemble->members[i])) {
            continue;
        }
        member_fingerprint(&ensemble->members[i], &record);
        if (first.nodes == 0) {
            first = record;
        } else if (record.fingerprint != first.fingerprint || record.nodes != first.nodes) {
            ensemble_world_fail(ensemble,
                                "Z-INV12: at 0x%" PRIx64 " member %d has %" PRIu64
                                " nodes in another state than another member with %" PRIu64,
                                record.zxid, i + 1, record.nodes, first.nodes);
        }
    }
    heap_grow((void **)&history->recoveries, &history->recovery_cap, history->recovery_count,
              sizeof *history->recoveries);
    history->recoveries[history->recovery_count++] = first;
}

static void stop_all(struct ensemble_world *ensemble)
{
    for (int i = 0; i < ensemble->options.member_count; i++) {
        ensemble->members[i].down_ns = 0;
        member_stop(&ensemble->members[i]);
    }
}

/* All in order down, up, compared once more. */
static void restart(struct ensemble_world *ensemble)
{
    if (!world_is_over(&ensemble->base)) {
        stop_all(ensemble);
    }
    demand(ensemble, all_are_even, "the members had not come back");
    if (!world_is_over(&ensemble->base)) {
        compare_trees(ensemble);
    }
}

static void take_marks(struct ensemble_world *ensemble)
{
    static const struct {
        enum mark base;
        enum ensemble_mark mark;
    } same[] = {
        {MARK_SESSION_EXPIRED, ENSEMBLE_MARK_SESSION_EXPIRED},
        {MARK_OUTCOME_UNKNOWN, ENSEMBLE_MARK_OUTCOME_UNKNOWN},
        {MARK_OUTCOME_NOTHING, ENSEMBLE_MARK_OUTCOME_NOTHING},
        {MARK_EVENT_MISSED, ENSEMBLE_MARK_EVENT_MISSED},
        {MARK_MULTI_DONE, ENSEMBLE_MARK_MULTI_DONE},
        {MARK_BAD_VERSION, ENSEMBLE_MARK_BAD_VERSION},
        {MARK_EPHEMERAL_EXPIRED, ENSEMBLE_MARK_EPHEMERAL_EXPIRED},
        {MARK_TTL_REMOVED, ENSEMBLE_MARK_TTL_REMOVED},
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        ensemble->campaign->marks[same[i].mark] += ensemble->base.marks->in_run[same[i].base];
    }
}

static void count_run(struct ensemble_world *ensemble)
{
    struct ensemble_campaign *campaign = ensemble->campaign;
    const struct history *history = &ensemble->base.history;
    campaign->runs += 1;
    campaign->events += ensemble->base.schedule.fired;
    campaign->virtual_ns += ensemble->base.schedule.now_ns;
    campaign->answered += history->answered;
    campaign->committed += history->log_count;
    campaign->weak_syncs += ensemble->base.many.weak_syncs;
    campaign->void_runs += history->answered_writes < VOID_WRITES;
    campaign->marks[ENSEMBLE_MARK_READ_BEHIND] += ensemble->base.many.reads_behind > 0;
    campaign->marks[ENSEMBLE_MARK_TOO_LATE] += ensemble->base.many.too_late > 0;
    campaign->marks[ENSEMBLE_MARK_USED_AGAIN] += ensemble->base.many.used_again > 0;
    campaign->marks[ENSEMBLE_MARK_LOCAL_REFUSED] += ensemble->base.many.refused_ephemerals > 0;
    campaign->marks[ENSEMBLE_MARK_CLOCKS_APART] += clocks_are_apart(ensemble);
    take_marks(ensemble);
}

static void on_first_start(void *ctx, uint64_t argument)
{
    (void)argument;
    member_start(ctx);
}

static void start_all(struct ensemble_world *ensemble)
{
    struct schedule *schedule = &ensemble->base.schedule;
    for (int i = 0; i < ensemble->options.member_count; i++) {
        uint64_t after_ns = random_spread(&ensemble->nemesis, NS_PER_MS, START_SPREAD_NS);
        if (!ensemble->members[i].is_out) {
            schedule_at(schedule, schedule->now_ns + after_ns, on_first_start,
                        &ensemble->members[i], 0);
        }
    }
    for (int i = 0; i < ensemble->base.options.client_count; i++) {
        client_start(&ensemble->base.clients[i]);
    }
}

enum verdict ensemble_world_run(struct ensemble_world *ensemble)
{
    struct world *base = &ensemble->base;
    marks_begin_run(base->marks);
    start_all(ensemble);
    faults_start(ensemble);
    scenario_start(ensemble);
    (void)run_until(ensemble, enough_was_done,
                    base->schedule.now_ns + base->options.fault_phase_ns);
    sim_trace("healed");
    faults_heal(ensemble);
    for (int i = 0; i < base->options.client_count; i++) {
        base->clients[i].answered_before = base->clients[i].answered;
    }
    demand(ensemble, all_serve, "the ensemble did not serve");
    demand(ensemble, all_progressed, "a client was still without answers");
    wind_down(ensemble);
    if (!world_is_over(base)) {
        compare_trees(ensemble);
    }
    restart(ensemble);
    if (!world_is_over(base)) {
        check_run(base);
    }
    count_run(ensemble);
    return base->verdict;
}
