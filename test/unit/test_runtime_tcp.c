/* The real runtime's TCP over the loopback: echo, ends of every kind, back-pressure, exhaustion.
 * The other side is either a stream of the same loop or a plain socket, where the test needs what
 * runtime.h does not offer (a half close, a reset). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/uv/runtime_uv.h"
#include "support_runtime.h"

#define SIDES_MAX 1200

/* One end of a connection as its owner sees it. */
struct side {
    struct tcp_stream *stream;
    struct buffer got;
    bool echo;
    bool close_on_data;
    uint32_t close_linger_ms;
    int opened;
    int open_error;
    int closed;
    int reason;
    int writable;
    bool inside; /* a callback of this side runs */
};

static struct runtime *runtime;
static struct tcp_listener *listener;
static struct tcp_address address;
static struct side sides[SIDES_MAX]; /* accepted ones */
static size_t side_count;
static bool accept_echo;
static bool accept_reject;

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    struct side *side = ctx;
    side->stream = error == 0 ? stream : NULL;
    side->opened += 1;
    side->open_error = error;
}

/* A timer that on_data arms for the past, and what of the answer was still here when it fired. */
static struct runtime_timer data_timer;
static struct tcp_stream *data_stream;
static size_t pending_at_fire;
static int data_timer_fired;

static void on_data_timer(struct runtime_timer *timer)
{
    (void)timer;
    data_timer_fired += 1;
    pending_at_fire = tcp_output_pending(data_stream);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct side *side = ctx;
    assert_int_equal(side->closed, 0);
    side->inside = true;
    if (data_timer.on_fire != NULL && side->echo) {
        data_stream = stream;
        runtime_timer_set(&data_timer, 0);
    }
    if (side->echo) {
        buffer_append(tcp_output(stream), bytes);
    } else {
        buffer_append(&side->got, bytes);
    }
    if (side->close_on_data) {
        tcp_close(stream, side->close_linger_ms);
    }
    side->inside = false;
}

static void on_writable(struct tcp_stream *stream, void *ctx)
{
    struct side *side = ctx;
    assert_true(tcp_output_pending(stream) <= 64 * 1024);
    side->writable += 1;
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct side *side = ctx;
    assert_false(side->inside);
    assert_ptr_equal(side->stream, stream);
    side->stream = NULL;
    side->closed += 1;
    side->reason = reason;
}

static const struct tcp_handler handler = {on_open, on_data, on_writable, on_close};

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    assert_ptr_equal(ctx, &listener);
    if (accept_reject) {
        tcp_reject(stream);
        return;
    }
    assert_true(side_count < SIDES_MAX);
    struct side *side = &sides[side_count];
    side_count += 1;
    side->stream = stream;
    side->echo = accept_echo;
    tcp_accept(stream, &handler, side);
}

static struct tcp_address loopback(uint16_t port)
{
    return (struct tcp_address){.ip = {127, 0, 0, 1}, .port = port};
}

static void begin_with(const struct runtime_options *options)
{
    assert_int_equal(runtime_create(options, &runtime), 0);
    struct tcp_address any = loopback(0);
    struct tcp_listen_options listen_options = {.reuse_address = true};
    assert_int_equal(tcp_listen(runtime, &any, &listen_options, on_accept, &listener, &listener),
                     0);
    address = tcp_listener_address(listener);
    assert_int_not_equal(address.port, 0);
}

static int begin(void **state)
{
    (void)state;
    memset(sides, 0, sizeof sides);
    for (size_t i = 0; i < SIDES_MAX; i++) {
        buffer_init(&sides[i].got, SIZE_MAX / 2);
    }
    side_count = 0;
    accept_echo = true;
    accept_reject = false;
    begin_with(NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (runtime != NULL) {
        runtime_destroy(runtime);
    }
    for (size_t i = 0; i < SIDES_MAX; i++) {
        assert_null(sides[i].stream);
        buffer_release(&sides[i].got);
    }
    assert_int_equal(mem_used(), 0);
    return 0;
}

static void connect_side(struct side *side)
{
    buffer_init(&side->got, SIZE_MAX / 2);
    assert_int_equal(tcp_connect(runtime, &address, &handler, side, &side->stream), 0);
    assert_int_equal(side->opened, 0);
    TURN_UNTIL(side->opened == 1);
    assert_int_equal(side->open_error, 0);
}

/* A side on the test's stack must be gone before the test returns. */
static void leave(struct side *side)
{
    if (side->stream != NULL) {
        tcp_close(side->stream, 0);
        TURN_UNTIL(side->closed == 1);
    }
    buffer_release(&side->got);
}

static int plain_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(address.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Reads without blocking what is there; -1 when nothing is, 0 at the end. */
static ssize_t plain_read(int fd, void *bytes, size_t len)
{
    ssize_t got = recv(fd, bytes, len, MSG_DONTWAIT);
    assert_true(got >= 0 || errno == EAGAIN);
    return got;
}

static void plain_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

static void fill_pattern(struct buffer *out, size_t from, size_t len)
{
    uint8_t *bytes = buffer_reserve(out, len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((from + i) * 2654435761u >> 13);
    }
    out->len += len;
}

static void assert_pattern(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != (uint8_t)(i * 2654435761u >> 13)) {
            fail_msg("byte %zu of %zu differs", i, bytes.len);
        }
    }
}

/* ---- the ordinary way ------------------------------------------------------------------------ */

/* Whoever asks for "the next turn" from inside on_data means: after the answer has been offered to
 * the kernel. The ZooKeeper server's held connections depend on it. */
static void test_a_timer_of_the_past_fires_behind_the_output(void **state)
{
    (void)state;
    struct side client = {0};
    connect_side(&client);
    runtime_timer_init(&data_timer, runtime, on_data_timer);
    data_timer_fired = 0;
    pending_at_fire = SIZE_MAX;
    buffer_append(tcp_output(client.stream), SLICE_LIT("0123456789"));
    TURN_UNTIL(data_timer_fired == 1);
    data_timer.on_fire = NULL;
    assert_int_equal(pending_at_fire, 0);
    TURN_UNTIL(client.got.len == 10);
    leave(&client);
}

static void expect_address_text(const char *host, const char *expected)
{
    char text[TCP_ADDRESS_TEXT_MAX];
    struct tcp_address parsed;
    assert_true(tcp_address_parse(slice_of_cstr(host), 65535, &parsed));
    assert_int_equal(tcp_address_text(&parsed, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_an_address_with_its_port(void **state)
{
    (void)state;
    expect_address_text("127.0.0.1", "127.0.0.1:65535");
    expect_address_text("::ffff:127.0.0.1", "127.0.0.1:65535");
    expect_address_text("::1", "[0:0:0:0:0:0:0:1]:65535");
    expect_address_text("fe80:1111:2222:3333:4444:5555:6666:7777",
                        "[fe80:1111:2222:3333:4444:5555:6666:7777]:65535");
}

static void test_echo_of_a_pipeline_is_one_send(void **state)
{
    (void)state;
    struct side client = {0};
    connect_side(&client);
    uint64_t writes = runtime_stats(runtime)->writes;
    for (int i = 0; i < 100; i++) {
        buffer_append(tcp_output(client.stream), SLICE_LIT("0123456789"));
    }
    assert_int_equal(tcp_output_pending(client.stream), 1000);
    TURN_UNTIL(client.got.len == 1000);
    /* One for the hundred requests, one for the hundred replies. */
    assert_int_equal(runtime_stats(runtime)->writes - writes, 2);
    assert_int_equal(tcp_output_pending(client.stream), 0);

    char text[TCP_ADDRESS_TEXT_MAX];
    struct tcp_address peer = tcp_stream_peer(sides[0].stream);
    assert_int_equal(tcp_address_host_text(&peer, text), 9);
    assert_string_equal(text, "127.0.0.1");
    assert_int_equal(peer.port, tcp_stream_local(client.stream).port);
    assert_int_equal(tcp_stream_local(sides[0].stream).port, address.port);

    tcp_close(client.stream, 1000);
    assert_int_equal(client.closed, 0);
    TURN_UNTIL(client.closed == 1 && sides[0].closed == 1);
    assert_int_equal(client.reason, ERR_CANCELLED);
    assert_int_equal(sides[0].reason, 0);
    leave(&client);
}

/* A read buffer smaller than what comes: the rest is read in later turns, and so is the end. */
static void test_tiny_read_buffer(void **state)
{
    (void)state;
    runtime_destroy(runtime);
    begin_with(&(struct runtime_options){.read_buffer_bytes = 7});
    accept_echo = false;
    int fd = plain_connect();
    assert_int_equal(write(fd, "abcdefghijklmnopqrstuvwxyz", 26), 26);
    close(fd);
    TURN_UNTIL(side_count == 1 && sides[0].closed == 1);
    assert_int_equal(sides[0].reason, 0);
    assert_int_equal(sides[0].got.len, 26);
    assert_memory_equal(sides[0].got.data, "abcdefghijklmnopqrstuvwxyz", 26);
}

/* `echo ruok | nc`: the question and the end come together, the answer must still arrive. */
static void test_half_close_gets_its_answer(void **state)
{
    (void)state;
    int fd = plain_connect();
    assert_int_equal(write(fd, "ruok", 4), 4);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    TURN_UNTIL(side_count == 1 && sides[0].closed == 1);
    assert_int_equal(sides[0].reason, 0);
    char bytes[16];
    assert_int_equal(plain_read(fd, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "ruok", 4);
    assert_int_equal(plain_read(fd, bytes, sizeof bytes), 0);
    close(fd);
}

struct hook_test {
    struct runtime_hook hook;
    struct hook_test *other;
    struct side *side;
    int runs;
    bool remove_other;
};

static void hook_run(struct runtime_hook *hook)
{
    struct hook_test *test = CONTAINER_OF(hook, struct hook_test, hook);
    test->runs += 1;
    if (test->side != NULL && test->side->stream != NULL && test->side->got.len > 0) {
        buffer_clear(&test->side->got, 0);
        buffer_append(tcp_output(test->side->stream), SLICE_LIT("from the hook"));
    }
    if (test->remove_other) {
        test->remove_other = false;
        runtime_hook_remove(&test->other->hook);
    }
}

static void test_hooks(void **state)
{
    (void)state;
    accept_echo = false;
    int fd = plain_connect();
    TURN_UNTIL(side_count == 1);
    struct hook_test first = {.hook.run = hook_run, .side = &sides[0]};
    struct hook_test second = {.hook.run = hook_run};
    struct hook_test third = {.hook.run = hook_run};
    runtime_hook_add(runtime, &first.hook);
    runtime_hook_add(runtime, &second.hook);
    runtime_hook_add(runtime, &third.hook);
    assert_int_equal(write(fd, "x", 1), 1);
    uint64_t turns = runtime_stats(runtime)->turns;
    char bytes[32];
    TURN_UNTIL(plain_read(fd, bytes, sizeof bytes) == 13);
    turns = runtime_stats(runtime)->turns - turns;
    assert_int_equal(first.runs, turns);
    assert_int_equal(third.runs, turns);

    /* The hook that runs removes the next one, then itself. */
    first.remove_other = true;
    first.other = &second;
    runtime_turn(runtime, 0);
    assert_int_equal(second.runs, turns);
    assert_int_equal(third.runs, turns + 1);
    first.remove_other = true;
    first.other = &first;
    runtime_turn(runtime, 0);
    runtime_turn(runtime, 0);
    assert_int_equal(first.runs, turns + 2);
    assert_int_equal(third.runs, turns + 3);
    runtime_hook_remove(&third.hook);
    close(fd);
}

/* ---- ends of other kinds ----------------------------------------------------------------------
 */

static void test_reset_by_peer(void **state)
{
    (void)state;
    int reading = plain_connect();
    TURN_UNTIL(side_count == 1);
    int paused = plain_connect();
    TURN_UNTIL(side_count == 2);
    tcp_read_pause(sides[1].stream);
    plain_reset(reading);
    plain_reset(paused);
    TURN_UNTIL(sides[0].closed == 1 && sides[1].closed == 1);
    assert_int_equal(sides[0].reason, ERR_RESET);
    assert_int_equal(sides[1].reason, ERR_RESET);
}

static void test_connect_refused(void **state)
{
    (void)state;
    tcp_listener_close(listener);
    struct side client = {0};
    assert_int_equal(tcp_connect(runtime, &address, &handler, &client, &client.stream), 0);
    assert_int_equal(client.opened, 0);
    TURN_UNTIL(client.opened == 1);
    assert_int_equal(client.open_error, ERR_REFUSED);
    runtime_turn(runtime, 0);
    assert_int_equal(client.closed, 0);

    /* Given up while connecting: on_close and nothing else. */
    assert_int_equal(tcp_connect(runtime, &address, &handler, &client, &client.stream), 0);
    tcp_close(client.stream, 1000);
    assert_int_equal(client.closed, 0);
    TURN_UNTIL(client.closed == 1);
    assert_int_equal(client.reason, ERR_CANCELLED);
    assert_int_equal(client.opened, 1);
}

static void test_close_inside_on_data_flushes(void **state)
{
    (void)state;
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(side_count == 1);
    sides[0].close_on_data = true;
    sides[0].close_linger_ms = 4000;
    fill_pattern(tcp_output(sides[0].stream), 0, 3000000);
    buffer_append(tcp_output(client.stream), SLICE_LIT("?"));
    TURN_UNTIL(client.closed == 1);
    assert_int_equal(client.reason, 0);
    assert_int_equal(client.got.len, 3000001);
    client.got.len -= 1;
    assert_pattern(buffer_slice(&client.got));
    TURN_UNTIL(sides[0].closed == 1);
    assert_int_equal(sides[0].reason, ERR_CANCELLED);
    leave(&client);
}

static void test_close_at_once_and_linger_that_ends(void **state)
{
    (void)state;
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(side_count == 1);
    fill_pattern(tcp_output(sides[0].stream), 0, 100);
    tcp_close(sides[0].stream, 0);
    tcp_close(sides[0].stream, 50);
    TURN_UNTIL(sides[0].closed == 1 && client.closed == 1);
    assert_int_equal(sides[0].reason, ERR_CANCELLED);
    assert_int_equal(client.got.len, 0);
    leave(&client);

    int fd = plain_connect();
    TURN_UNTIL(side_count == 2);
    fill_pattern(tcp_output(sides[1].stream), 0, 32 << 20);
    uint64_t start_ns = runtime_now_ns(runtime);
    tcp_close(sides[1].stream, 100);
    TURN_UNTIL(sides[1].closed == 1);
    uint64_t took_ns = runtime_now_ns(runtime) - start_ns;
    assert_in_range(took_ns, UINT64_C(100000000), UINT64_C(3000000000));
    close(fd);
}

static void test_reject(void **state)
{
    (void)state;
    accept_reject = true;
    int fd = plain_connect();
    char byte;
    TURN_UNTIL(plain_read(fd, &byte, 1) == 0);
    assert_int_equal(side_count, 0);
    close(fd);
}

static void test_destroy_tells_the_owners(void **state)
{
    (void)state;
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(side_count == 1);
    fill_pattern(tcp_output(client.stream), 0, 10000000);
    runtime_destroy(runtime);
    runtime = NULL;
    assert_int_equal(client.closed, 1);
    assert_int_equal(client.reason, ERR_CANCELLED);
    assert_int_equal(sides[0].closed, 1);
    buffer_release(&client.got);
}

/* ---- back-pressure ------------------------------------------------------------------------------
 */

static void test_slow_reader(void **state)
{
    (void)state;
    enum {
        TOTAL = 48 << 20
    };
    struct side client = {0};
    connect_side(&client);
    TURN_UNTIL(side_count == 1);
    tcp_read_pause(client.stream);
    fill_pattern(tcp_output(sides[0].stream), 0, TOTAL);
    for (int i = 0; i < 20; i++) {
        runtime_turn(runtime, 5);
    }
    /* The kernel takes some, the rest stays; the paused reader hears nothing; nobody spins. */
    size_t pending = tcp_output_pending(sides[0].stream);
    assert_true(pending > 1 << 20 && pending < TOTAL);
    assert_int_equal(client.got.len, 0);
    assert_int_equal(sides[0].writable, 0);
    uint64_t writes = runtime_stats(runtime)->writes;
    for (int i = 0; i < 20; i++) {
        runtime_turn(runtime, 1);
    }
    assert_int_equal(runtime_stats(runtime)->writes, writes);

    /* Pausing again in the middle holds what is there. */
    tcp_read_resume(client.stream);
    TURN_UNTIL(client.got.len > 4 << 20);
    tcp_read_pause(client.stream);
    size_t held = client.got.len;
    for (int i = 0; i < 5; i++) {
        runtime_turn(runtime, 1);
    }
    assert_int_equal(client.got.len, held);
    tcp_read_resume(client.stream);
    TURN_UNTIL(client.got.len == TOTAL);
    assert_pattern(buffer_slice(&client.got));
    assert_int_equal(sides[0].writable, 1);
    assert_int_equal(tcp_output_pending(sides[0].stream), 0);
    leave(&client);
}

/* ---- listeners --------------------------------------------------------------------------------
 */

static void test_port_in_use(void **state)
{
    (void)state;
    struct tcp_listener *second = NULL;
    struct tcp_listen_options options = {.reuse_address = true};
    int error = tcp_listen(runtime, &address, &options, on_accept, &listener, &second);
    assert_int_equal(error, ERR_IN_USE);
    assert_string_equal(runtime_error_detail(), "Address already in use");
    struct tcp_address elsewhere = {.ip = {192, 0, 2, 1}, .port = 1};
    error = tcp_listen(runtime, &elsewhere, &options, on_accept, &listener, &second);
    assert_int_equal(error, ERR_INVALID);
}

static void test_many_at_once_and_idle_memory(void **state)
{
    (void)state;
    enum {
        COUNT = 400
    };
    static int fds[COUNT];
    size_t before = mem_used();
    for (int i = 0; i < COUNT; i++) {
        fds[i] = plain_connect();
        assert_int_equal(write(fds[i], "hello", 5), 5);
    }
    TURN_UNTIL(side_count == COUNT);
    for (int i = 0; i < COUNT; i++) {
        char bytes[8];
        TURN_UNTIL(plain_read(fds[i], bytes, sizeof bytes) == 5);
    }
    size_t each = (mem_used() - before) / COUNT;
    assert_in_range(each, 1, 1023);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        TURN_UNTIL(sides[i].closed == 1);
    }
}

static size_t heard_at_fire;

static void on_count_timer(struct runtime_timer *timer)
{
    (void)timer;
    heard_at_fire = 0;
    for (size_t i = 0; i < side_count; i++) {
        heard_at_fire += sides[i].got.len;
    }
    data_timer_fired += 1;
}

/* A loop that was held up for longer than all of its clients' timeouts, each of whom has spoken. */
static void test_more_than_a_batch_is_heard_before_timers(void **state)
{
    (void)state;
    enum {
        COUNT = 1100
    };
    static int fds[COUNT];
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < COUNT * 3) {
        skip();
    }
    struct rlimit more = {COUNT * 3, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
    accept_echo = false;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = plain_connect();
        TURN_UNTIL(side_count == (size_t)i + 1);
    }
    struct runtime_timer timer;
    runtime_timer_init(&timer, runtime, on_count_timer);
    runtime_timer_set(&timer, 0);
    data_timer_fired = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(write(fds[i], "x", 1), 1);
    }
    usleep(150000); /* held up */
    TURN_UNTIL(data_timer_fired == 1);
    assert_int_equal(heard_at_fire, COUNT);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        TURN_UNTIL(sides[i].closed == 1);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* No descriptor left: the client is turned away, the loop does not spin, and later all is well. */
static void test_out_of_descriptors(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int probe = dup(fd);
    assert_true(probe >= 0);
    close(probe);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {.rlim_cur = (rlim_t)probe, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);

    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(address.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    TURN_UNTIL(runtime_stats(runtime)->refused == 1);
    char byte;
    TURN_UNTIL(plain_read(fd, &byte, 1) == 0);
    uint64_t turns = runtime_stats(runtime)->turns;
    uint64_t until = runtime_now_ns(runtime) + UINT64_C(250000000);
    while (runtime_now_ns(runtime) < until) {
        runtime_turn(runtime, 50);
    }
    assert_in_range(runtime_stats(runtime)->turns - turns, 1, 20);
    assert_int_equal(side_count, 0);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(fd);
    fd = plain_connect();
    TURN_UNTIL(side_count == 1);
    close(fd);
}

/* ---- what only the real runtime has ---------------------------------------------------------- */

static void test_spinning_loop_still_works(void **state)
{
    (void)state;
    runtime_destroy(runtime);
    begin_with(&(struct runtime_options){.spin_us = 200});
    struct side client = {0};
    connect_side(&client);
    for (size_t i = 1; i <= 50; i++) {
        buffer_append(tcp_output(client.stream), SLICE_LIT("x"));
        TURN_UNTIL(client.got.len == i);
    }
    /* Silence: it gives up and sleeps. */
    uint64_t start_ns = runtime_now_ns(runtime);
    uint64_t turns = runtime_stats(runtime)->turns;
    while (runtime_now_ns(runtime) - start_ns < UINT64_C(20000000)) {
        runtime_turn(runtime, 20);
    }
    /* One wait, or a few where the end of older loops interrupts it (see test_runtime_timers.c); a
     * loop that kept on spinning would take a hundred turns. */
    assert_in_range(runtime_stats(runtime)->turns - turns, 1, 20);
    assert_true(runtime_stats(runtime)->spins > 0);
    leave(&client);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_a_timer_of_the_past_fires_behind_the_output),
        TEST(test_an_address_with_its_port),
        TEST(test_echo_of_a_pipeline_is_one_send),
        TEST(test_tiny_read_buffer),
        TEST(test_half_close_gets_its_answer),
        TEST(test_hooks),
        TEST(test_reset_by_peer),
        TEST(test_connect_refused),
        TEST(test_close_inside_on_data_flushes),
        TEST(test_close_at_once_and_linger_that_ends),
        TEST(test_reject),
        TEST(test_destroy_tells_the_owners),
        TEST(test_slow_reader),
        TEST(test_port_in_use),
        TEST(test_many_at_once_and_idle_memory),
        TEST(test_more_than_a_batch_is_heard_before_timers),
        TEST(test_out_of_descriptors),
        TEST(test_spinning_loop_still_works),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
