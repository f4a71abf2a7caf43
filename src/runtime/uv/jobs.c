/* jobs.c - work that would block the loop: lanes of worker threads, and the one case in which the
 * loop does it itself.
 *
 * MODEL. A lane has a queue under a mutex and one or two threads, which start with its first job.
 * What is submitted during a turn is handed over at its end under one lock and with one wake-up. A
 * finished job goes to its lane's `done` list; the loop takes the whole list once a turn.
 *
 * THE HANDSHAKE. Waking a sleeping loop costs a system call and, on virtual machines, tens of
 * microseconds, so a worker does it only when the loop sleeps or is about to: the loop stores
 * `sleeping`, then reads `finished`; the worker stores `finished`, then reads `sleeping`. Both are
 * sequentially consistent, so at least one of them sees the other.
 *
 * IN PLACE. A hand-off to a thread and back costs 75 us here, fdatasync 125. When everybody who
 * spoke waits for the log (runtime_job.waits_for_quiet), the hand-off only adds latency and CPU
 * time: while the log is synced the loop would sleep. Such a job of LANE_LOG or LANE_FLUSH runs on
 * the loop when its lane is idle, no other waits so, and a poll after flushing the turn's output
 * finds nothing else to do. While polls do find something the job stays open, so that what arrives
 * joins it (group commit grows by itself), for QUIET_WAIT_NS at most; then a thread takes it. Jobs
 * that take longer than IN_PLACE_MOST_NS and kept somebody waiting bring the threads back: a disk
 * that stays slow must not hold up the loop. A slow one now and then, as every disk has them, is in
 * the allowance: it fills by 1 % of the time, up to IN_PLACE_ALLOWANCE_NS. So do runtime_options.
 * Where no thread can be started at all, jobs of every lane run in place too.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "runtime/uv/loop.h"

#define LANE_THREADS_MAX 2
#define QUIET_WAIT_NS (NS_PER_MS / 5)
#define IN_PLACE_MOST_NS (3 * NS_PER_MS)
#define IN_PLACE_PAUSE_FACTOR 100 /* a disk that stays slow holds up the loop 1 % of the time */
#define IN_PLACE_ALLOWANCE_NS (20 * NS_PER_MS)

struct lane {
    struct jobs *jobs;
    const char *thread_name;
    unsigned thread_max;

    /* The loop's own. */
    struct list submitted;
    size_t outstanding; /* submitted and not yet delivered */
    unsigned thread_count;
    pthread_t threads[LANE_THREADS_MAX];

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct list queue;
    struct list done;
    unsigned idle;
    bool stopping;
};

struct jobs {
    struct lane lanes[LANE_COUNT];
    struct runtime_poller poller;
    int event_fd;
    atomic_bool sleeping;
    atomic_bool finished;
    struct runtime_job *in_place; /* waiting for a poll that finds nothing */
    struct lane *in_place_lane;   /* the job's */
    uint64_t in_place_since_ns;
    uint64_t in_place_paid_ns; /* when slow jobs will have been 1 % of the time since they began */
};

static struct runtime_job *job_of(struct list *link)
{
    return CONTAINER_OF(link, struct runtime_job, link);
}

/* ---- the threads ----------------------------------------------------------------------------- */

static void wake_loop(struct jobs *jobs)
{
    atomic_store(&jobs->finished, true);
    if (atomic_exchange(&jobs->sleeping, false)) {
        uint64_t one = 1;
        ssize_t written = write(jobs->event_fd, &one, sizeof one);
        ASSERT(written == (ssize_t)sizeof one);
    }
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        struct list *link = list_pop(&lane->queue);
        if (link != NULL) {
            pthread_mutex_unlock(&lane->lock);
            struct runtime_job *job = job_of(link);
            job->work(job);
            pthread_mutex_lock(&lane->lock);
            list_append(&lane->done, link);
            pthread_mutex_unlock(&lane->lock);
            wake_loop(lane->jobs);
            pthread_mutex_lock(&lane->lock);
        } else if (lane->stopping) {
            break;
        } else {
            lane->idle += 1;
            pthread_cond_wait(&lane->wake, &lane->lock);
            lane->idle -= 1;
        }
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

/* Signals are the loop's business: the thread starts with all of them blocked. */
static void start_thread(struct lane *lane)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&lane->threads[lane->thread_count], NULL, lane_main, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pthread_setname_np(lane->threads[lane->thread_count], lane->thread_name);
        lane->thread_count += 1;
    } else {
        system_error(error);
        LOG("runtime", LOG_WARN, "cannot start a worker thread thread=%s error=%s",
            lane->thread_name, runtime_error_detail());
    }
}

/* ---- submitting ------------------------------------------------------------------------------ */

void runtime_submit(struct runtime *runtime, enum runtime_lane lane, struct runtime_job *job)
{
    ASSERT_ON_LOOP(runtime);
    ASSERT(lane < LANE_COUNT);
    struct lane *chosen = &runtime->jobs->lanes[lane];
    list_append(&chosen->submitted, &job->link);
    chosen->outstanding += 1;
    runtime->stats.jobs += 1;
}

static void job_begin(struct runtime_job *job)
{
    if (job->begin != NULL) {
        job->begin(job);
    }
}

static void run_in_place(struct lane *lane, struct runtime_job *job)
{
    job->work(job);
    pthread_mutex_lock(&lane->lock);
    list_append(&lane->done, &job->link);
    pthread_mutex_unlock(&lane->lock);
    atomic_store(&lane->jobs->finished, true);
}

static void hand_over(struct lane *lane)
{
    LIST_FOR_EACH(link, &lane->submitted)
    {
        job_begin(job_of(link));
    }
    pthread_mutex_lock(&lane->lock);
    bool nobody_waits = lane->idle == 0;
    pthread_mutex_unlock(&lane->lock);
    if (nobody_waits && lane->thread_count < lane->thread_max) {
        start_thread(lane);
    }
    if (lane->thread_count == 0) {
        struct list *link;
        while ((link = list_pop(&lane->submitted)) != NULL) {
            run_in_place(lane, job_of(link));
        }
        return;
    }
    pthread_mutex_lock(&lane->lock);
    bool several = lane->submitted.next->next != &lane->submitted;
    list_splice(&lane->submitted, &lane->queue);
    bool somebody_sleeps = lane->idle > 0;
    pthread_mutex_unlock(&lane->lock);
    /* Outside the lock: who wakes would only wait for it. */
    if (somebody_sleeps && several) {
        pthread_cond_broadcast(&lane->wake);
    } else if (somebody_sleeps) {
        pthread_cond_signal(&lane->wake);
    }
}

/* The rule of the essay, but for the poll that is still to come. */
static bool may_run_in_place(struct runtime *runtime, const struct lane *lane)
{
    struct jobs *jobs = runtime->jobs;
    return jobs->in_place == NULL && job_of(lane->submitted.next)->waits_for_quiet &&
           lane->outstanding == 1 && !runtime->log_jobs_on_threads &&
           runtime->now_ns + IN_PLACE_ALLOWANCE_NS * IN_PLACE_PAUSE_FACTOR > jobs->in_place_paid_ns;
}

void jobs_dispatch(struct runtime *runtime)
{
    struct jobs *jobs = runtime->jobs;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct lane *lane = &jobs->lanes[i];
        if (list_is_empty(&lane->submitted)) {
            continue;
        }
        if ((i == LANE_LOG || i == LANE_FLUSH) && may_run_in_place(runtime, lane)) {
            jobs->in_place = job_of(list_pop(&lane->submitted));
            jobs->in_place_lane = lane;
            jobs->in_place_since_ns = runtime->now_ns;
            continue;
        }
        hand_over(lane);
    }
}

void jobs_after_poll(struct runtime *runtime, int event_count)
{
    struct jobs *jobs = runtime->jobs;
    struct runtime_job *job = jobs->in_place;
    if (job == NULL) {
        return;
    }
    struct lane *lane = jobs->in_place_lane;
    if (event_count > 0 && clock_now_ns() - jobs->in_place_since_ns < QUIET_WAIT_NS) {
        return;
    }
    jobs->in_place = NULL;
    if (event_count > 0) {
        /* Before what was submitted since: the lane keeps the order. */
        list_append(lane->submitted.next, &job->link);
        hand_over(lane);
        return;
    }
    uint64_t start_ns = clock_now_ns();
    job_begin(job);
    run_in_place(lane, job);
    uint64_t end_ns = clock_now_ns();
    runtime->stats.jobs_inline += 1;
    if (end_ns - start_ns > IN_PLACE_MOST_NS && loop_poll_again(runtime)) {
        jobs->in_place_paid_ns = MAX(jobs->in_place_paid_ns, end_ns) +
                                 (end_ns - start_ns) * IN_PLACE_PAUSE_FACTOR;
    }
}

/* ---- completions ----------------------------------------------------------------------------- */

bool jobs_before_sleep(struct runtime *runtime)
{
    struct jobs *jobs = runtime->jobs;
    if (jobs->in_place != NULL) {
        return true;
    }
    for (size_t i = 0; i < LANE_COUNT; i++) {
        if (!list_is_empty(&jobs->lanes[i].submitted)) {
            return true;
        }
    }
    atomic_store(&jobs->sleeping, true);
    return atomic_load(&jobs->finished);
}

void jobs_awake(struct runtime *runtime)
{
    if (atomic_load_explicit(&runtime->jobs->sleeping, memory_order_relaxed)) {
        atomic_store(&runtime->jobs->sleeping, false);
    }
}

size_t jobs_deliver(struct runtime *runtime)
{
    struct jobs *jobs = runtime->jobs;
    if (!atomic_load_explicit(&jobs->finished, memory_order_relaxed)) {
        return 0;
    }
    atomic_store(&jobs->finished, false);
    size_t count = 0;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct lane *lane = &jobs->lanes[i];
        struct list done;
        list_init(&done);
        pthread_mutex_lock(&lane->lock);
        list_splice(&lane->done, &done);
        pthread_mutex_unlock(&lane->lock);
        struct list *link;
        while ((link = list_pop(&done)) != NULL) {
            struct runtime_job *job = job_of(link);
            lane->outstanding -= 1;
            count += 1;
            job->done(job);
        }
    }
    return count;
}

/* The descriptor is edge-triggered and never read: each write is an edge, and the turn delivers
 * what is done. */
static void on_job_event(struct runtime_poller *poller, uint32_t events)
{
    (void)poller;
    (void)events;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

int jobs_create(struct runtime *runtime)
{
    static const struct {
        const char *thread_name;
        unsigned thread_max;
    } kinds[LANE_COUNT] = {
        [LANE_LOG] = {"samsa-log", 1},
        [LANE_SNAPSHOT] = {"samsa-snapshot", 1},
        [LANE_FLUSH] = {"samsa-flush", 1},
        [LANE_CLEAN] = {"samsa-clean", 1},
        [LANE_ANY] = {"samsa-worker", LANE_THREADS_MAX},
    };
    struct jobs *jobs = mem_alloc_zeroed(sizeof *jobs);
    jobs->poller.on_ready = on_job_event;
    jobs->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (jobs->event_fd < 0) {
        int error = system_error_now();
        mem_free(jobs, sizeof *jobs);
        return error;
    }
    int error = loop_add(runtime, &jobs->poller, jobs->event_fd, EPOLLIN | EPOLLET);
    if (error != 0) {
        close(jobs->event_fd);
        mem_free(jobs, sizeof *jobs);
        return error;
    }
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct lane *lane = &jobs->lanes[i];
        lane->jobs = jobs;
        lane->thread_name = kinds[i].thread_name;
        lane->thread_max = kinds[i].thread_max;
        list_init(&lane->submitted);
        list_init(&lane->queue);
        list_init(&lane->done);
        pthread_mutex_init(&lane->lock, NULL);
        pthread_cond_init(&lane->wake, NULL);
    }
    runtime->jobs = jobs;
    return 0;
}

static bool has_outstanding(const struct jobs *jobs)
{
    for (size_t i = 0; i < LANE_COUNT; i++) {
        if (jobs->lanes[i].outstanding > 0) {
            return true;
        }
    }
    return false;
}

/* Runs everything to its end, what the `done` functions submit included, then joins the threads. */
static void finish_outstanding(struct runtime *runtime)
{
    struct jobs *jobs = runtime->jobs;
    while (has_outstanding(jobs)) {
        jobs_after_poll(runtime, 0);
        jobs_dispatch(runtime);
        if (jobs_deliver(runtime) == 0 && !jobs_before_sleep(runtime)) {
            struct epoll_event event;
            epoll_wait(runtime->epoll_fd, &event, 1, 10);
        }
        jobs_awake(runtime);
    }
}

void jobs_destroy(struct runtime *runtime)
{
    struct jobs *jobs = runtime->jobs;
    finish_outstanding(runtime);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct lane *lane = &jobs->lanes[i];
        pthread_mutex_lock(&lane->lock);
        lane->stopping = true;
        pthread_cond_broadcast(&lane->wake);
        pthread_mutex_unlock(&lane->lock);
        for (unsigned thread = 0; thread < lane->thread_count; thread++) {
            pthread_join(lane->threads[thread], NULL);
        }
        pthread_cond_destroy(&lane->wake);
        pthread_mutex_destroy(&lane->lock);
    }
    loop_remove(runtime, &jobs->poller, jobs->event_fd);
    close(jobs->event_fd);
    mem_free(jobs, sizeof *jobs);
    runtime->jobs = NULL;
}
