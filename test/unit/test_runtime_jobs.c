/* Jobs of the real runtime: order within a lane, work elsewhere, completions here, and the log job
 * that runs in place for a lone client. */
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/uv/runtime_uv.h"

#define JOBS 2000

struct probe {
    struct runtime_job job;
    int id;
    enum runtime_lane lane;
    bool elsewhere;
    struct probe *next; /* submitted by `done` */
};

static struct runtime *runtime;
static pthread_t loop_thread;
static atomic_int work_count[LANE_COUNT];
static int done_count[LANE_COUNT];
static int work_order[LANE_COUNT][JOBS]; /* each lane's own threads write */
static int done_order[LANE_COUNT][JOBS];
static atomic_int together; /* LANE_ANY jobs that wait for each other */

static void work(struct runtime_job *job)
{
    struct probe *probe = CONTAINER_OF(job, struct probe, job);
    probe->elsewhere = !pthread_equal(pthread_self(), loop_thread);
    int place = atomic_fetch_add(&work_count[probe->lane], 1);
    if (probe->lane != LANE_ANY) {
        work_order[probe->lane][place] = probe->id;
    }
}

static void done(struct runtime_job *job)
{
    struct probe *probe = CONTAINER_OF(job, struct probe, job);
    assert_true(pthread_equal(pthread_self(), loop_thread));
    done_order[probe->lane][done_count[probe->lane]] = probe->id;
    done_count[probe->lane] += 1;
    if (probe->next != NULL) {
        runtime_submit(runtime, probe->next->lane, &probe->next->job);
    }
}

static int begin_with(const struct runtime_options *options)
{
    loop_thread = pthread_self();
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        atomic_store(&work_count[lane], 0);
        done_count[lane] = 0;
    }
    atomic_store(&together, 0);
    return runtime_create(options, &runtime);
}

static int begin(void **state)
{
    (void)state;
    return begin_with(NULL);
}

static int end(void **state)
{
    (void)state;
    if (runtime != NULL) {
        runtime_destroy(runtime);
    }
    return 0;
}

static void submit(struct probe *probe, int id, enum runtime_lane lane)
{
    *probe = (struct probe){.job = {.work = work, .done = done}, .id = id, .lane = lane};
    runtime_submit(runtime, lane, &probe->job);
}

static void turn_until_done(enum runtime_lane lane, int count)
{
    uint64_t deadline = runtime_now_ns(runtime) + UINT64_C(20000000000);
    while (done_count[lane] < count && runtime_now_ns(runtime) < deadline) {
        runtime_turn(runtime, 1000);
    }
    assert_int_equal(done_count[lane], count);
}

static void test_order_within_a_lane(void **state)
{
    (void)state;
    static struct probe probes[LANE_COUNT][JOBS];
    for (int i = 0; i < JOBS; i++) {
        for (int lane = 0; lane < LANE_COUNT; lane++) {
            submit(&probes[lane][i], i, (enum runtime_lane)lane);
        }
        if (i % 7 == 0) {
            runtime_turn(runtime, 0);
        }
    }
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        turn_until_done((enum runtime_lane)lane, JOBS);
        for (int i = 0; i < JOBS; i++) {
            assert_true(probes[lane][i].elsewhere);
            if (lane != LANE_ANY) {
                assert_int_equal(work_order[lane][i], i);
                assert_int_equal(done_order[lane][i], i);
            }
        }
    }
    assert_int_equal(runtime_stats(runtime)->jobs, LANE_COUNT * JOBS);
    assert_int_equal(runtime_stats(runtime)->jobs_inline, 0);
}

/* A sleeping loop is woken, every time: no completion may wait for another event. */
static void test_wake_up(void **state)
{
    (void)state;
    struct probe probe;
    for (int i = 0; i < 500; i++) {
        submit(&probe, i, LANE_LOG);
        uint64_t start_ns = runtime_now_ns(runtime);
        while (done_count[LANE_LOG] == i) {
            runtime_turn(runtime, 10000);
        }
        assert_true(runtime_now_ns(runtime) - start_ns < UINT64_C(9000000000));
    }
}

static void wait_for_the_other(struct runtime_job *job)
{
    (void)job;
    atomic_fetch_add(&together, 1);
    for (int i = 0; i < 5000 && atomic_load(&together) < 2; i++) {
        usleep(1000);
    }
}

static void test_lane_any_has_two_threads(void **state)
{
    (void)state;
    struct probe probes[2];
    for (int i = 0; i < 2; i++) {
        probes[i] = (struct probe){.job = {.work = wait_for_the_other, .done = done}};
        probes[i].lane = LANE_ANY;
        runtime_submit(runtime, LANE_ANY, &probes[i].job);
        runtime_turn(runtime, 0);
    }
    turn_until_done(LANE_ANY, 2);
    assert_int_equal(atomic_load(&together), 2);
}

static void test_destroy_finishes_the_work(void **state)
{
    (void)state;
    static struct probe probes[51];
    for (int i = 0; i < 50; i++) {
        submit(&probes[i], i, i % 2 == 0 ? LANE_LOG : LANE_SNAPSHOT);
    }
    /* What a `done` submits then is finished too. */
    probes[50] = (struct probe){.job = {.work = work, .done = done}, .id = 50, .lane = LANE_ANY};
    probes[49].next = &probes[50];
    runtime_destroy(runtime);
    runtime = NULL;
    assert_int_equal(done_count[LANE_LOG], 25);
    assert_int_equal(done_count[LANE_SNAPSHOT], 25);
    assert_int_equal(done_count[LANE_ANY], 1);
}

/* ---- in place -----------------------------------------------------------------------------------
 */

/* A server that answers each message after a log job, and clients that wait for each answer. */
static struct probe pending;
static struct tcp_stream *asked[64];
static size_t asked_count;
static bool job_runs;
static size_t in_job;

static void submit_if_asked(struct runtime_hook *hook)
{
    (void)hook;
    if (!job_runs && asked_count > 0) {
        job_runs = true;
        in_job = asked_count;
        runtime_submit(runtime, LANE_LOG, &pending.job);
    }
}

static void answer(struct runtime_job *job)
{
    (void)job;
    for (size_t i = 0; i < in_job; i++) {
        buffer_append(tcp_output(asked[i]), SLICE_LIT("!"));
    }
    memmove(asked, asked + in_job, (asked_count - in_job) * sizeof *asked);
    asked_count -= in_job;
    job_runs = false;
}

static void server_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    (void)ctx;
    assert_int_equal(bytes.len, 1);
    asked[asked_count] = stream;
    asked_count += 1;
}

static void any_close(struct tcp_stream *stream, void *ctx, int reason)
{
    (void)stream;
    (void)ctx;
    (void)reason;
}

static const struct tcp_handler server_handler = {NULL, server_data, NULL, any_close};

static void server_accept(struct tcp_stream *stream, void *ctx)
{
    (void)ctx;
    tcp_accept(stream, &server_handler, NULL);
}

/* The client lives in a thread of its own: in the loop it would be a second speaking stream. */
struct client {
    pthread_t thread;
    struct tcp_address address;
    int rounds;
    atomic_bool finished;
    atomic_int failed;
};

static void *client_main(void *argument)
{
    struct client *client = argument;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(client->address.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        atomic_store(&client->failed, 1);
    }
    for (int i = 0; i < client->rounds && atomic_load(&client->failed) == 0; i++) {
        char byte = '?';
        if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1 || byte != '!') {
            atomic_store(&client->failed, 1);
        }
    }
    close(fd);
    atomic_store(&client->finished, true);
    return NULL;
}

static void start_client(struct client *client, const struct tcp_address *address, int rounds)
{
    client->address = *address;
    client->rounds = rounds;
    atomic_store(&client->finished, false);
    atomic_store(&client->failed, 0);
    assert_int_equal(pthread_create(&client->thread, NULL, client_main, client), 0);
}

static void run_clients(size_t count, int rounds)
{
    struct tcp_listener *listener = NULL;
    struct tcp_address any = {.ip = {127, 0, 0, 1}};
    struct tcp_listen_options options = {0};
    assert_int_equal(tcp_listen(runtime, &any, &options, server_accept, NULL, &listener), 0);
    struct runtime_hook hook = {.run = submit_if_asked};
    runtime_hook_add(runtime, &hook);
    /* With several clients some are served while others wait: the job does not ask for quiet then.
     */
    pending = (struct probe){.job = {.work = work, .done = answer, .waits_for_quiet = count == 1},
                             .lane = LANE_LOG};
    asked_count = 0;
    job_runs = false;
    struct client clients[8];
    struct tcp_address address = tcp_listener_address(listener);
    for (size_t i = 0; i < count; i++) {
        start_client(&clients[i], &address, rounds);
    }
    size_t left = count;
    while (left > 0) {
        runtime_turn(runtime, 10);
        left = 0;
        for (size_t i = 0; i < count; i++) {
            left += !atomic_load(&clients[i].finished);
        }
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_int_equal(atomic_load(&clients[i].failed), 0);
    }
    runtime_hook_remove(&hook);
    tcp_listener_close(listener);
}

static void test_lone_client_is_served_in_place(void **state)
{
    (void)state;
    run_clients(1, 200);
    assert_int_equal(runtime_stats(runtime)->jobs, 200);
    assert_in_range(runtime_stats(runtime)->jobs_inline, 150, 200);
}

static void test_many_clients_are_not(void **state)
{
    (void)state;
    run_clients(8, 100);
    const struct runtime_stats *stats = runtime_stats(runtime);
    assert_true(stats->jobs > 0 && stats->jobs <= 800);
    /* Near the end one client may be left alone; that is then its right. */
    assert_true(stats->jobs_inline < stats->jobs / 2);
}

/* ---- a slow disk ----------------------------------------------------------------------------- */

static int slow_pipe[2];
static bool somebody_comes;
static bool slow_is_done;

static void slow_work(struct runtime_job *job)
{
    (void)job;
    nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
    if (somebody_comes) {
        assert_int_equal(write(slow_pipe[1], "x", 1), 1);
    }
}

static void slow_done(struct runtime_job *job)
{
    (void)job;
    slow_is_done = true;
}

static void on_slow_pipe(struct runtime_watch *watch)
{
    char byte;
    assert_int_equal(read(watch->fd, &byte, 1), 1);
}

/* How many of 12 jobs ran in place. */
static uint64_t run_slow_jobs(bool comes)
{
    struct runtime_watch watch;
    struct runtime_job job = {.work = slow_work, .done = slow_done, .waits_for_quiet = true};
    uint64_t before = runtime_stats(runtime)->jobs_inline;
    somebody_comes = comes;
    assert_int_equal(pipe(slow_pipe), 0);
    assert_int_equal(runtime_watch_fd(runtime, &watch, slow_pipe[0], on_slow_pipe), 0);
    for (int i = 0; i < 12; i++) {
        slow_is_done = false;
        runtime_submit(runtime, LANE_LOG, &job);
        while (!slow_is_done) {
            runtime_turn(runtime, 100);
        }
        runtime_turn(runtime, 0);
    }
    runtime_unwatch_fd(&watch);
    close(slow_pipe[0]);
    close(slow_pipe[1]);
    return runtime_stats(runtime)->jobs_inline - before;
}

static void test_slow_jobs_stay_in_place_while_nobody_waits(void **state)
{
    (void)state;
    assert_int_equal(run_slow_jobs(false), 12);
    /* Those that keep somebody waiting may take 20 ms together. */
    assert_in_range(run_slow_jobs(true), 1, 7);
    assert_in_range(run_slow_jobs(true), 0, 2);
}

static void test_option_keeps_the_threads(void **state)
{
    (void)state;
    runtime_destroy(runtime);
    assert_int_equal(begin_with(&(struct runtime_options){.log_jobs_on_threads = true}), 0);
    run_clients(1, 100);
    assert_int_equal(runtime_stats(runtime)->jobs_inline, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_order_within_a_lane),
        TEST(test_wake_up),
        TEST(test_lane_any_has_two_threads),
        TEST(test_destroy_finishes_the_work),
        TEST(test_lone_client_is_served_in_place),
        TEST(test_slow_jobs_stay_in_place_while_nobody_waits),
        TEST(test_many_clients_are_not),
        TEST(test_option_keeps_the_threads),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
