/* runtime_sim.c - see runtime_sim.h: clock, random, timers, hooks, jobs and the turn. */
#include "sim/runtime_sim.h"

#include "base/memory.h"
#include "sim/log_sim.h"

#define WALL_START_MS INT64_C(1790000000000) /* September 2026 */
#define SOON_NS (20 * NS_PER_US)

static void on_turn(void *ctx, uint64_t argument);
static uint64_t true_now_ns(const struct runtime *runtime);
static void on_job_event(void *ctx, uint64_t argument);

/* ---- birth and end --------------------------------------------------------------------------- */

struct runtime *sim_runtime_create(struct schedule *schedule,
                                   struct disk *disk,
                                   struct network *network,
                                   const struct random *seed,
                                   const struct runtime_profile *profile)
{
    struct runtime *runtime = heap_new(sizeof *runtime);
    runtime->schedule = schedule;
    runtime->disk = disk;
    runtime->network = network;
    runtime->profile = *profile;
    runtime->next_turn_ns = UINT64_MAX;
    random_split(seed, 0x70726f67, &runtime->random);
    random_split(seed, 0x77656174, &runtime->weather);
    struct list *heads[] = {
        &runtime->hooks,    &runtime->streams,  &runtime->closed,
        &runtime->dirty,    &runtime->accepts,  &runtime->listeners,
        &runtime->resolves, &runtime->finished, &runtime->passed,
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        list_init(heads[i]);
    }
    for (size_t i = 0; i < LANE_COUNT; i++) {
        list_init(&runtime->submitted[i]);
        list_init(&runtime->lanes[i].queue);
    }
    return runtime;
}

void sim_runtime_die(struct runtime *runtime, bool announces)
{
    if (!runtime->is_dead) {
        runtime->is_dead = true;
        streams_end(runtime, announces);
    }
}

void sim_runtime_end(struct runtime *runtime)
{
    sim_runtime_enter(runtime);
    sim_runtime_die(runtime, true);
    streams_finish_closed(runtime);
    resolves_deliver(runtime); /* nobody hears of them */
    sim_runtime_leave(runtime);
}

void sim_runtime_free(struct runtime *runtime)
{
    heap_free(runtime);
}

void sim_runtime_settle(struct runtime *runtime)
{
    runtime->busy_until_ns = true_now_ns(runtime);
    runtime->blocked_ns = 0;
}

void sim_runtime_pause(struct runtime *runtime)
{
    runtime->is_paused = true;
}

void sim_runtime_resume(struct runtime *runtime)
{
    runtime->is_paused = false;
    runtime_wake(runtime);
}

void sim_runtime_enter(struct runtime *runtime)
{
    if (runtime->memory_depth++ == 0) {
        sim_log_speaker(runtime->address.ip[3]);
        runtime->memory_before = mem_used();
    }
}

void sim_runtime_leave(struct runtime *runtime)
{
    if (--runtime->memory_depth == 0) {
        runtime->memory += mem_used() - runtime->memory_before;
    }
}

/* ---- clock and random ------------------------------------------------------------------------ */

/* The world's time, at which the code that runs now has arrived. */
static uint64_t true_now_ns(const struct runtime *runtime)
{
    return MAX(runtime->schedule->now_ns, runtime->busy_until_ns) + runtime->blocked_ns;
}

uint64_t runtime_now_ns(struct runtime *runtime)
{
    return machine_clock_shows(runtime->clock, true_now_ns(runtime));
}

int64_t runtime_wall_ms(struct runtime *runtime)
{
    int64_t offset_ms = runtime->wall_offset_ms == NULL ? 0 : *runtime->wall_offset_ms;
    return WALL_START_MS + (int64_t)(runtime_now_ns(runtime) / NS_PER_MS) + offset_ms;
}

void runtime_random(struct runtime *runtime, void *bytes, size_t len)
{
    uint8_t *next = bytes;
    while (len > 0) {
        uint64_t value = random_next(&runtime->random);
        size_t take = MIN(len, sizeof value);
        memcpy(next, &value, take);
        next += take;
        len -= take;
    }
}

/* ---- waking ---------------------------------------------------------------------------------- */

void runtime_wake_at(struct runtime *runtime, uint64_t time_ns)
{
    if (runtime->is_dead) {
        return;
    }
    uint64_t turn_ns = MAX(time_ns, runtime->schedule->now_ns);
    turn_ns = MAX(turn_ns, runtime->busy_until_ns);
    if (turn_ns < runtime->next_turn_ns) {
        runtime->next_turn_ns = turn_ns;
        schedule_at(runtime->schedule, turn_ns, on_turn, runtime, turn_ns);
    }
}

void runtime_wake(struct runtime *runtime)
{
    uint64_t delay_ns = random_spread(&runtime->weather, 1, runtime->profile.wake_max_ns);
    runtime_wake_at(runtime, runtime->schedule->now_ns + delay_ns);
}

/* ---- timers ---------------------------------------------------------------------------------- */

void runtime_timer_init(struct runtime_timer *timer,
                        struct runtime *runtime,
                        void (*on_fire)(struct runtime_timer *timer))
{
    *timer = (struct runtime_timer){.runtime = runtime, .on_fire = on_fire};
}

void runtime_timer_set(struct runtime_timer *timer, uint64_t deadline_ns)
{
    struct runtime *runtime = timer->runtime;
    if (!timer->armed) {
        ASSERT(runtime->timer_count < RUNTIME_TIMERS_MAX);
        timer->armed = true;
        timer->heap_index = runtime->timer_count++;
        runtime->timers[timer->heap_index] = timer;
    }
    ASSERT(runtime->timers[timer->heap_index] == timer);
    timer->deadline_ns = deadline_ns;
    runtime->timer_order[timer->heap_index] = runtime->timer_sequence++;
    runtime_wake_at(runtime, MAX(machine_clock_reaches(runtime->clock, deadline_ns),
                                 runtime->schedule->now_ns + SOON_NS));
}

void runtime_timer_stop(struct runtime_timer *timer)
{
    struct runtime *runtime = timer->runtime;
    if (!timer->armed) {
        return;
    }
    size_t last = --runtime->timer_count;
    runtime->timers[timer->heap_index] = runtime->timers[last];
    runtime->timer_order[timer->heap_index] = runtime->timer_order[last];
    runtime->timers[timer->heap_index]->heap_index = timer->heap_index;
    timer->armed = false;
}

/* The armed timer that comes first; NULL when there is none. */
static struct runtime_timer *first_timer(const struct runtime *runtime)
{
    size_t first = 0;
    for (size_t i = 1; i < runtime->timer_count; i++) {
        uint64_t deadline_ns = runtime->timers[i]->deadline_ns;
        uint64_t first_ns = runtime->timers[first]->deadline_ns;
        if (deadline_ns < first_ns ||
            (deadline_ns == first_ns && runtime->timer_order[i] < runtime->timer_order[first])) {
            first = i;
        }
    }
    return runtime->timer_count == 0 ? NULL : runtime->timers[first];
}

/* Those that this turn has armed wait for the next one. */
static void fire_timers(struct runtime *runtime, uint64_t until)
{
    uint64_t now_ns = machine_clock_shows(runtime->clock, runtime->schedule->now_ns);
    runtime->timers_late_ns = 0;
    for (;;) {
        struct runtime_timer *timer = first_timer(runtime);
        if (timer == NULL || timer->deadline_ns > now_ns ||
            runtime->timer_order[timer->heap_index] >= until) {
            return;
        }
        runtime_timer_stop(timer);
        runtime->timers_late_ns = MAX(runtime->timers_late_ns, now_ns - timer->deadline_ns);
        timer->on_fire(timer);
    }
}

/* ---- hooks ----------------------------------------------------------------------------------- */

void runtime_hook_add(struct runtime *runtime, struct runtime_hook *hook)
{
    list_append(&runtime->hooks, &hook->link);
}

void runtime_hook_remove(struct runtime_hook *hook)
{
    list_remove(&hook->link);
}

static void run_hooks(struct runtime *runtime)
{
    LIST_FOR_EACH_SAFE(link, after, &runtime->hooks)
    {
        struct runtime_hook *hook = CONTAINER_OF(link, struct runtime_hook, link);
        hook->run(hook);
    }
}

/* ---- jobs ------------------------------------------------------------------------------------ */

void runtime_submit(struct runtime *runtime, enum runtime_lane lane, struct runtime_job *job)
{
    ASSERT(lane < LANE_COUNT);
    list_append(&runtime->submitted[lane], &job->link);
    runtime_wake(runtime);
}

static uint64_t job_delay_ns(struct runtime *runtime)
{
    return random_spread(&runtime->weather, 1, runtime->profile.job_max_ns);
}

static void lane_start(struct runtime *runtime, enum runtime_lane lane, uint64_t after_ns)
{
    struct runtime_lane_state *state = &runtime->lanes[lane];
    if (state->running != NULL || list_is_empty(&state->queue)) {
        return;
    }
    state->running = CONTAINER_OF(list_pop(&state->queue), struct runtime_job, link);
    state->is_worked = false;
    schedule_at(runtime->schedule, after_ns + job_delay_ns(runtime), on_job_event, runtime, lane);
}

static void job_begin(struct runtime_job *job)
{
    if (job->begin != NULL) {
        job->begin(job);
    }
}

static void lane_work(struct runtime *runtime, enum runtime_lane lane)
{
    struct runtime_lane_state *state = &runtime->lanes[lane];
    uint64_t loop_blocked_ns = runtime->blocked_ns;
    sim_runtime_enter(runtime);
    runtime->blocked_ns = 0;
    runtime->jobs_started += 1;
    bool is_on_loop = state->waits_for_quiet;
    if (is_on_loop) {
        job_begin(state->running);
    }
    state->running->work(state->running);
    uint64_t took_ns = runtime->blocked_ns;
    runtime->blocked_ns = loop_blocked_ns;
    sim_runtime_leave(runtime);
    state->is_worked = true;
    state->waits_for_quiet = false;
    uint64_t done_ns = runtime->schedule->now_ns + took_ns;
    if (is_on_loop) {
        runtime->busy_until_ns = MAX(runtime->busy_until_ns, done_ns);
    }
    schedule_at(runtime->schedule, done_ns, on_job_event, runtime, lane);
}

static void lane_finish(struct runtime *runtime, enum runtime_lane lane)
{
    struct runtime_lane_state *state = &runtime->lanes[lane];
    list_append(&runtime->finished, &state->running->link);
    state->running = NULL;
    runtime_wake(runtime);
    lane_start(runtime, lane, runtime->schedule->now_ns);
}

/* argument: the lane. The thread of a paused process does not run either. */
static void on_job_event(void *ctx, uint64_t argument)
{
    struct runtime *runtime = ctx;
    enum runtime_lane lane = (enum runtime_lane)argument;
    if (runtime->is_dead) {
        return;
    }
    if (runtime->is_paused) {
        uint64_t later_ns = runtime->schedule->now_ns + 10 * NS_PER_MS;
        schedule_at(runtime->schedule, later_ns, on_job_event, runtime, argument);
    } else if (runtime->lanes[lane].is_worked) {
        lane_finish(runtime, lane);
    } else {
        lane_work(runtime, lane);
    }
}

/* A job that waits for quiet is kept back, and its work blocks the loop; or it goes to a thread
 * like the others, as it would when something else is due. */
static bool keeps_back(struct runtime *runtime,
                       const struct runtime_lane_state *state,
                       const struct runtime_job *job)
{
    return job->waits_for_quiet && state->running == NULL && list_is_empty(&state->queue) &&
           random_once_in(&runtime->weather, 2);
}

static void dispatch_jobs(struct runtime *runtime)
{
    for (size_t lane = 0; lane < LANE_COUNT; lane++) {
        struct runtime_lane_state *state = &runtime->lanes[lane];
        struct list *link;
        while ((link = list_pop(&runtime->submitted[lane])) != NULL) {
            struct runtime_job *job = CONTAINER_OF(link, struct runtime_job, link);
            if (keeps_back(runtime, state, job)) {
                state->waits_for_quiet = true;
            } else {
                job_begin(job);
            }
            list_append(&state->queue, link);
        }
        lane_start(runtime, (enum runtime_lane)lane, true_now_ns(runtime));
    }
}

static void deliver_finished(struct runtime *runtime)
{
    struct list *link;
    while ((link = list_pop(&runtime->finished)) != NULL) {
        struct runtime_job *job = CONTAINER_OF(link, struct runtime_job, link);
        job->done(job);
    }
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void turn(struct runtime *runtime)
{
    uint64_t first_of_turn = runtime->timer_sequence;
    runtime->turns += 1;
    runtime->blocked_ns = 0;
    streams_finish_closed(runtime);
    streams_check(runtime);
    resolves_deliver(runtime);
    streams_accept(runtime);
    streams_read(runtime);
    fire_timers(runtime, first_of_turn); /* behind the bytes, as in the real loop */
    deliver_finished(runtime);
    run_hooks(runtime);
    dispatch_jobs(runtime);
    streams_flush(runtime);
    sim_runtime_settle(runtime);
}

static void on_turn(void *ctx, uint64_t argument)
{
    struct runtime *runtime = ctx;
    if (runtime->is_dead || argument != runtime->next_turn_ns) {
        return; /* an earlier turn took its place */
    }
    runtime->next_turn_ns = UINT64_MAX;
    if (runtime->is_paused) {
        return;
    }
    if (runtime->schedule->now_ns < runtime->busy_until_ns) {
        runtime_wake_at(runtime, runtime->busy_until_ns);
        return;
    }
    sim_runtime_enter(runtime);
    turn(runtime);
    sim_runtime_leave(runtime);
    const struct runtime_timer *timer = first_timer(runtime);
    if (timer != NULL) {
        runtime_wake_at(runtime, MAX(machine_clock_reaches(runtime->clock, timer->deadline_ns),
                                     runtime->schedule->now_ns + SOON_NS));
    }
    if (!list_is_empty(&runtime->closed) || !list_is_empty(&runtime->dirty)) {
        runtime_wake(runtime);
    }
}
