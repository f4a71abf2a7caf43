/* loop.c - the real runtime's turn: wait, deliver, hooks, flush.
 *
 * MODEL. One thread sleeps in one place, epoll_wait on the runtime's own set. A stream is entered
 * there once in its life, edge-triggered for reading and writing, so back-pressure (tcp_read_pause,
 * output that the kernel does not take) costs flags and no system call. A descriptor that is one of
 * few (listeners, watches) is level-triggered. libuv is embedded: its backend descriptor is one
 * more member of our set, and it does what is rare and intricate, signals and name look-ups; its
 * loop turns only when it has news.
 *
 * A TURN, in the order of runtime_turn():
 *   wait         until an event, a timer or a finished job; not at all while work is left over
 *   closed       on_close of the streams closed in earlier turns; then their memory goes
 *   timers       those that are due
 *   ready        streams with more in the kernel than one read took
 *   events       accepts, reads (one buffer for all streams, one read a stream), drained outputs
 *   completions  of jobs, in bulk: those too that arrived while the turn ran
 *   hooks        at turn end; they usually append the replies and submit the group commit
 *   jobs         go to the threads before the replies go out, so that the disk starts first
 *   flush        one send for each stream that was written to
 *
 * A request that needs no disk is thus answered with two system calls of its own, recv and send.
 *
 * WHY NOT uv_tcp_t or uv_poll_t. Measured with an echo of 100-byte messages on 2 cores, server CPU
 * per message, median of three runs, of which single runs differ by 10 %:
 *
 *   connections x in flight     uv_tcp_t    uv_poll_t   own set
 *   1 x 256                     0.032 us    0.032       0.033
 *   64 x 1                      4.5         4.4         4.4
 *   1000 x 1                    5.8         5.3         5.2
 *
 * The kernel's TCP is nearly all of it. What decides is the rest: uv_poll_t makes five system calls
 * more in the life of a connection (counted with strace) and two for each change of interest, and
 * brings its own closing phase; uv_tcp_t owns the write queue, where a later sendfile could not
 * stand in line. The own set is the shortest code of the three, and hides nothing.
 *
 * FAIRNESS. A stream gets one read a turn, an accept loop at most 256 connections, so a fast sender
 * delays others by one buffer's work. A timer that re-arms itself into the past fires in the next
 * turn.
 *
 * WHAT GOES WRONG. No descriptor is left: see tcp_listen.c. A descriptor closed while its event
 * waits in the batch in hand: loop_remove takes the event out, and streams are freed only at the
 * start of a later turn. A thread finishes a job while the loop goes to sleep: jobs.c's handshake.
 * epoll_wait fails otherwise than by EINTR: a bug, we die.
 */
#include "runtime/uv/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

#define SPIN_GAP_WEIGHT 8 /* the newest gap counts for 1/8 of the smoothed one */

static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP};

/* ---- clock and random ------------------------------------------------------------------------ */

uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t runtime_now_ns(struct runtime *runtime)
{
    (void)runtime;
    return clock_now_ns();
}

int64_t runtime_wall_ms(struct runtime *runtime)
{
    (void)runtime;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void runtime_random(struct runtime *runtime, void *bytes, size_t len)
{
    (void)runtime;
    uint8_t *next = bytes;
    while (len > 0) {
        ssize_t got = getrandom(next, len, 0);
        if (got < 0) {
            /* Only a signal can interrupt it; a kernel without getrandom cannot run this program.
             */
            ASSERT(errno == EINTR);
            continue;
        }
        next += got;
        len -= (size_t)got;
    }
}

/* ---- the epoll set --------------------------------------------------------------------------- */

static int loop_control(struct runtime *runtime,
                        int operation,
                        struct runtime_poller *poller,
                        int fd,
                        uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = poller};
    return epoll_ctl(runtime->epoll_fd, operation, fd, &event) == 0 ? 0 : system_error_now();
}

int loop_add(struct runtime *runtime, struct runtime_poller *poller, int fd, uint32_t events)
{
    return loop_control(runtime, EPOLL_CTL_ADD, poller, fd, events);
}

int loop_change(struct runtime *runtime, struct runtime_poller *poller, int fd, uint32_t events)
{
    return loop_control(runtime, EPOLL_CTL_MOD, poller, fd, events);
}

void loop_remove(struct runtime *runtime, struct runtime_poller *poller, int fd)
{
    /* Closing fd would do, but not while a child between fork and exec still has it open. */
    int error = loop_control(runtime, EPOLL_CTL_DEL, poller, fd, 0);
    ASSERT(error == 0);
    for (int i = runtime->event_next; i < runtime->event_count; i++) {
        if (runtime->events[i].data.ptr == poller) {
            runtime->events[i].data.ptr = NULL;
        }
    }
}

/* ---- libuv ----------------------------------------------------------------------------------- */

static void turn_libuv(struct runtime *runtime)
{
    runtime->uv_touched = false;
    uv_run(&runtime->uv, UV_RUN_NOWAIT);
}

static void on_libuv_ready(struct runtime_poller *poller, uint32_t events)
{
    (void)events;
    turn_libuv(CONTAINER_OF(poller, struct runtime, uv_poller));
}

static void on_uv_signal(uv_signal_t *handle, int signal_number)
{
    struct runtime *runtime = handle->data;
    runtime->on_signal(runtime->signal_ctx, signal_number);
}

int runtime_on_signals(struct runtime *runtime,
                       void (*on_signal)(void *ctx, int signal_number),
                       void *ctx)
{
    ASSERT_ON_LOOP(runtime);
    ASSERT(runtime->signal_count == 0);
    runtime->on_signal = on_signal;
    runtime->signal_ctx = ctx;
    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        uv_signal_t *handle = &runtime->signals[i];
        if (uv_signal_init(&runtime->uv, handle) != 0) {
            return ERR_IO;
        }
        runtime->signal_count += 1;
        handle->data = runtime;
        int error = uv_signal_start(handle, on_uv_signal, handled_signals[i]);
        if (error != 0) {
            return system_error(-error);
        }
    }
    runtime->uv_touched = true;
    return 0;
}

static void close_libuv(struct runtime *runtime)
{
    for (size_t i = 0; i < runtime->signal_count; i++) {
        uv_close((uv_handle_t *)&runtime->signals[i], NULL);
    }
    uv_run(&runtime->uv, UV_RUN_DEFAULT);
    int error = uv_loop_close(&runtime->uv);
    ASSERT(error == 0);
}

/* ---- watches and hooks ----------------------------------------------------------------------- */

static void on_watch_ready(struct runtime_poller *poller, uint32_t events)
{
    (void)events;
    struct runtime_watch *watch = CONTAINER_OF(poller, struct runtime_watch, poller);
    watch->on_readable(watch);
}

int runtime_watch_fd(struct runtime *runtime,
                     struct runtime_watch *watch,
                     int fd,
                     void (*on_readable)(struct runtime_watch *watch))
{
    ASSERT_ON_LOOP(runtime);
    *watch = (struct runtime_watch){
        .poller.on_ready = on_watch_ready,
        .runtime = runtime,
        .fd = fd,
        .on_readable = on_readable,
    };
    return loop_add(runtime, &watch->poller, fd, EPOLLIN);
}

void runtime_unwatch_fd(struct runtime_watch *watch)
{
    ASSERT_ON_LOOP(watch->runtime);
    loop_remove(watch->runtime, &watch->poller, watch->fd);
}

void runtime_hook_add(struct runtime *runtime, struct runtime_hook *hook)
{
    ASSERT_ON_LOOP(runtime);
    list_append(&runtime->hooks, &hook->link);
}

void runtime_hook_remove(struct runtime_hook *hook)
{
    list_remove(&hook->link);
}

/* A cursor stands in the list behind the hook that runs, so any hook may be removed meanwhile. */
static void run_hooks(struct runtime *runtime)
{
    struct list cursor;
    list_append(runtime->hooks.next, &cursor);
    while (cursor.next != &runtime->hooks) {
        struct list *link = cursor.next;
        list_remove(&cursor);
        list_append(link->next, &cursor);
        struct runtime_hook *hook = CONTAINER_OF(link, struct runtime_hook, link);
        hook->run(hook);
    }
    list_remove(&cursor);
}

/* ---- the turn -------------------------------------------------------------------------------- */

static int poll_once(struct runtime *runtime, int timeout_ms)
{
    int count = epoll_wait(runtime->epoll_fd, runtime->events, LOOP_EVENTS_MAX, timeout_ms);
    if (count < 0) {
        ASSERT(errno == EINTR);
        return 0;
    }
    return count;
}

bool loop_poll_again(struct runtime *runtime)
{
    if (runtime->event_next == runtime->event_count) {
        runtime->event_count = poll_once(runtime, 0);
        runtime->event_next = 0;
    }
    return runtime->event_count > 0;
}

/* Polls without sleeping while requests come closer together than spin_ns: a sleep and a wake-up
 * cost each side tens of microseconds. Returns the events found, 0 when it gave up. */
static int spin(struct runtime *runtime, int timeout_ms)
{
    if (timeout_ms == 0 || runtime->gap_ns >= runtime->spin_ns) {
        return 0;
    }
    uint64_t start_ns = clock_now_ns();
    uint64_t most_ns = timeout_ms < 0 ? runtime->spin_ns
                                      : MIN(runtime->spin_ns, (uint64_t)timeout_ms * NS_PER_MS);
    do {
        runtime->stats.spins += 1;
        int count = poll_once(runtime, 0);
        if (count > 0) {
            return count;
        }
    } while (clock_now_ns() - start_ns < most_ns);
    return 0;
}

static bool has_work_left(const struct runtime *runtime)
{
    return !list_is_empty(&runtime->ready) || !list_is_empty(&runtime->closed) ||
           !list_is_empty(&runtime->dirty) || !list_is_empty(&runtime->resolves);
}

static void wait_for_events(struct runtime *runtime, int timeout_ms)
{
    if (runtime->uv_touched) {
        turn_libuv(runtime);
    }
    if (runtime->stopping || has_work_left(runtime)) {
        timeout_ms = 0;
    }
    if (timeout_ms != 0) {
        timeout_ms = timers_wait_ms(&runtime->timers, clock_now_ns(), timeout_ms);
    }
    /* Asked last: from here to jobs_awake a thread that finishes a job pays for waking us. */
    if (timeout_ms != 0 && jobs_before_sleep(runtime)) {
        timeout_ms = 0;
    }
    int count = runtime->spin_ns > 0 ? spin(runtime, timeout_ms) : 0;
    if (count == 0) {
        count = poll_once(runtime, timeout_ms);
    }
    runtime->event_count = count;
    runtime->event_next = 0;
    runtime->now_ns = clock_now_ns();
    jobs_awake(runtime);
    if (count > 0 && runtime->spin_ns > 0) {
        /* Long pauses count as a few spins only, so that the return of traffic is noticed soon. */
        uint64_t gap_ns = MIN(runtime->now_ns - runtime->woke_ns, runtime->spin_ns * 4);
        runtime->gap_ns += gap_ns / SPIN_GAP_WEIGHT - runtime->gap_ns / SPIN_GAP_WEIGHT;
        runtime->woke_ns = runtime->now_ns;
    }
}

/* Timers come after the bytes: when the loop was held up (a slow sync, a stopped process), what
 * peers said meanwhile is heard before anybody's time is found to be over. Then a full batch says
 * that there may be more to hear first. */
static bool has_heard_all(struct runtime *runtime)
{
    bool may_be_more = runtime->event_count == LOOP_EVENTS_MAX &&
                       runtime->full_polls < LOOP_FULL_POLLS_MAX;
    if (may_be_more && timers_late_ns(&runtime->timers, runtime->now_ns) > LOOP_HELD_UP_NS) {
        runtime->full_polls += 1;
        return false;
    }
    runtime->full_polls = 0;
    return true;
}

void runtime_turn(struct runtime *runtime, int timeout_ms)
{
    ASSERT_ON_LOOP(runtime);
    wait_for_events(runtime, timeout_ms);
    runtime->stats.turns += 1;
    tcp_finish_closed(runtime);
    resolve_deliver(runtime);
    jobs_after_poll(runtime, runtime->event_count);
    tcp_read_ready(runtime);
    while (runtime->event_next < runtime->event_count) {
        const struct epoll_event *event = &runtime->events[runtime->event_next++];
        struct runtime_poller *poller = event->data.ptr;
        if (poller != NULL) {
            poller->on_ready(poller, event->events);
        }
    }
    if (has_heard_all(runtime)) {
        timers_fire(&runtime->timers, runtime->now_ns);
    }
    jobs_deliver(runtime);
    run_hooks(runtime);
    jobs_dispatch(runtime);
    tcp_flush_dirty(runtime);
}

void runtime_run(struct runtime *runtime)
{
    while (!runtime->stopping) {
        runtime_turn(runtime, -1);
    }
    runtime->stopping = false;
}

void runtime_stop(struct runtime *runtime)
{
    ASSERT_ON_LOOP(runtime);
    runtime->stopping = true;
}

const struct runtime_stats *runtime_stats(const struct runtime *runtime)
{
    return &runtime->stats;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static int open_descriptors(struct runtime *runtime)
{
    runtime->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (runtime->epoll_fd < 0) {
        return system_error_now();
    }
    runtime->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (runtime->reserve_fd < 0) {
        int error = system_error_now();
        close(runtime->epoll_fd);
        return error;
    }
    int uv_error = uv_loop_init(&runtime->uv);
    if (uv_error != 0) {
        close(runtime->reserve_fd);
        close(runtime->epoll_fd);
        return system_error(-uv_error);
    }
    runtime->uv_poller.on_ready = on_libuv_ready;
    int error = loop_add(runtime, &runtime->uv_poller, uv_backend_fd(&runtime->uv), EPOLLIN);
    if (error == 0) {
        error = jobs_create(runtime);
    }
    if (error != 0) {
        close_libuv(runtime);
        close(runtime->reserve_fd);
        close(runtime->epoll_fd);
    }
    return error;
}

static void init_lists(struct runtime *runtime)
{
    struct list *heads[] = {
        &runtime->hooks,  &runtime->streams,   &runtime->ready,    &runtime->dirty,
        &runtime->closed, &runtime->listeners, &runtime->resolves, &runtime->lookups,
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        list_init(heads[i]);
    }
}

int runtime_create(const struct runtime_options *options, struct runtime **created)
{
    struct runtime_options chosen = options != NULL ? *options : (struct runtime_options){0};
    struct runtime *runtime = mem_alloc_zeroed(sizeof *runtime);
    runtime->thread = pthread_self();
    runtime->log_jobs_on_threads = chosen.log_jobs_on_threads;
    runtime->spin_ns = (uint64_t)chosen.spin_us * NS_PER_US;
    runtime->gap_ns = runtime->spin_ns;
    runtime->now_ns = clock_now_ns();
    runtime->woke_ns = runtime->now_ns;
    init_lists(runtime);
    timers_init(&runtime->timers);
    int error = open_descriptors(runtime);
    if (error != 0) {
        mem_free(runtime, sizeof *runtime);
        return error;
    }
    runtime->read_buffer_bytes = chosen.read_buffer_bytes > 0 ? chosen.read_buffer_bytes
                                                              : READ_BUFFER_BYTES;
    runtime->read_buffer = mem_alloc(runtime->read_buffer_bytes);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file beyond ulimit -f: EFBIG, an error as a full disk is one */
    *created = runtime;
    return 0;
}

void runtime_destroy(struct runtime *runtime)
{
    ASSERT_ON_LOOP(runtime);
    runtime->event_count = 0;
    runtime->event_next = 0;
    jobs_destroy(runtime);
    listeners_release_all(runtime);
    tcp_release_all(runtime);
    resolve_release_all(runtime);
    close_libuv(runtime);
    timers_release(&runtime->timers);
    close(runtime->reserve_fd);
    close(runtime->epoll_fd);
    mem_free(runtime->read_buffer, runtime->read_buffer_bytes);
    mem_free(runtime, sizeof *runtime);
}
