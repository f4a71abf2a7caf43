/* loop.h - the insides of the real runtime, shared by the files of this folder. The essay is in
 * loop.c. */
#ifndef RUNTIME_UV_LOOP_H
#define RUNTIME_UV_LOOP_H

/* Before uv.h, which brings sys/param.h: its MIN and MAX are ours but for their spelling. */
#include "runtime/uv/runtime_uv.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <uv.h>

#define LOOP_EVENTS_MAX 1024
#define LOOP_HELD_UP_NS UINT64_C(100000000) /* a timer that is so late was not late by itself */
#define LOOP_FULL_POLLS_MAX 64              /* in a row that late timers wait for */
#define READ_BUFFER_BYTES ((size_t)256 * 1024)

/* Output buffers that are empty wait here for the next stream that has something to say. */
#define OUTPUT_POOL_MAX 32
#define OUTPUT_POOL_BYTES_MAX ((size_t)64 * 1024) /* a larger one is freed when it is empty */

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

struct timer_slot {
    uint64_t deadline_ns;
    uint64_t sequence; /* equal deadlines fire in the order in which they were set */
    struct runtime_timer *timer;
};

struct timer_heap {
    struct timer_slot *slots; /* 4-ary heap */
    size_t count;
    size_t cap;
    uint64_t next_sequence;
};

struct jobs; /* jobs.c */

struct runtime {
    int epoll_fd;
    uint64_t now_ns; /* of this turn's wake-up */
    bool stopping;
    bool uv_touched; /* libuv has a handle or request that its own set does not know yet */
    pthread_t thread;

    /* the batch in hand: [event_next, event_count) is still to come */
    struct epoll_event events[LOOP_EVENTS_MAX];
    int event_count;
    int event_next;
    int full_polls; /* in a row */

    struct timer_heap timers;
    struct list hooks;

    /* every stream that is not in another state's list: open, connecting, ending */
    struct list streams;
    struct list ready;  /* streams with bytes in the kernel that this turn did not come to */
    struct list dirty;  /* streams whose owner asked for tcp_output */
    struct list closed; /* streams whose descriptor is gone and whose on_close is due */
    struct list listeners;
    uint8_t *read_buffer;
    size_t read_buffer_bytes;
    struct buffer output_pool[OUTPUT_POOL_MAX];
    size_t output_pool_count;
    int reserve_fd; /* given up to accept and close a connection when there is no other descriptor
                     */
    uint64_t refusal_logged_ns;

    struct runtime_poller uv_poller;
    uv_loop_t uv;
    uv_signal_t signals[3];
    size_t signal_count;
    void (*on_signal)(void *ctx, int signal_number);
    void *signal_ctx;
    struct list resolves; /* numeric ones, answered next turn */
    struct list lookups;  /* those in libuv's hands */

    struct jobs *jobs;
    bool log_jobs_on_threads;
    uint64_t spin_ns;
    uint64_t gap_ns; /* smoothed time between wake-ups with events */
    uint64_t woke_ns;

    struct runtime_stats stats;
};

#ifdef SAMSA_DEBUG
#define ASSERT_ON_LOOP(runtime) ASSERT(pthread_equal((runtime)->thread, pthread_self()))
#else
#define ASSERT_ON_LOOP(runtime) ((void)(runtime))
#endif

/* Appends the elements of `from` to `to` and leaves `from` empty. */
static inline void list_splice(struct list *from, struct list *to)
{
    if (!list_is_empty(from)) {
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        list_init(from);
    }
}

/* ---- loop.c ---------------------------------------------------------------------------------- */

int loop_add(struct runtime *runtime, struct runtime_poller *poller, int fd, uint32_t events);
int loop_change(struct runtime *runtime, struct runtime_poller *poller, int fd, uint32_t events);

/* Takes fd out of the set and the poller out of the batch in hand: its on_ready is not called
 * again. */
void loop_remove(struct runtime *runtime, struct runtime_poller *poller, int fd);

/* Is there something to deal with? Looks, without waiting, when the turn's poll has found nothing;
 * what has come since is dealt with in this turn. */
bool loop_poll_again(struct runtime *runtime);
uint64_t clock_now_ns(void);

/* ---- system_error.c -------------------------------------------------------------------------- */

/* The code for an errno, whose text becomes runtime_error_detail(). */
int system_error(int number);
int system_error_now(void); /* of errno */

/* ---- timers.c -------------------------------------------------------------------------------- */

void timers_init(struct timer_heap *heap);
void timers_release(struct timer_heap *heap);
void timers_fire(struct timer_heap *heap, uint64_t now_ns);

/* How long ago the first timer was due; 0 when it is not. */
uint64_t timers_late_ns(const struct timer_heap *heap, uint64_t now_ns);

/* Milliseconds until the first timer, rounded up, at most `most`; most < 0 is no bound. */
int timers_wait_ms(const struct timer_heap *heap, uint64_t now_ns, int most);

/* ---- jobs.c ---------------------------------------------------------------------------------- */

int jobs_create(struct runtime *runtime);
void jobs_destroy(struct runtime *runtime);

/* Gives what was submitted in this turn to the lanes' threads. */
void jobs_dispatch(struct runtime *runtime);

/* Calls `done` of what is finished; returns how many. */
size_t jobs_deliver(struct runtime *runtime);

/* True when something is finished or the in-place job waits: the loop must not sleep. Otherwise the
 * threads will wake the loop from now on, until jobs_awake. */
bool jobs_before_sleep(struct runtime *runtime);
void jobs_awake(struct runtime *runtime);

/* After a poll that found `event_count` events: runs the job kept for running in place, or gives it
 * to its thread. */
void jobs_after_poll(struct runtime *runtime, int event_count);

/* ---- tcp.c ----------------------------------------------------------------------------------- */

/* A stream for an accepted descriptor, which waits for tcp_accept or tcp_reject. */
struct tcp_stream *stream_create_accepted(struct runtime *runtime,
                                          int fd,
                                          const struct tcp_address *peer);

/* True until the owner has called tcp_accept or tcp_reject. */
bool stream_is_undecided(const struct tcp_stream *stream);
void tcp_release_all(struct runtime *runtime);

/* Reads once from each stream that had more than its last read took. */
void tcp_read_ready(struct runtime *runtime);
void tcp_flush_dirty(struct runtime *runtime);

/* on_close, or on_open with an error, for the streams closed in earlier turns; then frees them. */
void tcp_finish_closed(struct runtime *runtime);

/* ---- files.c --------------------------------------------------------------------------------- */

/* One more reference; file_close drops it. */
void file_keep(struct file *file);
int file_descriptor(const struct file *file);

/* file_is_resident where cachestat(2) is not to be had: a look at every 128 KiB. */
bool file_is_resident_by_probes(const struct file *file, uint64_t offset, uint64_t len);

/* ---- tcp_listen.c ---------------------------------------------------------------------------- */

void listeners_release_all(struct runtime *runtime);

/* ---- socket_address.c ------------------------------------------------------------------------ */

socklen_t socket_address_fill(const struct tcp_address *address, struct sockaddr_storage *storage);

/* An IPv4 address mapped into IPv6 becomes IPv4, as Java shows it. */
struct tcp_address socket_address_read(const struct sockaddr_storage *storage);

/* ---- resolve.c ------------------------------------------------------------------------------- */

void resolve_deliver(struct runtime *runtime);
void resolve_release_all(struct runtime *runtime);

#endif
